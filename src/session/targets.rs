//! Which ports a show plays on: the set's devices, virtual ports named after them, nothing, or an output that it was given.

use super::connections::{Connections, NothingToWatch, channels_on};
use super::notice::StartNotice;
use super::options::Target;
use super::virtual_ports::VirtualPorts;
use crate::control::PortWatch;
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::io::announce::Announcements;
use crate::io::ports::{Inventory, NoMidi, NotFound, PortName, Scanner, find};
use crate::io::{OpenError, input, output};
use crate::link::{MidiInEnd, OpenedOutput};
use crate::rt::output::{NullOutput, Output, PortOutputs};
use crate::set::{Port, Set};

/// Where a show plays.
pub(crate) enum Targets {
    /// On the set's devices.
    Devices(Devices),
    /// On virtual ports, because none of the set's devices is there; with what is heard of those who connect themselves.
    Virtual(Option<Announcements>),
    /// On nothing, because the machine has no MIDI.
    NoMidi(NoMidi),
    /// Into an output for all ports.
    Output(Box<dyn Output + Send>),
}

/// The devices on the table, as they were at the start.
pub(crate) struct Devices {
    /// What looks for them again.
    pub scanner: Scanner,
    /// What is heard of those that come and go, since before they were looked for.
    pub announced: Option<Announcements>,
    /// Everything that was connected.
    pub inventory: Inventory,
    /// For each port of the set, which input and output of the inventory it is.
    pub connections: Vec<Connection>,
}

/// What a port of the set is connected to, as indices into the inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// The input that it listens to.
    pub input: Option<usize>,
    /// The output that it plays on.
    pub output: Option<usize>,
}

impl Targets {
    /// Looks for what `set` plays on, where `target` asks for its devices. `wake` is called, on another thread, whenever one
    /// comes or goes from then on.
    ///
    /// # Errors
    ///
    /// When some of the devices are there and one that is not optional is missing, or when a name fits several; in words.
    pub(crate) fn find(set: &Set, target: Target, wake: impl Fn() + Send + 'static) -> Result<Targets, String> {
        if let Target::Output(output) = target {
            return Ok(Targets::Output(output));
        }
        let scanner = match Scanner::open() {
            Ok(scanner) => scanner,
            Err(no_midi) => return Ok(Targets::NoMidi(no_midi)),
        };
        let announced = Announcements::listen(wake);
        let inventory = scanner.look();
        match connect(&set.ports, &inventory.inputs, &inventory.outputs)? {
            Some(connections) => Ok(Targets::Devices(Devices { scanner, announced, inventory, connections })),
            None => Ok(Targets::Virtual(announced)),
        }
    }

    /// Returns whether instruments are played, whose notes would hang if the process was killed.
    pub(crate) fn has_instruments(&self) -> bool {
        matches!(self, Targets::Devices(_) | Targets::Virtual(_))
    }

    /// Says where the show plays, and whose clock it follows; whether that is its own.
    pub(crate) fn tell(&self, set: &Set, tell: &mut dyn FnMut(StartNotice)) -> bool {
        match self {
            Targets::Devices(Devices { inventory, connections, .. }) => {
                for (port, connection) in set.ports.iter().zip(connections) {
                    let input = connection.input.and_then(|index| inventory.inputs.get(index));
                    let output = connection.output.and_then(|index| inventory.outputs.get(index));
                    tell(StartNotice::Port {
                        name: port.name.clone(),
                        input: input.map(ToString::to_string),
                        output: output.map(ToString::to_string),
                    });
                }
            }
            Targets::Virtual(_) => {
                tell(StartNotice::VirtualPorts(set.ports.iter().map(|port| port.device.clone()).collect()));
            }
            Targets::NoMidi(no_midi) => tell(StartNotice::NoMidi(no_midi.clone())),
            Targets::Output(_) => {}
        }
        let (here, missing) = self.clocks(set);
        let own_clock = here.is_empty();
        tell(StartNotice::Clock { bpm: set.program.tempo.bpm(), here, missing });
        own_clock
    }

    /// The ports whose clocks may be followed, in order of preference: those that are connected, and those that are not.
    fn clocks(&self, set: &Set) -> (Vec<String>, Vec<String>) {
        let connections = match self {
            Targets::Devices(devices) => &devices.connections[..],
            Targets::Virtual(_) | Targets::NoMidi(_) | Targets::Output(_) => &[],
        };
        let (mut here, mut missing) = (Vec::new(), Vec::new());
        for slot in &set.program.clock.follow {
            let is_heard = connections.get(usize::from(slot.0)).is_some_and(|connection| connection.input.is_some());
            let list = if is_heard { &mut here } else { &mut missing };
            list.extend(set.ports.get(usize::from(slot.0)).map(|port| format!("{} (`{}`)", port.name, port.device)));
        }
        (here, missing)
    }

    /// The ports that may have an input: all, because the set may be reloaded, and rings are made before the show. Each takes
    /// less than 64 KiB.
    pub(crate) fn listened_ports(&self) -> Vec<PortSlot> {
        match self {
            Targets::Devices(_) | Targets::Virtual(_) => (0..MAX_PORTS as u8).map(PortSlot).collect(),
            Targets::NoMidi(_) | Targets::Output(_) => Vec::new(),
        }
    }

    /// Opens the outputs. An output that was given is handed on, once.
    ///
    /// # Errors
    ///
    /// When a device refuses, or the system has no virtual ports.
    pub(crate) fn open_outputs(&mut self, set: &Set) -> Result<Box<dyn Output + Send>, OpenError> {
        let boxed = |output| Box::new(output) as OpenedOutput;
        let mut outputs = Vec::new();
        match self {
            Targets::NoMidi(_) => return Ok(Box::new(NullOutput)),
            Targets::Output(output) => return Ok(std::mem::replace(output, Box::new(NullOutput))),
            Targets::Virtual(_) => {
                for (slot, port) in slots(set).filter(|(_, port)| port.output) {
                    let channels = channels_on(&set.program, slot);
                    outputs.push((slot, boxed(output::open_virtual(&port.device, &channels)?)));
                }
            }
            Targets::Devices(Devices { inventory, connections, .. }) => {
                for ((slot, port), connection) in slots(set).zip(connections) {
                    let Some(index) = connection.output else { continue };
                    let channels = channels_on(&set.program, slot);
                    outputs.push((slot, boxed(output::open(inventory, index, &port.name, &channels)?)));
                }
            }
        }
        Ok(Box::new(PortOutputs::new(outputs)))
    }

    /// Opens the inputs, and keeps them and the outputs connected from then on.
    ///
    /// # Errors
    ///
    /// When an input refuses.
    pub(crate) fn open_inputs(
        self,
        set: &Set,
        ends: Vec<MidiInEnd>,
        hooks: input::Hooks,
    ) -> Result<Box<dyn PortWatch>, OpenError> {
        Ok(match self {
            Targets::NoMidi(_) | Targets::Output(_) => Box::new(NothingToWatch),
            Targets::Virtual(announced) => Box::new(VirtualPorts::open(set, announced, ends, hooks)?),
            Targets::Devices(devices) => Box::new(Connections::open(set, devices, ends, hooks)?),
        })
    }
}

/// The connection of each port; `None` when not a single device is there.
fn connect(ports: &[Port], inputs: &[PortName], outputs: &[PortName]) -> Result<Option<Vec<Connection>>, String> {
    let devices: Vec<&str> = ports.iter().map(|port| port.device.as_str()).collect();
    let found_inputs = find(&devices, inputs);
    let found_outputs = find(&devices, outputs);
    let mut connections = Vec::new();
    let mut missing = Vec::new();
    for ((port, input), output) in ports.iter().zip(found_inputs).zip(found_outputs) {
        let input = wanted(port, port.input, input)?;
        let output = wanted(port, port.output, output)?;
        if !port.optional {
            match (port.output && output.is_none(), port.input && input.is_none()) {
                (false, false) => {}
                (false, true) => missing.push(format!("`{}` (port {}, to listen to)", port.device, port.name)),
                (true, false) => missing.push(format!("`{}` (port {}, to play on)", port.device, port.name)),
                (true, true) => missing.push(format!("`{}` (port {})", port.device, port.name)),
            }
        }
        connections.push(Connection { input, output });
    }
    if connections.iter().all(|connection| *connection == Connection::default()) {
        return Ok(None);
    }
    if missing.is_empty() {
        return Ok(Some(connections));
    }
    let verb = if missing.len() == 1 { "is" } else { "are" };
    Err(format!(
        "{} {verb} not connected; there is: {}. Plug it in, correct `device` in the set, or write `optional = true` there",
        missing.join(", "),
        listing(inputs, outputs)
    ))
}

/// The port that was found, if it is wanted at all.
fn wanted(port: &Port, is_wanted: bool, found: Result<usize, NotFound>) -> Result<Option<usize>, String> {
    match found {
        _ if !is_wanted => Ok(None),
        Ok(index) => Ok(Some(index)),
        Err(NotFound::Missing) => Ok(None),
        Err(NotFound::Ambiguous(names)) => Err(format!(
            "`{}` (port {}) could be any of: {}. Write that as its `device` in the set",
            port.device,
            port.name,
            listed(&names)
        )),
    }
}

/// The names of everything that is connected, each once.
fn listing(inputs: &[PortName], outputs: &[PortName]) -> String {
    let mut names: Vec<String> = inputs.iter().map(|name| name.device(inputs)).collect();
    names.extend(outputs.iter().map(|name| name.device(outputs)));
    names.sort_unstable();
    names.dedup();
    listed(&names)
}

/// Names, one after the other.
pub(crate) fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The ports of a set with their slots.
pub(crate) fn slots(set: &Set) -> impl Iterator<Item = (PortSlot, &Port)> {
    (0..).map(PortSlot).zip(&set.ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, device: &str, input: bool, optional: bool) -> Port {
        Port {
            name: name.into(),
            device: device.into(),
            clock: false,
            optional,
            wire: crate::engine::program::Wire::Usb,
            input,
            output: true,
        }
    }

    fn names(names: &[&str]) -> Vec<PortName> {
        names.iter().map(|name| PortName::parse(name)).collect()
    }

    const CIRCUIT: &str = "Circuit:Circuit MIDI 1 24:0";
    const MONO: &str = "Circuit Mono Station:Circuit Mono Station MIDI 1 28:0";
    const THROUGH: &str = "Midi Through:Midi Through Port-0 14:0";

    #[test]
    fn devices_are_connected_in_the_directions_that_the_set_needs() {
        let ports = [port("circuit", "Circuit", true, false), port("mono", "Circuit Mono Station", false, false)];
        let here = names(&[THROUGH, CIRCUIT, MONO]);
        let expected = [Connection { input: Some(1), output: Some(1) }, Connection { input: None, output: Some(2) }];
        assert_eq!(connect(&ports, &here, &here).unwrap().unwrap(), expected);
    }

    #[test]
    fn without_any_device_there_is_no_connection() {
        let ports = [port("circuit", "Circuit", true, false), port("mono", "Circuit Mono Station", false, false)];
        assert_eq!(connect(&ports, &names(&[THROUGH]), &names(&[THROUGH])).unwrap(), None);
    }

    #[test]
    fn a_missing_device_is_named_with_what_is_there() {
        let ports = [port("circuit", "Circuit", true, false), port("mono", "Circuit Mono Station", false, false)];
        let here = names(&[THROUGH, CIRCUIT]);
        let message = connect(&ports, &here, &here).unwrap_err();
        assert!(message.starts_with("`Circuit Mono Station` (port mono, to play on) is not connected"), "{message}");
        assert!(message.contains("there is: `Circuit`, `Midi Through`"), "{message}");
    }

    #[test]
    fn an_optional_device_may_be_missing() {
        let ports = [port("circuit", "Circuit", true, false), port("mono", "Circuit Mono Station", false, true)];
        let here = names(&[CIRCUIT]);
        let connections = connect(&ports, &here, &here).unwrap().unwrap();
        assert_eq!(connections[1], Connection::default());
    }

    #[test]
    fn two_devices_of_one_name_are_named() {
        let ports = [port("circuit", "Circuit", true, false)];
        let here = names(&[CIRCUIT, "Circuit:Circuit MIDI 1 32:0"]);
        let message = connect(&ports, &here, &here).unwrap_err();
        assert!(message.contains("could be any of") && message.contains("32:0"), "{message}");
    }
}
