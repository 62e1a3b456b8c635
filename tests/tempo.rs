//! The tempo as hands set it, and the panic key, in virtual time.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::PortSlot;
use tightrope::engine::{Command, Engine};
use tightrope::midi::{Channel, Message};
use tightrope::time::{Nanos, Span, Tempo, Tick, TickSpan};

const RIG: &str = r#"
tempo = 125
[ports.a]
device = "A"
clock = true
[ports.b]
device = "B"
offset = "-20 ms"
[ports.keys]
device = "K"
[tracks.one]
port = "a"
channel = 1
[tracks.two]
port = "b"
channel = 5
[patterns.p]
one = { step = "1/16", steps = "c2 d2 e2 f2", gate = 100 }
two = { step = "1/16", steps = "c3 d3 e3 f3", gate = 50 }
[[bind]]
on = "keys note 36"
do = "tap"
"#;
const KEYS: PortSlot = PortSlot(2);

fn bpm(bpm: f64) -> Tempo {
    Tempo::from_bpm(bpm).unwrap()
}

fn begun(text: &str) -> Show {
    let mut show = Show::new(compile(text));
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    assert_eq!(show.engine.phase(), Phase::Running);
    show
}

/// What left by a port: the positions of the messages for which `wanted` holds.
fn positions(show: &Show, port: PortSlot, wanted: impl Fn(Message) -> bool) -> Vec<i64> {
    let of = |departure: &&Departure| departure.port == port && wanted(departure.message);
    show.trace.iter().filter(of).map(|departure| departure.tick.0).collect()
}

fn played(engine: &Engine) -> f64 {
    (engine.tempo().unwrap().bpm() * 1e3).round() / 1e3
}

#[test]
fn a_new_tempo_skips_and_doubles_nothing() {
    let mut show = begun(RIG);
    // Up and down, at odd times, from one end to the other.
    for (wait, command) in [
        (333, Command::Tempo(bpm(400.0))),
        (217, Command::Tempo(bpm(20.0))),
        (3_011, Command::Tempo(bpm(174.6))),
        (1, Command::TempoStep(-4_640)),
        (499, Command::Tempo(bpm(128.0))),
        (777, Command::TempoStep(1)),
    ] {
        show.wait(Span::from_millis(wait));
        let before = show.engine.position();
        show.command(command);
        assert_eq!(show.engine.position(), before, "{command:?} moves the music");
    }
    show.wait(Span::from_millis(2_000));
    show.check();
    let is_on = |message| matches!(message, Message::NoteOn(..));
    for port in [PortSlot(0), PortSlot(1)] {
        let ons = positions(&show, port, is_on);
        assert!(ons.len() > 40 && ons.iter().enumerate().all(|(index, &tick)| tick == 240 * index as i64), "{ons:?}");
    }
    // The first one came before START.
    let pulses = &positions(&show, PortSlot(0), |message| message == Message::Clock)[1..];
    assert!(pulses.len() > 200 && pulses.windows(2).all(|pair| pair[1] - pair[0] == 40), "{pulses:?}");
}

#[test]
fn a_new_tempo_counts_from_where_it_was_said() {
    let mut show = begun(RIG);
    // 500 ticks at 0.5 ms from here on, then 0.25 ms each.
    let from = show.engine.time_of(Tick(0)).unwrap();
    show.wait_until(from + Span::from_millis(250));
    assert_eq!(show.engine.position(), Tick(500));
    show.command(Command::Tempo(bpm(250.0)));
    assert_eq!(show.engine.time_of(Tick(720)), Some(from + Span::from_millis(305)));
    assert_eq!(played(&show.engine), 250.0);
    show.wait(Span::from_millis(100));
    let (due, _) = *show.note_ons(PortSlot(0)).iter().find(|(due, _)| *due > from + Span::from_millis(300)).unwrap();
    assert_eq!(due, from + Span::from_millis(305));
}

#[test]
fn nudges_add_up_and_stay_in_range() {
    let mut show = begun(RIG);
    for _ in 0..40 {
        show.command(Command::TempoStep(33));
        show.wait(Span::from_millis(7));
    }
    assert_eq!(played(&show.engine), 138.2);
    for _ in 0..40 {
        show.command(Command::TempoStep(-33));
    }
    assert_eq!(show.engine.tempo(), Some(bpm(125.0)), "and back, exactly");
    for (by, held) in [(1_000_000, 400.0), (i32::MIN, 20.0), (i32::MAX, 400.0)] {
        show.command(Command::TempoStep(by));
        assert_eq!(played(&show.engine), held);
    }
}

#[test]
fn taps_make_the_tempo() {
    let mut show = begun(RIG);
    for (gap, tempo) in [(0, 125.0), (500, 120.0), (500, 120.0), (440, 125.0), (2_001, 125.0), (600, 100.0)] {
        show.wait(Span::from_millis(gap));
        // By hand, as a performer does it.
        show.input(KEYS, note_on(1, 36));
        show.input(KEYS, note_off(1, 36));
        assert_eq!(played(&show.engine), tempo, "after {gap} ms");
    }
    show.check();
}

#[test]
fn a_tempo_said_while_stopped_is_that_of_the_start() {
    let mut show = Show::new(compile(RIG));
    show.command(Command::Tempo(bpm(250.0)));
    show.command(Command::Start);
    show.wait(Span::from_millis(1_000));
    let ons = show.note_ons(PortSlot(0));
    assert_eq!(ons[4].0.since(ons[0].0), Span::from_millis(240));
}

#[test]
fn a_followed_clock_has_its_own_tempo() {
    let mut show = Show::new(compile(&format!("{RIG}\n[clock]\nfollow = \"keys\"\n")));
    let clock = |show: &mut Show, count: usize| {
        for _ in 0..count {
            show.input(KEYS, Message::Clock);
            show.wait(PULSE);
        }
    };
    clock(&mut show, 48);
    show.input(KEYS, Message::Start);
    clock(&mut show, 24);
    for command in [Command::Tempo(bpm(60.0)), Command::TempoStep(500), Command::Tap] {
        show.command(command);
        clock(&mut show, 24);
    }
    show.command(Command::Tap);
    assert_eq!(played(&show.engine).round(), 125.0);
}

#[test]
fn a_reload_changes_the_tempo_only_if_the_file_does() {
    let mut show = begun(RIG);
    let adopt = |show: &mut Show, text: &str| {
        let program = compile(text);
        show.engine.adopt(&program, show.now);
        show.program = program;
        show.wait(Span::from_millis(50));
        played(&show.engine)
    };
    show.command(Command::Tempo(bpm(140.0)));
    let edited = RIG.replace("c3 d3", "d3 d3");
    assert_eq!(adopt(&mut show, &edited), 140.0, "what hands have set stays");
    let faster = edited.replace("tempo = 125", "tempo = 126");
    assert_eq!(adopt(&mut show, &faster), 126.0);
    assert_eq!(adopt(&mut show, &edited), 125.0);
    show.check();
    let ons = positions(&show, PortSlot(0), |message| matches!(message, Message::NoteOn(..)));
    assert!(ons.windows(2).all(|pair| pair[1] - pair[0] == 240), "{ons:?}");
}

/// A set that plays on four channels of a port, each seldom, and on one of another.
const FOUR: &str = r#"
tempo = 125
[ports.a]
device = "A"
clock = true
[ports.b]
device = "B"
[ports.keys]
device = "K"
[tracks.t1]
port = "a"
channel = 1
[tracks.t2]
port = "a"
channel = 2
[tracks.t3]
port = "a"
channel = 3
[tracks.t16]
port = "a"
channel = 16
[tracks.u]
port = "b"
channel = 7
[patterns.p]
t1 = { step = "1/1", steps = "c2", gate = 100 }
t2 = { step = "1/1", steps = ". ", gate = 100 }
t3 = { step = "1/1", steps = "c2", gate = 100 }
t16 = { step = "1/4", steps = ". c2 . .", gate = 100 }
u = { step = "1/4", steps = "c2 . c2 .", gate = 50 }
"#;

/// Milliseconds from `from` on, channel and controller of what silences channels on a port.
fn silencers(show: &Show, port: PortSlot, from: Nanos) -> Vec<(i64, u8, u8)> {
    let silences = |departure: &Departure| match departure.message {
        Message::ControlChange(channel, number @ (64 | 120 | 123), 0) if departure.port == port => {
            Some((departure.due.since(from).0 / 1_000_000, channel.number(), number))
        }
        _ => None,
    };
    show.trace.iter().filter_map(silences).collect()
}

#[test]
fn a_panic_ends_all_notes_and_then_silences_channel_by_channel() {
    let mut show = begun(FOUR);
    assert!(show.engine.sounding() >= 3);
    let from = show.now;
    show.command(Command::Panic);
    assert_eq!(show.engine.sounding(), 0);
    show.wait(Span::from_millis(200));
    let expected: Vec<(i64, u8, u8)> = (0..)
        .zip([1, 2, 3, 16].into_iter().flat_map(|channel| [(channel, 64), (channel, 123), (channel, 120)]))
        .map(|(millis, (channel, number))| (millis, channel, number))
        .collect();
    assert_eq!(silencers(&show, PortSlot(0), from), expected);
    assert_eq!(silencers(&show, PortSlot(1), from), [(0, 7, 64), (1, 7, 123), (2, 7, 120)]);
    // The offs came first, and the music plays on.
    let offs = show
        .trace
        .iter()
        .rposition(|departure| departure.due == from && matches!(departure.message, Message::NoteOff(..)));
    let first = show
        .trace
        .iter()
        .position(|departure| departure.message == Message::ControlChange(Channel::from_number(1).unwrap(), 64, 0));
    assert!(offs.is_some() && offs < first);
    show.wait(Span::from_millis(2_000));
    assert!(show.note_ons(PortSlot(0)).len() > 4);
    show.check();
}

#[test]
fn a_note_after_a_panic_is_not_cut_by_the_rest_of_it() {
    let mut show = begun(FOUR);
    // The note of channel 16 is due 5 ms after the panic, when it is still the turn of channel 2.
    let note = show.engine.time_of(Tick(960)).unwrap();
    show.wait_until(note - Span::from_millis(5));
    let from = show.now;
    show.command(Command::Panic);
    show.wait(Span::from_millis(100));
    let of_16: Vec<(i64, u8, u8)> =
        silencers(&show, PortSlot(0), from).into_iter().filter(|&(_, channel, _)| channel == 16).collect();
    assert_eq!(of_16, [(5, 16, 64), (5, 16, 123), (5, 16, 120)], "right before the note");
    let on = show.trace.iter().position(|departure| {
        departure.due == note && matches!(departure.message, Message::NoteOn(channel, ..) if channel.number() == 16)
    });
    let last = show.trace.iter().rposition(
        |departure| matches!(departure.message, Message::ControlChange(channel, 120, 0) if channel.number() == 16),
    );
    assert!(last.is_some() && last < on);
    // A clock pulse of the same moment comes before them, and what they took of the cable is waited for.
    let at_note: Vec<Message> = show
        .trace
        .iter()
        .filter(|departure| departure.due == note && departure.port == PortSlot(0))
        .map(|departure| departure.message)
        .collect();
    assert_eq!(at_note[0], Message::Clock);
    let rest: Vec<i64> = silencers(&show, PortSlot(0), note)
        .into_iter()
        .filter(|&(at, channel, _)| at > 0 && channel < 16)
        .map(|(at, ..)| at)
        .collect();
    assert_eq!(rest, [3, 4, 5, 6], "no more than a DIN cable carries");
}

#[test]
fn panics_repeat_and_work_while_stopped_and_end_with_the_show() {
    let mut show = Show::new(compile(FOUR));
    let from = show.now;
    show.command(Command::Panic);
    show.wait(Span::from_millis(4));
    show.command(Command::Panic);
    show.wait(Span::from_millis(100));
    let sent = silencers(&show, PortSlot(0), from);
    assert_eq!((sent.len(), sent[4], sent[5], sent[16]), (5 + 12, (4, 2, 123), (5, 1, 64), (16, 16, 120)));
    show.command(Command::Panic);
    show.command(Command::End);
    assert!(show.engine.is_finished(), "nothing is held back at the end");
    assert_eq!(silencers(&show, PortSlot(0), from).len(), 5 + 12 + 12);
}

#[test]
fn a_panic_forgets_keys_that_are_held() {
    let set = FOUR.replace(
        "t1 = { step = \"1/1\", steps = \"c2\", gate = 100 }",
        "t1 = { held = \"keys\", lengths = [\"1/16\"] }",
    );
    let mut show = begun(&set);
    show.input(KEYS, note_on(1, 60));
    show.wait(Span::from_millis(500));
    let count = |show: &Show| show.note_ons(PortSlot(0)).iter().filter(|(_, key)| *key == 60).count();
    let before = count(&show);
    assert!(before > 2);
    show.command(Command::Panic);
    show.wait(Span::from_millis(1_000));
    assert_eq!(count(&show), before);
    assert_eq!(
        show.engine.time_of(Tick(0)).map(|from| from + show.program.tempo.span_of(TickSpan(960))),
        show.engine.time_of(Tick(960))
    );
}

#[test]
fn a_system_clock_that_runs_fast_or_slow_does_not_change_the_tempo() {
    for pace in [-83_333i64, 80_000] {
        let mut show = Show::new(circuits_alone());
        show.command(Command::Start);
        let tempo = show.engine.tempo();
        show.wait(Span::from_millis(1_010));
        show.command(Command::Pace(pace as i32));
        show.wait(Span::from_millis(4_000));
        show.command(Command::Pace(0));
        show.wait(Span::from_millis(2_000));
        assert_eq!(show.engine.tempo(), tempo, "the tempo that is shown is the true one");
        let clocks: Vec<Nanos> =
            show.trace.iter().filter(|d| d.port == MONO && d.message == Message::Clock).map(|d| d.due).collect();
        let intervals: Vec<i64> = clocks.windows(2).map(|pair| pair[1].since(pair[0]).0).collect();
        let paced = PULSE.0 + PULSE.0 * pace / 1_000_000;
        let count = |wanted: i64| intervals.iter().filter(|&&interval| (interval - wanted).abs() <= 1).count() as i64;
        assert!((count(paced) - 4_000_000_000 / paced).abs() <= 2, "{pace}: {} of {}", count(paced), intervals.len());
        assert!((count(PULSE.0) - 150).abs() <= 3, "{pace}: {}", count(PULSE.0));
        show.check();
    }
}
