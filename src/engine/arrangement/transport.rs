//! Whether the song plays, and from where it goes on.
//!
//! MIDI's transport has three phases, not two. After START or CONTINUE nothing sounds yet: the *next* clock pulse is the
//! position they name (MIDI 1.0, "Start": "the receiver waits for the next Timing Clock"). Taking START itself for the
//! first pulse is the classic mistake, which plays everything one pulse early; [`Phase::Armed`] is what prevents it.

use crate::time::{TICKS_PER_SIXTEENTH, Tick, TickSpan};

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
    /// What it is doing.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Where the music goes on at the pulse after CONTINUE.
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
