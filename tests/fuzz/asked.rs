//! Bytes as what others ask of a show: lines on the control socket, and packets of OSC. All of the way: what is read out of
//! them is understood as an order, and what an order asks of the engine is done, in virtual time. Whatever it is, every note
//! ends with the show.

use std::io::{self, Read};

use tightrope::control::Order;
use tightrope::control::ctl::MAX_LINE;
use tightrope::control::ctl::requests::{Request, Requests};
use tightrope::control::order;
use tightrope::control::osc::packet;
use tightrope::control::osc::request::{self, Wrong};
use tightrope::engine::Command;
use tightrope::engine::outbox::Departure;
use tightrope::midi::Message;
use tightrope::set::{Set, builtin};
use tightrope::time::Span;

use crate::support::Show;

/// How many orders are done: the others are only understood.
const DONE: usize = 50;
/// Between one order and the next.
const BETWEEN: Span = Span::from_millis(40);

/// A show that is asked for something.
struct Asked {
    set: Set,
    show: Show,
    done: usize,
}

impl Asked {
    fn new() -> Asked {
        let set = builtin::find("liveset").expect("it is built in");
        let mut set = Set::parse(set.name, set.text.as_bytes()).expect("it has no mistake");
        set.program.clock.follow = Box::default();
        let mut show = Show::new(set.program.clone());
        show.command(Command::Start);
        Asked { set, show, done: 0 }
    }

    /// Understands `words`, and does what they ask. Whether they ask for anything.
    fn ask(&mut self, words: &str) -> bool {
        match order::parse(words, &self.set.names()) {
            Ok(Order::Engine(command)) => {
                self.done += 1;
                // These end the show.
                if self.done <= DONE && !matches!(command, Command::End | Command::EndAfter(_)) {
                    self.show.command(command);
                    self.show.wait(BETWEEN);
                }
                true
            }
            Ok(_) => true,
            Err(wrong) => {
                assert!(!wrong.to_string().is_empty());
                assert!(wrong.span.start <= wrong.span.end && wrong.span.end <= words.len(), "{:?}", wrong.span);
                false
            }
        }
    }

    /// Ends the show.
    fn end(mut self) {
        self.show.command(Command::End);
        let count = |is: fn(&Departure) -> bool| self.show.trace.iter().filter(|departure| is(departure)).count();
        let ons = count(|departure| matches!(departure.message, Message::NoteOn(..)) && departure.track.is_some());
        let offs = count(|departure| matches!(departure.message, Message::NoteOff(..)) && departure.track.is_some());
        assert_eq!(ons, offs, "notes hang");
        assert!(self.show.engine.is_finished());
    }
}

/// Gives its bytes in pieces.
struct InPieces<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for InPieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let size = self.size.min(into.len()).min(self.bytes.len());
        let (piece, rest) = self.bytes.split_at(size);
        into[..size].copy_from_slice(piece);
        self.bytes = rest;
        Ok(size)
    }
}

/// All that `bytes` ask for, read in pieces of `size`.
fn requests(bytes: &[u8], size: usize) -> Vec<Request> {
    let mut requests = Requests::new(InPieces { bytes, size });
    let mut all = Vec::new();
    while let Some(request) = requests.next().expect("nothing fails") {
        let is_last = request == Request::TooLong;
        all.push(request);
        if is_last {
            break;
        }
    }
    all
}

/// The first byte says in which pieces the others come.
pub fn ctl(bytes: &[u8]) -> bool {
    let Some((&size, bytes)) = bytes.split_first() else { return false };
    let all = requests(bytes, usize::from(size).max(1));
    assert_eq!(all, requests(bytes, usize::MAX), "how it comes in pieces matters");
    let mut asked = Asked::new();
    let mut is_useful = false;
    for request in &all {
        if let Request::Words(words) = request {
            assert!(words.len() <= MAX_LINE);
            is_useful |= asked.ask(words);
        }
    }
    asked.end();
    is_useful
}

/// The packets of which `bytes` are made, each with its length before it, in four-byte words.
fn packets(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Some((&words, rest)) = bytes.split_first() {
        let (packet, rest) = rest.split_at(rest.len().min(usize::from(words) * 4));
        packets.push(packet);
        bytes = rest;
    }
    packets
}

pub fn osc(bytes: &[u8]) -> bool {
    let mut asked = Asked::new();
    let mut is_useful = false;
    for message in packets(bytes).into_iter().filter_map(|packet| packet::read(packet).ok()).flatten() {
        match request::read(&message) {
            Ok(request::Request::Order(words)) => is_useful |= asked.ask(&words),
            Ok(_) => is_useful = true,
            Err(Wrong::Because(why)) => assert!(!why.is_empty()),
            Err(Wrong::NotForUs) => {}
        }
    }
    asked.end();
    is_useful
}
