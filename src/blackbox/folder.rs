//! The folders of shows: one for each, named by the time and the set, with the segments of its log.
//!
//! Only their owner may read them. Before a show begins, the oldest logs make room for it; one that is being written, by a
//! show that plays, is left alone: it holds a lock.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::segments::Store;
use crate::private::{directory, new_file};

/// The file that is locked while a show writes its log.
const LOCK: &str = "playing";

/// The default folder of all logs, if the system has a place for it.
#[must_use]
pub fn default_root() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "tightrope")?;
    Some(folders.state_dir().unwrap_or(folders.data_local_dir()).join("log"))
}

/// The folder of a show that is being logged.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The segment that is written, and where it is.
    segment: Option<(PathBuf, File)>,
    _lock: File,
}

impl Folder {
    /// Makes a folder in `root` for the show of `set` that begins at `now`, when the logs of shows before it have been made to
    /// take at most `others` bytes, the oldest going first.
    ///
    /// # Errors
    ///
    /// When it cannot be made. That old logs cannot be removed is no reason.
    pub fn create(root: &Path, set: &str, now: SystemTime, others: u64) -> io::Result<Folder> {
        directory().recursive(true).create(root)?;
        drop(make_room(root, others));
        let name = format!("{}-{}", stamp(now), tame(set));
        let mut path = root.join(&name);
        for number in 2.. {
            match directory().create(&path) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    path = root.join(format!("{name}-{number}"));
                }
                Err(error) => return Err(error),
            }
        }
        let lock = new_file(&path.join(LOCK))?;
        lock.lock()?;
        Ok(Folder { path, segment: None, _lock: lock })
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store for Folder {
    fn begin(&mut self, segment: u32) -> io::Result<()> {
        let path = self.path.join(file_name(segment));
        self.segment = Some((path.clone(), new_file(&path)?));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.segment {
            Some((_, file)) => file.write_all(bytes),
            None => Err(io::Error::other("there is no segment")),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let Some((path, file)) = &self.segment else { return Ok(()) };
        // What is written to a file that has been removed is gone.
        fs::metadata(path)?;
        file.sync_data()
    }

    fn remove(&mut self, segment: u32) -> io::Result<()> {
        fs::remove_file(self.path.join(file_name(segment)))
    }
}

fn file_name(segment: u32) -> String {
    format!("{segment:05}.log")
}

/// The logs in `root`, the oldest first.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn shows(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut shows = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let is_one = entry.file_name().to_str().is_some_and(is_stamped) && entry.file_type()?.is_dir();
        shows.extend(is_one.then(|| entry.path()));
    }
    shows.sort();
    Ok(shows)
}

/// The segments in a log, in their order.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn segments(show: &Path) -> io::Result<Vec<(u32, PathBuf)>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(show)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".log")?.parse().ok());
        segments.extend(number.map(|number| (number, path)));
    }
    segments.sort();
    Ok(segments)
}

/// Removes the oldest logs until the rest takes at most `bytes`.
fn make_room(root: &Path, bytes: u64) -> io::Result<()> {
    let mut left = bytes;
    for show in shows(root)?.into_iter().rev() {
        let segments = segments(&show)?;
        let size: u64 = segments.iter().filter_map(|(_, path)| Some(fs::metadata(path).ok()?.len())).sum();
        if size <= left {
            left -= size;
            continue;
        }
        left = 0;
        if is_played(&show) {
            continue;
        }
        for (_, segment) in segments {
            fs::remove_file(segment)?;
        }
        drop(fs::remove_file(show.join(LOCK)));
        // Whatever else somebody has put there stays, and so does the folder then.
        drop(fs::remove_dir(&show));
    }
    Ok(())
}

/// Returns whether a show writes there.
fn is_played(show: &Path) -> bool {
    File::open(show.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_err())
}

/// Returns what is left of a name in a file's name.
fn tame(name: &str) -> String {
    let tame = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(tame).take(40).collect();
    if name.is_empty() { "show".to_owned() } else { name }
}

/// A time as folders are named by it, in UTC: `20261231-235959`.
#[must_use]
pub fn stamp(time: SystemTime) -> String {
    let (year, month, day, [hour, minute, second]) = civil(time);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

/// Returns whether a name begins with a stamp.
fn is_stamped(name: &str) -> bool {
    let is_digits = |part: Option<&str>| part.is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    is_digits(name.get(..8))
        && name.get(8..9) == Some("-")
        && is_digits(name.get(9..15))
        && name.get(15..16) == Some("-")
}

/// A time in words, in UTC.
#[must_use]
pub fn date(unix_ms: u64) -> String {
    let (year, month, day, [hour, minute, _]) = civil(UNIX_EPOCH + std::time::Duration::from_millis(unix_ms));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A time as year, month, day, and time of day, in UTC. A time before 1970 is the beginning of that.
fn civil(time: SystemTime) -> (u64, u64, u64, [u64; 3]) {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) && year < 9999 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1, [of_day / 3_600, of_day / 60 % 60, of_day % 60])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let of = |seconds: u64| stamp(UNIX_EPOCH + Duration::from_secs(seconds));
        // As `date -u -d @… +%Y%m%d-%H%M%S` says.
        assert_eq!(of(0), "19700101-000000");
        assert_eq!(of(951_782_399), "20000228-235959");
        assert_eq!(of(951_782_400), "20000229-000000");
        assert_eq!(of(1_709_251_199), "20240229-235959");
        assert_eq!(of(1_798_761_599), "20261231-235959");
        assert_eq!(date(1_795_365_000_000), "2026-11-22 16:30 UTC");
    }

    fn write(root: &Path, at: u64, bytes: usize) -> Folder {
        let mut folder = Folder::create(root, "A set!", UNIX_EPOCH + Duration::from_secs(at), 1_000).unwrap();
        folder.begin(0).unwrap();
        folder.append(&vec![0; bytes]).unwrap();
        folder.sync().unwrap();
        folder
    }

    #[test]
    fn old_shows_make_room_and_one_that_plays_stays() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("log");
        let names =
            || shows(&root).unwrap().iter().map(|show| show.file_name().unwrap().to_owned()).collect::<Vec<_>>();
        let playing = write(&root, 1, 600);
        drop(write(&root, 2, 600));
        drop(write(&root, 2, 300));
        fs::create_dir(root.join("mine")).unwrap();
        assert_eq!(names(), ["19700101-000001-a-set-", "19700101-000002-a-set-", "19700101-000002-a-set--2"]);
        drop(write(&root, 3, 500));
        // There is no room for the first beside the other two, but it is being written.
        assert_eq!(names().len(), 4);
        drop(playing);
        drop(write(&root, 4, 0));
        assert_eq!(names(), ["19700101-000002-a-set--2", "19700101-000003-a-set-", "19700101-000004-a-set-"]);
        assert!(root.join("mine").exists());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let folder = write(&root.path().join("log"), 1, 10);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&root.path().join("log")), 0o700);
        assert_eq!((mode(folder.path()), mode(&folder.path().join("00000.log"))), (0o700, 0o600));
    }

    #[test]
    fn a_folder_that_has_vanished_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = write(root.path(), 1, 10);
        fs::remove_dir_all(folder.path()).unwrap();
        assert!(folder.sync().is_err());
    }
}
