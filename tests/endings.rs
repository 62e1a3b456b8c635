//! However a show ends, every note has ended, and what holds or bends notes is home: told to, the control side gone, a panic in
//! the music or in the sink. And where nothing of it can end them, because it is killed, what is noted for its guardian says all
//! that sounds.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::*;
use parking_lot::Mutex;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::lever::Lever;
use tightrope::engine::program::{PortSlot, Program, TrackSlot};
use tightrope::engine::{Command, Engine, Switch};
use tightrope::link::{InputEvent, MidiInEnd, NoteTable, link};
use tightrope::midi::{Channel, Key, Message};
use tightrope::rt::clock::Monotonic;
use tightrope::rt::driver::Driver;
use tightrope::rt::note_tracking::NoteTracking;
use tightrope::rt::output::{Output, SendFailed};
use tightrope::rt::pacer::{Pacer, Strategy};
use tightrope::rt::run::Loop;
use tightrope::rt::sched::Policy;
use tightrope::rt::{self, Ending, Running, Settings};
use tightrope::time::{DeviceTime, Nanos, Span};

/// What the instruments heard; panics once, at message number `fault`. The lock is compiled with the tests, so that
/// ThreadSanitizer sees what it orders; of the standard library's it sees nothing once two threads want it.
#[derive(Clone)]
struct Instruments {
    heard: Arc<Mutex<Vec<(PortSlot, Message)>>>,
    fault: Option<usize>,
}

impl Output for Instruments {
    fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
        let mut heard = self.heard.lock();
        if self.fault == Some(heard.len()) {
            self.fault = None;
            drop(heard);
            panic!("a fault was injected");
        }
        heard.push((port, message));
        Ok(())
    }
}

impl Instruments {
    fn new(fault: Option<usize>) -> Instruments {
        Instruments { heard: Arc::default(), fault }
    }

    /// Notes that sound, and ports that play.
    fn state(&self) -> (BTreeSet<(PortSlot, u8, u8)>, BTreeSet<PortSlot>) {
        let (mut sounding, mut playing) = (BTreeSet::new(), BTreeSet::new());
        for &(port, message) in self.heard.lock().iter() {
            match message {
                Message::NoteOn(channel, key, _) => drop(sounding.insert((port, channel.number(), key.number()))),
                Message::NoteOff(channel, key, _) => drop(sounding.remove(&(port, channel.number(), key.number()))),
                Message::Start | Message::Continue => drop(playing.insert(port)),
                Message::Stop => drop(playing.remove(&port)),
                _ => {}
            }
        }
        (sounding, playing)
    }

    fn assert_silent(&self) {
        let mut away = Away::default();
        self.heard.lock().iter().for_each(|&(port, message)| pull_by(&mut away, port, message));
        assert!(away.is_empty(), "left held or bent: {away:?}");
        let (sounding, playing) = self.state();
        assert!(sounding.is_empty(), "left sounding: {sounding:?}");
        assert!(playing.is_empty(), "left playing: {playing:?}");
    }

    fn wait_for(&self, what: impl Fn(&Self) -> bool) {
        for _ in 0..5_000 {
            if what(self) {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not play");
    }
}

fn start(instruments: &Instruments) -> (tightrope::link::ControlEnd, Running) {
    start_of(instruments, circuits_alone())
}

/// A set that holds and bends its notes with its first step.
const HELD: &str = r#"
[ports.a]
device = "A"
[tracks.t]
port = "a"
channel = 1
[patterns.p]
t = "c2{64=127 bend=-4096} [c3 e3 g3 c4 e4]{pressure=9 66=1} c3 . . . . ."
cc = { t = { 1 = { lfo = "sine", length = "1/16", low = 10, high = 100 } } }
"#;

fn start_of(instruments: &Instruments, program: Program) -> (tightrope::link::ControlEnd, Running) {
    let engine = Engine::new(&program);
    let (mut control, rt_end, _) = link(program, &[]);
    let settings = Settings { policy: Policy::Other, lock_memory: false, ..Settings::default() };
    let running = rt::spawn(rt_end, engine, Monotonic::start(), instruments.clone(), settings).unwrap();
    control.command(Command::Start).unwrap();
    (control, running)
}

fn plays(instruments: &Instruments) -> bool {
    let (sounding, playing) = instruments.state();
    sounding.len() >= 3 && playing.contains(&MONO)
}

#[test]
fn told_to_end_it_ends_every_note_and_stops_what_it_started() {
    let instruments = Instruments::new(None);
    let (mut control, running) = start(&instruments);
    instruments.wait_for(plays);
    control.command(Command::End).unwrap();
    assert_eq!(running.join(), Ending::Finished);
    instruments.assert_silent();
}

#[test]
fn when_the_control_side_is_gone_it_ends_as_well() {
    let instruments = Instruments::new(None);
    let (control, running) = start(&instruments);
    instruments.wait_for(plays);
    let control_thread = thread::spawn(move || {
        let _control = control;
        std::panic::resume_unwind(Box::new("the control thread fails"));
    });
    assert!(control_thread.join().is_err());
    assert_eq!(running.join(), Ending::Finished);
    instruments.assert_silent();
}

#[test]
fn a_panic_at_any_message_leaves_nothing_sounding() {
    for fault in 1..12 {
        let instruments = Instruments::new(Some(fault));
        let (_control, running) = start(&instruments);
        assert_eq!(running.join(), Ending::Panicked);
        instruments.assert_silent();
    }
}

#[test]
fn whatever_ends_it_what_holds_or_bends_notes_goes_home() {
    for fault in (0..30).map(Some).chain([None]) {
        let instruments = Instruments::new(fault);
        let (mut control, running) = start_of(&instruments, compile(HELD));
        if fault.is_none() {
            instruments.wait_for(|instruments| instruments.heard.lock().len() > 20);
            control.command(Command::End).unwrap();
        }
        assert_eq!(running.join(), if fault.is_none() { Ending::Finished } else { Ending::Panicked });
        instruments.assert_silent();
    }
}

/// Instruments whose show could be killed before and after every message.
struct Doomed<'a> {
    table: &'a NoteTable,
    sounding: BTreeSet<(PortSlot, Channel, Key)>,
    playing: BTreeSet<PortSlot>,
    away: Away,
    /// How many messages there were, and how many notes sounded and levers were away at most.
    sent: usize,
    most: usize,
    most_away: usize,
}

impl Doomed<'_> {
    fn assert_noted(&self) {
        for &(port, channel, key) in &self.sounding {
            assert!(
                self.table.sounds(port, channel, key),
                "{port:?} {channel:?} {key:?} sounds, message {}",
                self.sent
            );
        }
        assert!(self.playing.iter().all(|&port| self.table.plays(port)), "a port plays, message {}", self.sent);
        for (port, channel, what) in self.away.keys() {
            let (port, channel) = (PortSlot(*port), Channel::from_number(*channel).unwrap());
            let is_noted = match what.strip_prefix("key ") {
                Some(key) => self.table.pressed(port, channel) >> key.parse::<u32>().unwrap() & 1 == 1,
                None => Lever::all().any(|lever| {
                    let home = lever.home(channel);
                    named(home).is_some_and(|(name, ..)| name == *what)
                        && self.table.levers(port, channel) >> lever.index() & 1 == 1
                }),
            };
            assert!(is_noted, "{what} of {port:?} {channel:?} is away, message {}", self.sent);
        }
    }
}

impl Output for Doomed<'_> {
    fn send(&mut self, &Departure { port, message, .. }: &Departure) -> Result<(), SendFailed> {
        self.assert_noted();
        match message {
            Message::NoteOn(channel, key, _) => drop(self.sounding.insert((port, channel, key))),
            Message::NoteOff(channel, key, _) => drop(self.sounding.remove(&(port, channel, key))),
            Message::Start | Message::Continue => drop(self.playing.insert(port)),
            Message::Stop => drop(self.playing.remove(&port)),
            other => pull_by(&mut self.away, port, other),
        }
        self.assert_noted();
        (self.sent, self.most) = (self.sent + 1, self.most.max(self.sounding.len()));
        self.most_away = self.most_away.max(self.away.len());
        if self.sent.is_multiple_of(41) { Err(SendFailed::Refused) } else { Ok(()) }
    }
}

#[test]
fn whenever_it_is_killed_the_table_says_all_that_sounds() {
    let (time, table) = (Cell::new(1_000_000_000), NoteTable::default());
    let text = EVERYTHING.replace("c2 d2=150 e2~ | c2", "c2{64=127 pressure=9} d2=150 e2~{64=0} | c2{cc14-1=900 69=1}");
    let program = compile(&text);
    let mut engine = Engine::new(&program);
    let mut outbox = Outbox::default();
    let (mut control, mut rt, mut inputs) = link(program, &[PortSlot(0), PortSlot(2)]);
    let (sounding, playing, away) = Default::default();
    let doomed = Doomed { table: &table, sounding, playing, away, sent: 0, most: 0, most_away: 0 };
    let mut sink = NoteTracking::noting_in(&table, doomed);
    let waiter = Pacer::new(Strategy::Sleep, Span::ZERO);
    let mut player = Loop::new(Driver::new(&mut rt, &mut engine, &mut outbox, Virtual(&time)), &mut sink, waiter);
    let hear = |inputs: &mut [MidiInEnd], port: usize, message| {
        inputs[port].push(InputEvent { at: Nanos(time.get()), device: DeviceTime(0), message });
    };
    for step in 0..12_000u64 {
        if step % 10 == 0 {
            hear(&mut inputs, 0, Message::Clock);
        }
        match step % 1_007 {
            103 => hear(&mut inputs, 0, Message::Start),
            250 | 420 => hear(&mut inputs, 1, note_on(1, 60)),
            255 => hear(&mut inputs, 1, Message::KeyPressure(Channel::from_status(0), Key::from_data(60), 90)),
            300 => control.command(launch((step % 3) as u16)).unwrap(),
            431 | 700 => control.command(Command::Panic).unwrap(),
            560 => control.command(Command::Mute(TrackSlot((step % 3) as u16), Switch::Toggle)).unwrap(),
            620 => control.publish(Program { edition: 2 + step as u32, ..compile(&text) }),
            801 => control.command(Command::SilencePort(PortSlot(1))).unwrap(),
            950 => hear(&mut inputs, 0, Message::Stop),
            _ => {}
        }
        player.pass();
        time.set(time.get() + 2_000_000);
    }
    control.command(Command::End).unwrap();
    player.pass();
    sink.silence();
    assert_eq!((table.count(), table.count_away()), (0, 0));
    let doomed = sink.output();
    assert!(doomed.sounding.is_empty() && doomed.sent > 2_000 && doomed.most > 2, "{}, {}", doomed.sent, doomed.most);
    assert!(doomed.away.is_empty() && doomed.most_away > 4, "{:?}, {}", doomed.away, doomed.most_away);
}

#[test]
#[should_panic(expected = "left sounding")]
fn the_check_can_fail() {
    let instruments = Instruments::new(None);
    instruments.heard.lock().push((CIRCUIT, note_on(10, 60)));
    instruments.assert_silent();
}
