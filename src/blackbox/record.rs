//! What a log says: one record after the other.

use super::encode::{self, LONGEST, Spelled};
use crate::engine::arrangement::resume::Resumption;
use crate::engine::program::{PartSlot, PatternSlot, PortSlot, Program};
use crate::engine::{Command, Engine};
use crate::link::{Called, Sent};
use crate::text::{printable, printable_lines};
use crate::time::{Nanos, Span, Tick, TickSpan};

/// The longest that a show can have been cut short, and the latest that it can have gone on, in nanoseconds: an hour, and
/// a hundred years.
const LONGEST_AGO: i64 = 3_600 * 1_000_000_000;
const LATEST: u64 = 100 * 366 * 86_400 * 1_000_000_000;

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

impl Record {
    /// The same with its words made fit to be shown: a log may come from anybody. The text of a set stays as it is.
    #[must_use]
    pub fn fit_to_show(mut self) -> Record {
        match &mut self {
            Record::Head(head) => [&mut head.version, &mut head.set, &mut head.granted].into_iter().for_each(fit),
            Record::Names(names) => {
                let all = [&mut names.ports, &mut names.tracks, &mut names.patterns];
                all.into_iter().flatten().for_each(fit);
            }
            Record::Set(set) => fit(&mut set.origin),
            // What shows a place in the set file has several lines.
            Record::Notice(notice) => notice.text = printable_lines(&notice.text).into_owned(),
            Record::Port(port) => port.input.iter_mut().chain(&mut port.output).for_each(fit),
            Record::End(end) => fit(&mut end.why),
            Record::Called(_) | Record::Made(_) | Record::Meters(_) | Record::Scene(_) | Record::Lost(_) => {}
        }
        self
    }
}

fn fit(text: &mut String) {
    *text = printable(text).into_owned();
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
    /// The show that had been cut short, if it went on with one.
    pub resumed: Option<Resumed>,
    /// Which segment of the log it is, from 0.
    pub segment: u32,
}

/// What a show has left that was cut short: all that an engine needs to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Legacy {
    /// When the engine is given it.
    pub at: Nanos,
    /// Where the music was.
    pub was: Resumption,
    /// What hands had changed.
    pub commands: Vec<Command>,
}

impl Legacy {
    /// Lets an engine that is new go on with it, before anything else. Whether the music will go on by itself; if not, it waits
    /// for START or CONTINUE.
    pub fn pass_to(&self, engine: &mut Engine, program: &Program) -> bool {
        let plays = engine.resume_show(program, self.at, self.was);
        for &command in &self.commands {
            engine.command(program, self.at, command);
        }
        plays
    }
}

/// A [`Legacy`] as it is written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resumed {
    /// When the engine was told, on the show's clock, in nanoseconds.
    pub at: u64,
    /// Where the music was, in ticks.
    pub position: i64,
    /// How long before, in nanoseconds.
    pub ago: i64,
    /// How fast it was, as a command.
    pub tempo: Spelled,
    /// Whether it played.
    pub runs: bool,
    /// What played.
    pub pattern: u16,
    /// Where that began, in ticks.
    pub origin: i64,
    /// The part of the song that played, and where the song began, in ticks.
    pub part: Option<(u16, i64)>,
    /// What hands had changed.
    pub commands: Vec<Spelled>,
}

impl Resumed {
    /// Returns what has to be written of `legacy`.
    #[must_use]
    pub fn of(legacy: &Legacy) -> Resumed {
        let Legacy { at, was, commands } = legacy;
        Resumed {
            at: at.0,
            position: was.position.0,
            ago: was.ago.0,
            tempo: encode::command(Command::Tempo(was.tempo)),
            runs: was.runs,
            pattern: was.pattern.0,
            origin: was.origin.0,
            part: was.part.map(|(part, origin)| (part.0, origin.0)),
            commands: commands.iter().copied().map(encode::command).collect(),
        }
    }

    /// Returns what is meant, if that can be.
    #[must_use]
    pub fn legacy(&self) -> Option<Legacy> {
        let Some(Command::Tempo(tempo)) = encode::read_command(self.tempo) else { return None };
        let (_, origin) = self.part.unwrap_or_default();
        let ranges = [self.position, self.origin, origin].map(|ticks| (-LONGEST..=LONGEST).contains(&ticks));
        if ranges != [true; 3] || !(0..=LONGEST_AGO).contains(&self.ago) || self.at > LATEST {
            return None;
        }
        let was = Resumption {
            position: Tick(self.position),
            ago: Span(self.ago),
            tempo,
            runs: self.runs,
            pattern: PatternSlot(self.pattern),
            origin: Tick(self.origin),
            part: self.part.map(|(part, origin)| (PartSlot(part), TickSpan(origin))),
        };
        let commands = self.commands.iter().copied().map(encode::read_command).collect::<Option<_>>()?;
        Some(Legacy { at: Nanos(self.at), was, commands })
    }
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

impl Meters {
    /// The tempo, in quarter notes a minute, if a show can have it.
    #[must_use]
    pub fn tempo(&self) -> Option<f64> {
        self.bpm.filter(|bpm| (0.0..=10_000.0).contains(bpm))
    }
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
