//! Finding a set by its file or by its built-in name.

use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::edit;
use crate::set::{Set, builtin, nearest};

/// Reads and compiles the set that `name` means: a file if there is one of that name, or else a built-in set.
///
/// # Errors
///
/// When there is no such set, when its file cannot be read, or when it has mistakes.
pub fn load(name: &str) -> Result<Set, Failure> {
    load_with_text(name).map(|(set, _)| set)
}

/// The same, with the bytes that it was read from.
///
/// # Errors
///
/// The same.
pub fn load_with_text(name: &str) -> Result<(Set, Vec<u8>), Failure> {
    let (origin, bytes) = find(name)?;
    let set = Set::parse(&origin, &bytes).map_err(|mistakes| Failure::Mistakes(Box::new(mistakes)))?;
    Ok((set, bytes))
}

/// The bytes of the set that `name` means, as they are written.
///
/// # Errors
///
/// When there is no such set, or when its file cannot be read.
pub fn text(name: &str) -> Result<Vec<u8>, Failure> {
    find(name).map(|(_, bytes)| bytes)
}

/// The file that `name` means; none for a built-in set.
#[must_use]
pub fn file(name: &str) -> Option<PathBuf> {
    is_file(Path::new(name)).then(|| name.into())
}

fn is_file(path: &Path) -> bool {
    path.is_file() || path.extension().is_some() || path.components().count() > 1
}

/// What a set is called in messages, and its bytes.
fn find(name: &str) -> Result<(String, Vec<u8>), Failure> {
    let path = Path::new(name);
    if is_file(path) {
        let bytes = edit::file::bytes(path).map_err(|error| Failure::Unreadable(path.into(), error))?;
        return Ok((name.to_owned(), bytes));
    }
    match builtin::find(name) {
        // A folder, or something else that is not read.
        Some(set) => Ok((format!("{}.toml (built in)", set.name), set.text.as_bytes().to_vec())),
        // A folder, or something else that is not read.
        None if path.exists() => {
            let bytes = edit::file::bytes(path).map_err(|error| Failure::Unreadable(path.into(), error))?;
            Ok((name.to_owned(), bytes))
        }
        None => Err(Failure::NoSuchSet(no_such_set(name))),
    }
}

fn no_such_set(name: &str) -> String {
    let names = || builtin::all().iter().map(|set| set.name);
    let beside = format!("{name}.toml");
    let hint = match nearest(name, names()) {
        _ if Path::new(&beside).is_file() => format!("did you mean `{beside}`, which is here?"),
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("built in: {}", names().collect::<Vec<_>>().join(", ")),
    };
    format!("there is no set `{name}`: no file of that name is here, and none is built in; {hint}")
}
