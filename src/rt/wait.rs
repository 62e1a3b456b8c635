//! Waiting for the next deadline: asleep as long as possible, awake in time.
//!
//! A thread that only sleeps wakes late, by some microseconds on a tuned machine and by hundreds on others. A thread that
//! only spins is stopped by the kernel for 50 ms in each second (real-time throttling) and, where the interface is on USB,
//! starves the kernel worker that carries its own notes away. So the usual strategy sleeps until shortly before the
//! deadline and spins for the rest; and after a batch of sends it gives the processor up before it may spin again.

use std::thread;

use super::clock::TimeSource;
use crate::time::{Nanos, Span};

/// How to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Sleep until shortly before the deadline, then spin.
    #[default]
    Hybrid,
    /// Only sleep: lighter, and late by the machine's wake-up latency.
    Sleep,
    /// Only spin, apart from a short sleep after each batch of sends: for a processor core that is kept free for it.
    Busy,
}

/// The longest sleep without a deadline. Input wakes the thread; this is only a second line of defence.
const LONGEST_SLEEP: Span = Span::from_millis(500);

/// How long the processor is given up after a batch of sends: long enough for the kernel to run what carries the notes
/// away. When the next deadline is nearer than this, it comes first.
const GIVE_UP: Span = Span::from_micros(20);

/// Why the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The deadline has come.
    Deadline,
    /// Something came in, or the thread was woken, perhaps for nothing.
    Early,
}

/// Waits for deadlines in one way.
#[derive(Clone, Copy, Debug)]
pub struct Waiter {
    strategy: Strategy,
    spin: Span,
}

impl Waiter {
    /// A waiter that, in the hybrid strategy, spins for the last `spin` before a deadline.
    #[must_use]
    pub fn new(strategy: Strategy, spin: Span) -> Waiter {
        let spin = match strategy {
            Strategy::Hybrid => spin,
            Strategy::Sleep => Span::ZERO,
            Strategy::Busy => Span(i64::MAX),
        };
        Waiter { strategy, spin }
    }

    /// Waits until `deadline`, or until `ready` says that there is something to do, or until the thread is unparked.
    ///
    /// `sent` says that messages have just left, so that the processor is given up before spinning. `ready` is asked
    /// between clock reads and before each sleep; whoever makes it true must then unpark the thread.
    ///
    /// Real-time safe: its only system calls read the clock and wait.
    pub fn wait(
        &self,
        clock: &impl TimeSource,
        deadline: Option<Nanos>,
        sent: bool,
        ready: impl Fn() -> bool,
    ) -> Woken {
        let mut owes_a_sleep = sent;
        loop {
            if ready() {
                return Woken::Early;
            }
            let left = match deadline {
                Some(deadline) => deadline.since(clock.now()),
                None if self.strategy == Strategy::Busy => Span(i64::MAX),
                None => {
                    thread::park_timeout(LONGEST_SLEEP.to_duration());
                    return Woken::Early;
                }
            };
            if left <= Span::ZERO {
                return Woken::Deadline;
            }
            if left > self.spin {
                thread::park_timeout((left - self.spin).to_duration());
                owes_a_sleep = false;
            } else if owes_a_sleep && left > GIVE_UP {
                thread::park_timeout(GIVE_UP.to_duration());
                owes_a_sleep = false;
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// A clock that goes on by a fixed step at each reading.
    struct Stepping(Cell<u64>, u64);

    impl TimeSource for Stepping {
        fn now(&self) -> Nanos {
            self.0.set(self.0.get() + self.1);
            Nanos(self.0.get())
        }
    }

    #[test]
    fn never_returns_before_the_deadline_on_its_own() {
        for strategy in [Strategy::Hybrid, Strategy::Sleep, Strategy::Busy] {
            let clock = Stepping(Cell::new(0), 1_000);
            let waiter = Waiter::new(strategy, Span::from_micros(100));
            assert_eq!(waiter.wait(&clock, Some(Nanos(50_500)), true, || false), Woken::Deadline);
            assert_eq!(clock.0.get(), 51_000);
        }
    }

    #[test]
    fn a_deadline_that_has_passed_and_waiting_input_cost_no_wait() {
        let clock = Stepping(Cell::new(1_000), 1);
        let waiter = Waiter::new(Strategy::Sleep, Span::ZERO);
        assert_eq!(waiter.wait(&clock, Some(Nanos(5)), false, || false), Woken::Deadline);
        assert_eq!(waiter.wait(&clock, Some(Nanos(u64::MAX)), false, || true), Woken::Early);
        assert_eq!(waiter.wait(&clock, None, false, || true), Woken::Early);
    }

    #[test]
    fn busy_gives_the_processor_up_once_and_then_watches() {
        let clock = Stepping(Cell::new(0), 1);
        let asked = Cell::new(0);
        let ready = || asked.replace(asked.get() + 1) == 1_000;
        assert_eq!(Waiter::new(Strategy::Busy, Span::ZERO).wait(&clock, None, true, ready), Woken::Early);
        assert_eq!(asked.get(), 1_001, "it slept instead of watching");
    }

    #[test]
    fn a_wake_up_that_came_before_the_wait_is_not_lost() {
        thread::current().unpark();
        let waiter = Waiter::new(Strategy::Hybrid, Span::ZERO);
        assert_eq!(waiter.wait(&Stepping(Cell::new(0), 1), None, false, || false), Woken::Early);
    }
}
