//! What a key is, and a table of keys.

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes, in words that complete "expected ...".
    pub takes: &'static str,
    /// A whole line as it may stand in a file.
    pub example: &'static str,
    /// What it does, and what holds without it.
    pub doc: &'static str,
    /// What it takes, for machines: the shape of the value, without what is said inside of texts.
    pub kind: Kind,
}

impl Key {
    /// The key with another kind.
    pub(super) const fn of(self, kind: Kind) -> Key {
        Key { kind, ..self }
    }
}

/// The shape of a value. Not to be compared: it holds whole tables.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// Text that this pattern is found in.
    Like(fn() -> String),
    /// One of these words, as text.
    Words(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number from the first to the second.
    Whole(i64, u64),
    /// A number from the first to the second, whole or not.
    Number(i64, i64),
    /// A list of at least and at most so many such values.
    List(usize, usize, &'static Kind),
    /// A table with known keys.
    Table(&'static Table),
    /// A table whose keys the performer chooses, which this pattern is found in: at least so many, each with such a value.
    Names(fn() -> String, usize, &'static Kind),
    /// A table with known keys, and others that the performer chooses, each with such a value.
    Open(&'static Table, &'static Kind),
    /// Any of these.
    Any(&'static [Kind]),
}

/// A table and all of its keys.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its heading; names that the performer chooses are in upper case.
    pub heading: &'static str,
    /// Its keys in the order in which they are explained.
    pub keys: &'static [Key],
    /// What it cannot be without: of each of these, one key.
    pub needs: &'static [&'static [&'static str]],
}

impl Table {
    /// The key of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// A key that takes text, unless [`Key::of`] says otherwise.
pub(super) const fn key(name: &'static str, takes: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { name, takes, example, doc, kind: Kind::Text }
}

/// What a length takes; [`length`](crate::set::length) reads it.
pub(super) const LENGTH: &str = r#"a length such as "1/16", "1/8t", "1/8.", "1 beat" or "2 bars", in quotes"#;
