//! Which ports, tracks and patterns the set has, and what each track plays in each pattern.

use std::collections::BTreeSet;

use super::Options;
use super::values::{Program, Values, share_out};
use crate::offline::lines::{self, LANGUAGE, Lines, values};
use crate::offline::score::{Note, Part, Score};
use crate::time::TickSpan;

/// What a port is called where the file names none, and its device.
pub const PORT: &str = "synth";

/// The ports, tracks and patterns of the set.
#[derive(Default)]
pub struct Rig<'s> {
    /// Name and device.
    pub ports: Vec<(String, String)>,
    /// For each port the device that the file names.
    pub devices: Vec<Option<&'s str>>,
    pub tracks: Vec<TrackOf<'s>>,
    /// Where each pattern begins, and how many bars it has, one after the other. At least one.
    pub patterns: Vec<(i64, i64)>,
    /// How many notes are cut at the ends of patterns.
    pub cut: usize,
}

/// A track of the set, and what it plays.
pub struct TrackOf<'s> {
    pub name: String,
    pub port: usize,
    pub part: &'s Part,
    /// The notes that it plays, as they are written; none where it has only values.
    pub notes: Vec<Note>,
    /// What it plays in each pattern.
    pub clips: Vec<Option<Lines>>,
    /// The program that each pattern begins with, where this track is the one that says it.
    pub programs: Vec<Option<Program>>,
}

impl<'s> Rig<'s> {
    /// Makes the rig; what cannot be kept goes to `remarks`.
    pub fn of(
        score: &'s Score,
        length: TickSpan,
        options: Options,
        bar: TickSpan,
        remarks: &mut Vec<String>,
    ) -> Rig<'s> {
        let bars = options.split.filter(|bars| *bars > 0).map_or(length, |bars| TickSpan(bar.0.saturating_mul(bars)));
        let starts = (0..).map(|number: i64| number.saturating_mul(bars.0)).take_while(|start| *start < length.0);
        let patterns: Vec<(i64, i64)> = starts.map(|start| (start, (length.0 - start).min(bars.0) / bar.0)).collect();
        let starts: Vec<i64> = patterns.iter().map(|&(start, _)| start).collect();
        let (shared, early) = share_out(score, &starts, length.0);
        match early {
            0 => {}
            1 => remarks.push("a value at the very end comes a tick earlier".to_owned()),
            many => remarks.push(format!("{many} values at the very end come a tick earlier")),
        }
        let mut rig = Rig { patterns, ..Rig::default() };
        let (mut port_names, mut track_names) = (BTreeSet::new(), BTreeSet::new());
        // What a pattern means something else by.
        track_names.extend(crate::set::keys::pattern::RESERVED.iter().map(|&name| name.to_owned()));
        for (part, values) in score.parts.iter().zip(shared) {
            if part.notes.is_empty() && part.values.is_empty() {
                continue;
            }
            let device = part.device.as_deref();
            let known = rig.devices.iter().position(|&known| known == device);
            let port = known.unwrap_or_else(|| {
                let shown = device.unwrap_or(PORT);
                let name = unique(legal(shown).unwrap_or_else(|| PORT.to_owned()), &mut port_names);
                rig.ports.push((name, shown.to_owned()));
                rig.devices.push(device);
                rig.devices.len() - 1
            });
            let channel = part.channel.number();
            let name = match part.name.as_deref().and_then(legal) {
                Some(name) if part.shares_track => format!("{name}-{channel}"),
                Some(name) => name,
                None => format!("channel-{channel}"),
            };
            let name = unique(name, &mut track_names);
            let (track, beside) = rig.track(name, port, part, values, options, bar, remarks);
            rig.tracks.push(track);
            rig.tracks.extend(beside.map(|track| TrackOf { name: unique(track.name, &mut track_names), ..track }));
        }
        if rig.ports.is_empty() {
            rig.ports.push((PORT.to_owned(), PORT.to_owned()));
        }
        rig
    }

    /// The track of a part, and another one for values that do not fall on its steps.
    #[allow(clippy::too_many_arguments)]
    fn track(
        &mut self,
        name: String,
        port: usize,
        part: &'s Part,
        shared: Values,
        options: Options,
        bar: TickSpan,
        remarks: &mut Vec<String>,
    ) -> (TrackOf<'s>, Option<TrackOf<'s>>) {
        let beside = format!("{name}-cc");
        let Values { patterns, programs } = shared;
        let mut track = TrackOf { name, port, part, notes: Vec::new(), clips: Vec::new(), programs };
        let mut apart: Vec<Option<Lines>> = Vec::new();
        let mut cut = 0;
        for (&(start, bars), values) in self.patterns.iter().zip(patterns) {
            let length = bar * bars;
            let within = |at: i64| at >= start && at < start + length.0;
            let mut notes: Vec<Note> = part.notes.iter().copied().filter(|note| within(note.at)).collect();
            for note in &mut notes {
                let room = start + length.0 - note.at;
                cut += usize::from(note.length > room);
                note.length = note.length.min(room);
                track.notes.push(*note);
                note.at -= start;
            }
            let values: Vec<_> = values.into_iter().map(|(at, value)| (at - start, value)).collect();
            let mut lines = lines::write(&notes, length, options.style, LANGUAGE);
            let mut other = None;
            if !values.is_empty() {
                let curve = values::write(&values, length, lines.step, LANGUAGE);
                if lines.lines.is_empty() {
                    lines.step = curve.step;
                }
                if curve.step == lines.step {
                    lines.lines.extend(curve.lines);
                } else {
                    other = Some(Lines { step: curve.step, lines: curve.lines, ..lines.clone() });
                }
            }
            track.clips.push(Some(lines).filter(|lines| !lines.lines.is_empty()));
            apart.push(other);
        }
        self.cut += cut;
        if cut > 0 {
            let whose = format!("track {}, channel {}", part.track, part.channel.number());
            remarks.push(format!("of {whose}, {cut} notes that last into the next pattern are cut there"));
        }
        let has_apart = apart.iter().any(Option::is_some);
        let programs = vec![None; self.patterns.len()];
        let beside = has_apart.then(|| TrackOf { name: beside, port, part, notes: Vec::new(), clips: apart, programs });
        (track, beside)
    }
}

/// `text` as a name that a set may use: lower case, with `-` for what has no place in one. `None` if nothing is left.
fn legal(text: &str) -> Option<String> {
    const LONGEST: usize = 40;
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == LONGEST {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// `name`, with a number behind it if it is taken.
fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(free.clone());
    free
}
