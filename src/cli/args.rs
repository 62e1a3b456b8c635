//! The arguments of the command line.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand};

use super::listen::Listen;
use super::output::{self, Rendered};
use crate::offline::import::Split;
use crate::offline::smf;
use crate::rt::pacer::Strategy;
use crate::rt::sched::Policy;
use crate::session::Length;
use crate::set::parse_length;
use crate::time::{Meter, TickSpan};

/// A MIDI sequencer for the stage.
#[derive(Debug, Parser)]
#[command(name = "tightrope", version, about, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Args {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Play a set
    Play(Play),
    /// Ask a running show for something
    #[command(after_help = CTL_HELP)]
    Ctl(Ctl),
    /// Read a set and say what is in it, or what is wrong with it
    Check(Check),
    /// Write what a set plays to a Standard MIDI File, or as text
    Render(Render),
    /// Make a set of a Standard MIDI File
    Import(Import),
    /// Write a set to begin with
    New(New),
    /// List the MIDI ports, each as a set file would name it
    Ports,
    /// Measure how long messages take through a cable from one port to another
    Measure(Measure),
    /// Say whether this machine is safe for a stage, and what to change
    Doctor(Doctor),
    /// Print the schema of set files, for editors that complete and check them
    Schema,
    /// Say what happened in a show: how late it was, what was done, what went wrong
    Log(Log),
    /// Play a show again from its log, in no time, and see whether it does the same
    Replay(Replay),
    /// Explain a command, the step language or the keys of a set file
    Help(Help),
}

const CTL_HELP: &str = "\
Examples:
  tightrope ctl launch build at bar
  tightrope ctl mute drums on, fill
  tightrope ctl status --json
  tightrope ctl watch
  tightrope ctl -  < cues.txt

Exit codes: 0 when all was done; 1 when no show runs or it refused; 2 when the words are wrong, with the nearest right
one.";

/// The arguments of `ctl`.
#[derive(Debug, clap::Args)]
pub(crate) struct Ctl {
    /// A command, or several with commas between them; `status`; `watch`, which prints a line of JSON whenever something
    /// changes; or `-`, to read commands from standard input, a line each
    #[arg(required = true, allow_negative_numbers = true, value_name = "COMMAND")]
    pub words: Vec<String>,
    /// Which show is meant, where several run
    #[arg(long, value_name = "NAME")]
    pub show: Option<String>,
    /// Print the status as JSON
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `play`.
#[derive(Debug, clap::Args)]
pub(crate) struct Play {
    /// A set file, or the name of a built-in set
    #[arg(default_value = "circuits")]
    pub set: String,
    /// Print lines instead of drawing a screen
    #[arg(long)]
    pub plain: bool,
    /// Print every message that is sent
    #[arg(long)]
    pub monitor: bool,
    /// End by itself after a time or a number of bars: 30s, 5m, 8bars
    #[arg(long = "for", value_name = "LENGTH")]
    pub length: Option<Length>,
    /// Go on with a show of this set that was cut short less than a minute ago: at the bar where the master is by now, with
    /// its pattern, mutes and transpositions
    #[arg(long)]
    pub resume: bool,
    /// Leave the set as it is when its file is saved; `reload` reads it all the same
    #[arg(long)]
    pub no_watch: bool,
    /// Start no guardian, which would end every note if the program was killed
    #[arg(long)]
    pub no_guardian: bool,
    /// Listen for OSC: at port 9000 of this machine, or at this port or address
    #[arg(long, value_name = "PORT|ADDRESS:PORT", num_args = 0..=1, default_missing_value = "9000")]
    pub osc: Option<Listen>,
    /// Keep the logs of shows in this folder [default: log in the user's state folder of tightrope]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_log")]
    pub log: Option<PathBuf>,
    /// Keep no log of the show
    #[arg(long)]
    pub no_log: bool,
    /// The configuration file [default: tightrope/config.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides of the configuration.
    #[command(flatten)]
    pub realtime: Realtime,
}

/// The arguments of `log`.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    /// The folder of the show's log [default: that of the latest show]
    pub log: Option<PathBuf>,
    /// Print it as JSON, with everything that was done
    #[arg(long)]
    pub json: bool,
    /// Draw it to this file, which ends in .svg
    #[arg(long, value_name = "FILE", value_parser = output::picture())]
    pub svg: Option<PathBuf>,
    /// Write over a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// The arguments of `replay`.
#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The folder of the show's log [default: that of the latest show]
    pub log: Option<PathBuf>,
    /// Print every message that it plays
    #[arg(long)]
    pub text: bool,
}

/// Overrides of the `[realtime]` table of the configuration file.
#[derive(Debug, Default, Clone, clap::Args)]
#[command(next_help_heading = "Real-time (each overrides the configuration file)")]
pub(crate) struct Realtime {
    /// The scheduling class of the real-time and input threads
    #[arg(long, value_enum)]
    pub policy: Option<Policy>,
    /// The real-time thread's priority, 1 to 99
    #[arg(long)]
    pub priority: Option<u8>,
    /// The MIDI input threads' priority, 1 to 99
    #[arg(long)]
    pub input_priority: Option<u8>,
    /// Bind the real-time thread to this CPU
    #[arg(long)]
    pub cpu: Option<usize>,
    /// How the real-time thread waits
    #[arg(long, value_enum)]
    pub wait: Option<Strategy>,
    /// The longest it spins before a deadline when it waits hybrid, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub spin_us: Option<u32>,
    /// Whether to lock the process's memory
    #[arg(long, value_name = "BOOL")]
    pub lock_memory: Option<bool>,
    /// Whether to hold the processors out of deep idle states, where that is permitted
    #[arg(long, value_name = "BOOL")]
    pub stay_awake: Option<bool>,
}

/// The arguments of `measure`.
#[derive(Debug, clap::Args)]
pub(crate) struct Measure {
    /// The port to send by, as `tightrope ports` names it
    #[arg(value_name = "OUT")]
    pub output: String,
    /// The port that the cable leads to
    #[arg(value_name = "IN")]
    pub input: String,
    /// How many messages are sent
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// How long the machine is tried out; 0 for not at all
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pub seconds: u32,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
    /// The configuration file [default: tightrope/config.toml in the user's configuration folder]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Overrides of the configuration.
    #[command(flatten)]
    pub realtime: Realtime,
}

/// The arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// A set file, or the name of a built-in set
    pub set: String,
    /// Print it as JSON, mistakes too
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// What to call it; NAME.toml is written here
    pub name: String,
    /// Copy this set file or built-in set instead of beginning with an example
    #[arg(long, value_name = "SET")]
    pub from: Option<String>,
}

/// The arguments of `help`.
#[derive(Debug, clap::Args)]
pub(crate) struct Help {
    /// A command, `notation` (the step language) or `keys` (the keys of a set file)
    pub topic: Option<String>,
}

/// The arguments of `render`.
#[derive(Debug, clap::Args)]
pub(crate) struct Render {
    /// A set file, or the name of a built-in set
    pub set: String,
    /// How many bars [default: the song, or 16 where there is none]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub bars: Option<u32>,
    /// The file to write: a MIDI file if it ends in .mid or .midi, text if it ends in .txt, and `-` for text on standard
    /// output [default: SET.mid]
    #[arg(short, long, value_name = "FILE", value_parser = output::rendered())]
    pub output: Option<Rendered>,
    /// The format of the MIDI file: 0 is one track, 1 a track for each track of the set
    /// [default: 1]
    #[arg(long, value_name = "0|1", value_parser = format)]
    pub format: Option<smf::Format>,
    /// Do something at a bar, "5 launch build", or at a beat, "5.2 mute drums"; may be repeated
    #[arg(long = "do", value_name = "WHAT")]
    pub commands: Vec<String>,
    /// Write over a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// The arguments of `import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// A Standard MIDI File of format 0 or 1
    pub file: PathBuf,
    /// The set file to write; `-` for standard output [default: FILE.toml]
    #[arg(short, long, value_name = "SET", value_parser = output::set())]
    pub output: Option<PathBuf>,
    /// The steps that notes are written on where they fit: 1/16, 1/8t and so on
    #[arg(long, default_value = "1/16", value_name = "LENGTH", value_parser = grid)]
    pub grid: TickSpan,
    /// How far a note may be moved to fit, and be made longer or shorter: in ticks of 960 to a quarter, or in per cent of
    /// the grid, as 5%. Without it nothing is moved
    #[arg(long, default_value = "0", value_name = "TICKS")]
    pub tolerance: Tolerance,
    /// So many bars to a pattern, and the patterns in a song, or `none` for one pattern; longer where a note lasts over the
    /// end [default: 4 or 8, whichever is less to read]
    #[arg(long, value_name = "BARS", value_parser = split)]
    pub split: Option<Split>,
    /// Write over a file that is there already
    #[arg(long)]
    pub force: bool,
}

/// The format of a MIDI file.
fn format(text: &str) -> Result<smf::Format, String> {
    match text {
        "0" => Ok(smf::Format::OneTrack),
        "1" => Ok(smf::Format::Tracks),
        _ => Err("write 0 for one track, or 1 for a track for each track of the set".to_owned()),
    }
}

/// Returns how music is split into patterns.
fn split(text: &str) -> Result<Split, String> {
    let bars = text.parse().ok().filter(|bars| (1..=1_000).contains(bars)).map(Split::Bars);
    bars.or((text == "none").then_some(Split::Whole))
        .ok_or_else(|| "write a number of bars, 1 to 1000, or none".to_owned())
}

/// The length of a grid.
fn grid(text: &str) -> Result<TickSpan, String> {
    let length = parse_length(text, Meter::COMMON)?;
    if length <= TickSpan::QUARTER * 4 { Ok(length) } else { Err("a grid is at most a whole note".to_owned()) }
}

/// By how much notes may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// So many ticks.
    Ticks(i64),
    /// So many hundredths of the grid.
    Percent(u32),
}

impl Tolerance {
    /// In ticks, for notes on `grid`.
    #[must_use]
    pub(crate) fn ticks(self, grid: TickSpan) -> i64 {
        match self {
            Tolerance::Ticks(ticks) => ticks,
            Tolerance::Percent(percent) => grid.percent(percent).0,
        }
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Tolerance, String> {
        let tolerance = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|percent| *percent <= 50).map(Tolerance::Percent),
            None => text.parse().ok().filter(|ticks| (0..=480).contains(ticks)).map(Tolerance::Ticks),
        };
        tolerance.ok_or_else(|| format!("`{text}` is no tolerance; write ticks from 0 to 480, or per cent up to 50%"))
    }
}

impl FromStr for Length {
    type Err = String;

    fn from_str(text: &str) -> Result<Length, String> {
        let wrong = || format!("`{text}` is no length; write 30s, 5m or 8bars");
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        match unit.trim() {
            "bar" | "bars" => match number.parse() {
                Ok(bars) if (1..=1_000_000).contains(&bars) => Ok(Length::Bars(bars)),
                _ => Err(wrong()),
            },
            unit => {
                let seconds = match unit {
                    "ms" => 0.001,
                    "s" => 1.0,
                    "m" | "min" => 60.0,
                    "h" => 3_600.0,
                    _ => return Err(wrong()),
                };
                let length = number.parse::<f64>().map_err(|_| wrong())? * seconds;
                if length <= 1e7 { Ok(Length::Time(Duration::from_secs_f64(length))) } else { Err(wrong()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn tolerances_are_ticks_or_per_cent() {
        assert_eq!("10".parse(), Ok(Tolerance::Ticks(10)));
        assert_eq!("5%".parse(), Ok(Tolerance::Percent(5)));
        assert_eq!(Tolerance::Percent(5).ticks(TickSpan::SIXTEENTH), 12);
        for wrong in ["", "-1", "481", "51%", "%", "x"] {
            assert!(wrong.parse::<Tolerance>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_are_times_or_bars() {
        assert_eq!("30s".parse(), Ok(Length::Time(Duration::from_secs(30))));
        assert_eq!("1.5 m".parse(), Ok(Length::Time(Duration::from_secs(90))));
        assert_eq!("8bars".parse(), Ok(Length::Bars(8)));
        assert_eq!("1 bar".parse(), Ok(Length::Bars(1)));
        for wrong in ["", "30", "s", "8 beats", "-3s", "0bars", "1.5bars", "1e9h", "99999999h", "..s"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
        }
    }
}
