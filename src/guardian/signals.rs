//! What each signal means to a show and to its guardian.
//!
//! Most signals end a process that does not say otherwise. On a stage nothing may end a show that did not mean to, and what
//! means to ends it in order: every note gets its note-off.
//!
//! | signal | comes from | the show | its guardian |
//! |---|---|---|---|
//! | INT, TERM, HUP, QUIT | Ctrl-C, a polite kill, a terminal that is closed, Ctrl-\\ | ends in order; HUP is left ignored if it was, as by `nohup` | goes on |
//! | TSTP | Ctrl-Z | says that it does not pause | goes on |
//! | XCPU | a soft limit of processor time (`ulimit -t`, RLIMIT_RTTIME) | says so, and goes on up to the hard limit, at which the system kills it | goes on |
//! | XFSZ | a limit of the size of files (`ulimit -f`) | goes on; what it wanted to write is refused, and that is said: the log stops, a recording is kept | goes on |
//! | TTIN, TTOU | a terminal that belongs to another program now | goes on | goes on |
//! | PIPE | a reader that is gone | goes on | goes on |
//! | USR1, USR2, ALRM, VTALRM, PROF, IO (POLL), PWR, STKFLT, and the real-time signals 32 to 64 | nobody who means a show | goes on | goes on |
//! | CHLD, URG, WINCH | the system; nothing by themselves | goes on (WINCH: a window has another size) | goes on |
//! | SEGV, BUS, ILL, FPE, ABRT, TRAP, SYS | a fault in the program | crashes: its guardian ends every note | crashes: the show starts another |
//! | STOP, CONT | the system, not to be refused | stands still, and goes on; its guardian ends what sounds meanwhile | is replaced if it stands still |
//! | KILL | the system, not to be refused | is gone: its guardian ends every note | is gone: the show starts another |

/// Returns what asks a process to end, or to stop: only the guardian ignores it.
pub fn asking() -> impl Iterator<Item = libc::c_int> {
    [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP, libc::SIGXCPU].into_iter()
}

/// Returns what means nothing to a show, though it would end or stop it.
pub fn harmless() -> impl Iterator<Item = libc::c_int> {
    let everywhere = [
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
    ];
    everywhere.into_iter().chain(of_this_system())
}

#[cfg(target_os = "linux")]
fn of_this_system() -> impl Iterator<Item = libc::c_int> {
    // The first real-time signals are the C library's own.
    const FIRST_REALTIME: libc::c_int = 32;
    [libc::SIGPWR, libc::SIGSTKFLT].into_iter().chain(FIRST_REALTIME..=libc::SIGRTMAX())
}

#[cfg(not(target_os = "linux"))]
fn of_this_system() -> impl Iterator<Item = libc::c_int> {
    std::iter::empty()
}

/// From now on nothing ends or stops this process that does not mean it.
pub fn ignore_harmless() {
    super::sys::ignore(harmless());
}
