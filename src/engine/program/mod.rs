//! The compiled show: what the engine plays, as plain immutable data.
//!
//! A [`Program`] is built off the real-time thread (by [`set`](crate::set)), handed over whole, and only ever read
//! there. It holds no names and no text: tracks, patterns and ports are *slots*, small numbers that the control side
//! allots and remembers the names of. They are in the order of the file, until the file is edited while the show plays: then
//! what keeps its name keeps its slot. Its size is bounded by the constants below, which the compiler of set files
//! enforces with an error that names the place; the engine allocates its state for those bounds once, at construction.

mod arp;
mod binding;
mod clock_plan;
mod condition;
pub mod lever;
mod pattern;
mod port;
pub mod scale;
mod slots;
mod song;
mod swing;
mod target;
mod track;

pub use arp::{Arp, ArpKeys, Order, Pick};
pub use binding::{Binding, Does, Fader, Knob, Light, MAX_AT_ONCE, MAX_BINDINGS, Shown, Trigger, Values};
pub use clock_plan::{ClockPlan, Join, Lost, MAX_SOURCES};
pub use condition::{Condition, Guard, GuardIndex, MAX_CONDITIONS};
pub use pattern::{Action, Clip, Event, Lane, MAX_EVENTS, MAX_LANES, Pattern, ProgramChange, Quantum, Source, Steps};
pub use port::{ClockOut, MAX_OFFSET, Port, Wire};
pub use scale::Scale;
pub use slots::{
    FeedSlot, MAX_FEEDS, MAX_PORTS, MAX_TRACKS, PartSlot, PatternSlot, PortSet, PortSlot, Slot, SlotOwner, TrackSet,
    TrackSlot,
};
pub use song::{AfterSong, Part, Song};
pub use swing::Swing;
pub use target::{MAX_VALUE_MESSAGES, Target};
pub use track::{Interval, LaneRange, MAX_THRUS, Thru, Track, Transpose};

use crate::time::{Meter, Span, Tempo, TickSpan};

/// The longest lane, pattern or note: about an hour and a half at 125 BPM. It keeps every sum of positions far from overflow.
pub const MAX_LENGTH: TickSpan = TickSpan(3_840 * 3_000);

const _: () = assert!(MAX_LENGTH.0 < i64::MAX / 1_000_000);

/// A whole show, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// How many programs it follows, each of which it replaces while the show plays, and itself. At least 1.
    pub edition: u32,
    /// The length of bars, which is what launches and `--for 8bars` count in.
    pub meter: Meter,
    /// The tempo where no clock is followed.
    pub tempo: Tempo,
    /// Where the clock comes from, and what becomes of it.
    pub clock: ClockPlan,
    /// When patterns begin that are asked for, where nothing else says so.
    pub launch: Quantum,
    /// What transposition by degrees moves along.
    pub scale: Scale,
    /// The keyboard that transposes every track that [`Track::moves`], if any.
    pub transpose: Option<Transpose>,
    /// By [`PortSlot`]; at most [`MAX_PORTS`].
    pub ports: Box<[Port]>,
    /// By [`TrackSlot`]; at most [`MAX_TRACKS`].
    pub tracks: Box<[Track]>,
    /// By [`PatternSlot`]. At least one that is not vacant.
    pub patterns: Box<[Pattern]>,
    /// What plays from the start, unless there is a song.
    pub first: PatternSlot,
    /// What the show plays by itself.
    pub song: Song,
    /// What hands play on the tracks, in the order of the tracks; at most [`MAX_THRUS`].
    pub thrus: Box<[Thru]>,
    /// What the performer's hands ask for; at most [`MAX_BINDINGS`].
    pub bindings: Box<[Binding]>,
}

impl Program {
    /// The port in this slot.
    #[must_use]
    pub fn port(&self, slot: PortSlot) -> Option<&Port> {
        self.ports.get(usize::from(slot.0))
    }

    /// The track in this slot.
    #[must_use]
    pub fn track(&self, slot: TrackSlot) -> Option<&Track> {
        self.tracks.get(usize::from(slot.0))
    }

    /// The pattern in this slot, vacant or not.
    #[must_use]
    pub fn pattern(&self, slot: PatternSlot) -> Option<&Pattern> {
        self.patterns.get(usize::from(slot.0))
    }

    /// The ports that get what `wanted` says of the clock.
    #[must_use]
    pub fn clocked(&self, wanted: impl Fn(ClockOut) -> bool) -> PortSet {
        let slots = (0..MAX_PORTS as u8).map(PortSlot).zip(&self.ports);
        slots.filter(|(_, port)| wanted(port.clock)).fold(PortSet::default(), |ports, (slot, _)| ports.with(slot))
    }

    /// Returns by how much what leaves by `port` is shifted.
    #[must_use]
    pub fn offset(&self, port: PortSlot) -> Span {
        self.port(port).map_or(Span::ZERO, |port| port.offset)
    }

    /// The ports that its tracks play on.
    #[must_use]
    pub fn played_ports(&self) -> PortSet {
        let all = (0..self.ports.len().min(MAX_PORTS) as u8).map(PortSlot).fold(PortSet::default(), PortSet::with);
        let mut played = PortSet::default();
        for track in self.tracks.iter().filter(|track| track.owner != SlotOwner::NOBODY) {
            played = played.with(track.port);
            // There are many tracks, and few ports.
            if played == all {
                break;
            }
        }
        played
    }
}
