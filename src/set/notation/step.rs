//! From tokens to steps: heads with their modifiers, and what is wrong with them in a performer's words.

use std::ops::Range;

use super::token::{Kind, Token, Tokens};
use super::{GATES, Kit, Voice};
use crate::midi::{Key, Velocity};
use crate::set::keys;
use crate::set::mistake::{Mistake, Report, listed, quoted};
use crate::set::pitch;
use crate::set::reader::Text;

/// What steps are, for those who wrote something else.
const STEPS: &str =
    "steps are `.` `_` `x`, letters of the kit or notes such as `c2`; behind a note may follow `:70` `!` `=50` `~`";

/// One step as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::set) struct Step {
    pub head: Head,
    /// The bytes of the text that hold its head.
    pub span: Range<usize>,
    pub accent: bool,
    pub velocity: Option<Velocity>,
    /// In per cent of the step, 1 to 400.
    pub gate: Option<u32>,
    pub legato: bool,
    /// Where its first modifier is.
    pub modified: Option<Range<usize>>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) enum Head {
    /// Nothing.
    Rest,
    /// The step before goes on.
    Hold,
    /// A key sounds.
    Play(Key),
}

/// Reads the steps of one line of `text`.
pub(in crate::set) fn steps(text: &Text<'_>, line: Range<usize>, voice: Voice<'_>, report: &mut Report) -> Vec<Step> {
    let mut parser = Parser { text, voice, report, steps: Vec::new(), unknown: Vec::new(), wrong_to: None };
    let mut in_step = false;
    for token in Tokens::new(text.text, line) {
        in_step = parser.token(token, in_step);
    }
    parser.steps
}

/// Builds steps from tokens.
struct Parser<'p, 't> {
    text: &'p Text<'t>,
    voice: Voice<'p>,
    report: &'p mut Report,
    steps: Vec<Step>,
    /// What was reported as unknown in this line: once is enough.
    unknown: Vec<char>,
    /// Where the last wrong token ends. What is right behind it belongs to the same mistake.
    wrong_to: Option<usize>,
}

impl<'t> Parser<'_, 't> {
    /// Takes the next token. `in_step` says whether a modifier may follow, and so does the answer.
    fn token(&mut self, token: Token, in_step: bool) -> bool {
        if matches!(token.kind, Kind::Unknown(_)) && self.wrong_to == Some(token.span.start) {
            self.wrong_to = Some(token.span.end);
            return false;
        }
        let head = match token.kind {
            Kind::Rest => Some((Head::Rest, false)),
            Kind::Hold => Some((Head::Hold, false)),
            Kind::Note(name) => self.note(name, &token),
            Kind::Letter(letter) => self.letter(letter, &token),
            Kind::Velocity(_) | Kind::Gate(_) | Kind::Accent | Kind::Legato => {
                self.modifier(&token, in_step);
                return in_step;
            }
            Kind::Unknown(sign) => self.unknown_sign(sign, &token),
        };
        // After a mistake the row goes on with a note in the place of the wrong step, so that nothing follows from it.
        let known = head.is_some();
        self.wrong_to = if known { None } else { Some(token.span.end) };
        let (head, accent) = head.unwrap_or((Head::Play(Key::from_data(0)), false));
        let span = token.span;
        self.steps.push(Step { head, span, accent, velocity: None, gate: None, legato: false, modified: None });
        known
    }

    fn mistake(&mut self, span: Range<usize>, make: impl FnOnce() -> Mistake) {
        self.report.add(self.text.place(span), make);
    }

    fn note(&mut self, name: pitch::Name, token: &Token) -> Option<(Head, bool)> {
        let written = self.written(token);
        let voice = self.voice;
        if let Some(kit) = voice.kit {
            self.mistake(token.span.clone(), || {
                Mistake::new(format!("note names are not read on {}, which has a kit", quoted(voice.track)))
                    .label("a note name")
                    .help(format!("write a letter of the kit ({}), or use a track without a kit", letters(kit)))
                    .also(kit.span.clone(), "the kit")
            });
            return None;
        }
        if written.starts_with(|c: char| c.is_ascii_uppercase()) {
            let lower = written.to_ascii_lowercase();
            self.mistake(token.span.clone(), || {
                Mistake::new("note names are in lower case")
                    .label("a letter in upper case")
                    .help(format!("write `{lower}`, or `{lower}!` for an accent"))
            });
            return None;
        }
        let key = name.key(voice.octaves);
        if key.is_none() {
            self.mistake(token.span.clone(), || {
                Mistake::new(format!("{} is not on the keyboard", quoted(written)))
                    .label(pitch::off_the_keyboard(voice.octaves))
            });
        }
        key.map(|key| (Head::Play(key), false))
    }

    fn letter(&mut self, letter: char, token: &Token) -> Option<(Head, bool)> {
        let voice = self.voice;
        let accent = letter.is_ascii_uppercase();
        let lower = letter.to_ascii_lowercase();
        if lower == 'x' {
            if voice.note.is_none() && self.first_of('x') {
                self.mistake(token.span.clone(), || {
                    Mistake::new(format!("the track {} has no note for `x` to play", quoted(voice.track)))
                        .label("which note?")
                        .help(format!("give the track one, for example `{}`", keys::track::NOTE.example))
                });
            }
            return voice.note.map(|note| (Head::Play(note), accent));
        }
        match voice.kit {
            Some(kit) => {
                let key = kit.get(lower);
                if key.is_none() && self.first_of(lower) {
                    self.mistake(token.span.clone(), || {
                        Mistake::new(format!("the kit of {} has no drum `{lower}`", quoted(voice.track)))
                            .label("not in the kit")
                            .help(format!("the letters of the kit are {}", letters(kit)))
                            .also(kit.span.clone(), "the kit")
                    });
                }
                key.map(|key| (Head::Play(key), accent))
            }
            None => {
                if self.first_of(lower) {
                    let behind = self.text.text.get(token.span.end..).and_then(|behind| behind.chars().next());
                    self.mistake(token.span.clone(), || not_a_note(letter, behind, voice.track));
                }
                None
            }
        }
    }

    fn modifier(&mut self, token: &Token, in_step: bool) {
        let sign = self.written(token);
        let span = token.span.clone();
        let Some(step) = self.steps.last_mut().filter(|_| in_step) else {
            // Behind an unknown head there is nothing more to say.
            if self.steps.is_empty() {
                self.mistake(span, || {
                    Mistake::new(format!("{} stands before any step", quoted(sign)))
                        .label("there is nothing before this")
                        .help("it belongs right behind the note that it changes")
                });
            }
            return;
        };
        let first = step.modified.is_none();
        if first {
            step.modified = Some(span.clone());
        }
        if !matches!(step.head, Head::Play(_)) {
            let what = if step.head == Head::Rest { "a rest" } else { "a hold" };
            if first {
                self.mistake(span, || {
                    Mistake::new(format!("{} changes a note, and this is {what}", quoted(sign)))
                        .label(format!("behind {what}"))
                        .help("write it right behind the note's first step")
                });
            }
            return;
        }
        let twice = match token.kind {
            Kind::Velocity(_) => step.velocity.is_some(),
            Kind::Gate(_) => step.gate.is_some(),
            Kind::Accent => std::mem::replace(&mut step.accent, true),
            _ => std::mem::replace(&mut step.legato, true),
        };
        if twice {
            let kind = token.kind;
            self.mistake(span, || {
                Mistake::new(format!("{} says again what this step says already", quoted(sign)))
                    .label("once is enough")
                    .help(match kind {
                        Kind::Accent => "an upper-case letter has its accent already",
                        _ => "leave one of them out",
                    })
            });
            return;
        }
        match token.kind {
            Kind::Velocity(number) => {
                step.velocity = number.and_then(|number| u8::try_from(number).ok()).and_then(Velocity::new);
                if step.velocity.is_none() {
                    self.mistake(span, || number_needed(sign, number, "a velocity from 1 to 127", ":70"));
                }
            }
            Kind::Gate(number) => {
                step.gate = number.filter(|number| GATES.contains(number));
                if step.gate.is_none() {
                    self.mistake(span, || {
                        number_needed(sign, number, "a gate from 1 to 400 per cent of the step", "=50")
                    });
                    return;
                }
            }
            _ => {}
        }
        let Some(step) = self.steps.last() else { return };
        if step.legato && step.gate.is_some() && matches!(token.kind, Kind::Gate(_) | Kind::Legato) {
            self.mistake(token.span.clone(), || {
                Mistake::new("`~` and `=` do not go together")
                    .label("a legato note sounds until the next one")
                    .help("leave one of them out")
            });
        }
    }

    fn unknown_sign(&mut self, sign: char, token: &Token) -> Option<(Head, bool)> {
        let written = self.written(token);
        if !self.first_of(sign) {
            return None;
        }
        let help = match sign {
            ',' | ';' | '/' | '\\' => "steps need no signs between them; `|` may mark the beats",
            '-' | '–' | '—' => "a rest is `.`, and `_` holds the step before",
            '…' => "a rest is `.`, one for each step",
            '♯' => "a sharp is written `#`, as in `f#3`",
            '♭' => "a flat is written `b`, as in `bb1`",
            '#' if written.len() > 1 => "a comment stands outside of the quotes",
            '#' => "a sharp is part of a note name with its octave, as in `f#3`",
            '0' => "a number follows `:` for the velocity, `=` for the gate, or the letter of a note, as in `c2`",
            _ => STEPS,
        };
        self.mistake(token.span.clone(), || {
            Mistake::new(format!("{} is not known in steps", quoted(written))).label("not known").help(help)
        });
        None
    }

    /// Whether this is the first time in the line that `sign` is not known.
    fn first_of(&mut self, sign: char) -> bool {
        let first = !self.unknown.contains(&sign);
        // Beyond any sensible number of different ones, once more does not matter, and the list stays short.
        if first && self.unknown.len() < 256 {
            self.unknown.push(sign);
        }
        first
    }

    fn written(&self, token: &Token) -> &'t str {
        self.text.text.get(token.span.clone()).unwrap_or_default()
    }
}

/// The letters of a kit in a sentence.
fn letters(kit: &Kit) -> String {
    let letters: Vec<String> = ('a'..='z').filter(|&letter| kit.get(letter).is_some()).map(String::from).collect();
    if letters.len() > 8 { letters.join(" ") } else { listed(letters.iter().map(String::as_str)) }
}

/// The message for a letter that begins no note name; `behind` is the character after it.
fn not_a_note(letter: char, behind: Option<char>, track: &str) -> Mistake {
    let lower = letter.to_ascii_lowercase();
    if behind == Some('(') {
        return Mistake::new(format!("`{letter}(` is not known in steps")).label("not known").help(STEPS);
    }
    if pitch::is_without_octave(&lower.to_string()) {
        let (sign, hint) = match behind {
            Some('#') => ("#", ""),
            Some('♯') => ("#", ", with `#` for a sharp"),
            Some('♭') => ("b", ", with `b` for a flat"),
            _ => ("", ""),
        };
        return Mistake::new(format!("`{letter}{sign}` lacks its octave"))
            .label("which octave?")
            .help(format!("a note is written with its octave right behind it{hint}, for example `{lower}{sign}2`"));
    }
    let mistake = Mistake::new(format!("`{letter}` is not a note")).label("not known");
    if lower == 'h' {
        return mistake.help(format!("B natural is written `b`; for drums give the track {} a kit", quoted(track)));
    }
    mistake.help(format!(
        "notes are `c2`, `f#3` and so on; for drums give the track {} a kit, for example `{}`",
        quoted(track),
        keys::track::KIT.example
    ))
}

fn number_needed(sign: &str, number: Option<u32>, takes: &str, example: &str) -> Mistake {
    let message = match number {
        None => format!("{} lacks its number", quoted(sign)),
        Some(_) => format!("{} is out of range", quoted(sign)),
    };
    Mistake::new(message).label(format!("expected {takes}")).help(format!("for example `c2{example}`"))
}
