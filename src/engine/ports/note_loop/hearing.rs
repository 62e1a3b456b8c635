//! What makes an input suspicious: that what comes in there, comes as what was sent, by one way.
//!
//! A few ways are considered at once. What fits none of them brings another one into play, in place of the least likely: mostly
//! that of what left last, now and then the one by which the key would be the same, or any other, for in a chord each note may be
//! the one that comes back.

use super::trail::{Trail, Way, is_same};
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// What a message by a way counts for it, when one by none counts 1 against it, and how much makes it suspicious: nine messages,
/// or some more where others come between them.
const FOR: u8 = 3;
const SUSPICIOUS: u8 = 9 * FOR;

/// How many ways are considered for an input.
const DOUBTS: usize = 3;

/// A way by which messages may come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    pub way: Way,
    pub lag: Span,
    /// What was sent last by it: where probes for it go.
    pub like: Message,
    score: u8,
}

/// An input that something listens to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hearing {
    doubts: [Option<Doubt>; DOUBTS],
    /// Until when it is not tested again.
    pub rests_until: Nanos,
    /// Which of several sources is considered next.
    turn: usize,
}

impl Hearing {
    pub(crate) const NEW: Hearing = Hearing { doubts: [None; DOUBTS], rests_until: Nanos(0), turn: 0 };

    /// One that has been found innocent, and is not tested again before `until`.
    pub(crate) const fn resting(until: Nanos) -> Hearing {
        Hearing { rests_until: until, ..Hearing::NEW }
    }

    /// `heard` came at `at`. A way that has become suspicious by it.
    pub(crate) fn learn(&mut self, trail: &Trail, at: Nanos, heard: Message) -> Option<Doubt> {
        let mut is_known = [false; DOUBTS];
        let (mut sources, mut same_key) = (0, None);
        for (sent, way, lag) in trail.sources(at, heard) {
            sources += 1;
            if same_key.is_none() && way.by.is_none_or(|by| by == 0) {
                same_key = Some((sent, way, lag));
            }
            for (doubt, is_known) in self.doubts.iter_mut().zip(&mut is_known) {
                if let Some(doubt) = doubt.as_mut().filter(|doubt| doubt.way == way && is_same(doubt.lag, lag)) {
                    if !*is_known {
                        doubt.lag = Span((3 * doubt.lag.0 + lag.0) / 4);
                        (doubt.like, doubt.score) = (sent.message, (doubt.score + FOR).min(SUSPICIOUS));
                    }
                    *is_known = true;
                }
            }
        }
        let mut weakest = 0;
        for (index, is_known) in is_known.into_iter().enumerate() {
            if !is_known && let Some(doubt) = &mut self.doubts[index] {
                doubt.score -= 1;
                if doubt.score == 0 {
                    self.doubts[index] = None;
                }
            }
            let score = |index: usize| self.doubts[index].map_or(0, |doubt| doubt.score);
            if score(index) < score(weakest) {
                weakest = index;
            }
        }
        if sources > 0 && (is_known == [false; DOUBTS] || self.doubts[weakest].is_none()) {
            self.turn = self.turn.wrapping_add(1);
            let any = if self.turn % 4 == 3 { self.turn / 4 % sources } else { 0 };
            let same_key = same_key.filter(|_| self.turn.is_multiple_of(4));
            let considered = same_key.or_else(|| trail.sources(at, heard).nth(any));
            let is_new = |way: Way| self.doubts.iter().flatten().all(|doubt| doubt.way != way);
            if let Some((sent, way, lag)) = considered.filter(|(_, way, _)| is_new(*way)) {
                self.doubts[weakest] = Some(Doubt { way, lag, like: sent.message, score: FOR });
            }
        }
        // What goes round comes by the way that it went, twice, three times too; the shortest is the way.
        let suspicious = self.doubts.iter().flatten().filter(|doubt| doubt.score == SUSPICIOUS);
        suspicious.min_by_key(|doubt| doubt.lag).copied()
    }
}
