//! Opening inputs: the callback that stamps a message, parses it, and hands it to the real-time thread.
//!
//! midir runs one thread for each connection, at normal priority, and offers no hook to change that; so the thread is
//! promoted by its own first callback. A callback does little: read the clock, parse at most three bytes, push. System
//! exclusive is dropped here; nothing behind this point has use for it.

use std::panic::{self, AssertUnwindSafe};

#[cfg(unix)]
use midir::os::unix::VirtualInput;
use midir::{Ignore, MidiInput, MidiInputConnection};

use super::ports::Inventory;
use super::{CLIENT_NAME, OpenError};
use crate::link::{InputEvent, MidiInEnd};
use crate::midi::Message;
use crate::time::{DeviceTime, Nanos};

/// What an input thread needs from outside: the clock, and its promotion to a real-time class.
pub struct Hooks {
    /// The time now, on the clock that the real-time thread reads too.
    pub now: Box<dyn Fn() -> Nanos + Send>,
    /// Called once, on the input thread, with its first message.
    pub promote: Box<dyn FnOnce() + Send>,
}

/// An opened input. Dropping it closes the connection and ends its thread.
pub type Input = MidiInputConnection<()>;

/// Opens the input at `index` of the inventory; other programs see it as `label`.
///
/// # Errors
///
/// When the port has gone or refuses.
pub fn open(
    inventory: &Inventory,
    index: usize,
    label: &str,
    end: MidiInEnd,
    hooks: Hooks,
) -> Result<Input, OpenError> {
    let device = inventory.inputs.get(index).map_or(label, |name| &name.full);
    let error = |reason: String| OpenError { direction: "input", device: device.into(), reason };
    let port = inventory.input_ports.get(index).ok_or_else(|| error("it has gone".into()))?;
    let midi = new_input().map_err(|e| error(e.to_string()))?;
    midi.connect(port, label, callback(end, hooks), ()).map_err(|e| error(e.to_string()))
}

/// Opens a virtual input called `name`, to which any program can send.
///
/// # Errors
///
/// When the system has no virtual ports.
#[cfg(unix)]
pub fn open_virtual(name: &str, end: MidiInEnd, hooks: Hooks) -> Result<Input, OpenError> {
    let error = |reason: String| OpenError { direction: "virtual input", device: name.into(), reason };
    let midi = new_input().map_err(|e| error(e.to_string()))?;
    midi.create_virtual(name, callback(end, hooks), ()).map_err(|e| error(e.to_string()))
}

/// Windows has no virtual ports.
#[cfg(not(unix))]
pub fn open_virtual(name: &str, _: MidiInEnd, _: Hooks) -> Result<Input, OpenError> {
    let reason = "this system has no virtual ports".into();
    Err(OpenError { direction: "virtual input", device: name.into(), reason })
}

fn new_input() -> Result<MidiInput, midir::InitError> {
    let mut midi = MidiInput::new(CLIENT_NAME)?;
    midi.ignore(Ignore::Sysex | Ignore::ActiveSense);
    Ok(midi)
}

fn callback(mut end: MidiInEnd, hooks: Hooks) -> impl FnMut(u64, &[u8], &mut ()) + Send + 'static {
    let Hooks { now, promote } = hooks;
    let mut promote = Some(promote);
    move |stamp, bytes, ()| {
        let at = now();
        // midir would panic itself, later, on a thread that has panicked; so a panic ends here, and the show with it.
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            if let Some(promote) = promote.take() {
                promote();
            }
            if let Some(message) = Message::from_bytes(bytes) {
                end.push(InputEvent { at, device: DeviceTime(stamp), message });
            }
        }));
        if outcome.is_err() {
            end.fail();
        }
    }
}
