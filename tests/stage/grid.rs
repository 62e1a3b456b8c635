//! Where the true pulses are on the clock of the stamps.
//!
//! The master sends by the system's clock, and arrivals are stamped by a queue with an origin of its own. What lies between
//! the two, with the way of a message through the kernel, is the same for every pulse but for rare misses of the master.
//! So the median over all pulses of (stamp − time of sending) finds it, however much the times of sending jitter.

use crate::recording::{Heard, Message, Port};
use crate::schedule::Step;

/// From the schedule's time to that of the stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    offset_ns: i64,
}

impl Mapping {
    /// Compares what the master sent with what the ear heard of it. If one pulse is missing there, all behind it would be
    /// compared with the wrong ones, so then there is no answer.
    pub fn of(heard: &[Heard], steps: &[Step]) -> Result<Mapping, String> {
        let mut stamps: Vec<u64> = heard
            .iter()
            .filter(|heard| heard.port == Port::Ear && heard.message == Message::CLOCK)
            .map(|heard| heard.at_ns)
            .collect();
        stamps.sort_unstable();
        let sent = steps.iter().filter(|step| step.message == Message::CLOCK).map(|step| step.at_ns);
        let sent: Vec<u64> = sent.collect();
        if stamps.len() != sent.len() {
            return Err(format!("the ear heard {} pulses of {}", stamps.len(), sent.len()));
        }
        let off = stamps.iter().zip(&sent).map(|(stamp, sent)| *stamp as i64 - *sent as i64).collect();
        Ok(Mapping { offset_ns: median(off).ok_or("the master sent no pulse")? })
    }

    /// The stamp of what the master sends at a time of the schedule.
    pub fn stamp(self, at_ns: u64) -> u64 {
        at_ns.saturating_add_signed(self.offset_ns)
    }

    /// The time of the schedule at which the master sends what is to be stamped so.
    pub fn sent(self, stamp_ns: u64) -> u64 {
        stamp_ns.saturating_add_signed(-self.offset_ns)
    }
}

/// The grid of one who keeps exactly to `pulse_ns`, through the median of what was heard of him: as many pulses as there
/// are stamps.
pub fn fit(stamps: &[u64], pulse_ns: f64) -> Vec<u64> {
    let place = |pulse: usize| (pulse as f64 * pulse_ns).round() as i64;
    let intercept = median(stamps.iter().enumerate().map(|(pulse, &at_ns)| at_ns as i64 - place(pulse)).collect());
    (0..stamps.len()).map(|pulse| (intercept.unwrap_or(0) + place(pulse)).max(0) as u64).collect()
}

pub fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jitter::{Jitter, Shape};
    use crate::recording::Note;
    use crate::schedule::Show;

    const KEY: Note = Note { channel: 1, key: 50 };

    fn jittered() -> (Show, Vec<Step>) {
        let show = Show { bpm: 97.3, pulses: 500, before: 48, after: 24, key: KEY };
        let steps = show.jittered(&Jitter { shape: Shape::Late, size_ns: 1_000_000, seed: 5 });
        (show, steps)
    }

    fn heard(steps: &[Step], offset_ns: u64) -> Vec<Heard> {
        let hear = |step: &Step| Heard { at_ns: step.at_ns + offset_ns, port: Port::Ear, message: step.message };
        steps.iter().map(hear).collect()
    }

    #[test]
    fn jitter_and_stumbles_do_not_move_the_grid() {
        let (show, steps) = jittered();
        let mut heard = heard(&steps, 77_003_800);
        for late in heard.iter_mut().step_by(5) {
            late.at_ns += 400_000;
        }
        let mapping = Mapping::of(&heard, &steps).unwrap();
        assert_eq!(mapping.stamp(show.at_ns_from_first(3.0)), show.at_ns_from_first(3.0) + 77_003_800);
    }

    #[test]
    fn a_pulse_that_was_not_heard_leaves_no_grid() {
        let (_, steps) = jittered();
        let mut heard = heard(&steps, 0);
        heard.remove(10);
        assert!(Mapping::of(&heard, &steps).is_err());
    }

    #[test]
    fn a_grid_through_the_median() {
        let mut stamps: Vec<u64> = (0..100u64).map(|pulse| 5_000_000 + pulse * 20_000_000).collect();
        stamps[7] += 9_000_000;
        stamps[50] -= 2_000;
        let grid = fit(&stamps, 20e6);
        assert_eq!(grid[0], 5_000_000);
        assert_eq!(grid[99], 5_000_000 + 99 * 20_000_000);
        assert_eq!(stamps[50] as i64 - grid[50] as i64, -2_000);
    }
}
