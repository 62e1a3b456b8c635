//! What the master sends, and when. Each time is computed from the origin and rounded once, so a long show is as exact
//! as a short one.

use crate::jitter::Jitter;
use crate::recording::{Message, Note};

/// 24 pulses a quarter, four quarters a bar.
pub const PULSES_PER_BAR: u32 = 96;

/// How long before the first pulse START is sent. The specification asks the master for at least a millisecond, and the
/// least is what is hardest to follow.
pub const START_AHEAD_NS: u64 = 1_000_000;

/// STOP comes this long after the middle between two pulses: clear of the last pulse and of the one that no longer
/// counts.
pub const STOP_PAST_MIDDLE_NS: u64 = 1_000_000;

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
        self.schedule_at(&self.clocks_ns())
    }

    /// The same show by a master whose pulses miss the grid.
    pub fn jittered(&self, jitter: &Jitter) -> Vec<Step> {
        self.schedule_at(&jitter.apply(&self.clocks_ns()))
    }

    /// The same show by a master that begins its pulses anew at START, so many pulses after the last one before, and sends both
    /// at once.
    pub fn begun_anew(&self, after: f64) -> Vec<Step> {
        let first_ns = self.at_ns_from_first(0.0);
        let (stopped, running): (Vec<Step>, Vec<Step>) =
            self.schedule().into_iter().partition(|step| step.at_ns < first_ns);
        let stopped = stopped.into_iter().filter(|step| step.message == Message::CLOCK).skip(1);
        let moved_ns = self.at_ns(2.0) as i64 - self.at_ns(1.0 + after) as i64;
        let stopped = stopped.map(|step| Step { at_ns: step.at_ns.saturating_add_signed(moved_ns), ..step });
        let start = Step { at_ns: first_ns, message: Message::START };
        stopped.chain([start]).chain(running).collect()
    }

    /// The ideal times of all pulses, those while stopped too.
    fn clocks_ns(&self) -> Vec<u64> {
        let all = self.before + self.pulses + self.after;
        (0..all).map(|pulse| self.at_ns(f64::from(pulse))).collect()
    }

    /// The show with its pulses sent at these times.
    fn schedule_at(&self, clocks_ns: &[u64]) -> Vec<Step> {
        let (first, end) = (self.before as usize, (self.before + self.pulses) as usize);
        let clock = |&at_ns: &u64| Step { at_ns, message: Message::CLOCK };
        let start_ns = clocks_ns[first].saturating_sub(START_AHEAD_NS);
        let stop_ns = self.at_ns(end as f64 - 0.5) + STOP_PAST_MIDDLE_NS;

        // However late a pulse is, it keeps its place in the order: START, its pulses, STOP.
        let mut steps: Vec<Step> = clocks_ns[..first].iter().map(clock).collect();
        steps.push(Step { at_ns: start_ns, message: Message::START });
        steps.extend(clocks_ns[first..end].iter().map(clock));
        steps.push(Step { at_ns: stop_ns, message: Message::STOP });
        steps.extend(clocks_ns[end..].iter().map(clock));
        for i in 1..steps.len() {
            steps[i].at_ns = steps[i].at_ns.max(steps[i - 1].at_ns);
        }

        // Between two pulses, so that no program can take the key for a part of the pulse.
        let press = f64::from(self.before + self.key_bar() * PULSES_PER_BAR + PULSES_PER_BAR / 2) + 0.5;
        let release = press + 6.0;
        steps.push(Step { at_ns: self.at_ns(press), message: Message::note_on(self.key, 100) });
        steps.push(Step { at_ns: self.at_ns(release), message: Message::note_off(self.key) });
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
    fn jitter_moves_pulses_and_nothing_else() {
        let show = show();
        let jitter = Jitter { shape: crate::jitter::Shape::Uniform, size_ns: 1_000_000, seed: 1 };
        let (ideal, jittered) = (show.schedule(), show.jittered(&jitter));
        assert!(jittered.is_sorted_by_key(|step| step.at_ns));
        let messages = |steps: &[Step]| steps.iter().map(|step| step.message).collect::<Vec<_>>();
        assert_eq!(messages(&ideal), messages(&jittered));
        for (ideal, jittered) in ideal.iter().zip(&jittered) {
            assert!(ideal.at_ns.abs_diff(jittered.at_ns) <= 1_000_000);
            let moves = [Message::CLOCK, Message::START].contains(&ideal.message);
            assert!(moves || ideal.at_ns == jittered.at_ns);
        }
        // START leads its pulse by as much as without jitter.
        assert_eq!(jittered[49].at_ns - jittered[48].at_ns, START_AHEAD_NS);
    }

    #[test]
    fn a_master_that_begins_anew_sends_start_with_its_first_pulse() {
        for after in [0.4, 1.35, 1.9] {
            let steps = show().begun_anew(after);
            assert!(steps.is_sorted_by_key(|step| step.at_ns));
            let start = steps.iter().position(|step| step.message == Message::START).unwrap();
            let first = Step { at_ns: show().at_ns_from_first(0.0), message: Message::CLOCK };
            assert_eq!((steps[start].at_ns, steps[start + 1]), (first.at_ns, first));
            let gap_ns = first.at_ns - steps[start - 1].at_ns;
            assert!(gap_ns.abs_diff((after * 20e6) as u64) <= 2, "{gap_ns}");
            assert!(steps[..start].windows(2).all(|pair| pair[1].at_ns - pair[0].at_ns == 20_000_000));
        }
    }

    #[test]
    fn however_late_the_order_is_kept() {
        let show = show();
        let jitter = Jitter { shape: crate::jitter::Shape::Late, size_ns: 15_000_000, seed: 1 };
        let steps = show.jittered(&jitter);
        let kinds = |steps: &[Step]| {
            let transport = steps.iter().filter(|step| step.message.bytes().len() == 1);
            transport.map(|step| step.message).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&steps), kinds(&show.schedule()));
    }

    #[test]
    fn the_key_leaves_a_bar_to_hear_it_in() {
        let show = Show { pulses: 200, ..show() };
        assert_eq!(show.key_bar(), 1);
        assert!((show.key_bar() + 1) * PULSES_PER_BAR < show.pulses);
    }
}
