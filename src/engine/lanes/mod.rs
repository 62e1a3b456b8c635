//! The lanes that play: each knows which event comes next, and when.
//!
//! Every lane runs by itself, in its own length. One agenda for each port holds the next event of each lane in order of
//! position, then of its class, then of the lanes' order; so finding what is due takes no time, and playing an event takes
//! time logarithmic in the number of lanes, however many tracks the set has.
//!
//! Each track plays a *clip*, what it has in one pattern, since a position of its own: a pattern that is launched takes over
//! the tracks that it names, and those that it does not name fall silent or go on. A port may run ahead of the others, by
//! its offset, so while one port already plays a pattern that was launched, another may still have notes of the old one to
//! play. There are two banks of lanes for that, and the old clip plays on up to the line.

pub mod chance;
pub mod feed;
pub mod keyboard;
mod lane;
mod play;

pub use lane::{LONGEST_LOOK_BACK, holds};

use crate::engine::fixed::{Agenda, PortMap, Slots, TrackMap};
use crate::engine::lanes::keyboard::Keyboards;
use crate::engine::program::lever::Lever;
use crate::engine::program::{
    Clip, Lane, LaneRange, MAX_LANES, MAX_TRACKS, PatternSlot, PortSlot, Program, Source, Target, TrackSlot,
};
use crate::midi::{Key, Velocity};
use crate::time::Tick;
use feed::Feeds;
use lane::LaneState;

/// How many banks there are: what plays, and what played before it.
const BANKS: usize = 2;

/// What a lane does when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// A note begins.
    Note(Strike),
    /// A controller takes a value.
    Value(SetTo),
}

/// A value that a lane sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetTo {
    /// On which track.
    pub track: TrackSlot,
    /// Of which controller.
    pub target: Target,
    /// What.
    pub value: u16,
    /// Whether a note needs it, and it leaves before that; otherwise it gives way.
    pub needed: bool,
    /// Where what says so comes to its end, as far as is known.
    pub until: Tick,
}

/// A note that a lane wants to play, before transposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// On which track.
    pub track: TrackSlot,
    /// At which position.
    pub at: Tick,
    /// What sounds.
    pub key: Key,
    /// How hard it is struck.
    pub velocity: Velocity,
    /// Where it ends.
    pub off: Tick,
}

/// What decides, besides the program, what a lane plays.
#[derive(Clone, Copy, Debug)]
pub struct InputState<'e> {
    /// Whether a fill is asked for.
    pub fill: bool,
    /// The pattern that waits for its line, if any, and where that is.
    pub coming: Option<(PatternSlot, Tick)>,
    /// The keys that are held.
    pub keyboards: &'e Keyboards,
}

/// The order in which what falls on one tick leaves by a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// What notes need.
    Prepare,
    /// Notes, and the programs of steps, which are for those after them.
    Note,
    /// What moves by itself.
    Control,
}

/// The next event of a lane. The order of the fields is the order in which events leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Tick,
    class: Class,
    lane: u16,
    bank: u8,
}

const _: () = assert!(MAX_LANES <= u16::MAX as usize);

/// What a track plays.
#[derive(Clone, Copy, Debug)]
struct Playing {
    /// In which pattern its clip is; `None` where nothing has been launched that changes what the track plays.
    pattern: Option<PatternSlot>,
    /// The place of the clip in the pattern, if there is one.
    clip: Option<u16>,
    /// Where that began, or would have.
    origin: Tick,
    /// Up to where it plays; nothing at or after it.
    until: Tick,
}

/// No end is in sight.
const FOREVER: Tick = Tick(i64::MAX);

/// From where to where a clip plays, as far as is known.
#[derive(Clone, Copy, Debug)]
struct Span {
    origin: Tick,
    end: Tick,
}

impl Playing {
    const NOTHING: Playing = Playing { pattern: None, clip: None, origin: Tick::ZERO, until: Tick(i64::MIN) };
}

/// The lanes that play. Real-time safe after construction.
#[derive(Debug)]
pub struct Player {
    /// The pattern launched last, and where it began.
    pattern: PatternSlot,
    origin: Tick,
    /// By bank, by track.
    playing: [TrackMap<Playing>; BANKS],
    /// By track: the bank of what was launched last.
    current: TrackMap<u8>,
    /// By bank, by lane among those of all tracks.
    lanes: [Slots<LaneState>; BANKS],
    agendas: PortMap<Agenda<Due>>,
    /// What comes from elsewhere.
    feeds: Feeds,
    /// By track, its place in `lanes`.
    ranges: TrackMap<LaneRange>,
    /// Lanes and places under the program before, and the tracks that had found theirs then: those below this one.
    lanes_before: [Slots<LaneState>; BANKS],
    ranges_before: TrackMap<LaneRange>,
    seated_before: TrackSlot,
    /// After a new program: the tracks from here on have yet to find their places in it; where the music plays, at this
    /// position.
    unseated: Option<(TrackSlot, Option<Tick>)>,
    /// Where every lane stands, if all stand at one position and nothing has been played since.
    ready_at: Option<Tick>,
}

impl Default for Player {
    fn default() -> Player {
        Player {
            pattern: PatternSlot(0),
            origin: Tick::ZERO,
            playing: std::array::from_fn(|_| TrackMap::from_fn(|_| Playing::NOTHING)),
            current: TrackMap::from_fn(|_| 0),
            lanes: std::array::from_fn(|_| Slots::from_fn(MAX_LANES, |_| LaneState::default())),
            agendas: PortMap::from_fn(|_| Agenda::with_capacity(BANKS * MAX_LANES)),
            feeds: Feeds::default(),
            ranges: TrackMap::from_fn(|_| LaneRange::default()),
            lanes_before: std::array::from_fn(|_| Slots::from_fn(MAX_LANES, |_| LaneState::default())),
            ranges_before: TrackMap::from_fn(|_| LaneRange::default()),
            seated_before: TrackSlot(0),
            unseated: None,
            ready_at: None,
        }
    }
}

impl Player {
    /// The pattern that was launched last.
    #[must_use]
    pub fn pattern(&self) -> PatternSlot {
        self.pattern
    }

    /// Returns where it began, or would have if it had not been jumped into.
    #[must_use]
    pub fn origin(&self) -> Tick {
        self.origin
    }

    /// Plays `pattern` and nothing else, from the first beat on. Takes time in proportion to the lanes and the tracks.
    pub fn begin(&mut self, program: &Program, pattern: PatternSlot) {
        self.reset();
        self.launch(program, pattern, Tick::ZERO, Tick::ZERO);
        self.ready_at = Some(Tick::ZERO);
    }

    /// Returns whether it can go on at `position` as it is.
    #[must_use]
    pub fn is_ready_at(&self, position: Tick) -> bool {
        self.ready_at == Some(position)
    }

    /// Plays `pattern` from `from` on, as if it had begun at `origin`; up to there what played before plays on, and so it
    /// does beyond on the tracks that the pattern leaves alone. Takes time in proportion to the lanes of both.
    pub fn launch(&mut self, program: &Program, pattern: PatternSlot, origin: Tick, from: Tick) {
        (self.pattern, self.origin) = (pattern, origin);
        self.ready_at = None;
        for track in tracks(program).filter(|&track| takes_over(program, pattern, track)) {
            let old = self.bank_of(track);
            let playing = &mut self.playing[old][track];
            playing.until = playing.until.min(from);
            self.current[track] = (1 - old) as u8;
            let clip = place_of_clip(program, Some(pattern), track);
            self.playing[1 - old][track] = Playing { pattern: Some(pattern), clip, origin, until: FOREVER };
        }
        let Player { current, lanes, agendas, .. } = self;
        for agenda in agendas.iter_mut() {
            agenda.retain(|due| {
                let track = lanes[usize::from(due.bank)][usize::from(due.lane)].track;
                let is_old = current[track] != due.bank;
                !takes_over(program, pattern, track) || is_old && due.at < from
            });
        }
        for track in tracks(program).filter(|&track| takes_over(program, pattern, track)) {
            self.seat(program, track, from, false);
        }
    }

    /// Puts every lane to its first event at or after `position`, as if what plays had played all along. A loop finds its
    /// place at any distance. An arpeggio, whose past is chance, keeps its own place when that is near (at most 64 of
    /// its notes after, or one ahead), and otherwise begins anew at the next bar line.
    ///
    /// Takes time in proportion to the lanes, and for each to the logarithm of its events or to those 64.
    pub fn locate(&mut self, program: &Program, position: Tick) {
        self.clear();
        for track in tracks(program) {
            self.seat(program, track, position, true);
        }
    }

    /// Goes over to a new program, in which `pattern` plays, which began at `origin`; where the music plays, at `position`.
    /// Takes no time in proportion to anything but the ports and what they had to play: the tracks find their places one by
    /// one, with [`Player::seat_next`].
    pub fn adopt(&mut self, pattern: PatternSlot, origin: Tick, position: Option<Tick>) {
        (self.pattern, self.origin) = (pattern, origin);
        let seated = self.unseated.map_or(TrackSlot(MAX_TRACKS as u16), |(track, _)| track);
        self.clear();
        // The lanes of a track may have moved, so they are carried over from where they were.
        std::mem::swap(&mut self.lanes, &mut self.lanes_before);
        std::mem::swap(&mut self.ranges, &mut self.ranges_before);
        self.seated_before = seated;
        self.unseated = Some((TrackSlot(0), position));
    }

    /// The next track that has yet to find its place in a new program.
    #[must_use]
    pub fn unseated(&self) -> Option<TrackSlot> {
        self.unseated.map(|(track, _)| track)
    }

    /// Lets the next track find its place in a new program; `is_new` says that somebody else had its slot. It plays what it
    /// would if the pattern in force had been launched in this program. Takes time in proportion to its lanes.
    pub fn seat_next(&mut self, program: &Program, is_new: bool) {
        let Some((track, position)) = self.unseated else { return };
        let next = TrackSlot(track.0 + 1);
        self.unseated = Some((next, position)).filter(|_| usize::from(next.0) < program.tracks.len().min(MAX_TRACKS));
        let Some(of_track) = program.track(track) else { return };
        let bank = self.bank_of(track);
        let playing = &mut self.playing[bank][track];
        let before = playing.pattern;
        let is_there = |slot: PatternSlot| program.pattern(slot).is_some_and(|pattern| !pattern.vacant);
        if is_new || !before.is_none_or(is_there) || takes_over(program, self.pattern, track) {
            *playing = Playing { pattern: Some(self.pattern), clip: None, origin: self.origin, until: FOREVER };
        }
        playing.clip = place_of_clip(program, playing.pattern, track);
        let playing = *playing;
        let goes_on = !is_new && playing.pattern == before && track < self.seated_before;
        let old = if goes_on { self.ranges_before[track] } else { LaneRange::default() };
        self.ranges[track] = of_track.lanes;
        let Some(clip) = clip_of(program, playing) else { return };
        let places = usize::from(old.first)..usize::from(old.first) + usize::from(old.count);
        let mut carried = self.lanes_before[bank].get(places).unwrap_or_default().iter();
        for (slot, lane) in slots_of(program, track).zip(&clip.lanes) {
            let Some(state) = self.lanes[bank].get_mut(slot) else { return };
            let known = carried.next().filter(|known| known.track == track);
            *state = known.copied().unwrap_or_else(|| LaneState::new(track, lane));
        }
        if let Some(position) = position {
            self.seat(program, track, position, true);
        }
    }

    /// Returns whether `track` has something to play in what plays, once every track has found its place in `program`.
    #[must_use]
    pub fn has_clip(&self, program: &Program, track: TrackSlot) -> bool {
        self.seated_clip(program, track).is_some()
    }

    /// What the lane in place `lane` of what `track` plays has said of levers by `position`, one value for each at most.
    /// Whether there is such a lane. Takes time in proportion to the events that lie before, at most [`LONGEST_LOOK_BACK`].
    pub(super) fn passed(
        &self,
        program: &Program,
        track: TrackSlot,
        lane: usize,
        position: Tick,
        fill: bool,
        passed: &mut [Option<SetTo>; Lever::COUNT],
    ) -> bool {
        let bank = self.bank_of(track);
        let Some(playing) = self.playing[bank].get(track).copied() else { return false };
        let of_clip = clip_of(program, playing).and_then(|clip| clip.lanes.get(lane));
        let (Some(slot), Some(lane)) = (slots_of(program, track).nth(lane), of_clip) else { return false };
        if let Some(state) = self.lanes[bank].get(slot).filter(|state| state.track == track) {
            state.passed(lane, position, fill, &self.feeds, passed);
            passed.iter_mut().flatten().for_each(|set| set.until = playing.until);
        }
        true
    }

    /// Returns what `track` says of `lever` at `position`, where it is the first that its lanes play, whatever their conditions. Takes
    /// time in proportion to its lanes and to what they have there.
    pub(super) fn begins_with(
        &self,
        program: &Program,
        track: TrackSlot,
        position: Tick,
        lever: Lever,
    ) -> Option<SetTo> {
        let bank = self.bank_of(track);
        let playing = self.playing[bank].get(track).copied()?;
        let mut lanes = slots_of(program, track).zip(&clip_of(program, playing)?.lanes);
        lanes.find_map(|(slot, lane)| {
            let state = self.lanes[bank].get(slot).filter(|state| state.track == track)?;
            state.says(lane, position, lever)
        })
    }

    /// Returns whether what `track` plays sets `lever`, once every track has found its place in `program`.
    #[must_use]
    pub fn sets(&self, program: &Program, track: TrackSlot, lever: Lever) -> bool {
        self.seated_clip(program, track).is_some_and(|clip| clip.levers().contains(lever))
    }

    /// Returns whether what `track` plays sets any lever, once every track has found its place in `program`.
    #[must_use]
    pub fn sets_any(&self, program: &Program, track: TrackSlot) -> bool {
        self.seated_clip(program, track).is_some_and(|clip| !clip.levers().is_empty())
    }

    /// Returns what `track` plays, once every track has found its place in `program`.
    fn seated_clip<'a>(&self, program: &'a Program, track: TrackSlot) -> Option<&'a Clip> {
        let pattern = if takes_over(program, self.pattern, track) {
            self.pattern
        } else {
            self.playing[self.bank_of(track)].get(track)?.pattern?
        };
        program.pattern(pattern)?.clip(track)
    }

    /// No track plays anything any more.
    pub fn reset(&mut self) {
        self.clear();
        self.playing.iter_mut().flat_map(|bank| bank.iter_mut()).for_each(|playing| *playing = Playing::NOTHING);
    }

    /// Plays nothing more until it is told where.
    pub fn clear(&mut self) {
        self.agendas.iter_mut().for_each(Agenda::clear);
        self.unseated = None;
        self.ready_at = None;
    }

    /// The position of the next event on `port`; it may turn out to be nothing.
    #[must_use]
    pub fn first(&self, port: PortSlot) -> Option<Tick> {
        self.agendas.get(port)?.first().map(|due| due.at)
    }

    /// Takes the next event on `port`; `None` when there is none, or when it is not played this time.
    pub fn play(&mut self, program: &Program, port: PortSlot, input: InputState<'_>) -> Option<Played> {
        let due = self.agendas.get_mut(port)?.pop()?;
        self.ready_at = None;
        let (slot, bank) = (usize::from(due.lane), usize::from(due.bank));
        let state = self.lanes.get_mut(bank)?.get_mut(slot)?;
        let playing = self.playing.get(bank)?.get(state.track).copied()?;
        let lane = lane_of(program, playing, state.track, slot)?;
        // A pattern that leaves a track alone does not end its clip.
        let coming = input.coming.filter(|&(pattern, _)| takes_over(program, pattern, state.track));
        let end = coming.map_or(playing.until, |(_, line)| line.min(playing.until));
        let played = state.play(lane, Span { origin: playing.origin, end }, input, &mut self.feeds);
        self.schedule(program, bank, slot, lane);
        Some(match played? {
            Played::Note(strike) => Played::Note(Strike { off: strike.off.min(playing.until), ..strike }),
            Played::Value(set) => Played::Value(SetTo { until: playing.until, ..set }),
        })
    }

    fn bank_of(&self, track: TrackSlot) -> usize {
        usize::from(self.current[track])
    }

    /// Puts the lanes of `track` to their first events at or after `position`, and into the agenda. `again` says that they
    /// may have played before, in the same clip.
    fn seat(&mut self, program: &Program, track: TrackSlot, position: Tick, again: bool) {
        let bank = self.bank_of(track);
        let playing = &mut self.playing[bank][track];
        if again {
            // The program may be another.
            playing.clip = place_of_clip(program, playing.pattern, track);
        }
        let playing = *playing;
        self.ranges[track] = program.track(track).map(|track| track.lanes).unwrap_or_default();
        let Some(clip) = clip_of(program, playing) else { return };
        for (slot, lane) in slots_of(program, track).zip(&clip.lanes) {
            let Some(state) = self.lanes[bank].get_mut(slot) else { return };
            if !again || state.track != track {
                *state = LaneState::new(track, lane);
            }
            state.locate(lane, playing.origin, position, program.meter.bar());
            if let Source::Feed(feed) = lane.source {
                self.feeds.seat(feed, bank, slot, position, again);
            }
            self.schedule(program, bank, slot, lane);
        }
    }

    /// Enters the lane's next event into the agenda of its port, unless its clip has come to its end.
    fn schedule(&mut self, program: &Program, bank: usize, slot: usize, lane: &Lane) {
        let state = &mut self.lanes[bank][slot];
        let Playing { origin, until, .. } = self.playing[bank][state.track];
        let next = state.next(lane, origin, &self.feeds);
        // A lane that is fed comes back when there is something again.
        let Some((at, class)) = next.filter(|&(at, _)| at < until) else { return };
        let port = program.track(state.track).map(|track| track.port);
        if let Some(agenda) = port.and_then(|port| self.agendas.get_mut(port)) {
            // Each lane of each bank is entered once, and an agenda has room for all of them.
            let entered = agenda.push(Due { at, class, lane: slot as u16, bank: bank as u8 });
            debug_assert!(entered.is_ok(), "more entries than lanes");
        }
    }
}

/// Returns whether `pattern`, when it is launched, changes what `track` plays.
#[must_use]
pub fn takes_over(program: &Program, pattern: PatternSlot, track: TrackSlot) -> bool {
    program.pattern(pattern).is_none_or(|pattern| !pattern.keep || pattern.clip(track).is_some())
}

fn tracks(program: &Program) -> impl Iterator<Item = TrackSlot> + use<> {
    (0..program.tracks.len().min(MAX_TRACKS) as u16).map(TrackSlot)
}

/// The places of the lanes of `track` among those of all tracks.
fn slots_of(program: &Program, track: TrackSlot) -> impl Iterator<Item = usize> + use<> {
    let range = program.track(track).map(|track| track.lanes).unwrap_or_default();
    usize::from(range.first)..usize::from(range.first) + usize::from(range.count)
}

fn place_of_clip(program: &Program, pattern: Option<PatternSlot>, track: TrackSlot) -> Option<u16> {
    let place = program.pattern(pattern?)?.place_of(track)?;
    u16::try_from(place).ok()
}

fn clip_of(program: &Program, playing: Playing) -> Option<&Clip> {
    program.pattern(playing.pattern?)?.clips.get(usize::from(playing.clip?))
}

fn lane_of(program: &Program, playing: Playing, track: TrackSlot, slot: usize) -> Option<&Lane> {
    let first = program.track(track)?.lanes.first;
    clip_of(program, playing)?.lanes.get(slot.checked_sub(usize::from(first))?)
}
