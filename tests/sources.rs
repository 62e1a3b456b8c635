//! Several clocks in order of preference, in virtual time: whom the music follows, from when, and that nothing is lost on the
//! way from one to the other.

use crate::support::*;
use tightrope::engine::ClockSource;
use tightrope::engine::Command;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{PortSlot, Program};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tick};

const A: PortSlot = PortSlot(0);
const B: PortSlot = PortSlot(1);
const C: PortSlot = PortSlot(2);

/// A synthesizer on the third port plays a sixteenth each, and gets the clock.
const SET: &str = r#"
    [clock]
    follow = ["a", "b"]
    [ports.a]
    device = "a"
    [ports.b]
    device = "b"
    [ports.c]
    device = "c"
    clock = true
    [tracks.t]
    port = "c"
    channel = 1
    [patterns.p]
    t = "c2 d2 e2 f2"
"#;

fn set_with(clock: &str, port: &str) -> Program {
    compile(&SET.replace("[\"a\", \"b\"]", &format!("[\"a\", \"b\"]\n{clock}")).replace("clock = true", port))
}

fn set() -> Program {
    compile(SET)
}

/// A machine that sends its clock at times that are known.
#[derive(Clone, Copy, Debug)]
struct Master {
    port: PortSlot,
    first: Nanos,
    interval: Span,
    count: i64,
}

impl Master {
    fn new(port: PortSlot, first_ms: f64, interval_ms: f64, count: i64) -> Master {
        let nanos = |ms: f64| (ms * 1e6) as i64;
        Master { port, first: Nanos(2_000_000_000) + Span(nanos(first_ms)), interval: Span(nanos(interval_ms)), count }
    }

    fn pulse(&self, number: i64) -> Nanos {
        self.first + Span(self.interval.0 * number)
    }

    /// Its pulse that is nearest to `time`.
    fn nearest(&self, time: Nanos) -> Nanos {
        let pulses = (time.since(self.first).0 + self.interval.0 / 2).div_euclid(self.interval.0);
        self.pulse(pulses)
    }
}

/// What the masters send, in order, with what else comes in at some times.
fn play(show: &mut Show, masters: &[Master], others: &[(Nanos, PortSlot, Message)], until: Nanos) {
    let mut inputs: Vec<(Nanos, PortSlot, Message)> = others.to_vec();
    for master in masters {
        inputs.extend((0..master.count).map(|number| (master.pulse(number), master.port, Message::Clock)));
    }
    inputs.sort_by_key(|&(at, port, message)| (at, port, message == Message::Clock));
    inputs.retain(|&(at, ..)| show.now <= at && at < until);
    for (at, port, message) in inputs {
        show.wait_until(at);
        show.input(port, message);
    }
    show.wait_until(until);
}

/// The steps that were struck: when, and where in the song.
fn steps(show: &Show) -> Vec<(Nanos, Tick)> {
    let strike = |d: &&Departure| matches!(d.message, Message::NoteOn(..));
    show.trace.iter().filter(strike).map(|d| (d.due, d.tick)).collect()
}

/// The pulses that the synthesizer got from START on.
fn pulses(show: &Show) -> Vec<(Nanos, Tick)> {
    let start = show.trace.iter().position(|d| d.message == Message::Start).unwrap();
    show.trace[start..].iter().filter(|d| d.message == Message::Clock).map(|d| (d.due, d.tick)).collect()
}

/// Asserts that each of `events` is the next on a grid of `every` ticks.
fn check_none_missing(events: &[(Nanos, Tick)], every: i64) {
    for (number, &(at, tick)) in events.iter().enumerate() {
        assert_eq!(tick, Tick(number as i64 * every), "event {number}, at {at:?}");
    }
}

/// Asserts that those of `events` in `range` lie on a line through `anchor` with `pulse` between pulses, to `close` ns.
fn check_on_line(
    events: &[(Nanos, Tick)],
    range: std::ops::Range<i64>,
    anchor: (Nanos, Tick),
    pulse: Span,
    close: i64,
) {
    let mut seen = 0;
    for &(at, tick) in events.iter().filter(|(_, tick)| range.contains(&tick.0)) {
        let expected = anchor.0 + Span((tick - anchor.1).0 * pulse.0 / 40);
        assert!(at.since(expected).0.abs() <= close, "tick {} is {} ns off", tick.0, at.since(expected).0);
        seen += 1;
    }
    assert!(seen > 0, "nothing between {range:?}");
}

const BAR: i64 = 3_840;

/// The preferred master is lost in the second bar of the music, and comes back in the fifth.
fn succession(program: Program, second: Master) -> (Show, [Master; 3]) {
    let mut show = Show::new(program);
    let first = Master::new(A, 0.0, 20.0, 48 + 130);
    let back = Master::new(A, 9_231.0, 19.0, 1_000);
    let start = first.pulse(48) - Span::from_millis(5);
    let masters = [first, second, back];
    play(&mut show, &masters, &[(start, A, Message::Start)], Nanos(2_000_000_000) + Span::from_millis(20_000));
    (show, masters)
}

#[test]
fn when_the_followed_clock_is_lost_the_next_one_takes_over_at_a_bar_line() {
    let phases = (0..8).map(|phase| (2.5 * f64::from(phase), 20.4));
    let mut early = 0;
    for (phase, interval) in phases.chain([(3.0, 20.1), (19.9, 19.2), (11.0, 25.0), (12.0, 14.7)]) {
        let (show, [first, second, _]) = succession(set(), Master::new(B, phase, interval, 2_000));
        check_none_missing(&steps(&show), 240);
        check_none_missing(&pulses(&show), 40);
        let start = (first.pulse(48), Tick(0));
        let line = second.nearest(start.0 + Span(2 * 96 * first.interval.0));
        for events in [steps(&show), pulses(&show)] {
            // What the new grid has a little earlier than the old one comes at once.
            check_on_line(&events, 0..2 * BAR - 40, start, first.interval, 100);
            check_on_line(&events, 2 * BAR + 40..4 * BAR, (line, Tick(2 * BAR)), second.interval, 100);
        }
        let (at, _) = steps(&show)[32];
        let due = start.0 + Span(2 * 96 * first.interval.0);
        assert_eq!(at, line.max(due), "the bar line falls on the nearest pulse, or where it was if that has gone by");
        early += u32::from(line < due);
        assert_eq!(show.count(C, Message::Stop), 0);
        show.check();
    }
    assert!((1..12).contains(&early), "{early} of the new lines were earlier");
}

#[test]
fn a_preferred_clock_that_is_back_and_steady_is_followed_again_from_a_bar_line_on() {
    let (show, [first, second, back]) = succession(set(), Master::new(B, 7.0, 20.4, 2_000));
    assert_eq!(show.engine.clock_source(), ClockSource::Port(A));
    let line = second.nearest(first.pulse(48) + Span(2 * 96 * first.interval.0));
    // It is steady after a bar of its own; the music is turned at the next bar line after that.
    let steady = back.pulse(95);
    let bars = (steady.since(line).0 / (96 * second.interval.0)) + 1;
    let turn = line + Span(bars * 96 * second.interval.0);
    let turned = back.nearest(turn);
    let ticks = (2 + bars) * BAR;
    for events in [steps(&show), pulses(&show)] {
        check_on_line(&events, 2 * BAR + 40..ticks - 40, (line, Tick(2 * BAR)), second.interval, 200);
        check_on_line(&events, ticks + 40..ticks + 2 * BAR, (turned, Tick(ticks)), back.interval, 200);
    }
    check_none_missing(&steps(&show), 240);
    check_none_missing(&pulses(&show), 40);
}

#[test]
fn a_clock_that_stutters_is_not_gone_back_to() {
    let mut show = Show::new(set());
    let first = Master::new(A, 0.0, 20.0, 150);
    let second = Master::new(B, 7.0, 20.0, 1_500);
    // The loose cable of the first: half a bar at a time.
    let stutter = (0..8).map(|i| Master::new(A, 8_000.0 + 1_500.0 * f64::from(i), 20.0, 48));
    let masters: Vec<Master> = [first, second].into_iter().chain(stutter).collect();
    let start = first.pulse(48) - Span::from_millis(5);
    play(&mut show, &masters, &[(start, A, Message::Start)], Nanos(2_000_000_000) + Span::from_millis(20_000));
    assert_eq!(show.engine.clock_source(), ClockSource::Port(B));
    check_none_missing(&steps(&show), 240);
}

#[test]
fn early_and_late_ports_are_sent_every_pulse_and_note_too() {
    for offset in [-50, -30, -3, 5, 50] {
        let port = format!("clock = true\noffset = \"{offset} ms\"");
        for phase in [1.0, 7.0, 13.0, 19.0] {
            let (show, _) = succession(set_with("", &port), Master::new(B, phase, 20.4, 2_000));
            check_none_missing(&steps(&show), 240);
            check_none_missing(&pulses(&show), 40);
            show.check();
        }
    }
}

#[test]
fn a_clock_that_lives_keeps_the_music_from_being_given_up() {
    for lost in ["lost = \"stop\"", "lost = \"hold 1 bars\"", "lost = \"hold\""] {
        let (show, _) = succession(set_with(lost, "clock = true"), Master::new(B, 7.0, 20.4, 2_000));
        assert_eq!((show.engine.phase(), show.count(C, Message::Stop)), (Phase::Running, 0), "{lost}");
        check_none_missing(&steps(&show), 240);
    }
}

#[test]
fn when_the_last_one_is_lost_the_set_says_what_happens() {
    let mut show = Show::new(set_with("lost = \"hold 2 bars\"", "clock = true"));
    let first = Master::new(A, 0.0, 20.0, 48 + 130);
    // It lives long enough to be hoped for, and is gone before the bar line.
    let second = Master::new(B, 7.0, 20.0, 48 + 150);
    let start = first.pulse(48) - Span::from_millis(5);
    play(&mut show, &[first, second], &[(start, A, Message::Start)], Nanos(30_000_000_000));
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Stopped, ClockSource::Port(A)));
    let stop = show.trace.iter().find(|d| d.message == Message::Stop).unwrap();
    assert_eq!(stop.due, first.pulse(48 + 129) + Span(2 * 96 * first.interval.0));
    check_none_missing(&steps(&show), 240);
    check_on_line(&steps(&show), 0..9_000, (first.pulse(48), Tick(0)), first.interval, 100);
    assert_eq!(show.engine.next_deadline(&show.program), None);
}

#[test]
fn the_third_takes_over_where_the_second_is_lost_as_well() {
    let text =
        SET.replace("[\"a\", \"b\"]", "[\"a\", \"d\", \"b\"]").replace("[tracks", "[ports.d]\ndevice=\"d\"\n[tracks");
    let mut show = Show::new(compile(&text));
    let first = Master::new(A, 0.0, 20.0, 48 + 130);
    let dies = Master::new(PortSlot(3), 5.0, 20.0, 48 + 150);
    let third = Master::new(B, 7.0, 20.4, 2_000);
    let start = first.pulse(48) - Span::from_millis(5);
    play(&mut show, &[first, dies, third], &[(start, A, Message::Start)], Nanos(15_000_000_000));
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Running, ClockSource::Port(B)));
    check_none_missing(&steps(&show), 240);
    let line = third.nearest(first.pulse(48 + 192));
    check_on_line(&steps(&show), 2 * BAR + 40..4 * BAR, (line, Tick(2 * BAR)), third.interval, 100);
}

#[test]
fn a_second_clock_that_comes_late_takes_over_at_the_bar_line_after() {
    let mut show = Show::new(set_with("lost = \"hold\"", "clock = true"));
    let first = Master::new(A, 0.0, 20.0, 48 + 130);
    let second = Master::new(B, 9_013.0, 20.4, 2_000);
    let start = first.pulse(48) - Span::from_millis(5);
    play(&mut show, &[first, second], &[(start, A, Message::Start)], Nanos(15_000_000_000));
    check_none_missing(&steps(&show), 240);
    let bars = second.pulse(2).since(first.pulse(48)).0 / (96 * first.interval.0) + 1;
    let line = second.nearest(first.pulse(48 + bars * 96));
    check_on_line(&steps(&show), bars * BAR + 40..(bars + 1) * BAR, (line, Tick(bars * BAR)), second.interval, 200);
}

#[test]
fn while_nothing_plays_the_first_that_lives_is_followed_at_once() {
    let mut show = Show::new(set());
    let second = Master::new(B, 0.0, 25.0, 2_000);
    let first = Master::new(A, 1_003.0, 20.0, 100);
    let at = |ms: i64| Nanos(2_000_000_000) + Span::from_millis(ms);
    play(&mut show, &[first, second], &[], at(900));
    assert_eq!((show.engine.clock_source(), show.engine.tempo().unwrap().bpm().round()), (ClockSource::Port(B), 100.0));
    play(&mut show, &[first, second], &[], at(1_100));
    assert_eq!((show.engine.clock_source(), show.engine.tempo().unwrap().bpm().round()), (ClockSource::Port(A), 125.0));
    play(&mut show, &[first, second], &[], at(3_200));
    assert_eq!((show.engine.clock_source(), show.engine.tempo().unwrap().bpm().round()), (ClockSource::Port(B), 100.0));
    // The synthesizer hears one clock, without a hole and without a crowd; but the first pulse of a machine that has never
    // been heard leaves with its second.
    let clocks: Vec<Nanos> = show.trace.iter().filter(|d| d.message == Message::Clock).map(|d| d.due).collect();
    let gaps: Vec<i64> = clocks.windows(2).map(|pair| pair[1].since(pair[0]).0).collect();
    assert!(gaps.iter().all(|&gap| gap <= 50_000_000), "{gaps:?}");
    assert!(gaps.iter().filter(|&&gap| gap < 2_000_000).count() <= 2, "{gaps:?}");
    play(&mut show, &[first, second], &[(at(3_300), B, Message::Start)], at(6_000));
    check_none_missing(&steps(&show), 240);
    let begun = second.pulse(132);
    check_on_line(&steps(&show), 0..BAR, (begun, Tick(0)), second.interval, 100);
}

#[test]
fn start_of_a_machine_that_is_not_followed() {
    let at = |ms: i64| Nanos(2_000_000_000) + Span::from_millis(ms);
    let began = |masters: &[Master], others: &[(Nanos, PortSlot, Message)]| {
        let mut show = Show::new(set());
        play(&mut show, masters, others, at(6_000));
        (show.count(C, Message::Start), steps(&show).first().map(|step| step.0), show.engine.clock_source())
    };
    let a = Master::new(A, 0.0, 20.0, 1_000);
    let b = Master::new(B, 7.0, 20.0, 1_000);
    // The preferred one lives and waits: the other one starts for itself.
    assert_eq!(began(&[a, b], &[(at(1_000), B, Message::Start)]), (0, None, ClockSource::Port(A)));
    // The other one is alone.
    assert_eq!(began(&[b], &[(at(1_000), B, Message::Start)]), (1, Some(b.pulse(50)), ClockSource::Port(B)));
    // Nobody has been heard yet.
    let late = Master::new(B, 1_010.0, 20.0, 1_000);
    assert_eq!(began(&[late], &[(at(1_000), B, Message::Start)]), (1, Some(late.first), ClockSource::Port(B)));
    // The preferred one sends no clock before it plays, while the other one does.
    let plays = Master::new(A, 1_010.0, 20.0, 1_000);
    assert_eq!(began(&[plays, b], &[(at(1_000), A, Message::Start)]), (1, Some(plays.first), ClockSource::Port(A)));
    // And the other one, which is slaved to it, passes the START on.
    let both = [(at(1_000), A, Message::Start), (at(1_001), B, Message::Start)];
    assert_eq!(began(&[plays, b], &both), (1, Some(plays.first), ClockSource::Port(A)));
    // It says START and never sends a clock: after a bar of the set's own tempo the other one has to do.
    let (starts, first, followed) = began(&[b], &[(at(1_000), A, Message::Start)]);
    assert_eq!((starts, followed), (1, ClockSource::Port(B)));
    assert_eq!(first, Some(b.nearest(at(1_000 + 2_000))));
}

#[test]
fn while_the_music_plays_only_the_followed_machine_moves_it() {
    let at = |ms: i64| Nanos(2_000_000_000) + Span::from_millis(ms);
    let a = Master::new(A, 0.0, 20.0, 1_000);
    let b = Master::new(B, 7.0, 20.0, 1_000);
    let mut show = Show::new(set());
    let others = [
        (at(955), A, Message::Start),
        (at(2_000), B, Message::Start),
        (at(3_000), B, Message::SongPosition(3)),
        (at(4_000), B, Message::Stop),
        (at(5_000), B, Message::Continue),
    ];
    play(&mut show, &[a, b], &others, at(6_000));
    check_none_missing(&steps(&show), 240);
    assert_eq!((show.engine.phase(), show.count(C, Message::Start)), (Phase::Running, 1));
    play(&mut show, &[a, b], &[(at(7_000), A, Message::Stop)], at(8_000));
    assert_eq!(show.engine.phase(), Phase::Stopped);
}

#[test]
fn while_the_followed_machine_is_silent_the_one_that_is_left_is_obeyed() {
    let at = |ms: i64| Nanos(2_000_000_000) + Span::from_millis(ms);
    let a = Master::new(A, 0.0, 20.0, 100);
    let b = Master::new(B, 7.0, 20.0, 1_000);
    let lost_and = |others: &[(Nanos, PortSlot, Message)]| {
        let mut show = Show::new(set());
        let all: Vec<_> = [(at(955), A, Message::Start)].iter().chain(others).copied().collect();
        play(&mut show, &[a, b], &all, at(5_000));
        show.check();
        show
    };
    // A's bar would end at 2,880 ms.
    let show = lost_and(&[(at(2_300), B, Message::Start)]);
    let again = steps(&show).into_iter().filter(|step| step.1 == Tick(0)).map(|step| step.0).collect::<Vec<_>>();
    assert_eq!(again, [a.pulse(48), b.nearest(at(2_307))]);
    assert_eq!(show.engine.clock_source(), ClockSource::Port(B));

    let show = lost_and(&[(at(2_300), B, Message::Stop)]);
    assert_eq!(
        (show.engine.phase(), show.engine.sounding(), show.engine.clock_source()),
        (Phase::Stopped, 0, ClockSource::Port(B))
    );

    // CONTINUE then goes on where the music was, and everybody with it.
    let show = lost_and(&[(at(2_300), B, Message::Stop), (at(2_900), B, Message::Continue)]);
    check_none_missing(&steps(&show), 240);
    check_none_missing(&pulses_while_playing(&show), 40);

    // A song position moves it at the next pulse of the one that said so.
    let show = lost_and(&[(at(2_300), B, Message::SongPosition(100))]);
    let moved = steps(&show).into_iter().find(|step| step.1 >= Tick(100 * 240)).unwrap();
    assert_eq!(moved, (b.nearest(at(2_307)), Tick(100 * 240)));
}

/// The pulses between START or CONTINUE and STOP.
fn pulses_while_playing(show: &Show) -> Vec<(Nanos, Tick)> {
    let mut plays = false;
    let mut heard = Vec::new();
    for departure in &show.trace {
        match departure.message {
            Message::Start | Message::Continue => plays = true,
            Message::Stop => plays = false,
            Message::Clock if plays => heard.push((departure.due, departure.tick)),
            _ => {}
        }
    }
    heard
}

#[test]
fn a_join_is_not_made_again_because_another_clock_is_followed() {
    let program = || set_with("join = \"now\"", "clock = true");
    let at = |ms: i64| Nanos(2_000_000_000) + Span::from_millis(ms);
    let b = Master::new(B, 7.0, 20.0, 1_000);
    // Nothing but the second one: it is joined at its bar.
    let mut show = Show::new(program());
    play(&mut show, &[b], &[], at(5_000));
    assert_eq!(steps(&show)[0].0, b.pulse(96));
    // The master has said STOP and is silent since: its bar is not that of the other one.
    let a = Master::new(A, 0.0, 20.0, 150);
    let mut show = Show::new(program());
    play(&mut show, &[a, b], &[(at(500), A, Message::Start), (at(2_985), A, Message::Stop)], at(15_000));
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Stopped, ClockSource::Port(B)));
}

#[test]
fn another_program_keeps_the_clock_that_is_still_in_its_list() {
    let (mut show, _) = succession(set(), Master::new(B, 7.0, 20.4, 2_000));
    show.program = compile(&SET.replace("[\"a\", \"b\"]", "[\"b\", \"a\"]"));
    show.engine.adopt(&show.program, show.now);
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Running, ClockSource::Port(A)));
    show.advance(show.now);
    show.program = compile(&SET.replace("[\"a\", \"b\"]", "\"b\""));
    show.engine.adopt(&show.program, show.now);
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Stopped, ClockSource::Port(B)));
    show.command(Command::End);
    assert_eq!(check_trace(&show.trace), 0);
}
