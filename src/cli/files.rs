//! Writing files: never over one that is there, unless that is asked for; never over anything that is no file; and whole or not at
//! all.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::failure::Failure;
use crate::edit::file;

/// Writes `bytes` to a new file at `path`; over the one that is there if `force` is given. `instead` says what else can be
/// done where one is.
///
/// # Errors
///
/// When there is a file and it may not be written over, or when the system does not let it be written.
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool, instead: &'static str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::InTheWay(path.to_owned(), instead),
        _ => Failure::Unwritable(path.to_owned(), error),
    };
    if force {
        return file::replace(path, bytes).map_err(failed);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(bytes).map_err(|error| {
        let _ = fs::remove_file(path);
        failed(error)
    })
}
