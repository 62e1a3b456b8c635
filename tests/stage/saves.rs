//! A set file that is saved again and again while it plays: no note may be missed, moved or left hanging, whatever an editor
//! makes of the file, and what was saved must play from a bar on.

use crate::cli::{self, Common};
use crate::editor::{Editor, Save};
use crate::instrument::Fallible;
use crate::player::{self, Collector};
use crate::program::SETTLE;
use crate::recording::Port;
use crate::schedule::{PULSES_PER_BAR, Show};
use crate::score::Score;
use crate::show::{Close, KEY, close, endings};
use crate::verdict::{self, Row, Take};
use crate::{sequencer, sys};
use clap::Args;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

/// The set that is saved, and how hard its drums are struck.
const SET: &str = include_str!("../../src/sets/circuits.toml");
const AT_FIRST: u8 = 127;

/// How often it is saved.
const EVERY_NS: u64 = 100_000_000;

#[derive(Args)]
pub struct Arguments {
    /// How often the file is saved, ten times a second
    #[arg(long, default_value_t = 200)]
    saves: u32,
    /// Another seed is another editor
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn play(arguments: &Arguments, common: &Common) -> Fallible<Vec<Row>> {
    let set = std::env::temp_dir().join("saved.toml");
    fs::write(&set, SET)?;
    let mut command = common.program.clone();
    command.push(set.to_string_lossy().into_owned());

    let show = Show { bpm: common.bpm, pulses: common.pulses, before: common.before, after: 24, key: KEY };
    let steps = show.schedule();
    let stage = sequencer::open()?;
    let collector = Collector::start(stage.ears, stage.look)?;
    let (Close { after_stop, ending, at_end }, saves, output) = cli::with_command(&command, |program| {
        program.connect(stage.watch.as_ref())?;
        thread::sleep(SETTLE);
        let origin_ns = player::soon_ns();
        let first_ns = origin_ns + show.at_ns_from_first(0.0);
        let editor = edit(set.clone(), arguments.seed, arguments.saves, first_ns)?;
        player::start(stage.mouth, steps.clone(), origin_ns, common.priority)?.finish()?;
        let saves = editor.join().map_err(|_| "the editor panicked")??;
        Ok((close(program, collector)?, saves, program.output()))
    })?;

    let take = Take::of(at_end.heard.clone())?;
    let score = Score::of(&show);
    let mut rows = vec![Row::count("saves", arguments.saves as usize, saves.len())];
    rows.extend(verdict::counts(&take, &score));
    rows.extend(verdict::relay(&take, &score));
    rows.extend(verdict::places(&take, &score));
    rows.extend(endings(&after_stop, &at_end, &ending));
    rows.push(verdict::master(&take, &steps, verdict::MASTER_OFF));
    rows.extend(verdict::timing(&take, None));
    rows.extend(taken_over(&drums(&take), &saves));
    rows.extend(said(&output, &saves));
    Ok(rows)
}

/// Saves the set so many times from `first_ns` on.
fn edit(set: PathBuf, seed: u64, count: u32, first_ns: u64) -> Fallible<JoinHandle<Fallible<Vec<Save>>>> {
    let mut editor = Editor::open(SET, seed);
    let saves: Vec<Save> = (1..=count).map(|save| editor.save(save < count)).collect();
    Ok(thread::Builder::new().name("editor".into()).spawn(move || {
        for (place, save) in (0..).zip(&saves) {
            sys::sleep_until(first_ns + place * EVERY_NS);
            save.perform(&set)?;
        }
        Ok(saves)
    })?)
}

/// The bar and velocity of each drum, in order of time.
fn drums(take: &Take) -> Vec<(u32, u8)> {
    let drums = take.played().iter().filter(|played| played.port == Port::Circuit);
    drums.filter_map(|played| Some((played.pulse? / PULSES_PER_BAR, played.velocity))).collect()
}

/// The drums tell which save plays: one in each bar, and nearly each bar another.
fn taken_over(drums: &[(u32, u8)], saves: &[Save]) -> Vec<Row> {
    let saved: BTreeSet<u8> = saves.iter().filter(|save| !save.is_wrong).map(|save| save.velocity).collect();
    let strange = drums.iter().filter(|(_, velocity)| *velocity != AT_FIRST && !saved.contains(velocity)).count();
    let in_bar = drums.windows(2).filter(|pair| pair[0].0 == pair[1].0 && pair[0].1 != pair[1].1);
    let at_bar = drums.windows(2).filter(|pair| pair[0].0 != pair[1].0 && pair[0].1 != pair[1].1).count();
    let bars = drums.last().map_or(0, |(bar, _)| *bar as usize);
    // What is heard in two bars may be the same by chance.
    let at_least = (bars * 3).div_ceil(4);
    vec![
        Row::count("drums as no save has them", 0, strange),
        Row::count("saves taken over within a bar", 0, in_bar.count()),
        Row::judged(
            "saves taken over at a bar line",
            format!("{at_least} or more of {bars}"),
            at_bar.to_string(),
            at_bar >= at_least && at_bar > 0,
        ),
    ]
}

/// What the program said of the saves.
fn said(output: &str, saves: &[Save]) -> Vec<Row> {
    let times = |words: &str| output.matches(words).count();
    let wrong = saves.iter().filter(|save| save.is_wrong).count();
    let some = |what: &str, at_least: usize, seen: usize| {
        Row::judged(what, format!("{at_least} or more"), seen.to_string(), seen >= at_least)
    };
    vec![
        // Some saves come before the one ahead of them has been read.
        some("times it said that a save will play", saves.len() / 3, times("and plays from the next bar on")),
        some("times it said what is wrong with one", wrong / 3, times("the show goes on with the set that it has")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(velocities: &[u8]) -> Vec<Save> {
        let save = |&velocity| Save { strokes: Vec::new(), text: String::new(), is_wrong: velocity == 99, velocity };
        velocities.iter().map(save).collect()
    }

    fn verdicts(drums: &[(u32, u8)]) -> Vec<bool> {
        let saves = saved(&[40, 50, 60, 99]);
        taken_over(drums, &saves).iter().map(|row| !row.failed()).collect()
    }

    #[test]
    fn each_check_of_what_was_taken_over_can_fail() {
        assert_eq!(verdicts(&[(0, 127), (0, 127), (1, 40), (1, 40), (2, 50), (3, 60)]), [true, true, true]);
        assert_eq!(verdicts(&[(0, 127), (1, 99), (2, 50), (3, 60)]), [false, true, true]);
        assert_eq!(verdicts(&[(0, 127), (1, 40), (1, 50), (2, 60), (3, 50)]), [true, false, true]);
        assert_eq!(verdicts(&[(0, 127), (1, 127), (2, 127), (3, 127)]), [true, true, false]);
        assert_eq!(verdicts(&[]), [true, true, false]);
    }
}
