//! Values of controllers, programs and parameters become lines of rests that have them, each at its very tick.
//!
//! They keep their order. A line says a controller once on a step, so what says it again goes on another line: of two lines,
//! the upper one leaves first.

use std::collections::BTreeMap;

use super::row::Pen;
use super::{Language, STEPS};
use crate::offline::score::Value;
use crate::time::TickSpan;

/// The most values of a line, as the language has it.
const MOST_VALUES: usize = 60_000;

/// On every pass but the first: of as many as the language can count.
const AGAIN: &str = "/!1:1024";

/// Lines of rests that have values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// How long a step is.
    pub step: TickSpan,
    /// The steps, line by line, all of the same length.
    pub lines: Vec<String>,
}

/// Writes `values`, in their order and all before `length`, as lines of that length: on steps of length `wanted` if all of
/// them fall there, else on the longest on which they do. What is in `again` comes first, whenever that begins again.
#[must_use]
pub fn write(
    values: &[(i64, Value)],
    again: &[Value],
    length: TickSpan,
    wanted: TickSpan,
    language: Language,
) -> Curve {
    let steps = std::iter::once(wanted.0).chain(STEPS);
    let mut steps = steps.filter(|&step| step > 0 && length.0 % step == 0);
    let step = steps.find(|step| values.iter().all(|(at, _)| at % step == 0)).unwrap_or(1);
    let (count, beat) = (length.0 / step, (TickSpan::QUARTER.0 / step).max(1));
    let mut rows = Vec::new();
    let mut first = 0;
    for values in values.chunk_by(|one, other| one.0 == other.0) {
        if rows.get(first).is_some_and(|row: &Row| row.values >= MOST_VALUES) {
            first = rows.len();
        }
        let mut row = first;
        let mut known: Vec<String> = Vec::new();
        for &(at, value) in values {
            let (name, _) = target(value);
            row += usize::from(known.contains(&name));
            if rows.len() <= row {
                rows.resize_with(row + 1, Row::default);
            }
            if let Some(written) = rows.get_mut(row) {
                if written.places.get(&(at / step)).is_none_or(Vec::is_empty) {
                    known.clear();
                }
                written.values += 1;
                written.places.entry(at / step).or_default().push(said(value));
            }
            known.push(name);
        }
    }
    let line = |row: Row| {
        let mut text = Pen::new(beat, language);
        for (place, values) in row.places {
            text.run('.', place - text.at);
            text.step(&format!(".{{{}}}", values.join(" ")));
        }
        text.run('.', count - text.at);
        text.text
    };
    let again = (!again.is_empty()).then(|| {
        let values: Vec<String> = again.iter().map(|&value| said(value)).collect();
        let mut text = Pen::new(beat, language);
        text.step(&format!(".{{{}}}{AGAIN}", values.join(" ")));
        text.run('.', count - text.at);
        text.text
    });
    Curve { step: TickSpan(step), lines: again.into_iter().chain(rows.into_iter().map(line)).collect() }
}

/// The values of a line, by their steps.
#[derive(Default)]
struct Row {
    places: BTreeMap<i64, Vec<String>>,
    values: usize,
}

/// A value as a step has it.
fn said(value: Value) -> String {
    let (name, number) = target(value);
    format!("{name}={number}")
}

/// Returns what a value is called in a step, and its number there.
fn target(value: Value) -> (String, i64) {
    match value {
        Value::Controller(number, value) => (number.to_string(), i64::from(value)),
        Value::Bend(bend) => ("bend".to_owned(), i64::from(bend) - 8_192),
        Value::Pressure(value) => ("pressure".to_owned(), i64::from(value)),
        Value::Program(program) => ("program".to_owned(), i64::from(program)),
        Value::Parameter { registered: true, number, value } => (format!("rpn-{number}"), i64::from(value)),
        Value::Parameter { registered: false, number, value } => (format!("nrpn-{number}"), i64::from(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::lines::LANGUAGE;

    fn written(values: &[(i64, Value)], length: i64) -> (i64, Vec<String>) {
        let curve = write(values, &[], TickSpan(length), TickSpan::SIXTEENTH, LANGUAGE);
        (curve.step.0, curve.lines)
    }

    #[test]
    fn values_are_rests_that_have_them() {
        let values = [
            (0, Value::Controller(74, 30)),
            (0, Value::Bend(8_192)),
            (480, Value::Program(31)),
            (480, Value::Parameter { registered: true, number: 0, value: 1_536 }),
        ];
        assert_eq!(written(&values, 960), (240, vec![".{74=30 bend=0}..{program=31 rpn-0=1536}.".to_owned()]));
        let values = [(0, Value::Pressure(1)), (3, Value::Pressure(2)), (11, Value::Pressure(3))];
        assert_eq!(written(&values, 12), (1, vec![".{pressure=1}...{pressure=2}........{pressure=3}".to_owned()]));
    }

    #[test]
    fn what_comes_when_it_begins_again_has_a_line_before_all_others() {
        let again = [Value::Controller(64, 0), Value::Bend(8_192)];
        let curve = write(&[(0, Value::Controller(64, 127))], &again, TickSpan(960), TickSpan::SIXTEENTH, LANGUAGE);
        assert_eq!(curve.lines, [".{64=0 bend=0}/!1:1024...", ".{64=127}..."]);
    }

    #[test]
    fn what_comes_twice_on_a_step_is_on_two_lines_in_order() {
        let pedal = |value| Value::Controller(64, value);
        let values = [(0, pedal(0)), (0, pedal(127)), (0, pedal(0)), (0, Value::Controller(1, 2)), (240, pedal(127))];
        let lines = [".{64=0}.{64=127}", ".{64=127}.", ".{64=0 1=2}."].map(str::to_owned);
        assert_eq!(written(&values, 480), (240, lines.to_vec()));
    }
}
