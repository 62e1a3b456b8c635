//! The scale of a set, by name: what degrees are counted in, and what transposition by degrees moves along.
//!
//! `c minor` leaves open in which octave degree 1 is; it is then the tonic from middle C upwards, keys 60 to 71. `c2 minor`
//! says it.

use super::diagnostic::nearest;
use super::pitch::{self, Octaves};
use crate::engine::program::Scale;
use crate::midi::Key;

/// A scale, and which of its tonics is degree 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub scale: Scale,
    /// The key of degree 1 without marks.
    pub first: Key,
}

impl Named {
    /// The scale without a name: all semitones from middle C.
    pub(crate) const CHROMATIC: Named = Named { scale: Scale::CHROMATIC, first: Key::from_data(60) };

    /// Returns how many degrees can be written: one digit each.
    pub(crate) fn degrees(&self) -> u32 {
        self.scale.len().min(9) as u32
    }

    /// The key of `degree`, counted from 1, moved by `octaves`; `None` where there is no such key.
    pub(crate) fn key(&self, degree: u32, octaves: i32) -> Option<Key> {
        let semitones = self.scale.semitones(i32::try_from(degree).ok()? - 1);
        let number = i32::from(self.first.number()) + semitones + octaves.checked_mul(12)?;
        u8::try_from(number).ok().and_then(Key::new)
    }
}

/// The scales by their names, each with its semitones above the tonic. The first name of those that are the same is the one
/// that is suggested.
const NAMES: &[(&str, &[u8])] = &[
    ("major", &[0, 2, 4, 5, 7, 9, 11]),
    ("ionian", &[0, 2, 4, 5, 7, 9, 11]),
    ("minor", &[0, 2, 3, 5, 7, 8, 10]),
    ("aeolian", &[0, 2, 3, 5, 7, 8, 10]),
    ("natural minor", &[0, 2, 3, 5, 7, 8, 10]),
    ("dorian", &[0, 2, 3, 5, 7, 9, 10]),
    ("phrygian", &[0, 1, 3, 5, 7, 8, 10]),
    ("lydian", &[0, 2, 4, 6, 7, 9, 11]),
    ("mixolydian", &[0, 2, 4, 5, 7, 9, 10]),
    ("locrian", &[0, 1, 3, 5, 6, 8, 10]),
    ("harmonic minor", &[0, 2, 3, 5, 7, 8, 11]),
    ("melodic minor", &[0, 2, 3, 5, 7, 9, 11]),
    ("phrygian dominant", &[0, 1, 4, 5, 7, 8, 10]),
    ("pentatonic major", &[0, 2, 4, 7, 9]),
    ("major pentatonic", &[0, 2, 4, 7, 9]),
    ("pentatonic minor", &[0, 3, 5, 7, 10]),
    ("minor pentatonic", &[0, 3, 5, 7, 10]),
    ("pentatonic", &[0, 2, 4, 7, 9]),
    ("blues", &[0, 3, 5, 6, 7, 10]),
    ("whole tone", &[0, 2, 4, 6, 8, 10]),
    ("chromatic", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
];

/// The names of all scales.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    NAMES.iter().map(|&(name, _)| name)
}

/// The scale that `text` names, or what is wrong with it: the words of a label, and perhaps the right spelling.
pub(super) fn parse(text: &str, octaves: Octaves) -> Result<Named, (String, Option<String>)> {
    const SHAPE: &str = "expected a note and the name of a scale, such as `c minor`";
    let mut words = text.split_whitespace();
    let Some(tonic) = words.next() else { return Err((SHAPE.to_owned(), None)) };
    let name = words.take(4).collect::<Vec<_>>().join(" ");
    let Some((semitone, length)) = pitch::scan_class(tonic) else {
        return Err((SHAPE.to_owned(), None));
    };
    let first = if length == tonic.len() {
        Key::from_data(60 + semitone.rem_euclid(12) as u8)
    } else {
        match pitch::scan(tonic) {
            Some((name, length)) if length == tonic.len() => {
                name.key(octaves).ok_or_else(|| (pitch::off_the_keyboard(octaves), None))?
            }
            _ => return Err((format!("the scale begins with a note: {SHAPE}"), None)),
        }
    };
    let semitones = NAMES.iter().find(|(known, _)| *known == name).map(|&(_, semitones)| semitones);
    let lower = tonic.to_ascii_lowercase();
    let known = semitones.map(|_| name.as_str()).or_else(|| nearest(&name, names()));
    match semitones.and_then(|semitones| Scale::new(semitone.rem_euclid(12) as u8, semitones)) {
        Some(scale) if tonic == lower => Ok(Named { scale, first }),
        Some(_) => Err(("note names are in lower case".to_owned(), Some(format!("{lower} {name}")))),
        None if name.is_empty() => Err((SHAPE.to_owned(), Some(format!("{lower} minor")))),
        None => Err(("there is no such scale".to_owned(), known.map(|known| format!("{lower} {known}")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<u8> {
        let scale = parse(text, Octaves::C3).unwrap();
        (1..=scale.degrees()).map(|degree| scale.key(degree, 0).unwrap().number()).collect()
    }

    #[test]
    fn degrees_count_from_the_tonic() {
        assert_eq!(keys("c minor"), [60, 62, 63, 65, 67, 68, 70]);
        assert_eq!(keys("a major"), [69, 71, 73, 74, 76, 78, 80]);
        assert_eq!(keys("c2  minor\tpentatonic"), [48, 51, 53, 55, 58]);
        assert_eq!(keys("f#1 blues"), [42, 45, 47, 48, 49, 52]);
        assert_eq!(keys("cb major")[0], 71, "b by another name, above middle C");
        assert_eq!(keys("d chromatic").len(), 9);
        let minor = parse("c minor", Octaves::C4).unwrap();
        assert_eq!([minor.key(1, 1), minor.key(7, -1)], [Key::new(72), Key::new(58)]);
        assert_eq!([minor.key(7, 5), minor.key(1, i32::MAX)], [None, None]);
    }

    #[test]
    fn every_name_is_a_scale() {
        for name in names() {
            assert!(parse(&format!("g {name}"), Octaves::C3).is_ok(), "{name}");
        }
    }

    #[test]
    fn every_name_is_in_the_reference() {
        let doc = crate::set::keys::set::SCALE.doc;
        let (_, list) = doc.split_once("There are ").unwrap();
        let listed = list.split_once('.').unwrap().0.replace(" and ", ", ");
        assert!(listed.split(", ").eq(names()), "{listed}");
    }

    #[test]
    fn other_names_are_explained() {
        for (text, said, near) in [
            ("", "expected", None),
            ("minor", "expected", None),
            ("c", "expected", Some("c minor")),
            ("c minr", "no such scale", Some("c minor")),
            ("C minor", "lower case", Some("c minor")),
            ("c dorain", "no such scale", Some("c dorian")),
            ("c banana", "no such scale", None),
            ("c99 minor", "no such key", None),
            ("cis major", "begins with a note", None),
        ] {
            let (label, spelling) = parse(text, Octaves::C3).unwrap_err();
            assert!(label.contains(said), "{text}: {label}");
            assert_eq!(spelling.as_deref(), near, "{text}");
        }
    }
}
