//! How long it takes from the program's start until it plays: to its first clock, on a clock of its own.

use crate::cli::{self, Common};
use crate::figures::{OWN_CLOCK, Off, await_clock, rehearse};
use crate::instrument::{Fallible, Stage};
use crate::player::{Collector, Manner};
use crate::program::{QUIET, Signal};
use crate::recording::{Message, Port};
use crate::sys;
use crate::verdict::{self, Late, Row};
use std::path::Path;
use std::thread;

/// How often it is started.
const TIMES: u32 = 5;

pub fn play(stage: Stage, common: &Common, sets: &Path, limit_ns: i64) -> Fallible<Vec<Row>> {
    let mut command = common.program.clone();
    command.push(sets.join(OWN_CLOCK).to_string_lossy().into_owned());
    let (stage, mapping, rehearsed) = rehearse(stage, Manner::Spinning { priority: common.priority })?;
    let collector = Collector::start(stage.ears, stage.look)?;
    let mut took: Vec<Late> = Vec::new();
    for time in 0..TIMES {
        // The process is made within, and belongs to it.
        let begun_ns = mapping.stamp(sys::now_ns());
        let clock_ns = cli::with_quiet_command(&command, |program| {
            await_clock(&collector, begun_ns)?;
            program.end_by(Signal::Int)?;
            let heard = collector.so_far().heard;
            let clocks = heard.iter().filter(|heard| heard.port == Port::Mono && heard.message == Message::CLOCK);
            Ok(clocks.map(|heard| heard.at_ns).find(|at_ns| *at_ns >= begun_ns))
        })?;
        took.extend(clock_ns.map(|clock_ns| (time, (clock_ns - begun_ns) as i64)));
        thread::sleep(QUIET);
    }
    let at_end = collector.finish()?;
    Ok(vec![
        Row::count("starts until a clock is heard", TIMES as usize, took.len()),
        Off::of(took).judge("  from its start to its first clock", None, None, Some(limit_ns)),
        verdict::hanging("  notes hanging after each", &at_end.heard),
        rehearsed,
    ])
}
