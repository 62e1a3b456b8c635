//! Laws of the engine, over random shows: how time is cut does not matter, the seed decides, and nothing is left hanging.

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::lanes::feed::{Fed, FeedEvent};
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{
    ClockPlan, FeedSlot, Interval, PartSlot, PatternSlot, PortSlot, Quantum, Source, Target, TrackSlot,
};
use tightrope::engine::{Command, SessionState, Switch};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// Something that happens to a show.
#[derive(Clone, Copy, Debug)]
enum Event {
    Input(u8, Message),
    Command(Command),
    Reopened(u8, bool),
    Wait(i64),
    Feed(FeedEvent),
    /// So many pulses on one port, one on another after each, and so many nanoseconds from one to the next.
    Pulses([u8; 2], u8, i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Input(0, Message::Clock)),
        // Clocks of every port, one of them at a time, and at a tempo.
        2 => (0u8..3).prop_map(|port| Event::Input(port, Message::Clock)),
        2 => (0u8..3, 0u8..3, 1u8..64, 5_000_000i64..40_000_000).prop_map(|(one, other, count, interval)| Event::Pulses([one, other], count, interval)),
        4 => (0i64..40_000_000).prop_map(Event::Wait),
        1 => (0u8..4, any::<bool>()).prop_map(|(port, rejoins)| Event::Reopened(port, rejoins)),
        4 => any_feed().prop_map(Event::Feed),
        1 => (0u8..3).prop_map(|port| Event::Input(port, Message::Start)),
        1 => (0u8..3).prop_map(|port| Event::Input(port, Message::Stop)),
        1 => (0u8..3).prop_map(|port| Event::Input(port, Message::Continue)),
        1 => (0u8..3, 0u16..16_384).prop_map(|(port, sixteenths)| Event::Input(port, Message::SongPosition(sixteenths))),
        2 => (0u8..3, 1u8..17, 0u8..128).prop_map(|(port, channel, key)| Event::Input(port, note_on(channel, key))),
        1 => (1u8..4, 30u8..50).prop_map(|(channel, key)| Event::Input(2, note_on(channel, key))),
        1 => (1u8..4, 30u8..50).prop_map(|(channel, key)| Event::Input(2, note_off(channel, key))),
        1 => (60u8..68, 0u8..128).prop_map(|(number, value)| {
            Event::Input(2, Message::ControlChange(Channel::from_number(1).unwrap(), number, value))
        }),
        1 => (0u8..3, 1u8..4, 0u16..16_384).prop_map(|(port, channel, bend)| {
            Event::Input(port, Message::PitchBend(Channel::from_number(channel).unwrap(), bend))
        }),
        1 => (0u8..3).prop_map(|program| Event::Input(2, Message::ProgramChange(Channel::from_number(1).unwrap(), program))),
        1 => prop_oneof![
            (-120_000i32..120_000).prop_map(Command::Pace),
            any_session().prop_map(Command::Session),
            Just(Command::Start),
            Just(Command::Stop),
            Just(Command::Continue),
            (0u16..3).prop_map(crate::support::launch),
            (0u16..3, any_quantum()).prop_map(|(slot, at)| Command::Launch { pattern: PatternSlot(slot), at: Some(at) }),
            Just(Command::CancelLaunch),
            (0u16..5).prop_map(|part| Command::Jump(PartSlot(part))),
            (20.0..400.0f64).prop_map(|bpm| Command::Tempo(Tempo::from_bpm(bpm).unwrap())),
            (-5_000i32..5_000).prop_map(Command::TempoStep),
            Just(Command::Tap),
            Just(Command::Panic),
            (0u8..17).prop_map(|port| Command::ReleaseInput(PortSlot(port))),
            (0u8..17).prop_map(|port| Command::SilencePort(PortSlot(port))),
            any_switch().prop_map(Command::Hold),
            any_switch().prop_map(Command::Fill),
            (0u16..4, any_switch()).prop_map(|(track, switch)| Command::Mute(TrackSlot(track), switch)),
            (0u16..4, any_switch()).prop_map(|(track, switch)| Command::Solo(TrackSlot(track), switch)),
            (any::<Option<u8>>(), -127i8..=127, prop::bool::ANY).prop_map(|(track, by, in_degrees)| Command::Transpose {
                track: track.map(|track| TrackSlot(u16::from(track % 4))),
                by,
                unit: if in_degrees { Interval::Degrees } else { Interval::Semitones },
            }),
        ]
        .prop_map(Event::Command),
    ]
}

/// What a source may say, of the first epochs, near the beginning of the song.
fn any_feed() -> impl Strategy<Value = FeedEvent> {
    let fed = prop_oneof![
        1 => Just(Fed::Begin),
        4 => (0u8..128, 1u8..128, 0i64..2_000).prop_map(|(key, velocity, gate)| Fed::Note {
            key: Key::new(key).unwrap(),
            velocity: Velocity::new(velocity).unwrap(),
            gate: TickSpan(gate),
        }),
        1 => (0u16..16_384, any::<bool>()).prop_map(|(value, needed)| Fed::Value { target: Target::Bend, value, needed }),
        1 => (0u16..128, any::<bool>()).prop_map(|(value, needed)| {
            Fed::Value { target: Target::Controller(64), value, needed }
        }),
    ];
    (0u8..5, 0u32..3, -100i64..4_000, fed).prop_map(|(feed, epoch, at, fed)| FeedEvent {
        feed: FeedSlot(feed),
        epoch,
        at: Tick(at),
        fed,
    })
}

/// Lanes that are fed in the place of all that was written, two of them by one source.
fn with_feeds(mut program: tightrope::engine::program::Program) -> tightrope::engine::program::Program {
    let clips = program.patterns.iter_mut().flat_map(|pattern| &mut pattern.clips);
    for (feed, lane) in (0u8..).zip(clips.flat_map(|clip| &mut clip.lanes)) {
        lane.source = Source::Feed(FeedSlot(feed % 4));
    }
    program
}

fn any_switch() -> impl Strategy<Value = Switch> {
    prop::sample::select(&[Switch::On, Switch::Off, Switch::Toggle])
}

fn any_quantum() -> impl Strategy<Value = Quantum> {
    prop_oneof![Just(Quantum::Now), Just(Quantum::End), (1i64..10_000).prop_map(|grid| Quantum::Grid(TickSpan(grid))),]
}

/// Plays `events`, cutting each wait into pieces of `piece` nanoseconds, or going from deadline to deadline.
fn play(program: tightrope::engine::program::Program, events: &[Event], piece: Option<i64>) -> Show {
    let mut show = Show::new(program);
    let wait = |show: &mut Show, nanos: i64| {
        let end = show.now + Span(nanos);
        match piece {
            None => show.wait_until(end),
            Some(piece) => {
                while show.now < end {
                    let next = show.now + Span(piece);
                    show.advance(next.min(end));
                }
            }
        }
    };
    for event in events {
        match *event {
            Event::Input(port, message) => show.input(PortSlot(port), message),
            Event::Command(command) => show.command(command),
            Event::Reopened(port, rejoins) => show.reopen(PortSlot(port), rejoins),
            Event::Wait(nanos) => wait(&mut show, nanos),
            Event::Feed(event) => show.feed(event),
            Event::Pulses([one, other], count, interval) => {
                for _ in 0..count {
                    show.input(PortSlot(one), Message::Clock);
                    wait(&mut show, interval / 3);
                    if other != one {
                        show.input(PortSlot(other), Message::Clock);
                    }
                    wait(&mut show, interval - interval / 3);
                }
            }
        }
    }
    show
}

/// Notes that fall between pulses, two ports, and two patterns.
const DENSE: &str = r#"
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
    transpose = "b"
    [tracks.u]
    port = "b"
    channel = 2
    [patterns.one]
    t = { step = "1/64", steps = "c2 d2=150 e2~ | c2" }
    u = { step = "1/48", gate = 300, steps = "c2 d2 e2" }
    [patterns.two]
    t = { arp = "c2 e2 g2", lengths = ["1/96", "1/12"], pick = "random", order = "random" }
"#;

/// Three clocks to follow, and two machines that get the clock: one early, one each pulse as it comes.
fn several_clocks() -> tightrope::engine::program::Program {
    let ports = "[ports.c]\ndevice = \"c\"\n[ports.d]\ndevice = \"d\"\nclock = true\noffset = \"-30 ms\"\n[tracks.t]";
    let text = DENSE.replace("follow = \"a\"", "follow = [\"c\", \"b\", \"a\"]");
    let text = text.replace("device = \"b\"\n    clock = true", "device = \"b\"").replace("[tracks.t]", ports);
    let text = text.replace("[tracks.u]", "[ports.e]\ndevice = \"e\"\nclock = \"raw\"\n[tracks.u]");
    compile(&text)
}

/// Where a session could be, or that it is gone.
fn any_session() -> impl Strategy<Value = Option<SessionState>> {
    let told = (-1_000_000i64..1_000_000, 0u64..30_000_000_000, 20.0..400.0f64, any::<bool>());
    prop::option::weighted(0.9, told).prop_map(|told| {
        told.map(|(tick, time, bpm, playing)| SessionState {
            tick: Tick(tick),
            time: Nanos(time),
            tempo: Tempo::from_bpm(bpm).unwrap(),
            playing,
        })
    })
}

/// A show of one of nine kinds.
fn program(kind: u8) -> tightrope::engine::program::Program {
    match kind {
        0 => circuits(),
        1 => circuits_alone(),
        2 => compile(DENSE),
        3 => compile(EVERYTHING),
        4 => tightrope::engine::program::Program {
            clock: ClockPlan { follow: Box::default(), ..circuits().clock },
            ..compile(EVERYTHING)
        },
        5 => several_clocks(),
        6 => with_feeds(compile(EVERYTHING)),
        7 => with_feeds(circuits_alone()),
        _ => tightrope::engine::program::Program {
            clock: ClockPlan { follow: Box::default(), session: Some(TickSpan(3_840)), ..circuits().clock },
            ..compile(EVERYTHING)
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunking_does_not_matter(events in prop::collection::vec(any_event(), 1..200), kind in 0u8..9) {
        let program = || program(kind);
        let whole = play(program(), &events, Some(i64::MAX >> 1));
        let fine = play(program(), &events, Some(1_000_000));
        let waits = play(program(), &events, None);
        prop_assert_eq!(text(&whole.trace), text(&fine.trace));
        prop_assert_eq!(text(&whole.trace), text(&waits.trace));
    }

    #[test]
    fn whatever_happens_nothing_is_left_sounding(events in prop::collection::vec(any_event(), 1..300), kind in 0u8..9) {
        let mut show = play(program(kind), &events, None);
        let sounding = check_trace(&show.trace);
        prop_assert_eq!(sounding, show.engine.sounding());
        show.command(Command::End);
        prop_assert!(show.engine.is_finished());
        prop_assert_eq!(check_trace(&show.trace), 0);
        let length = show.trace.len();
        show.input(CIRCUIT, Message::Start);
        show.pulses(50, PULSE);
        prop_assert_eq!(show.trace.len(), length, "it plays after its end");
    }

    #[test]
    fn a_master_that_is_gone_is_followed_for_four_bars(pulses in 1usize..200, interval in 5_000_000i64..120_000_000) {
        let mut show = Show::new(circuits());
        show.input(CIRCUIT, Message::Start);
        show.pulses(pulses, Span(interval));
        show.wait(Span::from_millis(60_000));
        // One pulse tells no tempo; from two on the music is held for four bars, and no longer.
        let held = if pulses == 1 { 0 } else { 4 * 3_840 };
        let last = Tick(pulses as i64 * 40 + held);
        let plays = |departure: &&Departure| matches!(departure.message, Message::NoteOn(..) | Message::Clock);
        prop_assert!(show.trace.iter().filter(plays).all(|departure| departure.tick < last));
        prop_assert_eq!(show.engine.sounding(), 0);
    }
}

#[test]
fn one_long_step_is_the_same_as_many_short_ones() {
    let run = |piece| {
        let mut show = Show::new(circuits_alone());
        show.command(Command::Start);
        let end = show.now + Span::from_millis(12_000);
        while show.now < end {
            let next = show.now + piece;
            show.advance(next.min(end));
        }
        text(&show.trace)
    };
    let whole = run(Span::from_millis(12_000));
    assert_eq!(whole, run(Span::from_millis(1)));
    assert!(whole.lines().count() > 600);
}

#[test]
fn the_seed_decides_the_show() {
    let run = |seed| {
        let circuits = tightrope::set::builtin::find("circuits").expect("it is built in").text;
        let mut program = compile(&circuits.replace("seed  = 7 ", &format!("seed = {seed} ")));
        program.clock.follow = Box::default();
        let mut show = Show::new(program);
        show.command(Command::Start);
        show.advance(show.now + Span::from_millis(30_000));
        text(&show.trace)
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

fn text_of(take: &[(Span, tightrope::engine::program::PortSlot, Message)]) -> String {
    take.iter().take(150).map(|(at, port, message)| format!("{} {} {message}\n", at.0, port.0)).collect()
}

#[test]
fn starting_again_plays_the_same_show_again() {
    let mut show = Show::new(circuits_alone());
    let mut takes = Vec::new();
    for _ in 0..2 {
        let from = show.trace.len();
        let start = show.now;
        show.command(Command::Start);
        show.advance(start + Span::from_millis(20_000));
        show.command(Command::Stop);
        // From the first beat on; START itself waits for the next pulse of a clock that runs all the time.
        let played: Vec<_> = show.trace[from..].iter().filter(|d| matches!(d.message, Message::NoteOn(..))).collect();
        let take: Vec<_> = played.iter().map(|d| (d.due.since(played[0].due), d.port, d.message)).collect();
        takes.push(text_of(&take));
    }
    assert_eq!(takes[0], takes[1]);
}

#[test]
fn repeated_and_early_calls_are_harmless() {
    let mut show = Show::new(circuits());
    show.pulses(3, PULSE);
    show.input(CIRCUIT, Message::Start);
    show.pulses(5, PULSE);
    let length = show.trace.len();
    for _ in 0..100 {
        show.advance(show.now);
        let progress = show.engine.advance(&show.program, Nanos(0), &mut Default::default());
        assert_eq!(progress, tightrope::engine::Progress::CaughtUp);
    }
    assert_eq!(show.trace.len(), length);
}
