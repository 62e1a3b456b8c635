//! What keys, pedals, pads and faders do: `on = "keys note 36"`, `do = "launch build"`.

use std::ops::Range;

use super::command::{self, Names};
use super::diagnostic::{Diagnostic, Report, quoted};
use super::keys::bind;
use super::light;
use super::phrase::{self, CHANNEL, Clause};
use super::pitch::Octaves;
use super::port::Port;
use super::reader::{Text, Value};
use super::track::Track;
use super::values::digits;
use crate::engine::program::{Binding, Does, MAX_AT_ONCE, MAX_BINDINGS, Trigger, Values};
use crate::engine::{Command, Switch};
use crate::midi::{Channel, Key};

/// Reads `[[bind]]`.
pub(super) fn read(
    value: &Value<'_>,
    ports: &[Port<'_>],
    tracks: &[Track<'_>],
    names: &Names<'_>,
    octaves: Octaves,
    report: &mut Report,
) -> Vec<Binding> {
    let Some(list) = value.list(bind::ENTRY, report) else { return Vec::new() };
    if let Some(binding) = list.get(MAX_BINDINGS) {
        report.add(binding.span.clone(), || {
            Diagnostic::new("there are too many bindings")
                .label("one too many")
                .help(format!("a set has at most {MAX_BINDINGS} bindings"))
        });
    }
    let mut bindings: Vec<Binding> = Vec::new();
    for value in list.iter().take(MAX_BINDINGS) {
        let Some(table) = value.table(&bind::TABLE, report) else { continue };
        let whose = || "the binding".to_owned();
        let on = table.require(bind::ON, report, whose).and_then(|value| value.text(report));
        let does = table.require(bind::DO, report, whose).and_then(|value| value.text(report));
        let light = table.take(bind::LIGHT).and_then(|value| Some((light::read(&value, report)?, value.span)));
        table.finish(report);
        let bound = does.as_ref().and_then(|text| understood(text, names, report));
        let Some((text, heard)) = on.and_then(|text| {
            let heard = trigger(&text, ports, octaves, report)?;
            Some((text, heard))
        }) else {
            continue;
        };
        let Some(bound) = bound else { continue };
        let (heard, range) = heard;
        let does = match (heard.trigger, bound) {
            // A program change does not come up again.
            (Trigger::Program(_), Does::Press { command: Command::Fill(_), release: Some(_) }) => {
                toggled(Command::Fill)
            }
            (Trigger::Program(_), Does::Press { command: Command::Hold(_), release: Some(_) }) => {
                toggled(Command::Hold)
            }
            (Trigger::Note(_) | Trigger::Program(_), Does::Slide(_)) => {
                report.add(text.span.clone(), || {
                    Diagnostic::new(format!("{} cannot be moved over a range", quoted(text.text)))
                        .label("expected what moves: `cc` and a number, or `bend`")
                        .help("for example `keys cc 20`")
                });
                continue;
            }
            (_, Does::Slide(_)) if range.is_some() => {
                report.add(range.map_or(text.span.clone(), |range| text.place(range)), || {
                    Diagnostic::new("a fader has its whole way")
                        .label("this range has no meaning here")
                        .help("the range in `do` says from where to where it goes")
                });
                continue;
            }
            (_, does) => does,
        };
        let mut binding = Binding { does, ..heard };
        binding.light = light::of(&binding, light, &text.span, ports, tracks, &bindings, report);
        // Said once, of the first that is too much.
        let do_all = |channel: u8| {
            let here = Binding { channel: Channel::from_number(channel), ..binding };
            here.meets(&binding) && bindings.iter().filter(|known| known.meets(&here)).count() == MAX_AT_ONCE
        };
        if (1..=Channel::COUNT as u8).any(do_all) {
            report.add(text.span.clone(), || {
                Diagnostic::new(format!("{} does too much at once", quoted(text.text)))
                    .label("one thing too many")
                    .help(format!("one message does at most {MAX_AT_ONCE} things"))
            });
        }
        bindings.push(binding);
    }
    bindings
}

/// Returns what a key does that cannot come up again.
fn toggled(command: impl Fn(Switch) -> Command) -> Does {
    Does::Press { command: command(Switch::Toggle), release: None }
}

/// Returns what `text` asks for.
fn understood(text: &Text<'_>, names: &Names<'_>, report: &mut Report) -> Option<Does> {
    command::bound(text.text, names)
        .map_err(|wrong| {
            let place = if wrong.span.is_empty() { text.span.clone() } else { text.place(wrong.span) };
            report.add(place, || Diagnostic::new(wrong.message).label(wrong.label).help(wrong.help));
        })
        .ok()
}

/// Returns what is listened for: a binding whose command stands for another; and where a range is, if there is one.
fn trigger(
    text: &Text<'_>,
    ports: &[Port<'_>],
    octaves: Octaves,
    report: &mut Report,
) -> Option<(Binding, Option<Range<usize>>)> {
    const NOTE: Clause = ("note", "a key");
    const CONTROLLER: Clause = ("cc", "a number");
    const PROGRAM: Clause = ("program", "a number");
    const BEND: &str = "bend";
    let known = [NOTE, CONTROLLER, PROGRAM, CHANNEL];
    let phrase = phrase::read_ranged(text, bind::ON, &known, &[BEND], ports, report)?;
    let channel = phrase::channel(&phrase, text, bind::ON, report);
    let triggers: Vec<&(&'static str, Range<usize>)> =
        phrase.clauses.iter().filter(|(word, _)| *word != CHANNEL.0).collect();
    let trigger = match *triggers.as_slice() {
        [(word, value)] if *word == NOTE.0 => key(text, value, octaves, report).map(Trigger::Note),
        [(word, _)] if *word == BEND => Some(Trigger::Bend),
        [(word, value)] if *word == CONTROLLER.0 => number(text, "controller", value, report).map(Trigger::Controller),
        [(word, value)] if *word == PROGRAM.0 => number(text, "program", value, report).map(Trigger::Program),
        [] | [_] => {
            // Where there is no such port, nothing is known of what is meant.
            if phrase.port.is_some() {
                report.add(text.span.clone(), || {
                    Diagnostic::new(format!("{} does not say what has to come", quoted(text.text)))
                        .label("expected `note`, `cc` or `program` and a number, or `bend`")
                        .help(format!("for example `{}`", bind::ON.example))
                });
            }
            None
        }
        [_, (_, second), ..] => {
            report.add(text.place(second.clone()), || {
                Diagnostic::new(format!("{} says two things that have to come", quoted(text.text)))
                    .label("one of them too many")
                    .help("write a `[[bind]]` for each")
            });
            None
        }
    };
    let (port, channel, trigger) = (phrase.port?, channel?, trigger?);
    let values = match &phrase.range {
        Some(range) => values(text, range, trigger, report)?,
        None => trigger.values(),
    };
    let does = Does::Press { command: Command::CancelLaunch, release: None };
    Some((Binding { port, channel, trigger, values, does, light: None }, phrase.range))
}

/// The values that count as down, written as `64..127`; those of a bend from -8192 to 8191.
fn values(text: &Text<'_>, range: &Range<usize>, trigger: Trigger, report: &mut Report) -> Option<Values> {
    let written = text.text.get(range.clone()).unwrap_or_default();
    let lowest = match trigger {
        Trigger::Note(_) => Some(1),
        Trigger::Controller(_) => Some(0),
        Trigger::Bend => Some(-8_192),
        Trigger::Program(_) => None,
    };
    let Some(lowest) = lowest else {
        report.add(text.place(range.clone()), || {
            Diagnostic::new("a program change has no value")
                .label("this range has no meaning here")
                .help("leave it out")
        });
        return None;
    };
    let (offset, highest) = match trigger {
        Trigger::Bend => (8_192, 8_191),
        Trigger::Note(_) | Trigger::Controller(_) | Trigger::Program(_) => (0, 127),
    };
    let number = |text: &str| text.parse::<i32>().ok().filter(|number| (lowest..=highest).contains(number));
    let ends = written.split_once("..").and_then(|(low, high)| Some((number(low)?, number(high)?)));
    let values = ends.filter(|(low, high)| low <= high).and_then(|(low, high)| {
        Some(Values { low: u16::try_from(low + offset).ok()?, high: u16::try_from(high + offset).ok()? })
    });
    if values.is_none() {
        report.add(text.place(range.clone()), || {
            Diagnostic::new(format!("{} is not a range of values", quoted(written)))
                .label(format!("expected two numbers from {lowest} to {highest}, the lower one first"))
                .help("for example `64..127`")
        });
    }
    values
}

/// A key by its number or its name.
fn key(text: &Text<'_>, value: &Range<usize>, octaves: Octaves, report: &mut Report) -> Option<Key> {
    let written = text.text.get(value.clone()).unwrap_or_default();
    if !written.bytes().all(|byte| byte.is_ascii_digit()) {
        return phrase::note(text, value.clone(), octaves, report);
    }
    let key = digits(written).and_then(Key::new);
    if key.is_none() {
        report.add(text.place(value.clone()), || {
            Diagnostic::new(format!("{} is not a key", quoted(written)))
                .label("expected a key from 0 to 127, or a note name")
                .help(format!("for example `{}`", bind::ON.example))
        });
    }
    key
}

/// The number of a controller or a program.
fn number(text: &Text<'_>, one: &str, value: &Range<usize>, report: &mut Report) -> Option<u8> {
    let written = text.text.get(value.clone()).unwrap_or_default();
    let number = digits::<u8>(written).filter(|&number| number < 128);
    if number.is_none() {
        report.add(text.place(value.clone()), || {
            Diagnostic::new(format!("{} is not the number of a {one}", quoted(written)))
                .label("expected a number from 0 to 127")
                .help(format!("for example `{}`", bind::ON.example))
        });
    }
    number
}
