//! What the master sends, and when. Each time is computed from the origin and rounded once, so a long show is as exact
//! as a short one.

use crate::recording::{Message, Note};

/// 24 pulses a quarter, four quarters a bar.
pub const PULSES_PER_BAR: u32 = 96;

/// How long before the first pulse START is sent. The specification asks the master for at least a millisecond, and the
/// least is what is hardest to follow.
const START_AHEAD_NS: u64 = 1_000_000;

/// STOP comes this long after the middle between two pulses: clear of the last pulse and of the one that no longer
/// counts.
const STOP_PAST_MIDDLE_NS: u64 = 1_000_000;

/// One message of the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From the beginning of the schedule.
    pub at_ns: u64,
    pub message: Message,
}

/// A show as the drum machine plays it: clock while stopped, START, pulses, STOP, and clock again for a while.
#[derive(Clone, Copy, Debug)]
pub struct Show {
    pub bpm: f64,
    /// Pulses between START and STOP.
    pub pulses: u32,
    /// Pulses while stopped, before START.
    pub before: u32,
    /// Pulses while stopped, after STOP.
    pub after: u32,
    /// The key that the performer plays half way.
    pub key: Note,
}

impl Show {
    /// The bar in whose middle the key is played; there is a whole bar after it in any show of three bars.
    pub fn key_bar(&self) -> u32 {
        self.pulses.div_ceil(PULSES_PER_BAR) / 2
    }

    pub fn schedule(&self) -> Vec<Step> {
        let all = self.before + self.pulses + self.after;
        let clocks = (0..all).map(|pulse| (self.at_ns(f64::from(pulse)), Message::CLOCK));

        let zero = f64::from(self.before);
        let last = zero + f64::from(self.pulses - 1);
        let start = self.at_ns(zero) - START_AHEAD_NS;
        let stop = self.at_ns(last + 0.5) + STOP_PAST_MIDDLE_NS;

        // Between two pulses, so that no program can take the key for a part of the pulse.
        let press = zero + f64::from(self.key_bar() * PULSES_PER_BAR + PULSES_PER_BAR / 2) + 0.5;
        let release = press + 6.0;

        let mut steps: Vec<Step> = clocks
            .chain([
                (start, Message::START),
                (self.at_ns(press), Message::note_on(self.key, 100)),
                (self.at_ns(release), Message::note_off(self.key)),
                (stop, Message::STOP),
            ])
            .map(|(at_ns, message)| Step { at_ns, message })
            .collect();
        steps.sort_by_key(|step| step.at_ns);
        steps
    }

    /// The time of a place in the music, in pulses from the first one after START.
    pub fn at_ns_from_first(&self, place: f64) -> u64 {
        self.at_ns(f64::from(self.before) + place)
    }

    /// The time of a place, in pulses from the first one of the schedule.
    fn at_ns(&self, place: f64) -> u64 {
        (place * 60e9 / (self.bpm * 24.0)).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show() -> Show {
        Show { bpm: 125.0, pulses: 1000, before: 48, after: 24, key: Note { channel: 1, key: 50 } }
    }

    #[test]
    fn pulses_between_start_and_stop() {
        let steps = show().schedule();
        let place = |wanted| steps.iter().position(|step| step.message == wanted);
        let (start, stop) = (place(Message::START).unwrap(), place(Message::STOP).unwrap());
        let clocks = |steps: &[Step]| steps.iter().filter(|step| step.message == Message::CLOCK).count();
        assert_eq!(clocks(&steps[..start]), 48);
        assert_eq!(clocks(&steps[start..stop]), 1000);
        assert_eq!(clocks(&steps[stop..]), 24);
        assert_eq!(steps[start + 1].at_ns - steps[start].at_ns, START_AHEAD_NS);
    }

    #[test]
    fn the_key_leaves_a_bar_to_hear_it_in() {
        let show = Show { pulses: 200, ..show() };
        assert_eq!(show.key_bar(), 1);
        assert!((show.key_bar() + 1) * PULSES_PER_BAR < show.pulses);
    }
}
