//! The straight line that a master's pulses lie on, and how well it is known: the state of a Kalman filter with two
//! states, phase and period, and the two steps of it, prediction and update.

use crate::time::{Nanos, Span};

/// The period is held between these, in ns: 400 and 20 BPM with 2 % of room, so that a master at the very end of the range
/// with a crystal of its own is not pulled off its grid.
pub(super) const SHORTEST_PERIOD: f64 = 6.125e6;
pub(super) const LONGEST_PERIOD: f64 = 127.5e6;

/// A surprise counts for at most as many deviations. A Gaussian clock exceeds it in one pulse out of 2,000.
pub(super) const CLIP: f64 = 3.5;

/// A pulse that comes earlier than this part of a period before its time is not that pulse: it was queued, or sent twice.
pub(super) const EARLIEST: f64 = 0.4;

/// A pulse may be the one after the expected one when it is no more than so many deviations early for that (and at least
/// [`LEAST_EARLY`] of a period is allowed): pulses are rather late than lost.
pub(super) const EARLY_DEVIATIONS: f64 = 2.5;
pub(super) const LEAST_EARLY: f64 = 0.1;

/// The line and its covariance, at one of its grid points. Times in ns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) base: Nanos,
    /// The grid point, from `base`.
    pub(super) phase: f64,
    pub(super) period: f64,
    pub(super) phase_variance: f64,
    pub(super) covariance: f64,
    pub(super) period_variance: f64,
}

impl Line {
    /// Through two pulses; exact when there is no noise.
    pub(super) fn through(first: Nanos, second: Nanos, noise: f64) -> Line {
        Line {
            base: second,
            phase: 0.0,
            period: (second.since(first).0 as f64).clamp(SHORTEST_PERIOD, LONGEST_PERIOD),
            phase_variance: noise,
            covariance: noise,
            period_variance: 2.0 * noise,
        }
    }

    /// The line shifted so that its grid point is at `at`, known as well as one pulse is.
    pub(super) fn moved_to(&self, at: Nanos, noise: f64) -> Line {
        Line { base: at, phase: 0.0, phase_variance: noise, covariance: 0.0, ..*self }
    }

    /// From the grid point to `at`.
    pub(super) fn until(&self, at: Nanos) -> f64 {
        at.since(self.base).0 as f64 - self.phase
    }

    /// Returns how many periods on the grid point of a pulse at `at` is; 0 when it is none of its own.
    pub(super) fn steps_until(&self, at: Nanos, noise: f64) -> f64 {
        let periods = self.until(at) / self.period;
        if periods < 1.0 - EARLIEST {
            return 0.0;
        }
        let deviation = (self.phase_variance + noise).sqrt() / self.period;
        (periods + (EARLY_DEVIATIONS * deviation).clamp(LEAST_EARLY, EARLIEST)).floor().max(1.0)
    }

    /// The prediction `steps` periods on, the period wandering by a variance of `wander` a pulse (random walk; its
    /// integral into the phase as in Bar-Shalom, Li and Kirubarajan 2001, 6.2.2).
    pub(super) fn after(&self, steps: f64, wander: f64) -> Line {
        let phase = self.phase + steps * self.period;
        let whole = phase as i64;
        let squared = steps * steps;
        Line {
            base: self.base + Span(whole),
            phase: phase - whole as f64,
            period: self.period,
            phase_variance: self.phase_variance
                + 2.0 * steps * self.covariance
                + squared * self.period_variance
                + wander * squared * steps / 3.0,
            covariance: self.covariance + steps * self.period_variance + wander * squared / 2.0,
            period_variance: self.period_variance + steps * wander,
        }
    }

    /// With a pulse taken in that came `innovation` after its prediction: Kalman's update, the innovation clipped.
    pub(super) fn corrected(&self, innovation: f64, noise: f64) -> Line {
        let variance = self.phase_variance + noise;
        let bound = CLIP * variance.sqrt();
        let clipped = innovation.clamp(-bound, bound);
        let (phase_gain, period_gain) = (self.phase_variance / variance, self.covariance / variance);
        Line {
            base: self.base,
            phase: self.phase + phase_gain * clipped,
            period: (self.period + period_gain * clipped).clamp(SHORTEST_PERIOD, LONGEST_PERIOD),
            phase_variance: self.phase_variance * noise / variance,
            covariance: self.covariance * noise / variance,
            period_variance: (self.period_variance - period_gain * self.covariance).max(0.0),
        }
    }

    pub(super) fn scaled(&self, by: f64) -> Line {
        Line {
            phase_variance: self.phase_variance * by,
            covariance: self.covariance * by,
            period_variance: self.period_variance * by,
            ..*self
        }
    }
}
