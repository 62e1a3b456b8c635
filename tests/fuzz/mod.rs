//! What is fuzzed: functions of bytes that panic when a promise is broken, and say whether the bytes were of any use.
//!
//! The same functions run in two places. `tests/fuzz_corpus.rs` gives them every file of `tests/fuzz/corpus`, in ordinary
//! tests. `tests/fuzz/fuzzer.rs` gives them to libFuzzer, which makes up new bytes from those that reached new
//! code; `scripts/fuzz` builds and runs it.

#[cfg(unix)]
pub mod asked;
pub mod log;
pub mod parser;
pub mod program;
pub mod show;
pub mod wire;
pub mod words;

/// What is fuzzed, under one name for the corpus, the scripts and the fuzzer.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called; its corpus is in the folder of this name.
    pub name: &'static str,
    /// Tries some bytes. Whether they were of any use: bytes that were not are not kept.
    pub run: fn(&[u8]) -> bool,
}

pub const TARGETS: &[Target] = &[
    Target { name: "parser", run: parser::run },
    Target { name: "words", run: words::run },
    Target { name: "show", run: show::run },
    Target { name: "wire", run: wire::run },
    Target { name: "log", run: log::run },
    #[cfg(unix)]
    Target { name: "ctl", run: asked::ctl },
    #[cfg(unix)]
    Target { name: "osc", run: asked::osc },
];
