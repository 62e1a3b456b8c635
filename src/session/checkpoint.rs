//! What is kept of a show while it plays, so that another process can go on with it when this one has died.
//!
//! A small file says which pattern played, what was muted, and where the music was at a time of the machine's own clock, which
//! all processes share until the machine is started anew. It is written whenever something of that changes, and once a second
//! while the music plays, by a thread of its own: a disk may stall, and nobody waits for it. The newest counts, and what is
//! not written by then is passed over. A file is replaced as a whole, so that it is never torn. When a show ends as it should,
//! its file is removed. Where it cannot be written, that is said.
//!
//! Where the music was is known better than the control thread could look: the trace says at which time of the followed
//! clock's line each pulse came, and when each message of our own was due.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::errand::Errand;
use crate::control::{Observer, View};
use crate::edit;
use crate::engine::ClockSource;
use crate::engine::arrangement::resume::Resumption;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{Interval, PartSlot, PatternSlot, TrackSet, TrackSlot};
use crate::engine::{Command, Switch};
use crate::link::{Heard, Sent};
use crate::midi::Message;
use crate::private::{lock_file, own_folder};
use crate::set::Set;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// What has been kept for longer is not gone on with: whoever starts a show then means a new one.
pub(crate) const OLDEST: Duration = Duration::from_secs(60);

/// While the music plays, the file is no older than this, and what the disk takes.
const EVERY: Span = Span::from_millis(1_000);

/// How long the end of a show waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);

/// The stack of the thread that writes: small, because it may be locked.
const STACK_BYTES: usize = 256 * 1024;

/// How the name of a file begins and ends that is not whole yet, and after what age it never will be.
const BESIDE: (&str, &str) = (".tightrope-", ".new");
const LEFT_AFTER: Duration = Duration::from_secs(60);

/// How the name of a lock ends. It is beside what is kept.
const LOCK: &str = ".show.lock";

/// Which form the file has.
const FORM: u32 = 1;

/// Time since the machine was started, and which start that was: the same for all its processes. `None` where the system does
/// not say.
#[must_use]
pub(crate) fn since_boot() -> Option<(String, Duration)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some((boot.trim().to_owned(), time_since_boot()?))
}

/// The time alone: no file is read.
fn time_since_boot() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Some(Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?))
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// What is kept of a show. Names, since slots may be others when the file is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    form: u32,
    /// Which start of the machine it belongs to, and when since then it was written, in nanoseconds.
    boot: String,
    written: u64,
    /// Where the music was, and when.
    position: i64,
    at: u64,
    bpm: f64,
    runs: bool,
    pattern: String,
    origin: i64,
    /// The part of the song, and where that began.
    part: Option<u16>,
    song_origin: Option<i64>,
    holds: bool,
    fills: bool,
    muted: Vec<String>,
    soloed: Vec<String>,
    /// By semitones and degrees; of all tracks that move, under no name.
    transposed: BTreeMap<String, [i8; 2]>,
}

/// Why a show is not gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fresh {
    /// Nothing is kept.
    #[error("no show of this set was cut short")]
    Nothing,
    /// It is too old.
    #[error("the one that was cut short is over for more than a minute")]
    Old,
    /// The machine has been started since.
    #[error("the machine has been started since the last one")]
    Rebooted,
    /// It cannot be read.
    #[error("what was kept of the last one cannot be read")]
    Unreadable,
    /// The pattern is not in the set any more.
    #[error("the pattern that played is not in the set any more")]
    Changed,
}

impl Kept {
    /// Returns what `path` has of a show that was cut short, as it is at the time `now` of the machine.
    ///
    /// # Errors
    ///
    /// [`Fresh`]: why there is nothing to go on with.
    pub(crate) fn read(path: &Path, (boot, now): &(String, Duration)) -> Result<Kept, Fresh> {
        // To open a named pipe would be to wait for somebody who writes.
        let text = match edit::file::bytes(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Fresh::Nothing),
            Err(_) => return Err(Fresh::Unreadable),
        };
        let kept: Kept = serde_json::from_slice(&text).map_err(|_| Fresh::Unreadable)?;
        let age = now.as_nanos().checked_sub(u128::from(kept.written));
        match age {
            _ if kept.form != FORM => Err(Fresh::Unreadable),
            _ if kept.boot != *boot => Err(Fresh::Rebooted),
            None => Err(Fresh::Unreadable),
            Some(age) if age > OLDEST.as_nanos() => Err(Fresh::Old),
            Some(_) => Ok(kept),
        }
    }

    /// Returns what the engine needs to go on with it in `set` at the time `now` of the machine: where the music was, and what has to
    /// be said again of tracks and fills.
    ///
    /// # Errors
    ///
    /// When the set has no such pattern any more, or the numbers are none of a show.
    pub(crate) fn resumption(&self, set: &Set, now: Duration) -> Result<(Resumption, Vec<Command>), Fresh> {
        let pattern = set.patterns.iter().position(|name| *name == self.pattern).ok_or(Fresh::Changed)?;
        let tempo = Tempo::from_bpm(self.bpm).ok_or(Fresh::Unreadable)?;
        let ago = now.as_nanos().saturating_sub(u128::from(self.at));
        let ago = i64::try_from(ago).ok().filter(|&ago| ago < 1 << 40).ok_or(Fresh::Old)?;
        // Sums of positions stay far from their limits.
        let sane = |tick: i64| (tick.abs() < 1 << 50).then_some(tick).ok_or(Fresh::Unreadable);
        let song_origin = self.song_origin.map(sane).transpose()?.map(TickSpan);
        let was = Resumption {
            position: Tick(sane(self.position)?),
            ago: Span(ago),
            tempo,
            runs: self.runs,
            pattern: PatternSlot(u16::try_from(pattern).map_err(|_| Fresh::Changed)?),
            origin: Tick(sane(self.origin)?),
            part: self.part.map(PartSlot).zip(song_origin),
        };
        let slot = |name: &String| {
            let place = set.tracks.iter().position(|track| track == name).filter(|_| !name.is_empty());
            place.and_then(|place| u16::try_from(place).ok()).map(TrackSlot)
        };
        let mut commands = Vec::new();
        commands.extend(self.muted.iter().filter_map(slot).map(|track| Command::Mute(track, Switch::On)));
        commands.extend(self.soloed.iter().filter_map(slot).map(|track| Command::Solo(track, Switch::On)));
        for (name, &[semitones, degrees]) in &self.transposed {
            let track = slot(name);
            if track.is_some() || name.is_empty() {
                let (by, unit) =
                    if degrees == 0 { (semitones, Interval::Semitones) } else { (degrees, Interval::Degrees) };
                commands.push(Command::Transpose { track, by, unit });
            }
        }
        commands.extend(self.holds.then_some(Command::Hold(Switch::On)));
        commands.extend(self.fills.then_some(Command::Fill(Switch::On)));
        Ok((was, commands))
    }

    /// Returns where the music was, and how long before `now`.
    #[must_use]
    pub(crate) fn told(&self, now: Duration) -> (&str, Duration) {
        (&self.pattern, now.saturating_sub(Duration::from_nanos(self.at)))
    }

    /// The same, written at another time; and where the music was then.
    fn is_like(&self, other: &Kept) -> bool {
        let timeless = |kept: &Kept| Kept { written: 0, position: 0, at: 0, bpm: 0.0, ..kept.clone() };
        timeless(self) == timeless(other)
    }
}

/// The file of the show of the set `name`, a file or a built-in one. `None` where the system has no place for it.
#[must_use]
pub(crate) fn path_of(name: &str) -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "tightrope")?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_local_dir());
    let whole = fs::canonicalize(name).unwrap_or_else(|_| name.into());
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '%' };
    let file: Vec<char> = whole.to_string_lossy().chars().map(plain).collect();
    // Names of files have at most 255 bytes.
    let file: String = file[file.len().saturating_sub(50)..].iter().collect();
    Some(folder.join(format!("{file}.show.json")))
}

/// What is to be written next.
#[derive(Default)]
struct Desk {
    next: Mutex<(Option<Kept>, bool)>,
    comes: Condvar,
}

fn locked(desk: &Desk) -> MutexGuard<'_, (Option<Kept>, bool)> {
    desk.next.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what is needed to go on with a show.
pub(crate) struct Checkpoint {
    desk: Arc<Desk>,
    done: Receiver<()>,
    boot: String,
    /// When the music was where, on the show's clock, as the trace said last.
    seen: Option<(Nanos, Tick)>,
    running: bool,
    offsets: Vec<Span>,
    last: Option<(Nanos, Kept)>,
    clock_source: ClockSource,
    /// Whether what is kept of another show is gone on with, and this one has not begun to play.
    waits: bool,
    errand: Errand,
}

impl Checkpoint {
    /// Keeps a show in the file at `path` from now on; where it goes on with what is kept there, from its first pulse on: it
    /// may die before. `None` where the system cannot say when. `tell` is told, on another thread, when it cannot be written, and when
    /// it can be again, and whether that is wrong.
    ///
    /// # Errors
    ///
    /// When there is no thread, or no folder for the file, or when it belongs to another show of the set, which plays.
    pub(crate) fn open(
        path: PathBuf,
        goes_on: bool,
        tell: impl Fn(&str, bool) + Send + 'static,
    ) -> io::Result<Option<Checkpoint>> {
        let Some((boot, _)) = since_boot() else { return Ok(None) };
        if let Some(folder) = path.parent() {
            own_folder(folder)?;
        }
        let locked_by = path.with_extension("lock");
        let lock = lock(&locked_by)?;
        let desk = Arc::new(Desk::default());
        let (ends, done) = mpsc::sync_channel(1);
        let own = Arc::clone(&desk);
        let errand = Errand::new("what is kept for `--resume`");
        let writer = Writer { path, errand: errand.clone(), tell: Box::new(tell), complained: false };
        let thread = thread::Builder::new().name("tightrope-checkpoint".into()).stack_size(STACK_BYTES);
        thread.spawn(move || {
            writer.write_all(&own);
            // While it is held, so that nobody holds another of its name.
            let _ = fs::remove_file(locked_by);
            drop(lock);
            // Whoever waits no longer does not need to know.
            let _ = ends.try_send(());
        })?;
        let offsets = Vec::new();
        Ok(Some(Checkpoint {
            desk,
            done,
            boot,
            seen: None,
            running: false,
            offsets,
            last: None,
            clock_source: ClockSource::Own,
            waits: goes_on,
            errand,
        }))
    }

    /// Returns what it waits for.
    #[must_use]
    pub(crate) fn errand(&self) -> &Errand {
        &self.errand
    }

    /// The show has ended as it should: nothing is kept of it.
    pub(crate) fn end(self) {
        *locked(&self.desk) = (None, true);
        self.desk.comes.notify_one();
        // A disk that stalls is not waited for.
        let _ = self.done.recv_timeout(PATIENCE);
    }

    fn keep(&self, view: &View<'_>) -> Option<Kept> {
        let machine = time_since_boot()?;
        let written = u64::try_from(machine.as_nanos()).ok()?;
        let (at, position) = self.seen.filter(|_| self.running).unwrap_or((view.now, view.position));
        let ago = u64::try_from(view.now.since(at).0).unwrap_or(0);
        let status = view.status;
        let names = |tracks: TrackSet| {
            let name = |track: TrackSlot| view.set.tracks.get(usize::from(track.0)).cloned();
            tracks.iter().filter_map(name).collect::<Vec<_>>()
        };
        let by = view.transpositions;
        let by_name = view.set.tracks.iter().zip(by.each).map(|(name, by)| (name.clone(), by));
        let transposed = by_name.filter(|(name, _)| !name.is_empty()).chain([(String::new(), by.all)]);
        Some(Kept {
            form: FORM,
            boot: self.boot.clone(),
            written,
            position: position.0,
            at: written.saturating_sub(ago),
            bpm: view.snapshot.bpm.unwrap_or(view.set.program.tempo.bpm()),
            runs: self.running,
            pattern: view.set.patterns.get(usize::from(status.pattern.0))?.clone(),
            origin: status.origin.0,
            part: status.part.map(|part| part.0),
            song_origin: status.song_origin.map(|origin| origin.0),
            holds: status.holds,
            fills: status.fills,
            muted: names(status.muted),
            soloed: names(status.soloed),
            transposed: transposed.filter(|(_, by)| *by != [0, 0]).collect(),
        })
    }
}

impl Observer for Checkpoint {
    fn sent(&mut self, sent: &Sent) {
        // What has a position of its own. Where a clock is followed, its own pulses tell better.
        let tells = match sent.message {
            Message::Clock => true,
            // A light is a note of no track.
            Message::NoteOn(..) => sent.track.is_some(),
            _ => false,
        };
        if self.clock_source == ClockSource::Own && self.running && tells {
            let offset = self.offsets.get(usize::from(sent.port.0)).copied().unwrap_or(Span::ZERO);
            self.seen = Some((sent.due - offset, sent.tick));
        }
    }

    fn heard(&mut self, heard: &Heard) {
        if self.running && heard.message == Message::Clock && self.clock_source == ClockSource::Port(heard.port) {
            self.seen = Some((heard.at, heard.tick));
        }
    }

    fn look(&mut self, view: &View<'_>) {
        self.running = view.snapshot.phase == Phase::Running;
        self.clock_source = view.snapshot.clock_source;
        if self.offsets.len() != view.set.program.ports.len() {
            self.offsets = view.set.program.ports.iter().map(|port| port.offset).collect();
        }
        if !self.running {
            self.seen = None;
        }
        self.waits &= view.snapshot.phase == Phase::Stopped;
        let Some(kept) = self.keep(view).filter(|_| !self.waits) else { return };
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(then, last)| !kept.is_like(last) || (self.running && view.now.since(*then) >= EVERY));
        if is_due {
            self.last = Some((view.now, kept.clone()));
            locked(&self.desk).0 = Some(kept);
            self.desk.comes.notify_one();
        }
    }
}

/// Two shows of a set that play at once would write over each other, and the first to end would remove the other's file. So the
/// first of them keeps it, until it is gone, however that may be.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = lock_file(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another show of this set plays, and is kept there"));
            }
            // A disk without locks is no reason to keep nothing.
            Err(TryLockError::Error(_)) => return Ok(file),
            // Whoever held it before may have removed it since it was opened.
            Ok(()) if is_at(&file, path) => return Ok(file),
            Ok(()) => {}
        }
    }
}

/// Returns whether `file` is what is at `path`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    file.metadata().map(identity).ok() == fs::symlink_metadata(path).map(identity).ok()
}

/// Elsewhere a file that is open stays where it is.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

/// Told what has become of the file, and whether that is wrong.
type Tell = Box<dyn Fn(&str, bool) + Send>;

/// What the thread that writes works with.
struct Writer {
    path: PathBuf,
    errand: Errand,
    tell: Tell,
    /// Whether it has been told that nothing can be written.
    complained: bool,
}

impl Writer {
    /// Writes what comes until the show has ended, or whoever keeps it is gone.
    fn write_all(mut self, desk: &Arc<Desk>) {
        self.errand.run(|| sweep(&self.path));
        loop {
            let mut next = locked(desk);
            while next.0.is_none() && !next.1 && Arc::strong_count(desk) > 1 {
                // Whoever is dropped notifies nobody.
                (next, _) = desk.comes.wait_timeout(next, PATIENCE).unwrap_or_else(PoisonError::into_inner);
            }
            let (kept, ends) = (next.0.take(), next.1);
            drop(next);
            if ends {
                let _ = fs::remove_file(&self.path);
                return;
            }
            let Some(kept) = kept else { return };
            let written = self.errand.run(|| write(&self.path, &kept));
            self.say(written);
        }
    }

    /// Says once each when it cannot be written, and when it can be again. The show goes on.
    fn say(&mut self, written: io::Result<()>) {
        let was_wrong = std::mem::replace(&mut self.complained, written.is_err());
        match written {
            Err(why) if !was_wrong => {
                let folder = folder_of(&self.path).display();
                (self.tell)(&format!("what `--resume` needs cannot be written to {folder}: {why}"), true);
            }
            Ok(()) if was_wrong => (self.tell)("what `--resume` needs is written again", false),
            Ok(()) | Err(_) => {}
        }
    }
}

/// Replaces the file at `path`. Nothing waits for the disk: what is kept counts up to the machine's next start only.
fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let mut beside = tempfile::Builder::new().prefix(BESIDE.0).suffix(BESIDE.1).tempfile_in(folder_of(path))?;
    beside.write_all(&serde_json::to_vec(kept)?)?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Removes what processes have left beside the file at `path` that were killed: what was not whole yet, and the locks, and what was
/// kept, of shows that nobody can go on with any more.
fn sweep(path: &Path) {
    let age = |entry: &fs::DirEntry| entry.metadata().and_then(|file| file.modified()).ok()?.elapsed().ok();
    let is_old = |entry: &fs::DirEntry| age(entry).is_some_and(|age| age > LEFT_AFTER.max(OLDEST));
    for entry in fs::read_dir(folder_of(path)).into_iter().flatten().flatten().filter(is_old) {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name.starts_with(BESIDE.0) && name.ends_with(BESIDE.1) {
            let _ = fs::remove_file(path);
        } else if name.ends_with(LOCK)
            && let Ok(held) = lock(&path)
        {
            let kept = path.with_extension("json");
            // What is kept may be younger than its lock, which is never written.
            let written = fs::metadata(&kept).and_then(|file| file.modified()).ok().and_then(|at| at.elapsed().ok());
            if written.is_none_or(|age| age > OLDEST) {
                let _ = fs::remove_file(kept);
                let _ = fs::remove_file(path);
            }
            drop(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> Set {
        let text = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[tracks.u]\nport = \"a\"\nchannel = 2\n\
                    [patterns.one]\n[patterns.two]\n";
        Set::parse("a.toml", text.as_bytes()).unwrap()
    }

    fn kept() -> Kept {
        Kept {
            form: FORM,
            boot: "this".into(),
            written: 100_000_000_000,
            position: 38_407,
            at: 99_500_000_000,
            bpm: 125.0,
            runs: true,
            pattern: "two".into(),
            origin: 3_840,
            part: None,
            song_origin: None,
            holds: true,
            fills: false,
            muted: vec!["u".into(), "gone".into()],
            soloed: Vec::new(),
            transposed: [("t".to_owned(), [0, 2]), (String::new(), [-3, 0])].into(),
        }
    }

    #[test]
    fn what_is_kept_is_found_again_in_a_set_by_name() {
        let (was, commands) = kept().resumption(&set(), Duration::from_secs(103)).unwrap();
        assert_eq!((was.position, was.ago, was.runs), (Tick(38_407), Span::from_millis(3_500), true));
        assert_eq!((was.pattern, was.origin, was.part), (PatternSlot(1), Tick(3_840), None));
        let expected = [
            Command::Mute(TrackSlot(1), Switch::On),
            Command::Transpose { track: None, by: -3, unit: Interval::Semitones },
            Command::Transpose { track: Some(TrackSlot(0)), by: 2, unit: Interval::Degrees },
            Command::Hold(Switch::On),
        ];
        assert_eq!(commands, expected);
        let gone = Kept { pattern: "three".into(), ..kept() };
        assert_eq!(gone.resumption(&set(), Duration::from_secs(103)), Err(Fresh::Changed));
        for wrong in [Kept { bpm: f64::NAN, ..kept() }, Kept { position: i64::MAX, ..kept() }] {
            assert_eq!(wrong.resumption(&set(), Duration::from_secs(103)), Err(Fresh::Unreadable));
        }
    }

    #[test]
    fn a_file_is_read_only_where_it_says_what_was_just_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let read = |seconds| Kept::read(&path, &("this".to_owned(), Duration::from_secs(seconds)));
        assert_eq!(read(101), Err(Fresh::Nothing));
        write(&path, &kept()).unwrap();
        assert_eq!((read(101), read(160)), (Ok(kept()), Ok(kept())));
        assert_eq!((read(161), read(99)), (Err(Fresh::Old), Err(Fresh::Unreadable)));
        assert_eq!(Kept::read(&path, &("that".to_owned(), Duration::from_secs(101))), Err(Fresh::Rebooted));
        let whole = fs::read(&path).unwrap();
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(read(101), Err(Fresh::Unreadable));
        }
    }

    #[test]
    fn what_a_killed_process_has_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * LEFT_AFTER;
        for (name, is_old) in [(".tightrope-a.new", true), (".tightrope-b.new", false), ("c.show.json", true)] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
        }
        sweep(&folder.path().join("d.show.json"));
        write(&folder.path().join("d.show.json"), &kept()).unwrap();
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [".tightrope-b.new", "c.show.json", "d.show.json"]);
    }

    #[test]
    fn only_what_changes_is_written_at_once() {
        assert!(kept().is_like(&Kept { written: 1, position: 2, at: 3, bpm: 4.0, ..kept() }));
        assert!(!kept().is_like(&Kept { muted: Vec::new(), ..kept() }));
        assert!(!kept().is_like(&Kept { runs: false, ..kept() }));
    }

    #[test]
    fn of_two_shows_of_a_set_the_first_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Checkpoint::open(folder.path().join("a.show.json"), false, |_, _| ());
        let first = open().unwrap();
        assert!(open().is_err_and(|error| error.to_string().contains("another show of this set")));
        let Some(first) = first else { return };
        first.end();
        let begun = std::time::Instant::now();
        while open().is_err() {
            assert!(begun.elapsed() < PATIENCE, "its lock outlives it");
        }
    }

    #[test]
    fn nothing_is_left_of_shows_that_have_ended_however_they_did() {
        let folder = tempfile::tempdir().unwrap();
        let old = std::time::SystemTime::now() - 2 * LEFT_AFTER;
        let file = |name: &str, is_old: bool| {
            let path = folder.path().join(name);
            let file = fs::File::create(&path).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
            path
        };
        // Killed long ago, killed just now under an old lock, and one that plays.
        for (name, is_old) in
            [("a.show.lock", true), ("a.show.json", true), ("b.show.lock", true), ("b.show.json", false)]
        {
            file(name, is_old);
        }
        let played = file("c.show.lock", true);
        let held = lock(&played).unwrap();
        let Some(checkpoint) = Checkpoint::open(folder.path().join("d.show.json"), false, |_, _| ()).unwrap() else {
            return;
        };
        checkpoint.end();
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["b.show.json", "b.show.lock", "c.show.lock"]);
        drop(held);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_was_removed_meanwhile_is_nobody_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.show.lock");
        let first = lock(&path).unwrap();
        assert!(lock(&path).is_err());
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&first, &path));
        let second = lock(&path).unwrap();
        assert!(is_at(&second, &path) && lock(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_its_place_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.show.json");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()));
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            tell.send(Kept::read(&path, &("this".to_owned(), Duration::from_secs(101))).err()).is_ok()
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(Some(Fresh::Unreadable)));
    }

    #[test]
    fn what_cannot_be_written_is_said_once_and_so_is_its_return() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let tell = move |text: &str, is_wrong| heard.lock().unwrap().push((text.to_owned(), is_wrong));
        let errand = Errand::new("it");
        let mut writer = Writer { path: "/folder/a".into(), errand, tell: Box::new(tell), complained: false };
        let full = || Err(io::Error::from(io::ErrorKind::StorageFull));
        for written in [Ok(()), full(), full(), Ok(()), Ok(()), full()] {
            writer.say(written);
        }
        let said = said.lock().unwrap();
        assert_eq!(said.iter().map(|(_, is_wrong)| *is_wrong).collect::<Vec<_>>(), [true, false, true]);
        assert!(
            said[0].0.contains("cannot be written to /folder") && said[0].0.contains("no storage space"),
            "{said:?}"
        );
    }

    #[test]
    fn each_set_has_a_file_of_its_own() {
        let name = |set: &str| path_of(set).unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(name("circuits"), "circuits.show.json");
        assert_ne!(name("a/b.toml"), name("b/b.toml"));
        assert!(name(&"x/".repeat(400)).len() < 100);
    }
}
