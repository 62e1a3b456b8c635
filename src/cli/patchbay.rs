//! The connections of a show to the devices on the table: made at its start, and again whenever a device comes back.
//!
//! ALSA tells a sender nothing of a cable that was pulled: a send goes on to succeed, and an input falls silent without a
//! word. So the ports are looked at ten times a second, by name. A device that is gone is let go, and announced; when one of
//! its name is there, it is opened anew, its used channels are silenced, and its output travels to the real-time thread.
//!
//! A device that is away for less than a look, and comes back under the same number, is not noticed.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::stage::{Devices, slots};
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::engine::program::{PortSlot, Program};
use crate::io::ports::{Inventory, PortName, Scanner, find};
use crate::io::{OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::midi::Channel;
use crate::set::{Port, Set};

/// From one look to the next. A look takes a quarter of a millisecond.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A port of the set and what it is connected to, by midir's full names.
struct Patch {
    slot: PortSlot,
    port: Port,
    channels: Vec<Channel>,
    input: Option<(String, input::Input)>,
    output: Option<String>,
    /// Whether the performer has been told that it could not be opened.
    complained: bool,
    /// Whether the engine has to be told that the keys that were down there are released.
    let_go: bool,
}

/// All connections of a show.
pub struct Patchbay {
    patches: Vec<Patch>,
    scanner: Scanner,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
    looked: Instant,
}

impl Patchbay {
    /// A patch bay for the ports of `set` on `devices`: opens their inputs; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When an input refuses.
    pub fn open(set: &Set, devices: Devices, ends: Vec<MidiInEnd>, hooks: input::Hooks) -> Result<Patchbay, OpenError> {
        let Devices { scanner, inventory, connections } = devices;
        let name = |index: usize| inventory.outputs.get(index).map(|name| name.full.clone());
        let patches = slots(set).zip(&connections).map(|((slot, port), connection)| Patch {
            slot,
            port: port.clone(),
            channels: channels_on(&set.program, slot),
            input: None,
            output: connection.output.and_then(name),
            complained: false,
            let_go: false,
        });
        let patches = patches.collect();
        let mut patchbay = Patchbay { patches, scanner, hooks, ends, home: channel(), looked: Instant::now() };
        for (index, connection) in connections.iter().enumerate() {
            if let Some(at) = connection.input {
                patchbay.open_input(index, &inventory, at)?;
            }
        }
        Ok(patchbay)
    }

    fn devices(&self) -> Vec<&str> {
        self.patches.iter().map(|patch| patch.port.device.as_str()).collect()
    }

    /// Opens the input of a patch, if it wants one and has none.
    fn open_input(&mut self, index: usize, inventory: &Inventory, at: usize) -> Result<bool, OpenError> {
        let patch = &mut self.patches[index];
        if !patch.port.input || patch.input.is_some() {
            return Ok(false);
        }
        self.ends.extend(self.home.1.try_iter());
        let Some(end) = self.ends.iter().position(|end| end.port() == patch.slot) else { return Ok(false) };
        let (end, home) = (self.ends.swap_remove(end), self.home.0.clone());
        let input = input::open(inventory, at, &patch.port.name, end, self.hooks.clone(), home)?;
        patch.input = Some((inventory.inputs[at].full.clone(), input));
        Ok(true)
    }

    /// Opens the output of a patch, if it wants one and has none, and hands it to the real-time thread.
    fn open_output(
        &mut self,
        index: usize,
        inventory: &Inventory,
        at: usize,
        end: &mut ControlEnd,
    ) -> Result<bool, OpenError> {
        let patch = &mut self.patches[index];
        if !patch.port.output || patch.output.is_some() {
            return Ok(false);
        }
        let connection = output::open(inventory, at, &patch.port.name, &patch.channels)?;
        // While too many are on their way, it is closed again and tried at the next look.
        if end.replace_output(patch.slot, connection).is_err() {
            return Ok(false);
        }
        patch.output = Some(inventory.outputs[at].full.clone());
        Ok(true)
    }
}

impl PortWatch for Patchbay {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        if self.looked.elapsed() < BETWEEN_LOOKS {
            return;
        }
        self.looked = Instant::now();
        let inventory = self.scanner.look();
        for patch in &mut self.patches {
            let lost_input = patch.input.take_if(|(name, _)| !is_there(name, &inventory.inputs)).is_some();
            let lost_output = patch.output.take_if(|name| !is_there(name, &inventory.outputs)).is_some();
            patch.let_go |= lost_input;
            // Where its ring is full, at the next look.
            if patch.let_go && end.command(Command::LetGo(patch.slot)).is_ok() {
                patch.let_go = false;
            }
            if lost_input || lost_output {
                notices.wrong(&format!("{} (`{}`) is gone; it is waited for", patch.port.name, patch.port.device));
            }
        }
        let (inputs, outputs) = (find(&self.devices(), &inventory.inputs), find(&self.devices(), &inventory.outputs));
        for (index, (input, output)) in inputs.into_iter().zip(outputs).enumerate() {
            // Each for itself: a device whose output is refused may still be the clock.
            let output = output.map_or(Ok(false), |at| self.open_output(index, &inventory, at, end));
            let input = input.map_or(Ok(false), |at| self.open_input(index, &inventory, at));
            let opened = output.and_then(|output| input.map(|input| output || input));
            let patch = &mut self.patches[index];
            match opened {
                Ok(true) => {
                    patch.complained = false;
                    notices.notice(&format!("{} (`{}`) is there", patch.port.name, patch.port.device));
                }
                Ok(false) => {}
                Err(_) if patch.complained => {}
                Err(error) => {
                    patch.complained = true;
                    notices.wrong(&error.to_string());
                }
            }
        }
    }

    fn states(&self) -> Vec<PortState> {
        let state = |patch: &Patch| PortState {
            input: patch.input.as_ref().map(|(name, _)| name.clone()),
            output: patch.output.clone(),
            is_missing: patch.port.input && patch.input.is_none() || patch.port.output && patch.output.is_none(),
        };
        self.patches.iter().map(state).collect()
    }
}

fn is_there(name: &str, names: &[PortName]) -> bool {
    names.iter().any(|known| known.full == name)
}

/// The channels that tracks use on a port.
pub fn channels_on(program: &Program, port: PortSlot) -> Vec<Channel> {
    let mut channels: Vec<_> =
        program.tracks.iter().filter(|track| track.port == port).map(|track| track.channel).collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}

/// Virtual ports, which nobody can pull out.
pub struct VirtualInputs {
    _inputs: Vec<input::Input>,
    states: Vec<PortState>,
}

impl VirtualInputs {
    /// Opens one for each end, under the name of its device.
    ///
    /// # Errors
    ///
    /// When the system has no virtual ports.
    pub fn open(set: &Set, ends: Vec<MidiInEnd>, hooks: &input::Hooks) -> Result<VirtualInputs, OpenError> {
        let (home, _) = channel();
        let open = |end: MidiInEnd| {
            let device = set.ports.get(usize::from(end.port().0)).map_or("tightrope", |port| &port.device);
            input::open_virtual(device, end, hooks.clone(), home.clone())
        };
        let state = |port: &Port| PortState {
            input: port.input.then(|| port.device.clone()),
            output: port.output.then(|| port.device.clone()),
            is_missing: false,
        };
        let states = set.ports.iter().map(state).collect();
        Ok(VirtualInputs { _inputs: ends.into_iter().map(open).collect::<Result<_, _>>()?, states })
    }
}

impl PortWatch for VirtualInputs {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn states(&self) -> Vec<PortState> {
        self.states.clone()
    }
}

/// Looks after nothing: where a show plays on no ports at all.
pub struct NothingToWatch;

impl PortWatch for NothingToWatch {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn states(&self) -> Vec<PortState> {
        Vec::new()
    }
}
