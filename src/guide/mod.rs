//! How to play with it, chapter by chapter. `tightrope help TOPIC` prints each of them.
//!
//! | chapter | tells |
//! |---|---|
//! | [`start`] | a first set, and the two instruments of the talk |
//! | [`commands`] | what the program can be asked for |
//! | [`set`] | the set file: every key, every step |
//! | [`screen`] | the screen and its keys; the set while it plays |
//! | [`clock`] | following a clock; loops, cables, crashes; what a wire can carry |
//! | [`remote`] | `ctl` and OSC |
//! | [`machine`] | tuning the machine |
//! | [`faults`] | what happens when something goes wrong, and the test that shows it |
//! | [`timing`] | how tight it is, and how that was measured |
//! | [`contributing`] | the map of the code, and how to add to it |

/// The chapters: the name of each, and its text.
pub const CHAPTERS: [(&str, &str); 10] = [
    ("start", include_str!("start.md")),
    ("commands", include_str!("commands.md")),
    ("set", include_str!("set.md")),
    ("screen", include_str!("screen.md")),
    ("clock", include_str!("clock.md")),
    ("remote", include_str!("remote.md")),
    ("machine", include_str!("machine.md")),
    ("faults", include_str!("faults.md")),
    ("timing", include_str!("timing.md")),
    ("contributing", include_str!("contributing.md")),
];

#[doc = include_str!("clock.md")]
pub mod clock {}
#[doc = include_str!("commands.md")]
pub mod commands {}
#[doc = include_str!("contributing.md")]
pub mod contributing {}
#[doc = include_str!("faults.md")]
pub mod faults {}
#[doc = include_str!("machine.md")]
pub mod machine {}
#[doc = include_str!("remote.md")]
pub mod remote {}
#[doc = include_str!("screen.md")]
pub mod screen {}
/// The reference at its end is what the program prints, which `tests/guide.rs` checks.
#[doc = include_str!("set.md")]
pub mod set {}
#[doc = include_str!("start.md")]
pub mod start {}
#[doc = include_str!("timing.md")]
pub mod timing {}
