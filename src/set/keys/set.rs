//! The top of the file, before the first heading.

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `name`
pub const NAME: Key =
    key("name", "text", r#"name = "circuits""#, "What the set is called; the name of its file without it.")
        .of(Kind::Like(forms::SOMETHING));
/// `tempo`
pub const TEMPO: Key = key(
    "tempo",
    "a number from 20 to 400",
    "tempo = 125.0",
    "Quarter notes a minute, used when no clock is followed; 120 without it.",
)
.of(Kind::Number(20, 400));
/// `meter`
pub const METER: Key = key(
    "meter",
    "1 to 64 beats over a note of 1, 2, 4, 8, 16, 32 or 64, in quotes",
    r#"meter = "4/4""#,
    "How long a bar is; 4/4 without it.",
)
.of(Kind::Like(forms::METER));
/// `seed`
pub const SEED: Key = key(
    "seed",
    "a whole number, 0 or more",
    "seed = 7",
    "What chance starts from: the same seed plays the same show. 0 without it.",
)
.of(Kind::Whole(0, u64::MAX));
/// `octaves`
pub const OCTAVES: Key = key(
    "octaves",
    r#""c3" or "c4""#,
    r#"octaves = "c3""#,
    "What middle C, key 60, is called, and so which octave each note name is in: the keys go from c-2 to g8 with c3, from \
     c-1 to g9 with c4. c3 without it.",
)
.of(Kind::Words(&["c3", "c4"]));
/// `launch`
pub const LAUNCH: Key = key(
    "launch",
    r#""bar", "beat", "now", "end" or a length such as "4 bars", in quotes"#,
    r#"launch = "bar""#,
    "Where a pattern begins that is asked for: at the next bar or beat, or multiple of a length, of the song; at the \
     `end` of what plays; or `now`, at the place in it where the old one is. The next bar without it.",
)
.of(Kind::Like(forms::LAUNCH));
/// `transpose`
pub const TRANSPOSE: Key = key(
    "transpose",
    "the name of a port, then perhaps `channel` and a number, `from` and a note, `by` and `degrees`, in quotes",
    r#"transpose = "circuit channel 1 from c2""#,
    "The port whose last key moves every track that has no kit: by as much as that key is away from c2, or from the \
     note named; in semitones, or in degrees of the scale.",
)
.of(Kind::Like(forms::PHRASE));
/// `scale`
pub const SCALE: Key = key(
    "scale",
    "a note and the name of a scale, in quotes",
    r#"scale = "c minor""#,
    "What numbers in steps are degrees of. Degree 1 is from middle C up; `c2 minor` names its octave. There are major, ionian, \
     minor, aeolian, natural minor, dorian, phrygian, lydian, mixolydian, locrian, harmonic minor, melodic minor, phrygian \
     dominant, pentatonic major, major pentatonic, pentatonic minor, minor pentatonic, pentatonic, blues, whole tone and \
     chromatic. None without it.",
)
.of(Kind::Like(forms::SCALE));
/// `[clock]`
pub const CLOCK: Key =
    key("clock", "a table", "[clock]", "Where the clock comes from.").of(Kind::Table(&super::clock::TABLE));
/// `[ports.NAME]`
pub const PORTS: Key =
    key("ports", "a table for each port", "[ports.circuit]", "The instruments and keyboards, each under a name.")
        .of(Kind::Names(forms::NAME, 0, &super::port::ENTRY.kind));
/// `[tracks.NAME]`
pub const TRACKS: Key = key(
    "tracks",
    "a table for each track",
    "[tracks.bass]",
    "The parts, each under a name: a channel of a port and how it is played.",
)
.of(Kind::Names(forms::NAME, 0, &super::track::ENTRY.kind));
/// `[patterns.NAME]`
pub const PATTERNS: Key = key(
    "patterns",
    "a table for each pattern",
    "[patterns.main]",
    "What is played together, each pattern under a name. The first one starts the show, unless there is a song.",
)
.of(Kind::Names(forms::NAME, 1, &super::pattern::ENTRY.kind));
/// `[song]`
pub const SONG: Key = key("song", "a table", "[song]", "The order of patterns that the show plays by itself.")
    .of(Kind::Table(&super::song::TABLE));
/// `[[bind]]`
pub const BIND: Key = key(
    "bind",
    "a table for each binding, under `[[bind]]`",
    "[[bind]]",
    "What keys, pedals and pads do, each a table of its own.",
)
.of(Kind::List(0, crate::engine::program::MAX_BINDINGS, &super::bind::ENTRY.kind));
/// All of them.
pub const TABLE: Table = Table {
    heading: "top of the file",
    keys: &[NAME, TEMPO, METER, SEED, OCTAVES, SCALE, LAUNCH, TRANSPOSE, CLOCK, PORTS, TRACKS, PATTERNS, SONG, BIND],
    needs: &[&[PATTERNS.name]],
};
