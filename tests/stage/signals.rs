//! The program is ended in the middle of a bar, by each of the signals that may end it, while a drum and the bass sound:
//! whatever else is lost, no note may hang.

use crate::cli::Common;
use crate::instrument::{Fallible, Stage};
use crate::player::{self, Collector};
use crate::program::{Ending, Program, QUIET, SETTLE, Signal};
use crate::schedule::{PULSES_PER_BAR, Show};
use crate::show::KEY;
use crate::sys;
use crate::verdict::{self, Row};
use std::thread;

/// When the signal comes, in pulses from the first: the kick of the third quarter (48 to 60) sounds, and so does the bass.
const SIGNAL_AT: f64 = 52.5;

/// Plays one bar, with the signal in it.
pub fn play(stage: Stage, common: &Common, program: &mut Program, signal: Signal) -> Fallible<Vec<Row>> {
    let show = Show { bpm: common.bpm, pulses: PULSES_PER_BAR, before: common.before, after: 0, key: KEY };
    let collector = Collector::start(stage.ears, stage.look)?;
    program.connect(stage.watch.as_ref())?;
    thread::sleep(SETTLE);

    let origin_ns = player::soon_ns();
    let master = player::start(stage.mouth, show.schedule(), origin_ns, common.priority)?;
    sys::sleep_until(origin_ns + show.at_ns_from_first(SIGNAL_AT));
    let sounding = verdict::sounding_count(&collector.so_far().heard);
    let ending = program.end_by(signal)?;
    // The rest of the bar goes on without the program, as the instruments would.
    master.finish()?;
    thread::sleep(QUIET);
    let at_end = collector.finish()?;

    let of = |what: &str| format!("{signal:?}: {what}");
    Ok(vec![
        Row::judged(&of("notes that sound before"), "2 or more".into(), sounding.to_string(), sounding >= 2),
        verdict::hanging(&of("notes that hang after"), &at_end.heard),
        judge(&of("the program's end"), &ending, signal),
    ])
}

/// Ctrl-C is the ordinary way to leave, and no error. What the other signals leave as a status is the program's choice, as
/// long as it was not simply killed by them.
fn judge(what: &str, ending: &Ending, signal: Signal) -> Row {
    let code = ending.status.and_then(|status| status.code());
    let (expected, ok) = match signal {
        Signal::Int => ("exit status: 0", code == Some(0)),
        Signal::Term | Signal::Hup => ("any exit status", code.is_some()),
        Signal::Kill => ("killed", ending.status.is_some() && code.is_none()),
    };
    Row::judged(what, expected.into(), ending.to_string(), ok)
}
