//! The show in virtual time: what a set plays from START on, on its own clock, with nobody at the instruments.
//!
//! The engine is driven from deadline to deadline as the real-time thread would drive it, so what is rendered is what is
//! played. What has to do with wires and not with music is left out: nothing is followed, no clock is sent, and the offsets
//! of the ports do not count, so that positions are those of the score; and no value gives way to a note.
//!
//! A command for a position is given a nanosecond before it, because whoever says "launch it at bar 5" wants to hear it
//! there; what is given *at* a line counts for the next one.

use crate::engine::clock::timeline::Timeline;
use crate::engine::outbox::Outbox;
use crate::engine::program::PartSlot;
use crate::engine::program::{ClockOut, PatternSlot, PortSlot, Program, TrackSlot};
use crate::engine::{Command, Engine, Progress};
use crate::midi::Message;
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// The most messages a rendering may have: about 500 MB of them.
pub const MOST_MESSAGES: usize = 10_000_000;
/// The most events that are looked at: most of them may be left out on most passes.
const MOST_EVENTS: usize = 10 * MOST_MESSAGES;

/// What is to be rendered of a show.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How much of it, from its beginning. Positive.
    pub length: TickSpan,
    /// What somebody does meanwhile, and where; in any order. What is at the beginning or before is done before START.
    pub commands: Vec<(Tick, Command)>,
}

/// A show, rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendering {
    /// How long it is.
    pub length: TickSpan,
    /// All messages in the order in which they leave. Every note-on is followed by its note-off.
    pub sent: Vec<Sent>,
    /// Where patterns begin, in order.
    pub marks: Vec<Mark>,
    /// The tempos with the positions from which they count, in order. The first counts from the beginning.
    pub tempos: Vec<(Tick, Tempo)>,
}

/// A message of a rendered show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When, counted from START. Not negative.
    pub tick: Tick,
    /// By which port.
    pub port: PortSlot,
    /// The track that it belongs to, if it does to one.
    pub track: Option<TrackSlot>,
    /// What.
    pub message: Message,
}

/// A pattern begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where.
    pub tick: Tick,
    /// Which one.
    pub pattern: PatternSlot,
    /// The part of the song that it is, if it is one.
    pub part: Option<PartSlot>,
}

/// There is more to render than fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is too much to play before {bars} bars have passed: more than {MOST_MESSAGES} messages or {MOST_EVENTS} events"
)]
pub struct TooMuch {
    /// The bar where it became too much.
    pub bars: i64,
}

/// Renders the show.
///
/// # Errors
///
/// When there are more than [`MOST_MESSAGES`].
pub fn render(program: &Program, plan: &Plan) -> Result<Rendering, TooMuch> {
    render_virtual(&virtual_of(program), plan)
}

/// Renders the show of a program that is [virtual](virtual_of) already.
pub(super) fn render_virtual(program: &Program, plan: &Plan) -> Result<Rendering, TooMuch> {
    let mut show = Show::new(program, plan.length);
    let mut commands = plan.commands.clone();
    commands.sort_by_key(|&(tick, _)| tick);
    let (before, during) = commands.split_at(commands.partition_point(|&(tick, _)| tick <= Tick::ZERO));
    for &(_, command) in before {
        show.command(command)?;
    }
    show.start(plan.length)?;
    for &(tick, command) in during.iter().filter(|&&(tick, _)| tick < Tick::ZERO + plan.length) {
        show.wait_until(show.time_of(tick) - Span(1))?;
        show.command(command)?;
    }
    show.finish()
}

/// The program without what has to do with wires alone.
pub(super) fn virtual_of(program: &Program) -> Program {
    let mut program = program.clone();
    program.clock.follow = Box::default();
    program.clock.when_stopped = false;
    program.bindings.iter_mut().for_each(|binding| binding.light = None);
    for port in &mut program.ports {
        (port.offset, port.clock) = (Span::ZERO, ClockOut::None);
    }
    program
}

/// An engine in virtual time, and what it has sent.
struct Show<'p> {
    program: &'p Program,
    engine: Engine,
    outbox: Outbox,
    now: Nanos,
    /// From the time of the show to positions; every position before START is its beginning.
    line: Timeline,
    rendering: Rendering,
    /// How often the engine was brought on.
    advances: usize,
}

/// When virtual time begins. Any time will do that is not the very first.
const BEGINNING: Nanos = Nanos(1_000_000_000);

impl<'p> Show<'p> {
    fn new(program: &'p Program, length: TickSpan) -> Show<'p> {
        let mut engine = Engine::new(program);
        engine.open_wires();
        Show {
            program,
            engine,
            outbox: Outbox::default(),
            now: BEGINNING,
            // Before START the music is an hour away.
            line: Timeline::new(Tick::ZERO, BEGINNING + Span::from_millis(3_600_000), program.tempo),
            rendering: Rendering { length, sent: Vec::new(), marks: Vec::new(), tempos: Vec::new() },
            advances: 0,
        }
    }

    fn time_of(&self, tick: Tick) -> Nanos {
        self.line.time_of(tick)
    }

    fn start(&mut self, length: TickSpan) -> Result<(), TooMuch> {
        self.engine.command(self.program, self.now, Command::EndAfter(length));
        self.command(Command::Start)?;
        if let Some(first) = self.engine.time_of(Tick::ZERO) {
            self.line = Timeline::new(Tick::ZERO, first, self.tempo());
        }
        self.rendering.tempos.push((Tick::ZERO, self.tempo()));
        self.mark(Tick::ZERO);
        Ok(())
    }

    /// Brings the engine to `at`, and collects what is due.
    fn advance(&mut self, at: Nanos) -> Result<(), TooMuch> {
        self.now = self.now.max(at);
        loop {
            let progress = self.engine.advance(self.program, self.now, &mut self.outbox);
            while let Some(departure) = self.outbox.pop() {
                let tick = self.line.tick_at(departure.due).max(Tick::ZERO);
                let (port, track, message) = (departure.port, departure.track, departure.message);
                self.rendering.sent.push(Sent { tick, port, track, message });
            }
            self.advances += 1;
            if self.rendering.sent.len() > MOST_MESSAGES || self.advances > MOST_EVENTS {
                let (bars, ..) = self.program.meter.bar_beat_tick(self.line.tick_at(self.now));
                return Err(TooMuch { bars });
            }
            if progress == Progress::CaughtUp {
                return Ok(());
            }
        }
    }

    /// Time passes from deadline to deadline.
    fn wait_until(&mut self, at: Nanos) -> Result<(), TooMuch> {
        while let Some(deadline) = self.engine.next_deadline(self.program).filter(|&deadline| deadline <= at) {
            self.advance(deadline)?;
            self.mark(self.line.tick_at(deadline));
        }
        self.advance(at)
    }

    fn command(&mut self, command: Command) -> Result<(), TooMuch> {
        self.advance(self.now)?;
        self.engine.command(self.program, self.now, command);
        let tempo = self.tempo();
        if tempo != self.line.tempo() {
            // As the engine does it, so that positions stay the same.
            self.line = self.line.at_tempo(self.now, tempo);
            if !self.rendering.tempos.is_empty() {
                self.rendering.tempos.push((self.line.tick_at(self.now).max(Tick::ZERO), tempo));
            }
        }
        self.advance(self.now)
    }

    fn tempo(&self) -> Tempo {
        self.engine.tempo().unwrap_or(self.program.tempo)
    }

    /// Notes where something else begins to play.
    fn mark(&mut self, tick: Tick) {
        let (pattern, part) = (self.engine.pattern(), self.engine.part());
        let last = self.rendering.marks.last().map(|mark| (mark.pattern, mark.part));
        if last != Some((pattern, part)) && !self.engine.is_finished() {
            self.rendering.marks.push(Mark { tick, pattern, part });
        }
    }

    fn finish(mut self) -> Result<Rendering, TooMuch> {
        let end = self.time_of(Tick::ZERO + self.rendering.length);
        self.wait_until(end)?;
        // The music may have been stopped and continued meanwhile, and then its own end is later.
        self.command(Command::End)?;
        Ok(self.rendering)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Set;

    const TWO: &str = r#"
        tempo = 120
        [ports.a]
        device = "a"
        offset = "-20 ms"
        clock = true
        [ports.b]
        device = "b"
        offset = "30 ms"
        [tracks.t]
        port = "a"
        channel = 1
        gate = 100
        [tracks.u]
        port = "b"
        channel = 2
        [patterns.one]
        t = { step = "1/4", steps = "c2" }
        [patterns.two]
        u = { step = "1/4", steps = "c3" }
    "#;

    fn rendered(bars: i64, commands: &[(i64, Command)]) -> Rendering {
        let set = Set::parse("two.toml", TWO.as_bytes()).unwrap();
        let commands = commands.iter().map(|&(tick, command)| (Tick(tick), command)).collect();
        render(&set.program, &Plan { length: set.program.meter.bar() * bars, commands }).unwrap()
    }

    fn launch(slot: u16) -> Command {
        Command::Launch { pattern: PatternSlot(slot), at: None }
    }

    fn ons(rendering: &Rendering) -> Vec<(i64, u8)> {
        let on = |sent: &Sent| matches!(sent.message, Message::NoteOn(..)).then_some((sent.tick.0, sent.port.0));
        rendering.sent.iter().filter_map(on).collect()
    }

    #[test]
    fn a_tempo_that_changes_moves_no_position() {
        let tempo = |bpm| Tempo::from_bpm(bpm).unwrap();
        let changes = [
            (0, Command::Tempo(tempo(90.0))),
            (1_920, Command::Tempo(tempo(150.0))),
            (5_000, Command::TempoStep(-500)),
        ];
        let (changed, plain) = (rendered(3, &changes), rendered(3, &[]));
        assert_eq!(changed.sent, plain.sent);
        // What is done at a position is done right before it.
        let tempos: Vec<(i64, f64)> =
            changed.tempos.iter().map(|(tick, tempo)| (tick.0, tempo.bpm().round())).collect();
        assert_eq!(tempos, [(0, 90.0), (1_919, 150.0), (4_999, 145.0)]);
        assert_eq!(plain.tempos, [(Tick::ZERO, tempo(120.0))]);
    }

    #[test]
    fn positions_are_those_of_the_score_whatever_the_ports_add() {
        let rendering = rendered(1, &[]);
        assert_eq!(ons(&rendering), [(0, 0), (960, 0), (1_920, 0), (2_880, 0)]);
        let last = rendering.sent.last().unwrap();
        assert!(last.tick == Tick(3_840) && matches!(last.message, Message::NoteOff(..)), "{last:?}");
        assert_eq!(rendering.sent.len(), 8, "notes alone");
    }

    #[test]
    fn what_is_done_at_a_bar_is_heard_at_that_bar() {
        let rendering = rendered(3, &[(3_840, launch(1)), (7_680, launch(0))]);
        let port = |bar: i64| ons(&rendering).iter().find(|(tick, _)| *tick == bar * 3_840).map(|(_, port)| *port);
        assert_eq!([port(0), port(1), port(2)], [Some(0), Some(1), Some(0)]);
        let marks: Vec<_> = rendering.marks.iter().map(|mark| (mark.tick.0, mark.pattern.0)).collect();
        assert_eq!(marks, [(0, 0), (3_840, 1), (7_680, 0)]);
    }

    #[test]
    fn what_is_done_before_the_beginning_counts_from_the_beginning() {
        assert!(ons(&rendered(1, &[(0, launch(1))])).iter().all(|&(_, port)| port == 1));
    }

    #[test]
    fn a_show_that_is_stopped_is_silent_and_may_go_on() {
        let rendering = rendered(3, &[(1_920, Command::Stop), (3_840, Command::Continue)]);
        let begun: Vec<_> = ons(&rendering).into_iter().filter(|(tick, _)| *tick >= 1_920).collect();
        assert!(begun.len() == 8 && begun.iter().all(|(tick, _)| *tick >= 3_839), "{begun:?}");
        let offs = rendering.sent.len() - ons(&rendering).len();
        assert_eq!(offs, ons(&rendering).len());
    }
}
