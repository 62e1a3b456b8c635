//! MIDI ports through midir: which there are, which of them a set means, and opening them.
//!
//! | file | duty |
//! |---|---|
//! | [`address`] | ports by the numbers of the system |
//! | [`announce`] | what comes and goes, as soon as it does |
//! | `books` | what the sequencer knows of ports, names and connections |
//! | [`ports`] | what is connected, and finding a device by name |
//! | [`input`] | the callback: stamp, parse, push |
//! | [`stamp`] | from the driver's time stamps to the machine's clock |
//! | `calibration` | how long a message takes to reach the callback |
//! | [`output`] | opening outputs |
//! | `pool` | room for what comes in while nobody reads, and noticing that it was not enough |
//! | [`quarrel`] | connections that others take away: how often they are made again |
//! | [`sensing`] | whether a controller is still at the end of its cable |
//! | [`unread`] | whether a device reads what is sent to it |
//! | `sys` | the system calls behind it, with what is `unsafe` of them |
//!
//! Nothing here runs on the real-time thread. The input callbacks run on midir's own threads, one for each connection.

pub mod address;
pub mod announce;
#[cfg(target_os = "linux")]
pub(crate) mod books;
mod calibration;
pub mod input;
pub mod output;
mod pool;
pub mod ports;
pub mod quarrel;
pub mod sensing;
pub mod stamp;
#[cfg(target_os = "linux")]
mod sys;
pub mod unread;

use crate::panics::contained;

/// The name under which all our connections appear to other programs.
pub const CLIENT_NAME: &str = "tightrope";

/// A port could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot open {direction} `{device}`: {reason}")]
pub struct OpenError {
    /// `input` or `output`.
    pub direction: &'static str,
    /// The device that was meant.
    pub device: String,
    /// What midir said.
    pub reason: String,
}

/// Why a port is not there any more.
const GONE: &str = "it has gone";

/// Opens a port by a library, whose panics count as refusals: midir panics where the sequencer has no queue left.
fn attempt<T>(direction: &'static str, device: &str, open: impl FnOnce() -> Result<T, String>) -> Result<T, OpenError> {
    let opened = contained(open).unwrap_or_else(|why| Err(format!("the MIDI library failed ({why})")));
    opened.map_err(|reason| OpenError { direction, device: device.into(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_panics_has_refused() {
        let no_queue = || -> Result<(), String> { panic!("all queues are taken") };
        let error = attempt("input", "Circuit", no_queue).unwrap_err().to_string();
        assert_eq!(error, "cannot open input `Circuit`: the MIDI library failed (all queues are taken)");
        assert_eq!(attempt("input", "Circuit", || Err::<(), _>(GONE.into())).unwrap_err().reason, GONE);
    }
}
