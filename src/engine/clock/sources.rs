//! The clocks that may be followed, in order of preference, and the one that is followed.
//!
//! Every one of them is listened to all the time, so that its tempo and grid are known before they are needed. They share
//! one axis of ticks: when another one is followed, its pulses are numbered so that the music stays where it is, to half a
//! pulse. So nobody who counts ticks or pulses notices that the clock is another one.

use super::midi::Follower;
use crate::engine::clock::timeline::Timeline;
use crate::engine::program::{MAX_SOURCES, PortSlot};
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
    /// one that is followed is still among them; if not, nothing changes. In place, because the stack is small.
    pub fn relist(&mut self, ports: &[PortSlot], tempo: Tempo) -> bool {
        let ports = &ports[..ports.len().min(MAX_SOURCES)];
        let followed = self.port();
        if !ports.contains(&followed) {
            return false;
        }
        // The new ones first, in place of those that are not wanted any more, or after all others.
        for &port in ports {
            if self.index_of(port).is_none() {
                let unwanted = self.list[..self.count].iter().position(|source| !ports.contains(&source.port));
                let free = unwanted.unwrap_or(self.count);
                self.count = self.count.max(free + 1);
                self.list[free] = Source { port, follower: Follower::new(tempo) };
            }
        }
        let mut placed = 0;
        for &port in ports {
            if let Some(from) = (placed..self.count).find(|&index| self.list[index].port == port) {
                self.list.swap(placed, from);
                placed += 1;
            }
        }
        self.count = placed;
        self.followed = self.index_of(followed).unwrap_or(0);
        true
    }

    /// Returns whether there is a choice.
    #[must_use]
    pub const fn are_several(&self) -> bool {
        self.count > 1
    }

    /// Returns which clock comes in on `port`, by preference.
    #[must_use]
    pub fn index_of(&self, port: PortSlot) -> Option<usize> {
        self.list[..self.count].iter().position(|source| source.port == port)
    }

    /// Returns which clock is followed.
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

    /// Returns when the next pulse on `port` is expected; `None` where nothing is known of it.
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

    /// Returns when the last of the clocks that are not followed will be lost, if no pulse of theirs comes any more.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_were_heard_before_are_known_wherever_they_stand_now() {
        let tempo = Tempo::from_bpm(120.0).unwrap();
        let lists =
            |ports: u8| (0..1 << (3 * ports)).map(move |code| (0..ports).map(|at| code >> (3 * at) & 7).collect());
        let all = (1..=MAX_SOURCES as u8).flat_map(lists).map(|list: Vec<u16>| list.into_iter().map(|port| port as u8));
        let mut tried = 0;
        for list in all {
            let list: Vec<PortSlot> = list.map(PortSlot).collect();
            let is_once = |port: &PortSlot| list.iter().filter(|other| *other == port).count() == 1;
            if !list.iter().all(is_once) {
                continue;
            }
            let before: Vec<PortSlot> = (0..4).map(PortSlot).collect();
            let mut sources = Sources::new(&before, tempo);
            // Each is told from the others by how many pulses it has had.
            (0..4).for_each(|index| sources.list[index].follower.renumber(index as i64 + 1));
            sources.followed = 2;
            let goes_on = sources.relist(&list, tempo);
            assert_eq!(goes_on, list.contains(&PortSlot(2)));
            if !goes_on {
                continue;
            }
            tried += 1;
            let fresh = Follower::new(tempo).last_pulse();
            for (index, port) in list.iter().enumerate() {
                let pulses = if port.0 < 4 { i64::from(port.0) + 1 } else { 0 };
                let last = sources.list[index].follower.last_pulse();
                assert_eq!((sources.list[index].port, last), (*port, fresh + TickSpan::PULSE * pulses), "{list:?}");
            }
            assert_eq!((sources.count, sources.port()), (list.len(), PortSlot(2)));
        }
        assert!(tried > 500, "{tried}");
    }
}
