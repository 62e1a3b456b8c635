//! The real loop in virtual time: what comes in by the rings goes out by the sink, and is measured.

mod support;

use std::cell::Cell;

use support::*;
use tightrope::engine::outbox::Outbox;
use tightrope::engine::program::{PortSlot, Program};
use tightrope::engine::{Command, Engine};
use tightrope::link::{ControlEnd, InputEvent, MidiInEnd, TRACE_CAPACITY, link};
use tightrope::midi::Message;
use tightrope::rt::run::{INPUTS_PER_PASS, LATEST_NOTE, Loop};
use tightrope::rt::sink::{Guarded, SendFailed, Sink};
use tightrope::rt::wait::{Strategy, Waiter};
use tightrope::time::{DeviceTime, Nanos, Span};

/// Takes 2 us for each message; refuses everything on the ports above 0 when told to.
struct SlowWire<'a>(&'a Cell<u64>, Vec<(PortSlot, Message)>, bool);

impl Sink for SlowWire<'_> {
    fn send(&mut self, port: PortSlot, message: Message) -> Result<(), SendFailed> {
        self.0.set(self.0.get() + 2_000);
        if self.2 && port != CIRCUIT {
            return Err(SendFailed::Refused);
        }
        self.1.push((port, message));
        Ok(())
    }
}

/// A loop over `program` in virtual time, with what is at its ends.
struct Rehearsal<'a, S> {
    player: Loop<'a, Virtual<'a>, S>,
    control: &'a mut ControlEnd,
    inputs: &'a mut [MidiInEnd],
    time: &'a Cell<u64>,
}

impl<S: Sink> Rehearsal<'_, S> {
    /// So many passes, each followed by `millis` of time.
    fn passes(&mut self, count: usize, millis: u64) {
        for _ in 0..count {
            self.player.pass();
            self.time.set(self.time.get() + millis * 1_000_000);
        }
    }
}

/// Rehearses `work`, listening to the Circuit; gives back the control end and the sink.
fn rehearse<S: Sink>(
    program: Program,
    time: &Cell<u64>,
    mut sink: S,
    work: impl FnOnce(&mut Rehearsal<'_, S>),
) -> (ControlEnd, S) {
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let (mut control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let waiter = Waiter::new(Strategy::Sleep, Span::ZERO);
    let player = Loop::new(&mut rt, &mut engine, &mut outbox, Virtual(time), &mut sink, waiter);
    work(&mut Rehearsal { player, control: &mut control, inputs: &mut inputs, time });
    (control, sink)
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
        let waiter = Waiter::new(Strategy::Sleep, Span::ZERO);
        let mut player = Loop::new(&mut rt, &mut engine, &mut outbox, Virtual(&time), &mut sink, waiter);
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
    let wire = Guarded::new(SlowWire(&time, Vec::new(), false));
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
    impl Sink for Returning<'_> {
        fn send(&mut self, port: PortSlot, message: Message) -> Result<(), SendFailed> {
            self.0.set(self.0.get() + 2_000);
            if port == MONO {
                self.1.borrow_mut().push((self.0.get() + 500_000, message));
            }
            Ok(())
        }
    }
    let (control, _) = rehearse(program, &time, Guarded::new(Returning(&time, &returning)), |show| {
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
