//! The program under test, as a child process with ordinary scheduling: what it needs beyond that it must ask for.

use crate::instrument::{Connections, Fallible, Watch};
use crate::sys;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take from its start until it is connected to both instruments.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How long a program may take to end. A performer's patience with a hung program is less.
const END_WITHIN: Duration = Duration::from_secs(5);
/// Between its connection and the first clock: a program may still be warming up.
pub const SETTLE: Duration = Duration::from_millis(500);
/// Between the last that is sent and the count of what still sounds.
pub const QUIET: Duration = Duration::from_millis(700);

const LOOK: Duration = Duration::from_millis(5);

/// How much of what was drawn is kept.
const TAIL: usize = 2_048;

/// The signals that may end a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Signal {
    /// Ctrl-C
    Int,
    /// The system is shut down, or a service stopped
    Term,
    /// The terminal is closed
    Hup,
    /// No handler runs, so another process must silence the instruments
    Kill,
}

impl Signal {
    fn number(self) -> i32 {
        match self {
            Signal::Int => libc::SIGINT,
            Signal::Term => libc::SIGTERM,
            Signal::Hup => libc::SIGHUP,
            Signal::Kill => libc::SIGKILL,
        }
    }
}

pub struct Program {
    child: Child,
    log: PathBuf,
    /// Bytes that it has drawn on its terminal.
    drawn: Arc<AtomicUsize>,
    /// The last of them.
    tail: Arc<Mutex<Vec<u8>>>,
    /// Where somebody looks at its terminal, if it has one.
    terminal: Option<File>,
}

/// How the program ended when it was asked to.
pub struct Ending {
    /// `None`: it did not end, and was killed.
    pub status: Option<ExitStatus>,
    pub took: Duration,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "{status} after {} ms", self.took.as_millis()),
            None => write!(f, "still there after {} ms", self.took.as_millis()),
        }
    }
}

impl Program {
    /// Starts it on a terminal of 160 columns, which somebody looks at: what it draws is read at once, and forgotten but for
    /// how much it was.
    pub fn start_on_terminal(command: &[String], log: &Path) -> io::Result<Program> {
        let (mut looks, runs) = sys::terminal(160, 50)?;
        let mut program = Command::new(&command[0]);
        program.args(&command[1..]).env("TERM", "xterm-256color");
        program.stdin(runs.try_clone()?).stdout(runs.try_clone()?).stderr(runs);
        sys::lead_a_session(&mut program);
        let child =
            program.spawn().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", command[0])))?;
        let mut last = File::create(log)?;
        // What holds the program's end open would hold the terminal open.
        drop(program);
        let drawn = Arc::new(AtomicUsize::new(0));
        let counted = drawn.clone();
        let tail: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (kept, terminal) = (tail.clone(), looks.try_clone()?);
        thread::Builder::new().name("terminal".into()).spawn(move || {
            let mut room = [0; 65_536];
            // The terminal is gone when the program is.
            while let Ok(read @ 1..) = looks.read(&mut room) {
                counted.fetch_add(read, Ordering::Relaxed);
                let mut kept = kept.lock().expect("no one panics with this lock");
                kept.extend_from_slice(&room[..read]);
                let too_much = kept.len().saturating_sub(TAIL);
                kept.drain(..too_much);
            }
            writeln!(last, "({} bytes were drawn)", counted.load(Ordering::Relaxed))
        })?;
        Ok(Program { child, log: log.to_owned(), drawn, tail, terminal: Some(terminal) })
    }

    /// Starts it with its output in a file: a serial console would cost time in the middle of the show.
    pub fn start(command: &[String], log: &Path) -> io::Result<Program> {
        let mut program = Command::new(&command[0]);
        program.args(&command[1..]);
        Program::spawn(program, log)
    }

    /// The same for a program whose surroundings have been seen to.
    pub fn spawn(mut command: Command, log: &Path) -> io::Result<Program> {
        let out = File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        Ok(Program { child, log: log.to_owned(), drawn: Arc::default(), tail: Arc::default(), terminal: None })
    }

    /// The same with its standard output in a pipe, whose other end is the answer; errors are in the file.
    pub fn spawn_piped(mut command: Command, log: &Path) -> io::Result<(Program, ChildStdout)> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?).process_group(0);
        let mut child = command.spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("the pipe is gone"))?;
        let program =
            Program { child, log: log.to_owned(), drawn: Arc::default(), tail: Arc::default(), terminal: None };
        Ok((program, out))
    }

    /// Its exit, if it has ended on its own.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits until the program is connected to both instruments, and answers with how long it took from here.
    pub fn connect(&mut self, watch: &dyn Watch) -> Fallible<Duration> {
        let begun = Instant::now();
        let mut seen = Connections::default();
        while begun.elapsed() < CONNECT_WITHIN {
            if let Some(status) = self.ended()? {
                return Err(format!("the program ended before it was connected: {status}").into());
            }
            seen = watch.connections()?;
            if seen.complete() {
                return Ok(begun.elapsed());
            }
            thread::sleep(LOOK);
        }
        Err(format!("the program is not connected after {} s: {seen:?}", CONNECT_WITHIN.as_secs()).into())
    }

    /// Sends a signal by its number, and does not wait.
    pub fn signal(&self, number: i32) -> io::Result<()> {
        sys::signal(self.child.id(), number)
    }

    /// The same for its whole process group.
    pub fn signal_group(&self, number: i32) -> io::Result<()> {
        sys::signal_group(self.child.id(), number)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal and waits for the end.
    pub fn end_by(&mut self, signal: Signal) -> io::Result<Ending> {
        let begun = Instant::now();
        if self.ended()?.is_none() {
            self.signal(signal.number())?;
        }
        while begun.elapsed() < END_WITHIN {
            if let Some(status) = self.ended()? {
                return Ok(Ending { status: Some(status), took: begun.elapsed() });
            }
            thread::sleep(LOOK);
        }
        Ok(Ending { status: None, took: begun.elapsed() })
    }

    /// How many bytes it has drawn on its terminal.
    pub fn drawn(&self) -> usize {
        self.drawn.load(Ordering::Relaxed)
    }

    /// The last that it, or somebody in its place, has drawn there.
    pub fn last_drawn(&self) -> String {
        String::from_utf8_lossy(&self.tail.lock().expect("no one panics with this lock")).into_owned()
    }

    /// Whether its terminal takes lines and shows them, as a shell leaves it.
    pub fn terminal_is_cooked(&self) -> bool {
        self.terminal.as_ref().is_some_and(sys::is_cooked)
    }

    /// How much memory it has locked, in KiB; none where it is gone.
    pub fn locked_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:"))?;
        locked.trim().strip_suffix(" kB")?.parse().ok()
    }

    pub fn output(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_else(|error| format!("(its output is lost: {error})"))
    }
}

/// A probe that fails leaves no program behind.
impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
