//! What the engine has decided to send: a bounded queue between the music and the wire.
//!
//! The engine fills it in order of due time. Within one due time the order on each wire is: clock and transport bytes,
//! note-offs, note-ons in the order of the lanes. The driver drains it by sending. A full outbox is not an error: the
//! engine stops where it is, says so ([`Progress::OutboxFull`](super::Progress)), and goes on when there is room.

use super::Moment;
use super::fixed::Queue;
use crate::engine::program::{MAX_PORTS, PortSlot, TrackSlot};
use crate::midi::Message;
use crate::time::{Nanos, Tick};

/// How many messages fit: the most that one step of the engine makes (one message to each port, or an off that makes way,
/// another for a port that has come back, the three messages of a panic and the eight of the channel's mode that a note must
/// not be cut by, and an on), and no more. So the first message of a batch has left before the others are thought of.
pub const OUTBOX_CAPACITY: usize = MAX_PORTS;
const _: () = assert!(OUTBOX_CAPACITY >= 15);

/// One message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Departure {
    /// When it should leave.
    pub due: Nanos,
    /// By which port.
    pub port: PortSlot,
    /// What leaves.
    pub message: Message,
    /// The position in the song that it belongs to; for what belongs to none, the position at that time.
    pub tick: Tick,
    /// The track that it belongs to; none for what concerns a port as a whole.
    pub track: Option<TrackSlot>,
    /// How many were made before it; the outbox counts.
    pub number: u64,
}

const _: () = assert!(!core::mem::needs_drop::<Departure>());

impl Departure {
    /// A message that the engine has not made: it should have left long ago, and belongs to nothing.
    #[must_use]
    pub const fn at_once(port: PortSlot, message: Message) -> Departure {
        Departure { due: Nanos(0), port, message, tick: Tick::ZERO, track: None, number: 0 }
    }
}

/// The queue of departures. Real-time safe after construction.
#[derive(Debug)]
pub struct Outbox {
    queue: Queue<Departure>,
    made: u64,
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox { queue: Queue::with_capacity(OUTBOX_CAPACITY), made: 0 }
    }
}

impl Outbox {
    /// Takes what leaves next.
    pub fn pop(&mut self) -> Option<Departure> {
        self.queue.pop()
    }

    /// Returns how many more messages fit.
    #[must_use]
    pub fn free(&self) -> usize {
        self.queue.free()
    }

    /// Returns what is in it, in the order in which it leaves.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Departure> {
        self.queue.iter()
    }

    /// Returns how many departures there have been.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Adds a departure; the engine asks [`Outbox::free`] first.
    pub(super) fn push(&mut self, departure: Departure) {
        let pushed = self.queue.push(Departure { number: self.made, ..departure });
        self.made += 1;
        debug_assert!(pushed.is_ok(), "the engine pushed into a full outbox");
    }
}

/// A message that belongs to no track.
pub(in crate::engine) fn departure(moment: Moment, port: PortSlot, message: Message) -> Departure {
    Departure { due: moment.time, port, message, tick: moment.tick, track: None, number: 0 }
}
