//! The calls to the system that the standard library lacks: the clock, an absolute sleep, the scheduling class,
//! the timer of a sequencer's queue, a terminal.
//!
//! All `unsafe` of the probe's own is here, but for one line in `sequencer.rs`.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Sleeps until `CLOCK_MONOTONIC` reads `at_ns`; returns early on a signal.
pub fn sleep_until(at_ns: u64) {
    let at = libc::timespec {
        tv_sec: (at_ns / 1_000_000_000) as libc::time_t,
        tv_nsec: (at_ns % 1_000_000_000) as libc::c_long,
    };
    // SAFETY: `at` is a valid timespec; the remaining time is not asked for.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &at, std::ptr::null_mut()) };
}

/// Puts the calling thread into `SCHED_FIFO`.
pub fn set_fifo(priority: i32) -> io::Result<()> {
    let param = libc::sched_param { sched_priority: priority };
    // SAFETY: 0 is the calling thread, and `param` is valid for the call to read.
    let status = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &param) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Keeps all memory resident, so that the master's thread does not fault while it spins.
pub fn lock_memory() -> io::Result<()> {
    // SAFETY: takes no pointers.
    let status = unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The kernel's `struct snd_seq_queue_timer`, for a timer of ALSA's.
#[repr(C)]
struct QueueTimer {
    queue: libc::c_int,
    kind: libc::c_int,
    class: libc::c_int,
    subclass: libc::c_int,
    card: libc::c_int,
    device: libc::c_int,
    subdevice: libc::c_int,
    resolution: libc::c_uint,
    reserved: [u8; 64],
}

const TIMER_CLASS_PCM: libc::c_int = 3;
/// `SNDRV_SEQ_IOCTL_SET_QUEUE_TIMER`, `_IOW('S', 0x46, struct snd_seq_queue_timer)`.
const SET_QUEUE_TIMER: u64 = (1 << 30) | ((size_of::<QueueTimer>() as u64) << 16) | ((b'S' as u64) << 8) | 0x46;

/// Gives a queue, before it is started, the timer of the first card's first PCM stream, which ticks only while that plays.
/// `sequencer` is the file of a client of the sequencer.
pub fn use_pcm_timer(sequencer: i32, queue: i32) -> io::Result<()> {
    let timer = QueueTimer {
        queue,
        kind: 0,
        class: TIMER_CLASS_PCM,
        subclass: 0,
        card: 0,
        device: 0,
        subdevice: 0,
        resolution: 0,
        reserved: [0; 64],
    };
    // SAFETY: the request reads a structure of this layout and size, which it is given.
    let status = unsafe { libc::ioctl(sequencer, SET_QUEUE_TIMER as _, &raw const timer) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// How far `CLOCK_BOOTTIME` is ahead of `CLOCK_MONOTONIC`: how long the machine has been suspended, in nanoseconds.
pub fn suspended_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut now) };
    let boot_ns = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
    boot_ns.saturating_sub(now_ns())
}

/// Sets the wall clock forward, or back, by so many seconds.
pub fn shift_wall_clock(by_s: i64) -> io::Result<()> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a valid timespec for the call to fill.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now.tv_sec += by_s as libc::time_t;
    // SAFETY: `now` is a valid timespec that is only read.
    let status = unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &now) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// `CLOCK_MONOTONIC` and `CLOCK_MONOTONIC_RAW`, which nobody slews, at one time, in nanoseconds.
pub fn slewed_and_raw_ns() -> (u64, u64) {
    let read = || {
        let before_ns = now_ns();
        let mut raw = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `raw` is a valid timespec for the call to fill.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_RAW, &mut raw) };
        let raw_ns = raw.tv_sec as u64 * 1_000_000_000 + raw.tv_nsec as u64;
        let took_ns = now_ns() - before_ns;
        (took_ns, (before_ns + took_ns / 2, raw_ns))
    };
    // Of some readings the one that was disturbed least.
    let (_, clocks) = [(); 9].map(|()| read()).into_iter().min().unwrap_or_else(read);
    clocks
}

/// How many microseconds the system's clocks go on with each of its hundred ticks a second, when nobody slews them.
const TICK_US: i64 = 10_000;

/// Slews the system's clocks, which run faster from now on by so many per cent, or slower.
pub fn slew(per_cent: i64) -> io::Result<()> {
    // SAFETY: all zeros is a valid `timex`.
    let mut change: libc::timex = unsafe { std::mem::zeroed() };
    change.modes = libc::ADJ_TICK;
    change.tick = TICK_US + TICK_US * per_cent / 100;
    // SAFETY: `change` is valid for the call to read and to fill.
    let status = unsafe { libc::adjtimex(&mut change) };
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A limit of the system's on what a process may have.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// The highest real-time priority.
    Priority,
    /// Bytes of locked memory.
    Locked,
}

/// Sets a limit of this process, which what it starts inherits; `None`: as much as it likes.
pub fn limit(what: Limit, most: Option<u64>) -> io::Result<()> {
    let resource = match what {
        Limit::Priority => libc::RLIMIT_RTPRIO,
        Limit::Locked => libc::RLIMIT_MEMLOCK,
    };
    let most = most.unwrap_or(libc::RLIM_INFINITY);
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `limit` is valid and only read.
    let status = unsafe { libc::setrlimit(resource, &limit) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes a terminal away from all who have it open, as a connection that is lost does.
pub fn hang_up(terminal: &File) -> io::Result<()> {
    // SAFETY: the file is open, and the request takes no argument.
    let status = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCVHANGUP) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets what is started lead a session of its own, whose terminal is its standard input: otherwise it would be in the
/// background there, and not draw.
pub fn lead_a_session(command: &mut Command) {
    let lead = || {
        // SAFETY: takes nothing.
        if unsafe { libc::setsid() } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: standard input is open in the child, and the argument is a plain number.
        let status = unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
        if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    };
    // SAFETY: between fork and exec the closure makes two system calls, and allocates nothing.
    unsafe { command.pre_exec(lead) };
}

/// Sends a signal to a process.
pub fn signal(pid: u32, number: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let status = unsafe { libc::kill(pid as libc::pid_t, number) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The same for a process group, by its leader.
pub fn signal_group(pid: u32, number: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let status = unsafe { libc::kill(-(pid as libc::pid_t), number) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether a terminal takes lines and shows what is typed.
pub fn is_cooked(terminal: &File) -> bool {
    // SAFETY: all zeros is a valid `termios`.
    let mut modes: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the file is open, and `modes` is a valid place for the answer.
    let status = unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut modes) };
    let wanted = libc::ICANON | libc::ECHO | libc::ISIG;
    status == 0 && modes.c_lflag & wanted == wanted && modes.c_oflag & libc::OPOST != 0
}

/// A terminal of so many columns and rows: the end of whoever looks at it, and that of the program.
pub fn terminal(columns: u16, rows: u16) -> io::Result<(File, OwnedFd)> {
    let (mut looks, mut runs) = (0, 0);
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: both places are valid for the answer; no name and no settings are asked for; the size is only read.
    let status = unsafe { libc::openpty(&mut looks, &mut runs, std::ptr::null_mut(), std::ptr::null(), &size) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were opened by the call, and belong to nobody else.
    Ok(unsafe { (File::from_raw_fd(looks), OwnedFd::from_raw_fd(runs)) })
}
