//! A controller in a pattern: points.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `points`
pub const POINTS: Key = key(
    "points",
    "points such as \"20 ~ ~ ~ 110\", in quotes",
    r#"points = "20 ~ 110 _""#,
    "The values, and what lies between them: `~` a line to the next one, `~s` slow at both ends, `~e` slow at first, `~l` \
     slow at last; `_` holds, `.` sends nothing.",
)
.of(Kind::Like(forms::POINTS));
/// `step`
pub const STEP: Key = key(
    "step",
    super::table::LENGTH,
    r#"step = "1/4""#,
    "How long a point lasts; without it, the points share the length of the pattern evenly.",
)
.of(Kind::Like(forms::LENGTH));
/// All of them.
pub const TABLE: Table =
    Table { heading: "TARGET = { points = ... }", keys: &[POINTS, STEP], needs: &[&[POINTS.name]] };
