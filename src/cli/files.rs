//! Writing files: never over one that is there, unless that is asked for; and whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// Writes `bytes` to a new file at `path`; over the one that is there if `force` is given. `instead` says what else can be
/// done where one is.
///
/// # Errors
///
/// When there is a file and it may not be written over, or when the system does not let it be written.
pub fn write(path: &Path, bytes: &[u8], force: bool, instead: &'static str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::InTheWay(path.to_owned(), instead),
        _ => Failure::Unwritable(path.to_owned(), error),
    };
    if force {
        // A half-written file in the place of a good one would be the worse for it.
        let beside = beside(path);
        let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
        }
        return written.map_err(failed);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(|error| {
        let _ = fs::remove_file(path);
        failed(error)
    })
}

/// A name beside `path` that nothing else has.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}
