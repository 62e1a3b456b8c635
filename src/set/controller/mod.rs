//! What controllers do in a pattern, as it is described there: points with lines between them, or an oscillator.
//!
//! Two files do the rest: `points` reads the text of points, `curve` makes events of what moves, no more of them than the
//! wire takes.

pub(super) mod curve;
mod points;

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, quoted};
use super::keys::{Key, lfo, pattern, points as points_keys};
use super::reader::{Name, Reader, Value};
use super::target::{self, range, value as on_the_wire};
use super::track::Track;
use super::values::{length, one_of, unknown_name};
use crate::engine::program::Target;
use crate::time::{Meter, TickSpan};
use points::Points;

/// What one controller of a track does.
pub(super) struct Controller {
    /// The track's place among the tracks.
    pub track: usize,
    pub target: Target,
    /// Where its name is.
    pub span: Range<usize>,
    movement: Movement,
}

/// How a value moves.
enum Movement {
    /// Through points, each lasting `step`, or all together the length of the pattern.
    Points { points: Points, step: Option<TickSpan>, span: Range<usize> },
    /// In a wave; `phase` in per cent.
    Wave { wave: Wave, low: u16, high: u16, length: Option<TickSpan>, phase: i64 },
    /// To another value in each step.
    Random { low: u16, high: u16, length: Option<TickSpan>, step: TickSpan },
}

/// The shapes of an oscillator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wave {
    Sine,
    Triangle,
    Saw,
    Square,
    Random,
}

/// The values of a target in a sentence.
fn values_of(target: Target) -> String {
    let range = range(target);
    format!("a whole number from {} to {}", range.start(), range.end())
}

/// Reads what the controllers of the tracks do.
pub(super) fn read(value: &Value<'_>, tracks: &[Track<'_>], meter: Meter, report: &mut Report) -> Vec<Controller> {
    let mut controllers: Vec<Controller> = Vec::new();
    for (name, value) in value.entries(pattern::TRACK_CONTROLLERS, report).unwrap_or_default() {
        let Some(track) = tracks.iter().position(|track| track.name == name.text) else {
            report.add(name.span.clone(), || {
                unknown_name("track", "tracks", name.text, tracks.iter().map(|track| track.name))
            });
            continue;
        };
        let first = controllers.len();
        for (name, value) in value.entries(pattern::CONTROLLER, report).unwrap_or_default() {
            let target = match target::parse(name.text) {
                Ok(target) => target,
                Err((why, near)) => {
                    report.add(name.span.clone(), || unknown_target(name.text, &why, near));
                    continue;
                }
            };
            // A track has few controllers, but a file may say otherwise.
            const LOOKED_AT: usize = 512;
            let same = controllers.iter().skip(first).take(LOOKED_AT).find(|known| known.target == target);
            if let Some(same) = same {
                let before = same.span.clone();
                report.add(name.span.clone(), || {
                    Diagnostic::new(format!("{} is the same controller as the one before", quoted(name.text)))
                        .label("twice on one track")
                        .also(before, "here it is first")
                        .help("leave one of them out")
                });
                continue;
            }
            if let Some(movement) = movement(&name, value, target, meter, report) {
                controllers.push(Controller { track, target, span: name.span, movement });
            }
        }
    }
    controllers
}

fn unknown_target(name: &str, why: &str, near: Option<String>) -> Diagnostic {
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "for example `74`, `bend` or `nrpn-1234`".to_owned(),
    };
    Diagnostic::new(format!("{} is not a controller", quoted(name))).label(why).help(help)
}

fn movement(name: &Name<'_>, value: Value<'_>, target: Target, meter: Meter, report: &mut Report) -> Option<Movement> {
    if value.is_text() {
        let text = value.text(report)?;
        let points = points::read(&text, target, report)?;
        return Some(Movement::Points { points, step: None, span: text.span });
    }
    if !value.is_table() {
        let points = Points::constant(number(&value, target, report)?);
        return Some(Movement::Points { points, step: None, span: value.span });
    }
    match (value.has(points_keys::POINTS), value.has(lfo::LFO)) {
        (true, false) => read_points(value.table(&points_keys::TABLE, report)?, target, meter, report),
        (false, true) => read_lfo(value.table(&lfo::TABLE, report)?, target, meter, report),
        (both, _) => {
            report.add(name.span.clone(), || {
                let has = if both { "both `points` and `lfo`" } else { "neither `points` nor `lfo`" };
                Diagnostic::new(format!("{} has {has}", quoted(name.text)))
                    .label(if both { "one of them too many" } else { "nothing to send" })
                    .help(format!("for example `{}`, or `{}`", points_keys::POINTS.example, lfo::LFO.example))
            });
            None
        }
    }
}

/// A value of `target`, as it is on the wire.
fn number(value: &Value<'_>, target: Target, report: &mut Report) -> Option<u16> {
    let Some(number) = value.integer() else {
        value.refuse(report);
        return None;
    };
    let known = i64::try_from(number).ok().and_then(|number| on_the_wire(target, number));
    if known.is_none() {
        value.refuse_because(report, || format!("expected {}", values_of(target)));
    }
    known
}

fn read_points(table: Reader<'_>, target: Target, meter: Meter, report: &mut Report) -> Option<Movement> {
    let text = table.take(points_keys::POINTS).and_then(|value| value.text(report));
    let points = text.as_ref().and_then(|text| points::read(text, target, report));
    let step = table.take(points_keys::STEP).and_then(|value| length(&value, meter, report));
    table.finish(report);
    Some(Movement::Points { points: points?, step, span: text?.span })
}

fn read_lfo(table: Reader<'_>, target: Target, meter: Meter, report: &mut Report) -> Option<Movement> {
    const EIGHTH: TickSpan = TickSpan(2 * TickSpan::SIXTEENTH.0);
    const WAVES: &[(&str, Wave)] = &[
        ("sine", Wave::Sine),
        ("triangle", Wave::Triangle),
        ("saw", Wave::Saw),
        ("square", Wave::Square),
        ("random", Wave::Random),
    ];
    let wave = table.take(lfo::LFO).and_then(|value| one_of(&value, WAVES, report));
    let mut bound = |key: Key| table.take(key).map(|value| (number(&value, target, report), value));
    let (low, high) = (bound(lfo::LOW), bound(lfo::HIGH));
    let lengthy = |key: Key, report: &mut Report| table.take(key).and_then(|value| length(&value, meter, report));
    let duration = lengthy(lfo::LENGTH, report);
    let step = lengthy(lfo::STEP, report);
    let phase = table.take(lfo::PHASE).and_then(|value| value.whole(0..=100, report));
    let low_value = low.as_ref().map_or(Some(0), |(value, _)| *value);
    let high_value = high.as_ref().map_or(Some(target.highest()), |(value, _)| *value);
    if let (Some(low_value), Some(high_value)) = (low_value, high_value)
        && low_value > high_value
        && let Some((_, value)) = low.as_ref().or(high.as_ref())
    {
        value.refuse_because(report, || "`low` is above `high`".to_owned());
        return None;
    }
    let useless = match wave {
        Some(Wave::Random) => table.take(lfo::PHASE).map(|value| (value, "a random value has no phase")),
        Some(_) => table.take(lfo::STEP).map(|value| (value, "only `lfo = \"random\"` has steps")),
        None => None,
    };
    if let Some((value, why)) = useless {
        value.refuse_because(report, || why.to_owned());
        return None;
    }
    table.finish(report);
    let (low, high) = (low_value?, high_value?);
    Some(match wave? {
        Wave::Random => Movement::Random { low, high, length: duration, step: step.unwrap_or(EIGHTH) },
        wave => Movement::Wave {
            wave,
            low,
            high,
            length: duration,
            phase: phase.and_then(|phase| i64::try_from(phase).ok()).unwrap_or(0),
        },
    })
}
