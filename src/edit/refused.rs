//! Why an edit is not made, and what is looked at before one is.

use crate::set::{Mistakes, Set, SourceMap, listed, nearest};

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
    pub(super) fn unknown(one: &str, name: &str, names: &[String]) -> Refused {
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
pub(super) fn before(origin: &str, text: &str) -> Result<Set, Refused> {
    Set::parse(origin, text.as_bytes()).map_err(|mistakes| Refused::Mistakes(Box::new(mistakes)))
}

/// The set that `text` has become.
pub(super) fn after(origin: &str, text: &str) -> Result<Set, Refused> {
    Set::parse(origin, text.as_bytes()).map_err(|mistakes| Refused::Breaks(Box::new(mistakes)))
}

/// Returns whether two sets are the same but for what is taken out of both.
pub(super) fn same(before: &Set, after: &Set, take_out: impl Fn(&mut Set)) -> bool {
    let without = |set: &Set| {
        let mut set = Set { places: SourceMap::default(), ..set.clone() };
        take_out(&mut set);
        set
    };
    without(before) == without(after)
}
