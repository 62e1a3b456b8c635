//! Where a pattern begins that is asked for, as it is written: `bar`, `beat`, `4 bars`, `end`, `now`.

use super::diagnostic::{Report, nearest};
use super::length;
use super::reader::Value;
use crate::engine::program::Quantum;
use crate::time::Meter;

/// The words beside lengths with numbers.
const WORDS: [&str; 4] = ["bar", "beat", "end", "now"];

/// Returns what `text` means, or what is wrong with it in the words of a label, and the nearest right word.
pub(super) fn parse(text: &str, meter: Meter) -> Result<Quantum, (String, Option<&'static str>)> {
    match text {
        "now" => Ok(Quantum::Now),
        "end" => Ok(Quantum::End),
        _ => length::parse(text, meter).map(Quantum::Grid).map_err(|why| {
            if text.contains(|c: char| c.is_ascii_digit()) {
                (why, None)
            } else {
                (
                    "expected `bar`, `beat`, `now`, `end` or a length such as `4 bars`".to_owned(),
                    nearest(text, WORDS.into_iter()),
                )
            }
        }),
    }
}

/// Returns what `value` says.
pub(super) fn read(value: &Value<'_>, meter: Meter, report: &mut Report) -> Option<Quantum> {
    let text = value.text(report)?.text;
    match parse(text, meter) {
        Ok(quantum) => Some(quantum),
        Err((_, Some(_))) => {
            value.refuse_word(report, text, &WORDS);
            None
        }
        Err((why, None)) => {
            value.refuse_because(report, || why);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::TickSpan;

    #[test]
    fn words_and_lengths() {
        let read = |text| parse(text, Meter::COMMON).ok();
        assert_eq!(read("now"), Some(Quantum::Now));
        assert_eq!(read("end"), Some(Quantum::End));
        assert_eq!(read("beat"), Some(Quantum::Grid(TickSpan(960))));
        assert_eq!(read("bar"), Some(Quantum::Grid(TickSpan(3_840))));
        assert_eq!(read("4 bars"), Some(Quantum::Grid(TickSpan(15_360))));
        assert_eq!(read("1/8"), Some(Quantum::Grid(TickSpan(480))));
        assert_eq!(parse("nwo", Meter::COMMON).unwrap_err().1, Some("now"));
        assert_eq!(parse("0 bars", Meter::COMMON).unwrap_err().1, None);
    }
}
