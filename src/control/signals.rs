//! Signals: noted by a flag each, so that nothing but an atomic store happens in the handler. What each of them means is in
//! [`guardian::signals`](crate::guardian::signals).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use signal_hook::consts::{SIGINT, SIGTERM};

/// The signals that end a show, those of which something is said, and whether each has come. By default there are none.
#[derive(Debug, Default)]
pub struct Signals {
    ending: Vec<(&'static str, Arc<AtomicBool>)>,
    told: Vec<(&'static str, Arc<AtomicBool>)>,
}

/// The signals of which something is said, and what.
#[cfg(unix)]
const TOLD: &[(i32, &str)] = &[
    (signal_hook::consts::SIGTSTP, "Ctrl-Z does not pause a show, for notes would hang: Ctrl-C ends it"),
    (
        signal_hook::consts::SIGXCPU,
        "the limit of processor time is reached (ulimit -t, RLIMIT_RTTIME): the show goes on, and is killed where the hard limit is",
    ),
];

#[cfg(not(unix))]
const TOLD: &[(i32, &str)] = &[];

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

/// Returns whether whoever started the process has asked for this signal to be ignored, and means it: of the others, a shell in the
/// background asks for that too.
#[cfg(target_os = "linux")]
fn is_left_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    signal == signal_hook::consts::SIGHUP && is_in(ignored(&status), signal)
}

/// Other systems would have to be asked by a call that is not safe.
#[cfg(not(target_os = "linux"))]
fn is_left_ignored(_: i32) -> bool {
    false
}

/// The signals that a process ignores, of which the first is the lowest bit.
#[cfg(target_os = "linux")]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(target_os = "linux")]
fn is_in(mask: u64, signal: i32) -> bool {
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).is_some_and(|mask| mask & 1 == 1)
}

impl Signals {
    /// Begins to listen. From now on these signals end the show, and no longer the process; Ctrl-Z no longer suspends it,
    /// which would leave notes sounding; and what means nothing to a show does nothing. Who was started by `nohup` is to outlive its terminal, and does: that signal is
    /// left ignored.
    ///
    /// # Errors
    ///
    /// When the system refuses to install a handler.
    pub fn listen() -> io::Result<Signals> {
        let flag = |signal: i32| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(signal, Arc::clone(&flag)).map(|_| flag)
        };
        let heard = ENDING.iter().filter(|(signal, _)| !is_left_ignored(*signal));
        let ending = heard.map(|&(signal, name)| Ok((name, flag(signal)?))).collect::<io::Result<_>>()?;
        let told = TOLD.iter().map(|&(signal, said)| Ok((said, flag(signal)?))).collect::<io::Result<_>>()?;
        #[cfg(unix)]
        crate::guardian::signals::ignore_harmless();
        Ok(Signals { ending, told })
    }

    /// The name of a signal that has come, if any has.
    #[must_use]
    pub fn received(&self) -> Option<&'static str> {
        self.ending.iter().find(|(_, flag)| flag.load(Relaxed)).map(|(name, _)| *name)
    }

    /// Returns what is to be said of a signal that has come since the last time this was asked.
    #[must_use]
    pub fn take_told(&self) -> Option<&'static str> {
        self.told.iter().find(|(_, flag)| flag.swap(false, Relaxed)).map(|(said, _)| *said)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_ignored_from_the_start_is_known() {
        let status = "Name:\ttightrope\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        let mask = ignored(status);
        assert!(is_in(mask, signal_hook::consts::SIGHUP) && is_in(mask, signal_hook::consts::SIGPIPE));
        assert!(!is_in(mask, SIGINT) && !is_in(mask, SIGTERM));
        assert_eq!(ignored("Name:\ttightrope\n"), 0);
    }
}
