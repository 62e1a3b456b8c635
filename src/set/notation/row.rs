//! A line written out: groups as often as they say, rhythms hit by hit, holds added to what they hold.
//!
//! A group of three is the same as its steps written three times, down to the dice that are thrown for them. What is written
//! out may be far larger than the text, so its size is bounded three times: by the longest line there is, by the most notes
//! of a line, and by what a whole set may be written out to ([`Budget`]). Rests cost nothing, however many: those that follow
//! each other are one step of the row, and a group of nothing else is not gone through.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

use super::tree::{Item, Line, Mods, Node};
use crate::set::diagnostic::{Diagnostic, Report};
use crate::set::reader::Text;

/// How many notes, values and holds the lines of a set may still be written out to, all together. Without groups no file is
/// large enough to use it up.
#[derive(Debug)]
pub(in crate::set) struct Budget(Cell<Option<usize>>);

impl Default for Budget {
    fn default() -> Budget {
        Budget(Cell::new(Some(Budget::WHOLE)))
    }
}

/// There is no more of the budget.
#[derive(Debug)]
pub(in crate::set) struct Spent;

impl Budget {
    /// What a set begins with.
    pub(crate) const WHOLE: usize = 1 << 21;

    /// Takes `count` of it.
    pub(crate) fn take(&self, count: usize) -> Result<(), Spent> {
        match self.0.get().and_then(|left| left.checked_sub(count)) {
            Some(left) => self.0.set(Some(left)),
            None => return Err(Spent),
        }
        Ok(())
    }

    /// Reports that it is spent, the first time that it is: at `span`.
    pub(crate) fn report(&self, span: Range<usize>, report: &mut Report) {
        if self.0.take().is_some() {
            report.add(span, || {
                Diagnostic::new("the groups of the set are too large when they are written out")
                    .label("here it is too much")
                    .help(format!("all lines together may be written out to {} notes, values and holds", Budget::WHOLE))
            });
        }
    }
}

/// A step of a line that is written out; rests, or holds, that follow each other are one.
#[derive(Debug)]
pub(in crate::set) struct Step<'l> {
    /// A rest, a hold, a note, a chord or a choice.
    pub node: &'l Node,
    /// The bytes of the text that hold it.
    pub span: &'l Range<usize>,
    /// Its own modifiers, and those of the groups that it is in. Values belong to the first of several.
    pub mods: Mods,
    /// Its number in the line, from 0.
    pub at: usize,
    /// How many steps it lasts with those that hold it; at least 1.
    pub steps: usize,
}

impl Step<'_> {
    /// The number of the step after it.
    fn end(&self) -> usize {
        self.at + self.steps
    }
}

/// A line that is written out.
#[derive(Debug)]
pub(in crate::set) struct Row<'l> {
    /// In their order.
    pub steps: Vec<Step<'l>>,
    /// How many steps the line has.
    pub count: usize,
}

impl<'l> Row<'l> {
    /// Returns what begins on the step number `at`, if anything does.
    pub(crate) fn step(&self, at: usize) -> Option<&Step<'l>> {
        let place = self.steps.binary_search_by_key(&at, |step| step.at).ok()?;
        self.steps.get(place)
    }
}

/// Why a line is not written out.
#[derive(Debug)]
pub(in crate::set) enum TooLong {
    /// It has more steps than there may be; here is the first of them.
    Steps(Range<usize>),
    /// The budget is spent.
    Budget(Range<usize>),
}

/// Writes out a line of at most `most` steps.
pub(in crate::set) fn write_out<'l>(line: &'l Line, most: usize, budget: &Budget) -> Result<Row<'l>, TooLong> {
    let mut writer = Writer { steps: Vec::with_capacity(line.items.len()), most, budget };
    writer.add(&line.items, Mods::default())?;
    let count = writer.count();
    Ok(Row { steps: writer.steps, count })
}

/// What writes a line out.
struct Writer<'l, 'b> {
    steps: Vec<Step<'l>>,
    most: usize,
    budget: &'b Budget,
}

impl<'l> Writer<'l, '_> {
    /// Returns how many steps there are so far.
    fn count(&self) -> usize {
        self.steps.last().map_or(0, Step::end)
    }

    /// Recursion is as deep as brackets nest.
    fn add(&mut self, items: &'l [Item], outer: Mods) -> Result<(), TooLong> {
        for item in items {
            let mods = item.mods.within(outer);
            match &item.node {
                Node::Group { count, items } => self.group(item, *count, items, mods)?,
                Node::Euclid { hits, head } => {
                    for &hit in hits {
                        let (node, mods) = if hit { (&**head, mods) } else { (&Node::Rest, Mods::default()) };
                        self.push(node, item, mods, 1)?;
                    }
                }
                // The values after a group belong to its notes.
                Node::Rest | Node::Hold => {
                    self.push(&item.node, item, Mods { values: item.mods.values, ..mods }, 1)?;
                }
                node => self.push(node, item, mods, 1)?,
            }
        }
        Ok(())
    }

    fn group(&mut self, item: &'l Item, count: u32, items: &'l [Item], mods: Mods) -> Result<(), TooLong> {
        for done in 1..=count {
            let (places, before) = (self.steps.len(), self.count());
            self.add(items, mods)?;
            // Nothing but rests, or holds, that have become part of the last step: the others are like it.
            let grown = self.count() - before;
            if self.steps.len() == places
                && let Some(last) = self.steps.last()
            {
                if grown == 0 {
                    return Ok(());
                }
                let rest = usize::try_from(count - done).unwrap_or(usize::MAX).saturating_mul(grown);
                return self.push(last.node, item, Mods::default(), rest);
            }
        }
        Ok(())
    }

    /// Adds a step, or as many rests or holds as `steps` says.
    fn push(&mut self, node: &'l Node, item: &'l Item, mods: Mods, steps: usize) -> Result<(), TooLong> {
        let at = self.count();
        if steps > self.most.saturating_sub(at) {
            return Err(TooLong::Steps(item.span.clone()));
        }
        if mods.values.is_none()
            && let Some(last) = self.steps.last_mut()
            && matches!((node, last.node), (Node::Rest, Node::Rest) | (Node::Hold, Node::Hold))
        {
            last.steps += steps;
            return Ok(());
        }
        if !matches!(node, Node::Rest) || mods.values.is_some() {
            self.budget.take(1).map_err(|Spent| TooLong::Budget(item.span.clone()))?;
        }
        self.steps.push(Step { node, span: &item.span, mods, at, steps });
        Ok(())
    }
}

/// Adds holds to the steps that they hold. At the beginning of a line they hold its last step, across the loop point.
pub(in crate::set) fn join(row: &mut Row<'_>, text: &Text<'_>, report: &mut Report) {
    let steps = &mut row.steps;
    let first = steps.iter().take_while(|step| matches!(step.node, Node::Hold)).count();
    let leading: usize = steps.iter().take(first).map(|step| step.steps).sum();
    let mut sounding: Option<usize> = None;
    let mut wrong: Vec<(usize, bool)> = Vec::new();
    for at in first..steps.len() {
        let Some(step) = steps.get(at) else { break };
        let holds = step.steps;
        if !matches!(step.node, Node::Hold) {
            sounding = step.node.sounds().then_some(at);
        } else if let Some(held) = sounding.and_then(|sounding| steps.get_mut(sounding)) {
            held.steps += holds;
        } else if !matches!(steps.get(at - 1), Some(Step { node: Node::Hold, .. })) {
            wrong.push((at, false));
        }
    }
    match sounding.and_then(|sounding| steps.get_mut(sounding)) {
        Some(held) => held.steps += leading,
        None if leading > 0 => wrong.push((0, true)),
        None => {}
    }
    // In a group, the same hold may be wrong more than once.
    let mut said = HashSet::new();
    let silent = steps.iter().all(|step| !step.node.sounds());
    for (at, begins) in wrong {
        let Some(step) = steps.get(at).filter(|step| said.insert(step.span.start)) else { continue };
        report.add(text.place(step.span.clone()), || {
            let label = match (begins, silent) {
                (true, true) => "the line begins here",
                (true, false) => "the line begins here, and its last step is a rest",
                (false, _) => "before this is a rest",
            };
            Diagnostic::new("`_` has nothing to hold").label(label).help(match begins {
                true => {
                    "at the beginning of a line, `_` makes its last step longer, across the loop point; a rest is `.`"
                }
                false => "`_` makes the step before it longer; a rest is `.`",
            })
        });
    }
}
