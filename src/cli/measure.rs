//! `tightrope measure OUT IN`: how long a message takes through a cable from one port to another.
//!
//! One message at a time: it is sent, and waited for. It goes the way of every message of a show: midir's send, the driver, the
//! wire, the driver's stamp, the ring. So half of what is measured is about what stands between a show and an instrument; the
//! rest is the way back, which no note takes.
//!
//! The message is controller 119 on channel 16, which has no meaning, with a number that counts. Where something else comes in
//! meanwhile, it is passed over; a message that does not come back within a quarter of a second is lost.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::args::Measure;
use super::failure::Failure;
use super::printer::{Readable, percentiles};
use crate::control::report;
use crate::engine::program::{PortSlot, Program};
use crate::io::ports::{Inventory, NotFound, PortName, Scanner, find};
use crate::io::{input, output};
use crate::link::{Histogram, InputEvent, OCTAVES, RtEnd, link};
use crate::midi::{Channel, Message};
use crate::rt::Settings;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::rt::sched;
use crate::set::{Set, builtin};
use crate::time::{Nanos, Span};

/// The controller that is sent: one that the standard leaves undefined.
const CONTROLLER: u8 = 119;

/// How long one message is waited for.
const PATIENCE: Span = Span::from_millis(250);

/// From one message to the next, besides the way itself; and how many different such pauses there are, 0.1 ms apart, so that
/// the messages do not fall into step with the frames of USB.
const PAUSE: Span = Span::from_millis(2);
const PAUSES: i64 = 17;

/// How many messages may be lost in a row before it is certain that there is no way.
const LOST_IN_A_ROW: u32 = 8;

/// How wide the picture's longest bar is.
const WIDEST: u64 = 50;

/// What was measured.
struct Measured {
    trips: Histogram,
    sends: Histogram,
    lost: u32,
    granted: String,
}

/// Measures, and prints percentiles and a picture.
///
/// # Errors
///
/// When a port is not there, or cannot be opened, or nothing comes back.
pub(crate) fn measure(args: &Measure, out: &mut dyn Write) -> Result<(), Failure> {
    let scanner = Scanner::open().map_err(|no_midi| Failure::Devices(format!("no MIDI: {no_midi}")))?;
    let inventory = scanner.look();
    let to = find_port(&args.output, &inventory.outputs)?;
    let from = find_port(&args.input, &inventory.inputs)?;
    let measured = trips(&inventory, to, from, args.count)?;
    let (to, from) = (&inventory.outputs[to], &inventory.inputs[from]);
    let trips = measured.trips.percentiles();
    if trips.count == 0 {
        return Err(Failure::Devices(format!(
            "nothing came back: is there a cable from `{to}` to `{from}`, and does the device pass on what it gets?"
        )));
    }
    if args.json {
        let found = json!({
            "out": to.full,
            "in": from.full,
            "round_trip_ns": report::percentiles(&trips),
            "send_ns": report::percentiles(&measured.sends.percentiles()),
            "lost": measured.lost,
            "granted": measured.granted,
        });
        writeln!(out, "{found:#}")?;
        return Ok(());
    }
    writeln!(out, "from `{to}` to `{from}`; {}", measured.granted)?;
    writeln!(out, "round trip: {}", percentiles(&trips))?;
    writeln!(out, "of it, send: {}", percentiles(&measured.sends.percentiles()))?;
    writeln!(out, "lost: {}\n", measured.lost)?;
    picture(&measured.trips.octaves(), out)?;
    Ok(())
}

fn find_port(name: &str, ports: &[PortName]) -> Result<usize, Failure> {
    let found = find(&[name], ports).into_iter().next().unwrap_or(Err(NotFound::Missing));
    found.map_err(|why| {
        let list = |names: Vec<String>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Failure::Devices(match why {
            NotFound::Ambiguous(names) => format!("`{name}` could be any of: {}; write more of the name", list(names)),
            NotFound::Missing if ports.is_empty() => format!("`{name}` is not there, nor is any other port"),
            NotFound::Missing => {
                format!(
                    "`{name}` is not there; there is: {}",
                    list(ports.iter().map(|port| port.full.clone()).collect())
                )
            }
        })
    })
}

/// A program to make a link for; nothing of it is played.
fn any_program() -> Result<Program, Failure> {
    let set = builtin::all().first().and_then(|set| Set::parse(set.name, set.text.as_bytes()).ok());
    set.map(|set| set.program)
        .ok_or_else(|| Failure::Refused("the built-in set has a mistake; please report this".into()))
}

fn trips(inventory: &Inventory, to: usize, from: usize, count: u32) -> Result<Measured, Failure> {
    let clock = Monotonic::start();
    let settings = Settings::default();
    let hooks =
        input::Hooks { now: Arc::new(move || clock.now()), promote: Arc::new(move || drop(settings.promote_input())) };
    let (_control, end, in_ends) = link(any_program()?, &[PortSlot(0)]);
    let in_end = in_ends.into_iter().next().ok_or_else(|| Failure::Refused("there is no ring to hear by".into()))?;
    let channel = Channel::from_status(15);
    let mut connection = output::open(inventory, to, "measure", &[channel])?;
    let (home, _homes) = mpsc::channel();
    // The thread that waits has to be known before anybody wakes it.
    let (ready_tx, ready) = mpsc::sync_channel(1);
    let (begin, begun) = mpsc::sync_channel::<()>(1);
    let trips = thread::Builder::new()
        .spawn(move || {
            let mut end = end;
            end.attend();
            let granted = sched::promote(settings.policy, settings.priority, None);
            let _ = ready_tx.send(());
            let mut measured = Measured {
                trips: Histogram::default(),
                sends: Histogram::default(),
                lost: 0,
                granted: granted.to_string(),
            };
            if begun.recv().is_err() {
                return measured;
            }
            let mut lost_in_a_row = 0;
            for number in 0..count {
                let value = (number % 128) as u8;
                let before = clock.now();
                let sent = connection.send(Message::ControlChange(channel, CONTROLLER, value));
                measured.sends.record(clock.now().since(before));
                let came = sent.ok().and_then(|()| await_value(&mut end, &clock, value, before + PATIENCE));
                match came {
                    Some(came) => {
                        measured.trips.record(came.since(before));
                        lost_in_a_row = 0;
                    }
                    None => {
                        measured.lost += 1;
                        lost_in_a_row += 1;
                    }
                }
                if lost_in_a_row == LOST_IN_A_ROW {
                    break;
                }
                let pause = PAUSE.0 + i64::from(number) % PAUSES * 100_000;
                thread::sleep(Duration::from_nanos(pause.unsigned_abs()));
            }
            measured
        })
        .map_err(Failure::System)?;
    let failed = || Failure::Refused("the measuring thread failed".into());
    ready.recv().map_err(|_| failed())?;
    let input = input::open(inventory, from, "measure", in_end, hooks, home)?;
    begin.send(()).map_err(|_| failed())?;
    let measured = trips.join().map_err(|_| failed())?;
    drop(input);
    Ok(measured)
}

/// Returns when the message with `value` came; `None` where it has not by `until`.
fn await_value(end: &mut RtEnd, clock: &Monotonic, value: u8, until: Nanos) -> Option<Nanos> {
    loop {
        while let Some((_, InputEvent { at, message, .. })) = end.next_input() {
            if matches!(message, Message::ControlChange(_, CONTROLLER, came) if came == value) {
                return Some(at);
            }
        }
        let left = until.since(clock.now());
        if left <= Span::ZERO {
            return None;
        }
        thread::park_timeout(Duration::from_nanos(left.0.unsigned_abs()));
    }
}

/// A bar for each octave from the first to the last that has any, as long as the share of it; a hair where it has few.
fn picture(octaves: &[u64; OCTAVES], out: &mut dyn Write) -> std::io::Result<()> {
    let has_any = |index: &usize| octaves.get(*index).is_some_and(|&count| count > 0);
    let (Some(first), Some(last)) = ((0..OCTAVES).find(has_any), (0..OCTAVES).rev().find(has_any)) else {
        return Ok(());
    };
    let most = octaves.iter().copied().max().unwrap_or(1).max(1);
    for (index, &count) in octaves.iter().enumerate().take(last + 1).skip(first) {
        let width = (count * WIDEST).div_ceil(most);
        let bar = "#".repeat(usize::try_from(width).unwrap_or(0));
        let below = Span(16i64 << index);
        writeln!(out, "below {:>9}  {count:>7}  {bar}", Readable(below).to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_each_octave_between_the_first_and_the_last() {
        let histogram = Histogram::default();
        for micros in [5, 5, 5, 5, 20] {
            histogram.record(Span::from_micros(micros));
        }
        let mut out = Vec::new();
        picture(&histogram.octaves(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let bars: Vec<usize> = text.lines().map(|line| line.matches('#').count()).collect();
        assert_eq!(bars, [50, 0, 13], "{text}");
    }

    #[test]
    fn a_port_that_is_not_there_is_named_with_those_that_are() {
        let ports = [PortName::parse("Loop:Loop MIDI 1 20:0")];
        assert_eq!(find_port("loop", &ports).unwrap(), 0);
        let message = find_port("Circuit", &ports).unwrap_err().to_string();
        assert!(message.contains("there is: `Loop:Loop MIDI 1 20:0`"), "{message}");
    }
}
