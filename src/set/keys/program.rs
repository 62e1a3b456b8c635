//! A program with its bank.

use super::table::{Key, Kind, Table, key};

/// `program`
pub const PROGRAM: Key =
    key("program", "a whole number from 0 to 127", "program = 5", "The program, counted from 0 as on the wire.")
        .of(Kind::Whole(0, 127));
/// `bank`
pub const BANK: Key = key(
    "bank",
    "a whole number from 0 to 16383",
    "bank = 129",
    "The bank, sent before it as controllers 0 and 32: 129 is 1 and 1. None is sent without it.",
)
.of(Kind::Whole(0, 16_383));
/// All of them.
pub const TABLE: Table =
    Table { heading: "NAME = { program = ... }", keys: &[PROGRAM, BANK], needs: &[&[PROGRAM.name]] };
