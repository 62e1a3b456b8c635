//! A command is bound to a key, a controller, a program change or the pitch bend that was heard.
//!
//! "The same trigger" is what a message is: a binding answers it if there is a message that both would hear. So a key that is
//! learned on channel 1 takes the place of a binding of that key on any channel, since otherwise a press would do two things.

use toml::de::{DeTable, DeValue};

use super::place::{self, Splice, apply};
use super::refused::{Refused, after, before, same};
use crate::engine::Command;
use crate::engine::program::{Binding, Does, PortSlot, Trigger};
use crate::midi::Channel;
use crate::set::{Set, command};

/// What was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard<'h> {
    /// The port of the set.
    pub port: &'h str,
    /// The channel, if it matters.
    pub channel: Option<Channel>,
    /// The key, the controller, the program or the bend.
    pub trigger: Trigger,
}

impl Heard<'_> {
    /// As it is written after `on`.
    fn written(&self) -> String {
        let trigger = match self.trigger {
            Trigger::Note(key) => format!("note {}", key.number()),
            Trigger::Controller(number) => format!("cc {number}"),
            Trigger::Program(number) => format!("program {number}"),
            Trigger::Bend => "bend".to_owned(),
        };
        let channel = self.channel.map_or(String::new(), |channel| format!(" channel {}", channel.number()));
        format!("{} {trigger}{channel}", self.port)
    }
}

/// What becomes of bindings that answer already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They make room: the first one gets the new command, the others go.
    Replace,
    /// They stay, and the new one comes to them.
    Add,
}

/// A set file with a new binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned {
    /// The file.
    pub text: String,
    /// The trigger as it is written.
    pub on: String,
    /// What it did until now, and does no more.
    pub replaced: Vec<String>,
}

/// Binds `command`, such as `launch build`, to what was `heard`, in the set file `text` that is called `origin`.
///
/// # Errors
///
/// When the file is not a set, the port or the command means nothing in it, or there are too many bindings.
pub fn bind(origin: &str, text: &str, heard: Heard<'_>, command: &str, taken: Taken) -> Result<Learned, Refused> {
    let set = before(origin, text)?;
    let command = command.trim();
    command::bound(command, &set.names()).map_err(|wrong| Refused::Unfit(wrong.to_string()))?;
    let answering = answering(&set, heard)?;
    let root = DeTable::parse(text).map_err(|error| Refused::Unfit(error.to_string()))?;
    let does = |index: usize| does(root.get_ref(), index);
    let (splices, replaced) = match answering.split_first() {
        Some((&first, others)) if taken == Taken::Replace => {
            let replaced = answering.iter().filter_map(|&index| Some(does(index)?.0.to_owned())).collect();
            let mut splices: Vec<Splice> =
                others.iter().map(|&index| without(text, root.get_ref(), index)).collect::<Result<_, _>>()?;
            splices.extend(does(first).map(|(_, place)| Splice { place, text: place::quoted(command) }));
            (splices, replaced)
        }
        _ => {
            if answering.iter().any(|&index| does(index).is_some_and(|(known, _)| known.trim() == command)) {
                let on = heard.written();
                return Err(Refused::Unfit(format!("`{on}` does `{command}` already; nothing is to be changed")));
            }
            (vec![inserted(text, root.get_ref(), &heard.written(), command)], Vec::new())
        }
    };
    let edited = apply(text, splices);
    let set_after = after(origin, &edited)?;
    let bound = self::answering(&set_after, heard)?.len();
    let expected = if taken == Taken::Replace { 1 } else { answering.len() + 1 };
    let no_bindings = |set: &mut Set| {
        set.program.bindings = Box::default();
        set.ports.iter_mut().for_each(|port| (port.input, port.output) = (false, false));
    };
    if bound != expected || !same(&set, &set_after, no_bindings) {
        return Err(Refused::Unfit(
            "the bindings are written in a way that cannot be added to: write it by hand".to_owned(),
        ));
    }
    Ok(Learned { text: edited, on: heard.written(), replaced })
}

/// The places among the bindings of those that answer what was heard.
fn answering(set: &Set, heard: Heard<'_>) -> Result<Vec<usize>, Refused> {
    let names: Vec<String> = set.ports.iter().map(|port| port.name.clone()).collect();
    let slot = names.iter().position(|name| name == heard.port).and_then(|slot| u8::try_from(slot).ok());
    let port = PortSlot(slot.ok_or_else(|| Refused::unknown("port", heard.port, &names))?);
    let Heard { channel, trigger, .. } = heard;
    let does = Does::Press { command: Command::CancelLaunch, release: None };
    let wanted = Binding { port, channel, trigger, values: trigger.values(), does, light: None };
    let bindings = set.program.bindings.iter().enumerate();
    Ok(bindings.filter(|(_, binding)| binding.meets(&wanted)).map(|(index, _)| index).collect())
}

/// The bindings as they are written.
fn list<'t>(root: &'t DeTable<'t>) -> &'t [toml::Spanned<DeValue<'t>>] {
    match root.get("bind").map(toml::Spanned::get_ref) {
        Some(DeValue::Array(list)) => list,
        _ => &[],
    }
}

/// Returns what binding number `index` does, and where that is written.
fn does<'t>(root: &'t DeTable<'t>, index: usize) -> Option<(&'t str, std::ops::Range<usize>)> {
    let value = place::as_table(list(root).get(index)?.get_ref())?.get("do")?;
    Some((place::as_text(value.get_ref())?, value.span()))
}

/// The file without binding number `index`: without its lines, from the heading to its last value.
fn without(text: &str, root: &DeTable<'_>, index: usize) -> Result<Splice, Refused> {
    let binding = list(root).get(index).filter(|binding| place::has_heading(text, binding));
    let binding = binding.ok_or_else(|| {
        Refused::Unfit("several bindings in one list answer this: leave one of them, then try again".to_owned())
    })?;
    let from = place::line_start(text, binding.span().start);
    Ok(Splice { place: from..place::next_line(text, place::end(text, binding)), text: String::new() })
}

/// A new binding after the last one, written as that is; at the end of the file if it is the first.
fn inserted(text: &str, root: &DeTable<'_>, on: &str, does: &str) -> Splice {
    let (on, does) = (place::quoted(on), place::quoted(does));
    let insert = |at: usize, text: String| Splice { place: at..at, text };
    let list = place::entry(root, "bind").map(|(_, value)| value);
    if let Some(value) = list.filter(|value| !place::has_heading(text, value)) {
        let new = format!("{{ on = {on}, do = {does} }}");
        let Some(last) = self::list(root).last() else { return insert(value.span().start + 1, new) };
        let at = last.span().start;
        let line = place::line_start(text, at);
        let indent = place::written(text, line..at);
        let gap = match indent.trim().is_empty() && line > value.span().start {
            true => format!("{}{indent}", place::line_ending(text, at)),
            false => " ".to_owned(),
        };
        return insert(last.span().end, format!(",{gap}{new}"));
    }
    let last = self::list(root).last();
    let at = last.map_or(text.len(), |last| place::next_line(text, place::end(text, last)));
    let eol = place::line_ending(text, at);
    let begins = last.map_or(text.len(), |last| place::line_start(text, last.span().start));
    let above = place::written(text, 0..begins);
    let blank = match last {
        // Apart from each other as those before are.
        Some(_) => above.lines().next_back().is_none_or(|line| line.trim().is_empty()),
        None => above.lines().next_back().is_some_and(|line| !line.trim().is_empty()),
    };
    let unfinished = at > 0 && !place::written(text, 0..at).ends_with('\n');
    let gap = format!("{}{}", if unfinished { eol } else { "" }, if blank { eol } else { "" });
    insert(at, format!("{gap}[[bind]]{eol}on = {on}{eol}do = {does}{eol}"))
}
