//! The real-time side: one thread that owns the engine, and what it needs from the machine.
//!
//! | file | duty |
//! |---|---|
//! | [`driver`] | carry in, bring the engine to a time, carry out; knows no waiting |
//! | [`run`] | the loop of the thread: drive, and wait for what is due next |
//! | [`pacer`] | sleeping long enough and waking in time |
//! | [`output`] | where messages go |
//! | [`note_tracking`] | what has really left, so that it can be silenced |
//! | [`clock`] | the only place that reads the running clock |
//! | [`sched`] | asking for a real-time class and locked memory, and saying what was granted |
//! | `sys` | the system calls behind it, with what is `unsafe` of them |
//!
//! [`spawn`] starts the thread. Whatever ends it — the end of the show, the control side gone, a panic in the music — the
//! thread's last act is to end every note that it has sent and to stop every port that it has started.

pub mod clock;
pub mod driver;
mod irq_delay;
pub mod note_tracking;
pub mod output;
pub mod pacer;
pub mod run;
pub mod sched;
mod sys;

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

use clock::Monotonic;
use driver::Driver;
use note_tracking::NoteTracking;
use output::Output;
use pacer::{Pacer, Strategy};
use run::Loop;
use sched::{Awake, Granted, MemoryGrant, Policy, ThreadGrant};

use crate::engine::Engine;
use crate::engine::outbox::Outbox;
use crate::link::{NoteTable, RtEnd, Table};
use crate::panics::RT_THREAD;
use crate::time::Span;

/// The real-time thread's stack: small, because locked memory counts; but ThreadSanitizer wants more of it. `tests/stack.rs`
/// measures what is used of it.
pub const STACK_BYTES: usize = if cfg!(races) { 4096 * 1024 } else { 256 * 1024 };

/// How much of the stack is touched before the show, so that no page of it is missing during it.
pub const PREFAULTED_BYTES: usize = 96 * 1024;

/// How the machine is to be used, from the configuration file and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The scheduling class of the real-time thread and of the MIDI input threads.
    pub policy: Policy,
    /// The real-time thread's priority, 1 to 99. The kernel's threaded interrupts run at 50.
    pub priority: u8,
    /// The MIDI input threads' priority, 1 to 99: below the real-time thread, so that what is due leaves before what has just
    /// come in is looked at. When it came is told by the driver's stamp, not by when its thread ran.
    pub input_priority: u8,
    /// The CPU that the real-time thread is bound to, if any.
    pub cpu: Option<usize>,
    /// How it waits.
    pub wait: Strategy,
    /// The longest it spins before a deadline in the hybrid strategy; how long it does depends on the machine.
    pub spin: Span,
    /// Whether the process's memory is locked.
    pub lock_memory: bool,
    /// Whether the processors are held out of deep idle states, where that is permitted.
    pub stay_awake: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            policy: Policy::Fifo,
            priority: 80,
            input_priority: 79,
            cpu: None,
            wait: Strategy::Hybrid,
            spin: Span::from_micros(200),
            lock_memory: true,
            stay_awake: true,
        }
    }
}

impl Settings {
    /// Promotes the calling MIDI input thread.
    #[must_use]
    pub fn promote_input(&self) -> ThreadGrant {
        sched::promote(self.policy, self.input_priority, None)
    }

    /// Returns what an input thread will be granted. Input threads are midir's, and promote themselves only with their first
    /// message; this finds out on a thread of its own, so that a refusal can be told before the show.
    fn try_input(self) -> std::io::Result<ThreadGrant> {
        let attempt = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || self.promote_input())?;
        attempt.join().map_err(|_| std::io::Error::other("a thread failed as it was promoted"))
    }
}

/// How the show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it was told to.
    Finished,
    /// By a panic; every note has been ended all the same. The panic hook knows the message.
    Panicked,
}

/// The running real-time thread.
#[derive(Debug)]
pub struct Running {
    thread: thread::JoinHandle<Ending>,
    granted: Granted,
    /// Given up with it.
    _awake: Option<Awake>,
}

impl Running {
    /// Returns what it was granted.
    #[must_use]
    pub fn granted(&self) -> &Granted {
        &self.granted
    }

    /// Returns whether it has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until it has ended, and says how.
    #[must_use]
    pub fn join(self) -> Ending {
        self.thread.join().unwrap_or(Ending::Panicked)
    }
}

/// Asks the system for what a show with these settings would ask for, and gives up what can be given up: what is granted is
/// the answer. The process's memory stays locked.
///
/// # Errors
///
/// When the system has no thread to give.
pub fn ask(settings: Settings) -> std::io::Result<Granted> {
    let memory = if settings.lock_memory { sched::lock_memory() } else { MemoryGrant::NotAsked };
    let attempt = move || sched::promote(settings.policy, settings.priority, settings.cpu);
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(attempt)?.join();
    let thread = thread.map_err(|_| std::io::Error::other("a thread failed as it was promoted"))?;
    Ok(Granted { thread, input: settings.try_input()?, memory, rttime_limit: sys::rttime_limit() })
}

/// Starts the real-time thread, which notes what sounds where only this process sees it.
///
/// # Errors
///
/// As [`spawn_noting`].
pub fn spawn<O: Output + Send + 'static>(
    end: RtEnd,
    engine: Engine,
    clock: Monotonic,
    output: O,
    settings: Settings,
) -> std::io::Result<Running> {
    spawn_noting(Box::<NoteTable>::default(), end, engine, clock, output, settings)
}

/// Starts the real-time thread, which notes in `table` what sounds. Everything it will touch has been allocated when the
/// process's memory is locked here, so that no page of it is missing while it plays.
///
/// # Errors
///
/// When the system has no thread to give.
pub fn spawn_noting<O: Output + Send + 'static, T: Table>(
    table: T,
    end: RtEnd,
    engine: Engine,
    clock: Monotonic,
    output: O,
    settings: Settings,
) -> std::io::Result<Running> {
    let mut performance = Performance::new(table, end, engine, clock, output, settings);
    let input = settings.try_input()?;
    let memory = if settings.lock_memory { sched::lock_memory() } else { MemoryGrant::NotAsked };
    let (granted_tx, granted_rx) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(RT_THREAD.into()).stack_size(STACK_BYTES).spawn(move || {
        touch_stack();
        // Before anyone is told that the thread is there, and could wake it.
        let _attendance = performance.attend();
        let grant = sched::promote(settings.policy, settings.priority, settings.cpu);
        // The receiver waits for exactly this; were it gone, there would be nobody to tell.
        let _ = granted_tx.send(grant);
        drop(granted_tx);
        performance.play()
    })?;
    let thread_grant = granted_rx.recv().map_err(|_| std::io::Error::other("the real-time thread did not start"))?;
    let granted = Granted { thread: thread_grant, input, memory, rttime_limit: sys::rttime_limit() };
    let _awake = if settings.stay_awake { sched::stay_awake() } else { None };
    Ok(Running { thread, granted, _awake })
}

/// What the real-time thread works with, on the heap, because its stack is small: a thread that is given large values by value
/// has them there several times.
pub struct Performance<O, T> {
    output: NoteTracking<O, T>,
    end: RtEnd,
    engine: Engine,
    outbox: Outbox,
    clock: Monotonic,
    waiter: Option<Pacer>,
}

impl<O: Output, T: Table> Performance<O, T> {
    /// Puts it together. Allocates; nothing after it does.
    pub fn new(table: T, end: RtEnd, engine: Engine, clock: Monotonic, output: O, settings: Settings) -> Box<Self> {
        let (output, outbox) = (NoteTracking::noting_in(table, output), Outbox::default());
        let waiter = Some(Pacer::new(settings.wait, settings.spin));
        Box::new(Performance { output, end, engine, outbox, clock, waiter })
    }

    /// The calling thread is the real-time thread from now on, until it drops what is returned.
    fn attend(&self) -> T::Attendance {
        self.end.attend();
        self.output.table().attend()
    }

    /// Plays until the show ends, whatever ends it, and leaves nothing sounding.
    pub fn play(&mut self) -> Ending {
        let Performance { output, end, engine, outbox, clock, waiter } = self;
        let played = panic::catch_unwind(AssertUnwindSafe(|| {
            if let Some(waiter) = waiter.take() {
                Loop::new(Driver::new(end, engine, outbox, *clock), output, waiter).run();
            }
        }));
        output.silence();
        match played {
            Ok(()) => Ending::Finished,
            Err(_) => Ending::Panicked,
        }
    }
}

/// Touches the stack that the loop will use.
#[inline(never)]
fn touch_stack() {
    let mut room = [0u8; PREFAULTED_BYTES];
    std::hint::black_box(&mut room);
}
