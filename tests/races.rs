//! What crosses threads, under ThreadSanitizer: all ends of the link in use at once, on threads of their own.
//!
//! Run with `scripts/race`; without `--cfg races` there is nothing here. Loom (`tests/handover.rs`) tries all interleavings of the
//! little that is our own; this looks at the whole, as the compiler has made it. The standard library comes without
//! instrumentation, so what its own locks and reference counts order is not seen; `tests/races.supp` says what is passed over
//! because of that. The control, a race that is meant, has to be caught all the same.

#![cfg(races)]

mod endings;
mod support;

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use support::*;
use tightrope::engine::program::{PortSlot, TrackSlot};
use tightrope::engine::{Command, Engine, Switch};
use tightrope::link::{InputEvent, MidiInEnd, link};
use tightrope::midi::Message;
use tightrope::rt::clock::{Monotonic, TimeSource};
use tightrope::rt::output::NullOutput;
use tightrope::rt::sched::Policy;
use tightrope::rt::{self, Ending, Settings};
use tightrope::set::Set;
use tightrope::time::DeviceTime;

/// How long it is tried.
const LENGTH: Duration = Duration::from_secs(3);

/// Pulses, and keys between them, until it is over.
fn play(mut input: MidiInEnd, clock: Monotonic, over: &AtomicBool) {
    let mut send = |message| input.push(InputEvent { at: clock.now(), device: DeviceTime(0), message });
    send(Message::Start);
    for number in (0u8..=127).cycle() {
        if over.load(Relaxed) {
            return;
        }
        send(Message::Clock);
        send(note_on(1, number));
        send(note_off(1, number));
        thread::sleep(Duration::from_micros(700));
    }
}

#[test]
fn all_ends_of_the_link_at_once() {
    let set = Set::parse("a.toml", EVERYTHING.as_bytes()).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)));
    let engine = Engine::new(&set.program);
    let (mut control, end, inputs) = link(set.program.clone(), &[PortSlot(0), PortSlot(2)]);
    let clock = Monotonic::start();
    let settings = Settings { policy: Policy::Other, lock_memory: false, stay_awake: false, ..Settings::default() };
    let running = rt::spawn(end, engine, clock, NullOutput, settings).expect("there is a thread");
    let over = AtomicBool::new(false);
    let (mut sent, mut heard, mut edition) = (0, 0, 1);
    thread::scope(|scope| {
        for input in inputs {
            scope.spawn(|| play(input, clock, &over));
        }
        let begun = Instant::now();
        while begun.elapsed() < LENGTH {
            edition += 1;
            control.publish(tightrope::engine::program::Program { edition, ..set.program.clone() });
            for command in [Command::Mute(TrackSlot(0), Switch::Toggle), Command::Panic, launch(1), Command::Tap] {
                // A full ring is an answer too.
                let _ = control.command(command);
            }
            sent += std::iter::from_fn(|| control.sent()).count();
            heard += std::iter::from_fn(|| control.called()).count();
            assert!(control.status().edition <= edition);
            assert!(control.meters().snapshot().skipped < u64::MAX);
            thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Relaxed);
    });
    while control.command(Command::End).is_err() {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(running.join(), Ending::Finished);
    assert!(sent > 500 && heard > 500 && edition > 50, "{sent} sent, {heard} heard, {edition} programs");
}

/// Something that two threads write without asking.
struct Shared(UnsafeCell<u64>);

// SAFETY: it is not safe at all, and meant to be found.
unsafe impl Sync for Shared {}

#[test]
#[ignore = "a race: run by the test below"]
fn control_races() {
    static SHARED: Shared = Shared(UnsafeCell::new(0));
    let write = || {
        for _ in 0..1_000 {
            // SAFETY: none; see above.
            unsafe { *SHARED.0.get() += 1 };
        }
    };
    let other = thread::spawn(write);
    write();
    other.join().expect("it does not panic");
}

#[test]
fn a_race_is_caught() {
    let tests = std::env::current_exe().expect("it has a path");
    let control = ["--exact", "control_races", "--ignored", "--nocapture"];
    let output = std::process::Command::new(tests).args(control).output().expect("it runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("data race"));
}
