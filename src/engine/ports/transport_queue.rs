//! Clock and transport bytes on their way to the ports that get them.

use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::program::PortSet;
use crate::engine::{Engine, Moment};
use crate::midi::Message;

/// How many clock and transport bytes can wait to leave, where those that repeat count once. The driver advances between
/// inputs, and no input makes more than a few: a pulse, as often as it counts, and a START.
pub(in crate::engine) const TRANSPORT_QUEUE: usize = 16;

/// Clock or transport on its way to the ports that get it.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct QueuedTransport {
    pub moment: Moment,
    pub message: Message,
    pub ports: PortSet,
    /// How often it has yet to leave: at least once.
    pub times: i64,
}

impl Engine {
    /// Sends `message` to `ports`.
    pub(in crate::engine) fn tell(&mut self, moment: Moment, message: Message, ports: PortSet) {
        self.tell_times(1, moment, message, ports);
    }

    /// Sends `message` to `ports`, so many times.
    pub(in crate::engine) fn tell_times(&mut self, times: i64, moment: Moment, message: Message, ports: PortSet) {
        if times > 0 && !ports.is_empty() {
            let queued = self.transport_queue.push(QueuedTransport { moment, message, ports, times });
            debug_assert!(queued.is_ok(), "input without advance between");
        }
    }

    pub(in crate::engine) fn send_transport(&mut self, out: &mut Outbox) {
        let Some(told) = self.transport_queue.front_mut() else { return };
        for port in told.ports.iter() {
            self.wires.send(departure(told.moment, port, told.message), out);
        }
        told.times -= 1;
        if told.times == 0 {
            self.transport_queue.pop();
        }
    }
}
