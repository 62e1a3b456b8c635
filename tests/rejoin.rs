//! An output that is opened anew while the show goes on: what it is told, and where it joins.

use crate::support::*;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::Target;
use tightrope::engine::program::{ClockOut, PortSlot, Program, TrackSlot};
use tightrope::engine::{Command, Switch};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tick};

const A: PortSlot = PortSlot(0);
const B: PortSlot = PortSlot(1);
const KEYS: PortSlot = PortSlot(2);

/// An eighth, 240 ms, of each track; the first beat of a bar is a c.
const SET: &str = r#"
    [clock]
    follow = "a"
    [ports.a]
    device = "a"
    [ports.b]
    device = "b"
    clock = true
    [ports.keys]
    device = "keys"
    [tracks.t]
    port = "a"
    channel = 1
    [tracks.u]
    port = "b"
    channel = 2
    thru = "keys"
    [tracks.v]
    port = "b"
    channel = 3
    [patterns.one]
    t = { step = "1/8", steps = "c2 d2 e2 f2 g2 a2 b2 c3" }
    u = { step = "1/8", gate = 90, steps = "c2 d2 e2 f2 g2 a2 b2 c3" }
    v = { step = "1/1", gate = 100, steps = "c4" }
    program = { u = { program = 5, bank = 129 }, v = 7 }
    [patterns.two]
    u = { step = "1/8", steps = "c5 d5 e5 f5 g5 a5 b5 c6" }
    program = { u = 9 }
"#;

fn ms(ms: i64) -> Span {
    Span::from_millis(ms)
}

/// A bar at 125 BPM.
const BAR: i64 = 1_920;

/// A show of `program` that has played for `after` ms. The first pulse falls 1 s after its beginning.
fn playing(program: Program, after: i64) -> Show {
    let mut show = Show::new(program);
    show.pulses(48, PULSE);
    show.input(A, Message::Start);
    show.wait(ms(20));
    play(&mut show, after);
    show
}

/// When the music began.
fn origin(show: &Show) -> Nanos {
    show.engine.time_of(Tick::ZERO).unwrap()
}

/// The master goes on for `span` ms, in whole pulses and what is left of them.
fn play(show: &mut Show, span: i64) {
    let end = show.now + ms(span);
    while show.now < end {
        let begun = show.engine.time_of(Tick::ZERO).map_or(0, |origin| show.now.since(origin).0);
        let into = (begun + 500_000).rem_euclid(PULSE.0) - 500_000;
        if into < 500_000 {
            show.input(A, Message::Clock);
        }
        let next = Span(PULSE.0 - into);
        show.wait_until(end.min(show.now + next));
    }
}

/// What leaves by `port` while something happens and for a while after it: milliseconds since `from`, and the bytes.
fn told(show: &Show, port: PortSlot, from: usize) -> Vec<(i64, String)> {
    let origin = origin(show);
    let line = |departure: &Departure| {
        let at = (departure.due.since(origin).0 + 500_000).div_euclid(1_000_000);
        (at, departure.message.to_bytes().to_string().trim_end().to_string())
    };
    show.trace[from..].iter().filter(|departure| departure.port == port).map(line).collect()
}

fn without_clock(told: &[(i64, String)]) -> Vec<(i64, &str)> {
    told.iter().filter(|(_, bytes)| bytes != "F8").map(|(at, bytes)| (*at, bytes.as_str())).collect()
}

fn note_ons(told: &[(i64, String)]) -> Vec<(i64, &str)> {
    told.iter().filter(|(_, bytes)| bytes.starts_with('9')).map(|(at, bytes)| (*at, bytes.as_str())).collect()
}

#[test]
fn its_notes_end_and_it_joins_at_the_bar_line() {
    let mut steady = playing(compile(SET), 0);
    play(&mut steady, 3 * BAR);
    let mut show = playing(compile(SET), 500);
    let from = show.trace.len();
    show.reopen(B, true);
    let heard = told(&show, B, from);
    // The bar-long note and the eighth, at once.
    let at_once: Vec<_> = without_clock(&heard).into_iter().filter(|(at, _)| *at == 500).collect();
    assert_eq!(at_once[..3], [(500, "FC"), (500, "81 34 00"), (500, "82 48 00")], "{heard:?}");
    play(&mut show, 3 * BAR - 500);
    let (heard, all) = (told(&show, B, from), told(&steady, B, 0));
    let later: Vec<_> = note_ons(&all).into_iter().filter(|(at, _)| *at >= BAR).collect();
    assert_eq!(note_ons(&heard), later, "from the bar line on, as if nothing had been");
    assert!(later[0].0 == BAR && later.len() == 20, "{later:?}");
    assert_eq!(told(&show, A, 0), told(&steady, A, 0), "nobody else has noticed");
    let pulses = |told: &[(i64, String)]| told.iter().filter(|(_, bytes)| bytes == "F8").count();
    assert_eq!(pulses(&told(&show, B, 0)), pulses(&all), "the clock has gone on");
    show.check();
    show.command(Command::Stop);
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn whoever_gets_the_clock_is_stopped_and_told_the_position_before_the_pulse_on_the_line() {
    for into in [500, 1_890, 1_905] {
        let mut show = playing(compile(SET), BAR + into);
        let from = show.trace.len();
        show.reopen(B, true);
        play(&mut show, 2 * BAR);
        let heard = told(&show, B, from);
        assert_eq!(heard[0], (BAR + into, "FC".into()));
        let place = heard.iter().position(|(_, bytes)| bytes.starts_with("F2")).unwrap();
        // 16 sixteenths to the bar; near the line, what is to be told and the pulse before it need the next one.
        let line = if into == 500 { 2 } else { 3 };
        assert_eq!(heard[place].1, format!("F2 {:02X} 00", 16 * line));
        assert_eq!(heard[place + 1], (heard[place].0, "FB".into()));
        let next = heard[place..].iter().find(|(_, bytes)| bytes == "F8").unwrap();
        assert_eq!(next.0, BAR * line, "the next pulse is on the line: {heard:?}");
        assert_eq!(heard.iter().filter(|(_, bytes)| bytes == "FB" || bytes == "FA").count(), 1);
        assert_eq!(note_ons(&heard)[0].0, BAR * line, "notes and clock join together");
    }
}

#[test]
fn it_gets_its_programs_and_the_newest_of_every_value_in_the_order_that_counts() {
    let mut show = playing(compile(SET), 100);
    let send = |show: &mut Show, track: u16, target: Target, value: u16| {
        show.command(Command::Control { track: TrackSlot(track), target, value });
    };
    let (u, v) = (1, 2);
    send(&mut show, u, Target::Controller(74), 10);
    send(&mut show, u, Target::Controller(7), 99);
    send(&mut show, u, Target::Nrpn(1_234), 300);
    send(&mut show, u, Target::Rpn(0), 256);
    send(&mut show, u, Target::Nrpn(1_234), 301);
    // The program of `u` is newer than these.
    show.command(Command::Launch { pattern: tightrope::engine::program::PatternSlot(1), at: None });
    play(&mut show, BAR);
    send(&mut show, u, Target::Controller(74), 20);
    send(&mut show, u, Target::Controller(71), 30);
    // A launch brings these home.
    send(&mut show, v, Target::Bend, 9_000);
    send(&mut show, v, Target::Pressure, 40);
    send(&mut show, v, Target::Fine(1), 300);
    show.command(Command::Mute(TrackSlot(1), Switch::On));
    play(&mut show, 100);
    let from = show.trace.len();
    show.reopen(B, true);
    show.wait(ms(100));
    let told = told(&show, B, from);
    let values: Vec<_> = without_clock(&told).into_iter().filter(|(_, bytes)| !bytes.starts_with('8')).collect();
    let bytes: Vec<_> = values.iter().map(|(_, bytes)| *bytes).collect();
    let expected = [
        "FC", "B1 07 63", "C2 07", "B1 00 01", "B1 20 01", "C1 09", "B1 47 1E", "B1 4A 14", "B1 63 09", "B1 62 52",
        "B1 06 02", "B1 26 2D", "B1 65 00", "B1 64 00", "B1 06 02", "B1 26 00", "B1 63 09", "B1 62 52", "B2 01 02",
        "B2 21 2C", "E2 28 46", "D2 28",
    ];
    assert_eq!(bytes, expected);
    // At the pace of a cable, each group followed by its length.
    let count = |until: i64| told.iter().filter(|(at, bytes)| *at < until && bytes != "F8").count() as i64;
    let first = told[0].0;
    for passed in 1..40 {
        assert!(count(first + passed) <= passed + 4, "{told:?}");
    }
}

#[test]
fn every_key_that_was_struck_is_ended_again() {
    let mut show = playing(compile(SET), 1_000);
    let from = show.trace.len();
    show.reopen(B, true);
    play(&mut show, 100);
    let heard = told(&show, B, from);
    let ends = |key: &str| heard.iter().filter(|(_, bytes)| bytes == key).count();
    // The fifth eighth is what sounds; it ends, and gets one more note-off with the others. a was never reached.
    assert_eq!(
        [ends("81 30 00"), ends("81 34 00"), ends("81 35 00"), ends("81 37 00"), ends("81 39 00")],
        [1, 1, 1, 2, 0]
    );
}

#[test]
fn what_a_lane_says_meanwhile_is_not_said_again() {
    let mut show = playing(compile(SET), 100);
    let control = |show: &mut Show, number: u8, value: u16| {
        show.command(Command::Control { track: TrackSlot(1), target: Target::Controller(number), value });
    };
    (33..83).for_each(|number| control(&mut show, number, 1));
    play(&mut show, 100);
    let from = show.trace.len();
    show.reopen(B, true);
    play(&mut show, 3);
    control(&mut show, 82, 2);
    play(&mut show, 200);
    let heard = told(&show, B, from);
    let sent: Vec<_> =
        heard.iter().filter(|(_, bytes)| bytes.starts_with("B1 52")).map(|(_, bytes)| &**bytes).collect();
    assert_eq!(sent, ["B1 52 02"]);
    let all = heard.iter().filter(|(_, bytes)| bytes.starts_with("B1")).count();
    assert_eq!(all, 50 + 2, "with the bank");
}

#[test]
fn what_waits_for_a_full_wire_is_not_undone_by_what_is_told_again() {
    let mut show = playing(compile(&SET.replace("device = \"b\"", "device = \"b\"\nwire = \"din\"")), 100);
    let move_all = |show: &mut Show, value: u16| {
        for number in 70..95 {
            show.command(Command::Control { track: TrackSlot(1), target: Target::Controller(number), value });
        }
    };
    move_all(&mut show, 1);
    play(&mut show, 100);
    let from = show.trace.len();
    show.reopen(B, true);
    move_all(&mut show, 2);
    play(&mut show, 400);
    let heard = told(&show, B, from);
    for number in 70..95 {
        let begins = format!("B1 {number:02X}");
        let last = heard.iter().rfind(|(_, bytes)| bytes.starts_with(&begins)).map(|(_, bytes)| &**bytes);
        assert_eq!(last, Some(&*format!("{begins} 02")));
    }
}

#[test]
fn a_bar_is_waited_for_that_leaves_time_for_all_of_it() {
    let mut show = playing(compile(SET), 100);
    for number in (8..32).chain(33..96) {
        show.command(Command::Control { track: TrackSlot(1), target: Target::Controller(number), value: 1 });
    }
    play(&mut show, BAR - 100 - 60);
    let from = show.trace.len();
    show.reopen(B, true);
    play(&mut show, 2 * BAR);
    assert_eq!(note_ons(&told(&show, B, from))[0].0, 2 * BAR);
}

/// The places of bar lines at which `port` joins: its first note after the last of what it was told, and its song position,
/// in sixteenths, if it got one.
fn joining(heard: &[(i64, String)]) -> (i64, i64, Option<i64>) {
    let (first, _) = note_ons(heard)[0];
    let told = heard.iter().filter(|(at, bytes)| *at < first && bytes.starts_with(['B', 'C', 'E']));
    let pointer = heard.iter().find(|(_, bytes)| bytes.starts_with("F2")).map(|(_, bytes)| {
        let part = |at: usize| i64::from_str_radix(&bytes[at..at + 2], 16).unwrap();
        part(3) + 128 * part(6)
    });
    (first, told.map(|(at, _)| *at).max().unwrap_or(0), pointer)
}

#[test]
fn where_the_wire_is_busy_besides_it_joins_when_all_has_left_all_the_same() {
    let din = SET.replace("device = \"b\"", "device = \"b\"\nwire = \"din\"");
    for is_busy in [false, true] {
        let mut show = playing(compile(&din), 100);
        // 200 values and more are told again: 0.2 s on a wire that carries nothing else.
        for (track, number) in [1, 2].into_iter().flat_map(|track| (8..32).chain(33..96).map(move |n| (track, n))) {
            show.command(Command::Control { track: TrackSlot(track), target: Target::Controller(number), value: 1 });
            play(&mut show, 2);
        }
        play(&mut show, BAR - 448 - 250);
        let from = show.trace.len();
        show.reopen(B, true);
        // Meanwhile somebody turns a knob that is bound to nothing but this wire, as fast as it can carry it.
        for step in 0..BAR {
            if is_busy {
                let value = (step % 128) as u16;
                let target = Target::Controller(102 + (step % 8) as u8);
                show.command(Command::Control { track: TrackSlot(2), target, value });
            }
            play(&mut show, 1);
        }
        play(&mut show, 2 * BAR);
        let heard = told(&show, B, from);
        let (first, last, pointer) = joining(&heard);
        assert_eq!((first % BAR, pointer), (0, Some(16 * first / BAR)), "busy: {is_busy}");
        assert!(last < first);
        assert_eq!(first, if is_busy { 2 * BAR } else { BAR }, "busy: {is_busy}: {last}");
    }
}

#[test]
fn pulses_that_were_sent_ahead_of_a_master_that_slows_down_count() {
    let mut were_ahead = 0;
    for (into, gap) in (0..12).flat_map(|step| [30, 45, 60, 90].map(|gap| (BAR - 90 + 10 * step, gap))) {
        let mut show = playing(compile(SET), into);
        // The master is late, and comes back to where it was; what was predicted has left.
        show.wait(ms(gap));
        show.input(A, Message::Clock);
        let (from, ahead) = (show.trace.len(), show.count(B, Message::Clock) - 48);
        were_ahead += usize::from(ahead as i64 * 20 > show.engine.position().0 / 2 + 20);
        show.reopen(B, true);
        show.pulses(3 * 96, PULSE);
        let (first, _, pointer) = joining(&told(&show, B, from));
        let all = told(&show, B, 0);
        let begun = all.iter().position(|(_, bytes)| bytes == "FA").unwrap();
        let placed = begun + all[begun..].iter().position(|(_, bytes)| bytes.starts_with("F2")).unwrap();
        let counted = all[begun..placed].iter().filter(|(_, bytes)| bytes == "F8").count();
        assert_eq!(
            pointer.map(|pointer| (pointer % 16, 6 * pointer)),
            Some((0, counted as i64)),
            "{into}, {gap}: {first}"
        );
    }
    assert!(were_ahead > 4, "{were_ahead}");
}

#[test]
fn while_nothing_plays_it_is_told_what_it_has_missed_and_the_position_with_the_next_continue() {
    let mut show = playing(compile(SET), BAR + 730);
    show.input(A, Message::Stop);
    show.wait(ms(5));
    let stopped = show.trace.len();
    show.reopen(B, true);
    show.pulses(20, PULSE);
    let told = |show: &Show, from: usize| -> Vec<String> {
        let of_port = show.trace[from..].iter().filter(|departure| departure.port == B);
        of_port.map(|departure| departure.message.to_bytes().to_string().trim_end().into()).collect()
    };
    let heard = told(&show, stopped);
    assert!(heard.iter().any(|bytes| bytes == "C1 05") && heard.iter().any(|bytes| bytes == "C2 07"));
    assert!(!heard.iter().any(|bytes| bytes.starts_with('F') && bytes != "F8"), "{heard:?}");
    // 37 pulses have been played of the second bar: not on a sixteenth, and it joins at the next bar.
    let from = show.trace.len();
    show.input(A, Message::Continue);
    show.pulses(96, PULSE);
    let heard = told(&show, from);
    let place = heard.iter().position(|bytes| bytes == "F2 20 00").unwrap();
    assert_eq!(heard[place + 1], "FB");
    assert_eq!(heard[..place].iter().filter(|bytes| *bytes == "F8").count(), 192 - 96 - 37, "{heard:?}");
    assert!(heard[..place].iter().any(|bytes| bytes.starts_with("91")), "notes need not wait");

    for (told_by, expected) in [(Message::Continue, vec!["F2 08 00", "FB", "F8"]), (Message::Start, vec!["FA", "F8"])] {
        let mut show = playing(compile(SET), 955);
        show.input(A, Message::Stop);
        show.reopen(B, true);
        show.wait(ms(100));
        let from = show.trace.len();
        show.input(A, told_by);
        show.wait(ms(1));
        show.input(A, Message::Clock);
        let heard = told(&show, from);
        assert_eq!(heard[..expected.len()], expected);
    }
}

#[test]
fn a_start_that_waits_for_its_pulse_is_said_again() {
    let mut show = Show::new(compile(SET));
    show.pulses(48, PULSE);
    show.input(A, Message::Start);
    let from = show.trace.len();
    show.reopen(B, true);
    show.wait(ms(20));
    play(&mut show, 100);
    let heard = told(&show, B, from);
    assert_eq!(heard[0].1, "FA");
    assert_eq!(heard.iter().find(|(_, bytes)| bytes == "F8").unwrap().0, 0);
    assert_eq!(note_ons(&heard)[0].0, 0, "its first beat is not lost");
}

#[test]
fn a_stop_and_a_start_end_the_wait() {
    let mut show = playing(compile(SET), 500);
    show.reopen(B, true);
    play(&mut show, 100);
    show.input(A, Message::Stop);
    show.pulses(1, PULSE);
    let from = show.trace.len();
    show.input(A, Message::Start);
    play(&mut show, 400);
    let heard = told(&show, B, from);
    assert_eq!((&*heard[0].1, note_ons(&heard)[0].0), ("FA", 0));
    assert_eq!(heard.iter().filter(|(_, bytes)| bytes.starts_with("FB") || bytes.starts_with("F2")).count(), 0);
}

#[test]
fn a_port_that_gets_the_pulses_as_they_come_joins_as_well() {
    let mut program = compile(SET);
    program.ports[1].clock = ClockOut::Raw;
    let mut show = playing(program, 500);
    let from = show.trace.len();
    show.reopen(B, true);
    play(&mut show, 2 * BAR);
    let heard = told(&show, B, from);
    let place = heard.iter().position(|(_, bytes)| bytes == "F2 10 00").unwrap();
    assert_eq!(heard[place + 1].1, "FB");
    assert_eq!(heard[place..].iter().find(|(_, bytes)| bytes == "F8").unwrap().0, BAR);
}

#[test]
fn early_and_late_ports_have_their_own_bar_lines() {
    for (offset, at, line) in [(-40, BAR - 65, 2), (-40, BAR - 150, 1), (40, BAR - 20, 1)] {
        let mut program = compile(SET);
        program.ports[1].offset = ms(offset);
        program.patterns[0].programs = Box::default();
        let mut show = playing(program, at);
        let from = show.trace.len();
        show.reopen(B, true);
        play(&mut show, 2 * BAR);
        let heard = told(&show, B, from);
        assert_eq!(note_ons(&heard)[0].0, line * BAR + offset, "{offset} {at}");
        let place = heard.iter().position(|(_, bytes)| bytes.starts_with("F2")).unwrap();
        let next = heard[place..].iter().find(|(_, bytes)| bytes == "F8").unwrap();
        assert_eq!((&*heard[place].1, next.0), (&*format!("F2 {:02X} 00", 16 * line), line * BAR + offset));
    }
}

#[test]
fn hands_are_heard_as_soon_as_it_has_its_sound() {
    let mut show = playing(compile(SET), 500);
    show.input(KEYS, note_on(1, 40));
    let from = show.trace.len();
    show.reopen(B, true);
    assert!(told(&show, B, from).contains(&(500, "81 28 00".into())), "what is held ends");
    show.input(KEYS, note_off(1, 40));
    show.input(KEYS, note_on(1, 41));
    show.input(KEYS, note_off(1, 41));
    play(&mut show, 30);
    show.input(KEYS, note_on(1, 42));
    assert_eq!(note_ons(&told(&show, B, from)), [(530, "91 2A 64")]);
    show.check();
}

#[test]
fn two_at_once_and_one_that_comes_back_again_before_its_line() {
    let mut show = playing(compile(SET), 500);
    show.reopen(A, true);
    show.reopen(B, true);
    play(&mut show, 300);
    let from = show.trace.len();
    show.reopen(B, true);
    play(&mut show, BAR);
    for port in [A, B] {
        let heard = told(&show, port, from);
        assert_eq!(note_ons(&heard)[0].0, BAR, "{heard:?}");
    }
    let heard = told(&show, B, from);
    assert_eq!(heard.iter().filter(|(_, bytes)| bytes == "FB").count(), 1);
    assert_eq!(heard.iter().filter(|(_, bytes)| bytes == "C1 05").count(), 1, "it is told again");
    show.check();
}

#[test]
fn a_panic_a_launch_and_the_end_in_the_same_moment() {
    let mut show = playing(compile(SET), 500);
    show.command(Command::Launch {
        pattern: tightrope::engine::program::PatternSlot(1),
        at: Some(tightrope::engine::program::Quantum::Now),
    });
    show.reopen(B, true);
    show.command(Command::Panic);
    let from = show.trace.len();
    play(&mut show, 3 * BAR);
    let heard = told(&show, B, from);
    assert_eq!(heard.iter().filter(|(_, bytes)| bytes == "C1 09").count(), 1, "the program of the launch, once");
    assert_eq!(heard.iter().filter(|(_, bytes)| bytes == "C1 05").count(), 0);
    assert_eq!(note_ons(&heard)[0].0, BAR);
    show.check();
    show.reopen(B, true);
    show.command(Command::End);
    show.wait(ms(1));
    assert!(show.engine.is_finished());
    assert_eq!(check_trace(&show.trace), 0);
}

#[test]
fn with_a_program_that_has_another_device_there_it_begins_anew() {
    let mut show = playing(compile(SET), 500);
    let mut other = compile(SET);
    other.ports[1].owner.0 += 1;
    other.edition = 2;
    show.renew(other);
    play(&mut show, BAR - 500 + 10);
    let from = show.trace.len();
    show.reopen(B, false);
    play(&mut show, BAR);
    let heard = told(&show, B, from);
    assert!(note_ons(&heard)[0].0 < BAR + 250, "it plays on: {heard:?}");
    let joins: Vec<_> = told(&show, B, 0).into_iter().filter(|(_, bytes)| bytes == "FB").collect();
    assert_eq!(joins.len(), 1, "at the line, once: {joins:?}");
}
