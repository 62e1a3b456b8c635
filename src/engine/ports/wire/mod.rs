//! What a wire can carry, and what gives way on it.
//!
//! For each port it is reckoned until when its wire is busy with what has been sent. Clock, transport, notes, and what notes
//! need leave when they are due, whatever waits. Values give way: controllers that move by themselves or by hand, bends,
//! pressure, lights, the rest of a panic. One of them leaves only when the wire has nothing else to carry, so that what
//! becomes due meanwhile waits for that one message and no other. On a wire that is idle a value leaves at once.
//!
//! What cannot leave waits, at most one value for each controller: a newer one replaces it, and the message that does not
//! leave is counted as *withheld*. What has waited longest leaves first, so none waits for ever, and the last value of each
//! arrives in the end. Nothing else is ever withheld.
//!
//! # Order
//!
//! What overtakes what waits, and would be undone by it, takes it out: a controller that a note needs, an end of a note its
//! pressure. A channel mode message that waits leaves before a note on its channel, which it would silence.
//! What moves a parameter by one (controllers 96 and 97) counts each time, and is treated as a note is: at most six messages
//! that select the parameter and set it leave before it.
//!
//! # Reckoning
//!
//! - **DIN** takes 320 us for a byte. Whether an interface leaves out a status byte that repeats is up to it: all are counted.
//! - **USB** carries 16 messages in each frame of 1 ms, but nobody knows what is behind it: often a DIN cable, or a processor
//!   that reads as fast as one. Then they pile up in the kernel, which holds 4,096 bytes for a port and silently drops what
//!   follows, a note-off among it. So values may leave in a heap of [`USB_AHEAD`] messages, a fifth of that buffer, and then
//!   one in each [`USB_VALUE`], of which a DIN cable carries 1.04: with a clock and some notes beside them what is left over
//!   grows by some hundred bytes a second, and not by 12,000.

mod waiting;

use crate::engine::fixed::PortMap;
use crate::engine::outbox::departure;
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::ports::Background;
use crate::engine::program::{PortSet, PortSlot, Program, Wire};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Message};
use crate::time::{Nanos, Span};
use waiting::Waiting;

/// A byte on a DIN cable: ten bits at 31,250 a second.
pub const DIN_BYTE: Span = Span::from_micros(320);

/// How often a value may leave by USB in the long run.
pub const USB_VALUE: Span = Span::from_millis(1);

/// How many values may leave by USB at once.
pub const USB_AHEAD: i64 = 256;

/// The wire of one port.
#[derive(Debug)]
struct Cable {
    wire: Wire,
    /// Until when it is busy with what has left; on USB, with values.
    busy_until: Nanos,
    waiting: Waiting,
}

/// The wires of all ports. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Wires {
    cables: PortMap<Cable>,
    /// The ports where something waits.
    waits: PortSet,
    /// Nothing has to wait any more.
    open: bool,
}

impl Wires {
    pub(crate) fn new(program: &Program) -> Wires {
        let cable = |_| Cable { wire: Wire::default(), busy_until: Nanos(0), waiting: Waiting::default() };
        let mut wires = Wires { cables: PortMap::from_fn(cable), waits: PortSet::default(), open: false };
        wires.adopt(program);
        wires
    }

    /// Nothing has to wait any more: what waits, leaves.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    /// Returns when a value may leave by `port`, at the earliest.
    pub(crate) fn ready_at(&self, port: PortSlot) -> Nanos {
        match self.cables.get(port) {
            Some(cable) if !self.open => match cable.wire {
                Wire::Din => cable.busy_until,
                Wire::Usb => Nanos(cable.busy_until.0.saturating_sub((USB_VALUE.0 * USB_AHEAD) as u64)),
            },
            _ => Nanos(0),
        }
    }

    /// Sends what must leave now.
    pub(crate) fn send(&mut self, departure: Departure, out: &mut Outbox) {
        if let Some(cable) = self.cables.get_mut(departure.port) {
            cable.waiting.overtake(departure.message);
        }
        self.leave(departure, false, out);
        self.settle(departure.port);
    }

    /// Sends a value now, of which the caller sees to it that it gives way: at [`Wires::ready_at`] or later.
    pub(crate) fn send_when_ready(&mut self, departure: Departure, out: &mut Outbox) {
        if let Some(cable) = self.cables.get_mut(departure.port) {
            cable.waiting.overtake(departure.message);
        }
        self.leave(departure, true, out);
        self.settle(departure.port);
    }

    /// Sends a value again, now, at [`Wires::ready_at`] or later. What waits is newer, and leaves after it.
    pub(crate) fn send_again(&mut self, departure: Departure, out: &mut Outbox) {
        self.leave(departure, true, out);
        self.settle(departure.port);
    }

    /// Sends a value, now or when the wire is idle. What is no value leaves now.
    pub(crate) fn offer(&mut self, departure: Departure, out: &mut Outbox) {
        let Departure { port, message, track, .. } = departure;
        let Some(cable) = self.cables.get_mut(port) else { return };
        let is_first = cable.waiting.is_empty();
        if cable.waiting.put(message, track) {
            self.settle(port);
            while is_first && out.free() > 0 && self.waits.contains(port) && self.ready_at(port) <= departure.due {
                self.take(departure, out);
            }
            return;
        }
        if let Message::ControlChange(channel, 96 | 97, _) = message {
            while let Some(message) = cable.waiting.take_parameter(channel) {
                Wires::leave_by(cable, Departure { message, ..departure }, false, out);
            }
        }
        self.send(departure, out);
    }

    /// Sends what has waited longest on the port of `like`, at its time.
    fn take(&mut self, like: Departure, out: &mut Outbox) {
        if let Some(cable) = self.cables.get_mut(like.port)
            && let Some((message, track)) = cable.waiting.next()
        {
            Wires::leave_by(cable, Departure { message, track, ..like }, true, out);
        }
        self.settle(like.port);
    }

    /// Sends the channel mode messages that wait on a channel, because a note is about to be struck there. At most eight.
    pub(crate) fn send_modes(&mut self, port: PortSlot, channel: Channel, moment: Moment, out: &mut Outbox) {
        if !self.waits.contains(port) {
            return;
        }
        let Some(cable) = self.cables.get_mut(port) else { return };
        while let Some(message) = cable.waiting.take_mode(channel) {
            Wires::leave_by(cable, departure(moment, port, message), false, out);
        }
        self.settle(port);
    }

    fn leave(&mut self, departure: Departure, gives_way: bool, out: &mut Outbox) {
        match self.cables.get_mut(departure.port) {
            Some(cable) => Wires::leave_by(cable, departure, gives_way, out),
            None => out.push(departure),
        }
    }

    fn leave_by(cable: &mut Cable, departure: Departure, gives_way: bool, out: &mut Outbox) {
        let takes = match cable.wire {
            Wire::Din => Span(DIN_BYTE.0 * departure.message.to_bytes().as_slice().len() as i64),
            Wire::Usb if gives_way => USB_VALUE,
            Wire::Usb => Span::ZERO,
        };
        cable.busy_until = cable.busy_until.max(departure.due) + takes;
        cable.waiting.hear(departure.message);
        out.push(departure);
    }

    /// The device on `port` has been away, or has not read: what it has been told is not known.
    pub(crate) fn reopened(&mut self, port: PortSlot) {
        if let Some(cable) = self.cables.get_mut(port) {
            cable.waiting.forget_selections();
        }
    }

    fn settle(&mut self, port: PortSlot) {
        let is_empty = self.cables.get(port).is_none_or(|cable| cable.waiting.is_empty());
        self.waits = if is_empty { self.waits.without(port) } else { self.waits.with(port) };
    }
}

impl Background for Wires {
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)> {
        self.waits.iter().map(|port| (ready(port), port)).min()
    }

    /// What waits is not for who is there now.
    fn forget(&mut self, port: PortSlot) {
        if let Some(cable) = self.cables.get_mut(port) {
            cable.waiting.clear();
            cable.waiting.forget_selections();
        }
        self.settle(port);
    }

    /// Other wires may be on the ports.
    fn adopt(&mut self, program: &Program) {
        for (cable, port) in self.cables.iter_mut().zip(&program.ports) {
            cable.wire = port.wire;
        }
    }

    /// Nothing has to wait any more.
    fn end(&mut self, _: Nanos) {
        self.open();
    }

    fn is_over(&self) -> bool {
        self.waits.is_empty()
    }
}

/// What has given way on a wire, and of what came in there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GaveWay {
    /// How many messages have been replaced by newer ones, or were pointless by the time they could have left; and how many
    /// notes came in that were too many to be passed on.
    pub withheld: u64,
    /// How many values wait.
    pub waiting: usize,
}

impl Engine {
    /// From now on all values leave when they are due, as if no wire had an end, and nobody is told that we are there: for
    /// renderings, which have no wires.
    pub fn open_wires(&mut self) {
        self.wires.open();
        self.active_sensing.end(self.now);
    }

    /// Returns what has given way on `port`.
    #[must_use]
    pub fn gave_way(&self, port: PortSlot) -> GaveWay {
        let waiting = self.wires.cables.get(port).map(|cable| &cable.waiting);
        let refused = self.thru_notes.refused(port);
        waiting.map_or(GaveWay::default(), |waiting| GaveWay {
            withheld: waiting.withheld + refused,
            waiting: waiting.len(),
        })
    }

    /// Sends one message of what waits on `port`.
    pub(in crate::engine) fn take_value(&mut self, _: &Program, port: PortSlot, at: Nanos, out: &mut Outbox) {
        // The message is one of those that wait.
        let like = departure(self.moment(at), port, Message::ActiveSensing);
        self.wires.take(like, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::{Key, Velocity};
    use crate::set::Set;
    use crate::time::Tick;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const PORT: PortSlot = PortSlot(0);

    fn channel(number: u8) -> Channel {
        Channel::from_number(number).unwrap()
    }

    fn control(number: u8, value: u8) -> Message {
        Message::ControlChange(channel(1), number, value)
    }

    /// A wire, and what it has carried.
    struct Stage {
        wires: Wires,
        out: Outbox,
        sent: Vec<(Nanos, Message)>,
        now: Nanos,
    }

    impl Stage {
        fn new(wire: &str) -> Stage {
            let text = format!(
                "[ports.a]\ndevice = \"A\"\nwire = \"{wire}\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nt = \"c2\"\n"
            );
            let set = Set::parse("a.toml", text.as_bytes()).unwrap();
            Stage { wires: Wires::new(&set.program), out: Outbox::default(), sent: Vec::new(), now: Nanos(1 << 40) }
        }

        fn departure(&self, message: Message) -> Departure {
            departure(Moment { time: self.now, tick: Tick::ZERO }, PORT, message)
        }

        fn drain(&mut self) {
            while let Some(departure) = self.out.pop() {
                self.sent.push((departure.due, departure.message));
            }
        }

        fn offer(&mut self, message: Message) {
            self.wires.offer(self.departure(message), &mut self.out);
            self.drain();
        }

        fn send(&mut self, message: Message) {
            self.wires.send(self.departure(message), &mut self.out);
            self.drain();
        }

        /// Time passes, and what waits leaves.
        fn wait(&mut self, span: Span) {
            let until = self.now + span;
            while let Some((at, port)) = self.wires.next(|port| self.wires.ready_at(port)).filter(|&(at, _)| at < until)
            {
                self.now = self.now.max(at);
                assert_eq!(port, PORT);
                self.wires.take(self.departure(Message::ActiveSensing), &mut self.out);
                self.drain();
            }
            self.now = until;
        }

        fn messages(&self) -> Vec<Message> {
            self.sent.iter().map(|&(_, message)| message).collect()
        }

        fn withheld(&self) -> u64 {
            self.wires.cables[PortSlot(0)].waiting.withheld
        }
    }

    /// An instrument: what it has been told. A coarse part sets its fine one to zero.
    #[derive(Debug, Default, PartialEq)]
    struct Instrument {
        values: BTreeMap<(u8, u8, u8), u8>,
        parameters: BTreeMap<(u8, bool, u8, u8), (u8, i32)>,
        selected: BTreeMap<u8, (bool, Option<u8>, Option<u8>)>,
    }

    impl Instrument {
        fn hear(&mut self, message: Message) {
            let bytes = message.to_bytes();
            let (status, data) = (bytes.as_slice()[0], &bytes.as_slice()[1..]);
            match (message, data) {
                (Message::ControlChange(channel, ..), &[number @ 98..=101, value]) => {
                    let registered = number >= 100;
                    let selected = self.selected.entry(channel.number()).or_default();
                    if selected.0 != registered {
                        *selected = (registered, None, None);
                    }
                    *(if number % 2 == 1 { &mut selected.1 } else { &mut selected.2 }) = Some(value);
                }
                (Message::ControlChange(channel, ..), &[number @ (6 | 38 | 96 | 97), value]) => {
                    let selected = self.selected.get(&channel.number()).copied().unwrap_or_default();
                    let (registered, Some(coarse), Some(fine)) = selected else { return };
                    let held = self.parameters.entry((channel.number(), registered, coarse, fine)).or_default();
                    match number {
                        6 => *held = (value, 0),
                        38 => held.1 = i32::from(value),
                        96 => held.1 += 1_000,
                        _ => held.1 -= 1_000,
                    }
                }
                (Message::ControlChange(..), &[number @ 0..32, value]) => {
                    self.values.insert((status, number, 0), value);
                    self.values.insert((status, number, 1), 0);
                }
                (Message::ControlChange(..), &[number @ 32..64, value]) => {
                    self.values.insert((status, number - 32, 1), value);
                }
                (Message::PitchBend(..), &[fine, coarse]) => {
                    self.values.insert((status, coarse, fine), 0);
                    self.values.retain(|&(known, c, f), _| known != status || (c, f) == (coarse, fine));
                }
                (Message::NoteOff(channel, key, _), _) => {
                    self.values.remove(&(0xA0 | channel.index() as u8, key.number(), 0));
                }
                (Message::ControlChange(..) | Message::KeyPressure(..), &[number, value]) => {
                    self.values.insert((status, number, 0), value);
                }
                (_, &[value]) => {
                    self.values.insert((status, 0, 0), value);
                }
                _ => {}
            }
        }

        fn after(messages: impl IntoIterator<Item = Message>) -> Instrument {
            let mut instrument = Instrument::default();
            messages.into_iter().for_each(|message| instrument.hear(message));
            // What is selected in the end need not be the same.
            instrument.selected.clear();
            instrument
        }
    }

    /// A value, or a parameter that is selected, of which both halves are said.
    fn any_value() -> impl Strategy<Value = Vec<Message>> {
        let channel = (1u8..3).prop_map(channel);
        let number =
            prop_oneof![3 => Just(6u8), 2 => Just(38u8), 1 => 96u8..=97, 2 => 0u8..3, 2 => 32u8..35, 2 => 60u8..80];
        (channel, number, 0u8..3, 0u8..16).prop_map(|(channel, number, value, kind)| match kind {
            0 => vec![Message::PitchBend(channel, u16::from(value) * 4_000)],
            1 => vec![Message::ChannelPressure(channel, value)],
            2 => vec![Message::KeyPressure(channel, Key::from_data(60 + value), value)],
            3 | 4 => [99, 98].map(|half| Message::ControlChange(channel, half, value)).into(),
            5 => [100, 101].map(|half| Message::ControlChange(channel, half, value)).into(),
            _ => vec![Message::ControlChange(channel, number, value)],
        })
    }

    proptest! {
        /// However much waits, and whatever overtakes it, the instrument ends as if everything had reached it.
        #[test]
        fn the_instrument_ends_as_it_was_asked_to(
            din in any::<bool>(),
            asked in prop::collection::vec((any_value(), 0i64..1_500, prop::option::weighted(0.2, 60u8..63)), 1..300),
        ) {
            let mut stage = Stage::new(if din { "din" } else { "usb" });
            let mut all = Vec::new();
            for (messages, micros, key) in asked {
                for message in messages {
                    stage.offer(message);
                    all.push(message);
                }
                stage.wait(Span::from_micros(micros));
                if let Some(key) = key {
                    let off = Message::NoteOff(channel(1), Key::from_data(key), 0);
                    stage.send(off);
                    all.push(off);
                }
            }
            stage.wait(Span::from_millis(10_000));
            prop_assert!(stage.wires.is_over());
            prop_assert_eq!(Instrument::after(stage.messages()), Instrument::after(all));
        }

        /// What does not leave is counted.
        #[test]
        fn what_leaves_and_what_is_withheld_is_what_was_asked(
            asked in prop::collection::vec((64u8..90, 0u8..128, 0i64..800), 1..300),
        ) {
            let mut stage = Stage::new("din");
            for &(number, value, micros) in &asked {
                stage.offer(control(number, value));
                stage.wait(Span::from_micros(micros));
            }
            stage.wait(Span::from_millis(1_000));
            prop_assert_eq!(stage.sent.len() + stage.withheld() as usize, asked.len());
            let ends = stage.sent.windows(2).all(|pair| pair[1].0.since(pair[0].0) >= Span::from_micros(960));
            prop_assert!(ends, "one after the other");
        }
    }

    #[test]
    fn an_idle_wire_carries_at_once_and_a_busy_one_the_newest() {
        let mut stage = Stage::new("din");
        for value in 0..5 {
            stage.offer(control(74, value));
        }
        stage.offer(control(71, 9));
        assert_eq!(stage.messages(), [control(74, 0)]);
        stage.wait(Span::from_millis(10));
        assert_eq!(stage.messages(), [control(74, 0), control(74, 4), control(71, 9)]);
        assert_eq!(stage.withheld(), 3);
        assert_eq!(stage.sent[2].0.since(stage.sent[0].0), Span::from_micros(2 * 960));
    }

    #[test]
    fn notes_and_clock_do_not_wait() {
        let mut stage = Stage::new("din");
        for number in 64..90 {
            stage.offer(control(number, 1));
        }
        let note = Message::NoteOn(channel(1), Key::from_data(60), Velocity::MAX);
        stage.send(note);
        stage.send(Message::Clock);
        assert_eq!(stage.messages(), [control(64, 1), note, Message::Clock]);
        stage.wait(Span::from_micros(2 * 960 + 320 + 1));
        assert_eq!(stage.sent.len(), 4, "the next one when the wire is idle");
    }

    #[test]
    fn usb_takes_a_heap_and_then_one_in_each_frame() {
        let mut stage = Stage::new("usb");
        for _ in 0..10 {
            (64..96).for_each(|number| stage.offer(control(number, 1)));
        }
        assert_eq!(stage.sent.len() as i64, USB_AHEAD + 1);
        stage.wait(Span::from_millis(20));
        assert_eq!(stage.sent.len() as i64, USB_AHEAD + 1 + 19);
    }

    #[test]
    fn a_mode_does_not_silence_the_note_after_it() {
        let mut stage = Stage::new("din");
        [70, 123, 74].into_iter().for_each(|number| stage.offer(control(number, 0)));
        stage.wires.send_modes(PORT, channel(2), Moment { time: stage.now, tick: Tick::ZERO }, &mut stage.out);
        stage.drain();
        assert_eq!(stage.sent.len(), 1, "another channel");
        stage.wires.send_modes(PORT, channel(1), Moment { time: stage.now, tick: Tick::ZERO }, &mut stage.out);
        stage.drain();
        assert_eq!(stage.messages(), [control(70, 0), control(123, 0)]);
    }

    #[test]
    fn more_parameters_than_fit_are_counted() {
        let mut stage = Stage::new("din");
        for number in 0..=127 {
            for message in [control(99, 1), control(98, number), control(6, 5)] {
                stage.offer(message);
            }
        }
        let lost = 128 - waiting::PARAMETERS as u64;
        assert!((lost - 1..=lost).contains(&stage.withheld()), "{}", stage.withheld());
        stage.wait(Span::from_millis(1_000));
        assert!(stage.wires.is_over());
    }
}
