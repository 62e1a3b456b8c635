//! The hand-over to a sleeping thread, in every interleaving that the memory model allows.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --target-dir target/loom --no-default-features --test handover`; without `--cfg loom`
//! there is nothing here.
//! The rings themselves come from crates that are tested so by their makers; what is ours is the order of push, look, wake
//! and park around them. A ring is modelled by the counter that its writer publishes.

#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use tightrope::link::Waker;

/// One thread hands over `count` times; the other sleeps until it has seen them all. Loom reports a sleep that nothing
/// ends as a deadlock.
fn hand_over(count: usize, push_and_wake: fn(&AtomicUsize, &Waker), look: Ordering) {
    let pushed = Arc::new(AtomicUsize::new(0));
    let waker = Waker::default();
    waker.attend();
    let writer = {
        let (pushed, waker) = (Arc::clone(&pushed), waker.clone());
        thread::spawn(move || {
            for _ in 0..count {
                push_and_wake(&pushed, &waker);
            }
        })
    };
    while pushed.load(look) < count {
        thread::park();
    }
    writer.join().unwrap();
}

fn push_then_wake(pushed: &AtomicUsize, waker: &Waker) {
    pushed.fetch_add(1, Ordering::Release);
    waker.wake();
}

fn wake_then_push(pushed: &AtomicUsize, waker: &Waker) {
    waker.wake();
    pushed.fetch_add(1, Ordering::Release);
}

#[test]
fn nothing_that_was_pushed_is_slept_through() {
    loom::model(|| hand_over(2, push_then_wake, Ordering::Acquire));
}

/// The control: the other order loses a wake-up. Loom's report of a deadlock takes the process down, so it is run in
/// one of its own.
#[test]
fn waking_before_pushing_is_caught() {
    let tests = std::env::current_exe().unwrap();
    let control = ["--exact", "control_wakes_before_it_pushes", "--ignored", "--nocapture"];
    let output = std::process::Command::new(tests).args(control).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("deadlock"));
}

#[test]
#[ignore = "fails, as it should; `waking_before_pushing_is_caught` runs it"]
fn control_wakes_before_it_pushes() {
    loom::model(|| hand_over(1, wake_then_push, Ordering::Acquire));
}

/// Two that hand over to one, as two input ports do.
#[test]
fn two_writers_wake_one_reader() {
    loom::model(|| {
        let pushed = [Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0))];
        let waker = Waker::default();
        waker.attend();
        let writers = pushed.clone().map(|ring| {
            let waker = waker.clone();
            thread::spawn(move || push_then_wake(&ring, &waker))
        });
        while pushed.iter().any(|ring| ring.load(Ordering::Acquire) == 0) {
            thread::park();
        }
        for writer in writers {
            writer.join().unwrap();
        }
    });
}
