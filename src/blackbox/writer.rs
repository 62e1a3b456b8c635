//! The thread that writes the log, so that nobody else waits for a disk.
//!
//! Records come by a channel of [`WAITING`] batches. Where it is full, because the disk hangs, what comes is lost, counted,
//! and the log says so. Where the log cannot be begun, or cannot be written any more, that is said once, and it ends.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::record::{Head, Record};
use super::segments::{Segments, Store};
use crate::control::errand::Errand;

/// How many batches can wait: of those of the control thread, which are made at most fifty times a second, some ten seconds.
pub const WAITING: usize = 512;

/// Records are written at the latest after this: so much a crash can cost.
const WRITTEN_WITHIN: Duration = Duration::from_secs(1);

/// How often the disk is made sure of: so much a power cut can cost.
const SYNCED_EVERY: Duration = Duration::from_secs(5);

/// The thread's stack: small, because locked memory counts.
const STACK_BYTES: usize = 256 * 1024;

/// The end that hands records to the writing thread.
pub struct Writer {
    batches: Option<SyncSender<Vec<Record>>>,
    lost: u64,
    written: Arc<Mutex<Written>>,
    /// Closed when the thread has ended.
    done: Receiver<()>,
    errand: Errand,
}

/// What has been written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub folder: Option<PathBuf>,
    /// How much.
    pub bytes: u64,
    /// Why it stopped, if it has.
    pub stopped: Option<String>,
    /// How many records were lost.
    pub lost: u64,
}

impl Writer {
    /// Starts the thread, on which `open` makes the place for the log, and says where that is. `tell` is told once if
    /// the log stops.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn start<S: Store + 'static>(
        open: impl FnOnce() -> io::Result<(S, PathBuf)> + Send + 'static,
        head: Head,
        limit: u64,
        tell: impl FnOnce(&str) + Send + 'static,
    ) -> io::Result<Writer> {
        let (batches, records) = sync_channel(WAITING);
        let (running, done) = sync_channel(0);
        let written = Arc::new(Mutex::new(Written::default()));
        let progress = Arc::clone(&written);
        let errand = Errand::new("the log");
        let own = errand.clone();
        thread::Builder::new().name("tightrope-log".into()).stack_size(STACK_BYTES).spawn(move || {
            let _running: SyncSender<()> = running;
            if let Err(error) = write(open, head, limit, &records, &progress, &own) {
                let why = format!("the log stops: {error}");
                tell(&why);
                lock(&progress).stopped = Some(why);
            }
        })?;
        Ok(Writer { batches: Some(batches), lost: 0, written, done, errand })
    }

    /// Returns what it waits for.
    #[must_use]
    pub fn errand(&self) -> &Errand {
        &self.errand
    }

    /// Hands records over. Never waits; what finds no room is lost.
    pub fn write(&mut self, mut records: Vec<Record>) {
        let (Some(batches), false) = (&self.batches, records.is_empty()) else { return };
        if self.lost > 0 {
            records.insert(0, Record::Lost(self.lost));
        }
        let was_lost = std::mem::take(&mut self.lost);
        match batches.try_send(records) {
            Ok(()) if was_lost > 0 => lock(&self.written).lost += was_lost,
            Ok(()) => {}
            Err(TrySendError::Full(records)) => self.lost = was_lost.max(1) - 1 + records.len() as u64,
            // It has been said that the log stops.
            Err(TrySendError::Disconnected(_)) => self.batches = None,
        }
    }

    /// Waits until all is written, but not longer than `patience`; what has been written by then.
    pub fn finish(mut self, patience: Duration) -> Written {
        drop(self.batches.take());
        // Nothing is ever sent: the channel is closed, or the time is up.
        let hangs = self.done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
        let mut written = lock(&self.written).clone();
        written.lost += self.lost;
        if hangs && written.stopped.is_none() {
            written.stopped = Some("the log is not all written: the disk does not answer".to_owned());
        }
        written
    }
}

fn write<S: Store>(
    open: impl FnOnce() -> io::Result<(S, PathBuf)>,
    head: Head,
    limit: u64,
    records: &Receiver<Vec<Record>>,
    progress: &Mutex<Written>,
    errand: &Errand,
) -> io::Result<()> {
    let (store, folder) = errand.run(open)?;
    lock(progress).folder = Some(folder);
    let mut segments = errand.run(|| Segments::begin(store, head, limit))?;
    let (mut flushed, mut synced) = (Instant::now(), Instant::now());
    loop {
        let batch = records.recv_timeout(WRITTEN_WITHIN.saturating_sub(flushed.elapsed()));
        let is_over = batch == Err(RecvTimeoutError::Disconnected);
        let batch = batch.unwrap_or_default();
        errand.run(|| batch.iter().try_for_each(|record| segments.push(record)))?;
        if is_over || flushed.elapsed() >= WRITTEN_WITHIN {
            errand.run(|| segments.flush())?;
            flushed = Instant::now();
            lock(progress).bytes = segments.bytes();
        }
        if is_over || synced.elapsed() >= SYNCED_EVERY {
            errand.run(|| segments.sync())?;
            synced = Instant::now();
        }
        if is_over {
            return Ok(());
        }
    }
}

/// Returns what it guards stays whole whatever panics.
fn lock(written: &Mutex<Written>) -> std::sync::MutexGuard<'_, Written> {
    written.lock().unwrap_or_else(PoisonError::into_inner)
}
