//! Whether a controller is still there: active sensing.
//!
//! Of a DIN cable that is pulled the system learns nothing: the interface stays where it is. So many keyboards send an Active
//! Sensing message (FE) at least every 300 ms while nothing else leaves them. Whoever has sent one says by it that silence means
//! a pulled cable (MIDI 1.0 Detailed Specification, "Active Sensing"); of the others silence means nothing. The standard
//! wants the receiver to end all notes then; here what hands hold at that controller is let go of, and what the sequencer
//! plays goes on.
//!
//! A look after a pause of its own judges nobody: a process that has stood still has heard nothing either.

use crate::time::{Nanos, Span};

/// How long the silence is after which a cable is taken for pulled: the 300 ms of the standard, and what a busy machine or
/// interface may hold a message back.
pub const SILENT_AFTER: Span = Span::from_millis(400);

/// Looks that are further apart than this say nothing.
const FURTHEST_APART: Span = Span::from_millis(250);

/// What has become of a controller that senses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing comes from it any more.
    Silent,
    /// It is heard again.
    Again,
}

/// What is known of one input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sensing {
    is_silent: bool,
    looked: Option<Nanos>,
}

impl Sensing {
    /// A look at `now` at an input on which something came at `heard` last; `None` where it does not send active sensing.
    pub fn look(&mut self, heard: Option<Nanos>, now: Nanos) -> Option<Change> {
        let before = self.looked.replace(now);
        let Some(heard) = heard else {
            self.is_silent = false;
            return None;
        };
        let is_silent = now.since(heard) > SILENT_AFTER;
        let has_stood_still = before.is_none_or(|before| now.since(before) > FURTHEST_APART);
        if is_silent == self.is_silent || is_silent && has_stood_still {
            return None;
        }
        self.is_silent = is_silent;
        Some(if is_silent { Change::Silent } else { Change::Again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The changes at the looks that are every 100 ms, by their times in milliseconds.
    fn changes(heard: impl Fn(i64) -> Option<i64>, looks: impl IntoIterator<Item = i64>) -> Vec<(i64, Change)> {
        let mut sensing = Sensing::default();
        let at = |ms: i64| Nanos(0) + Span::from_millis(ms);
        looks.into_iter().filter_map(|ms| Some((ms, sensing.look(heard(ms).map(at), at(ms))?))).collect()
    }

    #[test]
    fn whoever_senses_and_falls_silent_is_gone_and_comes_back() {
        // Heard every 270 ms up to 1,350 ms, and again from 3 s on.
        let heard = |ms: i64| Some(if ms < 3_000 { (ms / 270 * 270).min(1_350) } else { ms / 270 * 270 });
        let found = changes(heard, (0..5_000).step_by(100));
        assert_eq!(found, [(1_800, Change::Silent), (3_000, Change::Again)]);
    }

    #[test]
    fn silence_of_others_means_nothing() {
        assert_eq!(changes(|_| None, (0..5_000).step_by(100)), []);
    }

    #[test]
    fn a_process_that_has_stood_still_judges_nobody() {
        // Stopped from 1 to 4 s; what came meanwhile is heard after the first look.
        let heard = |ms: i64| Some(if ms <= 4_000 { ms.min(1_000) } else { ms });
        assert_eq!(changes(heard, (0..=1_000).step_by(100).chain((4_000..5_000).step_by(100))), []);
    }
}
