//! `tightrope log`: what happened in a show.

use std::io::Write;

use super::args::Log;
use super::failure::Failure;
use super::printer::Readable;
use super::{files, replay};
use crate::blackbox::drawing::{clock, draw};
use crate::blackbox::folder::date;
use crate::blackbox::report::{Report, Wrong, report};
use crate::blackbox::stats::Lateness;
use crate::time::Span;

/// In how many stretches a show is told.
const STRETCHES: usize = 20;

/// How many events are printed; all of them are in the JSON.
const EVENTS: usize = 200;

/// Prints what happened in a show to `out`, and draws it if that is wanted.
///
/// # Errors
///
/// When there is no log, or when the picture cannot be written.
pub(crate) fn log(args: &Log, out: &mut dyn Write) -> Result<(), Failure> {
    let (path, log) = replay::open(args.log.as_deref())?;
    let report = report(&log, STRETCHES);
    if args.json {
        // Nothing in it can fail to be written as JSON.
        writeln!(out, "{}", serde_json::to_string(&report).unwrap_or_default())?;
    } else {
        writeln!(out, "log: {}", path.display())?;
        print(&report, out)?;
    }
    if let Some(file) = &args.svg {
        let picture = draw(&log, &report).map_err(|why| Failure::Refused(format!("it cannot be drawn: {why}")))?;
        files::write(file, picture.as_bytes(), args.force, "add --force to write over it, or name another")?;
        if !args.json {
            writeln!(out, "drawn: {}", file.display())?;
        }
    }
    Ok(())
}

fn print(report: &Report, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "show: {}, {}, by tightrope {}", report.set, date(report.began_unix_ms), report.version)?;
    let ended = report.ended.as_deref().map_or("its end is not in the log".to_owned(), |why| format!("ended: {why}"));
    writeln!(out, "length: {}; {ended}", clock(report.length_s))?;
    writeln!(out, "{}", report.granted)?;
    for damage in &report.damage {
        writeln!(out, "log: {damage}")?;
    }
    for port in &report.ports {
        let counts = [("heard", port.heard), ("sent", port.sent), ("refused", port.refused)];
        let counts = counts.into_iter().chain([("to nobody", port.absent), ("too late", port.skipped)]);
        let counts: Vec<_> =
            counts.filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}")).collect();
        let name = if port.name.is_empty() { "?" } else { &port.name };
        writeln!(out, "port {name}: {}", counts.join(", "))?;
    }
    writeln!(out, "lateness: {}", percentiles(&report.lateness))?;
    writeln!(out)?;
    let heads = ["from", "messages", "p50", "p99", "p99.9", "max", "over 1 ms", "BPM", "clock in, p99"];
    writeln!(out, "{}", row(&heads.map(str::to_owned)))?;
    for stretch in &report.stretches {
        let Lateness { count, p50_ns, p99_ns, p999_ns, max_ns, late } = stretch.lateness;
        let span = |nanos: i64| if count > 0 { Readable(Span(nanos)).to_string() } else { "-".to_owned() };
        let tempo = stretch.bpm.map_or("-".to_owned(), |bpm| format!("{bpm:.2}"));
        let jitter = stretch.jitter_p99_ns.map_or("-".to_owned(), |nanos| Readable(Span(nanos)).to_string());
        let spans = (span(p50_ns), span(p99_ns), span(p999_ns), span(max_ns));
        let (from, count, late) = (clock(stretch.from_s), count.to_string(), late.to_string());
        writeln!(out, "{}", row(&[from, count, spans.0, spans.1, spans.2, spans.3, late, tempo, jitter]))?;
    }
    writeln!(out)?;
    for event in report.events.iter().take(EVENTS) {
        let times = if event.times > 1 { format!(" ({} times)", event.times) } else { String::new() };
        let mark = if event.wrong { "! " } else { "" };
        let position = event.position.as_deref().unwrap_or_default();
        writeln!(out, "{:>12.3} s  {position:>7}  {mark}{}{times}", event.at_s, event.what)?;
    }
    let more = report.events.len().saturating_sub(EVENTS) as u64 + report.more_events;
    if more > 0 {
        writeln!(out, "… and {more} more; --json has them")?;
    }
    writeln!(out, "went wrong: {}", wrong(&report.wrong))?;
    Ok(())
}

fn row(cells: &[String; 9]) -> String {
    let widths = [8, 9, 9, 9, 9, 9, 9, 8, 13];
    let cells: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
    cells.join(" ")
}

fn percentiles(of: &Lateness) -> String {
    if of.count == 0 {
        return "nothing was sent".to_owned();
    }
    let [p50, p99, p999, max] = [of.p50_ns, of.p99_ns, of.p999_ns, of.max_ns].map(|nanos| Readable(Span(nanos)));
    format!("p50 {p50}, p99 {p99}, p99.9 {p999}, max {max}, of {}", of.count)
}

fn wrong(wrong: &Wrong) -> String {
    let counts = [
        ("later than 1 ms", wrong.late),
        ("too late to be played", wrong.skipped),
        ("refused", wrong.refused),
        ("inputs lost", wrong.lost_inputs),
        ("values that gave way to newer ones on a full wire", wrong.withheld),
        ("not in the log, because the trace was full", wrong.lost_trace),
        ("not in the log, because the disk was too slow", wrong.lost_records),
    ];
    let counts: Vec<_> =
        counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what}: {count}")).collect();
    if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") }
}
