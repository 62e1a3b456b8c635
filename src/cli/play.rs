//! `tightrope play`: makes options of the arguments, shows the show, and prints how it went.

use std::io::Write;

use super::args::Play;
use super::config::Config;
use super::failure::Failure;
use super::listen::Listen;
use super::plain::Plain;
use super::printer::Printer;
use super::{config, report, ui};
use crate::control::{Call, Caller, Notice, Observer};
use crate::guardian::keeper::own_executable;
use crate::session::{self, Checkpoints, Log, Options, Osc, SetSource, StartNotice, Target};

/// Plays a set until it ends or is ended, and prints to `out`.
///
/// # Errors
///
/// When the show cannot start, or when one of its threads fails. Notes that sound are ended in any case.
pub(crate) fn play(args: &Play, out: impl Write + Send + 'static) -> Result<(), Failure> {
    // Before the thread that prints is there.
    session::prepare_process();
    let config = config::read(args.config.as_deref(), &args.realtime, args.osc)?;
    let mut printer = Printer::to(out).map_err(Failure::System)?;
    let outcome = play_on(args, config, &mut printer);
    printer.finish();
    outcome
}

fn play_on(args: &Play, config: Config, printer: &mut Printer) -> Result<(), Failure> {
    let has_screen = !args.plain && !args.monitor && ui::is_there();
    let has_no_log = config.log.root.is_none() && args.log.is_none() && !args.no_log;
    let mut monitor = args.monitor;
    let mut tell = |notice: StartNotice| match &notice {
        StartNotice::NoMidi(why) => {
            monitor = true;
            let instead = if has_screen { "Nothing is sent" } else { "Every message is printed instead" };
            printer.line(format_args!("no MIDI: {why}. {instead}"));
        }
        _ => printer.line(format_args!("{notice}")),
    };
    let mut show = session::assemble(&SetSource::named(&args.set), options(args, config, has_screen), &mut tell)?;
    if has_no_log {
        let text = "there is no log: the system has no folder for it; `--log FOLDER` says one".to_owned();
        // Nobody else has called yet.
        let _ = show.caller().call(Call::Notice(Notice { text, is_wrong: true }));
    }
    let screen = if has_screen { open_screen(show.caller().clone(), printer) } else { None };
    let display: Box<dyn Observer + '_> = match screen {
        Some(screen) => {
            show.enter_screen();
            Box::new(screen)
        }
        None => Box::new(Plain::new(printer, show.set(), show.now(), monitor)),
    };
    let ended = show.conduct(display)?;
    report::print(printer, &ended);
    ended.outcome.map(|_| ()).map_err(Failure::from)
}

/// Returns how the show is played, by the arguments and the configuration.
fn options(args: &Play, config: Config, has_screen: bool) -> Options {
    let osc = config.osc;
    let log = args.log.clone().or(config.log.root).filter(|_| !args.no_log);
    Options {
        target: Target::Instruments,
        realtime: config.realtime,
        length: args.length,
        watch: !args.no_watch,
        signals: true,
        executable: own_executable().ok(),
        guardian: config.guardian && !args.no_guardian,
        terminal: if has_screen { ui::modes() } else { None },
        checkpoint: if args.resume { Checkpoints::Resume } else { Checkpoints::Keep },
        ctl: true,
        osc: osc.listen.map(|Listen(at)| Osc { at, key: osc.key, is_required: args.osc.is_some() }),
        log: log.map(|root| Log { root, bytes: config.log.bytes }),
    }
}

/// The screen, or a line that says why there is none.
fn open_screen(caller: Caller, printer: &mut Printer) -> Option<ui::Screen> {
    let screen = ui::Screen::open(caller, printer.frames());
    screen.inspect_err(|why| printer.line(format_args!("no screen: {why}; lines instead"))).ok()
}
