//! MIDI ports through midir: which there are, which of them a set means, and opening them.
//!
//! | file | duty |
//! |---|---|
//! | [`announce`] | what comes and goes, as soon as it does |
//! | [`ports`] | what is connected, and finding a device by name |
//! | [`input`] | the callback: stamp, parse, push |
//! | [`stamp`] | from the driver's time stamps to the machine's clock |
//! | `calibration` | how long a message takes to reach the callback |
//! | [`output`] | opening outputs |
//! | `pool` | room for what comes in while nobody reads, and noticing that it was not enough |
//! | [`sensing`] | whether a controller is still at the end of its cable |
//! | [`unread`] | whether a device reads what is sent to it |
//!
//! Nothing here runs on the real-time thread. The input callbacks run on midir's own threads, one for each connection.

pub mod announce;
mod calibration;
pub mod input;
pub mod output;
mod pool;
pub mod ports;
pub mod sensing;
pub mod stamp;
pub mod unread;

/// The name under which all our connections appear to other programs.
pub const CLIENT_NAME: &str = "tightrope";

/// A port could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open {direction} `{device}`: {reason}")]
pub struct OpenError {
    /// `input` or `output`.
    pub direction: &'static str,
    /// The device that was meant.
    pub device: String,
    /// What midir said.
    pub reason: String,
}
