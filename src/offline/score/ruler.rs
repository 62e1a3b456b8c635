//! The time of a file in ticks of the engine.

use super::Unreadable;
use crate::time::TICKS_PER_QUARTER;

/// How positions of the file become ticks: times the one number, by the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruler {
    times: i64,
    by: i64,
    /// Whether the file counts seconds, and no tempo in it matters.
    pub in_seconds: bool,
}

impl Default for Ruler {
    fn default() -> Ruler {
        Ruler { times: 1, by: 1, in_seconds: false }
    }
}

impl Ruler {
    /// As the header says: ticks of a quarter note, or frames in a second and ticks in a frame.
    ///
    /// # Errors
    ///
    /// When there is no such time.
    pub(crate) fn of(division: u16) -> Result<Ruler, Unreadable> {
        // Ticks in a second where nobody says a tempo.
        const TICKS_PER_SECOND: i64 = 2 * TICKS_PER_QUARTER;
        let [high, low] = division.to_be_bytes();
        let frames = match high as i8 {
            0.. => None,
            -24 => Some((24_000, 1_000)),
            -25 => Some((25_000, 1_000)),
            -29 => Some((30_000, 1_001)),
            -30 => Some((30_000, 1_000)),
            other => {
                return Err(Unreadable::NotMidi(format!("{} frames a second do not exist", i16::from(other).abs())));
            }
        };
        let ruler = match frames {
            None => Ruler { times: TICKS_PER_QUARTER, by: division.into(), in_seconds: false },
            Some((frames, seconds)) => {
                Ruler { times: TICKS_PER_SECOND * seconds, by: frames * i64::from(low), in_seconds: true }
            }
        };
        match ruler.by {
            0 => Err(Unreadable::NotMidi("its quarter notes have no length".into())),
            _ => Ok(ruler),
        }
    }

    /// A position of the file in ticks of the engine.
    #[must_use]
    pub(crate) fn tick(self, at: i64) -> i64 {
        at.saturating_mul(self.times).saturating_add(self.by / 2) / self.by
    }
}
