//! What happened in a show, in figures: of the whole of it, and of each stretch.
//!
//! A log is read twice: first for how long the show was, and then for what there is in each stretch. Memory does not grow
//! with its length, but for what was done, of which [`MOST_EVENTS`] are kept.

use std::collections::BTreeMap;

use serde::Serialize;

use super::describe;
use super::reader::{Found, Log};
use super::record::{Head, Names, Record, Scene};
use super::stats::{Lateness, Pulses, Stats};
use crate::engine::Call;
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::link::{Called, Fate, Sent};
use crate::midi::Message;
use crate::set::meter_of;
use crate::time::{Meter, Nanos, TICKS_PER_QUARTER, Tick};

/// The most events that are kept; those beyond are counted.
pub const MOST_EVENTS: usize = 20_000;

/// What happened.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The version of the program that played.
    pub version: String,
    /// The set.
    pub set: String,
    /// What the machine granted.
    pub granted: String,
    /// When the log was begun, in milliseconds from the beginning of 1970, UTC.
    pub began_unix_ms: u64,
    /// How long the show was, as far as the log goes.
    pub length_s: f64,
    /// The ports with anything to say.
    pub ports: Vec<Port>,
    /// How late messages left.
    pub lateness: Lateness,
    /// The stretches of the show.
    pub stretches: Vec<Stretch>,
    /// What was done, and what was told.
    pub events: Vec<Event>,
    /// How many more of them there were.
    pub more_events: u64,
    /// What went wrong.
    pub wrong: Wrong,
    /// How it ended, if the log knows.
    pub ended: Option<String>,
    /// What of the log cannot be read, or is not there.
    pub damage: Vec<String>,
}

/// What came and went by a port.
#[derive(Debug, Default, Serialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Messages that came in.
    pub heard: u64,
    /// Messages that left.
    pub sent: u64,
    /// Messages that it refused.
    pub refused: u64,
    /// Messages that there was nobody for.
    pub absent: u64,
    /// Notes that were too late to be played.
    pub skipped: u64,
}

/// A stretch of a show.
#[derive(Debug, Serialize)]
pub struct Stretch {
    /// Where it begins.
    pub from_s: f64,
    /// How late messages left.
    pub lateness: Lateness,
    /// The tempo, in the mean.
    pub bpm: Option<f64>,
    /// How far the pulses that came were from the even course of those before them: of all, the p99, in nanoseconds.
    pub jitter_p99_ns: Option<i64>,
}

/// Something that was done or told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// When.
    pub at_s: f64,
    /// Where the music was then, as bar and beat, if the log says it.
    pub position: Option<String>,
    /// What.
    pub what: String,
    /// How often in a row.
    pub times: u64,
    /// Whether something was wrong.
    pub wrong: bool,
}

/// What went wrong.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Messages later than [`LATE`](super::stats::LATE).
    pub late: u64,
    /// Notes that were too late to be played.
    pub skipped: u64,
    /// Messages that ports refused.
    pub refused: u64,
    /// Messages that came in and were lost.
    pub lost_inputs: u64,
    /// Entries of the trace that are not in the log.
    pub lost_trace: u64,
    /// Records that the disk was too slow for.
    pub lost_records: u64,
    /// Values that gave way to newer ones, because the wire was full.
    pub withheld: u64,
}

/// When a show began and ended, as far as its log goes, and which it was.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    /// The first time in it.
    pub from: Nanos,
    /// The last one.
    pub to: Nanos,
    /// Which show it is.
    pub head: Head,
    /// Whether its beginning was dropped.
    pub is_cut: bool,
}

/// Returns when something in a log happened, if it has a time.
fn time_of(record: &Record) -> Option<Nanos> {
    match record {
        Record::Called(called) => Some(called.at),
        Record::Made(sent) => Some(sent.at),
        Record::Notice(notice) => Some(notice.at),
        Record::Port(port) => Some(port.at),
        Record::Meters(meters) => Some(Nanos(meters.at)),
        Record::Scene(scene) => Some(Nanos(scene.at)),
        Record::End(end) => Some(end.at),
        Record::Head(_) | Record::Names(_) | Record::Set(_) | Record::Lost(_) => None,
    }
}

/// Returns how long the show of `log` was.
#[must_use]
pub fn extent(log: &Log) -> Extent {
    let mut extent: Option<Extent> = None;
    let (mut from, mut to) = (None, Nanos(0));
    for found in log.read() {
        let Found::Record(record) = found else { continue };
        if let (Record::Head(head), None) = (&record, &extent) {
            extent = Some(Extent { head: head.clone(), is_cut: head.segment > 0, ..Extent::default() });
        }
        if let Some(at) = time_of(&record) {
            from = Some(from.map_or(at, |from: Nanos| from.min(at)));
            to = to.max(at);
        }
    }
    let extent = extent.unwrap_or_default();
    // What is still there is told from where the show began.
    let from = if extent.head.began > 0 { Nanos(extent.head.began) } else { from.unwrap_or_default() };
    Extent { from, to: to.max(from), ..extent }
}

/// Returns what happened in the show of `log`, in at most `stretches` stretches.
#[must_use]
pub fn report(log: &Log, stretches: usize) -> Report {
    let extent = extent(log);
    let length = extent.to.since(extent.from).0.max(1);
    let width = stretch(length, stretches);
    let mut gauges: Vec<Stats> = Vec::new();
    gauges.resize_with((length / width + 1).clamp(1, 10_000) as usize, Stats::default);
    let mut reader = Reader {
        extent: &extent,
        width,
        gauges,
        whole: Stats::default(),
        ports: std::array::from_fn(|_| Port::default()),
        pulses: [Pulses::default(); MAX_PORTS],
        names: Names::default(),
        messages: 0,
        calls: None,
        highest: None,
        lowest: u64::MAX,
        report: Report::default(),
        turned: None,
        scene: Scene::default(),
        meter: None,
        meters: BTreeMap::new(),
        known: None,
        bpm: None,
    };
    for found in log.read() {
        match found {
            Found::Record(record) => reader.take(&record),
            Found::Damage(damage) => reader.report.damage.push(damage.to_string()),
        }
    }
    reader.finish()
}

/// Returns how long a stretch is where a show of `length` has at most so many, in nanoseconds: something round.
fn stretch(length: i64, stretches: usize) -> i64 {
    const ROUND: [i64; 15] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400];
    let least = length / stretches.max(1) as i64;
    let round = ROUND.iter().map(|seconds| seconds * 1_000_000_000).find(|&round| round >= least);
    round.unwrap_or(least).max(1)
}

/// Counts what a log says, which may be anything.
fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

struct Reader<'e> {
    extent: &'e Extent,
    width: i64,
    gauges: Vec<Stats>,
    whole: Stats,
    ports: [Port; MAX_PORTS],
    pulses: [Pulses; MAX_PORTS],
    names: Names,
    /// How many messages there are, and their lowest and highest numbers: what is between has been lost.
    messages: u64,
    lowest: u64,
    highest: Option<u64>,
    calls: Option<u64>,
    report: Report,
    /// What the last event was, if it may stand for the next one.
    turned: Option<Call>,
    scene: Scene,
    /// Of the set that plays, if its text is in the log.
    meter: Option<Meter>,
    /// Of each edition of the set.
    meters: BTreeMap<u32, Option<Meter>>,
    /// Where the music was, and when, as far as the log has told it.
    known: Option<(Nanos, Tick)>,
    bpm: Option<f64>,
}

impl Reader<'_> {
    fn seconds(&self, at: Nanos) -> f64 {
        at.since(self.extent.from).0 as f64 / 1e9
    }

    fn gauge(&mut self, at: Nanos) -> Option<&mut Stats> {
        let index = at.since(self.extent.from).0.max(0) / self.width;
        self.gauges.get_mut(index as usize)
    }

    fn port(&mut self, port: PortSlot) -> &mut Port {
        &mut self.ports[usize::from(port.0).min(MAX_PORTS - 1)]
    }

    fn take(&mut self, record: &Record) {
        match record {
            Record::Head(_) => {}
            Record::Set(set) => {
                let meter = meter_of(&set.text);
                // The first one plays; those after it when they are taken up.
                self.meter = if self.meters.is_empty() { meter } else { self.meter };
                self.meters.insert(set.edition, meter);
            }
            Record::Names(names) => {
                for (port, name) in self.ports.iter_mut().zip(&names.ports).filter(|(_, name)| !name.is_empty()) {
                    port.name.clone_from(name);
                }
                self.names.clone_from(names);
            }
            Record::Called(called) => self.take_call(called),
            Record::Made(sent) => self.take_message(sent),
            Record::Notice(notice) => {
                // Of what shows a place in the set file, the first line says what it is.
                let text = notice.text.lines().next().unwrap_or_default().to_owned();
                self.event(notice.at, text, notice.is_wrong);
            }
            Record::Port(port) => {
                let name = describe::name(&self.names.ports, port.port.0.into());
                let what = match (&port.input, &port.output) {
                    (None, None) => format!("{name} is not connected"),
                    (Some(input), None) => format!("{name} listens to `{input}`"),
                    (None, Some(output)) => format!("{name} plays on `{output}`"),
                    (Some(input), Some(output)) if input == output => format!("{name} is connected to `{output}`"),
                    (Some(input), Some(output)) => format!("{name} listens to `{input}`, plays on `{output}`"),
                };
                self.event(port.at, what, false);
            }
            Record::Meters(meters) => {
                self.bpm = meters.tempo().or(self.bpm);
                if let (Some(bpm), Some(gauge)) = (meters.tempo(), self.gauge(Nanos(meters.at))) {
                    gauge.beat(bpm);
                }
                self.report.wrong.lost_inputs = meters.lost_inputs;
                self.report.wrong.withheld = meters.withheld;
            }
            Record::Scene(scene) => {
                let before = std::mem::replace(&mut self.scene, scene.clone());
                for what in describe::scene(&before, scene, &self.names) {
                    self.event(Nanos(scene.at), what, false);
                }
            }
            Record::Lost(records) => add(&mut self.report.wrong.lost_records, *records),
            Record::End(end) => self.report.ended = Some(end.why.clone()),
        }
    }

    fn take_call(&mut self, called: &Called) {
        if let Some(expected) = self.calls.replace(called.number.saturating_add(1)) {
            add(&mut self.report.wrong.lost_trace, called.number.saturating_sub(expected));
        }
        if let Call::Input(port, message) = called.call {
            self.port(port).heard += 1;
            if message == Message::Clock
                && let Some(off) = self.pulses[usize::from(port.0).min(MAX_PORTS - 1)].off(called.at)
                && let Some(gauge) = self.gauge(called.at)
            {
                gauge.pulse(off);
            }
        }
        self.known = Some((called.at, called.tick));
        if let Call::Adopt(edition) = called.call {
            self.meter = self.meters.get(&edition).copied().flatten();
        }
        let meter = self.meter.unwrap_or(Meter::COMMON);
        let Some(what) = describe::call(called.call, &self.names, meter) else { return };
        // A knob is turned: only where it ends is told.
        let same = |turned: Call| std::mem::discriminant(&turned) == std::mem::discriminant(&called.call);
        let stands_for = self.turned.filter(|&turned| same(turned) && describe::is_turned(called.call)).is_some();
        if stands_for
            && let Some(last) = self.report.events.last_mut()
            && last.what.rsplit_once(' ').map(|(before, _)| before) == what.rsplit_once(' ').map(|(before, _)| before)
        {
            (last.what, last.times) = (what, last.times + 1);
            return;
        }
        self.event(called.at, what, false);
        self.turned = describe::is_turned(called.call).then_some(called.call);
    }

    fn take_message(&mut self, sent: &Sent) {
        self.messages += 1;
        self.lowest = self.lowest.min(sent.number);
        self.highest = self.highest.max(Some(sent.number));
        let port = self.port(sent.port);
        match sent.fate {
            Fate::Sent => port.sent += 1,
            Fate::Refused => port.refused += 1,
            Fate::Absent => port.absent += 1,
            Fate::Skipped => port.skipped += 1,
        }
        if matches!(sent.message, Message::NoteOn(..)) && self.known.is_none_or(|(at, _)| at < sent.due) {
            self.known = Some((sent.due, sent.tick));
        }
        if sent.fate.was_tried() {
            self.whole.measure(sent);
            if let Some(gauge) = self.gauge(sent.due) {
                gauge.measure(sent);
            }
        }
    }

    /// The bar and the beat at a time. Only what comes in and what is sent is logged with its position; between these the
    /// tempo tells it.
    fn position(&self, at: Nanos) -> Option<String> {
        let (meter, (known_at, tick)) = (self.meter?, self.known?);
        let gone = match self.bpm.filter(|_| self.scene.is_running) {
            Some(bpm) => (at.since(known_at).0.max(0) as f64 / 6e10 * bpm * TICKS_PER_QUARTER as f64) as i64,
            None => 0,
        };
        let (bar, beat, _) = meter.bar_beat_tick(Tick(tick.0.saturating_add(gone)));
        Some(format!("{bar}.{beat}"))
    }

    fn event(&mut self, at: Nanos, what: String, wrong: bool) {
        self.turned = None;
        let (at_s, position) = (self.seconds(at), self.position(at));
        if let Some(last) = self.report.events.last_mut().filter(|last| last.what == what) {
            last.times += 1;
        } else if self.report.events.len() < MOST_EVENTS {
            self.report.events.push(Event { at_s, position, what, times: 1, wrong });
        } else {
            self.report.more_events += 1;
        }
    }

    fn finish(self) -> Report {
        let Reader { extent, width, gauges, whole, ports, messages, lowest, highest, mut report, .. } = self;
        let Head { version, set, granted, began_unix_ms, .. } = extent.head.clone();
        if extent.is_cut {
            let cut = "the beginning was dropped, because the show was longer than its log may be";
            report.damage.insert(0, cut.to_owned());
        }
        let all = highest.map_or(0, |highest| highest.saturating_sub(lowest).saturating_add(1));
        add(&mut report.wrong.lost_trace, all.saturating_sub(messages));
        report.wrong.late = whole.lateness().late;
        report.wrong.skipped = ports.iter().map(|port| port.skipped).sum();
        report.wrong.refused = ports.iter().map(|port| port.refused).sum();
        let is_silent = |port: &Port| port.heard + port.sent + port.refused + port.absent + port.skipped == 0;
        let ports = ports.into_iter().filter(|port| !is_silent(port)).collect();
        let stretches = (0..).zip(&gauges).map(|(index, gauge)| Stretch {
            from_s: (index * width) as f64 / 1e9,
            lateness: gauge.lateness(),
            bpm: gauge.bpm(),
            jitter_p99_ns: gauge.jitter_p99_ns(),
        });
        let stretches = stretches.collect();
        let length_s = extent.to.since(extent.from).0 as f64 / 1e9;
        let lateness = whole.lateness();
        Report { version, set, granted, began_unix_ms, length_s, ports, lateness, stretches, ..report }
    }
}
