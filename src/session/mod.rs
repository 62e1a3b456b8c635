//! A show from its parts.
//!
//! | file | duty |
//! |---|---|
//! | `source` | finding a set by file or built-in name |
//! | `targets` | which ports a show plays on: devices, virtual ports, or the monitor |
//! | `connections` | the connections to devices, and making them again |
//! | `guarded_ports` | keeping the guardian informed of the connections |
//! | `virtual_ports` | the ports of a show without its devices |
//! | `checkpoint` | what is kept on disk, to go on after a crash |
//! | `resume` | going on with it |
//! | `recording` | the log of a show: beginning it, and saying what became of it |
//! | `remote` | the control socket and OSC of a show |

pub(crate) mod checkpoint;
pub(crate) mod connections;
pub(crate) mod guarded_ports;
pub(crate) mod recording;
pub(crate) mod remote;
pub(crate) mod resume;
pub(crate) mod source;
pub(crate) mod targets;
pub(crate) mod virtual_ports;
