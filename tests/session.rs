//! Playing along with a session whose timeline is told, in virtual time: where music begins, and what becomes of it when the
//! session changes or is gone.

use crate::support::*;
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::program::{PortSlot, Program};
use tightrope::engine::{ClockSource, Command, SessionState};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, Tempo, Tick, TickSpan};

const C: PortSlot = PortSlot(0);
const BAR: TickSpan = TickSpan(3_840);

/// A synthesizer that plays a quarter each, from `c2` on the first beat, and gets the clock.
const SET: &str = r#"
    [clock]
    clock_when_stopped = false
    [ports.c]
    device = "c"
    clock = true
    [tracks.t]
    port = "c"
    channel = 1
    [patterns.p]
    t = { step = "1/4", steps = "c2 d2 e2 f2" }
"#;

fn set(lost: &str) -> Program {
    let mut program = compile(&SET.replace("[clock]", &format!("[clock]\n{lost}")));
    program.clock.session = Some(BAR);
    program
}

/// The session is at `tick` at `at`, and has `bpm`.
#[derive(Clone, Copy)]
struct Told {
    tick: i64,
    at: Nanos,
    bpm: f64,
}

impl Told {
    fn state(self, playing: bool) -> SessionState {
        let tempo = Tempo::from_bpm(self.bpm).unwrap();
        SessionState { tick: Tick(self.tick), time: self.at, tempo, playing }
    }

    /// When the session is at `tick`.
    fn time_of(self, tick: i64) -> Nanos {
        self.at + Tempo::from_bpm(self.bpm).unwrap().span_of(TickSpan(tick - self.tick))
    }

    /// How far `time` is from the nearest place of the session that is `phase` after a bar line.
    fn off(self, time: Nanos, phase: i64) -> Span {
        let bar = Tempo::from_bpm(self.bpm).unwrap().span_of(BAR).0;
        let since = time.since(self.time_of(phase)).0;
        Span((since + bar / 2).rem_euclid(bar) - bar / 2)
    }
}

fn tell(show: &mut Show, told: Told, playing: bool) {
    show.command(Command::Session(Some(told.state(playing))));
}

/// The quarters that have been struck: when, and which of the bar.
fn quarters(show: &Show) -> Vec<(Nanos, i64)> {
    let of_key = |key: u8| [48, 50, 52, 53].iter().position(|&known| known == key).unwrap() as i64;
    show.note_ons(C).into_iter().map(|(at, key)| (at, of_key(key))).collect()
}

/// Each of `quarters` is at its place in the session, to 2 us, and follows the one before it.
fn assert_in_phase(quarters: &[(Nanos, i64)], told: Told) {
    for (at, quarter) in quarters {
        let off = told.off(*at, quarter * 960);
        assert!(off.0.abs() <= 2_000, "quarter {quarter} at {at:?} is {off:?} off");
    }
    assert_in_order(quarters);
}

fn assert_in_order(quarters: &[(Nanos, i64)]) {
    assert!(quarters.windows(2).all(|pair| pair[1].1 == (pair[0].1 + 1) % 4), "{quarters:?}");
}

fn start(show: &mut Show, bpm: f64) -> Told {
    let told = Told { tick: 100, at: show.now, bpm };
    tell(show, told, true);
    told
}

#[test]
fn a_session_that_plays_takes_the_music_along_from_its_next_bar_line() {
    let mut show = Show::new(set(""));
    let told = start(&mut show, 123.0);
    assert_eq!(show.engine.clock_source(), ClockSource::Session);
    show.wait(Span::from_millis(10_000));
    let struck = quarters(&show);
    assert_eq!((struck[0].1, struck.len()), (0, 17));
    assert_in_phase(&struck, told);
    assert!(struck[0].0.since(told.at).0 <= 60_000_000_000 / 123 * 4, "{:?}", struck[0]);
    // Whoever gets the clock gets 24 pulses to the quarter, from the first on.
    let start = show.trace.iter().position(|departure| departure.message == Message::Start).unwrap();
    let pulse = show.trace[start..].iter().find(|departure| departure.message == Message::Clock).unwrap();
    assert_eq!(pulse.due, struck[0].0);
    show.command(Command::Session(Some(SessionState { playing: false, ..told.state(true) })));
    assert_eq!(show.engine.phase(), Phase::Stopped);
    show.check();
}

#[test]
fn music_that_is_started_by_hand_waits_for_the_session_and_for_its_bar_line() {
    let mut show = Show::new(set(""));
    show.command(Command::Start);
    show.wait(Span::from_millis(3_000));
    assert_eq!((show.engine.phase(), quarters(&show).len()), (Phase::Armed, 0));
    let told = Told { tick: 960, at: show.now, bpm: 120.0 };
    tell(&mut show, told, false);
    show.wait(Span::from_millis(1_400));
    assert_eq!(quarters(&show).len(), 0);
    show.wait(Span::from_millis(4_000));
    assert_in_phase(&quarters(&show), told);
    // CONTINUE goes on at the place in the bar where it stopped.
    show.command(Command::Stop);
    show.wait(Span::from_millis(777));
    let stopped = quarters(&show).len();
    show.command(Command::Continue);
    show.wait(Span::from_millis(5_000));
    assert!(quarters(&show).len() > stopped + 4);
    assert_in_phase(&quarters(&show), told);
    assert_eq!(show.count(C, Message::Continue), 1);
    show.command(Command::Stop);
    show.check();
}

#[test]
fn another_tempo_counts_at_once_and_moves_nothing() {
    let mut show = Show::new(set(""));
    let told = start(&mut show, 120.0);
    show.wait(Span::from_millis(5_100));
    let before = quarters(&show).len();
    // The session goes over to another tempo where it is.
    let tempo = Tempo::from_bpm(120.0).unwrap();
    let ticks = show.now.since(told.at).0 / tempo.span_of(TickSpan(1)).0;
    let other = Told { tick: told.tick + ticks, at: told.time_of(told.tick + ticks), bpm: 151.5 };
    tell(&mut show, other, true);
    show.wait(Span::from_millis(5_000));
    let struck = quarters(&show);
    assert_in_phase(&struck[..before], told);
    // Since its last tick the session has gone on at the other tempo, and the music has not.
    assert_in_phase(&struck[before + 1..], other);
    assert_in_order(&struck);
}

#[test]
fn a_small_step_is_made_up_for_over_a_beat() {
    for step_ms in [-50, -3, 3, 50] {
        let mut show = Show::new(set(""));
        let told = start(&mut show, 120.0);
        show.wait(Span::from_millis(5_100));
        let before = quarters(&show).len();
        let other = Told { at: told.at + Span::from_millis(step_ms), ..told };
        tell(&mut show, other, true);
        show.wait(Span::from_millis(5_000));
        let struck = quarters(&show);
        assert_in_phase(&struck[..before], told);
        // One quarter is on the way.
        assert_in_phase(&struck[before + 1..], other);
        assert_in_order(&struck);
        let longest = struck.windows(2).map(|pair| pair[1].0.since(pair[0].0).0).max().unwrap();
        let shortest = struck.windows(2).map(|pair| pair[1].0.since(pair[0].0).0).min().unwrap();
        assert!((longest - 500_000_000).abs().max((shortest - 500_000_000).abs()) <= step_ms.abs() * 1_000_000 + 2_000);
    }
}

#[test]
fn a_larger_step_waits_for_the_bar_line() {
    for step_ms in [-900, -300, 300, 900] {
        let mut show = Show::new(set(""));
        let told = start(&mut show, 120.0);
        show.wait(Span::from_millis(5_100));
        let before = quarters(&show).len();
        let other = Told { at: told.at + Span::from_millis(step_ms), ..told };
        tell(&mut show, other, true);
        show.wait(Span::from_millis(8_000));
        let struck = quarters(&show);
        let line = struck[before..].iter().position(|(_, quarter)| *quarter == 0).unwrap() + before;
        assert_in_phase(&struck[..line], told);
        assert_in_phase(&struck[line..], other);
        assert_in_order(&struck);
        let waited = struck[line].0.since(struck[line - 1].0);
        assert!((500_000_000..2_500_000_000).contains(&waited.0), "{waited:?}");
        // The pulses wait with it: 24 from quarter to quarter.
        let pulses = |from: Nanos, to: Nanos| {
            let clock = show.trace.iter().filter(|departure| departure.message == Message::Clock);
            clock.filter(|departure| (from.0..to.0).contains(&departure.due.0)).count()
        };
        assert!(struck.windows(2).all(|pair| pulses(pair[0].0, pair[1].0) == 24));
        show.command(Command::Stop);
        show.check();
    }
}

#[test]
fn what_is_told_while_nothing_plays_counts_at_once() {
    let mut show = Show::new(set(""));
    tell(&mut show, Told { tick: 0, at: Nanos(0), bpm: 90.0 }, false);
    show.wait(Span::from_millis(1_000));
    let told = Told { tick: 77, at: show.now, bpm: 140.0 };
    tell(&mut show, told, false);
    assert_eq!(show.engine.tempo().map(|tempo| tempo.bpm().round()), Some(140.0));
    show.command(Command::Tempo(Tempo::from_bpm(60.0).unwrap()));
    assert_eq!(show.engine.tempo().map(|tempo| tempo.bpm().round()), Some(140.0), "it is the session's");
    show.command(Command::Start);
    show.wait(Span::from_millis(4_000));
    assert_in_phase(&quarters(&show), told);
}

#[test]
fn a_session_that_is_gone_is_held_as_a_lost_clock_is() {
    for (lost, held_ms) in [("lost = \"hold\"", None), ("lost = \"stop\"", Some(0)), ("", Some(8_000))] {
        let mut show = Show::new(set(lost));
        let told = start(&mut show, 120.0);
        show.wait(Span::from_millis(5_100));
        let gone_at = show.now;
        show.command(Command::Session(None));
        show.wait(Span::from_millis(20_000));
        assert_in_phase(&quarters(&show), told);
        let (last, _) = *quarters(&show).last().unwrap();
        match held_ms {
            None => assert!(show.engine.phase() == Phase::Running),
            Some(held) => {
                assert_eq!(show.engine.phase(), Phase::Stopped);
                assert!(last.since(gone_at) <= Span::from_millis(held), "{lost}: {last:?}");
                assert!(last.since(gone_at) >= Span::from_millis(held - 501), "{lost}: {last:?}");
            }
        }
        show.command(Command::Stop);
        show.check();
    }
}

#[test]
fn where_no_session_is_followed_it_may_be_told_what_it_likes() {
    let mut show = Show::new(circuits_alone());
    show.command(Command::Start);
    show.wait(Span::from_millis(2_000));
    let before = text(&show.trace);
    show.command(Command::Session(Some(Told { tick: 5, at: Nanos(9), bpm: 33.0 }.state(false))));
    show.command(Command::Session(None));
    assert_eq!(before, text(&show.trace));
    assert_eq!((show.engine.phase(), show.engine.clock_source()), (Phase::Running, ClockSource::Own));
}
