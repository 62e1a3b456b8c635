//! The connections of a show to the devices on the table: made at its start, and again whenever a device comes back.
//!
//! ALSA tells a sender nothing of a cable that was pulled: a send goes on to succeed, and an input falls silent without a
//! word. So the ports are looked at ten times a second, by name, and whenever the system announces that one has come or gone:
//! a device may be away for less than that, and come back under the number that it had. A device that is gone is let go, and
//! announced; when one of its name is there, it is opened anew, its used channels are silenced, and its output travels to
//! the real-time thread.
//!
//! Two devices may have one name. Whoever was there beside the one that is lost is another one, and is not taken for it before
//! it has been plugged in again. Where several of its name come, it is the one in the socket that it was in; else none of
//! them, until the performer has said which.
//!
//! When the set is reloaded, its ports may be others. A new one is connected at once, so that it is there when the new program
//! plays. Where a port goes, or gets another device, the old program plays on it up to its last bar line: so the new output,
//! or none, travels along with the edition of the program, and takes its place with it. The real-time thread ends what
//! sounds on the old output before it lets go of it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::patch::Patch;
use super::stage::{Devices, listed, slots};
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::io::announce::{Announcements, Gone};
use crate::io::ports::{Inventory, PortName, Scanner};
use crate::io::{OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::set::Set;

/// From one look to the next. A look takes a quarter of a millisecond.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// The same where something is announced: programs that come and go without end cost no more than this.
const BETWEEN_ANNOUNCED: Duration = Duration::from_millis(10);

/// All connections of a show.
pub struct Patchbay {
    patches: Vec<Patch>,
    scanner: Scanner,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
    announced: Option<Announcements>,
    /// The full names of what was there at the last look.
    seen: Vec<String>,
    looked: Option<Instant>,
}

impl Patchbay {
    /// A patch bay for the ports of `set` on `devices`: opens their inputs; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When an input refuses.
    pub fn open(set: &Set, devices: Devices, ends: Vec<MidiInEnd>, hooks: input::Hooks) -> Result<Patchbay, OpenError> {
        let Devices { scanner, announced, inventory, connections } = devices;
        let patches = slots(set).zip(&connections).map(|((slot, port), connection)| {
            let output = connection.output.and_then(|index| inventory.outputs.get(index));
            let socket = output.map(|name| name.socket.clone()).unwrap_or_default();
            Patch { output: output.map(|name| name.full.clone()), socket, ..Patch::new(slot, set, port) }
        });
        let patches = patches.collect();
        let (looked, seen) = (Some(Instant::now()), names_of(&inventory));
        let mut patchbay = Patchbay { patches, scanner, hooks, ends, home: channel(), announced, seen, looked };
        for (index, connection) in connections.iter().enumerate() {
            if let Some(at) = connection.input {
                patchbay.open_input(index, &inventory, at)?;
            }
        }
        Ok(patchbay)
    }

    fn devices(&self) -> Vec<String> {
        self.patches.iter().map(|patch| patch.port.device.clone()).collect()
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
        patch.socket.clone_from(&inventory.inputs[at].socket);
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
        if !patch.port.output || patch.output.is_some() || patch.leaves {
            return Ok(false);
        }
        let connection = output::open(inventory, at, &patch.port.name, &patch.channels)?;
        // While too many are on their way, it is closed again and tried at the next look.
        if end.replace_output(patch.slot, connection, patch.edition).is_err() {
            return Ok(false);
        }
        patch.output = Some(inventory.outputs[at].full.clone());
        patch.socket.clone_from(&inventory.outputs[at].socket);
        Ok(true)
    }
}

impl PortWatch for Patchbay {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        let has_news = self.announced.as_ref().is_some_and(Announcements::has_news);
        let between = if has_news { BETWEEN_ANNOUNCED } else { BETWEEN_LOOKS };
        if self.looked.is_some_and(|looked| looked.elapsed() < between) {
            return;
        }
        self.looked = Some(Instant::now());
        // First, so that whoever is found below has come back since.
        let gone = self.announced.as_ref().map(Announcements::take).unwrap_or_default();
        let inventory = self.scanner.look();
        let there = names_of(&inventory);
        let seen = std::mem::replace(&mut self.seen, there.clone());
        let stays = |name: &String| there.contains(name) && !gone.has(&PortName::parse(name).address);
        for patch in &mut self.patches {
            patch.take_away(end);
            let own = [patch.input.as_ref().map(|(name, _)| name.clone()), patch.output.clone()];
            let lost_input = patch.input.take_if(|(name, _)| !is_there(name, &inventory.inputs, &gone)).is_some();
            let lost_output = patch.output.take_if(|name| !is_there(name, &inventory.outputs, &gone)).is_some();
            patch.let_go |= lost_input;
            patch.look_at_cable((self.hooks.now)(), end, notices);
            // Where its ring is full, at the next look.
            if patch.let_go && end.command(Command::LetGo(patch.slot)).is_ok() {
                patch.let_go = false;
            }
            patch.look_at_reader(&inventory, end, notices);
            patch.beside.retain(stays);
            if lost_input || lost_output {
                let others = seen.iter().filter(|name| !own.iter().flatten().any(|own| own == *name) && stays(name));
                patch.beside = others.cloned().collect();
                notices.wrong(&format!("{} (`{}`) is gone; it is waited for", patch.port.name, patch.port.device));
            }
        }
        let devices = self.devices();
        let devices: Vec<&str> = devices.iter().map(String::as_str).collect();
        for index in 0..self.patches.len() {
            let patch = &mut self.patches[index];
            if !patch.is_missing() {
                continue;
            }
            let input = patch.find(&devices, &inventory.inputs);
            let output = patch.find(&devices, &inventory.outputs);
            if let Some(names) = patch.ambiguous(&input, &output)
                && !std::mem::replace(&mut patch.is_ambiguous, true)
            {
                notices.wrong(&format!(
                    "{} (`{}`) could be any of {}; pull the others, or write that as its `device` in the set",
                    patch.port.name,
                    patch.port.device,
                    listed(names)
                ));
            }
            // Each for itself: a device whose output is refused may still be the clock.
            let output = output.map_or(Ok(false), |at| self.open_output(index, &inventory, at, end));
            let input = input.map_or(Ok(false), |at| self.open_input(index, &inventory, at));
            let opened = output.and_then(|output| input.map(|input| output || input));
            let patch = &mut self.patches[index];
            match opened {
                Ok(true) => {
                    (patch.complained, patch.is_ambiguous) = (false, false);
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

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, _: &mut Notices) {
        for (index, (slot, port)) in slots(set).enumerate() {
            match self.patches.get_mut(index) {
                Some(patch) => patch.renew(set, port),
                None => self.patches.push(Patch::new(slot, set, port)),
            }
        }
        self.patches.iter_mut().for_each(|patch| patch.take_away(end));
        // What is new does not wait for the next look.
        self.looked = None;
    }

    fn states(&self) -> Vec<PortState> {
        let state = |patch: &Patch| PortState {
            input: patch.input.as_ref().map(|(name, _)| name.clone()),
            output: patch.output.clone(),
            is_missing: patch.is_missing(),
        };
        self.patches.iter().map(state).collect()
    }
}

/// The full names of all ports.
fn names_of(inventory: &Inventory) -> Vec<String> {
    inventory.inputs.iter().chain(&inventory.outputs).map(|name| name.full.clone()).collect()
}

/// Whether `name` is there, and has been all the time.
fn is_there(name: &str, names: &[PortName], gone: &Gone) -> bool {
    names.iter().any(|known| known.full == name && !gone.has(&known.address))
}

/// Looks after nothing: where a show plays on no ports at all.
pub struct NothingToWatch;

impl PortWatch for NothingToWatch {
    fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

    fn reload(&mut self, _: &Set, _: &mut ControlEnd, _: &mut Notices) {}

    fn states(&self) -> Vec<PortState> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_there_under_its_full_name() {
        let there = [PortName::parse("Circuit:Circuit MIDI 1 24:0")];
        let gone = Gone::default();
        assert!(is_there(&there[0].full, &there, &gone) && !is_there("Circuit:Circuit MIDI 1 40:0", &there, &gone));
    }
}
