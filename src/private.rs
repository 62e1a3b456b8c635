//! Folders and files that only their owner may enter, and none that somebody else has laid in the way.
//!
//! A show writes as whoever plays it, root sometimes. So what it opens is never a link, is emptied by nobody but its owner, and is
//! a file: whoever opens a pipe to write into it waits for a reader.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// What makes folders that are closed to all others.
#[must_use]
pub(crate) fn directory() -> DirBuilder {
    #[allow(unused_mut)]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// The program's own folder at `path`: made with those above it, and closed to all others if it was not.
///
/// # Errors
///
/// When it cannot be made, or is no folder.
pub(crate) fn own_folder(path: &Path) -> io::Result<()> {
    directory().recursive(true).create(path)?;
    #[cfg(unix)]
    {
        use std::fs;
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let found = fs::metadata(path)?;
        if found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// A new file at `path`.
///
/// # Errors
///
/// When it cannot be made, or anything is there, a link that leads to nothing too.
pub(crate) fn new_file(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// The file at `path` for a lock, made if it is not there. What is in it stays.
///
/// # Errors
///
/// When it cannot be made or opened, and when it is a link or no file.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = options();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A pipe without a reader is not waited for either.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.cast_signed());
    }
    let file = options.create(true).truncate(false).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    Ok(file)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_is_closed_to_all_others_even_if_it_was_not() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("state/tightrope");
        own_folder(&own).unwrap();
        assert_eq!(mode(&own), 0o700);
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        own_folder(&own).unwrap();
        assert_eq!(mode(&own), 0o700);
        fs::write(folder.path().join("file"), "").unwrap();
        assert!(own_folder(&folder.path().join("file")).is_err());
    }

    #[test]
    fn a_lock_empties_nothing_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        drop(lock_file(&path("lock")).unwrap());
        assert_eq!(mode(&path("lock")), 0o600);
        fs::write(path("precious"), "precious").unwrap();
        drop(lock_file(&path("precious")).unwrap());
        assert_eq!(fs::read(path("precious")).unwrap(), b"precious");
        symlink(path("precious"), path("link")).unwrap();
        symlink(path("nothing"), path("dangling")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for name in ["link", "dangling", "pipe"] {
            assert!(lock_file(&path(name)).is_err(), "{name}");
            assert!(new_file(&path(name)).is_err(), "{name}");
        }
        assert!(!path("nothing").exists());
    }
}
