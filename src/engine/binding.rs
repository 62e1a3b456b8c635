//! What the performer's hands ask for: messages that come in, and what they stand for.
//!
//! A binding listens for a key, a controller, a program change or the pitch bend. Either it does something when that goes
//! down, and perhaps something else when it comes up, or what moves moves something: a fader. A key is down from its note-on
//! to its note-off; a controller or the bend as long as its value lies in a range.

use super::Engine;
pub use super::fader::{Fader, Knob};
use super::homing::By;
pub use super::ports::lights::{Light, Shown};
use super::program::{PortSlot, Program};
use crate::midi::{Channel, Key, Message};
use crate::time::Nanos;

/// A message that comes in, and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The port it comes from.
    pub port: PortSlot,
    /// Its channel; without one, any.
    pub channel: Option<Channel>,
    /// Which message.
    pub trigger: Trigger,
    /// The values that count as down: velocities of a key; nothing of a program change.
    pub values: Values,
    /// What happens.
    pub does: Does,
    /// How that is shown where it is bound, if it is: of a key or a controller.
    pub light: Option<Light>,
}

/// What a binding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// Something when it goes down, and perhaps something when it comes up.
    Press {
        /// When it goes down.
        command: super::Command,
        /// When it comes up, if anything.
        release: Option<super::Command>,
    },
    /// It moves something.
    Slide(Fader),
}

impl Binding {
    /// Whether there is a message that both listen for.
    #[must_use]
    pub fn meets(&self, other: &Binding) -> bool {
        let channels = match (self.channel, other.channel) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        channels && self.port == other.port && self.trigger == other.trigger
    }

    /// The commands that it gives.
    pub fn commands(&self) -> impl Iterator<Item = super::Command> {
        let (command, release) = match self.does {
            Does::Press { command, release } => (Some(command), release),
            Does::Slide(_) => (None, None),
        };
        command.into_iter().chain(release)
    }
}

/// What a binding listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A key.
    Note(Key),
    /// A controller, 0 to 127.
    Controller(u8),
    /// A program change, 0 to 127.
    Program(u8),
    /// The pitch bend.
    Bend,
}

impl Trigger {
    /// The highest value of its message.
    #[must_use]
    pub const fn highest(self) -> u16 {
        match self {
            Trigger::Note(_) | Trigger::Controller(_) | Trigger::Program(_) => 127,
            Trigger::Bend => 16_383,
        }
    }

    /// The values that count as down where nothing else is said: all velocities, the upper half of a controller, a bend that
    /// goes up by more than half.
    #[must_use]
    pub const fn values(self) -> Values {
        match self {
            Trigger::Note(_) | Trigger::Program(_) => Values { low: 0, high: 127 },
            Trigger::Controller(_) => Values { low: 64, high: 127 },
            Trigger::Bend => Values { low: 12_288, high: 16_383 },
        }
    }
}

/// Values from one to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    /// The lowest.
    pub low: u16,
    /// The highest; not below it.
    pub high: u16,
}

impl Values {
    /// Whether `value` is among them.
    #[must_use]
    pub const fn contain(self, value: u16) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The most bindings a set may have.
pub const MAX_BINDINGS: usize = 256;
/// The most bindings that may listen for the same message; more than so many do nothing.
pub const MAX_AT_ONCE: usize = 8;

/// What a message means to bindings.
#[derive(Clone, Copy, Debug)]
struct Touched {
    trigger: Trigger,
    channel: Channel,
    /// The value before, of what has one that lasts, if it is known.
    before: Option<u16>,
    /// The value now; none of a key that comes up.
    now: Option<u16>,
}

/// The bindings that have come up because their input is gone, and when: each has yet to do what it does then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rising {
    /// A bit for each.
    which: [u64; MAX_BINDINGS / 64],
    at: Nanos,
}

const _: () = assert!(MAX_BINDINGS.is_multiple_of(64));

impl Rising {
    /// When there is something to do, if anything.
    pub fn due(&self) -> Option<Nanos> {
        (self.which != [0; MAX_BINDINGS / 64]).then_some(self.at)
    }

    fn put(&mut self, index: usize) {
        if let Some(bits) = self.which.get_mut(index / 64) {
            *bits |= 1 << (index % 64);
        }
    }

    /// Takes the first one out.
    fn take(&mut self) -> Option<usize> {
        let word = self.which.iter().position(|&bits| bits != 0)?;
        let bits = &mut self.which[word];
        let index = 64 * word + bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        Some(index)
    }
}

impl Engine {
    /// Does what a message is bound to, in the order of the bindings, and says whether it is bound at all. Takes time in
    /// proportion to the bindings; of those that listen for the same message, [`MAX_AT_ONCE`] count.
    pub(super) fn obey(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) -> bool {
        let Some(touched) = self.touched(port, message) else { return false };
        let Touched { trigger, channel, before, now } = touched;
        let hears = |(_, binding): &(usize, &Binding)| {
            binding.port == port && binding.trigger == trigger && binding.channel.is_none_or(|wanted| wanted == channel)
        };
        let mut is_bound = false;
        for (index, binding) in program.bindings.iter().enumerate().filter(hears).take(MAX_AT_ONCE) {
            is_bound = true;
            let counts = |value: Option<u16>| value.is_some_and(|value| binding.values.contain(value));
            match (binding.does, now) {
                (Does::Press { command, .. }, _) if counts(now) && !counts(before) => {
                    self.carry_out(program, at, command, By::Hand(port));
                }
                (Does::Press { release: Some(release), .. }, _)
                    if !counts(now) && (counts(before) || now.is_none()) =>
                {
                    self.carry_out(program, at, release, By::Hand(port));
                }
                (Does::Slide(fader), Some(now)) => self.slide(program, at, port, index, fader, trigger, before, now),
                _ => {}
            }
        }
        is_bound
    }

    /// The input at `port` is gone. Whatever was down there counts as released, one after the other with the next
    /// [`Engine::advance`]; where faders stand when it is back is not known, and they have to take hold anew. Takes time in
    /// proportion to the bindings.
    pub(super) fn release_bound(&mut self, program: &Program, at: Nanos, port: PortSlot) {
        let keyboards = &self.keyboards;
        for (index, binding) in program.bindings.iter().enumerate().filter(|(_, binding)| binding.port == port) {
            if let Does::Slide(_) = binding.does {
                self.faders.let_go(index);
                continue;
            }
            let counts = |value: Option<u16>| value.is_some_and(|value| binding.values.contain(value));
            let is_down = |channel: Channel| match binding.trigger {
                Trigger::Note(key) => keyboards.is_down(port, channel, key),
                Trigger::Controller(number) => counts(keyboards.value(port, channel, number).map(u16::from)),
                Trigger::Bend => counts(keyboards.bent(port, channel)),
                Trigger::Program(_) => false,
            };
            let mut channels = (0..Channel::COUNT as u8).map(Channel::from_status);
            if channels.any(|channel| binding.channel.is_none_or(|wanted| wanted == channel) && is_down(channel)) {
                self.rising.put(index);
            }
        }
        self.rising.at = at;
        self.keyboards.forget_values(port);
    }

    /// Does what one of the bindings says that have come up.
    pub(super) fn release_next(&mut self, program: &Program) {
        let Some(index) = self.rising.take() else { return };
        let binding = program.bindings.get(index);
        if let Some(Binding { does: Does::Press { release: Some(release), .. }, port, .. }) = binding {
            self.carry_out(program, self.rising.at, *release, By::Hand(*port));
        }
    }

    fn touched(&mut self, port: PortSlot, message: Message) -> Option<Touched> {
        let touched = |trigger, channel, before, now| Some(Touched { trigger, channel, before, now });
        match message {
            Message::NoteOn(channel, key, velocity) => {
                self.keyboards.press(port, channel, key, true);
                touched(Trigger::Note(key), channel, None, Some(u16::from(velocity.value())))
            }
            Message::NoteOff(channel, key, _) => {
                self.keyboards.press(port, channel, key, false);
                touched(Trigger::Note(key), channel, None, None)
            }
            Message::ProgramChange(channel, number) => touched(Trigger::Program(number), channel, None, Some(0)),
            Message::ControlChange(channel, number, value) => {
                let before = self.keyboards.turn(port, channel, number, value);
                touched(Trigger::Controller(number), channel, before.map(u16::from), Some(u16::from(value)))
            }
            Message::PitchBend(channel, value) => {
                let before = self.keyboards.bend(port, channel, value);
                touched(Trigger::Bend, channel, before, Some(value))
            }
            _ => None,
        }
    }
}
