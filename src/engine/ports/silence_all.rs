//! The rest of a panic: what silences instruments that have lost count, where note-offs alone do not.
//!
//! When a panic comes, every note that we know of has ended at once, through the ledgers. Then each channel that tracks play
//! on gets sustain off, all notes off and all sound off (controllers 64, 123 and 120). That can be 48 messages to a port,
//! which a DIN cable carries in 46 ms, and the music plays on meanwhile. So:
//!
//! - A port gets one of them each millisecond, channel by channel, when its wire has nothing more urgent to carry: nothing
//!   waits for more than one of them. A USB port may have a DIN cable behind it, so both are treated alike.
//! - A note must not be cut by what comes after it. When one is struck on a channel that has not had all three, those that
//!   it lacks leave at once, right before the note: at most 2 ms late on a cable, once for each channel and panic.
//!
//! An instrument that has not read for a while gets the same, on its port alone ([`Command::SilencePort`](crate::engine::Command)). A second panic begins anew. When the show ends, what is left leaves at once.

use crate::engine::fixed::PortMap;
use crate::engine::outbox::Outbox;
use crate::engine::outbox::departure;
use crate::engine::ports::Background;
use crate::engine::ports::wire::Wires;
use crate::engine::program::{PortSet, PortSlot, Program, SlotOwner, Track};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Message};
use crate::time::{Nanos, Span};

/// What each channel gets, in this order: sustain off, all notes off, all sound off.
const SILENCERS: [u8; 3] = [64, 123, 120];

/// From one of them to the next on a port: a DIN cable takes 0.96 ms for each.
const PACE: Span = Span::from_millis(1);

/// What one port has yet to get.
#[derive(Clone, Copy, Debug)]
struct Left {
    /// A bit for each channel that has not had all.
    channels: u16,
    /// How many the lowest of them has had.
    had: usize,
    /// When the next one may leave.
    next_at: Nanos,
}

const _: () = assert!(Channel::COUNT == u16::BITS as usize);

impl Left {
    /// Takes what the port gets next.
    fn take(&mut self) -> Option<Message> {
        let channel = self.channels.trailing_zeros() as u8;
        let number = SILENCERS.get(self.had).filter(|_| self.channels != 0)?;
        self.had += 1;
        if self.had == SILENCERS.len() {
            self.channels &= self.channels - 1;
            self.had = 0;
        }
        Some(Message::ControlChange(Channel::from_status(channel), *number, 0))
    }

    /// Takes all that `channel` lacks, which are the last ones of [`SILENCERS`].
    fn take_all(&mut self, channel: Channel) -> &'static [u8] {
        let bit = 1 << channel.index();
        if self.channels & bit == 0 {
            return &[];
        }
        let is_first = self.channels.trailing_zeros() as usize == channel.index();
        let had = if is_first { std::mem::take(&mut self.had) } else { 0 };
        self.channels &= !bit;
        SILENCERS.get(had..).unwrap_or_default()
    }
}

/// What all ports have yet to get. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Silencing {
    ports: PortSet,
    left: PortMap<Left>,
    /// How often somebody asked for silence.
    pub panics: u32,
}

impl Default for Silencing {
    fn default() -> Silencing {
        let nothing = Left { channels: 0, had: 0, next_at: Nanos(0) };
        Silencing { ports: PortSet::default(), left: PortMap::from_fn(|_| nothing), panics: 0 }
    }
}

impl Silencing {
    /// Returns whether there is something left to send to `port`.
    pub(crate) fn is_left(&self, port: PortSlot) -> bool {
        self.ports.contains(port)
    }

    fn settle(&mut self, port: PortSlot) {
        if self.left[port].channels == 0 {
            self.ports = self.ports.without(port);
        }
    }
}

impl Silencing {
    /// Sends what `channel` of `port` lacks of a panic, because a note is about to be struck there. At most three messages.
    pub(crate) fn silence_before(
        &mut self,
        wires: &mut Wires,
        port: PortSlot,
        channel: Channel,
        moment: Moment,
        out: &mut Outbox,
    ) {
        if !self.ports.contains(port) {
            return;
        }
        let left = &mut self.left[port];
        let numbers = left.take_all(channel);
        left.next_at = left.next_at.max(moment.time + Span(PACE.0 * numbers.len() as i64));
        for &number in numbers {
            wires.send(departure(moment, port, Message::ControlChange(channel, number, 0)), out);
        }
        self.settle(port);
    }
}

impl Background for Silencing {
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        self.ports.iter().map(|port| (self.left[port].next_at.max(ready(port)), port)).min()
    }

    /// What lost count there may sound on, whoever it is.
    fn forget(&mut self, _: PortSlot) {}

    fn end(&mut self, at: Nanos) {
        self.left.iter_mut().for_each(|left| left.next_at = at);
    }

    fn is_over(&self) -> bool {
        self.ports.is_empty()
    }
}

impl Engine {
    /// Ends every note, forgets the keys that are held, and begins to silence all channels that tracks play on. Takes time
    /// in proportion to the tracks.
    pub(in crate::engine) fn panic(&mut self, program: &Program, at: Nanos) {
        self.silencing.panics = self.silencing.panics.wrapping_add(1);
        self.release_all(self.moment(at));
        self.keyboards.let_all_go();
        self.silencing.left.iter_mut().for_each(|left| (left.channels, left.had) = (0, 0));
        self.silence_ports(program, at, |_| true);
    }

    /// The instrument on `port` may have missed what was sent: begins to silence all channels that tracks play on there.
    /// Takes time in proportion to the tracks.
    pub(in crate::engine) fn silence(&mut self, program: &Program, at: Nanos, port: PortSlot) {
        if let Some(left) = self.silencing.left.get_mut(port) {
            (left.channels, left.had) = (0, 0);
        }
        self.homing.doubt(self.moment(at), port);
        self.wires.reopened(port);
        self.silence_ports(program, at, |played| played == port);
    }

    fn silence_ports(&mut self, program: &Program, at: Nanos, which: impl Fn(PortSlot) -> bool) {
        let is_of_it = |track: &&Track| track.owner != SlotOwner::NOBODY && which(track.port);
        for track in program.tracks.iter().filter(is_of_it) {
            if let Some(left) = self.silencing.left.get_mut(track.port) {
                left.channels |= 1 << track.channel.index();
                // A panic that follows another keeps its pace.
                left.next_at = left.next_at.max(at);
                self.silencing.ports = self.silencing.ports.with(track.port);
            }
        }
    }

    /// Sends `port` what it gets next.
    pub(in crate::engine) fn take_silencer(&mut self, _: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        let moment = self.moment(at);
        let Some(left) = self.silencing.left.get_mut(port) else { return };
        if !self.ended {
            left.next_at = at + PACE;
        }
        if let Some(message) = left.take() {
            self.wires.send_when_ready(departure(moment, port, message), out);
        }
        self.silencing.settle(port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: u8) -> Channel {
        Channel::from_number(number).unwrap()
    }

    #[test]
    fn channels_take_turns_and_a_note_takes_its_own_first() {
        let mut left = Left { channels: 0b1011, had: 0, next_at: Nanos(0) };
        let sent = |message: Option<Message>| match message {
            Some(Message::ControlChange(channel, number, 0)) => (channel.number(), number),
            _ => (0, 0),
        };
        assert_eq!(sent(left.take()), (1, 64));
        assert_eq!(left.take_all(channel(4)), [64, 123, 120]);
        assert_eq!(left.take_all(channel(1)), [123, 120], "only what it lacks");
        assert!(left.take_all(channel(1)).is_empty() && left.take_all(channel(3)).is_empty());
        assert_eq!([(); 4].map(|()| sent(left.take())), [(2, 64), (2, 123), (2, 120), (0, 0)]);
    }
}
