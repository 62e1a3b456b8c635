//! What plays when: launches and the song, the transport, another program, a show that is taken up again.

pub(in crate::engine) mod chase;
mod follow;
pub(in crate::engine) mod launcher;
mod position;
pub(in crate::engine) mod program_swap;
pub mod resume;
pub mod transport;
