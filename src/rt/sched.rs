//! Asking the system for what a real-time thread needs, and saying what was granted.
//!
//! A refusal is data, not an error: the show plays on without, and the performer reads in one line what is missing, why,
//! and how to get it. Nothing here runs while the music plays.

use std::fmt;

use super::sys;

/// Which scheduling class to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(serde::Deserialize, clap::ValueEnum))]
#[cfg_attr(feature = "cli", serde(rename_all = "lowercase"))]
pub enum Policy {
    /// SCHED_FIFO: runs until it waits; nothing of lower priority can interrupt it.
    #[default]
    Fifo,
    /// SCHED_RR: as FIFO, but takes turns with others of the same priority.
    Rr,
    /// The ordinary class: for machines that must not be tuned.
    Other,
}

impl Policy {
    fn name(self) -> &'static str {
        match self {
            Policy::Fifo => "SCHED_FIFO",
            Policy::Rr => "SCHED_RR",
            Policy::Other => "SCHED_OTHER",
        }
    }
}

/// What one thread asked for and got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadGrant {
    policy: Policy,
    priority: u8,
    refused: Option<String>,
    cpu: Option<CpuGrant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct CpuGrant {
    cpu: usize,
    refused: Option<String>,
}

/// How much later than asked the kernel may wake a thread of the ordinary class, in nanoseconds, so that several wake at once: its
/// own default, and as little as can be said.
const TIMER_SLACK_NS: u64 = 50_000;
const NO_TIMER_SLACK_NS: u64 = 1;

/// Gives up the timer slack that the process has inherited: whoever started it may have been content to be woken late. To be
/// called before there are threads, which inherit it too.
pub fn reset_timer_slack() {
    set_timer_slack(TIMER_SLACK_NS);
}

fn set_timer_slack(nanos: u64) {
    // Where there is none, or it cannot be set, the thread wakes as the system likes.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(nanos));
    #[cfg(not(target_os = "linux"))]
    let _ = nanos;
}

/// Asks for `policy` at `priority` (1 to 99) for the calling thread, and binds it to `cpu` if one is named. Whatever is granted,
/// it is woken no later than need be.
#[must_use]
pub fn promote(policy: Policy, priority: u8, cpu: Option<usize>) -> ThreadGrant {
    set_timer_slack(NO_TIMER_SLACK_NS);
    let outcome = match policy {
        Policy::Fifo => sys::set_fifo(priority),
        Policy::Rr => sys::set_round_robin(priority),
        Policy::Other => Ok(()),
    };
    let cpu = cpu.map(|cpu| CpuGrant { cpu, refused: sys::bind_to_cpu(cpu).err().map(|error| error.to_string()) });
    ThreadGrant { policy, priority, refused: outcome.err().map(|error| why_refused(&error)), cpu }
}

/// The reason for a refusal, and what mends it.
fn why_refused(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        // Whoever may do this is refused only by a control group without a real-time share.
        if sys::may_schedule() {
            return "refused by the control group, which has no real-time share (its cpu.rt_runtime_us is 0); \
                    start it outside the group"
                .into();
        }
        if sys::is_root() {
            return "refused: this root lacks the capability CAP_SYS_NICE; in a container, add it".into();
        }
        return "not permitted; to get it, put the line `@audio - rtprio 95` into \
                /etc/security/limits.d/audio.conf, join the group audio and log in again"
            .into();
    }
    error.to_string()
}

impl fmt::Display for ThreadGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.refused, self.policy) {
            (None, Policy::Other) => write!(f, "SCHED_OTHER, as asked")?,
            (None, policy) => write!(f, "{} {}", policy.name(), self.priority)?,
            (Some(why), policy) => write!(f, "no {} {} ({why})", policy.name(), self.priority)?,
        }
        match &self.cpu {
            Some(CpuGrant { cpu, refused: None }) => write!(f, ", on CPU {cpu}"),
            Some(CpuGrant { cpu, refused: Some(why) }) => write!(f, ", not bound to CPU {cpu} ({why})"),
            None => Ok(()),
        }
    }
}

impl ThreadGrant {
    /// Returns whether the scheduling class that was asked for was granted.
    #[must_use]
    pub fn is_granted(&self) -> bool {
        self.refused.is_none()
    }
}

/// Whether the process's memory stays in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryGrant {
    /// It was not asked to.
    NotAsked,
    /// Everything there is and will be.
    Locked,
    /// What there was at start; the limit leaves no room to promise more.
    LockedAtStart,
    /// Nothing, and why.
    Refused(String),
}

/// Holds the processors awake as long as it is kept, by `/dev/cpu_dma_latency`.
#[derive(Debug)]
pub struct Awake {
    _held: std::fs::File,
}

/// How long waking up from an idle state may take, in microseconds: long enough for a processor to rest between pulses, short
/// against what is spun before a deadline.
const WAKE_UP_US: i32 = 10;

/// Asks the kernel to keep the processors out of idle states that take long to leave; `None` where it cannot be asked.
#[must_use]
pub fn stay_awake() -> Option<Awake> {
    let mut file = std::fs::OpenOptions::new().write(true).open("/dev/cpu_dma_latency").ok()?;
    std::io::Write::write_all(&mut file, &WAKE_UP_US.to_ne_bytes()).ok()?;
    Some(Awake { _held: file })
}

/// Lets all threads allocate from one heap: glibc would give each a heap of its own with 64 MiB of addresses, and addresses
/// count against the limit of locked memory, whether or not anything is there. The real-time thread does not allocate, so
/// nothing that matters waits for the others. Called once, before there are threads.
pub fn share_heap() {
    sys::share_heap();
}

/// Locks the process's memory. Called once, when what the show needs has been allocated and few threads have stacks.
#[must_use]
pub fn lock_memory() -> MemoryGrant {
    match sys::lock_present_memory() {
        Err(error) => {
            let limit = sys::memlock_limit().map_or(String::new(), |limit| format!(" of {} KiB", limit / 1024));
            MemoryGrant::Refused(format!(
                "{error}: the limit{limit} is too small; put `@audio - memlock unlimited` into \
                 /etc/security/limits.d/audio.conf"
            ))
        }
        // A limited process that locked its future as well would die of the first allocation beyond the limit.
        Ok(()) if sys::memlock_limit().is_some() => MemoryGrant::LockedAtStart,
        Ok(()) => match sys::lock_future_memory() {
            Ok(()) => MemoryGrant::Locked,
            Err(_) => MemoryGrant::LockedAtStart,
        },
    }
}

impl fmt::Display for MemoryGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryGrant::NotAsked => write!(f, "memory not locked, as asked"),
            MemoryGrant::Locked => write!(f, "memory locked"),
            MemoryGrant::LockedAtStart => write!(f, "memory locked as it was at start"),
            MemoryGrant::Refused(why) => write!(f, "memory not locked ({why})"),
        }
    }
}

/// What the real-time side was granted, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The real-time thread.
    pub thread: ThreadGrant,
    /// The MIDI input threads.
    pub input: ThreadGrant,
    /// The whole process.
    pub memory: MemoryGrant,
    /// RLIMIT_RTTIME, in microseconds, if it is set: past it without waiting, the kernel kills the process.
    pub rttime_limit: Option<u64>,
}

impl fmt::Display for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "real-time: {}; {}", self.thread, self.memory)?;
        // What both were refused is said once.
        if self.thread.is_granted() && !self.input.is_granted() {
            write!(f, "; input threads: {}", self.input)?;
        }
        if let Some(micros) = self.rttime_limit {
            write!(f, "; RLIMIT_RTTIME is {micros} us, so use wait = \"hybrid\" or \"sleep\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_and_how_to_mend_it() {
        let refused = why_refused(&std::io::Error::other("no such class"));
        let grant = ThreadGrant {
            policy: Policy::Fifo,
            priority: 80,
            refused: Some(refused),
            cpu: Some(CpuGrant { cpu: 3, refused: None }),
        };
        assert_eq!(grant.to_string(), "no SCHED_FIFO 80 (no such class), on CPU 3");
        assert!(!grant.is_granted());
    }

    #[test]
    fn the_ordinary_class_is_always_granted() {
        let grant = promote(Policy::Other, 80, None);
        assert!(grant.is_granted());
        let granted =
            Granted { thread: grant.clone(), input: grant, memory: MemoryGrant::NotAsked, rttime_limit: Some(200_000) };
        assert_eq!(
            granted.to_string(),
            "real-time: SCHED_OTHER, as asked; memory not locked, as asked; RLIMIT_RTTIME is 200000 us, \
             so use wait = \"hybrid\" or \"sleep\""
        );
    }

    #[test]
    fn a_thread_can_be_bound_to_a_cpu_that_exists_and_to_no_other() {
        std::thread::spawn(|| {
            let grant = promote(Policy::Other, 1, Some(1_000_000));
            assert!(grant.to_string().contains("not bound to CPU 1000000"), "{grant}");
        })
        .join()
        .unwrap();
    }
}
