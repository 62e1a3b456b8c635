//! What steps play: note names, letters, degrees; and what is wrong with them in a performer's words.

use std::ops::Range;

use super::parser::{Parser, unknown_sign};
use super::tree::Tone;
use super::{Kit, is_space};
use crate::midi::Key;
use crate::set::diagnostic::{Diagnostic, listed, quoted};
use crate::set::keys;
use crate::set::pitch;

impl Parser<'_, '_> {
    /// The note, letter or unknown sign that begins with `c`. `None` for a mistake, which is reported.
    pub(crate) fn tone_or_unknown(&mut self, c: char) -> Option<Tone> {
        if self.voice.kit.is_none() && self.slip() {
            return None;
        }
        let tone = match pitch::scan(self.rest()) {
            Some((name, length)) => self.note(name, length),
            None if c.is_ascii_alphabetic() => self.letter(c),
            None => self.unknown(c),
        };
        if tone.is_none() {
            self.skip_wrong();
        }
        tone
    }

    /// The note called `name`, which takes `length` bytes.
    pub(crate) fn note(&mut self, name: pitch::Name, length: usize) -> Option<Tone> {
        let span = self.at..self.at + length;
        self.at = span.end;
        let written = self.written(&span);
        let voice = self.voice;
        if let Some(kit) = voice.kit {
            self.mistake(span, || {
                Diagnostic::new(format!("note names are not read on {}, which has a kit", quoted(voice.track)))
                    .label("a note name")
                    .help(format!("write a letter of the kit ({}), or use a track without a kit", letters(kit)))
                    .also(kit.span.clone(), "the kit")
            });
            return None;
        }
        if written.starts_with(|c: char| c.is_ascii_uppercase()) {
            let lower = written.to_ascii_lowercase();
            self.mistake(span, || {
                Diagnostic::new("note names are in lower case")
                    .label("a letter in upper case")
                    .help(format!("write `{lower}`, or `{lower}!` for an accent"))
            });
            return None;
        }
        let key = name.key(voice.octaves);
        if key.is_none() {
            self.off_the_keyboard(span);
        }
        key.map(|key| Tone { key, accent: false })
    }

    /// Reports that what is written in `span` has no key.
    pub(crate) fn off_the_keyboard(&mut self, span: Range<usize>) {
        let (written, octaves) = (self.written(&span), self.voice.octaves);
        self.mistake(span, || {
            Diagnostic::new(format!("{} is not on the keyboard", quoted(written)))
                .label(pitch::off_the_keyboard(octaves))
        });
    }

    /// `x`, or a letter of the kit.
    fn letter(&mut self, letter: char) -> Option<Tone> {
        let span = self.at..self.at + 1;
        self.at = span.end;
        let voice = self.voice;
        let accent = letter.is_ascii_uppercase();
        let lower = letter.to_ascii_lowercase();
        if lower == 'x' {
            return self.own_note(span).map(|key| Tone { key, accent });
        }
        match voice.kit {
            Some(kit) => {
                let key = kit.get(lower);
                if key.is_none() && self.first_of(lower) {
                    self.mistake(span, || {
                        Diagnostic::new(format!("the kit of {} has no drum `{lower}`", quoted(voice.track)))
                            .label("not in the kit")
                            .help(format!("the letters of the kit are {}", letters(kit)))
                            .also(kit.span.clone(), "the kit")
                    });
                }
                key.map(|key| Tone { key, accent })
            }
            None => {
                if self.first_of(lower) {
                    let behind = self.peek();
                    self.mistake(span, || not_a_note(letter, behind, voice.track));
                }
                None
            }
        }
    }

    /// Returns what `x` and rhythms without a head play: the track's note, or without one the first drum of its kit. It is written
    /// in `span`.
    pub(crate) fn own_note(&mut self, span: Range<usize>) -> Option<Key> {
        let voice = self.voice;
        let key = voice.note.or_else(|| voice.kit.and_then(Kit::first));
        if key.is_none() && self.first_of('x') {
            let written = self.written(&span);
            self.mistake(span, || {
                let or =
                    if written.starts_with('e') { ", or write one before the rhythm, as in `c2 e(3,8)`" } else { "" };
                Diagnostic::new(format!(
                    "the track {} has no note for {} to play",
                    quoted(voice.track),
                    quoted(written)
                ))
                .label("which note?")
                .help(format!("give the track one, for example `{}`{or}", keys::track::NOTE.example))
            });
        }
        key
    }

    /// A degree of the scale, one digit, with `'` for an octave up and `,` for one down, as many as one likes.
    pub(crate) fn degree(&mut self) -> Option<Tone> {
        let voice = self.voice;
        let start = self.at;
        let digit = self.rest().bytes().next().map_or(0, |digit| u32::from(digit.wrapping_sub(b'0')));
        let Some(scale) = voice.scale.filter(|_| voice.kit.is_none()) else {
            // All digits: `70` is rather one number in the wrong place than two degrees.
            self.at += self.digits_ahead();
            let written = self.written(&(start..self.at));
            // As in `<c2>20 d2>`: what was meant to be late has closed the choice.
            let late = self.written(&(0..start)).ends_with('>');
            if late {
                self.missed.add('>');
                self.mistake(start - 1..self.at, || late_in_choice(written));
            } else if self.first_of('0') {
                self.mistake(start..self.at, || no_degrees(written, voice.track, voice.kit));
            }
            self.skip_wrong();
            return None;
        };
        self.at += 1;
        let marks = self.rest();
        let length = marks.bytes().take_while(|&byte| byte == b'\'' || byte == b',').count();
        self.at += length;
        let marks = marks.get(..length).unwrap_or_default().bytes();
        let octaves = marks.fold(0i32, |octaves, mark| octaves.saturating_add(if mark == b'\'' { 1 } else { -1 }));
        let span = start..self.at;
        if digit == 0 || digit > scale.degrees() {
            self.mistake(start..start + 1, || {
                Diagnostic::new(format!("the scale has no degree `{digit}`"))
                    .label(format!("its degrees are 1 to {}", scale.degrees()))
                    .help(match digit {
                        0 => "degree 1 is the tonic; a rest is `.`, and numbers stand right after their sign, as in `:70`",
                        _ => "degree 1 an octave higher is `1'`",
                    })
            });
            return None;
        }
        let key = scale.key(digit, octaves);
        if key.is_none() {
            self.off_the_keyboard(span);
        }
        key.map(|key| Tone { key, accent: false })
    }

    fn unknown(&mut self, sign: char) -> Option<Tone> {
        let start = self.at;
        let rest = self.rest();
        let begins_word = self.written(&(0..start)).chars().next_back().is_none_or(is_space);
        self.at += match sign {
            '#' if begins_word && !rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => {
                rest.trim_end_matches(is_space).len()
            }
            _ => sign.len_utf8() + rest.bytes().skip(sign.len_utf8()).take_while(u8::is_ascii_digit).count(),
        };
        if self.first_of(sign) {
            let written = self.written(&(start..self.at));
            self.mistake(start..self.at, || unknown_sign(sign, written));
        }
        None
    }
}

/// The letters of a kit in a sentence.
fn letters(kit: &Kit) -> String {
    let letters: Vec<String> = ('a'..='z').filter(|&letter| kit.get(letter).is_some()).map(String::from).collect();
    if letters.len() > 8 { letters.join(" ") } else { listed(letters.iter().map(String::as_str)) }
}

/// The message for `>20` within a choice.
fn late_in_choice(number: &str) -> Diagnostic {
    Diagnostic::new(format!("{} does not fit here", quoted(&format!(">{number}"))))
        .label("`>` has closed the choice")
        .help(format!("a choice is late as a whole, with one more sign after it: `<c2 g2>>{number}`"))
}

/// The message for digits where there are no degrees.
fn no_degrees(written: &str, track: &str, kit: Option<&Kit>) -> Diagnostic {
    let not_alone = "numbers stand right after their sign, as in `:70`";
    match kit {
        Some(kit) => Diagnostic::new(format!("degrees are not read on {}, which has a kit", quoted(track)))
            .label("a number")
            .help(format!("write a letter of the kit ({}); {not_alone}", letters(kit)))
            .also(kit.span.clone(), "the kit"),
        None => Diagnostic::new(format!("{} is a degree, and the set has no scale", quoted(written)))
            .label("a degree of which scale?")
            .help(format!("add `{}` at the top of the file; other {not_alone}", keys::set::SCALE.example)),
    }
}

/// The message for a letter that begins no note name; `after` is the character after it.
fn not_a_note(letter: char, behind: Option<char>, track: &str) -> Diagnostic {
    let lower = letter.to_ascii_lowercase();
    if behind == Some('(') {
        return Diagnostic::new(format!("`{letter}(` is not known in steps"))
            .label("not known")
            .help("a rhythm is `e(3,8)`, a group `3(c2 . .)`");
    }
    if pitch::is_without_octave(&lower.to_string()) {
        let (sign, hint) = match behind {
            Some('#') => ("#", ""),
            Some('♯') => ("#", ", with `#` for a sharp"),
            Some('♭') => ("b", ", with `b` for a flat"),
            _ => ("", ""),
        };
        return Diagnostic::new(format!("`{letter}{sign}` lacks its octave"))
            .label("which octave?")
            .help(format!("a note is written with its octave right after it{hint}, for example `{lower}{sign}2`"));
    }
    let mistake = Diagnostic::new(format!("`{letter}` is not a note")).label("not known");
    if lower == 'h' {
        return mistake.help(format!("B natural is written `b`; for drums give the track {} a kit", quoted(track)));
    }
    mistake.help(format!(
        "notes are `c2`, `f#3` and so on; for drums give the track {} a kit, for example `{}`",
        quoted(track),
        keys::track::KIT.example
    ))
}
