//! Values that several tables have: numbers in their ranges, choices, names of what exists.

use std::ops::Range;

use super::length;
use super::mistake::{Mistake, Report, listed, nearest, quoted};
use super::notation::GATES;
use super::reader::{Text, Value};
use crate::midi::Velocity;
use crate::time::{Meter, TickSpan};

/// A number written in digits alone, without a sign.
pub(super) fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
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
            Mistake::new(format!("{} does not fit here", quoted(word)))
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
) -> Mistake {
    let near = nearest(word, names.clone());
    let help = match (near, names.clone().take(2).count()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, 0) => format!("the set has no {many} yet; one begins with `[{many}.NAME]`"),
        (None, 1) => format!("the only {one} is {}", listed(names)),
        (None, _) => format!("the {many} are {}", listed(names)),
    };
    Mistake::new(format!("there is no {one} {}", quoted(word))).label(format!("not a {one} of this set")).help(help)
}
