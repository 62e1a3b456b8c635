//! The system calls behind the sequencer's room, which ALSA's library offers only to who has opened it.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::os::fd::RawFd;

/// The sequencer's device.
const SEQUENCER: &str = "/dev/snd/seq";

/// `struct snd_seq_client_pool` of `include/uapi/sound/asequencer.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Pool {
    client: libc::c_int,
    output_pool: libc::c_int,
    input_pool: libc::c_int,
    output_room: libc::c_int,
    output_free: libc::c_int,
    input_free: libc::c_int,
    reserved: [u8; 64],
}

/// `SNDRV_SEQ_IOCTL_GET_CLIENT_POOL` and `SNDRV_SEQ_IOCTL_SET_CLIENT_POOL`.
const GET: libc::Ioctl = rustix::ioctl::opcode::read_write::<Pool>(b'S', 0x4b) as libc::Ioctl;
const SET: libc::Ioctl = rustix::ioctl::opcode::write::<Pool>(b'S', 0x4c) as libc::Ioctl;
/// `SNDRV_SEQ_IOCTL_CLIENT_ID`.
const CLIENT_ID: libc::Ioctl = rustix::ioctl::opcode::read::<libc::c_int>(b'S', 1) as libc::Ioctl;

/// The files by which this process has opened the sequencer.
pub fn sequencers() -> BTreeSet<RawFd> {
    let files = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let is_sequencer =
        |entry: &std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|file| file.as_os_str() == SEQUENCER);
    files.filter(is_sequencer).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Lets the kernel hold so many events for who reads from `file`. Whether it does.
pub fn set_input_pool(file: RawFd, events: i32) -> bool {
    let mut client: libc::c_int = -1;
    // SAFETY: the request writes one integer, for which there is room. A file that is no sequencer, or closed by now, refuses it.
    if unsafe { libc::ioctl(file, CLIENT_ID, &raw mut client) } != 0 {
        return false;
    }
    let mut pool = Pool {
        client,
        output_pool: 0,
        input_pool: 0,
        output_room: 0,
        output_free: 0,
        input_free: 0,
        reserved: [0; 64],
    };
    // SAFETY: the request reads and writes one `Pool`, which has the kernel's form.
    if unsafe { libc::ioctl(file, GET, &raw mut pool) } != 0 {
        return false;
    }
    // The pool for what is sent is left alone where its size is given as zero.
    let wanted = Pool { output_pool: 0, input_pool: events, ..pool };
    // SAFETY: the request reads one `Pool`, which has the kernel's form. Another size of the pool changes nothing else.
    if unsafe { libc::ioctl(file, SET, &raw const wanted) } != 0 {
        return false;
    }
    // A size beyond its most the kernel passes over without a word.
    // SAFETY: as above.
    let asked = unsafe { libc::ioctl(file, GET, &raw mut pool) };
    asked == 0 && pool.input_pool >= events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_the_kernels_and_nothing_else_answers_them() {
        assert_eq!((GET, SET, CLIENT_ID), (0xc058_534b, 0x4058_534c, 0x8004_5301));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!set_input_pool(std::os::fd::AsRawFd::as_raw_fd(&file), 300) && !set_input_pool(-1, 300));
    }
}
