//! Which messages end everything on a port, in which order, and how fast.
//!
//! STOP goes first: it is one byte, and a machine with a pattern of its own plays until it hears it. Then a note-off for each
//! note that sounds, for that works on every synthesizer, and one for each that may, because its end may have been lost with a
//! cable; then what holds or bends notes goes home, as far as a table knows of it; then, for each used channel, the pedal up,
//! "all notes off" and "all sound off", which end what no table knows. Where there is no table, all that can hold or bend notes
//! goes home on the used channels, and a note-off for every key of them comes last.
//!
//! A show that is frozen goes on when it thaws. So only its notes end, with the pedals that hold them; a bend stays, for the
//! notes that come.
//!
//! How fast: DIN takes 3,125 bytes a second, ALSA buffers 4,096 bytes for it and drops what comes beyond, and a program that
//! listens has room for 200 messages. So there is a first burst, which is everything on almost every stage; then as much each
//! millisecond as a program can take, as long as the buffer must still have room; then what DIN takes.

use super::protocol::GuardedPort;
use crate::engine::program::lever::Lever;
use crate::link::NoteTable;
use crate::midi::{Channel, Key, Message};

/// How many messages leave at once by each port: 0.2 s of DIN, and they fit wherever they go.
const BURST: usize = 64;
/// How many each millisecond after that.
const PER_MILLI: usize = 32;
/// How many may have left before the wire sets the pace: 3,000 bytes, so that ALSA's buffer has room for what the show left.
const BUFFERED: usize = 1_000;

/// Returns how many messages may have left by a port, so long after the first.
#[must_use]
pub const fn allowed(millis: u64) -> usize {
    // Nobody waits so long that this is not exact.
    let millis = if millis > 1 << 20 { 1 << 20 } else { millis as usize };
    let fast = BURST + millis * PER_MILLI;
    if fast <= BUFFERED { fast } else { BUFFERED + millis - (BUFFERED - BURST) / PER_MILLI }
}

/// Channel mode and pedal: sustain up, all notes off, all sound off.
const CONTROLLERS: [u8; 3] = [64, 123, 120];

/// What has been sent to one port of what ends everything there.
#[derive(Clone, Debug)]
pub struct Hush {
    /// Whether it has been stopped.
    stopped: bool,
    /// A bit for each key that was ended, by channel.
    ended: [u128; Channel::COUNT],
    /// A bit for each lever that was brought home, and for each key whose pressure was, by channel.
    homed: [u16; Channel::COUNT],
    eased: [u128; Channel::COUNT],
    /// How many controllers have been thought of, of all channels.
    controllers: usize,
    /// How many keys have been, where there is no table.
    keys: usize,
    /// Whether no more than the notes are to be ended.
    notes_only: bool,
    /// How many messages there were.
    sent: usize,
    /// How many of them ended a note that sounded.
    notes: usize,
}

impl Hush {
    /// Everything: the show is gone.
    pub const EVERYTHING: Hush = Hush {
        stopped: false,
        ended: [0; Channel::COUNT],
        homed: [0; Channel::COUNT],
        eased: [0; Channel::COUNT],
        controllers: 0,
        keys: 0,
        notes_only: false,
        sent: 0,
        notes: 0,
    };

    /// Only the notes that sound, and the pedals that hold them: the show is there, but does not move.
    pub const NOTES: Hush = Hush { stopped: true, notes_only: true, ..Hush::EVERYTHING };

    /// Returns how many messages there were so far.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Returns how many notes were ended so far that sounded, as far as a table says so.
    #[must_use]
    pub fn notes(&self) -> usize {
        self.notes
    }

    /// The next message for `port`; what has begun to sound meanwhile comes first. There are at most 4,305, or
    /// 2,257 where there is no table. No allocation.
    pub fn next(&mut self, port: &GuardedPort, table: Option<&NoteTable>) -> Option<Message> {
        let message = self.find(port, table)?;
        self.sent += 1;
        Some(message)
    }

    fn find(&mut self, port: &GuardedPort, table: Option<&NoteTable>) -> Option<Message> {
        let plays = table.map_or(port.clocked, |table| table.plays(port.slot));
        if plays && !self.stopped {
            self.stopped = true;
            return Some(Message::Stop);
        }
        if let Some(note) = table.and_then(|table| self.next_note(|channel| table.keys(port.slot, channel))) {
            self.notes += 1;
            return Some(note);
        }
        if !self.notes_only
            && let Some(note) = table.and_then(|table| self.next_note(|channel| table.doubtful(port.slot, channel)))
        {
            return Some(note);
        }
        if let Some(message) = self.next_lever(port, table) {
            return Some(message);
        }
        if self.notes_only {
            return None;
        }
        if let Some(message) = table.and_then(|table| self.next_pressed(port, table)) {
            return Some(message);
        }
        while self.controllers < Channel::COUNT * CONTROLLERS.len() {
            let (channel, number) = (self.controllers / CONTROLLERS.len(), self.controllers % CONTROLLERS.len());
            self.controllers += 1;
            let channel = Channel::from_status(channel as u8);
            if port.uses(channel) || self.ended[channel.index()] != 0 {
                return Some(Message::ControlChange(channel, CONTROLLERS[number], 0));
            }
        }
        while table.is_none() && self.keys < Channel::COUNT * Key::COUNT {
            let (channel, key) = (self.keys / Key::COUNT, self.keys % Key::COUNT);
            self.keys += 1;
            let channel = Channel::from_status(channel as u8);
            if port.uses(channel) {
                return Some(Message::NoteOff(channel, Key::from_data(key as u8), 0));
            }
        }
        None
    }

    /// The next lever that goes home: where there is no table, all of the used channels.
    fn next_lever(&mut self, port: &GuardedPort, table: Option<&NoteTable>) -> Option<Message> {
        for lever in Lever::all().filter(|lever| !self.notes_only || lever.holds()) {
            for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
                let is_away = match table {
                    Some(table) => table.levers(port.slot, channel) >> lever.index() & 1 == 1,
                    None => port.uses(channel),
                };
                let homed = &mut self.homed[channel.index()];
                if is_away && *homed >> lever.index() & 1 == 0 {
                    *homed |= 1 << lever.index();
                    return Some(lever.home(channel));
                }
            }
        }
        None
    }

    /// The next key whose pressure goes home.
    fn next_pressed(&mut self, port: &GuardedPort, table: &NoteTable) -> Option<Message> {
        for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
            let eased = &mut self.eased[channel.index()];
            let keys = table.pressed(port.slot, channel) & !*eased;
            if keys != 0 {
                let key = keys.trailing_zeros();
                *eased |= 1 << key;
                return Some(Message::KeyPressure(channel, Key::from_data(key as u8), 0));
            }
        }
        None
    }

    /// The end of the next of `keys`.
    fn next_note(&mut self, keys: impl Fn(Channel) -> u128) -> Option<Message> {
        for channel in (0..Channel::COUNT as u8).map(Channel::from_status) {
            let ended = &mut self.ended[channel.index()];
            let keys = keys(channel) & !*ended;
            if keys != 0 {
                let key = keys.trailing_zeros();
                *ended |= 1 << key;
                return Some(Message::NoteOff(channel, Key::from_data(key as u8), 0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PortSlot;
    use crate::midi::Velocity;

    fn port(channels: u16, clocked: bool) -> GuardedPort {
        GuardedPort { slot: PortSlot(2), channels, clocked, label: "a".into(), name: "b".into() }
    }

    fn all(mut hush: Hush, port: &GuardedPort, table: Option<&NoteTable>) -> Vec<Message> {
        std::iter::from_fn(|| hush.next(port, table)).collect()
    }

    fn on(table: &NoteTable, channel: u8, key: u8) {
        let note = Message::NoteOn(Channel::from_status(channel), Key::from_data(key), Velocity::MAX);
        table.note_begin(PortSlot(2), note);
    }

    fn pull(table: &NoteTable, message: Message) {
        table.note_begin(PortSlot(2), message);
    }

    fn off(channel: u8, key: u8) -> Message {
        Message::NoteOff(Channel::from_status(channel), Key::from_data(key), 0)
    }

    fn controllers(channel: u8) -> [Message; 3] {
        CONTROLLERS.map(|number| Message::ControlChange(Channel::from_status(channel), number, 0))
    }

    #[test]
    fn what_plays_is_stopped_then_what_sounds_is_ended_then_used_channels_are_silenced() {
        let table = NoteTable::default();
        on(&table, 9, 60);
        on(&table, 0, 127);
        on(&table, 0, 0);
        table.note_playing(PortSlot(2), true);
        table.note_playing(PortSlot(1), true);
        let mut expected = vec![Message::Stop, off(0, 0), off(0, 127), off(9, 60)];
        // A channel that sounds counts as used.
        expected.extend([0, 4, 9].map(controllers).concat());
        assert_eq!(all(Hush::EVERYTHING, &port(1 << 4 | 1, false), Some(&table)), expected);
        assert_eq!(all(Hush::NOTES, &port(1, true), Some(&table)), expected[1..4]);
    }

    #[test]
    fn what_may_sound_is_ended_behind_what_does() {
        let table = NoteTable::default();
        table.note_doubt(PortSlot(2), Channel::from_status(0), 1 << 5 | 1 << 60);
        on(&table, 0, 60);
        let mut hush = Hush::EVERYTHING;
        let port = port(1, false);
        assert_eq!([(); 2].map(|()| hush.next(&port, Some(&table))), [Some(off(0, 60)), Some(off(0, 5))]);
        assert_eq!((hush.sent(), hush.notes()), (2, 1), "one of them sounded for sure");
        assert_eq!(all(Hush::NOTES, &port, Some(&table)), [off(0, 60)]);
    }

    #[test]
    fn what_holds_or_bends_notes_goes_home_after_them() {
        let table = NoteTable::default();
        let channel = Channel::from_status(0);
        let control = |number, value| Message::ControlChange(channel, number, value);
        let press = |value| Message::KeyPressure(channel, Key::from_data(60), value);
        [Message::PitchBend(channel, 5), control(69, 1), control(1, 9), press(3)]
            .iter()
            .for_each(|&pulled| pull(&table, pulled));
        on(&table, 0, 60);
        let home = Message::PitchBend(channel, 8_192);
        let mut expected = vec![off(0, 60), control(69, 0), control(1, 0), home, press(0)];
        expected.extend(controllers(0));
        assert_eq!(all(Hush::EVERYTHING, &port(1, false), Some(&table)), expected);
        assert_eq!(
            all(Hush::NOTES, &port(1, false), Some(&table)),
            expected[..2],
            "the notes that come are still bent"
        );
    }

    #[test]
    fn what_does_not_play_is_not_stopped() {
        let table = NoteTable::default();
        assert_eq!(all(Hush::EVERYTHING, &port(1, true), Some(&table)), controllers(0));
    }

    #[test]
    fn what_begins_to_sound_meanwhile_is_ended_too_and_each_once() {
        let (table, mut hush) = (NoteTable::default(), Hush::EVERYTHING);
        on(&table, 0, 1);
        let port = port(1, false);
        assert_eq!(hush.next(&port, Some(&table)), Some(off(0, 1)));
        assert_eq!(hush.next(&port, Some(&table)), Some(controllers(0)[0]));
        on(&table, 0, 2);
        assert_eq!(hush.next(&port, Some(&table)), Some(off(0, 2)));
        assert_eq!(std::iter::from_fn(|| hush.next(&port, Some(&table))).count(), 2);
        assert_eq!((hush.sent(), hush.notes()), (5, 2));
    }

    #[test]
    fn without_a_table_every_key_of_used_channels_is_ended() {
        let messages = all(Hush::EVERYTHING, &port(1 << 15 | 1, true), None);
        assert_eq!(messages[0], Message::Stop);
        let [first, last] = [0, 15].map(Channel::from_status);
        let home = Lever::all().flat_map(|lever| [lever.home(first), lever.home(last)]).collect::<Vec<_>>();
        assert_eq!(messages[1..21], home);
        assert_eq!(messages[21..27], [controllers(0), controllers(15)].concat());
        assert_eq!((messages.len(), messages[27], messages[282]), (27 + 256, off(0, 0), off(15, 127)));
    }

    #[test]
    fn everything_at_once_is_bounded() {
        let table = NoteTable::default();
        for channel in 0..16 {
            for key in 0..128 {
                on(&table, channel, key);
                pull(&table, Message::KeyPressure(Channel::from_status(channel), Key::from_data(key), 1));
                pull(&table, Message::ControlChange(Channel::from_status(channel), key, 1));
            }
            pull(&table, Message::PitchBend(Channel::from_status(channel), 0));
            pull(&table, Message::ChannelPressure(Channel::from_status(channel), 1));
        }
        table.note_playing(PortSlot(2), true);
        assert_eq!(all(Hush::EVERYTHING, &port(u16::MAX, true), Some(&table)).len(), 4_305);
        assert_eq!(all(Hush::EVERYTHING, &port(u16::MAX, true), None).len(), 2_257);
    }

    #[test]
    fn the_pace_never_overruns_alsas_buffer_on_a_din_cable() {
        let mut last = 0;
        for millis in 0..4_000 {
            let allowed = allowed(millis);
            assert!(allowed >= last, "{millis}");
            last = allowed;
            // Three bytes each, of which the wire has taken 3.125 a millisecond.
            let waiting = (3 * allowed) as f64 - 3.125 * millis as f64;
            assert!(waiting <= 3_100.0, "{waiting} bytes at {millis}");
        }
        assert!(allowed(0) == 64 && allowed(29) > 980 && last > 4_000, "{last}");
        assert!(allowed(u64::MAX) > 0);
    }
}
