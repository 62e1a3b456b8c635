//! What the built-in set `circuits` has to play when a clock of so many pulses is followed: the expected side of the
//! checks, written from the music and not from the program.

use crate::recording::{Note, Port};
use crate::schedule::{PULSES_PER_BAR, Show};

pub const KICK: Note = drum(60);
pub const SNARE: Note = drum(62);
pub const CLOSED_HAT: Note = drum(64);
pub const OPEN_HAT: Note = drum(65);

/// The bass before a key is played.
pub const BASS_AT_FIRST: Note = mono(48);
/// The arpeggio's notes and velocity; which of them, and how long, is the program's choice.
pub const ARP: [Note; 3] = [mono(72), mono(65), mono(67)];
pub const ARP_VELOCITY: u8 = 32;
pub const SIXTEENTH: u32 = 6;

const fn drum(key: u8) -> Note {
    Note { channel: 10, key }
}

const fn mono(key: u8) -> Note {
    Note { channel: 1, key }
}

/// A note on its pulse; the first pulse after START is 0.
pub type Placed = (u32, Note);

/// What must be heard, in order of pulse and key.
pub struct Score {
    pub pulses: u32,
    pub drums: Vec<Placed>,
    pub bass: Vec<Placed>,
    /// The bar from which the key that was played is the bass.
    pub bar_of_key: u32,
    /// The least number of notes of the arpeggio. On average it plays 1.25 sixteenths a note and rests now and then.
    pub arp_at_least: usize,
}

impl Score {
    pub fn of(show: &Show) -> Score {
        Score::with_key(show.pulses, show.key_bar() + 1, show.key)
    }

    /// What is played when nobody touches the keys.
    pub fn untouched(pulses: u32) -> Score {
        Score::with_key(pulses, pulses.div_ceil(PULSES_PER_BAR), BASS_AT_FIRST)
    }

    fn with_key(pulses: u32, bar_of_key: u32, key: Note) -> Score {
        Score {
            pulses,
            drums: (0..pulses).flat_map(|pulse| drums_at(pulse).map(move |note| (pulse, note))).collect(),
            bass: (0..pulses.div_ceil(PULSES_PER_BAR))
                .map(|bar| (bar * PULSES_PER_BAR, if bar < bar_of_key { BASS_AT_FIRST } else { key }))
                .collect(),
            bar_of_key,
            arp_at_least: pulses as usize / 10,
        }
    }

    pub fn count(&self, note: Note) -> usize {
        self.drums.iter().filter(|(_, drum)| *drum == note).count()
    }

    /// Whether the set has this note at this port at all.
    pub fn knows(&self, port: Port, note: Note, velocity: u8) -> bool {
        match port {
            Port::Ear => true,
            Port::Circuit => [KICK, SNARE, CLOSED_HAT, OPEN_HAT].contains(&note),
            Port::Mono => self.is_bass(note) || (ARP.contains(&note) && velocity == ARP_VELOCITY),
        }
    }

    pub fn is_bass(&self, note: Note) -> bool {
        self.bass.iter().any(|(_, bass)| *bass == note)
    }
}

/// The drums at a pulse of the music.
pub fn drums_at(pulse: u32) -> impl Iterator<Item = Note> {
    let quarter = pulse % 24;
    [
        (KICK, quarter == 0),
        (SNARE, pulse % 48 == 24),
        (CLOSED_HAT, quarter == 0 || quarter == 6),
        (OPEN_HAT, quarter == 12),
    ]
    .into_iter()
    .filter_map(|(note, plays)| plays.then_some(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_pulses() {
        let score = Score::of(&Show { bpm: 125.0, pulses: 1000, before: 0, after: 0, key: mono(50) });
        assert_eq!([KICK, SNARE, CLOSED_HAT, OPEN_HAT].map(|note| score.count(note)), [42, 21, 84, 42]);
        assert_eq!(score.drums.len(), 189);
        assert_eq!(score.bass.len(), 11);
        assert_eq!(score.bass[5], (480, mono(48)));
        assert_eq!(score.bass[6], (576, mono(50)));
    }
}
