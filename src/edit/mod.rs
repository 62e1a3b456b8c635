//! Writing into the performer's set file without disturbing it: learned bindings, recorded notes, and taking both back.
//!
//! An edit is a function from a text to a text. It looks up where in the file things stand, and replaces or inserts bytes
//! there: comments, order, white space and line endings of all else stay as they are byte for byte, since nothing else is
//! written anew. (A TOML library that prints what it has read would make each CRLF a LF.) What comes of it is read as a set
//! before it is given back, and compared with the set that was there: an edit that would break the file, or change what
//! it is not about, is refused.
//!
//! | file | duty |
//! |---|---|
//! | [`mod@bind`] | a command for a key, a controller or a program change |
//! | [`recorder`] | keys that are pressed while a pattern loops become notes |
//! | [`take`] | notes find their places on steps |
//! | [`mod@record`] | notes become what a track plays in a pattern |
//! | [`mod@rename`] | a copy gets a name of its own |
//! | [`history`] | edits are taken back and made again |
//! | [`mod@file`] | a text is put in the place of a file, whole or not at all |
//!
//! A session of edits, by whoever owns the file:
//!
//! 1. [`file::read`] gives the text.
//! 2. [`bind()`] or [`record()`] makes the new text of it.
//! 3. [`file::write`] puts it in place, and [`History::done`] remembers it.
//! 4. [`History::undo`] and [`History::redo`] give a [`Change`] to write; [`History::accept`] says that it is written.
//!
//! A set that is built in has no file: [`Refused::built_in`].
//!
//! All of it allocates and takes as long as reading a set does: off the real-time thread.

pub mod bind;
pub mod file;
pub mod history;
mod place;
pub mod record;
pub mod recorder;
pub mod rename;
pub mod take;
mod voice;

pub use bind::{Heard, Learned, Taken, bind};
pub use history::{Change, History};
pub use record::{Recorded, Take, Writing, record};
pub use recorder::{Cycle, Keyboard, LeftOut, Recorder, Recording};
pub use rename::rename;
pub use take::{GRIDS, Played, grid};

use crate::set::{Mistakes, Set, listed, nearest};

/// Why an edit is not made. Nothing has changed. As text, for the performer: what is wrong, where, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// The file is not a set as it is.
    #[error("{}; mend the file first, then try again", first(.0))]
    Mistakes(Box<Mistakes>),
    /// The file would not be a set anymore.
    #[error("this does not fit into the set: {}", first(.0))]
    Breaks(Box<Mistakes>),
    /// It cannot be done as it is asked for.
    #[error("{0}")]
    Unfit(String),
}

impl Refused {
    /// Of a set that has no file: the built-in set `name`.
    #[must_use]
    pub fn built_in(name: &str) -> Refused {
        Refused::Unfit(format!(
            "the set `{name}` is built in and has no file to write into: save it first with `tightrope new my-{name} --from \
             {name}`, and play that"
        ))
    }

    /// There is no `one` called `name`.
    fn unknown(one: &str, name: &str, names: &[String]) -> Refused {
        let names = || names.iter().map(String::as_str);
        let help = match nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names().next().is_none() => format!("the set has no {one}s"),
            None => format!("the {one}s of the set are {}", listed(names())),
        };
        Refused::Unfit(format!("there is no {one} `{name}`; {help}"))
    }
}

/// The first mistake in a line, with its place.
fn first(mistakes: &Mistakes) -> String {
    let Some(mistake) = mistakes.list().first() else { return "the file has a mistake".to_owned() };
    match mistake.line_column() {
        Some((line, _)) => format!("line {line}: {}", mistake.message),
        None => mistake.message.clone(),
    }
}

/// The set that `text` is before it is edited.
fn before(origin: &str, text: &str) -> Result<Set, Refused> {
    Set::parse(origin, text.as_bytes()).map_err(|mistakes| Refused::Mistakes(Box::new(mistakes)))
}

/// The set that `text` has become.
fn after(origin: &str, text: &str) -> Result<Set, Refused> {
    Set::parse(origin, text.as_bytes()).map_err(|mistakes| Refused::Breaks(Box::new(mistakes)))
}

/// Returns whether two sets are the same but for what is taken out of both.
fn same(before: &Set, after: &Set, take_out: impl Fn(&mut Set)) -> bool {
    let without = |set: &Set| {
        let mut set = Set { places: crate::set::SourceMap::default(), ..set.clone() };
        take_out(&mut set);
        set
    };
    without(before) == without(after)
}
