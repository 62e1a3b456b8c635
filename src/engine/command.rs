//! What can be asked of the engine, as data.

use super::program::{Interval, PartSlot, PatternSlot, PortSlot, Quantum, Target, TrackSlot};
use crate::time::{Nanos, Tempo, Tick, TickSpan};

/// What the control side can ask of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Play from the beginning. Where a clock is followed, from its next pulse on.
    Start,
    /// Play on from where it stopped.
    Continue,
    /// Stop; every sounding note ends, and what holds or bends notes goes home.
    Stop,
    /// Play another pattern; while stopped, from the next start on. The last request wins. It takes the show out of its
    /// song, until [`Command::Jump`] leads back.
    Launch {
        /// Which one.
        pattern: PatternSlot,
        /// When; as the pattern or the set says if `None`.
        at: Option<Quantum>,
    },
    /// Take back the launch or jump that waits for its line.
    CancelLaunch,
    /// Go on with this part of the song, when the set's launches begin; while stopped, from the next start on.
    Jump(PartSlot),
    /// Stay in the part of the song that plays, over its end, until this is taken back.
    Hold(Switch),
    /// Silence a track, or let it play again. Its notes end at once; it keeps its place.
    Mute(TrackSlot, Switch),
    /// Let only those tracks play that are soloed; when none is, all do.
    Solo(TrackSlot, Switch),
    /// Play what is written for fills, or stop doing so.
    Fill(Switch),
    /// Move the notes of a track, or of all tracks that move, by so many; what was said before counts no more.
    Transpose {
        /// Which one; all for `None`.
        track: Option<TrackSlot>,
        /// How many, in which unit.
        by: i8,
        /// What it is counted in.
        unit: Interval,
    },
    /// Send a value to a controller of a track.
    Control {
        /// Whose.
        track: TrackSlot,
        /// Which one.
        target: Target,
        /// What; held to its highest.
        value: u16,
    },
    /// Play at this tempo, where the clock is our own; where one is followed, this does nothing, nor do the next two.
    Tempo(Tempo),
    /// Change the tempo by so many hundredths of a quarter note a minute, within what is accepted.
    TempoStep(i32),
    /// A beat, tapped: the tempo becomes the mean of the last taps, at most 8; after 2 s without any they are forgotten.
    Tap,
    /// The system's clock runs fast by so many millionths, or slow; our own clock makes up for it.
    Pace(i32),
    /// Where the followed session is; `None` when it is gone. Where none is followed, this does nothing.
    Session(Option<SessionState>),
    /// End every note and silence every channel that tracks play on; the music plays on.
    Panic,
    /// The instrument at this port may have missed ends of notes: silence every channel that tracks play on there.
    SilencePort(PortSlot),
    /// The input at this port is gone: the keys and pedals that were down there count as released.
    ReleaseInput(PortSlot),
    /// Stop for good when the music has played for this long, counted from where it plays next.
    EndAfter(TickSpan),
    /// Stop for good now: every sounding note ends, clocked ports get STOP, and nothing plays any more.
    End,
}

/// What becomes of something that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// It is what it was not.
    Toggle,
}

impl Switch {
    /// Returns what `was` becomes.
    #[must_use]
    pub const fn of(self, was: bool) -> bool {
        match self {
            Switch::On => true,
            Switch::Off => false,
            Switch::Toggle => !was,
        }
    }
}

const _: () = assert!(!core::mem::needs_drop::<Command>());

/// Where a session is, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// A position in the session, in ticks: beats by [`TickSpan::QUARTER`]; at most `FARTHEST` either way.
    pub tick: Tick,
    /// When it falls.
    pub time: Nanos,
    /// The tempo.
    pub tempo: Tempo,
    /// Whether the session plays: somebody has pressed *play*, for all who heed that.
    pub playing: bool,
}
