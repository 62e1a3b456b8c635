//! A track in a pattern: an arpeggio.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `arp`
pub const ARP: Key =
    key("arp", "notes, in quotes", r#"arp = "c4 f3 g3""#, "The notes that take turns.").of(Kind::Like(forms::STEPS));
/// `held`
pub const HELD: Key = key(
    "held",
    "the name of a port, then perhaps `channel` and a number, in quotes",
    r#"held = "circuit channel 2""#,
    "Instead of `arp`: the keys that are held down there take turns. While there are none, it is silent.",
)
.of(Kind::Like(forms::PHRASE));
/// `order`
pub const ORDER: Key = key(
    "order",
    r#""played", "up", "down", "up-down" or "random""#,
    r#"order = "up""#,
    "In which order the notes take turns; as they are written or were pressed without it.",
)
.of(Kind::Words(&["played", "up", "down", "up-down", "random"]));
/// `lengths`
pub const LENGTHS: Key = key(
    "lengths",
    r#"a list of lengths such as ["1/16", "1/8"]"#,
    r#"lengths = ["1/16", "1/8"]"#,
    "How long the notes are; all 1/16 without it.",
)
.of(Kind::List(1, 128, &LENGTH.kind));
/// One of the lengths.
pub const LENGTH: Key = key("lengths", super::table::LENGTH, r#"lengths = ["1/16", "1/8"]"#, "How long a note is.")
    .of(Kind::Like(forms::LENGTH));
/// `pick`
pub const PICK: Key = key(
    "pick",
    r#""turn" or "random""#,
    r#"pick = "random""#,
    "Whether the lengths take turns or are drawn; turns without it.",
)
.of(Kind::Words(&["turn", "random"]));
/// `gate`
pub const GATE: Key = key(
    "gate",
    "a whole number from 1 to 100, in per cent of the note's length",
    "gate = 50",
    "How much of its length a note sounds, in per cent; that of the track without it, up to 100.",
)
.of(Kind::Whole(1, 100));
/// `velocity`
pub const VELOCITY: Key = key(
    "velocity",
    "a whole number from 1 to 127",
    "velocity = 32",
    "How hard the notes are struck; that of the track without it.",
)
.of(Kind::Whole(1, 127));
/// `rest`
pub const REST: Key = key(
    "rest",
    r#"a length such as "1/1", in quotes"#,
    r#"rest = "1/1""#,
    "Where all that was played adds up to a multiple of this length, one note is left out. Without it none is.",
)
.of(Kind::Like(forms::LENGTH));
/// `step`
pub const STEP: Key = key(
    "step",
    super::table::LENGTH,
    r#"step = "1/16""#,
    "What swing is counted in: what begins in the second of two of these comes late; 1/16 without it.",
)
.of(Kind::Like(forms::LENGTH));
/// `swing`, as in steps.
pub const SWING: Key = super::steps::SWING;
/// `octave`, as in steps.
pub const OCTAVE: Key = super::steps::OCTAVE;
/// `seed`, as in steps.
pub const SEED: Key = super::steps::SEED;
/// All of them.
pub const TABLE: Table = Table {
    heading: "TRACK = { arp = ... }",
    keys: &[ARP, HELD, ORDER, LENGTHS, PICK, GATE, VELOCITY, REST, STEP, SWING, OCTAVE, SEED],
    needs: &[&[ARP.name, HELD.name]],
};
