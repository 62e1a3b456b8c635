//! What a performer can ask of a running show, and how it is written.
//!
//! Most orders are commands of the engine, in the grammar that bindings use ([`command`]). A few are for the control thread
//! itself: it reads the set file again, and ends the show.

use crate::engine::Command;
use crate::set::command::{self, Misunderstanding, Names};
use crate::set::{listed, nearest};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Something that the engine does.
    Engine(Command),
    /// Read the set file again.
    Reload,
    /// End the show.
    Quit,
}

/// The orders that are not commands of the engine.
const OWN: [(&str, Order); 2] = [("reload", Order::Reload), ("quit", Order::Quit)];

/// What `text` asks for.
///
/// # Errors
///
/// When nothing of that name can be asked for, or when something is wrong with the rest.
pub fn parse(text: &str, names: &Names<'_>) -> Result<Order, Misunderstanding> {
    let trimmed = text.trim();
    let (word, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    let begin = text.len() - text.trim_start().len();
    match OWN.iter().find(|(name, _)| *name == word) {
        Some((_, order)) if rest.trim().is_empty() => Ok(*order),
        Some(_) => Err(Misunderstanding {
            message: format!("`{word}` stands alone"),
            span: begin + word.len()..text.len(),
            label: "does not belong here".to_owned(),
            help: format!("write `{word}`"),
        }),
        None if word.is_empty() || command::words().any(|known| known == word) => {
            command::parse(text, names).map(Order::Engine)
        }
        None => Err(unknown(word, begin)),
    }
}

/// The first words of all orders.
pub fn words() -> impl Iterator<Item = &'static str> {
    command::words().chain(OWN.iter().map(|&(name, _)| name))
}

fn unknown(word: &str, begin: usize) -> Misunderstanding {
    Misunderstanding {
        message: format!("there is no command `{}`", word.escape_debug()),
        span: begin..begin + word.len(),
        label: "not a command".to_owned(),
        help: match nearest(word, words()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", listed(words())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PatternSlot;
    use crate::time::Meter;

    fn names() -> Names<'static> {
        Names { tracks: vec!["drums"], patterns: vec!["main", "build"], parts: Vec::new(), meter: Meter::COMMON }
    }

    #[test]
    fn orders_are_commands_and_a_few_more() {
        let launch = Order::Engine(Command::Launch { pattern: PatternSlot(1), at: None });
        assert_eq!(parse(" launch build ", &names()), Ok(launch));
        assert_eq!(parse(" reload ", &names()), Ok(Order::Reload));
        assert_eq!(parse("quit", &names()), Ok(Order::Quit));
    }

    #[test]
    fn what_is_not_understood_is_explained() {
        for (text, marked, said) in [
            ("relod", "relod", "did you mean `reload`?"),
            (" lanch build", "lanch", "did you mean `launch`?"),
            ("launch bild", "bild", "did you mean `build`?"),
            ("reload now", " now", "stands alone"),
            ("xyzzy", "xyzzy", "there are "),
            ("", "", "the command is empty"),
        ] {
            let wrong = parse(text, &names()).unwrap_err();
            assert_eq!(&text[wrong.span.clone()], marked, "{text}: {wrong}");
            assert!(wrong.to_string().contains(said), "{text}: {wrong}");
        }
    }
}
