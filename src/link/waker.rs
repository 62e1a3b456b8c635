//! Wakes the real-time thread when something has come in.

use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// A handle to whichever thread has said that it is the real-time one.
///
/// Parking keeps one token: waking a thread that is about to park makes that park return at once, so nothing that was
/// pushed before the wake-up is ever slept through. Waking a thread that runs is one atomic exchange and no system call.
#[derive(Clone, Debug, Default)]
pub struct Waker {
    thread: Arc<OnceLock<Thread>>,
}

impl Waker {
    /// Makes the calling thread the one to wake. The first call counts.
    pub fn attend(&self) {
        // A second thread would be a mistake in the program; the first keeps the post.
        let _ = self.thread.set(std::thread::current());
    }

    /// Wakes it; before there is one, nothing has to be woken. Real-time safe.
    pub fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}
