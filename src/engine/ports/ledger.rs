//! Notes that sound on one port: every note-on is entered here, with the position of its note-off.
//!
//! The rule: a channel and key sounds at most once. Striking it again ends the first note before the second begins, so
//! note-ons and note-offs alternate strictly on each key, and no note-off can end a note that it does not belong to. An
//! entry keeps channel and key as they were sent; whatever transposition does meanwhile, *this* note ends.
//!
//! An indexed binary heap, ordered by the position of the note-off: finding the next off takes no time, entering and
//! ending a note takes time logarithmic in what sounds.

use crate::engine::fixed::Slots;
use crate::engine::program::TrackSlot;
use crate::midi::{Channel, Key};
use crate::time::Tick;

/// The position of a note-off that is not known yet: the note lasts until a key comes up.
pub const HELD: Tick = Tick(i64::MAX);

/// How many notes can sound on a port at once. Beyond it, the note that would end soonest ends early.
pub const LEDGER_CAPACITY: usize = 256;

/// A note that sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sounding {
    /// The channel it was struck on.
    pub channel: Channel,
    /// The key as it was sent.
    pub key: Key,
    /// The position of its note-off, or [`HELD`].
    pub off: Tick,
    /// The track that struck it.
    pub track: TrackSlot,
    /// The order in which notes were struck breaks ties of `off`, so that offs leave in the order of their ons.
    serial: u64,
}

/// The notes that sound on one port. Real-time safe after construction.
#[derive(Debug)]
pub struct Ledger {
    /// A heap in `heap[..len]`: no entry is due before its parent.
    heap: Slots<Sounding>,
    len: usize,
    /// For each channel and key, where in the heap it is, plus one; 0: silent.
    places: Slots<u16>,
    serial: u64,
}

const _: () = assert!(LEDGER_CAPACITY < u16::MAX as usize);

impl Default for Ledger {
    fn default() -> Ledger {
        let silent = Sounding {
            channel: Channel::from_status(0),
            key: Key::from_data(0),
            off: Tick(0),
            track: TrackSlot(0),
            serial: 0,
        };
        Ledger {
            heap: Slots::from_fn(LEDGER_CAPACITY, |_| silent),
            len: 0,
            places: Slots::from_fn(Channel::COUNT * Key::COUNT, |_| 0),
            serial: 0,
        }
    }
}

fn place_of(channel: Channel, key: Key) -> usize {
    channel.index() * Key::COUNT + key.index()
}

impl Ledger {
    /// Returns how many notes sound.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing sounds.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The note that ends next.
    #[must_use]
    pub fn first(&self) -> Option<Sounding> {
        if self.is_empty() { None } else { Some(self.heap[0]) }
    }

    /// Returns what must end before a note on `channel` and `key` can be struck: that same key, or, when the ledger is full, the
    /// note that would end soonest. At most one note; ask until there is none.
    #[must_use]
    pub fn in_the_way(&self, channel: Channel, key: Key) -> Option<Sounding> {
        match self.places[place_of(channel, key)] {
            0 if self.len < LEDGER_CAPACITY => None,
            0 => self.first(),
            place => Some(self.heap[usize::from(place) - 1]),
        }
    }

    /// Returns whether a note sounds on `key`, on any channel.
    #[must_use]
    pub fn sounds(&self, key: Key) -> bool {
        self.places.iter().skip(key.index()).step_by(Key::COUNT).any(|&place| place != 0)
    }

    /// Enters a note that has been struck, and says which one it is. Nothing may be in its way ([`Ledger::in_the_way`]).
    pub fn strike(&mut self, track: TrackSlot, channel: Channel, key: Key, off: Tick) -> u64 {
        debug_assert!(self.in_the_way(channel, key).is_none(), "struck a key that sounds");
        self.serial += 1;
        if self.len == LEDGER_CAPACITY {
            return self.serial;
        }
        let at = self.len;
        self.len += 1;
        self.put(at, Sounding { channel, key, off, track, serial: self.serial });
        self.rise(at);
        self.serial
    }

    /// The note on `channel` and `key`, if it is still the one that was struck as `serial`.
    #[must_use]
    pub fn struck(&self, channel: Channel, key: Key, serial: u64) -> Option<Sounding> {
        let place = usize::from(self.places[place_of(channel, key)]).checked_sub(1)?;
        Some(self.heap[place]).filter(|note| note.serial == serial)
    }

    /// Brings the note-off of such a note forward to `tick`.
    pub fn cut_struck(&mut self, channel: Channel, key: Key, serial: u64, tick: Tick) {
        if self.struck(channel, key, serial).is_some() {
            let at = usize::from(self.places[place_of(channel, key)]) - 1;
            self.heap[at].off = self.heap[at].off.min(tick);
            self.rise(at);
        }
    }

    /// Takes a note out. Whether it was in.
    pub fn end(&mut self, channel: Channel, key: Key) -> bool {
        let place = usize::from(self.places[place_of(channel, key)]);
        if place == 0 {
            return false;
        }
        let at = place - 1;
        self.places[place_of(channel, key)] = 0;
        self.len -= 1;
        if at < self.len {
            let last = self.heap[self.len];
            self.put(at, last);
            self.sink(at);
            self.rise(at);
        }
        true
    }

    /// Brings every note-off that lies after `tick` forward to it, of those tracks that `of` says. Takes time in proportion
    /// to what sounds.
    pub fn cut(&mut self, tick: Tick, of: impl Fn(TrackSlot) -> bool) {
        self.cut_notes(tick, |note| of(note.track));
    }

    /// Brings every note-off that lies after `tick` forward to it, of those notes that `which` says. Takes time in
    /// proportion to what sounds.
    pub fn cut_notes(&mut self, tick: Tick, which: impl Fn(&Sounding) -> bool) {
        for note in &mut self.heap[..self.len] {
            if which(note) {
                note.off = note.off.min(tick);
            }
        }
        for at in (0..self.len / 2).rev() {
            self.sink(at);
        }
    }

    fn put(&mut self, at: usize, note: Sounding) {
        self.heap[at] = note;
        self.places[place_of(note.channel, note.key)] = at as u16 + 1;
    }

    fn before(&self, a: usize, b: usize) -> bool {
        (self.heap[a].off, self.heap[a].serial) < (self.heap[b].off, self.heap[b].serial)
    }

    fn swap(&mut self, a: usize, b: usize) {
        let (first, second) = (self.heap[a], self.heap[b]);
        self.put(a, second);
        self.put(b, first);
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 && self.before(at, (at - 1) / 2) {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn sink(&mut self, mut at: usize) {
        loop {
            let mut least = at;
            for child in [2 * at + 1, 2 * at + 2] {
                if child < self.len && self.before(child, least) {
                    least = child;
                }
            }
            if least == at {
                return;
            }
            self.swap(at, least);
            at = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn channel(number: u8) -> Channel {
        Channel::from_number(number).unwrap()
    }

    fn key(number: u8) -> Key {
        Key::new(number).unwrap()
    }

    proptest! {
        /// Against a map that does the same slowly.
        #[test]
        fn keeps_what_sounds(steps in prop::collection::vec((0u8..4, 1u8..3, 0u8..12, 0i64..100), 1..400)) {
            let mut ledger = Ledger::default();
            let mut model = BTreeMap::new();
            for (what, ch, k, tick) in steps {
                let (ch, k, tick) = (channel(ch), key(k), Tick(tick));
                match what {
                    0 | 1 => {
                        if let Some(old) = ledger.in_the_way(ch, k) {
                            prop_assert!(ledger.end(old.channel, old.key));
                            prop_assert!(model.remove(&(old.channel, old.key)).is_some());
                        }
                        ledger.strike(TrackSlot(0), ch, k, tick);
                        model.insert((ch, k), tick);
                    }
                    2 => prop_assert_eq!(ledger.end(ch, k), model.remove(&(ch, k)).is_some()),
                    _ => {
                        ledger.cut(tick, |_| true);
                        model.values_mut().for_each(|off| *off = (*off).min(tick));
                    }
                }
                prop_assert_eq!(ledger.len(), model.len());
                prop_assert_eq!(ledger.first().map(|n| n.off), model.values().min().copied());
            }
        }
    }

    #[test]
    fn a_full_ledger_gives_up_the_note_that_ends_soonest() {
        let mut ledger = Ledger::default();
        for i in 0..LEDGER_CAPACITY {
            ledger.strike(TrackSlot(0), channel(1 + (i / 128) as u8), key((i % 128) as u8), Tick(1_000 - i as i64));
        }
        let victim = ledger.in_the_way(channel(5), key(0)).unwrap();
        assert_eq!(victim.off, Tick(1_000 - LEDGER_CAPACITY as i64 + 1));
    }

    #[test]
    fn a_cut_spares_the_other_tracks() {
        let mut ledger = Ledger::default();
        for track in 0..3 {
            ledger.strike(TrackSlot(track), channel(1), key(60 + track as u8), Tick(10));
        }
        ledger.cut(Tick(5), |track| track != TrackSlot(1));
        let mut offs = Vec::new();
        while let Some(note) = ledger.first() {
            offs.push((note.track.0, note.off.0));
            ledger.end(note.channel, note.key);
        }
        assert_eq!(offs, [(0, 5), (2, 5), (1, 10)]);
    }

    #[test]
    fn offs_on_one_tick_leave_in_the_order_of_their_ons() {
        let mut ledger = Ledger::default();
        for k in [64, 60, 67, 62] {
            ledger.strike(TrackSlot(0), channel(1), key(k), Tick(10));
        }
        ledger.cut(Tick(5), |_| true);
        let mut order = Vec::new();
        while let Some(note) = ledger.first() {
            order.push(note.key.number());
            ledger.end(note.channel, note.key);
        }
        assert_eq!(order, [64, 60, 67, 62]);
    }
}
