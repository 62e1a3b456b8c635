//! Active sensing that is sent: an instrument that has heard one ends its notes by itself when nothing comes any more.
//!
//! It is what helps where nothing on this machine can: the cable is pulled, the machine loses its power. A port gets it where
//! the set asks for it, from the first message on, whenever nothing else has left by it for [`SENSED_EVERY`]; a port that
//! gets the clock needs none while pulses come. The standard allows 300 ms from one message to the next (MIDI 1.0 Detailed
//! Specification, "Active Sensing").

use crate::engine::Engine;
use crate::engine::fixed::PortMap;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::Background;
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, Program};
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// How long a port is silent before it is sent active sensing: short of 300 ms by what a late wake-up and a wire may add.
pub const SENSED_EVERY: Span = Span::from_millis(250);

/// What has left last, by port. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct ActiveSensing {
    /// The ports that get it.
    ports: PortSet,
    /// Whether nobody gets it any more, whatever program comes.
    is_over: bool,
    /// When the last message was due; nothing where none has left.
    last: PortMap<Option<Nanos>>,
}

impl ActiveSensing {
    pub(crate) fn new(program: &Program) -> ActiveSensing {
        let mut senses = ActiveSensing { ports: PortSet::default(), is_over: false, last: PortMap::from_fn(|_| None) };
        senses.adopt(program);
        senses
    }
}

impl Background for ActiveSensing {
    /// The port that gets it next, and when, if nothing else leaves before.
    fn next(&self, _: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        let last = |port: PortSlot| self.last.get(port).copied().flatten();
        self.ports.iter().filter_map(|port| Some((last(port)? + SENSED_EVERY, port))).min()
    }

    fn note_sent(&mut self, out: &Outbox) {
        if self.ports.is_empty() {
            return;
        }
        for departure in out.iter() {
            if let Some(last) = self.last.get_mut(departure.port) {
                *last = (*last).max(Some(departure.due));
            }
        }
    }

    fn forget(&mut self, port: PortSlot) {
        if let Some(last) = self.last.get_mut(port) {
            *last = None;
        }
    }

    /// Other ports may get it.
    fn adopt(&mut self, program: &Program) {
        let senses = |port: &PortSlot| program.port(*port).is_some_and(|port| port.senses);
        let ports = (0..MAX_PORTS as u8).map(PortSlot).filter(|port| !self.is_over && senses(port));
        self.ports = ports.fold(PortSet::default(), PortSet::with);
    }

    /// Nobody gets it any more.
    fn end(&mut self, _: Nanos) {
        self.is_over = true;
        self.ports = PortSet::default();
    }
}

impl Engine {
    /// Sends `port` an active sensing message.
    pub(in crate::engine) fn take_sensing(&mut self, _: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        self.wires.send(departure(self.moment(at), port, Message::ActiveSensing), out);
    }
}
