//! What a value is sent to, by the name that a performer writes: `74`, `cc74`, `bend`, `pressure`, `cc14-1`, `nrpn-1234`,
//! `rpn-0`. One function for values at steps and for curves, so that they know the same names.

use std::ops::RangeInclusive;

use super::mistake::nearest;
use super::values::digits;
use crate::engine::program::Target;

/// The middle of the pitch bend, which is written 0.
const MIDDLE: i64 = 8_192;

/// What targets are called, for those who wrote something else.
pub(super) const NAMES: &str = "a controller from 0 to 127, `bend`, `pressure`, `cc14-1`, `nrpn-1234` or `rpn-0`";

/// The target called `name`, or what is wrong with it: the words of a label, and perhaps the right spelling.
pub(super) fn parse(name: &str) -> Result<Target, (String, Option<String>)> {
    let numbered = |prefix: &str, most: u16| {
        let number = name.strip_prefix(prefix)?;
        let in_range = digits::<u16>(number).filter(|&number| number <= most);
        let named = number.bytes().all(|byte| byte.is_ascii_digit());
        named.then(|| in_range.ok_or_else(|| (format!("expected a number from 0 to {most} behind `{prefix}`"), None)))
    };
    match name {
        "bend" => return Ok(Target::Bend),
        "pressure" => return Ok(Target::Pressure),
        _ => {}
    }
    if let Some(number) = numbered("cc14-", 31) {
        return number.map(|number| Target::Fine(number as u8));
    }
    if let Some(number) = numbered("nrpn-", 16_383) {
        return number.map(Target::Nrpn);
    }
    if let Some(number) = numbered("rpn-", 16_383) {
        return number.map(Target::Rpn);
    }
    if let Some(number) = numbered("cc", 127) {
        return number.map(|number| Target::Controller(number as u8));
    }
    match digits::<u8>(name) {
        Some(number) if number <= 127 => Ok(Target::Controller(number)),
        _ if name.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(("expected a controller from 0 to 127".to_owned(), None))
        }
        _ => {
            let word = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            let near = nearest(word, ["bend", "pressure", "cc", "nrpn", "rpn"].into_iter());
            let spelling = near.map(|near| match near {
                "bend" | "pressure" | "cc" => format!("{near}{}", name.get(word.len()..).unwrap_or_default()),
                _ => format!("{near}-{}", name.get(word.len()..).unwrap_or_default().trim_start_matches('-')),
            });
            Err((format!("expected {NAMES}"), spelling.filter(|spelling| parse(spelling).is_ok())))
        }
    }
}

/// The values that can be written for `target`.
pub(super) fn range(target: Target) -> RangeInclusive<i64> {
    match target {
        Target::Bend => -MIDDLE..=MIDDLE - 1,
        _ => 0..=i64::from(target.highest()),
    }
}

/// What is sent for the written `number`; `None` out of range.
pub(super) fn value(target: Target, number: i64) -> Option<u16> {
    let lowest = *range(target).start();
    let value = range(target).contains(&number).then(|| number - lowest)?;
    u16::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_by_name() {
        for (name, target) in [
            ("74", Target::Controller(74)),
            ("cc74", Target::Controller(74)),
            ("cc0", Target::Controller(0)),
            ("bend", Target::Bend),
            ("pressure", Target::Pressure),
            ("cc14-1", Target::Fine(1)),
            ("nrpn-1234", Target::Nrpn(1_234)),
            ("rpn-0", Target::Rpn(0)),
        ] {
            assert_eq!(parse(name), Ok(target), "{name}");
        }
    }

    #[test]
    fn other_names_are_explained() {
        for (name, said, near) in [
            ("", "expected a controller", None),
            ("128", "0 to 127", None),
            ("999999999999", "0 to 127", None),
            ("cc128", "0 to 127", None),
            ("cc", "0 to 127", None),
            ("cc14-32", "0 to 31", None),
            ("nrpn-16384", "0 to 16383", None),
            ("nrpn1234", "expected a controller", Some("nrpn-1234")),
            ("bnd", "expected a controller", Some("bend")),
            ("presure", "expected a controller", Some("pressure")),
            ("cutoff", "expected a controller", None),
            ("-1", "expected a controller", None),
        ] {
            let (label, spelling) = parse(name).unwrap_err();
            assert!(label.contains(said), "{name}: {label}");
            assert_eq!(spelling.as_deref(), near, "{name}");
        }
    }

    #[test]
    fn values_are_those_of_the_wire() {
        assert_eq!([-8_192, 0, 8_191].map(|number| value(Target::Bend, number)), [Some(0), Some(8_192), Some(16_383)]);
        assert_eq!([-8_193, 8_192].map(|number| value(Target::Bend, number)), [None, None]);
        assert_eq!([-1, 0, 127, 128].map(|n| value(Target::Controller(1), n)), [None, Some(0), Some(127), None]);
        assert_eq!(value(Target::Nrpn(0), 16_383), Some(16_383));
    }
}
