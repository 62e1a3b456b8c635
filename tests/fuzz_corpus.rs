//! Every file of the fuzzer's corpus, in ordinary tests: what it has found once does not come back.

use std::fs;
use std::path::Path;

use crate::fuzz::TARGETS;

/// Gives a target its corpus.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("it is a target");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut useful = 0;
    for entry in fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("it can be listed").path();
        // Shown where a test fails.
        println!("{}", path.display());
        useful += usize::from((target.run)(&fs::read(&path).expect("it can be read")));
    }
    assert!(useful > 0, "there is nothing in the corpus");
}

#[test]
fn parser() {
    replay("parser");
}

#[test]
fn words() {
    replay("words");
}

#[test]
fn show() {
    replay("show");
}

#[test]
fn wire() {
    replay("wire");
}

#[test]
fn log() {
    replay("log");
}

#[cfg(unix)]
#[test]
fn ctl() {
    replay("ctl");
}

#[cfg(unix)]
#[test]
fn osc() {
    replay("osc");
}

#[test]
fn the_dictionary_has_every_key_of_a_set() {
    let dictionary = include_str!("fuzz/set.dict");
    for key in tightrope::set::keys::TABLES.iter().flat_map(|table| table.keys) {
        let word = format!("\"{} = \"", key.name);
        let is_chosen = key.name.chars().any(char::is_uppercase);
        assert!(is_chosen || dictionary.lines().any(|line| line == word), "add {word} to tests/fuzz/set.dict");
    }
}
