//! The show's side: starts the guardian, tells it what it has to know, and starts another when it is gone.
//!
//! Nothing of it is on the real-time thread, and nothing of it waits while the show plays: a guardian that does not read what
//! it is told, or does not look around any more, is as good as none, and is replaced. Only before the show begins it is waited
//! for, so that nothing sounds that nobody watches.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::protocol::{Attention, Cooked, GuardedPort, Word};
use crate::link::{NoteTable, Table};

/// How many guardians are started in a while.
const MOST_STARTS: usize = 4;
/// In which while.
const WHILE: Duration = Duration::from_secs(60);
/// How often the keeper looks whether the guardian lives.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// After so many looks in which the guardian has not looked around it counts as stopped, or stuck: it does so once a second, but
/// for the two that ending everything may take. Counted in looks, because the show may have been frozen itself.
const LOOKS_IN_VAIN: u32 = 50;
/// How long it may take until it watches; it takes some milliseconds.
const READY_WITHIN: Duration = Duration::from_millis(500);
/// How long the guardian may take to leave when the show has ended.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(200);

/// The table of what sounds, where the guardian sees it too if the system allows that.
#[derive(Clone, Debug)]
pub struct SharedTable(Arc<Memory>);

#[derive(Debug)]
enum Memory {
    Own(Box<NoteTable>),
    #[cfg(unix)]
    Shared(Arc<super::sys::Mapped>, std::os::fd::OwnedFd),
}

impl SharedTable {
    /// A table in which nothing sounds.
    #[must_use]
    pub fn new() -> SharedTable {
        #[cfg(unix)]
        if let Ok((table, file)) = super::sys::create_table() {
            return SharedTable(Arc::new(Memory::Shared(Arc::new(table), file)));
        }
        SharedTable(Arc::new(Memory::Own(Box::default())))
    }
}

impl Table for SharedTable {
    #[cfg(target_os = "linux")]
    type Attendance = Option<super::sys::Held>;
    #[cfg(not(target_os = "linux"))]
    type Attendance = ();

    #[cfg(target_os = "linux")]
    fn attend(&self) -> Self::Attendance {
        match &*self.0 {
            Memory::Own(_) => None,
            Memory::Shared(table, _) => table.hold(),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn attend(&self) -> Self::Attendance {}
}

impl SharedTable {
    /// Returns what the guardian lets be seen of itself, where it sees this table.
    fn attention(&self) -> Option<&Attention> {
        match &*self.0 {
            Memory::Own(_) => None,
            #[cfg(unix)]
            Memory::Shared(table, _) => Some(table.attention()),
        }
    }
}

impl Default for SharedTable {
    fn default() -> SharedTable {
        SharedTable::new()
    }
}

impl Deref for SharedTable {
    type Target = NoteTable;

    fn deref(&self) -> &NoteTable {
        match &*self.0 {
            Memory::Own(table) => table,
            #[cfg(unix)]
            Memory::Shared(table, _) => table,
        }
    }
}

/// What the guardian is told once.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the show notes what sounds.
    pub page: SharedTable,
    /// What the system's monotonic clock shows when the show's clock shows zero, in nanoseconds.
    pub origin_ns: u64,
    /// The modes of the terminal before there is a screen on it, where there will be one.
    pub terminal: Option<Cooked>,
    /// What is started: [`own_executable`].
    pub executable: PathBuf,
}

/// This executable, even if the file has been replaced since by a newer one.
///
/// # Errors
///
/// Where the system does not know.
pub fn own_executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

/// Whether a guardian still looks around.
#[derive(Clone, Copy, Debug, Default)]
struct Liveness {
    looked: u64,
    in_vain: u32,
}

impl Liveness {
    /// The keeper looks, and the guardian has looked around so often. Whether that has not changed for too long.
    fn is_over(&mut self, looked: u64) -> bool {
        self.in_vain = if looked == self.looked { self.in_vain + 1 } else { 0 };
        self.looked = looked;
        self.in_vain >= LOOKS_IN_VAIN
    }
}

/// Keeps a guardian.
pub struct Keeper {
    charge: Config,
    guardian: Option<imp::Guardian>,
    vigil: Liveness,
    /// Whether the real-time thread is there, and was granted a real-time class.
    begun: Option<bool>,
    told: Vec<GuardedPort>,
    /// When guardians were started, the last few.
    starts: VecDeque<Instant>,
    looked: Option<Instant>,
    /// Whether the performer has been told that there is no guardian.
    complained: bool,
    has_screen: bool,
}

impl Keeper {
    /// Starts a guardian of `ports`, for a show that has yet to begin; where that fails, why, and the keeper tries again later.
    pub fn start(charge: Config, ports: &[GuardedPort], now: Instant) -> (Keeper, io::Result<u32>) {
        let mut keeper = Keeper {
            charge,
            guardian: None,
            vigil: Liveness::default(),
            begun: None,
            told: Vec::new(),
            starts: VecDeque::new(),
            looked: Some(now),
            complained: false,
            has_screen: false,
        };
        let started = keeper.start_one(now);
        keeper.complained = started.is_err();
        keeper.tell(ports);
        (keeper, started)
    }

    /// Waits until the guardian has acted upon all that it was told, if there is one that can say so. Whether it has: it is
    /// waited for no longer than half a second.
    pub fn await_ready(&mut self) -> bool {
        let begun = Instant::now();
        loop {
            let (Some(guardian), Some(attention)) = (&mut self.guardian, self.charge.page.attention()) else {
                return self.guardian.is_some();
            };
            if attention.heard() >= guardian.told() {
                return true;
            }
            if guardian.ended().is_some() || begun.elapsed() >= READY_WITHIN {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// The guardian's process, where there is one.
    pub fn process(&self) -> Option<u32> {
        self.guardian.as_ref().map(imp::Guardian::pid)
    }

    /// The real-time thread is there, and was granted a real-time class or not. From now on its death alone is enough.
    pub fn begin(&mut self, realtime: bool) {
        self.begun = Some(realtime);
        let word = self.show_word();
        if let Some(guardian) = &mut self.guardian {
            guardian.tell(&word);
        }
    }

    fn show_word(&self) -> String {
        let Config { origin_ns, .. } = self.charge;
        let word = |realtime| Word::Show { pid: std::process::id(), origin_ns, realtime }.to_string();
        self.begun.map_or(String::new(), word)
    }

    /// The process of the guardian; how it was started.
    fn start_one(&mut self, now: Instant) -> io::Result<u32> {
        self.starts.push_back(now);
        self.told.clear();
        self.vigil = Liveness::default();
        // The old one's pipe is closed first.
        self.guardian = None;
        self.charge.page.attention().into_iter().for_each(Attention::reset);
        let words = self.show_word();
        let guardian = self.guardian.insert(imp::Guardian::start(&self.charge)?);
        guardian.tell(&words);
        if self.has_screen {
            guardian.tell(&screen_word(self.charge.terminal));
        }
        Ok(guardian.pid())
    }

    /// Tells the guardian what has changed of the ports, and sees whether it lives. `say` is told what the performer should
    /// know, and whether that is wrong.
    pub fn look(&mut self, ports: &[GuardedPort], now: Instant, mut say: impl FnMut(&str, bool)) {
        if self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= BETWEEN_LOOKS) {
            self.looked = Some(now);
            self.revive(now, &mut say);
        }
        self.tell(ports);
    }

    fn revive(&mut self, now: Instant, say: &mut impl FnMut(&str, bool)) {
        let how = match &mut self.guardian {
            Some(guardian) => match guardian.ended() {
                None => {
                    let looked = self.charge.page.attention().map(Attention::looked);
                    if looked.is_some_and(|looked| self.vigil.is_over(looked)) {
                        // Once for each: the next look finds it dead.
                        self.vigil = Liveness::default();
                        say("the guardian does not answer any more; it is replaced", true);
                        guardian.kill();
                    }
                    return;
                }
                Some(how) => Some(how),
            },
            None => None,
        };
        self.guardian = None;
        while self.starts.front().is_some_and(|&start| now.saturating_duration_since(start) >= WHILE) {
            self.starts.pop_front();
        }
        if self.starts.len() >= MOST_STARTS {
            if !std::mem::replace(&mut self.complained, true) {
                say("the guardian has ended too often; for a while the show plays without one", true);
            }
            return;
        }
        match (self.start_one(now), how) {
            (Ok(_), Some(how)) => say(&format!("the guardian was gone ({how}); there is another"), true),
            (Ok(_), None) => say("there is a guardian again", false),
            (Err(_), _) if self.complained => {}
            (Err(why), _) => {
                self.complained = true;
                say(&format!("there is no guardian any more: {why}"), true);
            }
        }
        self.complained &= self.guardian.is_none();
    }

    fn tell(&mut self, ports: &[GuardedPort]) {
        let Some(guardian) = &mut self.guardian else { return };
        let words = changes(&self.told, ports);
        if words.is_empty() || guardian.tell(&words) {
            self.told = ports.to_vec();
        } else {
            // The next look finds it dead, and starts another.
            guardian.kill();
        }
    }

    /// Others have connected themselves with the show's virtual ports, or gone.
    pub fn nudge(&mut self) {
        if let Some(guardian) = &mut self.guardian {
            // One that does not take it is found out when it is told something else.
            guardian.tell(&Word::Look.to_string());
        }
    }

    /// The show has ended, and everything is silent.
    pub fn dismiss(mut self) {
        if let Some(guardian) = self.guardian.take() {
            guardian.dismiss();
        }
    }

    /// There is a screen on the terminal now.
    pub fn enter_screen(&mut self) {
        self.has_screen = true;
        if let Some(guardian) = &mut self.guardian {
            guardian.tell(&screen_word(self.charge.terminal));
        }
    }
}

fn screen_word(terminal: Option<Cooked>) -> String {
    terminal.map_or(String::new(), |cooked| Word::Screen(cooked).to_string())
}

/// The words that lead from some ports to others. What comes is told before what goes: it may be the same device.
fn changes(told: &[GuardedPort], ports: &[GuardedPort]) -> String {
    let new = ports.iter().filter(|port| !told.contains(port)).map(|port| Word::Port(port.clone()));
    let gone = told.iter().filter(|old| !ports.iter().any(|port| port.is(old.slot, &old.name)));
    let gone = gone.map(|old| Word::Gone(old.slot, old.name.clone()));
    new.chain(gone).map(|word| word.to_string()).collect()
}

#[cfg(unix)]
mod imp {
    use std::io::{self, IsTerminal, Write};
    use std::os::fd::AsFd;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Config, Memory, PATIENCE};
    use crate::guardian::protocol::Word;
    use crate::guardian::{ARGUMENT, PROCESS_NAME, sys};

    /// A guardian that was started.
    pub(crate) struct Guardian {
        child: Child,
        /// None once it was closed.
        pipe: Option<ChildStdin>,
        /// How many bytes it was told.
        told: u64,
    }

    impl Guardian {
        pub(crate) fn start(charge: &Config) -> io::Result<Guardian> {
            let table = match &*charge.page.0 {
                Memory::Own(_) => Stdio::null(),
                Memory::Shared(_, file) => file.try_clone()?.into(),
            };
            let stdout = io::stdout();
            // A screen is on standard output, wherever errors go.
            let voice = match charge.terminal {
                Some(_) if stdout.is_terminal() => stdout.as_fd().try_clone_to_owned()?.into(),
                _ => Stdio::inherit(),
            };
            let mut command = Command::new(&charge.executable);
            command.arg0(PROCESS_NAME).arg(ARGUMENT).stdin(Stdio::piped()).stdout(table).stderr(voice);
            let mut child = command.spawn()?;
            let pipe = child.stdin.take();
            let guardian = Guardian { child, pipe, told: 0 };
            if let Some(pipe) = &guardian.pipe {
                // A guardian that does not read must not hold up the show.
                rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::NONBLOCK)?;
                sys::announce_crashes(Some(pipe.as_fd()));
            }
            Ok(guardian)
        }

        pub(crate) fn pid(&self) -> u32 {
            self.child.id()
        }

        /// Returns whether all of it was taken.
        pub(crate) fn tell(&mut self, words: &str) -> bool {
            self.told += words.len() as u64;
            self.pipe.as_mut().is_some_and(|pipe| pipe.write_all(words.as_bytes()).is_ok())
        }

        /// Returns how many bytes it was told.
        pub(crate) fn told(&self) -> u64 {
            self.told
        }

        /// Returns how it ended, if it has.
        pub(crate) fn ended(&mut self) -> Option<String> {
            match self.child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(match status.signal() {
                    Some(signal) => format!("killed by signal {signal}"),
                    None => status.to_string(),
                }),
                Err(error) => Some(error.to_string()),
            }
        }

        pub(crate) fn kill(&mut self) {
            // One that is gone needs no killing.
            let _ = self.child.kill();
        }

        pub(crate) fn dismiss(mut self) {
            let is_told = self.tell(&Word::Farewell.to_string());
            let told = Instant::now();
            while is_told && self.ended().is_none() && told.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(1));
            }
            if self.ended().is_none() {
                // Nothing sounds any more, and one that is stopped would stay for ever.
                self.kill();
            }
        }
    }

    impl Drop for Guardian {
        fn drop(&mut self) {
            sys::announce_crashes(None);
            self.pipe = None;
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io;

    use super::Config;

    /// There is none: an output belongs to one program alone here.
    pub struct Guardian;

    impl Guardian {
        pub fn start(_: &Config) -> io::Result<Guardian> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "on this system an output belongs to one program alone"))
        }

        pub fn pid(&self) -> u32 {
            0
        }

        pub fn tell(&mut self, _: &str) -> bool {
            true
        }

        pub fn told(&self) -> u64 {
            0
        }

        pub fn ended(&mut self) -> Option<String> {
            None
        }

        pub fn kill(&mut self) {}

        pub fn dismiss(self) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::engine::program::PortSlot;

    fn port(slot: u8, name: &str) -> GuardedPort {
        let slot = PortSlot(slot);
        GuardedPort { slot, channels: 1, clocked: false, label: "a".into(), name: name.into() }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let told = [port(0, "A"), port(2, "C")];
        assert_eq!(changes(&told, &told), "");
        assert_eq!(changes(&told, &[port(0, "A"), port(1, "B")]), "port 1 1 0 a\tB\ngone 2 C\n");
        assert_eq!(changes(&told, &[port(0, "D")]), "port 0 1 0 a\tD\ngone 0 A\ngone 2 C\n");
        let other = GuardedPort { channels: 3, ..port(2, "C") };
        assert_eq!(changes(&told, &[port(0, "A"), other]), "port 2 3 0 a\tC\n");
    }

    #[test]
    fn a_vigil_is_over_when_nothing_is_seen_for_so_many_looks() {
        let mut vigil = Liveness::default();
        assert!((0..1_000).all(|look| !vigil.is_over(look / 40)), "it looks around now and then");
        assert_eq!((0..).find(|_| vigil.is_over(24)), Some(LOOKS_IN_VAIN as usize - 40));
    }
}
