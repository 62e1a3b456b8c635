//! The connections of a show, of which the guardian is told: whatever looks after the ports, the guardian's own connections
//! follow.
//!
//! The first are told before the real-time thread is there. Where a port gets another device, the old program plays on with the
//! one before up to its bar line; so that stays guarded, beside the new one, until the real-time thread has let go of it.

use std::time::Instant;

use super::connections::channels_on;
use super::targets::{Devices, Targets, slots};
use super::virtual_ports::virtual_output;
use crate::control::{Notices, PortState, PortWatch};
use crate::engine::program::PortSlot;
use crate::guardian::keeper::Keeper;
use crate::guardian::protocol::GuardedPort;
use crate::link::ControlEnd;
use crate::set::{Port, Set};

/// What the set says of a port.
struct Wanted {
    name: String,
    device: String,
    channels: u16,
    clocked: bool,
}

impl Wanted {
    fn of(set: &Set, slot: PortSlot, port: &Port) -> Wanted {
        let channels = channels_on(&set.program, slot).iter().fold(0, |all, channel| all | 1 << channel.index());
        Wanted { name: port.name.clone(), device: port.device.clone(), channels, clocked: port.clock }
    }

    /// Returns what has to be guarded where `slot` plays on `output`.
    fn guarded(&self, slot: PortSlot, output: String) -> GuardedPort {
        let Wanted { name, channels, clocked, .. } = self;
        GuardedPort { slot, channels: *channels, clocked: *clocked, label: name.clone(), name: output }
    }
}

/// Returns what a show of `set` begins to play on.
pub(crate) fn at_first(set: &Set, targets: &Targets) -> Vec<GuardedPort> {
    let output = |slot: PortSlot, port: &Port| match targets {
        Targets::NoMidi(_) | Targets::Output(_) => None,
        Targets::Virtual(announced) => port.output.then(|| {
            virtual_output(&port.device, announced.as_ref()).map_or_else(|| port.device.clone(), |(_, name)| name)
        }),
        Targets::Devices(Devices { inventory, connections, .. }) => {
            let index = connections.get(usize::from(slot.0))?.output?;
            inventory.outputs.get(index).map(|name| name.full.clone())
        }
    };
    let guarded = |(slot, port)| Some(Wanted::of(set, slot, port).guarded(slot, output(slot, port)?));
    slots(set).filter_map(guarded).collect()
}

/// The ports of a show, guarded.
pub(crate) struct GuardedPorts<'a> {
    ports: Box<dyn PortWatch>,
    keeper: &'a mut Keeper,
    /// By slot.
    wanted: Vec<Wanted>,
    /// What was guarded before the set was reloaded, and has yet to be let go of.
    before: Vec<GuardedPort>,
}

impl<'a> GuardedPorts<'a> {
    /// Guards what `ports` looks after for `set`.
    pub(crate) fn new(ports: Box<dyn PortWatch>, keeper: &'a mut Keeper, set: &Set) -> GuardedPorts<'a> {
        let mut guarded = GuardedPorts { ports, keeper, wanted: Vec::new(), before: Vec::new() };
        guarded.renew(set);
        guarded
    }

    fn renew(&mut self, set: &Set) {
        for (index, (slot, port)) in slots(set).enumerate() {
            let new = Wanted::of(set, slot, port);
            match self.wanted.get_mut(index) {
                // The old program may play on its own channels for a bar yet.
                Some(old) if (&old.name, &old.device) == (&new.name, &new.device) => {
                    *old = Wanted { channels: old.channels | new.channels, ..new };
                }
                Some(old) => *old = new,
                None => self.wanted.push(new),
            }
        }
    }

    /// Returns what the guardian has to hold of the connections that there are.
    fn guarded(&self) -> Vec<GuardedPort> {
        let states = (0..).map(PortSlot).zip(self.ports.states()).zip(&self.wanted);
        states.filter_map(|((slot, state), wanted)| Some(wanted.guarded(slot, state.output?))).collect()
    }

    /// What was before is let go of once no output is on its way.
    fn let_go(&mut self, end: &mut ControlEnd) {
        if !self.before.is_empty() && !end.is_exchanging() {
            self.before.clear();
        }
    }
}

impl PortWatch for GuardedPorts<'_> {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        self.ports.look(end, notices);
        if self.ports.take_change() {
            self.keeper.nudge();
        }
        self.let_go(end);
        let mut guarded = self.guarded();
        add_before(&mut guarded, &self.before);
        self.keeper.look(&guarded, Instant::now(), |text, is_wrong| match is_wrong {
            true => notices.wrong(text),
            false => notices.notice(text),
        });
    }

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, notices: &mut Notices) {
        self.let_go(end);
        let before = self.guarded();
        self.ports.reload(set, end, notices);
        self.renew(set);
        // Of what changes twice before the bar line, the first plays.
        let changed = before.into_iter().filter(|old| !self.before.iter().any(|first| first.slot == old.slot));
        let changed: Vec<GuardedPort> = changed.collect();
        self.before.extend(changed);
    }

    fn retry(&mut self) {
        self.ports.retry();
    }

    fn take_change(&mut self) -> bool {
        self.ports.take_change()
    }

    fn states(&self) -> Vec<PortState> {
        self.ports.states()
    }
}

/// Adds what was guarded before, but for what still is.
fn add_before(guarded: &mut Vec<GuardedPort>, before: &[GuardedPort]) {
    let is_there = |old: &GuardedPort| guarded.iter().any(|port| port.is(old.slot, &old.name));
    let gone: Vec<GuardedPort> = before.iter().filter(|old| !is_there(old)).cloned().collect();
    guarded.extend(gone);
}
