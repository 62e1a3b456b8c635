//! A device that comes back: it is silenced, told what it has missed, and joins at a bar line.
//!
//! Nothing of what was sent while it was away has arrived, and of what was sent before nobody knows what is left: some
//! instruments keep their notes and their sounds without the cable, others begin as if just switched on. So when an output
//! has been opened in the place of a lost one, as [`Engine::reopened`] says:
//!
//! - Its notes end. Each key that was ever struck there gets a note-off: the one that was sent may have been lost.
//! - It gets what it would have by now: the newest value of every controller, pitch bend and channel pressure that was sent,
//!   and the last program of each channel. The engine remembers what has left, whoever sent it. The order is that in which
//!   they were sent, as far as it matters: what is older than the program of its channel goes before it, because a program
//!   may bring values of its own; programs follow one another as they did, because a program of one channel may change the
//!   sound of others.
//! - Until the first bar line that it has not reached when all of that has left, no note of the sequence is struck on it.
//!   Which one that will be is reckoned at first, and again when all has left: what else its wire carries may hold it up. Hands
//!   are heard as soon as it has left.
//! - If it gets the clock, that goes on at once. While the music plays it is stopped, whatever it made of the silence, and told
//!   the song position and CONTINUE after the last pulse before that bar line, so that the pulse on the line is its first.
//!   If the music is stopped, it is told the position together with the next CONTINUE, or gets the next START.
//!
//! One message leaves each millisecond, after clock pulses and notes of the same moment, as after a panic; a DIN cable
//! carries no more. What must not be torn apart leaves together, followed by a pause as long: a bank and its program, and a
//! (non-)registered parameter and its value, since a lane may set another parameter of that channel at any time.
//!
//! What was sent meanwhile by others, a lane or a hand, is not sent again. A STOP, START or song position ends the wait for
//! the bar line; what is left to be told is told nevertheless. What is remembered of a port says its [`sent_state`].
//!
//! Bounded: to remember a message takes no time, or [`PARAMETERS`](sent_state::PARAMETERS) comparisons; to find the next one to send, 16 channels.

mod sent_state;

use crate::engine::arrangement::transport::Phase;
use crate::engine::fixed::PortMap;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::Background;
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, Program};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Span, Tick, TickSpan};
use sent_state::SentState;

/// From one message to the next on a port: what a DIN cable takes.
const PACE: Span = Span::from_millis(1);

/// Nothing is waited for.
const NEVER: Tick = Tick(i64::MIN);

/// A port.
#[derive(Debug)]
struct Line {
    sent: SentState,
    /// When the next message may leave.
    next_at: Nanos,
    /// The bar line before which no note of the sequence is struck.
    silent_until: Tick,
    /// The bar line at which whoever gets the clock joins.
    joins_at: Tick,
}

impl Line {
    const NEW: Line = Line { sent: SentState::NEW, next_at: Nanos(0), silent_until: NEVER, joins_at: NEVER };
}

/// What all ports have been sent, and what those that have come back have yet to get. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Recovery {
    lines: PortMap<Line>,
    /// The ports that have something yet to get.
    ports: PortSet,
    /// The ports that get the clock and do not play with it: they do not know where the music is.
    astray: PortSet,
    /// Whether the step that is taken tells again what has been told before.
    tells: bool,
}

impl Default for Recovery {
    fn default() -> Recovery {
        Recovery {
            lines: PortMap::from_fn(|_| Line::NEW),
            ports: PortSet::default(),
            astray: PortSet::default(),
            tells: false,
        }
    }
}

impl Recovery {
    /// Returns whether `port` is yet to be told what it has missed.
    pub(crate) fn is_told(&self, port: PortSlot) -> bool {
        self.ports.contains(port)
    }

    /// Returns whether no note of the sequence is struck on `port` at `tick`.
    pub(crate) fn is_silent(&self, port: PortSlot, tick: Tick) -> bool {
        let waits = |line: &Line| tick < line.silent_until || line.silent_until != NEVER && self.is_told(port);
        self.lines.get(port).is_some_and(waits)
    }

    /// All has left that `port` had yet to get, and the first bar line after that is `line`: it is waited for, where another
    /// one was. On a wire that carries much besides, it takes longer than was thought.
    fn settle(&mut self, port: PortSlot, line: Tick) {
        self.ports = self.ports.without(port);
        let of_port = &mut self.lines[port];
        of_port.joins_at = of_port.joins_at.max(line);
        if of_port.silent_until != NEVER {
            of_port.silent_until = of_port.silent_until.max(line);
        }
    }

    /// The music goes on elsewhere: nobody is silent until a bar line.
    fn forget_lines(&mut self) {
        self.lines.iter_mut().for_each(|line| line.silent_until = NEVER);
    }

    /// Other ports get the clock now.
    pub(crate) fn reroute(&mut self, clocked: PortSet) {
        let gone = self.astray.iter().filter(|&port| !clocked.contains(port));
        self.astray = gone.fold(self.astray, PortSet::without);
    }

    /// `ports` do not know where the music is.
    pub(crate) fn lead_astray(&mut self, ports: PortSet) {
        self.astray = ports;
    }

    /// A note is struck. Whether the key had yet to be ended.
    pub(crate) fn strike(&mut self, port: PortSlot, channel: Channel, key: Key) -> bool {
        self.lines[port].sent.strike(channel, key)
    }

    /// `port` is to be sent all that is known, from `at` on. When that will have left.
    fn recall(&mut self, port: PortSlot, at: Nanos) -> Nanos {
        let line = &mut self.lines[port];
        line.next_at = at;
        self.ports = self.ports.with(port);
        at + Span(PACE.0 * i64::from(line.sent.recall()))
    }
}

impl Background for Recovery {
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        self.ports.iter().map(|port| (self.lines[port].next_at.max(ready(port)), port)).min()
    }

    /// Remembers what has left, unless it is told again.
    fn note_sent(&mut self, out: &Outbox) {
        if !std::mem::take(&mut self.tells) {
            for departure in out.iter() {
                if let Some(line) = self.lines.get_mut(departure.port) {
                    line.sent.note(departure.message);
                }
            }
        }
    }

    fn forget(&mut self, port: PortSlot) {
        if let Some(line) = self.lines.get_mut(port) {
            line.sent.forget();
            (line.silent_until, line.joins_at) = (NEVER, NEVER);
        }
        self.ports = self.ports.without(port);
        self.astray = self.astray.without(port);
    }

    /// What could sound ends, what could hold or bend it goes home, and nothing else is told any more.
    fn end(&mut self, at: Nanos) {
        for port in self.ports.iter() {
            let line = &mut self.lines[port];
            line.sent.keep_ends();
            line.next_at = at;
        }
    }

    fn is_over(&self) -> bool {
        self.ports.is_empty()
    }
}

impl Engine {
    /// The output of `port` has been opened anew at `at`: nothing is known of its lights. `rejoins` says that the program in
    /// force has played there before, and that it has to be told what it has missed; not so an output that takes its place
    /// together with a program, where all begins anew. Like an input it comes after an `advance` to `at`.
    ///
    /// Real-time safe. Takes time in proportion to what is remembered of the port: a few thousand messages at most.
    pub fn reopened(&mut self, program: &Program, at: Nanos, port: PortSlot, rejoins: bool) {
        self.happened(at);
        if self.ended || usize::from(port.0) >= MAX_PORTS {
            return;
        }
        let at = self.not_before;
        self.progress = None;
        self.wires.reopened(port);
        self.lights.doubt(port, at);
        if !rejoins {
            return;
        }
        self.release_port(self.moment(at), port);
        let told = self.recovery.recall(port, at);
        self.lights.wait(port, told);
        let running = self.transport.phase() == Phase::Running;
        let line = self.line_after(program, told, port);
        let of_port = &mut self.recovery.lines[port];
        of_port.silent_until = if running { line } else { NEVER };
        of_port.joins_at = line;
        if self.clocked.contains(port) {
            self.recovery.astray = self.recovery.astray.with(port);
            let only = PortSet::default().with(port);
            if running {
                self.tell(self.moment(at), Message::Stop, only);
            } else if self.transport.phase() == Phase::Armed {
                self.place_again(at, only);
            }
        }
    }

    /// The first bar line that `port` has not reached at `told`, and of whose pulses it has not had the one before, if it gets
    /// the clock.
    fn line_after(&self, program: &Program, told: Nanos, port: PortSlot) -> Tick {
        let mut first = self.moment(told - program.offset(port)).tick + TickSpan(1);
        if self.clocked.contains(port) {
            first += TickSpan::PULSE;
        }
        if self.pulsed.contains(port) {
            first = first.max(self.ports[port].next_pulse - self.base + TickSpan::PULSE);
        }
        first.round_up_to(program.meter.bar())
    }

    /// Sends `port` what it gets next of what it has missed: at most four messages.
    pub(in crate::engine) fn take_recovery(&mut self, program: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        let moment = self.moment(at);
        let Some(line) = self.recovery.lines.get_mut(port) else { return };
        if self.silencing.is_left(port) && !self.ended {
            // The wire carries one of both.
            line.next_at = at + PACE;
            return;
        }
        let Some(together) = line.sent.take() else {
            self.settle_recovery(program, port, at);
            return;
        };
        self.recovery.tells = true;
        let mut count = 0;
        for message in together.into_iter().flatten() {
            self.wires.send_again(departure(moment, port, message), out);
            count += 1;
        }
        let Some(line) = self.recovery.lines.get_mut(port) else { return };
        let over = at + Span(PACE.0 * count);
        if !self.ended {
            line.next_at = over;
        }
        if line.sent.is_told() {
            self.settle_recovery(program, port, over);
        }
    }

    /// `port` has been told all, at `over`: it joins at the next bar line.
    fn settle_recovery(&mut self, program: &Program, port: PortSlot, over: Nanos) {
        let line = self.line_after(program, over, port);
        self.recovery.settle(port, line);
    }

    /// The ports that are told a transport message, or `message` if that is one that tells them where the music is. CONTINUE
    /// does not, and they are told the position with it, or left out where that has none of its own.
    pub(in crate::engine) fn transport_sent(&mut self, moment: Moment, message: Message) -> PortSet {
        let astray = std::mem::take(&mut self.recovery.astray);
        if message == Message::Start || astray.is_empty() {
            return self.clocked;
        }
        for port in astray.iter() {
            self.ports[port].pulse_debt = TickSpan::ZERO;
        }
        match pointer(self.transport.resume()) {
            Some(pointer) => {
                self.tell(moment, Message::SongPosition(pointer), astray);
                self.clocked
            }
            None => {
                self.recovery.astray = astray;
                astray.iter().fold(self.clocked, PortSet::without)
            }
        }
    }

    /// Ports that have come back while START or CONTINUE waits for its pulse hear it again.
    fn place_again(&mut self, at: Nanos, ports: PortSet) {
        let position = self.transport.resume();
        ports.iter().for_each(|port| self.ports[port].pulse_debt = TickSpan::ZERO);
        if pointer(position).is_some() {
            self.place(self.moment(at), position, ports);
        }
    }

    /// Tells `ports`, which do not play, that the next pulse is at `position`, which is on a sixteenth.
    pub(in crate::engine) fn place(&mut self, moment: Moment, position: Tick, ports: PortSet) {
        self.recovery.astray = ports.iter().fold(self.recovery.astray, PortSet::without);
        match pointer(position) {
            Some(0) | None => self.tell(moment, Message::Start, ports),
            Some(pointer) => {
                self.tell(moment, Message::SongPosition(pointer), ports);
                self.tell(moment, Message::Continue, ports);
            }
        }
    }

    /// The music goes on from `position`: nobody waits for a bar line of before, and whoever does not play along joins at the
    /// next one.
    pub(in crate::engine) fn await_line(&mut self, program: &Program, position: Tick) {
        self.recovery.forget_lines();
        let line = (position + TickSpan(1)).round_up_to(program.meter.bar());
        for port in self.recovery.astray.iter() {
            self.recovery.lines[port].joins_at = line;
        }
    }

    /// A pulse has gone to `ports`, whose next one is `next` of the clock: those that wait for this one join with it. Where
    /// a burst of pulses went over their bar line, they join at the sixteenth after it.
    pub(in crate::engine) fn let_rejoin(&mut self, moment: Moment, next: Tick, ports: PortSet) {
        let position = next - self.base;
        if self.recovery.astray.is_empty() || self.transport.phase() != Phase::Running || pointer(position).is_none() {
            return;
        }
        let joins = |port: &PortSlot| {
            let is_there = self.recovery.lines[*port].joins_at <= position;
            is_there && self.recovery.astray.contains(*port) && !self.recovery.is_told(*port)
        };
        let joining = ports.iter().filter(joins).fold(PortSet::default(), PortSet::with);
        if !joining.is_empty() {
            self.place(moment, position, joining);
        }
    }
}

/// The song position pointer that means `position`, if there is one. It has 14 bits; whoever counts on from it repeats long
/// before.
pub(in crate::engine) fn pointer(position: Tick) -> Option<u16> {
    const POINTER: i64 = 1 << 14;
    let is_on_sixteenth = position.0.rem_euclid(TickSpan::SIXTEENTH.0) == 0;
    is_on_sixteenth.then(|| position.0.div_euclid(TickSpan::SIXTEENTH.0).rem_euclid(POINTER) as u16)
}
