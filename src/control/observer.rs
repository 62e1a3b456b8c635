//! Who watches a show, and what keeps it connected.

use super::source::Text;
use super::view::{Notice, Notices, PortState, View};
use crate::link::{Called, ControlEnd, Heard, Sent};
use crate::set::Set;

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
    /// The set is `set` now, which follows the one before ([`Set::following`]). Called before its program is published, so that
    /// what is new is on its way first. What has gone is let go of when that program plays.
    fn reload(&mut self, set: &Set, end: &mut ControlEnd, notices: &mut Notices);
    /// Somebody asks for it: what was given up is tried again.
    fn retry(&mut self) {}
    /// Returns whether others have connected themselves with our ports, or gone, since this was asked last.
    fn take_change(&mut self) -> bool {
        false
    }
    /// Returns what each port of the set is connected to, by slot.
    fn states(&self) -> Vec<PortState>;
}
