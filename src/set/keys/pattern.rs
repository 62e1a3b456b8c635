//! `[patterns.NAME]`

use super::table::{Key, Kind, Table, key};
use super::{forms, set};

/// `bars`
pub const BARS: Key =
    key("bars", "a whole number of bars, 1 or more", "bars = 1", "How long the pattern is; 1 bar without it.")
        .of(Kind::Whole(1, 192_000));
/// `keep`
pub const KEEP: Key = key(
    "keep",
    "true or false",
    "keep = true",
    "Whether tracks that the pattern does not name go on with what they play; without it they fall silent.",
)
.of(Kind::Flag);
/// `launch`
pub const LAUNCH: Key = key(
    "launch",
    set::LAUNCH.takes,
    r#"launch = "4 bars""#,
    "Where the pattern begins when it is asked for; as the set says without it.",
)
.of(Kind::Like(forms::LAUNCH));
/// `cc`
pub const CC: Key = key(
    "cc",
    "a table of tracks, each with its controllers",
    r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
    "What controllers do: for each track the number of a controller, `bend`, `pressure`, `program`, `cc14-1`, \
     `nrpn-1234` or `rpn-0`. They loop beside its notes, and a track that is named here is named in the pattern.",
)
.of(Kind::Names(forms::NAME, 0, &TRACK_CONTROLLERS.kind));
/// The controllers of one track.
pub const TRACK_CONTROLLERS: Key = key(
    "TRACK",
    "a table of controllers",
    r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
    "What the controllers of the track do.",
)
.of(Kind::Names(forms::TARGET, 0, &CONTROLLER.kind));
/// What one controller does.
pub const CONTROLLER: Key = key(
    "TARGET",
    "points in quotes, a number, or a table with `points` or with `lfo`",
    r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
    "What the controller does. Points share the pattern's length: a number is sent, `_` holds it, `~` draws a line to \
     the next number (`~s` slow at both ends, `~e` slow at first, `~l` slow at last), at `.` nothing is sent. A number \
     at the end, right after `~`, is reached where the loop ends; `~` at the end leads back to the first number.",
)
.of(Kind::Any(&[
    Kind::Like(forms::POINTS),
    Kind::Whole(-8_192, 16_383),
    Kind::Table(&super::points::TABLE),
    Kind::Table(&super::lfo::TABLE),
]));
/// `program`
pub const PROGRAM: Key = key(
    "program",
    "a table of tracks or ports, each with its program",
    r#"program = { circuit = 5, bass = { program = 5, bank = 129 }, ahead = "1 beat" }"#,
    "The sounds that the pattern needs, sent before it begins. The name of a track means its channel; that of a port \
     every channel that tracks play there, but for those that are named as tracks.",
)
.of(Kind::Open(&super::programs::TABLE, &super::programs::CHANGE.kind));
/// A pattern as a whole.
pub const ENTRY: Key = key("NAME", "a table", "[patterns.main]", "What is played together, under a name.")
    .of(Kind::Open(&TABLE, &LANE.kind));
/// All of them; every other key is the name of a track.
pub const TABLE: Table = Table { heading: "[patterns.NAME]", keys: &[BARS, KEEP, LAUNCH, CC, PROGRAM], needs: &[] };
/// What a track cannot be called, because it means something in a pattern.
pub const RESERVED: &[&str] = &[BARS.name, CC.name, PROGRAM.name, KEEP.name, LAUNCH.name, super::programs::AHEAD.name];
/// What a track takes in a pattern.
pub const LANE: Key = key(
    "TRACK",
    "steps in quotes, or a table with `steps`, with `arp` or with `held`",
    r#"bass = { step = "1/8", steps = "c2 . g2 ." }"#,
    "What the track plays. Each line of the steps loops in its own length.",
)
.of(Kind::Any(&[Kind::Like(forms::STEPS), Kind::Table(&super::steps::TABLE), Kind::Table(&super::arp::TABLE)]));
