//! The control thread: what the performer wants, between hands and the real-time thread.
//!
//! It runs on the program's first thread. Keys, sockets and the watcher of the set file call it ([`inbox`]); it does what
//! they ask ([`order`]), hears signals, and shows the show ([`view`]) to whoever observes it: lines, a screen, sockets. And it
//! sees to the end: whatever the reason, the real-time thread is told to end and is waited for, because that is how every
//! note gets its note-off.
//!
//! | file | duty |
//! |---|---|
//! | [`inbox`] | who calls, and how they are answered |
//! | [`order`] | what can be asked for |
//! | [`view`] | what there is to see |
//! | [`report`] | the same as data |
//! | [`feed`] | who is told when something changes |
//! | [`ctl`] | the control socket |
//! | [`osc`] | OSC |
//! | `bucket` | how much may be asked |
//! | `signals` | Ctrl-C and its like |

mod bucket;
#[cfg(unix)]
pub mod ctl;
pub mod feed;
pub mod inbox;
pub mod order;
pub mod osc;
pub mod report;
mod signals;
pub mod view;

pub use inbox::{Call, Caller, Declined, Inbox, inbox};
pub use order::Order;
pub use signals::Signals;
pub use view::{Notice, Notices, Playing, PortState, View};

use std::thread;
use std::time::{Duration, Instant};

use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::engine::{Command, Status};
use crate::link::{ControlEnd, Heard, Sent, Snapshot, TRACE_CAPACITY};
use crate::set::Set;
use crate::time::Nanos;

/// How often the control thread looks around when nobody calls. Hands and eyes do not notice it, and an idle show costs next
/// to nothing.
const PERIOD: Duration = Duration::from_millis(20);

/// How many calls are answered between two looks around.
const CALLS_PER_LOOK: usize = 64;

/// How long the real-time thread may take to end every note. It needs some milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// Watches a show: a screen, lines, a socket.
pub trait Observer {
    /// A message went out.
    fn sent(&mut self, _sent: &Sent) {}
    /// A message came in.
    fn heard(&mut self, _heard: &Heard) {}
    /// The show as it is now, some fifty times a second.
    fn look(&mut self, view: &View<'_>);
    /// Something that the performer should know.
    fn notice(&mut self, _notice: &Notice) {}
}

/// Keeps a show connected to its devices.
pub trait PortWatch {
    /// Called some fifty times a second, and not to take long.
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices);
    /// What each port of the set is connected to, by slot.
    fn states(&self) -> Vec<PortState>;
}

/// Why a show ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The real-time thread ended: at its end position, or by itself.
    Finished,
    /// The time was up.
    TimeUp,
    /// Somebody asked for it.
    Asked,
    /// A signal asked for it; its name.
    Signal(&'static str),
    /// The input thread of this port failed.
    InputFailed(PortSlot),
}

/// When a show ends, besides when it is asked to.
pub struct Limits<'a> {
    /// Whether the real-time thread has ended.
    pub is_finished: &'a dyn Fn() -> bool,
    /// The signals that end it.
    pub signals: &'a Signals,
    /// The time at which it ends.
    pub until: Option<Instant>,
}

/// A show, seen from the control thread.
pub struct Show<'a> {
    end: ControlEnd,
    set: Set,
    edition: u64,
    playing: Playing,
    ports: Vec<PortState>,
    mistake: Option<String>,
    notices: Notices,
    granted: String,
    now: Box<dyn Fn() -> Nanos + 'a>,
    snapshot: Snapshot,
    status: Status,
    quits: bool,
}

impl<'a> Show<'a> {
    /// The show of `set`, whose program the real-time thread has. `granted` says what the machine has granted, `now` is the
    /// show's clock.
    pub fn new(mut end: ControlEnd, set: Set, granted: String, now: impl Fn() -> Nanos + 'a) -> Show<'a> {
        let (snapshot, status) = (end.meters().snapshot(), end.status());
        Show {
            end,
            set,
            edition: 0,
            playing: Playing::default(),
            ports: Vec::new(),
            mistake: None,
            notices: Notices::default(),
            granted,
            now: Box::new(now),
            snapshot,
            status,
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
            snapshot: &self.snapshot,
            status: &self.status,
            playing: &self.playing,
            ports: &self.ports,
            granted: &self.granted,
            mistake: self.mistake.as_deref(),
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
            ports.look(&mut self.end, &mut self.notices);
            self.ports = ports.states();
            self.watch(observers);
            if limits.signals.take_suspend() {
                self.notices.notice("Ctrl-Z does not pause a show, for notes would hang: Ctrl-C ends it");
            }
            if let Some(reason) = self.reason_to_end(limits) {
                return reason;
            }
            let mut call = inbox.wait(PERIOD);
            for _ in 0..CALLS_PER_LOOK {
                let Some(this) = call else { break };
                self.answer(this);
                call = inbox.next();
            }
            if let Some(this) = call {
                self.answer(this);
            }
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
        for _ in 0..TRACE_CAPACITY {
            let Some(heard) = self.end.heard() else { break };
            observers.iter_mut().for_each(|observer| observer.heard(&heard));
        }
        for _ in 0..TRACE_CAPACITY {
            let Some(sent) = self.end.sent() else { break };
            observers.iter_mut().for_each(|observer| observer.sent(&sent));
        }
        self.refresh();
        for notice in self.notices.take() {
            observers.iter_mut().for_each(|observer| observer.notice(&notice));
        }
        let view = self.view();
        observers.iter_mut().for_each(|observer| observer.look(&view));
    }

    /// Sees how the show is now.
    fn refresh(&mut self) {
        (self.snapshot, self.status) = (self.end.meters().snapshot(), self.end.status());
        self.playing.follow(&self.set, &self.status);
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
            Call::FileChanged => self.reload(),
            Call::Wake => {}
        }
    }

    /// Does what is asked for; what there is to say about it.
    fn perform(&mut self, order: Order) -> Result<String, String> {
        match order {
            Order::Engine(command) => {
                self.is_ours_to_say(command)?;
                let taken = self.end.command(command).map(|()| String::new());
                taken.map_err(|_| "the real-time thread is busy; try again".to_owned())
            }
            Order::Reload => {
                self.reload();
                Ok(String::new())
            }
            Order::Quit => {
                self.quits = true;
                Ok(String::new())
            }
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

    fn reload(&mut self) {}

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

/// The real-time thread did not end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the real-time thread does not answer; notes may be left sounding: switch the instruments off and on")]
pub struct Stuck;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{RtEnd, link};
    use std::sync::mpsc::sync_channel;

    const SET: &str =
        "[ports.a]\ndevice = \"A\"\n[tracks.lead]\nport = \"a\"\nchannel = 1\n[patterns.main]\n[patterns.build]\n";

    fn show() -> (Show<'static>, RtEnd) {
        let set = Set::parse("a.toml", SET.as_bytes()).unwrap();
        let (end, rt, _) = link(set.program.clone(), &[]);
        (Show::new(end, set, "nothing".to_owned(), || Nanos(0)), rt)
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
        assert_eq!(say(&mut show, "tempo 130"), Err("the tempo is that of a; change it there".to_owned()));
        assert!(say(&mut show, "tap").is_err() && say(&mut show, "panic").is_ok());
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
