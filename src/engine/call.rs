//! Calls as values: whatever changes the engine besides the passing of time, so that a show can be played again.
//!
//! The engine is deterministic in its calls. Two engines that are told the same, each time from the same [`Mark`], make the
//! same departures. The mark says how far the engine was: calls come while it is behind, which is when a pass takes more than
//! one step of it, and while it is ahead, which is when what is due has been thought of before.

use super::{Command, Engine, Progress};
use crate::engine::lanes::feed::FeedEvent;
use crate::engine::program::{PortSlot, Program};
use crate::midi::Message;
use crate::time::Nanos;

/// What the engine can be told, besides that time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Engine::input`]: this message came in by this port.
    Input(PortSlot, Message),
    /// [`Engine::command`].
    Command(Command),
    /// [`Engine::await_program`].
    Await,
    /// [`Engine::adopt`], of the program of this [edition](Program::edition).
    Adopt(u32),
    /// [`Engine::reopened`]: an output has been opened at this port, which rejoins or not.
    Reopened(PortSlot, bool),
    /// [`Engine::feed`]: this came from a source.
    Feed(FeedEvent),
    /// Nothing: only the mark counts.
    Nothing,
    /// Nothing, and nothing will be called any more: the show has ended.
    Finish,
}

const _: () = assert!(!core::mem::needs_drop::<Call>());

/// How far the engine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The latest time that it has been told.
    pub now: Nanos,
    /// How many departures it has made so far.
    pub made: u64,
    /// How far [`Engine::advance`] got, if it was called after the latest of all other calls.
    pub progress: Option<Progress>,
}

impl Engine {
    /// Returns how far it is. Real-time safe.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { now: self.now, made: self.made, progress: self.progress }
    }

    /// Makes `call` at `at`. `program` is the one in force, and for [`Call::Adopt`] the one that is adopted. Real-time safe.
    pub fn call(&mut self, program: &Program, at: Nanos, call: Call) {
        match call {
            Call::Input(port, message) => self.input(program, at, port, message),
            Call::Command(command) => self.command(program, at, command),
            Call::Await => self.await_program(program, at),
            Call::Adopt(_) => self.adopt(program, at),
            Call::Reopened(port, rejoins) => self.reopened(program, at, port, rejoins),
            Call::Feed(event) => self.feed(program, at, event),
            Call::Nothing | Call::Finish => {}
        }
    }
}
