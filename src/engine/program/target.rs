//! What a value is sent to.

use super::lever::Lever;
use crate::midi::{Channel, Message};

/// What a value is sent to, on the channel of its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A controller, 0 to 127; values to 127.
    Controller(u8),
    /// A controller of 0 to 31 with the fine part 32 above it; values to 16,383.
    Fine(u8),
    /// Pitch bend; values to 16,383, 8,192 is the middle.
    Bend,
    /// Aftertouch of the channel; values to 127.
    Pressure,
    /// The program of the channel; values to 127.
    Program,
    /// A registered parameter, 0 to 16,383; values to 16,383.
    Rpn(u16),
    /// A non-registered parameter, 0 to 16,383; values to 16,383.
    Nrpn(u16),
}

/// The most messages one value takes.
pub const MAX_VALUE_MESSAGES: usize = 4;

impl Target {
    /// The highest value.
    #[must_use]
    pub const fn highest(self) -> u16 {
        match self {
            Target::Controller(_) | Target::Pressure | Target::Program => 127,
            Target::Fine(_) | Target::Bend | Target::Rpn(_) | Target::Nrpn(_) => 16_383,
        }
    }

    /// Returns what a value sets that holds or bends notes.
    pub fn levers(self) -> impl Iterator<Item = Lever> {
        Lever::all().filter(move |lever| lever.targets().any(|(known, _)| known == self))
    }

    /// The messages that set `value`, in order.
    pub fn messages(self, channel: Channel, value: u16) -> impl Iterator<Item = Message> {
        let value = value.min(self.highest());
        let (coarse, fine) = ((value >> 7) as u8, (value & 0x7F) as u8);
        let control = |number: u8, value: u8| Some(Message::ControlChange(channel, number, value));
        let parameter = |coarse_number: u8, number: u16| {
            [
                control(coarse_number, (number >> 7 & 0x7F) as u8),
                control(coarse_number - 1, (number & 0x7F) as u8),
                control(6, coarse),
                control(38, fine),
            ]
        };
        let messages: [Option<Message>; MAX_VALUE_MESSAGES] = match self {
            Target::Controller(number) => [control(number & 0x7F, fine), None, None, None],
            Target::Fine(number) => [control(number & 0x1F, coarse), control(32 + (number & 0x1F), fine), None, None],
            Target::Bend => [Some(Message::PitchBend(channel, value)), None, None, None],
            Target::Pressure => [Some(Message::ChannelPressure(channel, fine)), None, None, None],
            Target::Program => [Some(Message::ProgramChange(channel, fine)), None, None, None],
            Target::Rpn(number) => parameter(101, number),
            Target::Nrpn(number) => parameter(99, number),
        };
        messages.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_messages_in_the_order_that_receivers_need() {
        let channel = Channel::from_number(3).unwrap();
        let sent = |target: Target, value: u16| {
            let bytes = target.messages(channel, value).map(|message| message.to_bytes().to_string());
            bytes.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(sent(Target::Controller(74), 30), "B2 4A 1E");
        assert_eq!(sent(Target::Controller(74), 300), "B2 4A 7F");
        assert_eq!(sent(Target::Fine(1), 300), "B2 01 02, B2 21 2C");
        assert_eq!(sent(Target::Bend, 8_192), "E2 00 40");
        assert_eq!(sent(Target::Pressure, 5), "D2 05");
        assert_eq!(sent(Target::Program, 5), "C2 05");
        assert_eq!(sent(Target::Nrpn(1_234), 300), "B2 63 09, B2 62 52, B2 06 02, B2 26 2C");
        assert_eq!(sent(Target::Rpn(0), 256), "B2 65 00, B2 64 00, B2 06 02, B2 26 00");
    }
}
