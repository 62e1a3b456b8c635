//! One client of the control socket: its requests and their answers.

use std::fmt;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::limits::{MAX_LINE, PATIENCE, PER_SECOND};
use super::places::Place;
use super::requests::{Request, Requests};
use crate::control::inbox::{Call, Caller, Declined, Refused};
use crate::control::order;
use crate::control::rate_limit::RateLimit;
use crate::control::report::Report;
use crate::control::status_feed::Board;
use crate::set::nearest;

/// How often one who watches, and is told nothing because nothing changes, is looked after.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// The requests that are not orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    Status,
    Watch,
}

/// How they are written.
const OWN: [(&str, Own); 2] = [("status", Own::Status), ("watch", Own::Watch)];

fn own() -> impl Iterator<Item = &'static str> {
    OWN.iter().map(|&(name, _)| name)
}

/// What a request is answered: one line of JSON.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What there is to say of its success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    /// The status, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Report>,
}

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The words are wrong.
    Misunderstood,
    /// It cannot be done now.
    Refused,
    /// Too much is asked at once.
    Busy,
    /// The show is over.
    Ended,
}

impl Answer {
    fn not(reason: Reason, error: &dyn fmt::Display) -> Answer {
        Answer { reason: Some(reason), error: Some(error.to_string()), ..Answer::default() }
    }

    pub(super) fn busy(why: &dyn fmt::Display) -> Answer {
        Answer::not(Reason::Busy, why)
    }

    fn misunderstood(why: &dyn fmt::Display) -> Answer {
        Answer::not(Reason::Misunderstood, why)
    }

    fn status(report: &Report) -> Answer {
        Answer { ok: true, status: Some(report.clone()), ..Answer::default() }
    }

    /// As a line.
    pub(super) fn line(&self) -> String {
        // Nothing in it can fail to be written as JSON.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

impl From<Refused> for Answer {
    fn from(why: Refused) -> Answer {
        let reason = match why {
            Refused::Busy => Reason::Busy,
            Refused::Ended => Reason::Ended,
        };
        Answer::not(reason, &why)
    }
}

/// Answers a client until it goes, or until it no longer reads.
///
/// # Errors
///
/// When it has gone in the middle of something.
pub(crate) fn serve(mut stream: UnixStream, place: &Place, caller: &Caller, board: &Board) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut bucket = RateLimit::new(PER_SECOND, Instant::now());
    let mut requests = Requests::new(stream.try_clone()?);
    while let Some(request) = requests.next()? {
        place.asks();
        while let Err(wait) = bucket.take(Instant::now()) {
            thread::sleep(wait);
        }
        let answer = match request {
            Request::TooLong => {
                let answer = Answer::misunderstood(&format_args!("a line has at most {MAX_LINE} bytes"));
                return stream.write_all(answer.line().as_bytes());
            }
            Request::NotText => Answer::misunderstood(&"this is not UTF-8"),
            Request::Words(words) => match split(words.trim()) {
                ("", Some(Own::Watch)) => match place.watch() {
                    Ok(()) => return watch(stream, board),
                    Err(why) => Answer::busy(&why),
                },
                ("", Some(Own::Status)) => status(caller, board),
                (orders, None) => follow(orders, caller),
                (orders, Some(Own::Status)) => match follow(orders, caller) {
                    Answer { ok: true, said, .. } => Answer { said, ..status(caller, board) },
                    not_done => not_done,
                },
                (_, Some(Own::Watch)) => Answer::misunderstood(&"`watch` stands alone"),
            },
        };
        stream.write_all(answer.line().as_bytes())?;
    }
    if place.is_lost() {
        let why = "others have come, and this connection has asked nothing for longest; connect again";
        stream.write_all(Answer::busy(&why).line().as_bytes())?;
    }
    Ok(())
}

/// The orders of a line, and what stands after them, or alone, that is none.
fn split(line: &str) -> (&str, Option<Own>) {
    let line = line.trim_end_matches(|c: char| c == ',' || c.is_whitespace());
    let (before, last) = line.rsplit_once(',').unwrap_or(("", line));
    match OWN.iter().find(|(name, _)| *name == last.trim()) {
        Some(&(_, own)) => (before, Some(own)),
        None => (line, None),
    }
}

/// Has the orders of a line done.
fn follow(line: &str, caller: &Caller) -> Answer {
    if let Some(error) = order::commands(line).find_map(foreign) {
        return Answer::misunderstood(&error);
    }
    match caller.ask(line, PATIENCE) {
        Ok(Ok(said)) => Answer { ok: true, said: Some(said).filter(|said| !said.is_empty()), ..Answer::default() },
        Ok(Err(Declined::Misunderstood(error))) => Answer::misunderstood(&error),
        Ok(Err(Declined::Refused(error))) => Answer::not(Reason::Refused, &error),
        Err(refused) => refused.into(),
    }
}

/// Returns what is wrong with a command whose first word is no order. What knows only orders cannot know that another request may
/// have been meant.
fn foreign(command: &str) -> Option<String> {
    let first = command.split_whitespace().next()?;
    if own().any(|own| own == first) {
        return Some(match command == first {
            true => format!("`{first}` comes last"),
            false => format!("`{first}` stands alone"),
        });
    }
    if order::words().any(|word| word == first) {
        return None;
    }
    let help = match nearest(first, order::words().chain(own())) {
        Some(near) if own().any(|own| own == near) => format!("did you mean `{near}`?"),
        Some(_) => return None,
        None => format!("there are {}", order::words().chain(own()).collect::<Vec<_>>().join(", ")),
    };
    Some(format!("there is no command `{}`: not a command; {help}", first.escape_debug()))
}

/// The show as it is now.
fn status(caller: &Caller, board: &Board) -> Answer {
    let (report, reported) = sync_channel(1);
    let board = board.clone();
    let look = Call::Look(Box::new(move |view| {
        // Who asked may have gone.
        let _ = report.try_send(board.report(view));
    }));
    if let Err(refused) = caller.call(look) {
        return refused.into();
    }
    match reported.recv_timeout(PATIENCE) {
        Ok(report) => Answer::status(&report),
        Err(RecvTimeoutError::Timeout) => Refused::Busy.into(),
        Err(RecvTimeoutError::Disconnected) => Refused::Ended.into(),
    }
}

/// Tells what changes, until the client goes.
fn watch(mut stream: UnixStream, board: &Board) -> io::Result<()> {
    let watch = board.watch();
    loop {
        match watch.reports().recv_timeout(BETWEEN_LOOKS) {
            Ok(report) => stream.write_all(Answer::status(&report).line().as_bytes())?,
            Err(RecvTimeoutError::Timeout) if has_gone(&stream) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            // The show is over, or the client has not read for too long.
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Returns whether the other side has closed the connection altogether. One that only has nothing more to say has not.
fn has_gone(stream: &UnixStream) -> bool {
    let mut sockets = [PollFd::new(stream, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut sockets, Some(&at_once)).is_ok() && sockets[0].revents().contains(PollFlags::HUP)
}
