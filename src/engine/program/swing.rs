//! Swing: a bend of a lane's own time.

use crate::time::TickSpan;

/// The delay of every second step: a bend of the lane's own time, so that whatever falls within a step is delayed or
/// shortened with it and nothing changes its order. Positions count from where the lane began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swing {
    /// Two steps; 0 for a lane without swing.
    pair: TickSpan,
    /// How long the first of them is.
    first: TickSpan,
    /// A bar, in which pairs are counted anew: a step that is left over at its end is straight, and every bar begins on time.
    bar: TickSpan,
}

impl Swing {
    /// Straight time.
    pub const NONE: Swing = Swing { pair: TickSpan::ZERO, first: TickSpan::ZERO, bar: TickSpan::ZERO };

    /// A swing in which the first of two steps of length `step` takes `percent` of both (50 is straight, 67 a triplet).
    /// Pairs are counted from the beginning of each bar of length `bar`. `step` and `bar` are positive, `percent` from 50 to
    /// 75. Two steps that are longer than a bar do not swing.
    #[must_use]
    pub const fn new(step: TickSpan, percent: u32, bar: TickSpan) -> Swing {
        let pair = TickSpan(2 * step.0);
        if percent == 50 || pair.0 > bar.0 { Swing::NONE } else { Swing { pair, first: pair.percent(percent), bar } }
    }

    /// The beginning of the pair that `at` is in; `None` in what is left over at the end of a bar, and without swing.
    const fn pair_at(self, at: TickSpan) -> Option<i64> {
        if self.pair.0 <= 0 || self.bar.0 <= 0 {
            return None;
        }
        let within = at.0.rem_euclid(self.bar.0);
        let begins = within - within % self.pair.0;
        if begins + self.pair.0 > self.bar.0 { None } else { Some(at.0 - within + begins) }
    }

    /// Returns where what is written at `straight` falls. Never falls when `straight` rises.
    #[must_use]
    pub const fn bend(self, straight: TickSpan) -> TickSpan {
        let Some(begins) = self.pair_at(straight) else { return straight };
        let (step, within) = (self.pair.0 / 2, straight.0 - begins);
        let bent = if within < step {
            within * self.first.0 / step
        } else {
            self.first.0 + (within - step) * (self.pair.0 - self.first.0) / step
        };
        TickSpan(begins + bent)
    }

    /// The earliest straight position that falls at or after `bent`.
    #[must_use]
    pub const fn straighten(self, bent: TickSpan) -> TickSpan {
        // A pair ends where it would without swing, so what is bent is in the pair that it is written in.
        let Some(begins) = self.pair_at(bent) else { return bent };
        let (step, within) = (self.pair.0 / 2, bent.0 - begins);
        let straight = if within <= self.first.0 {
            div_ceil(within * step, self.first.0)
        } else {
            step + div_ceil((within - self.first.0) * step, self.pair.0 - self.first.0)
        };
        TickSpan(begins + straight)
    }
}

const fn div_ceil(dividend: i64, divisor: i64) -> i64 {
    (dividend + divisor - 1).div_euclid(divisor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn swing_keeps_order_pairs_and_comes_back(
            step in 1i64..4_000, percent in 50u32..=75, bar in 1i64..9_000, at in -100_000i64..100_000,
        ) {
            let swing = Swing::new(TickSpan(step), percent, TickSpan(bar));
            let bent = |at: i64| swing.bend(TickSpan(at)).0;
            prop_assert!(bent(at) <= bent(at + 1));
            prop_assert_eq!(bent(at + bar), bent(at) + bar);
            let begins = at - at.rem_euclid(bar);
            prop_assert_eq!(bent(begins), begins, "a bar begins on time");
            let straight = swing.straighten(TickSpan(at)).0;
            prop_assert!(bent(straight) >= at && bent(straight - 1) < at);
        }
    }

    #[test]
    fn a_triplet_feel() {
        let swing = Swing::new(TickSpan(240), 75, TickSpan(1_200));
        let bent = [0, 120, 240, 360, 480, 720, 960, 1_200, 1_440].map(|at| swing.bend(TickSpan(at)).0);
        assert_eq!(
            bent,
            [0, 180, 360, 420, 480, 840, 960, 1_200, 1_560],
            "five steps to the bar: the last is straight"
        );
    }
}
