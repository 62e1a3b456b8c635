//! What a saved set can do to who reads it, and that it costs the show nothing: the program itself, as the child that reads.

use std::time::Duration;

use tightrope::control::bulkhead::{Bulkhead, Limits, Trial};
use tightrope::set::{Set, builtin};

fn tried(limits: Limits, bytes: &[u8]) -> Trial {
    let executable = assert_cmd::cargo::cargo_bin!("tightrope").into();
    // However busy the machine is.
    Bulkhead { executable, limits: Limits { time: limits.time.max(Duration::from_secs(30)), ..limits } }
        .try_reading(bytes)
}

/// As large as a set can be, with as much to be compiled as its text can say.
fn large() -> Vec<u8> {
    let head = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nt = \"\"\"\n";
    let line = "c2 d2 e2 f2 g2 a2 b2 c3\n";
    let room = Set::MAX_BYTES - head.len() - 10;
    format!("{head}{}\"\"\"\n", line.repeat(room / line.len())).into_bytes()
}

/// Brackets within brackets, in what TOML nests and in what notation does.
fn deep(open: &str, close: &str, depth: usize) -> Vec<u8> {
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    format!("[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nt = \"{open}c2{close}\"\nx = {open}1{close}\n")
        .into_bytes()
}

#[test]
fn every_set_comes_to_its_end_with_what_it_is_given() {
    for set in builtin::all() {
        assert_eq!(tried(Limits::default(), set.text.as_bytes()), Trial::Ends, "{}", set.name);
    }
    // Mistakes are an end too.
    for wrong in [&b"[patterns.p"[..], b"\xff\xfe", b"", &large(), &vec![b'['; Set::MAX_BYTES]] {
        assert_eq!(tried(Limits::default(), wrong), Trial::Ends);
    }
    for (open, close) in [("[", "]"), ("(", ")"), ("<", ">"), ("{a=", "}"), ("c2{", "}")] {
        assert_eq!(tried(Limits::default(), &deep(open, close, 10_000)), Trial::Ends, "{open}");
    }
}

#[test]
fn a_reader_that_overflows_its_stack_or_takes_too_much_memory_is_gone_alone() {
    let fails = |limits: Limits, bytes: &[u8]| match tried(limits, bytes) {
        Trial::Fails(why) => why,
        other => panic!("{limits:?}: {other:?}"),
    };
    // The least that a thread can have holds no reader of what is nested, however well it is optimised.
    let why = fails(Limits { stack: 1, ..Limits::default() }, &deep("[", "]", 70));
    assert!(why.contains("signal"), "{why}");
    // The least memory in which the program comes to reading; how much that is depends on how it was built.
    let sizes = (1..64).map(|size| Limits { memory: size << 23, ..Limits::default() });
    let tried = sizes.map(|limits| tried(limits, &large())).find(|tried| !matches!(tried, Trial::NoProcess(_)));
    assert!(matches!(&tried, Some(Trial::Fails(why)) if why.contains("memory")), "{tried:?}");
}

#[test]
fn nobody_takes_it_for_a_command() {
    let mut command = assert_cmd::Command::cargo_bin("tightrope").unwrap();
    let output = command.arg("read-set").write_stdin("").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("this is for `play`"));
}
