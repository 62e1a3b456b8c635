//! The control thread: what the performer wants, between hands and the real-time thread.
//!
//! It runs on the program's first thread. Keys, sockets and the watcher of the set file call it ([`inbox`](mod@inbox)); it
//! does what they ask ([`order`]), hears signals, and shows the show ([`view`]) to whoever observes it: lines, a screen,
//! sockets. And it sees to the end: whatever the reason, the real-time thread is told to end and is waited for, because that
//! is how every note gets its note-off.
//!
//! | file | duty |
//! |---|---|
//! | [`show`] | the loop, and what becomes of calls |
//! | [`inbox`](mod@inbox) | who calls, and how they are answered |
//! | [`order`] | what can be asked for |
//! | [`source`] | where the set comes from, and compiling it again |
//! | [`files`] | reading and writing its file, on a thread of its own |
//! | [`errand`] | noticing that a disk does not answer |
//! | [`bulkhead`] | reading a saved set in another process first |
//! | [`reload`] | noticing that its file was saved |
//! | [`set_editor`] | what is written into the set file: what is learned and recorded |
//! | [`view`] | what there is to see |
//! | [`report`] | the same as data |
//! | [`status_feed`] | who is told when something changes |
//! | [`ctl`] | the control socket |
//! | [`osc`] | OSC |
//! | `rate_limit` | how much may be asked |
//! | `signals` | Ctrl-C and its like |
//! | `slew` | noticing that the system's clock runs fast or slow |
//! | `suspend` | noticing that the machine has slept |

pub mod bulkhead;
#[cfg(unix)]
pub mod ctl;
pub mod errand;
pub mod files;
pub mod inbox;
pub mod order;
pub mod osc;
mod playhead;
mod rate_limit;
pub mod reload;
pub mod report;
pub mod set_editor;
pub mod show;
mod signals;
mod slew;
pub mod source;
pub mod status_feed;
mod suspend;
pub mod view;

pub use inbox::{Call, Caller, Declined, Inbox, inbox};
pub use order::Order;
pub use set_editor::SetEditor;
pub use show::{Show, Stuck};
pub use signals::Signals;
pub use source::{Source, Text};
pub use view::{Notice, Notices, Playing, PortState, View};

use std::time::Instant;

use crate::engine::program::PortSlot;
use crate::link::{Called, ControlEnd, Heard, Sent};

/// Watches a show: a screen, lines, a socket.
pub trait Observer {
    /// The set was read again, and will be taken up, unless it is read once more before that.
    fn read(&mut self, _text: &Text) {}
    /// The engine was told something.
    fn called(&mut self, _called: &Called) {}
    /// The engine made a message, whatever became of it.
    fn made(&mut self, _sent: &Sent) {}
    /// A message went out, or was refused.
    fn sent(&mut self, _sent: &Sent) {}
    /// A message came in.
    fn heard(&mut self, _heard: &Heard) {}
    /// The show as it is now, some fifty times a second.
    fn look(&mut self, view: &View<'_>);
    /// Something that the performer should know.
    fn notice(&mut self, _notice: &Notice) {}
}

/// Nobody watches.
impl Observer for () {
    fn look(&mut self, _: &View<'_>) {}
}

/// Watches if there is anybody.
impl<O: Observer> Observer for Option<O> {
    fn read(&mut self, text: &Text) {
        self.iter_mut().for_each(|observer| observer.read(text));
    }

    fn called(&mut self, called: &Called) {
        self.iter_mut().for_each(|observer| observer.called(called));
    }

    fn made(&mut self, sent: &Sent) {
        self.iter_mut().for_each(|observer| observer.made(sent));
    }

    fn sent(&mut self, sent: &Sent) {
        self.iter_mut().for_each(|observer| observer.sent(sent));
    }

    fn heard(&mut self, heard: &Heard) {
        self.iter_mut().for_each(|observer| observer.heard(heard));
    }

    fn look(&mut self, view: &View<'_>) {
        self.iter_mut().for_each(|observer| observer.look(view));
    }

    fn notice(&mut self, notice: &Notice) {
        self.iter_mut().for_each(|observer| observer.notice(notice));
    }
}

/// Keeps a show connected to its devices.
pub trait PortWatch {
    /// Called some fifty times a second, and not to take long.
    fn look(&mut self, end: &mut ControlEnd, notices: &mut Notices);
    /// The set is `set` now, which follows the one before ([`Set::following`](crate::set::Set::following)). Called before its program is published, so that
    /// what is new is on its way first. What has gone is let go of when that program plays.
    fn reload(&mut self, set: &crate::set::Set, end: &mut ControlEnd, notices: &mut Notices);
    /// Somebody asks for it: what was given up is tried again.
    fn retry(&mut self) {}
    /// Whether others have connected themselves with our ports, or gone, since this was asked last.
    fn take_change(&mut self) -> bool {
        false
    }
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
