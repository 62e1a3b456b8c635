//! The program ends in ways in which nothing of it can end its notes: killed, crashed, with its whole process group, frozen,
//! while its core is dumped, for want of memory, with a cable that was out before, with a guardian that had to be replaced, with
//! a screen on the terminal. Those of `kills.rs` have shows of their own; each of the others is in the middle of a bar, while a drum and the bass sound and the clock runs: 50 ms later nothing may sound, and what is clocked has
//! been stopped.
//!
//! The guardian is found as the program's child; what it is called and how it works is not asked.

use crate::cli::{Common, Launch, with_launched};
use crate::grid::Mapping;
use crate::instrument::{CIRCUIT, Fallible, MONO, Stage, Watch};
use crate::kills;
use crate::player::{self, Collector};
use crate::program::{Program, QUIET, SETTLE, Signal};
use crate::recording::{Heard, Message, Port};
use crate::schedule::{PULSES_PER_BAR, Show, Step};
use crate::sequencer::{self, Cable, Synths};
use crate::show::KEY;
use crate::sys;
use crate::verdict::{self, Row};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// In a bar: the kick of the third quarter sounds, and so does the bass.
const IN_THE_BAR: f64 = 52.5;
/// How soon all has to be silent.
const SILENT_WITHIN_NS: u64 = 50_000_000;
/// How long a frozen program stays so, and within which its notes have to end.
const FROZEN: Duration = Duration::from_secs(3);
/// How long the guardian is watched doing nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How much memory of its own it may take. Code it has in common with the show, and that is there anyway.
const MOST_KIB: u64 = 4 * 1024;
/// How long software listens before the program is killed: the guardian is told at once.
const LISTENED_FOR: Duration = Duration::from_millis(200);
/// How soon a guardian that was killed has to be replaced, and an instrument that is back has to be found.
const SOON: Duration = Duration::from_secs(2);
/// How soon one that is stopped.
const REPLACED_WITHIN: Duration = Duration::from_secs(7);
/// How soon the program is gone, with its core dump.
const ENDED_WITHIN: Duration = Duration::from_secs(6);
/// What the kernel does with a core dump.
const CORE_PATTERN: &str = "/proc/sys/kernel/core_pattern";

#[derive(clap::Args)]
pub struct Arguments {
    /// What befalls the program; it is started anew for each
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values = [
            "idle", "kill", "group", "segv", "abort", "dump", "oom", "frozen", "orphan", "stopped", "replug", "reload", "early",
            "two", "screen", "virtual", "virtual-two"
        ]
    )]
    faults: Vec<Fault>,
    /// Where the set files are
    #[arg(long, default_value = "/stage/sets")]
    sets: PathBuf,
}

/// What befalls the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Fault {
    /// Nothing: what the guardian costs
    Idle,
    /// SIGKILL
    Kill,
    /// SIGKILL for its whole process group
    Group,
    /// SIGSEGV
    Segv,
    /// SIGABRT
    Abort,
    /// SIGABRT, where a core dump takes 3 s
    Dump,
    /// The kernel ends it, as where memory has run out
    Oom,
    /// SIGSTOP for 3 s
    Frozen,
    /// SIGKILL for the guardian, and then for the program
    Orphan,
    /// SIGSTOP for the guardian, and then SIGKILL for the program
    Stopped,
    /// SIGKILL, shortly after two ports have got each other's device
    Reload,
    /// SIGKILL at many moments from the start on
    Early,
    /// SIGKILL for one of two shows on the same instruments
    Two,
    /// A cable is pulled and put back, and then SIGKILL
    Replug,
    /// SIGKILL, with a screen on the terminal
    Screen,
    /// SIGKILL, where no instrument is there and software listens to virtual ports
    Virtual,
    /// SIGKILL for the second of two shows on virtual ports of the same names
    VirtualTwo,
}

pub fn play(arguments: &Arguments, common: &Common) -> Fallible<Vec<Row>> {
    let mut rows = Vec::new();
    for &fault in &arguments.faults {
        let named = |row: Row| Row { what: format!("{fault:?}: {}", row.what), ..row };
        let own = match fault {
            Fault::Early => Some(kills::early(common, &arguments.sets)?),
            Fault::Reload => Some(kills::reload(common, &arguments.sets)?),
            Fault::Two => Some(kills::two(common, &arguments.sets)?),
            _ => None,
        };
        if let Some(own) = own {
            rows.extend(own.into_iter().map(named));
            continue;
        }
        let mut command = common.program.clone();
        if fault == Fault::Replug {
            command.push(arguments.sets.join("hold.toml").to_string_lossy().into_owned());
        }
        if fault == Fault::Screen {
            command.retain(|argument| argument != "--plain");
        }
        if fault == Fault::Virtual {
            let launch = Launch { command: &command, on_terminal: false, last_lines: 20 };
            let own = with_launched(&launch, play_virtually)?;
            rows.extend(own.into_iter().map(named));
            continue;
        }
        if fault == Fault::VirtualTwo {
            let launch = Launch { command: &command, on_terminal: false, last_lines: 20 };
            let own = with_launched(&launch, |program| play_beside_another(program, &command))?;
            rows.extend(own.into_iter().map(named));
            continue;
        }
        let on_terminal = fault == Fault::Screen;
        let (stage, cable) = sequencer::open_with_cable()?;
        let launch = Launch { command: &command, on_terminal, last_lines: 20 };
        let own = with_launched(&launch, |program| befall(fault, common, stage, &cable, program))?;
        rows.extend(own.into_iter().map(named));
    }
    Ok(rows)
}

fn befall(fault: Fault, common: &Common, stage: Stage, cable: &Cable, program: &mut Program) -> Fallible<Vec<Row>> {
    let Stage { mouth, ears, watch, look, .. } = stage;
    let collector = Collector::start(ears, look)?;
    program.connect(watch.as_ref())?;
    thread::sleep(SETTLE);
    let guardian = guardian_of(program).ok_or("the program has no child")?;
    if fault == Fault::Idle {
        return cost(guardian);
    }

    let bars = if fault == Fault::Stopped { 9 } else { 6 };
    let show = Show { bpm: common.bpm, pulses: bars * PULSES_PER_BAR, before: common.before, after: 0, key: KEY };
    let steps = show.schedule();
    let origin_ns = player::soon_ns();
    let place_ns = |bar: u32| origin_ns + show.at_ns_from_first(f64::from(bar * PULSES_PER_BAR) + IN_THE_BAR);
    let is_replug = fault == Fault::Replug;
    let out_ns = place_ns(1);
    let (mut said, after): (Vec<Step>, Vec<Step>) =
        steps.iter().partition(|step| !is_replug || origin_ns + step.at_ns < out_ns);
    let mut master = player::start(mouth, said.clone(), origin_ns, common.priority)?;

    let mut rows = Vec::new();
    let mut guardian = guardian;
    let bar = match fault {
        Fault::Orphan => {
            sys::sleep_until(place_ns(0));
            sys::signal(guardian, libc::SIGKILL)?;
            let (row, another) = await_another(program, guardian, SOON);
            rows.push(row);
            guardian = another.unwrap_or(guardian);
            2
        }
        Fault::Stopped => {
            sys::sleep_until(place_ns(0));
            sys::signal(guardian, libc::SIGSTOP)?;
            let (row, another) = await_another(program, guardian, REPLACED_WITHIN);
            rows.push(row);
            guardian = another.unwrap_or(guardian);
            5
        }
        Fault::Replug => {
            master.finish()?;
            sys::sleep_until(out_ns);
            cable.pull()?;
            sys::sleep_until(place_ns(2));
            let mouth = cable.plug()?;
            rows.push(await_connections(watch.as_ref())?);
            let from_ns = sys::now_ns() + 20_000_000;
            let after: Vec<Step> = after.into_iter().filter(|step| origin_ns + step.at_ns > from_ns).collect();
            said.extend(&after);
            master = player::start(mouth, after, origin_ns, common.priority)?;
            4
        }
        _ => 0,
    };
    sys::sleep_until(place_ns(bar));
    let sounding = verdict::sounding_count(&collector.so_far().heard);
    rows.push(Row::judged("notes that sound before", "2 or more".into(), sounding.to_string(), sounding >= 2));
    let at_ns = sys::now_ns();
    if fault == Fault::Frozen {
        program.signal(libc::SIGSTOP)?;
        thread::sleep(FROZEN);
        let frozen = collector.so_far().heard;
        let thawed_ns = sys::now_ns();
        program.signal(libc::SIGCONT)?;
        master.finish()?;
        thread::sleep(QUIET);
        rows.push(verdict::hanging("notes that hang when it goes on no further", &frozen));
        rows.push(Row::judged("its guardian", "still there".into(), state(guardian), state(guardian) != GONE));
        let ending = program.end_by(Signal::Int)?;
        thread::sleep(QUIET);
        let heard = collector.finish()?.heard;
        let mapping = Mapping::of(&heard, &said)?;
        let stamp = |at_ns: u64| mapping.stamp(at_ns - origin_ns);
        rows.push(Row::figure("from then to the last note-off", millis(last_off(&frozen, stamp(at_ns)), stamp(at_ns))));
        let again = heard.iter().filter(|heard| heard.port != Port::Ear && heard.at_ns > stamp(thawed_ns));
        let again = again.filter(|heard| heard.message.as_note_on().is_some()).count();
        rows.push(Row::judged("notes after it goes on", "10 or more".into(), again.to_string(), again >= 10));
        rows.push(verdict::hanging("notes that hang after its end", &heard));
        let ended = ending.status.and_then(|status| status.code());
        rows.push(Row::judged("its end on SIGINT", "exit status: 0".into(), ending.to_string(), ended == Some(0)));
        rows.push(Row::judged("its guardian then", GONE.into(), state(guardian), state(guardian) == GONE));
        return Ok(rows);
    }
    match fault {
        Fault::Group => program.signal_group(libc::SIGKILL)?,
        Fault::Segv => program.signal(libc::SIGSEGV)?,
        Fault::Abort => program.signal(libc::SIGABRT)?,
        Fault::Dump => {
            fs::write(CORE_PATTERN, "|/bin/busybox sleep 3")?;
            program.signal(libc::SIGABRT)?;
        }
        Fault::Oom => {
            fs::write(format!("/proc/{}/oom_score_adj", program.id()), "1000")?;
            fs::write("/proc/sysrq-trigger", "f")?;
        }
        _ => program.signal(libc::SIGKILL)?,
    }
    let signalled = Instant::now();
    let ended = await_end(program)?;
    if fault == Fault::Dump {
        let took = signalled.elapsed();
        let is_slow = took > Duration::from_secs(2);
        rows.push(Row::judged("its core dump", "2 s or more".into(), format!("{} ms", took.as_millis()), is_slow));
        fs::write(CORE_PATTERN, "core")?;
    }
    master.finish()?;
    thread::sleep(QUIET);
    let heard = collector.finish()?.heard;
    let mapping = Mapping::of(&heard, &said)?;
    // What sounded when the cable was pulled cannot be ended there; what it was is not heard any more.
    let since_ns = if is_replug { mapping.stamp(place_ns(2) - origin_ns) } else { 0 };
    let heard: Vec<Heard> =
        heard.into_iter().filter(|heard| heard.port != Port::Circuit || heard.at_ns >= since_ns).collect();
    rows.extend(judge(&heard, mapping.stamp(at_ns - origin_ns)));
    rows.push(Row::judged("its end", "by the signal".into(), ended.clone(), ended.starts_with("signal")));
    rows.push(Row::judged("its guardian", GONE.into(), state(guardian), state(guardian) == GONE));
    if fault == Fault::Screen {
        let tail = program.last_drawn();
        let is_left = tail.contains("\x1b[?1049l") && tail.contains("\x1b[?25h");
        rows.push(Row::judged("the terminal: the screen is left", "yes".into(), is_left.to_string(), is_left));
        let is_cooked = program.terminal_is_cooked();
        rows.push(Row::judged("the terminal: its modes are back", "yes".into(), is_cooked.to_string(), is_cooked));
        let line = tail.lines().last().unwrap_or_default().to_owned();
        rows.push(Row::judged(
            "the terminal: what happened is said",
            "its guardian".into(),
            line,
            tail.contains("its guardian"),
        ));
    }
    Ok(rows)
}

/// No instrument is there: what listens to the program's virtual ports must not be left sounding either.
fn play_virtually(program: &mut Program) -> Fallible<Vec<Row>> {
    let mut synths = listen(None)?;
    let (mut heard, sounding) = await_notes(&mut synths)?;
    program.signal(libc::SIGKILL)?;
    thread::sleep(Duration::from_nanos(SILENT_WITHIN_NS));
    synths.collect(&mut heard)?;
    let in_time = heard.clone();
    thread::sleep(QUIET);
    synths.collect(&mut heard)?;
    Ok(vec![
        Row::judged("notes that sound before", "2 or more".into(), sounding.to_string(), sounding >= 2),
        verdict::hanging("notes that sound 50 ms after", &in_time),
        verdict::hanging("notes that hang at last", &heard),
    ])
}

/// Another show, on virtual ports of the same names, is killed: what it sounds on falls silent, and this one's does not.
fn play_beside_another(program: &mut Program, command: &[String]) -> Fallible<Vec<Row>> {
    let mut own = listen(None)?;
    let mut second = Program::start(command, &std::env::temp_dir().join("second.log"))?;
    let mut others = listen(Some(&own))?;
    let (mut heard, sounding) = await_notes(&mut others)?;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    own.collect(&mut before)?;
    second.signal(libc::SIGKILL)?;
    thread::sleep(Duration::from_nanos(SILENT_WITHIN_NS));
    others.collect(&mut heard)?;
    own.collect(&mut after)?;
    await_end(&mut second)?;
    thread::sleep(QUIET);
    let is_hush = |heard: &&Heard| matches!(*heard.message.bytes(), [0xfc] | [0xb0..=0xbf, 120 | 123, _]);
    let hushed = after.iter().filter(is_hush).count();
    own.collect(&mut after)?;
    let played = after.iter().filter(|heard| heard.message.as_note_on().is_some()).count();
    let ending = program.end_by(Signal::Int)?;
    let ended = ending.status.and_then(|status| status.code());
    Ok(vec![
        Row::judged("notes that sound before", "2 or more".into(), sounding.to_string(), sounding >= 2),
        verdict::hanging("notes of the second that sound 50 ms after", &heard),
        Row::count("what stops or silences the first", 0, hushed),
        Row::judged("notes of the first after it", "2 or more".into(), played.to_string(), played >= 2),
        Row::judged("the end of the first", "exit status: 0".into(), ending.to_string(), ended == Some(0)),
    ])
}

/// Software that listens to the virtual ports of a show, be it beside the one that `beside` listens to.
fn listen(beside: Option<&Synths>) -> Fallible<Synths> {
    let begun = Instant::now();
    loop {
        match Synths::connect(&[(Port::Circuit, CIRCUIT), (Port::Mono, MONO)], beside)? {
            Some(synths) => return Ok(synths),
            None if begun.elapsed() > SOON => return Err("no virtual ports appear".into()),
            None => thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Listens until a drum sounds, and the bass, which always does; how many notes sound then.
fn await_notes(synths: &mut Synths) -> Fallible<(Vec<Heard>, usize)> {
    thread::sleep(LISTENED_FOR);
    let (begun, mut heard, mut sounding) = (Instant::now(), Vec::new(), 0);
    while sounding < 2 && begun.elapsed() < 5 * SOON {
        thread::sleep(Duration::from_millis(1));
        synths.collect(&mut heard)?;
        sounding = verdict::sounding_count(&heard);
    }
    Ok((heard, sounding))
}

/// What was heard after the program's death.
pub fn judge(heard: &[Heard], died_ns: u64) -> Vec<Row> {
    let in_time: Vec<Heard> = heard.iter().filter(|heard| heard.at_ns <= died_ns + SILENT_WITHIN_NS).copied().collect();
    let stop =
        heard.iter().find(|heard| heard.port == Port::Mono && heard.message == Message::STOP && heard.at_ns >= died_ns);
    let stop_ns = stop.map(|heard| heard.at_ns);
    let is_stopped = stop_ns.is_some_and(|at_ns| at_ns <= died_ns + SILENT_WITHIN_NS);
    vec![
        verdict::hanging("notes that sound 50 ms after", &in_time),
        verdict::hanging("notes that hang at last", heard),
        Row::figure("from its death to the last note-off", millis(last_off(heard, died_ns), died_ns)),
        Row::judged("from its death to STOP", "50 ms or less".into(), millis(stop_ns, died_ns), is_stopped),
    ]
}

fn millis(at_ns: Option<u64>, from_ns: u64) -> String {
    at_ns.map_or("never".into(), |at_ns| format!("{:.2} ms", (at_ns as f64 - from_ns as f64) / 1e6))
}

fn last_off(heard: &[Heard], after_ns: u64) -> Option<u64> {
    let off = |heard: &&Heard| heard.port != Port::Ear && heard.message.as_note_off().is_some();
    heard.iter().filter(off).map(|heard| heard.at_ns).filter(|&at_ns| at_ns > after_ns).max()
}

/// What it takes of the machine while nothing happens.
fn cost(guardian: u32) -> Fallible<Vec<Row>> {
    let ran_before = ran_ns(guardian)?;
    thread::sleep(IDLE);
    let ran = (ran_ns(guardian)? - ran_before) / 1000;
    let kib = |file: &str, what: &str| -> Fallible<u64> {
        let text = fs::read_to_string(format!("/proc/{guardian}/{file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(what)).ok_or("no such figure")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    let private = kib("smaps_rollup", "Private_Clean:")? + kib("smaps_rollup", "Private_Dirty:")?;
    Ok(vec![
        Row::judged("memory of its own", format!("below {MOST_KIB} KiB"), format!("{private} KiB"), private < MOST_KIB),
        Row::figure("proportional", format!("{} KiB", kib("smaps_rollup", "Pss:")?)),
        Row::figure("resident", format!("{} KiB", kib("status", "VmRSS:")?)),
        Row::judged("processor time in a minute", "below 10000 us".into(), format!("{ran} us"), ran < 10_000),
    ])
}

/// How long a process has run.
pub fn ran_ns(process: u32) -> Fallible<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

/// The program's child.
pub fn guardian_of(program: &Program) -> Option<u32> {
    let is_child = |process: &u32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name in parentheses may hold anything.
        let mut rest = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        rest.next() != Some("Z") && rest.next() == Some(&*program.id().to_string())
    };
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(is_child)
}

pub const GONE: &str = "gone";

/// The state of a process, as the kernel names it.
pub fn state(process: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    match stat.rsplit(')').next().unwrap_or_default().split_whitespace().next() {
        // Whoever has to bury it may not do so.
        None | Some("Z" | "X") => GONE.into(),
        Some(state) => state.into(),
    }
}

fn await_another(program: &Program, guardian: u32, within: Duration) -> (Row, Option<u32>) {
    let begun = Instant::now();
    let mut another = None;
    while another.is_none() && begun.elapsed() < within {
        thread::sleep(Duration::from_millis(1));
        another = guardian_of(program).filter(|&another| another != guardian);
    }
    let seen = another.map_or("none".into(), |_| format!("after {} ms", begun.elapsed().as_millis()));
    (Row::judged("another guardian", "there".into(), seen, another.is_some()), another)
}

fn await_connections(watch: &dyn Watch) -> Fallible<Row> {
    let begun = Instant::now();
    while begun.elapsed() < SOON && !watch.connections()?.complete() {
        thread::sleep(Duration::from_millis(1));
    }
    // The guardian has yet to be told.
    thread::sleep(Duration::from_millis(200));
    let is_there = watch.connections()?.complete();
    Ok(Row::judged("found again", "yes".into(), format!("after {} ms", begun.elapsed().as_millis()), is_there))
}

pub fn await_end(program: &mut Program) -> Fallible<String> {
    let begun = Instant::now();
    while begun.elapsed() < ENDED_WITHIN {
        if let Some(status) = program.ended()? {
            return Ok(status.to_string());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok("none".into())
}
