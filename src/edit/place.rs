//! Where in a file things stand, and the file with some bytes of it replaced.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The entry of a table: the place of its key, its value and the place of that.
pub(crate) type Entry<'t> = (Range<usize>, &'t Spanned<DeValue<'t>>);

/// The entry `name` of `table`.
pub(crate) fn entry<'t>(table: &'t DeTable<'t>, name: &str) -> Option<Entry<'t>> {
    table.get_key_value(name).map(|(key, value)| (key.span(), value))
}

/// The table `name` in `table`.
pub(crate) fn table<'t>(table: &'t DeTable<'t>, name: &str) -> Option<&'t DeTable<'t>> {
    as_table(table.get(name)?.get_ref())
}

/// `value`, if it is a table.
pub(crate) fn as_table<'t>(value: &'t DeValue<'t>) -> Option<&'t DeTable<'t>> {
    match value {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// `value`, if it is text.
pub(crate) fn as_text<'t>(value: &'t DeValue<'t>) -> Option<&'t str> {
    match value {
        DeValue::String(text) => Some(text),
        _ => None,
    }
}

/// `value`, if it is a whole number.
pub(crate) fn as_number(value: &DeValue<'_>) -> Option<i64> {
    match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
}

/// Returns whether a table or a list is under headings of its own: `[patterns.main]`, `[[bind]]`.
pub(crate) fn has_heading(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    let is_table = matches!(value.get_ref(), DeValue::Table(_));
    let is_list = matches!(value.get_ref(), DeValue::Array(_));
    let written = text.get(value.span()).unwrap_or_default();
    // The place of a list is itself where it is written as a value, and its first heading otherwise.
    is_table && written.starts_with('[') || is_list && written.starts_with("[[") && !written.contains('{')
}

/// Returns whether a table is written in braces.
pub(crate) fn is_inline(text: &str, value: &Spanned<DeValue<'_>>) -> bool {
    text.get(value.span()).is_some_and(|written| written.starts_with('{'))
}

/// Returns where what is written of `value` ends, headings below it aside: of a table without braces, its last value. `None` where
/// all of it is under headings. Recursion is as deep as tables nest, which reading a set bounds.
pub(crate) fn last(text: &str, value: &Spanned<DeValue<'_>>) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) if !is_inline(text, value) => {
            table.values().filter(|inner| !has_heading(text, inner)).filter_map(|inner| last(text, inner)).max()
        }
        _ => Some(value.span().end),
    }
}

/// As [`last`]; of a table that has nothing, its heading.
pub(crate) fn end(text: &str, value: &Spanned<DeValue<'_>>) -> usize {
    last(text, value).unwrap_or(value.span().end)
}

/// Returns what is written at `place`; nothing where that is not in the file.
pub(crate) fn written(text: &str, place: Range<usize>) -> &str {
    text.get(place).unwrap_or_default()
}

/// Bytes of a file, and what comes in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    /// The bytes; none where something is inserted.
    pub place: Range<usize>,
    /// What is there instead.
    pub text: String,
}

/// `text` with `splices`, which do not overlap.
pub(crate) fn apply(text: &str, mut splices: Vec<Splice>) -> String {
    splices.sort_by_key(|splice| splice.place.start);
    let mut result = String::with_capacity(text.len() + splices.iter().map(|splice| splice.text.len()).sum::<usize>());
    let mut at = 0;
    for splice in splices {
        result.push_str(written(text, at..splice.place.start));
        result.push_str(&splice.text);
        at = splice.place.end;
    }
    result.push_str(written(text, at..text.len()));
    result
}

/// Returns how lines end in the file: as the one before the byte `at` does, else as the first.
pub(crate) fn line_ending(text: &str, at: usize) -> &'static str {
    let newline = written(text, 0..at).rfind('\n').or_else(|| text.find('\n'));
    let is_crlf = newline.is_some_and(|newline| written(text, 0..newline).ends_with('\r'));
    if is_crlf { "\r\n" } else { "\n" }
}

/// Returns where the line of the byte `at` begins.
pub(crate) fn line_start(text: &str, at: usize) -> usize {
    written(text, 0..at).rfind('\n').map_or(0, |newline| newline + 1)
}

/// Returns where the line after that of the byte `at` begins; the end of the file if there is none.
pub(crate) fn next_line(text: &str, at: usize) -> usize {
    written(text, at..text.len()).find('\n').map_or(text.len(), |newline| at + newline + 1)
}

/// The number of the line of the byte `at`, from 1.
pub(crate) fn line_number(text: &str, at: usize) -> usize {
    written(text, 0..at).matches('\n').count() + 1
}

/// `text` in quotes, as the file has it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splices_replace_and_insert() {
        let splice = |place: Range<usize>, text: &str| Splice { place, text: text.to_owned() };
        assert_eq!(apply("abcdef", vec![splice(4..5, "X"), splice(1..1, "--"), splice(2..4, "")]), "a--bXf");
    }

    #[test]
    fn lines_end_as_the_one_before() {
        assert_eq!(line_ending("a\r\nb\n", 3), "\r\n");
        assert_eq!(line_ending("a\r\nb\nc", 6), "\n");
        assert_eq!((line_ending("ab\r\n", 1), line_ending("ab", 1)), ("\r\n", "\n"));
    }

    #[test]
    fn the_end_of_a_table_is_that_of_its_last_own_value() {
        let text = "[a]\nx.y = 1\nx.z = { q = 2 } # c\n[a.b]\nd = 4\n";
        let root = DeTable::parse(text).unwrap();
        let (_, a) = entry(root.get_ref(), "a").unwrap();
        assert_eq!(&text[..end(text, a)], "[a]\nx.y = 1\nx.z = { q = 2 }");
        assert!(has_heading(text, a) && !is_inline(text, a));
        let text = "bind = [[1]]\n[[c]]\nd = 1\n";
        let root = DeTable::parse(text).unwrap();
        assert!(has_heading(text, entry(root.get_ref(), "c").unwrap().1));
    }
}
