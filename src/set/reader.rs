//! Reading TOML tables by hand, with the place of everything.
//!
//! A [`Reader`] holds a table whose keys are known beforehand ([`super::keys`]): they are taken one by one, and
//! what is left over is reported with the nearest right spelling. [`Value::entries`] lists a table whose keys the performer
//! chooses, in the order of the file. A [`Value`] knows which key it belongs to, so what it says when it is of the wrong
//! kind comes from that key's entry.
//!
//! Every method that can find a mistake adds it to the [`Report`] and answers with `None`; the caller goes on with
//! whatever lets it find the next one.

use std::ops::{Range, RangeInclusive};

use toml::de::{DeTable, DeValue};

use super::keys::{self, Key, Table};
use super::mistake::{Mistake, Report, nearest, quoted};

/// A value, the key it belongs to, and where it is.
#[derive(Clone)]
pub(super) struct Value<'t> {
    value: &'t DeValue<'t>,
    file: &'t str,
    /// What it is called: its key, or the name that the performer gave it.
    name: &'t str,
    /// What it should be.
    key: Key,
    /// The bytes of the file that hold the value; of a table with a heading, the heading.
    pub span: Range<usize>,
}

/// A name that the performer chose, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Name<'t> {
    pub text: &'t str,
    pub span: Range<usize>,
}

/// Text, and where each part of it is in the file.
#[derive(Clone, Debug)]
pub(super) struct Text<'t> {
    pub text: &'t str,
    /// The whole of it with its quotes.
    pub span: Range<usize>,
    /// Where the text begins in the file; unknown when escapes make the file differ from the text.
    body: Option<usize>,
}

impl<'t> Text<'t> {
    /// Text that begins at the byte `body` of the file.
    #[cfg(test)]
    pub fn at(text: &'t str, body: usize) -> Text<'t> {
        Text { text, span: body..body + text.len(), body: Some(body) }
    }

    /// The bytes of the file that hold `part`, a range of bytes of the text.
    pub fn place(&self, part: Range<usize>) -> Range<usize> {
        match self.body {
            Some(body) => body + part.start..body + part.end,
            None => self.span.clone(),
        }
    }
}

/// A table whose keys are known.
pub(super) struct Reader<'t> {
    table: &'t DeTable<'t>,
    file: &'t str,
    known: &'static Table,
    span: Range<usize>,
}

/// The whole of the file as a table.
pub(super) fn root<'t>(table: &'t DeTable<'t>, file: &'t str) -> Reader<'t> {
    Reader { table, file, known: &keys::set::TABLE, span: 0..0 }
}

impl<'t> Reader<'t> {
    /// The value of `key`, if it is there.
    pub fn take(&self, key: Key) -> Option<Value<'t>> {
        debug_assert!(self.known.find(key.name).is_some(), "{} is not a key of {}", key.name, self.known.heading);
        let value = self.table.get(key.name)?;
        Some(Value { value: value.get_ref(), file: self.file, name: key.name, key, span: value.span() })
    }

    /// The value of `key`, which has to be there; `whose` names the table in the message if it is not. Where it is there
    /// but misspelled, the misspelled key is the mistake, and enough.
    pub fn require(&self, key: Key, report: &mut Report, whose: impl FnOnce() -> String) -> Option<Value<'t>> {
        let value = self.take(key);
        if value.is_none() && !self.misspells(key) {
            report.add(self.span.clone(), || {
                Mistake::new(format!("{} has no `{}`", whose(), key.name))
                    .label(format!("`{}` is missing here", key.name))
                    .help(format!("add {}, for example `{}`", key.takes, key.example))
            });
        }
        value
    }

    fn misspells(&self, key: Key) -> bool {
        /// No table of a sensible file has so many unknown keys.
        const LOOKED_AT: usize = 64;
        let unknown = self.table.keys().take(LOOKED_AT).filter(|name| self.known.find(name.get_ref()).is_none());
        let near = |name: &str| nearest(name, self.known.keys.iter().map(|key| key.name));
        // Of a key of two letters, anything may be a misspelling.
        unknown.into_iter().any(|name| key.name.len() <= 2 || near(name.get_ref()) == Some(key.name))
    }

    /// Reports the keys that are not known.
    pub fn finish(self, report: &mut Report) {
        for (name, _) in sorted(self.table) {
            if self.known.find(name.text).is_none() {
                report.add(name.span.clone(), || unknown_key(name.text, self.known));
            }
        }
    }
}

/// The message for a key that `table` does not have.
fn unknown_key(name: &str, table: &'static Table) -> Mistake {
    let near = nearest(name, table.keys.iter().map(|key| key.name));
    let elsewhere = keys::TABLES.iter().find(|other| other.find(name).is_some());
    let help = match (near, elsewhere) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(other)) if other.heading == keys::set::TABLE.heading => {
            format!("`{name}` belongs at the top of the file, before the first line in square brackets")
        }
        (None, Some(other)) => format!("`{name}` belongs in `{}`", other.heading),
        (None, None) => format!("the keys here are {}", super::mistake::listed(table.keys.iter().map(|key| key.name))),
    };
    Mistake::new(format!("unknown key {}", quoted(name))).label("there is no such key here").help(help)
}

/// The entries of a table in the order of the file.
fn sorted<'t>(table: &'t DeTable<'t>) -> Vec<(Name<'t>, &'t toml::Spanned<DeValue<'t>>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (Name { text: key.get_ref(), span: key.span() }, value)).collect();
    entries.sort_by_key(|(name, _)| name.span.start);
    entries
}

impl<'t> Value<'t> {
    /// Reports that the value is not what its key takes.
    pub fn refuse(&self, report: &mut Report) {
        self.refuse_because(report, || format!("expected {}", self.key.takes));
    }

    /// Reports that the value is not what its key takes, with the reason as the label.
    pub fn refuse_because(&self, report: &mut Report, why: impl FnOnce() -> String) {
        report.add(self.span.clone(), || {
            Mistake::new(format!("{} cannot be {}", quoted(self.name), self.in_words()))
                .label(why())
                .help(format!("for example `{}`", self.key.example))
        });
    }

    /// Reports that the value, which is the text `word`, is none of `words`.
    pub fn refuse_word(&self, report: &mut Report, word: &str, words: &[&str]) {
        report.add(self.span.clone(), || {
            let help = match nearest(word, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("for example `{}`", self.key.example),
            };
            Mistake::new(format!("{} cannot be {}", quoted(self.name), self.in_words()))
                .label(format!("expected {}", self.key.takes))
                .help(help)
        });
    }

    /// The value in a sentence: itself if it is short, else its kind.
    fn in_words(&self) -> String {
        let written = self.file.get(self.span.clone()).unwrap_or_default();
        match self.value {
            DeValue::String(text) if text.is_empty() => "empty".to_owned(),
            DeValue::String(text) => format!("the text {}", quoted(text)),
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => quoted(written),
            DeValue::Datetime(_) => "a date or time".to_owned(),
            DeValue::Array(list) if list.is_empty() => "empty".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// The value as text.
    pub fn text(&self, report: &mut Report) -> Option<Text<'t>> {
        match self.value {
            DeValue::String(text) => {
                let written = self.file.get(self.span.clone()).unwrap_or_default();
                let body = body_of(written).filter(|body| written[body.clone()] == text[..]);
                let body = body.map(|body| self.span.start + body.start);
                Some(Text { text, span: self.span.clone(), body })
            }
            _ => {
                self.refuse(report);
                None
            }
        }
    }

    /// The value as text, if that is what it is.
    pub fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// Whether the value is a list.
    pub fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Whether the value is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The value as a whole number, if that is what it is.
    pub fn integer(&self) -> Option<i128> {
        match self.value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        }
    }

    /// The value as a whole number in `range`.
    pub fn whole(&self, range: RangeInclusive<i128>, report: &mut Report) -> Option<i128> {
        let number = self.integer().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(report);
        }
        number
    }

    /// The value as a number, whole or not; never infinite or undefined.
    pub fn number(&self, report: &mut Report) -> Option<f64> {
        let number: Option<f64> = match self.value {
            DeValue::Integer(number) => {
                i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number as f64)
            }
            DeValue::Float(number) => number.as_str().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite());
        if number.is_none() {
            self.refuse(report);
        }
        number
    }

    /// The value as true or false.
    pub fn flag(&self, report: &mut Report) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.refuse(report);
        }
        flag
    }

    fn part(&self, part: &'t toml::Spanned<DeValue<'t>>, name: &'t str, key: Key) -> Value<'t> {
        Value { value: part.get_ref(), file: self.file, name, key, span: part.span() }
    }

    /// The value as a list whose elements should be what `of` says.
    pub fn list(&self, of: Key, report: &mut Report) -> Option<Vec<Value<'t>>> {
        let DeValue::Array(list) = self.value else {
            self.refuse(report);
            return None;
        };
        Some(list.iter().map(|element| self.part(element, self.name, of)).collect())
    }

    /// The value as a table with known keys.
    pub fn table(&self, known: &'static Table, report: &mut Report) -> Option<Reader<'t>> {
        match self.value {
            DeValue::Table(table) => Some(Reader { table, file: self.file, known, span: self.span.clone() }),
            _ => {
                self.refuse(report);
                None
            }
        }
    }

    /// Whether the value is a table that has `key`.
    pub fn has(&self, key: Key) -> bool {
        matches!(self.value, DeValue::Table(table) if table.contains_key(key.name))
    }

    /// The value as a table whose keys the performer chooses: its entries in the order of the file, which should be what
    /// `of` says.
    pub fn entries(&self, of: Key, report: &mut Report) -> Option<Vec<(Name<'t>, Value<'t>)>> {
        let DeValue::Table(table) = self.value else {
            self.refuse(report);
            return None;
        };
        let entry = |(name, value): (Name<'t>, _)| {
            let value = self.part(value, name.text, of);
            (name, value)
        };
        Some(sorted(table).into_iter().map(entry).collect())
    }

    /// The same value, which should be what `key` says.
    pub fn meant_as(self, key: Key) -> Value<'t> {
        Value { key, ..self }
    }
}

/// The part of a string as it is written that is between its quotes; a line's end right after three opening quotes does
/// not count.
fn body_of(written: &str) -> Option<Range<usize>> {
    for quotes in ["\"\"\"", "'''"] {
        let inner = written.strip_prefix(quotes).and_then(|rest| rest.strip_suffix(quotes));
        if let Some(inner) = inner {
            let skipped = if inner.starts_with("\r\n") { 2 } else { usize::from(inner.starts_with('\n')) };
            return Some(quotes.len() + skipped..quotes.len() + inner.len());
        }
    }
    let quoted =
        ["\"", "'"].iter().any(|&quote| written.len() >= 2 && written.starts_with(quote) && written.ends_with(quote));
    quoted.then(|| 1..written.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_a_string_is_between_its_quotes() {
        for (written, body) in [
            ("\"ab\"", "ab"),
            ("'ab'", "ab"),
            ("\"\"", ""),
            ("\"\"\"\nab\n\"\"\"", "ab\n"),
            ("\"\"\"\r\nab\"\"\"", "ab"),
            ("'''ab'''", "ab"),
            ("\"\"\"\"\"\"", ""),
            ("\"\"\"\n\"\"\"", ""),
        ] {
            assert_eq!(body_of(written).map(|range| &written[range]), Some(body), "{written}");
        }
        assert_eq!(body_of("12"), None);
        assert_eq!(body_of("\""), None);
        assert_eq!(body_of(""), None);
    }
}
