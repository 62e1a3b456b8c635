//! Our own clock: a tempo from an origin, so it cannot drift.

use crate::engine::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// From START to the first pulse when the clock is ours: at least this. The MIDI specification asks for 1 ms, so that
/// receivers can get ready.
const START_LEAD: Span = Span::from_millis(1);

/// A clock that runs on the tempo of the set, or on the one that hands have set since. Its ticks count from when it began to run, whether or not the music plays.
#[derive(Clone, Copy, Debug)]
pub struct Internal {
    timeline: Option<Timeline>,
    tempo: Tempo,
}

impl Internal {
    /// A clock at `tempo` that does not run yet.
    #[must_use]
    pub fn new(tempo: Tempo) -> Internal {
        Internal { timeline: None, tempo }
    }

    /// Makes sure that it runs: if it does not yet, it begins at `at`.
    pub fn run(&mut self, at: Nanos) {
        self.timeline.get_or_insert(Timeline::new(Tick::ZERO, at, self.tempo));
    }

    /// Goes on at `tempo` from `at`, at the position that it has then.
    pub fn set_tempo(&mut self, at: Nanos, tempo: Tempo) {
        self.tempo = tempo;
        self.timeline = self.timeline.map(|timeline| timeline.at_tempo(at, tempo));
    }

    /// Begins anew so that `pulse` falls shortly after `at`, for receivers that have had no pulses lately.
    pub fn begin(&mut self, at: Nanos, pulse: Tick) {
        self.timeline = Some(Timeline::new(pulse, at + START_LEAD, self.tempo));
    }

    /// Begins so that `pulse` falls at `at`.
    pub fn place(&mut self, pulse: Tick, at: Nanos) {
        self.timeline = Some(Timeline::new(pulse, at, self.tempo));
    }

    /// The first pulse that receivers can be ready for when they are told at `at`.
    #[must_use]
    pub fn next_pulse(&self, at: Nanos) -> Tick {
        self.timeline.map_or(Tick::ZERO, |timeline| {
            (timeline.tick_at(at + START_LEAD) + TickSpan(1)).round_up_to(TickSpan::PULSE)
        })
    }

    /// Goes on at `tempo` from `tick` on.
    pub fn retune(&mut self, tick: Tick, tempo: Tempo) {
        self.tempo = tempo;
        self.timeline = self.timeline.map(|timeline| timeline.with_tempo(tick, tempo));
    }

    /// The mapping in force; `None` while it does not run.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.timeline
    }

    /// The tempo.
    #[must_use]
    pub fn tempo(&self) -> Tempo {
        self.tempo
    }
}
