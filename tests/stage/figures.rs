//! The figures of timing, each with its limit: how far notes and clocks are off the true grid of pulses.
//!
//! True means where the pulses belong and not where they came, found by the median over all of them. Being early counts
//! as much as being late. A figure says nothing of a note on the wrong pulse, so each show is also checked note by note,
//! and so is the master: one that stumbles judges nobody.

use crate::cli::{self, Common};
use crate::grid::{self, Mapping};
use crate::instrument::{Fallible, Stage};
use crate::jitter::{Jitter, Shape};
use crate::player::{self, Collector};
use crate::program::{Program, QUIET, SETTLE, Signal};
use crate::recording::{Message, Port};
use crate::schedule::{PULSES_PER_BAR, Show};
use crate::score::Score;
use crate::show::{Close, KEY, close, endings};
use crate::verdict::{self, Late, Limits, Quantiles, Row, Take};
use crate::{sequencer, sys};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

/// How far the master may be off its own schedule: less than the smallest of the limits.
const MASTER_OFF: Limits = Limits { p99_ns: 1_000, max_ns: 15_000 };

/// A master that jitters is known to a follower after so many bars.
const BARS_TO_LEARN: u32 = 4;

/// The file with the set that follows nobody.
const OWN_CLOCK: &str = "own-clock.toml";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// A steady master is followed
    Steady,
    /// A master whose pulses miss their grid is followed
    Jittered,
    /// Nobody is followed
    Own,
}

#[derive(Args)]
pub struct Arguments {
    /// What is measured, each in a show of its own
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["steady", "jittered", "own"])]
    part: Vec<Part>,
    /// How the jittering master's pulses miss their grid
    #[arg(long, value_enum, default_value = "uniform")]
    jitter: Shape,
    /// By how much: the most, the mean, or the length of a frame
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(..=10_000))]
    jitter_us: u64,
    /// Another seed is another performance of that kind
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the figures are held against, in microseconds, any of notes=P50/P99/MAX,first=P99,clock=P99/MAX,
    /// jittered=P99,own=P99/MAX
    #[arg(long, default_value = "")]
    limits: Wanted,
    /// Figures over their limits do not fail the run; notes on wrong pulses do
    #[arg(long)]
    report_only: bool,
    /// Where the set files are
    #[arg(long, default_value = "/stage/sets")]
    sets: PathBuf,
}

/// The limits of all figures, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// p50, p99, max.
    notes: [i64; 3],
    /// p99.
    first: [i64; 1],
    /// p99, max.
    clock: [i64; 2],
    /// p99; `None`: as the kind of jitter allows.
    jittered: Option<[i64; 1]>,
    /// p99, max.
    own: [i64; 2],
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted {
            notes: [10_000, 20_000, 50_000],
            first: [5_000],
            clock: [5_000, 20_000],
            jittered: None,
            own: [2_000, 15_000],
        }
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Wanted, String> {
        let mut wanted = Wanted::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, values) = part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=LIMITS"))?;
            match name {
                "notes" => wanted.notes = limits(values)?,
                "first" => wanted.first = limits(values)?,
                "clock" => wanted.clock = limits(values)?,
                "jittered" => wanted.jittered = Some(limits(values)?),
                "own" => wanted.own = limits(values)?,
                _ => return Err(format!("there is no figure `{name}`")),
            }
        }
        Ok(wanted)
    }
}

/// As many microseconds as a figure has limits, separated by slashes.
fn limits<const N: usize>(text: &str) -> Result<[i64; N], String> {
    let values: Option<Vec<i64>> = text
        .split('/')
        .map(|value| value.parse::<f64>().ok().filter(|us| us.is_finite() && *us >= 0.0))
        .map(|us| us.map(|us| (us * 1e3).round() as i64))
        .collect();
    values.and_then(|values| values.try_into().ok()).ok_or_else(|| format!("`{text}` is not {N} times microseconds"))
}

impl Wanted {
    /// A follower of late pulses can know its master's grid less well than one of pulses on both sides.
    fn of_jitter(&self, shape: Shape) -> [i64; 1] {
        self.jittered.unwrap_or(match shape {
            Shape::Uniform => [150_000],
            Shape::Late => [300_000],
            Shape::Frames => [100_000],
        })
    }
}

pub fn play(arguments: &Arguments, common: &Common) -> Fallible<Vec<Row>> {
    let jitter = Jitter { shape: arguments.jitter, size_ns: arguments.jitter_us * 1000, seed: arguments.seed };
    let mut rows = Vec::new();
    for part in &arguments.part {
        let stage = sequencer::open()?;
        rows.extend(match part {
            Part::Steady => cli::with_command(&common.program, |program| {
                let (take, checks) = follow(stage, common, program, None)?;
                Ok(steady(&take, checks, &arguments.limits))
            })?,
            Part::Jittered => cli::with_command(&common.program, |program| {
                let (take, checks) = follow(stage, common, program, Some(&jitter))?;
                Ok(jittered(&take, checks, &jitter, arguments.limits.of_jitter(jitter.shape)))
            })?,
            Part::Own => own(stage, common, &arguments.sets, &arguments.limits)?,
        });
    }
    for row in rows.iter_mut().filter(|row| row.what != PLACES && row.what != MASTER) {
        row.binding = !arguments.report_only;
    }
    for row in &rows {
        // For the table over all runs.
        println!("FIGURE\t{}\t{}\t{}\t{}", row.verdict(), row.what, row.expected, row.seen);
    }
    Ok(rows)
}

const PLACES: &str = "  each note on its own pulse, each clock, nothing hangs";
const MASTER: &str = "  the probe's own master off its schedule";

/// Plays a show for a program that follows. Answers with the recording on the true grid, and with all that is not a figure.
fn follow(stage: Stage, common: &Common, program: &mut Program, jitter: Option<&Jitter>) -> Fallible<(Take, Vec<Row>)> {
    let show = Show { bpm: common.bpm, pulses: common.pulses, before: common.before, after: 24, key: KEY };
    let steps = jitter.map_or_else(|| show.schedule(), |jitter| show.jittered(jitter));
    let collector = Collector::start(stage.ears, stage.look)?;

    program.connect(stage.watch.as_ref())?;
    thread::sleep(SETTLE);
    player::start(stage.mouth, steps.clone(), player::soon_ns(), common.priority)?.finish()?;
    let Close { after_stop, ending, at_end } = close(program, collector)?;

    let mapping = Mapping::of(&at_end.heard, &steps)?;
    let grid = (0..show.pulses).map(|pulse| mapping.stamp(show.at_ns_from_first(f64::from(pulse)))).collect();
    let stop = steps.iter().find(|step| step.message == Message::STOP).ok_or("the schedule has no STOP")?;
    let take = Take::on_grid(at_end.heard.clone(), grid, mapping.stamp(stop.at_ns));
    let score = Score::of(&show);
    let mut checks = verdict::counts(&take, &score);
    checks.extend(verdict::relay(&take, &score));
    checks.extend(verdict::places(&take, &score));
    checks.extend(endings(&after_stop, &at_end, &ending));
    let master = Row { what: MASTER.into(), ..verdict::master(&take, &steps, MASTER_OFF) };
    Ok((take, vec![Row::all(PLACES, checks), master]))
}

fn steady(take: &Take, checks: Vec<Row>, wanted: &Wanted) -> Vec<Row> {
    let [p50, p99, max] = wanted.notes;
    let mut rows = vec![
        Row::figure("steady master", String::new()),
        Off::of(verdict::notes_late(take)).judge("  note-ons off the true grid", Some(p50), Some(p99), Some(max)),
        Off::of(verdict::first_late(take)).judge("  first message of a pulse", None, Some(wanted.first[0]), None),
        Off::of(verdict::clocks_late(take)).judge(
            "  clock at the Mono Station",
            None,
            Some(wanted.clock[0]),
            Some(wanted.clock[1]),
        ),
    ];
    rows.extend(checks);
    rows
}

fn jittered(take: &Take, checks: Vec<Row>, jitter: &Jitter, [p99]: [i64; 1]) -> Vec<Row> {
    let learned = |pulse: u32| pulse >= BARS_TO_LEARN * PULSES_PER_BAR;
    let (notes, before): (Vec<Late>, Vec<Late>) =
        verdict::notes_late(take).into_iter().partition(|&(pulse, _)| learned(pulse));
    let clocks = verdict::clocks_late(take).into_iter().filter(|&(pulse, _)| learned(pulse)).collect();
    let off = |late: Vec<Late>| if jitter.centred() { Off::of(late) } else { Off::around_median(late) };
    let from = if jitter.centred() { "the true grid" } else { "their median" };

    let mut rows = vec![
        Row::figure(&format!("jittering master, {jitter}"), String::new()),
        off(notes).judge(&format!("  note-ons off {from}, from bar {}", BARS_TO_LEARN + 1), None, Some(p99), None),
        off(before).judge(&format!("  note-ons off {from}, before"), None, None, None),
        off(clocks).judge("  clock at the Mono Station", None, None, None),
    ];
    rows.extend(checks);
    rows
}

/// The program is the clock: its own grid is the exact tempo through the median of its clocks.
fn own(stage: Stage, common: &Common, sets: &Path, wanted: &Wanted) -> Fallible<Vec<Row>> {
    let set = std::env::temp_dir().join(OWN_CLOCK);
    fs::write(&set, at_tempo(&fs::read_to_string(sets.join(OWN_CLOCK))?, common.bpm))?;
    let mut command = common.program.clone();
    command.push(set.to_string_lossy().into_owned());

    let collector = Collector::start(stage.ears, stage.look)?;
    let pulse_ns = 60e9 / (common.bpm * 24.0);
    let (after_stop, ending) = cli::with_command(&command, |program| {
        program.connect(stage.watch.as_ref())?;
        thread::sleep(SETTLE + Duration::from_nanos((pulse_ns * f64::from(common.pulses)) as u64));
        if let Some(status) = program.ended()? {
            return Err(format!("the program ended during the show: {status}").into());
        }
        let ending = program.end_by(Signal::Int)?;
        thread::sleep(QUIET);
        Ok((collector.so_far(), ending))
    })?;
    let at_end = collector.finish()?;

    let mut heard = at_end.heard.clone();
    heard.sort_by_key(|heard| heard.at_ns);
    let at_mono = || heard.iter().filter(|heard| heard.port == Port::Mono);
    let running = at_mono().skip_while(|heard| heard.message != Message::START);
    let clocks: Vec<u64> = running
        .take_while(|heard| heard.message != Message::STOP)
        .filter(|heard| heard.message == Message::CLOCK)
        .map(|heard| heard.at_ns)
        .collect();
    let stop = at_mono().find(|heard| heard.message == Message::STOP);
    let stop_ns = stop.map_or(sys::now_ns(), |heard| heard.at_ns);
    let take = Take::on_grid(heard.clone(), grid::fit(&clocks, pulse_ns), stop_ns);
    let score = Score::untouched(clocks.len() as u32);
    let mut checks = verdict::counts(&take, &score);
    checks.extend(verdict::relay(&take, &score));
    checks.extend(verdict::places(&take, &score));
    checks.extend(endings(&after_stop, &at_end, &ending));
    let enough = clocks.len() >= common.pulses as usize;
    checks.push(Row::judged("clocks", format!("{} or more", common.pulses), clocks.len().to_string(), enough));

    let [p99, max] = wanted.own;
    Ok(vec![
        Row::figure("own clock", String::new()),
        Off::of(verdict::clocks_late(&take)).judge("  clock off its own grid", None, Some(p99), Some(max)),
        Off::of(verdict::notes_late(&take)).judge("  note-ons off that grid", None, None, None),
        Row::all(PLACES, checks),
    ])
}

/// The set with another tempo.
fn at_tempo(set: &str, bpm: f64) -> String {
    let line = |line: &str| if line.starts_with("tempo") { format!("tempo = {bpm:?}\n") } else { format!("{line}\n") };
    set.lines().map(line).collect()
}

/// How far things are off, to both sides.
struct Off {
    distances: Option<Quantiles>,
    signed: Option<Quantiles>,
    /// What was taken off all of them first.
    median: Option<i64>,
}

impl Off {
    fn of(late: Vec<Late>) -> Off {
        let signed: Vec<i64> = late.into_iter().map(|(_, late_ns)| late_ns).collect();
        let distances = signed.iter().map(|late_ns| late_ns.abs()).collect();
        Off { distances: Quantiles::of(distances), signed: Quantiles::of(signed), median: None }
    }

    fn around_median(late: Vec<Late>) -> Off {
        let median = grid::median(late.iter().map(|&(_, late_ns)| late_ns).collect());
        let around = late.into_iter().map(|(pulse, late_ns)| (pulse, late_ns - median.unwrap_or(0))).collect();
        Off { median, ..Off::of(around) }
    }

    /// Without any limit it is a figure to read. Nothing at all meets no limit.
    fn judge(&self, what: &str, p50: Option<i64>, p99: Option<i64>, max: Option<i64>) -> Row {
        let limits = [("p50", p50), ("p99", p99), ("max", max)];
        let us = |ns: i64| ns as f64 / 1e3;
        let expected: Vec<String> =
            limits.iter().filter_map(|(name, limit)| limit.map(|ns| format!("{name} {}", us(ns)))).collect();
        let (Some(off), Some(signed)) = (&self.distances, &self.signed) else {
            let row = Row::judged(what, expected.join(" / "), "nothing".into(), false);
            return if expected.is_empty() { Row { ok: None, ..row } } else { row };
        };
        let mut seen = format!(
            "p50 {:.1} / p99 {:.1} / max {:.1} us, from {:.1} to {:.1} ({})",
            us(off.p50),
            us(off.p99),
            us(off.max),
            us(signed.min),
            us(signed.max),
            off.count
        );
        if let Some(median) = self.median {
            seen += &format!(", median {:.1}", us(median));
        }
        if expected.is_empty() {
            return Row::figure(what, seen);
        }
        let within = |value: i64, limit: Option<i64>| limit.is_none_or(|limit| value <= limit);
        let ok = within(off.p50, p50) && within(off.p99, p99) && within(off.max, max);
        Row::judged(what, expected.join(" / ") + " us", seen, ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(values: impl IntoIterator<Item = i64>) -> Vec<Late> {
        (0..).zip(values).collect()
    }

    #[test]
    fn early_is_as_wrong_as_late() {
        let row = Off::of(late([-30_000; 100])).judge("", None, Some(20_000), None);
        assert!(row.failed());
        assert!(row.seen.contains("p99 30.0") && row.seen.contains("from -30.0"), "{}", row.seen);
        assert_eq!(Off::of(late([-19_000; 100])).judge("", None, Some(20_000), None).ok, Some(true));
    }

    #[test]
    fn each_limit_can_fail() {
        let off = Off::of(late((1..=100).map(|us| us * 1000)));
        let fails = |p50, p99, max| off.judge("", p50, p99, max).failed();
        assert!(!fails(Some(50_000), Some(99_000), Some(100_000)));
        assert!(fails(Some(49_000), Some(99_000), Some(100_000)));
        assert!(fails(Some(50_000), Some(98_000), Some(100_000)));
        assert!(fails(Some(50_000), Some(99_000), Some(99_000)));
    }

    #[test]
    fn silence_meets_no_limit() {
        assert!(Off::of(Vec::new()).judge("", None, Some(1), None).failed());
        assert_eq!(Off::of(Vec::new()).judge("", None, None, None).ok, None);
    }

    #[test]
    fn a_constant_lag_is_not_off_its_own_median() {
        let off = Off::around_median(late([1_000_000, 1_000_000, 1_050_000]));
        assert_eq!(off.judge("", None, Some(50_000), None).ok, Some(true));
        assert!(off.judge("", None, Some(49_000), None).failed());
    }

    #[test]
    fn limits_from_the_command_line() {
        let wanted: Wanted = "notes=30/40/50.5,jittered=200".parse().unwrap();
        assert_eq!(wanted.notes, [30_000, 40_000, 50_500]);
        assert_eq!(wanted.of_jitter(Shape::Late), [200_000]);
        assert_eq!(Wanted::default().of_jitter(Shape::Uniform), [150_000]);
        assert_eq!(wanted.own, [2_000, 15_000]);
        for mistake in ["notes=30", "first=a", "strange=1", "clock", "own=-1/2"] {
            assert!(mistake.parse::<Wanted>().is_err(), "{mistake}");
        }
    }

    #[test]
    fn the_set_without_a_master_is_the_built_in_one() {
        let own = include_str!("sets/own-clock.toml");
        let music = |set: &str| set[set.find("[ports.circuit]").unwrap()..].to_string();
        assert_eq!(music(own), music(include_str!("../../src/sets/circuits.toml")));
        assert!(!own.contains("[clock]"));
        assert!(at_tempo(own, 97.3).contains("tempo = 97.3\n"));
        assert!(at_tempo(own, 125.0).contains("tempo = 125.0\n"));
    }
}
