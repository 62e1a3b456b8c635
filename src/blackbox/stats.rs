//! What is measured of a stretch of a show: lateness, tempo, and how steady the pulses are that come in.

use serde::Serialize;

use super::replay::lateness;
use crate::link::{Histogram, Percentiles, Sent};
use crate::time::{Nanos, Span};

/// What is later than this went wrong: the usual goal for what nobody hears.
pub const LATE: Span = Span::from_millis(1);

/// How late messages left, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lateness {
    /// Of how many.
    pub count: u64,
    /// Half of them were at most so late.
    pub p50_ns: i64,
    /// All but one in a hundred.
    pub p99_ns: i64,
    /// All but one in a thousand.
    pub p999_ns: i64,
    /// The latest.
    pub max_ns: i64,
    /// How many were later than [`LATE`].
    pub late: u64,
}

/// Measures a stretch. The histogram is the meters'.
#[derive(Default)]
pub struct Stats {
    lateness: Histogram,
    late: u64,
    bpm: (f64, u64),
    jitter: Histogram,
}

impl Stats {
    /// A message left.
    pub fn measure(&mut self, sent: &Sent) {
        let late = lateness(sent);
        self.lateness.record(late);
        self.late += u64::from(late > LATE);
    }

    /// The tempo was this.
    pub fn beat(&mut self, bpm: f64) {
        self.bpm = (self.bpm.0 + bpm, self.bpm.1 + 1);
    }

    /// A pulse came so far from where it was expected.
    pub fn pulse(&mut self, off: Span) {
        self.jitter.record(off);
    }

    /// The tempo in the mean.
    pub fn bpm(&self) -> Option<f64> {
        (self.bpm.1 > 0).then(|| self.bpm.0 / self.bpm.1 as f64)
    }

    /// Returns how far pulses came from where they were expected, 99 of 100, in nanoseconds.
    pub fn jitter_p99_ns(&self) -> Option<i64> {
        Some(self.jitter.percentiles()).filter(|jitter| jitter.count > 0).map(|jitter| jitter.p99.0)
    }

    /// Returns how late messages left.
    pub fn lateness(&self) -> Lateness {
        let Percentiles { p50, p99, p999, max, count } = self.lateness.percentiles();
        Lateness { count, p50_ns: p50.0, p99_ns: p99.0, p999_ns: p999.0, max_ns: max.0, late: self.late }
    }
}

/// The course of the pulses that come by a port.
#[derive(Clone, Copy, Default)]
pub struct Pulses {
    last: Option<Nanos>,
    interval: Option<f64>,
}

impl Pulses {
    /// Returns how far a pulse at `at` is from where those before it let it be expected.
    pub fn off(&mut self, at: Nanos) -> Option<Span> {
        let interval = at.since(self.last.replace(at)?).0 as f64;
        let mean = self.interval.filter(|mean| interval < 2.0 * mean && interval > 0.5 * mean);
        // The first of a row says nothing yet.
        self.interval = Some(mean.map_or(interval, |mean| mean + (interval - mean) / 8.0));
        mean.map(|mean| Span((interval - mean).abs() as i64))
    }
}
