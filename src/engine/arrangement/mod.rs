//! What plays when: launches and the song, the transport, another program, a show that is taken up again.

pub(in crate::engine) mod chase;
pub(in crate::engine) mod launcher;
pub(in crate::engine) mod program_swap;
pub mod resume;
pub mod transport;
