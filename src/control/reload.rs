//! A set file that is saved while it plays: noticing it, and reading it again.
//!
//! Editors save in many ways. Some write over the file, in pieces; some write another one and rename it; some move the old one
//! away first; and the file may be a link to one elsewhere. So what is watched is the folder, that of each link on the way as
//! well, and what counts is neither the event nor the time on the file but its bytes: when they have been left alone for
//! [`QUIET`], and are others than before, the file has changed. While there is no file, or an empty one, nothing has; one that
//! comes back as it was has, because somebody may have looked for it meanwhile.
//!
//! Not every file system tells of changes (network drives do not), and a folder can be taken away and come back. So
//! `LOOKED_AFTER` at the latest the file is looked at in any case, by its length and time.
//!
//! All of that may wait for a disk, and does so on the watcher's own thread. Whoever lets go of a watcher whose disk hangs
//! does not wait for it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode};

use super::errand::Errand;
use crate::edit;

/// How long a file is left alone before it counts as written. Editors that write in pieces take some milliseconds.
pub const QUIET: Duration = Duration::from_millis(50);

/// How often a file is looked at that nothing is heard of.
const LOOKED_AFTER: Duration = Duration::from_secs(1);

/// How long the thread of a watcher may take to end. It takes next to nothing, unless a disk hangs.
const PATIENCE: Duration = Duration::from_millis(200);

/// The most links that are followed on the way to a file, as the kernel does.
const MOST_LINKS: usize = 40;

/// Waits until something has been left alone for a while. Knows no clock: it is told the time.
#[derive(Clone, Copy, Debug)]
pub struct Debounce {
    quiet: Duration,
    due: Option<Instant>,
}

impl Debounce {
    /// Waits for so long after the last touch.
    #[must_use]
    pub fn new(quiet: Duration) -> Debounce {
        Debounce { quiet, due: None }
    }

    /// It has been touched at `now`.
    pub fn touch(&mut self, now: Instant) {
        self.due = Some(now + self.quiet);
    }

    /// Returns when it will have been left alone for long enough; `None` if it has not been touched since it was.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns whether it has been left alone for long enough at `now`. Says so once for each time that it was touched.
    pub fn settles(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

/// Watches a file on threads of its own until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    tell: Sender<Heard>,
    /// Closed when the thread has ended.
    done: Receiver<()>,
    errand: Errand,
}

/// What the thread of a watcher hears.
enum Heard {
    /// Something happened in a folder.
    Event(notify::Result<Event>),
    /// Nobody wants to know any more.
    Enough,
}

impl Watcher {
    /// Begins to watch the file at `path`, whether or not it exists. Calls `on_change`, on a thread of its own, when the
    /// file has other bytes than it had when this was called, and again whenever they have changed. Whoever begins to
    /// watch before reading the file misses nothing.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give. A system that does not tell of changes is no error: then the file is looked at
    /// once a second.
    pub fn watch(path: &Path, on_change: impl Fn() + Send + 'static) -> io::Result<Watcher> {
        let (tell, heard) = channel();
        let told = tell.clone();
        let events = notify::recommended_watcher(move |event| {
            // Once nobody listens there is nothing to tell.
            let _ = told.send(Heard::Event(event));
        });
        let errand = Errand::new(&format!("looking at {}", path.display()));
        let mut lookout = Lookout {
            path: std::path::absolute(path)?,
            errand: errand.clone(),
            events: events.ok(),
            way: Way::default(),
            bytes: None,
            looks: None,
            debounce: Debounce::new(QUIET),
        };
        // In this order, so that what happens in between is noticed.
        lookout.find_way();
        lookout.bytes = read(&lookout.path);
        lookout.looks = Looks::of(&lookout.path);
        let (ends, done) = channel();
        thread::Builder::new().name("tightrope-watch".into()).spawn(move || {
            let _ends: Sender<()> = ends;
            lookout.run(&heard, &on_change);
        })?;
        Ok(Watcher { tell, done, errand })
    }

    /// Returns what it waits for.
    #[must_use]
    pub fn errand(&self) -> &Errand {
        &self.errand
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.tell.send(Heard::Enough);
        // Nothing is ever sent: it has ended, or the time is up.
        let _ = self.done.recv_timeout(PATIENCE);
    }
}

/// The way to a file: where it lies, and where the links lie that lead to it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Way {
    /// The path as it was given, and where each link on it leads.
    files: BTreeSet<PathBuf>,
    /// The folders of those, each with what tells it from another one of the same name.
    folders: BTreeSet<(PathBuf, u64)>,
}

impl Way {
    fn to(path: &Path) -> Way {
        let mut way = Way::default();
        let mut next = path.to_owned();
        for _ in 0..MOST_LINKS {
            if let Some(folder) = next.parent()
                && let Ok(meta) = fs::metadata(folder)
            {
                way.folders.insert((folder.to_owned(), identity(&meta)));
            }
            let target = fs::read_link(&next);
            let folder = next.parent().map(Path::to_owned);
            way.files.insert(next);
            match (target, folder) {
                (Ok(target), Some(folder)) => next = folder.join(target),
                _ => break,
            }
        }
        way
    }
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> u64 {
    0
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks(u64, Option<SystemTime>, u64);

impl Looks {
    fn of(path: &Path) -> Option<Looks> {
        let meta = fs::metadata(path).ok()?;
        Some(Looks(meta.len(), meta.modified().ok(), identity(&meta)))
    }
}

/// The bytes of a file; `None` where there is none, or it is empty. No more of them than tell that it is too large.
fn read(path: &Path) -> Option<Vec<u8>> {
    let bytes = edit::file::bytes(path).ok()?;
    (!bytes.iter().all(u8::is_ascii_whitespace)).then_some(bytes)
}

/// What the thread of a watcher works with.
struct Lookout {
    path: PathBuf,
    errand: Errand,
    events: Option<RecommendedWatcher>,
    way: Way,
    /// What was last read.
    bytes: Option<Vec<u8>>,
    /// What the file looked like when it was last looked at.
    looks: Option<Looks>,
    debounce: Debounce,
}

impl Lookout {
    fn run(mut self, heard: &Receiver<Heard>, on_change: &dyn Fn()) {
        loop {
            let now = Instant::now();
            let due = self.debounce.due().map_or(LOOKED_AFTER, |due| due.saturating_duration_since(now));
            let now = match heard.recv_timeout(due.min(LOOKED_AFTER)) {
                Ok(Heard::Event(event)) => {
                    let now = Instant::now();
                    if self.concerns(&event) {
                        self.waiting(|lookout| lookout.touch(now));
                    }
                    now
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = Instant::now();
                    self.waiting(|lookout| lookout.look_after(now));
                    now
                }
                Ok(Heard::Enough) | Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.debounce.settles(now) && self.waiting(Lookout::has_changed) {
                on_change();
            }
        }
    }

    /// Does what may have to wait for a disk.
    fn waiting<T>(&mut self, work: impl FnOnce(&mut Lookout) -> T) -> T {
        let errand = self.errand.clone();
        errand.run(|| work(self))
    }

    /// Returns whether an event may have changed the file. To be told too much is harmless; but reading the file must not count as
    /// changing it.
    fn concerns(&self, event: &notify::Result<Event>) -> bool {
        let Ok(event) = event else { return true };
        let writes = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => false,
            _ => true,
        };
        // What happens to a folder on the way concerns what is in it.
        let is_ours = |path: &PathBuf| {
            self.way.files.iter().any(|file| file.starts_with(path) || file.file_name() == path.file_name())
        };
        event.need_rescan() || (writes && (event.paths.is_empty() || event.paths.iter().any(is_ours)))
    }

    /// The file has been touched at `now`. What it looks like then is no news any more: the quiet that follows would begin
    /// again at its end, and a file that is saved often would never be read.
    fn touch(&mut self, now: Instant) {
        self.looks = Looks::of(&self.path);
        self.debounce.touch(now);
    }

    /// Looks whether anything has happened that nobody has told of.
    fn look_after(&mut self, now: Instant) {
        self.find_way();
        if Looks::of(&self.path) != self.looks {
            self.touch(now);
        }
    }

    /// Watches the folders that are on the way now.
    fn find_way(&mut self) {
        let way = Way::to(&self.path);
        if way == self.way {
            return;
        }
        if let Some(events) = &mut self.events {
            for (folder, _) in &self.way.folders {
                // It may be gone.
                let _ = notify::Watcher::unwatch(events, folder);
            }
            for (folder, _) in &way.folders {
                // Where this cannot be, the file is looked after.
                let _ = notify::Watcher::watch(events, folder, RecursiveMode::NonRecursive);
            }
        }
        self.way = way;
    }

    /// Returns whether the file has other bytes than before.
    fn has_changed(&mut self) -> bool {
        // A link may lead elsewhere now.
        self.find_way();
        self.looks = Looks::of(&self.path);
        let bytes = read(&self.path);
        if bytes == self.bytes {
            return false;
        }
        self.bytes = bytes;
        self.bytes.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Longer than any machine takes; a test that fails waits for so long.
    const LONG: Duration = Duration::from_secs(10);

    /// A folder of its own, which goes with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("tightrope-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// A watcher whose calls are waited for: the bytes that the file had at each.
    struct Watched {
        watcher: Watcher,
        calls: Receiver<String>,
    }

    impl Watched {
        fn new(path: &Path) -> Watched {
            let (tell, calls) = channel();
            let of = path.to_owned();
            let on_change = move || tell.send(fs::read_to_string(&of).unwrap_or_default()).unwrap_or(());
            Watched { watcher: Watcher::watch(path, on_change).unwrap(), calls }
        }

        /// The next change leaves the file like this.
        #[track_caller]
        fn expect(&self, text: &str) {
            assert_eq!(self.calls.recv_timeout(LONG).as_deref(), Ok(text));
        }

        /// Nothing has been said that was not expected.
        fn has_said_all(self) {
            drop(self.watcher);
            assert_eq!(self.calls.recv().ok(), None);
        }
    }

    #[test]
    fn quiet_is_counted_from_the_last_touch_and_told_once() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut debounce = Debounce::new(Duration::from_millis(50));
        assert!(debounce.due().is_none() && !debounce.settles(at(1_000)));
        debounce.touch(at(0));
        assert_eq!(debounce.due(), Some(at(50)));
        assert!(!debounce.settles(at(49)));
        debounce.touch(at(49));
        assert!(!debounce.settles(at(98)));
        assert!(debounce.settles(at(99)) && !debounce.settles(at(200)));
    }

    #[test]
    fn what_is_written_over_is_noticed_and_the_same_bytes_are_not() {
        let folder = Folder::new("over");
        let file = folder.file("set.toml");
        fs::write(&file, "one").unwrap();
        let watched = Watched::new(&file);
        fs::write(&file, "two").unwrap();
        watched.expect("two");
        fs::write(&file, "two").unwrap();
        fs::write(folder.file("other.toml"), "other").unwrap();
        fs::write(&file, "three").unwrap();
        watched.expect("three");
        watched.has_said_all();
    }

    #[test]
    fn what_is_written_in_pieces_is_noticed_when_it_is_whole() {
        let folder = Folder::new("pieces");
        let file = folder.file("set.toml");
        fs::write(&file, "one").unwrap();
        let watched = Watched::new(&file);
        let mut writer = fs::File::create(&file).unwrap();
        for piece in ["t", "w", "o"] {
            writer.write_all(piece.as_bytes()).unwrap();
            writer.flush().unwrap();
        }
        drop(writer);
        // A machine that stops in between for longer than the quiet may see some of it first.
        let mut seen = watched.calls.recv_timeout(LONG).unwrap();
        while seen != "two" {
            assert!("two".starts_with(&seen), "{seen}");
            seen = watched.calls.recv_timeout(LONG).unwrap();
        }
        watched.has_said_all();
    }

    /// One that nobody tells anything.
    fn lookout(file: &Path) -> Lookout {
        Lookout {
            path: file.to_owned(),
            errand: Errand::new("it"),
            events: None,
            way: Way::default(),
            bytes: read(file),
            looks: None,
            debounce: Debounce::new(QUIET),
        }
    }

    #[test]
    fn an_empty_file_and_none_change_nothing() {
        let folder = Folder::new("empty");
        let file = folder.file("set.toml");
        fs::write(&file, "one").unwrap();
        let mut lookout = lookout(&file);
        for nothing in ["", " \n"] {
            fs::write(&file, nothing).unwrap();
            assert!(!lookout.has_changed());
        }
        fs::remove_file(&file).unwrap();
        assert!(!lookout.has_changed());
        fs::write(&file, "one").unwrap();
        assert!(lookout.has_changed() && !lookout.has_changed(), "it is there again, and may have been missed");
        fs::write(&file, "two").unwrap();
        assert!(lookout.has_changed() && !lookout.has_changed());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_the_file_is_not_waited_for() {
        let folder = Folder::new("pipe");
        let file = folder.file("set.toml");
        let made = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(made.is_ok_and(|status| status.success()));
        let (done, is_done) = channel();
        thread::spawn(move || done.send(read(&file)));
        assert_eq!(is_done.recv_timeout(LONG), Ok(None));
    }

    #[test]
    fn one_quiet_is_enough() {
        let folder = Folder::new("quiet");
        let file = folder.file("set.toml");
        fs::write(&file, "one").unwrap();
        let mut lookout = Lookout { looks: Looks::of(&file), ..lookout(&file) };
        let told = Instant::now();
        fs::write(&file, "of another length").unwrap();
        lookout.touch(told);
        lookout.look_after(told + QUIET);
        assert!(lookout.debounce.settles(told + QUIET), "it was told of, and then left alone");
        // What nobody tells of is seen all the same, and left alone first.
        fs::write(&file, "of another length again").unwrap();
        lookout.look_after(told + QUIET);
        assert_eq!(lookout.debounce.due(), Some(told + 2 * QUIET));
    }

    #[test]
    fn editors_that_rename_and_files_that_come_back_are_noticed() {
        let folder = Folder::new("rename");
        let file = folder.file("set.toml");
        fs::write(&file, "one").unwrap();
        let watched = Watched::new(&file);
        // Emacs, and most programs that take care: another file takes the place.
        fs::write(folder.file("#set.toml#"), "two").unwrap();
        fs::rename(folder.file("#set.toml#"), &file).unwrap();
        watched.expect("two");
        // Vim: the old one is moved away, a new one is written, the old one goes.
        fs::rename(&file, folder.file("set.toml~")).unwrap();
        fs::write(&file, "three").unwrap();
        fs::remove_file(folder.file("set.toml~")).unwrap();
        watched.expect("three");
        fs::remove_file(&file).unwrap();
        fs::write(&file, "four").unwrap();
        watched.expect("four");
        watched.has_said_all();
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_wherever_they_lead() {
        use std::os::unix::fs::symlink;
        let (here, there) = (Folder::new("link"), Folder::new("target"));
        let (link, between) = (here.file("set.toml"), there.file("between.toml"));
        let (one, other) = (there.file("one.toml"), there.file("other.toml"));
        fs::write(&one, "one").unwrap();
        fs::write(&other, "other").unwrap();
        symlink("one.toml", &between).unwrap();
        symlink(&between, &link).unwrap();
        let watched = Watched::new(&link);
        fs::write(&one, "two").unwrap();
        watched.expect("two");
        // The link in the middle is put elsewhere.
        symlink("other.toml", there.file("new")).unwrap();
        fs::rename(there.file("new"), &between).unwrap();
        watched.expect("other");
        fs::write(&other, "three").unwrap();
        watched.expect("three");
        watched.has_said_all();
    }

    #[test]
    fn a_folder_that_is_taken_away_and_comes_back_is_found_again() {
        let folder = Folder::new("folder");
        let inner = folder.file("sets");
        fs::create_dir(&inner).unwrap();
        let file = inner.join("set.toml");
        fs::write(&file, "one").unwrap();
        let watched = Watched::new(&file);
        fs::remove_dir_all(&inner).unwrap();
        fs::create_dir(&inner).unwrap();
        fs::write(&file, "two").unwrap();
        watched.expect("two");
        fs::write(&file, "three").unwrap();
        watched.expect("three");
    }

    #[test]
    fn a_file_that_does_not_exist_yet_is_waited_for() {
        let folder = Folder::new("later");
        let file = folder.file("set.toml");
        let watched = Watched::new(&file);
        fs::write(&file, "one").unwrap();
        watched.expect("one");
        watched.has_said_all();
    }
}
