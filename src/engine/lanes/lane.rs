//! One lane: where it is in its loop or its generator, and what it plays next.

use super::feed::{Feeds, Grid};
use super::{Class, FOREVER, InputState, Played, SetTo, Span, Strike};
use crate::engine::lanes::chance::{Random, draw, scaled};
use crate::engine::program::lever::{Lever, LeverSet};
use crate::engine::program::{
    Action, Arp, ArpKeys, Condition, Event, GuardIndex, Lane, MAX_CONDITIONS, Pick, Source, Steps, Swing, Target,
    TrackSlot,
};
use crate::midi::Key;
use crate::time::{Tick, TickSpan};

/// How far a legato note sounds into the one that follows: 5 ms at 125 BPM, enough for a synthesizer to see both keys
/// down, and inside one clock pulse.
const LEGATO_OVERLAP: TickSpan = TickSpan(10);

/// How many notes an arpeggio may be moved on to reach a position. Farther off, it begins anew.
const LONGEST_CATCH_UP: usize = 64;

/// How many events a lane is looked back at for what it has said of levers.
pub const LONGEST_LOOK_BACK: usize = 1_024;

/// The dice of values that wander are counted from here, those of conditions from 0.
const WANDERING_DICE: u32 = 1 << 31;

/// Where a lane is.
#[derive(Clone, Copy, Debug)]
pub(super) struct LaneState {
    /// The track that it plays on.
    pub track: TrackSlot,
    /// The position of its next event, or of the rest that a generator takes there. Feed: nothing plays before it.
    next: Tick,
    /// Steps: the current pass through the loop.
    pass: i64,
    /// Steps: whether the events before the very first pass are being made up for.
    begins: bool,
    /// Steps: the next event, or where `begins`, the next of those that are early. Arpeggio: the next key.
    cursor: usize,
    /// Arpeggio: the next length.
    turn: usize,
    /// Arpeggio: the next note in straight time, from the lane's origin.
    at: TickSpan,
    /// Arpeggio: how much has been played since it began, up to its rest span.
    played: TickSpan,
    random: Random,
}

impl Default for LaneState {
    fn default() -> LaneState {
        LaneState {
            track: TrackSlot(0),
            next: Tick::ZERO,
            pass: 0,
            begins: false,
            cursor: 0,
            turn: 0,
            at: TickSpan::ZERO,
            played: TickSpan::ZERO,
            random: Random::new(0, 0),
        }
    }
}

impl LaneState {
    /// The beginning of `lane` on `track`, not yet at any position.
    pub(crate) fn new(track: TrackSlot, lane: &Lane) -> LaneState {
        LaneState { track, random: Random::new(lane.seed, 0), ..LaneState::default() }
    }

    /// The position and the class of the next event; `None` when the lane is silent.
    pub(crate) fn next(&mut self, lane: &Lane, origin: Tick, feeds: &Feeds) -> Option<(Tick, Class)> {
        match &lane.source {
            Source::Steps(steps) => {
                let class = match self.event(steps)?.action {
                    // What chooses a sound is for the notes of its own line, and of those below.
                    action if action.is_sound() => Class::Note,
                    Action::Prepare(..) => Class::Prepare,
                    Action::Note { .. } => Class::Note,
                    Action::Control(..) | Action::Wander(..) => Class::Control,
                };
                Some((self.next, class))
            }
            Source::Arp(_) => Some((self.next, Class::Note)),
            &Source::Feed(feed) => {
                let first = feeds.first(feed, Grid { origin, lane }, self.next)?;
                self.next = first.0;
                Some(first)
            }
        }
    }

    /// Goes to the first event at or after `position`. The lane began at `origin`; bars have the length `bar`.
    pub(crate) fn locate(&mut self, lane: &Lane, origin: Tick, position: Tick, bar: TickSpan) {
        match &lane.source {
            Source::Steps(steps) => self.locate_steps(steps, lane.swing, origin, position),
            Source::Arp(arp) => self.locate_arp(arp, lane, origin, position, bar),
            Source::Feed(_) => self.next = position,
        }
    }

    fn locate_steps(&mut self, steps: &Steps, swing: Swing, origin: Tick, position: Tick) {
        let straight = swing.straighten(position - origin);
        self.pass = straight.0.div_euclid(length_of(steps).0);
        let within = TickSpan(straight.0.rem_euclid(length_of(steps).0));
        self.begins = position == origin && !steps.early.is_empty();
        if self.begins {
            self.cursor = 0;
            self.next = origin;
            return;
        }
        self.cursor = steps.events.partition_point(|event| event.at < within);
        let lies_before = within > TickSpan::ZERO || self.pass > 0;
        let is_on_it = steps.events.get(self.cursor).is_some_and(|event| event.at == within);
        if steps.chases && lies_before && !is_on_it && !steps.events.is_empty() {
            if self.cursor == 0 {
                self.cursor = steps.events.len();
                self.pass -= 1;
            }
            self.cursor -= 1;
            self.next = position;
        } else {
            self.settle(steps, swing, origin);
        }
    }

    /// The event that the cursor is on.
    fn event<'s>(&self, steps: &'s Steps) -> Option<&'s Event> {
        match self.begins {
            true => steps.events.get(*steps.early.get(self.cursor)? as usize),
            false => steps.events.get(self.cursor),
        }
    }

    /// Settles `next` from `pass` and `cursor`, going on to the next pass at the end of the loop.
    fn settle(&mut self, steps: &Steps, swing: Swing, origin: Tick) {
        if self.begins && self.cursor < steps.early.len() {
            return;
        }
        if self.begins {
            (self.begins, self.cursor) = (false, 0);
        }
        if self.cursor >= steps.events.len() {
            self.cursor = 0;
            self.pass += 1;
        }
        if let Some(event) = steps.events.get(self.cursor) {
            self.next = origin + swing.bend(length_of(steps) * self.pass + event.at);
        }
    }

    /// Takes the next event; `None` when it is not played this time.
    pub(crate) fn play(&mut self, lane: &Lane, span: Span, input: InputState<'_>, feeds: &mut Feeds) -> Option<Played> {
        match &lane.source {
            Source::Steps(steps) => self.play_steps(steps, lane, span, input),
            Source::Arp(arp) => self.play_arp(arp, lane, span.origin, input),
            &Source::Feed(feed) => feeds.take(feed, Grid { origin: span.origin, lane }, self.track, self.next),
        }
    }

    fn play_steps(&mut self, steps: &Steps, lane: &Lane, span: Span, input: InputState<'_>) -> Option<Played> {
        let Span { origin, end } = span;
        let event = self.event(steps)?;
        let begins = self.begins;
        let (at, index) = (self.next, self.cursor);
        let pass = if begins { 0 } else { self.pass + i64::from(event.turn) };
        let loops = length_of(steps) * self.pass;
        // What is late on the last step cannot be so before the first pass, and what is early has no place where its own
        // pass will not come.
        let belongs_nowhere = match event.turn {
            ..=-1 => self.pass == 0,
            1.. if !begins => origin + loops + length_of(steps) >= end,
            _ => false,
        };
        self.cursor += 1;
        self.settle(steps, lane.swing, origin);
        if belongs_nowhere || !holds(steps, event.guard, lane.seed, pass, input.fill) {
            return None;
        }
        let track = self.track;
        Some(match event.action {
            Action::Note { key, velocity, legato } => {
                let overlap = if legato { LEGATO_OVERLAP } else { TickSpan::ZERO };
                let straight = if begins { TickSpan::ZERO } else { loops + event.at };
                let off = origin + lane.swing.bend(straight + event.gate) + overlap;
                Played::Note(Strike { track, at, key, velocity, off: off.max(at + TickSpan(1)) })
            }
            action @ (Action::Prepare(..) | Action::Control(..) | Action::Wander(..)) => {
                let (target, value) = value_of(action, lane.seed, pass, index)?;
                let needed = matches!(action, Action::Prepare(..));
                Played::Value(SetTo { track, target, value, needed, until: FOREVER })
            }
        })
    }

    /// Returns what the lane says of `lever` at `position` under no condition, if that is where it is.
    pub(crate) fn says(&self, lane: &Lane, position: Tick, lever: Lever) -> Option<SetTo> {
        let Source::Steps(steps) = &lane.source else { return None };
        if self.begins || self.next != position || !steps.levers.contains(lever) {
            return None;
        }
        let at = steps.events.get(self.cursor)?.at;
        let there = steps.events.iter().enumerate().skip(self.cursor).take_while(|(_, event)| event.at == at);
        there.take(LONGEST_LOOK_BACK).find_map(|(index, event)| {
            let (target, value) = value_of(event.action, lane.seed, self.pass, index)?;
            let needed = matches!(event.action, Action::Prepare(..));
            let sets = event.guard.is_none() && event.turn == 0 && target.levers().any(|known| known == lever);
            sets.then_some(SetTo { track: self.track, target, value, needed, until: FOREVER })
        })
    }

    /// What the lane has said of levers before its next event, and before `position`: for each the last value.
    pub(crate) fn passed(
        &self,
        lane: &Lane,
        position: Tick,
        fill: bool,
        feeds: &Feeds,
        passed: &mut [Option<SetTo>; Lever::COUNT],
    ) {
        let steps = match &lane.source {
            Source::Steps(steps) => steps,
            Source::Arp(_) => return,
            &Source::Feed(feed) => return feeds.passed(feed, passed),
        };
        // A curve that begins in its middle says at once where it is.
        let says_itself = steps.chases && self.next <= position;
        if steps.levers.is_empty() || self.begins || says_itself {
            return;
        }
        let (mut pass, mut cursor, mut found) = (self.pass, self.cursor, LeverSet::default());
        for _ in 0..LONGEST_LOOK_BACK {
            if cursor == 0 {
                (pass, cursor) = (pass - 1, steps.events.len());
            }
            let Some(index) = cursor.checked_sub(1).filter(|_| pass >= 0 && found != steps.levers) else { return };
            cursor = index;
            let Some(event) = steps.events.get(index) else { return };
            let (Action::Prepare(target, _) | Action::Control(target, _) | Action::Wander(target, ..)) = event.action
            else {
                continue;
            };
            let Some(first) = target.levers().find(|&lever| !found.contains(lever)) else { continue };
            let of_pass = pass + i64::from(event.turn);
            if of_pass < 0 || !holds(steps, event.guard, lane.seed, of_pass, fill) {
                continue;
            }
            found = found.with_target(target);
            let value = value_of(event.action, lane.seed, of_pass, index);
            let set = |(target, value)| SetTo { track: self.track, target, value, needed: true, until: FOREVER };
            passed[first.index()] = value.map(set);
        }
    }

    fn locate_arp(&mut self, arp: &Arp, lane: &Lane, origin: Tick, position: Tick, bar: TickSpan) {
        let goal = lane.swing.straighten(position - origin);
        for _ in 0..LONGEST_CATCH_UP {
            if self.at < goal {
                self.advance_arp(arp);
            }
        }
        let ahead = self.at - goal;
        if ahead < TickSpan::ZERO || ahead > longest(arp) {
            *self = LaneState::new(self.track, lane);
            self.at = lane.swing.straighten(position.round_up_to(bar) - origin);
        }
        self.next = origin + lane.swing.bend(self.at);
    }

    fn play_arp(&mut self, arp: &Arp, lane: &Lane, origin: Tick, input: InputState<'_>) -> Option<Played> {
        let at = self.next;
        let straight = self.at;
        let turn = self.cursor;
        let Note { length, rests, mut random } = self.advance_arp(arp);
        self.next = origin + lane.swing.bend(self.at);
        let key = match &arp.keys {
            ArpKeys::Written(keys, pick) => random.choose(keys, *pick, turn),
            &ArpKeys::Held { port, channel, order, octave } => {
                let held = input.keyboards.held(port, channel, order, turn, |bound| random.below(bound));
                if held.is_none() {
                    // Whatever is pressed next begins with the first turn.
                    self.cursor = 0;
                }
                held.map(|key| key.transposed(12 * i32::from(octave)))
            }
        };
        let off = origin + lane.swing.bend(straight + TickSpan(length.percent(arp.gate).0.max(1)));
        let strike =
            |key: Key| Strike { track: self.track, at, key, velocity: arp.velocity, off: off.max(at + TickSpan(1)) };
        key.filter(|_| !rests).map(|key| Played::Note(strike(key)))
    }

    /// Goes on by one note of the arpeggio. Always takes the same from chance, whether the note is played or not.
    fn advance_arp(&mut self, arp: &Arp) -> Note {
        let rests = arp.rest.is_some_and(|_| self.played == TickSpan::ZERO);
        let length = self.random.choose(&arp.lengths, arp.next_length, self.turn).unwrap_or(TickSpan::QUARTER);
        let random = Random::new(self.random.next(), 0);
        self.turn = (self.turn + 1) % arp.lengths.len().max(1);
        self.cursor = match &arp.keys {
            ArpKeys::Written(keys, _) => (self.cursor + 1) % keys.len().max(1),
            ArpKeys::Held { .. } => self.cursor.wrapping_add(1),
        };
        self.at += TickSpan(length.0.max(1));
        if let Some(rest) = arp.rest {
            self.played = TickSpan((self.played + length).0.rem_euclid(rest.0.max(1)));
        }
        Note { length, rests, random }
    }
}

/// The value that the event in place `index` sets in pass number `pass`; none of a note.
fn value_of(action: Action, seed: u64, pass: i64, index: usize) -> Option<(Target, u16)> {
    match action {
        Action::Note { .. } => None,
        Action::Prepare(target, value) | Action::Control(target, value) => Some((target, value)),
        Action::Wander(target, low, high) => {
            let many = u64::from(high.saturating_sub(low)) + 1;
            let die = WANDERING_DICE + index as u32;
            Some((target, low + scaled(draw(seed, pass, die), many) as u16))
        }
    }
}

/// A note of an arpeggio, before its key is chosen.
struct Note {
    length: TickSpan,
    rests: bool,
    /// What the key is drawn with, if it is.
    random: Random,
}

impl Random {
    /// One of `choices`: number `turn`, or any.
    fn choose<T: Copy>(&mut self, choices: &[T], pick: Pick, turn: usize) -> Option<T> {
        let index = match pick {
            Pick::Turn => turn,
            Pick::Random => self.below(choices.len()),
        };
        choices.get(index).copied()
    }
}

/// Returns whether every condition of the chain that begins at `guard` holds in pass number `pass` of a lane with seed `seed`. At
/// most [`MAX_CONDITIONS`] are asked. Real-time safe.
#[must_use]
pub fn holds(steps: &Steps, guard: Option<GuardIndex>, seed: u64, pass: i64, fill: bool) -> bool {
    let mut next = guard;
    for _ in 0..MAX_CONDITIONS {
        let Some(guard) = next.and_then(|index| steps.guards.get(index.index())) else { return true };
        let turn = |of: u32| pass.rem_euclid(i64::from(of.max(1)));
        let holds = match guard.condition {
            Condition::Turn { turn: wanted, of } => turn(of) == i64::from(wanted),
            Condition::NotTurn { turn: unwanted, of } => turn(of) != i64::from(unwanted),
            Condition::TurnAmong { turn: wanted, of, left_out, each } => {
                let (each, left_out) = (i64::from(each.max(2)), i64::from(left_out));
                let within = pass.rem_euclid(each);
                let among = pass.div_euclid(each) * (each - 1) + within - i64::from(within > left_out);
                within != left_out && among.rem_euclid(i64::from(of.max(1))) == i64::from(wanted)
            }
            Condition::Once => pass == 0,
            Condition::Chance { percent, die } => scaled(draw(seed, pass, die), 100) < u64::from(percent),
            Condition::Side { side, of, die } => scaled(draw(seed, pass, die), u64::from(of)) == u64::from(side),
            Condition::Fill(wanted) => fill == wanted,
        };
        if !holds {
            return false;
        }
        next = guard.next;
    }
    true
}

/// The length of a loop. A compiled program has no empty ones; were there one, time would stand still in it.
fn length_of(steps: &Steps) -> TickSpan {
    TickSpan(steps.length.0.max(1))
}

fn longest(arp: &Arp) -> TickSpan {
    arp.lengths.iter().copied().max().unwrap_or(TickSpan::ZERO)
}
