//! The two instruments as the rest of the probe sees them, whatever carries their bytes. A stage is opened as three
//! ends, each for the thread that has it: the mouth for the master's, the ears for the collector's, the watch for the one
//! that directs the show.

use crate::recording::Heard;
use std::error::Error;
use std::time::Duration;

/// What fails here ends the run, with its reason on the console.
pub type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the performer reads on the instruments, and by what the program under test has to find them.
pub const CIRCUIT: &str = "Circuit";
pub const MONO: &str = "Circuit Mono Station";

/// Speaks as the Circuit, to whoever listens to it.
pub trait Mouth: Send {
    /// Real-time safe: one write, no waiting.
    fn say(&mut self, message: &[u8]) -> Fallible<()>;
}

/// Hears what arrives at the instruments.
pub trait Ears: Send {
    /// Appends all that arrived since the last call, in order for each port, and answers with the number of messages
    /// that were lost.
    fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<usize>;
}

/// How far a program has connected itself to the instruments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    pub from_circuit: bool,
    pub to_circuit: bool,
    pub to_mono: bool,
}

impl Connections {
    pub fn complete(self) -> bool {
        self.from_circuit && self.to_circuit && self.to_mono
    }
}

/// Sees who is connected to the instruments.
pub trait Watch {
    fn connections(&self) -> Fallible<Connections>;
}

/// How the ears want to be asked.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub every: Duration,
    /// In `SCHED_FIFO`.
    pub priority: i32,
}

pub struct Stage {
    pub mouth: Box<dyn Mouth>,
    pub ears: Box<dyn Ears>,
    pub watch: Box<dyn Watch>,
    pub look: Look,
    /// Whether the stamps are good for judging lateness. For placing a note on its pulse they always are.
    pub exact: bool,
}
