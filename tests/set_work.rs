//! A set that somebody saves by mistake, or for a laugh, is answered soon: what `check` plays of it is counted, whatever it asks
//! for.

use std::fmt::Write as _;

use tightrope::offline::dry_run::{MOST_EVENTS, rehearse};
use tightrope::offline::lints::hints;
use tightrope::offline::wire_load::needs;
use tightrope::set::Set;

/// The largest set that is looked at here, in bytes.
const LARGE: usize = 100 << 10;

const RIG: &str = "[ports.a]\ndevice = \"A\"\nclock = true\n[ports.b]\ndevice = \"B\"\nwire = \"din\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n\
    note = \"c2\"\n[tracks.u]\nport = \"b\"\nchannel = 2\nnote = \"c2\"\n";

/// What `check` finds out, and how many messages that took.
fn work(name: &str, patterns: &str) -> (Vec<String>, usize) {
    let text = format!("{RIG}{patterns}");
    assert!(text.len() <= LARGE, "{name}: {}", text.len());
    let set = Set::parse("a.toml", text.as_bytes()).unwrap_or_else(|mistakes| panic!("{name}: {mistakes}"));
    let rehearsals = rehearse(&set);
    let sent = rehearsals.iter().flat_map(|rehearsal| &rehearsal.takes).map(|take| take.sent.len()).sum();
    let needs = needs(&set, &rehearsals);
    let said = hints(&set, &rehearsals, &needs).into_iter().map(|hint| hint.message).collect();
    (said, sent)
}

/// `count` patterns that are all the same.
fn patterns(count: usize, one: &str) -> String {
    (0..count).fold(String::new(), |mut all, number| {
        let _ = writeln!(all, "[patterns.p{number}]\n{one}");
        all
    })
}

#[test]
fn what_is_asked_for_is_bounded_whatever_it_is() {
    let finest = |steps: &str| format!("t = {{ step = \"1/3840\", steps = \"\"\"\n{steps}\"\"\" }}");
    for (name, set) in [
        ("many patterns", patterns(1_500, "t = \"x/fill\"")),
        ("long patterns", patterns(200, "bars = 3000\nt = \"x x x x/fill\"\nu = \"e(7,256)\"")),
        ("notes each tick", patterns(20, &finest(&"x*16\n".repeat(250)))),
        ("notes that hardly ever come", patterns(20, &finest(&"x*16/1024:1024 .\n".repeat(100)))),
        ("groups", patterns(20, &finest(&"9(9(9(x*16))) .\n".repeat(8)))),
        ("rhythms of choices", patterns(20, &finest(&"<x . x> e(255,256)\n".repeat(60)))),
        ("arpeggios", patterns(300, "bars = 3000\nt = { arp = \"x\", lengths = [\"1/3840\"] }")),
        ("curves", patterns(50, "bars = 3000\ncc.u.bend = { lfo = \"sine\", length = \"1/3840\" }\nu = \"x\"")),
        (
            "values that wander",
            patterns(10, "bars = 3000\ncc.t.74 = { lfo = \"random\", step = \"1/3840\", length = \"17 bars\" }"),
        ),
        (
            "lanes that never meet",
            patterns(4, &format!("bars = 3000\n{}", finest("x 60(.) X 58(.)\nx 52(.) x\nx 46(.)\n"))),
        ),
        (
            "slow bends",
            patterns(
                4,
                "bars = 3000\nt = \"x*16\"\n\
                 cc.t.bend = { step = \"1/1\", points = \"-8192 ~ ~ ~ 8191 ~ 5 ~ 99\" }",
            ),
        ),
        (
            "rhythms one after another",
            patterns(4, &format!("bars = 3000\nt = \"{}\"", "e(97,251) e(13,256) ".repeat(20))),
        ),
        ("the same key twice", patterns(1, &finest(&"x .\n".repeat(500)))),
    ] {
        let (_, sent) = work(name, &set);
        // Each note ends, and what sounds at the end of a rehearsal ends there.
        assert!(sent as u64 <= 2 * MOST_EVENTS + MOST_EVENTS / 10, "{name}: {sent} messages");
    }
}

#[test]
fn a_slow_wave_over_many_bars_is_looked_at_as_a_whole() {
    let curve = "bars = 64\nt = \"x...\"\ncc.t.bend = { lfo = \"sine\", length = \"1 bar\" }\n";
    let (said, sent) = work("a wave", &format!("[patterns.p]\n{curve}[patterns.q]\nu = \"x...\"\n"));
    assert!(sent > 50_000, "{sent}");
    assert_eq!(said, [""; 0]);
}

#[test]
fn what_is_too_much_is_said() {
    let much = format!("bars = 64\nt = {{ step = \"1/3840\", steps = \"\"\"\n{}\"\"\" }}", "x*16\n".repeat(40));
    let (said, _) = work("much", &patterns(3, &much));
    assert!(
        said.iter().any(|said| said.starts_with("`p0` is too much to be played through in a check: only")),
        "{said:?}"
    );
    let (said, _) = work("many", &patterns(1_500, "t = \"x\""));
    assert!(said.iter().any(|said| said.ends_with("nothing of it has been looked at")), "{said:?}");
    let more = "and 1480 more patterns are too much to be played through";
    assert!(said.iter().any(|said| said == more), "{said:?}");
}
