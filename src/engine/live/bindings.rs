//! Bindings: a message that comes in gives the commands that it is bound to, and moves faders.

use crate::engine::program::{Binding, Does, MAX_BINDINGS, PortSlot, Program, Trigger};
use crate::engine::{Command, Engine};
use crate::midi::{Channel, Message};
use crate::time::Nanos;

/// What a message means to bindings.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Touched {
    trigger: Trigger,
    channel: Channel,
    /// The value before, of what has one that lasts, if it is known.
    before: Option<u16>,
    /// The value now; none of a key that comes up.
    now: Option<u16>,
}

/// The bindings that have come up because their input is gone, and when: each has yet to do what it does then.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Rising {
    /// A bit for each.
    which: [u64; MAX_BINDINGS / 64],
    at: Nanos,
}

const _: () = assert!(MAX_BINDINGS.is_multiple_of(64));

impl Rising {
    /// Returns when there is something to do, if anything.
    pub(crate) fn due(&self) -> Option<Nanos> {
        (self.which != [0; MAX_BINDINGS / 64]).then_some(self.at)
    }

    /// Returns when they came up.
    pub(crate) fn at(&self) -> Nanos {
        self.at
    }

    fn put(&mut self, index: usize) {
        if let Some(bits) = self.which.get_mut(index / 64) {
            *bits |= 1 << (index % 64);
        }
    }

    /// Takes the first one out.
    pub(crate) fn take(&mut self) -> Option<usize> {
        let word = self.which.iter().position(|&bits| bits != 0)?;
        let bits = &mut self.which[word];
        let index = 64 * word + bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        Some(index)
    }
}

impl Engine {
    /// The first binding from place `from` on that listens for what `touched` says, and its place. Takes time in proportion to
    /// the bindings.
    pub(in crate::engine) fn bound(
        program: &Program,
        port: PortSlot,
        touched: Touched,
        from: usize,
    ) -> Option<(usize, &Binding)> {
        let Touched { trigger, channel, .. } = touched;
        let hears = |(_, binding): &(usize, &Binding)| {
            binding.port == port && binding.trigger == trigger && binding.channel.is_none_or(|wanted| wanted == channel)
        };
        program.bindings.iter().enumerate().skip(from).find(hears)
    }

    /// Returns what the binding in place `index` asks for when its message says `touched`, if anything.
    pub(in crate::engine) fn asked(&mut self, index: usize, binding: &Binding, touched: Touched) -> Option<Command> {
        let Touched { trigger, before, now, .. } = touched;
        let counts = |value: Option<u16>| value.is_some_and(|value| binding.values.contain(value));
        match (binding.does, now) {
            (Does::Press { command, .. }, _) if counts(now) && !counts(before) => Some(command),
            (Does::Press { release, .. }, _) if !counts(now) && (counts(before) || now.is_none()) => release,
            (Does::Slide(fader), Some(now)) => self.slide(index, fader, trigger, before, now),
            (Does::Press { .. }, _) | (Does::Slide(_), None) => None,
        }
    }
    /// The input at `port` is gone. Whatever was down there counts as released, one after the other with the next
    /// [`Engine::advance`]; where faders stand when it is back is not known, and they have to take hold anew. Takes time in
    /// proportion to the bindings.
    pub(in crate::engine) fn release_bound(&mut self, program: &Program, at: Nanos, port: PortSlot) {
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

    /// Returns what `message` means to bindings, and what it has been before. Takes note of it.
    pub(in crate::engine) fn touched(&mut self, port: PortSlot, message: Message) -> Option<Touched> {
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
