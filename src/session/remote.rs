//! The ways into a running show from outside: the control socket, and OSC where that is asked for.

use super::ending::StartError;
use super::notice::StartNotice;
use super::options::Osc;
use crate::control::status_feed::{Board, StatusFeed};
use crate::control::{Caller, Notice, Observer, View, osc};

/// What listens, and tells those who watch. Closed when it is dropped.
pub(crate) struct Remote {
    feed: StatusFeed,
    #[cfg(unix)]
    ctl: Option<crate::control::ctl::Server>,
    osc: Option<osc::Server>,
}

impl Remote {
    /// Nothing listens yet to the show of the set that was read from `file`. What will be wanted goes to `caller`.
    pub(crate) fn new(file: &str) -> Remote {
        Remote {
            feed: StatusFeed::new(Board::new(file)),
            #[cfg(unix)]
            ctl: None,
            osc: None,
        }
    }

    /// Opens the control socket of a show called `name`. Where there is none, the show goes on without.
    #[cfg(unix)]
    pub(crate) fn open_ctl(&mut self, name: &str, caller: &Caller, tell: &mut dyn FnMut(StartNotice)) {
        match crate::control::ctl::Server::open(name, caller.clone(), self.feed.board().clone()) {
            Ok(server) => {
                tell(StartNotice::Ctl(server.name().to_owned()));
                self.ctl = Some(server);
            }
            Err(why) => tell(StartNotice::NoCtl(why.to_string())),
        }
    }

    /// There are no such sockets here.
    #[cfg(not(unix))]
    pub fn open_ctl(&mut self, _: &str, _: &Caller, _: &mut dyn FnMut(StartNotice)) {}

    /// Listens for OSC from now on, and says where.
    ///
    /// # Errors
    ///
    /// When it is required and cannot be had.
    pub(crate) fn open_osc(
        &mut self,
        osc: Osc,
        caller: &Caller,
        tell: &mut dyn FnMut(StartNotice),
    ) -> Result<(), StartError> {
        let Osc { at, key, is_required } = osc;
        match osc::Server::open(at, key, caller.clone(), self.feed.board().clone()) {
            Ok(server) => {
                tell(StartNotice::Osc { at: server.address(), says: server.says() });
                self.osc = Some(server);
            }
            Err(error) if is_required => return Err(StartError::Osc(at, error)),
            Err(error) => tell(StartNotice::NoOsc(at, error)),
        }
        Ok(())
    }
}

impl Observer for Remote {
    fn look(&mut self, view: &View<'_>) {
        self.feed.look(view);
    }

    fn notice(&mut self, notice: &Notice) {
        self.feed.notice(notice);
    }
}
