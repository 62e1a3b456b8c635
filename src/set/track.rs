//! A part of the show as it is described: a channel of a port, what its letters mean, what transposes it and who plays it.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, quoted};
use super::keys::track as keys;
use super::lane;
use super::notation::{GATES, Kit};
use super::phrase::{Thru, note, thru, transpose};
use super::pitch::Octaves;
use super::port::{Port, port_slot};
use super::reader::Value;
use super::values::{gate, velocity};
use crate::engine::program::{PortSlot, Transpose};
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
    /// Whether it says that nothing moves it.
    pub stays: bool,
    /// The keyboard that plays it by hand, and where that is written.
    pub thru: Option<(Thru, Range<usize>)>,
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
        stays: false,
        thru: None,
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
        track.stays = text.text.trim() == "none";
        if !track.stays {
            track.transpose = transpose(&text, keys::TRANSPOSE, ports, octaves, report);
        }
    }
    if let Some(text) = table.take(keys::THRU).and_then(|value| value.text(report)) {
        track.thru = thru(&text, keys::THRU, ports, report).map(|thru| (thru, text.span));
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
fn drum_name(name: &str) -> Diagnostic {
    let mistake = Diagnostic::new(format!("a drum cannot be called {}", quoted(name)));
    let lower = name.to_ascii_lowercase();
    match name.as_bytes() {
        [b'x' | b'X'] => mistake
            .label("`x` is the track's own note")
            .help(format!("choose another letter, or set the note: `{}`", keys::NOTE.example)),
        [b'A'..=b'Z'] => mistake.label("the upper case is its accent").help(format!("write `{lower}`")),
        _ => mistake.label("expected one letter from a to z").help(format!("for example `{}`", keys::KIT.example)),
    }
}
