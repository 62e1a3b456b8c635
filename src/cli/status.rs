//! The status of a show, to be read by people, and as JSON.

use std::fmt;

use super::printer;
use crate::control::report::{Percentiles, Report, Source, Transport};
use crate::time::Span;

/// The report as one line of JSON.
pub(crate) fn json(report: &Report) -> String {
    // Nothing in it can fail to be written as JSON.
    serde_json::to_string(report).unwrap_or_default()
}

/// The report as lines.
pub(crate) struct Readable<'r>(pub &'r Report);

impl fmt::Display for Readable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let tempo = report.tempo_bpm.map_or("tempo unknown".to_owned(), |bpm| format!("{bpm:.1} BPM"));
        let what = match report.transport {
            Transport::Stopped => "stopped",
            Transport::Armed => "ready",
            Transport::Running => "playing",
        };
        let clock = match (report.clock.source, &report.clock.port) {
            (Source::Own, _) => "own clock".to_owned(),
            (Source::Session, _) => "follows the session".to_owned(),
            (Source::Followed, port) => format!("follows {}", port.as_deref().unwrap_or("?")),
        };
        let (bar, beat) = (report.position.bar, report.position.beat);
        writeln!(f, "{}: {what}, bar {bar}, beat {beat}, {} at {tempo}, {clock}", report.set, report.meter)?;
        write!(f, "pattern: {}", report.pattern)?;
        if let Some(part) = &report.part {
            write!(f, ", part {} of {}", part.number, part.of)?;
        }
        for (name, is_on) in [("fill", report.fill), ("hold", report.hold)] {
            if is_on {
                write!(f, ", {name}")?;
            }
        }
        if let Some(next) = &report.queued {
            write!(
                f,
                "; next: {} at bar {}, beat {}, {} beats left",
                next.pattern, next.bar, next.beat, next.beats_left
            )?;
        }
        writeln!(f)?;
        self.tracks(f)?;
        self.ports(f)?;
        let Percentiles { p50, p99, max, .. } = report.timing.lateness_ns;
        let [p50, p99, max] = [p50, p99, max].map(|nanos| printer::Readable(Span(nanos)));
        writeln!(f, "late: p50 {p50}, p99 {p99}, max {max}; notes skipped: {}", report.timing.skipped)?;
        writeln!(f, "{}", report.granted)?;
        for (what, text) in
            [("mistake", &report.mistake), ("last notice", &report.notice.as_ref().map(|last| last.text.clone()))]
        {
            if let Some(text) = text {
                writeln!(f, "{what}: {}", text.trim_end())?;
            }
        }
        Ok(())
    }
}

impl Readable<'_> {
    fn tracks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tracks = &self.0.tracks;
        let width = tracks.iter().map(|track| track.name.len()).max().unwrap_or_default();
        for track in tracks {
            write!(f, "track {:width$}  {}", track.name, track.plays.as_deref().unwrap_or("-"))?;
            for (name, is_on) in [("muted", track.muted), ("solo", track.soloed)] {
                if is_on {
                    write!(f, "  {name}")?;
                }
            }
            for (by, unit) in [(track.semitones, "semitone"), (track.degrees, "degree")] {
                if by != 0 {
                    write!(f, "  {by:+} {unit}{}", if by.abs() == 1 { "" } else { "s" })?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn ports(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = &self.0.ports;
        let width = ports.iter().map(|port| port.name.len()).max().unwrap_or_default();
        for port in ports {
            let state = match (port.missing, port.connected) {
                (true, _) => "missing",
                (false, true) => "connected",
                (false, false) => "not connected",
            };
            // Without any MIDI, what leaves is drawn or printed, and heard by nobody.
            let sent = if port.connected || port.missing { "sent" } else { "to nobody" };
            write!(f, "port {:width$}  {state}  {sent} {}", port.name, port.sent)?;
            let counts = [
                ("refused", port.refused),
                ("lost", port.lost),
                ("withheld", port.withheld),
                ("waiting", port.waiting),
            ];
            for (name, count) in counts {
                if count > 0 {
                    write!(f, "  {name} {count}")?;
                }
            }
            if !port.returns_from.is_empty() {
                write!(f, "  NOTE LOOP from {}", port.returns_from.join(", "))?;
            }
            writeln!(f)?;
        }
        if let Some(osc) = &self.0.osc {
            writeln!(
                f,
                "osc {}  orders {}  dropped {}  malformed {}  declined {}  refused {}  subscribers {}",
                osc.address, osc.orders, osc.dropped, osc.malformed, osc.declined, osc.refused, osc.subscribers
            )?;
        }
        Ok(())
    }
}
