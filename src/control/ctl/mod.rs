//! The control socket: `tightrope ctl`, and scripts, ask a running show for something.
//!
//! A show listens on a Unix socket that only its user can reach ([`folder`]). The protocol is lines of text: a request a
//! line, and for each one line of JSON as its answer, in the same order. `nc -U` will do:
//!
//! ```text
//! $ nc -U $XDG_RUNTIME_DIR/tightrope/circuits.sock
//! mute drums on
//! {"ok":true}
//! lanch build
//! {"ok":false,"reason":"misunderstood","error":"there is no command `lanch`: not a command; did you mean `launch`?"}
//! status
//! {"ok":true,"status":{"set":"circuits",...}}
//! ```
//!
//! | request | answer |
//! |---|---|
//! | a command: `launch build at bar`, `mute drums`, `tempo 128`, `reload`, `quit`, ... ([`order`](super::order)), or several with commas between them | `ok`, and `said` where there is something to say |
//! | `status`, also after commands | `ok` and `status`, a [`Report`](super::report) |
//! | `watch` | the same at once, and again whenever something changes, until the connection is closed; what is sent after it is not read |
//!
//! A line is read as a whole: if one of its commands is wrong, none is done. If one of them is refused, those after it are not
//! done, and the error names them.
//!
//! `ok` says that the command is on its way to the music, where it arrives within a few milliseconds. An answer that is not
//! `ok` has an `error` in words and a `reason`: `misunderstood` (the words are wrong; nothing happened), `refused` (it cannot
//! be done now), `busy` (too much is asked at once; try again), `ended` (the show is over).
//!
//! # Bounds
//!
//! | of | at most | beyond that |
//! |---|---|---|
//! | a line | [`MAX_LINE`] bytes | `misunderstood`, and the connection is closed |
//! | connections that ask | [`MAX_CONNECTIONS`] | the one that has asked nothing for longest is closed |
//! | connections that watch | [`MAX_WATCHERS`] | `busy` |
//! | requests of a connection | [`PER_SECOND`] a second, and as many at once | they wait: the socket fills up |
//! | time that a client lets an answer wait | [`PATIENCE`] | the connection is closed |
//! | changes that wait for one who watches | [`WAITING`](super::status_feed::WAITING) | the connection is closed |
//!
//! So whoever comes to ask for something always gets in, and what silences or ends the show has a place of its own among what
//! is asked ([`inbox`](mod@super::inbox)).
//!
//! Each connection has a thread with a small stack, which sleeps while nothing is asked.

mod connection;
pub mod folder;
mod limits;
mod places;
pub mod requests;

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::inbox::Caller;
use super::status_feed::Board;
pub use connection::{Answer, Reason};
use folder::{Claim, Unavailable};
pub use limits::{MAX_CONNECTIONS, MAX_LINE, MAX_WATCHERS, PATIENCE, PER_SECOND};
use places::Places;

/// How long the end of the show waits for answers that are still to be sent.
const GRACE: Duration = Duration::from_millis(200);

/// The stack of a connection's thread: small, because locked memory counts.
const STACK_BYTES: usize = 128 * 1024;

/// A socket that is listened at. When it is dropped, it is removed, and whoever is connected is so no more.
#[derive(Debug)]
pub struct Server {
    claim: Claim,
    board: Board,
    places: Places,
    is_over: Arc<AtomicBool>,
}

impl Server {
    /// Opens the socket of a show of the set `name`, and answers from now on.
    ///
    /// # Errors
    ///
    /// When there is no safe place for it, or the system refuses. The show can do without.
    pub fn open(name: &str, caller: Caller, board: Board) -> Result<Server, Unavailable> {
        let (claim, listener) = folder::claim(&folder::make()?, name)?;
        let (places, is_over) = (Places::default(), Arc::new(AtomicBool::new(false)));
        let door =
            Door { listener, places: places.clone(), is_over: Arc::clone(&is_over), caller, board: board.clone() };
        let thread = thread::Builder::new().name("tightrope-ctl".into()).stack_size(STACK_BYTES);
        thread
            .spawn(move || door.keep())
            .map_err(|error| Unavailable::System { path: claim.socket().to_owned(), error })?;
        Ok(Server { claim, board, places, is_over })
    }

    /// Returns what `ctl --show` calls the show.
    #[must_use]
    pub fn name(&self) -> &str {
        self.claim.name()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Relaxed);
        // Wakes the thread that listens, so that it sees that.
        let _ = UnixStream::connect(self.claim.socket());
        // What has been answered is still sent, so that whoever ended the show learns that it was they.
        self.board.close();
        self.places.shut(Shutdown::Read);
        let begun = Instant::now();
        while !self.places.are_empty() && begun.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(1));
        }
        self.places.shut(Shutdown::Both);
    }
}

/// Lets clients in.
struct Door {
    listener: UnixListener,
    places: Places,
    is_over: Arc<AtomicBool>,
    caller: Caller,
    board: Board,
}

impl Door {
    fn keep(self) {
        loop {
            let arrived = self.listener.accept();
            if self.is_over.load(Relaxed) {
                return;
            }
            match arrived {
                Ok((stream, _)) => self.let_in(stream),
                // Out of files, perhaps: whoever asks least makes room. There is no use in asking again at once.
                Err(_) => {
                    self.places.give_way();
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    /// Gives a client a thread, or turns it away.
    fn let_in(&self, stream: UnixStream) {
        let begun = self.places.admit(&stream).and_then(|place| {
            let client = stream.try_clone()?;
            let (caller, board) = (self.caller.clone(), self.board.clone());
            let thread = thread::Builder::new().name("tightrope-ctl".into()).stack_size(STACK_BYTES);
            thread.spawn(move || {
                // Who goes away in the middle has gone away.
                let _: io::Result<()> = connection::serve(client, &place, &caller, &board);
            })
        });
        if let Err(why) = begun {
            // Its buffer is empty: one line does not wait.
            let _ = (&stream).write_all(Answer::busy(&why).line().as_bytes());
        }
    }
}
