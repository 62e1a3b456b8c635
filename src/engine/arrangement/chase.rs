//! What a pattern has said of pedals, wheels and pressure before the place where the music is.
//!
//! Levers go home wherever notes end ([`homing`](crate::engine::ports::homing)). Where the music goes on in the middle of a pattern, what that
//! has said so far counts again: the pedal that is pressed on its first step is down on its third. So it is after CONTINUE and a
//! song position, where a pattern is jumped into, where a show is taken up that was cut short, on tracks that are heard again,
//! and on those that another program has changed. It is found in the lanes that play, by looking back from where they are, and
//! is sent before the notes of that position. Levers that are away already stay as they are.
//!
//! Bounded: each lane is looked back at [`LONGEST_LOOK_BACK`](crate::engine::lanes::LONGEST_LOOK_BACK) events at most, and sets at most
//! as many values as a channel has levers.

use crate::engine::fixed::PortMap;
use crate::engine::lanes::SetTo;
use crate::engine::outbox::Outbox;
use crate::engine::program::lever::Lever;
use crate::engine::program::{PortSet, PortSlot, Program, TrackSet, TrackSlot};
use crate::engine::{Engine, Moment};
use crate::time::Tick;

/// What has yet to be found out.
#[derive(Debug)]
pub(in crate::engine) struct Chase {
    /// Which tracks; and the ports where some of them have yet to be looked at.
    tracks: TrackSet,
    ports: PortSet,
    /// From which position on it counts.
    tick: Tick,
    /// For each port, the next track, and the next of its lanes.
    next: PortMap<(TrackSlot, usize)>,
}

impl Default for Chase {
    fn default() -> Chase {
        Chase {
            tracks: TrackSet::default(),
            ports: PortSet::default(),
            tick: Tick::ZERO,
            next: PortMap::from_fn(|_| (TrackSlot(0), 0)),
        }
    }
}

impl Chase {
    /// The position at which something is found out for `port`, if there is something.
    pub(crate) fn due(&self, port: PortSlot) -> Option<Tick> {
        self.ports.contains(port).then_some(self.tick)
    }

    /// Nothing is found out any more.
    pub(crate) fn forget(&mut self) {
        (self.tracks, self.ports) = (TrackSet::default(), PortSet::default());
    }

    /// Of `track`, which plays on `port`, it is to be found out at `tick` what counts there.
    fn add(&mut self, track: TrackSlot, port: PortSlot, tick: Tick) {
        if self.ports.is_empty() {
            self.tracks = TrackSet::default();
            self.tick = tick;
        }
        // Where more than one position is asked for, the latest counts: by then all of it has been passed.
        self.tick = self.tick.max(tick);
        self.tracks.set(track, true);
        self.ports = self.ports.with(port);
        if let Some(next) = self.next.get_mut(port) {
            *next = (TrackSlot(0), 0);
        }
    }
}

impl Engine {
    /// The tracks that `which` says go on at `tick` in the middle of what they play. Takes time in proportion to the tracks and
    /// their lanes.
    pub(in crate::engine) fn chase(&mut self, program: &Program, tick: Tick, which: impl Fn(TrackSlot) -> bool) {
        for (slot, track) in (0..).map(TrackSlot).zip(&program.tracks).filter(|&(slot, _)| which(slot)) {
            // Each track that is looked at is a step of its own, and most move no lever.
            if self.player.sets_any(program, slot) {
                self.chase.add(slot, track.port, tick);
            }
        }
    }

    /// Sends what the next lane on `port` has said: at most a message for each lever.
    pub(in crate::engine) fn take_chase(
        &mut self,
        program: &Program,
        port: PortSlot,
        moment: Moment,
        out: &mut Outbox,
    ) {
        let Some(&(from, lane)) = self.chase.next.get(port) else { return };
        let rest = (0..).map(TrackSlot).zip(&program.tracks).skip(usize::from(from.0));
        let mut of_port = rest.filter(|&(slot, track)| track.port == port && self.chase.tracks.contains(slot));
        let Some((slot, track)) = of_port.next() else {
            self.chase.ports = self.chase.ports.without(port);
            return;
        };
        let lane = if slot == from { lane } else { 0 };
        let mut passed: [Option<SetTo>; Lever::COUNT] = [None; Lever::COUNT];
        let goes_on = self.player.passed(program, slot, lane, moment.tick, self.mixer.fill(), &mut passed);
        self.chase.next[port] = if goes_on { (slot, lane + 1) } else { (TrackSlot(slot.0 + 1), 0) };
        if !self.mixer.hears(slot) {
            return;
        }
        for set in passed.into_iter().flatten() {
            let is_free = |lever| !self.homing.holds(port, track.channel, lever);
            let rests = set.target.levers().any(|lever| lever.targets().any(|known| known == (set.target, set.value)));
            if !rests && set.target.levers().all(is_free) {
                self.faders.note_value(program, slot, set.target, set.value);
                self.set_value(set, port, track.channel, moment, out);
            }
        }
    }
}
