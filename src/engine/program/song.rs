//! The order of patterns that a set plays by itself.

use super::slots::{PartSlot, PatternSlot};
use crate::time::{Tick, TickSpan};

/// The order of patterns that a set plays by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Song {
    /// The parts in their order; none for a set without a song.
    pub parts: Box<[Part]>,
    /// What happens after the last one.
    pub then: AfterSong,
}

impl Song {
    /// The part in this slot.
    #[must_use]
    pub fn part(&self, slot: PartSlot) -> Option<&Part> {
        self.parts.get(usize::from(slot.0))
    }
}

/// A part of a song: a pattern, some times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What plays.
    pub pattern: PatternSlot,
    /// Where it begins in the song: the sum of the lengths before it.
    pub start: Tick,
    /// How long it plays: positive.
    pub length: TickSpan,
}

/// What happens after the last part of a song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterSong {
    /// The last part plays on.
    #[default]
    Hold,
    /// The first part follows.
    Loop,
    /// The music stops.
    Stop,
}
