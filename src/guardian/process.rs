//! The guardian's process: where its words come from, its devices, and what it asks of the machine.
//!
//! Standard input is the pipe from the show, standard output is the table of what sounds (nothing is ever printed there), and
//! standard error is where the performer may be told something, the terminal if there is a screen on it.

#[cfg(target_os = "linux")]
use std::io::Write;
use std::io::{self, PipeReader, Read};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use super::devices::Devices;
use super::protocol::{Attention, Cooked, Reader};
use super::sys::{self, Mapped};
use super::watch::{End, Silenced, Silencing, Watch};
use super::{screen, signals};
use crate::rt::{clock, sched};

/// How often it looks whether the show is frozen.
const LOOK: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// From one part of the silence to the next.
const PACE: Duration = Duration::from_millis(1);

/// How long a show that is crashing is watched: some of its threads may play on for a moment.
const DYING: Duration = Duration::from_millis(20);

/// How long the rest of a show may take to die when the thread that plays has. A core dump takes longer.
const BURIAL: Duration = Duration::from_millis(500);

/// The stack of the thread that waits for a death.
#[cfg(target_os = "linux")]
const STACK_BYTES: usize = 64 * 1024;

/// Above all that is ordinary, below everything that is MIDI.
const PRIORITY: u8 = 10;

/// How much less likely than others it is killed where memory is short, from -1000 to 0.
const OOM_SCORE: &str = "-900";

/// How a show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Farewell,
    Crashed,
    /// The pipe broke, or the thread that plays has died.
    Gone,
}

/// Guards a show until it has ended.
#[must_use]
pub fn main() -> ExitCode {
    let is_pipe =
        rustix::fs::fstat(io::stdin()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    if !is_pipe {
        eprintln!("tightrope: this is for `play`, which starts its guardian by itself");
        return ExitCode::from(2);
    }
    settle_down();
    let table = sys::open_table(rustix::stdio::stdout()).ok().map(Arc::new);
    let mut guard = Guard { watch: Watch::new(Devices::default()), table, death: None, is_promoted: false, raw: None };
    let fate = guard.stand();
    if fate != Fate::Farewell {
        guard.act(fate);
    }
    ExitCode::SUCCESS
}

/// Becomes a process that nothing takes along: each of these is asked for, and none is needed.
fn settle_down() {
    sys::ignore(signals::harmless().chain(signals::asking()));
    let _ = rustix::process::setsid();
    sys::close_inherited();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(&std::ffi::CString::new(super::PROCESS_NAME).unwrap_or_default());
    let _ = std::env::set_current_dir("/");
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    sched::share_heap();
    sched::reset_timer_slack();
}

/// What the process works with.
struct Guard {
    watch: Watch<Devices>,
    table: Option<Arc<Mapped>>,
    /// Breaks when the real-time thread dies, once somebody waits for that.
    death: Option<PipeReader>,
    /// Whether it has asked for a real-time class, or need not.
    is_promoted: bool,
    /// The modes of the terminal with the screen on it.
    raw: Option<Cooked>,
}

impl Guard {
    /// Listens and looks until the show has ended; how it did.
    fn stand(&mut self) -> Fate {
        let mut reader = Reader::default();
        loop {
            let stdin = rustix::stdio::stdin();
            let mut fds = vec![PollFd::new(&stdin, PollFlags::IN)];
            fds.extend(self.death.as_ref().map(|death| PollFd::new(death, PollFlags::IN)));
            self.note(|attention| attention.note_look());
            let ready = poll(&mut fds, Some(&LOOK)).is_ok_and(|ready| ready > 0);
            let is_ready = |index: usize| ready && fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
            let (told, died) = (is_ready(0), is_ready(1));
            drop(fds);
            if told && let Some(fate) = self.listen(&mut reader) {
                return fate;
            }
            if died {
                // A word, if it died while it waited for that; nothing, if it ended as it should.
                match self.death.take().map(|mut death| death.read(&mut [0])) {
                    Some(Ok(1)) => return Fate::Gone,
                    _ => continue,
                }
            }
            if let Some(mut silencing) =
                self.watch.look(clock::system_ns(), self.table.as_deref().map(|table| &**table))
            {
                self.send(&mut silencing, Duration::ZERO);
            }
        }
    }

    /// Takes what was told; how the show has ended, if it has.
    fn listen(&mut self, reader: &mut Reader) -> Option<Fate> {
        let mut room = [0; 512];
        let mut end = None;
        match rustix::io::read(rustix::stdio::stdin(), &mut room) {
            Ok(0) => return Some(Fate::Gone),
            Ok(len) => {
                reader.take(&room[..len], |word| end = end.or(self.watch.hear(word)));
                self.note(|attention| attention.note_heard(len));
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
            // A pipe that cannot be read tells no more.
            Err(_) => return Some(Fate::Gone),
        }
        match end {
            Some(End::Farewell) => return Some(Fate::Farewell),
            Some(End::Crash) => return Some(Fate::Crashed),
            None => {}
        }
        self.raw = self.watch.screen().and_then(|_| self.raw.or_else(|| screen::modes(rustix::stdio::stderr())));
        if let Some(is_realtime) = self.watch.is_realtime()
            && !std::mem::replace(&mut self.is_promoted, true)
        {
            if is_realtime {
                let _ = sched::promote(sched::Policy::Fifo, PRIORITY, None);
            }
            // In the same class, which it inherits.
            self.death = self.table.clone().and_then(|table| await_death(table).ok());
        }
        sys::lock_touched_memory();
        None
    }

    /// Lets the show see something.
    fn note(&self, note: impl Fn(&Attention)) {
        if let Some(table) = &self.table {
            note(table.attention());
        }
    }

    /// Sends all of `silencing`, and goes on for a while for what begins to sound in that time.
    fn send(&mut self, silencing: &mut Silencing, at_least: Duration) {
        let begun = Instant::now();
        loop {
            let elapsed = begun.elapsed();
            let table = self.table.as_deref().map(|table| &**table);
            let more = self.watch.silence(silencing, elapsed.as_millis() as u64, table);
            if !more && elapsed >= at_least {
                return;
            }
            thread::sleep(PACE);
        }
    }

    /// The show has ended without ending its notes.
    fn act(&mut self, fate: Fate) {
        let mut silencing = Silencing::everything();
        self.watch.tend();
        self.send(&mut silencing, if fate == Fate::Crashed { DYING } else { Duration::ZERO });
        await_burial();
        let voice = rustix::stdio::stderr();
        if let Some(cooked) = self.watch.screen() {
            screen::give_back(voice, cooked, self.raw);
        }
        let Silenced { notes, .. } = silencing.silenced();
        let how = if fate == Fate::Crashed { "crashed" } else { "was killed" };
        let what = match (&self.table, notes) {
            // Where there is no MIDI.
            _ if !self.watch.has_ports() && self.watch.screen().is_some() => "gave the terminal back".to_owned(),
            (None, _) => "silenced its ports".to_owned(),
            (Some(_), 1) => "ended 1 note".to_owned(),
            (Some(_), notes) => format!("ended {notes} notes"),
        };
        screen::say(voice, &format!("tightrope {how}; its guardian {what}\n"));
    }
}

/// Lets a thread wait for the death of the one that plays: a word comes out of the pipe then, and nothing where that ends as it
/// should.
#[cfg(target_os = "linux")]
fn await_death(table: Arc<Mapped>) -> io::Result<PipeReader> {
    let (reader, mut writer) = io::pipe()?;
    let wait = move || {
        if table.await_death() {
            // The other end is there as long as the process.
            let _ = writer.write_all(b"!");
        }
    };
    thread::Builder::new().name(super::PROCESS_NAME.into()).stack_size(STACK_BYTES).spawn(wait)?;
    Ok(reader)
}

/// Other systems have no lock that breaks with its holder.
#[cfg(not(target_os = "linux"))]
fn await_death(_: Arc<Mapped>) -> io::Result<PipeReader> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits until all of the show is gone: what else it has may still write to the terminal.
fn await_burial() {
    let begun = Instant::now();
    let mut room = [0; 512];
    while begun.elapsed() < BURIAL {
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
        let left = BURIAL.saturating_sub(begun.elapsed()).as_nanos() as _;
        let is_ready = poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: left })).is_ok_and(|ready| ready > 0);
        if is_ready && !matches!(rustix::io::read(stdin, &mut room), Ok(1..)) {
            return;
        }
    }
}
