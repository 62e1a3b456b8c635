//! Virtual ports, under the names of the set's devices: what a show plays on where none of the devices is there. Nobody can
//! pull them out; but a set that is reloaded may have others.

use std::sync::mpsc::{Receiver, Sender, channel};

use super::patch::channels_on;
use super::stage::slots;
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::program::PortSlot;
use crate::io::{OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::set::{Port, Set};

/// The ports of one slot.
struct Virtual {
    port: Port,
    input: Option<input::Input>,
    /// Whether there is an output.
    output: bool,
}

/// The virtual ports of a show.
pub struct VirtualPorts {
    /// By slot.
    ports: Vec<Virtual>,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
}

impl VirtualPorts {
    /// Opens the inputs that `set` listens to; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When the system has no virtual ports.
    pub fn open(set: &Set, ends: Vec<MidiInEnd>, hooks: input::Hooks) -> Result<VirtualPorts, OpenError> {
        let mut all = VirtualPorts { ports: Vec::new(), hooks, ends, home: channel() };
        for (slot, port) in slots(set) {
            let input = all.open_input(slot, port)?;
            all.ports.push(Virtual { port: port.clone(), input, output: port.output });
        }
        Ok(all)
    }

    fn open_input(&mut self, slot: PortSlot, port: &Port) -> Result<Option<input::Input>, OpenError> {
        self.ends.extend(self.home.1.try_iter());
        let end = self.ends.iter().position(|end| end.port() == slot).filter(|_| port.input);
        let Some(end) = end.map(|at| self.ends.swap_remove(at)) else { return Ok(None) };
        input::open_virtual(&port.device, end, self.hooks.clone(), self.home.0.clone()).map(Some)
    }

    /// Makes the ports of `slot` what `port` wants, where the set is `set` now. Inputs change at once, outputs with the program.
    fn renew(&mut self, set: &Set, slot: PortSlot, port: &Port, end: &mut ControlEnd) -> Result<(), OpenError> {
        let index = usize::from(slot.0);
        let closed = Virtual { port: port.clone(), input: None, output: false };
        let old = match self.ports.get_mut(index) {
            Some(old) => Some(std::mem::replace(old, closed)),
            None => {
                self.ports.push(closed);
                None
            }
        };
        let had_output = old.as_ref().is_some_and(|old| old.output);
        let is_same = |old: &Virtual| (&old.port.name, &old.port.device) == (&port.name, &port.device);
        // What another port had is closed here.
        let (input, has_output) = old.filter(is_same).map_or((None, false), |old| (old.input, old.output));
        self.ports[index].output = has_output;
        self.ports[index].input = match input {
            None => self.open_input(slot, port)?,
            open => open,
        };
        let edition = set.program.edition;
        if port.output && !has_output {
            let output = output::open_virtual(&port.device, &channels_on(&set.program, slot))?;
            let sent = end.replace_output(slot, output, edition);
            self.ports[index].output = sent.is_ok();
            return sent.map_err(|_| OpenError {
                direction: "virtual output",
                device: port.device.clone(),
                reason: "too many ports change at once; save the set again".into(),
            });
        }
        if had_output && !has_output {
            // Where that cannot be said, one that nothing plays on stays open.
            let _ = end.remove_output(slot, edition);
        }
        Ok(())
    }
}

impl PortWatch for VirtualPorts {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, notices: &mut Notices) {
        for (slot, port) in slots(set) {
            if let Err(error) = self.renew(set, slot, port, end) {
                notices.wrong(&error.to_string());
            }
        }
    }

    fn states(&self) -> Vec<PortState> {
        let state = |open: &Virtual| PortState {
            input: open.input.as_ref().map(|_| open.port.device.clone()),
            output: open.output.then(|| open.port.device.clone()),
            is_missing: open.port.input && open.input.is_none() || open.port.output && !open.output,
        };
        self.ports.iter().map(state).collect()
    }
}
