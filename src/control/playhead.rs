//! Where the music is between two things that happen.
//!
//! The real-time thread says where it is when it has something to do, which can be bars ago. Who looks at the show, or is told
//! of it over a socket, wants to count beats: in between the music goes on at its tempo.

use crate::engine::arrangement::transport::Phase;
use crate::link::Snapshot;
use crate::time::{Nanos, TICKS_PER_QUARTER, Tick};

/// Where the music is, as it is looked at again and again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Playhead {
    at: Nanos,
    tick: f64,
    seen: Tick,
    runs: bool,
}

impl Playhead {
    /// A look at the show.
    pub(crate) fn look(&mut self, snapshot: &Snapshot, now: Nanos) {
        let seen = snapshot.position;
        let runs = snapshot.phase == Phase::Running;
        let per_nano = snapshot.bpm.unwrap_or(0.0) * TICKS_PER_QUARTER as f64 / 60e9;
        let gone = now.since(self.at).0.max(0) as f64 * per_nano;
        self.tick = match (runs, self.runs) {
            (true, true) if seen == self.seen => self.tick + gone,
            // It was there at some time since the last look.
            (true, true) => (self.tick + gone).clamp(seen.0 as f64, seen.0 as f64 + gone),
            _ => seen.0 as f64,
        };
        (self.at, self.seen, self.runs) = (now, seen, runs);
    }

    /// Returns where the music is.
    #[must_use]
    pub(crate) fn position(&self) -> Tick {
        // A beat that is reached to within a hair is reached.
        Tick((self.tick + 1e-3).floor() as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Meters;

    const BEAT: u64 = 500_000_000;

    fn snapshot(phase: Phase, position: i64) -> Snapshot {
        let meters = Meters::default();
        meters.show_music(phase, Tick(position), Some(120.0), 0);
        meters.snapshot()
    }

    #[test]
    fn the_playhead_moves_between_what_is_said_of_it() {
        let mut playhead = Playhead::default();
        playhead.look(&snapshot(Phase::Stopped, 240), Nanos(5));
        assert_eq!(playhead.tick, 240.0);
        let start = 10 * BEAT;
        playhead.look(&snapshot(Phase::Running, 0), Nanos(start));
        playhead.look(&snapshot(Phase::Running, 0), Nanos(start + BEAT));
        assert_eq!(playhead.tick.round(), 960.0);
        // It was at 1,900 not long ago, and is a little further by now.
        playhead.look(&snapshot(Phase::Running, 1_900), Nanos(start + 2 * BEAT));
        assert_eq!(playhead.tick.round(), 1_920.0);
        // The master has jumped.
        playhead.look(&snapshot(Phase::Running, 0), Nanos(start + 2 * BEAT + BEAT / 10));
        assert!((0.0..=96.0).contains(&playhead.tick));
    }
}
