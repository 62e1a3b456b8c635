//! The only place that reads the running clock.

use std::time::Instant;

use crate::time::{Nanos, Span};

/// Something that knows the time. In tests it is virtual.
pub trait TimeSource {
    /// The time now; never less than it was. Real-time safe.
    fn now(&self) -> Nanos;
}

/// The machine's monotonic clock, counted from a moment shortly before this value was made.
///
/// Copies share the origin, so that every thread of a show reads the same clock. Reading it is one call into the vDSO on
/// Linux, about 25 ns.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    epoch: Instant,
}

/// What the clock shows when it is made: not zero, so that subtracting a little stays in range.
const HEAD_START: Span = Span::from_millis(1_000);

impl Monotonic {
    /// A clock that begins now.
    #[must_use]
    pub fn start() -> Monotonic {
        Monotonic { epoch: Instant::now() }
    }

    /// Returns what the system's clock shows when this one shows zero, in nanoseconds; for other processes.
    #[must_use]
    pub fn origin_ns(&self) -> u64 {
        system_ns().saturating_sub(self.now().0)
    }
}

/// The system's monotonic clock, which is the same in all processes, in nanoseconds; zero where there is no such clock.
#[must_use]
pub fn system_ns() -> u64 {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
    #[cfg(not(unix))]
    0
}

impl TimeSource for Monotonic {
    fn now(&self) -> Nanos {
        Nanos(self.epoch.elapsed().as_nanos() as u64) + HEAD_START
    }
}
