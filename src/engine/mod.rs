//! The music: a deterministic machine that is told the time and says what to send.
//!
//! The engine knows no clock, no thread and no port that could fail. Its driver feeds it and carries out what it says:
//!
//! 1. Tell it what happened: [`Engine::input`] for a MIDI message that came in, [`Engine::command`] for a command,
//!    [`Engine::feed`] for what comes from a source, [`Engine::reopened`] for an output that is there again, each with its time, after an [`Engine::advance`] to that time.
//! 2. Call [`Engine::advance`] with the present time, and send everything in the [`Outbox`](outbox::Outbox); repeat while it
//!    answers [`Progress::OutboxFull`].
//! 3. When another program is there, say so with [`Engine::await_program`], and hand it over with [`Engine::adopt`] when
//!    `advance` asks for it.
//! 4. Wait for [`Engine::next_deadline`] or for input, whichever comes first, and begin again.
//!
//! Early and repeated calls are harmless, and how the time is cut into calls does not matter: the same inputs at the same
//! times give the same departures with the same due times. After construction nothing here allocates, locks, or makes a
//! system call. One call of `advance` makes at most [`OUTBOX_CAPACITY`](outbox::OUTBOX_CAPACITY) departures; a note costs
//! time logarithmic in the number of lanes and of sounding notes.
//!
//! ```
//! use tightrope::engine::outbox::Outbox;
//! use tightrope::engine::{Command, Engine, Progress};
//! use tightrope::set::Set;
//! use tightrope::time::{Nanos, Span};
//!
//! let text = r#"
//!     tempo = 120
//!     [ports.synth]
//!     device = "any"
//!     [tracks.bass]
//!     port = "synth"
//!     channel = 2
//!     [patterns.main]
//!     bass = "c2 . eb2 g2"
//! "#;
//! let program = Set::parse("example.toml", text.as_bytes()).expect("it has no mistakes").program;
//! let (mut engine, mut outbox) = (Engine::new(&program), Outbox::default());
//!
//! let begun = Nanos(1_000_000_000);
//! engine.command(&program, begun, Command::Start);
//! let mut now = begun;
//! let mut left = Vec::new();
//! // From one deadline to the next; a driver would wait between them, or render a block ahead.
//! while now.since(begun) < Span::from_millis(1_000) {
//!     while engine.advance(&program, now, &mut outbox) == Progress::OutboxFull {
//!         left.extend(std::iter::from_fn(|| outbox.pop()));
//!     }
//!     left.extend(std::iter::from_fn(|| outbox.pop()));
//!     now = engine.next_deadline(&program).expect("it plays on").max(now);
//! }
//! let first = left[0];
//! assert_eq!(first.message.to_bytes().to_string(), "91 30 64");
//! let second = left.iter().find(|departure| departure.tick.0 == 480 && departure.message != first.message);
//! assert_eq!(second.unwrap().due.since(first.due), Span::from_millis(250), "two sixteenths at 120 BPM");
//! ```
//!
//! The program in force is an argument of each call, and not a part of the engine: it lies in the buffer by which it is handed
//! over, and whoever gives it back is the driver. What reads it says so in its signature.
//!
//! | file or folder | duty |
//! |---|---|
//! | [`program`] | the show as data: ports, tracks, patterns, conditions, the song, bindings |
//! | [`command`] | what can be asked, as data |
//! | [`clock`] | where time comes from: our own clock, one that is followed, a session; which of several; tapping; loops of clock |
//! | [`arrangement`] | what plays when: launches and the song, the transport, another program, playing on after a crash |
//! | [`lanes`] | which note comes next, and when; the keys that are held; chance |
//! | [`live`] | what hands do: bindings, faders, playing on tracks, muting and transposing |
//! | [`ports`] | what has left by each port and sounds there, what its wire carries, and what is done for it beside the music |
//! | `input` | what comes in, and what commands do |
//! | `scheduler` | what is due next, and taking it |
//! | `call` | calls as values, so that a show can be played again |
//! | [`outbox`] | what is due to leave |
//! | [`fixed`] | containers that allocate once |

pub mod arrangement;
mod call;
pub mod clock;
pub mod command;
pub mod fixed;
mod input;
pub mod lanes;
pub mod live;
pub mod outbox;
pub mod ports;
pub mod program;
mod scheduler;

use arrangement::chase::Chase;
use arrangement::launcher::Launcher;
use arrangement::program_swap::ProgramSwap;
use arrangement::resume::Awaited;
use arrangement::transport::{Phase, Transport};
pub use call::{Call, Mark};
use clock::Clock;
use clock::clock_loop::ClockLoops;
use clock::tap_tempo::Taps;
pub use clock::{ClockSource, PulseError};
pub use command::{Command, SessionState, Switch};
use fixed::{Parked, PortMap, Queue};
use lanes::Player;
use lanes::keyboard::Keyboards;
use live::bindings::Rising;
use live::faders::Faders;
use live::mixer::Mixer;
pub use live::mixer::Transpositions;
use live::thru::ThruNotes;
use ports::Port;
use ports::active_sensing::ActiveSensing;
use ports::homing::Homing;
use ports::lights::Lights;
use ports::note_loop::NoteLoops;
pub use ports::note_loop::PROBE_RELEASE;
use ports::recovery::Recovery;
use ports::silence_all::Silencing;
use ports::transport_queue::{QueuedTransport, TRANSPORT_QUEUE};
use ports::wire::Wires;
use program::{PartSlot, PatternSlot, PortSet, PortSlot, Program, TrackSet};

use crate::time::{Nanos, Tempo, Tick, TickSpan};

/// How far [`Engine::advance`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a full outbox has to be drained, and the call repeated"]
pub enum Progress {
    /// Everything due is in the outbox.
    CaughtUp,
    /// There is more; drain the outbox and call again.
    OutboxFull,
    /// The program that is awaited takes over here: drain the outbox, call [`Engine::adopt`] with it, and call again. Only
    /// after [`Engine::await_program`].
    ProgramDue,
}

/// What plays and what is next, for those who show it. Changes seldom: with launches, lines and what hands do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The pattern that plays, or that will play from the next start on.
    pub pattern: PatternSlot,
    /// Where it began, or would have if it had not been jumped into.
    pub origin: Tick,
    /// The part of the song that plays; none outside of the song.
    pub part: Option<PartSlot>,
    /// Where its song began, or would have to be where it is.
    pub song_origin: Option<TickSpan>,
    /// The pattern that waits for its line because somebody asked for it, and where that is.
    pub queued: Option<(PatternSlot, Tick)>,
    /// Whether the part of the song is held over its end.
    pub holds: bool,
    /// Whether a fill is asked for.
    pub fills: bool,
    /// The tracks that are muted.
    pub muted: TrackSet,
    /// The tracks that are soloed.
    pub soloed: TrackSet,
    /// How often commands have changed how far the tracks are transposed: [`Engine::transpositions`] are not copied with each
    /// look.
    pub transpositions: u32,
    /// How often all was silenced because somebody asked for it, be it by a pad.
    pub panics: u32,
    /// Which [edition](Program::edition) plays.
    pub edition: u32,
}

const _: () = assert!(!core::mem::needs_drop::<Status>());

/// A time, and the position that the music had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    time: Nanos,
    tick: Tick,
}

/// The sequencer. See the [module documentation](self) for its contract.
#[derive(Debug)]
pub struct Engine {
    clock: Clock,
    /// The time of the latest input or command: nothing can be due before it any more.
    not_before: Nanos,
    transport: Transport,
    /// Where on the clock the song's first beat lies.
    base: TickSpan,
    player: Player,
    /// The ports that tracks play on.
    played: PortSet,
    /// The ports that get the clock made anew, those that get it as it comes, and both.
    pulsed: PortSet,
    raw: PortSet,
    clocked: PortSet,
    ports: PortMap<Port>,
    /// The ports whose notes were told to end while any of them still sounds, and when.
    releasing: PortSet,
    released_at: Moment,
    /// Whether the notes that hands hold are among them.
    releases_held: bool,
    /// What holds or bends notes.
    homing: Homing,
    chase: Chase,
    /// What hands play.
    thru_notes: ThruNotes,
    faders: Faders,
    lights: Lights,
    keyboards: Keyboards,
    /// What was held on an input that is gone.
    rising: Rising,
    /// Clock and transport bytes on their way.
    transport_queue: Queue<QueuedTransport>,
    /// What the wires can carry, and what waits for them.
    wires: Wires,
    /// Whether what comes in is our own clock.
    clock_loops: Parked<ClockLoops>,
    /// Whether what comes in is what we play.
    note_loops: Parked<NoteLoops>,
    /// Which pattern plays, and which is next.
    launcher: Launcher,
    /// Which tracks are heard, and how far they are transposed.
    mixer: Mixer,
    /// The program that is waited for, and what is left of the one before.
    program_swap: ProgramSwap,
    /// The tempo that the program says, and the taps that may make another.
    written_tempo: Tempo,
    taps: Taps,
    /// By so many millionths the system's clock runs fast.
    pace: i32,
    /// What a panic has yet to send.
    silencing: Silencing,
    /// What the ports have been sent, and what those that come back have yet to get.
    recovery: Recovery,
    active_sensing: ActiveSensing,
    /// Where the music was, while the first pulse is waited for to play on with.
    resuming: Option<Awaited>,
    /// How long to play from the next run on, and where that ends.
    end_after: Option<TickSpan>,
    end_at: Option<Tick>,
    /// The bar line at which another clock may be followed.
    turn: Option<Tick>,
    /// When START, CONTINUE or a song position came that waits, or waited, for its pulse.
    armed_at: Nanos,
    /// The first pulse heard, from which bars are counted until a START or STOP tells better.
    joinable_from: Option<Tick>,
    /// Whether clocked ports have been told to play.
    told_to_play: bool,
    ended: bool,
    /// The time of the latest call; time does not run backwards.
    now: Nanos,
    /// How many departures it has made, and how far it got after the latest call that told it something.
    made: u64,
    progress: Option<Progress>,
}

impl Engine {
    /// An engine for `program`, stopped. Allocates; nothing after it does.
    #[must_use]
    pub fn new(program: &Program) -> Engine {
        let mut engine = Engine {
            clock: Clock::new(program),
            not_before: Nanos(0),
            transport: Transport::default(),
            base: TickSpan::ZERO,
            player: Player::default(),
            played: program.played_ports(),
            pulsed: PortSet::default(),
            raw: PortSet::default(),
            clocked: PortSet::default(),
            ports: PortMap::from_fn(|_| Port::default()),
            releasing: PortSet::default(),
            released_at: Moment { time: Nanos(0), tick: Tick::ZERO },
            releases_held: false,
            homing: Homing::default(),
            chase: Chase::default(),
            thru_notes: ThruNotes::default(),
            faders: Faders::default(),
            lights: Lights::default(),
            keyboards: Keyboards::default(),
            rising: Rising::default(),
            transport_queue: Queue::with_capacity(TRANSPORT_QUEUE),
            wires: Wires::new(program),
            clock_loops: Parked::new(ClockLoops::default()),
            note_loops: Parked::new(NoteLoops::new(program)),
            launcher: Launcher::new(program),
            mixer: Mixer::default(),
            program_swap: ProgramSwap::new(program),
            written_tempo: program.tempo,
            taps: Taps::default(),
            pace: 0,
            silencing: Silencing::default(),
            recovery: Recovery::default(),
            active_sensing: ActiveSensing::new(program),
            resuming: None,
            end_after: None,
            end_at: None,
            turn: None,
            armed_at: Nanos(0),
            joinable_from: None,
            told_to_play: false,
            ended: false,
            now: Nanos(0),
            made: 0,
            progress: None,
        };
        engine.route_clock(program);
        engine.rewind(program, Nanos(0));
        engine.adopt_duties(program);
        engine
    }

    /// Returns whether it has stopped for good, with everything sent.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.ended
            && self.transport_queue.is_empty()
            && self.releasing.is_empty()
            && self.homing.due().is_none()
            && self.thru_notes.due().is_none()
            && self.are_duties_over()
    }

    /// Returns what the transport is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.transport.phase()
    }

    /// The tempo: our own, or as the followed clock is heard; `None` before it has been.
    #[must_use]
    pub fn tempo(&self) -> Option<Tempo> {
        self.clock.tempo()
    }

    /// Returns how the pulse that came last on `port` compares with its prediction; `None` where that is not the followed clock.
    #[must_use]
    pub fn pulse_error(&self, port: PortSlot) -> Option<PulseError> {
        self.clock.pulse_error(port)
    }

    /// Returns when the next pulse of the clock on `port` is expected; `None` where none is followed, or nothing is known of it yet.
    #[must_use]
    pub fn expected_pulse(&self, port: PortSlot) -> Option<Nanos> {
        self.clock.expected_pulse(port)
    }

    /// The port by which our own clock left that comes back on `port`; `None` where none does.
    #[must_use]
    pub fn echo_on(&self, port: PortSlot) -> Option<PortSlot> {
        self.clock_loops.of(port)
    }

    /// Whose clock is in force.
    #[must_use]
    pub fn clock_source(&self) -> ClockSource {
        self.clock.source()
    }

    /// Returns what plays and what is next.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            pattern: self.pattern(),
            origin: self.player.origin(),
            part: self.part(),
            song_origin: self.song_origin(),
            queued: self.queued(),
            holds: self.holds(),
            fills: self.fills(),
            muted: self.muted(),
            soloed: self.soloed(),
            transpositions: self.times_transposed(),
            panics: self.silencing.panics,
            edition: self.program_swap.edition(),
        }
    }

    /// Returns how many notes sound.
    #[must_use]
    pub fn sounding(&self) -> usize {
        self.ports.iter().map(|port| port.ledger.len()).sum()
    }
}
