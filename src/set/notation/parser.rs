//! From the text of a line to its tree: steps, and the brackets around them.
//!
//! One walk from left to right. Whatever is wrong is reported once, and something harmless takes its place, so that nothing
//! follows from it. Where a walk looks ahead it does so within a bound or remembers what it saw, so that the time is
//! proportional to the text; brackets nest to [`MAX_DEPTH`], so that the stack is bounded too.

use std::ops::Range;

use super::tree::{Choice, Item, Line, Node};
use super::{MAX_DEPTH, STEPS, Voice, is_space};
use crate::engine::program::Target;
use crate::set::diagnostic::{Diagnostic, Report, quoted};
use crate::set::reader::Text;

/// How far the end of a bracket that holds no steps is looked for, in bytes.
const SOON: usize = 2_000;

/// Reads one line of `text`.
pub(in crate::set) fn parse(text: &Text<'_>, line: Range<usize>, voice: Voice<'_>, report: &mut Report) -> Line {
    let mut parser = Parser {
        text,
        voice,
        report,
        at: line.start,
        end: line.end,
        open: Vec::new(),
        missed: Missed::default(),
        unknown: Vec::new(),
        octaves_missed: false,
        slipped: Vec::new(),
        muted: false,
        plain_digits_to: 0,
        closes_to: text.text.get(line.clone()).and_then(|text| text.rfind('>')).map_or(0, |at| line.start + at),
        values: Vec::new(),
    };
    let items = parser.sequence();
    Line { items, values: parser.values }
}

/// Reads steps from left to right.
pub(super) struct Parser<'p, 't> {
    pub text: &'p Text<'t>,
    pub voice: Voice<'p>,
    report: &'p mut Report,
    /// The byte that comes next.
    pub at: usize,
    pub end: usize,
    /// What closes the brackets that are open, the innermost last.
    open: Vec<char>,
    /// What is missing to close brackets, which is said already.
    pub missed: Missed,
    /// What was reported as unknown in this line: once is enough.
    unknown: Vec<char>,
    /// Whether it is said that octaves are missing.
    pub octaves_missed: bool,
    /// What was reported as written as it is elsewhere.
    pub slipped: Vec<&'t str>,
    /// Whether what is wrong follows from something that is reported already.
    pub muted: bool,
    /// Up to here, digits are known not to stand before a bracket.
    plain_digits_to: usize,
    /// Where the last `>` of the line is: after it no choice is closed.
    closes_to: usize,
    pub values: Vec<(Target, u16)>,
}

impl<'t> Parser<'_, 't> {
    /// Returns what is left of the line.
    pub(crate) fn rest(&self) -> &'t str {
        self.text.text.get(self.at..self.end).unwrap_or_default()
    }

    /// The next character.
    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes over `c` if it comes next.
    pub(crate) fn eat(&mut self, c: char) -> bool {
        let comes = self.peek() == Some(c);
        self.at += if comes { c.len_utf8() } else { 0 };
        comes
    }

    /// Goes over white space and `|`, and says whether there was any.
    pub(crate) fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        self.at += length;
        length > 0
    }

    /// Returns how many digits come next.
    pub(crate) fn digits_ahead(&self) -> usize {
        self.rest().bytes().take_while(u8::is_ascii_digit).count()
    }

    /// Goes over the digits that come next; a number too long to read is out of any range.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let length = self.digits_ahead();
        let digits = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        (length > 0).then(|| digits.parse().unwrap_or(u32::MAX))
    }

    /// Returns what is written in `span`.
    pub(crate) fn written(&self, span: &Range<usize>) -> &'t str {
        self.text.text.get(span.clone()).unwrap_or_default()
    }

    /// Reports a mistake at `span`, unless it follows from another one.
    pub(crate) fn mistake(&mut self, span: Range<usize>, make: impl FnOnce() -> Diagnostic) {
        if !self.muted {
            self.report.add(self.text.place(span), make);
        }
    }

    /// Returns whether this is the first time in the line that `sign` is not known.
    pub(crate) fn first_of(&mut self, sign: char) -> bool {
        let first = !self.unknown.contains(&sign);
        // Beyond any sensible number of different ones, once more does not matter, and the list stays short.
        if first && self.unknown.len() < 256 {
            self.unknown.push(sign);
        }
        first
    }

    /// Returns whether a choice is open, so that `>` closes it.
    pub(crate) fn in_choice(&self) -> bool {
        self.open.contains(&'>')
    }

    /// Reads steps up to the end of the line or to what closes a bracket that is open.
    fn sequence(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                Some(c) if !self.open.contains(&c) => self.item(c, &mut items),
                _ => return items,
            }
        }
    }

    fn item(&mut self, c: char, items: &mut Vec<Item>) {
        let start = self.at;
        if matches!(c, ':' | '=' | '!' | '~' | '?' | '*' | '/' | '{' | '>') {
            self.modifier_first(items.is_empty());
            return;
        }
        if matches!(c, ')' | ']' | '}') {
            self.at += 1;
            if !self.missed.forgive(c) {
                self.mistake(start..self.at, || closes_nothing(c));
            }
            return;
        }
        let (start, node) = if self.begins_euclid() {
            let head = items.pop_if(|item| is_plain(item));
            (head.as_ref().map_or(start, |head| head.span.start), self.euclid(head.map(|head| head.node)))
        } else {
            (start, self.node(c, items))
        };
        let span = start..self.at;
        let mut item = match node {
            Some(node) => Item::plain(node, span),
            None => Item::stand_in(span),
        };
        let muted = self.muted;
        self.muted |= item.wrong;
        self.modifiers(&mut item);
        self.muted = muted;
        items.push(item);
    }

    /// A modifier where there is no step before it.
    fn modifier_first(&mut self, begins: bool) {
        let start = self.at;
        if self.peek() == Some('>') && self.missed.forgive('>') {
            self.at += 1;
            return;
        }
        let muted = std::mem::replace(&mut self.muted, true);
        let mut nothing = Item::stand_in(start..start);
        self.modifiers(&mut nothing);
        self.muted = muted;
        let span = nothing.modified.unwrap_or(start..self.at);
        let sign = self.written(&span);
        if begins {
            self.mistake(span, || {
                Diagnostic::new(format!("{} stands before any step", quoted(sign)))
                    .label("there is nothing before this")
                    .help(match sign {
                        "~" => "a rest is `.`; `~` right after a note makes it legato",
                        _ => "it belongs right after the note that it changes",
                    })
            });
        }
    }

    /// Returns where `c` is in what is left of the line, if it is within the next [`SOON`] bytes.
    pub(crate) fn find_soon(&self, c: char) -> Option<usize> {
        let rest = self.rest();
        let soon = (0..=SOON.min(rest.len())).rev().find_map(|end| rest.get(..end));
        soon.and_then(|soon| soon.find(c))
    }

    /// Returns what begins with `c`; `None` when that is a mistake, which is reported.
    fn node(&mut self, c: char, items: &[Item]) -> Option<Node> {
        match c {
            '.' | '_' => {
                self.at += 1;
                Some(if c == '.' { Node::Rest } else { Node::Hold })
            }
            '(' => {
                let start = self.at;
                self.at += 1;
                self.group(start, Some(1), items)
            }
            '<' => self.choice(items),
            '[' => self.chord(),
            '0'..='9' => match self.count_of_group() {
                Some((start, count)) => self.group(start, count, items),
                None => self.degree().map(Node::Note),
            },
            _ => self.tone_or_unknown(c).map(Node::Note),
        }
    }

    /// The number of a group such as `3(x..)`, where one begins here, and where it does; the opening bracket is passed over.
    /// White space between the two does not matter.
    fn count_of_group(&mut self) -> Option<(usize, Option<u32>)> {
        if self.at < self.plain_digits_to {
            return None;
        }
        let start = self.at;
        let number = self.number();
        self.plain_digits_to = self.at;
        let apart = self.skip_space();
        if self.eat('(') {
            // Where numbers are degrees, this could be one and a group after it.
            if apart && self.voice.kit.is_none() && self.voice.scale.is_some() {
                let span = start..self.at;
                let number = self.written(&(start..start + number.map_or(0, |number| number.to_string().len())));
                self.mistake(span, || {
                    Diagnostic::new(format!("{} before a bracket may be a degree, or how often", quoted(number)))
                        .label("with white space between, this could be either")
                        .help(format!("write `{number}(` for a group that is played {number} times, `{number} 1(` for the degree and a group"))
                });
            }
            return Some((start, number));
        }
        self.at = start;
        None
    }

    fn group(&mut self, start: usize, count: Option<u32>, before: &[Item]) -> Option<Node> {
        let opened = self.at;
        if let Some(span) = self.rhythm_of_others(start, before) {
            if before.last().is_some_and(|head| !head.wrong) {
                self.mistake(span.clone(), || {
                    Diagnostic::new("a Euclidean rhythm begins with `e(`")
                        .label("in brackets alone stand steps")
                        .help("for example `e(3,8)`, or `c2 e(3,8)` for a rhythm of that note")
                });
            }
            self.at = span.end;
            return None;
        }
        let items = self.bracketed(start..opened, ')', "for example `3(c2 . .)`")?;
        let span = start..self.at;
        let count = count.filter(|&count| count > 0);
        if items.is_empty() || count.is_none() {
            let no_time = count.is_none();
            self.mistake(span, || match no_time {
                true => Diagnostic::new("a group cannot be played no times")
                    .label("expected a number from 1 up before the bracket")
                    .help("leave the group out, or write rests"),
                false => Diagnostic::new("the group is empty")
                    .label("expected at least one step")
                    .help("for example `3(c2 . .)`"),
            });
            return None;
        }
        Some(Node::Group { count: count?, items })
    }

    /// Reads steps up to `close`, which belongs to what is open at `opener`. `None` where it is nested too deep; that is
    /// reported, and what is in the bracket is passed over.
    fn bracketed(&mut self, opener: Range<usize>, close: char, example: &str) -> Option<Vec<Item>> {
        if self.open.len() >= MAX_DEPTH {
            if self.first_of('(') {
                self.mistake(opener, || {
                    Diagnostic::new("brackets stand too deep within each other")
                        .label("one too many")
                        .help(format!("at most {MAX_DEPTH} of `(..)` and `<..>` may be within each other"))
                });
            }
            self.skip_bracket(close);
            return None;
        }
        self.open.push(close);
        let items = self.sequence();
        self.open.pop();
        if self.eat(close) {
            return Some(items);
        }
        let sign = self.written(&opener);
        let ends = self.peek().is_none();
        if !self.missed.at_end {
            self.mistake(opener, || not_closed(sign, close, ends, example));
        }
        // All that is open at the end of a line is one mistake.
        self.missed.at_end |= ends;
        self.missed.add(close);
        Some(items)
    }

    /// Goes on after the bracket that is open and closed by `close`.
    fn skip_bracket(&mut self, close: char) {
        let open = if close == ')' { '(' } else { '<' };
        let mut depth = 1usize;
        for (at, c) in self.rest().char_indices() {
            depth = if c == open { depth + 1 } else { depth - usize::from(c == close) };
            if depth == 0 {
                self.at += at + 1;
                return;
            }
        }
        self.at = self.end;
    }

    fn choice(&mut self, before: &[Item]) -> Option<Node> {
        let start = self.at;
        self.at += 1;
        let digits = self.digits_ahead();
        if start > self.closes_to && digits > 1 && !before.is_empty() {
            self.at += digits;
            let span = start..self.at;
            let written = self.written(&span);
            self.mistake(span, || {
                Diagnostic::new(format!("{} stands apart from its step", quoted(written)))
                    .label("after white space a choice begins, and this one is not closed")
                    .help(format!("to be early, a step has it right after it: `c2{written}`"))
            });
            return None;
        }
        let mut items = self.bracketed(start..self.at, '>', "for example `<c2 g2>`")?;
        if items.is_empty() {
            let span = start..self.at;
            self.mistake(span, || {
                Diagnostic::new("the choice is empty")
                    .label("expected at least one step")
                    .help("for example `<c2 g2>`, one on each pass in turn")
            });
            return None;
        }
        for item in &mut items {
            let (what, help) = match item.node {
                Node::Hold => ("a hold", "a hold after the choice makes whichever of them plays longer: `<c2 g2>_`"),
                Node::Group { .. } => {
                    ("a group", "a group is several steps; write it in another line, with `/1:2` after it")
                }
                Node::Euclid { .. } => ("a rhythm", "a rhythm may be of a choice: `<c2 g2> e(3,8)`"),
                Node::Rest | Node::Note(_) | Node::Chord(_) | Node::Choice(_) => continue,
            };
            let span = item.span.clone();
            self.mistake(span, || {
                Diagnostic::new(format!("a choice is of single steps, and this is {what}"))
                    .label("expected a note, a rest, a chord or a choice")
                    .help(help)
            });
            *item = Item::stand_in(item.span.clone());
        }
        let sounds = items.iter().any(|item| item.node.sounds());
        Some(Node::Choice(Choice { items, random: false, sounds }))
    }

    /// Goes over what is right after a wrong step: it belongs to the same mistake.
    pub(crate) fn skip_wrong(&mut self) {
        let belongs = |c: char| c.is_ascii_digit() || "#♯♭'".contains(c) || (!c.is_ascii() && !is_space(c));
        let rest = self.rest();
        self.at += rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    }
}

/// The closing brackets that are missing in a line, as far as it is said: where one comes after all, it is not reported.
#[derive(Default)]
pub(super) struct Missed {
    round: usize,
    square: usize,
    curly: usize,
    angle: usize,
    /// Whether it is said that something is open at the end of the line.
    at_end: bool,
}

impl Missed {
    fn count(&mut self, closer: char) -> &mut usize {
        match closer {
            ')' => &mut self.round,
            ']' => &mut self.square,
            '}' => &mut self.curly,
            _ => &mut self.angle,
        }
    }

    /// `closer` is missing.
    pub(crate) fn add(&mut self, closer: char) {
        *self.count(closer) += 1;
    }

    /// Returns whether `>` is missing.
    pub(crate) fn angle(&self) -> bool {
        self.angle > 0
    }

    /// Returns whether `closer` was missing; here it is.
    fn forgive(&mut self, closer: char) -> bool {
        let count = self.count(closer);
        let was_missing = *count > 0;
        *count = count.saturating_sub(1);
        was_missing
    }
}

/// Returns whether a rhythm takes `item` for its head.
fn is_plain(item: &Item) -> bool {
    item.modified.is_none() && !item.wrong && matches!(item.node, Node::Note(_) | Node::Chord(_) | Node::Choice(_))
}

/// The message for a bracket that is not closed on its line.
pub(super) fn not_closed(sign: &str, close: char, ends: bool, example: &str) -> Diagnostic {
    let label = if ends { "the line ends before it is closed" } else { "another bracket is closed before this one" };
    Diagnostic::new(format!("{} is not closed", quoted(sign)))
        .label(label)
        .help(format!("it is closed by `{close}` on the same line, {example}"))
}

/// The message for a closing bracket that belongs to none.
fn closes_nothing(c: char) -> Diagnostic {
    let help = match c {
        ')' => "a group is `3(c2 .)`, a rhythm `e(3,8)`",
        ']' => "a chord is `[c2 e2 g2]`",
        _ => "values are `{74=30}` after a step",
    };
    Diagnostic::new(format!("`{c}` closes nothing")).label("no such bracket is open").help(help)
}

/// The message for a sign that is none of the language.
pub(super) fn unknown_sign(sign: char, written: &str) -> Diagnostic {
    let help = match sign {
        ',' | ';' => "steps need no signs between them; `|` may mark the beats",
        '\\' => "`\\` at the end of a line joins it to the next one in text between `\"\"\"`; here it is just a sign",
        '-' | '–' | '—' => "a rest is `.`, and `_` holds the step before",
        '…' => "a rest is `.`, one for each step",
        '♯' => "a sharp is written `#`, as in `f#3`",
        '♭' => "a flat is written `b`, as in `bb1`",
        '#' if written.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => {
            "a degree is a digit with `'` for an octave up and `,` for one down; other notes have names, as `f#2`"
        }
        '#' if written.len() > 1 => "a comment stands outside of the quotes",
        '^' => "a sharp is written `#` right after the letter, as in `f#2`",
        '=' => "a gate stands right after its step, as in `c2=50`",
        '#' => "a sharp is part of a note name with its octave, as in `f#3`",
        '\'' => "`'` right after a degree is an octave up, as in `1'`",
        '%' => "a gate in per cent is `=50`, chance is `?50`",
        _ => STEPS,
    };
    Diagnostic::new(format!("{} is not known in steps", quoted(written))).label("not known").help(help)
}
