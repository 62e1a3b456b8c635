//! Where the music's time comes from: one file for each source, all behind what they have in common.
//!
//! A source answers two questions: the [`Timeline`] now in force, and the *horizon*, the first position that it cannot
//! vouch for yet. A clock of our own vouches for everything; one that is followed vouches for no more than what its last
//! pulse has shown, so that the music can never run ahead of the master.

mod internal;
mod midi;

pub use internal::Internal;
pub use midi::{Estimator, Follower, PulseCounter};

use super::timeline::Timeline;
use crate::time::Tick;

/// A source of musical time. Real-time safe throughout.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Our own.
    Internal(Internal),
    /// MIDI clock on an input port.
    Midi(Follower),
}

impl Clock {
    /// The mapping in force.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        match self {
            Clock::Internal(clock) => clock.timeline(),
            Clock::Midi(clock) => clock.timeline(),
        }
    }

    /// The first position that may not be played yet.
    #[must_use]
    pub fn horizon(&self) -> Tick {
        match self {
            Clock::Internal(_) => Tick(i64::MAX),
            Clock::Midi(clock) => clock.horizon(),
        }
    }
}
