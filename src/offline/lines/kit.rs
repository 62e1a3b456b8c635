//! The drums of channel 10: which letter plays which key of General MIDI, and which drums share a line.

use std::collections::{BTreeMap, BTreeSet};

use super::row::{Written, share_out};
use crate::midi::Key;

/// Keys of General MIDI with the letters that they have where nothing is against it.
const LETTERS: [(u8, char); 25] = [
    (36, 'k'),
    (35, 'b'),
    (38, 's'),
    (40, 'e'),
    (37, 'r'),
    (39, 'p'),
    (42, 'h'),
    (44, 'i'),
    (46, 'o'),
    (50, 't'),
    (48, 'n'),
    (47, 'm'),
    (45, 'l'),
    (43, 'g'),
    (41, 'f'),
    (49, 'c'),
    (57, 'u'),
    (51, 'd'),
    (59, 'v'),
    (53, 'y'),
    (55, 'z'),
    (52, 'a'),
    (54, 'j'),
    (56, 'w'),
    (58, 'q'),
];

/// Drums of which one hand, or one pedal, plays one at a time: they share a line where they do.
const FAMILIES: [&[u8]; 5] =
    [&[42, 44, 46], &[41, 43, 45, 47, 48, 50], &[49, 52, 55, 57], &[51, 53, 59], &[37, 38, 39, 40]];

/// The letters of a kit that has these keys; `None` if there are more than letters.
#[must_use]
pub fn letters(keys: &BTreeSet<Key>) -> Option<BTreeMap<Key, char>> {
    let own = |key: &Key| LETTERS.iter().find(|(number, _)| *number == key.number()).map(|&(_, letter)| letter);
    let taken: BTreeSet<char> = keys.iter().filter_map(own).collect();
    // `x` is the own note of a track.
    let mut free = ('a'..='z').filter(|letter| *letter != 'x' && !taken.contains(letter));
    keys.iter().map(|key| Some((*key, own(key).or_else(|| free.next())?))).collect()
}

/// Shares drums out to as many kits as it takes, those that have letters of their own first.
#[must_use]
pub fn kits(keys: &BTreeSet<Key>) -> Vec<BTreeSet<Key>> {
    let mut keys: Vec<Key> = keys.iter().copied().collect();
    keys.sort_by_key(|&key| place(key));
    keys.chunks(LETTERS.len()).map(|kit| kit.iter().copied().collect()).collect()
}

/// The keys of a kit in the order of a drummer's page: bass drums, snares, cymbals and toms, then whatever else there is.
#[must_use]
pub fn in_order(kit: &BTreeMap<Key, char>) -> Vec<(char, Key)> {
    let mut drums: Vec<(char, Key)> = kit.iter().map(|(&key, &letter)| (letter, key)).collect();
    drums.sort_by_key(|&(_, key)| place(key));
    drums
}

fn place(key: Key) -> (usize, u8) {
    let place = LETTERS.iter().position(|(number, _)| *number == key.number());
    (place.unwrap_or(LETTERS.len()), key.number())
}

/// Shares `notes` of one drum each, sorted by their steps, out to lines of `count` steps: one for each drum, or for those of a
/// family that never meet.
#[must_use]
pub fn rows(notes: &[Written], count: i64) -> Vec<Vec<Written>> {
    let mut keys: Vec<Key> = notes.iter().flat_map(|note| note.keys.iter().copied()).collect();
    keys.sort_by_key(|&key| place(key));
    keys.dedup();
    let of = |keys: &[Key]| -> Vec<Written> {
        notes.iter().filter(|note| note.keys.iter().any(|key| keys.contains(key))).cloned().collect()
    };
    let mut rows = Vec::new();
    while let Some(&key) = keys.first() {
        let family = FAMILIES.iter().find(|family| family.contains(&key.number()));
        let family: Vec<Key> = keys
            .iter()
            .copied()
            .filter(|other| *other == key || family.is_some_and(|family| family.contains(&other.number())))
            .collect();
        let together = share_out(of(&family), count);
        let done = if together.len() == 1 { family } else { vec![key] };
        rows.extend(if together.len() == 1 { together } else { share_out(of(&done), count) });
        keys.retain(|key| !done.contains(key));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::from_data(number)
    }

    fn note(step: i64, number: u8) -> Written {
        Written { step, steps: 1, gate: 100, slides: None, shift: 0, keys: vec![key(number)], velocity: 100 }
    }

    #[test]
    fn every_letter_means_one_key() {
        let all: BTreeSet<char> = LETTERS.iter().map(|&(_, letter)| letter).collect();
        assert!(all.len() == 25 && !all.contains(&'x'));
        let kit = letters(&[36, 38, 42, 81, 2].map(key).into()).unwrap();
        assert_eq!([36, 38, 42, 2, 81].map(|number| kit[&key(number)]), ['k', 's', 'h', 'a', 'b']);
        assert_eq!(letters(&(30..55).map(key).collect()).map(|kit| kit.len()), Some(25));
        assert_eq!(letters(&(30..56).map(key).collect()), None);
        let kits = kits(&(30..82).map(key).collect());
        assert_eq!(kits.iter().map(BTreeSet::len).collect::<Vec<_>>(), [25, 25, 2]);
        assert!(LETTERS.iter().all(|&(number, _)| kits[0].contains(&key(number))));
        assert!(kits.iter().all(|kit| letters(kit).is_some()));
    }

    #[test]
    fn a_line_for_each_drum_or_for_those_that_never_meet() {
        let shown = |notes: &[Written]| -> Vec<Vec<u8>> {
            let keys = |row: &Vec<Written>| row.iter().map(|note| note.keys[0].number()).collect();
            rows(notes, 16).iter().map(keys).collect()
        };
        let notes = [note(0, 42), note(0, 36), note(2, 46), note(4, 38), note(4, 42)];
        assert_eq!(shown(&notes), [vec![36], vec![38], vec![42, 46, 42]]);
        let notes = [note(0, 42), note(0, 46), note(2, 42)];
        assert_eq!(shown(&notes), [vec![42, 42], vec![46]]);
    }
}
