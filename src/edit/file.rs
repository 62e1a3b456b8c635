//! A text in the place of a file, whole or not at all.
//!
//! It is written to a file beside the old one, brought to the disk, and takes the old one's name in one step. Whoever looks
//! meanwhile, after a crash or a power cut too, finds the old text or the new one. The file keeps its permissions, and its
//! owner as far as the system lets that be; a symbolic link stays one, and what it leads to is replaced.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::set::Set;

/// Why a file is not read or not written.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// It cannot be read.
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, #[source] io::Error),
    /// It cannot be written.
    #[error("cannot write {}: {}; what was in it is still there", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
}

/// The bytes of a file; no more of them than tell that it is too large for a set.
///
/// # Errors
///
/// When it cannot be read, or is no file.
pub fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(Set::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file to read it.
///
/// # Errors
///
/// When it cannot be opened, or is no file: to open a named pipe is to wait for somebody who writes, perhaps forever.
pub fn open(path: &Path) -> io::Result<File> {
    let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a file");
    // To open a device may do something to it.
    if !fs::metadata(path)?.is_file() {
        return Err(no_file());
    }
    let mut options = File::options();
    options.read(true);
    // Another may have taken its place since.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
}

/// The `bytes` of a set file as text.
///
/// # Errors
///
/// When they are more than sets have, or are not text in UTF-8.
pub fn text(bytes: Vec<u8>) -> io::Result<String> {
    if bytes.len() > Set::MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large to be a set"));
    }
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// The text of the set file at `path`.
///
/// # Errors
///
/// When it cannot be read, is larger than sets are, or is not text in UTF-8.
pub fn read(path: &Path) -> Result<String, Failed> {
    bytes(path).and_then(text).map_err(|error| Failed::Read(path.to_owned(), error))
}

/// Puts `text` in the place of what is in the file at `path`, or what that is a link to; makes the file if there is none.
///
/// # Errors
///
/// When the system does not let it be written, or the file is protected against writing or no file. It is then as it was.
pub fn write(path: &Path, text: &str) -> Result<(), Failed> {
    let written = followed(path).and_then(|target| replace(&target, text.as_bytes()));
    written.map_err(|error| Failed::Write(path.to_owned(), error))
}

/// Puts `bytes` in the place of what is in the file at `path`; makes the file if there is none.
///
/// # Errors
///
/// When the system does not let it be written, or there is anything but a file that may be written: a link, a device, a
/// folder. It is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = match fs::symlink_metadata(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(old) = &old {
        if old.is_symlink() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link; name the file that it leads to"));
        }
        if !old.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        // Only the folder has to be writable for a file to be replaced, and that is not what its owner meant.
        if old.permissions().readonly() {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is protected against writing"));
        }
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = beside(folder, old.is_some())?;
    beside.write_all(bytes)?;
    if let Some(old) = &old {
        keep_owner(beside.as_file(), old);
        beside.as_file().set_permissions(old.permissions())?;
    }
    beside.as_file().sync_all()?;
    beside.persist(path).map_err(|error| error.error)?;
    // The new name is on the disk when its folder is. Not every file system can be told so, and the file is in its place.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// A new file in `folder` of a name that nobody can guess, which goes away unless it gets another. What takes an old one's place
/// gets its permissions later, and until then is nobody else's.
fn beside(folder: &Path, is_private: bool) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".tightrope-").suffix(".new");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(if is_private { 0o600 } else { 0o666 }));
    #[cfg(not(unix))]
    let _ = is_private;
    builder.tempfile_in(folder)
}

/// Returns what a chain of symbolic links leads to, whether there is anything.
fn followed(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST_LINKS: usize = 40;
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&target) {
            // A link that begins at the root replaces all of it.
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            // What is no link is what was looked for.
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::other("its symbolic links lead in a circle"))
}

/// Gives `file` the owner of the old one, where that is not so already and may be done.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_made_and_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        write(&path, "one\r\n").unwrap();
        write(&path, "two\n").unwrap();
        assert_eq!((read(&path).unwrap(), names(folder.path())), ("two\n".to_owned(), vec!["a.toml".to_owned()]));
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (inner, path) = (folder.path().join("sets"), folder.path().join("now.toml"));
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.toml"), "one").unwrap();
        fs::set_permissions(inner.join("a.toml"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("sets/b.toml", &path).unwrap();
        symlink("a.toml", inner.join("b.toml")).unwrap();
        write(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(inner.join("a.toml")).unwrap(), "two");
        assert_eq!(fs::metadata(inner.join("a.toml")).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(
            (names(folder.path()), names(&inner)),
            (vec!["now.toml".to_owned(), "sets".to_owned()], vec!["a.toml".to_owned(), "b.toml".to_owned()])
        );
        // A link to what is not there yet makes it.
        symlink("sets/c.toml", folder.path().join("next.toml")).unwrap();
        write(&folder.path().join("next.toml"), "three").unwrap();
        assert_eq!(fs::read_to_string(inner.join("c.toml")).unwrap(), "three");
        symlink("round.toml", folder.path().join("round.toml")).unwrap();
        let said = write(&folder.path().join("round.toml"), "").unwrap_err().to_string();
        assert!(said.contains("round.toml") && said.contains("circle"), "{said}");
    }

    #[test]
    fn what_cannot_be_written_is_named_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, "one").unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let said = write(&path, "two").unwrap_err().to_string();
        assert!(said.contains("a.toml") && said.contains("protected against writing"), "{said}");
        assert_eq!((fs::read_to_string(&path).unwrap(), names(folder.path()).len()), ("one".to_owned(), 1));
        for path in [folder.path().to_owned(), folder.path().join("none").join("a.toml")] {
            let said = write(&path, "two").unwrap_err().to_string();
            assert!(said.contains(&*path.to_string_lossy()), "{said}");
        }
        assert!(read(&folder.path().join("b.toml")).unwrap_err().to_string().contains("b.toml"));
    }

    #[cfg(unix)]
    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "precious").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        std::os::unix::fs::symlink(path("nothing"), path("dangling")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        fs::create_dir(path("folder")).unwrap();
        let before = names(folder.path());
        for name in ["link", "dangling", "pipe", "folder"] {
            assert!(replace(&path(name), b"other").is_err(), "{name}");
        }
        assert!(replace(Path::new("/dev/null"), b"other").is_err());
        assert_eq!((names(folder.path()), fs::read(path("file")).unwrap()), (before, b"precious".to_vec()));
        replace(&path("file"), b"other").unwrap();
        assert_eq!(fs::read(path("file")).unwrap(), b"other");
    }

    #[test]
    fn what_is_no_set_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, [0xFF, 0xFE]).unwrap();
        assert!(matches!(read(&path), Err(Failed::Read(..))));
        fs::write(&path, " ".repeat(Set::MAX_BYTES + 1)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("too large"));
    }
}
