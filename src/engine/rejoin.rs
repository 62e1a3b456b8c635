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
//! One message leaves each millisecond, behind clock pulses and notes of the same moment, as after a panic; a DIN cable
//! carries no more. What must not be torn apart leaves together, followed by a pause as long: a bank and its program, and a
//! (non-)registered parameter and its value, since a lane may set another parameter of that channel at any time.
//!
//! What was sent meanwhile by others, a lane or a hand, is not sent again. A STOP, START or song position ends the wait for
//! the bar line; what is left to be told is told nevertheless. Not remembered are channel mode messages (120 to 127, but for
//! local control), steps of a parameter (96 and 97), and of each channel more than [`PARAMETERS`] parameters.
//!
//! Bounded: to remember a message takes no time, or [`PARAMETERS`] comparisons; to find the next one to send, 16 channels.

use super::due::departure;
use super::fixed::Slots;
use super::outbox::Outbox;
use super::program::{MAX_PORTS, PortSet, PortSlot, Program};
use super::transport::Phase;
use super::{Engine, Moment};
use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Span, Tick, TickSpan};

/// From one message to the next on a port: what a DIN cable takes.
const PACE: Span = Span::from_millis(1);

/// How many parameters of a channel are remembered; one more, and the first is forgotten.
const PARAMETERS: usize = 24;

/// The most messages that leave together: a parameter and its value.
const TOGETHER: usize = 4;

/// Nothing is known of a value.
const UNKNOWN: u8 = u8::MAX;
/// The number of the parameter that is none.
const NULL: [u8; 2] = [127, 127];

const BANK: [u8; 2] = [0, 32];
const DATA: [u8; 2] = [6, 38];

/// Nothing is waited for.
const NEVER: Tick = Tick(i64::MIN);

/// A registered parameter, or a non-registered one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parameter {
    is_registered: bool,
    /// Coarse and fine.
    number: [u8; 2],
}

impl Parameter {
    const NONE: Parameter = Parameter { is_registered: true, number: NULL };

    /// The messages that select it.
    fn messages(self, channel: Channel) -> [Option<Message>; 2] {
        let first = if self.is_registered { 101 } else { 99 };
        [control(channel, first, self.number[0]), control(channel, first - 1, self.number[1])]
    }
}

fn control(channel: Channel, number: u8, value: u8) -> Option<Message> {
    (value != UNKNOWN).then_some(Message::ControlChange(channel, number, value))
}

/// The last program of a channel, with the bank that was selected then, and which of all programs it was.
#[derive(Clone, Copy, Debug)]
struct Sounded {
    bank: [u8; 2],
    number: u8,
    serial: u64,
}

/// What a channel has been sent.
#[derive(Clone, Copy, Debug)]
struct Known {
    struck: u128,
    controls: [u8; 128],
    /// The controllers that were sent, and those of them that were sent after the program.
    sent: u128,
    newer: u128,
    program: Option<Sounded>,
    bend: Option<u16>,
    pressure: Option<u8>,
    selected: Parameter,
    parameters: [(Parameter, [u8; 2]); PARAMETERS],
    /// The place of the parameter that comes next.
    next: usize,
}

const _: () = assert!(Key::COUNT == u128::BITS as usize && PARAMETERS <= u32::BITS as usize);

impl Known {
    const NOTHING: Known = Known {
        struck: 0,
        controls: [UNKNOWN; 128],
        sent: 0,
        newer: 0,
        program: None,
        bend: None,
        pressure: None,
        selected: Parameter::NONE,
        parameters: [(Parameter::NONE, [UNKNOWN; 2]); PARAMETERS],
        next: 0,
    };

    /// The place of the parameter that is selected, which it gets if it has none.
    fn place(&mut self) -> usize {
        if let Some(place) = self.parameters.iter().position(|(known, _)| *known == self.selected) {
            return place;
        }
        let place = self.next;
        self.next = (place + 1) % PARAMETERS;
        self.parameters[place] = (self.selected, [UNKNOWN; 2]);
        place
    }

    /// The bank that is selected.
    fn bank(&self) -> [u8; 2] {
        BANK.map(|number| self.controls[usize::from(number)])
    }

    /// All that is to be sent.
    fn all(&self) -> Left {
        // The bank goes with its program, unless another one has been selected since.
        let goes_with = self.program.is_some_and(|program| program.bank == self.bank());
        let bank = if goes_with { 1 << BANK[0] | 1 << BANK[1] } else { 0 };
        let set = |(place, (parameter, _)): (usize, &(Parameter, _))| u32::from(*parameter != Parameter::NONE) << place;
        Left {
            ends: self.struck,
            older: self.sent & !self.newer & !bank,
            program: self.program.is_some(),
            newer: self.newer & !bank,
            bend: self.bend.is_some(),
            pressure: self.pressure.is_some(),
            parameters: self.parameters.iter().enumerate().map(set).sum(),
            select: self.selected != Parameter::NONE,
        }
    }
}

/// What a channel has yet to be sent: a bit for each key, controller and parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Left {
    ends: u128,
    older: u128,
    program: bool,
    newer: u128,
    bend: bool,
    pressure: bool,
    parameters: u32,
    /// Whether the parameter that is selected has to be selected again.
    select: bool,
}

/// Takes the lowest bit out.
fn take_lowest(bits: &mut u128) -> Option<u8> {
    let lowest = (*bits != 0).then(|| bits.trailing_zeros() as u8)?;
    *bits &= *bits - 1;
    Some(lowest)
}

/// Messages that leave together.
type Together = [Option<Message>; TOGETHER];

fn alone(message: Message) -> Together {
    [Some(message), None, None, None]
}

/// A port, all its channels.
#[derive(Debug)]
struct Line {
    known: [Known; Channel::COUNT],
    left: [Left; Channel::COUNT],
    /// When the next message may leave.
    next_at: Nanos,
    /// The bar line before which no note of the sequence is struck.
    silent_until: Tick,
    /// The bar line at which whoever gets the clock joins.
    joins_at: Tick,
}

impl Line {
    const NEW: Line = Line {
        known: [Known::NOTHING; Channel::COUNT],
        left: [Left {
            ends: 0,
            older: 0,
            program: false,
            newer: 0,
            bend: false,
            pressure: false,
            parameters: 0,
            select: false,
        }; Channel::COUNT],
        next_at: Nanos(0),
        silent_until: NEVER,
        joins_at: NEVER,
    };

    /// Takes what leaves next.
    fn take(&mut self) -> Option<Together> {
        let channels = || (0..Channel::COUNT).zip((0..Channel::COUNT as u8).map(Channel::from_status));
        let Line { known, left, .. } = self;
        for (index, channel) in channels() {
            if let Some(key) = take_lowest(&mut left[index].ends) {
                return Some(alone(Message::NoteOff(channel, Key::from_data(key), 0)));
            }
        }
        for (index, channel) in channels() {
            if let Some(number) = take_lowest(&mut left[index].older) {
                return Some(alone(Message::ControlChange(
                    channel,
                    number,
                    known[index].controls[usize::from(number)],
                )));
            }
        }
        let programs = channels().filter_map(|(index, channel)| {
            let program = known[index].program.filter(|_| left[index].program)?;
            Some((program.serial, index, channel, program))
        });
        if let Some((_, index, channel, program)) = programs.min_by_key(|&(serial, ..)| serial) {
            left[index].program = false;
            let [coarse, fine] = [0, 1].map(|part| control(channel, BANK[part], program.bank[part]));
            return Some([coarse, fine, Some(Message::ProgramChange(channel, program.number)), None]);
        }
        channels().find_map(|(index, channel)| left[index].take(&known[index], channel))
    }
}

impl Left {
    /// How many messages it is, at most.
    fn count(&self) -> u32 {
        let alone = self.ends.count_ones() + self.older.count_ones() + self.newer.count_ones();
        let together = 3 * u32::from(self.program) + 4 * self.parameters.count_ones() + 2 * u32::from(self.select);
        alone + together + u32::from(self.bend) + u32::from(self.pressure)
    }

    /// Takes what leaves next of what comes after the programs.
    fn take(&mut self, known: &Known, channel: Channel) -> Option<Together> {
        if let Some(number) = take_lowest(&mut self.newer) {
            return Some(alone(Message::ControlChange(channel, number, known.controls[usize::from(number)])));
        }
        if let Some(bend) = known.bend.filter(|_| std::mem::take(&mut self.bend)) {
            return Some(alone(Message::PitchBend(channel, bend)));
        }
        if let Some(pressure) = known.pressure.filter(|_| std::mem::take(&mut self.pressure)) {
            return Some(alone(Message::ChannelPressure(channel, pressure)));
        }
        if self.parameters != 0 {
            let (parameter, value) = known.parameters[self.parameters.trailing_zeros() as usize];
            self.parameters &= self.parameters - 1;
            let [coarse, fine] = parameter.messages(channel);
            return Some([coarse, fine, control(channel, DATA[0], value[0]), control(channel, DATA[1], value[1])]);
        }
        let [coarse, fine] = known.selected.messages(channel);
        std::mem::take(&mut self.select).then_some([coarse, fine, None, None])
    }
}

/// What all ports have been sent, and what those that have come back have yet to get. Real-time safe after construction.
#[derive(Debug)]
pub(super) struct Rejoin {
    lines: Slots<Line>,
    /// The ports that have something yet to get.
    ports: PortSet,
    /// The ports that get the clock and do not play with it: they do not know where the music is.
    astray: PortSet,
    /// How many programs have left.
    programs: u64,
    /// Whether the step that is taken tells again what has been told before.
    tells: bool,
}

impl Default for Rejoin {
    fn default() -> Rejoin {
        Rejoin {
            lines: Slots::from_fn(MAX_PORTS, |_| Line::NEW),
            ports: PortSet::default(),
            astray: PortSet::default(),
            programs: 0,
            tells: false,
        }
    }
}

impl Rejoin {
    /// Whether there is nothing left to send.
    pub fn is_over(&self) -> bool {
        self.ports.is_empty()
    }

    /// The port that gets something next, and when; not before its wire is `ready`.
    pub fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        self.ports.iter().map(|port| (self.lines[usize::from(port.0)].next_at.max(ready(port)), port)).min()
    }

    /// Remembers what a step has made leave, unless it is told again.
    pub fn remember(&mut self, out: &Outbox) {
        if !std::mem::take(&mut self.tells) {
            out.iter().for_each(|departure| self.note(departure.port, departure.message));
        }
    }

    /// Whether `port` is yet to be told what it has missed.
    pub fn is_told(&self, port: PortSlot) -> bool {
        self.ports.contains(port)
    }

    /// Whether no note of the sequence is struck on `port` at `tick`.
    pub fn is_silent(&self, port: PortSlot, tick: Tick) -> bool {
        let waits = |line: &Line| tick < line.silent_until || line.silent_until != NEVER && self.is_told(port);
        self.lines.get(usize::from(port.0)).is_some_and(waits)
    }

    /// All has left that `port` had yet to get, and the first bar line after that is `line`: it is waited for, where another
    /// one was. On a wire that carries much besides, it takes longer than was thought.
    fn settle(&mut self, port: PortSlot, line: Tick) {
        self.ports = self.ports.without(port);
        let of_port = &mut self.lines[usize::from(port.0)];
        of_port.joins_at = of_port.joins_at.max(line);
        if of_port.silent_until != NEVER {
            of_port.silent_until = of_port.silent_until.max(line);
        }
    }

    /// The music goes on elsewhere: nobody is silent until a bar line.
    fn forget_lines(&mut self) {
        self.lines.iter_mut().for_each(|line| line.silent_until = NEVER);
    }

    /// Somebody else has `port` from now on, who has been sent nothing.
    pub fn forget(&mut self, port: PortSlot) {
        if let Some(line) = self.lines.get_mut(usize::from(port.0)) {
            // One by one: the stack is small.
            line.known.iter_mut().for_each(|known| *known = Known::NOTHING);
            line.left.iter_mut().for_each(|left| *left = Left::default());
            (line.silent_until, line.joins_at) = (NEVER, NEVER);
        }
        self.ports = self.ports.without(port);
        self.astray = self.astray.without(port);
    }

    /// Other ports get the clock now.
    pub fn reroute(&mut self, clocked: PortSet) {
        let gone = self.astray.iter().filter(|&port| !clocked.contains(port));
        self.astray = gone.fold(self.astray, PortSet::without);
    }

    /// `ports` do not know where the music is.
    pub fn lead_astray(&mut self, ports: PortSet) {
        self.astray = ports;
    }

    /// The show ends at `at`: what could sound ends, at once, and nothing else is told any more.
    pub fn end(&mut self, at: Nanos) {
        for port in self.ports.iter() {
            let line = &mut self.lines[usize::from(port.0)];
            line.left.iter_mut().for_each(|left| *left = Left { ends: left.ends, ..Left::default() });
            line.next_at = at;
        }
    }

    /// A note is struck. Whether the key had yet to be ended.
    pub fn strike(&mut self, port: PortSlot, channel: Channel, key: Key) -> bool {
        let line = &mut self.lines[usize::from(port.0)];
        let bit = 1 << key.index();
        line.known[channel.index()].struck |= bit;
        let left = &mut line.left[channel.index()].ends;
        let was_left = *left & bit != 0;
        *left &= !bit;
        was_left
    }

    /// Remembers a message that leaves. What it says need not be said again.
    fn note(&mut self, port: PortSlot, message: Message) {
        let Some(line) = self.lines.get_mut(usize::from(port.0)) else { return };
        let Line { known, left, .. } = line;
        match message {
            Message::ControlChange(channel, number, value) => {
                let (known, left) = (&mut known[channel.index()], &mut left[channel.index()]);
                match number {
                    98..=101 => {
                        let is_registered = number >= 100;
                        if known.selected.is_registered != is_registered {
                            known.selected = Parameter { is_registered, number: NULL };
                        }
                        known.selected.number[usize::from(number % 2 == 0)] = value;
                    }
                    6 | 38 if known.selected.number != NULL => {
                        let (place, fine) = (known.place(), usize::from(number == DATA[1]));
                        known.parameters[place].1[fine] = value;
                        left.parameters &= !(1 << place);
                    }
                    96 | 97 | 120 | 121 | 123..=127 => {}
                    _ => {
                        let bit = 1 << (number & 0x7F);
                        known.controls[usize::from(number & 0x7F)] = value;
                        (known.sent, known.newer) = (known.sent | bit, known.newer | bit);
                        (left.older, left.newer) = (left.older & !bit, left.newer & !bit);
                    }
                }
            }
            Message::ProgramChange(channel, number) => {
                self.programs += 1;
                let (known, left) = (&mut known[channel.index()], &mut left[channel.index()]);
                known.program = Some(Sounded { bank: known.bank(), number, serial: self.programs });
                (known.newer, left.program) = (0, false);
            }
            Message::PitchBend(channel, bend) => {
                (known[channel.index()].bend, left[channel.index()].bend) = (Some(bend), false);
            }
            Message::ChannelPressure(channel, pressure) => {
                (known[channel.index()].pressure, left[channel.index()].pressure) = (Some(pressure), false);
            }
            _ => {}
        }
    }

    /// `port` is to be sent all that is known, from `at` on. When that will have left.
    fn recall(&mut self, port: PortSlot, at: Nanos) -> Nanos {
        let line = &mut self.lines[usize::from(port.0)];
        for (left, known) in line.left.iter_mut().zip(&line.known) {
            *left = known.all();
        }
        line.next_at = at;
        self.ports = self.ports.with(port);
        let count: u32 = line.left.iter().map(|left| left.count()).sum();
        at + Span(PACE.0 * i64::from(count))
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
        let at = self.happened_at;
        self.progress = None;
        self.wires.reopened(port);
        self.lights.forget(port, at);
        if !rejoins {
            return;
        }
        self.release_port(self.moment(at), port);
        let told = self.rejoin.recall(port, at);
        self.lights.wait(port, told);
        let running = self.transport.phase() == Phase::Running;
        let line = self.line_after(program, told, port);
        let of_port = &mut self.rejoin.lines[usize::from(port.0)];
        of_port.silent_until = if running { line } else { NEVER };
        of_port.joins_at = line;
        if self.clocked.contains(port) {
            self.rejoin.astray = self.rejoin.astray.with(port);
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
            first = first.max(self.pulses[usize::from(port.0)] - self.base + TickSpan::PULSE);
        }
        first.round_up_to(program.meter.bar())
    }

    /// Sends `port` what it gets next of what it has missed: at most four messages.
    pub(super) fn take_rejoin(&mut self, program: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        let moment = self.moment(at);
        let Some(line) = self.rejoin.lines.get_mut(usize::from(port.0)) else { return };
        if self.hush.is_left(port) && !self.ended {
            // The wire carries one of both.
            line.next_at = at + PACE;
            return;
        }
        let Some(together) = line.take() else {
            self.settle_rejoin(program, port, at);
            return;
        };
        self.rejoin.tells = true;
        let mut count = 0;
        for message in together.into_iter().flatten() {
            self.wires.send_again(departure(moment, port, message), out);
            count += 1;
        }
        let Some(line) = self.rejoin.lines.get_mut(usize::from(port.0)) else { return };
        let over = at + Span(PACE.0 * count);
        if !self.ended {
            line.next_at = over;
        }
        if line.left == [Left::default(); Channel::COUNT] {
            self.settle_rejoin(program, port, over);
        }
    }

    /// `port` has been told all, at `over`: it joins at the next bar line.
    fn settle_rejoin(&mut self, program: &Program, port: PortSlot, over: Nanos) {
        let line = self.line_after(program, over, port);
        self.rejoin.settle(port, line);
    }

    /// The ports that are told a transport message, or `message` if that is one that tells them where the music is. CONTINUE
    /// does not, and they are told the position with it, or left out where that has none of its own.
    pub(super) fn told_transport(&mut self, moment: Moment, message: Message) -> PortSet {
        let astray = std::mem::take(&mut self.rejoin.astray);
        if message == Message::Start || astray.is_empty() {
            return self.clocked;
        }
        for port in astray.iter() {
            self.ahead[usize::from(port.0)] = TickSpan::ZERO;
        }
        match pointer(self.transport.resume()) {
            Some(pointer) => {
                self.tell(moment, Message::SongPosition(pointer), astray);
                self.clocked
            }
            None => {
                self.rejoin.astray = astray;
                astray.iter().fold(self.clocked, PortSet::without)
            }
        }
    }

    /// Ports that have come back while START or CONTINUE waits for its pulse hear it again.
    fn place_again(&mut self, at: Nanos, ports: PortSet) {
        let position = self.transport.resume();
        ports.iter().for_each(|port| self.ahead[usize::from(port.0)] = TickSpan::ZERO);
        if pointer(position).is_some() {
            self.place(self.moment(at), position, ports);
        }
    }

    /// Tells `ports`, which do not play, that the next pulse is at `position`, which is on a sixteenth.
    pub(super) fn place(&mut self, moment: Moment, position: Tick, ports: PortSet) {
        self.rejoin.astray = ports.iter().fold(self.rejoin.astray, PortSet::without);
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
    pub(super) fn await_line(&mut self, program: &Program, position: Tick) {
        self.rejoin.forget_lines();
        let line = (position + TickSpan(1)).round_up_to(program.meter.bar());
        for port in self.rejoin.astray.iter() {
            self.rejoin.lines[usize::from(port.0)].joins_at = line;
        }
    }

    /// A pulse has gone to `ports`, whose next one is `next` of the clock: those that wait for this one join with it. Where
    /// a burst of pulses went over their bar line, they join at the sixteenth after it.
    pub(super) fn let_rejoin(&mut self, moment: Moment, next: Tick, ports: PortSet) {
        let position = next - self.base;
        if self.rejoin.astray.is_empty() || self.transport.phase() != Phase::Running || pointer(position).is_none() {
            return;
        }
        let joins = |port: &PortSlot| {
            let is_there = self.rejoin.lines[usize::from(port.0)].joins_at <= position;
            is_there && self.rejoin.astray.contains(*port) && !self.rejoin.is_told(*port)
        };
        let joining = ports.iter().filter(joins).fold(PortSet::default(), PortSet::with);
        if !joining.is_empty() {
            self.place(moment, position, joining);
        }
    }
}

/// The song position pointer that means `position`, if there is one. It has 14 bits; whoever counts on from it repeats long
/// before.
pub(super) fn pointer(position: Tick) -> Option<u16> {
    const POINTER: i64 = 1 << 14;
    let is_on_sixteenth = position.0.rem_euclid(TickSpan::SIXTEENTH.0) == 0;
    is_on_sixteenth.then(|| position.0.div_euclid(TickSpan::SIXTEENTH.0).rem_euclid(POINTER) as u16)
}
