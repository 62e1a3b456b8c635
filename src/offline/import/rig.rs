//! Which ports, tracks and patterns the set has, and what each track plays in each pattern.

use std::collections::{BTreeMap, BTreeSet};

use super::values::{Program, Values, go_on, share_out};
use super::{Options, split};
use crate::midi::Key;
use crate::offline::lines::row::Spelling;
use crate::offline::lines::{self, Fitted, LANGUAGE, Lines, Manner, STRAIGHT, kit, most_common, values};
use crate::offline::score::{Note, Part, Score};
use crate::set::ACCENT;
use crate::time::TickSpan;

/// What a port is called where the file names none, and its device.
pub(crate) const PORT: &str = "synth";

/// The ports, tracks and patterns of the set.
#[derive(Default)]
pub(crate) struct Rig<'s> {
    /// Name and device.
    pub ports: Vec<(String, String)>,
    /// For each port the device that the file names.
    pub devices: Vec<Option<&'s str>>,
    pub tracks: Vec<TrackOf<'s>>,
    /// Where each pattern begins, and how many bars it has, one after the other. At least one.
    pub patterns: Vec<(i64, i64)>,
    /// Whether the last pattern holds nothing but what is set at the very end of the music.
    pub has_end: bool,
}

/// A track of the set, and what it plays.
pub(crate) struct TrackOf<'s> {
    pub name: String,
    pub port: usize,
    pub part: &'s Part,
    /// The notes that it plays, as they are written; none where it has only values.
    pub notes: Vec<Note>,
    /// The letters of its kit, if it has one.
    pub kit: Option<BTreeMap<Key, char>>,
    /// The gate of the notes that do not say their own, and the velocity.
    pub gate: i64,
    pub velocity: u8,
    /// What it plays in each pattern.
    pub clips: Vec<Option<Lines>>,
    /// How much of two steps the first takes, in per cent, where its off-beats are late like that.
    pub swing: Option<u32>,
    /// The program that each pattern begins with, where this track is the one that says it.
    pub programs: Vec<Option<Program>>,
}

impl<'s> Rig<'s> {
    /// Makes the rig of a score of `bars` bars; what cannot be kept goes to `remarks`.
    pub(crate) fn of(
        score: &'s Score,
        bars: i64,
        bar: TickSpan,
        options: Options,
        remarks: &mut Vec<String>,
    ) -> Rig<'s> {
        let mut patterns = split::patterns(score, bars, bar.0, options.split);
        let has_end = go_on(score, (bar * bars).0);
        if has_end {
            patterns.push(((bar * bars).0, 1));
            remarks.push("what is set at the very end has a bar of its own, the pattern `end`".to_owned());
        }
        let starts: Vec<i64> = patterns.iter().map(|&(start, _)| start).collect();
        let mut rig = Rig { patterns, has_end, ..Rig::default() };
        let (shared, replaced) = share_out(score, &starts, (bar * rig.bars()).0);
        match replaced {
            0 => {}
            1 => remarks.push("a program that another one replaces at the same place is left out".to_owned()),
            many => remarks.push(format!("{many} programs that others replace at the same place are left out")),
        }
        let flats = score.key.is_some_and(|(sharps, _)| sharps < 0);
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
            let (track, beside) = rig.track(name, port, part, values, options, bar, flats);
            // Programs leave before the notes of what stands below them.
            rig.tracks.extend(beside.map(|track| TrackOf { name: unique(track.name, &mut track_names), ..track }));
            rig.tracks.push(track);
        }
        if rig.ports.is_empty() {
            rig.ports.push((PORT.to_owned(), PORT.to_owned()));
        }
        rig
    }

    /// Returns how many bars all patterns have.
    pub(crate) fn bars(&self) -> i64 {
        self.patterns.iter().map(|&(_, bars)| bars).sum()
    }

    /// The track of a part, and another one for values that do not fall on its steps.
    #[allow(clippy::too_many_arguments)]
    fn track(
        &self,
        name: String,
        port: usize,
        part: &'s Part,
        shared: Values,
        options: Options,
        bar: TickSpan,
        flats: bool,
    ) -> (TrackOf<'s>, Option<TrackOf<'s>>) {
        let beside = format!("{name}-cc");
        let Values { patterns, programs, at_the_end } = shared;
        // A song is over then.
        let again = if self.patterns.len() == 1 { &at_the_end[..] } else { &[] };
        let manner = manner(part, bar, flats, options.style.tolerance);
        let fitted: Vec<Fitted> = self
            .patterns
            .iter()
            .map(|&(start, bars)| {
                let within = part.notes.iter().filter(|note| (start..start + (bar * bars).0).contains(&note.at));
                let notes: Vec<Note> = within.map(|note| Note { at: note.at - start, ..*note }).collect();
                lines::fit(&notes, bar * bars, options.style, LANGUAGE, &manner)
            })
            .collect();
        let all = || fitted.iter().flat_map(|fitted| &fitted.notes);
        let gate = most_common(all().map(|note| note.gate)).unwrap_or(100);
        let velocity = most_common(all().map(|note| note.velocity)).unwrap_or(100);
        let kit = manner.spelling.kit.clone();
        let notes = part.notes.clone();
        let swing = manner.swing.map(|(_, percent)| percent);
        let mut track = TrackOf { name, port, part, notes, kit, gate, velocity, clips: Vec::new(), swing, programs };
        let mut clips: Vec<Lines> =
            fitted.iter().map(|fitted| fitted.lines(gate, velocity, &manner, LANGUAGE)).collect();
        let mut curves = Vec::new();
        for ((&(start, bars), values), lines) in self.patterns.iter().zip(patterns).zip(&clips) {
            let values: Vec<_> = values.into_iter().map(|(at, value)| (at - start, value)).collect();
            let has_values = !values.is_empty() || !again.is_empty();
            let curve = has_values.then(|| values::write(&values, again, bar * bars, lines.step, LANGUAGE));
            curves.push(curve);
        }
        // One track has all of them: what a track leaves off goes to rest, though another one says it again there.
        let fits = |(lines, curve): (&Lines, &Option<values::Curve>)| {
            let is_on_steps = |step: TickSpan| step == lines.step && lines.swing == STRAIGHT;
            curve.as_ref().is_none_or(|curve| lines.lines.is_empty() || is_on_steps(curve.step))
        };
        let together = clips.iter().zip(&curves).all(fits);
        let mut apart: Vec<Option<Lines>> = vec![None; clips.len()];
        for ((lines, curve), apart) in clips.iter_mut().zip(curves).zip(&mut apart) {
            let Some(curve) = curve else { continue };
            if together {
                (lines.step, lines.swing) = (curve.step, STRAIGHT);
                lines.lines.splice(..0, curve.lines);
            } else {
                *apart = Some(Lines { step: curve.step, swing: STRAIGHT, gate, velocity, lines: curve.lines });
            }
        }
        track.clips = clips.into_iter().map(|lines| Some(lines).filter(|lines| !lines.lines.is_empty())).collect();
        let has_apart = apart.iter().any(Option::is_some);
        let programs = vec![None; self.patterns.len()];
        let beside = has_apart.then(|| TrackOf {
            name: beside,
            port,
            part,
            notes: Vec::new(),
            kit: None,
            gate,
            velocity,
            clips: apart,
            swing: None,
            programs,
        });
        (track, beside)
    }
}

/// The channel of drums, as General MIDI has it.
const DRUMS: u8 = 10;

/// Makes several parts of those that have more drums than a kit has letters.
pub(crate) fn split_kits(parts: Vec<Part>) -> Vec<Part> {
    let split = |part: Part| {
        let kits = kit::kits(&part.notes.iter().map(|note| note.key).collect());
        if part.channel.number() != DRUMS || kits.len() < 2 {
            return vec![part];
        }
        let of = |(number, kit): (usize, &BTreeSet<Key>)| Part {
            notes: part.notes.iter().filter(|note| kit.contains(&note.key)).copied().collect(),
            values: if number == 0 { part.values.clone() } else { Vec::new() },
            ..part.clone()
        };
        kits.iter().enumerate().map(of).collect()
    };
    parts.into_iter().flat_map(split).collect()
}

/// Returns how a part is written: the drums of channel 10 as letters, and late off-beats with their swing.
fn manner(part: &Part, bar: TickSpan, flats: bool, tolerance: i64) -> Manner {
    let kit = (part.channel.number() == DRUMS && !part.notes.is_empty())
        .then(|| kit::letters(&part.notes.iter().map(|note| note.key).collect()))
        .flatten();
    Manner {
        spelling: Spelling { kit, flats, accent: Some(ACCENT), ..Spelling::default() },
        swing: lines::swing(&part.notes, tolerance),
        bar,
    }
}

/// `text` as a name that a set may use: lower case, with `-` for what has no place in one. `None` if nothing is left.
pub(crate) fn legal(text: &str) -> Option<String> {
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

/// `name`, with a number after it if it is taken.
pub(crate) fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(free.clone());
    free
}
