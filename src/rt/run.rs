//! The loop of the real-time thread: carry in, drive the engine, carry out, wait.
//!
//! It does what the engine's contract asks, in that order, and measures itself. It never allocates, frees, locks or logs;
//! its only system calls read the clock, wait, and send. What is due at a deadline is thought of shortly before it and
//! measured after it, so that at the deadline nothing remains but to send. What one pass may do is bounded:
//! [`INPUTS_PER_PASS`] messages in, one output that comes and one that goes, [`COMMANDS_PER_PASS`] commands, and whatever they make due.

use super::clock::TimeSource;
use super::sink::{SendFailed, Sink};
use super::wait::{Waiter, Woken};
use crate::engine::lever::Pull;
use crate::engine::outbox::{Departure, OUTBOX_CAPACITY, Outbox};
use crate::engine::program::{MAX_PORTS, PortSlot, Program};
use crate::engine::{Call, Command, Engine, Progress, Status};
use crate::link::{Exchanged, Fate, InputEvent, RtEnd, Sent};
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos, Span, Tick};

/// How many incoming messages one pass takes before it looks at the clock again.
pub const INPUTS_PER_PASS: usize = 64;
/// How many commands one pass takes.
pub const COMMANDS_PER_PASS: usize = 16;

/// A note that is later than this is not played any more: after a stall, what was missed would rattle out all at once.
/// Its note-off, and everything that is not a note, leaves however late it is.
pub const LATEST_NOTE: Span = Span::from_millis(50);

/// The most that sending begins before the due time, to make up for the time that a send takes.
pub const LONGEST_LEAD: Span = Span::from_micros(20);

/// How many messages are prepared before their deadline; those beyond are thought of when these have left.
const PREPARED: usize = 64;

/// Preparing ends when the deadline is so near: the rest is thought of when what is prepared has left.
const PREPARED_BY: Span = Span::from_micros(2);

/// What is due at one time, thought of before, so that at that time nothing remains but to send it.
struct Batch {
    messages: [Departure; PREPARED],
    attempts: [Option<Attempt>; PREPARED],
    len: usize,
}

/// How often the trace tells how far the engine is, at least, while anything is due.
const TRACED_EVERY: Span = Span::from_millis(1_000);

/// What became of a message, and when.
#[derive(Clone, Copy)]
struct Attempt {
    before: Nanos,
    after: Nanos,
    fate: Fate,
}

impl Batch {
    const EMPTY: Batch = Batch {
        messages: [Departure {
            due: Nanos(0),
            port: PortSlot(0),
            message: Message::Clock,
            tick: Tick::ZERO,
            track: None,
            number: 0,
        }; PREPARED],
        attempts: [None; PREPARED],
        len: 0,
    };

    /// Takes what `engine` makes due up to `due`, step by step as long as there is time and room for one. Real-time safe.
    fn prepare(
        &mut self,
        engine: &mut Engine,
        program: &Program,
        outbox: &mut Outbox,
        due: Nanos,
        enough: impl Fn() -> bool,
    ) {
        loop {
            let progress = engine.advance(program, due, outbox);
            while let Some(departure) = outbox.pop() {
                self.push(departure);
            }
            if progress != Progress::OutboxFull || !self.has_room() || enough() {
                return;
            }
        }
    }

    /// Whether there is room for what one step of the engine makes.
    fn has_room(&self) -> bool {
        self.len + OUTBOX_CAPACITY <= PREPARED
    }

    /// Adds what leaves behind all others; asked first whether there is room.
    fn push(&mut self, departure: Departure) {
        if let Some(place) = self.messages.get_mut(self.len) {
            *place = departure;
            self.len += 1;
        }
    }

    /// Whether `later`, which the engine has made after all of this, must not leave before it: because it is about the same
    /// note or the same pedal, wheel or pressure, because something here would silence it, or because both tell the same
    /// receiver where the music is.
    fn comes_before(&self, later: &Departure) -> bool {
        let note = |message: Message| match message {
            Message::NoteOn(channel, key, _) | Message::NoteOff(channel, key, _) => Some((channel, key)),
            _ => None,
        };
        let is_system = |message: Message| {
            matches!(
                message,
                Message::Clock | Message::Start | Message::Continue | Message::Stop | Message::SongPosition(_)
            )
        };
        let before = |first: Message| match (note(later.message), first) {
            (Some((channel, _)), Message::ControlChange(silenced, 120 | 123, _)) => channel == silenced,
            (Some(struck), first) => note(first) == Some(struck),
            (None, first) => moves_the_same(later.message, first) || is_system(later.message) && is_system(first),
        };
        self.messages[..self.len].iter().any(|first| first.port == later.port && before(first.message))
    }
}

/// Whether both move the same pedal, wheel or pressure.
fn moves_the_same(one: Message, other: Message) -> bool {
    match (Pull::of(one), Pull::of(other)) {
        (Some(Pull::Lever(channel, lever, _)), Some(Pull::Lever(on, other, _))) => (channel, lever) == (on, other),
        (Some(Pull::Key(channel, key, _)), Some(Pull::Key(on, other, _))) => (channel, key) == (on, other),
        (Some(_) | None, _) => false,
    }
}

const _: () = assert!(OUTBOX_CAPACITY <= PREPARED);

/// The loop's state. Made on any thread; [`Loop::run`] is the real-time thread.
pub struct Loop<'a, C, S> {
    end: &'a mut RtEnd,
    engine: &'a mut Engine,
    outbox: &'a mut Outbox,
    clock: C,
    sink: &'a mut S,
    waiter: Waiter,
    batch: Batch,
    /// How long the first send of a batch takes, as a running mean: sending begins earlier by this, so that the message has
    /// left when it is due.
    lead: Span,
    /// What was said last about what plays.
    shown: Status,
    /// When the last message came that was no pulse.
    heard: Nanos,
    /// When the trace is told next how far the engine is.
    traced: Nanos,
    /// Which loops of notes were shown last.
    feedback: u32,
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
        let shown = Status::default();
        let (batch, lead, heard, traced) = (Batch::EMPTY, Span::ZERO, Nanos(0), Nanos(0));
        Loop { end, engine, outbox, clock, sink, waiter, batch, lead, shown, heard, traced, feedback: 0 }
    }

    /// Plays until the engine has ended: told to, at its end position, or because the control side is gone.
    pub fn run(&mut self) {
        self.end.attend();
        let mut sent = false;
        loop {
            sent |= self.pass();
            if self.engine.is_finished() {
                self.call(self.clock.now(), Call::Finish);
                return;
            }
            sent = self.wait(sent);
        }
    }

    /// Waits for the next deadline or for input. What is due at the deadline is prepared while the thread spins, and leaves
    /// at it; what comes in meanwhile is answered at once. Whether anything left. `sent` is for the [`Waiter`].
    fn wait(&mut self, mut sent: bool) -> bool {
        let due = self.engine.next_deadline(self.end.program());
        let deadline = due.map(|due| due - self.lead);
        self.sink.waits(self.waiter.awake_by(&self.clock, deadline));
        let (mut prepared, mut answered) = (false, false);
        loop {
            let (end, engine, outbox, batch, clock, lead) =
                (&*self.end, &mut *self.engine, &mut *self.outbox, &mut self.batch, &self.clock, self.lead);
            // Programs and what the control side says wait for the deadline, and so does what can no longer be answered
            // before it.
            let is_committed = prepared;
            let in_time = || deadline.is_none_or(|deadline| clock.now() + lead < deadline);
            let ready = || match is_committed {
                true => end.has_heard() && in_time(),
                false => end.has_input() || end.is_abandoned(),
            };
            let prepare = || {
                if let (Some(due), Some(deadline), false) = (due, deadline, prepared) {
                    let enough = || clock.now() + PREPARED_BY >= deadline;
                    batch.prepare(engine, end.program(), outbox, due, enough);
                    prepared = true;
                }
            };
            let awake = |late| end.meters().record_wake(late);
            match (self.waiter.wait(clock, deadline, sent, ready, awake, prepare), deadline) {
                (Woken::Deadline(now), _) => return self.send_batch(now) || answered,
                (Woken::Early, Some(deadline)) if prepared => {
                    sent = self.answer(deadline);
                    answered |= sent;
                }
                (Woken::Early, _) => return false,
            }
        }
    }

    /// Takes what has come in while a batch waits for its deadline, and sends what the engine answers at once, as far as
    /// there is time. The rest waits behind the batch. Whether anything left.
    ///
    /// The engine is ahead: it has done all that is due at the deadline. What came in is stamped before that, and what it
    /// makes leave goes before the batch, as it would have without one; but see [`Batch::comes_before`].
    fn answer(&mut self, deadline: Nanos) -> bool {
        let mut sent = false;
        for _ in 0..INPUTS_PER_PASS {
            if !self.batch.has_room() || self.clock.now() + self.lead >= deadline {
                break;
            }
            let Some((port, event)) = self.end.next_input() else { break };
            let event = InputEvent { at: self.arrival(port, event), ..event };
            self.input(port, event);
            loop {
                let progress = self.engine.advance(self.end.program(), event.at, self.outbox);
                while let Some(departure) = self.outbox.pop() {
                    let now = self.clock.now();
                    let waits =
                        departure.due > now || now + self.lead >= deadline || self.batch.comes_before(&departure);
                    if waits {
                        self.batch.push(departure);
                    } else {
                        sent |= self.send(departure, !sent);
                    }
                }
                // A program that is due waits for the deadline.
                if progress != Progress::OutboxFull || !self.batch.has_room() {
                    break;
                }
            }
        }
        sent
    }

    /// Sends what has been prepared, if anything, and only then measures it. The time is `now`. Whether anything left.
    fn send_batch(&mut self, now: Nanos) -> bool {
        let len = std::mem::take(&mut self.batch.len);
        let mut before = now;
        for index in 0..len {
            let attempt = self.attempt(self.batch.messages[index], before);
            self.batch.attempts[index] = Some(attempt);
            // The end of a send is the beginning of the next one.
            before = attempt.after;
        }
        let mut sent = false;
        for index in 0..len {
            if let Some(attempt) = self.batch.attempts[index] {
                self.measure(self.batch.messages[index], attempt, !sent);
                sent |= attempt.fate.was_tried();
            }
        }
        sent
    }

    /// One pass: everything that came in and is due, sent. Whether anything was.
    pub fn pass(&mut self) -> bool {
        let mut sent = false;
        if self.end.has_output() {
            sent |= self.exchange_output();
        }
        if self.end.notice_program() {
            let now = self.clock.now();
            sent |= self.advance(now);
            self.call(now, Call::Await);
            sent |= self.advance(now);
        }
        for _ in 0..INPUTS_PER_PASS {
            let Some((port, event)) = self.end.next_input() else { break };
            let event = InputEvent { at: self.arrival(port, event), ..event };
            sent |= self.advance(event.at);
            self.input(port, event);
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
        self.trace_mark();
        let status = self.engine.status();
        if status != self.shown {
            if status.transpositions != self.shown.transpositions {
                self.end.show_transpositions(*self.engine.transpositions());
            }
            self.shown = status;
            self.end.show(status);
        }
        self.end.meters().show_followed(self.engine.followed_port());
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

    /// Lets an output that has come take its place, and the engine tell it what it has missed. Whether anything left.
    fn exchange_output(&mut self) -> bool {
        let now = self.clock.now();
        // What is due belongs to the old one.
        let mut sent = self.advance(now);
        let sink = &mut *self.sink;
        let exchanged = self.end.exchange_output(|port, output| sink.replace(port, output));
        if let Some(Exchanged { port, is_open: true, rejoins }) = exchanged {
            self.call(now, Call::Reopened(port, rejoins));
            sent |= self.advance(now);
        }
        sent
    }

    /// When a message came, free of what our own hold of the processor delayed it by, where that can be told: of a pulse. It
    /// stays behind what came before it.
    fn arrival(&mut self, port: PortSlot, event: InputEvent) -> Nanos {
        if event.message != Message::Clock {
            self.heard = self.heard.max(event.at);
            return event.at;
        }
        let undelayed = self.waiter.held.undelayed(event.at, || self.engine.expected_pulse(port));
        undelayed.max(self.heard.min(event.at))
    }

    /// Tells the engine what came in.
    fn input(&mut self, port: PortSlot, event: InputEvent) {
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

    fn command(&mut self, command: Command) -> bool {
        let now = self.clock.now();
        let before = self.advance(now);
        self.call(now, Call::Command(command));
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
    fn send(&mut self, departure: Departure, first: bool) -> bool {
        let attempt = self.attempt(departure, self.clock.now());
        self.measure(departure, attempt, first);
        attempt.fate.was_tried()
    }

    /// Sends one message at the time `before`, if it is to be sent.
    fn attempt(&mut self, departure: Departure, before: Nanos) -> Attempt {
        if before.since(departure.due) > LATEST_NOTE && matches!(departure.message, Message::NoteOn(..)) {
            return Attempt { before, after: before, fate: Fate::Skipped };
        }
        let fate = match self.sink.send(departure.port, departure.message) {
            Ok(()) => Fate::Sent,
            Err(SendFailed::Refused) => Fate::Refused,
            Err(SendFailed::Absent) => return Attempt { before, after: before, fate: Fate::Absent },
        };
        Attempt { before, after: self.clock.now(), fate }
    }

    fn measure(&mut self, departure: Departure, attempt: Attempt, first: bool) {
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
