//! What the README shows is true: its sets compile, its configuration is accepted.

use tightrope::set::Set;

/// The blocks of `language` in the README.
fn blocks(language: &str) -> Vec<String> {
    let readme = include_str!("../README.md");
    let fence = format!("```{language}\n");
    let block = |part: &str| part.split("```").next().unwrap_or_default().to_owned();
    readme.split(&fence).skip(1).map(block).collect()
}

#[test]
fn its_sets_compile() {
    let sets: Vec<_> = blocks("toml").into_iter().filter(|block| !block.contains("[realtime]")).collect();
    assert_eq!(sets.len(), 4);
    for set in sets {
        if let Err(mistakes) = Set::parse("README.md", set.as_bytes()) {
            panic!("{}", mistakes.render(false));
        }
    }
    assert!(blocks("toml")[0].trim().lines().count() <= 10, "the first set has ten lines");
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
