//! The compiled show: what the engine plays, as plain immutable data.
//!
//! A [`Program`] is built off the real-time thread (by [`set`](crate::set)), handed over whole, and only ever read
//! there. It holds no names and no text: tracks, patterns and ports are *slots*, small numbers that the control side
//! allots and remembers the names of. Its size is bounded by the constants below, which the compiler of set files
//! enforces with an error that names the place; the engine allocates its state for those bounds once, at construction.

use crate::midi::{Channel, Key, Velocity};
use crate::time::{Meter, Span, Tempo, TickSpan};

/// The most ports a program may use.
pub const MAX_PORTS: usize = 16;
/// The most tracks a program may have.
pub const MAX_TRACKS: usize = 256;
/// The most lanes one pattern may have.
pub const MAX_LANES: usize = 512;
/// The most notes one lane may have.
pub const MAX_NOTES: usize = 65_536;
/// The longest lane, pattern or note: about an hour and a half at 125 BPM. It keeps every sum of positions far from overflow.
pub const MAX_LENGTH: TickSpan = TickSpan(3_840 * 3_000);

/// A port of the set, in the order in which the set names them; below [`MAX_PORTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSlot(pub u8);

/// A track of the set, in the order in which the set names them; below [`MAX_TRACKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackSlot(pub u16);

/// A pattern of the set, in the order in which the set names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternSlot(pub u16);

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

/// A whole show, compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The length of bars, which is what launches and `--for 8bars` count in.
    pub meter: Meter,
    /// The tempo where no clock is followed.
    pub tempo: Tempo,
    /// Seeds the random generator of every lane.
    pub seed: u64,
    /// Where the clock comes from, and what becomes of it.
    pub clock: ClockPlan,
    /// By [`PortSlot`]; at most [`MAX_PORTS`].
    pub ports: Box<[Port]>,
    /// By [`TrackSlot`]; at most [`MAX_TRACKS`].
    pub tracks: Box<[Track]>,
    /// By [`PatternSlot`]; the first plays from the start. At least one.
    pub patterns: Box<[Pattern]>,
}

/// Where the clock comes from, and what happens when it does not come.
#[derive(Clone, Debug, PartialEq)]
pub struct ClockPlan {
    /// The port whose clock and transport are followed; without one the program is its own clock.
    pub follow: Option<PortSlot>,
    /// What happens when the followed pulses stop without STOP.
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
}

/// A track that follows a keyboard: its notes move by the distance from `from` to the last key played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transpose {
    /// The port whose keys count.
    pub port: PortSlot,
    /// The channel whose keys count; without one, any.
    pub channel: Option<Channel>,
    /// The key that leaves the track as it is written.
    pub from: Key,
}

/// What plays together until another pattern is launched. Its lanes loop, each in its own length.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// The nominal length, a whole number of bars.
    pub length: TickSpan,
    /// At most [`MAX_LANES`]. Their order is the order of their notes on one tick.
    pub lanes: Box<[Lane]>,
}

/// One voice of a pattern: a loop, or a generator, that plays on a track.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The track it plays on.
    pub track: TrackSlot,
    /// What it plays.
    pub source: Source,
}

/// Where a lane's notes come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Written steps.
    Steps(Steps),
    /// An arpeggio.
    Arp(Arp),
}

/// A loop of written notes.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// The length of the loop: positive, at most [`MAX_LENGTH`].
    pub length: TickSpan,
    /// In order of `at`, which is at least 0 and below `length`; at most [`MAX_NOTES`].
    pub notes: Box<[Note]>,
}

/// One note of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// From the start of the loop.
    pub at: TickSpan,
    /// How long it sounds: positive, at most [`MAX_LENGTH`].
    pub gate: TickSpan,
    /// What sounds, before transposition.
    pub key: Key,
    /// How hard it is struck.
    pub velocity: Velocity,
    /// Whether it sounds a little into what follows, so that a synthesizer glides instead of striking anew.
    pub legato: bool,
}

const _: () = assert!(size_of::<Note>() <= 64);

/// A generator that steps through keys, one after the other, without end.
#[derive(Clone, Debug, PartialEq)]
pub struct Arp {
    /// The keys in the order in which they are played. At least one.
    pub keys: Box<[Key]>,
    /// How the next key is chosen.
    pub next_key: Pick,
    /// The lengths of its notes, each positive. At least one.
    pub lengths: Box<[TickSpan]>,
    /// How the next length is chosen.
    pub next_length: Pick,
    /// How much of its length a note sounds, in per cent, 1 to 100.
    pub gate: u32,
    /// How hard each note is struck.
    pub velocity: Velocity,
    /// Where all that it has played adds up to a whole multiple of this span (and so at the very start), it rests
    /// for one note's length; the key that would have sounded is passed over.
    pub rest: Option<TickSpan>,
}

/// How an arpeggio chooses among its keys and among its lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// One after the other, in turn.
    Turn,
    /// Any of them, with equal chances.
    Random,
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
        self.tracks.iter().fold(PortSet::default(), |ports, track| ports.with(track.port))
    }
}
