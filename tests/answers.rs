//! The real loop in virtual time, while what is due next has been prepared already: what comes in then is answered at once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::support::*;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{PortSlot, Program};
use tightrope::engine::{Command, Engine};
use tightrope::link::{ControlEnd, InputEvent, MidiInEnd, link};
use tightrope::midi::Message;
use tightrope::rt::clock::TimeSource;
use tightrope::rt::driver::Driver;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::time::{DeviceTime, Nanos, Span};

const SET: &str = r#"
tempo = 125
[ports.a]
device = "A"
clock = true
[ports.keys]
device = "K"
[tracks.bass]
port = "a"
channel = 1
thru = "keys channel 1"
[tracks.lead]
port = "a"
channel = 2
thru = "keys channel 2"
[patterns.p]
bass = { step = "1/4", steps = "c2 d2 e2 f2", gate = 50 }
[[bind]]
on = "keys note 1"
do = "stop"
"#;
const KEYS: PortSlot = PortSlot(1);
/// How long a send takes.
const SEND: u64 = 4_000;

/// Reads itself forward each time, by 100 ns where it matters, and lets happen what is to happen by then.
struct Stage {
    time: Cell<u64>,
    script: RefCell<Script>,
}

struct Script {
    /// The last comes first.
    inputs: Vec<(u64, PortSlot, Message)>,
    ends: Vec<MidiInEnd>,
    commands: Vec<(u64, Command)>,
    control: ControlEnd,
}

impl TimeSource for &Stage {
    fn now(&self) -> Nanos {
        let before = self.time.get();
        let now = before + if (495_000_000..515_000_000).contains(&before) { 100 } else { 5_000 };
        self.time.set(now);
        let mut script = self.script.borrow_mut();
        while let Some((at, port, message)) = script.inputs.pop_if(|(at, ..)| *at <= now) {
            let event = InputEvent { at: Nanos(at), device: DeviceTime(0), message };
            script.ends.iter_mut().find(|end| end.port() == port).expect("it listens").push(event);
        }
        while let Some((_, command)) = script.commands.pop_if(|(at, _)| *at <= now) {
            script.control.command(command).expect("the ring has room");
        }
        Nanos(now)
    }
}

/// Notes when sending began.
struct Wire<'s>(&'s Stage, Vec<(u64, PortSlot, Message)>);

impl Output for Wire<'_> {
    fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
        self.1.push((self.0.time.get(), port, message));
        self.0.time.set(self.0.time.get() + SEND);
        Ok(())
    }
}

/// Plays for a second, while `inputs` come in; what left, and when.
fn play(program: Program, mut inputs: Vec<(u64, PortSlot, Message)>) -> Vec<(u64, PortSlot, Message)> {
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let (control, mut rt, ends) = link(program, &[CIRCUIT, KEYS]);
    inputs.sort_by_key(|&(at, ..)| std::cmp::Reverse(at));
    let commands = vec![(1_001_000_000, Command::End), (1_000_000, Command::Start)];
    let stage = Stage { time: Cell::new(900_000), script: RefCell::new(Script { inputs, ends, commands, control }) };
    let mut wire = Wire(&stage, Vec::new());
    Loop::new(
        Driver::new(&mut rt, &mut engine, &mut outbox, &stage),
        &mut wire,
        Pacer::new(Strategy::Busy, Span::ZERO),
    )
    .run();
    let mut sounding = BTreeMap::new();
    for &(at, port, message) in &wire.1 {
        match message {
            Message::NoteOn(channel, key, _) => {
                assert_eq!(sounding.insert((port, channel, key), at), None, "struck while it sounds, at {at}");
            }
            Message::NoteOff(channel, key, _) => {
                assert!(sounding.remove(&(port, channel, key)).is_some(), "an off without an on, at {at}");
            }
            _ => {}
        }
    }
    assert!(sounding.is_empty(), "{sounding:?}");
    wire.1
}

/// When the second note of the bass leaves, if nothing comes in: the beginning of its batch, which a pulse leads.
fn second_beat() -> u64 {
    let sent = play(compile(SET), Vec::new());
    let place = sent.iter().position(|&(_, _, message)| message == note_on(1, 50)).unwrap();
    assert_eq!(sent[place - 1].2, Message::Clock);
    sent[place - 1].0
}

fn when(sent: &[(u64, PortSlot, Message)], message: Message) -> Vec<u64> {
    sent.iter().filter(|(_, _, known)| *known == message).map(|&(at, ..)| at).collect()
}

#[test]
fn a_key_is_answered_while_a_batch_waits() {
    let beat = second_beat();
    for before in [49_000, 30_000, 21_000, 14_000, 10_000] {
        let at = beat - before;
        let sent = play(compile(SET), vec![(at, KEYS, note_on(2, 60)), (at + 400_000_000, KEYS, note_off(2, 60))]);
        let left = when(&sent, note_on(2, 60))[0] - at;
        assert!(left <= 2_000, "{before} ns before the beat it left after {left} ns");
        let note = when(&sent, note_on(1, 50))[0];
        assert!(note.abs_diff(beat + SEND) < 1_000, "the batch left on time: {note}");
    }
}

#[test]
fn a_key_at_the_last_moment_waits_for_the_batch() {
    let beat = second_beat();
    let at = beat - 2_000;
    let sent = play(compile(SET), vec![(at, KEYS, note_on(2, 60)), (at + 400_000_000, KEYS, note_off(2, 60))]);
    let left = when(&sent, note_on(2, 60))[0];
    assert!((beat + 2 * SEND..beat + 2 * SEND + 2_000).contains(&left), "right behind it: {left}");
    assert!(when(&sent, note_on(1, 50))[0].abs_diff(beat + SEND) < 1_000);
}

#[test]
fn what_is_about_a_note_of_the_batch_leaves_behind_it() {
    let beat = second_beat();
    let at = beat - 30_000;
    // The key that is about to be struck by the sequence; `play` sees to it that ons and offs alternate.
    let sent = play(compile(SET), vec![(at, KEYS, note_on(1, 50)), (at + 400_000_000, KEYS, note_off(1, 50))]);
    let ons = when(&sent, note_on(1, 50));
    assert!(ons[0].abs_diff(beat + SEND) < 1_000 && (ons[1] - ons[0]).abs_diff(2 * SEND) < 1_000, "{ons:?}");
    // STOP, by a key: the note of the batch still sounds, for a moment, and the pulse comes before STOP.
    let sent = play(compile(SET), vec![(at, KEYS, note_on(1, 1))]);
    let order: Vec<Message> =
        sent.iter().map(|&(.., message)| message).skip_while(|message| *message != note_on(1, 50)).collect();
    assert!(order[1..3].contains(&note_off(1, 50)) && order[1..3].contains(&Message::Stop), "{order:?}");
    assert_eq!(when(&sent, Message::Stop).len(), 1);
    assert!(when(&sent, Message::Stop)[0] > when(&sent, note_on(1, 50))[0]);
}

#[test]
fn what_brings_a_pedal_of_the_batch_home_leaves_behind_it() {
    let beat = second_beat();
    let set = compile(&SET.replace("c2 d2 e2", "c2 d2{64=127 bend=-4096} e2"));
    for before in [45_000, 30_000, 15_000, 1_000] {
        let sent = play(set.clone(), vec![(beat - before, KEYS, note_on(1, 1))]);
        let mut left = Away::default();
        sent.iter().for_each(|&(_, port, message)| pull_by(&mut left, port, message));
        assert!(left.is_empty(), "{before} ns before the beat: {left:?}");
        assert_eq!(when(&sent, note_on(1, 50)).len(), 1);
    }
}

#[test]
fn a_pulse_that_comes_while_a_batch_waits_is_taken_as_it_came() {
    // Both keyboards in one: its keys come behind its pulses.
    let set = SET.replace("tempo = 125", "tempo = 125\n[clock]\nfollow = \"keys\"\n").replace("clock = true\n", "");
    let pulse = |index: u64| (20_000_000 * index + 10_000_000, KEYS, Message::Clock);
    let mut inputs: Vec<_> = (0..55).map(pulse).collect();
    inputs.push((19_990_000 + 100_000, KEYS, Message::Start));
    let beat = {
        let sent = play(compile(&set), inputs.clone());
        when(&sent, note_on(1, 50))[0]
    };
    let nearest = inputs.iter().map(|input| input.0).min_by_key(|at| at.abs_diff(beat)).unwrap();
    assert!(nearest.abs_diff(beat) < 10_000, "the beat is predicted: {nearest} {beat}");
    // This pulse comes 30 us early, and a key right behind it.
    let early = inputs.iter_mut().find(|input| input.0 == nearest).unwrap();
    early.0 -= 30_000;
    let at = early.0 + 1_000;
    inputs.extend([(at, KEYS, note_on(2, 60)), (at + 100_000_000, KEYS, note_off(2, 60))]);
    let sent = play(compile(&set), inputs);
    let left = when(&sent, note_on(2, 60))[0] - at;
    assert!(left <= 5_000, "it left after {left} ns");
    assert_eq!(when(&sent, note_on(1, 50)).len(), 1, "nothing is doubled");
    assert!(when(&sent, note_on(1, 50))[0].abs_diff(beat) < 2_000);
}
