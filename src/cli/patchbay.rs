//! The connections of a show to the devices on the table: made at its start, and again whenever a device comes back.
//!
//! ALSA tells a sender nothing of a cable that was pulled: a send goes on to succeed, and an input falls silent without a
//! word. So the ports are looked at ten times a second, by name. A device that is gone is let go, and announced; when one of
//! its name is there, it is opened anew, its used channels are silenced, and its output travels to the real-time thread.
//!
//! When the set is reloaded, its ports may be others. A new one is connected at once, so that it is there when the new program
//! plays. Where a port goes, or gets another device, the old program plays on it up to its last bar line: so the new output,
//! or none, travels along with the edition of the program, and takes its place with it. The real-time thread ends what
//! sounds on the old output before it lets go of it.
//!
//! A device that is there need not read. What it does not read the kernel holds for it, 1.3 s of a DIN cable, and then drops
//! without a word, ends of notes among it ([`unread`](crate::io::unread)). That is said, and when it reads again, its channels
//! are silenced: whatever ended meanwhile has ended there too. Other ports are not held up by it: a send never waits.
//!
//! A device that is away for less than a look, and comes back under the same number, is not noticed.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::stage::{Devices, slots};
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::engine::program::{PortSlot, Program, Tenant, Track};
use crate::io::ports::{Inventory, PortName, Scanner, find};
use crate::io::unread::{Change, Reader, unread};
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
    /// From which edition of the program on an output takes its place here.
    edition: u32,
    /// Whether the output of an earlier edition has yet to be taken away, because too many were on their way.
    leaves: bool,
    /// Whether the performer has been told that it could not be opened.
    complained: bool,
    /// Whether the engine has to be told that the keys that were down there are released.
    let_go: bool,
    /// Whether what is sent there is read.
    reader: Reader,
    /// Whether the engine has to be told to silence it.
    silence: bool,
}

impl Patch {
    fn new(slot: PortSlot, set: &Set, port: &Port) -> Patch {
        Patch {
            slot,
            port: port.clone(),
            channels: channels_on(&set.program, slot),
            input: None,
            output: None,
            edition: 0,
            leaves: false,
            complained: false,
            let_go: false,
            reader: Reader::default(),
            silence: false,
        }
    }

    /// The set is another one, in which this slot has `port`. What the port is connected to stays, unless it is another one.
    fn renew(&mut self, set: &Set, port: &Port) {
        let channels = channels_on(&set.program, self.slot);
        if (&self.port.name, &self.port.device) == (&port.name, &port.device) {
            // The old program may play on its own channels for a bar yet.
            self.channels.extend(channels);
            self.channels.sort_unstable();
            self.channels.dedup();
            self.port = port.clone();
            return;
        }
        let leaves = self.output.is_some() || self.leaves;
        let let_go = self.input.is_some() || self.let_go;
        *self = Patch { leaves, let_go, edition: set.program.edition, ..Patch::new(self.slot, set, port) };
    }

    /// Looks whether what is sent there is read, and says so if that has changed.
    fn look_at_reader(&mut self, inventory: &Inventory, end: &mut ControlEnd, notices: &mut Notices) {
        let name = self.output.as_ref().and_then(|name| inventory.outputs.iter().find(|known| known.full == *name));
        let Some(name) = name else {
            self.reader = Reader::default();
            return;
        };
        let counted = end.meters().port(self.slot).sent_and_failed();
        let (port, device) = (&self.port.name, &self.port.device);
        match self.reader.look(unread(&name.address), counted) {
            Some(Change::Stopped) => {
                notices.wrong(&format!("{port} (`{device}`) does not read what is sent to it; what it misses is lost"))
            }
            Some(Change::Again) => {
                notices.notice(&format!("{port} (`{device}`) reads again; its channels are silenced"));
                self.silence = true;
            }
            None => {}
        }
        // Where its ring is full, at the next look.
        if self.silence && end.command(Command::Silence(self.slot)).is_ok() {
            self.silence = false;
        }
    }

    /// Takes away what an earlier edition played on, if nothing will take its place at once.
    fn take_away(&mut self, end: &mut ControlEnd) {
        if self.leaves && end.remove_output(self.slot, self.edition) {
            self.leaves = false;
        }
    }
}

/// All connections of a show.
pub struct Patchbay {
    patches: Vec<Patch>,
    scanner: Scanner,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
    looked: Option<Instant>,
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
            output: connection.output.and_then(name),
            ..Patch::new(slot, set, port)
        });
        let patches = patches.collect();
        let mut patchbay = Patchbay { patches, scanner, hooks, ends, home: channel(), looked: Some(Instant::now()) };
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
        if !patch.port.output || patch.output.is_some() || patch.leaves {
            return Ok(false);
        }
        let connection = output::open(inventory, at, &patch.port.name, &patch.channels)?;
        // While too many are on their way, it is closed again and tried at the next look.
        if end.replace_output(patch.slot, connection, patch.edition).is_err() {
            return Ok(false);
        }
        patch.output = Some(inventory.outputs[at].full.clone());
        Ok(true)
    }
}

impl PortWatch for Patchbay {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        if self.looked.is_some_and(|looked| looked.elapsed() < BETWEEN_LOOKS) {
            return;
        }
        self.looked = Some(Instant::now());
        let inventory = self.scanner.look();
        for patch in &mut self.patches {
            patch.take_away(end);
            let lost_input = patch.input.take_if(|(name, _)| !is_there(name, &inventory.inputs)).is_some();
            let lost_output = patch.output.take_if(|name| !is_there(name, &inventory.outputs)).is_some();
            patch.let_go |= lost_input;
            // Where its ring is full, at the next look.
            if patch.let_go && end.command(Command::LetGo(patch.slot)).is_ok() {
                patch.let_go = false;
            }
            patch.look_at_reader(&inventory, end, notices);
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
            is_missing: patch.port.input && patch.input.is_none() || patch.port.output && patch.output.is_none(),
        };
        self.patches.iter().map(state).collect()
    }
}

fn is_there(name: &str, names: &[PortName]) -> bool {
    names.iter().any(|known| known.full == name)
}

fn is_played(track: &Track) -> bool {
    track.tenant != Tenant::NOBODY
}

/// The channels that tracks use on a port.
pub fn channels_on(program: &Program, port: PortSlot) -> Vec<Channel> {
    let mut channels: Vec<_> = program
        .tracks
        .iter()
        .filter(|track| is_played(track) && track.port == port)
        .map(|track| track.channel)
        .collect();
    channels.sort_unstable();
    channels.dedup();
    channels
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
    use crate::link::link;

    fn set(ports: &[(&str, &str)]) -> Set {
        let text = ports.iter().map(|(name, device)| {
            format!(
                "[ports.{name}]\ndevice = \"{device}\"\n[tracks.{name}]\nport = \"{name}\"\nchannel = {}\n",
                device.len()
            )
        });
        Set::parse("a.toml", format!("{}[patterns.p]\n", text.collect::<String>()).as_bytes()).unwrap()
    }

    fn patches(set: &Set) -> Vec<Patch> {
        let connected = |(slot, port): (PortSlot, &Port)| Patch {
            output: Some(port.device.clone()),
            ..Patch::new(slot, set, port)
        };
        slots(set).map(connected).collect()
    }

    #[test]
    fn what_has_gone_is_let_go_of_when_the_new_program_plays() {
        let first = set(&[("a", "A"), ("b", "B"), ("c", "C")]);
        let (mut end, mut rt, _) = link(first.program.clone(), &[]);
        let mut patches = patches(&first);
        // The first one stays, the second goes, the third has another device.
        let second = set(&[("c", "Other"), ("a", "A")]).following(&first);
        for (patch, port) in patches.iter_mut().zip(&second.ports) {
            patch.renew(&second, port);
            patch.take_away(&mut end);
        }
        assert_eq!(patches[0].output.as_deref(), Some("A"));
        assert!(patches[1..].iter().all(|patch| patch.output.is_none() && patch.edition == 2 && !patch.leaves));
        assert!(!patches[1].port.output && patches[2].port.output);
        let taken = |rt: &mut crate::link::RtEnd| {
            let mut taken = None;
            rt.exchange_output(|port, output| {
                taken = Some((port, output.is_some()));
                None
            });
            taken
        };
        assert_eq!(taken(&mut rt), None, "the old program still plays on them");
        end.publish(second.program.clone());
        assert!(rt.update_program());
        assert_eq!(
            [taken(&mut rt), taken(&mut rt), taken(&mut rt)],
            [Some((PortSlot(1), false)), Some((PortSlot(2), false)), None]
        );
    }

    #[test]
    fn what_waits_to_be_let_go_of_is_not_forgotten() {
        let first = set(&[("a", "A")]);
        let (mut end, _rt, _) = link(first.program.clone(), &[]);
        let mut patch = patches(&first).remove(0);
        while end.remove_output(PortSlot(9), 1) {}
        let second = set(&[("a", "Other")]).following(&first);
        patch.renew(&second, &second.ports[0]);
        patch.take_away(&mut end);
        assert!(patch.leaves, "too much is on its way");
        let third = set(&[("a", "Another")]).following(&second);
        patch.renew(&third, &third.ports[0]);
        assert!(patch.leaves && patch.edition == 3);
    }

    #[test]
    fn channels_of_the_old_and_the_new_program_are_silenced() {
        let first = set(&[("a", "A")]);
        let mut second = set(&[("a", "A")]);
        second.program.tracks[0].channel = Channel::from_number(9).unwrap();
        let second = second.following(&first);
        let mut patch = patches(&first).remove(0);
        patch.renew(&second, &second.ports[0]);
        assert_eq!(patch.channels.iter().map(|channel| channel.number()).collect::<Vec<_>>(), [1, 9]);
        let none = set(&[("b", "B")]).following(&first);
        assert_eq!(channels_on(&none.program, PortSlot(0)), [], "an empty slot of a track plays on no port");
    }
}
