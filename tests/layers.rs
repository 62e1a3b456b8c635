//! Who calls whom: the methods of the engine lie in many files, and calls among these go one way.
//!
//! A check of the source as text, as that of `tests/purity.rs`: it knows a call by the name of the method and by what it is
//! called on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// What stands between the brackets that open at the end of `head`, wherever that is in `code`.
fn blocks<'c>(code: &'c str, head: &str) -> Vec<&'c str> {
    let whole = |(at, _): (usize, &str)| {
        let block = &code[at + head.len()..];
        let mut depth = 1;
        let end = block.find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        &block[..end.unwrap_or(block.len())]
    };
    code.match_indices(head).map(whole).collect()
}

/// The name that `text` begins with.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The methods of the engine that a file defines.
fn defined(code: &str) -> BTreeSet<&str> {
    let names = blocks(code, "impl Engine {")
        .into_iter()
        .flat_map(|block| block.match_indices("fn ").map(|(at, _)| name(&block[at + 3..])));
    names.filter(|name| !name.is_empty()).collect()
}

/// The methods of the engine that a file calls on it, or names in its list of duties.
fn called(code: &str) -> BTreeSet<&str> {
    let mut called = BTreeSet::new();
    for block in blocks(code, "impl Engine {") {
        for receiver in ["self.", "engine.", "Engine::", "Self::"] {
            for (at, _) in block.match_indices(receiver) {
                let method = name(&block[at + receiver.len()..]);
                if block[at + receiver.len() + method.len()..].starts_with('(') {
                    called.insert(method);
                }
            }
        }
    }
    for block in blocks(code, "duties! {") {
        called.extend(block.split([',', ';']).map(str::trim).map(name));
    }
    called
}

/// Which file calls what of which other.
type Calls<'c> = BTreeMap<&'c str, BTreeMap<&'c str, BTreeSet<&'c str>>>;

fn calls<'c>(files: &'c [(String, String)]) -> Calls<'c> {
    let mut home = BTreeMap::new();
    for (file, code) in files {
        home.extend(defined(code).into_iter().map(|method| (method, file.as_str())));
    }
    let mut calls = Calls::new();
    for (file, code) in files {
        for method in called(code) {
            if let Some(&other) = home.get(method).filter(|&&other| other != file) {
                calls.entry(file).or_default().entry(other).or_default().insert(method);
            }
        }
    }
    calls
}

/// A circle of files, each with what it calls of the next one.
fn circle(calls: &Calls<'_>) -> Option<String> {
    fn go<'c>(
        file: &'c str,
        calls: &'c Calls<'_>,
        way: &mut Vec<&'c str>,
        done: &mut BTreeSet<&'c str>,
    ) -> Option<String> {
        if let Some(from) = way.iter().position(|&passed| passed == file) {
            way.push(file);
            let step = |pair: &[&str]| format!("{} calls {:?} of {}", pair[0], calls[pair[0]][pair[1]], pair[1]);
            return Some(way[from..].windows(2).map(step).collect::<Vec<_>>().join("\n"));
        }
        if !done.insert(file) {
            return None;
        }
        way.push(file);
        let found = calls.get(file).and_then(|others| others.keys().find_map(|other| go(other, calls, way, done)));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    calls.keys().find_map(|file| go(file, calls, &mut Vec::new(), &mut done))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The code of every file of a folder of src, by its path there.
fn sources(folder: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src.join(folder), &mut paths);
    paths.retain(|path| path.extension() == Some("rs".as_ref()));
    paths.sort();
    let read = |path: &PathBuf| code(&fs::read_to_string(path).expect("it can be read"));
    paths.iter().map(|path| (path.strip_prefix(&src).unwrap().display().to_string(), read(path))).collect()
}

#[test]
fn calls_among_the_files_of_the_engine_go_one_way() {
    let files = sources("engine");
    let calls = calls(&files);
    assert!(calls.len() > 15, "the engine's methods have moved: {calls:#?}");
    assert_eq!(circle(&calls), None);
}

#[test]
fn a_circle_of_calls_is_found() {
    let file = |name: &str, text: &str| (name.to_owned(), code(text));
    let above = file("above.rs", "impl Engine {\n    pub fn play(&mut self) {\n        self.strike(1);\n    }\n}\n");
    let below = |does: &str| file("below.rs", &format!("impl Engine {{\n    fn strike(&mut self) {{ {does} }}\n}}\n"));
    assert_eq!(circle(&calls(&[above.clone(), below("self.clock.play(2)")])), None, "of a part of it");
    assert_eq!(circle(&calls(&[above.clone(), below("// self.play()\n")])), None, "in a comment");
    let found = circle(&calls(&[above.clone(), below("self.play()")])).expect("they call each other");
    assert!(found.contains("below.rs calls {\"play\"} of above.rs"), "{found}");
    let third = file("third.rs", "duties! {\n    Play: field, play;\n}\nimpl Engine {\n    fn take(&mut self) {}\n}\n");
    assert!(circle(&calls(&[above, below("Engine::take(self)"), third])).is_some(), "over three");
}

/// What is played is data: it knows none of what plays it.
#[test]
fn the_program_imports_no_behaviour() {
    let wrong = |code: &str| -> Vec<String> {
        let imports = code.lines().filter(|line| line.trim_start().starts_with("use ")).map(str::trim);
        let known =
            ["use super::", "use crate::midi::", "use crate::time::", "use crate::engine::command::", "use proptest::"];
        imports.filter(|line| !known.iter().any(|start| line.starts_with(start))).map(str::to_owned).collect()
    };
    for (file, code) in sources("engine/program") {
        assert_eq!(wrong(&code), [""; 0], "{file}");
        assert!(!code.contains("super::super"), "{file}");
    }
    assert_eq!(
        wrong("use super::slots::PortSlot;\nuse crate::engine::clock::Clock;"),
        ["use crate::engine::clock::Clock;"]
    );
}

/// What kind of clock is followed is known in `clock/` only.
#[test]
fn nobody_outside_of_the_clocks_folder_asks_which_kind_of_clock_it_is() {
    let kinds = ["clock::Kind", "Kind::Own", "Kind::Ports", "Kind::Session", "OwnClock", "SessionClock", "Follower"];
    for (file, code) in sources("engine").into_iter().filter(|(file, _)| !file.starts_with("engine/clock/")) {
        let found: Vec<&str> = kinds.into_iter().filter(|kind| code.contains(kind)).collect();
        assert_eq!(found, [""; 0], "{file}");
    }
    let clock = sources("engine/clock").into_iter().map(|(_, code)| code).collect::<String>();
    assert!(
        ["Kind::Own", "Kind::Ports", "Kind::Session"].iter().all(|kind| clock.contains(kind)),
        "its kinds have other names"
    );
}

/// The paths that a file imports or names, from the crate's root on; those that begin with `self` or a module of its own are
/// told from the module `here`.
fn imported(code: &str, here: &[&str], modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut paths = Vec::new();
    let uses: Vec<&str> = code.match_indices("use ").filter_map(|(at, _)| code[at + 4..].split(';').next()).collect();
    uses.iter().for_each(|tree| spread(tree, "", &mut paths));
    for start in ["crate::", "super::"] {
        let named = code.match_indices(start).map(|(at, _)| &code[at..]);
        paths.extend(
            named.map(|text| text.chars().take_while(|&c| c.is_alphanumeric() || c == '_' || c == ':').collect()),
        );
    }
    let absolute = |path: &String| -> Option<String> {
        let mut parts: Vec<&str> = path.split("::").map(str::trim).filter(|part| !part.is_empty()).collect();
        let mut base = here.to_vec();
        match *parts.first()? {
            "crate" => {
                base.clear();
                parts.remove(0);
            }
            "super" | "self" => {
                while parts.first() == Some(&"super") {
                    base.pop()?;
                    parts.remove(0);
                }
                parts.retain(|&part| part != "self");
            }
            own => {
                let child = [here, &[own]].concat().join("::");
                modules.contains(&child).then_some(())?;
            }
        }
        base.extend(parts);
        // What it is in the end: the longest module that the path begins with.
        (1..=base.len()).rev().map(|length| base[..length].join("::")).find(|module| modules.contains(module))
    };
    paths.iter().filter_map(absolute).collect()
}

/// The paths of a tree of imports.
fn spread(tree: &str, before: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((start, rest)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return paths.push(format!("{before}{path}"));
    };
    let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut from) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if c == ',' && depth == 0 {
            if !inner[from..at].trim().is_empty() {
                spread(&inner[from..at], &format!("{before}{start}"), paths);
            }
            from = at + 1;
        }
    }
}

/// Who imports whom among the files of a folder. A parent that passes on what its children have (`pub use`) imports nothing by
/// that, and whoever imports such a thing from the parent imports it from the child.
fn imports(files: &[(String, String)]) -> BTreeMap<String, BTreeSet<String>> {
    let module = |file: &str| {
        let path = file.strip_suffix(".rs").unwrap_or(file);
        path.strip_suffix("/mod").unwrap_or(path).replace('/', "::")
    };
    let modules: BTreeSet<String> = files.iter().map(|(file, _)| module(file)).collect();
    let mut imports = BTreeMap::new();
    for (file, code) in files {
        let (here, kept) = (module(file), code.split("\nmod tests {").next().unwrap_or_default());
        let facade =
            |line: &&str| !line.trim_start().starts_with("pub use") && !line.trim_start().starts_with("pub(crate) use");
        let kept = statements(kept).filter(facade).collect::<Vec<_>>().join("\n");
        let parts: Vec<&str> = here.split("::").collect();
        let mut of_it = imported(&kept, &parts, &modules);
        of_it.remove(&here);
        imports.insert(here, of_it);
    }
    imports
}

/// The statements of a file, as far as imports are concerned: each with all its lines.
fn statements(code: &str) -> impl Iterator<Item = &str> {
    code.split_inclusive(';')
}

/// A circle of imports.
fn round(imports: &BTreeMap<String, BTreeSet<String>>) -> Option<String> {
    let nothing = BTreeSet::from(["something"]);
    let named = |(file, others): (&'_ String, &'_ BTreeSet<String>)| {
        (file.clone(), others.iter().map(|other| (other.clone(), nothing.clone())).collect::<BTreeMap<_, _>>())
    };
    let owned: BTreeMap<String, BTreeMap<String, BTreeSet<&str>>> = imports.iter().map(named).collect();
    let calls: Calls<'_> = owned
        .iter()
        .map(|(file, others)| {
            (file.as_str(), others.iter().map(|(other, what)| (other.as_str(), what.clone())).collect())
        })
        .collect();
    circle(&calls)
}

#[test]
fn the_files_of_a_room_do_not_import_each_other_in_a_circle() {
    for room in ["edit", "cli", "control", "link", "io", "blackbox", "guardian"] {
        let imports = imports(&sources(room));
        assert!(imports.values().any(|others| !others.is_empty()), "{room} imports nothing");
        assert_eq!(round(&imports), None, "{room}");
    }
}

#[test]
fn a_circle_of_imports_is_found() {
    let file = |name: &str, text: &str| (format!("room/{name}.rs"), code(text));
    let found = |files: &[(String, String)]| round(&imports(files));
    let one = file("one", "use super::two::{self, Two};\nfn one() {}\n");
    assert_eq!(found(&[one.clone(), file("two", "use crate::time::Nanos;\n")]), None);
    assert!(found(&[one.clone(), file("two", "use crate::room::{three::Three, one::One};\n")]).is_some());
    assert!(found(&[one.clone(), file("two", "fn two() { super::one::one() }\n")]).is_some(), "without an import");
    assert_eq!(
        found(&[one.clone(), file("two", "#[cfg(test)]\nmod tests {\n    use super::super::one::One;\n}\n")]),
        None
    );
    let parent = |text: &str| file("mod", text);
    assert_eq!(found(&[one.clone(), parent("mod one;\npub use one::One;\n"), file("two", "")]), None, "a facade");
    let upwards = file("one", "use super::LIMIT;\n");
    assert!(found(&[upwards, parent("mod one;\nuse one::One;\nconst LIMIT: u8 = 1;\n")]).is_some(), "child and parent");
}
