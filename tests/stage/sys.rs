//! The calls to the system that the standard library lacks: the clock, an absolute sleep, the scheduling class.
//!
//! All `unsafe` of the probe's own is here, but for one line in `sequencer.rs`.

#![allow(unsafe_code)]

use std::io;

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

/// Sends a signal to a process.
pub fn signal(pid: u32, number: i32) -> io::Result<()> {
    // SAFETY: takes no pointers.
    let status = unsafe { libc::kill(pid as libc::pid_t, number) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
