//! A MIDI clock that is followed: 24 pulses to the quarter note, and nothing else to go by.
//!
//! Two objects, kept apart on purpose. The [`PulseCounter`] knows the position, exactly: every pulse is 40 ticks, however
//! late it came and however odd the interval was. The [`Estimator`] knows phase and tempo, roughly: it decides when the
//! pulses truly fall, those that came and those that will. A pulse that is unfit for the one still counts for the other.
//!
//! The [`Follower`] joins them: the pulse that was counted last falls where the estimator says, and the pulses to come
//! follow at its tempo. So a note on the beat can leave at the beat, and not after it.
//!
//! # No pulse for one, and two
//!
//! Pulses that are lost on the way are made up for, where that can be told: [`gaps`](super::gaps) says how.
//!
//! A second pulse within a fifth of a period is one that was sent twice, and does not count. One that comes later the master
//! may have meant. But where each pulse is doubled, two clocks come by one cable. To count both is to run away, for the second
//! one is most often our own, which some device sends back: each of its pulses would make us send one more. So a pulse between
//! those of the grid counts only after a period without another one, and not at all when [`DOUBLED_PERIODS`] in a row have
//! had one. Whatever the distance, what comes after a gap that it fills, in a crowd as only a queue does, or at what proves
//! to be another tempo, counts.

use super::estimator::{Estimator, Quality};
use super::gaps::Gaps;
use crate::engine::clock::timeline::Timeline;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// So many pulses may fail to come before the clock counts as lost: two could be lost on the wire, or late.
pub const LOST_AFTER: TickSpan = TickSpan(4 * TickSpan::PULSE.0);

/// So many pulses that come at once are a queue that was held up. Fewer can be a pulse that was doubled, or the stutter of a
/// device that is plugged in.
const BURST: i64 = 3;

/// So many pulses in a row, each of them doubled, are two clocks on one cable. A queue that is let go, however long it is,
/// lies between two pulses of the grid.
const DOUBLED_PERIODS: u32 = 4;

/// More pulses than this between two of the grid are a queue that is let go: as long as they do not count we send no more
/// pulses than the grid has, and no more can come back by any one way.
const MOST_DOUBLES: i64 = 4;

/// For so many periods without a doubled pulse the other clock is still expected.
const DOUBLED_UNTIL: u32 = 24;

/// A second pulse that comes within this part of a period was sent twice.
const TWICE_WITHIN: i64 = 5;

/// Counts pulses into a position.
///
/// Every pulse counts as one, with one exception (what `gaps` finds out comes by [`PulseCounter::renumber`]). When many fail to come, they are either late (a queue that stood still,
/// and will be delivered in a burst) or gone (a cable that was out, while the master went on). The counter takes them as
/// sent from the first pulse after the gap on, so that the music need not jump, and settles with what comes: pulses of a
/// burst (of three and more) have been counted already, and if it brings fewer than were missing, the others were never
/// sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PulseCounter {
    /// The number of the pulse that came last.
    pulse: i64,
    /// Pulses that were counted before they came.
    credit: i64,
    /// Of these, how many have come since.
    queued: i64,
}

impl PulseCounter {
    /// One more pulse has come, `steps` pulse lengths after the one before: 0 or less if it came at once.
    pub fn count(&mut self, steps: i64) {
        match steps {
            ..=0 if self.credit > 0 => {
                self.credit -= 1;
                self.queued += 1;
            }
            ..=0 => self.pulse += 1,
            1.. => {
                if self.queued >= BURST {
                    self.pulse -= self.credit;
                }
                let missing = if steps > LOST_AFTER.0 / TickSpan::PULSE.0 { steps - 1 } else { 0 };
                *self = PulseCounter { pulse: self.pulse + 1 + missing, credit: missing, queued: 0 };
            }
        }
    }

    /// One more of a queue has come, for which the grid had a place of its own. What is missing stays missing.
    pub fn count_queued(&mut self) {
        self.pulse += 1;
        self.queued += 1;
    }

    /// Returns whether pulses are on their way that were counted before they came.
    #[must_use]
    pub fn expects_queue(&self) -> bool {
        self.credit > 0
    }

    /// The pulse that came last has a number higher by `pulses`, or lower.
    pub fn renumber(&mut self, pulses: i64) {
        self.pulse += pulses;
    }

    /// The number of the pulse that came last.
    #[must_use]
    pub fn pulse(&self) -> i64 {
        self.pulse
    }
}

/// Holds back pulses that come between those of the grid, until it is clear whether they are meant.
#[derive(Clone, Copy, Debug, Default)]
struct Doubles {
    /// Those that are held back.
    held: i64,
    /// Of these, how many came so soon after another one that they were sent twice.
    twice: i64,
    /// How many have come since the last pulse of the grid.
    came: i64,
    /// The periods in a row that had one.
    periods: u32,
    /// For how many periods they do not count.
    left: u32,
}

impl Doubles {
    /// A pulse came between those of the grid, and `soon` after another one, as if it was sent twice. How many pulses count
    /// now.
    fn between(&mut self, soon: bool) -> i64 {
        self.came += 1;
        if self.came > MOST_DOUBLES {
            (self.periods, self.left) = (0, 0);
            return self.take() + 1;
        }
        if self.left == 0 {
            self.held += 1;
            self.twice += i64::from(soon);
        }
        0
    }

    /// The line was founded anew, and those that were held back are of it. How many count now.
    fn founded(&mut self) -> i64 {
        (self.came, self.periods) = (0, 0);
        self.take()
    }

    /// All that were held back.
    fn take(&mut self) -> i64 {
        self.twice = 0;
        std::mem::take(&mut self.held)
    }

    /// A pulse of the grid came. How many that were held back count now.
    fn on_grid(&mut self) -> i64 {
        match std::mem::take(&mut self.came) {
            0 => {
                self.periods = 0;
                self.left = self.left.saturating_sub(1);
                let twice = self.twice;
                return self.take() - twice;
            }
            1..=MOST_DOUBLES => self.periods = self.periods.saturating_add(1),
            _ => self.periods = 0,
        }
        if self.periods >= DOUBLED_PERIODS {
            self.left = DOUBLED_UNTIL;
            self.take();
        }
        0
    }
}

/// A clock that is followed: what counts and what estimates, and the timeline that comes of both.
///
/// Its ticks count from the first pulse that was ever heard, whether or not the music plays.
#[derive(Clone, Copy, Debug)]
pub struct Follower {
    counter: PulseCounter,
    estimator: Estimator,
    doubles: Doubles,
    gaps: Gaps,
    timeline: Option<Timeline>,
    innovation: Span,
    /// When the last pulse came.
    came_at: Nanos,
    /// How many pulses of the grid have come since the last silence.
    unbroken: i64,
    tempo: Tempo,
}

impl Follower {
    /// A follower that has heard nothing and expects `tempo`.
    #[must_use]
    pub fn new(tempo: Tempo) -> Follower {
        Follower {
            counter: PulseCounter::default(),
            estimator: Estimator::new(tempo),
            doubles: Doubles::default(),
            gaps: Gaps::default(),
            timeline: None,
            innovation: Span::ZERO,
            came_at: Nanos(0),
            unbroken: 0,
            tempo,
        }
    }

    /// A pulse came at `at`. How many pulses count now, for those who count them as they come: 1 as a rule; 0 if it is held
    /// back; more if others were, or if some are known to have been lost.
    pub fn pulse(&mut self, at: Nanos) -> i64 {
        if self.is_lost(at) {
            self.unbroken = 0;
        }
        // Of two clocks on one cable, the estimator is shown one.
        if self.is_too_many(at) {
            self.doubles.came += 1;
            return 0;
        }
        let before = (self.estimator.period(), self.estimator.quality());
        let interval = at.since(std::mem::replace(&mut self.came_at, at));
        let heard = self.estimator.pulse(at);
        let mut more = 0;
        // The very first pulse is number 0, and was not expected.
        if self.timeline.is_some() {
            let soon = interval.0 * TWICE_WITHIN < before.0.0;
            if heard.steps <= 0 && !heard.founded {
                if !self.counter.expects_queue() {
                    match self.between(soon) {
                        0 => return 0,
                        counted => more = counted - 1,
                    }
                }
                self.counter.count(0);
            } else {
                more = if heard.founded { self.doubles.founded() } else { self.doubles.on_grid() };
                if soon && heard.steps == 1 && self.counter.expects_queue() {
                    self.counter.count_queued();
                } else {
                    self.counter.count(heard.steps);
                }
                let amends = self.gaps.pulse(heard, interval, before, &self.estimator);
                self.counter.renumber(more + amends.number);
                more += amends.lost;
            }
            self.innovation = heard.innovation;
        }
        self.unbroken += i64::from(heard.steps > 0);
        self.anchor(at);
        1 + more
    }

    /// A pulse came between those of the grid, and `soon` after another one. How many pulses count now.
    fn between(&mut self, soon: bool) -> i64 {
        if let Some(was_counted) = self.gaps.fills() {
            self.counter.renumber(-i64::from(was_counted));
            return 1;
        }
        let counted = self.doubles.between(soon);
        self.counter.renumber((counted - 1).max(0));
        counted
    }

    /// A pulse came at `at` that begins something: the first after START or CONTINUE. A master may begin its pulses anew
    /// there, off the grid of those before. How many pulses count: 1, but for the second one of each that is doubled.
    pub fn first_pulse(&mut self, at: Nanos) -> i64 {
        if self.is_too_many(at) {
            return 0;
        }
        // What was held back, or is missing, belongs to what went before.
        self.doubles.take();
        self.gaps.forget();
        if !self.is_on_grid(at) {
            self.estimator.restart(at);
            self.came_at = at;
            self.unbroken = 0;
        } else if self.pulse(at) > 0 {
            self.gaps.begin();
            return 1;
        }
        // One that is held back as a rule: here it counts.
        self.doubles = Doubles::default();
        self.counter.count(1);
        self.anchor(at);
        1
    }

    /// Returns whether a pulse at `at` is the second one of a pair, where all of them are doubled. A crowd of pulses is none.
    fn is_too_many(&self, at: Nanos) -> bool {
        let alone = !self.counter.expects_queue() && self.doubles.came < MOST_DOUBLES;
        self.is_doubled() && alone && self.estimator.is_between(at)
    }

    /// Returns whether a pulse at `at` is one of the grid, as closely as the noise allows, and pulses have come until now.
    fn is_on_grid(&self, at: Nanos) -> bool {
        self.timeline.is_none() || (!self.is_lost(at) && self.estimator.is_on_grid(at))
    }

    fn anchor(&mut self, at: Nanos) {
        let tick = Tick::of_pulse(self.counter.pulse());
        let (time, tempo) = match self.estimator.grid() {
            Some(grid) => (grid.at, Tempo::from_pulse_q32(grid.pulse_q32)),
            None => (at, self.tempo),
        };
        self.timeline = Some(Timeline::new(tick, time, tempo));
    }

    /// The mapping in force; `None` before the first pulse.
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.timeline
    }

    /// The position of the pulse that came last.
    #[must_use]
    pub fn last_pulse(&self) -> Tick {
        Tick::of_pulse(self.counter.pulse())
    }

    /// The pulse that came last has a number higher by `pulses`, or lower. The grid stays as it is, and what is missing before
    /// it does not matter any more.
    pub fn renumber(&mut self, pulses: i64) {
        self.gaps.forget();
        self.counter.renumber(pulses);
        let by = TickSpan::PULSE * pulses;
        self.timeline = self.timeline.map(|timeline| timeline.shifted(by));
    }

    /// Returns whether so many pulses have failed to come at `now` that the master must be gone. True before the first pulse.
    #[must_use]
    pub fn is_lost(&self, now: Nanos) -> bool {
        self.lost_at().is_none_or(|lost| now >= lost)
    }

    /// Returns when so many pulses will have failed to come that the master must be gone; `None` before the first pulse.
    #[must_use]
    pub fn lost_at(&self) -> Option<Nanos> {
        self.timeline.map(|timeline| timeline.time_of(self.last_pulse() + LOST_AFTER))
    }

    /// Returns when the next pulse is expected; `None` until two have told an interval.
    #[must_use]
    pub fn expected_pulse(&self) -> Option<Nanos> {
        let timeline = self.timeline.filter(|_| self.estimator.grid().is_some())?;
        Some(timeline.time_of(self.last_pulse() + TickSpan::PULSE))
    }

    /// Returns whether `pulses` have come without a silence, and the grid is well known.
    #[must_use]
    pub fn is_steady(&self, pulses: i64) -> bool {
        self.unbroken >= pulses && self.estimator.quality() == Quality::Locked
    }

    /// Returns whether each pulse came twice lately.
    #[must_use]
    pub fn is_doubled(&self) -> bool {
        self.doubles.left > 0
    }

    /// The tempo, once two pulses have been heard.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        self.estimator.grid().map(|grid| Tempo::from_pulse_q32(grid.pulse_q32))
    }

    /// Returns how much later the last pulse came than predicted.
    #[must_use]
    pub fn innovation(&self) -> Span {
        self.innovation
    }

    /// Returns how far off the estimated time of the last pulse may be: one standard deviation.
    #[must_use]
    pub fn phase_error(&self) -> Option<Span> {
        self.estimator.grid().map(|grid| grid.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(steps: &[i64]) -> i64 {
        let mut counter = PulseCounter::default();
        steps.iter().for_each(|&steps| counter.count(steps));
        counter.pulse()
    }

    #[test]
    fn every_pulse_counts_as_one() {
        assert_eq!(count(&[1, 1, 1]), 3);
        assert_eq!(count(&[1, 2, 1]), 3, "a pulse that is missing is not made up");
        assert_eq!(count(&[1, 0, 1]), 3, "one that is doubled counts");
        assert_eq!(count(&[1, 3, 0, 0, 1]), 5, "a short stall, and its queue");
    }

    #[test]
    fn a_burst_after_a_stall_counts_as_what_it_brings() {
        let burst = |gap: i64, pulses: usize| {
            let mut steps = vec![1, gap];
            steps.resize(1 + pulses, 0);
            steps.push(1);
            count(&steps)
        };
        assert_eq!(burst(48, 48), 1 + 48 + 1);
        assert_eq!(burst(10, 48), 1 + 48 + 1, "more than were missing");
        assert_eq!(burst(100, 48), 1 + 48 + 1, "fewer than were missing");
    }

    #[test]
    fn a_master_that_went_on_while_the_cable_was_out_is_met_where_it_is() {
        assert_eq!(count(&[1, 1, 150, 1, 1]), 154);
        assert_eq!(count(&[1, 1, 150, 0, 1, 1]), 154, "one that is doubled on the way back is no burst");
    }
}
