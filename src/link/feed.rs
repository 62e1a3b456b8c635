//! The way from what computes the events of [fed lanes](crate::engine::lanes::feed) to the real-time thread.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use super::Waker;
use crate::engine::lanes::feed::{FeedCounts, FeedEvent};
use crate::engine::program::{FeedSlot, MAX_FEEDS};
use crate::time::Tick;

/// How many events of all sources together can wait for the real-time thread.
pub const FEED_CAPACITY: usize = 4_096;

/// The end that the source of fed lanes holds: one thread, for all lanes.
#[derive(Debug)]
pub struct FeedEnd {
    pub(super) events: rtrb::Producer<FeedEvent>,
    pub(super) waker: Waker,
}

impl FeedEnd {
    /// Hands an event to the real-time thread and wakes it; gives it back when the ring is full, and then nothing is lost: the
    /// source tries again later. Real-time safe; a system call only when that thread sleeps.
    ///
    /// # Errors
    ///
    /// The event, where there is no room for it.
    pub fn push(&mut self, event: FeedEvent) -> Result<(), FeedEvent> {
        let pushed = self.events.push(event).map_err(|rtrb::PushError::Full(event)| event);
        self.waker.wake();
        pushed
    }

    /// Returns how many events there is room for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.events.slots()
    }
}

/// What is counted for one source.
#[derive(Debug)]
pub struct FeedMeters {
    late: AtomicU64,
    dropped: AtomicU64,
    until: AtomicI64,
}

impl Default for FeedMeters {
    fn default() -> FeedMeters {
        FeedMeters { late: AtomicU64::new(0), dropped: AtomicU64::new(0), until: AtomicI64::new(i64::MIN) }
    }
}

/// What is counted for all sources.
#[derive(Debug)]
pub(super) struct AllFeeds([FeedMeters; MAX_FEEDS]);

impl Default for AllFeeds {
    fn default() -> AllFeeds {
        AllFeeds(std::array::from_fn(|_| FeedMeters::default()))
    }
}

impl AllFeeds {
    pub(crate) fn of(&self, feed: FeedSlot) -> Option<&FeedMeters> {
        self.0.get(usize::from(feed.0))
    }
}

impl FeedMeters {
    /// What has become of what the source said, and up to where it has said something. Real-time thread only.
    pub fn show(&self, counts: FeedCounts, until: Option<Tick>) {
        self.late.store(counts.late, Relaxed);
        self.dropped.store(counts.dropped, Relaxed);
        self.until.store(until.map_or(i64::MIN, |tick| tick.0), Relaxed);
    }

    /// Returns what has become of what the source said.
    #[must_use]
    pub fn counts(&self) -> FeedCounts {
        FeedCounts { late: self.late.load(Relaxed), dropped: self.dropped.load(Relaxed) }
    }

    /// Returns where the last event lies that had been taken and had yet to be played when one was taken last; `None` where there was none.
    #[must_use]
    pub fn until(&self) -> Option<Tick> {
        Some(self.until.load(Relaxed)).filter(|&tick| tick != i64::MIN).map(Tick)
    }
}
