//! How a show has ended, and why one could not start.

use std::io;
use std::net::SocketAddr;

use super::source::LoadError;
use crate::blackbox::writer::Written;
use crate::control::{Reason, Stuck};
use crate::io::OpenError;
use crate::link::Snapshot;
use crate::panics;
use crate::rt::sched::Granted;
use crate::set::Set;

/// What is left of a show when every note has ended.
#[derive(Debug)]
pub struct Ended {
    /// Why it ended, or what failed.
    pub outcome: Result<Reason, Failed>,
    /// The set that played last.
    pub set: Set,
    /// How much was sent, how late, and what was lost.
    pub snapshot: Snapshot,
    /// What the machine had granted.
    pub granted: Granted,
    /// What could not be written into the set file, in words.
    pub unwritten: Option<String>,
    /// What became of the log, if there was one.
    pub log: Option<Written>,
}

impl Ended {
    /// Why, in words.
    #[must_use]
    pub fn why(&self) -> String {
        why(&self.outcome)
    }
}

/// Why a show ended, in words.
pub(super) fn why(outcome: &Result<Reason, Failed>) -> String {
    match outcome {
        Ok(Reason::Finished) => "at its end".to_owned(),
        Ok(Reason::TimeUp) => "the time was up".to_owned(),
        Ok(Reason::Asked) => "asked to".to_owned(),
        Ok(Reason::Signal(name)) => format!("signal {name}"),
        Ok(Reason::InputFailed(_)) => "an input thread failed".to_owned(),
        Err(Failed::Panicked { thread, .. }) => format!("the {thread} failed"),
        Err(Failed::Open(error)) => error.to_string(),
    }
}

/// What has failed in a show that had started. Every note has been ended all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// A thread panicked.
    #[error("the {thread} failed ({message}); every note was ended. Start again, and please report this")]
    Panicked {
        /// Which thread.
        thread: String,
        /// What it said, and where.
        message: String,
    },
    /// A port could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Failed {
    /// The panic that was last.
    pub(super) fn panicked(thread: &str) -> Failed {
        Failed::Panicked { thread: thread.to_owned(), message: panics::last() }
    }
}

/// Why a show did not start. Nothing has sounded.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no set to play.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Devices of the set are not there, or not to be told apart; in words.
    #[error("{0}")]
    Devices(String),
    /// OSC is required and cannot be listened for.
    #[error("cannot listen for OSC at {0}: {1}")]
    Osc(SocketAddr, io::Error),
    /// A thread, a port or an output has failed before the first note.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// The system refused a thread or a signal handler.
    #[error("the system refused to start the show: {0}")]
    System(io::Error),
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> StartError {
        StartError::Failed(Failed::Open(error))
    }
}

/// Why nothing is known of how a show ended.
#[derive(Debug, thiserror::Error)]
pub enum EndError {
    /// Its real-time thread did not end in time.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// Its control thread panicked while it ended the show.
    #[error(transparent)]
    Failed(#[from] Failed),
}
