//! What holds or bends the notes of a channel, and where it rests: pedals, wheels, pressure.
//!
//! A note-off ends no note whose pedal is down, and a note that begins on a bent channel is out of tune. So wherever notes
//! are ended, what holds or bends them goes home too. Which messages that concerns:
//!
//! | lever | at rest |
//! |---|---|
//! | controllers 64 to 69: sustain, portamento, sostenuto, soft, legato, hold 2 | 0 |
//! | pressure of the channel, and of each key | 0 |
//! | modulation, coarse and fine (controllers 1 and 33, `cc14-1`) | 0 |
//! | pitch bend | the middle, 8,192 |
//!
//! These are what "reset all controllers" resets (MIDI's recommended practice 15), without expression, which is a volume. What
//! belongs to a sound stays as it was set: all other controllers, and parameters (RPN, NRPN), the range of the bend and the
//! tuning among them.

use super::{Action, Event, Target};
use crate::midi::{Channel, Key, Message};

/// A pedal, a wheel, or the pressure of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lever(u8);

/// The levers that are controllers, in the order in which they go home: what holds notes first.
const CONTROLLERS: [u8; 8] = [64, 66, 69, 68, 67, 65, 1, 33];
const PRESSURE: u8 = CONTROLLERS.len() as u8;
const BEND: u8 = PRESSURE + 1;
/// Where a pitch bend rests.
const MIDDLE: u16 = 8_192;

impl Lever {
    /// How many a channel has.
    pub const COUNT: usize = BEND as usize + 1;

    /// All of a channel, in the order in which they go home: what holds notes first, the bend last.
    pub fn all() -> impl Iterator<Item = Lever> {
        (0..Lever::COUNT as u8).map(Lever)
    }

    /// From 0 up, below [`Lever::COUNT`]; for tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns whether notes go on after their ends while it is down: sustain, sostenuto, hold 2.
    #[must_use]
    pub fn holds(self) -> bool {
        matches!(CONTROLLERS.get(self.index()), Some(64 | 66 | 69))
    }

    /// The numbers of those that are controllers.
    pub fn numbers() -> impl Iterator<Item = u8> {
        CONTROLLERS.into_iter()
    }

    /// The controller with this number, if it is a lever.
    #[must_use]
    pub fn controller(number: u8) -> Option<Lever> {
        CONTROLLERS.iter().position(|&known| known == number).map(|index| Lever(index as u8))
    }

    /// The message that brings it home.
    #[must_use]
    pub fn home(self, channel: Channel) -> Message {
        match CONTROLLERS.get(self.index()) {
            Some(&number) => Message::ControlChange(channel, number, 0),
            None if self.0 == PRESSURE => Message::ChannelPressure(channel, 0),
            None => Message::PitchBend(channel, MIDDLE),
        }
    }

    /// Returns what it is for those who set values of tracks, and the value at rest. Modulation has two names.
    pub fn targets(self) -> impl Iterator<Item = (Target, u16)> {
        let both = match CONTROLLERS.get(self.index()) {
            Some(&number @ (1 | 33)) => [Some((Target::Controller(number), 0)), Some((Target::Fine(1), 0))],
            Some(&number) => [Some((Target::Controller(number), 0)), None],
            None if self.0 == PRESSURE => [Some((Target::Pressure, 0)), None],
            None => [Some((Target::Bend, MIDDLE)), None],
        };
        both.into_iter().flatten()
    }
}

/// What a message does to a lever, or to the pressure of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// A lever of this channel moves. Whether it is away from home then.
    Lever(Channel, Lever, bool),
    /// A key is pressed, or let go of.
    Key(Channel, Key, bool),
}

impl Pull {
    /// Returns what `message` does, if it does anything of the kind. Real-time safe.
    #[must_use]
    pub fn of(message: Message) -> Option<Pull> {
        match message {
            Message::ControlChange(channel, number, value) => {
                Some(Pull::Lever(channel, Lever::controller(number)?, value != 0))
            }
            Message::ChannelPressure(channel, value) => Some(Pull::Lever(channel, Lever(PRESSURE), value != 0)),
            Message::PitchBend(channel, value) => Some(Pull::Lever(channel, Lever(BEND), value != MIDDLE)),
            Message::KeyPressure(channel, key, value) => Some(Pull::Key(channel, key, value != 0)),
            Message::NoteOn(..)
            | Message::NoteOff(..)
            | Message::ProgramChange(..)
            | Message::QuarterFrame(_)
            | Message::SongPosition(_)
            | Message::SongSelect(_)
            | Message::TuneRequest
            | Message::Clock
            | Message::Start
            | Message::Continue
            | Message::Stop
            | Message::ActiveSensing
            | Message::Reset => None,
        }
    }
}

/// Some of the levers of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeverSet(u16);

const _: () = assert!(Lever::COUNT <= u16::BITS as usize);

impl LeverSet {
    /// All of them.
    pub const ALL: LeverSet = LeverSet((1 << Lever::COUNT) - 1);

    /// Those that these events set.
    #[must_use]
    pub fn of(events: &[Event]) -> LeverSet {
        events.iter().filter_map(|event| target_of(event.action)).fold(LeverSet::default(), LeverSet::with_target)
    }

    /// These, and those that a value of `target` sets.
    #[must_use]
    pub fn with_target(self, target: Target) -> LeverSet {
        target.levers().fold(self, LeverSet::with)
    }

    /// These, and `lever`.
    #[must_use]
    pub fn with(self, lever: Lever) -> LeverSet {
        LeverSet(self.0 | 1 << lever.0)
    }

    /// These, and those.
    #[must_use]
    pub const fn and(self, others: LeverSet) -> LeverSet {
        LeverSet(self.0 | others.0)
    }

    /// Returns whether `lever` is among them.
    #[must_use]
    pub const fn contains(self, lever: Lever) -> bool {
        self.0 >> lever.0 & 1 == 1
    }

    /// Returns whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Returns what an event sets, if it is no note.
fn target_of(action: Action) -> Option<Target> {
    match action {
        Action::Note { .. } => None,
        Action::Prepare(target, _) | Action::Control(target, _) | Action::Wander(target, ..) => Some(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_brings_a_lever_home_leaves_it_there_and_anything_else_does_not() {
        for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
            for lever in Lever::all() {
                assert_eq!(Pull::of(lever.home(channel)), Some(Pull::Lever(channel, lever, false)));
                for (target, rest) in lever.targets() {
                    let messages = |value| target.messages(channel, value).filter_map(Pull::of).collect::<Vec<_>>();
                    assert!(messages(rest).contains(&Pull::Lever(channel, lever, false)), "{lever:?}");
                    assert!(messages(target.highest()).contains(&Pull::Lever(channel, lever, true)), "{lever:?}");
                }
            }
        }
    }

    #[test]
    fn all_that_holds_or_bends_is_a_lever_and_nothing_else() {
        let channel = Channel::from_status(3);
        let numbers = (0..128).filter(|&number| Pull::of(Message::ControlChange(channel, number, 1)).is_some());
        assert_eq!(numbers.collect::<Vec<u8>>(), [1, 33, 64, 65, 66, 67, 68, 69]);
        let set = |target| LeverSet::default().with_target(target);
        let parts = set(Target::Controller(1)).and(set(Target::Controller(33)));
        assert_eq!(set(Target::Fine(1)), parts);
        assert!(
            [Target::Rpn(1), Target::Nrpn(64), Target::Fine(11), Target::Controller(11)]
                .map(set)
                .iter()
                .all(|set| set.is_empty())
        );
    }
}
