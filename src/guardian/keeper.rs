//! The show's side: starts the guardian, tells it what it has to know, and starts another when it is gone.
//!
//! Nothing of it is on the real-time thread, and nothing of it waits: a guardian that does not read what it is told is as good
//! as none, and is replaced.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::words::{Cooked, GuardedPort};
use crate::engine::program::MAX_PORTS;
use crate::link::{Sounding, Table};

/// How many guardians are started in a while.
const MOST_STARTS: usize = 3;
/// In which while.
const WHILE: Duration = Duration::from_secs(60);
/// How often the keeper looks whether the guardian lives.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// How long the guardian may take to leave when the show has ended.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(200);

/// The table of what sounds, where the guardian sees it too if the system allows that.
#[derive(Clone, Debug)]
pub struct Page(Arc<Memory>);

#[derive(Debug)]
enum Memory {
    Own(Box<Sounding>),
    #[cfg(unix)]
    Shared(super::sys::Mapped, std::os::fd::OwnedFd),
}

impl Page {
    /// A table in which nothing sounds.
    #[must_use]
    pub fn new() -> Page {
        #[cfg(unix)]
        if let Ok((table, file)) = super::sys::create_table() {
            return Page(Arc::new(Memory::Shared(table, file)));
        }
        Page(Arc::new(Memory::Own(Box::default())))
    }
}

impl Table for Page {
    fn attend(&self) {
        #[cfg(target_os = "linux")]
        if let Memory::Shared(table, _) = &*self.0 {
            table.hold();
        }
    }

    fn leave(&self) {
        #[cfg(target_os = "linux")]
        if let Memory::Shared(table, _) = &*self.0 {
            table.release();
        }
    }
}

impl Default for Page {
    fn default() -> Page {
        Page::new()
    }
}

impl Deref for Page {
    type Target = Sounding;

    fn deref(&self) -> &Sounding {
        match &*self.0 {
            Memory::Own(table) => table,
            #[cfg(unix)]
            Memory::Shared(table, _) => table,
        }
    }
}

/// What the guardian is told once.
#[derive(Clone, Debug)]
pub struct Charge {
    /// Where the show notes what sounds.
    pub page: Page,
    /// What the system's monotonic clock shows when the show's clock shows zero, in nanoseconds.
    pub origin_ns: u64,
    /// Whether the show was granted a real-time class.
    pub realtime: bool,
    /// The modes of the terminal before there is a screen on it, where there will be one.
    pub terminal: Option<Cooked>,
}

/// Keeps a guardian.
pub struct Keeper {
    charge: Charge,
    guardian: Option<imp::Guardian>,
    told: [Option<GuardedPort>; MAX_PORTS],
    /// When guardians were started, the last few.
    starts: VecDeque<Instant>,
    looked: Option<Instant>,
    /// Whether the performer has been told that there is no guardian.
    complained: bool,
    has_screen: bool,
}

impl Keeper {
    /// Starts a guardian; where that fails, why, and the keeper tries again later.
    pub fn start(charge: Charge, now: Instant) -> (Keeper, io::Result<u32>) {
        let mut keeper = Keeper {
            charge,
            guardian: None,
            told: [const { None }; MAX_PORTS],
            starts: VecDeque::new(),
            looked: Some(now),
            complained: false,
            has_screen: false,
        };
        let started = keeper.start_one(now);
        keeper.complained = started.is_err();
        (keeper, started)
    }

    /// The process of the guardian; how it was started.
    fn start_one(&mut self, now: Instant) -> io::Result<u32> {
        self.starts.push_back(now);
        self.told = [const { None }; MAX_PORTS];
        // The old one's pipe is closed first.
        self.guardian = None;
        let guardian = self.guardian.insert(imp::Guardian::start(&self.charge)?);
        if self.has_screen {
            guardian.tell(&screen_word(self.charge.terminal));
        }
        Ok(guardian.pid())
    }

    /// Tells the guardian what has changed of the ports, by slot, and sees whether it lives. `say` is told what the performer
    /// should know, and whether that is wrong.
    pub fn look(&mut self, ports: &[Option<GuardedPort>], now: Instant, mut say: impl FnMut(&str, bool)) {
        if self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= BETWEEN_LOOKS) {
            self.looked = Some(now);
            self.revive(now, &mut say);
        }
        self.tell(ports);
    }

    fn revive(&mut self, now: Instant, say: &mut impl FnMut(&str, bool)) {
        let how = match &mut self.guardian {
            Some(guardian) => match guardian.ended() {
                None => return,
                Some(how) => Some(how),
            },
            None => None,
        };
        self.guardian = None;
        while self.starts.front().is_some_and(|&start| now.saturating_duration_since(start) >= WHILE) {
            self.starts.pop_front();
        }
        if self.starts.len() > MOST_STARTS {
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

    fn tell(&mut self, ports: &[Option<GuardedPort>]) {
        let Some(guardian) = &mut self.guardian else { return };
        let words = changes(&self.told, ports);
        if words.is_empty() || guardian.tell(&words) {
            self.told = std::array::from_fn(|index| ports.get(index).cloned().flatten());
        } else {
            // The next look finds it dead, and starts another.
            guardian.kill();
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
    terminal.map_or(String::new(), |cooked| super::words::Word::Screen(cooked).to_string())
}

/// The words that lead from one table of ports to another.
fn changes(told: &[Option<GuardedPort>], ports: &[Option<GuardedPort>]) -> String {
    use super::words::Word;
    use crate::engine::program::PortSlot;

    let mut words = String::new();
    for (index, old) in told.iter().enumerate() {
        let (slot, new) = (PortSlot(index as u8), ports.get(index).and_then(Option::as_ref));
        match (old, new) {
            (old, Some(new)) if old.as_ref() != Some(new) => words += &Word::Port(slot, new.clone()).to_string(),
            (Some(_), None) => words += &Word::Gone(slot).to_string(),
            _ => {}
        }
    }
    words
}

#[cfg(unix)]
mod imp {
    use std::io::{self, IsTerminal, Write};
    use std::os::fd::AsFd;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::path::PathBuf;
    use std::process::{Child, ChildStdin, Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{Charge, Memory, PATIENCE};
    use crate::guardian::words::Word;
    use crate::guardian::{ARGUMENT, PROCESS_NAME, sys};

    /// A guardian that was started.
    pub struct Guardian {
        child: Child,
        /// None once it was closed.
        pipe: Option<ChildStdin>,
    }

    /// This executable, even if the file has been replaced since by a newer one.
    fn executable() -> io::Result<PathBuf> {
        if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
    }

    impl Guardian {
        pub fn start(charge: &Charge) -> io::Result<Guardian> {
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
            let mut command = Command::new(executable()?);
            command.arg0(PROCESS_NAME).arg(ARGUMENT).stdin(Stdio::piped()).stdout(table).stderr(voice);
            let mut child = command.spawn()?;
            let pipe = child.stdin.take();
            let mut guardian = Guardian { child, pipe };
            if let Some(pipe) = &guardian.pipe {
                // A guardian that does not read must not hold up the show.
                rustix::fs::fcntl_setfl(pipe, rustix::fs::OFlags::NONBLOCK)?;
                sys::announce_crashes(Some(pipe.as_fd()));
            }
            let show = Word::Show { pid: std::process::id(), origin_ns: charge.origin_ns, realtime: charge.realtime };
            guardian.tell(&show.to_string());
            Ok(guardian)
        }

        pub fn pid(&self) -> u32 {
            self.child.id()
        }

        /// Whether all of it was taken.
        pub fn tell(&mut self, words: &str) -> bool {
            self.pipe.as_mut().is_some_and(|pipe| pipe.write_all(words.as_bytes()).is_ok())
        }

        /// How it ended, if it has.
        pub fn ended(&mut self) -> Option<String> {
            match self.child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(match status.signal() {
                    Some(signal) => format!("killed by signal {signal}"),
                    None => status.to_string(),
                }),
                Err(error) => Some(error.to_string()),
            }
        }

        pub fn kill(&mut self) {
            // One that is gone needs no killing.
            let _ = self.child.kill();
        }

        pub fn dismiss(mut self) {
            let is_told = self.tell(&Word::Farewell.to_string());
            let told = Instant::now();
            while is_told && self.ended().is_none() && told.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(1));
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

    use super::Charge;

    /// There is none: an output belongs to one program alone here.
    pub struct Guardian;

    impl Guardian {
        pub fn start(_: &Charge) -> io::Result<Guardian> {
            Err(io::Error::new(io::ErrorKind::Unsupported, "on this system an output belongs to one program alone"))
        }

        pub fn pid(&self) -> u32 {
            0
        }

        pub fn tell(&mut self, _: &str) -> bool {
            true
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

    fn port(name: &str) -> Option<GuardedPort> {
        Some(GuardedPort { channels: 1, clocked: false, label: "a".into(), name: name.into() })
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let told = [port("A"), None, port("C")];
        assert_eq!(changes(&told, &told), "");
        assert_eq!(changes(&told, &[port("A"), port("B")]), "port 1 1 0 a\tB\ngone 2\n");
        assert_eq!(changes(&told, &[port("D")]), "port 0 1 0 a\tD\ngone 2\n");
    }
}
