//! A line written out: groups as often as they say, rhythms hit by hit, holds added to what they hold.
//!
//! A group of three is the same as its steps written three times, down to the dice that are thrown for them. What is written
//! out may be far larger than the text, so its size is bounded three times: by the longest line there is, by the most notes
//! of a line, and by what a whole set may be written out to ([`Budget`]).

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

use super::tree::{Item, Line, Mods, Node};
use crate::set::mistake::{Mistake, Report};
use crate::set::reader::Text;

/// How many steps and notes the lines of a set may still be written out to, all together. Without groups no file is large
/// enough to use it up.
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
    pub const WHOLE: usize = 1 << 21;

    /// Takes `count` of it.
    pub fn take(&self, count: usize) -> Result<(), Spent> {
        match self.0.get().and_then(|left| left.checked_sub(count)) {
            Some(left) => self.0.set(Some(left)),
            None => return Err(Spent),
        }
        Ok(())
    }

    /// Reports that it is spent, the first time that it is: at `span`.
    pub fn report(&self, span: Range<usize>, report: &mut Report) {
        if self.0.take().is_some() {
            report.add(span, || {
                Mistake::new("the groups of the set are too large when they are written out")
                    .label("here it is too much")
                    .help(format!("all lines together may be written out to {} steps and notes", Budget::WHOLE))
            });
        }
    }
}

/// A step of a line that is written out.
#[derive(Debug)]
pub(in crate::set) struct Step<'l> {
    /// A rest, a hold, a note, a chord or a choice.
    pub node: &'l Node,
    /// The bytes of the text that hold it.
    pub span: &'l Range<usize>,
    /// Its own modifiers, and those of the groups that it is in.
    pub mods: Mods,
    /// How many steps it lasts with those that hold it; at least 1.
    pub steps: usize,
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
pub(in crate::set) fn write_out<'l>(line: &'l Line, most: usize, budget: &Budget) -> Result<Vec<Step<'l>>, TooLong> {
    let mut steps = Vec::with_capacity(line.items.len());
    add(&line.items, Mods::default(), most, budget, &mut steps)?;
    Ok(steps)
}

/// Recursion is as deep as brackets nest.
fn add<'l>(
    items: &'l [Item],
    outer: Mods,
    most: usize,
    budget: &Budget,
    steps: &mut Vec<Step<'l>>,
) -> Result<(), TooLong> {
    let push = |steps: &mut Vec<Step<'l>>, node: &'l Node, item: &'l Item, mods: Mods| {
        if steps.len() >= most {
            return Err(TooLong::Steps(item.span.clone()));
        }
        budget.take(1).map_err(|Spent| TooLong::Budget(item.span.clone()))?;
        steps.push(Step { node, span: &item.span, mods, steps: 1 });
        Ok(())
    };
    for item in items {
        let mods = item.mods.within(outer);
        match &item.node {
            Node::Group { count, items } => {
                for _ in 0..*count {
                    add(items, mods, most, budget, steps)?;
                }
            }
            Node::Euclid { hits, head } => {
                for &hit in hits {
                    push(steps, if hit { head } else { &Node::Rest }, item, if hit { mods } else { Mods::default() })?;
                }
            }
            // The values behind a group belong to its notes.
            Node::Rest | Node::Hold => push(steps, &item.node, item, Mods { values: item.mods.values, ..mods })?,
            node => push(steps, node, item, mods)?,
        }
    }
    Ok(())
}

/// Adds holds to the steps that they hold. At the beginning of a line they hold its last step, across the loop point.
pub(in crate::set) fn join(steps: &mut [Step<'_>], text: &Text<'_>, report: &mut Report) {
    let leading = steps.iter().take_while(|step| matches!(step.node, Node::Hold)).count();
    let mut sounding: Option<usize> = None;
    let mut wrong: Vec<(usize, bool)> = Vec::new();
    for at in leading..steps.len() {
        let Some(step) = steps.get(at) else { break };
        if !matches!(step.node, Node::Hold) {
            sounding = step.node.sounds().then_some(at);
        } else if let Some(held) = sounding.and_then(|sounding| steps.get_mut(sounding)) {
            held.steps += 1;
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
    for (at, begins) in wrong {
        let Some(step) = steps.get(at).filter(|step| said.insert(step.span.start)) else { continue };
        let silent = steps.iter().all(|step| !step.node.sounds());
        report.add(text.place(step.span.clone()), || {
            let label = match (begins, silent) {
                (true, true) => "the line begins here",
                (true, false) => "the line begins here, and its last step is a rest",
                (false, _) => "before this is a rest",
            };
            Mistake::new("`_` has nothing to hold").label(label).help(match begins {
                true => {
                    "at the beginning of a line, `_` makes its last step longer, across the loop point; a rest is `.`"
                }
                false => "`_` makes the step before it longer; a rest is `.`",
            })
        });
    }
}
