//! MIDI 1.0 messages as values, and their bytes.
//!
//! [`Message`] is what the program reasons about; [`Bytes`] is what a wire carries. Both are small and `Copy`, so they
//! travel through rings and live on the real-time thread. System exclusive is not among them: it has no bounded length
//! and is not handled on the real-time thread.
//!
//! Numbers are the wire's (0 to 127) except for channels, which musicians count from 1: [`Channel::number`] is 1 to 16.

use std::fmt;

/// One of the sixteen channels of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u8);

impl Channel {
    /// How many channels a port has.
    pub const COUNT: usize = 16;

    /// The channel that musicians call `number`; `None` unless it is 1 to 16.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Channel> {
        if number >= 1 && number <= 16 { Some(Channel(number - 1)) } else { None }
    }

    /// The channel in the low four bits of a status byte.
    #[must_use]
    pub const fn from_status(status: u8) -> Channel {
        Channel(status & 0x0F)
    }

    /// 1 to 16.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0 + 1
    }

    /// 0 to 15, for tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A key of the keyboard, 0 to 127; 60 is middle C.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u8);

impl Key {
    /// How many keys there are.
    pub const COUNT: usize = 128;

    /// The key with this number; `None` above 127.
    #[must_use]
    pub const fn new(number: u8) -> Option<Key> {
        if number < 128 { Some(Key(number)) } else { None }
    }

    /// The key in the low seven bits of a data byte.
    #[must_use]
    pub const fn from_data(byte: u8) -> Key {
        Key(byte & 0x7F)
    }

    /// 0 to 127.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// 0 to 127, for tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The key `semitones` higher, folded by whole octaves into the keyboard: a transposition never silences a note.
    #[must_use]
    pub const fn transposed(self, semitones: i32) -> Key {
        let mut key = self.0 as i32 + semitones;
        if key < 0 {
            key = key.rem_euclid(12);
        } else if key > 127 {
            // 116 to 127 is the highest whole octave.
            key = 116 + (key - 116).rem_euclid(12);
        }
        Key(key as u8)
    }
}

/// How hard a key is struck, 1 to 127. Zero is not a velocity: on the wire it means note-off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Velocity(u8);

impl Velocity {
    /// The hardest.
    pub const MAX: Velocity = Velocity(127);

    /// `None` unless the value is 1 to 127.
    #[must_use]
    pub const fn new(value: u8) -> Option<Velocity> {
        if value >= 1 && value < 128 { Some(Velocity(value)) } else { None }
    }

    /// 1 to 127.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }
}

/// A MIDI message of one to three bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// A key goes down.
    NoteOn(Channel, Key, Velocity),
    /// A key comes up, with its release velocity (0 to 127).
    NoteOff(Channel, Key, u8),
    /// Aftertouch of one key (0 to 127).
    KeyPressure(Channel, Key, u8),
    /// A controller (0 to 127) takes a value (0 to 127).
    ControlChange(Channel, u8, u8),
    /// Another program (0 to 127) is chosen.
    ProgramChange(Channel, u8),
    /// Aftertouch of a whole channel (0 to 127).
    ChannelPressure(Channel, u8),
    /// Pitch bend, 0 to 16,383; 8,192 is the middle.
    PitchBend(Channel, u16),
    /// MIDI time code quarter frame.
    QuarterFrame(u8),
    /// The song position pointer, in sixteenths from the start (0 to 16,383).
    SongPosition(u16),
    /// Another song (0 to 127) is chosen.
    SongSelect(u8),
    /// Oscillators are asked to tune themselves.
    TuneRequest,
    /// A clock pulse, 24 to a quarter note.
    Clock,
    /// Play from the beginning; the next clock pulse is position 0.
    Start,
    /// Play on from the song position.
    Continue,
    /// Stop playing.
    Stop,
    /// "I am still here", every 300 ms.
    ActiveSensing,
    /// Return to the state after power-up.
    Reset,
}

const _: () = assert!(size_of::<Message>() <= 4);

/// The bytes of one message: one to three of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bytes {
    data: [u8; 3],
    len: u8,
}

impl Bytes {
    const fn one(a: u8) -> Bytes {
        Bytes { data: [a, 0, 0], len: 1 }
    }

    const fn two(a: u8, b: u8) -> Bytes {
        Bytes { data: [a, b & 0x7F, 0], len: 2 }
    }

    const fn three(a: u8, b: u8, c: u8) -> Bytes {
        Bytes { data: [a, b & 0x7F, c & 0x7F], len: 3 }
    }

    /// The bytes as they go on the wire.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.data[..usize::from(self.len)]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.as_slice().iter().enumerate() {
            let gap = if i == 0 { "" } else { " " };
            write!(f, "{gap}{byte:02X}")?;
        }
        Ok(())
    }
}

impl Message {
    /// Its channel, if it has one.
    #[must_use]
    pub const fn channel(self) -> Option<Channel> {
        match self {
            Message::NoteOn(channel, ..)
            | Message::NoteOff(channel, ..)
            | Message::KeyPressure(channel, ..)
            | Message::ControlChange(channel, ..)
            | Message::ProgramChange(channel, _)
            | Message::ChannelPressure(channel, _)
            | Message::PitchBend(channel, _) => Some(channel),
            Message::QuarterFrame(_) | Message::SongPosition(_) | Message::SongSelect(_) | Message::TuneRequest => None,
            Message::Clock | Message::Start | Message::Continue | Message::Stop => None,
            Message::ActiveSensing | Message::Reset => None,
        }
    }

    /// The message as bytes, without running status.
    #[must_use]
    pub const fn to_bytes(self) -> Bytes {
        match self {
            Message::NoteOff(ch, key, velocity) => Bytes::three(0x80 | ch.0, key.0, velocity),
            Message::NoteOn(ch, key, velocity) => Bytes::three(0x90 | ch.0, key.0, velocity.0),
            Message::KeyPressure(ch, key, value) => Bytes::three(0xA0 | ch.0, key.0, value),
            Message::ControlChange(ch, controller, value) => Bytes::three(0xB0 | ch.0, controller, value),
            Message::ProgramChange(ch, program) => Bytes::two(0xC0 | ch.0, program),
            Message::ChannelPressure(ch, value) => Bytes::two(0xD0 | ch.0, value),
            Message::PitchBend(ch, bend) => Bytes::three(0xE0 | ch.0, bend as u8, (bend >> 7) as u8),
            Message::QuarterFrame(frame) => Bytes::two(0xF1, frame),
            Message::SongPosition(sixteenths) => Bytes::three(0xF2, sixteenths as u8, (sixteenths >> 7) as u8),
            Message::SongSelect(song) => Bytes::two(0xF3, song),
            Message::TuneRequest => Bytes::one(0xF6),
            Message::Clock => Bytes::one(0xF8),
            Message::Start => Bytes::one(0xFA),
            Message::Continue => Bytes::one(0xFB),
            Message::Stop => Bytes::one(0xFC),
            Message::ActiveSensing => Bytes::one(0xFE),
            Message::Reset => Bytes::one(0xFF),
        }
    }

    /// Reads one complete message; `None` for system exclusive, undefined status bytes, and bytes that are not exactly one
    /// message. A note-on with velocity 0 is read as the note-off that it means.
    ///
    /// Real-time safe.
    #[must_use]
    pub const fn from_bytes(bytes: &[u8]) -> Option<Message> {
        let message = match *bytes {
            [0xF6] => Message::TuneRequest,
            [0xF8] => Message::Clock,
            [0xFA] => Message::Start,
            [0xFB] => Message::Continue,
            [0xFC] => Message::Stop,
            [0xFE] => Message::ActiveSensing,
            [0xFF] => Message::Reset,
            [status, a] if a < 0x80 => match status & 0xF0 {
                0xC0 => Message::ProgramChange(Channel::from_status(status), a),
                0xD0 => Message::ChannelPressure(Channel::from_status(status), a),
                _ => match status {
                    0xF1 => Message::QuarterFrame(a),
                    0xF3 => Message::SongSelect(a),
                    _ => return None,
                },
            },
            [status, a, b] if a < 0x80 && b < 0x80 => {
                let channel = Channel::from_status(status);
                match status & 0xF0 {
                    0x80 => Message::NoteOff(channel, Key(a), b),
                    0x90 => match Velocity::new(b) {
                        Some(velocity) => Message::NoteOn(channel, Key(a), velocity),
                        None => Message::NoteOff(channel, Key(a), 64),
                    },
                    0xA0 => Message::KeyPressure(channel, Key(a), b),
                    0xB0 => Message::ControlChange(channel, a, b),
                    0xE0 => Message::PitchBend(channel, a as u16 | (b as u16) << 7),
                    _ if status == 0xF2 => Message::SongPosition(a as u16 | (b as u16) << 7),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(message)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Message::NoteOn(ch, key, v) => write!(f, "note on   ch {} key {} velocity {}", ch.number(), key.0, v.0),
            Message::NoteOff(ch, key, _) => write!(f, "note off  ch {} key {}", ch.number(), key.0),
            Message::KeyPressure(ch, key, v) => write!(f, "pressure  ch {} key {} value {v}", ch.number(), key.0),
            Message::ControlChange(ch, cc, v) => write!(f, "control   ch {} cc {cc} value {v}", ch.number()),
            Message::ProgramChange(ch, p) => write!(f, "program   ch {} number {p}", ch.number()),
            Message::ChannelPressure(ch, v) => write!(f, "pressure  ch {} value {v}", ch.number()),
            Message::PitchBend(ch, bend) => write!(f, "bend      ch {} value {bend}", ch.number()),
            Message::QuarterFrame(frame) => write!(f, "time code {frame}"),
            Message::SongPosition(sixteenths) => write!(f, "song position {sixteenths}"),
            Message::SongSelect(song) => write!(f, "song      {song}"),
            Message::TuneRequest => f.write_str("tune request"),
            Message::Clock => f.write_str("clock"),
            Message::Start => f.write_str("start"),
            Message::Continue => f.write_str("continue"),
            Message::Stop => f.write_str("stop"),
            Message::ActiveSensing => f.write_str("active sensing"),
            Message::Reset => f.write_str("reset"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_parses_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..5)) {
            if let Some(message) = Message::from_bytes(&bytes) {
                let again = message.to_bytes();
                // Velocity 0 is the one message with two spellings.
                if bytes[0] & 0xF0 != 0x90 || bytes[2] != 0 {
                    prop_assert_eq!(again.as_slice(), &bytes[..]);
                }
                prop_assert_eq!(Message::from_bytes(again.as_slice()), Some(message));
            }
        }
    }

    #[test]
    fn a_note_on_without_velocity_is_a_note_off() {
        let off = Message::from_bytes(&[0x99, 60, 0]);
        assert_eq!(off, Some(Message::NoteOff(Channel::from_number(10).unwrap(), Key(60), 64)));
    }

    #[test]
    fn song_position_is_least_significant_first() {
        assert_eq!(Message::SongPosition(0x0123).to_bytes().as_slice(), [0xF2, 0x23, 0x02]);
        assert_eq!(Message::from_bytes(&[0xF2, 0x23, 0x02]), Some(Message::SongPosition(0x0123)));
    }

    #[test]
    fn transposition_folds_into_the_keyboard() {
        assert_eq!(Key(60).transposed(7), Key(67));
        assert_eq!(Key(3).transposed(-12), Key(3));
        assert_eq!(Key(120).transposed(12), Key(120));
        for start in 0..128u8 {
            for shift in -140..140 {
                let key = Key(start).transposed(shift);
                assert!(key.0 < 128);
                assert_eq!((i32::from(key.0) - i32::from(start) - shift).rem_euclid(12), 0);
            }
        }
    }
}
