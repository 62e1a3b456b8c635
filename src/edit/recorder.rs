//! Keys that are pressed while a pattern loops become notes.
//!
//! It is told what is pressed and where in the song that was, and looks at no clock. It begins on a bar line: what is pressed
//! at most half a line of the grid before that, since hands are early, is moved onto it, and what is earlier is not recorded.
//! From there on it goes round with the loop, each pass over those before, until it is finished.
//!
//! What is no note is not recorded, but counted, so that it can be said: a note that a pedal has held is written as short as its
//! key was down.
//!
//! Positions of notes count on from the beginning of the pattern over all passes; [`take`](super::take) folds them into the
//! loop. So a note that is held over the loop's end is a note like any other.

use std::collections::BTreeSet;

use super::take::Played;
use crate::engine::program::PortSlot;
use crate::midi::{Channel, Key, Message, Velocity};
use crate::time::{Tick, TickSpan};

/// Which keys are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyboard {
    /// The port they come from.
    pub port: PortSlot,
    /// The channel; without one, any.
    pub channel: Option<Channel>,
}

/// The loop that is recorded over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Where in the song the pattern began.
    pub origin: Tick,
    /// How long a pass is. Positive.
    pub length: TickSpan,
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The notes, by their beginnings, counted from the beginning of the pattern over all passes.
    pub notes: Vec<Played>,
    /// How many passes were begun.
    pub passes: i64,
    /// How many notes were not kept because there were more than [`Recorder::MOST_NOTES`].
    pub lost: usize,
    /// What was played and is not recorded.
    pub left_out: LeftOut,
}

/// What was played besides notes, or has made more of them than is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many notes a pedal held when their keys came up.
    pub held: usize,
    /// How many times a pedal went down.
    pub pedals: usize,
    /// How many pitch bends there were, values of pressure, and program changes.
    pub bends: usize,
    /// Of keys and of channels.
    pub pressure: usize,
    /// Programs.
    pub programs: usize,
    /// Other controllers, by their numbers.
    pub controllers: BTreeSet<u8>,
}

/// The pedals under which notes go on: sustain, sostenuto, hold 2. And those that do something else.
const HOLDING: [u8; 3] = [64, 66, 69];
const PEDALS: std::ops::RangeInclusive<u8> = 64..=69;
/// A pedal is down from this value on.
const DOWN: u8 = 64;

impl LeftOut {
    /// Returns what is left out, in sentences.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let times = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let numbers: Vec<String> = self.controllers.iter().map(u8::to_string).collect();
        let controllers = match &numbers[..] {
            [] => None,
            [one] => Some(format!("controller {one}")),
            [.., _] => Some(format!("controllers {}", numbers.join(", "))),
        };
        let kinds = [
            times(self.pedals, "press of a pedal", "presses of pedals"),
            times(self.bends, "pitch bend", "pitch bends"),
            times(self.pressure, "value of pressure", "values of pressure"),
            times(self.programs, "program change", "program changes"),
            controllers,
        ];
        let kinds: Vec<String> = kinds.into_iter().flatten().collect();
        let left_out = (!kinds.is_empty()).then(|| format!("not recorded: {}", kinds.join(", ")));
        let held = match self.held {
            0 => None,
            1 => Some("1 note ends with its key, though a pedal held it".to_owned()),
            held => Some(format!("{held} notes end with their keys, though a pedal held them")),
        };
        held.into_iter().chain(left_out).collect()
    }

    /// Takes note of a message that is no note.
    fn note(&mut self, message: Message) {
        match message {
            Message::ControlChange(_, number, value) if PEDALS.contains(&number) => {
                self.pedals += usize::from(value >= DOWN);
            }
            // A pedal is counted where it goes down; modes are no music.
            Message::ControlChange(_, 120..=127, _) => {}
            Message::ControlChange(_, number, _) => {
                self.controllers.insert(number);
            }
            Message::PitchBend(..) => self.bends += 1,
            Message::KeyPressure(..) | Message::ChannelPressure(..) => self.pressure += 1,
            Message::ProgramChange(..) => self.programs += 1,
            Message::NoteOn(..)
            | Message::NoteOff(..)
            | Message::QuarterFrame(_)
            | Message::SongPosition(_)
            | Message::SongSelect(_)
            | Message::TuneRequest
            | Message::Clock
            | Message::Start
            | Message::Continue
            | Message::Stop
            | Message::ActiveSensing
            | Message::Reset => {}
        }
    }
}

/// A recording that goes on.
#[derive(Clone, Debug)]
pub struct Recorder {
    keyboard: Keyboard,
    cycle: Cycle,
    bar: TickSpan,
    /// How early a key may be to count as on the first line.
    lead: TickSpan,
    /// From where on is recorded.
    begins: Tick,
    /// Keys that are down.
    held: Vec<Held>,
    /// For each pedal that holds notes, a bit for each channel where it is down.
    pedals: [u16; HOLDING.len()],
    recording: Recording,
}

/// A key that is down.
#[derive(Clone, Copy, Debug)]
struct Held {
    channel: Channel,
    key: Key,
    velocity: Velocity,
    on: Tick,
    /// By how much it was early for the first line.
    early: TickSpan,
}

impl Recorder {
    /// The most notes of a recording: an hour of sixteenths at 125 BPM. Later ones are counted and not kept.
    pub const MOST_NOTES: usize = 30_000;

    /// A recorder that begins at the first bar line of the pattern at or after `now`. `bar` and `grid` are positive.
    #[must_use]
    pub fn new(keyboard: Keyboard, cycle: Cycle, bar: TickSpan, grid: TickSpan, now: Tick) -> Recorder {
        let lead = TickSpan(grid.0 / 2);
        let begins = bar_line(cycle, bar, now);
        Recorder {
            keyboard,
            cycle,
            bar,
            lead,
            begins,
            held: Vec::new(),
            pedals: [0; HOLDING.len()],
            recording: Recording::default(),
        }
    }

    /// Returns from where on is recorded.
    #[must_use]
    pub fn begins(&self) -> Tick {
        self.begins
    }

    /// Returns which pass is recorded at `now`, from 1; 0 before it begins.
    #[must_use]
    pub fn pass(&self, now: Tick) -> i64 {
        let since = now.0 - self.begins.0;
        let begun = if since < 0 { 0 } else { since / self.cycle.length.0 + 1 };
        self.recording.passes + begun
    }

    /// Something came in from `port` at `at`. Only notes of the keyboard count.
    pub fn heard(&mut self, at: Tick, port: PortSlot, message: Message) {
        let is_meant = |channel: Channel| self.keyboard.channel.is_none_or(|wanted| wanted == channel);
        match message {
            Message::NoteOn(channel, key, velocity) if port == self.keyboard.port && is_meant(channel) => {
                // Without its note-off in between, the instrument would have ended it here.
                self.close(at, |held| (held.channel, held.key) == (channel, key));
                let early = TickSpan((self.begins.0 - at.0).max(0));
                if early <= self.lead {
                    self.held.push(Held { channel, key, velocity, on: at, early });
                }
            }
            Message::NoteOff(channel, key, _) if port == self.keyboard.port => {
                let before = self.held.len();
                self.close(at, |held| (held.channel, held.key) == (channel, key));
                if self.pedals.iter().any(|pedal| pedal >> channel.index() & 1 == 1) {
                    self.recording.left_out.held += before - self.held.len();
                }
            }
            other if port == self.keyboard.port && other.channel().is_some_and(is_meant) => self.leave_out(at, other),
            _ => {}
        }
    }

    /// Something came in that is no note.
    fn leave_out(&mut self, at: Tick, message: Message) {
        let mut moves = true;
        if let Message::ControlChange(channel, number, value) = message
            && let Some(pedal) = HOLDING.iter().position(|&known| known == number)
        {
            // One that is down when the recording begins holds notes of it.
            let bit = 1 << channel.index();
            let was_down = self.pedals[pedal] & bit != 0;
            self.pedals[pedal] = if value >= DOWN { self.pedals[pedal] | bit } else { self.pedals[pedal] & !bit };
            moves = !was_down;
        }
        if at >= self.begins && moves {
            self.recording.left_out.note(message);
        }
    }

    /// The music stopped at `at`: keys that are down end there. Recording goes on where the music does.
    pub fn stopped(&mut self, at: Tick) {
        self.close(at, |_| true);
    }

    /// The position jumped from `left` to `to`, or the pattern was begun anew: keys that are down end where it was, and the
    /// recording goes on in `cycle`; if it had not begun yet, from its next bar line on.
    pub fn jumped(&mut self, left: Tick, to: Tick, cycle: Cycle) {
        self.stopped(left);
        let has_begun = left > self.begins;
        if has_begun {
            self.recording.passes = self.pass(Tick(left.0 - 1));
        }
        self.begins = if has_begun { to } else { bar_line(cycle, self.bar, to) };
        self.cycle = cycle;
    }

    /// Ends the recording at `at`: keys that are down end there.
    #[must_use]
    pub fn finish(mut self, at: Tick) -> Recording {
        self.stopped(at);
        let passes = self.pass(Tick(at.0 - 1));
        self.recording.notes.sort_unstable();
        Recording { passes, ..self.recording }
    }

    /// Ends the keys that are meant.
    fn close(&mut self, at: Tick, is_meant: impl Fn(&Held) -> bool) {
        let Recorder { held, recording, cycle, .. } = self;
        held.retain(|note| {
            if !is_meant(note) {
                return true;
            }
            if recording.notes.len() >= Recorder::MOST_NOTES {
                recording.lost += 1;
                return false;
            }
            // What was early for the first line is moved as a whole, so that a short note stays one.
            let from_origin = |tick: Tick| TickSpan(tick.0 + note.early.0 - cycle.origin.0);
            let on = from_origin(note.on);
            let off = TickSpan(from_origin(at).0.max(on.0 + 1));
            recording.notes.push(Played { on, off, key: note.key, velocity: note.velocity });
            false
        });
    }
}

/// The first bar line of the pattern at or after `now`.
fn bar_line(cycle: Cycle, bar: TickSpan, now: Tick) -> Tick {
    let since = (now.0 - cycle.origin.0).max(0);
    Tick(cycle.origin.0 + (since + bar.0 - 1).div_euclid(bar.0) * bar.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: PortSlot = PortSlot(1);
    const CYCLE: Cycle = Cycle { origin: Tick(10_000), length: TickSpan(7_680) };

    fn channel(number: u8) -> Channel {
        Channel::from_number(number).unwrap()
    }

    fn recorder(now: i64) -> Recorder {
        let keyboard = Keyboard { port: PORT, channel: Some(channel(1)) };
        Recorder::new(keyboard, CYCLE, TickSpan(3_840), TickSpan(240), Tick(now))
    }

    fn on(key: u8) -> Message {
        Message::NoteOn(channel(1), Key::from_data(key), Velocity::new(90).unwrap())
    }

    fn off(key: u8) -> Message {
        Message::NoteOff(channel(1), Key::from_data(key), 64)
    }

    /// Returns what is recorded of messages, as beginning, end and key.
    fn recorded(now: i64, messages: &[(i64, Message)], end: i64) -> Vec<(i64, i64, u8)> {
        let mut recorder = recorder(now);
        messages.iter().for_each(|&(at, message)| recorder.heard(Tick(at), PORT, message));
        let notes = recorder.finish(Tick(end)).notes;
        notes.iter().map(|note| (note.on.0, note.off.0, note.key.number())).collect()
    }

    #[test]
    fn it_begins_on_a_bar_line() {
        let begins = [0, 10_000, 10_001, 13_840, 13_841].map(|now| recorder(now).begins().0);
        assert_eq!(begins, [10_000, 10_000, 13_840, 13_840, 17_680]);
    }

    #[test]
    fn what_is_a_little_early_is_on_the_line_and_what_is_earlier_is_not_recorded() {
        let messages = [
            (13_719, on(60)),
            (13_720, on(62)),
            (13_800, off(62)),
            (13_830, on(64)),
            (14_080, off(64)),
            (14_100, off(60)),
        ];
        assert_eq!(recorded(12_000, &messages, 20_000), [(3_840, 3_920, 62), (3_840, 4_090, 64)]);
    }

    #[test]
    fn passes_go_on_and_what_is_held_ends_with_the_recording() {
        let messages = [(17_600, on(60)), (17_800, off(60)), (25_500, on(62))];
        assert_eq!(recorded(0, &messages, 26_000), [(7_600, 7_800, 60), (15_500, 16_000, 62)]);
        let recorder = recorder(0);
        assert_eq!([9_999, 10_000, 17_679, 17_680].map(|now| recorder.pass(Tick(now))), [0, 1, 1, 2]);
        assert_eq!(recorder.clone().finish(Tick(17_680)).passes, 1);
        assert_eq!(recorder.finish(Tick(17_681)).passes, 2);
    }

    #[test]
    fn other_ports_channels_and_messages_do_not_count() {
        let mut recorder = recorder(0);
        recorder.heard(Tick(10_000), PortSlot(0), on(60));
        recorder.heard(Tick(10_000), PORT, Message::NoteOn(channel(2), Key::from_data(60), Velocity::MAX));
        recorder.heard(Tick(10_000), PORT, Message::ControlChange(channel(1), 74, 1));
        recorder.heard(Tick(10_100), PORT, off(60));
        let left_out = LeftOut { controllers: [74].into(), ..LeftOut::default() };
        assert_eq!(recorder.finish(Tick(11_000)), Recording { notes: Vec::new(), passes: 1, lost: 0, left_out });
    }

    #[test]
    fn what_is_not_recorded_is_said() {
        let control = |number, value| Message::ControlChange(channel(1), number, value);
        let messages = [
            // Before it begins, and still down.
            (9_000, control(64, 127)),
            (9_100, Message::PitchBend(channel(1), 9)),
            (10_000, on(60)),
            (10_100, off(60)),
            (10_200, control(64, 100)),
            (10_300, control(64, 0)),
            (10_400, on(62)),
            (10_500, control(66, 64)),
            (10_600, off(62)),
            (10_650, control(66, 0)),
            (10_700, on(64)),
            (10_800, off(64)),
            (10_900, control(67, 127)),
            (10_900, control(1, 5)),
            (10_901, control(1, 6)),
            (10_902, control(11, 6)),
            (10_903, Message::PitchBend(channel(1), 9)),
            (10_904, Message::ChannelPressure(channel(1), 9)),
            (10_905, Message::KeyPressure(channel(1), Key::from_data(64), 9)),
            (10_906, Message::ProgramChange(channel(1), 9)),
            (10_907, control(123, 0)),
            (10_908, Message::PitchBend(channel(2), 9)),
        ];
        let mut recorder = recorder(0);
        messages.iter().for_each(|&(at, message)| recorder.heard(Tick(at), PORT, message));
        let recording = recorder.finish(Tick(20_000));
        assert_eq!((recording.notes.len(), recording.left_out.held), (3, 2));
        let expected = [
            "2 notes end with their keys, though a pedal held them",
            "not recorded: 2 presses of pedals, 1 pitch bend, 2 values of pressure, 1 program change, controllers 1, 11",
        ];
        assert_eq!(recording.left_out.remarks(), expected);
        assert_eq!(LeftOut::default().remarks(), [""; 0]);
        let one = LeftOut { held: 1, controllers: [1].into(), ..LeftOut::default() };
        assert_eq!(one.remarks(), ["1 note ends with its key, though a pedal held it", "not recorded: controller 1"]);
    }

    #[test]
    fn a_key_without_its_end_ends_where_it_is_struck_again() {
        let messages = [(10_000, on(60)), (10_480, on(60)), (10_480, off(60)), (10_600, off(60))];
        assert_eq!(recorded(0, &messages, 20_000), [(0, 480, 60), (480, 481, 60)]);
    }

    #[test]
    fn after_a_stop_and_a_jump_it_goes_on_from_there() {
        let mut recorder = recorder(0);
        recorder.heard(Tick(12_000), PORT, on(60));
        recorder.stopped(Tick(12_500));
        recorder.heard(Tick(12_600), PORT, off(60));
        recorder.heard(Tick(13_000), PORT, on(62));
        recorder.jumped(Tick(13_100), Tick(0), Cycle { origin: Tick(0), ..CYCLE });
        recorder.heard(Tick(100), PORT, on(64));
        let recording = recorder.finish(Tick(200));
        let notes: Vec<_> = recording.notes.iter().map(|note| (note.on.0, note.off.0)).collect();
        assert_eq!((notes, recording.passes), (vec![(100, 200), (2_000, 2_500), (3_000, 3_100)], 2));
    }

    #[test]
    fn a_jump_before_it_begins_waits_for_the_next_bar_line() {
        let mut recorder = recorder(10_100);
        recorder.jumped(Tick(10_200), Tick(500), Cycle { origin: Tick(0), ..CYCLE });
        assert_eq!((recorder.begins(), recorder.finish(Tick(600)).passes), (Tick(3_840), 0));
    }

    #[test]
    fn too_many_notes_are_counted() {
        let mut recorder = recorder(0);
        for at in 0..=Recorder::MOST_NOTES as i64 {
            recorder.heard(Tick(10_000 + at), PORT, on(60));
        }
        let recording = recorder.finish(Tick(100_000));
        assert_eq!((recording.notes.len(), recording.lost), (Recorder::MOST_NOTES, 1));
    }
}
