//! What is done for the ports beside the music: silencing, recovery, loops of notes, lights, values that wait for their wire,
//! active sensing.
//!
//! Each of these is a [`Background`]: it says when it has something to send, takes note of what leaves, forgets a port that is
//! another one, and comes to its end with the show. They are entered in [`DUTIES`], and nowhere else. At one time they come after
//! everything that has a position in the music, in the order of that table.

pub mod active_sensing;
pub mod lights;
pub mod note_loop;
pub mod recovery;
pub mod silence_all;
pub mod wire;

use super::Engine;
use super::outbox::Outbox;
use super::program::{PortSlot, Program};
use crate::time::Nanos;

/// Something that is done for ports beside the music. Real-time safe throughout.
pub(super) trait Background {
    /// The port that gets something next, and when; not before its wire is `ready` for what gives way.
    fn next(&self, ready: &dyn Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)>;

    /// Takes note of what a step has made leave.
    fn note_sent(&mut self, _: &Outbox) {}

    /// Another device is on `port`, which has been sent nothing.
    fn forget(&mut self, port: PortSlot);

    /// Another program is in force.
    fn adopt(&mut self, _: &Program) {}

    /// The show ends at `at`: what is left to be sent is sent at once, and nothing new begins.
    fn end(&mut self, at: Nanos);

    /// Whether nothing is left that has to be sent before the show is over.
    fn is_over(&self) -> bool {
        true
    }
}

/// A [`Background`] of the engine: where it is, and how it sends what is next on a port, at most as much as the outbox holds.
pub(super) struct Duty {
    pub of: fn(&Engine) -> &dyn Background,
    pub of_mut: fn(&mut Engine) -> &mut dyn Background,
    pub take: fn(&mut Engine, &Program, PortSlot, Nanos, &mut Outbox),
}

/// All of them, in the order in which they come at one time.
pub(super) const DUTIES: [Duty; 6] = [
    Duty { of: |engine| &engine.silencing, of_mut: |engine| &mut engine.silencing, take: Engine::take_silencer },
    Duty { of: |engine| &engine.recovery, of_mut: |engine| &mut engine.recovery, take: Engine::take_recovery },
    Duty { of: |engine| &*engine.note_loops, of_mut: |engine| &mut *engine.note_loops, take: Engine::take_probe },
    Duty { of: |engine| &engine.lights, of_mut: |engine| &mut engine.lights, take: Engine::take_light },
    Duty { of: |engine| &engine.wires, of_mut: |engine| &mut engine.wires, take: Engine::take_value },
    Duty {
        of: |engine| &engine.active_sensing,
        of_mut: |engine| &mut engine.active_sensing,
        take: Engine::take_sensing,
    },
];
