//! For tests: what a line plays, in a compact text.
//!
//! Passes stand apart by ` | `, notes by white space; `-` is a pass without notes. `4:c2` is c2 on step 4, counted from 0; parts of steps are decimals. A
//! velocity that is not 100, a gate that is not half a step (in per cent of one) and legato are written as in steps:
//! `0:c2:70=100~`. Values are `0:{74=30}`. On drums, keys are the letters of the kit.

use crate::engine::lanes::chance::{draw, scaled};
use crate::engine::program::{Action, Condition, Event, Source, Steps, Target};
use crate::midi::Key;
use crate::set::Set;
use crate::time::TickSpan;

/// Steps of 100 ticks, so that per cents are ticks.
const STEP: i64 = 100;

/// Returns what stands before the line on a track with drums, or on one with notes.
pub(crate) fn set(kit: bool, line: &str) -> String {
    let track = if kit { "kit = { k = 60, s = 62, h = 64, o = 65 }" } else { "note = \"c2\"" };
    format!(
        "scale = \"c minor\"\n[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n{track}\n\
        [patterns.p]\nt = {{ step = \"5/192\", steps = \"\"\"{line}\"\"\" }}\n"
    )
}

/// Returns what a line plays on the first `passes`, or the messages of its mistakes. There is no fill.
pub(crate) fn heard(kit: bool, line: &str, passes: i64) -> Result<String, Vec<String>> {
    let set = Set::parse("a.toml", set(kit, line).as_bytes())
        .map_err(|mistakes| mistakes.list().iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>())?;
    let lane = &set.program.patterns[0].clips[0].lanes[0];
    let Source::Steps(steps) = &lane.source else { panic!("an arpeggio") };
    let pass = |pass: i64| {
        // What is early on the first step has no pass before the first one to be played in.
        let early = steps.early.iter().filter(|_| pass == 0).map(|&index| &steps.events[index as usize]);
        let early = early.filter(|event| plays(steps, event, lane.seed, -1, false));
        let first = early.map(|event| words(&Event { at: TickSpan::ZERO, ..*event }, kit));
        let played = steps.events.iter().filter(|event| plays(steps, event, lane.seed, pass, false));
        let words: Vec<String> = first.chain(played.map(|event| words(event, kit))).collect();
        if words.is_empty() { "-".to_owned() } else { words.join(" ") }
    };
    Ok((0..passes).map(pass).collect::<Vec<_>>().join(" | "))
}

/// Returns whether an event is played in a pass, as the engine decides it.
pub(crate) fn plays(steps: &Steps, event: &Event, seed: u64, pass: i64, fill: bool) -> bool {
    let own = pass + i64::from(event.turn);
    let mut next = event.guard;
    while let Some(guard) = next.map(|index| steps.guards[index.index()]) {
        let turn = |of: u32| own.rem_euclid(i64::from(of)) as u32;
        let holds = match guard.condition {
            Condition::Turn { turn: wanted, of } => turn(of) == wanted,
            Condition::NotTurn { turn: unwanted, of } => turn(of) != unwanted,
            Condition::TurnAmong { turn: wanted, of, left_out, each } => {
                let counts = |pass: i64| pass.rem_euclid(i64::from(each)) as u32 != left_out;
                // Which pass of those that count it is, counted one by one.
                let before = (0..own).filter(|&pass| counts(pass)).count() as u32;
                counts(own) && before % of == wanted
            }
            Condition::Once => own == 0,
            Condition::Chance { percent, die } => scaled(draw(seed, own, die), 100) < u64::from(percent),
            Condition::Side { side, of, die } => scaled(draw(seed, own, die), u64::from(of)) == u64::from(side),
            Condition::Fill(wanted) => fill == wanted,
        };
        if !holds {
            return false;
        }
        next = guard.next;
    }
    own >= 0
}

fn words(event: &Event, kit: bool) -> String {
    let decimal = |ticks: i64| {
        let text = format!("{}.{:02}", ticks / STEP, ticks % STEP);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let at = decimal(event.at.0);
    match event.action {
        Action::Note { key, velocity, legato } => {
            let mut words = format!("{at}:{}", name(key, kit));
            if velocity.value() != 100 {
                words.push_str(&format!(":{}", velocity.value()));
            }
            if event.gate.0 != STEP / 2 {
                words.push_str(&format!("={}", event.gate.0));
            }
            words + if legato { "~" } else { "" }
        }
        Action::Prepare(target, value) => {
            let target = match target {
                Target::Controller(number) => number.to_string(),
                other => format!("{other:?}"),
            };
            format!("{at}:{{{target}={value}}}")
        }
        other => panic!("{other:?}"),
    }
}

fn name(key: Key, kit: bool) -> String {
    const NAMES: [&str; 12] = ["c", "c#", "d", "eb", "e", "f", "f#", "g", "ab", "a", "bb", "b"];
    match key.number() {
        60 if kit => "k".to_owned(),
        62 if kit => "s".to_owned(),
        64 if kit => "h".to_owned(),
        65 if kit => "o".to_owned(),
        number => format!("{}{}", NAMES[usize::from(number % 12)], i32::from(number) / 12 - 2),
    }
}
