//! What is found and decided while a show is put together. Each notice is a line when it is printed.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use super::checkpoint::Fresh;
use crate::io::ports::NoMidi;
use crate::rt::sched::Granted;

/// One thing that is found or decided at the start of a show, in the order in which it happens.
#[derive(Debug)]
pub enum StartNotice {
    /// The set has been read.
    Set {
        /// What it is called.
        name: String,
        /// How many tracks it has.
        tracks: usize,
        /// How many patterns it has.
        patterns: usize,
    },
    /// One of the set's ports, by the devices that are there.
    Port {
        /// What the set calls it.
        name: String,
        /// The device that it listens to.
        input: Option<String>,
        /// The device that it plays on.
        output: Option<String>,
    },
    /// None of the set's devices is there, and the show plays on virtual ports of these names.
    VirtualPorts(Vec<String>),
    /// The machine has no MIDI, and nothing is sent.
    NoMidi(NoMidi),
    /// Which clock is followed.
    Clock {
        /// The set's tempo, in quarters a minute.
        bpm: f64,
        /// The ports whose clocks are followed, the preferred one first. Where there is none, the show runs on its own clock.
        here: Vec<String>,
        /// The same of those whose devices are not there.
        missing: Vec<String>,
    },
    /// The control socket is open, and the show is called so.
    Ctl(String),
    /// There is no control socket; why.
    NoCtl(String),
    /// OSC is listened for.
    Osc {
        /// The address.
        at: SocketAddr,
        /// Who is heeded, if others than who plays.
        says: &'static str,
    },
    /// OSC is not listened for; why.
    NoOsc(SocketAddr, io::Error),
    /// The guardian has been started.
    Guardian {
        /// Its process.
        process: u32,
        /// Whether it watches already.
        is_ready: bool,
    },
    /// There is no guardian; why.
    NoGuardian(io::Error),
    /// The show goes on with one that was cut short; in words.
    Resumed(String),
    /// It does not; why.
    NotResumed(Fresh),
    /// Nothing is kept to go on with; why.
    NoCheckpoint(io::Error),
    /// What the machine has granted.
    Granted(Granted),
    /// The set file is neither read again nor written into; why.
    NoFiles(io::Error),
}

impl fmt::Display for StartNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartNotice::Set { name, tracks, patterns } => {
                write!(f, "set: {name} ({tracks} tracks, {patterns} patterns)")
            }
            StartNotice::Port { name, input, output } => {
                write!(f, "port {name}: ")?;
                match (input, output) {
                    (None, None) => write!(f, "not connected; playing without it"),
                    (Some(input), None) => write!(f, "listens to `{input}`"),
                    (None, Some(output)) => write!(f, "plays on `{output}`"),
                    (Some(input), Some(output)) if input == output => write!(f, "listens to and plays on `{output}`"),
                    (Some(input), Some(output)) => write!(f, "listens to `{input}`, plays on `{output}`"),
                }
            }
            StartNotice::VirtualPorts(names) => write!(
                f,
                "none of the set's devices is connected: playing on virtual ports {}; connect a synthesizer to them",
                names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
            StartNotice::NoMidi(why) => write!(f, "no MIDI: {why}. Nothing is sent"),
            StartNotice::Clock { bpm, here, missing } => match (&here[..], &missing[..]) {
                ([], []) => write!(f, "clock: our own, {bpm:.1} BPM"),
                ([], [one]) => write!(f, "clock: our own, {bpm:.1} BPM, because {one} is not there"),
                ([], many) => {
                    write!(f, "clock: our own, {bpm:.1} BPM, because none of {} is there", many.join(", "))
                }
                (here, []) => write!(f, "clock: follows {}; press play there", here.join(", else ")),
                (here, missing) => write!(
                    f,
                    "clock: follows {}; press play there. Not there yet: {}",
                    here.join(", else "),
                    missing.join(", ")
                ),
            },
            StartNotice::Ctl(name) => write!(f, "ctl: this show is `{name}`"),
            StartNotice::NoCtl(why) => write!(f, "ctl: not available: {why}"),
            StartNotice::Osc { at, says } => write!(f, "osc: listens at {at}{says}"),
            StartNotice::NoOsc(at, why) => write!(f, "osc: not available at {at}: {why}"),
            StartNotice::Guardian { process, is_ready: true } => write!(f, "guardian: process {process}"),
            StartNotice::Guardian { process, is_ready: false } => write!(
                f,
                "guardian: process {process}, which is not ready yet; until it is, notes would hang if the program was killed"
            ),
            StartNotice::NoGuardian(why) => write!(f, "no guardian: {why}; notes would hang if the program was killed"),
            StartNotice::Resumed(how) => write!(f, "resume: {how}"),
            StartNotice::NotResumed(why) => write!(f, "resume: begins anew, because {why}"),
            StartNotice::NoCheckpoint(why) => write!(f, "resume: a crash could not be resumed from: {why}"),
            StartNotice::Granted(granted) => write!(f, "{granted}"),
            StartNotice::NoFiles(why) => write!(f, "the set file is neither read again nor written into: {why}"),
        }
    }
}
