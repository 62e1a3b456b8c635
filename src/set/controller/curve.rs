//! What moves becomes events: a value where it changes, and no more of them than the wire takes.
//!
//! A curve is cut into stretches in which it only rises or only falls. Within one, the tick at which the value changes next
//! is found by halving, so that a curve costs as much as it has values, however long it lasts. What is written as steps is
//! exact; what moves by itself keeps at least an *interval* between two values. All that moves on a port in one pattern
//! shares a part of its wire: a quarter of a DIN cable, so that notes and clock have the rest, or 1,000 messages a second of
//! USB, which is what one frame takes with ease.
//!
//! The shapes use nothing but sums and products, which are the same on every machine.

use super::points::{Points, Shape, Slot};
use super::{Controller, Movement, Wave};
use crate::engine::program::lever::LeverSet;
use crate::engine::program::{Action, Event, MAX_EVENTS, MAX_LENGTH, Steps, Target, Wire};
use crate::midi::Channel;
use crate::set::diagnostic::Diagnostic;
use crate::time::{TICKS_PER_QUARTER, Tempo, TickSpan};

/// How many bytes a second what moves may take of a DIN cable: a quarter of 3,125.
const DIN_BYTES: f64 = 781.25;
/// How many messages a second what moves may take of USB.
const USB_MESSAGES: f64 = 1_000.0;

/// The most values that all controllers of a set may have together: they are many more than the signs that are written.
pub(in crate::set) const MAX_VALUES: usize = 1 << 20;

/// Returns what a value of `target` costs on the wire: bytes on DIN, messages on USB.
fn cost(target: Target, wire: Wire) -> f64 {
    let messages = target.messages(Channel::from_status(0), 0);
    match wire {
        Wire::Din => messages.map(|message| message.to_bytes().as_slice().len()).sum::<usize>() as f64,
        Wire::Usb => messages.count() as f64,
    }
}

/// The least distance between two values, where all of `moving` share a port.
pub(in crate::set) fn interval<'c>(moving: impl Iterator<Item = &'c Controller>, wire: Wire, tempo: Tempo) -> TickSpan {
    let rate = match wire {
        Wire::Din => DIN_BYTES,
        Wire::Usb => USB_MESSAGES,
    };
    let seconds = moving.map(|controller| cost(controller.target, wire)).sum::<f64>() / rate;
    let ticks = seconds * tempo.bpm() / 60.0 * TICKS_PER_QUARTER as f64;
    // A whole number of milliseconds may come out a hair above one of ticks.
    TickSpan(((ticks - 1e-6).ceil() as i64).clamp(1, MAX_LENGTH.0))
}

/// Why a controller cannot be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) enum Excess {
    /// Its points last too long together.
    Length,
    /// It has more points than its loop has ticks.
    Points,
    /// It takes too many values.
    Values,
    /// All controllers of the set take too many values.
    ValuesOfAll,
}

impl Excess {
    /// Returns what is said about it.
    pub(crate) fn mistake(self) -> Diagnostic {
        const FEWER: &str = "shorten the loop, or move it over a smaller range";
        let values = || Diagnostic::new("the controller takes too many values").help(FEWER);
        match self {
            Excess::Length => Diagnostic::new("the points last too long")
                .label(format!("together they last at most {} quarter notes", MAX_LENGTH.0 / TICKS_PER_QUARTER))
                .help("write fewer points, or a shorter `step`"),
            Excess::Points => Diagnostic::new("the points are too short")
                .label(format!("a quarter note has {TICKS_PER_QUARTER} ticks, and each point takes one at least"))
                .help("write fewer points, or say with `step` how long one lasts"),
            Excess::Values => values().label(format!("a controller takes at most {MAX_EVENTS} values in its loop")),
            Excess::ValuesOfAll => {
                values().label(format!("all controllers of a set together take at most {MAX_VALUES}"))
            }
        }
    }
}

impl Controller {
    /// Returns whether it moves by itself.
    pub(crate) fn moves(&self) -> bool {
        match &self.movement {
            Movement::Points { points, .. } => points.moves(),
            Movement::Wave { wave, .. } => *wave != Wave::Square,
            Movement::Random { .. } => false,
        }
    }

    /// Its values in a pattern of length `pattern`, at least `interval` apart where they move by themselves. `left` is how
    /// many the set may still have.
    ///
    /// # Errors
    ///
    /// When the loop is too long, its slots too short, or its values too many.
    pub(crate) fn steps(&self, pattern: TickSpan, interval: TickSpan, left: &mut usize) -> Result<Steps, Excess> {
        let most = MAX_EVENTS.min(*left);
        let mut curve = Curve { target: self.target, interval: interval.0, events: Vec::new(), most };
        let length = match &self.movement {
            Movement::Points { points, step, .. } => {
                let length = points_length(points, *step, pattern)?;
                curve.points(points, length)?;
                length
            }
            &Movement::Wave { wave, low, high, length, phase } => {
                let length = length.unwrap_or(pattern);
                let range = (f64::from(low), f64::from(high));
                curve.wave(wave, range, length.0, length.0 * phase / 100)?;
                length
            }
            &Movement::Random { low, high, length, step } => {
                let length = length.unwrap_or(pattern);
                let mut at = 0;
                while at < length.0 {
                    curve.push(at, Action::Wander(self.target, low, high))?;
                    at += step.0;
                }
                length
            }
        };
        *left -= curve.events.len();
        let levers = LeverSet::of(&curve.events);
        Ok(Steps { length, levers, events: curve.events.into(), chases: true, ..Steps::default() })
    }

    /// Returns where the values are written that are too many.
    pub(crate) fn place(&self) -> std::ops::Range<usize> {
        match &self.movement {
            Movement::Points { span, .. } => span.clone(),
            Movement::Wave { .. } | Movement::Random { .. } => self.span.clone(),
        }
    }
}

/// Returns how long points last together.
fn points_length(points: &Points, step: Option<TickSpan>, pattern: TickSpan) -> Result<TickSpan, Excess> {
    let count = points.slots.len() as i64;
    match step {
        // Both factors are bounded, by the number of points and by the longest length.
        Some(step) if step.0 * count <= MAX_LENGTH.0 => Ok(step * count),
        Some(_) => Err(Excess::Length),
        None if count <= pattern.0 => Ok(pattern),
        None => Err(Excess::Points),
    }
}

/// A stretch in which a value only rises or only falls. `from` and `to` are ticks; the way from `start` to `end` begins at
/// `origin` and takes `span`.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    to: i64,
    origin: f64,
    span: f64,
    start: f64,
    end: f64,
    shape: Shape,
}

impl Stretch {
    fn value(&self, at: i64) -> u16 {
        let way = ((at as f64 - self.origin) / self.span).clamp(0.0, 1.0);
        // In the range of the target, which has 14 bits.
        (self.start + (self.end - self.start) * self.shape.of(way)).round() as u16
    }
}

impl Shape {
    /// Returns how far the value has come when `way` of the time has gone by, both from 0 to 1.
    fn of(self, way: f64) -> f64 {
        match self {
            Shape::Straight => way,
            Shape::Early => way * way,
            Shape::Late => 1.0 - (1.0 - way) * (1.0 - way),
            Shape::Slow if way > 0.5 => 1.0 - Shape::Slow.of(1.0 - way),
            Shape::Slow => {
                // The square of a sine of up to 45 degrees, by its series: the error is below 1e-9.
                let angle = std::f64::consts::FRAC_PI_2 * way;
                let square = angle * angle;
                let terms = [-1.0 / 39_916_800.0, 1.0 / 362_880.0, -1.0 / 5_040.0, 1.0 / 120.0, -1.0 / 6.0, 1.0];
                let sine = angle * terms.iter().fold(0.0, |sum, term| sum * square + term);
                sine * sine
            }
        }
    }
}

/// Events on their way.
struct Curve {
    target: Target,
    interval: i64,
    events: Vec<Event>,
    most: usize,
}

impl Curve {
    fn push(&mut self, at: i64, action: Action) -> Result<(), Excess> {
        if self.events.len() == self.most {
            return Err(if self.most == MAX_EVENTS { Excess::Values } else { Excess::ValuesOfAll });
        }
        self.events.push(Event { at: TickSpan(at), gate: TickSpan::ZERO, action, turn: 0, guard: None });
        Ok(())
    }

    fn send(&mut self, at: i64, value: u16) -> Result<(), Excess> {
        self.push(at, Action::Control(self.target, value))
    }

    /// The value that was sent last, and where.
    fn last(&self) -> Option<(i64, u16)> {
        self.events.last().and_then(|event| match event.action {
            Action::Control(_, value) => Some((event.at.0, value)),
            _ => None,
        })
    }

    fn points(&mut self, points: &Points, length: TickSpan) -> Result<(), Excess> {
        let slots = &points.slots;
        let count = slots.len() as i128;
        let place = |slot: usize| (i128::from(length.0) * slot as i128 / count) as i64;
        // After a rest a value is sent though it may be the same: hands may have been at it.
        let mut rested = true;
        let mut at = 0;
        while let Some(&slot) = slots.get(at) {
            let from = place(at);
            let value = match slot {
                Slot::Value(value) => Some(value),
                Slot::Hold => self.last().map(|(_, value)| value),
                Slot::Rest | Slot::Line(_) => None,
            };
            at += 1;
            let Some(value) = value else {
                rested = true;
                continue;
            };
            if rested || self.last().is_none_or(|(_, last)| last != value) {
                self.send(from, value)?;
            }
            rested = false;
            let Some(&Slot::Line(shape)) = slots.get(at) else { continue };
            while matches!(slots.get(at), Some(Slot::Line(_))) {
                at += 1;
            }
            let (to, is_goal) = (place(at), at == slots.len());
            let end = match slots.get(at) {
                Some(&Slot::Value(end)) => end,
                _ => points.goal.unwrap_or(value),
            };
            let (start, end) = (f64::from(value), f64::from(end));
            let span = (to - from).max(1) as f64;
            self.stretch(&Stretch { from, to, origin: from as f64, span, start, end, shape }, is_goal)?;
        }
        Ok(())
    }

    /// Returns what is sent within a stretch after its beginning. Its end is the beginning of something else, up to which an
    /// interval is kept, or `is_goal`, whose value has to be reached before the loop begins again.
    fn stretch(&mut self, stretch: &Stretch, is_goal: bool) -> Result<(), Excess> {
        let last = if is_goal { stretch.to - 1 } else { stretch.to - self.interval };
        self.follow(stretch, last)?;
        let goal = stretch.end as u16;
        let (Some((at, value)), true) = (self.last(), is_goal) else { return Ok(()) };
        if value == goal {
            return Ok(());
        }
        if last - at >= self.interval {
            self.send(last, goal)
        } else {
            // There is no room for one more: the last one takes it over, unless it is where the line begins.
            if let Some(event) = self.events.last_mut().filter(|_| at > stretch.from) {
                event.action = Action::Control(self.target, goal);
            }
            Ok(())
        }
    }

    /// Sends the value wherever it changes within a stretch, up to `last`.
    fn follow(&mut self, stretch: &Stretch, last: i64) -> Result<(), Excess> {
        while let Some((at, value)) = self.last() {
            let next = (at + self.interval).max(stretch.from);
            if next > last || stretch.value(last) == value {
                return Ok(());
            }
            // The first tick at which the value is another one.
            let (mut same, mut other) = (next - 1, last);
            if stretch.value(next) != value {
                other = next;
            } else {
                while other - same > 1 {
                    let middle = same + (other - same) / 2;
                    if stretch.value(middle) == value { same = middle } else { other = middle }
                }
            }
            self.send(other, stretch.value(other))?;
        }
        Ok(())
    }

    /// A wave that begins `phase` ticks after its own beginning.
    fn wave(&mut self, wave: Wave, (low, high): (f64, f64), length: i64, phase: i64) -> Result<(), Excess> {
        let phase = phase % length;
        let (whole, begin) = (length as f64, phase as f64);
        match wave {
            Wave::Square => {
                let falls = (length + 1) / 2;
                let is_high = phase < falls;
                let (first, second) = if is_high { (high, low) } else { (low, high) };
                let change = if is_high { falls - phase } else { length - phase };
                self.send(0, first as u16)?;
                self.send_change(change, second, length)?;
                self.send_change(length - phase + if is_high { 0 } else { falls }, first, length)
            }
            Wave::Saw => {
                let stretch = |from: i64, to: i64, origin: f64| Stretch {
                    from,
                    to,
                    origin,
                    span: whole,
                    start: low,
                    end: high,
                    shape: Shape::Straight,
                };
                let first = stretch(0, length - phase, -begin);
                self.send(0, first.value(0))?;
                self.stretch(&first, true)?;
                if phase > 0 {
                    self.send(length - phase, low as u16)?;
                    let last = stretch(length - phase, length, whole - begin);
                    self.follow(&last, length - 1)?;
                }
                Ok(())
            }
            Wave::Sine | Wave::Triangle | Wave::Random => {
                let shape = if wave == Wave::Triangle { Shape::Straight } else { Shape::Slow };
                let half = whole / 2.0;
                for turn in 0..5 {
                    // From a quarter before the wave on: up, down, and so on.
                    let origin = (f64::from(turn) - 0.5) * half - begin;
                    let (start, end) = if turn % 2 == 0 { (low, high) } else { (high, low) };
                    let (from, to) = (origin.ceil() as i64, (origin + half).ceil() as i64);
                    let stretch =
                        Stretch { from: from.max(0), to: to.min(length), origin, span: half, start, end, shape };
                    if stretch.from >= stretch.to {
                        continue;
                    }
                    if self.events.is_empty() {
                        self.send(0, stretch.value(0))?;
                    }
                    self.follow(&stretch, stretch.to - 1)?;
                }
                Ok(())
            }
        }
    }

    /// Sends a value at `at`, if the loop is as long, and if it is another one.
    fn send_change(&mut self, at: i64, value: f64, length: i64) -> Result<(), Excess> {
        let changes = self.last().is_none_or(|(_, last)| last != value as u16);
        if at < length && changes { self.send(at, value as u16) } else { Ok(()) }
    }
}
