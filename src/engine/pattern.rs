//! What a pattern holds, compiled: for each track a clip, in it lanes, in them events under conditions.
//!
//! Everything that can be known beforehand is worked out when a set is compiled: ratchets, chords, groups, Euclidean
//! rhythms and the curves of controllers are events like any other. What depends on how often a lane has come round (*pass*),
//! on chance or on the performer stays with the event as a chain of conditions. Chance needs no state: what falls is a
//! function of the lane's seed, the pass and the number of the die ([`random::draw`](super::random::draw)), so that a
//! position that is jumped to sounds as it would have if the music had come there by itself.

use super::lever::{Lever, LeverSet};
use super::program::{MAX_LENGTH, PortSlot, TrackSlot};
use crate::midi::{Channel, Key, Message, Velocity};
use crate::time::{Tick, TickSpan};

/// The most lanes one pattern may have, and the most that can play at once: each track has room for as many as it has in
/// the pattern where it has most of them.
pub const MAX_LANES: usize = 512;
/// The most events one lane may have.
pub const MAX_EVENTS: usize = 65_536;
/// The most conditions one event may be under.
pub const MAX_CONDITIONS: usize = 32;

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
    /// What `track` plays. Takes time logarithmic in the tracks.
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
    /// What its lanes set that holds or bends notes. Takes time in proportion to them.
    #[must_use]
    pub fn levers(&self) -> LeverSet {
        self.lanes.iter().fold(LeverSet::default(), |levers, lane| match &lane.source {
            Source::Steps(steps) => levers.and(steps.levers),
            Source::Arp(_) => levers,
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
}

/// The delay of every second step: a bend of the lane's own time, so that whatever falls within a step is delayed or
/// shortened with it and nothing changes its order. Positions count from where the lane began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swing {
    /// Two steps; 0 for a lane without swing.
    pair: TickSpan,
    /// How long the first of them is.
    first: TickSpan,
    /// A bar, in which pairs are counted anew: a step that is left over at its end is straight, and every bar begins on time.
    bar: TickSpan,
}

impl Swing {
    /// Straight time.
    pub const NONE: Swing = Swing { pair: TickSpan::ZERO, first: TickSpan::ZERO, bar: TickSpan::ZERO };

    /// A swing in which the first of two steps of length `step` takes `percent` of both (50 is straight, 67 a triplet).
    /// Pairs are counted from the beginning of each bar of length `bar`. `step` and `bar` are positive, `percent` from 50 to
    /// 75. Two steps that are longer than a bar do not swing.
    #[must_use]
    pub const fn new(step: TickSpan, percent: u32, bar: TickSpan) -> Swing {
        let pair = TickSpan(2 * step.0);
        if percent == 50 || pair.0 > bar.0 { Swing::NONE } else { Swing { pair, first: pair.percent(percent), bar } }
    }

    /// The beginning of the pair that `at` is in; `None` in what is left over at the end of a bar, and without swing.
    const fn pair_at(self, at: TickSpan) -> Option<i64> {
        if self.pair.0 <= 0 || self.bar.0 <= 0 {
            return None;
        }
        let within = at.0.rem_euclid(self.bar.0);
        let begins = within - within % self.pair.0;
        if begins + self.pair.0 > self.bar.0 { None } else { Some(at.0 - within + begins) }
    }

    /// Where what is written at `straight` falls. Never falls when `straight` rises.
    #[must_use]
    pub const fn bend(self, straight: TickSpan) -> TickSpan {
        let Some(begins) = self.pair_at(straight) else { return straight };
        let (step, within) = (self.pair.0 / 2, straight.0 - begins);
        let bent = if within < step {
            within * self.first.0 / step
        } else {
            self.first.0 + (within - step) * (self.pair.0 - self.first.0) / step
        };
        TickSpan(begins + bent)
    }

    /// The earliest straight position that falls at or after `bent`.
    #[must_use]
    pub const fn straighten(self, bent: TickSpan) -> TickSpan {
        // A pair ends where it would without swing, so what is bent is in the pair that it is written in.
        let Some(begins) = self.pair_at(bent) else { return bent };
        let (step, within) = (self.pair.0 / 2, bent.0 - begins);
        let straight = if within <= self.first.0 {
            div_ceil(within * step, self.first.0)
        } else {
            step + div_ceil((within - self.first.0) * step, self.pair.0 - self.first.0)
        };
        TickSpan(begins + straight)
    }
}

const fn div_ceil(dividend: i64, divisor: i64) -> i64 {
    (dividend + divisor - 1).div_euclid(divisor)
}

/// A loop of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    /// The length of the loop: positive, at most [`MAX_LENGTH`].
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
    /// How long it sounds, in straight time: positive, at most [`MAX_LENGTH`]; 0 for what is no note.
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
    /// Whether it chooses the sound of the notes that come after it: a program, or its bank.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        matches!(self, Action::Prepare(Target::Program | Target::Controller(0 | 32), _))
    }
}

/// What a value is sent to, on the channel of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A controller, 0 to 127; values to 127.
    Controller(u8),
    /// A controller of 0 to 31 with the fine part 32 above it; values to 16,383.
    Fine(u8),
    /// Pitch bend; values to 16,383, 8,192 is the middle.
    Bend,
    /// Aftertouch of the channel; values to 127.
    Pressure,
    /// The program of the channel; values to 127.
    Program,
    /// A registered parameter, 0 to 16,383; values to 16,383.
    Rpn(u16),
    /// A non-registered parameter, 0 to 16,383; values to 16,383.
    Nrpn(u16),
}

/// The most messages one value takes.
pub const MAX_VALUE_MESSAGES: usize = 4;

impl Target {
    /// The highest value.
    #[must_use]
    pub const fn highest(self) -> u16 {
        match self {
            Target::Controller(_) | Target::Pressure | Target::Program => 127,
            Target::Fine(_) | Target::Bend | Target::Rpn(_) | Target::Nrpn(_) => 16_383,
        }
    }

    /// What a value sets that holds or bends notes.
    pub fn levers(self) -> impl Iterator<Item = Lever> {
        Lever::all().filter(move |lever| lever.targets().any(|(known, _)| known == self))
    }

    /// The messages that set `value`, in order.
    pub fn messages(self, channel: Channel, value: u16) -> impl Iterator<Item = Message> {
        let value = value.min(self.highest());
        let (coarse, fine) = ((value >> 7) as u8, (value & 0x7F) as u8);
        let control = |number: u8, value: u8| Some(Message::ControlChange(channel, number, value));
        let parameter = |coarse_number: u8, number: u16| {
            [
                control(coarse_number, (number >> 7 & 0x7F) as u8),
                control(coarse_number - 1, (number & 0x7F) as u8),
                control(6, coarse),
                control(38, fine),
            ]
        };
        let messages: [Option<Message>; MAX_VALUE_MESSAGES] = match self {
            Target::Controller(number) => [control(number & 0x7F, fine), None, None, None],
            Target::Fine(number) => [control(number & 0x1F, coarse), control(32 + (number & 0x1F), fine), None, None],
            Target::Bend => [Some(Message::PitchBend(channel, value)), None, None, None],
            Target::Pressure => [Some(Message::ChannelPressure(channel, fine)), None, None, None],
            Target::Program => [Some(Message::ProgramChange(channel, fine)), None, None, None],
            Target::Rpn(number) => parameter(101, number),
            Target::Nrpn(number) => parameter(99, number),
        };
        messages.into_iter().flatten()
    }
}

/// The place of a guard among those of its loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuardIndex(pub std::num::NonZeroU32);

impl GuardIndex {
    /// The guard in place `index` of [`Steps::guards`].
    #[must_use]
    pub const fn new(index: u32) -> Option<GuardIndex> {
        // One is added, so that there is a value for "none" that takes no space.
        match index.checked_add(1) {
            Some(above) => match std::num::NonZeroU32::new(above) {
                Some(above) => Some(GuardIndex(above)),
                None => None,
            },
            None => None,
        }
    }

    /// The place.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// A condition, and the next one that has to hold as well. Chains have at most [`MAX_CONDITIONS`] links and no circles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// What has to hold.
    pub condition: Condition,
    /// What has to hold too. Always later in the list than this one.
    pub next: Option<GuardIndex>,
}

/// What decides whether an event is played. Passes count from 0, from where the lane began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is turn number `turn` (from 0) of each `of` passes.
    Turn {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
    },
    /// It is any turn but this one.
    NotTurn {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
    },
    /// Of the passes that are not number `left_out` of each `each`, counted alone, it is turn number `turn` of each `of`.
    TurnAmong {
        /// Below `of`.
        turn: u32,
        /// Positive.
        of: u32,
        /// Below `each`.
        left_out: u32,
        /// At least 2.
        each: u32,
    },
    /// It is the first pass of all.
    Once,
    /// Chance wants it, in so many of 100 cases.
    Chance {
        /// 0 to 100.
        percent: u8,
        /// Which die is thrown. Events with the same die share its fall.
        die: u32,
    },
    /// A die with `of` sides shows this one.
    Side {
        /// Below `of`.
        side: u32,
        /// Positive.
        of: u32,
        /// Which die is thrown.
        die: u32,
    },
    /// The performer asks for a fill, or does not.
    Fill(bool),
}

/// A generator that steps through keys, one after the other, without end.
#[derive(Clone, Debug, PartialEq)]
pub struct Arp {
    /// Which keys.
    pub keys: ArpKeys,
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

/// Which keys an arpeggio plays.
#[derive(Clone, Debug, PartialEq)]
pub enum ArpKeys {
    /// Those that are written, in the order in which they are played. At least one.
    Written(Box<[Key]>, Pick),
    /// Those that are held down on a keyboard. While there are none, it is silent.
    Held {
        /// The port of the keyboard.
        port: PortSlot,
        /// The channel whose keys count; without one, any.
        channel: Option<Channel>,
        /// In which order they take turns.
        order: Order,
        /// By how many octaves they are moved.
        octave: i8,
    },
}

/// In which order held keys take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were pressed.
    Played,
    /// From the lowest to the highest.
    Up,
    /// From the highest to the lowest.
    Down,
    /// Up and down again, the outer ones once.
    UpDown,
    /// Each time any of them.
    Random,
}

/// How an arpeggio chooses among its keys and among its lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// One after the other, in turn.
    Turn,
    /// Any of them, with equal chances.
    Random,
}

/// The order of patterns that a set plays by itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Song {
    /// The parts in their order; none for a set without a song.
    pub parts: Box<[Part]>,
    /// What happens after the last one.
    pub then: AfterSong,
}

/// A part of a song: a pattern, some times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What plays.
    pub pattern: super::program::PatternSlot,
    /// Where it begins in the song: the sum of the lengths before it.
    pub start: Tick,
    /// How long it plays: positive.
    pub length: TickSpan,
}

/// What happens after the last part of a song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterSong {
    /// The last part plays on.
    #[default]
    Hold,
    /// The first part follows.
    Loop,
    /// The music stops.
    Stop,
}

/// A part of the song, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartSlot(pub u16);

const _: () = assert!(MAX_LENGTH.0 < i64::MAX / 1_000_000);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn swing_keeps_order_pairs_and_comes_back(
            step in 1i64..4_000, percent in 50u32..=75, bar in 1i64..9_000, at in -100_000i64..100_000,
        ) {
            let swing = Swing::new(TickSpan(step), percent, TickSpan(bar));
            let bent = |at: i64| swing.bend(TickSpan(at)).0;
            prop_assert!(bent(at) <= bent(at + 1));
            prop_assert_eq!(bent(at + bar), bent(at) + bar);
            let begins = at - at.rem_euclid(bar);
            prop_assert_eq!(bent(begins), begins, "a bar begins on time");
            let straight = swing.straighten(TickSpan(at)).0;
            prop_assert!(bent(straight) >= at && bent(straight - 1) < at);
        }
    }

    #[test]
    fn a_triplet_feel() {
        let swing = Swing::new(TickSpan(240), 75, TickSpan(1_200));
        let bent = [0, 120, 240, 360, 480, 720, 960, 1_200, 1_440].map(|at| swing.bend(TickSpan(at)).0);
        assert_eq!(
            bent,
            [0, 180, 360, 420, 480, 840, 960, 1_200, 1_560],
            "five steps to the bar: the last is straight"
        );
    }

    #[test]
    fn values_become_messages_in_the_order_that_receivers_need() {
        let channel = Channel::from_number(3).unwrap();
        let sent = |target: Target, value: u16| {
            let bytes = target.messages(channel, value).map(|message| message.to_bytes().to_string());
            bytes.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(sent(Target::Controller(74), 30), "B2 4A 1E");
        assert_eq!(sent(Target::Controller(74), 300), "B2 4A 7F");
        assert_eq!(sent(Target::Fine(1), 300), "B2 01 02, B2 21 2C");
        assert_eq!(sent(Target::Bend, 8_192), "E2 00 40");
        assert_eq!(sent(Target::Pressure, 5), "D2 05");
        assert_eq!(sent(Target::Program, 5), "C2 05");
        assert_eq!(sent(Target::Nrpn(1_234), 300), "B2 63 09, B2 62 52, B2 06 02, B2 26 2C");
        assert_eq!(sent(Target::Rpn(0), 256), "B2 65 00, B2 64 00, B2 06 02, B2 26 00");
    }
}
