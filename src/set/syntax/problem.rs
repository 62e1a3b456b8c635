//! One mistake of writing: what the TOML parser says, told apart and put into a performer's words.
//!
//! The parser gives a sentence and a place. The sentence is looked at for its beginning only, and a test holds the
//! beginnings to what the parser says; a sentence that is not known is shown as it is.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{from, slip};
use crate::set::diagnostic::{Diagnostic, Report, quoted};

/// The sorts of mistakes that can be told apart by what the parser says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Doubled,
    OpenText,
    OpenList,
    OpenTable,
    OpenHeading,
    NoEquals,
    NoValue,
    Unquoted,
    KeySign,
    NoKey,
    Control,
    Escape,
    Number,
    TwoInLine,
    Comma,
    Dotted,
    Deep,
    Other,
}

impl Sort {
    /// Returns whether what comes after it in the file cannot be trusted.
    pub(crate) fn swallows(self) -> bool {
        matches!(self, Sort::OpenText | Sort::OpenList | Sort::OpenTable | Sort::Comma | Sort::Deep | Sort::Other)
    }
}

/// A mistake of writing.
pub(super) struct Problem<'e> {
    pub sort: Sort,
    /// The bytes of the file that the parser names.
    pub span: Range<usize>,
    /// What the parser says.
    said: &'e str,
}

impl Problem<'_> {
    /// Returns what `error` is about.
    pub(crate) fn of(error: &toml::de::Error) -> Problem<'_> {
        let said = error.message();
        let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| said.starts_with(beginning));
        let sort = if starts(&["duplicate key"]) {
            Sort::Doubled
        } else if starts(&["invalid basic string", "invalid literal string", "invalid multi-line"]) {
            if said.contains("visible characters") { Sort::Control } else { Sort::OpenText }
        } else if starts(&["unclosed array"]) {
            Sort::OpenList
        } else if starts(&["unclosed inline table"]) {
            Sort::OpenTable
        } else if starts(&["unclosed table", "unclosed array table"]) {
            Sort::OpenHeading
        } else if starts(&["key with no value"]) {
            Sort::NoEquals
        } else if starts(&["string values must be quoted", "invalid boolean", "missing value"]) {
            if error.span().is_none_or(|span| span.is_empty()) { Sort::NoValue } else { Sort::Unquoted }
        } else if starts(&["invalid unquoted key"]) {
            Sort::KeySign
        } else if starts(&["unquoted keys cannot be empty"]) {
            Sort::NoKey
        } else if starts(&["missing escaped value", "too few unicode", "invalid escape"]) {
            Sort::Escape
        } else if starts(&[
            "unexpected leading zero",
            "invalid fraction",
            "invalid mantissa",
            "invalid exponent",
            "radix",
            "`_` may",
            "redundant",
            "integers with",
            "unexpected sign",
        ]) {
            Sort::Number
        } else if starts(&["unexpected key or value"]) {
            Sort::TwoInLine
        } else if starts(&[
            "missing comma",
            "extra assignment",
            "extra comma",
            "unexpected `=` in array",
            "missing assignment",
        ]) {
            Sort::Comma
        } else if starts(&["cannot extend value"]) {
            Sort::Dotted
        } else if starts(&["recursion limit", "cannot recurse"]) {
            Sort::Deep
        } else if starts(&["invalid comment character", "carriage return"]) {
            Sort::Control
        } else {
            Sort::Other
        };
        Problem { sort, span: error.span().unwrap_or(0..0), said }
    }

    /// Adds it to `report`. `table` is what could be read of `text`, if that was kept.
    pub(crate) fn report(&self, text: &str, table: Option<&DeTable<'_>>, report: &mut Report) {
        if let Some((place, mistake)) = slip::of(text, self.span.start, self.sort) {
            report.add(place, || mistake);
            return;
        }
        report.add(self.place(text, table), || self.mistake(text, table));
    }

    /// Returns what to mark. Where something was never closed it is where it was opened, since the end says nothing.
    fn place(&self, text: &str, table: Option<&DeTable<'_>>) -> Range<usize> {
        // Nothing is to be seen after the last line.
        let at =
            if from(text, self.span.start).trim_start().is_empty() { text.trim_end().len() } else { self.span.start };
        let opened = || table.and_then(|table| last_before(table, at)).map(|value| value.start);
        let bracket = |close| match table.and_then(|table| container_before(table, close, at)) {
            Some(open) => open.start..open.start + 1,
            None => at..at,
        };
        match self.sort {
            Sort::OpenText => match opened() {
                Some(start) if is_long(text, start) => start..start + 3,
                Some(start) if text.get(start..at).is_some_and(|line| !line.contains('\n')) => start..at,
                _ => at..at,
            },
            Sort::OpenList => bracket(']'),
            Sort::OpenTable => bracket('}'),
            _ => at..self.span.end.clamp(at, text.len()),
        }
    }

    /// The label for something that was never closed, by whether its beginning could be found.
    fn about_opening(&self, text: &str, table: Option<&DeTable<'_>>) -> &'static str {
        if self.place(text, table).is_empty() { "here it is still open" } else { "it begins here and has no end" }
    }

    fn about_number(&self) -> &str {
        let said = |part: &str| self.said.contains(part);
        if said("leading zero") {
            "a number does not begin with 0"
        } else if said("fraction") || said("mantissa") || said("exponent") {
            "expected digits here"
        } else if said("`_`") {
            "`_` stands between two digits"
        } else {
            self.said
        }
    }

    fn mistake(&self, text: &str, table: Option<&DeTable<'_>>) -> Diagnostic {
        let written = text.get(self.span.clone()).unwrap_or_default();
        match self.sort {
            Sort::Doubled => {
                let mistake = Diagnostic::new(format!("{} is there twice", quoted(written)))
                    .label("the second one")
                    .help("leave one of them out, or give it another name");
                match table.and_then(|table| key_before(table, written, self.span.start)) {
                    Some(first) => mistake.also(first, "the first one"),
                    None => mistake,
                }
            }
            Sort::OpenText if self.said.contains("multi-line") => Diagnostic::new("text is not closed")
                .label(self.about_opening(text, table))
                .help("text over several lines ends with three quotes, as it begins: `\"\"\"`"),
            Sort::OpenText => Diagnostic::new("text is not closed")
                .label("the closing quote is missing")
                .help("end the text with a quote; text over several lines stands between `\"\"\"` and `\"\"\"`"),
            Sort::OpenList => Diagnostic::new("a list is not closed")
                .label(self.about_opening(text, table))
                .help("end the list with `]`"),
            Sort::OpenTable => Diagnostic::new("a table is not closed")
                .label(self.about_opening(text, table))
                .help("end the table with `}`"),
            Sort::OpenHeading => Diagnostic::new("a heading is not closed")
                .label("expected `]`")
                .help("a heading is like `[tracks.bass]`"),
            Sort::NoEquals => Diagnostic::new("a key has no value")
                .label("expected `=` and a value")
                .help("a line is like `tempo = 125.0`, a heading like `[tracks.bass]`, a comment begins with `#`"),
            Sort::NoValue => Diagnostic::new("a key has no value")
                .label("expected a value")
                .help("a line is like `tempo = 125.0` or `port = \"circuit\"`"),
            Sort::Unquoted if from(text, self.span.end).trim_start_matches(' ').starts_with('=') => {
                Diagnostic::new("two keys run together")
                    .label("somewhere in here a comma or a new line is missing")
                    .help("put each key on a line of its own, or a comma between the entries of a table")
            }
            Sort::Unquoted => unquoted(written),
            Sort::KeySign if written.starts_with(':') => Diagnostic::new("a key and its value are joined by `=`")
                .label("expected `=`")
                .help("a line is like `tempo = 125.0`"),
            Sort::KeySign if written.starts_with("//") || written.starts_with(';') || written.starts_with("--") => {
                Diagnostic::new("this is not how a comment begins")
                    .label("expected `#`")
                    .help("a line is like `# my set`")
            }
            Sort::KeySign => Diagnostic::new(format!("{} cannot be part of a key", quoted(written)))
                .label("expected letters, digits, `-` or `_`")
                .help("a line is like `tempo = 125.0`; a comment begins with `#`"),
            Sort::NoKey => Diagnostic::new("a key is missing")
                .label("expected a name here")
                .help("a line is like `tempo = 125.0`, a heading like `[tracks.bass]`"),
            Sort::Control => Diagnostic::new("a character that cannot be seen")
                .label(if written.is_empty() { "here".to_owned() } else { format!("this is {}", quoted(written)) })
                .help("delete it; copying from elsewhere brings in such characters"),
            Sort::Escape => Diagnostic::new("`\\` means something of its own in text")
                .label("no such escape")
                .help("write the text between single quotes, where `\\` is just that, or write `\\\\`"),
            Sort::Number => Diagnostic::new("a number is not written as one")
                .label(self.about_number())
                .help("numbers are like `7` and `125.5`"),
            Sort::TwoInLine => Diagnostic::new("the line goes on after its value")
                .label("expected the end of the line")
                .help("put each key on a line of its own; a comment begins with `#`"),
            Sort::Comma => {
                let (what, close) = if self.said.contains("array") { ("list", ']') } else { ("table", '}') };
                let mistake = if self.said.starts_with("extra comma") {
                    Diagnostic::new("there is a comma too many")
                        .label("nothing stands before this one")
                        .help("leave it out")
                } else {
                    Diagnostic::new(format!("a comma or `{close}` is missing"))
                        .label("before this")
                        .help(format!("the parts of a {what} are separated by commas, and `{close}` ends it"))
                };
                match table.and_then(|table| container_before(table, close, self.span.start)) {
                    Some(open) => mistake.also(open.start..open.start + 1, format!("the {what} begins here")),
                    None => mistake,
                }
            }
            Sort::Dotted => Diagnostic::new(format!("{} is not a table", quoted(written)))
                .label("a value cannot have keys of its own"),
            Sort::Deep => Diagnostic::new("tables or lists are nested too deeply").label("too deep"),
            Sort::Other => Diagnostic::new("the file cannot be read from here").label(self.said.to_owned()),
        }
    }
}

/// The message for a value that is neither a number nor true or false nor in quotes.
fn unquoted(written: &str) -> Diagnostic {
    let lower = written.to_ascii_lowercase();
    let curly = ['“', '”', '„', '‘', '’', '«', '»'];
    let mistake = Diagnostic::new(format!("{} is not a value", quoted(written)));
    if written.contains(curly) {
        let plain: String = written.chars().map(|c| if curly.contains(&c) { '"' } else { c }).collect();
        return mistake.label("these quotes are not straight").help(format!("write {}", quoted(&plain)));
    }
    if ["true", "false"].contains(&&lower[..]) {
        return mistake.label("expected lower case").help(format!("write `{lower}`"));
    }
    let on = ["yes", "on", "tru", "ture"].contains(&&lower[..]);
    if on || ["no", "off", "flase", "fasle"].contains(&&lower[..]) {
        return mistake.label("expected `true` or `false`").help(format!("did you mean `{on}`?"));
    }
    let number = written.split_whitespace().next().filter(|word| word.parse::<f64>().is_ok());
    match number {
        Some(number) if written.trim() != number => mistake
            .label("a number, and something after it")
            .help(format!("write the number alone, `{number}`, or the whole in quotes if it is text")),
        _ => {
            mistake.label("text stands in quotes").help(format!("write {}", quoted(&format!("\"{}\"", written.trim()))))
        }
    }
}

/// The last value that begins before `at`: the one that was being read there.
fn last_before(table: &DeTable<'_>, at: usize) -> Option<Range<usize>> {
    let values = table.values().filter_map(|value| last_in(value, at));
    values.max_by_key(|span| span.start)
}

fn last_in(value: &Spanned<DeValue<'_>>, at: usize) -> Option<Range<usize>> {
    let own = Some(value.span()).filter(|span| span.start < at && span.end >= at);
    let inner = match value.get_ref() {
        DeValue::Table(table) => last_before(table, at),
        DeValue::Array(list) => list.iter().filter_map(|value| last_in(value, at)).max_by_key(|span| span.start),
        _ => None,
    };
    inner.or(own)
}

/// The list or table that is written between brackets, closed by `close`, and that `at` is in or right after.
fn container_before(table: &DeTable<'_>, close: char, at: usize) -> Option<Range<usize>> {
    table.values().filter_map(|value| container_in(value, close, at)).max_by_key(|span| span.start)
}

fn container_in(value: &Spanned<DeValue<'_>>, close: char, at: usize) -> Option<Range<usize>> {
    let (own, inner) = match value.get_ref() {
        DeValue::Table(table) => (close == '}', container_before(table, close, at)),
        DeValue::Array(list) => {
            (close == ']', list.iter().filter_map(|value| container_in(value, close, at)).max_by_key(|span| span.start))
        }
        _ => (false, None),
    };
    inner.or_else(|| Some(value.span()).filter(|span| own && span.start < at && span.end >= at))
}

/// The last key called `name` that begins before `at`: the first of two, if there are two.
fn key_before(table: &DeTable<'_>, name: &str, at: usize) -> Option<Range<usize>> {
    let inner = table.values().filter_map(|value| match value.get_ref() {
        DeValue::Table(table) => key_before(table, name, at),
        _ => None,
    });
    let own = table.iter().filter(|(key, _)| key.get_ref() == name && key.span().start < at).map(|(key, _)| key.span());
    own.chain(inner).max_by_key(|span| span.start)
}

/// Returns whether text over several lines begins at the byte `at`.
fn is_long(text: &str, at: usize) -> bool {
    ["\"\"\"", "'''"].iter().any(|quotes| from(text, at).starts_with(quotes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_s_words_are_still_the_ones_that_are_looked_for() {
        for (text, sort) in [
            ("a = 1\na = 2", Sort::Doubled),
            ("a = \"x", Sort::OpenText),
            ("a = 'x", Sort::OpenText),
            ("a = \"\"\"x", Sort::OpenText),
            ("a = '''x", Sort::OpenText),
            ("a = [1", Sort::OpenList),
            ("a = {b = 1", Sort::OpenTable),
            ("[a", Sort::OpenHeading),
            ("a 1", Sort::NoEquals),
            ("a =", Sort::NoValue),
            ("a = b", Sort::Unquoted),
            ("a = tru", Sort::Unquoted),
            ("ä = 1", Sort::KeySign),
            ("= 1", Sort::NoKey),
            ("a = \"\u{1}\"", Sort::Control),
            ("a = \"\\q\"", Sort::Escape),
            ("a = 01", Sort::Number),
            ("a = 1.", Sort::Number),
            ("a = 0XF", Sort::Number),
            ("a = 1__0", Sort::Number),
            ("a = 1, b = 2", Sort::TwoInLine),
            ("a = [1 2]", Sort::Unquoted),
            ("a = [\"1\" \"2\"]", Sort::Comma),
            ("a = [1,, 2]", Sort::Comma),
            ("a = {b = \"1\" c = 2}", Sort::Comma),
            ("a = 1\na.b = 2", Sort::Dotted),
        ] {
            let error = DeTable::parse(text).unwrap_err();
            assert_eq!(Problem::of(&error).sort, sort, "{text}: {}", error.message());
        }
        let deep = format!("a = {}", "[".repeat(100));
        assert_eq!(Problem::of(&DeTable::parse(&deep).unwrap_err()).sort, Sort::Deep);
    }
}
