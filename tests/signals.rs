//! Every signal there is, sent to a show that plays and to its guardian; and what else a process inherits from whoever starts it.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SET: &str = r#"
tempo = 400
[ports.synth]
device = "No Machine Has This Synthesizer"
[tracks.lead]
port = "synth"
channel = 1
gate = 100
[patterns.main]
lead = { step = "1/4", steps = "c3 e3 g3 c4" }
"#;

/// Those that are sent here and end nothing, by number; what they are is in `signal(7)`.
const HARMLESS: [i32; 16] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGPIPE,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGXFSZ,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSTKFLT,
    libc::SIGCHLD,
    libc::SIGURG,
    libc::SIGWINCH,
    libc::SIGCONT,
];

/// A folder of its own, with a set in it.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("signals-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("set.toml"), SET).unwrap();
    folder
}

/// A show on the monitor.
struct Show {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    text: Vec<String>,
}

impl Show {
    /// Started by way of `through`, a shell's words.
    fn start(name: &str, through: &str, more: &str) -> Show {
        let folder = folder(name);
        let mut shell = Command::new("sh");
        let program = assert_cmd::cargo::cargo_bin!("tightrope");
        shell.args(["-c", &format!("{through} exec '{}' play set.toml --monitor {more}", program.display())]);
        shell.current_dir(&folder).env("XDG_CONFIG_HOME", &folder).env("XDG_STATE_HOME", &folder);
        // Where the tests run as `nohup` starts them, the show would rightly outlive a hangup.
        let hears_hangups = || {
            // SAFETY: after a fork only what is safe in a signal handler may be called, and signal(2) is.
            unsafe { libc::signal(libc::SIGHUP, libc::SIG_DFL) };
            Ok(())
        };
        // SAFETY: as above.
        unsafe { shell.pre_exec(hears_hangups) };
        let mut child = shell.env("XDG_RUNTIME_DIR", &folder).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Show { child, lines, text: Vec::new() }
    }

    /// Reads on up to a line with these words.
    fn reads(&mut self, words: &str) -> bool {
        for line in self.lines.by_ref().map(Result::unwrap) {
            let is_it = line.contains(words);
            self.text.push(line);
            if is_it {
                return true;
            }
        }
        false
    }

    fn send(&self, signal: i32) {
        send(self.child.id(), signal);
    }

    /// How it ends, and all that it printed. Every note has its end by then.
    fn end(mut self) -> (ExitStatus, String) {
        self.reads("what nothing says");
        let mut sounding = BTreeSet::new();
        for line in &self.text {
            let key = line.split(" key ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
            if line.contains("note on") {
                sounding.insert(key);
            } else if line.contains("note off") {
                sounding.remove(&key);
            }
        }
        assert!(sounding.is_empty(), "left sounding: {sounding:?}");
        (self.child.wait().unwrap(), self.text.join("\n"))
    }
}

fn send(process: u32, signal: i32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} {process}")]).status().unwrap();
    assert!(sent.success(), "signal {signal}");
}

#[test]
fn what_means_nothing_to_a_show_does_nothing() {
    let mut show = Show::start("harmless", "", "");
    assert!(show.reads("note on"));
    // The C library's own two, and all that are nobody's.
    for signal in HARMLESS.into_iter().chain(32..=64).chain([libc::SIGTSTP, libc::SIGXCPU]) {
        show.send(signal);
        assert!(show.reads("note on"), "signal {signal} ended it");
    }
    show.send(libc::SIGTERM);
    let (status, text) = show.end();
    assert_eq!(status.code(), Some(0));
    assert!(text.contains("Ctrl-Z does not pause a show") && text.contains("limit of processor time"), "{text}");
}

#[test]
fn what_asks_a_show_to_end_ends_it_in_order() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
        let mut show = Show::start(&format!("end-{signal}"), "", "");
        assert!(show.reads("note on"));
        show.send(signal);
        let (status, text) = show.end();
        assert_eq!(status.code(), Some(0), "signal {signal}");
        assert!(text.contains("dropped: nothing"), "{text}");
    }
}

#[test]
fn a_limit_of_the_size_of_files_costs_the_log_only() {
    let (status, text) = Show::start("size", "ulimit -f 0;", "--for 8bars").end();
    assert_eq!(status.code(), Some(0), "{text}");
    assert!(text.contains("the log stops: File too large") && text.contains("dropped: nothing"), "{text}");
}

#[test]
fn a_small_stack_is_enough() {
    for stack in [64, 128, 512] {
        let (status, text) = Show::start("stack", &format!("ulimit -s {stack};"), "--for 2bars").end();
        assert_eq!(status.code(), Some(0), "{stack} KB: {text}");
    }
}

/// Whoever starts a show may have been content to be woken late.
#[test]
fn no_thread_of_a_show_keeps_an_inherited_timer_slack() {
    let started = thread::spawn(|| {
        rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(50_000_000)).unwrap();
        Show::start("slack", "", "--policy other")
    });
    let mut show = started.join().unwrap();
    if !show.reads("note on") {
        panic!("{}", show.end().1);
    }
    let process = show.child.id();
    // Where that may be asked.
    let slack =
        |thread: &str| fs::read_to_string(format!("/proc/{thread}/timerslack_ns")).ok()?.trim().parse::<u64>().ok();
    for entry in fs::read_dir(format!("/proc/{process}/task")).unwrap().flatten() {
        let thread = entry.file_name().into_string().unwrap();
        assert!(slack(&thread).is_none_or(|nanos| nanos <= 50_000), "{thread}: {:?}", slack(&thread));
    }
    show.send(libc::SIGTERM);
    assert_eq!(show.end().0.code(), Some(0));
}

#[test]
fn only_what_is_a_crash_or_cannot_be_refused_ends_a_guardian() {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("tightrope"));
    command.arg("guard").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (pipe, process) = (child.stdin.take().unwrap(), child.id());
    let begun = Instant::now();
    // Until it has settled down it is like any process.
    while fs::read_to_string(format!("/proc/{process}/comm")).unwrap() != "midi-guardian\n" {
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::yield_now();
    }
    let asking = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP, libc::SIGXCPU];
    for signal in HARMLESS.into_iter().chain(asking).chain(32..=64) {
        send(process, signal);
        assert_eq!(child.try_wait().unwrap(), None, "before signal {signal}");
    }
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    assert!(!stat.contains(") T "), "it stands still: {stat}");
    drop(pipe);
    // As at any death of a show.
    assert!(child.wait().unwrap().success());
}
