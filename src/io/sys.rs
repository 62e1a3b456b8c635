//! The system calls that ALSA's library does not offer, or only to who has opened a client. The only `unsafe` code that speaks with
//! the sequencer; its requests and their forms are those of `include/uapi/sound/asequencer.h`.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::os::fd::RawFd;

/// The sequencer's device.
pub(crate) const SEQUENCER: &str = "/dev/snd/seq";

/// `SNDRV_SEQ_IOCTL_CLIENT_ID`: the number of the client of an open sequencer.
const CLIENT_ID: libc::Ioctl = rustix::ioctl::opcode::read::<libc::c_int>(b'S', 1) as libc::Ioctl;

/// `struct snd_seq_client_pool`.
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
const GET_POOL: libc::Ioctl = rustix::ioctl::opcode::read_write::<Pool>(b'S', 0x4b) as libc::Ioctl;
const SET_POOL: libc::Ioctl = rustix::ioctl::opcode::write::<Pool>(b'S', 0x4c) as libc::Ioctl;

/// The files by which this process has opened the sequencer.
pub(crate) fn sequencers() -> BTreeSet<RawFd> {
    let files = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let is_sequencer =
        |entry: &std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|file| file.as_os_str() == SEQUENCER);
    files.filter(is_sequencer).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The numbers of those of the sequencer's clients that this process has. Others may have clients of the same names.
pub(crate) fn own_clients() -> BTreeSet<u8> {
    sequencers().into_iter().filter_map(client_of).collect()
}

fn client_of(file: RawFd) -> Option<u8> {
    let mut client: libc::c_int = -1;
    // SAFETY: the request writes one integer, for which there is room. A file that another thread has closed meanwhile, and
    // whatever is open under its number by now, refuses it: the request is the sequencer's alone, and changes nothing.
    let outcome = unsafe { libc::ioctl(file, CLIENT_ID, &raw mut client) };
    u8::try_from(client).ok().filter(|_| outcome == 0)
}

/// Lets the kernel hold so many events for who reads from `file`. Whether it does.
pub(crate) fn set_input_pool(file: RawFd, events: i32) -> bool {
    let Some(client) = client_of(file) else { return false };
    let mut pool = Pool {
        client: client.into(),
        output_pool: 0,
        input_pool: 0,
        output_room: 0,
        output_free: 0,
        input_free: 0,
        reserved: [0; 64],
    };
    // SAFETY: the request reads and writes one `Pool`, which has the kernel's form.
    if unsafe { libc::ioctl(file, GET_POOL, &raw mut pool) } != 0 {
        return false;
    }
    // The pool for what is sent is left alone where its size is given as zero.
    let wanted = Pool { output_pool: 0, input_pool: events, ..pool };
    // SAFETY: the request reads one `Pool`, which has the kernel's form. Another size of the pool changes nothing else.
    if unsafe { libc::ioctl(file, SET_POOL, &raw const wanted) } != 0 {
        return false;
    }
    // A size beyond its most the kernel passes over without a word.
    // SAFETY: as above.
    let asked = unsafe { libc::ioctl(file, GET_POOL, &raw mut pool) };
    asked == 0 && pool.input_pool >= events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_are_the_kernels_and_nothing_else_answers_them() {
        assert_eq!((GET_POOL, SET_POOL, CLIENT_ID), (0xc058_534b, 0x4058_534c, 0x8004_5301));
        let file = std::fs::File::open("/dev/null").unwrap();
        let file = std::os::fd::AsRawFd::as_raw_fd(&file);
        assert_eq!(client_of(file), None);
        assert_eq!(client_of(-1), None);
        assert!(!set_input_pool(file, 300) && !set_input_pool(-1, 300));
    }
}
