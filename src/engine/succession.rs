//! Whose clock is followed, where several may be: the first of the list that lives.
//!
//! # While the music plays
//!
//! When the followed clock is lost, its pulses having stopped without STOP, the music goes on at its last tempo to the next
//! bar line, and from there on the grid of the next clock of the list that lives. The bar line falls on the pulse of the new
//! clock that is nearest to it, so the one bar is longer or shorter by half a pulse at most, and no step is skipped, doubled or
//! moved within its bar otherwise. A preferred clock that comes back is followed again in the same way, once it has been
//! steady for a bar. What happens when none of them lives is for [`Lost`](super::program::Lost) to say.
//!
//! # While nothing plays
//!
//! There is nothing to keep in place: the first clock of the list that lives is followed from its next pulse on.
//!
//! # Transport
//!
//! START, CONTINUE, STOP and song positions are those of the followed clock. Of another one they are obeyed
//!
//! - when the followed clock is silent: somebody has pressed *play*, or *stop*, on the machine that is left; and
//! - when nothing plays and the other one is preferred: many a machine sends its clock only while it plays, so its START
//!   comes before it is alive.
//!
//! With START, CONTINUE and a song position it becomes the followed one at once. Otherwise they are not heard: while a
//! master plays, a second machine that is started beside it, or one further down the chain that passes its START on, must
//! not throw the music back to its beginning.
//!
//! Who has said START is waited for. Only when no pulse of it comes for a whole bar does the music begin with the pulse of
//! another.

use super::Engine;
use super::clock::{Clock, LOST_AFTER};
use super::program::{PortSlot, Program};
use super::transport::Phase;
use crate::midi::Message;
use crate::time::{Nanos, Tick, TickSpan};

impl Engine {
    /// Which of the clocks is followed.
    pub(super) fn followed(&self) -> Option<usize> {
        match &self.clock {
            Clock::Internal(_) => None,
            Clock::Midi(sources) => Some(sources.followed()),
        }
    }

    /// Whether `message`, which came on `port`, counts if it is of the transport.
    pub(super) fn heeds(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) -> bool {
        let Clock::Midi(sources) = &self.clock else { return false };
        let Some(index) = sources.index_of(port) else { return false };
        if index == sources.followed() {
            return true;
        }
        let silent = sources.current().is_lost(at) && self.has_waited(program, LOST_AFTER, at);
        match message {
            Message::Stop => silent,
            Message::Start | Message::Continue | Message::SongPosition(_) => {
                let counts = silent || (self.transport.phase() != Phase::Running && index < sources.followed());
                if counts {
                    self.follow(index, at);
                }
                counts
            }
            _ => false,
        }
    }

    /// Whether a START, if one waits for its pulse, has done so for `long` at `at`.
    fn has_waited(&self, program: &Program, long: TickSpan, at: Nanos) -> bool {
        let tempo = self.clock.tempo().unwrap_or(program.tempo);
        self.transport.phase() != Phase::Armed || at >= self.armed_at + tempo.span_of(long)
    }

    /// A pulse came of one of the clocks at `at`: looks for the best of them. The loss of the followed one is noticed with
    /// the next pulse of another: before it there is none to follow.
    pub(super) fn choose(&mut self, program: &Program, at: Nanos) {
        let Clock::Midi(sources) = &self.clock else { return };
        if !sources.are_several() {
            return;
        }
        let followed = sources.followed();
        match self.transport.phase() {
            Phase::Running => {
                let planned = sources.successor(at, steady(program)) != followed;
                if !planned {
                    self.turn = None;
                } else if self.turn.is_none() {
                    self.turn = Some(self.next_line(program, at));
                }
            }
            Phase::Armed => {
                let gone = sources.current().is_lost(at) && self.has_waited(program, program.meter.bar(), at);
                let best = sources.first_living(at);
                if gone && best != followed {
                    self.follow(best, at);
                }
            }
            Phase::Stopped => {
                let best = sources.first_living(at);
                if best != followed {
                    self.follow(best, at);
                }
            }
        }
    }

    /// The bar line has come, at `at`, from which another clock is followed, if that is still the better one.
    pub(super) fn turn(&mut self, program: &Program, at: Nanos) {
        let Some(line) = self.turn.take() else { return };
        let Clock::Midi(sources) = &self.clock else { return };
        let best = sources.successor(at, steady(program));
        if let Some(timeline) = sources.timeline().filter(|_| best != sources.followed()) {
            let falls_at = timeline.time_of(line + self.base);
            self.follow(best, falls_at);
            // What the new grid would have had before now was not due then.
            self.happened_at = self.happened_at.max(at);
        }
    }

    /// Follows the clock `index`, on whose grid the music is at `at` where it was on the old one.
    fn follow(&mut self, index: usize, at: Nanos) {
        let Clock::Midi(sources) = &mut self.clock else { return };
        sources.follow(index, at);
        let last = sources.last_pulse();
        if self.transport.phase() != Phase::Running {
            // Nobody is sent the pulses of a silence.
            let next = self.pulse_after(at);
            self.pulses.iter_mut().for_each(|pulse| *pulse = next.max(*pulse));
            self.joinable_from = self.joinable_from.map(|_: Tick| last);
        }
    }
}

/// For how many pulses a preferred clock has to be steady before it is followed again: a bar.
fn steady(program: &Program) -> i64 {
    program.meter.bar().0 / TickSpan::PULSE.0
}
