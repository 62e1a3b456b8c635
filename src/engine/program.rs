//! The compiled show: what the engine plays, as plain immutable data.
//!
//! A [`Program`] is built off the real-time thread (by [`set`](crate::set)), handed over whole, and only ever read
//! there. It holds no names and no text: tracks, patterns and ports are *slots*, small numbers that the control side
//! allots and remembers the names of. They are in the order of the file, until the file is edited while the show plays: then
//! what keeps its name keeps its slot. Its size is bounded by the constants below, which the compiler of set files
//! enforces with an error that names the place; the engine allocates its state for those bounds once, at construction.

pub use super::binding::{Binding, Does, Fader, Knob, Light, MAX_AT_ONCE, MAX_BINDINGS, Shown, Trigger, Values};
pub use super::pattern::*;
pub use super::scale::Scale;
use crate::midi::{Channel, Key};
use crate::time::{Meter, Span, Tempo, TickSpan};

/// The most ports a program may use.
pub const MAX_PORTS: usize = 16;
/// The most ports whose clocks may be followed, one in place of the other.
pub const MAX_SOURCES: usize = 4;
/// The most tracks a program may have.
pub const MAX_TRACKS: usize = 256;
/// The longest lane, pattern or note: about an hour and a half at 125 BPM. It keeps every sum of positions far from overflow.
pub const MAX_LENGTH: TickSpan = TickSpan(3_840 * 3_000);

/// A port of the set; below [`MAX_PORTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSlot(pub u8);

/// A track of the set; below [`MAX_TRACKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackSlot(pub u16);

/// A pattern of the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternSlot(pub u16);

/// Who has a slot: another number, another name. What the engine remembers of a slot belongs to its tenant, and ends with it.
/// Programs that are compiled afresh have the same tenants; what is new in one that follows another has a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tenant(pub u32);

impl Tenant {
    /// Nobody: the slot is empty. What had it has been removed from the set.
    pub const NOBODY: Tenant = Tenant(0);
    /// Everybody in a program that follows no other.
    pub const FIRST: Tenant = Tenant(1);
}

/// A set of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSet(u16);

const _: () = assert!(MAX_PORTS <= u16::BITS as usize);

impl PortSet {
    /// The set with `port` added.
    #[must_use]
    pub const fn with(self, port: PortSlot) -> PortSet {
        PortSet(self.0 | 1 << port.0)
    }

    /// Whether `port` is in the set.
    #[must_use]
    pub const fn contains(self, port: PortSlot) -> bool {
        self.0 >> port.0 & 1 == 1
    }

    /// The set without `port`.
    #[must_use]
    pub const fn without(self, port: PortSlot) -> PortSet {
        PortSet(self.0 & !(1 << port.0))
    }

    /// Whether there is none in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The set as bits, the first port the lowest.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// The set of these [bits](PortSet::bits).
    #[must_use]
    pub const fn from_bits(bits: u16) -> PortSet {
        PortSet(bits)
    }

    /// The ports of the set in the order of their slots.
    pub fn iter(self) -> impl Iterator<Item = PortSlot> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let port = (left != 0).then(|| PortSlot(left.trailing_zeros() as u8))?;
            left &= left - 1;
            Some(port)
        })
    }
}

/// A set of tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackSet([u64; MAX_TRACKS / 64]);

const _: () = assert!(MAX_TRACKS.is_multiple_of(64));

impl TrackSet {
    /// Whether `track` is in the set.
    #[must_use]
    pub fn contains(&self, track: TrackSlot) -> bool {
        self.0.get(usize::from(track.0) / 64).is_some_and(|bits| bits >> (track.0 % 64) & 1 == 1)
    }

    /// Puts `track` inside, or takes it out.
    pub fn set(&mut self, track: TrackSlot, inside: bool) {
        if let Some(bits) = self.0.get_mut(usize::from(track.0) / 64) {
            let bit = 1 << (track.0 % 64);
            *bits = if inside { *bits | bit } else { *bits & !bit };
        }
    }

    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; MAX_TRACKS / 64]
    }

    /// The tracks of the set in the order of their slots.
    pub fn iter(self) -> impl Iterator<Item = TrackSlot> {
        (0..MAX_TRACKS as u16).map(TrackSlot).filter(move |&track| self.contains(track))
    }
}

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

/// Where the clock comes from, and what happens when it does not come.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockPlan {
    /// The ports whose clock and transport are followed, in order of preference: each once, at most [`MAX_SOURCES`].
    /// Without any the program is its own clock.
    pub follow: Box<[PortSlot]>,
    /// The quantum of the session that is followed instead of all others, if one is; positive.
    pub session: Option<TickSpan>,
    /// What happens when the followed pulses stop without STOP, and none of the other ports has any.
    pub lost: Lost,
    /// Whether pulses without START begin to play.
    pub join: Join,
    /// Whether clocked ports get the clock while the music is stopped.
    pub when_stopped: bool,
}

/// What happens when the followed pulses stop without STOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The music goes on at the last tempo.
    Hold,
    /// The music goes on at the last tempo for this long, and then stops.
    HoldFor(TickSpan),
    /// The music stops as soon as the loss is certain.
    Stop,
}

/// What pulses mean that come without START.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The master is stopped: wait for its START.
    Wait,
    /// The master plays already: begin at the next of its bars, counted from the first pulse heard.
    Now,
}

/// What leaves by a port besides notes, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// By how much everything on it leaves late, or early where it is negative; at most [`MAX_OFFSET`] either way.
    pub offset: Span,
    /// What it gets of the clock.
    pub clock: ClockOut,
    /// What carries its messages.
    pub wire: Wire,
    /// Whether it gets active sensing.
    pub senses: bool,
    /// Which name and which device have the slot. Nothing is sent by a port that nobody has.
    pub tenant: Tenant,
}

/// What carries the messages of a port, and so how many it can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// USB: a frame of 1 ms holds more than a sequencer has to say.
    #[default]
    Usb,
    /// A DIN cable: 31,250 bits a second, ten to the byte.
    Din,
}

/// The largest offset of a port, either way.
pub const MAX_OFFSET: Span = Span::from_millis(50);

/// What a port gets of the clock. Start, continue, stop and song position go wherever clock goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOut {
    /// Nothing.
    None,
    /// Pulses made anew from the estimate of the followed clock: cleaner than those that come in.
    Regenerated,
    /// The followed pulses as they come.
    Raw,
}

/// Where a track's notes go.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// The port its notes leave by.
    pub port: PortSlot,
    /// The channel they leave on.
    pub channel: Channel,
    /// The keyboard that transposes it, if any.
    pub transpose: Option<Transpose>,
    /// Whether what transposes the set as a whole moves it too: drums stay where they are.
    pub moves: bool,
    /// Its first lane among those of all tracks, and how many it may play at once. The ranges do not overlap, and end at
    /// [`MAX_LANES`] or before. Their order, which is not that of the slots, is the order of the notes on one tick.
    pub lanes: LaneRange,
    /// Which name has the slot. A track that nobody has plays nothing.
    pub tenant: Tenant,
}

/// Lanes of a track among those of all tracks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneRange {
    /// The first one.
    pub first: u16,
    /// How many.
    pub count: u16,
}

/// The most tracks that hands may play.
pub const MAX_THRUS: usize = super::outbox::OUTBOX_CAPACITY;

/// What hands play on a track: a keyboard whose messages go on to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thru {
    /// The track.
    pub track: TrackSlot,
    /// The port of the keyboard.
    pub port: PortSlot,
    /// The channels of the keyboard that go on, a bit each from the lowest one up.
    pub channels: u16,
    /// By how many semitones its keys are moved.
    pub by: i8,
}

impl Thru {
    /// Whether what comes in there goes on.
    #[must_use]
    pub fn hears(&self, port: PortSlot, channel: Channel) -> bool {
        self.port == port && self.channels >> channel.index() & 1 == 1
    }
}

/// What follows a keyboard: notes move by the distance from `from` to the last key played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transpose {
    /// The port whose keys count.
    pub port: PortSlot,
    /// The channel whose keys count; without one, any.
    pub channel: Option<Channel>,
    /// The key that leaves the music as it is written.
    pub from: Key,
    /// What the distance is counted in.
    pub unit: Interval,
}

/// What a transposition is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interval {
    /// Semitones.
    #[default]
    Semitones,
    /// Degrees of the set's scale. A distance between keys becomes the distance between their degrees.
    Degrees,
}

impl Program {
    /// The ports that get what `wanted` says of the clock.
    #[must_use]
    pub fn clocked(&self, wanted: impl Fn(ClockOut) -> bool) -> PortSet {
        let slots = (0..MAX_PORTS as u8).map(PortSlot).zip(&self.ports);
        slots.filter(|(_, port)| wanted(port.clock)).fold(PortSet::default(), |ports, (slot, _)| ports.with(slot))
    }

    /// By how much what leaves by `port` is shifted.
    #[must_use]
    pub fn offset(&self, port: PortSlot) -> Span {
        self.ports.get(usize::from(port.0)).map_or(Span::ZERO, |port| port.offset)
    }

    /// The ports that its tracks play on.
    #[must_use]
    pub fn played_ports(&self) -> PortSet {
        let all = (0..self.ports.len().min(MAX_PORTS) as u8).map(PortSlot).fold(PortSet::default(), PortSet::with);
        let mut played = PortSet::default();
        for track in self.tracks.iter().filter(|track| track.tenant != Tenant::NOBODY) {
            played = played.with(track.port);
            // There are many tracks, and few ports.
            if played == all {
                break;
            }
        }
        played
    }
}
