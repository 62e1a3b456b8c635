//! What has left lately, and what of it a message that comes in may be.

use crate::engine::program::PortSlot;
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// What comes back later than this is not looked for.
pub(crate) const LONGEST_LAG: Span = Span::from_millis(60);

/// By how much a lag may differ and still be the same: what comes back through a computer waits for its next period. Of what
/// is known to come back, by twice as much.
pub(crate) const TOLERANCE: Span = Span::from_millis(6);

/// How many messages are remembered: more than three wires of DIN carry in that time.
const REMEMBERED: usize = 192;

/// How a message may have come back: the port that it left by, and by how much its key is off, if it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Way {
    pub sent_to: PortSlot,
    pub by: Option<i8>,
}

/// A message that has left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub at: Nanos,
    pub port: PortSlot,
    pub message: Message,
    /// By which of the loops it has come back: by each it does so once.
    returned: u8,
}

/// The messages that left last.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    sent: [Sent; REMEMBERED],
    /// How many there have been.
    count: usize,
}

impl Trail {
    pub(crate) const EMPTY: Trail = Trail {
        sent: [Sent { at: Nanos(0), port: PortSlot(0), message: Message::ActiveSensing, returned: 0 }; REMEMBERED],
        count: 0,
    };

    /// `message` leaves by `port` at `at`. What ends notes, and what belongs to no channel, is not looked for.
    pub(crate) fn push(&mut self, at: Nanos, port: PortSlot, message: Message) {
        if matches!(
            message,
            Message::NoteOn(..)
                | Message::KeyPressure(..)
                | Message::ControlChange(..)
                | Message::ProgramChange(..)
                | Message::ChannelPressure(..)
                | Message::PitchBend(..)
        ) {
            self.sent[self.count % REMEMBERED] = Sent { at, port, message, returned: 0 };
            self.count += 1;
        }
    }

    /// Returns what `heard` may be that came at `at`, the latest first: each with its way and its lag.
    pub(crate) fn sources(&self, at: Nanos, heard: Message) -> impl Iterator<Item = (Sent, Way, Span)> {
        let places = (self.count.saturating_sub(REMEMBERED)..self.count).rev();
        let lately = places.map(|place| self.sent[place % REMEMBERED]).map(move |sent| (sent, at.since(sent.at)));
        lately.take_while(|(_, lag)| *lag <= LONGEST_LAG).filter_map(move |(sent, lag)| {
            // What it has itself brought about leaves at its own time.
            let by = key_shift(sent.message, heard).filter(|_| lag > Span::ZERO)?;
            Some((sent, Way { sent_to: sent.port, by }, lag))
        })
    }

    /// Returns whether `heard`, which came at `at`, is something that comes back by `way` after `lag`, which is loop `number` of at
    /// most 8. If so, it counts as returned.
    pub(crate) fn take(&mut self, at: Nanos, heard: Message, way: Way, lag: Span, number: u32) -> bool {
        for place in (self.count.saturating_sub(REMEMBERED)..self.count).rev() {
            let sent = &mut self.sent[place % REMEMBERED];
            let took = at.since(sent.at);
            if took > LONGEST_LAG + Span(2 * TOLERANCE.0) {
                return false;
            }
            let fits = took > Span::ZERO
                && (took - lag).0.abs() <= 2 * TOLERANCE.0
                && sent.port == way.sent_to
                && sent.returned >> number & 1 == 0;
            if fits && key_shift(sent.message, heard).is_some_and(|by| by.is_none() || by == way.by) {
                sent.returned |= 1 << number;
                return true;
            }
        }
        false
    }
}

/// Returns whether two lags are the same.
pub(crate) fn is_same(one: Span, other: Span) -> bool {
    (one - other).0.abs() <= TOLERANCE.0
}

/// Returns by how many semitones `heard` is off, if it may be `sent`, whatever its channel and velocity; of what has no key, none.
fn key_shift(sent: Message, heard: Message) -> Option<Option<i8>> {
    let shift = |from: crate::midi::Key, to: crate::midi::Key| Some(Some(to.number() as i8 - from.number() as i8));
    let same = |is_same: bool| is_same.then_some(None);
    match (sent, heard) {
        (Message::NoteOn(_, from, _), Message::NoteOn(_, to, _)) => shift(from, to),
        (Message::KeyPressure(_, from, value), Message::KeyPressure(_, to, other)) if value == other => shift(from, to),
        (Message::ControlChange(_, number, value), Message::ControlChange(_, other, set)) => {
            same((number, value) == (other, set))
        }
        (Message::ProgramChange(_, number), Message::ProgramChange(_, other)) => same(number == other),
        (Message::ChannelPressure(_, value), Message::ChannelPressure(_, other)) => same(value == other),
        (Message::PitchBend(_, value), Message::PitchBend(_, other)) => same(value == other),
        _ => None,
    }
}
