//! Puts a show together from its parts, conducts it, and takes it apart again in the order that leaves nothing sounding.
//!
//! The order of both is what counts. A set file is watched before it is read, so that no save is missed. The guardian watches
//! before anything can sound, and the real-time thread runs before anything can be heard. At the end every note has its
//! note-off before anything else is done: whoever waits for an answer, a disk or a screen waits for that.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::checkpoint::Checkpoint;
use super::connections::NothingToWatch;
use super::ending::{Ended, Failed, StartError, why};
use super::guarded_ports::{self, GuardedPorts};
use super::notice::StartNotice;
use super::options::{Checkpoints, Length, Options};
use super::remote::Remote;
use super::source::SetSource;
use super::targets::Targets;
use super::{recording, resume};
use crate::blackbox::record::{Head, Legacy, Resumed};
use crate::blackbox::recorder::Recorder;
use crate::control::bulkhead::Bulkhead;
use crate::control::reload::Watcher;
use crate::control::{self, Call, Caller, Inbox, Limits, Observer, PortWatch, Reason, Show, Signals, Source, Stuck};
use crate::engine::{Command, Engine};
use crate::guardian::keeper::{Config, Keeper, SharedTable};
use crate::guardian::protocol::GuardedPort;
use crate::io::input::Hooks;
use crate::link::link;
use crate::rt::clock::{Monotonic, TimeSource};
use crate::rt::sched::{self, Granted, Policy};
use crate::rt::{self, Ending, Running};
use crate::set::Set;
use crate::time::Nanos;

/// Prepares this process to play. To be called before it has other threads, where that can be: what they have allocated by then
/// is apart from the heap that is locked. [`assemble`] does the same.
pub fn prepare_process() {
    sched::share_heap();
    sched::reset_timer_slack();
}

/// A show whose threads and ports are there, and which has yet to begin. Keys that are played through to an instrument sound
/// already. Where it is dropped, the real-time thread ends every note and itself, and nobody waits for that.
pub struct Assembly {
    show: Show<'static>,
    caller: Caller,
    inbox: Inbox,
    clock: Monotonic,
    /// Whether it starts by itself.
    starts: bool,
    length: Option<Length>,
    signals: Signals,
    remote: Remote,
    watcher: Option<Watcher>,
    ports: Box<dyn PortWatch>,
    guardian: Option<Keeper>,
    checkpoint: Option<Checkpoint>,
    log: Option<Recorder>,
    granted: Granted,
    running: Running,
}

/// Puts together a show of `source`, and says by `tell` what is found and decided on the way. Allocates, opens files and devices,
/// and may wait half a second for the guardian.
///
/// # Errors
///
/// [`StartError`], when the show cannot start. Nothing has sounded, and nothing of it is left.
pub fn assemble(
    source: &SetSource,
    options: Options,
    tell: &mut dyn FnMut(StartNotice),
) -> Result<Assembly, StartError> {
    prepare_process();
    let (caller, inbox) = control::inbox();
    // Before the set is read, so that no save is missed.
    let file = source.file();
    let watcher = file.as_ref().filter(|_| options.watch).map(|file| watch(file, &caller)).transpose();
    let watcher = watcher.map_err(StartError::System)?;
    let (mut set, text) = source.load()?;
    let mut targets = Targets::find(&set, options.target, waker(&caller)).map_err(StartError::Devices)?;
    tell(StartNotice::Set { name: set.name.clone(), tracks: set.tracks.len(), patterns: set.patterns.len() });
    let own_clock = targets.tell(&set, tell);
    if own_clock {
        set.program.clock.follow = Box::default();
    }
    let signals = if options.signals { Signals::listen().map_err(StartError::System)? } else { Signals::default() };
    let mut remote = Remote::new(source.name());
    if options.ctl {
        remote.open_ctl(&set.name, &caller, tell);
    }
    if let Some(osc) = options.osc {
        remote.open_osc(osc, &caller, tell)?;
    }
    let clock = Monotonic::start();
    let output = targets.open_outputs(&set)?;
    let page = SharedTable::new();
    // Before anything can sound. Without instruments it has a terminal to give back, if there is one.
    let is_guarded = options.guardian && (options.terminal.is_some() || targets.has_instruments());
    let mut guardian = if is_guarded {
        let charge = |executable| Config {
            page: page.clone(),
            origin_ns: clock.origin_ns(),
            terminal: options.terminal,
            executable,
        };
        start_guardian(options.executable.clone().map(charge), &guarded_ports::at_first(&set, &targets), tell)
    } else {
        None
    };
    let mut engine = Engine::new(&set.program);
    let resumed = match options.checkpoint {
        Checkpoints::Resume => take_up(source.name(), &set, &mut engine, clock, tell),
        Checkpoints::None | Checkpoints::Keep => None,
    };
    let checkpoint = match options.checkpoint {
        Checkpoints::Keep | Checkpoints::Resume => resume::keep(source.name(), resumed.is_some(), &caller)
            .unwrap_or_else(|error| {
                tell(StartNotice::NoCheckpoint(error));
                None
            }),
        Checkpoints::None => None,
    };
    let (control_end, rt_end, in_ends) = link(set.program.clone(), &targets.listened_ports());
    let settings = options.realtime;
    let running = match rt::spawn_noting(page, rt_end, engine, clock, output, settings) {
        Ok(running) => running,
        Err(error) => {
            // Nothing has sounded.
            guardian.into_iter().for_each(Keeper::dismiss);
            return Err(StartError::System(error));
        }
    };
    let granted = running.granted().clone();
    tell(StartNotice::Granted(granted.clone()));
    if let Some(guardian) = &mut guardian {
        guardian.begin(settings.policy != Policy::Other && granted.thread.is_granted());
    }
    let set_file = Source::new(source.name(), file, own_clock, &set);
    let log = options.log.and_then(|log| {
        let head = Head {
            set: set.name.clone(),
            granted: granted.to_string(),
            began: clock.now().0,
            resumed: resumed.as_ref().map(Resumed::of),
            ..Head::default()
        };
        recording::begin(log, head, &set_file.text(&set, text), &caller)
    });
    let mut show = Show::new(control_end, set, set_file, granted.to_string(), move || clock.now());
    let bulkhead = options.executable.map(|executable| Bulkhead { executable, limits: Default::default() });
    if let Err(why) = show.move_files_to_a_thread(bulkhead, waker(&caller)) {
        tell(StartNotice::NoFiles(why));
    }
    let errands = [
        watcher.as_ref().map(Watcher::errand),
        checkpoint.as_ref().map(Checkpoint::errand),
        log.as_ref().map(Recorder::errand),
    ];
    errands.into_iter().flatten().for_each(|errand| show.look_after(errand.clone()));
    let (starts, length) = (own_clock && resumed.is_none(), options.length);
    let ports: Box<dyn PortWatch> = Box::new(NothingToWatch);
    let mut assembly = Assembly {
        show,
        caller,
        inbox,
        clock,
        starts,
        length,
        signals,
        remote,
        watcher,
        ports,
        guardian,
        checkpoint,
        log,
        granted,
        running,
    };
    let hooks = Hooks { now: Arc::new(move || clock.now()), promote: Arc::new(move || drop(settings.promote_input())) };
    // From here on there is a thread to end, whatever fails.
    let opened = catch_unwind(AssertUnwindSafe(|| targets.open_inputs(assembly.show.set(), in_ends, hooks)));
    match opened.map_err(|_| Failed::panicked("control thread")).and_then(|opened| opened.map_err(Failed::Open)) {
        Ok(ports) => assembly.ports = ports,
        Err(failed) => {
            // That it does not answer tells less than what has failed.
            let _ = assembly.end(Err(failed.clone()), Box::new(()));
            return Err(failed.into());
        }
    }
    Ok(assembly)
}

impl Assembly {
    /// Calls the show, from any thread. Calls wait until it is conducted.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The set that it begins with.
    #[must_use]
    pub fn set(&self) -> &Set {
        self.show.set()
    }

    /// The time now, on the show's clock.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// A screen is drawn on the terminal from now on, which the guardian gives back if the process is killed.
    pub fn enter_screen(&mut self) {
        self.guardian.iter_mut().for_each(Keeper::enter_screen);
    }

    /// Begins the show and conducts it on the calling thread until there is a reason to end it; then ends every note, and takes it
    /// apart. `display` sees it all, and is dropped as soon as every note has ended, so that a screen gives the terminal back
    /// before the guardian goes.
    ///
    /// # Errors
    ///
    /// [`Stuck`], when the real-time thread does not end in time: notes may be left sounding.
    pub fn conduct(mut self, mut display: Box<dyn Observer + '_>) -> Result<Ended, Stuck> {
        let ports = std::mem::replace(&mut self.ports, Box::new(NothingToWatch));
        // Whatever panics in here, the show is ended after it.
        let conducted = catch_unwind(AssertUnwindSafe(|| {
            let until = self.begin();
            let Assembly { show, inbox, signals, running, remote, guardian, checkpoint, log, .. } = &mut self;
            let mut ports: Box<dyn PortWatch + '_> = match guardian {
                Some(guardian) => Box::new(GuardedPorts::new(ports, guardian, show.set())),
                None => ports,
            };
            let is_finished = || running.is_finished();
            let limits = Limits { is_finished: &is_finished, signals, until };
            show.conduct(inbox, &limits, &mut *ports, &mut [&mut *display, remote, log, checkpoint])
        }));
        let conducted = conducted.map_err(|_| Failed::panicked("control thread"));
        self.end(conducted, display)
    }

    /// Starts a show that waits for nobody, and sets its end. When it has to end by the clock, if so.
    fn begin(&mut self) -> Option<Instant> {
        let bar = self.show.set().program.meter.bar();
        // The ring is empty, and holds more than these two.
        let mut command = |command| {
            let queued = self.show.end_mut().command(command);
            debug_assert!(queued.is_ok(), "a command ring without room for two");
        };
        let until = match self.length {
            Some(Length::Bars(bars)) => {
                command(Command::EndAfter(bar * i64::from(bars)));
                None
            }
            Some(Length::Time(length)) => Some(Instant::now() + length),
            None => None,
        };
        if self.starts {
            command(Command::Start);
        }
        until
    }

    /// Ends every note, and then the show.
    fn end(self, conducted: Result<Reason, Failed>, mut display: Box<dyn Observer + '_>) -> Result<Ended, Stuck> {
        let Assembly {
            mut show,
            caller,
            inbox,
            remote,
            watcher,
            ports,
            guardian,
            checkpoint,
            mut log,
            granted,
            running,
            ..
        } = self;
        // Who still asks for something is told that it is over; but first of all, every note ends.
        drop((caller, inbox, ports));
        show.end(&|| running.is_finished())?;
        drop(remote);
        let unwritten = show.put_away();
        show.watch(&mut [&mut *display, &mut log]);
        drop(display);
        guardian.into_iter().for_each(Keeper::dismiss);
        let snapshot = *show.view().snapshot;
        let set = show.set().clone();
        let ending = running.join();
        let is_orderly = conducted.is_ok() && ending == Ending::Finished;
        let outcome = match (conducted, ending) {
            (_, Ending::Panicked) => Err(Failed::panicked("real-time thread")),
            (Ok(Reason::InputFailed(port)), Ending::Finished) => {
                let port = set.ports.get(usize::from(port.0)).map_or("?", |port| &port.name);
                Err(Failed::panicked(&format!("input thread of port {port}")))
            }
            (conducted, Ending::Finished) => conducted,
        };
        let log = log.map(|log| log.finish(&why(&outcome)));
        // What has failed may be gone on with.
        checkpoint.filter(|_| is_orderly).into_iter().for_each(Checkpoint::end);
        drop(watcher);
        Ok(Ended { outcome, set, snapshot, granted, unwritten, log })
    }
}

/// Wakes the control thread.
fn waker(caller: &Caller) -> impl Fn() + Send + 'static {
    let caller = caller.clone();
    move || {
        // Where too many calls wait, it looks around soon anyway.
        let _ = caller.call(Call::Wake);
    }
}

/// Watches the set's file.
fn watch(file: &Path, caller: &Caller) -> io::Result<Watcher> {
    let caller = caller.clone();
    Watcher::watch(file, move || {
        // Where too many wait, one of them may be this; the file is looked at again with the next change.
        let _ = caller.call(Call::FileChanged);
    })
}

/// Starts the guardian, waits until it watches, and says so. Where it cannot be started, it is tried again later.
fn start_guardian(charge: Option<Config>, ports: &[GuardedPort], tell: &mut dyn FnMut(StartNotice)) -> Option<Keeper> {
    let Some(charge) = charge else {
        tell(StartNotice::NoGuardian(io::Error::other("it is not known which program to start")));
        return None;
    };
    let (mut keeper, started) = Keeper::start(charge, ports, Instant::now());
    tell(match started {
        Ok(process) => StartNotice::Guardian { process, is_ready: keeper.await_ready() },
        Err(why) => StartNotice::NoGuardian(why),
    });
    Some(keeper)
}

/// Lets `engine` go on with the last show of the set called `name`, if that can be, and says what becomes of it.
fn take_up(
    name: &str,
    set: &Set,
    engine: &mut Engine,
    clock: Monotonic,
    tell: &mut dyn FnMut(StartNotice),
) -> Option<Legacy> {
    match resume::take_up(name, set, engine, clock) {
        Ok((legacy, how)) => {
            tell(StartNotice::Resumed(how));
            Some(legacy)
        }
        Err(why) => {
            tell(StartNotice::NotResumed(why));
            None
        }
    }
}
