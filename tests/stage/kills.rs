//! The program is killed where its guardian could know too little: at any moment since its start, while a port changes its
//! device, and beside another show on the same instruments. It plays on its own clock, so that it begins by itself.

use crate::cli::{Common, Launch, with_launched};
use crate::instrument::{Fallible, Look};
use crate::player::Collector;
use crate::program::{Program, QUIET, Signal};
use crate::recording::{Heard, Port};
use crate::sequencer;
use crate::sys;
use crate::verdict::{self, Row};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked for notes: a note is heard as soon as that.
const EVERY: Duration = Duration::from_millis(1);
/// The same where a note has to be heard at once.
const AT_ONCE: Duration = Duration::from_micros(50);
/// The priority of who listens then: above the program's.
const ABOVE: i32 = 95;
const LOOK: Look = Look { every: EVERY, priority: 1 };
/// How soon all has to be silent.
const SILENT_WITHIN: Duration = Duration::from_millis(50);
/// How long a show may take to play its first note.
const SOON: Duration = Duration::from_secs(10);
/// How long a show goes on beside one that was killed.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// When the program is killed.
#[derive(Clone, Copy)]
enum Moment {
    /// So many milliseconds after it was started.
    Started(u64),
    /// So many after its first note.
    Plays(u64),
    /// As soon as its first note is heard, or so many microseconds later.
    First(u64),
}

/// What was heard of a show that was killed.
struct Killed {
    /// How many notes sounded then.
    sounding: usize,
    in_time: Vec<Heard>,
    at_last: Vec<Heard>,
}

/// Kills many shows, from the first milliseconds on.
pub fn early(common: &Common, sets: &Path) -> Fallible<Vec<Row>> {
    let command = command(common, &sets.join("own-clock.toml"));
    let moments = (0..30).map(|step| Moment::Started(2 * step)).chain((0..12).map(|step| Moment::First(40 * step)));
    let mut kills = Vec::new();
    for moment in moments {
        let await_it = |program: &mut Program, so_far: &dyn Fn() -> Vec<Heard>| await_moment(program, so_far, moment);
        kills.push(match moment {
            // Who has to be quicker than the program is on a thread of its own, so that no program inherits its class.
            Moment::First(_) => thread::scope(|scope| {
                let quick =
                    || kill(&command, Look { every: AT_ONCE, priority: ABOVE }, await_it).map_err(|e| e.to_string());
                scope.spawn(quick).join().map_err(|_| "the killer fails".to_owned())?
            })?,
            _ => kill(&command, LOOK, await_it)?,
        });
    }
    Ok(judge(&kills))
}

/// Kills shows whose ports have just got each other's device: before the bar line from which on they have, and after it.
pub fn reload(common: &Common, sets: &Path) -> Fallible<Vec<Row>> {
    let text = fs::read_to_string(sets.join("own-clock.toml"))?;
    let set = std::env::temp_dir().join("swapped.toml");
    let command = command(common, &set);
    let device = |name: &str| format!("device = \"{name}\"");
    let [circuit, mono, neither] = ["Circuit", "Circuit Mono Station", "@"].map(device);
    let swapped = text.replace(&mono, &neither).replace(&circuit, &mono).replace(&neither, &circuit);
    let mut kills = Vec::new();
    for (save, then) in [(300, 150), (800, 150), (1_300, 150), (1_800, 150), (300, 2_500), (1_300, 2_500)] {
        fs::write(&set, &text)?;
        kills.push(kill(&command, LOOK, |program, so_far| {
            await_moment(program, so_far, Moment::Plays(save))?;
            fs::write(&set, &swapped)?;
            thread::sleep(Duration::from_millis(then));
            Ok(())
        })?);
    }
    Ok(judge(&kills))
}

/// Kills one of two shows that play the same on the same instruments.
pub fn two(common: &Common, sets: &Path) -> Fallible<Vec<Row>> {
    let command = command(common, &sets.join("own-clock.toml"));
    let mut other = None;
    let stage = sequencer::open()?;
    let collector = Collector::start(stage.ears, LOOK)?;
    let launch = Launch { command: &command, on_terminal: false, last_lines: 4 };
    let died_ns = with_launched(&launch, |program| {
        await_moment(program, &|| collector.so_far().heard, Moment::Plays(200))?;
        other = Some(Program::start(&command, &std::env::temp_dir().join("other.log"))?);
        thread::sleep(AFTERWARDS);
        let died_ns = stamp(&collector);
        program.signal(libc::SIGKILL)?;
        await_end(program)?;
        Ok(died_ns)
    })?;
    let mut other = other.ok_or("there is no other show")?;
    thread::sleep(AFTERWARDS);
    let is_there = other.ended()?.is_none();
    let ending = other.end_by(Signal::Int)?;
    thread::sleep(QUIET);
    let heard = collector.finish()?.heard;
    let since = |heard: &&Heard| heard.port != Port::Ear && heard.at_ns > died_ns;
    let after = heard.iter().filter(since).filter(|heard| heard.message.as_note_on().is_some()).count();
    let is_silencing = |heard: &&Heard| matches!(heard.message.bytes(), [0xb0..=0xbf, 120, 0]);
    let silenced = heard.iter().filter(since).filter(is_silencing).count();
    let ended = ending.status.and_then(|status| status.code());
    Ok(vec![
        Row::judged("the other show", "there".into(), is_there.to_string(), is_there),
        Row::judged("notes that it plays afterwards", "20 or more".into(), after.to_string(), after >= 20),
        Row::figure("channels silenced under it", silenced.to_string()),
        Row::judged("its end on SIGINT", "exit status: 0".into(), ending.to_string(), ended == Some(0)),
        verdict::hanging("notes that hang after its end", &heard),
    ])
}

fn command(common: &Common, set: &Path) -> Vec<String> {
    let mut command = common.program.clone();
    command.push(PathBuf::from(set).to_string_lossy().into_owned());
    command
}

/// The stamp of what was heard last.
fn stamp(collector: &Collector) -> u64 {
    collector.so_far().heard.iter().map(|heard| heard.at_ns).max().unwrap_or(0)
}

fn await_moment(program: &mut Program, so_far: &dyn Fn() -> Vec<Heard>, moment: Moment) -> Fallible<()> {
    let (every, then) = match moment {
        Moment::Started(millis) => {
            thread::sleep(Duration::from_millis(millis));
            return Ok(());
        }
        Moment::Plays(millis) => (EVERY, Duration::from_millis(millis)),
        Moment::First(micros) => (AT_ONCE, Duration::from_micros(micros)),
    };
    let begun = Instant::now();
    let plays = || so_far().iter().any(|heard| heard.port != Port::Ear && heard.message.as_note_on().is_some());
    while !plays() {
        if begun.elapsed() > SOON || program.ended()?.is_some() {
            return Err("the program plays nothing".into());
        }
        thread::sleep(every);
    }
    thread::sleep(then);
    Ok(())
}

/// Starts a show, and kills it when `meanwhile` has ended.
fn kill(
    command: &[String],
    look: Look,
    meanwhile: impl Fn(&mut Program, &dyn Fn() -> Vec<Heard>) -> Fallible<()>,
) -> Fallible<Killed> {
    let stage = sequencer::open()?;
    let collector = Collector::start(stage.ears, look)?;
    let launch = Launch { command, on_terminal: false, last_lines: 1 };
    let (sounding, in_time) = with_launched(&launch, |program| {
        if look.priority == ABOVE {
            sys::set_fifo(ABOVE - 1)?;
        }
        meanwhile(program, &|| collector.so_far().heard)?;
        // Before the kill: its guardian has ended the notes before they are counted.
        let sounding = verdict::sounding_count(&collector.so_far().heard);
        program.signal(libc::SIGKILL)?;
        await_end(program)?;
        thread::sleep(SILENT_WITHIN);
        Ok((sounding, collector.so_far().heard))
    })?;
    thread::sleep(QUIET);
    Ok(Killed { sounding, in_time, at_last: collector.finish()?.heard })
}

fn await_end(program: &mut Program) -> Fallible<()> {
    let killed_ns = sys::now_ns();
    while program.ended()?.is_none() {
        if sys::now_ns() - killed_ns > SOON.as_nanos() as u64 {
            return Err("the program survives SIGKILL".into());
        }
        thread::sleep(EVERY);
    }
    Ok(())
}

fn judge(kills: &[Killed]) -> Vec<Row> {
    let sounding = kills.iter().filter(|killed| killed.sounding > 0).count();
    let left = |heard: fn(&Killed) -> &Vec<Heard>| {
        kills.iter().filter(|killed| verdict::sounding_count(heard(killed)) > 0).count()
    };
    vec![
        Row::figure("shows killed", kills.len().to_string()),
        Row::judged("of these, while notes sounded", "4 or more".into(), sounding.to_string(), sounding >= 4),
        Row::count("of these, with notes that sound 50 ms after", 0, left(|killed| &killed.in_time)),
        Row::count("of these, with notes that hang at last", 0, left(|killed| &killed.at_last)),
    ]
}
