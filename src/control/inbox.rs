//! The control thread's inbox: whoever wants something of the show calls here.
//!
//! Keys, the control socket, OSC and the watcher of the set file have threads of their own, which may wait for whatever they
//! wait for. None of them touches the show. They hold a [`Caller`], and the control thread answers their calls in order,
//! between two looks at the show; a call wakes it up.
//!
//! The inbox holds [`CAPACITY`] calls. One that finds it full is refused, and whoever made it says so: a flood harms those
//! who make it, and memory does not grow.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::order::Order;
use super::view::{Notice, View};

/// How many calls can wait.
pub const CAPACITY: usize = 256;

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
#[derive(Clone)]
pub struct Caller(SyncSender<Call>);

impl Caller {
    /// Makes a call.
    ///
    /// # Errors
    ///
    /// When the inbox is full, or the show has ended.
    pub fn call(&self, call: Call) -> Result<(), Refused> {
        self.0.try_send(call).map_err(|refused| match refused {
            TrySendError::Full(_) => Refused::Busy,
            TrySendError::Disconnected(_) => Refused::Ended,
        })
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
pub struct Inbox(Receiver<Call>);

/// An inbox, and a caller to begin with.
#[must_use]
pub fn inbox() -> (Caller, Inbox) {
    let (calls, arrived) = sync_channel(CAPACITY);
    (Caller(calls), Inbox(arrived))
}

impl Inbox {
    /// The next call; waits for it as long as `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Option<Call> {
        match self.0.recv_timeout(patience) {
            Ok(call) => Some(call),
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
        self.0.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_refused_and_what_came_before_is_kept() {
        let (caller, inbox) = inbox();
        for _ in 0..CAPACITY {
            assert_eq!(caller.call(Call::Wake), Ok(()));
        }
        assert_eq!(caller.call(Call::FileChanged), Err(Refused::Busy));
        assert_eq!(std::iter::from_fn(|| inbox.next()).count(), CAPACITY);
        assert_eq!(caller.call(Call::FileChanged), Ok(()));
        drop(inbox);
        assert_eq!(caller.call(Call::Wake), Err(Refused::Ended));
    }
}
