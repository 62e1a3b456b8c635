//! Active sensing: an instrument that has heard it notices when we are gone, so it has to hear it for as long as we are there.

use crate::support::*;
use tightrope::engine::Command;
use tightrope::engine::ports::active_sensing::SENSED_EVERY;
use tightrope::midi::Message;
use tightrope::time::{Nanos, Span};

/// How long the standard lets us be silent.
const ALLOWED: Span = Span::from_millis(300);

/// A note a bar; without a clock, so that much is silent.
fn sparse(senses: &str) -> Show {
    Show::new(compile(&format!(
        "[ports.a]\ndevice = \"A\"\n[ports.b]\ndevice = \"B\"\n{senses}\n[tracks.t]\nport = \"b\"\nchannel = 1\n\
         [patterns.p]\nt = \"c2 . . .\"\n"
    )))
}

/// When each message left by the second port.
fn times(show: &Show) -> Vec<Nanos> {
    show.trace.iter().filter(|departure| departure.port == MONO).map(|departure| departure.due).collect()
}

#[test]
fn from_the_first_message_on_the_port_is_never_silent_for_longer_than_the_standard_allows() {
    let mut show = sparse("active_sensing = true");
    show.wait(Span::from_millis(5_000));
    assert_eq!(times(&show), [], "nothing sounds where nothing was sent");
    show.command(Command::Start);
    show.wait(Span::from_millis(5_000));
    show.command(Command::Stop);
    show.wait(Span::from_millis(5_000));
    let times = times(&show);
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) <= ALLOWED));
    assert!(show.now.since(times[times.len() - 1]) <= ALLOWED, "while the music is stopped as well");
    let sent = show.count(MONO, Message::ActiveSensing);
    assert!((30..=40).contains(&sent), "no more of it than is needed: {sent}");
    assert_eq!(show.count(CIRCUIT, Message::ActiveSensing), 0);
    show.check();
}

#[test]
fn where_pulses_come_it_is_not_needed_and_without_being_asked_for_it_is_not_sent() {
    for senses in ["active_sensing = true\nclock = true", ""] {
        let mut show = sparse(senses);
        show.command(Command::Start);
        show.wait(Span::from_millis(5_000));
        assert_eq!(show.count(MONO, Message::ActiveSensing), 0);
    }
}

#[test]
fn it_ends_with_the_show() {
    let mut show = sparse("active_sensing = true");
    show.command(Command::Start);
    show.wait(SENSED_EVERY + SENSED_EVERY);
    let program = show.program.clone();
    show.command(Command::End);
    assert!(show.engine.is_finished());
    assert_eq!(show.engine.next_deadline(&show.program), None);
    // A program that was on its way.
    show.engine.adopt(&program, show.now);
    show.wait(Span::from_millis(1_000));
    assert_eq!(show.engine.next_deadline(&show.program), None);
}

#[test]
fn a_stall_makes_it_up_without_end() {
    let mut show = sparse("active_sensing = true");
    show.command(Command::Start);
    show.wait(Span::from_millis(100));
    let before = show.count(MONO, Message::ActiveSensing);
    show.advance(show.now + Span::from_millis(60_000));
    let after = show.count(MONO, Message::ActiveSensing);
    assert!((after - before) as i64 <= 60_000 / 250, "{before} and {after}");
}
