//! The real-time thread neither allocates nor frees: the real loop runs under an allocator that counts for each thread.
//!
//! Nor does it wait for a page: with the process's memory locked, it takes no page fault while it plays. Of locks it has
//! none to take: what it shares with other threads are rings, a triple buffer and atomics, and `tests/purity.rs` keeps the
//! standard library's locks out of what it runs.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use support::*;
use tightrope::engine::lanes::feed::{Fed, FeedEvent};
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{FeedSlot, PortSlot, Source};
use tightrope::engine::{ClockSource, Command, Engine, Progress};
use tightrope::link::{InputEvent, link};
use tightrope::midi::{Key, Message, Velocity};
use tightrope::rt::clock::{Monotonic, TimeSource};
use tightrope::rt::driver::Driver;
use tightrope::rt::note_tracking::NoteTracking;
use tightrope::rt::output::{NullOutput, Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::set::Set;
use tightrope::time::{DeviceTime, Nanos, Span, Tick, TickSpan};

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
fn run_show<O: Output + Send + 'static>(output: O, strategy: Strategy) -> (u64, u64) {
    let mut program = circuits();
    program.patterns[0].clips[0].lanes[0].source = Source::Feed(FeedSlot(0));
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let (mut control, mut rt, mut inputs) = link(program, &[CIRCUIT]);
    let mut feed = control.take_feed().expect("nobody has taken it");
    let mut epoch = 0;
    // Some of it in time, some of it late, some of it void.
    let mut say = |at: i64| {
        let fed = Fed::Note { key: Key::from_data(60), velocity: Velocity::MAX, gate: TickSpan(30) };
        let fed = if at % 400 == 0 { Fed::Begin } else { fed };
        epoch += u32::from(fed == Fed::Begin);
        let _: Result<(), FeedEvent> = feed.push(FeedEvent { feed: FeedSlot(0), epoch, at: Tick(at), fed });
    };
    let clock = Monotonic::start();
    let player = thread::spawn(move || {
        let mut sink = NoteTracking::new(output);
        let waiter = Pacer::new(strategy, Span::from_micros(50));
        let mut player = Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, clock), &mut sink, waiter);
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
            say(pulse * 40);
            say(pulse * 40 + 130);
            if pulse % 50 == 7 {
                send(note_on(1, 50 + pulse as u8 / 10));
            }
        }
        send(Message::Stop);
    }
    control.command(Command::End).expect("the ring has room");
    let visits = player.join().expect("the loop did not panic");
    let snapshot = control.meters().snapshot();
    // On a machine that does other things too, some notes come too late to be sent.
    (visits, snapshot.ports.iter().map(|port| port.sent).sum::<u64>() + snapshot.skipped)
}

/// Only one show at a time: they spin.
static STAGE: Mutex<()> = Mutex::new(());

#[test]
fn the_loop_does_not_touch_the_heap() {
    let _stage = STAGE.lock();
    for strategy in [Strategy::Hybrid, Strategy::Sleep, Strategy::Busy] {
        let (visits, sent) = run_show(NullOutput, strategy);
        // Some 3,000 where the machine has nothing else to do; where it has, pulses come late and in heaps. That there is
        // a show at all is what counts here.
        assert!(sent > 100, "only {sent} messages");
        assert_eq!(visits, 0, "{strategy:?}");
    }
}

#[test]
fn several_clocks_and_the_test_for_echoes_do_not_touch_the_heap() {
    let program = compile(
        "[clock]\nfollow = [\"a\", \"b\"]\n[ports.a]\ndevice = \"a\"\n[ports.b]\ndevice = \"b\"\n[ports.c]\ndevice = \"c\"\nclock = true\n\
         [tracks.t]\nport = \"c\"\nchannel = 1\n[patterns.p]\nt = \"c2 d2\"\n",
    );
    let other = compile(
        "[clock]\nfollow = [\"b\", \"a\"]\n[ports.a]\ndevice = \"a\"\n[ports.b]\ndevice = \"b\"\n[ports.c]\ndevice = \"c\"\n\
         [patterns.p]\n",
    );
    let (mut engine, mut outbox) = (Engine::new(&program), Outbox::default());
    let (mut sent, mut followed) = (0, [0; 2]);
    let visits = visits_of(|| {
        let mut advance = |engine: &mut Engine, at: Nanos| {
            while engine.advance(&program, at, &mut outbox) == Progress::OutboxFull {
                while outbox.pop().is_some() {
                    sent += 1;
                }
            }
            while outbox.pop().is_some() {
                sent += 1;
            }
        };
        for pulse in 0..2_000u64 {
            // The first clock is away for a while; the second one is a constant 3 ms behind ours, and so it is tested.
            let at = Nanos(1_000_000_000 + pulse * 20_000_000);
            advance(&mut engine, at);
            if !(300..600).contains(&pulse) {
                let message = if pulse == 24 { Message::Start } else { Message::Clock };
                engine.input(&program, at, PortSlot(0), message);
            }
            advance(&mut engine, at + Span::from_millis(3));
            engine.input(&program, at + Span::from_millis(3), PortSlot(1), Message::Clock);
            advance(&mut engine, at + Span::from_millis(5));
            followed[usize::from(engine.clock_source() == ClockSource::Port(PortSlot(1)))] += 1;
        }
        engine.adopt(&other, Nanos(50_000_000_000));
        engine.adopt(&program, Nanos(50_000_000_001));
    });
    assert!(sent > 1_000 && followed.iter().all(|&pulses| pulses > 100), "{sent} sent, {followed:?}");
    assert_eq!(visits, 0);
}

#[test]
fn a_program_that_takes_over_at_its_bar_does_not_touch_the_heap() {
    // The second port is early, so that the first has something left to play.
    let text = "[ports.a]\ndevice = \"a\"\n[ports.b]\ndevice = \"b\"\noffset = \"-50 ms\"\n\
        [tracks.t]\nport = \"a\"\nchannel = 1\n[tracks.u]\nport = \"b\"\nchannel = 1\n\
        [patterns.p]\nt = { step = \"1/64\", steps = \"c2 d2\" }\nu = { arp = \"c2 e2\" }\n";
    let parse = |text: &str| tightrope::set::Set::parse("a.toml", text.as_bytes()).unwrap();
    let set = parse(text);
    let edited =
        parse(&text.replace("[tracks.t]", "[tracks.s]\nport = \"b\"\nchannel = 3\n[tracks.t]").replace("u =", "s ="));
    let programs = [set.program.clone(), edited.following(&set).program];
    let mut engine = Engine::new(&programs[0]);
    let mut outbox = Outbox::default();
    let mut adopted = 0;
    let visits = visits_of(|| {
        engine.command(&programs[0], Nanos(1_000_000_000), Command::Start);
        for step in 0..40_000u64 {
            let at = Nanos(1_000_000_000 + step * 1_000_000);
            loop {
                let progress = engine.advance(&programs[adopted % 2], at, &mut outbox);
                while outbox.pop().is_some() {}
                match progress {
                    Progress::CaughtUp => break,
                    Progress::OutboxFull => {}
                    Progress::ProgramDue => {
                        adopted += 1;
                        engine.adopt(&programs[adopted % 2], at);
                    }
                }
            }
            if step % 700 == 0 {
                engine.reopened(&programs[adopted % 2], at, PortSlot((step / 700 % 2) as u8), step % 1_400 == 0);
            }
            if step % 3_000 == 0 {
                engine.await_program(&programs[adopted % 2], at);
            }
        }
    });
    assert!(adopted >= 13, "{adopted}");
    assert_eq!(visits, 0);
}

#[test]
fn nothing_that_hands_can_do_touches_the_heap() {
    use tightrope::engine::Switch;
    use tightrope::midi::{Channel, Key};
    let program = compile(EVERYTHING);
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let mut sent = 0;
    let keys = PortSlot(2);
    let channel = Channel::from_number(1).expect("it is one");
    let names = Set::parse("everything.toml", EVERYTHING.as_bytes()).expect("it is right");
    let commands: Vec<Command> = [
        "launch two",
        "launch three at bar",
        "withdraw",
        "jump 4",
        "hold",
        "mute t",
        "solo u",
        "fill on",
        "transpose +2",
        "solo u off",
        "transpose v -3 degrees",
        "hold off",
        "continue",
        "launch one at end",
        "tap",
        "tempo 130",
        "tempo -2.5",
        "tap",
        "panic",
    ]
    .map(|text| tightrope::set::command::parse(text, &names.names()).expect("it is a command"))
    .to_vec();
    let visits = visits_of(|| {
        let mut now = Nanos(1_000_000);
        let mut advance = |engine: &mut Engine, now: Nanos| loop {
            let progress = engine.advance(&program, now, &mut outbox);
            while outbox.pop().is_some() {
                sent += 1;
            }
            if progress == Progress::CaughtUp {
                break;
            }
        };
        engine.input(&program, now, CIRCUIT, Message::Start);
        for pulse in 0..5_000usize {
            now = now + Span::from_millis(20);
            advance(&mut engine, now);
            engine.input(&program, now, CIRCUIT, Message::Clock);
            advance(&mut engine, now);
            let message = match pulse % 40 {
                3 => note_on(1, 30 + (pulse % 30) as u8),
                13 => note_off(1, 30 + (pulse % 30) as u8),
                23 => Message::ControlChange(channel, 64, (pulse % 80 * 2) as u8 & 0x7F),
                33 => Message::ProgramChange(channel, 1),
                7 => Message::PitchBend(channel, pulse as u16),
                17 => Message::ControlChange(channel, 64, pulse as u8 & 0x7F),
                _ => continue,
            };
            engine.input(&program, now, keys, message);
            advance(&mut engine, now);
            // More than the cable carries: all controllers, and with them parameters, whole and in halves.
            for number in 0..120 {
                engine.input(&program, now, keys, Message::ControlChange(channel, number, pulse as u8 & 0x7F));
                advance(&mut engine, now);
                engine.input(&program, now, keys, Message::KeyPressure(channel, Key::from_data(40), number));
                advance(&mut engine, now);
            }
            if let Some(&command) = commands.get(pulse / 40 % commands.len()) {
                engine.command(&program, now, command);
                advance(&mut engine, now);
            }
        }
        engine.command(&program, now, Command::Hold(Switch::Off));
    });
    assert!(sent > 5_000, "only {sent} messages");
    assert!(engine.gave_way(PortSlot(1)).withheld > 5_000, "{:?}", engine.gave_way(PortSlot(1)));
    assert_eq!(visits, 0);
}

/// A sink that allocates for every hundredth message.
struct Careless(u32);

impl Output for Careless {
    fn send(&mut self, &Departure { message, .. }: &Departure) -> Result<(), SendFailed> {
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

/// Page faults of the calling thread that needed no reading.
#[cfg(target_os = "linux")]
fn page_faults() -> i64 {
    // SAFETY: `rusage` is plain integers, for which all zeros is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the answer.
    let outcome = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &mut usage) };
    assert_eq!(outcome, 0);
    usage.ru_minflt + usage.ru_majflt
}

/// Notes the faults that the thread had taken at its first message and at its latest.
#[cfg(target_os = "linux")]
#[derive(Clone, Default)]
struct Faults(std::sync::Arc<std::sync::atomic::AtomicI64>, Option<i64>);

#[cfg(target_os = "linux")]
impl Output for Faults {
    fn send(&mut self, _: &Departure) -> Result<(), SendFailed> {
        let first = *self.1.get_or_insert_with(page_faults);
        self.0.store(page_faults() - first, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs memory that may be locked: scripts/test runs it where it may"]
fn no_page_is_missing_while_it_plays() {
    use tightrope::rt::{self, Settings, sched::MemoryGrant};
    let _stage = STAGE.lock();
    let program = circuits_alone();
    let engine = Engine::new(&program);
    let (mut control, end, _) = link(program, &[]);
    let faults = Faults::default();
    let running = rt::spawn(end, engine, Monotonic::start(), faults.clone(), Settings::default()).unwrap();
    assert_eq!(running.granted().memory, MemoryGrant::Locked);
    control.command(Command::Start).expect("the ring has room");
    // The trace is not read, so that its ring is filled from its first page to its last.
    thread::sleep(Duration::from_millis(1_500));
    control.command(Command::End).expect("the ring has room");
    assert_eq!(running.join(), rt::Ending::Finished);
    assert_eq!(faults.0.load(std::sync::atomic::Ordering::Relaxed), 0);
}
