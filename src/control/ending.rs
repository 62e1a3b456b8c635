//! When a show ends, and why it did.

use std::time::Instant;

use super::signals::Signals;
use crate::engine::program::PortSlot;

/// Why a show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The real-time thread ended: at its end position, or by itself.
    Finished,
    /// The time was up.
    TimeUp,
    /// Somebody asked for it.
    Asked,
    /// A signal asked for it; its name.
    Signal(&'static str),
    /// The input thread of this port failed.
    InputFailed(PortSlot),
}

/// When a show ends, besides when it is asked to.
pub struct Limits<'a> {
    /// Whether the real-time thread has ended.
    pub is_finished: &'a dyn Fn() -> bool,
    /// The signals that end it.
    pub signals: &'a Signals,
    /// The time at which it ends.
    pub until: Option<Instant>,
}
