//! What there is to see of a show: the set, what plays, what is measured, and what is connected. For those who display it.

use crate::engine::lanes::takes_over;
use crate::engine::program::{Interval, MAX_PORTS, MAX_TRACKS, PatternSlot, PortSlot, TrackSlot, Transpose};
use crate::engine::{Status, Transpositions};
use crate::link::{Heard, Snapshot};
use crate::midi::{Channel, Key, Message};
use crate::set::Set;
use crate::time::{Nanos, Tick};

/// A look at the show.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The set that plays, or will from the next bar on.
    pub set: &'a Set,
    /// How often the set has been replaced. Who keeps names looks here whether they still count.
    pub edition: u64,
    /// The time of the look, on the show's clock.
    pub now: Nanos,
    /// Where the music is now. The snapshot says where it was when something happened last.
    pub position: Tick,
    /// What is measured.
    pub snapshot: &'a Snapshot,
    /// Which pattern plays, what is queued, what is muted.
    pub status: &'a Status,
    /// How far commands have transposed the tracks.
    pub transpositions: &'a Transpositions,
    /// The last keys that came in, by which tracks may be transposed as well.
    pub keys: &'a LastKeys,
    /// What each track plays, by [`TrackSlot`].
    pub playing: &'a Playing,
    /// The ports of the set, by slot.
    pub ports: &'a [PortState],
    /// What the machine has granted, in words.
    pub granted: &'a str,
    /// What is wrong with the set file as it is saved now: it is not what plays. In words, with its place.
    pub mistake: Option<&'a str>,
    /// The command that is bound to what is touched next, if one is.
    pub learning: Option<&'a str>,
    /// What is recorded, if anything is. In words.
    pub recording: Option<&'a str>,
}

/// What a port is connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortState {
    /// The input that is open, by the system's name.
    pub input: Option<String>,
    /// The output that is open, by the system's name.
    pub output: Option<String>,
    /// Whether something that the set wants of it is not there.
    pub is_missing: bool,
}

/// Which pattern each track plays, and since when: the one that plays, or where that leaves the track alone, one that played
/// before it.
#[derive(Clone, Debug)]
pub struct Playing {
    seen: Option<(PatternSlot, Tick)>,
    tracks: Vec<Option<(PatternSlot, Tick)>>,
}

impl Default for Playing {
    fn default() -> Playing {
        Playing { seen: None, tracks: vec![None; MAX_TRACKS] }
    }
}

impl View<'_> {
    /// Returns how far `track` is transposed by now, by commands and by keys: in semitones, and in degrees of the scale.
    #[must_use]
    pub fn transposed(&self, track: TrackSlot) -> [i32; 2] {
        let Some(plan) = self.set.program.tracks.get(usize::from(track.0)) else { return [0; 2] };
        let scale = &self.set.program.scale;
        let played = |transpose: Option<Transpose>| {
            let key =
                transpose.and_then(|transpose| Some((transpose, self.keys.last(transpose.port, transpose.channel)?)));
            match key {
                Some((Transpose { from, unit: Interval::Semitones, .. }, last)) => {
                    [i32::from(last.number()) - i32::from(from.number()), 0]
                }
                Some((Transpose { from, unit: Interval::Degrees, .. }, last)) => {
                    [0, scale.degree(last) - scale.degree(from)]
                }
                None => [0; 2],
            }
        };
        let by = self.transpositions.each.get(usize::from(track.0)).copied().unwrap_or_default().map(i32::from);
        let mut sum = vec![by, played(plan.transpose)];
        if plan.moves {
            sum.extend([self.transpositions.all.map(i32::from), played(self.set.program.transpose)]);
        }
        sum.into_iter().fold([0; 2], |sum, by| [sum[0] + by[0], sum[1] + by[1]])
    }
}

/// The last key of each port, on each channel and on any, as they came in: what transposes by keys goes by it.
#[derive(Clone, Debug)]
pub struct LastKeys(Vec<[Option<Key>; Channel::COUNT + 1]>);

impl Default for LastKeys {
    fn default() -> LastKeys {
        LastKeys(vec![[None; Channel::COUNT + 1]; MAX_PORTS])
    }
}

impl LastKeys {
    /// The last key on `port`, on `channel` or on any.
    #[must_use]
    pub fn last(&self, port: PortSlot, channel: Option<Channel>) -> Option<Key> {
        self.0.get(usize::from(port.0))?[channel.map_or(Channel::COUNT, Channel::index)]
    }

    /// A message came in.
    pub(super) fn heard(&mut self, heard: &Heard) {
        if let (Message::NoteOn(channel, key, _), Some(keys)) =
            (heard.message, self.0.get_mut(usize::from(heard.port.0)))
        {
            (keys[channel.index()], keys[Channel::COUNT]) = (Some(key), Some(key));
        }
    }

    /// Another keyboard is on this port from now on.
    pub(super) fn forget(&mut self, port: usize) {
        if let Some(keys) = self.0.get_mut(port) {
            *keys = [None; Channel::COUNT + 1];
        }
    }
}

impl Playing {
    /// The pattern that `track` plays, and where it began.
    #[must_use]
    pub fn of(&self, track: TrackSlot) -> Option<(PatternSlot, Tick)> {
        self.tracks.get(usize::from(track.0)).copied().flatten()
    }

    /// Something may have begun.
    pub(super) fn follow(&mut self, set: &Set, status: &Status) {
        let now = (status.pattern, status.origin);
        if self.seen.replace(now) == Some(now) {
            return;
        }
        for (track, playing) in (0..).map(TrackSlot).zip(&mut self.tracks).take(set.tracks.len()) {
            if playing.is_none() || takes_over(&set.program, status.pattern, track) {
                *playing = Some(now);
            }
        }
    }

    /// The set is another: slots may have changed hands.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }
}

/// Something that the performer should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// One line, or several where a place in the set file is shown.
    pub text: String,
    /// Whether something is wrong.
    pub is_wrong: bool,
}

/// What has been noticed since the last look.
#[derive(Debug, Default)]
pub struct Notices(Vec<Notice>);

impl Notices {
    /// Something to know.
    pub fn notice(&mut self, text: &str) {
        self.0.push(Notice { text: text.to_owned(), is_wrong: false });
    }

    /// Something that is wrong.
    pub fn wrong(&mut self, text: &str) {
        self.0.push(Notice { text: text.to_owned(), is_wrong: true });
    }

    pub(super) fn push(&mut self, notice: Notice) {
        self.0.push(notice);
    }

    /// Returns what there was.
    pub fn take(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.0)
    }
}
