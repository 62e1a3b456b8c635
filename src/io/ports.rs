//! What is connected, and which of it a name means.
//!
//! Numbers change whenever a cable is pulled; names stay. So a set names its devices, and each name is looked for in this
//! order: the exact name of a client, then any unique part of `client:port`. Exact names are settled first, for all
//! devices: with only a *Circuit Mono Station* on the table, a set's `Circuit` must not turn out to mean that one too.
//!
//! Two equal devices have one name. On Linux they are told apart by the socket that they are plugged into, as the system
//! numbers it: `Circuit@1-1.2` is the *Circuit* at socket 2 of what is in socket 1 of the first USB bus.

use std::fmt;

use midir::{MidiIO, MidiInput, MidiInputPort, MidiOutput, MidiOutputPort};

use super::CLIENT_NAME;

/// The name of a port, taken apart. On ALSA midir gives `client:port 24:0`; elsewhere the whole name is the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortName {
    /// As midir gives it.
    pub full: String,
    /// The device, or the program, that the port belongs to.
    pub client: String,
    /// The port's own name; empty where the system has none.
    pub port: String,
    /// `24:0`; empty where the system has none. Changes when the device is plugged in again.
    pub address: String,
    /// `1-1.2`: the USB socket that the device is plugged into; empty where it is not known.
    pub socket: String,
}

impl PortName {
    /// Takes a name apart.
    #[must_use]
    pub fn parse(full: &str) -> PortName {
        let none = String::new;
        let whole =
            || PortName { full: full.into(), client: full.into(), port: none(), address: none(), socket: none() };
        let Some((names, address)) = full.rsplit_once(' ') else { return whole() };
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !address.split_once(':').is_some_and(|(client, port)| is_number(client) && is_number(port)) {
            return whole();
        }
        // A client's name may hold a colon; its port's name usually begins with the client's.
        let colons: Vec<usize> = names.match_indices(':').map(|(at, _)| at).collect();
        let split = colons.iter().find(|&&at| names[at + 1..].starts_with(&names[..at])).or(colons.first());
        match split {
            Some(&at) => PortName {
                full: full.into(),
                client: names[..at].into(),
                port: names[at + 1..].into(),
                address: address.into(),
                socket: none(),
            },
            None => whole(),
        }
    }

    /// The number of the client, as text.
    fn client_number(&self) -> &str {
        self.address.split(':').next().unwrap_or_default()
    }

    /// What a set file says to mean this port: the client's name; where `others` share it, with the socket, or all of it.
    #[must_use]
    pub fn device(&self, others: &[PortName]) -> String {
        let means_this = |device: &String| {
            let named = named_exactly(device, others);
            one_client(&named, others) && named.first().is_some_and(|&index| others[index] == *self)
        };
        let names = [Some(self.client.clone()), self.at_socket()];
        names.into_iter().flatten().find(means_this).unwrap_or_else(|| self.full.clone())
    }

    /// The client's name and the socket, where that is known.
    fn at_socket(&self) -> Option<String> {
        (!self.socket.is_empty()).then(|| format!("{}@{}", self.client, self.socket))
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

/// Why a device was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// Nothing is called so.
    Missing,
    /// Several are, which a set calls so to mean one of them.
    Ambiguous(Vec<String>),
}

/// Finds each of `devices` among `ports`, as an index into `ports`.
#[must_use]
pub fn find(devices: &[&str], ports: &[PortName]) -> Vec<Result<usize, NotFound>> {
    let exact: Vec<_> = devices.iter().map(|device| find_exact(device, ports)).collect();
    // A client that another device of the set names in full, with this name as a part of it, is that other device.
    let is_free = |wanted: &str, index: usize| {
        !devices.iter().zip(&exact).any(|(other, found)| {
            found.as_ref().is_ok_and(|&found| same_client(&ports[found], &ports[index]))
                && other.to_lowercase().contains(wanted)
        })
    };
    let find_part = |device: &str| {
        let wanted = device.to_lowercase();
        let fits = |&index: &usize| ports[index].full.to_lowercase().contains(&wanted) && is_free(&wanted, index);
        unique((0..ports.len()).filter(fits).collect(), ports)
    };
    let find = |(device, exact): (&&str, &Result<usize, NotFound>)| match exact {
        Err(NotFound::Missing) if !device.trim().is_empty() => find_part(device),
        settled => settled.clone(),
    };
    let mut found: Vec<_> = devices.iter().zip(&exact).map(find).collect();
    // Two names of which each fits one port as a part: the longer one means it, and the other is not there.
    for (index, device) in devices.iter().enumerate() {
        let longer_means_it = devices.iter().zip(&found).any(|(other, other_found)| {
            found[index].is_ok() && found[index] == *other_found && other.len() > device.len()
        });
        if longer_means_it && exact[index].is_err() {
            found[index] = Err(NotFound::Missing);
        }
    }
    found
}

fn find_exact(device: &str, ports: &[PortName]) -> Result<usize, NotFound> {
    unique(named_exactly(device, ports), ports)
}

/// The ports of exactly this name.
fn named_exactly(device: &str, ports: &[PortName]) -> Vec<usize> {
    let is_named = |name: &PortName| {
        name.full == device
            || name.client == device
            || name.client_and_port() == device
            || name.at_socket().as_deref() == Some(device)
    };
    (0..ports.len()).filter(|&index| is_named(&ports[index])).collect()
}

fn same_client(a: &PortName, b: &PortName) -> bool {
    a.client == b.client && a.client_number() == b.client_number()
}

impl PortName {
    fn client_and_port(&self) -> String {
        format!("{}:{}", self.client, self.port)
    }
}

/// Whether all of `candidates` belong to one client.
fn one_client(candidates: &[usize], ports: &[PortName]) -> bool {
    candidates.windows(2).all(|pair| same_client(&ports[pair[0]], &ports[pair[1]]))
}

/// The first of `candidates`, if they all belong to one client.
fn unique(candidates: Vec<usize>, ports: &[PortName]) -> Result<usize, NotFound> {
    let Some(&first) = candidates.first() else { return Err(NotFound::Missing) };
    if one_client(&candidates, ports) {
        Ok(first)
    } else {
        let mut names: Vec<String> = candidates.into_iter().map(|index| ports[index].device(ports)).collect();
        names.dedup();
        Err(NotFound::Ambiguous(names))
    }
}

/// The machine has no MIDI system that answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoMidi(String);

/// What is connected now: names, and what midir opens them by.
pub struct Inventory {
    /// The names of ports that can be listened to.
    pub inputs: Vec<PortName>,
    /// The names of ports that can be played on.
    pub outputs: Vec<PortName>,
    pub(super) input_ports: Vec<MidiInputPort>,
    pub(super) output_ports: Vec<MidiOutputPort>,
}

/// Looks at what is connected, as often as wanted. It stays a client of the MIDI system between looks: clients that come and
/// go are announced to every other program.
pub struct Scanner {
    input: MidiInput,
    output: MidiOutput,
}

impl Scanner {
    /// Becomes a client of the MIDI system.
    ///
    /// # Errors
    ///
    /// [`NoMidi`], with the reason, when the system has no MIDI or does not let us at it.
    pub fn open() -> Result<Scanner, NoMidi> {
        midi_system()?;
        let refused = |_| NoMidi("the MIDI system did not answer".into());
        let input = MidiInput::new(CLIENT_NAME).map_err(refused)?;
        let output = MidiOutput::new(CLIENT_NAME).map_err(refused)?;
        Ok(Scanner { input, output })
    }

    /// What is connected now. Our own ports are left out.
    #[must_use]
    pub fn look(&self) -> Inventory {
        let (input_ports, inputs) = names(&self.input);
        let (output_ports, outputs) = names(&self.output);
        Inventory { inputs, outputs, input_ports, output_ports }
    }
}

/// The ports of `io` and their names. A port that vanishes between the two questions is left out.
fn names<T: MidiIO>(io: &T) -> (Vec<T::Port>, Vec<PortName>) {
    io.ports()
        .into_iter()
        .filter_map(|port| Some((io.port_name(&port).ok()?, port)))
        .map(|(name, port)| (port, PortName::parse(&name)))
        .map(|(port, name)| (port, PortName { socket: socket_of(&name).unwrap_or_default(), ..name }))
        .filter(|(_, name)| name.client != CLIENT_NAME)
        .unzip()
}

/// The USB socket of the device that a port belongs to. The sound card is found by the client's number: the kernel gives each
/// card four of them, from 16 on (`sound/core/seq/seq_clientmgr.c`).
#[cfg(target_os = "linux")]
fn socket_of(name: &PortName) -> Option<String> {
    let client: u32 = name.client_number().parse().ok().filter(|client| (16..128).contains(client))?;
    let device = std::fs::read_link(format!("/sys/class/sound/card{}/device", (client - 16) / 4)).ok()?;
    socket_in(device.file_name()?.to_str()?).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn socket_of(_: &PortName) -> Option<String> {
    None
}

/// The socket in the name of a USB interface, `1-1.2:1.0`.
#[cfg(any(target_os = "linux", test))]
fn socket_in(interface: &str) -> Option<&str> {
    let (socket, _) = interface.split_once(':')?;
    let (bus, way) = socket.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(bus) && way.split('.').all(is_number)).then_some(socket)
}

/// Whether there is a MIDI system at all. Asking the ALSA library would answer too, but not without printing its own
/// complaint.
#[cfg(target_os = "linux")]
pub(crate) fn midi_system() -> Result<(), NoMidi> {
    const SEQUENCER: &str = "/dev/snd/seq";
    match std::fs::OpenOptions::new().read(true).write(true).open(SEQUENCER) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(NoMidi(format!(
            "no permission to use {SEQUENCER}: join the group audio (`sudo usermod -aG audio $USER`) and log in again"
        ))),
        Err(_) => Err(NoMidi(format!("this machine has no {SEQUENCER} (try `sudo modprobe snd-seq`)"))),
    }
}

#[cfg(not(target_os = "linux"))]
fn midi_system() -> Result<(), NoMidi> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(names: &[&str]) -> Vec<PortName> {
        names.iter().map(|name| PortName::parse(name)).collect()
    }

    #[test]
    fn names_come_apart() {
        let name = PortName::parse("Circuit:Circuit MIDI 1 24:0");
        assert_eq!((&*name.client, &*name.port, &*name.address), ("Circuit", "Circuit MIDI 1", "24:0"));
        let name = PortName::parse("a:b:a:b Port 128:1");
        assert_eq!((&*name.client, &*name.port), ("a:b", "a:b Port"));
        for odd in ["", " ", ":", "Circuit", "Circuit MIDI 1", "x 1:", "x:y :", "24:0"] {
            assert_eq!(PortName::parse(odd).full, odd);
        }
    }

    #[test]
    fn an_exact_name_wins_over_a_part() {
        let ports = ports(&["Circuit Mono Station:Circuit Mono Station MIDI 1 28:0", "Circuit:Circuit MIDI 1 24:0"]);
        assert_eq!(find(&["Circuit", "Circuit Mono Station"], &ports), [Ok(1), Ok(0)]);
        assert_eq!(find(&["mono"], &ports), [Ok(0)]);
        assert_eq!(find(&["Circuit:Circuit MIDI 1 24:0", "28:0"], &ports), [Ok(1), Ok(0)]);
    }

    #[test]
    fn a_missing_device_does_not_take_another_ones_place() {
        let ports = ports(&["Circuit Mono Station:Circuit Mono Station MIDI 1 28:0"]);
        assert_eq!(find(&["Circuit", "Circuit Mono Station"], &ports), [Err(NotFound::Missing), Ok(0)]);
    }

    #[test]
    fn of_two_parts_that_fit_one_device_the_longer_means_it() {
        let ports = ports(&["Circuit Mono Station:Circuit Mono Station MIDI 1 28:0"]);
        assert_eq!(find(&["Circuit", "Mono Station"], &ports), [Err(NotFound::Missing), Ok(0)]);
        assert_eq!(find(&["circuit", "circuit mono"], &ports), [Err(NotFound::Missing), Ok(0)]);
    }

    #[test]
    fn of_one_clients_ports_the_first_is_meant_unless_a_part_says_otherwise() {
        let ports = ports(&["Keys:Keys MIDI 20:0", "Keys:Keys DAW 20:1"]);
        assert_eq!(find(&["Keys"], &ports), [Ok(0)]);
        assert_eq!(find(&["Keys:Keys DAW"], &ports), [Ok(1)]);
        assert_eq!(find(&["Keys", "daw"], &ports), [Ok(0), Ok(1)]);
    }

    #[test]
    fn two_clients_that_fit_are_ambiguous() {
        let ports = ports(&["Circuit:Circuit MIDI 1 24:0", "Circuit:Circuit MIDI 1 28:0", "Other:Other 32:0"]);
        assert!(matches!(&find(&["Circuit"], &ports)[0], Err(NotFound::Ambiguous(names)) if names.len() == 2));
        assert!(matches!(&find(&["r"], &ports)[0], Err(NotFound::Ambiguous(_))));
        assert_eq!(find(&["", "zither"], &ports), [Err(NotFound::Missing), Err(NotFound::Missing)]);
    }

    #[test]
    fn two_equal_devices_are_told_apart_by_their_sockets() {
        let mut ports = ports(&["Circuit:Circuit MIDI 1 24:0", "Circuit:Circuit MIDI 1 28:0"]);
        (ports[0].socket, ports[1].socket) = ("1-1".into(), "1-1.2".into());
        assert_eq!(find(&["Circuit@1-1.2", "Circuit@1-1"], &ports), [Ok(1), Ok(0)]);
        assert_eq!(find(&["Circuit@1-2"], &ports), [Err(NotFound::Missing)]);
        let named = ["Circuit@1-1", "Circuit@1-1.2"].map(String::from);
        assert_eq!(find(&["Circuit"], &ports), [Err(NotFound::Ambiguous(named.to_vec()))]);
        assert_eq!([ports[0].device(&ports), ports[1].device(&ports)], named);
        assert_eq!(ports[0].device(&ports[..1]), "Circuit");
        assert_eq!(socket_in("1-1.2:1.0"), Some("1-1.2"));
        for other in ["0000:00:1b.0", "1-:1.0", "serial8250", "-1:1.0", "1-1"] {
            assert_eq!(socket_in(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_set_should_say_finds_the_port_again() {
        let ports = ports(&[
            "Keys:Keys MIDI 20:0",
            "Keys:Keys DAW 20:1",
            "Circuit:Circuit MIDI 1 24:0",
            "Twin:Twin MIDI 1 32:0",
            "Twin:Twin MIDI 1 36:0",
        ]);
        for (index, name) in ports.iter().enumerate() {
            assert_eq!(find(&[&name.device(&ports)], &ports), [Ok(index)]);
        }
    }
}
