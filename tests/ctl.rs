//! `tightrope ctl` and the control socket, with real shows and real sockets.

#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Output;

use crate::remote::{PATIENCE, Runtime, text, track};
use serde_json::json;

/// Its exit code and what it complained about.
fn outcome(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), text(&output.stderr))
}

#[test]
fn every_command_is_done_and_seen() {
    let runtime = Runtime::new("all");
    let show = runtime.play(&[]);
    let done = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!(outcome(&runtime.ctl(&words)), (Some(0), String::new()), "{words:?}");
    };
    let seen = |what: &str, is_so: &dyn Fn(&serde_json::Value) -> bool| runtime.connect().watch_until(what, is_so);
    done("mute drums on");
    seen("muted", &|status| track(status, "drums")["muted"] == true);
    done("mute drums off , solo bass on");
    seen("solo", &|status| track(status, "drums")["muted"] == false && track(status, "bass")["soloed"] == true);
    done("solo bass");
    seen("no solo", &|status| track(status, "bass")["soloed"] == false);
    done("fill on");
    done("hold on");
    seen("fill and hold", &|status| status["fill"] == true && status["hold"] == true);
    done("transpose bass -2 degrees");
    done("transpose +2");
    done("tempo 300");
    seen("tempo", &|status| status["tempo_bpm"] == 300.0);
    done("tap");
    done("panic");
    done("launch chorus at 64 bars");
    let status = seen("queued", &|status| !status["queued"].is_null());
    assert_eq!((&status["queued"]["pattern"], &status["queued"]["beat"]), (&json!("chorus"), &json!(1)));
    assert!(status["queued"]["beats_left"].as_i64().is_some_and(|left| (1..=256).contains(&left)), "{status}");
    done("withdraw");
    seen("withdrawn", &|status| status["queued"].is_null());
    done("launch chorus at now");
    seen("launched", &|status| status["pattern"] == "chorus" && track(status, "drums")["plays"] == "chorus");
    done("jump 1");
    seen("jumped", &|status| status["part"]["number"] == 1 || status["queued"]["pattern"] == "intro");
    done("stop");
    seen("stopped", &|status| status["transport"] == "stopped");
    done("continue");
    seen("running", &|status| status["transport"] == "running");
    done("stop");
    done("start");
    seen("again", &|status| status["transport"] == "running" && status["position"]["bar"] == 1);
    assert!(outcome(&runtime.ctl(&["reload"])).1.contains("`liveset` is built in"));
    done("quit");
    assert_eq!(show.end(), Some(0));
    assert_eq!(fs::read_dir(runtime.sockets()).unwrap().count(), 0, "it leaves nothing behind");
    let (code, said) = outcome(&runtime.ctl(&["stop"]));
    assert_eq!((code, said.as_str()), (Some(1), "tightrope: no show is running; `tightrope play` starts one\n"));
}

#[test]
fn wrong_words_are_never_ignored() {
    let runtime = Runtime::new("wrong");
    let _show = runtime.play(&[]);
    for (words, said) in [
        ("lanch chorus", "did you mean `launch`?"),
        ("launch chrous", "did you mean `chorus`?"),
        ("launch chorus at nwo", "did you mean `now`?"),
        ("mute drms", "did you mean `drums`?"),
        ("statsu", "did you mean `status`?"),
        ("wacth", "did you mean `watch`?"),
        ("relod", "did you mean `reload`?"),
        ("status now", "`status` stands alone"),
        ("quit now", "`quit` stands alone"),
        ("transpose", "how far"),
        ("mute drums on,,fill", "the command is empty"),
        ("mute bass on, fil on, hold on", "did you mean `fill`?; nothing of the line is done"),
        ("hold on, fill on, mute drms", "did you mean `drums`?; nothing of the line is done"),
        ("hold on, status, fill on", "`status` comes last"),
        ("tempo 250,5", "`250,5` is no tempo"),
        ("tempo 250; fill on", "one command at a time"),
        ("mute drums\u{1b}[2J", "there is no track"),
        ("xyzzy", "record, status, watch"),
    ] {
        let (code, complaint) = outcome(&runtime.ctl(&[words]));
        assert_eq!(code, Some(2), "{words}: {complaint}");
        assert!(complaint.contains(said) && complaint.starts_with("tightrope: "), "{words}: {complaint}");
        assert!(complaint.lines().count() == 1 && !complaint.contains('\u{1b}'), "{complaint:?}");
    }
    assert_eq!(
        runtime.ctl(&["mute drums on, fill on,"]).status.code(),
        Some(0),
        "a comma at the end separates nothing"
    );
    let status = runtime.status();
    assert_eq!((&track(&status, "drums")["muted"], &status["hold"]), (&json!(true), &json!(false)));
    assert_eq!(
        (&track(&status, "bass")["muted"], &status["tempo_bpm"]),
        (&json!(false), &json!(122.0)),
        "all or nothing"
    );
    let refused = outcome(&runtime.ctl(&["fill off, record off, hold on"]));
    assert!(
        refused.0 == Some(1)
            && refused.1.contains("nothing is being recorded")
            && refused.1.contains("not done after that: hold on")
    );
    let status = runtime.status();
    assert_eq!((&status["fill"], &status["hold"]), (&json!(false), &json!(false)));
    let shown = text(&runtime.ctl(&["fill on, status"]).stdout);
    assert!(shown.contains("fill"), "{shown}");
    assert_eq!(runtime.ctl(&[]).status.code(), Some(2));
}

#[test]
fn scripts_speak_by_standard_input() {
    let runtime = Runtime::new("script");
    let _show = runtime.play(&[]);
    let output = runtime.ctl_on("# the intro\n\nmute drums on\nmut bass\n  fill on, hold on\nstatus\n");
    let (code, complaint) = outcome(&output);
    assert_eq!((code, complaint.lines().count()), (Some(2), 1), "{complaint}");
    assert!(complaint.starts_with("tightrope: line 4: there is no command `mut`"), "{complaint}");
    let shown = text(&output.stdout);
    for part in ["liveset: playing, bar ", "4/4 at 122.0 BPM, own clock", "track drums  intro  muted", "fill, hold"] {
        assert!(shown.contains(part), "`{part}` is missing in:\n{shown}");
    }
    let output = runtime.ctl_on("quit\nfill on\nfill on\n");
    assert_eq!(outcome(&output), (Some(1), "tightrope: the show has ended\n".to_owned()));
}

#[test]
fn the_protocol_is_lines_of_text_and_of_json() {
    let runtime = Runtime::new("lines");
    let _show = runtime.play(&[]);
    let mut client = runtime.connect();
    assert_eq!(client.ask("mute drums on"), json!({ "ok": true }));
    let wrong = client.ask("mute drms");
    assert_eq!((&wrong["ok"], &wrong["reason"]), (&json!(false), &json!("misunderstood")));
    assert!(wrong["error"].as_str().unwrap().contains("did you mean `drums`?"));
    assert_eq!(client.ask("")["reason"], "misunderstood");
    assert_eq!(client.ask("stop\r"), json!({ "ok": true }));
    let status = client.ask("status");
    assert_eq!((&status["ok"], &status["status"]["set"]), (&json!(true), &json!("liveset")));
    client.stream.get_mut().write_all(b"fill \xff\n").unwrap();
    assert!(client.hear().unwrap()["error"].as_str().unwrap().contains("UTF-8"));
    // Several in one packet are answered in their order.
    client.say("hold on\nxyzzy\nhold off");
    let answers: Vec<bool> = (0..3).map(|_| client.hear().unwrap()["ok"] == true).collect();
    assert_eq!(answers, [true, false, true]);
    // A last line without its end, of one who has nothing more to say.
    client.stream.get_mut().write_all(b"status").unwrap();
    client.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.hear().unwrap()["ok"], true);
    assert_eq!(client.hear(), None);
}

#[test]
fn who_watches_sees_a_launch_and_the_end() {
    let runtime = Runtime::new("watch");
    let show = runtime.play(&[]);
    let mut watcher = runtime.connect();
    watcher.say("watch");
    // Who has nothing more to say may still listen.
    watcher.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(watcher.hear().unwrap()["status"]["pattern"], "intro");
    // What is asked for before the music runs plays from its start on, and a beat may be over before the status is told again.
    while runtime.status()["position"]["beat"] == 1 {}
    assert_eq!(runtime.ctl(&["launch", "verse", "at", "bar"]).status.code(), Some(0));
    let mut was_queued = false;
    loop {
        let status = watcher.hear().expect("the show goes on")["status"].take();
        was_queued |= status["queued"]["pattern"] == "verse";
        if status["pattern"] == "verse" {
            assert!(status["queued"].is_null(), "{status}");
            break;
        }
    }
    assert!(was_queued);
    assert_eq!(runtime.ctl(&["quit"]).status.code(), Some(0));
    while watcher.hear().is_some() {}
    assert_eq!(show.end(), Some(0));
}

#[test]
fn watch_prints_lines_of_json_until_the_show_ends() {
    let runtime = Runtime::new("print");
    let show = runtime.play(&["--for", "2s"]);
    let output = runtime.ctl(&["watch"]);
    assert_eq!(outcome(&output), (Some(0), String::new()));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|status| status["set"] == "liveset") && lines.len() >= 2, "{}", lines.len());
    assert_eq!(show.end(), Some(0));
}

#[test]
fn two_shows_have_two_names() {
    let runtime = Runtime::new("two");
    let (first, second) = (runtime.play(&[]), runtime.play(&[]));
    assert!(first.heading.contains("ctl: this show is `liveset`\n"), "{}", first.heading);
    assert!(second.heading.contains("ctl: this show is `liveset-2`\n"), "{}", second.heading);
    let (code, complaint) = outcome(&runtime.ctl(&["stop"]));
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("several shows are running: `liveset` and `liveset-2`; choose one with --show"),
        "{complaint}"
    );
    let (code, complaint) = outcome(&runtime.ctl(&["--show", "livset-2", "stop"]));
    assert_eq!(code, Some(1));
    assert!(complaint.contains("did you mean `liveset-2`?"), "{complaint}");
    assert_eq!(runtime.ctl(&["--show", "liveset-2", "quit"]).status.code(), Some(0));
    assert_eq!(second.end(), Some(0));
    // Now it is the only one.
    assert_eq!(runtime.status()["transport"], "running");
    drop(first);
}

#[test]
fn the_socket_of_a_show_that_was_killed_is_no_show_and_makes_room() {
    let runtime = Runtime::new("stale");
    let show = runtime.play(&[]);
    drop(show);
    assert!(runtime.sockets().join("liveset.sock").exists());
    let (code, complaint) = outcome(&runtime.ctl(&["stop"]));
    assert_eq!((code, complaint.contains("no show is running")), (Some(1), true), "{complaint}");
    let show = runtime.play(&[]);
    assert!(show.heading.contains("ctl: this show is `liveset`\n"), "{}", show.heading);
    assert_eq!(runtime.ctl(&["quit"]).status.code(), Some(0));
    assert_eq!(show.end(), Some(0));
}

#[test]
fn nobody_else_gets_in() {
    let runtime = Runtime::new("safe");
    let show = runtime.play(&[]);
    let mode = |path: &std::path::Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&runtime.sockets()), 0o700);
    assert_eq!(mode(&runtime.sockets().join("liveset.sock")), 0o600);
    // A folder that others can write to may hold anybody's socket.
    fs::set_permissions(runtime.sockets(), fs::Permissions::from_mode(0o777)).unwrap();
    let (code, complaint) = outcome(&runtime.ctl(&["stop"]));
    assert_eq!(code, Some(1));
    assert!(complaint.contains("lets other users in (mode 777); `chmod 700` it"), "{complaint}");
    let second = runtime.play(&[]);
    assert!(second.heading.contains("ctl: not available: "), "{}", second.heading);
    drop((show, second));
}

#[test]
fn a_line_without_end_is_cut_off() {
    let runtime = Runtime::new("long");
    let _show = runtime.play(&[]);
    let mut client = runtime.connect();
    // It may be cut off before all of it is written.
    let _ = client.stream.get_mut().write_all(&[b'x'; 100_000]);
    let answer = client.hear().unwrap();
    assert!(answer["error"].as_str().unwrap().contains("at most 4096 bytes"), "{answer}");
    assert_eq!(client.hear(), None);
}

#[test]
fn a_flood_is_answered_in_order_and_others_are_served_meanwhile() {
    const FLOOD: usize = 601;
    let runtime = Runtime::new("flood");
    let _show = runtime.play(&[]);
    let mut client = runtime.connect();
    let mut source = client.stream.get_ref().try_clone().unwrap();
    let flood = std::thread::spawn(move || source.write_all("mute drums\n".repeat(FLOOD).as_bytes()));
    assert_eq!(runtime.connect().ask("mute bass on"), json!({ "ok": true }));
    for _ in 0..FLOOD {
        assert_eq!(client.hear(), Some(json!({ "ok": true })));
    }
    flood.join().unwrap().unwrap();
    let muted = |name: &'static str| move |status: &serde_json::Value| track(status, name)["muted"] == true;
    runtime.connect().watch_until("an odd number of toggles", muted("drums"));
    runtime.connect().watch_until("the other's mute", muted("bass"));
}

#[test]
fn who_never_reads_is_dropped() {
    let runtime = Runtime::new("deaf");
    let _show = runtime.play(&[]);
    let deaf = runtime.connect();
    let mut stream = deaf.stream.get_ref();
    // The answers fill the socket; then nobody reads the requests, which fill it the other way; then it is closed.
    let dropped = loop {
        if let Err(error) = stream.write_all(b"status\n") {
            break error;
        }
    };
    assert!(
        matches!(dropped.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset),
        "{dropped}: it was not dropped within {PATIENCE:?}"
    );
    assert_eq!(runtime.connect().ask("stop"), json!({ "ok": true }));
}

#[test]
fn whoever_sits_there_a_command_gets_in() {
    let runtime = Runtime::new("many");
    let _show = runtime.play(&[]);
    let mut watchers: Vec<_> = (0..16).map(|_| runtime.connect()).collect();
    for watcher in &mut watchers {
        watcher.say("watch");
        assert_eq!(watcher.hear().unwrap()["ok"], true);
    }
    let mut one_more = runtime.connect();
    let answer = one_more.ask("watch");
    assert_eq!((&answer["reason"], &answer["ok"]), (&json!("busy"), &json!(false)), "{answer}");
    assert_eq!(one_more.ask("fill on"), json!({ "ok": true }), "it may ask for something else");
    assert!(runtime.ctl(&["panic"]).status.success());
    // Then sixteen that ask for nothing any more.
    let mut clients: Vec<_> = (0..16).map(|_| runtime.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("fill on"), json!({ "ok": true }));
    }
    // The first of them has asked for nothing for longest now.
    assert_eq!(one_more.hear().unwrap()["reason"], "busy");
    let output = runtime.ctl(&["panic"]);
    assert!(output.status.success() && text(&output.stdout).starts_with("PANIC at "), "{output:?}");
    assert_eq!(clients[0].hear().unwrap()["reason"], "busy");
    assert_eq!(clients[0].hear(), None);
    assert_eq!(clients[15].ask("fill off"), json!({ "ok": true }), "the others stay");
    assert!(watchers[0].hear().unwrap()["ok"] == true);
}
