//! What sounds, as the real-time thread has sent it: a table that outlives it.
//!
//! Whoever ends notes after the show has failed has to know which ones. The table is plain atomics of a fixed layout, zero
//! where nothing sounds; so it can lie in memory that another process sees as well ([`crate::guardian`]), and a process that
//! is killed leaves it behind exactly as it was.
//!
//! One thread writes, the real-time thread, by a load and a store for each change; nobody else ever does. Every access is
//! relaxed: each word stands for itself, and no other memory is published by it. What counts is the order between the store
//! and the send that follows it. That send is a system call, past which the compiler moves no store; and the
//! processor carries out the stores of a thread before anyone can learn of its death, for the kernel that buries it
//! synchronises with itself. Who reads while the writer lives sees each word as it is or as it was a moment ago.

use std::ops::Deref;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

use crate::engine::program::lever::{Lever, Pull};
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::midi::{Channel, Key, Message};
use crate::time::Nanos;

/// A bit for each key.
const WORDS: usize = Key::COUNT / u64::BITS as usize;

/// The words of all channels of all ports.
type Keys = [[[AtomicU64; WORDS]; Channel::COUNT]; MAX_PORTS];

/// What sounds, what holds or bends it and what plays, by port, and until when the writer waits.
#[derive(Debug, Default)]
#[repr(C)]
pub struct NoteTable {
    /// By port and channel: a bit for each key that sounds. Written by the real-time thread.
    keys: Keys,
    /// The same for each key that may sound, because its end may have been lost. Written by the real-time thread.
    doubtful: Keys,
    /// The same for each key that is pressed. Written by the real-time thread.
    pressed: Keys,
    /// By port and channel: a bit for each lever that is away from home. Written by the real-time thread.
    levers: [[AtomicU16; Channel::COUNT]; MAX_PORTS],
    /// A bit for each port that was last told to play. Written by the real-time thread.
    playing: AtomicU64,
    /// The real-time thread is awake again at this time of the show's clock, if it lives. Written by it.
    awake_by: AtomicU64,
}

const _: () = assert!(Key::COUNT == u128::BITS as usize && MAX_PORTS <= u64::BITS as usize);
const _: () = assert!(Lever::COUNT <= u16::BITS as usize);

fn words(all: &Keys, port: PortSlot, channel: Channel) -> Option<&[AtomicU64; WORDS]> {
    all.get(usize::from(port.0)).map(|channels| &channels[channel.index()])
}

fn change(all: &Keys, port: PortSlot, channel: Channel, key: Key, sounds: bool) {
    let Some(words) = words(all, port, channel) else { return };
    let (word, bit) = (&words[key.index() / 64], 1 << (key.index() % 64));
    let keys = word.load(Relaxed);
    word.store(if sounds { keys | bit } else { keys & !bit }, Relaxed);
}

fn bits(all: &Keys, port: PortSlot, channel: Channel) -> u128 {
    let word = |index: usize| words(all, port, channel).map_or(0, |words| u128::from(words[index].load(Relaxed)));
    word(1) << 64 | word(0)
}

impl NoteTable {
    /// Notes what may sound or play from now on. The writer only; real-time safe.
    pub fn note_begin(&self, port: PortSlot, message: Message) {
        match message {
            Message::NoteOn(channel, key, _) => change(&self.keys, port, channel, key, true),
            Message::Start | Message::Continue => self.note_playing(port, true),
            _ => self.note_pull(port, message, true),
        }
    }

    /// Notes what has surely ended. The writer only; real-time safe.
    pub fn note_end(&self, port: PortSlot, message: Message) {
        match message {
            Message::NoteOff(channel, key, _) => {
                change(&self.keys, port, channel, key, false);
                change(&self.doubtful, port, channel, key, false);
            }
            Message::Stop => self.note_playing(port, false),
            _ => self.note_pull(port, message, false),
        }
    }

    /// Notes what a message moves that holds or bends notes, if it moves it away from home, or home, as `away` says.
    fn note_pull(&self, port: PortSlot, message: Message, away: bool) {
        match Pull::of(message) {
            Some(Pull::Key(channel, key, is_away)) if is_away == away => {
                change(&self.pressed, port, channel, key, away);
            }
            Some(Pull::Lever(channel, lever, is_away)) if is_away == away => {
                let Some(channels) = self.levers.get(usize::from(port.0)) else { return };
                let (levers, bit) = (&channels[channel.index()], 1 << lever.index());
                let known = levers.load(Relaxed);
                levers.store(if away { known | bit } else { known & !bit }, Relaxed);
            }
            _ => {}
        }
    }

    /// Notes of a channel which keys may sound though their end was sent. The writer only; real-time safe.
    pub fn note_doubt(&self, port: PortSlot, channel: Channel, keys: u128) {
        let Some(words) = words(&self.doubtful, port, channel) else { return };
        words[0].store(keys as u64, Relaxed);
        words[1].store((keys >> 64) as u64, Relaxed);
    }

    /// Notes whether a port was told to play. The writer only; real-time safe.
    pub fn note_playing(&self, port: PortSlot, plays: bool) {
        let bit = 1u64.checked_shl(u32::from(port.0)).unwrap_or(0);
        let playing = self.playing.load(Relaxed);
        self.playing.store(if plays { playing | bit } else { playing & !bit }, Relaxed);
    }

    /// Notes until when the writer waits at the latest. The writer only; real-time safe.
    pub fn note_wait(&self, awake_by: Nanos) {
        self.awake_by.store(awake_by.0, Relaxed);
    }

    /// The keys that sound on a channel, a bit for each.
    #[must_use]
    pub fn keys(&self, port: PortSlot, channel: Channel) -> u128 {
        bits(&self.keys, port, channel)
    }

    /// The keys that may sound on a channel, because their end may have been lost.
    #[must_use]
    pub fn doubtful(&self, port: PortSlot, channel: Channel) -> u128 {
        bits(&self.doubtful, port, channel)
    }

    /// The keys that are pressed on a channel.
    #[must_use]
    pub fn pressed(&self, port: PortSlot, channel: Channel) -> u128 {
        bits(&self.pressed, port, channel)
    }

    /// The levers of a channel that are away from home, a bit for each, by [`Lever::index`].
    #[must_use]
    pub fn levers(&self, port: PortSlot, channel: Channel) -> u16 {
        self.levers.get(usize::from(port.0)).map_or(0, |channels| channels[channel.index()].load(Relaxed))
    }

    /// Returns whether notes sound, or pedals are down under which they may.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let pedals = Lever::all().filter(|lever| lever.holds()).fold(0, |pedals, lever| pedals | 1 << lever.index());
        self.count() > 0 || self.levers.iter().flatten().any(|levers| levers.load(Relaxed) & pedals != 0)
    }

    /// Returns how many levers are away from home, and keys are pressed.
    #[must_use]
    pub fn count_away(&self) -> usize {
        let levers = self.levers.iter().flatten().map(|levers| levers.load(Relaxed).count_ones() as usize);
        let pressed = self.pressed.iter().flatten().flatten().map(|word| word.load(Relaxed).count_ones() as usize);
        levers.chain(pressed).sum()
    }

    /// Returns whether a key sounds. Real-time safe.
    #[must_use]
    pub fn sounds(&self, port: PortSlot, channel: Channel, key: Key) -> bool {
        self.keys(port, channel) >> key.number() & 1 == 1
    }

    /// Returns whether a port was last told to play.
    #[must_use]
    pub fn plays(&self, port: PortSlot) -> bool {
        self.playing.load(Relaxed).checked_shr(u32::from(port.0)).is_some_and(|playing| playing & 1 == 1)
    }

    /// Returns how many notes sound.
    #[must_use]
    pub fn count(&self) -> usize {
        self.keys.iter().flatten().flatten().map(|word| word.load(Relaxed).count_ones() as usize).sum()
    }

    /// Returns when the writer is awake again, at the latest; zero before it has ever waited.
    #[must_use]
    pub fn awake_by(&self) -> Nanos {
        Nanos(self.awake_by.load(Relaxed))
    }
}

/// A table in some memory, and what has to be said of the thread that writes it.
pub trait Table: Deref<Target = NoteTable> + Send + 'static {
    /// What the writer keeps as long as it writes, and drops when nothing sounds any more. That is real-time safe, with at most one
    /// system call.
    type Attendance;

    /// The calling thread is the writer from now on. Called once, before anything sounds. Real-time safe.
    fn attend(&self) -> Self::Attendance;
}

impl Table for Box<NoteTable> {
    type Attendance = ();

    fn attend(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::Velocity;

    #[test]
    fn every_key_of_every_channel_and_port_has_a_bit_of_its_own() {
        let table = NoteTable::default();
        let mut count = 0;
        for port in (0..MAX_PORTS as u8).map(PortSlot) {
            for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
                for key in (0..Key::COUNT as u8).map(Key::from_data) {
                    assert!(!table.sounds(port, channel, key));
                    table.note_begin(port, Message::NoteOn(channel, key, Velocity::MAX));
                    count += 1;
                    assert!(table.sounds(port, channel, key) && table.count() == count);
                }
                assert_eq!(table.keys(port, channel), u128::MAX);
            }
        }
        let (port, channel, key) = (PortSlot(3), Channel::from_status(9), Key::from_data(64));
        table.note_end(port, Message::NoteOff(channel, key, 0));
        assert_eq!(table.keys(port, channel), !(1 << 64));
        assert_eq!(table.count(), count - 1);
    }

    #[test]
    fn a_key_is_in_doubt_until_its_end_has_been_sent_again() {
        let table = NoteTable::default();
        let (port, channel) = (PortSlot(15), Channel::from_status(15));
        table.note_doubt(port, channel, 1 << 127 | 1);
        assert_eq!((table.doubtful(port, channel), table.keys(port, channel), table.count()), (1 << 127 | 1, 0, 0));
        table.note_end(port, Message::NoteOff(channel, Key::from_data(127), 0));
        assert_eq!(table.doubtful(port, channel), 1);
        table.note_doubt(PortSlot(200), channel, 1);
    }

    #[test]
    fn what_holds_or_bends_notes_is_noted_until_it_is_home() {
        let (table, mut count) = (NoteTable::default(), 0);
        let ends = [PortSlot(0), PortSlot(15)]
            .into_iter()
            .flat_map(|port| [0, 15].map(|channel| (port, Channel::from_status(channel))));
        for (port, channel) in ends.clone() {
            for number in 0..128 {
                table.note_begin(port, Message::ControlChange(channel, number, 1));
                table.note_begin(port, Message::KeyPressure(channel, Key::from_data(number), 1));
                table.note_end(port, Message::KeyPressure(channel, Key::from_data(number), 2));
            }
            table.note_begin(port, Message::PitchBend(channel, 0));
            table.note_begin(port, Message::ChannelPressure(channel, 127));
            count += Lever::COUNT + Key::COUNT;
            assert_eq!(table.count_away(), count);
            assert_eq!(
                (table.levers(port, channel).count_ones() as usize, table.pressed(port, channel)),
                (Lever::COUNT, u128::MAX)
            );
        }
        for (port, channel) in ends {
            for lever in Lever::all() {
                table.note_begin(port, lever.home(channel));
                assert_eq!(table.count_away(), count, "it is not home until that has been sent");
                table.note_end(port, lever.home(channel));
                count -= 1;
                assert_eq!(table.count_away(), count);
            }
        }
        assert_eq!((table.count(), count), (0, 4 * Key::COUNT));
        table.note_begin(PortSlot(16), Message::PitchBend(Channel::from_status(0), 0));
    }

    #[test]
    fn ports_play_each_for_itself_and_others_are_not_there() {
        let table = NoteTable::default();
        table.note_begin(PortSlot(0), Message::Continue);
        table.note_begin(PortSlot(15), Message::Start);
        table.note_end(PortSlot(0), Message::Stop);
        assert!(!table.plays(PortSlot(0)) && table.plays(PortSlot(15)) && !table.plays(PortSlot(200)));
        table.note_begin(PortSlot(200), Message::Start);
        table.note_begin(PortSlot(16), Message::NoteOn(Channel::from_status(0), Key::from_data(1), Velocity::MAX));
        assert_eq!((table.count(), table.keys(PortSlot(16), Channel::from_status(0))), (0, 0));
    }
}
