//! A show whose process is killed, and `play --resume`, as a whole program. There is no MIDI system here, so it plays into
//! its monitor, on its own clock.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SET: &str = r#"
    tempo = 200
    [ports.a]
    device = "no such device"
    [tracks.t]
    port = "a"
    channel = 1
    [tracks.u]
    port = "a"
    channel = 2
    [patterns.one]
    t = { step = "1/4", steps = "c2 d2 e2 f2" }
    [patterns.two]
    t = { step = "1/4", steps = "c3 d3 e3 f3" }
"#;

fn tightrope(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tightrope"));
    command.current_dir(folder).env("HOME", folder).env("XDG_STATE_HOME", folder.join("state"));
    command.env("XDG_RUNTIME_DIR", folder).env_remove("XDG_CONFIG_HOME");
    command
}

/// A show that goes on with the last one if it can, and what it says of that.
fn show(folder: &Path) -> (Child, String) {
    let out = folder.join("out");
    let mut command = tightrope(folder);
    command.args(["play", "set.toml", "--plain", "--policy", "other", "--resume"]);
    let mut child = command.stdout(File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..1_000 {
        let text = std::fs::read_to_string(&out).unwrap();
        let line = text.split_inclusive('\n').find(|line| line.starts_with("resume:") && line.ends_with('\n'));
        if let Some(line) = line {
            return (child, line.trim_end().to_owned());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    panic!("it never begins: {:?}", child.wait());
}

/// What the show answers, as soon as it does.
fn ctl(folder: &Path, words: &[&str]) -> String {
    for _ in 0..500 {
        let answer = tightrope(folder).arg("ctl").args(words).output().unwrap();
        if answer.status.success() {
            return String::from_utf8(answer.stdout).unwrap();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no show answers {words:?}");
}

fn status(folder: &Path) -> serde_json::Value {
    serde_json::from_str(&ctl(folder, &["status", "--json"])).unwrap()
}

/// Waits until what is kept of the show says this.
fn await_kept(folder: &Path, is_so: impl Fn(&serde_json::Value) -> bool) {
    let path = folder.join("state/tightrope");
    for _ in 0..1_000 {
        let files = std::fs::read_dir(&path).into_iter().flatten().flatten();
        let mut kept = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "json"));
        let text = kept.next().and_then(|file| std::fs::read_to_string(file.path()).ok());
        if text.is_some_and(|text| is_so(&serde_json::from_str(&text).expect("it is never torn"))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it is never kept");
}

#[test]
fn a_show_that_is_killed_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("set.toml"), SET).unwrap();
    let (mut first, _) = show(folder);
    ctl(folder, &["launch two at now, mute u on, transpose t +5"]);
    await_kept(folder, |kept| {
        kept["pattern"] == "two" && kept["muted"][0] == "u" && kept["transposed"]["t"][0] == 5 && kept["runs"] == true
    });
    first.kill().unwrap();
    first.wait().unwrap();

    let (mut second, line) = show(folder);
    assert!(line.starts_with("resume: plays on (two, bar "), "{line}");
    // Its first pass may still be to come.
    let status = (0..500)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            status(folder)
        })
        .find(|status| status["transport"] == "running")
        .expect("it plays on");
    assert_eq!(status["pattern"], "two", "{status}");
    assert_eq!(status["transport"], "running", "{status}");
    let muted: Vec<_> = status["tracks"].as_array().unwrap().iter().map(|track| track["muted"].clone()).collect();
    assert_eq!(muted, [false, true], "{status}");
    assert!(status["position"]["tick"].is_i64(), "{status}");
    ctl(folder, &["quit"]);
    assert!(second.wait().unwrap().success());
    // Its log knows where it began.
    let replayed = tightrope(folder).arg("replay").output().unwrap();
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert!(
        replayed.status.success() && said.contains("same: "),
        "{said}{}",
        String::from_utf8_lossy(&replayed.stderr)
    );
    assert!(!said.contains("not compared") && !said.contains("does not go to the end"), "{said}");

    // It has ended as it should.
    let (mut third, line) = show(folder);
    assert_eq!(line, "resume: begins anew, because no show of this set was cut short");
    ctl(folder, &["quit"]);
    third.wait().unwrap();
}
