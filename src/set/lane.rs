//! What a track plays in a pattern, as it is described there: written steps or an arpeggio.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, quoted};
use super::keys::{arp, steps};
use super::notation::GATES;
use super::phrase;
use super::port::Port;
use super::reader::{Name, Reader, Text, Value};
use super::values::{gate, length, one_of, velocity};
use crate::engine::program::{Order, Pick, PortSlot, Swing};
use crate::midi::{Channel, Key, Velocity};
use crate::time::{Meter, TickSpan};

/// How hard notes are struck where neither step, lane nor track says it.
pub const VELOCITY: Velocity = match Velocity::new(100) {
    Some(velocity) => velocity,
    None => Velocity::MAX,
};
/// How much of its step a note sounds where neither step, lane nor track says it, in per cent.
pub const GATE: u32 = 50;
/// The longest gate of an arpeggio's notes, in per cent.
pub(super) const LONGEST_ARP_GATE: u32 = 100;
/// The most notes of an arpeggio.
pub(super) const MAX_ARP_NOTES: usize = 128;
/// The most lengths of an arpeggio.
const MAX_ARP_LENGTHS: usize = 128;

/// What one track plays in a pattern.
pub(super) struct Lane<'t> {
    /// The track's place among the tracks.
    pub track: usize,
    /// What it is said to play.
    pub text: Text<'t>,
    /// How hard the notes are struck, if that is said here.
    pub velocity: Option<Velocity>,
    /// How long the notes sound in per cent, if that is said here.
    pub gate: Option<u32>,
    pub swing: Swing,
    /// By how many octaves the notes are moved, and where that is written.
    pub octave: Option<(i8, Range<usize>)>,
    /// What chance starts from, if that is said here.
    pub seed: Option<u64>,
    pub kind: Kind,
}

impl Lane<'_> {
    /// The keys that a transposition by octaves makes of `key`; `None` off the keyboard.
    pub(crate) fn moved(&self, key: Key) -> Option<Key> {
        let octave = self.octave.as_ref().map_or(0, |&(octave, _)| octave);
        u8::try_from(i32::from(key.number()) + 12 * i32::from(octave)).ok().and_then(Key::new)
    }
}

/// How the text of a lane is meant.
pub(super) enum Kind {
    /// Steps of one length; each line of the text loops on its own.
    Steps { step: TickSpan },
    /// An arpeggio.
    Arp { held: Option<Held>, order: Order, lengths: Vec<TickSpan>, pick: Pick, rest: Option<TickSpan> },
}

/// The keyboard whose keys an arpeggio plays, instead of the notes of its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub port: PortSlot,
    pub channel: Option<Channel>,
}

/// Reads what the track in slot `track`, called `name`, plays.
pub(super) fn read<'t>(
    track: usize,
    name: &Name<'t>,
    value: Value<'t>,
    ports: &[Port<'_>],
    meter: Meter,
    report: &mut Report,
) -> Option<Lane<'t>> {
    if value.is_text() {
        let text = value.text(report)?;
        let kind = Kind::Steps { step: TickSpan::SIXTEENTH };
        return Some(Lane {
            track,
            text,
            velocity: None,
            gate: None,
            swing: Swing::NONE,
            octave: None,
            seed: None,
            kind,
        });
    }
    let sources = [steps::STEPS, arp::ARP, arp::HELD].into_iter().filter(|&key| value.has(key));
    match *sources.map(|key| key.name).collect::<Vec<_>>() {
        [first, second, ..] => {
            report.add(name.span.clone(), || {
                Diagnostic::new(format!("{} has both `{first}` and `{second}`", quoted(name.text)))
                    .label("one of them too many")
                    .help("a track plays steps or an arpeggio; give the other one a track of its own")
            });
            None
        }
        [only] if only == steps::STEPS.name => read_steps(track, value.table(&steps::TABLE, report)?, meter, report),
        [_] => read_arp(track, value.table(&arp::TABLE, report)?, ports, meter, report),
        [] => {
            if value.is_table() {
                report.add(name.span.clone(), || {
                    Diagnostic::new(format!("{} has neither `steps` nor `arp` nor `held`", quoted(name.text)))
                        .label("nothing to play")
                        .help(format!(
                            "add steps such as `{}`, or notes such as `{}`",
                            steps::STEPS.example,
                            arp::ARP.example
                        ))
                });
            } else {
                value.refuse(report);
            }
            None
        }
    }
}

fn read_steps<'t>(track: usize, table: Reader<'t>, meter: Meter, report: &mut Report) -> Option<Lane<'t>> {
    let text = table.take(steps::STEPS).and_then(|value| value.text(report));
    let step = table.take(steps::STEP).and_then(|value| length(&value, meter, report)).unwrap_or(TickSpan::SIXTEENTH);
    let gate = gate(table.take(steps::GATE), *GATES.end(), report);
    let velocity = velocity(table.take(steps::VELOCITY), report);
    let swing = swing(table.take(steps::SWING), step, meter, report);
    let octave = octave(table.take(steps::OCTAVE), report);
    let seed = seed(table.take(steps::SEED), report);
    table.finish(report);
    Some(Lane { track, text: text?, velocity, gate, swing, octave, seed, kind: Kind::Steps { step } })
}

fn swing(value: Option<Value<'_>>, step: TickSpan, meter: Meter, report: &mut Report) -> Swing {
    let percent = value.and_then(|value| value.whole(50..=75, report)).and_then(|percent| u32::try_from(percent).ok());
    percent.map_or(Swing::NONE, |percent| Swing::new(step, percent, meter.bar()))
}

fn octave(value: Option<Value<'_>>, report: &mut Report) -> Option<(i8, Range<usize>)> {
    let value = value?;
    let octave = value.whole(-10..=10, report)?;
    Some((i8::try_from(octave).ok()?, value.span))
}

/// Returns what chance starts from, if `value` is there and says it.
pub(super) fn seed(value: Option<Value<'_>>, report: &mut Report) -> Option<u64> {
    let seed = value?.whole(0..=i128::from(u64::MAX), report)?;
    u64::try_from(seed).ok()
}

/// Written keys as an arpeggio plays them in `order`, one after the other, and how the next is chosen.
pub(super) fn arrange(order: Order, mut keys: Vec<Key>) -> (Vec<Key>, Pick) {
    match order {
        Order::Played => {}
        Order::Up => keys.sort_unstable(),
        Order::Down => keys.sort_unstable_by(|a, b| b.cmp(a)),
        Order::UpDown => {
            keys.sort_unstable();
            let inner = keys.len().saturating_sub(1);
            let down: Vec<Key> = keys.get(1..inner).unwrap_or_default().iter().rev().copied().collect();
            keys.extend(down);
        }
        Order::Random => return (keys, Pick::Random),
    }
    (keys, Pick::Turn)
}

fn read_arp<'t>(
    track: usize,
    table: Reader<'t>,
    ports: &[Port<'_>],
    meter: Meter,
    report: &mut Report,
) -> Option<Lane<'t>> {
    const ORDERS: &[(&str, Order)] = &[
        ("played", Order::Played),
        ("up", Order::Up),
        ("down", Order::Down),
        ("up-down", Order::UpDown),
        ("random", Order::Random),
    ];
    const PICKS: &[(&str, Pick)] = &[("turn", Pick::Turn), ("random", Pick::Random)];
    let written = table.take(arp::ARP).and_then(|value| value.text(report));
    let keyboard = table.take(arp::HELD).and_then(|value| value.text(report));
    let held = keyboard.as_ref().and_then(|text| held(text, ports, report));
    let order = table.take(arp::ORDER).and_then(|value| one_of(&value, ORDERS, report)).unwrap_or(Order::Played);
    let lengths = match table.take(arp::LENGTHS) {
        Some(value) => read_lengths(&value, meter, report),
        None => vec![TickSpan::SIXTEENTH],
    };
    let pick = table.take(arp::PICK).and_then(|value| one_of(&value, PICKS, report)).unwrap_or(Pick::Turn);
    let rest = table.take(arp::REST).and_then(|value| length(&value, meter, report));
    let gate = gate(table.take(arp::GATE), LONGEST_ARP_GATE, report);
    let velocity = velocity(table.take(arp::VELOCITY), report);
    let step = table.take(arp::STEP).and_then(|value| length(&value, meter, report)).unwrap_or(TickSpan::SIXTEENTH);
    let swing = swing(table.take(arp::SWING), step, meter, report);
    let octave = octave(table.take(arp::OCTAVE), report);
    let seed = seed(table.take(arp::SEED), report);
    table.finish(report);
    let kind = Kind::Arp { held, order, lengths, pick, rest };
    // A keyboard that there is not leaves nothing to play.
    let text = written.or(keyboard.filter(|_| held.is_some()))?;
    Some(Lane { track, text, velocity, gate, swing, octave, seed, kind })
}

fn held(text: &Text<'_>, ports: &[Port<'_>], report: &mut Report) -> Option<Held> {
    let phrase = phrase::read(text, arp::HELD, &[phrase::CHANNEL], ports, report)?;
    let channel = phrase::channel(&phrase, text, arp::HELD, report)?;
    Some(Held { port: phrase.port?, channel })
}

fn read_lengths(value: &Value<'_>, meter: Meter, report: &mut Report) -> Vec<TickSpan> {
    let Some(list) = value.list(arp::LENGTH, report) else { return Vec::new() };
    if list.is_empty() || list.len() > MAX_ARP_LENGTHS {
        value.refuse_because(report, || format!("expected 1 to {MAX_ARP_LENGTHS} lengths"));
        return Vec::new();
    }
    list.iter().filter_map(|value| length(value, meter, report)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrange_the_keys_as_they_are_played() {
        let arranged = |order: Order, keys: &[u8]| {
            let (keys, pick) = arrange(order, keys.iter().map(|&key| Key::from_data(key)).collect());
            (keys.iter().map(|key| key.number()).collect::<Vec<_>>(), pick)
        };
        let written = [72, 65, 67];
        assert_eq!(arranged(Order::Played, &written), (vec![72, 65, 67], Pick::Turn));
        assert_eq!(arranged(Order::Up, &written), (vec![65, 67, 72], Pick::Turn));
        assert_eq!(arranged(Order::Down, &written), (vec![72, 67, 65], Pick::Turn));
        assert_eq!(arranged(Order::UpDown, &written), (vec![65, 67, 72, 67], Pick::Turn));
        assert_eq!(arranged(Order::UpDown, &[60, 64]), (vec![60, 64], Pick::Turn));
        assert_eq!(arranged(Order::UpDown, &[60]), (vec![60], Pick::Turn));
        assert_eq!(arranged(Order::Random, &written).1, Pick::Random);
    }
}
