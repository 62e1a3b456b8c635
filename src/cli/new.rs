//! `tightrope new`: a set to begin with, that shows what can be written and plays as it is.

use std::io::Write;
use std::path::PathBuf;

use super::args::New;
use super::failure::Failure;
use super::files;
use crate::edit;
use crate::session::source;

/// The set that is written.
const TEMPLATE: &str = include_str!("../sets/new.toml");

/// Writes a new set file; a copy gets its own name.
///
/// # Errors
///
/// When the name cannot be that of a file here, when there is one already, or when the set to copy cannot be read.
pub(crate) fn new(args: &New, out: &mut dyn Write) -> Result<(), Failure> {
    let name = args.name.strip_suffix(".toml").unwrap_or(&args.name);
    let is_plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    if !is_plain || name.chars().any(char::is_control) {
        return Err(Failure::WrongWords(format!("`{name}` is no name for a set; it becomes a file here: NAME.toml")));
    }
    let text = match &args.from {
        Some(set) => edit::rename(&source::text(set)?, name),
        None => TEMPLATE.as_bytes().to_vec(),
    };
    let path = PathBuf::from(format!("{name}.toml"));
    files::write(&path, &text, false, "choose another name")?;
    writeln!(out, "{}: try `tightrope check {0}`, then `tightrope play {0}`", path.display())?;
    Ok(())
}
