//! The real-time thread neither allocates nor frees: the real loop runs under an allocator that counts for each thread.
//!
//! A lock would need an allocator's help or a system call; there is none in what the loop calls, and `strace` on a show
//! shows only clock reads, futex waits and writes to the MIDI device.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use support::*;
use tightrope::engine::program::PortSlot;
use tightrope::engine::{Command, Engine};
use tightrope::link::{InputEvent, link};
use tightrope::midi::Message;
use tightrope::rt::clock::{Monotonic, TimeSource};
use tightrope::rt::run::Loop;
use tightrope::rt::sink::{Guarded, NullSink, SendFailed, Sink};
use tightrope::rt::wait::{Strategy, Waiter};
use tightrope::time::{DeviceTime, Span};

struct Counting;

thread_local! {
    /// How often this thread has gone to the heap since it began to count; `None` while it does not count.
    static VISITS: Cell<Option<u64>> = const { Cell::new(None) };
}

fn visit() {
    // A thread that is being taken down has no cell any more, and is not the one that is watched.
    let _ = VISITS.try_with(|visits| visits.set(visits.get().map(|count| count + 1)));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local cell without a
// destructor, which never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        visit();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        visit();
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        visit();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` goes to the heap.
fn visits_of(work: impl FnOnce()) -> u64 {
    VISITS.set(Some(0));
    work();
    VISITS.replace(None).expect("it was counting")
}

/// Runs the real loop over a show that follows a clock, is stopped, continued, moved and started again, and is ended;
/// tells how often its thread went to the heap, and how much it sent.
fn run_show<S: Sink + Send + 'static>(sink: S, strategy: Strategy) -> (u64, u64) {
    let program = circuits();
    let mut engine = Engine::new(&program);
    let (mut control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let clock = Monotonic::start();
    let player = thread::spawn(move || {
        let mut sink = Guarded::new(sink);
        let waiter = Waiter::new(strategy, Span::from_micros(50));
        let mut player = Loop::new(&mut rt, &mut engine, clock, &mut sink, waiter);
        let visits = visits_of(|| player.run());
        assert_eq!(sink.silence(), 0, "the engine left something sounding");
        visits
    });
    let mut send = |message| {
        inputs[0].push(InputEvent { at: clock.now(), device: DeviceTime(0), message });
        thread::sleep(Duration::from_micros(200));
    };
    for transport in [Message::Start, Message::Continue, Message::SongPosition(64), Message::Start] {
        send(transport);
        for pulse in 0..200 {
            send(Message::Clock);
            if pulse % 50 == 7 {
                send(note_on(1, 50 + pulse as u8 / 10));
            }
        }
        send(Message::Stop);
    }
    control.command(Command::End).expect("the ring has room");
    let visits = player.join().expect("the loop did not panic");
    (visits, control.meters().snapshot().ports.iter().map(|port| port.sent).sum())
}

/// Only one show at a time: they spin.
static STAGE: Mutex<()> = Mutex::new(());

#[test]
fn the_loop_does_not_touch_the_heap() {
    let _stage = STAGE.lock();
    for strategy in [Strategy::Hybrid, Strategy::Sleep, Strategy::Busy] {
        let (visits, sent) = run_show(NullSink, strategy);
        assert!(sent > 1_000, "only {sent} messages");
        assert_eq!(visits, 0, "{strategy:?}");
    }
}

/// A sink that allocates for every hundredth message.
struct Careless(u32);

impl Sink for Careless {
    fn send(&mut self, _: PortSlot, message: Message) -> Result<(), SendFailed> {
        self.0 += 1;
        if self.0.is_multiple_of(100) {
            std::hint::black_box(message.to_string());
        }
        Ok(())
    }
}

#[test]
fn a_loop_that_does_is_caught() {
    let _stage = STAGE.lock();
    let (visits, _) = run_show(Careless(0), Strategy::Hybrid);
    assert!(visits > 0);
}
