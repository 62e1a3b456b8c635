//! What hands do while it plays, in virtual time: mutes and solos, fills, transposition, held keys, controllers, bindings.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{
    Condition, Guard, GuardIndex, Interval, PatternSlot, PortSlot, Program, Scale, Source, TrackSlot,
};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Message};
use tightrope::time::{Nanos, Span, TickSpan};

const RIG: &str = r#"
tempo = 125
[ports.a]
device = "A"
[ports.keys]
device = "K"
[tracks.one]
port = "a"
channel = 1
[tracks.two]
port = "a"
channel = 2
"#;

const KEYS: PortSlot = PortSlot(1);
const ONE: TrackSlot = TrackSlot(0);
const TWO: TrackSlot = TrackSlot(1);
const BEAT: i64 = 960;
const BAR: i64 = 3_840;

/// A show on its own clock that has just begun, and when position 0 is.
fn start(program: Program) -> (Show, Nanos) {
    let mut show = Show::new(program);
    show.command(Command::Start);
    while show.engine.phase() != Phase::Running {
        show.wait(Span::from_millis(1));
    }
    let origin = show.engine.next_deadline(&show.program).expect("there is something to play");
    show.wait_until(origin);
    assert!(show.trace.iter().any(|departure| departure.due == origin && departure.tick.0 == 0));
    (show, origin)
}

fn play(set: &str) -> (Show, Nanos) {
    start(compile(&format!("{RIG}{set}")))
}

/// Time passes up to `position`.
fn to(show: &mut Show, origin: Nanos, position: i64) {
    show.wait_until(origin + show.program.tempo.span_of(TickSpan(position)));
}

/// The notes of a channel: position and key.
fn notes(show: &Show, channel: u8) -> Vec<(i64, u8)> {
    show.check();
    let note = |departure: &Departure| match departure.message {
        Message::NoteOn(on, key, _) if on.number() == channel => Some((departure.tick.0, key.number())),
        _ => None,
    };
    show.trace.iter().filter_map(note).collect()
}

fn keys(show: &Show, channel: u8) -> Vec<u8> {
    notes(show, channel).into_iter().map(|(_, key)| key).collect()
}

fn channel(number: u8) -> Channel {
    Channel::from_number(number).unwrap()
}

fn control(on: u8, number: u8, value: u8) -> Message {
    Message::ControlChange(channel(on), number, value)
}

/// Values of a controller on channel 1 from position `from` on: position and value.
fn values(show: &Show, number: u8) -> Vec<(i64, u8)> {
    let value = |departure: &Departure| match departure.message {
        Message::ControlChange(_, known, value) if known == number => Some((departure.tick.0, value)),
        _ => None,
    };
    show.trace.iter().filter_map(value).collect()
}

const BOTH: &str = "[patterns.p]\none = { step = \"1/4\", steps = \"c2 d2 e2 f2\", gate = 100 }\n\
    two = { step = \"1/1\", steps = \"c4\", gate = 100 }\n";

#[test]
fn a_mute_ends_the_notes_and_keeps_the_place() {
    let (mut show, origin) = play(BOTH);
    to(&mut show, origin, 1_500);
    show.command(Command::Mute(ONE, Switch::On));
    assert_eq!((show.engine.sounding(), show.engine.muted().contains(ONE)), (1, true), "the other one sounds on");
    let off = show.trace.last().unwrap();
    assert_eq!((off.message, off.due), (note_off(1, 50), show.now), "at once");
    to(&mut show, origin, BAR + 100);
    show.command(Command::Mute(ONE, Switch::Toggle));
    to(&mut show, origin, 2 * BAR - 1);
    assert_eq!(notes(&show, 1), [(0, 48), (960, 50), (BAR + 960, 50), (BAR + 1_920, 52), (BAR + 2_880, 53)]);
    assert_eq!(notes(&show, 2), [(0, 72), (BAR, 72)]);
}

#[test]
fn a_solo_silences_the_others() {
    let (mut show, origin) = play(BOTH);
    to(&mut show, origin, 1_500);
    show.command(Command::Solo(ONE, Switch::On));
    assert_eq!((show.engine.sounding(), show.engine.soloed().contains(ONE)), (1, true));
    to(&mut show, origin, BAR + 10);
    show.command(Command::Solo(TWO, Switch::On));
    to(&mut show, origin, 2 * BAR + 10);
    show.command(Command::Solo(ONE, Switch::Off));
    assert_eq!(show.engine.sounding(), 1);
    to(&mut show, origin, 3 * BAR - 1);
    assert_eq!(notes(&show, 2), [(0, 72), (2 * BAR, 72)], "alone, together, and alone itself");
    assert_eq!(notes(&show, 1).last(), Some(&(2 * BAR, 48)));
    show.command(Command::Mute(TWO, Switch::On));
    assert_eq!(show.engine.sounding(), 0, "a mute counts more than a solo");
}

/// The first note of track one only in fills.
fn with_a_fill(set: &str) -> Program {
    let mut program = compile(&format!("{RIG}{set}"));
    let Source::Steps(steps) = &mut program.patterns[0].clips[0].lanes[0].source else { panic!() };
    steps.guards = [Guard { condition: Condition::Fill(true), next: None }].into();
    steps.events[0].guard = GuardIndex::new(0);
    program
}

#[test]
fn a_fill_plays_what_is_written_for_it() {
    let (mut show, origin) = start(with_a_fill(BOTH));
    let mut firsts = Vec::new();
    for (bar, fill) in (1..).zip([Switch::On, Switch::Off, Switch::Toggle, Switch::Toggle]) {
        to(&mut show, origin, bar * BAR - 100);
        show.command(Command::Fill(fill));
        firsts.push(show.engine.fills());
        to(&mut show, origin, bar * BAR + 100);
        assert_eq!(notes(&show, 1).contains(&(bar * BAR, 48)), show.engine.fills());
    }
    assert_eq!(firsts, [true, false, true, false]);
}

#[test]
fn keys_transpose_a_track_in_semitones() {
    let text = RIG.replace("channel = 1\n", "channel = 1\ntranspose = \"keys channel 3 from c3\"\n");
    let (mut show, origin) = start(compile(&format!("{text}{BOTH}")));
    to(&mut show, origin, 100);
    show.input(KEYS, note_on(3, 63));
    to(&mut show, origin, BEAT + 100);
    show.input(KEYS, note_on(2, 70));
    show.input(CIRCUIT, note_on(3, 70));
    to(&mut show, origin, 2 * BEAT + 100);
    show.input(KEYS, note_off(3, 63));
    to(&mut show, origin, BAR + 1);
    assert_eq!(keys(&show, 1), [48, 53, 55, 56, 51], "from its next note on, by keys of that channel of that port");
    assert_eq!(keys(&show, 2), [72, 72]);
}

#[test]
fn degrees_are_those_of_the_scale() {
    let text = RIG.replace("channel = 1\n", "channel = 1\ntranspose = \"keys from c2 by degrees\"\n");
    let mut program = compile(&format!("{text}{BOTH}"));
    program.scale = Scale::new(0, &[0, 2, 4, 5, 7, 9, 11]).unwrap();
    let (mut show, origin) = start(program);
    to(&mut show, origin, 100);
    show.input(KEYS, note_on(1, 52));
    to(&mut show, origin, BAR + 1);
    assert_eq!(keys(&show, 1), [48, 53, 55, 57, 52], "a third above, whichever it is");
    show.command(Command::Transpose { track: None, by: 1, unit: Interval::Degrees });
    to(&mut show, origin, 2 * BAR - 1);
    assert_eq!(keys(&show, 1)[5..], [55, 57, 59]);
}

#[test]
fn the_whole_set_moves_but_for_drums_and_what_stays() {
    let rig = "tempo = 125\ntranspose = \"keys from c2\"\n[ports.a]\ndevice = \"A\"\n[ports.keys]\ndevice = \"K\"\n\
        [tracks.bass]\nport = \"a\"\nchannel = 1\n[tracks.lead]\nport = \"a\"\nchannel = 2\ntranspose = \"keys from c2\"\n\
        [tracks.pad]\nport = \"a\"\nchannel = 3\ntranspose = \"none\"\n\
        [tracks.drums]\nport = \"a\"\nchannel = 10\nkit = { k = 36 }\n\
        [patterns.p]\nbass = \"c2...\"\nlead = \"c2...\"\npad = \"c2...\"\ndrums = \"k...\"\n";
    let (mut show, origin) = start(compile(rig));
    to(&mut show, origin, 100);
    show.input(KEYS, note_on(1, 50));
    show.command(Command::Transpose { track: None, by: 12, unit: Interval::Semitones });
    show.command(Command::Transpose { track: Some(TrackSlot(2)), by: -1, unit: Interval::Semitones });
    to(&mut show, origin, BEAT + 1);
    let last = |on: u8| *keys(&show, on).last().unwrap();
    assert_eq!(
        [last(1), last(2), last(3), last(10)],
        [62, 64, 47, 36],
        "what is said of the set and of the track adds up"
    );
}

#[test]
fn a_transposition_by_command_replaces_the_one_before() {
    let (mut show, origin) = play(BOTH);
    let by = |track, by| Command::Transpose { track, by, unit: Interval::Semitones };
    for (beat, command) in (1..).zip([by(None, 2), by(None, -3), by(Some(ONE), 5), by(None, 0), by(Some(ONE), 0)]) {
        to(&mut show, origin, beat * BEAT - 100);
        show.command(command);
    }
    to(&mut show, origin, 6 * BEAT - 1);
    assert_eq!(keys(&show, 1), [48, 52, 49, 55, 53, 50]);
}

#[test]
fn transposed_notes_end_as_they_began() {
    let (mut show, origin) = play(BOTH);
    to(&mut show, origin, 100);
    show.command(Command::Transpose { track: None, by: 7, unit: Interval::Semitones });
    show.command(Command::Stop);
    assert_eq!((show.count(CIRCUIT, note_off(1, 48)), check_trace(&show.trace)), (1, 0));
}

#[test]
fn held_keys_take_turns_in_every_order() {
    for (order, expected) in [
        ("played", [67, 60, 64, 67, 60, 64]),
        ("up", [60, 64, 67, 60, 64, 67]),
        ("down", [67, 64, 60, 67, 64, 60]),
        ("up-down", [60, 64, 67, 64, 60, 64]),
    ] {
        let set = format!(
            "[patterns.p]\none = {{ held = \"keys channel 5\", order = \"{order}\", lengths = [\"1/4\"], octave = 1 }}\n\
            two = \"c2...\"\n"
        );
        let (mut show, origin) = play(&set);
        to(&mut show, origin, 4 * BEAT - 100);
        assert_eq!(keys(&show, 1), [0; 0], "silent while nothing is held");
        for key in [67, 60, 64] {
            show.input(KEYS, note_on(5, key));
        }
        show.input(KEYS, note_on(6, 61));
        to(&mut show, origin, 10 * BEAT - 100);
        let heard: Vec<u8> = keys(&show, 1).into_iter().map(|key| key - 12).collect();
        assert_eq!(heard, expected, "{order}");
        for key in [67, 60, 64] {
            show.input(KEYS, note_off(5, key));
        }
        to(&mut show, origin, 14 * BEAT - 100);
        assert_eq!(keys(&show, 1).len(), 6, "{order}: silent again");
        show.input(KEYS, note_on(5, 62));
        show.input(KEYS, note_on(5, 65));
        to(&mut show, origin, 15 * BEAT - 100);
        let first = if order == "down" { 65 } else { 62 };
        assert_eq!(keys(&show, 1)[6], first + 12, "{order}: what is pressed anew begins with the first turn");
        show.command(Command::Stop);
        assert_eq!(check_trace(&show.trace), 0);
    }
}

#[test]
fn random_held_keys_are_held_ones() {
    let set = "[patterns.p]\none = { held = \"keys\", order = \"random\", lengths = [\"1/16\"] }\ntwo = \"c2...\"\n";
    let (mut show, origin) = play(set);
    for key in [60, 64, 67] {
        show.input(KEYS, note_on(1, key));
    }
    to(&mut show, origin, 8 * BAR);
    let heard = keys(&show, 1);
    for key in [60, 64, 67] {
        let share = 100 * heard.iter().filter(|&&known| known == key).count() / heard.len();
        assert!((15..55).contains(&share), "{key}: {share} of 100");
    }
    assert!(heard.iter().all(|key| [60, 64, 67].contains(key)));
}

#[test]
fn controllers_move_and_come_back() {
    let set = "[patterns.p]\none = \"c2...\"\ncc = { one = { 74 = \"20 ~ ~ ~ 110\", 71 = \"1 2 3 4\" } }\n";
    let (mut show, origin) = play(set);
    to(&mut show, origin, 2 * BAR);
    assert_eq!(values(&show, 71)[..6], [(0, 1), (960, 2), (1_920, 3), (2_880, 4), (BAR, 1), (BAR + 960, 2)]);
    let curve = values(&show, 74);
    assert_eq!((curve[0], curve[90].1, curve[91]), ((0, 20), 110, (BAR, 20)));
    // After the note of the same moment.
    let place = |message: Message| show.trace.iter().position(|departure| departure.message == message);
    assert!(place(note_on(1, 48)) < place(control(1, 74, 20)));
    // A track that is not heard keeps its sound.
    show.command(Command::Mute(ONE, Switch::On));
    let before = values(&show, 71).len();
    to(&mut show, origin, 3 * BAR);
    assert_eq!(values(&show, 71).len(), before + 4);
}

#[test]
fn controllers_are_chased_into_the_middle() {
    let set = "[clock]\nfollow = \"keys\"\n[patterns.p]\ncc = { one = { 74 = \"20 ~ ~ ~ 110\", 71 = \"1 . 3 .\" } }\n";
    let mut show = Show::new(compile(&format!("{RIG}{set}")));
    let clock = |show: &mut Show, count: usize| {
        for _ in 0..count {
            show.input(KEYS, Message::Clock);
            show.wait(PULSE);
        }
    };
    clock(&mut show, 24);
    // Bar 5 and one beat.
    show.input(KEYS, Message::SongPosition(4 * 16 + 4));
    show.input(KEYS, Message::Continue);
    clock(&mut show, 2);
    let at = 4 * BAR + BEAT;
    assert_eq!(values(&show, 71)[0], (at, 1), "what was sent last holds");
    let (first, value) = values(&show, 74)[0];
    assert!(first == at && (42..=43).contains(&value), "{value}");
    clock(&mut show, 24);
    assert_eq!(values(&show, 71)[1], (at + BEAT, 3));
}

#[test]
fn random_values_are_new_each_time_and_the_same_each_show() {
    let set = "[patterns.p]\none = \"c2...\"\ncc.one.74 = { lfo = \"random\", low = 20, high = 110, step = \"1/8\" }\n";
    let run = || {
        let (mut show, origin) = play(set);
        to(&mut show, origin, 8 * BAR - 1);
        values(&show, 74)
    };
    let drawn = run();
    assert_eq!((drawn.len(), &drawn), (64, &run()));
    assert!(drawn.iter().all(|(_, value)| (20..=110).contains(value)));
    assert_ne!(
        drawn[..8].iter().map(|(_, value)| value).collect::<Vec<_>>(),
        drawn[8..16].iter().map(|(_, value)| value).collect::<Vec<_>>()
    );
}

/// A set of two patterns in which hands do something.
fn bound(bindings: &[(&str, &str)]) -> (Show, Nanos) {
    let bindings: String =
        bindings.iter().map(|(on, command)| format!("[[bind]]\non = \"{on}\"\ndo = \"{command}\"\n")).collect();
    let rig = RIG.replace("tempo = 125\n", "tempo = 125\ntranspose = \"keys from c2\"\n");
    let build = "[patterns.build]\none = { step = \"1/4\", steps = \"c3\" }\n";
    start(with_a_fill_in(&rig, &format!("{BOTH}{build}{bindings}")))
}

fn with_a_fill_in(rig: &str, set: &str) -> Program {
    let mut program = compile(&format!("{rig}{set}"));
    let Source::Steps(steps) = &mut program.patterns[0].clips[0].lanes[0].source else { panic!() };
    steps.guards = [Guard { condition: Condition::Fill(false), next: None }].into();
    steps.events[0].guard = GuardIndex::new(0);
    program
}

#[test]
fn a_bound_key_does_what_it_is_bound_to_and_nothing_else() {
    let (mut show, origin) = bound(&[("keys note 36", "launch build"), ("keys note c#1 channel 2", "mute one on")]);
    to(&mut show, origin, 100);
    show.input(KEYS, note_on(1, 37));
    assert!(!show.engine.muted().contains(ONE), "another channel");
    show.input(KEYS, note_on(1, 48));
    show.input(CIRCUIT, note_on(1, 36));
    assert_eq!(show.engine.queued(), None, "another port");
    show.input(KEYS, note_on(1, 36));
    show.input(KEYS, note_off(1, 36));
    assert_eq!(show.engine.queued().map(|(slot, line)| (slot, line.0)), Some((PatternSlot(1), BAR)));
    to(&mut show, origin, BAR + 10);
    assert_eq!(*keys(&show, 1).last().unwrap(), 60, "c2 was the last key that was played");
    show.input(KEYS, note_on(2, 37));
    assert!(show.engine.muted().contains(ONE));
}

#[test]
fn a_bound_pedal_acts_when_it_rises_through_the_middle() {
    let (mut show, _) = bound(&[("keys cc 64 channel 1", "mute one")]);
    let mut after = |value: u8| {
        show.input(KEYS, control(1, 64, value));
        show.engine.muted().contains(ONE)
    };
    assert_eq!(
        [10, 63, 64, 127, 64, 63, 0, 100, 0].map(&mut after),
        [false, false, true, true, true, true, true, false, false]
    );
    show.input(KEYS, control(2, 64, 127));
    show.input(KEYS, control(1, 65, 127));
    assert!(!show.engine.muted().contains(ONE));
}

#[test]
fn a_bound_fill_lasts_as_long_as_it_is_down() {
    let (mut show, _) = bound(&[
        ("keys note 40", "fill"),
        ("keys cc 64", "fill"),
        ("keys cc 65", "hold"),
        ("keys note 41", "fill toggle"),
    ]);
    let after = |show: &mut Show, message: Message| {
        show.input(KEYS, message);
        (show.engine.fills(), show.engine.holds())
    };
    assert_eq!(after(&mut show, note_on(1, 40)), (true, false));
    assert_eq!(after(&mut show, note_off(1, 40)), (false, false));
    assert_eq!(after(&mut show, control(3, 64, 127)), (true, false));
    assert_eq!(after(&mut show, control(3, 64, 90)), (true, false));
    assert_eq!(after(&mut show, control(3, 64, 1)), (false, false));
    assert_eq!(after(&mut show, control(1, 65, 127)), (false, true));
    assert_eq!(after(&mut show, control(1, 65, 0)), (false, false));
    assert_eq!(after(&mut show, note_on(1, 41)), (true, false));
    assert_eq!(after(&mut show, note_off(1, 41)), (true, false));
}

#[test]
fn a_bound_program_change_and_several_things_at_once() {
    let (mut show, origin) = bound(&[
        ("keys program 3", "launch build at now"),
        ("keys program 3", "mute two on"),
        ("keys program 3", "transpose +12"),
        ("keys program 4", "stop"),
    ]);
    to(&mut show, origin, 100);
    show.input(KEYS, Message::ProgramChange(channel(9), 3));
    to(&mut show, origin, BEAT + 10);
    assert_eq!((*notes(&show, 1).last().unwrap(), show.engine.muted().contains(TWO)), ((BEAT, 72), true));
    show.input(KEYS, Message::ProgramChange(channel(9), 4));
    assert_eq!((show.engine.phase(), check_trace(&show.trace)), (Phase::Stopped, 0));
}

#[test]
fn as_much_as_may_be_bound_to_one_message_is_done() {
    // Each start and each stop is a byte on the wire.
    let set =
        "[patterns.p]\none = \"c2...\"\n".to_owned() + &"[[bind]]\non = \"keys note 36\"\ndo = \"start\"\n".repeat(8);
    let text = RIG.replace("device = \"A\"\n", "device = \"A\"\nclock = true\n");
    let mut show = Show::new(compile(&format!("{text}{set}")));
    show.input(KEYS, note_on(1, 36));
    assert_eq!(show.count(CIRCUIT, Message::Start), 8);
    show.wait(Span::from_millis(500));
    assert_eq!(show.engine.phase(), Phase::Running);
    show.check();
}
