//! Going on with a show that was cut short, and keeping what it takes to do so.

use std::io;

use super::checkpoint::{self, Checkpoint, Fresh, Kept};
use crate::blackbox::record::Legacy;
use crate::control::{Call, Caller, Notice};
use crate::engine::ClockSource;
use crate::engine::Engine;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::set::Set;

/// Lets `engine`, which is new, go on with the last show of the set called `name`. What it goes on with, and how, in words.
///
/// # Errors
///
/// [`Fresh`]: why the show begins anew.
pub(crate) fn take_up(name: &str, set: &Set, engine: &mut Engine, clock: Monotonic) -> Result<(Legacy, String), Fresh> {
    let path = checkpoint::path_of(name).ok_or(Fresh::Nothing)?;
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

/// Keeps the show of the set called `name` from now on, where the system lets it. `resumed` says that it goes on with what is kept.
/// What goes wrong with it later is told to `caller`.
///
/// # Errors
///
/// When it cannot be kept.
pub(crate) fn keep(name: &str, resumed: bool, caller: &Caller) -> io::Result<Option<Checkpoint>> {
    let caller = caller.clone();
    let tell = move |text: &str, is_wrong: bool| {
        // Where too many calls wait, the show has other troubles.
        let _ = caller.call(Call::Notice(Notice { text: text.to_owned(), is_wrong }));
    };
    let path = checkpoint::path_of(name).ok_or_else(|| io::Error::other("there is no folder for it"))?;
    Checkpoint::open(path, resumed, tell)
}
