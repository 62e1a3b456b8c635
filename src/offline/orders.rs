//! What is to be done while a show is rendered, and where: `5 launch build` at bar 5, `5.2 launch build` at its second beat.

use crate::engine::Command;
use crate::set::Set;
use crate::set::command;
use crate::time::{Meter, Tick, TickSpan};

/// Reads one: the command, and the position that it is for.
///
/// # Errors
///
/// What cannot be understood, and what would be.
pub fn parse(set: &Set, text: &str) -> Result<(Tick, Command), String> {
    let (position, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let tick = self::position(set.program.meter, position).ok_or_else(|| {
        format!("`{text}` does not begin with a bar; write for example `5 launch build` or `5.2 launch build`")
    })?;
    Ok((tick, command(set, rest.trim())?))
}

/// `BAR`, `BAR.BEAT` or `BAR.BEAT.TICK`, as musicians count them.
fn position(meter: Meter, text: &str) -> Option<Tick> {
    let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
    let bar = i64::from(numbers.next()??.checked_sub(1)?);
    let beat = i64::from(numbers.next().map_or(Some(1), |beat| beat)?.checked_sub(1)?);
    let tick = i64::from(numbers.next().map_or(Some(0), |tick| tick)?);
    let fits = numbers.next().is_none() && beat < i64::from(meter.beats()) && tick < meter.beat().0;
    fits.then(|| Tick::ZERO + meter.bar() * bar + meter.beat() * beat + TickSpan(tick))
}

/// The command that `text` gives, in the grammar that bindings use.
fn command(set: &Set, text: &str) -> Result<Command, String> {
    command::parse(text, &set.names()).map_err(|why| why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PatternSlot;

    fn set() -> Set {
        let text = "meter = \"3/4\"\n[patterns.main]\n[patterns.build]\n";
        Set::parse("a.toml", text.as_bytes()).unwrap()
    }

    #[test]
    fn positions_are_bars_beats_and_ticks() {
        let meter = Meter::new(3, 4).unwrap();
        let read = |text: &str| position(meter, text).map(|tick| tick.0);
        assert_eq!(
            [read("1"), read("2"), read("2.3"), read("2.3.5")],
            [Some(0), Some(2_880), Some(4_800), Some(4_805)]
        );
        for wrong in ["", "0", "x", "2.0", "2.4", "2.1.960", "2.1.0.0", "-1", "2."] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let set = set();
        assert_eq!(
            parse(&set, " 2 launch  build "),
            Ok((Tick(2_880), Command::Launch { pattern: PatternSlot(1), at: None }))
        );
        for (text, said) in [
            ("2 launch bild", "did you mean `build`?"),
            ("2 launch", "lacks the name of a pattern"),
            ("2", "the command is empty"),
            ("launch build", "does not begin with a bar"),
            ("", "does not begin with a bar"),
        ] {
            let problem = parse(&set, text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
        }
    }
}
