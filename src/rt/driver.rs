//! The driver: carries in what came, brings the engine to a time, and carries out what is due.
//!
//! It does what the engine's contract asks, in that order, and measures itself. It knows no waiting: who calls it decides when,
//! and up to which time. Our own thread does so at each deadline ([`run`](super::run)); an audio callback would do it for each
//! of its blocks. The same inputs at the same times give the same departures with the same due times, however the time is cut
//! into calls.
//!
//! It never allocates, frees, locks or logs; its only system calls read the clock, and send. What one call may do is bounded:
//! [`INPUTS_PER_PASS`] messages in, [`FED_PER_PASS`] events of sources, one output that comes and one that goes, [`COMMANDS_PER_PASS`] commands, and whatever they
//! make due.

use super::clock::TimeSource;
use super::output::{Output, SendFailed};
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::engine::{Call, Command, Engine, Progress, Status};
use crate::link::{Exchanged, Fate, InputEvent, RtEnd, Sent};
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos, Span};

/// How many incoming messages one pass takes before it looks at the clock again.
pub const INPUTS_PER_PASS: usize = 64;
/// How many events of fed lanes one pass takes.
pub const FED_PER_PASS: usize = 64;
/// How many commands one pass takes.
pub const COMMANDS_PER_PASS: usize = 16;

/// A note that is later than this is not played any more: after a stall, what was missed would rattle out all at once.
/// Its note-off, and everything that is not a note, leaves however late it is.
pub const LATEST_NOTE: Span = Span::from_millis(50);

/// The most that sending begins before the due time, to make up for the time that a send takes.
pub const LONGEST_LEAD: Span = Span::from_micros(20);

/// How often the trace tells how far the engine is, at least, while anything is due.
const TRACED_EVERY: Span = Span::from_millis(1_000);

/// What became of a message, and when.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    pub before: Nanos,
    pub after: Nanos,
    pub fate: Fate,
}

/// The driver of an engine, at the real-time end of a link. Real-time safe after construction.
pub struct Driver<'a, C> {
    pub(super) end: &'a mut RtEnd,
    pub(super) engine: &'a mut Engine,
    pub(super) outbox: &'a mut Outbox,
    pub(super) clock: C,
    /// How long the first send of a batch takes, as a running mean: sending begins earlier by this, so that the message has
    /// left when it is due.
    pub(super) lead: Span,
    /// What was said last about what plays.
    shown: Status,
    /// When the last message came that was no pulse.
    heard: Nanos,
    /// When the trace is told next how far the engine is.
    traced: Nanos,
    /// Which loops of notes were shown last.
    feedback: u32,
}

/// Tells when a pulse really came.
pub(super) trait PulseTimes {
    /// Returns when the pulse that was stamped at `stamp` came; `expected` says for when it was predicted, if it was. Real-time safe.
    fn came_at(&mut self, stamp: Nanos, expected: impl FnOnce() -> Option<Nanos>) -> Nanos;
}

/// Pulses came when they were stamped.
struct AsStamped;

impl PulseTimes for AsStamped {
    fn came_at(&mut self, stamp: Nanos, _: impl FnOnce() -> Option<Nanos>) -> Nanos {
        stamp
    }
}

impl<'a, C: TimeSource> Driver<'a, C> {
    /// Puts the parts together. `outbox` is empty, and comes from outside so that its memory can be locked with the rest.
    pub fn new(end: &'a mut RtEnd, engine: &'a mut Engine, outbox: &'a mut Outbox, clock: C) -> Self {
        let (shown, lead, heard, traced) = (Status::default(), Span::ZERO, Nanos(0), Nanos(0));
        Driver { end, engine, outbox, clock, lead, shown, heard, traced, feedback: 0 }
    }

    /// Returns whether the show has ended: nothing will leave any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.engine.is_finished()
    }

    /// The show has ended: the trace is told.
    pub fn finish(&mut self) {
        self.call(self.clock.now(), Call::Finish);
    }

    /// Takes what came in, and sends all that is due up to `time`, in order of due times. Whether anything was sent.
    ///
    /// What came in counts from when it came, commands from when they are taken, which the clock tells; what has been sent
    /// already is not taken back. Who renders a block ahead therefore answers with the next one.
    pub fn run_until(&mut self, time: Nanos, output: &mut impl Output) -> bool {
        self.pass(|_| time, &mut AsStamped, output)
    }

    /// The same; `until` is asked for the time when all that came in has been taken, and `pulse_times` when each pulse came.
    pub(super) fn pass(
        &mut self,
        until: impl FnOnce(&Self) -> Nanos,
        pulse_times: &mut impl PulseTimes,
        output: &mut impl Output,
    ) -> bool {
        let mut sent = false;
        if self.end.has_output() {
            sent |= self.exchange_output(output);
        }
        if self.end.notice_program() {
            let now = self.clock.now();
            sent |= self.advance(now, output);
            self.call(now, Call::Await);
            sent |= self.advance(now, output);
        }
        for _ in 0..INPUTS_PER_PASS {
            let Some((port, event)) = self.end.next_input() else { break };
            let event = InputEvent { at: self.arrival(port, event, pulse_times), ..event };
            sent |= self.advance(event.at, output);
            self.input(port, event);
            sent |= self.advance(event.at, output);
        }
        sent |= self.take_fed(output);
        // Asked before the ring is read: what was pushed before the other end went still counts.
        let abandoned = self.end.is_abandoned();
        for _ in 0..COMMANDS_PER_PASS {
            let Some(command) = self.end.next_command() else { break };
            sent |= self.command(command, output);
        }
        if abandoned {
            sent |= self.command(Command::End, output);
        }
        let until = until(self);
        sent |= self.advance(until, output);
        self.trace_mark();
        let status = self.engine.status();
        if status != self.shown {
            if status.transpositions != self.shown.transpositions {
                self.end.show_transpositions(*self.engine.transpositions());
            }
            self.shown = status;
            self.end.show(status);
        }
        self.end.meters().show_clock_source(self.engine.clock_source());
        for port in (0..self.end.program().ports.len().min(MAX_PORTS) as u8).map(PortSlot) {
            self.end.meters().port(port).show_gave_way(self.engine.gave_way(port));
        }
        if self.feedback != self.engine.feedback_revision() {
            self.show_feedback();
        }
        let bpm = self.engine.tempo().map(crate::time::Tempo::bpm);
        self.end.meters().show_music(self.engine.phase(), self.engine.position(), bpm, self.engine.sounding());
        sent
    }

    /// Takes what has come from sources of lanes. Whether anything left.
    fn take_fed(&mut self, output: &mut impl Output) -> bool {
        let mut sent = false;
        let mut at = None;
        for _ in 0..FED_PER_PASS {
            let Some(event) = self.end.next_fed(|feed| self.engine.takes_feed(feed)) else { break };
            let now = *at.get_or_insert_with(|| self.clock.now());
            sent |= self.advance(now, output);
            self.call(now, Call::Feed(event));
            let (counts, until) = (self.engine.feed_counts(event.feed), self.engine.fed_until(event.feed));
            if let Some(meters) = self.end.meters().feed(event.feed) {
                meters.show(counts, until);
            }
        }
        sent
    }

    /// Lets an output that has come take its place, and the engine tell it what it has missed. Whether anything left.
    fn exchange_output(&mut self, output: &mut impl Output) -> bool {
        let now = self.clock.now();
        // What is due belongs to the old one.
        let mut sent = self.advance(now, output);
        let exchanged = self.end.exchange_output(|port, opened| output.replace(port, opened));
        if let Some(Exchanged { port, is_open: true, rejoins }) = exchanged {
            self.call(now, Call::Reopened(port, rejoins));
            sent |= self.advance(now, output);
        }
        sent
    }

    /// Returns when a message came, free of what our own hold of the processor delayed it by, where that can be told: of a pulse. It
    /// stays after what came before it.
    pub(super) fn arrival(&mut self, port: PortSlot, event: InputEvent, pulse_times: &mut impl PulseTimes) -> Nanos {
        if event.message != Message::Clock {
            self.heard = self.heard.max(event.at);
            return event.at;
        }
        let undelayed = pulse_times.came_at(event.at, || self.engine.expected_pulse(port));
        undelayed.max(self.heard.min(event.at))
    }

    /// Tells the engine what came in.
    pub(super) fn input(&mut self, port: PortSlot, event: InputEvent) {
        self.call_with(event.at, Call::Input(port, event.message), event.device);
        if event.message == Message::Clock {
            self.measure_pulse(port);
        }
    }

    /// Tells the engine what happened, and traces it: the one way by which anything but the time comes to it.
    fn call(&mut self, at: Nanos, call: Call) {
        self.call_with(at, call, DeviceTime(0));
    }

    fn call_with(&mut self, at: Nanos, call: Call, device: DeviceTime) {
        let mark = self.engine.mark();
        self.engine.call(self.end.program(), at, call);
        let returned = matches!(call, Call::Input(..)) && self.engine.was_returned();
        self.end.trace_call(mark, at, self.engine.position(), call, device, returned);
    }

    /// Traces how far the engine is, now and then.
    fn trace_mark(&mut self) {
        let now = self.engine.mark().now;
        if now >= self.traced {
            self.traced = now + TRACED_EVERY;
            self.call(now, Call::Nothing);
        }
    }

    /// Measures the pulse that came on `port`, if it is one that is followed, and says so if it is our own.
    fn measure_pulse(&self, port: PortSlot) {
        let meters = self.end.meters();
        if let Some(error) = self.engine.pulse_error(port) {
            meters.record_pulse(error.off, error.estimate);
        }
        if let Some(sent_to) = self.engine.echo_on(port) {
            meters.port(port).note_echo(sent_to);
        }
    }

    /// Shows what comes back where.
    fn show_feedback(&mut self) {
        self.feedback = self.engine.feedback_revision();
        for port in (0..MAX_PORTS as u8).map(PortSlot) {
            self.end.meters().port(port).show_returned(self.engine.returned_on(port));
        }
    }

    fn command(&mut self, command: Command, output: &mut impl Output) -> bool {
        let now = self.clock.now();
        let before = self.advance(now, output);
        self.call(now, Call::Command(command));
        let after = self.advance(now, output);
        before || after
    }

    /// Brings the engine to `now`, as far as the outbox has room.
    pub(super) fn advance_engine(&mut self, now: Nanos) -> Progress {
        self.engine.advance(self.end.program(), now, self.outbox)
    }

    /// Brings the engine to `now` and sends what is due. Whether anything was.
    fn advance(&mut self, now: Nanos, output: &mut impl Output) -> bool {
        let mut sent = false;
        loop {
            let progress = self.advance_engine(now);
            while let Some(departure) = self.outbox.pop() {
                sent |= self.send(departure, !sent, output);
            }
            match progress {
                Progress::CaughtUp => return sent,
                Progress::OutboxFull => {}
                Progress::ProgramDue => {
                    self.end.update_program();
                    self.call(now, Call::Adopt(self.end.program().edition));
                }
            }
        }
    }

    /// Sends one message and measures it. `first` says that it is the first of a batch. Whether it left.
    pub(super) fn send(&mut self, departure: Departure, first: bool, output: &mut impl Output) -> bool {
        let attempt = self.attempt(departure, self.clock.now(), output);
        self.measure(departure, attempt, first);
        attempt.fate.was_tried()
    }

    /// Sends one message at the time `before`, if it is to be sent.
    pub(super) fn attempt(&mut self, departure: Departure, before: Nanos, output: &mut impl Output) -> Attempt {
        if before.since(departure.due) > LATEST_NOTE && matches!(departure.message, Message::NoteOn(..)) {
            return Attempt { before, after: before, fate: Fate::Skipped };
        }
        let fate = match output.send(&departure) {
            Ok(()) => Fate::Sent,
            Err(SendFailed::Refused) => Fate::Refused,
            Err(SendFailed::Absent) => return Attempt { before, after: before, fate: Fate::Absent },
        };
        Attempt { before, after: self.clock.now(), fate }
    }

    /// Traces and measures what became of a message. `first` says that it is the first of a batch.
    pub(super) fn measure(&mut self, departure: Departure, attempt: Attempt, first: bool) {
        let Departure { due, port, message, tick, track, number } = departure;
        let Attempt { before, after, fate } = attempt;
        self.end.trace(Sent { number, due, at: before, tick, port, track, message, fate });
        let meters = self.end.meters();
        match fate {
            Fate::Sent => meters.port(port).count_sent(),
            Fate::Refused => meters.port(port).count_failed(),
            Fate::Skipped => meters.count_skipped(),
            Fate::Absent => {}
        }
        if !fate.was_tried() {
            return;
        }
        let took = after.since(before);
        if first {
            self.lead = Span((7 * self.lead.0 + took.0.min(LONGEST_LEAD.0)) / 8);
        }
        meters.record_lateness(before.since(due));
        meters.record_send(took);
    }
}
