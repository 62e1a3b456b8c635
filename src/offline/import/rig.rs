//! Which ports, tracks and patterns the set has, and what each track plays in each pattern.

use std::collections::BTreeSet;

use super::Options;
use super::file::fraction;
use crate::offline::lines::{self, LANGUAGE, Lines};
use crate::offline::score::{Note, Part, Score, Value};
use crate::time::TickSpan;

/// What a port is called where the file names none, and its device.
pub const PORT: &str = "synth";

/// The ports, tracks and patterns of the set.
#[derive(Default)]
pub struct Rig<'s> {
    /// Name and device.
    pub ports: Vec<(String, String)>,
    pub tracks: Vec<TrackOf<'s>>,
    /// Where each pattern begins, and how many bars it has, one after the other. At least one.
    pub patterns: Vec<(i64, i64)>,
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
    /// The program that it begins with, and its bank.
    pub program: Option<(u8, Option<u16>)>,
}

/// What a part has besides notes, sorted out.
#[derive(Default)]
struct Values {
    kept: Vec<(i64, Value)>,
    program: Option<(u8, Option<u16>)>,
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
        let patterns = starts.map(|start| (start, (length.0 - start).min(bars.0) / bar.0)).collect();
        let mut rig = Rig { patterns, ..Rig::default() };
        let mut devices: Vec<Option<&str>> = Vec::new();
        let mut programs = BTreeSet::new();
        let (mut port_names, mut track_names) = (BTreeSet::new(), BTreeSet::new());
        // What a pattern means something else by.
        track_names.extend(crate::set::keys::pattern::RESERVED.iter().map(|&name| name.to_owned()));
        for part in &score.parts {
            let mut values = values(part, length, remarks);
            if part.notes.is_empty() && values.kept.is_empty() {
                continue;
            }
            let device = part.device.as_deref();
            let known = devices.iter().position(|&known| known == device);
            let port = known.unwrap_or_else(|| {
                let shown = device.unwrap_or(PORT);
                let name = unique(legal(shown).unwrap_or_else(|| PORT.to_owned()), &mut port_names);
                rig.ports.push((name, shown.to_owned()));
                devices.push(device);
                devices.len() - 1
            });
            let channel = part.channel.number();
            let name = match part.name.as_deref().and_then(legal) {
                Some(name) if part.shares_track => format!("{name}-{channel}"),
                Some(name) => name,
                None => format!("channel-{channel}"),
            };
            let name = unique(name, &mut track_names);
            // One channel has one program, whatever tracks it has.
            values.program = values.program.filter(|_| programs.insert((port, channel)));
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
        &self,
        name: String,
        port: usize,
        part: &'s Part,
        values: Values,
        options: Options,
        bar: TickSpan,
        remarks: &mut Vec<String>,
    ) -> (TrackOf<'s>, Option<TrackOf<'s>>) {
        let beside = format!("{name}-cc");
        let mut track = TrackOf { name, port, part, notes: Vec::new(), clips: Vec::new(), program: values.program };
        let mut apart: Vec<Option<Lines>> = Vec::new();
        let (mut cut, mut moved, mut merged, mut step) = (0, 0, 0, TickSpan::ZERO);
        for &(start, bars) in &self.patterns {
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
            let values: Vec<_> =
                values.kept.iter().filter(|(at, _)| within(*at)).map(|&(at, value)| (at - start, value)).collect();
            let mut lines = lines::write(&notes, length, options.style, LANGUAGE);
            let mut other = None;
            if !values.is_empty() {
                let curve = lines::write_values(&values, length, lines.step, LANGUAGE);
                (moved, merged, step) = (moved + curve.moved, merged + curve.merged, step.max(curve.step));
                if lines.lines.is_empty() {
                    lines.step = curve.step;
                }
                if curve.step == lines.step {
                    lines.lines.push(curve.line);
                } else {
                    other = Some(Lines { step: curve.step, lines: vec![curve.line], ..lines.clone() });
                }
            }
            track.clips.push(Some(lines).filter(|lines| !lines.lines.is_empty()));
            apart.push(other);
        }
        let whose = format!("track {}, channel {}", part.track, part.channel.number());
        if moved + merged > 0 {
            remarks.push(format!(
                "the controllers of {whose} are on steps of {}: of {}, {moved} are moved and {merged} left out",
                fraction(step),
                values.kept.len(),
            ));
        }
        if cut > 0 {
            remarks.push(format!("of {whose}, {cut} notes that last into the next pattern are cut there"));
        }
        let has_apart = apart.iter().any(Option::is_some);
        let beside =
            has_apart.then(|| TrackOf { name: beside, port, part, notes: Vec::new(), clips: apart, program: None });
        (track, beside)
    }
}

/// What of the values of a part a set can hold, with a remark about the rest. A program before the first note, with its bank,
/// is what the set begins with.
fn values(part: &Part, length: TickSpan, remarks: &mut Vec<String>) -> Values {
    /// From here on controllers silence or reset a channel.
    const MODES: u8 = 120;
    let mut values = Values::default();
    let (mut programs, mut modes, mut behind, mut banks) = (0, 0, 0, 0);
    let (mut coarse, mut fine) = (None, None);
    let first = part.notes.first().map_or(i64::MAX, |note| note.at);
    for &(at, value) in &part.values {
        match value {
            Value::Program(program) if at <= first => {
                let bank = (coarse.is_some() || fine.is_some())
                    .then(|| u16::from(coarse.unwrap_or(0)) << 7 | u16::from(fine.unwrap_or(0)));
                programs += usize::from(values.program.is_some());
                values.program = Some((program, bank));
                banks = 0;
            }
            Value::Program(_) => programs += 1,
            Value::Controller(number @ (0 | 32), value) if at <= first => {
                *(if number == 0 { &mut coarse } else { &mut fine }) = Some(value);
                banks += 1;
            }
            Value::Controller(MODES.., _) => modes += 1,
            _ if at >= length.0 => behind += 1,
            _ => values.kept.push((at, value)),
        }
    }
    let kinds = [
        (programs, "program change", "program changes"),
        (banks, "bank select without a program behind it", "bank selects without a program behind them"),
        (modes, "channel mode message", "channel mode messages"),
        (behind, "controller behind the last note", "controllers behind the last note"),
    ];
    let kinds: Vec<String> = kinds
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    if !kinds.is_empty() {
        let (track, channel) = (part.track, part.channel.number());
        remarks.push(format!("of track {track}, channel {channel}, is left out: {}", kinds.join(", ")));
    }
    values
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
