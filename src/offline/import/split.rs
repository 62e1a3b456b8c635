//! Where patterns begin: at markers, and at every so many bars, wherever nothing sounds over the bar line.
//!
//! What begins takes over the channels of what was before, so a note that lasts over a border would be cut there, and a pedal
//! that is down lifted. There is no border then, and the pattern is longer.

use super::Split;
use crate::offline::score::{Score, Value};

/// How far after the wished border another one is looked for, in bars for each bar of the wished length, before any bar line
/// will do.
const PATIENCE: i64 = 2;

/// Returns where the patterns of a score of `bars` bars of length `bar` begin, and how many bars each has, one after the other.
#[must_use]
pub(crate) fn patterns(score: &Score, bars: i64, bar: i64, split: Split) -> Vec<(i64, i64)> {
    let Split::Bars(wished) = split else { return vec![(0, bars)] };
    let free = free(score, bars, bar);
    let is_free = |at: &i64| free.get(usize::try_from(*at).unwrap_or(usize::MAX)).copied().unwrap_or(false);
    let marked: Vec<i64> = score.markers.iter().filter(|(at, _)| at % bar == 0).map(|(at, _)| at / bar).collect();
    let sections = marked.into_iter().filter(|at| *at > 0 && *at < bars).filter(is_free);
    let mut sections: Vec<i64> = std::iter::once(0).chain(sections).chain([bars]).collect();
    sections.sort_unstable();
    sections.dedup();
    let mut starts = Vec::new();
    for section in sections.windows(2) {
        let (first, end) = (section[0], section[1]);
        let mut at = first;
        while at < end {
            starts.push(at);
            // Counted from where the section begins, so that what comes again is cut alike.
            let wish = first + ((at - first) / wished + 1) * wished;
            let on_grid = (0..PATIENCE).map(|late| wish + late * wished).find(is_free);
            at = on_grid.or_else(|| (wish + 1..end).find(is_free)).unwrap_or(end).min(end);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([bars]);
    starts.iter().zip(ends).map(|(&start, end)| (start * bar, end - start)).collect()
}

/// At which bar lines nothing sounds over, no pedal is down, and so a pattern may begin.
fn free(score: &Score, bars: i64, bar: i64) -> Vec<bool> {
    let mut free = vec![true; usize::try_from(bars).unwrap_or(0) + 1];
    let mut hold = |from: i64, to: i64| {
        // Bar lines between the two, without them.
        for line in from.div_euclid(bar) + 1..=(to - 1).div_euclid(bar).min(bars) {
            if let Some(is_free) = usize::try_from(line).ok().and_then(|line| free.get_mut(line)) {
                *is_free = false;
            }
        }
    };
    for part in &score.parts {
        for note in &part.notes {
            hold(note.at, note.at.saturating_add(note.length));
        }
        for pedal in [64, 66, 69] {
            let mut down: Option<i64> = None;
            for &(at, value) in &part.values {
                let Value::Controller(number, value) = value else { continue };
                match (number == pedal, value >= 64, down) {
                    (true, true, None) => down = Some(at),
                    (true, false, Some(from)) => {
                        hold(from, at);
                        down = None;
                    }
                    _ => {}
                }
            }
            if let Some(from) = down {
                hold(from, bars * bar);
            }
        }
    }
    free
}
