//! Note names: what a performer writes for a key.
//!
//! A name is a letter from `a` to `g`, then `#` or `b` for a semitone up or down, then the octave: `c2`, `f#3`, `bb1`,
//! `c-1`. Makers of instruments do not agree on which octave middle C is in, so a set says what it calls it
//! ([`Octaves`]); everything else follows from that.

use crate::midi::Key;

/// What the set calls middle C (key 60), and so where its octaves are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Octaves {
    /// Middle C is `c3`, and `c2` is key 48.
    #[default]
    C3,
    /// Middle C is `c4`, and `c2` is key 36.
    C4,
}

impl Octaves {
    /// The octave number of middle C.
    #[must_use]
    pub fn of_middle_c(self) -> i32 {
        match self {
            Octaves::C3 => 3,
            Octaves::C4 => 4,
        }
    }

    /// The lowest and the highest key by name.
    #[must_use]
    pub fn ends(self) -> (&'static str, &'static str) {
        match self {
            Octaves::C3 => ("c-2", "g8"),
            Octaves::C4 => ("c-1", "g9"),
        }
    }
}

/// A note name as it is written, which may be off the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// Semitones above the C of its octave; -1 for `cb`, 12 for `b#`.
    semitone: i32,
    octave: i32,
}

impl Name {
    /// The key of this name; `None` where there is no such key.
    pub(crate) fn key(self, octaves: Octaves) -> Option<Key> {
        let number = 60 + 12 * (self.octave - octaves.of_middle_c()) + self.semitone;
        u8::try_from(number).ok().and_then(Key::new)
    }
}

/// The note name that `text` begins with, and how many bytes it takes; `None` unless its octave is there too.
///
/// Letters in upper case are read as well; whoever minds has to look. A `b` is a flat only between a letter and an octave,
/// so that `bb1` is B flat and `b1` is B.
pub(super) fn scan(text: &str) -> Option<(Name, usize)> {
    scan_octave(text, usize::MAX)
}

/// As [`scan`], but for chords, where after the octave may follow the number of a quality: the octave is one digit, so that
/// `c27` is a seventh chord on `c2`.
pub(super) fn scan_root(text: &str) -> Option<(Name, usize)> {
    scan_octave(text, 1)
}

fn scan_octave(text: &str, most_digits: usize) -> Option<(Name, usize)> {
    let bytes = text.as_bytes();
    let (semitone, octave_at) = scan_class(text)?;
    let sign = usize::from(bytes.get(octave_at) == Some(&b'-'));
    let behind = bytes.iter().skip(octave_at + sign);
    let digits = behind.take(most_digits).take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let end = octave_at + sign + digits;
    // Far off the keyboard it does not matter how far.
    let octave = text[octave_at..end].parse().unwrap_or(99).clamp(-99, 99);
    Some((Name { semitone, octave }, end))
}

/// The letter with its sharp or flat that `text` begins with, in semitones above C (-1 for `cb`, 12 for `b#`), and how many
/// bytes it takes.
pub(super) fn scan_class(text: &str) -> Option<(i32, usize)> {
    let bytes = text.as_bytes();
    let natural = match bytes.first()?.to_ascii_lowercase() {
        b'c' => 0,
        b'd' => 2,
        b'e' => 4,
        b'f' => 5,
        b'g' => 7,
        b'a' => 9,
        b'b' => 11,
        _ => return None,
    };
    Some(match bytes.get(1) {
        Some(b'#') => (natural + 1, 2),
        Some(b'b') => (natural - 1, 2),
        _ => (natural, 1),
    })
}

/// The key that the whole of `text` names, or what is wrong with it in the words of a label.
///
/// # Errors
///
/// The reason, as a label for the place where it is written.
pub fn key(text: &str, octaves: Octaves) -> Result<Key, String> {
    match scan(text) {
        Some((name, length)) if length == text.len() => match name.key(octaves) {
            Some(_) if text.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Err(format!("note names are in lower case: `{}`", text.to_ascii_lowercase()))
            }
            Some(key) => Ok(key),
            None => Err(off_the_keyboard(octaves)),
        },
        _ if is_without_octave(text) => Err(format!("the octave is missing, as in `{text}2`")),
        _ => Err("this is not a note name".to_owned()),
    }
}

/// Returns whether `text` is a note name that lacks only its octave.
pub(super) fn is_without_octave(text: &str) -> bool {
    let mut rest = text.chars();
    matches!(rest.next(), Some('a'..='g')) && matches!(rest.as_str(), "" | "#" | "b")
}

/// Why a note name that is spelled right has no key.
pub(super) fn off_the_keyboard(octaves: Octaves) -> String {
    let (lowest, highest) = octaves.ends();
    format!("there is no such key: the lowest is `{lowest}`, the highest `{highest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, octaves: Octaves) -> Option<u8> {
        key(text, octaves).ok().map(Key::number)
    }

    #[test]
    fn middle_c_is_what_the_set_calls_it() {
        assert_eq!(number("c3", Octaves::C3), Some(60));
        assert_eq!(number("c4", Octaves::C4), Some(60));
        assert_eq!(number("c2", Octaves::C3), Some(48));
        assert_eq!(number("c2", Octaves::C4), Some(36));
    }

    #[test]
    fn the_keyboard_ends_where_it_is_said_to_end() {
        for octaves in [Octaves::C3, Octaves::C4] {
            let (lowest, highest) = octaves.ends();
            assert_eq!(number(lowest, octaves), Some(0));
            assert_eq!(number(highest, octaves), Some(127));
        }
        assert_eq!(number("g#8", Octaves::C3), None);
        assert_eq!(number("cb-2", Octaves::C3), None);
        assert_eq!(number("c99999999999", Octaves::C3), None);
        assert_eq!(number("c-99999999999", Octaves::C3), None);
    }

    #[test]
    fn sharps_and_flats() {
        assert_eq!(number("f#3", Octaves::C3), Some(66));
        assert_eq!(number("bb1", Octaves::C3), Some(46));
        assert_eq!(number("b1", Octaves::C3), Some(47));
        assert_eq!(number("ab1", Octaves::C3), Some(44));
        assert_eq!(number("cb3", Octaves::C3), Some(59));
        assert_eq!(number("b#2", Octaves::C3), Some(60));
        assert_eq!(number("g-1", Octaves::C3), Some(19));
    }

    #[test]
    fn every_key_has_a_name_that_comes_back() {
        const NAMES: [&str; 12] = ["c", "c#", "d", "eb", "e", "f", "f#", "g", "ab", "a", "bb", "b"];
        for octaves in [Octaves::C3, Octaves::C4] {
            for key in 0..128u8 {
                let octave = i32::from(key) / 12 - 5 + octaves.of_middle_c();
                let name = format!("{}{octave}", NAMES[usize::from(key % 12)]);
                assert_eq!(number(&name, octaves), Some(key), "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_a_note_name() {
        assert!(key("c", Octaves::C3).unwrap_err().contains("`c2`"));
        assert!(key("f#", Octaves::C3).unwrap_err().contains("`f#2`"));
        assert!(key("C2", Octaves::C3).unwrap_err().contains("`c2`"));
        for text in ["", "h2", "2", "c2 ", " c2", "c2d3", "c##2", "c--1", "cä", "ä", "c- 1"] {
            assert!(key(text, Octaves::C3).is_err(), "{text}");
        }
        assert_eq!(scan("c2d3").map(|(_, length)| length), Some(2));
        assert_eq!(scan("bbb1"), None);
    }
}
