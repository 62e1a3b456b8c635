//! What comes next, and taking it: one step after the other, each the earliest of all that is to come.
//!
//! Everything has a position, and through the timeline a time; each port shifts its times by its own offset. So the order
//! of steps is the order of their times, and where those are equal the order of a wire: the end, clock pulses, note-offs, what
//! held or bent those notes, the programs of a pattern and its beginning, what it has said before where it is jumped into, controllers that notes need, notes in the order of their lanes, other
//! controllers, and last the rest of a panic, what a port has missed, probes of feedback, the lights, values that have waited
//! for their wire, and active sensing. At `Turn` another clock is followed; at `Renew` another program takes over, and
//! what the old one had to play before its line comes from the `Tail`.

use super::outbox::{OUTBOX_CAPACITY, Outbox, departure};
use super::ports::Duty;
use super::{Engine, Moment, Progress};
use crate::engine::arrangement::program_swap::RENEWED_BEFORE;
use crate::engine::arrangement::transport::Phase;
use crate::engine::ports::ledger::HELD;
use crate::engine::program::{PortSet, PortSlot, Program};
use crate::midi::Message;
use crate::time::{Nanos, Span, Tick, TickSpan};

/// What comes next. The order is that of one wire at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Clock,
    End,
    GiveUp,
    Turn,
    Pulse(PortSlot),
    Off(PortSlot),
    Home(PortSlot),
    Renew,
    Prepare,
    Line,
    Tail,
    Chase(PortSlot),
    Event(PortSlot),
}

/// What is to be done before anything that has a time of its own, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtOnce {
    /// A clock or transport byte leaves.
    Tell,
    /// A note ends that is released.
    Release,
    /// What holds or bends notes goes home.
    Home,
    /// What was held on an input that is gone counts as released.
    Rise,
    /// What hands play goes on.
    PassOn,
    /// A value leaves that hands have set.
    Set,
    /// What has come in is examined.
    Examine,
    /// Something finds its place in a new program.
    Settle,
    /// A program change of a pattern leaves.
    Prepare,
    /// The driver is to hand over another program.
    Adopt,
}

/// A step with its time. The order of the fields is the order in which steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    time: Nanos,
    tick: Tick,
    step: Step,
}

/// What comes first of everything that has a time.
enum First {
    /// A step of the music.
    Music(Due),
    /// What is done for a port beside the music, and when.
    Duty(Nanos, Duty, PortSlot),
}

impl First {
    fn time(self) -> Nanos {
        match self {
            First::Music(due) => due.time,
            First::Duty(at, ..) => at,
        }
    }
}

impl Engine {
    /// Puts everything that is due at `now` into `out`, in the order in which it should leave.
    pub fn advance(&mut self, program: &Program, now: Nanos, out: &mut Outbox) -> Progress {
        let progress = self.go_on(program, now, out);
        (self.made, self.progress) = (out.made(), Some(progress));
        progress
    }

    fn go_on(&mut self, program: &Program, now: Nanos, out: &mut Outbox) -> Progress {
        self.now = self.now.max(now);
        self.lights.begin(self.now);
        if program.clock.when_stopped && self.clock.keep_running(self.now) {
            self.not_before = self.not_before.max(self.now);
        }
        loop {
            // A step may need all of it.
            if out.free() < OUTBOX_CAPACITY {
                return Progress::OutboxFull;
            }
            match self.due_at_once(program) {
                Some((_, AtOnce::Adopt)) => return Progress::ProgramDue,
                Some((_, at_once)) => self.take_at_once(program, at_once, out),
                None => match self.first(program) {
                    Some(First::Music(due)) if due.time <= self.now => self.take(program, due, out),
                    Some(First::Duty(at, duty, port)) if at <= self.now => {
                        // What this step makes due, or no longer holds back, was not due before it.
                        self.not_before = self.not_before.max(at);
                        self.take_duty(duty, program, port, at, out);
                    }
                    Some(_) | None => return Progress::CaughtUp,
                },
            }
            // It was empty before the step.
            self.note_sent(out);
        }
    }

    /// Returns when something will be due next, if nothing comes in before.
    #[must_use]
    pub fn next_deadline(&self, program: &Program) -> Option<Nanos> {
        match self.due_at_once(program) {
            Some((since, _)) => Some(since),
            None => self.first(program).map(First::time),
        }
    }

    /// Returns what is to be done before anything that has a time of its own, and since when: the first of these that there is.
    #[inline]
    fn due_at_once(&self, program: &Program) -> Option<(Nanos, AtOnce)> {
        let since = |time: Option<Nanos>, at_once| time.map(|time| (time, at_once));
        let now = |is_due: bool| is_due.then_some(self.now);
        since(self.transport_queue.front().map(|told| told.moment.time), AtOnce::Tell)
            .or_else(|| since((!self.releasing.is_empty()).then_some(self.released_at.time), AtOnce::Release))
            .or_else(|| since(self.homing.due(), AtOnce::Home))
            .or_else(|| since(self.rising.due(), AtOnce::Rise))
            .or_else(|| since(self.thru_notes.due(), AtOnce::PassOn))
            .or_else(|| since(self.faders.due(), AtOnce::Set))
            .or_else(|| since(self.note_loops.due(), AtOnce::Examine))
            .or_else(|| since(now(self.is_unsettled()), AtOnce::Settle))
            .or_else(|| since(self.preparing_at(program), AtOnce::Prepare))
            .or_else(|| since(now(self.is_program_due()), AtOnce::Adopt))
    }

    /// Takes one step of what is to be done at once: at most as much leaves as the outbox holds.
    fn take_at_once(&mut self, program: &Program, at_once: AtOnce, out: &mut Outbox) {
        match at_once {
            AtOnce::Tell => self.send_transport(out),
            AtOnce::Release => self.release_next_note(out),
            AtOnce::Home => self.send_home(program, out),
            AtOnce::Rise => self.release_next(program),
            AtOnce::PassOn => self.pass_on(program, out),
            AtOnce::Set => self.send_value(program, out),
            AtOnce::Examine => self.examine(),
            AtOnce::Settle => self.settle_next(program),
            AtOnce::Prepare => self.send_program(program, out),
            AtOnce::Adopt => {}
        }
    }

    /// The first to come. A duty comes after all music of its time.
    fn first(&self, program: &Program) -> Option<First> {
        match (self.first_of_music(program), self.next_duty()) {
            (Some(due), Some((at, ..))) if due.time <= at => Some(First::Music(due)),
            (_, Some((at, duty, port))) => Some(First::Duty(at, duty, port)),
            (due, None) => due.map(First::Music),
        }
    }

    /// The first step to come of what has a position.
    fn first_of_music(&self, program: &Program) -> Option<Due> {
        let timeline = self.clock.timeline()?;
        let mut first: Option<Due> = None;
        let mut consider_at = |time: Nanos, tick: Tick, step: Step| {
            let due = Due { time: time.max(self.not_before), tick, step };
            if first.is_none_or(|known| due < known) {
                first = Some(due);
            }
        };
        if let Some(time) = self.clock.changes_at() {
            consider_at(time, Tick(i64::MIN), Step::Clock);
        }
        let is_running = self.transport.phase() == Phase::Running;
        if let Some(time) = self.clock.gives_up_at(program.clock.lost).filter(|_| is_running) {
            consider_at(time, Tick::ZERO, Step::GiveUp);
        }
        // The position is one of the song.
        let mut consider = |tick: Tick, offset: Span, step: Step| {
            consider_at(timeline.time_of(tick + self.base) + offset, tick, step);
        };
        if let Some(limit) = self.pulse_limit(program) {
            for port in self.pulsed.iter() {
                let pulse = self.ports[port].next_pulse;
                if pulse <= limit {
                    let delay = self.clock_loops.delay(port, pulse.pulse());
                    consider(pulse - self.base, program.offset(port) + delay, Step::Pulse(port));
                }
            }
        }
        if is_running {
            let horizon = self.horizon();
            let end = self.end_at.unwrap_or(Tick(i64::MAX)).min(horizon);
            if let Some(tick) = self.end_at.filter(|&tick| tick < horizon) {
                // The music may have jumped beyond the end: then it ends where it has landed.
                consider(tick.max(self.transport.resume()), self.latest_offset(program), Step::End);
            }
            if let Some(line) = self.turn.filter(|&line| line < end) {
                consider(line, self.earliest_offset(program), Step::Turn);
            }
            if let Some(line) = self.program_swap.line().filter(|&line| line < end) {
                consider(line, self.earliest_offset(program) - RENEWED_BEFORE, Step::Renew);
            }
            if let Some((tick, offset)) = self.program_swap.tail() {
                consider(tick, offset, Step::Tail);
            }
            if let Some(coming) = self.launcher.coming(program).filter(|coming| coming.line() < end) {
                consider(coming.line(), self.earliest_offset(program), Step::Line);
                if let Some(tick) = self.prepares_at(program, coming).filter(|&tick| tick < horizon) {
                    consider(tick.min(coming.line()), self.earliest_offset(program), Step::Prepare);
                }
            }
            for port in self.played.iter() {
                let offset = program.offset(port);
                if let Some(note) = self.ports[port].ledger.first().filter(|note| note.off != HELD) {
                    consider(note.off, offset, Step::Off(port));
                }
                if let Some(tick) = self.homing.first(port) {
                    consider(tick, offset, Step::Home(port));
                }
                if let Some(tick) = self.chase.due(port) {
                    consider(tick, offset, Step::Chase(port));
                }
                if let Some(tick) = self.player.first(port).filter(|&tick| tick < end) {
                    consider(tick, offset, Step::Event(port));
                }
            }
        }
        first
    }

    /// The last clock pulse that may be sent, on the clock; `None` when none may.
    fn pulse_limit(&self, program: &Program) -> Option<Tick> {
        if self.ended {
            return None;
        }
        let phase = self.transport.phase();
        if phase == Phase::Stopped && !program.clock.when_stopped {
            return None;
        }
        let limit = self.clock.pulse_limit(phase);
        match self.end_at {
            Some(end) if phase == Phase::Running => limit.map(|limit| limit.min(end + self.base - TickSpan(1))),
            _ => limit,
        }
    }

    fn take(&mut self, program: &Program, due: Due, out: &mut Outbox) {
        let moment = Moment { time: due.time, tick: due.tick };
        // What this step makes due, or no longer holds back, was not due before it.
        self.not_before = self.not_before.max(due.time);
        match due.step {
            Step::Clock => self.clock.change(),
            Step::End => {
                self.end_at = None;
                self.stop_here(due.time);
                self.end();
            }
            Step::GiveUp => self.stop_here(due.time),
            Step::Turn => self.turn(program, due.time),
            Step::Pulse(port) => {
                let pulse = self.ports[port].next_pulse;
                if let Some(timeline) = self.clock.timeline() {
                    self.clock_loops.sent(port, pulse.pulse(), timeline.time_of(pulse) + program.offset(port));
                }
                self.ports[port].next_pulse += TickSpan::PULSE;
                self.wires.send(departure(moment, port, Message::Clock), out);
                self.let_rejoin(moment, pulse + TickSpan::PULSE, PortSet::default().with(port));
            }
            Step::Off(port) => {
                if let Some(note) = self.ports[port].ledger.first() {
                    self.end_note(port, note, moment, out);
                }
            }
            Step::Home(port) => self.take_home(program, port, moment, out),
            Step::Renew => self.renew(program, due.tick, due.time),
            Step::Tail => self.play_tail(program, moment, out),
            Step::Prepare => self.take_prepare(program, moment),
            Step::Line => {
                if self.take_line(program) {
                    self.stop_here(due.time);
                }
            }
            Step::Chase(port) => self.take_chase(program, port, moment, out),
            Step::Event(port) => self.play(program, port, moment, out),
        }
        if matches!(due.step, Step::GiveUp | Step::Turn | Step::Line) {
            self.lights.note(due.time);
        }
    }
}
