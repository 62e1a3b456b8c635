//! The keys that are played on the input ports: which are down, and which came last; and of controllers, which are up.
//!
//! Arpeggios play what is held; transposition follows the last key. Bounded: of more than [`MAX_HELD`] keys that are down on
//! a port at once, the later ones are not held.

use crate::engine::fixed::PortMap;
use crate::engine::program::{Order, PortSlot};
use crate::midi::{Channel, Key, Message};

/// How many keys can be held on a port.
pub const MAX_HELD: usize = 32;

/// No value of a controller, or of a bend.
const UNKNOWN: u8 = u8::MAX;
const UNKNOWN_BEND: u16 = u16::MAX;

/// The keys of one port.
#[derive(Clone, Copy, Debug)]
struct Keyboard {
    /// The last key of each channel, and of all.
    last: [Option<Key>; Channel::COUNT],
    last_of_any: Option<Key>,
    /// Those that are down, in the order in which they were pressed; the first `held` count.
    down: [(Channel, Key); MAX_HELD],
    held: usize,
    /// The last value of each controller by channel, and of the pitch bend; [`UNKNOWN`] before the first one.
    values: [[u8; 128]; Channel::COUNT],
    bends: [u16; Channel::COUNT],
    /// A bit for each key that is down, by channel, whatever it stands for.
    keys: [u128; Channel::COUNT],
}

const _: () = assert!(Key::COUNT == u128::BITS as usize);

/// The keys of all ports. Real-time safe after construction.
#[derive(Debug)]
pub struct Keyboards(PortMap<Keyboard>);

/// A keyboard that nobody has played.
static UNTOUCHED: Keyboard = Keyboard {
    last: [None; Channel::COUNT],
    last_of_any: None,
    down: [(Channel::from_status(0), Key::from_data(0)); MAX_HELD],
    held: 0,
    values: [[UNKNOWN; 128]; Channel::COUNT],
    bends: [UNKNOWN_BEND; Channel::COUNT],
    keys: [0; Channel::COUNT],
};

impl Default for Keyboards {
    fn default() -> Keyboards {
        Keyboards(PortMap::from_fn(|_| UNTOUCHED))
    }
}

impl Keyboards {
    /// Another keyboard is on `port` from now on.
    pub fn forget(&mut self, port: PortSlot) {
        if let Some(keyboard) = self.0.get_mut(port) {
            keyboard.clone_from(&UNTOUCHED);
        }
    }

    /// A message came in on `port`. Takes time in proportion to [`MAX_HELD`].
    pub fn hear(&mut self, port: PortSlot, message: Message) {
        let Some(keyboard) = self.0.get_mut(port) else { return };
        match message {
            Message::NoteOn(channel, key, _) => {
                keyboard.last[channel.index()] = Some(key);
                keyboard.last_of_any = Some(key);
                let known = keyboard.down[..keyboard.held].contains(&(channel, key));
                if let Some(place) = keyboard.down.get_mut(keyboard.held).filter(|_| !known) {
                    *place = (channel, key);
                    keyboard.held += 1;
                }
            }
            Message::NoteOff(channel, key, _) => {
                let down = &mut keyboard.down[..keyboard.held];
                if let Some(index) = down.iter().position(|&held| held == (channel, key)) {
                    down.copy_within(index + 1.., index);
                    keyboard.held -= 1;
                }
            }
            // All sound off, all notes off.
            Message::ControlChange(channel, 120 | 123, _) => {
                let mut kept = 0;
                for index in 0..keyboard.held {
                    if keyboard.down[index].0 != channel {
                        keyboard.down[kept] = keyboard.down[index];
                        kept += 1;
                    }
                }
                keyboard.held = kept;
            }
            _ => {}
        }
    }

    /// Returns whether `key` is held on `port`, on any channel.
    #[must_use]
    pub fn is_held(&self, port: PortSlot, key: Key) -> bool {
        let keyboard = self.0.get(port);
        keyboard.is_some_and(|keyboard| keyboard.down[..keyboard.held].iter().any(|&(_, down)| down == key))
    }

    /// No key is held any more on `port`.
    pub fn let_go(&mut self, port: PortSlot) {
        if let Some(keyboard) = self.0.get_mut(port) {
            keyboard.held = 0;
        }
    }

    /// No key is held any more, on any port.
    pub fn let_all_go(&mut self) {
        self.0.iter_mut().for_each(|keyboard| keyboard.held = 0);
    }

    /// Nothing is known any more of where the controllers of `port` stand, and none of its keys is down.
    pub fn forget_values(&mut self, port: PortSlot) {
        if let Some(keyboard) = self.0.get_mut(port) {
            // In place: the stack is small.
            keyboard.values.iter_mut().for_each(|values| values.fill(UNKNOWN));
            keyboard.bends.fill(UNKNOWN_BEND);
            keyboard.keys.fill(0);
        }
    }

    /// A key goes down or comes up, whatever it stands for.
    pub fn press(&mut self, port: PortSlot, channel: Channel, key: Key, is_down: bool) {
        let Some(keyboard) = self.0.get_mut(port) else { return };
        let (keys, bit) = (&mut keyboard.keys[channel.index()], 1 << key.index());
        *keys = if is_down { *keys | bit } else { *keys & !bit };
    }

    /// Returns whether a key is down, whatever it stands for.
    #[must_use]
    pub fn is_down(&self, port: PortSlot, channel: Channel, key: Key) -> bool {
        self.0.get(port).is_some_and(|keyboard| keyboard.keys[channel.index()] >> key.index() & 1 == 1)
    }

    /// Returns where the pitch bend stands, if that is known.
    #[must_use]
    pub fn bent(&self, port: PortSlot, channel: Channel) -> Option<u16> {
        let value = self.0.get(port)?.bends[channel.index()];
        (value != UNKNOWN_BEND).then_some(value)
    }

    /// Returns where controller `number` stands, if that is known.
    #[must_use]
    pub fn value(&self, port: PortSlot, channel: Channel, number: u8) -> Option<u8> {
        let value = self.0.get(port)?.values[channel.index()][usize::from(number & 0x7F)];
        (value != UNKNOWN).then_some(value)
    }

    /// Controller `number` takes `value`: what it had before, if it has had any.
    pub fn turn(&mut self, port: PortSlot, channel: Channel, number: u8, value: u8) -> Option<u8> {
        let place = &mut self.0.get_mut(port)?.values[channel.index()][usize::from(number & 0x7F)];
        Some(std::mem::replace(place, value & 0x7F)).filter(|&before| before != UNKNOWN)
    }

    /// The pitch bend takes `value`: what it had before, if it has had any.
    pub fn bend(&mut self, port: PortSlot, channel: Channel, value: u16) -> Option<u16> {
        let place = &mut self.0.get_mut(port)?.bends[channel.index()];
        Some(std::mem::replace(place, value)).filter(|&before| before != UNKNOWN_BEND)
    }

    /// The last key that was pressed on `port`, on `channel` or on any.
    #[must_use]
    pub fn last(&self, port: PortSlot, channel: Option<Channel>) -> Option<Key> {
        let keyboard = self.0.get(port)?;
        channel.map_or(keyboard.last_of_any, |channel| keyboard.last[channel.index()])
    }

    /// Of the keys that are held on `port`, on `channel` or on any, number `turn` in `order`; `None` when there are none.
    /// Where the order is random, `below` draws a number below its argument. Takes time in proportion to [`MAX_HELD`] and
    /// its logarithm.
    pub(in crate::engine) fn held(
        &self,
        port: PortSlot,
        channel: Option<Channel>,
        order: Order,
        turn: usize,
        below: impl FnOnce(usize) -> usize,
    ) -> Option<Key> {
        let keyboard = self.0.get(port)?;
        let mut keys = [Key::from_data(0); MAX_HELD];
        let mut count = 0;
        for &(_, key) in
            keyboard.down[..keyboard.held].iter().filter(|(on, _)| channel.is_none_or(|channel| channel == *on))
        {
            keys[count] = key;
            count += 1;
        }
        let keys = keys.get_mut(..count).filter(|keys| !keys.is_empty())?;
        if !matches!(order, Order::Played | Order::Random) {
            keys.sort_unstable();
        }
        let last = count - 1;
        let index = match order {
            Order::Played | Order::Up => turn % count,
            Order::Down => last - turn % count,
            Order::UpDown if count < 3 => turn % count,
            Order::UpDown => {
                let place = turn % (2 * last);
                place.min(2 * last - place)
            }
            Order::Random => below(count),
        };
        keys.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::Velocity;

    fn key(number: u8) -> Key {
        Key::new(number).unwrap()
    }

    fn channel(number: u8) -> Channel {
        Channel::from_number(number).unwrap()
    }

    fn pressed(keys: &[(u8, u8)]) -> Keyboards {
        let mut keyboards = Keyboards::default();
        for &(on, number) in keys {
            keyboards.hear(PortSlot(1), Message::NoteOn(channel(on), key(number), Velocity::MAX));
        }
        keyboards
    }

    fn turns(keyboards: &Keyboards, on: Option<u8>, order: Order) -> Vec<u8> {
        (0..6)
            .filter_map(|turn| keyboards.held(PortSlot(1), on.map(channel), order, turn, |_| 1))
            .map(Key::number)
            .collect()
    }

    #[test]
    fn held_keys_take_turns_in_every_order() {
        let keyboards = pressed(&[(1, 67), (1, 60), (1, 64)]);
        assert_eq!(turns(&keyboards, None, Order::Played), [67, 60, 64, 67, 60, 64]);
        assert_eq!(turns(&keyboards, None, Order::Up), [60, 64, 67, 60, 64, 67]);
        assert_eq!(turns(&keyboards, None, Order::Down), [67, 64, 60, 67, 64, 60]);
        assert_eq!(turns(&keyboards, None, Order::UpDown), [60, 64, 67, 64, 60, 64]);
        assert_eq!(turns(&keyboards, None, Order::Random), [60; 6]);
    }

    #[test]
    fn keys_come_up_one_by_one_and_all_at_once() {
        let mut keyboards = pressed(&[(1, 67), (2, 60), (1, 64), (1, 64)]);
        assert_eq!(turns(&keyboards, Some(1), Order::Up), [64, 67, 64, 67, 64, 67]);
        keyboards.hear(PortSlot(1), Message::NoteOff(channel(1), key(67), 0));
        assert_eq!(turns(&keyboards, None, Order::Played)[..2], [60, 64]);
        assert_eq!(keyboards.last(PortSlot(1), Some(channel(1))), Some(key(64)), "the last key stays the last");
        keyboards.hear(PortSlot(1), Message::ControlChange(channel(1), 123, 0));
        assert_eq!(turns(&keyboards, None, Order::Played)[..2], [60, 60]);
        assert_eq!(turns(&keyboards, Some(1), Order::Up), [0; 0]);
    }

    #[test]
    fn controllers_move_each_for_itself() {
        let mut keyboards = Keyboards::default();
        let mut turn = |on: u8, number: u8, value: u8| keyboards.turn(PortSlot(2), channel(on), number, value);
        assert_eq!([turn(1, 64, 63), turn(1, 64, 64), turn(1, 64, 127)], [None, Some(63), Some(64)]);
        assert_eq!([turn(2, 64, 127), turn(1, 0, 127), turn(1, 127, 64)], [None; 3]);
        assert_eq!([turn(1, 64, 0), turn(2, 64, 0)], [Some(127); 2]);
        let mut bend = |on: u8, value: u16| keyboards.bend(PortSlot(2), channel(on), value);
        assert_eq!([bend(1, 16_383), bend(2, 0), bend(1, 5)], [None, None, Some(16_383)]);
    }

    #[test]
    fn too_many_keys_are_not_held() {
        let many: Vec<(u8, u8)> = (0..100).map(|number| (1, number)).collect();
        let mut keyboards = pressed(&many);
        for &(_, number) in &many {
            keyboards.hear(PortSlot(1), Message::NoteOff(channel(1), key(number), 0));
        }
        assert_eq!(turns(&keyboards, None, Order::Up), [0; 0]);
    }
}
