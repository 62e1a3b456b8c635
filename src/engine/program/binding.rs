//! What the performer's hands ask for: messages that come in, what they stand for, and how that is shown.
//!
//! A binding listens for a key, a controller, a program change or the pitch bend. Either it does something when that goes
//! down, and perhaps something else when it comes up, or what moves moves something: a fader. A key is down from its note-on
//! to its note-off; a controller or the bend as long as its value lies in a range.

use super::slots::{PartSlot, PatternSlot, PortSlot, TrackSlot};
use super::target::Target;
use super::track::Interval;
use crate::engine::command::Command;
use crate::midi::{Channel, Key};

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
        command: Command,
        /// When it comes up, if anything.
        release: Option<Command>,
    },
    /// It moves something.
    Slide(Fader),
}

impl Binding {
    /// Returns whether there is a message that both listen for.
    #[must_use]
    pub fn meets(&self, other: &Binding) -> bool {
        let channels = match (self.channel, other.channel) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        channels && self.port == other.port && self.trigger == other.trigger
    }

    /// The commands that it gives.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
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
    /// Returns whether `value` is among them.
    #[must_use]
    pub const fn contain(self, value: u16) -> bool {
        self.low <= value && value <= self.high
    }
}

/// The most bindings a set may have.
pub const MAX_BINDINGS: usize = 256;

/// The most bindings that may listen for the same message; more than so many do nothing.
pub const MAX_AT_ONCE: usize = 8;

/// What a fader moves, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fader {
    /// What it moves.
    pub knob: Knob,
    /// The value at its lower end.
    pub low: i32,
    /// The value at its upper end; below the other one where it works upside down.
    pub high: i32,
}

impl Fader {
    /// The value at `position` of `most`, rounded.
    pub(in crate::engine) fn value(self, position: u16, most: u16) -> i32 {
        let (way, most) = (i64::from(self.high) - i64::from(self.low), i64::from(most.max(1)));
        let moved = (2 * way * i64::from(position) + most).div_euclid(2 * most);
        self.low + moved as i32
    }
}

/// What a fader moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knob {
    /// The tempo, in hundredths of a quarter note a minute.
    Tempo,
    /// How far a track is transposed, or all are; -127 to 127.
    Transpose(Option<TrackSlot>, Interval),
    /// A controller of a track, within what its target takes.
    Control(TrackSlot, Target),
}

/// How a binding is shown: on which channel, and with which values. 0 is dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Light {
    /// The channel of its message.
    pub channel: Channel,
    /// The value of what is off, or does not play.
    pub off: u8,
    /// The value of what waits for its line.
    pub waits: u8,
    /// The value of what is on, or plays.
    pub on: u8,
}

/// What a light tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Whether a pattern plays or waits for its line.
    Pattern(PatternSlot),
    /// Whether a part of the song plays or waits for its line.
    Part(PartSlot),
    /// Whether a launch or a jump waits that could be taken back.
    Waits,
    /// Whether the music runs, or waits for the clock.
    Runs,
    /// Whether the music is stopped.
    Stopped,
    /// Whether the song stays in its part.
    Holds,
    /// Whether what is written for fills plays.
    Fills,
    /// Whether a track is muted.
    Muted(TrackSlot),
    /// Whether a track is soloed.
    Soloed(TrackSlot),
    /// Whether a track, or all that move, are transposed by just so much.
    Transposed(Option<TrackSlot>, i8, Interval),
}

impl Shown {
    /// Returns what the light of a binding with this command tells, if it has one.
    #[must_use]
    pub const fn by(command: Command) -> Option<Shown> {
        Some(match command {
            Command::Start | Command::Continue => Shown::Runs,
            Command::Stop => Shown::Stopped,
            Command::Launch { pattern, .. } => Shown::Pattern(pattern),
            Command::Jump(part) => Shown::Part(part),
            Command::CancelLaunch => Shown::Waits,
            Command::Hold(_) => Shown::Holds,
            Command::Fill(_) => Shown::Fills,
            Command::Mute(track, _) => Shown::Muted(track),
            Command::Solo(track, _) => Shown::Soloed(track),
            Command::Transpose { track, by, unit } => Shown::Transposed(track, by, unit),
            Command::Control { .. } | Command::Tempo(_) | Command::TempoStep(_) | Command::Tap => return None,
            Command::Panic | Command::SilencePort(_) | Command::ReleaseInput(_) => return None,
            Command::EndAfter(_) | Command::End | Command::Pace(_) | Command::Session(_) => return None,
        })
    }
}
