//! From bytes to TOML tables, with what is wrong on the way said in a performer's words.
//!
//! The TOML parser recovers from mistakes and goes on, but what it finds after one that swallows the lines after it
//! (a quote or bracket that is never closed) only confuses. So mistakes are reported up to the first of that sort. And
//! tables are handed on only if nothing but doubled keys is wrong with them: what is missing from a damaged table may
//! be missing only because of the damage.

mod problem;
mod slip;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Report};
use problem::{Problem, Sort};

/// The largest set file, in bytes. A recital that was recorded to the tick, with all that its pedals did, takes two megabytes;
/// a file of this size is read in a tenth of a second, with less than half the memory that reading may take.
pub(super) const MAX_BYTES: usize = 3 << 20;
/// The largest file in which more than one mistake of writing is looked for, in bytes. Junk has one at nearly each byte,
/// and the parser keeps them all.
const MAX_RECOVERED: usize = 64 << 10;

/// The text in `bytes`. Where it is not text, a mistake is reported, and the text is there only to be shown.
pub(super) fn decode(bytes: &[u8], report: &mut Report) -> String {
    if bytes.len() > MAX_BYTES {
        report.add_without_place(
            Diagnostic::new(format!("the file has {} bytes, which is too long for a set", bytes.len()))
                .help(format!("a set file has at most {MAX_BYTES} bytes; is this the right file?")),
        );
        return String::new();
    }
    if bytes.starts_with(b"MThd") {
        report.add_without_place(
            Diagnostic::new("this is a MIDI file, not a set").help("a set is a text file; MIDI files are not read"),
        );
        return String::new();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) => {
            let at = error.valid_up_to();
            let wide = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
            report.add(at..at + 1, || {
                let byte = bytes.get(at).copied().unwrap_or_default();
                let label = match wide {
                    true => "this is how UTF-16 begins".to_owned(),
                    false => format!("the byte {byte:02X} is not part of any character"),
                };
                Diagnostic::new("the file is not text in UTF-8").label(label).help("save it with the encoding UTF-8")
            });
            String::from_utf8_lossy(bytes).into_owned()
        }
    }
}

/// The tables of `text`, if they can be relied on.
pub(super) fn parse<'t>(text: &'t str, report: &mut Report) -> Option<Spanned<DeTable<'t>>> {
    let first = match DeTable::parse(text) {
        Ok(table) => return Some(table),
        Err(error) => error,
    };
    if text.len() > MAX_RECOVERED {
        Problem::of(&first).report(text, None, report);
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<Problem<'_>> = errors.iter().map(Problem::of).collect();
    problems.sort_by_key(|problem| problem.span.start);
    if let Some(span) = runaway(table.get_ref(), text) {
        report.add(span.start..span.start + 3, || {
            Diagnostic::new("text is not closed")
                .label("it begins here and has no end of its own")
                .also(span.end - 3..span.end, "these quotes are meant to begin another text, but end the first")
                .help("text over several lines ends with three quotes, as it begins: `\"\"\"`")
        });
        return None;
    }
    let only_doubled = problems.iter().all(|problem| problem.sort == Sort::Doubled);
    let mut line_end = 0;
    // Under a heading that is there twice the parser finds the keys of both, and again each that they share.
    let mut doubled_to = 0;
    for problem in &problems {
        // What comes after the first mistake of a line usually comes from it.
        let at = problem.span.start;
        if at < line_end || problem.sort == Sort::Doubled && at < doubled_to {
            continue;
        }
        line_end = from(text, at).find('\n').map_or(usize::MAX, |newline| at + newline + 1);
        problem.report(text, Some(table.get_ref()), report);
        if problem.sort == Sort::Doubled && is_heading(text, at) {
            let end = problem.span.end;
            doubled_to = from(text, end).find("\n[").map_or(usize::MAX, |next| end + next);
        }
        if problem.sort.swallows() {
            break;
        }
    }
    only_doubled.then_some(table)
}

/// Text over several lines that ends where another one is meant to begin, after an `=`: its own end was forgotten.
fn runaway(table: &DeTable<'_>, text: &str) -> Option<Range<usize>> {
    let values = table.values().filter_map(|value| match value.get_ref() {
        DeValue::Table(table) => runaway(table, text),
        DeValue::String(_) => {
            let span = value.span();
            let written = text.get(span.clone())?;
            let body =
                ["\"\"\"", "'''"].iter().find_map(|quotes| written.strip_prefix(quotes)?.strip_suffix(quotes))?;
            (body.contains('\n') && body.trim_end_matches(' ').ends_with('=')).then_some(span)
        }
        _ => None,
    });
    values.min_by_key(|span| span.start)
}

/// Returns where the first table in braces begins that goes over several lines, or ends with a comma: the parser reads it, and TOML 1.0
/// does not. Texts and lists in it may go over lines.
pub(super) fn inline_over_lines(table: &DeTable<'_>, text: &str) -> Option<usize> {
    table.values().filter_map(|value| over_lines(value, text)).min()
}

fn over_lines(value: &Spanned<DeValue<'_>>, text: &str) -> Option<usize> {
    match value.get_ref() {
        DeValue::Table(table) => {
            let span = value.span();
            let is_inline = from(text, span.start).starts_with('{');
            let mut at = span.start;
            let mut inner: Vec<Range<usize>> = table.values().map(Spanned::span).collect();
            inner.sort_unstable_by_key(|span| span.start);
            inner.push(span.end..span.end);
            let is_apart = |between: &str| between.contains('\n');
            let apart = is_inline
                && inner.iter().any(|span| {
                    let between = text.get(at..span.start).unwrap_or_default();
                    at = span.end.max(at);
                    is_apart(between)
                });
            let here = apart.then_some(span.start);
            here.into_iter().chain(inline_over_lines(table, text)).min()
        }
        DeValue::Array(list) => list.iter().filter_map(|value| over_lines(value, text)).min(),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            None
        }
    }
}

/// Returns whether the byte `at` is in a line that is a heading.
fn is_heading(text: &str, at: usize) -> bool {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    from(text, start).trim_start().starts_with('[')
}

/// Returns what begins at the byte `at`; nothing if that is not the beginning of a character.
fn from(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places and messages of the mistakes in `text`.
    fn mistakes(text: &str) -> Vec<(Option<Range<usize>>, String)> {
        let mut report = Report::default();
        let _ = parse(text, &mut report);
        let mistakes = report.finish("a.toml", text);
        mistakes.list().iter().map(|mistake| (mistake.span.clone(), mistake.message.clone())).collect()
    }

    #[test]
    fn each_line_has_its_mistake() {
        let found = mistakes("a = Circuit\nb = 1\nc = yes\nd 5\n");
        let places: Vec<_> = found.into_iter().filter_map(|(span, _)| span).collect();
        assert_eq!(places, [4..11, 22..25, 28..28]);
    }

    #[test]
    fn what_was_never_closed_is_marked_where_it_begins_and_ends_the_list() {
        assert_eq!(mistakes("a = 1\nb = \"\"\"x\n[c]\nd = yes\n"), [(Some(10..13), "text is not closed".to_owned())]);
        assert_eq!(mistakes("a = [1, 2\n"), [(Some(4..5), "a list is not closed".to_owned())]);
        assert_eq!(mistakes("a = { b = 1\n"), [(Some(4..5), "a table is not closed".to_owned())]);
    }

    #[test]
    fn a_large_file_has_its_first_mistake_only() {
        let text = format!("a = \"\"\"{}\nb = yes\n", "x\n".repeat(MAX_RECOVERED));
        let end = text.trim_end().len();
        assert_eq!(mistakes(&text), [(Some(end..end), "text is not closed".to_owned())]);
    }

    #[test]
    fn doubled_keys_do_not_hide_other_mistakes() {
        let mut report = Report::default();
        assert!(parse("a = 1\na = 2\n", &mut report).is_some());
        assert!(!report.is_empty());
        assert!(parse("a = 1\na = 2\nb =\n", &mut report).is_none());
    }
}
