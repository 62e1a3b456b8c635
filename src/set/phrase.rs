//! What names a port and says more about it: `circuit channel 1 from c2 by degrees`, `keys note 36 channel 2`.
//!
//! The port comes first; after it stand clauses, a word and its value each, in any order and each at most once.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, nearest, quoted};
use super::keys::{Key as KeyOf, track};
use super::pitch::{self, Octaves};
use super::port::{Port, port_slot};
use super::reader::Text;
use super::values::{digits, one_of_words};
use crate::engine::program::{Interval, PortSlot, Transpose};
use crate::midi::{Channel, Key};

/// A word that begins a clause, and what follows it in the words of a label.
pub(super) type Clause = (&'static str, &'static str);

/// `channel` and its number.
pub(super) const CHANNEL: Clause = ("channel", "a number");

/// A port and its clauses.
pub(super) struct Phrase {
    /// `None` where there is no such port, which has been reported.
    pub port: Option<PortSlot>,
    /// The words of the clauses, and where in the text their values are.
    pub clauses: Vec<(&'static str, Range<usize>)>,
    /// Where a range of values is.
    pub range: Option<Range<usize>>,
}

impl Phrase {
    /// Returns where the value of the clause `word` is.
    pub(crate) fn value(&self, word: &str) -> Option<Range<usize>> {
        self.clauses.iter().find(|(known, _)| *known == word).map(|(_, value)| value.clone())
    }
}

/// Reads `text`, which is what `key` takes and may have the clauses `known`.
pub(super) fn read(
    text: &Text<'_>,
    key: KeyOf,
    known: &[Clause],
    ports: &[Port<'_>],
    report: &mut Report,
) -> Option<Phrase> {
    read_ranged(text, key, known, &[], ports, report)
}

/// The same, where the words `alone` have no value, and where every clause but that of the channel may be followed by a
/// range of values such as `64..127`.
pub(super) fn read_ranged(
    text: &Text<'_>,
    key: KeyOf,
    known: &[Clause],
    alone: &[&'static str],
    ports: &[Port<'_>],
    report: &mut Report,
) -> Option<Phrase> {
    let mut words = words(text.text).peekable();
    let Some(word) = words.next() else {
        report.add(text.span.clone(), || {
            Diagnostic::new(format!("`{}` cannot be empty", key.name))
                .label(format!("expected {}", key.takes))
                .help(format!("for example `{}`", key.example))
        });
        return None;
    };
    let is_range = |word: &Range<usize>| text.text.get(word.clone()).is_some_and(|word| word.contains(".."));
    let port = port_slot(text, word, ports, report);
    let mut phrase = Phrase { port, clauses: Vec::new(), range: None };
    while let Some(word) = words.next() {
        let written = text.text.get(word.clone()).unwrap_or_default();
        if let Some(&clause) = alone.iter().find(|known| **known == written) {
            phrase.clauses.push((clause, word));
            phrase.range = phrase.range.or_else(|| words.next_if(is_range));
            continue;
        }
        let clause = known.iter().find(|(known, _)| *known == written).map(|&(known, _)| known);
        match (clause, words.next()) {
            (Some(clause), Some(value)) if phrase.value(clause).is_none() => {
                phrase.clauses.push((clause, value));
                if !alone.is_empty() && clause != CHANNEL.0 {
                    phrase.range = phrase.range.or_else(|| words.next_if(is_range));
                }
            }
            _ => {
                report.add(text.place(word), || {
                    let words = known.iter().map(|&(word, _)| word).chain(alone.iter().copied());
                    let help = match nearest(written, words) {
                        Some(near) if near != written => format!("did you mean `{near}`?"),
                        _ => format!("for example `{}`", key.example),
                    };
                    Diagnostic::new(format!("{} does not fit here", quoted(written)))
                        .label(format!("expected {}", alternatives(known)))
                        .help(help)
                });
                return None;
            }
        }
    }
    Some(phrase)
}

/// The clauses in a sentence.
fn alternatives(known: &[Clause]) -> String {
    let known: Vec<String> = known.iter().map(|(word, value)| format!("`{word}` and {value}")).collect();
    match known.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, [first])) => format!("{first}, or {last}"),
        Some((last, rest)) => format!("{}, or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The channel that a phrase names, if it does. The outer `None` is a mistake, which has been reported.
pub(super) fn channel(phrase: &Phrase, text: &Text<'_>, key: KeyOf, report: &mut Report) -> Option<Option<Channel>> {
    let Some(value) = phrase.value(CHANNEL.0) else { return Some(None) };
    let number = text.text.get(value.clone()).and_then(digits).and_then(Channel::from_number);
    if number.is_none() {
        report.add(text.place(value), || {
            Diagnostic::new("`channel` here has no number that is a channel")
                .label(format!("expected {}", track::CHANNEL.takes))
                .help(format!("for example `{}`", key.example))
        });
    }
    number.map(Some)
}

/// The key that `part` of `text` names.
pub(super) fn note(text: &Text<'_>, part: Range<usize>, octaves: Octaves, report: &mut Report) -> Option<Key> {
    let word = text.text.get(part.clone()).unwrap_or_default();
    pitch::key(word, octaves)
        .map_err(|why| {
            report.add(text.place(part), || {
                Diagnostic::new(format!("{} is not a note", quoted(word)))
                    .label(why)
                    .help("notes are `c2`, `f#3`, `bb1` and so on")
            });
        })
        .ok()
}

/// The keyboard whose last key moves notes.
pub(super) fn transpose(
    text: &Text<'_>,
    key: KeyOf,
    ports: &[Port<'_>],
    octaves: Octaves,
    report: &mut Report,
) -> Option<Transpose> {
    const FROM: Clause = ("from", "a note");
    const BY: Clause = ("by", "`degrees`");
    const UNITS: [(&str, Interval); 2] = [("semitones", Interval::Semitones), ("degrees", Interval::Degrees)];
    let phrase = read(text, key, &[CHANNEL, FROM, BY], ports, report)?;
    let channel = channel(&phrase, text, key, report);
    let from = match phrase.value(FROM.0) {
        Some(value) => note(text, value, octaves, report),
        None => pitch::key("c2", octaves).ok(),
    };
    let unit = match phrase.value(BY.0) {
        Some(value) => one_of_words(text, value, "expected `semitones` or `degrees`", &UNITS, report),
        None => Some(Interval::Semitones),
    };
    Some(Transpose { port: phrase.port?, channel: channel?, from: from?, unit: unit? })
}

/// The keyboard that plays a track by hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thru {
    pub port: PortSlot,
    pub channel: Option<Channel>,
    /// By how many semitones the keys are moved.
    pub by: i8,
}

/// Reads what plays a track by hand.
pub(super) fn thru(text: &Text<'_>, key: KeyOf, ports: &[Port<'_>], report: &mut Report) -> Option<Thru> {
    const OCTAVE: Clause = ("octave", "a number");
    const BY: Clause = ("by", "semitones");
    let phrase = read(text, key, &[CHANNEL, OCTAVE, BY], ports, report)?;
    let channel = channel(&phrase, text, key, report);
    let mut moved = |clause: Clause, most: i8| {
        let Some(value) = phrase.value(clause.0) else { return Some(0) };
        let number = text.text.get(value.clone()).and_then(|number| number.parse::<i8>().ok());
        let number = number.filter(|number| (-most..=most).contains(number));
        if number.is_none() {
            report.add(text.place(value), || {
                Diagnostic::new(format!("`{}` here has no number that fits", clause.0))
                    .label(format!("expected a whole number from -{most} to {most}"))
                    .help(format!("for example `{}`", key.example))
            });
        }
        number
    };
    let (octaves, semitones) = (moved(OCTAVE, 10), moved(BY, 127));
    let by = i16::from(octaves?) * 12 + i16::from(semitones?);
    let by = i8::try_from(by.clamp(-127, 127)).ok()?;
    Some(Thru { port: phrase.port?, channel: channel?, by })
}

/// The words of `text`, as ranges of its bytes.
pub(super) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| !c.is_whitespace())?;
        let end = text.get(start..)?.find(char::is_whitespace).map_or(text.len(), |length| start + length);
        at = end;
        Some(start..end)
    })
}
