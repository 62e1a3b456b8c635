//! The control thread: what the performer wants, between hands and the real-time thread.
//!
//! It runs on the program's first thread. It hears signals, watches the show, passes on what was sent to whoever displays
//! it, and sees to the end: whatever the reason, the real-time thread is told to end and is waited for, because that is
//! how every note gets its note-off.

mod signals;

pub use signals::Signals;

use std::thread;
use std::time::{Duration, Instant};

use crate::engine::Command;
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::link::{ControlEnd, Sent, Snapshot};

/// How often the control thread looks around. Hands and eyes do not notice it, and an idle show costs next to nothing.
const PERIOD: Duration = Duration::from_millis(20);

/// How long the real-time thread may take to end every note. It needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches a show: a screen, or lines.
pub trait Observer {
    /// A message went out.
    fn sent(&mut self, sent: &Sent);
    /// The meters, some fifty times a second.
    fn look(&mut self, snapshot: &Snapshot);
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

/// Sees a show through until the real-time thread, as `is_finished` tells, has ended.
///
/// # Errors
///
/// When it did not end although it was told to.
pub fn conduct(
    end: &mut ControlEnd,
    is_finished: &dyn Fn() -> bool,
    signals: &Signals,
    until: Option<Instant>,
    observer: &mut dyn Observer,
) -> Result<Reason, Stuck> {
    let reason = loop {
        watch(end, observer);
        if let Some(reason) = reason_to_end(end, is_finished(), signals, until) {
            break reason;
        }
        thread::sleep(PERIOD);
    };
    let told = Instant::now();
    // A full ring drains within one pass of the real-time thread; a message lost here would leave the notes sounding.
    while end.command(Command::End).is_err() && told.elapsed() < PATIENCE {
        thread::sleep(PERIOD);
    }
    while !is_finished() {
        if told.elapsed() > PATIENCE {
            return Err(Stuck);
        }
        thread::sleep(Duration::from_millis(1));
    }
    watch(end, observer);
    Ok(reason)
}

/// The real-time thread did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the real-time thread does not answer; notes may be left sounding: switch the instruments off and on")]
pub struct Stuck;

fn watch(end: &mut ControlEnd, observer: &mut dyn Observer) {
    while let Some(sent) = end.sent() {
        observer.sent(&sent);
    }
    observer.look(&end.meters().snapshot());
}

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
