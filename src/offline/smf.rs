//! A rendered show as a Standard MIDI File, for a workstation or a notation program.
//!
//! With the engine's own 960 ticks to a quarter note, so that no position is rounded. In format 1 the first track holds tempo,
//! meter and a marker where each pattern begins; then follows a track for each track of the set, under its name and with
//! the port's name as its device ([`score`](super::score) reads that back). Whoever merges the tracks in their order, as
//! players do, plays what the engine sends: `order` puts them so, and two tracks of one channel for which no order is right
//! share one, under both names. Format 0 is all in one track, in the order in which it is sent; where two ports use one
//! channel, a device name before each change of port tells them apart, to those that read it.

mod order;

use std::collections::BTreeSet;

use midly::num::{u4, u7, u15, u24, u28};
use midly::{Header, MetaMessage, MidiMessage, PitchBend, Smf, Timing, Track, TrackEvent, TrackEventKind};

use super::render::{Rendering, Sent};
use crate::engine::program::{PortSlot, TrackSlot};
use crate::midi::{Channel, Message};
use crate::set::Set;
use crate::time::{TICKS_PER_QUARTER, Tempo, Tick, TickSpan};

/// The longest show that a file can hold: the longest span between two of its events.
pub const LONGEST: TickSpan = TickSpan((1 << 28) - 1);

/// How a file is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Format 0: everything in one track.
    OneTrack,
    /// Format 1: a track for each track of the set.
    Tracks,
}

/// The bytes of a file of format 1 that holds `rendering`, a show of `set`. What is farther in it than [`LONGEST`] is held to
/// that.
#[must_use]
pub fn write(set: &Set, rendering: &Rendering) -> Vec<u8> {
    write_as(Format::Tracks, set, rendering)
}

/// The same in either format.
#[must_use]
pub fn write_as(format: Format, set: &Set, rendering: &Rendering) -> Vec<u8> {
    let timing = Timing::Metrical(u15::from(TICKS_PER_QUARTER as u16));
    let marks: Vec<(Tick, String)> =
        rendering.marks.iter().map(|mark| (mark.tick, marker(set, mark.part, mark.pattern.0))).collect();
    let conductor = conductor(set, &marks, rendering);
    let mut bytes = Vec::new();
    // A vector takes whatever is written to it.
    let _: std::io::Result<()> = match format {
        Format::OneTrack => {
            let tracks = vec![one_track(set, conductor, rendering)];
            Smf { header: Header::new(midly::Format::SingleTrack, timing), tracks }.write_std(&mut bytes)
        }
        Format::Tracks => {
            let sent = by_track(set, rendering);
            let groups = order::tracks(set.program.tracks.len(), &sent);
            let names: Vec<String> = groups.iter().map(|group| name(set, group)).collect();
            let mut tracks = vec![conductor.finish(rendering.length)];
            tracks.extend(in_groups(set, &groups, &names, &sent, rendering));
            Smf { header: Header::new(midly::Format::Parallel, timing), tracks }.write_std(&mut bytes)
        }
    };
    bytes
}

/// The channels that more than one port uses, rising: a file of one track cannot tell most players which is meant.
#[must_use]
pub fn shared_channels(rendering: &Rendering) -> Vec<Channel> {
    let used = rendering.sent.iter().filter_map(|sent| Some((sent.message.channel()?.index(), sent.port)));
    let used: BTreeSet<(usize, PortSlot)> = used.collect();
    let shared = used.iter().zip(used.iter().skip(1)).filter(|(one, next)| one.0 == next.0);
    let shared: BTreeSet<usize> = shared.map(|(one, _)| one.0).collect();
    shared.into_iter().map(|index| Channel::from_status(index as u8)).collect()
}

/// The tracks of the set that share one of the file.
fn name(set: &Set, group: &[usize]) -> String {
    let names: Vec<&str> = group.iter().filter_map(|&slot| set.tracks.get(slot)).map(String::as_str).collect();
    names.join(" + ")
}

/// The tracks of the file, each with what the tracks of its group send, in the order in which it leaves.
fn in_groups<'a>(
    set: &'a Set,
    groups: &[Vec<usize>],
    names: &'a [String],
    sent: &[(usize, Sent)],
    rendering: &Rendering,
) -> Vec<Track<'a>> {
    let mut homes = vec![0; set.program.tracks.len()];
    let mut writers = Vec::new();
    for (home, (group, name)) in groups.iter().zip(names).enumerate() {
        group.iter().for_each(|&slot| homes[slot] = home);
        let port = group.first().and_then(|&slot| set.program.tracks.get(slot)).map(|track| track.port);
        let mut writer = Writer::default();
        writer.meta(Tick::ZERO, MetaMessage::TrackName(name.as_bytes()));
        writer.meta(Tick::ZERO, MetaMessage::DeviceName(device(set, port)));
        writers.push(writer);
    }
    for (slot, sent) in sent {
        writers[homes[*slot]].send(sent);
    }
    writers.into_iter().map(|writer| writer.finish(rendering.length)).collect()
}

/// Everything in one track.
fn one_track<'a>(set: &'a Set, mut track: Writer<'a>, rendering: &Rendering) -> Track<'a> {
    let mut last = None;
    let mut all = Writer::default();
    let mut metas = std::mem::take(&mut track.events).into_iter().scan(0, |at, event| {
        *at += i64::from(event.delta.as_int());
        Some((Tick(*at), event.kind))
    });
    let mut next = metas.next();
    for sent in &rendering.sent {
        // Tempos and markers before what leaves there.
        while let Some((tick, kind)) = next.filter(|(tick, _)| *tick <= sent.tick) {
            all.add(tick, kind);
            next = metas.next();
        }
        if last != Some(sent.port) && message_of(sent.message).is_some() {
            all.meta(sent.tick, MetaMessage::DeviceName(device(set, Some(sent.port))));
            last = Some(sent.port);
        }
        all.send(sent);
    }
    next.into_iter().chain(metas).for_each(|(tick, kind)| all.add(tick, kind));
    all.finish(rendering.length)
}

/// The name of a port.
fn device(set: &Set, port: Option<PortSlot>) -> &[u8] {
    port.and_then(|port| set.ports.get(usize::from(port.0))).map_or("", |port| &port.name).as_bytes()
}

/// Returns what a marker says.
fn marker(set: &Set, part: Option<crate::engine::program::PartSlot>, pattern: u16) -> String {
    let name = set.patterns.get(usize::from(pattern)).map_or("?", String::as_str);
    match part {
        Some(part) => format!("part {}: {name}", part.0 + 1),
        None => name.to_owned(),
    }
}

/// Name, tempos, meter and markers.
fn conductor<'a>(set: &'a Set, marks: &'a [(Tick, String)], rendering: &Rendering) -> Writer<'a> {
    let meter = set.program.meter;
    let mut track = Writer::default();
    track.meta(Tick::ZERO, MetaMessage::TrackName(set.name.as_bytes()));
    let (first, rest) =
        rendering.tempos.split_first().map_or((set.program.tempo, &[][..]), |(first, rest)| (first.1, rest));
    track.meta(Tick::ZERO, MetaMessage::Tempo(micros_per_quarter(first)));
    // A metronome clicks once a beat, where a quarter note has 24 clocks; a quarter has eight thirty-seconds.
    let clocks = (96 / u16::from(meter.unit())).clamp(1, 255) as u8;
    let unit = meter.unit().trailing_zeros() as u8;
    track.meta(Tick::ZERO, MetaMessage::TimeSignature(meter.beats(), unit, clocks, 8));
    // In the order of their positions, and where those are equal the tempo first.
    let mut marks = marks.iter().peekable();
    let mut rest = rest.iter().peekable();
    loop {
        let tempo = rest.next_if(|(tick, _)| marks.peek().is_none_or(|(mark, _)| tick <= mark));
        if let Some((tick, tempo)) = tempo {
            track.meta(*tick, MetaMessage::Tempo(micros_per_quarter(*tempo)));
        } else if let Some((tick, text)) = marks.next() {
            track.meta(*tick, MetaMessage::Marker(text.as_bytes()));
        } else {
            break;
        }
    }
    track
}

fn micros_per_quarter(tempo: Tempo) -> u24 {
    u24::from((60e6 / tempo.bpm()).round() as u32)
}

/// Returns what is sent, each message with its track. What belongs to a port as a whole, the programs of patterns, goes to the first
/// track that plays there, on the same channel if there is one.
fn by_track(set: &Set, rendering: &Rendering) -> Vec<(usize, Sent)> {
    let tracks = &set.program.tracks;
    let track_of = |sent: &Sent| {
        let on = |channel: Option<Channel>| {
            tracks
                .iter()
                .position(|track| track.port == sent.port && channel.is_none_or(|channel| track.channel == channel))
        };
        let slot = match sent.track {
            Some(TrackSlot(slot)) => Some(usize::from(slot)),
            None => sent.message.channel().and_then(|channel| on(Some(channel))).or_else(|| on(None)),
        };
        slot.filter(|slot| *slot < tracks.len())
    };
    rendering.sent.iter().filter_map(|sent| Some((track_of(sent)?, *sent))).collect()
}

/// A message as a file holds it; `None` for those that a file does not, such as clock.
fn message_of(message: Message) -> Option<(u4, MidiMessage)> {
    let channel = u4::from(message.channel()?.index() as u8);
    let written = match message {
        Message::NoteOn(_, key, velocity) => {
            MidiMessage::NoteOn { key: u7::from(key.number()), vel: u7::from(velocity.value()) }
        }
        Message::NoteOff(_, key, velocity) => {
            MidiMessage::NoteOff { key: u7::from(key.number()), vel: u7::from(velocity) }
        }
        Message::KeyPressure(_, key, value) => {
            MidiMessage::Aftertouch { key: u7::from(key.number()), vel: u7::from(value) }
        }
        Message::ControlChange(_, number, value) => {
            MidiMessage::Controller { controller: u7::from(number), value: u7::from(value) }
        }
        Message::ProgramChange(_, program) => MidiMessage::ProgramChange { program: u7::from(program) },
        Message::ChannelPressure(_, value) => MidiMessage::ChannelAftertouch { vel: u7::from(value) },
        Message::PitchBend(_, bend) => MidiMessage::PitchBend { bend: PitchBend(bend.into()) },
        _ => return None,
    };
    Some((channel, written))
}

/// A track that is being written: events at positions that do not fall.
#[derive(Default)]
struct Writer<'a> {
    events: Track<'a>,
    at: i64,
}

impl<'a> Writer<'a> {
    fn add(&mut self, tick: Tick, kind: TrackEventKind<'a>) {
        let at = tick.0.clamp(self.at, LONGEST.0);
        self.events.push(TrackEvent { delta: u28::from((at - self.at) as u32), kind });
        self.at = at;
    }

    fn meta(&mut self, tick: Tick, message: MetaMessage<'a>) {
        self.add(tick, TrackEventKind::Meta(message));
    }

    fn send(&mut self, sent: &Sent) {
        if let Some((channel, message)) = message_of(sent.message) {
            self.add(sent.tick, TrackEventKind::Midi { channel, message });
        }
    }

    fn finish(mut self, length: TickSpan) -> Track<'a> {
        self.meta(Tick::ZERO + length, MetaMessage::EndOfTrack);
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::render::{Plan, render};

    const SMALL: &str = r#"
        tempo = 125
        meter = "7/8"
        [ports.a]
        device = "A"
        [tracks.t]
        port = "a"
        channel = 3
        [tracks.u]
        port = "a"
        channel = 10
        [patterns.main]
        t = { step = "1/8", steps = "c2:70 . c2" }
    "#;

    #[test]
    fn a_file_holds_tempo_meter_markers_and_a_track_for_each_track() {
        let set = Set::parse("small.toml", SMALL.as_bytes()).unwrap();
        let plan = Plan { length: set.program.meter.bar(), commands: Vec::new() };
        let bytes = write(&set, &render(&set.program, &plan).unwrap());
        let smf = Smf::parse(&bytes).unwrap();
        assert_eq!(smf.header.timing, Timing::Metrical(u15::from(960)));
        assert_eq!((smf.header.format, smf.tracks.len()), (midly::Format::Parallel, 3));
        let mut shown = Vec::new();
        for (number, track) in smf.tracks.iter().enumerate() {
            let mut at = 0;
            for event in track {
                at += event.delta.as_int();
                let what = match event.kind {
                    TrackEventKind::Meta(MetaMessage::TrackName(name)) => {
                        format!("name {}", String::from_utf8_lossy(name))
                    }
                    TrackEventKind::Meta(MetaMessage::DeviceName(name)) => {
                        format!("device {}", String::from_utf8_lossy(name))
                    }
                    TrackEventKind::Meta(MetaMessage::Marker(name)) => {
                        format!("marker {}", String::from_utf8_lossy(name))
                    }
                    other => format!("{other:?}"),
                };
                shown.push(format!("{number} {at} {what}"));
            }
        }
        insta::assert_snapshot!(shown.join("\n"), @r"
        0 0 name small
        0 0 Meta(Tempo(u24(480000)))
        0 0 Meta(TimeSignature(7, 3, 12, 8))
        0 0 marker main
        0 3360 Meta(EndOfTrack)
        1 0 name t
        1 0 device a
        1 0 Midi { channel: u4(2), message: NoteOn { key: u7(48), vel: u7(70) } }
        1 240 Midi { channel: u4(2), message: NoteOff { key: u7(48), vel: u7(0) } }
        1 960 Midi { channel: u4(2), message: NoteOn { key: u7(48), vel: u7(100) } }
        1 1200 Midi { channel: u4(2), message: NoteOff { key: u7(48), vel: u7(0) } }
        1 1440 Midi { channel: u4(2), message: NoteOn { key: u7(48), vel: u7(70) } }
        1 1680 Midi { channel: u4(2), message: NoteOff { key: u7(48), vel: u7(0) } }
        1 2400 Midi { channel: u4(2), message: NoteOn { key: u7(48), vel: u7(100) } }
        1 2640 Midi { channel: u4(2), message: NoteOff { key: u7(48), vel: u7(0) } }
        1 2880 Midi { channel: u4(2), message: NoteOn { key: u7(48), vel: u7(70) } }
        1 3120 Midi { channel: u4(2), message: NoteOff { key: u7(48), vel: u7(0) } }
        1 3360 Meta(EndOfTrack)
        2 0 name u
        2 0 device a
        2 3360 Meta(EndOfTrack)
        ");
    }
}
