//! The program as its users meet it: started, watched, interrupted, given nonsense.
//!
//! The sets here name devices that no machine has, so that the tests play to virtual ports or to the monitor wherever
//! they run; and everything that is sent is printed, so that nothing has to be heard.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;

fn tightrope(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("tightrope").expect("it is built");
    // The user's own configuration must not take part.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR")).env("HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("XDG_RUNTIME_DIR", env!("CARGO_TARGET_TMPDIR")).env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.args(arguments).timeout(std::time::Duration::from_secs(60));
    command
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("the folder for tests can be written to");
    path
}

const QUICK: &str = r#"
tempo = 400
[ports.synth]
device = "No Machine Has This Synthesizer"
clock = true
[tracks.lead]
port = "synth"
channel = 1
gate = 100
[patterns.main]
lead = { step = "1/4", steps = "c3 e3 g3 c4" }
"#;

fn stdout(output: &std::process::Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// The bytes of each message that the monitor printed.
fn messages(output: &str) -> Vec<Vec<u8>> {
    let bytes = |line: &str| {
        let mut columns = line.split_whitespace().skip_while(|&column| column != "synth").skip(1);
        let hex = |text: &str| (text.len() == 2).then(|| u8::from_str_radix(text, 16).ok()).flatten();
        let bytes: Vec<u8> = columns.by_ref().map_while(hex).collect();
        (!bytes.is_empty() && line.contains(" late ")).then_some(bytes)
    };
    output.lines().filter_map(bytes).collect()
}

fn assert_all_ended(messages: &[Vec<u8>]) {
    let mut sounding = BTreeSet::new();
    for message in messages {
        match message[..] {
            [0x90, key, _] => assert!(sounding.insert(key), "struck twice"),
            [0x80, key, _] => assert!(sounding.remove(&key), "ended twice"),
            _ => {}
        }
    }
    assert!(sounding.is_empty(), "left sounding: {sounding:?}");
    let last_transport = messages.iter().rev().find(|message| [0xFA, 0xFB, 0xFC].contains(&message[0]));
    assert_eq!(last_transport, Some(&vec![0xFC]), "the clocked port was not stopped");
}

#[test]
fn plays_some_bars_and_reports() {
    let set = file("quick.toml", QUICK);
    let output =
        tightrope(&["play", set.to_str().unwrap(), "--plain", "--monitor", "--for", "2bars"]).output().unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    let sent = messages(&text);
    // The clock runs before START as well.
    let start = sent.iter().position(|message| message[0] == 0xFA).unwrap();
    let count = |status: u8| sent[start..].iter().filter(|message| message[0] == status).count();
    assert_eq!((count(0xFA), count(0xF8), count(0xFC)), (1, 192, 1));
    assert_eq!((count(0x90), count(0x80)), (8, 8));
    assert_all_ended(&sent);
    for part in ["real-time: ", "sent: synth 21", "lateness: p50 ", "p99.9 ", "dropped: nothing"] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn the_built_in_set_plays_for_a_time() {
    let output = tightrope(&["play", "--for", "300ms"]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("set: circuits"));
}

/// Plays `set` on the monitor, by `program`; what it prints can be read.
#[cfg(unix)]
fn monitored(mut program: std::process::Command, set: &std::path::Path) -> std::process::Child {
    program
        .args(["play", set.to_str().unwrap(), "--monitor"])
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn signals_end_every_note() {
    use std::io::{BufRead, BufReader};
    let set = file("signals.toml", QUICK);
    // Where the tests themselves run as `nohup` starts them, the show that they start is to outlive its terminal too.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0);
    let signals = if ignored & 1 == 0 { &["INT", "TERM", "HUP"][..] } else { &["INT", "TERM"] };
    for signal in signals {
        let mut child = monitored(std::process::Command::new(assert_cmd::cargo::cargo_bin!("tightrope")), &set);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut text: Vec<String> = Vec::new();
        // A note sounds; now the signal.
        for line in lines.by_ref() {
            let sounds = line.contains("note on");
            text.push(line);
            if sounds {
                break;
            }
        }
        let kill = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        text.extend(lines);
        assert_eq!(child.wait().unwrap().code(), Some(0), "SIG{signal}");
        assert_all_ended(&messages(&text.join("\n")));
    }
}

/// As `nohup` starts it: its terminal may go.
#[cfg(target_os = "linux")]
#[test]
fn a_show_that_is_to_outlive_its_terminal_does() {
    use std::io::{BufRead, BufReader};
    use std::process::Command;
    let set = file("nohup.toml", QUICK);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(assert_cmd::cargo::cargo_bin!("tightrope"));
    let mut child = monitored(shell, &set);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let kill = |signal: &str| {
        let killed = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    };
    let mut struck = 0;
    // So many notes after the terminal has gone: who had heard of that would have ended before.
    for _ in lines.filter(|line| line.contains("note on")) {
        struck += 1;
        match struck {
            1 => kill("HUP"),
            4 => kill("TERM"),
            _ => {}
        }
    }
    assert!(struck >= 4, "{struck} notes");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Addresses count against the limit of locked memory, and one heap of a thread's own would have 64 MiB of them. (The program
/// that is tested here is larger than the one that is played with, which stays below 32 MiB.)
#[cfg(target_os = "linux")]
#[test]
fn little_memory_is_locked() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let set = file("locked.toml", QUICK);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("tightrope"))
        .args(["play", set.to_str().unwrap(), "--monitor"])
        .env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let granted = lines.find(|line| line.starts_with("real-time: ")).unwrap();
    assert!(lines.any(|line| line.contains("note off")), "it plays");
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")?.trim().strip_suffix(" kB")).unwrap();
    let kib: u64 = locked.parse().unwrap();
    assert_eq!(granted.contains("memory locked"), kib > 0, "{granted}");
    assert!(kib < 64 * 1_024, "{kib} KiB are locked");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_does_not_end_the_show() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let set = file("pipe.toml", QUICK);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("tightrope"))
        .args(["play", set.to_str().unwrap(), "--monitor", "--for", "1bars"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut String::new()).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A terminal that stands still must not keep the show from ending.
#[cfg(unix)]
#[test]
fn a_reader_that_stands_still_does_not_hold_the_show() {
    use std::process::Stdio;
    let lanes = "c3\n".repeat(64);
    let dense = QUICK.replace("c3 e3 g3 c4", "").replace(r#"steps = """#, &format!("steps = \"\"\"{lanes}\"\"\""));
    let set = file("dense.toml", &dense.replace("1/4", "1/16"));
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("tightrope"))
        .args(["play", set.to_str().unwrap(), "--monitor", "--for", "8bars"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let unread = child.stdout.take();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(unread);
}

#[test]
fn check_says_what_is_in_a_set() {
    let output = tightrope(&["check", "circuits"]).output().unwrap();
    assert!(output.status.success());
    insta::assert_snapshot!(stdout(&output));
}

#[test]
fn check_marks_a_mistake() {
    let set = file("broken.toml", &QUICK.replace("e3", "h3"));
    let output = tightrope(&["check", set.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("broken.toml:11:") && text.contains("h3"), "{text}");
}

/// A folder of its own for a test that writes files.
fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("the folder for tests can be written to");
    path
}

#[test]
fn render_writes_a_midi_file_and_never_over_another_unasked() {
    let folder = folder("render");
    let set = file("rendered.toml", QUICK);
    let render = |arguments: &[&str]| {
        let mut all = vec!["render", set.to_str().unwrap(), "--bars", "2"];
        all.extend(arguments);
        tightrope(&all).current_dir(&folder).output().unwrap()
    };
    let output = render(&[]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "rendered.mid: 2 bars, 0:01, 8 notes on 1 track\n");
    let written = fs::read(folder.join("rendered.mid")).unwrap();
    assert_eq!(written.get(..4), Some(&b"MThd"[..]));

    let output = render(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("rendered.mid is there already; add --force"), "{}", stderr(&output));
    assert!(render(&["--force"]).status.success());
    assert_eq!(fs::read(folder.join("rendered.mid")).unwrap(), written, "the same show, the same bytes");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn render_writes_text_where_that_is_asked_for() {
    let folder = folder("render-text");
    let set = file("text.toml", QUICK);
    let render = |output: &str| {
        tightrope(&["render", set.to_str().unwrap(), "--bars", "1", "-o", output])
            .current_dir(&folder)
            .output()
            .unwrap()
    };
    let shown = stdout(&render("-"));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 8, "{shown}");
    assert_eq!(lines[0], "    1.1.000     0.000000  synth  90 3C 64  note on   ch 1 key 60 velocity 100");
    assert_eq!(lines[7], "    2.1.000     0.600000  synth  80 48 00  note off  ch 1 key 72");
    assert!(render("out.txt").status.success());
    assert_eq!(fs::read_to_string(folder.join("out.txt")).unwrap(), shown);
}

/// Whoever wants something else than what is written finds out before anything is.
#[test]
fn a_file_with_an_unknown_ending_is_a_mistake_and_not_written() {
    let folder = folder("endings");
    let set = file("endings.toml", QUICK);
    let set = set.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = tightrope(arguments).current_dir(&folder).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    for name in ["x.wav", "x", "x.mid.gz", ".mid", "x.toml"] {
        let (code, said) = run(&["render", set, "-o", name]);
        assert_eq!(code, Some(2), "{name}: {said}");
        assert!([".mid", ".midi", ".txt", "`-`"].iter().all(|known| said.contains(known)), "{name}: {said}");
    }
    for format in ["2", "one", "mid"] {
        let (code, said) = run(&["render", set, "--format", format]);
        assert!(code == Some(2) && said.contains("write 0 for one track"), "{format}: {said}");
    }
    let (code, said) = run(&["render", set, "--format", "0", "-o", "x.txt"]);
    assert!(code == Some(2) && said.contains("x.txt is text"), "{said}");
    let (code, said) = run(&["log", "--svg", "x.png"]);
    assert!(code == Some(2) && said.contains("a picture ends in .svg"), "{said}");
    let (code, said) = run(&["import", "song.mid", "-o", "x.mid"]);
    assert!(code == Some(2) && said.contains("a set file ends in .toml"), "{said}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is written");
}

#[test]
fn render_writes_either_format() {
    let folder = folder("formats");
    let set = file("formats.toml", QUICK);
    for (format, name) in [("0", "zero.mid"), ("1", "one.MIDI")] {
        let arguments = ["render", set.to_str().unwrap(), "--bars", "2", "--format", format, "-o", name];
        let output = tightrope(&arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!(bytes.get(8..10), Some(&[0, format.parse().unwrap()][..]));
    }
}

#[test]
fn render_does_what_it_is_told_to_do_meanwhile() {
    let set = file("orders.toml", &format!("{QUICK}[patterns.build]\nlead = \"g3 . . .\"\n"));
    let render = |order: &str| {
        tightrope(&["render", set.to_str().unwrap(), "--bars", "2", "-o", "-", "--do", order]).output().unwrap()
    };
    let shown = stdout(&render("2 launch build"));
    let keys: Vec<&str> = shown.lines().filter(|line| line.contains("note on")).map(|line| &line[36..38]).collect();
    assert_eq!(keys, ["3C", "40", "43", "48", "43", "43", "43", "43"], "{shown}");
    let output = render("2 launch bild");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "tightrope: --do: there is no pattern `bild`: not a pattern of this set; did you mean `build`?\n"
    );
}

#[test]
fn what_is_rendered_can_be_imported_and_played_again() {
    let folder = folder("import");
    let set = file("loop.toml", QUICK);
    let run = |arguments: &[&str]| {
        let output = tightrope(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    run(&["render", set.to_str().unwrap(), "--bars", "2", "-o", "song.mid"]);
    assert_eq!(run(&["import", "song.mid"]), "song.toml: 8 notes in 2 bars\n");
    assert!(run(&["check", "song.toml"]).contains("4 notes in 1 bar"), "the line is its loop");
    let notes = |set: &str| run(&["render", set, "--bars", "2", "-o", "-"]);
    assert_eq!(notes("song.toml"), notes(set.to_str().unwrap()));

    let again = tightrope(&["import", "song.mid"]).current_dir(&folder).output().unwrap();
    assert!(stderr(&again).contains("song.toml is there already"), "{}", stderr(&again));
    let output = tightrope(&["import", "song.toml"]).current_dir(&folder).output().unwrap();
    assert_eq!(
        stderr(&output),
        "tightrope: cannot import song.toml: this is not a MIDI file: it does not begin with MThd\n"
    );
}

#[test]
fn check_gives_hints_and_they_are_no_failure() {
    let set = file(
        "hints.toml",
        &format!("{QUICK}[patterns.other]\nlead = \"c3=150 c3 . . .\"\n[ports.spare]\ndevice = \"S\"\n"),
    );
    let output = tightrope(&["check", set.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success());
    let text = stdout(&output);
    let hints = text.split_once("hints\n").map(|(_, hints)| hints).unwrap_or_default();
    assert_eq!(
        hints,
        "  nothing uses the port `spare`\n  \
         line 13: a line of 5 sixteenths against 1 bar: they begin together again after 5 bars\n  \
         line 13: the note at 1.1.000 would sound beyond the next one on its key, which cuts it: its gate is too long\n",
    );
}

#[test]
fn check_speaks_json_of_sets_and_of_mistakes() {
    let read = |set: &PathBuf| {
        let output = tightrope(&["check", "--json", set.to_str().unwrap()]).output().unwrap();
        assert_eq!(stderr(&output), "");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), json)
    };
    let (code, json) = read(&file("json.toml", QUICK));
    assert_eq!((code, &json["ok"], &json["mistakes"]), (Some(0), &true.into(), &serde_json::json!([])));
    assert_eq!(json["wires"][0]["hardest"]["line"], 11);
    assert_eq!(
        json["patterns"][0]["lines"][0],
        serde_json::json!({
            "track": "lead", "line": 11, "kind": "steps", "events": 4, "ticks": 3840
        })
    );
    let (code, json) =
        read(&file("json_broken.toml", &QUICK.replace("e3", "h3").replace("channel = 1", "channel = 17")));
    assert_eq!((code, &json["ok"]), (Some(1), &false.into()));
    let mistake =
        |number: usize| (json["mistakes"][number]["line"].as_u64(), json["mistakes"][number]["column"].as_u64());
    assert_eq!([mistake(0), mistake(1)], [(Some(8), Some(11)), (Some(11), Some(36))]);
    assert!(json["mistakes"][0]["message"].is_string() && json["mistakes"][0]["label"].is_string());
}

#[test]
fn doctor_says_what_it_finds() {
    let output = tightrope(&["doctor", "--json", "--seconds", "0", "--policy", "other"]).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let finding = |topic: &str| {
        let all = json["findings"].as_array().into_iter().flatten();
        all.into_iter().find(|finding| finding["topic"] == topic).cloned().unwrap_or_default()
    };
    // Whatever the machine, this configuration is not safe on any.
    assert_eq!((output.status.code(), &json["safe"]), (Some(1), &false.into()));
    assert_eq!(finding("real-time class")["level"], "unsafe");
    assert!(finding("real-time class")["mend"].as_str().is_some_and(|mend| mend.contains("policy")));
    assert!(json["trial"].is_null() && output.stderr.is_empty());
}

#[test]
fn a_new_set_is_as_it_should_be() {
    let folder = folder("new");
    let run = |arguments: &[&str]| tightrope(arguments).current_dir(&folder).output().unwrap();
    assert!(run(&["new", "mine"]).status.success());
    let output = run(&["check", "mine.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stdout(&output).contains("hints"), "{}", stdout(&output));
    let output = run(&["new", "mine.toml"]);
    assert_eq!(stderr(&output), "tightrope: mine.toml is there already; choose another name\n");
    assert!(run(&["new", "theirs", "--from", "circuits"]).status.success());
    let theirs = fs::read_to_string(folder.join("theirs.toml")).unwrap();
    let circuits = tightrope::set::builtin::find("circuits").unwrap().text;
    assert_eq!(theirs, circuits.replacen(r#"name  = "circuits""#, r#"name  = "theirs""#, 1));
    let output = run(&["check", "--json", "theirs.toml"]);
    assert!(stdout(&output).contains(r#""name": "theirs""#), "{}", stdout(&output));
    // A set without a name stays without one.
    assert!(run(&["new", "again", "--from", "mine.toml"]).status.success());
    assert_eq!(fs::read(folder.join("again.toml")).unwrap(), fs::read(folder.join("mine.toml")).unwrap());
    assert!(stderr(&run(&["new", "../up"])).contains("is no name for a set"));
}

#[test]
fn a_set_file_that_is_named_without_its_ending_is_pointed_out() {
    let folder = folder("beside");
    let run = |arguments: &[&str]| tightrope(arguments).current_dir(&folder).output().unwrap();
    assert!(run(&["new", "mine"]).status.success());
    for arguments in [&["play", "mine"][..], &["check", "mine"], &["new", "other", "--from", "mine"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains("did you mean `mine.toml`, which is here?"), "{}", stderr(&output));
    }
}

#[test]
fn help_explains_commands_steps_and_keys() {
    let help = |arguments: &[&str]| {
        let output = tightrope(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    assert!(help(&["help"]).contains("Usage: tightrope <COMMAND>"));
    assert!(help(&["help", "render"]).contains("--bars"));
    assert!(help(&["help", "notation"]).contains("e(3,8)"));
    assert!(help(&["help", "keys"]).contains("clock_when_stopped = false"));
    let output = tightrope(&["help", "keyz"]).output().unwrap();
    assert_eq!(stderr(&output), "tightrope: there is no help on `keyz`; did you mean `keys`?\n");
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let no_table = file("no_table.toml", "[realtime]\nprioritty = 70\n");
    let high = file("high.toml", "[realtime]\npriority = 120\n");
    let cases: &[(&[&str], &str)] = &[
        (&["play", "circuts"], "did you mean `circuits`?"),
        (&["play", "nowhere/at-all.toml"], "cannot read nowhere/at-all.toml"),
        (&["check", "."], "cannot read .: it is not a file"),
        (&["check", "/dev/zero"], "it is not a file"),
        (&["play", "--config", "missing.toml"], "cannot read missing.toml"),
        (&["play", "--config", no_table.to_str().unwrap()], "line 2, column 1: unknown field `prioritty`"),
        (&["play", "--config", high.to_str().unwrap()], "priority is 120; it must be 1 to 99"),
        (&["play", "--priority", "0"], "priority is 0; it must be 1 to 99"),
        (&["render", "circuits", "-o", "nowhere/at-all.mid"], "cannot write nowhere/at-all.mid"),
        (&["render", "circuits", "--bars", "100000"], "a MIDI file holds at most 69905 bars"),
        (&["render", "circuits", "--do", "x"], "--do: `x` does not begin with a bar"),
    ];
    for (arguments, expected) in cases {
        let output = tightrope(arguments).output().unwrap();
        let text = stderr(&output);
        let makes_sense = !arguments.contains(&"--do") && !arguments.contains(&"--priority");
        assert_eq!(output.status.code(), Some(if makes_sense { 1 } else { 2 }), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for arguments in [&["play", "--for", "a while"][..], &["play", "--policy", "fast"], &["dance"], &[]] {
        let output = tightrope(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn every_setting_has_its_flag() {
    let set = file("flags.toml", QUICK);
    let output = tightrope(&[
        "play",
        set.to_str().unwrap(),
        "--for",
        "50ms",
        "--policy",
        "other",
        "--priority",
        "70",
        "--input-priority",
        "71",
        "--cpu",
        "0",
        "--wait",
        "sleep",
        "--spin-us",
        "50",
        "--lock-memory",
        "false",
    ])
    .output()
    .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("real-time: SCHED_OTHER, as asked, on CPU 0; memory not locked, as asked"), "{text}");
}

#[test]
fn ports_are_listed_or_their_absence_is_explained() {
    let output = tightrope(&["ports"]).output().unwrap();
    match output.status.code() {
        Some(0) => assert!(stdout(&output).contains("device = ") || stdout(&output).contains("no MIDI ports")),
        code => assert!(code == Some(1) && stderr(&output).starts_with("tightrope: no MIDI: "), "{output:?}"),
    }
}

/// 2 for words that make no sense, 1 for what cannot be done.
#[test]
fn exit_codes_are_as_promised() {
    let missing = "/there/is/nothing/here.toml";
    for (arguments, code) in [
        (&["help"][..], 0),
        (&["help", "keys"], 0),
        (&["help", "nosuch"], 2),
        (&["nosuch"], 2),
        (&[], 2),
        (&["check"], 2),
        (&["check", missing], 1),
        (&["check", "nosuch"], 1),
        (&["play", missing], 1),
        (&["play", "liveset", "--for", "8 beats"], 2),
        (&["render", "liveset", "--do", "bogus", "-o", "-"], 2),
        (&["render", "liveset", "--do", "5 lanch x", "-o", "-"], 2),
        (&["render", "liveset", "--bars", "0"], 2),
        (&["render", missing], 1),
        (&["new", "a/b"], 2),
        (&["new", ""], 2),
        (&["new", "mine", "--from", "nosuch"], 1),
        (&["import", missing], 1),
        (&["import", "a.mid", "--grid", "1/7"], 2),
        (&["log", missing], 1),
        (&["replay", missing], 1),
        (&["measure", "a"], 2),
        (&["doctor", "--seconds", "-1"], 2),
    ] {
        let output = tightrope(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn what_is_no_set_and_what_is_asked_of_a_show_is_said() {
    let folder = folder("no-set");
    fs::create_dir_all(folder.join("mine")).unwrap();
    let said = |arguments: &[&str]| {
        let output = tightrope(arguments).current_dir(&folder).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, text) = said(&["check", "mine"]);
    assert_eq!((code, text.contains("cannot read mine: it is not a file")), (Some(1), true), "{text}");
    let (code, text) = said(&["learn", "mute", "drums"]);
    assert_eq!((code, text.contains("tightrope ctl learn")), (Some(2), true), "{text}");
}
