//! The system calls behind the guardian that no safe library has: memory that two processes share, and what has to be said in
//! the handler of a crash. Beside `rt::sys` and `io::sys` the only `unsafe` code of the program.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::io;
#[cfg(target_os = "linux")]
use std::marker::PhantomData;
#[cfg(target_os = "linux")]
use std::mem::{self, MaybeUninit};
use std::ops::Deref;
#[cfg(target_os = "linux")]
use std::os::fd::AsFd;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::ptr::NonNull;
#[cfg(target_os = "linux")]
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
#[cfg(target_os = "linux")]
use std::thread;

use super::protocol::{Attention, CRASH};
use crate::link::NoteTable;

/// What both processes see: the table of what sounds, a lock that its writer holds as long as it lives, and what the guardian
/// lets be seen of itself.
#[repr(C)]
struct Shared {
    sounding: NoteTable,
    attention: Attention,
    lock: UnsafeCell<libc::pthread_mutex_t>,
}

/// A table of what sounds, in memory that another process may see too.
///
/// Its writer holds a robust lock in there. The kernel breaks that lock in the moment in which the thread dies; a pipe breaks
/// only when the last thread of the process has died, and on a machine under load each of those that are no real-time
/// threads has to wait for its turn to die.
#[derive(Debug)]
pub(crate) struct Mapped {
    shared: NonNull<Shared>,
}

// SAFETY: a `NoteTable` is atomics only, and a process-shared lock may be used by any thread; the memory stays mapped until
// this is dropped.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Deref for Mapped {
    type Target = NoteTable;

    fn deref(&self) -> &NoteTable {
        &self.shared().sounding
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `map` made, of this size, and no reference into it outlives `self`.
        let _ = unsafe { rustix::mm::munmap(self.shared.as_ptr().cast(), size_of::<Shared>()) };
    }
}

impl Mapped {
    fn shared(&self) -> &Shared {
        // SAFETY: `map` has made sure that this points to a mapping large enough and aligned to a page; it is unmapped only when
        // `self` is gone. All bytes are valid for what lies there, and both processes change them by atomic operations and by
        // calls upon the lock alone.
        unsafe { self.shared.as_ref() }
    }

    /// Returns what the guardian lets be seen of itself.
    pub(crate) fn attention(&self) -> &Attention {
        &self.shared().attention
    }

    #[cfg(target_os = "linux")]
    fn lock(&self) -> *mut libc::pthread_mutex_t {
        self.shared().lock.get()
    }

    /// Holds the lock for the calling thread, if nobody else does. Real-time safe: it never waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn hold(self: &Arc<Self>) -> Option<Held> {
        // SAFETY: `create_table` has made the lock, and what is returned keeps it mapped while it is held.
        let outcome = unsafe { libc::pthread_mutex_trylock(self.lock()) };
        if outcome == libc::EOWNERDEAD {
            self.mend();
        }
        let is_held = outcome == 0 || outcome == libc::EOWNERDEAD;
        is_held.then(|| Held { table: Arc::clone(self), _thread: PhantomData })
    }

    /// Waits until the writer has released the lock or has died; whether it has died.
    #[cfg(target_os = "linux")]
    pub(crate) fn await_death(&self) -> bool {
        // SAFETY: `create_table` has made the lock, in the process that shares this memory. It stays mapped while it is held:
        // it is released below.
        let outcome = unsafe { libc::pthread_mutex_lock(self.lock()) };
        if outcome == libc::EOWNERDEAD {
            self.mend();
        }
        if outcome == 0 || outcome == libc::EOWNERDEAD {
            self.unlock();
        }
        outcome == libc::EOWNERDEAD
    }

    /// Makes the lock usable again, which the calling thread has taken from a dead one.
    #[cfg(target_os = "linux")]
    fn mend(&self) {
        // SAFETY: the lock is one; one that is not inconsistent refuses.
        unsafe { libc::pthread_mutex_consistent(self.lock()) };
    }

    #[cfg(target_os = "linux")]
    fn unlock(&self) {
        // SAFETY: the lock is one; a robust one that the thread does not hold refuses.
        unsafe { libc::pthread_mutex_unlock(self.lock()) };
    }
}

/// The lock of a [`Mapped`] that the thread holds which has this. Dropped, it is released; where the thread dies with it, or panics,
/// it is not, and who waits for that learns of it.
///
/// It stays with its thread, and keeps the memory mapped even where it is forgotten: the kernel and the C library look there.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub struct Held {
    table: Arc<Mapped>,
    _thread: PhantomData<*const ()>,
}

#[cfg(target_os = "linux")]
impl Drop for Held {
    fn drop(&mut self) {
        if thread::panicking() {
            mem::forget(Arc::clone(&self.table));
        } else {
            self.table.unlock();
        }
    }
}

fn map(file: BorrowedFd<'_>) -> io::Result<Mapped> {
    // Memory beyond the end of a file kills who touches it.
    if rustix::fs::fstat(file)?.st_size != size_of::<Shared>() as i64 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no table of what sounds"));
    }
    let prot = rustix::mm::ProtFlags::READ | rustix::mm::ProtFlags::WRITE;
    let flags = rustix::mm::MapFlags::SHARED;
    // SAFETY: the system chooses the place, so no memory that is in use is replaced.
    let place = unsafe { rustix::mm::mmap(std::ptr::null_mut(), size_of::<Shared>(), prot, flags, file, 0) }?;
    NonNull::new(place.cast()).map(|shared| Mapped { shared }).ok_or_else(|| io::Error::other("mapped at zero"))
}

/// A new table, and the file by which another process can map it.
///
/// # Errors
///
/// Where the system has no such files.
#[cfg(target_os = "linux")]
pub(crate) fn create_table() -> io::Result<(Mapped, OwnedFd)> {
    use rustix::fs::{MemfdFlags, SealFlags};
    let file = rustix::fs::memfd_create("tightrope-sounding", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    rustix::fs::ftruncate(&file, size_of::<Shared>() as u64)?;
    // Nobody can take the memory from under the other.
    rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    let table = map(file.as_fd())?;
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: `attributes` is made before it is used, and the lock lies in zeroed memory that nobody else sees yet.
    let outcome = unsafe {
        libc::pthread_mutexattr_init(attributes.as_mut_ptr())
            | libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED)
            | libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST)
            | libc::pthread_mutex_init(table.lock(), attributes.as_ptr())
            | libc::pthread_mutexattr_destroy(attributes.as_mut_ptr())
    };
    if outcome == 0 { Ok((table, file)) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// Other systems have none without a name, which would have to be removed by somebody who is alive.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn create_table() -> io::Result<(Mapped, OwnedFd)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The table that another process has made.
///
/// # Errors
///
/// When the file is none, or when whoever has it could take the memory away: who touches that is killed.
pub(crate) fn open_table(file: BorrowedFd<'_>) -> io::Result<Mapped> {
    #[cfg(target_os = "linux")]
    {
        let wanted = rustix::fs::SealFlags::SHRINK | rustix::fs::SealFlags::SEAL;
        if !rustix::fs::fcntl_get_seals(file)?.contains(wanted) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "this table could be made smaller"));
        }
    }
    map(file)
}

/// From now on `signals` do nothing to this process. Numbers that there are not, and what cannot be ignored, are passed over.
pub(crate) fn ignore(signals: impl IntoIterator<Item = libc::c_int>) {
    for signal in signals {
        // SAFETY: ignoring a signal installs no code.
        let before = unsafe { libc::signal(signal, libc::SIG_IGN) };
        if before == libc::SIG_ERR {
            ignore_reserved(signal);
        }
    }
}

/// Two signals the C library keeps for itself, and lets nobody ignore. One that it has not needed yet would end the process.
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
fn ignore_reserved(signal: libc::c_int) {
    /// `struct sigaction` as the kernel of these machines has it: the handler first, and the rest no larger than this.
    type Action = [usize; 4];
    const MASK_BYTES: usize = 8;
    let (mut action, mut before): (Action, Action) = ([libc::SIG_IGN, 0, 0, 0], [0; 4]);
    let nothing = std::ptr::null_mut::<Action>();
    // SAFETY: `before` is a valid place for the answer, and nothing is set.
    let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, nothing, &mut before, MASK_BYTES) };
    if asked == 0 && before[0] == libc::SIG_DFL {
        // SAFETY: `action` is valid and only read, and ignoring a signal installs no code. The C library has no handler there.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &mut action, nothing, MASK_BYTES) };
    }
}

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
)))]
fn ignore_reserved(_: libc::c_int) {}

/// Closes every descriptor but the first three. Only for a process that has opened nothing yet.
pub(crate) fn close_inherited() {
    #[cfg(target_os = "linux")]
    // SAFETY: takes no pointers. The process has just begun, so no part of it owns a descriptor beyond the first three.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3 as libc::c_uint, libc::c_uint::MAX, 0 as libc::c_uint);
    }
}

/// Keeps in memory what has been touched; where the system refuses that, nothing is different.
pub(crate) fn lock_touched_memory() {
    #[cfg(target_os = "linux")]
    {
        // Not everything that is mapped: that would be many times as much. Nor what comes: a limited process would fail by that.
        let touched = rustix::mm::MlockAllFlags::CURRENT | rustix::mm::MlockAllFlags::ONFAULT;
        let _ = rustix::mm::mlockall(touched);
    }
}

/// What a crash is: the signals after which the kernel may write a core dump, which takes its time, and closes the pipe only
/// after that.
const CRASHES: [libc::c_int; 7] =
    [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGSYS, libc::SIGTRAP];

/// Where a crash is announced; negative while it is not. Written by the control thread.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Announces a crash of this process by writing to `pipe`, or no longer. Whoever closes the descriptor ends this first.
pub(crate) fn announce_crashes(pipe: Option<BorrowedFd<'_>>) {
    let pipe: Option<RawFd> = pipe.map(|pipe| pipe.as_raw_fd());
    if PIPE.swap(pipe.unwrap_or(-1), Relaxed) < 0 && pipe.is_some() {
        CRASHES.into_iter().for_each(handle_crash);
    }
}

fn handle_crash(signal: libc::c_int) {
    // SAFETY: all zeros is a valid `sigaction`, and this one is then filled in as the system wants it.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_crash as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    // The stack may be what is broken; and once: the next signal of this kind does what it does by itself.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    // SAFETY: as above.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: `action` is valid and only read, `before` a valid place; the handler does only what a handler may.
    unsafe { libc::sigaction(signal, &action, &mut before) };
    if signal == libc::SIGSEGV {
        // Of a second time, this would be the handler itself.
        let _ = BEFORE.set(before);
    }
}

/// What was done about a bad access before: Rust's own handler, which knows a stack that is full.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Says that this is a crash, and lets it happen. Async-signal-safe: atomic loads and system calls.
extern "C" fn on_crash(signal: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let pipe = PIPE.load(Relaxed);
    if pipe >= 0 {
        // SAFETY: `CRASH` is valid for its length. Whether the descriptor is still the pipe does not matter to memory.
        let _ = unsafe { libc::write(pipe, CRASH.as_ptr().cast(), CRASH.len()) };
    }
    // SAFETY: the system gives the handler a valid `info`.
    let is_fault = !info.is_null() && unsafe { (*info).si_code } > 0;
    if signal == libc::SIGSEGV
        && is_fault
        && let Some(before) = BEFORE.get()
    {
        // SAFETY: `before` is what the system gave. The instruction is tried again, and fails into that handler.
        unsafe { libc::sigaction(signal, before, std::ptr::null_mut()) };
        return;
    }
    // SAFETY: takes no pointers. The signal waits until this handler is left, and then ends the process.
    unsafe { libc::raise(signal) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::engine::program::PortSlot;
    use crate::midi::{Channel, Key, Message, Velocity};
    use std::thread;

    #[test]
    fn what_one_map_notes_the_other_sees() {
        let (writer, file) = create_table().unwrap();
        let reader = open_table(file.as_fd()).unwrap();
        assert_ne!(writer.shared, reader.shared);
        let (port, channel, key) = (PortSlot(15), Channel::from_status(15), Key::from_data(127));
        writer.note_begin(port, Message::NoteOn(channel, key, Velocity::MAX));
        writer.note_playing(port, true);
        assert!(reader.sounds(port, channel, key) && reader.plays(port) && reader.count() == 1);
        drop(writer);
        assert_eq!(reader.count(), 1, "it outlives who wrote it");
    }

    #[test]
    fn what_the_guardian_has_heard_the_show_sees() {
        let (show, file) = create_table().unwrap();
        let guardian = open_table(file.as_fd()).unwrap();
        guardian.attention().note_heard(7);
        guardian.attention().note_look();
        assert_eq!((show.attention().heard(), show.attention().looked(), show.count()), (7, 1, 0));
        show.attention().reset();
        assert_eq!((guardian.attention().heard(), guardian.attention().looked()), (0, 0));
    }

    #[test]
    fn another_file_is_no_table() {
        let file = rustix::fs::memfd_create("other", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        assert!(open_table(file.as_fd()).is_err());
        assert!(open_table(std::fs::File::open("/dev/null").unwrap().as_fd()).is_err());
        // Of the right size, but its owner could cut it off.
        let flags = rustix::fs::MemfdFlags::CLOEXEC | rustix::fs::MemfdFlags::ALLOW_SEALING;
        let file = rustix::fs::memfd_create("other", flags).unwrap();
        rustix::fs::ftruncate(&file, size_of::<Shared>() as u64).unwrap();
        assert!(open_table(file.as_fd()).is_err());
        rustix::fs::fcntl_add_seals(&file, rustix::fs::SealFlags::SHRINK | rustix::fs::SealFlags::SEAL).unwrap();
        assert!(open_table(file.as_fd()).is_ok());
    }

    #[test]
    fn a_death_is_told_from_an_end() {
        let ends: [(fn(Held), bool); 3] = [
            (drop, false),
            (mem::forget, true),
            // Without the hook's lines in the test's output.
            (|_held| std::panic::resume_unwind(Box::new(())), true),
        ];
        for (end, dies) in ends {
            let (writer, file) = create_table().unwrap();
            let (writer, reader) = (Arc::new(writer), open_table(file.as_fd()).unwrap());
            let kept = Arc::downgrade(&writer);
            let hold = move || end(writer.hold().expect("nobody else holds it"));
            // One of them panics.
            let _ = thread::spawn(hold).join();
            assert_eq!(kept.upgrade().is_some(), dies, "what a dead thread holds stays mapped");
            assert_eq!(reader.await_death(), dies);
        }
    }

    #[test]
    fn one_thread_holds_it() {
        let (table, _file) = create_table().unwrap();
        let table = Arc::new(table);
        let held = table.hold();
        let elsewhere = || thread::scope(|scope| scope.spawn(|| table.hold().is_some()).join()).unwrap();
        assert!(held.is_some() && !elsewhere());
        drop(held);
        assert!(elsewhere());
    }
}
