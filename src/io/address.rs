//! Where a port is, by the numbers of the system: they hold for as long as the port is there, and mean another one afterwards.

use std::fmt;
use std::str::FromStr;

/// The number of a client of the sequencer, and of one of its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The client.
    pub client: u8,
    /// The port.
    pub port: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.client, self.port)
    }
}

/// Not an address, as `24:0` is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is like 24:0")]
pub struct NoAddress;

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        let (client, port) = text.split_once(':').ok_or(NoAddress)?;
        Ok(Address { client: number(client).ok_or(NoAddress)?, port: number(port).ok_or(NoAddress)? })
    }
}

/// A connection: what `from` sends goes to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wire {
    /// Who sends.
    pub from: Address,
    /// Who hears it.
    pub to: Address,
}

/// Which way messages go, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

impl Direction {
    /// The connection between our port and `device`.
    #[must_use]
    pub fn wire(self, own: Address, device: Address) -> Wire {
        match self {
            Direction::In => Wire { from: device, to: own },
            Direction::Out => Wire { from: own, to: device },
        }
    }

    /// Our end of a connection, and the other one.
    #[must_use]
    pub fn ends(self, wire: Wire) -> (Address, Address) {
        match self {
            Direction::In => (wire.to, wire.from),
            Direction::Out => (wire.from, wire.to),
        }
    }
}

#[cfg(target_os = "linux")]
impl From<alsa::seq::Addr> for Address {
    fn from(addr: alsa::seq::Addr) -> Address {
        // The sequencer's numbers have one byte.
        Address { client: addr.client as u8, port: addr.port as u8 }
    }
}

#[cfg(target_os = "linux")]
impl From<Address> for alsa::seq::Addr {
    fn from(address: Address) -> alsa::seq::Addr {
        alsa::seq::Addr { client: address.client.into(), port: address.port.into() }
    }
}

#[cfg(target_os = "linux")]
impl From<alsa::seq::Connect> for Wire {
    fn from(connect: alsa::seq::Connect) -> Wire {
        Wire { from: connect.sender.into(), to: connect.dest.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_two_numbers_of_a_byte() {
        assert_eq!("24:0".parse(), Ok(Address { client: 24, port: 0 }));
        assert_eq!("255:255".parse::<Address>().map(|address| address.to_string()), Ok("255:255".to_owned()));
        for wrong in ["", ":", "24", "24:", "x:0", "300:0", "+1:0", "1:0:0", " 1:0"] {
            assert_eq!(wrong.parse::<Address>(), Err(NoAddress), "{wrong}");
        }
    }
}
