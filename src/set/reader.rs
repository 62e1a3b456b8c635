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
use std::rc::Rc;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Report, nearest, quoted};
use super::keys::{self, Key, Kind, Table};
use super::values::respelled_number;

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
    /// Where the text begins in the file; unknown where the file cannot be followed.
    body: Option<usize>,
    /// What is written otherwise than it reads, in its order.
    escapes: Rc<[Escape]>,
}

/// What is written otherwise than it reads: an escape, or `\` at a line's end, which reads as nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Escape {
    /// Where it ends in the text, and in the file.
    end: usize,
    written_end: usize,
    is_nothing: bool,
}

impl<'t> Text<'t> {
    /// Text that begins at the byte `body` of the file.
    #[cfg(test)]
    pub(crate) fn at(text: &'t str, body: usize) -> Text<'t> {
        Text { text, span: body..body + text.len(), body: Some(body), escapes: Rc::default() }
    }

    /// Text that is written as `written`, which begins with its quotes at the byte `start` of the file.
    fn of(text: &'t str, written: &str, start: usize) -> Text<'t> {
        let span = start..start + written.len();
        let body = body_of(written);
        let escapes = body.clone().and_then(|body| {
            let is_basic = written.starts_with('"');
            escapes(text, &written[body.clone()], start + body.start, is_basic)
        });
        let body = body.filter(|_| escapes.is_some()).map(|body| start + body.start);
        Text { text, span, body, escapes: escapes.unwrap_or_default().into() }
    }

    /// The bytes of the file that hold `part`, a range of bytes of the text.
    pub(crate) fn place(&self, part: Range<usize>) -> Range<usize> {
        let Some(body) = self.body else { return self.span.clone() };
        let place = |at: usize, ends: bool| {
            // What ends where a line goes on does not go on itself.
            let is_before =
                |escape: &Escape| if ends && escape.is_nothing { escape.end < at } else { escape.end <= at };
            match self.escapes.partition_point(is_before).checked_sub(1).and_then(|last| self.escapes.get(last)) {
                Some(last) => last.written_end + (at - last.end),
                None => body + at,
            }
        };
        let start = place(part.start, part.is_empty());
        start..place(part.end, true).max(start)
    }
}

/// Follows `text` through `written`, which begins at the byte `start` of the file: what is written otherwise than it reads.
/// `None` where the two do not go together.
fn escapes(text: &str, written: &str, start: usize, is_basic: bool) -> Option<Vec<Escape>> {
    let mut found = Vec::new();
    let (mut at, mut from) = (0, 0);
    while from < written.len() {
        let rest = written.get(from..)?;
        let (reads, takes) = match rest.as_bytes() {
            [b'\\', b'u', ..] if is_basic => (text.get(at..)?.chars().next()?.len_utf8(), 6),
            [b'\\', b'U', ..] if is_basic => (text.get(at..)?.chars().next()?.len_utf8(), 10),
            [b'\\', b'x', ..] if is_basic => (text.get(at..)?.chars().next()?.len_utf8(), 4),
            [b'\\', next, ..] if is_basic && !next.is_ascii_whitespace() => (1, 2),
            [b'\\', ..] if is_basic => {
                let after = rest.get(1..)?.trim_start_matches([' ', '\t', '\r', '\n']);
                (0, rest.len() - after.len())
            }
            // Where the file has two bytes for a line's end and the text has one.
            [b'\r', b'\n', ..] if text.as_bytes().get(at) == Some(&b'\n') => (1, 2),
            _ => {
                let length = rest.chars().next()?.len_utf8();
                if rest.get(..length) != text.get(at..at + length) {
                    return None;
                }
                (at, from) = (at + length, from + length);
                continue;
            }
        };
        (at, from) = (at + reads, from + takes);
        found.push(Escape { end: at, written_end: start + from, is_nothing: reads == 0 });
    }
    (at == text.len()).then_some(found)
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
    pub(crate) fn take(&self, key: Key) -> Option<Value<'t>> {
        debug_assert!(self.known.find(key.name).is_some(), "{} is not a key of {}", key.name, self.known.heading);
        let value = self.table.get(key.name)?;
        Some(Value { value: value.get_ref(), file: self.file, name: key.name, key, span: value.span() })
    }

    /// The value of `key`, which has to be there; `whose` names the table in the message if it is not. Where it is there
    /// but misspelled, the misspelled key is the mistake, and enough.
    pub(crate) fn require(&self, key: Key, report: &mut Report, whose: impl FnOnce() -> String) -> Option<Value<'t>> {
        let value = self.take(key);
        if value.is_none() && !self.misspells(key) {
            report.add(self.span.clone(), || {
                Diagnostic::new(format!("{} has no `{}`", whose(), key.name))
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
    pub(crate) fn finish(self, report: &mut Report) {
        for (name, _) in sorted(self.table) {
            if self.known.find(name.text).is_none() {
                report.add(name.span.clone(), || unknown_key(name.text, self.known));
            }
        }
    }
}

/// The message for a key that `table` does not have.
fn unknown_key(name: &str, table: &'static Table) -> Diagnostic {
    let near = nearest(name, table.keys.iter().map(|key| key.name));
    let help = match (near, elsewhere(name, table.heading)) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, Some(belongs)) => belongs,
        (None, None) => {
            format!("the keys here are {}", super::diagnostic::listed(table.keys.iter().map(|key| key.name)))
        }
    };
    Diagnostic::new(format!("unknown key {}", quoted(name))).label("there is no such key here").help(help)
}

/// Where the key `name`, or the nearest one, belongs, if not in the table called `here`: the words of a help.
pub(super) fn elsewhere(name: &str, here: &str) -> Option<String> {
    let others = || keys::TABLES.iter().filter(|table| table.heading != here);
    let names = others().flat_map(|table| table.keys.iter().map(|key| key.name));
    let near = nearest(name, names.filter(|key| key.len() > 2))?;
    let (table, key) = others().find_map(|table| Some((table, table.find(near)?)))?;
    let spelled = if near == name { "" } else { "did you mean that? " };
    let example = key.example;
    Some(match table.heading {
        heading if heading == keys::set::TABLE.heading => {
            format!(
                "{spelled}`{near}` belongs at the top of the file, before the first line in square brackets: `{example}`"
            )
        }
        heading if heading.starts_with('[') => format!("{spelled}`{near}` belongs in `{heading}`: `{example}`"),
        _ if [keys::steps::STEPS.name, keys::arp::ARP.name, keys::arp::HELD.name].contains(&near) => {
            format!("{spelled}`{near}` belongs to a track: `bass = {{ {example} }}`")
        }
        heading if heading == keys::steps::TABLE.heading => {
            format!(
                "{spelled}`{near}` belongs beside the steps of a track: `bass = {{ steps = \"c2 . g2 .\", {example} }}`"
            )
        }
        heading if heading == keys::arp::TABLE.heading => {
            format!(
                "{spelled}`{near}` belongs beside the notes of an arpeggio: `bass = {{ arp = \"c4 f3 g3\", {example} }}`"
            )
        }
        heading => format!("{spelled}`{near}` belongs in `{heading}`"),
    })
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
    pub(crate) fn refuse(&self, report: &mut Report) {
        if let Some((label, help)) = self.slip() {
            report.add(self.span.clone(), || {
                Diagnostic::new(format!("{} cannot be {}", quoted(self.name), self.in_words())).label(label).help(help)
            });
            return;
        }
        self.refuse_because(report, || format!("expected {}", self.key.takes));
    }

    /// A slip of the hand that can be named: quotes around a number, a decimal comma or a letter in one, none around a text.
    fn slip(&self) -> Option<(String, String)> {
        let takes_text = matches!(self.key.kind, Kind::Text | Kind::Like(_) | Kind::Words(_));
        let takes_number = matches!(self.key.kind, Kind::Whole(..) | Kind::Number(..));
        let name = self.name;
        match self.value {
            DeValue::String(text) if takes_number => {
                let number = text.trim();
                let right = respelled_number(number);
                let is_number = number.parse::<f64>().is_ok_and(f64::is_finite);
                match right {
                    Some((right, why)) => Some((why.to_owned(), format!("write `{name} = {right}`"))),
                    None => is_number
                        .then(|| ("a number stands without quotes".to_owned(), format!("write `{name} = {number}`"))),
                }
            }
            DeValue::String(text) if takes_text => {
                let (right, why, old) =
                    text.split(' ').find_map(|word| respelled_number(word).map(|(right, why)| (right, why, word)))?;
                let has_unit = self.key.example.contains(" ms");
                has_unit.then(|| (why.to_owned(), format!("write `{name} = \"{}\"`", text.replacen(old, &right, 1))))
            }
            _ => None,
        }
    }

    /// Reports that the value is not what its key takes, with the reason as the label.
    pub(crate) fn refuse_because(&self, report: &mut Report, why: impl FnOnce() -> String) {
        report.add(self.span.clone(), || {
            Diagnostic::new(format!("{} cannot be {}", quoted(self.name), self.in_words()))
                .label(why())
                .help(format!("for example `{}`", self.key.example))
        });
    }

    /// Reports that the value, which is the text `word`, is none of `words`.
    pub(crate) fn refuse_word(&self, report: &mut Report, word: &str, words: &[&str]) {
        report.add(self.span.clone(), || {
            let help = match nearest(word, words.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("for example `{}`", self.key.example),
            };
            Diagnostic::new(format!("{} cannot be {}", quoted(self.name), self.in_words()))
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
    pub(crate) fn text(&self, report: &mut Report) -> Option<Text<'t>> {
        match self.value {
            DeValue::String(text) => {
                let written = self.file.get(self.span.clone()).unwrap_or_default();
                Some(Text::of(text, written, self.span.start))
            }
            _ => {
                self.refuse(report);
                None
            }
        }
    }

    /// The value as text, if that is what it is.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, DeValue::String(_))
    }

    /// The text that the value is, if it is one.
    pub(crate) fn written_text(&self) -> Option<&'t str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns whether the value is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, DeValue::Array(_))
    }

    /// Returns whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// The value as a whole number, if that is what it is.
    pub(crate) fn integer(&self) -> Option<i128> {
        match self.value {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        }
    }

    /// The value as a whole number in `range`.
    pub(crate) fn whole(&self, range: RangeInclusive<i128>, report: &mut Report) -> Option<i128> {
        let number = self.integer().filter(|number| range.contains(number));
        if number.is_none() {
            self.refuse(report);
        }
        number
    }

    /// The value as a number, whole or not; never infinite or undefined.
    pub(crate) fn number(&self, report: &mut Report) -> Option<f64> {
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
    pub(crate) fn flag(&self, report: &mut Report) -> Option<bool> {
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
    pub(crate) fn list(&self, of: Key, report: &mut Report) -> Option<Vec<Value<'t>>> {
        let DeValue::Array(list) = self.value else {
            self.refuse(report);
            return None;
        };
        Some(list.iter().map(|element| self.part(element, self.name, of)).collect())
    }

    /// The value as a table with known keys.
    pub(crate) fn table(&self, known: &'static Table, report: &mut Report) -> Option<Reader<'t>> {
        match self.value {
            DeValue::Table(table) => Some(Reader { table, file: self.file, known, span: self.span.clone() }),
            _ => {
                self.refuse(report);
                None
            }
        }
    }

    /// Returns whether the value is a table that has `key`.
    pub(crate) fn has(&self, key: Key) -> bool {
        matches!(self.value, DeValue::Table(table) if table.contains_key(key.name))
    }

    /// The value as a table whose keys the performer chooses: its entries in the order of the file, which should be what
    /// `of` says.
    pub(crate) fn entries(&self, of: Key, report: &mut Report) -> Option<Vec<(Name<'t>, Value<'t>)>> {
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
    pub(crate) fn meant_as(self, key: Key) -> Value<'t> {
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
    fn every_character_has_its_place_whatever_is_escaped() {
        for (written, part, marked) in [
            ("\"a b\"", "b", "b"),
            ("\"a\\tb\"", "b", "b"),
            ("\"a\\tb\"", "\t", "\\t"),
            ("\"\\u0061 \\U00000062 c\"", "b", "\\U00000062"),
            ("\"\\u0061 \\U00000062 c\"", "c", "c"),
            ("\"\\u00e4 c\"", "ä", "\\u00e4"),
            ("\"\\u00e4 c\"", "c", "c"),
            ("\"\"\"\na \\\n   b c\n\"\"\"", "b c", "b c"),
            ("\"\"\"\na \\\n   b c\n\"\"\"", "a ", "a "),
            ("\"\"\"\na\\\n\n  b\\\n\tc\"\"\"", "bc", "b\\\n\tc"),
            ("\"\"\"\na\\  \n  b\"\"\"", "b", "b"),
            ("\"\"\"\r\na\r\nb \\\r\n c\r\n\"\"\"", "c", "c"),
            ("'a\\tb'", "b", "b"),
            ("\"\\\\ \\\" c\"", "\"", "\\\""),
        ] {
            let file = format!("t = {written}\n");
            let table = DeTable::parse(&file).unwrap();
            let Some(DeValue::String(read)) = table.get_ref().get("t").map(|value| value.get_ref()) else { panic!() };
            let text = Text::of(read, written, 4);
            let start = read.find(part).unwrap_or_else(|| panic!("{read:?} has no {part:?}"));
            assert_eq!(&file[text.place(start..start + part.len())], marked, "{written}");
        }
    }

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
