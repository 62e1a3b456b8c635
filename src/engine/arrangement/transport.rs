//! Whether the song plays, and from where it goes on.
//!
//! MIDI's transport has three phases, not two. After START or CONTINUE nothing sounds yet: the *next* clock pulse is the
//! position they name (MIDI 1.0, "Start": "the receiver waits for the next Timing Clock"). Taking START itself for the
//! first pulse is the classic mistake, which plays everything one pulse early; [`Phase::Armed`] is what prevents it.

use crate::engine::program::Program;
use crate::engine::{Engine, Moment};
use crate::midi::Message;
use crate::time::{Nanos, TICKS_PER_SIXTEENTH, Tick, TickSpan};

/// What the transport is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing plays.
    #[default]
    Stopped,
    /// START or CONTINUE came; the next pulse is the position where the music goes on.
    Armed,
    /// The music plays.
    Running,
}

/// The transport: a phase, and the position at which the next START or CONTINUE takes effect. Real-time safe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transport {
    phase: Phase,
    /// Where the music goes on at the pulse after CONTINUE; always on a pulse.
    resume: Tick,
}

impl Transport {
    /// Returns what it is doing.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns where the music goes on at the pulse after CONTINUE.
    #[must_use]
    pub const fn resume(&self) -> Tick {
        self.resume
    }

    /// START: from the beginning, at the next pulse.
    pub const fn start(&mut self) {
        self.resume = Tick::ZERO;
        self.phase = Phase::Armed;
    }

    /// CONTINUE: from where it stopped or was put, at the next pulse. While it runs this changes nothing. Whether it
    /// changed anything.
    pub fn cont(&mut self) -> bool {
        let changed = self.phase == Phase::Stopped;
        if changed {
            self.phase = Phase::Armed;
        }
        changed
    }

    /// STOP, while the music was at `position`: CONTINUE will go on with the first pulse that had not been played.
    /// Whether it changed anything.
    pub fn stop(&mut self, position: Tick) -> bool {
        if self.phase == Phase::Running {
            // Not before where it began: our own clock begins a little after it was told to.
            self.resume = self.resume.max((position + TickSpan(1)).round_up_to(TickSpan::PULSE));
        }
        let changed = self.phase != Phase::Stopped;
        self.phase = Phase::Stopped;
        changed
    }

    /// The song position pointer: the position of the next pulse, in sixteenths from the start. While the music runs it
    /// jumps at the next pulse.
    pub fn locate(&mut self, sixteenths: u16) {
        self.resume = Tick(i64::from(sixteenths) * TICKS_PER_SIXTEENTH);
        if self.phase == Phase::Running {
            self.phase = Phase::Armed;
        }
    }

    /// The music goes on at `position`, which is on a pulse, when it does: told by nobody.
    pub fn place(&mut self, position: Tick) {
        self.resume = position;
    }

    /// The pulse that START or CONTINUE waited for has come: the music runs from [`Transport::resume`].
    pub fn run(&mut self) {
        self.phase = Phase::Running;
    }
}

impl Engine {
    pub(in crate::engine) fn start(&mut self, program: &Program, at: Nanos) {
        self.resuming = None;
        self.release_music(self.moment(at));
        self.transport.start();
        self.armed_at = at;
        self.forget_pulse_debt();
        self.settle_launch(at);
        self.rewind(program, at);
        self.tell_transport(self.moment(at), Message::Start);
        self.run_own_clock(program, at);
    }

    pub(in crate::engine) fn resume(&mut self, program: &Program, at: Nanos) {
        self.resuming = None;
        if self.transport.cont() {
            self.armed_at = at;
            self.tell_transport(self.moment(at), Message::Continue);
            self.run_own_clock(program, at);
        }
    }

    /// Tells clocked ports to play, and to wait for the pulse after it.
    pub(in crate::engine) fn tell_transport(&mut self, moment: Moment, message: Message) {
        self.joinable_from = None;
        let ports = self.transport_sent(moment, message);
        self.tell(moment, message, ports);
        self.told_to_play = true;
    }

    pub(in crate::engine) fn stop(&mut self, at: Nanos) {
        // Where the master was gone, what has been played in its place has been played.
        let position = self.clock.stop_position(at).map_or(self.moment(at).tick, |pulse| pulse - self.base);
        self.stop_after(at, position);
    }

    /// Stops where the music is, because the master is gone or the end has come.
    pub(in crate::engine) fn stop_here(&mut self, at: Nanos) {
        self.stop_after(at, self.moment(at).tick);
    }

    /// Stops at `at`; CONTINUE goes on after `position`.
    pub(in crate::engine) fn stop_after(&mut self, at: Nanos, position: Tick) {
        let moment = self.moment(at);
        let was_running = self.transport.phase() == Phase::Running;
        if self.transport.phase() == Phase::Armed {
            // No pulses were sent while START waited for its own; they go on with the next.
            self.set_pulses(self.clock.pulse_after(at));
        }
        self.resuming = None;
        self.chase.forget();
        self.transport.stop(position);
        self.turn = None;
        if was_running {
            let resume = self.transport.resume() + self.base;
            for port in self.ports.iter_mut() {
                port.pulse_debt = port.next_pulse - resume;
            }
        }
        self.release_all(moment);
        self.settle_launch(at);
        if self.told_to_play {
            self.tell(moment, Message::Stop, self.clocked);
            self.told_to_play = false;
        }
    }

    pub(in crate::engine) fn locate(&mut self, at: Nanos, sixteenths: u16) {
        self.release_music(self.moment(at));
        self.resuming = None;
        self.transport.locate(sixteenths);
        self.armed_at = at;
        self.forget_pulse_debt();
        self.settle_launch(at);
        self.tell(self.moment(at), Message::SongPosition(sixteenths), self.clocked);
    }

    /// Our own clock waits for no pulse: the music goes on with the next of its own.
    pub(in crate::engine) fn run_own_clock(&mut self, program: &Program, at: Nanos) {
        let next = self.pulsed.iter().map(|port| self.ports[port].next_pulse).max().unwrap_or(Tick(i64::MIN));
        let sent = program.clock.when_stopped.then_some(next);
        if let Some(pulse) = self.clock.begin(at, sent, self.transport.resume()) {
            self.seat_pulses(pulse);
            self.run(program, pulse);
        }
    }

    /// The music goes on from where the transport says, which falls on `pulse` of the clock.
    pub(in crate::engine) fn run(&mut self, program: &Program, pulse: Tick) {
        let position = self.transport.resume();
        self.turn = None;
        self.base = pulse - position;
        self.transport.run();
        self.program_swap.reckon(position.round_up_to(program.meter.bar()));
        self.await_line(program, position);
        self.seat_music(program, position);
        self.chase.forget();
        self.chase(program, position, |_| true);
        if let Some(length) = self.end_after.take() {
            self.end_at = Some(position + length);
        }
    }

    /// Nothing plays any more; what a panic has left to send, and what waits, leaves at once.
    pub(in crate::engine) fn end(&mut self) {
        self.ended = true;
        self.end_duties(self.not_before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continue_goes_on_with_the_first_pulse_not_played() {
        let mut transport = Transport::default();
        transport.start();
        assert_eq!(transport.phase(), Phase::Armed);
        transport.run();
        // Pulse 3 has been played, and a little of what follows it.
        assert!(transport.stop(Tick(3 * 40 + 7)));
        assert_eq!(transport.resume(), Tick(4 * 40));
        assert!(!transport.stop(Tick(0)));
        assert!(transport.cont());
        assert_eq!((transport.phase(), transport.resume()), (Phase::Armed, Tick(4 * 40)));
    }

    #[test]
    fn stopped_exactly_on_a_pulse_that_pulse_was_played() {
        let mut transport = Transport::default();
        transport.start();
        transport.run();
        transport.stop(Tick(80));
        assert_eq!(transport.resume(), Tick(120));
    }

    #[test]
    fn a_start_that_never_got_its_pulse_begins_again_at_0() {
        let mut transport = Transport::default();
        transport.start();
        transport.stop(Tick(0));
        assert_eq!(transport.resume(), Tick(0));
    }

    #[test]
    fn the_song_position_counts_sixteenths_to_the_end_of_its_14_bits() {
        let mut transport = Transport::default();
        transport.locate(16_383);
        assert_eq!(transport.resume(), Tick(16_383 * 240));
        assert_eq!(transport.resume().pulse(), 16_383 * 6);
    }
}
