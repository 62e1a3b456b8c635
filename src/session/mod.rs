//! A show from its parts, without a command line.
//!
//! [`Session::start`] puts together all that a show takes (the set, its devices, the real-time thread, the control thread, and
//! whatever else the [`Options`] ask for), plays it on threads of its own, and ends every note before anything else when it is
//! over. The command line does the same by its two halves, [`assemble`] and [`Assembly::conduct`], on its first thread and
//! with a screen that watches.
//!
//! Nothing here prints, and nothing here is on the real-time thread.
//!
//! ```
//! use std::time::Duration;
//! use tightrope::rt::Settings;
//! use tightrope::rt::sched::Policy;
//! use tightrope::session::{Options, Session, SetSource, Target};
//!
//! let set = SetSource::text("four.toml", r#"
//!     tempo = 120
//!     [ports.drums]
//!     device = "Drum machine"
//!     [tracks.kick]
//!     port = "drums"
//!     channel = 10
//!     note = "c2"
//!     [patterns.main]
//!     kick = "x . . . x . . . x . . . x . . ."
//! "#);
//! // Nothing is sent, and no privilege is asked for.
//! let options = Options {
//!     target: Target::nothing(),
//!     realtime: Settings { policy: Policy::Other, lock_memory: false, stay_awake: false, ..Settings::default() },
//!     ..Options::default()
//! };
//! let session = Session::start(set, options)?;
//! // As by a key of the screen, `tightrope ctl` or OSC. The answer says what became of it.
//! session.ask("mute kick on", Duration::from_secs(5))??;
//! let ended = session.end()?;
//! assert_eq!(ended.why(), "asked to");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | duty |
//! |---|---|
//! | `assembly` | putting a show together, conducting it, and taking it apart |
//! | `options` | what it is started with |
//! | `notice` | what is found and decided on the way |
//! | `ending` | how it has ended, and why it could not start |
//! | [`source`] | which set is played |
//! | `targets` | which ports it plays on: devices, virtual ports, or none |
//! | `connections` | the connections to devices, and making them again |
//! | `virtual_ports` | the ports of a show without its devices |
//! | `guarded_ports` | keeping the guardian informed of them |
//! | `checkpoint` | what is kept on disk, to go on after a crash |
//! | `resume` | going on with it |
//! | `recording` | beginning the log |
//! | `remote` | the control socket and OSC |

mod assembly;
mod checkpoint;
mod connections;
mod ending;
mod guarded_ports;
mod notice;
mod options;
mod recording;
mod remote;
mod resume;
pub mod source;
mod targets;
mod virtual_ports;

pub use assembly::{Assembly, assemble, prepare_process};
pub use checkpoint::Fresh;
pub use ending::{EndError, Ended, Failed, StartError};
pub use notice::StartNotice;
pub use options::{Checkpoints, Length, Log, Options, Osc, Target};
pub use source::{LoadError, SetSource};

use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::control::inbox::{Answer, Refused};
use crate::control::{Call, Caller, Observer, Order, Stuck, bulkhead};
use crate::panics;

/// From one attempt to end a show whose inbox is full to the next.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// A show that plays, on threads of its own. Where it is dropped, the show is ended, and its end waited for.
///
/// None of its methods is for a real-time thread.
#[derive(Debug)]
pub struct Session {
    caller: Caller,
    notices: Vec<StartNotice>,
    /// Until its end has been waited for.
    control: Option<JoinHandle<Option<Result<Ended, Stuck>>>>,
}

impl Session {
    /// Starts a show of `set`. When this returns, its ports are open and its real-time thread runs; without a clock to follow the
    /// music begins at once.
    ///
    /// # Errors
    ///
    /// [`StartError`], when the show cannot start. Nothing has sounded.
    pub fn start(set: SetSource, options: Options) -> Result<Session, StartError> {
        Session::start_observed(set, options, ())
    }

    /// Starts a show that `observer` sees: every message, every notice, and some fifty times a second how things are. It is
    /// called on the control thread, and must not wait for anything.
    ///
    /// # Errors
    ///
    /// As [`Session::start`].
    pub fn start_observed(
        set: SetSource,
        options: Options,
        observer: impl Observer + Send + 'static,
    ) -> Result<Session, StartError> {
        let (started, outcome) = sync_channel(1);
        // Sets are read on it.
        let thread = thread::Builder::new().name(panics::CONTROL_THREAD.into()).stack_size(bulkhead::STACK_BYTES);
        let control = thread.spawn(move || {
            let mut notices = Vec::new();
            let assembled = assemble(&set, options, &mut |notice| notices.push(notice));
            let (assembly, outcome) = match assembled {
                Ok(assembly) => {
                    let caller = assembly.caller().clone();
                    (Some(assembly), Ok((caller, notices)))
                }
                Err(error) => (None, Err(error)),
            };
            // Whoever starts the show waits for it.
            let _ = started.send(outcome);
            drop(started);
            assembly.map(|assembly| assembly.conduct(Box::new(observer)))
        });
        let control = control.map_err(StartError::System)?;
        // It hangs up without a word where it panics.
        let (caller, notices) = outcome.recv().map_err(|_| Failed::panicked("control thread"))??;
        Ok(Session { caller, notices, control: Some(control) })
    }

    /// Returns what was found and decided at the start, in its order.
    #[must_use]
    pub fn notices(&self) -> &[StartNotice] {
        &self.notices
    }

    /// Calls the show, from any thread, also when it has ended. Never waits.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Has what `words` say done, in the language of `tightrope ctl`, and waits for the answer, `patience` at most.
    ///
    /// # Errors
    ///
    /// When the call is not taken, because the show is busy or has ended, or not answered in time. That the words are wrong or
    /// cannot be followed now is an answer.
    pub fn ask(&self, words: &str, patience: Duration) -> Result<Answer, Refused> {
        self.caller.ask(words, patience)
    }

    /// Returns whether it has ended by itself, or has failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.control.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until it ends by itself, and says how. After it every note has ended.
    ///
    /// # Errors
    ///
    /// [`EndError`], when nothing is known of how it ended.
    pub fn wait(mut self) -> Result<Ended, EndError> {
        self.join()
    }

    /// Ends it, waits until every note has ended, and says how it went.
    ///
    /// # Errors
    ///
    /// [`EndError`], when nothing is known of how it ended.
    pub fn end(mut self) -> Result<Ended, EndError> {
        self.quit();
        self.join()
    }

    /// Asks for the end. There is room for it even in a full inbox; but not for any number of such requests.
    fn quit(&self) {
        while self.caller.call(Call::Order(Order::Quit)) == Err(Refused::Busy) && !self.is_over() {
            thread::sleep(BETWEEN_ATTEMPTS);
        }
    }

    fn join(&mut self) -> Result<Ended, EndError> {
        let ended = self.control.take().map(JoinHandle::join);
        // A control thread that panics outside of the show has nothing to say.
        let ended = ended.and_then(Result::ok).flatten();
        Ok(ended.ok_or_else(|| Failed::panicked("control thread"))??)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.control.is_some() {
            self.quit();
            // There is nobody to tell how it went.
            let _ = self.join();
        }
    }
}
