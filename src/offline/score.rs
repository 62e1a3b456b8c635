//! What a Standard MIDI File holds, as music: parts with notes that have a beginning and an end.
//!
//! A file is a stream of events, and much in it is allowed that no instrument can play: keys struck twice, notes that never
//! end, or last for no time. Here it becomes what an instrument would have made of it, and what had to be changed for that is
//! remarked. Positions are rounded to the engine's 960 ticks to a quarter note, each by itself, so nothing adds up.
//!
//! What begins and ends notes is paired in the file's own time: first on, first off, and an off at the very place of an on
//! ends a note before.

mod chunks;
mod events;
mod parameters;
mod remarks;
mod ruler;
pub mod stream;

use std::collections::{BTreeMap, VecDeque};

use midly::{MetaMessage, MidiMessage, TrackEvent, TrackEventKind};

use crate::midi::{Channel, Key, Velocity};
use crate::time::{Meter, TICKS_PER_QUARTER, Tempo};
use events::{Events, NoEvent};
use remarks::Counts;
use ruler::Ruler;

/// The music of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// What it calls itself.
    pub name: Option<String>,
    /// The tempo that it begins with, if it says one there.
    pub tempo: Option<Tempo>,
    /// The meter that it begins with, if it says one there.
    pub meter: Option<Meter>,
    /// The key that it begins with: how many sharps, or flats where negative, and whether it is minor.
    pub key: Option<(i8, bool)>,
    /// Markers, in order.
    pub markers: Vec<(i64, String)>,
    /// Where the last of its tracks ends.
    pub length: i64,
    /// By track of the file, then by device, then by channel.
    pub parts: Vec<Part>,
    /// What of the file is not as it was, in sentences.
    pub remarks: Vec<String>,
}

/// What a track of the file plays on one channel of one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The track's name.
    pub name: Option<String>,
    /// The track's number in the file, from 1.
    pub track: usize,
    /// Whether the track plays on other channels too.
    pub shares_track: bool,
    /// The device that the track names.
    pub device: Option<String>,
    /// Where its notes go.
    pub channel: Channel,
    /// Sorted by their beginnings, then by their keys. No two of one device, channel and key overlap.
    pub notes: Vec<Note>,
    /// Of several parts with one track and channel, which: programs that come between notes of one tick make another one, and
    /// what comes after them is there. 0 for what stands before all of them, and for all else.
    pub layer: usize,
    /// Controllers, parameters, bends, pressures and programs, in their order.
    pub values: Vec<(i64, Value)>,
}

/// A note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// In ticks from the beginning.
    pub at: i64,
    /// What sounds.
    pub key: Key,
    /// How long, in ticks. Positive.
    pub length: i64,
    /// How hard it is struck.
    pub velocity: Velocity,
}

/// What is no note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A controller, 0 to 127, and its value.
    Controller(u8, u8),
    /// Pitch bend, 0 to 16,383.
    Bend(u16),
    /// Aftertouch of the channel.
    Pressure(u8),
    /// Another program.
    Program(u8),
    /// A parameter, registered (RPN) or not (NRPN), 0 to 16,383, and its value, 0 to 16,383.
    Parameter {
        /// Whether it is a registered one.
        registered: bool,
        /// Which one.
        number: u16,
        /// What it is set to.
        value: u16,
    },
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is something else.
    #[error("this is not a MIDI file: {0}")]
    NotMidi(String),
    /// A part of it is missing.
    #[error("the file is cut off: {0}")]
    CutOff(String),
    /// It makes no sense from somewhere on.
    #[error("track {0} of the file is damaged: after {1} events comes something that is no MIDI event")]
    Damaged(usize, usize),
    /// Its tracks are songs of their own.
    #[error("this is a MIDI file of format 2, whose tracks are separate songs; save the one you want as format 0 or 1")]
    Sequential,
    /// It is of a kind that does not exist.
    #[error(
        "this is a MIDI file of format {0}, and there are only 0, 1 and 2: it is damaged, or made for one program alone; \
         save it as format 0 or 1"
    )]
    Format(u16),
    /// There is more of it than a set can hold.
    #[error("there is more in the file than a set can hold: {0}")]
    TooMuch(String),
}

/// Reads the music of a file.
///
/// # Errors
///
/// When it is no MIDI file, when it is damaged, or cut off before its first track, or when its tracks are songs of their own.
pub fn read(bytes: &[u8]) -> Result<Score, Unreadable> {
    let file = chunks::chunks(bytes)?;
    let ruler = Ruler::of(file.division)?;
    let mut reader = Reader { ruler, ..Reader::default() };
    reader.score.remarks = file.remarks;
    for (number, bytes) in file.tracks.into_iter().enumerate() {
        reader.track(number + 1, Events::new(bytes))?;
    }
    Ok(reader.finish())
}

/// Where a note goes: the device, the channel and the key that can sound only once.
type Place = (Option<String>, u8, u8);

#[derive(Default)]
struct Reader {
    ruler: Ruler,
    score: Score,
    counts: Counts,
    /// Tempos in beats per minute, and meters, with their positions: track by track, as they are read.
    tempos: Vec<(i64, f64)>,
    meters: Vec<(i64, (u8, u8))>,
    keys: Vec<(i64, (i8, bool))>,
}

/// What is played on one channel of one device.
#[derive(Default)]
struct Played {
    notes: Vec<Note>,
    values: Vec<(i64, Value)>,
}

/// What has come on a tick of a channel.
#[derive(Clone, Copy, Debug, Default)]
struct Layers {
    tick: i64,
    /// Which layer it is in.
    layer: usize,
    /// Whether a note has begun in that.
    struck: bool,
}

/// The last layer.
const LAST_LAYER: usize = 15;

/// A note that has begun, in the time of the file.
#[derive(Clone, Copy, Debug)]
struct Begun {
    at: i64,
    velocity: Velocity,
    layer: usize,
    /// Whether an off came at its very beginning. It ends the note if no other one does.
    is_empty: bool,
}

/// A track of the file while it is read.
#[derive(Default)]
struct Reading {
    name: Option<String>,
    device: Option<String>,
    /// By device, channel and layer.
    parts: BTreeMap<(Option<String>, u8, usize), Played>,
    /// By device and channel.
    layers: BTreeMap<(Option<String>, u8), Layers>,
    /// Notes that have begun, in order.
    open: BTreeMap<Place, VecDeque<Begun>>,
}

impl Reading {
    /// Returns what is on a tick of a channel.
    fn layers(&mut self, channel: u8, tick: i64) -> &mut Layers {
        let layers = self.layers.entry((self.device.clone(), channel)).or_default();
        if layers.tick != tick {
            *layers = Layers { tick, layer: 0, struck: false };
        }
        layers
    }
}

impl Reader {
    fn track(&mut self, number: usize, mut events: Events<'_>) -> Result<(), Unreadable> {
        let mut reading = Reading::default();
        let (mut at, mut count, mut ended) = (0i64, 0, false);
        loop {
            let (delta, event) = match events.next() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(NoEvent::Odd) => return Err(Unreadable::Damaged(number, count)),
                Err(NoEvent::CutOff) => {
                    self.counts.torn += 1;
                    break;
                }
            };
            at = at.saturating_add(delta);
            count += 1;
            if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
                ended = true;
                break;
            }
            self.event(&mut reading, at, &event);
        }
        self.counts.odd_events += events.odd;
        self.counts.too_high += events.too_high;
        self.counts.goes_on += usize::from(ended && events.goes_on());
        self.counts.endless += usize::from(!ended);
        for (place, notes) in std::mem::take(&mut reading.open) {
            for begun in notes {
                self.counts.hanging += usize::from(!begun.is_empty);
                let end = if begun.is_empty { begun.at } else { at };
                self.close(&mut reading, &place, begun, end);
            }
        }
        self.score.length = self.score.length.max(self.ruler.tick(at));
        let shares_track = reading.layers.len() > 1;
        for ((device, channel, layer), Played { notes, values }) in reading.parts {
            let name = reading.name.clone();
            let channel = Channel::from_status(channel);
            self.score.parts.push(Part { name, track: number, shares_track, device, channel, layer, notes, values });
        }
        if number == 1 {
            self.score.name = reading.name;
        }
        Ok(())
    }

    fn event(&mut self, reading: &mut Reading, at: i64, event: &TrackEvent<'_>) {
        match event.kind {
            TrackEventKind::Midi { channel, message } => self.message(reading, at, channel.as_int(), message),
            TrackEventKind::Meta(message) => self.meta(reading, self.ruler.tick(at), message),
            TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => self.counts.exclusive += 1,
        }
    }

    fn meta(&mut self, reading: &mut Reading, at: i64, message: MetaMessage<'_>) {
        match message {
            MetaMessage::TrackName(name) if reading.name.is_none() => reading.name = text(name),
            MetaMessage::DeviceName(_) | MetaMessage::MidiPort(_) => {
                reading.device = device_of(message, reading.device.take());
            }
            MetaMessage::Tempo(micros) => self.tempos.push((at, 60e6 / f64::from(micros.as_int().max(1)))),
            MetaMessage::TimeSignature(beats, power, ..) => {
                let unit = 1u8.checked_shl(u32::from(power)).unwrap_or(0);
                self.meters.push((at, (beats, unit)));
            }
            MetaMessage::KeySignature(sharps, minor) => self.keys.push((at, (sharps, minor))),
            MetaMessage::Marker(marker) => self.score.markers.extend(text(marker).map(|marker| (at, marker))),
            MetaMessage::Lyric(_) => self.counts.lyrics += 1,
            MetaMessage::CuePoint(_) => self.counts.cues += 1,
            MetaMessage::Text(_)
            | MetaMessage::Copyright(_)
            | MetaMessage::InstrumentName(_)
            | MetaMessage::ProgramName(_)
            | MetaMessage::TrackName(_) => self.counts.texts += 1,
            MetaMessage::SequencerSpecific(_) | MetaMessage::Unknown(..) => self.counts.private += 1,
            // These say nothing about what is played, or heard, or sung.
            MetaMessage::TrackNumber(_)
            | MetaMessage::MidiChannel(_)
            | MetaMessage::SmpteOffset(_)
            | MetaMessage::EndOfTrack => {}
        }
    }

    fn message(&mut self, reading: &mut Reading, at: i64, channel: u8, message: MidiMessage) {
        let tick = self.ruler.tick(at);
        let value = match message {
            MidiMessage::NoteOn { key, vel } => {
                let place = (reading.device.clone(), channel, key.as_int());
                return match Velocity::new(vel.as_int()) {
                    Some(velocity) => self.strike(reading, place, at, velocity),
                    None => self.release(reading, &place, at),
                };
            }
            MidiMessage::NoteOff { key, vel } => {
                // What players send where nobody says how fast a key comes up.
                const PLAIN: [u8; 2] = [0, 64];
                self.counts.releases += usize::from(!PLAIN.contains(&vel.as_int()));
                return self.release(reading, &(reading.device.clone(), channel, key.as_int()), at);
            }
            MidiMessage::Aftertouch { .. } => {
                self.counts.pressures += 1;
                return;
            }
            MidiMessage::Controller { controller, value } => Value::Controller(controller.as_int(), value.as_int()),
            MidiMessage::PitchBend { bend } => Value::Bend(bend.0.as_int()),
            MidiMessage::ChannelAftertouch { vel } => Value::Pressure(vel.as_int()),
            MidiMessage::ProgramChange { program } => Value::Program(program.as_int()),
        };
        let layers = reading.layers(channel, tick);
        let is_sound = matches!(value, Value::Program(_) | Value::Controller(0 | 32, _));
        if is_sound && layers.struck && layers.layer < LAST_LAYER {
            // A note that begins right before it has the program before.
            (layers.layer, layers.struck) = (layers.layer + 1, false);
        }
        let layer = if is_sound { layers.layer } else { 0 };
        let part = reading.parts.entry((reading.device.clone(), channel, layer)).or_default();
        part.values.push((tick, value));
    }

    /// A key goes down.
    fn strike(&mut self, reading: &mut Reading, place: Place, at: i64, velocity: Velocity) {
        let layers = reading.layers(place.1, self.ruler.tick(at));
        layers.struck = true;
        let layer = layers.layer;
        let notes = reading.open.entry(place.clone()).or_default();
        let empty: Vec<Begun> = notes.iter().filter(|begun| begun.is_empty && begun.at < at).copied().collect();
        notes.retain(|begun| !(begun.is_empty && begun.at < at));
        notes.push_back(Begun { at, velocity, layer, is_empty: false });
        for begun in empty {
            self.close(reading, &place, begun, begun.at);
        }
    }

    /// A key comes up: of the notes that it may end, the first.
    fn release(&mut self, reading: &mut Reading, place: &Place, at: i64) {
        let notes = reading.open.entry(place.clone()).or_default();
        if let Some(index) = notes.iter().position(|begun| begun.at < at)
            && let Some(begun) = notes.remove(index)
        {
            self.close(reading, place, begun, at);
        } else if let Some(begun) = notes.iter_mut().find(|begun| !begun.is_empty) {
            begun.is_empty = true;
        } else {
            self.counts.strays += 1;
        }
    }

    fn close(&mut self, reading: &mut Reading, place: &Place, begun: Begun, end: i64) {
        let (device, channel, key) = place;
        self.counts.empty += usize::from(end <= begun.at);
        let (at, end) = (self.ruler.tick(begun.at), self.ruler.tick(end));
        let note = Note { at, key: Key::from_data(*key), length: (end - at).max(1), velocity: begun.velocity };
        reading.parts.entry((device.clone(), *channel, begun.layer)).or_default().notes.push(note);
    }

    fn finish(mut self) -> Score {
        self.counts.doubled += separate(&mut self.score.parts);
        for part in &mut self.score.parts {
            part.notes.sort_unstable();
            part.values.sort_by_key(|&(at, _)| at);
        }
        parameters::join(&mut self.score.parts);
        let Reader { ruler, mut score, mut counts, tempos, meters, keys } = self;
        score.markers.sort_by_key(|&(at, _)| at);
        let first = score.parts.iter().filter_map(|part| part.notes.first()).map(|note| note.at).min();
        let tempos = if ruler.in_seconds { Vec::new() } else { changes(tempos, first) };
        let meters = changes(meters, None);
        if let Some(&(0, bpm)) = tempos.first() {
            score.tempo = Tempo::from_bpm(bpm.clamp(Tempo::SLOWEST, Tempo::FASTEST));
            counts.odd_tempo = !(Tempo::SLOWEST..=Tempo::FASTEST).contains(&bpm);
        }
        if let Some(&(0, (beats, unit))) = meters.first() {
            score.meter = Meter::new(beats, unit);
            counts.odd_meter = score.meter.is_none();
        }
        let keys = changes(keys, None);
        score.key = keys.first().filter(|(at, _)| *at == 0).map(|&(_, key)| key);
        counts.in_seconds = ruler.in_seconds;
        let later = |at: &i64| *at > 0;
        counts.tempos = tempos.into_iter().filter(|(at, _)| later(at)).collect();
        counts.meters = meters.into_iter().filter(|(at, _)| later(at)).collect();
        counts.keys = keys.iter().filter(|(at, _)| later(at)).count();
        counts.say(&mut score);
        score
    }
}

/// Returns what changes, and where: the last of those at one position counts, and what repeats is no change. What comes within a
/// sixteenth of the beginning, and before `first`, where the music begins, counts from the beginning.
fn changes<T: PartialEq + Copy>(mut all: Vec<(i64, T)>, first: Option<i64>) -> Vec<(i64, T)> {
    const SETTING_UP: i64 = TICKS_PER_QUARTER / 4;
    for (at, _) in &mut all {
        if *at < SETTING_UP && first.is_some_and(|first| *at <= first) {
            *at = 0;
        }
    }
    all.sort_by_key(|&(at, _)| at);
    let mut changes: Vec<(i64, T)> = Vec::new();
    for (at, what) in all {
        if changes.last().is_some_and(|last| last.0 == at) {
            changes.pop();
        }
        if changes.last().is_none_or(|last| last.1 != what) {
            changes.push((at, what));
        }
    }
    changes
}

/// Sees to it that no key of a channel of a device sounds twice at once, over all parts: where a note begins, the one before
/// ends, and of two that begin together one is left. How many notes that changes.
fn separate(parts: &mut [Part]) -> usize {
    let mut places: BTreeMap<Place, Vec<(i64, usize, usize)>> = BTreeMap::new();
    for (number, part) in parts.iter().enumerate() {
        for (index, note) in part.notes.iter().enumerate() {
            let place = (part.device.clone(), part.channel.index() as u8, note.key.number());
            places.entry(place).or_default().push((note.at, number, index));
        }
    }
    let mut changed = 0;
    let mut gone: Vec<(usize, usize)> = Vec::new();
    for mut list in places.into_values() {
        list.sort_unstable();
        for pair in list.windows(2) {
            let (at, part, index) = pair[0];
            let room = pair[1].0 - at;
            let note = &mut parts[part].notes[index];
            if room == 0 {
                gone.push((part, index));
            }
            if note.length > room {
                changed += 1;
                note.length = room;
            }
        }
    }
    gone.sort_unstable_by(|a, b| b.cmp(a));
    for (part, index) in gone {
        parts[part].notes.swap_remove(index);
    }
    changed
}

/// The device that a track names, after a message.
fn device_of(message: MetaMessage<'_>, before: Option<String>) -> Option<String> {
    match message {
        MetaMessage::DeviceName(name) => text(name).or(before),
        MetaMessage::MidiPort(port) if before.is_none() && port.as_int() > 0 => {
            Some(format!("port {}", port.as_int() + 1))
        }
        _ => before,
    }
}

/// A text of the file, without what would disturb a line; `None` if nothing is left.
fn text(bytes: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
