//! What hands do: bindings, faders, playing on tracks, muting and transposing.

pub(in crate::engine) mod bindings;
pub(in crate::engine) mod faders;
pub(in crate::engine) mod mixer;
pub mod thru;
