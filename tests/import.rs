//! MIDI files become sets that play the same notes, tick for tick; and no bytes make the reader panic.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tightrope::midi::Message;
use tightrope::offline::import::{Imported, Options, Split, import};
use tightrope::offline::lines::Style;
use tightrope::offline::render::{Plan, Rendering, Sent, render};
use tightrope::offline::score::{self, Unreadable};
use tightrope::offline::smf;
use tightrope::set::Set;
use tightrope::time::TickSpan;

const EXACT: Options = with_tolerance(0);

const fn with_tolerance(tolerance: i64) -> Options {
    Options { style: Style { grid: TickSpan::SIXTEENTH, tolerance }, split: Split::Whole }
}

/// A note as it is heard: beginning, length, channel from 0, key, velocity.
type Heard = (i64, i64, u8, u8, u8);

/// A file, written by hand: nothing here is shared with what reads it.
struct File {
    format: u16,
    per_quarter: u16,
    tracks: Vec<Vec<u8>>,
}

impl File {
    fn of(format: u16, per_quarter: u16, tracks: &[Vec<u8>]) -> Vec<u8> {
        File { format, per_quarter, tracks: tracks.to_vec() }.bytes()
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"MThd\0\0\0\x06".to_vec();
        for number in [self.format, self.tracks.len() as u16, self.per_quarter] {
            bytes.extend(number.to_be_bytes());
        }
        for track in &self.tracks {
            bytes.extend(b"MTrk");
            bytes.extend((track.len() as u32).to_be_bytes());
            bytes.extend(track);
        }
        bytes
    }
}

fn delta(ticks: u32) -> Vec<u8> {
    let mut bytes = vec![(ticks & 0x7F) as u8];
    let mut left = ticks >> 7;
    while left > 0 {
        bytes.insert(0, (left & 0x7F) as u8 | 0x80);
        left >>= 7;
    }
    bytes
}

/// A track of messages with their positions; the name first if there is one.
fn track(name: &str, messages: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !name.is_empty() {
        bytes.extend([0, 0xFF, 3, name.len() as u8]);
        bytes.extend(name.bytes());
    }
    let mut at = 0;
    let mut sorted = messages.to_vec();
    sorted.sort_by_key(|(tick, _)| *tick);
    for (tick, message) in sorted {
        bytes.extend(delta(tick - at));
        bytes.extend(message);
        at = tick;
    }
    bytes.extend([0, 0xFF, 0x2F, 0]);
    bytes
}

fn set_of(imported: &Imported) -> Set {
    let text = &imported.text;
    Set::parse("imported.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{text}\n{}", mistakes.render(false)))
}

/// What the set plays once through.
fn heard(imported: &Imported) -> Vec<Heard> {
    let set = set_of(imported);
    let length = set.program.meter.bar() * imported.bars;
    let rendering = render(&set.program, &Plan { length, commands: Vec::new() }).unwrap();
    let mut open = BTreeMap::new();
    let mut heard = Vec::new();
    for sent in rendering.sent {
        match sent.message {
            Message::NoteOn(channel, key, velocity) => {
                let before = open.insert((sent.port, channel, key), (sent.tick.0, velocity.value()));
                assert!(before.is_none(), "struck while it sounds");
            }
            Message::NoteOff(channel, key, _) => {
                let (at, velocity) = open.remove(&(sent.port, channel, key)).expect("an off without an on");
                heard.push((at, sent.tick.0 - at, channel.index() as u8, key.number(), velocity));
            }
            _ => {}
        }
    }
    assert!(open.is_empty());
    heard.sort_unstable();
    heard
}

fn note(at: u32, length: u32, channel: u8, key: u8, velocity: u8) -> [(u32, Vec<u8>); 2] {
    [(at, vec![0x90 | channel, key, velocity]), (at + length, vec![0x80 | channel, key, 64])]
}

/// Notes of which no two sound on one key of one channel at once, with gaps: what comes out is what goes in.
fn any_notes(longest: i64) -> impl Strategy<Value = Vec<Heard>> {
    let grid = prop_oneof![3 => Just(240i64), 1 => Just(120i64), 1 => Just(80i64), 1 => Just(1i64)];
    let one = (0i64..60, 1i64..40, grid, 0u8..4, 0u8..128, 1u8..128, any::<bool>()).prop_map(
        move |(at, length, grid, channel, key, velocity, on_grid)| {
            let length = if on_grid { length * grid } else { 1 + length * longest / 40 };
            (at * grid * if grid == 1 { 97 } else { 1 }, length, channel, key, velocity)
        },
    );
    prop::collection::vec(one, 0..40).prop_map(|mut notes| {
        notes.sort_unstable();
        let mut free = BTreeMap::new();
        notes.retain(|&(at, length, channel, key, _)| {
            let free = free.entry((channel, key)).or_insert(0);
            let fits = at >= *free;
            *free = if fits { at + length } else { *free };
            fits
        });
        notes
    })
}

/// What is set on a step.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        (prop::sample::select(vec![1u8, 2, 7, 10, 11, 33, 64, 65, 66, 67, 68, 69, 71, 74, 91, 120, 123]), 0u8..128)
            .prop_map(|(number, value)| format!("{number}={value}")),
        prop::sample::select(vec![64u8, 66, 69]).prop_map(|number| format!("{number}=127")),
        prop::sample::select(vec![64u8, 66, 69]).prop_map(|number| format!("{number}=0")),
        (-8_192i32..8_192).prop_map(|bend| format!("bend={bend}")),
        Just("bend=0".to_owned()),
        (0u8..128).prop_map(|value| format!("pressure={value}")),
        (0u8..128).prop_map(|program| format!("program={program}")),
        (0u16..6, 0u16..16_384).prop_map(|(number, value)| format!("rpn-{number}={value}")),
        (0u16..16_383, 0u16..16_384).prop_map(|(number, value)| format!("nrpn-{number}={value}")),
        (1u8..6, 0u16..16_384).prop_map(|(number, value)| format!("cc14-{number}={value}")),
    ]
}

/// A step, perhaps with a value.
fn any_step(octave: u8) -> impl Strategy<Value = String> {
    let what = prop_oneof![3 => Just(".".to_owned()), 2 => (0usize..7, 1u8..128).prop_map(move |(note, velocity)| {
        format!("{}{octave}:{velocity}", ["c", "d", "e", "f", "g", "a", "b"][note])
    })];
    (what, prop::option::weighted(0.4, any_value()), prop::option::weighted(0.2, 1u8..50)).prop_map(
        |(step, value, late)| {
            let late = late.filter(|_| step != ".").map_or(String::new(), |late| format!(">{late}"));
            format!("{step}{late}{}", value.map_or(String::new(), |value| format!("{{{value}}}")))
        },
    )
}

/// A set of two tracks, of one pattern or a song of two that lasts four bars.
fn any_set() -> impl Strategy<Value = String> {
    let line = |octave: u8| {
        prop::collection::vec(any_step(octave), 12).prop_map(|mut steps| {
            // Of two programs at one place, the first is left out, with a word.
            steps.iter_mut().take(1).filter(|step| step.contains("program")).for_each(|step| *step = ".".to_owned());
            steps.join(" ")
        })
    };
    let pattern = || {
        (line(2), line(3), line(4), prop::option::of((0u8..128, prop::option::of(0u16..16_384)))).prop_map(
            |(first, second, other, program)| {
                let program = match program {
                    Some((program, None)) => format!("program.one = {program}\n"),
                    Some((program, Some(bank))) => format!("program.one = {{ program = {program}, bank = {bank} }}\n"),
                    None => String::new(),
                };
                format!(
                    "{program}one = \"\"\"\n{first}\n{second}\"\"\"\ntwo = {{ step = \"1/8\", steps = \"{other}\" }}\n"
                )
            },
        )
    };
    let meter = prop::sample::select(vec!["3/4", "4/4", "6/8", "7/8"]);
    (meter, 30u32..300, 1u8..3, pattern(), pattern(), any::<bool>()).prop_map(|(meter, tempo, channel, a, b, is_song)| {
        let song = if is_song { "[song]\nparts = [\"a\", \"b x2\", \"a\"]\nend = \"stop\"\n" } else { "" };
        format!(
            "tempo = {tempo}\nmeter = \"{meter}\"\n[ports.p]\ndevice = \"P\"\n[tracks.one]\nport = \"p\"\nchannel = 1\n\
             [tracks.two]\nport = \"p\"\nchannel = {channel}\n[patterns.a]\n{a}[patterns.b]\n{b}{song}"
        )
    })
}

fn file_of(notes: &[Heard], format: u16) -> Vec<u8> {
    let messages = |channel: Option<u8>| -> Vec<(u32, Vec<u8>)> {
        let of = notes.iter().filter(|note| channel.is_none_or(|channel| note.2 == channel));
        // Offs first: a key may be struck again where it ends.
        let offs = of.clone().map(|n| ((n.0 + n.1) as u32, vec![0x80 | n.2, n.3, 0]));
        let ons = of.map(|n| (n.0 as u32, vec![0x90 | n.2, n.3, n.4]));
        offs.chain(ons).collect()
    };
    match format {
        0 => File::of(0, 960, &[track("all", &messages(None))]),
        _ => File::of(1, 960, &(0..4).map(|channel| track("part", &messages(Some(channel)))).collect::<Vec<_>>()),
    }
}

/// All that is sent, tick by tick. What is in force already is no change: patterns say what they begin in the middle of, so that
/// they sound the same after any other.
fn told(rendering: &Rendering) -> Vec<(i64, u16, String)> {
    let mut in_force = BTreeMap::new();
    let is_change = |sent: &&Sent| {
        let (what, value) = match sent.message {
            Message::ControlChange(_, 6 | 38 | 96..=101, _) => return true,
            Message::ControlChange(channel, number, value) => ((channel, u16::from(number)), u16::from(value)),
            Message::ProgramChange(channel, program) => ((channel, 128), program.into()),
            Message::ChannelPressure(channel, value) => ((channel, 129), value.into()),
            Message::PitchBend(channel, bend) => ((channel, 130), bend),
            _ => return true,
        };
        in_force.insert((sent.port, what), value) != Some(value)
    };
    let sent = rendering.sent.iter().filter(is_change);
    let mut told: Vec<_> =
        sent.map(|sent| (sent.tick.0, u16::from(sent.port.0), sent.message.to_bytes().to_string())).collect();
    told.sort_unstable();
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_comes_back_tick_for_tick(notes in any_notes(4_000), format in 0u16..2) {
        let imported = import("random.mid", &file_of(&notes, format), EXACT).unwrap();
        prop_assert_eq!(heard(&imported), notes, "{}", imported.text);
        prop_assert_eq!(&imported.remarks, &Vec::<String>::new());
    }

    /// What a set plays, rendered and imported, plays the same.
    #[test]
    fn what_is_rendered_comes_back(notes in any_notes(900)) {
        let first = import("random.mid", &file_of(&notes, 1), EXACT).unwrap();
        let set = set_of(&first);
        let rendering = render(&set.program, &Plan { length: set.program.patterns[0].length, commands: Vec::new() }).unwrap();
        let second = import("again.mid", &smf::write(&set, &rendering), EXACT).unwrap();
        prop_assert_eq!(heard(&second), heard(&first));
        let names = |imported: &Imported| {
            let set = set_of(imported);
            (set.tracks, set.ports.into_iter().map(|port| port.name).collect::<Vec<_>>())
        };
        prop_assert_eq!(names(&second), names(&first));
    }

    /// With a tolerance notes move by no more than that.
    #[test]
    fn nothing_moves_by_more_than_the_tolerance(notes in any_notes(900), tolerance in 1i64..60) {
        let imported = import("random.mid", &file_of(&notes, 1), with_tolerance(tolerance)).unwrap();
        let heard: BTreeSet<_> = heard(&imported).into_iter().collect();
        // Notes that are moved onto each other are remarked; otherwise each is near where it was.
        if imported.remarks.is_empty() {
            for note in &notes {
                let near = |other: &&Heard| (other.0 - note.0).abs() <= tolerance && (other.1 - note.1).abs() <= tolerance && (other.2, other.3, other.4) == (note.2, note.3, note.4);
                prop_assert!(heard.iter().find(near).is_some(), "{note:?}\n{}", imported.text);
            }
        }
    }

    /// In several patterns and a song it plays the same, notes that last over bar lines too; and every line can be read.
    #[test]
    fn a_song_plays_what_one_pattern_plays(notes in any_notes(900), split in 0i64..5) {
        let split = if split == 0 { Split::Short } else { Split::Bars(split) };
        let imported = import("random.mid", &file_of(&notes, 1), Options { split, ..EXACT }).unwrap();
        prop_assert_eq!(heard(&imported), notes, "{}", imported.text);
        prop_assert_eq!(&imported.remarks, &Vec::<String>::new());
        prop_assert!(longest_line(&imported) < 200, "{}", imported.text);
    }

    /// What is written with a swing comes back with it, whatever its per cent, its steps and its gates.
    #[test]
    fn a_swing_comes_back(percent in 51u32..=75, step in 0usize..2, gates in prop::collection::vec(1u32..200, 16)) {
        let step = ["1/16", "1/8"][step];
        let steps: Vec<String> = gates.iter().enumerate().map(|(at, gate)| format!("c{}={gate}", at % 8)).collect();
        let set = format!(
            "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nbars = 2\n\
             t = {{ step = \"{step}\", swing = {percent}, steps = \"{}\" }}\n", steps.join(" ")
        );
        let set = Set::parse("swung.toml", set.as_bytes()).unwrap();
        let rendering = render(&set.program, &Plan { length: set.program.patterns[0].length, commands: Vec::new() }).unwrap();
        let imported = import("swung.mid", &smf::write(&set, &rendering), EXACT).unwrap();
        prop_assert_eq!(&imported.remarks, &Vec::<String>::new());
        prop_assert!(imported.text.contains(&format!("swing = {percent}")), "{}", imported.text);
    }

    /// Over all that a set can say besides notes too, and all that it is played by.
    #[test]
    fn what_a_set_sends_comes_back(set in any_set(), split in 0i64..4) {
        let first = Set::parse("first.toml", set.as_bytes());
        prop_assert!(first.is_ok(), "{}\n{}", set, first.err().map_or(String::new(), |mistakes| mistakes.render(false)));
        let first = first.unwrap();
        let bars = if set.contains("[song]") { 4 } else { 1 };
        let length = first.program.meter.bar() * bars;
        let rendering = render(&first.program, &Plan { length, commands: Vec::new() }).unwrap();
        let split = if split == 0 { Split::Short } else { Split::Bars(split) };
        let read = import("first.mid", &smf::write(&first, &rendering), Options { split, ..EXACT }).unwrap();
        // Where a pattern cannot begin, because something is held over the line, a marker names none.
        let remarks: Vec<_> = read.remarks.iter().filter(|remark| !remark.contains("marker")).collect();
        prop_assert!(remarks.is_empty(), "{:?}\n{}\n{}", remarks, set, read.text);
        let second = set_of(&read);
        prop_assert_eq!((read.bars, second.program.meter), (bars, first.program.meter));
        prop_assert_eq!(second.program.tempo, first.program.tempo);
        let again = render(&second.program, &Plan { length, commands: Vec::new() }).unwrap();
        prop_assert_eq!(told(&again), told(&rendering), "{}\n{}", set, read.text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), header in any::<bool>()) {
        let bytes = if header { [&b"MThd\0\0\0\x06\0\x01\0\x01\x03\xc0MTrk\0\0\0\x50"[..], &bytes].concat() } else { bytes };
        if let Ok(imported) = import("noise.mid", &bytes, EXACT) {
            set_of(&imported);
        }
    }

    #[test]
    fn a_damaged_file_is_refused_or_makes_a_set(
        notes in any_notes(900), cut in 0usize..400, at in 0usize..400, byte in any::<u8>(), truncate in any::<bool>(),
    ) {
        let mut bytes = file_of(&notes, 1);
        if truncate {
            bytes.truncate(bytes.len().saturating_sub(1 + cut % bytes.len()));
            // Where nothing is cut off but the mark of the end, players read it, and so it is, with a word.
            if let Ok(imported) = import("cut.mid", &bytes, EXACT) {
                prop_assert!(!imported.remarks.is_empty());
                set_of(&imported);
            }
        } else {
            let length = bytes.len();
            bytes[at % length] = byte;
            if let Ok(imported) = import("bent.mid", &bytes, EXACT) {
                set_of(&imported);
            }
        }
    }
}

/// How long the longest line of a set is.
fn longest_line(imported: &Imported) -> usize {
    imported.text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// What a file says that can be told in a line: its set has those notes, and those remarks.
fn imported(format: u16, per_quarter: u16, tracks: &[Vec<u8>]) -> Imported {
    import("song.mid", &File::of(format, per_quarter, tracks), EXACT).unwrap()
}

#[test]
fn running_status_and_velocity_zero() {
    let messages = [(0, vec![0x91, 60, 100]), (240, vec![60, 0]), (240, vec![64, 90]), (480, vec![64, 0])];
    let imported = imported(0, 960, &[track("", &messages)]);
    assert_eq!(heard(&imported), [(0, 240, 1, 60, 100), (240, 240, 1, 64, 90)]);
    assert_eq!(imported.remarks, [""; 0]);
}

#[test]
fn any_resolution_is_rounded_to_the_nearest_tick() {
    for (per_quarter, at, length, expected) in
        [(96u16, 5u32, 7u32, (50, 70)), (480, 1, 1, (2, 2)), (1_000, 3, 1, (3, 1))]
    {
        let imported = imported(1, per_quarter, &[track("a", &note(at, length, 0, 60, 100))]);
        assert_eq!(heard(&imported), [(expected.0, expected.1, 0, 60, 100)], "{per_quarter}");
    }
}

#[test]
fn hanging_empty_doubled_and_stray_notes_are_made_playable_and_remarked() {
    let mut messages = vec![
        (0, vec![0x90, 60, 100]),
        (480, vec![0x90, 60, 50]),
        (720, vec![0x80, 60, 0]),
        (960, vec![0x80, 60, 0]),
        (960, vec![0x80, 60, 0]),
        (960, vec![0x90, 62, 80]),
        (960, vec![0x80, 62, 0]),
        (1_920, vec![0x90, 64, 70]),
    ];
    messages.push((3_840, vec![0xB0, 7, 90]));
    let imported = imported(0, 960, &[track("", &messages)]);
    assert_eq!(
        heard(&imported),
        [(0, 480, 0, 60, 100), (480, 480, 0, 60, 50), (960, 1, 0, 62, 80), (1_920, 1_920, 0, 64, 70)]
    );
    assert_eq!(
        imported.remarks,
        [
            "a note was never ended; it ends with its track",
            "a note had no length; it lasts a tick",
            "a key was struck while it sounded; the first note ends there, and the first off is its own",
            "a note-off had no note to end",
            "what is set at the very end has a bar of its own, the pattern `end`",
        ]
    );
    assert!(imported.remarks.iter().all(|remark| imported.text.contains(&format!("# - {remark}\n"))));
}

#[test]
fn a_track_without_its_end_is_read_to_where_it_ends() {
    let mut endless = track("", &note(0, 480, 0, 60, 90));
    endless.truncate(endless.len() - 4);
    let read = imported(0, 480, &[endless.clone()]);
    assert_eq!(heard(&read), [(0, 960, 0, 60, 90)]);
    assert!(read.text.contains("a track had no end"), "{}", read.text);
    // Where something follows that is no event, it is damaged as ever.
    endless.extend([0xFF; 5]);
    let bytes = File::of(0, 480, &[endless]);
    assert!(import("song.mid", &bytes, EXACT).is_err());
}

#[test]
fn controllers_come_along_on_steps_of_their_own_where_they_need_them() {
    let with = |values: &[(u32, Vec<u8>)]| {
        let mut messages = note(0, 240, 0, 60, 100).to_vec();
        messages.extend_from_slice(values);
        imported(1, 960, &[track("Lead", &messages)])
    };
    let on_grid =
        with(&[(0, vec![0xB0, 74, 30]), (480, vec![0xB0, 74, 40]), (480, vec![0xE0, 0, 0x40]), (720, vec![0xD0, 9])]);
    assert_eq!(set_of(&on_grid).tracks, ["lead"]);
    assert_eq!(values_of(&on_grid), ["0 B0 4A 1E", "480 B0 4A 28", "480 E0 00 40", "720 D0 09"]);
    assert_eq!(on_grid.remarks, [""; 0]);

    let off_grid =
        with(&[(60, vec![0xB0, 1, 1]), (63, vec![0xB0, 1, 2]), (100, vec![0xB0, 1, 3]), (100, vec![0xC0, 5])]);
    assert_eq!(set_of(&off_grid).tracks, ["lead-cc", "lead"]);
    assert_eq!(values_of(&off_grid), ["60 B0 01 01", "63 B0 01 02", "100 B0 01 03", "100 C0 05"]);
    assert_eq!(off_grid.remarks, [""; 0]);
}

/// What the set sends besides notes, with its ticks.
fn values_of(imported: &Imported) -> Vec<String> {
    let set = set_of(imported);
    let length = set.program.meter.bar() * imported.bars;
    let rendering = render(&set.program, &Plan { length, commands: Vec::new() }).unwrap();
    let values =
        rendering.sent.iter().filter(|sent| !matches!(sent.message, Message::NoteOn(..) | Message::NoteOff(..)));
    // What still holds or bends notes at the end goes home there.
    let values = values.filter(|sent| sent.tick.0 < length.0);
    values.map(|sent| format!("{} {}", sent.tick.0, sent.message.to_bytes())).collect()
}

#[test]
fn programs_are_those_of_patterns_where_they_begin_them_and_in_steps_elsewhere() {
    let mut messages = vec![
        (0, vec![0xB0, 0, 1]),
        (0, vec![0xB0, 32, 2]),
        (0, vec![0xC0, 5]),
        (960, vec![0xC0, 6]),
        (3_840, vec![0xC0, 7]),
        (8_000, vec![0xC0, 8]),
    ];
    for bar in 0..4 {
        messages.extend(note(bar * 3_840 + 10, 240, 0, 60, 100));
    }
    let bytes = File::of(1, 960, &[track("Lead", &messages)]);
    let whole = import("song.mid", &bytes, EXACT).unwrap();
    assert!(whole.text.contains("program.lead = { program = 5, bank = 130 }\n"), "{}", whole.text);
    let expected = ["0 B0 00 01", "0 B0 20 02", "0 C0 05", "960 C0 06", "3840 C0 07", "8000 C0 08"];
    assert_eq!((values_of(&whole), &whole.remarks[..]), (expected.map(str::to_owned).to_vec(), &[][..]));

    let split = import("song.mid", &bytes, Options { split: Split::Bars(1), ..EXACT }).unwrap();
    let programs: Vec<&str> = split.text.lines().filter(|line| line.starts_with("program")).collect();
    assert_eq!(programs, [5, 7, 7, 8].map(|n| format!("program.lead = {{ program = {n}, bank = 130 }}")));
    let sounds: Vec<String> = values_of(&split).into_iter().filter(|value| value.contains(" C0 ")).collect();
    assert_eq!(sounds, ["0 C0 05", "960 C0 06", "3840 C0 07", "7680 C0 07", "8000 C0 08", "11520 C0 08"]);
}

#[test]
fn a_bank_that_is_said_by_half_or_too_late_is_kept_as_it_is() {
    for (messages, expected) in [
        (vec![(0, vec![0xB0, 0, 1]), (0, vec![0xC0, 5])], ["0 B0 00 01", "0 C0 05"]),
        (vec![(0, vec![0xC0, 5]), (0, vec![0xB0, 0, 1])], ["0 C0 05", "0 B0 00 01"]),
        (vec![(0, vec![0xB0, 32, 1]), (7, vec![0xC0, 5])], ["0 B0 20 01", "7 C0 05"]),
    ] {
        let messages = [messages, note(480, 480, 0, 60, 90).to_vec()].concat();
        assert_eq!(values_of(&imported(0, 960, &[track("", &messages)])), expected);
    }
}

#[test]
fn a_note_has_the_program_that_stands_before_it() {
    let sent = |imported: &Imported| {
        let set = set_of(imported);
        let rendering = render(&set.program, &Plan { length: set.program.meter.bar(), commands: Vec::new() }).unwrap();
        let sent = rendering.sent.iter().filter(|sent| !matches!(sent.message, Message::NoteOff(..)));
        sent.map(|sent| format!("{} {}", sent.tick.0, sent.message.to_bytes())).collect::<Vec<_>>()
    };
    let (program, on) = (|at: u32, number: u8| (at, vec![0xC0, number]), |at: u32, key: u8| (at, vec![0x90, key, 90]));
    let off = |key: u8| (960, vec![0x80, key, 0]);
    let mut messages = vec![program(0, 5), on(480, 60), program(480, 6), on(480, 62), program(480, 7), on(480, 64)];
    messages.extend([off(60), off(62), off(64)]);
    let one = imported(1, 960, &[track("", &messages)]);
    let expected = ["0 C0 05", "480 90 3C 5A", "480 C0 06", "480 90 3E 5A", "480 C0 07", "480 90 40 5A"];
    assert_eq!((sent(&one), &one.remarks[..]), (expected.map(str::to_owned).to_vec(), &[][..]), "{}", one.text);
    // Two tracks that share a channel.
    let first = track("", &[program(0, 5), on(0, 60), off(60)]);
    let second = track("", &[program(0, 6), on(0, 62), off(62)]);
    let two = imported(1, 960, &[first, second]);
    let expected = ["0 C0 05", "0 90 3C 5A", "0 C0 06", "0 90 3E 5A"];
    assert_eq!((sent(&two), &two.remarks[..]), (expected.map(str::to_owned).to_vec(), &[][..]), "{}", two.text);
}

#[test]
fn values_keep_their_order_whatever_stands_between_them() {
    let values = [(7, 120), (0, 1), (32, 2), (7, 125), (10, 3), (7, 90)];
    let messages = [controllers(&values), vec![(0, vec![0xC0, 5])], note(240, 480, 0, 60, 90).to_vec()].concat();
    let later: Vec<_> = messages.iter().map(|(at, bytes)| (at + 480, bytes.clone())).collect();
    let read = imported(0, 960, &[track("", &later)]);
    let volumes: Vec<String> = values_of(&read).into_iter().filter(|value| value.contains("B0 07")).collect();
    assert_eq!(volumes, ["480 B0 07 78", "480 B0 07 7D", "480 B0 07 5A"]);
    assert!(values_of(&read).ends_with(&["480 B0 00 01", "480 B0 20 02", "480 C0 05"].map(str::to_owned)));
    assert_eq!(read.remarks, [""; 0]);
}

/// All that a set sends in so many of its rounds, or of its song.
fn sent(imported: &Imported, rounds: i64) -> Vec<String> {
    let set = set_of(imported);
    let length = set.program.meter.bar() * (imported.bars * rounds);
    let rendering = render(&set.program, &Plan { length, commands: Vec::new() }).unwrap();
    rendering.sent.iter().map(|sent| format!("{} {}", sent.tick.0, sent.message.to_bytes())).collect()
}

/// No pattern has a tick at its end, so what goes home there is left to the end of the show; in a loop, to its beginning.
#[test]
fn what_goes_home_at_the_very_end_does_so_there_and_in_loops_too() {
    let messages = [
        vec![(0, vec![0xB0, 64, 127]), (0, vec![0xB0, 65, 9]), (960, vec![0xE0, 0, 0x20]), (960, vec![0xD0, 7])],
        note(0, 3_840, 0, 60, 90).to_vec(),
        vec![
            (3_840, vec![0xB0, 64, 0]),
            (3_840, vec![0xB0, 65, 0]),
            (3_840, vec![0xD0, 0]),
            (3_840, vec![0xE0, 0, 64]),
        ],
    ];
    let read = imported(0, 960, &[track("", &messages.concat())]);
    assert_eq!((read.bars, &read.remarks[..]), (1, &[][..]));
    let once = ["0 B0 40 7F", "0 B0 41 09", "0 90 3C 5A", "960 E0 00 20", "960 D0 07", "3840 80 3C 00"];
    let home = ["3840 B0 40 00", "3840 B0 41 00", "3840 D0 00", "3840 E0 00 40"];
    assert_eq!(sent(&read, 1), [&once[..], &home].concat());
    // Round again: up, and down.
    let twice = sent(&read, 2);
    assert_eq!(twice[..6], once);
    let mut between = twice[6..10].to_vec();
    between.sort_unstable();
    assert_eq!(between, home);
    assert_eq!(twice[10], "3840 B0 40 7F");
    // In a song, the song is over.
    let song = import(
        "a.mid",
        &File::of(0, 960, &[track("", &[(0, vec![0xFF, 6, 1, b'a'])]), track("", &messages.concat())]),
        EXACT,
    );
    assert_eq!(sent(&song.unwrap(), 1), [&once[..], &home].concat());
    // What is at home already is not heard.
    let idle =
        [note(0, 480, 0, 60, 90).to_vec(), vec![(3_840, vec![0xB0, 64, 0]), (3_840, vec![0xE0, 0, 64])]].concat();
    let read = imported(0, 960, &[track("", &idle)]);
    assert_eq!((sent(&read, 1).len(), &read.remarks[..]), (2, &[][..]));
}

#[test]
fn what_is_set_to_anything_else_at_the_very_end_has_a_bar_of_its_own() {
    for (value, said) in [
        (vec![0xB0, 74, 30], "3840 B0 4A 1E"),
        (vec![0xE0, 0, 0x20], "3840 E0 00 20"),
        (vec![0xB0, 64, 20], "3840 B0 40 14"),
        (vec![0xC0, 5], "3840 C0 05"),
        (vec![0xB0, 123, 0], "3840 B0 7B 00"),
    ] {
        let messages = [vec![(960, vec![0xB0, 64, 127])], note(0, 3_840, 0, 60, 90).to_vec(), vec![(3_840, value)]];
        let read = imported(0, 960, &[track("", &messages.concat())]);
        let remark = "what is set at the very end has a bar of its own, the pattern `end`".to_owned();
        assert_eq!((read.bars, &read.remarks[..]), (2, &[remark][..]), "{}", read.text);
        assert!(sent(&read, 1).contains(&said.to_owned()), "{:?}", sent(&read, 1));
        assert!(read.text.contains("parts = [\n  \"main\",\n  \"end\",\n]\nend = \"stop\""), "{}", read.text);
    }
}

#[test]
fn programs_that_others_replace_at_once_are_told() {
    let with = |programs: &[u8]| {
        let programs = programs.iter().map(|&program| (0, vec![0xC0, program]));
        let read = imported(0, 960, &[track("", &programs.chain(note(0, 480, 0, 60, 90)).collect::<Vec<_>>())]);
        assert!(read.text.contains("program.channel-1 = 7"), "{}", read.text);
        read.remarks
    };
    assert_eq!(with(&[7]), [""; 0]);
    assert_eq!(with(&[7, 7]), [""; 0]);
    assert_eq!(with(&[5, 7]), ["a program that another one replaces at the same place is left out"]);
    assert_eq!(with(&[5, 6, 7]), ["2 programs that others replace at the same place are left out"]);
}

#[test]
fn of_a_file_that_is_cut_off_there_is_what_came_before() {
    let first = track("a", &[note(0, 240, 0, 60, 100), note(480, 240, 0, 62, 100)].concat());
    let whole = File::of(1, 960, &[first, track("b", &note(0, 960, 1, 48, 90))]);
    let second = whole.windows(4).rposition(|four| four == b"MTrk").unwrap();
    let cut = |at: usize| {
        let read = import("cut.mid", &whole[..at], EXACT).unwrap_or_else(|error| panic!("{at}: {error}"));
        (heard(&read).len(), read.remarks.first().cloned().unwrap_or_default())
    };
    let of_two = "the file is cut off: it has 1 of its 2 tracks, and these are read";
    assert_eq!(cut(second), (2, of_two.to_owned()));
    assert_eq!(cut(second + 6), (2, of_two.to_owned()));
    // The name, the first note, and the on of the second.
    let in_first = (1, "the file is cut off in track 1 of 2; what is there is read".to_owned());
    assert_eq!(cut(14 + 8 + 5 + 4 + 5), in_first);
    assert_eq!(cut(14 + 8 + 5 + 4 + 5 + 2), in_first);
    assert_eq!(cut(14 + 8 + 5 + 4 + 5 + 5).0, 2);
    assert_eq!(cut(second + 8 + 5 + 4), (3, "the file is cut off in track 2 of 2; what is there is read".to_owned()));
    for at in second + 8..whole.len() {
        assert!(cut(at).0 >= 2, "{at}");
    }
    for at in 0..14 {
        assert!(import("cut.mid", &whole[..at], EXACT).is_err(), "{at}");
    }
    assert_eq!(
        score::read(&whole[..14]).unwrap_err().to_string(),
        "the file is cut off: it ends before its first track"
    );
}

/// A volume of 255 means all of it.
#[test]
fn a_value_above_127_counts_as_127() {
    let messages = [
        vec![(0, vec![0xB0, 7, 0xFF]), (0, vec![0xB0, 10, 0x80]), (5, vec![0xD0, 200])],
        note(0, 480, 0, 60, 255).to_vec(),
    ];
    let read = imported(0, 960, &[track("", &messages.concat())]);
    assert_eq!(heard(&read), [(0, 480, 0, 60, 127)]);
    assert_eq!(values_of(&read), ["0 B0 07 7F", "0 B0 0A 7F", "5 D0 7F"]);
    assert_eq!(read.remarks, ["4 values are above 127; they are read as 127"]);
    // With a running status.
    let bytes = vec![0, 0x90, 60, 0x90, 0x83, 0x60, 60, 0, 0, 0xFF, 0x2F, 0];
    assert_eq!(heard(&imported(0, 960, &[bytes])), [(0, 480, 0, 60, 127)]);
}

/// Controllers at the beginning.
fn controllers(values: &[(u8, u8)]) -> Vec<(u32, Vec<u8>)> {
    values.iter().map(|&(number, value)| (0, vec![0xB0, number, value])).collect()
}

#[test]
fn parameters_keep_their_order_and_their_values() {
    for (values, written, sent) in [
        (
            &[(101, 0), (100, 0), (6, 12), (101, 0), (100, 2), (6, 60)][..],
            ".{rpn-0=1536 rpn-2=7680}",
            &["65 00", "64 00", "06 0C", "26 00", "65 00", "64 02", "06 3C", "26 00"][..],
        ),
        (&[(99, 1), (98, 32), (6, 64), (38, 5)], ".{nrpn-160=8197}", &["63 01", "62 20", "06 40", "26 05"]),
        (
            &[(99, 1), (98, 33), (6, 10), (99, 127), (98, 127)],
            ".{nrpn-161=1280 99=127 98=127}",
            &["63 01", "62 21", "06 0A", "26 00", "63 7F", "62 7F"],
        ),
        (
            &[(101, 0), (100, 0), (96, 0), (96, 0), (96, 0)],
            ".{101=0 100=0 96=0}",
            &["65 00", "64 00", "60 00", "60 00", "60 00"],
        ),
        (&[(6, 12), (101, 127), (100, 127)], ".{6=12 101=127 100=127}", &["06 0C", "65 7F", "64 7F"]),
    ] {
        let messages = [controllers(values), note(0, 480, 0, 60, 90).to_vec()].concat();
        let imported = imported(0, 480, &[track("", &messages)]);
        assert!(imported.text.contains(written), "{}", imported.text);
        assert_eq!(values_of(&imported), sent.iter().map(|bytes| format!("0 B0 {bytes}")).collect::<Vec<_>>());
        assert_eq!(imported.remarks, [""; 0]);
    }
}

#[test]
fn an_off_at_the_place_of_an_on_ends_the_note_before() {
    let (on, off) = (|at: u32, key: u8| (at, vec![0x90, key, 100]), |at: u32, key: u8| (at, vec![0x80, key, 0]));
    let silent = |at: u32, key: u8| (at, vec![0x90, key, 0]);
    let two = vec![(0, 480, 0, 60, 100), (480, 480, 0, 60, 100)];
    for (messages, expected) in [
        (vec![on(0, 60), on(480, 60), off(480, 60), off(960, 60)], two.clone()),
        (vec![on(0, 60), on(480, 60), silent(480, 60), silent(960, 60)], two.clone()),
        (vec![on(0, 60), off(480, 60), on(480, 60), off(960, 60)], two.clone()),
        // The note before has ended already.
        (vec![on(0, 60), off(240, 60), on(480, 60), off(480, 60), off(960, 60)], vec![(0, 240, 0, 60, 100), two[1]]),
        (
            vec![
                on(0, 60),
                on(0, 64),
                on(240, 60),
                on(240, 64),
                off(240, 60),
                off(240, 64),
                off(480, 60),
                off(480, 64),
            ],
            vec![(0, 240, 0, 60, 100), (0, 240, 0, 64, 100), (240, 240, 0, 60, 100), (240, 240, 0, 64, 100)],
        ),
    ] {
        let imported = imported(0, 960, &[track("", &messages)]);
        assert_eq!((heard(&imported), &imported.remarks[..]), (expected, &[][..]), "{messages:?}");
    }
    // First on, first off.
    let overlapping = vec![on(0, 60), on(480, 60), off(600, 60), off(960, 60)];
    let imported = imported(0, 960, &[track("", &overlapping)]);
    assert_eq!(heard(&imported), two);
    assert!(imported.remarks.concat().contains("the first off is its own"), "{:?}", imported.remarks);
}

#[test]
fn pedals_are_where_they_were_however_near_and_late() {
    let pedal = |at: u32, number: u8, value: u8| (at, vec![0xB0, number, value]);
    let pedals = [
        pedal(0, 64, 127),
        pedal(479, 64, 0),
        pedal(480, 64, 127),
        pedal(481, 66, 127),
        pedal(481, 64, 0),
        pedal(481, 64, 127),
        pedal(700, 67, 3),
        pedal(4_000, 64, 0),
        pedal(7_001, 66, 0),
        pedal(7_001, 67, 0),
    ];
    let messages = [pedals.to_vec(), note(0, 3_000, 0, 60, 90).to_vec()].concat();
    let read = imported(0, 960, &[track("", &messages)]);
    let expected = pedals.iter().map(|(at, bytes)| format!("{at} B0 {:02X} {:02X}", bytes[1], bytes[2]));
    assert_eq!(values_of(&read), expected.collect::<Vec<_>>());
    assert_eq!((read.bars, &read.remarks[..]), (2, &[][..]));
}

#[test]
fn bars_that_are_the_same_are_written_once() {
    let bar = |bar: u32, key: u8| note(3_840 * bar, 960, 0, key, 100);
    let notes = [bar(0, 60), bar(1, 60), bar(2, 62), bar(3, 60)].concat();
    let bytes = File::of(1, 960, &[track("Lead", &notes)]);
    let imported = import("song.mid", &bytes, Options { split: Split::Bars(1), ..EXACT }).unwrap();
    let set = set_of(&imported);
    assert_eq!(
        (set.patterns, set.parts),
        (
            vec!["bar-1".to_owned(), "bar-3".to_owned()],
            vec!["bar-1".to_owned(), "bar-3".to_owned(), "bar-1".to_owned()],
        )
    );
    assert!(imported.text.contains("\"bar-1 x2\",\n  \"bar-3\",\n  \"bar-1\",\n"), "{}", imported.text);
}

#[test]
fn two_tracks_on_one_key_of_one_channel_are_cut_as_the_instrument_would() {
    let tracks = [track("a", &note(0, 960, 0, 60, 100)), track("b", &note(480, 960, 0, 60, 90))];
    let imported = imported(1, 960, &tracks);
    assert_eq!(heard(&imported), [(0, 480, 0, 60, 100), (480, 960, 0, 60, 90)]);
    assert_eq!(set_of(&imported).tracks, ["a", "b"]);
}

#[test]
fn names_are_made_legal_and_unique() {
    let note = |key: usize| note(0, 240, 0, key as u8, 100).to_vec();
    let at = |channel: u8, at: u32| self::note(at, 240, channel, 60, 100).to_vec();
    let names = ["Überbass & Co.", "bars", "Lead", "lead", "", "   "];
    let mut tracks: Vec<_> = names.iter().zip(60..).map(|(name, key)| track(name, &note(key))).collect();
    tracks.push(track("Both", &[at(2, 0), at(9, 480)].concat()));
    let imported = imported(1, 960, &tracks);
    let set = set_of(&imported);
    assert_eq!(set.tracks, ["berbass-co", "bars-2", "lead", "lead-2", "channel-1", "channel-1-2", "both-3", "both-10"]);
    assert_eq!(set.ports.iter().map(|port| &port.name[..]).collect::<Vec<_>>(), ["synth"]);
}

#[test]
fn tempo_meter_and_devices_are_kept_and_changes_remarked() {
    let tempo = |at: u32, micros: u32| (at, [&[0xFF, 0x51, 3][..], &micros.to_be_bytes()[1..]].concat());
    let conductor = track(
        "A \"Song\"",
        &[tempo(0, 480_000), tempo(960, 500_000), (0, vec![0xFF, 0x58, 4, 7, 3, 24, 8]), (5, vec![0xF0, 2, 1, 0xF7])],
    );
    let named = |name: &str, channel: u8| {
        let device = [&[0xFF, 9, name.len() as u8][..], name.as_bytes()].concat();
        let mut messages = vec![(0, device)];
        messages.extend(note(3_360, 240, channel, 60, 100));
        track(name, &messages)
    };
    let imported = imported(1, 960, &[conductor, named("Juno", 0), named("Moog 1", 0), named("Juno", 1)]);
    let set = set_of(&imported);
    assert_eq!((&set.name[..], set.program.meter.to_string()), ("A \"Song\"", "7/8".to_owned()));
    assert!((set.program.tempo.bpm() - 125.0).abs() < 1e-6);
    let ports: Vec<_> = set.ports.iter().map(|port| (&port.name[..], &port.device[..])).collect();
    assert_eq!(ports, [("juno", "Juno"), ("moog-1", "Moog 1")]);
    assert_eq!(set.program.tracks.iter().map(|track| track.port.0).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(
        imported.remarks,
        ["a system exclusive message is left out", "the tempo changes once (bar 1.3: 120 BPM); the set keeps 125",]
    );
    assert_eq!(imported.bars, 2);
}

#[test]
fn tempo_and_meter_count_from_where_they_are() {
    let tempo = |at: u32, bpm: u32| (at, [&[0xFF, 0x51, 3][..], &(60_000_000 / bpm).to_be_bytes()[1..]].concat());
    let meter = |at: u32, beats: u8, power: u8| (at, vec![0xFF, 0x58, 4, beats, power, 24, 8]);
    let notes = [note(0, 480, 0, 60, 90), note(7_680, 480, 0, 62, 90)].concat();
    for (changes, bpm, says) in [
        (vec![], 120.0, &[][..]),
        (vec![tempo(0, 60), tempo(0, 90)], 90.0, &[]),
        (vec![tempo(0, 120), tempo(480, 120), tempo(960, 120)], 120.0, &[]),
        (vec![tempo(0, 100), tempo(480, 120), tempo(480, 100)], 100.0, &[]),
        (vec![tempo(7_680, 60)], 120.0, &["the tempo changes once (bar 3: 60 BPM); the set keeps 120"]),
        (
            vec![tempo(0, 100), tempo(3_840, 60), tempo(7_680, 100)],
            100.0,
            &["the tempo changes 2 times (bar 2: 60 BPM, bar 3: 100 BPM); the set keeps 100"],
        ),
        (vec![meter(0, 4, 2), meter(7_680, 3, 2)], 120.0, &["the meter changes once (bar 3: 3/4); the set keeps 4/4"]),
        (vec![meter(7_680, 3, 2)], 120.0, &["the meter changes once (bar 3: 3/4); the set keeps 4/4"]),
        (vec![meter(0, 3, 2), meter(0, 4, 2)], 120.0, &[]),
    ] {
        // In a track of their own, and among the notes.
        for tracks in
            [vec![track("", &changes), track("", &notes)], vec![track("", &[changes.clone(), notes.clone()].concat())]]
        {
            let read = imported(1, 960, &tracks);
            let set = set_of(&read);
            assert!((set.program.tempo.bpm() - bpm).abs() < 1e-3, "{changes:?}: {}", set.program.tempo.bpm());
            assert_eq!(
                (read.remarks.clone(), set.program.meter.to_string()),
                (says.iter().map(|&s| s.to_owned()).collect(), "4/4".to_owned())
            );
        }
    }
    // What comes after everything is heard nowhere; its track is as long as it says.
    let late = imported(0, 960, &[track("", &[note(0, 960, 0, 60, 90).to_vec(), vec![tempo(20_960, 60)]].concat())]);
    assert_eq!(
        (late.bars, &late.remarks[..]),
        (6, &["the tempo changes once (bar 6.2: 60 BPM); the set keeps 120".to_owned()][..])
    );
}

#[test]
fn the_end_of_the_tracks_counts() {
    let lasting = |ticks: u32| {
        let mut bytes = track("", &note(0, 240, 0, 60, 90));
        bytes.truncate(bytes.len() - 4);
        bytes.extend([delta(ticks - 240), vec![0xFF, 0x2F, 0]].concat());
        imported(0, 960, &[bytes])
    };
    assert_eq!([240, 3_840, 3_841, 15_360].map(|ticks| lasting(ticks).bars), [1, 1, 2, 4]);
    let endless = lasting(0x0FFF_FFFF);
    assert_eq!(endless.bars, 1);
    assert!(endless.remarks.concat().contains("bars of silence at the end are left out"), "{:?}", endless.remarks);
}

/// What is against the letter, and read by players.
#[test]
fn odd_files_are_read_with_a_remark() {
    let notes = note(0, 480, 0, 60, 90);
    let plain = track("", &notes);
    let whole = File::of(0, 480, std::slice::from_ref(&plain));
    let said = |bytes: &[u8]| {
        let read = import("odd.mid", bytes, EXACT).unwrap();
        assert_eq!(heard(&read), [(0, 960, 0, 60, 90)]);
        read.remarks.concat()
    };
    assert_eq!(said(&whole), "");
    let riff = [&b"RIFF\0\0\0\0RMIDINFO\x03\0\0\0abc\0data"[..], &(whole.len() as u32).to_le_bytes(), &whole].concat();
    assert_eq!(said(&riff), "");
    assert!(said(&[&[0; 128][..], &whole].concat()).contains("128 bytes before the header"));
    for length in [0u32, 3, 0xFFFF] {
        let mut wrong = whole.clone();
        wrong[18..22].copy_from_slice(&length.to_be_bytes());
        assert_eq!(said(&wrong), "the length of a track is wrong; it is read to its end", "{length}");
        // And another track after it.
        wrong.extend(&File::of(1, 480, &[track("", &note(480, 480, 1, 60, 90))])[14..]);
        wrong[9..12].copy_from_slice(&[1, 0, 2]);
        assert_eq!(heard(&import("odd.mid", &wrong, EXACT).unwrap()).len(), 2, "{length}");
    }
    let foreign = [&b"XFIH\0\0\0\x02ab"[..]].concat();
    let counted = |tracks: u8| {
        let mut bytes = [&whole[..14], &foreign, &whole[14..]].concat();
        bytes[11] = tracks;
        bytes
    };
    assert_eq!(said(&counted(1)), "");
    assert!(said(&counted(2)).contains("of the 2 tracks that the file counts, 1 are none"));
    assert!(said(&counted(3)).contains("it has 1 of its 3 tracks"));
    let mut fewer = File::of(1, 480, &[plain.clone(), track("", &[])]);
    fewer[11] = 1;
    assert!(said(&fewer).contains("the file counts 1 tracks and has 2"));
    assert_eq!(said(&[&whole[..], b"\r\n\x1A"].concat()), "");
    let padded = File::of(0, 480, &[[&plain[..], &[0; 9]].concat()]);
    assert_eq!(said(&padded), "");
    let goes_on = File::of(0, 480, &[[&plain[..], &[0, 0x90, 70, 1]].concat()]);
    assert!(said(&goes_on).contains("goes on after its end"));
    // One track is one song.
    assert_eq!(said(&File::of(2, 480, std::slice::from_ref(&plain))), "");
    // A running status that lasts over a text; a message of the system; a key signature without its key.
    let odd = |between: &[u8]| {
        let messages = [&[0, 0x90, 60, 90][..], between, &[0x83, 0x60, 60, 0, 0, 0xFF, 0x2F, 0]].concat();
        said(&File::of(0, 480, &[messages]))
    };
    assert!(odd(&[0, 0xFF, 1, 1, b'a']).contains("against the letter"));
    assert!(odd(&[0, 0xF8]).contains("against the letter"));
    assert!(odd(&[0, 0xFF, 0x59, 0]).contains("against the letter"));
}

#[test]
fn a_file_that_counts_seconds_is_read_at_120() {
    // 25 frames of 40 ticks: a tick is a millisecond, and a bar two seconds.
    let read = imported(0, 0xE728, &[track("", &note(500, 250, 0, 60, 90))]);
    assert_eq!((heard(&read), read.bars), (vec![(960, 480, 0, 60, 90)], 1));
    assert!(read.remarks.concat().contains("counts seconds"), "{:?}", read.remarks);
    let drop = imported(0, 0xE300 | 80, &[track("", &note(2_397, 2_398, 0, 60, 90))]);
    assert_eq!(heard(&drop), [(1_920, 1_920, 0, 60, 90)]);
}

/// One line for each kind of what no set can hold.
#[test]
fn what_is_left_out_is_said() {
    let meta = |kind: u8, text: &[u8]| [&[0xFF, kind, text.len() as u8][..], text].concat();
    let mut messages = vec![
        (0, meta(1, b"text")),
        (0, meta(2, b"copyright")),
        (0, meta(5, b"la")),
        (1, meta(5, b"la")),
        (5, meta(6, b"Verse")),
        (0, meta(7, b"door")),
        (0, meta(0x59, &[2, 0])),
        (960, meta(0x59, &[3, 0])),
        (0, meta(0x7F, &[1, 2])),
        (0, vec![0xF0, 2, 1, 0xF7]),
        (0, vec![0xA0, 60, 5]),
        (0, vec![0x90, 60, 90]),
        (480, vec![0x80, 60, 5]),
    ];
    messages.push((480, vec![0x90, 62, 90]));
    messages.push((960, vec![0x80, 62, 64]));
    let mut remarks = imported(0, 960, &[track("", &messages)]).remarks;
    remarks.sort_unstable();
    assert_eq!(
        remarks,
        [
            "2 lyrics are left out",
            "2 texts are left out",
            "a change of key signature is left out",
            "a cue point is left out",
            "a marker that names no pattern is left out",
            "a release velocity is left out",
            "a system exclusive message is left out",
            "aftertouch of a key is left out",
            "an entry that one program alone understands is left out",
        ]
    );
}

#[test]
fn what_cannot_be_imported_is_said() {
    let whole = File::of(1, 960, &[track("a", &note(0, 240, 0, 60, 100)), track("b", &[])]);
    let said = |bytes: &[u8]| score::read(bytes).unwrap_err().to_string();
    assert!(said(b"").contains("not a MIDI file"));
    assert!(said(b"name = \"circuits\"").contains("does not begin with MThd"));
    assert_eq!(said(&whole[..12]), "the file is cut off: it ends in its header");
    assert_eq!(score::read(&File::of(2, 960, &[track("", &[]), track("", &[])])), Err(Unreadable::Sequential));
    assert_eq!(score::read(&File::of(3, 960, &[track("", &[])])), Err(Unreadable::Format(3)));
    assert!(said(&File::of(3, 960, &[track("", &[])])).contains("format 3"));
    let damaged = File::of(1, 960, &[vec![0, 0x90, 60, 100, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]]);
    assert_eq!(score::read(&damaged), Err(Unreadable::Damaged(1, 1)));
    let long = File::of(1, 1, &[track("", &note(20_000, 1, 0, 60, 100))]);
    assert!(import("long.mid", &long, EXACT).unwrap_err().to_string().contains("a pattern or a song has at most 3000"));
}

/// What is on the grid is written as a person would.
#[test]
fn music_on_the_grid_is_plain_to_read() {
    let notes = [
        note(0, 240, 9, 36, 100),
        note(960, 240, 9, 38, 100),
        note(1_920, 480, 9, 36, 127),
        note(3_600, 120, 9, 42, 100),
    ];
    let imported = imported(1, 960, &[track("Drums", &notes.concat())]);
    assert_eq!(
        imported.text,
        r#"# Made from song.mid: 1 bar. Middle C is c3.

name  = "Drums"
tempo = 120.0
meter = "4/4"

[ports.synth]
device = "synth"

[tracks.drums]
port     = "synth"
channel  = 10
velocity = 100
gate     = 100
kit      = { k = 36, s = 38, h = 42 }

[patterns.main]
bars = 1
drums = """
k... .... K=200 ... ....
.... s... .... ....
.... .... .... ...h=50
"""
"#
    );
}

/// A song as it comes from a sequencer: what repeats is written once, chords are chords, drums have their letters, the
/// off-beats swing, flats are flats, and the markers say which part is which.
#[test]
fn a_song_is_written_as_a_person_would() {
    let mut drums = Vec::new();
    let mut keys = Vec::new();
    let mut bass = Vec::new();
    for bar in 0..16u32 {
        let start = 3_840 * bar;
        for beat in 0..4 {
            drums.extend(note(start + 960 * beat, 120, 9, 36, 100));
            drums.extend(note(start + 960 * beat + 480, 120, 9, if beat == 3 { 46 } else { 42 }, 100));
        }
        drums.extend(note(start + 960, 120, 9, 38, 127));
        drums.extend(note(start + 2_880, 120, 9, 38, 127));
        let chord = if bar % 2 == 0 { [63, 67, 70] } else { [60, 63, 68] };
        chord.iter().for_each(|&key| keys.extend(note(start, 3_840, 0, key, 80)));
        // Sixteenths that swing by 58 per cent.
        for step in 0..16u32 {
            let late = step % 2 * 38;
            let key = if bar < 8 { 39 } else { 44 };
            // Half of a long step, and half of a short one.
            let length = if late > 0 { 101 } else { 139 };
            bass.extend(note(start + 240 * step + late, length, 1, key, 100));
        }
    }
    let marker = |at: u32, text: &str| (at, [&[0xFF, 6, text.len() as u8][..], text.as_bytes()].concat());
    let conductor =
        track("Song", &[(0, vec![0xFF, 0x59, 2, 0xFD, 0]), marker(0, "Verse"), marker(8 * 3_840, "part 2: chorus")]);
    let tracks = [conductor, track("Keys", &keys), track("Bass", &bass), track("Drums", &drums)];
    let imported = import("song.mid", &File::of(1, 960, &tracks), Options { split: Split::Short, ..EXACT }).unwrap();
    assert_eq!(imported.remarks, [""; 0]);
    let patterns = imported.text.split_once("\n[patterns.").map(|(_, rest)| format!("[patterns.{rest}"));
    assert!(imported.text.contains("scale = \"eb major\"\n"), "{}", imported.text);
    assert!(imported.text.contains("kit      = { k = 36, s = 38, h = 42, o = 46 }\n"), "{}", imported.text);
    insta::assert_snapshot!(patterns.unwrap(), @r#"
    [patterns.verse]
    bars = 8
    keys = "[eb3 g3 bb3] ___ ____ ____ ____ | [c3 eb3 ab3] ___ ____ ____ ____"
    bass = { swing = 58, steps = "eb1eb1eb1eb1" }
    drums = """
    k...
    .... S...
    ..h. ..h. ..h. ..o.
    """

    [patterns.chorus]
    bars = 8
    keys = "[eb3 g3 bb3] ___ ____ ____ ____ | [c3 eb3 ab3] ___ ____ ____ ____"
    bass = { swing = 58, steps = "ab1ab1ab1ab1" }
    drums = """
    k...
    .... S...
    ..h. ..h. ..h. ..o.
    """

    [song]
    parts = [
      "verse",
      "chorus",
    ]
    end = "stop"
    "#);
}

/// What our own render calls its parts comes back as the patterns that they were.
#[test]
fn patterns_of_a_rendered_song_keep_their_names() {
    let text = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n\
                [patterns.main]\nbars = 2\nt = \"c2 . d2 .\"\n[patterns.build-up]\nbars = 4\nt = \"e2 . . .\"\n\
                [song]\nparts = [\"main x4\", \"build-up\", \"main x2\"]\nend = \"stop\"\n";
    let set = Set::parse("song.toml", text.as_bytes()).unwrap();
    let length = set.program.meter.bar() * 16;
    let rendering = render(&set.program, &Plan { length, commands: Vec::new() }).unwrap();
    let options = Options { split: Split::Short, ..EXACT };
    let imported = import("song.mid", &smf::write(&set, &rendering), options).unwrap();
    assert_eq!(imported.remarks, [""; 0]);
    let song = imported.text.split_once("[song]").map(|(_, song)| song.to_owned()).unwrap();
    assert_eq!(song, "\nparts = [\n  \"main x2\",\n  \"build-up\",\n  \"main\",\n]\nend = \"stop\"\n");
}

/// Whatever a file calls things, and however much it sets at once.
#[test]
fn no_line_is_too_long_to_read() {
    let mut tracks = Vec::new();
    for channel in 0..16u8 {
        let mut messages: Vec<(u32, Vec<u8>)> =
            (0..40).map(|number| (0, vec![0xB0 | channel, 64 - 24 + number % 24, number])).collect();
        messages.push((0, vec![0xC0 | channel, channel]));
        for step in 0..400u32 {
            messages.extend(note(step * 251, 97, channel, 30 + (step % 50) as u8, 1 + (step % 127) as u8));
        }
        tracks.push(track("A name that goes on for longer than anybody would ever want to read it ", &messages));
    }
    for split in [Split::Whole, Split::Short] {
        let imported = import(&"long ".repeat(50), &File::of(1, 960, &tracks), Options { split, ..EXACT }).unwrap();
        assert!(longest_line(&imported) < 200, "{}", imported.text);
        assert_eq!(imported.remarks, [""; 0]);
    }
}

/// What is held over a border is said again there by the track that said it before, whatever steps the values need.
#[test]
fn values_are_on_one_track_in_all_patterns() {
    let mut messages = vec![(0, vec![0xB0, 1, 14]), (4 * 3_840 + 7, vec![0xB0, 74, 3])];
    for bar in 0..8 {
        messages.extend(note(bar * 3_840, 240, 0, 60 + bar as u8, 100));
    }
    let bytes = File::of(1, 960, &[track("Lead", &messages)]);
    let read = import("song.mid", &bytes, Options { split: Split::Bars(4), ..EXACT }).unwrap();
    assert_eq!(read.remarks, [""; 0], "{}", read.text);
    assert_eq!(values_of(&read), ["0 B0 01 0E", "15360 B0 01 0E", "15367 B0 4A 03"]);
}

/// An hour at the piano, recorded to the tick with each move of the pedal.
#[test]
fn a_recital_is_a_set_though_it_is_long() {
    let mut messages = Vec::new();
    for number in 0..12_000u32 {
        let (at, key) = (number * 173 + number * number % 97, 24 + (number * 37 % 80) as u8);
        messages.extend(note(at, 61 + number % 700, 0, key, 20 + (number * 11 % 100) as u8));
    }
    for number in 0..60_000u32 {
        messages.push((number * 34 + number % 13, vec![0xB0, 64, (number * 3 % 128) as u8]));
    }
    let read =
        import("recital.mid", &File::of(0, 384, &[track("", &messages)]), Options { split: Split::Short, ..EXACT });
    let read = read.unwrap();
    assert!(read.text.len() > 1 << 20, "{}", read.text.len());
    assert!(!read.remarks.iter().any(|remark| remark.contains("as it was")), "{:?}", read.remarks);
}

/// Two kits have more letters than one.
#[test]
fn more_drums_than_letters_are_two_kits() {
    let notes: Vec<_> = (0..40u8).flat_map(|drum| note(u32::from(drum) * 240, 240, 9, 30 + drum, 100)).collect();
    let read = imported(0, 960, &[track("Drums", &[vec![(0, vec![0xC9, 5])], notes].concat())]);
    assert_eq!(read.remarks, [""; 0], "{}", read.text);
    assert_eq!(set_of(&read).tracks, ["drums", "drums-2"]);
    assert_eq!(read.text.matches("kit]").count() + read.text.matches("kit ").count(), 2, "{}", read.text);
    assert_eq!(heard(&read).len(), 40);
    assert!(read.text.contains("k = 36") && !read.text.contains("c#"), "{}", read.text);
}

/// Notes of one length do not swing: what is held is stretched and squeezed as well. What would is said.
#[test]
fn a_swing_of_notes_of_one_length_is_said_and_found_with_a_tolerance() {
    let notes: Vec<_> =
        (0..32u32).flat_map(|step| note(step * 240 + step % 2 * 38, 120, 0, 60 + (step * 5 % 12) as u8, 100)).collect();
    let bytes = File::of(0, 960, &[track("Lead", &notes)]);
    let exact = import("a.mid", &bytes, EXACT).unwrap();
    assert!(exact.text.contains("# The off-beats of lead are as late as `swing = 58` makes them"), "{}", exact.text);
    assert_eq!(heard(&exact).len(), 32);
    let near = import("a.mid", &bytes, with_tolerance(3)).unwrap();
    assert!(near.text.contains("swing = 58") && !near.text.contains('>'), "{}", near.text);
}
