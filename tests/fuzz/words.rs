//! Bytes as a word, wherever a word can stand: in a set that is read while a show plays, in a command on the control socket,
//! by OSC. Reading ends, on a small stack.
//!
//! A process that overflows its stack is gone before anybody can say what was read. So what is read is written down before,
//! in the file that `FUZZ_LAST` names.

use crate::support::words;

/// How long a word is. What is longer is a whole set, which another target makes.
const LONGEST: usize = 64;

pub fn run(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    if let Some(path) = std::env::var_os("FUZZ_LAST") {
        std::fs::write(path, bytes).expect("it can be written down");
    }
    let word: String = text.chars().take(LONGEST).collect();
    words::on_a_small_stack(|| words::everywhere(&word))
}
