//! What has left by each port, and what is done for them beside the music: silencing, recovery, loops of notes, lights, values that wait for their wire,
//! active sensing.
//!
//! Each of these is a `Background`: it says when it has something to send, takes note of what leaves, forgets a port that is
//! another one, and comes to its end with the show. They are entered in the list at the end of this file, and nowhere else. At one
//! time they come after everything that has a position in the music, in the order of that list.

pub mod active_sensing;
pub(super) mod homing;
pub mod ledger;
pub(super) mod lights;
pub(super) mod note_loop;
mod notes;
pub(super) mod recovery;
pub(super) mod silence_all;
pub(super) mod transport_queue;
pub mod wire;

use super::Engine;
use super::outbox::Outbox;
use crate::engine::program::{PortSlot, Program};
use crate::time::{Nanos, Tick, TickSpan};
use ledger::Ledger;

/// What has left by one port: what is to be ended and made up for.
#[derive(Debug, Default)]
pub(super) struct Port {
    /// The notes that sound there.
    pub ledger: Ledger,
    /// The position on the clock of the next pulse that it gets.
    pub next_pulse: Tick,
    /// By how much it had been sent more pulses than the master when it stopped: predicted ones, which did not come. They are
    /// made up for at CONTINUE.
    pub pulse_debt: TickSpan,
}

/// Something that is done for ports beside the music. Real-time safe throughout.
pub(super) trait Background {
    /// The port that gets something next, and when; not before its wire is `ready` for what gives way.
    fn next(&self, ready: impl Fn(PortSlot) -> Nanos) -> Option<(Nanos, PortSlot)>;

    /// Takes note of what a step has made leave.
    fn note_sent(&mut self, _: &Outbox) {}

    /// Another device is on `port`, which has been sent nothing.
    fn forget(&mut self, port: PortSlot);

    /// Another program is in force.
    fn adopt(&mut self, _: &Program) {}

    /// The show ends at `at`: what is left to be sent is sent at once, and nothing new begins.
    fn end(&mut self, at: Nanos);

    /// Returns whether nothing is left that has to be sent before the show is over.
    fn is_over(&self) -> bool {
        true
    }
}

/// Lists every [`Background`] of the engine: its name, its field, and how it sends what is next on a port, at most as much as the
/// outbox holds. Without pointers, as all are asked at each step.
macro_rules! duties {
    ($($duty:ident: $field:ident, $take:ident;)*) => {
        /// One of them, in the order in which they come at one time.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Duty {
            $($duty,)*
        }

        impl Engine {
            /// The first thing to be sent by any of them: when, for which duty, and to which port.
            #[inline]
            pub(super) fn next_duty(&self) -> Option<(Nanos, Duty, PortSlot)> {
                let ready = |port| self.wires.ready_at(port);
                let mut first: Option<(Nanos, Duty, PortSlot)> = None;
                $(
                    if let Some((time, port)) = self.$field.next(ready) {
                        // Not before this call, so that the order of the list counts among what is due already.
                        let time = time.max(self.not_before);
                        if first.is_none_or(|(known, ..)| time < known) {
                            first = Some((time, Duty::$duty, port));
                        }
                    }
                )*
                first
            }

            /// Does what is next for `port`.
            pub(super) fn take_duty(
                &mut self,
                duty: Duty,
                program: &Program,
                port: PortSlot,
                at: Nanos,
                out: &mut Outbox,
            ) {
                match duty {
                    $(Duty::$duty => self.$take(program, port, at, out),)*
                }
            }

            /// All of them take note of what a step has made leave.
            #[inline]
            pub(super) fn note_sent(&mut self, out: &Outbox) {
                $(self.$field.note_sent(out);)*
            }

            /// Another device is on `port`.
            pub(super) fn forget_duties(&mut self, port: PortSlot) {
                $(self.$field.forget(port);)*
            }

            /// Another program is in force.
            pub(super) fn adopt_duties(&mut self, program: &Program) {
                $(self.$field.adopt(program);)*
            }

            /// The show ends at `at`.
            pub(super) fn end_duties(&mut self, at: Nanos) {
                $(self.$field.end(at);)*
            }

            /// Returns whether none of them has anything left to send before the show is over.
            pub(super) fn are_duties_over(&self) -> bool {
                $(self.$field.is_over())&&*
            }
        }
    };
}

duties! {
    Silence: silencing, take_silencer;
    Recover: recovery, take_recovery;
    Probe: note_loops, take_probe;
    Light: lights, take_light;
    Value: wires, take_value;
    Sense: active_sensing, take_sensing;
}
