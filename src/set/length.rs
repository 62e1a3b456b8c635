//! Lengths as they are written: a fraction of a whole note, perhaps dotted or a triplet, or some beats or bars.

use crate::engine::program::MAX_LENGTH;
use crate::time::{Meter, TICKS_PER_QUARTER, TickSpan};

/// The length of a whole note.
const WHOLE: i64 = 4 * TICKS_PER_QUARTER;

/// The length that `text` writes, or what is wrong with it in the words of a label.
///
/// `1/16` is a sixteenth, `3/8` three eighths, `1/8.` a dotted eighth (half as long again) and `1/8t` an eighth of a
/// triplet (two thirds); `beat`, `3 beats`, `bar` and `2 bars` are as long as the meter says. Only lengths that are a
/// whole number of ticks exist, so that nothing drifts.
///
/// # Errors
///
/// The reason, as a label for the place where it is written.
pub fn parse(text: &str, meter: Meter) -> Result<TickSpan, String> {
    const SHAPE: &str = "expected a length such as `1/16`, `1/8t`, `1/8.`, `1 beat` or `2 bars`";
    let units = [("bars", meter.bar()), ("bar", meter.bar()), ("beats", meter.beat()), ("beat", meter.beat())];
    let unit = units.iter().find_map(|&(word, unit)| Some((text.strip_suffix(word)?, unit)));
    let (ticks, divisor) = match unit {
        Some((count, unit)) => {
            let count = if count.is_empty() { Some(1) } else { number(count.trim_end()) };
            (unit.0 * count.ok_or(SHAPE)?, 1)
        }
        None => fraction(text).ok_or(SHAPE)?,
    };
    if ticks == 0 || divisor == 0 {
        return Err("a length is more than nothing".to_owned());
    }
    if ticks % divisor != 0 {
        return Err(format!("this is not a whole number of ticks, of which a quarter note has {TICKS_PER_QUARTER}"));
    }
    let length = TickSpan(ticks / divisor);
    if length > MAX_LENGTH {
        return Err(format!("a length is at most {} whole notes", MAX_LENGTH.0 / WHOLE));
    }
    Ok(length)
}

/// A fraction of a whole note, as ticks and what they are to be divided by. Five digits at most each, so the products are
/// far from overflow.
fn fraction(text: &str) -> Option<(i64, i64)> {
    let (fraction, times, over) = match text.as_bytes().last() {
        Some(b't') => (&text[..text.len() - 1], 2, 3),
        Some(b'.') => (&text[..text.len() - 1], 3, 2),
        _ => (text, 1, 1),
    };
    let (upper, lower) = fraction.split_once('/')?;
    Some((WHOLE * number(upper)? * times, number(lower)? * over))
}

fn number(text: &str) -> Option<i64> {
    let digits = text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_ticks() {
        for (text, ticks) in [
            ("1/1", 3_840),
            ("1/4", 960),
            ("1/16", 240),
            ("3/8", 1_440),
            ("1/8t", 320),
            ("1/8.", 720),
            ("1/64t", 40),
            ("2/1", 7_680),
            ("1/3", 1_280),
            ("1/12", 320),
            ("1/20", 192),
            ("1/3840", 1),
            ("01/04", 960),
            ("3000/1", 3_840 * 3_000),
        ] {
            assert_eq!(parse(text, Meter::COMMON), Ok(TickSpan(ticks)), "{text}");
        }
    }

    #[test]
    fn beats_and_bars_are_those_of_the_meter() {
        let meter = Meter::new(7, 8).unwrap();
        for (text, ticks) in [
            ("beat", 480),
            ("1 beat", 480),
            ("3 beats", 1_440),
            ("bar", 3_360),
            ("1 bar", 3_360),
            ("2 bars", 6_720),
            ("2bars", 6_720),
            ("2 bar", 6_720),
        ] {
            assert_eq!(parse(text, meter), Ok(TickSpan(ticks)), "{text}");
        }
    }

    #[test]
    fn other_lengths_are_explained() {
        for (text, said) in [
            ("", "such as"),
            ("16", "such as"),
            ("1/", "such as"),
            ("/16", "such as"),
            ("1/16 ", "such as"),
            ("1/16ä", "such as"),
            ("1/8tt", "such as"),
            ("+1/16", "such as"),
            ("1/123456", "such as"),
            ("two bars", "such as"),
            ("-1 bars", "such as"),
            (" bar", "such as"),
            ("0/4", "more than nothing"),
            ("1/0", "more than nothing"),
            ("0 bars", "more than nothing"),
            ("1/7", "whole number of ticks"),
            ("1/3840t", "whole number of ticks"),
            ("3001/1", "at most 3000"),
            ("99999/1.", "at most 3000"),
            ("3001 bars", "at most 3000"),
        ] {
            let problem = parse(text, Meter::COMMON).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
