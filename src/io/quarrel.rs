//! Connections that other programs take away: how often they are made again.
//!
//! Somebody tidies up with `aconnect -x`, or a session manager puts everything back as it knows it. Once is an accident, and the
//! connection is made again. But two programs that both know better would go on without end, and an instrument would hear half
//! of everything. So whoever takes a connection away again and again has the last word, until the performer says otherwise.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How many times a connection is made again within [`WHILE`].
pub const MOST: usize = 3;

/// For how long it is remembered that a connection was taken away.
pub const WHILE: Duration = Duration::from_secs(60);

/// How long it is waited before a connection is made again: whoever tidies up goes through all that there is, and would find
/// it once more. Less than a bar.
pub const PAUSE: Duration = Duration::from_millis(250);

/// What to do about a connection that was taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Make it again, from this time on.
    Again(Instant),
    /// Leave it.
    Leave,
}

/// How often the connections of one port were taken away.
#[derive(Clone, Debug, Default)]
pub struct Quarrel {
    cuts: VecDeque<Instant>,
}

impl Quarrel {
    /// A connection was taken away at `now`.
    pub fn was_cut(&mut self, now: Instant) -> Answer {
        while self.cuts.front().is_some_and(|&cut| now.saturating_duration_since(cut) >= WHILE) {
            self.cuts.pop_front();
        }
        if self.cuts.len() >= MOST {
            return Answer::Leave;
        }
        self.cuts.push_back(now);
        Answer::Again(now + PAUSE)
    }

    /// The performer wants it, or the other program does by now.
    pub fn settle(&mut self) {
        self.cuts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_made_again_three_times_a_minute() {
        let (begun, mut quarrel) = (Instant::now(), Quarrel::default());
        let mut cut = |seconds: u64| quarrel.was_cut(begun + Duration::from_secs(seconds));
        for seconds in [0, 1, 59] {
            assert_eq!(cut(seconds), Answer::Again(begun + Duration::from_secs(seconds) + PAUSE));
        }
        assert_eq!([cut(59), cut(59)], [Answer::Leave; 2]);
        assert!(matches!(cut(60), Answer::Again(_)), "the first one is forgotten");
        assert_eq!(cut(60), Answer::Leave);
        quarrel.settle();
        assert!(matches!(quarrel.was_cut(begun + Duration::from_secs(60)), Answer::Again(_)));
    }
}
