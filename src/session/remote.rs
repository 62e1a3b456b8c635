//! The ways into a running show from outside: the control socket, and OSC where that is asked for.

use crate::cli::args::Play;
use crate::cli::config::{Listen, OscPlan};
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::control::status_feed::{Board, StatusFeed};
use crate::control::{Caller, Notice, Observer, View, osc};
use crate::set::Set;

/// What listens, and tells those who watch. Closed when it is dropped.
pub struct Remote {
    feed: StatusFeed,
    #[cfg(unix)]
    _ctl: Option<crate::control::ctl::Server>,
    _osc: Option<osc::Server>,
}

impl Remote {
    /// Listens from now on, and says where. What is wanted goes to `caller`.
    ///
    /// # Errors
    ///
    /// When a flag asks for OSC and it cannot be had. A show goes on without what nobody asked for just now.
    pub fn open(
        set: &Set,
        args: &Play,
        plan: OscPlan,
        caller: &Caller,
        lines: &mut Printer,
    ) -> Result<Remote, Failure> {
        let board = Board::new(&args.set);
        #[cfg(unix)]
        let ctl = match crate::control::ctl::Server::open(&set.name, caller.clone(), board.clone()) {
            Ok(server) => {
                lines.line(format_args!("ctl: this show is `{}`", server.name()));
                Some(server)
            }
            Err(why) => {
                lines.line(format_args!("ctl: not available: {why}"));
                None
            }
        };
        #[cfg(not(unix))]
        let _ = set;
        let osc =
            match plan.listen.map(|Listen(at)| (at, osc::Server::open(at, plan.key, caller.clone(), board.clone()))) {
                None => None,
                Some((_, Ok(server))) => {
                    let at = server.address();
                    lines.line(format_args!("osc: listens at {at}{}", server.says()));
                    Some(server)
                }
                Some((at, Err(error))) if args.osc.is_some() => return Err(Failure::Osc(at, error)),
                Some((at, Err(error))) => {
                    lines.line(format_args!("osc: not available at {at}: {error}"));
                    None
                }
            };
        Ok(Remote {
            feed: StatusFeed::new(board),
            #[cfg(unix)]
            _ctl: ctl,
            _osc: osc,
        })
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
