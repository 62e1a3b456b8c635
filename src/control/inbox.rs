//! The control thread's inbox: whoever wants something of the show calls here.
//!
//! Keys, the control socket, OSC and the watcher of the set file have threads of their own, which may wait for whatever they
//! wait for. None of them touches the show. They hold a [`Caller`], and the control thread answers their calls in order,
//! between two looks at the show; a call wakes it up.
//!
//! The inbox holds [`CAPACITY`] calls. One that finds it full is refused, and whoever made it says so: a flood harms those
//! who make it, and memory does not grow. [`RESERVED`] places more are for what cannot wait: `panic`, `stop` and `quit`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::order::{self, Order};
use super::view::{Notice, View};

/// How many calls can wait.
pub const CAPACITY: usize = 256;

/// How many urgent ones can wait besides.
pub const RESERVED: usize = 64;

/// What is wanted of the show.
pub enum Call {
    /// That is to be done.
    Order(Order),
    /// What these words say is to be done, in the names of the set that plays when they are read. The answer says what
    /// became of it, or what is wrong with the words.
    Words(String, SyncSender<Answer>),
    /// Somebody wants to look at the show. Runs on the control thread, and must not wait for anything.
    Look(Box<dyn FnOnce(&View<'_>) + Send>),
    /// The set file has changed.
    FileChanged,
    /// The performer should know this.
    Notice(Notice),
    /// Nothing but to look around now.
    Wake,
}

impl Call {
    /// Returns whether it is to silence the show, or to end it.
    fn is_urgent(&self) -> bool {
        match self {
            Call::Words(words, _) => order::is_urgent(words),
            Call::Order(order) => order.is_urgent(),
            Call::Look(_) | Call::FileChanged | Call::Notice(_) | Call::Wake => false,
        }
    }
}

/// What became of words: what there is to say of their success, or why they cannot be followed.
pub type Answer = Result<String, Declined>;

/// Why words were not followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// They are wrong; what is wrong with them, and what would be right.
    #[error("{0}")]
    Misunderstood(String),
    /// They are right, but it cannot be done now; why.
    #[error("{0}")]
    Refused(String),
}

/// Why a call was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// So many calls wait that there is no room for one more.
    #[error("the show is busy; try again")]
    Busy,
    /// The show has ended.
    #[error("the show has ended")]
    Ended,
}

/// Calls the control thread, from any thread. Never waits.
#[derive(Clone, Debug)]
pub struct Caller {
    calls: SyncSender<Call>,
    /// How many wait. Both sides count; it is at most too high by those that are just being made.
    waiting: Arc<AtomicUsize>,
}

impl Caller {
    /// Makes a call.
    ///
    /// # Errors
    ///
    /// When the inbox is full, or the show has ended.
    pub fn call(&self, call: Call) -> Result<(), Refused> {
        let room = if call.is_urgent() { CAPACITY + RESERVED } else { CAPACITY };
        let refused = if self.waiting.fetch_add(1, Relaxed) >= room {
            Refused::Busy
        } else {
            match self.calls.try_send(call) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => Refused::Busy,
                Err(TrySendError::Disconnected(_)) => Refused::Ended,
            }
        };
        self.waiting.fetch_sub(1, Relaxed);
        Err(refused)
    }

    /// Has what `words` say done, and gives the answer when it comes. Waits for it, `patience` at most.
    ///
    /// # Errors
    ///
    /// When the call is not taken, or not answered in time.
    pub fn ask(&self, words: &str, patience: Duration) -> Result<Answer, Refused> {
        let (answer, answered) = sync_channel(1);
        self.call(Call::Words(words.to_owned(), answer))?;
        answered.recv_timeout(patience).map_err(|why| match why {
            RecvTimeoutError::Timeout => Refused::Busy,
            RecvTimeoutError::Disconnected => Refused::Ended,
        })
    }
}

/// Where the calls arrive.
pub struct Inbox {
    calls: Receiver<Call>,
    waiting: Arc<AtomicUsize>,
}

/// An inbox, and a caller to begin with.
#[must_use]
pub fn inbox() -> (Caller, Inbox) {
    let (calls, arrived) = sync_channel(CAPACITY + RESERVED);
    let waiting = Arc::new(AtomicUsize::new(0));
    (Caller { calls, waiting: Arc::clone(&waiting) }, Inbox { calls: arrived, waiting })
}

impl Inbox {
    /// The next call; waits for it as long as `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Option<Call> {
        match self.calls.recv_timeout(patience) {
            Ok(call) => {
                self.waiting.fetch_sub(1, Relaxed);
                Some(call)
            }
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Nobody is left who could call.
                std::thread::sleep(patience);
                None
            }
        }
    }

    /// A call that waits, if one does.
    pub(super) fn next(&self) -> Option<Call> {
        let call = self.calls.try_recv().ok()?;
        self.waiting.fetch_sub(1, Relaxed);
        Some(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Command;

    #[test]
    fn a_flood_is_refused_and_what_came_before_is_kept() {
        let (caller, inbox) = inbox();
        for _ in 0..CAPACITY {
            assert_eq!(caller.call(Call::Wake), Ok(()));
        }
        assert_eq!(caller.call(Call::FileChanged), Err(Refused::Busy));
        assert_eq!(caller.call(Call::Order(Order::Reload)), Err(Refused::Busy));
        // Silence finds a place all the same, however it is asked for.
        for words in ["panic", " panic ", "stop", "quit"] {
            assert_eq!(caller.call(Call::Words(words.to_owned(), sync_channel(1).0)), Ok(()), "{words}");
        }
        assert_eq!(caller.call(Call::Order(Order::Engine(Command::Panic))), Ok(()));
        assert_eq!(caller.call(Call::Words("start".to_owned(), sync_channel(1).0)), Err(Refused::Busy));
        assert_eq!(std::iter::from_fn(|| inbox.next()).count(), CAPACITY + 5);
        assert_eq!(caller.call(Call::FileChanged), Ok(()));
        drop(inbox);
        assert_eq!(caller.call(Call::Wake), Err(Refused::Ended));
    }
}
