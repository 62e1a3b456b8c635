//! A show that goes on after its process has died: where the music must be by now, and playing on from there.
//!
//! Whoever starts again knows where the music was some seconds ago, and at which tempo. Meanwhile the master has played on,
//! and its pulses have no numbers. So the first pulse that is heard is taken for the one that is nearest to where the music
//! would be at that tempo. That is the right one as long as the tempo has not changed by more than half a pulse, less what
//! the pulse is early or late, adds up to in between: at 125 BPM and ±1 ms, by 0.9 % over one second, or 0.09 % over ten.
//! Nobody could tell from pulses alone.
//!
//! - With a followed clock, the music plays on from that first pulse. As long as none comes, the master has stopped, and the
//!   show waits: for its START, or its CONTINUE, which goes on where the music was. What a master that sends pulses while it
//!   is stopped has done in between cannot be known; it is taken to play on.
//! - With our own clock, it plays on at once, at the next pulse of the grid that it had.
//!
//! What plays is the pattern that played, and in a song the part that belongs to the position. Whoever gets the clock does not
//! know where the music is, and joins at the next bar line, like a device that comes back. The programs of the pattern are
//! sent at once, and so is what it has said of pedals, wheels and pressure by then.
//!
//! Not known any more are what waited for its line, what a pattern left alone of patterns before it outside of a song, and
//! what hands have sent to controllers.

use crate::engine::Engine;
use crate::engine::arrangement::launcher::Choice;
use crate::engine::clock::Clock;
use crate::engine::program::{PartSlot, PatternSlot, Program};
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// With our own clock, the music goes on so long after it was asked to: the real-time thread begins to play by then.
const READY_IN: Span = Span::from_millis(50);

/// Where the music was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resumption {
    /// The position that it had then.
    pub position: Tick,
    /// How long ago that is: not negative.
    pub ago: Span,
    /// How fast it was.
    pub tempo: Tempo,
    /// Whether it played.
    pub runs: bool,
    /// What played.
    pub pattern: PatternSlot,
    /// Where it began, or would have if it had not been jumped into.
    pub origin: Tick,
    /// The part of the song that played, and where the song began.
    pub part: Option<(PartSlot, TickSpan)>,
}

/// What the first pulse is waited for with.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Awaited {
    position: Tick,
    /// When it was there is `ago` before `from`.
    from: Nanos,
    ago: Span,
    tempo: Tempo,
}

impl Awaited {
    /// The position of the music at `at`, in ticks.
    fn at(&self, at: Nanos) -> Tick {
        let gone = i128::from(self.ago.0) + i128::from(at.since(self.from).0);
        // Per pulse, which is rounded to a nanosecond: a millionth of a pulse.
        let pulse = i128::from(self.tempo.span_of(TickSpan::PULSE).0.max(1));
        let ticks = (gone * i128::from(TickSpan::PULSE.0)).div_euclid(pulse);
        self.position + TickSpan(i64::try_from(ticks).unwrap_or(0))
    }
}

impl Engine {
    /// Plays on where a show was that is no more. Called at `at`, before anything else, with an engine that is new. Whether
    /// the music will go on by itself; if not, it waits for START or CONTINUE.
    ///
    /// Takes time in proportion to the lanes, as a start does.
    pub fn resume_show(&mut self, program: &Program, at: Nanos, was: Resumption) -> bool {
        self.happened(at);
        let exists = program.pattern(was.pattern).is_some_and(|pattern| !pattern.vacant);
        if !exists {
            return false;
        }
        let part =
            was.part.filter(|(part, _)| program.song.part(*part).is_some_and(|part| part.pattern == was.pattern));
        let choice = Choice { pattern: was.pattern, part: part.map(|(part, _)| part) };
        self.resume_pattern(program, choice, was.origin, part.map(|(_, origin)| origin));
        let awaited = Awaited { position: was.position, from: at, ago: was.ago, tempo: was.tempo };
        // CONTINUE goes on with the first pulse that had not been played.
        let played = if was.runs { was.position + TickSpan(1) } else { was.position };
        self.transport.place(played.round_up_to(TickSpan::PULSE));
        self.clock = Clock::at_tempo(program, was.tempo);
        if !was.runs {
            return false;
        }
        let pulse = (awaited.at(at + READY_IN) + TickSpan(1)).round_up_to(TickSpan::PULSE);
        let span = was.tempo.span_of(pulse - was.position) - was.ago;
        if self.clock.place(pulse, at + span) {
            self.set_pulses(pulse);
            self.play_on(program, pulse, pulse);
        } else {
            self.resuming = Some(awaited);
        }
        true
    }

    /// A pulse of the followed clock came at `at`: if it is the first that was waited for, the music goes on with it.
    pub(in crate::engine) fn resume_at(&mut self, program: &Program, pulse: Tick, at: Nanos) -> bool {
        let Some(awaited) = self.resuming.take() else { return false };
        let half = TickSpan(TickSpan::PULSE.0 / 2);
        let nearest = Tick((awaited.at(at) + half).0.div_euclid(TickSpan::PULSE.0) * TickSpan::PULSE.0);
        // Nobody waits for the pulses of a silence.
        self.set_pulses(pulse);
        self.play_on(program, pulse, nearest);
        true
    }

    /// It is known at `at` where the session is: if that was waited for, the music goes on, where it would have been by now, or
    /// as near to that as its place in the quantum lets it. Whether it does.
    pub(in crate::engine) fn resume_session(&mut self, program: &Program, at: Nanos) -> bool {
        let Some(timeline) = self.clock.timeline() else { return false };
        let Some(awaited) = self.resuming.take() else { return false };
        let pulse = self.clock.pulse_after(at + READY_IN);
        let position = self.clock.nearest(awaited.at(timeline.time_of(pulse)), pulse);
        self.set_pulses(pulse);
        self.play_on(program, pulse, position.max(Tick::ZERO));
        true
    }

    /// The music goes on at `position`, which falls on `pulse` of the clock; whoever gets the clock is to join.
    fn play_on(&mut self, program: &Program, pulse: Tick, position: Tick) {
        self.transport.place(position);
        self.told_to_play = true;
        self.recovery.lead_astray(self.clocked);
        self.run(program, pulse);
    }
}
