//! The loop of the real-time thread: drive, and wait for what is due next.
//!
//! What is due at a deadline is thought of shortly before it and measured after it, so that at the deadline nothing remains but
//! to send. It never allocates, frees, locks or logs; its only system calls read the clock, wait, and send.

use super::clock::TimeSource;
use super::driver::{Attempt, Driver, INPUTS_PER_PASS, PulseTimes};
use super::irq_delay::IrqDelay;
use super::output::Output;
use super::pacer::{Pacer, Woken};
use crate::engine::outbox::{Departure, OUTBOX_CAPACITY, Outbox};
use crate::engine::program::lever::Pull;
use crate::engine::program::{PortSlot, Program};
use crate::engine::{Engine, Progress};
use crate::link::InputEvent;
use crate::midi::Message;
use crate::time::{Nanos, Span, Tick};

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

    /// Returns whether there is room for what one step of the engine makes.
    fn has_room(&self) -> bool {
        self.len + OUTBOX_CAPACITY <= PREPARED
    }

    /// Adds what leaves after all others; asked first whether there is room.
    fn push(&mut self, departure: Departure) {
        if let Some(place) = self.messages.get_mut(self.len) {
            *place = departure;
            self.len += 1;
        }
    }

    /// Returns whether `later`, which the engine has made after all of this, must not leave before it: because it is about the same
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

/// Returns whether both move the same pedal, wheel or pressure.
fn moves_the_same(one: Message, other: Message) -> bool {
    match (Pull::of(one), Pull::of(other)) {
        (Some(Pull::Lever(channel, lever, _)), Some(Pull::Lever(on, other, _))) => (channel, lever) == (on, other),
        (Some(Pull::Key(channel, key, _)), Some(Pull::Key(on, other, _))) => (channel, key) == (on, other),
        (Some(_) | None, _) => false,
    }
}

const _: () = assert!(OUTBOX_CAPACITY <= PREPARED);

/// The driver, called when something is due or comes in. Made on any thread; [`Loop::run`] is the real-time thread.
pub struct Loop<'a, C, O> {
    driver: Driver<'a, C>,
    output: &'a mut O,
    waiter: Pacer,
    batch: Batch,
}

/// The time when our own hold of the processor is what delayed a pulse.
impl PulseTimes for IrqDelay {
    fn came_at(&mut self, stamp: Nanos, expected: impl FnOnce() -> Option<Nanos>) -> Nanos {
        self.undelayed(stamp, expected)
    }
}

impl<'a, C: TimeSource, O: Output> Loop<'a, C, O> {
    /// Puts the parts together.
    pub fn new(driver: Driver<'a, C>, output: &'a mut O, waiter: Pacer) -> Self {
        Loop { driver, output, waiter, batch: Batch::EMPTY }
    }

    /// Plays until the engine has ended: told to, at its end position, or because the control side is gone.
    pub fn run(&mut self) {
        self.driver.end.attend();
        let mut sent = false;
        loop {
            sent |= self.pass();
            if self.driver.is_finished() {
                self.driver.finish();
                return;
            }
            sent = self.wait(sent);
        }
    }

    /// One pass: everything that came in and is due, sent. Whether anything was.
    pub fn pass(&mut self) -> bool {
        self.driver.pass(|driver| driver.clock.now() + driver.lead, &mut self.waiter.held, self.output)
    }

    /// Waits for the next deadline or for input. What is due at the deadline is prepared while the thread spins, and leaves
    /// at it; what comes in meanwhile is answered at once. Whether anything left. `sent` is for the [`Pacer`].
    fn wait(&mut self, mut sent: bool) -> bool {
        let due = self.driver.engine.next_deadline(self.driver.end.program());
        let deadline = due.map(|due| due - self.driver.lead);
        self.output.waits(self.waiter.awake_by(&self.driver.clock, deadline));
        let (mut prepared, mut answered) = (false, false);
        loop {
            let Driver { end, engine, outbox, clock, lead, .. } = &mut self.driver;
            let (end, clock, lead, batch) = (&**end, &*clock, *lead, &mut self.batch);
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
    /// there is time. The rest waits for the batch to leave. Whether anything left.
    ///
    /// The engine is ahead: it has done all that is due at the deadline. What came in is stamped before that, and what it
    /// makes leave goes before the batch, as it would have without one; but see [`Batch::comes_before`].
    fn answer(&mut self, deadline: Nanos) -> bool {
        let mut sent = false;
        for _ in 0..INPUTS_PER_PASS {
            if !self.batch.has_room() || self.driver.clock.now() + self.driver.lead >= deadline {
                break;
            }
            let Some((port, event)) = self.driver.end.next_input() else { break };
            let event = InputEvent { at: self.driver.arrival(port, event, &mut self.waiter.held), ..event };
            self.driver.input(port, event);
            loop {
                let progress = self.driver.advance_engine(event.at);
                while let Some(departure) = self.driver.outbox.pop() {
                    let now = self.driver.clock.now();
                    let waits = departure.due > now
                        || now + self.driver.lead >= deadline
                        || self.batch.comes_before(&departure);
                    if waits {
                        self.batch.push(departure);
                    } else {
                        sent |= self.driver.send(departure, !sent, self.output);
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
            let attempt = self.driver.attempt(self.batch.messages[index], before, self.output);
            self.batch.attempts[index] = Some(attempt);
            // The end of a send is the beginning of the next one.
            before = attempt.after;
        }
        let mut sent = false;
        for index in 0..len {
            if let Some(attempt) = self.batch.attempts[index] {
                self.driver.measure(self.batch.messages[index], attempt, !sent);
                sent |= attempt.fate.was_tried();
            }
        }
        sent
    }
}
