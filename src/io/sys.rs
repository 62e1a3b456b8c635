//! The system calls that ALSA's library does not offer. The only `unsafe` code that speaks with the sequencer.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::os::fd::RawFd;

/// The sequencer's device.
pub const SEQUENCER: &str = "/dev/snd/seq";

/// Asks an open sequencer for the number of its client: `SNDRV_SEQ_IOCTL_CLIENT_ID` in `include/uapi/sound/asequencer.h`.
const CLIENT_ID: libc::Ioctl = rustix::ioctl::opcode::read::<libc::c_int>(b'S', 1) as libc::Ioctl;

/// The numbers of those of the sequencer's clients that this process has. Others may have clients of the same names.
pub fn own_clients() -> BTreeSet<u8> {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    let is_sequencer =
        |entry: &std::fs::DirEntry| std::fs::read_link(entry.path()).is_ok_and(|file| file.as_os_str() == SEQUENCER);
    let files = files.flatten().filter(is_sequencer);
    files.filter_map(|entry| client_of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

fn client_of(file: RawFd) -> Option<u8> {
    let mut client: libc::c_int = -1;
    // SAFETY: the request writes one integer, for which there is room. A file that another thread has closed meanwhile, and
    // whatever is open under its number by now, refuses it: the request is the sequencer's alone, and changes nothing.
    let outcome = unsafe { libc::ioctl(file, CLIENT_ID, &raw mut client) };
    u8::try_from(client).ok().filter(|_| outcome == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_kernels_and_nothing_else_answers_it() {
        assert_eq!(CLIENT_ID, 0x8004_5301);
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(client_of(std::os::fd::AsRawFd::as_raw_fd(&file)), None);
        assert_eq!(client_of(-1), None);
    }
}
