//! Opening outputs.

#[cfg(not(target_os = "linux"))]
use midir::MidiOutputPort;
#[cfg(unix)]
use midir::os::unix::VirtualOutput;
use midir::{MidiOutput, MidiOutputConnection};

use super::ports::Inventory;
use super::{CLIENT_NAME, GONE, OpenError, attempt};
use crate::engine::outbox::Departure;
use crate::link::{PortOutput, SendFailed};
use crate::midi::{Channel, Message};

/// The channel mode message "all notes off" (controller 123, value 0).
const ALL_NOTES_OFF: u8 = 123;

/// An output that midir has opened.
pub struct MidirOutput(MidiOutputConnection);

impl MidirOutput {
    /// Sends a message at once. Real-time safe: one system call, no allocation after the first.
    ///
    /// # Errors
    ///
    /// When the port refuses.
    pub fn send(&mut self, message: Message) -> Result<(), SendFailed> {
        self.0.send(message.to_bytes().as_slice()).map_err(|_| SendFailed::Refused)
    }
}

impl PortOutput for MidirOutput {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        self.send(departure.message)
    }
}

/// Opens the output at `index` of the inventory; other programs see it as `label`.
///
/// Before it is handed over, each of `channels` is told "all notes off". That ends what an earlier show may have left
/// sounding, and it makes the first send, for which the kernel allocates, happen here and not on the real-time thread.
///
/// # Errors
///
/// When the port has gone or refuses.
pub fn open(inventory: &Inventory, index: usize, label: &str, channels: &[Channel]) -> Result<MidirOutput, OpenError> {
    let device = inventory.outputs.get(index).map_or(label, |name| &name.full);
    attempt("output", device, || {
        let name = inventory.outputs.get(index).ok_or(GONE)?;
        let midi = MidiOutput::new(CLIENT_NAME).map_err(|e| e.to_string())?;
        let port = midi.find_port_by_id(&name.id).ok_or(GONE)?;
        let mut connection = MidirOutput(midi.connect(&port, label).map_err(|e| e.to_string())?);
        warm_up(&mut connection, channels);
        Ok(connection)
    })
}

/// Opens the output whose full name `is_meant`, and sends nothing; other programs see it as `label`.
///
/// # Errors
///
/// When there is none of that name, or when it refuses.
#[cfg(not(target_os = "linux"))]
pub fn open_silently(is_meant: impl Fn(&str) -> bool, label: &str) -> Result<MidirOutput, OpenError> {
    attempt("output", label, || {
        let midi = MidiOutput::new(CLIENT_NAME).map_err(|e| e.to_string())?;
        let is_named = |port: &MidiOutputPort| midi.port_name(port).is_ok_and(|name| is_meant(&name));
        let port = midi.ports().into_iter().find(is_named).ok_or(GONE)?;
        midi.connect(&port, label).map(MidirOutput).map_err(|e| e.to_string())
    })
}

/// Opens a virtual output called `name`, to which any software synthesizer can be connected.
///
/// # Errors
///
/// When the system has no virtual ports.
#[cfg(unix)]
pub fn open_virtual(name: &str, channels: &[Channel]) -> Result<MidirOutput, OpenError> {
    attempt("virtual output", name, || {
        let midi = MidiOutput::new(CLIENT_NAME).map_err(|e| e.to_string())?;
        let mut connection = MidirOutput(midi.create_virtual(name).map_err(|e| e.to_string())?);
        warm_up(&mut connection, channels);
        Ok(connection)
    })
}

/// Windows has no virtual ports.
#[cfg(not(unix))]
pub fn open_virtual(name: &str, _: &[Channel]) -> Result<MidirOutput, OpenError> {
    let reason = "this system has no virtual ports".into();
    Err(OpenError { direction: "virtual output", device: name.into(), reason })
}

fn warm_up(connection: &mut MidirOutput, channels: &[Channel]) {
    // A port that only gets the clock has its first send here as well.
    let any = [Channel::from_status(0)];
    for &channel in if channels.is_empty() { &any } else { channels } {
        // A port that refuses this will refuse notes as well, and that is counted and reported.
        let _ = connection.send(Message::ControlChange(channel, ALL_NOTES_OFF, 0));
    }
}
