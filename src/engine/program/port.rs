//! Ports: what leaves by them besides notes, and how much they carry.

use super::slots::SlotOwner;
use crate::time::Span;

/// What leaves by a port besides notes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// By how much everything on it leaves late, or early where it is negative; at most [`MAX_OFFSET`] either way.
    pub offset: Span,
    /// What it gets of the clock.
    pub clock: ClockOut,
    /// What carries its messages.
    pub wire: Wire,
    /// Whether it gets active sensing.
    pub senses: bool,
    /// Which name and which device have the slot. Nothing is sent by a port that nobody has.
    pub owner: SlotOwner,
}

/// What carries the messages of a port, and so how many it can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// USB: a frame of 1 ms holds more than a sequencer has to say.
    #[default]
    Usb,
    /// A DIN cable: 31,250 bits a second, ten to the byte.
    Din,
}

/// The largest offset of a port, either way.
pub const MAX_OFFSET: Span = Span::from_millis(50);

/// What a port gets of the clock. Start, continue, stop and song position go wherever clock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOut {
    /// Nothing.
    None,
    /// Pulses made anew from the estimate of the followed clock: cleaner than those that come in.
    Regenerated,
    /// The followed pulses as they come.
    Raw,
}
