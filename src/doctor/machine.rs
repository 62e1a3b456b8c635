//! Reading what the kernel says of itself, of this machine or of one in a folder.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// A machine: a root folder with `proc`, `sys`, `etc` and `dev` in it.
#[derive(Clone, Debug)]
pub struct Machine {
    root: PathBuf,
}

/// Why a file has nothing to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is not there: this kernel has none, or what it belongs to is not mounted.
    NotThere,
    /// This user may not see it. Of root, a container or a locked kernel may keep it.
    NotPermitted,
    /// It cannot be read, or is empty.
    Unreadable,
}

impl Silence {
    fn of(error: io::ErrorKind) -> Silence {
        match error {
            // A file in the place of a folder is no folder that could hold it.
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Silence::NotThere,
            io::ErrorKind::PermissionDenied => Silence::NotPermitted,
            _ => Silence::Unreadable,
        }
    }
}

/// The longest file that is read: what the kernel says of itself is short.
const LONGEST: u64 = 1 << 20;

impl Machine {
    /// The machine that the program runs on.
    #[must_use]
    pub fn this() -> Machine {
        Machine::at("/")
    }

    /// The machine whose files are in a folder.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Machine {
        Machine { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file, without white space around it; `None` where it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<String> {
        self.text(path).ok()
    }

    fn text(&self, path: &str) -> io::Result<String> {
        use std::io::Read;
        let mut text = Vec::new();
        fs::File::open(self.path(path))?.take(LONGEST).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Why a file has nothing to say; `None` where it says something.
    #[must_use]
    pub fn silence(&self, path: &str) -> Option<Silence> {
        match self.text(path) {
            Ok(text) => text.is_empty().then_some(Silence::Unreadable),
            Err(error) => Some(Silence::of(error.kind())),
        }
    }

    /// Returns whether this process is root's, as the kernel says.
    #[must_use]
    pub fn is_root(&self) -> bool {
        let status = self.read("/proc/self/status").unwrap_or_default();
        // Real, effective, saved, and that of file systems.
        let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
        effective == Some("0")
    }

    /// The number in a file.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<i64> {
        self.read(path)?.parse().ok()
    }

    /// Returns whether there is such a file or folder.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder, in order: numbers in them count as numbers. Nothing where it cannot be read.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort_by_cached_key(|name| {
            let digits: String = name.chars().filter(char::is_ascii_digit).collect();
            (digits.parse::<u64>().unwrap_or(0), name.clone())
        });
        names
    }

    /// Returns where a link leads, all links on the way followed, as a path of the machine.
    #[must_use]
    pub fn real(&self, path: &str) -> Option<String> {
        let root = self.root.canonicalize().ok()?;
        let real = self.path(path).canonicalize().ok()?;
        Some(format!("/{}", real.strip_prefix(root).ok().and_then(Path::to_str)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine in a folder of its own, which goes with it.
    pub(crate) struct Model {
        folder: tempfile::TempDir,
    }

    impl Model {
        pub(crate) fn new(files: &[(&str, &str)]) -> Model {
            let model = Model { folder: tempfile::tempdir().unwrap() };
            for (path, text) in files {
                model.write(path, text);
            }
            model
        }

        pub(crate) fn write(&self, path: &str, text: &str) {
            let path = self.folder.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        #[cfg(unix)]
        pub(crate) fn link(&self, path: &str, to: &str) {
            let path = self.folder.path().join(path.trim_start_matches('/'));
            let to = self.folder.path().join(to.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(to, path).unwrap();
        }

        pub(crate) fn machine(&self) -> Machine {
            Machine::at(self.folder.path())
        }
    }

    #[test]
    fn what_is_not_there_says_nothing() {
        let model = Model::new(&[("/sys/a", " 12 \n"), ("/sys/cpu10/x", ""), ("/sys/cpu2/x", "")]);
        let machine = model.machine();
        assert_eq!((machine.number("/sys/a"), machine.number("/sys/b")), (Some(12), None));
        assert_eq!(machine.list("/sys"), ["a", "cpu2", "cpu10"]);
        assert!(machine.list("/nowhere").is_empty() && machine.real("/nowhere").is_none());
        assert_eq!(machine.read("/sys"), None, "a folder has no text");
    }

    #[test]
    fn why_a_file_says_nothing_is_told_apart() {
        let model = Model::new(&[("/sys/a", "1"), ("/sys/empty", "\n")]);
        let silence = |path| model.machine().silence(path);
        assert_eq!((silence("/sys/a"), silence("/sys/b")), (None, Some(Silence::NotThere)));
        assert_eq!(silence("/sys/a/b"), Some(Silence::NotThere));
        // EACCES of a user, EPERM of a kernel that is locked.
        assert_eq!(Silence::of(io::Error::from_raw_os_error(13).kind()), Silence::NotPermitted);
        assert_eq!(Silence::of(io::Error::from_raw_os_error(1).kind()), Silence::NotPermitted);
        assert_eq!((silence("/sys/empty"), silence("/sys")), (Some(Silence::Unreadable), Some(Silence::Unreadable)));
    }

    #[test]
    fn root_is_who_acts_as_root() {
        let is_root = |uids: &str| {
            Model::new(&[("/proc/self/status", &format!("Name:\tx\nUid:\t{uids}\nGid:\t0\t0\t0\t0\n"))])
                .machine()
                .is_root()
        };
        assert!(is_root("0\t0\t0\t0") && is_root("1000\t0\t0\t0"));
        assert!(!is_root("1000\t1000\t1000\t1000") && !is_root("0\t1000\t0\t1000"));
        assert!(!Model::new(&[]).machine().is_root());
    }
}
