//! The guardian: a small process beside the show, which ends every note when the show cannot.
//!
//! Whatever a program promises, it promises only as long as it lives. SIGKILL, the kernel's memory killer, a crash in a
//! library: then nothing of it runs any more, and the synthesizers play on. So `play` starts its own executable once more,
//! under another name, with connections of its own to the same devices. It holds one end of a pipe. When that breaks
//! without a word of farewell, the show is gone, and the guardian ends what sounds, stops what plays, and leaves.
//!
//! ```text
//! tightrope play ──── pipe: ports, screen, farewell ────> midi-guardian
//!   real-time thread ── table of what sounds, in a page that both see ──> (reads it)
//!        └──> synthesizers <── note-offs, STOP, controllers ──┘  only when the show is gone
//! ```
//!
//! - It is told over the pipe which ports there are, and anew when one comes or goes; so it is always connected already.
//! - What sounds it sees in a table in memory that both processes share ([`NoteTable`](crate::link::NoteTable)): the real-time
//!   thread writes a word for each note, and no more.
//! - It also sees there when the real-time thread wanted to be awake again. A show that is overdue while notes sound is
//!   frozen (stopped, in a debugger, stuck in a driver): its notes are ended once, and it goes on by itself when it thaws.
//! - It has a session of its own, ignores every signal that can be ignored, and is called other than the show; so a closed
//!   terminal, `kill -9` of a process group and `killall` take the show but not its guardian.
//! - While nothing happens it wakes once a second to look at two words of memory.
//!
//! | file | runs in | duty |
//! |---|---|---|
//! | [`protocol`] | both | what goes over the pipe |
//! | [`keeper`] | the show | starting the guardian, keeping it informed, starting another |
//! | [`watch`] | the guardian | what it knows, and what it does about it |
//! | [`silence`] | the guardian | which messages end everything, in which order, how fast |
//! | [`process`] | the guardian | the process around it: pipe, devices, priority |
//! | [`devices`] | the guardian | its connections |
//! | [`signals`] | both | what each signal means |
//! | [`screen`] | the guardian | giving back the terminal |
//! | `sys` | both | the system calls behind it, with what is `unsafe` of it |

#[cfg(unix)]
pub mod devices;
pub mod keeper;
#[cfg(unix)]
pub mod process;
pub mod protocol;
#[cfg(unix)]
pub mod screen;
#[cfg(unix)]
pub mod signals;
pub mod silence;
#[cfg(unix)]
mod sys;
pub mod watch;

/// The argument by which the executable knows that it is to be a guardian.
pub const ARGUMENT: &str = "guard";

/// What the guardian is called among the processes. Not as the show: who kills all that is called `tightrope` must not take
/// the guardian along.
pub const PROCESS_NAME: &str = "midi-guardian";
