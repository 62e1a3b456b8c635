//! The engine stays pure: no clock, no I/O, no threads, and the heap only in `fixed.rs`, which allocates at construction.
//!
//! A check of the source as text. It is crude and it is enough: what it forbids has to be written out to be used.

use std::fs;
use std::path::{Path, PathBuf};

/// Words of the outside world.
const IMPURE: &[&str] = &[
    "std::time",
    "std::io",
    "std::fs",
    "std::net",
    "std::thread",
    "std::sync",
    "std::env",
    "std::process",
    "Instant",
    "SystemTime",
    "println!",
    "eprintln!",
    "print!",
    "dbg!",
    "log::",
    "midir",
    "rtrb",
    "libc",
    "unsafe",
    "crate::rt",
    "crate::link",
    "crate::io",
    "crate::control",
    "crate::session",
    "crate::cli",
    "crate::set",
];

/// Words of the heap.
const HEAP: &[&str] = &[
    "Vec<",
    "Vec::",
    "vec!",
    "Box::new",
    "String",
    "format!",
    "to_vec",
    "to_owned",
    "to_string",
    ".collect",
    "HashMap",
    "BTreeMap",
    "VecDeque",
    "BinaryHeap",
    "Rc<",
    "Rc::",
    "Arc<",
    "Arc::",
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn words_in(code: &str, words: &'static [&'static str]) -> Vec<&'static str> {
    words.iter().copied().filter(|word| code.contains(word)).collect()
}

#[test]
fn the_engine_knows_no_clock_no_io_and_no_heap() {
    let mut engine = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine"), &mut engine);
    assert!(engine.len() > 10, "the engine has moved");
    for path in engine {
        let code = code(&fs::read_to_string(&path).expect("it can be read"));
        assert_eq!(words_in(&code, IMPURE), [""; 0], "{}", path.display());
        if path.file_name() != Some("fixed.rs".as_ref()) {
            assert_eq!(words_in(&code, HEAP), [""; 0], "{}", path.display());
        }
    }
}

#[test]
fn the_check_can_fail() {
    assert_eq!(words_in(&code("let now = Instant::now();"), IMPURE), ["Instant"]);
    assert_eq!(words_in(&code("let names = Vec::<u8>::new();"), HEAP), ["Vec::"]);
    assert_eq!(words_in(&code("// Instant\n#[cfg(test)] mod tests { Instant }"), IMPURE), [""; 0]);
}

/// The loop and what it calls take no lock: there is none to take.
#[test]
fn the_real_time_thread_has_no_lock_to_take() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in [
        "rt/driver.rs",
        "rt/run.rs",
        "rt/pacer.rs",
        "rt/output.rs",
        "rt/note_tracking.rs",
        "rt/clock.rs",
        "link/mod.rs",
        "link/latest.rs",
        "link/meters.rs",
    ] {
        let code = code(&fs::read_to_string(src.join(file)).expect("it can be read"));
        assert_eq!(words_in(&code, &["Mutex", "RwLock", "Condvar", "Barrier", "mpsc", "channel("]), [""; 0], "{file}");
    }
}

/// Dependencies point one way; whoever meets does so in `link`.
#[test]
fn the_rooms_of_the_house_do_not_see_what_they_must_not() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rules: &[(&str, &[&str])] = &[
        ("link", &["crate::rt", "crate::io", "crate::set", "crate::control", "crate::session", "crate::cli"]),
        ("rt", &["crate::io", "crate::set", "crate::control", "crate::session", "crate::cli"]),
        ("io", &["crate::rt", "crate::set", "crate::control", "crate::session", "crate::cli"]),
        ("set", &["crate::rt", "crate::io", "crate::link", "crate::control", "crate::session", "crate::cli"]),
        (
            "edit",
            &[
                "crate::rt",
                "crate::io",
                "crate::link",
                "crate::control",
                "crate::session",
                "crate::cli",
                "std::time",
                "std::thread",
            ],
        ),
        ("control", &["crate::io", "crate::rt", "crate::session", "crate::cli"]),
        ("blackbox", &["crate::io", "crate::rt", "crate::session", "crate::cli"]),
        ("guardian", &["crate::control", "crate::session", "crate::cli"]),
        ("session", &["crate::cli", "crate::doctor", "clap", "print!", "println!", "eprintln!", "stdout", "stderr"]),
        (
            "offline",
            &[
                "crate::rt",
                "crate::io",
                "crate::link",
                "crate::control",
                "crate::session",
                "crate::cli",
                "std::fs",
                "std::time",
            ],
        ),
    ];
    for (room, forbidden) in rules {
        let mut found = Vec::new();
        files(&src.join(room), &mut found);
        for path in found.iter().filter(|path| path.extension() == Some("rs".as_ref())) {
            let code = code(&fs::read_to_string(path).expect("it can be read"));
            assert_eq!(words_in(&code, forbidden), [""; 0], "{}", path.display());
        }
    }
}
