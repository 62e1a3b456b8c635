//! The programs of a pattern.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `ahead`
pub const AHEAD: Key = key(
    "ahead",
    super::table::LENGTH,
    r#"ahead = "1 beat""#,
    "How long before the pattern begins they are sent; right before it without it.",
)
.of(Kind::Like(forms::LENGTH));
/// The program of a track, or of all on a port.
pub const CHANGE: Key = key(
    "NAME",
    "a program from 0 to 127, or a table with `program` and `bank`",
    "circuit = 5",
    "The program, counted from 0 as on the wire.",
)
.of(Kind::Any(&[Kind::Whole(0, 127), Kind::Table(&super::program::TABLE)]));
/// All of them; every other key is the name of a track or a port.
pub const TABLE: Table = Table { heading: "program = { ... }", keys: &[AHEAD], needs: &[] };
