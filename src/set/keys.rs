//! Every key of the set file: its name, what it takes, an example, and what a performer is told about it.
//!
//! This is the one place that knows them. The reader takes keys by these entries and reports what is left over, and
//! its messages are made of the same words as the reference.

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What it takes, in words that complete "expected ...".
    pub takes: &'static str,
    /// A whole line as it may stand in a file.
    pub example: &'static str,
    /// What it does, and what holds without it.
    pub doc: &'static str,
    /// What it takes, for machines: the shape of the value, without what is said inside of texts.
    pub kind: Kind,
}

impl Key {
    /// The key with another kind.
    const fn of(self, kind: Kind) -> Key {
        Key { kind, ..self }
    }
}

/// The shape of a value. Not to be compared: it holds whole tables.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text.
    Text,
    /// One of these words, as text.
    Words(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A whole number from the first to the second.
    Whole(i64, u64),
    /// A number from the first to the second, whole or not.
    Number(i64, i64),
    /// A list of such values.
    List(&'static Kind),
    /// A table with known keys.
    Table(&'static Table),
    /// A table whose keys the performer chooses, each with such a value.
    Names(&'static Kind),
    /// A table with known keys, and others that the performer chooses, each with such a value.
    Open(&'static Table, &'static Kind),
    /// Any of these.
    Any(&'static [Kind]),
}

/// A table and all of its keys.
#[derive(Clone, Copy, Debug)]
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
pub const TABLES: &[Table] = &[
    set::TABLE,
    clock::TABLE,
    port::TABLE,
    track::TABLE,
    pattern::TABLE,
    steps::TABLE,
    arp::TABLE,
    points::TABLE,
    lfo::TABLE,
    programs::TABLE,
    program::TABLE,
    song::TABLE,
    bind::TABLE,
];

/// A key that takes text, unless [`Key::of`] says otherwise.
const fn key(name: &'static str, takes: &'static str, example: &'static str, doc: &'static str) -> Key {
    Key { name, takes, example, doc, kind: Kind::Text }
}

/// What a length takes; [`length`](super::length) reads it.
const LENGTH: &str = r#"a length such as "1/16", "1/8t", "1/8.", "1 beat" or "2 bars", in quotes"#;

/// The top of the file, before the first heading.
pub mod set {
    use super::{Key, Kind, Table, key};

    /// `name`
    pub const NAME: Key =
        key("name", "text", r#"name = "circuits""#, "What the set is called; the name of its file without it.");
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
    );
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
        "What middle C, key 60, is called, and so which octave each note name is in; c3 without it.",
    )
    .of(Kind::Words(&["c3", "c4"]));
    /// `launch`
    pub const LAUNCH: Key = key(
        "launch",
        r#""bar", "beat", "now", "end" or a length such as "4 bars", in quotes"#,
        r#"launch = "bar""#,
        "Where a pattern begins that is asked for: at the next bar or beat, or multiple of a length, of the song; at the \
         `end` of what plays; or `now`, at the place in it where the old one is. The next bar without it.",
    );
    /// `transpose`
    pub const TRANSPOSE: Key = key(
        "transpose",
        "the name of a port, then perhaps `channel` and a number, `from` and a note, `by` and `degrees`, in quotes",
        r#"transpose = "circuit channel 1 from c2""#,
        "The port whose last key moves every track that has no kit: by as much as that key is away from c2, or from the \
         note named; in semitones, or in degrees of the scale.",
    );
    /// `scale`
    pub const SCALE: Key = key(
        "scale",
        "a note and the name of a scale, in quotes",
        r#"scale = "c minor""#,
        "What numbers in steps are degrees of. Degree 1 is from middle C up; `c2 minor` names its octave. None without it.",
    );
    /// `[clock]`
    pub const CLOCK: Key =
        key("clock", "a table", "[clock]", "Where the clock comes from.").of(Kind::Table(&super::clock::TABLE));
    /// `[ports.NAME]`
    pub const PORTS: Key =
        key("ports", "a table for each port", "[ports.circuit]", "The instruments and keyboards, each under a name.")
            .of(Kind::Names(&super::port::ENTRY.kind));
    /// `[tracks.NAME]`
    pub const TRACKS: Key = key(
        "tracks",
        "a table for each track",
        "[tracks.bass]",
        "The parts, each under a name: a channel of a port and how it is played.",
    )
    .of(Kind::Names(&super::track::ENTRY.kind));
    /// `[patterns.NAME]`
    pub const PATTERNS: Key = key(
        "patterns",
        "a table for each pattern",
        "[patterns.main]",
        "What is played together, each pattern under a name. The first one starts the show, unless there is a song.",
    )
    .of(Kind::Names(&super::pattern::ENTRY.kind));
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
    .of(Kind::List(&super::bind::ENTRY.kind));
    /// All of them.
    pub const TABLE: Table = Table {
        heading: "top of the file",
        keys: &[
            NAME, TEMPO, METER, SEED, OCTAVES, SCALE, LAUNCH, TRANSPOSE, CLOCK, PORTS, TRACKS, PATTERNS, SONG, BIND,
        ],
    };
}

/// `[clock]`
pub mod clock {
    use super::{Key, Kind, Table, key};

    /// `follow`
    pub const FOLLOW: Key = key(
        "follow",
        "the name of a port, in quotes, or a list of up to four",
        r#"follow = "circuit""#,
        "The port whose clock, start and stop are followed. Of a list, `[\"circuit\", \"mono\"]`, it is the first that has a \
         clock; when that is lost, the next takes its place at a bar line, until it comes back. Without it the set is its \
         own clock.",
    );
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
    );
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
    pub const TABLE: Table = Table { heading: "[clock]", keys: &[FOLLOW, LOST, JOIN, WHEN_STOPPED] };
}

/// `[ports.NAME]`
pub mod port {
    use super::{Key, Kind, Table, key};

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
    )
    .of(Kind::Flag);
    /// `clock`
    pub const CLOCK: Key = key(
        "clock",
        r#"true, false or "raw""#,
        "clock = true",
        "Whether clock, start, stop, continue and song position go there; false without it. The clock is made anew, steadier \
         than the one that is followed; `raw` passes each pulse on as it comes.",
    )
    .of(Kind::Any(&[Kind::Flag, Kind::Words(&["raw"])]));
    /// `offset`
    pub const OFFSET: Key = key(
        "offset",
        "milliseconds from -50 to 50, in quotes",
        r#"offset = "-1.5 ms""#,
        "By how much everything leaves late, or early where it is negative, at any tempo. Nothing without it.",
    );
    /// `wire`
    pub const WIRE: Key = key(
        "wire",
        r#""usb" or "din""#,
        r#"wire = "din""#,
        "What carries the messages: USB, or a DIN cable behind an interface, which takes a third of a millisecond a byte. \
         Moving controllers are thinned to what it takes. USB without it.",
    )
    .of(Kind::Words(&["usb", "din"]));
    /// A port as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[ports.circuit]", "A device under a name.").of(Kind::Table(&TABLE));
    /// All of them.
    pub const TABLE: Table = Table { heading: "[ports.NAME]", keys: &[DEVICE, OPTIONAL, CLOCK, OFFSET, WIRE] };
}

/// `[tracks.NAME]`
pub mod track {
    use super::{Key, Kind, Table, key};

    /// `port`
    pub const PORT: Key =
        key("port", "the name of a port, in quotes", r#"port = "circuit""#, "The port that the notes go to.");
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
    .of(Kind::Names(&DRUM.kind));
    /// `note`
    pub const NOTE: Key =
        key("note", "a key from 0 to 127, or a note name in quotes", r#"note = "c2""#, "What x plays in steps.")
            .of(KEY_OR_NAME);
    /// A drum of a kit.
    pub const DRUM: Key =
        key("LETTER", "a key from 0 to 127, or a note name in quotes", "k = 60", "What a letter plays.")
            .of(KEY_OR_NAME);
    const KEY_OR_NAME: Kind = Kind::Any(&[Kind::Whole(0, 127), Kind::Text]);
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
    );
    /// A track as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[tracks.bass]", "A part under a name.").of(Kind::Table(&TABLE));
    /// All of them.
    pub const TABLE: Table =
        Table { heading: "[tracks.NAME]", keys: &[PORT, CHANNEL, KIT, NOTE, VELOCITY, GATE, TRANSPOSE] };
}

/// `[patterns.NAME]`
pub mod pattern {
    use super::{Key, Kind, Table, key, set};

    /// `bars`
    pub const BARS: Key =
        key("bars", "a whole number of bars, 1 or more", "bars = 1", "How long the pattern is; 1 bar without it.")
            .of(Kind::Whole(1, 192_000));
    /// `keep`
    pub const KEEP: Key = key(
        "keep",
        "true or false",
        "keep = true",
        "Whether tracks that the pattern does not name go on with what they play; without it they fall silent.",
    )
    .of(Kind::Flag);
    /// `launch`
    pub const LAUNCH: Key = key(
        "launch",
        set::LAUNCH.takes,
        r#"launch = "4 bars""#,
        "Where the pattern begins when it is asked for; as the set says without it.",
    );
    /// `cc`
    pub const CC: Key = key(
        "cc",
        "a table of tracks, each with its controllers",
        r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
        "What controllers do: for each track the number of a controller, `bend`, `pressure`, `cc14-1`, `nrpn-1234` or \
         `rpn-0`. They loop beside its notes, and a track that is named here is named in the pattern.",
    )
    .of(Kind::Names(&TRACK_CONTROLLERS.kind));
    /// The controllers of one track.
    pub const TRACK_CONTROLLERS: Key = key(
        "TRACK",
        "a table of controllers",
        r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
        "What the controllers of the track do.",
    )
    .of(Kind::Names(&CONTROLLER.kind));
    /// What one controller does.
    pub const CONTROLLER: Key = key(
        "TARGET",
        "points in quotes, a number, or a table with `points` or with `lfo`",
        r#"cc = { bass.74 = "20 ~ ~ ~ 110" }"#,
        "What the controller does. Points share the pattern's length: a number is sent, `_` holds it, `~` draws a line to \
         the next number (`~s` slow at both ends, `~e` slow at first, `~l` slow at last), at `.` nothing is sent. A number \
         at the end, right behind `~`, is reached where the loop ends; `~` at the end leads back to the first number.",
    )
    .of(Kind::Any(&[
        Kind::Text,
        Kind::Whole(-8_192, 16_383),
        Kind::Table(&super::points::TABLE),
        Kind::Table(&super::lfo::TABLE),
    ]));
    /// `program`
    pub const PROGRAM: Key = key(
        "program",
        "a table of tracks or ports, each with its program",
        r#"program = { circuit = 5, bass = { program = 5, bank = 129 }, ahead = "1 beat" }"#,
        "The sounds that the pattern needs, sent before it begins. The name of a track means its channel; that of a port \
         every channel that tracks play there, but for those that are named as tracks.",
    )
    .of(Kind::Open(&super::programs::TABLE, &super::programs::CHANGE.kind));
    /// A pattern as a whole.
    pub const ENTRY: Key = key("NAME", "a table", "[patterns.main]", "What is played together, under a name.")
        .of(Kind::Open(&TABLE, &LANE.kind));
    /// All of them; every other key is the name of a track.
    pub const TABLE: Table = Table { heading: "[patterns.NAME]", keys: &[BARS, KEEP, LAUNCH, CC, PROGRAM] };
    /// What a track cannot be called, because it means something in a pattern.
    pub const RESERVED: &[&str] =
        &[BARS.name, CC.name, PROGRAM.name, KEEP.name, LAUNCH.name, super::programs::AHEAD.name];
    /// What a track takes in a pattern.
    pub const LANE: Key = key(
        "TRACK",
        "steps in quotes, or a table with `steps`, with `arp` or with `held`",
        r#"bass = { step = "1/8", steps = "c2 . g2 ." }"#,
        "What the track plays. Each line of the steps loops in its own length.",
    )
    .of(Kind::Any(&[Kind::Text, Kind::Table(&super::steps::TABLE), Kind::Table(&super::arp::TABLE)]));
}

/// A track in a pattern: written steps.
pub mod steps {
    use super::{Key, Kind, Table, key};

    /// `steps`
    pub const STEPS: Key = key("steps", "steps, in quotes", r#"steps = "c2 . g2 .""#, "What is played.");
    /// `step`
    pub const STEP: Key = key(
        "step",
        super::LENGTH,
        r#"step = "1/16""#,
        "How long a step is: a fraction of a whole note, with t for a triplet or a dot, or some beats or bars; 1/16 without \
         it.",
    );
    /// `gate`
    pub const GATE: Key = key(
        "gate",
        "a whole number from 1 to 400, in per cent of the step",
        "gate = 50",
        "How much of its step a note sounds, in per cent; that of the track without it.",
    )
    .of(Kind::Whole(1, 400));
    /// `velocity`
    pub const VELOCITY: Key = key(
        "velocity",
        "a whole number from 1 to 127",
        "velocity = 100",
        "How hard the notes are struck; that of the track without it.",
    )
    .of(Kind::Whole(1, 127));
    /// `swing`
    pub const SWING: Key = key(
        "swing",
        "a whole number from 50 to 75, in per cent of two steps",
        "swing = 58",
        "How much of two steps the first one takes: 50 is straight, 67 a triplet. 50 without it.",
    )
    .of(Kind::Whole(50, 75));
    /// `octave`
    pub const OCTAVE: Key = key(
        "octave",
        "a whole number from -10 to 10",
        "octave = -1",
        "By how many octaves the notes are moved; none without it.",
    )
    .of(Kind::Whole(-10, 10));
    /// `seed`
    pub const SEED: Key = key(
        "seed",
        "a whole number, 0 or more",
        "seed = 5",
        "What chance starts from here: lanes with the same seed draw the same. Each has its own, from that of the set, \
         without it.",
    )
    .of(Kind::Whole(0, u64::MAX));
    /// All of them.
    pub const TABLE: Table =
        Table { heading: "TRACK = { steps = ... }", keys: &[STEPS, STEP, GATE, VELOCITY, SWING, OCTAVE, SEED] };
}

/// A track in a pattern: an arpeggio.
pub mod arp {
    use super::{Key, Kind, Table, key};

    /// `arp`
    pub const ARP: Key = key("arp", "notes, in quotes", r#"arp = "c4 f3 g3""#, "The notes that take turns.");
    /// `held`
    pub const HELD: Key = key(
        "held",
        "the name of a port, then perhaps `channel` and a number, in quotes",
        r#"held = "circuit channel 2""#,
        "Instead of `arp`: the keys that are held down there take turns. While there are none, it is silent.",
    );
    /// `order`
    pub const ORDER: Key = key(
        "order",
        r#""played", "up", "down", "up-down" or "random""#,
        r#"order = "up""#,
        "In which order the notes take turns; as they are written or were pressed without it.",
    )
    .of(Kind::Words(&["played", "up", "down", "up-down", "random"]));
    /// `lengths`
    pub const LENGTHS: Key = key(
        "lengths",
        r#"a list of lengths such as ["1/16", "1/8"]"#,
        r#"lengths = ["1/16", "1/8"]"#,
        "How long the notes are; all 1/16 without it.",
    )
    .of(Kind::List(&LENGTH.kind));
    /// One of the lengths.
    pub const LENGTH: Key = key("lengths", super::LENGTH, r#"lengths = ["1/16", "1/8"]"#, "How long a note is.");
    /// `pick`
    pub const PICK: Key = key(
        "pick",
        r#""turn" or "random""#,
        r#"pick = "random""#,
        "Whether the lengths take turns or are drawn; turns without it.",
    )
    .of(Kind::Words(&["turn", "random"]));
    /// `gate`
    pub const GATE: Key = key(
        "gate",
        "a whole number from 1 to 100, in per cent of the note's length",
        "gate = 50",
        "How much of its length a note sounds, in per cent; that of the track without it, up to 100.",
    )
    .of(Kind::Whole(1, 100));
    /// `velocity`
    pub const VELOCITY: Key = key(
        "velocity",
        "a whole number from 1 to 127",
        "velocity = 32",
        "How hard the notes are struck; that of the track without it.",
    )
    .of(Kind::Whole(1, 127));
    /// `rest`
    pub const REST: Key = key(
        "rest",
        r#"a length such as "1/1", in quotes"#,
        r#"rest = "1/1""#,
        "Where all that was played adds up to a multiple of this length, one note is left out. Without it none is.",
    );
    /// `step`
    pub const STEP: Key = key(
        "step",
        super::LENGTH,
        r#"step = "1/16""#,
        "What swing is counted in: what begins in the second of two of these comes late; 1/16 without it.",
    );
    /// `swing`, as in steps.
    pub const SWING: Key = super::steps::SWING;
    /// `octave`, as in steps.
    pub const OCTAVE: Key = super::steps::OCTAVE;
    /// `seed`, as in steps.
    pub const SEED: Key = super::steps::SEED;
    /// All of them.
    pub const TABLE: Table = Table {
        heading: "TRACK = { arp = ... }",
        keys: &[ARP, HELD, ORDER, LENGTHS, PICK, GATE, VELOCITY, REST, STEP, SWING, OCTAVE, SEED],
    };
}

/// A controller in a pattern: points.
pub mod points {
    use super::{Key, Table, key};

    /// `points`
    pub const POINTS: Key = key(
        "points",
        "points such as \"20 ~ ~ ~ 110\", in quotes",
        r#"points = "20 ~ 110 _""#,
        "The values, and what lies between them.",
    );
    /// `step`
    pub const STEP: Key = key(
        "step",
        super::LENGTH,
        r#"step = "1/4""#,
        "How long a point lasts; without it, the points share the length of the pattern evenly.",
    );
    /// All of them.
    pub const TABLE: Table = Table { heading: "TARGET = { points = ... }", keys: &[POINTS, STEP] };
}

/// A controller in a pattern: an oscillator.
pub mod lfo {
    use super::{Key, Kind, Table, key};

    /// `lfo`
    pub const LFO: Key = key(
        "lfo",
        r#""sine", "triangle", "saw", "square" or "random""#,
        r#"lfo = "sine""#,
        "The shape: sine and triangle begin in the middle and rise, a saw rises from low to high, a square is high first, \
         random takes another value at each step.",
    )
    .of(Kind::Words(&["sine", "triangle", "saw", "square", "random"]));
    /// `low`
    pub const LOW: Key = key(
        "low",
        "a whole number that the controller can take",
        "low = 20",
        "The lowest value; the lowest that there is without it.",
    )
    .of(Kind::Whole(-8_192, 16_383));
    /// `high`
    pub const HIGH: Key = key(
        "high",
        "a whole number that the controller can take",
        "high = 110",
        "The highest value; the highest that there is without it.",
    )
    .of(Kind::Whole(-8_192, 16_383));
    /// `length`
    pub const LENGTH: Key = key(
        "length",
        super::LENGTH,
        r#"length = "2 bars""#,
        "How long one wave lasts; as long as the pattern without it.",
    );
    /// `phase`
    pub const PHASE: Key = key(
        "phase",
        "a whole number from 0 to 100, in per cent of the wave",
        "phase = 25",
        "Where in the wave it begins; at its beginning without it.",
    )
    .of(Kind::Whole(0, 100));
    /// `step`
    pub const STEP: Key =
        key("step", super::LENGTH, r#"step = "1/8""#, "How often a random value is drawn; each 1/8 without it.");
    /// All of them.
    pub const TABLE: Table = Table { heading: "TARGET = { lfo = ... }", keys: &[LFO, LOW, HIGH, LENGTH, PHASE, STEP] };
}

/// The programs of a pattern.
pub mod programs {
    use super::{Key, Kind, Table, key};

    /// `ahead`
    pub const AHEAD: Key = key(
        "ahead",
        super::LENGTH,
        r#"ahead = "1 beat""#,
        "How long before the pattern begins they are sent; right before it without it.",
    );
    /// The program of a track, or of all on a port.
    pub const CHANGE: Key = key(
        "NAME",
        "a program from 0 to 127, or a table with `program` and `bank`",
        "circuit = 5",
        "The program, counted from 0 as on the wire.",
    )
    .of(Kind::Any(&[Kind::Whole(0, 127), Kind::Table(&super::program::TABLE)]));
    /// All of them; every other key is the name of a track or a port.
    pub const TABLE: Table = Table { heading: "program = { ... }", keys: &[AHEAD] };
}

/// A program with its bank.
pub mod program {
    use super::{Key, Kind, Table, key};

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
    pub const TABLE: Table = Table { heading: "NAME = { program = ... }", keys: &[PROGRAM, BANK] };
}

/// `[song]`
pub mod song {
    use super::{Key, Kind, Table, key};

    /// `parts`
    pub const PARTS: Key = key(
        "parts",
        r#"a list of patterns such as ["main x4", "build"]"#,
        r#"parts = ["main x4", "main"]"#,
        "The patterns in their order, each played once or as often as `x4` says.",
    )
    .of(Kind::List(&PART.kind));
    /// One of the parts.
    pub const PART: Key = key(
        "parts",
        "the name of a pattern, then perhaps `x` and how often, in quotes",
        r#"parts = ["main x4", "build"]"#,
        "A pattern, some times.",
    );
    /// `end`
    pub const END: Key = key(
        "end",
        r#""hold", "loop" or "stop""#,
        r#"end = "loop""#,
        "What follows the last part: it plays on, the song begins again, or the music stops. It plays on without it.",
    )
    .of(Kind::Words(&["hold", "loop", "stop"]));
    /// All of them.
    pub const TABLE: Table = Table { heading: "[song]", keys: &[PARTS, END] };
}

/// `[[bind]]`
pub mod bind {
    use super::{Key, Kind, Table, key};

    /// `on`
    pub const ON: Key = key(
        "on",
        "the name of a port, then `note`, `cc` or `program` and its number, then perhaps `channel` and a number, in quotes",
        r#"on = "circuit note 36 channel 1""#,
        "What has to come: a key that goes down, a controller that rises to 64 or more, a program change. A key that is \
         bound plays nothing else: it moves no track and is not held.",
    );
    /// `do`
    pub const DO: Key = key(
        "do",
        "a command such as \"launch main\", in quotes",
        r#"do = "launch main at bar""#,
        "What happens then; the commands are `start`, `stop`, `continue`, `launch NAME at bar`, `withdraw`, `jump 2`, \
         `hold`, `mute TRACK`, `solo TRACK`, `fill` and `transpose +2`. `hold` and `fill` last as long as the key is down, \
         `mute` and `solo` change to the other state, unless `on` or `off` follows.",
    );
    /// A binding as a whole.
    pub const ENTRY: Key = key("bind", "a table with `on` and `do`", "[[bind]]", "What a key, a pedal or a pad does.")
        .of(Kind::Table(&TABLE));
    /// All of them.
    pub const TABLE: Table = Table { heading: "[[bind]]", keys: &[ON, DO] };
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::set::Set;

    /// A whole set that has `key` of `table` as its example writes it, and beside it only what has to be there.
    fn set_with(table: &Table, key: &Key) -> String {
        let lines = |of: &Table, required: &[Key], between: &str| {
            let shown = Some(key).filter(|key| of.heading == table.heading && !key.example.starts_with('['));
            let rest = required.iter().filter(|required| Some(required.name) != shown.map(|key| key.name));
            rest.chain(shown).map(|key| key.example).collect::<Vec<_>>().join(between)
        };
        let is = |of: &Table| of.heading == table.heading;
        let bass = match is(&arp::TABLE) {
            // What is held takes the place of what is written.
            true if key.name == arp::HELD.name => lines(&arp::TABLE, &[], ", "),
            true => lines(&arp::TABLE, &[arp::ARP], ", "),
            false => lines(&steps::TABLE, &[steps::STEPS], ", "),
        };
        let controller = match is(&lfo::TABLE) {
            // Only random values have steps.
            true if key.name == lfo::STEP.name => lines(&lfo::TABLE, &[], ", ") + ", lfo = \"random\"",
            true => lines(&lfo::TABLE, &[lfo::LFO], ", "),
            false if is(&points::TABLE) => lines(&points::TABLE, &[points::POINTS], ", "),
            false => String::new(),
        };
        let controller = match controller.as_str() {
            "" => controller,
            some => format!("cc = {{ bass.74 = {{ {some} }} }}\n"),
        };
        let program = match is(&program::TABLE) {
            true => format!("program = {{ bass = {{ {} }} }}\n", lines(&program::TABLE, &[program::PROGRAM], ", ")),
            false if is(&programs::TABLE) => {
                format!("program = {{ {} }}\n", lines(&programs::TABLE, &[programs::CHANGE], ", "))
            }
            false => String::new(),
        };
        let bind = match is(&bind::TABLE) {
            true => format!("[[bind]]\n{}\n", lines(&bind::TABLE, &[bind::ON, bind::DO], "\n")),
            false => String::new(),
        };
        format!(
            "{}\n[clock]\n{}\n[ports.circuit]\n{}\n[tracks.bass]\n{}\n[patterns.main]\n{}\nbass = {{ {bass} }}\n\
            {controller}{program}[song]\n{}\n{bind}",
            lines(&set::TABLE, &[], "\n"),
            lines(&clock::TABLE, &[], "\n"),
            lines(&port::TABLE, &[port::DEVICE], "\n"),
            lines(&track::TABLE, &[track::PORT, track::CHANNEL], "\n"),
            lines(&pattern::TABLE, &[], "\n"),
            lines(&song::TABLE, &[Key { example: "parts = [\"main\"]", ..song::PARTS }], "\n"),
        )
    }

    /// A whole set for each key, with the example of the key.
    pub fn examples() -> Vec<String> {
        let mut sets = Vec::new();
        for table in TABLES {
            for key in table.keys {
                let text = match key.name {
                    // The notes of the bass are no drums.
                    "kit" => set_with(table, key).replace(steps::STEPS.example, "steps = \"k s\""),
                    "bind" => set_with(&bind::TABLE, &bind::ON),
                    _ => set_with(table, key),
                };
                assert!(text.contains(key.example), "{} is not in\n{text}", key.example);
                sets.push(text);
            }
        }
        let text = set_with(&pattern::TABLE, &pattern::BARS);
        let (before, after) = text.split_once("bass =").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        sets.push(format!("{before}{}\n{after}", pattern::LANE.example));
        sets
    }

    #[test]
    fn every_example_is_read() {
        for text in examples() {
            if let Err(mistakes) = Set::parse("example.toml", text.as_bytes()) {
                panic!("{text}\n{mistakes}");
            }
        }
    }

    #[test]
    fn what_is_said_agrees_with_the_limits() {
        use crate::time::Tempo;
        let tempo = format!("a number from {} to {}", Tempo::SLOWEST, Tempo::FASTEST);
        assert_eq!(set::TEMPO.takes, tempo);
        let (slowest, fastest) = (Tempo::SLOWEST as i64, Tempo::FASTEST as i64);
        assert!(matches!(set::TEMPO.kind, Kind::Number(least, most) if (least, most) == (slowest, fastest)));
        assert_eq!(track::GATE.takes, steps::GATE.takes);
        assert_eq!(track::VELOCITY.takes, steps::VELOCITY.takes);
        let most = crate::engine::program::MAX_LENGTH.0 / crate::time::Meter::new(1, 64).unwrap().bar().0;
        assert!(matches!(pattern::BARS.kind, Kind::Whole(1, bars) if bars == most as u64));
    }

    #[test]
    fn keys_are_found_by_name() {
        assert_eq!(track::TABLE.find("channel").map(|key| key.example), Some(track::CHANNEL.example));
        assert!(track::TABLE.find("chanel").is_none());
    }
}
