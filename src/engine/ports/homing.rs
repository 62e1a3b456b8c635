//! Which levers are away from home, and when they go there: for each port and channel, what [`lever`](crate::engine::program::lever) names.
//!
//! This is to pedals, wheels and pressure what the [ledger](crate::engine::ports::ledger) is to notes. Whatever is offered to a wire and
//! leaves a lever away from home is entered, with the position where it goes home; for what a pattern says, that is where its
//! clip ends. Entered is what is offered and not what has left: a value that still waits for its wire counts, and what brings
//! its lever home takes it out.
//!
//! # When
//!
//! Wherever notes end, after them, and before the notes that follow at the same position:
//!
//! - STOP, the end of the song or of the show, a panic: everything, whoever moved it.
//! - The line of a launch: what tracks that are taken over have been sent by their patterns, or by commands. What hands hold
//!   stays, as a key that is held does. So does what the pattern that takes over sets itself with its first step, or sets to the
//!   value that it has: a pedal may be held over a line by both patterns.
//! - START while the music plays, and a song position: the same, on all tracks.
//! - A mute, or the solo of others: all that belongs to tracks that are not heard any more. What they say of levers is not sent
//!   until they are heard again.
//! - Another program: what patterns and commands have sent to tracks that do not go on in it, or have nothing there that
//!   moves the lever; and all that hands hold.
//! - A keyboard that is unplugged: what was moved on it.
//!
//! Where the music goes on in the middle of a pattern, [`chase`](crate::engine::arrangement::chase) finds out what that has moved.
//!
//! What goes home leaves like a note-off: when it is due, whatever waits. All of it is a message for each lever, sustain first,
//! bend last.

use crate::engine::fixed::{PortMap, Slots};
use crate::engine::outbox::departure;
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::program::lever::{Lever, Pull};
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, Program, Track, TrackSlot};
use crate::engine::{Engine, Moment};
use crate::midi::{Channel, Key, Message};
use crate::time::{Nanos, Tick};

/// Nothing says yet where it goes home.
pub(in crate::engine) const AWAY: Tick = Tick(i64::MAX);

/// Who has moved a lever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum By {
    /// What the track plays.
    Pattern,
    /// The control side.
    Command,
    /// Somebody at this input.
    Hand(PortSlot),
}

/// A lever that is away from home.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Away {
    pub track: TrackSlot,
    pub by: By,
    /// What has moved it last.
    message: Message,
    /// Where it goes home.
    home: Tick,
}

/// The levers of a channel, and after them the pressure of its keys.
const PLACES: usize = Lever::COUNT + 1;
const KEYS: usize = Lever::COUNT;
const _: () = assert!(PLACES <= u16::BITS as usize && Key::COUNT == u128::BITS as usize);

/// One channel of a port. Each of the first three has a bit for each place.
#[derive(Clone, Copy, Debug)]
struct State {
    away: u16,
    /// What goes home now.
    leaving: u16,
    /// What has ever been away.
    touched: u16,
    places: [Away; PLACES],
    /// The keys that are pressed, and those of them that go home now.
    keys: u128,
    keys_leaving: u128,
}

/// The places of a set of bits.
fn places(mut bits: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(lowest)
    })
}

impl State {
    const NEW: State = State {
        away: 0,
        leaving: 0,
        touched: 0,
        places: [Away { track: TrackSlot(0), by: By::Command, message: Message::ActiveSensing, home: AWAY }; PLACES],
        keys: 0,
        keys_leaving: 0,
    };

    /// A place goes home now.
    fn leave(&mut self, place: usize) {
        self.away &= !(1 << place);
        self.leaving |= 1 << place;
        if place == KEYS {
            self.keys_leaving |= std::mem::take(&mut self.keys);
        }
    }

    /// The message that brings a place home, which has yet to leave. Of keys, the lowest.
    fn take(&mut self, place: usize, channel: Channel) -> Option<Message> {
        if place != KEYS {
            self.leaving &= !(1 << place);
            return Lever::all().nth(place).map(|lever| lever.home(channel));
        }
        let key = self.keys_leaving.trailing_zeros();
        self.keys_leaving &= self.keys_leaving.wrapping_sub(1);
        if self.keys_leaving == 0 {
            self.leaving &= !(1 << KEYS);
        }
        (key < u128::BITS).then(|| Message::KeyPressure(channel, Key::from_data(key as u8), 0))
    }
}

/// The levers of all ports. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Homing {
    channels: Slots<State>,
    /// For each port, the first position at which something goes home.
    first: PortMap<Tick>,
    /// The ports where something may be away. Most sets move no lever, and a START must not wait for a look at all channels.
    moved: PortSet,
    /// The ports where something goes home now, and the moment that this is.
    leaving: PortSet,
    leaves_at: Moment,
}

impl Default for Homing {
    fn default() -> Homing {
        Homing {
            channels: Slots::from_fn(MAX_PORTS * Channel::COUNT, |_| State::NEW),
            first: PortMap::from_fn(|_| AWAY),
            moved: PortSet::default(),
            leaving: PortSet::default(),
            leaves_at: Moment { time: Nanos(0), tick: Tick::ZERO },
        }
    }
}

fn channels() -> impl Iterator<Item = Channel> {
    (0..Channel::COUNT as u8).map(Channel::from_status)
}

impl Homing {
    fn of_port(&mut self, port: PortSlot) -> &mut [State] {
        let first = usize::from(port.0) * Channel::COUNT;
        self.channels.get_mut(first..first + Channel::COUNT).unwrap_or_default()
    }

    /// `message` is offered to `port`, for `track`; what it moves goes home at `home`.
    pub(crate) fn note(&mut self, port: PortSlot, message: Message, track: TrackSlot, by: By, home: Tick) {
        let (channel, place, key, is_away) = match Pull::of(message) {
            Some(Pull::Lever(channel, lever, is_away)) => (channel, lever.index(), 0, is_away),
            Some(Pull::Key(channel, key, is_away)) => (channel, KEYS, 1u128 << key.index(), is_away),
            None => return,
        };
        let Some(state) = self.of_port(port).get_mut(channel.index()) else { return };
        let bit = 1u16 << place;
        // What is newer counts.
        state.keys_leaving &= !key;
        if place != KEYS || state.keys_leaving == 0 {
            state.leaving &= !bit;
        }
        state.keys = if is_away { state.keys | key } else { state.keys & !key };
        if is_away {
            state.away |= bit;
            state.touched |= bit;
            state.places[place] = Away { track, by, message, home };
            self.moved = self.moved.with(port);
            let first = &mut self.first[port];
            *first = home.min(*first);
        } else if place != KEYS || state.keys == 0 {
            state.away &= !bit;
        }
    }

    /// Returns whether a lever is away from home.
    pub(crate) fn holds(&self, port: PortSlot, channel: Channel, lever: Lever) -> bool {
        let state = self.channels.get(usize::from(port.0) * Channel::COUNT + channel.index());
        state.is_some_and(|state| state.away >> lever.index() & 1 == 1)
    }

    /// Returns whether anything on `port` is away from home.
    pub(crate) fn is_away(&self, port: PortSlot) -> bool {
        let first = usize::from(port.0) * Channel::COUNT;
        self.channels
            .get(first..first + Channel::COUNT)
            .is_some_and(|channels| channels.iter().any(|state| state.away != 0))
    }

    /// Brings home at `tick` what would go there later, of what `which` says. Takes time in proportion to what is away.
    pub(crate) fn cut(&mut self, tick: Tick, which: impl Fn(&Away) -> bool) {
        self.moved.iter().for_each(|port| self.cut_port(port, tick, |_, away, _| which(away)));
    }

    /// The same on one port, by the lever as well; there is none for the pressure of keys.
    pub(crate) fn cut_port(
        &mut self,
        port: PortSlot,
        tick: Tick,
        which: impl Fn(Channel, &Away, Option<Lever>) -> bool,
    ) {
        let mut first = self.first.get(port).copied().unwrap_or(AWAY);
        for (state, channel) in self.of_port(port).iter_mut().zip(channels()) {
            for place in places(state.away) {
                let away = &mut state.places[place];
                if which(channel, away, Lever::all().nth(place)) {
                    away.home = away.home.min(tick);
                    first = first.min(away.home);
                }
            }
        }
        if let Some(known) = self.first.get_mut(port) {
            *known = first;
        }
    }

    /// Brings home at once what `which` says. Takes time in proportion to what is away.
    pub(crate) fn release(&mut self, moment: Moment, which: impl Fn(&Away) -> bool) {
        if self.leaving.is_empty() {
            // What leaves already keeps its time.
            self.leaves_at = moment;
        }
        for port in self.moved.iter() {
            let (mut leaves, mut stays) = (false, false);
            for state in self.of_port(port) {
                for place in places(state.away) {
                    if which(&state.places[place]) {
                        state.leave(place);
                        leaves = true;
                    }
                }
                stays |= state.away != 0;
            }
            if leaves {
                self.leaving = self.leaving.with(port);
            }
            if !stays {
                self.moved = self.moved.without(port);
            }
        }
    }

    /// Brings home at once what has been cut short.
    pub(crate) fn release_cut(&mut self, moment: Moment) {
        self.release(moment, |away| away.home != AWAY);
    }

    /// What was brought home on `port` may not have arrived: it goes home once more.
    pub(crate) fn doubt(&mut self, moment: Moment, port: PortSlot) {
        if self.leaving.is_empty() {
            self.leaves_at = moment;
        }
        let mut leaves = false;
        for state in self.of_port(port) {
            state.leaving |= state.touched & !state.away & !(1 << KEYS);
            leaves |= state.leaving != 0;
        }
        if leaves {
            self.leaving = self.leaving.with(port);
        }
    }

    /// Returns when something goes home at once, if it does.
    pub(crate) fn due(&self) -> Option<Nanos> {
        (!self.leaving.is_empty()).then_some(self.leaves_at.time)
    }

    /// The first position at which something goes home on `port`.
    pub(crate) fn first(&self, port: PortSlot) -> Option<Tick> {
        self.first.get(port).copied().filter(|&first| first != AWAY)
    }

    /// Takes the next message that brings something home at once.
    fn take(&mut self) -> Option<(PortSlot, TrackSlot, Message)> {
        while let Some(port) = self.leaving.iter().next() {
            for place in 0..PLACES {
                for (state, channel) in self.of_port(port).iter_mut().zip(channels()) {
                    if state.leaving >> place & 1 == 1 {
                        let track = state.places[place].track;
                        return Some((port, track, state.take(place, channel)?));
                    }
                }
            }
            self.leaving = self.leaving.without(port);
        }
        None
    }

    /// Takes the next message that brings something home on `port` at `tick`; where there is none, finds out where the next
    /// one is.
    fn take_due(
        &mut self,
        port: PortSlot,
        tick: Tick,
        stays: impl Fn(Channel, &Away, Lever) -> bool,
    ) -> Option<(TrackSlot, Message)> {
        let mut first = AWAY;
        for place in 0..PLACES {
            for (state, channel) in self.of_port(port).iter_mut().zip(channels()) {
                if state.away >> place & 1 == 0 {
                    continue;
                }
                let away = &mut state.places[place];
                if away.home <= tick && Lever::all().nth(place).is_some_and(|lever| stays(channel, away, lever)) {
                    away.home = AWAY;
                }
                let Away { track, home, .. } = *away;
                if home > tick {
                    first = first.min(home);
                    continue;
                }
                if place == KEYS && state.keys & (state.keys - 1) != 0 {
                    let key = state.keys.trailing_zeros() as u8;
                    state.keys &= state.keys - 1;
                    return Some((track, Message::KeyPressure(channel, Key::from_data(key), 0)));
                }
                state.leave(place);
                return Some((track, state.take(place, channel)?));
            }
        }
        if let Some(known) = self.first.get_mut(port) {
            *known = first;
        }
        None
    }
}

impl Engine {
    /// Sends the next message that brings something home at once.
    pub(in crate::engine) fn send_home(&mut self, program: &Program, out: &mut Outbox) {
        let moment = self.homing.leaves_at;
        if let Some((port, track, message)) = self.homing.take() {
            self.bring_home(program, port, track, message, moment, out);
        }
    }

    /// Sends the next message that brings something home on `port` at the position of `moment`.
    pub(in crate::engine) fn take_home(&mut self, program: &Program, port: PortSlot, moment: Moment, out: &mut Outbox) {
        let Engine { homing, player, .. } = self;
        let stays = |channel, away: &Away, lever| {
            let is_there = |track: &&Track| (track.port, track.channel) == (port, channel);
            let track = program.track(away.track).filter(is_there);
            let said = track.and_then(|_| player.begins_with(program, away.track, moment.tick, lever));
            said.is_some_and(|set| {
                set.needed || set.target.messages(channel, set.value).any(|said| said == away.message)
            })
        };
        if let Some((track, message)) = homing.take_due(port, moment.tick, stays) {
            self.bring_home(program, port, track, message, moment, out);
        }
    }

    fn bring_home(
        &mut self,
        program: &Program,
        port: PortSlot,
        track: TrackSlot,
        message: Message,
        moment: Moment,
        out: &mut Outbox,
    ) {
        // A fader that moves it does not have hold of it any more.
        if let Some(Pull::Lever(_, lever, _)) = Pull::of(message) {
            lever.targets().for_each(|(target, rest)| self.faders.note_value(program, track, target, rest));
        }
        self.wires.send(Departure { track: Some(track), ..departure(moment, port, message) }, out);
    }
}
