//! The loop of the real-time thread: carry in, drive the engine, carry out, wait.
//!
//! It does what the engine's contract asks, in that order, and measures itself. It never allocates, frees, locks or logs;
//! its only system calls read the clock, wait, and send. What one pass may do is bounded: [`INPUTS_PER_PASS`] messages in,
//! [`COMMANDS_PER_PASS`] commands, and whatever they make due.

use super::clock::TimeSource;
use super::sink::{SendFailed, Sink};
use super::wait::Waiter;
use crate::engine::outbox::Outbox;
use crate::engine::{Command, Engine, Progress};
use crate::link::{RtEnd, Sent};
use crate::time::Nanos;

/// How many incoming messages one pass takes before it looks at the clock again.
pub const INPUTS_PER_PASS: usize = 64;
/// How many commands one pass takes.
pub const COMMANDS_PER_PASS: usize = 16;

/// The loop's state. Made on any thread; [`Loop::run`] is the real-time thread.
pub struct Loop<'a, C, S> {
    end: &'a mut RtEnd,
    engine: &'a mut Engine,
    outbox: &'a mut Outbox,
    clock: C,
    sink: &'a mut S,
    waiter: Waiter,
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
        Loop { end, engine, outbox, clock, sink, waiter }
    }

    /// Plays until the engine has ended: told to, at its end position, or because the control side is gone.
    pub fn run(&mut self) {
        self.end.attend();
        loop {
            let sent = self.pass();
            if self.engine.is_finished() {
                return;
            }
            let (end, deadline) = (&*self.end, self.engine.next_deadline());
            self.waiter.wait(&self.clock, deadline, sent, || end.has_input() || end.is_abandoned());
        }
    }

    /// One pass: everything that came in and is due, sent. Whether anything was.
    pub fn pass(&mut self) -> bool {
        let mut sent = false;
        if self.end.update_program() {
            let now = self.clock.now();
            self.engine.adopt(self.end.program(), now);
            sent |= self.advance(now);
        }
        for _ in 0..INPUTS_PER_PASS {
            let Some((port, event)) = self.end.next_input() else { break };
            sent |= self.advance(event.at);
            self.engine.input(self.end.program(), event.at, port, event.message);
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
        sent |= self.advance(self.clock.now());
        let bpm = self.engine.tempo().map(crate::time::Tempo::bpm);
        self.end.meters().show_music(self.engine.phase(), self.engine.position(), bpm, self.engine.sounding());
        sent
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
                let before = self.clock.now();
                let outcome = self.sink.send(departure.port, departure.message);
                if outcome == Err(SendFailed::Absent) {
                    continue;
                }
                let after = self.clock.now();
                let meters = self.end.meters();
                meters.record_lateness(before.since(departure.due));
                meters.record_send(after.since(before));
                match outcome {
                    Ok(()) => meters.port(departure.port).count_sent(),
                    Err(_) => meters.port(departure.port).count_failed(),
                }
                self.end.trace(Sent {
                    due: departure.due,
                    at: before,
                    tick: departure.tick,
                    port: departure.port,
                    message: departure.message,
                });
                sent = true;
            }
            if progress == Progress::CaughtUp {
                return sent;
            }
        }
    }
}
