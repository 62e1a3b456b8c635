//! What a log says: one record after the other.

use crate::engine::program::PortSlot;
use crate::link::{Called, Sent};
use crate::time::Nanos;

/// A record of a log.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Which show this is. The first record of each segment.
    Head(Head),
    /// What the slots are called from here on. After each set, and at the beginning of each segment.
    Names(Names),
    /// A set was read, and will be published.
    Set(SetText),
    /// The engine was told something.
    Called(Called),
    /// The engine made a message.
    Made(Sent),
    /// The performer was told something.
    Notice(Notice),
    /// A port is connected to something else.
    Port(Port),
    /// What is measured, now and then.
    Meters(Meters),
    /// Something else plays.
    Scene(Scene),
    /// So many records were lost here, because the disk was too slow.
    Lost(u64),
    /// The show has ended.
    End(End),
}

/// Which show it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Head {
    /// The version of the program that played it.
    pub version: String,
    /// What its set was called at first.
    pub set: String,
    /// What the machine granted.
    pub granted: String,
    /// When the log was begun, in milliseconds from the beginning of 1970, UTC.
    pub began_unix_ms: u64,
    /// The same on the show's clock, in nanoseconds.
    pub began: u64,
    /// Whether it went on with a show that had been cut short, about whose state the log says nothing.
    pub resumed: bool,
    /// Which segment of the log it is, from 0.
    pub segment: u32,
}

/// The names of slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Names {
    /// Of ports.
    pub ports: Vec<String>,
    /// Of tracks.
    pub tracks: Vec<String>,
    /// Of patterns.
    pub patterns: Vec<String>,
}

/// A set as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SetText {
    /// Which [edition](crate::engine::program::Program::edition) it became.
    pub edition: u32,
    /// Whether the show ran on its own clock, though the set follows another.
    pub own_clock: bool,
    /// What it was called in messages.
    pub origin: String,
    /// The bytes of its file.
    pub text: Vec<u8>,
}

/// What the performer was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Nanos,
    /// In words.
    pub text: String,
    /// Whether something was wrong.
    pub is_wrong: bool,
}

/// What a port is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// From when on.
    pub at: Nanos,
    /// Which one.
    pub port: PortSlot,
    /// Its input, by the system's name.
    pub input: Option<String>,
    /// Its output.
    pub output: Option<String>,
}

/// What is measured, of the whole show up to here.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Meters {
    /// When, on the show's clock, in nanoseconds.
    pub at: u64,
    /// The tempo, in quarter notes a minute.
    pub bpm: Option<f64>,
    /// The jitter of the followed clock: p50, p99 and the most, in nanoseconds; and of how many pulses.
    pub jitter: [i64; 3],
    /// See there.
    pub pulses: u64,
    /// Wake-up: p99 and the most, in nanoseconds.
    pub wake: [i64; 2],
    /// Messages that came in and were lost.
    pub lost_inputs: u64,
    /// Entries that the trace had no room for.
    pub lost_trace: u64,
    /// Values that gave way to newer ones, because the wire was full.
    pub withheld: u64,
}

/// What plays, whoever asked for it: hands, a pad, the song.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Scene {
    /// From when on it is seen, on the show's clock, in nanoseconds.
    pub at: u64,
    /// Whether the music runs.
    pub is_running: bool,
    /// The slot of the pattern.
    pub pattern: u16,
    /// The part of the song, from 0, if it is played.
    pub part: Option<u16>,
    /// The slots of the tracks that are muted.
    pub muted: Vec<u16>,
    /// The slots of those that are soloed.
    pub soloed: Vec<u16>,
}

/// How the show ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Nanos,
    /// In words.
    pub why: String,
}
