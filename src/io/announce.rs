//! What comes and goes, as soon as it does.
//!
//! Looking at the names now and then misses a device that goes and comes back between two looks under the number that it had:
//! its name is there as before, but nothing connects us to it any more. ALSA announces on a port of its own (`System:Announce`)
//! which clients and ports come and go, what they are called from now on, and which connections somebody makes and takes
//! away. A thread listens there, and wakes whoever looks.
//!
//! A connection that ends because one of its ports has gone is not announced; only one that a program takes away is.
//!
//! Elsewhere than on Linux, or where ALSA refuses, there is nothing to hear, and looking has to do.

use std::collections::BTreeSet;

#[cfg(not(target_os = "linux"))]
use super::address::Direction;
use super::address::{Address, Wire};
#[cfg(not(target_os = "linux"))]
use super::ports::PortName;

#[cfg(target_os = "linux")]
pub use linux::Announcements;

/// What was announced since somebody asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Clients that have gone, with all their ports.
    clients: BTreeSet<u8>,
    /// Ports that have gone.
    ports: BTreeSet<Address>,
    /// Connections that somebody has taken away, whoever has made them since.
    cut: BTreeSet<Wire>,
    /// Connections that somebody has made, in their order.
    made: Vec<Wire>,
    /// Whether some of it was lost, because there was too much.
    is_incomplete: bool,
}

/// The most connections that are remembered, of each kind.
#[cfg(target_os = "linux")]
const MOST_WIRES: usize = 1_000;

impl News {
    #[cfg(test)]
    pub(crate) fn of_cut(cut: impl IntoIterator<Item = Wire>) -> News {
        News { cut: cut.into_iter().collect(), ..News::default() }
    }

    #[cfg(test)]
    pub(crate) fn of_gone(ports: impl IntoIterator<Item = Address>) -> News {
        News { ports: ports.into_iter().collect(), ..News::default() }
    }

    /// Returns whether the port at `address` has gone, whatever is there now.
    #[must_use]
    pub fn has_gone(&self, address: Address) -> bool {
        self.clients.contains(&address.client) || self.ports.contains(&address)
    }

    /// Returns whether somebody has taken this connection away, even if it is there again.
    #[must_use]
    pub fn was_cut(&self, wire: Wire) -> bool {
        self.cut.contains(&wire)
    }

    /// The connections that somebody has taken away.
    pub fn cut(&self) -> impl Iterator<Item = Wire> + '_ {
        self.cut.iter().copied()
    }

    /// The connections that somebody has made, in their order; ours too.
    pub fn made(&self) -> impl Iterator<Item = Wire> + '_ {
        self.made.iter().copied()
    }

    /// Returns whether all is known that has happened. If not, a port at a known address may be another one.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.is_incomplete
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::thread;

    use alsa::poll::{Descriptors, poll};
    use alsa::seq::{Addr, Connect, EventType, PortCap, PortSubscribe, PortType, Seq};

    use super::{MOST_WIRES, News};
    use crate::io::CLIENT_NAME;
    use crate::io::address::{Address, Direction, Wire};
    use crate::io::books;
    use crate::io::ports::PortName;
    use crate::panics::contained;

    /// The stack of the thread that listens: small, because it may be locked.
    const STACK_BYTES: usize = 128 * 1024;

    /// Nothing that has been announced is older than what was heard: whoever asks reads what is there, without waiting for
    /// the thread.
    struct Ear {
        seq: Seq,
        news: News,
        /// Whether something came or went.
        has_news: bool,
    }

    impl Ear {
        /// Subscribes to what the system announces.
        fn open() -> alsa::Result<Ear> {
            let name = std::ffi::CString::new(CLIENT_NAME).unwrap_or_default();
            let seq = Seq::open(None, Some(alsa::Direction::Capture), true)?;
            seq.set_client_name(&name)?;
            // Nobody else can subscribe to it, so that no program takes it for an instrument.
            let port =
                seq.create_simple_port(c"announcements", PortCap::WRITE | PortCap::NO_EXPORT, PortType::APPLICATION)?;
            let subscription = PortSubscribe::empty()?;
            subscription.set_sender(Addr::system_announce());
            subscription.set_dest(Addr { client: seq.client_id()?, port });
            seq.subscribe_port(&subscription)?;
            Ok(Ear { seq, news: News::default(), has_news: false })
        }

        /// Reads what has been announced. Where so much was that some of it is lost, what follows is still heard, and the names
        /// are looked at in any case.
        fn hear(&mut self) {
            let Ear { seq, news, has_news } = self;
            let mut input = seq.input();
            loop {
                let event = match input.event_input() {
                    Ok(event) => event,
                    Err(error) if error.errno() == libc::ENOSPC => {
                        (*has_news, news.is_incomplete) = (true, true);
                        continue;
                    }
                    Err(_) => return,
                };
                let port = || event.get_data::<Addr>().map(Address::from);
                let wire = || event.get_data::<Connect>().map(Wire::from);
                match event.get_type() {
                    EventType::ClientExit => news.clients.extend(port().map(|port| port.client)),
                    EventType::PortExit => news.ports.extend(port()),
                    EventType::PortUnsubscribed if news.cut.len() < MOST_WIRES => news.cut.extend(wire()),
                    EventType::PortSubscribed if news.made.len() < MOST_WIRES => news.made.extend(wire()),
                    EventType::PortUnsubscribed | EventType::PortSubscribed => news.is_incomplete = true,
                    EventType::PortStart | EventType::PortChange | EventType::ClientChange => {}
                    _ => continue,
                }
                *has_news = true;
            }
        }
    }

    fn locked(ear: &Mutex<Ear>) -> MutexGuard<'_, Ear> {
        ear.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is announced. Dropping it ends its thread.
    pub struct Announcements {
        ear: Arc<Mutex<Ear>>,
        _end: UnixStream,
    }

    impl Announcements {
        /// Listens; `wake` is called on a thread of its own, each time that something has come or gone. `None` where the system
        /// announces nothing.
        #[must_use]
        pub fn listen(wake: impl Fn() + Send + 'static) -> Option<Announcements> {
            let ear = Ear::open().ok()?;
            let mut files = (&ear.seq, Some(alsa::Direction::Capture)).get().ok()?;
            let (end, ended) = UnixStream::pair().ok()?;
            files.push(libc::pollfd { fd: ended.as_raw_fd(), events: libc::POLLIN, revents: 0 });
            let ear = Arc::new(Mutex::new(ear));
            let heard = Arc::clone(&ear);
            let listen = move || {
                // A file that is closed at the other end counts as one that can be read.
                let _ended = ended;
                while poll(&mut files, -1).is_ok() && files.last().is_some_and(|ended| ended.revents == 0) {
                    let has_news = {
                        let mut ear = locked(&heard);
                        ear.hear();
                        ear.has_news
                    };
                    if has_news {
                        wake();
                    }
                }
            };
            let thread = thread::Builder::new().name("tightrope-ports".into()).stack_size(STACK_BYTES);
            thread.spawn(listen).ok()?;
            Some(Announcements { ear, _end: end })
        }

        /// Returns whether something has come or gone since [`Announcements::take`].
        #[must_use]
        pub fn has_news(&self) -> bool {
            let mut ear = locked(&self.ear);
            ear.hear();
            ear.has_news
        }

        /// Returns what was announced since this was called last, up to now.
        pub fn take(&self) -> News {
            let mut ear = locked(&self.ear);
            ear.hear();
            ear.has_news = false;
            std::mem::take(&mut ear.news)
        }

        /// The connection between the port of this process that is called `label` and the one at `device`, if it is there.
        #[must_use]
        pub fn wire(&self, label: &str, device: Address, direction: Direction) -> Option<Wire> {
            let own = self.look_up(|seq| books::own_port(seq, label, device, direction)).flatten();
            own.map(|own| direction.wire(own, device))
        }

        /// The virtual port of this process that is called `label`.
        #[must_use]
        pub fn virtual_port(&self, label: &str, direction: Direction) -> Option<Address> {
            self.look_up(|seq| books::own_virtual_port(seq, label, direction)).flatten()
        }

        /// Returns whether this connection is there. Where that cannot be found out, it counts as being there.
        #[must_use]
        pub fn is_connected(&self, wire: Wire) -> bool {
            self.look_up(|seq| books::is_connected(seq, wire)).unwrap_or(true)
        }

        /// Returns what the port at `address` is called, with its client, as long as it is there.
        #[must_use]
        pub fn name_of(&self, address: Address) -> Option<PortName> {
            let (client, port) = self.look_up(|seq| books::names_of(seq, address)).flatten()?;
            Some(PortName::new(client, port, address, String::new()))
        }

        /// Looks something up in the sequencer's books; `None` where that fails.
        fn look_up<T>(&self, look: impl FnOnce(&Seq) -> T) -> Option<T> {
            let ear = locked(&self.ear);
            contained(|| look(&ear.seq)).ok()
        }
    }
}

/// What is announced: nothing, here.
#[cfg(not(target_os = "linux"))]
pub struct Announcements(std::convert::Infallible);

#[cfg(not(target_os = "linux"))]
impl Announcements {
    /// The system announces nothing.
    #[must_use]
    pub fn listen(_: impl Fn() + Send + 'static) -> Option<Announcements> {
        None
    }

    /// Returns whether something has come or gone.
    #[must_use]
    pub fn has_news(&self) -> bool {
        match self.0 {}
    }

    /// Returns what was announced.
    pub fn take(&self) -> News {
        match self.0 {}
    }

    /// The connection between the port of this process that is called `label` and the one at `device`.
    #[must_use]
    pub fn wire(&self, _: &str, _: Address, _: Direction) -> Option<Wire> {
        match self.0 {}
    }

    /// The virtual port of this process that is called `label`.
    #[must_use]
    pub fn virtual_port(&self, _: &str, _: Direction) -> Option<Address> {
        match self.0 {}
    }

    /// Returns whether this connection is there.
    #[must_use]
    pub fn is_connected(&self, _: Wire) -> bool {
        match self.0 {}
    }

    /// Returns what the port at `address` is called.
    #[must_use]
    pub fn name_of(&self, _: Address) -> Option<PortName> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_gone_with_its_port_or_its_client() {
        let at = |text: &str| text.parse::<Address>().unwrap();
        let news = News { clients: [24].into(), ports: [at("28:1")].into(), ..News::default() };
        assert!(["24:0", "24:7", "28:1"].into_iter().all(|gone| news.has_gone(at(gone))));
        for still_there in ["28:0", "2:4"] {
            assert!(!news.has_gone(at(still_there)), "{still_there}");
        }
    }
}
