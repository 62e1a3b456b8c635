//! The figures of timing, each with its limit: how far notes and clocks are off the true grid of pulses.
//!
//! True means where the pulses belong and not where they came. Being early counts as much as being late. Where a pulse is
//! stamped that belongs at a time is found before the program is there, by a rehearsal: later, what the program does may
//! delay the pulses that it is to follow. A figure says nothing of a note on the wrong pulse, so each show is also checked
//! note by note, and so is the master: one that stumbles on a kernel that does not preempt judges nobody.
//!
//! A steady master is played in two manners. The machine on the table is a thread that a timer's interrupt wakes, at the
//! priority of the kernel's interrupt threads, and that delivers its pulse at once: this is how a pulse reaches a program
//! under PREEMPT_RT. The other one is a program that shares the processor, above everyone, and spins up to its pulse. It
//! holds the only processor from 20 us before the pulse until 6 us after its stamp (the rest of its write, and going to
//! sleep), which is more than the whole limit, so its figures have limits of their own.

use crate::cli::{self, Common, Launch};
use crate::grid::{self, Mapping};
use crate::instrument::{Fallible, Stage};
use crate::jitter::{Jitter, Random, Shape};
use crate::player::{self, Collector, Manner};
use crate::program::{QUIET, SETTLE, Signal};
use crate::recording::{Heard, Message, Port};
use crate::schedule::{PULSES_PER_BAR, Show, Step};
use crate::score::Score;
use crate::show::{Close, KEY, close, endings};
use crate::verdict::{self, Late, Limits, Quantiles, Row, Take};
use crate::{hands, live, log, sequencer, slew, start, sys};
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

/// How far a master that spins may be off its own schedule: less than the smallest of the limits.
const MASTER_OFF: Limits = Limits { p99_ns: 1_000, max_ns: 15_000 };

/// The same of one that is woken: less than half of the smallest limit that it judges. It takes longer to wake up on a
/// processor that sleeps as well than on one that works, by up to 1.5 us.
const WOKEN_OFF: Limits = Limits { p99_ns: 2_000, max_ns: 15_000 };

/// A master that jitters is known to a follower after so many bars.
const BARS_TO_LEARN: u32 = 4;

/// How many pulses a master sends before the program is started, and how far apart: so many that the 99th percentile is not
/// the worst of them.
const REHEARSED: u64 = 200;
const REHEARSED_NS: u64 = 5_000_000;

/// The file with the set that follows nobody.
pub const OWN_CLOCK: &str = "own-clock.toml";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// A steady master is followed, a machine on the table
    Steady,
    /// A steady master is followed that takes the program's processor for every pulse
    Spinning,
    /// A master whose pulses miss their grid is followed
    Jittered,
    /// A steady master is followed that begins its pulses anew at START, in one burst with the first
    Anew,
    /// Nobody is followed
    Own,
    /// The same while the system's clock is slewed
    Slewed,
    /// A steady master is followed, with nothing beside the show and then with all that a stage has beside it
    Live,
    /// Keys go on to an instrument
    Thru,
    /// Pads launch patterns
    Pads,
    /// The program is started again and again
    Start,
}

#[derive(Args)]
pub struct Arguments {
    /// What is measured, each in a show of its own
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = ["steady", "spinning", "jittered", "anew", "own", "slewed", "live", "thru", "pads", "start"]
    )]
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
    /// What the figures are held against, in microseconds, any of notes=P50/P99/MAX,first=P99,clock=P99/MAX, the same
    /// three as spinning-notes and so on, and as anew-notes and so on, jittered=P99,own=P99/MAX,slewed=MAX,thru=MAX,
    /// pads=MAX,start=MAX
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
    steady: Steady,
    /// Where the master holds the processor for every pulse.
    spinning: Steady,
    /// Where the master begins its pulses anew.
    anew: Steady,
    /// p99; `None`: as the kind of jitter allows.
    jittered: Option<[i64; 1]>,
    /// p99, max.
    own: [i64; 2],
    /// How far eight bars may be off their time.
    slewed: [i64; 1],
    /// The most that a key, a launch and the program's start may take.
    thru: [i64; 1],
    pads: [i64; 1],
    start: [i64; 1],
}

/// The limits of the figures of a steady master.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Steady {
    /// p50, p99, max.
    notes: [i64; 3],
    /// p99.
    first: [i64; 1],
    /// p99, max.
    clock: [i64; 2],
}

impl Default for Wanted {
    fn default() -> Wanted {
        let steady = Steady { notes: [10_000, 20_000, 50_000], first: [5_000], clock: [5_000, 20_000] };
        Wanted {
            spinning: steady.clone(),
            anew: steady.clone(),
            steady,
            jittered: None,
            own: [2_000, 15_000],
            slewed: [1_000_000],
            thru: [15_000],
            pads: [50_000_000],
            start: [100_000_000],
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
                "notes" => wanted.steady.notes = limits(values)?,
                "first" => wanted.steady.first = limits(values)?,
                "clock" => wanted.steady.clock = limits(values)?,
                "spinning-notes" => wanted.spinning.notes = limits(values)?,
                "spinning-first" => wanted.spinning.first = limits(values)?,
                "spinning-clock" => wanted.spinning.clock = limits(values)?,
                "anew-notes" => wanted.anew.notes = limits(values)?,
                "anew-first" => wanted.anew.first = limits(values)?,
                "anew-clock" => wanted.anew.clock = limits(values)?,
                "jittered" => wanted.jittered = Some(limits(values)?),
                "own" => wanted.own = limits(values)?,
                "slewed" => wanted.slewed = limits(values)?,
                "thru" => wanted.thru = limits(values)?,
                "pads" => wanted.pads = limits(values)?,
                "start" => wanted.start = limits(values)?,
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
    let spinning = Manner::Spinning { priority: common.priority };
    let plain = Launch { command: &common.program, on_terminal: false, last_lines: usize::MAX };
    for part in &arguments.part {
        let stage = sequencer::open()?;
        let mut judged = match part {
            Part::Steady => {
                let Followed { take, checks, .. } =
                    follow(stage, common, Manner::Interrupting, Show::schedule, &plain)?;
                steady("steady master", &take, checks, &arguments.limits.steady)
            }
            Part::Spinning => {
                let Followed { take, checks, .. } = follow(stage, common, spinning, Show::schedule, &plain)?;
                steady("steady master that holds the processor", &take, checks, &arguments.limits.spinning)
            }
            Part::Jittered => {
                let Followed { take, checks, .. } =
                    follow(stage, common, spinning, |show| show.jittered(&jitter), &plain)?;
                jittered(&take, checks, &jitter, arguments.limits.of_jitter(jitter.shape))
            }
            Part::Anew => anew(stage, common, arguments, &plain)?,
            Part::Slewed => slew::play(stage, common, &arguments.sets, arguments.limits.slewed[0])?,
            Part::Own => own(stage, common, &arguments.sets, &arguments.limits)?,
            Part::Live => live(stage, common)?,
            Part::Thru => hands::thru(stage, common, &arguments.sets, arguments.limits.thru[0])?,
            Part::Pads => hands::pads(stage, common, &arguments.sets, Some(arguments.limits.pads[0]))?,
            Part::Start => start::play(stage, common, &arguments.sets, arguments.limits.start[0])?,
        };
        if !preempts() {
            unless_it_stumbles(&mut judged);
        }
        rows.extend(judged);
    }
    for row in rows.iter_mut().filter(|row| ![PLACES, MASTER, MASTER_THEN, log::SAME].contains(&row.what.as_str())) {
        row.binding &= !arguments.report_only;
    }
    for row in &rows {
        // For the table over all runs.
        println!("FIGURE\t{}\t{}\t{}\t{}", row.verdict(), row.what, row.expected, row.seen);
    }
    Ok(rows)
}

pub const PLACES: &str = "  each note on its own pulse, each clock, nothing hangs";
const MASTER: &str = "  the probe's own master off its schedule, alone";
const MASTER_THEN: &str = "  its pulses' delivery off its schedule, in the show";

/// Whether the kernel preempts everything for a real-time thread, so that a master that stumbles is a fault of the probe.
fn preempts() -> bool {
    std::fs::read_to_string("/proc/version").is_ok_and(|version| version.contains("PREEMPT_RT"))
}

/// A master that stumbles though no program is there, on a kernel that does not preempt for it, judges nobody: its figures
/// are shown. Notes on wrong pulses are wrong all the same.
fn unless_it_stumbles(rows: &mut [Row]) {
    if rows.iter().any(|row| row.what == MASTER && row.failed()) {
        rows.iter_mut()
            .filter(|row| ![PLACES, log::SAME].contains(&row.what.as_str()))
            .for_each(|row| row.binding = false);
    }
}

/// How a master is heard while no program is there: the true times of its pulses are found so, whatever the program does to
/// their delivery later.
pub fn rehearse(stage: Stage, manner: Manner) -> Fallible<(Stage, Mapping, Row)> {
    let Stage { mouth, mut ears, watch, look, exact } = stage;
    let origin_ns = player::soon_ns();
    let clock = |pulse| Step { at_ns: pulse * REHEARSED_NS, message: Message::CLOCK };
    let steps: Vec<Step> = (0..REHEARSED).map(clock).collect();
    let mouth = player::start_as(manner, mouth, steps.clone(), origin_ns)?.finish()?;
    let mut heard = Vec::new();
    ears.collect(&mut heard)?;
    let absolute: Vec<Step> = steps.iter().map(|step| Step { at_ns: origin_ns + step.at_ns, ..*step }).collect();
    let mapping = Mapping::of(&heard, &absolute)?;
    let at_ear = heard.iter().filter(|heard| heard.port == Port::Ear).zip(&absolute);
    let off = (0..).zip(at_ear.map(|(heard, step)| heard.at_ns as i64 - mapping.stamp(step.at_ns) as i64)).collect();
    let allowed = match manner {
        Manner::Spinning { .. } => MASTER_OFF,
        Manner::Interrupting => WOKEN_OFF,
    };
    let row = Off::of(off).judge(MASTER, None, Some(allowed.p99_ns), Some(allowed.max_ns));
    Ok((Stage { mouth, ears, watch, look, exact }, mapping, row))
}

/// A show of a program that followed.
struct Followed {
    /// The recording on the true grid.
    take: Take,
    /// All that is not a figure.
    checks: Vec<Row>,
    /// How much memory the program had locked, in KiB.
    locked_kib: Option<u64>,
    /// How many bytes it had drawn.
    drawn: usize,
}

/// Plays a show for a program that follows.
fn follow(
    stage: Stage,
    common: &Common,
    manner: Manner,
    schedule: impl Fn(&Show) -> Vec<Step>,
    launch: &Launch<'_>,
) -> Fallible<Followed> {
    let show = Show { bpm: common.bpm, pulses: common.pulses, before: common.before, after: 24, key: KEY };
    let steps = schedule(&show);
    let (stage, mapping, rehearsed) = rehearse(stage, manner)?;
    let collector = Collector::start(stage.ears, stage.look)?;

    let (origin_ns, (locked_kib, drawn), Close { after_stop, ending, at_end }) =
        cli::with_launched(launch, |program| {
            program.connect(stage.watch.as_ref())?;
            thread::sleep(SETTLE);
            let origin_ns = player::soon_ns();
            player::start_as(manner, stage.mouth, steps.clone(), origin_ns)?.finish()?;
            Ok((origin_ns, (program.locked_kib(), program.drawn()), close(program, collector)?))
        })?;

    let true_ns = |at_ns: u64| mapping.stamp(origin_ns + at_ns);
    let grid = (0..show.pulses).map(|pulse| true_ns(show.at_ns_from_first(f64::from(pulse)))).collect();
    let stop = steps.iter().find(|step| step.message == Message::STOP).ok_or("the schedule has no STOP")?;
    let take = Take::on_grid(at_end.heard.clone(), grid, true_ns(stop.at_ns));
    let score = Score::of(&show);
    let mut checks = verdict::counts(&take, &score);
    checks.extend(verdict::relay(&take, &score));
    checks.extend(verdict::places(&take, &score));
    checks.extend(endings(&after_stop, &at_end, &ending));

    // The clock that is sent on alone is so many.
    let replayed = log::replay(&common.program[0], common.pulses as usize)?;

    let ear = at_end.heard.iter().filter(|heard| heard.port == Port::Ear);
    let delivered = Off::of(
        (0..).zip(ear.zip(&steps).map(|(heard, step)| heard.at_ns as i64 - true_ns(step.at_ns) as i64)).collect(),
    );
    let delivered = match manner {
        // Nothing runs before this one.
        // A pulse may come while the kernel sends for the program, and cannot be preempted.
        Manner::Spinning { .. } => delivered.judge(MASTER_THEN, None, Some(WOKEN_OFF.p99_ns), Some(MASTER_OFF.max_ns)),
        Manner::Interrupting => delivered.judge(MASTER_THEN, None, None, None),
    };
    Ok(Followed { take, checks: vec![Row::all(PLACES, checks), rehearsed, delivered, replayed], locked_kib, drawn })
}

fn steady(what: &str, take: &Take, checks: Vec<Row>, wanted: &Steady) -> Vec<Row> {
    let [p50, p99, max] = wanted.notes;
    let mut rows = vec![
        Row::figure(what, String::new()),
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

/// How far off the old grid a master begins its pulses anew, in pulses: more than a quarter, to either side.
const OFF_THE_GRID: f64 = 0.3;

/// A master that begins its pulses anew at START, somewhere between those of the old grid.
fn anew(stage: Stage, common: &Common, arguments: &Arguments, launch: &Launch<'_>) -> Fallible<Vec<Row>> {
    let mut random = Random(arguments.seed);
    let off = OFF_THE_GRID + (1.0 - 2.0 * OFF_THE_GRID) * random.share();
    let after = off + random.below(2) as f64;
    let schedule = |show: &Show| show.begun_anew(after);
    let Followed { take, checks, .. } = follow(stage, common, Manner::Interrupting, schedule, launch)?;
    let what = format!("START and its pulse in one burst, {after:.2} pulses after the last");
    Ok(steady(&what, &take, checks, &arguments.limits.anew))
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

/// How much later note-ons may be, 99 of 100, when the stage is alive, and how much memory may be locked.
const LIVE_RATIO: f64 = 1.5;
const LOCKED_MIB: f64 = 32.0;

/// A screen that is drawn for a whole show is more than this; lines are less.
const DRAWN_KB: usize = 20;

/// The same show twice: with nothing beside it, and on a terminal, with a flood of OSC and a set file that is saved each
/// second.
fn live(stage: Stage, common: &Common) -> Fallible<Vec<Row>> {
    const SET: &str = include_str!("../../src/sets/circuits.toml");
    let set = std::env::temp_dir().join("live.toml");
    fs::write(&set, SET)?;
    let command = |options: &[&str]| {
        let words = [&common.program[0], "play", &set.to_string_lossy()].map(str::to_owned);
        words.into_iter().chain(options.iter().map(|&option| option.to_owned())).collect::<Vec<_>>()
    };
    let p99 = |take: &Take| Off::of(verdict::notes_late(take)).distances.map_or(i64::MAX, |off| off.p99);
    let notes = |what: &str, take: &Take| Off::of(verdict::notes_late(take)).judge(what, None, None, None);

    let alone = Launch { command: &command(&["--plain"]), on_terminal: false, last_lines: usize::MAX };
    let quiet = follow(stage, common, Manner::Interrupting, Show::schedule, &alone)?;
    let (flood, saves) = (live::flood()?, live::saves(&set, SET)?);
    let drawn = Launch { command: &command(&["--osc", live::OSC]), on_terminal: true, last_lines: usize::MAX };
    let mut alive = follow(sequencer::open()?, common, Manner::Interrupting, Show::schedule, &drawn)?;
    // It rehearses in the flood.
    alive.checks.iter_mut().filter(|row| row.what == MASTER).for_each(|row| row.binding = false);
    let disturbed = format!("{} packets, {} saves", flood.rounds() * live::PACKETS, saves.rounds());

    let ratio = p99(&alive.take) as f64 / p99(&quiet.take) as f64;
    let locked = alive.locked_kib.map_or(0.0, |kib| kib as f64 / 1024.0);
    let within = |what: &str, limit: f64, value: f64, unit: &str| {
        Row::judged(what, format!("{limit}{unit}"), format!("{value:.2}{unit}"), value > 0.0 && value <= limit)
    };
    let mut rows = vec![
        Row::figure("a live stage: screen, OSC flood, saves", disturbed),
        notes("  note-ons off the true grid", &alive.take),
        notes("  the same with nothing beside the show", &quiet.take),
        within("  their p99, live to quiet", LIVE_RATIO, ratio, ""),
        Row::judged(
            "  drawn meanwhile",
            format!("{DRAWN_KB} kB or more"),
            format!("{} kB", alive.drawn / 1_000),
            alive.drawn >= 1_000 * DRAWN_KB,
        ),
        within("  memory locked", LOCKED_MIB, locked, " MiB"),
    ];
    rows.extend(quiet.checks);
    rows.extend(alive.checks);
    Ok(rows)
}

/// The program is the clock: its own grid is the exact tempo through the median of its clocks.
fn own(stage: Stage, common: &Common, sets: &Path, wanted: &Wanted) -> Fallible<Vec<Row>> {
    let set = std::env::temp_dir().join(OWN_CLOCK);
    fs::write(&set, at_tempo(&fs::read_to_string(sets.join(OWN_CLOCK))?, common.bpm))?;
    let mut command = common.program.clone();
    command.push(set.to_string_lossy().into_owned());

    let collector = Collector::start(stage.ears, stage.look)?;
    let pulse_ns = 60e9 / (common.bpm * 24.0);
    let (first_clock, after_stop, ending) = cli::with_command(&command, |program| {
        let first_clock = await_clock(&collector, 0)?;
        thread::sleep(SETTLE + Duration::from_nanos((pulse_ns * f64::from(common.pulses)) as u64));
        if let Some(status) = program.ended()? {
            return Err(format!("the program ended during the show: {status}").into());
        }
        let ending = program.end_by(Signal::Int)?;
        thread::sleep(QUIET);
        Ok((first_clock, collector.so_far(), ending))
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
        Row::figure("  from its start to its first clock", format!("{} ms", first_clock.as_millis())),
        Row::all(PLACES, checks),
    ])
}

/// How long it takes from here until the Mono Station hears a clock whose stamp is not before `since_ns`.
pub fn await_clock(collector: &Collector, since_ns: u64) -> Fallible<Duration> {
    const WITHIN: Duration = Duration::from_secs(10);
    let begun = Instant::now();
    let is_clock =
        |heard: &Heard| heard.port == Port::Mono && heard.message == Message::CLOCK && heard.at_ns >= since_ns;
    while begun.elapsed() < WITHIN {
        if collector.so_far().heard.iter().any(is_clock) {
            return Ok(begun.elapsed());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(format!("no clock within {} s", WITHIN.as_secs()).into())
}

/// The set with another tempo.
pub fn at_tempo(set: &str, bpm: f64) -> String {
    let line = |line: &str| if line.starts_with("tempo") { format!("tempo = {bpm:?}\n") } else { format!("{line}\n") };
    set.lines().map(line).collect()
}

/// How far things are off, to both sides.
pub struct Off {
    distances: Option<Quantiles>,
    signed: Option<Quantiles>,
    /// What was taken off all of them first.
    median: Option<i64>,
}

impl Off {
    pub fn of(late: Vec<Late>) -> Off {
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
    pub fn judge(&self, what: &str, p50: Option<i64>, p99: Option<i64>, max: Option<i64>) -> Row {
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
    fn a_master_that_stumbles_judges_places_and_nothing_else() {
        let row = |what, ok| Row::judged(what, String::new(), String::new(), ok);
        let verdicts = |alone: bool| {
            let mut rows = [row("notes", false), row(PLACES, false), row(MASTER, alone)];
            unless_it_stumbles(&mut rows);
            rows.map(|row| row.verdict())
        };
        assert_eq!(verdicts(true), ["FAIL", "FAIL", "ok"]);
        assert_eq!(verdicts(false), ["over", "FAIL", "over"]);
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
        let wanted: Wanted = "notes=30/40/50.5,jittered=200,spinning-first=7".parse().unwrap();
        assert_eq!(wanted.steady.notes, [30_000, 40_000, 50_500]);
        assert_eq!((wanted.steady.first, wanted.spinning.first), ([5_000], [7_000]));
        assert_eq!(wanted.of_jitter(Shape::Late), [200_000]);
        assert_eq!(Wanted::default().of_jitter(Shape::Uniform), [150_000]);
        assert_eq!(wanted.own, [2_000, 15_000]);
        let wanted: Wanted = "anew-notes=1/2/3,anew-first=4,anew-clock=5/6,slewed=7".parse().unwrap();
        let anew = Steady { notes: [1_000, 2_000, 3_000], first: [4_000], clock: [5_000, 6_000] };
        assert_eq!((wanted.anew, wanted.slewed), (anew, [7_000]));
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
