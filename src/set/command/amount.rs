//! Commands that say how much: a tempo, a distance, a value; or a range, over which a fader moves it.

use std::ops::Range;

use super::{Misunderstanding, Reader, Said};
use crate::engine::Command;
use crate::engine::program::{Fader, Interval, Knob};
use crate::set::diagnostic::quoted;
use crate::set::target;
use crate::set::values::respelled_number;
use crate::time::Tempo;

/// Returns whether a word is a range of values.
pub(super) fn is_range(word: &str) -> bool {
    word.contains("..")
}

impl Reader<'_> {
    /// A tempo, or with a sign by how much it changes.
    pub(super) fn tempo(&mut self, example: &str) -> Result<Said, Misunderstanding> {
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing("`tempo` lacks its number", "how fast, or by how much?", example));
        };
        let written = self.written(&word);
        if let Some((low, high)) = written.split_once("..") {
            let hundredths =
                |text: &str| plain(text).and_then(Tempo::from_bpm).map(|tempo| (tempo.bpm() * 100.0).round() as i32);
            let takes = format!("from {} to {}", Tempo::SLOWEST, Tempo::FASTEST);
            return match (hundredths(low), hundredths(high)) {
                (Some(low), Some(high)) => Ok(Said::Fader(Fader { knob: Knob::Tempo, low, high })),
                _ => Err(wrong_range(written, word, &takes, "tempo 100..140")),
            };
        }
        let (sign, number) = match written.as_bytes() {
            [b'+', ..] => (1.0, &written[1..]),
            [b'-', ..] => (-1.0, &written[1..]),
            _ => (0.0, written),
        };
        let number = plain(number);
        let command = if sign == 0.0 {
            number.and_then(Tempo::from_bpm).map(Command::Tempo)
        } else {
            let hundredths = number.map(|number| sign * number * 100.0);
            let fits = |hundredths: &f64| (hundredths - hundredths.round()).abs() < 1e-6;
            let most = (Tempo::FASTEST - Tempo::SLOWEST) * 100.0;
            hundredths.filter(|by| by.abs() <= most && fits(by)).map(|by| Command::TempoStep(by.round() as i32))
        };
        let label = match sign == 0.0 {
            true => format!("expected a number from {} to {}", Tempo::SLOWEST, Tempo::FASTEST),
            false => "expected by how much, to a hundredth".to_owned(),
        };
        let help = format!("for example `tempo 128` or `{example}`");
        command.map(Said::Command).ok_or_else(|| no_number("is no tempo", written, word, label, help))
    }

    /// Perhaps a track, then how far, then perhaps in what.
    pub(super) fn transpose(&mut self, example: &str) -> Result<Said, Misunderstanding> {
        let is_number = |word: &str| word.parse::<i64>().is_ok() || is_range(word);
        // A number is a track only if another one follows.
        let has_track = match (self.rest.front(), self.rest.get(1)) {
            (Some(first), second) => {
                !is_number(self.written(first)) || second.is_some_and(|second| is_number(self.written(second)))
            }
            _ => false,
        };
        let only = self.rest.len() == 1;
        let track = if has_track && !only { Some(self.track("transpose", example)?) } else { None };
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing("`transpose` does not say how far", "expected a number such as `+2`", example));
        };
        let written = self.written(&word);
        let distance = |text: &str| text.parse::<i8>().ok().filter(|by| *by != i8::MIN);
        if let Some((low, high)) = written.split_once("..") {
            let (Some(low), Some(high)) = (distance(low), distance(high)) else {
                return Err(wrong_range(written, word, "from -127 to +127", "transpose -12..12"));
            };
            let (low, high) = (i32::from(low), i32::from(high));
            return Ok(Said::Fader(Fader { knob: Knob::Transpose(track, self.unit()), low, high }));
        }
        let Some(by) = distance(written) else {
            let label = "expected a whole number from -127 to +127".to_owned();
            return Err(no_number(
                "is not how far to transpose",
                written,
                word,
                label,
                format!("for example `{example}`"),
            ));
        };
        Ok(Said::Command(Command::Transpose { track, by, unit: self.unit() }))
    }

    /// Returns what a distance is counted in, if that is said.
    fn unit(&mut self) -> Interval {
        let unit = match self.rest.front().map(|word| self.written(word)) {
            Some("degrees" | "degree") => Interval::Degrees,
            Some("semitones" | "semitone") => Interval::Semitones,
            _ => return Interval::Semitones,
        };
        self.rest.pop_front();
        unit
    }

    /// A track, what on it, and a value.
    pub(super) fn control(&mut self, example: &str) -> Result<Said, Misunderstanding> {
        let track = self.track("cc", example)?;
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing(
                "`cc` does not say what to send",
                &format!("expected {}", target::NAMES),
                example,
            ));
        };
        let name = self.written(&word);
        let target = target::parse(name).map_err(|(label, near)| Misunderstanding {
            message: format!("{} is nothing that a value can be sent to", quoted(name)),
            span: word,
            label,
            help: match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("for example `{example}`"),
            },
        })?;
        let Some(word) = self.rest.pop_front() else {
            return Err(self.missing(
                "`cc` lacks its value",
                "expected a number, or a range such as `20..110`",
                example,
            ));
        };
        let written = self.written(&word);
        let value = |text: &str| text.parse().ok().and_then(|number| target::value(target, number));
        let span = target::range(target);
        let takes = format!("from {} to {}", span.start(), span.end());
        match written.split_once("..") {
            Some((low, high)) => match (value(low), value(high)) {
                (Some(low), Some(high)) => {
                    let (low, high) = (i32::from(low), i32::from(high));
                    Ok(Said::Fader(Fader { knob: Knob::Control(track, target), low, high }))
                }
                _ => Err(wrong_range(written, word, &takes, "cc bass 74 20..110")),
            },
            None => match value(written) {
                Some(value) => Ok(Said::Command(Command::Control { track, target, value })),
                None => {
                    let what = format!("is no value for {}", quoted(name));
                    let label = format!("expected a whole number {takes}");
                    Err(no_number(&what, written, word, label, format!("for example `{example}`")))
                }
            },
        }
    }
}

/// A number without a sign or an exponent.
fn plain(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

/// The message for `written`, which `is_not` what is wanted; a slip of the hand in a number is named.
fn no_number(is_not: &str, written: &str, span: Range<usize>, label: String, help: String) -> Misunderstanding {
    let message = format!("{} {is_not}", quoted(written));
    match respelled_number(written) {
        Some((right, why)) => {
            Misunderstanding { message, span, label: why.to_owned(), help: format!("did you mean `{right}`?") }
        }
        None => Misunderstanding { message, span, label, help },
    }
}

/// The message for a range that cannot be moved over.
fn wrong_range(written: &str, span: Range<usize>, takes: &str, example: &str) -> Misunderstanding {
    Misunderstanding {
        message: format!("{} is no range for a fader", quoted(written)),
        span,
        label: format!("expected two numbers {takes}"),
        help: format!("for example `{example}`"),
    }
}
