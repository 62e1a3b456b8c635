//! Playing by hand: what comes in on a keyboard and goes on to a track's instrument at once.
//!
//! Notes with both their velocities, pressure, pitch bend and controllers are passed on, byte for byte but for the channel; the
//! keys are moved by as many semitones as the set says, and by nothing else. Programs, clock and transport, and system exclusive
//! are not. What is bound to a command is not passed on. A note of a key shares the ledger with the sequence, so the
//! same rule holds: a key of an instrument sounds at most once, and striking it again, by whomever, ends it first. It lasts
//! until its key comes up, and the end goes to where the note went, whatever has changed meanwhile.
//!
//! - A mute, or the solo of others, silences the track, whoever plays it. What hands move goes on all the same.
//! - STOP, a panic and the end of the show end all notes; another program those whose track has gone elsewhere; START and a song position only those of the
//!   sequence: who holds a chord while the drums begin still holds it.
//! - What ends notes also brings the pedals, wheels and pressure home that were passed on, as `homing` says:
//!   a note under a pedal that never comes up would sound forever.
//! - Channel mode messages (120 to 127) do not go on, because they would silence the sequence as well. All sound off and all
//!   notes off end what the keyboard's channel holds.
//! - An instrument that sends back what it gets is not answered: of a track whose keyboard is its own instrument, nothing is
//!   passed on that has just been sent there.
//!
//! - What comes back of what was played is not heard again, as `feedback` says. Until that has been found
//!   out, this bounds it: of more than [`AT_ONCE`] notes at once on an input, one in each [`NOTE_EVERY`] is passed on. Ten
//!   fingers play a tenth of that.
//!
//! Bounded: a message goes to at most [`MAX_THRUS`] tracks, and at most [`MAX_THRU_NOTES`] notes of keys are known at once; one
//! more ends the oldest. What comes in waits for the next [`Engine::advance`], where it leaves before all that is due later.

use crate::engine::Engine;
use crate::engine::Moment;
use crate::engine::fixed::{PortMap, Queue, Slots};
use crate::engine::outbox::departure;
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::ports::homing::{AWAY, By};
use crate::engine::ports::ledger::HELD;
use crate::engine::program::{MAX_THRUS, PortSlot, Program, Thru, TrackSlot};
use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Span};

/// How many notes of keys are known at once.
pub const MAX_THRU_NOTES: usize = 64;

/// How many messages can wait; the driver advances between them.
const WAITING: usize = 8;

/// How many notes of an input are passed on at once.
pub const AT_ONCE: i64 = 128;
/// How long after that one more is.
pub const NOTE_EVERY: Span = Span::from_millis(2);

/// A note of a key.
#[derive(Clone, Copy, Debug)]
struct ThruNote {
    /// The key that holds it.
    from: (PortSlot, Channel, Key),
    /// The track that it plays, where it sounds, and which of the notes there it is.
    track: TrackSlot,
    to: (PortSlot, Channel, Key),
    serial: u64,
}

/// A message that has come in.
#[derive(Clone, Copy, Debug)]
struct Heard {
    moment: Moment,
    port: PortSlot,
    message: Message,
}

/// What hands play. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct ThruNotes {
    waiting: Queue<Heard>,
    /// To how many tracks the first of them has gone.
    gone_to: usize,
    /// The oldest first; the first `held` count.
    down: Slots<ThruNote>,
    held: usize,
    /// For each way to a track, what went there last, if the instrument could send it back.
    last: Slots<Option<Message>>,
    passing: PortMap<Passing>,
}

/// How many notes of an input are passed on.
#[derive(Clone, Copy, Debug)]
struct Passing {
    /// Until when its share is used up.
    spent_until: Nanos,
    /// How many more there were.
    refused: u64,
}

impl Default for ThruNotes {
    fn default() -> ThruNotes {
        let nowhere = (PortSlot(0), Channel::from_status(0), Key::from_data(0));
        let finger = ThruNote { from: nowhere, track: TrackSlot(0), to: nowhere, serial: 0 };
        ThruNotes {
            waiting: Queue::with_capacity(WAITING),
            gone_to: 0,
            down: Slots::from_fn(MAX_THRU_NOTES, |_| finger),
            held: 0,
            last: Slots::from_fn(MAX_THRUS, |_| None),
            passing: PortMap::from_fn(|_| Passing { spent_until: Nanos(0), refused: 0 }),
        }
    }
}

impl ThruNotes {
    /// Returns when what waits is due: it was, when it came.
    pub(crate) fn due(&self) -> Option<Nanos> {
        self.waiting.front().map(|heard| heard.moment.time)
    }

    /// Returns whether one more note of `port` may be passed on at `at`.
    fn affords(&mut self, at: Nanos, port: PortSlot) -> bool {
        let Some(passing) = self.passing.get_mut(port) else { return false };
        if passing.spent_until.since(at).0 > (AT_ONCE - 1) * NOTE_EVERY.0 {
            passing.refused += 1;
            return false;
        }
        passing.spent_until = passing.spent_until.max(at) + NOTE_EVERY;
        true
    }

    /// Returns how many notes of `port` were too many.
    pub(crate) fn refused(&self, port: PortSlot) -> u64 {
        self.passing.get(port).map_or(0, |passing| passing.refused)
    }

    /// Takes out a note that `from` is true of, the oldest first.
    fn lift(&mut self, from: impl Fn(&ThruNote) -> bool) -> Option<ThruNote> {
        let index = self.down[..self.held].iter().position(from)?;
        let finger = self.down[index];
        self.down.copy_within(index + 1..self.held, index);
        self.held -= 1;
        Some(finger)
    }
}

/// What a message does to a key or a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touch {
    Down(Channel, Key),
    /// With its release velocity.
    Up(Channel, Key, u8),
    /// All keys of a channel come up.
    AllUp(Channel),
    Press(Channel, Key, u8),
    Other(Channel),
}

impl Touch {
    fn of(message: Message) -> Option<Touch> {
        match message {
            Message::NoteOn(channel, key, _) => Some(Touch::Down(channel, key)),
            Message::NoteOff(channel, key, release) => Some(Touch::Up(channel, key, release)),
            Message::KeyPressure(channel, key, value) => Some(Touch::Press(channel, key, value)),
            Message::ControlChange(channel, 120 | 123, _) => Some(Touch::AllUp(channel)),
            Message::ControlChange(_, 121..=127, _) => None,
            Message::ControlChange(channel, ..)
            | Message::ChannelPressure(channel, _)
            | Message::PitchBend(channel, _) => Some(Touch::Other(channel)),
            _ => None,
        }
    }
}

/// The message as it goes on, on `channel`.
fn on(channel: Channel, message: Message) -> Message {
    match message {
        Message::ControlChange(_, number, value) => Message::ControlChange(channel, number, value),
        Message::ChannelPressure(_, value) => Message::ChannelPressure(channel, value),
        Message::PitchBend(_, bend) => Message::PitchBend(channel, bend),
        other => other,
    }
}

impl Engine {
    /// A message came in that may go on to tracks. `is_bound` says that it does something else.
    pub(in crate::engine) fn hear(
        &mut self,
        program: &Program,
        at: Nanos,
        port: PortSlot,
        message: Message,
        is_bound: bool,
    ) {
        // A key that came up ends its note, whatever it has been bound to meanwhile.
        let ends = matches!(Touch::of(message), Some(Touch::Up(..) | Touch::AllUp(_))) && self.thru_notes.held > 0;
        let mut affords = || !matches!(message, Message::NoteOn(..)) || self.thru_notes.affords(at, port);
        if ends || !is_bound && program.thrus.iter().any(|thru| thru.port == port) && affords() {
            let queued = self.thru_notes.waiting.push(Heard { moment: self.moment(at), port, message });
            debug_assert!(queued.is_ok(), "input without advance between");
        }
    }

    /// The input at `port` is gone, with whatever was held there.
    pub(in crate::engine) fn let_go(&mut self, at: Nanos, port: PortSlot) {
        let moment = self.moment(at);
        self.keyboards.let_go(port);
        while let Some(finger) = self.thru_notes.lift(|finger| finger.from.0 == port) {
            let (port, channel, key) = finger.to;
            self.ports[port].ledger.cut_struck(channel, key, finger.serial, moment.tick);
        }
        self.release_cut(moment);
        self.homing.release(moment, |away| away.by == By::Hand(port));
    }

    /// Sends what comes next of what hands play: a few messages.
    pub(in crate::engine) fn pass_on(&mut self, program: &Program, out: &mut Outbox) {
        let Some(heard) = self.thru_notes.waiting.front().copied() else { return };
        if !self.pass_on_part(program, heard, out) {
            self.thru_notes.waiting.pop();
            self.thru_notes.gone_to = 0;
        }
    }

    /// Sends a part of what `heard` makes leave. Whether there is more to it.
    fn pass_on_part(&mut self, program: &Program, heard: Heard, out: &mut Outbox) -> bool {
        let Heard { moment, port, message } = heard;
        let Some(touch) = Touch::of(message) else { return false };
        match touch {
            Touch::Up(channel, key, release) => {
                self.lift_one(release, moment, out, |finger| finger.from == (port, channel, key))
            }
            Touch::AllUp(channel) => {
                self.lift_one(0, moment, out, |finger| (finger.from.0, finger.from.1) == (port, channel))
            }
            Touch::Down(channel, key) => {
                if self.thru_notes.gone_to == 0
                    && !self.is_echo(program, port, channel, key)
                    && self.lift_one(0, moment, out, |finger| finger.from == (port, channel, key))
                {
                    return true;
                }
                let next = |(_, thru): &(usize, &Thru)| thru.hears(port, channel);
                let mut thrus = program.thrus.iter().enumerate().skip(self.thru_notes.gone_to);
                let Some((index, thru)) = thrus.find(next) else { return false };
                self.thru_notes.gone_to = index + 1;
                self.play_by_hand(program, thru, heard, out);
                true
            }
            Touch::Press(channel, key, value) => {
                for finger in &self.thru_notes.down[..self.thru_notes.held] {
                    let (to, on, pressed) = finger.to;
                    if finger.from == (port, channel, key) {
                        let message = Message::KeyPressure(on, pressed, value);
                        self.homing.note(to, message, finger.track, By::Hand(port), AWAY);
                        self.wires.offer(departure(moment, to, message), out);
                    }
                }
                false
            }
            Touch::Other(channel) => {
                let next = |(_, thru): &(usize, &Thru)| thru.hears(port, channel);
                let mut thrus = program.thrus.iter().enumerate().take(MAX_THRUS).skip(self.thru_notes.gone_to);
                let Some((index, _)) = thrus.find(next) else { return false };
                self.thru_notes.gone_to = index + 1;
                self.move_by_hand(program, index, heard, out);
                true
            }
        }
    }

    /// Ends the oldest note that `of` is true of, with a release velocity. Whether there was one.
    fn lift_one(&mut self, release: u8, moment: Moment, out: &mut Outbox, of: impl Fn(&ThruNote) -> bool) -> bool {
        let Some(finger) = self.thru_notes.lift(of) else { return false };
        let (port, channel, key) = finger.to;
        if let Some(note) = self.ports[port].ledger.struck(channel, key, finger.serial) {
            self.end_note_with(release, port, note, moment, out);
        }
        true
    }

    /// Returns whether a key that goes down is a note that hands have there already: an instrument sends back what it got.
    fn is_echo(&self, program: &Program, port: PortSlot, channel: Channel, key: Key) -> bool {
        let back = |finger: &ThruNote| {
            finger.to == (port, channel, key)
                && finger.from.2 == key
                && self.ports[port].ledger.struck(channel, key, finger.serial).is_some()
        };
        program.thrus.iter().any(|thru| thru.hears(port, channel))
            && self.thru_notes.down[..self.thru_notes.held].iter().any(back)
    }

    fn play_by_hand(&mut self, program: &Program, thru: &Thru, heard: Heard, out: &mut Outbox) {
        let (Message::NoteOn(channel, key, velocity), Heard { moment, port, .. }) = (heard.message, heard) else {
            return;
        };
        let Some(track) = program.track(thru.track).filter(|_| self.mixer.hears(thru.track)) else {
            return;
        };
        // Whoever has come back does not have its sound yet.
        if self.recovery.is_told(track.port) {
            return;
        }
        if thru.port == track.port && self.is_echo(program, port, channel, key) {
            return;
        }
        if self.thru_notes.held == MAX_THRU_NOTES {
            self.lift_one(0, moment, out, |_| true);
        }
        let to = (track.port, track.channel, key.transposed(i32::from(thru.by)));
        let serial = self.begin_note(thru.track, to, velocity, HELD, moment, out);
        self.thru_notes.down[self.thru_notes.held] =
            ThruNote { from: (port, channel, key), track: thru.track, to, serial };
        self.thru_notes.held += 1;
    }

    fn move_by_hand(&mut self, program: &Program, index: usize, heard: Heard, out: &mut Outbox) {
        let Some(thru) = program.thrus.get(index) else { return };
        let Some(track) = program.track(thru.track) else { return };
        let message = on(track.channel, heard.message);
        let last = &mut self.thru_notes.last[index];
        if *last == Some(message) && heard.message == message {
            return;
        }
        *last = (thru.port == track.port).then_some(message);
        self.homing.note(track.port, message, thru.track, By::Hand(heard.port), AWAY);
        self.wires.offer(Departure { track: Some(thru.track), ..departure(heard.moment, track.port, message) }, out);
    }
}
