//! Our own clock: a tempo from an origin, so it cannot drift.
//!
//! Its time is the system's, by which threads wait and devices stamp. Where that is being set right, it may run fast or slow
//! by some per cent for minutes. So a *pace* says by how much it does, and the clock goes on as much slower or faster.

use crate::engine::clock::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// From START to the first pulse when the clock is ours: at least this. The MIDI specification asks for 1 ms, so that
/// receivers can get ready.
const START_LEAD: Span = Span::from_millis(1);

/// A clock that runs on the tempo of the set, or on the one that hands have set since. Its ticks count from when it began to run, whether or not the music plays.
#[derive(Clone, Copy, Debug)]
pub struct OwnClock {
    timeline: Option<Timeline>,
    tempo: Tempo,
    /// By so many millionths the system's clock runs fast.
    pace: i32,
}

impl OwnClock {
    /// A clock at `tempo` that does not run yet.
    #[must_use]
    pub fn new(tempo: Tempo) -> OwnClock {
        OwnClock { timeline: None, tempo, pace: 0 }
    }

    /// Makes sure that it runs: if it does not yet, it begins at `at`.
    pub fn run(&mut self, at: Nanos) {
        let timeline = Timeline::new(Tick::ZERO, at, self.paced());
        self.timeline.get_or_insert(timeline);
    }

    /// Goes on at `tempo` from `at`, at the position that it has then.
    pub fn set_tempo(&mut self, at: Nanos, tempo: Tempo) {
        self.tempo = tempo;
        let paced = self.paced();
        self.timeline = self.timeline.map(|timeline| timeline.at_tempo(at, paced));
    }

    /// From `at` on, the system's clock runs fast by `pace` millionths, or slow. The tempo stays.
    pub fn set_pace(&mut self, at: Nanos, pace: i32) {
        self.pace = pace;
        self.set_tempo(at, self.tempo);
    }

    /// The tempo, as the system's clock sees it.
    fn paced(&self) -> Tempo {
        self.tempo.paced(self.pace)
    }

    /// Begins anew so that `pulse` falls shortly after `at`, for receivers that have had no pulses lately.
    pub fn begin(&mut self, at: Nanos, pulse: Tick) {
        self.timeline = Some(Timeline::new(pulse, at + START_LEAD, self.paced()));
    }

    /// Begins so that `pulse` falls at `at`.
    pub fn place(&mut self, pulse: Tick, at: Nanos) {
        self.timeline = Some(Timeline::new(pulse, at, self.paced()));
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
        let paced = self.paced();
        self.timeline = self.timeline.map(|timeline| timeline.with_tempo(tick, paced));
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
