//! `log` and `replay` as their users meet them, of shows that were played to the monitor or to virtual ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::UNIX_EPOCH;

use assert_cmd::Command;
use tightrope::blackbox::Record;
use tightrope::blackbox::folder::Folder;
use tightrope::blackbox::record::{End, Head, Names, Notice, Port, Scene, SetText};
use tightrope::blackbox::segments::{LEAST_BYTES, Segments};
use tightrope::engine::program::PortSlot;
use tightrope::link::{Fate, Sent};
use tightrope::midi::Message;
use tightrope::time::{Nanos, Tick};

const SET: &str = r#"
tempo = 400
[ports.synth]
device = "No Machine Has This Synthesizer"
clock = true
[tracks.lead]
port = "synth"
channel = 1
[patterns.main]
lead = { step = "1/4", steps = "c3 e3 g3 c4" }
"#;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("temporary files can be made"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("tightrope").expect("it is built");
        for variable in ["XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HOME"] {
            command.env(variable, self.0.path());
        }
        command.args(arguments).timeout(std::time::Duration::from_secs(60)).output().expect("it runs")
    }

    /// Plays some bars; what was printed.
    fn play(&self, arguments: &[&str]) -> String {
        let set = self.path("a.toml");
        fs::write(&set, SET).expect("it can be written");
        let output = self.run(&[&["play", text(&set), "--plain", "--for", "4bars"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        stdout(&output)
    }

    fn logs(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("tightrope/log")) else { return Vec::new() };
        entries.map(|entry| entry.expect("it can be read").path()).collect()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_show_is_logged_told_drawn_and_replayed() {
    let home = Home::new();
    let played = home.play(&[]);
    let [log] = &home.logs()[..] else { panic!("one log: {:?}", home.logs()) };
    assert!(played.contains(&format!("log: {}", log.display())), "{played}");
    // Without a name it is the latest, and by name it is the same.
    let replayed = stdout(&home.run(&["replay"]));
    assert_eq!(replayed, stdout(&home.run(&["replay", text(log)])));
    let same = replayed.lines().find_map(|line| line.strip_prefix("same: ")).unwrap_or_else(|| panic!("{replayed}"));
    let count: u32 = same.split(' ').next().unwrap().parse().unwrap();
    // 16 notes with their ends, and 24 pulses to each of them, at least.
    assert!(count > 16 * 2 + 16 * 24, "{replayed}");
    let all = stdout(&home.run(&["replay", "--text"]));
    assert_eq!(all.matches("note on ").count(), 16, "{all}");
    let picture = home.path("show.svg");
    let report = stdout(&home.run(&["log", "--svg", text(&picture)]));
    for expected in [
        "show: a,",
        "ended: at its end",
        "port synth: ",
        "start\n",
        "the music runs",
        "end after 4 bars",
        "went wrong: ",
    ] {
        assert!(report.contains(expected), "{expected}: {report}");
    }
    let svg = fs::read_to_string(&picture).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.contains("synth: latest"));
    assert_eq!(home.run(&["log", "--svg", text(&picture)]).status.code(), Some(1), "it is there already");
    let json: serde_json::Value = serde_json::from_slice(&home.run(&["log", "--json"]).stdout).unwrap();
    assert_eq!((json["set"].as_str(), json["ports"][0]["name"].as_str()), (Some("a"), Some("synth")));
}

#[test]
fn a_damaged_log_says_so() {
    let home = Home::new();
    home.play(&[]);
    let segment = home.logs()[0].join("00000.log");
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 9]).unwrap();
    let report = stdout(&home.run(&["log"]));
    assert!(
        report.contains("the log is cut off at its end") && report.contains("its end is not in the log"),
        "{report}"
    );
    fs::write(&segment, b"").unwrap();
    let output = home.run(&["replay"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing in the log to replay"));
    assert!(home.run(&["log"]).status.success());
    fs::remove_file(&segment).unwrap();
    for command in ["log", "replay"] {
        assert_eq!(home.run(&[command]).status.code(), Some(1), "{command}");
    }
}

#[test]
fn no_log_is_no_log_and_one_that_cannot_be_is_no_harm() {
    let home = Home::new();
    assert!(!home.play(&["--no-log"]).contains("log: "));
    assert!(home.logs().is_empty());
    let output = home.run(&["log"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no show has been logged"), "{output:?}");
    // The set is no folder.
    let played = home.play(&["--log", text(&home.path("a.toml"))]);
    assert!(played.contains("the log stops: ") && played.contains("sent: synth"), "{played}");
    let other = home.path("elsewhere");
    assert!(home.play(&["--log", text(&other)]).contains(text(&other)));
}

/// What a terminal would obey: clearing the screen, the same in eight bits, a title, a line of its own, turning around what follows.
const HOSTILE: &str = "\u{1b}[2J\u{9b}2J\u{1b}]0;owned\u{7}\nwent wrong: nothing\r\u{202e}";

/// A log that somebody has made, with `text` wherever a log has words.
fn foreign_log(home: &Home, text: &str) -> PathBuf {
    let folder = Folder::create(&home.path("foreign"), "a", UNIX_EPOCH, 0).expect("it can be made");
    let path = folder.path().to_owned();
    let words = || text.to_owned();
    let head = Head { version: words(), set: words(), granted: words(), ..Head::default() };
    let mut segments = Segments::begin(folder, head, LEAST_BYTES).expect("it can be written");
    let at = Nanos(1_000_000_000);
    let (port, due, message) = (PortSlot(0), at, Message::Clock);
    let set = format!("{SET}\n# {text}").into_bytes();
    let names = Names { ports: vec![words()], tracks: vec![words()], patterns: vec![words()] };
    for record in [
        Record::Names(names),
        Record::Set(SetText { edition: 1, own_clock: false, origin: words(), text: set }),
        Record::Notice(Notice { at, text: words(), is_wrong: true }),
        Record::Port(Port { at, port, input: Some(words()), output: Some(words()) }),
        Record::Scene(Scene { at: at.0, is_running: true, muted: vec![0], ..Scene::default() }),
        Record::Made(Sent { number: 0, due, at, tick: Tick::ZERO, port, track: None, message, fate: Fate::Sent }),
        Record::End(End { at, why: words() }),
    ] {
        segments.push(&record).expect("it can be written");
    }
    segments.flush().expect("it can be written");
    path
}

#[test]
fn a_foreign_log_does_nothing_to_the_terminal_or_a_picture() {
    let home = Home::new();
    let log = foreign_log(&home, HOSTILE);
    let picture = home.path("foreign.svg");
    for arguments in [
        &["log", text(&log), "--svg", text(&picture)][..],
        &["log", text(&log), "--json"],
        &["replay", text(&log)],
        &["replay", text(&log), "--text"],
    ] {
        let output = home.run(arguments);
        let shown = format!("{}{}", stdout(&output), String::from_utf8_lossy(&output.stderr));
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(obeyed), "{arguments:?}: {shown:?}");
        assert!(shown.contains("[2J"), "{arguments:?} shows it as text: {shown:?}");
        assert!(!shown.lines().any(|line| line == "went wrong: nothing\\r\\u202e"), "a line of its own: {shown}");
    }
    let svg = fs::read_to_string(&picture).expect("it was drawn");
    assert!(!svg.contains(|c: char| c.is_control() && c != '\n'), "{svg:?}");
    assert!(svg.contains("\\u001b[2J"));
}
