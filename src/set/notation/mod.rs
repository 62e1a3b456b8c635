//! The step language: a line of text becomes a row of steps.
//!
//! Reading goes in three passes that know nothing of each other, so that the language can grow in each. *Tokens* are
//! the smallest written things, each with its place; white space and `|` between them never matter. *Steps* are a head
//! (a rest, a hold, something to play) and the modifiers behind it. *Events* are notes that begin on one step and last
//! for a number of them.
//!
//! What a letter means depends on the track: where there is a kit, letters are its drums and note names are not read; where
//! there is none, letters begin note names. `x` is the track's own note in both.

mod step;
mod token;

pub(super) use step::{Head, Step, steps};

use std::ops::Range;

use super::mistake::{Mistake, Report};
use super::pitch::Octaves;
use super::reader::Text;
use crate::midi::{Key, Velocity};

/// How much harder than other notes an accented one is struck.
pub(super) const ACCENT: u8 = 27;
/// The gates that can be written, in per cent of a step.
pub(super) const GATES: std::ops::RangeInclusive<u32> = 1..=400;

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
}
