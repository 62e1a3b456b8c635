//! However a show ends, every note has ended: told to, the control side gone, a panic in the music or in the sink.

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use support::*;
use tightrope::engine::program::PortSlot;
use tightrope::engine::{Command, Engine};
use tightrope::link::link;
use tightrope::midi::Message;
use tightrope::rt::clock::Monotonic;
use tightrope::rt::sched::Policy;
use tightrope::rt::sink::{SendFailed, Sink};
use tightrope::rt::{self, Ending, Running, Settings};

/// What the instruments heard; panics once, at message number `fault`.
#[derive(Clone)]
struct Instruments {
    heard: Arc<Mutex<Vec<(PortSlot, Message)>>>,
    fault: Option<usize>,
}

impl Sink for Instruments {
    fn send(&mut self, port: PortSlot, message: Message) -> Result<(), SendFailed> {
        let mut heard = self.heard.lock().expect("nobody panics while it is held");
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
        for &(port, message) in self.heard.lock().unwrap().iter() {
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
    let program = circuits_alone();
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
fn the_check_can_fail() {
    let instruments = Instruments::new(None);
    instruments.heard.lock().unwrap().push((CIRCUIT, note_on(10, 60)));
    assert!(std::panic::catch_unwind(|| instruments.assert_silent()).is_err());
}
