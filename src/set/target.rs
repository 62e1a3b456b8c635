//! What a value is sent to, by the name that a performer writes: `74`, `cc74`, `bend`, `pressure`, `program`, `cc14-1`,
//! `nrpn-1234`, `rpn-0`. One function for values at steps and for curves, so that they know the same names.

use std::ops::RangeInclusive;

use super::diagnostic::nearest;
use super::values::digits;
use crate::engine::program::Target;

/// The middle of the pitch bend, which is written 0.
const MIDDLE: i64 = 8_192;

/// What targets are called, for those who wrote something else.
pub(super) const NAMES: &str =
    "a controller from 0 to 127, `bend`, `pressure`, `program`, `cc14-1`, `nrpn-1234` or `rpn-0`";

/// The target called `name`, or what is wrong with it: the words of a label, and perhaps the right spelling.
pub(super) fn parse(name: &str) -> Result<Target, (String, Option<String>)> {
    match known(name) {
        Some(Ok(target)) => Ok(target),
        Some(Err(label)) => Err((label, None)),
        None => Err((format!("expected {NAMES}"), spelling(name))),
    }
}

/// The target called `name`, or why its number is out of range; `None` for what is no name of a target.
fn known(name: &str) -> Option<Result<Target, String>> {
    let numbered = |prefix: &str, most: u16, target: fn(u16) -> Target| {
        let number = name.strip_prefix(prefix).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
        let in_range = digits::<u16>(number).filter(|&number| number <= most);
        Some(in_range.map(target).ok_or_else(|| match prefix {
            "" => format!("expected a controller from 0 to {most}"),
            _ => format!("expected a number from 0 to {most} right after `{prefix}`"),
        }))
    };
    let controller = |number: u16| Target::Controller(number as u8);
    match name {
        "" => None,
        "bend" => Some(Ok(Target::Bend)),
        "pressure" => Some(Ok(Target::Pressure)),
        "program" => Some(Ok(Target::Program)),
        _ => numbered("cc14-", 31, |number| Target::Fine(number as u8))
            .or_else(|| numbered("nrpn-", 16_383, Target::Nrpn))
            .or_else(|| numbered("rpn-", 16_383, Target::Rpn))
            .or_else(|| numbered("cc", 127, controller))
            .or_else(|| numbered("", 127, controller)),
    }
}

/// Returns how a name that is near to `name` is spelled, if that is the name of a target.
fn spelling(name: &str) -> Option<String> {
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &name[word.len()..];
    let word = word.trim_end_matches(['-', '_', '.', ':', '#', ' ']);
    let near = nearest(word, ["bend", "pressure", "program", "cc", "cc14", "nrpn", "rpn"].into_iter());
    let spelled = near.map(|near| match near {
        "bend" | "pressure" | "program" => near.to_owned(),
        "cc" => format!("cc{number}"),
        _ => format!("{near}-{number}"),
    });
    let is_known = |name: &String| matches!(known(name), Some(Ok(_)));
    // As in `cc74-`, which lacks nothing.
    spelled.into_iter().chain([word.to_owned()]).find(is_known)
}

/// The values that can be written for `target`.
pub(super) fn range(target: Target) -> RangeInclusive<i64> {
    match target {
        Target::Bend => -MIDDLE..=MIDDLE - 1,
        Target::Controller(_) | Target::Fine(_) | Target::Rpn(_) | Target::Nrpn(_) => 0..=i64::from(target.highest()),
        Target::Pressure | Target::Program => 0..=i64::from(target.highest()),
    }
}

/// Returns what is sent for the written `number`; `None` out of range.
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
            ("program", Target::Program),
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
            ("progam", "expected a controller", Some("program")),
            ("cutoff", "expected a controller", None),
            ("-1", "expected a controller", None),
            ("cc-74", "expected a controller", Some("cc74")),
            ("CC74", "expected a controller", Some("cc74")),
            ("cc_74", "expected a controller", Some("cc74")),
            ("cc74-", "expected a controller", Some("cc74")),
            ("cc-128", "expected a controller", None),
            ("cc--", "expected a controller", None),
            ("cc14_1", "expected a controller", Some("cc14-1")),
            ("bend1", "expected a controller", Some("bend")),
            ("bend-", "expected a controller", Some("bend")),
            ("pressure7", "expected a controller", Some("pressure")),
            ("nrpn--1", "expected a controller", Some("nrpn-1")),
            ("nrpn-x", "expected a controller", None),
            ("rpn0", "expected a controller", Some("rpn-0")),
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
