//! The instruments as two clients of the ALSA sequencer: the stage for timing.
//!
//! Every arrival is stamped by the kernel on one running queue, at the moment of delivery, in whatever thread it is later
//! read. That includes the master's own pulses, which come back to a third client: lateness is a difference of two such
//! stamps, and the probe's own scheduling is in neither.
//!
//! A queue's clock is the system's between two ticks of its timer, but at each tick it takes for granted that the tick came
//! on time. Where a real-time thread holds up the kernel's timers, all stamps up to the next tick are then early by as much.
//! So the queue gets a timer that does not tick: that of a sound card's stream that nobody plays.
//!
//! Nothing waits on these clients' files. A reader that is woken by each message would run on the program's account;
//! instead the collector looks in now and then, and the kernel's pool is large enough for the meantime.

use crate::instrument::{CIRCUIT, Connections, Ears, Fallible, Look, MONO, Mouth, Stage, Watch};
use crate::recording::{Heard, Message, Port};
use crate::sys;
use alsa::Direction;
use alsa::poll::Descriptors;
use alsa::seq::{
    Addr, ClientIter, EvCtrl, EvNote, EvQueueControl, Event, EventType, MidiEvent, PortCap, PortInfo, PortIter,
    PortSubscribe, PortType, Seq,
};
use std::ffi::CString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Events that the kernel keeps for each client until they are collected: the most that it grants, and some ten
/// seconds of the densest show.
const POOL_EVENTS: u32 = 2000;

/// The kernel has stamped what is collected, so it can wait: a hundred times a second, a few microseconds each, above all
/// of the load and below any real-time program.
const LOOK: Look = Look { every: Duration::from_millis(10), priority: 1 };

/// One of our clients with its only port, shared by the mouth and the ears.
struct Client {
    seq: Seq,
    port: Addr,
}

// SAFETY: the one that speaks calls only `event_output_direct`, with events of fixed length, which alsa-lib turns into a
// write(2) without touching the handle's buffers; whoever reads holds the lock of `Ports`, and only reading touches the
// handle's input buffer and the wrapper's cell.
#[allow(unsafe_code)]
unsafe impl Sync for Client {}

impl Client {
    fn open(name: &str) -> Fallible<Client> {
        let seq = Seq::open(None, None, true)?;
        seq.set_client_name(&c_string(name))?;
        seq.set_client_pool_input(POOL_EVENTS)?;
        let client = seq.client_id()?;
        Ok(Client { seq, port: Addr { client, port: 0 } })
    }

    /// Makes the client's port, where arrivals are stamped on `queue`.
    fn open_port(&mut self, name: &str, caps: PortCap, queue: i32) -> Fallible<()> {
        let port = PortInfo::empty()?;
        port.set_capability(caps);
        port.set_type(PortType::MIDI_GENERIC | PortType::HARDWARE | PortType::PORT);
        port.set_midi_channels(16);
        port.set_timestamping(true);
        port.set_timestamp_real(true);
        port.set_timestamp_queue(queue);
        let mut port = port;
        port.set_name(&c_string(name));
        self.seq.create_port(&port)?;
        self.port = port.addr();
        Ok(())
    }
}

const DUPLEX: PortCap = PortCap::READ.union(PortCap::SUBS_READ).union(PortCap::WRITE).union(PortCap::SUBS_WRITE);

/// Opens the instruments and the probe's ear on the Circuit.
pub fn open() -> Fallible<Stage> {
    open_with_cable().map(|(stage, _)| stage)
}

/// The same, with cables to pull.
pub fn open_with_cable() -> Fallible<(Stage, Cable)> {
    let mut ear = Client::open("stage-ear")?;

    let queue = ear.seq.alloc_named_queue(&c_string("stage"))?;
    let file = (&ear.seq, Some(Direction::Capture)).get()?.first().map(|file| file.fd);
    // Without such a card the stamps are a little worse; the row about the master shows by how much.
    if let Some(Err(error)) = file.map(|file| sys::use_pcm_timer(file, queue)) {
        println!("no sound card for the queue's timer: {error}");
    }
    // The ear cannot be subscribed to by others, so that no program takes it for an instrument.
    ear.open_port("ear", PortCap::WRITE, queue)?;
    ear.seq.control_queue(queue, EventType::Start, 0, None)?;
    ear.seq.drain_output()?;

    let ports = Arc::new(Mutex::new(Ports { circuit: None, mono: None, ear, queue, left: Vec::new(), lost: 0 }));
    let cable = Cable(ports.clone());
    cable.plug_mono()?;
    let mouth = cable.plug()?;
    let stage = Stage {
        mouth,
        ears: Box::new(Arrivals(ports)),
        watch: Box::new(Subscriptions::open(1)?),
        look: LOOK,
        exact: true,
    };
    Ok((stage, cable))
}

/// The clients that are heard.
struct Ports {
    circuit: Option<Arc<Client>>,
    mono: Option<Client>,
    ear: Client,
    queue: i32,
    /// What had arrived where a cable was pulled, and how much was lost there.
    left: Vec<Heard>,
    lost: usize,
}

/// The instruments' cables. Without one there is no such client, as there is none of a USB device that is not there.
pub struct Cable(Arc<Mutex<Ports>>);

impl Cable {
    /// Pulls the Circuit's. The mouth must be gone by now.
    pub fn pull(&self) -> Fallible<()> {
        let mut ports = self.0.lock().expect("no one panics with this lock");
        let circuit = ports.circuit.take().ok_or("the cable is out")?;
        let mut left = Vec::new();
        ports.lost += collect_port(Port::Circuit, &circuit.seq, &decoder()?, &mut left)?;
        ports.left.append(&mut left);
        Arc::into_inner(circuit).ok_or("the master still speaks")?;
        Ok(())
    }

    /// Pulls the Mono Station's.
    pub fn pull_mono(&self) -> Fallible<()> {
        let mut ports = self.0.lock().expect("no one panics with this lock");
        let mono = ports.mono.take().ok_or("the cable is out")?;
        let mut left = Vec::new();
        ports.lost += collect_port(Port::Mono, &mono.seq, &decoder()?, &mut left)?;
        ports.left.append(&mut left);
        Ok(())
    }

    /// Plugs it in: a new client of the old name, and as a rule of the old number.
    pub fn plug_mono(&self) -> Fallible<()> {
        let mut ports = self.0.lock().expect("no one panics with this lock");
        let mut mono = Client::open(MONO)?;
        mono.open_port("Circuit Mono Station MIDI 1", DUPLEX, ports.queue)?;
        ports.mono = Some(mono);
        Ok(())
    }

    /// Plugs the Circuit in: a new client of the old name, which the ear hears before anyone else can.
    pub fn plug(&self) -> Fallible<Box<dyn Mouth>> {
        let mut ports = self.0.lock().expect("no one panics with this lock");
        let mut circuit = Client::open(CIRCUIT)?;
        circuit.open_port("Circuit MIDI 1", DUPLEX, ports.queue)?;
        let subscription = PortSubscribe::empty()?;
        subscription.set_sender(circuit.port);
        subscription.set_dest(ports.ear.port);
        ports.ear.seq.subscribe_port(&subscription)?;
        let circuit = Arc::new(circuit);
        ports.circuit = Some(circuit.clone());
        Ok(Box::new(Voice(circuit)))
    }
}

/// alsa-lib's decoder of events, without running status.
fn decoder() -> Fallible<MidiEvent> {
    let decoder = MidiEvent::new(0)?;
    decoder.enable_running_status(false);
    Ok(decoder)
}

/// What the kernel keeps for a client that does not ask for more.
const ORDINARY_POOL: u32 = 200;

/// One client of the sequencer with a duplex port, and nobody behind it who would read without being told to.
pub struct Lone {
    client: Client,
}

impl Lone {
    pub fn open(name: &str) -> Fallible<Lone> {
        let mut client = Client::open(name)?;
        client.seq.set_client_pool_input(ORDINARY_POOL)?;
        let queue = client.seq.alloc_named_queue(&c_string("stage"))?;
        client.open_port(&format!("{name} MIDI 1"), DUPLEX, queue)?;
        Ok(Lone { client })
    }

    /// Sends a message of at most three bytes to whoever listens.
    pub fn send(&self, bytes: &[u8]) -> Fallible<()> {
        let mut encoder = MidiEvent::new(3)?;
        if let (_, Some(mut event)) = encoder.encode(bytes)? {
            event.set_source(self.client.port.port);
            event.set_subs();
            event.set_direct();
            self.client.seq.event_output_direct(&mut event)?;
        }
        Ok(())
    }

    /// Appends what has come and has not been read.
    pub fn collect(&self, into: &mut Vec<Heard>) -> Fallible<()> {
        collect_port(Port::Ear, &self.client.seq, &decoder()?, into).map(drop)
    }
}

/// All queues that the sequencer had left, until this is dropped.
pub struct Queues(#[expect(dead_code, reason = "the kernel takes the queues back when it is closed")] Seq);

impl Queues {
    pub fn take_all() -> Fallible<Queues> {
        let seq = Seq::open(None, None, true)?;
        while seq.alloc_named_queue(&c_string("stage-hoard")).is_ok() {}
        Ok(Queues(seq))
    }
}

/// Ears that connect themselves to ports of others, as software synthesizers do.
pub struct Synths {
    ears: Vec<(Port, Client)>,
    /// Whom they listen to.
    senders: Vec<Addr>,
}

impl Synths {
    /// Connects an ear to the port with each of the names, but not to those that `beside` listens to; `None` as long as one of
    /// them is not there.
    pub fn connect(names: &[(Port, &str)], beside: Option<&Synths>) -> Fallible<Option<Synths>> {
        let (mut ears, mut senders) = (Vec::new(), Vec::new());
        let is_free = |port: &PortInfo| beside.is_none_or(|beside| !beside.senders.contains(&port.addr()));
        for &(port, name) in names {
            let mut ear = Client::open("stage-synth")?;
            let ports = || ClientIter::new(&ear.seq).flat_map(|client| PortIter::new(&ear.seq, client.get_client()));
            let readable = |port: &PortInfo| port.get_capability().contains(PortCap::READ | PortCap::SUBS_READ);
            let mut ports = ports().filter(readable).filter(is_free);
            let found = ports.find(|port| port.get_name().is_ok_and(|found| found == name));
            let Some(sender) = found.map(|port| port.addr()) else { return Ok(None) };
            let queue = ear.seq.alloc_named_queue(&c_string("stage"))?;
            ear.open_port("in", PortCap::WRITE, queue)?;
            let subscription = PortSubscribe::empty()?;
            subscription.set_sender(sender);
            subscription.set_dest(ear.port);
            ear.seq.subscribe_port(&subscription)?;
            ear.seq.control_queue(queue, EventType::Start, 0, None)?;
            ear.seq.drain_output()?;
            ears.push((port, ear));
            senders.push(sender);
        }
        Ok(Some(Synths { ears, senders }))
    }

    /// Appends what arrived since the last call.
    pub fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<()> {
        let decoder = decoder()?;
        for (port, ear) in &self.ears {
            collect_port(*port, &ear.seq, &decoder, into)?;
        }
        Ok(())
    }
}

struct Voice(Arc<Client>);

impl Mouth for Voice {
    fn say(&mut self, message: &[u8]) -> Fallible<()> {
        let mut event = event_of(message)?;
        event.set_source(self.0.port.port);
        event.set_subs();
        // Direct: a queue's timer has steps of a millisecond.
        event.set_direct();
        match self.0.seq.event_output_direct(&mut event) {
            // One of the listeners does not read, and its pool is full. The others have heard it.
            Err(error) if error.errno() == libc::EAGAIN => Ok(()),
            sent => Ok(sent.map(drop)?),
        }
    }
}

/// The event of a message. alsa-lib has a coder for this, but it allocates and is bound to its thread; a master says few
/// kinds of things.
fn event_of(message: &[u8]) -> Fallible<Event<'static>> {
    let realtime = EvQueueControl { queue: 0, value: () };
    let note = |status: u8, key, velocity| EvNote { channel: status & 0x0f, note: key, velocity, ..EvNote::default() };
    Ok(match *message {
        [0xf8] => Event::new(EventType::Clock, &realtime),
        [0xfa] => Event::new(EventType::Start, &realtime),
        [0xfb] => Event::new(EventType::Continue, &realtime),
        [0xfc] => Event::new(EventType::Stop, &realtime),
        [0xf2, low, high] => Event::new(
            EventType::Songpos,
            &EvCtrl { channel: 0, param: 0, value: i32::from(high) << 7 | i32::from(low) },
        ),
        [status @ 0x90..=0x9f, key, velocity] => Event::new(EventType::Noteon, &note(status, key, velocity)),
        [status @ 0x80..=0x8f, key, velocity] => Event::new(EventType::Noteoff, &note(status, key, velocity)),
        [status @ 0xb0..=0xbf, controller, value] => Event::new(
            EventType::Controller,
            &EvCtrl { channel: status & 0x0f, param: controller.into(), value: value.into() },
        ),
        _ => {
            return Err(format!("the master has no way to say {message:x?}").into());
        }
    })
}

struct Arrivals(Arc<Mutex<Ports>>);

impl Ears for Arrivals {
    fn collect(&mut self, into: &mut Vec<Heard>) -> Fallible<usize> {
        let decoder = decoder()?;
        let mut ports = self.0.lock().expect("no one panics with this lock");
        into.append(&mut ports.left);
        let mut lost = std::mem::take(&mut ports.lost);
        lost += collect_port(Port::Ear, &ports.ear.seq, &decoder, into)?;
        if let Some(mono) = &ports.mono {
            lost += collect_port(Port::Mono, &mono.seq, &decoder, into)?;
        }
        if let Some(circuit) = &ports.circuit {
            lost += collect_port(Port::Circuit, &circuit.seq, &decoder, into)?;
        }
        Ok(lost)
    }
}

fn collect_port(port: Port, seq: &Seq, decoder: &MidiEvent, into: &mut Vec<Heard>) -> Fallible<usize> {
    let mut lost = 0;
    let mut input = seq.input();
    loop {
        match input.event_input() {
            Ok(mut event) => {
                let at_ns = event.get_time().map_or(0, |time| time.as_nanos() as u64);
                let mut bytes = [0; 64];
                // What has no bytes is the sequencer's own: notices of subscriptions.
                if let Ok(len) = decoder.decode(&mut bytes, &mut event) {
                    into.push(Heard { at_ns, port, message: Message::new(&bytes[..len]) });
                }
            }
            Err(error) if error.errno() == libc::EAGAIN => return Ok(lost),
            // The pool was full; the kernel says so once for any number of events.
            Err(error) if error.errno() == libc::ENOSPC => lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sees by the sequencer's own books who is subscribed to the clients with the instruments' names.
pub struct Subscriptions {
    seq: Seq,
    own_readers: i32,
}

impl Subscriptions {
    /// `own_readers` is how many of the Circuit's subscribers are the probe's own.
    pub fn open(own_readers: i32) -> Fallible<Subscriptions> {
        let seq = Seq::open(None, None, true)?;
        seq.set_client_name(&c_string("stage-watch"))?;
        Ok(Subscriptions { seq, own_readers })
    }

    /// How many read from and write to the first port of a client, by name.
    fn users(&self, name: &str) -> (i32, i32) {
        ClientIter::new(&self.seq)
            .filter(|client| client.get_name().is_ok_and(|found| found == name))
            .find_map(|client| PortIter::new(&self.seq, client.get_client()).next())
            .map_or((0, 0), |port| (port.get_read_use(), port.get_write_use()))
    }
}

impl Watch for Subscriptions {
    fn connections(&self) -> Fallible<Connections> {
        let (readers, writers) = self.users(CIRCUIT);
        let (_, mono_writers) = self.users(MONO);
        Ok(Connections { from_circuit: readers > self.own_readers, to_circuit: writers > 0, to_mono: mono_writers > 0 })
    }
}

fn c_string(name: &str) -> CString {
    CString::new(name).expect("names have no NUL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Note;

    #[test]
    fn the_master_can_say_what_its_schedule_holds() {
        let key = Note { channel: 1, key: 50 };
        for message in [
            Message::CLOCK,
            Message::START,
            Message::CONTINUE,
            Message::STOP,
            Message::song_position(16_383),
            Message::song_position(22),
            Message::note_on(key, 100),
            Message::note_off(key),
            Message::new(&[0xbf, 20, 127]),
        ] {
            let mut event = event_of(message.bytes()).unwrap();
            let decoder = MidiEvent::new(0).unwrap();
            decoder.enable_running_status(false);
            let mut bytes = [0; 8];
            let len = decoder.decode(&mut bytes, &mut event).unwrap();
            assert_eq!(&bytes[..len], message.bytes());
        }
        assert!(event_of(&[0xf0, 1, 0xf7]).is_err());
    }
}
