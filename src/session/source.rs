//! Where the set of a show comes from: a file, the sets that are built in, or a text in memory.

use std::io;
use std::path::{Path, PathBuf};

use crate::edit;
use crate::set::{Mistakes, Set, builtin, nearest};

/// What a show plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetSource {
    /// The set file at this path, or else the built-in set of this name.
    Named(String),
    /// A text. It has no file, so that nothing is reloaded, and nothing can be recorded into it.
    Text {
        /// What it is called in messages.
        name: String,
        /// The text of a set file, UTF-8.
        bytes: Vec<u8>,
    },
}

impl SetSource {
    /// The set file at the path `name`, or else the built-in set that is called so.
    #[must_use]
    pub fn named(name: &str) -> SetSource {
        SetSource::Named(name.to_owned())
    }

    /// The set of `text`, which is called `name` in messages.
    #[must_use]
    pub fn text(name: &str, text: &str) -> SetSource {
        SetSource::Text { name: name.to_owned(), bytes: text.into() }
    }

    /// Returns what it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            SetSource::Named(name) | SetSource::Text { name, .. } => name,
        }
    }

    /// Its file, if it has one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            SetSource::Named(name) => file(name),
            SetSource::Text { .. } => None,
        }
    }

    /// Reads and compiles it; with the bytes that it was read from.
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load(&self) -> Result<(Set, Vec<u8>), LoadError> {
        match self {
            SetSource::Named(name) => load_with_text(name),
            SetSource::Text { name, bytes } => Ok((Set::parse(name, bytes).map_err(Box::new)?, bytes.clone())),
        }
    }
}

/// Why there is no set to play.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such set; with what could have been meant.
    #[error("{0}")]
    NoSuchSet(String),
    /// Its file could not be read.
    #[error("cannot read {}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
    /// It has mistakes, with their places.
    #[error("{0}")]
    Mistakes(#[from] Box<Mistakes>),
}

/// Reads and compiles the set that `name` means: a file if there is one of that name, or else a built-in set.
///
/// # Errors
///
/// When there is no such set, when its file cannot be read, or when it has mistakes.
pub fn load(name: &str) -> Result<Set, LoadError> {
    load_with_text(name).map(|(set, _)| set)
}

fn load_with_text(name: &str) -> Result<(Set, Vec<u8>), LoadError> {
    let (origin, bytes) = find(name)?;
    let set = Set::parse(&origin, &bytes).map_err(Box::new)?;
    Ok((set, bytes))
}

/// The bytes of the set that `name` means, as they are written.
///
/// # Errors
///
/// When there is no such set, or when its file cannot be read.
pub fn text(name: &str) -> Result<Vec<u8>, LoadError> {
    find(name).map(|(_, bytes)| bytes)
}

/// The file that `name` means; none for a built-in set.
fn file(name: &str) -> Option<PathBuf> {
    is_file(Path::new(name)).then(|| name.into())
}

fn is_file(path: &Path) -> bool {
    path.is_file() || path.extension().is_some() || path.components().count() > 1
}

/// Returns what a set is called in messages, and its bytes.
fn find(name: &str) -> Result<(String, Vec<u8>), LoadError> {
    let path = Path::new(name);
    if is_file(path) {
        let bytes = edit::file::bytes(path).map_err(|error| LoadError::Unreadable(path.into(), error))?;
        return Ok((name.to_owned(), bytes));
    }
    match builtin::find(name) {
        Some(set) => Ok((format!("{}.toml (built in)", set.name), set.text.as_bytes().to_vec())),
        // A folder, or something else that is not read.
        None if path.exists() => {
            let bytes = edit::file::bytes(path).map_err(|error| LoadError::Unreadable(path.into(), error))?;
            Ok((name.to_owned(), bytes))
        }
        None => Err(LoadError::NoSuchSet(no_such_set(name))),
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
