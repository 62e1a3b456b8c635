//! Noticing that a disk does not answer.
//!
//! A call to the file system comes back when the disk answers, and a disk that hangs (a network drive, a stick that is dying, a
//! file system that is frozen) may never answer. So whoever waits for disks has a thread of its own, and lets be seen since
//! when it has been waiting for what. The control thread looks there, and says it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A disk that has not answered for so long hangs. One that spins up takes some seconds, and is worth a word too.
pub const HANGS_AFTER: Duration = Duration::from_secs(2);

/// What a thread waits for that a disk has to do. Its clones are the same.
#[derive(Clone, Debug)]
pub struct Errand {
    what: Arc<str>,
    since: Arc<Mutex<Option<Instant>>>,
}

impl Errand {
    /// One that waits for nothing yet; `what` says what it is that is done on the disk.
    #[must_use]
    pub fn new(what: &str) -> Errand {
        Errand { what: what.into(), since: Arc::default() }
    }

    /// Does `work`, which may have to wait for a disk.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        self.set(Some(Instant::now()));
        let done = work();
        self.set(None);
        done
    }

    /// Returns whether a disk is waited for just now.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.since().is_some()
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a disk answers has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It does not any more; in words.
    Hangs(String),
    /// It does again; in words.
    Answers(String),
}

/// Looks at an errand, and says once each when its disk hangs and when it answers again.
#[derive(Clone, Debug)]
pub struct Lookout {
    errand: Errand,
    hangs: bool,
}

impl Lookout {
    /// Looks at `errand`.
    #[must_use]
    pub fn new(errand: Errand) -> Lookout {
        Lookout { errand, hangs: false }
    }

    /// A look at the time `now`.
    pub fn look(&mut self, now: Instant) -> Option<Change> {
        let since = self.errand.since();
        let what = &self.errand.what;
        let is_late = since.is_some_and(|since| now.saturating_duration_since(since) >= HANGS_AFTER);
        if is_late == self.hangs {
            return None;
        }
        self.hangs = is_late;
        Some(match is_late {
            true => Change::Hangs(format!("the disk does not answer: {what} waits for it. The show goes on")),
            false => Change::Answers(format!("the disk answers again: {what} goes on")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_hangs_is_said_once_and_so_is_its_return() {
        let errand = Errand::new("the log");
        let mut lookout = Lookout::new(errand.clone());
        let begun = Instant::now();
        assert_eq!(lookout.look(begun + 2 * HANGS_AFTER), None, "nobody waits");
        errand.run(|| {
            let since = errand.since().expect("it waits");
            assert_eq!(lookout.look(since + HANGS_AFTER - Duration::from_millis(1)), None);
            let hangs = "the disk does not answer: the log waits for it. The show goes on".to_owned();
            assert_eq!(lookout.look(since + HANGS_AFTER), Some(Change::Hangs(hangs)));
            assert_eq!(lookout.look(since + 2 * HANGS_AFTER), None, "once");
        });
        let answers = "the disk answers again: the log goes on".to_owned();
        assert_eq!(lookout.look(begun + 3 * HANGS_AFTER), Some(Change::Answers(answers)));
        assert_eq!(lookout.look(begun + 4 * HANGS_AFTER), None);
    }
}
