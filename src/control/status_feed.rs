//! Tells everybody who watches the show from afar when something changes.
//!
//! The control thread makes a [`Report`] only while somebody watches, at most twenty times a second, and hands the same one
//! to all of them. Each has a channel for [`WAITING`] reports; whoever lets it fill up is told nothing any more, and finds
//! the channel closed. So nobody can hold up the control thread, and memory does not grow.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use super::observer::Observer;
use super::osc::counts::Counts;
use super::report;
use super::report::{Osc, Report};
use super::view::{Notice, View};
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
            declined: counts.declined.load(Relaxed),
            refused: counts.refused.load(Relaxed),
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
pub struct StatusFeed {
    board: Board,
    /// What was told last, without what changes all the time, and when.
    told: Option<(Nanos, Report)>,
}

impl StatusFeed {
    /// Tells those on `board`.
    #[must_use]
    pub fn new(board: Board) -> StatusFeed {
        StatusFeed { board, told: None }
    }

    /// Returns where those who watch are known.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }
}

impl Observer for StatusFeed {
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

/// Returns what it guards stays whole whatever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Show;
    use crate::engine::Status;
    use crate::engine::arrangement::transport::Phase;
    use crate::engine::program::PatternSlot;
    use crate::link::{RtEnd, link};
    use crate::set::Set;
    use crate::time::Tick;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::mpsc::TryRecvError;

    const SET: &str = "[ports.a]\ndevice = \"A\"\n[tracks.lead]\nport = \"a\"\nchannel = 1\n\
                       [patterns.main]\nlead = \"c3\"\n[patterns.build]\n";

    /// A show whose time stands still but for the test.
    struct Stage {
        show: Show<'static>,
        rt: RtEnd,
        now: Rc<Cell<u64>>,
        board: Board,
        feed: StatusFeed,
    }

    impl Stage {
        fn new() -> Stage {
            let set = Set::parse("a.toml", SET.as_bytes()).unwrap();
            let (end, rt, _) = link(set.program.clone(), &[]);
            let now = Rc::new(Cell::new(0));
            let clock = Rc::clone(&now);
            let show = Show::new(
                end,
                set.clone(),
                crate::control::Source::new("a.toml", None, false, &set),
                "nothing".to_owned(),
                move || Nanos(clock.get()),
            );
            let board = Board::new("a.toml");
            Stage { show, rt, now, feed: StatusFeed::new(board.clone()), board }
        }

        /// So many milliseconds pass, with a look at their end.
        fn pass(&mut self, millis: u64) {
            self.now.set(self.now.get() + millis * 1_000_000);
            self.show.watch(&mut [&mut self.feed]);
        }

        fn play_at(&mut self, tick: i64) {
            self.rt.meters().show_music(Phase::Running, Tick(tick), Some(120.0), 0);
        }
    }

    #[test]
    fn who_watches_is_told_at_once_and_then_what_changes() {
        let mut stage = Stage::new();
        stage.pass(20);
        let watch = stage.board.watch();
        stage.pass(20);
        let first = watch.reports().try_recv().unwrap();
        assert_eq!((first.pattern.as_str(), first.queued.is_none()), ("main", true));
        stage.pass(100);
        assert_eq!(watch.reports().try_recv().unwrap_err(), TryRecvError::Empty, "nothing has changed");
        stage.rt.show(Status { queued: Some((PatternSlot(1), Tick(3_840))), ..Status::default() });
        stage.pass(20);
        let queued = watch.reports().try_recv().unwrap().queued.clone().unwrap();
        assert_eq!((queued.pattern.as_str(), queued.bar, queued.beat, queued.beats_left), ("build", 2, 1, 4));
    }

    #[test]
    fn the_position_is_news_with_each_beat_only() {
        let mut stage = Stage::new();
        let watch = stage.board.watch();
        let mut told = Vec::new();
        for tick in 0..2_000 {
            stage.play_at(tick);
            stage.pass(50);
            told.extend(watch.reports().try_iter().map(|report| (report.position.beat, report.position.tick)));
        }
        assert_eq!(told, [(1, 0), (2, 0), (3, 0)]);
    }

    #[test]
    fn twenty_times_a_second_is_enough() {
        let mut stage = Stage::new();
        let watch = stage.board.watch();
        let mut told = 0;
        for look in 0..1_000 {
            stage.play_at(960 * look);
            stage.pass(7);
            told += watch.reports().try_iter().count();
        }
        // Each eighth look, which is the first after 50 ms.
        assert_eq!(told, 125);
    }

    #[test]
    fn who_does_not_read_is_told_no_more_and_the_others_are() {
        let mut stage = Stage::new();
        let (idle, keen) = (stage.board.watch(), stage.board.watch());
        let mut told = 0;
        for look in 0..2 * WAITING as i64 {
            stage.play_at(960 * look);
            stage.pass(50);
            told += keen.reports().try_iter().count();
        }
        assert_eq!(told, 2 * WAITING);
        let waiting = std::iter::from_fn(|| idle.reports().try_recv().ok()).count();
        assert_eq!((waiting, idle.reports().try_recv().unwrap_err()), (WAITING, TryRecvError::Disconnected));
    }

    #[test]
    fn who_has_gone_is_forgotten_even_while_nothing_changes() {
        let mut stage = Stage::new();
        for _ in 0..100 {
            drop(stage.board.watch());
            stage.pass(1);
        }
        assert_eq!(lock(&stage.board.0.watchers).len(), 0);
        let watch = stage.board.watch();
        stage.board.close();
        assert_eq!(watch.reports().try_recv().unwrap_err(), TryRecvError::Disconnected);
    }

    #[test]
    fn a_report_says_what_was_last_noticed() {
        let mut stage = Stage::new();
        let notice = Notice { text: "a is gone".to_owned(), is_wrong: true };
        stage.feed.notice(&notice);
        stage.feed.notice(&notice);
        let report = stage.board.report(&stage.show.view());
        let last = report.notice.unwrap();
        assert_eq!((report.notices, last.text.as_str(), last.wrong), (2, "a is gone", true));
        assert_eq!(report.file.as_deref(), Some("a.toml"));
    }
}
