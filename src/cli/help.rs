//! `tightrope help`: commands from their arguments, the step language and the keys of a set file from the tables that read
//! them, the chapters of the guide; and `tightrope schema`, the keys for editors.

use std::io::Write;

use clap::CommandFactory;

use super::args::{Args, Help};
use super::failure::Failure;
use crate::guide::CHAPTERS;
use crate::set::keys::{self, Table};
use crate::set::nearest;
use crate::set::reference::{ENTRIES, Kind};

/// What can be explained besides commands and the chapters of the guide.
const TOPICS: [&str; 2] = ["notation", "keys"];

/// All that can be explained besides commands.
fn topics() -> impl Iterator<Item = &'static str> {
    TOPICS.into_iter().chain(CHAPTERS.iter().map(|&(name, _)| name))
}

/// The width that explanations are wrapped to.
const WIDTH: usize = 100;

/// Explains something.
///
/// # Errors
///
/// When there is nothing of that name.
pub(crate) fn help(args: &Help, out: &mut dyn Write) -> Result<(), Failure> {
    let mut commands = Args::command();
    let Some(topic) = args.topic.as_deref() else {
        writeln!(out, "{}", commands.render_long_help())?;
        writeln!(out, "Explained too, as `tightrope help TOPIC`: {}", topics().collect::<Vec<_>>().join(", "))?;
        return Ok(());
    };
    match topic {
        "notation" => notation(out)?,
        "keys" => all_keys(out)?,
        _ => {
            // What clap prints for `tightrope COMMAND --help`.
            commands.build();
            let names: Vec<String> = commands.get_subcommands().map(|command| command.get_name().to_owned()).collect();
            match commands.find_subcommand_mut(topic) {
                Some(command) => writeln!(out, "{}", command.render_long_help())?,
                None if chapter(topic).is_some() => write!(out, "{}", chapter(topic).unwrap_or_default())?,
                None => {
                    let known: Vec<String> = names.into_iter().chain(topics().map(str::to_owned)).collect();
                    let hint = match nearest(topic, known.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("there are {}", known.join(", ")),
                    };
                    return Err(Failure::WrongWords(format!("there is no help on `{topic}`; {hint}")));
                }
            }
        }
    }
    Ok(())
}

/// The chapter of the guide that is called so.
fn chapter(topic: &str) -> Option<&'static str> {
    CHAPTERS.iter().find(|&&(name, _)| name == topic).map(|&(_, text)| text)
}

/// The reference of the step language, as its parser keeps it.
fn notation(out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "Steps. White space and `|` never matter between them; each line loops in its own length.\n")?;
    entries(Kind::Step, out)?;
    writeln!(out, "\nBehind a step:\n")?;
    entries(Kind::Modifier, out)?;
    writeln!(out, "\nHow a track in a pattern takes its steps:\n")?;
    for table in [keys::steps::TABLE, keys::arp::TABLE] {
        keys_of(&table, out)?;
    }
    Ok(())
}

fn entries(kind: Kind, out: &mut dyn Write) -> std::io::Result<()> {
    for known in ENTRIES.iter().filter(|entry| entry.kind == kind) {
        let written = known.written.join(" ");
        entry(out, &written, &format!("{}: {}", known.name, known.doc))?;
        if written != known.example {
            writeln!(out, "{:20}{}", "", known.example)?;
        }
    }
    Ok(())
}

/// Every key of a set file.
fn all_keys(out: &mut dyn Write) -> std::io::Result<()> {
    for (number, table) in keys::TABLES.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        keys_of(table, out)?;
    }
    Ok(())
}

fn keys_of(table: &Table, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{}", table.heading)?;
    for key in table.keys {
        entry(out, key.name, &format!("{} ({})", key.doc, key.takes))?;
        writeln!(out, "{:20}{}", "", key.example)?;
    }
    Ok(())
}

/// A word, and what is said about it.
fn entry(out: &mut dyn Write, word: &str, said: &str) -> std::io::Result<()> {
    /// Where explanations begin.
    const INDENT: usize = 20;
    let mut lead = format!("  {word:<17} ");
    if lead.chars().count() > INDENT {
        writeln!(out, "{lead}")?;
        lead = " ".repeat(INDENT);
    }
    for line in wrapped(said, WIDTH - INDENT) {
        writeln!(out, "{lead}{line}")?;
        lead = " ".repeat(INDENT);
    }
    Ok(())
}

/// `text` in lines of at most `width` characters, where its words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Prints the schema of set files.
///
/// # Errors
///
/// When it cannot be printed.
pub(crate) fn schema(out: &mut dyn Write) -> Result<(), Failure> {
    Ok(write!(out, "{}", crate::set::schema())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_where_they_end() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable", 3), ["unbreakable"]);
    }

    #[test]
    fn every_step_is_explained() {
        let mut out = Vec::new();
        notation(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for entry in ENTRIES {
            assert!(entry.written.iter().all(|written| text.contains(written)), "{}", entry.name);
            assert!(text.contains(entry.example), "{}", entry.example);
        }
    }

    #[test]
    fn every_key_is_explained() {
        let mut out = Vec::new();
        all_keys(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for table in keys::TABLES {
            assert!(text.contains(table.heading));
            assert!(table.keys.iter().all(|key| text.contains(key.example)));
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
