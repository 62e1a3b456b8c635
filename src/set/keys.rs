//! Every key of the set file: its name, what it takes, an example, and what a performer is told about it.
//!
//! This is the one place that knows them. The reader takes keys by these entries and reports what is left over, and
//! its messages are made of the same words as the reference.

/// A key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes, in words that complete "expected ...".
    pub takes: &'static str,
    /// A whole line as it may stand in a file.
    pub example: &'static str,
    /// What it does, and what holds without it.
    pub doc: &'static str,
}

/// A table and all of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its heading; names that the performer chooses are in upper case.
    pub heading: &'static str,
    /// Its keys in the order in which they are explained.
    pub keys: &'static [Key],
}

impl Table {
    /// The key of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// All tables, from the top of the file to its end.
pub const TABLES: &[Table] =
    &[set::TABLE, clock::TABLE, port::TABLE, track::TABLE, pattern::TABLE, steps::TABLE, arp::TABLE];

const fn key(name: &'static str, takes: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { name, takes, example, doc }
}

/// The top of the file, before the first heading.
pub mod set {
    use super::{Key, Table, key};

    /// `name`
    pub const NAME: Key =
        key("name", "text", r#"name = "circuits""#, "What the set is called; the name of its file without it.");
    /// `tempo`
    pub const TEMPO: Key = key(
        "tempo",
        "a number from 20 to 400",
        "tempo = 125.0",
        "Quarter notes a minute, used when no clock is followed; 120 without it.",
    );
    /// `meter`
    pub const METER: Key = key(
        "meter",
        "1 to 64 beats over a note of 1, 2, 4, 8, 16, 32 or 64, in quotes",
        r#"meter = "4/4""#,
        "How long a bar is; 4/4 without it.",
    );
    /// `seed`
    pub const SEED: Key = key(
        "seed",
        "a whole number, 0 or more",
        "seed = 7",
        "What chance starts from: the same seed plays the same show. 0 without it.",
    );
    /// `octaves`
    pub const OCTAVES: Key = key(
        "octaves",
        r#""c3" or "c4""#,
        r#"octaves = "c3""#,
        "What middle C, key 60, is called, and so which octave each note name is in; c3 without it.",
    );
    /// `scale`
    pub const SCALE: Key = key(
        "scale",
        "a note and the name of a scale, in quotes",
        r#"scale = "c minor""#,
        "What numbers in steps are degrees of. Degree 1 is from middle C up; `c2 minor` names its octave. None without it.",
    );
    /// `[clock]`
    pub const CLOCK: Key = key("clock", "a table", "[clock]", "Where the clock comes from.");
    /// `[ports.NAME]`
    pub const PORTS: Key =
        key("ports", "a table for each port", "[ports.circuit]", "The instruments and keyboards, each under a name.");
    /// `[tracks.NAME]`
    pub const TRACKS: Key = key(
        "tracks",
        "a table for each track",
        "[tracks.bass]",
        "The parts, each under a name: a channel of a port and how it is played.",
    );
    /// `[patterns.NAME]`
    pub const PATTERNS: Key = key(
        "patterns",
        "a table for each pattern",
        "[patterns.main]",
        "What is played together, each pattern under a name. The first one starts the show.",
    );
    /// All of them.
    pub const TABLE: Table = Table {
        heading: "top of the file",
        keys: &[NAME, TEMPO, METER, SEED, OCTAVES, SCALE, CLOCK, PORTS, TRACKS, PATTERNS],
    };
}

/// `[clock]`
pub mod clock {
    use super::{Key, Table, key};

    /// `follow`
    pub const FOLLOW: Key = key(
        "follow",
        "the name of a port, in quotes",
        r#"follow = "circuit""#,
        "The port whose clock, start and stop are followed. Without it the set is its own clock.",
    );
    /// `lost`
    pub const LOST: Key = key(
        "lost",
        r#""hold 4 bars", "hold" or "stop""#,
        r#"lost = "hold 4 bars""#,
        "What happens when the followed clock fails without a stop: play on at the last tempo for some bars and then stop, \
         play on, or stop. Four bars without it.",
    );
    /// `join`
    pub const JOIN: Key = key(
        "join",
        r#""wait" or "now""#,
        r#"join = "now""#,
        "What a clock means that runs without a start: wait for the start, or play along from the next of its bars, counted \
         from the first pulse. It waits without it.",
    );
    /// `clock_when_stopped`
    pub const WHEN_STOPPED: Key = key(
        "clock_when_stopped",
        "true or false",
        "clock_when_stopped = false",
        "Whether the clock that is sent runs on while the music is stopped; true without it.",
    );
    /// All of them.
    pub const TABLE: Table = Table { heading: "[clock]", keys: &[FOLLOW, LOST, JOIN, WHEN_STOPPED] };
}

/// `[ports.NAME]`
pub mod port {
    use super::{Key, Table, key};

    /// `device`
    pub const DEVICE: Key = key(
        "device",
        "the name of a device, in quotes",
        r#"device = "Circuit""#,
        "The device as the computer lists it: its exact name, or a part that no other one has.",
    );
    /// `optional`
    pub const OPTIONAL: Key = key(
        "optional",
        "true or false",
        "optional = true",
        "Whether the show may start without the device; false without it.",
    );
    /// `clock`
    pub const CLOCK: Key = key(
        "clock",
        r#"true, false or "raw""#,
        "clock = true",
        "Whether clock, start, stop, continue and song position go there; false without it. The clock is made anew, steadier \
         than the one that is followed; `raw` passes each pulse on as it comes.",
    );
    /// `offset`
    pub const OFFSET: Key = key(
        "offset",
        "milliseconds from -50 to 50, in quotes",
        r#"offset = "-1.5 ms""#,
        "By how much everything leaves late, or early where it is negative, at any tempo. Nothing without it.",
    );
    /// A port as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[ports.circuit]", "A device under a name.");
    /// All of them.
    pub const TABLE: Table = Table { heading: "[ports.NAME]", keys: &[DEVICE, OPTIONAL, CLOCK, OFFSET] };
}

/// `[tracks.NAME]`
pub mod track {
    use super::{Key, Table, key};

    /// `port`
    pub const PORT: Key =
        key("port", "the name of a port, in quotes", r#"port = "circuit""#, "The port that the notes go to.");
    /// `channel`
    pub const CHANNEL: Key =
        key("channel", "a whole number from 1 to 16", "channel = 10", "The MIDI channel that the notes go to.");
    /// `kit`
    pub const KIT: Key = key(
        "kit",
        "a table of drums, each a letter with its key",
        "kit = { k = 60, s = 62 }",
        "What letters play in steps: a key number or a note name each. In upper case a letter is accented.",
    );
    /// `note`
    pub const NOTE: Key =
        key("note", "a key from 0 to 127, or a note name in quotes", r#"note = "c2""#, "What x plays in steps.");
    /// A drum of a kit.
    pub const DRUM: Key =
        key("LETTER", "a key from 0 to 127, or a note name in quotes", "k = 60", "What a letter plays.");
    /// `velocity`
    pub const VELOCITY: Key = key(
        "velocity",
        "a whole number from 1 to 127",
        "velocity = 100",
        "How hard notes are struck that do not say it themselves; 100 without it. An accent adds 27.",
    );
    /// `gate`
    pub const GATE: Key = key(
        "gate",
        "a whole number from 1 to 400, in per cent of the step",
        "gate = 50",
        "How much of its step a note sounds, in per cent; 50 without it.",
    );
    /// `transpose`
    pub const TRANSPOSE: Key = key(
        "transpose",
        "the name of a port, then perhaps `channel` and a number, then perhaps `from` and a note, in quotes",
        r#"transpose = "circuit channel 1 from c2""#,
        "The port whose last key moves the notes: by as much as that key is away from c2, or from the note named.",
    );
    /// A track as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[tracks.bass]", "A part under a name.");
    /// All of them.
    pub const TABLE: Table =
        Table { heading: "[tracks.NAME]", keys: &[PORT, CHANNEL, KIT, NOTE, VELOCITY, GATE, TRANSPOSE] };
}

/// `[patterns.NAME]`
pub mod pattern {
    use super::{Key, Table, key};

    /// `bars`
    pub const BARS: Key =
        key("bars", "a whole number of bars, 1 or more", "bars = 1", "How long the pattern is; 1 bar without it.");
    /// A pattern as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[patterns.main]", "What is played together, under a name.");
    /// All of them; every other key is the name of a track.
    pub const TABLE: Table = Table { heading: "[patterns.NAME]", keys: &[BARS] };
    /// What a track cannot be called, because it means something in a pattern or is kept for something that will.
    pub const RESERVED: &[&str] = &[BARS.name, "cc", "program", "keep", "launch"];
    /// What a track takes in a pattern.
    pub const LANE: Key = key(
        "TRACK",
        "steps in quotes, or a table with `steps` or with `arp`",
        r#"bass = { step = "1/8", steps = "c2 . g2 ." }"#,
        "What the track plays. Each line of the steps loops in its own length.",
    );
}

/// A track in a pattern: written steps.
pub mod steps {
    use super::{Key, Table, key};

    /// `steps`
    pub const STEPS: Key = key("steps", "steps, in quotes", r#"steps = "c2 . g2 .""#, "What is played.");
    /// `step`
    pub const STEP: Key = key(
        "step",
        r#"a length such as "1/16", "1/8t" or "1/8.", in quotes"#,
        r#"step = "1/16""#,
        "How long a step is: a fraction of a whole note, with t for a triplet or a dot; 1/16 without it.",
    );
    /// `gate`
    pub const GATE: Key = key(
        "gate",
        "a whole number from 1 to 400, in per cent of the step",
        "gate = 50",
        "How much of its step a note sounds, in per cent; that of the track without it.",
    );
    /// `velocity`
    pub const VELOCITY: Key = key(
        "velocity",
        "a whole number from 1 to 127",
        "velocity = 100",
        "How hard the notes are struck; that of the track without it.",
    );
    /// All of them.
    pub const TABLE: Table = Table { heading: "TRACK = { steps = ... }", keys: &[STEPS, STEP, GATE, VELOCITY] };
}

/// A track in a pattern: an arpeggio.
pub mod arp {
    use super::{Key, Table, key};

    /// `arp`
    pub const ARP: Key = key("arp", "notes, in quotes", r#"arp = "c4 f3 g3""#, "The notes that take turns.");
    /// `order`
    pub const ORDER: Key = key(
        "order",
        r#""played", "up", "down", "up-down" or "random""#,
        r#"order = "up""#,
        "In which order the notes take turns; as they are written without it.",
    );
    /// `lengths`
    pub const LENGTHS: Key = key(
        "lengths",
        r#"a list of lengths such as ["1/16", "1/8"]"#,
        r#"lengths = ["1/16", "1/8"]"#,
        "How long the notes are; all 1/16 without it.",
    );
    /// One of the lengths.
    pub const LENGTH: Key = key(
        "lengths",
        r#"a length such as "1/16", "1/8t" or "1/8.", in quotes"#,
        r#"lengths = ["1/16", "1/8"]"#,
        "How long a note is.",
    );
    /// `pick`
    pub const PICK: Key = key(
        "pick",
        r#""turn" or "random""#,
        r#"pick = "random""#,
        "Whether the lengths take turns or are drawn; turns without it.",
    );
    /// `gate`
    pub const GATE: Key = key(
        "gate",
        "a whole number from 1 to 100, in per cent of the note's length",
        "gate = 50",
        "How much of its length a note sounds, in per cent; that of the track without it, up to 100.",
    );
    /// `velocity`
    pub const VELOCITY: Key = key(
        "velocity",
        "a whole number from 1 to 127",
        "velocity = 32",
        "How hard the notes are struck; that of the track without it.",
    );
    /// `rest`
    pub const REST: Key = key(
        "rest",
        r#"a length such as "1/1", in quotes"#,
        r#"rest = "1/1""#,
        "Where all that was played adds up to a multiple of this length, one note is left out. Without it none is.",
    );
    /// All of them.
    pub const TABLE: Table =
        Table { heading: "TRACK = { arp = ... }", keys: &[ARP, ORDER, LENGTHS, PICK, GATE, VELOCITY, REST] };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Set;

    /// A whole set that has `key` of `table` as its example writes it, and beside it only what has to be there.
    fn set_with(table: &Table, key: &Key) -> String {
        let lines = |of: &Table, required: &[Key], between: &str| {
            let shown = Some(key).filter(|key| of == table && !key.example.starts_with('['));
            let rest = required.iter().filter(|required| Some(required.name) != shown.map(|key| key.name));
            rest.chain(shown).map(|key| key.example).collect::<Vec<_>>().join(between)
        };
        let bass = match *table {
            arp::TABLE => lines(&arp::TABLE, &[arp::ARP], ", "),
            _ => lines(&steps::TABLE, &[steps::STEPS], ", "),
        };
        format!(
            "{}\n[clock]\n{}\n[ports.circuit]\n{}\n[tracks.bass]\n{}\n[patterns.main]\n{}\nbass = {{ {bass} }}\n",
            lines(&set::TABLE, &[], "\n"),
            lines(&clock::TABLE, &[], "\n"),
            lines(&port::TABLE, &[port::DEVICE], "\n"),
            lines(&track::TABLE, &[track::PORT, track::CHANNEL], "\n"),
            lines(&pattern::TABLE, &[], "\n"),
        )
    }

    #[test]
    fn every_example_is_read() {
        for table in TABLES {
            for key in table.keys {
                let text = match *key {
                    // The notes of the bass are no drums.
                    track::KIT => set_with(table, key).replace(steps::STEPS.example, "steps = \"k s\""),
                    _ => set_with(table, key),
                };
                assert!(text.contains(key.example), "{} is not in\n{text}", key.example);
                if let Err(mistakes) = Set::parse("example.toml", text.as_bytes()) {
                    panic!("{text}\n{mistakes}");
                }
            }
        }
        let text = set_with(&pattern::TABLE, &pattern::BARS);
        let (before, _) = text.split_once("bass =").unwrap();
        Set::parse("example.toml", format!("{before}{}", pattern::LANE.example).as_bytes()).unwrap();
    }

    #[test]
    fn what_is_said_agrees_with_the_limits() {
        use crate::time::Tempo;
        let tempo = format!("a number from {} to {}", Tempo::SLOWEST, Tempo::FASTEST);
        assert_eq!(set::TEMPO.takes, tempo);
        assert_eq!(track::GATE.takes, steps::GATE.takes);
        assert_eq!(track::VELOCITY.takes, steps::VELOCITY.takes);
    }

    #[test]
    fn keys_are_found_by_name() {
        assert_eq!(track::TABLE.find("channel"), Some(&track::CHANNEL));
        assert_eq!(track::TABLE.find("chanel"), None);
    }
}
