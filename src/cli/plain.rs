//! The show as lines: what starts and stops, where the music is, and every message if that is wanted.

use std::fmt;

use super::play::Lines;
use crate::control::Observer;
use crate::engine::program::PortSlot;
use crate::engine::transport::Phase;
use crate::link::{Sent, Snapshot};
use crate::set::Set;
use crate::time::{Meter, Nanos, Span};

/// A line says where the music is once in so many bars.
const BARS_PER_LINE: i64 = 4;

/// The names that the set gives its ports.
pub struct Names {
    ports: Vec<String>,
}

impl Names {
    /// The names in `set`.
    pub fn of(set: &Set) -> Names {
        Names { ports: set.ports.iter().map(|port| port.name.clone()).collect() }
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

/// Prints a show.
pub struct Plain<'a, 'b> {
    lines: &'a mut Lines<'b>,
    names: &'a Names,
    meter: Meter,
    start: Nanos,
    monitor: bool,
    phase: Phase,
    bar: i64,
}

impl<'a, 'b> Plain<'a, 'b> {
    /// Prints to `lines`; times are counted from `start`. With `monitor`, every message is printed.
    pub fn new(lines: &'a mut Lines<'b>, names: &'a Names, meter: Meter, start: Nanos, monitor: bool) -> Self {
        Plain { lines, names, meter, start, monitor, phase: Phase::Stopped, bar: 0 }
    }
}

impl Observer for Plain<'_, '_> {
    fn sent(&mut self, sent: &Sent) {
        if !self.monitor {
            return;
        }
        let (bar, beat, tick) = self.meter.bar_beat_tick(sent.tick);
        self.lines.line(format_args!(
            "{:>10.6} s  {:>9}  {:<8} {:<8}  {:<36} late {}",
            sent.at.since(self.start).0 as f64 / 1e9,
            format!("{bar}.{beat}.{tick:03}"),
            self.names.port(sent.port),
            sent.message.to_bytes().to_string(),
            sent.message.to_string(),
            Readable(sent.at.since(sent.due)),
        ));
    }

    fn look(&mut self, snapshot: &Snapshot) {
        let tempo = || snapshot.bpm.map_or("tempo unknown".into(), |bpm| format!("{bpm:.1} BPM"));
        let (bar, ..) = self.meter.bar_beat_tick(snapshot.position);
        if snapshot.phase != self.phase {
            match snapshot.phase {
                Phase::Running => self.lines.line(format_args!("playing from bar {bar}, {}", tempo())),
                Phase::Armed => self.lines.line(format_args!("ready at bar {bar}: the next clock pulse starts it")),
                Phase::Stopped => self.lines.line(format_args!("stopped; play goes on at bar {bar}")),
            }
            self.phase = snapshot.phase;
            self.bar = bar;
        }
        if self.phase == Phase::Running && bar >= self.bar + BARS_PER_LINE {
            self.bar = bar - (bar - self.bar) % BARS_PER_LINE;
            self.lines.line(format_args!("bar {bar}, {}, late at most {}", tempo(), Readable(snapshot.lateness.max)));
        }
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
