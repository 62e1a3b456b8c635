//! A token bucket: how much may be done at once, and how much in the long run.

use std::time::{Duration, Instant};

/// Lets so much through a second, and as much at once after a pause.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    /// How full it is, between 0 and `per_second`.
    tokens: f64,
    filled: Instant,
}

impl RateLimit {
    /// A full one.
    #[must_use]
    pub(crate) fn new(per_second: u32, now: Instant) -> RateLimit {
        RateLimit { per_second: f64::from(per_second), tokens: f64::from(per_second), filled: now }
    }

    /// Takes one token, if there is one. If not, how long it takes until there is.
    ///
    /// # Errors
    ///
    /// When it is empty.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.per_second);
        self.filled = self.filled.max(now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_at_once_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = RateLimit::new(200, start);
        let mut taken = |from: u64, to: u64| {
            (from..to).filter(|millis| bucket.take(start + Duration::from_micros(millis * 100)).is_ok()).count()
        };
        // Ten thousand a second: the first 200, and then each fiftieth.
        let first = taken(0, 10_000);
        assert!((398..=400).contains(&first), "{first}");
        assert_eq!(taken(10_000, 20_000), 200);
        // After a pause no more than a second's worth is there.
        assert_eq!(taken(900_000, 900_100), 100);
        assert!((100..=102).contains(&taken(900_100, 900_200)));
    }

    #[test]
    fn it_says_how_long_to_wait() {
        let start = Instant::now();
        let mut bucket = RateLimit::new(10, start);
        assert_eq!((0..20).filter(|_| bucket.take(start).is_ok()).count(), 10);
        let wait = bucket.take(start).unwrap_err();
        assert!((wait.as_secs_f64() - 0.1).abs() < 1e-6, "{wait:?}");
        assert!(bucket.take(start + wait + Duration::from_micros(1)).is_ok());
        // A clock that goes back gives nothing away.
        assert!(bucket.take(start).is_err());
    }
}
