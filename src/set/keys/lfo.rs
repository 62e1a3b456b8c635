//! A controller in a pattern: an oscillator.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `lfo`
pub const LFO: Key = key(
    "lfo",
    r#""sine", "triangle", "saw", "square" or "random""#,
    r#"lfo = "sine""#,
    "The shape: sine and triangle begin in the middle and rise, a saw rises from low to high, a square is high first, \
     random takes another value at each step.",
)
.of(Kind::Words(&["sine", "triangle", "saw", "square", "random"]));
/// `low`
pub const LOW: Key = key(
    "low",
    "a whole number that the controller can take",
    "low = 20",
    "The lowest value; the lowest that there is without it.",
)
.of(Kind::Whole(-8_192, 16_383));
/// `high`
pub const HIGH: Key = key(
    "high",
    "a whole number that the controller can take",
    "high = 110",
    "The highest value; the highest that there is without it.",
)
.of(Kind::Whole(-8_192, 16_383));
/// `length`
pub const LENGTH: Key = key(
    "length",
    super::table::LENGTH,
    r#"length = "2 bars""#,
    "How long one wave lasts; as long as the pattern without it.",
)
.of(Kind::Like(forms::LENGTH));
/// `phase`
pub const PHASE: Key = key(
    "phase",
    "a whole number from 0 to 100, in per cent of the wave",
    "phase = 25",
    "Where in the wave it begins; at its beginning without it.",
)
.of(Kind::Whole(0, 100));
/// `step`
pub const STEP: Key =
    key("step", super::table::LENGTH, r#"step = "1/8""#, "How often a random value is drawn; each 1/8 without it.")
        .of(Kind::Like(forms::LENGTH));
/// All of them.
pub const TABLE: Table =
    Table { heading: "TARGET = { lfo = ... }", keys: &[LFO, LOW, HIGH, LENGTH, PHASE, STEP], needs: &[&[LFO.name]] };
