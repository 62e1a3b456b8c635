//! Parameters of instruments (RPN and NRPN): several controllers that mean one thing, in one piece.
//!
//! Which parameter data entry sets depends on what was selected before, perhaps by another track of the same channel. So a
//! channel is gone through as an instrument hears it. What makes no whole of itself, such as an increment or a selection of
//! nothing, stays the controllers that it is, in its place.

use std::collections::BTreeMap;

use super::{Part, Value};

/// Controllers.
const DATA: u8 = 6;
const FINE_DATA: u8 = 38;
const INCREMENT: u8 = 96;
const DECREMENT: u8 = 97;
const NRPN_FINE: u8 = 98;
const RPN_COARSE: u8 = 101;

/// What selects no parameter.
const NOTHING: u16 = 16_383;

/// Makes parameters of the controllers of `parts` that set them.
pub(crate) fn join(parts: &mut [Part]) {
    let mut channels: BTreeMap<(Option<String>, u8), Vec<usize>> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        channels.entry((part.device.clone(), part.channel.number())).or_default().push(index);
    }
    for members in channels.into_values() {
        let mut stream: Vec<Heard> = Vec::new();
        for &part in &members {
            let values = parts.get_mut(part).map(|part| std::mem::take(&mut part.values)).unwrap_or_default();
            stream.extend(values.into_iter().map(|(at, value)| Heard { at, part, value }));
        }
        stream.sort_by_key(|heard| heard.at);
        let mut channel = Channel::default();
        for heard in stream {
            channel.hear(heard);
        }
        channel.give_up();
        for Heard { at, part, value } in channel.out {
            if let Some(part) = parts.get_mut(part) {
                part.values.push((at, value));
            }
        }
    }
}

/// A value, where it is and whose.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: i64,
    part: usize,
    value: Value,
}

/// A number of two halves, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
struct Halves {
    coarse: Option<u8>,
    fine: Option<u8>,
}

impl Halves {
    fn whole(self) -> Option<u16> {
        Some(u16::from(self.coarse?) << 7 | u16::from(self.fine?))
    }
}

/// What an instrument knows of its parameters.
#[derive(Debug, Default)]
struct Channel {
    /// Whether the parameter that was selected last is a registered one.
    registered: Option<bool>,
    /// The numbers of the parameters that were selected, registered and not.
    numbers: [Halves; 2],
    /// The values of parameters.
    values: BTreeMap<(bool, u16), Halves>,
    /// Where a fine half was set last, and of which parameter, if nothing was set since.
    fine_half: Option<(i64, usize, bool, u16)>,
    /// Selections that have set nothing so far. What sets the parameter at the same place brings them with it.
    waiting: Vec<Heard>,
    out: Vec<Heard>,
}

impl Channel {
    fn hear(&mut self, heard: Heard) {
        let Value::Controller(number, data) = heard.value else {
            self.give_up();
            return self.out.push(heard);
        };
        match number {
            NRPN_FINE..=RPN_COARSE => {
                if self.waiting.first().is_some_and(|first| (first.at, first.part) != (heard.at, heard.part)) {
                    self.give_up();
                }
                let registered = number >= RPN_COARSE - 1;
                self.registered = Some(registered);
                let halves = &mut self.numbers[usize::from(registered)];
                *(if number % 2 == 1 { &mut halves.coarse } else { &mut halves.fine }) = Some(data);
                self.waiting.push(heard);
            }
            DATA | FINE_DATA => match self.set(number == DATA, data, heard) {
                Some((value, adds)) => self.parameter(Heard { value, ..heard }, adds),
                None => {
                    self.give_up();
                    self.out.push(heard);
                }
            },
            INCREMENT | DECREMENT => {
                if let Some(parameter) = self.selected() {
                    self.values.remove(&parameter);
                }
                self.give_up();
                self.out.push(heard);
            }
            _ => {
                self.give_up();
                self.out.push(heard);
            }
        }
    }

    /// The parameter that is selected, if any is.
    fn selected(&self) -> Option<(bool, u16)> {
        let registered = self.registered?;
        let number = self.numbers[usize::from(registered)].whole()?;
        (number != NOTHING).then_some((registered, number))
    }

    /// Sets a half of the parameter that is selected; `None` if the whole is not known then. With it comes whether that adds
    /// to what was set right before. A coarse half sets the fine one to zero, as instruments do, unless both come together.
    fn set(&mut self, is_coarse: bool, data: u8, heard: Heard) -> Option<(Value, bool)> {
        let (registered, number) = self.selected()?;
        let halves = self.values.entry((registered, number)).or_default();
        let here = (heard.at, heard.part, registered, number);
        let before = std::mem::replace(&mut self.fine_half, (!is_coarse).then_some(here));
        let together = before == Some(here);
        if is_coarse {
            *halves = Halves { coarse: Some(data), fine: halves.fine.filter(|_| together).or(Some(0)) };
        } else {
            halves.fine = Some(data);
        }
        halves.whole().map(|value| (Value::Parameter { registered, number, value }, !is_coarse || together))
    }

    /// A parameter takes a value, which perhaps adds to the one right before it.
    fn parameter(&mut self, heard: Heard, adds: bool) {
        let brings = |first: &Heard| (first.at, first.part) == (heard.at, heard.part);
        if !self.waiting.first().is_none_or(brings) {
            self.give_up();
        }
        let adds = adds && self.waiting.is_empty();
        self.waiting.clear();
        if let Some(last) = self.out.last_mut().filter(|last| adds && (last.at, last.part) == (heard.at, heard.part))
            && let (Value::Parameter { registered, number, .. }, Value::Parameter { registered: r, number: n, .. }) =
                (last.value, heard.value)
            && (registered, number) == (r, n)
        {
            last.value = heard.value;
            return;
        }
        self.out.push(heard);
    }

    /// Selections that set nothing are controllers like others.
    fn give_up(&mut self) {
        self.out.append(&mut self.waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi;

    /// Values of one channel, or of two tracks where `track` is 1.
    fn joined(events: &[(i64, usize, u8, u8)]) -> Vec<(i64, usize, Value)> {
        let part = |index: usize| Part {
            name: None,
            track: index + 1,
            shares_track: false,
            device: None,
            channel: midi::Channel::from_status(0),
            layer: 0,
            notes: Vec::new(),
            values: events
                .iter()
                .filter(|event| event.1 == index)
                .map(|&(at, _, number, value)| (at, Value::Controller(number, value)))
                .collect(),
        };
        let mut parts = [part(0), part(1)];
        join(&mut parts);
        let values = parts.iter().enumerate().flat_map(|(index, part)| {
            part.values.iter().map(move |&(at, value)| (at, index, value)).collect::<Vec<_>>()
        });
        values.collect()
    }

    fn rpn(number: u16, value: u16) -> Value {
        Value::Parameter { registered: true, number, value }
    }

    fn raw(number: u8, value: u8) -> Value {
        Value::Controller(number, value)
    }

    #[test]
    fn what_selects_and_sets_is_one_value() {
        let two = [(0, 0, 101, 0), (0, 0, 100, 0), (0, 0, 6, 12), (0, 0, 101, 0), (0, 0, 100, 2), (0, 0, 6, 60)];
        assert_eq!(joined(&two), [(0, 0, rpn(0, 12 << 7)), (0, 0, rpn(2, 60 << 7))]);
        let nrpn = [(0, 0, 99, 1), (0, 0, 98, 32), (0, 0, 6, 64), (0, 0, 38, 5), (0, 0, 99, 127), (0, 0, 98, 127)];
        let value = Value::Parameter { registered: false, number: 160, value: 64 << 7 | 5 };
        assert_eq!(joined(&nrpn), [(0, 0, value), (0, 0, raw(99, 127)), (0, 0, raw(98, 127))]);
    }

    #[test]
    fn a_selection_holds_until_another_one() {
        let later = [(0, 0, 100, 0), (0, 0, 101, 0), (5, 0, 6, 2), (7, 0, 38, 3), (9, 0, 6, 4)];
        assert_eq!(
            joined(&later),
            [(0, 0, raw(100, 0)), (0, 0, raw(101, 0)), (5, 0, rpn(0, 256)), (7, 0, rpn(0, 259)), (9, 0, rpn(0, 512)),]
        );
        let fine_first = [(0, 0, 101, 0), (0, 0, 100, 0), (0, 0, 6, 9), (3, 0, 38, 5), (3, 0, 6, 2), (4, 0, 6, 3)];
        assert_eq!(joined(&fine_first), [(0, 0, rpn(0, 1_152)), (3, 0, rpn(0, 261)), (4, 0, rpn(0, 384))]);
        let half = [(0, 0, 101, 0), (0, 0, 100, 0), (0, 0, 6, 2), (5, 0, 100, 1), (5, 0, 6, 3)];
        assert_eq!(joined(&half), [(0, 0, rpn(0, 256)), (5, 0, rpn(1, 384))]);
        let by_another_track = [(0, 0, 101, 0), (0, 0, 100, 0), (1, 1, 6, 2)];
        assert_eq!(joined(&by_another_track), [(0, 0, raw(101, 0)), (0, 0, raw(100, 0)), (1, 1, rpn(0, 256))]);
    }

    #[test]
    fn what_sets_no_known_parameter_stays_what_it_is() {
        for events in [
            &[(0, 0, 6, 12)][..],
            &[(0, 0, 101, 0), (0, 0, 6, 12)],
            &[(0, 0, 101, 127), (0, 0, 100, 127), (0, 0, 6, 12)],
            &[(0, 0, 101, 0), (0, 0, 100, 0), (0, 0, 96, 0), (0, 0, 96, 0), (3, 0, 97, 0)],
            &[(0, 0, 101, 0), (0, 0, 100, 0), (0, 0, 38, 3)],
        ] {
            let same: Vec<_> = events.iter().map(|&(at, part, number, value)| (at, part, raw(number, value))).collect();
            assert_eq!(joined(events), same);
        }
    }
}
