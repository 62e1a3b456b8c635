//! Notes as other people write them, where they mean nothing here: with German, Dutch, French or Italian names, with the signs of
//! printed music, the sharp before the letter or after the octave, a chord without its brackets. Each is one mistake, whose help
//! is how it is written.

use super::chord::qualities;
use super::is_space;
use super::parser::Parser;
use crate::set::diagnostic::{Diagnostic, listed, quoted};
use crate::set::pitch;

/// How long a word is that is looked at, in characters.
const LONGEST: usize = 24;

/// The octave that stands in where none is written.
const OCTAVE: &str = "2";

/// Names of notes in other languages. Those that are the letters here, as `b` in German, cannot be told apart.
const NAMES: &[(&str, &str)] = &[
    ("cis", "c#"),
    ("dis", "d#"),
    ("eis", "f"),
    ("fis", "f#"),
    ("gis", "g#"),
    ("ais", "a#"),
    ("his", "b#"),
    ("ces", "cb"),
    ("des", "db"),
    ("ees", "eb"),
    ("es", "eb"),
    ("fes", "e"),
    ("ges", "gb"),
    ("aes", "ab"),
    ("as", "ab"),
    ("bes", "bb"),
    ("hes", "bb"),
    ("h", "b"),
    ("do", "c"),
    ("ut", "c"),
    ("re", "d"),
    ("ré", "d"),
    ("mi", "e"),
    ("fa", "f"),
    ("sol", "g"),
    ("la", "a"),
    ("si", "b"),
    ("ti", "b"),
];

/// How notes with two sharps or flats are called otherwise.
const DOUBLE: &[(&str, &str)] = &[
    ("c##", "d"),
    ("d##", "e"),
    ("e##", "f#"),
    ("f##", "g"),
    ("g##", "a"),
    ("a##", "b"),
    ("b##", "c#"),
    ("cbb", "bb"),
    ("dbb", "c"),
    ("ebb", "d"),
    ("fbb", "eb"),
    ("gbb", "f"),
    ("abb", "g"),
    ("bbb", "a"),
];

/// A note that is written otherwise.
#[derive(Debug, PartialEq, Eq)]
struct Slip {
    label: &'static str,
    /// How it is written here.
    right: String,
}

/// Returns what `word` is meant to be, if it is nothing here.
fn slip(word: &str) -> Option<Slip> {
    let lower = word.to_lowercase().replace('♯', "#").replace('♭', "b").replace('♮', "");
    let digits = |text: &str| text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    let say = |label: &'static str, right: String| Some(Slip { label, right });
    // The octave that is written, or the one that stands in.
    let octave = |text: &str| match text {
        "" => Some(OCTAVE.to_owned()),
        text if text != "-" && digits(text) => Some(text.to_owned()),
        _ => None,
    };
    if matches!(lower.trim_end_matches(|c: char| c.is_ascii_digit()), "r" | "z" | "rest" | "pause") {
        return say("expected a note or a rest", ".".to_owned());
    }
    // The sign before the letter; a flat that is a letter would be a note.
    let signed = |sign: char| match sign {
        '#' | '^' => Some("#"),
        '♭' => Some("b"),
        _ => None,
    };
    let mut letters = word.chars();
    if let Some(sign) = letters.next().map(|sign| if sign == '♯' { '#' } else { sign }).and_then(signed) {
        let rest = letters.as_str().to_lowercase();
        let after = rest.strip_prefix(|c: char| matches!(c, 'a'..='g'))?;
        return say("the sign stands after the letter", format!("{}{sign}{}", &rest[..1], octave(after)?));
    }
    if let Some((name, right)) = DOUBLE.iter().find(|(name, _)| lower.starts_with(name))
        && let Some(octave) = octave(&lower[name.len()..])
    {
        return say("a note has one sharp or one flat", format!("{right}{octave}"));
    }
    for (name, right) in NAMES {
        // An `h` alone is rather a drum.
        let Some(after) = lower.strip_prefix(name).filter(|after| *name != "h" || !after.is_empty()) else { continue };
        let (sign, after) = match after.strip_prefix('#') {
            Some(after) => ("#", after),
            None => ("", after),
        };
        if let Some(octave) = octave(after) {
            return say("notes have the English letters", format!("{right}{sign}{octave}"));
        }
    }
    let (_, class) = pitch::scan_class(&lower)?;
    let (name, after) = lower.split_at(class);
    if word.contains(['♯', '♭', '♮'])
        && let Some(octave) = octave(after)
    {
        return say("a sharp is written `#`, a flat `b`", format!("{name}{octave}"));
    }
    if class == 1 {
        // As in `c2#` and `c#'`.
        let behind = after.trim_end_matches(['#', 'b']);
        if after.len() == behind.len() + 1 && !behind.is_empty() && behind != "-" && digits(behind) {
            return say("the sign stands right after the letter", format!("{name}{}{behind}", &after[behind.len()..]));
        }
    }
    let marks = after.trim_end_matches(['\'', ',']);
    if marks.is_empty() && !after.is_empty() {
        return say("an octave is a number", format!("{name}{OCTAVE}"));
    }
    chord(word, &lower)
}

/// A chord without its brackets, as `c2m7`, or without its octave as well, as `Am7`.
fn chord(word: &str, lower: &str) -> Option<Slip> {
    let say = |right: String| Some(Slip { label: "a chord stands in brackets", right });
    let (_, class) = pitch::scan_class(lower)?;
    let is_quality = |text: &str| qualities().any(|quality| quality == text);
    // A number alone is rather a wrong octave.
    let has_letter = |text: &&str| text.contains(|c: char| c.is_ascii_alphabetic());
    if let Some((_, length)) = pitch::scan_root(lower) {
        let quality = word.get(length..).filter(has_letter).filter(|quality| is_quality(quality))?;
        return say(format!("[{}{quality}]", &lower[..length]));
    }
    // A letter of its own may be the track's note.
    let quality = word.get(class..).filter(|quality| has_letter(quality) && is_quality(quality))?;
    say(format!("[{}{OCTAVE}{quality}]", &lower[..class]))
}

impl Parser<'_, '_> {
    /// Goes over a note that is written as it is elsewhere, or that lacks its octave, and reports it. Whether there was one.
    pub(crate) fn slip(&mut self) -> bool {
        let start = self.at;
        let Some(word) = word(self.rest()) else { return false };
        if without_octave(word) {
            let span = start..start + word.len();
            self.at = span.end;
            if !std::mem::replace(&mut self.octaves_missed, true) {
                // Once is enough for all of the line.
                let mut names: Vec<&str> = vec![word];
                let words = self.rest().split(|c| is_space(c) || "<>[](){}".contains(c));
                for other in words.filter(|other| without_octave(other)) {
                    if names.len() < 4 && !names.contains(&other) {
                        names.push(other);
                    }
                }
                self.mistake(span, || lacks_octave(&names));
            }
            return true;
        }
        let Some(Slip { label, right }) = slip(word) else { return false };
        let span = start..start + word.len();
        self.at = span.end;
        // Once is enough in a line.
        if self.slipped.contains(&word) {
            return true;
        }
        if self.slipped.len() < 64 {
            self.slipped.push(word);
        }
        self.mistake(span, || {
            let help = match right.as_str() {
                "." => "a rest is `.`, one for each step".to_owned(),
                right => format!("write `{right}`"),
            };
            Diagnostic::new(format!("{} is not a note", quoted(word))).label(label).help(help)
        });
        true
    }
}

/// The word that `text` begins with, if it is short.
fn word(text: &str) -> Option<&str> {
    let belongs = |c: char| c.is_alphanumeric() || "#♯♭♮^'-".contains(c);
    // No farther, for this is asked at each step.
    let end = text.char_indices().take(LONGEST + 1).find(|&(_, c)| !belongs(c)).map(|(end, _)| end);
    let (word, after) = match end {
        Some(end) => text.split_at(end),
        None if text.chars().nth(LONGEST).is_none() => (text, ""),
        None => return None,
    };
    // What has a bracket right after it is a rhythm or a group.
    (!word.is_empty() && !after.starts_with('(')).then_some(word)
}

/// Returns whether `word` is the name of a note that lacks only its octave, in either case.
fn without_octave(word: &str) -> bool {
    pitch::is_without_octave(&word.to_ascii_lowercase())
}

fn lacks_octave(names: &[&str]) -> Diagnostic {
    let right: Vec<String> = names.iter().map(|name| format!("{}{OCTAVE}", name.to_ascii_lowercase())).collect();
    let lacks = if names.len() == 1 { "lacks its octave" } else { "lack their octave" };
    Diagnostic::new(format!("{} {lacks}", listed(names.iter().copied()))).label("which octave?").help(format!(
        "a note is written with its octave right after it, for example {}",
        listed(right.iter().map(String::as_str))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_of_elsewhere_are_told() {
        for (word, right) in [
            ("cis2", "c#2"),
            ("es2", "eb2"),
            ("As1", "ab1"),
            ("H2", "b2"),
            ("sol3", "g3"),
            ("do", "c2"),
            ("Do#3", "c#3"),
            ("c♯2", "c#2"),
            ("E♭", "eb2"),
            ("f♮2", "f2"),
            ("#f2", "f#2"),
            ("♭e2", "eb2"),
            ("^c", "c#2"),
            ("c2#", "c#2"),
            ("c2b", "cb2"),
            ("c##2", "d2"),
            ("bbb1", "a1"),
            ("c'", "c2"),
            ("c2m7", "[c2m7]"),
            ("eb2maj7", "[eb2maj7]"),
            ("Am7", "[a2m7]"),
            ("F#m", "[f#2m]"),
            ("r4", "."),
        ] {
            assert_eq!(slip(word).map(|slip| slip.right).as_deref(), Some(right), "{word}");
        }
        for word in ["c2", "c2d3", "c2b1", "c2x", "x", "1", "b7", "c27", "c-1", "q", "c2e", "h"] {
            assert_eq!(slip(word), None, "{word}");
        }
    }
}
