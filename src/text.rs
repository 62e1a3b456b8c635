//! Text from elsewhere, made fit to be shown.
//!
//! Names of devices, of other programs and of sets, notices in somebody else's log: whatever is printed may hold what a
//! terminal obeys or what turns the order of a line around. [`printable`] writes such characters as escapes. [`Printable`] does so
//! with all that passes it, so that no command can forget to.
//!
//! An escape has the form that JSON, TOML and people know: `\u001b`. So what was JSON is JSON afterwards.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The most bytes of a character of UTF-8.
const LONGEST: usize = 4;

/// `text` with each character as an escape that a terminal may obey or hide: control characters, line ends too, marks that
/// change the direction of writing, and what has no shape. Letters of all scripts stay, combining ones after their base.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// The same of a text of several lines: line ends stay.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_fit = |c: char| stays(c) || has_shape(c);
    if text.chars().all(is_fit) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_fit(c) { shown.push(c) } else { escape(c, &mut shown) }
    }
    Cow::Owned(shown)
}

/// Returns whether a terminal shows `c`, and does nothing else.
fn has_shape(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library knows what can be printed, and tells it by what it escapes; within a text, as combining
    // characters stand after another one.
    let mut bytes = [0; LONGEST + 1];
    bytes[0] = b'a';
    let length = c.encode_utf8(&mut bytes[1..]).len();
    let pair = std::str::from_utf8(&bytes[..=length]).unwrap_or_default();
    pair.escape_debug().count() == 2
}

fn escape(c: char, shown: &mut String) {
    match c {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a text does not fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    }
}

/// Passes text on as [`printable_lines`], whatever is written: a terminal gets only what it shows. Bytes that are not UTF-8
/// are replaced.
#[derive(Debug)]
pub struct Printable<W> {
    out: W,
    /// The beginning of a character whose rest is still to come.
    begun: Vec<u8>,
}

impl<W: Write> Printable<W> {
    /// Writes to `out`.
    pub const fn new(out: W) -> Printable<W> {
        Printable { out, begun: Vec::new() }
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let whole = self.begun.len() - unfinished(&self.begun);
        let text: Vec<u8> = self.begun.drain(..whole).collect();
        self.out.write_all(printable_lines(&String::from_utf8_lossy(&text)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Returns how many bytes at the end of `bytes` are the beginning of a character.
fn unfinished(bytes: &[u8]) -> usize {
    let is_begun = |length: &usize| {
        let tail = bytes.len().checked_sub(*length).and_then(|from| bytes.get(from..)).unwrap_or_default();
        std::str::from_utf8(tail).is_err_and(|wrong| wrong.valid_up_to() == 0 && wrong.error_len().is_none())
    };
    (1..LONGEST).find(is_begun).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_obeys_becomes_an_escape() {
        for (text, shown) in [
            ("\u{1b}[2J", "\\u001b[2J"),
            ("a\u{9b}31m", "a\\u009b31m"),
            ("bell\u{7}, del\u{7f}, nothing\0", "bell\\u0007, del\\u007f, nothing\\u0000"),
            ("two\nlines\r\tand more", "two\\nlines\\r\\tand more"),
            // Right to left, isolates, the end of a line, nothing at all, and a tag.
            ("\u{202e}gnp.exe", "\\u202egnp.exe"),
            ("\u{2066}\u{2028}\u{feff}\u{200b}", "\\u2066\\u2028\\ufeff\\u200b"),
            ("\u{e0041}", "\\udb40\\udc41"),
        ] {
            assert_eq!(printable(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_people_write_stays() {
        for text in ["", "Circuit \"A\" \\ `b`", "Größe, 中文, עברית", "u\u{308}ber", "♯♭▅·│"] {
            assert_eq!(printable(text), text);
        }
        assert_eq!(printable_lines("two\nlines\r"), "two\nlines\\r");
    }

    fn through(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut printable = Printable::new(&mut out);
        for piece in pieces {
            printable.write_all(piece).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn characters_that_come_in_pieces_are_put_together() {
        assert_eq!(through(&[b"\xc3", b"\xbc", b"\x1b[0m\n"]), "ü\\u001b[0m\n");
        assert_eq!(through(&[b"\xe2\x94", b"\x82"]), "│");
        assert_eq!(through(&[b"ab\xff\xc2", b"\x9b"]), "ab\u{fffd}\\u009b");
    }

    proptest! {
        #[test]
        fn nothing_but_line_ends_and_shapes_gets_through(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(0xc2), Just(0x9b), Just(0xe2)], 0..60),
            cuts in prop::collection::vec(0usize..60, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let shown = through(&pieces);
            prop_assert!(shown.chars().all(|c| c == '\n' || has_shape(c)), "{shown:?}");
            prop_assert_eq!(&shown, &through(&[&bytes]));
        }

        #[test]
        fn json_stays_json(text in any::<String>()) {
            let json = serde_json::to_string(&[&text]).unwrap();
            let back: Vec<String> = serde_json::from_str(&printable_lines(&json)).unwrap();
            prop_assert_eq!(back, [text]);
        }
    }
}
