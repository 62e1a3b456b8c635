//! A rendered show as lines: for eyes, for `diff`, and for golden traces.

use super::render::{Rendering, Sent};
use crate::set::Set;
use crate::time::{Meter, Tick, TickSpan};

/// A line for each message: bar.beat.tick, seconds from START at the set's own tempo, the port, the bytes, and what they say.
pub fn lines<'r>(set: &'r Set, rendering: &'r Rendering) -> impl Iterator<Item = String> + 'r {
    let width = set.ports.iter().map(|port| port.name.len()).max().unwrap_or(0);
    rendering.sent.iter().map(move |sent| {
        let seconds = set.program.tempo.span_of(sent.tick - Tick::ZERO).0 as f64 / 1e9;
        let port = set.ports.get(usize::from(sent.port.0)).map_or("?", |port| &port.name);
        let bytes = sent.message.to_bytes().to_string();
        let said = sent.message.to_string();
        format!(
            "{:>11} {seconds:>12.6}  {port:<width$}  {bytes:<8}  {}",
            position(set.program.meter, sent.tick),
            said.trim_end()
        )
    })
}

/// A line for each message and each pattern that begins: bar.beat.tick, the track (or the port, in brackets) and what is
/// said. It shows what is heard, and nothing that a change of wires would change.
pub fn score<'r>(set: &'r Set, rendering: &'r Rendering) -> impl Iterator<Item = String> + 'r {
    let mut marks = rendering.marks.iter().peekable();
    let meter = set.program.meter;
    rendering.sent.iter().map(Some).chain([None]).flat_map(move |sent| {
        let mut lines = Vec::new();
        while let Some(mark) = marks.next_if(|mark| sent.is_none_or(|sent| mark.tick <= sent.tick)) {
            let pattern = set.patterns.get(usize::from(mark.pattern.0)).map_or("?", String::as_str);
            let part = mark.part.map_or(String::new(), |part| format!("part {} ", part.0 + 1));
            lines.push(format!("{:>9} -- {part}{pattern}", position(meter, mark.tick)));
        }
        if let Some(sent) = sent {
            lines.push(format!("{:>9} {} {}", position(meter, sent.tick), who(set, sent), words(sent)));
        }
        lines
    })
}

fn who(set: &Set, sent: &Sent) -> String {
    match sent.track.and_then(|track| set.tracks.get(usize::from(track.0))) {
        Some(track) => track.clone(),
        None => format!("[{}]", set.ports.get(usize::from(sent.port.0)).map_or("?", |port| &port.name)),
    }
}

/// Returns what a message says, single-spaced.
fn words(sent: &Sent) -> String {
    sent.message.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A length in bars, or in sixteenths where it is no whole number of bars, or else as the fraction of a whole note that it is: never
/// rounded, so that what is said of several goes together.
#[must_use]
pub fn length(length: TickSpan, meter: Meter) -> String {
    let plural = |count: i64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let whole = TickSpan::QUARTER.0 * 4;
    match length.0 {
        ticks if ticks % meter.bar().0 == 0 => plural(ticks / meter.bar().0, "bar"),
        ticks if ticks % TickSpan::SIXTEENTH.0 == 0 => plural(ticks / TickSpan::SIXTEENTH.0, "sixteenth"),
        ticks => {
            let (mut divisor, mut rest) = (whole, ticks.abs().max(1));
            while rest != 0 {
                (divisor, rest) = (rest, divisor % rest);
            }
            format!("{}/{} of a whole note", ticks / divisor, whole / divisor)
        }
    }
}

/// A position as musicians count it: `5.2.480`.
#[must_use]
pub fn position(meter: Meter, tick: Tick) -> String {
    let (bar, beat, tick) = meter.bar_beat_tick(tick);
    format!("{bar}.{beat}.{tick:03}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_never_rounded() {
        let said = |ticks| length(TickSpan(ticks), Meter::COMMON);
        assert_eq!(said(3_840), "1 bar");
        assert_eq!(said(7_680), "2 bars");
        assert_eq!(said(240), "1 sixteenth");
        assert_eq!(said(960), "4 sixteenths");
        assert_eq!(said(720), "3 sixteenths");
        assert_eq!(said(320), "1/12 of a whole note");
        assert_eq!(said(719), "719/3840 of a whole note");
        assert_eq!(length(TickSpan(480), Meter::new(7, 8).unwrap()), "2 sixteenths");
    }
}
