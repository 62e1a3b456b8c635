//! How far pulses fall from the line that they belong to, as it is learnt from them.

use super::line::CLIP;

/// Below this the noise is not believed, in ns²: (1 us)², the resolution of the devices' time stamps.
const LEAST_NOISE: f64 = 1e3 * 1e3;

/// The noise is a mean over one to two blocks of as many pulses: the variance is then known to a tenth, and an old noise
/// is forgotten within three bars.
pub(super) const NOISE_BLOCK: f64 = 144.0;

/// The variance of the arrivals about the line: a mean over the block that is filling and the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    full: (f64, f64),
    filling: (f64, f64),
}

impl Noise {
    const EMPTY: (f64, f64) = (0.0, 0.0);

    pub(super) fn new(variance: f64, weight: f64) -> Noise {
        Noise { full: (variance * weight, weight), filling: Self::EMPTY }
    }

    pub(super) fn variance(&self) -> f64 {
        ((self.full.0 + self.filling.0) / (self.full.1 + self.filling.1)).max(LEAST_NOISE)
    }

    /// Adds to the squares without adding to their number.
    pub(super) fn add(&mut self, square: f64) {
        self.filling.0 += square;
    }

    /// Takes in one pulse's square.
    pub(super) fn learn(&mut self, square: f64) {
        // Looser than the clip of the filter, so that a growing noise is not held down by its own outliers.
        self.filling.0 += square.min(1.5 * CLIP * CLIP * self.variance());
        self.filling.1 += 1.0;
        if self.filling.1 >= NOISE_BLOCK {
            self.full = self.filling;
            self.filling = Self::EMPTY;
        }
    }
}
