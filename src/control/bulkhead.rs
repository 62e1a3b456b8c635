//! Reading a saved set in another process first.
//!
//! A text that is saved while the show plays may be anything, and a reader of texts may have a fault that no test has found: one
//! that overflows the stack, never ends, or takes all memory cannot be caught in the process that it happens in, and would end
//! the show. So the same bytes are read by a child first, this executable started once more, with limits of time, memory and
//! stack. Only what it came to an end with, a set or mistakes, is read in the show. It costs a few milliseconds.
//!
//! The child is given the bytes by a pipe, touches no file, and says nothing but how it ended.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::set::Set;

/// The argument by which the executable knows that it is to read a set.
pub const ARGUMENT: &str = "read-set";

/// The stack on which sets are read, wherever that is: what is enough in the child is enough in the show. The deepest set that
/// the grammar allows takes a small part of it.
pub const STACK_BYTES: usize = 2 << 20;

/// How often the child is looked at.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// The child has come to no end, because the system did not give it what reading takes.
const UNABLE: u8 = 3;

/// How much reading a set may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the start of the child to its end.
    pub time: Duration,
    /// Of the processor, in seconds.
    pub cpu_s: u64,
    /// Of addresses, in bytes.
    pub memory: u64,
    /// Of the stack, in bytes.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: Duration::from_secs(2), cpu_s: 2, memory: 512 << 20, stack: STACK_BYTES }
    }
}

/// Reads sets in another process.
#[derive(Clone, Debug)]
pub struct Bulkhead {
    /// What is started: this executable.
    pub executable: PathBuf,
    /// How much it may take.
    pub limits: Limits,
}

/// What became of reading a set in another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// It came to an end: it may be read here.
    Ends,
    /// It did not, or ended the process; why.
    Fails(String),
    /// There was no process to be had; why.
    NoProcess(String),
}

impl Bulkhead {
    /// Has `bytes` read by a child, and waits for it, no longer than the limits say.
    #[must_use]
    pub fn try_reading(&self, bytes: &[u8]) -> Trial {
        let Limits { cpu_s, memory, stack, .. } = self.limits;
        let mut command = Command::new(&self.executable);
        command.arg(ARGUMENT).args([cpu_s, memory, stack as u64].map(|limit| limit.to_string()));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(why) => return Trial::NoProcess(why.to_string()),
        };
        let pipe = child.stdin.take();
        let ended = thread::scope(|scope| {
            // A child that does not read would be waited for here. Where there is no thread, it gets nothing, and ends.
            let written = thread::Builder::new().stack_size(64 * 1024).spawn_scoped(scope, move || {
                pipe.into_iter().for_each(|mut pipe| drop(pipe.write_all(bytes)));
            });
            let ended = self.wait(&mut child, begun);
            // Its end breaks the pipe.
            written.map(|_| ended)
        });
        match ended {
            Ok(Ok(Some(status))) if status.success() => Trial::Ends,
            Ok(Ok(Some(status))) if status.code() == Some(UNABLE.into()) => {
                Trial::NoProcess("it was given no thread".to_owned())
            }
            Ok(Ok(Some(status))) => Trial::Fails(why(status)),
            Ok(Ok(None)) => Trial::Fails(format!("it took more than {} s", self.limits.time.as_secs_f64())),
            Ok(Err(why)) | Err(why) => Trial::NoProcess(why.to_string()),
        }
    }

    /// Returns how the child ended; `None` if it had to be killed. It is gone after this.
    fn wait(&self, child: &mut Child, begun: Instant) -> io::Result<Option<ExitStatus>> {
        while begun.elapsed() < self.limits.time {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        child.kill()?;
        child.wait()?;
        Ok(None)
    }
}

/// Why it has come to no end.
fn why(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match signal {
            libc::SIGXCPU | libc::SIGKILL => "it took too much of the processor or of memory".to_owned(),
            libc::SIGABRT | libc::SIGSEGV | libc::SIGBUS => {
                format!("reading it took too much memory or failed (signal {signal})")
            }
            signal => format!("reading it failed (signal {signal})"),
        };
    }
    format!("reading it failed ({status})")
}

/// The child: reads the set that comes by standard input. Its exit code says that it came to an end, whatever that was.
#[must_use]
pub fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(2).map(|number| number.parse::<u64>().ok());
    let (Some(Some(cpu_s)), Some(Some(memory)), Some(Some(stack))) = (numbers.next(), numbers.next(), numbers.next())
    else {
        eprintln!("tightrope: this is for `play`, which reads a saved set so by itself");
        return ExitCode::from(2);
    };
    confine(cpu_s, memory);
    let mut bytes = Vec::new();
    if io::stdin().take(Set::MAX_BYTES as u64 + 1).read_to_end(&mut bytes).is_err() {
        return ExitCode::from(UNABLE);
    }
    let read = move || match Set::parse("set.toml", &bytes) {
        Ok(set) => drop(set),
        Err(mistakes) => drop(mistakes.render(false)),
    };
    match thread::Builder::new().stack_size(usize::try_from(stack).unwrap_or(STACK_BYTES)).spawn(read) {
        Ok(reading) => ExitCode::from(u8::from(reading.join().is_err())),
        Err(_) => ExitCode::from(UNABLE),
    }
}

/// Limits what this process may take. Where the system refuses one, the show's own patience remains.
#[cfg(unix)]
fn confine(cpu_s: u64, memory: u64) {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    let _ = setrlimit(Resource::Cpu, limit(cpu_s));
    let _ = setrlimit(Resource::As, limit(memory));
    // A crash is expected here, and a core dump of it helps nobody and takes its time.
    let _ = setrlimit(Resource::Core, limit(0));
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        // Where memory is short, it goes first.
        let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    }
}

#[cfg(not(unix))]
fn confine(_: u64, _: u64) {}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A program that does this instead of reading.
    fn child(does: &str, time: Duration) -> (tempfile::TempDir, Bulkhead) {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("child");
        std::fs::write(&executable, format!("#!/bin/sh\n{does}\n")).unwrap();
        std::fs::set_permissions(&executable, PermissionsExt::from_mode(0o700)).unwrap();
        (folder, Bulkhead { executable, limits: Limits { time, ..Limits::default() } })
    }

    fn tried(does: &str, time: Duration, bytes: &[u8]) -> Trial {
        let (_folder, bulkhead) = child(does, time);
        // Another test that starts a process just now may hold the file open for writing.
        loop {
            match bulkhead.try_reading(bytes) {
                Trial::NoProcess(why) if why.contains("busy") => thread::sleep(BETWEEN_LOOKS),
                tried => return tried,
            }
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn how_a_child_ends_is_told_apart() {
        let fails = |does: &str| match tried(does, LONG, b"") {
            Trial::Fails(why) => why,
            other => panic!("{does}: {other:?}"),
        };
        assert_eq!(tried("cat > /dev/null", LONG, b"text"), Trial::Ends);
        assert!(fails("kill -ABRT $$").contains("(signal 6)"));
        assert!(fails("kill -SEGV $$").contains("(signal 11)"));
        assert!(fails("kill -KILL $$").contains("too much of the processor or of memory"));
        assert!(fails("exit 101").contains("101"));
        assert!(matches!(tried("exit 3", LONG, b""), Trial::NoProcess(_)));
    }

    #[test]
    fn a_child_that_neither_ends_nor_reads_is_killed() {
        let more_than_a_pipe_holds = vec![b' '; Set::MAX_BYTES];
        let short = Duration::from_millis(50);
        let tried = tried("exec sleep 1000", short, &more_than_a_pipe_holds);
        assert_eq!(tried, Trial::Fails("it took more than 0.05 s".to_owned()));
    }

    #[test]
    fn where_there_is_no_process_that_is_said() {
        let none = Bulkhead { executable: "/nowhere/tightrope".into(), limits: Limits::default() };
        assert!(matches!(none.try_reading(b""), Trial::NoProcess(why) if why.contains("No such file")));
    }
}
