//! What the guardian knows, and what it does about it. It owns no pipe, no device and no clock, so it can be tested where
//! there are none.

use super::protocol::{Cooked, GuardedPort, MAX_GUARDED, Word};
use super::silence::{self, Hush};
use crate::link::NoteTable;
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// A show that is so much later than it wanted to be is frozen. A machine under load makes nobody so late.
const PATIENCE: Span = Span::from_millis(500);

/// The guardian's own connections, by places 0 to [`MAX_GUARDED`].
pub trait Outputs {
    /// Connects a place to a port, instead of what it was connected to. Whether that could be done.
    fn open(&mut self, place: usize, port: &GuardedPort) -> bool;
    /// Sees to a place's connection; whether it is still there.
    fn holds(&mut self, place: usize) -> bool;
    /// Lets go of a place's connection.
    fn close(&mut self, place: usize);
    /// Sends one message; to nobody, where nothing is connected.
    fn send(&mut self, place: usize, message: Message);
}

/// Why there is something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The show has said farewell: nothing.
    Farewell,
    /// It is crashing.
    Crash,
}

/// What was sent in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silenced {
    /// Messages.
    pub messages: usize,
    /// Notes that sounded.
    pub notes: usize,
}

/// A port that it watches over.
struct Watched {
    port: GuardedPort,
    /// Whether there is a connection.
    is_open: bool,
}

/// The guardian.
pub struct Watch<O> {
    outputs: O,
    ports: [Option<Watched>; MAX_GUARDED],
    screen: Option<Cooked>,
    /// Of a show that has begun: what the system's clock shows at its zero, and whether it runs in a real-time class.
    begun: Option<(u64, bool)>,
    /// When a show that was found frozen wanted to be awake.
    frozen: Nanos,
}

impl<O: Outputs> Watch<O> {
    /// A guardian that knows of nothing yet.
    pub fn new(outputs: O) -> Watch<O> {
        Watch { outputs, ports: [const { None }; MAX_GUARDED], screen: None, begun: None, frozen: Nanos(0) }
    }

    /// The modes of the terminal before the screen, where there is one.
    pub fn screen(&self) -> Option<Cooked> {
        self.screen
    }

    /// Returns whether there are ports to be silenced.
    pub fn has_ports(&self) -> bool {
        self.ports.iter().any(Option::is_some)
    }

    /// Returns whether the show runs in a real-time class, once it has begun.
    pub fn is_realtime(&self) -> Option<bool> {
        self.begun.map(|(_, realtime)| realtime)
    }

    /// Is told something. Whether that is the end of the show.
    pub fn hear(&mut self, word: Word) -> Option<End> {
        match word {
            Word::Show { origin_ns, realtime, .. } => self.begun = Some((origin_ns, realtime)),
            Word::Port(port) => {
                let known = self.ports.iter().flatten().any(|old| old.port.is(port.slot, &port.name));
                let is_place = |old: &Option<Watched>| match old {
                    Some(old) => old.port.is(port.slot, &port.name),
                    None => !known,
                };
                // One more than there can be is nobody's.
                let place = self.ports.iter().position(is_place)?;
                // The same port with other channels needs no other connection.
                let is_open = match &self.ports[place] {
                    Some(old) if old.is_open && old.port.label == port.label => true,
                    _ => self.outputs.open(place, &port),
                };
                self.ports[place] = Some(Watched { port, is_open });
            }
            Word::Gone(slot, name) => {
                let is_it = |old: &Option<Watched>| old.as_ref().is_some_and(|old| old.port.is(slot, &name));
                if let Some(place) = self.ports.iter().position(is_it) {
                    self.ports[place] = None;
                    self.outputs.close(place);
                }
            }
            // Whoever looks after a word tends to the connections.
            Word::Look => {}
            Word::Screen(cooked) => self.screen = Some(cooked),
            Word::Crash => return Some(End::Crash),
            Word::Farewell => return Some(End::Farewell),
        }
        None
    }

    /// Sees to the connections: makes those that are not there.
    pub fn tend(&mut self) {
        for (place, watched) in self.ports.iter_mut().enumerate() {
            if let Some(watched) = watched
                && !(watched.is_open && self.outputs.holds(place))
            {
                watched.is_open = self.outputs.open(place, &watched.port);
            }
        }
    }

    /// Looks around, when the system's monotonic clock shows `now_ns`. If the show is frozen, and notes sound or are held by a pedal, this gives what
    /// has to be sent, once.
    pub fn look(&mut self, now_ns: u64, table: Option<&NoteTable>) -> Option<Silencing> {
        self.tend();
        let (table, (origin_ns, _)) = (table?, self.begun?);
        let (now, awake_by) = (Nanos(now_ns.saturating_sub(origin_ns)), table.awake_by());
        let is_overdue = awake_by > Nanos(0) && now > awake_by && now.since(awake_by) > PATIENCE;
        if !is_overdue || awake_by == self.frozen || !table.is_held() {
            return None;
        }
        self.frozen = awake_by;
        Some(Silencing::of(Hush::NOTES))
    }

    /// Sends what `silencing` may have sent `millis` milliseconds after its beginning. Whether there is more.
    pub fn silence(&mut self, silencing: &mut Silencing, millis: u64, table: Option<&NoteTable>) -> bool {
        let allowed = silence::allowed(millis);
        loop {
            // In turns: no port waits for another.
            let mut sent = false;
            let mut more = false;
            for ((place, watched), hush) in self.ports.iter().enumerate().zip(&mut silencing.hushes) {
                let Some(watched) = watched else { continue };
                if hush.sent() >= allowed {
                    more = true;
                } else if let Some(message) = hush.next(&watched.port, table) {
                    self.outputs.send(place, message);
                    sent = true;
                }
            }
            if !sent {
                return more;
            }
        }
    }
}

/// Silence on its way.
pub struct Silencing {
    hushes: [Hush; MAX_GUARDED],
}

impl Silencing {
    /// Everything, everywhere: the show is gone.
    #[must_use]
    pub fn everything() -> Silencing {
        Silencing::of(Hush::EVERYTHING)
    }

    fn of(hush: Hush) -> Silencing {
        Silencing { hushes: std::array::from_fn(|_| hush.clone()) }
    }

    /// Returns what was sent so far.
    #[must_use]
    pub fn silenced(&self) -> Silenced {
        let add = |sum: Silenced, hush: &Hush| Silenced {
            messages: sum.messages + hush.sent(),
            notes: sum.notes + hush.notes(),
        };
        self.hushes.iter().fold(Silenced::default(), add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PortSlot;
    use crate::midi::{Channel, Key, Velocity};

    /// Devices of which some are not there.
    #[derive(Default)]
    struct Table {
        missing: Vec<&'static str>,
        open: Vec<(usize, String)>,
        opened: usize,
        heard: Vec<(usize, Message)>,
    }

    impl Outputs for Table {
        fn open(&mut self, place: usize, port: &GuardedPort) -> bool {
            self.close(place);
            if self.missing.contains(&&*port.name) {
                return false;
            }
            self.open.push((place, port.name.clone()));
            self.opened += 1;
            true
        }

        fn holds(&mut self, place: usize) -> bool {
            self.open.iter().any(|(open, _)| *open == place)
        }

        fn close(&mut self, place: usize) {
            self.open.retain(|(open, _)| *open != place);
        }

        fn send(&mut self, place: usize, message: Message) {
            if self.holds(place) {
                self.heard.push((place, message));
            }
        }
    }

    fn port(slot: u8, name: &str, channels: u16) -> Word {
        let (slot, clocked) = (PortSlot(slot), slot == 1);
        Word::Port(GuardedPort { slot, channels, clocked, label: "a".into(), name: name.into() })
    }

    fn gone(slot: u8, name: &str) -> Word {
        Word::Gone(PortSlot(slot), name.into())
    }

    fn key(number: u8) -> (Channel, Key) {
        (Channel::from_status(0), Key::from_data(number))
    }

    fn on(table: &NoteTable, slot: u8, number: u8) {
        let (channel, key) = key(number);
        table.note_begin(PortSlot(slot), Message::NoteOn(channel, key, Velocity::MAX));
    }

    fn off(place: usize, number: u8) -> (usize, Message) {
        let (channel, key) = key(number);
        (place, Message::NoteOff(channel, key, 0))
    }

    /// Silences everything, and tells in how many milliseconds.
    fn end(watch: &mut Watch<Table>, table: Option<&NoteTable>) -> (Silenced, u64) {
        let mut silencing = Silencing::everything();
        let took = (0..).find(|&millis| !watch.silence(&mut silencing, millis, table)).unwrap();
        (silencing.silenced(), took)
    }

    #[test]
    fn the_end_of_a_show_is_silence_on_every_port_at_once() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        for word in [port(0, "A", 1), port(1, "B", 2)] {
            assert_eq!(watch.hear(word), None);
        }
        [(0, 10), (0, 11), (1, 12)].into_iter().for_each(|(slot, number)| on(&table, slot, number));
        // One of a port that it never heard of.
        on(&table, 5, 13);
        table.note_playing(PortSlot(1), true);
        let (silenced, took) = end(&mut watch, Some(&table));
        assert_eq!((silenced, took), (Silenced { messages: 13, notes: 3 }, 0));
        assert_eq!(watch.outputs.heard[..4], [off(0, 10), (1, Message::Stop), off(0, 11), off(1, 12)]);
    }

    #[test]
    fn much_takes_longer_and_all_of_it_leaves() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        watch.hear(port(3, "A", 1));
        (0..128).for_each(|number| on(&table, 3, number));
        assert_eq!(end(&mut watch, Some(&table)), (Silenced { messages: 131, notes: 128 }, 3));
        assert_eq!(watch.outputs.heard.len(), 131);
    }

    #[test]
    fn a_port_is_opened_once_and_again_when_it_is_another() {
        let mut watch = Watch::new(Table::default());
        for word in [port(0, "A 24:0", 1), port(0, "A 24:0", 3)] {
            watch.hear(word);
        }
        assert_eq!(watch.outputs.opened, 1, "other channels are no other connection");
        watch.hear(gone(0, "A 28:0"));
        watch.hear(gone(1, "A 24:0"));
        assert_eq!(watch.outputs.open.len(), 1, "that was another one");
        (0..2).for_each(|_| _ = watch.hear(gone(0, "A 24:0")));
        assert!(watch.outputs.open.is_empty());
        watch.hear(port(0, "A 24:0", 1));
        watch.hear(port(0, "A 28:0", 1));
        watch.hear(gone(0, "A 24:0"));
        assert_eq!((watch.outputs.opened, &*watch.outputs.open), (3, &[(1, "A 28:0".to_owned())][..]));
    }

    #[test]
    fn a_slot_that_changes_its_device_is_silenced_on_both() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        [port(0, "Old", 1), port(0, "New", 1)].into_iter().for_each(|word| _ = watch.hear(word));
        on(&table, 0, 60);
        end(&mut watch, Some(&table));
        assert_eq!(watch.outputs.heard[..2], [off(0, 60), off(1, 60)]);
    }

    #[test]
    fn more_ports_than_there_can_be_are_passed_over() {
        let mut watch = Watch::new(Table::default());
        (0..2 * MAX_GUARDED).for_each(|number| _ = watch.hear(port(0, &number.to_string(), 1)));
        assert_eq!(watch.outputs.open.len(), MAX_GUARDED);
        watch.hear(gone(0, "0"));
        watch.hear(port(1, "new", 1));
        assert_eq!(watch.outputs.open.last(), Some(&(0, "new".to_owned())));
    }

    #[test]
    fn what_cannot_be_opened_is_tried_again() {
        let mut watch = Watch::new(Table { missing: vec!["A"], ..Table::default() });
        watch.hear(port(0, "A", 1));
        watch.look(0, None);
        assert!(watch.outputs.open.is_empty());
        watch.outputs.missing.clear();
        (0..3).for_each(|_| watch.tend());
        assert_eq!(watch.outputs.opened, 1);
    }

    #[test]
    fn a_connection_that_was_lost_is_made_anew() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        watch.hear(port(0, "A", 1));
        watch.outputs.open.clear();
        on(&table, 0, 60);
        watch.tend();
        end(&mut watch, Some(&table));
        assert_eq!((watch.outputs.opened, watch.outputs.heard[0]), (2, off(0, 60)));
    }

    #[test]
    fn a_frozen_show_has_its_notes_ended_once_and_after_it_thaws_again() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        let origin_ns = 1_000_000_000_000;
        watch.hear(Word::Show { pid: 1, origin_ns, realtime: false });
        watch.hear(port(0, "A", 1));
        let at = |millis: u64| origin_ns + millis * 1_000_000;
        on(&table, 0, 60);
        assert!(watch.look(at(90_000), Some(&table)).is_none(), "it has never waited");
        table.note_wait(Nanos(2_000_000_000));
        assert!(watch.look(at(2_500), Some(&table)).is_none(), "not so late");
        let mut silencing = watch.look(at(2_501), Some(&table)).unwrap();
        assert!(!watch.silence(&mut silencing, 0, Some(&table)));
        assert_eq!(watch.outputs.heard, [off(0, 60)]);
        assert!(watch.look(at(10_000), Some(&table)).is_none(), "once");
        // It thaws, and freezes again.
        table.note_wait(Nanos(11_000_000_000));
        assert!(watch.look(at(11_400), Some(&table)).is_none());
        assert!(watch.look(at(11_600), Some(&table)).is_some());
        // One that waits for nothing in particular, or in which nothing sounds, is none of its business.
        table.note_wait(Nanos(u64::MAX));
        assert!(watch.look(at(99_000), Some(&table)).is_none());
        let (channel, key) = key(60);
        table.note_end(PortSlot(0), Message::NoteOff(channel, key, 0));
        table.note_wait(Nanos(12_000_000_000));
        assert!(watch.look(at(99_000), Some(&table)).is_none());
    }

    #[test]
    fn a_show_that_dies_frozen_is_silenced_all_the_same() {
        let (table, mut watch) = (NoteTable::default(), Watch::new(Table::default()));
        watch.hear(Word::Show { pid: 1, origin_ns: 0, realtime: false });
        watch.hear(port(0, "A", 1));
        on(&table, 0, 60);
        table.note_wait(Nanos(1));
        let mut silencing = watch.look(5_000_000_000, Some(&table)).unwrap();
        watch.silence(&mut silencing, 0, Some(&table));
        assert_eq!(watch.hear(Word::Crash), Some(End::Crash));
        let (silenced, _) = end(&mut watch, Some(&table));
        assert_eq!((silenced.notes, silenced.messages), (1, 4));
    }
}
