//! Lanes whose events come from elsewhere: from the control side, ahead of the music, each with its position.
//!
//! A source computes what a lane plays and hands it over as [`FeedEvent`]s, in order of position, some time before they are
//! due. The engine never waits for a source. A lane that has run dry is silent until something comes; what comes up to
//! [`LATEST`] after its time is played at once and counted, what comes later is left out and counted.
//!
//! What a source says belongs to an *epoch*. A source begins a new one ([`Fed::Begin`]) wherever it starts anew: for a launch,
//! after a jump, when it is another one. Whatever had been said for that position or a later one is void from then on, and
//! so is everything that still comes of an epoch before. So a launch that is taken back leaves nothing behind, and what
//! takes over at a bar line lets the one before play up to it.
//!
//! Everything else is as with any lane: the clip that the lane is in decides from where to where it plays; mutes, solos,
//! transposition and the swing of the lane count when an event is due; its notes are in the ledger, which ends them.
//!
//! Real-time safe after construction. An event costs time in proportion to the lanes of its port.

use super::{Class, FOREVER, Played, SetTo, Strike};
use crate::engine::Engine;
use crate::engine::clock::FARTHEST;
use crate::engine::fixed::{FeedMap, Queue};
use crate::engine::program::lever::Lever;
use crate::engine::program::{Action, FeedSlot, Lane, MAX_LENGTH, Program, Target, TrackSlot};
use crate::midi::{Key, Velocity};
use crate::time::{Nanos, Span, Tick, TickSpan};

/// How many events of one source can wait for their time: half a second of 500 a second.
pub const FEED_CAPACITY: usize = 256;

/// How late an event may come and be played nevertheless.
pub const LATEST: Span = Span::from_millis(10);

/// What comes from a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Which source.
    pub feed: FeedSlot,
    /// Which epoch of it: what is of another one than that in force is void.
    pub epoch: u32,
    /// Where in the song, before swing; at most [`FARTHEST`] either way. Within an epoch it is not before the event that came before.
    pub at: Tick,
    /// What.
    pub fed: Fed,
}

/// What a source says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// A new epoch is in force. What has been said for its position, or a later one, is void.
    Begin,
    /// A note begins.
    Note {
        /// What sounds, before transposition.
        key: Key,
        /// How hard it is struck.
        velocity: Velocity,
        /// How long it sounds, before swing; less than a tick counts as one, more than [`MAX_LENGTH`] as that.
        gate: TickSpan,
    },
    /// A controller takes a value.
    Value {
        /// Of which controller.
        target: Target,
        /// What; held to its highest.
        value: u16,
        /// Whether the notes at its position need it, and it leaves before them; otherwise it gives way.
        needed: bool,
    },
}

const _: () = assert!(!core::mem::needs_drop::<FeedEvent>());

/// What has become of what a source said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Events that came after their time and were played nevertheless.
    pub late: u64,
    /// Events that were not played: they came too late, out of order, or were too many.
    pub dropped: u64,
}

/// One source.
#[derive(Debug)]
struct Feed {
    /// Which epoch is in force, once one has begun.
    epoch: Option<u32>,
    /// In order of position.
    events: Queue<FeedEvent>,
    counts: FeedCounts,
    /// What it has set of levers in the clip that plays, whether that was heard or not, and where it was taken last.
    said: [Option<SetTo>; Lever::COUNT],
    taken: Tick,
    /// By bank, the place among all lanes of the one that plays it, when it was seated last.
    lanes: [Option<u16>; super::BANKS],
}

/// All sources.
#[derive(Debug)]
pub(super) struct Feeds(FeedMap<Feed>);

impl Default for Feeds {
    fn default() -> Feeds {
        Feeds(FeedMap::from_fn(|_| Feed {
            epoch: None,
            events: Queue::with_capacity(FEED_CAPACITY),
            counts: FeedCounts::default(),
            said: [None; Lever::COUNT],
            taken: Tick(i64::MIN),
            lanes: [None; super::BANKS],
        }))
    }
}

/// Where what a lane plays lies: from the beginning of its clip on, with its swing.
#[derive(Clone, Copy)]
pub(super) struct Grid<'p> {
    pub origin: Tick,
    pub lane: &'p Lane,
}

impl Grid<'_> {
    /// The position of what is at `at` before swing.
    fn bend(self, at: Tick) -> Tick {
        self.origin + self.lane.swing.bend(at - self.origin)
    }
}

impl Feeds {
    fn of(&self, feed: FeedSlot) -> Option<&Feed> {
        self.0.get(feed)
    }

    /// The lane in place `slot` plays `feed` from `position` on in that bank; `again` says that it goes on in the same clip.
    pub(crate) fn seat(&mut self, feed: FeedSlot, bank: usize, slot: usize, position: Tick, again: bool) {
        let Some(feed) = self.0.get_mut(feed) else { return };
        if !again || position < feed.taken {
            (feed.said, feed.taken) = ([None; Lever::COUNT], Tick(i64::MIN));
        }
        if let Some(place) = feed.lanes.get_mut(bank) {
            *place = u16::try_from(slot).ok();
        }
    }

    /// What `feed` has said of levers so far, in the clip that plays.
    pub(crate) fn passed(&self, feed: FeedSlot, passed: &mut [Option<SetTo>; Lever::COUNT]) {
        if let Some(feed) = self.of(feed) {
            *passed = feed.said;
        }
    }

    /// The place of the lane that plays `feed` in that bank, if one does.
    pub(crate) fn lane(&self, feed: FeedSlot, bank: usize) -> Option<usize> {
        Some(usize::from((*self.of(feed)?.lanes.get(bank)?)?))
    }

    /// The position and the class of the first event at or after `from`.
    pub(crate) fn first(&self, feed: FeedSlot, grid: Grid<'_>, from: Tick) -> Option<(Tick, Class)> {
        let event = self.of(feed)?.events.iter().find(|event| grid.bend(event.at) >= from)?;
        let class = match event.fed {
            Fed::Begin | Fed::Note { .. } => Class::Note,
            Fed::Value { target, value, .. } if Action::Prepare(target, value).is_sound() => Class::Note,
            Fed::Value { needed: true, .. } => Class::Prepare,
            Fed::Value { needed: false, .. } => Class::Control,
        };
        Some((grid.bend(event.at), class))
    }

    /// Takes the event that is due at `at`; `None` when it has become void. What lies before it was for nobody.
    pub(crate) fn take(&mut self, feed: FeedSlot, grid: Grid<'_>, track: TrackSlot, at: Tick) -> Option<Played> {
        let feed = self.0.get_mut(feed)?;
        while feed.events.front().is_some_and(|event| grid.bend(event.at) < at) {
            feed.events.pop();
        }
        let event = *feed.events.front().filter(|event| grid.bend(event.at) == at)?;
        feed.events.pop();
        feed.taken = at;
        match event.fed {
            Fed::Begin => None,
            Fed::Note { key, velocity, gate } => {
                let off = grid.bend(event.at + gate.clamp(TickSpan::ZERO, MAX_LENGTH)).max(at + TickSpan(1));
                Some(Played::Note(Strike { track, at, key, velocity, off }))
            }
            Fed::Value { target, value, needed } => {
                let set = SetTo { track, target, value, needed, until: FOREVER };
                target.levers().for_each(|lever| feed.said[lever.index()] = None);
                // One that is moved by several messages is remembered once.
                if let Some(first) = target.levers().next() {
                    feed.said[first.index()] = Some(SetTo { needed: true, ..set });
                }
                Some(Played::Value(set))
            }
        }
    }

    /// The counts of the source of `event`, if it is of the epoch in force.
    fn counts_of(&mut self, event: FeedEvent) -> Option<&mut FeedCounts> {
        let feed = self.0.get_mut(event.feed)?;
        (event.fed != Fed::Begin && feed.epoch == Some(event.epoch)).then_some(&mut feed.counts)
    }

    /// Takes in what a source says, if it is of the epoch in force and in order. Whether something was taken in.
    fn put(&mut self, event: FeedEvent) -> bool {
        let Some(feed) = self.0.get_mut(event.feed) else { return false };
        if event.fed == Fed::Begin {
            feed.epoch = Some(event.epoch);
            feed.events.pop_back_while(|known| known.at >= event.at);
            return true;
        }
        if feed.epoch != Some(event.epoch) {
            return false;
        }
        let is_in_order = feed.events.back().is_none_or(|last| last.at <= event.at);
        let is_taken = is_in_order && feed.events.push(event).is_ok();
        feed.counts.dropped += u64::from(!is_taken);
        is_taken
    }
}

impl super::Player {
    /// Returns how the lane that plays `feed` in `bank` goes: on which track, in which place, and on which grid; `None` where none does.
    fn fed_lane<'p>(&self, program: &'p Program, feed: FeedSlot, bank: usize) -> Option<(TrackSlot, usize, Grid<'p>)> {
        let slot = self.feeds.lane(feed, bank)?;
        let track = self.lanes.get(bank)?.get(slot)?.track;
        let playing = self.playing.get(bank)?.get(track).copied()?;
        let lane = super::lane_of(program, playing, track, slot)?;
        let is_fed = lane.source == crate::engine::program::Source::Feed(feed);
        is_fed.then_some((track, slot, Grid { origin: playing.origin, lane }))
    }

    /// Takes in what a source says, and lets its lane play it.
    fn feed(&mut self, program: &Program, event: FeedEvent) {
        if !self.feeds.put(event) {
            return;
        }
        for bank in 0..super::BANKS {
            let Some((track, slot, grid)) = self.fed_lane(program, event.feed, bank) else { continue };
            let Some(port) = program.track(track).map(|track| track.port) else {
                continue;
            };
            let Some(agenda) = self.agendas.get_mut(port) else { continue };
            let is_its = |due: &super::Due| (usize::from(due.lane), usize::from(due.bank)) == (slot, bank);
            if event.fed == Fed::Begin {
                agenda.retain(|due| !is_its(due));
            } else if agenda.any(is_its) {
                // What it has entered comes before this.
                continue;
            }
            self.schedule(program, bank, slot, grid.lane);
        }
    }
}

impl Engine {
    /// An event came from a source at `at`. Like an input it comes after an `advance` to `at`.
    ///
    /// Real-time safe. Takes time in proportion to the lanes of its port.
    pub fn feed(&mut self, program: &Program, at: Nanos, event: FeedEvent) {
        self.happened(at);
        if self.ended {
            return;
        }
        if !(-FARTHEST..=FARTHEST).contains(&event.at.0) {
            if let Some(counts) = self.player.feeds.counts_of(event) {
                counts.dropped += 1;
            }
            return;
        }
        let late = self.fed_late(program, at, event);
        if let Some(counts) = self.player.feeds.counts_of(event) {
            counts.late += u64::from(late > Span::ZERO && late <= LATEST);
            counts.dropped += u64::from(late > LATEST);
        }
        // What begins anew is never late.
        if late <= LATEST || event.fed == Fed::Begin {
            self.player.feed(program, event);
        }
    }

    /// Returns by how much an event that comes at `at` is late; zero where the music has not passed its place.
    fn fed_late(&self, program: &Program, at: Nanos, event: FeedEvent) -> Span {
        let lanes = (0..super::BANKS).filter_map(|bank| self.player.fed_lane(program, event.feed, bank));
        let due = lanes.filter_map(|(track, _, grid)| {
            let port = program.track(track)?.port;
            Some(self.time_of(grid.bend(event.at))? + program.offset(port))
        });
        due.max().map_or(Span::ZERO, |due| at.since(due)).max(Span::ZERO)
    }

    /// Returns whether there is room for another event of `feed`. Real-time safe.
    #[must_use]
    pub fn takes_feed(&self, feed: FeedSlot) -> bool {
        self.player.feeds.of(feed).is_none_or(|feed| feed.events.free() > 0)
    }

    /// Returns what has become of what `feed` said. Real-time safe.
    #[must_use]
    pub fn feed_counts(&self, feed: FeedSlot) -> FeedCounts {
        self.player.feeds.of(feed).map(|feed| feed.counts).unwrap_or_default()
    }

    /// The position of the last event of `feed` that waits, if one does: how far its source is ahead. Real-time safe.
    #[must_use]
    pub fn fed_until(&self, feed: FeedSlot) -> Option<Tick> {
        self.player.feeds.of(feed)?.events.back().map(|event| event.at)
    }
}
