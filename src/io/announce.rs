//! What comes and goes, as soon as it does.
//!
//! Looking at the names now and then misses a device that goes and comes back between two looks under the number that it had:
//! its name is there as before, but nothing connects us to it any more. ALSA announces on a port of its own (`System:Announce`)
//! which clients and ports come and go. A thread listens there, and wakes whoever looks.
//!
//! Elsewhere than on Linux, or where ALSA refuses, there is nothing to hear, and looking has to do.

#[cfg(target_os = "linux")]
pub use linux::Announcements;

/// Addresses that were given up since somebody asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Of clients, with all their ports.
    clients: std::collections::BTreeSet<u8>,
    /// Of ports.
    ports: std::collections::BTreeSet<(u8, u8)>,
}

impl Gone {
    /// Whether the port at `address`, as in `24:0`, is one of them, whatever is there now.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        let Some((client, port)) = address.split_once(':') else { return false };
        let (Ok(client), Ok(port)) = (client.parse(), port.parse()) else { return false };
        self.clients.contains(&client) || self.ports.contains(&(client, port))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.ports.is_empty()
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    use std::thread;

    use alsa::Direction;
    use alsa::poll::{Descriptors, poll};
    use alsa::seq::{Addr, EventType, PortCap, PortSubscribe, PortType, Seq};

    use super::Gone;
    use crate::io::CLIENT_NAME;

    /// The stack of the thread that listens: small, because it may be locked.
    const STACK_BYTES: usize = 128 * 1024;

    /// Nothing that has been announced is older than what was heard: whoever asks reads what is there, without waiting for
    /// the thread.
    struct Ear {
        seq: Seq,
        gone: Gone,
        /// Whether something came or went.
        has_news: bool,
    }

    impl Ear {
        /// Subscribes to what the system announces.
        fn open() -> alsa::Result<Ear> {
            let name = std::ffi::CString::new(CLIENT_NAME).unwrap_or_default();
            let seq = Seq::open(None, Some(Direction::Capture), true)?;
            seq.set_client_name(&name)?;
            // Nobody else can subscribe to it, so that no program takes it for an instrument.
            let port =
                seq.create_simple_port(c"announcements", PortCap::WRITE | PortCap::NO_EXPORT, PortType::APPLICATION)?;
            let subscription = PortSubscribe::empty()?;
            subscription.set_sender(Addr::system_announce());
            subscription.set_dest(Addr { client: seq.client_id()?, port });
            seq.subscribe_port(&subscription)?;
            Ok(Ear { seq, gone: Gone::default(), has_news: false })
        }

        /// Reads what has been announced. Where so much was that some of it is lost, what follows is still heard, and the names
        /// are looked at in any case.
        fn hear(&mut self) {
            let mut input = self.seq.input();
            loop {
                let event = match input.event_input() {
                    Ok(event) => event,
                    Err(error) if error.errno() == libc::ENOSPC => {
                        self.has_news = true;
                        continue;
                    }
                    Err(_) => return,
                };
                let kind = event.get_type();
                if !matches!(kind, EventType::ClientExit | EventType::PortStart | EventType::PortExit) {
                    continue;
                }
                self.has_news = true;
                let Some(Addr { client, port }) = event.get_data::<Addr>() else { continue };
                match kind {
                    EventType::ClientExit => drop(self.gone.clients.insert(client as u8)),
                    EventType::PortExit => drop(self.gone.ports.insert((client as u8, port as u8))),
                    _ => {}
                }
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
            let mut files = (&ear.seq, Some(Direction::Capture)).get().ok()?;
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

        /// Whether something has come or gone since [`Announcements::take`].
        #[must_use]
        pub fn has_news(&self) -> bool {
            let mut ear = locked(&self.ear);
            ear.hear();
            ear.has_news
        }

        /// What has gone since this was called last, up to now.
        pub fn take(&self) -> Gone {
            let mut ear = locked(&self.ear);
            ear.hear();
            ear.has_news = false;
            std::mem::take(&mut ear.gone)
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

    /// Whether something has come or gone.
    #[must_use]
    pub fn has_news(&self) -> bool {
        match self.0 {}
    }

    /// What has gone.
    pub fn take(&self) -> Gone {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_gone_with_its_port_or_its_client() {
        let gone = Gone { clients: [24].into(), ports: [(28, 1)].into() };
        assert!(gone.has("24:0") && gone.has("24:7") && gone.has("28:1"));
        for still_there in ["28:0", "2:4", "", "24", "x:0", "300:0"] {
            assert!(!gone.has(still_there), "{still_there}");
        }
        assert!(!gone.is_empty() && Gone::default().is_empty());
    }
}
