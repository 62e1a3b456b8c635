//! The real loop in virtual time: what comes in by the rings goes out by the sink, and is measured.

use std::cell::Cell;

use crate::support::*;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{PortSlot, Program};
use tightrope::engine::{Command, Engine};
use tightrope::link::{ControlEnd, InputEvent, MidiInEnd, TRACE_CAPACITY, link};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::rt::driver::{Driver, INPUTS_PER_PASS, LATEST_NOTE};
use tightrope::rt::note_tracking::NoteTracking;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::time::{DeviceTime, Nanos, Span};

/// Takes 2 us for each message; refuses everything on the ports above 0 when told to.
struct SlowWire<'a>(&'a Cell<u64>, Vec<(PortSlot, Message)>, bool);

impl Output for SlowWire<'_> {
    fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
        self.0.set(self.0.get() + 2_000);
        if self.2 && port != CIRCUIT {
            return Err(SendFailed::Refused);
        }
        self.1.push((port, message));
        Ok(())
    }
}

/// A loop over `program` in virtual time, with what is at its ends.
struct Rehearsal<'a, O> {
    player: Loop<'a, Virtual<'a>, O>,
    control: &'a mut ControlEnd,
    inputs: &'a mut [MidiInEnd],
    time: &'a Cell<u64>,
}

impl<O: Output> Rehearsal<'_, O> {
    /// So many passes, each followed by `millis` of time.
    fn passes(&mut self, count: usize, millis: u64) {
        for _ in 0..count {
            self.player.pass();
            self.time.set(self.time.get() + millis * 1_000_000);
        }
    }
}

/// Rehearses `work`, listening to the Circuit; gives back the control end and the sink.
fn rehearse<O: Output>(
    program: Program,
    time: &Cell<u64>,
    mut output: O,
    work: impl FnOnce(&mut Rehearsal<'_, O>),
) -> (ControlEnd, O) {
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let (mut control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
    let player = Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(time)), &mut output, waiter);
    work(&mut Rehearsal { player, control: &mut control, inputs: &mut inputs, time });
    (control, output)
}

fn event(at: u64, message: Message) -> InputEvent {
    InputEvent { at: Nanos(at), device: DeviceTime(0), message }
}

#[test]
fn lateness_is_counted_from_the_stamp_and_every_message_is_traced() {
    let time = Cell::new(1_000_000);
    let (mut control, wire) = rehearse(circuits(), &time, SlowWire(&time, Vec::new(), false), |show| {
        show.inputs[0].push(event(1_000_000, Message::Start));
        show.inputs[0].push(event(1_100_000, Message::Clock));
        show.time.set(1_110_000);
        assert!(show.player.pass());
        assert!(!show.player.pass(), "nothing more is due");
    });
    let traced: Vec<_> = std::iter::from_fn(|| control.sent()).collect();
    let lateness: Vec<i64> = traced.iter().map(|sent| sent.at.since(sent.due).0).collect();
    // START was due at its stamp; the pulse's messages each wait for the one before.
    assert_eq!(lateness, [110_000, 12_000, 14_000, 16_000, 18_000]);
    let sent: Vec<_> = traced.iter().map(|sent| (sent.port, sent.message)).collect();
    assert_eq!(sent, wire.1);
    let snapshot = control.meters().snapshot();
    assert_eq!((snapshot.lateness.count, snapshot.lateness.max), (5, Span(110_000)));
    assert_eq!((snapshot.send.p50.0, snapshot.sounding), (2_000, 3));
    assert_eq!((snapshot.ports[0].sent, snapshot.ports[1].sent), (2, 3));
}

/// The set that plays the key `c2` on each quarter, at 120 BPM, and the same with another key.
fn quarters(key: &str, edition: u32) -> Program {
    let text = format!(
        "tempo = 120\n[ports.a]\ndevice = \"a\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n\
        [patterns.p]\nt = {{ step = \"1/4\", steps = \"{key}\" }}\n"
    );
    Program { edition, ..compile(&text) }
}

#[test]
fn a_program_that_is_published_takes_over_at_the_next_bar_and_the_newest_wins() {
    let time = Cell::new(1_000_000);
    let (mut control, wire) = rehearse(quarters("c2", 1), &time, SlowWire(&time, Vec::new(), false), |show| {
        show.control.command(Command::Start).unwrap();
        show.passes(600, 1);
        show.control.publish(quarters("d2", 2));
        show.passes(500, 1);
        show.control.publish(quarters("e2", 3));
        show.passes(100, 1);
        assert_eq!(show.control.status().edition, 1, "not yet");
        show.passes(2_000, 1);
        assert_eq!(show.control.status().edition, 3);
        // A show that is stopped has no line to wait for.
        show.control.command(Command::Stop).unwrap();
        show.passes(1, 1);
        show.control.publish(quarters("f2", 4));
        show.passes(1, 1);
        assert_eq!(show.control.status().edition, 4);
    });
    let keys: Vec<u8> = wire
        .1
        .iter()
        .filter_map(|(_, message)| match message {
            Message::NoteOn(_, key, _) => Some(key.number()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, [48, 48, 48, 48, 52, 52, 52]);
    let late = std::iter::from_fn(|| control.sent()).map(|sent| sent.at.since(sent.due)).max();
    assert!(late < Some(Span::from_millis(2)), "a beat is late: {late:?}");
}

#[test]
fn a_program_that_waits_for_its_bar_does_not_keep_the_thread_awake() {
    let time = Cell::new(1_000_000);
    let program = quarters("c2", 1);
    let mut engine = Engine::new(&program);
    let (mut outbox, mut sink) = (Outbox::default(), SlowWire(&time, Vec::new(), false));
    let (mut control, mut rt, _) = link(program, &[]);
    control.command(Command::Start).unwrap();
    {
        let waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
        let mut player = Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time)), &mut sink, waiter);
        player.pass();
        control.publish(quarters("d2", 2));
        player.pass();
    }
    assert!(!rt.has_input());
    assert_eq!(rt.program().edition, 1);
}

#[test]
fn after_a_stall_late_notes_are_not_played_and_everything_else_is() {
    let time = Cell::new(1_000_000);
    let wire = NoteTracking::new(SlowWire(&time, Vec::new(), false));
    let (mut control, wire) = rehearse(circuits_alone(), &time, wire, |show| {
        show.control.command(Command::Start).unwrap();
        show.passes(2_000, 1);
        // Two seconds without a pass, in mid-note; then on as before.
        show.time.set(show.time.get() + 2_000_000_000);
        show.player.pass();
        show.passes(2_000, 1);
        show.control.command(Command::End).unwrap();
        show.player.pass();
    });
    assert_eq!(wire.sounding(), 0);
    let snapshot = control.meters().snapshot();
    assert!(snapshot.skipped > 10, "{} notes were skipped", snapshot.skipped);
    let mut late_notes = 0;
    while let Some(sent) = control.sent() {
        let was_sent = sent.fate.was_tried();
        late_notes += usize::from(
            was_sent && matches!(sent.message, Message::NoteOn(..)) && sent.at.since(sent.due) > LATEST_NOTE,
        );
    }
    assert_eq!(late_notes, 0);
    let clocks = snapshot.ports[1].sent;
    assert!(clocks > 300, "every pulse leaves, however late");
}

#[test]
fn a_refused_message_is_counted_and_the_show_goes_on() {
    let time = Cell::new(1_000_000);
    let (control, _) = rehearse(circuits_alone(), &time, SlowWire(&time, Vec::new(), true), |show| {
        show.control.command(Command::Start).unwrap();
        show.passes(1_000, 1);
    });
    let ports = control.meters().snapshot().ports;
    assert_eq!(ports[1].sent, 0);
    assert!(ports[1].failed > 50);
    assert!(ports[0].sent > 10);
}

#[test]
fn a_burst_beyond_one_pass_is_taken_in_order_over_several() {
    let time = Cell::new(1_000_000);
    let pulses = 3 * INPUTS_PER_PASS;
    let (control, wire) = rehearse(circuits(), &time, SlowWire(&time, Vec::new(), false), |show| {
        show.inputs[0].push(event(1_000_000, Message::Start));
        for _ in 0..pulses {
            show.inputs[0].push(event(1_000_000, Message::Clock));
        }
        show.passes(4, 0);
    });
    let clocks = wire.1.iter().filter(|(_, message)| *message == Message::Clock).count();
    assert_eq!(clocks, pulses);
    assert_eq!(wire.1[0], (MONO, Message::Start));
    assert_eq!(control.meters().snapshot().position.0 / 40, pulses as i64 - 1);
}

#[test]
fn a_trace_that_nobody_reads_overflows_into_a_count() {
    let time = Cell::new(1_000_000);
    let (control, _) = rehearse(circuits_alone(), &time, SlowWire(&time, Vec::new(), false), |show| {
        show.control.command(Command::Start).unwrap();
        while sent_count(show.control) < TRACE_CAPACITY as u64 + 100 {
            show.passes(1, 10);
        }
    });
    assert_eq!(control.meters().snapshot().lost_trace, sent_count(&control) - TRACE_CAPACITY as u64);
}

fn sent_count(control: &ControlEnd) -> u64 {
    control.meters().snapshot().ports.iter().map(|port| port.sent).sum()
}

/// The guard passes the probes on, though they end nothing.
#[test]
fn notes_that_come_back_are_shown() {
    let time = Cell::new(1_000_000_000);
    let program = compile(include_str!("stage/sets/hostile.toml"));
    let returning = std::cell::RefCell::new(Vec::new());
    struct Returning<'a>(&'a Cell<u64>, &'a std::cell::RefCell<Vec<(u64, Message)>>);
    impl Output for Returning<'_> {
        fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
            self.0.set(self.0.get() + 2_000);
            if port == MONO {
                self.1.borrow_mut().push((self.0.get() + 500_000, message));
            }
            Ok(())
        }
    }
    let (control, _) = rehearse(program, &time, NoteTracking::new(Returning(&time, &returning)), |show| {
        show.control.command(Command::Start).unwrap();
        for _ in 0..40_000 {
            let now = show.time.get();
            let due: Vec<_> = returning.borrow_mut().extract_if(.., |(at, _)| *at <= now).collect();
            for (at, message) in due {
                let up = |key: tightrope::midi::Key| tightrope::midi::Key::new(key.number() + 7);
                let channel = tightrope::midi::Channel::from_number(2).unwrap();
                let moved = match message {
                    Message::NoteOn(_, key, velocity) => up(key).map(|key| Message::NoteOn(channel, key, velocity)),
                    Message::NoteOff(_, key, _) => up(key).map(|key| Message::NoteOff(channel, key, 0)),
                    _ => None,
                };
                if let Some(message) = moved {
                    show.inputs[0].push(event(at, message));
                }
            }
            show.player.pass();
            show.time.set(show.time.get() + 50_000);
        }
    });
    let snapshot = control.meters().snapshot();
    assert!(snapshot.ports[0].returned.contains(MONO), "{} notes", snapshot.ports[1].sent);
}

/// Writes down what it is given, and when that is due.
#[derive(Default)]
struct Score(Vec<(Nanos, PortSlot, Message)>);

impl Output for Score {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        self.0.push((departure.due, departure.port, departure.message));
        Ok(())
    }
}

/// What comes in: a master that plays on, stops and starts again, with a jitter of a millisecond, and keys between.
fn heard() -> Vec<InputEvent> {
    let key = |number| Key::new(number).unwrap();
    let channel = Channel::from_number(1).unwrap();
    let mut heard = vec![event(1_000_000, Message::Start)];
    for pulse in 0..480u64 {
        let at = 21_000_000 + pulse * 20_000_000 + pulse * 7_919 % 1_000 * 1_000;
        heard.push(event(at, Message::Clock));
        match pulse {
            200 => heard.push(event(at + 5_000_000, Message::Stop)),
            260 => heard.push(event(at + 5_000_000, Message::Continue)),
            300 => heard.push(event(at + 7_000_001, Message::NoteOn(channel, key(60), Velocity::MAX))),
            310 => heard.push(event(at + 3_000_001, Message::NoteOff(channel, key(60), 0))),
            _ => {}
        }
    }
    heard
}

/// Plays what is heard, driven at each of `calls`, once up to each; what is due, and when.
fn driven(calls: impl IntoIterator<Item = u64>) -> Vec<(Nanos, PortSlot, Message)> {
    let (time, program) = (Cell::new(0), circuits());
    let mut engine = Engine::new(&program);
    let (mut outbox, mut score) = (Outbox::default(), Score::default());
    let (_control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let mut driver = Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time));
    let mut heard = heard().into_iter().peekable();
    for now in calls {
        time.set(now);
        while let Some(event) = heard.next_if(|event| event.at.0 <= now) {
            inputs[0].push(event);
        }
        driver.run_until(Nanos(now), &mut score);
    }
    score.0
}

#[test]
fn blocks_of_an_audio_callback_give_the_same_departures_with_the_same_due_times_as_the_paced_loop() {
    const END: u64 = 9_700_000_000;
    // The paced loop, which sleeps until the next deadline or what comes in; sending takes no time.
    let (time, program) = (Cell::new(0), circuits());
    let mut engine = Engine::new(&program);
    let (mut outbox, mut paced) = (Outbox::default(), Score::default());
    let (mut control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let mut heard = heard().into_iter().peekable();
    loop {
        let deadline = engine.next_deadline(rt.program()).map_or(END, |deadline| deadline.0.max(time.get()));
        let next = heard.peek().map_or(END, |event| event.at.0).min(deadline);
        time.set(next);
        while let Some(event) = heard.next_if(|event| event.at.0 <= next) {
            inputs[0].push(event);
        }
        if next >= END {
            break;
        }
        let driver = Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time));
        Loop::new(driver, &mut paced, Pacer::new(Strategy::Sleep, Span::ZERO)).pass();
    }
    while control.sent().is_some() {}
    assert!(paced.0.len() > 700, "{}", paced.0.len());
    for block in [1_333_333, 5_333_333, 21_333_333] {
        let blocks = driven((0..).map(|number| number * block).take_while(|&now| now < END));
        let (last, _, _) = blocks[blocks.len() - 1];
        let known: Vec<_> = paced.0.iter().copied().filter(|(due, ..)| *due <= last).collect();
        assert_eq!(blocks, known, "blocks of {block} ns");
    }
}

#[test]
fn blocks_that_are_rendered_ahead_give_the_due_times_that_are_to_come() {
    let played = |block: u64| {
        let (time, program) = (Cell::new(0), quarters("c2", 1));
        let mut engine = Engine::new(&program);
        let (mut outbox, mut score) = (Outbox::default(), Score::default());
        let (mut control, mut rt, _) = link(program, &[]);
        control.command(Command::Start).unwrap();
        let mut driver = Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time));
        for now in (0..).map(|number| number * block).take_while(|&now| now < 4_000_000_000) {
            time.set(now);
            let before = score.0.len();
            driver.run_until(Nanos(now + block - 1), &mut score);
            assert!(score.0[before..].iter().all(|(due, ..)| (now..now + block).contains(&due.0)));
        }
        score.0.retain(|(due, ..)| due.0 < 3_900_000_000);
        score.0
    };
    let blocks = [1_333_333, 5_333_333, 21_333_333].map(played);
    assert_eq!(blocks[0].len(), 16, "{:?}", blocks[0]);
    assert!(blocks[0] == blocks[1] && blocks[1] == blocks[2]);
}
