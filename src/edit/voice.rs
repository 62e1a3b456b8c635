//! What a track says about its notes, and its notes as lines of steps.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::{DeTable, DeValue};

use super::place;
use super::refused::Refused;
use super::take::{Fitted, Played, Ruler, Take};
use crate::midi::Key;
use crate::offline::lines::row::{Page, Spelling, Written, share_out};
use crate::offline::lines::{LANGUAGE, most_common};
use crate::set::{ACCENT, DEFAULT_GATE, DEFAULT_VELOCITY, Octaves, parse_key};
use crate::time::TickSpan;

/// What is to be written.
pub(crate) struct Lines {
    /// One below the other.
    pub lines: Vec<String>,
    /// The gate and the velocity of notes that do not say their own, where the table has to say it.
    pub gate: Option<i64>,
    /// As `gate`.
    pub velocity: Option<u8>,
}

/// The gate and the velocity of notes that do not say their own.
#[derive(Clone, Copy)]
pub(crate) struct Own {
    /// In per cent of the step.
    pub gate: i64,
    /// 1 to 127.
    pub velocity: u8,
    /// Whether they have to stay.
    pub fixed: bool,
}

/// The lines of the notes.
pub(crate) fn lines(ruler: &Ruler, fitted: &Fitted, voice: &Voice, take: &Take<'_>, own: Own) -> Lines {
    let count = ruler.length.0 / ruler.step.0;
    let written = ruler.written(&fitted.notes, voice.spelling.kit.is_none().then_some(take.spread));
    let gates: Vec<i64> = written.iter().map(|note| note.gate).collect();
    let velocities: Vec<u8> = written.iter().map(|note| note.velocity).collect();
    let gate = instead(&gates, own.gate).filter(|_| !own.fixed);
    let velocity = instead(&velocities, own.velocity).filter(|_| !own.fixed);
    let page = Page {
        count,
        beat: (TickSpan::QUARTER.0 / ruler.step.0).max(1),
        gate: gate.unwrap_or(own.gate),
        velocity: velocity.unwrap_or(own.velocity),
        spelling: &voice.spelling,
        language: LANGUAGE,
    };
    let rows = share_out(written.clone(), count);
    let rows = match voice.spelling.kit {
        Some(_) if rows.len() > 1 => drum_by_drum(&written, count),
        _ => rows,
    };
    Lines { lines: rows.iter().map(|row| page.line(row)).collect(), gate, velocity }
}

/// Returns what says more of `values` than `own` does, if it is worth a key of its own: what there is most of, if it is three more.
fn instead<T: Ord + Copy>(values: &[T], own: T) -> Option<T> {
    let common = most_common(values.iter().copied())?;
    let count = |wanted: T| values.iter().filter(|&&value| value == wanted).count();
    (count(common) >= count(own) + 3).then_some(common)
}

/// A line for each drum, the lowest key first; two where it sounds twice in a step.
fn drum_by_drum(written: &[Written], count: i64) -> Vec<Vec<Written>> {
    let keys: BTreeSet<Key> = written.iter().flat_map(|note| note.keys.iter().copied()).collect();
    let of = |key: Key| written.iter().filter(move |note| note.keys.contains(&key)).cloned().collect();
    keys.into_iter().flat_map(|key| share_out(of(key), count)).collect()
}

/// What the track says about its notes.
pub(crate) struct Voice {
    spelling: Spelling,
    /// The gate of notes for which nothing else says it, in per cent.
    pub gate: i64,
    /// The velocity of notes for which nothing else says it.
    pub velocity: u8,
}

impl Voice {
    /// That of `track` in the set whose tables are `root`.
    pub(crate) fn of(root: &DeTable<'_>, track: &str) -> Voice {
        let c4 = root.get("octaves").and_then(|value| place::as_text(value.get_ref())) == Some("c4");
        let octaves = if c4 { Octaves::C4 } else { Octaves::C3 };
        let table = place::table(root, "tracks").and_then(|tracks| place::table(tracks, track));
        let number = |name: &str| place::as_number(table?.get(name)?.get_ref());
        let key = |value: &DeValue<'_>| match place::as_text(value) {
            Some(name) => parse_key(name, octaves).ok(),
            None => place::as_number(value).and_then(|number| u8::try_from(number).ok()).and_then(Key::new),
        };
        let kit = table.and_then(|table| place::table(table, "kit")).map(|kit| {
            let drums =
                kit.iter().filter_map(|(name, value)| Some((key(value.get_ref())?, name.get_ref().chars().next()?)));
            drums.collect::<BTreeMap<Key, char>>()
        });
        Voice {
            spelling: Spelling { middle_c: octaves.of_middle_c(), kit, flats: false, accent: Some(ACCENT) },
            gate: number("gate").unwrap_or(i64::from(DEFAULT_GATE)),
            velocity: number("velocity")
                .and_then(|number| u8::try_from(number).ok())
                .unwrap_or(DEFAULT_VELOCITY.value()),
        }
    }

    /// The notes as they have to be written for `octave`, without those that the kit does not have, which are remarked.
    pub(crate) fn playable(
        &self,
        take: &Take<'_>,
        octave: i64,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<Played>, Refused> {
        if let Some(kit) = &self.spelling.kit {
            let (drums, others): (Vec<Played>, Vec<Played>) =
                take.notes.iter().partition(|note| kit.contains_key(&note.key));
            let keys: BTreeSet<u8> = others.iter().map(|note| note.key.number()).collect();
            let keys = keys.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            if drums.is_empty() {
                let track = take.track;
                return Err(Refused::Unfit(format!(
                    "the kit of `{track}` has none of the keys that were played: {keys}; add them to its `kit`, or play its drums"
                )));
            }
            if !others.is_empty() {
                let (count, s) = (others.len(), if others.len() == 1 { "" } else { "s" });
                remarks.push(format!(
                    "{count} note{s} left out, since the kit of `{}` does not have the keys {keys}",
                    take.track
                ));
            }
            return Ok(drums);
        }
        let moved = |note: &Played| {
            let key = u8::try_from(i64::from(note.key.number()) - 12 * octave).ok().and_then(Key::new);
            let key = key.ok_or_else(|| {
                Refused::Unfit(format!(
                    "`{}` has `octave = {octave}` in `{}`, and the notes cannot be written so far away: leave `octave` out there",
                    take.track, take.pattern
                ))
            })?;
            Ok(Played { key, ..*note })
        };
        take.notes.iter().map(moved).collect()
    }
}
