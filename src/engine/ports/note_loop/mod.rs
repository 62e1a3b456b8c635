//! Whether what is played comes back: what we send to one port, on another one, by some thru, a computer or a soft thru.
//!
//! Then whoever listens there answers ourselves. A [`thru`](crate::engine::live::thru) passes each note on again, which comes back again:
//! notes multiply, keys run up the keyboard, pads press themselves. So it is found out, and what comes back does nothing.
//!
//! # Why it cannot be told from its times
//!
//! What comes back comes a constant while after what was sent, its keys a constant distance off. So does a sequencer that plays
//! along with our clock, the note repeat of a pad, an arpeggio, and nearly so two hands in unison. Who hears a thru pass on one
//! note and then plays the next is a chain like any other. A test tells them apart: something leaves that nobody plays, and
//! whoever it comes back from is a loop.
//!
//! # The test
//!
//! [`PROBES`] ends of notes leave, for keys near those that are played, which do not sound and are not held: no instrument
//! makes anything of them. Which keys, and when, chance decides. It is a loop when each of them comes back, off by as much as
//! the notes were, after the same while: hands would have to let go of as many keys that were never down. No note is late for
//! it, left out or altered, so it may be made on slight suspicion: it takes a tenth of a second, and is not made again for
//! [`REST`].
//!
//! # When it is made
//!
//! When some nine messages came by one way, and not many others between them: notes, or values of controllers, pressure, bends and
//! programs, each after the same one was sent, the lags alike. Nothing is examined before what it makes leave has left.
//!
//! # What becomes of a loop
//!
//! What sounds by the keys of that input ends. From then on each message that was sent comes back once and counts as not heard:
//! not for a thru, not for bindings, arpeggios, transposition or recordings. Everything else that comes in there is played as
//! ever, so whoever plays that keyboard plays on. Ends of notes always count: of a note that does not sound they do nothing. A
//! probe every [`PROBED_EVERY`] asks whether the loop is still there; when [`GONE`] have not come back, it is forgotten.
//!
//! # What bounds it before
//!
//! A thru passes on at most [`AT_ONCE`](crate::engine::live::thru::AT_ONCE) notes at once, and then one each [`NOTE_EVERY`](crate::engine::live::thru::NOTE_EVERY): a
//! loop that is faster than that loses the notes it lives on. Values give way on the wire.
//!
//! # What it does not find
//!
//! A loop that takes longer than [`LONGEST_LAG`](trail::LONGEST_LAG), or does not pass ends of notes that were never struck; one that maps keys
//! unevenly; keys that are held for arpeggios on a port whose clock is followed, unless that is listened to for something else.
//!
//! Bounded: a message that comes in is compared with those that left within [`LONGEST_LAG`](trail::LONGEST_LAG), and no more than the trail holds;
//! at most [`MAX_LOOPS`] loops are known, and one is tested at a time.

mod hearing;
mod trail;

use crate::engine::Engine;
use crate::engine::fixed::PortMap;
use crate::engine::lanes::chance::Random;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::Background;
use crate::engine::program::Trigger;
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, Program};
use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Span};
use hearing::Hearing;
use trail::{TOLERANCE, Trail, Way, is_same};

/// How many ends of notes are a test, and how far apart they leave.
const PROBES: usize = 4;
const SHORTEST_GAP: Span = Span::from_millis(3);
const LONGEST_GAP: Span = Span::from_millis(20);

/// The release velocity of a probe: none of ours has it that ends a note.
pub const PROBE_RELEASE: u8 = 1;

/// How far from the notes that are played the keys of probes are, and how often one is drawn before the test is given up.
const NEAR: usize = 12;
const DRAWS: usize = 24;

/// How long an input rests that has been found innocent.
const REST: Span = Span::from_millis(2_000);

/// For how long after something has come in what leaves is remembered: where nobody plays and nothing comes back, nothing is.
const AWAKE: Span = Span::from_millis(2_000);

/// How often a loop is looked for that has been found, and after how many probes in vain it is over: 3 s.
const PROBED_EVERY: Span = Span::from_millis(500);
const GONE: u8 = 6;

/// How many loops are known at once; of more, the last is forgotten.
const MAX_LOOPS: usize = 8;
const _: () = assert!(MAX_LOOPS <= u8::BITS as usize);

/// An end of a note that nobody has played.
#[derive(Clone, Copy, Debug)]
struct Probe {
    key: i8,
    at: Nanos,
}

/// A test that is being made, or a loop that has been found: probes leave, and are waited for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    heard_on: PortSlot,
    way: Way,
    lag: Span,
    /// Where probes go: a channel, and about which key.
    channel: Channel,
    about: i8,
    /// The probes that have not come back, and how many there have been.
    open: [Option<Probe>; PROBES],
    sent: usize,
    /// When the next one leaves, or the test is over.
    next_at: Nanos,
    /// Of a loop, how many probes in turn have not come back.
    missed: u8,
}

impl Asked {
    /// An end of `key` came on `port` at `at`. Whether it is a probe.
    fn answers(&mut self, at: Nanos, port: PortSlot, key: i8) -> bool {
        if self.heard_on != port {
            return false;
        }
        for place in self.open.iter_mut().rev() {
            let Some(probe) = *place else { continue };
            let (lag, by) = (at.since(probe.at), key - probe.key);
            let fits = lag > Span::ZERO && (lag - self.lag).0.abs() <= 2 * TOLERANCE.0;
            if fits && self.way.by.is_none_or(|wanted| wanted == by) {
                *place = None;
                self.way.by = Some(by);
                self.lag = Span((3 * self.lag.0 + lag.0) / 4);
                return true;
            }
        }
        false
    }
}

/// A message that has come in and is yet to be examined.
#[derive(Clone, Copy, Debug)]
struct Heard {
    at: Nanos,
    port: PortSlot,
    message: Message,
}

/// Watches what comes in for what has been sent. Real-time safe after construction.
#[derive(Clone, Debug)]
pub(in crate::engine) struct NoteLoops {
    /// The inputs by which keys or values do something.
    listens: PortSet,
    /// Those on which something comes back.
    returned: PortSet,
    heard: Option<Heard>,
    /// When something came in last.
    heard_at: Nanos,
    test: Option<Asked>,
    loops: [Option<Asked>; MAX_LOOPS],
    hearings: PortMap<Hearing>,
    trail: Trail,
    chance: Random,
    /// Counts the loops that were found and forgotten.
    revision: u32,
    /// Whether what came in last has come back.
    was_returned: bool,
}

impl NoteLoops {
    pub(crate) fn new(program: &Program) -> NoteLoops {
        let mut feedback = NoteLoops {
            listens: PortSet::default(),
            returned: PortSet::default(),
            heard: None,
            heard_at: Nanos(0),
            test: None,
            loops: [None; MAX_LOOPS],
            hearings: PortMap::from_fn(|_| Hearing::NEW),
            trail: Trail::EMPTY,
            chance: Random::new(0, 0),
            revision: 0,
            was_returned: false,
        };
        feedback.adopt(program);
        feedback
    }

    fn settle(&mut self) {
        self.returned = self.loops.iter().flatten().fold(PortSet::default(), |ports, known| ports.with(known.heard_on));
        self.revision = self.revision.wrapping_add(1);
    }

    /// Returns whether what came on `port` at `at` has come back, and is not to be heard.
    pub(crate) fn returns(&mut self, at: Nanos, port: PortSlot, message: Message) -> bool {
        self.was_returned = self.returned.contains(port) && {
            let NoteLoops { trail, loops, .. } = self;
            let known = (0..).zip(loops.iter()).filter_map(|(number, known)| Some((number, (*known)?)));
            let mut known = known.filter(|(_, known)| known.heard_on == port);
            known.any(|(number, known)| trail.take(at, message, known.way, known.lag, number))
        };
        self.was_returned
    }

    /// A message came on `port` at `at`, which is examined later.
    pub(crate) fn hear(&mut self, at: Nanos, port: PortSlot, message: Message) {
        let is_asked = || self.test.is_some() || !self.returned.is_empty();
        if self.listens.contains(port) && (!matches!(message, Message::NoteOff(..)) || is_asked()) {
            self.heard = Some(Heard { at, port, message });
            self.heard_at = at;
        }
    }

    /// Returns when what waits to be examined came.
    pub(crate) fn due(&self) -> Option<Nanos> {
        self.heard.map(|heard| heard.at)
    }

    /// Examines what has come in. The port on which a loop has been found by it.
    fn examine(&mut self, heard: Heard) -> Option<PortSlot> {
        let Heard { at, port, message } = heard;
        if let Message::NoteOff(_, key, _) = message {
            let key = key.number() as i8;
            for known in self.loops.iter_mut().flatten() {
                if known.answers(at, port, key) {
                    known.missed = 0;
                    return None;
                }
            }
            let test = self.test.as_mut()?;
            let is_loop = test.answers(at, port, key) && test.sent == PROBES && test.open.iter().all(Option::is_none);
            return is_loop.then(|| self.convict(at)).flatten();
        }
        let hearing = self.hearings.get_mut(port)?;
        let doubt = hearing.learn(&self.trail, at, message)?;
        if at < hearing.rests_until || self.test.is_some() {
            return None;
        }
        let (channel, about) = match doubt.like {
            Message::NoteOn(channel, key, _) | Message::KeyPressure(channel, key, _) => (channel, key.number() as i8),
            other => (other.channel()?, 60),
        };
        let next_at = at + self.gap();
        self.test = Some(Asked {
            heard_on: port,
            way: doubt.way,
            lag: doubt.lag,
            channel,
            about,
            open: [None; PROBES],
            sent: 0,
            next_at,
            missed: 0,
        });
        None
    }

    fn gap(&mut self) -> Span {
        SHORTEST_GAP + Span(self.chance.below((LONGEST_GAP - SHORTEST_GAP).0 as usize) as i64)
    }

    /// Returns what is tested is a loop.
    fn convict(&mut self, at: Nanos) -> Option<PortSlot> {
        let test = self.test.take()?;
        // What was known has another lag.
        let known =
            |known: &Asked| (known.heard_on, known.way) == (test.heard_on, test.way) && is_same(known.lag, test.lag);
        let place = self.loops.iter().position(|place| place.as_ref().is_some_and(known));
        let free = || self.loops.iter().position(Option::is_none).unwrap_or(MAX_LOOPS - 1);
        let free = place.unwrap_or_else(free);
        self.loops[free] = Some(Asked { next_at: at + PROBED_EVERY, ..test });
        self.hearings[test.heard_on] = Hearing::NEW;
        self.settle();
        Some(test.heard_on)
    }

    /// What is tested is none.
    fn acquit(&mut self, at: Nanos) {
        if let Some(test) = self.test.take() {
            self.hearings[test.heard_on] = Hearing::resting(at + REST);
        }
    }

    /// Returns what is to be asked on `port` at `at`; ends what has been asked for long enough. True of the test, and the place of a
    /// loop otherwise.
    fn ask(&mut self, port: PortSlot, at: Nanos) -> Option<(Option<usize>, Asked)> {
        let is_due = |asked: &Asked| asked.way.sent_to == port && asked.next_at <= at;
        if let Some(test) = self.test.filter(is_due) {
            if test.sent == PROBES {
                self.acquit(at);
                return None;
            }
            return Some((None, test));
        }
        let place = self.loops.iter().position(|known| known.as_ref().is_some_and(is_due))?;
        let known = self.loops[place].as_mut()?;
        known.missed += u8::from(known.open.iter().any(Option::is_some));
        known.open = [None; PROBES];
        if known.missed == GONE {
            self.loops[place] = None;
            self.settle();
            return None;
        }
        known.next_at = at + PROBED_EVERY;
        Some((Some(place), *known))
    }

    /// A probe has left, or none could.
    fn asked(&mut self, place: Option<usize>, at: Nanos, key: Option<i8>) {
        let gap = self.gap();
        match (place, key) {
            (None, None) => self.acquit(at),
            (None, Some(key)) => {
                if let Some(test) = &mut self.test {
                    test.open[test.sent] = Some(Probe { key, at });
                    test.sent += 1;
                    let is_last = test.sent == PROBES;
                    test.next_at = at + if is_last { test.lag + Span(3 * TOLERANCE.0) } else { gap };
                }
            }
            (Some(place), key) => {
                if let Some(known) = &mut self.loops[place] {
                    known.open[0] = key.map(|key| Probe { key, at });
                }
            }
        }
    }
}

impl Background for NoteLoops {
    /// The port by which a probe leaves next, or is waited for.
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        if self.test.is_none() && self.returned.is_empty() {
            return None;
        }
        let asked = self.test.iter().chain(self.loops.iter().flatten());
        asked.map(|asked| (asked.next_at.max(ready(asked.way.sent_to)), asked.way.sent_to)).min()
    }

    fn note_sent(&mut self, out: &Outbox) {
        let asleep_at = self.heard_at + AWAKE;
        for departure in out.iter().filter(|departure| departure.due < asleep_at) {
            self.trail.push(departure.due, departure.port, departure.message);
        }
    }

    fn forget(&mut self, port: PortSlot) {
        if let Some(hearing) = self.hearings.get_mut(port) {
            *hearing = Hearing::NEW;
        }
        let concerns = |asked: &Asked| asked.heard_on == port || asked.way.sent_to == port;
        self.test = self.test.filter(|test| !concerns(test));
        if self.loops.iter().flatten().any(concerns) {
            self.loops.iter_mut().for_each(|known| *known = known.filter(|known| !concerns(known)));
            self.settle();
        }
    }

    /// Looks up where something listens: nothing is opened without need, and where a clock is followed, perhaps only for that.
    fn adopt(&mut self, program: &Program) {
        let ports = (0..program.ports.len().min(MAX_PORTS) as u8).map(PortSlot);
        let unclocked = ports.filter(|port| !program.clock.follow.contains(port));
        let thrus = program.thrus.iter().map(|thru| thru.port);
        let bindings = program.bindings.iter().map(|binding| binding.port);
        let transposes = program.tracks.iter().filter_map(|track| track.transpose).chain(program.transpose);
        let all = unclocked.chain(thrus).chain(bindings).chain(transposes.map(|transpose| transpose.port));
        self.listens = all.fold(PortSet::default(), PortSet::with);
    }

    /// Nothing is asked any more.
    fn end(&mut self, _: Nanos) {
        self.test = None;
        self.loops = [None; MAX_LOOPS];
        self.settle();
    }
}

impl Engine {
    /// The ports that what comes in on `port` was sent to by ourselves, as far as that has been found; it does nothing.
    #[must_use]
    pub fn returned_on(&self, port: PortSlot) -> PortSet {
        let known = self.note_loops.loops.iter().flatten().filter(|known| known.heard_on == port);
        known.fold(PortSet::default(), |ports, known| ports.with(known.way.sent_to))
    }

    /// Changes whenever [`Engine::returned_on`] does.
    #[must_use]
    pub fn feedback_revision(&self) -> u32 {
        self.note_loops.revision
    }

    /// Returns whether the message that came in last was one that comes back, and does nothing.
    #[must_use]
    pub fn was_returned(&self) -> bool {
        self.note_loops.was_returned
    }

    /// Examines what has come in, after all that it makes leave.
    pub(in crate::engine) fn examine(&mut self) {
        let Some(heard) = self.note_loops.heard.take() else { return };
        if let Some(port) = self.note_loops.examine(heard) {
            self.let_go(heard.at, port);
        }
    }

    /// Sends the next probe on `port`, or ends a test there: one message.
    pub(in crate::engine) fn take_probe(&mut self, program: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        let moment = self.moment(at);
        let Some((place, asked)) = self.note_loops.ask(port, moment.time) else { return };
        let key = self.silent_key(program, &asked);
        self.note_loops.asked(place, moment.time, key.map(|key| key.number() as i8));
        if let Some(key) = key {
            self.wires.send(departure(moment, port, Message::NoteOff(asked.channel, key, PROBE_RELEASE)), out);
        }
    }

    /// A key that does not sound where it is asked, and whose end does nothing where it may come back.
    fn silent_key(&mut self, program: &Program, asked: &Asked) -> Option<Key> {
        let Way { sent_to, by } = asked.way;
        let is_bound = |port: PortSlot, key: Key| {
            program.bindings.iter().any(|binding| binding.port == port && binding.trigger == Trigger::Note(key))
        };
        for _ in 0..DRAWS {
            let off = self.note_loops.chance.below(2 * NEAR) as i32 - NEAR as i32;
            let number = i32::from(asked.about) + if off < 0 { off } else { off + 1 };
            let back = number + i32::from(by.unwrap_or(0));
            let key = |number: i32| u8::try_from(number).ok().and_then(Key::new);
            let (Some(key), Some(back)) = (key(number), key(back)) else { continue };
            let is_open = asked.open.iter().flatten().any(|probe| i32::from(probe.key) == number);
            if !is_open
                && !self.ports[sent_to].ledger.sounds(key)
                && !self.keyboards.is_held(asked.heard_on, back)
                && !is_bound(sent_to, key)
                && !is_bound(asked.heard_on, back)
            {
                return Some(key);
            }
        }
        None
    }
}
