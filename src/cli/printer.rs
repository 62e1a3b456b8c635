//! What all that is printed of a show has in common: lines, the set's names, and readable numbers.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::engine::program::{PatternSlot, PortSlot, TrackSet};
use crate::link::{Percentiles, Snapshot};
use crate::set::Set;
use crate::text::printable_lines;
use crate::time::Span;

/// How many lines can wait for the terminal. What comes when so many wait is not printed, and counted.
const WAITING_LINES: usize = 4_096;

/// How long the program waits for lines that are still to be printed: at its end, and before a screen takes the terminal.
const PATIENCE: Duration = Duration::from_millis(500);

/// The printing thread's stack: small, because locked memory counts.
const STACK_BYTES: usize = 128 * 1024;

/// Printer for the performer, printed by a thread of their own.
///
/// A terminal can stand still (Ctrl-S, a pager, a dead connection) for any time, and whoever writes to it stands still with
/// it. Nothing that a show depends on may do that; so the show hands its lines over and goes on, whether or not anybody
/// reads them.
pub(crate) struct Printer {
    queue: SyncSender<Printed>,
    printer: JoinHandle<()>,
    /// How many frames wait.
    frames: Arc<AtomicUsize>,
    lost: u64,
}

/// What the printing thread gets.
enum Printed {
    /// A line, or several, with their ends.
    Text(Vec<u8>),
    /// A frame of a screen.
    Frame(Vec<u8>),
}

/// Frames of a screen, which are printed by the same thread, in order with the lines.
#[derive(Clone)]
pub(crate) struct Frames {
    queue: SyncSender<Printed>,
    /// How many wait. Raised by whoever hands one over, lowered by the printing thread.
    waiting: Arc<AtomicUsize>,
}

impl Frames {
    /// Returns whether a frame would be taken. It is while none waits.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.load(Relaxed) == 0
    }

    /// Prints a frame, now or soon. Never waits; whether it was taken.
    pub(crate) fn frame(&self, bytes: Vec<u8>) -> bool {
        self.waiting.fetch_add(1, Relaxed);
        let taken = self.queue.try_send(Printed::Frame(bytes)).is_ok();
        if !taken {
            self.waiting.fetch_sub(1, Relaxed);
        }
        taken
    }

    /// Waits a moment until all that was handed over is printed.
    pub(crate) fn settle(&self) {
        let begun = Instant::now();
        // It goes after all others.
        let mut is_behind = false;
        while begun.elapsed() < PATIENCE {
            is_behind = is_behind || self.frame(Vec::new());
            if is_behind && self.has_room() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Prints what is no frame, as lines are printed: what sets up a terminal, and puts it back. Never waits.
    pub(crate) fn always(&self, bytes: Vec<u8>) {
        // There is room for thousands of lines, and while a screen is on there are none.
        let _ = self.queue.try_send(Printed::Text(bytes));
    }
}

impl Printer {
    /// Prints lines to `out`.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> io::Result<Printer> {
        let (queue, lines) = mpsc::sync_channel(WAITING_LINES);
        let frames = Arc::new(AtomicUsize::new(0));
        let printed = Arc::clone(&frames);
        let print = move || {
            for line in lines {
                let (bytes, is_frame) = match line {
                    Printed::Text(bytes) => (bytes, 0),
                    Printed::Frame(bytes) => (bytes, 1),
                };
                // Where nobody reads any more, the show goes on without.
                let _: io::Result<()> = out.write_all(&bytes).and_then(|()| out.flush());
                printed.fetch_sub(is_frame, Relaxed);
            }
        };
        let printer = thread::Builder::new().name("tightrope-print".into()).stack_size(STACK_BYTES).spawn(print)?;
        Ok(Printer { queue, printer, frames, lost: 0 })
    }

    /// Prints the frames of a screen in order with these lines. To be dropped before [`Printer::finish`], which waits for all.
    pub(crate) fn frames(&self) -> Frames {
        Frames { queue: self.queue.clone(), waiting: Arc::clone(&self.frames) }
    }

    /// Prints a line, now or soon; what a terminal would obey in it, as an escape. Never waits.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        let text = Printed::Text(format!("{}\n", printable_lines(&line.to_string())).into_bytes());
        self.lost += u64::from(self.queue.try_send(text).is_err());
    }

    /// Returns how many lines were not printed because too many waited.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Waits a moment for the lines that are still to be printed.
    pub(crate) fn finish(self) {
        drop(self.queue);
        let begun = Instant::now();
        while !self.printer.is_finished() && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The names that the set gives its ports, tracks and patterns.
pub(crate) struct Names {
    ports: Vec<String>,
    tracks: Vec<String>,
    patterns: Vec<String>,
}

impl Names {
    /// The names in `set`.
    pub(crate) fn of(set: &Set) -> Names {
        Names {
            ports: set.ports.iter().map(|port| port.name.clone()).collect(),
            tracks: set.tracks.clone(),
            patterns: set.patterns.clone(),
        }
    }

    /// Returns whether there is more than one pattern.
    pub(crate) fn has_patterns(&self) -> bool {
        self.patterns.iter().filter(|name| !name.is_empty()).count() > 1
    }

    /// The name of a pattern.
    pub(crate) fn pattern(&self, slot: PatternSlot) -> &str {
        self.patterns.get(usize::from(slot.0)).map_or("?", String::as_str)
    }

    /// The names of some tracks, in their order.
    pub(crate) fn tracks(&self, tracks: TrackSet) -> String {
        let names = tracks.iter().filter_map(|track| self.tracks.get(usize::from(track.0)));
        names.map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// The name of a port.
    pub(crate) fn port(&self, slot: PortSlot) -> &str {
        self.ports.get(usize::from(slot.0)).map_or("?", String::as_str)
    }

    /// All ports in order, without the slots of those that were removed.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (PortSlot, &str)> {
        let ports = (0..).map(PortSlot).zip(self.ports.iter().map(String::as_str));
        ports.filter(|(_, name)| !name.is_empty())
    }
}

/// The ports on which our own clock came back, each with the port that it was sent to.
pub(crate) fn echoes(snapshot: &Snapshot, names: &Names) -> Vec<(PortSlot, PortSlot)> {
    let echo_on = |(slot, _): (PortSlot, &str)| Some((slot, snapshot.ports.get(usize::from(slot.0))?.echo_of?));
    names.ports().filter_map(echo_on).collect()
}

/// A span as people read it: nanoseconds below a microsecond, then microseconds, then milliseconds.
pub(crate) struct Readable(pub Span);

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

/// A distribution, in one line.
pub(crate) fn percentiles(of: &Percentiles) -> String {
    if of.count == 0 {
        return "nothing was measured".into();
    }
    format!(
        "p50 {}, p99 {}, p99.9 {}, max {}, of {}",
        Readable(of.p50),
        Readable(of.p99),
        Readable(of.p999),
        Readable(of.max),
        of.count
    )
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
