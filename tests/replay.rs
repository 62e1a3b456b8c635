//! The real loop in virtual time, logged, and played again from the log: it must make the same messages, whatever hands,
//! masters, cables and edits did meanwhile.

use std::cell::{Cell, RefCell};

use crate::support::*;
use proptest::prelude::*;
use tightrope::blackbox::Record;
use tightrope::blackbox::record::{Head, Legacy, Resumed, SetText};
use tightrope::blackbox::replay::{Played, Replay, Stopped};
use tightrope::engine::arrangement::resume::Resumption;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{Interval, PartSlot, PatternSlot, PortSlot, Quantum, TrackSlot};
use tightrope::engine::{Call, Command, Engine, Switch};
use tightrope::link::{ControlEnd, Fate, InputEvent, MidiInEnd, link};
use tightrope::midi::Message;
use tightrope::rt::clock::TimeSource;
use tightrope::rt::driver::Driver;
use tightrope::rt::note_tracking::NoteTracking;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy as Wait};
use tightrope::rt::run::Loop;
use tightrope::set::Set;
use tightrope::time::{DeviceTime, Nanos, Span, Tempo, Tick, TickSpan};

const BEGIN: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;

/// What happens in a show.
#[derive(Clone, Debug)]
enum Event {
    Input(u8, Message),
    Command(Command),
    /// The set is saved in another version, and taken up unless it is saved again at once.
    Save(usize, bool),
    /// A port has another output, or none.
    Unplug(u8),
    /// The machine stands still.
    Stall(u64),
}

/// The set in several versions; the first leads itself.
fn versions() -> [String; 6] {
    let alone = EVERYTHING.replace("[clock]\n    follow = \"a\"\n", "");
    let lights = "[[bind]]\n    on = \"keys note 90\"\n    do = \"mute t\"\n    light = true\n    [[bind]]\n    on = \"keys note 91\"\n    do = \"launch two\"\n";
    [
        alone.clone(),
        EVERYTHING.to_owned(),
        EVERYTHING.replace("launch = \"beat\"", "launch = \"bar\"\n    tempo = 170"),
        alone
            .replace("[tracks.u]", "[tracks.w]")
            .replace("u = {", "w = {")
            .replace("mute u", "mute w")
            .replace("cc u", "cc w"),
        EVERYTHING
            .replace("device = \"b\"", "device = \"bb\"")
            .replace("-7 ms", "12 ms")
            .replace("c2 d2 e2", "c3 e3 g3"),
        alone.replace(
            "    [[bind]]\n    on = \"keys note 36\"",
            &format!("    {lights}    [[bind]]\n    on = \"keys note 36\""),
        ),
    ]
}

/// Lets happen what is to happen, whenever the time is read, and writes the log as the control thread does.
struct Stage {
    time: Cell<u64>,
    /// How far the time goes with each reading: these, over and over.
    steps: Vec<u64>,
    reading: Cell<usize>,
    script: RefCell<Script>,
}

struct Script {
    /// The last comes first.
    events: Vec<(u64, Event)>,
    ends: Vec<MidiInEnd>,
    control: ControlEnd,
    set: Set,
    own_clock: bool,
    drained: u64,
    log: Vec<Record>,
}

impl TimeSource for &Stage {
    fn now(&self) -> Nanos {
        let reading = self.reading.get();
        self.reading.set(reading + 1);
        let now = self.time.get() + self.steps[reading % self.steps.len()];
        self.time.set(now);
        let mut script = self.script.borrow_mut();
        while let Some((at, event)) = script.events.pop_if(|(at, _)| *at <= now) {
            if let Event::Stall(millis) = event {
                self.time.set(self.time.get() + millis * MILLI);
            }
            script.happens(at, event);
        }
        if now >= script.drained {
            script.drained = now + 3 * MILLI;
            script.drain();
        }
        Nanos(self.time.get())
    }
}

impl Script {
    fn happens(&mut self, at: u64, event: Event) {
        match event {
            Event::Input(port, message) => {
                let end = self.ends.iter_mut().find(|end| end.port().0 == port).expect("it listens");
                end.push(InputEvent { at: Nanos(at), device: DeviceTime(at / 1_000 + 77), message });
            }
            Event::Command(command) => drop(self.control.command(command)),
            Event::Save(version, is_taken_up) => {
                let text = versions()[version].clone().into_bytes();
                let set = read(&text, self.own_clock).following(&self.set);
                self.log.push(Record::Set(text_of(&set, text, self.own_clock)));
                if is_taken_up {
                    self.control.publish(set.program.clone());
                }
                self.set = set;
            }
            Event::Unplug(port) => drop(self.control.remove_output(PortSlot(port), 0)),
            Event::Stall(_) => {}
        }
    }

    fn drain(&mut self) {
        while let Some(called) = self.control.called() {
            self.log.push(Record::Called(called));
        }
        while let Some(sent) = self.control.sent() {
            self.log.push(Record::Made(sent));
        }
    }
}

fn read(text: &[u8], own_clock: bool) -> Set {
    let mut set = Set::parse("test.toml", text).unwrap_or_else(|mistakes| panic!("{}", mistakes.render(false)));
    if own_clock {
        set.program.clock.follow = Box::default();
    }
    set
}

fn text_of(set: &Set, text: Vec<u8>, own_clock: bool) -> SetText {
    SetText { edition: set.program.edition, own_clock, origin: "test.toml".to_owned(), text }
}

/// Takes some time, refuses now and then, and has nobody at the last port.
struct Wire<'s>(&'s Stage, u64);

impl Output for Wire<'_> {
    fn send(&mut self, &Departure { port, .. }: &Departure) -> Result<(), SendFailed> {
        self.1 += 1;
        match self.1 % 97 {
            _ if port.0 == 2 => return Err(SendFailed::Absent),
            0 => return Err(SendFailed::Refused),
            _ => {}
        }
        self.0.time.set(self.0.time.get() + 3_000);
        Ok(())
    }
}

/// Plays `events` from the first version, or the one that follows a clock; the log.
fn play(version: usize, own_clock: bool, events: Vec<(u64, Event)>, steps: Vec<u64>) -> Vec<Record> {
    play_on(None, version, own_clock, events, steps)
}

/// The same for a show that goes on with another one.
fn play_on(
    legacy: Option<&Legacy>,
    version: usize,
    own_clock: bool,
    mut events: Vec<(u64, Event)>,
    steps: Vec<u64>,
) -> Vec<Record> {
    let text = versions()[version].clone().into_bytes();
    let set = read(&text, own_clock);
    let program = set.program.clone();
    let mut engine = Engine::new(&program);
    if let Some(legacy) = legacy {
        legacy.pass_to(&mut engine, &program);
    }
    let mut outbox = Outbox::default();
    let (control, mut rt, ends) = link(program, &[PortSlot(0), PortSlot(1), PortSlot(2)]);
    let last = events.iter().map(|(at, _)| *at).max().unwrap_or(BEGIN);
    events.push((last + 700 * MILLI, Event::Command(Command::End)));
    // What happens at the same time happens in its order.
    events.sort_by_key(|(at, _)| *at);
    events.reverse();
    let head = Head { resumed: legacy.map(Resumed::of), ..Head::default() };
    let log = vec![Record::Head(head), Record::Set(text_of(&set, text, own_clock))];
    let script = Script { events, ends, control, set, own_clock, drained: 0, log };
    let stage = Stage { time: Cell::new(BEGIN), steps, reading: Cell::new(0), script: RefCell::new(script) };
    let mut wire = NoteTracking::new(Wire(&stage, 0));
    Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, &stage), &mut wire, Pacer::new(Wait::Busy, Span::ZERO))
        .run();
    let mut script = stage.script.into_inner();
    script.drain();
    assert_eq!(script.control.meters().snapshot().lost_trace, 0);
    script.log
}

fn replay(log: &[Record]) -> Result<Played, Stopped> {
    let mut replay = Replay::default();
    for record in log {
        replay.take(record, &mut |_, _| {})?;
    }
    replay.finish()
}

fn is_made(record: &Record) -> bool {
    matches!(record, Record::Made(_))
}

fn steps() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![100u64..2_000, 1_000u64..20_000], 1..20)
}

fn switch() -> impl Strategy<Value = Switch> {
    prop_oneof![Just(Switch::On), Just(Switch::Off), Just(Switch::Toggle)]
}

fn command() -> impl Strategy<Value = Command> {
    let track = || (0u16..4).prop_map(TrackSlot);
    let at = prop_oneof![
        Just(None),
        Just(Some(Quantum::Now)),
        Just(Some(Quantum::End)),
        Just(Some(Quantum::Grid(TickSpan(960))))
    ];
    prop_oneof![
        4 => Just(Command::Start),
        1 => Just(Command::Stop),
        2 => Just(Command::Continue),
        4 => (0u16..4, at).prop_map(|(slot, at)| match launch(slot) {
            Command::Launch { pattern, .. } => Command::Launch { pattern, at },
            other => other,
        }),
        1 => Just(Command::CancelLaunch),
        2 => (0u16..4).prop_map(|part| Command::Jump(PartSlot(part))),
        1 => switch().prop_map(Command::Hold),
        1 => (track(), switch()).prop_map(|(track, switch)| Command::Mute(track, switch)),
        1 => (track(), switch()).prop_map(|(track, switch)| Command::Solo(track, switch)),
        1 => switch().prop_map(Command::Fill),
        1 => (-20i8..20).prop_map(|by| Command::Transpose { track: None, by, unit: Interval::Degrees }),
        1 => (30.0..300.0f64).prop_map(|bpm| Command::Tempo(Tempo::from_bpm(bpm).unwrap())),
        1 => (-900i32..900).prop_map(Command::TempoStep),
        1 => Just(Command::Tap),
        2 => Just(Command::Panic),
        1 => (0u8..3).prop_map(|port| Command::ReleaseInput(PortSlot(port))),
    ]
}

fn input() -> impl Strategy<Value = Event> {
    let voice = (0x80u8..=0xEF, 0u8..128, 0u8..128).prop_filter_map("a message", |(status, a, b)| {
        Message::from_bytes(&[status & 0xF1, a, b]).or(Message::from_bytes(&[status & 0xF1, a]))
    });
    let key = (30u8..100, any::<bool>()).prop_map(|(key, down)| if down { note_on(1, key) } else { note_off(1, key) });
    let system =
        prop_oneof![Just(Message::Start), Just(Message::Stop), Just(Message::Continue), Just(Message::SongPosition(8))];
    let message = prop_oneof![3 => key, 2 => voice, 1 => system];
    (0u8..3, message).prop_map(|(port, message)| Event::Input(port, message))
}

fn event() -> impl Strategy<Value = (u64, Event)> {
    let event = prop_oneof![
        8 => input(),
        5 => command().prop_map(Event::Command),
        2 => (0usize..6, prop::bool::weighted(0.8)).prop_map(|(version, taken_up)| Event::Save(version, taken_up)),
        1 => (0u8..3).prop_map(Event::Unplug),
        1 => (1u64..90).prop_map(Event::Stall),
    ];
    (0u64..2_500 * MILLI, event).prop_map(|(at, event)| (BEGIN + at, event))
}

/// The pulses of a master at `bpm`, each off by up to so much, and START.
fn master(bpm: f64, off: &[i64]) -> Vec<(u64, Event)> {
    let pulse = |index: usize| (BEGIN as f64 + 5e6 + index as f64 * 60e9 / bpm / 24.0) as u64;
    let mut events: Vec<_> = (0..150)
        .map(|index| (pulse(index).saturating_add_signed(off[index % off.len()]), Event::Input(0, Message::Clock)))
        .collect();
    events.push((pulse(10) + MILLI, Event::Input(0, Message::Start)));
    events
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_is_the_show(
        (version, own_clock) in (0usize..6, any::<bool>()),
        events in prop::collection::vec(event(), 0..60),
        (bpm, off) in (90.0..180.0f64, prop::collection::vec(-900_000i64..900_000, 1..20)),
        steps in steps(),
    ) {
        let mut all = master(bpm, &off);
        all.push((BEGIN + 2 * MILLI, Event::Command(Command::Start)));
        all.extend(events);
        let log = play(version, own_clock, all, steps);
        let made = log.iter().filter(|record| is_made(record)).count() as u64;
        prop_assert!(made > 0);
        let calls = log.iter().filter(|record| matches!(record, Record::Called(_))).count() as u64;
        prop_assert_eq!(replay(&log), Ok(Played { same: made, unlogged: 0, unmade: 0, calls, is_whole: true }));
    }
}

fn legacy() -> impl Strategy<Value = Legacy> {
    let was = (0i64..60_000, 0i64..2_000_000_000, 60.0..240.0f64, any::<bool>(), 0u16..5, 0i64..9, any::<bool>());
    (was, prop::collection::vec(command(), 0..6)).prop_map(
        |((position, ago, bpm, runs, pattern, bars, in_song), commands)| {
            let origin = TickSpan(3_840 * bars);
            let was = Resumption {
                position: Tick(position),
                ago: Span(ago),
                tempo: Tempo::from_bpm(bpm).unwrap(),
                runs,
                pattern: PatternSlot(pattern),
                origin: Tick(origin.0),
                part: in_song.then_some((PartSlot(pattern), origin)),
            };
            Legacy { at: Nanos(BEGIN - 7 * MILLI), was, commands }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_of_a_show_that_was_resumed_is_that_show(
        legacy in legacy(),
        (version, own_clock) in (0usize..6, any::<bool>()),
        events in prop::collection::vec(event(), 0..30),
        (bpm, off) in (90.0..180.0f64, prop::collection::vec(-900_000i64..900_000, 1..20)),
        steps in steps(),
    ) {
        prop_assert_eq!(Resumed::of(&legacy).legacy(), Some(legacy.clone()));
        let mut all = master(bpm, &off);
        all.extend(events);
        let log = play_on(Some(&legacy), version, own_clock, all, steps);
        let same = log.iter().filter(|record| is_made(record)).count() as u64;
        let calls = log.iter().filter(|record| matches!(record, Record::Called(_))).count() as u64;
        prop_assert_eq!(replay(&log), Ok(Played { same, unlogged: 0, unmade: 0, calls, is_whole: true }));
    }
}

#[test]
fn what_a_show_was_resumed_with_is_needed_to_replay_it() {
    let was = Resumption {
        position: Tick(5_000),
        ago: Span::from_millis(300),
        tempo: Tempo::from_bpm(140.0).unwrap(),
        runs: true,
        pattern: PatternSlot(1),
        origin: Tick(0),
        part: None,
    };
    let legacy = Legacy { at: Nanos(BEGIN - MILLI), was, commands: vec![Command::Mute(TrackSlot(0), Switch::On)] };
    let log = play_on(Some(&legacy), 0, true, vec![(BEGIN + 900 * MILLI, Event::Command(Command::Tap))], vec![500]);
    let same = log.iter().filter(|record| is_made(record)).count() as u64;
    assert!(same > 10 && replay(&log).is_ok_and(|played| played.same == same && played.is_whole));
    let resumed = Resumed::of(&legacy);
    let with = |resumed: Option<Resumed>| {
        let head = Record::Head(Head { resumed, ..Head::default() });
        replay(&[&[head][..], &log[1..]].concat())
    };
    let changed = [
        None,
        Some(Resumed { position: resumed.position + 40, ..resumed.clone() }),
        Some(Resumed { ago: resumed.ago + 1_000_000, ..resumed.clone() }),
        Some(Resumed { pattern: 0, ..resumed.clone() }),
        Some(Resumed { runs: false, ..resumed.clone() }),
        Some(Resumed { commands: Vec::new(), ..resumed.clone() }),
    ];
    for other in changed {
        assert!(with(other.clone()).is_err(), "{other:?}");
    }
    for damaged in [
        Resumed { position: i64::MAX, ..resumed.clone() },
        Resumed { ago: -1, ..resumed.clone() },
        Resumed { at: u64::MAX, ..resumed.clone() },
        Resumed { tempo: (0, 0, 0, 0), ..resumed.clone() },
        Resumed { commands: vec![(255, 0, 0, 0)], ..resumed },
    ] {
        assert_eq!(with(Some(damaged)), Err(Stopped::Resumed));
    }
}

/// Keys on a keyboard while a dense pattern plays, which are answered while a batch is prepared.
fn busy_show() -> Vec<Record> {
    let keys = (0..400u64).map(|index| {
        let message = if index % 2 == 0 { note_on(1, 60) } else { note_off(1, 60) };
        (BEGIN + 10 * MILLI + index * 4_987_654, Event::Input(2, message))
    });
    let mut events: Vec<_> = keys.collect();
    events.push((BEGIN + 2 * MILLI, Event::Command(Command::Start)));
    events.push((BEGIN + 900 * MILLI, Event::Stall(70)));
    events.push((BEGIN + 1_200 * MILLI, Event::Save(3, true)));
    events.push((BEGIN + 1_500 * MILLI, Event::Unplug(1)));
    play(0, false, events, vec![500])
}

#[test]
fn the_shows_that_are_replayed_have_everything_in_them() {
    let log = busy_show();
    let calls =
        || log.iter().filter_map(|record| if let Record::Called(called) = record { Some(called) } else { None });
    let made = || log.iter().filter_map(|record| if let Record::Made(sent) = record { Some(sent) } else { None });
    assert!(calls().any(|called| called.mark.now > called.at), "an input was answered while a batch was prepared");
    assert!(calls().any(|called| matches!(called.call, Call::Adopt(_))));
    assert!(calls().next_back().is_some_and(|called| called.call == Call::Finish));
    for fate in [Fate::Sent, Fate::Refused, Fate::Skipped] {
        assert!(made().any(|sent| sent.fate == fate), "{fate:?}");
    }
    assert!(made().zip(made().skip(1)).any(|(one, next)| one.number > next.number), "some left before earlier ones");
    let all: std::collections::BTreeSet<u64> = made().map(|sent| sent.number).collect();
    assert_eq!(all.len() as u64, all.last().unwrap() + 1, "every message is there once");
}

#[test]
fn another_input_is_another_show_and_the_replay_says_where() {
    let log = busy_show();
    assert!(replay(&log).is_ok());
    let inputs = log.iter().enumerate().filter_map(|(index, record)| match record {
        Record::Called(called) if matches!(called.call, Call::Input(..)) => Some(index),
        _ => None,
    });
    for index in inputs.step_by(37) {
        let mut other = log.clone();
        let Record::Called(called) = &mut other[index] else { unreachable!() };
        let at = called.at;
        called.call = match called.call {
            Call::Input(port, Message::NoteOn(..)) => Call::Input(port, note_on(1, 61)),
            Call::Input(port, Message::NoteOff(..)) => Call::Input(port, note_off(1, 61)),
            other => panic!("{other:?}"),
        };
        let Err(Stopped::Differs(difference)) = replay(&other) else { panic!("input {index} is another") };
        let due = difference.made.map(|departure| departure.due).or(difference.logged.map(|sent| sent.due));
        let due = due.or(difference.astray.map(|(called, _)| called.at)).expect("it says where");
        assert!(due >= at && due < at + Span::from_millis(400), "{at:?} {difference:?}");
    }
}

#[test]
fn another_message_is_found() {
    let log = busy_show();
    for (change, what) in [
        ((|sent| sent.due = Nanos(sent.due.0 + 1)) as fn(&mut tightrope::link::Sent), "due"),
        (|sent| sent.port = PortSlot(9), "port"),
        (|sent| sent.tick.0 += 1, "tick"),
        (|sent| sent.track = Some(TrackSlot(77)), "track"),
        (|sent| sent.message = Message::TuneRequest, "message"),
    ] {
        let mut other = log.clone();
        let mut made = other.iter_mut().filter_map(|record| match record {
            Record::Made(sent) => Some(sent),
            _ => None,
        });
        change(made.nth(500).unwrap());
        assert!(matches!(replay(&other), Err(Stopped::Differs(_))), "{what}");
    }
}

#[test]
fn lost_messages_are_counted_and_lost_calls_end_the_replay() {
    let log = busy_show();
    let made = log.iter().filter(|record| is_made(record)).count() as u64;
    let mut seen = 0;
    let few: Vec<Record> = log
        .iter()
        .filter(|record| {
            !is_made(record) || {
                seen += 1;
                seen % 10 != 0
            }
        })
        .cloned()
        .collect();
    let played = replay(&few).unwrap();
    assert_eq!((played.same, played.unlogged), (made - made / 10, made / 10));
    let mut calls = 0;
    let torn: Vec<Record> = log
        .iter()
        .filter(|record| {
            !matches!(record, Record::Called(_)) || {
                calls += 1;
                calls != 50 && calls != 51
            }
        })
        .cloned()
        .collect();
    assert!(matches!(replay(&torn), Err(Stopped::CallsLost { count: 2, .. })));
}

#[test]
fn a_log_that_is_cut_off_is_replayed_as_far_as_it_goes() {
    let log = busy_show();
    let finish = log.iter().position(|record| matches!(record, Record::Called(called) if called.call == Call::Finish));
    for cut in [1, 2, 3, 100, 1_000, finish.unwrap()] {
        let played = replay(&log[..cut]).unwrap_or_else(|stopped| panic!("{cut}: {stopped:?}"));
        let made = log[..cut].iter().filter(|record| is_made(record)).count() as u64;
        assert_eq!((played.same + played.unmade, played.is_whole), (made, false), "{cut}");
        assert!(played.unmade < 700, "{cut}: {}", played.unmade);
    }
}
