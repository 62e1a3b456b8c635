//! Bytes as what a driver hands to the callback of an input: whole messages, pieces of them, system exclusive, junk, under
//! stamps that rise, stand still or jump. What is a message arrives, in order and not later than it was handed over; the
//! rest is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;

use arbitrary::{Result, Unstructured};
use tightrope::engine::program::PortSlot;
use tightrope::io::input::{Hooks, Listener};
use tightrope::link::{INPUT_CAPACITY, link};
use tightrope::midi::Message;
use tightrope::time::{DeviceTime, Nanos};

use crate::support::circuits_alone;

/// The port that is listened to.
const PORT: PortSlot = PortSlot(0);
/// A long system exclusive, in bytes.
const LONG: usize = 1 << 20;

pub fn run(bytes: &[u8]) -> bool {
    hear(Unstructured::new(bytes)).is_ok()
}

fn hear(mut u: Unstructured<'_>) -> Result<()> {
    let (control, mut rt, ends) = link(circuits_alone(), &[PORT]);
    let (home, returned) = mpsc::channel();
    let now = Arc::new(AtomicU64::new(1_000_000_000));
    let clock = Arc::clone(&now);
    let hooks = Hooks { now: Arc::new(move || Nanos(clock.load(Relaxed))), promote: Arc::new(|| {}) };
    let mut listener = Listener::new(ends.into_iter().next().expect("there is one"), hooks, home);
    let (mut stamp, mut waiting, mut lost, mut last) = (0u64, 0, 0, Nanos(0));
    while !u.is_empty() {
        // Time passes on both clocks, as a rule.
        let passed = *u.choose(&[20_000, 0, 1, 1_000, 1_000_000, 20_000_000])?;
        now.fetch_add(1_000 * passed, Relaxed);
        stamp = match u.int_in_range(0..=15u8)? {
            0 => 0,
            1 => u.arbitrary()?,
            2 => stamp,
            3 => u64::MAX - passed,
            _ => stamp.wrapping_add(passed),
        };
        let long;
        let bytes = match u.int_in_range(0..=31u8)? {
            0 => {
                long = vec![u.arbitrary::<u8>()?; LONG];
                &long[..]
            }
            1 => u.bytes(u.len().min(300))?,
            size => u.bytes(u.len().min(usize::from(size) % 5))?,
        };
        for _ in 0..*u.choose(&[1usize, 1, 1, 1, 1, 24, INPUT_CAPACITY])? {
            listener.hear(DeviceTime(stamp), bytes);
            // Active sensing is noted, and goes no further.
            if Message::from_bytes(bytes).is_some_and(|message| message != Message::ActiveSensing) {
                if waiting < INPUT_CAPACITY { waiting += 1 } else { lost += 1 }
            }
        }
        if let Some(message) = Message::from_bytes(bytes) {
            check(message, bytes);
        }
        if u.ratio(3, 4)? {
            while let Some((port, event)) = rt.next_input() {
                assert_eq!(port, PORT);
                assert!(event.at >= last && event.at <= Nanos(now.load(Relaxed)), "{event:?} after {last:?}");
                last = event.at;
                waiting -= 1;
            }
            assert_eq!(waiting, 0);
        }
    }
    let port = &control.meters().snapshot().ports[usize::from(PORT.0)];
    assert_eq!(port.lost_inputs, lost);
    assert!(!control.meters().port(PORT).has_failed_input(), "the callback panicked");
    drop(listener);
    assert!(returned.try_recv().is_ok(), "its end has not come home");
    Ok(())
}

/// What was read comes back as it was; but a note-on without velocity comes back as the note-off that it means.
fn check(message: Message, bytes: &[u8]) {
    let again = message.to_bytes();
    assert_eq!(Message::from_bytes(again.as_slice()), Some(message));
    let is_off = bytes[0] & 0xF0 == 0x90 && bytes[2] == 0;
    assert!(is_off || again.as_slice() == bytes, "{bytes:?} came back as {again}");
    assert!(!message.to_string().is_empty());
}
