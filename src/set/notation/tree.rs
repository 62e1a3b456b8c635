//! What a line of steps says, as it is written: steps within groups and choices, each with its modifiers.
//!
//! The tree is as large as the text. What it stands for, written out, may be much larger, and is bounded where it is written
//! out ([`row`](super::row)).

use std::ops::Range;

use crate::engine::program::Target;
use crate::midi::{Key, Velocity};

/// A whole line.
#[derive(Debug, Default)]
pub(in crate::set) struct Line {
    pub items: Vec<Item>,
    /// The values of all modifiers `{..}`; [`Mods::values`] are ranges of it.
    pub values: Vec<(Target, u16)>,
}

/// Something with modifiers after it.
#[derive(Debug)]
pub(in crate::set) struct Item {
    pub node: Node,
    /// The bytes of the text that hold it, without its modifiers.
    pub span: Range<usize>,
    pub mods: Mods,
    /// Where its first modifier is.
    pub modified: Option<Range<usize>>,
    /// Whether it stands in for something wrong, which is reported.
    pub wrong: bool,
}

impl Item {
    /// `node`, written in `span`, without modifiers.
    pub(crate) fn plain(node: Node, span: Range<usize>) -> Item {
        Item { node, span, mods: Mods::default(), modified: None, wrong: false }
    }

    /// Returns what stands in for something wrong that is written in `span`. It sounds, so that a hold after it is no mistake.
    pub(crate) fn stand_in(span: Range<usize>) -> Item {
        Item { wrong: true, ..Item::plain(Node::Note(Tone { key: Key::from_data(0), accent: false }), span) }
    }
}

/// What is played, held or left out.
#[derive(Debug)]
pub(in crate::set) enum Node {
    Rest,
    Hold,
    Note(Tone),
    /// Several keys at once, each once.
    Chord(Vec<Tone>),
    Choice(Choice),
    /// The items, some times.
    Group {
        count: u32,
        items: Vec<Item>,
    },
    /// The head at some of the steps.
    Euclid {
        hits: Vec<bool>,
        head: Box<Node>,
    },
}

impl Node {
    /// Returns whether a hold after it has something to hold.
    pub(crate) fn sounds(&self) -> bool {
        match self {
            Node::Rest | Node::Hold => false,
            Node::Choice(choice) => choice.sounds,
            Node::Note(_) | Node::Chord(_) | Node::Group { .. } | Node::Euclid { .. } => true,
        }
    }
}

/// A key, and whether the way it is written accents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) struct Tone {
    pub key: Key,
    pub accent: bool,
}

/// One of several steps.
#[derive(Debug)]
pub(in crate::set) struct Choice {
    /// Rests, notes, chords and choices. At least one.
    pub items: Vec<Item>,
    /// Whether chance decides; otherwise they take turns.
    pub random: bool,
    /// Whether any of them is more than a rest.
    pub sounds: bool,
}

/// The modifiers of a step, as far as it says them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::set) struct Mods {
    pub velocity: Option<Velocity>,
    pub accent: bool,
    /// In how many of 100 cases it plays.
    pub chance: Option<u8>,
    /// How many notes it is split into.
    pub ratchet: Option<u8>,
    pub length: Option<Length>,
    /// By how many per cent of a step it is late; negative where it is early.
    pub shift: Option<i8>,
    pub turn: Option<Turn>,
    pub once: bool,
    pub fill: Option<bool>,
    /// First and last but one of its values in [`Line::values`].
    pub values: Option<(u32, u32)>,
}

/// How long notes sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) enum Length {
    /// So many per cent of the step.
    Gate(u32),
    /// Into the next note.
    Legato,
}

/// On which passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::set) struct Turn {
    /// From 0, below `of`.
    pub turn: u32,
    pub of: u32,
    /// On all others instead.
    pub not: bool,
}

impl Mods {
    /// These, and of `outer` those that say what these do not say. Gate and legato are two ways to say the same.
    pub(crate) fn within(self, outer: Mods) -> Mods {
        Mods {
            velocity: self.velocity.or(outer.velocity),
            accent: self.accent || outer.accent,
            chance: self.chance.or(outer.chance),
            ratchet: self.ratchet.or(outer.ratchet),
            length: self.length.or(outer.length),
            shift: self.shift.or(outer.shift),
            turn: self.turn.or(outer.turn),
            once: self.once || outer.once,
            fill: self.fill.or(outer.fill),
            values: self.values.or(outer.values),
        }
    }

    /// Returns whether it is under a condition.
    pub(crate) fn is_conditional(&self) -> bool {
        self.chance.is_some() || self.turn.is_some() || self.once || self.fill.is_some()
    }
}
