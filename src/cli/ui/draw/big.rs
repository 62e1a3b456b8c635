//! Letters of four rows, to be read from a distance: an 8x8 font, four of its dots to a character.

use font8x8::legacy::BASIC_LEGACY;

/// How many rows of the screen a line of big letters takes.
pub(crate) const ROWS: u16 = 4;

/// Dots of a letter.
const DOTS: usize = 8;

/// The quadrants of a character, by which of them are set: upper left 1, upper right 2, lower left 4, lower right 8.
const QUADRANTS: [char; 16] = [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];

/// Returns how many columns `text` takes.
#[must_use]
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(advance).sum::<usize>().div_ceil(2)
}

/// `text` in big letters, as rows of characters.
#[must_use]
pub(crate) fn rows(text: &str) -> [String; ROWS as usize] {
    let columns: Vec<u8> = text.chars().flat_map(columns).collect();
    std::array::from_fn(|row| {
        let quadrant = |pair: &[u8]| {
            let dot =
                |column: usize, below: usize| pair.get(column).is_some_and(|dots| dots >> (2 * row + below) & 1 == 1);
            let set = [dot(0, 0), dot(1, 0), dot(0, 1), dot(1, 1)];
            QUADRANTS[set.iter().rev().fold(0, |index, &set| index * 2 + usize::from(set))]
        };
        columns.chunks(2).map(quadrant).collect()
    })
}

fn glyph(char: char) -> [u8; DOTS] {
    let index = if char.is_ascii_graphic() { char as usize } else { usize::from(b' ') };
    BASIC_LEGACY.get(index).copied().unwrap_or_default()
}

/// The columns of a letter, a dot to the bit and the uppermost in the lowest, with the gap after it. Digits are all of one width,
/// so that a number that counts does not move what is beside it.
fn columns(char: char) -> impl Iterator<Item = u8> {
    let glyph = glyph(char);
    let column = move |column: usize| (0..DOTS).fold(0, |dots, row| dots | (glyph[row] >> column & 1) << row);
    let (first, width) = extent(char);
    (0..advance(char)).map(move |index| if index < width { column(first + index) } else { 0 })
}

/// The first column of a letter that has dots, and how many there are up to the last one.
fn extent(char: char) -> (usize, usize) {
    let used = glyph(char).iter().fold(0u8, |used, row| used | row);
    match (char.is_ascii_digit(), used) {
        (true, _) => (0, DOTS - 1),
        (false, 0) => (0, 3),
        (false, used) => {
            let first = used.trailing_zeros() as usize;
            (first, DOTS - used.leading_zeros() as usize - first)
        }
    }
}

fn advance(char: char) -> usize {
    extent(char).1 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_as_wide_as_they_say() {
        for text in ["", "13.2", "verse", "i_l", "ä"] {
            assert!(rows(text).iter().all(|row| row.chars().count() == width(text)), "{text}");
        }
        assert_eq!(width("11.1"), width("88.8"));
    }

    #[test]
    fn a_number_can_be_read() {
        insta::assert_snapshot!(rows("12.3 verse").join("\n"));
    }
}
