//! The status as OSC messages, one for each thing that can change.

use rosc::{OscMessage, OscType};

use crate::control::report::{Report, Source};

/// Returns what has changed from `before` to `now`; everything where there is nothing before, or where the set is another.
#[must_use]
pub(crate) fn changes(before: Option<&Report>, now: &Report) -> Vec<OscMessage> {
    let messages = all(now);
    match before.filter(|before| before.edition == now.edition) {
        // Of one set, the messages stand in the same places.
        Some(before) => {
            all(before).into_iter().zip(messages).filter(|(old, new)| old != new).map(|(_, new)| new).collect()
        }
        None => messages,
    }
}

fn all(report: &Report) -> Vec<OscMessage> {
    let text = |text: &str| OscType::String(text.to_owned());
    let number = |number: i64| OscType::Int(i32::try_from(number).unwrap_or(i32::MAX));
    let flag = |flag: bool| OscType::Int(i32::from(flag));
    let message = |name: &str, args: Vec<OscType>| OscMessage { addr: format!("/tightrope/status/{name}"), args };
    let queued = match &report.queued {
        Some(queued) => {
            vec![text(&queued.pattern), number(queued.bar), number(queued.beat), number(queued.beats_left)]
        }
        None => vec![text(""), number(0), number(0), number(0)],
    };
    // A tenth of a followed clock, so that it is not news all the time; our own is as it was asked for.
    let to = if report.clock.source == Source::Followed { 10.0 } else { 1_000.0 };
    let tempo = report.tempo_bpm.map_or(0.0, |bpm| (bpm * to).round() / to);
    let mut messages = vec![
        message("set", vec![text(&report.set)]),
        message("transport", vec![text(report.transport.name())]),
        message("position", vec![number(report.position.bar), number(report.position.beat)]),
        message("tempo", vec![OscType::Float(tempo as f32)]),
        message("pattern", vec![text(&report.pattern)]),
        message("part", vec![number(report.part.as_ref().map_or(0, |part| i64::from(part.number)))]),
        message("queued", queued),
        message("fill", vec![flag(report.fill)]),
        message("hold", vec![flag(report.hold)]),
    ];
    for track in &report.tracks {
        messages.push(message("mute", vec![text(&track.name), flag(track.muted)]));
        messages.push(message("solo", vec![text(&track.name), flag(track.soloed)]));
        let by = vec![text(&track.name), OscType::Int(track.semitones), OscType::Int(track.degrees)];
        messages.push(message("transpose", by));
    }
    messages
}
