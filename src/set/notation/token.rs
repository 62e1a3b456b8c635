//! The smallest written things of the step language, each with its place.

use std::ops::Range;

use super::is_space;
use crate::set::pitch;

/// The smallest written things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `.`
    Rest,
    /// `_`
    Hold,
    /// A note name with its octave.
    Note(pitch::Name),
    /// An ASCII letter that does not begin a note name.
    Letter(char),
    /// `:` and the digits right behind it.
    Velocity(Option<u32>),
    /// `=` and the digits right behind it.
    Gate(Option<u32>),
    /// `!`
    Accent,
    /// `~`
    Legato,
    /// Anything else, with the digits right behind it; for an opening bracket, all up to the closing one. Digits alone
    /// are under `0`.
    Unknown(char),
}

/// A token and the bytes of the text that hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: Kind,
    pub span: Range<usize>,
}

/// Cuts a line into tokens.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Tokens<'t> {
    /// The tokens of the bytes `line` of `text`.
    pub fn new(text: &'t str, line: Range<usize>) -> Tokens<'t> {
        Tokens { text, at: line.start, end: line.end }
    }

    /// Whether what comes next stands at the beginning of the text or behind white space.
    fn begins_word(&self) -> bool {
        self.text.get(..self.at).is_some_and(|before| before.chars().next_back().is_none_or(is_space))
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..self.end).unwrap_or_default()
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let spaces = self.rest().find(|c| !is_space(c))?;
        self.at += spaces;
        let rest = self.rest();
        let first = rest.chars().next()?;
        let behind = rest.get(first.len_utf8()..).unwrap_or_default();
        let digits = behind.bytes().take_while(u8::is_ascii_digit).count();
        // A number too long to read is out of any range.
        let number = || (digits > 0).then(|| behind[..digits].parse().unwrap_or(u32::MAX));
        let (kind, length) = match first {
            '.' => (Kind::Rest, 1),
            '_' => (Kind::Hold, 1),
            ':' => (Kind::Velocity(number()), 1 + digits),
            '=' => (Kind::Gate(number()), 1 + digits),
            '!' => (Kind::Accent, 1),
            '~' => (Kind::Legato, 1),
            '0'..='9' => (Kind::Unknown('0'), 1 + digits),
            letter if letter.is_ascii_alphabetic() => match pitch::scan(rest) {
                Some((name, length)) => (Kind::Note(name), length),
                None => (Kind::Letter(letter), 1),
            },
            '#' if self.begins_word() => (Kind::Unknown('#'), rest.trim_end_matches(is_space).len()),
            '(' => (Kind::Unknown('('), bracketed(rest, '(', ')')),
            '[' => (Kind::Unknown('['), bracketed(rest, '[', ']')),
            '{' => (Kind::Unknown('{'), bracketed(rest, '{', '}')),
            other => (Kind::Unknown(other), other.len_utf8() + digits),
        };
        let span = self.at..self.at + length;
        self.at = span.end;
        Some(Token { kind, span })
    }
}

/// The length of the bracketed part that `rest` begins with; of the bracket alone if it is not closed soon.
fn bracketed(rest: &str, open: char, close: char) -> usize {
    const SOON: usize = 100;
    let mut depth = 0;
    for (at, c) in rest.char_indices().take(SOON) {
        depth += i32::from(c == open) - i32::from(c == close);
        if depth == 0 {
            return at + c.len_utf8();
        }
    }
    open.len_utf8()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_cover_everything_but_the_space_between_them() {
        let text = "k_.x:70!=5~c#-12é#♯[a(]3?30";
        let mut end = 0;
        for token in Tokens::new(text, 0..text.len()) {
            assert_eq!(token.span.start, end);
            end = token.span.end;
        }
        assert_eq!(end, text.len());
    }
}
