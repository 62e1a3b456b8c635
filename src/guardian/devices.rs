//! The guardian's own connections.
//!
//! On Linux they are made with ALSA's sequencer directly: one client for all ports instead of one for each, which nobody else
//! can subscribe to and so takes for no device; and the sequencer knows whether a connection is still there, so one that was
//! lost with a cable is noticed and made anew, whatever the show knows of it. Elsewhere they are midir's.

pub use imp::Devices;

#[cfg(target_os = "linux")]
mod imp {
    use std::ffi::CString;

    use alsa::Direction;
    use alsa::seq::{
        Addr, ClientIter, EvCtrl, EvNote, EvQueueControl, Event, EventType, PortCap, PortInfo, PortIter, PortSubscribe,
        PortSubscribeIter, PortType, QuerySubsType, Seq,
    };

    use crate::guardian::watch::Outputs;
    use crate::guardian::words::{GuardedPort, MAX_GUARDED, plain};
    use crate::io::CLIENT_NAME;
    use crate::io::ports::{PortName, midi_system};
    use crate::midi::Message;

    /// What one place is connected to.
    struct Line {
        /// The port of our own.
        own: i32,
        /// The show's virtual port, where it plays on one: then whoever listens to that is who has to be silenced.
        follows: Option<String>,
        listeners: Vec<Addr>,
        /// Those of them that take messages, but no connection from us.
        unconnected: Vec<Addr>,
    }

    /// The connections to devices.
    #[derive(Default)]
    pub struct Devices {
        /// Opened with the first port.
        seq: Option<Seq>,
        lines: [Option<Line>; MAX_GUARDED],
    }

    /// A port that can be played on, and its name as midir gives it.
    fn outputs(seq: &Seq) -> impl Iterator<Item = (Addr, String)> {
        ports(seq, PortCap::WRITE | PortCap::SUBS_WRITE).map(|(client, port)| {
            let addr = port.addr();
            let name = port.get_name().unwrap_or_default();
            (addr, plain(&format!("{client}:{name} {}:{}", addr.client, addr.port)))
        })
    }

    /// The ports with these capabilities, and the names of their clients.
    fn ports(seq: &Seq, wanted: PortCap) -> impl Iterator<Item = (String, PortInfo)> {
        ClientIter::new(seq).flat_map(move |client| {
            let name = client.get_name().unwrap_or_default().to_owned();
            let ports = PortIter::new(seq, client.get_client());
            ports.filter(move |port| port.get_capability().contains(wanted)).map(move |port| (name.clone(), port))
        })
    }

    /// The port of this full name. One that was plugged in again may have another address; then the rest of its name has to do,
    /// if it is the only one.
    fn find(seq: &Seq, full: &str) -> Option<Addr> {
        if let Some((addr, _)) = outputs(seq).find(|(_, name)| name == full) {
            return Some(addr);
        }
        let names = |full: &str| full.rsplit_once(' ').map(|(names, _)| names.to_owned());
        let mut alike = outputs(seq).filter(|(_, name)| names(name) == names(full));
        alike.next().filter(|_| alike.next().is_none()).map(|(addr, _)| addr)
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
            if PortName::parse(&port.name).address.is_empty() {
                let mut line =
                    Line { own, follows: Some(port.name.clone()), listeners: Vec::new(), unconnected: Vec::new() };
                line.follow(seq);
                return Some(line);
            }
            let listener = find(seq, &port.name);
            if listener.is_some_and(|listener| connect(seq, own, listener)) {
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
            let Some(name) = &self.follows else { return };
            let is_meant = |(client, port): &(String, PortInfo)| {
                client == CLIENT_NAME && port.get_name().is_ok_and(|port| plain(port) == *name)
            };
            let found = ports(seq, PortCap::READ | PortCap::SUBS_READ).find(is_meant);
            let Some((_, port)) = found else { return };
            let listening = PortSubscribeIter::new(seq, port.addr(), QuerySubsType::READ);
            let listening: Vec<Addr> = listening.map(|subscription| subscription.get_dest()).collect();
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
    use midir::MidiOutputConnection;

    use crate::guardian::watch::Outputs;
    use crate::guardian::words::{GuardedPort, MAX_GUARDED, plain};
    use crate::io::output;
    use crate::midi::Message;

    /// The connections to devices.
    #[derive(Default)]
    pub struct Devices {
        outputs: [Option<MidiOutputConnection>; MAX_GUARDED],
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
                let _ = output.send(message.to_bytes().as_slice());
            }
        }
    }
}
