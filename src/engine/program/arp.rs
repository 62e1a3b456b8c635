//! Arpeggios: generators that step through keys.

use super::slots::PortSlot;
use crate::midi::{Channel, Key, Velocity};
use crate::time::TickSpan;

/// A generator that steps through keys, one after the other, without end.
#[derive(Clone, Debug, PartialEq)]
pub struct Arp {
    /// Which keys.
    pub keys: ArpKeys,
    /// The lengths of its notes, each positive. At least one.
    pub lengths: Box<[TickSpan]>,
    /// How the next length is chosen.
    pub next_length: Pick,
    /// How much of its length a note sounds, in per cent, 1 to 100.
    pub gate: u32,
    /// How hard each note is struck.
    pub velocity: Velocity,
    /// Where all that it has played adds up to a whole multiple of this span (and so at the very start), it rests
    /// for one note's length; the key that would have sounded is passed over.
    pub rest: Option<TickSpan>,
}

/// Which keys an arpeggio plays.
#[derive(Clone, Debug, PartialEq)]
pub enum ArpKeys {
    /// Those that are written, in the order in which they are played. At least one.
    Written(Box<[Key]>, Pick),
    /// Those that are held down on a keyboard. While there are none, it is silent.
    Held {
        /// The port of the keyboard.
        port: PortSlot,
        /// The channel whose keys count; without one, any.
        channel: Option<Channel>,
        /// In which order they take turns.
        order: Order,
        /// By how many octaves they are moved.
        octave: i8,
    },
}

/// In which order held keys take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were pressed.
    Played,
    /// From the lowest to the highest.
    Up,
    /// From the highest to the lowest.
    Down,
    /// Up and down again, the outer ones once.
    UpDown,
    /// Each time any of them.
    Random,
}

/// How an arpeggio chooses among its keys and among its lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// One after the other, in turn.
    Turn,
    /// Any of them, with equal chances.
    Random,
}
