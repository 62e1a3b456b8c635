//! What is connected, and which of it a name means.
//!
//! Numbers change whenever a cable is pulled; names stay. So a set names its devices, and each name is looked for in this
//! order, of which the first that anything fits counts:
//!
//! 1. `client@socket:number`: that port of that client in that USB socket, as the system numbers it. `Circuit@1-1.2:1` is the
//!    second port of the *Circuit* at socket 2 of what is in socket 1 of the first bus. Where no socket is known, `Circuit@:1`.
//! 2. `client:port 24:0`: all that there is to say of a port, with its numbers.
//! 3. `client`, the exact name: its first port. `client:port`.
//! 4. `client@socket`, `24:0`.
//! 5. Any unique part of `client:port`, in capitals or not.
//!
//! Exact names are settled first, for all devices: with only a *Circuit Mono Station* on the table, a set's `Circuit` must not
//! turn out to mean that one too. [`PortName::device`] tells which name to write: the shortest that means this port and no
//! other, without numbers that change, if any does. The first form is the last resort, and tells any two ports apart that can
//! be: equal devices in other sockets, and equal ports of one device, whose names the kernel has cut off at 31 characters.

use std::fmt;

#[cfg(not(target_os = "linux"))]
use midir::{MidiIO, MidiInput, MidiOutput};

use super::CLIENT_NAME;
use super::address::Address;
use crate::panics::contained;

/// The longest name that is offered, in bytes, as a set takes it.
const MAX_NAME: usize = 600;

/// The name of a port, taken apart. On ALSA it is `client:port 24:0`; elsewhere the whole name is the client's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortName {
    /// All of it.
    pub full: String,
    /// The device, or the program, that the port belongs to.
    pub client: String,
    /// The port's own name; empty where the system has none.
    pub port: String,
    /// `24:0`; empty where the system has none. Changes when the device is plugged in again.
    pub address: String,
    /// `1-1.2`: the USB socket that the device is plugged into; empty where it is not known.
    pub socket: String,
    /// By which midir finds it.
    pub id: String,
}

impl PortName {
    /// Takes a name apart.
    #[must_use]
    pub fn parse(full: &str) -> PortName {
        let whole = || PortName { full: full.into(), client: full.into(), ..PortName::default() };
        let Some((names, address)) = full.rsplit_once(' ') else { return whole() };
        if address.parse::<Address>().is_err() {
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
                id: address.into(),
                socket: String::new(),
            },
            None => whole(),
        }
    }

    /// The name of the port at `address`, of which the names are known.
    #[must_use]
    pub fn new(client: String, port: String, address: Address, socket: String) -> PortName {
        let address = address.to_string();
        PortName { full: format!("{client}:{port} {address}"), client, port, id: address.clone(), address, socket }
    }

    /// Returns where it is, if the system has numbers.
    #[must_use]
    pub fn at(&self) -> Option<Address> {
        self.address.parse().ok()
    }

    /// The number of the client, as text.
    fn client_number(&self) -> &str {
        self.address.split(':').next().unwrap_or_default()
    }

    /// Returns what a set file says to mean this port of `others`: see the module.
    #[must_use]
    pub fn device(&self, others: &[PortName]) -> String {
        self.device_in(&[others])
    }

    /// The same where the port is in several lists, and has to be meant in all of them that it is in.
    #[must_use]
    pub fn device_in(&self, lists: &[&[PortName]]) -> String {
        let means_this = |device: &String| {
            let is_fit = !device.trim().is_empty() && device.len() <= MAX_NAME && !ends_in_numbers(device);
            let mut lists = lists.iter().filter(|list| list.contains(self));
            let means_this = |list: &&&[PortName]| {
                only(&named_exactly(device, list), list).is_some_and(|index| list[index] == *self)
            };
            is_fit && lists.all(|list| means_this(&list))
        };
        let names = [Some(self.client.clone()), Some(self.client_and_port()), self.at_socket(), self.in_full()];
        names.into_iter().flatten().find(means_this).unwrap_or_else(|| self.full.clone())
    }

    fn client_and_port(&self) -> String {
        format!("{}:{}", self.client, self.port)
    }

    /// The client's name and the socket, where that is known.
    fn at_socket(&self) -> Option<String> {
        (!self.socket.is_empty()).then(|| format!("{}@{}", self.client, self.socket))
    }

    /// The same with the number of the port on the device. No two ports have this in common but those of two programs of one
    /// name: a socket holds neither `@` nor `:`.
    fn in_full(&self) -> Option<String> {
        self.at().map(|Address { port, .. }| format!("{}@{}:{port}", self.client, self.socket))
    }
}

/// Returns whether a name ends as those do that end in the system's numbers: it would mean another port once that has these.
fn ends_in_numbers(name: &str) -> bool {
    name.rsplit(' ').next().is_some_and(|last| last.parse::<Address>().is_ok())
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
        // Not in the numbers: they would fit by chance.
        let is_part = |index: usize| ports[index].client_and_port().to_lowercase().contains(&wanted);
        unique((0..ports.len()).filter(|&index| is_part(index) && is_free(&wanted, index)).collect(), ports)
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

/// The ports of exactly this name, by the first of the forms that any has.
fn named_exactly(device: &str, ports: &[PortName]) -> Vec<usize> {
    let forms: [&dyn Fn(&PortName) -> bool; 4] = [
        &|name| name.in_full().as_deref() == Some(device),
        &|name| name.full == device,
        &|name| name.client == device || !name.port.is_empty() && name.client_and_port() == device,
        &|name| name.at_socket().as_deref() == Some(device) || name.address == device,
    ];
    let named = |form: &dyn Fn(&PortName) -> bool| -> Vec<usize> {
        (0..ports.len()).filter(|&index| form(&ports[index])).collect()
    };
    forms.into_iter().map(named).find(|named| !named.is_empty()).unwrap_or_default()
}

fn same_client(a: &PortName, b: &PortName) -> bool {
    a.client == b.client && a.client_number() == b.client_number()
}

/// Returns whether all of `candidates` belong to one client.
fn one_client(candidates: &[usize], ports: &[PortName]) -> bool {
    candidates.windows(2).all(|pair| same_client(&ports[pair[0]], &ports[pair[1]]))
}

/// The first port among `candidates`, if they all belong to one client.
fn only(candidates: &[usize], ports: &[PortName]) -> Option<usize> {
    let first = candidates.iter().copied().min_by_key(|&index| ports[index].at());
    first.filter(|_| one_client(candidates, ports))
}

/// The same, or why there is none.
fn unique(candidates: Vec<usize>, ports: &[PortName]) -> Result<usize, NotFound> {
    if candidates.is_empty() {
        return Err(NotFound::Missing);
    }
    only(&candidates, ports).ok_or_else(|| {
        let mut names: Vec<String> = candidates.into_iter().map(|index| ports[index].device(ports)).collect();
        names.dedup();
        NotFound::Ambiguous(names)
    })
}

/// The machine has no MIDI system that answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoMidi(String);

/// What is connected now.
pub struct Inventory {
    /// The names of ports that can be listened to.
    pub inputs: Vec<PortName>,
    /// The names of ports that can be played on.
    pub outputs: Vec<PortName>,
}

/// Looks at what is connected, as often as wanted. It stays a client of the MIDI system between looks: clients that come and
/// go are announced to every other program.
pub struct Scanner(imp::Scanner);

impl Scanner {
    /// Becomes a client of the MIDI system.
    ///
    /// # Errors
    ///
    /// [`NoMidi`], with the reason, when the system has no MIDI or does not let us at it.
    pub fn open() -> Result<Scanner, NoMidi> {
        midi_system()?;
        let refused = |why: String| NoMidi(format!("the MIDI system did not answer ({why})"));
        contained(imp::Scanner::open).and_then(|opened| opened).map(Scanner).map_err(refused)
    }

    /// Returns what is connected now; nothing, where the system does not answer. Our own ports are left out.
    #[must_use]
    pub fn look(&self) -> Inventory {
        let (mut inputs, mut outputs) = contained(|| self.0.look()).unwrap_or_default();
        for names in [&mut inputs, &mut outputs] {
            names.retain(|name| name.client != CLIENT_NAME);
            for name in names {
                name.socket = socket_of(name).unwrap_or_default();
            }
        }
        Inventory { inputs, outputs }
    }
}

/// From ALSA itself: midir leaves out ports whose names are no UTF-8, and does not say where a client's name ends.
#[cfg(target_os = "linux")]
mod imp {
    use alsa::seq::Seq;

    use super::{CLIENT_NAME, PortName};
    use crate::io::address::Direction;
    use crate::io::books;

    pub(crate) struct Scanner(Seq);

    impl Scanner {
        pub(crate) fn open() -> Result<Scanner, String> {
            let name = std::ffi::CString::new(CLIENT_NAME).unwrap_or_default();
            let opened = Seq::open(None, Some(alsa::Direction::Playback), true);
            let opened = opened.and_then(|seq| seq.set_client_name(&name).map(|()| seq));
            opened.map(Scanner).map_err(|error| error.to_string())
        }

        pub(crate) fn look(&self) -> (Vec<PortName>, Vec<PortName>) {
            let names = |direction| {
                let ports = books::ports(&self.0, direction).into_iter();
                ports.map(|port| PortName::new(port.client, port.port, port.address, String::new())).collect()
            };
            (names(Direction::In), names(Direction::Out))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{CLIENT_NAME, MidiIO, MidiInput, MidiOutput, PortName};

    pub struct Scanner {
        input: MidiInput,
        output: MidiOutput,
    }

    impl Scanner {
        pub fn open() -> Result<Scanner, String> {
            let input = MidiInput::new(CLIENT_NAME).map_err(|error| error.to_string())?;
            let output = MidiOutput::new(CLIENT_NAME).map_err(|error| error.to_string())?;
            Ok(Scanner { input, output })
        }

        pub fn look(&self) -> (Vec<PortName>, Vec<PortName>) {
            let inputs = self.input.ports().into_iter().filter_map(|port| named(&self.input, &port, port.id()));
            let outputs = self.output.ports().into_iter().filter_map(|port| named(&self.output, &port, port.id()));
            (inputs.collect(), outputs.collect())
        }
    }

    /// A port that vanishes between the two questions is left out.
    fn named<T: MidiIO>(io: &T, port: &T::Port, id: String) -> Option<PortName> {
        Some(PortName { id, ..PortName::parse(&io.port_name(port).ok()?) })
    }
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

/// Returns whether there is a MIDI system at all. Asking the ALSA library would answer too, but not without printing its own
/// complaint.
#[cfg(target_os = "linux")]
pub(crate) fn midi_system() -> Result<(), NoMidi> {
    const SEQUENCER: &str = "/dev/snd/seq";
    match std::fs::OpenOptions::new().read(true).write(true).open(SEQUENCER) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && rustix::process::geteuid().is_root() => {
            Err(NoMidi(format!(
                "no permission to use {SEQUENCER}, even as root: in a container, hand it in (`--device /dev/snd`)"
            )))
        }
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
    use proptest::prelude::*;

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
    fn ports_of_one_device_with_names_that_were_cut_off_have_names_that_last() {
        const CUT: &str = "A Device With A Name Of Some Len";
        let name = |client: u8, port: u8, socket: &str| {
            PortName::new(CUT.into(), CUT.into(), Address { client, port }, socket.into())
        };
        let one = [name(24, 0, "1-1.2"), name(24, 1, "1-1.2")];
        assert_eq!(one[0].device(&one), CUT);
        assert_eq!(one[1].device(&one), format!("{CUT}@1-1.2:1"));
        let again = [name(32, 1, "1-1.2"), name(28, 0, "1-3"), name(28, 1, "1-3"), name(32, 0, "1-1.2")];
        assert_eq!(find(&[&one[1].device(&one)], &again), [Ok(0)]);
        let names: Vec<String> = again.iter().map(|name| name.device(&again)).collect();
        let names: Vec<&str> = names.iter().map(|name| name.strip_prefix(CUT).unwrap()).collect();
        assert_eq!(names, ["@1-1.2:1", "@1-3", "@1-3:1", "@1-1.2"]);
        let nowhere = [name(24, 0, ""), name(24, 1, "")];
        assert_eq!(nowhere[1].device(&nowhere), format!("{CUT}@:1"));
    }

    #[test]
    fn a_part_is_not_looked_for_in_the_numbers() {
        let ports = ports(&["Keys:Keys MIDI 28:0", "Pads:Pads 2 32:0"]);
        assert_eq!(find(&["midi 2", "8:0", "2"], &ports), [Err(NotFound::Missing), Err(NotFound::Missing), Ok(1)]);
        assert_eq!(find(&["32:0", "Keys:Keys MIDI 28:0"], &ports), [Ok(1), Ok(0)]);
    }

    /// Names that look like something else, or like each other.
    fn any_name() -> impl Strategy<Value = String> {
        const ODD: &[&str] = &[
            "A", "a", "AA", "A@1-1", "A@1-1:0", "A@:0", "A:A", "A:A 24:0", "24:0", " A ", "", " ", "\"'\\", "\\x1b",
            "Ü 2",
        ];
        prop_oneof![3 => prop::sample::select(ODD).prop_map(String::from), 1 => "\\PC{0,40}"]
    }

    prop_compose! {
        /// Clients with their sockets and ports, none at the place of another.
        fn any_clients()(clients in prop::collection::vec((
            any_name(),
            prop::sample::select(vec!["", "1-1", "1-1.2", "2-1"]),
            prop::collection::vec(any_name(), 1..4),
        ), 1..6)) -> Vec<(String, String, Vec<String>)> {
            clients.into_iter().map(|(name, socket, ports)| (name, socket.into(), ports)).collect()
        }
    }

    /// The ports of `clients`, which have these numbers, in the order of `keys`.
    fn plugged(clients: &[(String, String, Vec<String>)], numbers: &[u8], keys: &[u8]) -> Vec<PortName> {
        let client = |((client, socket, ports), &number): (&(String, String, Vec<String>), &u8)| {
            let name = |(port, name): (u8, &String)| {
                PortName::new(client.clone(), name.clone(), Address { client: number, port }, socket.clone())
            };
            (0..).zip(ports).map(name).collect::<Vec<_>>()
        };
        let mut names: Vec<_> = clients.iter().zip(numbers).flat_map(client).zip(keys.iter().cycle()).collect();
        names.sort_by_key(|(_, key)| **key);
        names.into_iter().map(|(name, _)| name).collect()
    }

    proptest! {
        #[test]
        fn what_is_offered_means_this_port_and_does_so_after_all_was_plugged_in_anew(
            clients in any_clients(),
            now in Just((16..32).collect::<Vec<u8>>()).prop_shuffle(),
            then in Just((16..32).collect::<Vec<u8>>()).prop_shuffle(),
            keys in prop::collection::vec(any::<u8>(), 16),
        ) {
            let (before, after) = (plugged(&clients, &now, &keys), plugged(&clients, &then, &keys[3..]));
            for (index, name) in before.iter().enumerate() {
                let device = name.device(&before);
                prop_assert_eq!(find(&[&device], &before), [Ok(index)], "{:?}", &device);
                let alike = |other: &&PortName| {
                    (&other.client, &other.socket) == (&name.client, &name.socket)
                        && other.client_number() != name.client_number()
                };
                if device == name.full {
                    prop_assert!(before.iter().any(|other| alike(&other)), "{:?} has another name", device);
                    continue;
                }
                // Names that hold numbers mean something else once these have changed hands.
                let [found] = &find(&[&device], &after)[..] else { unreachable!() };
                let place = now.iter().position(|number| name.client_number() == number.to_string());
                let number = place.map(|place| then[place].to_string());
                let is_it = |found: &PortName| {
                    Some(found.client_number()) == number.as_deref() && found.at().map(|at| at.port) == name.at().map(|at| at.port)
                };
                prop_assert!(found.as_ref().is_ok_and(|&found| is_it(&after[found])), "{:?}: {:?}", device, found);
            }
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
