//! Our own clock, sent back to us by some device: found, named, and not followed. And no master is taken for it.

use std::collections::BTreeMap;

use crate::support::*;
use tightrope::engine::ClockSource;
use tightrope::engine::Command;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{ClockOut, PortSlot, Program};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tick};

const A: PortSlot = PortSlot(0);
const B: PortSlot = PortSlot(1);
const C: PortSlot = PortSlot(2);

const SET: &str = r#"
    [clock]
    follow = ["a", "b"]
    lost = "hold 1 bar"
    [ports.a]
    device = "a"
    [ports.b]
    device = "b"
    [ports.c]
    device = "c"
    clock = true
    [ports.d]
    device = "d"
    clock = true
    offset = "7 ms"
    [tracks.t]
    port = "c"
    channel = 1
    [patterns.p]
    t = "c2 d2 e2 f2"
"#;

fn following(list: &str, offset_ms: f64) -> Program {
    compile(
        &SET.replace("[\"a\", \"b\"]", list)
            .replace("clock = true\n    [ports.d]", &format!("clock = true\n offset = \"{offset_ms} ms\"\n [ports.d]")),
    )
}

/// Two bars.
const TWO_BARS: usize = 192;

/// How long a message takes on its way, each time.
type Lag = Box<dyn FnMut() -> Span>;

/// A show on whose cables messages are under way.
struct Cables {
    show: Show,
    coming: BTreeMap<(Nanos, u64), (PortSlot, Message)>,
    number: u64,
    /// Which port's clock comes back on which, after how long.
    echo: Option<(PortSlot, PortSlot, Lag)>,
    returned: usize,
}

impl Cables {
    fn new(program: Program) -> Cables {
        Cables { show: Show::new(program), coming: BTreeMap::new(), number: 0, echo: None, returned: 0 }
    }

    fn send(&mut self, at: Nanos, port: PortSlot, message: Message) {
        self.number += 1;
        self.coming.insert((at, self.number), (port, message));
    }

    fn loop_back(&mut self, from: PortSlot, to: PortSlot, mut lag: impl FnMut() -> Span + 'static) {
        lag();
        self.returned = self.show.trace.len();
        self.echo = Some((from, to, Box::new(lag)));
    }

    /// Plays until `until`, or until `enough`.
    fn play(&mut self, until: Nanos, enough: impl Fn(&Show) -> bool) {
        while !enough(&self.show) {
            let deadline = self.show.engine.next_deadline(&self.show.program);
            let input = self.coming.first_key_value().map(|(&(at, _), _)| at);
            let Some(next) = deadline.into_iter().chain(input).min().filter(|&next| next <= until) else { break };
            let next = next.max(self.show.now);
            assert!(self.show.trace.len() < 30_000, "it keeps itself going");
            self.show.advance(next);
            if let Some(((at, _), (port, message))) = self.coming.pop_first() {
                if at <= next {
                    self.show.input(port, message);
                } else {
                    self.send(at, port, message);
                }
            }
            if let Some((from, to, mut lag)) = self.echo.take() {
                let sent: Vec<Departure> = self.show.trace[self.returned..].to_vec();
                for _ in sent.iter().filter(|d| d.port == from && d.message == Message::Clock) {
                    self.send(next + lag(), to, Message::Clock);
                }
                self.echo = Some((from, to, lag));
            }
            self.returned = self.show.trace.len();
        }
        if !enough(&self.show) {
            self.show.advance(until);
        }
    }

    /// A master's pulses from `first` on.
    fn master(&mut self, port: PortSlot, first: Nanos, interval: Span, count: i64) -> Nanos {
        (0..count).for_each(|number| self.send(first + Span(interval.0 * number), port, Message::Clock));
        first + Span(interval.0 * count)
    }

    fn clocks(&self) -> usize {
        self.show.count(C, Message::Clock)
    }
}

const START: Nanos = Nanos(2_000_000_000);
const NEVER: Nanos = Nanos(u64::MAX >> 1);

fn pulse_at(bpm: f64) -> Span {
    Span((60e9 / 24.0 / bpm) as i64)
}

fn millis(ms: f64) -> Span {
    Span((ms * 1e6) as i64)
}

/// A constant lag, give or take.
fn lag(ms: f64, jitter_ms: f64, seed: u64) -> impl FnMut() -> Span {
    let mut chance = Chance(seed);
    move || millis(ms + jitter_ms * (2.0 * chance.unit() - 1.0))
}

#[test]
fn a_loop_without_a_master_is_found_within_two_bars_and_ends_as_a_lost_clock() {
    for bpm in [20.0, 60.0, 125.0, 174.6, 250.0, 400.0] {
        for (ms, jitter) in [(0.1, 0.0), (0.5, 0.1), (1.0, 0.3), (3.0, 0.5), (10.0, 0.5)] {
            let mut cables = Cables::new(following("\"a\"", 0.0));
            let interval = pulse_at(bpm);
            cables.send(START + Span(interval.0 * 23 + 1_000), A, Message::Start);
            // The master is gone after two bars; from then on its cable brings our own clock.
            let gone = cables.master(A, START, interval, 24 + 192);
            cables.play(gone - Span(interval.0 / 2), |_| false);
            assert_eq!(cables.show.engine.echo_on(A), None);
            cables.loop_back(C, A, lag(ms, jitter, 7));
            let before = cables.clocks();
            cables.play(NEVER, |show| {
                show.engine.echo_on(A).is_some() || show.engine.phase() == Phase::Stopped || show.trace.len() > 5000
            });
            let pulses = cables.clocks() - before;
            assert_eq!(cables.show.engine.echo_on(A), Some(C), "{bpm} BPM, {ms} ms: {pulses} pulses");
            assert!(pulses <= TWO_BARS, "{bpm} BPM, {ms} ms: found after {pulses} pulses");
            // The echo keeps nothing alive.
            let found = cables.clocks();
            cables.play(NEVER, |_| false);
            assert_eq!((cables.show.engine.phase(), cables.show.engine.sounding()), (Phase::Stopped, 0));
            assert!(cables.clocks() - found <= 96 + 8, "it goes on for {} pulses", cables.clocks() - found);
            cables.show.check();
        }
    }
}

#[test]
fn a_master_and_our_echo_on_one_cable_are_told_apart() {
    for bpm in [20.0, 60.0, 125.0, 174.6] {
        for (ms, jitter) in [(0.2, 0.0), (1.0, 0.0), (1.0, 0.3), (3.0, 0.5), (5.0, 0.5)] {
            let interval = pulse_at(bpm);
            // In the middle between two pulses it would be twice the tempo.
            if interval < millis(3.0 * ms) {
                continue;
            }
            let mut cables = Cables::new(following("\"a\"", 0.0));
            cables.send(START + Span(interval.0 * 23 + 1_000), A, Message::Start);
            cables.loop_back(C, A, lag(ms, jitter, 7));
            let end = cables.master(A, START, interval, 24 + 960);
            cables.play(end, |show| show.engine.echo_on(A).is_some());
            assert_eq!(cables.show.engine.echo_on(A), Some(C), "{bpm} BPM, {ms} ms");
            assert!(cables.clocks() <= TWO_BARS, "{bpm} BPM, {ms} ms: found after {} pulses", cables.clocks());
            // The master is followed all the time, and counted right.
            cables.play(end - Span(interval.0 / 2), |_| false);
            assert_eq!(cables.show.engine.position().pulse(), 959, "{bpm} BPM, {ms} ms");
            let tempo = cables.show.engine.tempo().unwrap().bpm();
            assert!((tempo - bpm).abs() < bpm / 1e3, "{tempo} for {bpm} BPM, {ms} ms");
            let ticks: Vec<i64> = struck(&cables.show);
            assert_eq!(ticks, (0..160).map(|step| step * 240).collect::<Vec<_>>(), "{bpm} BPM, {ms} ms");
            // And when it is gone, it is lost.
            cables.play(NEVER, |_| false);
            assert_eq!(cables.show.engine.phase(), Phase::Stopped);
            cables.show.check();
        }
    }
}

#[test]
fn a_clock_that_is_passed_on_raw_and_comes_back_is_not_passed_on_again() {
    let mut program = following("\"a\"", 0.0);
    program.ports[2].clock = ClockOut::Raw;
    program.ports[3].clock = ClockOut::None;
    for ms in [0.2, 1.0, 5.0] {
        let mut cables = Cables::new(program.clone());
        cables.send(START + millis(23.0 * 20.0 + 0.001), A, Message::Start);
        cables.loop_back(C, A, lag(ms, 0.0, 1));
        let end = cables.master(A, START, PULSE, 24 + 960);
        cables.play(end - millis(10.0), |_| false);
        assert_eq!((cables.show.engine.position().pulse(), cables.clocks()), (959, 23 + 960), "{ms} ms");
    }
}

#[test]
fn a_pulse_that_is_doubled_now_and_then_counts() {
    let mut cables = Cables::new(following("\"a\"", 0.0));
    cables.send(START + millis(23.0 * 20.0 + 1.0), A, Message::Start);
    let end = cables.master(A, START, PULSE, 24 + 960);
    for pulse in [100, 300, 301, 500, 501, 502] {
        cables.send(START + Span(PULSE.0 * pulse) + millis(4.0), A, Message::Clock);
    }
    cables.play(end - millis(10.0), |_| false);
    assert_eq!(cables.show.engine.position().pulse(), 959 + 6);
    cables.show.check();
}

fn struck(show: &Show) -> Vec<i64> {
    let strike = |d: &Departure| matches!(d.message, Message::NoteOn(..)).then_some(d.tick.0);
    show.trace.iter().filter_map(strike).collect()
}

#[test]
fn an_echo_is_named_where_we_are_the_clock_ourselves() {
    for bpm in [20.0, 125.0, 400.0] {
        for ms in [0.1, 3.0, 10.0] {
            let mut program = following("\"a\"", 0.0);
            program.clock.follow = Box::default();
            program.tempo = tightrope::time::Tempo::from_bpm(bpm).unwrap();
            let mut cables = Cables::new(program);
            cables.show.command(Command::Start);
            // It comes from the port that is 7 ms late.
            cables.loop_back(PortSlot(3), B, lag(ms, 0.05, 3));
            cables.play(NEVER, |show| show.engine.echo_on(B).is_some() || show.trace.len() > 2_000);
            assert_eq!(cables.show.engine.echo_on(B), Some(PortSlot(3)), "{bpm} BPM, {ms} ms");
            assert!(cables.clocks() <= TWO_BARS, "{bpm} BPM, {ms} ms: after {} pulses", cables.clocks());
            cables.show.check();
        }
    }
}

#[test]
fn a_clock_that_could_be_failed_over_to_is_found_out_before() {
    let mut cables = Cables::new(following("[\"a\", \"b\"]", 0.0));
    cables.send(START + millis(23.0 * 20.0 + 1.0), A, Message::Start);
    cables.loop_back(C, B, lag(2.0, 0.1, 3));
    let gone = cables.master(A, START, PULSE, 24 + 96 * 4);
    cables.play(gone, |_| false);
    assert_eq!((cables.show.engine.echo_on(A), cables.show.engine.echo_on(B)), (None, Some(C)));
    cables.play(NEVER, |_| false);
    assert_eq!((cables.show.engine.phase(), cables.show.engine.clock_source()), (Phase::Stopped, ClockSource::Port(A)));
    let held = struck(&cables.show).last().copied();
    assert_eq!(held, Some(4 * 3_840 + 3_840 - 240), "one bar is held, and no more");
}

#[test]
fn a_loop_that_is_opened_is_forgotten_and_its_master_followed_again() {
    let mut cables = Cables::new(following("\"a\"", -2.0));
    cables.send(START + millis(23.0 * 20.0 + 1.0), A, Message::Start);
    cables.loop_back(C, A, lag(2.0, 0.0, 3));
    let end = cables.master(A, START, PULSE, 24 + 4_000);
    cables.play(START + millis(8_000.0), |_| false);
    // Somebody switches it off. The master's pulses come just where the echo came.
    cables.echo = None;
    cables.play(end - millis(10.0), |_| false);
    assert_eq!(cables.show.engine.echo_on(A), None);
    // Until that is certain, some of them are taken for echoes.
    let missed = 3_999 - cables.show.engine.position().pulse();
    assert!((0..=24).contains(&missed), "{missed} pulses missed");
}

/// How many of the pulses left by a port were moved for a test.
fn moved(show: &Show, first: Nanos, interval: Span, offset: Span) -> usize {
    let off = |d: &&Departure| {
        let phase = (d.due.since(first) - offset).0.rem_euclid(interval.0);
        (900_000..=1_100_000).contains(&phase)
    };
    show.trace.iter().filter(|d| d.port == C && d.message == Message::Clock).filter(off).count()
}

#[test]
fn a_steady_master_is_no_echo_wherever_our_pulses_lie() {
    for bpm in [20.0, 60.0, 125.0, 174.6, 400.0] {
        for offset in [-20.0, -5.0, -1.5, -0.2, 0.0, 0.1, 3.0, 12.0] {
            let mut cables = Cables::new(following("\"a\"", offset));
            let interval = pulse_at(bpm);
            cables.send(START + Span(interval.0 * 23 + 1_000), A, Message::Start);
            let end = cables.master(A, START, interval, 24 + 1_500);
            cables.play(end, |show| show.engine.echo_on(A).is_some());
            assert_eq!(cables.show.engine.echo_on(A), None, "{bpm} BPM, offset {offset} ms");
            assert_eq!(cables.show.engine.position().pulse(), 1_500, "{bpm} BPM, offset {offset} ms");
            // It is tested for a short time, once or twice.
            let moved = moved(&cables.show, START, interval, millis(offset));
            assert!(moved <= 48, "{bpm} BPM, offset {offset} ms: {moved} pulses moved");
        }
    }
}

#[test]
fn two_hundred_masters_are_no_echoes() {
    for seed in 0..200u64 {
        let mut chance = Chance(seed);
        let bpm = 60.0 + 120.0 * chance.unit();
        let offset = [0.0, -1.5, -5.0, 8.0][seed as usize % 4];
        let jitter = [0.0, 0.02, 0.3, 1.0, 2.0][seed as usize % 5];
        let late_only = seed % 3 == 0;
        let mut cables = Cables::new(following("[\"a\", \"b\"]", offset));
        let interval = pulse_at(bpm);
        cables.send(START + Span(interval.0 * 23 + 1_000), A, Message::Start);
        let mut truth = START;
        for _ in 0..1_000 {
            let off = if late_only { 2.0 * chance.unit() } else { 2.0 * chance.unit() - 1.0 };
            cables.send(truth + millis(jitter * off), A, Message::Clock);
            // The second master has all but the same tempo.
            cables.send(truth + millis(4.0 + jitter * chance.unit()), B, Message::Clock);
            truth = truth + interval;
        }
        cables.play(truth, |show| show.engine.echo_on(A).is_some() || show.engine.echo_on(B).is_some());
        let found = [A, B].map(|port| cables.show.engine.echo_on(port));
        assert_eq!(found, [None, None], "seed {seed}");
        assert!(cables.show.engine.position() > Tick(38_000), "seed {seed}");
    }
}

#[test]
fn without_an_offset_nobody_is_tested() {
    for jitter in [0.0, 0.02, 0.3, 1.0] {
        let mut cables = Cables::new(following("\"a\"", 0.0));
        cables.show.program.ports[3].offset = Span::ZERO;
        let mut chance = Chance(5);
        for number in 0..2_000 {
            let at = START + Span(PULSE.0 * number) + millis(jitter * (2.0 * chance.unit() - 1.0));
            cables.send(at, A, Message::Clock);
        }
        cables.play(START + Span(PULSE.0 * 2_000), |_| false);
        if jitter == 0.0 {
            assert_eq!(moved(&cables.show, START, PULSE, Span::ZERO), 0);
        }
        // A pulse that is moved comes a millisecond late, and the next one is not.
        let clocks: Vec<Nanos> = cables.show.trace.iter().filter(|d| d.port == C).map(|d| d.due).collect();
        let far =
            clocks.windows(2).skip(400).filter(|pair| (pair[1].since(pair[0]).0 - PULSE.0).abs() > 700_000).count();
        assert_eq!(far, 0, "jitter {jitter} ms");
    }
}
