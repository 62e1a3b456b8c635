//! Signals that end a show: noted by a flag each, so that nothing but an atomic store happens in the handler.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The signals that end a show, and whether each has come.
#[derive(Debug)]
pub struct Signals {
    flags: Vec<(&'static str, Arc<AtomicBool>)>,
}

/// Ctrl-C, a polite kill, and a terminal that was closed.
#[cfg(unix)]
const ENDING: [(libc::c_int, &str); 4] =
    [(libc::SIGINT, "SIGINT"), (libc::SIGTERM, "SIGTERM"), (libc::SIGHUP, "SIGHUP"), (libc::SIGQUIT, "SIGQUIT")];

impl Signals {
    /// Begins to listen. From now on these signals end the show, and no longer the process.
    ///
    /// # Errors
    ///
    /// When the system refuses to install a handler.
    #[cfg(unix)]
    pub fn listen() -> io::Result<Signals> {
        let mut flags = Vec::new();
        for (signal, name) in ENDING {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            flags.push((name, flag));
        }
        Ok(Signals { flags })
    }

    /// Nothing is listened to on this system.
    #[cfg(not(unix))]
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals { flags: Vec::new() })
    }

    /// The name of a signal that has come, if any has.
    #[must_use]
    pub fn received(&self) -> Option<&'static str> {
        self.flags.iter().find(|(_, flag)| flag.load(Ordering::Relaxed)).map(|(name, _)| *name)
    }
}
