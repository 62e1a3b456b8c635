//! The text of points: `20 ~ ~ ~ 110`.
//!
//! Each sign takes a slot, and the slots are equally long. A number is sent where its slot begins; `_` is a point at the
//! same value; `~` lies on a line from the point before to the number after; at `.` nothing is sent. A number at the end,
//! right after `~`, takes no slot: it is the goal, reached where the loop ends. A line at the end without a goal leads
//! back to the first number.

use std::ops::Range;

use super::{on_the_wire, values_of};
use crate::engine::program::{MAX_EVENTS, Target};
use crate::set::diagnostic::{Diagnostic, Report, quoted};
use crate::set::reader::Text;
use crate::set::values::respelled_number;

/// What a slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A value, as it is on the wire.
    Value(u16),
    /// The same value still.
    Hold,
    /// A part of a line.
    Line(Shape),
    /// Nothing is sent.
    Rest,
}

/// The way from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Even.
    Straight,
    /// Slow at both ends: half a wave of a sine.
    Slow,
    /// Slow at first.
    Early,
    /// Slow at last.
    Late,
}

/// Points in equal slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Points {
    /// At least one; each line has a point before it and a value after it, or leads to the goal.
    pub slots: Vec<Slot>,
    /// The value at the end of the loop, if a line leads there.
    pub goal: Option<u16>,
}

impl Points {
    /// One value.
    pub(crate) fn constant(value: u16) -> Points {
        Points { slots: vec![Slot::Value(value)], goal: None }
    }

    /// Returns whether there are lines, whose values are more than those that are written.
    pub(crate) fn moves(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Line(_)))
    }
}

/// The signs in a label.
const SIGNS: &str = "expected a number, `_`, `~` or `.`";

/// Reads the points of `text`, values of `target`.
pub(super) fn read(text: &Text<'_>, target: Target, report: &mut Report) -> Option<Points> {
    let mut slots: Vec<(Slot, Range<usize>)> = Vec::new();
    let mut right = true;
    for part in parts(text.text) {
        let written = text.text.get(part.clone()).unwrap_or_default();
        if slots.len() > MAX_EVENTS {
            report.add(text.place(part), || {
                Diagnostic::new("the controller has too many points")
                    .label("one too many")
                    .help(format!("a controller has at most {MAX_EVENTS} points"))
            });
            return None;
        }
        match slot(written, target) {
            Ok(slot) => slots.push((slot, part)),
            Err(mistake) => {
                right = false;
                report.add(text.place(part), || mistake(written));
                // Some value stands in, so that nothing follows from it.
                slots.push((Slot::Value(0), 0..0));
            }
        }
    }
    if slots.is_empty() {
        report.add(text.span.clone(), || {
            Diagnostic::new("there are no points").label(SIGNS).help("for example `20 ~ ~ ~ 110`")
        });
        return None;
    }
    right &= check_order(&slots, text, report);
    let mut slots: Vec<Slot> = slots.into_iter().map(|(slot, _)| slot).collect();
    let goal = match *slots.as_slice() {
        [.., Slot::Line(_), Slot::Value(goal)] => {
            slots.pop();
            Some(goal)
        }
        [Slot::Value(first), .., Slot::Line(_)] => Some(first),
        _ => None,
    };
    right.then_some(Points { slots, goal })
}

/// The slot that `written` stands for, or the mistake that it is.
fn slot(written: &str, target: Target) -> Result<Slot, impl FnOnce(&str) -> Diagnostic> {
    let is_number = written.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let slot = match written {
        "_" => Some(Slot::Hold),
        "." => Some(Slot::Rest),
        "~" => Some(Slot::Line(Shape::Straight)),
        "~s" => Some(Slot::Line(Shape::Slow)),
        "~e" => Some(Slot::Line(Shape::Early)),
        "~l" => Some(Slot::Line(Shape::Late)),
        _ => written.parse().ok().filter(|_| is_number).and_then(|value| on_the_wire(target, value)).map(Slot::Value),
    };
    slot.ok_or(move |written: &str| {
        let digits = written.strip_prefix('-').unwrap_or(written);
        if is_number && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Diagnostic::new(format!("{} is not a value of this controller", quoted(written)))
                .label(format!("expected {}", values_of(target)));
        }
        if let Some((right, why)) = respelled_number(written) {
            let mistake = Diagnostic::new(format!("{} is no whole number", quoted(written)));
            return match right.contains('.') {
                true => mistake.label(format!("expected {}", values_of(target))),
                false => mistake.label(why).help(format!("did you mean `{right}`?")),
            };
        }
        if written.starts_with(|c: char| c.is_ascii_digit()) && written.contains('.') {
            return Diagnostic::new(format!("{} is no whole number", quoted(written)))
                .label(format!("expected {}", values_of(target)))
                .help("between `.`, which sends nothing, and a number stands a space");
        }
        let mistake = Diagnostic::new(format!("{} is not known among points", quoted(written)));
        if written.starts_with('~') {
            return mistake
                .label("expected `~`, `~s`, `~e` or `~l`")
                .help("`~` is a straight line, `~s` is slow at both ends, `~e` slow at first, `~l` slow at last");
        }
        mistake.label(SIGNS).help("for example `20 ~ ~ ~ 110`")
    })
}

/// Returns whether every sign has before and after it what it needs; the first that has not is reported.
fn check_order(slots: &[(Slot, Range<usize>)], text: &Text<'_>, report: &mut Report) -> bool {
    let leads_back = matches!(slots.first(), Some((Slot::Value(_), _)));
    for (at, (slot, part)) in slots.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| slots.get(before)).map(|&(slot, _)| slot);
        let behind = slots.get(at + 1).map(|&(slot, _)| slot);
        let mistake = match (before, *slot, behind) {
            (None | Some(Slot::Rest), Slot::Line(_), _) => {
                ("a line begins at a number", "there is no number before it", "write the number that it begins at")
            }
            // A plain `~` goes on with the line, whatever its shape.
            (Some(Slot::Line(first)), Slot::Line(shape), _) if first != shape && shape != Shape::Straight => (
                "a line has one shape",
                "another shape than before",
                "write the shape once, where the line begins: `20 ~s ~ ~ 110`",
            ),
            (_, Slot::Line(_), Some(Slot::Hold | Slot::Rest)) => {
                ("a line leads to a number", "there is no number after it", "write the number that it leads to")
            }
            (_, Slot::Line(_), None) if !leads_back => (
                "a line leads to a number",
                "there is none after it, and none where the loop begins",
                "write the number that it leads to",
            ),
            (None, Slot::Hold, _) => {
                ("`_` has nothing to hold", "the points begin here", "write the number; `.` sends nothing")
            }
            (Some(Slot::Rest), Slot::Hold, _) => {
                ("`_` has nothing to hold", "before this is `.`", "write the number again; `.` sends nothing")
            }
            _ => continue,
        };
        let (message, label, help) = mistake;
        report.add(text.place(part.clone()), || Diagnostic::new(message).label(label).help(help));
        return false;
    }
    true
}

/// Returns what stands between white space and `|`, signs each for themselves, as ranges of bytes.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(|c: char| !c.is_whitespace() && c != '|')?;
        let rest = text.get(start..)?;
        let first = rest.chars().next()?;
        let behind = rest.get(first.len_utf8()..)?;
        let ends = |c: char| c.is_whitespace() || matches!(c, '|' | '_' | '.' | '~');
        let more = match first {
            '_' | '.' => 0,
            '~' => behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len()),
            _ => {
                let end = behind.find(ends).unwrap_or(behind.len());
                // Digits right after a point are meant as a part of the number.
                let fraction = behind.get(end..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
                let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if digits > 0 && first.is_ascii_digit() { end + 1 + digits } else { end }
            }
        };
        let length = first.len_utf8() + more;
        at = start + length;
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The points in few signs, or the messages of their mistakes.
    fn points(text: &str, target: Target) -> Result<(String, Option<u16>), String> {
        let mut report = Report::default();
        let points = read(&Text::at(text, 0), target, &mut report);
        let sign = |slot: &Slot| match slot {
            Slot::Value(value) => value.to_string(),
            Slot::Hold => "_".to_owned(),
            Slot::Line(Shape::Straight) => "~".to_owned(),
            Slot::Line(shape) => format!("~{shape:?}"),
            Slot::Rest => ".".to_owned(),
        };
        match points.filter(|_| report.is_empty()) {
            Some(points) => Ok((points.slots.iter().map(sign).collect::<Vec<_>>().join(" "), points.goal)),
            None => Err(report.finish("", text).list().iter().map(|mistake| mistake.message.clone()).collect()),
        }
    }

    #[test]
    fn a_goal_takes_no_slot() {
        let read = |text| points(text, Target::Controller(1)).unwrap();
        assert_eq!(read("20 ~ ~ ~ 110"), ("20 ~ ~ ~".to_owned(), Some(110)));
        assert_eq!(read("20~~~110"), ("20 ~ ~ ~".to_owned(), Some(110)));
        assert_eq!(read("20 ~ 110 _"), ("20 ~ 110 _".to_owned(), None));
        assert_eq!(read("20 ~ 110 ~"), ("20 ~ 110 ~".to_owned(), Some(20)));
        assert_eq!(read("20|110. 5"), ("20 110 . 5".to_owned(), None));
        assert_eq!(read(". . 64 _"), (". . 64 _".to_owned(), None));
        assert_eq!(read("0 ~s ~s 127"), ("0 ~Slow ~Slow".to_owned(), Some(127)));
        assert_eq!(read("0 ~s ~ ~ 127"), ("0 ~Slow ~ ~".to_owned(), Some(127)));
        assert_eq!(read("0 ~e 127 ~l 3 _"), ("0 ~Early 127 ~Late 3 _".to_owned(), None));
    }

    #[test]
    fn values_are_those_of_the_target() {
        assert_eq!(points("-8192 8191 0", Target::Bend).unwrap().0, "0 16383 8192");
        assert_eq!(points("16383", Target::Nrpn(3)).unwrap().0, "16383");
        for (text, target) in [("128", Target::Controller(1)), ("-1", Target::Pressure), ("8192", Target::Bend)] {
            assert!(points(text, target).unwrap_err().contains("not a value"), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_once() {
        for (text, said) in [
            ("", "no points"),
            (" | ", "no points"),
            ("~ 5", "a line begins at a number"),
            ("5 . ~ 5", "a line begins at a number"),
            ("5 ~ _ 5", "a line leads to a number"),
            ("5 ~ . 5", "a line leads to a number"),
            (". 5 ~", "a line leads to a number"),
            ("5 ~ ~s 5", "a line has one shape"),
            ("_ 5", "nothing to hold"),
            ("5 . _", "nothing to hold"),
            ("5 x", "not known"),
            ("5 ~x 6", "not known"),
            ("5.5", "no whole number"),
            ("+5", "not known"),
            ("--5", "not known"),
            ("99999999999999999999", "not a value"),
        ] {
            match points(text, Target::Controller(1)) {
                Ok(points) => panic!("{text}: {points:?}"),
                Err(message) => assert!(message.contains(said), "{text}: {message}"),
            }
        }
    }
}
