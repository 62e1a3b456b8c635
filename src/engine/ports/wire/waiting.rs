//! What waits for one wire: for each controller the newest value, in the order in which they began to wait.
//!
//! Every controller of every channel has a place of its own, so what waits cannot overflow; its value is replaced where it
//! waits. Three kinds of messages mean nothing alone, and leave as a *unit* that only what is more urgent may come between:
//!
//! - A controller below 32 has a fine part 32 above it, which the coarse part sets to zero: it follows it.
//! - A parameter (RPN, NRPN) is selected by two controllers and then set by two others, 6 and 38. What is waited for is the
//!   parameter; it is selected anew where another one has been selected on the channel meanwhile.
//! - A selection that nothing follows is passed on as it is.
//!
//! Nothing takes longer than a look at one place, but what parameters have in common: there is room for [`PARAMETERS`].

use crate::engine::fixed::{Queue, Slots};
use crate::engine::program::TrackSlot;
use crate::midi::{Channel, Key, Message};

/// How many parameters can wait on a port at once, of 32,768 on each channel; one more takes the place of another.
pub(crate) const PARAMETERS: usize = 64;

/// The controllers that select a parameter and set it; and those that move it by one, of which each counts.
const DATA: u8 = 6;
const DATA_FINE: u8 = 38;
const NRPN: (u8, u8) = (99, 98);
const RPN: (u8, u8) = (101, 100);

/// The channel mode messages: from all sound off to poly on.
pub(crate) const MODES: std::ops::RangeInclusive<u8> = 120..=127;

/// What a value sets, on one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A controller below 32, and the one 32 above it.
    Fine(u8),
    /// A controller from 64 on.
    Coarse(u8),
    Bend,
    Pressure,
    /// Which parameter is set.
    Selection,
    Key(Key),
    /// The parameter that the unit says.
    Parameter,
}

const SINGLES: usize = 32;
const BENDS: usize = SINGLES + 64;
const KEYS: usize = BENDS + 3;
/// The places of one channel, and of all.
const OF_CHANNEL: usize = KEYS + Key::COUNT;
const OF_ALL: usize = Channel::COUNT * OF_CHANNEL;
const PLACES: usize = OF_ALL + PARAMETERS;
const _: () = assert!(PLACES <= u16::MAX as usize);

/// The place of what is no parameter.
fn place(channel: Channel, kind: Kind) -> usize {
    let offset = match kind {
        Kind::Fine(number) => usize::from(number & 0x1F),
        Kind::Coarse(number) => SINGLES + usize::from(number & 0x3F),
        Kind::Bend => BENDS,
        Kind::Pressure => BENDS + 1,
        Kind::Selection | Kind::Parameter => BENDS + 2,
        Kind::Key(key) => KEYS + key.index(),
    };
    channel.index() * OF_CHANNEL + offset
}

/// Returns what is at a place.
fn kind_at(place: usize) -> (Channel, Kind) {
    let offset = place % OF_CHANNEL;
    let kind = match offset {
        0..SINGLES => Kind::Fine(offset as u8),
        SINGLES..BENDS => Kind::Coarse((64 + offset - SINGLES) as u8),
        BENDS => Kind::Bend,
        _ if offset == BENDS + 1 => Kind::Pressure,
        _ if offset == BENDS + 2 => Kind::Selection,
        _ => Kind::Key(Key::from_data((offset - KEYS) as u8)),
    };
    (Channel::from_status((place / OF_CHANNEL) as u8), kind)
}

/// Which parameter of a channel is selected, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Selection {
    registered: bool,
    coarse: Option<u8>,
    fine: Option<u8>,
}

impl Selection {
    /// Takes note of a controller. Whether it was one that selects.
    fn hear(&mut self, number: u8, value: u8) -> bool {
        let registered = matches!(number, 100 | 101);
        let part = match number {
            _ if number == NRPN.0 || number == RPN.0 => &mut self.coarse,
            _ if number == NRPN.1 || number == RPN.1 => &mut self.fine,
            _ => return false,
        };
        *part = Some(value);
        if self.registered != registered {
            // The other half is one of the other table.
            let other = if matches!(number, 99 | 101) { &mut self.fine } else { &mut self.coarse };
            *other = None;
            self.registered = registered;
        }
        true
    }

    fn is_whole(self) -> bool {
        self.coarse.is_some() && self.fine.is_some()
    }

    /// The next message that is needed to select this where `known` is selected.
    fn missing(self, channel: Channel, known: Selection) -> Option<Message> {
        let (coarse, fine) = if self.registered { RPN } else { NRPN };
        let lacks = |wanted: Option<u8>, has: Option<u8>| {
            wanted.filter(|_| self.registered != known.registered || wanted != has)
        };
        lacks(self.coarse, known.coarse)
            .map(|value| Message::ControlChange(channel, coarse, value))
            .or_else(|| lacks(self.fine, known.fine).map(|value| Message::ControlChange(channel, fine, value)))
    }
}

/// What waits at a place.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    coarse: Option<u8>,
    fine: Option<u8>,
    /// Whether the place is in the queue: for what waits, or still for what has been taken out.
    queued: bool,
    track: Option<TrackSlot>,
}

impl Slot {
    fn waits(&self) -> bool {
        self.coarse.is_some() || self.fine.is_some()
    }
}

/// A parameter that has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parameter {
    channel: Channel,
    selection: Selection,
}

/// What is leaving: the rest of its messages follow.
#[derive(Clone, Copy, Debug)]
struct Unit {
    channel: Channel,
    kind: Kind,
    selection: Selection,
    coarse: Option<u8>,
    fine: Option<u8>,
    track: Option<TrackSlot>,
}

impl Unit {
    /// The next message, where `known` is selected on the channel.
    fn next(&mut self, known: Selection) -> Option<Message> {
        let channel = self.channel;
        let control = |number: u8| move |value: u8| Message::ControlChange(channel, number, value);
        match self.kind {
            Kind::Selection => self.selection.missing(channel, known),
            Kind::Parameter if self.coarse.is_none() && self.fine.is_none() => None,
            Kind::Parameter => (self.selection.missing(channel, known))
                .or_else(|| self.coarse.take().map(control(DATA)))
                .or_else(|| self.fine.take().map(control(DATA_FINE))),
            Kind::Fine(number) => {
                self.coarse.take().map(control(number)).or_else(|| self.fine.take().map(control(number + 32)))
            }
            Kind::Coarse(number) => self.coarse.take().map(control(number)),
            Kind::Pressure => self.coarse.take().map(|value| Message::ChannelPressure(channel, value)),
            Kind::Key(key) => self.coarse.take().map(|value| Message::KeyPressure(channel, key, value)),
            Kind::Bend => {
                let (coarse, fine) = (self.coarse.take()?, self.fine.take().unwrap_or(0));
                Some(Message::PitchBend(channel, u16::from(coarse) << 7 | u16::from(fine)))
            }
        }
    }
}

/// What waits for one wire. Real-time safe after construction.
#[derive(Debug)]
pub(super) struct Waiting {
    slots: Slots<Slot>,
    parameters: Slots<Parameter>,
    /// The parameter that gives up its place next.
    turn: usize,
    /// Places in the order in which they began to wait, each at most once.
    queue: Queue<u16>,
    /// How many places something waits at.
    count: usize,
    leaving: Option<Unit>,
    /// By channel, the parameters that have been asked for, and those that the instrument has been told.
    asked: [Selection; Channel::COUNT],
    known: [Selection; Channel::COUNT],
    /// How many messages have been replaced by newer ones.
    pub withheld: u64,
}

impl Default for Waiting {
    fn default() -> Waiting {
        let nothing = Parameter { channel: Channel::from_status(0), selection: Selection::default() };
        Waiting {
            slots: Slots::from_fn(PLACES, |_| Slot::default()),
            parameters: Slots::from_fn(PARAMETERS, |_| nothing),
            turn: 0,
            queue: Queue::with_capacity(PLACES),
            count: 0,
            leaving: None,
            asked: [Selection::default(); Channel::COUNT],
            known: [Selection::default(); Channel::COUNT],
            withheld: 0,
        }
    }
}

impl Waiting {
    /// Returns whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && self.leaving.is_none()
    }

    /// Returns how many values wait.
    pub(crate) fn len(&self) -> usize {
        self.count + usize::from(self.leaving.is_some())
    }

    /// Lets a value wait, in place of the one before. Whether it is one that can: what is no value, or counts each time,
    /// cannot.
    pub(crate) fn put(&mut self, message: Message, track: Option<TrackSlot>) -> bool {
        let (place, coarse, fine) = match message {
            Message::ControlChange(_, 96 | 97, _) => return false,
            Message::ControlChange(channel, number, value) => {
                let (asked, known) = (&mut self.asked[channel.index()], &mut self.known[channel.index()]);
                let is_data = matches!(number, DATA | DATA_FINE);
                if asked.hear(number, value) {
                    // What is asked for leaves, though the instrument may know it.
                    let part = if matches!(number, 99 | 101) { &mut known.coarse } else { &mut known.fine };
                    *part = None;
                    // What was to set a parameter while none was known would set this one.
                    self.withheld += self.take_out(place(channel, Kind::Fine(DATA)), true, true);
                    if self.leaving.is_some_and(|unit| (unit.channel, unit.kind) == (channel, Kind::Fine(DATA))) {
                        self.leaving = None;
                        self.withheld += 1;
                    }
                    self.set(place(channel, Kind::Selection), Some(0), None, track);
                    return true;
                }
                let (is_fine, number) = if (32..64).contains(&number) { (true, number - 32) } else { (false, number) };
                let place = match self.asked[channel.index()] {
                    selection if is_data && selection.is_whole() => {
                        // It is selected with what sets it.
                        self.take_out(place(channel, Kind::Selection), true, true);
                        self.place_of_parameter(Parameter { channel, selection })
                    }
                    _ if number < 32 => place(channel, Kind::Fine(number)),
                    _ => place(channel, Kind::Coarse(number)),
                };
                if is_fine { (place, None, Some(value)) } else { (place, Some(value), None) }
            }
            Message::PitchBend(channel, bend) => {
                (place(channel, Kind::Bend), Some((bend >> 7) as u8), Some(bend as u8 & 0x7F))
            }
            Message::ChannelPressure(channel, value) => (place(channel, Kind::Pressure), Some(value), None),
            Message::KeyPressure(channel, key, value) => (place(channel, Kind::Key(key)), Some(value), None),
            _ => return false,
        };
        self.withheld += self.set(place, coarse, fine, track);
        true
    }

    /// Puts a value at a place. How many messages it replaces.
    fn set(&mut self, place: usize, coarse: Option<u8>, fine: Option<u8>, track: Option<TrackSlot>) -> u64 {
        // A coarse part sets the fine one to zero.
        let replaced = self.take_out(place, coarse.is_some(), true);
        let slot = &mut self.slots[place];
        self.count += usize::from(!slot.waits());
        (slot.coarse, slot.fine, slot.track) = (coarse.or(slot.coarse), fine, track);
        if !std::mem::replace(&mut slot.queued, true) {
            let queued = self.queue.push(place as u16);
            debug_assert!(queued.is_ok(), "each place is queued once");
        }
        replaced
    }

    /// Takes out the parts of a value that waits. How many messages they would have been.
    fn take_out(&mut self, place: usize, coarse: bool, fine: bool) -> u64 {
        let slot = &mut self.slots[place];
        let waited = slot.waits();
        let coarse = coarse && slot.coarse.take().is_some();
        let fine = fine && slot.fine.take().is_some();
        self.count -= usize::from(waited && !slot.waits());
        // The two parts of a bend are one message.
        let is_bend = place < OF_ALL && place % OF_CHANNEL == BENDS;
        u64::from(coarse) + u64::from(fine && !is_bend)
    }

    /// The place of a parameter: its own, or a free one, or that of another.
    fn place_of_parameter(&mut self, parameter: Parameter) -> usize {
        if let Some(place) = self.waits_at(parameter) {
            return place;
        }
        let free = (0..PARAMETERS).find(|index| !self.slots[OF_ALL + index].waits());
        let index = free.unwrap_or_else(|| {
            self.turn = (self.turn + 1) % PARAMETERS;
            self.turn
        });
        self.withheld += self.take_out(OF_ALL + index, true, true);
        self.parameters[index] = parameter;
        OF_ALL + index
    }

    /// Returns where a parameter waits, if it does.
    fn waits_at(&self, parameter: Parameter) -> Option<usize> {
        let slots = &self.slots[OF_ALL..];
        let index = self.parameters.iter().zip(slots).position(|(&known, slot)| known == parameter && slot.waits());
        index.map(|index| OF_ALL + index)
    }

    /// Takes the next message, of what has waited longest.
    pub(crate) fn next(&mut self) -> Option<(Message, Option<TrackSlot>)> {
        loop {
            let mut unit = self.leaving.take().or_else(|| self.next_unit())?;
            let Some(message) = unit.next(self.known[unit.channel.index()]) else { continue };
            self.hear(message);
            let mut rest = unit;
            self.leaving = rest.next(self.known[unit.channel.index()]).map(|_| unit);
            return Some((message, unit.track));
        }
    }

    /// Takes what has waited longest.
    fn next_unit(&mut self) -> Option<Unit> {
        loop {
            let place = usize::from(self.queue.pop()?);
            let slot = std::mem::take(&mut self.slots[place]);
            if !slot.waits() {
                continue;
            }
            self.count -= 1;
            let Slot { coarse, fine, track, .. } = slot;
            let (channel, kind, selection) =
                match place.checked_sub(OF_ALL).and_then(|index| self.parameters.get(index)) {
                    Some(parameter) => (parameter.channel, Kind::Parameter, parameter.selection),
                    None => {
                        let (channel, kind) = kind_at(place);
                        (channel, kind, self.asked[channel.index()])
                    }
                };
            return Some(Unit { channel, kind, selection, coarse, fine, track });
        }
    }

    /// Takes note of what leaves, whichever way.
    pub(crate) fn hear(&mut self, message: Message) {
        if let Message::ControlChange(channel, number, value) = message {
            self.known[channel.index()].hear(number, value);
        }
    }

    /// `message` leaves before what waits: what it makes pointless does not leave after it.
    pub(crate) fn overtake(&mut self, message: Message) {
        if self.is_empty() {
            return;
        }
        let (channel, kind, is_fine) = match message {
            Message::ControlChange(channel, number @ (DATA | DATA_FINE), _) => {
                let known = self.known[channel.index()];
                let kind = if known.is_whole() { Kind::Parameter } else { Kind::Fine(DATA) };
                (channel, kind, number == DATA_FINE)
            }
            Message::ControlChange(channel, number @ 0..64, _) => (channel, Kind::Fine(number & 0x1F), number >= 32),
            Message::ControlChange(_, 98..=101, _) => return,
            Message::ControlChange(channel, number, _) => (channel, Kind::Coarse(number), false),
            Message::PitchBend(channel, _) => (channel, Kind::Bend, false),
            Message::ChannelPressure(channel, _) => (channel, Kind::Pressure, false),
            Message::KeyPressure(channel, key, _) | Message::NoteOff(channel, key, _) => {
                (channel, Kind::Key(key), false)
            }
            _ => return,
        };
        let selection = self.known[channel.index()];
        let place = match kind {
            Kind::Parameter => self.waits_at(Parameter { channel, selection }),
            kind => Some(place(channel, kind)),
        };
        if let Some(place) = place {
            self.withheld += self.take_out(place, !is_fine, true);
        }
        if let Some(unit) = &mut self.leaving
            && (unit.channel, unit.kind) == (channel, kind)
            && (kind != Kind::Parameter || unit.selection == selection)
        {
            // Its coarse part has left, or it would not be leaving yet, but for a parameter.
            let coarse = !is_fine && unit.coarse.take().is_some();
            self.withheld += u64::from(coarse) + u64::from(unit.fine.take().is_some());
            let mut rest = *unit;
            if rest.next(selection).is_none() {
                self.leaving = None;
            }
        }
    }

    /// Takes out a channel mode message that waits on `channel`; a note there must not be cut by it.
    pub(crate) fn take_mode(&mut self, channel: Channel) -> Option<Message> {
        if self.count == 0 {
            return None;
        }
        MODES.into_iter().find_map(|number| {
            let place = place(channel, Kind::Coarse(number));
            let value = self.slots[place].coarse?;
            self.take_out(place, true, true);
            Some(Message::ControlChange(channel, number, value))
        })
    }

    /// Takes out what has been asked for of the parameter that is selected on `channel`, a message at a time, which is to
    /// leave: what moves it by one comes after that. At most six.
    pub(crate) fn take_parameter(&mut self, channel: Channel) -> Option<Message> {
        let (selection, known) = (self.asked[channel.index()], self.known[channel.index()]);
        self.take_out(place(channel, Kind::Selection), true, true);
        if let Some(message) = selection.missing(channel, known) {
            return Some(message);
        }
        let is_of_it = |unit: &Unit| (unit.channel, unit.selection) == (channel, selection);
        if let Some(mut unit) = self.leaving.filter(|unit| unit.kind == Kind::Parameter && is_of_it(unit)) {
            let message = unit.next(known);
            self.leaving = Some(unit).filter(|_| message.is_some());
            if message.is_some() {
                return message;
            }
        }
        let place = self.waits_at(Parameter { channel, selection })?;
        let Slot { coarse, fine, .. } = self.slots[place];
        let (number, value) = coarse.map(|value| (DATA, value)).or(fine.map(|value| (DATA_FINE, value)))?;
        self.take_out(place, coarse.is_some(), coarse.is_none());
        Some(Message::ControlChange(channel, number, value))
    }

    /// Forgets all that waits, and counts it.
    pub(crate) fn clear(&mut self) {
        while let Some(mut unit) = self.leaving.take().or_else(|| self.next_unit()) {
            let parts = u64::from(unit.coarse.take().is_some()) + u64::from(unit.fine.take().is_some());
            self.withheld += match unit.kind {
                Kind::Selection => 0,
                Kind::Bend => 1,
                _ => parts,
            };
        }
    }

    /// Another instrument is there, or the same one anew: what it has been told is not known.
    pub(crate) fn forget_selections(&mut self) {
        self.known = [Selection::default(); Channel::COUNT];
    }
}
