//! What was done in a show, in words: as they are said to `tightrope ctl`, in the names of the set.

use super::record::{Names, Scene};
use crate::engine::program::{PatternSlot, TrackSlot};
use crate::engine::{Call, Command, SessionState};
use crate::midi::Message;
use crate::set::command::{self, Button, Verb, Wordless};
use crate::time::{Meter, TickSpan};

/// The call in words, if it is an event: what hands ask for is, and the transport of a master, but not each pulse and key.
pub(crate) fn call(call: Call, names: &Names, meter: Meter) -> Option<String> {
    match call {
        Call::Input(port, message) => {
            let what = match message {
                Message::Start => "START",
                Message::Continue => "CONTINUE",
                Message::Stop => "STOP",
                Message::SongPosition(_) => "song position",
                Message::Reset => "RESET",
                _ => return None,
            };
            Some(format!("{what} from {}", name(&names.ports, port.0.into())))
        }
        Call::Command(asked) => Some(command(asked, names, meter)),
        Call::Adopt(_) => Some("the saved set plays".to_owned()),
        Call::Reopened(port, true) => Some(format!("{} is there again", name(&names.ports, port.0.into()))),
        Call::Reopened(port, false) => Some(format!("the output of {} is another", name(&names.ports, port.0.into()))),
        Call::Feed(_) | Call::Await | Call::Nothing | Call::Finish => None,
    }
}

fn command(command: Command, names: &Names, meter: Meter) -> String {
    let (track, pattern) =
        (|slot: TrackSlot| name(&names.tracks, slot.0), |slot: PatternSlot| name(&names.patterns, slot.0));
    let wordless = match command::write(command, track, pattern, meter) {
        Ok(words) => return words,
        Err(wordless) => wordless,
    };
    match wordless {
        Wordless::Pace(0) => "the system's clock runs at its own rate".to_owned(),
        Wordless::Pace(pace) => {
            format!("the system's clock runs {:+.3} % off; our own makes up for it", f64::from(pace) / 1e4)
        }
        Wordless::Session(None) => "the session is gone".to_owned(),
        Wordless::Session(Some(SessionState { tick, tempo, playing, .. })) => {
            let beat = tick.0.div_euclid(TickSpan::QUARTER.0);
            let state = if playing { "plays" } else { "is stopped" };
            format!("the session {state}, at {} and beat {beat}", command::number(tempo.bpm()))
        }
        Wordless::ReleaseInput(port) => {
            format!("the input of {} is gone: its keys were let go", name(&names.ports, port.0.into()))
        }
        Wordless::EndAfter(after) => format!("end after {}", command::length(after, meter)),
        Wordless::End => "end".to_owned(),
        Wordless::Silence(port) => format!("{} reads again, and is silenced", name(&names.ports, port.0.into())),
    }
}

/// Returns what plays otherwise in `now` than in `before`, in words.
pub(crate) fn scene(before: &Scene, now: &Scene, names: &Names) -> Vec<String> {
    let mut changes = Vec::new();
    if before.is_running != now.is_running {
        changes.push(if now.is_running { "the music runs".to_owned() } else { "the music is stopped".to_owned() });
    }
    if (before.pattern, before.part) != (now.pattern, now.part) {
        let part = now.part.map_or(String::new(), |part| format!("part {}: ", u32::from(part) + 1));
        changes.push(format!("plays {part}{}", name(&names.patterns, now.pattern)));
    }
    for (what, before, now) in [("muted", &before.muted, &now.muted), ("soloed", &before.soloed, &now.soloed)] {
        if before != now {
            let tracks: Vec<String> = now.iter().map(|&slot| name(&names.tracks, slot)).collect();
            let tracks = if tracks.is_empty() { "nothing".to_owned() } else { tracks.join(", ") };
            changes.push(format!("{what}: {tracks}"));
        }
    }
    changes
}

/// Returns whether a command is one of many of its kind, as from a knob: what comes right after it may stand for it.
pub(crate) fn is_turned(call: Call) -> bool {
    let Call::Command(command) = call else { return false };
    Verb::of(command).is_some_and(|verb| verb.button() == Button::Value)
}

/// The name in a slot, or its number where it has none.
pub(crate) fn name(names: &[String], slot: u16) -> String {
    names
        .get(usize::from(slot))
        .filter(|name| !name.is_empty())
        .cloned()
        .unwrap_or_else(|| format!("#{}", u32::from(slot) + 1))
}
