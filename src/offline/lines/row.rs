//! Notes on steps become text: which notes share a line, and how a line is spelled.
//!
//! A line says one thing at a time, so a note goes on the first line that is free where it sounds. A note that lasts past the
//! end of the loop is the last of its line and is held where that begins.

use std::collections::BTreeMap;

use super::Language;
use crate::midi::Key;

/// The most notes of a line, as the language has it.
const MOST_NOTES: usize = 60_000;

/// What is played on a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// On which step it begins.
    pub step: i64,
    /// How many steps it takes; past the end of the line they are those at its beginning.
    pub steps: i64,
    /// In per cent of those.
    pub gate: i64,
    /// If it slides into what begins where its steps end: how far that is off its step. The gate counts where that is not on
    /// its line.
    pub slides: Option<i64>,
    /// How far it is off its step, in per cent, early where negative.
    pub shift: i64,
    /// What sounds; several keys are a chord. At least one.
    pub keys: Vec<Key>,
    /// How hard it is struck.
    pub velocity: u8,
}

/// What keys are called on a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// The octave of middle C.
    pub middle_c: i32,
    /// The letters of the kit, if the track has one. Keys that have none must not be among the notes.
    pub kit: Option<BTreeMap<Key, char>>,
    /// Whether black keys have the names of flats.
    pub flats: bool,
    /// By how much an accent raises a velocity, where accents may be written.
    pub accent: Option<u8>,
}

impl Default for Spelling {
    /// Names of notes where middle C is c3, without accents.
    fn default() -> Spelling {
        Spelling { middle_c: 3, kit: None, flats: false, accent: None }
    }
}

impl Spelling {
    /// The key by itself; a letter in upper case if it is `accented`.
    fn key(&self, key: Key, accented: bool) -> String {
        match self.kit.as_ref().and_then(|kit| kit.get(&key)) {
            Some(letter) if accented => letter.to_ascii_uppercase().to_string(),
            Some(letter) => letter.to_string(),
            None => name(key, self.middle_c, self.flats),
        }
    }
}

/// The name of a key where middle C is in octave `middle_c`.
fn name(key: Key, middle_c: i32, flats: bool) -> String {
    const SHARPS: [&str; 12] = ["c", "c#", "d", "d#", "e", "f", "f#", "g", "g#", "a", "a#", "b"];
    const FLATS: [&str; 12] = ["c", "db", "d", "eb", "e", "f", "gb", "g", "ab", "a", "bb", "b"];
    let (octave, degree) = (i32::from(key.number()) / 12 - 5 + middle_c, usize::from(key.number() % 12));
    let names = if flats { FLATS } else { SHARPS };
    format!("{}{octave}", names.get(degree).copied().unwrap_or("c"))
}

/// Shares `notes`, sorted by their steps, out to lines of `count` steps, as few as that takes by the first that is free.
#[must_use]
pub fn share_out(notes: Vec<Written>, count: i64) -> Vec<Vec<Written>> {
    let mut rows: Vec<Vec<Written>> = Vec::new();
    for note in notes {
        let past_the_end = note.step + note.steps - count;
        let free = |row: &&mut Vec<Written>| {
            let behind = row.last().is_none_or(|last| last.step + last.steps <= note.step);
            let before = row.first().is_none_or(|first| first.step >= past_the_end);
            row.len() < MOST_NOTES && behind && before
        };
        match rows.iter_mut().find(free) {
            Some(row) => row.push(note),
            None => rows.push(vec![note]),
        }
    }
    rows
}

/// How the lines of a track are written.
#[derive(Clone, Copy, Debug)]
pub struct Page<'p> {
    /// How many steps a line has.
    pub count: i64,
    /// After how many of them there is a gap.
    pub beat: i64,
    /// The gate of the notes that do not say their own.
    pub gate: i64,
    /// The velocity of the notes that do not say their own.
    pub velocity: u8,
    /// What keys are called.
    pub spelling: &'p Spelling,
    /// What may be written.
    pub language: Language,
}

impl Page<'_> {
    /// The line of a row.
    #[must_use]
    pub fn line(&self, row: &[Written]) -> String {
        let mut text = Pen::new(self.beat, self.language);
        let past_the_end = row.last().map_or(0, |last| (last.step + last.steps - self.count).max(0));
        text.run('_', past_the_end);
        // The first one follows the last, around the loop.
        let following = row.iter().skip(1).map(|next| (next.step, next.shift));
        let around = row.first().map(|first| (first.step + self.count, first.shift));
        for (note, next) in row.iter().zip(following.chain(around)) {
            text.run('.', note.step - text.at);
            text.step(&self.step(note, note.slides.is_some_and(|shift| next == (note.step + note.steps, shift))));
            text.run('_', (note.steps - 1).min(self.count - text.at));
        }
        text.run('.', self.count - text.at);
        text.text
    }

    /// The steps of a row, one by one.
    #[must_use]
    pub fn steps(&self, row: &[Written]) -> Vec<String> {
        let count = usize::try_from(self.count).unwrap_or(0);
        let mut steps = vec![".".to_owned(); count];
        let mut put = |at: i64, step: String| {
            if let Some(place) = usize::try_from(at.rem_euclid(self.count.max(1))).ok().and_then(|at| steps.get_mut(at))
            {
                *place = step;
            }
        };
        for note in row {
            (1..note.steps).for_each(|held| put(note.step + held, "_".to_owned()));
            put(note.step, self.step(note, false));
        }
        steps
    }

    /// A note or a chord with what is said about it.
    fn step(&self, note: &Written, legato: bool) -> String {
        let accented = self.spelling.accent.map(|accent| self.velocity.saturating_add(accent).min(127));
        let is_accented = note.velocity != self.velocity && accented == Some(note.velocity);
        let mut text = match *note.keys.as_slice() {
            [key] => self.spelling.key(key, is_accented),
            ref keys => {
                let keys: Vec<String> = keys.iter().map(|&key| self.spelling.key(key, false)).collect();
                format!("[{}]", keys.join(" "))
            }
        };
        if is_accented && !text.starts_with(|c: char| c.is_ascii_uppercase()) {
            text.push('!');
        } else if note.velocity != self.velocity && !is_accented {
            text.push_str(&format!(":{}", note.velocity));
        }
        if legato {
            text.push('~');
        } else if note.gate != self.gate {
            text.push_str(&format!("={}", note.gate));
        }
        match note.shift {
            0 => {}
            late @ 1.. => text.push_str(&format!(">{late}")),
            early => text.push_str(&format!("<{}", -early)),
        }
        text
    }
}

/// Writes steps one after the other.
pub struct Pen {
    /// What is written.
    pub text: String,
    /// How many steps that are.
    pub at: i64,
    beat: i64,
    language: Language,
}

impl Pen {
    /// A pen at the beginning of a line that has a gap at each `beat` steps.
    #[must_use]
    pub fn new(beat: i64, language: Language) -> Pen {
        Pen { text: String::new(), at: 0, beat, language }
    }

    /// Writes one step.
    pub fn step(&mut self, step: &str) {
        let gap = if self.at > 0 && self.at % self.beat == 0 { " " } else { "" };
        self.text.push_str(gap);
        self.text.push_str(step);
        self.at += 1;
    }

    /// Writes the same sign for `count` steps.
    pub fn run(&mut self, sign: char, count: i64) {
        /// Fewer are easier to read one by one.
        const GROUPED: i64 = 17;
        if self.language.groups && count >= GROUPED {
            self.text.push_str(&format!(" {count}({sign}) "));
            self.at += count;
        } else {
            (0..count).for_each(|_| self.step(sign.encode_utf8(&mut [0; 4])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::lines::LANGUAGE;

    fn note(step: i64, steps: i64, key: u8) -> Written {
        let keys = vec![Key::from_data(key)];
        Written { step, steps, gate: 100, slides: None, shift: 0, keys, velocity: 100 }
    }

    #[test]
    fn a_note_past_the_end_is_held_at_the_beginning_of_a_line_that_is_free_there() {
        let spelling = Spelling::default();
        let page = Page { count: 8, beat: 4, gate: 100, velocity: 100, spelling: &spelling, language: LANGUAGE };
        let lines = |notes: Vec<Written>| share_out(notes, 8).iter().map(|row| page.line(row)).collect::<Vec<_>>();
        assert_eq!(lines(vec![note(2, 1, 60), note(6, 4, 62)]), ["__c3. ..d3_"]);
        assert_eq!(lines(vec![note(1, 1, 60), note(6, 4, 62)]), [".c3.. ....", "__.. ..d3_"]);
        assert_eq!(lines(vec![note(3, 8, 60)]), ["___c3 ____"]);
    }

    #[test]
    fn accents_and_kits() {
        let kit = BTreeMap::from([(Key::from_data(60), 'k'), (Key::from_data(62), 's')]);
        let drums = Spelling { kit: Some(kit), accent: Some(27), ..Spelling::default() };
        let notes = Spelling { kit: None, middle_c: 4, ..drums.clone() };
        let line = |spelling: &Spelling, notes: &[Written]| {
            Page { count: 2, beat: 4, gate: 100, velocity: 80, spelling, language: LANGUAGE }.line(notes)
        };
        let hard = Written { velocity: 107, ..note(0, 1, 60) };
        let soft = Written { velocity: 80, slides: Some(0), shift: -5, ..note(1, 1, 62) };
        assert_eq!(line(&drums, &[hard.clone(), soft.clone()]), "Ks~<5");
        assert_eq!(line(&notes, &[hard.clone(), soft]), "c4!d4~<5");
        let keys = vec![Key::from_data(60), Key::from_data(62)];
        assert_eq!(line(&drums, &[Written { keys, slides: Some(0), gate: 50, ..hard }]), "[k s]!=50.");
    }

    #[test]
    fn every_key_has_its_name() {
        assert_eq!([0, 60, 127].map(|key| name(Key::from_data(key), 3, false)), ["c-2", "c3", "g8"]);
        assert_eq!(
            (name(Key::from_data(60), 4, false), name(Key::from_data(70), 3, true)),
            ("c4".into(), "bb3".into())
        );
    }
}
