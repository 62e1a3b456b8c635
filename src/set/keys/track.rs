//! `[tracks.NAME]`

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `port`
pub const PORT: Key =
    key("port", "the name of a port, in quotes", r#"port = "circuit""#, "The port that the notes go to.")
        .of(Kind::Like(forms::ONE));
/// `channel`
pub const CHANNEL: Key =
    key("channel", "a whole number from 1 to 16", "channel = 10", "The MIDI channel that the notes go to.")
        .of(Kind::Whole(1, 16));
/// `kit`
pub const KIT: Key = key(
    "kit",
    "a table of drums, each a letter with its key",
    "kit = { k = 60, s = 62 }",
    "What letters play in steps: a key number or a note name each. In upper case a letter is accented.",
)
.of(Kind::Names(forms::LETTER, 1, &DRUM.kind));
/// `note`
pub const NOTE: Key =
    key("note", "a key from 0 to 127, or a note name in quotes", r#"note = "c2""#, "What x plays in steps.")
        .of(KEY_OR_NAME);
/// A drum of a kit.
pub const DRUM: Key =
    key("LETTER", "a key from 0 to 127, or a note name in quotes", "k = 60", "What a letter plays.").of(KEY_OR_NAME);
const KEY_OR_NAME: Kind = Kind::Any(&[Kind::Whole(0, 127), Kind::Like(forms::NOTE)]);
/// `velocity`
pub const VELOCITY: Key = key(
    "velocity",
    "a whole number from 1 to 127",
    "velocity = 100",
    "How hard notes are struck that do not say it themselves; 100 without it. An accent adds 27.",
)
.of(Kind::Whole(1, 127));
/// `gate`
pub const GATE: Key = key(
    "gate",
    "a whole number from 1 to 400, in per cent of the step",
    "gate = 50",
    "How much of its step a note sounds, in per cent; 50 without it.",
)
.of(Kind::Whole(1, 400));
/// `transpose`
pub const TRANSPOSE: Key = key(
    "transpose",
    "\"none\", or the name of a port, then perhaps `channel` and a number, `from` and a note, `by` and `degrees`, in \
     quotes",
    r#"transpose = "circuit channel 1 from c2 by degrees""#,
    "The port whose last key moves the notes: by as much as that key is away from c2, or from the note named; in \
     semitones, or in degrees of the scale. It adds to what moves the set as a whole; with `none` nothing of that does.",
)
.of(Kind::Like(forms::PHRASE));
/// `thru`
pub const THRU: Key = key(
    "thru",
    "the name of a port, then perhaps `channel` and a number, `octave` and a number, `by` and semitones, in quotes",
    r#"thru = "circuit channel 1 octave -1""#,
    "The keyboard that plays the track by hand: notes, pressure, pitch bend and controllers go on at once, the keys moved \
     as it says and by nothing else. A note lasts as long as its key is down; a mute silences it, STOP ends it. What is \
     bound does not go on, nor, where no channel is named, do channels that something else names: one whose keys \
     transpose or are held.",
)
.of(Kind::Like(forms::PHRASE));
/// A track as a whole.
pub const ENTRY: Key = key("NAME", "a table", "[tracks.bass]", "A part under a name.").of(Kind::Table(&TABLE));
/// All of them.
pub const TABLE: Table = Table {
    heading: "[tracks.NAME]",
    keys: &[PORT, CHANNEL, KIT, NOTE, VELOCITY, GATE, TRANSPOSE, THRU],
    needs: &[&[PORT.name], &[CHANNEL.name]],
};
