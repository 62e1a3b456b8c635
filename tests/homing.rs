//! Whatever ends notes, in virtual time: the pedals, wheels and pressure that hold or bend them go home too.

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::arrangement::resume::Resumption;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::Target;
use tightrope::engine::program::{PatternSlot, PortSlot, Program, Quantum, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Message};
use tightrope::time::{Span, Tempo, Tick, TickSpan};

/// A pattern that holds and bends everything in its first beat, and one that does nothing of the kind.
const RIG: &str = r#"
tempo = 120
[ports.a]
device = "A"
[ports.late]
device = "L"
offset = "30 ms"
wire = "din"
[ports.keys]
device = "K"
[tracks.piano]
port = "a"
channel = 1
[tracks.bass]
port = "late"
channel = 2
[tracks.lead]
port = "a"
channel = 3
thru = "keys"
[patterns.verse]
piano = "c3{64=127 66=127 bend=-4096} . . . e3{68=127} . . . g3{pressure=50 cc14-1=9000} . . . . . . ."
bass = { step = "1/16", gate = 400, steps = "c1{bend=-4096 69=100} . . . c1 . . . c1 . . . c1 . . ." }
lead = "c5 . . . . . . . c5 . . . . . . ."
cc = { bass = { 65 = "127", pressure = "90 ~ 100" } }
[patterns.solo]
piano = "c4 . c4 . c4 . c4 ."
bass = "c2 . . . c2 . . ."
lead = "c5 . . . . . . . c5 . . . . . . ."
[patterns.more]
keep = true
bass = "c2 . . . c2 . . ."
"#;
const KEYS: PortSlot = PortSlot(2);
const PIANO: TrackSlot = TrackSlot(0);
const BASS: TrackSlot = TrackSlot(1);
const LEAD: TrackSlot = TrackSlot(2);
const VERSE: u16 = 0;
const SOLO: u16 = 1;
const MORE: u16 = 2;

fn channel(number: u8) -> Channel {
    Channel::from_number(number).unwrap()
}

fn control(on: u8, number: u8, value: u8) -> Message {
    Message::ControlChange(channel(on), number, value)
}

fn bend(on: u8, value: u16) -> Message {
    Message::PitchBend(channel(on), value)
}

/// The verse has played for three beats: all that it moves is away from home.
fn away_from_home(text: &str) -> Show {
    let mut show = Show::new(compile(text));
    show.command(Command::Start);
    show.wait(Span::from_millis(1_600));
    let away = away(&show.trace);
    assert_eq!(away.keys().filter(|(_, channel, _)| *channel == 1).count(), 7, "{away:?}");
    assert_eq!(away.keys().filter(|(_, channel, _)| *channel == 2).count(), 4, "{away:?}");
    show
}

#[track_caller]
fn assert_home(show: &Show) {
    assert_eq!(away(&show.trace), [].into());
}

#[test]
fn what_holds_or_bends_notes_goes_home_wherever_they_end() {
    let commands: [(&str, &[Command]); 5] = [
        ("stop", &[Command::Stop]),
        ("end", &[Command::End]),
        ("panic, then stop", &[Command::Panic, Command::Stop]),
        ("start", &[Command::Start, Command::Stop]),
        ("launch", &[Command::Launch { pattern: PatternSlot(SOLO), at: Some(Quantum::Now) }]),
    ];
    for (name, commands) in commands {
        let mut show = away_from_home(RIG);
        show.command(Command::Control { track: LEAD, target: Target::Bend, value: 0 });
        show.command(Command::Control { track: LEAD, target: Target::Controller(64), value: 1 });
        commands.iter().for_each(|&command| show.command(command));
        show.wait(Span::from_millis(100));
        assert_eq!(away(&show.trace), [].into(), "{name}");
        if name == "end" {
            assert!(show.engine.is_finished());
        }
        show.check();
    }
}

#[test]
fn the_end_of_a_song_of_a_show_and_of_the_clock_brings_everything_home() {
    let song = format!("{RIG}[song]\nparts = [\"verse\"]\nend = \"stop\"\n");
    let mut show = away_from_home(&song);
    show.wait(Span::from_millis(500));
    assert_eq!(show.engine.phase(), Phase::Stopped);
    assert_home(&show);

    let mut show = Show::new(compile(RIG));
    show.command(Command::EndAfter(TickSpan(3_000)));
    show.command(Command::Start);
    show.wait(Span::from_millis(5_000));
    assert!(show.engine.is_finished());
    assert_home(&show);

    let follows = format!("{RIG}[clock]\nfollow = \"a\"\nlost = \"stop\"\n");
    let mut show = Show::new(compile(&follows));
    show.input(PortSlot(0), Message::Start);
    show.pulses(70, Span::from_millis(20));
    assert_ne!(away(&show.trace), [].into());
    show.wait(Span::from_millis(5_000));
    assert_eq!(show.engine.phase(), Phase::Stopped);
    assert_home(&show);
}

#[test]
fn a_launch_brings_home_what_the_tracks_that_it_takes_over_have_moved() {
    let mut show = away_from_home(RIG);
    show.command(Command::Launch { pattern: PatternSlot(MORE), at: None });
    show.wait(Span::from_millis(3_000));
    assert!(
        away(&show.trace).keys().all(|(_, channel, _)| *channel == 1),
        "the piano plays on: {:?}",
        away(&show.trace)
    );
    assert_eq!(away(&show.trace).len(), 7);
    show.command(Command::Launch { pattern: PatternSlot(SOLO), at: None });
    show.wait(Span::from_millis(3_000));
    assert_home(&show);
    // What the pattern that takes over has itself, it begins with.
    show.command(Command::Launch { pattern: PatternSlot(VERSE), at: None });
    show.wait(Span::from_millis(1_990));
    assert_eq!(away(&show.trace).len(), 11);
}

/// The messages of a port, from the first that falls on `tick` on.
fn from(show: &Show, port: u8, tick: Tick) -> Vec<Message> {
    let falls = |departure: &&tightrope::engine::outbox::Departure| departure.port.0 == port && departure.tick >= tick;
    show.trace.iter().filter(falls).map(|departure| departure.message).collect()
}

#[test]
fn on_a_line_notes_end_then_levers_go_home_then_notes_begin() {
    // The last note sounds up to the line, and the wire of the bass is full.
    let text = RIG.replace("[tracks.bass]", "gate = 100\n[tracks.bass]");
    let text = text.replace("cc14-1=9000} . . . . . . .", "cc14-1=9000} _ _ _ _ _ _ _");
    let mut show = away_from_home(&text);
    show.command(Command::Launch { pattern: PatternSlot(SOLO), at: Some(Quantum::Grid(TickSpan(3_840))) });
    show.wait(Span::from_millis(1_000));
    let piano = from(&show, 0, Tick(3_840));
    let off = note_off(1, 67);
    let homes = [64, 66, 68, 1, 33].map(|number| control(1, number, 0));
    let homes = [&homes[..], &[Message::ChannelPressure(channel(1), 0), bend(1, 8_192)]].concat();
    assert_eq!(piano[0], off, "{piano:?}");
    assert_eq!(piano[1..8], homes, "{piano:?}");
    assert!(matches!(piano[8], Message::NoteOn(..)), "{piano:?}");
    let bass = from(&show, 1, Tick(3_840));
    let first_on = bass.iter().position(|message| matches!(message, Message::NoteOn(..))).unwrap();
    assert!(bass[..first_on].contains(&bend(2, 8_192)) && bass[..first_on].contains(&control(2, 69, 0)), "{bass:?}");
    assert_home(&show);
}

#[test]
fn a_mute_brings_home_what_its_track_has_moved() {
    for command in [Command::Mute(PIANO, Switch::On), Command::Solo(BASS, Switch::On)] {
        let mut show = away_from_home(RIG);
        show.command(Command::Control { track: PIANO, target: Target::Controller(67), value: 9 });
        show.command(command);
        show.wait(Span::from_millis(50));
        let left = away(&show.trace);
        assert!(left.len() == 4 && left.keys().all(|(_, channel, _)| *channel == 2), "{left:?}");
    }
}

#[test]
fn another_program_keeps_what_goes_on_and_brings_home_what_does_not() {
    let without_piano = RIG.replace(
        "piano = \"c3{64=127 66=127 bend=-4096} . . . e3{68=127} . . . g3{pressure=50 cc14-1=9000} . . . . . . .\"",
        "piano = \"c3{64=127} . . . e3 . . . g3 . . . . . . .\"",
    );
    let moved = RIG.replace("channel = 2", "channel = 12");
    let gone = RIG.replace("[tracks.bass]", "[tracks.other]").replace("bass = ", "other = ");
    let gone = gone.replace("{bend=-4096 69=100}", "").replace("cc = { other", "cc = { lead");
    for (text, channels) in [(RIG, [7, 4]), (&without_piano, [1, 4]), (&moved, [7, 0]), (&gone, [7, 0])] {
        let mut show = away_from_home(RIG);
        show.renew(Program { edition: 2, ..compile(text) });
        // Two ticks after the line nothing of the new bar has been moved but what the first steps move anyway.
        let line = show.engine.time_of(Tick(3_840)).unwrap();
        let length = show.trace.len();
        show.wait_until(line + Span::from_millis(40));
        let homes = |on: u8| {
            let of_it = |message: Message| {
                message.channel() == Some(channel(on)) && !matches!(message, Message::NoteOn(..) | Message::NoteOff(..))
            };
            let rests = |message: &Message| {
                matches!(
                    message,
                    Message::ControlChange(_, _, 0) | Message::ChannelPressure(_, 0) | Message::PitchBend(_, 8_192)
                )
            };
            show.trace[length..]
                .iter()
                .map(|departure| departure.message)
                .filter(|&message| of_it(message))
                .filter(rests)
                .count()
        };
        assert_eq!([7 - homes(1), 4 - homes(2)], channels, "{text}");
    }
}

#[test]
fn what_hands_hold_stays_over_launches_and_goes_home_with_the_music() {
    let bound = format!("{RIG}[[bind]]\non = \"keys cc 20\"\ndo = \"cc lead 1 0..127\"\n");
    let mut show = away_from_home(&bound);
    let held = [control(1, 64, 127), bend(1, 0), control(1, 20, 100)];
    let count = |show: &Show| away(&show.trace).keys().filter(|(_, channel, _)| *channel == 3).count();
    held.iter().for_each(|&message| show.input(KEYS, message));
    assert_eq!(count(&show), 3);
    for command in [launch(SOLO), Command::Start, launch(VERSE)] {
        show.command(command);
        show.wait(Span::from_millis(2_500));
        assert_eq!(count(&show), 3, "{command:?}");
    }
    show.command(Command::ReleaseInput(PortSlot(0)));
    assert_eq!(count(&show), 3, "another keyboard");
    show.command(Command::ReleaseInput(KEYS));
    assert_eq!(count(&show), 0);
    held.iter().for_each(|&message| show.input(KEYS, message));
    show.command(Command::Stop);
    assert_home(&show);
    // What is set while nothing plays is set for what begins.
    show.command(Command::Control { track: LEAD, target: Target::Controller(64), value: 77 });
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    assert_eq!(count(&show), 1);
    show.command(launch(SOLO));
    show.wait(Span::from_millis(2_500));
    assert_eq!(count(&show), 0, "a command is no hand that holds it");
}

#[test]
fn a_pressed_key_is_let_go_of_with_its_note() {
    let mut show = Show::new(compile(RIG));
    let press = |value| Message::KeyPressure(channel(1), Key::new(60).unwrap(), value);
    for message in [note_on(1, 60), note_on(1, 62), press(90)] {
        show.input(KEYS, message);
    }
    assert_eq!(away(&show.trace).len(), 1);
    show.command(Command::Stop);
    assert_home(&show);
    let last: Vec<Message> = show.trace.iter().rev().take(3).rev().map(|departure| departure.message).collect();
    let home = Message::KeyPressure(channel(3), Key::new(60).unwrap(), 0);
    assert_eq!(last, [note_off(3, 60), note_off(3, 62), home]);
}

#[test]
fn a_value_that_waits_for_its_wire_does_not_overtake_what_goes_home() {
    let text = RIG.replace("pressure = \"90 ~ 100\"", "pressure = \"90 ~ 100\", bend = { lfo = \"sine\", length = \"1/16\" }, 74 = { lfo = \"sine\", length = \"1/32\" }, 75 = { lfo = \"saw\", length = \"1/32\" }, 64 = { lfo = \"square\", length = \"1/32\" }");
    for millis in 1_000..1_060 {
        let mut show = Show::new(compile(&text));
        show.command(Command::Start);
        show.wait(Span::from_millis(millis));
        show.command(Command::Stop);
        show.wait(Span::from_millis(500));
        assert_home(&show);
    }
}

#[test]
fn a_device_that_comes_back_is_not_told_a_stale_pedal() {
    let mut show = away_from_home(RIG);
    show.command(Command::Stop);
    let length = show.trace.len();
    show.reopen(PortSlot(0), true);
    show.wait(Span::from_millis(1_000));
    let told: Vec<Message> = show.trace[length..].iter().map(|departure| departure.message).collect();
    assert!(told.contains(&control(1, 64, 0)) && told.contains(&bend(1, 8_192)), "{told:?}");
    assert!(!told.contains(&control(1, 64, 127)), "{told:?}");
    // The show ends while it is being told: what may be down there comes up all the same.
    let length = show.trace.len();
    show.reopen(PortSlot(0), true);
    show.command(Command::End);
    let told: Vec<Message> = show.trace[length..].iter().map(|departure| departure.message).collect();
    assert!(told.contains(&control(1, 64, 0)) && told.contains(&bend(1, 8_192)), "{told:?}");
}

#[test]
fn an_instrument_that_has_not_read_is_told_again_what_is_home() {
    let mut show = away_from_home(RIG);
    show.command(Command::Stop);
    let length = show.trace.len();
    show.command(Command::SilencePort(PortSlot(0)));
    let told: Vec<Message> = show.trace[length..].iter().map(|departure| departure.message).collect();
    assert!([control(1, 64, 0), control(1, 66, 0), bend(1, 8_192)].iter().all(|home| told.contains(home)), "{told:?}");
}

#[test]
fn a_fader_knows_that_what_it_moves_has_gone_home() {
    let bound = format!("{RIG}[[bind]]\non = \"keys cc 20\"\ndo = \"cc bass bend -8192..8191\"\n");
    let mut show = away_from_home(&bound);
    show.command(Command::Stop);
    let length = show.trace.len();
    show.input(KEYS, control(1, 20, 10));
    show.input(KEYS, control(1, 20, 20));
    assert_eq!(show.trace.len(), length, "it has not come to the middle yet");
    show.input(KEYS, control(1, 20, 70));
    show.wait(Span::from_millis(50));
    assert_eq!(show.trace.len(), length + 1, "it takes hold where it passes it");
}

/// Sets with what holds and bends in steps, curves and hands; the second pattern has nothing of it.
fn any_set() -> impl Strategy<Value = String> {
    let target = || prop::sample::select(&["64", "65", "66", "67", "68", "69", "1", "cc14-1", "bend", "pressure"]);
    let value = |target: &str| match target {
        "bend" => "-5000",
        "cc14-1" => "12000",
        _ => "100",
    };
    let step = (target(), any::<bool>()).prop_map(move |(target, is_off)| {
        format!("c2{{{target}={}}}", if is_off && target != "bend" { "0" } else { value(target) })
    });
    let steps = || {
        prop::collection::vec(prop_oneof![2 => Just(".".to_string()), 1 => Just("c2".into()), 3 => step.clone()], 4..20)
    };
    let curve =
        (target(), prop::sample::select(&["1/16", "1/4", "1/1"]), prop::sample::select(&["sine", "square", "random"]));
    let curve = curve.prop_map(|(target, length, wave)| match wave {
        "random" => format!("{target} = {{ lfo = \"random\", step = \"{length}\" }}"),
        _ => format!("{target} = {{ lfo = \"{wave}\", length = \"{length}\" }}"),
    });
    (steps(), steps(), curve, prop::sample::select(&["din", "usb"]), any::<bool>(), -20i32..20).prop_map(
        |(first, second, curve, wire, keep, offset)| {
            format!(
                "launch = \"beat\"\n[ports.a]\ndevice = \"A\"\nwire = \"{wire}\"\n[ports.b]\ndevice = \"B\"\nwire = \"din\"\n\
                 offset = \"{offset} ms\"\n[ports.keys]\ndevice = \"K\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n\
                 [tracks.u]\nport = \"b\"\nchannel = 2\nthru = \"keys\"\n[tracks.v]\nport = \"b\"\nchannel = 3\n\
                 [patterns.one]\nt = \"{}\"\nu = {{ gate = 200, steps = \"{}\" }}\ncc = {{ t = {{ {curve} }} }}\n\
                 [patterns.two]\nt = \"c5 . c5\"\nu = \"c5 c5 . .\"\nv = \"c5\"\n\
                 [patterns.three]\nkeep = {keep}\nv = \"{}\"\ncc = {{ v = {{ {curve} }} }}\n[[bind]]\non = \"keys cc 20\"\ndo = \"cc t bend -8192..8191\"\n",
                first.join(" "),
                second.join(" "),
                first.join(" "),
            )
        },
    )
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Wait(i64),
    Command(Command),
    Input(Message),
    Reopened(u8),
    Renew,
}

fn any_event(hands: bool) -> BoxedStrategy<Event> {
    let target = prop::sample::select(&[
        Target::Bend,
        Target::Pressure,
        Target::Controller(64),
        Target::Controller(66),
        Target::Fine(1),
    ]);
    let value = (0u8..5, 0u8..128).prop_map(|(kind, value)| match kind {
        0 => bend(1, u16::from(value) * 129),
        1 => Message::ChannelPressure(channel(1), value),
        2 => Message::KeyPressure(channel(1), Key::new(60 + value % 4).unwrap(), value),
        3 => control(1, 64 + value % 6, value),
        _ => control(1, 20, value),
    });
    let music = prop_oneof![
        8 => (0i64..600_000_000).prop_map(Event::Wait),
        2 => Just(Event::Command(Command::Start)),
        1 => Just(Event::Command(Command::Continue)),
        1 => Just(Event::Command(Command::Stop)),
        1 => Just(Event::Command(Command::Panic)),
        4 => (0u16..3, prop::sample::select(&[Quantum::Now, Quantum::End, Quantum::Grid(TickSpan(960))])).prop_map(|(slot, at)| {
            Event::Command(Command::Launch { pattern: PatternSlot(slot), at: Some(at) })
        }),
        1 => (0u16..3, prop::sample::select(&[Switch::On, Switch::Off])).prop_map(|(track, switch)| Event::Command(Command::Mute(TrackSlot(track), switch))),
        1 => (0u16..3, prop::sample::select(&[Switch::On, Switch::Off])).prop_map(|(track, switch)| Event::Command(Command::Solo(TrackSlot(track), switch))),
        1 => (0u8..2).prop_map(Event::Reopened),
        1 => Just(Event::Renew),
    ]
    .boxed();
    if !hands {
        return music;
    }
    prop_oneof![
        3 => music,
        1 => (0u16..3, target, 0u16..16_384).prop_map(|(track, target, value)| {
            Event::Command(Command::Control { track: TrackSlot(track), target, value })
        }),
        1 => (60u8..64).prop_map(|key| Event::Input(note_on(1, key))),
        2 => value.prop_map(Event::Input),
        1 => Just(Event::Command(Command::ReleaseInput(KEYS))),
    ]
    .boxed()
}

fn happen(show: &mut Show, text: &str, event: Event) {
    match event {
        Event::Wait(nanos) => show.wait(Span(nanos)),
        Event::Command(command) => show.command(command),
        Event::Input(message) => show.input(KEYS, message),
        Event::Reopened(port) => show.reopen(PortSlot(port), true),
        Event::Renew => show.renew(Program { edition: show.program.edition + 1, ..compile(text) }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_stop_and_the_end_leave_every_channel_at_rest(
        text in any_set(), events in prop::collection::vec(any_event(true), 1..60)
    ) {
        let mut show = Show::new(compile(&text));
        show.command(Command::Start);
        for event in events {
            happen(&mut show, &text, event);
            if matches!(event, Event::Command(Command::Stop)) {
                prop_assert_eq!(away(&show.trace), [].into());
                prop_assert_eq!(check_trace(&show.trace), 0);
            }
        }
        show.command(Command::End);
        prop_assert!(show.engine.is_finished());
        prop_assert_eq!(away(&show.trace), [].into());
        prop_assert_eq!(check_trace(&show.trace), 0);
    }

    #[test]
    fn a_pattern_that_moves_nothing_begins_and_plays_at_rest(
        text in any_set(), events in prop::collection::vec(any_event(false), 1..60)
    ) {
        let mut show = Show::new(compile(&text));
        show.command(Command::Start);
        events.into_iter().for_each(|event| happen(&mut show, &text, event));
        let mut away = Away::default();
        for departure in &show.trace {
            pull(&mut away, departure);
            // Only the second pattern plays this key.
            if let Message::NoteOn(on, key, _) = departure.message && key.number() == 84 {
                let of_it = away.keys().filter(|(port, channel, _)| (*port, *channel) == (departure.port.0, on.number()));
                prop_assert_eq!(of_it.count(), 0, "{:?} at {:?}", away, departure);
            }
        }
    }
}

/// The values of the piano and the bass where the music plays, as if it had come there by itself.
fn come_by_itself(at: Tick) -> Away {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Start);
    show.wait_until(show.engine.time_of(at).unwrap() + Span::from_millis(31));
    away(&show.trace)
}

#[test]
fn where_the_music_goes_on_in_the_middle_it_has_what_has_been_said_by_then() {
    // Behind the third beat.
    let (at, whole) = (Tick(3_000), come_by_itself(Tick(3_000)));
    assert_eq!(whole.len(), 11);
    // A curve that moves has gone on meanwhile.
    let places = |away: &Away| {
        away.iter()
            .filter(|((_, _, what), _)| what != "pressure")
            .map(|(place, value)| (place.clone(), *value))
            .collect::<Vec<_>>()
    };

    let mut show = away_from_home(RIG);
    show.command(Command::Stop);
    assert_home(&show);
    show.command(Command::Continue);
    show.wait(Span::from_millis(100));
    assert_eq!(places(&away(&show.trace)), places(&whole), "CONTINUE");
    assert_eq!(away(&show.trace).len(), 11);

    let mut show = away_from_home(RIG);
    for (command, taken_back) in [
        (Command::Mute(PIANO, Switch::On), Command::Mute(PIANO, Switch::Off)),
        (Command::Solo(LEAD, Switch::On), Command::Solo(LEAD, Switch::Off)),
    ] {
        show.command(command);
        show.wait(Span::from_millis(2_000));
        assert!(away(&show.trace).keys().all(|(_, channel, _)| *channel != 1), "nothing of it while it is not heard");
        show.command(taken_back);
        show.wait(Span::from_millis(40));
        assert_eq!(places(&away(&show.trace)), places(&whole), "{taken_back:?}");
    }

    let mut show = Show::new(compile(RIG));
    show.command(launch(SOLO));
    show.command(Command::Start);
    show.wait_until(show.engine.time_of(at).unwrap());
    show.command(Command::Launch { pattern: PatternSlot(VERSE), at: Some(Quantum::Now) });
    show.wait(Span::from_millis(40));
    assert_eq!(places(&away(&show.trace)), places(&whole), "a launch into its middle");
}

#[test]
fn a_pedal_that_both_patterns_hold_is_not_lifted_between_them() {
    let both = RIG.replace("piano = \"c4 . c4 . c4 . c4 .\"", "piano = \"c4{64=127 66=100} . c4 . c4 . c4 .\"");
    let mut show = away_from_home(&both);
    show.command(Command::Launch { pattern: PatternSlot(SOLO), at: Some(Quantum::Grid(TickSpan(3_840))) });
    show.wait(Span::from_millis(1_000));
    assert_eq!((show.count(PortSlot(0), control(1, 64, 0)), show.count(PortSlot(0), control(1, 66, 0))), (0, 0));
    assert_eq!((show.count(PortSlot(0), control(1, 68, 0)), away(&show.trace).len()), (1, 2));
    // What is said under a condition may not be said.
    let perhaps = both.replace("c4{64=127 66=100} .", "c4{64=127}?1 .");
    let mut show = away_from_home(&perhaps);
    show.command(Command::Launch { pattern: PatternSlot(SOLO), at: Some(Quantum::Grid(TickSpan(3_840))) });
    show.wait(Span::from_millis(1_000));
    assert_eq!(show.count(PortSlot(0), control(1, 64, 0)), 1);
}

#[test]
fn a_show_that_is_resumed_has_what_its_pattern_has_said_by_then() {
    let whole = come_by_itself(Tick(3_000));
    let mut show = Show::new(compile(RIG));
    let was = Resumption {
        position: Tick(2_000),
        ago: Span::from_millis(450),
        tempo: Tempo::from_bpm(120.0).unwrap(),
        runs: true,
        pattern: PatternSlot(VERSE),
        origin: Tick::ZERO,
        part: None,
    };
    assert!(show.engine.resume_show(&show.program, show.now, was));
    show.wait(Span::from_millis(150));
    assert_eq!(show.engine.phase(), Phase::Running);
    assert_eq!(away(&show.trace).keys().collect::<Vec<_>>(), whole.keys().collect::<Vec<_>>());
    show.command(Command::Stop);
    assert_home(&show);
}
