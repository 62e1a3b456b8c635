//! What libraries print while there is a screen.
//!
//! ALSA's library says on standard error what it could not open, the C library what it found damaged. On a terminal with a screen on
//! it that would be written across the screen. So standard error leads to a pipe as long as there is one, and what comes out of
//! that is told like anything else.

use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::thread;

use rustix::fs::{OFlags, fcntl_setfl};

use crate::control::{Call, Caller, Notice};

/// The longest line that is told, in bytes.
const LONGEST: u64 = 300;

/// The stack of the thread that reads: small, because locked memory counts.
const STACK_BYTES: usize = 128 * 1024;

/// Standard error, diverted. It leads where it led before when this is dropped.
pub(crate) struct Diverted(OwnedFd);

impl Diverted {
    /// Diverts standard error, if it leads to a terminal, and tells `caller` each line.
    ///
    /// # Errors
    ///
    /// When the system refuses. Then it leads where it did.
    pub(crate) fn to(caller: Caller) -> io::Result<Option<Diverted>> {
        if !io::stderr().is_terminal() {
            return Ok(None);
        }
        let before = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        let (reader, writer) = io::pipe()?;
        // Whoever prints does not wait for who reads.
        fcntl_setfl(&writer, OFlags::NONBLOCK)?;
        let thread = thread::Builder::new().name("tightrope-errors".into()).stack_size(STACK_BYTES);
        thread.spawn(move || {
            tell(reader, |text| {
                // Where too many calls wait, there are other troubles.
                let _ = caller.call(Call::Notice(Notice { text, is_wrong: true }));
            })
        })?;
        rustix::stdio::dup2_stderr(&writer)?;
        Ok(Some(Diverted(before)))
    }
}

impl Drop for Diverted {
    fn drop(&mut self) {
        // The pipe has no other end, so the thread ends with it.
        let _ = rustix::stdio::dup2_stderr(&self.0);
    }
}

/// Tells each line that comes, but not one after the other that is the same.
fn tell(reader: PipeReader, tell: impl Fn(String)) {
    let mut reader = BufReader::new(reader);
    let mut last = String::new();
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() && line != last {
            tell(line.clone());
            last = line;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Mutex;

    #[test]
    fn each_line_is_told_once_and_none_is_endless() {
        let (reader, mut writer) = io::pipe().unwrap();
        let told = Mutex::new(Vec::new());
        writer.write_all(b"ALSA lib: no room\nALSA lib: no room\n\n\xff other\n").unwrap();
        writer.write_all(&[b'x'; 2 * LONGEST as usize]).unwrap();
        drop(writer);
        tell(reader, |line| told.lock().unwrap().push(line));
        let told = told.into_inner().unwrap();
        assert_eq!(told[..2], ["ALSA lib: no room", "\u{fffd} other"]);
        assert!(told[2..].iter().all(|line| line.len() == LONGEST as usize), "{told:?}");
    }
}
