//! The guardian's process, as `play` starts it, on a machine without MIDI: when it leaves, what it says, and what it does not
//! let itself be moved by. What it does to devices is seen on the stage (`tests/stage/guardian.rs`).

#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tightrope::engine::program::PortSlot;
use tightrope::guardian::keeper::{Config, Keeper, SharedTable};
use tightrope::guardian::protocol::GuardedPort;

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

/// A keeper in a show that is only thought of: every look is 100 ms after the one before.
struct Kept {
    keeper: Keeper,
    now: Instant,
    said: Vec<String>,
}

/// A test that fails leaves nobody behind who is stopped.
impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(process) = self.keeper.process().and_then(|process| rustix::process::Pid::from_raw(process as i32))
        {
            let _ = rustix::process::kill_process(process, rustix::process::Signal::CONT);
        }
    }
}

impl Kept {
    fn start(executable: &str) -> Kept {
        let executable = executable.into();
        let charge = Config { page: SharedTable::new(), origin_ns: 0, terminal: None, executable };
        let port = GuardedPort {
            slot: PortSlot(0),
            channels: 1,
            clocked: true,
            label: "a".into(),
            name: "no such port 99:0".into(),
        };
        let now = Instant::now();
        let (keeper, started) = Keeper::start(charge, &[port], now);
        assert!(started.is_ok(), "{started:?}");
        Kept { keeper, now, said: Vec::new() }
    }

    fn look(&mut self) {
        self.now += Duration::from_millis(100);
        self.keeper.look(&[], self.now, |text, _| self.said.push(text.into()));
    }

    /// Looks until something is said.
    fn hear(&mut self) -> String {
        let begun = Instant::now();
        while self.said.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "nothing is said");
            thread::sleep(Duration::from_millis(1));
            self.look();
        }
        self.said.remove(0)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = self.keeper.process().and_then(|process| rustix::process::Pid::from_raw(process as i32));
        rustix::process::kill_process(process.expect("there is a guardian"), signal).unwrap();
    }
}

#[test]
fn a_guardian_that_is_killed_again_and_again_is_replaced_only_so_often() {
    let mut kept = Kept::start(assert_cmd::cargo::cargo_bin!("tightrope").to_str().unwrap());
    for _ in 0..3 {
        let before = kept.keeper.process();
        kept.signal(rustix::process::Signal::KILL);
        assert_eq!(kept.hear(), "the guardian was gone (killed by signal 9); there is another");
        assert_ne!(kept.keeper.process(), before);
    }
    kept.signal(rustix::process::Signal::KILL);
    assert_eq!(kept.hear(), "the guardian has ended too often; for a while the show plays without one");
    (0..20).for_each(|_| kept.look());
    assert_eq!((kept.keeper.process(), kept.said.len()), (None, 0), "it is said once");
    kept.now += Duration::from_secs(60);
    assert_eq!(kept.hear(), "there is a guardian again");
}

#[test]
fn a_guardian_that_is_stopped_is_replaced_within_five_seconds() {
    let mut kept = Kept::start(assert_cmd::cargo::cargo_bin!("tightrope").to_str().unwrap());
    assert!(kept.keeper.await_ready());
    kept.signal(rustix::process::Signal::STOP);
    let before = kept.keeper.process();
    (0..45).for_each(|_| kept.look());
    assert!(kept.said.is_empty(), "a show that was frozen itself looks as seldom: {:?}", kept.said);
    (0..10).for_each(|_| kept.look());
    assert_eq!(kept.hear(), "the guardian does not answer any more; it is replaced");
    assert_eq!(kept.hear(), "the guardian was gone (killed by signal 9); there is another");
    assert_ne!(kept.keeper.process(), before);
    assert!(kept.keeper.await_ready(), "and that one watches");
}

#[test]
fn a_show_waits_for_its_guardian_before_it_begins() {
    let mut kept = Kept::start(assert_cmd::cargo::cargo_bin!("tightrope").to_str().unwrap());
    assert!(kept.keeper.await_ready());
    // By then it is in nobody's group, and knows the ports.
    let comm = fs::read_to_string(format!("/proc/{}/comm", kept.keeper.process().unwrap())).unwrap();
    assert_eq!(comm, "midi-guardian\n");
    kept.keeper.begin(false);
    assert!(kept.keeper.await_ready());
    // One that only ends is not waited for.
    assert!(!Kept::start("/bin/false").keeper.await_ready());
}
