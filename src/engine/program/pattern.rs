//! What a pattern holds, compiled: for each track a clip, in it lanes, in them events under conditions.
//!
//! Everything that can be known beforehand is worked out when a set is compiled: ratchets, chords, groups, Euclidean
//! rhythms and the curves of controllers are events like any other. What depends on how often a lane has come round (*pass*),
//! on chance or on the performer stays with the event as a chain of conditions. Chance needs no state: what falls is a
//! function of the lane's seed, the pass and the number of the die ([`random::draw`](crate::engine::lanes::chance::draw)), so that a
//! position that is jumped to sounds as it would have if the music had come there by itself.

use super::arp::Arp;
use super::condition::{Guard, GuardIndex};
use super::lever::LeverSet;
use super::slots::{FeedSlot, PortSlot, TrackSlot};
use super::swing::Swing;
use super::target::Target;
use crate::midi::{Channel, Key, Velocity};
use crate::time::TickSpan;

/// The most lanes one pattern may have, and the most that can play at once: each track has room for as many as it has in
/// the pattern where it has most of them.
pub const MAX_LANES: usize = 512;
/// The most events one lane may have.
pub const MAX_EVENTS: usize = 65_536;

/// What plays together until another pattern is launched. Its lanes loop, each in its own length.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The nominal length, a whole number of bars.
    pub length: TickSpan,
    /// Whether tracks that it does not name go on with what they play; otherwise they fall silent.
    pub keep: bool,
    /// When it is launched, if that is not said with the launch; the set's own if `None`.
    pub launch: Option<Quantum>,
    /// The sounds that it needs, in the order in which they are sent.
    pub programs: Box<[ProgramChange]>,
    /// By how much they are sent before the pattern begins. Not negative.
    pub ahead: TickSpan,
    /// What the tracks play, in the order of the tracks, each at most once. At most [`MAX_LANES`] lanes together.
    pub clips: Box<[Clip]>,
    /// Whether the slot is empty, because the pattern that had it has been removed. It plays nothing.
    pub vacant: bool,
}

impl Pattern {
    /// Returns what `track` plays. Takes time logarithmic in the tracks.
    #[must_use]
    pub fn clip(&self, track: TrackSlot) -> Option<&Clip> {
        self.clips.get(self.place_of(track)?)
    }

    /// The place of what `track` plays among the clips. Takes time logarithmic in the tracks.
    #[must_use]
    pub fn place_of(&self, track: TrackSlot) -> Option<usize> {
        self.clips.binary_search_by_key(&track, |clip| clip.track).ok()
    }
}

/// Where on the grid a pattern begins that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantum {
    /// At once, at the place in the new pattern where the old one is.
    Now,
    /// At the next multiple of this length, counted from the beginning of the song: a beat, a bar, some bars. Positive.
    Grid(TickSpan),
    /// Where the pattern that plays comes to its end.
    End,
}

/// A sound that a synthesizer is told to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramChange {
    /// The port it leaves by.
    pub port: PortSlot,
    /// The channel that changes.
    pub channel: Channel,
    /// The bank, 0 to 16,383, sent first as controllers 0 and 32.
    pub bank: Option<u16>,
    /// The program, 0 to 127.
    pub program: u8,
}

/// What one track plays in a pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    /// The track.
    pub track: TrackSlot,
    /// At most as many as the track has room for. Their order is the order of their notes on one tick.
    pub lanes: Box<[Lane]>,
}

impl Clip {
    /// Returns what its lanes set that holds or bends notes. Takes time in proportion to them.
    #[must_use]
    pub fn levers(&self) -> LeverSet {
        self.lanes.iter().fold(LeverSet::default(), |levers, lane| match &lane.source {
            Source::Steps(steps) => levers.and(steps.levers),
            Source::Arp(_) => levers,
            // Whatever it may set, so that it goes on when another program takes over.
            Source::Feed(_) => LeverSet::ALL,
        })
    }
}

/// One voice of a clip: a loop, or a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// What it plays.
    pub source: Source,
    /// How its off-beats are delayed.
    pub swing: Swing,
    /// What its chance comes from. Different for each lane unless the set says otherwise.
    pub seed: u64,
}

/// Where a lane's events come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A loop of events.
    Steps(Steps),
    /// An arpeggio.
    Arp(Arp),
    /// Events that come from elsewhere while the show plays, each with its position: see
    /// [`lanes::feed`](crate::engine::lanes::feed).
    Feed(FeedSlot),
}

impl Source {
    /// The loop, if it is one.
    #[must_use]
    pub const fn steps(&self) -> Option<&Steps> {
        match self {
            Source::Steps(steps) => Some(steps),
            Source::Arp(_) | Source::Feed(_) => None,
        }
    }

    /// The arpeggio, if it is one.
    #[must_use]
    pub const fn arp(&self) -> Option<&Arp> {
        match self {
            Source::Arp(arp) => Some(arp),
            Source::Steps(_) | Source::Feed(_) => None,
        }
    }
}

/// A loop of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    /// The length of the loop: positive, at most [`MAX_LENGTH`](super::MAX_LENGTH).
    pub length: TickSpan,
    /// In order of `at`, where equal in the order in which they leave; at most [`MAX_EVENTS`].
    pub events: Box<[Event]>,
    /// Of those `events` that are played before their own pass begins ([`Event::turn`] is 1), those that are played at the
    /// very beginning, where there is no pass before: of a step that is split into several, one at most. Indexes, rising.
    pub early: Box<[u32]>,
    /// The conditions of all events. An event names the first of its own, each the next.
    pub guards: Box<[Guard]>,
    /// What its events set that holds or bends notes.
    pub levers: LeverSet,
    /// Whether a jump into the loop plays the event before it as well: the curve of a controller, whose value goes on to
    /// hold, and not notes.
    pub chases: bool,
}

/// One event of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// From the start of the loop, in straight time: at least 0, below the loop's length.
    pub at: TickSpan,
    /// How long it sounds, in straight time: positive, at most [`MAX_LENGTH`](super::MAX_LENGTH); 0 for what is no note.
    pub gate: TickSpan,
    /// What it does.
    pub action: Action,
    /// To which pass it belongs: 0 to the one in which it is played, 1 to the next (it is early, and its step comes first
    /// in the loop), -1 to the one before (it is late, and its step comes last).
    pub turn: i8,
    /// The first of its conditions in [`Steps::guards`].
    pub guard: Option<GuardIndex>,
}

const _: () = assert!(size_of::<Event>() <= 64);

/// What an event does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A note.
    Note {
        /// What sounds, before transposition.
        key: Key,
        /// How hard it is struck.
        velocity: Velocity,
        /// Whether it sounds a little into what follows, so that a synthesizer glides instead of striking anew.
        legato: bool,
    },
    /// A controller that belongs to the notes of its step: it leaves before them.
    Prepare(Target, u16),
    /// A controller that moves by itself: it leaves after notes.
    Control(Target, u16),
    /// A controller that takes any value from the first to the second number, both included.
    Wander(Target, u16, u16),
}

impl Action {
    /// Returns whether it chooses the sound of the notes that come after it: a program, or its bank.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        matches!(self, Action::Prepare(Target::Program | Target::Controller(0 | 32), _))
    }
}
