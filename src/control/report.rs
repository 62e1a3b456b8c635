//! The status of a show as data, for programs that ask: over the control socket as JSON, over OSC as small messages.
//!
//! The fields keep their names, their units and their order. Bars, beats and song parts count from 1, as musicians count,
//! and ticks from 0.
//!
//! | field | is |
//! |---|---|
//! | `set`, `file` | the name of the set; the file it was read from, or the name of a built-in set |
//! | `edition` | how often the set has been replaced since the show began |
//! | `mistake` | what is wrong with the file as it is saved now, which is therefore not what plays; or null |
//! | `transport` | `"stopped"`, `"armed"` (the next clock pulse starts it) or `"running"` |
//! | `position` | `bar`, `beat` and `tick` of where the music is; a quarter note has 960 ticks |
//! | `meter` | such as `"4/4"` |
//! | `tempo_bpm` | quarter notes a minute, to a thousandth; null while none is known |
//! | `clock.source` | `"own"` or `"followed"` |
//! | `clock.port` | the port whose clock is followed; or null |
//! | `clock.jitter_ns` | how far its pulses came from where they were predicted, as percentiles; null where nothing was measured |
//! | `clock.phase_error_ns` | how far off their estimated times may be, one standard deviation, likewise |
//! | `pattern` | the one that plays, or will from the next start on |
//! | `part` | of the song: `number`, `of` so many; null outside of a song |
//! | `queued` | what waits: its `pattern`, the `bar` and `beat` where it begins, and the `beats_left` until then, rounded up; or null |
//! | `tracks[]` | `name`, `muted`, `soloed`, the pattern that it `plays`, or null; by how many `semitones` and `degrees` of the scale commands and keys have transposed it |
//! | `fill`, `hold` | whether a fill is asked for; whether the part is held over its end |
//! | `ports[]` | `name`, `device`; the open `input` and `output` by the system's names, or null; whether it is `connected`, and whether something of it is `missing`; messages `sent`, `refused` by the port, and `lost` on their way in; values `withheld` because newer ones came before the wire could carry them, and those `waiting` for it; by name, the ports to which was sent what comes back here (`returns_from`) |
//! | `timing` | `lateness_ns`, `wake_ns` and `send_ns` as percentiles: how late messages left, how late the real-time thread woke up, how long sends took; notes `skipped` because they were too late |
//! | `granted` | what the machine has granted, in words |
//! | `notices`, `notice` | how many there have been; the last one, with its `text` and whether something is `wrong`, or null |
//! | `osc` | the `address` that it listens at, `orders` done, those `dropped` because there were too many, packets that were `malformed`, messages `declined` because there is nothing of that name or it cannot be done, messages `refused` because their sender may not play, and `subscribers`; null where OSC is off |
//!
//! Percentiles are `count`, `p50`, `p99`, `p999` and `max`.

use serde::{Deserialize, Serialize};

use super::view::{Notice, View};
use crate::engine::ClockSource;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{PortSlot, TrackSlot};
use crate::link;
use crate::time::{Meter, Tick};

/// The status of a show. See the [module](self) for what each field says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table above says it once, for those who read the JSON too")]
pub struct Report {
    pub set: String,
    pub file: Option<String>,
    pub edition: u64,
    pub mistake: Option<String>,
    pub transport: Transport,
    pub position: Position,
    pub meter: String,
    pub tempo_bpm: Option<f64>,
    pub clock: Clock,
    pub pattern: String,
    pub part: Option<Part>,
    pub queued: Option<Queued>,
    pub tracks: Vec<Track>,
    pub fill: bool,
    pub hold: bool,
    pub ports: Vec<Port>,
    pub timing: Timing,
    pub granted: String,
    pub notices: u64,
    pub notice: Option<LastNotice>,
    pub osc: Option<Osc>,
}

macro_rules! parts {
    ($($name:ident: $what:literal { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            #[doc = $what]
            #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
            #[allow(missing_docs, reason = "as in [`Report`]")]
            pub struct $name { $(pub $field: $type),* }
        )*
    };
}

parts! {
    Position: "Where the music is." { bar: i64, beat: i64, tick: i64 }
    Clock: "Whose clock counts." {
        source: Source, port: Option<String>, jitter_ns: Option<Percentiles>, phase_error_ns: Option<Percentiles>
    }
    Part: "Which part of the song plays." { number: u16, of: usize }
    Queued: "What waits." { pattern: String, bar: i64, beat: i64, beats_left: i64 }
    Track: "One track." { name: String, muted: bool, soloed: bool, plays: Option<String>, semitones: i32, degrees: i32 }
    Port: "One port of the set." {
        name: String, device: String, input: Option<String>, output: Option<String>, connected: bool, missing: bool,
        sent: u64, refused: u64, lost: u64, withheld: u64, waiting: u64, returns_from: Vec<String>
    }
    Timing: "What is measured." { lateness_ns: Percentiles, wake_ns: Percentiles, send_ns: Percentiles, skipped: u64 }
    Percentiles: "A distribution, in nanoseconds." { count: u64, p50: i64, p99: i64, p999: i64, max: i64 }
    LastNotice: "What the performer was last told." { text: String, wrong: bool }
    Osc: "What came over OSC." { address: String, orders: u64, dropped: u64, malformed: u64, declined: u64, refused: u64, subscribers: u64 }
}

/// What the transport is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Nothing plays.
    Stopped,
    /// The next clock pulse starts it.
    Armed,
    /// The music plays.
    Running,
}

impl Transport {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Stopped => "stopped",
            Transport::Armed => "armed",
            Transport::Running => "running",
        }
    }
}

/// Where the clock comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// It is our own.
    #[default]
    Own,
    /// It comes in by a port.
    Followed,
    /// It is that of a session.
    Session,
}

impl Report {
    /// The show as `view` has it. `file` is what the set was read from; `notices` is how many there have been, and the last.
    #[must_use]
    pub fn of(view: &View<'_>, file: Option<&str>, notices: (u64, Option<&Notice>), osc: Option<Osc>) -> Report {
        let &View { set, position, snapshot, status, .. } = view;
        let meter = set.program.meter;
        let pattern = |slot: usize| set.patterns.get(slot).cloned().unwrap_or_default();
        let (bar, beat, tick) = meter.bar_beat_tick(position);
        let port = |slot: PortSlot| set.ports.get(usize::from(slot.0)).map(|port| port.name.clone());
        let measured = |of| Some(percentiles(of)).filter(|of: &Percentiles| of.count > 0);
        Report {
            set: set.name.clone(),
            file: file.map(str::to_owned),
            edition: view.edition,
            mistake: view.mistake.map(str::to_owned),
            transport: match snapshot.phase {
                Phase::Stopped => Transport::Stopped,
                Phase::Armed => Transport::Armed,
                Phase::Running => Transport::Running,
            },
            position: Position { bar, beat, tick },
            meter: meter.to_string(),
            tempo_bpm: snapshot.bpm.map(|bpm| (bpm * 1e3).round() / 1e3),
            clock: Clock {
                source: match snapshot.clock_source {
                    ClockSource::Own => Source::Own,
                    ClockSource::Port(_) => Source::Followed,
                    ClockSource::Session => Source::Session,
                },
                port: snapshot.clock_source.port().and_then(port),
                jitter_ns: measured(&snapshot.input_jitter),
                phase_error_ns: measured(&snapshot.phase_error),
            },
            pattern: pattern(usize::from(status.pattern.0)),
            part: status.part.map(|part| Part { number: part.0 + 1, of: set.parts.len() }),
            queued: status.queued.map(|(slot, line)| {
                let (bar, beat, _) = meter.bar_beat_tick(line);
                let beats_left = beats_between(meter, position, line);
                Queued { pattern: pattern(usize::from(slot.0)), bar, beat, beats_left }
            }),
            tracks: tracks(view),
            fill: status.fills,
            hold: status.holds,
            ports: ports(view),
            timing: Timing {
                lateness_ns: percentiles(&snapshot.lateness),
                wake_ns: percentiles(&snapshot.wake),
                send_ns: percentiles(&snapshot.send),
                skipped: snapshot.skipped,
            },
            granted: view.granted.to_owned(),
            notices: notices.0,
            notice: notices.1.map(|last| LastNotice { text: last.text.clone(), wrong: last.is_wrong }),
            osc,
        }
    }

    /// The report without what changes all the time: whoever watches is told when two of these differ. Where the music is
    /// counts by the beat, the tempo by the tenth, and nothing that is merely measured.
    #[must_use]
    pub fn gist(&self) -> Report {
        let mut gist = self.clone();
        gist.position.tick = 1;
        if gist.clock.source == Source::Followed {
            gist.tempo_bpm = gist.tempo_bpm.map(|bpm| (bpm * 10.0).round() / 10.0);
        }
        (gist.clock.jitter_ns, gist.clock.phase_error_ns) = (None, None);
        gist.timing = Timing::default();
        for port in &mut gist.ports {
            (port.sent, port.refused, port.lost) = (0, 0, 0);
        }
        gist.osc = None;
        gist
    }
}

fn tracks(view: &View<'_>) -> Vec<Track> {
    let track = |(slot, name): (TrackSlot, &String)| Track {
        name: name.clone(),
        muted: view.status.muted.contains(slot),
        soloed: view.status.soloed.contains(slot),
        semitones: view.transposed(slot)[0],
        degrees: view.transposed(slot)[1],
        plays: view.playing.of(slot).and_then(|(pattern, _)| view.set.patterns.get(usize::from(pattern.0)).cloned()),
    };
    // What an edited set no longer has leaves an empty slot.
    (0..).map(TrackSlot).zip(&view.set.tracks).filter(|(_, name)| !name.is_empty()).map(track).collect()
}

fn ports(view: &View<'_>) -> Vec<Port> {
    let name_of = |slot: PortSlot| view.set.ports.get(usize::from(slot.0)).map(|port| port.name.clone());
    let port = |(slot, port): (usize, &crate::set::Port)| {
        // Without MIDI there are no states.
        let state = view.ports.get(slot).cloned().unwrap_or_default();
        let counted = view.snapshot.ports.get(slot).copied().unwrap_or_default();
        Port {
            name: port.name.clone(),
            device: port.device.clone(),
            connected: state.input.is_some() || state.output.is_some(),
            missing: state.is_missing,
            input: state.input,
            output: state.output,
            sent: counted.sent,
            refused: counted.failed,
            lost: counted.lost_inputs,
            withheld: counted.withheld,
            waiting: counted.waiting,
            returns_from: counted.returned.iter().filter_map(name_of).collect(),
        }
    };
    view.set.ports.iter().enumerate().filter(|(_, port)| !port.is_vacant()).map(port).collect()
}

/// A distribution as data.
#[must_use]
pub fn percentiles(of: &link::Percentiles) -> Percentiles {
    Percentiles { count: of.count, p50: of.p50.0, p99: of.p99.0, p999: of.p999.0, max: of.max.0 }
}

/// Returns how many beats begin after `from` and up to `to`.
fn beats_between(meter: Meter, from: Tick, to: Tick) -> i64 {
    let beat = meter.beat().0;
    (to.0.div_euclid(beat) - from.0.div_euclid(beat)).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Show;
    use crate::engine::Status;
    use crate::engine::program::{PartSlot, PatternSlot, TrackSet};
    use crate::link::link;
    use crate::set::Set;
    use crate::time::{Nanos, Span};

    const SET: &str = "meter = \"3/4\"\n[clock]\nfollow = \"b\"\n[ports.a]\ndevice = \"A\"\n[ports.b]\ndevice = \"B\"\n\
                       [tracks.lead]\nport = \"a\"\nchannel = 1\n[tracks.bass]\nport = \"b\"\nchannel = 2\n\
                       [patterns.main]\nlead = \"c3\"\n[patterns.build]\nbass = \"c2\"\nkeep = true\n\
                       [song]\nparts = [\"main\", \"build\"]\n";

    /// The names of the fields are a promise: scripts are written against them.
    #[test]
    fn the_fields_are_as_they_were() {
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
        let (end, mut rt, _) = link(set.program.clone(), &[]);
        let mut show = Show::new(
            end,
            set.clone(),
            crate::control::Source::new("a.toml", None, false, &set),
            "real-time: as asked".to_owned(),
            || Nanos(0),
        );
        let meters = rt.meters();
        meters.show_music(Phase::Running, Tick(2_880 + 970), Some(124.96), 1);
        meters.show_clock_source(ClockSource::Port(PortSlot(1)));
        meters.record_pulse(Span(-3_000), Span(500));
        meters.record_lateness(Span(7));
        meters.port(PortSlot(0)).count_sent();
        let mut muted = TrackSet::default();
        muted.set(TrackSlot(1), true);
        rt.show(Status {
            pattern: PatternSlot(1),
            part: Some(PartSlot(1)),
            queued: Some((PatternSlot(0), Tick(2 * 2_880))),
            muted,
            fills: true,
            ..Status::default()
        });
        show.watch(&mut []);
        let notice = Notice { text: "b is gone".to_owned(), is_wrong: true };
        let osc = Osc { address: "127.0.0.1:9000".to_owned(), orders: 3, ..Osc::default() };
        let report = Report::of(&show.view(), Some("sets/a.toml"), (1, Some(&notice)), Some(osc));
        insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
        let back: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(back, report);
    }

    /// A surface counts down by it, and between two notes nothing happens that would say where the music is.
    #[test]
    fn beats_go_on_while_nothing_happens() {
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
        let (end, mut rt, _) = link(set.program.clone(), &[]);
        let source = crate::control::Source::new("a.toml", None, false, &set);
        let now = std::cell::Cell::new(0);
        let mut show = Show::new(end, set, source, String::new(), || Nanos(now.get()));
        rt.meters().show_music(Phase::Running, Tick(0), Some(120.0), 1);
        rt.show(Status { queued: Some((PatternSlot(1), Tick(2 * 2_880))), ..Status::default() });
        let mut told = |at| {
            now.set(at);
            show.watch(&mut []);
            let report = Report::of(&show.view(), None, (0, None), None);
            (report.position.bar, report.position.beat, report.queued.unwrap_or_default().beats_left)
        };
        assert_eq!([told(0), told(500_000_000), told(1_750_000_000)], [(1, 1, 6), (1, 2, 5), (2, 1, 3)]);
    }

    #[test]
    fn beats_are_counted_to_the_line() {
        let left = |from, to| beats_between(Meter::COMMON, Tick(from), Tick(to));
        assert_eq!([left(0, 3_840), left(1, 3_840), left(959, 3_840), left(960, 3_840)], [4, 4, 4, 3]);
        assert_eq!([left(3_839, 3_840), left(3_840, 3_840), left(5_000, 3_840)], [1, 0, 0]);
    }
}
