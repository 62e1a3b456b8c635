//! The loop of the real-time thread: carry in, drive the engine, carry out, wait.
//!
//! It does what the engine's contract asks, in that order, and measures itself. It never allocates, frees, locks or logs;
//! its only system calls read the clock, wait, and send. What one pass may do is bounded: [`INPUTS_PER_PASS`] messages in,
//! [`COMMANDS_PER_PASS`] commands, and whatever they make due.

use super::clock::TimeSource;
use super::sink::{SendFailed, Sink};
use super::wait::Waiter;
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::program::PortSlot;
use crate::engine::{Command, Engine, Progress, Status};
use crate::link::{RtEnd, Sent};
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// How many incoming messages one pass takes before it looks at the clock again.
pub const INPUTS_PER_PASS: usize = 64;
/// How many commands one pass takes.
pub const COMMANDS_PER_PASS: usize = 16;

/// A note that is later than this is not played any more: after a stall, what was missed would rattle out all at once.
/// Its note-off, and everything that is not a note, leaves however late it is.
pub const LATEST_NOTE: Span = Span::from_millis(50);

/// The most that sending begins before the due time, to make up for the time that a send takes.
pub const LONGEST_LEAD: Span = Span::from_micros(20);

/// The loop's state. Made on any thread; [`Loop::run`] is the real-time thread.
pub struct Loop<'a, C, S> {
    end: &'a mut RtEnd,
    engine: &'a mut Engine,
    outbox: &'a mut Outbox,
    clock: C,
    sink: &'a mut S,
    waiter: Waiter,
    /// How long the first send of a batch takes, as a running mean: sending begins earlier by this, so that the message has
    /// left when it is due.
    lead: Span,
    /// What was said last about what plays.
    shown: Status,
}

impl<'a, C: TimeSource, S: Sink> Loop<'a, C, S> {
    /// Puts the parts together. `outbox` is empty, and comes from outside so that its memory can be locked with the rest.
    pub fn new(
        end: &'a mut RtEnd,
        engine: &'a mut Engine,
        outbox: &'a mut Outbox,
        clock: C,
        sink: &'a mut S,
        waiter: Waiter,
    ) -> Self {
        Loop { end, engine, outbox, clock, sink, waiter, lead: Span::ZERO, shown: Status::default() }
    }

    /// Plays until the engine has ended: told to, at its end position, or because the control side is gone.
    pub fn run(&mut self) {
        self.end.attend();
        loop {
            let sent = self.pass();
            if self.engine.is_finished() {
                return;
            }
            let deadline = self.engine.next_deadline(self.end.program()).map(|deadline| deadline - self.lead);
            let (end, waiter) = (&*self.end, &mut self.waiter);
            let ready = || end.has_input() || end.is_abandoned();
            waiter.wait(&self.clock, deadline, sent, ready, |late| end.meters().record_wake(late));
        }
    }

    /// One pass: everything that came in and is due, sent. Whether anything was.
    pub fn pass(&mut self) -> bool {
        let mut sent = false;
        let sink = &mut *self.sink;
        self.end.exchange_output(|port, output| sink.replace(port, output));
        if self.end.update_program() {
            let now = self.clock.now();
            self.engine.adopt(self.end.program(), now);
            sent |= self.advance(now);
        }
        for _ in 0..INPUTS_PER_PASS {
            let Some((port, event)) = self.end.next_input() else { break };
            sent |= self.advance(event.at);
            self.engine.input(self.end.program(), event.at, port, event.message);
            if event.message == Message::Clock {
                self.measure_pulse(port);
            }
            sent |= self.advance(event.at);
        }
        // Asked before the ring is read: what was pushed before the other end went still counts.
        let abandoned = self.end.is_abandoned();
        for _ in 0..COMMANDS_PER_PASS {
            let Some(command) = self.end.next_command() else { break };
            sent |= self.command(command);
        }
        if abandoned {
            sent |= self.command(Command::End);
        }
        sent |= self.advance(self.clock.now() + self.lead);
        let status = self.engine.status();
        if status != self.shown {
            self.shown = status;
            self.end.show(status);
        }
        self.end.meters().show_followed(self.engine.followed_port());
        let bpm = self.engine.tempo().map(crate::time::Tempo::bpm);
        self.end.meters().show_music(self.engine.phase(), self.engine.position(), bpm, self.engine.sounding());
        sent
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

    fn command(&mut self, command: Command) -> bool {
        let now = self.clock.now();
        let before = self.advance(now);
        self.engine.command(self.end.program(), now, command);
        let after = self.advance(now);
        before || after
    }

    /// Brings the engine to `now` and sends what is due. Whether anything was.
    fn advance(&mut self, now: Nanos) -> bool {
        let mut sent = false;
        loop {
            let progress = self.engine.advance(self.end.program(), now, self.outbox);
            while let Some(departure) = self.outbox.pop() {
                sent |= self.send(departure, !sent);
            }
            if progress == Progress::CaughtUp {
                return sent;
            }
        }
    }

    /// Sends one message and measures it. `first` says that it is the first of a batch. Whether it left.
    fn send(&mut self, departure: Departure, first: bool) -> bool {
        let before = self.clock.now();
        let late = before.since(departure.due);
        if late > LATEST_NOTE && matches!(departure.message, Message::NoteOn(..)) {
            self.end.meters().count_skipped();
            return false;
        }
        let outcome = self.sink.send(departure.port, departure.message);
        if outcome == Err(SendFailed::Absent) {
            return false;
        }
        let took = self.clock.now().since(before);
        if first {
            self.lead = Span((7 * self.lead.0 + took.0.min(LONGEST_LEAD.0)) / 8);
        }
        let meters = self.end.meters();
        meters.record_lateness(late);
        meters.record_send(took);
        match outcome {
            Ok(()) => meters.port(departure.port).count_sent(),
            Err(_) => meters.port(departure.port).count_failed(),
        }
        let Departure { due, port, message, tick, .. } = departure;
        self.end.trace(Sent { due, at: before, tick, port, message });
        true
    }
}
