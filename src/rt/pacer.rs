//! Waiting for the next deadline: asleep as long as possible, awake in time.
//!
//! A thread that only sleeps wakes late, by some microseconds on a tuned machine and by hundreds on others. A thread that
//! only spins is stopped by the kernel for 50 ms in each second (real-time throttling) and, where the interface is on USB,
//! starves the kernel worker that carries its own notes away. So the usual strategy sleeps until shortly before the
//! deadline and spins for the rest; and after a batch of sends it gives the processor up before it may spin again.

use std::thread;

use super::clock::TimeSource;
use super::irq_delay::IrqDelay;
use crate::time::{Nanos, Span};

/// How to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Deserialize, clap::ValueEnum))]
#[cfg_attr(feature = "cli", serde(rename_all = "lowercase"))]
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

/// The shortest stretch that is spun in the hybrid strategy. While it spins, nothing of lower priority runs on its CPU, so no
/// more is spun than is needed: some times what it takes from an interrupt to the stamp of the message that it brings (8 us on
/// a tuned machine, more where USB is slow), so that the interrupt of the master's pulse is seen (`irq_delay`).
pub const SHORTEST_SPIN: Span = Span::from_micros(50);

/// How long before a deadline the thread wakes up to prepare what is due then.
///
/// Early, so that a thread of higher priority that takes the processor shortly before a pulse, and keeps it up to then,
/// finds everything prepared. But who prepares has committed itself, and what comes in until the deadline changes nothing of
/// it; so no earlier than waking up (5 us on a tuned machine) and preparing (2 us for a chord) want, a few times over.
pub const PREPARED_WITHIN: Span = Span::from_micros(50);

/// How long preparing is expected to take before it was measured: after a sleep the caches are cold.
const FIRST_PREPARING: Span = Span::from_micros(10);

/// The wake-up latency that is expected before any was measured.
const FIRST_LATENCY: Span = Span::from_micros(40);

/// Why the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The deadline has come; the time now.
    Deadline(Nanos),
    /// Something came in, or the thread was woken, perhaps for nothing.
    Early,
}

/// Waits for deadlines in one way.
///
/// In the hybrid strategy the stretch that is spun follows what the machine shows: one and a half times the longest
/// wake-up latency of late, where an old one fades by a 32nd with each wake-up; at least [`SHORTEST_SPIN`], and at most
/// what the configuration allows. Where there is something to prepare the thread wakes up earlier by what that takes, by the
/// same measure and at most [`PREPARED_WITHIN`]: who wakes up late has as much time left as without.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    strategy: Strategy,
    longest_spin: Span,
    latency: Span,
    preparing: Span,
    /// When the thread holds the processor.
    pub(super) held: IrqDelay,
}

impl Pacer {
    /// A waiter that, in the hybrid strategy, spins for at most `longest_spin` before a deadline.
    #[must_use]
    pub fn new(strategy: Strategy, longest_spin: Span) -> Pacer {
        Pacer { strategy, longest_spin, latency: FIRST_LATENCY, preparing: FIRST_PREPARING, held: IrqDelay::default() }
    }

    /// Returns how long it spins before a deadline now.
    #[must_use]
    pub fn spin(&self) -> Span {
        match self.strategy {
            Strategy::Hybrid => {
                Span(self.latency.0 + self.latency.0 / 2).clamp(SHORTEST_SPIN.min(self.longest_spin), self.longest_spin)
            }
            Strategy::Sleep => Span::ZERO,
            Strategy::Busy => Span(i64::MAX),
        }
    }

    /// Returns how long before a deadline it wakes up now; `is_prepared` when nothing needs to be prepared any more.
    fn awake_for(&self, is_prepared: bool) -> Span {
        let (spin, earlier) = (self.spin(), self.held.earlier());
        let preparing = Span(self.preparing.0 + self.preparing.0 / 2).min(PREPARED_WITHIN);
        // Who is always awake cannot wake up earlier. Who spins, and woke up earlier to look, does not go back to sleep
        // when all is prepared: what it looks for would come then.
        match self.strategy {
            Strategy::Hybrid | Strategy::Sleep if !is_prepared => (spin + preparing).max(PREPARED_WITHIN) + earlier,
            Strategy::Hybrid if earlier > Span::ZERO => spin.max(PREPARED_WITHIN) + earlier,
            Strategy::Hybrid | Strategy::Sleep | Strategy::Busy => spin,
        }
    }

    /// Returns when a wait for `deadline` that begins now is over at the latest; for one that spins without a deadline there is no such
    /// time. Real-time safe.
    pub fn awake_by(&self, clock: &impl TimeSource, deadline: Option<Nanos>) -> Nanos {
        match deadline {
            Some(deadline) => deadline,
            None if self.strategy == Strategy::Busy => Nanos(u64::MAX),
            None => clock.now() + LONGEST_SLEEP,
        }
    }

    /// Waits until `deadline`, or until `ready` says that there is something to do, or until the thread is unparked.
    ///
    /// `sent` says that messages have just left, so that the processor is given up before spinning. `ready` is asked
    /// between clock reads and before each sleep; whoever makes it true must then unpark the thread. `awake` is told how
    /// late the thread woke up from each sleep that ran to its end. `prepare` is called at most once, no more than
    /// [`PREPARED_WITHIN`] before the deadline, or a little more after a pulse that was not seen to come.
    ///
    /// Real-time safe: its only system calls read the clock and wait.
    pub fn wait(
        &mut self,
        clock: &impl TimeSource,
        deadline: Option<Nanos>,
        sent: bool,
        ready: impl Fn() -> bool,
        awake: impl Fn(Span),
        prepare: impl FnOnce(),
    ) -> Woken {
        let mut owes_a_sleep = sent;
        let mut prepare = Some(prepare);
        let mut now = clock.now();
        loop {
            if ready() {
                return Woken::Early;
            }
            if deadline.is_none() && self.strategy != Strategy::Busy {
                self.sleep(clock, now, LONGEST_SLEEP);
                return Woken::Early;
            }
            let left = deadline.map_or(Span(i64::MAX), |deadline| deadline.since(now));
            if left <= Span::ZERO {
                return Woken::Deadline(now);
            }
            let earlier = self.held.earlier();
            if left <= PREPARED_WITHIN + earlier
                && let Some(prepare) = prepare.take()
            {
                let begun = now;
                prepare();
                now = clock.now();
                self.preparing = now.since(begun).max(self.preparing - Span(self.preparing.0 / 32));
                continue;
            }
            let awake_for = self.awake_for(prepare.is_none());
            if left > awake_for {
                let alarm = now + (left - awake_for);
                now = self.sleep(clock, now, left - awake_for);
                owes_a_sleep = false;
                let late = now.since(alarm);
                if late >= Span::ZERO {
                    self.latency = late.max(self.latency - Span(self.latency.0 / 32));
                    awake(late);
                }
            } else if owes_a_sleep && left > GIVE_UP {
                now = self.sleep(clock, now, GIVE_UP);
                owes_a_sleep = false;
            } else {
                std::hint::spin_loop();
                let before = now;
                now = clock.now();
                let is_interrupted = self.held.watches(before, now);
                let left = deadline.map_or(Span::ZERO, |deadline| deadline.since(now));
                if is_interrupted && let Some(pause) = self.held.lets_through(left, self.latency) {
                    now = self.sleep(clock, now, pause);
                    owes_a_sleep = false;
                }
            }
        }
    }

    /// Gives the processor up at `now`, for as long or until the thread is unparked. The time when it has it again.
    fn sleep(&mut self, clock: &impl TimeSource, now: Nanos, sleep: Span) -> Nanos {
        self.held.lets_go(now);
        thread::park_timeout(sleep.to_duration());
        let awake = clock.now();
        self.held.takes(awake);
        awake
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
            let mut waiter = Pacer::new(strategy, Span::from_micros(100));
            assert_eq!(
                waiter.wait(&clock, Some(Nanos(50_500)), true, || false, |_| (), || ()),
                Woken::Deadline(Nanos(51_000))
            );
            assert_eq!(clock.0.get(), 51_000);
        }
    }

    #[test]
    fn a_deadline_that_has_passed_and_waiting_input_cost_no_wait() {
        let clock = Stepping(Cell::new(1_000), 1);
        let mut waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
        let woken = waiter.wait(&clock, Some(Nanos(5)), false, || false, |_| (), || ());
        assert_eq!(woken, Woken::Deadline(Nanos(1_001)));
        assert_eq!(waiter.wait(&clock, Some(Nanos(u64::MAX)), false, || true, |_| (), || ()), Woken::Early);
        assert_eq!(waiter.wait(&clock, None, false, || true, |_| (), || ()), Woken::Early);
    }

    #[test]
    fn what_is_prepared_is_prepared_once_within_the_last_stretch() {
        let clock = Stepping(Cell::new(0), 1_000);
        let prepared_at = Cell::new(0);
        let prepare = || prepared_at.set(prepared_at.get() + clock.0.get());
        let mut waiter = Pacer::new(Strategy::Busy, Span::ZERO);
        let woken = waiter.wait(&clock, Some(Nanos(500_000)), false, || false, |_| (), prepare);
        assert_eq!((woken, prepared_at.get()), (Woken::Deadline(Nanos(500_000)), 450_000));
        // Whoever has prepared is still told of what comes in.
        let ready = || clock.0.get() >= 960_000;
        assert_eq!(waiter.wait(&clock, Some(Nanos(1_000_000)), false, ready, |_| (), || ()), Woken::Early);
    }

    /// A clock that goes on by 50 ns at each reading, and once, at a time, by 2 us more.
    struct Interrupted(Cell<u64>, u64);

    impl TimeSource for Interrupted {
        fn now(&self) -> Nanos {
            let before = self.0.replace(self.0.get() + 50);
            if (before..before + 50).contains(&self.1) {
                self.0.set(self.0.get() + 2_000);
            }
            Nanos(self.0.get())
        }
    }

    #[test]
    fn an_interrupt_is_seen_while_the_thread_spins() {
        let clock = Interrupted(Cell::new(900_000), 990_000);
        let mut waiter = Pacer::new(Strategy::Busy, Span::ZERO);
        let expected = Nanos(1_002_000);
        for pulse in 0..2 {
            waiter.held.takes(Nanos(900_000));
            waiter.wait(&clock, Some(Nanos(1_000_000 + pulse)), false, || false, |_| (), || ());
            waiter.held.lets_go(Nanos(1_005_000));
            // What came 6 us after the thread had let go would have come 6 us after the interrupt; or, where none was seen, as
            // the messages left.
            let came = waiter.held.undelayed(Nanos(1_011_000), || Some(expected));
            let would_have = if pulse == 0 { 990_000 + 2_050 + 6_000 } else { expected.0 };
            assert!(came.0.abs_diff(would_have) <= 100, "{came:?}");
        }
    }

    #[test]
    fn what_an_interrupt_brings_is_let_through_while_there_is_time() {
        for (interrupted, is_let_through) in [(960_000, true), (995_000, false)] {
            let mut waiter = Pacer::new(Strategy::Busy, Span::ZERO);
            let clock = Interrupted(Cell::new(900_000), 990_000);
            waiter.held.takes(Nanos(900_000));
            waiter.wait(&clock, Some(Nanos(1_000_000)), false, || false, |_| (), || ());
            waiter.held.lets_go(Nanos(1_005_000));
            waiter.held.undelayed(Nanos(1_011_000), || Some(Nanos(998_000)));
            // Now it is known that pulses wait here.
            waiter.latency = Span::from_micros(5);
            let clock = Interrupted(Cell::new(900_000), interrupted);
            waiter.held.takes(Nanos(900_000));
            waiter.wait(&clock, Some(Nanos(1_000_000)), false, || false, |_| (), || ());
            assert_eq!(waiter.held.has_let_through(), is_let_through, "interrupted at {interrupted}");
        }
    }

    #[test]
    fn who_wakes_up_earlier_to_look_does_not_sleep_through_it_when_all_is_prepared() {
        let mut waiter = Pacer::new(Strategy::Busy, Span::from_micros(100));
        // Some interrupts that are seen, and one that is not: from now on it looks.
        for interrupted in [990_000; 8].into_iter().chain([0]) {
            let clock = Interrupted(Cell::new(900_000), interrupted);
            waiter.held.takes(Nanos(900_000));
            waiter.wait(&clock, Some(Nanos(1_000_000)), false, || false, |_| (), || ());
            waiter.held.lets_go(Nanos(1_005_000));
            waiter.held.undelayed(Nanos(1_011_000), || Some(Nanos(998_000)));
        }
        assert!(waiter.held.earlier() > Span::ZERO);
        // It wakes up too slowly to let go so near the deadline.
        (waiter.strategy, waiter.latency) = (Strategy::Hybrid, Span::from_micros(35));
        let clock = Interrupted(Cell::new(2_000_000 - 74_000), 2_000_000 - 60_000);
        waiter.held.takes(Nanos(clock.0.get()));
        waiter.wait(&clock, Some(Nanos(2_000_000)), false, || false, |_| (), || ());
        waiter.held.lets_go(Nanos(2_005_000));
        let came = Nanos(2_000_000 - 60_000 + 2_050 + 6_000);
        let seen = waiter.held.undelayed(Nanos(2_011_000), || Some(came));
        assert!(seen.0.abs_diff(came.0) <= 100, "{seen:?}, and not {came:?}");
    }

    #[test]
    fn the_spin_follows_the_latency_between_its_bounds() {
        let mut waiter = Pacer::new(Strategy::Hybrid, Span::from_micros(200));
        assert_eq!(waiter.spin(), Span::from_micros(60), "nothing is known yet");
        waiter.latency = Span::from_micros(500);
        assert_eq!(waiter.spin(), Span::from_micros(200));
        waiter.latency = Span::ZERO;
        assert_eq!(waiter.spin(), SHORTEST_SPIN);
        assert_eq!(Pacer::new(Strategy::Hybrid, Span::ZERO).spin(), Span::ZERO, "spinning can be forbidden");
    }

    #[test]
    fn what_must_be_prepared_costs_none_of_the_time_for_waking_up() {
        let mut waiter = Pacer::new(Strategy::Hybrid, Span::from_micros(200));
        let clock = Stepping(Cell::new(0), 1_000);
        let prepare = || clock.0.set(clock.0.get() + 20_000);
        waiter.wait(&clock, Some(Nanos(40_000)), false, || false, |_| (), prepare);
        for latency in [0, 40, 100, 500] {
            waiter.latency = Span::from_micros(latency);
            assert!(waiter.awake_for(false) >= waiter.spin() + Span::from_micros(20), "{latency} us");
            assert_eq!(waiter.awake_for(true), waiter.spin(), "{latency} us");
        }
        waiter.preparing = Span::from_millis(20);
        assert_eq!(waiter.awake_for(false), waiter.spin() + PREPARED_WITHIN, "something else took the processor");
        assert_eq!(Pacer::new(Strategy::Sleep, Span::ZERO).awake_for(false), PREPARED_WITHIN, "and prepares at once");
    }

    #[test]
    fn busy_gives_the_processor_up_once_and_then_watches() {
        let clock = Stepping(Cell::new(0), 1);
        let asked = Cell::new(0);
        let ready = || asked.replace(asked.get() + 1) == 1_000;
        assert_eq!(Pacer::new(Strategy::Busy, Span::ZERO).wait(&clock, None, true, ready, |_| (), || ()), Woken::Early);
        assert_eq!(asked.get(), 1_001, "it slept instead of watching");
    }

    #[test]
    fn a_wake_up_that_came_before_the_wait_is_not_lost() {
        thread::current().unpark();
        let mut waiter = Pacer::new(Strategy::Hybrid, Span::ZERO);
        assert_eq!(waiter.wait(&Stepping(Cell::new(0), 1), None, false, || false, |_| (), || ()), Woken::Early);
    }
}
