//! What a show has to bear besides playing: a screen that is drawn, a flood of OSC packets, and a set file that is saved again
//! and again. Each disturbance goes on until it is dropped.

use crate::instrument::Fallible;
use crate::sys;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Where the program listens for OSC.
pub const OSC: &str = "127.0.0.1:9057";

/// Packets of the flood each millisecond: 10,000 a second.
pub const PACKETS: u64 = 10;

/// The network's interrupts are above what is ordinary, and below what is MIDI.
const FLOOD_PRIORITY: i32 = 10;

/// How often the set file is saved.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// Something that goes on beside the show.
pub struct Disturbance {
    ended: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Disturbance {
    /// Calls `round` with how often it was called, until it is dropped or fails.
    fn start(name: &str, mut round: impl FnMut(u64) -> bool + Send + 'static) -> Fallible<Disturbance> {
        let (ended, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = thread::Builder::new().name(name.into()).spawn({
            let (ended, done) = (ended.clone(), done.clone());
            move || {
                let mut rounds = 0;
                while !ended.load(Ordering::Acquire) && round(rounds) {
                    rounds += 1;
                    done.store(rounds, Ordering::Release);
                }
            }
        })?;
        Ok(Disturbance { ended, done, thread: Some(thread) })
    }

    /// How many rounds it went.
    pub fn rounds(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }
}

impl Drop for Disturbance {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A flood of OSC packets: one in four asks for the status, one is a command that there is not, one is cut off, one is noise.
/// A round is a millisecond.
pub fn flood() -> Fallible<Disturbance> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let mut promoted = false;
    let mut next_ns = sys::now_ns();
    Disturbance::start("flood", move |round| {
        if !promoted {
            promoted = sys::set_fifo(FLOOD_PRIORITY).is_ok();
        }
        for packet in 0..PACKETS {
            let bytes: &[u8] = match (round * PACKETS + packet) % 4 {
                0 => b"/tightrope/status\0\0\0,\0\0\0",
                1 => b"/tightrope/xyzzy\0\0\0\0,\0\0\0",
                2 => b"/tightrope/lau",
                _ => &[0xFF; 512],
            };
            // Before the program listens, and where its queue is full, the system refuses.
            let _ = socket.send_to(bytes, OSC);
        }
        next_ns += 1_000_000;
        sys::sleep_until(next_ns);
        true
    })
}

/// Saves `text` again and again, now by another name that is moved over the old file, now in two pieces, and each time with
/// another pattern that nobody plays, so that each save is another program. A round is a save.
pub fn saves(path: &Path, text: &str) -> Fallible<Disturbance> {
    let (path, text): (PathBuf, String) = (path.to_owned(), text.to_owned());
    Disturbance::start("editor", move |round| {
        thread::sleep(SAVED_EVERY);
        let text = format!("{text}\n[patterns.spare{}]\n", round % 4);
        let saved = match round % 2 {
            0 => {
                let aside = path.with_extension("new");
                fs::write(&aside, &text).and_then(|()| fs::rename(&aside, &path))
            }
            _ => fs::write(&path, &text[..text.len() / 2]).and_then(|()| {
                thread::sleep(Duration::from_millis(5));
                fs::write(&path, &text)
            }),
        };
        saved.is_ok()
    })
}
