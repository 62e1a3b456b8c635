//! Writing into the performer's set file without disturbing it: learned bindings, recorded notes, and taking both back.
//!
//! An edit is a function from a text to a text. It looks up where in the file things stand, and replaces or inserts bytes
//! there: comments, order, white space and line endings of all else stay as they are byte for byte, since nothing else is
//! written anew. (A TOML library that prints what it has read would make each CRLF a LF.) What comes of it is read as a set
//! before it is given back, and compared with the set that was there: an edit that would break the file, or change what
//! it is not about, is refused.
//!
//! | file | duty |
//! |---|---|
//! | [`mod@bind`] | a command for a key, a controller or a program change |
//! | [`recorder`] | keys that are pressed while a pattern loops become notes |
//! | [`take`] | notes find their places on steps |
//! | [`mod@record`] | notes become what a track plays in a pattern |
//! | [`mod@rename`] | a copy gets a name of its own |
//! | [`history`] | edits are taken back and made again |
//! | [`mod@file`] | a text is put in the place of a file, whole or not at all |
//!
//! A session of edits, by whoever owns the file:
//!
//! 1. [`file::read`] gives the text.
//! 2. [`bind()`] or [`record()`] makes the new text of it.
//! 3. [`file::write`] puts it in place, and [`History::done`] remembers it.
//! 4. [`History::undo`] and [`History::redo`] give a [`Change`] to write; [`History::accept`] says that it is written.
//!
//! A set that is built in has no file: [`Refused::built_in`].
//!
//! All of it allocates and takes as long as reading a set does: off the real-time thread.

pub mod bind;
pub mod file;
pub mod history;
mod place;
pub mod record;
pub mod recorder;
mod refused;
pub mod rename;
pub mod take;
mod voice;

pub use bind::{Heard, Learned, Taken, bind};
pub use history::{Change, History};
pub use record::{Recorded, record};
pub use recorder::{Cycle, Keyboard, LeftOut, Recorder, Recording};
pub use refused::Refused;
pub use rename::rename;
pub use take::{GRIDS, Played, Take, Writing, grid};
