//! A show that goes on where another one has died.

use crate::support::*;
use tightrope::engine::arrangement::resume::Resumption;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::lanes::chance::Random;
use tightrope::engine::program::{PartSlot, PatternSlot, PortSlot, Program};
use tightrope::engine::{Command, Switch};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tick, TickSpan};

const A: PortSlot = PortSlot(0);
const B: PortSlot = PortSlot(1);
const BAR: i64 = 3_840;

const SET: &str = r#"
    [clock]
    follow = "a"
    [ports.a]
    device = "a"
    [ports.b]
    device = "b"
    clock = true
    [tracks.t]
    port = "a"
    channel = 1
    [tracks.u]
    port = "b"
    channel = 2
    [patterns.one]
    t = { step = "1/8", steps = "c2 d2 e2 f2 g2 a2 b2 c3" }
    u = { step = "1/16", steps = "c2 d2 e2 f2 g2 a2 b2" }
    [patterns.two]
    bars = 2
    t = { step = "1/4", steps = "c4 d4 e4 f4 g4 a4 b4" }
    program = { t = 9 }
    [song]
    parts = ["one x2", "two", "one"]
    end = "loop"
"#;

fn without_song() -> String {
    SET.split("[song]").next().unwrap().to_owned()
}

/// What is kept of a show: where it was at a pulse, and what played.
fn kept(show: &Show, ago: Span) -> Resumption {
    let status = show.engine.status();
    Resumption {
        position: show.engine.position(),
        ago,
        tempo: show.engine.tempo().unwrap(),
        runs: show.engine.phase() == Phase::Running,
        pattern: status.pattern,
        origin: status.origin,
        part: status.part.zip(status.song_origin),
    }
}

/// A master whose pulses are up to a millisecond early or late.
struct Master {
    begun: Nanos,
    interval: f64,
    jitter: i64,
    random: Random,
    /// When the tempo changes, and to which interval.
    change: Option<(i64, f64)>,
}

impl Master {
    fn new(seed: u64, bpm: f64, jitter: i64) -> Master {
        let random = Random::new(seed, 0);
        Master { begun: Nanos(2_000_000_000), interval: 60e9 / (bpm * 24.0), jitter, random, change: None }
    }

    fn pulse(&mut self, number: i64) -> Nanos {
        let span = match self.change {
            Some((from, interval)) if number > from => from as f64 * self.interval + (number - from) as f64 * interval,
            _ => number as f64 * self.interval,
        };
        let jitter =
            if self.jitter == 0 { 0 } else { self.random.below(2 * self.jitter as usize) as i64 - self.jitter };
        self.begun + Span(span.round() as i64 + jitter)
    }
}

/// Plays the pulses of the master, START before number 48; up to `until`.
fn play(show: &mut Show, master: &mut Master, pulses: std::ops::Range<i64>) {
    for number in pulses {
        let at = master.pulse(number);
        if number == 48 {
            show.wait_until(at - Span::from_millis(5));
            show.input(A, Message::Start);
        }
        show.wait_until(at.max(show.now));
        show.input(A, Message::Clock);
    }
}

/// A show dies with pulse `dies`, and another one plays on after `lost` pulses. By how many pulses that one is off.
fn off_by(program: &Program, master: &mut Master, dies: i64, lost: i64) -> (i64, Show) {
    let mut show = Show::new(program.clone());
    play(&mut show, master, 0..dies);
    let died = show.now;
    let mut next = Show::new(program.clone());
    let starts = master.pulse(dies + lost) - Span((master.interval / 2.0) as i64);
    next.now = starts;
    assert!(next.engine.resume_show(program, starts, kept(&show, starts.since(died))));
    let first = dies + lost;
    play(&mut next, master, first..first + 1);
    let at = next.engine.position();
    let pulses = (at.0 + 20).div_euclid(40) - (first - 48);
    play(&mut next, master, first + 1..first + 97);
    let now = (next.engine.position().0 + 20).div_euclid(40);
    assert_eq!(now, first + 96 - 48 + pulses, "it stays where it has begun");
    (pulses, next)
}

#[test]
fn after_up_to_ten_seconds_it_is_where_the_master_is() {
    let program = compile(SET);
    let mut random = Random::new(7, 0);
    for seed in 0..200 {
        let bpm = 90.0 + random.below(90) as f64;
        let mut master = Master::new(seed, bpm, 1_000_000);
        let dies = 49 + 192 + random.below(400) as i64;
        let lost = (bpm * 24.0 / 60.0 * (0.2 + random.below(9_800) as f64 / 1_000.0)) as i64;
        assert_eq!(off_by(&program, &mut master, dies, lost).0, 0, "seed {seed}: {bpm} BPM, {dies}, {lost}");
    }
}

#[test]
fn a_tempo_that_changes_meanwhile_is_followed_as_far_as_half_a_pulse() {
    let program = compile(SET);
    // 125 BPM: 50 pulses a second. The tempo changes with the death of the show, the worst that it can do.
    for (change, lost, expected) in [(1.008, 50, 0), (0.992, 50, 0), (1.000_8, 500, 0), (1.01, 500, -5), (0.99, 200, 2)]
    {
        let mut master = Master::new(3, 125.0, 0);
        master.change = Some((300, master.interval * change));
        let off = off_by(&program, &mut master, 301, lost).0;
        assert_eq!(-off, expected, "{change} for {lost} pulses");
    }
}

#[test]
fn the_same_notes_are_played_at_the_same_times() {
    for set in [SET.to_owned(), without_song()] {
        let program = compile(&set);
        for (dies, lost) in [(80, 15), (301, 130), (700, 333), (48 + 97, 10)] {
            let mut steady = Show::new(program.clone());
            let first = dies + lost;
            play(&mut steady, &mut Master::new(1, 125.0, 0), 0..first + 97);
            let (off, show) = off_by(&program, &mut Master::new(1, 125.0, 0), dies, lost);
            assert_eq!(off, 0);
            let from = Master::new(1, 125.0, 0).pulse(first) + Span::from_millis(60);
            for port in [A, B] {
                let later =
                    |show: &Show| show.note_ons(port).into_iter().filter(|(due, _)| *due > from).collect::<Vec<_>>();
                let near = |(a, b): (&(Nanos, u8), &(Nanos, u8))| a.1 == b.1 && a.0.since(b.0).0.abs() < 50_000;
                let (played, expected) = (later(&show), later(&steady));
                assert!(played.len() == expected.len() && expected.len() > 4, "{played:?}\n{expected:?}");
                assert!(played.iter().zip(&expected).all(near), "{dies} {lost}: {played:?}\n{expected:?}");
            }
            assert_eq!(show.engine.status().part, steady.engine.status().part);
            assert_eq!(show.engine.status().origin, steady.engine.status().origin);
            show.check();
        }
    }
}

#[test]
fn whoever_gets_the_clock_joins_at_the_next_bar() {
    let (off, show) = off_by(&compile(SET), &mut Master::new(1, 125.0, 0), 300, 100);
    assert_eq!(off, 0);
    let told: Vec<_> =
        show.trace.iter().filter(|departure| departure.port == B).map(|departure| departure.message).collect();
    // The first pulse is number 400: 352 of the music, in its fourth bar.
    let place = told.iter().position(|message| *message == Message::SongPosition(4 * 16)).unwrap();
    assert_eq!(told[place + 1], Message::Continue);
    assert_eq!(told[..place].iter().filter(|message| **message == Message::Clock).count(), 4 * 96 - 352);
    assert!(!told.contains(&Message::Start));
}

#[test]
fn a_master_that_has_stopped_is_waited_for() {
    let program = compile(SET);
    // The pulse that came last has been played.
    for (message, position) in [(Message::Start, 0), (Message::Continue, (300 - 48) * 40)] {
        let mut show = Show::new(program.clone());
        let mut master = Master::new(1, 125.0, 0);
        play(&mut show, &mut master, 0..300);
        let mut next = Show::new(program.clone());
        next.now = show.now + Span::from_millis(3_000);
        let was = kept(&show, Span::from_millis(3_000));
        assert!(next.engine.resume_show(&program, next.now, was));
        next.wait(Span::from_millis(5_000));
        assert!(next.note_ons(A).is_empty() && next.engine.phase() == Phase::Stopped);
        next.input(A, message);
        next.wait(Span::from_millis(10));
        next.input(A, Message::Clock);
        assert_eq!(next.engine.position().0, position, "{message:?}");
    }
}

#[test]
fn our_own_clock_goes_on_where_it_would_be() {
    let mut program = compile(SET);
    program.clock.follow = Box::default();
    let mut steady = Show::new(program.clone());
    steady.command(Command::Start);
    steady.wait(Span::from_millis(10_000));
    let origin = steady.engine.time_of(Tick::ZERO).unwrap();
    let mut show = Show::new(program.clone());
    show.command(Command::Start);
    show.wait(Span::from_millis(2_345));
    let mut next = Show::new(program.clone());
    next.now = show.now + Span::from_millis(3_210);
    // The position is a whole tick, and so it is at a time before this one.
    let position = show.engine.position();
    let since = next.now.since(show.engine.time_of(position).unwrap());
    assert!(next.engine.resume_show(&program, next.now, Resumption { position, ..kept(&show, since) }));
    assert!(next.engine.time_of(Tick::ZERO).is_none_or(|begun| begun.since(origin).0.abs() < 1_000));
    let from = next.now + Span::from_millis(80);
    next.wait_until(steady.now);
    let later = |show: &Show| show.note_ons(A).into_iter().filter(|(due, _)| *due > from).collect::<Vec<_>>();
    let near = |(a, b): (&(Nanos, u8), &(Nanos, u8))| a.1 == b.1 && a.0.since(b.0).0.abs() < 1_000;
    assert!(later(&next).len() == later(&steady).len() && later(&next).iter().zip(&later(&steady)).all(near));
    let spp = next.trace.iter().position(|departure| matches!(departure.message, Message::SongPosition(_))).unwrap();
    let clock = next.trace[spp..].iter().find(|departure| departure.message == Message::Clock).unwrap();
    assert_eq!(clock.tick.0.rem_euclid(BAR), 0);
}

#[test]
fn what_is_not_there_any_more_or_did_not_play() {
    let program = compile(&without_song());
    let mut show = Show::new(program.clone());
    let was = Resumption {
        position: Tick(1_001),
        ago: Span::ZERO,
        tempo: program.tempo,
        runs: false,
        pattern: PatternSlot(1),
        origin: Tick::ZERO,
        part: Some((PartSlot(0), TickSpan::ZERO)),
    };
    assert!(!show.engine.resume_show(&program, show.now, was), "it stopped");
    show.command(Command::Mute(tightrope::engine::program::TrackSlot(0), Switch::On));
    assert_eq!((show.engine.pattern(), show.engine.status().part), (PatternSlot(1), None));
    show.pulses(48, PULSE);
    assert_eq!((show.engine.phase(), show.engine.position()), (Phase::Stopped, Tick(1_040)));
    let mut show = Show::new(program.clone());
    let gone = Resumption { pattern: PatternSlot(9), runs: true, ..was };
    assert!(!show.engine.resume_show(&program, show.now, gone));
    show.pulses(48, PULSE);
    assert_eq!(show.engine.phase(), Phase::Stopped);
}
