//! How a master's pulses miss their grid: what each kind of sender does to the times at which it means to send.
//!
//! The grid itself stays what it was. A follower is judged by it and not by the pulses it got.

/// The shape of the misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// Up to so much early or late, each as likely as the other
    Uniform,
    /// Late and never early, exponentially, by so much in the mean: a busy sender
    Late,
    /// Rounded up to the next frame of so much: a USB cable at full speed
    Frames,
}

/// Misses of one shape and size; the same seed gives the same ones.
#[derive(Clone, Copy, Debug)]
pub struct Jitter {
    pub shape: Shape,
    pub size_ns: u64,
    pub seed: u64,
}

impl Jitter {
    /// The times at which pulses are sent that belong at `grid`. Never before 0, and none before the one ahead of it.
    pub fn apply(&self, grid: &[u64]) -> Vec<u64> {
        let mut random = Random(self.seed);
        let size = self.size_ns as f64;
        let phase = random.share() * size;
        let mut last = 0;
        grid.iter()
            .map(|&at_ns| {
                let at = at_ns as f64;
                let sent = match self.shape {
                    Shape::Uniform => at + (2.0 * random.share() - 1.0) * size,
                    Shape::Late => at - (1.0 - random.share()).ln() * size,
                    Shape::Frames if self.size_ns == 0 => at,
                    // Where the frames lie against the grid is chance.
                    Shape::Frames => ((at - phase) / size).ceil() * size + phase,
                };
                last = (sent.round().max(0.0) as u64).max(last);
                last
            })
            .collect()
    }

    /// Whether the middle of the misses is on the grid. Where it is not, no follower can know how far it is off.
    pub fn centred(&self) -> bool {
        self.shape == Shape::Uniform || self.size_ns == 0
    }
}

impl std::fmt::Display for Jitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = self.size_ns / 1000;
        match self.shape {
            Shape::Uniform => write!(f, "±{us} us"),
            Shape::Late => write!(f, "late by {us} us"),
            Shape::Frames => write!(f, "frames of {us} us"),
        }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to 1.
    pub fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// From 0 up to `end`, which is not 0, without it.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// By how much each of 10,000 pulses is missed.
    fn misses(shape: Shape, bpm: f64, seed: u64) -> Vec<i64> {
        let grid: Vec<u64> = (1..=10_000).map(|pulse| (f64::from(pulse) * 2.5e9 / bpm).round() as u64).collect();
        let sent = Jitter { shape, size_ns: MS, seed }.apply(&grid);
        assert!(sent.is_sorted());
        sent.iter().zip(&grid).map(|(sent, at)| *sent as i64 - *at as i64).collect()
    }

    fn mean(misses: &[i64]) -> i64 {
        misses.iter().sum::<i64>() / misses.len() as i64
    }

    #[test]
    fn uniform_fills_its_range_about_the_grid() {
        let misses = misses(Shape::Uniform, 125.0, 2);
        let (min, max) = (*misses.iter().min().unwrap(), *misses.iter().max().unwrap());
        assert!((-1_000_000..-990_000).contains(&min) && (990_000..=1_000_000).contains(&max), "{min} to {max}");
        assert!(mean(&misses).abs() < 20_000, "{}", mean(&misses));
    }

    #[test]
    fn late_is_never_early() {
        let misses = misses(Shape::Late, 125.0, 1);
        assert!(*misses.iter().min().unwrap() >= 0);
        assert!((950_000..1_050_000).contains(&mean(&misses)), "{}", mean(&misses));
        let over = misses.iter().filter(|&&miss| miss > 3_000_000).count();
        assert!((400..600).contains(&over), "e^-3 of them, not {over}");
    }

    #[test]
    fn frames_are_whole_milliseconds_apart() {
        let grid: Vec<u64> = (1..=1000).map(|pulse| (f64::from(pulse) * 2.5e9 / 97.3).round() as u64).collect();
        let sent = Jitter { shape: Shape::Frames, size_ns: MS, seed: 3 }.apply(&grid);
        assert!(sent.windows(2).all(|pair| (pair[1] - pair[0] + 1) % MS <= 2));
        let misses = misses(Shape::Frames, 97.3, 3);
        assert!(misses.iter().all(|miss| (-1..=1_000_000).contains(miss)));
        assert!((450_000..550_000).contains(&mean(&misses)), "{}", mean(&misses));
        // Where a pulse is a whole number of frames, all are off by the same.
        let same = self::misses(Shape::Frames, 125.0, 3);
        assert!(same.iter().all(|miss| (miss - same[0]).abs() <= 1));
    }

    #[test]
    fn a_seed_is_a_performance() {
        assert_eq!(misses(Shape::Uniform, 125.0, 7), misses(Shape::Uniform, 125.0, 7));
        assert_ne!(misses(Shape::Uniform, 125.0, 7), misses(Shape::Uniform, 125.0, 8));
    }

    #[test]
    fn no_size_is_no_jitter() {
        for shape in [Shape::Uniform, Shape::Late, Shape::Frames] {
            assert_eq!(Jitter { shape, size_ns: 0, seed: 1 }.apply(&[5, 10]), [5, 10]);
        }
    }
}
