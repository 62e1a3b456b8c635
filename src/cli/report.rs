//! What is printed at the end of a show: how much was sent, how late, what was lost, and what the machine granted.

use super::printer::{Names, Printer, echoes, percentiles};
use crate::blackbox::writer::Written;
use crate::session::Ended;

/// Prints the report.
pub(crate) fn print(lines: &mut Printer, ended: &Ended) {
    let Ended { snapshot, granted, .. } = ended;
    let names = &Names::of(&ended.set);
    ended.unwritten.iter().for_each(|what| lines.line(format_args!("{what}")));
    let counts = |count: fn(&crate::link::PortSnapshot) -> u64| {
        let ports = names.ports().map(move |(slot, name)| (name, count(&snapshot.ports[usize::from(slot.0)])));
        ports.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>()
    };
    let sent = counts(|port| port.sent);
    lines.line(format_args!("sent: {}", if sent.is_empty() { "nothing".into() } else { sent.join(", ") }));
    lines.line(format_args!("lateness: {}", percentiles(&snapshot.lateness)));
    lines.line(format_args!("time in send: {}", percentiles(&snapshot.send)));
    lines.line(format_args!("wake-up: {}", percentiles(&snapshot.wake)));
    if snapshot.input_jitter.count > 0 {
        lines.line(format_args!("jitter of the followed clock: {}", percentiles(&snapshot.input_jitter)));
        lines.line(format_args!("its estimate is good to: {}", percentiles(&snapshot.phase_error)));
    }
    for (heard, sent_to) in echoes(snapshot, names) {
        let (heard, sent_to) = (names.port(heard), names.port(sent_to));
        lines
            .line(format_args!("clock loop: {heard} brought our own clock, sent to {sent_to}, which was not followed"));
    }
    let withheld = counts(|port| port.withheld);
    if !withheld.is_empty() {
        let withheld = withheld.join(", ");
        lines.line(format_args!("withheld, as the wire was full and newer values came: {withheld}"));
    }
    let mut lost: Vec<String> =
        counts(|port| port.failed).into_iter().map(|port| format!("refused by {port}")).collect();
    lost.extend(counts(|port| port.lost_inputs).into_iter().map(|port| format!("lost from {port}")));
    if snapshot.skipped > 0 {
        lost.push(format!("too late to be played {}", snapshot.skipped));
    }
    match snapshot.lost_trace + lines.lost() {
        0 => {}
        unseen => lost.push(format!("sent, but not shown {unseen}")),
    }
    lines.line(format_args!("dropped: {}", if lost.is_empty() { "nothing".into() } else { lost.join(", ") }));
    lines.line(format_args!("{granted}"));
    ended.log.iter().for_each(|written| print_log(lines, written));
}

/// Says where the log is.
fn print_log(lines: &mut Printer, written: &Written) {
    match (&written.stopped, &written.folder) {
        (Some(stopped), _) => lines.line(format_args!("log: {stopped}")),
        (None, Some(folder)) => {
            lines.line(format_args!("log: {} ({:.1} MB)", folder.display(), written.bytes as f64 / 1e6));
        }
        (None, None) => {}
    }
    if written.lost > 0 {
        lines.line(format_args!("log: {} records were lost, because the disk was too slow", written.lost));
    }
}
