//! The engine's source of chance: small, seeded, the same on every machine.

/// SplitMix64 (Steele, Lea and Flood 2014): a counter and a mixing function, good enough for music and free of any state
/// that could be set up badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator of stream `stream` under `seed`; streams do not resemble each other.
    #[must_use]
    pub const fn new(seed: u64, stream: u64) -> Random {
        let mut random = Random { state: seed };
        let mixed = random.next();
        Random { state: mixed ^ stream.wrapping_mul(0xD134_2543_DE82_EF95) }
    }

    /// The next 64 random bits.
    pub const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound` − 1, or 0 when `bound` is 0. The bias is below `bound` / 2⁶⁴.
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.next() as u128 * bound as u128) >> 64) as usize
    }
}

/// Returns what die number `die` shows on pass `pass` under `seed`: 64 random bits. The same question has the same answer, and no
/// two questions have anything to do with each other.
#[must_use]
pub const fn draw(seed: u64, pass: i64, die: u32) -> u64 {
    let mut of_pass = Random::new(seed, pass as u64);
    Random::new(of_pass.next(), die as u64).next()
}

/// `bits` as a number from 0 to `bound` − 1, or 0 when `bound` is 0.
#[must_use]
pub const fn scaled(bits: u64, bound: u64) -> u64 {
    ((bits as u128 * bound as u128) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_its_share() {
        let mut random = Random::new(7, 0);
        let mut counts = [0u32; 4];
        for _ in 0..40_000 {
            counts[random.below(4)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_500..10_500).contains(&count)), "{counts:?}");
    }

    #[test]
    fn streams_differ_and_repeat() {
        assert_eq!(Random::new(7, 1).next(), Random::new(7, 1).next());
        assert_ne!(Random::new(7, 1).next(), Random::new(7, 2).next());
        assert_ne!(Random::new(7, 1).next(), Random::new(8, 1).next());
    }
}
