//! Bytes as a show: the first say what is played, the others what happens to it, in virtual time.
//!
//! The bytes begin with a set file up to a zero byte; or with a small number, for a set that is kept here; or with a zero,
//! and then they are a program of their own, which may be more than set files have words for. What happens: messages on
//! the inputs, commands, other programs, and time that passes.
//!
//! Everything is played twice, once from deadline to deadline as the real-time thread does it, and once with every wait in
//! one piece: how time is cut must not be heard.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use tightrope::engine::arrangement::transport::Phase;
use tightrope::engine::lanes::feed::{FEED_CAPACITY, Fed, FeedEvent};
use tightrope::engine::outbox::Departure;
use tightrope::engine::program::{FeedSlot, MAX_PORTS, PortSlot, Program, Source, Target, TrackSlot};
use tightrope::engine::{Command, Engine};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::set::{Set, builtin};
use tightrope::time::{Nanos, Span, Tempo, Tick, TickSpan};

use super::program::{any_command, any_program};
use crate::support::{Show, promises, text};

/// The most that may happen in a show.
const MOST_HAPPENINGS: usize = 400;
/// A show is not waited for any longer when it has sent so much.
const ENOUGH: usize = 20_000;
/// No wait is so long that a program can send more than this in it.
const MOST_IN_A_WAIT: f64 = 5_000.0;

/// Sets that are kept, numbered from 1. New ones come last: the corpus names them by number.
const KEPT: &[&str] = &[
    include_str!("../stage/sets/hold.toml"),
    include_str!("../stage/sets/join-now.toml"),
    include_str!("../stage/sets/own-clock.toml"),
];

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    /// A message comes in.
    Input(PortSlot, Message),
    Command(Command),
    /// Another program takes over.
    Adopt(Box<Program>),
    /// An output is opened anew, in the place of one that was lost or not.
    Reopened(PortSlot, bool),
    /// A source says something.
    Feed(FeedEvent),
    Wait(Span),
    /// The engine is called too early, and for nothing.
    Again,
}

pub fn run(bytes: &[u8]) -> bool {
    let Some((program, rest)) = opening(bytes) else { return false };
    let Ok(happenings) = happenings(&program, rest) else { return false };
    if std::env::var_os("FUZZ_TELL").is_some() {
        eprintln!("{program:#?}\n{happenings:#?}");
    }
    let fine = play(program.clone(), &happenings, true);
    let coarse = play(program, &happenings, false);
    if fine != coarse {
        let different = fine.iter().zip(&coarse).position(|(a, b)| a != b).unwrap_or(fine.len().min(coarse.len()));
        let around = |trace: &[Departure]| text(&trace[different.saturating_sub(5)..trace.len().min(different + 5)]);
        panic!("how time is cut is heard. In pieces:\n{}In one:\n{}", around(&fine), around(&coarse));
    }
    true
}

/// The program that the show begins with, and the bytes after it.
fn opening(bytes: &[u8]) -> Option<(Program, Unstructured<'_>)> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0 => {
            let mut u = Unstructured::new(rest);
            let program = any_program(&mut u).ok()?;
            promises::check_program(&program);
            Some((program, u))
        }
        number @ 1..=8 => Some((kept(number)?, Unstructured::new(rest))),
        _ => {
            let end = bytes.iter().position(|&byte| byte == 0)?;
            let set = Set::parse("fuzz.toml", &bytes[..end]).ok()?;
            Some((set.program, Unstructured::new(&bytes[end + 1..])))
        }
    }
}

/// The set of this number.
fn kept(number: u8) -> Option<Program> {
    let sets = KEPT.iter().copied().chain(builtin::all().iter().map(|set| set.text));
    let text = sets.into_iter().nth(usize::from(number).checked_sub(1)?)?;
    Some(Set::parse("kept.toml", text.as_bytes()).expect("a set that is kept has no mistake").program)
}

/// The ports whose clocks a set follows, or any one.
fn masters_of(program: &Program) -> Vec<PortSlot> {
    let follow = program.clock.follow.to_vec();
    if follow.is_empty() { vec![PortSlot(0)] } else { follow }
}

/// What happens, with a wait after it all so that what has begun is heard.
fn happenings(program: &Program, mut u: Unstructured<'_>) -> Result<Vec<Happening>> {
    let mut happenings = Vec::new();
    let mut masters = masters_of(program);
    let mut interval = Span::from_millis(20);
    // Whether another one sends pulses of the same tempo, such as our own that come back, and how much later.
    let mut other: Option<(PortSlot, Span)> = None;
    let mut longest = longest_wait(program);
    while !u.is_empty() && happenings.len() < MOST_HAPPENINGS {
        match u.int_in_range(0..=16u8)? {
            // The master sends some pulses.
            0..=3 => {
                let pulse = Happening::Input(*u.choose(&masters)?, Message::Clock);
                let wait = interval.min(longest);
                for _ in 0..*u.choose(&[1, 1, 2, 6, 24, 96])? {
                    happenings.push(pulse.clone());
                    if let Some((port, lag)) = other {
                        happenings.extend([Happening::Wait(lag.min(wait)), Happening::Input(port, Message::Clock)]);
                    }
                    happenings.push(Happening::Wait(wait - other.map_or(Span::ZERO, |(_, lag)| lag.min(wait))));
                }
            }
            4 => interval = Span(*u.choose(&[20_000_000, 0, 1, 1_000_000, 6_000_000, 25_000_000, 130_000_000])?),
            5 => {
                let transport = [Message::Start, Message::Continue, Message::Stop, Message::Reset];
                happenings.push(Happening::Input(*u.choose(&masters)?, *u.choose(&transport)?));
            }
            6 => {
                let position = Message::SongPosition(*u.choose(&[0, 1, 4, 15, 16, 64, 100, 1_000, 16_383])?);
                happenings.push(Happening::Input(*u.choose(&masters)?, position));
            }
            7 => {
                // A key, in bytes as they come from a keyboard.
                let status = *u.choose(&[0x90, 0x80, 0x9F])?;
                let bytes = [status, *u.choose(&[60, 62, 36, 127])?, *u.choose(&[100, 0])?];
                happenings.extend(input(&bytes, any_port(&mut u)?));
            }
            8 => {
                let count = u.int_in_range(1..=3)?;
                let bytes = u.bytes(count)?;
                happenings.extend(input(bytes, any_port(&mut u)?));
            }
            9..=11 => happenings.push(Happening::Command(any_command(&mut u)?)),
            12 => {
                let taken = if u.arbitrary()? {
                    any_program(&mut u)?
                } else {
                    kept(u.int_in_range(0..=4)?).unwrap_or_else(|| program.clone())
                };
                promises::check_program(&taken);
                masters = masters_of(&taken);
                longest = longest_wait(&taken);
                happenings.push(Happening::Adopt(Box::new(taken)));
            }
            13 | 14 => {
                let unit = *u.choose(&[1i64, 1_000, 1_000_000, 10_000_000, 100_000_000])?;
                let wait = Span(unit * i64::from(u.arbitrary::<u8>()?));
                happenings.push(Happening::Wait(wait.min(longest)));
            }
            15 => {
                let lag = Span(*u.choose(&[1_000_000, 0, 3_000_000, 10_000_000, 20_000_000])?);
                other = if other.is_none() { Some((any_port(&mut u)?, lag)) } else { None };
            }
            _ => happenings.push(match u.arbitrary::<u8>()? {
                0..=23 => Happening::Again,
                24..=63 => Happening::Feed(any_feed(&mut u)?),
                byte => Happening::Reopened(PortSlot(byte % 5), byte < 192),
            }),
        }
    }
    happenings.push(Happening::Wait(Span::from_millis(3_000).min(longest)));
    Ok(happenings)
}

/// What a source may say: in order or not, of any epoch.
fn any_feed(u: &mut Unstructured<'_>) -> Result<FeedEvent> {
    let fed = match u.int_in_range(0..=5u8)? {
        0 | 1 => Fed::Begin,
        2 => Fed::Value {
            target: *u.choose(&[Target::Bend, Target::Controller(64), Target::Fine(1), Target::Program])?,
            value: u.arbitrary()?,
            needed: u.arbitrary()?,
        },
        _ => Fed::Note {
            key: Key::from_data(u.arbitrary()?),
            velocity: Velocity::MAX,
            gate: TickSpan(*u.choose(&[100, 0, 1, 4_000, i64::MAX, i64::MIN])?),
        },
    };
    let at = *u.choose(&[0, 1, 40, 3_840, -1, i64::MAX, i64::MIN])?;
    let at = Tick(i64::from(u.int_in_range(0..=200u8)?) * 20).0.saturating_add(at);
    Ok(FeedEvent { feed: FeedSlot(u.arbitrary::<u8>()? % 9), epoch: u.int_in_range(0..=2)?, at: Tick(at), fed })
}

fn any_port(u: &mut Unstructured<'_>) -> Result<PortSlot> {
    u.int_in_range(0..=3).map(PortSlot)
}

fn input(bytes: &[u8], port: PortSlot) -> Option<Happening> {
    Message::from_bytes(bytes).map(|message| Happening::Input(port, message))
}

fn play(program: Program, happenings: &[Happening], in_pieces: bool) -> Vec<Departure> {
    let mut listener = Listener::new(&program);
    let mut show = Show::new(program);
    for happening in happenings {
        // What has been due until now belongs to what held until now.
        show.advance(show.now);
        listener.listen(&show, happening);
        match happening {
            Happening::Input(port, message) => show.input(*port, *message),
            Happening::Command(command) => show.command(*command),
            Happening::Adopt(other) => {
                listener.learn(other);
                show.program = Program::clone(other);
                show.engine.adopt(&show.program, show.now);
                show.advance(show.now);
            }
            Happening::Reopened(port, rejoins) => show.reopen(*port, *rejoins),
            Happening::Feed(event) => show.feed(*event),
            Happening::Wait(span) if in_pieces => show.wait(*span),
            Happening::Wait(span) => show.advance(show.now + *span),
            Happening::Again => {
                show.advance(show.now);
                let early = show.now - Span::from_millis(10);
                let now = show.now;
                show.advance(early);
                show.now = now;
            }
        }
        listener.listen(&show, happening);
        if show.trace.len() > ENOUGH {
            break;
        }
    }
    end(&mut show, &mut listener);
    show.trace
}

/// Ends the show: nothing sounds after it, and nothing plays any more.
fn end(show: &mut Show, listener: &mut Listener) {
    let end = Happening::Command(Command::End);
    show.advance(show.now);
    listener.listen(show, &end);
    show.command(Command::End);
    listener.listen(show, &end);
    assert!(show.engine.is_finished(), "it has not ended");
    assert!(listener.sounding.is_empty(), "these sound for ever: {:?}", listener.sounding);
    let sent = show.trace.len();
    show.command(Command::Start);
    for port in (0..MAX_PORTS as u8).map(PortSlot) {
        for message in [Message::Start, Message::Clock] {
            show.input(port, message);
        }
    }
    show.advance(show.now + Span::from_millis(10_000));
    assert_eq!(show.trace.len(), sent, "it plays after its end");
    assert_eq!(show.engine.next_deadline(&show.program), None, "it waits for something after its end");
}

/// Checks a show while it is played.
struct Listener {
    /// How much of the trace has been heard.
    heard: usize,
    last: Nanos,
    sounding: BTreeMap<(PortSlot, Channel, Key), Nanos>,
    /// Whether hands may play some of that: what they hold sounds on when another program takes over, whatever that passes on.
    by_hand: bool,
    /// When it was listened to last.
    then: Nanos,
    /// How much the program can send: at once, and in a nanosecond.
    at_once: f64,
    rate: f64,
    /// How much may have been sent by now.
    allowed: f64,
}

impl Listener {
    fn new(program: &Program) -> Listener {
        let mut listener = Listener {
            heard: 0,
            last: Nanos(0),
            sounding: BTreeMap::new(),
            by_hand: false,
            then: Nanos(0),
            at_once: 0.0,
            rate: 0.0,
            allowed: 0.0,
        };
        listener.learn(program);
        listener
    }

    fn learn(&mut self, program: &Program) {
        let Density { at_once, per_tick } = Density::of(program);
        (self.at_once, self.rate) = (self.at_once.max(at_once), self.rate.max(per_tick * ticks_per_nano()));
    }

    /// Hears what is new, after `happening` or before it.
    fn listen(&mut self, show: &Show, happening: &Happening) {
        let Show { engine, trace, now, .. } = show;
        for departure in &trace[self.heard..] {
            assert!(self.last <= departure.due, "time runs backwards: {departure:?}");
            self.last = departure.due;
            assert!(usize::from(departure.port.0) < MAX_PORTS);
            match departure.message {
                // A light.
                Message::NoteOn(..) | Message::NoteOff(..) if departure.track.is_none() => {}
                Message::NoteOn(channel, key, _) => {
                    let before = self.sounding.insert((departure.port, channel, key), departure.due);
                    assert_eq!(before, None, "struck while it sounds: {departure:?}");
                    let is_settled = matches!(happening, Happening::Wait(_));
                    let is_heard = |track: TrackSlot| !engine.muted().contains(track);
                    assert!(!is_settled || departure.track.is_some_and(is_heard), "it is muted: {departure:?}");
                }
                Message::NoteOff(channel, key, _) => {
                    let before = self.sounding.remove(&(departure.port, channel, key));
                    assert!(before.is_some(), "an off without an on: {departure:?}");
                }
                _ => {}
            }
        }
        assert_eq!(self.sounding.len(), engine.sounding());
        self.by_hand = !show.program.thrus.is_empty() || self.by_hand && !self.sounding.is_empty();
        assert!(
            engine.phase() != Phase::Stopped || self.sounding.is_empty() || self.by_hand,
            "sounds while stopped: {:?}",
            self.sounding
        );
        self.bound(trace.len() - self.heard, *now, happening, engine);
        self.heard = trace.len();
    }

    /// As much is sent as the program can have to say, and no more. A pulse may come before it is expected, and then the
    /// music catches up with it; so what could have been sent before may be sent later.
    fn bound(&mut self, sent: usize, now: Nanos, happening: &Happening, engine: &Engine) {
        let passed = now.since(self.then).0.max(0) as f64;
        self.then = self.then.max(now);
        // All that is remembered of a port.
        self.allowed += if matches!(happening, Happening::Reopened(..)) { 16.0 * 400.0 } else { 0.0 };
        self.allowed += self.at_once + self.rate * passed - sent as f64;
        assert!(self.allowed >= 0.0, "{sent} departures in {passed} ns, at {:?}", engine.position());
    }
}

/// How much a program can have to say.
struct Density {
    /// When it is started or jumps.
    at_once: f64,
    per_tick: f64,
}

impl Density {
    fn of(program: &Program) -> Density {
        // All notes off, all that a panic sends, a pulse and a transport message to each port, a pulse's worth of everything.
        // And all lights.
        let silencers = 16 * 16 * 3 + 2 * 256;
        let mut density =
            Density { at_once: f64::from(16 * 256 + silencers), per_tick: program.ports.len() as f64 / 40.0 };
        for pattern in &program.patterns {
            density.at_once += 3.0 * pattern.programs.len() as f64;
            density.per_tick += 3.0 * pattern.programs.len() as f64 / pattern.length.0 as f64;
            for lane in pattern.clips.iter().flat_map(|clip| &clip.lanes) {
                // An off that makes way, an on and its off; or four messages of a value.
                let (events, length) = match &lane.source {
                    Source::Steps(steps) => (4.0 * steps.events.len() as f64, steps.length),
                    Source::Arp(arp) => (4.0, arp.lengths.iter().copied().min().expect("it has one")),
                    // What comes is bounded by what has come.
                    Source::Feed(_) => (4.0 * FEED_CAPACITY as f64, TickSpan(1_000_000)),
                };
                density.at_once += 2.0 * events;
                density.per_tick += events / length.0 as f64;
            }
        }
        // A pulse may come at once, after another or after many that have failed to.
        density.at_once += 96.0 * 40.0 * density.per_tick;
        density
    }
}

/// At the fastest tempo.
fn ticks_per_nano() -> f64 {
    Tempo::FASTEST * 960.0 / 60e9
}

/// In which `program` says no more than can be heard in a reasonable time.
fn longest_wait(program: &Program) -> Span {
    Span((MOST_IN_A_WAIT / (Density::of(program).per_tick * ticks_per_nano())) as i64)
}
