//! Chords: several notes in square brackets, or a note with a quality, as in `[c2m7]`.
//!
//! Within the brackets the octave of a note is one digit, so that what is right after it can be a quality: `[c27]` is a
//! seventh chord on `c2`, while `[c2 7]` is `c2` and degree 7. Modifiers stand after the bracket and are of the whole step.

use super::is_space;
use super::parser::{Parser, not_closed};
use super::tree::{Node, Tone};
use crate::midi::Key;
use crate::set::diagnostic::{Diagnostic, nearest, quoted};
use crate::set::pitch;

/// The most keys of a chord: more than two hands have fingers.
const MAX_TONES: usize = 16;
/// How long a quality may be that is looked up, in bytes.
const LONGEST_QUALITY: usize = 12;

/// The qualities with their semitones above the root.
const QUALITIES: &[(&str, &[u8])] = &[
    ("maj", &[0, 4, 7]),
    ("M", &[0, 4, 7]),
    ("m", &[0, 3, 7]),
    ("min", &[0, 3, 7]),
    ("5", &[0, 7]),
    ("6", &[0, 4, 7, 9]),
    ("m6", &[0, 3, 7, 9]),
    ("69", &[0, 4, 7, 9, 14]),
    ("7", &[0, 4, 7, 10]),
    ("maj7", &[0, 4, 7, 11]),
    ("M7", &[0, 4, 7, 11]),
    ("m7", &[0, 3, 7, 10]),
    ("min7", &[0, 3, 7, 10]),
    ("mmaj7", &[0, 3, 7, 11]),
    ("mM7", &[0, 3, 7, 11]),
    ("7b5", &[0, 4, 6, 10]),
    ("7#5", &[0, 4, 8, 10]),
    ("7b9", &[0, 4, 7, 10, 13]),
    ("7#9", &[0, 4, 7, 10, 15]),
    ("9", &[0, 4, 7, 10, 14]),
    ("maj9", &[0, 4, 7, 11, 14]),
    ("M9", &[0, 4, 7, 11, 14]),
    ("m9", &[0, 3, 7, 10, 14]),
    ("min9", &[0, 3, 7, 10, 14]),
    ("add9", &[0, 4, 7, 14]),
    ("madd9", &[0, 3, 7, 14]),
    ("11", &[0, 4, 7, 10, 14, 17]),
    ("m11", &[0, 3, 7, 10, 14, 17]),
    ("13", &[0, 4, 7, 10, 14, 21]),
    ("m13", &[0, 3, 7, 10, 14, 21]),
    ("dim", &[0, 3, 6]),
    ("dim7", &[0, 3, 6, 9]),
    ("m7b5", &[0, 3, 6, 10]),
    ("aug", &[0, 4, 8]),
    ("aug7", &[0, 4, 8, 10]),
    ("sus2", &[0, 2, 7]),
    ("sus4", &[0, 5, 7]),
    ("sus", &[0, 5, 7]),
    ("7sus4", &[0, 5, 7, 10]),
    ("7sus2", &[0, 2, 7, 10]),
    ("9sus4", &[0, 5, 7, 10, 14]),
];

/// The names of all qualities.
pub(in crate::set) fn qualities() -> impl Iterator<Item = &'static str> + Clone {
    QUALITIES.iter().map(|&(name, _)| name)
}

impl Parser<'_, '_> {
    /// Reads a chord; its bracket comes next. `None` for a mistake, which is reported: one for a chord.
    pub(crate) fn chord(&mut self) -> Option<Node> {
        let start = self.at;
        self.at += 1;
        let mut tones: Vec<Tone> = Vec::new();
        let muted = self.muted;
        let mut wrong = false;
        let closed = loop {
            self.skip_space();
            match self.peek() {
                Some(']') => {
                    self.at += 1;
                    break true;
                }
                None | Some(')') => break false,
                Some(c) => {
                    let right = self.member(c, &mut tones);
                    wrong |= !right;
                    self.muted |= !right;
                }
            }
        };
        self.muted = muted;
        if !closed {
            if !wrong {
                let ends = self.peek().is_none();
                self.mistake(start..start + 1, || not_closed("[", ']', ends, "for example `[c2 e2 g2]`"));
            }
            self.missed.add(']');
            return None;
        }
        if wrong {
            return None;
        }
        let span = start..self.at;
        if tones.is_empty() || tones.len() > MAX_TONES {
            let empty = tones.is_empty();
            self.mistake(span, || match empty {
                true => Diagnostic::new("the chord is empty")
                    .label("expected at least one note")
                    .help("for example `[c2 e2 g2]` or `[c2m7]`; a rest is `.`"),
                false => Diagnostic::new("the chord has too many notes")
                    .label(format!("at most {MAX_TONES} sound at once"))
                    .help("write the others in another line"),
            });
            return None;
        }
        Some(Node::Chord(tones))
    }

    /// Reads what begins with `c` in a chord, and says whether it is right; if not, that is reported.
    fn member(&mut self, c: char, tones: &mut Vec<Tone>) -> bool {
        let start = self.at;
        if let Some(why) = no_member(c) {
            self.at += 1;
            // What closes it belongs to the same mistake.
            match c {
                '[' => self.missed.add(']'),
                '(' => self.missed.add(')'),
                _ => {}
            }
            // With the number that belongs to it.
            self.at += self.digits_ahead();
            let span = start..self.at;
            let sign = self.written(&span);
            self.mistake(span, || {
                Diagnostic::new(format!("{} cannot stand within a chord", quoted(sign)))
                    .label("a chord is made of notes that begin together")
                    .help(why)
            });
            return false;
        }
        let root = if self.voice.kit.is_none() { pitch::scan_root(self.rest()) } else { None };
        if let Some((name, length)) = root {
            let Some(root) = self.note(name, length) else {
                self.skip_wrong();
                return false;
            };
            return self.quality(root, start, tones);
        }
        let tone = if c.is_ascii_digit() { self.degree() } else { self.tone_or_unknown(c) };
        add(tones, tone);
        tone.is_some()
    }

    /// Reads what is right after the octave of `root`, which is written from `start` on: perhaps a quality.
    fn quality(&mut self, root: Tone, start: usize, tones: &mut Vec<Tone>) -> bool {
        let rest = self.rest();
        let word = |rest: &str| rest.find(|c: char| is_space(c) || c == ']').unwrap_or(rest.len());
        let bounded = rest.char_indices().nth(LONGEST_QUALITY + 1).map_or(rest, |(end, _)| &rest[..end]);
        let name = &bounded[..word(bounded)];
        let quality = QUALITIES.iter().find(|(known, _)| *known == name).map(|&(_, semitones)| semitones);
        if let Some(semitones) = quality {
            self.at += name.len();
            for &semitone in semitones {
                let key = u8::try_from(i32::from(root.key.number()) + i32::from(semitone)).ok().and_then(Key::new);
                if key.is_none() {
                    self.off_the_keyboard(start..self.at);
                    return false;
                }
                add(tones, key.map(|key| Tone { key, ..root }));
            }
            return true;
        }
        let other = name.chars().next().is_none_or(|c| no_member(c).is_some() || c == ')');
        if other || pitch::scan_root(name).is_some() {
            add(tones, Some(root));
            return true;
        }
        let span = self.at..self.at + name.len();
        self.at = span.end;
        self.mistake(span, || unknown_quality(name));
        false
    }
}

/// Why what begins with `c` is no note of a chord; `None` if it may be one.
fn no_member(c: char) -> Option<&'static str> {
    Some(match c {
        ':' | '!' | '?' | '*' | '=' | '~' | '/' | '{' => {
            "what changes a chord stands after its bracket, as in `[c2 e2 g2]:70`"
        }
        '.' | '_' => "a rest or a hold is a step of its own, after the chord",
        '<' | '>' => "a choice may be of chords, as in `<[c2 e2] [d2 f2]>`, and early or late is the whole chord",
        '[' | '(' => "a chord has one pair of brackets",
        '}' => "a chord is closed by `]`",
        ',' | ';' => "the notes of a chord stand apart by white space",
        _ => return None,
    })
}

/// Adds a note, unless its key is there.
fn add(tones: &mut Vec<Tone>, tone: Option<Tone>) {
    if let Some(tone) = tone {
        if let Some(other) = tones.iter_mut().find(|other| other.key == tone.key) {
            other.accent |= tone.accent;
        } else if tones.len() <= MAX_TONES {
            // One too many is enough to know that there are too many.
            tones.push(tone);
        }
    }
}

fn unknown_quality(name: &str) -> Diagnostic {
    let help = match nearest(name, qualities()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "for example `[c2m7]`, `[c2maj7]` or `[c2sus4]`; the octave of a chord's note is one digit".to_owned(),
    };
    Diagnostic::new(format!("there is no chord {}", quoted(name))).label("not a quality of a chord").help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_rise_from_the_root_and_are_not_note_names() {
        for (name, semitones) in QUALITIES {
            assert_eq!(semitones[0], 0, "{name}");
            assert!(semitones.is_sorted() && semitones.len() <= MAX_TONES, "{name}");
            assert!(name.len() <= LONGEST_QUALITY && pitch::scan_root(name).is_none(), "{name}");
            assert_eq!(QUALITIES.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
    }
}
