//! What a slaved machine counts: it hears START, CONTINUE, STOP, song position and pulses, and must be where we are.
//!
//! A pulse too many or too few before or after one of those is not heard in any note of ours; it shows only in the position
//! of whoever follows us, for good. So here stands a machine that counts as the MIDI specification says.

use crate::support::*;
use tightrope::engine::Command;
use tightrope::engine::program::{ClockOut, Join, Lost, Program};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span, TickSpan};

/// The position of a machine behind the Mono Station's port.
#[derive(Clone, Copy, Debug, Default)]
struct Receiver {
    playing: bool,
    /// How many pulses it has counted since the beginning of the song.
    pulses: i64,
    /// When it was at the beginning of the song.
    first_beat: Option<Nanos>,
}

fn receiver(show: &Show) -> Receiver {
    let mut receiver = Receiver::default();
    for departure in show.trace.iter().filter(|departure| departure.port == MONO) {
        match departure.message {
            Message::Start => receiver = Receiver { playing: true, ..Receiver::default() },
            Message::Continue => receiver.playing = true,
            Message::Stop => receiver.playing = false,
            Message::SongPosition(sixteenths) => receiver.pulses = i64::from(sixteenths) * 6,
            Message::Clock if receiver.playing => {
                if receiver.pulses == 0 {
                    receiver.first_beat = Some(departure.due);
                }
                receiver.pulses += 1;
            }
            _ => {}
        }
    }
    receiver
}

fn with_offset(mut program: Program, millis: i64) -> Program {
    program.ports[1].offset = Span::from_millis(millis);
    program
}

const HALF: Span = Span::from_millis(10);

#[test]
fn start_on_our_own_clock_falls_on_our_first_beat() {
    for offset in [0, 50, -50] {
        for micros in [0, 10_000, 19_500, 19_999] {
            let mut show = Show::new(with_offset(circuits_alone(), offset));
            show.wait(Span::from_micros(2_000_000 + micros));
            show.command(Command::Start);
            show.wait(Span::from_millis(1_000));
            let first_note = show.note_ons(MONO)[0].0;
            assert_eq!(receiver(&show).first_beat, Some(first_note), "offset {offset} ms, {micros} us after a pulse");
        }
    }
}

#[test]
fn stop_and_continue_lose_and_double_nothing() {
    for offset in [0, 50, -50] {
        let mut show = Show::new(with_offset(circuits(), offset));
        show.pulses(23, PULSE);
        show.pulses(1, HALF);
        show.input(CIRCUIT, Message::Start);
        show.wait(HALF);
        for _ in 0..5 {
            show.pulses(99, PULSE);
            show.pulses(1, HALF);
            show.input(CIRCUIT, Message::Stop);
            show.wait(HALF);
            show.pulses(10, PULSE);
            show.input(CIRCUIT, Message::Continue);
        }
        show.pulses(99, PULSE);
        show.pulses(1, HALF);
        // It is half a pulse after pulse 599: the late port has yet to get two of them, the early one has had three more.
        let expected = (1_199 - offset / 10).div_euclid(2) + 1;
        assert_eq!(receiver(&show).pulses, expected, "offset {offset} ms");
    }
}

#[test]
fn on_our_own_clock_too() {
    for offset in [0, 50, -50] {
        let mut show = Show::new(with_offset(circuits_alone(), offset));
        show.command(Command::Start);
        for _ in 0..5 {
            show.wait(Span::from_millis(1_234));
            show.command(Command::Stop);
            show.wait(Span::from_millis(321));
            show.command(Command::Continue);
        }
        show.wait(Span::from_millis(5_000));
        let position = show.engine.position().pulse() + 1 - offset / 20;
        let counted = receiver(&show).pulses;
        assert!((counted - position).abs() <= 1, "offset {offset} ms: {counted} for {position}");
    }
}

#[test]
fn a_join_begins_with_the_same_pulse_for_everybody() {
    for clock in [ClockOut::Raw, ClockOut::Regenerated] {
        let mut program = circuits();
        program.clock.join = Join::Now;
        program.ports[1].clock = clock;
        let mut show = Show::new(program);
        show.pulses(200, PULSE);
        assert_eq!(receiver(&show).first_beat, Some(show.note_ons(MONO)[0].0), "{clock:?}");
    }
}

#[test]
fn a_master_that_comes_back_with_a_stutter_is_met_where_it_is() {
    let mut program = circuits();
    program.clock.lost = Lost::Hold;
    let mut show = Show::new(program);
    show.pulses(23, PULSE);
    show.pulses(1, HALF);
    show.input(CIRCUIT, Message::Start);
    show.wait(HALF);
    show.pulses(480, PULSE);
    show.wait(Span(150 * PULSE.0));
    let back = show.now;
    show.pulses(1, Span::from_millis(1));
    show.pulses(1, Span::from_millis(19));
    show.pulses(400, PULSE);
    let hats = show.note_ons(CIRCUIT).iter().filter(|note| note.0 >= back && note.1 != 62).count();
    assert!(hats >= 400 / 6 * 3 / 4, "only {hats} drums after its return");
    let master = 480 + 150 + 2 + 400;
    let counted = receiver(&show).pulses;
    assert!((counted - master).abs() <= 1, "{counted} pulses for {master}");
}

#[test]
fn an_end_is_the_same_for_early_and_late_ports() {
    for offset in [0, 50, -50] {
        let mut show = Show::new(with_offset(circuits_alone(), offset));
        show.wait(Span::from_millis(2_000));
        show.command(Command::EndAfter(TickSpan(3_840)));
        show.command(Command::Start);
        show.wait(Span::from_millis(4_000));
        assert!(show.engine.is_finished());
        assert_eq!(receiver(&show).pulses, 96, "offset {offset} ms");
        assert_eq!(check_trace(&show.trace), 0);
    }
}

#[test]
fn another_program_begins_its_clock_at_once() {
    let mut show = Show::new(circuits());
    show.pulses(1_000, PULSE);
    show.program = circuits_alone();
    show.engine.adopt(&show.program, show.now);
    show.command(Command::Start);
    let started = show.now;
    show.wait(Span::from_millis(1_000));
    assert!(show.note_ons(MONO)[0].0.since(started) < Span::from_millis(50));

    let mut without_clock = circuits_alone();
    without_clock.ports[1].clock = ClockOut::None;
    let mut show = Show::new(without_clock);
    show.wait(Span::from_millis(20_000));
    show.program = circuits_alone();
    show.engine.adopt(&show.program, show.now);
    show.wait(PULSE);
    assert!(show.count(MONO, Message::Clock) <= 2, "pulses of the past");
}
