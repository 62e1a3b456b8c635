//! What is heard of a file, and what of the set that was made of it.
//!
//! Both are streams of messages, and the same ear listens to both: it ends notes, knows the program of each, and what
//! controllers, bends and parameters are in force. It shares nothing with what makes the set, so that a fault there shows
//! here: each kind of difference is counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::rig::Rig;
use crate::engine::program::TrackSlot;
use crate::midi::Message;
use crate::offline::render::Rendering;
use crate::offline::score::Unreadable;
use crate::offline::score::stream::stream;

/// Returns what is not heard as it was, in sentences: one for each kind. Notes may be off by `tolerance` ticks.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn compare(
    bytes: &[u8],
    rendering: &Rendering,
    rig: &Rig<'_>,
    tolerance: i64,
) -> Result<Vec<String>, Unreadable> {
    let mut of_file = Ear::default();
    let (stream, ends) = stream(bytes)?;
    for sent in stream {
        // A device that no part names plays nothing.
        let port = rig.devices.iter().position(|device| *device == sent.device.as_deref());
        of_file.hear(sent.at, sent.tick, port.unwrap_or(rig.devices.len()), sent.track, sent.message);
    }
    let mut of_set = Ear::default();
    for sent in &rendering.sent {
        let track = sent.track.map_or(0, |TrackSlot(track)| usize::from(track));
        of_set.hear(sent.tick.0, sent.tick.0, usize::from(sent.port.0), track, sent.message);
    }
    let (file, set) = (of_file.heard(&ends), of_set.heard(&BTreeMap::new()));
    let (notes, programs) = notes_that_differ(&file.notes, &set.notes, tolerance);
    let end = rendering.length.0;
    let mut remarks = Vec::new();
    let mut remark = |count: usize, one: &str, many: &str| match count {
        0 => {}
        1 => remarks.push(one.to_owned()),
        count => remarks.push(format!("{count} {many}")),
    };
    remark(notes, "one note is not played as it was", "notes are not played as they were");
    remark(programs, "one note has another program", "notes have another program");
    for (kind, one, many) in [
        (Kind::Pedal, "a pedal is not where it was", "times a pedal is not where it was"),
        (Kind::Controller, "a controller is not as it was", "values of controllers are not as they were"),
        (Kind::Bend, "a pitch bend is not as it was", "pitch bends are not as they were"),
        (Kind::Pressure, "a channel pressure is not as it was", "channel pressures are not as they were"),
        (Kind::Parameter, "a parameter (RPN, NRPN) is not as it was", "parameters (RPN, NRPN) are not as they were"),
    ] {
        remark(values_that_differ(&file.values, &set.values, kind, end), one, many);
    }
    Ok(remarks)
}

/// What can be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pedal,
    Controller,
    Bend,
    Pressure,
    Parameter,
}

/// What takes values, on a port and a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Controller(u8),
    Bend,
    Pressure,
    /// Whether it is a registered one, and the two halves of its number, where they are known.
    Parameter(Option<(bool, Option<u8>, Option<u8>)>, u8),
}

impl What {
    fn kind(self) -> Kind {
        match self {
            What::Controller(64..=69) => Kind::Pedal,
            What::Controller(_) => Kind::Controller,
            What::Bend => Kind::Bend,
            What::Pressure => Kind::Pressure,
            What::Parameter(..) => Kind::Parameter,
        }
    }

    /// Returns whether it holds or bends notes, and does not with this value.
    fn rests_at(self, value: u16) -> bool {
        match self {
            What::Controller(number) => matches!(number, 1 | 33 | 64..=69) && value == 0,
            What::Bend => value == 8_192,
            What::Pressure => value == 0,
            What::Parameter(..) => false,
        }
    }
}

/// A port, and a channel on it.
type Place = (usize, usize);

/// A program, and the halves of its bank.
type Sound = (u8, [u8; 2]);

/// A note that has begun.
#[derive(Clone, Copy, Debug)]
struct Begun {
    /// In the stream's own time, and in ticks.
    at: i64,
    tick: i64,
    /// The number of its note-on.
    serial: usize,
    velocity: u8,
    sound: Option<Sound>,
    /// Whether its key came up where it went down.
    is_empty: bool,
}

/// A note that is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    velocity: u8,
    length: i64,
    sound: Option<Sound>,
}

/// The notes of each key, by where they begin.
type Notes = BTreeMap<(Place, u8), BTreeMap<i64, Note>>;

/// What each thing was set to, and where: changes alone, in order.
type Values = BTreeMap<(Place, What), Vec<(i64, u16)>>;

/// What was heard.
#[derive(Debug, Default)]
struct Heard {
    notes: Notes,
    values: Values,
}

/// An instrument that notes down what it is sent.
#[derive(Debug, Default)]
struct Ear {
    heard: Heard,
    channels: BTreeMap<Place, Instrument>,
    /// By place, track and key.
    open: BTreeMap<(Place, usize, u8), VecDeque<Begun>>,
    /// Notes that have ended: place and key, where they began and in which order, and where they ended.
    ended: Vec<(Place, u8, Begun, i64)>,
    struck: usize,
}

/// What a channel of an instrument knows.
#[derive(Debug, Default)]
struct Instrument {
    sound: Option<Sound>,
    /// What the next program is taken from.
    bank: [u8; 2],
    /// What was selected last: a registered parameter or not, and the halves of the number of either.
    registered: Option<bool>,
    numbers: [[Option<u8>; 2]; 2],
    /// The fine halves of data, by what they belong to.
    data: BTreeMap<(bool, Option<u8>, Option<u8>), [u8; 2]>,
}

impl Ear {
    /// Hears a message of a track at a place in its own time, which is a tick of the engine.
    fn hear(&mut self, at: i64, tick: i64, port: usize, track: usize, message: Message) {
        let Some(channel) = message.channel() else { return };
        let place = (port, channel.index());
        let instrument = self.channels.entry(place).or_default();
        match message {
            Message::NoteOn(_, key, velocity) => {
                self.struck += 1;
                let (serial, sound) = (self.struck, instrument.sound);
                let open = self.open.entry((place, track, key.number())).or_default();
                let empty = |begun: &Begun| begun.is_empty && begun.at < at;
                self.ended
                    .extend(open.iter().copied().filter(empty).map(|begun| (place, key.number(), begun, begun.tick)));
                open.retain(|begun| !empty(begun));
                let velocity = velocity.value();
                open.push_back(Begun { at, tick, serial, velocity, sound, is_empty: false });
            }
            Message::NoteOff(_, key, _) => {
                let open = self.open.entry((place, track, key.number())).or_default();
                // An off at the very place of an on ends a note before, or perhaps nothing.
                if let Some(index) = open.iter().position(|begun| begun.at < at) {
                    self.ended.extend(open.remove(index).map(|begun| (place, key.number(), begun, tick)));
                } else if let Some(begun) = open.iter_mut().find(|begun| !begun.is_empty) {
                    begun.is_empty = true;
                }
            }
            Message::ProgramChange(_, program) => instrument.sound = Some((program, instrument.bank)),
            Message::PitchBend(_, bend) => self.value(place, What::Bend, tick, bend),
            Message::ChannelPressure(_, value) => self.value(place, What::Pressure, tick, value.into()),
            Message::ControlChange(_, number, value) => self.controller(place, number, value, tick),
            // What no set can hold is counted where the file is read.
            _ => {}
        }
    }

    fn controller(&mut self, place: Place, number: u8, value: u8, tick: i64) {
        let instrument = self.channels.entry(place).or_default();
        let selected = instrument.registered.map(|registered| {
            let [coarse, fine] = instrument.numbers[usize::from(registered)];
            (registered, coarse, fine)
        });
        match number {
            0 | 32 => instrument.bank[usize::from(number / 32)] = value,
            98..=101 => {
                instrument.registered = Some(number > 99);
                instrument.numbers[usize::from(number > 99)][usize::from(number.is_multiple_of(2))] = Some(value);
            }
            6 | 38 => {
                let Some(selected) = selected else { return };
                let data = instrument.data.entry(selected).or_default();
                *data = if number == 6 { [value, 0] } else { [data[0], value] };
                let value = u16::from(data[0]) << 7 | u16::from(data[1]);
                let what = What::Parameter(Some(selected), 6);
                if number == 38 {
                    // What is set in two messages is one value.
                    let values = self.heard.values.entry((place, what)).or_default();
                    values.pop_if(|last| last.0 == tick);
                }
                self.value(place, what, tick, value);
            }
            96 | 97 => {
                // Each of them counts, however often it comes.
                self.heard
                    .values
                    .entry((place, What::Parameter(selected, number)))
                    .or_default()
                    .push((tick, value.into()));
            }
            _ => self.value(place, What::Controller(number), tick, value.into()),
        }
    }

    fn value(&mut self, place: Place, what: What, tick: i64, value: u16) {
        let values = self.heard.values.entry((place, what)).or_default();
        if values.last().is_none_or(|last| last.1 != value) {
            values.push((tick, value));
        }
    }

    /// Returns what was heard; `ends` says where tracks end, and with them the notes that nothing has ended. What is struck again ends
    /// there.
    fn heard(mut self, ends: &BTreeMap<usize, i64>) -> Heard {
        for ((place, track, key), notes) in self.open {
            let end = |begun: &Begun| ends.get(&track).copied().filter(|_| !begun.is_empty).unwrap_or(begun.tick);
            self.ended.extend(notes.into_iter().map(|begun| (place, key, begun, end(&begun))));
        }
        // Of two that begin together, the one that is struck last is heard.
        self.ended.sort_by_key(|&(place, key, begun, _)| (place, key, begun.tick, begun.serial));
        for (place, key, begun, end) in self.ended {
            let Begun { tick, velocity, sound, .. } = begun;
            let notes = self.heard.notes.entry((place, key)).or_default();
            if let Some((at, before)) = notes.iter_mut().next_back() {
                before.length = before.length.min(tick - at);
            }
            notes.insert(tick, Note { velocity, length: (end - tick).max(1), sound });
        }
        self.heard
    }
}

/// Returns how many notes of one are not among the other, and how many have another program there.
fn notes_that_differ(file: &Notes, set: &Notes, tolerance: i64) -> (usize, usize) {
    let nothing = BTreeMap::new();
    let (mut found, mut other_sound) = (0, 0);
    for (key, notes) in file {
        let there = set.get(key).unwrap_or(&nothing);
        for (at, note) in notes {
            let near = |(_, other): &(&i64, &Note)| {
                other.velocity == note.velocity && (other.length - note.length).abs() <= tolerance
            };
            let mut near = there.range(at - tolerance..=at + tolerance).filter(near).peekable();
            if near.peek().is_some() {
                found += 1;
                other_sound += usize::from(near.all(|(_, other)| other.sound != note.sound));
            }
        }
    }
    let count = |notes: &Notes| notes.values().map(BTreeMap::len).sum::<usize>();
    (count(file).max(count(set)) - found, other_sound)
}

/// Returns how many values of a kind are not among the other's. What the end of the show lets go of, the file need not.
fn values_that_differ(file: &Values, set: &Values, kind: Kind, end: i64) -> usize {
    let keys: BTreeSet<_> = file.keys().chain(set.keys()).filter(|(_, what)| what.kind() == kind).collect();
    let differ = |key: &(Place, What)| {
        let mut of_file = file.get(key).cloned().unwrap_or_default();
        let mut of_set = set.get(key).cloned().unwrap_or_default();
        of_set.retain(|value| value.0 < end || of_file.contains(value));
        // Nobody hears what goes home at the end and was never away.
        of_file.pop_if(|last| last.0 >= end && of_set.is_empty() && key.1.rests_at(last.1));
        let count = of_file.len().max(of_set.len());
        of_file.sort_unstable();
        of_set.sort_unstable();
        let mut others = of_set.into_iter().peekable();
        let same = of_file.into_iter().filter(|value| {
            while others.next_if(|other| other < value).is_some() {}
            others.next_if_eq(value).is_some()
        });
        count - same.count()
    };
    keys.into_iter().map(differ).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::import::{Options, Split, file};
    use crate::offline::lines::Style;
    use crate::offline::render::{Plan, Sent, render};
    use crate::offline::score;
    use crate::set::Set;
    use crate::time::{Meter, TickSpan};

    /// Two notes, and something of each kind.
    const EVENTS: &[u8] = &[
        0, 0xC0, 5, 0, 0xB0, 64, 127, 0, 74, 30, 0, 101, 0, 0, 100, 0, 0, 6, 12, 0, 0x90, 60, 90, 0x60, 0xE0, 0, 0x50,
        0, 0xD0, 9, 0x60, 0x80, 60, 0, 0, 0xB0, 64, 0, 0, 0x90, 62, 90, 0x60, 0x80, 62, 0, 0, 0xE0, 0, 0x40, 0, 0xFF,
        0x2F, 0,
    ];

    /// Returns what is said of a rendering that has been tampered with.
    fn said(tamper: impl Fn(&mut Vec<Sent>)) -> Vec<String> {
        let header = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0";
        let bytes = [&header[..], &[EVENTS.len() as u8], EVENTS].concat();
        let score = score::read(&bytes).unwrap();
        let options = Options { style: Style { grid: TickSpan::SIXTEENTH, tolerance: 0 }, split: Split::Whole };
        let (bar, mut remarks) = (Meter::COMMON.bar(), Vec::new());
        let rig = Rig::of(&score, 1, bar, options, &mut remarks);
        let set = Set::parse("a.toml", file::body(&score, &rig, Meter::COMMON).0.as_bytes()).unwrap();
        let mut rendering = render(&set.program, &Plan { length: bar, commands: Vec::new() }).unwrap();
        tamper(&mut rendering.sent);
        compare(&bytes, &rendering, &rig, 0).unwrap()
    }

    /// Returns what is said where messages that `is_meant` are changed, or left out.
    fn with(is_meant: fn(Message) -> bool, change: fn(Sent) -> Option<Sent>) -> Vec<String> {
        said(|sent| {
            let before = sent.len();
            let changed = sent.iter().flat_map(|&sent| if is_meant(sent.message) { change(sent) } else { Some(sent) });
            let changed: Vec<Sent> = changed.collect();
            assert!(changed.len() < before || changed != *sent, "nothing was changed");
            *sent = changed;
        })
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        assert_eq!(said(|_| {}), [""; 0]);
    }

    #[test]
    fn each_kind_of_difference_is_found() {
        use Message::*;
        let late = |sent: Sent| Some(Sent { tick: sent.tick + TickSpan(1), ..sent });
        let none = |_| None;
        let is_pedal = |message| matches!(message, ControlChange(_, 64, 0));
        assert_eq!(with(|message| matches!(message, NoteOn(..)), late), ["2 notes are not played as they were"]);
        assert_eq!(
            with(|message| matches!(message, NoteOff(_, key, _) if key.number() == 62), late),
            ["one note is not played as it was"]
        );
        assert_eq!(
            with(|message| matches!(message, NoteOn(_, key, _) if key.number() == 62), none),
            ["one note is not played as it was"]
        );
        assert_eq!(with(|message| matches!(message, ProgramChange(..)), none), ["2 notes have another program"]);
        assert_eq!(with(is_pedal, late), ["a pedal is not where it was"]);
        assert_eq!(with(is_pedal, none), ["a pedal is not where it was"]);
        assert_eq!(with(|message| matches!(message, ControlChange(_, 74, _)), none), ["a controller is not as it was"]);
        assert_eq!(with(|message| matches!(message, PitchBend(..)), late), ["2 pitch bends are not as they were"]);
        assert_eq!(
            with(|message| matches!(message, ChannelPressure(..)), none),
            ["a channel pressure is not as it was"]
        );
        assert_eq!(
            with(|message| matches!(message, ControlChange(_, 101, _)), none),
            ["2 parameters (RPN, NRPN) are not as they were"]
        );
        // And what nobody has written.
        let more = said(|sent| {
            let of_note =
                |sent: &&Sent| matches!(sent.message, NoteOn(_, key, _) | NoteOff(_, key, _) if key.number() == 60);
            let later = |sent: &Sent| Sent { tick: sent.tick + TickSpan(2_000), ..*sent };
            let again: Vec<Sent> = sent.iter().filter(of_note).map(later).collect();
            sent.extend(again);
        });
        assert_eq!(more, ["one note is not played as it was"]);
    }
}
