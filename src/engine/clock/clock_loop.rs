//! Whether a clock that comes in is our own, sent back by some device.
//!
//! # Why it cannot be told from its times
//!
//! A clock that follows ours comes at our tempo, a constant while after our pulses. So does a steady master that we follow
//! ourselves, wherever a port's offset makes us send before or after its pulse. Only a test tells them apart: something is
//! changed in what we send, and whoever hears our clock changes with it, while a master does not know of it.
//!
//! # The test
//!
//! Pulses are sent in pairs of which one leaves [`SWING`] late; which of the two, chance decides for each pair and port. In
//! what comes in, the later half of our pairs is compared with the earlier one. For an echo the mean of the differences is
//! [`SWING`]; for a master it is nothing, with the deviation of its jitter over the square root of the pairs. It is an echo
//! when the mean is near [`SWING`] and [`SURE`] such deviations from nothing, and none when it is as far from half of
//! [`SWING`]. A clock without jitter has told after [`FEWEST`] pairs; one of ±1 ms is told by twice as many; none is
//! tested for longer than [`LONGEST_TEST`]. Drift and changes of tempo are the same for both halves of a pair.
//!
//! No pulse is left out or added, for slaves count them; none is early, and no note is touched. [`SWING`] is a frame of USB
//! at full speed: less could vanish between two of them. It is no more than such a frame does to a clock anyway.
//!
//! # When it is made
//!
//! Not without suspicion. In two blocks of [`BLOCK`] pulses each they must have come a constant while after ours (or what is
//! the same, before the next), farther from them than they scatter. On a master that is followed without an offset, ours
//! lie between its pulses' scatter. Whoever has been found innocent is not tested again before its lag has changed and some
//! bars are over, more each time.
//!
//! # What it does not find
//!
//! A device that makes a clock of its own of ours, and averages over many pulses; one that sends ours back within 50 us, or
//! within as little of a whole number of pulses; a pulse that is passed on raw, which nothing can be told by; and an echo that
//! shares a cable with a master from the beginning and lies in the middle third between its pulses, for that is a clock of
//! twice the tempo.
//!
//! Everything is real-time safe: fixed arrays, a few steps for each port that is sent a clock, for each pulse that comes in.

use crate::engine::lanes::chance::Random;
use crate::engine::program::{MAX_PORTS, MAX_SOURCES, PortSet, PortSlot};
use crate::time::{Nanos, Span};

/// How late one of each pair of pulses leaves during a test.
const SWING: Span = Span::from_millis(1);

/// How many pulses tell a lag, twice.
const BLOCK: u32 = 16;

/// A lag of less is none, in ns.
const SHORTEST_LAG: f64 = 50e3;

/// A lag is constant, and apart from none, when it is longer than so many deviations.
const APART: f64 = 2.0;

/// What scatters by more, in ns, has no constant lag: it is another tempo, or a change of it.
const MOST_DEVIATION: f64 = 1e6;

/// Lags that differ by less are the same, in ns.
const SAME_LAG: f64 = 300e3;

/// Deviations that a verdict rests on, of a mean over at least [`FEWEST`] pairs: one in some millions, for a clock that is
/// just so unsteady that the test decides at all.
const SURE: f64 = 7.0;
const FEWEST: u32 = 20;

/// No clock is believed to be steadier, in ns.
const LEAST_DEVIATION: f64 = 20e3;

/// For so many of our pulses a test lasts at most: with the blocks before it, two bars.
const LONGEST_TEST: u32 = 144;

/// For so many incoming pulses nobody is tested again who was found innocent twice, doubled each time: 4 bars to 64.
const FIRST_REST: u32 = 4 * 96;
const LONGEST_REST: u32 = 64 * 96;

/// So many of our pulses without an echo, of which each that has one makes up for half, and the loop is open.
const UNANSWERED: u32 = 12;

/// A silence of so many pulses, and whoever comes then is somebody new.
const SILENCE: i64 = 8;

/// How many of our pulses are remembered for each port: an echo is up to two pulses late.
const REMEMBERED: usize = 4;

/// One of our pulses.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: i64,
    /// When it was due without the test.
    due: Nanos,
    /// Whether it was part of a test, and left late for it.
    tested: bool,
    late: bool,
    /// Whether its echo has come.
    answered: bool,
}

/// Our latest pulses to one port.
#[derive(Clone, Copy, Debug)]
struct Log {
    pulses: [Option<Sent>; REMEMBERED],
    next: usize,
}

impl Log {
    const EMPTY: Log = Log { pulses: [None; REMEMBERED], next: 0 };

    fn push(&mut self, sent: Sent) {
        self.pulses[self.next] = Some(sent);
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn latest(&self) -> Option<Sent> {
        self.pulses[(self.next + REMEMBERED - 1) % REMEMBERED]
    }

    fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.pulses.iter().flatten()
    }
}

/// A mean and a deviation of a few values that lie close together.
#[derive(Clone, Copy, Debug)]
struct Sample {
    count: u32,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Sample {
    const EMPTY: Sample = Sample { count: 0, first: 0.0, sum: 0.0, squares: 0.0 };

    fn add(&mut self, value: f64) {
        if self.count == 0 {
            self.first = value;
        }
        let off = value - self.first;
        self.count += 1;
        self.sum += off;
        self.squares += off * off;
    }

    fn mean(&self) -> f64 {
        self.first + self.sum / f64::from(self.count.max(1))
    }

    fn deviation(&self) -> f64 {
        let count = f64::from(self.count);
        if self.count < 2 {
            0.0
        } else {
            ((self.squares - self.sum * self.sum / count) / (count - 1.0)).max(0.0).sqrt()
        }
    }
}

/// By how much pulses come in after ours to one port.
#[derive(Clone, Copy, Debug)]
struct Lag {
    block: Sample,
    last: f64,
    /// The mean of the block before, from 0 to a pulse.
    mean: Option<f64>,
    /// The same, where it was constant and apart.
    steady: Option<f64>,
    /// The same, where the one before it was too, and they agree.
    constant: Option<f64>,
}

impl Lag {
    const EMPTY: Lag = Lag { block: Sample::EMPTY, last: 0.0, mean: None, steady: None, constant: None };

    /// A pulse came `lag` ns after ours, whole pulses left out of account.
    fn learn(&mut self, lag: f64, period: f64) {
        // On the side of the one before, so that a lag about a whole pulse does not jump.
        let lag = if self.block.count == 0 { lag } else { lag + period * ((self.last - lag) / period).round() };
        self.last = lag;
        self.block.add(lag);
        if self.block.count < BLOCK {
            return;
        }
        let (mean, deviation) = (self.block.mean(), self.block.deviation());
        let from_none = (mean - period * (mean / period).round()).abs();
        self.mean = Some(mean.rem_euclid(period));
        let is_steady = deviation <= MOST_DEVIATION && from_none > SHORTEST_LAG.max(APART * deviation);
        let steady = self.mean.filter(|_| is_steady);
        let same = |before: f64| apart(mean, before, period) <= SHORTEST_LAG.max(APART * deviation);
        self.constant = steady.filter(|_| self.steady.is_some_and(same));
        self.steady = steady;
        self.block = Sample::EMPTY;
    }
}

/// Returns how far two lags are from each other, whole pulses left out of account.
fn apart(one: f64, other: f64, period: f64) -> f64 {
    let off = one - other;
    (off - period * (off / period).round()).abs()
}

/// The echo that has been found on a port.
#[derive(Clone, Copy, Debug)]
struct Found {
    sent_to: PortSlot,
    /// How long it takes, in ns, and by how much that differs.
    lag: f64,
    tolerance: f64,
    /// Whether it is kept apart from the pulses of a master on the same cable.
    followed: bool,
    /// How many of our pulses have had none, twice, less those that have.
    unanswered: u32,
}

/// A port on which a clock comes in.
#[derive(Clone, Copy, Debug)]
struct Hearing {
    port: PortSlot,
    heard_at: Nanos,
    lags: [Lag; MAX_PORTS],
    found: Option<Found>,
    /// The lags with which it was found innocent.
    innocent: [Option<f64>; MAX_PORTS],
    rest: u32,
    rest_left: u32,
}

impl Hearing {
    fn new(port: PortSlot) -> Hearing {
        Hearing {
            port,
            heard_at: Nanos(0),
            lags: [Lag::EMPTY; MAX_PORTS],
            found: None,
            innocent: [None; MAX_PORTS],
            rest: 0,
            rest_left: 0,
        }
    }
}

/// The differences between late pulses and others, under one assumption of whose echo it is.
#[derive(Clone, Copy, Debug)]
struct Pairs {
    /// The first pulse of the pair: which pair, its lag, and whether it was late.
    first: Option<(i64, f64, bool)>,
    differences: Sample,
    /// The lags of those that were not late.
    lags: Sample,
}

impl Pairs {
    const EMPTY: Pairs = Pairs { first: None, differences: Sample::EMPTY, lags: Sample::EMPTY };

    fn add(&mut self, sent: &Sent, lag: f64) {
        let pair = sent.number >> 1;
        if sent.number & 1 == 0 {
            self.first = Some((pair, lag, sent.late));
        } else if let Some((_, other, was_late)) = self.first.take().filter(|first| first.0 == pair) {
            let (late, early) = if was_late { (other, lag) } else { (lag, other) };
            self.differences.add(late - early);
            self.lags.add(early);
        }
    }

    /// Returns how sure the mean is: it is off by no more than this.
    fn bound(&self) -> f64 {
        SURE * self.differences.deviation().max(LEAST_DEVIATION) / f64::from(self.differences.count.max(1)).sqrt()
    }

    fn is_echo(&self) -> bool {
        let (swing, mean) = (SWING.0 as f64, self.differences.mean());
        self.differences.count >= FEWEST && (mean - swing).abs() <= swing / 2.0 && mean >= self.bound()
    }

    fn is_innocent(&self) -> bool {
        self.differences.mean() + self.bound() < SWING.0 as f64 / 2.0
    }
}

/// A test that is being made.
#[derive(Clone, Copy, Debug)]
struct Test {
    /// Of which hearing.
    hearing: usize,
    /// The lags that made it suspicious.
    suspicions: [Option<f64>; MAX_PORTS],
    /// The ports whose pulses it may hear, with the lag after them.
    lags: [Option<f64>; MAX_PORTS],
    /// An echo of the pulse that the lag tells, and of the one before that.
    pairs: [[Pairs; 2]; MAX_PORTS],
    /// For how many pulses to each of the ports it goes on at most.
    left: [u32; MAX_PORTS],
}

/// Watches the clocks that come in for our own.
#[derive(Clone, Debug)]
pub(crate) struct ClockLoops {
    logs: [Log; MAX_PORTS],
    /// As many as there can be sources; without a source to follow, the first ports that a clock comes in on.
    hearings: [Option<Hearing>; MAX_SOURCES],
    test: Option<Test>,
    /// The ports of whose pulses one in each pair is late.
    swung: PortSet,
}

impl Default for ClockLoops {
    fn default() -> ClockLoops {
        ClockLoops {
            logs: [Log::EMPTY; MAX_PORTS],
            hearings: [None; MAX_SOURCES],
            test: None,
            swung: PortSet::default(),
        }
    }
}

impl ClockLoops {
    /// Returns by how much the pulse `number` to `port` leaves late, for the sake of a test.
    #[must_use]
    pub(crate) fn delay(&self, port: PortSlot, number: i64) -> Span {
        if self.swung.contains(port) && is_late(port, number) { SWING } else { Span::ZERO }
    }

    /// The pulse `number` leaves by `port`; it was `due` then, but for a test.
    pub(crate) fn sent(&mut self, port: PortSlot, number: i64, due: Nanos) {
        let index = usize::from(port.0);
        let tested = self.swung.contains(port);
        self.logs[index].push(Sent { number, due, tested, late: tested && is_late(port, number), answered: false });
        if let Some(test) = self.test.as_mut().filter(|test| test.lags[index].is_some()) {
            test.left[index] = test.left[index].saturating_sub(1);
            if test.left[index] == 0 {
                self.acquit();
            }
        }
        let mut opened = false;
        for hearing in self.hearings.iter_mut().flatten() {
            if let Some(found) = hearing.found.as_mut().filter(|found| found.sent_to == port) {
                found.unanswered += 2;
                if found.unanswered > 2 * UNANSWERED {
                    *hearing = Hearing::new(hearing.port);
                    opened = true;
                }
            }
        }
        if opened {
            self.swing();
        }
    }

    /// Looks up which ports' pulses are sent late by turns: those of a test; and those whose echo shares the cable with a clock
    /// that is followed, so that the two stay apart wherever the master's pulses lie.
    fn swing(&mut self) {
        self.swung = PortSet::default();
        for (port, lag) in (0..).map(PortSlot).zip(self.test.iter().flat_map(|test| &test.lags)) {
            if lag.is_some() {
                self.swung = self.swung.with(port);
            }
        }
        let found = self.hearings.iter().flatten().filter_map(|hearing| hearing.found);
        for found in found.filter(|found| found.followed) {
            self.swung = self.swung.with(found.sent_to);
        }
    }

    /// The port by which the clock left that comes back on `port`; `None` where none does.
    #[must_use]
    pub(crate) fn of(&self, port: PortSlot) -> Option<PortSlot> {
        let hearing = self.hearings.iter().flatten().find(|hearing| hearing.port == port)?;
        hearing.found.map(|found| found.sent_to)
    }

    /// Returns whether the pulse that came on `port` at `at` is an echo of ours, as far as one has been found there.
    pub(crate) fn is_own(&mut self, port: PortSlot, at: Nanos) -> bool {
        let Some(hearing) = self.hearings.iter_mut().flatten().find(|hearing| hearing.port == port) else {
            return false;
        };
        let Some(found) = &mut hearing.found else { return false };
        let comes_of = |sent: &&mut Sent| {
            let delay = if sent.late { SWING } else { Span::ZERO };
            (at.since(sent.due + delay).0 as f64 - found.lag).abs() <= found.tolerance
        };
        // Each of our pulses comes back once.
        let mut pulses = self.logs[usize::from(found.sent_to.0)].pulses.iter_mut().flatten();
        let Some(sent) = pulses.find(|sent| !sent.answered && comes_of(sent)) else { return false };
        sent.answered = true;
        found.unanswered = found.unanswered.saturating_sub(3);
        true
    }

    /// A pulse came on `port` at `at`, at a tempo of `period` from pulse to pulse. `followed` says that it counts.
    pub(crate) fn heard(&mut self, port: PortSlot, at: Nanos, period: Span, followed: bool) {
        let period = period.0 as f64;
        let Some(index) = self.index_of(port) else { return };
        let Some(hearing) = &mut self.hearings[index] else { return };
        if at.since(hearing.heard_at).0 as f64 > SILENCE as f64 * period {
            *hearing = Hearing { found: hearing.found, ..Hearing::new(port) };
        }
        hearing.heard_at = at;
        if hearing.found.is_some() {
            return;
        }
        if self.test.as_ref().is_some_and(|test| test.hearing == index) {
            self.weigh(at, period, followed);
            return;
        }
        hearing.rest_left = hearing.rest_left.saturating_sub(1);
        let mut suspicious = false;
        for ((lag, log), innocent) in hearing.lags.iter_mut().zip(&self.logs).zip(&hearing.innocent) {
            let Some(sent) = log.latest() else { continue };
            let since = at.since(sent.due).0 as f64;
            if since > 2.0 * period {
                *lag = Lag::EMPTY;
                continue;
            }
            lag.learn(since, period);
            let known = |lag: f64| innocent.is_some_and(|innocent| apart(lag, innocent, period) < SAME_LAG);
            suspicious |= lag.constant.is_some_and(|lag| !known(lag));
        }
        if suspicious && hearing.rest_left == 0 && self.test.is_none() {
            self.test = Some(Test {
                hearing: index,
                suspicions: hearing.lags.map(|lag| lag.constant),
                lags: hearing.lags.map(|lag| lag.mean),
                pairs: [[Pairs::EMPTY; 2]; MAX_PORTS],
                left: [LONGEST_TEST; MAX_PORTS],
            });
            self.swing();
        }
    }

    /// Returns which hearing is that of `port`; a new one if there is room.
    fn index_of(&mut self, port: PortSlot) -> Option<usize> {
        let known = self.hearings.iter().position(|hearing| hearing.is_some_and(|hearing| hearing.port == port));
        known.or_else(|| {
            let free = self.hearings.iter().position(Option::is_none)?;
            self.hearings[free] = Some(Hearing::new(port));
            Some(free)
        })
    }

    /// Takes the pulse that came at `at` into the test, and comes to a verdict if it can.
    fn weigh(&mut self, at: Nanos, period: f64, followed: bool) {
        let Some(test) = &mut self.test else { return };
        let mut innocent = true;
        let mut found = None;
        for (port, lag) in test.lags.iter().enumerate() {
            let (Some(lag), Some(latest)) = (lag, self.logs[port].latest()) else { continue };
            // Half of the swing is in each pulse, whether or not it was late.
            let after = at.since(latest.due).0 as f64 - lag - SWING.0 as f64 / 2.0;
            let number = latest.number + (after / period).round() as i64;
            // What comes at the time of a pulse that is yet to leave is none of ours; but it is to be weighed.
            let next = Sent {
                number: latest.number + 1,
                due: latest.due + Span(period as i64),
                late: is_late(PortSlot(port as u8), latest.number + 1),
                ..latest
            };
            for (back, pairs) in (0..).zip(&mut test.pairs[port]) {
                let mut pulses = self.logs[port].iter().chain([&next]);
                if let Some(sent) = pulses.find(|sent| sent.number == number - back && sent.tested) {
                    pairs.add(sent, at.since(sent.due).0 as f64);
                }
                if pairs.is_echo() {
                    found = Some(Found {
                        sent_to: PortSlot(port as u8),
                        lag: pairs.lags.mean(),
                        followed,
                        tolerance: (4.0 * pairs.lags.deviation()).clamp(2.0 * SHORTEST_LAG, period / 4.0),
                        unanswered: 0,
                    });
                }
                innocent &= pairs.is_innocent();
            }
            innocent &= test.pairs[port][0].differences.count >= FEWEST;
        }
        if found.is_some() {
            let hearing = test.hearing;
            self.test = None;
            if let Some(hearing) = &mut self.hearings[hearing] {
                hearing.found = found;
            }
            self.swing();
        } else if innocent {
            self.acquit();
        }
    }

    /// The test is over, and has found nothing.
    fn acquit(&mut self) {
        let Some(test) = self.test.take() else { return };
        self.swing();
        if let Some(hearing) = &mut self.hearings[test.hearing] {
            hearing.innocent = test.suspicions;
            hearing.rest_left = hearing.rest;
            hearing.rest = (hearing.rest * 2).clamp(FIRST_REST, LONGEST_REST);
            hearing.lags = [Lag::EMPTY; MAX_PORTS];
        }
    }
}

/// Returns whether the pulse `number` to `port` is the late one of its pair.
fn is_late(port: PortSlot, number: i64) -> bool {
    let chance = Random::new((number >> 1).cast_unsigned(), u64::from(port.0)).next();
    chance & 1 == (number & 1).cast_unsigned()
}
