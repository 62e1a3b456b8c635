//! Where messages go: the one trait between the driver and the wires, and what serves it.

use crate::engine::outbox::Departure;
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::link::OpenedOutput;
pub use crate::link::SendFailed;
use crate::time::Nanos;

/// Takes what leaves, for all ports. What the driver sends into, real or not.
pub trait Output {
    /// Takes one message for the port that it names. `departure.due` is when it should leave: the paced loop hands it over at
    /// that time, a driver of an audio callback earlier. A due time of 0 is long past.
    ///
    /// Real-time safe: at most one system call, no allocation.
    ///
    /// # Errors
    ///
    /// [`SendFailed`]: data, not a reason to stop. The show goes on.
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed>;

    /// Puts a newly opened output, or none, in the place of a port's old one, which it gives back; where ports have no outputs
    /// of their own, it gives back the new one. Real-time safe: nothing is closed.
    fn replace(&mut self, _: PortSlot, output: Option<OpenedOutput>) -> Option<OpenedOutput> {
        output
    }

    /// Nothing comes for a while: the sender waits, until then at the latest. Real-time safe: no system call.
    fn waits(&mut self, _: Nanos) {}
}

impl<O: Output + ?Sized> Output for Box<O> {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        (**self).send(departure)
    }

    fn replace(&mut self, port: PortSlot, output: Option<OpenedOutput>) -> Option<OpenedOutput> {
        (**self).replace(port, output)
    }

    fn waits(&mut self, awake_by: Nanos) {
        (**self).waits(awake_by);
    }
}

/// Takes everything and sends nothing: for machines without MIDI, and for measuring.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullOutput;

impl Output for NullOutput {
    fn send(&mut self, _: &Departure) -> Result<(), SendFailed> {
        Ok(())
    }
}

/// An output for each port, as far as it is connected.
#[derive(Default)]
pub struct PortOutputs {
    outputs: [Option<OpenedOutput>; MAX_PORTS],
}

impl PortOutputs {
    /// These outputs; the other ports are absent.
    #[must_use]
    pub fn new(outputs: Vec<(PortSlot, OpenedOutput)>) -> PortOutputs {
        let mut of_ports = PortOutputs::default();
        for (port, output) in outputs {
            if let Some(slot) = of_ports.outputs.get_mut(usize::from(port.0)) {
                *slot = Some(output);
            }
        }
        of_ports
    }
}

impl Output for PortOutputs {
    fn send(&mut self, departure: &Departure) -> Result<(), SendFailed> {
        match self.outputs.get_mut(usize::from(departure.port.0)) {
            Some(Some(output)) => output.send(departure),
            Some(None) | None => Err(SendFailed::Absent),
        }
    }

    fn replace(&mut self, port: PortSlot, output: Option<OpenedOutput>) -> Option<OpenedOutput> {
        match self.outputs.get_mut(usize::from(port.0)) {
            Some(slot) => std::mem::replace(slot, output),
            None => output,
        }
    }
}
