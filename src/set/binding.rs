//! What keys, pedals and pads do: `on = "keys note 36"`, `do = "launch build"`.

use std::ops::Range;

use super::command::{self, Names};
use super::keys::bind;
use super::mistake::{Mistake, Report, quoted};
use super::phrase::{self, CHANNEL, Clause};
use super::pitch::Octaves;
use super::port::Port;
use super::reader::{Text, Value};
use super::values::digits;
use crate::engine::program::{Binding, MAX_AT_ONCE, MAX_BINDINGS, Trigger};
use crate::engine::{Command, Switch};
use crate::midi::{Channel, Key};

/// Reads `[[bind]]`.
pub(super) fn read(
    value: &Value<'_>,
    ports: &[Port<'_>],
    names: &Names<'_>,
    octaves: Octaves,
    report: &mut Report,
) -> Vec<Binding> {
    let Some(list) = value.list(bind::ENTRY, report) else { return Vec::new() };
    if let Some(binding) = list.get(MAX_BINDINGS) {
        report.add(binding.span.clone(), || {
            Mistake::new("there are too many bindings")
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
        table.finish(report);
        let bound = does.as_ref().and_then(|text| understood(text, names, report));
        let Some((text, heard)) = on.and_then(|text| {
            let heard = trigger(&text, ports, octaves, report)?;
            Some((text, heard))
        }) else {
            continue;
        };
        let Some(bound) = bound else { continue };
        let (press, release) = match (heard.trigger, bound.press, bound.release) {
            // A program change does not come up again.
            (Trigger::Program(_), Command::Fill(_), Some(_)) => (Command::Fill(Switch::Toggle), None),
            (Trigger::Program(_), Command::Hold(_), Some(_)) => (Command::Hold(Switch::Toggle), None),
            (_, press, release) => (press, release),
        };
        let binding = Binding { command: press, release, ..heard };
        // Said once, of the first that is too much.
        let do_all = |channel: u8| {
            let here = Binding { channel: Channel::from_number(channel), ..binding };
            here.meets(&binding) && bindings.iter().filter(|known| known.meets(&here)).count() == MAX_AT_ONCE
        };
        if (1..=Channel::COUNT as u8).any(do_all) {
            report.add(text.span.clone(), || {
                Mistake::new(format!("{} does too much at once", quoted(text.text)))
                    .label("one thing too many")
                    .help(format!("one message does at most {MAX_AT_ONCE} things"))
            });
        }
        bindings.push(binding);
    }
    bindings
}

/// The command that `text` writes.
fn understood(text: &Text<'_>, names: &Names<'_>, report: &mut Report) -> Option<command::Bound> {
    command::bound(text.text, names)
        .map_err(|wrong| {
            let place = if wrong.span.is_empty() { text.span.clone() } else { text.place(wrong.span) };
            report.add(place, || Mistake::new(wrong.message).label(wrong.label).help(wrong.help));
        })
        .ok()
}

/// What is listened for: a binding whose command stands for another.
fn trigger(text: &Text<'_>, ports: &[Port<'_>], octaves: Octaves, report: &mut Report) -> Option<Binding> {
    const NOTE: Clause = ("note", "a key");
    const CONTROLLER: Clause = ("cc", "a number");
    const PROGRAM: Clause = ("program", "a number");
    let phrase = phrase::read(text, bind::ON, &[NOTE, CONTROLLER, PROGRAM, CHANNEL], ports, report)?;
    let channel = phrase::channel(&phrase, text, bind::ON, report);
    let triggers: Vec<&(&'static str, Range<usize>)> =
        phrase.clauses.iter().filter(|(word, _)| *word != CHANNEL.0).collect();
    let trigger = match *triggers.as_slice() {
        [(word, value)] if *word == NOTE.0 => key(text, value, octaves, report).map(Trigger::Note),
        [(word, value)] => {
            let is_controller = *word == CONTROLLER.0;
            let number = number(text, if is_controller { "controller" } else { "program" }, value, report);
            number.map(if is_controller { Trigger::Controller } else { Trigger::Program })
        }
        [] => {
            // Where there is no such port, nothing is known of what is meant.
            if phrase.port.is_some() {
                report.add(text.span.clone(), || {
                    Mistake::new(format!("{} does not say what has to come", quoted(text.text)))
                        .label("expected `note`, `cc` or `program` and a number")
                        .help(format!("for example `{}`", bind::ON.example))
                });
            }
            None
        }
        [_, (_, second), ..] => {
            report.add(text.place(second.clone()), || {
                Mistake::new(format!("{} says two things that have to come", quoted(text.text)))
                    .label("one of them too many")
                    .help("write a `[[bind]]` for each")
            });
            None
        }
    };
    let (port, channel, trigger) = (phrase.port?, channel?, trigger?);
    Some(Binding { port, channel, trigger, command: Command::Withdraw, release: None })
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
            Mistake::new(format!("{} is not a key", quoted(written)))
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
            Mistake::new(format!("{} is not the number of a {one}", quoted(written)))
                .label("expected a number from 0 to 127")
                .help(format!("for example `{}`", bind::ON.example))
        });
    }
    number
}
