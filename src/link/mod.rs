//! What crosses threads, and nothing else does.
//!
//! [`link`] makes all the ends in one place. They are not `Clone`, and each is moved into the thread it is named for, so
//! a second writer or reader of anything is a type error:
//!
//! ```text
//! MidiInEnd (one for each input port) --InputEvent, ring--------------------.
//! ControlEnd --Command, ring-----------------------------------------------> RtEnd
//! FeedEnd (from ControlEnd) --FeedEvent, ring----------------------------->
//! ControlEnd --Program, newest wins (triple buffer)------------------------>
//! ControlEnd --opened outputs, ring; <--those they replace, ring------------
//! ControlEnd <--Sent, and Called, lossy rings, losses counted----------------
//! ControlEnd <--Status, newest wins (triple buffer)-------------------------
//! all of them <--> Meters (atomics, one writer for each)
//! ```
//!
//! What must all arrive goes by ring, as small `Copy` types that own nothing; where only the newest counts it goes by
//! triple buffer, and the *writer* frees what was replaced. The real-time end therefore never frees, and never waits.
//!
//! | queue | capacity | when it is full |
//! |---|---|---|
//! | input | [`INPUT_CAPACITY`] | the newest message is lost, counted, and said; the keys whose end may be lost are let go |
//! | commands | [`COMMAND_CAPACITY`] | the caller gets the command back and says so |
//! | events of fed lanes | [`FEED_CAPACITY`] | the source gets the event back and tries later |
//! | outputs, and retired ones | [`OUTPUT_CAPACITY`] | the caller gets the output back and tries later |
//! | trace, of what went out and of what the engine was told | [`TRACE_CAPACITY`] each | the newest entry is lost and counted; nothing that sounds depends on it |

mod feed;
mod latest;
mod meters;
mod note_table;
mod port_output;
mod trace;
mod waker;

pub use feed::{FEED_CAPACITY, FeedEnd, FeedMeters};
pub use latest::{LatestReader, LatestWriter, latest};
pub use meters::{Histogram, Meters, OCTAVES, Percentiles, PortMeters, PortSnapshot, Snapshot};
pub use note_table::{NoteTable, Table};
pub use port_output::{OpenedOutput, PortOutput, SendFailed};
pub use trace::{Called, Fate, Heard, Sent};
pub use waker::Waker;

use std::sync::Arc;

use crate::engine::lanes::feed::FeedEvent;
use crate::engine::program::{FeedSlot, MAX_PORTS, PortSlot, Program};
use crate::engine::{Call, Command, Mark, Status, Transpositions};
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos, Tick};

/// How many messages of one input port can wait for the real-time thread: 40 s of clock at 125 BPM, or two seconds of
/// notes as dense as a DIN cable carries them.
pub const INPUT_CAPACITY: usize = 2_048;
/// How many commands can wait. Commands come from hands.
pub const COMMAND_CAPACITY: usize = 256;
/// How many trace entries can wait: four seconds of notes as dense as a DIN cable carries them.
pub const TRACE_CAPACITY: usize = 4_096;

/// How many newly opened outputs can be on their way, and how many that they replace on theirs home: each port once.
pub const OUTPUT_CAPACITY: usize = MAX_PORTS;

/// What a port is connected to from an edition of the program on, for the real-time thread: an output that has been opened,
/// or none.
struct NewOutput {
    port: PortSlot,
    output: Option<OpenedOutput>,
    edition: u32,
}

/// An output that has taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// Of which port.
    pub port: PortSlot,
    /// Whether there is one now.
    pub is_open: bool,
    /// Whether the program in force has played on the port without it: it did not come along with that program.
    pub rejoins: bool,
}

/// What a port was connected to before, if anything, on its way to be closed.
type Retired = Option<OpenedOutput>;

/// A MIDI message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputEvent {
    /// When the callback had it.
    pub at: Nanos,
    /// When the driver says it came, on the clock of its connection.
    pub device: DeviceTime,
    /// What came.
    pub message: Message,
}

const _: () = assert!(!core::mem::needs_drop::<InputEvent>());
const _: () = assert!(!core::mem::needs_drop::<Command>());

/// The end that a MIDI input callback holds.
#[derive(Debug)]
pub struct MidiInEnd {
    port: PortSlot,
    events: rtrb::Producer<InputEvent>,
    waker: Waker,
    meters: Arc<Meters>,
    /// Whether active sensing has come.
    senses: bool,
}

impl MidiInEnd {
    /// Its connection is closed; the next one has not sent anything yet.
    pub fn leave(&mut self) {
        self.senses = false;
        self.meters.port(self.port).show_sensed(None);
    }

    /// Active sensing came at `at`. The real-time thread is not told: only its absence means anything, which the control side
    /// finds. Real-time safe.
    pub fn sense(&mut self, at: Nanos) {
        self.senses = true;
        self.meters.port(self.port).show_sensed(Some(at));
    }

    /// Hands a message to the real-time thread and wakes it. Real-time safe; a system call only when that thread sleeps.
    pub fn push(&mut self, event: InputEvent) {
        if self.senses {
            self.meters.port(self.port).show_sensed(Some(event.at));
        }
        if self.events.push(event).is_err() {
            self.meters.port(self.port).count_lost_input();
        }
        self.waker.wake();
    }

    /// Says that the input thread has failed; the control side ends the show.
    pub fn fail(&self) {
        self.meters.port(self.port).note_failed_input();
    }

    /// The port it belongs to.
    #[must_use]
    pub fn port(&self) -> PortSlot {
        self.port
    }

    /// Returns where losses on the way here are counted.
    #[must_use]
    pub fn losses(&self) -> Losses {
        Losses { port: self.port, meters: Arc::clone(&self.meters) }
    }
}

/// Where it is counted that messages were lost before they came to a [`MidiInEnd`]: by the thread that has that end only.
#[derive(Clone, Debug)]
pub struct Losses {
    port: PortSlot,
    meters: Arc<Meters>,
}

impl Losses {
    /// At least one message was lost. Real-time safe.
    pub fn count(&self) {
        self.meters.port(self.port).count_lost_input();
    }
}

/// The end that the control thread holds. When it is dropped, for whatever reason, the real-time thread ends the show
/// as if it had been told to.
pub struct ControlEnd {
    commands: rtrb::Producer<Command>,
    program: LatestWriter<Program>,
    trace: rtrb::Consumer<Sent>,
    calls: rtrb::Consumer<Called>,
    status: LatestReader<Status>,
    transpositions: LatestReader<Transpositions>,
    /// Until somebody takes it.
    feed: Option<FeedEnd>,
    outputs: rtrb::Producer<NewOutput>,
    retired: rtrb::Consumer<Retired>,
    /// Outputs that have been handed over and whose predecessors have not come back.
    travelling: usize,
    meters: Arc<Meters>,
    /// The last field, so that it is dropped last: the thread that it wakes must find the ring abandoned.
    waker: WakeOnDrop,
}

/// Wakes the real-time thread when the control end is dropped.
#[derive(Debug)]
struct WakeOnDrop(Waker);

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
}

impl ControlEnd {
    /// Hands a command to the real-time thread and wakes it; gives it back when the ring is full.
    pub fn command(&mut self, command: Command) -> Result<(), Command> {
        let pushed = self.commands.push(command).map_err(|rtrb::PushError::Full(command)| command);
        self.waker.0.wake();
        pushed
    }

    /// The end for the source of fed lanes; the first call gets it.
    pub fn take_feed(&mut self) -> Option<FeedEnd> {
        self.feed.take()
    }

    /// Hands a new program over; frees the one that it replaces for good.
    pub fn publish(&mut self, program: Program) {
        self.program.write(program);
        self.waker.0.wake();
    }

    /// Hands a newly opened output of a port to the real-time thread; gives it back when too many are on their way. What
    /// was opened there before comes home and is closed on this thread, by a later call.
    ///
    /// It takes its place when the program of this [edition](Program::edition), or a later one, plays: so a port that
    /// belongs to another device in a new program changes with it. All outputs that are handed over later wait as well.
    /// What sounds on the old output is ended there.
    pub fn replace_output(&mut self, port: PortSlot, output: OpenedOutput, edition: u32) -> Result<(), OpenedOutput> {
        self.send_output(NewOutput { port, output: Some(output), edition })
            .or_else(|new| new.output.map_or(Ok(()), Err))
    }

    /// Takes the output of a port home, to be closed as one that is replaced, when the program of this edition plays.
    /// Whether that could be said; not when too much is on its way.
    #[must_use]
    pub fn remove_output(&mut self, port: PortSlot, edition: u32) -> bool {
        self.send_output(NewOutput { port, output: None, edition }).is_ok()
    }

    fn send_output(&mut self, new: NewOutput) -> Result<(), NewOutput> {
        self.close_retired();
        if self.travelling == OUTPUT_CAPACITY {
            return Err(new);
        }
        self.outputs.push(new).map_err(|rtrb::PushError::Full(new)| new)?;
        self.travelling += 1;
        self.waker.0.wake();
        Ok(())
    }

    fn close_retired(&mut self) {
        while self.retired.pop().is_ok() {
            self.travelling -= 1;
        }
    }

    /// Returns whether an output has been handed over, or is to be taken away, and its predecessor has not come home: until then, what
    /// sounds on that port sounds there.
    #[must_use]
    pub fn is_exchanging(&mut self) -> bool {
        self.close_retired();
        self.travelling > 0
    }

    /// The next message that went out, if the trace has one.
    pub fn sent(&mut self) -> Option<Sent> {
        self.trace.pop().ok()
    }

    /// The next call that the engine got, if the trace has one. What was sent because of one that comes meanwhile may be told
    /// before it: the engine's numbers say what is after what.
    pub fn called(&mut self) -> Option<Called> {
        self.calls.pop().ok()
    }

    /// Returns what plays and what is next.
    pub fn status(&mut self) -> Status {
        self.status.update();
        *self.status.get()
    }

    /// Returns how far commands have transposed the tracks.
    pub fn transpositions(&mut self) -> Transpositions {
        self.transpositions.update();
        *self.transpositions.get()
    }

    /// Returns what is measured.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }
}

/// The end that the real-time thread holds.
pub struct RtEnd {
    inputs: Box<[(PortSlot, rtrb::Consumer<InputEvent>)]>,
    commands: rtrb::Consumer<Command>,
    feed: rtrb::Consumer<FeedEvent>,
    /// Whether the next of them waits, as there is no room for it.
    fed_waits: bool,
    program: LatestReader<Program>,
    /// Whether a program waits that is known of.
    noticed: bool,
    /// How many of the outputs on their way were there when the program in force took over, and which edition was before it.
    came_along: usize,
    edition_before: u32,
    trace: rtrb::Producer<Sent>,
    calls: rtrb::Producer<Called>,
    /// How many calls have been traced, or lost.
    called: u64,
    status: LatestWriter<Status>,
    transpositions: LatestWriter<Transpositions>,
    outputs: rtrb::Consumer<NewOutput>,
    retired: rtrb::Producer<Retired>,
    waker: Waker,
    meters: Arc<Meters>,
}

impl RtEnd {
    /// Lets `replace` put a newly opened output in its place, or leave it empty, and sends home what was there, if the program
    /// in force is of the edition that it is for. Says which port it was. Real-time safe: nothing is closed here, and the way
    /// home has room, since no more are on their way than it holds.
    pub fn exchange_output(
        &mut self,
        replace: impl FnOnce(PortSlot, Option<OpenedOutput>) -> Option<OpenedOutput>,
    ) -> Option<Exchanged> {
        if self.retired.is_full() || !self.has_output() {
            return None;
        }
        let NewOutput { port, output, edition } = self.outputs.pop().ok()?;
        let came_along = self.came_along > 0 && edition > self.edition_before;
        self.came_along = self.came_along.saturating_sub(1);
        let exchanged = Exchanged { port, is_open: output.is_some(), rejoins: !came_along };
        let sent_home = self.retired.push(replace(port, output));
        debug_assert!(sent_home.is_ok(), "the way home is full");
        Some(exchanged)
    }

    /// The earliest message of all input ports. Time in proportion to the number of input ports. Real-time safe.
    pub fn next_input(&mut self) -> Option<(PortSlot, InputEvent)> {
        let mut first: Option<(Nanos, usize)> = None;
        for (index, (_, ring)) in self.inputs.iter().enumerate() {
            if let Ok(event) = ring.peek()
                && first.is_none_or(|(at, _)| event.at < at)
            {
                first = Some((event.at, index));
            }
        }
        let (port, ring) = self.inputs.get_mut(first?.1)?;
        ring.pop().ok().map(|event| (*port, event))
    }

    /// The next command. Real-time safe.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop().ok()
    }

    /// The next event of a source, if `takes` says that there is room for it; it waits where there is none. Real-time safe.
    pub fn next_fed(&mut self, takes: impl FnOnce(FeedSlot) -> bool) -> Option<FeedEvent> {
        let next = self.feed.peek().ok()?.feed;
        self.fed_waits = !takes(next);
        if self.fed_waits { None } else { self.feed.pop().ok() }
    }

    /// Returns whether an output has come whose time has come too. Real-time safe.
    #[must_use]
    pub fn has_output(&self) -> bool {
        self.outputs.peek().is_ok_and(|new| new.edition <= self.program.get().edition)
    }

    /// Returns whether anything has come in, but for a program that has been noticed. A racy answer: what comes later wakes the
    /// thread. Real-time safe.
    #[must_use]
    pub fn has_input(&self) -> bool {
        // What is fed and finds no room is looked at again with the next deadline, which makes some.
        let is_fed = !self.fed_waits && !self.feed.is_empty();
        let has_news = !self.noticed && self.program.has_news();
        !self.commands.is_empty() || is_fed || self.has_output() || has_news || self.has_heard()
    }

    /// Returns whether a MIDI message has come in. As racy. Real-time safe.
    #[must_use]
    pub fn has_heard(&self) -> bool {
        self.inputs.iter().any(|(_, ring)| !ring.is_empty())
    }

    /// Returns whether the control side is gone. Real-time safe.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.commands.is_abandoned()
    }

    /// Returns whether there is a newer program than that in force, which has not been noticed yet. It goes on waiting, and
    /// newer ones take its place. Real-time safe.
    pub fn notice_program(&mut self) -> bool {
        let is_news = !self.noticed && self.program.has_news();
        self.noticed |= is_news;
        is_news
    }

    /// Takes up the newest program, if there is a newer one than that in force; whether there was. Real-time safe.
    pub fn update_program(&mut self) -> bool {
        self.noticed = false;
        let before = self.program.get().edition;
        let is_new = self.program.update();
        if is_new {
            (self.came_along, self.edition_before) = (self.outputs.slots(), before);
        }
        is_new
    }

    /// The program that is in force. Real-time safe.
    #[must_use]
    pub fn program(&self) -> &Program {
        self.program.get()
    }

    /// Notes what was sent, if the trace has room. Real-time safe.
    pub fn trace(&mut self, sent: Sent) {
        if self.trace.push(sent).is_err() {
            self.meters.count_lost_trace();
        }
    }

    /// Notes what the engine was told, if the trace has room: `call`, at `at`, when it was as far as `mark`; after it the music
    /// is at `tick`. Real-time safe.
    pub fn trace_call(&mut self, mark: Mark, at: Nanos, tick: Tick, call: Call, device: DeviceTime, returned: bool) {
        let called = Called { number: self.called, at, tick, mark, call, device, returned };
        self.called += 1;
        if self.calls.push(called).is_err() {
            self.meters.count_lost_trace();
        }
    }

    /// Says what plays and what is next. Real-time safe: the value owns nothing, so nothing is freed.
    pub fn show(&mut self, status: Status) {
        self.status.write(status);
    }

    /// Says how far commands have transposed the tracks. Real-time safe, as [`RtEnd::show`] is.
    pub fn show_transpositions(&mut self, transpositions: Transpositions) {
        self.transpositions.write(transpositions);
    }

    /// Returns what is measured.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// Makes the calling thread the one that the other ends wake. Called once, at its start.
    pub fn attend(&self) {
        self.waker.attend();
    }
}

/// Makes the ends for `program`, with an input ring for each port of `inputs`. Allocates.
#[must_use]
pub fn link(program: Program, inputs: &[PortSlot]) -> (ControlEnd, RtEnd, Vec<MidiInEnd>) {
    let meters = Arc::new(Meters::default());
    let waker = Waker::default();
    let (command_tx, command_rx) = rtrb::RingBuffer::new(COMMAND_CAPACITY);
    let (feed_tx, feed_rx) = rtrb::RingBuffer::new(FEED_CAPACITY);
    let (trace_tx, trace_rx) = rtrb::RingBuffer::new(TRACE_CAPACITY);
    let (call_tx, call_rx) = rtrb::RingBuffer::new(TRACE_CAPACITY);
    let (output_tx, output_rx) = rtrb::RingBuffer::new(OUTPUT_CAPACITY);
    let (retired_tx, retired_rx) = rtrb::RingBuffer::new(OUTPUT_CAPACITY);
    let (program_tx, program_rx) = latest(program);
    let (status_tx, status_rx) = latest(Status::default());
    let (transpositions_tx, transpositions_rx) = latest(Transpositions::default());
    let mut in_ends = Vec::with_capacity(inputs.len());
    let mut rings = Vec::with_capacity(inputs.len());
    for &port in inputs {
        let (events, ring) = rtrb::RingBuffer::new(INPUT_CAPACITY);
        rings.push((port, ring));
        in_ends.push(MidiInEnd { port, events, waker: waker.clone(), meters: Arc::clone(&meters), senses: false });
    }
    let control = ControlEnd {
        commands: command_tx,
        program: program_tx,
        trace: trace_rx,
        calls: call_rx,
        status: status_rx,
        transpositions: transpositions_rx,
        feed: Some(FeedEnd { events: feed_tx, waker: waker.clone() }),
        outputs: output_tx,
        retired: retired_rx,
        travelling: 0,
        meters: Arc::clone(&meters),
        waker: WakeOnDrop(waker.clone()),
    };
    let rt = RtEnd {
        inputs: rings.into_boxed_slice(),
        commands: command_rx,
        feed: feed_rx,
        fed_waits: false,
        program: program_rx,
        noticed: false,
        came_along: 0,
        edition_before: 0,
        trace: trace_tx,
        calls: call_tx,
        called: 0,
        status: status_tx,
        transpositions: transpositions_tx,
        outputs: output_rx,
        retired: retired_tx,
        waker,
        meters,
    };
    (control, rt, in_ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::{ClockPlan, Join, Lost, PatternSlot, Quantum, Scale, Song};
    use crate::time::{Meter, Tempo};

    fn empty_program() -> Program {
        Program {
            edition: 1,
            first: PatternSlot(0),
            meter: Meter::COMMON,
            tempo: Tempo::from_bpm(120.0).unwrap(),
            clock: ClockPlan {
                follow: Box::default(),
                session: None,
                lost: Lost::Hold,
                join: Join::Wait,
                when_stopped: true,
            },
            launch: Quantum::End,
            scale: Scale::CHROMATIC,
            transpose: None,
            ports: Box::new([]),
            tracks: Box::new([]),
            patterns: Box::new([]),
            song: Song::default(),
            thrus: Box::default(),
            bindings: Box::new([]),
        }
    }

    fn clock_at(at: u64) -> InputEvent {
        InputEvent { at: Nanos(at), device: DeviceTime(0), message: Message::Clock }
    }

    #[test]
    fn inputs_of_all_ports_come_in_order_of_time() {
        let (_control, mut rt, mut ins) = link(empty_program(), &[PortSlot(0), PortSlot(3)]);
        ins[0].push(clock_at(10));
        ins[1].push(clock_at(5));
        ins[0].push(clock_at(20));
        ins[1].push(clock_at(15));
        let order: Vec<_> = std::iter::from_fn(|| rt.next_input()).map(|(port, event)| (port.0, event.at.0)).collect();
        assert_eq!(order, [(3, 5), (0, 10), (3, 15), (0, 20)]);
    }

    #[test]
    fn a_full_input_ring_loses_the_newest_and_counts_it() {
        let (control, mut rt, mut ins) = link(empty_program(), &[PortSlot(2)]);
        for at in 0..INPUT_CAPACITY as u64 + 3 {
            ins[0].push(clock_at(at));
        }
        assert_eq!(control.meters().snapshot().ports[2].lost_inputs, 3);
        assert_eq!(rt.next_input().map(|(_, event)| event.at), Some(Nanos(0)));
    }

    #[test]
    fn a_full_command_ring_gives_the_command_back() {
        let (mut control, rt, _) = link(empty_program(), &[]);
        for _ in 0..COMMAND_CAPACITY {
            assert_eq!(control.command(Command::Start), Ok(()));
        }
        assert_eq!(control.command(Command::Stop), Err(Command::Stop));
        assert!(rt.has_input());
    }

    #[test]
    fn a_program_that_waits_is_noticed_once_and_the_newest_is_taken_up() {
        let (mut control, mut rt, _) = link(empty_program(), &[]);
        assert!(!rt.notice_program() && !rt.has_input());
        let edition = |edition| Program { edition, ..empty_program() };
        control.publish(edition(2));
        assert!(rt.has_input() && rt.notice_program());
        control.publish(edition(3));
        assert!(!rt.has_input() && !rt.notice_program(), "it is known that one waits");
        assert_eq!(rt.program().edition, 1);
        assert!(rt.update_program());
        assert_eq!(rt.program().edition, 3);
        control.publish(edition(4));
        assert!(rt.has_input() && rt.notice_program());
    }

    #[test]
    fn an_output_waits_for_its_edition() {
        let (mut control, mut rt, _) = link(empty_program(), &[]);
        assert!(control.remove_output(PortSlot(1), 2) && control.remove_output(PortSlot(0), 1));
        let taken = |rt: &mut RtEnd| rt.exchange_output(|_, _| None).map(|taken| (taken.port.0, taken.rejoins));
        assert_eq!((rt.has_input(), taken(&mut rt), control.is_exchanging()), (false, None, true));
        control.publish(Program { edition: 3, ..empty_program() });
        assert!(rt.update_program() && rt.has_input());
        assert!(control.remove_output(PortSlot(2), 2));
        // The first has come along with the program, the second was to be there before it, and the last one came too late.
        assert_eq!([(); 4].map(|()| taken(&mut rt)), [Some((1, false)), Some((0, true)), Some((2, true)), None]);
        assert!(!control.is_exchanging());
        // What has come home makes room.
        assert!((0..OUTPUT_CAPACITY).all(|_| control.remove_output(PortSlot(0), 1)));
        assert!(!control.remove_output(PortSlot(0), 1));
    }

    #[test]
    fn the_real_time_end_sees_that_the_control_side_is_gone() {
        let (control, rt, _) = link(empty_program(), &[]);
        assert!(!rt.is_abandoned());
        drop(control);
        assert!(rt.is_abandoned());
    }
}
