//! `[clock]`

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `follow`
pub const FOLLOW: Key = key(
    "follow",
    "the name of a port, in quotes, or a list of up to four",
    r#"follow = "circuit""#,
    "The port whose clock, start and stop are followed. Of a list, `[\"circuit\", \"mono\"]`, it is the first that has a \
     clock; when that is lost, the next takes its place at a bar line, until it comes back. Without it the set is its \
     own clock.",
)
.of(Kind::Any(&[Kind::Like(forms::ONE), Kind::List(1, 4, &Kind::Like(forms::ONE))]));
/// An element of `follow`
pub const SOURCE: Key =
    key("follow", "the name of a port, in quotes", r#"follow = ["circuit", "mono"]"#, "One of several clocks.");
/// `lost`
pub const LOST: Key = key(
    "lost",
    r#""hold 4 bars", "hold" or "stop""#,
    r#"lost = "hold 4 bars""#,
    "What happens when the followed clock fails without a stop: play on at the last tempo for some bars and then stop, \
     play on, or stop. Four bars without it.",
)
.of(Kind::Like(forms::LOST));
/// `join`
pub const JOIN: Key = key(
    "join",
    r#""wait" or "now""#,
    r#"join = "now""#,
    "What a clock means that runs without a start: wait for the start, or play along from the next of its bars, counted \
     from the first pulse. It waits without it.",
)
.of(Kind::Words(&["wait", "now"]));
/// `clock_when_stopped`
pub const WHEN_STOPPED: Key = key(
    "clock_when_stopped",
    "true or false",
    "clock_when_stopped = false",
    "Whether the clock that is sent runs on while the music is stopped; true without it.",
)
.of(Kind::Flag);
/// All of them.
pub const TABLE: Table = Table { heading: "[clock]", keys: &[FOLLOW, LOST, JOIN, WHEN_STOPPED], needs: &[] };
