//! The two threads of the probe: one that sends a schedule on time, and one that collects what is heard.

use crate::instrument::{Ears, Fallible, Look, Mouth};
use crate::recording::Heard;
use crate::schedule::Step;
use crate::sys;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

/// How long before a message is due a spinning master stops sleeping. Longer than a wake-up takes on an emulated machine
/// (5 us), and short because the program shares the only processor: it cannot prepare while the master spins.
const SPIN_NS: u64 = 20_000;

/// The priority of the kernel's threaded interrupts, where PREEMPT_RT handles what a MIDI interface has received.
const INTERRUPT_PRIORITY: i32 = 50;

/// What a master is, seen from the program's processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A program on the same processor, above all others: it spins up to its pulse and sends it, and until it sleeps again
    /// nobody else can send. Its pulses are as exact as can be; but a machine on the table does not hold our processor.
    Spinning { priority: i32 },
    /// A machine on the table: its pulse interrupts whatever runs for the moment it takes to wake a thread, which delivers
    /// the pulse at the priority of interrupt handlers. Whoever is above that then runs first, as with a real interface, and
    /// the pulse is delivered, and stamped, the later: a follower that is fooled by this delays itself.
    Interrupting,
}

/// An origin for a schedule, far enough ahead for its thread to be there in time.
pub fn soon_ns() -> u64 {
    sys::now_ns() + 50_000_000
}

/// The thread that sends a schedule.
pub struct Master(JoinHandle<Fallible<Box<dyn Mouth>>>);

/// Plays a schedule from a thread of its own, spinning in `SCHED_FIFO` at `priority`. Its times count from `origin_ns` on the
/// monotonic clock.
pub fn start(mouth: Box<dyn Mouth>, steps: Vec<Step>, origin_ns: u64, priority: i32) -> Fallible<Master> {
    start_as(Manner::Spinning { priority }, mouth, steps, origin_ns)
}

/// The same, by a master of any manner.
pub fn start_as(manner: Manner, mut mouth: Box<dyn Mouth>, steps: Vec<Step>, origin_ns: u64) -> Fallible<Master> {
    let thread = thread::Builder::new().name("master".into()).spawn(move || {
        sys::set_fifo(match manner {
            Manner::Spinning { priority } => priority,
            Manner::Interrupting => INTERRUPT_PRIORITY,
        })?;
        for step in steps {
            let due_ns = origin_ns + step.at_ns;
            match manner {
                Manner::Spinning { .. } => {
                    sys::sleep_until(due_ns - SPIN_NS);
                    while sys::now_ns() < due_ns {
                        std::hint::spin_loop();
                    }
                }
                Manner::Interrupting => sys::sleep_until(due_ns),
            }
            mouth.say(step.message.bytes())?;
        }
        Ok(mouth)
    })?;
    Ok(Master(thread))
}

impl Master {
    /// Waits for the end of the schedule, and gives the mouth back.
    pub fn finish(self) -> Fallible<Box<dyn Mouth>> {
        self.0.join().expect("the master's thread does not panic")
    }
}

/// What has been collected so far.
#[derive(Clone, Default)]
pub struct Collected {
    pub heard: Vec<Heard>,
    /// Times that the kernel had to drop arrivals.
    pub lost: usize,
}

pub struct Collector {
    shared: Arc<Mutex<Collected>>,
    ended: Arc<AtomicBool>,
    /// `None` once it has been waited for.
    thread: Option<JoinHandle<Fallible<()>>>,
}

impl Collector {
    pub fn start(mut ears: Box<dyn Ears>, look: Look) -> Fallible<Collector> {
        let shared = Arc::new(Mutex::new(Collected::default()));
        let ended = Arc::new(AtomicBool::new(false));
        let thread = thread::Builder::new().name("collector".into()).spawn({
            let (shared, ended) = (shared.clone(), ended.clone());
            move || {
                sys::set_fifo(look.priority)?;
                loop {
                    // Read before the last look, so that nothing from before the end is left.
                    let last = ended.load(Ordering::Acquire);
                    {
                        let mut shared = shared.lock().expect("no one panics with this lock");
                        let lost = ears.collect(&mut shared.heard)?;
                        shared.lost += lost;
                    }
                    if last {
                        return Ok(());
                    }
                    thread::sleep(look.every);
                }
            }
        })?;
        Ok(Collector { shared, ended, thread: Some(thread) })
    }

    /// What was heard until now, at most one look old.
    pub fn so_far(&self) -> Collected {
        self.shared.lock().expect("no one panics with this lock").clone()
    }

    pub fn finish(mut self) -> Fallible<Collected> {
        self.end()?;
        let mut shared = self.shared.lock().expect("no one panics with this lock");
        Ok(std::mem::take(&mut shared))
    }

    /// Lets the thread look once more and waits for it.
    fn end(&mut self) -> Fallible<()> {
        self.ended.store(true, Ordering::Release);
        self.thread.take().map_or(Ok(()), |thread| thread.join().expect("the collector does not panic"))
    }
}

/// A scenario that fails leaves no instruments behind for the next one.
impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
