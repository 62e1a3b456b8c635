//! Values that several tables have: numbers in their ranges, choices, names of what exists.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, listed, nearest, quoted};
use super::length;
use super::notation::GATES;
use super::reader::{Text, Value};
use crate::midi::Velocity;
use crate::time::{Meter, TickSpan};

/// A number written in digits alone, without a sign.
pub(super) fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// A number as hands may write it that is none here: with a decimal comma, with letters that look like digits, or with the
/// sign of another keyboard. How it is written, and what was wrong with it in the words of a label.
pub(super) fn respelled_number(text: &str) -> Option<(String, &'static str)> {
    let is_number = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit()) && digits.parse::<f64>().is_ok_and(f64::is_finite)
    };
    if text.len() > 32 || is_number(text) || !text.contains(|c: char| c.is_ascii_digit() || "OolI".contains(c)) {
        return None;
    }
    let digit = |c: char| match c {
        'O' | 'o' => '0',
        'l' | 'I' => '1',
        _ => c,
    };
    let mark = |c: char| match c {
        ',' => '.',
        '−' | '–' | '—' => '-',
        _ => c,
    };
    let letters: String = text.chars().map(digit).collect();
    let marks: String = text.chars().map(mark).collect();
    let both: String = text.chars().map(digit).map(mark).collect();
    let has_digit = text.contains(|c: char| c.is_ascii_digit());
    // A number of TOML does not begin with 0.
    let trimmed = |text: String| match text.trim_start_matches('0') {
        rest if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => text,
    };
    let (letters, both) = (trimmed(letters), trimmed(both));
    if is_number(&marks) {
        let label = if text.contains(',') {
            "a decimal point stands in numbers, no comma"
        } else {
            "this dash is no minus sign"
        };
        Some((marks, label))
    } else if has_digit && is_number(&letters) {
        let has_o = text.contains(['O', 'o']);
        Some((letters, if has_o { "a letter O in a number" } else { "a letter in a number that looks like 1" }))
    } else if has_digit && is_number(&both) {
        Some((both, "expected digits and a decimal point"))
    } else {
        None
    }
}

/// A name near `text` that may be used.
pub(super) fn plain_name(text: &str) -> Option<String> {
    /// The longest name, in characters.
    const LONGEST: usize = 64;
    let mut name = String::new();
    for c in text.trim().chars() {
        match c {
            _ if c.is_ascii_alphanumeric() || c == '-' || c == '_' => name.push(c),
            'ä' => name.push_str("ae"),
            'ö' => name.push_str("oe"),
            'ü' => name.push_str("ue"),
            'Ä' => name.push_str("Ae"),
            'Ö' => name.push_str("Oe"),
            'Ü' => name.push_str("Ue"),
            'ß' => name.push_str("ss"),
            'à' | 'á' | 'â' | 'å' => name.push('a'),
            'è' | 'é' | 'ê' | 'ë' => name.push('e'),
            'ì' | 'í' | 'î' | 'ï' => name.push('i'),
            'ò' | 'ó' | 'ô' | 'ø' => name.push('o'),
            'ù' | 'ú' | 'û' => name.push('u'),
            'ç' => name.push('c'),
            'ñ' => name.push('n'),
            _ if !c.is_alphanumeric() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(LONGEST);
    let name = name.trim_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// The choice that a value's text names.
pub(super) fn one_of<T: Copy>(value: &Value<'_>, choices: &[(&str, T)], report: &mut Report) -> Option<T> {
    let word = value.text(report)?.text;
    let choice = choices.iter().find(|(name, _)| *name == word).map(|&(_, choice)| choice);
    if choice.is_none() {
        let words: Vec<&str> = choices.iter().map(|&(name, _)| name).collect();
        value.refuse_word(report, word, &words);
    }
    choice
}

/// The choice that `part` of `text` names; `label` says which there are.
pub(super) fn one_of_words<T: Copy>(
    text: &Text<'_>,
    part: Range<usize>,
    label: &str,
    choices: &[(&str, T)],
    report: &mut Report,
) -> Option<T> {
    let word = text.text.get(part.clone()).unwrap_or_default();
    let choice = choices.iter().find(|(name, _)| *name == word).map(|&(_, choice)| choice);
    if choice.is_none() {
        report.add(text.place(part), || {
            let near = nearest(word, choices.iter().map(|&(name, _)| name));
            Diagnostic::new(format!("{} does not fit here", quoted(word)))
                .label(label)
                .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
        });
    }
    choice
}

/// A length, if `value` is one.
pub(super) fn length(value: &Value<'_>, meter: Meter, report: &mut Report) -> Option<TickSpan> {
    let text = value.text(report)?;
    length::parse(text.text, meter).map_err(|why| value.refuse_because(report, || why)).ok()
}

/// A velocity, if `value` is there and is one.
pub(super) fn velocity(value: Option<Value<'_>>, report: &mut Report) -> Option<Velocity> {
    let number = value?.whole(1..=127, report)?;
    u8::try_from(number).ok().and_then(Velocity::new)
}

/// A gate of at most `most` per cent, if `value` is there and is one.
pub(super) fn gate(value: Option<Value<'_>>, most: u32, report: &mut Report) -> Option<u32> {
    let number = value?.whole(i128::from(*GATES.start())..=i128::from(most), report)?;
    u32::try_from(number).ok()
}

/// The message for a name that nothing has.
pub(super) fn unknown_name<'n>(
    one: &str,
    many: &str,
    word: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Diagnostic {
    let near = nearest(word, names.clone());
    let help = match (near, names.clone().take(2).count()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, 0) => format!("the set has no {many} yet; one begins with `[{many}.NAME]`"),
        (None, 1) => format!("the only {one} is {}", listed(names)),
        (None, _) => format!("the {many} are {}", listed(names)),
    };
    Diagnostic::new(format!("there is no {one} {}", quoted(word))).label(format!("not a {one} of this set")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_nearly_written_right() {
        for (text, right) in [
            ("124,5", Some("124.5")),
            ("-1,5", Some("-1.5")),
            ("1O", Some("10")),
            ("l2", Some("12")),
            ("1O0,5", Some("100.5")),
            ("−3", Some("-3")),
            ("124.5", None),
            ("7", None),
            ("lol", None),
            ("O", None),
            ("1,2,3", None),
            ("c2", None),
            ("", None),
        ] {
            assert_eq!(respelled_number(text).map(|(right, _)| right).as_deref(), right, "{text}");
        }
    }
}
