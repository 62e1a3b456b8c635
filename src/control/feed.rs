//! Tells everybody who watches the show from afar when something changes.
//!
//! The control thread makes a [`Report`] only while somebody watches, at most twenty times a second, and hands the same one
//! to all of them. Each has a channel for [`WAITING`] reports; whoever lets it fill up is told nothing any more, and finds
//! the channel closed. So nobody can hold up the control thread, and memory does not grow.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::osc::Counts;
use super::report::{Osc, Report};
use super::view::{Notice, View};
use super::{Observer, report};
use crate::time::{Nanos, Span};

/// From one report to the next, at least.
const BETWEEN: Span = Span::from_millis(50);

/// How many reports can wait for one who watches: some three seconds of changes.
pub const WAITING: usize = 64;

/// Where those who watch are known. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    file: Option<String>,
    notices: Mutex<(u64, Option<Notice>)>,
    watchers: Mutex<Vec<Watcher>>,
    osc: OnceLock<Arc<Counts>>,
}

#[derive(Debug)]
struct Watcher {
    reports: SyncSender<Arc<Report>>,
    /// Gone when nobody receives any more.
    alive: Weak<()>,
    /// Whether nothing has been told yet.
    is_new: bool,
}

/// Where the reports arrive. Whoever drops it watches no more.
pub struct Watch {
    reports: Receiver<Arc<Report>>,
    _alive: Arc<()>,
}

impl Watch {
    /// The reports as they come.
    #[must_use]
    pub fn reports(&self) -> &Receiver<Arc<Report>> {
        &self.reports
    }
}

impl Board {
    /// A board for the show of the set that was read from `file`.
    #[must_use]
    pub fn new(file: &str) -> Board {
        Board(Arc::new(Shared { file: Some(file.to_owned()), ..Shared::default() }))
    }

    /// The show as `view` has it.
    #[must_use]
    pub fn report(&self, view: &View<'_>) -> Report {
        let notices = lock(&self.0.notices);
        let osc = self.0.osc.get().map(|counts| Osc {
            address: counts.address.clone(),
            orders: counts.orders.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            malformed: counts.malformed.load(Relaxed),
            subscribers: counts.subscribers.load(Relaxed),
        });
        report::Report::of(view, self.0.file.as_deref(), (notices.0, notices.1.as_ref()), osc)
    }

    /// Watches from now on: the show as it is comes first, and then again whenever it has changed.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let (sender, reports) = sync_channel(WAITING);
        let alive = Arc::new(());
        let mut watchers = lock(&self.0.watchers);
        watchers.retain(|watcher| watcher.alive.strong_count() > 0);
        watchers.push(Watcher { reports: sender, alive: Arc::downgrade(&alive), is_new: true });
        Watch { reports, _alive: alive }
    }

    /// The show is over: whoever watches finds the channel closed.
    pub fn close(&self) {
        lock(&self.0.watchers).clear();
    }

    /// From now on reports say what came over OSC.
    pub(super) fn count_osc(&self, counts: Arc<Counts>) {
        // There is one OSC socket; a second would not be counted.
        let _ = self.0.osc.set(counts);
    }
}

/// Sees the show, and tells those on the board.
pub struct Feed {
    board: Board,
    /// What was told last, without what changes all the time, and when.
    told: Option<(Nanos, Report)>,
}

impl Feed {
    /// Tells those on `board`.
    #[must_use]
    pub fn new(board: Board) -> Feed {
        Feed { board, told: None }
    }
}

impl Observer for Feed {
    fn look(&mut self, view: &View<'_>) {
        let mut watchers = lock(&self.board.0.watchers);
        watchers.retain(|watcher| watcher.alive.strong_count() > 0);
        if watchers.is_empty() || self.told.as_ref().is_some_and(|(at, _)| view.now.since(*at) < BETWEEN) {
            return;
        }
        let report = self.board.report(view);
        let gist = report.gist();
        let has_changed = self.told.as_ref().is_none_or(|(_, told)| *told != gist);
        if !has_changed && watchers.iter().all(|watcher| !watcher.is_new) {
            return;
        }
        let report = Arc::new(report);
        watchers.retain_mut(|watcher| {
            let is_due = std::mem::take(&mut watcher.is_new) || has_changed;
            !is_due || watcher.reports.try_send(Arc::clone(&report)).is_ok()
        });
        self.told = Some((view.now, gist));
    }

    fn notice(&mut self, notice: &Notice) {
        let mut notices = lock(&self.board.0.notices);
        *notices = (notices.0 + 1, Some(notice.clone()));
    }
}

/// What it guards stays whole whatever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
