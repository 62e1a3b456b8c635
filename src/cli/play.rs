//! `tightrope play`: puts a show together, sees it through, and reports.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::args::{Length, Play};
use super::config::Config;
use super::failure::Failure;
use super::plain::Plain;
use super::printer::{Names, Printer};
use super::{config, report, ui};
use crate::blackbox::record::{Head, Resumed};
use crate::blackbox::recorder::Recorder;
use crate::control::bulkhead::Bulkhead;
use crate::control::reload::Watcher;
use crate::control::{self, Call, Caller, Inbox, Limits, Observer, PortWatch, Reason, Show, Signals, Source};
use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::engine::{Command, Engine};
use crate::guardian::keeper::{self, Charge, Keeper, Page};
use crate::guardian::words::GuardedPort;
use crate::io::ports::Inventory;
use crate::io::{OpenError, input, output};
use crate::link::{MidiInEnd, OpenedOutput, link};
use crate::panics;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::rt::output::{NullOutput, Output, PortOutputs};
use crate::rt::sched::Policy;
use crate::rt::{self, Ending};
use crate::session::checkpoint::Checkpoint;
use crate::session::connections::{Connections, NothingToWatch, channels_on};
use crate::session::guarded_ports::{self, GuardedPorts};
use crate::session::remote::Remote;
use crate::session::targets::{Connection, Devices, Targets, slots};
use crate::session::virtual_ports::VirtualPorts;
use crate::session::{recording, resume, source};
use crate::set::Set;

/// Plays a set until it ends or is ended, and prints to `out`.
///
/// # Errors
///
/// When the show cannot start, or when one of its threads fails. Notes that sound are ended in any case.
pub fn play(args: &Play, out: impl Write + Send + 'static) -> Result<(), Failure> {
    rt::sched::share_heap();
    rt::sched::reset_timer_slack();
    let config = config::read(args.config.as_deref(), &args.realtime, args.osc)?;
    let (caller, inbox) = control::inbox();
    // Before the set is read, so that no save is missed.
    let watcher = watch(args, &caller)?;
    let (set, text) = source::load_with_text(&args.set)?;
    let targets = Targets::find(&set, waker(&caller))?;
    let mut lines = Printer::to(out).map_err(Failure::System)?;
    let outcome = play_on(targets, (set, text), config, args, (caller, inbox), watcher.as_ref(), &mut lines);
    drop(watcher);
    lines.finish();
    outcome
}

/// Wakes the control thread.
fn waker(caller: &Caller) -> impl Fn() + Send + 'static {
    let caller = caller.clone();
    move || {
        // Where too many calls wait, it looks around soon anyway.
        let _ = caller.call(Call::Wake);
    }
}

fn play_on(
    targets: Targets,
    (mut set, text): (Set, Vec<u8>),
    config: Config,
    args: &Play,
    (caller, inbox): (Caller, Inbox),
    watcher: Option<&Watcher>,
    lines: &mut Printer,
) -> Result<(), Failure> {
    let settings = config.realtime;
    lines.line(format_args!("set: {} ({} tracks, {} patterns)", set.name, set.tracks.len(), set.patterns.len()));
    let monitor = args.monitor || matches!(targets, Targets::Monitor(_));
    let has_screen = !args.plain && !args.monitor && ui::is_there();
    let own_clock = announce(&set, &targets, monitor && !has_screen, lines);
    if own_clock {
        set.program.clock.follow = Box::default();
    }
    let signals = Signals::listen().map_err(Failure::System)?;
    let mut remote = Remote::open(&set, args, config.osc, &caller, lines)?;
    let clock = Monotonic::start();
    let sink = open_outputs(&set, &targets)?;
    let page = Page::new();
    // Before anything can sound. Without MIDI it has a terminal to give back, if there is a screen.
    let is_guarded = config.guardian && !args.no_guardian && (has_screen || !matches!(targets, Targets::Monitor(_)));
    let charge = |page| Charge {
        page,
        origin_ns: clock.origin_ns(),
        terminal: if has_screen { ui::modes() } else { None },
        executable: keeper::own_executable().unwrap_or_default(),
    };
    let mut guardian =
        is_guarded.then(|| start_guardian(charge(page.clone()), &guarded_ports::at_first(&set, &targets), lines));
    let mut engine = Engine::new(&set.program);
    let resumed = resume::take_up(args, &set, &mut engine, clock, lines);
    let mut keeper = resume::keep(args, resumed.is_some(), &caller, lines);
    let (control_end, rt_end, in_ends) = link(set.program.clone(), &listened_ports(&targets));
    let running = match rt::spawn_noting(page, rt_end, engine, clock, sink, settings) {
        Ok(running) => running,
        Err(error) => {
            // Nothing has sounded.
            guardian.into_iter().for_each(Keeper::dismiss);
            return Err(Failure::System(error));
        }
    };
    lines.line(format_args!("{}", running.granted()));

    let granted = running.granted().clone();
    if let Some(guardian) = &mut guardian {
        guardian.begin(settings.policy != Policy::Other && granted.thread.is_granted());
    }
    let source = Source::new(&args.set, source::file(&args.set), own_clock, &set);
    let mut log = if args.no_log {
        None
    } else {
        let head = Head {
            set: set.name.clone(),
            granted: granted.to_string(),
            began: clock.now().0,
            resumed: resumed.as_ref().map(Resumed::of),
            ..Head::default()
        };
        recording::begin(config.log, args.log.as_deref(), head, &source.text(&set, text), &caller)
    };
    let mut show = Show::new(control_end, set, source, granted.to_string(), move || clock.now());
    let bulkhead = keeper::own_executable().ok().map(|executable| Bulkhead { executable, limits: Default::default() });
    if let Err(why) = show.move_files_to_a_thread(bulkhead, waker(&caller)) {
        lines.line(format_args!("the set file is neither read again nor written into: {why}"));
    }
    let errands =
        [watcher.map(Watcher::errand), keeper.as_ref().map(Checkpoint::errand), log.as_ref().map(Recorder::errand)];
    errands.into_iter().flatten().for_each(|errand| show.look_after(errand.clone()));
    let screen = if has_screen { open_screen(caller.clone(), lines) } else { None };
    if let (Some(guardian), Some(_)) = (&mut guardian, &screen) {
        guardian.enter_screen();
    }
    let mut display: Box<dyn Observer + '_> = match screen {
        Some(screen) => Box::new(screen),
        None => Box::new(Plain::new(lines, show.set(), clock.now(), monitor)),
    };
    let is_finished = || running.is_finished();
    // Whatever fails or panics in here, the show is ended after it.
    let conducted = catch_unwind(AssertUnwindSafe(|| {
        let hooks = input::Hooks {
            now: Arc::new(move || clock.now()),
            promote: Arc::new(move || drop(settings.promote_input())),
        };
        let ports = connect(show.set(), targets, in_ends, hooks)?;
        let mut ports: Box<dyn PortWatch + '_> = match &mut guardian {
            Some(guardian) => Box::new(GuardedPorts::new(ports, guardian, show.set())),
            None => ports,
        };
        let until = begin(args.length, own_clock && resumed.is_none(), &mut show);
        let limits = Limits { is_finished: &is_finished, signals: &signals, until };
        let mut observers: Vec<&mut dyn Observer> = vec![&mut *display, &mut remote, &mut log];
        observers.extend(keeper.as_mut().map(|keeper| keeper as &mut dyn Observer));
        Ok(show.conduct(&inbox, &limits, &mut *ports, &mut observers))
    }));
    // Who still asks for something is told that it is over; but first of all, every note ends.
    drop((caller, inbox));
    show.end(&is_finished)?;
    drop(remote);
    let unwritten = show.put_away();
    show.watch(&mut [&mut *display, &mut log]);
    // A screen gives the terminal back before anything else is printed.
    drop(display);
    if let Some(guardian) = guardian {
        guardian.dismiss();
    }
    let names = Names::of(show.set());
    let snapshot = *show.view().snapshot;
    let ending = running.join();
    unwritten.into_iter().for_each(|what| lines.line(format_args!("{what}")));
    report::print(lines, &names, &snapshot, &granted);
    recording::finish(log, &why(&conducted, ending), lines);

    let failed = |thread: &str| Failure::Panicked { thread: thread.into(), message: panics::last() };
    if let (Ok(Ok(_)), Ending::Finished, Some(keeper)) = (&conducted, &ending, keeper) {
        keeper.end();
    }
    match (conducted, ending) {
        (_, Ending::Panicked) => Err(failed("real-time thread")),
        (Err(_), _) => Err(failed("control thread")),
        (Ok(Err(failure)), _) => Err(failure),
        (Ok(Ok(Reason::InputFailed(port))), _) => Err(failed(&format!("input thread of port {}", names.port(port)))),
        (Ok(Ok(_)), Ending::Finished) => Ok(()),
    }
}

/// Starts the guardian, waits until it watches, and says so.
fn start_guardian(charge: Charge, ports: &[GuardedPort], lines: &mut Printer) -> Keeper {
    let (mut keeper, started) = Keeper::start(charge, ports, Instant::now());
    match started {
        Ok(process) if keeper.await_ready() => lines.line(format_args!("guardian: process {process}")),
        Ok(process) => lines.line(format_args!(
            "guardian: process {process}, which is not ready yet; until it is, notes would hang if the program was killed"
        )),
        Err(why) => lines.line(format_args!("no guardian: {why}; notes would hang if the program was killed")),
    }
    keeper
}

/// Why the show ended, for its log.
fn why(conducted: &thread::Result<Result<Reason, Failure>>, ending: Ending) -> String {
    match (conducted, ending) {
        (_, Ending::Panicked) => "the real-time thread failed".to_owned(),
        (Err(_), _) => "the control thread failed".to_owned(),
        (Ok(Err(failure)), _) => failure.to_string(),
        (Ok(Ok(Reason::Finished)), _) => "at its end".to_owned(),
        (Ok(Ok(Reason::TimeUp)), _) => "the time was up".to_owned(),
        (Ok(Ok(Reason::Asked)), _) => "asked to".to_owned(),
        (Ok(Ok(Reason::Signal(name))), _) => format!("signal {name}"),
        (Ok(Ok(Reason::InputFailed(_))), _) => "an input thread failed".to_owned(),
    }
}

/// Watches the set's file, if it has one and that is wanted.
fn watch(args: &Play, caller: &Caller) -> Result<Option<Watcher>, Failure> {
    let Some(file) = source::file(&args.set).filter(|_| !args.no_watch) else { return Ok(None) };
    let caller = caller.clone();
    let changed = move || {
        // Where too many wait, one of them may be this; the file is looked at again with the next change.
        let _ = caller.call(Call::FileChanged);
    };
    Watcher::watch(&file, changed).map(Some).map_err(Failure::System)
}

/// The screen, or a line that says why there is none.
fn open_screen(caller: Caller, lines: &mut Printer) -> Option<ui::Screen> {
    let screen = ui::Screen::open(caller, lines.frames());
    screen.inspect_err(|why| lines.line(format_args!("no screen: {why}; lines instead"))).ok()
}

/// Says where the show plays; whether it runs on its own clock. `is_monitored` says that every message is printed.
fn announce(set: &Set, targets: &Targets, is_monitored: bool, lines: &mut Printer) -> bool {
    let bpm = set.program.tempo.bpm();
    match targets {
        Targets::Devices(Devices { inventory, connections, .. }) => {
            for (port, connection) in set.ports.iter().zip(connections) {
                lines.line(format_args!("port {}: {}", port.name, describe(inventory, *connection)));
            }
        }
        Targets::Virtual(_) => {
            let names: Vec<String> = set.ports.iter().map(|port| format!("`{}`", port.device)).collect();
            lines.line(format_args!(
                "none of the set's devices is connected: playing on virtual ports {}; connect a synthesizer to them",
                names.join(", ")
            ));
        }
        Targets::Monitor(no_midi) => {
            let instead = if is_monitored { "Every message is printed instead" } else { "Nothing is sent" };
            lines.line(format_args!("no MIDI: {no_midi}. {instead}"));
        }
    }
    let (here, missing) = sources(set, targets);
    match (&here[..], &missing[..]) {
        ([], []) => lines.line(format_args!("clock: our own, {bpm:.1} BPM")),
        ([], [one]) => lines.line(format_args!("clock: our own, {bpm:.1} BPM, because {one} is not there")),
        ([], many) => {
            lines.line(format_args!("clock: our own, {bpm:.1} BPM, because none of {} is there", many.join(", ")));
        }
        (here, []) => lines.line(format_args!("clock: follows {}; press play there", here.join(", else "))),
        (here, missing) => lines.line(format_args!(
            "clock: follows {}; press play there. Not there yet: {}",
            here.join(", else "),
            missing.join(", ")
        )),
    }
    here.is_empty()
}

/// The ports whose clocks may be followed, in order of preference: those that are connected, and those that are not.
fn sources(set: &Set, targets: &Targets) -> (Vec<String>, Vec<String>) {
    let connections = match targets {
        Targets::Devices(devices) => &devices.connections[..],
        Targets::Virtual(_) | Targets::Monitor(_) => &[],
    };
    let (mut here, mut missing) = (Vec::new(), Vec::new());
    for slot in &set.program.clock.follow {
        let is_heard = connections.get(usize::from(slot.0)).is_some_and(|connection| connection.input.is_some());
        let list = if is_heard { &mut here } else { &mut missing };
        list.extend(set.ports.get(usize::from(slot.0)).map(|port| format!("{} (`{}`)", port.name, port.device)));
    }
    (here, missing)
}

fn describe(inventory: &Inventory, connection: Connection) -> String {
    let input = connection.input.and_then(|index| inventory.inputs.get(index));
    let output = connection.output.and_then(|index| inventory.outputs.get(index));
    match (input, output) {
        (None, None) => "not connected; playing without it".into(),
        (Some(input), None) => format!("listens to `{input}`"),
        (None, Some(output)) => format!("plays on `{output}`"),
        (Some(input), Some(output)) if input == output => format!("listens to and plays on `{output}`"),
        (Some(input), Some(output)) => format!("listens to `{input}`, plays on `{output}`"),
    }
}

/// The ports that may have an input: all, because the set may be reloaded, and rings are made before the show. Each takes
/// less than 64 KiB.
fn listened_ports(targets: &Targets) -> Vec<PortSlot> {
    match targets {
        Targets::Monitor(_) => Vec::new(),
        Targets::Devices(_) | Targets::Virtual(_) => (0..MAX_PORTS as u8).map(PortSlot).collect(),
    }
}

fn open_outputs(set: &Set, targets: &Targets) -> Result<Box<dyn Output + Send>, OpenError> {
    let mut outputs = Vec::new();
    let boxed = |output| Box::new(output) as OpenedOutput;
    for (slot, port) in slots(set) {
        let channels = channels_on(&set.program, slot);
        match targets {
            Targets::Monitor(_) => return Ok(Box::new(NullOutput)),
            Targets::Virtual(_) if port.output => {
                outputs.push((slot, boxed(output::open_virtual(&port.device, &channels)?)))
            }
            Targets::Virtual(_) => {}
            Targets::Devices(Devices { inventory, connections, .. }) => {
                if let Some(index) = connections.get(usize::from(slot.0)).and_then(|connection| connection.output) {
                    outputs.push((slot, boxed(output::open(inventory, index, &port.name, &channels)?)));
                }
            }
        }
    }
    Ok(Box::new(PortOutputs::new(outputs)))
}

/// Opens the inputs, and keeps them and the outputs connected from then on.
fn connect(
    set: &Set,
    targets: Targets,
    ends: Vec<MidiInEnd>,
    hooks: input::Hooks,
) -> Result<Box<dyn PortWatch>, OpenError> {
    Ok(match targets {
        Targets::Monitor(_) => Box::new(NothingToWatch),
        Targets::Virtual(announced) => Box::new(VirtualPorts::open(set, announced, ends, hooks)?),
        Targets::Devices(devices) => Box::new(Connections::open(set, devices, ends, hooks)?),
    })
}

/// Starts a show that waits for nobody, and sets its end. When it has to end by the clock, if so.
fn begin(length: Option<Length>, own_clock: bool, show: &mut Show<'_>) -> Option<Instant> {
    let bar = show.set().program.meter.bar();
    // The ring is empty, and holds more than these two.
    let mut command = |command| {
        let queued = show.end_mut().command(command);
        debug_assert!(queued.is_ok(), "a command ring without room for two");
    };
    let until = match length {
        Some(Length::Bars(bars)) => {
            command(Command::EndAfter(bar * i64::from(bars)));
            None
        }
        Some(Length::Time(length)) => Some(Instant::now() + length),
        None => None,
    };
    if own_clock {
        command(Command::Start);
    }
    until
}
