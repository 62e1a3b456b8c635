//! The program itself, as a process, and what is said of it. One crate of many files, as each links everything there is.

mod blackbox_cli;
mod bulkhead;
mod cli;
mod crash;
mod ctl;
mod guardian;
mod guide;
mod layers;
mod licences;
mod osc;
mod purity;
mod readme;
mod remote;
mod screen;
mod show;
mod signals;

/// A file of tests that no crate names would never run, and nobody would miss it.
#[test]
fn every_file_of_tests_is_run() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).expect("it can be read");
    let mut crates = 0;
    let mut files = std::collections::BTreeSet::new();
    let mut named = std::collections::BTreeSet::new();
    for name in std::fs::read_dir(root.join("tests")).expect("it can be listed").map(|entry| entry.unwrap().file_name())
    {
        if let Some(name) = name.to_string_lossy().strip_suffix(".rs") {
            files.insert(name.to_owned());
        }
    }
    let manifest = read("Cargo.toml");
    for part in manifest.split("[[test]]\nname = \"").skip(1) {
        let name = part.split('"').next().unwrap_or_default();
        crates += 1;
        named.insert(name.to_owned());
        let modules = read(&format!("tests/{name}.rs"));
        let modules =
            modules.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned));
        named.extend(modules);
    }
    assert!(crates > 3 && files.len() > 50, "{crates} crates of {} files", files.len());
    assert_eq!(files.difference(&named).collect::<Vec<_>>(), Vec::<&String>::new(), "in no crate");
}
