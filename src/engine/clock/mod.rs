//! Where the music's time comes from: one file for each source, all after what they have in common.
//!
//! A source has a [`Timeline`] whose ticks count from when it began, not from the song's first beat: it runs while the
//! music is stopped as well, so that the first beat after START is already known. The engine keeps the distance between
//! the two positions.
//!
//! [`Clock`] answers for itself: nobody outside of this folder knows which kind of source it is. A new kind is a variant of
//! `Kind` here, and what the set says of it.

pub(in crate::engine) mod clock_loop;
pub mod estimator;
mod failover;
mod gaps;
mod line;
mod midi;
mod noise;
mod own;
mod session;
mod sources;
pub(in crate::engine) mod tap_tempo;
pub mod timeline;

pub use estimator::{Estimator, Grid, Heard};
pub use failover::{Choice, Listener};
pub use midi::{Follower, LOST_AFTER, PulseCounter};
pub use own::OwnClock;
pub use session::{FARTHEST, Line, SLEWED, SessionClock};
pub use sources::Sources;

use crate::engine::arrangement::transport::Phase;
use crate::engine::clock::timeline::Timeline;
use crate::engine::command::SessionState;
use crate::engine::program::{Lost, PortSlot, Program};
use crate::midi::Message;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// Whose clock is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// Our own.
    Own,
    /// The MIDI clock that comes in on this port.
    Port(PortSlot),
    /// That of a session.
    Session,
}

impl ClockSource {
    /// The port that it comes in on, if it does.
    #[must_use]
    pub const fn port(self) -> Option<PortSlot> {
        match self {
            ClockSource::Own | ClockSource::Session => None,
            ClockSource::Port(port) => Some(port),
        }
    }
}

/// What the last pulse of a followed clock tells about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PulseError {
    /// How much later it came than predicted.
    pub off: Span,
    /// One standard deviation of its estimated time.
    pub estimate: Span,
}

/// What a pulse means that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeardPulse {
    /// How many pulses count with it; 0 where it does not count.
    pub counted: i64,
    /// Whether the clock that it belongs to is doubled: of what is too many, some may be our own.
    pub is_doubled: bool,
    /// Whether that clock had been lost.
    pub was_lost: bool,
    /// Whether that clock is the followed one, after the choice.
    pub is_followed: bool,
    /// What becomes of the choice among several clocks.
    pub choice: Choice,
}

/// A source of musical time. Real-time safe throughout.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

// There is one of it in a show; a box for the larger variant would only put it on the heap.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
enum Kind {
    /// Our own.
    Own(OwnClock),
    /// MIDI clock on one of several input ports.
    Ports(Sources),
    /// A session, whose timeline is told.
    Session(SessionClock),
}

impl Clock {
    /// The clock that `program` asks for, at its tempo.
    #[must_use]
    pub fn new(program: &Program) -> Clock {
        Clock::at_tempo(program, program.tempo)
    }

    /// The clock that `program` asks for, which is expected at `tempo`, or begins at it.
    #[must_use]
    pub fn at_tempo(program: &Program, tempo: Tempo) -> Clock {
        Clock(match program.clock.session {
            Some(quantum) => Kind::Session(SessionClock::new(quantum)),
            None if program.clock.follow.is_empty() => Kind::Own(OwnClock::new(tempo)),
            None => Kind::Ports(Sources::new(&program.clock.follow, tempo)),
        })
    }

    /// Goes over to what `program` says of the clock. Whether the source in force goes on; if not, nothing changes.
    pub fn adopt(&mut self, program: &Program) -> bool {
        let follow = &program.clock.follow;
        match (&mut self.0, program.clock.session) {
            (Kind::Own(_), None) => follow.is_empty(),
            (Kind::Ports(sources), None) => !follow.is_empty() && sources.relist(follow, program.tempo),
            (Kind::Session(clock), Some(quantum)) => {
                clock.set_quantum(quantum);
                true
            }
            (Kind::Own(_) | Kind::Ports(_), Some(_)) | (Kind::Session(_), None) => false,
        }
    }

    /// Whose it is.
    #[must_use]
    pub fn source(&self) -> ClockSource {
        match &self.0 {
            Kind::Own(_) => ClockSource::Own,
            Kind::Ports(sources) => ClockSource::Port(sources.port()),
            Kind::Session(_) => ClockSource::Session,
        }
    }

    /// The mapping in force; `None` before there is any.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        match &self.0 {
            Kind::Own(clock) => clock.timeline(),
            Kind::Ports(sources) => sources.timeline(),
            Kind::Session(clock) => clock.timeline(),
        }
    }

    /// The tempo, once it is known.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        match &self.0 {
            Kind::Own(clock) => Some(clock.tempo()),
            Kind::Ports(sources) => sources.tempo(),
            Kind::Session(clock) => clock.timeline().map(|timeline| timeline.tempo()),
        }
    }

    /// The first pulse after `at`; the first of all before there is a mapping.
    #[must_use]
    pub fn pulse_after(&self, at: Nanos) -> Tick {
        self.timeline().map_or(Tick::ZERO, |timeline| (timeline.tick_at(at) + TickSpan(1)).round_up_to(TickSpan::PULSE))
    }

    /// The first position that may not be played yet, if there is one: a clock can be predicted once its tempo is known.
    #[must_use]
    pub fn horizon(&self) -> Option<Tick> {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => sources.tempo().is_none().then(|| sources.last_pulse() + TickSpan::PULSE),
        }
    }

    /// The last pulse that may be sent in this phase, as far as this clock knows; `None` when none may.
    #[must_use]
    pub fn pulse_limit(&self, phase: Phase) -> Option<Tick> {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => Some(Tick(i64::MAX)),
            Kind::Ports(sources) => match phase {
                // Whoever has been told to play counts from the next pulse: it must be the master's.
                Phase::Armed => None,
                // An answer to the first pulse of all could come back and be taken for the second.
                Phase::Stopped if sources.tempo().is_none() => None,
                Phase::Stopped | Phase::Running if sources.tempo().is_none() => Some(sources.last_pulse()),
                Phase::Stopped => Some(sources.last_pulse() + LOST_AFTER),
                Phase::Running => Some(Tick(i64::MAX)),
            },
        }
    }

    /// The position at which whoever plays along has stopped when STOP comes at `at`, where that is not the one of this time:
    /// a master that stops has stopped after the pulse that it sent last, however far it has been predicted since.
    #[must_use]
    pub fn stop_position(&self, at: Nanos) -> Option<Tick> {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => (!sources.current().is_lost(at)).then(|| sources.last_pulse()),
        }
    }

    /// Returns when the music stops because the clock does not come any more, if it comes to that.
    #[must_use]
    pub fn gives_up_at(&self, lost: Lost) -> Option<Nanos> {
        let held = match lost {
            Lost::Hold => return None,
            Lost::HoldFor(held) => held,
            Lost::Stop => LOST_AFTER,
        };
        match &self.0 {
            Kind::Own(_) => None,
            Kind::Ports(sources) => {
                let held_until = sources.timeline()?.time_of(sources.last_pulse() + held);
                // Not while there is another clock to follow.
                Some(sources.others_lost_at().map_or(held_until, |lost| lost.max(held_until)))
            }
            // When it is said to be lost, that is certain.
            Kind::Session(clock) => clock.held_until(if lost == Lost::Stop { TickSpan::ZERO } else { held }),
        }
    }
}

/// A clock that begins by itself, and whose tempo can be set.
impl Clock {
    /// The tempo that can be set; `None` where it is the master's.
    #[must_use]
    pub fn own_tempo(&self) -> Option<Tempo> {
        match &self.0 {
            Kind::Own(clock) => Some(clock.tempo()),
            Kind::Ports(_) | Kind::Session(_) => None,
        }
    }

    /// Goes on at `tempo` from `at`, at the position that it has then. Whether it can.
    pub fn set_tempo(&mut self, at: Nanos, tempo: Tempo) -> bool {
        match &mut self.0 {
            Kind::Own(clock) => {
                clock.set_tempo(at, tempo);
                true
            }
            Kind::Ports(_) | Kind::Session(_) => false,
        }
    }

    /// Goes on at `tempo` from the position `tick` on. Whether it can.
    pub fn retune(&mut self, tick: Tick, tempo: Tempo) -> bool {
        match &mut self.0 {
            Kind::Own(clock) => {
                clock.retune(tick, tempo);
                true
            }
            Kind::Ports(_) | Kind::Session(_) => false,
        }
    }

    /// From `at` on, the system's clock runs fast by `pace` millionths, or slow. Whether that matters.
    pub fn set_pace(&mut self, at: Nanos, pace: i32) -> bool {
        match &mut self.0 {
            Kind::Own(clock) => {
                clock.set_pace(at, pace);
                true
            }
            Kind::Ports(_) | Kind::Session(_) => false,
        }
    }

    /// Sees that it runs at `at`, where it runs by itself. Whether it begins now.
    pub fn keep_running(&mut self, at: Nanos) -> bool {
        match &mut self.0 {
            Kind::Own(clock) => {
                let begins = clock.timeline().is_none();
                clock.run(at);
                begins
            }
            Kind::Ports(_) | Kind::Session(_) => false,
        }
    }

    /// The pulse with which the music begins that is started at `at`; `None` where it is to be waited for. `sent` is the
    /// latest pulse that a receiver is due to get next, where pulses are sent while the music is stopped; `position` is where
    /// the music plays on.
    pub fn begin(&mut self, at: Nanos, sent: Option<Tick>, position: Tick) -> Option<Tick> {
        match &mut self.0 {
            Kind::Own(clock) => {
                clock.run(at);
                let next = clock.next_pulse(at);
                match sent {
                    // A port that runs ahead has had pulses already that are still to come.
                    Some(sent) => Some(next.max(sent)),
                    None => {
                        clock.begin(at, next);
                        Some(next)
                    }
                }
            }
            Kind::Ports(_) => None,
            Kind::Session(clock) => clock.begin(at, sent, position),
        }
    }

    /// Begins so that `pulse` falls at `at`. Whether it can.
    pub fn place(&mut self, pulse: Tick, at: Nanos) -> bool {
        match &mut self.0 {
            Kind::Own(clock) => {
                clock.place(pulse, at);
                true
            }
            Kind::Ports(_) | Kind::Session(_) => false,
        }
    }
}

/// A clock that comes in, pulse by pulse.
impl Clock {
    /// Returns whether pulses count that come in.
    #[must_use]
    pub fn counts_pulses(&self) -> bool {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => false,
            Kind::Ports(_) => true,
        }
    }

    /// The pulse that came last, of the clock that is followed.
    #[must_use]
    pub fn last_pulse(&self) -> Option<Tick> {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => Some(sources.last_pulse()),
        }
    }

    /// Returns how the pulse that came last on `port` compares with its prediction; `None` where that is not the followed clock.
    #[must_use]
    pub fn pulse_error(&self, port: PortSlot) -> Option<PulseError> {
        match &self.0 {
            Kind::Ports(sources) if sources.port() == port => {
                let clock = sources.current();
                Some(PulseError { off: clock.innovation(), estimate: clock.phase_error()? })
            }
            Kind::Ports(_) | Kind::Own(_) | Kind::Session(_) => None,
        }
    }

    /// Returns when the next pulse on `port` is expected; `None` where none is followed there, or nothing is known of it yet.
    #[must_use]
    pub fn expected_pulse(&self, port: PortSlot) -> Option<Nanos> {
        match &self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => sources.expected_pulse(port),
        }
    }

    /// A pulse came on `port` at `at`. What it means; `None` where that port's do not count.
    pub fn hear_pulse(&mut self, port: PortSlot, at: Nanos, listener: Listener) -> Option<HeardPulse> {
        match &mut self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => sources.hear_pulse(port, at, listener),
        }
    }

    /// Returns whether `message`, which came on `port` at `at`, counts if it is of the transport. With some of them the clock on that
    /// port becomes the followed one.
    pub fn heeds(&mut self, port: PortSlot, at: Nanos, message: Message, listener: Listener) -> (bool, Choice) {
        match &mut self.0 {
            Kind::Own(_) | Kind::Session(_) => (false, Choice::Stays),
            Kind::Ports(sources) => sources.heeds(port, at, message, listener),
        }
    }

    /// The position `line` has come at which another clock may be followed; it is, if that is still the better one. The time
    /// at which `line` fell on the clock that was followed before.
    pub fn turn(&mut self, line: Tick, at: Nanos, listener: Listener) -> Option<Nanos> {
        match &mut self.0 {
            Kind::Own(_) | Kind::Session(_) => None,
            Kind::Ports(sources) => sources.turn(line, at, listener),
        }
    }
}

/// A clock that is told.
impl Clock {
    /// It is told at `at` where the session is, or that it is gone; `line` is what is to be kept in place, where the music
    /// plays. Whether the session plays now and did not before, or the other way round; `None` where no session is followed, or
    /// in that nothing is new.
    pub fn tell(&mut self, at: Nanos, state: Option<SessionState>, line: Option<Line>) -> Option<bool> {
        let Kind::Session(clock) = &mut self.0 else { return None };
        let played = clock.playing();
        match state {
            Some(state) => clock.tell(at, state, line),
            None => clock.lose(at),
        }
        Some(clock.playing()).filter(|&playing| playing != played)
    }

    /// Returns when the mapping changes without anything having come in, if that is to be.
    #[must_use]
    pub fn changes_at(&self) -> Option<Nanos> {
        match &self.0 {
            Kind::Own(_) | Kind::Ports(_) => None,
            Kind::Session(clock) => clock.changes_at(),
        }
    }

    /// The time of [`Clock::changes_at`] has come.
    pub fn change(&mut self) {
        match &mut self.0 {
            Kind::Own(_) | Kind::Ports(_) => {}
            Kind::Session(clock) => clock.change(),
        }
    }

    /// Of the positions that music could have when the clock is at `tick`, the nearest to `position`.
    #[must_use]
    pub fn nearest(&self, position: Tick, tick: Tick) -> Tick {
        match &self.0 {
            Kind::Own(_) | Kind::Ports(_) => position,
            Kind::Session(clock) => clock.nearest(position, tick),
        }
    }
}
