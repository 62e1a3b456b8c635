//! The program is the clock while somebody sets the system's time right: the system's clock runs fast or slow for minutes, and
//! the music must not. How long it takes is told by the clock that nobody sets right.

use crate::cli::{self, Common};
use crate::figures::{OWN_CLOCK, at_tempo, await_clock};
use crate::instrument::{Fallible, Stage};
use crate::player::Collector;
use crate::program::{QUIET, Signal};
use crate::recording::{Message, Port};
use crate::schedule::PULSES_PER_BAR;
use crate::sys;
use crate::verdict::{self, Row};
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// By how many per cent the clock runs fast, or slow: as much as chrony lets it.
const SLEWS: [i64; 2] = [8, -8];
/// How long the program may take to notice.
const NOTICED_WITHIN: Duration = Duration::from_millis(600);
const BARS: u32 = 8;

/// Eight bars each, on a clock that runs fast and on one that runs slow. `limit_ns` is for how far they are off their true time.
pub fn play(stage: Stage, common: &Common, sets: &Path, limit_ns: i64) -> Fallible<Vec<Row>> {
    let set = std::env::temp_dir().join(OWN_CLOCK);
    fs::write(&set, at_tempo(&fs::read_to_string(sets.join(OWN_CLOCK))?, common.bpm))?;
    let mut command = common.program.clone();
    command.push(set.to_string_lossy().into_owned());
    let pulse_ns = 60e9 / (common.bpm * 24.0);
    let pulses = BARS * PULSES_PER_BAR;
    let true_ns = (f64::from(pulses) * pulse_ns).round() as i64;

    let collector = Collector::start(stage.ears, stage.look)?;
    let (mut rows, output) = cli::with_command(&command, |program| {
        let mut rows = vec![Row::figure("own clock, the system's clock slewed", format!("{BARS} bars"))];
        await_clock(&collector, 0)?;
        for per_cent in SLEWS {
            sys::slew(per_cent)?;
            thread::sleep(NOTICED_WITHIN);
            let from = sys::slewed_and_raw_ns();
            let heard_before = collector.so_far().heard.len();
            thread::sleep(Duration::from_nanos((f64::from(pulses + 4) * pulse_ns * 1.1) as u64));
            let to = sys::slewed_and_raw_ns();
            sys::slew(0)?;
            thread::sleep(NOTICED_WITHIN);

            let heard = collector.so_far().heard;
            let clocks = heard[heard_before..].iter().filter(|heard| heard.port == Port::Mono);
            let clocks: Vec<u64> =
                clocks.filter(|heard| heard.message == Message::CLOCK).map(|heard| heard.at_ns).collect();
            let taken = clocks.get(pulses as usize).map(|last| last - clocks[0]);
            // Stamps are by the slewed clock.
            let pace = (to.1 - from.1) as f64 / (to.0 - from.0) as f64;
            let off = taken.map(|taken| (taken as f64 * pace).round() as i64 - true_ns);
            let seen = off.map_or("too few clocks".into(), |off| {
                format!("{:.1} us off {} s", off as f64 / 1e3, true_ns as f64 / 1e9)
            });
            let ok = off.is_some_and(|off| off.abs() <= limit_ns);
            let slewed = format!("  their time, {per_cent:+} % (pace {:+.2} %)", 100.0 / pace - 100.0);
            rows.push(Row::judged(&slewed, format!("within {} us", limit_ns / 1000), seen, ok));
        }
        let ending = program.end_by(Signal::Int)?;
        let ended_well = ending.status.is_some_and(|status| status.code() == Some(0));
        rows.push(Row::judged(
            "  the program's end on SIGINT",
            "exit status: 0".into(),
            ending.to_string(),
            ended_well,
        ));
        Ok((rows, program.output()))
    })?;
    thread::sleep(QUIET);
    let at_end = collector.finish()?;
    for said in ["% fast; the tempo is kept", "% slow; the tempo is kept", "at its own rate again"] {
        let is_said = output.contains(said);
        rows.push(Row::judged(&format!("  it says: {said}"), "yes".into(), is_said.to_string(), is_said));
    }
    rows.push(verdict::hanging("  notes hanging after it", &at_end.heard));
    Ok(rows)
}
