//! Each pattern by itself, played for as long as it takes until everything has met everything: what is to be found out about
//! a set is found in this.
//!
//! It is the worst case and not a likely one: what depends on chance always happens. What depends on fills is played with
//! and without.

use super::render::{Plan, Rendering, render};
use crate::engine::pattern::{Condition, Song, Source, Steps};
use crate::engine::program::{Lane, Pattern, PatternSlot, Program, TrackSlot};
use crate::engine::{Command, Switch};
use crate::midi::{Channel, Key};
use crate::set::Set;
use crate::time::{Tick, TickSpan};

/// The most bars of a pattern that are played.
const MOST_BARS: i64 = 64;

/// A pattern, played by itself.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// Which one.
    pub pattern: PatternSlot,
    /// What was played; more than once where it can be played in several ways.
    pub takes: Vec<Rendering>,
}

/// Plays every pattern of a set.
#[must_use]
pub fn rehearse(set: &Set) -> Vec<Rehearsal> {
    let program = certain(&set.program);
    let patterns = (0..).map(PatternSlot).zip(&program.patterns);
    patterns
        .map(|(slot, pattern)| {
            let fills: &[Switch] = if has_fills(pattern) { &[Switch::Off, Switch::On] } else { &[Switch::Off] };
            let takes = fills.iter().filter_map(|&fill| {
                let launch = Command::Launch { pattern: slot, at: None };
                let commands = vec![(Tick::ZERO, launch), (Tick::ZERO, Command::Fill(fill))];
                let whole = Plan { length: comes_round(pattern, program.meter.bar()), commands };
                // Where that is too much, its own length has to do.
                let once = Plan { length: pattern.length.max(TickSpan(1)), ..whole.clone() };
                render(&program, &whole).or_else(|_| render(&program, &once)).ok()
            });
            Rehearsal { pattern: slot, takes: takes.collect() }
        })
        .collect()
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
    let mut guards = lanes(pattern).filter_map(|(_, _, lane)| steps_of(lane)).flat_map(|steps| &steps.guards);
    guards.any(|guard| matches!(guard.condition, Condition::Fill(_)))
}

/// The lanes of a pattern with their tracks, and their numbers there.
pub fn lanes(pattern: &Pattern) -> impl Iterator<Item = (TrackSlot, usize, &Lane)> {
    pattern.clips.iter().flat_map(|clip| clip.lanes.iter().enumerate().map(|(number, lane)| (clip.track, number, lane)))
}

/// The loop of a lane, if it is one.
#[must_use]
pub fn steps_of(lane: &Lane) -> Option<&Steps> {
    match &lane.source {
        Source::Steps(steps) => Some(steps),
        Source::Arp(_) => None,
    }
}

/// After how long all loops of a pattern begin together again; at most [`MOST_BARS`], and at least its own length.
fn comes_round(pattern: &Pattern, bar: TickSpan) -> TickSpan {
    let most = TickSpan((bar.0 * MOST_BARS).max(pattern.length.0));
    let lengths = lanes(pattern).filter_map(|(_, _, lane)| steps_of(lane)).map(|steps| steps.length);
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
        let Some(steps) = steps_of(lane).filter(|steps| steps.length > TickSpan::ZERO) else { return false };
        let straight = lane.swing.straighten(tick - Tick::ZERO);
        let within = TickSpan(straight.0.rem_euclid(steps.length.0));
        let from = steps.events.partition_point(|event| event.at < within);
        let here = steps.events.iter().skip(from).take_while(|event| event.at == within);
        let is_it =
            |action| matches!(action, crate::engine::pattern::Action::Note { key: struck, .. } if struck == key);
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
