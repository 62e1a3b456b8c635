//! The lights of pads, in virtual time.

use crate::support::*;
use tightrope::engine::program::{PatternSlot, PortSlot, Program, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::time::Span;

const RIG: &str = r#"
tempo = 125
[ports.a]
device = "A"
[ports.pads]
device = "P"
lights = "1 64 127"
[tracks.one]
port = "a"
channel = 1
[patterns.main]
one = { step = "1/4", steps = "c2" }
[patterns.build]
one = { step = "1/4", steps = "d2" }
[[bind]]
on = "pads note 36"
do = "launch main"
[[bind]]
on = "pads note 37"
do = "launch build"
[[bind]]
on = "pads cc 20 channel 3"
do = "mute one"
[[bind]]
on = "pads note 39"
do = "fill"
light = "0 5"
[[bind]]
on = "pads note 40"
do = "start"
[[bind]]
on = "pads note 41"
do = "tap"
"#;
const PADS: PortSlot = PortSlot(1);

fn program() -> Program {
    compile(RIG)
}

/// What the lights were told since `from`: milliseconds after `since`, number and value.
fn told(show: &Show, from: usize) -> Vec<(u8, u8)> {
    let light = |message| match message {
        Message::NoteOn(channel, key, velocity) if channel.number() == 1 => (key.number(), velocity.value()),
        Message::NoteOff(channel, key, _) if channel.number() == 1 => (key.number(), 0),
        Message::ControlChange(channel, number, value) if channel.number() == 3 => (number, value),
        other => panic!("{other}"),
    };
    let sent = show.trace[from..].iter().filter(|departure| departure.port == PADS);
    sent.map(|departure| light(departure.message)).collect()
}

/// What the lights are told of `work`, and of 20 ms behind it.
fn after(show: &mut Show, work: impl FnOnce(&mut Show)) -> Vec<(u8, u8)> {
    let from = show.trace.len();
    work(show);
    show.wait(Span::from_millis(20));
    told(show, from)
}

#[test]
fn all_are_shown_at_first_one_each_millisecond() {
    let mut show = Show::new(program());
    show.wait(Span::from_millis(100));
    // What the next start plays waits.
    assert_eq!(told(&show, 0), [(36, 64), (37, 1), (20, 1), (39, 0), (40, 1)]);
    let times: Vec<i64> = show.trace.iter().map(|departure| departure.due.since(show.trace[0].due).0).collect();
    assert_eq!(times, [0, 1_000_000, 2_000_000, 3_000_000, 4_000_000]);
}

#[test]
fn what_changes_is_shown() {
    let mut show = Show::new(program());
    show.wait(Span::from_millis(100));
    assert_eq!(after(&mut show, |show| show.command(Command::Start)), [(36, 127), (40, 127)]);
    assert_eq!(after(&mut show, |show| show.input(PADS, note_on(1, 37))), [(37, 64)], "it waits for the bar");
    assert_eq!(after(&mut show, |show| show.input(PADS, note_off(1, 37))), []);
    assert_eq!(after(&mut show, |show| show.wait(Span::from_millis(2_000))), [(36, 1), (37, 127)]);
    assert_eq!(after(&mut show, |show| show.command(Command::Mute(TrackSlot(0), Switch::On))), [(20, 127)]);
    assert_eq!(after(&mut show, |show| show.input(PADS, note_on(1, 39))), [(39, 5)]);
    assert_eq!(after(&mut show, |show| show.input(PADS, note_off(1, 39))), [(39, 0)]);
    assert_eq!(after(&mut show, |show| show.input(PADS, note_on(1, 41))), [], "a tap is neither on nor off");
    assert_eq!(after(&mut show, |show| show.command(Command::Stop)), [(37, 64), (40, 1)]);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn of_several_changes_the_newest_counts() {
    let mut show = Show::new(program());
    show.wait(Span::from_millis(100));
    let told = after(&mut show, |show| {
        for _ in 0..9 {
            show.command(Command::Mute(TrackSlot(0), Switch::Toggle));
            show.command(Command::Fill(Switch::Toggle));
        }
    });
    // The first one left at once, the others as they are when there is room.
    assert_eq!(told, [(20, 127), (39, 5)]);
}

#[test]
fn they_leave_behind_notes_and_pulses() {
    let text = RIG.replace("device = \"P\"", "device = \"P\"\nclock = true");
    let mut show = Show::new(compile(&format!("{text}[tracks.two]\nport = \"pads\"\nchannel = 9\n")));
    show.wait(Span::from_millis(100));
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    show.command(Command::Launch { pattern: PatternSlot(1), at: None });
    show.wait(Span::from_millis(2_000));
    // The pad of what played goes out first.
    let dim = Message::NoteOn(Channel::from_number(1).unwrap(), Key::new(36).unwrap(), Velocity::new(1).unwrap());
    let light = show.trace.iter().rposition(|departure| (departure.port, departure.message) == (PADS, dim)).unwrap();
    let due = show.trace[light].due;
    let at_once: Vec<_> = show.trace.iter().enumerate().filter(|(_, departure)| departure.due == due).collect();
    assert!(at_once.len() > 2, "the line, its note and a pulse");
    assert!(at_once.iter().all(|(place, departure)| *place <= light || departure.track.is_none()), "{at_once:?}");
    assert!(at_once.iter().any(|(place, departure)| *place < light && departure.message == Message::Clock));
    assert!(at_once.iter().any(|(place, departure)| *place < light && departure.message == note_on(1, 50)));
}

#[test]
fn another_program_and_an_output_that_comes_back() {
    let mut show = Show::new(program());
    show.wait(Span::from_millis(100));
    let other = compile(&RIG.replace("note 37", "note 50").replace("\"1 64 127\"", "\"1 64 99\""));
    let told = after(&mut show, |show| {
        show.engine.adopt(&other, show.now);
        show.program = other.clone();
    });
    assert_eq!(told, [(37, 0), (50, 1)], "what is gone goes out, what is new is shown, the rest stays");
    let told = after(&mut show, |show| show.reopen(PADS, false));
    assert_eq!(told, [(36, 64), (50, 1), (20, 1), (39, 0), (40, 1)]);
    assert_eq!(after(&mut show, |show| show.reopen(PortSlot(0), false)), []);
}

#[test]
fn they_go_out_at_the_end() {
    let mut show = Show::new(program());
    show.wait(Span::from_millis(100));
    let from = show.trace.len();
    show.command(Command::End);
    assert!(show.engine.is_finished());
    assert_eq!(told(&show, from), [(36, 0), (37, 0), (40, 0), (20, 0)]);
    assert_eq!(show.engine.next_deadline(&show.program), None);
}

#[test]
fn a_set_that_ends_by_itself_takes_its_lights_along() {
    let mut show = Show::new(program());
    show.command(Command::EndAfter(show.program.meter.bar()));
    show.command(Command::Start);
    show.wait(Span::from_millis(3_000));
    assert!(show.engine.is_finished());
    let last: std::collections::BTreeMap<u8, u8> = told(&show, 0).into_iter().collect();
    assert!(last.len() == 5 && last.values().all(|&value| value == 0), "{last:?}");
}
