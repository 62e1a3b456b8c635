//! What is played and comes back on another port, in virtual time: found out and without effect, wherever it comes back, and
//! nobody who plays along is taken for it.

use std::collections::BTreeMap;

use crate::support::*;
use tightrope::engine::Command;
use tightrope::engine::program::{PortSet, PortSlot, Program};
use tightrope::midi::{Channel, Key, Message, Velocity};
use tightrope::time::{Nanos, Span};

const A: PortSlot = PortSlot(0);
const KEYS: PortSlot = PortSlot(1);
const PADS: PortSlot = PortSlot(2);
const MERGED: PortSlot = PortSlot(3);

/// Two keyboards play an instrument that a pattern plays too.
const SET: &str = r#"
tempo = 125
[ports.a]
device = "A"
[ports.keys]
device = "K"
[ports.pads]
device = "P"
[ports.merged]
device = "M"
[tracks.bass]
port = "a"
channel = 1
[tracks.lead]
port = "a"
channel = 2
thru = "keys"
[tracks.organ]
port = "a"
channel = 3
thru = "pads"
[patterns.p]
bass = { step = "1/16", steps = "c2 . e2 . g2 . . c3 c2 . . a2 . f2 . ." }
"#;

/// What a loop makes of a message on its way; nothing where it is lost.
type Change = Box<dyn FnMut(Message) -> Option<Message>>;

struct Loop {
    sent_to: PortSlot,
    heard_on: PortSlot,
    lag: Box<dyn FnMut() -> Span>,
    change: Change,
    /// The messages that left before were not on it.
    from: usize,
}

/// A show on whose cables messages are under way.
struct Cables {
    show: Show,
    coming: BTreeMap<(Nanos, u64), (PortSlot, Message)>,
    number: u64,
    loops: Vec<Loop>,
    /// The longest piece that time is cut into.
    piece: Option<Span>,
}

impl Cables {
    fn new(program: Program) -> Cables {
        Cables { show: Show::new(program), coming: BTreeMap::new(), number: 0, loops: Vec::new(), piece: None }
    }

    fn send(&mut self, at: Nanos, port: PortSlot, message: Message) {
        self.number += 1;
        self.coming.insert((at, self.number), (port, message));
    }

    /// A key goes down and comes up.
    fn key(&mut self, at: Nanos, port: PortSlot, key: u8, length: Span) {
        self.send(at, port, note_on(1, key));
        self.send(at + length, port, note_off(1, key));
    }

    fn connect(
        &mut self,
        heard_on: PortSlot,
        lag: impl FnMut() -> Span + 'static,
        change: impl FnMut(Message) -> Option<Message> + 'static,
    ) {
        let from = self.show.trace.len();
        self.loops.push(Loop { sent_to: A, heard_on, lag: Box::new(lag), change: Box::new(change), from });
    }

    fn play(&mut self, until: Nanos) {
        loop {
            let deadline = self.show.engine.next_deadline(&self.show.program);
            let input = self.coming.first_key_value().map(|(&(at, _), _)| at);
            let piece = self.piece.map(|piece| self.show.now + piece);
            let next = deadline.into_iter().chain(input).chain(piece).min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            assert!(self.show.trace.len() < 60_000, "it keeps itself going");
            let next = next.max(self.show.now);
            self.show.advance(next);
            if let Some(((at, number), (port, message))) = self.coming.pop_first() {
                if at <= next {
                    self.show.input(port, message);
                } else {
                    self.coming.insert((at, number), (port, message));
                }
            }
            let mut returns = Vec::new();
            for looped in &mut self.loops {
                for sent in self.show.trace[looped.from..].iter().filter(|sent| sent.port == looped.sent_to) {
                    if let Some(message) = (looped.change)(sent.message) {
                        returns.push((next.max(sent.due + (looped.lag)()), looped.heard_on, message));
                    }
                }
                looped.from = self.show.trace.len();
            }
            returns.into_iter().for_each(|(at, port, message)| self.send(at, port, message));
        }
        self.show.advance(until);
    }

    fn play_for(&mut self, ms: f64) {
        self.play(self.show.now + millis(ms));
    }

    fn ons(&self) -> usize {
        self.show.note_ons(A).len()
    }

    fn returned(&self) -> PortSet {
        self.show.engine.returned_on(KEYS)
    }
}

fn millis(ms: f64) -> Span {
    Span((ms * 1e6) as i64)
}

/// A lag, give or take.
fn lag(ms: f64, jitter_ms: f64) -> impl FnMut() -> Span {
    let mut chance = Chance(7);
    move || millis(ms + jitter_ms * (2.0 * chance.unit() - 1.0))
}

/// Moves keys, and changes their velocity and channel, as others do with what goes through them.
fn moved(by: i32, on: u8) -> impl FnMut(Message) -> Option<Message> {
    let on = Channel::from_number(on).unwrap();
    let key = move |key: Key| Key::new(u8::try_from(i32::from(key.number()) + by).ok()?);
    move |message| {
        Some(match message {
            Message::NoteOn(_, k, _) => Message::NoteOn(on, key(k)?, Velocity::MAX),
            Message::NoteOff(_, k, _) => Message::NoteOff(on, key(k)?, 64),
            Message::ControlChange(_, number, value) => Message::ControlChange(on, number, value),
            Message::PitchBend(_, value) => Message::PitchBend(on, value),
            other => other,
        })
    }
}

fn controls(cables: &Cables) -> usize {
    let is_one = |message: Message| matches!(message, Message::ControlChange(..) | Message::PitchBend(..));
    cables.show.trace.iter().filter(|sent| sent.port == A && is_one(sent.message)).count()
}

/// Bars of four quarters at 125 BPM, in which the pattern has seven notes.
const BAR_MS: f64 = 1_920.0;
const PER_BAR: usize = 7;

#[test]
fn notes_that_come_back_are_found_out_and_do_nothing() {
    for (ms, jitter) in [(0.02, 0.0), (0.3, 0.1), (1.0, 0.3), (3.0, 0.5), (11.0, 4.0), (30.0, 1.0), (45.0, 0.5)] {
        for by in [0, 12, -5, 1] {
            let case = format!("{ms} ms, by {by}");
            let mut cables = Cables::new(compile(SET));
            cables.show.command(Command::Start);
            cables.play_for(BAR_MS - 1.0);
            assert_eq!(cables.ons(), PER_BAR);
            cables.connect(KEYS, lag(ms, jitter), moved(by, 9));
            cables.play_for(2.0 * BAR_MS);
            assert_eq!(cables.returned(), PortSet::default().with(A), "{case}");
            let before = cables.ons();
            cables.play_for(4.0 * BAR_MS);
            assert_eq!(cables.ons() - before, 4 * PER_BAR, "{case}: only the pattern is heard");
            assert!(before <= PER_BAR * 3 + 1_500, "{case}: {before} notes before");
            // It is switched off.
            cables.loops.clear();
            cables.play_for(4.0 * BAR_MS);
            assert_eq!(cables.returned(), PortSet::default(), "{case}");
            cables.show.command(Command::Stop);
            assert_eq!((cables.show.engine.sounding(), check_trace(&cables.show.trace)), (0, 0), "{case}");
        }
    }
}

#[test]
fn a_way_is_not_taken_for_its_double() {
    // Each note goes round a dozen times before it runs out of keys, a few of them within the longest lag.
    let set = SET.replace(
        "step = \"1/16\", steps = \"c2 . e2 . g2 . . c3 c2 . . a2 . f2 . .\"",
        "step = \"1/4\", steps = \"c2\"",
    );
    for (ms, jitter, by) in [(8.0, 2.0, 7), (4.0, 0.5, 5), (12.0, 3.0, 4), (2.0, 1.0, -3), (6.0, 0.0, 2)] {
        let mut cables = Cables::new(compile(&set));
        cables.connect(KEYS, lag(ms, jitter), moved(by, 2));
        cables.show.command(Command::Start);
        cables.play_for(BAR_MS);
        let before = cables.ons();
        cables.play_for(2.0 * BAR_MS);
        assert_eq!((cables.returned(), cables.ons() - before), (PortSet::default().with(A), 8), "{ms} ms, by {by}");
    }
}

#[test]
fn whoever_plays_on_such_an_input_is_heard() {
    for by in [0, 7] {
        let mut cables = Cables::new(compile(SET));
        cables.connect(KEYS, lag(2.0, 0.2), moved(by, 1));
        cables.show.command(Command::Start);
        cables.play_for(3.0 * BAR_MS);
        assert_eq!(cables.returned(), PortSet::default().with(A));
        let before = cables.ons();
        let mut chance = Chance(1);
        for number in 0..100 {
            let at = cables.show.now + millis(90.0 * f64::from(number) + 20.0 * chance.unit());
            cables.key(at, KEYS, 60 + (chance.unit() * 12.0) as u8, millis(40.0));
        }
        cables.play_for(10.0 * BAR_MS);
        assert_eq!(cables.ons() - before, 10 * PER_BAR + 100, "by {by}");
        cables.show.command(Command::Stop);
        assert_eq!(cables.show.engine.sounding(), 0);
        cables.show.check();
    }
}

#[test]
fn a_hand_alone_starts_no_avalanche() {
    for ms in [0.05, 5.0, 25.0] {
        let mut cables = Cables::new(compile(SET));
        cables.connect(KEYS, lag(ms, 0.05), moved(0, 1));
        let now = cables.show.now;
        (0..8).for_each(|number| cables.key(now + millis(700.0 * f64::from(number)), KEYS, 60 + number, millis(300.0)));
        cables.play_for(8_000.0);
        assert_eq!(cables.returned(), PortSet::default().with(A), "{ms} ms");
        assert!(cables.ons() <= 8 + 1_500, "{ms} ms: {}", cables.ons());
        assert_eq!((cables.show.engine.sounding(), check_trace(&cables.show.trace)), (0, 0), "{ms} ms");
    }
}

#[test]
fn two_ways_back_are_found_one_after_the_other() {
    let mut cables = Cables::new(compile(SET));
    cables.connect(KEYS, lag(2.0, 0.1), moved(0, 1));
    cables.connect(KEYS, lag(9.0, 0.1), moved(12, 1));
    cables.connect(PADS, lag(1.0, 0.1), moved(0, 1));
    cables.show.command(Command::Start);
    cables.play_for(10.0 * BAR_MS);
    let before = cables.ons();
    cables.play_for(2.0 * BAR_MS);
    assert_eq!(cables.ons() - before, 2 * PER_BAR);
    assert_eq!(cables.show.engine.returned_on(PADS), PortSet::default().with(A));
    cables.show.check();
}

#[test]
fn controllers_that_come_back_do_not_go_round_for_ever() {
    let mut cables = Cables::new(compile(SET));
    cables.connect(KEYS, lag(4.0, 0.2), moved(0, 1));
    let now = cables.show.now;
    let channel = Channel::from_number(1).unwrap();
    for value in 0..40u8 {
        cables.send(now + millis(7.0 * f64::from(value)), KEYS, Message::ControlChange(channel, 1, value));
        cables.send(
            now + millis(7.0 * f64::from(value) + 3.0),
            KEYS,
            Message::PitchBend(channel, 8_192 + u16::from(value)),
        );
    }
    cables.play_for(3_000.0);
    assert_eq!(cables.returned(), PortSet::default().with(A));
    let before = controls(&cables);
    cables.play_for(1_000.0);
    assert_eq!(controls(&cables), before, "nothing goes round");
    cables.send(cables.show.now, KEYS, Message::ControlChange(channel, 1, 99));
    cables.play_for(1_000.0);
    assert_eq!(controls(&cables), before + 1, "and hands are heard");
}

#[test]
fn pads_do_not_press_themselves() {
    let pad = "[[bind]]\non = \"pads note 36\"\ndo = \"mute bass\"\nlight = \"1 64 127\"\n\
               [[bind]]\non = \"pads note 48\"\ndo = \"fill\"\n";
    let mut cables = Cables::new(compile(&format!("{SET}{pad}").replace("thru = \"pads\"", "")));
    cables.show.command(Command::Start);
    // The lights of the pads come back as presses, and so does the bass's g.
    for sent_to in [PADS, A] {
        cables.loops.push(Loop {
            sent_to,
            heard_on: PADS,
            lag: Box::new(lag(3.0, 0.1)),
            change: Box::new(moved(5, 1)),
            from: cables.show.trace.len(),
        });
    }
    cables.loops[0].change = Box::new(moved(0, 1));
    cables.show.input(PADS, note_on(1, 36));
    cables.play_for(10.0 * BAR_MS);
    let (lights, fills) = (cables.show.note_ons(PADS).len(), cables.show.engine.fills());
    cables.play_for(2.0 * BAR_MS);
    assert_eq!((cables.show.note_ons(PADS).len(), cables.show.engine.fills()), (lights, fills), "nobody presses them");
}

#[test]
fn a_loop_that_is_not_found_out_cannot_flood() {
    // Ends of notes are lost on it, and so are probes.
    for ms in [0.02, 0.5] {
        let mut cables = Cables::new(compile(SET));
        let mut by_one = moved(0, 1);
        cables.connect(KEYS, lag(ms, 0.0), move |message| match message {
            Message::NoteOff(..) => None,
            other => by_one(other),
        });
        cables.show.command(Command::Start);
        cables.play_for(5.0 * BAR_MS);
        assert_eq!(cables.returned(), PortSet::default());
        let most = 5 * PER_BAR + 128 + (5.0 * BAR_MS / 2.0) as usize + 1;
        assert!(cables.ons() <= most, "{ms} ms: {} notes", cables.ons());
        assert!(cables.show.engine.gave_way(KEYS).withheld > 0, "and it is counted");
        cables.show.check();
    }
}

#[test]
fn how_time_is_cut_is_not_heard() {
    let play = |piece: Option<Span>| {
        let mut cables = Cables { piece, ..Cables::new(compile(SET)) };
        cables.connect(KEYS, lag(4.0, 0.5), moved(2, 1));
        cables.show.command(Command::Start);
        let now = cables.show.now;
        (0..60).for_each(|key| cables.key(now + millis(91.0 * f64::from(key)), KEYS, 60 + key % 7, millis(50.0)));
        cables.play_for(3.0 * BAR_MS);
        cables.loops.clear();
        cables.play_for(3.0 * BAR_MS);
        assert!(probes(&cables) > 8);
        text(&cables.show.trace)
    };
    let fine = play(None);
    for piece in [0.05, 0.37, 2.0] {
        assert_eq!(play(Some(millis(piece))), fine, "in pieces of {piece} ms");
    }
}

/// How many ends of notes left that nobody struck.
fn probes(cables: &Cables) -> usize {
    let is_probe = |sent: &&tightrope::engine::outbox::Departure| {
        sent.track.is_none() && matches!(sent.message, Message::NoteOff(..))
    };
    cables.show.trace.iter().filter(is_probe).count()
}

/// Plays `hits` on the keys beside the pattern, and sees that each is passed on and nobody is accused.
fn is_heard(case: &str, hits: &[(Nanos, PortSlot, u8, Span)]) -> usize {
    let mut cables = Cables::new(compile(SET));
    cables.show.command(Command::Start);
    let begun = cables.show.now;
    for &(at, port, key, length) in hits {
        cables.key(begun + Span(at.0 as i64), port, key, length);
    }
    let end = hits.iter().map(|hit| hit.0).max().unwrap();
    let bars = Span(end.0 as i64).0 as f64 / 1e6 / BAR_MS;
    cables.play_for(bars.ceil() * BAR_MS - 1.0);
    cables.play_for(1.5);
    for port in [KEYS, PADS] {
        assert_eq!(cables.show.engine.returned_on(port), PortSet::default(), "{case}");
    }
    let channel = |port| if port == KEYS { 2 } else { 3 };
    for port in [KEYS, PADS] {
        let played = hits.iter().filter(|hit| hit.1 == port).count();
        let is_on = |message| matches!(message, Message::NoteOn(on, ..) if on.number() == channel(port));
        let heard = cables.show.trace.iter().filter(|sent| is_on(sent.message)).count();
        assert_eq!(heard, played, "{case}");
    }
    cables.show.check();
    probes(&cables)
}

/// Where the pattern has its notes, in ms, and their keys, for so many bars.
fn pattern(bars: u32) -> Vec<(f64, u8)> {
    let steps = [(0, 36), (2, 40), (4, 43), (7, 48), (8, 36), (11, 45), (13, 41)];
    let of_bar = |bar: u32| steps.map(|(step, key)| (f64::from(bar) * BAR_MS + f64::from(step) * 120.0, key));
    (0..bars).flat_map(of_bar).collect()
}

fn at(ms: f64) -> Nanos {
    Nanos((ms.max(0.0) * 1e6) as u64)
}

#[test]
fn hands_in_unison_with_a_pattern_are_no_loop() {
    for seed in 0..100 {
        let mut chance = Chance(seed);
        let (behind, spread, by) = ([0.5, 3.0, 8.0, 20.0][seed as usize % 4], 4.0, [0, 12, -12][seed as usize % 3]);
        let mut hits = Vec::new();
        for (ms, key) in pattern(16) {
            let early = spread * (2.0 * chance.unit() - 1.0);
            hits.push((at(ms + behind + early), KEYS, (i32::from(key) + by) as u8, millis(80.0)));
        }
        is_heard(&format!("seed {seed}"), &hits);
    }
}

#[test]
fn a_sequencer_that_plays_along_is_no_loop() {
    // As exact as can be: another machine that follows our clock and plays the same notes.
    for behind in [0.01, 0.5, 2.0, 10.0, 40.0] {
        for by in [0, 7] {
            let hits: Vec<_> =
                pattern(32).into_iter().map(|(ms, key)| (at(ms + behind), KEYS, key + by, millis(60.0))).collect();
            let probes = is_heard(&format!("{behind} ms behind, by {by}"), &hits);
            assert!(probes <= 4 * 33, "{probes} probes in a minute");
        }
    }
}

#[test]
fn rolls_and_runs_are_no_loop() {
    // The note repeat of a machine, an arpeggio in octaves, and a run of semitones: each a chain of equal links.
    for every in [4.0, 7.5, 12.5, 15.0, 20.0, 30.0, 41.7, 60.0] {
        for (by, keys) in [(0, 1), (12, 4), (1, 40)] {
            let hits: Vec<_> = (0..600)
                .map(|hit| (at(f64::from(hit) * every), KEYS, (40 + by * (hit % keys)) as u8, millis(every * 0.5)))
                .collect();
            is_heard(&format!("every {every} ms by {by}"), &hits);
        }
    }
    // Hands that roll.
    let mut chance = Chance(3);
    let hits: Vec<_> =
        (0..400).map(|hit| (at(f64::from(hit) * 45.0 + 9.0 * chance.unit()), KEYS, 38, millis(20.0))).collect();
    is_heard("hands", &hits);
}

#[test]
fn two_who_play_the_same_are_no_loop() {
    for seed in 0..50 {
        let mut chance = Chance(seed);
        let mut hits = Vec::new();
        for number in 0..200 {
            let (ms, key) = (f64::from(number) * 130.0 + 40.0 * chance.unit(), 50 + (chance.unit() * 9.0) as u8);
            hits.push((at(ms), KEYS, key, millis(60.0)));
            hits.push((at(ms + 2.0 + 3.0 * chance.unit()), PADS, key, millis(60.0)));
        }
        is_heard(&format!("seed {seed}"), &hits);
    }
}

#[test]
fn a_keyboard_that_says_how_it_is_is_no_loop() {
    // The same value again and again, and a wheel that is moved as the pattern moves one.
    let set = SET.to_owned() + "cc = { bass = { 1 = { lfo = \"sine\", length = \"1/1\" } } }\n";
    let mut cables = Cables::new(compile(&set));
    cables.show.command(Command::Start);
    let begun = cables.show.now;
    let channel = Channel::from_number(1).unwrap();
    for number in 0..1_000 {
        let value = if number < 500 { 64 } else { (number % 128) as u8 };
        cables.send(begun + millis(10.0 * f64::from(number)), KEYS, Message::ControlChange(channel, 1, value));
    }
    cables.play_for(12_000.0);
    assert_eq!(cables.returned(), PortSet::default());
    let lead = Channel::from_number(2).unwrap();
    let passed = cables.show.count(A, Message::ControlChange(lead, 1, 64));
    assert!(passed >= 400, "{passed}");
}

#[test]
fn an_input_that_only_leads_is_not_asked() {
    let set = SET.replace("tempo = 125", "clock = { follow = \"merged\" }");
    let mut cables = Cables::new(compile(&set));
    cables.show.input(MERGED, Message::Start);
    cables.connect(MERGED, lag(3.0, 0.0), |message| {
        matches!(message, Message::NoteOn(..) | Message::NoteOff(..)).then_some(message)
    });
    let begun = cables.show.now;
    (0..960).for_each(|pulse| cables.send(begun + Span(PULSE.0 * pulse), MERGED, Message::Clock));
    cables.play(begun + Span(PULSE.0 * 960));
    assert!(cables.ons() > 60);
    assert_eq!((cables.show.engine.returned_on(MERGED), probes(&cables)), (PortSet::default(), 0));
}

#[test]
fn a_show_that_has_borne_junk_finds_its_loop() {
    for is_junk in [false, true] {
        let mut cables = Cables::new(compile(include_str!("stage/sets/hostile.toml")));
        cables.show.command(Command::Start);
        cables.play_for(BAR_MS);
        if is_junk {
            let mut chance = Chance(5);
            let mut number = |below: u8| (chance.unit() * f64::from(below)) as u8;
            for _ in 0..8_000 {
                let on = Channel::from_number(1 + number(15)).unwrap();
                let message = match number(6) {
                    0 | 1 => Message::NoteOn(on, Key::from_data(number(128)), Velocity::MAX),
                    2 => Message::NoteOff(on, Key::from_data(number(128)), 0),
                    3 => Message::ControlChange(on, number(128), number(128)),
                    4 => Message::ProgramChange(on, number(128)),
                    _ => Message::KeyPressure(on, Key::from_data(number(128)), number(128)),
                };
                cables.show.input(PortSlot(0), message);
                cables.show.wait(Span::from_micros(100));
            }
            let all = Message::ControlChange(Channel::from_number(2).unwrap(), 123, 0);
            cables.show.input(PortSlot(0), all);
            cables.show.input(PortSlot(0), note_on(16, 38));
            cables.show.input(PortSlot(0), note_off(16, 38));
            cables.show.reopen(PortSlot(1), true);
            cables.play_for(2.0 * BAR_MS);
        }
        cables.connect(PortSlot(0), lag(0.52, 0.0), moved(7, 2));
        cables.loops[0].sent_to = PortSlot(1);
        cables.play_for(BAR_MS);
        assert!(!cables.show.engine.returned_on(PortSlot(0)).is_empty(), "{is_junk}");
    }
}
