//! Plays the cases of the transport matrix, one after the other, each for a program of its own. One that cannot be played
//! to its end fails and does not keep the others from their turn.

use crate::cases::{self, Case, Event, QUEUES_TAKEN_S, RECONNECT_S};
use crate::cli::Common;
use crate::grid::Mapping;
use crate::instrument::{Fallible, MONO, Stage, Watch};
use crate::matrix::{self, Found};
use crate::player::{self, Collector};
use crate::program::{Program, SETTLE, Signal};
use crate::schedule::PULSES_PER_BAR;
use crate::schedule::Step;
use crate::sequencer::{self, Cable, Lone, Queues};
use crate::show::{Close, close, endings};
use crate::sys;
use crate::verdict::{Limits, Row};
use clap::Args;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// How long before its pulses a cable is plugged in again: enough to open a client of the sequencer.
const PLUG_AHEAD_NS: u64 = 5_000_000;

/// What the program says where the sequencer has no queue for it.
const NO_QUEUE: &str = "the MIDI library failed";

#[derive(Args)]
pub struct Arguments {
    /// Only the cases whose names hold this
    #[arg(long, default_value = "")]
    case: String,
    /// Where the set files are
    #[arg(long, default_value = "/stage/sets")]
    sets: PathBuf,
}

pub fn play(arguments: &Arguments, common: &Common) -> Fallible<Vec<Row>> {
    let cases: Vec<Case> =
        cases::all(common.bpm).into_iter().filter(|case| case.name.contains(&arguments.case)).collect();
    if cases.is_empty() {
        return Err(format!("there is no case `{}`", arguments.case).into());
    }
    let mut rows = Vec::new();
    for case in cases {
        let mut command = common.program.clone();
        if let Some(set) = case.set {
            command.push(arguments.sets.join(set).to_string_lossy().into_owned());
        }
        let (stage, cable) = sequencer::open_with_cable()?;
        let mut program = Program::start(&command, &std::env::temp_dir().join("program.log"))?;
        let again: Vec<String> = command.iter().cloned().chain(["--resume".into()]).collect();
        let own = play_case(&case, common, (&mut program, &again), stage, &cable).unwrap_or_else(|error| {
            let what = format!("{}: played to its end", case.name);
            vec![Row::judged(&what, "yes".into(), error.to_string(), false)]
        });
        if own.iter().any(Row::failed) {
            println!("--- {}: output of {}", case.name, command.join(" "));
            print!("{}", program.output());
            println!("---");
        }
        rows.extend(own);
    }
    Ok(rows)
}

/// Plays a case; the program is started with `again` where it has been killed.
fn play_case(
    case: &Case,
    common: &Common,
    (program, again): (&mut Program, &[String]),
    stage: Stage,
    cable: &Cable,
) -> Fallible<Vec<Row>> {
    let steps = case.steps();
    let Stage { mouth, ears, watch, look, .. } = stage;
    let collector = Collector::start(ears, look)?;
    program.connect(watch.as_ref())?;
    thread::sleep(SETTLE);

    let origin_ns = player::soon_ns();
    let mut own = Vec::new();
    let middle_before = |pulse: u32| origin_ns + case.at_ns(f64::from(pulse) - 0.5);
    let freed_ns = match &case.event {
        Event::Nothing => {
            player::start(mouth, steps.clone(), origin_ns, common.priority)?.finish()?;
            None
        }
        Event::Burst(burst) => {
            player::start(mouth, steps.clone(), origin_ns, common.priority)?.finish()?;
            Some(case.at_ns(f64::from(burst.end - 1)))
        }
        Event::Halted(halt) => {
            let master = player::start(mouth, steps.clone(), origin_ns, common.priority)?;
            sys::sleep_until(middle_before(halt.start));
            program.signal(libc::SIGSTOP)?;
            sys::sleep_until(middle_before(halt.end));
            let freed_ns = sys::now_ns();
            program.signal(libc::SIGCONT)?;
            master.finish()?;
            Some(freed_ns - origin_ns)
        }
        Event::Cut(out) => {
            let master = player::start(mouth, steps.clone(), origin_ns, common.priority)?;
            sys::sleep_until(middle_before(out.start));
            take_all_connections_away()?;
            own.push(found_again(case, watch.as_ref(), Instant::now())?);
            master.finish()?;
            None
        }
        Event::Killed(gone) => {
            let master = player::start(mouth, steps.clone(), origin_ns, common.priority)?;
            sys::sleep_until(middle_before(gone.start));
            program.end_by(Signal::Kill)?;
            *program = Program::start(again, &std::env::temp_dir().join("program.log"))?;
            own.push(found_again(case, watch.as_ref(), Instant::now())?);
            master.finish()?;
            None
        }
        Event::PlayerOut(absent, twin) => {
            let bar_ns = case.at_ns(f64::from(PULSES_PER_BAR));
            let (out_ns, back_ns) = (middle_before(absent.start), middle_before(absent.end));
            let master = player::start(mouth, steps.clone(), origin_ns, common.priority)?;
            sys::sleep_until(out_ns - bar_ns);
            let twin = if *twin { Some(Lone::open(MONO)?) } else { None };
            sys::sleep_until(out_ns);
            cable.pull_mono()?;
            sys::sleep_until(back_ns - PLUG_AHEAD_NS);
            cable.plug_mono()?;
            own.push(found_again(case, watch.as_ref(), Instant::now())?);
            sys::sleep_until(back_ns + bar_ns);
            drop(twin);
            master.finish()?;
            None
        }
        Event::Unplugged(absent) | Event::QueuesTaken(absent) | Event::BothOut(absent) => {
            let both = matches!(case.event, Event::BothOut(_));
            let (out_ns, back_ns) = (middle_before(absent.start), middle_before(absent.end));
            let (before, after): (Vec<Step>, Vec<Step>) =
                steps.iter().partition(|step| origin_ns + step.at_ns < out_ns);
            player::start(mouth, before, origin_ns, common.priority)?.finish()?;
            sys::sleep_until(out_ns);
            cable.pull()?;
            if both {
                cable.pull_mono()?;
            }
            sys::sleep_until(back_ns - PLUG_AHEAD_NS);
            let queues = if matches!(case.event, Event::QueuesTaken(_)) { Some(Queues::take_all()?) } else { None };
            let mouth = cable.plug()?;
            if both {
                cable.plug_mono()?;
            }
            let plugged = Instant::now();
            let master = player::start(mouth, after, origin_ns, common.priority)?;
            if let Some(queues) = queues {
                thread::sleep(Duration::from_secs_f64(QUEUES_TAKEN_S));
                let is_told = program.output().contains(NO_QUEUE);
                own.push(Row::judged(
                    &format!("{}: it says so", case.name),
                    NO_QUEUE.into(),
                    is_told.to_string(),
                    is_told,
                ));
                drop(queues);
            }
            own.push(found_again(case, watch.as_ref(), plugged)?);
            master.finish()?;
            None
        }
    };
    let Close { after_stop, ending, at_end } = close(program, collector)?;

    let mapping = Mapping::of(&at_end.heard, &steps)?;
    let grid = (0..case.pulses).map(|pulse| mapping.stamp(case.at_ns(f64::from(pulse)))).collect();
    let found = Found { heard: after_stop.heard.clone(), grid, freed_ns: freed_ns.map(|at_ns| mapping.stamp(at_ns)) };
    let limits = Limits { p99_ns: common.max_p99_us * 1000, max_ns: common.max_us * 1000 };
    let mut rows = matrix::judge(case, &found, limits);
    rows.extend(own);
    // What hangs is in the rows above.
    let ends = endings(&after_stop, &at_end, &ending).into_iter().filter(|row| !row.what.starts_with("notes hanging"));
    rows.push(Row::all(&format!("{}: the program ends well, nothing is lost", case.name), ends.collect()));
    Ok(rows)
}

/// What people do who tidy up.
fn take_all_connections_away() -> Fallible<()> {
    let status = Command::new("/bin/aconnect").arg("-x").status()?;
    if status.success() { Ok(()) } else { Err(format!("aconnect -x: {status}").into()) }
}

/// Waits for the program to connect itself again to the instrument that is back.
fn found_again(case: &Case, watch: &dyn Watch, plugged: Instant) -> Fallible<Row> {
    let what = format!("{}: found again", case.name);
    let within_s = RECONNECT_S + if matches!(case.event, Event::QueuesTaken(_)) { QUEUES_TAKEN_S } else { 0.0 };
    let expected = format!("within {within_s} s");
    while plugged.elapsed() < Duration::from_secs_f64(within_s) {
        if watch.connections()?.complete() {
            return Ok(Row::judged(&what, expected, format!("after {} ms", plugged.elapsed().as_millis()), true));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(Row::judged(&what, expected, format!("not complete: {:?}", watch.connections()?), false))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAMS: &str = r#"program = { bass = { program = 5, bank = 130 }, pad = 7 }
cc = { bass = { 74 = "64" } }

[tracks.pad]
port = "mono"
channel = 2"#;

    #[test]
    fn the_sets_of_the_cases_are_the_built_in_one_but_for_their_clock() {
        let built_in = include_str!("../../src/sets/circuits.toml");
        let body = |set: &str| set[set.find("name  =").expect("a set has a name")..].to_string();
        for (set, line) in [
            (include_str!("sets/join-now.toml"), "join   = \"now\""),
            (include_str!("sets/hold.toml"), "lost   = \"hold\""),
            (include_str!("sets/programs.toml"), PROGRAMS),
        ] {
            assert_eq!(body(set).replacen(&format!("{line}\n"), "", 1), body(built_in));
            assert!(set.contains(line));
        }
        for case in cases::all(125.0) {
            assert!(
                ["", "join-now.toml", "hold.toml", "programs.toml"].contains(&case.set.unwrap_or("")),
                "{}",
                case.name
            );
        }
    }
}
