//! Keys that are pressed while a pattern loops become notes.
//!
//! It is told what is pressed and where in the song that was, and looks at no clock. It begins on a bar line: what is pressed
//! at most half a line of the grid before that, since hands are early, is moved onto it, and what is earlier is not recorded.
//! From there on it goes round with the loop, each pass over those before, until it is finished.
//!
//! Positions of notes count on from the beginning of the pattern over all passes; [`take`](super::take) folds them into the
//! loop. So a note that is held over the loop's end is a note like any other.

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
        Recorder { keyboard, cycle, bar, lead, begins, held: Vec::new(), recording: Recording::default() }
    }

    /// From where on is recorded.
    #[must_use]
    pub fn begins(&self) -> Tick {
        self.begins
    }

    /// Which pass is recorded at `now`, from 1; 0 before it begins.
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
                self.close(at, |held| (held.channel, held.key) == (channel, key));
            }
            _ => {}
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

    /// What is recorded of messages, as beginning, end and key.
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
        assert_eq!(recorder.finish(Tick(11_000)), Recording { notes: Vec::new(), passes: 1, lost: 0 });
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
