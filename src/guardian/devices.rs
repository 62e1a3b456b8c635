//! The guardian's own connections.
//!
//! On Linux they are made with ALSA's sequencer directly: one client for all ports instead of one for each, which nobody else
//! can subscribe to and so takes for no device; and the sequencer knows whether a connection is still there, so one that was
//! lost with a cable is noticed and made anew, whatever the show knows of it. Elsewhere they are midir's.
//!
//! What is addressed is what the show is connected to, by the system's numbers; names only have to agree. Another device, or the
//! virtual port of another show, may have the same name, and must not be silenced in its place.

pub use imp::Devices;

#[cfg(target_os = "linux")]
mod imp {
    use std::ffi::CString;

    use alsa::Direction;
    use alsa::seq::{Addr, EvCtrl, EvNote, EvQueueControl, Event, EventType, PortCap, PortSubscribe, PortType, Seq};

    use crate::guardian::protocol::{GuardedPort, MAX_GUARDED, plain};
    use crate::guardian::watch::Outputs;
    use crate::io::address::Address;
    use crate::io::ports::{PortName, midi_system};
    use crate::io::{CLIENT_NAME, books};
    use crate::midi::Message;

    /// What one place is connected to.
    struct Line {
        /// The port of our own.
        own: i32,
        /// The show's virtual port, where it plays on one: then whoever listens to that is who has to be silenced.
        follows: Option<Followed>,
        listeners: Vec<Addr>,
        /// Those of them that take messages, but no connection from us.
        unconnected: Vec<Addr>,
    }

    /// A virtual port of the show.
    struct Followed {
        name: String,
        at: Address,
    }

    /// The connections to devices.
    #[derive(Default)]
    pub struct Devices {
        /// Opened with the first port.
        seq: Option<Seq>,
        lines: [Option<Line>; MAX_GUARDED],
    }

    /// Returns whether the port at `at` is the one of this full name.
    fn is_called(seq: &Seq, at: Address, full: &str) -> bool {
        let names = books::names_of(seq, at);
        names.is_some_and(|(client, port)| plain(&PortName::new(client, port, at, String::new()).full) == full)
    }

    /// Returns whether it is a port of a show: devices are called otherwise.
    fn is_ours(seq: &Seq, at: Address) -> bool {
        books::names_of(seq, at).is_some_and(|(client, _)| client == CLIENT_NAME)
    }

    /// The port of this full name. One that was plugged in again and has another address by now is another one until the show
    /// says so.
    fn find(seq: &Seq, full: &str) -> Option<Address> {
        PortName::parse(full).at().filter(|&at| is_called(seq, at, full))
    }

    fn connect(seq: &Seq, own: i32, listener: Addr) -> bool {
        let subscription = seq.client_id().and_then(|client| {
            let subscription = PortSubscribe::empty()?;
            subscription.set_sender(Addr { client, port: own });
            subscription.set_dest(listener);
            seq.subscribe_port(&subscription)
        });
        subscription.is_ok()
    }

    impl Devices {
        fn seq(&mut self) -> Option<&Seq> {
            if self.seq.is_none() {
                // The library would complain to the performer.
                midi_system().ok()?;
                let seq = Seq::open(None, Some(Direction::Playback), true).ok()?;
                seq.set_client_name(&CString::new(CLIENT_NAME).ok()?).ok()?;
                self.seq = Some(seq);
            }
            self.seq.as_ref()
        }

        fn connect_line(&mut self, port: &GuardedPort) -> Option<Line> {
            let seq = self.seq()?;
            let label = CString::new(plain(&format!("guardian of {}", port.label))).ok()?;
            // Without the right to subscribe, it is no port for others.
            let own = seq.create_simple_port(&label, PortCap::READ | PortCap::NO_EXPORT, PortType::APPLICATION).ok()?;
            let at = find(seq, &port.name);
            if let Some(at) = at.filter(|&at| is_ours(seq, at)) {
                let follows = Some(Followed { name: port.name.clone(), at });
                let mut line = Line { own, follows, listeners: Vec::new(), unconnected: Vec::new() };
                line.follow(seq);
                return Some(line);
            }
            let listener = at.map(Addr::from).filter(|&listener| connect(seq, own, listener));
            if listener.is_some() {
                let listeners = listener.into_iter().collect();
                return Some(Line { own, follows: None, listeners, unconnected: Vec::new() });
            }
            // What remains after this would be in the way of the next attempt only.
            let _ = seq.delete_port(own);
            None
        }
    }

    impl Line {
        /// Connects to whoever listens to the show's virtual port now. When that has gone, so it stays.
        fn follow(&mut self, seq: &Seq) {
            let Some(Followed { name, at }) = &self.follows else { return };
            if !is_called(seq, *at, name) {
                return;
            }
            let listening: Vec<Addr> = books::listeners(seq, *at).into_iter().map(Addr::from).collect();
            for &gone in self.listeners.iter().filter(|listener| !listening.contains(listener)) {
                let client = seq.client_id().unwrap_or_default();
                // If it is gone altogether, there is nothing to take away.
                let _ = seq.unsubscribe_port(Addr { client, port: self.own }, gone);
            }
            for &new in listening.iter().filter(|listener| !self.listeners.contains(listener)) {
                if !connect(seq, self.own, new) {
                    self.unconnected.push(new);
                }
            }
            self.unconnected.retain(|listener| listening.contains(listener));
            self.listeners = listening;
        }
    }

    impl Outputs for Devices {
        fn open(&mut self, place: usize, port: &GuardedPort) -> bool {
            self.close(place);
            let line = self.connect_line(port);
            let is_open = line.is_some();
            if let Some(old) = self.lines.get_mut(place) {
                *old = line;
            }
            is_open
        }

        fn close(&mut self, place: usize) {
            let line = self.lines.get_mut(place).and_then(Option::take);
            if let (Some(seq), Some(line)) = (&self.seq, line) {
                // One that is gone needs no closing.
                let _ = seq.delete_port(line.own);
            }
        }

        fn holds(&mut self, place: usize) -> bool {
            let Some(Some(line)) = self.lines.get_mut(place) else { return false };
            let Some(seq) = &self.seq else { return false };
            if line.follows.is_some() {
                line.follow(seq);
                return true;
            }
            let own = seq.client_id().map(|client| Addr { client, port: line.own });
            own.and_then(|own| seq.get_any_port_info(own)).is_ok_and(|port| port.get_read_use() > 0)
        }

        fn send(&mut self, place: usize, message: Message) {
            let (Some(seq), Some(Some(line))) = (&self.seq, self.lines.get(place)) else { return };
            let mut event = match message {
                Message::Stop => Event::new(EventType::Stop, &EvQueueControl { queue: 0, value: () }),
                Message::NoteOff(channel, key, velocity) => Event::new(
                    EventType::Noteoff,
                    &EvNote { channel: channel.index() as u8, note: key.number(), velocity, ..EvNote::default() },
                ),
                Message::ControlChange(channel, number, value) => Event::new(
                    EventType::Controller,
                    &EvCtrl { channel: channel.index() as u8, param: u32::from(number), value: i32::from(value) },
                ),
                // Nothing else ends anything.
                _ => return,
            };
            event.set_source(line.own);
            event.set_direct();
            event.set_subs();
            // There is nothing else to try.
            let _ = seq.event_output_direct(&mut event);
            for &listener in &line.unconnected {
                event.set_dest(listener);
                let _ = seq.event_output_direct(&mut event);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use crate::guardian::protocol::{GuardedPort, MAX_GUARDED, plain};
    use crate::guardian::watch::Outputs;
    use crate::io::output::{self, MidirOutput};
    use crate::midi::Message;

    /// The connections to devices.
    #[derive(Default)]
    pub struct Devices {
        outputs: [Option<MidirOutput>; MAX_GUARDED],
    }

    impl Outputs for Devices {
        fn open(&mut self, place: usize, port: &GuardedPort) -> bool {
            let Some(output) = self.outputs.get_mut(place) else { return false };
            *output = None;
            let label = format!("guardian of {}", port.label);
            *output = output::open_silently(|name| plain(name) == port.name, &label).ok();
            output.is_some()
        }

        fn close(&mut self, place: usize) {
            if let Some(output) = self.outputs.get_mut(place) {
                *output = None;
            }
        }

        fn holds(&mut self, place: usize) -> bool {
            self.outputs.get(place).is_some_and(Option::is_some)
        }

        fn send(&mut self, place: usize, message: Message) {
            if let Some(Some(output)) = self.outputs.get_mut(place) {
                // There is nothing else to try.
                let _ = output.send(message);
            }
        }
    }
}
