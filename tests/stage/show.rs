//! A show from its beginning to its end: the program connects itself, the master plays its part and stops, the program is
//! interrupted, and what was heard is judged.

use crate::cli::Common;
use crate::instrument::{Fallible, Stage};
use crate::player::{self, Collected, Collector};
use crate::program::{Ending, Program, QUIET, SETTLE, Signal};
use crate::recording::Note;
use crate::schedule::Show;
use crate::score::Score;
use crate::verdict::{self, Limits, Row, Take};
use std::thread;

/// The key that is played half way; not the bass as the set begins it.
pub const KEY: Note = Note { channel: 1, key: 50 };

pub fn play(stage: Stage, common: &Common, program: &mut Program) -> Fallible<Vec<Row>> {
    let show = Show { bpm: common.bpm, pulses: common.pulses, before: common.before, after: 24, key: KEY };
    let steps = show.schedule();
    let collector = Collector::start(stage.ears, stage.look)?;

    let connected_after = program.connect(stage.watch.as_ref())?;
    thread::sleep(SETTLE);
    player::start(stage.mouth, steps.clone(), player::soon_ns(), common.priority)?.finish()?;
    let Close { after_stop, ending, at_end } = close(program, collector)?;

    let score = Score::of(&show);
    let take = Take::of(at_end.heard.clone())?;
    let limits = Limits { p99_ns: common.max_p99_us * 1000, max_ns: common.max_us * 1000 };
    let mut rows = verdict::counts(&take, &score);
    rows.extend(verdict::relay(&take, &score));
    rows.extend(verdict::places(&take, &score));
    rows.extend(endings(&after_stop, &at_end, &ending));
    rows.push(verdict::master(&take, &steps, verdict::MASTER_OFF));
    rows.extend(verdict::timing(&take, stage.exact.then_some(limits)));
    rows.push(Row::figure("from its start to its connections", format!("{} ms", connected_after.as_millis())));
    Ok(rows)
}

/// How a show came to its end.
pub struct Close {
    /// What was heard up to the quiet after STOP, while the program was still there.
    pub after_stop: Collected,
    /// How the program ended.
    pub ending: Ending,
    /// All that was heard.
    pub at_end: Collected,
}

/// The close of a show whose master has stopped: a quiet, Ctrl-C, and another quiet. Fails if the program has not lived to
/// see it.
pub fn close(program: &mut Program, collector: Collector) -> Fallible<Close> {
    thread::sleep(QUIET);
    if let Some(status) = program.ended()? {
        return Err(format!("the program ended during the show: {status}").into());
    }
    let after_stop = collector.so_far();
    let ending = program.end_by(Signal::Int)?;
    thread::sleep(QUIET);
    Ok(Close { after_stop, ending, at_end: collector.finish()? })
}

pub fn endings(after_stop: &Collected, at_end: &Collected, ending: &Ending) -> Vec<Row> {
    let ended_well = ending.status.is_some_and(|status| status.code() == Some(0));
    vec![
        verdict::hanging("notes hanging after STOP", &after_stop.heard),
        verdict::hanging("notes hanging after the program's end", &at_end.heard),
        Row::judged("the program's end on SIGINT", "exit status: 0".into(), ending.to_string(), ended_well),
        Row::count("times that arrivals were lost", 0, at_end.lost),
    ]
}
