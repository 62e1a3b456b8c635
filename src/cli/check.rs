//! `tightrope check`: says what is in a set, or what is wrong with it.

use std::io::Write;

use super::args::Check;
use super::failure::Failure;
use super::source;
use crate::engine::program::{ArpKeys, Lane, Source, TrackSlot};
use crate::set::{Port, Set};
use crate::time::{Meter, TickSpan};

/// Prints what is in a set.
///
/// # Errors
///
/// When the set cannot be read, or its mistakes.
pub fn check(args: &Check, out: &mut dyn Write) -> Result<(), Failure> {
    let set = source::load(&args.set)?;
    print(&set, out)?;
    Ok(())
}

fn print(set: &Set, out: &mut dyn Write) -> std::io::Result<()> {
    let program = &set.program;
    let clock = program.clock.follow.map_or("our own".into(), |slot| format!("follows {}", port_name(set, slot.0)));
    writeln!(out, "set {}: {:.1} BPM, {}, clock: {clock}", set.name, program.tempo.bpm(), program.meter)?;
    writeln!(out, "ports")?;
    for port in &set.ports {
        writeln!(out, "  {:<12} `{}`{}", port.name, port.device, port_roles(port))?;
    }
    writeln!(out, "tracks")?;
    for (name, track) in set.tracks.iter().zip(&program.tracks) {
        let keys = match track.transpose {
            Some(transpose) => format!(", moved by the keys of {}", port_name(set, transpose.port.0)),
            None => String::new(),
        };
        let port = port_name(set, track.port.0);
        writeln!(out, "  {name:<12} {port}, channel {}{keys}", track.channel.number())?;
    }
    writeln!(out, "patterns")?;
    for (name, pattern) in set.patterns.iter().zip(&program.patterns) {
        writeln!(out, "  {name:<12} {}", bars(pattern.length, program.meter))?;
        for (clip, lane) in pattern.clips.iter().flat_map(|clip| clip.lanes.iter().map(move |lane| (clip, lane))) {
            writeln!(out, "    {:<12} {}", track_name(set, clip.track), lane_summary(lane, program.meter))?;
        }
    }
    Ok(())
}

fn port_roles(port: &Port) -> String {
    let roles = [(port.input, "listened to"), (port.output, "played on"), (port.clock, "gets the clock")];
    let mut text: String = roles.iter().filter(|(has, _)| *has).map(|(_, role)| format!(", {role}")).collect();
    if port.optional {
        text.push_str(", optional");
    }
    text
}

fn port_name(set: &Set, slot: u8) -> &str {
    set.ports.get(usize::from(slot)).map_or("?", |port| &port.name)
}

fn track_name(set: &Set, slot: TrackSlot) -> &str {
    set.tracks.get(usize::from(slot.0)).map_or("?", String::as_str)
}

fn lane_summary(lane: &Lane, meter: Meter) -> String {
    match &lane.source {
        Source::Steps(steps) => {
            let notes = steps.events.len();
            let s = if notes == 1 { "" } else { "s" };
            format!("{notes} note{s} in {}", bars(steps.length, meter))
        }
        Source::Arp(arp) => match &arp.keys {
            ArpKeys::Written(keys, _) => format!("arpeggio of {} keys", keys.len()),
            ArpKeys::Held { .. } => "arpeggio of the keys that are held".into(),
        },
    }
}

/// A length in bars, or in quarter notes where it is no whole number of bars.
fn bars(length: TickSpan, meter: Meter) -> String {
    let bar = meter.bar().0;
    match (length.0 / bar, length.0 % bar) {
        (1, 0) => "1 bar".into(),
        (bars, 0) => format!("{bars} bars"),
        _ => format!("{} quarters", length.0 as f64 / TickSpan::QUARTER.0 as f64),
    }
}
