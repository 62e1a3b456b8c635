//! An opened output of a port, as it crosses to the real-time thread: what a back-end has to be.

use crate::engine::outbox::Departure;

/// One port's opened output. What sends MIDI over a cable is one, and so is a test that writes down what it is given.
pub trait PortOutput: Send {
    /// Takes one message. `departure.due` is when it should leave, in the time of the engine: who only has a wire sends it at
    /// once, as it is given when it is due; who renders ahead places it there. A due time of 0 is long past.
    ///
    /// Real-time safe: at most one system call, no allocation.
    ///
    /// # Errors
    ///
    /// [`SendFailed`]: data, not a reason to stop. The show goes on.
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed>;
}

/// An opened output of any kind. Opened and closed by the control side, and only used by the real-time thread.
pub type OpenedOutput = Box<dyn PortOutput>;

/// Why a message did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFailed {
    /// The port refused it.
    #[error("the port refused the message")]
    Refused,
    /// There was nothing to do: nothing is connected to the port, or a note was to end that never began.
    #[error("there was nothing to send, or nobody to send it to")]
    Absent,
}
