//! Whether a track swings: off-beats that come late, always by the same.

use crate::offline::score::Note;
use crate::time::TickSpan;

/// Fewer notes off the beat say nothing about how a track is played.
const FEWEST: usize = 4;

/// The steps that swing in `notes`, sixteenths or eighths, and the per cent of two of them that the first takes, where that is
/// right to `tolerance` ticks.
#[must_use]
pub fn swing(notes: &[Note], tolerance: i64) -> Option<(TickSpan, u32)> {
    [TickSpan(480), TickSpan(240)].into_iter().find_map(|step| {
        let pair = 2 * step.0;
        // Of those that are not on the half of the step, which are another rhythm, the most have to be where it says.
        let late: Vec<i64> =
            notes.iter().map(|note| note.at % pair).filter(|at| *at > step.0 && 2 * at < 3 * pair - 1).collect();
        let at = super::most_common(late.iter().copied())?;
        let there = late.iter().filter(|other| (**other - at).abs() <= tolerance).count();
        let straight = notes.iter().filter(|note| note.at % pair == step.0).count();
        let off = |percent: &u32| (TickSpan(pair).percent(*percent).0 - at).abs();
        let percent = (51..=75).min_by_key(off).filter(|percent| off(percent) <= tolerance)?;
        (there >= FEWEST && there > straight && 2 * there > late.len()).then_some((step, percent))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::{Key, Velocity};

    fn notes(positions: &[i64]) -> Vec<Note> {
        let note = |&at: &i64| Note { at, key: Key::from_data(60), length: 60, velocity: Velocity::MAX };
        positions.iter().map(note).collect()
    }

    #[test]
    fn off_beats_that_are_always_as_late_are_a_swing() {
        let swung = |step: i64, late: i64| -> Vec<Note> {
            notes(&(0..16).map(|number| number * step + number % 2 * late).collect::<Vec<_>>())
        };
        // 480 * 0.58 is 278.4.
        assert_eq!(swing(&swung(240, 38), 0), Some((TickSpan(240), 58)));
        assert_eq!(swing(&swung(480, 96), 0), Some((TickSpan(480), 60)));
        assert_eq!(swing(&swung(240, 0), 0), None);
        assert_eq!(swing(&swung(240, 39), 0), None, "no whole per cent");
        assert_eq!(swing(&swung(240, 39), 2), Some((TickSpan(240), 58)));
        assert_eq!(swing(&notes(&[0, 278, 480, 758]), 0), None, "too few");
    }
}
