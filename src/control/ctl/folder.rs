//! Where the sockets of running shows are, and whose they are.
//!
//! They lie in `$XDG_RUNTIME_DIR/tightrope`, or where there is no such directory in `tightrope-UID` among the temporary
//! files. Either must belong to the user and let nobody else in; otherwise nothing is made or opened in it, since someone
//! else could pose as the show, or play in it. Nobody can reach a socket in there before its own mode is set.
//!
//! Beside `NAME.sock` lies `NAME.lock`, which the show keeps locked. The system unlocks it when the show dies, however it
//! dies; so a lock that is free says that its socket is a dead one, and two shows never take the same name.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::{env, fmt};

use rustix::process::geteuid;

use crate::private::{directory, lock_file};

/// How many shows of one name there can be at once.
const NAMESAKES: u32 = 99;

/// The longest name, without a number after it. The path of a socket has room for about a hundred bytes.
const MAX_NAME: usize = 32;

/// Why there is no folder or no socket.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// It belongs to somebody else, or lets others in.
    #[error("{} {why}", .folder.display())]
    Unsafe {
        /// Which.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// The system refused.
    #[error("{}: {error}", .path.display())]
    System {
        /// What could not be made or opened.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Every name is taken.
    #[error("there are {NAMESAKES} shows of this name already")]
    Crowded,
}

fn refused(path: &Path) -> impl Fn(io::Error) -> Unavailable {
    move |error| Unavailable::System { path: path.to_owned(), error }
}

/// The folder of the sockets, whether or not it is there.
fn place() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute()) {
        Some(runtime) => runtime.join("tightrope"),
        None => env::temp_dir().join(format!("tightrope-{}", geteuid().as_raw())),
    }
}

/// The folder of the sockets, made if it is not there.
///
/// # Errors
///
/// When it cannot be made, or is not safe.
pub fn make() -> Result<PathBuf, Unavailable> {
    let folder = place();
    match directory().create(&folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(refused(&folder)(error)),
        _ => {}
    }
    check(&folder)?;
    Ok(folder)
}

/// The folder of the sockets; `None` where no show has been yet.
///
/// # Errors
///
/// When it is there and not safe.
pub fn find() -> Result<Option<PathBuf>, Unavailable> {
    let folder = place();
    match check(&folder) {
        Ok(()) => Ok(Some(folder)),
        Err(Unavailable::System { error, .. }) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(other) => Err(other),
    }
}

/// Returns whether a folder is a real one, the user's own, and closed to all others.
fn check(folder: &Path) -> Result<(), Unavailable> {
    let found = fs::symlink_metadata(folder).map_err(refused(folder))?;
    let unsafe_because = |why: String| Err(Unavailable::Unsafe { folder: folder.to_owned(), why });
    if !found.is_dir() {
        return unsafe_because("is not a folder; remove it".to_owned());
    }
    if found.uid() != geteuid().as_raw() {
        return unsafe_because(format!(
            "belongs to another user ({}); set XDG_RUNTIME_DIR to a folder of yours",
            found.uid()
        ));
    }
    if found.mode() & 0o077 != 0 {
        return unsafe_because(format!("lets other users in (mode {:o}); `chmod 700` it", found.mode() & 0o777));
    }
    Ok(())
}

/// The socket of a show, and its name. When it is dropped, both are free again.
pub struct Claim {
    name: String,
    socket: PathBuf,
    lock_path: PathBuf,
    /// Locked as long as the show lives.
    _lock: File,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.socket).finish()
    }
}

impl Claim {
    /// The name of the show.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where its socket is.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // What cannot be removed is found dead by the next show.
        let _ = fs::remove_file(&self.socket);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Takes a name like `wanted` in `folder`: that, or with a number after it where a living show has it. Opens its socket,
/// in place of one that a dead show has left.
///
/// # Errors
///
/// When the system refuses, or too many shows of that name live.
pub fn claim(folder: &Path, wanted: &str) -> Result<(Claim, UnixListener), Unavailable> {
    let wanted = as_file_name(wanted);
    for number in 1..=NAMESAKES {
        let name = if number == 1 { wanted.clone() } else { format!("{wanted}-{number}") };
        let (socket, lock_path) = (folder.join(format!("{name}.sock")), folder.join(format!("{name}.lock")));
        let Some(lock) = take_lock(&lock_path).map_err(refused(&lock_path))? else { continue };
        let claim = Claim { name, socket, lock_path, _lock: lock };
        match fs::remove_file(&claim.socket) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(&claim.socket)(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&claim.socket).map_err(refused(&claim.socket))?;
        fs::set_permissions(&claim.socket, Permissions::from_mode(0o600)).map_err(refused(&claim.socket))?;
        return Ok((claim, listener));
    }
    Err(Unavailable::Crowded)
}

/// The lock file at `path`, locked; `None` if somebody else has it.
fn take_lock(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = lock_file(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        // The show that had it may have removed it in between: then the lock is on a file that nobody finds any more.
        match fs::metadata(path) {
            Ok(found) if found.ino() == file.metadata()?.ino() => return Ok(Some(file)),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
}

/// The name of a set, as one of a file: what could mean anything to a shell or a file system becomes `-`.
#[must_use]
pub fn as_file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(MAX_NAME).collect();
    match name.trim_matches('-') {
        "" => "show".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// The sockets in `folder`, with the names of their shows, in the order of the names. The shows may be dead.
///
/// # Errors
///
/// When it cannot be read.
pub fn sockets(folder: &Path) -> Result<Vec<(String, PathBuf)>, Unavailable> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused(folder))? {
        let path = entry.map_err(refused(folder))?.path();
        let name = path.file_stem().and_then(OsStr::to_str).filter(|_| path.extension() == Some(OsStr::new("sock")));
        if let Some(name) = name {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    /// A folder of its own, with a short path.
    fn folder(name: &str) -> PathBuf {
        let path = env::temp_dir().join(format!("tightrope-test-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        directory().create(&path).unwrap();
        path
    }

    #[test]
    fn two_shows_of_one_name_have_two_sockets_and_leave_none() {
        let folder = folder("two");
        let (first, _first_listener) = claim(&folder, "my set").unwrap();
        let (second, _second_listener) = claim(&folder, "my set").unwrap();
        assert_eq!((first.name(), second.name()), ("my-set", "my-set-2"));
        assert_eq!(fs::metadata(first.socket()).unwrap().mode() & 0o777, 0o600);
        let names: Vec<String> = sockets(&folder).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["my-set", "my-set-2"]);
        drop(first);
        assert_eq!(claim(&folder, "my set").unwrap().0.name(), "my-set");
        drop(second);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_socket_of_a_dead_show_is_replaced() {
        let folder = folder("dead");
        let (mut claimed, listener) = claim(&folder, "a").unwrap();
        let (path, lock_path) = (claimed.socket().to_owned(), claimed.lock_path.clone());
        // It dies: nothing is removed, and the system closes its files.
        claimed.socket = folder.join("nothing");
        claimed.lock_path = folder.join("nothing");
        drop((claimed, listener));
        assert!(path.exists() && lock_path.exists());
        // A process that another test starts just now may have the listener for a moment more.
        let begun = std::time::Instant::now();
        while !UnixStream::connect(&path).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "somebody listens");
        }
        let (claimed, _listener) = claim(&folder, "a").unwrap();
        assert_eq!(claimed.socket(), path);
        assert!(UnixStream::connect(&path).is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_enter_is_refused() {
        let folder = folder("open");
        check(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o750)).unwrap();
        let wrong = check(&folder).unwrap_err().to_string();
        assert!(wrong.contains("lets other users in (mode 750); `chmod 700` it"), "{wrong}");
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let link = folder.join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(check(&link).unwrap_err().to_string().contains("is not a folder"));
        // Root owns it, and only root's own shows would be let in.
        if !geteuid().is_root() {
            assert!(check(Path::new("/")).unwrap_err().to_string().contains("belongs to another user"));
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn names_are_made_plain() {
        for (name, file) in [("circuits", "circuits"), ("Ü a/../b", "a----b"), ("...", "show"), ("", "show")] {
            assert_eq!(as_file_name(name), file);
        }
        assert_eq!(as_file_name(&"x".repeat(100)).len(), MAX_NAME);
    }
}
