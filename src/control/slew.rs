//! Noticing that the system's clock runs fast or slow.
//!
//! Threads wait by the system's monotonic clock, and devices stamp by it. Whoever sets the time right may let it run fast or
//! slow for minutes (chrony by up to 8 %), and with it all music that has no master. The system has a second clock that
//! nobody sets right, but none can wait by it. So the two are compared, and our own clock goes on as much slower or faster.
//!
//! Up to 0.05 % is what keeps the system's clock right against the error of its crystal: then it is the better one, and is
//! believed.

use std::time::Duration;

/// For so long the two clocks are compared.
const COMPARED: Duration = Duration::from_millis(250);

/// So many millionths, and fewer, are believed.
const BELIEVED: i64 = 600;

/// A pace that differs by no more than so many millionths is the same.
const SAME: i64 = 50;

/// More than this the kernel does not do (10 %, and the 0.05 %): it was read while somebody set the clock, or slept.
const MOST: i64 = 120_000;

/// What the system's clock, and the one that nobody sets right, show at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    system: Duration,
    raw: Duration,
}

/// Both clocks now; `None` where there is only one.
#[must_use]
pub(crate) fn read() -> Option<Reading> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let read = |id| {
            let time = clock_gettime(id);
            Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
        };
        // Whoever is held up between the readings finds them far apart: of some, the closest count.
        let once = || {
            let (before, raw, after) =
                (read(ClockId::Monotonic)?, read(ClockId::MonotonicRaw)?, read(ClockId::Monotonic)?);
            let took = after.saturating_sub(before);
            Some((took, Reading { system: before + took / 2, raw }))
        };
        [once(), once(), once()].into_iter().flatten().min_by_key(|&(took, _)| took).map(|(_, reading)| reading)
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Looks how fast the system's clock runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slew {
    from: Option<Reading>,
    /// Millionths by which it runs fast.
    pace: i64,
    said: bool,
}

impl Slew {
    /// Looks, with both clocks read `now`. By how many millionths the system's clock runs fast, if that is another pace than it
    /// was: 0 as long as it may be believed.
    pub(crate) fn look(&mut self, now: Option<Reading>) -> Option<i32> {
        let now = now?;
        let from = *self.from.get_or_insert(now);
        let raw = now.raw.saturating_sub(from.raw);
        if raw < COMPARED {
            return None;
        }
        self.from = Some(now);
        let system = now.system.saturating_sub(from.system);
        let gained = system.as_nanos() as i128 - raw.as_nanos() as i128;
        let pace = i64::try_from(gained * 1_000_000 / raw.as_nanos() as i128).ok().filter(|pace| pace.abs() <= MOST)?;
        let pace = if pace.abs() <= BELIEVED { 0 } else { pace };
        let is_same = if pace == 0 || self.pace == 0 { pace == self.pace } else { (pace - self.pace).abs() <= SAME };
        if is_same {
            return None;
        }
        self.pace = pace;
        i32::try_from(pace).ok()
    }

    /// Returns what there is to say of the pace that was found last: once when it begins to be off, and once when that is over.
    pub(crate) fn said(&mut self, follows: bool) -> Option<String> {
        let is_off = self.pace != 0;
        if std::mem::replace(&mut self.said, is_off) == is_off {
            return None;
        }
        if !is_off {
            return Some("the system's clock runs at its own rate again".to_owned());
        }
        let which = if self.pace > 0 { "fast" } else { "slow" };
        let then = if follows { "" } else { "; the tempo is kept all the same" };
        let per_cent = self.pace.abs() as f64 / 1e4;
        Some(format!("the system's clock is being set right, and runs {per_cent:.2} % {which}{then}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks 50 times a second for `seconds`, while the system's clock runs fast by `pace` millionths: all that is told.
    fn looks(slew: &mut Slew, at: &mut Reading, seconds: u32, pace: i64) -> Vec<i32> {
        let step = Duration::from_millis(20);
        let told = |_| {
            at.raw += step;
            at.system += Duration::from_nanos((20_000_000 + 20 * pace) as u64);
            slew.look(Some(*at))
        };
        (0..50 * seconds).filter_map(told).collect()
    }

    #[test]
    fn a_slew_is_told_when_it_begins_and_when_it_is_over() {
        for pace in [-83_333, -1_000, 1_000, 80_000, 100_500] {
            let (mut slew, mut at) = (Slew::default(), Reading { system: Duration::ZERO, raw: Duration::ZERO });
            assert!(looks(&mut slew, &mut at, 5, 30).is_empty(), "what keeps a clock right");
            // The first look may have seen the beginning only.
            let told = looks(&mut slew, &mut at, 5, pace);
            assert!((1..=2).contains(&told.len()) && (i64::from(told[told.len() - 1]) - pace).abs() <= 1, "{told:?}");
            let said = slew.said(false).expect("it is said");
            assert!(said.contains(if pace > 0 { "fast" } else { "slow" }), "{said}");
            assert_eq!(slew.said(false), None);
            let told = looks(&mut slew, &mut at, 5, -30);
            assert_eq!(told.last(), Some(&0), "{told:?}");
            assert!(slew.said(false).is_some());
        }
    }

    #[test]
    fn a_reading_that_cannot_be_is_not_believed() {
        let (mut slew, mut at) = (Slew::default(), Reading { system: Duration::ZERO, raw: Duration::ZERO });
        looks(&mut slew, &mut at, 1, 0);
        at.system += Duration::from_secs(3);
        assert!(looks(&mut slew, &mut at, 2, 0).is_empty());
        assert_eq!(slew.look(None), None);
    }

    #[test]
    fn the_clocks_of_this_machine_can_be_compared() {
        if cfg!(target_os = "linux") {
            let (first, second) = (read().expect("there are two"), read().expect("there are two"));
            assert!(second.raw >= first.raw && second.system >= first.system);
        }
    }
}
