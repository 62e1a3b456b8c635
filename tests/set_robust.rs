//! Whatever is given as a set file, reading it ends and does not panic, what is shown stays short, and a set that is
//! accepted keeps every promise that the engine builds on.

use std::fmt::Write as _;
use std::time::Duration;

use crate::support::promises::read;
use proptest::prelude::*;
use tightrope::engine::program::{MAX_EVENTS, MAX_LANES};
use tightrope::set::{Mistakes, Set, builtin};

/// Pieces of set files, right and wrong, to be put together at random.
const PIECES: &[&str] = &[
    "name = \"x\"\n",
    "tempo = 125.0\n",
    "tempo = 1e400\n",
    "meter = \"7/8\"\n",
    "seed = 18446744073709551615\n",
    "octaves = \"c4\"\n",
    "launch = \"2 beats\"\n",
    "launch = \"end\"\n",
    "transpose = \"a by degrees\"\n",
    "transpose = \"none\"\n",
    "wire = \"din\"\n",
    "keep = true\n",
    "cc = { t.74 = \"20 ~ ~ ~ 110\", u.bend = { lfo = \"sine\" } }\n",
    "cc.t.nrpn-3 = \"0 ~s 16383 ~ . 5 _\"\n",
    "cc.u.pressure = { lfo = \"random\", step = \"1/3840\", length = \"beat\" }\n",
    "points = \"5 ~ 6\"",
    "program = { t = 5, b = { program = 1, bank = 2 }, ahead = \"1 bar\" }\n",
    "[song]\n",
    "parts = [\"p x4\", \"q\"]\n",
    "end = \"loop\"\n",
    "[[bind]]\n",
    "on = \"a note 36\"\ndo = \"fill\"\n",
    "on = \"b cc 3 channel 2\"\n",
    "do = \"launch p at 2 bars\"\n",
    "do = \"transpose t -2 degrees\"\n",
    "u = { held = \"a channel 1\", octave = -1, swing = 66, seed = 3 }\n",
    "t = { steps = \"k.s.\", swing = 58, seed = 1, step = \"1 beat\" }\n",
    "[clock]\n",
    "follow = \"a\"\n",
    "follow = [\"a\", \"b\"]\n",
    "[ports.a]\n",
    "[ports.b]\n",
    "device = \"A\"\n",
    "clock = true\n",
    "optional = true\n",
    "[tracks.t]\n",
    "[tracks.u]\n",
    "port = \"a\"\n",
    "port = \"b\"\n",
    "channel = 1\n",
    "channel = 16\n",
    "kit = { k = 60, s = \"c2\" }\n",
    "kit = {}\n",
    "note = \"c2\"\n",
    "velocity = 127\n",
    "gate = 400\n",
    "transpose = \"a channel 3 from c2\"\n",
    "transpose = \"b\"\n",
    "[patterns.p]\n",
    "[patterns.q]\n",
    "bars = 3000\n",
    "bars = 2\n",
    "t = \"k___ s:70!=50~\"\n",
    "u = \"\"\"\nx... c2~_\n| |\n\"\"\"\n",
    "t = { steps = \"",
    "u = { arp = \"c2 e2\", lengths = [\"1/8t\"] }\n",
    "t = { step = \"3000/1\", steps = \"x\" }\n",
    "step = \"1/3840\"",
    "gate = 1",
    ", ",
    " }\n",
    "\"",
    "\"\"\"\n",
    "'''",
    "=",
    ".",
    "[",
    "]",
    "{",
    "}",
    "#",
    "\\",
    "\n",
    "\r\n",
    "\u{feff}",
    "\0",
    "ä",
    "漢",
    "_",
    "~",
    ":",
    "99999999999999999999",
    "-1",
    "nan",
    "inf",
    "2000-01-01",
    "scale = \"c minor\"\n",
    "<k s>",
    "<c2 <d2 e2>?>",
    "[c2m7]",
    "3(",
    "9999(9999(",
    "e(3,8)",
    "e(",
    ")",
    ">",
    "?30",
    "*16",
    "<50",
    ">50",
    "/1:4",
    "/!fill",
    "{74=30 bend=-1}",
    "1''",
    "true",
    "0x7F",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// A set that is right but for what may be wrong in its pattern.
fn steps() -> impl Strategy<Value = String> {
    let signs = "([.._ksxKX|: !=~0-9c-g#b-]|[<>()\\[\\]{}?*/,e]|[1-9]\\(|e\\([0-9]|/1:|/fill|\\{74=){0,40}";
    (signs, signs, 1..4_000u32, 1..500u32).prop_map(|(drums, bass, over, gate)| {
        format!(
            "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nkit = {{ k = 60, s = 62 }}\nnote = \"c2\"\n\
            [tracks.u]\nport = \"a\"\nchannel = 2\nnote = \"c2\"\n[patterns.p]\nt = '''\n{drums}\n'''\n\
            u = {{ steps = '{bass}', step = \"1/{over}\", gate = {gate} }}\n"
        )
    })
}

/// Rows that are right, so that it is not only refused sets that are tried.
fn right_steps() -> impl Strategy<Value = String> {
    let step = prop::sample::select(&[
        "k",
        "K",
        "s:1",
        "x!",
        "X=400",
        "k~",
        "s=1:127",
        ".",
        "k_",
        "x___",
        "|",
        "k<50",
        "s>50~",
        "k*16_",
        "[ks]*3?>20 ",
        "<k . <s x>>/2:3",
        "<k s>??20",
        " 2(k s<10)!",
        "e(3,8)/fill",
        "k e(2,3)/1st",
        ".{74=3}/!1:2",
        "x_{bend=-8192}",
        " 3(k<1 . 2(<s k>*2)~)>3",
    ]);
    let divisor = prop::sample::select(&[1, 3, 16, 64, 3_840]);
    (prop::collection::vec(prop::collection::vec(step, 1..40), 1..20), divisor).prop_map(|(rows, over)| {
        let mut set = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nkit = { k = 60, s = 62 }\nnote = \"c2\"\n\
            [patterns.p]\n"
            .to_owned();
        let _ = writeln!(set, "t = {{ step = \"1/{over}\", steps = \"\"\"");
        rows.iter().for_each(|row| set.push_str(&(row.concat() + ".\n")));
        set + "\"\"\" }\n"
    })
}

/// The built-in set with bytes changed, left out, doubled and moved.
fn mutations() -> impl Strategy<Value = Vec<u8>> {
    let change = (0..4u8, any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::sample::select(PIECES));
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut bytes = builtin::all()[0].text.as_bytes().to_vec();
        for (kind, at, other, piece) in changes {
            let (at, other) = (at.index(bytes.len().max(1)), other.index(bytes.len().max(1)));
            match kind {
                0 => drop(bytes.splice(at..at, piece.bytes())),
                1 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(other as u8),
                2 => drop(bytes.drain(at.min(other)..(at.min(other) + 5).min(bytes.len()))),
                _ => bytes.truncate(bytes.len().min(at + other)),
            }
        }
        bytes
    })
}

/// Points of every sort, in a pattern of any length.
fn points() -> impl Strategy<Value = String> {
    let target = prop::sample::select(&["74", "cc14-1", "bend", "pressure", "nrpn-16383", "rpn-0", "cutoff"]);
    let text = "([0-9]{1,3}|-?[0-9]{1,5}|~[sel]?|_|[.]|[|]| ){0,30}";
    (target, text, 1..400u32, 0..200u32, prop::bool::ANY).prop_map(|(target, text, bars, over, is_din)| {
        let wire = if is_din { "wire = \"din\"\n" } else { "" };
        let step = if over > 100 { String::new() } else { format!(", step = \"{}/64\"", over) };
        format!(
            "[ports.a]\ndevice = \"A\"\n{wire}[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nbars = {bars}\n\
            cc.t.{target} = {{ points = \"{text}\"{step} }}\n"
        )
    })
}

/// Oscillators that are right.
fn oscillators() -> impl Strategy<Value = String> {
    let shape = prop::sample::select(&["sine", "triangle", "saw", "square", "random"]);
    let target = prop::sample::select(&["74", "cc14-1", "bend", "nrpn-5"]);
    (shape, target, 0..=127i32, 0..=127i32, 1..3_000u32, 0..=100u32).prop_map(
        |(shape, target, low, high, over, phase)| {
            let (low, high) = (low.min(high), low.max(high));
            let phase = if shape == "random" { String::new() } else { format!(", phase = {phase}") };
            format!(
                "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\n\
            cc.t.{target} = {{ lfo = \"{shape}\", low = {low}, high = {high}, length = \"{over}/3840\"{phase} }}\n"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&bytes);
    }

    #[test]
    fn random_characters(text in "\\PC{0,200}") {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn random_lines(text in "([a-z]{1,5} ?= ?[0-9a-z\"'\\[\\]{},.=]{0,8}\n|\\[[a-z.]{1,8}\\]\n){0,30}") {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn pieces_of_sets(text in pieces()) {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn rows_of_signs(text in steps()) {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn rows_that_are_right(text in right_steps()) {
        prop_assert!(read(text.as_bytes()).is_ok());
    }

    #[test]
    fn rows_of_points(text in points()) {
        let _ = read(text.as_bytes());
    }

    #[test]
    fn oscillators_that_are_right(text in oscillators()) {
        let set = read(text.as_bytes());
        prop_assert!(set.is_ok(), "{}", set.unwrap_err());
    }

    #[test]
    fn commands_of_anything(text in "((launch|jump|mute|solo|hold|fill|transpose|stop|p|t|at|on|[+-]?[0-9]{1,4}|\\PC) ?){0,6}") {
        let set = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\n[song]\nparts = [\"p\"]\n";
        let set = Set::parse("a.toml", set.as_bytes()).unwrap();
        if let Err(wrong) = tightrope::set::command::parse(&text, &set.names()) {
            prop_assert!(wrong.span.end <= text.len() && text.get(wrong.span.clone()).is_some());
            prop_assert!(wrong.to_string().len() < 600 && !wrong.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn the_built_in_set_changed(bytes in mutations()) {
        let _ = read(&bytes);
    }
}

/// Reads a large file, in time that rules out anything worse than proportional to its length.
fn read_large(name: &str, bytes: &[u8]) -> Result<Set, Mistakes> {
    // A debug build takes a few seconds at most; a quadratic blow-up takes hours.
    const LONG: Duration = Duration::from_secs(60);
    let start = worked();
    let answer = read(bytes);
    let took = worked() - start;
    assert!(took < LONG, "{name} took {took:?}");
    answer
}

/// How long this thread has worked: others that want the processor too do not count.
#[cfg(unix)]
fn worked() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Elsewhere, how long it is since some time in the past.
#[cfg(not(unix))]
fn worked() -> Duration {
    static BEGUN: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

/// How large the texts are that a machine makes here. A set may be larger, and takes no longer for each byte then.
const MEGABYTE: usize = 1 << 20;
const _: () = assert!(MEGABYTE <= Set::MAX_BYTES);

/// `piece` again and again, up to a megabyte.
fn filled(before: &str, piece: &str, after: &str) -> Vec<u8> {
    let count = (MEGABYTE - before.len() - after.len()) / piece.len();
    format!("{before}{}{after}", piece.repeat(count)).into_bytes()
}

/// Numbered pieces up to a megabyte.
fn numbered(before: &str, piece: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = before.to_owned();
    for number in 0.. {
        let piece = piece(number);
        if text.len() + piece.len() > MEGABYTE {
            break;
        }
        text.push_str(&piece);
    }
    text.into_bytes()
}

#[test]
fn built_in_sets_keep_their_promises() {
    for built_in in builtin::all() {
        read(built_in.text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(builtin::find(built_in.name), Some(built_in));
    }
    assert_eq!(builtin::find("nothing"), None);
}

#[test]
fn ten_megabytes_are_refused_unread() {
    let junk: Vec<u8> = (0..10 << 20u32).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mistakes = read_large("junk", &junk).unwrap_err();
    assert!(mistakes.list()[0].message.contains("too long"));
    let mistakes = read_large("spaces", &vec![b' '; Set::MAX_BYTES + 1]).unwrap_err();
    assert_eq!(mistakes.list().len(), 1);
}

#[test]
fn a_megabyte_of_anything_is_answered() {
    let track = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nkit = { k = 60 }\nnote = \"c2\"\n[patterns.p]\n";
    let notes = "[ports.a]\ndevice = \"A\"\n[tracks.u]\nport = \"a\"\nchannel = 1\nnote = \"c2\"\n[patterns.p]\n";
    let pattern = |piece: &str| filled(&format!("{track}t = \""), piece, "\"\n");
    for (name, bytes) in [
        ("one line", filled("name = \"", "x", "\"\n")),
        ("one line without an end", filled("name = \"", "x", "")),
        ("one key", filled("", "x", "")),
        ("line ends", filled("", "\n", "")),
        ("equal signs", filled("", "=\n", "")),
        ("brackets", filled("a = ", "[", "")),
        ("braces", filled("a = ", "{a=", "")),
        ("headings", filled("", "[", "")),
        ("dots", filled("", "a.", "a = 1\n")),
        ("doubled keys", filled("", "a=1\n", "")),
        ("doubled headings", filled("", "[a]\n", "")),
        ("quotes", filled("", "\"", "")),
        ("zeros", filled("", "\0", "")),
        ("wide characters", filled("name = \"", "漢", "\"\n")),
        ("unknown keys", numbered("", |i| format!("k{i} = 1\n"))),
        ("near keys", numbered("", |i| format!("tempo{i} = 1\n"))),
        ("unknown tables", numbered("", |i| format!("[t{i}]\n"))),
        ("unknown keys of a port", numbered("[ports.a]\n", |i| format!("device{i} = 1\n"))),
        ("ports", numbered("", |i| format!("[ports.p{i}]\n"))),
        ("tracks", numbered("", |i| format!("[tracks.t{i}]\n"))),
        ("patterns", numbered("", |i| format!("[patterns.p{i}]\n"))),
        ("patterns with a mistake", numbered(track, |i| format!("[patterns.p{i}]\nt=\"j\"\n"))),
        ("lanes of unknown tracks", numbered(track, |i| format!("t{i} = \"k\"\n"))),
        ("drums", numbered("[tracks.t]\n[tracks.t.kit]\n", |i| format!("k{i} = 1\n"))),
        ("steps", pattern("k.")),
        ("holds", pattern("_")),
        ("lines", filled(&format!("{track}t = \"\"\"\n"), "k\n", "\"\"\"\n")),
        ("wrong steps", pattern("j")),
        ("wrong steps of all sorts", pattern("jlmnq?*<>()[]{}/,;&%$§ü")),
        ("open brackets", pattern("(")),
        ("open groups", pattern("2(")),
        ("open groups apart", pattern("2 ( k ")),
        ("open choices", pattern("<")),
        ("open choices of degrees", pattern("<11")),
        ("open chords", pattern("[")),
        ("open chords of notes", pattern("[k ")),
        ("open values", pattern("k{")),
        ("open values after one that is closed", pattern("k{74=1}k{ >")),
        ("open rhythms", pattern("e(")),
        ("open rhythms of numbers", pattern("ke(3,")),
        ("closing brackets", pattern("k)]}>")),
        ("brackets that cross", pattern("2(k<k)>[k)]{<}>")),
        ("deep brackets", pattern(&format!("{}k{}", "(".repeat(1_000), ")".repeat(1_000)))),
        ("letters before spaces", pattern("e      ")),
        ("numbers before spaces", pattern("1      ")),
        ("slashes", pattern("k/")),
        ("questions", pattern("k?")),
        ("chords of names", filled(&format!("{notes}u = \""), "[c2m7b5c2]", "\"\n")),
        ("long chords", filled(&format!("{notes}u = \"["), "c2", "]]\"\n")),
        ("long choices", filled(&format!("{notes}u = \"9999(<"), "c2 ", ">)\"\n")),
        ("long choices of rests", filled(&format!("{notes}u = \"9999(<"), ".", "c2>)\"\n")),
        ("long values", filled(&format!("{notes}u = \"c2{{"), "74=1 ", "}\"\n")),
        ("groups", filled(&format!("{track}t = \"\"\"\n"), "9999(9999(k))\n", "\"\"\"\n")),
        (
            "groups of rests",
            filled(&format!("{track}t = {{ step = \"1/3840\", steps = \"\"\"\n"), "9(9999(.))\n", "\"\"\" }\n"),
        ),
        (
            "ratchets",
            filled(&format!("{track}t = {{ step = \"1/64\", steps = \"\"\"\n"), "4000([kx]*16)\n", "\"\"\" }\n"),
        ),
        ("degrees", filled(&format!("scale = \"c minor\"\n{notes}u = \""), "1'", "\"\n")),
        ("marks", filled(&format!("scale = \"c minor\"\n{notes}u = \"1"), "'", "\"\n")),
        ("digits", filled(&format!("scale = \"c minor\"\n{notes}u = \""), "1", "\"\n")),
        ("numbers", pattern("1")),
        ("modifiers", pattern("!")),
        ("flats", pattern("b")),
        ("escapes", pattern("\\t?")),
        ("arpeggio", filled(&format!("{track}t = {{ arp = \""), "k ", "\" }\n")),
        ("lengths", filled(&format!("{track}t = {{ arp = \"k\", lengths = ["), "1,", "] }\n")),
        ("points", filled(&format!("{track}cc.t.74 = \""), "5 ~ ", "\"\n")),
        ("wrong points", filled(&format!("{track}cc.t.74 = \""), "x ", "\"\n")),
        ("dots of points", filled(&format!("{track}cc.t.74 = \""), ".", "\"\n")),
        ("controllers", numbered(track, |i| format!("cc.t.nrpn-{i} = 5\n"))),
        ("the same controller", numbered(track, |i| format!("cc.t.0{i} = \"0 ~ 127\"\n"))),
        ("controllers of nobody", numbered(track, |i| format!("cc.u{i}.5 = 5\n"))),
        (
            "long curves",
            numbered(track, |i| {
                format!("[patterns.q{i}]\nbars = 3000\ncc.t.bend = {{ lfo = \"sine\", length = \"9 bars\" }}\n")
            }),
        ),
        (
            "many curves",
            numbered(&format!("{track}bars = 3000\n"), |i| format!("cc.t.nrpn-{i} = \"0 ~ 16383 ~ 0 ~ 16383 ~\"\n")),
        ),
        ("programs", numbered(&format!("{track}[patterns.p.program]\n"), |i| format!("t{i} = 5\n"))),
        ("parts", filled(&format!("{track}[song]\nparts = ["), "\"p\",", "]\n")),
        ("a part", filled(&format!("{track}[song]\nparts = [\""), "p ", "\"]\n")),
        ("bindings", filled(track, "[[bind]]\non = \"a note 5\"\ndo = \"stop\"\n", "")),
        ("what is listened for", filled(&format!("{track}[[bind]]\non = \"a "), "note 5 ", "\"\ndo = \"stop\"\n")),
        ("a command", filled(&format!("{track}[[bind]]\non = \"a note 5\"\ndo = \"launch p at "), "5 ", "\"\n")),
        ("transpose", filled("[tracks.t]\ntranspose = \"", "from c2 ", "\"\n[patterns.p]\n")),
    ] {
        assert!(bytes.len() <= MEGABYTE, "{name}");
        assert!(read_large(name, &bytes).is_err(), "{name}");
    }
}

#[test]
fn junk_just_small_enough_to_be_looked_through_is_answered() {
    for piece in ["=\n", "a=1\n", "[a]\n", "a=b\n", "\"\n", "a=[\n", "= \n ", "a=\"\n", "x\n", "a={b=\"\"\"\n="] {
        let bytes = piece.repeat((64 << 10) / piece.len()).into_bytes();
        assert!(read_large(piece, &bytes).is_err());
        let half = piece.repeat((32 << 10) / piece.len()) + &" ".repeat(32 << 10);
        assert!(read_large(piece, half.as_bytes()).is_err());
    }
}

#[test]
fn large_sets_are_played() {
    let track = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nkit = { k = 60 }\n[patterns.p]\n";
    let notes = "k".repeat(MAX_EVENTS);
    let one = format!("{track}t = {{ step = \"1/64\", steps = \"{notes}\" }}\n");
    assert!(read_large("notes", one.as_bytes()).is_ok());
    let lines = format!("{track}t = \"\"\"\n{}\"\"\"\n", "k...k...k...k...\n".repeat(MAX_LANES));
    assert!(read_large("lines", lines.as_bytes()).is_ok());
    let wander = format!("{track}cc.t.74 = {{ lfo = \"random\", step = \"1/3840\", length = \"17 bars\" }}\n");
    assert!(read_large("random values", wander.as_bytes()).is_ok());
    let song = format!("{track}[song]\nparts = [{}]\n", "\"p x2\",".repeat(1_024));
    assert!(read_large("parts", song.as_bytes()).is_ok());
    let patterns: String = (0..4_096).map(|i| format!("[patterns.q{i}]\nt = \"k\"\n")).collect();
    let patterns = track.replace("[patterns.p]\n", &patterns);
    assert!(read_large("patterns", patterns.as_bytes()).is_ok());
}

#[test]
fn large_groups_are_played() {
    let track = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nkit = { k = 60 }\n[patterns.p]\n";
    for steps in ["4096(k*16)", "2(2(2(2(2(2(2(512(k)))))))) .", "9(999(. k))", "16(<k . k>:70 e(99,256))"] {
        let set = format!("{track}t = {{ step = \"1/64\", steps = \"{steps}\" }}\n");
        assert!(read_large(steps, set.as_bytes()).is_ok(), "{steps}");
    }
}
