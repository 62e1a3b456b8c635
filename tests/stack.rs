//! How much of its stack the real-time thread uses: what was never written is zero, as the system gave it.
//!
//! The largest set that there is plays on a thread like the real-time one, is replaced at a bar line, and is played by hand meanwhile. What can
//! only happen with real devices, an output that comes back, is asked of the engine on a thread of the same size. A sink that
//! needs a lot has to be noticed.

#![cfg(all(target_os = "linux", not(races)))]

mod support;

use std::fs::{self, File};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use support::*;
use tightrope::engine::arrangement::resume::Resumption;
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::Target;
use tightrope::engine::program::{
    MAX_PORTS, MAX_THRUS, MAX_TRACKS, PartSlot, PatternSlot, PortSlot, Program, TrackSlot,
};
use tightrope::engine::{Command, Engine, Switch};
use tightrope::link::{InputEvent, NoteTable, link};
use tightrope::midi::Message;
use tightrope::rt::clock::{Monotonic, TimeSource};
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::sched::Policy;
use tightrope::rt::{Ending, PREFAULTED_BYTES, Performance, STACK_BYTES, Settings};
use tightrope::time::{DeviceTime, Span, Tempo, Tick, TickSpan};

/// What has to be left of what was touched before: for the system's signal frames, and for what a driver's library does.
const LEFT: usize = 32 * 1024;

/// The most that may be used, with that. What is not optimised has everything there twice and more; but it ends its notes too.
const MOST: usize = if cfg!(debug_assertions) { STACK_BYTES / 2 } else { PREFAULTED_BYTES };

/// What a sink uses that is noticed.
const MORE: usize = MOST - LEFT;

/// How much of the stack is used that `address` lies in: all but what is still zero at its far end.
fn used(address: usize) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let range = |line: &str| {
        let (from, to) = line.split_once(' ')?.0.split_once('-')?;
        Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
    };
    let (from, to) = maps.lines().filter_map(range).find(|&(from, to)| (from..to).contains(&address)).unwrap();
    let mut stack = vec![0; (to - from).min(STACK_BYTES)];
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut stack, from as u64).unwrap();
    let untouched = stack.iter().position(|&byte| byte != 0).expect("somebody uses it");
    STACK_BYTES - untouched
}

/// The largest set: every port, every track, as many keyboards as there may be, and notes and values wherever they fit.
fn largest(edition: u32) -> Program {
    let mut text = String::from("tempo = 300\n[clock]\nfollow = [\"p0\", \"p1\", \"p2\", \"p3\"]\n");
    for port in 0..MAX_PORTS {
        let wire = if port % 2 == 0 { "din" } else { "usb" };
        let clock = port >= 4;
        text += &format!("[ports.p{port}]\ndevice = \"P{port}\"\nclock = {clock}\nwire = \"{wire}\"\n");
    }
    for track in 0..MAX_TRACKS {
        text += &format!("[tracks.t{track}]\nport = \"p{}\"\nchannel = {}\n", track % MAX_PORTS, 1 + track / MAX_PORTS);
        if track < MAX_THRUS {
            text += "thru = \"p15\"\n";
        }
    }
    for pattern in 0..3 {
        text += &format!("[patterns.q{pattern}]\n");
        for track in 0..MAX_TRACKS {
            let lane = match track % 3 {
                0 => "\"[c2 e2 g2] c3*3\"".to_owned(),
                1 => "{ arp = \"c4 f3 g3\", lengths = [\"1/16\", \"1/8\"], pick = \"random\" }".to_owned(),
                _ => "{ step = \"1/16\", steps = \"c2~ d2 e2 f2 .\" }".to_owned(),
            };
            text += &format!("t{track} = {lane}\n");
            if track % 3 == 2 && pattern == 0 {
                text += &format!("cc.t{track}.74 = \"1 2 3 4\"\n");
            }
        }
    }
    for number in 0..64 {
        text += &format!("[[bind]]\non = \"p14 cc {number}\"\ndo = \"fill\"\n");
    }
    Program { edition, ..compile(&text) }
}

/// Notes where on the stack it is called, and uses `N` bytes more.
struct Deep<const N: usize>(Arc<AtomicUsize>);

impl<const N: usize> Output for Deep<N> {
    fn send(&mut self, _: &Departure) -> Result<(), SendFailed> {
        let room = black_box([1u8; N]);
        self.0.store(&raw const room as usize, Relaxed);
        Ok(())
    }
}

/// How much the real-time thread uses, sink included.
fn used_by_show<const N: usize>() -> usize {
    let address = Arc::new(AtomicUsize::new(0));
    let program = largest(1);
    let ports: Vec<PortSlot> = (0..MAX_PORTS as u8).map(PortSlot).collect();
    let mut engine = Engine::new(&program);
    let clock = Monotonic::start();
    // With the first pulse it goes on where it was.
    engine.resume_show(&program, clock.now(), resumption());
    let (mut control, rt, mut inputs) = link(program, &ports);
    let settings = Settings { policy: Policy::Other, lock_memory: false, ..Settings::default() };
    let sink = Deep::<N>(address.clone());
    let mut performance = Performance::new(Box::<NoteTable>::default(), rt, engine, clock, sink, settings);
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || performance.play()).unwrap();
    let mut send = |port: usize, message| {
        inputs[port].push(InputEvent { at: clock.now(), device: DeviceTime(0), message });
        thread::sleep(Duration::from_millis(2));
    };
    for round in 0..3u8 {
        for pulse in 0..120u8 {
            send(usize::from(round), Message::Clock);
            send(15, note_on(1 + pulse % 16, 30 + pulse % 64));
            if pulse % 24 == 3 {
                let commands = [
                    Command::Launch { pattern: PatternSlot(u16::from(pulse / 24) % 3), at: None },
                    Command::Mute(TrackSlot(pulse.into()), Switch::Toggle),
                    Command::Control { track: TrackSlot(3), target: Target::Controller(74), value: 1 },
                    Command::Panic,
                    Command::ReleaseInput(PortSlot(15)),
                    Command::Jump(PartSlot(0)),
                ];
                commands.into_iter().for_each(|command| control.command(command).expect("the ring has room"));
            }
        }
        control.publish(if round == 0 { largest(2) } else { Program { edition: 3 + u32::from(round), ..circuits() } });
        send(usize::from(round), Message::Stop);
        send(0, Message::Start);
    }
    let address = address.load(Relaxed);
    assert_ne!(address, 0, "nothing was sent");
    // Where the thread has ended, its stack is taken away.
    let used = used(address);
    control.command(Command::End).expect("the ring has room");
    assert_eq!(thread.join().unwrap(), Ending::Finished);
    used
}

fn resumption() -> Resumption {
    Resumption {
        position: Tick(3_840 * 7 + 1),
        ago: Span::from_millis(900),
        tempo: Tempo::from_bpm(300.0).unwrap(),
        runs: true,
        pattern: PatternSlot(1),
        origin: Tick(0),
        part: None,
    }
}

/// How much an engine uses whose outputs come back and which takes up other programs, on a thread like the real-time one.
fn used_by_engine() -> usize {
    // Made elsewhere, as by the control side.
    let mut show = Box::new(Show::new(largest(1)));
    let mut others = vec![largest(4), circuits(), largest(2), circuits()];
    let show = move || {
        show.input(PortSlot(0), Message::Start);
        while let Some(other) = others.pop() {
            show.pulses(100, Span::from_millis(8));
            (0..MAX_PORTS as u8).for_each(|port| show.reopen(PortSlot(port), true));
            show.pulses(30, Span::from_millis(8));
            show.renew(other);
        }
        show.command(Command::EndAfter(TickSpan(1)));
        let here = black_box(0u8);
        used(&raw const here as usize)
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(show).unwrap().join().unwrap()
}

#[test]
fn what_is_touched_before_the_show_is_more_than_it_uses() {
    let (show, engine) = (used_by_show::<1>(), used_by_engine());
    println!("the show uses {show} bytes of its stack, an engine alone {engine}");
    assert!(show > 4_096 && engine > 4_096, "nothing was measured");
    assert!(show.max(engine) + LEFT <= MOST, "{show}, {engine}");
    // And one that needs more is noticed.
    let deep = used_by_show::<MORE>();
    assert!(deep > MORE && deep + LEFT > MOST, "{deep}");
}
