//! The checks: pure functions from what was heard and what should have been, to the rows of a table.
//!
//! They are strict about places and counts, which a sequencer either gets right or not, and take their limits for
//! lateness from outside, since those depend on the machine. The tests below break a perfect recording in each way that
//! a row exists for: a check that cannot fail would be none.

use crate::recording::{Heard, Message, Note, Port};
use crate::schedule::{PULSES_PER_BAR, Step};
use crate::score::{ARP, ARP_VELOCITY, CLOSED_HAT, KICK, OPEN_HAT, Placed, SIXTEENTH, SNARE, Score};
use std::collections::BTreeMap;

/// How far ahead of a pulse a note still belongs to it. A program that predicts the pulse may be early, but no show has
/// pulses as near to each other as twice this.
const EARLY_NS: u64 = 2_000_000;

/// Notes as near as this were meant together. Less than a sixteenth at any tempo, more than the emulated USB cable and the
/// collector can put between two notes.
const TOGETHER_NS: u64 = 20_000_000;

/// How far the master may be off its own grid before the run says nothing about a note's place.
pub const MASTER_OFF: Limits = Limits { p99_ns: 1_000_000, max_ns: 1_000_000 };

const NOTES: &str = "note-ons after their pulse";

/// The differences that a row lists; the first ones tell the story.
const DETAILS: usize = 6;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub what: String,
    pub expected: String,
    pub seen: String,
    /// `None`: a figure to read, not to judge.
    pub ok: Option<bool>,
    /// Whether a failure fails the run.
    pub binding: bool,
    pub details: Vec<String>,
}

impl Row {
    pub fn figure(what: &str, seen: String) -> Row {
        Row { what: what.into(), expected: String::new(), seen, ok: None, binding: true, details: Vec::new() }
    }

    pub fn judged(what: &str, expected: String, seen: String, ok: bool) -> Row {
        Row { what: what.into(), expected, seen, ok: Some(ok), binding: true, details: Vec::new() }
    }

    pub fn count(what: &str, expected: usize, seen: usize) -> Row {
        Row::judged(what, expected.to_string(), seen.to_string(), expected == seen)
    }

    pub fn failed(&self) -> bool {
        self.ok == Some(false)
    }

    pub fn verdict(&self) -> &'static str {
        match self.ok {
            Some(true) => "ok",
            Some(false) if self.binding => "FAIL",
            Some(false) => "over",
            None => "",
        }
    }

    /// Many rows as one, that names those which failed.
    pub fn all(what: &str, rows: Vec<Row>) -> Row {
        let failed: Vec<&Row> = rows.iter().filter(|row| row.failed()).collect();
        let judged = rows.iter().filter(|row| row.ok.is_some()).count();
        let details = failed
            .iter()
            .flat_map(|row| {
                let line = format!("{}: {}, expected {}", row.what, row.seen, row.expected);
                std::iter::once(line).chain(row.details.iter().map(|detail| format!("  {detail}")))
            })
            .collect();
        let seen = if failed.is_empty() { "yes".into() } else { format!("{} of {judged} checks fail", failed.len()) };
        let ok = failed.is_empty();
        Row { details, ..Row::judged(what, "yes".into(), seen, ok) }
    }

    pub fn with(mut self, details: Vec<String>) -> Row {
        let more = details.len().saturating_sub(DETAILS);
        self.details = details;
        self.details.truncate(DETAILS);
        if more > 0 {
            self.details.push(format!("and {more} more"));
        }
        self
    }
}

/// What the lateness of notes is held against.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub p99_ns: i64,
    pub max_ns: i64,
}

/// A note-on with the pulse it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Played {
    pub port: Port,
    pub note: Note,
    pub velocity: u8,
    pub at_ns: u64,
    /// `None`: before the first pulse after START.
    pub pulse: Option<u32>,
}

impl Played {
    pub fn is_arp(&self) -> bool {
        ARP.contains(&self.note) && self.velocity == ARP_VELOCITY
    }
}

/// A recording, in order of time, with its pulses found.
pub struct Take {
    heard: Vec<Heard>,
    /// The true times of the pulses between START and STOP.
    pulses: Vec<u64>,
    stop_ns: u64,
    played: Vec<Played>,
}

impl Take {
    /// Puts a recording in order. Fails if the ear did not hear a START and a STOP, or no pulse between them.
    pub fn of(mut heard: Vec<Heard>) -> Result<Take, String> {
        heard.sort_by_key(|heard| heard.at_ns);
        let master = || heard.iter().filter(|heard| heard.port == Port::Ear);
        let time_of = |message| master().find(|heard| heard.message == message).map(|heard| heard.at_ns);
        let start_ns = time_of(Message::START).ok_or("the master's START was not heard")?;
        let stop_ns = time_of(Message::STOP).ok_or("the master's STOP was not heard")?;
        let pulses: Vec<u64> = master()
            .filter(|heard| heard.message == Message::CLOCK)
            .map(|heard| heard.at_ns)
            .filter(|at_ns| (start_ns..stop_ns).contains(at_ns))
            .collect();
        if pulses.is_empty() {
            return Err("no pulse of the master was heard".into());
        }
        Ok(Take::on_grid(heard, pulses, stop_ns))
    }

    /// A recording against pulses that are known otherwise: where they belonged, and not where they came.
    pub fn on_grid(mut heard: Vec<Heard>, pulses: Vec<u64>, stop_ns: u64) -> Take {
        heard.sort_by_key(|heard| heard.at_ns);
        let played =
            heard.iter().filter(|heard| heard.port != Port::Ear).filter_map(|heard| played(heard, &pulses)).collect();
        Take { heard, pulses, stop_ns, played }
    }

    /// All note-ons, in order of time.
    pub fn played(&self) -> &[Played] {
        &self.played
    }

    fn at(&self, port: Port) -> impl Iterator<Item = &Played> {
        self.played.iter().filter(move |played| played.port == port)
    }

    /// What is played between START and STOP, on its pulse.
    fn placed(&self, port: Port) -> impl Iterator<Item = (u32, &Played)> {
        self.at(port)
            .filter(|played| played.at_ns <= self.stop_ns)
            .filter_map(|played| played.pulse.map(|pulse| (pulse, played)))
    }

    /// How long after its pulse something came; negative: before it.
    pub fn lateness(&self, pulse: u32, at_ns: u64) -> i64 {
        at_ns as i64 - self.pulses[pulse as usize] as i64
    }
}

fn played(heard: &Heard, pulses: &[u64]) -> Option<Played> {
    let (note, velocity) = heard.message.as_note_on()?;
    Some(Played { port: heard.port, note, velocity, at_ns: heard.at_ns, pulse: pulse_of(heard.at_ns, pulses) })
}

/// The last pulse that was delivered when the note came, or is about to be.
fn pulse_of(at_ns: u64, pulses: &[u64]) -> Option<u32> {
    let passed = pulses.partition_point(|&pulse_ns| pulse_ns <= at_ns + EARLY_NS);
    passed.checked_sub(1).map(|pulse| pulse as u32)
}

/// The rows about numbers, which hold whatever the stamps are worth.
pub fn counts(take: &Take, score: &Score) -> Vec<Row> {
    let notes = |port, note| take.at(port).filter(|played| played.note == note).count();
    let mut rows: Vec<Row> = [("kicks", KICK), ("snares", SNARE), ("closed hats", CLOSED_HAT), ("open hats", OPEN_HAT)]
        .into_iter()
        .map(|(what, note)| Row::count(what, score.count(note), notes(Port::Circuit, note)))
        .collect();

    let mut bass: BTreeMap<Note, usize> = BTreeMap::new();
    for (_, note) in &score.bass {
        *bass.entry(*note).or_default() += 1;
    }
    rows.extend(bass.into_iter().map(|(note, expected)| {
        let what = format!("bass, key {}", note.key);
        Row::count(&what, expected, notes(Port::Mono, note))
    }));

    let arp = take.at(Port::Mono).filter(|played| played.is_arp()).count();
    rows.push(Row::judged(
        "arpeggio",
        format!("{} or more", score.arp_at_least),
        arp.to_string(),
        arp >= score.arp_at_least,
    ));
    rows.push(strange(take, score));
    rows.push(first_note(take));
    rows
}

/// Notes that are not in the set, or at an instrument that does not have them.
fn strange(take: &Take, score: &Score) -> Row {
    let strange: Vec<String> = take
        .played
        .iter()
        .filter(|played| !score.knows(played.port, played.note, played.velocity))
        .map(|played| {
            format!(
                "{:?} hears {} at velocity {}, pulse {}",
                played.port,
                name(played.note),
                played.velocity,
                played.pulse.map_or("none".into(), |pulse| pulse.to_string())
            )
        })
        .collect();
    Row::count("notes that are not in the set", 0, strange.len()).with(strange)
}

/// The show opens with the kick. A hat may come with it, in either order.
fn first_note(take: &Take) -> Row {
    let first = take.at(Port::Circuit).next();
    let kick = take.at(Port::Circuit).find(|played| played.note == KICK);
    let ok = match (first, kick) {
        (Some(first), Some(kick)) => kick.at_ns - first.at_ns < TOGETHER_NS,
        _ => false,
    };
    let seen = if ok { kick } else { first };
    Row::judged("the first drum", name(KICK), seen.map_or("nothing".into(), |played| name(played.note)), ok)
}

/// The rows about clock, START and STOP at the instrument that they are relayed to.
pub fn relay(take: &Take, score: &Score) -> Vec<Row> {
    let relayed: Vec<Message> =
        take.heard.iter().filter(|heard| heard.port == Port::Mono).map(|heard| heard.message).collect();
    let count = |messages: &[Message], wanted| messages.iter().filter(|message| **message == wanted).count();
    let place = |wanted| relayed.iter().position(|message| *message == wanted);
    let start = place(Message::START).unwrap_or(0);
    let stop = place(Message::STOP).unwrap_or(relayed.len()).max(start);

    let clocks = count(&relayed[start..stop], Message::CLOCK);
    let before = count(&relayed[..start], Message::CLOCK);
    let after = count(&relayed[stop..], Message::CLOCK);
    vec![
        Row::count("START at Mono", 1, count(&relayed, Message::START)),
        Row::count("STOP at Mono", 1, count(&relayed, Message::STOP)),
        Row::judged(
            "clocks at Mono between them",
            score.pulses.to_string(),
            format!("{clocks} (+{before} before, +{after} after)"),
            clocks == score.pulses as usize,
        ),
    ]
}

/// The rows about places: each note on its own pulse.
pub fn places(take: &Take, score: &Score) -> Vec<Row> {
    let drums = take.placed(Port::Circuit).map(|(pulse, played)| (pulse, played.note)).collect();
    let bass = take
        .placed(Port::Mono)
        .filter(|(_, played)| score.is_bass(played.note))
        .map(|(pulse, played)| (pulse, played.note))
        .collect();
    let kick = take.placed(Port::Circuit).find(|(_, played)| played.note == KICK).map(|(pulse, _)| pulse);
    vec![
        Row::count("pulses of the master", score.pulses as usize, take.pulses.len()),
        Row::judged(
            "the first kick's pulse",
            "0".into(),
            kick.map_or("none".into(), |pulse| pulse.to_string()),
            kick == Some(0),
        ),
        sequence("drums on their own pulses", &score.drums, drums),
        sequence("bass on its own bars", &score.bass, bass),
        arp_places(take),
        old_bass(take, score),
        outside(take),
    ]
}

/// Compares what was played with the score, as sets with repetition: notes on one pulse have no order.
pub fn sequence(what: &str, expected: &[Placed], mut played: Vec<Placed>) -> Row {
    let mut missing: Vec<Placed> = expected.to_vec();
    let mut surplus = Vec::new();
    let mut right = 0;
    played.sort();
    for placed in played {
        match missing.iter().position(|wanted| *wanted == placed) {
            Some(place) => {
                missing.remove(place);
                right += 1;
            }
            None => surplus.push(placed),
        }
    }
    let line = |verb: &str, (pulse, note): &Placed| (*pulse, format!("pulse {pulse}: {verb} {}", name(*note)));
    let mut wrong: Vec<(u32, String)> = missing
        .iter()
        .map(|placed| line("missing", placed))
        .chain(surplus.iter().map(|placed| line("not in the score:", placed)))
        .collect();
    wrong.sort();
    Row::judged(what, expected.len().to_string(), format!("{right} (+{} elsewhere)", surplus.len()), wrong.is_empty())
        .with(wrong.into_iter().map(|(_, line)| line).collect())
}

fn arp_places(take: &Take) -> Row {
    let off: Vec<String> = take
        .placed(Port::Mono)
        .filter(|(pulse, played)| played.is_arp() && !pulse.is_multiple_of(SIXTEENTH))
        .map(|(pulse, played)| format!("pulse {pulse}: {}", name(played.note)))
        .collect();
    Row::count("arpeggio beside the sixteenths", 0, off.len()).with(off)
}

/// When the key changes the bass, the old one ends there and not with the show.
fn old_bass(take: &Take, score: &Score) -> Row {
    let change = (score.bar_of_key * PULSES_PER_BAR) as usize;
    let what = "the old bass ends where the new begins";
    let (Some(&until_ns), Some((_, old))) = (take.pulses.get(change + 1), score.bass.first()) else {
        return Row::figure(what, "the show is too short".into());
    };
    let sounding = sounding(take.heard.iter().take_while(|heard| heard.at_ns < until_ns));
    let sounds = sounding.contains_key(&(Port::Mono, *old));
    Row::judged(what, "off".into(), if sounds { "on" } else { "off" }.into(), !sounds)
}

fn outside(take: &Take) -> Row {
    let outside: Vec<String> = take
        .played
        .iter()
        .filter(|played| played.pulse.is_none() || played.at_ns > take.stop_ns)
        .map(|played| {
            let side = if played.pulse.is_none() { "before the first pulse" } else { "after STOP" };
            format!("{} at {:?} {side}", name(played.note), played.port)
        })
        .collect();
    Row::count("notes before the first pulse or after STOP", 0, outside.len()).with(outside)
}

/// The notes that still sound at the end of a recording.
pub fn hanging(what: &str, heard: &[Heard]) -> Row {
    let mut heard = heard.to_vec();
    heard.sort_by_key(|heard| heard.at_ns);
    let details: Vec<String> = sounding(heard.iter())
        .into_iter()
        .map(|((port, note), times)| format!("{port:?}: {}, {times} times on", name(note)))
        .collect();
    Row::count(what, 0, details.len()).with(details)
}

/// How many notes sound at the end of a recording.
pub fn sounding_count(heard: &[Heard]) -> usize {
    sounding(heard.iter()).len()
}

/// How many note-ons of each note wait for their note-off. Two ons want two offs; an off too many does no harm.
fn sounding<'a>(heard: impl Iterator<Item = &'a Heard>) -> BTreeMap<(Port, Note), usize> {
    let mut sounding = BTreeMap::new();
    for heard in heard.filter(|heard| heard.port != Port::Ear) {
        if let Some((note, _)) = heard.message.as_note_on() {
            *sounding.entry((heard.port, note)).or_insert(0) += 1;
        } else if let Some(note) = heard.message.as_note_off()
            && let Some(times) = sounding.get_mut(&(heard.port, note))
        {
            *times -= 1;
            if *times == 0 {
                sounding.remove(&(heard.port, note));
            }
        }
    }
    sounding
}

/// The rows about lateness, each against the pulse's own delivery.
/// Without limits they are figures only.
pub fn timing(take: &Take, limits: Option<Limits>) -> Vec<Row> {
    let values = |late: Vec<Late>| late.into_iter().map(|(_, late_ns)| late_ns).collect();
    let notes = values(notes_late(take));
    vec![
        match limits {
            Some(limits) => judge_lateness(NOTES, notes, limits),
            None => figure_lateness(NOTES, notes),
        },
        figure_lateness("first message of a pulse", values(first_late(take))),
        figure_lateness("relayed clocks", values(clocks_late(take))),
    ]
}

/// A pulse, and how late something of it came.
pub type Late = (u32, i64);

/// The lateness of each note-on between START and STOP.
pub fn notes_late(take: &Take) -> Vec<Late> {
    let placed = take.placed(Port::Circuit).chain(take.placed(Port::Mono));
    placed.map(|(pulse, played)| (pulse, take.lateness(pulse, played.at_ns))).collect()
}

/// The lateness of each clock at the Mono Station between START and STOP.
pub fn clocks_late(take: &Take) -> Vec<Late> {
    relayed_clocks(take).into_iter().map(|(pulse, at_ns)| (pulse, take.lateness(pulse, at_ns))).collect()
}

/// The lateness of what comes first of each pulse, a note-on or a clock.
pub fn first_late(take: &Take) -> Vec<Late> {
    let mut first: BTreeMap<u32, i64> = BTreeMap::new();
    for (pulse, late_ns) in notes_late(take).into_iter().chain(clocks_late(take)) {
        let earliest = first.entry(pulse).or_insert(late_ns);
        *earliest = late_ns.min(*earliest);
    }
    first.into_iter().collect()
}

/// The clocks at the Mono Station after its START, in order: the first belongs to pulse 0.
fn relayed_clocks(take: &Take) -> Vec<(u32, u64)> {
    take.heard
        .iter()
        .filter(|heard| heard.port == Port::Mono)
        .skip_while(|heard| heard.message != Message::START)
        .take_while(|heard| heard.message != Message::STOP)
        .filter(|heard| heard.message == Message::CLOCK)
        .zip(0..take.pulses.len() as u32)
        .map(|(heard, pulse)| (pulse, heard.at_ns))
        .collect()
}

/// How the master kept its own schedule: a run in which it did not says nothing.
pub fn master(take: &Take, steps: &[Step], limits: Limits) -> Row {
    let heard = take.heard.iter().filter(|heard| heard.port == Port::Ear);
    let mut off: Vec<i64> = heard.zip(steps).map(|(heard, step)| heard.at_ns as i64 - step.at_ns as i64).collect();
    // The queue's clock and the schedule's have different origins; what counts is the spread.
    off.sort_unstable();
    let median = off[off.len() / 2];
    for off in &mut off {
        *off -= median;
    }
    judge_lateness("the master off its own grid", off, limits)
}

/// What a table says of many values.
pub struct Quantiles {
    pub min: i64,
    pub p50: i64,
    pub p99: i64,
    pub max: i64,
    pub count: usize,
}

impl Quantiles {
    pub fn of(mut values: Vec<i64>) -> Option<Quantiles> {
        values.sort_unstable();
        let last = values.len().checked_sub(1)?;
        // The nearest rank: always a value that occurred.
        let rank = |share: f64| values[((share * values.len() as f64).ceil() as usize).clamp(1, last + 1) - 1];
        Some(Quantiles { min: values[0], p50: rank(0.50), p99: rank(0.99), max: values[last], count: values.len() })
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = |ns: i64| ns as f64 / 1e3;
        write!(
            f,
            "p50 {:.1}  p99 {:.1}  max {:.1}  min {:.1} us  ({})",
            us(self.p50),
            us(self.p99),
            us(self.max),
            us(self.min),
            self.count
        )
    }
}

pub fn figure_lateness(what: &str, values: Vec<i64>) -> Row {
    let seen = Quantiles::of(values).map_or("nothing".into(), |quantiles| quantiles.to_string());
    Row::figure(what, seen)
}

pub fn judge_lateness(what: &str, values: Vec<i64>, limits: Limits) -> Row {
    let quantiles = Quantiles::of(values);
    let ok = quantiles.as_ref().is_some_and(|quantiles| {
        quantiles.p99 <= limits.p99_ns && quantiles.max <= limits.max_ns && quantiles.min >= -limits.max_ns
    });
    Row::judged(
        what,
        format!("p99 {}, max {} us", limits.p99_ns / 1000, limits.max_ns / 1000),
        quantiles.map_or("nothing".into(), |quantiles| quantiles.to_string()),
        ok,
    )
}

fn name(note: Note) -> String {
    format!("key {} on channel {}", note.key, note.channel)
}

/// The table as text, a line a row, and details below what failed.
pub fn table(rows: &[Row]) -> String {
    let width = |cell: fn(&Row) -> &str| rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or(0);
    let (what, expected) = (width(|row| &row.what), width(|row| &row.expected));
    let mut text = String::new();
    for row in rows {
        text += &format!("  {:<4}  {:<what$}  {:>expected$}  {}\n", row.verdict(), row.what, row.expected, row.seen);
        for detail in &row.details {
            text += &format!("        - {detail}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Show;
    use crate::score::BASS_AT_FIRST;

    const KEY: Note = Note { channel: 1, key: 50 };
    const LIMITS: Limits = Limits { p99_ns: 1_000_000, max_ns: 5_000_000 };
    /// What a program needs from a pulse to its notes.
    const LATE_NS: u64 = 10_000;
    const PULSE_NS: u64 = 20_000_000;

    fn show() -> Show {
        Show { bpm: 125.0, pulses: 1000, before: 48, after: 24, key: KEY }
    }

    /// What the ear and the instruments hear when all is right.
    fn perfect() -> Vec<Heard> {
        let show = show();
        let mut heard = Vec::new();
        for step in show.schedule() {
            let mut hear = |port, late| heard.push(Heard { at_ns: step.at_ns + late, port, message: step.message });
            hear(Port::Ear, 0);
            if step.message.as_note_on().or(step.message.as_note_off().map(|note| (note, 0))).is_none() {
                hear(Port::Mono, LATE_NS);
            }
        }
        let score = Score::of(&show);
        let arp = (0..show.pulses).step_by(6).map(|pulse| (pulse, ARP[0], ARP_VELOCITY, 3));
        let bass = score.bass.iter().map(|&(pulse, note)| (pulse, note, 100, 95));
        for (pulse, note, velocity, length) in arp.chain(bass) {
            play(&mut heard, Port::Mono, pulse, note, velocity, length);
        }
        for &(pulse, note) in &score.drums {
            play(&mut heard, Port::Circuit, pulse, note, 100, 3);
        }
        heard
    }

    fn play(heard: &mut Vec<Heard>, port: Port, pulse: u32, note: Note, velocity: u8, length: u32) {
        let on_ns = u64::from(48 + pulse) * PULSE_NS + LATE_NS;
        // All sound ends with STOP.
        let off_ns = (on_ns + u64::from(length) * PULSE_NS).min(u64::from(48 + 1000u32) * PULSE_NS - 5_000_000);
        heard.push(Heard { at_ns: on_ns, port, message: Message::note_on(note, velocity) });
        heard.push(Heard { at_ns: off_ns, port, message: Message::note_off(note) });
    }

    fn rows(heard: Vec<Heard>) -> Vec<Row> {
        let score = Score::of(&show());
        let take = Take::of(heard.clone()).unwrap();
        let mut rows = counts(&take, &score);
        rows.extend(relay(&take, &score));
        rows.extend(places(&take, &score));
        rows.extend(timing(&take, Some(LIMITS)));
        rows.push(hanging("hanging", &heard));
        rows.push(master(&take, &show().schedule(), MASTER_OFF));
        rows
    }

    /// The rows that fail when a perfect recording is spoilt.
    fn failing(spoil: impl FnOnce(&mut Vec<Heard>)) -> Vec<String> {
        let mut heard = perfect();
        spoil(&mut heard);
        rows(heard).into_iter().filter(|row| row.ok == Some(false)).map(|row| row.what).collect()
    }

    /// The place in the recording of the nth message that fits.
    fn nth(heard: &[Heard], n: usize, fits: impl Fn(&Heard) -> bool) -> usize {
        (0..heard.len()).filter(|&i| fits(&heard[i])).nth(n).unwrap()
    }

    fn on(port: Port, note: Note) -> impl Fn(&Heard) -> bool {
        move |heard| heard.port == port && heard.message.as_note_on().is_some_and(|on| on.0 == note)
    }

    fn off(port: Port, note: Note) -> impl Fn(&Heard) -> bool {
        move |heard| heard.port == port && heard.message.as_note_off() == Some(note)
    }

    fn relayed(message: Message) -> impl Fn(&Heard) -> bool {
        move |heard| heard.port == Port::Mono && heard.message == message
    }

    #[test]
    fn a_perfect_show_passes() {
        assert_eq!(failing(|_| {}), [""; 0]);
    }

    #[test]
    fn one_pulse_early_is_punctual_and_wrong() {
        let failed = failing(|heard| {
            for heard in heard.iter_mut() {
                let is_note = heard.message.as_note_on().is_some() || heard.message.as_note_off().is_some();
                if heard.port != Port::Ear && is_note {
                    heard.at_ns -= PULSE_NS;
                }
            }
        });
        for what in [
            "drums on their own pulses",
            "bass on its own bars",
            "arpeggio beside the sixteenths",
            "notes before the first pulse or after STOP",
            "the first kick's pulse",
        ] {
            assert!(failed.iter().any(|row| row == what), "{what}: {failed:?}");
        }
    }

    #[test]
    fn a_little_early_is_still_in_place() {
        let failed = failing(|heard| {
            for heard in
                heard.iter_mut().filter(|heard| heard.message.as_note_on().is_some() && heard.port != Port::Ear)
            {
                heard.at_ns -= 1_000_000;
            }
        });
        assert_eq!(failed, [""; 0]);
    }

    #[test]
    fn a_missing_note_off_hangs() {
        let failed = failing(|heard| {
            let place = nth(heard, 20, off(Port::Circuit, KICK));
            heard.remove(place);
        });
        assert_eq!(failed, ["hanging"]);
    }

    #[test]
    fn a_missing_and_a_doubled_note() {
        let failed = failing(|heard| {
            let (lost, doubled) = (nth(heard, 5, on(Port::Circuit, SNARE)), nth(heard, 7, on(Port::Circuit, SNARE)));
            heard[lost] = heard[doubled];
        });
        assert_eq!(failed, ["drums on their own pulses", "hanging"]);
    }

    #[test]
    fn a_missing_clock() {
        let failed = failing(|heard| {
            let place = nth(heard, 500, relayed(Message::CLOCK));
            heard.remove(place);
        });
        assert_eq!(failed, ["clocks at Mono between them"]);
    }

    #[test]
    fn a_missing_stop_and_a_second_start() {
        let failed = failing(|heard| {
            let place = nth(heard, 0, relayed(Message::STOP));
            heard[place].message = Message::START;
        });
        assert_eq!(failed, ["START at Mono", "STOP at Mono", "clocks at Mono between them"]);
    }

    #[test]
    fn a_key_that_is_not_followed() {
        let failed = failing(|heard| {
            for heard in heard.iter_mut().filter(|heard| heard.port == Port::Mono) {
                if heard.message.as_note_on().is_some_and(|on| on.0 == KEY) {
                    heard.message = Message::note_on(BASS_AT_FIRST, 100);
                } else if heard.message.as_note_off() == Some(KEY) {
                    heard.message = Message::note_off(BASS_AT_FIRST);
                }
            }
        });
        assert_eq!(
            failed,
            ["bass, key 48", "bass, key 50", "bass on its own bars", "the old bass ends where the new begins"]
        );
    }

    #[test]
    fn an_old_bass_that_sounds_on() {
        let failed = failing(|heard| {
            let place = nth(heard, 5, off(Port::Mono, BASS_AT_FIRST));
            heard[place].at_ns += 30 * PULSE_NS;
        });
        assert_eq!(failed, ["the old bass ends where the new begins"]);
    }

    #[test]
    fn a_strange_note() {
        let failed = failing(|heard| {
            play(heard, Port::Circuit, 30, BASS_AT_FIRST, 100, 3);
        });
        assert_eq!(failed, ["notes that are not in the set", "drums on their own pulses"]);
    }

    #[test]
    fn an_arpeggio_that_gives_up() {
        let failed = failing(|heard| {
            heard.retain(|heard| {
                let note = heard.message.as_note_on().map(|on| on.0).or(heard.message.as_note_off());
                heard.at_ns < 503 * PULSE_NS || note != Some(ARP[0])
            });
        });
        assert_eq!(failed, ["arpeggio"]);
    }

    #[test]
    fn late_notes() {
        let failed = failing(|heard| {
            let place = nth(heard, 9, on(Port::Circuit, KICK));
            heard[place].at_ns += 6_000_000;
        });
        assert_eq!(failed, ["note-ons after their pulse"]);
    }

    #[test]
    fn a_snare_before_the_first_kick() {
        let failed = failing(|heard| {
            let place = nth(heard, 0, on(Port::Circuit, SNARE));
            heard[place].at_ns = 40 * PULSE_NS;
        });
        assert!(failed.iter().any(|row| row == "the first drum"), "{failed:?}");
    }

    #[test]
    fn a_master_that_stumbles() {
        let failed = failing(|heard| {
            let place = nth(heard, 300, |heard| heard.port == Port::Ear);
            heard[place].at_ns += 1_500_000;
        });
        assert_eq!(failed, ["the master off its own grid"]);
    }
}
