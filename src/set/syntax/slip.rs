//! Slips of the hand that the TOML parser has other words for: a decimal comma, a letter in a number, steps without quotes, a name
//! with a space in it. They are found in the line in which the parser stopped.

use std::ops::Range;

use super::problem::Sort;
use crate::set::diagnostic::{Diagnostic, quoted};
use crate::set::pitch;
use crate::set::values::{plain_name, respelled_number};

/// The slip in the line of the byte `at`, where the parser found something of this sort.
pub(super) fn of(text: &str, at: usize, sort: Sort) -> Option<(Range<usize>, Diagnostic)> {
    let at = at.min(text.len());
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(at..)?.find('\n').map_or(text.len(), |length| at + length);
    let line = text.get(start..end)?.trim_end();
    match sort {
        Sort::Doubled | Sort::Escape | Sort::Control | Sort::Dotted | Sort::Deep => None,
        _ if line.trim_start().starts_with('[') && !line.contains('=') => heading(line, start),
        _ => number(line, start).or_else(|| unquoted(line, start, sort)),
    }
}

/// The byte where the comment of a line begins, or its end.
fn comment(line: &str) -> usize {
    line.match_indices('#')
        .map(|(at, _)| at)
        .find(|&at| line[..at].ends_with(char::is_whitespace))
        .unwrap_or(line.len())
}

/// A number that is written otherwise, as a value in the line.
fn number(line: &str, start: usize) -> Option<(Range<usize>, Diagnostic)> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '}' | ']' | '#');
    let values =
        line.match_indices('=').filter(|&(place, _)| line[..place].matches(['"', '\'']).count().is_multiple_of(2));
    values.into_iter().find_map(|(place, _)| {
        let rest = &line[place + 1..];
        let begin = place + 1 + (rest.len() - rest.trim_start().len());
        let word = &line[begin..];
        let word = &word[..word.find(ends).unwrap_or(word.len())];
        let word = word.trim_end_matches(',');
        let (right, why) =
            respelled_number(word).filter(|_| word.starts_with(|c: char| !c.is_alphabetic() || word.len() > 1))?;
        let mistake =
            Diagnostic::new(format!("{} is not a number", quoted(word))).label(why).help(format!("write `{right}`"));
        Some((start + begin..start + begin + word.len(), mistake))
    })
}

/// Steps without quotes: all that stands after `=` in a line of its own.
fn unquoted(line: &str, start: usize, sort: Sort) -> Option<(Range<usize>, Diagnostic)> {
    let found = matches!(
        sort,
        Sort::Unquoted | Sort::NoValue | Sort::TwoInLine | Sort::Number | Sort::Comma | Sort::OpenList | Sort::Other
    );
    let (key, value) = line.split_once('=').filter(|_| found)?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ' | '"' | '\'');
    if !key.chars().all(is_name) || value.contains(['"', '\'', '{', '“', '”', '„', '‘', '’', '«', '»']) {
        return None;
    }
    let end = key.len() + 1 + comment(value);
    let value = line[key.len() + 1..end].trim();
    let begin = key.len() + 1 + (line[key.len() + 1..].len() - line[key.len() + 1..].trim_start().len());
    // Signs and notes, and not one word alone, which may be anything.
    let words: Vec<&str> =
        value.split(|c: char| c.is_whitespace() || "[]()<>|".contains(c)).filter(|word| !word.is_empty()).collect();
    let is_step = |word: &&str| {
        let signs = word.chars().all(|c| matches!(c, '.' | '_' | 'x' | 'X' | '~'));
        let plain = word.trim_end_matches(|c: char| "!~?:=*/0123456789".contains(c));
        signs || pitch::scan(word).is_some() || word.len() == 1 || plain.len() <= 1
    };
    let is_row = words.len() > 1
        && words.iter().all(is_step)
        && words.iter().any(|word| !word.starts_with(|c: char| c.is_ascii_digit()) || words.len() > 2);
    if !is_row || value.contains(',') {
        return None;
    }
    let mistake = Diagnostic::new("steps stand in quotes")
        .label("all of this is one text")
        .help(format!("write {}", quoted(&format!("\"{value}\""))));
    Some((start + begin..start + begin + value.len(), mistake))
}

/// A heading with a name that cannot be one.
fn heading(line: &str, start: usize) -> Option<(Range<usize>, Diagnostic)> {
    let inner = line[..comment(line)].trim();
    let (open, close) = if inner.starts_with("[[") { ("[[", "]]") } else { ("[", "]") };
    let names = inner.strip_prefix(open)?.strip_suffix(close)?;
    if names.contains(['"', '\'', '[', ']']) {
        return None;
    }
    let is_table = |word: &str| crate::set::keys::set::TABLE.find(word).is_some();
    let respelled: Option<Vec<String>> = match names.trim().split_once(char::is_whitespace) {
        // A space in place of the dot.
        Some((first, rest)) if is_table(first) => Some(vec![first.to_owned(), plain_name(rest)?]),
        _ => names.split('.').map(plain_name).collect(),
    };
    let right = respelled?.join(".");
    if right == names {
        return None;
    }
    let begin = start + (line.len() - line.trim_start().len()) + open.len();
    let label = match names.trim().contains(char::is_whitespace) {
        true => "names have no spaces",
        false => "a name is made of letters from a to z, digits, `-` and `_`",
    };
    let mistake = Diagnostic::new(format!("{} cannot be a heading", quoted(&format!("{open}{names}{close}"))))
        .label(label)
        .help(format!("write `{open}{right}{close}`, and the same wherever it is named"));
    Some((begin..begin + names.len(), mistake))
}
