//! Scales: which keys belong together, and how to move along them.

use crate::midi::Key;

/// A scale over a tonic: which of the twelve semitones of an octave belong to it.
///
/// At least the tonic itself is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The tonic as a pitch class, 0 (C) to 11 (B).
    tonic: u8,
    /// Semitones above the tonic, rising, the first 0; the first `len` count.
    steps: [u8; 12],
    len: u8,
}

impl Scale {
    /// All twelve semitones, from C.
    pub const CHROMATIC: Scale = Scale { tonic: 0, steps: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], len: 12 };

    /// The scale on `tonic` (a pitch class; taken modulo 12) with these semitones above it; `None` unless they begin with 0,
    /// rise, and stay below 12.
    #[must_use]
    pub fn new(tonic: u8, semitones: &[u8]) -> Option<Scale> {
        let rises = semitones.windows(2).all(|pair| pair[0] < pair[1]);
        if semitones.first() != Some(&0) || !rises || semitones.iter().any(|&semitone| semitone > 11) {
            return None;
        }
        let mut steps = [0; 12];
        steps[..semitones.len()].copy_from_slice(semitones);
        Some(Scale { tonic: tonic % 12, steps, len: semitones.len() as u8 })
    }

    /// The tonic as a pitch class, 0 (C) to 11 (B).
    #[must_use]
    pub const fn tonic(&self) -> u8 {
        self.tonic
    }

    /// Returns how many degrees an octave has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Never: the tonic is in every scale.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Returns how many semitones degree `degree` lies above the tonic; 0 is the tonic, the degree after the last is the octave, and
    /// negative degrees lie below.
    #[must_use]
    pub fn semitones(&self, degree: i32) -> i32 {
        let len = i32::from(self.len);
        12 * degree.div_euclid(len) + i32::from(self.steps[degree.rem_euclid(len) as usize])
    }

    /// Returns on which degree `key` is, counted from the lowest tonic of the keyboard; between two, the lower one.
    #[must_use]
    pub fn degree(&self, key: Key) -> i32 {
        let above = i32::from(key.number()) - i32::from(self.tonic);
        let within = above.rem_euclid(12);
        let steps = &self.steps[..self.len()];
        let degree = steps.iter().rposition(|&step| i32::from(step) <= within).unwrap_or(0) as i32;
        degree + above.div_euclid(12) * i32::from(self.len)
    }

    /// Returns by how many semitones `key` moves when it goes `degrees` up the scale. A key between two degrees keeps its distance
    /// to the lower one.
    #[must_use]
    pub fn shift(&self, key: Key, degrees: i32) -> i32 {
        let degree = self.degree(key);
        self.semitones(degree + degrees) - self.semitones(degree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::new(number).unwrap()
    }

    #[test]
    fn degrees_go_on_through_the_octaves() {
        let minor = Scale::new(0, &[0, 2, 3, 5, 7, 8, 10]).unwrap();
        assert_eq!([0, 2, 6, 7, 9, -1, -7].map(|degree| minor.semitones(degree)), [0, 3, 10, 12, 15, -2, -12]);
    }

    #[test]
    fn keys_move_along_the_scale() {
        let a_minor = Scale::new(9, &[0, 2, 3, 5, 7, 8, 10]).unwrap();
        assert_eq!(a_minor.shift(key(69), 2), 3, "a to c");
        assert_eq!(a_minor.shift(key(60), 2), 4, "c to e");
        assert_eq!(a_minor.shift(key(61), 2), 4, "c sharp to e sharp");
        assert_eq!(a_minor.shift(key(60), -1), -1, "c to b");
        assert_eq!(a_minor.shift(key(60), 7), 12);
        assert_eq!(Scale::CHROMATIC.shift(key(60), -5), -5);
    }

    #[test]
    fn what_is_no_scale() {
        assert_eq!(Scale::new(0, &[]), None);
        assert_eq!(Scale::new(0, &[1, 2]), None);
        assert_eq!(Scale::new(0, &[0, 2, 2]), None);
        assert_eq!(Scale::new(0, &[0, 12]), None);
    }
}
