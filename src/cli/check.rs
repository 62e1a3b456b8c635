//! `tightrope check`: says what is in a set, what it asks of the wires and what it probably does not mean; or what is wrong
//! with it.

use std::io::Write;

use super::args::Check;
use super::failure::Failure;
use super::findings::Findings;
use super::json;
use crate::engine::program::{
    Action, AfterSong, ArpKeys, Event, Lane, Part, ProgramChange, Source, Track, TrackSlot, Wire,
};
use crate::offline::lints::Hint;
use crate::offline::text::{length, position};
use crate::session::source;
use crate::set::{Port, Set};
use crate::time::{Meter, Span, TickSpan};

/// Prints what is in a set. Lints are no failure.
///
/// # Errors
///
/// When the set cannot be read, or its mistakes.
pub(crate) fn check(args: &Check, out: &mut dyn Write) -> Result<(), Failure> {
    let set = source::load(&args.set).map_err(Failure::from);
    if args.json {
        return json::check(set.map(Findings::about), out);
    }
    let findings = Findings::about(set?);
    print(&findings.set, out)?;
    print_needs(&findings, out)?;
    print_hints(&findings.hints, out)?;
    Ok(())
}

/// Returns what each port has to carry, at its hardest moment.
fn print_needs(Findings { set, needs, .. }: &Findings, out: &mut dyn Write) -> std::io::Result<()> {
    let moments: Vec<_> = needs.iter().filter_map(|need| Some((need, need.moment?))).collect();
    if moments.is_empty() {
        return Ok(());
    }
    writeln!(out, "wires, at their hardest moments")?;
    for (need, moment) in moments {
        let name = port_name(set, need.port.0);
        let at = position(set.program.meter, moment.tick);
        let pattern = set.patterns.get(usize::from(moment.pattern.0)).map_or("?", String::as_str);
        let line = moment.line.map_or(String::new(), |line| format!(", line {line}"));
        let s = if moment.messages == 1 { "" } else { "s" };
        let millis = |late: Span| late.0 as f64 / 1e6;
        let (din, usb) = (millis(moment.din), millis(moment.usb));
        let late = match need.wire {
            Wire::Usb => format!("on USB up to {usb:.1} ms late (on DIN {din:.1} ms)"),
            Wire::Din => format!("on DIN {din:.1} ms late (on USB up to {usb:.1} ms)"),
        };
        let messages = moment.messages;
        writeln!(out, "  {name:<12} {messages} message{s} at {at} of {pattern}{line}; the last note has left {late}")?;
    }
    Ok(())
}

fn print_hints(hints: &[Hint], out: &mut dyn Write) -> std::io::Result<()> {
    if !hints.is_empty() {
        writeln!(out, "hints")?;
    }
    for hint in hints {
        let line = hint.line.map_or(String::new(), |line| format!("line {line}: "));
        writeln!(out, "  {line}{}", hint.message)?;
    }
    Ok(())
}

fn print(set: &Set, out: &mut dyn Write) -> std::io::Result<()> {
    let program = &set.program;
    let sources: Vec<&str> = program.clock.follow.iter().map(|slot| port_name(set, slot.0)).collect();
    let clock = if sources.is_empty() { "our own".into() } else { format!("follows {}", sources.join(", else ")) };
    writeln!(out, "set {}: {:.1} BPM, {}, clock: {clock}", set.name, program.tempo.bpm(), program.meter)?;
    writeln!(out, "ports")?;
    for (port, played) in set.ports.iter().zip(&program.ports) {
        let offset = match played.offset {
            Span::ZERO => String::new(),
            offset => format!(", {:+} ms", offset.0 as f64 / 1e6),
        };
        writeln!(out, "  {:<12} `{}`{}{offset}", port.name, port.device, port_roles(port))?;
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
    if !program.song.parts.is_empty() {
        writeln!(out, "song: {}", song(set))?;
    }
    writeln!(out, "patterns")?;
    for (name, pattern) in set.patterns.iter().zip(&program.patterns) {
        writeln!(out, "  {name:<12} {}", length(pattern.length, program.meter))?;
        for change in &pattern.programs {
            writeln!(out, "    {:<12} {}", sounds_on(set, change), program_summary(change))?;
        }
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
            let is_note = |event: &&Event| matches!(event.action, Action::Note { .. });
            let notes = steps.events.iter().filter(is_note).count();
            let values = steps.events.len() - notes;
            let counted = |count: usize, what: &str| match count {
                0 => None,
                1 => Some(format!("1 {what}")),
                _ => Some(format!("{count} {what}s")),
            };
            let what: Vec<String> = [counted(notes, "note"), counted(values, "value")].into_iter().flatten().collect();
            let what = if what.is_empty() { "silence".to_owned() } else { what.join(" and ") };
            // Not all of them in each pass.
            let at_most = if steps.events.iter().any(|event| event.guard.is_some()) { "at most " } else { "" };
            format!("{at_most}{what} in {}", length(steps.length, meter))
        }
        Source::Arp(arp) => match &arp.keys {
            ArpKeys::Written(keys, _) => format!("arpeggio of {} keys", keys.len()),
            ArpKeys::Held { .. } => "arpeggio of the keys that are held".into(),
        },
        Source::Feed(_) => "what comes while it plays".into(),
    }
}

/// The parts of the song in their order, and what follows them.
fn song(set: &Set) -> String {
    let program = &set.program;
    let part = |(name, part): (&String, &Part)| {
        let pattern = program.patterns.get(usize::from(part.pattern.0)).map_or(part.length, |pattern| pattern.length);
        match part.length.0 / pattern.0.max(1) {
            1 => name.clone(),
            times => format!("{name} x{times}"),
        }
    };
    let parts: Vec<String> = set.parts.iter().zip(&program.song.parts).map(part).collect();
    let then = match program.song.then {
        AfterSong::Hold => "the last one goes on",
        AfterSong::Loop => "then from the beginning",
        AfterSong::Stop => "then it stops",
    };
    let lasts = program.song.parts.iter().fold(TickSpan::ZERO, |sum, part| sum + part.length);
    format!("{} ({}); {then}", parts.join(", "), length(lasts, program.meter))
}

/// Whose program changes: the track on that channel, or the port and the channel where there is none.
fn sounds_on(set: &Set, change: &ProgramChange) -> String {
    let is_there = |track: &Track| track.port == change.port && track.channel == change.channel;
    match set.program.tracks.iter().position(is_there).and_then(|slot| set.tracks.get(slot)) {
        Some(name) => name.clone(),
        None => format!("{} {}", port_name(set, change.port.0), change.channel.number()),
    }
}

fn program_summary(change: &ProgramChange) -> String {
    match change.bank {
        Some(bank) => format!("program {} of bank {bank}", change.program),
        None => format!("program {}", change.program),
    }
}
