//! What was done in a show, in words: as they are said to `tightrope ctl`, in the names of the set.

use super::record::{Names, Scene};
use crate::engine::pattern::Target;
use crate::engine::program::{Interval, Quantum};
use crate::engine::{Call, Command, Switch};
use crate::midi::Message;
use crate::time::{Meter, TickSpan};

/// The call in words, if it is an event: what hands ask for is, and the transport of a master, but not each pulse and key.
pub fn call(call: Call, names: &Names) -> Option<String> {
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
        Call::Command(asked) => Some(command(asked, names)),
        Call::Adopt(_) => Some("the saved set plays".to_owned()),
        Call::Reopened(port, true) => Some(format!("{} is there again", name(&names.ports, port.0.into()))),
        Call::Reopened(port, false) => Some(format!("the output of {} is another", name(&names.ports, port.0.into()))),
        Call::Await | Call::Nothing | Call::Finish => None,
    }
}

fn command(command: Command, names: &Names) -> String {
    let track = |slot: u16| name(&names.tracks, slot);
    match command {
        Command::Start => "start".to_owned(),
        Command::Continue => "continue".to_owned(),
        Command::Stop => "stop".to_owned(),
        Command::Launch { pattern, at } => {
            let at = match at {
                None => String::new(),
                Some(Quantum::Now) => " now".to_owned(),
                Some(Quantum::Grid(grid)) => format!(" at {}", length(grid)),
                Some(Quantum::End) => " at end".to_owned(),
            };
            format!("launch {}{at}", name(&names.patterns, pattern.0))
        }
        Command::Withdraw => "withdraw".to_owned(),
        Command::Jump(part) => format!("jump {}", u32::from(part.0) + 1),
        Command::Hold(on) => format!("hold{}", switch(on)),
        Command::Mute(slot, on) => format!("mute {}{}", track(slot.0), switch(on)),
        Command::Solo(slot, on) => format!("solo {}{}", track(slot.0), switch(on)),
        Command::Fill(on) => format!("fill{}", switch(on)),
        Command::Transpose { track: of, by, unit } => {
            let of = of.map_or(String::new(), |slot| format!(" {}", track(slot.0)));
            let unit = if unit == Interval::Degrees { " degrees" } else { "" };
            format!("transpose{of} {by:+}{unit}")
        }
        Command::Control { track: slot, target, value } => format!("cc {} {} {value}", track(slot.0), on(target)),
        Command::Tempo(tempo) => format!("tempo {:.2}", tempo.bpm()),
        Command::Nudge(hundredths) => format!("nudge {:+.2}", f64::from(hundredths) / 100.0),
        Command::Tap => "tap".to_owned(),
        Command::Pace(0) => "the system's clock runs at its own rate".to_owned(),
        Command::Pace(pace) => {
            format!("the system's clock runs {:+.3} % off; our own makes up for it", f64::from(pace) / 1e4)
        }
        Command::Panic => "panic".to_owned(),
        Command::LetGo(port) => {
            format!("the input of {} is gone: its keys were let go", name(&names.ports, port.0.into()))
        }
        Command::EndAfter(after) => format!("end after {}", length(after)),
        Command::End => "end".to_owned(),
        Command::Silence(port) => format!("{} reads again, and is silenced", name(&names.ports, port.0.into())),
    }
}

/// What plays otherwise in `now` than in `before`, in words.
pub fn scene(before: &Scene, now: &Scene, names: &Names) -> Vec<String> {
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

/// Whether a command is one of many of its kind, as from a knob: what comes right after it may stand for it.
pub fn is_turned(call: Call) -> bool {
    matches!(
        call,
        Call::Command(Command::Control { .. } | Command::Tempo(_) | Command::Nudge(_) | Command::Transpose { .. })
    )
}

/// The name in a slot, or its number where it has none.
pub fn name(names: &[String], slot: u16) -> String {
    names
        .get(usize::from(slot))
        .filter(|name| !name.is_empty())
        .cloned()
        .unwrap_or_else(|| format!("#{}", u32::from(slot) + 1))
}

fn switch(switch: Switch) -> &'static str {
    match switch {
        Switch::On => " on",
        Switch::Off => " off",
        Switch::Toggle => "",
    }
}

fn on(target: Target) -> String {
    match target {
        Target::Controller(number) => number.to_string(),
        Target::Fine(number) => format!("{number} fine"),
        Target::Bend => "bend".to_owned(),
        Target::Pressure => "pressure".to_owned(),
        Target::Program => "program".to_owned(),
        Target::Rpn(number) => format!("rpn-{number}"),
        Target::Nrpn(number) => format!("nrpn-{number}"),
    }
}

/// A length in quarter notes, or in bars of four where it is some of them.
fn length(length: TickSpan) -> String {
    let (bar, beat) = (Meter::COMMON.bar().0, TickSpan::QUARTER.0);
    match length.0 {
        ticks if ticks % bar == 0 => format!("{} bars of 4/4", ticks / bar),
        ticks => format!("{} beats", ticks as f64 / beat as f64),
    }
}
