//! From a device's time stamps to our clock: the one transform between [`DeviceTime`] and [`Nanos`].
//!
//! # The idea
//!
//! The kernel stamps a message when it comes; the callback that hands it to us runs later, by however long its thread took
//! to wake. So callback time minus stamp is an unknown offset between the two clocks plus a delay that is never negative,
//! and every so often next to nothing. The offset is the *lower envelope* of the differences: a straight line below
//! all of them, as the two clocks may drift apart. It is the edge of their lower convex hull that spans the middle of
//! the time observed, which is the line with the smallest sum of distances (Moon, Skelly and Towsley 1999, "Estimation and
//! removal of clock skew from network delay measurements"). A stamp plus the line is when the message came.
//!
//! Memory is fixed: the least difference of each half second, for the last 16 s.
//!
//! # Stamps that cannot be trusted
//!
//! Some drivers stamp everything 0, count milliseconds that wrap, or jump when a device comes back. What contradicts the
//! line makes it learn anew from the message at hand, and until it has learnt, the callback's time stands: no answer is
//! ever later than that.

use crate::time::{DeviceTime, Nanos, Span};

/// The least difference is kept for each of so long: some 20 pulses, of which the best one was hardly delayed.
const BUCKET: Span = Span::from_millis(500);

/// How many are kept. 16 s, in which a delay of 50 us on either end makes an error of 6 ppm in the drift.
const BUCKETS: usize = 32;

/// Clocks of computers and of USB devices drift by tens of ppm; a steeper line is one through delays.
const STEEPEST: f64 = 200e-6;

/// The line is level until it has seen so long, as two early delays would make any slope.
const LEVEL_FOR: Span = Span::from_millis(4_000);

/// A difference so far below the line is no message that was delayed less: the stamps have jumped.
const BELOW: f64 = 20e6;

/// A message so late was stalled, or the stamps have jumped; for which of the two, see [`STALLED_FOR`].
const LATE: Span = Span::from_millis(50);

/// When messages are late for so long, it is not a stall: after one, its queue comes at once, and what follows is on
/// time.
const STALLED_FOR: Span = Span::from_millis(250);

/// A stamp that stands still while so much time passes is not a clock. Messages of one USB frame do share a stamp.
const STANDSTILL: Span = Span::from_millis(10);

/// After a silence of so long the line is too uncertain to be believed.
const SILENCE: Span = Span::from_millis(10_000);

/// The least difference of a bucket, both in ns from the clock's origin.
#[derive(Clone, Copy, Debug)]
struct Point {
    at: f64,
    difference: f64,
}

/// What was heard last.
#[derive(Clone, Copy, Debug)]
struct Last {
    callback: Nanos,
    stamp: DeviceTime,
    arrival: Nanos,
}

/// The clock of one connection, as seen from ours. Neither allocates nor calls the system; a few hundred ns at most.
#[derive(Clone, Copy, Debug)]
pub struct DeviceClock {
    /// Where the line was begun: the origin of `points`.
    origin: (Nanos, DeviceTime),
    /// The oldest first.
    points: [Point; BUCKETS],
    filled: usize,
    /// The line: ns at the origin, and ns per ns.
    offset: f64,
    drift: f64,
    last: Option<Last>,
    late_since: Option<Nanos>,
}

impl Default for DeviceClock {
    fn default() -> DeviceClock {
        DeviceClock::new()
    }
}

impl DeviceClock {
    /// A clock of which nothing is known.
    #[must_use]
    pub const fn new() -> DeviceClock {
        DeviceClock {
            origin: (Nanos(0), DeviceTime(0)),
            points: [Point { at: 0.0, difference: 0.0 }; BUCKETS],
            filled: 0,
            offset: 0.0,
            drift: 0.0,
            last: None,
            late_since: None,
        }
    }

    /// Returns when the message with this `stamp` came, which was handed to us at `callback`. Never later than `callback`, and
    /// never before an earlier message.
    pub fn arrival(&mut self, callback: Nanos, stamp: DeviceTime) -> Nanos {
        let before = self.last;
        let arrival = match before {
            Some(last) if self.plausible(callback, stamp, last) => self.observe(callback, stamp).max(last.arrival),
            _ => self.begin(callback, stamp),
        };
        let arrival = arrival.min(callback);
        self.last = Some(Last { callback, stamp, arrival });
        arrival
    }

    /// Returns whether the stamp continues what was learnt.
    fn plausible(&mut self, callback: Nanos, stamp: DeviceTime, last: Last) -> bool {
        let passed = callback.since(last.callback);
        if stamp < last.stamp || (stamp == last.stamp && passed >= STANDSTILL) || passed > SILENCE {
            return false;
        }
        let Point { at, difference } = self.point(callback, stamp);
        let delay = difference - self.line_at(at);
        if delay <= LATE.0 as f64 {
            self.late_since = None;
            return delay >= -BELOW;
        }
        callback.since(*self.late_since.get_or_insert(callback)) <= STALLED_FOR
    }

    fn begin(&mut self, callback: Nanos, stamp: DeviceTime) -> Nanos {
        // The drift is the crystals', so it outlives a jump.
        *self = DeviceClock { origin: (callback, stamp), drift: self.drift, ..DeviceClock::new() };
        self.points[0] = self.point(callback, stamp);
        self.filled = 1;
        callback
    }

    fn observe(&mut self, callback: Nanos, stamp: DeviceTime) -> Nanos {
        let point = self.point(callback, stamp);
        let newest = &mut self.points[self.filled - 1];
        let bucket = |at: f64| (at / BUCKET.0 as f64) as i64;
        let is_new = if bucket(point.at) == bucket(newest.at) {
            let is_less = point.difference < newest.difference;
            if is_less {
                *newest = point;
            }
            is_less
        } else {
            if self.filled == BUCKETS {
                self.points.copy_within(1.., 0);
                self.filled -= 1;
            }
            self.points[self.filled] = point;
            self.filled += 1;
            true
        };
        if is_new {
            self.draw_line();
        }
        let delay = point.difference - self.line_at(point.at);
        callback - Span((delay as i64).max(0))
    }

    /// The hull's edge over the middle of the time observed.
    fn draw_line(&mut self) {
        let points = &self.points[..self.filled];
        let (first, last) = (points[0], points[self.filled - 1]);
        if last.at - first.at >= LEVEL_FOR.0 as f64 {
            let mut hull = [first; BUCKETS];
            let mut corners = 0;
            for &point in points {
                while corners >= 2 && turns_right(hull[corners - 2], hull[corners - 1], point) {
                    corners -= 1;
                }
                hull[corners] = point;
                corners += 1;
            }
            let middle = (first.at + last.at) / 2.0;
            let edge = hull[..corners].windows(2).find(|edge| edge[1].at >= middle);
            if let Some([left, right]) = edge {
                self.drift = ((right.difference - left.difference) / (right.at - left.at)).clamp(-STEEPEST, STEEPEST);
            }
        }
        // Below all of them, also where the slope was held.
        self.offset = points.iter().map(|point| point.difference - self.drift * point.at).fold(f64::MAX, f64::min);
    }

    fn line_at(&self, at: f64) -> f64 {
        self.offset + self.drift * at
    }

    fn point(&self, callback: Nanos, stamp: DeviceTime) -> Point {
        let at = callback.since(self.origin.0).0;
        let stamped = (stamp.0.wrapping_sub(self.origin.1.0) as i64).saturating_mul(1_000);
        Point { at: at as f64, difference: at.saturating_sub(stamped) as f64 }
    }
}

/// Returns whether `b` lies on or above the straight way from `a` to `c`.
fn turns_right(a: Point, b: Point, c: Point) -> bool {
    (b.at - a.at) * (c.difference - a.difference) <= (c.at - a.at) * (b.difference - a.difference)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lanes::chance::Random;

    /// Where our clock stands when the device's is at 0.
    const BOOT: u64 = 7_000_000_000_123;

    struct Chance(Random);

    impl Chance {
        fn new(seed: u64) -> Chance {
            Chance(Random::new(seed, 0))
        }

        /// From 0 to below 1.
        fn unit(&mut self) -> f64 {
            (self.0.next() >> 11) as f64 / (1u64 << 53) as f64
        }

        /// A wake-up: mostly tens of us, sometimes up to 3 ms.
        fn delay(&mut self) -> u64 {
            let spread = if self.unit() < 0.7 { 60e3 } else { 3e6 };
            5_000 + (spread * self.unit()) as u64
        }
    }

    /// Feeds pulses of 20 ms from `from` on; true arrival minus the answer, in ns, for each.
    fn feed(
        clock: &mut DeviceClock,
        chance: &mut Chance,
        pulses: std::ops::Range<u64>,
        stamp: impl Fn(u64) -> u64,
        mut each: impl FnMut(u64, i64),
    ) {
        for pulse in pulses {
            let truth = BOOT + pulse * 20_000_000;
            let callback = Nanos(truth + chance.delay());
            let arrival = clock.arrival(callback, DeviceTime(stamp(pulse)));
            assert!(arrival <= callback, "pulse {pulse}");
            each(pulse, arrival.since(Nanos(truth)).0);
        }
    }

    /// Stamps of a clock that runs fast by `ppm`.
    fn drifting(ppm: i64) -> impl Fn(u64) -> u64 {
        move |pulse| (pulse as i64 * 20_000 + pulse as i64 * 20_000 * ppm / 1_000_000) as u64
    }

    #[test]
    fn delays_are_taken_off_at_any_drift() {
        for ppm in [-50, 0, 50] {
            let mut chance = Chance::new(ppm as u64);
            let mut worst = 0;
            feed(&mut DeviceClock::new(), &mut chance, 0..30_000, drifting(ppm), |pulse, error| {
                if pulse >= 500 {
                    worst = worst.max(error.abs());
                }
            });
            assert!(worst <= 30_000, "{ppm} ppm: off by {worst} ns");
        }
    }

    #[test]
    fn half_a_second_is_enough_to_begin_with() {
        for seed in 0..200 {
            let mut chance = Chance::new(seed);
            feed(&mut DeviceClock::new(), &mut chance, 0..200, drifting(50), |pulse, error| {
                assert!(error >= -120_000, "seed {seed}, pulse {pulse}: early by {} ns", -error);
                assert!(pulse < 25 || error <= 60_000, "seed {seed}, pulse {pulse}: late by {error} ns");
            });
        }
    }

    #[test]
    fn a_jump_either_way_is_learnt_anew() {
        for jump in [-9_000_000i64, -30_000, 700_000, 3_600_000_000] {
            let mut chance = Chance::new(11);
            let straight = drifting(20);
            let jumping = |pulse| {
                let stamp = straight(pulse) as i64 + 10_000_000;
                (if pulse < 2_000 { stamp } else { stamp + jump }) as u64
            };
            feed(&mut DeviceClock::new(), &mut chance, 0..4_000, jumping, |pulse, error| {
                let settled = (500..2_000).contains(&pulse) || pulse >= 2_050;
                assert!(!settled || error.abs() <= 100_000, "jump {jump}, pulse {pulse}: off by {error} ns");
            });
        }
    }

    #[test]
    fn stamps_that_wrap_are_learnt_anew() {
        let mut chance = Chance::new(12);
        feed(
            &mut DeviceClock::new(),
            &mut chance,
            0..6_000,
            |pulse| pulse * 20_000 % 65_536_000,
            |pulse, error| {
                let settled = pulse >= 100 && !(3_276..3_376).contains(&pulse);
                assert!(!settled || error.abs() <= 100_000, "pulse {pulse}: off by {error} ns");
            },
        );
    }

    #[test]
    fn stamps_that_are_no_clock_leave_the_callback() {
        let mut clock = DeviceClock::new();
        for pulse in 0..1_000 {
            let callback = Nanos(BOOT + pulse * 20_000_000);
            assert_eq!(clock.arrival(callback, DeviceTime(0)), callback);
        }
    }

    #[test]
    fn a_device_that_slept_is_learnt_anew() {
        let mut chance = Chance::new(14);
        let mut clock = DeviceClock::new();
        feed(&mut clock, &mut chance, 0..1_000, drifting(0), |_, _| {});
        // Its clock did not count the five seconds.
        feed(
            &mut clock,
            &mut chance,
            1_250..2_000,
            |pulse| (pulse - 250 + 1) * 20_000,
            |pulse, error| {
                assert!(pulse < 1_300 || error.abs() <= 100_000, "pulse {pulse}: off by {error} ns");
            },
        );
    }

    #[test]
    fn a_stall_is_seen_through() {
        let mut chance = Chance::new(13);
        let mut clock = DeviceClock::new();
        feed(&mut clock, &mut chance, 0..1_000, drifting(0), |_, _| {});
        // For two seconds nothing is read; then all of it at once.
        for pulse in 1_000..1_100 {
            let callback = Nanos(BOOT + 1_100 * 20_000_000 + pulse);
            let arrival = clock.arrival(callback, DeviceTime(pulse * 20_000));
            let error = arrival.since(Nanos(BOOT + pulse * 20_000_000)).0;
            assert!(error.abs() <= 30_000, "pulse {pulse}: off by {error} ns");
        }
        feed(&mut clock, &mut chance, 1_101..2_000, drifting(0), |pulse, error| {
            assert!(error.abs() <= 30_000, "pulse {pulse}: off by {error} ns");
        });
    }
}
