//! A part of the show as it is described: a channel of a port, what its letters mean, and what transposes it.

use std::ops::Range;

use super::keys::track as keys;
use super::lane;
use super::mistake::{Mistake, Report, nearest, quoted};
use super::notation::{GATES, Kit};
use super::pitch::{self, Octaves};
use super::port::{Port, port_slot};
use super::reader::{Text, Value};
use super::values::{digits, gate, velocity};
use crate::engine::program::{Interval, PortSlot, Transpose};
use crate::midi::{Channel, Key, Velocity};

/// A track.
pub(super) struct Track<'t> {
    pub name: &'t str,
    pub port: PortSlot,
    pub channel: Channel,
    pub kit: Drums,
    pub note: Option<Key>,
    pub velocity: Velocity,
    /// In per cent of a step.
    pub gate: u32,
    pub transpose: Option<Transpose>,
}

/// What letters play on a track.
pub(super) enum Drums {
    /// The track has no kit.
    None,
    /// These drums.
    Kit(Kit),
    /// The track has a kit that cannot be read, so that nothing can be said about letters.
    Unreadable,
}

/// Reads the track called `name`.
pub(super) fn read<'t>(
    name: &'t str,
    value: Value<'t>,
    ports: &[Port<'_>],
    octaves: Octaves,
    report: &mut Report,
) -> Track<'t> {
    let mut track = Track {
        name,
        port: PortSlot(0),
        channel: Channel::from_status(0),
        kit: Drums::None,
        note: None,
        velocity: lane::VELOCITY,
        gate: lane::GATE,
        transpose: None,
    };
    let Some(table) = value.table(&keys::TABLE, report) else { return track };
    let whose = || format!("the track {}", quoted(name));
    if let Some(text) = table.require(keys::PORT, report, whose).and_then(|value| value.text(report)) {
        track.port = port_slot(&text, 0..text.text.len(), ports, report).unwrap_or(track.port);
    }
    if let Some(number) = table.require(keys::CHANNEL, report, whose).and_then(|value| value.whole(1..=16, report)) {
        track.channel = u8::try_from(number).ok().and_then(Channel::from_number).unwrap_or(track.channel);
    }
    if let Some(value) = table.take(keys::KIT) {
        track.kit = kit(&value, octaves, report).map_or(Drums::Unreadable, Drums::Kit);
    }
    if let Some(value) = table.take(keys::NOTE) {
        // After a mistake some note stands in, so that `x` is not reported as well.
        track.note = Some(key(&value, octaves, report).unwrap_or(Key::from_data(0)));
    }
    track.velocity = velocity(table.take(keys::VELOCITY), report).unwrap_or(track.velocity);
    track.gate = gate(table.take(keys::GATE), *GATES.end(), report).unwrap_or(track.gate);
    if let Some(text) = table.take(keys::TRANSPOSE).and_then(|value| value.text(report)) {
        track.transpose = transpose(&text, ports, octaves, report);
    }
    table.finish(report);
    track
}

/// The key that a value gives, by number or by name.
fn key(value: &Value<'_>, octaves: Octaves, report: &mut Report) -> Option<Key> {
    if value.is_text() {
        value.text(report).and_then(|text| note(&text, 0..text.text.len(), octaves, report))
    } else {
        value.whole(0..=127, report).and_then(|number| u8::try_from(number).ok()).and_then(Key::new)
    }
}

/// The key that `part` of `text` names.
fn note(text: &Text<'_>, part: Range<usize>, octaves: Octaves, report: &mut Report) -> Option<Key> {
    let word = text.text.get(part.clone()).unwrap_or_default();
    pitch::key(word, octaves)
        .map_err(|why| {
            report.add(text.place(part), || {
                Mistake::new(format!("{} is not a note", quoted(word)))
                    .label(why)
                    .help("notes are `c2`, `f#3`, `bb1` and so on")
            });
        })
        .ok()
}

/// The drums of a kit; `None` if it is not a table.
fn kit(value: &Value<'_>, octaves: Octaves, report: &mut Report) -> Option<Kit> {
    let mut kit = Kit::new(value.span.clone());
    let entries = value.entries(keys::DRUM, report)?;
    if entries.is_empty() {
        value.refuse_because(report, || "a kit has at least one drum".to_owned());
    }
    for (name, value) in entries {
        let mut letters = name.text.chars();
        let letter = letters.next().filter(|letter| letter.is_ascii_lowercase() && letters.as_str().is_empty());
        let Some(letter) = letter.filter(|&letter| letter != 'x') else {
            report.add(name.span.clone(), || drum_name(name.text));
            // Steps that play its letters need no messages of their own.
            name.text.to_ascii_lowercase().chars().for_each(|letter| kit.set(letter, Key::from_data(0)));
            continue;
        };
        kit.set(letter, key(&value, octaves, report).unwrap_or(Key::from_data(0)));
    }
    Some(kit)
}

/// The message for what a drum cannot be called.
fn drum_name(name: &str) -> Mistake {
    let mistake = Mistake::new(format!("a drum cannot be called {}", quoted(name)));
    let lower = name.to_ascii_lowercase();
    match name.as_bytes() {
        [b'x' | b'X'] => mistake
            .label("`x` is the track's own note")
            .help(format!("choose another letter, or set the note: `{}`", keys::NOTE.example)),
        [b'A'..=b'Z'] => mistake.label("the upper case is its accent").help(format!("write `{lower}`")),
        _ => mistake.label("expected one letter from a to z").help(format!("for example `{}`", keys::KIT.example)),
    }
}

/// `PORT`, then in either order and each at most once `channel NUMBER` and `from NOTE`.
fn transpose(text: &Text<'_>, ports: &[Port<'_>], octaves: Octaves, report: &mut Report) -> Option<Transpose> {
    let mut words = words(text.text);
    let Some(word) = words.next() else {
        report.add(text.span.clone(), || {
            Mistake::new("`transpose` cannot be empty")
                .label(format!("expected {}", keys::TRANSPOSE.takes))
                .help(format!("for example `{}`", keys::TRANSPOSE.example))
        });
        return None;
    };
    let port = port_slot(text, word, ports, report);
    let (mut channel, mut from) = (None, None);
    while let Some(word) = words.next() {
        let written = text.text.get(word.clone()).unwrap_or_default();
        let value = words.next();
        match (written, value) {
            ("channel", Some(value)) if channel.is_none() => {
                let number = text.text.get(value.clone()).and_then(digits).and_then(Channel::from_number);
                if number.is_none() {
                    report.add(text.place(value), || {
                        Mistake::new("`channel` here has no number that is a channel")
                            .label(format!("expected {}", keys::CHANNEL.takes))
                            .help(format!("for example `{}`", keys::TRANSPOSE.example))
                    });
                }
                channel = Some(number);
            }
            ("from", Some(value)) if from.is_none() => from = Some(note(text, value, octaves, report)),
            _ => {
                report.add(text.place(word), || {
                    let near = nearest(written, ["channel", "from"].into_iter());
                    let help = match near {
                        Some(near) if near != written => format!("did you mean `{near}`?"),
                        _ => format!("for example `{}`", keys::TRANSPOSE.example),
                    };
                    Mistake::new(format!("{} does not fit here", quoted(written)))
                        .label("expected `channel` and a number, or `from` and a note")
                        .help(help)
                });
                return None;
            }
        }
    }
    let from = from.flatten().or_else(|| pitch::key("c2", octaves).ok())?;
    Some(Transpose { port: port?, channel: channel.flatten(), from, unit: Interval::Semitones })
}

/// The words of `text`, as ranges of its bytes.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| !c.is_whitespace())?;
        let end = text.get(start..)?.find(char::is_whitespace).map_or(text.len(), |length| start + length);
        at = end;
        Some(start..end)
    })
}
