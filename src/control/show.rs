//! A show, seen from the control thread: the loop that looks after it, and what becomes of calls.

use std::thread;
use std::time::{Duration, Instant};

use super::inbox::{Call, Declined, Inbox};
use super::order::{self, Order};
use super::playhead::Playhead;
use super::scribe::{Scene, Scribe, Written};
use super::slumber::{self, Slumber};
use super::source::{Renewed, Source, Text};
use super::view::{Notices, Playing, PortState, View};
use super::{Limits, Observer, PortWatch, Reason};
use crate::engine::program::{MAX_PORTS, PortSet, PortSlot, TrackSlot};
use crate::engine::{Command, Status, Transpositions};
use crate::link::{COMMAND_CAPACITY, ControlEnd, Snapshot, TRACE_CAPACITY};
use crate::set::Set;
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
    source: Source,
    mistake: Option<String>,
    /// What is recorded, in words.
    recording: Option<String>,
    notices: Notices,
    /// By port, where that was sent to what comes back there.
    returned: [PortSet; MAX_PORTS],
    scribe: Scribe,
    granted: String,
    now: Box<dyn Fn() -> Nanos + 'a>,
    snapshot: Snapshot,
    playhead: Playhead,
    slumber: Slumber,
    status: Status,
    transpositions: Transpositions,
    quits: bool,
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
        let scribe = Scribe::new(source.origin(), source.file().map(Into::into));
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
            source,
            mistake: None,
            recording: None,
            notices: Notices::default(),
            returned: [PortSet::default(); MAX_PORTS],
            scribe,
            granted,
            now: Box::new(now),
            snapshot,
            playhead: Playhead::default(),
            slumber: Slumber::default(),
            status,
            transpositions: Transpositions::default(),
            quits: false,
        }
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

    /// What there is to see.
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
            playing: &self.playing,
            ports: &self.ports,
            granted: &self.granted,
            mistake: self.mistake.as_deref(),
            learning: self.scribe.learning(),
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
            ports.look(&mut self.end, &mut self.notices);
            self.ports = ports.states();
            self.watch(observers);
            self.take_over(ports);
            if limits.signals.take_suspend() {
                self.notices.notice("Ctrl-Z does not pause a show, for notes would hang: Ctrl-C ends it");
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

    /// Sees whether the machine has slept, and to what that takes.
    fn wake_up(&mut self) {
        let Some(woken) = self.slumber.look(slumber::slept_since_boot(), &self.snapshot) else { return };
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
            let written = self.with_scribe(|scribe, scene| scribe.heard(&heard, scene));
            self.take_up(written);
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
        let written = self.with_scribe(Scribe::look);
        self.take_up(written);
        self.tell_what_was_read(observers);
        self.recording = self.with_scribe(|scribe, scene| scribe.recording(scene));
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

    fn answer(&mut self, call: Call) {
        match call {
            Call::Order(order) => {
                if let Err(why) = self.perform(order) {
                    self.notices.wrong(&why);
                }
            }
            Call::Words(words, answer) => {
                let done = match order::parse(&words, &self.set.names()) {
                    Ok(order) => self.perform(order).map_err(Declined::Refused),
                    Err(wrong) => Err(Declined::Misunderstood(wrong.to_string())),
                };
                // Who asked may have gone.
                let _ = answer.try_send(done);
            }
            Call::Look(look) => {
                // Who asks for something and then looks wants to see it.
                self.refresh();
                look(&self.view());
            }
            Call::FileChanged => self.file_changed(),
            Call::Notice(notice) => self.notices.push(notice),
            Call::Wake => {}
        }
    }

    /// Does what is asked for; what there is to say about it.
    fn perform(&mut self, order: Order) -> Result<String, String> {
        match order {
            Order::Engine(command) => {
                self.is_ours_to_say(command)?;
                if self.waits(command) {
                    return self.put_by(command);
                }
                self.end.command(command).map_err(|_| BUSY.to_owned())?;
                self.forget_launches(command);
                Ok(String::new())
            }
            Order::Reload => self.reload(),
            Order::Learn(words) => self.with_scribe(|scribe, scene| scribe.learn(&words, scene)),
            Order::Forget => Ok(self.scribe.forget()),
            Order::Record(record) => self.with_scribe(|scribe, scene| scribe.record(record, scene)),
            Order::Finish => self.write(Scribe::finish),
            Order::Discard => Ok(self.scribe.discard()),
            Order::Undo => self.write(|scribe, _| scribe.undo()),
            Order::Redo => self.write(|scribe, _| scribe.redo()),
            Order::Quit => {
                self.quits = true;
                Ok(String::new())
            }
        }
    }

    /// Lets the scribe do something in the show as it was last seen.
    fn with_scribe<T>(&mut self, act: impl FnOnce(&mut Scribe, Scene<'_>) -> T) -> T {
        let Show { scribe, set, status, playing, snapshot, .. } = self;
        act(scribe, Scene { set, status, playing, snapshot })
    }

    /// Lets the scribe write, and takes up what is written.
    fn write(
        &mut self,
        write: impl FnOnce(&mut Scribe, Scene<'_>) -> Result<Written, String>,
    ) -> Result<String, String> {
        let Written(what) = self.with_scribe(write)?;
        self.file_changed();
        Ok(what)
    }

    /// Something may have been written without anybody waiting for the answer.
    fn take_up(&mut self, written: Option<Result<Written, String>>) {
        match written {
            None => {}
            Some(Ok(Written(what))) => {
                self.file_changed();
                self.notices.notice(&what);
            }
            Some(Err(why)) => self.notices.wrong(&why),
        }
    }

    /// Whether `command` can do anything, or why it cannot.
    fn is_ours_to_say(&self, command: Command) -> Result<(), String> {
        match (command, self.snapshot.followed) {
            (Command::Tempo(_) | Command::Nudge(_) | Command::Tap, Some(port)) => {
                let name = self.set.ports.get(usize::from(port.0)).map_or("the master", |port| &port.name);
                Err(format!("the tempo is that of {name}; change it there"))
            }
            _ => Ok(()),
        }
    }

    /// Reads the set again. A mistake changes nothing; what there is to say.
    fn reload(&mut self) -> Result<String, String> {
        // One that has not been taken up yet has never played.
        match self.source.renew(self.renewed.as_deref().unwrap_or(&self.set)) {
            Ok(renewed) => {
                let was_wrong = self.mistake.take().is_some();
                match renewed {
                    Renewed::Other(set, text) => {
                        self.read.push(text);
                        self.renewed = Some(set);
                        Ok("the set was read again, and plays from the next bar on".to_owned())
                    }
                    Renewed::Same if was_wrong => {
                        Ok("the set file is without mistakes, and says what plays".to_owned())
                    }
                    Renewed::Same => Ok("the set file says what plays; nothing has changed".to_owned()),
                }
            }
            Err(why) => {
                self.mistake = Some(why.clone());
                Err(why)
            }
        }
    }

    /// The set file was saved by somebody.
    fn file_changed(&mut self) {
        let was_wrong = self.mistake.is_some();
        if let Ok(said) = self.reload()
            && (was_wrong || self.renewed.is_some())
        {
            self.notices.notice(&said);
        }
    }

    /// Lets a set that was read take the place of the one that plays: from the next bar on, and here at once.
    fn take_over(&mut self, ports: &mut dyn PortWatch) {
        let Some(set) = self.renewed.take() else { return };
        ports.reload(&set, &mut self.end, &mut self.notices);
        self.ports = ports.states();
        self.end.publish(set.program.clone());
        let before = std::mem::replace(&mut self.set, *set);
        self.before.get_or_insert(before);
        self.edition += 1;
        self.playing.forget();
    }

    /// Whether `command` names something that plays only when the newest set does.
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
            _ => false,
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
        if is_launch(command) || command == Command::Withdraw {
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
    use crate::control::{Signals, inbox};
    use crate::engine::program::PatternSlot;
    use crate::link::{RtEnd, link};
    use std::sync::mpsc::sync_channel;

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
    fn a_tempo_that_is_followed_is_not_ours() {
        let (mut show, _rt) = show();
        assert_eq!(say(&mut show, "tempo 130"), Ok(String::new()));
        show.snapshot.followed = Some(PortSlot(0));
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
