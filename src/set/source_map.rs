//! Where in its file a set says what: the line of each line of steps, for whoever has something to say about one.

use toml::de::DeTable;

use super::document::Document;
use super::lane::Kind;
use super::notation;
use super::syntax;
use crate::engine::program::{PatternSlot, TrackSlot};

/// The lines of the file, counted from 1, that hold what the tracks play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// By pattern: for each track that has something there, the line of each of its lanes.
    patterns: Vec<Vec<(usize, Vec<usize>)>>,
    /// The line where the first table in braces begins that goes over several lines.
    inline: Option<usize>,
}

impl SourceMap {
    /// The line that holds lane number `lane` of `track` in `pattern`; of a lane that has none of its own, the last that the
    /// track has there.
    #[must_use]
    pub fn line(&self, pattern: PatternSlot, track: TrackSlot, lane: usize) -> Option<usize> {
        let tracks = self.patterns.get(usize::from(pattern.0))?;
        let (_, lines) = tracks.iter().find(|(slot, _)| *slot == usize::from(track.0))?;
        lines.get(lane).or(lines.last()).copied()
    }
}

impl SourceMap {
    /// The line where a table in braces begins that TOML 1.0 would refuse, since it goes over several lines.
    #[must_use]
    pub fn inline_over_lines(&self) -> Option<usize> {
        self.inline
    }

    /// The same places under other slots: each pattern and track has the one that the functions say.
    pub(super) fn renumbered(
        self,
        pattern: impl Fn(PatternSlot) -> usize,
        track: impl Fn(TrackSlot) -> usize,
    ) -> SourceMap {
        let mut patterns = Vec::new();
        for (slot, mut tracks) in (0..).map(PatternSlot).zip(self.patterns) {
            let slot = pattern(slot);
            patterns.resize_with(patterns.len().max(slot + 1), Vec::new);
            for (of, _) in &mut tracks {
                *of = u16::try_from(*of).map_or(*of, |of| track(TrackSlot(of)));
            }
            patterns[slot] = tracks;
        }
        SourceMap { patterns, inline: self.inline }
    }
}

/// The places of what `document` describes, whose text is `text`.
pub(super) fn of(document: &Document<'_>, table: &DeTable<'_>, text: &str) -> SourceMap {
    let starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let line_of = |at: usize| starts.partition_point(|&start| start <= at) + 1;
    let lines_of = |lane: &super::lane::Lane<'_>| match lane.kind {
        Kind::Steps { .. } => {
            let lines = notation::lines(lane.text.text);
            let begin = |line: std::ops::Range<usize>| {
                let written = lane.text.text.get(line.clone()).unwrap_or_default();
                line.start + (written.len() - written.trim_start().len())
            };
            lines.map(|line| line_of(lane.text.place(begin(line.clone())..line.end).start)).collect()
        }
        Kind::Arp { .. } => vec![line_of(lane.text.span.start)],
    };
    let pattern = |pattern: &super::document::Pattern<'_>| {
        let mut tracks: Vec<(usize, Vec<usize>)> =
            pattern.lanes.iter().map(|lane| (lane.track, lines_of(lane))).collect();
        // The lanes of a track's controllers come after its steps.
        for controller in &pattern.controllers {
            let line = line_of(controller.span.start);
            match tracks.iter_mut().find(|(track, _)| *track == controller.track) {
                Some((_, lines)) => lines.push(line),
                None => tracks.push((controller.track, vec![line])),
            }
        }
        tracks
    };
    SourceMap {
        patterns: document.patterns.iter().map(pattern).collect(),
        inline: syntax::inline_over_lines(table, text).map(line_of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Set;

    #[test]
    fn lines_are_found_again() {
        let text = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[tracks.u]\nport = \"a\"\nchannel = 2\n\
            [patterns.one]\nt = \"\"\"\n  c2\n\n  d2 .\n\"\"\"\nu = { arp = \"c2 e2\" }\n[patterns.two]\nu = \"\"\"c3\nc4\"\"\"\n";
        let set = Set::parse("a.toml", text.as_bytes()).unwrap();
        let line =
            |pattern: u16, track: u16, lane: usize| set.places.line(PatternSlot(pattern), TrackSlot(track), lane);
        assert_eq!([line(0, 0, 0), line(0, 0, 1), line(0, 0, 2)], [Some(11), Some(13), Some(13)]);
        assert_eq!([line(0, 1, 0), line(1, 1, 0), line(1, 1, 1)], [Some(15), Some(17), Some(18)]);
        assert_eq!([line(1, 0, 0), line(2, 0, 0)], [None, None]);
    }
}
