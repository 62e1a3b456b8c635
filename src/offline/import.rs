//! A set file from a Standard MIDI File: the music as steps, and what had to stay behind as comments.
//!
//! What is written is checked by playing it: rendered, it gives the same notes, tick for tick, or the difference is counted
//! and remarked.

use std::collections::BTreeSet;

use super::lines::{self, Lines, Style};
use super::render::{Plan, render};
use super::score::{self, Note, Part, Score, Unreadable, Value};
use crate::engine::program::MAX_LENGTH;
use crate::midi::{Key, Message};
use crate::set::Set;
use crate::time::{Meter, Tempo, TickSpan};

/// A set file that was made of a MIDI file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The file.
    pub text: String,
    /// How many bars its music has.
    pub bars: i64,
    /// How many notes it has.
    pub notes: usize,
    /// What of the music is not in it, or not as it was, in sentences. They stand in the file as well.
    pub remarks: Vec<String>,
}

/// The name of the pattern that holds the music.
const PATTERN: &str = "main";
/// What a port is called where the file names none, and its device.
const PORT: &str = "synth";

/// The largest set without its comments, which are short.
const MOST_BYTES: usize = Set::MAX_BYTES - (64 << 10);

/// Makes a set file of the bytes of a MIDI file that is called `origin`.
///
/// # Errors
///
/// When the file cannot be read, or is too long.
pub fn import(origin: &str, bytes: &[u8], style: Style) -> Result<Imported, Unreadable> {
    let score = score::read(bytes)?;
    let mut remarks = score.remarks.clone();
    let meter = score.meter.unwrap_or(Meter::COMMON);
    let bars = bars(&score, meter)?;
    let length = meter.bar() * bars;
    let rig = Rig::of(&score, length, style, &mut remarks);
    let body = body(&score, &rig, meter, bars);
    if body.len() > MOST_BYTES {
        let (bytes, most) = (body.len(), MOST_BYTES);
        return Err(Unreadable::TooLong(format!(
            "its set would have {bytes} bytes of at most {most}; notes on a grid are shorter to write, so try --tolerance 10"
        )));
    }
    remarks.extend(difference(origin, &body, &rig, length, style.tolerance)?);
    let text = format!("{}{body}", heading(origin, &remarks, bars, &rig, style));
    let notes = score.parts.iter().map(|part| part.notes.len()).sum();
    Ok(Imported { text, bars, notes, remarks })
}

/// The bars that hold all notes; where there are none, all values.
fn bars(score: &Score, meter: Meter) -> Result<i64, Unreadable> {
    let notes = score.parts.iter().flat_map(|part| &part.notes).map(|note| note.at.saturating_add(note.length));
    let values = score.parts.iter().flat_map(|part| &part.values).map(|(at, _)| at.saturating_add(1));
    let end = notes.max().or(values.max()).unwrap_or(0);
    let bars = end.saturating_add(meter.bar().0 - 1).div_euclid(meter.bar().0).max(1);
    let most = MAX_LENGTH.0 / meter.bar().0;
    if bars > most {
        return Err(Unreadable::TooLong(format!("it has {bars} bars, and a pattern has at most {most}")));
    }
    Ok(bars)
}

/// What of the values of a part a set can hold, with a remark about the rest.
fn values(part: &Part, length: TickSpan, remarks: &mut Vec<String>) -> Vec<(i64, Value)> {
    /// From here on controllers silence or reset a channel.
    const MODES: u8 = 120;
    let (mut kept, mut programs, mut modes, mut behind) = (Vec::new(), 0, 0, 0);
    for &(at, value) in &part.values {
        match value {
            Value::Program(_) => programs += 1,
            Value::Controller(MODES.., _) => modes += 1,
            _ if at >= length.0 => behind += 1,
            _ if lines::LANGUAGE.values => kept.push((at, value)),
            _ => behind += 1,
        }
    }
    let kinds = [
        (programs, "program change", "program changes"),
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
    kept
}

/// The ports and tracks of the set.
#[derive(Default)]
struct Rig<'s> {
    /// Name and device.
    ports: Vec<(String, String)>,
    tracks: Vec<TrackOf<'s>>,
}

/// A track of the set, and what it plays.
struct TrackOf<'s> {
    name: String,
    port: usize,
    part: &'s Part,
    /// Whether it plays the notes of its part, and not values alone.
    plays: bool,
    lines: Lines,
}

impl<'s> Rig<'s> {
    fn of(score: &'s Score, length: TickSpan, style: Style, remarks: &mut Vec<String>) -> Rig<'s> {
        let mut rig = Rig::default();
        let mut devices: Vec<Option<&str>> = Vec::new();
        let (mut port_names, mut track_names) = (BTreeSet::new(), BTreeSet::new());
        // What a pattern means something else by.
        track_names.extend(crate::set::keys::pattern::RESERVED.iter().map(|&name| name.to_owned()));
        for part in &score.parts {
            let values = values(part, length, remarks);
            if part.notes.is_empty() && values.is_empty() {
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
            let mut lines = lines::write(&part.notes, length, style, lines::LANGUAGE);
            let apart = add_values(&mut lines, &values, length, part, remarks);
            let plays = !part.notes.is_empty();
            let beside = apart.map(|lines| TrackOf {
                name: unique(format!("{name}-cc"), &mut track_names),
                port,
                part,
                plays: false,
                lines,
            });
            rig.tracks.push(TrackOf { name, port, part, plays, lines });
            rig.tracks.extend(beside);
        }
        if rig.ports.is_empty() {
            rig.ports.push((PORT.to_owned(), PORT.to_owned()));
        }
        rig
    }
}

/// Adds `values` to the lines of their notes. Where they need other steps than those, they get lines of their own.
fn add_values(
    lines: &mut Lines,
    values: &[(i64, Value)],
    length: TickSpan,
    part: &Part,
    remarks: &mut Vec<String>,
) -> Option<Lines> {
    if values.is_empty() {
        return None;
    }
    let curve = lines::write_values(values, length, lines.step, lines::LANGUAGE);
    if curve.moved + curve.merged > 0 {
        remarks.push(format!(
            "the controllers of track {}, channel {}, are on steps of {}: of {}, {} are moved and {} left out",
            part.track,
            part.channel.number(),
            fraction(curve.step),
            values.len(),
            curve.moved,
            curve.merged
        ));
    }
    if lines.lines.is_empty() {
        lines.step = curve.step;
    }
    if curve.step == lines.step {
        lines.lines.push(curve.line);
        return None;
    }
    Some(Lines { step: curve.step, gate: lines.gate, velocity: lines.velocity, lines: vec![curve.line] })
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

/// `text` in quotes, as the file has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn heading(origin: &str, remarks: &[String], bars: i64, rig: &Rig<'_>, style: Style) -> String {
    let origin: String = origin.chars().filter(|c| !c.is_control()).collect();
    let s = if bars == 1 { "" } else { "s" };
    let mut text = format!("# Made from {origin}: {bars} bar{s}. Middle C is c3.\n");
    let fine = rig.tracks.iter().filter(|track| track.plays && track.lines.step < style.grid);
    let fine: Vec<&str> = fine.map(|track| &track.name[..]).collect();
    if !fine.is_empty() {
        let names = fine.join(", ");
        text.push_str(&format!("# Not all notes of {names} are on the grid, so the steps there are shorter.\n"));
    }
    for remark in remarks {
        text.push_str(&format!("# - {remark}\n"));
    }
    text.push('\n');
    text
}

fn body(score: &Score, rig: &Rig<'_>, meter: Meter, bars: i64) -> String {
    let mut text = String::new();
    if let Some(name) = &score.name {
        text.push_str(&format!("name  = {}\n", quoted(&name.chars().take(64).collect::<String>())));
    }
    let tempo = score.tempo.map_or(120.0, Tempo::bpm).clamp(Tempo::SLOWEST, Tempo::FASTEST);
    text.push_str(&format!("tempo = {:?}\nmeter = \"{meter}\"\n", (tempo * 1e3).round() / 1e3));
    for (name, device) in &rig.ports {
        let device: String = device.chars().take(60).collect();
        text.push_str(&format!("\n[ports.{name}]\ndevice = {}\n", quoted(&device)));
    }
    for track in &rig.tracks {
        let port = rig.ports.get(track.port).map_or(PORT, |(name, _)| name);
        text.push_str(&format!(
            "\n[tracks.{}]\nport     = \"{port}\"\nchannel  = {}\nvelocity = {}\ngate     = {}\n",
            track.name,
            track.part.channel.number(),
            track.lines.velocity,
            track.lines.gate,
        ));
    }
    text.push_str(&format!("\n[patterns.{PATTERN}]\nbars = {bars}\n"));
    for TrackOf { name, lines, .. } in &rig.tracks {
        let steps = lines.lines.join("\n");
        let quotes = "\"\"\"";
        if lines.step == TickSpan::SIXTEENTH {
            text.push_str(&format!("{name} = {quotes}\n{steps}\n{quotes}\n"));
        } else {
            let step = fraction(lines.step);
            text.push_str(&format!("{name} = {{ step = \"{step}\", steps = {quotes}\n{steps}\n{quotes} }}\n"));
        }
    }
    text
}

/// A length as a fraction of a whole note.
fn fraction(length: TickSpan) -> String {
    let (mut upper, mut lower) = (length.0, 4 * TickSpan::QUARTER.0);
    let mut divisor = (upper, lower);
    while divisor.1 != 0 {
        divisor = (divisor.1, divisor.0 % divisor.1);
    }
    (upper, lower) = (upper / divisor.0.max(1), lower / divisor.0.max(1));
    format!("{upper}/{lower}")
}

/// Plays what was written, and says what is not as it was read.
///
/// # Errors
///
/// When there is more of it than a set can hold.
fn difference(
    origin: &str,
    body: &str,
    rig: &Rig<'_>,
    length: TickSpan,
    tolerance: i64,
) -> Result<Option<String>, Unreadable> {
    let set = Set::parse(origin, body.as_bytes()).map_err(|mistakes| {
        let first = mistakes.list().first().map_or(String::new(), |mistake| mistake.message.clone());
        Unreadable::TooLong(first)
    })?;
    let Ok(rendering) = render(&set.program, &Plan { length, commands: Vec::new() }) else {
        return Ok(Some("the file is too long to be checked".to_owned()));
    };
    let mut played: Vec<BTreeSet<Note>> = vec![BTreeSet::new(); rig.tracks.len()];
    let mut open = std::collections::BTreeMap::new();
    for sent in &rendering.sent {
        let Some(track) = sent.track.map(|track| usize::from(track.0)) else { continue };
        match sent.message {
            Message::NoteOn(_, key, velocity) => drop(open.insert((track, key), (sent.tick.0, velocity))),
            Message::NoteOff(_, key, _) => {
                if let (Some((at, velocity)), Some(notes)) = (open.remove(&(track, key)), played.get_mut(track)) {
                    notes.insert(Note { at, key, length: sent.tick.0 - at, velocity });
                }
            }
            _ => {}
        }
    }
    let differs = |track: &TrackOf<'_>, played: &BTreeSet<Note>| {
        let same = |note: &&Note| {
            let is_near = |other: &Note| {
                let lasts = (other.length - note.length).abs() <= tolerance;
                lasts && (other.key, other.velocity) == (note.key, note.velocity)
            };
            let (lowest, highest) = (Key::from_data(0), Key::from_data(127));
            let from = Note { at: note.at - tolerance, key: lowest, length: 0, ..**note };
            let to = Note { at: note.at + tolerance, key: highest, length: i64::MAX, ..**note };
            played.range(from..=to).any(is_near)
        };
        let found = track.part.notes.iter().filter(same).count();
        track.part.notes.len().max(played.len()) - found
    };
    let tracks = rig.tracks.iter().zip(&played).filter(|(track, _)| track.plays);
    let different: usize = tracks.map(|(track, played)| differs(track, played)).sum();
    Ok(match different {
        0 => None,
        1 => Some("one note is not played as it was".to_owned()),
        many => Some(format!("{many} notes are not played as they were")),
    })
}
