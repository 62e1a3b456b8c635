//! A day of music: 24 hours of a followed clock whose tempo changes throughout, in virtual time, through the real loop and the
//! control side's look at it.
//!
//! What grows with time shows here: a position that drifts from the master's, memory, a queue that is never emptied, a counter
//! that wraps. A day has four million pulses; it is played whole by scripts/test, and ten minutes of it by `cargo test`.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

use support::*;
use tightrope::control::{self, Observer, Show as Conducted, View};
use tightrope::engine::outbox::Outbox;
use tightrope::engine::program::TrackSlot;
use tightrope::engine::{Command, Engine, Switch};
use tightrope::link::{InputEvent, MidiInEnd, Sent, link};
use tightrope::midi::Message;
use tightrope::rt::driver::Driver;
use tightrope::rt::note_tracking::NoteTracking;
use tightrope::rt::output::NullOutput;
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::set::{Set, builtin};
use tightrope::time::{DeviceTime, Nanos, Span, TickSpan};

/// From one pass of the loop to the next; what is due between two is late by less, and is due when it was due.
const STEP: u64 = 1_000_000;
/// From one look of the control side to the next.
const LOOK: u64 = 20_000_000;
/// How late the master's pulses are heard: anything up to this.
const JITTER: f64 = 1_000_000.0;
/// The tempo changes about so often, in pulses.
const CHANGES: f64 = 500.0;

/// Counts what is allocated and not freed, in bytes.
struct Counting;

static HELD: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches only an atomic.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size as i64 - layout.size() as i64, Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A drum machine whose tempo is turned now and then, and whose pulses come a little late.
struct Master {
    chance: Chance,
    /// When its next pulse is sent, exactly, and its tempo.
    next: f64,
    bpm: f64,
    pulses: u64,
    heard_at: u64,
    /// The pulses of late, by number and time: what was played is compared with them.
    sent: VecDeque<(u64, f64)>,
}

impl Master {
    fn new() -> Master {
        let mut master = Master {
            chance: Chance(7),
            next: 2e9,
            bpm: 125.0,
            pulses: 0,
            heard_at: 0,
            sent: VecDeque::with_capacity(1_024),
        };
        master.heard_at = master.hearing();
        master
    }

    fn hearing(&mut self) -> u64 {
        (self.next + JITTER * self.chance.unit()) as u64
    }

    /// Sends what is heard by `now`.
    fn play(&mut self, now: u64, input: &mut MidiInEnd) {
        while self.heard_at <= now {
            input.push(InputEvent { at: Nanos(self.heard_at), device: DeviceTime(0), message: Message::Clock });
            if self.sent.len() == 512 {
                self.sent.pop_front();
            }
            self.sent.push_back((self.pulses, self.next));
            self.pulses += 1;
            if self.chance.unit() < 1.0 / CHANGES {
                let turned = self.bpm * (1.0 + 0.08 * (self.chance.unit() - 0.5));
                self.bpm = turned.clamp(70.0, 190.0);
            }
            self.next += 2.5e9 / self.bpm;
            self.heard_at = self.hearing();
        }
    }

    /// When the tick is due by the master's own pulses; none where those are forgotten, or still to come.
    fn time_of(&self, tick: i64) -> Option<f64> {
        let (pulse, rest) = (u64::try_from(tick / 40).ok()?, (tick % 40) as f64 / 40.0);
        let index = usize::try_from(pulse.checked_sub(self.sent.front()?.0)?).ok()?;
        let (at, next) = (self.sent.get(index)?.1, self.sent.get(index + 1)?.1);
        Some(at + rest * (next - at))
    }
}

/// Listens to what is played.
#[derive(Default)]
struct Ear {
    ons: u64,
    offs: u64,
    clocks: u64,
    /// What was sent, until the master's own pulses around it are known.
    waiting: VecDeque<Sent>,
}

impl Observer for Ear {
    fn sent(&mut self, sent: &Sent) {
        match sent.message {
            Message::NoteOn(..) => {
                self.ons += 1;
                self.waiting.push_back(*sent);
            }
            Message::NoteOff(..) => self.offs += 1,
            Message::Clock => self.clocks += 1,
            _ => {}
        }
    }

    fn look(&mut self, _: &View<'_>) {}
}

/// How far what is played is from where the master is.
#[derive(Default)]
struct Drift {
    count: u32,
    sum_ticks: f64,
    /// Of the minutes, the mean that is farthest.
    worst: f64,
    minutes: u32,
}

impl Drift {
    fn hear(&mut self, ear: &mut Ear, master: &Master) {
        while let Some(at) = ear.waiting.front().and_then(|sent| master.time_of(sent.tick.0)) {
            let Some(sent) = ear.waiting.pop_front() else { return };
            self.count += 1;
            self.sum_ticks += (sent.due.0 as f64 - at) / (2.5e9 / master.bpm / 40.0);
        }
    }

    fn end_minute(&mut self) {
        assert!(self.count > 20, "only {} notes in minute {}", self.count, self.minutes);
        let mean = self.sum_ticks / f64::from(self.count);
        // What the jitter delays all pulses by in the mean is no drift.
        let mean = mean - JITTER / 2.0 / (2.5e9 / 125.0 / 40.0);
        if mean.abs() > self.worst.abs() {
            self.worst = mean;
        }
        *self = Drift { worst: self.worst, minutes: self.minutes + 1, ..Drift::default() };
    }
}

#[test]
fn ten_minutes_of_music_neither_drift_nor_grow() {
    play(10 * 60);
}

#[test]
#[ignore = "takes a minute or two where tests are optimised: scripts/test runs it"]
fn a_day_of_music_neither_drifts_nor_grows() {
    play(24 * 60 * 60);
}

fn play(seconds: u64) {
    // Memory is counted for the whole process.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock();
    let set = builtin::find("circuits").expect("it is built in");
    let set = Set::parse(set.name, set.text.as_bytes()).expect("it has no mistake");
    let time = Cell::new(1_000_000_000);
    let mut engine = Engine::new(&set.program);
    let mut outbox = Outbox::default();
    let (control_end, mut rt, mut inputs) = link(set.program.clone(), &[CIRCUIT]);
    let source = control::Source::new(&set.name.clone(), None, false, &set);
    let mut show = Conducted::new(control_end, set, source, String::new(), || Nanos(time.get()));
    let mut sink = NoteTracking::new(NullOutput);
    let waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
    let mut player = Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time)), &mut sink, waiter);

    let (mut master, mut ear, mut drift) = (Master::new(), Ear::default(), Drift::default());
    let input = inputs.first_mut().expect("one port is listened to");
    input.push(InputEvent { at: Nanos(1_000_000_000), device: DeviceTime(0), message: Message::Start });
    let end = time.get() + seconds * 1_000_000_000;
    let mut held_after_a_minute = None;
    let (mut next_look, mut next_minute) = (0, time.get() + 60_000_000_000);
    while time.get() < end {
        time.set(time.get() + STEP);
        master.play(time.get(), input);
        player.pass();
        if time.get() >= next_look {
            next_look = time.get() + LOOK;
            show.watch(&mut [&mut ear]);
            drift.hear(&mut ear, &master);
        }
        if time.get() >= next_minute {
            next_minute += 60_000_000_000;
            drift.end_minute();
            // Hands do something now and then.
            let track = TrackSlot((drift.minutes % 3) as u16);
            for command in [Command::Mute(track, Switch::On), Command::Mute(track, Switch::Off)] {
                assert!(show.end_mut().command(command).is_ok());
                player.pass();
            }
            held_after_a_minute.get_or_insert(HELD.load(Relaxed));
        }
    }
    let held = HELD.load(Relaxed);
    let snapshot = show.view().snapshot.to_owned();
    assert!(show.end_mut().command(Command::End).is_ok());
    player.pass();
    assert_eq!(sink.silence(), 0, "the engine left something sounding");
    show.watch(&mut [&mut ear]);

    println!(
        "{} h: {} pulses, {} notes; the minute that is farthest from the master: {:.3} ticks",
        seconds / 3_600,
        master.pulses,
        ear.ons,
        drift.worst
    );
    // The last pulse that was heard may be the one after the position.
    let pulses = master.pulses as i64;
    let played = snapshot.position.0.div_euclid(TickSpan::PULSE.0) + 1;
    assert!((pulses - 1..=pulses + 1).contains(&played), "{pulses} pulses came, and {played} were played");
    assert!((pulses - 1..=pulses + 1).contains(&(ear.clocks as i64)), "{pulses} came, and {} were sent on", ear.clocks);
    assert!(drift.worst.abs() < 1.0, "{} ticks away from the master", drift.worst);
    assert_eq!(ear.ons, ear.offs);
    assert_eq!((snapshot.lost_trace, snapshot.skipped, snapshot.ports[0].lost_inputs), (0, 0, 0));
    let grown = held - held_after_a_minute.expect("a minute has passed");
    assert!(grown.abs() < 4_096, "memory has grown by {grown} bytes");
}
