//! What the sequencer's own books say: which ports there are, what they are called, and who is connected with whom.
//!
//! Names are bytes there. The kernel cuts them off at 31 or 63 of them, be it within a character, and a program may call itself
//! anything. Here a name is a text that can be shown and be written into a set: each byte that is no UTF-8, and each control
//! character, is written as `\x1b`.

use std::cell::OnceCell;
use std::fmt::Write as _;

use alsa::seq::{ClientIter, PortCap, PortInfo, PortIter, PortSubscribeIter, PortType, QuerySubsType, Seq};

use super::address::{Address, Direction, Wire};
use super::sys;

/// The kernel's list of clients and ports, in which names stand as they are.
const CLIENTS: &str = "/proc/asound/seq/clients";

/// A port with the names of its client and its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where it is.
    pub address: Address,
    /// What its client is called.
    pub client: String,
    /// What it is called.
    pub port: String,
}

/// All that may be connected to, in one direction: what is listened to ([`Direction::In`]) or played on.
pub(crate) fn ports(seq: &Seq, direction: Direction) -> Vec<Entry> {
    let is_midi = |port: &PortInfo| {
        let kinds = PortType::MIDI_GENERIC | PortType::SYNTH | PortType::APPLICATION;
        port.get_type().intersects(kinds) && port.get_capability().contains(capability(direction))
    };
    let odd = OnceCell::new();
    let list = || &**odd.get_or_init(|| std::fs::read(CLIENTS).unwrap_or_default());
    let mut entries = Vec::new();
    for client in ClientIter::new(seq) {
        let ports = PortIter::new(seq, client.get_client()).filter(is_midi);
        entries.extend(ports.map(|port| {
            let address = Address::from(port.addr());
            let client = client.get_name().map_or_else(|_| client_name(list(), address), escaped);
            let port = port.get_name().map_or_else(|_| port_name(list(), address), escaped);
            Entry { address, client, port }
        }));
    }
    entries
}

/// Returns what a port of somebody else has to grant.
fn capability(direction: Direction) -> PortCap {
    match direction {
        Direction::In => PortCap::READ | PortCap::SUBS_READ,
        Direction::Out => PortCap::WRITE | PortCap::SUBS_WRITE,
    }
}

/// Returns whether this connection is there.
pub(crate) fn is_connected(seq: &Seq, wire: Wire) -> bool {
    PortSubscribeIter::new(seq, wire.from.into(), QuerySubsType::READ).any(|there| there.get_dest() == wire.to.into())
}

/// Whoever listens to the port at `address`.
pub(crate) fn listeners(seq: &Seq, address: Address) -> Vec<Address> {
    let all = PortSubscribeIter::new(seq, address.into(), QuerySubsType::READ);
    all.map(|subscription| subscription.get_dest().into()).collect()
}

/// The port of this process that is called `label` and connected with the port at `device`.
pub(crate) fn own_port(seq: &Seq, label: &str, device: Address, direction: Direction) -> Option<Address> {
    let own = sys::own_clients();
    let (kind, other): (_, fn(&_) -> _) = match direction {
        Direction::In => (QuerySubsType::READ, alsa::seq::PortSubscribe::get_dest),
        Direction::Out => (QuerySubsType::WRITE, alsa::seq::PortSubscribe::get_sender),
    };
    let connected = PortSubscribeIter::new(seq, device.into(), kind).map(|subscription| other(&subscription));
    let mut connected = connected.map(Address::from).filter(|address| own.contains(&address.client));
    connected.find(|&address| is_called(seq, address, label))
}

/// The virtual port of this process that is called `label`, to be listened to by others ([`Direction::Out`]) or played on.
pub(crate) fn own_virtual_port(seq: &Seq, label: &str, direction: Direction) -> Option<Address> {
    let offered = match direction {
        Direction::In => capability(Direction::Out),
        Direction::Out => capability(Direction::In),
    };
    let own = sys::own_clients().into_iter();
    let mut ports = own.flat_map(|client| PortIter::new(seq, client.into()));
    let is_it = |port: &PortInfo| port.get_capability().contains(offered) && has_name(port, label);
    ports.find(is_it).map(|port| port.addr().into())
}

/// The name of the client at `address`, and of its port.
pub(crate) fn names_of(seq: &Seq, address: Address) -> Option<(String, String)> {
    let client = seq.get_any_client_info(address.client.into()).ok()?;
    let port = seq.get_any_port_info(address.into()).ok()?;
    let list = || std::fs::read(CLIENTS).unwrap_or_default();
    let client = client.get_name().map_or_else(|_| client_name(&list(), address), escaped);
    Some((client, port.get_name().map_or_else(|_| port_name(&list(), address), escaped)))
}

fn is_called(seq: &Seq, address: Address, label: &str) -> bool {
    seq.get_any_port_info(address.into()).is_ok_and(|port| has_name(&port, label))
}

/// Returns whether a port of ours is called `label`: the kernel keeps the first bytes of it.
fn has_name(port: &PortInfo, label: &str) -> bool {
    port.get_name().is_ok_and(|name| name == label || name.len() >= SHORTENED && label.starts_with(name))
}

/// From how many bytes on a name may have been cut off: of 63, by as much as belongs to one character.
const SHORTENED: usize = 60;

fn escaped(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    name.chars().for_each(|c| if c.is_control() { escape_character(c, &mut shown) } else { shown.push(c) });
    shown
}

fn escape_character(c: char, shown: &mut String) {
    c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(byte, shown));
}

fn escape(byte: u8, shown: &mut String) {
    // Writing to a text does not fail.
    let _ = write!(shown, "\\x{byte:02x}");
}

/// A name that may hold any bytes.
fn lossless(name: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in name.utf8_chunks() {
        shown.push_str(&escaped(chunk.valid()));
        chunk.invalid().iter().for_each(|&byte| escape(byte, &mut shown));
    }
    shown
}

/// The name of a client in the kernel's list (`snd_seq_info_clients_read` in `sound/core/seq/seq_clientmgr.c`).
fn client_name(list: &[u8], address: Address) -> String {
    let text = after(list, &format!("Client {:3} : \"", address.client));
    text.map_or_else(String::new, |text| lossless(before(text, &[b"\" [User", b"\" [Kernel"])))
}

/// The same of a port, within its client.
fn port_name(list: &[u8], address: Address) -> String {
    let of_client = after(list, &format!("Client {:3} : \"", address.client));
    let text = of_client.and_then(|text| after(text, &format!("  Port {:3} : \"", address.port)));
    text.map_or_else(String::new, |text| lossless(before(text, &[b"\" ("])))
}

/// Returns what stands after the first `heading` that begins a line.
fn after<'a>(text: &'a [u8], heading: &str) -> Option<&'a [u8]> {
    let heading = heading.as_bytes();
    let begins_a_line = |at: &usize| *at == 0 || text[at - 1] == b'\n';
    let at = (0..text.len()).filter(begins_a_line).find(|&at| text[at..].starts_with(heading))?;
    text.get(at + heading.len()..)
}

/// Returns what stands before the first of `ends`.
fn before<'a>(text: &'a [u8], ends: &[&[u8]]) -> &'a [u8] {
    let end = (0..text.len()).find(|&at| ends.iter().any(|end| text[at..].starts_with(end)));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_bytes_are_text_that_can_be_shown() {
        assert_eq!(lossless(b"Circuit \xc3\xbc"), "Circuit \u{fc}");
        assert_eq!(lossless(b"cut off \xc3"), "cut off \\xc3");
        assert_eq!(lossless(b"\x1b[2J\xff\n"), "\\x1b[2J\\xff\\x0a");
        assert_eq!(escaped("a\u{85}\"'@: "), "a\\xc2\\x85\"'@: ");
    }

    #[test]
    fn names_are_found_in_the_kernels_list_whatever_they_hold() {
        let list = b"Client info\n  cur  clients : 4\n\nClient   0 : \"System\" [Kernel]\n  Port   0 : \"Timer\" (Rwe-)\n\
                     Client  24 : \"Gro\xc3\" [Kernel Legacy]\n  Port   0 : \"Gro\xc3 \"MIDI\" 1\" (RWeX)\n    Connecting To: 129:0\n  \
                     Port   1 : \"DAW\" (RWeX)\n\
                     Client 128 : \"two\nlines \"of\" it\" [User Legacy]\n  Port   0 : \"a (b) \xff\" (RWe-)\n";
        let at = |client, port| Address { client, port };
        assert_eq!(
            (client_name(list, at(24, 0)), port_name(list, at(24, 0))),
            ("Gro\\xc3".into(), "Gro\\xc3 \"MIDI\" 1".into())
        );
        assert_eq!(port_name(list, at(24, 1)), "DAW");
        assert_eq!(client_name(list, at(128, 0)), "two\\x0alines \"of\" it");
        assert_eq!(port_name(list, at(128, 0)), "a (b) \\xff");
        assert_eq!((client_name(list, at(99, 0)), port_name(b"", at(0, 0))), (String::new(), String::new()));
    }
}
