//! Pulses that did not come: whether they were lost on the way, or never sent.
//!
//! A pulse that is lost would leave the music late for the rest of the show; one that is made up for and was never sent, as
//! early. Both look the same at first: a gap of some periods. So a short gap, of up to [`MOST_LOST`] pulses, is judged by
//! what lies around it.
//!
//! - Where the clock was steady before, and the pulse after the gap falls on the old grid as closely as the noise allows, the
//!   pulses between are taken as sent at once, so that the music need not jump. The next pulse has to confirm it. A
//!   second gap before that takes it back for the time being: each gap of two periods is half the tempo.
//! - Otherwise they are taken as sent when two pulses in a row have shown that the old grid holds.
//! - Where the line broke meanwhile, each gap is judged by the tempo before it and the one after it. Two periods and more that
//!   add up to it, of the one or of the other, are a loss. A single interval that is no longer than a period of either is none,
//!   and what is no whole number of periods is none either: a master that paused goes on where it was.
//!
//! Pulses that come out of a queue fill the gap: they were late, and not lost.
//!
//! A master that pauses for just a whole number of its periods, and goes on without what it did not send, cannot be told from
//! a loss.

use super::estimator::{Estimator, Heard, Quality};
use crate::time::Span;

/// So many pulses in a row may be lost, and be told from a pause. More of them are for the [`PulseCounter`](super::PulseCounter).
pub(super) const MOST_LOST: i64 = 3;

/// So many pulses on the grid make a clock steady.
const STEADY: u32 = 4;

/// So many on the grid, after a gap, say that the old grid holds, or that a new one does.
const CONFIRMED: u32 = 2;

/// A gap that nobody could judge for so many pulses is left as it was counted.
const UNJUDGED: u32 = 48;

/// Of so many gaps that are not yet judged the intervals are kept.
const OPEN_GAPS: usize = 4;

/// What a pulse changes, beside being one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amends {
    /// By how much the number of the pulse is higher; lower if it is negative.
    pub number: i64,
    /// How many pulses are known, now, to have been lost.
    pub lost: i64,
}

/// One gap or several, from before the first of them on.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The period before, in ns.
    period: i64,
    /// The intervals that were too long for one pulse, in ns.
    gaps: [i64; OPEN_GAPS],
    count: usize,
    /// Periods of the grid, and pulses, since.
    steps: i64,
    came: i64,
    /// Pulses that came between those of the grid.
    queued: i64,
    /// Pulses that were taken as sent, and have not come since.
    lent: i64,
    /// Whether the line broke.
    is_broken: bool,
    /// Whether the music began with the pulse that came last: what was missing before it does not matter.
    begins: bool,
    age: u32,
}

/// The gaps of a clock. Real-time safe throughout.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gaps {
    /// How many pulses in a row have come on the grid.
    on_grid: u32,
    doubt: Option<Doubt>,
}

impl Gaps {
    /// What came before is settled: from now on the pulses count anew.
    pub(crate) fn forget(&mut self) {
        self.doubt = None;
    }

    /// The music begins with the pulse that came last, unless more of a queue comes.
    pub(crate) fn begin(&mut self) {
        if let Some(doubt) = &mut self.doubt {
            (doubt.begins, doubt.lent) = (true, 0);
        }
    }

    /// Returns whether a pulse between those of the grid comes out of a queue: it was missing. Whether it was taken as sent already.
    pub(crate) fn fills(&mut self) -> Option<bool> {
        let doubt = self.doubt.as_mut().filter(|doubt| doubt.steps > doubt.came)?;
        doubt.came += 1;
        doubt.queued += 1;
        let was_lent = doubt.lent > 0;
        doubt.lent -= i64::from(was_lent);
        Some(was_lent)
    }

    /// A pulse of the grid came, `interval` after the one before, of which the estimator has said what was `heard`. Before it
    /// the period was `period`, and the clock was `known` so well.
    pub(crate) fn pulse(
        &mut self,
        heard: Heard,
        interval: Span,
        (period, known): (Span, Quality),
        estimator: &Estimator,
    ) -> Amends {
        let was_steady = self.on_grid >= STEADY && known == Quality::Locked;
        let is_on_grid = heard.steps == 1 && heard.expected && !heard.stepped;
        self.on_grid = if is_on_grid { self.on_grid.saturating_add(1) } else { 0 };
        if heard.steps > MOST_LOST + 1 {
            self.doubt = None;
            return Amends::default();
        }
        self.doubt = self.doubt.filter(|doubt| !doubt.begins);
        let is_gap = heard.steps > 1 && !heard.founded;
        let Some(doubt) = &mut self.doubt else {
            if !is_gap {
                return Amends::default();
            }
            let lent = if was_steady && heard.expected && !heard.stepped { heard.steps - 1 } else { 0 };
            let mut gaps = [0; OPEN_GAPS];
            gaps[0] = interval.0;
            let (steps, is_broken) = (heard.steps, heard.stepped);
            self.doubt = Some(Doubt {
                period: period.0,
                gaps,
                count: 1,
                steps,
                came: 1,
                queued: 0,
                lent,
                is_broken,
                begins: false,
                age: 0,
            });
            return Amends { number: lent, lost: 0 };
        };
        doubt.steps += heard.steps;
        doubt.came += 1;
        doubt.age += 1;
        doubt.is_broken |= heard.stepped;
        let mut amends = Amends::default();
        if is_gap {
            amends.number -= std::mem::take(&mut doubt.lent);
            if doubt.count == OPEN_GAPS {
                self.doubt = None;
                return amends;
            }
            doubt.gaps[doubt.count] = interval.0;
            doubt.count += 1;
        }
        let confirmed = if doubt.lent > 0 && !doubt.is_broken { 1 } else { CONFIRMED };
        let is_known = self.on_grid >= confirmed && estimator.quality() == Quality::Locked;
        if heard.founded || is_known {
            amends.lost = doubt.lost(estimator);
            amends.number += amends.lost - doubt.lent;
            self.doubt = None;
        } else if doubt.age >= UNJUDGED {
            amends.lost = doubt.lent;
            self.doubt = None;
        }
        amends
    }
}

impl Doubt {
    /// Returns how many pulses were lost, now that the grid is known again.
    fn lost(&self, estimator: &Estimator) -> i64 {
        if !self.is_broken {
            return (self.steps - self.came).max(0);
        }
        let gaps = &self.gaps[..self.count];
        let missing: i64 = gaps.iter().map(|&gap| lost_in(gap, self.period, estimator)).sum();
        (missing - self.queued).max(0)
    }
}

/// Returns how many pulses were lost in a gap of `interval`, before which the period was `before`.
fn lost_in(interval: i64, before: i64, estimator: &Estimator) -> i64 {
    let now = estimator.period().0;
    let off = estimator.tolerance(1).0;
    if interval <= before.max(now) + off {
        return 0;
    }
    let off = |periods: i64| estimator.tolerance(periods).0;
    let is_made_of =
        |periods: i64| (0..=periods).any(|old| (interval - old * before - (periods - old) * now).abs() <= off(periods));
    (2..=MOST_LOST + 1).find(|&periods| is_made_of(periods)).map_or(0, |periods| periods - 1)
}
