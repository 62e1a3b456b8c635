//! Where the music's time comes from: one file for each source, all behind what they have in common.
//!
//! A source has a [`Timeline`] whose ticks count from when it began, not from the song's first beat: it runs while the
//! music is stopped as well, so that the first beat after START is already known. The engine keeps the distance between
//! the two positions.

pub mod estimator;
mod gaps;
mod internal;
mod line;
mod midi;
mod noise;
mod sources;

pub use estimator::{Estimator, Grid, Heard};
pub use internal::Internal;
pub use midi::{Follower, LOST_AFTER, PulseCounter};
pub use sources::Sources;

use super::timeline::Timeline;
use crate::time::Tempo;

/// A source of musical time. Real-time safe throughout.
// There is one of it in a show; a box for the larger variant would only put it on the heap.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Clock {
    /// Our own.
    Internal(Internal),
    /// MIDI clock on one of several input ports.
    Midi(Sources),
}

impl Clock {
    /// The mapping in force; `None` before there is any.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        match self {
            Clock::Internal(clock) => clock.timeline(),
            Clock::Midi(clock) => clock.timeline(),
        }
    }

    /// The tempo, once it is known.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        match self {
            Clock::Internal(clock) => Some(clock.tempo()),
            Clock::Midi(clock) => clock.tempo(),
        }
    }
}
