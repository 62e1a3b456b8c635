//! What parts have besides notes, shared out to the patterns: programs that a pattern begins with are its own, all else is in
//! its steps, each value at its tick.
//!
//! A pattern says what it begins in the middle of, so that it sounds the same after any other: the program of a channel that
//! has several, and what holds or bends notes. What comes at the very end of the music is a tick before it: a pattern that
//! loops has to let go there.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::program::lever::{Lever, Pull};
use crate::midi::{self, Message};
use crate::offline::score::{Part, Score, Value};

/// A program, and its bank if it has one.
pub(crate) type Program = (u8, Option<u16>);

/// What a part has besides notes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Values {
    /// For each pattern its values, with their places in the music.
    pub patterns: Vec<Vec<(i64, Value)>>,
    /// For each pattern the program of the channel, where this part is the one that says it.
    pub programs: Vec<Option<Program>>,
    /// What goes home at the end of the music. A pattern that begins again says it first.
    pub at_the_end: Vec<Value>,
}

/// Returns whether anything at `end`, the end of the music, does not go home there.
pub(crate) fn go_on(score: &Score, end: i64) -> bool {
    let mut values = score.parts.iter().flat_map(|part| &part.values);
    values.any(|&(at, value)| at >= end && holds(value).is_none_or(|(_, holds)| holds))
}

/// The values of all parts of `score`, in patterns that begin at `starts`; the last one ends at `end`. What is at the end goes
/// home there. With it comes how many programs are left out, because another one takes their place before anything sounds.
pub(crate) fn share_out(score: &Score, starts: &[i64], end: i64) -> (Vec<Values>, usize) {
    let mut replaced = 0;
    let patterns = starts.len();
    let empty = Values { patterns: vec![Vec::new(); patterns], programs: vec![None; patterns], at_the_end: Vec::new() };
    let mut shared = vec![empty; score.parts.len()];
    for members in channels(&score.parts).into_values() {
        let mut stream: Vec<(i64, usize, Value)> = Vec::new();
        for &part in &members {
            let values = score.parts.get(part).map(|part| &part.values[..]).unwrap_or_default();
            stream.extend(values.iter().map(|&(at, value)| (at, part, value)));
        }
        stream.sort_by_key(|&(at, ..)| at);
        let channel = Channel { score, members: &members, starts, end };
        replaced += channel.programs(&mut stream, &mut shared);
        channel.values(&stream, &mut shared);
    }
    (shared, replaced)
}

/// The parts of each channel of each device.
fn channels(parts: &[Part]) -> BTreeMap<(Option<&str>, u8), Vec<usize>> {
    let mut channels: BTreeMap<(Option<&str>, u8), Vec<usize>> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        channels.entry((part.device.as_deref(), part.channel.number())).or_default().push(index);
    }
    channels
}

/// Returns which of the levers that hold or bend notes `value` moves, if any, and whether it is away from home then.
fn holds(value: Value) -> Option<(Lever, bool)> {
    // What a lever does is the same on all channels.
    let channel = midi::Channel::from_status(0);
    let message = match value {
        Value::Controller(number, value) => Message::ControlChange(channel, number, value),
        Value::Bend(bend) => Message::PitchBend(channel, bend),
        Value::Pressure(value) => Message::ChannelPressure(channel, value),
        Value::Program(_) | Value::Parameter { .. } => return None,
    };
    match Pull::of(message)? {
        Pull::Lever(_, lever, is_away) => Some((lever, is_away)),
        Pull::Key(..) => None,
    }
}

/// One channel of one device.
struct Channel<'s> {
    score: &'s Score,
    members: &'s [usize],
    starts: &'s [i64],
    end: i64,
}

impl Channel<'_> {
    /// Returns from where to where each pattern lasts.
    fn patterns(&self) -> impl Iterator<Item = (usize, i64, i64)> {
        let ends = self.starts.iter().skip(1).copied().chain([self.end]);
        self.starts.iter().zip(ends).enumerate().map(|(number, (&start, end))| (number, start, end))
    }

    /// Takes the programs out of `stream` that patterns begin with, and says how many others with them.
    fn programs(&self, stream: &mut Vec<(i64, usize, Value)>, shared: &mut [Values]) -> usize {
        let (mut coarse, mut fine) = (None, None);
        let mut programs: Vec<(i64, usize, Program)> = Vec::new();
        for &(at, part, value) in stream.iter() {
            match value {
                Value::Controller(0, value) => (coarse, fine) = (Some(value), fine),
                Value::Controller(32, value) => fine = Some(value),
                Value::Program(program) => {
                    let bank = coarse.zip(fine).map(|(coarse, fine)| u16::from(coarse) << 7 | u16::from(fine));
                    programs.push((at, part, (program, bank)));
                }
                _ => {}
            }
        }
        let several = programs.iter().map(|(.., program)| program).collect::<BTreeSet<_>>().len() > 1;
        let mut taken: Vec<(i64, usize)> = Vec::new();
        let mut replaced = 0;
        for (number, start, end) in self.patterns() {
            // What a note that begins there stands before is not for all of the pattern.
            let is_first = |part: usize| {
                let before =
                    self.members.iter().take_while(|&&other| other < part).filter_map(|&other| self.part(other));
                let mut notes = before.flat_map(|part| &part.notes);
                self.part(part).is_some_and(|part| part.layer == 0) && !notes.any(|note| note.at == start)
            };
            let counts = |&&(at, part, _): &&(i64, usize, Program)| at < start || (at == start && is_first(part));
            let Some(&(at, part, program)) = programs.iter().rev().find(counts) else { continue };
            // Of a bank that is said by halves, the other half is not ours to say.
            let here = at == start && is_whole(stream, start, part);
            if at == start && !here {
                continue;
            }
            let mut notes = self.members.iter().filter_map(|&part| self.part(part)).flat_map(|part| &part.notes);
            if here || (several && notes.any(|note| (start..end).contains(&note.at))) {
                if let Some(programs) = shared.get_mut(part).and_then(|values| values.programs.get_mut(number)) {
                    *programs = Some(program);
                }
                taken.extend(here.then_some((start, part)));
                let with_it = |other: &&(i64, usize, Program)| here && other.0 == start && other.1 <= part;
                replaced += programs.iter().filter(with_it).filter(|(.., other)| *other != program).count();
            }
        }
        let is_sound = |value| matches!(value, Value::Program(_) | Value::Controller(0 | 32, _));
        let is_taken = |at: i64, part: usize| taken.iter().any(|&(start, last)| at == start && part <= last);
        stream.retain(|&(at, part, value)| !(is_sound(value) && is_taken(at, part)));
        replaced
    }

    fn part(&self, part: usize) -> Option<&Part> {
        self.score.parts.get(part)
    }

    /// Shares out what is left, each pattern with what it begins in the middle of.
    fn values(&self, stream: &[(i64, usize, Value)], shared: &mut [Values]) {
        let mut held: BTreeMap<Lever, (usize, Value)> = BTreeMap::new();
        let mut rest = stream;
        for (number, start, end) in self.patterns() {
            let (here, later) = rest.split_at(rest.partition_point(|&(at, ..)| at < end));
            rest = later;
            let said: BTreeSet<Lever> = here
                .iter()
                .take_while(|(at, ..)| *at == start)
                .filter_map(|&(_, _, value)| Some(holds(value)?.0))
                .collect();
            let again =
                held.iter().filter(|(what, _)| !said.contains(what)).map(|(_, &(part, value))| (start, part, value));
            for (at, part, value) in again.collect::<Vec<_>>().into_iter().chain(here.iter().copied()) {
                if let Some(values) = shared.get_mut(part).and_then(|values| values.patterns.get_mut(number)) {
                    values.push((at, value));
                }
                if let Some((what, holds)) = holds(value) {
                    held.remove(&what);
                    held.extend(holds.then_some((what, (part, value))));
                }
            }
        }
        // Before all that the tracks of the channel say when it begins again.
        let first =
            self.members.iter().copied().find(|&part| self.part(part).is_some_and(|part| !part.values.is_empty()));
        for &(.., value) in rest {
            // What is at home already is not heard.
            let is_away = holds(value).is_some_and(|(what, _)| held.remove(&what).is_some());
            if let Some(values) = first.and_then(|part| shared.get_mut(part)).filter(|_| is_away) {
                values.at_the_end.push(value);
            }
        }
    }
}

/// Returns whether the bank of the last program at `at`, up to what `part` says there, is said as a whole, or not at all; and nothing of
/// it after the program.
fn is_whole(stream: &[(i64, usize, Value)], at: i64, part: usize) -> bool {
    let here = stream.iter().filter(|value| value.0 == at && value.1 <= part);
    let here: Vec<Value> = here.map(|&(.., value)| value).collect();
    let last = here.iter().rposition(|value| matches!(value, Value::Program(_))).unwrap_or(0);
    let of = |number: u8| here.iter().rposition(|value| matches!(value, Value::Controller(n, _) if *n == number));
    match (of(0), of(32)) {
        (None, None) => true,
        (Some(coarse), Some(fine)) => coarse < last && fine < last,
        _ => false,
    }
}
