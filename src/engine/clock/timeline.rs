//! The exact mapping between position and time.
//!
//! A timeline is a straight line through one anchor, a position and the time at which it falls, with the tempo as its
//! slope. Every time is computed from the anchor and rounded once, so nothing accumulates: after a day of music the
//! position is as exact as after a second. A change of tempo moves the anchor to where the change happens, which keeps
//! the line unbroken there.

use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// A bijection between ticks and their times. Real-time safe throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    tick: Tick,
    time: Nanos,
    tempo: Tempo,
}

impl Timeline {
    /// The line on which `tick` falls at `time`, at `tempo`.
    #[must_use]
    pub const fn new(tick: Tick, time: Nanos, tempo: Tempo) -> Timeline {
        Timeline { tick, time, tempo }
    }

    /// The time of the anchor.
    #[must_use]
    pub const fn anchor(&self) -> Nanos {
        self.time
    }

    /// The slope.
    #[must_use]
    pub const fn tempo(&self) -> Tempo {
        self.tempo
    }

    /// Returns when `tick` falls, rounded to the nearest nanosecond; never before the clock's origin.
    #[must_use]
    pub fn time_of(&self, tick: Tick) -> Nanos {
        self.time + self.tempo.span_of(tick - self.tick)
    }

    /// The last tick that falls at or before `time`, so that `tick_at(time_of(t)) == t`.
    #[must_use]
    pub fn tick_at(&self, time: Nanos) -> Tick {
        let Span(elapsed) = time.since(self.time);
        let ticks = (i128::from(elapsed) << 32).div_euclid(i128::from(self.tempo.tick_q32())) as i64;
        // The division floors what `time_of` rounds, so the answer may be the next tick, and no other.
        let next = self.tick + TickSpan(ticks + 1);
        if self.time_of(next) <= time { next } else { next - TickSpan(1) }
    }

    /// The same line under other numbers: `by` is added to each position.
    #[must_use]
    pub fn shifted(&self, by: TickSpan) -> Timeline {
        Timeline { tick: self.tick + by, ..*self }
    }

    /// The line that continues this one at `tempo` from `tick` on.
    #[must_use]
    pub fn with_tempo(&self, tick: Tick, tempo: Tempo) -> Timeline {
        Timeline { tick, time: self.time_of(tick), tempo }
    }

    /// The line that continues this one at `tempo` from `time` on, which may lie between two ticks: the part of the tick
    /// that is left then becomes as much longer or shorter as a whole one.
    #[must_use]
    pub fn at_tempo(&self, time: Nanos, tempo: Tempo) -> Timeline {
        let tick = self.tick_at(time);
        let next = tick + TickSpan(1);
        let Span(left) = self.time_of(next).since(time);
        let scaled = i128::from(left) * i128::from(tempo.tick_q32()) / i128::from(self.tempo.tick_q32());
        let line = Timeline::new(next, time + Span((scaled as i64).max(1)), tempo);
        // By rounding, the present tick could begin a nanosecond from now.
        if line.time_of(tick) <= time { line } else { Timeline::new(tick, time, tempo) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_timeline() -> impl Strategy<Value = Timeline> {
        (-1_000_000i64..1_000_000, 1u64 << 50..1 << 51, 20.0..400.0f64)
            .prop_map(|(tick, time, bpm)| Timeline::new(Tick(tick), Nanos(time), Tempo::from_bpm(bpm).unwrap()))
    }

    proptest! {
        #[test]
        fn position_and_time_are_inverse(line in any_timeline(), tick in -10_000_000i64..1_000_000_000) {
            let time = line.time_of(Tick(tick));
            prop_assert_eq!(line.tick_at(time), Tick(tick));
            prop_assert_eq!(line.tick_at(time - Span(1)), Tick(tick - 1));
        }

        #[test]
        fn a_tempo_change_leaves_its_tick_in_place(line in any_timeline(), tick in 0i64..1_000_000, bpm in 20.0..400.0f64) {
            let changed = line.with_tempo(Tick(tick), Tempo::from_bpm(bpm).unwrap());
            prop_assert_eq!(changed.time_of(Tick(tick)), line.time_of(Tick(tick)));
        }
    }

    proptest! {
        #[test]
        fn a_tempo_change_between_ticks_moves_no_position(
            line in any_timeline(), after in 0i64..100_000_000_000, bpm in 20.0..400.0f64,
        ) {
            let time = line.anchor() + Span(after);
            let changed = line.at_tempo(time, Tempo::from_bpm(bpm).unwrap());
            let tick = line.tick_at(time);
            prop_assert_eq!(changed.tick_at(time), tick);
            // The same share of the tick is left.
            let share = |line: &Timeline| {
                let (begun, ends) = (line.time_of(tick), line.time_of(tick + TickSpan(1)));
                ends.since(time).0 as f64 / ends.since(begun).0 as f64
            };
            prop_assert!((share(&line) - share(&changed)).abs() < 1e-4, "{} {}", share(&line), share(&changed));
        }
    }

    #[test]
    fn a_day_of_music_does_not_drift() {
        // 24 hours at 174.6 BPM end within a nanosecond of the exact quotient.
        let line = Timeline::new(Tick(0), Nanos(0), Tempo::from_bpm(174.6).unwrap());
        let quarters = 24 * 60 * 1_746 / 10;
        let exact = quarters as f64 * 60e9 / 174.6;
        assert!((line.time_of(Tick(quarters * 960)).0 as f64 - exact).abs() <= 1.0 + exact * 1e-15);
    }
}
