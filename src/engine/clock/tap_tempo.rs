//! The tempo as hands set it: said, nudged, tapped.
//!
//! Only our own clock has a tempo that can be set; where a clock is followed, nothing here does anything. A change moves no
//! position: what has been played stays played, and the next tick comes as much sooner or later as the rest of the present
//! one becomes shorter or longer. What leaves early or late by a port's offset keeps its offset, so what such a port was
//! about to send at the moment of the change is moved by as much of the offset as the tempo has changed by.
//!
//! What hands set stays until the set file itself says another tempo.

use crate::engine::Engine;
use crate::engine::program::Program;
use crate::time::{Nanos, Span, Tempo, Tick};

/// How many taps count.
const TAPS: usize = 8;
/// After this long a silence, taps begin anew.
const FORGOTTEN_AFTER: Span = Span::from_millis(2_000);
/// A tap that comes sooner than this after another is a key that bounces: half of a beat at the fastest tempo.
const BOUNCE: Span = Span::from_millis(75);

/// The times of the last taps. Real-time safe throughout.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Taps {
    at: [Nanos; TAPS],
    len: usize,
}

impl Default for Taps {
    fn default() -> Taps {
        Taps { at: [Nanos(0); TAPS], len: 0 }
    }
}

impl Taps {
    /// A tap came at `at`. The tempo that it makes with those before it, from the second one on.
    fn tap(&mut self, at: Nanos) -> Option<Tempo> {
        if let Some(&last) = self.at[..self.len].last() {
            let since = at.since(last);
            if since < BOUNCE {
                return None;
            }
            if since > FORGOTTEN_AFTER {
                self.len = 0;
            }
        }
        if self.len == TAPS {
            self.at.copy_within(1.., 0);
            self.len -= 1;
        }
        self.at[self.len] = at;
        self.len += 1;
        let intervals = self.len - 1;
        let Span(whole) = at.since(self.at[0]);
        (intervals > 0).then(|| held(60e9 * intervals as f64 / whole as f64))
    }
}

/// The tempo of `bpm`, held to what is accepted.
fn held(bpm: f64) -> Tempo {
    let bpm = bpm.clamp(Tempo::SLOWEST, Tempo::FASTEST);
    // It is in range now, whatever it was; there is nothing sensible that is not a number.
    Tempo::from_bpm(bpm).unwrap_or(Tempo::from_pulse_q32(u64::MAX))
}

impl Engine {
    /// Plays at `tempo` from now on, where the clock is our own.
    pub(in crate::engine) fn set_tempo(&mut self, tempo: Tempo) {
        let now = self.now;
        if self.clock.set_tempo(now, tempo) {
            // What the new tempo makes due was not due before it.
            self.not_before = self.not_before.max(now);
        }
    }

    /// From now on the system's clock runs fast by `pace` millionths.
    pub(in crate::engine) fn set_pace(&mut self, pace: i32) {
        let now = self.now;
        self.pace = pace;
        if self.clock.set_pace(now, pace) {
            self.not_before = self.not_before.max(now);
        }
    }

    /// Changes the tempo by so many hundredths of a quarter note a minute.
    pub(in crate::engine) fn nudge(&mut self, hundredths: i32) {
        if let Some(tempo) = self.clock.own_tempo() {
            // Rounded, so that what is nudged to and fro comes back to where it was.
            let bpm = (tempo.bpm() * 1e6).round() / 1e6;
            self.set_tempo(held(bpm + f64::from(hundredths) / 100.0));
        }
    }

    /// A beat was tapped at `at`.
    pub(in crate::engine) fn tap(&mut self, at: Nanos) {
        if let Some(tempo) = self.taps.tap(at) {
            self.set_tempo(tempo);
        }
    }

    /// Goes over to the tempo of `program`, if it is another one than its predecessor's: from the position `from` on, or now.
    pub(in crate::engine) fn adopt_tempo(&mut self, program: &Program, from: Option<Tick>) {
        if program.tempo == self.written_tempo {
            return;
        }
        self.written_tempo = program.tempo;
        match from {
            Some(from) => {
                self.clock.retune(from + self.base, program.tempo);
            }
            None => self.set_tempo(program.tempo),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tempo after taps that are so many milliseconds apart.
    fn tapped(gaps: &[u64]) -> Option<f64> {
        let (mut taps, mut at) = (Taps::default(), Nanos(5_000_000_000));
        let mut tempo = taps.tap(at);
        for gap in gaps {
            at = Nanos(at.0 + gap * 1_000_000);
            tempo = taps.tap(at);
        }
        tempo.map(|tempo| (tempo.bpm() * 1e3).round() / 1e3)
    }

    #[test]
    fn the_mean_of_the_last_taps() {
        assert_eq!(tapped(&[]), None);
        assert_eq!(tapped(&[500]), Some(120.0), "two taps are enough");
        assert_eq!(tapped(&[490, 510, 505, 495]), Some(120.0));
        assert_eq!(tapped(&[900, 500, 500, 500, 500, 500, 500, 500]), Some(120.0), "eight taps count");
    }

    #[test]
    fn after_a_silence_taps_begin_anew() {
        assert_eq!(tapped(&[1_000, 2_000]), Some(40.0));
        assert_eq!(tapped(&[500, 500, 2_001]), None);
        assert_eq!(tapped(&[500, 500, 2_001, 400]), Some(150.0));
    }

    #[test]
    fn a_key_that_bounces_taps_once() {
        assert_eq!(tapped(&[500, 10]), None, "and changes nothing");
        assert_eq!(tapped(&[500, 10, 490]), Some(120.0));
        assert_eq!(tapped(&[80, 80]), Some(400.0), "held to what is accepted");
    }
}
