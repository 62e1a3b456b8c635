//! A real show to be asked from outside: the program itself, playing to its monitor or to virtual ports, with a runtime
//! directory of its own.

#![allow(dead_code, reason = "each test program uses what it needs")]

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A runtime directory with a short path, for sockets cannot have long ones. Removed at the end.
pub struct Runtime(pub PathBuf);

impl Runtime {
    pub fn new(name: &str) -> Runtime {
        let path = std::env::temp_dir().join(format!("tightrope-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        DirBuilder::new().mode(0o700).create(&path).expect("temporary files can be made");
        Runtime(path)
    }

    pub fn sockets(&self) -> PathBuf {
        self.0.join("tightrope")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tightrope"));
        // The user's own configuration must not take part.
        command.args(arguments).env("XDG_RUNTIME_DIR", &self.0).env("XDG_CONFIG_HOME", &self.0);
        command.env("XDG_STATE_HOME", self.0.join("state"));
        command
    }

    /// Plays `liveset`, and comes back when it plays.
    pub fn play(&self, arguments: &[&str]) -> Show {
        let mut all = vec!["play", "liveset", "--plain"];
        all.extend(arguments);
        let mut child = self.command(&all).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut heading = String::new();
        while !heading.contains("\nplaying from bar 1") {
            assert_ne!(stdout.read_line(&mut heading).expect("text"), 0, "it ended:\n{heading}");
        }
        Show { child, heading, _stdout: stdout }
    }

    pub fn ctl(&self, arguments: &[&str]) -> Output {
        let mut all = vec!["ctl"];
        all.extend(arguments);
        self.command(&all).stdin(Stdio::null()).output().expect("it runs")
    }

    /// Runs `ctl -` on lines.
    pub fn ctl_on(&self, input: &str) -> Output {
        let mut child = self.command(&["ctl", "-"]);
        let child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child.spawn().expect("it runs");
        // It may end before it has read everything.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("it runs")
    }

    pub fn status(&self) -> Value {
        let output = self.ctl(&["status", "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    pub fn connect(&self) -> Client {
        Client::to(&self.sockets().join("liveset.sock"))
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A show that plays. Killed when it is dropped, if it has not ended.
pub struct Show {
    pub child: Child,
    /// What it printed until it played.
    pub heading: String,
    _stdout: BufReader<ChildStdout>,
}

impl Show {
    /// Waits for its end; the exit code.
    pub fn end(mut self) -> Option<i32> {
        let mut rest = String::new();
        self._stdout.read_to_string(&mut rest).expect("text");
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A script that talks to a show.
pub struct Client {
    pub stream: BufReader<UnixStream>,
}

impl Client {
    pub fn to(path: &Path) -> Client {
        let stream = UnixStream::connect(path).expect("the show listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
        Client { stream: BufReader::new(stream) }
    }

    pub fn say(&mut self, words: &str) {
        self.stream.get_mut().write_all(format!("{words}\n").as_bytes()).expect("the show reads");
    }

    /// The next line; `None` at the end.
    pub fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect("JSON")),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    pub fn ask(&mut self, words: &str) -> Value {
        self.say(words);
        self.hear().expect("an answer")
    }

    /// Watches until the status is as it should be.
    pub fn watch_until(mut self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.say("watch");
        // Something changes with each beat, twice a second.
        for _ in 0..200 {
            let status = self.hear().expect("the show goes on")["status"].take();
            if is_so(&status) {
                return status;
            }
        }
        panic!("{what}: never");
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The track `name` of a status.
pub fn track<'v>(status: &'v Value, name: &str) -> &'v Value {
    status["tracks"].as_array().expect("tracks").iter().find(|track| track["name"] == name).expect("such a track")
}
