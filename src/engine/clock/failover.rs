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

use super::HeardPulse;
use super::midi::LOST_AFTER;
use super::sources::Sources;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{PortSlot, Program};
use crate::midi::Message;
use crate::time::{Nanos, Tempo, Tick, TickSpan};

/// What the music does that listens to the clocks.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    /// What its transport is doing.
    pub phase: Phase,
    /// When what it waits with for its pulse came.
    pub armed_at: Nanos,
    /// How long a bar is.
    pub bar: TickSpan,
    /// Its tempo as it is written.
    pub tempo: Tempo,
}

impl Listener {
    /// The music of `program` in this phase; what it waits with, if it does, came at `armed_at`.
    #[must_use]
    pub fn new(program: &Program, phase: Phase, armed_at: Nanos) -> Listener {
        Listener { phase, armed_at, bar: program.meter.bar(), tempo: program.tempo }
    }

    /// For how many pulses a preferred clock has to be steady before it is followed again: a bar.
    const fn steady(&self) -> i64 {
        self.bar.0 / TickSpan::PULSE.0
    }
}

/// What becomes of the choice among several clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing new.
    Stays,
    /// Another one is better, and is to be followed from the next bar line on.
    Planned,
    /// None other is better.
    Settled,
    /// Another one is followed from now on.
    Changed,
}

impl Sources {
    /// See [`Clock::hear_pulse`](super::Clock::hear_pulse).
    pub(super) fn hear_pulse(&mut self, port: PortSlot, at: Nanos, listener: Listener) -> Option<HeardPulse> {
        let index = self.index_of(port)?;
        let begins = index == self.followed() && listener.phase == Phase::Armed;
        let follower = self.follower(index);
        let was_lost = follower.is_lost(at);
        let counted = if begins { follower.first_pulse(at) } else { follower.pulse(at) };
        let is_doubled = follower.is_doubled();
        let choice = if counted == 0 { Choice::Stays } else { self.choose(at, listener) };
        Some(HeardPulse { counted, is_doubled, was_lost, is_followed: index == self.followed(), choice })
    }

    /// See [`Clock::heeds`](super::Clock::heeds).
    pub(super) fn heeds(&mut self, port: PortSlot, at: Nanos, message: Message, listener: Listener) -> (bool, Choice) {
        let Some(index) = self.index_of(port) else { return (false, Choice::Stays) };
        if index == self.followed() {
            return (true, Choice::Stays);
        }
        let silent = self.current().is_lost(at) && self.has_waited(LOST_AFTER, at, listener);
        match message {
            Message::Stop => (silent, Choice::Stays),
            Message::Start | Message::Continue | Message::SongPosition(_) => {
                let counts = silent || (listener.phase != Phase::Running && index < self.followed());
                (counts, if counts { self.change(index, at) } else { Choice::Stays })
            }
            _ => (false, Choice::Stays),
        }
    }

    /// Returns whether a START, if one waits for its pulse, has done so for `long` at `at`.
    fn has_waited(&self, long: TickSpan, at: Nanos, listener: Listener) -> bool {
        let tempo = self.tempo().unwrap_or(listener.tempo);
        listener.phase != Phase::Armed || at >= listener.armed_at + tempo.span_of(long)
    }

    /// A pulse came of one of the clocks at `at`: looks for the best of them. The loss of the followed one is noticed with
    /// the next pulse of another: before it there is none to follow.
    fn choose(&mut self, at: Nanos, listener: Listener) -> Choice {
        if !self.are_several() {
            return Choice::Stays;
        }
        let better = match listener.phase {
            Phase::Running if self.successor(at, listener.steady()) == self.followed() => return Choice::Settled,
            Phase::Running => return Choice::Planned,
            Phase::Armed => {
                let gone = self.current().is_lost(at) && self.has_waited(listener.bar, at, listener);
                gone.then(|| self.first_living(at))
            }
            Phase::Stopped => Some(self.first_living(at)),
        };
        better.filter(|&best| best != self.followed()).map_or(Choice::Stays, |best| self.change(best, at))
    }

    /// See [`Clock::turn`](super::Clock::turn).
    pub(super) fn turn(&mut self, line: Tick, at: Nanos, listener: Listener) -> Option<Nanos> {
        let best = self.successor(at, listener.steady());
        let timeline = self.timeline().filter(|_| best != self.followed())?;
        let falls_at = timeline.time_of(line);
        self.follow(best, falls_at);
        Some(falls_at)
    }

    /// Follows the clock `index`, on whose grid the music is at `at` where it was on the old one.
    fn change(&mut self, index: usize, at: Nanos) -> Choice {
        self.follow(index, at);
        Choice::Changed
    }
}
