//! `play --resume`: goes on with a show that was cut short, and keeps what it takes to do so.

use std::io;

use super::checkpoint::{self, Checkpoint, Fresh, Kept};
use crate::blackbox::record::Legacy;
use crate::cli::args::Play;
use crate::cli::printer::Printer;
use crate::control::{Call, Caller, Notice};
use crate::engine::ClockSource;
use crate::engine::Engine;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::set::Set;

/// Lets `engine`, which is new, go on with the last show of the set, if that is asked for and possible, and says what becomes of
/// it. What it goes on with, if it does.
pub fn take_up(args: &Play, set: &Set, engine: &mut Engine, clock: Monotonic, lines: &mut Printer) -> Option<Legacy> {
    if !args.resume {
        return None;
    }
    match try_take_up(args, set, engine, clock) {
        Ok((legacy, told)) => {
            lines.line(format_args!("resume: {told}"));
            Some(legacy)
        }
        Err(why) => {
            lines.line(format_args!("resume: begins anew, because {why}"));
            None
        }
    }
}

fn try_take_up(args: &Play, set: &Set, engine: &mut Engine, clock: Monotonic) -> Result<(Legacy, String), Fresh> {
    let path = checkpoint::path_of(&args.set).ok_or(Fresh::Nothing)?;
    let machine = checkpoint::since_boot().ok_or(Fresh::Nothing)?;
    let kept = Kept::read(&path, &machine)?;
    let (was, commands) = kept.resumption(set, machine.1)?;
    let legacy = Legacy { at: clock.now(), was, commands };
    let plays = legacy.pass_to(engine, &set.program);
    let (pattern, ago) = kept.told(machine.1);
    let (bar, ..) = set.program.meter.bar_beat_tick(was.position);
    let then = format!("{pattern}, bar {} {:.1} s ago", bar, ago.as_secs_f64());
    let told = match (plays, engine.clock_source()) {
        (true, ClockSource::Port(_)) => format!("plays on with the master's next pulse ({then})"),
        (true, ClockSource::Session) => format!("plays on as soon as the session is there ({then})"),
        (true, ClockSource::Own) => format!("plays on ({then})"),
        (false, _) => format!("as it was when it was stopped ({then})"),
    };
    Ok((legacy, told))
}

/// Keeps the show from now on, where the system lets it. `resumed` says that it goes on with what is kept. What goes wrong with it later
/// is told to `caller`.
pub fn keep(args: &Play, resumed: bool, caller: &Caller, lines: &mut Printer) -> Option<Checkpoint> {
    let caller = caller.clone();
    let tell = move |text: &str, is_wrong: bool| {
        // Where too many calls wait, the show has other troubles.
        let _ = caller.call(Call::Notice(Notice { text: text.to_owned(), is_wrong }));
    };
    let opened = match checkpoint::path_of(&args.set) {
        Some(path) => Checkpoint::open(path, resumed, tell),
        None => Err(io::Error::other("there is no folder for it")),
    };
    opened.unwrap_or_else(|error| {
        lines.line(format_args!("resume: a crash could not be resumed from: {error}"));
        None
    })
}
