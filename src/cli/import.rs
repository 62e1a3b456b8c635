//! `tightrope import`: a set file from a Standard MIDI File.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::args::Import;
use super::failure::Failure;
use super::files;
use crate::offline::import::{Options, Split, import as import_file};
use crate::offline::lines::Style;

/// The largest file that is read.
const MOST_BYTES: u64 = 64 << 20;

/// What to do where the file is there already.
const INSTEAD: &str = "add --force to write over it, or name another with -o";

/// Writes a set file, says so on `out`, and on `err` what did not come along.
///
/// # Errors
///
/// When the file cannot be read or is no MIDI file that a set can be made of, or when the set cannot be written.
pub(crate) fn import(args: &Import, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let bytes = read(&args.file).map_err(|error| Failure::Unreadable(args.file.clone(), error))?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let style = Style { grid: args.grid, tolerance: args.tolerance.ticks(args.grid) };
    let options = Options { style, split: args.split.unwrap_or(Split::Short) };
    let imported = import_file(&name, &bytes, options)
        .map_err(|why| Failure::Refused(format!("cannot import {}: {why}", args.file.display())))?;
    for remark in &imported.remarks {
        writeln!(err, "note: {remark}")?;
    }
    let path = args.output.clone().unwrap_or_else(|| default_path(&args.file));
    if path.as_os_str() == "-" {
        write!(out, "{}", imported.text)?;
        return Ok(());
    }
    files::write(&path, imported.text.as_bytes(), args.force, INSTEAD)?;
    let s = |count: i64| if count == 1 { "" } else { "s" };
    let (bars, notes) = (imported.bars, imported.notes);
    writeln!(out, "{}: {notes} note{} in {bars} bar{}", path.display(), s(notes as i64), s(bars))?;
    Ok(())
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is larger than any MIDI file"));
    }
    Ok(bytes)
}

/// The file's own name with the ending of a set, here.
fn default_path(file: &Path) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(".toml");
    PathBuf::from(name)
}
