//! A MIDI clock that is followed: 24 pulses to the quarter note, and nothing else to go by.
//!
//! Two objects, kept apart on purpose. The [`PulseCounter`] knows the position, exactly: every pulse is 40 ticks, however
//! late it came and however odd the interval was. The [`Estimator`] knows phase and tempo, roughly: it decides when the
//! pulses truly fall, those that came and those that will. A pulse that is unfit for the one still counts for the other.
//!
//! The [`Follower`] joins them: the pulse that was counted last falls where the estimator says, and the pulses to come
//! follow at its tempo. So a note on the beat can leave at the beat, and not after it.

use super::estimator::{Estimator, Heard};
use crate::engine::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// So many pulses may fail to come before the clock counts as lost: two could be lost on the wire, or late.
pub const LOST_AFTER: TickSpan = TickSpan(4 * TickSpan::PULSE.0);

/// So many pulses that come at once are a queue that was held up. Fewer can be a pulse that was doubled, or the stutter of a
/// device that is plugged in.
const BURST: i64 = 3;

/// Counts pulses into a position.
///
/// Every pulse counts as one, with one exception. When many fail to come, they are either late (a queue that stood still,
/// and will be delivered in a burst) or gone (a cable that was out, while the master went on). The counter takes them as
/// sent from the first pulse after the gap on, so that the music need not jump, and settles with what comes: pulses of a
/// burst (of three and more) have been counted already, and if it brings fewer than were missing, the others were never
/// sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseCounter {
    /// The number of the pulse that came last.
    pulse: i64,
    /// Pulses that were counted before they came.
    credit: i64,
    /// Of these, how many have come since.
    queued: i64,
}

impl PulseCounter {
    /// One more pulse has come, `steps` pulse lengths after the one before: 0 or less if it came at once.
    pub fn count(&mut self, steps: i64) {
        match steps {
            ..=0 if self.credit > 0 => {
                self.credit -= 1;
                self.queued += 1;
            }
            ..=0 => self.pulse += 1,
            1.. => {
                if self.queued >= BURST {
                    self.pulse -= self.credit;
                }
                let missing = if steps > LOST_AFTER.0 / TickSpan::PULSE.0 { steps - 1 } else { 0 };
                *self = PulseCounter { pulse: self.pulse + 1 + missing, credit: missing, queued: 0 };
            }
        }
    }

    /// The number of the pulse that came last.
    #[must_use]
    pub fn pulse(&self) -> i64 {
        self.pulse
    }
}

/// A clock that is followed: what counts and what estimates, and the timeline that comes of both.
///
/// Its ticks count from the first pulse that was ever heard, whether or not the music plays.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    counter: PulseCounter,
    estimator: Estimator,
    timeline: Option<Timeline>,
    innovation: Span,
    tempo: Tempo,
}

impl Follower {
    /// A follower that has heard nothing and expects `tempo`.
    #[must_use]
    pub fn new(tempo: Tempo) -> Follower {
        Follower {
            counter: PulseCounter::default(),
            estimator: Estimator::new(tempo),
            timeline: None,
            innovation: Span::ZERO,
            tempo,
        }
    }

    /// A pulse came at `at`.
    pub fn pulse(&mut self, at: Nanos) {
        let Heard { steps, innovation, .. } = self.estimator.pulse(at);
        // The very first pulse is number 0, and was not expected.
        if self.timeline.is_some() {
            self.innovation = innovation;
            self.counter.count(steps);
        }
        self.anchor(at);
    }

    /// A pulse came at `at` that begins something: the first after START or CONTINUE. A master may begin its pulses anew
    /// there, off the grid of those before.
    pub fn first_pulse(&mut self, at: Nanos) {
        if self.is_on_grid(at) {
            self.pulse(at);
        } else {
            self.estimator.restart(at);
            self.counter.count(1);
            self.anchor(at);
        }
    }

    /// Whether `at` is nearer to a predicted pulse than a quarter of a pulse, and pulses have come until now.
    fn is_on_grid(&self, at: Nanos) -> bool {
        let Some(timeline) = self.timeline else { return true };
        if self.is_lost(at) {
            return false;
        }
        let pulse = timeline.tempo().span_of(TickSpan::PULSE).0;
        let phase = at.since(timeline.anchor()).0.rem_euclid(pulse);
        phase.min(pulse - phase) <= pulse / 4
    }

    fn anchor(&mut self, at: Nanos) {
        let tick = Tick::of_pulse(self.counter.pulse());
        let (time, tempo) = match self.estimator.grid() {
            Some(grid) => (grid.at, Tempo::from_pulse_q32(grid.pulse_q32)),
            None => (at, self.tempo),
        };
        self.timeline = Some(Timeline::new(tick, time, tempo));
    }

    /// The mapping in force; `None` before the first pulse.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.timeline
    }

    /// The position of the pulse that came last.
    #[must_use]
    pub fn last_pulse(&self) -> Tick {
        Tick::of_pulse(self.counter.pulse())
    }

    /// Whether so many pulses have failed to come at `now` that the master must be gone. True before the first pulse.
    #[must_use]
    pub fn is_lost(&self, now: Nanos) -> bool {
        self.timeline.is_none_or(|timeline| now >= timeline.time_of(self.last_pulse() + LOST_AFTER))
    }

    /// The tempo, once two pulses have been heard.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        self.estimator.grid().map(|grid| Tempo::from_pulse_q32(grid.pulse_q32))
    }

    /// How much later the last pulse came than predicted.
    #[must_use]
    pub fn innovation(&self) -> Span {
        self.innovation
    }

    /// How far off the estimated time of the last pulse may be: one standard deviation.
    #[must_use]
    pub fn phase_error(&self) -> Option<Span> {
        self.estimator.grid().map(|grid| grid.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(steps: &[i64]) -> i64 {
        let mut counter = PulseCounter::default();
        steps.iter().for_each(|&steps| counter.count(steps));
        counter.pulse()
    }

    #[test]
    fn every_pulse_counts_as_one() {
        assert_eq!(count(&[1, 1, 1]), 3);
        assert_eq!(count(&[1, 2, 1]), 3, "a pulse that is missing is not made up");
        assert_eq!(count(&[1, 0, 1]), 3, "one that is doubled counts");
        assert_eq!(count(&[1, 3, 0, 0, 1]), 5, "a short stall, and its queue");
    }

    #[test]
    fn a_burst_after_a_stall_counts_as_what_it_brings() {
        let burst = |gap: i64, pulses: usize| {
            let mut steps = vec![1, gap];
            steps.resize(1 + pulses, 0);
            steps.push(1);
            count(&steps)
        };
        assert_eq!(burst(48, 48), 1 + 48 + 1);
        assert_eq!(burst(10, 48), 1 + 48 + 1, "more than were missing");
        assert_eq!(burst(100, 48), 1 + 48 + 1, "fewer than were missing");
    }

    #[test]
    fn a_master_that_went_on_while_the_cable_was_out_is_met_where_it_is() {
        assert_eq!(count(&[1, 1, 150, 1, 1]), 154);
        assert_eq!(count(&[1, 1, 150, 0, 1, 1]), 154, "one that is doubled on the way back is no burst");
    }
}
