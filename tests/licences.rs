//! What the program is built of may be passed on: every crate has a licence that allows it, and stands in the list of those that
//! are shipped with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Licences under which a program of any licence may contain a crate that it leaves unchanged.
const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Where they are listed.
const LIST: &str = "LICENSE-CRATES.md";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What cargo knows of the crates that this machine's program and its tests are made of.
fn metadata() -> Value {
    let version = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("it has a host").to_owned();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", &host])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// Whether `expression`, in the words of SPDX, allows it: of alternatives one has to, of what holds together all.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], " ");
    // No crate nests them deeper than alternatives within what holds together, or one of them alone.
    if expression.contains('(') {
        return expression.split(" AND ").all(|part| is_allowed(part.trim_matches(['(', ')', ' '])));
    }
    plain.split(" OR ").any(|one| one.split(" AND ").all(|licence| ALLOWED.contains(&licence.trim())))
}

#[test]
fn expressions_are_understood() {
    for allowed in
        ["MIT", "MIT OR GPL-3.0", "MIT/Apache-2.0", "(MIT OR GPL-2.0) AND Unicode-3.0", "GPL-2.0 OR MIT AND ISC"]
    {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in ["GPL-3.0", "", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-2.0", "GPL-2.0 OR MIT AND LGPL-2.1"] {
        assert!(!is_allowed(refused), "{refused}");
    }
}

#[test]
fn every_crate_may_be_passed_on_and_is_listed() {
    let metadata = metadata();
    let packages: BTreeMap<&str, (&str, &str)> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default();
            (text("id"), (text("name"), text("license")))
        })
        .collect();
    for (name, licence) in packages.values() {
        assert!(is_allowed(licence), "{name} is under `{licence}`");
    }
    // What is shipped: from the program along all that is no tool of tests.
    let nodes: BTreeMap<&str, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|node| (node["id"].as_str().unwrap_or_default(), node))
        .collect();
    let root = metadata["resolve"]["root"].as_str().expect("it is a package");
    let (mut shipped, mut left) = (BTreeSet::new(), vec![root]);
    while let Some(id) = left.pop() {
        let is_shipped = |dependency: &&Value| {
            dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
        };
        for dependency in nodes[id]["deps"].as_array().into_iter().flatten().filter(is_shipped) {
            let id = dependency["pkg"].as_str().unwrap_or_default();
            if shipped.insert(id) {
                left.push(id);
            }
        }
    }
    let rows: BTreeSet<(&str, &str)> = shipped.into_iter().map(|id| packages[id]).collect();
    let mut list = String::from(
        "# Crates in the program\n\nWhat the program for Linux contains besides its own code, each under its own licence. It is \
         linked with the\nsystem's ALSA library (LGPL-2.1), which is not part of it.\n\n| crate | licence |\n|---|---|\n",
    );
    for (name, licence) in rows {
        let _ = writeln!(list, "| {name} | {licence} |");
    }
    let path = repository().join(LIST);
    if std::env::var_os("UPDATE_LICENCES").is_some() {
        std::fs::write(&path, &list).expect("the list can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        assert!(kept == list, "{LIST} is not up to date: run `UPDATE_LICENCES=1 cargo test --test program licences`");
    }
}
