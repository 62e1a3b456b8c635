//! What the program says of the machine that it runs on: whether it is safe for a show, and how long a message takes round
//! a loop. The emulated machine is known to keep time, and its "Midi Through" gives back what it gets.

use crate::instrument::Fallible;
use crate::verdict::Row;
use std::process::{Command, Stdio};

/// How many messages go round.
const TRIPS: u32 = 300;
/// How long a message may take through the sequencer and back, 99 of 100, in nanoseconds.
const TRIP_WITHIN_NS: i64 = 200_000;

pub fn examine(program: &str) -> Fallible<Vec<Row>> {
    Ok(vec![measure(program)?, doctor(program)?])
}

fn run(program: &str, arguments: &[&str]) -> Fallible<(bool, String)> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("--- output of {}\n{text}{}---", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), text))
}

fn measure(program: &str) -> Fallible<Row> {
    let loops = "Midi Through";
    let (is_well, text) = run(program, &["measure", loops, loops, "--count", &TRIPS.to_string(), "--json"])?;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let trip = |key: &str| json["round_trip_ns"][key].as_i64().unwrap_or(-1);
    let ok = is_well
        && trip("count") == i64::from(TRIPS)
        && json["lost"] == 0
        && (1..=TRIP_WITHIN_NS).contains(&trip("p99"));
    let found = format!("{} came back; p50 {} ns, p99 {} ns", trip("count"), trip("p50"), trip("p99"));
    Ok(Row::judged("measure: messages round a loop", format!("{TRIPS}, p99 at most {TRIP_WITHIN_NS} ns"), found, ok))
}

fn doctor(program: &str) -> Fallible<Row> {
    let (is_well, text) = run(program, &["doctor", "--seconds", "1", "--json"])?;
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let findings = json["findings"].as_array().map_or(0, Vec::len);
    let found = format!("{findings} findings; {}", json["trial"]["verdict"].as_str().unwrap_or("no verdict"));
    Ok(Row::judged("doctor: the verdict", "safe".into(), found, is_well && json["safe"] == true && findings >= 6))
}
