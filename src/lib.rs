//! A hard-real-time MIDI sequencer for the stage.
//!
//! It follows the clock of the drum machine on the table, or is the clock itself, and plays patterns written in a text
//! file on several synthesizers. The music is computed by one high-priority thread that neither allocates nor locks;
//! everything that can wait happens elsewhere.
//!
//! Those who write sets begin with the [`guide`]; those who read code go on here, and find the words in the [`glossary`].
//!
//! # Threads
//!
//! ```text
//! midir input threads --stamped events--> [ring for each input port] --+
//!                                                                      v
//!  screen keys, ctl, OSC,                                    +------------------+
//!  file watcher, signals                                     | real-time thread |--> midir outputs
//!         | calls (inbox)                                    |  owns the engine |
//!         v                                                  +------------------+
//!  control thread --commands (ring)----------------------------^   |    |
//!                 --program (triple buffer, newest wins)-------^   |    +--> meters (atomics), trace (lossy ring)
//!                 <------------------------------------------------+
//! ```
//!
//! - The **real-time thread** ([`rt`]) runs in SCHED_FIFO where the system lets it. Its only system calls read the clock,
//!   wait, and send MIDI.
//! - The **control thread** ([`control`]) is the program's first thread, or one that [`session::Session`] starts. Whoever else
//!   wants something of the show has a thread of its own and calls it: the keys of the screen, the control socket, OSC, the
//!   watcher of the set file. There is no asynchronous runtime.
//! - The **input threads** are midir's, one for each connection; they stamp a message, push it, and wake the real-time
//!   thread ([`io`]).
//! - The **log's thread** ([`blackbox`]) writes down what the show did, so that nobody else waits for a disk.
//! - The **files' thread** ([`control::files`]) reads and writes the set file, for the same reason; what is saved a child process
//!   reads first ([`control::bulkhead`]).
//!
//! # Rooms
//!
//! Dependencies point one way: `time, midi <- engine <- link <- {rt, io, control} <- session <- cli`, and beside it
//! `engine <- set <- offline <- edit <- control`.
//!
//! | module | duty |
//! |---|---|
//! | [`text`] | text from elsewhere, made fit to be shown |
//! | [`panics`] | what becomes of a panic, by who panics |
//! | `private` | folders and files that only their owner may enter |
//! | [`time`], [`midi`] | points and spans of time and of music, messages: values with their unit in the type |
//! | [`engine`] | the music: pure, deterministic, told the time; no clock, no I/O, no heap after construction |
//! | [`link`] | what crosses threads, made in one place |
//! | [`rt`] | the real-time thread: driver, waiting, output |
//! | [`io`] | MIDI ports |
//! | [`guardian`] | the process beside the show that ends every note when the show is gone |
//! | [`set`] | set files: from text to the engine's program, with mistakes that name their place |
//! | [`offline`] | a set without instruments: rendered, imported, examined; pure, bytes in and bytes out |
//! | [`edit`] | writing into the performer's set file: learned bindings, recorded notes, undo; text in, text out |
//! | [`control`] | the control thread |
//! | [`blackbox`] | the log of a show: written beside it, reported, played again |
//! | [`session`] | a show from its parts: put together, conducted, taken apart; without a command line |
//! | [`doctor`] | what this machine can promise: what the kernel says, and a trial |
//! | [`cli`] | the command line: arguments, lines and the screen |
//!
//! What can be wrong musically is tested without threads; what can be wrong in threads holds no music.
//!
//! # Guarantees
//!
//! - Every note-on has its note-off, whatever ends the show: STOP, a signal, a closed terminal, an error or a panic in any
//!   thread ([`panics`]). Two ledgers see to it: the engine's ([`engine::ports::ledger`]), which knows what should sound, and behind it the
//!   output's ([`rt::note_tracking::NoteTracking`]), which knows what was sent. Where the process is killed or crashes, its [`guardian`] does.
//! - Positions are computed from an origin and rounded once: nothing drifts.
//! - The same set, the same seed and the same input give the same bytes; a show can be played again from its log.
//! - Every queue has a capacity and a policy for when it is full; what is lost is counted and reported.
//!
//! # Clock domains
//!
//! | type | what it counts |
//! |---|---|
//! | [`time::Nanos`] | the machine's monotonic clock; read only in [`rt::clock`] |
//! | [`time::DeviceTime`] | a MIDI connection's own stamps; comparable only with each other |
//! | [`time::Tick`] | the song, 960 to the quarter note, 40 to the MIDI clock pulse |
//!
//! [`engine::clock::timeline::Timeline`] maps ticks to time and back, exactly.

#![deny(unsafe_code)]
#![warn(missing_docs)]
#![warn(unreachable_pub)]

#[cfg(feature = "show")]
pub mod blackbox;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "show")]
pub mod control;
#[cfg(feature = "cli")]
pub mod doctor;
#[cfg(feature = "show")]
pub mod edit;
pub mod engine;
#[doc = include_str!("glossary.md")]
pub mod glossary {}
#[cfg(feature = "show")]
pub mod guardian;
#[cfg(feature = "cli")]
pub mod guide;
#[cfg(feature = "show")]
pub mod io;
pub mod link;
pub mod midi;
#[cfg(feature = "show")]
pub mod offline;
pub mod panics;
#[cfg(feature = "show")]
mod private;
pub mod rt;
#[cfg(feature = "show")]
pub mod session;
pub mod set;
pub mod text;
pub mod time;
