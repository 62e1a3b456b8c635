//! What the README and the guide show is true: their sets compile, their configuration is accepted, the tests they name are there.

use tightrope::guide::CHAPTERS;
use tightrope::set::Set;

/// The blocks of `language` in the README, and in the chapters of the guide after it.
fn blocks(language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let block = |part: &str| part.split("```").next().unwrap_or_default().to_owned();
    let texts = [include_str!("../README.md")].into_iter().chain(CHAPTERS.iter().map(|&(_, text)| text));
    texts.flat_map(|text| text.split(&fence).skip(1).map(block).collect::<Vec<_>>()).collect()
}

#[test]
fn its_sets_compile() {
    let sets: Vec<_> = blocks("toml").into_iter().filter(|block| !block.contains("[realtime]")).collect();
    assert!(sets.len() >= 5, "{} sets", sets.len());
    for set in sets {
        if let Err(mistakes) = Set::parse("README.md", set.as_bytes()) {
            panic!("{}", mistakes.render(false));
        }
    }
    assert_eq!(blocks("toml")[0].trim().lines().count(), 10, "the first set has ten lines");
}

#[test]
fn its_configuration_is_accepted() {
    let config = blocks("toml").into_iter().find(|block| block.contains("[realtime]")).expect("it is there");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme-config.toml");
    std::fs::write(&path, config).expect("the folder for tests can be written to");
    let output = assert_cmd::Command::cargo_bin("tightrope")
        .expect("it is built")
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .args(["play", "--for", "10ms", "--config"])
        .arg(&path)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What stands between backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_fault_names_a_test_that_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_else(|_| panic!("there is no {path}"));
    let stage = ["scripts/stage", "tests/stage/guardian.rs", "tests/stage/cases.rs", "tests/stage/system.rs"]
        .map(read)
        .concat();
    let faults = CHAPTERS.iter().find(|&&(name, _)| name == "faults").map(|&(_, text)| text);
    let section =
        faults.and_then(|text| text.split("# What happens when").nth(1)).and_then(|rest| rest.split("\n# ").next());
    let rows: Vec<&str> = section.unwrap_or_default().lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 25, "{} faults", rows.len());
    for row in rows {
        let shown_by = row.trim_end_matches([' ', '|']).rsplit(" | ").next().unwrap_or_default();
        let mut file = String::new();
        let mut named = 0;
        for span in spans(shown_by) {
            if let Some(options) = span.strip_prefix("scripts/stage ") {
                named += 1;
                let words = options.split([' ', ',']).map(|word| word.trim_matches('"'));
                for word in words {
                    assert!(stage.contains(word), "the stage does not know {word}: {row}");
                }
            } else if span.starts_with("tests/") || span.starts_with("src/") {
                file = read(span);
            } else {
                named += 1;
                assert!(file.contains(&format!("fn {span}(")), "there is no test {span}: {row}");
            }
        }
        assert!(named > 0, "no test: {row}");
    }
}
