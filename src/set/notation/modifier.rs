//! What may stand after a step, in any order, each kind once.
//!
//! A number belongs to the sign right before it. A rest takes conditions and values, a hold takes values: all else is about
//! how a note sounds.

use std::ops::{Range, RangeInclusive};

use super::parser::{Parser, not_closed};
use super::tree::{Item, Length, Node, Tone, Turn};
use super::{CHANCES, GATES, MAX_TURNS, RATCHETS, SHIFTS, is_space};
use crate::midi::Velocity;
use crate::set::diagnostic::{Diagnostic, nearest, quoted};
use crate::set::target;

impl Parser<'_, '_> {
    /// Reads the modifiers of `item`, if any come next.
    pub(crate) fn modifiers(&mut self, item: &mut Item) {
        // What does not fit is said once for an item.
        let mut said = false;
        loop {
            let spaced = self.skip_space();
            let Some(sign) = self.peek() else { return };
            let digit_behind = self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit);
            match sign {
                ':' | '!' | '?' | '*' | '=' | '~' | '/' | '{' => {}
                // Behind white space a choice begins.
                '<' if !spaced && digit_behind => {}
                // In a choice it closes it.
                '>' if !self.in_choice() && !self.missed.angle() => {}
                _ => return,
            }
            let start = self.at;
            self.at += 1;
            if let Some((what, help)) = misfit(&item.node, sign) {
                self.misplaced(sign, start, what, help, &mut said);
            } else if !self.modifier(sign, start, item) {
                continue;
            }
            item.modified.get_or_insert(start..self.at);
        }
    }

    /// Reads the modifier whose `sign` is at `start`; what is after the sign comes next. The answer is whether the item is
    /// no longer plain.
    fn modifier(&mut self, sign: char, start: usize, item: &mut Item) -> bool {
        match &mut item.node {
            // Behind a choice, chance alone says which of them, with a number whether any.
            Node::Choice(choice) if sign == '?' && self.digits_ahead() == 0 => {
                if std::mem::replace(&mut choice.random, true) {
                    self.twice(start..self.at, sign);
                }
                false
            }
            _ => {
                self.argument(sign, start, item);
                true
            }
        }
    }

    /// Reads a modifier that does not fit `what` it stands after, and reports it unless that is `said` already.
    fn misplaced(&mut self, sign: char, start: usize, what: &str, help: &str, said: &mut bool) {
        let muted = std::mem::replace(&mut self.muted, true);
        self.argument(sign, start, &mut Item::stand_in(start..start));
        self.muted = muted;
        if !std::mem::replace(said, true) {
            let span = start..self.at;
            let written = self.written(&span);
            self.mistake(span, || {
                Diagnostic::new(format!("{} changes a note, and this is {what}", quoted(written)))
                    .label(format!("after {what}"))
                    .help(help)
            });
        }
    }

    /// Reads what is after the sign, and puts it into `item`.
    fn argument(&mut self, sign: char, start: usize, item: &mut Item) {
        let mods = &mut item.mods;
        let twice = match sign {
            '!' => {
                let by_letter = matches!(item.node, Node::Note(Tone { accent: true, .. }));
                std::mem::replace(&mut mods.accent, true) || by_letter
            }
            '~' => {
                let before = mods.length.replace(Length::Legato);
                if matches!(before, Some(Length::Gate(_))) {
                    return self.gate_and_legato(start..self.at);
                }
                before.is_some()
            }
            ':' => {
                let twice = mods.velocity.is_some();
                let number = self.needed(start, 1..=127, "a velocity from 1 to 127", ":70");
                self.velocities(start, number);
                mods.velocity =
                    number.and_then(|number| u8::try_from(number).ok()).and_then(Velocity::new).or(mods.velocity);
                twice
            }
            '=' => {
                let before = mods.length;
                let number = self.needed(start, GATES, "a gate from 1 to 400 per cent of the step", "=50");
                mods.length = number.map(Length::Gate).or(before);
                if before == Some(Length::Legato) && number.is_some() {
                    return self.gate_and_legato(start..self.at);
                }
                before.is_some()
            }
            '?' => {
                let number = match self.digits_ahead() {
                    0 => Some(50),
                    _ => self.needed(start, CHANCES, "a chance from 1 to 100 per cent", "?30"),
                };
                mods.chance.replace(number.map_or(100, |number| number as u8)).is_some()
            }
            '*' => {
                let number = self.needed(start, RATCHETS, "2 to 16 notes in the step", "*3");
                mods.ratchet.replace(number.map_or(2, |number| number as u8)).is_some()
            }
            '<' | '>' => {
                let is_early = sign == '<';
                let (takes, example) = match is_early {
                    true => ("1 to 50 per cent of a step to be early", "<20"),
                    false => ("1 to 50 per cent of a step to be late", ">20"),
                };
                if self.in_choice() {
                    self.number();
                    return self.early_in_choice(start..self.at);
                }
                let shift = self.needed(start, SHIFTS, takes, example).map_or(0, |number| number as i8);
                mods.shift.replace(if is_early { -shift } else { shift }).is_some()
            }
            '/' => match self.condition(start, item) {
                Some(twice) => twice,
                None => return,
            },
            '{' => {
                let values = self.target_values(start);
                item.mods.values.replace(values).is_some()
            }
            // No other sign comes here.
            _ => return,
        };
        if twice {
            self.twice(start..self.at, sign);
        }
    }

    /// The number after a sign, which has to be there and in `range`; `takes` and `example` say what it should be.
    fn needed(&mut self, start: usize, range: RangeInclusive<u32>, takes: &str, example: &str) -> Option<u32> {
        let number = self.number();
        let span = start..self.at;
        if number.is_none() {
            // What stands apart is meant for this sign.
            self.skip_space();
            if self.number().is_none() {
                self.at = span.end;
            }
        }
        let right = number.filter(|number| range.contains(number));
        if right.is_none() {
            let sign = self.written(&span);
            self.mistake(span, || {
                let message = match number {
                    None => format!("{} lacks its number", quoted(sign)),
                    Some(_) => format!("{} is out of range", quoted(sign)),
                };
                let help = match (sign, number) {
                    (">", _) => {
                        "for example `c2>20`; a choice of degrees begins after white space: `1 <3 5>`".to_owned()
                    }
                    (_, None) => format!("the number stands right after the sign, for example `c2{example}`"),
                    _ => format!("for example `c2{example}`"),
                };
                Diagnostic::new(message).label(format!("expected {takes}")).help(help)
            });
        }
        right
    }

    /// Goes over what makes a range of velocities of one, as in `:60-90` and `:60..90`, and reports it.
    fn velocities(&mut self, start: usize, first: Option<u32>) {
        let rest = self.rest();
        let after = ["-", "–", "...", " - ", ".."].iter().find_map(|sign| rest.strip_prefix(sign));
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (Some(first), Some(after)) = (first, after.filter(|after| digits(after) > 0)) else { return };
        let second = after.get(..digits(after)).unwrap_or_default();
        self.at += rest.len() - after.len() + second.len();
        self.mistake(start..self.at, || {
            Diagnostic::new("a step has one velocity")
                .label("this is a range")
                .help(format!("`<c2:{first} c2:{second}>?` plays one or the other by chance"))
        });
    }

    fn twice(&mut self, span: Range<usize>, kind: char) {
        let sign = self.written(&span);
        self.mistake(span, || {
            Diagnostic::new(format!("{} says again what this step says already", quoted(sign)))
                .label("once is enough")
                .help(match kind {
                    '!' => "an upper-case letter has its accent already",
                    '{' => "several values stand in one bracket, as in `{74=30 71=90}`",
                    '<' | '>' => "a step is early or late",
                    _ => "leave one of them out",
                })
        });
    }

    fn gate_and_legato(&mut self, span: Range<usize>) {
        self.mistake(span, || {
            Diagnostic::new("`~` and `=` do not go together")
                .label("a legato note sounds until the next one")
                .help("leave one of them out")
        });
    }

    fn early_in_choice(&mut self, span: Range<usize>) {
        let sign = self.written(&span);
        self.mistake(span, || {
            Diagnostic::new(format!("{} cannot stand within a choice", quoted(sign)))
                .label("within a choice, nothing is early or late by itself")
                .help("write it after the whole choice, as in `<c2 g2><20`; another choice begins after white space")
        });
    }

    /// Reads what is after `/` into `item`. The answer is whether that was said before; `None` for a mistake.
    fn condition(&mut self, start: usize, item: &mut Item) -> Option<bool> {
        let not = self.eat('!');
        let mods = &mut item.mods;
        if self.rest().starts_with("fill") {
            self.at += "fill".len();
            return Some(mods.fill.replace(!not).is_some());
        }
        if self.rest().starts_with("1st") && !not {
            self.at += "1st".len();
            return Some(std::mem::replace(&mut mods.once, true));
        }
        let first = self.number();
        let of = if first.is_some() && self.eat(':') { self.number() } else { None };
        let (Some(first), Some(of)) = (first, of) else {
            let word = self.rest().bytes().take(20).take_while(u8::is_ascii_alphabetic).count();
            let span = start..self.at + word;
            self.at = span.end;
            let written = self.written(&span);
            self.mistake(span, || no_condition(written));
            return None;
        };
        let span = start..self.at;
        let exists = (1..=MAX_TURNS).contains(&of) && (1..=of).contains(&first);
        if !exists || (not && of == 1) {
            let written = self.written(&span);
            self.mistake(span, || {
                let mistake = Diagnostic::new(format!("{} never comes", quoted(written)));
                if !(1..=MAX_TURNS).contains(&of) {
                    mistake.label(format!("expected 1 to {MAX_TURNS} passes")).help("for example `/1:4`")
                } else if first == 0 {
                    mistake.label("passes are counted from 1").help(format!("for example `/1:{of}`"))
                } else if first > of {
                    mistake.label(format!("of {of} passes there is no number {first}")).help("for example `/1:4`")
                } else {
                    mistake.label("there are no others").help("for example `/!1:4`")
                }
            });
            return None;
        }
        Some(mods.turn.replace(Turn { turn: first - 1, of, not }).is_some())
    }

    /// Reads values such as `74=30 bend=-100` up to the closing bracket, and says where they are among those of the line.
    fn target_values(&mut self, start: usize) -> (u32, u32) {
        let first = self.values.len();
        let Some(length) = self.find_soon('}') else {
            let span = start..self.at;
            self.mistake(span, || not_closed("{", '}', true, "for example `c2{74=30}`"));
            self.missed.add('}');
            let inner = |c: char| !is_space(c);
            let rest = self.rest();
            self.at = self.at + rest.len() - rest.trim_start_matches(inner).len();
            return (first as u32, first as u32);
        };
        let inner = self.at..self.at + length;
        self.at = inner.end + 1;
        let mut found = 0;
        let mut at = inner.start;
        while let Some(word) = self.next_value(at, inner.end) {
            at = word.end;
            found += 1;
            self.target_value(word, first);
        }
        if found == 0 {
            self.mistake(start..self.at, || {
                Diagnostic::new("there is no value in the bracket")
                    .label("expected at least one value")
                    .help("for example `c2{74=30}`")
            });
        }
        (first as u32, self.values.len() as u32)
    }

    /// The next `NAME=NUMBER` from `at` on, perhaps with white space around the sign.
    fn next_value(&self, at: usize, end: usize) -> Option<Range<usize>> {
        let text = self.written(&(at..end));
        let start = at + text.find(|c| !is_space(c))?;
        let text = self.written(&(start..end));
        let word = |text: &str| text.find(is_space).unwrap_or(text.len());
        let gap = |text: &str| text.find(|c| !is_space(c)).unwrap_or(text.len());
        let mut length = word(text);
        let behind = length + gap(&text[length..]);
        if text[behind..].starts_with('=') && !text[..length].contains('=') {
            length = behind + 1;
        }
        if text[..length].ends_with('=') {
            let number = length + gap(&text[length..]);
            length = number + word(&text[number..]);
        }
        Some(start..start + length)
    }

    fn target_value(&mut self, word: Range<usize>, first: usize) {
        let written = self.written(&word);
        let Some((name, number)) = written.split_once('=') else {
            self.mistake(word, || {
                Diagnostic::new(format!("{} is not a value", quoted(written)))
                    .label("expected a name, `=` and a number")
                    .help(format!("for example `{{74=30}}`; a name is {}", target::NAMES))
            });
            return;
        };
        let (name, number) = (name.trim_end_matches(is_space), number.trim_start_matches(is_space));
        if name.is_empty() {
            self.mistake(word, || {
                Diagnostic::new(format!("{} lacks its name", quoted(written)))
                    .label("what gets this value?")
                    .help(format!("for example `{{74=30}}`; a name is {}", target::NAMES))
            });
            return;
        }
        let target = match target::parse(name) {
            Ok(target) => target,
            Err((label, spelling)) => {
                let span = word.start..word.start + name.len();
                self.mistake(span, || {
                    let help = spelling.map(|spelling| format!("did you mean `{spelling}`?"));
                    Diagnostic::new(format!("nothing is called {}", quoted(name))).label(label).maybe_help(help)
                });
                return;
            }
        };
        let Some(value) = written_number(number).and_then(|number| target::value(target, number)) else {
            if number.is_empty() {
                self.mistake(word, || {
                    Diagnostic::new(format!("{} lacks its number", quoted(name)))
                        .label("which value?")
                        .help("for example `{74=30}`")
                });
                return;
            }
            self.mistake(word.end - number.len()..word.end, || {
                let range = target::range(target);
                let mistake = Diagnostic::new(format!("{} cannot be {}", quoted(name), quoted(number))).label(format!(
                    "expected a number from {} to {}",
                    range.start(),
                    range.end()
                ));
                let separated = number.ends_with([',', ';']);
                mistake.maybe_help(separated.then(|| "values stand apart by white space: `{74=30 71=90}`".to_owned()))
            });
            return;
        };
        if self.values.get(first..).unwrap_or_default().iter().any(|&(other, _)| other == target) {
            self.mistake(word, || {
                Diagnostic::new(format!("{} is given twice", quoted(name)))
                    .label("it has a value already")
                    .help("leave one of them out")
            });
            return;
        }
        self.values.push((target, value));
    }
}

/// Why a modifier cannot stand after such an item, if it cannot: what the item is, and what to do.
fn misfit(node: &Node, sign: char) -> Option<(&'static str, &'static str)> {
    match (node, sign) {
        (Node::Rest, '?' | '/' | '{') | (Node::Hold, '{') => None,
        (Node::Rest, _) => Some(("a rest", "write it right after the note's first step")),
        (Node::Hold, '?' | '/') => {
            Some(("a hold", "a condition is about the whole note: write it after its first step"))
        }
        (Node::Hold, _) => Some(("a hold", "write it right after the note's first step")),
        _ => None,
    }
}

/// A number with perhaps a sign; nothing that is far out of any range.
fn written_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// The message for what stands after `/` and is no condition.
fn no_condition(written: &str) -> Diagnostic {
    const HELP: &str = "conditions are `/1:4`, `/!1:4`, `/1st`, `/fill` and `/!fill`; `|` may mark the beats";
    let word = written.trim_start_matches(['/', '!']);
    let digits = &word[..word.bytes().take_while(u8::is_ascii_digit).count()];
    let help = match nearest(word, ["1st", "fill"].into_iter()) {
        Some("1st") if written.starts_with("/!") => "`/!1:4` leaves out the first of each four passes".to_owned(),
        Some(near) => format!("did you mean `{}{near}`?", if written.starts_with("/!") { "/!" } else { "/" }),
        None if !digits.is_empty() && word.trim_end_matches(':') == digits => {
            let of = if digits == "1" { "4" } else { digits };
            format!("a condition has two numbers: `/1:{of}` is the first of each {of} passes")
        }
        None => HELP.to_owned(),
    };
    match word {
        "" => {
            Diagnostic::new(format!("{} lacks its condition", quoted(written))).label("expected a condition").help(HELP)
        }
        _ => Diagnostic::new(format!("{} is not a condition", quoted(written)))
            .label("expected which passes, `1st` or `fill`")
            .help(help),
    }
}
