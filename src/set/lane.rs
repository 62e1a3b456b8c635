//! What a track plays in a pattern, as it is described there: written steps or an arpeggio.

use super::keys::{arp, steps};
use super::length;
use super::mistake::{Mistake, Report, quoted};
use super::notation::GATES;
use super::reader::{Name, Reader, Text, Value};
use super::values::{gate, one_of, velocity};
use crate::engine::program::Pick;
use crate::midi::{Key, Velocity};
use crate::time::TickSpan;

/// How hard notes are struck where neither step, lane nor track says it.
pub(super) const VELOCITY: Velocity = match Velocity::new(100) {
    Some(velocity) => velocity,
    None => Velocity::MAX,
};
/// How much of its step a note sounds where neither step, lane nor track says it, in per cent.
pub(super) const GATE: u32 = 50;
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
    pub kind: Kind,
}

/// How the text of a lane is meant.
pub(super) enum Kind {
    /// Steps of one length; each line of the text loops on its own.
    Steps { step: TickSpan },
    /// The notes of an arpeggio.
    Arp { order: Order, lengths: Vec<TickSpan>, pick: Pick, rest: Option<TickSpan> },
}

/// Reads what the track in slot `track`, called `name`, plays.
pub(super) fn read<'t>(track: usize, name: &Name<'t>, value: Value<'t>, report: &mut Report) -> Option<Lane<'t>> {
    if value.is_text() {
        let text = value.text(report)?;
        return Some(Lane { track, text, velocity: None, gate: None, kind: Kind::Steps { step: TickSpan::SIXTEENTH } });
    }
    match (value.has(steps::STEPS), value.has(arp::ARP)) {
        (true, true) => {
            report.add(name.span.clone(), || {
                Mistake::new(format!("{} has both `steps` and `arp`", quoted(name.text)))
                    .label("one of them too many")
                    .help("a track plays steps or an arpeggio; give the other one a track of its own")
            });
            None
        }
        (false, true) => read_arp(track, value.table(&arp::TABLE, report)?, report),
        (true, false) => read_steps(track, value.table(&steps::TABLE, report)?, report),
        (false, false) => {
            if value.is_table() {
                report.add(name.span.clone(), || {
                    Mistake::new(format!("{} has neither `steps` nor `arp`", quoted(name.text)))
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

fn read_steps<'t>(track: usize, table: Reader<'t>, report: &mut Report) -> Option<Lane<'t>> {
    let text = table.take(steps::STEPS).and_then(|value| value.text(report));
    let step = table.take(steps::STEP).and_then(|value| read_length(&value, report)).unwrap_or(TickSpan::SIXTEENTH);
    let gate = gate(table.take(steps::GATE), *GATES.end(), report);
    let velocity = velocity(table.take(steps::VELOCITY), report);
    table.finish(report);
    Some(Lane { track, text: text?, velocity, gate, kind: Kind::Steps { step } })
}

/// In which order an arpeggio plays the notes that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// As they are written.
    Played,
    /// From the lowest to the highest.
    Up,
    /// From the highest to the lowest.
    Down,
    /// Up and down again, the outer notes once.
    UpDown,
    /// Each time any of them.
    Random,
}

impl Order {
    /// The keys as they are played, one after the other, and how the next is chosen.
    pub fn arrange(self, mut keys: Vec<Key>) -> (Vec<Key>, Pick) {
        match self {
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
}

fn read_arp<'t>(track: usize, table: Reader<'t>, report: &mut Report) -> Option<Lane<'t>> {
    const ORDERS: &[(&str, Order)] = &[
        ("played", Order::Played),
        ("up", Order::Up),
        ("down", Order::Down),
        ("up-down", Order::UpDown),
        ("random", Order::Random),
    ];
    const PICKS: &[(&str, Pick)] = &[("turn", Pick::Turn), ("random", Pick::Random)];
    let text = table.take(arp::ARP).and_then(|value| value.text(report));
    let order = table.take(arp::ORDER).and_then(|value| one_of(&value, ORDERS, report)).unwrap_or(Order::Played);
    let lengths = match table.take(arp::LENGTHS) {
        Some(value) => read_lengths(&value, report),
        None => vec![TickSpan::SIXTEENTH],
    };
    let pick = table.take(arp::PICK).and_then(|value| one_of(&value, PICKS, report)).unwrap_or(Pick::Turn);
    let rest = table.take(arp::REST).and_then(|value| read_length(&value, report));
    let gate = gate(table.take(arp::GATE), LONGEST_ARP_GATE, report);
    let velocity = velocity(table.take(arp::VELOCITY), report);
    table.finish(report);
    Some(Lane { track, text: text?, velocity, gate, kind: Kind::Arp { order, lengths, pick, rest } })
}

fn read_lengths(value: &Value<'_>, report: &mut Report) -> Vec<TickSpan> {
    let Some(list) = value.list(arp::LENGTH, report) else { return Vec::new() };
    if list.is_empty() || list.len() > MAX_ARP_LENGTHS {
        value.refuse_because(report, || format!("expected 1 to {MAX_ARP_LENGTHS} lengths"));
        return Vec::new();
    }
    list.iter().filter_map(|value| read_length(value, report)).collect()
}

fn read_length(value: &Value<'_>, report: &mut Report) -> Option<TickSpan> {
    let text = value.text(report)?;
    length::parse(text.text).map_err(|why| value.refuse_because(report, || why)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrange_the_keys_as_they_are_played() {
        let arranged = |order: Order, keys: &[u8]| {
            let (keys, pick) = order.arrange(keys.iter().map(|&key| Key::from_data(key)).collect());
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
