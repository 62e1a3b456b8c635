//! The probe's command line: which scenario, and for which program.

use crate::instrument::Fallible;
use crate::program::{Program, Signal};
use crate::verdict::{self, Row};
use crate::{
    alone, deaf, figures, gadget, guardian, hands, hostile, saves, sequencer, show, signals, sys, system, transport,
};
use clap::{Args, Parser, Subcommand};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

/// Poses as a Circuit and a Circuit Mono Station, plays a show as their master clock, and checks what is played on them.
#[derive(Parser)]
#[command(name = "stage-probe")]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Subcommand)]
enum Scenario {
    /// The instruments are two clients of the ALSA sequencer: places and lateness are exact
    Show(Common),
    /// The instruments are two USB gadgets, seen by the program through the USB audio driver: for function only
    Usb {
        /// Id of the Circuit's sound card on the gadget's side
        #[arg(long, default_value = "fwcircuit")]
        circuit: String,
        /// Id of the Mono Station's sound card on the gadget's side
        #[arg(long, default_value = "fwmono")]
        mono: String,
        /// Where the set files are
        #[arg(long, default_value = "/stage/sets")]
        sets: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// The instruments, as with `usb`, send what no instrument should, one is unplugged, and what they get comes back; and panic
    Hostile {
        /// Id of the Circuit's sound card on the gadget's side
        #[arg(long, default_value = "fwcircuit")]
        circuit: String,
        /// Id of the Mono Station's sound card on the gadget's side, and name of its gadget
        #[arg(long, default_value = "fwmono")]
        mono: String,
        /// Where the Mono Station is plugged in
        #[arg(long, default_value = "dummy_udc.1")]
        controller: String,
        /// Where the set files are
        #[arg(long, default_value = "/stage/sets")]
        sets: PathBuf,
        #[command(flatten)]
        common: Common,
    },
    /// As with `show`, but the program is ended in the middle of a bar
    Signals {
        /// The signals; the program is started anew for each
        #[arg(long, value_enum, value_delimiter = ',', default_values = ["int", "term", "hup"])]
        signals: Vec<Signal>,
        #[command(flatten)]
        common: Common,
    },
    /// The program is killed, crashes or freezes: its guardian has to end its notes
    Guardian {
        #[command(flatten)]
        guardian: guardian::Arguments,
        #[command(flatten)]
        common: Common,
    },
    /// The operating system refuses, fills, deletes or takes away what a show needs, or stops it
    System {
        #[command(flatten)]
        system: system::Arguments,
        #[command(flatten)]
        common: Common,
    },
    /// No instrument is there, and then only one of the two
    Alone(Common),
    /// A third instrument does not read for half of the show
    Deaf(Common),
    /// The transport matrix: START twice, CONTINUE, song positions, bursts, a pulled cable, a halted program
    Transport {
        #[command(flatten)]
        transport: transport::Arguments,
        #[command(flatten)]
        common: Common,
    },
    /// The set file is saved at random while it plays
    Saves {
        #[command(flatten)]
        saves: saves::Arguments,
        #[command(flatten)]
        common: Common,
    },
    /// The figures of timing, each with its limit
    Figures {
        #[command(flatten)]
        figures: figures::Arguments,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
pub struct Common {
    /// Tempo of the master
    #[arg(long, default_value_t = 125.0, value_parser = tempo)]
    pub bpm: f64,
    /// Clock pulses between START and STOP
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub pulses: u32,
    /// Clock pulses before START, while stopped
    #[arg(long, default_value_t = 48)]
    pub before: u32,
    /// Priority of the master's thread in SCHED_FIFO; above the program's
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(i32).range(1..=99))]
    pub priority: i32,
    /// Allowed lateness of note-ons: 99 of 100
    #[arg(long, default_value_t = 1000)]
    pub max_p99_us: i64,
    /// Allowed lateness of note-ons: all
    #[arg(long, default_value_t = 5000)]
    pub max_us: i64,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    pub program: Vec<String>,
}

/// Bounded by what the checks can tell apart: a note may be 2 ms ahead of its pulse.
fn tempo(text: &str) -> Result<f64, String> {
    let bpm: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if (20.0..=400.0).contains(&bpm) { Ok(bpm) } else { Err("from 20 to 400".into()) }
}

pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments.scenario) {
        Ok(rows) => conclude(&rows),
        Err(error) => {
            println!("  FAIL  {error}");
            println!("STAGE FAILED: the show could not be played to its end");
            ExitCode::FAILURE
        }
    }
}

fn conclude(rows: &[Row]) -> ExitCode {
    print!("{}", verdict::table(rows));
    match rows.iter().filter(|row| row.failed() && row.binding).count() {
        0 => {
            println!("STAGE ok");
            ExitCode::SUCCESS
        }
        failed => {
            println!("STAGE FAILED: {failed} checks");
            ExitCode::FAILURE
        }
    }
}

fn run(scenario: &Scenario) -> Fallible<Vec<Row>> {
    sys::lock_memory()?;
    match scenario {
        Scenario::Show(common) => {
            announce("show", common)?;
            let stage = sequencer::open()?;
            with_program(common, |program| show::play(stage, common, program))
        }
        Scenario::Usb { circuit, mono, sets, common } => {
            announce("usb", common)?;
            let stage = gadget::open(circuit, mono)?;
            let mut rows = with_program(common, |program| show::play(stage, common, program))?;
            rows.extend(hands::pads(gadget::open(circuit, mono)?, common, sets, None)?);
            Ok(rows)
        }
        Scenario::Hostile { circuit, mono, controller, sets, common } => {
            announce("hostile", common)?;
            hostile::play(common, sets, circuit, (mono, controller))
        }
        Scenario::Signals { signals, common } => {
            announce("signals", common)?;
            let mut rows = Vec::new();
            for &signal in signals {
                let stage = sequencer::open()?;
                rows.extend(with_program(common, |program| signals::play(stage, common, program, signal))?);
            }
            Ok(rows)
        }
        Scenario::Guardian { guardian, common } => {
            announce("guardian", common)?;
            guardian::play(guardian, common)
        }
        Scenario::System { system, common } => {
            announce("system", common)?;
            system::play(system, common)
        }
        Scenario::Alone(common) => {
            announce("alone", common)?;
            alone::play(common)
        }
        Scenario::Deaf(common) => {
            announce("deaf", common)?;
            deaf::play(common)
        }
        Scenario::Transport { transport, common } => {
            announce("transport", common)?;
            transport::play(transport, common)
        }
        Scenario::Saves { saves, common } => {
            announce("saves", common)?;
            saves::play(saves, common)
        }
        Scenario::Figures { figures, common } => {
            announce("figures", common)?;
            figures::play(figures, common)
        }
    }
}

fn announce(scenario: &str, common: &Common) -> Fallible<()> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    println!("STAGE {scenario}: {} BPM, Linux {}", common.bpm, release.trim());
    Ok(())
}

/// Starts the program, and prints what it had to say once the scenario is over, be it played or broken off.
fn with_program<T>(common: &Common, scenario: impl FnOnce(&mut Program) -> Fallible<T>) -> Fallible<T> {
    with_command(&common.program, scenario)
}

/// The same for another command line.
pub fn with_command<T>(command: &[String], scenario: impl FnOnce(&mut Program) -> Fallible<T>) -> Fallible<T> {
    with_launched(&Launch { command, on_terminal: false, last_lines: usize::MAX }, scenario)
}

/// The same for a program that has much to say: only what it says at the end is printed.
pub fn with_quiet_command<T>(command: &[String], scenario: impl FnOnce(&mut Program) -> Fallible<T>) -> Fallible<T> {
    with_launched(&Launch { command, on_terminal: false, last_lines: 60 }, scenario)
}

/// How a program is started.
pub struct Launch<'a> {
    /// The program and its arguments.
    pub command: &'a [String],
    /// Whether on a terminal; otherwise its output goes to a file.
    pub on_terminal: bool,
    /// How many of its last lines are printed in the end.
    pub last_lines: usize,
}

/// The same for a program that is started so.
pub fn with_launched<T>(launch: &Launch<'_>, scenario: impl FnOnce(&mut Program) -> Fallible<T>) -> Fallible<T> {
    let log = std::env::temp_dir().join("program.log");
    let start = if launch.on_terminal { Program::start_on_terminal } else { Program::start };
    let mut program = start(launch.command, &log)?;
    let result = scenario(&mut program);
    println!("--- output of {}", launch.command.join(" "));
    let output = program.output();
    let lines: Vec<&str> = output.lines().collect();
    for line in &lines[lines.len().saturating_sub(launch.last_lines)..] {
        println!("{line}");
    }
    println!("---");
    result
}
