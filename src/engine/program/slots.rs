//! Slots: the small numbers that stand for ports, tracks, patterns and parts, and sets of them.

/// The most ports a program may use.
pub const MAX_PORTS: usize = 16;

/// The most tracks a program may have.
pub const MAX_TRACKS: usize = 256;

/// A slot that a program may use, of one kind: what a map of the engine is indexed by.
pub trait Slot: Copy {
    /// How many there are.
    const COUNT: usize;

    /// The slot in this place; below [`Slot::COUNT`].
    fn at(place: usize) -> Self;

    /// Its place.
    fn index(self) -> usize;
}

macro_rules! slots {
    ($($slot:ident($number:ty): $count:expr;)*) => {$(
        impl Slot for $slot {
            const COUNT: usize = $count;

            fn at(place: usize) -> $slot {
                const { assert!($count - 1 <= <$number>::MAX as usize) }
                $slot(place as $number)
            }

            fn index(self) -> usize {
                usize::from(self.0)
            }
        }
    )*};
}

slots! {
    PortSlot(u8): MAX_PORTS;
    TrackSlot(u16): MAX_TRACKS;
    FeedSlot(u8): MAX_FEEDS;
}

/// A port of the set; below [`MAX_PORTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortSlot(pub u8);

/// A track of the set; below [`MAX_TRACKS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackSlot(pub u16);

/// The most lanes of a program whose events come from elsewhere while the show plays.
pub const MAX_FEEDS: usize = 64;

/// A source of events outside of the program, which one lane plays; below [`MAX_FEEDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedSlot(pub u8);

/// A pattern of the set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternSlot(pub u16);

/// Who has a slot: another number, another name. What the engine remembers of a slot belongs to its owner, and ends with it.
/// Programs that are compiled afresh have the same owners; what is new in one that follows another has a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotOwner(pub u32);

impl SlotOwner {
    /// Nobody: the slot is empty. What had it has been removed from the set.
    pub const NOBODY: SlotOwner = SlotOwner(0);
    /// Everybody in a program that follows no other.
    pub const FIRST: SlotOwner = SlotOwner(1);
}

/// A set of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortSet(u16);

impl PortSet {
    /// The set with `port` added.
    #[must_use]
    pub const fn with(self, port: PortSlot) -> PortSet {
        PortSet(self.0 | 1 << port.0)
    }

    /// Returns whether `port` is in the set.
    #[must_use]
    pub const fn contains(self, port: PortSlot) -> bool {
        self.0 >> port.0 & 1 == 1
    }

    /// The set without `port`.
    #[must_use]
    pub const fn without(self, port: PortSlot) -> PortSet {
        PortSet(self.0 & !(1 << port.0))
    }

    /// Returns whether there is none in it.
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

impl TrackSet {
    /// Returns whether `track` is in the set.
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

    /// Returns whether there is none in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; MAX_TRACKS / 64]
    }

    /// The tracks of the set in the order of their slots.
    pub fn iter(self) -> impl Iterator<Item = TrackSlot> {
        (0..MAX_TRACKS as u16).map(TrackSlot).filter(move |&track| self.contains(track))
    }
}

/// A part of the song, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartSlot(pub u16);

const _: () = assert!(MAX_PORTS <= u16::BITS as usize);

const _: () = assert!(MAX_TRACKS.is_multiple_of(64));
