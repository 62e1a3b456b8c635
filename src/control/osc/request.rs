//! What an OSC message asks for.
//!
//! The words of a command are the parts of the address and then the arguments: `/tightrope/launch "build" "at" "bar"`,
//! `/tightrope/launch/build` and `/tightrope/launch "build at bar"` are all understood. Two conventions are for surfaces whose
//! buttons send 1 when they go down and 0 when they come up:
//!
//! - For what is switched, the number is on and off: `/tightrope/mute "drums" 1`, `/tightrope/fill 0`.
//! - Where the command is complete without it, 1 does it and 0 does nothing: `/tightrope/start 1`,
//!   `/tightrope/launch/build 1`, `/tightrope/jump/2 1`.
//!
//! Surfaces send whole numbers as floats, and what lies between them too. What takes whole numbers only, `cc` and
//! `transpose`, gets the nearest.

use rosc::{OscMessage, OscType};

use crate::control::order::First;
use crate::set::command::{Button, Numbers};

/// What all addresses begin with.
pub const ROOT: &str = "/tightrope/";

/// The address of what was not done, and why.
pub const ERROR: &str = "/tightrope/error";

/// The address of a number that a guest has to send back before it is told more.
pub const HELLO: &str = "/tightrope/hello";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What these words say.
    Order(String),
    /// To be told the status, at this port of the sender, or where the message came from.
    Subscribe(Option<u16>),
    /// To be told it no more.
    Unsubscribe(Option<u16>),
    /// Somebody is where this number was sent to.
    Hello(i32),
    /// Nothing: a button came up.
    Nothing,
}

/// Why nothing is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It is for somebody else, or an answer that came back. Nobody is told, or two programs could talk for ever.
    NotForUs,
    /// It is wrong.
    Because(String),
}

/// Returns whether what has this address is an answer that came back, or for somebody else.
#[must_use]
pub fn is_answer(address: &str) -> bool {
    address == ERROR || address.strip_prefix(ROOT).is_none_or(|path| path.starts_with("status/"))
}

/// Returns what `message` asks for.
///
/// # Errors
///
/// When it is not for this program, or cannot be understood. Whether there is such a command is known elsewhere.
pub fn read(message: &OscMessage) -> Result<Request, Wrong> {
    let path = message.addr.strip_prefix(ROOT).filter(|_| !is_answer(&message.addr)).ok_or(Wrong::NotForUs)?;
    let mut words: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    match words.first().map(String::as_str) {
        None => return Err(Wrong::Because(format!("an address is {ROOT} and a command"))),
        Some("status") => return Err(Wrong::Because(format!("for the status, send {ROOT}subscribe"))),
        Some("subscribe") => return port(&message.args).map(Request::Subscribe),
        Some("unsubscribe") => return port(&message.args).map(Request::Unsubscribe),
        Some("hello") => {
            return match message.args[..] {
                [OscType::Int(number)] => Ok(Request::Hello(number)),
                _ => Err(Wrong::Because(format!("what follows is the number that came with {HELLO}"))),
            };
        }
        Some(_) => {}
    }
    let (value, before) = match message.args.split_last() {
        Some((last, before)) if switch(last).is_some() => (switch(last), before),
        _ => (None, &message.args[..]),
    };
    let is_whole = first(&words).is_some_and(|first| first.numbers() == Numbers::Whole);
    for argument in before {
        words.push(if is_whole { whole(argument)? } else { word(argument)? });
    }
    match (button(&words), value, message.args.last()) {
        (Button::Switch, Some(on), _) => words.push(if on { "on" } else { "off" }.to_owned()),
        (Button::Press, Some(false), _) => return Ok(Request::Nothing),
        (Button::Press, Some(true), _) | (_, None, _) | (_, _, None) => {}
        (Button::Value, Some(_), Some(last)) => words.push(word(last)?),
    }
    Ok(Request::Order(words.join(" ")))
}

fn first(words: &[String]) -> Option<First> {
    words.first().and_then(|word| First::find(word))
}

/// Returns what 1 and 0 after `words` say. Where they name nothing yet, the number names it. What is no order is told so elsewhere.
fn button(words: &[String]) -> Button {
    match first(words) {
        Some(First::Command(verb)) if verb.names_something() && words.len() < 2 => Button::Value,
        Some(first) => first.button(),
        None => Button::Value,
    }
}

/// Returns what 1 and 0, or true and false, say.
fn switch(argument: &OscType) -> Option<bool> {
    let number = match *argument {
        OscType::Bool(on) => return Some(on),
        OscType::Int(number) => f64::from(number),
        OscType::Long(number) => number as f64,
        OscType::Float(number) => f64::from(number),
        OscType::Double(number) => number,
        _ => return None,
    };
    match number {
        0.0 => Some(false),
        1.0 => Some(true),
        _ => None,
    }
}

fn word(argument: &OscType) -> Result<String, Wrong> {
    match argument {
        OscType::String(text) => Ok(text.clone()),
        OscType::Char(letter) => Ok(letter.to_string()),
        OscType::Int(number) => Ok(number.to_string()),
        OscType::Long(number) => Ok(number.to_string()),
        OscType::Float(number) => Ok(number.to_string()),
        OscType::Double(number) => Ok(number.to_string()),
        OscType::Bool(on) => Ok(if *on { "on" } else { "off" }.to_owned()),
        _ => Err(Wrong::Because("arguments are text, numbers, true or false".to_owned())),
    }
}

/// An argument of which only the nearest whole number counts.
fn whole(argument: &OscType) -> Result<String, Wrong> {
    match *argument {
        OscType::Float(number) if number.is_finite() => Ok((f64::from(number).round() as i64).to_string()),
        OscType::Double(number) if number.is_finite() => Ok((number.round() as i64).to_string()),
        _ => word(argument),
    }
}

fn port(arguments: &[OscType]) -> Result<Option<u16>, Wrong> {
    let number = match arguments {
        [] => return Ok(None),
        [OscType::Int(number)] => u16::try_from(*number).ok(),
        [OscType::Long(number)] => u16::try_from(*number).ok(),
        // As of languages that have no other numbers.
        [OscType::Float(number)] if number.fract() == 0.0 && (1.0..=65_535.0).contains(number) => Some(*number as u16),
        _ => None,
    };
    let wrong = || Wrong::Because("what follows is nothing, or a port from 1 to 65535".to_owned());
    number.filter(|port| *port > 0).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: &str, args: Vec<OscType>) -> Result<Request, Wrong> {
        read(&OscMessage { addr: address.to_owned(), args })
    }

    #[test]
    fn addresses_and_arguments_are_words() {
        let text = |text: &str| OscType::String(text.to_owned());
        for (address, args, words) in [
            ("/tightrope/start", vec![], "start"),
            ("/tightrope/start", vec![OscType::Int(1)], "start"),
            ("/tightrope/launch", vec![text("build")], "launch build"),
            ("/tightrope/launch/build", vec![text("at"), OscType::Int(2), text("bars")], "launch build at 2 bars"),
            ("/tightrope/launch/build", vec![OscType::Float(1.0)], "launch build"),
            ("/tightrope/launch", vec![text("build at bar")], "launch build at bar"),
            ("/tightrope/tempo", vec![OscType::Float(128.0)], "tempo 128"),
            ("/tightrope/tempo", vec![OscType::Float(127.3)], "tempo 127.3"),
            ("/tightrope/tempo", vec![OscType::Double(1.0)], "tempo 1"),
            ("/tightrope/mute", vec![text("drums"), OscType::Int(1)], "mute drums on"),
            ("/tightrope/mute/drums", vec![OscType::Float(0.0)], "mute drums off"),
            ("/tightrope/mute/drums", vec![OscType::Bool(true)], "mute drums on"),
            ("/tightrope/mute/drums", vec![], "mute drums"),
            ("/tightrope/mute", vec![OscType::Int(1)], "mute 1"),
            ("/tightrope/mute", vec![OscType::Int(1), OscType::Int(1)], "mute 1 on"),
            ("/tightrope/mute/drums", vec![OscType::Float(0.5)], "mute drums 0.5"),
            ("/tightrope/fill", vec![OscType::Int(0)], "fill off"),
            ("/tightrope/jump", vec![OscType::Int(1)], "jump 1"),
            ("/tightrope/jump/3", vec![OscType::Int(1)], "jump 3"),
            ("/tightrope/undo", vec![OscType::Int(1)], "undo"),
            ("/tightrope/redo", vec![OscType::Float(1.0)], "redo"),
            ("/tightrope/nosuch", vec![OscType::Int(1)], "nosuch 1"),
            ("/tightrope/transpose", vec![text("bass"), OscType::Int(1)], "transpose bass 1"),
            ("/tightrope/transpose", vec![OscType::Int(-2), text("degrees")], "transpose -2 degrees"),
            ("/tightrope/transpose", vec![OscType::Float(2.0)], "transpose 2"),
            ("/tightrope/transpose", vec![OscType::Float(-1.6), text("degrees")], "transpose -2 degrees"),
            ("/tightrope/cc", vec![text("bass"), OscType::Float(74.0), OscType::Float(63.6)], "cc bass 74 64"),
            ("/tightrope/cc/bass/74", vec![OscType::Double(0.999_999)], "cc bass 74 1"),
            ("/tightrope/cc/bass/bend", vec![OscType::Float(-0.2)], "cc bass bend 0"),
            ("/tightrope/tempo", vec![OscType::Float(128.25)], "tempo 128.25"),
            ("/tightrope//stop/", vec![], "stop"),
        ] {
            assert_eq!(ask(address, args), Ok(Request::Order(words.to_owned())), "{address}");
        }
    }

    #[test]
    fn a_button_that_comes_up_does_nothing() {
        for address in
            ["/tightrope/start", "/tightrope/launch/build", "/tightrope/jump/2", "/tightrope/tap", "/tightrope/undo"]
        {
            assert_eq!(ask(address, vec![OscType::Float(0.0)]), Ok(Request::Nothing), "{address}");
        }
    }

    #[test]
    fn subscribers_may_name_a_port() {
        assert_eq!(ask("/tightrope/subscribe", vec![]), Ok(Request::Subscribe(None)));
        assert_eq!(ask("/tightrope/subscribe", vec![OscType::Int(9_001)]), Ok(Request::Subscribe(Some(9_001))));
        assert_eq!(ask("/tightrope/unsubscribe", vec![OscType::Float(9.0)]), Ok(Request::Unsubscribe(Some(9))));
        for wrong in [OscType::Int(0), OscType::Int(-1), OscType::Int(70_000), OscType::Float(0.5), OscType::Nil] {
            assert!(matches!(ask("/tightrope/subscribe", vec![wrong]), Err(Wrong::Because(_))));
        }
    }

    #[test]
    fn answers_that_come_back_are_not_answered() {
        for address in ["/tightrope/error", "/tightrope/status/tempo", "/accxyz", "/", "/tightropes/start"] {
            assert_eq!(ask(address, vec![]), Err(Wrong::NotForUs), "{address}");
        }
        for address in ["/tightrope/", "/tightrope/status"] {
            assert!(matches!(ask(address, vec![]), Err(Wrong::Because(_))), "{address}");
        }
        assert!(matches!(ask("/tightrope/tempo", vec![OscType::Blob(vec![1])]), Err(Wrong::Because(_))));
    }
}
