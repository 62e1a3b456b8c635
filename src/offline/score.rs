//! What a Standard MIDI File holds, as music: parts with notes that have a beginning and an end.
//!
//! A file is a stream of events, and much in it is allowed that no instrument can play: keys struck twice, notes that never
//! end, or last for no time. Here it becomes what an instrument would have made of it, and what had to be changed for that is
//! remarked. Positions are rounded to the engine's 960 ticks to a quarter note, each by itself, so nothing adds up.

use std::collections::BTreeMap;

use midly::{EventIter, Format, Fps, Header, MetaMessage, MidiMessage, Timing, TrackEvent, TrackEventKind};

use crate::midi::{Channel, Key, Velocity};
use crate::time::{Meter, TICKS_PER_QUARTER, Tempo};

/// The music of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Score {
    /// What it calls itself.
    pub name: Option<String>,
    /// Its first tempo.
    pub tempo: Option<Tempo>,
    /// Its first meter.
    pub meter: Option<Meter>,
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
    /// Controllers, bends, pressures and programs, in their order.
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
    /// It counts in frames.
    #[error(
        "the file counts time in frames ({0} a second) and not in quarter notes, so it has no bars; \
         save it with musical time (PPQ)"
    )]
    Frames(u8),
    /// There is more of it than a set can hold.
    #[error("there is more in the file than a set can hold: {0}")]
    TooMuch(String),
}

/// Reads the music of a file.
///
/// # Errors
///
/// When it is no MIDI file, when it is cut off or damaged, or when it is of a kind that has no bars.
pub fn read(bytes: &[u8]) -> Result<Score, Unreadable> {
    whole(bytes)?;
    let (header, tracks) = midly::parse(bytes).map_err(|error| Unreadable::NotMidi(error.to_string()))?;
    let per_quarter = per_quarter(header)?;
    let mut reader = Reader { per_quarter, ..Reader::default() };
    for (number, events) in tracks.enumerate() {
        let events = events.map_err(|error| Unreadable::NotMidi(error.to_string()))?;
        reader.track(number + 1, events)?;
    }
    Ok(reader.finish())
}

fn per_quarter(header: Header) -> Result<i64, Unreadable> {
    if header.format == Format::Sequential {
        return Err(Unreadable::Sequential);
    }
    match header.timing {
        Timing::Metrical(ticks) if ticks.as_int() > 0 => Ok(i64::from(ticks.as_int())),
        Timing::Metrical(_) => Err(Unreadable::NotMidi("its quarter notes have no length".into())),
        Timing::Timecode(fps, _) => Err(Unreadable::Frames(match fps {
            Fps::Fps24 => 24,
            Fps::Fps25 => 25,
            Fps::Fps29 | Fps::Fps30 => 30,
        })),
    }
}

/// Whether all of the file is there: the parser takes what it finds, and says nothing of what it does not.
fn whole(bytes: &[u8]) -> Result<(), Unreadable> {
    let Some((b"MThd", mut rest)) = bytes.split_first_chunk::<4>() else {
        return Err(Unreadable::NotMidi("it does not begin with MThd".into()));
    };
    let mut declared = None;
    let mut found = 0;
    let mut id = *b"MThd";
    loop {
        let what = match &id {
            b"MThd" => "in its header".to_owned(),
            b"MTrk" => format!("in track {}", found + 1),
            _ => "between its tracks".to_owned(),
        };
        let cut = || Unreadable::CutOff(format!("it ends {what}"));
        let (length, body) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| cut())?;
        let chunk = body.get(..length).ok_or_else(cut)?;
        match &id {
            b"MThd" => {
                declared =
                    declared.or(chunk.get(2..4).map(|count| usize::from(u16::from_be_bytes([count[0], count[1]]))))
            }
            b"MTrk" => found += 1,
            _ => {}
        }
        rest = body.get(length..).unwrap_or_default();
        // Some writers leave a few bytes behind their last track.
        match rest.split_first_chunk::<4>() {
            Some((next, after)) => (id, rest) = (*next, after),
            None => break,
        }
        if declared.is_some_and(|declared| found >= declared) && id != *b"MTrk" {
            break;
        }
    }
    match declared {
        Some(declared) if found < declared => {
            Err(Unreadable::CutOff(format!("it has {found} of its {declared} tracks")))
        }
        _ => Ok(()),
    }
}

/// Where a note goes: the device, the channel and the key that can sound only once.
type Place = (Option<String>, u8, u8);

/// What was found, and not kept.
#[derive(Debug, Default)]
struct Counts {
    tempos: usize,
    meters: usize,
    exclusive: usize,
    pressures: usize,
    hanging: usize,
    endless: usize,
    empty: usize,
    doubled: usize,
    strays: usize,
    odd_tempo: bool,
    odd_meter: bool,
}

#[derive(Default)]
struct Reader {
    per_quarter: i64,
    score: Score,
    counts: Counts,
    /// The earliest tempo and meter, by position: tracks are read one after the other.
    tempo: Option<(i64, f64)>,
    meter: Option<(i64, u8, u8)>,
}

/// What is played on one channel of one device.
#[derive(Default)]
struct Played {
    notes: Vec<Note>,
    values: Vec<(i64, Value)>,
}

/// A track of the file while it is read.
#[derive(Default)]
struct Reading {
    name: Option<String>,
    device: Option<String>,
    /// By device and channel.
    parts: BTreeMap<(Option<String>, u8), Played>,
    /// Notes that have begun: where, and how hard.
    open: BTreeMap<Place, (i64, Velocity)>,
}

impl Reader {
    /// A position of the file in ticks of the engine.
    fn tick(&self, at: i64) -> i64 {
        (at.saturating_mul(TICKS_PER_QUARTER) + self.per_quarter / 2) / self.per_quarter
    }

    fn track(&mut self, number: usize, mut events: EventIter<'_>) -> Result<(), Unreadable> {
        let mut reading = Reading::default();
        let (mut at, mut count, mut ended) = (0i64, 0, false);
        loop {
            let left = events.unread().len();
            let Some(event) = events.next() else {
                // The parser stops at what it does not understand, and says no more of it than that there was something.
                if left > 0 {
                    return Err(Unreadable::Damaged(number, count));
                }
                break;
            };
            let event = event.map_err(|_| Unreadable::Damaged(number, count))?;
            at += i64::from(event.delta.as_int());
            count += 1;
            if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
                ended = true;
                break;
            }
            self.event(&mut reading, self.tick(at), &event);
        }
        self.counts.endless += usize::from(!ended);
        let end = self.tick(at);
        for ((device, channel, key), (begun, velocity)) in std::mem::take(&mut reading.open) {
            self.counts.hanging += 1;
            self.close(&mut reading, (device, channel, key), begun, velocity, end);
        }
        let shares_track = reading.parts.len() > 1;
        for ((device, channel), Played { notes, values }) in reading.parts {
            let name = reading.name.clone();
            let channel = Channel::from_status(channel);
            self.score.parts.push(Part { name, track: number, shares_track, device, channel, notes, values });
        }
        if number == 1 {
            self.score.name = reading.name;
        }
        Ok(())
    }

    fn event(&mut self, reading: &mut Reading, at: i64, event: &TrackEvent<'_>) {
        match event.kind {
            TrackEventKind::Midi { channel, message } => self.message(reading, at, channel.as_int(), message),
            TrackEventKind::Meta(message) => self.meta(reading, at, message),
            TrackEventKind::SysEx(_) | TrackEventKind::Escape(_) => self.counts.exclusive += 1,
        }
    }

    fn meta(&mut self, reading: &mut Reading, at: i64, message: MetaMessage<'_>) {
        match message {
            MetaMessage::TrackName(name) => reading.name = reading.name.take().or_else(|| text(name)),
            MetaMessage::DeviceName(name) => reading.device = text(name).or(reading.device.take()),
            MetaMessage::MidiPort(port) if reading.device.is_none() && port.as_int() > 0 => {
                reading.device = Some(format!("port {}", port.as_int() + 1));
            }
            MetaMessage::Tempo(micros) => {
                self.counts.tempos += 1;
                let bpm = 60e6 / f64::from(micros.as_int().max(1));
                if self.tempo.is_none_or(|(known, _)| at < known) {
                    self.tempo = Some((at, bpm));
                }
            }
            MetaMessage::TimeSignature(beats, power, ..) => {
                self.counts.meters += 1;
                let unit = 1u8.checked_shl(u32::from(power)).unwrap_or(0);
                if self.meter.is_none_or(|(known, ..)| at < known) {
                    self.meter = Some((at, beats, unit));
                }
            }
            // A sequencer's own data, lyrics and the like say nothing about what is played.
            _ => {}
        }
    }

    fn message(&mut self, reading: &mut Reading, at: i64, channel: u8, message: MidiMessage) {
        let device = reading.device.clone();
        let value = match message {
            MidiMessage::NoteOn { key, vel } => {
                let place = (device, channel, key.as_int());
                if let Some((begun, velocity)) = reading.open.remove(&place) {
                    match Velocity::new(vel.as_int()) {
                        None => self.close(reading, place, begun, velocity, at),
                        Some(next) => {
                            // An instrument begins anew, and the next off ends what sounds then.
                            self.counts.doubled += 1;
                            if at > begun {
                                self.close(reading, place.clone(), begun, velocity, at);
                            }
                            reading.open.insert(place, (at, next));
                        }
                    }
                } else if let Some(velocity) = Velocity::new(vel.as_int()) {
                    reading.open.insert(place, (at, velocity));
                } else {
                    self.counts.strays += 1;
                }
                return;
            }
            MidiMessage::NoteOff { key, .. } => {
                let place = (device, channel, key.as_int());
                match reading.open.remove(&place) {
                    Some((begun, velocity)) => self.close(reading, place, begun, velocity, at),
                    None => self.counts.strays += 1,
                }
                return;
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
        reading.parts.entry((device, channel)).or_default().values.push((at, value));
    }

    fn close(&mut self, reading: &mut Reading, place: Place, begun: i64, velocity: Velocity, end: i64) {
        let (device, channel, key) = place;
        if end <= begun {
            self.counts.empty += 1;
        }
        let note = Note { at: begun, key: Key::from_data(key), length: (end - begun).max(1), velocity };
        reading.parts.entry((device, channel)).or_default().notes.push(note);
    }

    fn finish(mut self) -> Score {
        self.counts.doubled += separate(&mut self.score.parts);
        for part in &mut self.score.parts {
            part.notes.sort_unstable();
        }
        let score = &mut self.score;
        if let Some((_, bpm)) = self.tempo {
            score.tempo = Tempo::from_bpm(bpm.clamp(Tempo::SLOWEST, Tempo::FASTEST));
            self.counts.odd_tempo = !(Tempo::SLOWEST..=Tempo::FASTEST).contains(&bpm);
        }
        if let Some((_, beats, unit)) = self.meter {
            score.meter = Meter::new(beats, unit);
            self.counts.odd_meter = score.meter.is_none();
        }
        score.remarks = self.counts.remarks();
        self.score
    }
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

impl Counts {
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut remark = |count: usize, one: &str, many: &str| match count {
            0 => {}
            1 => remarks.push(one.to_owned()),
            count => remarks.push(format!("{count} {many}")),
        };
        remark(
            self.hanging,
            "a note was never ended; it ends with its track",
            "notes were never ended; they end with their tracks",
        );
        remark(
            self.endless,
            "a track had no end; its last event was taken for it",
            "tracks had no end; their last events were taken for it",
        );
        remark(self.empty, "a note had no length; it lasts a tick", "notes had no length; they last a tick each");
        remark(
            self.doubled,
            "a key was struck while it sounded; the first note ends there",
            "times a key was struck while it sounded; the first note ends there",
        );
        remark(self.strays, "a note-off had no note to end", "note-offs had no note to end");
        remark(self.pressures, "aftertouch of a key is left out", "messages of aftertouch of single keys are left out");
        remark(self.exclusive, "a system exclusive message is left out", "system exclusive messages are left out");
        remark(
            self.tempos.saturating_sub(1),
            "the tempo changes once; the set keeps the first one",
            "changes of tempo are left out; the set keeps the first one",
        );
        remark(
            self.meters.saturating_sub(1),
            "the meter changes once; the set keeps the first one",
            "changes of meter are left out; the set keeps the first one",
        );
        if self.odd_tempo {
            remarks.push(format!("the tempo is held to {} to {} BPM", Tempo::SLOWEST, Tempo::FASTEST));
        }
        if self.odd_meter {
            remarks.push("a meter that no set can have was left out; bars have four quarters".to_owned());
        }
        remarks
    }
}

/// A text of the file, without what would disturb a line; `None` if nothing is left.
fn text(bytes: &[u8]) -> Option<String> {
    let text: String = String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
