//! What all that is printed of a show has in common: lines, the set's names, and readable numbers.

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::program::{PatternSlot, PortSlot, TrackSet};
use crate::link::Snapshot;
use crate::set::Set;
use crate::time::Span;

/// How many lines can wait for the terminal. What comes when so many wait is not printed, and counted.
const WAITING_LINES: usize = 4_096;

/// How long the program waits at its end for lines that are still to be printed.
const PATIENCE: Duration = Duration::from_millis(500);

/// The printing thread's stack: small, because locked memory counts.
const STACK_BYTES: usize = 128 * 1024;

/// Lines for the performer, printed by a thread of their own.
///
/// A terminal can stand still (Ctrl-S, a pager, a dead connection) for any time, and whoever writes to it stands still with
/// it. Nothing that a show depends on may do that; so the show hands its lines over and goes on, whether or not anybody
/// reads them.
pub struct Lines {
    queue: SyncSender<String>,
    printer: JoinHandle<()>,
    lost: u64,
}

impl Lines {
    /// Lines to `out`.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn to(mut out: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, lines) = mpsc::sync_channel::<String>(WAITING_LINES);
        let print = move || {
            for line in lines {
                // Where nobody reads any more, the show goes on without.
                let _: io::Result<()> = writeln!(out, "{line}").and_then(|()| out.flush());
            }
        };
        let printer = thread::Builder::new().name("tightrope-print".into()).stack_size(STACK_BYTES).spawn(print)?;
        Ok(Lines { queue, printer, lost: 0 })
    }

    /// Prints a line, now or soon. Never waits.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        self.lost += u64::from(self.queue.try_send(line.to_string()).is_err());
    }

    /// How many lines were not printed because too many waited.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Waits a moment for the lines that are still to be printed.
    pub fn finish(self) {
        drop(self.queue);
        let begun = Instant::now();
        while !self.printer.is_finished() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The names that the set gives its ports, tracks and patterns.
pub struct Names {
    ports: Vec<String>,
    tracks: Vec<String>,
    patterns: Vec<String>,
}

impl Names {
    /// The names in `set`.
    pub fn of(set: &Set) -> Names {
        Names {
            ports: set.ports.iter().map(|port| port.name.clone()).collect(),
            tracks: set.tracks.clone(),
            patterns: set.patterns.clone(),
        }
    }

    /// Whether there is more than one pattern.
    pub fn has_patterns(&self) -> bool {
        self.patterns.len() > 1
    }

    /// The name of a pattern.
    pub fn pattern(&self, slot: PatternSlot) -> &str {
        self.patterns.get(usize::from(slot.0)).map_or("?", String::as_str)
    }

    /// The names of some tracks, in their order.
    pub fn tracks(&self, tracks: TrackSet) -> String {
        let names = tracks.iter().filter_map(|track| self.tracks.get(usize::from(track.0)));
        names.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The name of a port.
    pub fn port(&self, slot: PortSlot) -> &str {
        self.ports.get(usize::from(slot.0)).map_or("?", String::as_str)
    }

    /// All ports in order.
    pub fn ports(&self) -> impl Iterator<Item = (PortSlot, &str)> {
        (0..).map(PortSlot).zip(self.ports.iter().map(String::as_str))
    }
}

/// The ports on which our own clock came back, each with the port that it was sent to.
pub fn echoes(snapshot: &Snapshot, names: &Names) -> Vec<(PortSlot, PortSlot)> {
    let echo_on = |(slot, _): (PortSlot, &str)| Some((slot, snapshot.ports.get(usize::from(slot.0))?.echo_of?));
    names.ports().filter_map(echo_on).collect()
}

/// A span as people read it: nanoseconds below a microsecond, then microseconds, then milliseconds.
pub struct Readable(pub Span);

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.0;
        let text = match nanos.unsigned_abs() {
            0..1_000 => format!("{nanos} ns"),
            1_000..1_000_000 => format!("{:.1} us", nanos as f64 / 1e3),
            _ => format!("{:.2} ms", nanos as f64 / 1e6),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_readable() {
        assert_eq!(Readable(Span(-7)).to_string(), "-7 ns");
        assert_eq!(Readable(Span(12_345)).to_string(), "12.3 us");
        assert_eq!(format!("{:>10}|", Readable(Span(2_500_000))), "   2.50 ms|");
    }
}
