//! Playing by hand, in virtual time: what a keyboard plays goes to a track at once, and every note of it ends.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::{Interval, PortSlot, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::{Channel, Key, Message};
use tightrope::time::{Span, Tick};

const RIG: &str = r#"
tempo = 125
[ports.a]
device = "A"
[ports.keys]
device = "K"
offset = "10 ms"
[ports.late]
device = "L"
offset = "30 ms"
[tracks.bass]
port = "a"
channel = 1
thru = "keys channel 2 octave 1"
[tracks.pad]
port = "late"
channel = 5
thru = "keys channel 3 by -5"
[tracks.lead]
port = "late"
channel = 6
thru = "keys channel 3"
[patterns.p]
bass = { step = "1/1", steps = "c3", gate = 50 }
"#;
const A: PortSlot = PortSlot(0);
const KEYS: PortSlot = PortSlot(1);
const LATE: PortSlot = PortSlot(2);
const BASS: TrackSlot = TrackSlot(0);
const PAD: TrackSlot = TrackSlot(1);

fn channel(number: u8) -> Channel {
    Channel::from_number(number).unwrap()
}

fn control(on: u8, number: u8, value: u8) -> Message {
    Message::ControlChange(channel(on), number, value)
}

/// What the last `count` departures were: port and message; all of them at once.
fn last(show: &Show, count: usize) -> Vec<(PortSlot, Message)> {
    let departures = &show.trace[show.trace.len() - count..];
    assert!(departures.iter().all(|departure| departure.due == show.now), "{departures:?}");
    departures.iter().map(|departure| (departure.port, departure.message)).collect()
}

/// A message of the keyboard, and everything that leaves because of it.
fn answer(show: &mut Show, message: Message) -> Vec<(PortSlot, Message)> {
    let before = show.trace.len();
    show.input(KEYS, message);
    last(show, show.trace.len() - before)
}

#[test]
fn keys_go_on_at_once_and_end_with_the_key() {
    let mut show = Show::new(compile(RIG));
    assert_eq!(answer(&mut show, note_on(2, 40)), [(A, note_on(1, 52))], "an octave up, while nothing plays");
    assert_eq!(
        answer(&mut show, note_on(3, 60)),
        [(LATE, note_on(5, 55)), (LATE, note_on(6, 60))],
        "whatever the offset"
    );
    assert_eq!(answer(&mut show, note_on(1, 40)), [], "another channel");
    show.wait(Span::from_millis(10_000));
    assert_eq!(show.engine.sounding(), 3, "as long as they are held");
    assert_eq!(answer(&mut show, note_off(3, 60)), [(LATE, note_off(5, 55)), (LATE, note_off(6, 60))]);
    assert_eq!(answer(&mut show, note_off(2, 40)), [(A, note_off(1, 52))]);
    assert_eq!(answer(&mut show, note_off(2, 40)), [], "it has ended");
    show.check();
}

#[test]
fn what_moves_goes_on_as_well() {
    let mut show = Show::new(compile(RIG));
    show.input(KEYS, note_on(2, 40));
    let bend = |on| Message::PitchBend(channel(on), 9_000);
    assert_eq!(answer(&mut show, bend(2)), [(A, bend(1))]);
    assert_eq!(answer(&mut show, control(3, 1, 77)), [(LATE, control(5, 1, 77)), (LATE, control(6, 1, 77))]);
    assert_eq!(
        answer(&mut show, Message::ChannelPressure(channel(2), 9)),
        [(A, Message::ChannelPressure(channel(1), 9))]
    );
    let press = |on, key| Message::KeyPressure(channel(on), Key::new(key).unwrap(), 5);
    assert_eq!(answer(&mut show, press(2, 40)), [(A, press(1, 52))], "where the key sounds");
    assert_eq!(answer(&mut show, press(2, 41)), []);
    assert_eq!(answer(&mut show, Message::ProgramChange(channel(2), 4)), []);
    assert_eq!(answer(&mut show, control(2, 122, 0)), [], "no channel modes");
    show.input(KEYS, note_on(2, 41));
    assert_eq!(answer(&mut show, control(2, 123, 0)), [(A, note_off(1, 52)), (A, note_off(1, 53))]);
}

/// A rig whose bass is played by all channels of the keyboard, with nothing moved.
fn straight() -> Show {
    let set = RIG.replace("channel 2 octave 1", "").replace("thru = \"keys channel 3 by -5\"", "");
    let set = set.replace("thru = \"keys channel 3\"", "").replace("channel = 1\n", "channel = 4\n");
    Show::new(compile(&set))
}

/// What goes on of a message of the keyboard: exactly that, at once.
#[track_caller]
fn passes(show: &mut Show, bytes: &[u8], expected: Option<&[u8]>) {
    let message = Message::from_bytes(bytes).unwrap_or_else(|| panic!("{bytes:02X?} is no message"));
    let before = show.trace.len();
    show.input(KEYS, message);
    let sent = &show.trace[before..];
    let sent: Vec<_> = sent.iter().map(|one| (one.port, one.due, one.message.to_bytes().as_slice().to_vec())).collect();
    let expected: Vec<_> = expected.iter().map(|bytes| (A, show.now, bytes.to_vec())).collect();
    assert_eq!(sent, expected, "of {bytes:02X?}");
    show.trace.clear();
}

/// Every status, every channel, every value of both data bytes: of one channel all of their pairs.
#[test]
fn every_byte_of_every_message_goes_on_and_nothing_else_is_moved() {
    let mut show = straight();
    for channel in 0..16u8 {
        let pairs = (0..128u8).flat_map(|one| (0..128u8).map(move |other| (one, other)));
        for (one, other) in pairs.filter(|(one, other)| channel == 5 || one == other || *one == 64 || *other == 1) {
            // A note and its end, with both velocities, and the pressure of the key between; velocity 0 is an end.
            if other > 0 {
                passes(&mut show, &[0x90 | channel, one, other], Some(&[0x93, one, other]));
                passes(&mut show, &[0xA0 | channel, one, other], Some(&[0xA3, one, other]));
                passes(&mut show, &[0xA0 | channel, one, 0], Some(&[0xA3, one, 0]));
                passes(&mut show, &[0x80 | channel, one, other], Some(&[0x83, one, other]));
            } else {
                passes(&mut show, &[0x90 | channel, one, 77], Some(&[0x93, one, 77]));
                passes(&mut show, &[0x90 | channel, one, 0], Some(&[0x83, one, 64]));
            }
            // No channel modes: they would silence the sequence.
            let control = [0xB3, one, other];
            passes(&mut show, &[0xB0 | channel, one, other], (one < 120).then_some(&control));
            passes(&mut show, &[0xE0 | channel, one, other], Some(&[0xE3, one, other]));
            show.wait(Span::from_millis(4));
        }
        for value in 0..128 {
            passes(&mut show, &[0xD0 | channel, value], Some(&[0xD3, value]));
            passes(&mut show, &[0xC0 | channel, value], None);
            show.wait(Span::from_millis(2));
        }
    }
    // What belongs to no channel is not for an instrument that is played.
    for value in 0..128 {
        passes(&mut show, &[0xF1, value], None);
        passes(&mut show, &[0xF3, value], None);
        passes(&mut show, &[0xF2, value, 127 - value], None);
    }
    [0xF6, 0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF].iter().for_each(|&status| passes(&mut show, &[status], None));
    for undefined in [0xF0, 0xF4, 0xF5, 0xF7, 0xF9, 0xFD] {
        assert_eq!(Message::from_bytes(&[undefined]), None, "system exclusive and what is undefined does not come in");
    }
    assert_eq!(show.engine.sounding(), 0);
}

#[test]
fn keys_and_the_sequence_share_what_sounds() {
    // The bass plays key 60 for half a bar.
    let mut show = Show::new(compile(RIG));
    show.command(Command::Start);
    show.wait(Span::from_millis(200));
    assert_eq!((show.engine.phase(), show.engine.sounding()), (Phase::Running, 1));
    assert_eq!(answer(&mut show, note_on(2, 48)), [(A, note_off(1, 60)), (A, note_on(1, 60))], "struck again");
    show.wait_until(show.engine.time_of(Tick(3_800)).unwrap());
    assert_eq!(show.engine.sounding(), 1, "it is the key's note now, and outlives the step");
    show.wait(Span::from_millis(100));
    assert_eq!(show.count(A, note_on(1, 60)), 3, "and the sequence takes it back");
    assert_eq!(answer(&mut show, note_off(2, 48)), [], "so that the key ends nothing any more");
    show.check();
}

#[test]
fn a_note_ends_where_it_began_whatever_has_changed() {
    let mut show = Show::new(compile(RIG));
    let elsewhere =
        compile(&RIG.replace("channel 2 octave 1", "channel 2 octave -2").replace("port = \"a\"", "port = \"late\""));
    for change in 0..8 {
        show.command(Command::Start);
        show.wait(Span::from_millis(2_000));
        show.input(KEYS, note_on(2, 40));
        show.input(KEYS, control(2, 64, 127));
        let sounding = show.engine.sounding();
        let ends = match change {
            0 => {
                show.command(Command::Mute(BASS, Switch::Toggle));
                true
            }
            1 => {
                show.command(Command::Mute(BASS, Switch::Toggle));
                false
            }
            2 => {
                show.command(Command::Transpose { track: None, by: 5, unit: Interval::Semitones });
                false
            }
            3 => {
                show.command(Command::Stop);
                true
            }
            4 => {
                show.command(Command::Panic);
                true
            }
            5 => {
                show.command(Command::ReleaseInput(KEYS));
                true
            }
            6 => {
                show.command(Command::Solo(PAD, Switch::On));
                show.command(Command::Solo(PAD, Switch::Off));
                true
            }
            _ => {
                show.engine.adopt(&elsewhere, show.now);
                show.program = elsewhere.clone();
                show.advance(show.now);
                true
            }
        };
        show.wait(Span::from_millis(40));
        assert_eq!(show.count(A, note_off(1, 52)) == show.count(A, note_on(1, 52)), ends || sounding == 0, "{change}");
        // The pedal has come up, so that nothing rings on.
        let mut pedals = show.trace.iter().rev().filter(|departure| departure.port == A);
        let pedal = pedals.find(|departure| matches!(departure.message, Message::ControlChange(_, 64, _))).unwrap();
        assert_eq!(pedal.message == control(1, 64, 0), ends, "{change}: {pedal:?}");
        show.input(KEYS, note_off(2, 40));
        show.input(KEYS, control(2, 64, 0));
        assert_eq!(show.count(A, note_off(1, 52)), show.count(A, note_on(1, 52)), "{change}");
        show.check();
    }
}

#[test]
fn a_mute_silences_hands_but_not_their_controllers() {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Mute(BASS, Switch::On));
    assert_eq!(answer(&mut show, note_on(2, 40)), []);
    assert_eq!(answer(&mut show, control(2, 1, 7)), [(A, control(1, 1, 7))]);
    show.command(Command::Mute(BASS, Switch::Off));
    assert_eq!(answer(&mut show, note_off(2, 40)), []);
}

#[test]
fn a_chord_is_held_over_start_and_ended_by_stop() {
    let mut show = Show::new(compile(RIG));
    show.input(KEYS, note_on(3, 60));
    show.command(Command::Start);
    show.wait(Span::from_millis(500));
    assert_eq!(show.engine.sounding(), 3, "the chord and the bass");
    show.command(Command::Start);
    assert_eq!(show.engine.sounding(), 2, "the sequence begins again");
    show.command(Command::Stop);
    assert_eq!(show.engine.sounding(), 0);
    show.input(KEYS, note_on(3, 62));
    show.command(Command::Mute(PAD, Switch::On));
    assert_eq!(show.engine.sounding(), 1, "a mute acts while nothing plays, too");
    show.input(KEYS, Message::PitchBend(channel(3), 0));
    show.input(KEYS, control(3, 64, 127));
    show.command(Command::End);
    assert!(show.engine.is_finished());
    assert_eq!(check_trace(&show.trace), 0);
    assert_eq!((show.count(LATE, Message::PitchBend(channel(6), 8_192)), show.count(LATE, control(6, 64, 0))), (1, 1));
}

#[test]
fn bound_keys_and_keys_that_transpose_do_not_sound() {
    let set =
        RIG.replace("channel 2 octave 1", "").replace("tempo = 125", "tempo = 125\ntranspose = \"keys channel 9\"");
    let bind = "[[bind]]\non = \"keys note 36\"\ndo = \"fill on\"\n[[bind]]\non = \"keys cc 20\"\ndo = \"mute pad\"\n";
    let mut show = Show::new(compile(&format!("{set}{bind}")));
    assert_eq!(answer(&mut show, note_on(1, 40)), [(A, note_on(1, 40))]);
    assert_eq!(answer(&mut show, note_on(9, 40)), [], "this channel is named by what transposes");
    assert_eq!(answer(&mut show, note_on(1, 36)), [], "bound");
    assert_eq!(answer(&mut show, control(1, 20, 3)), [], "also where it does nothing");
    assert_eq!(answer(&mut show, control(1, 21, 3)), [(A, control(1, 21, 3))]);
    // Who says so twice means it.
    let both = RIG.replace("tempo = 125", "tempo = 125\ntranspose = \"keys channel 2\"");
    let mut show = Show::new(compile(&both));
    assert_eq!(answer(&mut show, note_on(2, 40)), [(A, note_on(1, 52))]);
}

#[test]
fn an_instrument_that_sends_back_what_it_gets_is_not_answered() {
    let set = RIG.replace("thru = \"keys channel 2 octave 1\"", "thru = \"a\"");
    let mut show = Show::new(compile(&set));
    let mut echoed = |message: Message| {
        let before = show.trace.len();
        show.input(A, message);
        // Everything that went there comes back, for as long as there is anything.
        for round in 0.. {
            let sent: Vec<Message> =
                show.trace[before..].iter().skip(round).map(|departure| departure.message).take(1).collect();
            let Some(&message) = sent.first() else { break };
            assert!(round < 5, "a loop");
            show.wait(Span::from_millis(1));
            show.input(A, message);
        }
        show.trace.len() - before
    };
    assert_eq!(echoed(note_on(1, 60)), 1);
    assert_eq!(echoed(note_off(1, 60)), 1);
    assert_eq!(echoed(note_on(2, 60)), 1, "on another channel");
    assert_eq!(echoed(note_off(2, 60)), 1);
    assert_eq!([echoed(control(1, 7, 5)), echoed(control(2, 7, 6)), echoed(Message::PitchBend(channel(1), 3))], [1; 3]);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn more_fingers_than_are_known_end_the_oldest_note() {
    let mut show = Show::new(compile(&RIG.replace("channel 2 octave 1", "channel 2")));
    for key in 0..100 {
        show.input(KEYS, note_on(2, key));
    }
    assert_eq!(show.engine.sounding(), 64);
    for key in 0..100 {
        show.input(KEYS, note_off(2, key));
    }
    assert_eq!(check_trace(&show.trace), 0);
}
