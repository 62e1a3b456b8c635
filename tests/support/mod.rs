//! A show in virtual time: the engine, told the time by the test, and what it sent.

#![allow(dead_code)]

pub mod promises;
#[cfg(feature = "show")]
pub mod words;

use std::cell::Cell;
use std::collections::BTreeMap;

use tightrope::engine::lanes::feed::FeedEvent;
use tightrope::engine::outbox::{Departure, Outbox};
use tightrope::engine::program::{PatternSlot, PortSlot, Program};
use tightrope::engine::{Command, Engine, Progress};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::rt::clock::TimeSource;
use tightrope::set::Set;
use tightrope::time::{Nanos, Span};

/// The instruments of `circuits`, by the slots of its ports.
pub const CIRCUIT: PortSlot = PortSlot(0);
pub const MONO: PortSlot = PortSlot(1);

/// A pulse at 125 BPM.
pub const PULSE: Span = Span::from_millis(20);

pub fn compile(text: &str) -> Program {
    match Set::parse("test.toml", text.as_bytes()) {
        Ok(set) => set.program,
        Err(mistakes) => panic!("{}", mistakes.render(false)),
    }
}

pub fn circuits() -> Program {
    compile(tightrope::set::builtin::find("circuits").expect("it is built in").text)
}

/// `circuits` without a clock to follow.
pub fn circuits_alone() -> Program {
    let mut program = circuits();
    program.clock.follow = Box::default();
    program
}

/// A set that has everything in it: the first port leads, the second is early, on the third hands play.
pub const EVERYTHING: &str = r#"
    transpose = "keys from c2 by degrees"
    launch = "beat"
    [clock]
    follow = "a"
    [ports.a]
    device = "a"
    active_sensing = true
    [ports.b]
    device = "b"
    clock = true
    offset = "-7 ms"
    wire = "din"
    [ports.keys]
    device = "keys"
    lights = "0 3 21"
    [tracks.t]
    port = "a"
    channel = 1
    transpose = "keys channel 2"
    thru = "keys by 7"
    [tracks.u]
    port = "b"
    channel = 2
    transpose = "none"
    thru = "a octave -1"
    [tracks.v]
    port = "b"
    channel = 2
    thru = "keys channel 1"
    [patterns.one]
    t = { step = "1/64", steps = "c2 d2=150 e2~ | c2", swing = 61 }
    u = { held = "keys", order = "up-down", lengths = ["1/96", "1/12"], pick = "random", octave = 1 }
    v = { step = "1/48", gate = 300, steps = "c2 d2 e2" }
    cc = { u = { 74 = "20 ~ 110", bend = { lfo = "sine", length = "1/4" } } }
    program = { u = { program = 5, bank = 129 } }
    [patterns.two]
    bars = 2
    launch = "now"
    keep = true
    t = { arp = "c2 e2 g2", order = "random", swing = 70 }
    cc.t.nrpn-5 = { lfo = "random", step = "1/16" }
    program = { t = 1, v = 2, ahead = "1 beat" }
    [patterns.three]
    launch = "end"
    v = { step = "1/1", gate = 400, steps = "c2" }
    program = { v = 3, ahead = "3 bars" }
    [song]
    parts = ["one", "two", "one x2", "three"]
    end = "loop"
    [[bind]]
    on = "keys note 36"
    do = "launch three"
    [[bind]]
    on = "keys note 37"
    do = "jump 2"
    [[bind]]
    on = "keys note 38 channel 1"
    do = "mute u"
    [[bind]]
    on = "keys note 38"
    do = "start"
    [[bind]]
    on = "keys cc 64"
    do = "fill"
    [[bind]]
    on = "keys cc 65"
    do = "hold"
    [[bind]]
    on = "keys program 1"
    do = "transpose +3"
    [[bind]]
    on = "keys cc 66"
    do = "transpose t -12..12"
    [[bind]]
    on = "keys cc 67"
    do = "cc u 74 110..20"
    [[bind]]
    on = "keys cc 67"
    do = "cc v nrpn-5 0..16383"
    [[bind]]
    on = "keys bend"
    do = "tempo 100..140"
"#;

/// A clock that shows what the test says.
pub struct Virtual<'a>(pub &'a Cell<u64>);

impl TimeSource for Virtual<'_> {
    fn now(&self) -> Nanos {
        Nanos(self.0.get())
    }
}

/// SplitMix64, after Vigna: the basic operations of IEEE 754 only, so the same on every machine.
#[derive(Clone, Copy)]
pub struct Chance(pub u64);

impl Chance {
    /// From 0 to 1.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// An engine driven as its contract says.
pub struct Show {
    pub program: Program,
    pub engine: Engine,
    pub trace: Vec<Departure>,
    pub now: Nanos,
    /// The program that waits to take over.
    pub next: Option<Program>,
    outbox: Outbox,
}

impl Show {
    pub fn new(program: Program) -> Show {
        let engine = Engine::new(&program);
        let now = Nanos(1_000_000_000);
        let mut show = Show { program, engine, trace: Vec::new(), now, next: None, outbox: Outbox::default() };
        show.advance(now);
        show
    }

    /// Brings the engine to `at` and collects what is due.
    pub fn advance(&mut self, at: Nanos) {
        self.now = at;
        loop {
            let progress = self.engine.advance(&self.program, at, &mut self.outbox);
            while let Some(departure) = self.outbox.pop() {
                assert!(departure.due <= at, "{departure:?} left before it was due, at {at:?}");
                self.trace.push(departure);
            }
            match progress {
                Progress::CaughtUp => return,
                Progress::OutboxFull => {}
                Progress::ProgramDue => {
                    self.program = self.next.take().expect("a program is awaited");
                    self.engine.adopt(&self.program, at);
                }
            }
        }
    }

    /// Another program is there, and takes over at the next bar line.
    pub fn renew(&mut self, program: Program) {
        self.advance(self.now);
        self.next = Some(program);
        self.engine.await_program(&self.program, self.now);
        self.advance(self.now);
    }

    /// Time passes from deadline to deadline, as the real-time thread would wait.
    pub fn wait_until(&mut self, at: Nanos) {
        while let Some(deadline) = self.engine.next_deadline(&self.program).filter(|&deadline| deadline <= at) {
            self.advance(deadline);
            assert!(
                self.engine.next_deadline(&self.program).is_none_or(|next| next > deadline),
                "a deadline that does not pass"
            );
        }
        self.advance(at);
    }

    pub fn wait(&mut self, span: Span) {
        self.wait_until(self.now + span);
    }

    pub fn input(&mut self, port: PortSlot, message: Message) {
        self.advance(self.now);
        self.engine.input(&self.program, self.now, port, message);
        self.advance(self.now);
    }

    pub fn command(&mut self, command: Command) {
        self.advance(self.now);
        self.engine.command(&self.program, self.now, command);
        self.advance(self.now);
    }

    /// An event comes from a source.
    pub fn feed(&mut self, event: FeedEvent) {
        self.advance(self.now);
        self.engine.feed(&self.program, self.now, event);
        self.advance(self.now);
    }

    /// The output of `port` is opened anew.
    pub fn reopen(&mut self, port: PortSlot, rejoins: bool) {
        self.advance(self.now);
        self.engine.reopened(&self.program, self.now, port, rejoins);
        self.advance(self.now);
    }

    /// The master sends `count` pulses, each followed by `interval`.
    pub fn pulses(&mut self, count: usize, interval: Span) {
        for _ in 0..count {
            self.input(CIRCUIT, Message::Clock);
            self.wait(interval);
        }
    }

    /// Note-ons on `port`: due time and key.
    pub fn note_ons(&self, port: PortSlot) -> Vec<(Nanos, u8)> {
        let note_on = |departure: &Departure| match departure.message {
            Message::NoteOn(_, key, _) if departure.port == port => Some((departure.due, key.number())),
            _ => None,
        };
        self.trace.iter().filter_map(note_on).collect()
    }

    pub fn count(&self, port: PortSlot, message: Message) -> usize {
        self.trace.iter().filter(|departure| departure.port == port && departure.message == message).count()
    }

    pub fn check(&self) {
        check_trace(&self.trace);
    }
}

/// What holds for every trace: times do not fall, ons and offs alternate on each key. How many notes still sound.
pub fn check_trace(trace: &[Departure]) -> usize {
    let mut sounding = BTreeMap::new();
    for pair in trace.windows(2) {
        assert!(pair[0].due <= pair[1].due, "time runs backwards: {:?} before {:?}", pair[0], pair[1]);
    }
    // A light is a note of no track.
    for departure in trace.iter().filter(|departure| departure.track.is_some()) {
        match departure.message {
            Message::NoteOn(channel, key, _) => {
                let before = sounding.insert((departure.port, channel, key), departure.due);
                assert_eq!(before, None, "struck while it sounds: {departure:?}");
            }
            Message::NoteOff(channel, key, _) => {
                let before = sounding.remove(&(departure.port, channel, key));
                assert!(before.is_some(), "an off without an on: {departure:?}");
            }
            _ => {}
        }
    }
    sounding.len()
}

/// A trace as text, a line for each message: what golden traces are kept as.
pub fn text(trace: &[Departure]) -> String {
    trace
        .iter()
        .map(|d| format!("{:>10} {:>5} port {} {}\n", d.due.0, d.tick.0, d.port.0, d.message.to_string().trim_end()))
        .collect()
}

/// The command that launches the pattern in a slot, when the set launches patterns.
pub fn launch(slot: u16) -> Command {
    Command::Launch { pattern: PatternSlot(slot), at: None }
}

pub fn note_on(channel: u8, key: u8) -> Message {
    Message::NoteOn(Channel::from_number(channel).unwrap(), Key::new(key).unwrap(), Velocity::new(100).unwrap())
}

pub fn note_off(channel: u8, key: u8) -> Message {
    Message::NoteOff(Channel::from_number(channel).unwrap(), Key::new(key).unwrap(), 0)
}

/// What holds or bends notes: port, channel, what it is, and its value.
pub type Away = BTreeMap<(u8, u8, String), u16>;

/// What a trace has left holding or bending notes.
pub fn away(trace: &[Departure]) -> Away {
    let mut away = Away::default();
    trace.iter().for_each(|departure| pull(&mut away, departure));
    away
}

/// What a departure does to what holds or bends notes.
pub fn pull(away: &mut Away, departure: &Departure) {
    pull_by(away, departure.port, departure.message);
}

/// What a message does to what holds or bends notes. Lights do not count.
pub fn pull_by(away: &mut Away, port: PortSlot, message: Message) {
    let (Some((what, value, rest)), Some(channel)) = (named(message), message.channel()) else { return };
    let place = (port.0, channel.number(), what);
    if value == rest {
        away.remove(&place);
    } else {
        away.insert(place, value);
    }
}

/// What a message moves that holds or bends notes: its name, its value, and its value at rest.
pub fn named(message: Message) -> Option<(String, u16, u16)> {
    Some(match message {
        Message::ControlChange(_, number @ (1 | 33 | 64..=69), value) => (format!("cc {number}"), value.into(), 0),
        Message::ChannelPressure(_, value) => ("pressure".into(), value.into(), 0),
        Message::KeyPressure(_, key, value) => (format!("key {}", key.number()), value.into(), 0),
        Message::PitchBend(_, value) => ("bend".into(), value, 8_192),
        _ => return None,
    })
}
