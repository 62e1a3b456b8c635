//! Commands of the engine in the words that ask for them: the way back of what the rest of this folder reads.

use super::Verb;
use crate::engine::program::Target;
use crate::engine::program::{Interval, PatternSlot, PortSlot, Quantum, TrackSlot};
use crate::engine::{Command, SessionState, Switch};
use crate::time::{Meter, TickSpan};

/// A command that has no words: only the program itself asks it of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wordless {
    /// [`Command::Pace`]
    Pace(i32),
    /// [`Command::Session`]
    Session(Option<SessionState>),
    /// [`Command::SilencePort`]
    Silence(PortSlot),
    /// [`Command::ReleaseInput`]
    ReleaseInput(PortSlot),
    /// [`Command::EndAfter`]
    EndAfter(TickSpan),
    /// [`Command::End`]
    End,
}

/// The words that ask for `command`, with the names that `track` and `pattern` give to slots.
///
/// # Errors
///
/// When it has no words.
pub fn write(
    command: Command,
    track: impl Fn(TrackSlot) -> String,
    pattern: impl Fn(PatternSlot) -> String,
    meter: Meter,
) -> Result<String, Wordless> {
    let say = |verb: Verb, rest: String| Ok(format!("{}{rest}", verb.name()));
    let alone = |verb: Verb| Ok(verb.name().to_owned());
    match command {
        Command::Start => alone(Verb::Start),
        Command::Continue => alone(Verb::Continue),
        Command::Stop => alone(Verb::Stop),
        Command::Launch { pattern: slot, at } => {
            let at = match at {
                None => String::new(),
                Some(Quantum::Now) => " at now".to_owned(),
                Some(Quantum::Grid(grid)) => format!(" at {}", length(grid, meter)),
                Some(Quantum::End) => " at end".to_owned(),
            };
            say(Verb::Launch, format!(" {}{at}", pattern(slot)))
        }
        Command::CancelLaunch => alone(Verb::CancelLaunch),
        Command::Jump(part) => say(Verb::Jump, format!(" {}", u32::from(part.0) + 1)),
        Command::Hold(on) => say(Verb::Hold, switch(on).to_owned()),
        Command::Mute(slot, on) => say(Verb::Mute, format!(" {}{}", track(slot), switch(on))),
        Command::Solo(slot, on) => say(Verb::Solo, format!(" {}{}", track(slot), switch(on))),
        Command::Fill(on) => say(Verb::Fill, switch(on).to_owned()),
        Command::Transpose { track: of, by, unit } => {
            let of = of.map_or(String::new(), |slot| format!(" {}", track(slot)));
            let unit = match unit {
                Interval::Semitones => "",
                Interval::Degrees => " degrees",
            };
            say(Verb::Transpose, format!("{of} {by:+}{unit}"))
        }
        Command::Control { track: slot, target, value } => {
            say(Verb::Control, format!(" {} {} {}", track(slot), name_of(target), amount(target, value)))
        }
        Command::Tempo(tempo) => say(Verb::Tempo, format!(" {}", number(tempo.bpm()))),
        Command::TempoStep(hundredths) => {
            let sign = if hundredths < 0 { '-' } else { '+' };
            say(Verb::Tempo, format!(" {sign}{}", number(f64::from(hundredths).abs() / 100.0)))
        }
        Command::Tap => alone(Verb::Tap),
        Command::Panic => alone(Verb::Panic),
        Command::Pace(pace) => Err(Wordless::Pace(pace)),
        Command::Session(state) => Err(Wordless::Session(state)),
        Command::SilencePort(port) => Err(Wordless::Silence(port)),
        Command::ReleaseInput(port) => Err(Wordless::ReleaseInput(port)),
        Command::EndAfter(length) => Err(Wordless::EndAfter(length)),
        Command::End => Err(Wordless::End),
    }
}

/// A length in bars or beats where it is some of them, else as a part of a whole note.
#[must_use]
pub fn length(length: TickSpan, meter: Meter) -> String {
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

/// A number with as many decimals as it has, three at most.
#[must_use]
pub fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn switch(switch: Switch) -> &'static str {
    match switch {
        Switch::On => " on",
        Switch::Off => " off",
        Switch::Toggle => "",
    }
}

fn name_of(target: Target) -> String {
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

/// The number that is written for a value: a bend has its rest in the middle.
fn amount(target: Target, value: u16) -> i32 {
    let middle = if target == Target::Bend { 8_192 } else { 0 };
    i32::from(value) - middle
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let track = |slot: TrackSlot| tracks[usize::from(slot.0)].to_owned();
        let pattern = |slot: PatternSlot| patterns[usize::from(slot.0)].to_owned();
        for (beats, unit) in [(4, 4), (3, 4), (7, 8), (5, 16), (1, 1)] {
            let meter = Meter::new(beats, unit).unwrap();
            let of_set =
                command::Names { tracks: tracks.to_vec(), patterns: patterns.to_vec(), parts: parts.clone(), meter };
            for said in SAID {
                let asked = command::parse(said, &of_set).unwrap();
                let told = write(asked, track, pattern, meter).unwrap();
                assert_eq!(told.split(' ').next(), Verb::of(asked).map(Verb::name), "{said}");
                assert_eq!(command::parse(&told, &of_set), Ok(asked), "{told} for {said} in {meter}");
                if (beats, unit) == (4, 4) {
                    assert_eq!(told.replace("bend 0", "bend +0"), *said);
                }
            }
        }
        let seven = Meter::new(7, 8).unwrap();
        assert_eq!(length(TickSpan(6_720), seven), "2 bars");
        assert_eq!(length(TickSpan(480), seven), "beat");
    }
}
