//! What a show is started with, as plain data.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::control::osc::gate::Key;
use crate::guardian::protocol::Cooked;
use crate::rt::Settings;
use crate::rt::output::{NullOutput, Output};

/// How a show is played. The default plays on the set's instruments and does nothing else: no file is watched or written, no
/// socket is opened, no signal is caught, and no process is started.
#[derive(Default)]
pub struct Options {
    /// Where it plays. The default is the set's instruments.
    pub target: Target,
    /// How the real-time thread and the input threads run.
    pub realtime: Settings,
    /// When it ends by itself. The default is never, but for a song that stops.
    pub length: Option<Length>,
    /// Whether the set file is read again when it is saved.
    pub watch: bool,
    /// Whether SIGINT, SIGTERM, SIGHUP and SIGQUIT end the show, instead of the process with its notes left sounding. They are
    /// the process's: one show at a time listens.
    pub signals: bool,
    /// The `tightrope` executable, which is started again to watch over the show and to read what is saved. Another program
    /// does not know the arguments that it is started with.
    pub executable: Option<PathBuf>,
    /// Whether [`executable`](Options::executable) is started as [guardian](crate::guardian), which ends every note if this
    /// process is killed.
    pub guardian: bool,
    /// The modes of the terminal before a screen is drawn on it, which the guardian gives back; see
    /// [`Assembly::enter_screen`](super::Assembly::enter_screen).
    pub terminal: Option<Cooked>,
    /// What is kept in the user's state folder so that a show that was cut short can be gone on with. The default is nothing.
    pub checkpoint: Checkpoints,
    /// Whether the control socket is opened, so that `tightrope ctl` reaches the show.
    pub ctl: bool,
    /// Where OSC is listened for, if it is.
    pub osc: Option<Osc>,
    /// Where the log goes, if there is one.
    pub log: Option<Log>,
}

/// Where a show plays.
#[derive(Default)]
pub enum Target {
    /// On the devices that the set names; on virtual ports with their names where none of them is there; and on nothing where
    /// the machine has no MIDI.
    #[default]
    Instruments,
    /// Into an output for all ports, with nothing to listen to: the show runs on its own clock. It is called on the real-time
    /// thread, so it must be real-time safe.
    Output(Box<dyn Output + Send>),
}

impl Target {
    /// Nothing is sent.
    #[must_use]
    pub fn nothing() -> Target {
        Target::Output(Box::new(NullOutput))
    }
}

/// How long a show lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// This long, from the moment it is ready.
    Time(Duration),
    /// This many bars, from the first beat.
    Bars(u32),
}

/// What is kept of a show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checkpoints {
    /// Nothing.
    #[default]
    None,
    /// What it takes to go on with the show.
    Keep,
    /// The same, and the show goes on with what is kept of the last one of its set, where that was cut short less than a
    /// minute ago. Where there is none, it begins anew.
    Resume,
}

/// How OSC is listened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Osc {
    /// The address. Port 0 is any that is free.
    pub at: SocketAddr,
    /// What has to stand in addresses, so that others than who knows it are not heeded.
    pub key: Option<Key>,
    /// Whether there is no show without it.
    pub is_required: bool,
}

/// Where the log of a show goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The folder in which each show has a folder of its own.
    pub root: PathBuf,
    /// How many bytes the log of one show takes at most; its oldest parts make room.
    pub bytes: u64,
}
