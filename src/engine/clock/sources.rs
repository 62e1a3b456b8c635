//! The clocks that may be followed, in order of preference, and the one that is followed.
//!
//! Every one of them is listened to all the time, so that its tempo and grid are known before they are needed. They share
//! one axis of ticks: when another one is followed, its pulses are numbered so that the music stays where it is, to half a
//! pulse. So nobody who counts ticks or pulses notices that the clock is another one.

use super::midi::Follower;
use crate::engine::program::{MAX_SOURCES, PortSlot};
use crate::engine::timeline::Timeline;
use crate::time::{Nanos, Tempo, Tick, TickSpan};

/// One clock.
#[derive(Clone, Copy, Debug)]
struct Source {
    port: PortSlot,
    follower: Follower,
}

/// The clocks of a program. Real-time safe throughout; every call looks at no more than [`MAX_SOURCES`] of them.
#[derive(Clone, Copy, Debug)]
pub struct Sources {
    list: [Source; MAX_SOURCES],
    /// How many of the list are in use: at least one.
    count: usize,
    /// Which one is followed.
    followed: usize,
}

impl Sources {
    /// The clocks that come in on `ports`, in order of preference. What is beyond [`MAX_SOURCES`] is not heard.
    #[must_use]
    pub fn new(ports: &[PortSlot], tempo: Tempo) -> Sources {
        let source = Source { port: PortSlot(0), follower: Follower::new(tempo) };
        let mut sources = Sources { list: [source; MAX_SOURCES], count: 0, followed: 0 };
        for (source, &port) in sources.list.iter_mut().zip(ports) {
            source.port = port;
            sources.count += 1;
        }
        sources
    }

    /// The same clocks for a new list of `ports`: those that were heard before are known, the others are not. Whether the
    /// one that is followed is still among them; if not, the first of the list is.
    pub fn relist(&mut self, ports: &[PortSlot], tempo: Tempo) -> bool {
        let old = *self;
        *self = Sources::new(ports, tempo);
        for source in &mut self.list[..self.count] {
            if let Some(known) = old.index_of(source.port) {
                source.follower = old.list[known].follower;
            }
        }
        let followed = self.index_of(old.port());
        self.followed = followed.unwrap_or(0);
        followed.is_some()
    }

    /// Whether there is a choice.
    #[must_use]
    pub const fn are_several(&self) -> bool {
        self.count > 1
    }

    /// Which clock comes in on `port`, by preference.
    #[must_use]
    pub fn index_of(&self, port: PortSlot) -> Option<usize> {
        self.list[..self.count].iter().position(|source| source.port == port)
    }

    /// Which clock is followed.
    #[must_use]
    pub const fn followed(&self) -> usize {
        self.followed
    }

    /// The port of the followed clock.
    #[must_use]
    pub fn port(&self) -> PortSlot {
        self.list[self.followed].port
    }

    /// The clock `index`, which [`Sources::index_of`] has given.
    pub fn follower(&mut self, index: usize) -> &mut Follower {
        &mut self.list[index].follower
    }

    /// When the next pulse on `port` is expected; `None` where nothing is known of it.
    #[must_use]
    pub fn expected_pulse(&self, port: PortSlot) -> Option<Nanos> {
        self.list[self.index_of(port)?].follower.expected_pulse()
    }

    /// The clock that is followed.
    #[must_use]
    pub fn current(&self) -> &Follower {
        &self.list[self.followed].follower
    }

    /// The mapping of the followed clock.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.current().timeline()
    }

    /// The tempo of the followed clock.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        self.current().tempo()
    }

    /// The pulse of the followed clock that came last.
    #[must_use]
    pub fn last_pulse(&self) -> Tick {
        self.current().last_pulse()
    }

    /// When the last of the clocks that are not followed will be lost, if no pulse of theirs comes any more.
    #[must_use]
    pub fn others_lost_at(&self) -> Option<Nanos> {
        let others = self.list[..self.count].iter().enumerate().filter(|&(index, _)| index != self.followed);
        others.filter_map(|(_, source)| source.follower.lost_at()).max()
    }

    /// The clock to follow while nothing plays: the first of the list that lives. The followed one if none does.
    #[must_use]
    pub fn first_living(&self, now: Nanos) -> usize {
        self.first(|follower| !follower.is_lost(now)).unwrap_or(self.followed)
    }

    /// The clock to follow from the next bar line on. One that lives is only left for a preferred one that has been steady
    /// for `steady` pulses; one that is lost, for the first that lives and whose tempo is known. The followed one if there is
    /// no such clock.
    #[must_use]
    pub fn successor(&self, now: Nanos, steady: i64) -> usize {
        let found = if self.current().is_lost(now) {
            self.first(|follower| !follower.is_lost(now) && follower.tempo().is_some())
        } else {
            let preferred = self.first(|follower| !follower.is_lost(now) && follower.is_steady(steady));
            preferred.filter(|&index| index < self.followed)
        };
        found.unwrap_or(self.followed)
    }

    fn first(&self, fit: impl Fn(&Follower) -> bool) -> Option<usize> {
        self.list[..self.count].iter().position(|source| fit(&source.follower))
    }

    /// From now on the clock `index` is followed. At the time `at`, its position becomes that of the clock that has been
    /// followed so far, to half a pulse.
    pub fn follow(&mut self, index: usize, at: Nanos) {
        let tick_at = |follower: &Follower| follower.timeline().map(|timeline| timeline.tick_at(at));
        if let (Some(old), Some(new)) = (tick_at(self.current()), tick_at(&self.list[index].follower)) {
            let pulse = TickSpan::PULSE.0;
            let pulses = ((old - new).0 + pulse / 2).div_euclid(pulse);
            self.list[index].follower.renumber(pulses);
        }
        self.followed = index;
    }
}
