//! What `check` finds, for programs: one JSON object, the same shape whether the set can be played or not.

use std::io::Write;

use serde_json::{Value, json};

use super::failure::Failure;
use super::findings::Findings;
use crate::engine::program::Source;
use crate::engine::program::{PatternSlot, Wire};
use crate::offline::dry_run::lanes;
use crate::offline::text::position;
use crate::set::{Mistakes, Set};
use crate::time::Span;

/// Prints what was found, or the mistakes.
///
/// # Errors
///
/// [`Failure::Told`] for a set with mistakes; when the set could not be read, why.
pub(crate) fn check(found: Result<Findings, Failure>, out: &mut dyn Write) -> Result<(), Failure> {
    match found {
        Ok(findings) => {
            writeln!(out, "{:#}", described(&findings))?;
            Ok(())
        }
        Err(Failure::Mistakes(mistakes)) => {
            writeln!(out, "{:#}", wrong(&mistakes))?;
            Err(Failure::Told)
        }
        Err(other) => Err(other),
    }
}

fn wrong(mistakes: &Mistakes) -> Value {
    let list = mistakes.list().iter().map(|mistake| {
        let (line, column) = mistake.line_column().unzip();
        json!({
            "line": line,
            "column": column,
            "message": mistake.message,
            "label": mistake.label,
            "help": mistake.help,
        })
    });
    json!({ "ok": false, "mistakes": list.collect::<Vec<_>>(), "more_mistakes": mistakes.more() })
}

fn described(Findings { set, needs, hints }: &Findings) -> Value {
    let program = &set.program;
    let millis = |span: Span| span.0 as f64 / 1e6;
    let port_name = |slot: u8| set.ports.get(usize::from(slot)).map(|port| port.name.clone());
    let ports = set.ports.iter().zip(&program.ports).map(|(port, plan)| {
        json!({
            "name": port.name,
            "device": port.device,
            "clock": port.clock,
            "optional": port.optional,
            "input": port.input,
            "output": port.output,
            "offset_ms": millis(plan.offset),
        })
    });
    let tracks = set.tracks.iter().zip(&program.tracks).map(
        |(name, track)| json!({ "name": name, "port": port_name(track.port.0), "channel": track.channel.number() }),
    );
    let wires = needs.iter().map(|need| {
        let moment = need.moment.map(|moment| {
            json!({
                "pattern": set.patterns.get(usize::from(moment.pattern.0)),
                "position": position(program.meter, moment.tick),
                "tick": moment.tick.0,
                "messages": moment.messages,
                "line": moment.line,
                "late_on_din_ms": millis(moment.din),
                "late_on_usb_ms": millis(moment.usb),
            })
        });
        let wire = match need.wire {
            Wire::Usb => "usb",
            Wire::Din => "din",
        };
        json!({ "port": port_name(need.port.0), "wire": wire, "hardest": moment })
    });
    let hints = hints.iter().map(|hint| json!({ "line": hint.line, "message": hint.message }));
    json!({
        "ok": true,
        "mistakes": [],
        "more_mistakes": 0,
        "name": set.name,
        "tempo": program.tempo.bpm(),
        "meter": program.meter.to_string(),
        "follows": program.clock.follow.iter().map(|slot| port_name(slot.0)).collect::<Vec<_>>(),
        "ports": ports.collect::<Vec<_>>(),
        "tracks": tracks.collect::<Vec<_>>(),
        "patterns": patterns(set),
        "wires": wires.collect::<Vec<_>>(),
        "hints": hints.collect::<Vec<_>>(),
    })
}

fn patterns(set: &Set) -> Vec<Value> {
    let bar = set.program.meter.bar().0;
    let patterns = (0..).map(PatternSlot).zip(set.patterns.iter().zip(&set.program.patterns));
    patterns
        .map(|(slot, (name, pattern))| {
            let lines = lanes(pattern).map(|(track, number, lane)| {
                let (kind, events, ticks) = match &lane.source {
                    Source::Steps(steps) => ("steps", Some(steps.events.len()), Some(steps.length.0)),
                    Source::Arp(_) => ("arp", None, None),
                    Source::Feed(_) => ("feed", None, None),
                };
                json!({
                    "track": set.tracks.get(usize::from(track.0)),
                    "line": set.places.line(slot, track, number),
                    "kind": kind,
                    "events": events,
                    "ticks": ticks,
                })
            });
            json!({ "name": name, "bars": pattern.length.0 / bar, "lines": lines.collect::<Vec<_>>() })
        })
        .collect()
}
