//! What a clock that is followed does to the music: its pulses, its transport, and changing to another one.

use crate::engine::arrangement::transport::Phase;
use crate::engine::clock::{Choice, Line, Listener};
use crate::engine::program::{Join, PortSlot, Program};
use crate::engine::{Engine, SessionState};
use crate::midi::Message;
use crate::time::{Nanos, Tick, TickSpan};

impl Engine {
    /// A pulse came on `port`.
    pub(in crate::engine) fn pulse(&mut self, program: &Program, at: Nanos, port: PortSlot) {
        let period = self.clock.timeline().map_or(program.tempo, |timeline| timeline.tempo()).span_of(TickSpan::PULSE);
        let own = self.clock_loops.is_own(port, at);
        if !self.clock.counts_pulses() {
            if !own {
                self.clock_loops.heard(port, at, period, false);
            }
            return;
        }
        let listener = self.listener(program);
        let Some(heard) = (!own).then(|| self.clock.hear_pulse(port, at, listener)).flatten() else { return };
        // Of a clock that is doubled, what is too many may be ours.
        if heard.counted == 0 || !heard.is_doubled {
            self.clock_loops.heard(port, at, period, true);
        }
        match heard.choice {
            Choice::Stays => {}
            Choice::Settled => self.turn = None,
            Choice::Planned if self.turn.is_some() => {}
            Choice::Planned => self.turn = Some(self.next_line(program, at)),
            Choice::Changed => self.clock_changed(at),
        }
        if heard.counted > 0 && heard.is_followed {
            self.follow_pulse(program, at, heard.counted, heard.was_lost);
        }
    }

    /// It is told where the session is, or that it is gone.
    pub(in crate::engine) fn tell_session(&mut self, program: &Program, at: Nanos, state: Option<SessionState>) {
        let runs = self.transport.phase() == Phase::Running;
        let line =
            runs.then(|| Line { tick: self.next_line(program, at) + self.base, early: self.earliest_offset(program) });
        let plays = self.clock.tell(at, state, line);
        if self.resume_session(program, at) {
            return;
        }
        match (plays, self.transport.phase()) {
            (Some(true), Phase::Stopped) => self.start(program, at),
            (Some(false), Phase::Armed | Phase::Running) => self.stop(at),
            // It has been waited for.
            (None | Some(true), Phase::Armed) => self.run_own_clock(program, at),
            (Some(_) | None, _) => {}
        }
    }

    /// Returns what the music does, for the choice among clocks.
    pub(in crate::engine) fn listener(&self, program: &Program) -> Listener {
        Listener::new(program, self.transport.phase(), self.armed_at)
    }

    /// Returns whether `message`, which came on `port`, counts if it is of the transport.
    pub(in crate::engine) fn heeds(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) -> bool {
        let (counts, choice) = self.clock.heeds(port, at, message, self.listener(program));
        if choice == Choice::Changed {
            self.clock_changed(at);
        }
        counts
    }

    /// The bar line has come, at `at`, from which another clock is followed, if that is still the better one.
    pub(in crate::engine) fn turn(&mut self, program: &Program, at: Nanos) {
        let Some(line) = self.turn.take() else { return };
        let listener = self.listener(program);
        if let Some(falls_at) = self.clock.turn(line + self.base, at, listener) {
            self.clock_changed(falls_at);
            // What the new grid would have had before now was not due then.
            self.not_before = self.not_before.max(at);
        }
    }

    /// Another clock is followed, on whose grid the music is at `at` where it was on the old one.
    pub(in crate::engine) fn clock_changed(&mut self, at: Nanos) {
        if self.transport.phase() != Phase::Running {
            // Nobody is sent the pulses of a silence.
            let next = self.clock.pulse_after(at);
            self.ports.iter_mut().for_each(|port| port.next_pulse = next.max(port.next_pulse));
            self.joinable_from = self.joinable_from.and_then(|_| self.clock.last_pulse());
        }
    }

    /// The pulse that came at `at` is one of the clock that is followed, and `counted` pulses count with it.
    pub(in crate::engine) fn follow_pulse(&mut self, program: &Program, at: Nanos, counted: i64, was_lost: bool) {
        let Some(pulse) = self.clock.last_pulse() else { return };
        match self.transport.phase() {
            Phase::Armed => self.seat_pulses(pulse),
            // Nobody waits for the pulses of a silence.
            Phase::Stopped if was_lost => self.set_pulses(pulse),
            _ => {}
        }
        // Before what it may bring about: a START after it makes the next pulse the first.
        // An answer to the first pulse of all could come back and be taken for the second.
        if self.transport.phase() != Phase::Stopped || self.clock.tempo().is_some() {
            self.tell_times(counted, self.moment(at), Message::Clock, self.raw);
            self.let_rejoin(self.moment(at), pulse + TickSpan::PULSE, self.raw);
        }
        if self.transport.phase() == Phase::Armed {
            self.run(program, pulse);
        } else if self.transport.phase() == Phase::Stopped && self.resume_at(program, pulse, at) {
            // It plays on.
        } else if self.joins(program, pulse, was_lost) {
            self.start(program, at);
        }
    }

    /// Returns whether the pulse after this one begins a bar of a master that plays already, counted from the first pulse heard, and
    /// the music is to join it there: as if the master had said START now.
    pub(in crate::engine) fn joins(&mut self, program: &Program, pulse: Tick, was_lost: bool) -> bool {
        if self.transport.phase() != Phase::Stopped || program.clock.join != Join::Now {
            return false;
        }
        if was_lost {
            // The first pulse of all, or the first after a silence.
            self.joinable_from = Some(pulse);
        }
        let bars = |ticks: TickSpan| ticks.0.div_euclid(program.meter.bar().0);
        self.joinable_from.is_some_and(|first| {
            let heard = pulse - first;
            bars(heard + TickSpan::PULSE) > bars(heard)
        })
    }
}
