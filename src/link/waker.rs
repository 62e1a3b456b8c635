//! Wakes the real-time thread when something has come in.

use std::sync::{Arc, OnceLock};

#[cfg(loom)]
use loom::thread::{self, Thread};
#[cfg(not(loom))]
use std::thread::{self, Thread};

/// A handle to whichever thread has said that it is the real-time one.
///
/// Who hands something over pushes first and wakes afterwards; who receives looks first and parks afterwards. Parking
/// keeps one token: waking a thread that is about to park makes that park return at once. So nothing that was pushed is
/// slept through, whichever way the two interleave (`tests/handover.rs` tries them all). Waking a thread that runs is one
/// atomic exchange and no system call.
///
/// The receiver attends before anyone who wakes it is started: who wakes a thread that does not attend yet wakes nobody.
#[derive(Clone, Debug, Default)]
pub struct Waker {
    thread: Arc<OnceLock<Thread>>,
}

impl Waker {
    /// Makes the calling thread the one to wake. The first call counts.
    pub fn attend(&self) {
        // A second thread would be a mistake in the program; the first keeps the post.
        let _ = self.thread.set(thread::current());
    }

    /// Wakes it. Real-time safe.
    pub fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}
