//! What the real-time thread tells of what it did: every call that the engine got, and every message that it made.
//!
//! Both go by lossy rings, in the order in which they happened. Their running numbers show what has been lost: the calls are
//! numbered by the thread, and the messages by the engine, which makes them in another order where it was ahead.

use crate::engine::program::{PortSlot, TrackSlot};
use crate::engine::{Call, Mark};
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos, Tick};

/// A MIDI message that the engine made, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its number among all that the engine made, from 0.
    pub number: u64,
    /// When it was due.
    pub due: Nanos,
    /// The time just before it was sent, or when it was decided that it is not.
    pub at: Nanos,
    /// The position in the song that it belongs to.
    pub tick: Tick,
    /// By which port it went.
    pub port: PortSlot,
    /// The track that it belongs to; none for what concerns a port as a whole.
    pub track: Option<TrackSlot>,
    /// What went.
    pub message: Message,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The port took it.
    Sent,
    /// The port refused it.
    Refused,
    /// There was nobody to send it to, or it would have ended a note that was never sent.
    Absent,
    /// It was a note, and too late to be played.
    Skipped,
}

impl Fate {
    /// Returns whether it was tried to send it.
    #[must_use]
    pub const fn was_tried(self) -> bool {
        matches!(self, Fate::Sent | Fate::Refused)
    }
}

/// A call that the engine got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    /// Its number among all calls, from 0.
    pub number: u64,
    /// Its time.
    pub at: Nanos,
    /// Where the music was after it.
    pub tick: Tick,
    /// How far the engine was before it.
    pub mark: Mark,
    /// What it was told.
    pub call: Call,
    /// Of a message that came in: its stamp by the driver.
    pub device: DeviceTime,
    /// Whether it was a message of our own that came back, and did nothing. A log does not hold it.
    pub returned: bool,
}

impl Called {
    /// The message that came in, if that is what the engine was told and heard.
    #[must_use]
    pub fn heard(&self) -> Option<Heard> {
        let Called { at, tick, call, returned, .. } = *self;
        match call {
            Call::Input(port, message) if !returned => Some(Heard { at, tick, port, message }),
            _ => None,
        }
    }
}

/// A MIDI message that came in, when the engine had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When it came.
    pub at: Nanos,
    /// Where the music was then.
    pub tick: Tick,
    /// By which port it came.
    pub port: PortSlot,
    /// What came.
    pub message: Message,
}

const _: () = assert!(!core::mem::needs_drop::<Sent>());
const _: () = assert!(!core::mem::needs_drop::<Called>());
