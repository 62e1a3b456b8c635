//! Where the clock comes from, and what becomes of it.

use super::slots::PortSlot;
use crate::time::TickSpan;

/// The most ports whose clocks may be followed, one in place of the other.
pub const MAX_SOURCES: usize = 4;

/// Where the clock comes from, and what happens when it does not come.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockPlan {
    /// The ports whose clock and transport are followed, in order of preference: each once, at most [`MAX_SOURCES`].
    /// Without any the program is its own clock.
    pub follow: Box<[PortSlot]>,
    /// The quantum of the session that is followed instead of all others, if one is; positive.
    pub session: Option<TickSpan>,
    /// What happens when the followed pulses stop without STOP, and none of the other ports has any.
    pub lost: Lost,
    /// Whether pulses without START begin to play.
    pub join: Join,
    /// Whether clocked ports get the clock while the music is stopped.
    pub when_stopped: bool,
}

/// What happens when the followed pulses stop without STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The music goes on at the last tempo.
    Hold,
    /// The music goes on at the last tempo for this long, and then stops.
    HoldFor(TickSpan),
    /// The music stops as soon as the loss is certain.
    Stop,
}

/// What pulses mean that come without START.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The master is stopped: wait for its START.
    Wait,
    /// The master plays already: begin at the next of its bars, counted from the first pulse heard.
    Now,
}
