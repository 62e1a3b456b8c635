//! Signals: noted by a flag each, so that nothing but an atomic store happens in the handler.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal_hook::consts::{SIGINT, SIGTERM};

/// The signals that end a show, and whether each has come. By default there are none.
#[derive(Debug, Default)]
pub struct Signals {
    ending: Vec<(&'static str, Arc<AtomicBool>)>,
    suspend: Arc<AtomicBool>,
}

/// Ctrl-C, a polite kill, and a terminal that was closed.
#[cfg(unix)]
const ENDING: &[(i32, &str)] = &[
    (SIGINT, "SIGINT"),
    (SIGTERM, "SIGTERM"),
    (signal_hook::consts::SIGHUP, "SIGHUP"),
    (signal_hook::consts::SIGQUIT, "SIGQUIT"),
];

/// Ctrl-C and a polite kill.
#[cfg(not(unix))]
const ENDING: &[(i32, &str)] = &[(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")];

impl Signals {
    /// Begins to listen. From now on these signals end the show, and no longer the process; and Ctrl-Z no longer suspends
    /// it, which would leave notes sounding.
    ///
    /// # Errors
    ///
    /// When the system refuses to install a handler.
    pub fn listen() -> io::Result<Signals> {
        let flag = |signal: i32| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag)).map(|_| flag)
        };
        let ending = ENDING.iter().map(|&(signal, name)| Ok((name, flag(signal)?))).collect::<io::Result<_>>()?;
        #[cfg(unix)]
        let suspend = flag(signal_hook::consts::SIGTSTP)?;
        #[cfg(not(unix))]
        let suspend = Arc::default();
        Ok(Signals { ending, suspend })
    }

    /// The name of a signal that has come, if any has.
    #[must_use]
    pub fn received(&self) -> Option<&'static str> {
        self.ending.iter().find(|(_, flag)| flag.load(Relaxed)).map(|(name, _)| *name)
    }

    /// Whether Ctrl-Z was pressed since the last time this was asked.
    #[must_use]
    pub fn take_suspend(&self) -> bool {
        self.suspend.swap(false, Relaxed)
    }
}
