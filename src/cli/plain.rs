//! The show as lines: what starts and stops, where the music is, and every message if that is wanted.

use super::printer::{Names, Printer, Readable, echoes};
use crate::control::{Notice, Observer, View};
use crate::engine::Status;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{PortSet, PortSlot};
use crate::link::{Sent, Snapshot};
use crate::set::Set;
use crate::time::{Meter, Nanos};

/// A line says where the music is once in so many bars.
const BARS_PER_LINE: i64 = 4;

/// Prints a show.
pub(crate) struct Plain<'a> {
    lines: &'a mut Printer,
    names: Names,
    /// Of which edition of the set the names are.
    edition: u64,
    meter: Meter,
    start: Nanos,
    monitor: bool,
    phase: Phase,
    bar: i64,
    /// Whose clock is followed, once it has been seen.
    followed: Option<PortSlot>,
    /// The ports on which our own clock has been heard.
    echoes: PortSet,
    status: Option<Status>,
    /// What is wrong with the set file.
    mistake: Option<String>,
}

impl<'a> Plain<'a> {
    /// Prints to `lines`; times are counted from `start`. With `monitor`, every message is printed.
    pub(crate) fn new(lines: &'a mut Printer, set: &Set, start: Nanos, monitor: bool) -> Self {
        Plain {
            lines,
            names: Names::of(set),
            edition: 0,
            meter: set.program.meter,
            start,
            monitor,
            phase: Phase::Stopped,
            bar: 0,
            followed: None,
            echoes: PortSet::default(),
            status: None,
            mistake: None,
        }
    }
}

impl Plain<'_> {
    /// Says whose clock is followed when it is another one, and that our own comes back.
    fn look_at_clocks(&mut self, snapshot: &Snapshot) {
        let followed = snapshot.clock_source.port();
        if let Some(followed) = followed.filter(|_| followed != self.followed) {
            if self.followed.is_some() {
                self.lines.line(format_args!("clock: follows {} now", self.names.port(followed)));
            }
            self.followed = Some(followed);
        }
        for (heard, sent_to) in echoes(snapshot, &self.names) {
            if !self.echoes.contains(heard) {
                self.echoes = self.echoes.with(heard);
                let (heard, sent_to) = (self.names.port(heard), self.names.port(sent_to));
                self.lines.line(format_args!(
                    "clock loop: the clock on {heard} is our own, sent to {sent_to}; switch off sending (Tx) or receiving \
                     (Rx) of clock on a device between the two"
                ));
            }
        }
    }
}

impl Plain<'_> {
    /// Says what begins, what waits, and what hands have done.
    fn look_at_music(&mut self, snapshot: &Snapshot, status: &Status) {
        let before = self.status.replace(*status);
        // Before there is a choice, nobody wonders which pattern it is.
        let Some(before) = before.filter(|_| self.names.has_patterns()) else { return };
        let bar = |tick| self.meter.bar_beat_tick(tick).0;
        if status.queued != before.queued {
            match status.queued {
                Some((pattern, line)) => {
                    self.lines.line(format_args!("next: {} at bar {}", self.names.pattern(pattern), bar(line)));
                }
                None if status.pattern == before.pattern && status.origin == before.origin => {
                    self.lines.line(format_args!("nothing waits any more"));
                }
                None => {}
            }
        }
        let began = (status.pattern, status.origin, status.part) != (before.pattern, before.origin, before.part);
        if began && snapshot.phase == Phase::Running {
            let name = self.names.pattern(status.pattern);
            match status.part {
                Some(part) => self.lines.line(format_args!("bar {}: {name}, part {}", bar(status.origin), part.0 + 1)),
                None => self.lines.line(format_args!("bar {}: {name}", bar(status.origin))),
            }
        }
        for (what, now, then) in [("muted", status.muted, before.muted), ("solo", status.soloed, before.soloed)] {
            if now != then {
                let tracks = self.names.tracks(now);
                self.lines.line(format_args!("{what}: {}", if tracks.is_empty() { "none" } else { &tracks }));
            }
        }
        for (what, now, then) in [("fill", status.fills, before.fills), ("hold", status.holds, before.holds)] {
            if now != then {
                self.lines.line(format_args!("{what}: {}", if now { "on" } else { "off" }));
            }
        }
    }
}

impl Observer for Plain<'_> {
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

    fn look(&mut self, view: &View<'_>) {
        let &View { snapshot, status, .. } = view;
        if view.edition != self.edition {
            (self.names, self.meter, self.edition) = (Names::of(view.set), view.set.program.meter, view.edition);
        }
        if view.mistake != self.mistake.as_deref() {
            self.mistake = view.mistake.map(str::to_owned);
            if let Some(mistake) = view.mistake {
                self.lines.line(format_args!("{}\nthe show goes on with the set that it has", mistake.trim_end()));
            }
        }
        self.look_at_clocks(snapshot);
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
        self.look_at_music(snapshot, status);
        // The master may have gone back to an earlier bar.
        self.bar = self.bar.min(bar);
        if self.phase == Phase::Running && bar >= self.bar + BARS_PER_LINE {
            self.bar = bar - (bar - self.bar) % BARS_PER_LINE;
            self.lines.line(format_args!("bar {bar}, {}, late at most {}", tempo(), Readable(snapshot.lateness.max)));
        }
    }

    fn notice(&mut self, notice: &Notice) {
        self.lines.line(format_args!("{}", notice.text));
    }
}
