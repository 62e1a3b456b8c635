//! `[[bind]]`

use super::forms;
use super::table::{Key, Kind, Table, key};
use crate::set::command::table::forms_of_commands;

/// `on`
pub const ON: Key = key(
    "on",
    "the name of a port, then `note`, `cc` or `program` and its number, or `bend`, then perhaps values such as `64..127`, \
     then perhaps `channel` and a number, in quotes",
    r#"on = "circuit note 36 channel 1""#,
    "What has to come: a key that goes down, a controller or the bend that comes to one of the values, a program change. \
     Without values, any velocity counts, a controller from 64 up, and a bend from half way up: `4096..8191` of `-8192` \
     to `8191`. A key that is bound plays nothing else: it moves no track, is not held and does not go on.",
)
.of(Kind::Like(forms::TRIGGER));
/// `do`
pub const DO: Key = key(
    "do",
    "a command such as \"launch main\", in quotes",
    r#"do = "launch main at bar""#,
    concat!(
        "A command: ",
        forms_of_commands!(),
        ". `hold` and `fill` last as long as the key is down, `mute` and `solo` change to the other state, unless `on` or \
         `off` follows. A tempo can be set where no clock is followed. With a range in place of the number, such as \
         `tempo 100..140`, `transpose bass -12..12` or `cc bass 74 20..110`, a controller or the bend is a fader, which \
         takes hold when it passes the value that is in force.",
    ),
)
.of(Kind::Like(forms::COMMAND));
/// `light`
pub const LIGHT: Key = key(
    "light",
    "true, false, or the values for off, for what waits and for on, such as \"0 64 127\", in quotes",
    r#"light = "0 3 21""#,
    "Whether the key or controller shows what it is bound to, and with which values, on its channel or else on channel 1: \
     a launch or a jump that plays is on, and waits for its line before; mutes, solos, `fill`, `hold`, a transposition \
     that is in force, and `start` while it plays are on. What its port says without it. Of several bindings of one key \
     the first is shown.",
)
.of(Kind::Any(&[Kind::Flag, Kind::Like(forms::LIGHT)]));
/// A binding as a whole.
pub const ENTRY: Key =
    key("bind", "a table with `on` and `do`", "[[bind]]", "What a key, a pedal or a pad does.").of(Kind::Table(&TABLE));
/// All of them.
pub const TABLE: Table = Table { heading: "[[bind]]", keys: &[ON, DO, LIGHT], needs: &[&[ON.name], &[DO.name]] };
