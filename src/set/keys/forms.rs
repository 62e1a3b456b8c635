//! How texts are written, as patterns (ECMA 262, as JSON schemas have them): what can be said of a text without knowing what
//! else is in the set.

use crate::set::command::table;
use crate::set::scale;

/// Text that is not empty.
pub(crate) const SOMETHING: fn() -> String = || r"\S".to_owned();
/// Steps or notes: more than white space and `|`.
pub(crate) const STEPS: fn() -> String = || r"[^\s|]".to_owned();
/// The name of a port, a track or a pattern.
pub(crate) const NAME: fn() -> String = || "^[A-Za-z0-9_-]{1,64}$".to_owned();
/// The name of a port or a pattern, as a text.
pub(crate) const ONE: fn() -> String = || r"^[A-Za-z0-9_-]{1,64}$".to_owned();
/// A letter of a kit.
pub(crate) const LETTER: fn() -> String = || "^[a-wyz]$".to_owned();
/// The name of a note.
pub(crate) const NOTE: fn() -> String = || "^[a-g][#b]?-?[0-9]+$".to_owned();
/// A meter.
pub(crate) const METER: fn() -> String = || "^0*([1-9]|[1-5][0-9]|6[0-4])/0*(1|2|4|8|16|32|64)$".to_owned();
/// A length.
pub(crate) const LENGTH: fn() -> String = || format!("^({LENGTHS})$");
/// Where a pattern begins.
pub(crate) const LAUNCH: fn() -> String = || format!("^(now|end|{LENGTHS})$");
const LENGTHS: &str = r"[0-9]{1,5}/[0-9]{1,5}[t.]?|([0-9]{1,5}\s*)?(bars?|beats?)";
/// A scale with its tonic.
pub(crate) const SCALE: fn() -> String = || {
    let names: Vec<String> = scale::names().map(|name| name.replace(' ', r"\s+")).collect();
    format!(r"^\s*[a-g][#b]?(-?[0-9]+)?\s+({})\s*$", names.join("|"))
};
/// What happens when a clock is lost.
pub(crate) const LOST: fn() -> String = || r"^\s*(stop|hold(\s+[0-9]+\s+bars?)?)\s*$".to_owned();
/// Milliseconds.
pub(crate) const OFFSET: fn() -> String =
    || r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*ms\s*$".to_owned();
/// Two or three values of a light.
pub(crate) const LIGHT: fn() -> String = || r"^\s*[0-9]+\s+[0-9]+(\s+[0-9]+)?\s*$".to_owned();
/// A port and perhaps more about it, in pairs of words.
pub(crate) const PHRASE: fn() -> String = || r"^\s*\S+(\s+(channel|from|by|octave)\s+\S+)*\s*$".to_owned();
/// What has to come: a port, and what comes there.
pub(crate) const TRIGGER: fn() -> String = || r"^\s*\S+\s+(\S+\s+)*(bend|note|cc|program)(\s|$)".to_owned();
/// A command.
pub(crate) const COMMAND: fn() -> String = || format!(r"^\s*({})(\s|$)", table::words().collect::<Vec<_>>().join("|"));
/// A part of a song.
pub(crate) const PART: fn() -> String = || r"^\s*[A-Za-z0-9_-]+(\s+x0*[1-9][0-9]*)?\s*$".to_owned();
/// The name of a controller.
pub(crate) const TARGET: fn() -> String =
    || "^(bend|pressure|program|(cc)?[0-9]+|cc14-[0-9]+|n?rpn-[0-9]+)$".to_owned();
/// Points of a curve.
pub(crate) const POINTS: fn() -> String = || r"^[\s|]*([-0-9_.~][-0-9_.~sel\s|]*)$".to_owned();
