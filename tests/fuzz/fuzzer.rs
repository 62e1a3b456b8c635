//! The fuzzer: libFuzzer around one of the targets. `scripts/fuzz` builds and runs it.
//!
//! The environment names the target: `FUZZ_TARGET=parser`. Built without `--cfg fuzzing` this is no fuzzer but runs the
//! files that are its arguments, for a debugger: `FUZZ_TARGET=show cargo run --example fuzz -- FILE`. With `FUZZ_TELL` set,
//! it tells what shows are made of.

#![cfg_attr(fuzzing, no_main)]

#[path = "mod.rs"]
mod fuzz;
#[path = "../support/mod.rs"]
mod support;

use std::sync::OnceLock;

use fuzz::{TARGETS, Target};

/// The target that the environment names.
fn target() -> &'static Target {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names what is fuzzed");
        TARGETS.iter().find(|target| target.name == name).expect("FUZZ_TARGET is the name of a target")
    })
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> libfuzzer_sys::Corpus {
    if (target().run)(bytes) { libfuzzer_sys::Corpus::Keep } else { libfuzzer_sys::Corpus::Reject }
});

#[cfg(not(fuzzing))]
fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).expect("the arguments are files");
        (target().run)(&bytes);
    }
}
