//! A row of steps becomes a loop of events in ticks.
//!
//! A step's conditions are on every event that it makes, as a chain; a choice makes the events of all that it chooses from,
//! each under the condition that it is the one. Times are fractions of steps until the very end: whatever is early, late,
//! split or held is computed from the place of its step, and rounded to a tick once.

use std::collections::BTreeSet;
use std::ops::Range;

use super::Compiler;
use crate::engine::program::lever::LeverSet;
use crate::engine::program::{Action, Condition, Event, Guard, GuardIndex, MAX_EVENTS, MAX_LENGTH, Steps, Target};
use crate::set::diagnostic::{Diagnostic, Report};
use crate::set::notation::{self, Choice, Length, Mods, Node, Spent, Step, Tone, TooLong, Turn, Voice};
use crate::time::TickSpan;

/// How many of the last chains of conditions are looked through for one that is the same.
const CHAINS: usize = 8;

impl Compiler<'_, '_> {
    /// Compiles one line of steps of length `step`. `None` only with a mistake in the report.
    pub(super) fn steps(
        &self,
        line: Range<usize>,
        step: TickSpan,
        voice: Voice<'_>,
        report: &mut Report,
    ) -> Option<Steps> {
        let text = &self.lane.text;
        let line = notation::parse(text, line, voice, report);
        let most = usize::try_from(MAX_LENGTH.0 / step.0).ok()?;
        let mut row = match notation::write_out(&line, most, self.budget) {
            Ok(row) => row,
            Err(too_long) => {
                self.too_long(too_long, report);
                return None;
            }
        };
        notation::join(&mut row, text, report);
        let length = step * i64::try_from(row.count).ok().filter(|&count| count > 0)?;
        let mut score = Score {
            compiler: self,
            values: &line.values,
            step: step.0,
            length: length.0,
            events: Vec::with_capacity(row.steps.len()),
            guards: Vec::new(),
            chains: Vec::new(),
            sides: Vec::new(),
            dice: 0,
        };
        for written in &row.steps {
            let next = row.step((written.at + written.steps) % row.count).filter(|next| next.node.sounds());
            let next = next.and_then(|next| next.mods.shift).unwrap_or(0);
            let place = Place { at: written.at, steps: written.steps, next };
            if let Err(stop) = score.step(written, place) {
                self.stopped(stop, written.span.clone(), report);
                return None;
            }
        }
        Some(score.finish())
    }

    fn too_long(&self, too_long: TooLong, report: &mut Report) {
        let text = &self.lane.text;
        match too_long {
            TooLong::Budget(span) => self.budget.report(text.place(span), report),
            TooLong::Steps(span) => report.add(text.place(span), || {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Diagnostic::new("the line of steps is too long")
                    .label(format!("a line lasts at most {longest} quarter notes"))
                    .help("write fewer steps, or make them shorter")
            }),
        }
    }

    fn stopped(&self, stop: Stop, span: Range<usize>, report: &mut Report) {
        let place = self.lane.text.place(span);
        let mistake = match stop {
            Stop::Budget => return self.budget.report(place, report),
            Stop::Events => Diagnostic::new("the line of steps has too many notes")
                .label("one too many")
                .help(format!("a line has at most {MAX_EVENTS} notes")),
            Stop::Gate => {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Diagnostic::new("the note is too long")
                    .label(format!("a note sounds for at most {longest} quarter notes"))
                    .help("give it a smaller gate")
            }
            Stop::Rounds => Diagnostic::new("the choices within each other come round too rarely")
                .label("it would be years until all of them were heard")
                .help("choose from fewer, or at random: `<a b>?`"),
        };
        report.add(place, || mistake);
    }
}

/// Why a step has no events.
enum Stop {
    /// The line has too many of them.
    Events,
    /// A note would be longer than notes may be.
    Gate,
    /// Choices within each other have a period that cannot be counted.
    Rounds,
    /// The set is written out to too much.
    Budget,
}

impl From<Spent> for Stop {
    fn from(Spent: Spent) -> Stop {
        Stop::Budget
    }
}

/// Where a step is in its line.
#[derive(Clone, Copy)]
struct Place {
    /// Its number, from 0.
    at: usize,
    /// For how many steps it is held.
    steps: usize,
    /// By how many per cent of a step the note that follows it is late.
    next: i8,
}

/// Which of the passes something comes round on: number `turn` of each `of`.
#[derive(Clone, Copy)]
struct Rounds {
    turn: u32,
    of: u32,
    /// Of each so many passes (the second), one does not count (the first).
    without: Option<(u32, u32)>,
}

impl Rounds {
    const ALL: Rounds = Rounds { turn: 0, of: 1, without: None };

    /// Those on which item `item` of `items` comes round that take turns: each time that all of them do, the next.
    fn of_item(self, item: usize, items: usize) -> Option<Rounds> {
        let of = self.of.checked_mul(u32::try_from(items).ok()?)?;
        let turn = self.of.checked_mul(u32::try_from(item).ok()?)?.checked_add(self.turn)?;
        Some(Rounds { turn, of, ..self })
    }
}

/// What holds for a note wherever in its step it is.
#[derive(Clone, Copy)]
struct Under {
    mods: Mods,
    /// What its chance is thrown with, if it has one: the same for all that shares it.
    die: Option<u32>,
    rounds: Rounds,
    place: Place,
}

/// The events of a line, as far as they are made.
struct Score<'s, 'c> {
    compiler: &'s Compiler<'c, 'c>,
    values: &'s [(Target, u16)],
    /// The length of a step, in ticks.
    step: i64,
    /// The length of the line, in ticks.
    length: i64,
    events: Vec<Event>,
    guards: Vec<Guard>,
    /// The chains that were made last, for events under the same conditions.
    chains: Vec<(Vec<Condition>, GuardIndex)>,
    /// What the random choices around the current note have to fall on.
    sides: Vec<Condition>,
    /// How many dice there are so far. They are numbered in the order in which the line is written out.
    dice: u32,
}

impl Score<'_, '_> {
    fn step(&mut self, step: &Step<'_>, place: Place) -> Result<(), Stop> {
        if !step.node.sounds() && step.mods.values.is_none() {
            // Silence throws no dice, so that the chance of a group is that of its notes.
            return Ok(());
        }
        let die = step.mods.chance.map(|_| self.die());
        self.node(step.node, Under { mods: step.mods, die, rounds: Rounds::ALL, place })
    }

    fn die(&mut self) -> u32 {
        self.dice += 1;
        self.dice - 1
    }

    /// Makes the events of `node`. Recursion is as deep as choices nest.
    fn node(&mut self, node: &Node, under: Under) -> Result<(), Stop> {
        match node {
            Node::Note(tone) => self.notes(std::slice::from_ref(tone), under),
            Node::Chord(tones) => self.notes(tones, under),
            Node::Choice(choice) => self.choice(choice, under),
            // Rests and holds may have values; groups and rhythms are written out.
            Node::Rest | Node::Hold | Node::Group { .. } | Node::Euclid { .. } => self.notes(&[], under),
        }
    }

    /// A choice that takes turns does so each time that it comes round itself: within another one, and under `/1:4` or `/!1:4`.
    /// Otherwise some of what is in it would never be heard.
    fn choice(&mut self, choice: &Choice, mut under: Under) -> Result<(), Stop> {
        let count = choice.items.len();
        self.compiler.budget.take(count)?;
        let side = choice.random.then(|| self.die());
        let is_first = under.rounds.of == 1 && under.rounds.without.is_none();
        if let (None, true, Some(Turn { turn, of, not })) = (side, is_first, under.mods.turn) {
            under.mods.turn = None;
            under.rounds = match not {
                false => Rounds { turn, of, without: None },
                true => Rounds { without: Some((turn, of)), ..Rounds::ALL },
            };
        }
        for (number, item) in choice.items.iter().enumerate() {
            // What belongs to the notes does not belong to a rest.
            let values = under.mods.values.filter(|_| item.node.sounds());
            let mut inner = Under { mods: item.mods.within(Mods { values, ..under.mods }), ..under };
            if item.mods.chance.is_some() {
                inner.die = Some(self.die());
            }
            if let Some(die) = side {
                self.sides.push(Condition::Side { side: number as u32, of: count as u32, die });
            } else {
                inner.rounds = under.rounds.of_item(number, count).ok_or(Stop::Rounds)?;
            }
            self.node(&item.node, inner)?;
            if side.is_some() {
                self.sides.pop();
            }
        }
        Ok(())
    }

    /// Makes the values of a step and its notes, each as often as it is split.
    fn notes(&mut self, tones: &[Tone], under: Under) -> Result<(), Stop> {
        let Under { mods, place, .. } = under;
        let values = mods.values.and_then(|(from, to)| self.values.get(from as usize..to as usize)).unwrap_or_default();
        if tones.is_empty() && values.is_empty() {
            return Ok(());
        }
        let guard = self.guard(under);
        let parts = i64::from(mods.ratchet.unwrap_or(1));
        self.compiler.budget.take(values.len() + tones.len() * parts as usize - usize::from(values.is_empty()))?;
        let shift = mods.shift.unwrap_or(0);
        for &(target, value) in values {
            self.push(self.at(place, shift, 0, 1), TickSpan::ZERO, Action::Prepare(target, value), guard)?;
        }
        for part in 0..parts {
            let at = self.at(place, shift, part, parts);
            let legato = mods.length == Some(Length::Legato);
            let gate = match mods.length {
                Some(Length::Legato) if part + 1 < parts => self.at(place, shift, part + 1, parts) - at,
                Some(Length::Legato) => self.at(place, place.next, parts, parts) - at,
                Some(Length::Gate(percent)) => self.gate(place, percent, parts),
                None => self.gate(place, self.compiler.lane.gate.unwrap_or(self.compiler.track.gate), parts),
            };
            let gate = TickSpan(gate.max(1));
            if gate > MAX_LENGTH {
                return Err(Stop::Gate);
            }
            for tone in tones {
                let velocity = self.compiler.velocity(mods.velocity, mods.accent || tone.accent);
                self.push(at, gate, Action::Note { key: tone.key, velocity, legato }, guard)?;
            }
        }
        Ok(())
    }

    /// Returns where part `part` of `parts` of a step is that is late by `shift` per cent, in ticks from the beginning of the line.
    fn at(&self, place: Place, shift: i8, part: i64, parts: i64) -> i64 {
        let steps = (place.at as i64 * 100 + i64::from(shift)) * parts + place.steps as i64 * 100 * part;
        rounded(self.step * steps, 100 * parts)
    }

    /// Returns how long `percent` of one of `parts` of a step is.
    fn gate(&self, place: Place, percent: u32, parts: i64) -> i64 {
        rounded(self.step * place.steps as i64 * i64::from(percent), 100 * parts)
    }

    /// Adds an event at `at`, which may be before the beginning of the line or after its end: it is then played in the pass
    /// before or after its own.
    fn push(&mut self, at: i64, gate: TickSpan, action: Action, guard: Option<GuardIndex>) -> Result<(), Stop> {
        if self.events.len() >= MAX_EVENTS {
            return Err(Stop::Events);
        }
        // Less than a step before it, and less than its length after its end.
        let passes = at.div_euclid(self.length).clamp(-1, 1);
        let at = TickSpan(at.rem_euclid(self.length));
        self.events.push(Event { at, gate, action, turn: -passes as i8, guard });
        Ok(())
    }

    /// The chain of all conditions; `None` without any.
    fn guard(&mut self, under: Under) -> Option<GuardIndex> {
        let Under { mods, die, rounds, .. } = under;
        let all = rounds.of == 1 && rounds.without.is_none();
        if all && self.sides.is_empty() && !mods.is_conditional() {
            return None;
        }
        let mut chain = Vec::new();
        let Rounds { turn, of, without } = rounds;
        match without {
            Some((left_out, each)) => chain.push(Condition::TurnAmong { turn, of, left_out, each }),
            None if of > 1 => chain.push(Condition::Turn { turn, of }),
            None => {}
        }
        chain.extend(mods.turn.map(|Turn { turn, of, not }| match not {
            false => Condition::Turn { turn, of },
            true => Condition::NotTurn { turn, of },
        }));
        chain.extend(mods.once.then_some(Condition::Once));
        chain.extend(mods.fill.map(Condition::Fill));
        chain.extend(&self.sides);
        chain.extend(mods.chance.zip(die).map(|(percent, die)| Condition::Chance { percent, die }));
        if let Some((_, index)) = self.chains.iter().find(|(known, _)| *known == chain) {
            return Some(*index);
        }
        let mut next = None;
        let first = u32::try_from(self.guards.len()).ok().and_then(GuardIndex::new)?;
        for (place, &condition) in chain.iter().enumerate() {
            if place + 1 < chain.len() {
                next = u32::try_from(self.guards.len() + 1).ok().and_then(GuardIndex::new);
            }
            self.guards.push(Guard { condition, next: next.take() });
        }
        if self.chains.len() == CHAINS {
            self.chains.remove(0);
        }
        self.chains.push((chain, first));
        Some(first)
    }

    /// The events that are played at the very beginning, since they are early: of the notes that a step is split into the
    /// last one, unless another one follows right there.
    fn early(&self) -> Box<[u32]> {
        let key = |event: &Event| match event.action {
            Action::Note { key, .. } => Some((key, event.guard.map(GuardIndex::index))),
            _ => None,
        };
        let begins = self.events.iter().take_while(|event| event.at == TickSpan::ZERO);
        let mut struck: BTreeSet<_> = begins.filter(|event| event.turn == 0).filter_map(key).collect();
        let events: Vec<(u32, &Event)> = (0..).zip(&self.events).collect();
        let early = events.into_iter().rev().filter(|(_, event)| event.turn == 1);
        let mut early: Vec<u32> = early
            .filter(|(_, event)| key(event).is_none_or(|key| struck.insert(key)))
            .map(|(index, _)| index)
            .collect();
        early.reverse();
        early.into()
    }

    fn finish(mut self) -> Steps {
        // As they leave among those of other lines.
        let class = |action: Action| match action {
            Action::Prepare(..) if action.is_sound() => 1,
            Action::Prepare(..) => 0,
            Action::Note { .. } | Action::Control(..) | Action::Wander(..) => 2,
        };
        self.events.sort_by_key(|event| (event.at, class(event.action)));
        let early = self.early();
        Steps {
            length: TickSpan(self.length),
            levers: LeverSet::of(&self.events),
            events: self.events.into(),
            early,
            guards: self.guards.into(),
            chases: false,
        }
    }
}

/// The nearest whole number to a fraction; of two, the higher.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    (2 * dividend + divisor).div_euclid(2 * divisor)
}
