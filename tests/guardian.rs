//! The guardian's process, as `play` starts it, on a machine without MIDI: when it leaves, what it says, and what it does not
//! let itself be moved by. What it does to devices is seen on the stage (`tests/stage/guardian.rs`).

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Far more than it needs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Guardian {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Guardian {
    fn start() -> Guardian {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tightrope"));
        command.arg("guard").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pipe = child.stdin.take();
        let guardian = Guardian { child, pipe };
        // Until it has settled down it is like any process.
        guardian.await_that(|guardian| guardian.read("comm") == "midi-guardian\n");
        guardian
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap_or_default()
    }

    fn await_that(&self, mut is_so: impl FnMut(&Guardian) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "{}", self.read("status"));
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn tell(&mut self, words: &[u8]) {
        // One that has left does not listen.
        let _ = self.pipe.as_mut().unwrap().write_all(words);
    }

    /// How it ends, and what it has said.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap(), said)
    }

    fn hang_up(mut self) -> (ExitStatus, String) {
        self.pipe = None;
        self.end()
    }
}

#[test]
fn a_farewell_is_the_end_without_a_word() {
    let mut guardian = Guardian::start();
    guardian.tell(b"show 1 0 0\nfarewell\n");
    let (status, said) = guardian.end();
    assert!(status.success() && said.is_empty(), "{status}: {said}");
}

#[test]
fn a_pipe_that_breaks_is_a_death() {
    let mut guardian = Guardian::start();
    guardian.tell(b"show 1 0 0\nport 0 1 1 a\tno such port 99:0\n");
    let (status, said) = guardian.hang_up();
    assert!(status.success(), "{status}");
    assert_eq!(said, "tightrope was killed; its guardian silenced its ports\n");
}

#[test]
fn a_crash_is_told_before_the_pipe_breaks() {
    let mut guardian = Guardian::start();
    guardian.tell(b"show 1 0 0\nport 0 1 1 half a word\ncrash\n");
    let (_, said) = guardian.end();
    assert_eq!(said, "tightrope crashed; its guardian silenced its ports\n");
}

#[test]
fn noise_is_no_farewell() {
    let mut guardian = Guardian::start();
    let noise: Vec<u8> = (0..50_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    guardian.tell(&noise);
    let (status, said) = guardian.hang_up();
    assert!(status.success() && said.contains("was killed"), "{status}: {said}");
}

#[test]
fn what_ends_a_show_politely_does_not_end_its_guardian() {
    let mut guardian = Guardian::start();
    let process = rustix::process::Pid::from_child(&guardian.child);
    for signal in [
        rustix::process::Signal::INT,
        rustix::process::Signal::TERM,
        rustix::process::Signal::HUP,
        rustix::process::Signal::QUIT,
        rustix::process::Signal::TSTP,
    ] {
        rustix::process::kill_process(process, signal).unwrap();
    }
    // Nor is it in anybody's group or session.
    let stat = guardian.read("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let own = guardian.child.id().to_string();
    assert_eq!((fields[2], fields[3]), (&*own, &*own), "{stat}");
    guardian.tell(b"farewell\n");
    let (status, said) = guardian.end();
    assert!(status.success() && said.is_empty(), "{status}: {said}");
}

#[test]
fn nobody_starts_one_by_hand() {
    let output =
        Command::new(assert_cmd::cargo::cargo_bin!("tightrope")).arg("guard").stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`play`"));
}
