//! A session that is followed: several players who share a tempo and a count of beats, without a master.
//!
//! Nobody sends pulses. The control side *tells* where the session is: a [`SessionState`] says which beat falls at which time, and
//! the tempo; it is told again whenever somebody changes something. So there is nothing to estimate, and the timeline is
//! the session's own, to the nanosecond.
//!
//! # The quantum
//!
//! Players agree on the phase of a beat within a *quantum*, most often a bar, and on nothing longer. So START waits for a
//! beginning of the quantum, and CONTINUE for the place in it that the position has.
//!
//! # Changes while the music plays
//!
//! - Another tempo counts at once, from where the music is.
//! - A step of the phase of at most [`SLEWED`] is made up for over the next beat, which becomes a little longer or shorter.
//! - Where the step is larger (another session has been joined), the music plays on as it is to its next bar line, waits there
//!   for the session to come to the same place in its quantum, and goes on with it.
//!
//! While nothing plays there is nothing to keep in place: what is told counts at once.
//!
//! # A session that is gone
//!
//! The music goes on at the last tempo, for as long as [`Lost`](crate::engine::program::Lost) says.

use crate::engine::clock::timeline::Timeline;
use crate::engine::command::SessionState;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// The largest step of the phase that is made up for within a beat: an eighth of a beat.
pub const SLEWED: TickSpan = TickSpan(TickSpan::QUARTER.0 / 8);

/// From being told to play to the first note: at least this, so that whoever gets our clock can get ready.
const START_LEAD: Span = Span::from_millis(1);

/// A difference that only comes of rounding.
const NOTHING: Span = Span(2_000);

/// The farthest position of a session that is accepted, in ticks either way: some thousand years.
pub const FARTHEST: i64 = 1 << 50;

/// What the music has to keep in place that plays along.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its next bar line that no port has reached, on the clock.
    pub tick: Tick,
    /// By how much the earliest port is ahead; not positive.
    pub early: Span,
}

/// Another mapping, from a time on.
#[derive(Clone, Copy, Debug)]
struct Coming {
    at: Nanos,
    timeline: Timeline,
}

/// The clock of a session. Its ticks are those of the session, but for whole quanta. Real-time safe throughout.
#[derive(Clone, Copy, Debug)]
pub struct SessionClock {
    quantum: TickSpan,
    timeline: Option<Timeline>,
    coming: Option<Coming>,
    playing: bool,
    /// Where the session was lost, if it is.
    lost: Option<Tick>,
}

impl SessionClock {
    /// The clock of a session of which nothing is known yet. `quantum` must be positive.
    #[must_use]
    pub fn new(quantum: TickSpan) -> SessionClock {
        SessionClock { quantum, timeline: None, coming: None, playing: false, lost: None }
    }

    /// From now on players agree on another stretch.
    pub fn set_quantum(&mut self, quantum: TickSpan) {
        self.quantum = quantum;
    }

    /// It is told at `at` where the session is; `line` is what is to be kept in place, where the music plays.
    pub fn tell(&mut self, at: Nanos, state: SessionState, line: Option<Line>) {
        let session = Timeline::new(state.tick, state.time, state.tempo);
        (self.playing, self.lost, self.coming) = (state.playing, None, None);
        let (Some(now), Some(line)) = (self.timeline, line) else {
            self.timeline = Some(session);
            return;
        };
        let next = now.tick_at(at) + TickSpan(1);
        let there = session.tick_at(now.time_of(next));
        let quanta = ((next - there).0 + self.quantum.0 / 2).div_euclid(self.quantum.0);
        let session = session.shifted(self.quantum * quanta);
        let step = session.time_of(next).since(now.time_of(next));
        if step.0.abs() <= NOTHING.0 {
            self.timeline = Some(session);
        } else if step.0.abs() <= state.tempo.span_of(SLEWED).0 {
            let met = next + TickSpan::QUARTER;
            let (from, to) = (now.time_of(next), session.time_of(met));
            let pulses = i128::from(TickSpan::QUARTER.0 / TickSpan::PULSE.0);
            let pulse_q32 = (i128::from(to.since(from).0) << 32) / pulses;
            let tempo = Tempo::from_pulse_q32(u64::try_from(pulse_q32).unwrap_or(0));
            self.timeline = Some(Timeline::new(next, from, tempo));
            self.coming = Some(Coming { at: to, timeline: session });
        } else {
            let comes_at = now.time_of(line.tick);
            // Not before it: what comes before the line has been played by then.
            let first = session.tick_at(comes_at - Span(1)) + TickSpan(1);
            let phase = self.aligned(first, line.tick);
            let timeline = session.shifted(line.tick - phase);
            self.coming = Some(Coming { at: comes_at + line.early, timeline });
        }
    }

    /// The session is gone, since `at`.
    pub fn lose(&mut self, at: Nanos) {
        self.lost = self.timeline.map(|timeline| timeline.tick_at(at));
    }

    /// The first position at or after `tick` that is at the same place in its quantum as `like`.
    fn aligned(&self, tick: Tick, like: Tick) -> Tick {
        tick + TickSpan((like - tick).0.rem_euclid(self.quantum.0))
    }

    /// The position nearest to `tick` that is at the same place in its quantum as `like`.
    #[must_use]
    pub fn nearest(&self, tick: Tick, like: Tick) -> Tick {
        self.aligned(tick - TickSpan(self.quantum.0 / 2), like)
    }

    /// The pulse with which music begins that is told to at `at` and plays on from `position`; `None` while nothing is known of
    /// the session. Not before the pulse `sent`, if there is one.
    #[must_use]
    pub fn begin(&self, at: Nanos, sent: Option<Tick>, position: Tick) -> Option<Tick> {
        let ready = self.timeline?.tick_at(at + START_LEAD) + TickSpan(1);
        Some(self.aligned(sent.map_or(ready, |sent| ready.max(sent)), position))
    }

    /// Returns when another mapping is in force, if one is coming.
    #[must_use]
    pub fn changes_at(&self) -> Option<Nanos> {
        self.coming.map(|coming| coming.at)
    }

    /// The mapping that is coming is in force from now on.
    pub fn change(&mut self) {
        if let Some(coming) = self.coming.take() {
            self.timeline = Some(coming.timeline);
        }
    }

    /// The mapping in force; `None` before anything is known.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.timeline
    }

    /// Returns whether the session plays.
    #[must_use]
    pub fn playing(&self) -> bool {
        self.playing
    }

    /// Returns when the music is no longer held that plays on without the session: for so long after that was lost.
    #[must_use]
    pub fn held_until(&self, held: TickSpan) -> Option<Nanos> {
        Some(self.timeline?.time_of(self.lost? + held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BAR: TickSpan = TickSpan(3_840);
    const NOW: Nanos = Nanos(50_000_000_000);

    fn state(tick: i64, time: Nanos, bpm: f64) -> SessionState {
        SessionState { tick: Tick(tick), time, tempo: Tempo::from_bpm(bpm).unwrap(), playing: true }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_is_told_the_clock_ends_on_the_phase_of_the_session_and_its_ticks_come_in_order(
            tick in -1_000_000_000i64..1_000_000_000, bpm in 40.0..240.0f64,
            later in -1_000_000_000i64..1_000_000_000, other in 40.0..240.0f64, off in -400_000_000i64..400_000_000,
        ) {
            let mut clock = SessionClock::new(BAR);
            clock.tell(NOW, state(tick, NOW, bpm), None);
            let here = clock.timeline().unwrap().tick_at(NOW);
            let line = Line { tick: (here + TickSpan(1)).round_up_to(BAR), early: Span::ZERO };
            let told = state(later, NOW + Span(off), other);
            clock.tell(NOW, told, Some(line));
            // Played tick by tick: none comes before the one before it.
            let (mut time, mut next) = (NOW, here + TickSpan(1));
            for _ in 0..2 * BAR.0 {
                if clock.changes_at().is_some_and(|at| at <= clock.timeline().unwrap().time_of(next)) {
                    time = time.max(clock.changes_at().unwrap());
                    clock.change();
                }
                let due = clock.timeline().unwrap().time_of(next);
                prop_assert!(due >= time || time.since(due) <= NOTHING, "tick {next:?} at {due:?}, after {time:?}");
                time = time.max(due);
                next += TickSpan(1);
            }
            prop_assert_eq!(clock.changes_at(), None);
            let session = Timeline::new(told.tick, told.time, told.tempo);
            let (ours, theirs) = (clock.timeline().unwrap().tick_at(time), session.tick_at(time));
            prop_assert_eq!((ours - theirs).0.rem_euclid(BAR.0), 0);
            prop_assert_eq!(clock.timeline().unwrap().time_of(ours), session.time_of(theirs));
        }
    }

    #[test]
    fn music_begins_at_its_place_in_the_quantum() {
        let mut clock = SessionClock::new(BAR);
        assert_eq!(clock.begin(NOW, None, Tick::ZERO), None, "nothing is known yet");
        clock.tell(NOW, state(100, NOW, 120.0), None);
        assert_eq!(clock.begin(NOW, None, Tick::ZERO), Some(Tick(3_840)));
        assert_eq!(clock.begin(NOW, None, Tick(3_840 + 960)), Some(Tick(960)));
        assert_eq!(clock.begin(NOW, Some(Tick(3_880)), Tick::ZERO), Some(Tick(7_680)), "not before what has been sent");
        // A line that is less than a millisecond away is too near.
        clock.tell(NOW, state(3_839, NOW, 120.0), None);
        assert_eq!(clock.begin(NOW, None, Tick::ZERO), Some(Tick(7_680)));
    }
}
