//! A set without instruments: what can be made of it, and found out about it, before anything is plugged in.
//!
//! Everything here is a function from values to values. Nothing opens a file or a port, or asks what time it is: a show
//! in virtual time takes as long as it takes to compute, and is the same each time.
//!
//! | file | duty |
//! |---|---|
//! | [`orders`] | what is to be done while a show is rendered, and where |
//! | [`render`] | the show in virtual time: every message with its position |
//! | [`smf`] | a rendered show as a Standard MIDI File |
//! | [`text`] | a rendered show as lines |
//! | [`score`] | a Standard MIDI File as music: parts and notes |
//! | [`lines`] | notes as lines of the step language |
//! | [`import`] | a set file of a Standard MIDI File |
//! | [`dry_run`] | each pattern by itself, for what is to be found out about it |
//! | [`wire_load`] | what a set asks of its wires |
//! | [`lints`] | what a set says that it probably does not mean |

pub mod dry_run;
pub mod import;
pub mod lines;
pub mod lints;
pub mod orders;
pub mod render;
pub mod score;
pub mod smf;
pub mod text;
pub mod wire_load;
