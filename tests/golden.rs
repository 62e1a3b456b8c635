//! Golden traces: small sets, and what they play, message by message.
//!
//! Each file of `tests/golden` is rendered as its first comment lines say (`# bars: 4`, and perhaps `# do: 3 launch b`, once
//! for each command), and compared with the lines kept in `tests/snapshots`. What a set plays changes only on purpose.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use tightrope::offline::render::{Plan, render};
use tightrope::offline::{orders, text};
use tightrope::set::Set;

/// How many there are at least: a folder that is not found would pass otherwise.
const AT_LEAST: usize = 40;

fn sets() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let files = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("it can be read").path()).collect();
    files.retain(|file| file.extension() == Some("toml".as_ref()));
    files.sort();
    files
}

/// What the comment lines at the top of `file` say under `key`.
fn said<'f>(file: &'f str, key: &str) -> Vec<&'f str> {
    let comments = file.lines().map_while(|line| line.strip_prefix('#'));
    comments.filter_map(|comment| comment.trim().strip_prefix(key)?.strip_prefix(':')).map(str::trim).collect()
}

fn trace(name: &str, file: &str) -> String {
    let set = match Set::parse(&format!("{name}.toml"), file.as_bytes()) {
        Ok(set) => set,
        Err(mistakes) => panic!("{}", mistakes.render(false)),
    };
    let bars: i64 = match said(file, "bars")[..] {
        [bars] => bars.parse().unwrap_or_else(|_| panic!("{name}: `{bars}` is no number of bars")),
        _ => panic!("{name}: a line such as `# bars: 4` is missing"),
    };
    let command = |text: &&str| orders::parse(&set, text).unwrap_or_else(|why| panic!("{name}: {why}"));
    let plan =
        Plan { length: set.program.meter.bar() * bars, commands: said(file, "do").iter().map(command).collect() };
    let rendering = render(&set.program, &plan).unwrap_or_else(|why| panic!("{name}: {why}"));
    text::score(&set, &rendering).map(|line| line + "\n").collect()
}

#[test]
fn every_set_plays_what_it_has_always_played() {
    let sets = sets();
    assert!(sets.len() >= AT_LEAST, "only {} sets", sets.len());
    // All that has changed is told at once.
    let mut changed = Vec::new();
    for path in sets {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let file = fs::read_to_string(&path).expect("it can be read");
        let trace = trace(&name, &file);
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_snapshot_path("golden");
        settings.set_omit_expression(true);
        let compared = std::panic::catch_unwind(AssertUnwindSafe(|| {
            settings.bind(|| insta::assert_snapshot!(name.as_str(), trace));
        }));
        if compared.is_err() {
            changed.push(name);
        }
    }
    assert_eq!(changed, [""; 0], "these play something else now");
}

/// A trace that says nothing proves nothing.
#[test]
fn every_set_is_heard() {
    for path in sets() {
        let file = fs::read_to_string(&path).expect("it can be read");
        let trace = trace("heard", &file);
        assert!(trace.contains(" note on "), "{} is silent", path.display());
        let count = |what: &str| trace.matches(what).count();
        assert_eq!(count(" note on "), count(" note off "), "{}", path.display());
    }
}
