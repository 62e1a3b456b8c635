//! Where the music is: between the clock's position and the song's, and how far ahead of it each port is.

use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{ClockOut, PatternSlot, Program};
use crate::engine::{Engine, Moment};
use crate::time::{Nanos, Span, Tick, TickSpan};

impl Engine {
    /// Something came in at `at`. What it makes due cannot have been due before.
    pub(in crate::engine) fn happened(&mut self, at: Nanos) {
        self.now = self.now.max(at);
        self.progress = None;
        self.not_before = self.not_before.max(at);
    }

    /// `time`, with the position that the music has then.
    pub(in crate::engine) fn moment(&self, time: Nanos) -> Moment {
        let tick = match (self.transport.phase(), self.clock.timeline()) {
            (Phase::Running, Some(timeline)) => timeline.tick_at(time) - self.base,
            _ => self.transport.resume(),
        };
        Moment { time, tick }
    }

    /// The position now: while it runs, of the latest call; otherwise where CONTINUE would go on.
    #[must_use]
    pub fn position(&self) -> Tick {
        self.moment(self.now).tick.max(self.transport.resume())
    }

    /// Returns when the music comes to `tick`, as far as is known; `None` unless it runs.
    #[must_use]
    pub fn time_of(&self, tick: Tick) -> Option<Nanos> {
        let timeline = self.clock.timeline().filter(|_| self.transport.phase() == Phase::Running)?;
        Some(timeline.time_of(tick + self.base))
    }

    /// The first position of the song that may not be played yet.
    pub(in crate::engine) fn horizon(&self) -> Tick {
        self.clock.horizon().map_or(Tick(i64::MAX), |tick| tick - self.base)
    }

    /// Returns by how much the earliest port is ahead of the music: not positive.
    pub(in crate::engine) fn earliest_offset(&self, program: &Program) -> Span {
        self.played.iter().map(|port| program.offset(port)).min().unwrap_or(Span::ZERO).min(Span::ZERO)
    }

    /// Returns by how much the latest port is behind the music: not negative.
    pub(in crate::engine) fn latest_offset(&self, program: &Program) -> Span {
        let offset = |port| program.offset(port);
        self.played.iter().chain(self.clocked.iter()).map(offset).max().unwrap_or(Span::ZERO).max(Span::ZERO)
    }

    /// The first bar line that no port has reached at `at`, however early it is.
    pub(in crate::engine) fn next_line(&self, program: &Program, at: Nanos) -> Tick {
        self.first_unreached(program, at).round_up_to(program.meter.bar())
    }

    /// The first position that no port has reached at `at`, however early it is.
    pub(in crate::engine) fn first_unreached(&self, program: &Program, at: Nanos) -> Tick {
        self.moment(at - self.earliest_offset(program)).tick + TickSpan(1)
    }

    /// The pattern that plays, or that will play from the next start on.
    #[must_use]
    pub fn pattern(&self) -> PatternSlot {
        match self.transport.phase() {
            Phase::Stopped => self.launcher.chosen().pattern,
            Phase::Armed | Phase::Running => self.player.pattern(),
        }
    }

    /// Looks up which port gets what of the clock.
    pub(in crate::engine) fn route_clock(&mut self, program: &Program) {
        self.pulsed = program.clocked(|clock| clock == ClockOut::Regenerated);
        self.raw = program.clocked(|clock| clock == ClockOut::Raw);
        self.clocked = program.clocked(|clock| clock != ClockOut::None);
    }

    /// The next pulse that is sent to every port is `next`.
    pub(in crate::engine) fn set_pulses(&mut self, next: Tick) {
        self.ports.iter_mut().for_each(|port| port.next_pulse = next);
    }

    /// Whoever has been told to play counts from `pulse` on; pulses that went before do not count for them. A port that had
    /// more pulses than the master when it stopped, or fewer, has them made up for.
    pub(in crate::engine) fn seat_pulses(&mut self, pulse: Tick) {
        for port in self.ports.iter_mut() {
            port.next_pulse = pulse + std::mem::take(&mut port.pulse_debt);
        }
    }

    /// A new position is told, from which everybody counts anew.
    pub(in crate::engine) fn forget_pulse_debt(&mut self) {
        self.ports.iter_mut().for_each(|port| port.pulse_debt = TickSpan::ZERO);
    }
}
