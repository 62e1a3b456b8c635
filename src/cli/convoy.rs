//! The connections of a show, of which the guardian is told: whatever looks after the ports, the guardian's own connections
//! follow.

use std::time::Instant;

use super::patch::channels_on;
use super::stage::slots;
use crate::control::{Notices, PortState, PortWatch};
use crate::guardian::keeper::Keeper;
use crate::guardian::words::GuardedPort;
use crate::link::ControlEnd;
use crate::set::Set;

/// What the set says of a port.
struct Wanted {
    name: String,
    device: String,
    channels: u16,
    clocked: bool,
}

/// The ports of a show, guarded.
pub struct Convoy<'a> {
    ports: Box<dyn PortWatch>,
    keeper: &'a mut Keeper,
    /// By slot.
    wanted: Vec<Wanted>,
}

impl<'a> Convoy<'a> {
    /// Guards what `ports` looks after for `set`.
    pub fn new(ports: Box<dyn PortWatch>, keeper: &'a mut Keeper, set: &Set) -> Convoy<'a> {
        let mut convoy = Convoy { ports, keeper, wanted: Vec::new() };
        convoy.renew(set);
        convoy
    }

    fn renew(&mut self, set: &Set) {
        for (index, (slot, port)) in slots(set).enumerate() {
            let channels = channels_on(&set.program, slot).iter().fold(0, |all, channel| all | 1 << channel.index());
            let (name, device) = (port.name.clone(), port.device.clone());
            let new = Wanted { name, device, channels, clocked: port.clock };
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

    /// What the guardian has to hold, by slot.
    fn guarded(&self) -> Vec<Option<GuardedPort>> {
        let guarded = |(state, wanted): (PortState, &Wanted)| {
            let Wanted { name, channels, clocked, .. } = wanted;
            let (channels, clocked, label) = (*channels, *clocked, name.clone());
            state.output.map(|name| GuardedPort { channels, clocked, label, name })
        };
        self.ports.states().into_iter().zip(&self.wanted).map(guarded).collect()
    }
}

impl PortWatch for Convoy<'_> {
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices) {
        self.ports.look(end, notices);
        let guarded = self.guarded();
        self.keeper.look(&guarded, Instant::now(), |text, is_wrong| match is_wrong {
            true => notices.wrong(text),
            false => notices.notice(text),
        });
    }

    fn reload(&mut self, set: &Set, end: &mut ControlEnd, notices: &mut Notices) {
        self.ports.reload(set, end, notices);
        self.renew(set);
    }

    fn states(&self) -> Vec<PortState> {
        self.ports.states()
    }
}
