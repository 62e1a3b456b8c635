//! What a port has been sent, and what of it is to be told again: a channel at a time.
//!
//! Not remembered are channel mode messages (120 to 127, but for local control), steps of a parameter (96 and 97), and of each
//! channel more than [`PARAMETERS`] parameters.

use crate::engine::program::lever::Lever;
use crate::midi::{Channel, Key, Message};

/// How many parameters of a channel are remembered; one more, and the first is forgotten.
pub(crate) const PARAMETERS: usize = 24;

/// The most messages that leave together: a parameter and its value.
const TOGETHER: usize = 4;

/// Nothing is known of a value.
const UNKNOWN: u8 = u8::MAX;
/// The number of the parameter that is none.
const NULL: [u8; 2] = [127, 127];

const BANK: [u8; 2] = [0, 32];
const DATA: [u8; 2] = [6, 38];

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
pub(crate) type Together = [Option<Message>; TOGETHER];

fn alone(message: Message) -> Together {
    [Some(message), None, None, None]
}

impl Left {
    const NOTHING: Left = Left {
        ends: 0,
        older: 0,
        program: false,
        newer: 0,
        bend: false,
        pressure: false,
        parameters: 0,
        select: false,
    };

    /// Returns how many messages it is, at most.
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

/// All channels of a port. Real-time safe.
#[derive(Debug)]
pub(crate) struct SentState {
    known: [Known; Channel::COUNT],
    left: [Left; Channel::COUNT],
    /// How many programs have left.
    programs: u64,
}

impl SentState {
    pub(crate) const NEW: SentState =
        SentState { known: [Known::NOTHING; Channel::COUNT], left: [Left::NOTHING; Channel::COUNT], programs: 0 };

    /// Nothing has been sent.
    pub(crate) fn forget(&mut self) {
        // One by one: the stack is small.
        self.known.iter_mut().for_each(|known| *known = Known::NOTHING);
        self.left.fill(Left::NOTHING);
    }

    /// All that is known is to be told. How many messages that is, at most.
    pub(crate) fn recall(&mut self) -> u32 {
        for (left, known) in self.left.iter_mut().zip(&self.known) {
            *left = known.all();
        }
        self.left.iter().map(Left::count).sum()
    }

    /// Returns whether all has been told.
    pub(crate) fn is_told(&self) -> bool {
        self.left == [Left::NOTHING; Channel::COUNT]
    }

    /// Nothing is told any more but what could sound, and what could hold or bend it.
    pub(crate) fn keep_ends(&mut self) {
        let levers = Lever::numbers().fold(0u128, |levers, number| levers | 1 << number);
        for left in &mut self.left {
            let Left { ends, older, newer, bend, pressure, .. } = *left;
            *left = Left { ends, older: older & levers, newer: newer & levers, bend, pressure, ..Left::NOTHING };
        }
    }

    /// A note is struck. Whether the key had yet to be ended.
    pub(crate) fn strike(&mut self, channel: Channel, key: Key) -> bool {
        let bit = 1 << key.index();
        self.known[channel.index()].struck |= bit;
        let left = &mut self.left[channel.index()].ends;
        let was_left = *left & bit != 0;
        *left &= !bit;
        was_left
    }

    /// Takes what leaves next.
    pub(crate) fn take(&mut self) -> Option<Together> {
        let channels = || (0..Channel::COUNT).zip((0..Channel::COUNT as u8).map(Channel::from_status));
        let SentState { known, left, .. } = self;
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

    /// Remembers a message that leaves. What it says need not be said again.
    pub(crate) fn note(&mut self, message: Message) {
        let SentState { known, left, .. } = self;
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
}
