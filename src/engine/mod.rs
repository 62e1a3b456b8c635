//! The music: a deterministic machine that is told the time and says what to send.
//!
//! The engine knows no clock, no thread and no port that could fail. Its driver feeds it and carries out what it says:
//!
//! 1. Tell it what happened: [`Engine::input`] for a MIDI message that came in, [`Engine::command`] for a command, each
//!    with its time, after an [`Engine::advance`] to that time.
//! 2. Call [`Engine::advance`] with the present time, and send everything in the [`Outbox`]; repeat while it answers
//!    [`Progress::OutboxFull`].
//! 3. Wait for [`Engine::next_deadline`] or for input, whichever comes first, and begin again.
//!
//! Early and repeated calls are harmless, and how the time is cut into calls does not matter: the same inputs at the same
//! times give the same departures with the same due times. After construction nothing here allocates, locks, or makes a
//! system call. One call of `advance` makes at most [`OUTBOX_CAPACITY`](outbox::OUTBOX_CAPACITY) departures; a note costs
//! time logarithmic in the number of lanes and of sounding notes.
//!
//! | file | duty |
//! |---|---|
//! | [`program`] | what is played, compiled and immutable |
//! | [`clock`] | where time comes from: our own clock, or one that is followed |
//! | [`timeline`] | the exact mapping between position and time |
//! | [`transport`] | stopped, armed, running; where CONTINUE goes on |
//! | [`player`] | the lanes: which note comes next, and when |
//! | [`ledger`] | what sounds: every note-on gets its note-off |
//! | [`outbox`] | what is due to leave |
//! | [`random`] | seeded chance |
//! | [`fixed`] | containers that allocate once |

pub mod clock;
pub mod fixed;
pub mod ledger;
pub mod outbox;
pub mod player;
pub mod program;
pub mod random;
pub mod timeline;
pub mod transport;

use clock::{Clock, Follower, Internal};
use fixed::{Queue, Slots};
use ledger::Ledger;
use outbox::{Departure, Outbox};
use player::Player;
use program::{MAX_PORTS, PatternSlot, PortSet, PortSlot, Program, Track};
use transport::{Phase, Transport};

use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Span, Tempo, Tick, TickSpan};

/// What the control side can ask of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Play from the beginning. Where a clock is followed, from its next pulse on.
    Start,
    /// Play on from where it stopped.
    Continue,
    /// Stop; every sounding note ends.
    Stop,
    /// Play another pattern from the next bar line on; while stopped, from the next start on. The last request wins.
    Launch(PatternSlot),
    /// Stop for good when the music has played for this long, counted from where it plays next.
    EndAfter(TickSpan),
    /// Stop for good now: every sounding note ends, clocked ports get STOP, and nothing plays any more.
    End,
}

const _: () = assert!(!core::mem::needs_drop::<Command>());

/// How far [`Engine::advance`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a full outbox has to be drained, and the call repeated"]
pub enum Progress {
    /// Everything due is in the outbox.
    CaughtUp,
    /// There is more; drain the outbox and call again.
    OutboxFull,
}

/// The most departures that one step of the engine makes: an off that makes way, and an on; or one message to each port.
const STEP_DEPARTURES: usize = MAX_PORTS;
const _: () = assert!(STEP_DEPARTURES >= 2 && STEP_DEPARTURES <= outbox::OUTBOX_CAPACITY);

/// How many clock and transport bytes can wait to leave. The driver advances between inputs, and no input makes more
/// than one.
const WIRE_CAPACITY: usize = 16;

/// How long a master may be silent while it plays before the notes that sound are ended: four pulses at the slowest
/// tempo. It counts as playing all the same, and its next pulse is the next position.
const MASTER_SILENT: Span = Span::from_millis(500);

/// The last key of each channel of a port, and of the port as a whole.
#[derive(Clone, Copy, Debug)]
struct LastKeys {
    by_channel: [Option<Key>; Channel::COUNT],
    any: Option<Key>,
}

/// The sequencer. See the [module documentation](self) for its contract.
#[derive(Debug)]
pub struct Engine {
    clock: Clock,
    transport: Transport,
    player: Player,
    /// The ports that tracks play on.
    ports: PortSet,
    ledgers: Slots<Ledger>,
    /// When the notes of each port were told to end, while any of them still sounds.
    releasing: Slots<Option<Moment>>,
    keys: Slots<LastKeys>,
    /// Clock and transport bytes on their way to every clocked port.
    wire: Queue<(Moment, Message)>,
    /// The next clock pulse to send, while the clock is ours and runs.
    pulse: Tick,
    /// A pattern that waits for its bar line.
    launch: Option<(PatternSlot, Tick)>,
    /// What plays from the next start on.
    chosen: PatternSlot,
    /// How long to play from the next run on, and where that ends.
    end_after: Option<TickSpan>,
    end_at: Option<Tick>,
    /// Whether clocked ports have been told to play.
    told_to_play: bool,
    ended: bool,
    /// The time of the latest call; time does not run backwards.
    now: Nanos,
}

/// A time, and the position that the music had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    time: Nanos,
    tick: Tick,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Wire,
    Release(PortSlot),
    End,
    Pulse,
    Off(PortSlot),
    Launch,
    Strike(PortSlot),
    GiveUp,
}

impl Engine {
    /// An engine for `program`, stopped. Allocates; nothing after it does.
    #[must_use]
    pub fn new(program: &Program) -> Engine {
        let no_keys = LastKeys { by_channel: [None; Channel::COUNT], any: None };
        let mut player = Player::default();
        player.launch(program, PatternSlot(0), Tick::ZERO);
        Engine {
            clock: clock_for(program),
            transport: Transport::default(),
            player,
            ports: program.played_ports(),
            ledgers: Slots::from_fn(MAX_PORTS, |_| Ledger::default()),
            releasing: Slots::from_fn(MAX_PORTS, |_| None),
            keys: Slots::from_fn(MAX_PORTS, |_| no_keys),
            wire: Queue::with_capacity(WIRE_CAPACITY),
            pulse: Tick::ZERO,
            launch: None,
            chosen: PatternSlot(0),
            end_after: None,
            end_at: None,
            told_to_play: false,
            ended: false,
            now: Nanos(0),
        }
    }

    /// A MIDI message came in on `port` at `at`.
    ///
    /// Clock and transport count only from the port that is followed; keys count from every port.
    pub fn input(&mut self, program: &Program, at: Nanos, port: PortSlot, message: Message) {
        self.now = self.now.max(at);
        if self.ended {
            return;
        }
        match message {
            Message::NoteOn(channel, key, _) => {
                if let Some(keys) = self.keys.get_mut(usize::from(port.0)) {
                    keys.by_channel[channel.index()] = Some(key);
                    keys.any = Some(key);
                }
            }
            _ if program.follow != Some(port) => {}
            Message::Clock => self.follow_pulse(program, at),
            Message::Start => self.start(program, at),
            Message::Continue => self.resume(program, at),
            Message::Stop => self.stop(at),
            Message::SongPosition(sixteenths) => self.locate(at, sixteenths),
            _ => {}
        }
    }

    /// The control side asked for something at `at`.
    pub fn command(&mut self, program: &Program, at: Nanos, command: Command) {
        self.now = self.now.max(at);
        if self.ended {
            return;
        }
        match command {
            Command::Start => self.start(program, at),
            Command::Continue => self.resume(program, at),
            Command::Stop => self.stop(at),
            Command::Launch(pattern) => self.request_launch(program, at, pattern),
            Command::EndAfter(length) => self.end_after = Some(length),
            Command::End => {
                self.stop(at);
                self.ended = true;
            }
        }
    }

    /// Puts everything that is due at `now` into `out`, in the order in which it should leave.
    pub fn advance(&mut self, program: &Program, now: Nanos, out: &mut Outbox) -> Progress {
        self.now = self.now.max(now);
        let limit = self.limit();
        while let Some(step) = self.next_step(limit) {
            if out.free() < STEP_DEPARTURES {
                return Progress::OutboxFull;
            }
            self.take(program, step, out);
        }
        Progress::CaughtUp
    }

    /// Goes over to `program`, which replaces the one that all calls have been given so far. Every sounding note ends; the
    /// music goes on at its position, in the pattern of the same slot or else in the first.
    pub fn adopt(&mut self, program: &Program, at: Nanos) {
        self.now = self.now.max(at);
        let follows = matches!(self.clock, Clock::Midi(_));
        if follows != program.follow.is_some() {
            // Another kind of clock has another position.
            self.stop(at);
            self.clock = clock_for(program);
        }
        self.settle_launch();
        self.release_all(self.moment(at));
        self.ports = program.played_ports();
        if usize::from(self.chosen.0) >= program.patterns.len() {
            self.chosen = PatternSlot(0);
        }
        let position = self.moment(at).tick + TickSpan(1);
        self.player.launch(program, self.chosen, Tick::ZERO);
        if self.transport.phase() == Phase::Running {
            self.player.locate(program, position);
        }
    }

    /// When something will be due next, if nothing comes in before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Nanos> {
        if let Some((moment, _)) = self.wire.front() {
            return Some(moment.time);
        }
        if let Some(moment) = self.releasing.iter().flatten().min() {
            return Some(moment.time);
        }
        match self.first_position() {
            Some((tick, _)) if tick < self.clock.horizon() => Some(self.due(tick).time),
            _ => self.given_up_at(),
        }
    }

    /// Whether it has stopped for good, with everything sent.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.ended && self.wire.is_empty() && self.releasing.iter().all(Option::is_none)
    }

    /// What the transport is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.transport.phase()
    }

    /// The position now: while it runs, of the latest call; otherwise where CONTINUE would go on.
    #[must_use]
    pub fn position(&self) -> Tick {
        self.moment(self.now).tick.max(self.transport.resume())
    }

    /// The tempo: our own, or as the followed clock is heard; `None` before it has been.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        match &self.clock {
            Clock::Internal(clock) => Some(clock.timeline().tempo()),
            Clock::Midi(clock) => clock.tempo(),
        }
    }

    /// The pattern that plays, or that will play from the next start on.
    #[must_use]
    pub fn pattern(&self) -> PatternSlot {
        if self.transport.phase() == Phase::Stopped { self.chosen } else { self.player.pattern() }
    }

    /// How many notes sound.
    #[must_use]
    pub fn sounding(&self) -> usize {
        self.ledgers.iter().map(Ledger::len).sum()
    }

    // What happens.

    /// `time`, with the position that the music has then.
    fn moment(&self, time: Nanos) -> Moment {
        let tick = match self.transport.phase() {
            Phase::Running => self.clock.timeline().tick_at(time).min(self.clock.horizon() - TickSpan(1)),
            Phase::Stopped | Phase::Armed => self.transport.resume(),
        };
        Moment { time, tick }
    }

    fn start(&mut self, program: &Program, at: Nanos) {
        self.release_all(self.moment(at));
        self.transport.start();
        self.settle_launch();
        self.player.launch(program, self.chosen, Tick::ZERO);
        self.tell(self.moment(at), Message::Start);
        self.told_to_play = true;
        self.run_own_clock(program, at);
    }

    fn resume(&mut self, program: &Program, at: Nanos) {
        if self.transport.cont() {
            self.tell(self.moment(at), Message::Continue);
            self.told_to_play = true;
            self.run_own_clock(program, at);
        }
    }

    fn stop(&mut self, at: Nanos) {
        let moment = self.moment(at);
        self.transport.stop(moment.tick);
        self.release_all(moment);
        self.settle_launch();
        if self.told_to_play {
            self.tell(moment, Message::Stop);
            self.told_to_play = false;
        }
    }

    fn locate(&mut self, at: Nanos, sixteenths: u16) {
        self.release_all(self.moment(at));
        self.transport.locate(sixteenths);
        self.settle_launch();
        self.tell(self.moment(at), Message::SongPosition(sixteenths));
    }

    fn follow_pulse(&mut self, program: &Program, at: Nanos) {
        let (phase, position) = (self.transport.phase(), self.transport.resume());
        if let Clock::Midi(clock) = &mut self.clock {
            match phase {
                Phase::Stopped => clock.idle_pulse(at),
                Phase::Armed => clock.first_pulse(at, position),
                Phase::Running => clock.next_pulse(at),
            }
            if phase == Phase::Armed {
                self.run(program);
            }
        }
        self.tell(self.moment(at), Message::Clock);
    }

    /// Our own clock waits for no pulse: the music goes on a little after the command.
    fn run_own_clock(&mut self, program: &Program, at: Nanos) {
        if let Clock::Internal(clock) = &mut self.clock {
            clock.start(at, self.transport.resume());
            self.pulse = self.transport.resume();
            self.run(program);
        }
    }

    /// The music goes on from where the transport says.
    fn run(&mut self, program: &Program) {
        let position = self.transport.resume();
        self.transport.run();
        self.player.locate(program, position);
        if self.chosen != self.player.pattern() {
            self.launch = Some((self.chosen, position.round_up_to(program.meter.bar())));
        }
        if let Some(length) = self.end_after.take() {
            self.end_at = Some(position + length);
        }
    }

    /// A launch whose bar line will not come, because the music stops or jumps, counts for where it goes on.
    fn settle_launch(&mut self) {
        if let Some((pattern, _)) = self.launch.take() {
            self.chosen = pattern;
        }
    }

    fn request_launch(&mut self, program: &Program, at: Nanos, pattern: PatternSlot) {
        if usize::from(pattern.0) >= program.patterns.len() {
            return;
        }
        match self.transport.phase() {
            Phase::Running => {
                let line = (self.moment(at).tick + TickSpan(1)).round_up_to(program.meter.bar());
                self.launch = Some((pattern, line));
            }
            Phase::Armed | Phase::Stopped => self.chosen = pattern,
        }
    }

    /// Sends `message` to every clocked port.
    fn tell(&mut self, moment: Moment, message: Message) {
        let queued = self.wire.push((moment, message));
        debug_assert!(queued.is_ok(), "input without advance between");
    }

    /// Ends every note that sounds.
    fn release_all(&mut self, moment: Moment) {
        for (ledger, releasing) in self.ledgers.iter().zip(self.releasing.iter_mut()) {
            if !ledger.is_empty() {
                *releasing = releasing.or(Some(moment));
            }
        }
    }

    // What is due.

    /// The last position that may be played now.
    fn limit(&self) -> Option<Tick> {
        if self.transport.phase() != Phase::Running {
            return None;
        }
        let due = self.clock.timeline().tick_at(self.now);
        Some(due.min(self.clock.horizon() - TickSpan(1)))
    }

    fn next_step(&self, limit: Option<Tick>) -> Option<Step> {
        if !self.wire.is_empty() {
            return Some(Step::Wire);
        }
        if let Some(port) = self.releasing.iter().position(Option::is_some) {
            return Some(Step::Release(PortSlot(port as u8)));
        }
        match (self.first_position(), limit) {
            (Some((tick, step)), Some(limit)) if tick <= limit => Some(step),
            _ => self.given_up_at().filter(|&at| at <= self.now).map(|_| Step::GiveUp),
        }
    }

    /// When the notes that sound are ended because the master has fallen silent without a word; `None` when nothing sounds
    /// or the clock is our own.
    fn given_up_at(&self) -> Option<Nanos> {
        match &self.clock {
            Clock::Midi(clock) if self.transport.phase() == Phase::Running && self.sounding() > 0 => {
                Some(clock.timeline().anchor() + MASTER_SILENT)
            }
            _ => None,
        }
    }

    /// The first position at which something happens, and what. At one position: the end, or else the pulse, then
    /// note-offs, then a launch, then what is struck.
    fn first_position(&self) -> Option<(Tick, Step)> {
        if self.transport.phase() != Phase::Running {
            return None;
        }
        let mut first = None;
        let mut consider = |tick: Option<Tick>, rank: u8, step: Step| {
            if let Some(tick) = tick
                && first.is_none_or(|(known, known_rank, _)| (tick, rank) < (known, known_rank))
            {
                first = Some((tick, rank, step));
            }
        };
        consider(self.end_at, 0, Step::End);
        if let Clock::Internal(_) = self.clock {
            consider(Some(self.pulse), 1, Step::Pulse);
        }
        consider(self.launch.map(|(_, line)| line), 3, Step::Launch);
        for port in self.ports.iter() {
            consider(self.ledgers[usize::from(port.0)].first().map(|note| note.off), 2, Step::Off(port));
            consider(self.player.first(port), 4, Step::Strike(port));
        }
        first.map(|(tick, _, step)| (tick, step))
    }

    // Taking a step.

    fn take(&mut self, program: &Program, step: Step, out: &mut Outbox) {
        match step {
            Step::Wire => {
                if let Some((moment, message)) = self.wire.pop() {
                    send_to_clocked(program, moment, message, out);
                }
            }
            Step::Release(port) => self.take_release(port, out),
            Step::Pulse => {
                send_to_clocked(program, self.due(self.pulse), Message::Clock, out);
                self.pulse += TickSpan::PULSE;
            }
            Step::Off(port) => {
                if let Some(note) = self.ledgers[usize::from(port.0)].first() {
                    self.end_note(port, note, self.due(note.off), out);
                }
            }
            Step::End => self.take_end(),
            Step::Launch => self.take_launch(program),
            Step::Strike(port) => self.take_strike(program, port, out),
            Step::GiveUp => {
                if let Some(at) = self.given_up_at() {
                    self.release_all(self.moment(at));
                }
            }
        }
    }

    /// When the music reaches `tick`. A pulse that comes early makes due at once what lies before it: not earlier, since
    /// nobody could have known.
    fn due(&self, tick: Tick) -> Moment {
        let timeline = self.clock.timeline();
        Moment { time: timeline.time_of(tick).max(timeline.anchor()), tick }
    }

    fn take_release(&mut self, port: PortSlot, out: &mut Outbox) {
        let index = usize::from(port.0);
        if let (Some(moment), Some(note)) = (self.releasing[index], self.ledgers[index].first()) {
            self.end_note(port, note, moment, out);
        }
        if self.ledgers[index].is_empty() {
            self.releasing[index] = None;
        }
    }

    fn take_end(&mut self) {
        if let Some(end) = self.end_at.take() {
            // The music may have jumped beyond the end: then it ends where it has landed.
            self.stop(self.due(end.max(self.transport.resume())).time);
            self.ended = true;
        }
    }

    fn take_launch(&mut self, program: &Program) {
        if let Some((pattern, line)) = self.launch.take() {
            self.chosen = pattern;
            self.ledgers.iter_mut().for_each(|ledger| ledger.cut(line));
            self.player.launch(program, pattern, line);
        }
    }

    fn take_strike(&mut self, program: &Program, port: PortSlot, out: &mut Outbox) {
        let Some(strike) = self.player.play(program, port) else { return };
        let Some(track) = program.tracks.get(usize::from(strike.track.0)) else { return };
        let key = strike.key.transposed(self.shift(track));
        let moment = self.due(strike.at);
        if let Some(old) = self.ledgers[usize::from(port.0)].in_the_way(track.channel, key) {
            self.end_note(port, old, moment, out);
        }
        self.ledgers[usize::from(port.0)].strike(track.channel, key, strike.off);
        let message = Message::NoteOn(track.channel, key, strike.velocity);
        out.push(Departure { due: moment.time, port, message, tick: moment.tick });
    }

    fn end_note(&mut self, port: PortSlot, note: ledger::Sounding, moment: Moment, out: &mut Outbox) {
        self.ledgers[usize::from(port.0)].end(note.channel, note.key);
        let message = Message::NoteOff(note.channel, note.key, 0);
        out.push(Departure { due: moment.time, port, message, tick: moment.tick });
    }

    /// By how many semitones `track` is transposed now.
    fn shift(&self, track: &Track) -> i32 {
        let played = track.transpose.and_then(|transpose| {
            let keys = self.keys.get(usize::from(transpose.port.0))?;
            let key = transpose.channel.map_or(keys.any, |channel| keys.by_channel[channel.index()])?;
            Some(i32::from(key.number()) - i32::from(transpose.from.number()))
        });
        played.unwrap_or(0)
    }
}

/// The clock that `program` asks for.
fn clock_for(program: &Program) -> Clock {
    match program.follow {
        Some(_) => Clock::Midi(Follower::new(program.tempo)),
        None => Clock::Internal(Internal::new(program.tempo)),
    }
}

fn send_to_clocked(program: &Program, moment: Moment, message: Message, out: &mut Outbox) {
    for port in program.clock_to.iter() {
        out.push(Departure { due: moment.time, port, message, tick: moment.tick });
    }
}
