//! The sets that come with the program, so that there is something to play before the first file is written.

/// A set that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Builtin {
    /// What it is asked for by.
    pub name: &'static str,
    /// Its set file, with the comments.
    pub text: &'static str,
}

/// Every built-in set, in the order in which they are listed to the user.
#[must_use]
pub fn all() -> &'static [Builtin] {
    &[
        Builtin { name: "circuits", text: include_str!("../sets/circuits.toml") },
        Builtin { name: "polymeter", text: include_str!("../sets/polymeter.toml") },
        Builtin { name: "acid", text: include_str!("../sets/acid.toml") },
        Builtin { name: "mothergen", text: include_str!("../sets/mothergen.toml") },
        Builtin { name: "liveset", text: include_str!("../sets/liveset.toml") },
    ]
}

/// The built-in set of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Builtin> {
    all().iter().find(|set| set.name == name)
}
