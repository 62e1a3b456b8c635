//! Virtual ports, under the names of the set's devices: what a show plays on where none of the devices is there. Nobody can
//! pull them out; but a set that is reloaded may have others, and others connect themselves with them and go as they like.
//! That is said; and whoever comes back is silenced first, for it has missed the ends of notes.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::connections::channels_on;
use super::targets::slots;
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::Command;
use crate::engine::program::PortSlot;
use crate::io::address::{Address, Direction, Wire};
use crate::io::announce::{Announcements, News};
use crate::io::{CLIENT_NAME, OpenError, input, output};
use crate::link::{ControlEnd, MidiInEnd};
use crate::set::{Port, Set};

/// The most connections of others that are remembered.
const MOST_WIRES: usize = 256;

/// The ports of one slot.
struct Virtual {
    port: Port,
    input: Option<input::Input>,
    /// Whether there is an output.
    output: bool,
    /// Where the input is, and the output with its name, where that is known.
    heard_at: Option<Address>,
    plays_at: Option<(Address, String)>,
}

/// The virtual ports of a show.
pub(crate) struct VirtualPorts {
    /// By slot.
    ports: Vec<Virtual>,
    hooks: input::Hooks,
    /// Ends of inputs that are not open.
    ends: Vec<MidiInEnd>,
    home: (Sender<MidiInEnd>, Receiver<MidiInEnd>),
    announced: Option<Announcements>,
    /// The connections that others have made with our ports, and those that they have taken away again.
    wires: BTreeSet<Wire>,
    cut: BTreeSet<Wire>,
    /// What the engine has yet to be told.
    waiting: Vec<Command>,
    /// Whether connections have changed.
    has_changed: bool,
}

/// Returns where our virtual output `label` is, and what the system calls it, with its numbers: other shows may have one of the same
/// name.
pub(crate) fn virtual_output(label: &str, announced: Option<&Announcements>) -> Option<(Address, String)> {
    let at = announced?.virtual_port(label, Direction::Out)?;
    Some((at, announced?.name_of(at)?.full))
}

impl VirtualPorts {
    /// Opens the inputs that `set` listens to; the outputs have been opened before.
    ///
    /// # Errors
    ///
    /// When the system has no virtual ports.
    pub(crate) fn open(
        set: &Set,
        announced: Option<Announcements>,
        ends: Vec<MidiInEnd>,
        hooks: input::Hooks,
    ) -> Result<VirtualPorts, OpenError> {
        let mut all = VirtualPorts {
            ports: Vec::new(),
            hooks,
            ends,
            home: channel(),
            announced,
            wires: BTreeSet::new(),
            cut: BTreeSet::new(),
            waiting: Vec::new(),
            has_changed: false,
        };
        for (slot, port) in slots(set) {
            let input = all.open_input(slot, port)?;
            all.ports.push(Virtual { port: port.clone(), input, output: port.output, heard_at: None, plays_at: None });
            all.find(usize::from(slot.0));
        }
        Ok(all)
    }

    fn open_input(&mut self, slot: PortSlot, port: &Port) -> Result<Option<input::Input>, OpenError> {
        self.ends.extend(self.home.1.try_iter());
        let end = self.ends.iter().position(|end| end.port() == slot).filter(|_| port.input);
        let Some(end) = end.map(|at| self.ends.swap_remove(at)) else { return Ok(None) };
        input::open_virtual(&port.device, end, self.hooks.clone(), self.home.0.clone()).map(Some)
    }

    /// Finds out where a slot's ports are.
    fn find(&mut self, index: usize) {
        let Some(open) = self.ports.get_mut(index) else { return };
        let (label, announced) = (&open.port.device, self.announced.as_ref());
        let heard_at = announced.and_then(|announced| announced.virtual_port(label, Direction::In));
        open.heard_at = heard_at.filter(|_| open.input.is_some());
        open.plays_at = virtual_output(label, announced).filter(|_| open.output);
    }

    /// Makes the ports of `slot` what `port` wants, where the set is `set` now. Inputs change at once, outputs with the program.
    fn renew(&mut self, set: &Set, slot: PortSlot, port: &Port, end: &mut ControlEnd) -> Result<(), OpenError> {
        let index = usize::from(slot.0);
        let closed = Virtual { port: port.clone(), input: None, output: false, heard_at: None, plays_at: None };
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
            let sent = end.replace_output(slot, Box::new(output), edition);
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

    /// What others have made and taken away.
    fn take(&mut self, news: &News, notices: &mut Notices) {
        let gone: Vec<Wire> =
            self.wires.iter().copied().filter(|wire| news.has_gone(wire.from) || news.has_gone(wire.to)).collect();
        for wire in news.cut().chain(gone) {
            if !self.wires.remove(&wire) {
                continue;
            }
            let Some((slot, port, direction)) = self.whose(wire) else { continue };
            let (_, other) = direction.ends(wire);
            let name = self.announced.as_ref().and_then(|all| all.name_of(other));
            let name = name.map_or_else(|| format!("what was connected at {other}"), |name| format!("`{name}`"));
            match direction {
                Direction::In => {
                    self.waiting.push(Command::ReleaseInput(slot));
                    notices.notice(&format!("{name} does not play on {port} any more"));
                }
                Direction::Out => {
                    if self.cut.len() < MOST_WIRES && !news.has_gone(other) {
                        self.cut.insert(wire);
                    }
                    notices.notice(&format!("{name} does not hear {port} any more"));
                }
            }
        }
        for wire in news.made() {
            let Some((slot, port, direction)) = self.whose(wire) else { continue };
            if self.wires.len() >= MOST_WIRES {
                continue;
            }
            let name = self.announced.as_ref().and_then(|all| all.name_of(direction.ends(wire).1));
            // Our own are those that calibrate.
            let Some(name) = name.filter(|name| name.client != CLIENT_NAME) else { continue };
            if !self.wires.insert(wire) {
                continue;
            }
            if self.cut.remove(&wire) {
                self.waiting.push(Command::SilencePort(slot));
            }
            let does = if direction == Direction::In { "plays on" } else { "hears" };
            notices.notice(&format!("`{name}` {does} {port}"));
        }
    }

    /// The port of ours at the end of `wire`.
    fn whose(&self, wire: Wire) -> Option<(PortSlot, String, Direction)> {
        let mut ports = (0..).map(PortSlot).zip(&self.ports);
        ports.find_map(|(slot, open)| {
            let direction = match (
                open.heard_at == Some(wire.to),
                open.plays_at.as_ref().is_some_and(|(at, _)| *at == wire.from),
            ) {
                (true, _) => Direction::In,
                (_, true) => Direction::Out,
                _ => return None,
            };
            Some((slot, open.port.name.clone(), direction))
        })
    }
}

impl PortWatch for VirtualPorts {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        let news = self.announced.as_ref().filter(|announced| announced.has_news()).map(Announcements::take);
        if let Some(news) = news {
            self.take(&news, notices);
            self.has_changed = true;
        }
        // Where the ring is full, at the next look.
        self.waiting.retain(|&command| end.command(command).is_err());
    }

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, notices: &mut Notices) {
        for (slot, port) in slots(set) {
            if let Err(error) = self.renew(set, slot, port, end) {
                notices.wrong(&error.to_string());
            }
            self.find(usize::from(slot.0));
        }
    }

    fn take_change(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    fn states(&self) -> Vec<PortState> {
        let state = |open: &Virtual| PortState {
            input: open.input.as_ref().map(|_| open.port.device.clone()),
            output: open.output.then(|| open.plays_at.as_ref().map_or(&open.port.device, |(_, name)| name).clone()),
            is_missing: open.port.input && open.input.is_none() || open.port.output && !open.output,
        };
        self.ports.iter().map(state).collect()
    }
}
