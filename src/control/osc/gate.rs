//! Who may play by OSC. Packets have no sender that could be trusted, so it is found out otherwise:
//!
//! | listening | who is heeded |
//! |---|---|
//! | with a key | whoever knows it: it stands in each address, `/tightrope/KEY/launch` |
//! | on this machine only | programs of the user who plays, and of root: on Linux the system knows whose each socket is |
//! | on a network | everybody, and all are guests |
//!
//! A guest may have put somebody else's address into a packet, who is then sent what nobody there has asked for. So a guest gets at
//! most [`TIMES`] the bytes that came, until it has sent back a number that only the owner of the address can know.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::request::ROOT;
use crate::control::rate_limit::RateLimit;

/// How many times as many bytes as came are sent to an address that has not proved to be there.
pub const TIMES: usize = 3;

/// The shortest and the longest key.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// How long it is remembered whose a socket is, and of how many. Its owner may change, but not at once, and not to somebody who wants
/// that.
const REMEMBERED: Duration = Duration::from_secs(1);
const MOST_REMEMBERED: usize = 32;

/// How many sockets are looked up in a second. Each time the system lists all of them.
const LOOKS_PER_SECOND: u32 = 100;

/// What has to stand in addresses.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Key(String);

/// Not shown where settings are.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Key, String> {
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if is_plain && KEY_LENGTH.contains(&text.len()) {
            return Ok(Key(text));
        }
        let (least, most) = (KEY_LENGTH.start(), KEY_LENGTH.end());
        Err(format!("a key has {least} to {most} letters, digits, - and _, as it stands in addresses"))
    }
}

impl Key {
    /// The rest of `path` when it begins with the key.
    fn open<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (first, rest) = path.split_once('/')?;
        // How long it takes tells nothing of where it differs.
        let differs = first.bytes().zip(self.0.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
        (first.len() == self.0.len() && differs == 0).then_some(rest)
    }
}

/// How far somebody is trusted who is heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is who plays.
    Own,
    /// It may be anybody, and from anywhere.
    Guest,
}

/// Why somebody is not heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is a key, and it is not in the address.
    NoKey,
    /// Another user's socket.
    OtherUser(u32),
    /// A socket that is closed already, so nobody knows whose it was.
    Gone,
    /// Too many sockets to look all of them up.
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoKey => write!(f, "the key is missing: addresses are {ROOT}KEY/launch, with the key of [osc]"),
            Refusal::OtherUser(user) => {
                write!(f, "it came from another user of this machine ({user}), who may play only with a key in [osc]")
            }
            Refusal::Gone => f.write_str(
                "its sender was gone before it was known whose program it was: let it stay a moment, or give [osc] a key",
            ),
            Refusal::Busy => f.write_str("too many programs send at once to find out whose they are"),
        }
    }
}

/// Decides who is heeded.
#[derive(Debug)]
pub struct Gate {
    key: Option<Key>,
    /// Whether the owners of sockets are asked for.
    asks: bool,
    known: VecDeque<(SocketAddr, Result<(), Refusal>, Instant)>,
    looks: RateLimit,
    /// What the numbers for guests are made of.
    secret: std::hash::RandomState,
}

impl Gate {
    /// The gate of a socket that listens at `address`.
    #[must_use]
    pub fn new(address: SocketAddr, key: Option<Key>, now: Instant) -> Gate {
        let asks = key.is_none() && address.ip().is_loopback() && cfg!(target_os = "linux");
        let looks = RateLimit::new(LOOKS_PER_SECOND, now);
        Gate { key, asks, known: VecDeque::new(), looks, secret: std::hash::RandomState::new() }
    }

    /// Returns who is heeded, as it is said when a show begins; nothing where that is only who plays.
    #[must_use]
    pub fn says(&self, address: SocketAddr) -> &'static str {
        match (&self.key, self.asks, address.ip().is_loopback()) {
            (Some(_), ..) => ", with the key",
            (None, true, _) => "",
            (None, false, true) => "; every user of this machine can play, unless there is a key in [osc]",
            (None, false, false) => "; whoever reaches this address can play, unless there is a key in [osc]",
        }
    }

    /// Returns how far the sender of a message is trusted, and the message's address without the key.
    ///
    /// # Errors
    ///
    /// When it is not heeded.
    pub fn admit(&mut self, from: SocketAddr, address: &str, now: Instant) -> Result<(Trust, String), Refusal> {
        if let Some(key) = &self.key {
            let rest = address.strip_prefix(ROOT).and_then(|path| key.open(path)).ok_or(Refusal::NoKey)?;
            return Ok((Trust::Own, format!("{ROOT}{rest}")));
        }
        if !self.asks {
            return Ok((Trust::Guest, address.to_owned()));
        }
        self.ask(from, now)?;
        Ok((Trust::Own, address.to_owned()))
    }

    /// Returns whether the socket at `from` is our own user's.
    fn ask(&mut self, from: SocketAddr, now: Instant) -> Result<(), Refusal> {
        self.known.retain(|(_, _, since)| now.saturating_duration_since(*since) < REMEMBERED);
        if let Some((_, known, _)) = self.known.iter().find(|(address, ..)| *address == from) {
            return *known;
        }
        self.looks.take(now).map_err(|_| Refusal::Busy)?;
        let answer = judge(&owners(from));
        if self.known.len() == MOST_REMEMBERED {
            self.known.pop_front();
        }
        self.known.push_back((from, answer, now));
        answer
    }

    /// The number that a guest at `address` has to send back.
    #[must_use]
    pub fn number(&self, address: SocketAddr) -> i32 {
        let mut hasher = self.secret.build_hasher();
        std::hash::Hash::hash(&address, &mut hasher);
        hasher.finish() as i32
    }
}

/// Returns what a socket's owners are for us: all that may have sent have to be our own user, or root.
fn judge(owners: &[u32]) -> Result<(), Refusal> {
    #[cfg(unix)]
    let own = rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    let own = 0;
    match owners.iter().find(|&&owner| owner != own && owner != 0) {
        Some(&other) => Err(Refusal::OtherUser(other)),
        None if owners.is_empty() => Err(Refusal::Gone),
        None => Ok(()),
    }
}

/// The users who have a socket that may have sent from `address`, as Linux lists them.
fn owners(address: SocketAddr) -> Vec<u32> {
    let list = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let mut owners = owners_in(&list("/proc/net/udp"), address);
    owners.extend(owners_in(&list("/proc/net/udp6"), address));
    owners
}

/// The same in the text of such a list: lines of `SLOT: ADDRESS:PORT ...`, where the eighth field is the user.
fn owners_in(list: &str, address: SocketAddr) -> Vec<u32> {
    let owner = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        let (local, port) = fields.nth(1)?.split_once(':')?;
        let is_its = u16::from_str_radix(port, 16).ok()? == address.port() && may_send_as(listed(local)?, address.ip());
        fields.nth(5)?.parse().ok().filter(|_| is_its)
    };
    list.lines().skip(1).filter_map(owner).collect()
}

/// An address in such a list: words of four bytes, each in the machine's own order.
fn listed(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut bytes = [0; 16];
            bytes.iter_mut().zip(words.iter().flatten()).for_each(|(byte, &listed)| *byte = listed);
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// Returns whether a socket at `local` may send as `from`: bound to it, or to no address of its own.
fn may_send_as(local: IpAddr, from: IpAddr) -> bool {
    local == from.to_canonical() || local.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    const LIST: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:2328 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 14077 2 0000000000000000 0
  101: 0100007F:C001 0100007F:2328 01 00000000:00000000 00:00000000 00000000  1000        0 14078 2 0000000000000000 0
  102: 00000000:C001 00000000:0000 07 00000000:00000000 00:00000000 00000000  1001        0 14079 2 0000000000000000 0
  103: 0200007F:C001 00000000:0000 07 00000000:00000000 00:00000000 00000000  1002        0 14080 2 0000000000000000 0
garbage
  104: 0100007F:C002
";
    const LIST6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid
  1: 00000000000000000000000001000000:C001 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  7 0
  2: 0000000000000000FFFF00000100007F:C001 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  8 0
  3: 00000000000000000000000000000000:C001 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000  9 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn a_socket_s_owners_are_found_in_the_system_s_list() {
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        assert_eq!(owners_in(LIST, at("127.0.0.1:49153")), [1_000, 1_001]);
        assert_eq!(owners_in(LIST, at("127.0.0.1:9000")), [0]);
        assert_eq!(owners_in(LIST, at("127.0.0.1:49154")), [0u32; 0]);
        assert_eq!(owners_in(LIST6, at("127.0.0.1:49153")), [8, 9]);
        assert_eq!(owners_in(LIST6, at("[::1]:49153")), [7, 9]);
    }

    #[cfg(unix)]
    #[test]
    fn only_our_own_user_and_root_are_heeded() {
        let own = rustix::process::geteuid().as_raw();
        assert_eq!(judge(&[own, 0]), Ok(()));
        assert_eq!(judge(&[own, 4_000_000]), Err(Refusal::OtherUser(4_000_000)));
        assert_eq!(judge(&[]), Err(Refusal::Gone));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_has_closed_is_unknown_and_who_is_there_is_not() {
        let now = Instant::now();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 9_000));
        let mut gate = Gate::new(here, None, now);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let from = socket.local_addr().unwrap();
        assert_eq!(gate.admit(from, "/tightrope/stop", now), Ok((Trust::Own, "/tightrope/stop".to_owned())));
        drop(socket);
        // It is remembered for a moment.
        assert!(gate.admit(from, "/tightrope/stop", now).is_ok());
        assert_eq!(gate.admit(from, "/tightrope/stop", now + REMEMBERED), Err(Refusal::Gone));
        // From elsewhere no more than so many are looked up.
        let refusals = (10_000..20_000).map(|port| gate.admit(SocketAddr::from(([127, 0, 0, 1], port)), "/", now));
        assert!(refusals.filter(|refused| *refused != Err(Refusal::Busy)).count() <= LOOKS_PER_SECOND as usize);
        assert!(gate.known.len() <= MOST_REMEMBERED);
    }

    #[test]
    fn with_a_key_it_is_the_key_that_counts() {
        let key = |text: &str| Key::try_from(text.to_owned());
        for wrong in ["", "short", "with space in it", "with/a/slash", &"x".repeat(65)] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
        let now = Instant::now();
        let from = SocketAddr::from(([192, 168, 1, 7], 9));
        let mut gate = Gate::new(SocketAddr::from(([0, 0, 0, 0], 9_000)), Some(key("open-sesame").unwrap()), now);
        let admitted = gate.admit(from, "/tightrope/open-sesame/launch/build", now);
        assert_eq!(admitted, Ok((Trust::Own, "/tightrope/launch/build".to_owned())));
        for address in
            ["/tightrope/launch", "/tightrope/open-sesama/launch", "/tightrope/open-sesam/launch", "/other", "/"]
        {
            assert_eq!(gate.admit(from, address, now), Err(Refusal::NoKey), "{address}");
        }
        assert_eq!(format!("{:?}", gate.key), "Some(Key(..))");
    }

    #[test]
    fn on_a_network_all_are_guests() {
        let now = Instant::now();
        let mut gate = Gate::new(SocketAddr::from(([0, 0, 0, 0], 9_000)), None, now);
        let from = SocketAddr::from(([192, 168, 1, 7], 9));
        assert_eq!(gate.admit(from, "/tightrope/stop", now), Ok((Trust::Guest, "/tightrope/stop".to_owned())));
        assert!(gate.says(SocketAddr::from(([0, 0, 0, 0], 9_000))).contains("whoever reaches"));
        let other = SocketAddr::from(([192, 168, 1, 7], 10));
        assert!(gate.number(from) == gate.number(from) && gate.number(from) != gate.number(other));
    }
}
