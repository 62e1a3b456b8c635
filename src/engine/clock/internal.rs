//! Our own clock: the set's tempo from an origin, so it cannot drift.

use crate::engine::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick};

/// From START to the first pulse when the clock is ours. The MIDI specification asks for at least 1 ms, so that
/// receivers can get ready; slow ones get a little more.
const START_LEAD: Span = Span::from_millis(5);

/// A clock that runs on the tempo of the set.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    timeline: Timeline,
}

impl Internal {
    /// A clock at `tempo` that has not been started.
    #[must_use]
    pub fn new(tempo: Tempo) -> Internal {
        Internal { timeline: Timeline::new(Tick::ZERO, Nanos(0), tempo) }
    }

    /// Starts it so that `tick` falls a little after `at`.
    pub fn start(&mut self, at: Nanos, tick: Tick) {
        self.timeline = Timeline::new(tick, at + START_LEAD, self.timeline.tempo());
    }

    /// The mapping in force.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }
}
