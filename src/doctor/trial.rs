//! A trial: deadlines kept by a thread as that of a show, under a load of the trial's own.
//!
//! A thousand deadlines a second, far more than music has, for some seconds; meanwhile every processor is kept busy by an
//! ordinary thread, and a file is written. Two figures: how late the thread woke up from its sleep, which is what the machine does,
//! and how late it was at its deadline, which is what a note would be. Counted from the time that was scheduled, never from the
//! last wake-up, so that one long hold counts for every deadline that it covers.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::Level;
use crate::link::{Histogram, Percentiles};
use crate::rt::Settings;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::rt::pacer::Pacer;
use crate::rt::sched;
use crate::time::Span;

/// From one deadline to the next.
const PERIOD: Span = Span::from_millis(1);

/// What is written at a time, and how often before it is written anew.
const WRITTEN_BYTES: usize = 256 * 1024;
const WRITTEN_TIMES: u32 = 32;

/// What a trial has shown.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// How late the thread woke up.
    pub wake: Percentiles,
    /// How late it was at its deadlines.
    pub late: Percentiles,
}

/// The trial in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is safe.
    pub level: Level,
    /// What it means for a show.
    pub words: String,
}

/// Tries the machine out for `length`.
///
/// # Errors
///
/// When the system has no thread to give.
pub fn run(settings: &Settings, length: Duration) -> io::Result<Trial> {
    let (wake, late) = (Histogram::default(), Histogram::default());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Whatever happens, the load ends with the scope.
        let _end = EndOfLoad(&over);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..processors {
            thread::Builder::new().spawn_scoped(scope, || spin(&over))?;
        }
        thread::Builder::new().spawn_scoped(scope, || write(&over))?;
        let keeper = thread::Builder::new().spawn_scoped(scope, || keep_time(settings, length, &wake, &late))?;
        keeper.join().map_err(|_| io::Error::other("the trial's thread failed"))
    })?;
    Ok(Trial { wake: wake.percentiles(), late: late.percentiles() })
}

/// Ends the load when it goes.
struct EndOfLoad<'a>(&'a AtomicBool);

impl Drop for EndOfLoad<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

fn keep_time(settings: &Settings, length: Duration, wake: &Histogram, late: &Histogram) {
    let _granted = sched::promote(settings.policy, settings.priority, settings.cpu);
    let mut waiter = Pacer::new(settings.wait, settings.spin);
    let clock = Monotonic::start();
    let end = clock.now() + Span(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX));
    let mut deadline = clock.now() + PERIOD;
    while deadline < end {
        // A sleep that ends early comes back without a deadline.
        while clock.now() < deadline {
            waiter.wait(&clock, Some(deadline), true, || false, |late| wake.record(late), || ());
        }
        late.record(clock.now().since(deadline));
        deadline = deadline + PERIOD;
    }
}

fn spin(over: &AtomicBool) {
    while !over.load(Relaxed) {
        for _ in 0..1_000 {
            std::hint::spin_loop();
        }
    }
}

/// Writes a file again and again, as far as there is room; a disk that is full is no load.
fn write(over: &AtomicBool) {
    let Ok(mut file) = tempfile::tempfile() else { return };
    let block = vec![0x55; WRITTEN_BYTES];
    let again = |file: &mut File| -> io::Result<()> {
        for _ in 0..WRITTEN_TIMES {
            if over.load(Relaxed) {
                return Ok(());
            }
            file.write_all(&block)?;
        }
        file.sync_data()?;
        file.seek(SeekFrom::Start(0)).map(drop)
    };
    while !over.load(Relaxed) && again(&mut file).is_ok() {}
}

impl Trial {
    /// Returns what it means for a show. The bounds: one bit on a DIN cable takes 32 us and a note 960 us, good hardware sequencers
    /// are exact to 0.1 ms, players strive for 1 ms, and listeners notice 6 ms in fast even notes.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let ms = |span: Span| span.0 as f64 / 1e6;
        let (often, worst) = (self.late.p999, self.late.max);
        let figures = format!("999 of 1,000 deadlines within {:.3} ms, all within {:.3} ms", ms(often), ms(worst));
        let (level, words) = if self.late.count == 0 {
            (Level::Unsafe, "nothing could be measured".to_owned())
        } else if worst <= Span::from_micros(100) {
            (Level::Good, format!("as tight as hardware: {figures}"))
        } else if worst <= Span::from_millis(1) {
            (Level::Good, format!("tight: {figures}; a note on a DIN cable takes that long"))
        } else if often <= Span::from_millis(1) && worst <= Span::from_millis(6) {
            (Level::Advice, format!("good, with a slip now and then that few will hear: {figures}"))
        } else if often <= Span::from_millis(1) {
            (Level::Unsafe, format!("mostly good, but with slips that are heard: {figures}"))
        } else {
            (Level::Unsafe, format!("not for a stage: {figures}"))
        };
        Verdict { level, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(late: &[i64]) -> Trial {
        let histogram = Histogram::default();
        late.iter().for_each(|micros| histogram.record(Span::from_micros(*micros)));
        Trial { wake: histogram.percentiles(), late: histogram.percentiles() }
    }

    #[test]
    fn a_verdict_follows_the_slips() {
        let level = |late: &[i64]| trial(late).verdict().level;
        assert_eq!(level(&[]), Level::Unsafe);
        assert_eq!(level(&[1; 5_000]), Level::Good);
        let mut late = vec![1; 5_000];
        late[7] = 700;
        assert_eq!(level(&late), Level::Good);
        late[7] = 3_000;
        assert_eq!(level(&late), Level::Advice);
        late[7] = 20_000;
        assert_eq!(level(&late), Level::Unsafe);
        assert_eq!(level(&[2_000; 100]), Level::Unsafe);
    }

    #[test]
    fn a_trial_counts_every_deadline() {
        let settings = Settings { policy: sched::Policy::Other, ..Settings::default() };
        let trial = run(&settings, Duration::from_millis(60)).unwrap();
        assert!((58..=60).contains(&trial.late.count), "{trial:?}");
    }
}
