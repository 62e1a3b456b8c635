//! What went wrong, for the performer: one line that says what failed and what to try.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::control::Stuck;
use crate::io::OpenError;
use crate::session::{Failed, LoadError, StartError};
use crate::set::Mistakes;
use crate::text::printable_lines;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The set has mistakes; shown with their places.
    #[error("{0}")]
    Mistakes(Box<Mistakes>),
    /// What failed has been said already, in the answer.
    #[error("the set has mistakes")]
    Told,
    /// Words of a command that nobody understands.
    #[error("{0}")]
    WrongWords(String),
    /// The same, of which all has been said already.
    #[error("not every command was understood")]
    #[cfg_attr(not(unix), allow(dead_code, reason = "only `ctl` says so"))]
    ToldOfWrongWords,
    /// OSC cannot be listened for.
    #[error("cannot listen for OSC at {0}: {1}; choose another port with --osc")]
    Osc(SocketAddr, io::Error),
    /// There is no such set.
    #[error("{0}")]
    NoSuchSet(String),
    /// A file could not be read.
    #[error("cannot read {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// A file could not be written.
    #[error("cannot write {}: {}", .0.display(), .1)]
    Unwritable(PathBuf, io::Error),
    /// A file that would be written is there already.
    #[error("{} is there already; {}", .0.display(), .1)]
    InTheWay(PathBuf, &'static str),
    /// What was asked for cannot be done.
    #[error("{0}")]
    Refused(String),
    /// The configuration file has a mistake.
    #[error("{}: {}", .0.display(), .1)]
    Config(PathBuf, String),
    /// A flag has a value that makes no sense.
    #[error("the flags: {0}")]
    Flag(String),
    /// Devices of the set are not there, or not to be told apart.
    #[error("{0}")]
    Devices(String),
    /// A port could not be opened.
    #[error("{0}; `tightrope ports` lists what is there now")]
    Open(#[from] OpenError),
    /// The system refused a thread or a signal handler.
    #[error("the system refused to start the show: {0}")]
    System(io::Error),
    /// The real-time thread did not end.
    #[error(transparent)]
    Stuck(#[from] Stuck),
    /// A thread panicked.
    #[error(transparent)]
    Panicked(Failed),
    /// The answer could not be printed.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Failure {
        match error {
            LoadError::NoSuchSet(what) => Failure::NoSuchSet(what),
            LoadError::Unreadable(path, error) => Failure::Unreadable(path, error),
            LoadError::Mistakes(mistakes) => Failure::Mistakes(mistakes),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Failure {
        match error {
            StartError::Load(error) => error.into(),
            StartError::Devices(what) => Failure::Devices(what),
            StartError::Osc(at, error) => Failure::Osc(at, error),
            StartError::Failed(failed) => failed.into(),
            StartError::System(error) => Failure::System(error),
        }
    }
}

impl From<Failed> for Failure {
    fn from(failed: Failed) -> Failure {
        match failed {
            Failed::Panicked { .. } => Failure::Panicked(failed),
            Failed::Open(error) => Failure::Open(error),
        }
    }
}

impl Failure {
    /// The exit code: 2 for words that make no sense, as for arguments that make none.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Failure::WrongWords(_) | Failure::ToldOfWrongWords | Failure::Flag(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    /// Prints it; mistakes of a set with their places, in colour where that is wanted.
    pub(crate) fn print(&self, out: &mut dyn Write, color: bool) -> io::Result<()> {
        match self {
            Failure::Told | Failure::ToldOfWrongWords => Ok(()),
            Failure::Mistakes(mistakes) => writeln!(out, "{}", mistakes.render(color).trim_end()),
            other => writeln!(out, "tightrope: {}", printable_lines(&other.to_string())),
        }
    }
}
