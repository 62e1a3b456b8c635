//! What was done in a show, in words: as they are said to `tightrope ctl`, in the names of the set.

use super::record::{Names, Scene};
use crate::engine::pattern::Target;
use crate::engine::program::{Interval, Quantum};
use crate::engine::{Call, Command, SessionState, Switch};
use crate::midi::Message;
use crate::time::{Meter, TickSpan};

/// The call in words, if it is an event: what hands ask for is, and the transport of a master, but not each pulse and key.
pub fn call(call: Call, names: &Names, meter: Meter) -> Option<String> {
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
        Call::Await | Call::Nothing | Call::Finish => None,
    }
}

fn command(command: Command, names: &Names, meter: Meter) -> String {
    let track = |slot: u16| name(&names.tracks, slot);
    match command {
        Command::Start => "start".to_owned(),
        Command::Continue => "continue".to_owned(),
        Command::Stop => "stop".to_owned(),
        Command::Launch { pattern, at } => {
            let at = match at {
                None => String::new(),
                Some(Quantum::Now) => " at now".to_owned(),
                Some(Quantum::Grid(grid)) => format!(" at {}", length(grid, meter)),
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
        Command::Control { track: slot, target, value } => {
            format!("cc {} {} {}", track(slot.0), on(target), amount(target, value))
        }
        Command::Tempo(tempo) => format!("tempo {}", number(tempo.bpm())),
        Command::Nudge(hundredths) => {
            format!("tempo {}{}", sign(hundredths), number(f64::from(hundredths).abs() / 100.0))
        }
        Command::Tap => "tap".to_owned(),
        Command::Pace(0) => "the system's clock runs at its own rate".to_owned(),
        Command::Pace(pace) => {
            format!("the system's clock runs {:+.3} % off; our own makes up for it", f64::from(pace) / 1e4)
        }
        Command::Session(None) => "the session is gone".to_owned(),
        Command::Session(Some(SessionState { tick, tempo, playing, .. })) => {
            let beat = tick.0.div_euclid(TickSpan::QUARTER.0);
            let state = if playing { "plays" } else { "is stopped" };
            format!("the session {state}, at {} and beat {beat}", number(tempo.bpm()))
        }
        Command::Panic => "panic".to_owned(),
        Command::LetGo(port) => {
            format!("the input of {} is gone: its keys were let go", name(&names.ports, port.0.into()))
        }
        Command::EndAfter(after) => format!("end after {}", length(after, meter)),
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
        Target::Fine(number) => format!("cc14-{number}"),
        Target::Bend => "bend".to_owned(),
        Target::Pressure => "pressure".to_owned(),
        Target::Program => "program".to_owned(),
        Target::Rpn(number) => format!("rpn-{number}"),
        Target::Nrpn(number) => format!("nrpn-{number}"),
    }
}

/// What is written for a value that is sent: a bend has its rest in the middle.
fn amount(target: Target, value: u16) -> i32 {
    let middle = if target == Target::Bend { 8_192 } else { 0 };
    i32::from(value) - middle
}

fn sign(number: i32) -> char {
    if number < 0 { '-' } else { '+' }
}

/// A number with as many decimals as it has, three at most.
fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length in bars or beats where it is some of them, else as a part of a whole note.
fn length(length: TickSpan, meter: Meter) -> String {
    let whole = TickSpan::QUARTER.0 * 4;
    let of = |one: &str, unit: i64| match length.0 / unit {
        1 => one.to_owned(),
        count => format!("{count} {one}s"),
    };
    match length.0 {
        ticks if ticks % meter.bar().0 == 0 => of("bar", meter.bar().0),
        ticks if ticks % meter.beat().0 == 0 => of("beat", meter.beat().0),
        ticks if ticks > 0 && whole % ticks == 0 => format!("1/{}", whole / ticks),
        ticks => {
            let common = (1..=whole).rev().find(|by| whole % by == 0 && ticks % by == 0).unwrap_or(1);
            format!("{}/{}", ticks / common, whole / common)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PatternSlot;
    use crate::set::command;

    /// As they are said to `ctl`.
    const SAID: &[&str] = &[
        "start",
        "stop",
        "continue",
        "withdraw",
        "tap",
        "panic",
        "launch build",
        "launch main at now",
        "launch main at end",
        "launch main at bar",
        "launch main at 2 bars",
        "launch main at beat",
        "launch main at 3 beats",
        "launch main at 1/16",
        "launch main at 3/16",
        "launch main at 1/12",
        "launch main at 5/96",
        "jump 3",
        "hold",
        "hold on",
        "mute drums",
        "mute bass off",
        "solo bass on",
        "fill",
        "fill off",
        "transpose +2",
        "transpose -12",
        "transpose +0",
        "transpose bass +2 degrees",
        "cc bass 74 64",
        "cc bass bend +0",
        "cc drums bend -8192",
        "cc bass cc14-1 300",
        "cc bass pressure 3",
        "cc bass program 5",
        "cc bass rpn-0 256",
        "cc bass nrpn-1234 7",
        "tempo 128",
        "tempo 127.5",
        "tempo 119.99",
        "tempo 400",
        "tempo +1",
        "tempo -0.5",
        "tempo +0.29",
        "tempo -380",
    ];

    #[test]
    fn commands_are_told_in_the_words_in_which_they_are_said() {
        let (tracks, patterns) = (["drums", "bass"], ["main", "build"]);
        let parts = [0, 1, 0].map(PatternSlot).to_vec();
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let names = Names { ports: Vec::new(), tracks: owned(&tracks), patterns: owned(&patterns) };
        for (beats, unit) in [(4, 4), (3, 4), (7, 8), (5, 16), (1, 1)] {
            let meter = Meter::new(beats, unit).unwrap();
            let of_set =
                command::Names { tracks: tracks.to_vec(), patterns: patterns.to_vec(), parts: parts.clone(), meter };
            for said in SAID {
                let asked = command::parse(said, &of_set).unwrap();
                let told = super::command(asked, &names, meter);
                assert_eq!(command::parse(&told, &of_set), Ok(asked), "{told} for {said} in {meter}");
                if (beats, unit) == (4, 4) {
                    assert_eq!(told.replace("bend 0", "bend +0"), *said);
                }
            }
        }
        let seven = Meter::new(7, 8).unwrap();
        assert_eq!(super::command(Command::EndAfter(TickSpan(6_720)), &names, seven), "end after 2 bars");
        assert_eq!(length(TickSpan(480), seven), "beat");
    }
}
