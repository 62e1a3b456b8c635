//! Bindings with values, and faders, in virtual time.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::Does;
use tightrope::engine::program::{PortSlot, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::time::{Span, Tempo};

const RIG: &str = r#"
tempo = 125
[ports.a]
device = "A"
[ports.keys]
device = "K"
[tracks.bass]
port = "a"
channel = 3
[tracks.lead]
port = "a"
channel = 4
[patterns.p]
bass = { step = "1/4", steps = "c2" }
"#;
const A: PortSlot = PortSlot(0);
const KEYS: PortSlot = PortSlot(1);

fn bound(bindings: &[(&str, &str)]) -> Show {
    let bindings: String =
        bindings.iter().map(|(on, command)| format!("[[bind]]\non = \"{on}\"\ndo = \"{command}\"\n")).collect();
    Show::new(compile(&format!("{RIG}{bindings}")))
}

fn turn(number: u8, value: u8) -> Message {
    Message::ControlChange(Channel::from_number(1).unwrap(), number, value)
}

fn bend(value: u16) -> Message {
    Message::PitchBend(Channel::from_number(1).unwrap(), value)
}

fn strike(key: u8, velocity: u8) -> Message {
    Message::NoteOn(Channel::from_number(1).unwrap(), Key::new(key).unwrap(), Velocity::new(velocity).unwrap())
}

fn bpm(show: &Show) -> f64 {
    (show.engine.tempo().unwrap().bpm() * 100.0).round() / 100.0
}

#[test]
fn a_controller_acts_when_it_comes_to_its_values_and_when_it_leaves_them() {
    let mut show = bound(&[("keys cc 20 40..60", "fill"), ("keys cc 20 100..127", "mute bass")]);
    let mut after = |value: u8| {
        show.input(KEYS, turn(20, value));
        (show.engine.fills(), show.engine.muted().contains(TrackSlot(0)))
    };
    assert_eq!(after(39), (false, false));
    assert_eq!(after(50), (true, false));
    assert_eq!(after(60), (true, false));
    assert_eq!(after(61), (false, false));
    assert_eq!(after(100), (false, true));
    assert_eq!(after(127), (false, true), "it was there already");
    assert_eq!(after(45), (true, true));
    assert_eq!(after(110), (false, false));
}

#[test]
fn a_key_acts_by_its_velocity() {
    let mut show = bound(&[("keys note 36 1..79", "mute bass on"), ("keys note 36 80..127", "mute lead on")]);
    show.input(KEYS, strike(36, 80));
    assert_eq!(show.engine.muted().iter().collect::<Vec<_>>(), [TrackSlot(1)]);
    show.input(KEYS, strike(36, 79));
    assert!(show.engine.muted().contains(TrackSlot(0)));
    let mut show = bound(&[("keys note 36 80..127", "fill")]);
    let mut after = |message| {
        show.input(KEYS, message);
        show.engine.fills()
    };
    assert_eq!([strike(36, 79), strike(36, 127), note_off(1, 36)].map(&mut after), [false, true, false]);
}

#[test]
fn the_bend_is_a_trigger() {
    let mut show = bound(&[("keys bend", "fill"), ("keys bend -8192..-4096", "start")]);
    let mut fills = |value: u16| {
        show.input(KEYS, bend(value));
        show.engine.fills()
    };
    assert_eq!([8_192, 12_287, 12_288, 16_383, 8_192].map(&mut fills), [false, false, true, true, false]);
    assert_eq!(show.engine.phase(), Phase::Stopped);
    show.input(KEYS, bend(4_096));
    show.wait(Span::from_millis(100));
    assert_eq!(show.engine.phase(), Phase::Running);
}

#[test]
fn a_fader_takes_hold_where_it_passes_the_tempo() {
    let mut show = bound(&[("keys cc 20", "tempo 100..140")]);
    let mut after = |value: u8| {
        show.input(KEYS, turn(20, value));
        bpm(&show)
    };
    // 125 lies between 79 (124.88) and 80 (125.20).
    assert_eq!([after(10), after(0), after(79)], [125.0; 3], "it has not passed it yet");
    assert_eq!(after(81), 125.51);
    assert_eq!([after(127), after(0)], [140.0, 100.0], "it has hold");
    show.command(Command::Tempo(Tempo::from_bpm(130.0).unwrap()));
    let mut after = |value: u8| {
        show.input(KEYS, turn(20, value));
        bpm(&show)
    };
    assert_eq!([after(5), after(60)], [130.0; 2], "somebody else has changed it");
    assert_eq!([after(127), after(0)], [140.0, 100.0]);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn a_fader_transposes_step_by_step() {
    let mut show = bound(&[("keys bend", "transpose bass -12..12")]);
    show.command(Command::Start);
    let mut keys = Vec::new();
    for value in [8_192, 16_383, 0, 8_192] {
        show.input(KEYS, bend(value));
        show.wait(Span::from_millis(480));
        keys.push(show.note_ons(A).last().unwrap().1);
    }
    assert_eq!(keys, [48, 60, 36, 48]);
    show.command(Command::Stop);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn a_fader_moves_a_controller_of_a_track() {
    let mut show = bound(&[
        ("keys cc 20", "cc bass 74 110..20"),
        ("keys cc 21", "cc bass 74 0..127"),
        ("keys cc 22", "cc lead nrpn-5 0..16383"),
    ]);
    let control = |number, value| Message::ControlChange(Channel::from_number(3).unwrap(), number, value);
    let mut sent = |message| {
        let before = show.trace.len();
        show.input(KEYS, message);
        show.trace[before..].iter().map(|departure| (departure.port, departure.message)).collect::<Vec<_>>()
    };
    assert_eq!(sent(turn(20, 0)), [(A, control(74, 110))], "what nobody has sent yet it takes at once");
    assert_eq!(sent(turn(20, 127)), [(A, control(74, 20))]);
    assert_eq!(sent(turn(20, 127)), [], "once");
    assert_eq!(sent(turn(21, 100)), [], "the other one has it");
    assert_eq!(sent(turn(21, 20)), [], "it stands on it, and has it now");
    assert_eq!(sent(turn(21, 30)), [(A, control(74, 30))]);
    assert_eq!(sent(turn(20, 120)), [], "so the first one has lost it");
    assert_eq!(sent(turn(20, 110)), [(A, control(74, 32))]);
    assert_eq!(sent(turn(22, 64)).len(), 4);
}

#[test]
fn what_a_pattern_sends_is_in_force() {
    let set = RIG.replace("[patterns.p]", "[patterns.p]\ncc.bass.74 = { points = \"90\", step = \"1/1\" }");
    let mut show = Show::new(compile(&format!("{set}[[bind]]\non = \"keys cc 20\"\ndo = \"cc bass 74 0..127\"\n")));
    show.command(Command::Start);
    show.wait(Span::from_millis(500));
    let count = |show: &Show| {
        show.trace.iter().filter(|departure| matches!(departure.message, Message::ControlChange(_, 74, _))).count()
    };
    let before = count(&show);
    assert!(before > 0);
    show.input(KEYS, turn(20, 10));
    show.input(KEYS, turn(20, 80));
    assert_eq!(count(&show), before);
    show.input(KEYS, turn(20, 95));
    assert_eq!(count(&show), before + 1, "it has passed 90");
}

#[test]
fn a_followed_tempo_is_not_moved() {
    let set = format!("{RIG}[clock]\nfollow = \"a\"\n[[bind]]\non = \"keys cc 20\"\ndo = \"tempo 100..140\"\n");
    let mut show = Show::new(compile(&set));
    show.pulses(48, PULSE);
    show.input(KEYS, turn(20, 0));
    show.input(KEYS, turn(20, 127));
    assert_eq!(bpm(&show).round(), 125.0);
    show.command(Command::Mute(TrackSlot(0), Switch::On));
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn a_controller_that_is_unplugged_lets_go_of_everything() {
    let mut show =
        bound(&[("keys cc 21", "fill"), ("keys cc 22", "cc bass 74 0..127"), ("keys cc 23", "transpose -12..12")]);
    show.input(KEYS, turn(21, 127));
    show.input(KEYS, turn(22, 20));
    show.input(KEYS, turn(23, 64));
    assert!(show.engine.fills());
    show.command(Command::ReleaseInput(KEYS));
    assert!(!show.engine.fills(), "the button is up");
    // Both faders have been moved meanwhile.
    let from = show.trace.len();
    let control = |value: u8| Message::ControlChange(Channel::from_number(3).unwrap(), 74, value);
    show.input(KEYS, turn(22, 90));
    assert_eq!(show.trace.len(), from, "it does not jump");
    show.input(KEYS, turn(22, 10));
    assert_eq!(show.count(A, control(10)), 1, "it has passed the value in force");
    show.input(KEYS, turn(21, 127));
    assert!(show.engine.fills(), "it is pressed anew");
}

#[test]
fn whatever_is_held_on_a_controller_that_is_unplugged_is_released() {
    let mut show = bound(&[("keys note 36", "fill"), ("keys bend", "fill"), ("keys cc 21", "fill")]);
    let held = [(strike(36, 100), "a key"), (bend(16_000), "the bend"), (turn(21, 127), "a button")];
    for (is_down, message) in held {
        assert!(!show.engine.fills());
        show.input(KEYS, is_down);
        show.command(Command::ReleaseInput(A));
        assert!(show.engine.fills(), "another input is gone: {message}");
        show.command(Command::ReleaseInput(KEYS));
        assert!(!show.engine.fills(), "{message}");
        // What came up is not released again.
        show.command(Command::Fill(Switch::On));
        show.command(Command::ReleaseInput(KEYS));
        assert!(show.engine.fills());
        show.command(Command::Fill(Switch::Off));
    }
}

#[test]
fn however_many_are_held_all_are_released() {
    let names: Vec<String> = (20..60).map(|number| format!("keys cc {number}")).collect();
    let bindings: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "fill")).collect();
    let mut program = bound(&bindings).program;
    // One BPM each, so that they can be counted.
    for binding in &mut program.bindings {
        binding.does = Does::Press { command: Command::TempoStep(0), release: Some(Command::TempoStep(100)) };
    }
    let mut show = Show::new(program);
    (20..60).for_each(|number| show.input(KEYS, turn(number, 127)));
    show.command(Command::ReleaseInput(KEYS));
    assert_eq!(bpm(&show), 165.0);
}
