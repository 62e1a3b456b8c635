//! Tracks: where their notes go, and what hands play on them.

use super::slots::{MAX_PORTS, PortSlot, SlotOwner, TrackSlot};
use crate::midi::{Channel, Key};

/// Where a track's notes go.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// The port its notes leave by.
    pub port: PortSlot,
    /// The channel they leave on.
    pub channel: Channel,
    /// The keyboard that transposes it, if any.
    pub transpose: Option<Transpose>,
    /// Whether what transposes the set as a whole moves it too: drums stay where they are.
    pub moves: bool,
    /// Its first lane among those of all tracks, and how many it may play at once. The ranges do not overlap, and end at
    /// [`MAX_LANES`](super::MAX_LANES) or before. Their order, which is not that of the slots, is the order of the notes on one tick.
    pub lanes: LaneRange,
    /// Which name has the slot. A track that nobody has plays nothing.
    pub owner: SlotOwner,
}

/// Lanes of a track among those of all tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneRange {
    /// The first one.
    pub first: u16,
    /// How many.
    pub count: u16,
}

/// The most tracks that hands may play.
pub const MAX_THRUS: usize = MAX_PORTS;

/// What hands play on a track: a keyboard whose messages go on to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thru {
    /// The track.
    pub track: TrackSlot,
    /// The port of the keyboard.
    pub port: PortSlot,
    /// The channels of the keyboard that go on, a bit each from the lowest one up.
    pub channels: u16,
    /// By how many semitones its keys are moved.
    pub by: i8,
}

impl Thru {
    /// Returns whether what comes in there goes on.
    #[must_use]
    pub fn hears(&self, port: PortSlot, channel: Channel) -> bool {
        self.port == port && self.channels >> channel.index() & 1 == 1
    }
}

/// What follows a keyboard: notes move by the distance from `from` to the last key played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transpose {
    /// The port whose keys count.
    pub port: PortSlot,
    /// The channel whose keys count; without one, any.
    pub channel: Option<Channel>,
    /// The key that leaves the music as it is written.
    pub from: Key,
    /// What the distance is counted in.
    pub unit: Interval,
}

/// What a transposition is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interval {
    /// Semitones.
    #[default]
    Semitones,
    /// Degrees of the set's scale. A distance between keys becomes the distance between their degrees.
    Degrees,
}
