//! The lanes of the pattern that plays: each knows which note comes next, and when.
//!
//! Every lane runs by itself, in its own length. One agenda for each port holds the next note of each lane in order of
//! position, and of the lanes' order where positions are equal; so finding what is due takes no time, and playing a note
//! takes time logarithmic in the number of lanes, however many tracks the set has.
//!
//! A port may run ahead of the others, by its offset. So while one port already plays a pattern that was launched, another
//! may still have notes of the old one to play: there are two banks of lanes, and the old one plays on up to the line.

use super::fixed::{Agenda, Slots};
use super::program::{Arp, Lane, MAX_LANES, MAX_PORTS, PatternSlot, Pick, PortSlot, Program, Source, Steps, TrackSlot};
use super::random::Random;
use crate::midi::{Key, Velocity};
use crate::time::{Tick, TickSpan};

/// How far a legato note sounds into the one that follows: 5 ms at 125 BPM, enough for a synthesizer to see both keys
/// down, and inside one clock pulse.
const LEGATO_OVERLAP: TickSpan = TickSpan(10);

/// How many notes an arpeggio may be moved on to reach a position. Farther off, it begins anew.
const LONGEST_CATCH_UP: usize = 64;

/// A note that a lane wants to play, before transposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// On which track.
    pub track: TrackSlot,
    /// At which position.
    pub at: Tick,
    /// What sounds.
    pub key: Key,
    /// How hard it is struck.
    pub velocity: Velocity,
    /// Where it ends.
    pub off: Tick,
}

/// The next note of a lane. The order of the fields is the order in which notes leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Tick,
    lane: u16,
    bank: u8,
}

const _: () = assert!(MAX_LANES <= u16::MAX as usize);

/// Where a lane is.
#[derive(Clone, Copy, Debug)]
struct LaneState {
    /// The position of its next note, or of the rest that a generator takes there.
    next: Tick,
    /// Written steps: the start of the current pass through the loop.
    pass: Tick,
    /// Written steps: the next note. Arpeggio: the next key.
    cursor: usize,
    /// Arpeggio: the next length.
    turn: usize,
    /// Arpeggio: how much has been played since it began, up to its rest span.
    played: TickSpan,
    random: Random,
}

/// The lanes of one pattern, and up to where they play.
#[derive(Debug)]
struct Bank {
    pattern: PatternSlot,
    lanes: Slots<LaneState>,
    until: Tick,
}

/// The lanes that play. Real-time safe after construction.
#[derive(Debug)]
pub struct Player {
    banks: [Bank; 2],
    /// Which bank is that of the pattern launched last.
    current: usize,
    agendas: Slots<Agenda<Due>>,
}

/// No end is in sight.
const FOREVER: Tick = Tick(i64::MAX);

impl Default for Player {
    fn default() -> Player {
        let bank = || Bank {
            pattern: PatternSlot(0),
            lanes: Slots::from_fn(MAX_LANES, |index| LaneState::new(0, index, Tick::ZERO)),
            until: FOREVER,
        };
        Player {
            banks: [bank(), bank()],
            current: 0,
            agendas: Slots::from_fn(MAX_PORTS, |_| Agenda::with_capacity(2 * MAX_LANES)),
        }
    }
}

impl Player {
    /// The pattern that was launched last.
    #[must_use]
    pub fn pattern(&self) -> PatternSlot {
        self.banks[self.current].pattern
    }

    /// Plays `pattern` from its beginning, which falls at `origin`; up to there what played before plays on. Takes time in
    /// proportion to the lanes of both.
    pub fn launch(&mut self, program: &Program, pattern: PatternSlot, origin: Tick) {
        self.banks[self.current].until = origin;
        self.current = 1 - self.current;
        let current = self.current as u8;
        self.agendas.iter_mut().for_each(|agenda| agenda.retain(|due| due.bank != current && due.at < origin));
        let bank = &mut self.banks[self.current];
        bank.pattern = pattern;
        bank.until = FOREVER;
        for (index, lane) in lanes_of(program, pattern).iter().enumerate().take(MAX_LANES) {
            let state = &mut self.banks[self.current].lanes[index];
            *state = LaneState::new(program.seed, index, origin);
            if let Source::Steps(steps) = &lane.source {
                state.find_next(steps);
            }
            self.schedule(program, self.current, index, lane);
        }
    }

    /// Puts every lane to its first note at or after `position`, as if the pattern had played all along. A loop finds its
    /// place at any distance. An arpeggio, whose past is chance, keeps its own place when that is near (at most 64 of
    /// its notes behind, or one ahead), and otherwise begins anew at the next bar line.
    ///
    /// Takes time in proportion to the lanes, and for each to the logarithm of its notes or to those 64.
    pub fn locate(&mut self, program: &Program, position: Tick) {
        self.clear();
        for (index, lane) in lanes_of(program, self.pattern()).iter().enumerate().take(MAX_LANES) {
            let state = &mut self.banks[self.current].lanes[index];
            match &lane.source {
                Source::Steps(steps) => state.locate_steps(steps, position),
                Source::Arp(arp) => {
                    for _ in 0..LONGEST_CATCH_UP {
                        if state.next < position {
                            state.advance_arp(arp);
                        }
                    }
                    let ahead = state.next - position;
                    if ahead < TickSpan::ZERO || ahead > longest(arp) {
                        *state = LaneState::new(program.seed, index, position.round_up_to(program.meter.bar()));
                    }
                }
            }
            self.schedule(program, self.current, index, lane);
        }
    }

    /// Plays nothing more.
    pub fn clear(&mut self) {
        self.agendas.iter_mut().for_each(Agenda::clear);
    }

    /// The position of the next note on `port`, or of a rest that a generator takes.
    #[must_use]
    pub fn first(&self, port: PortSlot) -> Option<Tick> {
        self.agendas.get(usize::from(port.0))?.first().map(|due| due.at)
    }

    /// Takes the next note on `port`; `None` when there is none, or when it is a rest.
    pub fn play(&mut self, program: &Program, port: PortSlot) -> Option<Strike> {
        let due = self.agendas.get_mut(usize::from(port.0))?.pop()?;
        let (index, bank) = (usize::from(due.lane), usize::from(due.bank));
        let Bank { pattern, lanes, until } = self.banks.get_mut(bank)?;
        let lane = lanes_of(program, *pattern).get(index)?;
        let strike = match &lane.source {
            Source::Steps(steps) => lanes[index].advance_steps(lane.track, steps),
            Source::Arp(arp) => lanes[index].play_arp(lane.track, arp),
        };
        let until = *until;
        self.schedule(program, bank, index, lane);
        strike.map(|strike| Strike { off: strike.off.min(until), ..strike })
    }

    /// Enters the lane's next note into the agenda of its port, unless its bank has come to its end.
    fn schedule(&mut self, program: &Program, bank: usize, index: usize, lane: &Lane) {
        let Bank { lanes, until, .. } = &self.banks[bank];
        let at = lanes[index].next;
        let silent = matches!(&lane.source, Source::Steps(steps) if steps.notes.is_empty());
        let port = program.tracks.get(usize::from(lane.track.0)).map(|track| usize::from(track.port.0));
        if let (false, Some(agenda)) = (silent || at >= *until, port.and_then(|port| self.agendas.get_mut(port))) {
            // Each lane of each bank is entered once, and an agenda has room for all of them.
            let entered = agenda.push(Due { at, lane: index as u16, bank: bank as u8 });
            debug_assert!(entered.is_ok(), "more entries than lanes");
        }
    }
}

impl LaneState {
    fn new(seed: u64, index: usize, origin: Tick) -> LaneState {
        LaneState {
            next: origin,
            pass: origin,
            cursor: 0,
            turn: 0,
            played: TickSpan::ZERO,
            random: Random::new(seed, index as u64),
        }
    }

    fn locate_steps(&mut self, steps: &Steps, position: Tick) {
        let elapsed = (position - self.pass).0;
        self.pass += length_of(steps) * elapsed.div_euclid(length_of(steps).0);
        let within = position - self.pass;
        self.cursor = steps.notes.partition_point(|note| note.at < within);
        self.find_next(steps);
    }

    /// Settles `next` from `pass` and `cursor`, going on to the next pass at the end of the loop.
    fn find_next(&mut self, steps: &Steps) {
        if self.cursor >= steps.notes.len() {
            self.cursor = 0;
            self.pass += length_of(steps);
        }
        if let Some(note) = steps.notes.get(self.cursor) {
            self.next = self.pass + note.at;
        }
    }

    fn advance_steps(&mut self, track: TrackSlot, steps: &Steps) -> Option<Strike> {
        let note = steps.notes.get(self.cursor)?;
        let overlap = if note.legato { LEGATO_OVERLAP } else { TickSpan::ZERO };
        let at = self.next;
        self.cursor += 1;
        self.find_next(steps);
        Some(Strike { track, at, key: note.key, velocity: note.velocity, off: at + note.gate + overlap })
    }

    fn play_arp(&mut self, track: TrackSlot, arp: &Arp) -> Option<Strike> {
        let at = self.next;
        let (key, length) = self.advance_arp(arp)?;
        let gate = TickSpan(length.percent(arp.gate).0.max(1));
        Some(Strike { track, at, key, velocity: arp.velocity, off: at + gate })
    }

    /// Goes on by one note of the arpeggio: its key and length, or `None` for a rest.
    fn advance_arp(&mut self, arp: &Arp) -> Option<(Key, TickSpan)> {
        let rests = arp.rest.is_some_and(|_| self.played == TickSpan::ZERO);
        let length = self.random.choose(&arp.lengths, arp.next_length, self.turn);
        let key = self.random.choose(&arp.keys, arp.next_key, self.cursor);
        let length = length.unwrap_or(TickSpan::QUARTER);
        self.turn = (self.turn + 1) % arp.lengths.len().max(1);
        self.cursor = (self.cursor + 1) % arp.keys.len().max(1);
        self.next += TickSpan(length.0.max(1));
        if let Some(rest) = arp.rest {
            self.played = TickSpan((self.played + length).0.rem_euclid(rest.0.max(1)));
        }
        if rests { None } else { key.map(|key| (key, length)) }
    }
}

impl Random {
    /// One of `choices`: number `turn`, or any.
    fn choose<T: Copy>(&mut self, choices: &[T], pick: Pick, turn: usize) -> Option<T> {
        let index = match pick {
            Pick::Turn => turn,
            Pick::Random => self.below(choices.len()),
        };
        choices.get(index).copied()
    }
}

fn lanes_of(program: &Program, pattern: PatternSlot) -> &[Lane] {
    program.patterns.get(usize::from(pattern.0)).map_or(&[], |pattern| &pattern.lanes)
}

/// The length of a loop. A compiled program has no empty ones; were there one, time would stand still in it.
fn length_of(steps: &Steps) -> TickSpan {
    TickSpan(steps.length.0.max(1))
}

fn longest(arp: &Arp) -> TickSpan {
    arp.lengths.iter().copied().max().unwrap_or(TickSpan::ZERO)
}
