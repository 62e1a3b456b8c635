//! What was heard on the stage: one entry a message, with the port it arrived at and its stamp.

/// Where a message was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Port {
    /// The probe's own ear on what its master sends: the pulses as they were truly delivered.
    Ear,
    Circuit,
    Mono,
}

/// A note by channel (1 to 16) and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    pub channel: u8,
    pub key: u8,
}

/// A MIDI message of up to three bytes; of a longer one the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    bytes: [u8; 3],
    len: u8,
}

impl Message {
    pub const CLOCK: Message = Message::new(&[0xf8]);
    pub const START: Message = Message::new(&[0xfa]);
    pub const CONTINUE: Message = Message::new(&[0xfb]);
    pub const STOP: Message = Message::new(&[0xfc]);

    pub const fn new(bytes: &[u8]) -> Message {
        let mut kept = [0; 3];
        let mut len = 0;
        while len < bytes.len() && len < kept.len() {
            kept[len] = bytes[len];
            len += 1;
        }
        Message { bytes: kept, len: len as u8 }
    }

    pub const fn note_on(note: Note, velocity: u8) -> Message {
        Message::new(&[0x90 | (note.channel - 1), note.key, velocity])
    }

    pub const fn note_off(note: Note) -> Message {
        Message::new(&[0x80 | (note.channel - 1), note.key, 0])
    }

    /// The song position pointer.
    pub const fn song_position(sixteenths: u16) -> Message {
        Message::new(&[0xf2, (sixteenths & 0x7f) as u8, (sixteenths >> 7) as u8])
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn note(&self) -> Note {
        Note { channel: (self.bytes[0] & 0x0f) + 1, key: self.bytes[1] }
    }

    /// The note and its velocity, if this is a note-on. One with velocity 0 is a note-off.
    pub fn as_note_on(&self) -> Option<(Note, u8)> {
        (self.bytes[0] & 0xf0 == 0x90 && self.bytes[2] > 0).then(|| (self.note(), self.bytes[2]))
    }

    pub fn as_note_off(&self) -> Option<Note> {
        let off = match self.bytes[0] & 0xf0 {
            0x80 => true,
            0x90 => self.bytes[2] == 0,
            _ => false,
        };
        off.then(|| self.note())
    }
}

/// One message as it was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Nanoseconds on the clock that all ports of a stage share; its origin means nothing.
    pub at_ns: u64,
    pub port: Port,
    pub message: Message,
}

/// Takes a byte stream apart into messages. Realtime bytes may stand inside other messages, and the status may be left
/// out when it repeats, as on any wire.
#[derive(Default)]
pub struct Parser {
    status: u8,
    data: [u8; 2],
    have: usize,
}

impl Parser {
    /// Takes the next byte; answers with the message that it completes. SysEx is passed over.
    pub fn take(&mut self, byte: u8) -> Option<Message> {
        match byte {
            0xf8..=0xff => return Some(Message::new(&[byte])),
            0x80..=0xf7 => {
                self.status = byte;
                self.have = 0;
                return (byte == 0xf6).then(|| Message::new(&[byte]));
            }
            _ => {}
        }
        let wanted = match self.status {
            0xc0..=0xdf | 0xf1 | 0xf3 => 1,
            0x80..=0xef | 0xf2 => 2,
            _ => return None,
        };
        self.data[self.have] = byte;
        self.have += 1;
        if self.have < wanted {
            return None;
        }
        self.have = 0;
        let message = Message::new(&[self.status, self.data[0], self.data[1]][..=wanted]);
        // Running status is for channel messages only.
        if self.status >= 0xf0 {
            self.status = 0;
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut parser = Parser::default();
        bytes.iter().filter_map(|&byte| parser.take(byte)).map(|message| message.bytes().to_vec()).collect()
    }

    #[test]
    fn running_status_with_a_clock_inside() {
        assert_eq!(
            parse(&[0x90, 60, 0xf8, 100, 62, 100, 0xfc]),
            [vec![0xf8], vec![0x90, 60, 100], vec![0x90, 62, 100], vec![0xfc]]
        );
    }

    #[test]
    fn system_exclusive_is_passed_over() {
        assert_eq!(parse(&[0xf0, 1, 2, 0xf8, 3, 0xf7, 0xc0, 5]), [vec![0xf8], vec![0xc0, 5]]);
    }

    #[test]
    fn velocity_zero_is_an_off() {
        let message = Message::new(&[0x99, 60, 0]);
        assert_eq!(message.as_note_on(), None);
        assert_eq!(message.as_note_off(), Some(Note { channel: 10, key: 60 }));
    }
}
