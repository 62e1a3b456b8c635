//! The configuration file: how this machine is to be used.
//!
//! ```toml
//! [realtime]
//! policy = "fifo"          # or "rr", or "other" for the ordinary class
//! priority = 80            # of the real-time thread, 1 to 99; threaded interrupts run at 50
//! input_priority = 79      # of the MIDI input threads
//! cpu = 3                  # bind the real-time thread to this CPU; leave out for any
//! wait = "hybrid"          # or "sleep", or "busy" for a CPU that is kept free for it
//! spin_us = 200            # the longest it spins before a deadline when it waits hybrid; it adapts below that
//! lock_memory = true
//! stay_awake = true        # hold the processors out of deep idle states, where that is permitted
//!
//! [osc]
//! listen = "127.0.0.1:9000"  # or only a port, of this machine; leave out for no OSC
//! key = "open-sesame"        # addresses are /tightrope/open-sesame/launch then, and nobody else is heeded
//!
//! [guardian]
//! enabled = true           # the process that ends every note if the program is killed
//!
//! [log]
//! folder = "/home/me/shows"   # where the logs of shows are kept; leave out for the user's state folder
//! megabytes = 64             # how large the log of one show may become; its oldest parts make room
//! ```
//!
//! Everything may be left out; a flag of `play` overrides what is written.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::Realtime;
use super::failure::Failure;
use super::listen::Listen;
use crate::blackbox::folder::default_root;
use crate::control::osc::gate::Key;
use crate::edit;
use crate::rt::Settings;
use crate::rt::pacer::Strategy;
use crate::rt::sched::Policy;
use crate::time::Span;

/// The longest spin that is accepted: beyond it, a busy core is meant.
const LONGEST_SPIN_US: u32 = 5_000;

/// How large the log of a show becomes if nobody says, and what may be said.
const LOG_MEGABYTES: u32 = 64;
const LOGS_MEGABYTES: std::ops::RangeInclusive<u32> = 8..=100_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    realtime: Table,
    #[serde(default)]
    osc: OscPlan,
    #[serde(default)]
    guardian: GuardianTable,
    #[serde(default)]
    log: LogTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct GuardianTable {
    enabled: Option<bool>,
}

/// Where OSC is listened for, if it is, and who is heeded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OscPlan {
    /// The address.
    pub listen: Option<Listen>,
    /// What has to stand in addresses.
    pub key: Option<Key>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogTable {
    folder: Option<PathBuf>,
    megabytes: Option<u32>,
}

/// Where the logs of shows are kept, and how large they may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogPlan {
    /// The folder; `None` where the system has no place for it.
    pub root: Option<PathBuf>,
    /// How many bytes the log of a show takes at most.
    pub bytes: u64,
}

/// How a show is played on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// How the real-time thread runs.
    pub realtime: Settings,
    /// How OSC is listened for.
    pub osc: OscPlan,
    /// Whether there is a guardian.
    pub guardian: bool,
    /// Where its log goes.
    pub log: LogPlan,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    policy: Option<Policy>,
    priority: Option<u8>,
    input_priority: Option<u8>,
    cpu: Option<usize>,
    wait: Option<Strategy>,
    spin_us: Option<u32>,
    lock_memory: Option<bool>,
    stay_awake: Option<bool>,
}

/// Returns what comes of the file at `path` (or the user's own, if there is one) and of the flags.
///
/// # Errors
///
/// When a file that was named cannot be read, when it has a mistake, or when a value is out of range.
pub(crate) fn read(path: Option<&Path>, flags: &Realtime, osc: Option<Listen>) -> Result<Config, Failure> {
    let (path, text) = match path {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| Failure::Unreadable(path.into(), error))?;
            (path.to_owned(), text)
        }
        None => own_file()?,
    };
    let file: File = toml::from_str(&text).map_err(|error| Failure::Config(path.clone(), mistake(&error, &text)))?;
    check(&table_of(flags)).map_err(Failure::Flag)?;
    check(&file.realtime).and_then(|()| check_log(&file.log)).map_err(|message| Failure::Config(path, message))?;
    let log = LogPlan {
        root: file.log.folder.or_else(default_root),
        bytes: u64::from(file.log.megabytes.unwrap_or(LOG_MEGABYTES)) << 20,
    };
    Ok(Config {
        realtime: merge(&file.realtime, flags),
        osc: OscPlan { listen: osc.or(file.osc.listen), key: file.osc.key },
        guardian: file.guardian.enabled.unwrap_or(true),
        log,
    })
}

/// The user's own configuration file and its text; empty when there is none.
fn own_file() -> Result<(PathBuf, String), Failure> {
    let Some(folders) = directories::ProjectDirs::from("", "", "tightrope") else { return Ok(Default::default()) };
    let path = folders.config_dir().join("config.toml");
    // Nobody named it, so a pipe in its place is not waited for.
    match edit::file::bytes(&path).and_then(edit::file::text) {
        Ok(text) => Ok((path, text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((path, String::new())),
        Err(error) => Err(Failure::Unreadable(path, error)),
    }
}

/// A parse error in one line, with its place and, for a misspelt key, the nearest right one.
fn mistake(error: &toml::de::Error, text: &str) -> String {
    let place = error.span().map_or(String::new(), |span| {
        let before = text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    });
    let message = error.message();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let wrong = quoted.next().filter(|_| message.starts_with("unknown"));
    let nearest = wrong.and_then(|wrong| crate::set::nearest(wrong, quoted));
    let help = nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"));
    format!("{place}{message}{help}")
}

/// The flags in the form of the file's table.
fn table_of(flags: &Realtime) -> Table {
    let &Realtime { policy, priority, input_priority, cpu, wait, spin_us, lock_memory, stay_awake } = flags;
    Table { policy, priority, input_priority, cpu, wait, spin_us, lock_memory, stay_awake }
}

/// Returns whether every number is in its range.
fn check(table: &Table) -> Result<(), String> {
    for (name, value) in [("priority", table.priority), ("input_priority", table.input_priority)] {
        if let Some(value) = value.filter(|value| !(1..=99).contains(value)) {
            return Err(format!("{name} is {value}; it must be 1 to 99"));
        }
    }
    match table.spin_us {
        Some(micros) if micros > LONGEST_SPIN_US => {
            Err(format!("spin_us is {micros}; it must be at most {LONGEST_SPIN_US} (or use wait = \"busy\")"))
        }
        _ => Ok(()),
    }
}

fn merge(table: &Table, flags: &Realtime) -> Settings {
    let plain = Settings::default();
    let priority = flags.priority.or(table.priority).unwrap_or(plain.priority);
    let spin_us = flags.spin_us.or(table.spin_us);
    let wait = flags.wait.or(table.wait).unwrap_or(plain.wait);
    // One step below the engine, where nothing else is said; above one that never sleeps, or they would never run.
    let input_priority = if wait == Strategy::Busy { (priority + 1).min(99) } else { (priority - 1).max(1) };
    Settings {
        policy: flags.policy.or(table.policy).unwrap_or(plain.policy),
        priority,
        input_priority: flags.input_priority.or(table.input_priority).unwrap_or(input_priority),
        cpu: flags.cpu.or(table.cpu),
        wait,
        spin: spin_us.map_or(plain.spin, |micros| Span::from_micros(i64::from(micros))),
        lock_memory: flags.lock_memory.or(table.lock_memory).unwrap_or(plain.lock_memory),
        stay_awake: flags.stay_awake.or(table.stay_awake).unwrap_or(plain.stay_awake),
    }
}

fn check_log(table: &LogTable) -> Result<(), String> {
    match table.megabytes {
        Some(megabytes) if !LOGS_MEGABYTES.contains(&megabytes) => {
            Err(format!("megabytes is {megabytes}; it must be {} to {}", LOGS_MEGABYTES.start(), LOGS_MEGABYTES.end()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, flags: &Realtime) -> Result<Settings, String> {
        let file: File = toml::from_str(text).map_err(|error| mistake(&error, text))?;
        check(&file.realtime)?;
        check(&table_of(flags))?;
        Ok(merge(&file.realtime, flags))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(read("", &Realtime::default()), Ok(Settings::default()));
    }

    #[test]
    fn every_key_is_read() {
        let text = "[realtime]\npolicy = \"rr\"\npriority = 70\ninput_priority = 60\ncpu = 3\nwait = \"busy\"\n\
                    spin_us = 250\nlock_memory = false\nstay_awake = false\n";
        let expected = Settings {
            policy: Policy::Rr,
            priority: 70,
            input_priority: 60,
            cpu: Some(3),
            wait: Strategy::Busy,
            spin: Span::from_micros(250),
            lock_memory: false,
            stay_awake: false,
        };
        assert_eq!(read(text, &Realtime::default()), Ok(expected));
    }

    #[test]
    fn there_is_a_guardian_unless_told() {
        let enabled = |text: &str| toml::from_str::<File>(text).map(|file| file.guardian.enabled);
        assert_eq!(enabled(""), Ok(None));
        assert_eq!(enabled("[guardian]\nenabled = false"), Ok(Some(false)));
        assert!(enabled("[guardian]\nenable = false").is_err());
    }

    #[test]
    fn osc_listens_on_this_machine_unless_told() {
        let listen =
            |text: &str| toml::from_str::<File>(text).map(|file| file.osc.listen.map(|listen| listen.0.to_string()));
        assert_eq!(listen(""), Ok(None));
        for (written, meant) in [
            ("9000", "127.0.0.1:9000"),
            ("localhost:9001", "127.0.0.1:9001"),
            ("0.0.0.0:9000", "0.0.0.0:9000"),
            ("[::1]:9000", "[::1]:9000"),
        ] {
            assert_eq!(listen(&format!("[osc]\nlisten = \"{written}\"")), Ok(Some(meant.to_owned())));
        }
        for wrong in ["", "-1", "70000", "stage", "1.2.3.4", "localhost"] {
            let text = format!("[osc]\nlisten = \"{wrong}\"");
            let error = listen(&text).unwrap_err();
            let message = mistake(&error, &text);
            assert!(message.starts_with("line 2, column 10: ") && message.contains("is no place"), "{message}");
        }
    }

    #[test]
    fn the_size_of_a_log_is_bounded() {
        let table = |text: &str| toml::from_str::<File>(text).map(|file| check_log(&file.log));
        assert_eq!(table("[log]\nfolder = \"/shows\"\nmegabytes = 8"), Ok(Ok(())));
        assert_eq!(table("[log]\nmegabytes = 7"), Ok(Err("megabytes is 7; it must be 8 to 100000".to_owned())));
    }

    #[test]
    fn every_flag_overrides_its_key() {
        let text = "[realtime]\npolicy = \"rr\"\npriority = 70\ninput_priority = 60\ncpu = 3\nwait = \"busy\"\n\
                    spin_us = 250\nlock_memory = false\nstay_awake = false\n";
        let flags = Realtime {
            policy: Some(Policy::Other),
            priority: Some(10),
            input_priority: Some(20),
            cpu: Some(1),
            wait: Some(Strategy::Sleep),
            spin_us: Some(0),
            lock_memory: Some(true),
            stay_awake: Some(true),
        };
        let expected = Settings {
            policy: Policy::Other,
            priority: 10,
            input_priority: 20,
            cpu: Some(1),
            wait: Strategy::Sleep,
            spin: Span::ZERO,
            lock_memory: true,
            stay_awake: true,
        };
        assert_eq!(read(text, &flags), Ok(expected));
    }

    #[test]
    fn the_inputs_stay_one_step_below_unless_told() {
        let settings = read("[realtime]\npriority = 40", &Realtime::default()).unwrap();
        assert_eq!(settings.input_priority, 39);
        let settings = read("[realtime]\npriority = 40\nwait = \"busy\"", &Realtime::default()).unwrap();
        assert_eq!(settings.input_priority, 41);
        let settings = read("[realtime]\npriority = 1", &Realtime::default()).unwrap();
        assert_eq!(settings.input_priority, 1);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let wrong = |text: &str| read(text, &Realtime::default()).unwrap_err();
        let message = wrong("[realtime]\nprioritty = 70");
        assert!(message.starts_with("line 2, column 1: unknown field `prioritty`"), "{message}");
        assert!(message.ends_with("did you mean `priority`?"), "{message}");
        assert!(wrong("[realtime]\npolicy = \"fofi\"").contains("did you mean `fifo`?"));
        assert_eq!(wrong("[realtime]\npriority = 100"), "priority is 100; it must be 1 to 99");
        assert!(wrong("[realtime]\nspin_us = 9000").contains("at most 5000"));
        assert!(wrong("[realtime]\nlock_memory = 1").starts_with("line 2, column 15: "));
    }
}
