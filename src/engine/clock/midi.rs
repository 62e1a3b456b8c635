//! A MIDI clock that is followed: 24 pulses to the quarter note, and nothing else to go by.
//!
//! Two objects, kept apart on purpose. The [`PulseCounter`] knows the position, exactly: every pulse is 40 ticks, however
//! late it came and however odd the interval was. The [`Estimator`] knows the tempo, roughly: it decides where between two
//! pulses a note falls. A pulse that is unfit for the one still counts for the other.

use crate::engine::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// Counts pulses into a position. Never wrong by a pulse: nothing but pulses moves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseCounter {
    pulse: i64,
}

impl PulseCounter {
    /// The pulse that has just come is number `pulse`.
    pub fn set(&mut self, pulse: i64) {
        self.pulse = pulse;
    }

    /// One more pulse has come. Its number.
    pub fn count(&mut self) -> i64 {
        self.pulse += 1;
        self.pulse
    }

    /// The number of the pulse that came last.
    #[must_use]
    pub fn pulse(&self) -> i64 {
        self.pulse
    }
}

/// How far an interval may lie from the estimate and still refine it; farther off it is a change of tempo (or a gap), and
/// the estimate starts anew from it.
const STEP_PERCENT: i64 = 20;

/// The estimate takes in a new interval by this fraction, once it is steady: a mean over about eight pulses.
const STEADY_DIVISOR: i64 = 8;

/// The longest interval that can be a pulse: 20 BPM, with room for lateness. What is longer is a pause.
const LONGEST_PULSE: Span = Span::from_millis(150);

/// The shortest interval that can be a pulse: 400 BPM, with room for lateness. Queued pulses come faster.
const SHORTEST_PULSE: Span = Span::from_millis(4);

/// Estimates the length of a pulse from the times at which pulses came.
#[derive(Clone, Copy, Debug)]
pub struct Estimator {
    last: Option<Nanos>,
    pulse: Span,
    seen: i64,
}

impl Estimator {
    /// An estimator that expects `tempo` until it has heard otherwise.
    #[must_use]
    pub fn new(tempo: Tempo) -> Estimator {
        Estimator { last: None, pulse: tempo.span_of(TickSpan::PULSE), seen: 0 }
    }

    /// A pulse came at `at`.
    pub fn pulse(&mut self, at: Nanos) {
        let Some(last) = self.last.replace(at) else { return };
        let interval = at.since(last);
        if !(SHORTEST_PULSE..=LONGEST_PULSE).contains(&interval) {
            // A burst out of a queue or a pause: neither says anything about the tempo.
            return;
        }
        let error = interval - self.pulse;
        if self.seen == 0 || error.0.abs() * 100 > self.pulse.0 * STEP_PERCENT {
            self.pulse = interval;
            self.seen = 1;
        } else {
            self.seen = (self.seen + 1).min(STEADY_DIVISOR);
            self.pulse = self.pulse + Span(error.0 / self.seen);
        }
    }

    /// The tempo as it is estimated now.
    #[must_use]
    pub fn tempo(&self) -> Tempo {
        Tempo::from_pulse(self.pulse)
    }

    /// Whether any interval has been heard.
    #[must_use]
    pub fn heard(&self) -> bool {
        self.seen > 0
    }
}

/// A clock that is followed: what counts and what estimates, and the timeline that comes of both.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    counter: PulseCounter,
    estimator: Estimator,
    timeline: Timeline,
}

impl Follower {
    /// A follower that has heard nothing and expects `tempo`.
    #[must_use]
    pub fn new(tempo: Tempo) -> Follower {
        Follower {
            counter: PulseCounter::default(),
            estimator: Estimator::new(tempo),
            timeline: Timeline::new(Tick::ZERO, Nanos(0), tempo),
        }
    }

    /// A pulse that does not move the position, because the transport is stopped: only the tempo learns.
    pub fn idle_pulse(&mut self, at: Nanos) {
        self.estimator.pulse(at);
    }

    /// The pulse at which the music goes on, at `position`, came at `at`.
    pub fn first_pulse(&mut self, at: Nanos, position: Tick) {
        self.estimator.pulse(at);
        self.counter.set(position.pulse());
        self.anchor(at);
    }

    /// The next pulse of running music came at `at`.
    pub fn next_pulse(&mut self, at: Nanos) {
        self.estimator.pulse(at);
        self.counter.count();
        self.anchor(at);
    }

    fn anchor(&mut self, at: Nanos) {
        self.timeline = Timeline::new(Tick::of_pulse(self.counter.pulse()), at, self.estimator.tempo());
    }

    /// The mapping in force: through the last pulse, at the estimated tempo.
    #[must_use]
    pub fn timeline(&self) -> Timeline {
        self.timeline
    }

    /// The position of the pulse after the last one that came.
    #[must_use]
    pub fn horizon(&self) -> Tick {
        Tick::of_pulse(self.counter.pulse() + 1)
    }

    /// The tempo, if any interval has been heard.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        self.estimator.heard().then(|| self.estimator.tempo())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(estimator: &mut Estimator, start: u64, interval: u64, count: u64) -> u64 {
        for i in 0..count {
            estimator.pulse(Nanos(start + i * interval));
        }
        start + (count - 1) * interval
    }

    #[test]
    fn a_steady_clock_is_known_from_its_second_pulse() {
        let mut estimator = Estimator::new(Tempo::from_bpm(60.0).unwrap());
        feed(&mut estimator, 0, 20_000_000, 2);
        assert!((estimator.tempo().bpm() - 125.0).abs() < 1e-6);
    }

    #[test]
    fn a_new_tempo_is_known_at_once_and_a_pause_teaches_nothing() {
        let mut estimator = Estimator::new(Tempo::from_bpm(125.0).unwrap());
        let end = feed(&mut estimator, 0, 20_000_000, 50);
        estimator.pulse(Nanos(end + 3_000_000_000));
        assert!((estimator.tempo().bpm() - 125.0).abs() < 1e-6);
        feed(&mut estimator, end + 3_000_000_000, 41_666_667, 3);
        assert!((estimator.tempo().bpm() - 60.0).abs() < 1e-3);
    }

    #[test]
    fn pulses_out_of_a_queue_teach_nothing() {
        let mut estimator = Estimator::new(Tempo::from_bpm(60.0).unwrap());
        let end = feed(&mut estimator, 0, 20_000_000, 50);
        feed(&mut estimator, end + 500_000_000, 5_000, 48);
        assert!((estimator.tempo().bpm() - 125.0).abs() < 1e-6);
        assert!(estimator.heard());
    }

    #[test]
    fn jitter_is_averaged() {
        let mut estimator = Estimator::new(Tempo::from_bpm(125.0).unwrap());
        let mut worst: f64 = 0.0;
        for i in 0..400u64 {
            let late = if i % 2 == 0 { 1_000_000 } else { 0 };
            estimator.pulse(Nanos(i * 20_000_000 + late));
            if i > 20 {
                worst = worst.max((estimator.tempo().bpm() - 125.0).abs());
            }
        }
        assert!(worst < 2.0, "off by {worst} BPM");
    }

    #[test]
    fn the_position_counts_what_the_tempo_cannot_use() {
        let mut follower = Follower::new(Tempo::from_bpm(125.0).unwrap());
        follower.first_pulse(Nanos(1_000), Tick(0));
        for _ in 0..48 {
            follower.next_pulse(Nanos(5_000_000_000));
        }
        assert_eq!(follower.horizon(), Tick(49 * 40));
    }
}
