//! No instrument is there, and then only one of the two: what the program does about it, and what it says.
//!
//! Without any, it opens virtual ports named after them and plays on its own clock; the probe connects itself to those as a
//! software synthesizer would. With one of two, it has to refuse, and to say which is missing and what is there.

use crate::cli::Common;
use crate::instrument::{CIRCUIT, Fallible, MONO};
use crate::machine;
use crate::program::{Program, QUIET};
use crate::recording::{Heard, Message, Port};
use crate::sequencer;
use crate::verdict::{self, Row};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the program may take to open its virtual ports.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// How many bars it plays, at the set's own 125 BPM.
const BARS: usize = 4;
/// A little longer than they last.
const PLAYED_AFTER: Duration = Duration::from_secs(10);

pub fn play(common: &Common) -> Fallible<Vec<Row>> {
    let program = &common.program[0];
    let mut rows = vec![listing(program)?];
    rows.extend(virtual_ports(common)?);
    rows.extend(one_of_two(common)?);
    rows.extend(machine::examine(program)?);
    Ok(rows)
}

/// `ports` lists what is there, as a set file would name it.
fn listing(program: &str) -> Fallible<Row> {
    let output = Command::new(program).arg("ports").stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let ok = output.status.success() && text.contains("device = \"Midi Through\"");
    Ok(Row::judged("ports lists", "device = \"Midi Through\"".into(), text.trim().into(), ok))
}

fn virtual_ports(common: &Common) -> Fallible<Vec<Row>> {
    let mut command = common.program.clone();
    command.extend(["--for".into(), format!("{BARS}bars")]);
    let mut program = Program::start(&command, &std::env::temp_dir().join("program.log"))?;
    let begun = Instant::now();
    let mut synths = loop {
        match sequencer::Synths::connect(&[(Port::Circuit, CIRCUIT), (Port::Mono, MONO)], None)? {
            Some(synths) => break synths,
            None if begun.elapsed() > OPEN_WITHIN => return Err("no virtual ports appear".into()),
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    let mut heard: Vec<Heard> = Vec::new();
    let mut status = None;
    while status.is_none() && begun.elapsed() < PLAYED_AFTER {
        thread::sleep(Duration::from_millis(20));
        synths.collect(&mut heard)?;
        status = program.ended()?;
    }
    thread::sleep(QUIET);
    synths.collect(&mut heard)?;
    let output = program.output();
    println!("--- output without instruments\n{output}---");

    let count = |port, message| heard.iter().filter(|heard| heard.port == port && heard.message == message).count();
    // The clock runs before START as well.
    let start = heard.iter().position(|heard| heard.port == Port::Mono && heard.message == Message::START);
    let playing = &heard[start.unwrap_or(0)..];
    let is_clock = |heard: &&Heard| heard.port == Port::Mono && heard.message == Message::CLOCK;
    let clocks = playing.iter().filter(is_clock).count();
    let kicks = heard.iter().filter(|heard| heard.message.as_note_on().is_some_and(|(note, _)| note.key == 60)).count();
    // The first few messages may be gone before the probe is connected.
    let near = |seen: usize, all: usize| seen <= all && seen + 8 >= all;
    let ended = status.map_or("still there".into(), |status| status.to_string());
    let says_so = output.contains("virtual ports") && output.contains("clock: our own, 125.0 BPM");
    Ok(vec![
        Row::judged(
            "virtual ports: clocks",
            format!("{} or a few less", BARS * 96),
            clocks.to_string(),
            near(clocks, BARS * 96),
        ),
        Row::judged(
            "virtual ports: kicks",
            format!("{} or one less", BARS * 4),
            kicks.to_string(),
            kicks + 1 >= BARS * 4,
        ),
        Row::count("virtual ports: STOP", 1, count(Port::Mono, Message::STOP)),
        Row::judged("virtual ports: it says so", "yes".into(), says_so.to_string(), says_so),
        verdict::hanging("virtual ports: notes hanging", &heard),
        Row::judged("virtual ports: its end", "exit status: 0".into(), ended.clone(), ended == "exit status: 0"),
    ])
}

/// Only the Circuit is there: one line, exit code 1, nothing played.
fn one_of_two(common: &Common) -> Fallible<Vec<Row>> {
    let _circuit = sequencer::Lone::open(CIRCUIT)?;
    let output = Command::new(&common.program[0]).args(&common.program[1..]).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let names = text.contains("`Circuit Mono Station` (port mono") && text.contains("there is: `Circuit`");
    Ok(vec![
        Row::judged(
            "one of two: exit",
            "exit status: 1".into(),
            output.status.to_string(),
            output.status.code() == Some(1),
        ),
        Row::judged("one of two: names what is missing, and what is there", "yes".into(), text.trim().into(), names),
    ])
}
