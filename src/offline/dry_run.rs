//! Each pattern by itself, played for as long as it takes until everything has met everything: what is to be found out about
//! a set is found in this.
//!
//! It is the worst case and not a likely one: what depends on chance always happens. What depends on fills is played with
//! and without. A set that asks for too much is played in part, and each rehearsal says how much that is.

use super::render::{Plan, Rendering, render_virtual, virtual_of};
use crate::engine::program::{Condition, Song, Source};
use crate::engine::program::{Lane, Pattern, PatternSlot, Program, TrackSlot};
use crate::engine::{Command, Switch};
use crate::midi::{Channel, Key};
use crate::set::Set;
use crate::time::{Tick, TickSpan};

/// The most bars of a pattern that are played.
const MOST_BARS: i64 = 64;
/// The most events that are played of all patterns together. What there is less of than its share leaves the rest to the
/// others, so a set that somebody plays is far from it; but a few lines of text can ask for billions.
pub const MOST_EVENTS: u64 = 500_000;
/// What it costs to begin, in events.
const BEGINNING: u64 = 1_000;

/// A pattern, played by itself.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// Which one.
    pub pattern: PatternSlot,
    /// What was played; more than once where it can be played in several ways. Nothing where there is no time for it.
    pub takes: Vec<Rendering>,
    /// How much of it was played.
    pub length: TickSpan,
}

/// Plays every pattern of a set, as far as [`MOST_EVENTS`] go.
#[must_use]
pub fn rehearse(set: &Set) -> Vec<DryRun> {
    let program = virtual_of(&certain(&set.program));
    let wholes: Vec<Whole> = program.patterns.iter().map(|pattern| Whole::of(pattern, program.meter.bar())).collect();
    let share = share(&wholes);
    let patterns = (0..).map(PatternSlot).zip(&wholes);
    patterns
        .map(|(slot, whole)| {
            let length = whole.within(share, program.meter.bar());
            let takes = whole.fills.iter().filter(|_| length > TickSpan::ZERO).filter_map(|&fill| {
                let launch = Command::Launch { pattern: slot, at: None };
                let commands = vec![(Tick::ZERO, launch), (Tick::ZERO, Command::Fill(fill))];
                render_virtual(&program, &Plan { length, commands }).ok()
            });
            let takes: Vec<Rendering> = takes.collect();
            let length = if takes.is_empty() { TickSpan::ZERO } else { length };
            DryRun { pattern: slot, takes, length }
        })
        .collect()
}

/// All that there is to play of a pattern.
struct Whole {
    /// In which ways.
    fills: &'static [Switch],
    /// How long it takes until everything has met everything.
    length: TickSpan,
    /// How many events fall into that, about, in one way.
    events: u64,
}

impl Whole {
    fn of(pattern: &Pattern, bar: TickSpan) -> Whole {
        let length = comes_round(pattern, bar);
        let events = lanes(pattern).map(|(_, _, lane)| events(lane, length)).fold(0, u64::saturating_add);
        let fills: &[Switch] = if has_fills(pattern) { &[Switch::Off, Switch::On] } else { &[Switch::Off] };
        Whole { fills, length, events }
    }

    /// Returns what it costs, in events.
    fn cost(&self) -> u64 {
        self.events.saturating_add(BEGINNING).saturating_mul(self.fills.len() as u64)
    }

    /// As much of its length as `share` is enough for, in bars where it is enough for one.
    fn within(&self, share: u64, bar: TickSpan) -> TickSpan {
        if self.cost() <= share {
            return self.length;
        }
        let Some(events) = (share / self.fills.len() as u64).checked_sub(BEGINNING) else { return TickSpan::ZERO };
        let ticks = i128::from(self.length.0) * i128::from(events) / i128::from(self.events.max(1));
        let ticks = i64::try_from(ticks).unwrap_or(self.length.0).min(self.length.0);
        if ticks >= bar.0 { TickSpan(ticks - ticks % bar.0.max(1)) } else { TickSpan(ticks) }
    }
}

/// Returns how many events of a lane fall into `length`, about: those that it does not play this time are looked at too.
fn events(lane: &Lane, length: TickSpan) -> u64 {
    let (each, count) = match &lane.source {
        Source::Steps(steps) => (steps.length.0, steps.events.len()),
        Source::Arp(arp) => (arp.lengths.iter().map(|length| length.0).min().unwrap_or(1), 1),
        // Nobody feeds it here.
        Source::Feed(_) => (1, 0),
    };
    // A pass that has begun counts.
    let passes = u64::try_from(length.0 / each.max(1) + 1).unwrap_or(u64::MAX);
    passes.saturating_mul(count as u64)
}

/// Returns how much each pattern may cost at most, so that all together cost no more than [`MOST_EVENTS`]: those that cost less
/// leave the rest to the others.
fn share(wholes: &[Whole]) -> u64 {
    let mut costs: Vec<u64> = wholes.iter().map(Whole::cost).collect();
    costs.sort_unstable();
    let mut left = MOST_EVENTS;
    for (cheaper, &cost) in costs.iter().enumerate() {
        let each = left / (costs.len() - cheaper) as u64;
        if cost > each {
            return each;
        }
        left -= cost;
    }
    u64::MAX
}

/// The program with nothing left to chance, and without a song.
fn certain(program: &Program) -> Program {
    let mut program = program.clone();
    program.song = Song::default();
    for pattern in &mut program.patterns {
        for lane in pattern.clips.iter_mut().flat_map(|clip| &mut clip.lanes) {
            if let Source::Steps(steps) = &mut lane.source {
                for guard in &mut steps.guards {
                    if let Condition::Chance { percent, .. } = &mut guard.condition {
                        *percent = if *percent > 0 { 100 } else { 0 };
                    }
                }
            }
        }
    }
    program
}

fn has_fills(pattern: &Pattern) -> bool {
    let mut guards = lanes(pattern).filter_map(|(_, _, lane)| lane.source.steps()).flat_map(|steps| &steps.guards);
    guards.any(|guard| matches!(guard.condition, Condition::Fill(_)))
}

/// The lanes of a pattern with their tracks, and their numbers there.
pub fn lanes(pattern: &Pattern) -> impl Iterator<Item = (TrackSlot, usize, &Lane)> {
    pattern.clips.iter().flat_map(|clip| clip.lanes.iter().enumerate().map(|(number, lane)| (clip.track, number, lane)))
}

/// After how long all loops of a pattern begin together again; at most [`MOST_BARS`], and at least its own length.
fn comes_round(pattern: &Pattern, bar: TickSpan) -> TickSpan {
    let most = TickSpan((bar.0 * MOST_BARS).max(pattern.length.0));
    let lengths = lanes(pattern).filter_map(|(_, _, lane)| lane.source.steps()).map(|steps| steps.length);
    let together = lengths.fold(pattern.length, |whole, length| common(whole, length).min(most));
    together.clamp(TickSpan(1), most)
}

/// The shortest span that both go into.
#[must_use]
pub fn common(a: TickSpan, b: TickSpan) -> TickSpan {
    let (mut divisor, mut rest) = (a.0.max(1), b.0.max(1));
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    TickSpan((a.0.max(1) / divisor).saturating_mul(b.0.max(1)))
}

/// The lanes of `pattern` that strike `key` on `channel` at `tick`, counted from where the pattern began: its tracks and the
/// lanes' numbers there. Arpeggios are not asked.
pub fn strikers(
    set: &Set,
    pattern: PatternSlot,
    of: impl Fn(TrackSlot) -> bool,
    channel: Channel,
    key: Key,
    tick: Tick,
) -> Vec<(TrackSlot, usize)> {
    let program = &set.program;
    let Some(played) = program.patterns.get(usize::from(pattern.0)) else { return Vec::new() };
    let strikes = |lane: &Lane| {
        let Some(steps) = lane.source.steps().filter(|steps| steps.length > TickSpan::ZERO) else { return false };
        let straight = lane.swing.straighten(tick - Tick::ZERO);
        let within = TickSpan(straight.0.rem_euclid(steps.length.0));
        let from = steps.events.partition_point(|event| event.at < within);
        let here = steps.events.iter().skip(from).take_while(|event| event.at == within);
        let is_it =
            |action| matches!(action, crate::engine::program::Action::Note { key: struck, .. } if struck == key);
        lane.swing.bend(straight) == tick - Tick::ZERO && here.into_iter().any(|event| is_it(event.action))
    };
    let on_channel = |slot: TrackSlot| {
        program.tracks.get(usize::from(slot.0)).is_some_and(|track| track.channel == channel) && of(slot)
    };
    lanes(played)
        .filter(|(track, _, lane)| on_channel(*track) && strikes(lane))
        .map(|(track, lane, _)| (track, lane))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rehearsed(patterns: &str) -> Vec<DryRun> {
        let text =
            format!("[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nnote = \"c2\"\n{patterns}");
        rehearse(&Set::parse("a.toml", text.as_bytes()).unwrap())
    }

    fn sent(rehearsals: &[DryRun]) -> usize {
        rehearsals.iter().flat_map(|rehearsal| &rehearsal.takes).map(|take| take.sent.len()).sum()
    }

    #[test]
    fn what_somebody_plays_is_played_until_it_comes_round() {
        let bars = |patterns: &str| rehearsed(patterns)[0].length.0 / 3_840;
        assert_eq!(bars("[patterns.p]\nt = \"x...\"\n"), 1);
        assert_eq!(bars("[patterns.p]\nt = \"x......\"\n"), 7);
        assert_eq!(bars("[patterns.p]\nbars = 200\nt = \"x......\"\n"), 200);
        assert_eq!(bars("[patterns.p]\nt = \"x/fill . . . .\"\n"), 5);
    }

    #[test]
    fn what_asks_for_too_much_is_played_in_part() {
        // Two million notes a bar, of which all bars would be 128 million.
        let much = "t = { step = \"1/3840\", steps = \"\"\"\nx/2:1024\n".to_owned()
            + &"x*16/1:2 .\n".repeat(31)
            + "\"\"\" }\n";
        let set = format!("[patterns.p]\nbars = 64\n{much}[patterns.q]\nt = \"x...\"\n[patterns.r]\nbars = 64\n{much}");
        let rehearsals = rehearsed(&set);
        assert!(rehearsals[0].length < TickSpan(3_840 * 64) && rehearsals[0].length > TickSpan::ZERO);
        assert_eq!(rehearsals[1].length, TickSpan(3_840), "what is small is played as a whole");
        assert_eq!(rehearsals[0].length, rehearsals[2].length);
        assert!(sent(&rehearsals) as u64 <= 2 * MOST_EVENTS, "{}", sent(&rehearsals));
    }

    #[test]
    fn of_more_patterns_than_there_is_time_for_none_is_played() {
        let many: String = (0..2_000).map(|number| format!("[patterns.p{number}]\nt = \"x...\"\n")).collect();
        let rehearsals = rehearsed(&many);
        assert!(rehearsals.len() == 2_000 && rehearsals.iter().all(|rehearsal| rehearsal.takes.is_empty()));
    }
}
