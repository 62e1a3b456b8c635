//! The guide says what the program says: its reference is what `tightrope help` prints, and its set can be played.

use std::fs;

use assert_cmd::Command;
use tightrope::guide::CHAPTERS;
use tightrope::set::Set;

const GUIDE: &str = "src/guide/set.md";

fn help(topic: &str) -> String {
    let output = Command::cargo_bin("tightrope").expect("it is built").args(["help", topic]).output().expect("it runs");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it is text")
}

/// `guide` with the text of the section called `heading` replaced by `text`.
fn with_section(guide: &str, heading: &str, text: &str) -> String {
    let start = guide.find(&format!("# {heading}\n")).expect("the guide has the section");
    let opened = start + guide[start..].find("```text\n").expect("the section has a block") + "```text\n".len();
    let closed = opened + guide[opened..].find("```").expect("the block is closed");
    format!("{}{}\n{}", &guide[..opened], text.trim_end(), &guide[closed..])
}

#[test]
fn the_reference_is_what_the_program_prints() {
    let guide = fs::read_to_string(GUIDE).expect("the guide is there");
    let right = with_section(&guide, "The step language", &help("notation"));
    let right = with_section(&right, "All keys", &help("keys"));
    if std::env::var_os("UPDATE_GUIDE").is_some() {
        fs::write(GUIDE, &right).expect("it can be written");
    }
    assert!(
        guide == right,
        "the reference in {GUIDE} is old; UPDATE_GUIDE=1 cargo test --test program guide writes it anew"
    );
}

#[test]
fn the_set_of_the_guide_is_right() {
    let guide = fs::read_to_string(GUIDE).expect("the guide is there");
    let sets: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!sets.is_empty());
    for set in sets {
        if let Err(mistakes) = Set::parse("guide.toml", set.as_bytes()) {
            panic!("{mistakes}");
        }
    }
}

#[test]
fn every_chapter_can_be_read_by_its_name_and_names_no_other_than_there_are() {
    for (name, text) in CHAPTERS {
        assert_eq!(help(name), text);
        assert!(text.starts_with("# "), "{name} has a heading");
        let of_file = fs::read_to_string(format!("src/guide/{name}.md")).expect("it is a file");
        assert_eq!(of_file, text);
    }
    let readme = fs::read_to_string("README.md").expect("it is there");
    assert!(readme.len() <= 8_192, "{} bytes", readme.len());
    for (name, _) in CHAPTERS {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
    }
}
