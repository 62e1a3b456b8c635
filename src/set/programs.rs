//! The sounds that a pattern needs: programs of tracks and of ports.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, listed, nearest, quoted};
use super::keys::{program, programs};
use super::port::Port;
use super::reader::{Name, Value};
use super::track::Track;
use super::values::length;
use crate::engine::program::{PortSlot, ProgramChange};
use crate::midi::Channel;
use crate::time::{Meter, TickSpan};

/// A program change, and who asked for it.
struct Asked {
    change: ProgramChange,
    /// It was asked for by the name of a track, which says more than that of a port.
    by_track: bool,
    span: Range<usize>,
}

impl Asked {
    fn place(&self) -> (PortSlot, Channel) {
        (self.change.port, self.change.channel)
    }
}

/// Reads the programs of a pattern in the order of the file, and by how much they are sent ahead. Where a track and a
/// port have the same name, the track is meant.
pub(super) fn read(
    value: &Value<'_>,
    tracks: &[Track<'_>],
    ports: &[Port<'_>],
    meter: Meter,
    report: &mut Report,
) -> (Vec<ProgramChange>, TickSpan) {
    let mut ahead = TickSpan::ZERO;
    let mut asked: Vec<Asked> = Vec::new();
    for (name, value) in value.entries(programs::CHANGE, report).unwrap_or_default() {
        if name.text == programs::AHEAD.name {
            ahead = length(&value.meant_as(programs::AHEAD), meter, report).unwrap_or(ahead);
            continue;
        }
        let Some(channels) = channels(&name, tracks, ports, report) else { continue };
        let Some((program, bank)) = change(&name, &value, report) else { continue };
        let by_track = tracks.iter().any(|track| track.name == name.text);
        for (port, channel) in channels {
            let change = ProgramChange { port, channel, bank, program };
            let new = Asked { change, by_track, span: name.span.clone() };
            match asked.iter_mut().find(|known| known.place() == new.place()) {
                None => asked.push(new),
                Some(known) if known.by_track && by_track => {
                    if known.change != new.change {
                        let before = known.span.clone();
                        report.add(name.span.clone(), || {
                            Diagnostic::new(format!("{} has another program already", quoted(name.text)))
                                .label("this track is on the same channel")
                                .also(before, "as this one")
                                .help("one channel has one program at a time; leave out one of the two")
                        });
                    }
                }
                Some(known) if by_track => *known = new,
                Some(_) => {}
            }
        }
    }
    (asked.into_iter().map(|asked| asked.change).collect(), ahead)
}

/// The channels that `name` means, if it means any.
fn channels(
    name: &Name<'_>,
    tracks: &[Track<'_>],
    ports: &[Port<'_>],
    report: &mut Report,
) -> Option<Vec<(PortSlot, Channel)>> {
    if let Some(track) = tracks.iter().find(|track| track.name == name.text) {
        return Some(vec![(track.port, track.channel)]);
    }
    let port = ports.iter().position(|port| port.name == name.text).and_then(|slot| u8::try_from(slot).ok());
    let Some(port) = port.map(PortSlot) else {
        report.add(name.span.clone(), || unknown(name.text, tracks, ports));
        return None;
    };
    let mut channels: Vec<(PortSlot, Channel)> = Vec::new();
    for track in tracks.iter().filter(|track| track.port == port) {
        if !channels.contains(&(port, track.channel)) {
            channels.push((port, track.channel));
        }
    }
    if channels.is_empty() {
        report.add(name.span.clone(), || {
            Diagnostic::new(format!("no track plays on the port {}", quoted(name.text)))
                .label("which channel?")
                .help("a program is that of a track's channel; add a track on this port")
        });
    }
    Some(channels)
}

fn unknown(name: &str, tracks: &[Track<'_>], ports: &[Port<'_>]) -> Diagnostic {
    let names = || tracks.iter().map(|track| track.name).chain(ports.iter().map(|port| port.name));
    let mut known: Vec<&str> = Vec::new();
    names().for_each(|name| {
        if !known.contains(&name) {
            known.push(name)
        }
    });
    let help = match nearest(name, names().chain([programs::AHEAD.name])) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "the set has no tracks and no ports yet".to_owned(),
        None => format!("the tracks and ports are {}", listed(known.into_iter())),
    };
    Diagnostic::new(format!("there is no track and no port {}", quoted(name)))
        .label("not a track or a port of this set")
        .help(help)
}

/// A program, and its bank if it has one.
fn change(name: &Name<'_>, value: &Value<'_>, report: &mut Report) -> Option<(u8, Option<u16>)> {
    let as_program = |program: i128| u8::try_from(program).ok();
    if !value.is_table() {
        return value.whole(0..=127, report).and_then(as_program).map(|program| (program, None));
    }
    let table = value.table(&program::TABLE, report)?;
    let whose = || format!("the program of {}", quoted(name.text));
    let program = table.require(program::PROGRAM, report, whose).and_then(|value| value.whole(0..=127, report));
    let bank = match table.take(program::BANK) {
        Some(value) => value.whole(0..=16_383, report).and_then(|bank| u16::try_from(bank).ok()).map(Some),
        None => Some(None),
    };
    table.finish(report);
    Some((program.and_then(as_program)?, bank?))
}
