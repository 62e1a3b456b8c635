//! OSC over UDP: surfaces and other programs ask a running show for something, and are told how it goes.
//!
//! It is off unless `play --osc` or the configuration file asks for it, and then listens on this machine only, unless told
//! otherwise. Who is heeded is up to the [`gate`].
//!
//! | message | does |
//! |---|---|
//! | `/tightrope/launch "build"`, `/tightrope/mute "drums" 1`, `/tightrope/tempo 128.0`, ... | any command ([`request`]) |
//! | `/tightrope/subscribe`, or with a port | sends the status to where it came from, or to that port there, for 60 s; sent again, for 60 s more |
//! | `/tightrope/unsubscribe`, likewise | ends that |
//! | `/tightrope/hello 1234` | says that somebody is there, after that number came |
//!
//! A guest on a network who subscribes is sent `/tightrope/hello` and a number, and the status when that has come back.
//!
//! What is wrong is answered with `/tightrope/error` and a text. Bundles are done at once, in their order, whatever their
//! time tags say: what is to fall on a beat is launched there (`"at" "bar"`), which no network can do better.
//!
//! Subscribers get everything at first, and then what changes, each in a message of its own:
//!
//! | message | arguments |
//! |---|---|
//! | `/tightrope/status/set`, `.../pattern` | its name |
//! | `/tightrope/status/transport` | `stopped`, `armed` or `running` |
//! | `/tightrope/status/position` | bar and beat, with each beat |
//! | `/tightrope/status/tempo` | quarter notes a minute, of a followed clock to a tenth; 0 while none is known |
//! | `/tightrope/status/part` | the part of the song; 0 outside of a song |
//! | `/tightrope/status/queued` | pattern, bar, beat, beats left; an empty text and zeros when nothing waits |
//! | `/tightrope/status/fill`, `.../hold` | 1 or 0 |
//! | `/tightrope/status/mute`, `.../solo` | a track, and 1 or 0 |
//! | `/tightrope/status/transpose` | a track, and how far it is transposed in semitones and in degrees |
//!
//! # Bounds
//!
//! | of | at most | beyond that |
//! |---|---|---|
//! | a packet | [`MAX_PACKET`](packet::MAX_PACKET) bytes, bundles four deep, no arrays | dropped and counted |
//! | messages that are heeded | [`PER_SECOND`] a second, and as many at once | dropped and counted |
//! | `panic`, `stop` and `quit` after that | [`URGENT_PER_SECOND`] a second | dropped and counted |
//! | errors that are answered | [`ERRORS_PER_SECOND`] a second in all | not answered |
//! | subscribers | [`MAX_SUBSCRIBERS`] | refused; one that has not proved to be there gives way |
//! | what a guest is sent who has not proved to be there | [`gate::TIMES`] what came | cut off |
//! | the whole status, to a subscriber | [`WHOLES_PER_SECOND`] in all | sent later |
//!
//! Packets that cannot be read, and messages with other addresses, are never answered. One thread reads and sends, at low
//! priority; the show never waits for it.

pub(super) mod counts;
pub mod gate;
pub mod packet;
pub mod request;
mod status;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::TryRecvError;
use std::thread;
use std::time::{Duration, Instant};

use rosc::{OscMessage, OscPacket, OscType, encoder};

use super::inbox::{Call, Caller};
use super::order;
use super::rate_limit::RateLimit;
use super::report::Report;
use super::status_feed::{Board, Watch};
use super::view::Notice;
pub use counts::Counts;
use gate::{Gate, Key, Refusal, Trust};
use request::{Request, Wrong};

/// How many messages are heeded in a second.
pub const PER_SECOND: u32 = 200;
/// How many that silence or end the show are heeded in a second beyond that.
pub const URGENT_PER_SECOND: u32 = 20;
/// How many errors are answered in a second.
pub const ERRORS_PER_SECOND: u32 = 20;
/// How often in a second the whole status is sent to somebody.
pub const WHOLES_PER_SECOND: u32 = 8;
/// How many can subscribe at once.
pub const MAX_SUBSCRIBERS: usize = 8;
/// How long a subscription lasts.
pub const SUBSCRIBED: Duration = Duration::from_secs(60);
/// How long a guest may take to prove that it is there.
pub const UNPROVED: Duration = Duration::from_secs(5);
/// How often somebody is named who was not heeded.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(60);

/// How long the show may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the thread looks around: with subscribers, who are told what is new, and without.
const BETWEEN_LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// How many packets are read between two orders.
const PACKETS_PER_LOOK: usize = 1_000;
/// The longest text of an error, in bytes.
const MAX_ERROR: usize = 256;
/// What an error's packet has besides its text: address, tags, and zeros that fill it up.
const ERROR_HEAD: usize = 20 + 4 + 4;
/// Small, because locked memory counts.
const STACK_BYTES: usize = 128 * 1024;

/// A socket that is listened at, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    says: &'static str,
    is_over: Arc<AtomicBool>,
}

impl Server {
    /// Listens at `address` from now on, to those who know `key` if there is one. Port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// When the address is taken or not ours, or the system has no thread to give.
    pub fn open(address: SocketAddr, key: Option<Key>, caller: Caller, board: Board) -> io::Result<Server> {
        let socket = UdpSocket::bind(address)?;
        let address = socket.local_addr()?;
        let is_over = Arc::new(AtomicBool::new(false));
        let gate = Gate::new(address, key, Instant::now());
        let says = gate.says(address);
        let desk = Desk::new(socket, address, gate, caller, board, Arc::clone(&is_over));
        let thread = thread::Builder::new().name("tightrope-osc".into()).stack_size(STACK_BYTES);
        thread.spawn(move || desk.attend())?;
        Ok(Server { address, says, is_over })
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns who is heeded, if others than who plays.
    #[must_use]
    pub fn says(&self) -> &'static str {
        self.says
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
    }
}

/// Somebody who is told the status.
struct Subscriber {
    address: SocketAddr,
    until: Instant,
    /// Whether somebody is there who wants it.
    is_proved: bool,
    /// What was told last; nothing where all of it is to be told.
    told: Option<Arc<Report>>,
}

/// Reads, and answers.
struct Desk {
    socket: UdpSocket,
    gate: Gate,
    /// When somebody was last named who was not heeded.
    refused: Option<Instant>,
    caller: Caller,
    board: Board,
    counts: Arc<Counts>,
    /// What has come and is to be done.
    queue: VecDeque<(OscMessage, Sender)>,
    messages: RateLimit,
    /// What silences or ends the show is not lost in a flood of other things.
    urgent: RateLimit,
    errors: RateLimit,
    /// The whole status, told to one.
    wholes: RateLimit,
    subscribers: Vec<Subscriber>,
    /// While there are subscribers.
    watch: Option<Watch>,
    latest: Option<Arc<Report>>,
    is_over: Arc<AtomicBool>,
}

impl Desk {
    fn new(
        socket: UdpSocket,
        address: SocketAddr,
        gate: Gate,
        caller: Caller,
        board: Board,
        is_over: Arc<AtomicBool>,
    ) -> Desk {
        let counts = Arc::new(Counts { address: address.to_string(), ..Counts::default() });
        board.count_osc(Arc::clone(&counts));
        let bucket = |per_second| RateLimit::new(per_second, Instant::now());
        Desk {
            socket,
            gate,
            refused: None,
            caller,
            board,
            counts,
            queue: VecDeque::new(),
            messages: bucket(PER_SECOND),
            urgent: bucket(URGENT_PER_SECOND),
            errors: bucket(ERRORS_PER_SECOND),
            wholes: bucket(WHOLES_PER_SECOND),
            subscribers: Vec::new(),
            watch: None,
            latest: None,
            is_over,
        }
    }

    fn attend(mut self) {
        yield_to_others();
        let mut patience = None;
        while !self.is_over.load(Relaxed) {
            let wanted = if self.subscribers.is_empty() { BETWEEN_LOOKS.1 } else { BETWEEN_LOOKS.0 };
            if patience != Some(wanted) && self.socket.set_read_timeout(Some(wanted)).is_ok() {
                patience = Some(wanted);
            }
            self.receive();
            if let Some((message, sender)) = self.queue.pop_front() {
                let now = Instant::now();
                match self.heed(&message, sender, now) {
                    Ok(()) => {}
                    Err(Wrong::NotForUs) => {
                        self.counts.malformed.fetch_add(1, Relaxed);
                    }
                    Err(Wrong::Because(why)) => {
                        self.counts.declined.fetch_add(1, Relaxed);
                        self.complain(&why, sender, now);
                    }
                }
            }
            self.tell(Instant::now());
        }
    }

    /// Takes what has come since the last time; waits for it only where nothing is to be done. A show takes a moment for each
    /// order, and what the system can keep meanwhile is little: what came after that would be lost, whatever it says.
    fn receive(&mut self) {
        // One byte more, to tell a packet that is too large from one that fits.
        let mut packet = [0; packet::MAX_PACKET + 1];
        for number in 0..PACKETS_PER_LOOK {
            let waits = number == 0 && self.queue.is_empty();
            if self.socket.set_nonblocking(!waits).is_err() {
                return;
            }
            match self.socket.recv_from(&mut packet) {
                Ok((length, from)) => self.take(&packet[..length], from),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return,
                // Some systems say here that an answer was not wanted. It may come again at once.
                Err(_) if waits => return thread::sleep(BETWEEN_LOOKS.0),
                Err(_) => return,
            }
        }
    }

    /// A packet has come: its messages are to be done, in their order; where there are too many, what silences or ends the
    /// show comes first.
    fn take(&mut self, packet: &[u8], from: SocketAddr) {
        let Ok(messages) = packet::read(packet) else {
            self.counts.malformed.fetch_add(1, Relaxed);
            return;
        };
        for mut message in messages {
            let now = Instant::now();
            if request::is_answer(&message.addr) {
                self.counts.malformed.fetch_add(1, Relaxed);
                continue;
            }
            let trust = match self.gate.admit(from, &message.addr, now) {
                Ok((trust, address)) => {
                    message.addr = address;
                    trust
                }
                Err(why) => {
                    self.refuse(why, from, packet.len(), now);
                    continue;
                }
            };
            let sender = Sender { address: from, trust, bytes: packet.len() };
            if self.queue.len() < PER_SECOND as usize && self.messages.take(now).is_ok() {
                self.queue.push_back((message, sender));
            } else if is_urgent(&message) && self.urgent.take(now).is_ok() {
                self.queue.push_front((message, sender));
            } else {
                self.counts.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Somebody may not play. Of another user's messages nobody is told but who plays.
    fn refuse(&mut self, why: Refusal, from: SocketAddr, bytes: usize, now: Instant) {
        self.counts.refused.fetch_add(1, Relaxed);
        if why == Refusal::NoKey {
            self.complain(&why.to_string(), Sender { address: from, trust: Trust::Guest, bytes }, now);
        }
        if self.refused.is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN_REFUSALS) {
            self.refused = Some(now);
            let text = format!("a message by OSC from {from} was not heeded: {why}");
            // Where too many calls wait, it is counted all the same.
            let _ = self.caller.call(Call::Notice(Notice { text, is_wrong: true }));
        }
    }

    fn heed(&mut self, message: &OscMessage, sender: Sender, now: Instant) -> Result<(), Wrong> {
        let from = sender.address;
        let at = |port: Option<u16>| SocketAddr::new(from.ip(), port.unwrap_or(from.port()));
        match request::read(message)? {
            Request::Order(words) => {
                let answer = self.caller.ask(&words, PATIENCE).map_err(|why| Wrong::Because(why.to_string()))?;
                answer.map_err(|why| Wrong::Because(why.to_string()))?;
                self.counts.orders.fetch_add(1, Relaxed);
                Ok(())
            }
            Request::Subscribe(port) => self.subscribe(at(port), sender.trust, now),
            Request::Hello(number) => {
                let gate = &self.gate;
                let is_it = |subscriber: &&mut Subscriber| {
                    subscriber.address.ip() == from.ip() && gate.number(subscriber.address) == number
                };
                if let Some(subscriber) = self.subscribers.iter_mut().find(is_it) {
                    (subscriber.is_proved, subscriber.until) = (true, now + SUBSCRIBED);
                }
                Ok(())
            }
            Request::Unsubscribe(port) => {
                let address = at(port);
                self.subscribers.retain(|subscriber| subscriber.address != address);
                Ok(())
            }
            Request::Nothing => Ok(()),
        }
    }

    fn subscribe(&mut self, address: SocketAddr, trust: Trust, now: Instant) -> Result<(), Wrong> {
        let known = self.subscribers.iter().position(|subscriber| subscriber.address == address);
        let was_proved = known.is_some_and(|known| self.subscribers[known].is_proved);
        let is_proved = trust == Trust::Own || was_proved;
        if let Some(known) = known {
            self.subscribers.remove(known);
        } else if self.subscribers.len() >= MAX_SUBSCRIBERS {
            // Nobody can keep others out by asking for what goes to nobody.
            let Some(unproved) = self.subscribers.iter().position(|subscriber| !subscriber.is_proved) else {
                let why = format!("{MAX_SUBSCRIBERS} have subscribed already; try again in a minute");
                return Err(Wrong::Because(why));
            };
            self.subscribers.remove(unproved);
        }
        let until = now + if is_proved { SUBSCRIBED } else { UNPROVED };
        self.subscribers.push(Subscriber { address, until, is_proved, told: None });
        if !is_proved {
            let number = OscType::Int(self.gate.number(address));
            send(&self.socket, OscMessage { addr: request::HELLO.to_owned(), args: vec![number] }, address);
        }
        Ok(())
    }

    /// Tells the subscribers what is new.
    fn tell(&mut self, now: Instant) {
        self.subscribers.retain(|subscriber| subscriber.until > now);
        self.counts.subscribers.store(self.subscribers.len() as u64, Relaxed);
        if self.subscribers.is_empty() {
            (self.watch, self.latest) = (None, None);
            return;
        }
        let watch = self.watch.get_or_insert_with(|| self.board.watch());
        // Only the newest counts.
        let has_ended = loop {
            match watch.reports().try_recv() {
                Ok(report) => self.latest = Some(report),
                Err(why) => break why == TryRecvError::Disconnected,
            }
        };
        if has_ended {
            self.watch = None;
        }
        let Some(latest) = &self.latest else { return };
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| subscriber.is_proved) {
            let is_news = match &subscriber.told {
                Some(told) => !Arc::ptr_eq(told, latest),
                None => self.wholes.take(now).is_ok(),
            };
            if !is_news {
                continue;
            }
            let before = subscriber.told.replace(Arc::clone(latest));
            for message in status::changes(before.as_deref(), latest) {
                send(&self.socket, message, subscriber.address);
            }
        }
    }

    fn complain(&mut self, why: &str, to: Sender, now: Instant) {
        if self.errors.take(now).is_err() {
            return;
        }
        // An answer is never much larger than what asked for it.
        let most = match to.trust {
            Trust::Own => MAX_ERROR,
            Trust::Guest => (to.bytes * gate::TIMES).saturating_sub(ERROR_HEAD).min(MAX_ERROR),
        };
        let end = (0..=most.min(why.len())).rev().find(|&end| why.is_char_boundary(end)).unwrap_or(0);
        let text = OscType::String(why[..end].to_owned());
        send(&self.socket, OscMessage { addr: request::ERROR.to_owned(), args: vec![text] }, to.address);
    }
}

/// Where a message came from.
#[derive(Clone, Copy)]
struct Sender {
    address: SocketAddr,
    trust: Trust,
    /// How many bytes its packet had.
    bytes: usize,
}

/// Returns whether it is to silence or to end the show.
fn is_urgent(message: &OscMessage) -> bool {
    matches!(request::read(message), Ok(Request::Order(words)) if order::is_urgent(&words))
}

fn send(socket: &UdpSocket, message: OscMessage, to: SocketAddr) {
    if let Ok(packet) = encoder::encode(&OscPacket::Message(message)) {
        // Whoever is not there misses it, as with everything that is sent by UDP.
        let _ = socket.send_to(&packet, to);
    }
}

/// Lets all other threads go first.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    // Of the calling thread only, here; where that is refused, it goes on as it is.
    let _ = rustix::process::setpriority_process(None, 10);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_gets_through_a_flood() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (caller, _inbox) = super::super::inbox();
        let gate = Gate::new(address, None, Instant::now());
        let mut desk = Desk::new(socket, address, gate, caller, Board::default(), Arc::default());
        let packet = |word: &str| {
            let message = OscMessage { addr: format!("/tightrope/{word}"), args: vec![OscType::Int(1)] };
            encoder::encode(&OscPacket::Message(message)).unwrap()
        };
        // Far more than are heeded, and none of them has been done yet.
        (0..1_000).for_each(|_| desk.take(&packet("fill"), address));
        assert_eq!(desk.queue.len(), PER_SECOND as usize);
        for word in ["quit", "stop", "panic"] {
            desk.take(&packet(word), address);
            assert_eq!(desk.queue.front().map(|(message, _)| message.addr.clone()), Some(format!("/tightrope/{word}")));
        }
        // A flood of these is one too.
        (0..1_000).for_each(|_| desk.take(&packet("panic"), address));
        assert!(desk.queue.len() < PER_SECOND as usize + 2 * URGENT_PER_SECOND as usize);
    }
}
