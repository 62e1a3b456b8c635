//! The command line: makes options of arguments, prints and draws, and says in one line what went wrong. A show is put together
//! elsewhere ([`session`](crate::session)).
//!
//! | file | duty |
//! |---|---|
//! | `args` | the arguments |
//! | `config` | the configuration file, and how flags override it |
//! | `play` | `tightrope play` |
//! | `ctl` | `tightrope ctl` |
//! | `status` | the status of a show, to be read |
//! | `printer` | lines, names and readable numbers |
//! | `plain` | the show as lines |
//! | `ui` | the show as a screen, with keys |
//! | `log` | `tightrope log` |
//! | `replay` | `tightrope replay` |
//! | `report` | what is printed at the end of a show |
//! | `check` | `tightrope check` |
//! | `json` | the same for programs |
//! | `render` | `tightrope render` |
//! | `import` | `tightrope import` |
//! | `new` | `tightrope new` |
//! | `help` | `tightrope help` and `tightrope schema` |
//! | `files` | writing files, and over which ones |
//! | `ports` | `tightrope ports` |
//! | `doctor` | `tightrope doctor` |
//! | `measure` | `tightrope measure` |

mod args;
mod check;
mod config;
#[cfg(unix)]
mod ctl;
mod doctor;
mod failure;
mod files;
mod findings;
mod help;
mod import;
mod json;
mod listen;
mod log;
mod measure;
mod new;
mod output;
mod plain;
mod play;
mod ports;
mod printer;
mod render;
mod replay;
mod report;
#[cfg(unix)]
mod status;
mod ui;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use clap::Parser;

use args::{Args, Task};
use failure::Failure;

use crate::control::{bulkhead, order};
#[cfg(unix)]
use crate::guardian;
use crate::panics;
use crate::text::Printable;

/// Runs the program with the process's arguments, and gives its exit code: 0, or 1 with a line that says what failed and
/// what to try, or 2 for arguments or commands that cannot be understood.
#[must_use]
pub fn main() -> ExitCode {
    if !has_small_stack() {
        return run();
    }
    // The first thread cannot have more; another one can.
    let thread = thread::Builder::new().stack_size(bulkhead::STACK_BYTES).spawn(run);
    match thread.map(thread::JoinHandle::join) {
        Ok(code) => code.unwrap_or(ExitCode::FAILURE),
        Err(_) => run(),
    }
}

/// Returns whether the first thread's stack may not become as large as reading a set may need it (`ulimit -s`).
#[cfg(unix)]
fn has_small_stack() -> bool {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Stack).current.is_some_and(|bytes| bytes < bulkhead::STACK_BYTES as u64)
}

/// The system says nothing of it.
#[cfg(not(unix))]
fn has_small_stack() -> bool {
    false
}

/// Returns what is asked of a running show is no command of its own.
fn with_hint(mut wrong: clap::Error) -> clap::Error {
    use clap::error::{ContextKind, ContextValue};
    if let Some(ContextValue::String(word)) = wrong.get(ContextKind::InvalidSubcommand)
        && order::words().any(|known| known == word)
    {
        let hint = format!("a running show is asked for it: tightrope ctl {word} …");
        wrong.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    wrong
}

fn run() -> ExitCode {
    // Before anything else: the guardian has to stay small.
    #[cfg(unix)]
    if std::env::args_os().nth(1).is_some_and(|word| word == guardian::ARGUMENT) {
        panics::keep_quiet();
        return guardian::process::main();
    }
    if std::env::args_os().nth(1).is_some_and(|word| word == bulkhead::ARGUMENT) {
        panics::keep_quiet();
        return bulkhead::main();
    }
    let args = Args::try_parse().unwrap_or_else(|wrong| with_hint(wrong).exit());
    panics::keep_quiet();
    let mut out = Printable::new(io::stdout());
    let outcome = match args.task {
        Task::Play(play) => play::play(&play, io::stdout()),
        #[cfg(unix)]
        Task::Ctl(args) => ctl::ctl(&args, io::stdin().lock(), &mut out, &mut Printable::new(io::stderr())),
        #[cfg(not(unix))]
        Task::Ctl(_) => {
            Err(Failure::Refused("`ctl` needs a Unix system; here, `play --osc` and OSC do the same".into()))
        }
        Task::Check(check) => check::check(&check, &mut out),
        Task::Render(args) => render::render(&args, &mut out),
        Task::Import(args) => import::import(&args, &mut out, &mut Printable::new(io::stderr())),
        Task::New(args) => new::new(&args, &mut out),
        Task::Ports => ports::ports(&mut out),
        Task::Log(args) => log::log(&args, &mut out),
        Task::Replay(args) => replay::replay(&args, &mut out),
        Task::Measure(args) => measure::measure(&args, &mut out),
        Task::Doctor(args) => doctor::doctor(&args, &mut out),
        Task::Schema => help::schema(&mut out),
        Task::Help(args) => help::help(&args, &mut out),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has read enough.
        Err(Failure::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            let stderr = io::stderr();
            // Where nobody can read the complaint, the exit code still says it.
            let _ = failure.print(&mut stderr.lock(), stderr.is_terminal());
            let _ = stderr.lock().flush();
            failure.code()
        }
    }
}
