//! A track in a pattern: written steps.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `steps`
pub const STEPS: Key =
    key("steps", "steps, in quotes", r#"steps = "c2 . g2 .""#, "What is played.").of(Kind::Like(forms::STEPS));
/// `step`
pub const STEP: Key = key(
    "step",
    super::table::LENGTH,
    r#"step = "1/16""#,
    "How long a step is: a fraction of a whole note, with t for a triplet or a dot, or some beats or bars; 1/16 without \
     it. Any fraction will do that is a whole number of ticks, of which a quarter note has 960: 3/16, 1/20.",
)
.of(Kind::Like(forms::LENGTH));
/// `gate`
pub const GATE: Key = key(
    "gate",
    "a whole number from 1 to 400, in per cent of the step",
    "gate = 50",
    "How much of its step a note sounds, in per cent; that of the track without it.",
)
.of(Kind::Whole(1, 400));
/// `velocity`
pub const VELOCITY: Key = key(
    "velocity",
    "a whole number from 1 to 127",
    "velocity = 100",
    "How hard the notes are struck; that of the track without it.",
)
.of(Kind::Whole(1, 127));
/// `swing`
pub const SWING: Key = key(
    "swing",
    "a whole number from 50 to 75, in per cent of two steps",
    "swing = 58",
    "How much of two steps the first one takes: 50 is straight, 67 a triplet. 50 without it.",
)
.of(Kind::Whole(50, 75));
/// `octave`
pub const OCTAVE: Key = key(
    "octave",
    "a whole number from -10 to 10",
    "octave = -1",
    "By how many octaves the notes are moved; none without it.",
)
.of(Kind::Whole(-10, 10));
/// `seed`
pub const SEED: Key = key(
    "seed",
    "a whole number, 0 or more",
    "seed = 5",
    "What chance starts from here: lanes with the same seed draw the same. Each has its own, from that of the set, \
     without it.",
)
.of(Kind::Whole(0, u64::MAX));
/// All of them.
pub const TABLE: Table = Table {
    heading: "TRACK = { steps = ... }",
    keys: &[STEPS, STEP, GATE, VELOCITY, SWING, OCTAVE, SEED],
    needs: &[&[STEPS.name]],
};
