//! A show, seen from the control thread: the loop that looks after it, and what becomes of calls.

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use super::bulkhead::Bulkhead;
use super::ending::{Limits, Reason};
use super::errand::{self, Errand, Lookout};
use super::files::{Asker, Clerk, Done, END_WAITS, Files, SystemDisk};
use super::inbox::{Answer, Call, Declined, Inbox};
use super::observer::{Observer, PortWatch};
use super::order::{self, Order};
use super::playhead::Playhead;
use super::set_editor::{Plan, Scene, SetEditor};
use super::slew::{self, Slew};
use super::source::{Renewed, Source, Text};
use super::suspend::{self, Suspend};
use super::view::{LastKeys, Notices, Playing, PortState, View};
use crate::engine::ClockSource;
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, TrackSlot};
use crate::engine::{Command, Status, Transpositions};
use crate::link::{COMMAND_CAPACITY, ControlEnd, Snapshot, TRACE_CAPACITY};
use crate::panics;
use crate::set::Set;
use crate::set::command::Verb;
use crate::time::Nanos;

/// How often the control thread looks around when nobody calls. Hands and eyes do not notice it, and an idle show costs next
/// to nothing.
const PERIOD: Duration = Duration::from_millis(20);

/// How many calls are answered between two looks around.
const CALLS_PER_LOOK: usize = 64;

/// What is said where a ring is full.
const BUSY: &str = "the real-time thread is busy; try again";

/// How long the real-time thread may take to end every note. It needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of an order.
enum Performed {
    /// It is done; what there is to say about it.
    Said(String),
    /// Files have to be worked on for it: an edit, if there is one, and reading the set again.
    ForFiles(Option<Plan>),
}

/// A show, seen from the control thread.
pub struct Show<'a> {
    end: ControlEnd,
    set: Set,
    edition: u64,
    playing: Playing,
    ports: Vec<PortState>,
    /// What the set was before, until the newest plays, and what was asked of the newest meanwhile.
    before: Option<Set>,
    waiting: Vec<Command>,
    /// A set that is still to be taken up.
    renewed: Option<Box<Set>>,
    /// What was read since the last look.
    read: Vec<Text>,
    files: Files,
    /// Who waits for disks.
    lookouts: Vec<Lookout>,
    mistake: Option<String>,
    /// What is recorded, in words.
    recording: Option<String>,
    notices: Notices,
    /// By port, where that was sent to what comes back there.
    returned: [PortSet; MAX_PORTS],
    /// By port, how many messages of it were lost when its keys were let go for that.
    lost: [u64; MAX_PORTS],
    set_editor: SetEditor,
    granted: String,
    now: Box<dyn Fn() -> Nanos + 'a>,
    snapshot: Snapshot,
    playhead: Playhead,
    suspend: Suspend,
    slew: Slew,
    status: Status,
    transpositions: Transpositions,
    keys: LastKeys,
    /// A panic that has found the ring to the real-time thread full.
    panics: bool,
    /// How many times of silence have been acknowledged.
    panics_told: u32,
    quits: bool,
    /// Whether connections that were given up are to be tried again.
    retries: bool,
}

impl<'a> Show<'a> {
    /// The show of `set`, whose program the real-time thread has. `source` is where it comes from, `granted` says what the
    /// machine has granted, `now` is the show's clock.
    pub fn new(
        mut end: ControlEnd,
        set: Set,
        source: Source,
        granted: String,
        now: impl Fn() -> Nanos + 'a,
    ) -> Show<'a> {
        let (snapshot, status) = (end.meters().snapshot(), end.status());
        let set_editor = SetEditor::new(source.origin(), source.file().map(Into::into));
        let files = Files::here(Clerk::new(source, Box::new(SystemDisk)));
        let lookouts = vec![Lookout::new(files.errand().clone())];
        Show {
            end,
            set,
            edition: 0,
            playing: Playing::default(),
            ports: Vec::new(),
            before: None,
            waiting: Vec::new(),
            renewed: None,
            read: Vec::new(),
            files,
            lookouts,
            mistake: None,
            recording: None,
            notices: Notices::default(),
            returned: [PortSet::default(); MAX_PORTS],
            lost: [0; MAX_PORTS],
            set_editor,
            granted,
            now: Box::new(now),
            snapshot,
            playhead: Playhead::default(),
            suspend: Suspend::default(),
            slew: Slew::default(),
            status,
            transpositions: Transpositions::default(),
            keys: LastKeys::default(),
            panics: false,
            panics_told: 0,
            quits: false,
            retries: false,
        }
    }

    /// Lets files be worked on by a thread of its own from now on, which calls `wake` when it has done something: no disk is
    /// waited for here any more. What is saved is read in another process first, if `bulkhead` says how.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn move_files_to_a_thread(
        &mut self,
        bulkhead: Option<Bulkhead>,
        wake: impl Fn() + Send + 'static,
    ) -> std::io::Result<()> {
        self.files.move_to_a_thread(bulkhead, wake)
    }

    /// Says from now on when the disk does not answer that `errand` waits for.
    pub fn look_after(&mut self, errand: Errand) {
        self.lookouts.push(Lookout::new(errand));
    }

    /// The set that plays, or will from the next bar on.
    #[must_use]
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// The end of the link to the real-time thread.
    pub fn end_mut(&mut self) -> &mut ControlEnd {
        &mut self.end
    }

    /// Returns what there is to see.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            set: &self.set,
            edition: self.edition,
            now: (self.now)(),
            position: self.playhead.position(),
            snapshot: &self.snapshot,
            status: &self.status,
            transpositions: &self.transpositions,
            keys: &self.keys,
            playing: &self.playing,
            ports: &self.ports,
            granted: &self.granted,
            mistake: self.mistake.as_deref(),
            learning: self.set_editor.learning(),
            recording: self.recording.as_deref(),
        }
    }

    /// Conducts the show until there is a reason to end it.
    pub fn conduct(
        &mut self,
        inbox: &Inbox,
        limits: &Limits<'_>,
        ports: &mut dyn PortWatch,
        observers: &mut [&mut dyn Observer],
    ) -> Reason {
        loop {
            self.wake_up();
            self.keep_pace();
            ports.look(&mut self.end, &mut self.notices);
            self.ports = ports.states();
            self.watch(observers);
            self.take_over(ports);
            if let Some(said) = limits.signals.take_told() {
                self.notices.notice(said);
            }
            if let Some(reason) = self.reason_to_end(limits) {
                return reason;
            }
            let first = inbox.wait(PERIOD).into_iter();
            for call in first.chain(std::iter::from_fn(|| inbox.next())).take(CALLS_PER_LOOK) {
                self.answer(call);
                self.take_over(ports);
            }
        }
    }

    /// Sees whether the system's clock runs fast or slow, so that our own does not.
    fn keep_pace(&mut self) {
        let Some(pace) = self.slew.look(slew::read()) else { return };
        if self.end.command(Command::Pace(pace)).is_err() {
            // Told again with the next look.
            self.slew = Slew::default();
            return;
        }
        if let Some(text) = self.slew.said(self.snapshot.clock_source != ClockSource::Own) {
            self.notices.notice(&text);
        }
    }

    /// Sees whether the machine has slept, and to what that takes.
    fn wake_up(&mut self) {
        let Some(woken) = self.suspend.look(suspend::slept_since_boot(), &self.snapshot) else { return };
        self.notices.wrong(&woken.text);
        if woken.is_lost && self.end.command(Command::Stop).is_err() {
            self.notices.wrong(BUSY);
        }
    }

    /// Ends the show: tells the real-time thread, and waits until it has ended, which is when every note has.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn end(&mut self, is_finished: &dyn Fn() -> bool) -> Result<(), Stuck> {
        let told = Instant::now();
        // A full ring drains within one pass of the real-time thread; a command lost here would leave the notes sounding.
        while self.end.command(Command::End).is_err() && !is_finished() && told.elapsed() < PATIENCE {
            thread::sleep(PERIOD);
        }
        while !is_finished() {
            if told.elapsed() > PATIENCE {
                return Err(Stuck);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Shows what happened since the last look. Takes at most what the traces hold, so that it comes to an end however much
    /// is sent meanwhile.
    pub fn watch(&mut self, observers: &mut [&mut dyn Observer]) {
        self.tell_what_was_read(observers);
        for _ in 0..TRACE_CAPACITY {
            let Some(called) = self.end.called() else { break };
            observers.iter_mut().for_each(|observer| observer.called(&called));
            let Some(heard) = called.heard() else { continue };
            observers.iter_mut().for_each(|observer| observer.heard(&heard));
            self.keys.heard(&heard);
            self.with_set_editor(|set_editor, scene| set_editor.heard(&heard, scene));
        }
        for _ in 0..TRACE_CAPACITY {
            let Some(sent) = self.end.sent() else { break };
            observers.iter_mut().for_each(|observer| {
                observer.made(&sent);
                if sent.fate.was_tried() {
                    observer.sent(&sent);
                }
            });
        }
        self.refresh();
        self.look_for_loops();
        self.look_for_losses();
        for (thread, why) in panics::take_failed() {
            self.notices.wrong(&format!("the thread `{thread}` failed ({why}); the show goes on without it"));
        }
        let plan = self.with_set_editor(SetEditor::look);
        self.carry_out(plan);
        let now = (self.now)();
        let plan = self.with_set_editor(|set_editor, scene| set_editor.learned(now, scene));
        self.carry_out(plan);
        self.look_at_files(Instant::now());
        self.tell_what_was_read(observers);
        self.recording = self.with_set_editor(|set_editor, scene| set_editor.recording(scene));
        for notice in self.notices.take() {
            observers.iter_mut().for_each(|observer| observer.notice(&notice));
        }
        let view = self.view();
        observers.iter_mut().for_each(|observer| observer.look(&view));
    }

    /// Before any call that adopts it, for it is not published by then.
    fn tell_what_was_read(&mut self, observers: &mut [&mut dyn Observer]) {
        for text in self.read.drain(..) {
            observers.iter_mut().for_each(|observer| observer.read(&text));
        }
    }

    /// Sees how the show is now.
    fn refresh(&mut self) {
        (self.snapshot, self.status) = (self.end.meters().snapshot(), self.end.status());
        self.transpositions = self.end.transpositions();
        self.playhead.look(&self.snapshot, (self.now)());
        self.panics = self.panics && self.end.command(Command::Panic).is_err();
        // A pad has asked for it: who pressed it is told as whoever asks here.
        if (self.status.panics.wrapping_sub(self.panics_told) as i32) > 0 {
            self.panics_told = self.status.panics;
            self.acknowledge_panic();
        }
        self.catch_up();
        // What plays is told in the slots of what plays.
        if self.before.is_none() {
            self.playing.follow(&self.set, &self.status);
        }
    }

    /// Says what comes back that we have sent, and when nothing does any more.
    fn look_for_loops(&mut self) {
        for (slot, counted) in self.snapshot.ports.iter().enumerate() {
            let before = std::mem::replace(&mut self.returned[slot], counted.returned);
            if before == counted.returned {
                continue;
            }
            let name = |slot: usize| self.set.ports.get(slot).map_or("?", |port| port.name.as_str());
            let heard_on = name(slot);
            for sent_to in counted.returned.iter().filter(|&sent_to| !before.contains(sent_to)) {
                let sent_to = name(usize::from(sent_to.0));
                self.notices.wrong(&format!(
                    "note loop: what is sent to {sent_to} comes back on {heard_on}, and does nothing there from now on; \
                     switch off soft thru or local control, or the route back, on a device between the two"
                ));
            }
            if counted.returned.is_empty() {
                self.notices.notice(&format!("note loop: nothing comes back on {heard_on} any more"));
            }
        }
    }

    /// Says which ports have lost messages, and lets their keys go: the end of one may have been among them.
    fn look_for_losses(&mut self) {
        for (slot, counted) in (0..MAX_PORTS as u8).map(PortSlot).zip(&self.snapshot.ports) {
            let known = &mut self.lost[usize::from(slot.0)];
            // Where its ring is full, at the next look.
            if counted.lost_inputs == *known || self.end.command(Command::ReleaseInput(slot)).is_err() {
                continue;
            }
            *known = counted.lost_inputs;
            let name = self.set.ports.get(usize::from(slot.0)).map_or("?", |port| port.name.as_str());
            self.notices.wrong(&format!(
                "messages from {name} were lost: more came than could be held while nothing read them. Its keys are let go"
            ));
        }
    }

    fn answer(&mut self, call: Call) {
        match call {
            Call::Order(order) => self.obey(order),
            Call::Words(words, answer) => match order::list(&words, &self.set.names()) {
                Ok(orders) => self.follow(orders, answer),
                Err(wrong) => {
                    let wrong = Declined::Misunderstood(wrong.to_string());
                    self.tell(Asker::Words(answer, String::new()), Err(wrong));
                }
            },
            Call::Look(look) => {
                // Who asks for something and then looks wants to see it.
                self.refresh();
                look(&self.view());
            }
            Call::FileChanged => self.hand_in(None, Asker::Saved),
            Call::Notice(notice) => self.notices.push(notice),
            Call::Wake => {}
        }
    }

    /// Does what a call asks for.
    fn obey(&mut self, order: Order) {
        match self.perform(order) {
            Ok(Performed::Said(_)) => {}
            Ok(Performed::ForFiles(plan)) => self.hand_in(plan, Asker::Hands),
            Err(why) => self.notices.wrong(&why),
        }
    }

    /// Does what a line asks for, up to the first that is refused. What waits for a disk holds up nothing after it; the answer
    /// comes with the last of that.
    fn follow(&mut self, orders: Vec<(String, Order)>, answer: SyncSender<Answer>) {
        let (mut said, mut plans, mut done) = (Vec::new(), Vec::new(), Ok(()));
        let mut orders = orders.into_iter();
        while let Some((_, order)) = orders.next() {
            match self.perform(order) {
                Ok(Performed::Said(what)) if what.is_empty() => {}
                Ok(Performed::Said(what)) => said.push(what),
                Ok(Performed::ForFiles(plan)) => plans.push(plan),
                Err(why) => {
                    let rest: Vec<String> = orders.by_ref().map(|(words, _)| words).collect();
                    let after = if rest.is_empty() { "" } else { "; not done after that: " };
                    done = Err(Declined::Refused(format!("{why}{after}{}", rest.join(", "))));
                }
            }
        }
        let asker = Asker::Words(answer, said.join("; "));
        let last = if done.is_ok() { plans.pop() } else { None };
        plans.into_iter().for_each(|plan| self.hand_in(plan, Asker::Nobody));
        match last {
            Some(plan) => self.hand_in(plan, asker),
            None => self.tell(asker, done.map(|()| String::new())),
        }
    }

    /// Tells who asked what became of it.
    fn tell(&mut self, asker: Asker, done: Result<String, Declined>) {
        match (asker, done) {
            (Asker::Words(answer, before), done) => {
                let all =
                    |said: String| [before, said].iter().filter(|said| !said.is_empty()).cloned().collect::<Vec<_>>();
                // Who asked may have gone.
                let _ = answer.try_send(done.map(|said| all(said).join("; ")));
            }
            (Asker::Nobody, Ok(said)) if !said.is_empty() => self.notices.notice(&said),
            (Asker::Hands | Asker::Saved | Asker::Nobody, Ok(_)) | (Asker::Saved, Err(_)) => {}
            (Asker::Hands | Asker::Nobody, Err(why)) => self.notices.wrong(&why.to_string()),
        }
    }

    /// Does what is asked for.
    fn perform(&mut self, order: Order) -> Result<Performed, String> {
        let said = match order {
            Order::Engine(command) => {
                self.is_ours_to_say(command)?;
                if self.waits(command) {
                    return self.put_by(command).map(Performed::Said);
                }
                let waited = self.panics;
                if self.end.command(command).is_err() {
                    // Silence does not give way: it is tried again until there is room.
                    self.panics |= command == Command::Panic;
                    if !self.panics {
                        return Err(BUSY.to_owned());
                    }
                }
                self.forget_launches(command);
                if command == Command::Panic {
                    // The engine will count it too. One that waits for room stands for all.
                    self.panics_told = self.panics_told.wrapping_add(u32::from(!(waited && self.panics)));
                    self.acknowledge_panic()
                } else {
                    String::new()
                }
            }
            Order::Reload => {
                self.retries = true;
                return Ok(Performed::ForFiles(None));
            }
            Order::Learn(words) => self.with_set_editor(|set_editor, scene| set_editor.learn(&words, scene))?,
            Order::Forget => self.set_editor.forget(),
            Order::Record(record) => self.with_set_editor(|set_editor, scene| set_editor.record(record, scene))?,
            Order::Finish => return self.with_set_editor(SetEditor::finish).map(Some).map(Performed::ForFiles),
            Order::Discard => self.set_editor.discard()?,
            Order::Undo => return self.set_editor.undo().map(Some).map(Performed::ForFiles),
            Order::Redo => return self.set_editor.redo().map(Some).map(Performed::ForFiles),
            Order::Quit => {
                self.quits = true;
                String::new()
            }
        };
        Ok(Performed::Said(said))
    }

    /// Says to everybody that all was silenced, and where, so that a second time is seen as well.
    fn acknowledge_panic(&mut self) -> String {
        let (bar, beat, _) = self.set.program.meter.bar_beat_tick(self.playhead.position());
        let said = format!("PANIC at {bar}.{beat}: every note is ended, and all channels in use are silenced");
        self.notices.notice(&said);
        said
    }

    /// Lets the set editor do something in the show as it was last seen.
    fn with_set_editor<T>(&mut self, act: impl FnOnce(&mut SetEditor, Scene<'_>) -> T) -> T {
        let Show { set_editor, set, status, playing, snapshot, .. } = self;
        act(set_editor, Scene { set, status, playing, snapshot })
    }

    /// Something is to be written without anybody waiting for the answer.
    fn carry_out(&mut self, plan: Option<Plan>) {
        if plan.is_some() {
            self.hand_in(plan, Asker::Nobody);
        }
    }

    /// Has files worked on.
    fn hand_in(&mut self, plan: Option<Plan>, asker: Asker) {
        let (what, edit) = plan.map_or(("reload".to_owned(), None), |plan| (plan.what, Some(plan.edit)));
        let edits = edit.is_some();
        if let Err((asker, why)) = self.files.hand_in(edit, &what, asker) {
            let why = match edits {
                true => self.set_editor.written(Err(why)).unwrap_or_else(|why| why),
                false => why,
            };
            self.tell(asker, Err(Declined::Refused(why)));
        }
        self.look_at_files(Instant::now());
    }

    /// Sees what has been done with files, and whether the disks answer.
    fn look_at_files(&mut self, now: Instant) {
        while let Some((waiting, Done { edited, read, remark })) = self.files.done() {
            remark.iter().for_each(|remark| self.notices.wrong(remark));
            let asked_to_write = edited.is_some();
            let written = edited.map(|edited| self.set_editor.written(edited));
            let was_wrong = self.mistake.is_some();
            let read = read.map(|read| self.take_up(read));
            let is_saved = asked_to_write || matches!(waiting.asker, Asker::Saved);
            if let Some(Ok(said)) = &read
                && is_saved
                && (was_wrong || self.renewed.is_some())
            {
                self.notices.notice(said);
            }
            if let Some(done) = written.or(read) {
                self.tell(waiting.asker, done.map_err(Declined::Refused));
            }
        }
        for (answer, what) in self.files.take_late(now) {
            let late = format!("the disk has not answered yet; what becomes of `{what}` is told when it does");
            // Who asked may have gone.
            let _ = answer.try_send(Ok(late));
        }
        for change in self.lookouts.iter_mut().filter_map(|lookout| lookout.look(now)) {
            match change {
                errand::Change::Hangs(text) => self.notices.wrong(&text),
                errand::Change::Answers(text) => self.notices.notice(&text),
            }
        }
    }

    /// Waits until what was handed in is written, for some seconds at most; what is not written then, in words. To be called when
    /// the show has ended.
    pub fn put_away(&mut self) -> Option<String> {
        let begun = Instant::now();
        while self.files.is_editing() && begun.elapsed() < END_WAITS {
            self.look_at_files(Instant::now());
            thread::sleep(Duration::from_millis(1));
        }
        let unwritten: Vec<&str> = self.files.unwritten().collect();
        (!unwritten.is_empty())
            .then(|| format!("not written, because the disk does not answer: {}", unwritten.join(", ")))
    }

    /// Returns whether `command` can do anything, or why it cannot.
    fn is_ours_to_say(&self, command: Command) -> Result<(), String> {
        if Verb::of(command).is_none_or(|verb| !verb.sets_the_tempo()) {
            return Ok(());
        }
        match self.snapshot.clock_source {
            ClockSource::Own => Ok(()),
            ClockSource::Port(port) => {
                let name = self.set.ports.get(usize::from(port.0)).map_or("the master", |port| &port.name);
                Err(format!("the tempo is that of {name}; change it there"))
            }
            ClockSource::Session => Err("the tempo is that of the session; change it there".to_owned()),
        }
    }

    /// The set was read again. A mistake changes nothing; what there is to say.
    fn take_up(&mut self, read: Result<Renewed, String>) -> Result<String, String> {
        // A built-in set has no file that could have a mistake.
        let has_file = self.set_editor.has_file();
        let renewed = read.inspect_err(|why| self.mistake = has_file.then(|| why.clone()))?;
        let was_wrong = self.mistake.take().is_some();
        Ok(match renewed {
            Renewed::Other(set, text) => {
                // One that has not been taken up yet has never played.
                let set = set.following(self.renewed.as_deref().unwrap_or(&self.set));
                self.read.push(Text { edition: set.program.edition, ..text });
                self.renewed = Some(Box::new(set));
                "the set was read again, and plays from the next bar on"
            }
            Renewed::Same if was_wrong => "the set file is without mistakes, and says what plays",
            Renewed::Same => "the set file says what plays; nothing has changed",
        }
        .to_owned())
    }

    /// Lets a set that was read take the place of the one that plays: from the next bar on, and here at once.
    fn take_over(&mut self, ports: &mut dyn PortWatch) {
        if std::mem::take(&mut self.retries) {
            ports.retry();
        }
        let Some(set) = self.renewed.take() else { return };
        ports.reload(&set, &mut self.end, &mut self.notices);
        self.ports = ports.states();
        self.end.publish(set.program.clone());
        let before = std::mem::replace(&mut self.set, *set);
        for (slot, (now, then)) in self.set.program.ports.iter().zip(&before.program.ports).enumerate() {
            if now.owner != then.owner {
                self.keys.forget(slot);
            }
        }
        self.before.get_or_insert(before);
        self.edition += 1;
        self.playing.forget();
    }

    /// Returns whether `command` names something that plays only when the newest set does.
    fn waits(&self, command: Command) -> bool {
        let Some(before) = &self.before else { return false };
        let is_new = |now: &[String], then: &[String], slot: u16| {
            let slot = usize::from(slot);
            now.get(slot) != then.get(slot)
        };
        let track = |slot: TrackSlot| is_new(&self.set.tracks, &before.tracks, slot.0);
        match command {
            Command::Launch { pattern, .. } => is_new(&self.set.patterns, &before.patterns, pattern.0),
            Command::Jump(_) => self.set.program.song != before.program.song,
            Command::Mute(slot, _) | Command::Solo(slot, _) | Command::Control { track: slot, .. } => track(slot),
            Command::Transpose { track: Some(slot), .. } => track(slot),
            Command::Transpose { track: None, .. } => false,
            Command::Start | Command::Stop | Command::Continue | Command::CancelLaunch => false,
            Command::Hold(_) | Command::Fill(_) | Command::Tempo(_) | Command::TempoStep(_) | Command::Tap => false,
            Command::Pace(_) | Command::Session(_) | Command::Panic | Command::SilencePort(_) => false,
            Command::ReleaseInput(_) | Command::EndAfter(_) | Command::End => false,
        }
    }

    /// Keeps a command until the newest set plays.
    fn put_by(&mut self, command: Command) -> Result<String, String> {
        if self.waiting.len() >= COMMAND_CAPACITY {
            return Err(BUSY.to_owned());
        }
        self.waiting.push(command);
        Ok("done when the saved set plays, from the next bar on".to_owned())
    }

    /// The last request wins: what waits for the newest set does not come back after `command`, which was said later.
    fn forget_launches(&mut self, command: Command) {
        if is_launch(command) || command == Command::CancelLaunch {
            self.waiting.retain(|&waiting| !is_launch(waiting));
        }
    }

    /// Sends what was asked of the newest set, once that plays.
    fn catch_up(&mut self) {
        if self.before.is_none() || self.status.edition != self.set.program.edition {
            return;
        }
        self.before = None;
        for command in std::mem::take(&mut self.waiting) {
            if self.end.command(command).is_err() {
                self.notices.wrong(BUSY);
            }
        }
    }

    fn reason_to_end(&self, limits: &Limits<'_>) -> Option<Reason> {
        if (limits.is_finished)() {
            return Some(Reason::Finished);
        }
        if self.quits {
            return Some(Reason::Asked);
        }
        if let Some(name) = limits.signals.received() {
            return Some(Reason::Signal(name));
        }
        if limits.until.is_some_and(|until| Instant::now() >= until) {
            return Some(Reason::TimeUp);
        }
        let failed = |port: &PortSlot| self.end.meters().port(*port).has_failed_input();
        (0..MAX_PORTS as u8).map(PortSlot).find(failed).map(Reason::InputFailed)
    }
}

fn is_launch(command: Command) -> bool {
    matches!(command, Command::Launch { .. } | Command::Jump(_))
}

/// The real-time thread did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the real-time thread does not answer; notes may be left sounding: switch the instruments off and on")]
pub struct Stuck;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::files::{self, Disk};
    use crate::control::{Signals, inbox};
    use crate::engine::program::PatternSlot;
    use crate::link::{RtEnd, link};
    use std::sync::mpsc::sync_channel;
    use std::sync::{Condvar, Mutex};

    const SET: &str =
        "[ports.a]\ndevice = \"A\"\n[tracks.lead]\nport = \"a\"\nchannel = 1\n[patterns.main]\n[patterns.build]\n";

    struct NoPorts;

    impl PortWatch for NoPorts {
        fn look(&mut self, _: &mut ControlEnd, _: &mut Notices) {}

        fn reload(&mut self, _: &Set, _: &mut ControlEnd, _: &mut Notices) {}

        fn states(&self) -> Vec<PortState> {
            Vec::new()
        }
    }

    fn show() -> (Show<'static>, RtEnd) {
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap();
        let (end, rt, _) = link(set.program.clone(), &[]);
        (Show::new(end, set.clone(), Source::new("a.toml", None, false, &set), "nothing".to_owned(), || Nanos(0)), rt)
    }

    fn say(show: &mut Show<'_>, words: &str) -> inbox::Answer {
        let (answer, answered) = sync_channel(1);
        show.answer(Call::Words(words.to_owned(), answer));
        answered.try_recv().expect("every call is answered")
    }

    #[test]
    fn words_reach_the_engine_in_order_and_wrong_ones_do_not() {
        let (mut show, mut rt) = show();
        assert_eq!(say(&mut show, "start"), Ok(String::new()));
        assert!(say(&mut show, "launch bild").unwrap_err().to_string().contains("did you mean `build`?"));
        assert_eq!(say(&mut show, "mute lead on"), Ok(String::new()));
        let commands: Vec<Command> = std::iter::from_fn(|| rt.next_command()).collect();
        let mute = Command::Mute(crate::engine::program::TrackSlot(0), crate::engine::Switch::On);
        assert_eq!(commands, [Command::Start, mute]);
    }

    #[test]
    fn a_built_in_set_that_is_to_be_read_again_has_no_mistake() {
        let (mut show, _rt) = show();
        let answered = ask(&mut show, "reload");
        let answer = answered.try_recv().unwrap();
        assert!(matches!(answer, Err(Declined::Refused(why)) if why.contains("is built in")));
        assert_eq!(show.mistake, None);
    }

    #[test]
    fn a_tempo_that_is_followed_is_not_ours() {
        let (mut show, _rt) = show();
        assert_eq!(say(&mut show, "tempo 130"), Ok(String::new()));
        show.snapshot.clock_source = ClockSource::Port(PortSlot(0));
        let refused = Declined::Refused("the tempo is that of a; change it there".to_owned());
        assert_eq!(say(&mut show, "tempo 130"), Err(refused));
        assert!(say(&mut show, "tap").is_err() && say(&mut show, "panic").is_ok());
    }

    #[test]
    fn of_launches_that_wait_for_the_saved_set_the_last_wins_and_can_be_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap();
        for (then, sent) in [("launch main", 1), ("withdraw", 1), ("launch other", 0), ("mute lead", 1)] {
            let (end, mut rt, _) = link(set.program.clone(), &[]);
            let source = Source::new("a.toml", Some(file.clone()), false, &set);
            let mut show = Show::new(end, set.clone(), source, "nothing".to_owned(), || Nanos(0));
            std::fs::write(&file, format!("{SET}[patterns.new]\n[patterns.other]\n")).unwrap();
            assert!(say(&mut show, "reload").is_ok());
            show.take_over(&mut NoPorts);
            assert!(say(&mut show, "launch new").unwrap().contains("when the saved set plays"));
            assert!(say(&mut show, then).is_ok());
            let at_once: Vec<Command> = std::iter::from_fn(|| rt.next_command()).collect();
            assert_eq!(at_once.len(), sent, "{then}");
            show.status.edition = show.set.program.edition;
            show.catch_up();
            let slot =
                |name: &str| PatternSlot(show.set.patterns.iter().position(|known| known == name).unwrap() as u16);
            let later: Vec<PatternSlot> = std::iter::from_fn(|| rt.next_command())
                .map(|command| match command {
                    Command::Launch { pattern, .. } => pattern,
                    other => panic!("{other:?}"),
                })
                .collect();
            let expected = match then {
                "launch other" => vec![slot("new"), slot("other")],
                "mute lead" => vec![slot("new")],
                _ => vec![],
            };
            assert_eq!(later, expected, "{then}");
        }
    }

    /// A disk with one file, which hangs while its gate is shut.
    #[derive(Clone, Default)]
    struct Gated(std::sync::Arc<(Mutex<(bool, String)>, Condvar)>);

    impl Gated {
        fn open(&self, is_open: bool) {
            self.0.0.lock().unwrap().0 = is_open;
            self.0.1.notify_all();
        }

        fn file<T>(&self, act: impl FnOnce(&mut String) -> T) -> T {
            let state = self.0.1.wait_while(self.0.0.lock().unwrap(), |state| !state.0).unwrap();
            act(&mut { state }.1)
        }

        /// Saves a text by another way.
        fn save(&self, text: &str) {
            self.0.0.lock().unwrap().1 = text.to_owned();
        }
    }

    impl Disk for Gated {
        fn read(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
            Ok(self.file(|text| text.clone().into_bytes()))
        }

        fn write(&self, _: &std::path::Path, new: &str) -> Result<(), crate::edit::file::Failed> {
            self.file(|text| new.clone_into(text));
            Ok(())
        }
    }

    /// A show whose set is on a disk that hangs.
    fn show_on(disk: &Gated) -> (Show<'static>, RtEnd) {
        let (mut show, rt) = show();
        disk.save(SET);
        let source = Source::new("a.toml", Some("a.toml".into()), false, &show.set);
        show.set_editor = SetEditor::new("a.toml", Some("a.toml".into()));
        show.files = Files::here(Clerk::new(source, Box::new(disk.clone())));
        show.lookouts = vec![Lookout::new(show.files.errand().clone())];
        show.move_files_to_a_thread(None, || ()).unwrap();
        (show, rt)
    }

    fn ask(show: &mut Show<'_>, words: &str) -> std::sync::mpsc::Receiver<inbox::Answer> {
        let (answer, answered) = sync_channel(1);
        show.answer(Call::Words(words.to_owned(), answer));
        answered
    }

    fn until(show: &mut Show<'_>, is_done: impl Fn(&Show<'_>) -> bool) {
        let begun = Instant::now();
        while !is_done(show) {
            show.look_at_files(Instant::now());
            assert!(begun.elapsed() < Duration::from_secs(30), "it is never done");
            thread::yield_now();
        }
    }

    #[test]
    fn a_panic_by_a_pad_is_acknowledged_as_one_by_words_is() {
        let (mut show, mut rt) = show_on(&Gated::default());
        let mut said = |show: &mut Show<'_>, panics| {
            rt.show(Status { panics, ..Status::default() });
            show.refresh();
            show.notices.take().into_iter().map(|notice| notice.text).collect::<Vec<_>>()
        };
        let told = "PANIC at 1.1: every note is ended, and all channels in use are silenced";
        assert_eq!(said(&mut show, 1), [told], "a pad");
        assert_eq!(said(&mut show, 1), [""; 0]);
        assert!(say(&mut show, "panic").is_ok());
        assert_eq!(said(&mut show, 2), [told], "words, which the engine counts too");
        assert_eq!(said(&mut show, 3), [told], "the pad again");
    }

    #[test]
    fn a_disk_that_hangs_holds_up_nobody_and_what_was_wanted_is_done_when_it_answers() {
        let disk = Gated::default();
        let (mut show, mut rt) = show_on(&disk);
        disk.save(&format!("{SET}[patterns.new]\n"));
        let reload = ask(&mut show, "reload");
        // The thread has begun to wait.
        until(&mut show, |show| show.files.errand().is_waiting());
        assert!(say(&mut show, "panic").is_ok_and(|said| said.starts_with("PANIC at ")));
        assert!(show.notices.take().iter().all(|notice| !notice.is_wrong), "who looks sees it too");
        assert_eq!(rt.next_command(), Some(Command::Panic));
        assert!(reload.try_recv().is_err(), "not so soon");
        show.look_at_files(Instant::now() + errand::HANGS_AFTER);
        assert!(reload.try_recv().unwrap().unwrap().contains("has not answered yet"));
        let said = show.notices.take();
        assert!(said.len() == 1 && said[0].is_wrong && said[0].text.contains("a.toml waits for it"), "{said:?}");
        let signals = Signals::default();
        let limits = Limits { is_finished: &|| false, signals: &signals, until: None };
        assert_eq!((say(&mut show, "quit"), show.reason_to_end(&limits)), (Ok(String::new()), Some(Reason::Asked)));
        disk.open(true);
        until(&mut show, |show| show.renewed.is_some());
        assert!(show.renewed.as_ref().is_some_and(|set| set.patterns.contains(&"new".to_owned())));
        let said: Vec<String> = show.notices.take().into_iter().map(|notice| notice.text).collect();
        assert!(said.iter().any(|said| said.contains("was read again")), "{said:?}");
        assert!(said.iter().any(|said| said.contains("answers again")), "{said:?}");
    }

    #[test]
    fn what_waits_for_a_disk_is_bounded_and_what_is_not_written_at_the_end_is_said() {
        let disk = Gated::default();
        let (mut show, _rt) = show_on(&disk);
        let waiting: Vec<_> = (0..files::MOST).map(|_| ask(&mut show, "undo")).collect();
        assert!(waiting.iter().all(|answered| answered.try_recv().is_err()));
        let refused = say(&mut show, "redo").unwrap_err().to_string();
        assert!(refused.contains("redo is given up"), "{refused}");
        // A burst of saves is one.
        let (mut other, _rt) = show_on(&disk);
        (0..1_000).for_each(|_| other.answer(Call::FileChanged));
        assert!(other.notices.take().is_empty() && say(&mut other, "stop").is_ok());
        let begun = Instant::now();
        assert_eq!(other.put_away(), None, "nothing is to be written");
        let unwritten = show.put_away().unwrap();
        assert!(unwritten.contains("undo") && begun.elapsed() < 10 * END_WAITS, "{unwritten}");
        disk.open(true);
        assert_eq!(show.put_away(), None, "it has answered");
    }

    #[test]
    fn a_panic_of_the_readers_costs_no_more_than_what_was_wanted() {
        struct Broken;
        impl Disk for Broken {
            fn read(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
                panic!("a fault in a library")
            }

            fn write(&self, _: &std::path::Path, _: &str) -> Result<(), crate::edit::file::Failed> {
                Ok(())
            }
        }
        let (mut show, _rt) = show();
        let source = Source::new("a.toml", Some("a.toml".into()), false, &show.set);
        show.files = Files::here(Clerk::new(source, Box::new(Broken)));
        let why = say(&mut show, "reload").unwrap_err().to_string();
        assert!(why.contains("failed in the program itself") && say(&mut show, "start").is_ok(), "{why}");
    }

    #[test]
    fn what_an_input_has_lost_is_said_and_its_keys_are_let_go() {
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap();
        let (end, mut rt, ends) = link(set.program.clone(), &[PortSlot(0)]);
        let mut show =
            Show::new(end, set.clone(), Source::new("a.toml", None, false, &set), String::new(), || Nanos(0));
        let mut look = |show: &mut Show<'_>| {
            show.watch(&mut []);
            std::iter::from_fn(|| rt.next_command()).collect::<Vec<_>>()
        };
        assert_eq!(look(&mut show), []);
        ends[0].losses().count();
        assert_eq!([look(&mut show), look(&mut show)], [vec![Command::ReleaseInput(PortSlot(0))], vec![]], "once");
        // It is not forgotten where there is no room to say it.
        while say(&mut show, "start").is_ok() {}
        ends[0].losses().count();
        show.watch(&mut []);
        assert!(!look(&mut show).contains(&Command::ReleaseInput(PortSlot(0))));
        assert_eq!(look(&mut show), [Command::ReleaseInput(PortSlot(0))]);
    }

    #[test]
    fn a_busy_engine_is_said() {
        let (mut show, _rt) = show();
        while say(&mut show, "start").is_ok() {}
        show.answer(Call::Order(Order::Engine(Command::Stop)));
        let notices = show.notices.take();
        assert!(notices.len() == 1 && notices[0].is_wrong && notices[0].text.contains("busy"), "{notices:?}");
    }

    #[test]
    fn who_looks_sees_the_set_and_who_quits_ends_the_show() {
        let (mut show, _rt) = show();
        let (name, named) = sync_channel(1);
        let look = move |view: &View<'_>| {
            // The receiver lives.
            let _ = name.try_send(view.set.name.clone());
        };
        show.answer(Call::Look(Box::new(look)));
        assert_eq!(named.try_recv().unwrap(), "a");
        let signals = Signals::default();
        let limits = Limits { is_finished: &|| false, signals: &signals, until: None };
        assert_eq!(show.reason_to_end(&limits), None);
        assert_eq!(say(&mut show, "quit"), Ok(String::new()));
        assert_eq!(show.reason_to_end(&limits), Some(Reason::Asked));
    }
}
