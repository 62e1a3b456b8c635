//! The system calls that Rust's standard library does not have. With `guardian::sys` and `io::sys` the only `unsafe` code of the
//! program: what no safe crate has.

#![allow(unsafe_code)]

use std::io;

#[cfg(unix)]
mod imp {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{Resource, getrlimit};
    #[cfg(target_os = "linux")]
    use rustix::thread::{CpuSet, sched_setaffinity};

    use super::io;

    fn set_policy(policy: libc::c_int, priority: u8) -> io::Result<()> {
        // SAFETY: `sched_param` is plain integers, for which all zeros is a valid value.
        let mut param: libc::sched_param = unsafe { std::mem::zeroed() };
        param.sched_priority = libc::c_int::from(priority);
        // SAFETY: the thread is the calling one and lives; `param` is a valid parameter that is only read.
        let code = unsafe { libc::pthread_setschedparam(libc::pthread_self(), policy, &param) };
        if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
    }

    pub(crate) fn set_fifo(priority: u8) -> io::Result<()> {
        set_policy(libc::SCHED_FIFO, priority)
    }

    pub(crate) fn set_round_robin(priority: u8) -> io::Result<()> {
        set_policy(libc::SCHED_RR, priority)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn bind_to_cpu(cpu: usize) -> io::Result<()> {
        if cpu >= CpuSet::MAX_CPU {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no such CPU"));
        }
        let mut set = CpuSet::new();
        set.set(cpu);
        Ok(sched_setaffinity(None, &set)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub fn bind_to_cpu(_: usize) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not bind threads to CPUs"))
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub(crate) fn share_heap() {
        // SAFETY: takes no pointers; it only tells the allocator how many heaps to make from now on.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub fn share_heap() {}

    pub(crate) fn lock_present_memory() -> io::Result<()> {
        Ok(mlockall(MlockAllFlags::CURRENT)?)
    }

    pub(crate) fn lock_future_memory() -> io::Result<()> {
        Ok(mlockall(MlockAllFlags::FUTURE)?)
    }

    pub(crate) fn memlock_limit() -> Option<u64> {
        if has_capability(CAP_IPC_LOCK) { None } else { getrlimit(Resource::Memlock).current }
    }

    /// Numbers of `linux/capability.h`.
    const CAP_IPC_LOCK: u32 = 14;
    const CAP_SYS_NICE: u32 = 23;

    /// Returns whether the process has a capability; where there are none, root has it.
    fn has_capability(number: u32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        match effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()) {
            Some(mask) => mask >> number & 1 == 1,
            None => is_root(),
        }
    }

    pub(crate) fn may_schedule() -> bool {
        has_capability(CAP_SYS_NICE)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn rttime_limit() -> Option<u64> {
        getrlimit(Resource::Rttime).current
    }

    #[cfg(not(target_os = "linux"))]
    pub fn rttime_limit() -> Option<u64> {
        None
    }

    pub(crate) fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }
}

#[cfg(not(unix))]
mod imp {
    use super::io;

    fn unsupported() -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, "not available on this system")
    }

    pub fn set_fifo(_: u8) -> io::Result<()> {
        Err(unsupported())
    }

    pub fn set_round_robin(_: u8) -> io::Result<()> {
        Err(unsupported())
    }

    pub fn bind_to_cpu(_: usize) -> io::Result<()> {
        Err(unsupported())
    }

    pub fn share_heap() {}

    pub fn lock_present_memory() -> io::Result<()> {
        Err(unsupported())
    }

    pub fn lock_future_memory() -> io::Result<()> {
        Err(unsupported())
    }

    pub fn memlock_limit() -> Option<u64> {
        None
    }

    pub fn rttime_limit() -> Option<u64> {
        None
    }

    pub fn may_schedule() -> bool {
        false
    }

    pub fn is_root() -> bool {
        false
    }
}

/// Puts the calling thread into SCHED_FIFO at `priority`.
pub(super) fn set_fifo(priority: u8) -> io::Result<()> {
    imp::set_fifo(priority)
}

/// Puts the calling thread into SCHED_RR at `priority`.
pub(super) fn set_round_robin(priority: u8) -> io::Result<()> {
    imp::set_round_robin(priority)
}

/// Binds the calling thread to one CPU.
pub(super) fn bind_to_cpu(cpu: usize) -> io::Result<()> {
    imp::bind_to_cpu(cpu)
}

/// Lets all threads from now on allocate from one heap.
pub(super) fn share_heap() {
    imp::share_heap();
}

/// Locks the memory that the process has now.
pub(super) fn lock_present_memory() -> io::Result<()> {
    imp::lock_present_memory()
}

/// Locks the memory that the process will have.
pub(super) fn lock_future_memory() -> io::Result<()> {
    imp::lock_future_memory()
}

/// Returns how much memory the process may lock, in bytes; `None`: as much as it likes.
pub(super) fn memlock_limit() -> Option<u64> {
    imp::memlock_limit()
}

/// RLIMIT_RTTIME in microseconds; `None`: there is no such limit.
pub(super) fn rttime_limit() -> Option<u64> {
    imp::rttime_limit()
}

/// Returns whether the process may choose any scheduling class.
pub(super) fn may_schedule() -> bool {
    imp::may_schedule()
}

/// Returns whether the process is root's.
pub(super) fn is_root() -> bool {
    imp::is_root()
}
