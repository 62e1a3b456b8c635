//! What moves: a controller of the hands that sets a value, and controllers that commands send.
//!
//! A fader does not jump. It takes hold when it passes the value that is in force, or stands on it, and has it from then on,
//! until somebody else changes the value. What is not known, a controller that nobody has sent yet, it takes at once.

use crate::engine::fixed::{Queue, Slots};
use crate::engine::outbox::departure;
use crate::engine::outbox::{Departure, Outbox};
use crate::engine::ports::homing::{AWAY, By};
use crate::engine::program::{
    Does, Fader, Knob, MAX_AT_ONCE, MAX_BINDINGS, MAX_VALUE_MESSAGES, Program, Target, TrackSlot, Trigger,
};
use crate::engine::{Command, Engine, Moment};
use crate::time::{Nanos, Tempo};

/// How many values can wait to leave: what one message may be bound to, and commands beside it.
const WAITING: usize = 2 * MAX_AT_ONCE;

/// A value on its way.
#[derive(Clone, Copy, Debug)]
struct Value {
    moment: Moment,
    track: TrackSlot,
    target: Target,
    value: u16,
    by: By,
}

/// What is known of one fader.
#[derive(Clone, Copy, Debug, Default)]
struct Slid {
    /// What it has set.
    set: Option<i32>,
    /// What its controller was sent last, by whomever.
    known: Option<i32>,
}

/// All faders, by the bindings. Real-time safe after construction.
#[derive(Debug)]
pub(in crate::engine) struct Faders {
    slid: Slots<Slid>,
    waiting: Queue<Value>,
}

impl Default for Faders {
    fn default() -> Faders {
        Faders { slid: Slots::from_fn(MAX_BINDINGS, |_| Slid::default()), waiting: Queue::with_capacity(WAITING) }
    }
}

impl Faders {
    /// Other bindings count.
    pub(crate) fn forget(&mut self) {
        self.slid.iter_mut().for_each(|slid| *slid = Slid::default());
    }

    /// The fader of binding `index` does not have hold any more of what it moves: it may stand elsewhere when it is touched next.
    pub(crate) fn let_go(&mut self, index: usize) {
        if let Some(slid) = self.slid.get_mut(index) {
            slid.set = None;
        }
    }

    /// Notes that a controller of a track has been sent a value. Takes time in proportion to the bindings.
    pub(crate) fn note_value(&mut self, program: &Program, track: TrackSlot, target: Target, value: u16) {
        for (slid, binding) in self.slid.iter_mut().zip(&program.bindings) {
            if let Does::Slide(Fader { knob: Knob::Control(moved, known), .. }) = binding.does
                && (moved, known) == (track, target)
            {
                slid.known = Some(i32::from(value));
            }
        }
    }

    /// Returns when the first value that waits is due.
    pub(crate) fn due(&self) -> Option<Nanos> {
        self.waiting.front().map(|value| value.moment.time)
    }
}

impl Engine {
    /// The fader of binding `index` moves from `before`, if that is known, to `now`. What it asks for by
    /// that, if anything.
    pub(in crate::engine) fn slide(
        &mut self,
        index: usize,
        fader: Fader,
        trigger: Trigger,
        before: Option<u16>,
        now: u16,
    ) -> Option<Command> {
        let most = trigger.highest();
        let value = fader.value(now, most);
        let slid = self.faders.slid.get(index).copied()?;
        let in_force = match fader.knob {
            Knob::Tempo => match self.clock.own_tempo() {
                Some(tempo) => Some((tempo.bpm() * 100.0).round() as i32),
                // A followed clock is not moved.
                None => return None,
            },
            Knob::Transpose(track, unit) => Some(self.mixer.transposed_in(track, unit)),
            Knob::Control(..) => slid.known,
        };
        let passes = |in_force: i32| {
            let from = before.map_or(value, |before| fader.value(before, most));
            from.min(value) <= in_force && in_force <= from.max(value)
        };
        if in_force.is_some_and(|in_force| slid.set != Some(in_force) && !passes(in_force)) {
            return None;
        }
        self.faders.slid[index].set = Some(value);
        if in_force == Some(value) {
            return None;
        }
        match fader.knob {
            Knob::Tempo => Tempo::from_bpm(f64::from(value) / 100.0).map(Command::Tempo),
            Knob::Transpose(track, unit) => i8::try_from(value).ok().map(|by| Command::Transpose { track, by, unit }),
            Knob::Control(track, target) => {
                u16::try_from(value).ok().map(|value| Command::Control { track, target, value })
            }
        }
    }

    /// A command sends a value to a controller.
    pub(in crate::engine) fn control(
        &mut self,
        program: &Program,
        at: Nanos,
        track: TrackSlot,
        target: Target,
        value: u16,
        by: By,
    ) {
        self.faders.note_value(program, track, target, value);
        // Where too many wait, because nothing was sent between, the later ones are left out: hands will move again.
        let _: Result<(), Value> =
            self.faders.waiting.push(Value { moment: self.moment(at), track, target, value, by });
    }

    /// Sends the first value that waits: at most [`MAX_VALUE_MESSAGES`] messages.
    pub(in crate::engine) fn send_value(&mut self, program: &Program, out: &mut Outbox) {
        let Some(Value { moment, track, target, value, by }) = self.faders.waiting.pop() else { return };
        if let Some(known) = program.track(track) {
            for message in target.messages(known.channel, value).take(MAX_VALUE_MESSAGES) {
                self.homing.note(known.port, message, track, by, AWAY);
                self.wires.offer(Departure { track: Some(track), ..departure(moment, known.port, message) }, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_way_are_the_ends_of_the_range() {
        let fader = |low, high| Fader { knob: Knob::Tempo, low, high };
        let values = |low, high, most: u16| [0, most / 2, most].map(|position| fader(low, high).value(position, most));
        assert_eq!(values(10_000, 14_000, 127), [10_000, 11_984, 14_000]);
        assert_eq!(values(-12, 12, 127), [-12, 0, 12]);
        assert_eq!(values(110, 20, 127), [110, 65, 20]);
        assert_eq!(values(-127, 127, 16_383), [-127, 0, 127]);
        assert_eq!(values(5, 5, 127), [5; 3]);
    }
}
