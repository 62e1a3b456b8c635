//! Euclidean rhythms, `e(3,8)`: some hits spread over some steps as evenly as can be.
//!
//! A plain note, chord or choice right before one is what it plays. One with modifiers is a step of its own, since what they
//! say is about that step; those of the rhythm stand after its bracket.

use std::ops::Range;

use super::parser::{Parser, not_closed};
use super::tree::{Item, Node, Tone};
use super::{MAX_EUCLID, is_space};
use crate::set::diagnostic::Diagnostic;

impl Parser<'_, '_> {
    /// Returns whether a rhythm begins here: `e(`. Where `e` is a drum, it is one if a number comes after the bracket.
    pub(crate) fn begins_euclid(&self) -> bool {
        let Some(behind) = self.rest().strip_prefix('e') else { return false };
        let Some(inner) = behind.trim_start_matches(is_space).strip_prefix('(') else { return false };
        let drum = self.voice.kit.is_some_and(|kit| kit.get('e').is_some());
        !drum || inner.trim_start().starts_with(|c: char| c.is_ascii_digit())
    }

    /// `e(`, two or three numbers, `)`: a rhythm of `head`, or without one of the track's own note.
    pub(crate) fn euclid(&mut self, head: Option<Node>) -> Option<Node> {
        let start = self.at;
        self.at += 1;
        self.skip_space();
        self.at += 1;
        let Some(length) = self.find_soon(')') else {
            let span = start..self.at;
            let sign = self.written(&span);
            self.mistake(span, || not_closed(sign, ')', true, "for example `e(3,8)`"));
            self.missed.add(')');
            // What stands in the bracket is no row of steps.
            let inner = |c: char| c.is_ascii_digit() || c == ',' || is_space(c);
            self.at = self.end - self.rest().trim_start_matches(inner).len();
            return None;
        };
        let inner = self.at..self.at + length;
        self.at = inner.end + 1;
        let span = start..self.at;
        let parts = self.written(&inner).split(',').map(|part| part.trim_matches(is_space));
        let numbers: Option<Vec<u32>> = parts
            .map(|part| {
                let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| part.parse().unwrap_or(u32::MAX))
            })
            .collect();
        let (pulses, steps, rotation) = match numbers.as_deref() {
            Some(&[pulses, steps]) => (pulses, steps, 0),
            Some(&[pulses, steps, rotation]) => (pulses, steps, rotation),
            _ => {
                self.mistake(span, || {
                    Diagnostic::new("`e(..)` takes two or three numbers")
                        .label("expected hits, steps and perhaps a rotation, with commas between them")
                        .help("for example `e(5,16)`, or `e(5,16,2)` to begin two steps later in it")
                });
                return None;
            }
        };
        if steps == 0 || steps > MAX_EUCLID || pulses > steps || rotation > steps {
            self.mistake(span, || {
                let mistake = Diagnostic::new("there is no such rhythm");
                if steps == 0 || steps > MAX_EUCLID {
                    mistake.label(format!("expected 1 to {MAX_EUCLID} steps")).help("hits come first: `e(5,16)`")
                } else if pulses > steps {
                    let help = format!("hits come first: `e({steps},{pulses})`");
                    mistake.label("more hits than steps").maybe_help((pulses <= MAX_EUCLID).then_some(help))
                } else {
                    mistake.label(format!("expected a rotation from 0 to {steps}")).help("for example `e(5,16,2)`")
                }
            });
            return None;
        }
        let head = match head {
            Some(head) => head,
            None => Node::Note(Tone { key: self.own_note(span)?, accent: false }),
        };
        let hits = rhythm(pulses as usize, steps as usize, rotation as usize);
        Some(Node::Euclid { hits, head: Box::new(head) })
    }

    /// Returns where a rhythm is written as other programs write it, as in `k(3,8)`: after a step, two or three numbers.
    pub(crate) fn rhythm_of_others(&self, start: usize, before: &[Item]) -> Option<Range<usize>> {
        before.last().filter(|item| item.span.end == start && self.written(&(start..start + 1)) == "(")?;
        let mut inner = self.rest().get(..self.find_soon(')')?)?.split(',');
        let number = |text: &str| !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit());
        let length = inner.clone().map(|part| part.len() + 1).sum::<usize>();
        (inner.clone().count() > 1 && inner.all(number)).then(|| start..self.at + length)
    }
}

/// Bjorklund's rhythm: `pulses` hits on `steps` steps, beginning `rotation` steps later in it. `pulses` is at most `steps`.
///
/// The algorithm appends the remainder to the groups that there are until there is no remainder worth appending, as
/// Euclid's finds the greatest common divisor (Toussaint, "The Euclidean algorithm generates traditional musical rhythms",
/// 2005). It begins with a hit, as in TidalCycles: e(3,8) is `x..x..x.`, e(5,8) is `x.xx.xx.`.
pub(super) fn rhythm(pulses: usize, steps: usize, rotation: usize) -> Vec<bool> {
    let (mut many, mut few) = (vec![true], vec![false]);
    let (mut many_count, mut few_count) = (pulses, steps.saturating_sub(pulses));
    if pulses == 0 {
        return vec![false; steps];
    }
    while few_count > 1 {
        let pairs = many_count.min(few_count);
        let joined = [&many[..], &few[..]].concat();
        if many_count > few_count {
            few = many;
            few_count = many_count - pairs;
        } else {
            few_count -= pairs;
        }
        (many, many_count) = (joined, pairs);
    }
    let mut hits = many.repeat(many_count);
    hits.extend(few.repeat(few_count));
    hits.rotate_left(rotation % steps.max(1));
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pulses: usize, steps: usize, rotation: usize) -> String {
        rhythm(pulses, steps, rotation).iter().map(|&hit| if hit { 'x' } else { '.' }).collect()
    }

    #[test]
    fn the_rhythms_of_the_world() {
        for (pulses, steps, rhythm) in [
            (1, 2, "x."),
            (1, 3, "x.."),
            (2, 3, "xx."),
            (2, 5, "x.x.."),
            (3, 4, "xxx."),
            (3, 5, "x.x.x"),
            (3, 7, "x.x.x.."),
            (3, 8, "x..x..x."),
            (4, 7, "x.x.x.x"),
            (4, 9, "x.x.x.x.."),
            (4, 11, "x..x..x..x."),
            (5, 6, "xxxxx."),
            (5, 7, "x.xx.xx"),
            (5, 8, "x.xx.xx."),
            (5, 9, "x.x.x.x.x"),
            (5, 11, "x.x.x.x.x.."),
            (5, 12, "x..x.x..x.x."),
            (5, 16, "x..x..x..x..x..."),
            (7, 8, "xxxxxxx."),
            (7, 12, "x.xx.x.xx.x."),
            (7, 16, "x..x.x.x..x.x.x."),
            (9, 16, "x.xx.x.x.xx.x.x."),
            (11, 24, "x..x.x.x.x.x..x.x.x.x.x."),
            (13, 24, "x.xx.x.x.x.x.xx.x.x.x.x."),
            (0, 4, "...."),
            (4, 4, "xxxx"),
            (1, 1, "x"),
            (0, 1, "."),
        ] {
            assert_eq!(written(pulses, steps, 0), rhythm, "e({pulses},{steps})");
        }
        assert_eq!(written(3, 8, 2), ".x..x.x.");
        assert_eq!(written(3, 8, 8), "x..x..x.");
    }

    proptest! {
        #[test]
        fn as_many_as_wanted_and_as_even_as_can_be(steps in 1usize..=256, pulses: prop::sample::Index, rotation in 0usize..=256) {
            let pulses = pulses.index(steps + 1);
            let hits = rhythm(pulses, steps, rotation);
            prop_assert_eq!(hits.len(), steps);
            let places: Vec<usize> = hits.iter().enumerate().filter(|(_, hit)| **hit).map(|(at, _)| at).collect();
            prop_assert_eq!(places.len(), pulses);
            // As even as can be: between any hit and the k-th one after it lie the k-th part of all steps, rounded down or up.
            for k in 1..=pulses {
                for (i, place) in places.iter().enumerate() {
                    let next = places[(i + k) % pulses];
                    let distance = (next + steps - place - 1) % steps + 1;
                    let (low, high) = (k * steps / pulses, (k * steps).div_ceil(pulses));
                    prop_assert!((low..=high).contains(&distance), "{}", written(pulses, steps, rotation));
                }
            }
        }
    }
}
