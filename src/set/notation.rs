//! The step language: a line of text becomes a row of steps.
//!
//! Reading goes in three passes that know nothing of each other, so that the language can grow in each. *Tokens* are
//! the smallest written things, each with its place; white space and `|` between them never matter. *Steps* are a head
//! (a rest, a hold, something to play) and the modifiers behind it. *Events* are notes that begin on one step and last
//! for a number of them.
//!
//! What a letter means depends on the track: where there is a kit, letters are its drums and note names are not read; where
//! there is none, letters begin note names. `x` is the track's own note in both.

use std::ops::Range;

use super::keys;
use super::mistake::{Mistake, Report, listed, quoted};
use super::pitch::{self, Octaves};
use super::reader::Text;
use crate::midi::{Key, Velocity};

/// How much harder than other notes an accented one is struck.
pub(super) const ACCENT: u8 = 27;
/// The gates that can be written, in per cent of a step.
pub(super) const GATES: std::ops::RangeInclusive<u32> = 1..=400;

/// What steps are, for those who wrote something else.
const STEPS: &str =
    "steps are `.` `_` `x`, letters of the kit or notes such as `c2`; behind a note may follow `:70` `!` `=50` `~`";

/// The drums of a track, each under a letter from `a` to `z`.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    keys: [Option<Key>; 26],
    /// Where the kit is written.
    pub span: Range<usize>,
}

impl Kit {
    /// A kit without drums, written at `span`.
    pub fn new(span: Range<usize>) -> Kit {
        Kit { keys: [None; 26], span }
    }

    /// Puts `key` under `letter`; anything but a lower-case letter is passed over.
    pub fn set(&mut self, letter: char, key: Key) {
        if let Some(entry) = slot(letter).and_then(|slot| self.keys.get_mut(slot)) {
            *entry = Some(key);
        }
    }

    /// The key under `letter`.
    pub fn get(&self, letter: char) -> Option<Key> {
        slot(letter).and_then(|slot| self.keys.get(slot).copied().flatten())
    }

    fn letters(&self) -> Vec<String> {
        ('a'..='z').filter(|&letter| self.get(letter).is_some()).map(String::from).collect()
    }
}

fn slot(letter: char) -> Option<usize> {
    letter.is_ascii_lowercase().then(|| usize::from(letter as u8 - b'a'))
}

/// What the heads of steps mean on a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice<'d> {
    /// The track's name, for messages.
    pub track: &'d str,
    /// Its drums, if it has a kit.
    pub kit: Option<&'d Kit>,
    /// What `x` plays.
    pub note: Option<Key>,
    /// The set's octaves.
    pub octaves: Octaves,
}

/// One step as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
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
pub(super) enum Head {
    /// Nothing.
    Rest,
    /// The step before goes on.
    Hold,
    /// A key sounds.
    Play(Key),
}

/// A note that begins on a step and lasts for a number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Counted from 0.
    pub step: usize,
    /// At least 1.
    pub steps: usize,
    pub key: Key,
    pub accent: bool,
    pub velocity: Option<Velocity>,
    pub gate: Option<u32>,
    pub legato: bool,
    /// The bytes of the text that hold its head.
    pub span: Range<usize>,
}

/// The lines of `text` that hold anything but white space and `|`, as ranges of its bytes.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let empty = line.chars().all(is_space);
        (!empty).then_some(start..start + line.len())
    })
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '|'
}

/// Reads the steps of one line of `text`.
pub(super) fn steps(text: &Text<'_>, line: Range<usize>, voice: Voice<'_>, report: &mut Report) -> Vec<Step> {
    let mut parser = Parser { text, voice, report, steps: Vec::new(), unknown: Vec::new(), wrong_to: None };
    let mut in_step = false;
    for token in Tokens::new(text.text, line) {
        in_step = parser.token(token, in_step);
    }
    parser.steps
}

/// Joins the steps of a line to notes.
pub(super) fn events(text: &Text<'_>, steps: &[Step], report: &mut Report) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut sounding = false;
    for (at, step) in steps.iter().enumerate() {
        match step.head {
            Head::Rest => sounding = false,
            Head::Hold => match events.last_mut() {
                Some(event) if sounding => event.steps += 1,
                _ => report.add(text.place(step.span.clone()), || {
                    let before = if at == 0 { "the line begins here" } else { "before this is a rest" };
                    Mistake::new("`_` has nothing to hold")
                        .label(before)
                        .help("`_` makes the step before it longer; a rest is `.`")
                }),
            },
            Head::Play(key) => {
                sounding = true;
                events.push(Event {
                    step: at,
                    steps: 1,
                    key,
                    accent: step.accent,
                    velocity: step.velocity,
                    gate: step.gate,
                    legato: step.legato,
                    span: step.span.clone(),
                });
            }
        }
    }
    events
}

/// The smallest written things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
struct Token {
    kind: Kind,
    span: Range<usize>,
}

/// Cuts a line into tokens.
struct Tokens<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl<'t> Tokens<'t> {
    fn new(text: &'t str, line: Range<usize>) -> Tokens<'t> {
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

fn letters(kit: &Kit) -> String {
    let letters = kit.letters();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::new(number).unwrap()
    }

    fn text(text: &str) -> Text<'_> {
        Text::at(text, 0)
    }

    /// The notes of `line` in a few words each, or the messages of its mistakes.
    fn read(line: &str, voice: Voice<'_>) -> Result<Vec<String>, Vec<String>> {
        let mut report = Report::default();
        let text = text(line);
        let steps = steps(&text, 0..line.len(), voice, &mut report);
        let events = events(&text, &steps, &mut report);
        if !report.is_empty() {
            let mistakes = report.finish("a", line);
            return Err(mistakes.list().iter().map(|mistake| mistake.message.clone()).collect());
        }
        let words = |event: &Event| {
            let mut words = format!("{}+{} {}", event.step, event.steps, event.key.number());
            if event.accent {
                words.push('!');
            }
            if let Some(velocity) = event.velocity {
                words.push_str(&format!(":{}", velocity.value()));
            }
            if let Some(gate) = event.gate {
                words.push_str(&format!("={gate}"));
            }
            if event.legato {
                words.push('~');
            }
            words
        };
        Ok(events.iter().map(words).collect())
    }

    fn drums(line: &str) -> Result<Vec<String>, Vec<String>> {
        let mut kit = Kit::new(0..0);
        kit.set('k', key(60));
        kit.set('b', key(62));
        read(line, Voice { track: "drums", kit: Some(&kit), note: Some(key(1)), octaves: Octaves::C3 })
    }

    fn notes(line: &str) -> Result<Vec<String>, Vec<String>> {
        read(line, Voice { track: "bass", kit: None, note: None, octaves: Octaves::C3 })
    }

    #[test]
    fn a_row_of_drums() {
        assert_eq!(drums("k.b_").unwrap(), ["0+1 60", "2+2 62"]);
        assert_eq!(drums("K x X bb").unwrap(), ["0+1 60!", "1+1 1", "2+1 1!", "3+1 62", "4+1 62"]);
        assert_eq!(drums("....").unwrap(), [""; 0]);
    }

    #[test]
    fn white_space_and_bars_never_matter_between_steps() {
        let plain = drums("k:70..k=50_~b!").err();
        assert!(plain.is_some(), "a hold cannot be changed");
        let plain = drums("k:70..k=50_b!").unwrap();
        assert_eq!(drums("  k :70 | . .\t|| k =50 _\u{a0}| b ! |").unwrap(), plain);
        assert_eq!(plain, ["0+1 60:70", "3+2 60=50", "5+1 62!"]);
    }

    #[test]
    fn a_row_of_notes() {
        assert_eq!(notes("c2c#2bb1b1c-1").unwrap(), ["0+1 48", "1+1 49", "2+1 46", "3+1 47", "4+1 12"]);
        assert_eq!(notes("c2:70!~ g8=400__").unwrap(), ["0+1 48!:70~", "1+3 127=400"]);
    }

    #[test]
    fn an_accent_may_stand_before_or_behind_the_velocity() {
        assert_eq!(notes("c2:70! c2!:70").unwrap(), ["0+1 48!:70", "1+1 48!:70"]);
    }

    #[test]
    fn a_number_belongs_to_the_sign_right_before_it() {
        assert_eq!(notes("c2: 70").unwrap_err(), ["`:` lacks its number", "`70` is not known in steps"]);
        assert_eq!(notes("c2:99999999999").unwrap_err(), ["`:99999999999` is out of range"]);
    }

    #[test]
    fn one_mistake_is_one_message() {
        assert_eq!(drums("j j j___ J!").unwrap_err(), ["the kit of `drums` has no drum `j`"]);
        assert_eq!(notes("h2~ h3").unwrap_err(), ["`h` is not a note"]);
        assert_eq!(notes("e(5,8)").unwrap_err(), ["`e(` is not known in steps"]);
        assert_eq!(notes("[c2 e2 g2]_").unwrap_err(), ["`[c2 e2 g2]` is not known in steps"]);
        assert_eq!(notes("# a comment").unwrap_err(), ["`# a comment` is not known in steps"]);
        assert_eq!(notes("_").unwrap_err(), ["`_` has nothing to hold"]);
    }

    #[test]
    fn lines_are_those_with_something_on_them() {
        let text = "\n  k. \r\n | |\n\u{a0}\n.";
        let found: Vec<&str> = lines(text).map(|line| &text[line]).collect();
        assert_eq!(found, ["  k. \r\n", "."]);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn ten_thousand_steps_are_read() {
        assert_eq!(drums(&"k___".repeat(2_500)).unwrap().len(), 2_500);
    }

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
