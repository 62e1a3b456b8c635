//! The step language: a line of text becomes a row of steps.
//!
//! Reading goes in passes that know nothing of each other, so that the language can grow in each. The *tree* is what is
//! written ([`parse`]): heads (a rest, a hold, a note, a chord, a choice, a group, a rhythm), each with its modifiers. The
//! *row* is the tree written out ([`write_out`], [`join`]): steps that play on their own, one after the other, with holds
//! added to what they hold. [`compile`](super::compile) makes events in ticks of it. [`reference`](mod@reference) says what
//! everything means, for those who write it.
//!
//! What a letter means depends on the track: where there is a kit, letters are its drums and note names are not read; where
//! there is none, letters begin note names. `x` is the track's own note in both. Numbers are degrees of the set's scale.
//!
//! White space and `|` never matter between signs, with two exceptions. Where numbers are degrees, that of a group stands right
//! before its bracket, for `3 (5 7)` could be either. And `<` after a step, without white space, and with a
//! digit after it is *early* (`c2<20`); everywhere else it begins a choice (`c2 <1 3>`). Within a choice, `>` always
//! closes it, so that what is early or late there stands after the choice as a whole (`<c2 g2>>20`). A number belongs to
//! the sign right before it; digits before a bracket, as in `3(x..)`, are how often it is played.

mod chord;
mod euclid;
mod head;
mod modifier;
mod parser;
mod plain;
pub mod reference;
mod row;
mod slip;
mod tree;

#[cfg(test)]
mod heard;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub(super) use chord::qualities;
pub(super) use parser::parse;
pub(super) use plain::{Head, steps};
pub(super) use row::{Budget, Spent, Step, TooLong, join, write_out};
pub(super) use tree::{Choice, Length, Mods, Node, Tone, Turn};

use std::ops::{Range, RangeInclusive};

use super::pitch::Octaves;
use super::scale;
use crate::engine::program::MAX_CONDITIONS;
use crate::midi::Key;

/// How much harder than other notes an accented one is struck.
pub const ACCENT: u8 = 27;
/// The gates that can be written, in per cent of a step.
pub(super) const GATES: RangeInclusive<u32> = 1..=400;
/// The chances that can be written, in per cent.
const CHANCES: RangeInclusive<u32> = 1..=100;
/// How many notes a step can be split into.
const RATCHETS: RangeInclusive<u32> = 2..=16;
/// By how many per cent of a step a note can be early or late.
const SHIFTS: RangeInclusive<u32> = 1..=50;
/// The most passes that a condition counts to.
const MAX_TURNS: u32 = 1_024;
/// The most steps of a Euclidean rhythm.
const MAX_EUCLID: u32 = 256;
/// How deep groups and choices may be within each other. Each choice may put a condition on what is in it, and modifiers
/// some more.
const MAX_DEPTH: usize = 8;
const _: () = assert!(MAX_DEPTH + 5 <= MAX_CONDITIONS);

/// What steps are, for those who wrote something else.
const STEPS: &str = "steps are `.` `_` `x`, letters of the kit, notes such as `c2`, chords `[c2 e2]`, choices `<c2 e2>`, \
    groups `3(c2 .)` and rhythms `e(5,8)`";

/// The drums of a track, each under a letter from `a` to `z`.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    keys: [Option<Key>; 26],
    /// The one that is written first.
    first: Option<Key>,
    /// Where the kit is written.
    pub span: Range<usize>,
}

impl Kit {
    /// A kit without drums, written at `span`.
    pub(crate) fn new(span: Range<usize>) -> Kit {
        Kit { keys: [None; 26], first: None, span }
    }

    /// Puts `key` under `letter`; anything but a lower-case letter is passed over.
    pub(crate) fn set(&mut self, letter: char, key: Key) {
        if let Some(entry) = slot(letter).and_then(|slot| self.keys.get_mut(slot)) {
            *entry = Some(key);
            self.first.get_or_insert(key);
        }
    }

    /// The drum that is written first, which is what `x` plays on a track without a note.
    pub(crate) fn first(&self) -> Option<Key> {
        self.first
    }

    /// The key under `letter`.
    pub(crate) fn get(&self, letter: char) -> Option<Key> {
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
    /// The set's scale, if it names one.
    pub scale: Option<scale::Named>,
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
