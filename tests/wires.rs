//! What a wire carries when more is asked of it than it can: in virtual time, with the cable modelled where it is received.

use std::collections::BTreeMap;

use crate::support::*;
use proptest::prelude::*;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::lever::Pull;
use tightrope::engine::program::{PortSlot, Target, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Message};
use tightrope::time::{Nanos, Span};

/// A DIN cable with a drum and a bass, a USB instrument beside it, and a keyboard.
const RIG: &str = r#"
tempo = 125
[ports.din]
device = "A"
clock = true
wire = "din"
offset = "-3 ms"
[ports.usb]
device = "B"
[ports.keys]
device = "K"
[tracks.drum]
port = "din"
channel = 10
[tracks.bass]
port = "din"
channel = 2
thru = "keys channel 1"
[tracks.lead]
port = "usb"
channel = 1
thru = "keys channel 2"
[patterns.p]
drum = { step = "1/16", gate = 50, steps = """
c2 c2 c2 c2
d2 .  d2 .
. e2 e2 .
""" }
bass = { step = "1/12", gate = 30, steps = "c2{74=10} e2 g2{74=90 71=3}" }
lead = { step = "1/16", steps = "c4 e4 g4 c5" }
"#;
const DIN: PortSlot = PortSlot(0);
const USB: PortSlot = PortSlot(1);
const KEYS: PortSlot = PortSlot(2);
const BASS: TrackSlot = TrackSlot(1);

/// A message of three bytes on a DIN cable.
const THREE_BYTES: Span = Span::from_micros(960);
/// From one controller of a flood to the next: 5,000 a second.
const FLOOD: Span = Span::from_micros(200);

fn control(channel: u8, number: u8, value: u8) -> Message {
    Message::ControlChange(Channel::from_number(channel).unwrap(), number, value)
}

/// When each message has come through the cable of `port`, a byte in each 320 us, one after the other.
fn arrivals(trace: &[Departure], port: PortSlot) -> Vec<(Departure, Nanos)> {
    let mut free = Nanos(0);
    let of_port = trace.iter().filter(|departure| departure.port == port);
    of_port
        .map(|&departure| {
            let bytes = departure.message.to_bytes().as_slice().len() as i64;
            free = free.max(departure.due) + Span(Span::from_micros(320).0 * bytes);
            (departure, free)
        })
        .collect()
}

/// Whether a message must not be late.
fn is_urgent(message: Message) -> bool {
    let is_value = matches!(
        message,
        Message::ControlChange(..) | Message::PitchBend(..) | Message::ChannelPressure(..) | Message::KeyPressure(..)
    );
    !is_value
}

/// By how much a flood delays what must not be late, at most; both shows play the same.
fn delay(flooded: &Show, quiet: &Show, port: PortSlot) -> Span {
    let urgent = |show: &Show| {
        let urgent = arrivals(&show.trace, port).into_iter().filter(|(departure, _)| is_urgent(departure.message));
        urgent.collect::<Vec<_>>()
    };
    let (flooded, quiet) = (urgent(flooded), urgent(quiet));
    assert_eq!(flooded.len(), quiet.len());
    assert!(quiet.len() > 10, "nothing was played");
    let mut worst = Span::ZERO;
    for ((late, arrived), (alone, arrived_alone)) in flooded.iter().zip(&quiet) {
        assert_eq!((late.due, late.message), (alone.due, alone.message), "the music is the same");
        worst = worst.max(arrived.since(*arrived_alone));
    }
    worst
}

/// The last value that was sent for each controller of a port.
fn last_values(trace: &[Departure], port: PortSlot) -> BTreeMap<(u8, u8), Vec<u8>> {
    let mut last = BTreeMap::new();
    for departure in trace.iter().filter(|departure| departure.port == port && !is_urgent(departure.message)) {
        note_value(&mut last, departure.message);
    }
    last
}

fn note_value(last: &mut BTreeMap<(u8, u8), Vec<u8>>, message: Message) {
    let bytes = message.to_bytes();
    let (status, data) = (bytes.as_slice()[0], &bytes.as_slice()[1..]);
    match message {
        Message::ControlChange(..) | Message::KeyPressure(..) => last.insert((status, data[0]), data[1..].to_vec()),
        _ => last.insert((status, 0), data.to_vec()),
    };
}

fn values_sent(trace: &[Departure], port: PortSlot) -> u64 {
    trace.iter().filter(|departure| departure.port == port && !is_urgent(departure.message)).count() as u64
}

/// A second of music, with or without something in each 200 us.
fn play(set: &str, open: bool, mut flood: impl FnMut(&mut Show, usize)) -> Show {
    let mut show = Show::new(compile(set));
    if open {
        show.engine.open_wires();
    }
    show.command(Command::Start);
    for turn in 0..5_000 {
        flood(&mut show, turn);
        show.wait(FLOOD);
    }
    show.wait(Span::from_millis(300));
    show
}

fn quietly(set: &str) -> Show {
    play(set, false, |_, _| {})
}

/// What comes at this turn of a flood.
type Flood = fn(&mut Show, usize);

/// A flood in four ways.
const WAYS: [(&str, Flood); 4] = [
    ("by thru", |show, turn| show.input(KEYS, control(1, 20 + (turn % 7) as u8, (turn / 7 % 128) as u8))),
    ("by commands", |show, turn| {
        let (target, value) = (Target::Controller(30 + (turn % 40) as u8), (turn / 40 % 128) as u16);
        show.command(Command::Control { track: BASS, target, value });
    }),
    ("by parameters", |show, turn| {
        let (target, value) = (Target::Nrpn((turn % 3) as u16), (turn % 16_384) as u16);
        show.command(Command::Control { track: BASS, target, value });
    }),
    ("by a bend", |show, turn| {
        let bend = Message::PitchBend(Channel::from_number(1).unwrap(), (turn * 3 % 16_384) as u16);
        show.input(KEYS, bend);
    }),
];

#[test]
fn a_flood_delays_nothing_by_more_than_one_message() {
    let quiet = quietly(RIG);
    for (way, flood) in WAYS {
        let flooded = play(RIG, false, flood);
        let worst = delay(&flooded, &quiet, DIN);
        assert!(worst <= THREE_BYTES, "{way}: {worst:?}");
        assert!(worst > Span::ZERO, "{way}: there was no flood");
        assert_eq!(delay(&flooded, &quiet, USB), Span::ZERO, "{way}: the other port is not concerned");
        assert!(flooded.engine.gave_way(DIN).withheld > 1_000, "{way}");
        assert_eq!(flooded.engine.gave_way(DIN).waiting, 0, "{way}: all has left by now");
        assert_eq!(flooded.engine.gave_way(USB).withheld, 0);
    }
}

#[test]
fn without_the_budget_it_does() {
    let quiet = quietly(RIG);
    for (way, flood) in WAYS {
        let worst = delay(&play(RIG, true, flood), &quiet, DIN);
        assert!(worst > Span::from_millis(500), "{way}: {worst:?}");
    }
}

#[test]
fn the_last_value_of_each_controller_arrives_and_the_others_are_counted() {
    for (way, flood) in &WAYS[..2] {
        let (given_way, open) = (play(RIG, false, flood), play(RIG, true, flood));
        assert_eq!(last_values(&given_way.trace, DIN), last_values(&open.trace, DIN), "{way}");
        let asked = values_sent(&open.trace, DIN);
        let (sent, withheld) = (values_sent(&given_way.trace, DIN), given_way.engine.gave_way(DIN).withheld);
        assert_eq!(sent + withheld, asked, "{way}");
        assert!(sent > 500, "{way}: the cable is not left idle: {sent}");
    }
}

#[test]
fn what_is_bound_and_what_moves_by_itself_gives_way_too() {
    // 40 controllers that take a value in each 1/96, beside a fader that feeds eight others.
    let curves: String =
        (40..80).map(|number| format!("cc.bass.{number} = {{ lfo = \"random\", step = \"1/96\" }}\n")).collect();
    let faders: String =
        (80..88).map(|number| format!("[[bind]]\non = \"keys cc 1\"\ndo = \"cc bass {number} 0..127\"\n")).collect();
    let set = format!("{RIG}{curves}{faders}");
    let flood = |show: &mut Show, turn: usize| show.input(KEYS, control(5, 1, (turn % 128) as u8));
    let (flooded, quiet) = (play(&set, false, flood), quietly(RIG));
    assert!(delay(&flooded, &quiet, DIN) <= THREE_BYTES);
    assert!(flooded.engine.gave_way(DIN).withheld > 10_000);
    assert!(delay(&play(&set, true, flood), &quiet, DIN) > Span::from_millis(500));
}

#[test]
fn a_hand_at_an_idle_cable_does_not_wait() {
    let mut show = Show::new(compile(&RIG.replace("clock = true\n", "")));
    for value in 0..100 {
        let before = show.trace.len();
        show.input(KEYS, control(1, 20, value));
        assert_eq!(show.trace[before..].len(), 1);
        assert_eq!((show.trace[before].due, show.trace[before].message), (show.now, control(2, 20, value)));
        show.wait(THREE_BYTES);
    }
    assert_eq!(show.engine.gave_way(DIN).withheld, 0);
}

#[test]
fn what_a_note_needs_leaves_before_it() {
    let mut show = play(RIG, false, WAYS[1].1);
    show.command(Command::Stop);
    let bass: Vec<Departure> = show.trace.into_iter().filter(|departure| departure.track == Some(BASS)).collect();
    let needed: Vec<usize> = (0..bass.len()).filter(|&index| bass[index].message == control(2, 74, 90)).collect();
    assert!(needed.len() > 2);
    for index in needed {
        let [cutoff, resonance, note] = [0, 1, 2].map(|next| bass[index + next]);
        assert_eq!((resonance.message, resonance.due), (control(2, 71, 3), cutoff.due));
        assert!(matches!(note.message, Message::NoteOn(..)) && note.due == cutoff.due);
    }
}

#[test]
fn a_pedal_comes_up_and_nothing_waits_after_the_end() {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Start);
    show.input(KEYS, control(1, 64, 127));
    for number in 0..60 {
        show.input(KEYS, control(1, number, 1));
    }
    show.wait(Span::from_millis(20));
    assert!(show.engine.gave_way(DIN).waiting > 10);
    show.command(Command::End);
    assert!(show.engine.is_finished());
    assert_eq!(show.engine.gave_way(DIN).waiting, 0);
    assert_eq!(last_values(&show.trace, DIN)[&(0xB1, 64)], [0]);
    assert_eq!(last_values(&show.trace, DIN)[&(0xB1, 59)], [1]);
    let first_value = show.trace.iter().rposition(|departure| is_urgent(departure.message)).unwrap();
    assert!(show.trace[first_value..].len() > 10, "what sounds ends first");
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn usb_is_not_thinned_but_cannot_fill_the_kernel() {
    let at_once = |show: &mut Show, turn: usize| {
        if turn.is_multiple_of(500) {
            for number in 0..100 {
                show.input(KEYS, control(2, 64 + number % 30, turn as u8 & 0x7F));
            }
        }
    };
    let show = play(RIG, false, at_once);
    assert_eq!((values_sent(&show.trace, USB), show.engine.gave_way(USB).withheld), (1_000, 0));
    // A device that hands on to a DIN cable, which carries 1.3 s of what the kernel holds.
    let flood = |show: &mut Show, turn: usize| show.input(KEYS, control(2, 64 + (turn % 30) as u8, turn as u8 & 0x7F));
    let worst = |show: &Show| {
        let late = arrivals(&show.trace, USB).into_iter().map(|(departure, arrived)| arrived.since(departure.due));
        late.max().unwrap_or(Span::ZERO)
    };
    let kernel = Span(Span::from_micros(320).0 * 4_096);
    let (show, open) = (play(RIG, false, flood), play(RIG, true, flood));
    assert!(worst(&show).0 < kernel.0 / 3, "{:?}", worst(&show));
    assert!(worst(&open) > kernel);
    assert_eq!(last_values(&show.trace, USB), last_values(&open.trace, USB));
}

#[test]
fn another_device_gets_nothing_of_what_waits() {
    let mut show = Show::new(compile(RIG));
    for number in 0..60 {
        show.input(KEYS, control(1, number, 1));
    }
    let mut other = show.program.clone();
    other.edition += 1;
    other.ports[0].owner.0 += 1;
    show.renew(other);
    let sent = values_sent(&show.trace, DIN);
    show.wait(Span::from_millis(200));
    assert_eq!(values_sent(&show.trace, DIN), sent);
    assert!(show.engine.gave_way(DIN).withheld > 20);
}

/// Something that happens; what is urgent happens in both shows.
#[derive(Clone, Copy, Debug)]
enum Event {
    Flood(Message),
    Value(Target, u16),
    Key(Message),
    Command(Command),
    Wait(i64),
}

fn any_event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        (0u8..120, 0u8..128).prop_map(|(number, value)| control(1, number, value)),
        (0u16..16_384).prop_map(|bend| Message::PitchBend(Channel::from_number(1).unwrap(), bend)),
        (0u8..128).prop_map(|value| Message::ChannelPressure(Channel::from_number(1).unwrap(), value)),
        (50u8..54, 0u8..128).prop_map(|(key, value)| Message::KeyPressure(
            Channel::from_number(1).unwrap(),
            Key::new(key).unwrap(),
            value
        )),
    ];
    let target = prop_oneof![
        (0u8..120).prop_map(Target::Controller),
        (0u8..32).prop_map(Target::Fine),
        (0u16..9).prop_map(Target::Rpn),
        (0u16..9).prop_map(Target::Nrpn),
        Just(Target::Bend),
        Just(Target::Pressure),
    ];
    prop_oneof![
        12 => value
            .prop_filter("each of them counts", |value| !matches!(value, Message::ControlChange(_, 96 | 97, _)))
            .prop_filter("what brings it home leaves like a note-off", |&value| Pull::of(value).is_none())
            .prop_map(Event::Flood),
        8 => (target, 0u16..16_384)
            .prop_filter("each of them counts", |(target, _)| !matches!(target, Target::Controller(96 | 97)))
            .prop_filter("what brings it home leaves like a note-off", |(target, _)| target.levers().next().is_none())
            .prop_map(|(target, value)| Event::Value(target, value)),
        2 => (50u8..54, any::<bool>()).prop_map(|(key, on)| Event::Key(if on { note_on(1, key) } else { note_off(1, key) })),
        1 => prop_oneof![Just(Command::Start), Just(Command::Mute(BASS, Switch::Toggle))].prop_map(Event::Command),
        16 => (0i64..3_000_000).prop_map(Event::Wait),
    ]
}

fn perform(events: &[Event], flooded: bool) -> Show {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Start);
    for event in events {
        match *event {
            Event::Flood(message) if flooded => show.input(KEYS, message),
            Event::Value(target, value) if flooded => show.command(Command::Control { track: BASS, target, value }),
            Event::Flood(_) | Event::Value(..) => {}
            Event::Key(message) => show.input(KEYS, message),
            Event::Command(command) => show.command(command),
            Event::Wait(nanos) => show.wait(Span(nanos)),
        }
    }
    show.wait(Span::from_millis(1_000));
    show
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever hands and commands ask for, and whatever is played meanwhile.
    #[test]
    fn no_mix_of_values_delays_what_must_not_be_late(events in prop::collection::vec(any_event(), 1..400)) {
        let (flooded, quiet) = (perform(&events, true), perform(&events, false));
        prop_assert!(delay(&flooded, &quiet, DIN) <= THREE_BYTES);
        prop_assert_eq!(flooded.engine.gave_way(DIN).waiting, 0);
        prop_assert_eq!(quiet.engine.gave_way(DIN).withheld, 0);
        flooded.check();
    }
}

#[test]
fn an_instrument_that_reads_again_is_silenced_on_its_port_alone() {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    let before = show.trace.len();
    show.command(Command::SilencePort(DIN));
    show.wait(Span::from_millis(300));
    for channel in [2, 10] {
        for number in [64, 123, 120] {
            assert!(show.trace[before..].iter().any(|departure| {
                (departure.port, departure.message) == (DIN, control(channel, number, 0)) && departure.track.is_none()
            }));
        }
    }
    assert_eq!(values_sent(&show.trace, USB), 0);
    // What a note of the same channel would be cut by leaves before it.
    let silenced = |at: usize| matches!(show.trace[at].message, Message::ControlChange(_, 120, _));
    let notes = |at: &usize| matches!(show.trace[*at].message, Message::NoteOn(..)) && show.trace[*at].port == DIN;
    let last = (before..show.trace.len()).rfind(|&at| silenced(at)).unwrap();
    assert!((before..show.trace.len()).filter(notes).any(|at| at > last));
}
