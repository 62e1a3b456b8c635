//! Which tracks are heard, and how far they are transposed.
//!
//! A track is heard unless it is muted, or others are soloed and it is not. Transpositions add up: what keys and commands say
//! of the track, and of the whole set if the track moves with it. Degrees are counted along the set's scale first, then
//! come the semitones.

use crate::engine::arrangement::transport::Phase;
use crate::engine::fixed::Parked;
use crate::engine::lanes::keyboard::Keyboards;
use crate::engine::program::{Interval, MAX_TRACKS, Program, Track, TrackSet, TrackSlot, Transpose};
use crate::engine::{Engine, Moment, Switch};
use crate::midi::Key;
use crate::time::Nanos;

/// How far something is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shift {
    semitones: i32,
    degrees: i32,
}

impl Shift {
    fn of(by: i32, unit: Interval) -> Shift {
        match unit {
            Interval::Semitones => Shift { semitones: by, degrees: 0 },
            Interval::Degrees => Shift { semitones: 0, degrees: by },
        }
    }

    fn plus(self, other: Shift) -> Shift {
        Shift { semitones: self.semitones + other.semitones, degrees: self.degrees + other.degrees }
    }
}

/// How far commands have transposed the tracks: by semitones and by degrees, one of which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transpositions {
    /// All that move.
    pub all: [i8; 2],
    /// By [`TrackSlot`].
    pub each: [[i8; 2]; MAX_TRACKS],
}

impl Default for Transpositions {
    fn default() -> Transpositions {
        Transpositions { all: [0; 2], each: [[0; 2]; MAX_TRACKS] }
    }
}

/// What has been said about the tracks. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Mixer {
    muted: TrackSet,
    soloed: TrackSet,
    fill: bool,
    /// By command.
    transposed: Parked<Transpositions>,
    /// How often that has changed.
    transpositions: u32,
}

impl Default for Mixer {
    fn default() -> Mixer {
        Mixer {
            muted: TrackSet::default(),
            soloed: TrackSet::default(),
            fill: false,
            transposed: Parked::new(Transpositions::default()),
            transpositions: 0,
        }
    }
}

impl Mixer {
    /// Returns whether a fill is asked for.
    pub(crate) fn fill(&self) -> bool {
        self.fill
    }

    /// Somebody else has the slot `track` from now on, of whom nothing has been said.
    pub(crate) fn forget(&mut self, track: TrackSlot) {
        self.muted.set(track, false);
        self.soloed.set(track, false);
        self.transpose(Some(track), [0; 2]);
    }

    /// Returns how far commands have transposed `track`, or all.
    fn transposed(&self, track: Option<TrackSlot>) -> Shift {
        let by = match track {
            None => self.transposed.all,
            Some(track) => self.transposed.each.get(usize::from(track.0)).copied().unwrap_or_default(),
        };
        let [semitones, degrees] = by.map(i32::from);
        Shift { semitones, degrees }
    }

    /// Returns by how much commands have transposed a track, or all, in `unit`.
    pub(crate) fn transposed_in(&self, track: Option<TrackSlot>, unit: Interval) -> i32 {
        let shift = self.transposed(track);
        match unit {
            Interval::Semitones => shift.semitones,
            Interval::Degrees => shift.degrees,
        }
    }

    fn transpose(&mut self, track: Option<TrackSlot>, by: [i8; 2]) {
        let place = match track {
            None => Some(&mut self.transposed.all),
            Some(track) => self.transposed.each.get_mut(usize::from(track.0)),
        };
        if let Some(place) = place {
            *place = by;
            self.transpositions = self.transpositions.wrapping_add(1);
        }
    }

    /// Returns whether `track` is heard.
    pub(crate) fn hears(&self, track: TrackSlot) -> bool {
        !self.muted.contains(track) && (self.soloed.is_empty() || self.soloed.contains(track))
    }

    /// The tracks that are heard.
    fn heard(&self) -> TrackSet {
        let mut heard = TrackSet::default();
        (0..MAX_TRACKS as u16).map(TrackSlot).for_each(|track| heard.set(track, self.hears(track)));
        heard
    }

    /// Returns by how many semitones `track`, in slot `slot`, moves `key` now.
    pub(crate) fn shift(
        &self,
        program: &Program,
        slot: TrackSlot,
        track: &Track,
        key: Key,
        keyboards: &Keyboards,
    ) -> i32 {
        let played = |transpose: Option<Transpose>| {
            let distance = transpose.and_then(|transpose| {
                let last = keyboards.last(transpose.port, transpose.channel)?;
                Some(match transpose.unit {
                    Interval::Semitones => i32::from(last.number()) - i32::from(transpose.from.number()),
                    Interval::Degrees => program.scale.degree(last) - program.scale.degree(transpose.from),
                })
            });
            Shift::of(distance.unwrap_or(0), transpose.map(|transpose| transpose.unit).unwrap_or_default())
        };
        let own = self.transposed(Some(slot)).plus(played(track.transpose));
        let shift = if track.moves { own.plus(self.transposed(None)).plus(played(program.transpose)) } else { own };
        let along = if shift.degrees == 0 { 0 } else { program.scale.shift(key, shift.degrees) };
        along + shift.semitones
    }
}

impl Engine {
    /// The tracks that are muted.
    #[must_use]
    pub fn muted(&self) -> TrackSet {
        self.mixer.muted
    }

    /// The tracks that are soloed.
    #[must_use]
    pub fn soloed(&self) -> TrackSet {
        self.mixer.soloed
    }

    /// Returns how far commands have transposed the tracks.
    #[must_use]
    pub fn transpositions(&self) -> &Transpositions {
        &self.mixer.transposed
    }

    /// Returns how often that has changed.
    pub(in crate::engine) fn times_transposed(&self) -> u32 {
        self.mixer.transpositions
    }

    /// Returns whether a fill is asked for.
    #[must_use]
    pub fn fills(&self) -> bool {
        self.mixer.fill
    }

    pub(in crate::engine) fn fill(&mut self, fill: Switch) {
        self.mixer.fill = fill.of(self.mixer.fill);
    }

    pub(in crate::engine) fn mute(&mut self, program: &Program, at: Nanos, track: TrackSlot, mute: Switch) {
        let before = self.mixer.heard();
        let muted = mute.of(self.mixer.muted.contains(track));
        self.mixer.muted.set(track, muted);
        self.hear_others(program, at, before);
    }

    pub(in crate::engine) fn solo(&mut self, program: &Program, at: Nanos, track: TrackSlot, solo: Switch) {
        let before = self.mixer.heard();
        let soloed = solo.of(self.mixer.soloed.contains(track));
        self.mixer.soloed.set(track, soloed);
        self.hear_others(program, at, before);
    }

    pub(in crate::engine) fn transpose(&mut self, track: Option<TrackSlot>, by: i8, unit: Interval) {
        let by = match unit {
            Interval::Semitones => [by, 0],
            Interval::Degrees => [0, by],
        };
        self.mixer.transpose(track, by);
    }

    /// Ends the notes of the tracks that are not heard any more, and brings home what holds or bends them. Those that were not
    /// among `before` have what they have said of it by now.
    fn hear_others(&mut self, program: &Program, at: Nanos, before: TrackSet) {
        let tick = self.moment(at).tick;
        let Engine { mixer, ports, homing, .. } = self;
        ports.iter_mut().for_each(|port| port.ledger.cut(tick, |track| !mixer.hears(track)));
        homing.cut(tick, |away| !mixer.hears(away.track));
        self.release_cut(Moment { time: at, tick });
        if self.transport.phase() == Phase::Running {
            let heard = self.mixer.heard();
            self.chase(program, tick, |track| heard.contains(track) && !before.contains(track));
        }
    }
}
