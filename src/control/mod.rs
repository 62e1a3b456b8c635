//! The control thread: what the performer wants, between hands and the real-time thread.
//!
//! It runs on the program's first thread. It hears signals, watches the show, passes on what was sent to whoever displays
//! it, and sees to the end: whatever the reason, the real-time thread is told to end and is waited for, because that is
//! how every note gets its note-off.

mod signals;

pub use signals::Signals;

use std::thread;
use std::time::{Duration, Instant};

use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::engine::{Command, Status};
use crate::link::{ControlEnd, Sent, Snapshot, TRACE_CAPACITY};

/// How often the control thread looks around. Hands and eyes do not notice it, and an idle show costs next to nothing.
const PERIOD: Duration = Duration::from_millis(20);

/// How long the real-time thread may take to end every note. It needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches a show: a screen, or lines.
pub trait Observer {
    /// A message went out.
    fn sent(&mut self, sent: &Sent);
    /// The meters, and what plays, some fifty times a second.
    fn look(&mut self, snapshot: &Snapshot, status: &Status);
    /// Something that the performer should know.
    fn notice(&mut self, text: &str);
}

/// Keeps a show connected to its devices.
pub trait PortWatch {
    /// Called some fifty times a second, and not to take long.
    fn look(&mut self, end: &mut ControlEnd, observer: &mut dyn Observer);
}

/// Why a show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The real-time thread ended: at its end position, or by itself.
    Finished,
    /// The time was up.
    TimeUp,
    /// A signal asked for it; its name.
    Signal(&'static str),
    /// The input thread of this port failed.
    InputFailed(PortSlot),
}

/// Watches a show until there is a reason to end it. `is_finished` tells whether the real-time thread has ended.
pub fn conduct(
    end: &mut ControlEnd,
    is_finished: &dyn Fn() -> bool,
    signals: &Signals,
    until: Option<Instant>,
    ports: &mut dyn PortWatch,
    observer: &mut dyn Observer,
) -> Reason {
    loop {
        watch(end, observer);
        ports.look(end, observer);
        if signals.take_suspend() {
            observer.notice("Ctrl-Z does not pause a show, for notes would hang: Ctrl-C ends it");
        }
        if let Some(reason) = reason_to_end(end, is_finished(), signals, until) {
            return reason;
        }
        thread::sleep(PERIOD);
    }
}

/// Ends a show: tells the real-time thread, and waits until it has ended, which is when every note has.
///
/// # Errors
///
/// When it does not end in time.
pub fn end(end: &mut ControlEnd, is_finished: &dyn Fn() -> bool) -> Result<(), Stuck> {
    let told = Instant::now();
    // A full ring drains within one pass of the real-time thread; a command lost here would leave the notes sounding.
    while end.command(Command::End).is_err() && !is_finished() && told.elapsed() < PATIENCE {
        thread::sleep(PERIOD);
    }
    while !is_finished() {
        if told.elapsed() > PATIENCE {
            return Err(Stuck);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Shows what happened since the last look. Takes at most what the trace holds, so that it comes to an end however much is
/// sent meanwhile.
pub fn watch(end: &mut ControlEnd, observer: &mut dyn Observer) {
    for _ in 0..TRACE_CAPACITY {
        let Some(sent) = end.sent() else { break };
        observer.sent(&sent);
    }
    let status = end.status();
    observer.look(&end.meters().snapshot(), &status);
}

/// The real-time thread did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the real-time thread does not answer; notes may be left sounding: switch the instruments off and on")]
pub struct Stuck;

fn reason_to_end(end: &ControlEnd, finished: bool, signals: &Signals, until: Option<Instant>) -> Option<Reason> {
    if finished {
        return Some(Reason::Finished);
    }
    if let Some(name) = signals.received() {
        return Some(Reason::Signal(name));
    }
    if until.is_some_and(|until| Instant::now() >= until) {
        return Some(Reason::TimeUp);
    }
    let failed = |port: &PortSlot| end.meters().port(*port).has_failed_input();
    (0..MAX_PORTS as u8).map(PortSlot).find(failed).map(Reason::InputFailed)
}
