//! `[song]`

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `parts`
pub const PARTS: Key = key(
    "parts",
    r#"a list of patterns such as ["main x4", "build"]"#,
    r#"parts = ["main x4", "main"]"#,
    "The patterns in their order, each played once or as often as `x4` says.",
)
.of(Kind::List(1, 1_024, &PART.kind));
/// One of the parts.
pub const PART: Key = key(
    "parts",
    "the name of a pattern, then perhaps `x` and how often, in quotes",
    r#"parts = ["main x4", "build"]"#,
    "A pattern, some times.",
)
.of(Kind::Like(forms::PART));
/// `end`
pub const END: Key = key(
    "end",
    r#""hold", "loop" or "stop""#,
    r#"end = "loop""#,
    "What follows the last part: it plays on, the song begins again, or the music stops. It plays on without it.",
)
.of(Kind::Words(&["hold", "loop", "stop"]));
/// All of them.
pub const TABLE: Table = Table { heading: "[song]", keys: &[PARTS, END], needs: &[&[PARTS.name]] };
