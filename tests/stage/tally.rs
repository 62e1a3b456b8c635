//! What a show has lost, counted: notes that were wrong or are missing, beats, pulses, and what is left sounding.
//!
//! Pulses are those of the music, from the first after START; where each was due is known otherwise. In a gap anything may be
//! played, and notes may be missing, but a beat that is not struck there is counted all the same.

use crate::recording::{Heard, Message, Note, Port};
use crate::schedule::PULSES_PER_BAR;
use crate::score::{BASS_AT_FIRST, KICK, SIXTEENTH, drums_at};
use crate::verdict::{self, Row, Take};
use std::collections::BTreeMap;
use std::ops::Range;

const BEAT: u32 = 24;

/// What should have been heard.
pub struct Asked<'a> {
    /// Where each pulse of the music was due, on the clock of the stamps.
    pub grid: &'a [u64],
    /// Where anything goes.
    pub gap: Range<u32>,
    /// How many beats may be lost, in the gap and elsewhere.
    pub beats_at_most: usize,
    /// Whether every pulse has to be passed on, and how many shows play at a pulse.
    pub are_pulses_counted: bool,
    pub shows: &'a dyn Fn(u32) -> usize,
}

pub fn row(what: &str, heard: &[Heard], asked: &Asked<'_>) -> Row {
    let placed = placed(heard, asked.grid);
    let in_gap = |pulse: &u32| asked.gap.contains(pulse);
    let mut wrong = Vec::new();
    let mut missing = Vec::new();
    let mut wanted: BTreeMap<(u32, Port, Note), usize> = BTreeMap::new();
    for pulse in 0..asked.grid.len() as u32 {
        let bass = pulse.is_multiple_of(PULSES_PER_BAR).then_some((Port::Mono, BASS_AT_FIRST));
        for (port, note) in drums_at(pulse).map(|note| (Port::Circuit, note)).chain(bass) {
            *wanted.entry((pulse, port, note)).or_default() += (asked.shows)(pulse);
        }
    }
    for &(pulse, port, note, is_arp) in &placed {
        let Some(pulse) = pulse else {
            wrong.push(format!("{note:?} at {port:?} before the first pulse"));
            continue;
        };
        let left = wanted.get_mut(&(pulse, port, note)).filter(|left| **left > 0);
        match left {
            Some(left) => *left -= 1,
            None if in_gap(&pulse) || (is_arp && pulse.is_multiple_of(SIXTEENTH)) => {}
            None => wrong.push(format!("pulse {pulse}: {note:?} at {port:?}")),
        }
    }
    let mut beats = 0;
    for ((pulse, port, note), left) in wanted {
        if left > 0 && note == KICK && pulse.is_multiple_of(BEAT) {
            beats += 1;
        }
        if left > 0 && !in_gap(&pulse) {
            missing.push(format!("pulse {pulse}: missing {note:?} at {port:?}"));
        }
    }
    let pulses = pulses_lost(heard, asked);
    let sounding = verdict::sounding_count(heard);
    let pulses_said = if asked.are_pulses_counted { pulses.to_string() } else { "not counted".into() };
    let is_right = wrong.is_empty() && missing.is_empty() && sounding == 0 && beats <= asked.beats_at_most;
    let most = if asked.beats_at_most > 0 { format!("{} or less", asked.beats_at_most) } else { "0".into() };
    let expected = format!("0, 0, 0, {most}, {}", if asked.are_pulses_counted { "0" } else { "not counted" });
    let seen = format!("{}, {}, {sounding}, {beats}, {pulses_said}", wrong.len(), missing.len());
    let details = wrong.into_iter().chain(missing).collect();
    Row::judged(what, expected, seen, is_right && (pulses == 0 || !asked.are_pulses_counted)).with(details)
}

/// How late each note outside the gap was.
pub fn lateness(heard: &[Heard], asked: &Asked<'_>) -> Vec<i64> {
    let take = Take::on_grid(heard.to_vec(), asked.grid.to_vec(), u64::MAX);
    let late = verdict::notes_late(&take).into_iter();
    late.filter(|(pulse, _)| !asked.gap.contains(pulse)).map(|(_, late_ns)| late_ns).collect()
}

fn placed(heard: &[Heard], grid: &[u64]) -> Vec<(Option<u32>, Port, Note, bool)> {
    let take = Take::on_grid(heard.to_vec(), grid.to_vec(), u64::MAX);
    take.played().iter().map(|played| (played.pulse, played.port, played.note, played.is_arp())).collect()
}

/// How many pulses less than it should the Mono Station has heard while the music played.
fn pulses_lost(heard: &[Heard], asked: &Asked<'_>) -> i64 {
    let (Some(first), Some(last)) = (asked.grid.first(), asked.grid.last()) else { return 0 };
    let half_ns = (last - first) / (2 * asked.grid.len() as u64);
    let playing = first - half_ns..last + half_ns;
    let clocks = heard.iter().filter(|heard| heard.port == Port::Mono && heard.message == Message::CLOCK);
    let clocks = clocks.filter(|heard| playing.contains(&heard.at_ns)).count();
    (0..asked.grid.len() as u32).map(|pulse| (asked.shows)(pulse) as i64).sum::<i64>() - clocks as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN_NS: u64 = 5_000_000_000;
    const PULSE_NS: u64 = 20_000_000;

    fn grid() -> Vec<u64> {
        (0..u64::from(2 * PULSES_PER_BAR)).map(|pulse| ORIGIN_NS + pulse * PULSE_NS).collect()
    }

    fn perfect() -> Vec<Heard> {
        let mut heard = Vec::new();
        for (pulse, at_ns) in (0..).zip(grid()) {
            heard.push(Heard { at_ns, port: Port::Mono, message: Message::CLOCK });
            let bass = (pulse % PULSES_PER_BAR == 0).then_some((Port::Mono, BASS_AT_FIRST));
            for (port, note) in drums_at(pulse).map(|note| (Port::Circuit, note)).chain(bass) {
                heard.push(Heard { at_ns: at_ns + 10_000, port, message: Message::note_on(note, 100) });
                heard.push(Heard { at_ns: at_ns + PULSE_NS * 2, port, message: Message::note_off(note) });
            }
        }
        heard
    }

    fn judged(heard: &[Heard], gap: Range<u32>, beats_at_most: usize) -> (bool, String) {
        let (grid, shows) = (grid(), |_| 1);
        let row = row("", heard, &Asked { grid: &grid, gap, beats_at_most, are_pulses_counted: true, shows: &shows });
        (!row.failed(), row.seen)
    }

    fn kick_of(heard: &[Heard], pulse: u64) -> usize {
        let at_ns = ORIGIN_NS + pulse * PULSE_NS + 10_000;
        let is_kick = |heard: &Heard| heard.at_ns == at_ns && heard.message == Message::note_on(KICK, 100);
        heard.iter().position(is_kick).expect("it was struck")
    }

    #[test]
    fn each_count_can_fail() {
        assert_eq!(judged(&perfect(), 0..0, 0), (true, "0, 0, 0, 0, 0".into()));
        let mut late = perfect();
        let kick = kick_of(&late, 24);
        late[kick].at_ns += PULSE_NS;
        assert_eq!(judged(&late, 0..0, 0), (false, "1, 1, 0, 1, 0".into()));
        let mut lost = perfect();
        let kick = kick_of(&lost, 48);
        lost.drain(kick..kick + 2);
        assert_eq!(judged(&lost, 0..0, 0), (false, "0, 1, 0, 1, 0".into()));
        assert_eq!(judged(&lost, 48..49, 0), (false, "0, 0, 0, 1, 0".into()));
        assert_eq!(judged(&lost, 48..49, 1), (true, "0, 0, 0, 1, 0".into()));
        let mut hangs = perfect();
        hangs.remove(kick_of(&perfect(), 48) + 1);
        assert_eq!(judged(&hangs, 0..0, 0), (false, "0, 0, 1, 0, 0".into()));
        let mut pulse = perfect();
        pulse.remove(0);
        assert_eq!(judged(&pulse, 0..0, 0), (false, "0, 0, 0, 0, 1".into()));
    }
}
