//! What the operating system may do to a show: refuse it what it asks for, fill its disk, take away its files, its terminal or
//! its processor, set the clock, put the machine to sleep, or start another show beside it. For each fault a show of some bars is
//! played, the fault happens before it or in the middle of a bar, and what was lost is counted.

use crate::cli::Common;
use crate::grid::Mapping;
use crate::guardian::{self, GONE};
use crate::instrument::{Fallible, Stage};
use crate::player::{self, Collector};
use crate::program::{Program, QUIET, SETTLE, Signal};
use crate::recording::{Heard, Message, Port};
use crate::schedule::{PULSES_PER_BAR, Show, Step};
use crate::show::KEY;
use crate::surroundings::{self, Surroundings};
use crate::tally::{self, Asked};
use crate::verdict::{self, Limits, Row};
use crate::{sequencer, sys};
use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

/// How long a show is.
const BARS: u32 = 6;
/// Where it happens, in pulses from the first: the kick of the third quarter of the second bar sounds, and so does the bass.
const STRUCK_AT: f64 = PULSES_PER_BAR as f64 + 52.5;
/// Where it is over, if it is something that lasts.
const OVER_AT: f64 = 3.0 * PULSES_PER_BAR as f64 + 52.5;
/// How long the program does not run, where it is stopped.
const HALT: Duration = Duration::from_secs(3);
/// How much comes in meanwhile of a knob that is turned, and how fast: more than the system holds for who does not read.
const FLOOD: u64 = 2_500;
const FLOOD_NS: u64 = 1_000_000;
/// How long the machine sleeps: the alarm has whole seconds.
const SLEEP_S: u64 = 3;
/// Where somebody presses play again after that: a bar line, of which the master tells the position.
const PLAYED_AGAIN_AT: u32 = 5 * PULSES_PER_BAR;
/// How long after waking a note may still be played.
const AWAKE_NS: u64 = 60_000_000;
/// How long another program keeps the processor, and at which priority: above the program's, and below the master's.
const HOLD: Duration = Duration::from_millis(200);
const HOLDER_PRIORITY: i32 = 85;
/// How many want the processor as much as an ordinary program.
const CROWD: usize = 20;
/// A second show is given so long to begin.
const TWIN_BEGINS: Duration = Duration::from_secs(2);
/// How much of the processor a show may take in two bars: a tenth. One that spins takes all that others leave.
const MOST_RUN: Duration = Duration::from_millis(400);
/// How soon one that is to end has ended.
const SOON: Duration = Duration::from_secs(2);
/// What is promised where nothing holds the processor.
const ON_TIME: Limits = Limits { p99_ns: 1_000_000, max_ns: 5_000_000 };

#[derive(clap::Args)]
pub struct Arguments {
    /// What the system does; the program is started anew for each
    #[arg(long, value_enum, value_delimiter = ',', default_values = [
        "priority", "memlock", "twins", "disk-full", "disk-fills", "deleted", "folder", "wall-clock", "suspended", "thawed",
        "flooded", "pipe", "terminal", "nohup", "few-files", "homeless", "memory", "hog", "crowd",
    ])]
    faults: Vec<Fault>,
}

/// What the system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Real-time priority is refused
    Priority,
    /// Locked memory is refused
    Memlock,
    /// A second show plays on the same instruments, and is killed
    Twins,
    /// The disk is full from the start
    DiskFull,
    /// The disk fills while it plays
    DiskFills,
    /// The set file is deleted, and put back
    Deleted,
    /// Its folder is deleted, and put back
    Folder,
    /// The wall clock is set an hour forward, and back
    WallClock,
    /// The machine is suspended for three seconds
    Suspended,
    /// The program is stopped for three seconds
    Thawed,
    /// The same, while more comes in than the system holds for it
    Flooded,
    /// Nobody reads what it prints any more
    Pipe,
    /// Its terminal is gone
    Terminal,
    /// The same, where it was started by nohup
    Nohup,
    /// It may open few files
    FewFiles,
    /// It has no folder to write to
    Homeless,
    /// There is no memory left
    Memory,
    /// Another real-time program holds the processor for 200 ms
    Hog,
    /// Twenty programs want the processor
    Crowd,
}

impl Fault {
    fn what(self) -> String {
        let name = clap::ValueEnum::to_possible_value(&self).map(|value| value.get_name().to_owned());
        name.unwrap_or_default()
    }

    /// What the program has to say.
    fn words(self) -> &'static [&'static str] {
        match self {
            Fault::Priority => &["no SCHED_FIFO 80", "/etc/security/limits.d/audio.conf"],
            Fault::Memlock => &["memory not locked", "memlock unlimited"],
            Fault::DiskFull | Fault::DiskFills => &["log", "No space left on device"],
            Fault::Deleted | Fault::Folder => &["the show goes on with the set that it has"],
            Fault::Suspended => &["the machine slept for"],
            Fault::Flooded => &["messages from circuit were lost"],
            Fault::Homeless => &["ctl: not available", "resume: ", "the log stops", "Read-only file system"],
            _ => &[],
        }
    }

    /// How it ends by itself, if it does.
    fn end(self) -> Option<&'static str> {
        match self {
            Fault::Terminal => Some("exit status: 0"),
            Fault::Memory => Some("signal"),
            _ => None,
        }
    }

    /// Where anything may be played.
    fn gap(self, pulse: &dyn Fn(Duration) -> u32) -> Range<u32> {
        let from = STRUCK_AT as u32;
        match self {
            Fault::Hog => from..from + pulse(HOLD + Duration::from_millis(60)),
            Fault::Thawed | Fault::Flooded => from..from + pulse(HALT) + 24,
            Fault::Suspended => from..PLAYED_AGAIN_AT,
            _ => 0..0,
        }
    }
}

pub fn play(arguments: &Arguments, common: &Common) -> Fallible<Vec<Row>> {
    let mut rows = Vec::new();
    println!("counted: wrong notes, missing notes, notes left sounding, beats lost, pulses lost");
    for &fault in &arguments.faults {
        let what = fault.what();
        let begun = Instant::now();
        let own = befall(fault, common)
            .unwrap_or_else(|error| vec![Row::judged("played to its end", "yes".into(), error.to_string(), false)]);
        println!("{what}: {:.0} s", begun.elapsed().as_secs_f64());
        rows.extend(own.into_iter().map(|row| Row { what: format!("{what}: {}", row.what), ..row }));
    }
    Ok(rows)
}

fn befall(fault: Fault, common: &Common) -> Fallible<Vec<Row>> {
    let Stage { mouth, ears, watch, .. } = sequencer::open()?;
    let look = crate::instrument::Look { every: Duration::from_millis(10), priority: 1 };
    let collector = Collector::start(ears, look)?;
    let mut around = Surroundings::of(fault, &common.program)?;
    let refused = around.refuse()?;
    let mut program = around.start()?;
    let result = (|| {
        program.connect(watch.as_ref()).map_err(|error| format!("{error}: {}", program.output()))?;
        thread::sleep(SETTLE);
        let mut twin = None;
        if fault == Fault::Twins {
            twin = Some(Program::start(&common.program, &std::env::temp_dir().join("twin.log"))?);
            thread::sleep(TWIN_BEGINS);
        }
        let guardian = guardian::guardian_of(&program);
        let show = Show { bpm: common.bpm, pulses: BARS * PULSES_PER_BAR, before: common.before, after: 24, key: KEY };
        // Nobody touches a key.
        let mut steps: Vec<Step> = show.schedule().into_iter().filter(|step| step.message.bytes()[0] >= 0xf0).collect();
        let origin_ns = player::soon_ns();
        let struck_ns = show.at_ns_from_first(STRUCK_AT);
        let over_ns = show.at_ns_from_first(OVER_AT);
        if fault == Fault::Flooded {
            let turned = Message::new(&[0xbf, 20, 64]);
            steps.extend((1..=FLOOD).map(|number| Step { at_ns: struck_ns + number * FLOOD_NS, message: turned }));
            steps.sort_by_key(|step| step.at_ns);
        }
        let is_asleep = fault == Fault::Suspended;
        let (mut said, after): (Vec<Step>, Vec<Step>) =
            steps.iter().partition(|step| !is_asleep || step.at_ns < struck_ns);
        let mut master = player::start(mouth, said.clone(), origin_ns, common.priority)?;
        sys::sleep_until(origin_ns + struck_ns);
        let sounding = verdict::sounding_count(&collector.so_far().heard);
        let room = if fault == Fault::Flooded { Some(surroundings::room_of_inputs()?) } else { None };
        let struck_at_ns = sys::now_ns();
        let (mut slept_ns, mut awake_at_ns) = (0, 0);
        let mut ran = None;
        match fault {
            Fault::Suspended => {
                let mouth = master.finish()?;
                slept_ns = surroundings::suspend(SLEEP_S)?;
                awake_at_ns = sys::now_ns();
                // The machine on the table went on meanwhile; what it sent is lost.
                let awake_ns = awake_at_ns + 20_000_000 - origin_ns + slept_ns;
                let after: Vec<Step> = after.into_iter().filter(|step| step.at_ns > awake_ns).collect();
                let again_ns = show.at_ns_from_first(f64::from(PLAYED_AGAIN_AT));
                let pointer = Message::song_position((PLAYED_AGAIN_AT / 6) as u16);
                let again = [(5_000_000, Message::STOP), (3_000_000, pointer), (1_000_000, Message::CONTINUE)];
                let again = again.map(|(ahead_ns, message)| Step { at_ns: again_ns - ahead_ns, message });
                let mut after: Vec<Step> = after.into_iter().chain(again).collect();
                after.sort_by_key(|step| step.at_ns);
                for step in &mut after {
                    step.at_ns -= slept_ns;
                }
                said.extend(&after);
                master = player::start(mouth, after, origin_ns, common.priority)?;
            }
            Fault::Thawed | Fault::Flooded => {
                program.signal(libc::SIGSTOP)?;
                thread::sleep(HALT);
                program.signal(libc::SIGCONT)?;
            }
            Fault::Hog => surroundings::hold_processor(HOLD, HOLDER_PRIORITY)?,
            Fault::Crowd => {
                let crowd = surroundings::crowd(CROWD)?;
                sys::sleep_until(origin_ns + over_ns);
                drop(crowd);
            }
            Fault::Twins => {
                sys::sleep_until(origin_ns + over_ns);
                if let Some(twin) = &mut twin {
                    twin.end_by(Signal::Kill)?;
                }
            }
            _ => {
                around.strike(fault, &program)?;
                if fault.end().is_none() {
                    let before = Surroundings::ran(&program)?;
                    sys::sleep_until(origin_ns + over_ns);
                    ran = Some(Surroundings::ran(&program)?.saturating_sub(before));
                    around.mend(fault)?;
                }
            }
        }
        let end_by_itself = match fault.end() {
            Some(_) => Some(guardian::await_end(&mut program)?),
            None => None,
        };
        master.finish()?;
        thread::sleep(QUIET);
        let ran_on = end_by_itself.is_none() && program.ended()?.is_some();
        let ending = if end_by_itself.is_none() { Some(program.end_by(Signal::Int)?) } else { None };
        thread::sleep(QUIET);
        let heard = collector.finish()?.heard;
        let mapping = Mapping::of(&heard, &said)?;
        let mut rows = refused;
        rows.extend(room);
        rows.push(Row::judged("notes that sound before", "2 or more".into(), sounding.to_string(), sounding >= 2));
        if let (Some(seen), Some(expected)) = (end_by_itself, fault.end()) {
            let died_ns = mapping.stamp(struck_at_ns - origin_ns);
            rows.extend(ended(&heard, died_ns, fault));
            rows.push(Row::judged("its end", expected.into(), seen.clone(), seen.starts_with(expected)));
            if let Some(guardian) = guardian {
                let state = await_gone(guardian);
                rows.push(Row::judged("its guardian", GONE.into(), state.clone(), state == GONE));
            }
            rows.extend(says(fault, &program.output()));
            return Ok(rows);
        }
        let stamp = |pulse: u32| {
            let at_ns = show.at_ns_from_first(f64::from(pulse));
            let is_after = at_ns > struck_ns && is_asleep;
            mapping.stamp(if is_after { at_ns.saturating_sub(slept_ns).max(struck_ns) } else { at_ns })
        };
        let grid: Vec<u64> = (0..show.pulses).map(stamp).collect();
        let pulse = |span: Duration| (span.as_secs_f64() * common.bpm * 24.0 / 60.0).ceil() as u32;
        let gap = fault.gap(&pulse);
        let shows = |pulse: u32| if fault == Fault::Twins && f64::from(pulse) < OVER_AT { 2 } else { 1 };
        let asked = Asked {
            grid: &grid,
            beats_at_most: gap.clone().filter(|pulse| pulse.is_multiple_of(24)).count(),
            gap,
            are_pulses_counted: !is_asleep,
            shows: &shows,
        };
        rows.push(tally::row("lost", &heard, &asked));
        if is_asleep {
            let silent = mapping.stamp(awake_at_ns - origin_ns) + AWAKE_NS..grid[PLAYED_AGAIN_AT as usize] - 1_000_000;
            let struck = heard.iter().filter(|heard| silent.contains(&heard.at_ns) && heard.port != Port::Ear);
            let struck = struck.filter(|heard| heard.message.as_note_on().is_some()).count();
            rows.push(Row::count("notes before the master says where it is", 0, struck));
        }
        let late = tally::lateness(&heard, &asked);
        rows.push(match fault {
            Fault::Priority => verdict::figure_lateness("note-ons after their pulse", late),
            _ => verdict::judge_lateness("note-ons after their pulse", late, ON_TIME),
        });
        rows.push(Row::judged("it played on", "yes".into(), if ran_on { "no" } else { "yes" }.into(), !ran_on));
        if let Some(ran) = ran {
            let seen = format!("{} ms", ran.as_millis());
            rows.push(Row::judged("processor time in two bars of it", "400 ms or less".into(), seen, ran <= MOST_RUN));
        }
        if let Some(ending) = ending {
            let ok = ending.status.and_then(|status| status.code()) == Some(0);
            rows.push(Row::judged("its end on SIGINT", "exit status: 0".into(), ending.to_string(), ok));
        }
        if fault == Fault::Twins {
            // It cannot know that somebody else plays there.
            let stops = heard.iter().filter(|heard| heard.port == Port::Mono && heard.message == Message::STOP).count();
            rows.push(Row::figure("STOP at Mono, also by the guardian of the one that is killed", stops.to_string()));
        }
        rows.extend(says(fault, &program.output()));
        rows.extend(around.left(fault)?);
        Ok(rows)
    })();
    around.leave();
    let is_wrong = result.as_ref().map_or(true, |rows: &Vec<Row>| rows.iter().any(Row::failed));
    if is_wrong {
        println!("--- {}: output\n{}---", fault.what(), program.output());
    }
    result
}

/// What was heard of a show that has ended in the middle of a bar.
fn ended(heard: &[Heard], died_ns: u64, fault: Fault) -> Vec<Row> {
    match fault {
        Fault::Memory => guardian::judge(heard, died_ns),
        _ => {
            let stops = heard.iter().filter(|heard| heard.message == Message::STOP && heard.at_ns >= died_ns).count();
            vec![
                verdict::hanging("notes left sounding", heard),
                Row::judged("STOP", "1 or more".into(), stops.to_string(), stops > 0),
            ]
        }
    }
}

fn says(fault: Fault, output: &str) -> Option<Row> {
    let words = fault.words();
    let missing: Vec<&str> = words.iter().copied().filter(|words| !output.contains(words)).collect();
    let seen = if missing.is_empty() { "yes".to_owned() } else { format!("not `{}`", missing.join("`, `")) };
    (!words.is_empty()).then(|| Row::judged("it says so", "yes".into(), seen, missing.is_empty()))
}

fn await_gone(process: u32) -> String {
    let begun = Instant::now();
    while begun.elapsed() < SOON && guardian::state(process) != GONE {
        thread::sleep(Duration::from_millis(1));
    }
    guardian::state(process)
}
