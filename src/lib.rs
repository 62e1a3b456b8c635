//! tightrope

#![deny(unsafe_code)]

pub mod cli;
pub mod control;
pub mod engine;
pub mod io;
pub mod link;
pub mod midi;
pub mod rt;
pub mod set;
pub mod time;
