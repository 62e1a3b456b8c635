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

/// The methods of the engine that a file calls on it, names as functions, or names in its list of duties.
fn called(code: &str) -> BTreeSet<&str> {
    let of_engine = |line: &&str| line.trim_end().ends_with("for Engine {");
    let heads = ["impl Engine {"].into_iter().chain(code.lines().filter(of_engine));
    let mut called = BTreeSet::new();
    for block in heads.flat_map(|head| blocks(code, head)) {
        called.extend(methods_of("self", block));
        called.extend(paths_of("Self::", block));
    }
    let takes = [": &mut Engine", ": &Engine"];
    let handed = takes.iter().flat_map(|of_type| code.match_indices(of_type)).map(|(at, _)| last_name(&code[..at]));
    for variable in handed.chain(["engine"]).collect::<BTreeSet<_>>() {
        called.extend(methods_of(variable, code));
    }
    called.extend(paths_of("Engine::", code));
    for block in blocks(code, "duties! {") {
        called.extend(block.split([',', ';']).map(str::trim).map(name));
    }
    called
}

/// The name that `text` ends with.
fn last_name(text: &str) -> &str {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The methods that are called on a variable, on its line or on the next one.
fn methods_of<'c>(variable: &str, code: &'c str) -> Vec<&'c str> {
    let method = |(at, _): (usize, &str)| {
        let call = code[at + variable.len()..].trim_start().strip_prefix('.')?;
        let method = name(call);
        let rest = &call[method.len()..];
        (last_name(&code[..at]).is_empty() && (rest.starts_with('(') || rest.starts_with("::<"))).then_some(method)
    };
    code.match_indices(variable).filter_map(method).collect()
}

/// The names after a path, called or not.
fn paths_of<'c>(path: &str, code: &'c str) -> Vec<&'c str> {
    let whole = |&(at, _): &(usize, &str)| last_name(&code[..at]).is_empty();
    code.match_indices(path).filter(whole).map(|(at, _)| name(&code[at + path.len()..])).collect()
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
    assert!(circle(&calls(&[above.clone(), below("Engine::take(self)"), third])).is_some(), "over three");
    for (text, how) in [
        ("impl Engine {\n    fn strike(&mut self) {\n        self\n            .play();\n    }\n}\n", "over two lines"),
        ("impl Engine {\n    fn strike(&mut self) { pass(Self::play) }\n}\n", "as a function"),
        ("impl Engine {\n    fn strike(&mut self) { self.play::<u8>() }\n}\n", "with a type"),
        (
            "impl Engine {\n    fn strike(&mut self) {}\n}\nfn go(engine: &mut Engine) { engine.play() }\n",
            "by a function",
        ),
        (
            "impl Engine {\n    fn strike(&mut self) {}\n}\nimpl Duty {\n    fn go(all: &mut Engine) { all.play() }\n}\n",
            "by another type",
        ),
        (
            "impl Engine {\n    fn strike(&mut self) {}\n}\nimpl Drop for Engine {\n    fn drop(&mut self) { self.play() }\n}\n",
            "by a trait",
        ),
    ] {
        assert!(circle(&calls(&[above.clone(), file("below.rs", text)])).is_some(), "{how}");
    }
    let alone = "impl Engine {\n    fn strike(&mut self) { itself.play(); self.play; the_engine.play() }\n}\n";
    assert_eq!(circle(&calls(&[above, file("below.rs", alone)])), None, "of something else");
}

/// What a file of the program imports or names besides the program, commands, messages and time.
fn beyond_the_program(file: &str, code: &str, children: &[&str]) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let here: Vec<&str> = path.strip_suffix("/mod").unwrap_or(path).split('/').collect();
    let wrong = |path: &String| {
        let mut parts: Vec<&str> = path.split("::").map(str::trim).collect();
        let above = parts.iter().take_while(|&&part| part == "super").count();
        if above > 0 {
            let base = &here[..here.len().saturating_sub(above)];
            parts = base.iter().chain(&parts[above..]).copied().collect();
        } else if parts[0] == "crate" {
            parts.remove(0);
        } else {
            return !children.contains(&parts[0]) && parts[0] != "proptest";
        }
        let known: [&[&str]; 4] = [&["engine", "program"], &["engine", "command"], &["midi"], &["time"]];
        !known.iter().any(|start| parts.starts_with(start))
    };
    named(code, children).into_iter().filter(wrong).collect()
}

/// What is played is data: it knows none of what plays it.
#[test]
fn the_program_imports_no_behaviour() {
    let files = sources("engine/program");
    let children: Vec<&str> =
        files.iter().filter_map(|(file, _)| file.strip_prefix("engine/program/")?.strip_suffix(".rs")).collect();
    for (file, code) in &files {
        let children = if file.ends_with("/mod.rs") { children.as_slice() } else { &[] };
        assert_eq!(beyond_the_program(file, code, children), [""; 0], "{file}");
    }
}

#[test]
fn behaviour_in_the_program_is_found() {
    let child = |code: &str| beyond_the_program("engine/program/one.rs", code, &[]);
    let data = "use super::slots::{PortSlot, Slot};\nuse crate::midi::Key;\npub(in crate::engine) fn is(at: crate::time::Tick) {}\n";
    assert_eq!(child(data), [""; 0]);
    for code in [
        "use crate::engine::clock::Clock;",
        "pub(crate) use crate::engine::clock::Clock;",
        "use crate::{engine::clock::Clock, midi::Key};",
        "use super::{slots::Slot, super::clock::Clock};",
        "fn of(clock: crate::engine::clock::Clock) {}",
        "fn of(engine: super::super::Engine) {}",
        "use std::cell::Cell;",
    ] {
        assert_eq!(child(code).len(), 1, "{code}");
    }
    let parent = |code: &str| beyond_the_program("engine/program/mod.rs", code, &["one"]);
    assert_eq!(parent("pub use one::One;"), [""; 0]);
    assert_eq!(parent("use super::clock::Clock;"), ["super::clock::Clock"]);
    assert_eq!(parent("fn of(engine: super::Engine) {}"), ["super::Engine"]);
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

/// The paths that a file imports or names: whole trees of imports, and what begins with `crate`, `super` or one of `children`.
fn named(code: &str, children: &[&str]) -> BTreeSet<String> {
    let mut paths = Vec::new();
    let statement = |&(at, _): &(usize, &str)| last_name(&code[..at]).is_empty();
    let uses = code.match_indices("use ").filter(statement).filter_map(|(at, _)| code[at + 4..].split(';').next());
    uses.for_each(|tree| spread(tree, "", &mut paths));
    let starts = ["crate", "super"].iter().chain(children);
    for start in starts.map(|start| format!("{start}::")) {
        // A path after `in` says who sees an item.
        let begins = |&(at, _): &(usize, &str)| {
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)) && !code[..at].ends_with("(in ")
        };
        let path = |(at, _): (usize, &str)| {
            let end = code[at..].find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).unwrap_or(code.len() - at);
            code[at..at + end].to_owned()
        };
        // What ends with colons is the beginning of a tree.
        paths.extend(code.match_indices(&start).filter(begins).map(path).filter(|path| !path.ends_with(':')));
    }
    paths.into_iter().collect()
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

/// A file as a module: its path, its code, and what it passes on of other modules (`pub use`), which is no import.
struct Module {
    path: Vec<String>,
    code: String,
    passed_on: Vec<String>,
}

impl Module {
    fn new(file: &str, code: &str) -> Module {
        let path = file.strip_suffix(".rs").unwrap_or(file);
        let path = path.strip_suffix("/mod").unwrap_or(path).split('/').map(str::to_owned).collect();
        let (mut own, mut passed_on) = (String::new(), Vec::new());
        let mut rest = code.split("\nmod tests {").next().unwrap_or_default();
        while let Some(at) = rest.find("pub") {
            let visibility = &rest[at + 3..];
            let inner =
                visibility.strip_prefix('(').and_then(|text| text.split_once(')')).map_or(visibility, |(_, text)| text);
            let Some(tree) = inner.strip_prefix(" use ").and_then(|text| text.split(';').next()) else {
                own.push_str(&rest[..at + 3]);
                rest = visibility;
                continue;
            };
            own.push_str(&rest[..at]);
            spread(tree, "", &mut passed_on);
            rest = inner.split_once(';').map_or("", |(_, text)| text);
        }
        own.push_str(rest);
        Module { path, code: own, passed_on }
    }

    fn name(&self) -> String {
        self.path.join("::")
    }
}

/// All files of a room.
struct Room(BTreeMap<String, Module>);

impl Room {
    fn new(files: &[(String, String)]) -> Room {
        let modules = files.iter().map(|(file, code)| Module::new(file, code));
        Room(modules.map(|module| (module.name(), module)).collect())
    }

    /// The module that defines what `path` names, when that stands in `here`: what a facade passes on is looked up there.
    fn home(&self, here: &Module, path: &str, depth: u8) -> Option<String> {
        let mut parts: Vec<&str> = path.split("::").map(str::trim).filter(|part| !part.is_empty()).collect();
        let mut base: Vec<&str> = here.path.iter().map(String::as_str).collect();
        match *parts.first()? {
            "crate" => {
                base.clear();
                parts.remove(0);
            }
            "super" => {
                while parts.first() == Some(&"super") {
                    base.pop()?;
                    parts.remove(0);
                }
            }
            own => {
                let child = [base.as_slice(), &[own]].concat().join("::");
                self.0.contains_key(&child).then_some(())?;
            }
        }
        base.extend(parts.into_iter().filter(|&part| part != "self"));
        let length = (1..=base.len()).rev().find(|&length| self.0.contains_key(&base[..length].join("::")))?;
        let module = &self.0[&base[..length].join("::")];
        let item = base.get(length).filter(|_| depth > 0);
        let passes = |from: &&String| item.is_some_and(|item| from.rsplit("::").next() == Some(item));
        let further = module.passed_on.iter().find(passes).and_then(|from| self.home(module, from, depth - 1));
        Some(further.unwrap_or_else(|| module.name()))
    }

    /// The modules that define what `path` names: a star names all that a facade passes on.
    fn homes(&self, here: &Module, path: &str) -> BTreeSet<String> {
        let mut homes: BTreeSet<String> = self.home(here, path, 4).into_iter().collect();
        if let Some(facade) = homes.first().filter(|_| path.ends_with('*')).and_then(|home| self.0.get(home)) {
            homes.extend(facade.passed_on.iter().filter_map(|from| self.home(facade, from, 4)));
        }
        homes
    }

    /// Who imports what of whom.
    fn imports(&self) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
        let mut imports = BTreeMap::new();
        for (name, module) in &self.0 {
            let of_parent = |other: &&String| other.rsplit_once("::").is_some_and(|(parent, _)| parent == name);
            let children: Vec<&str> =
                self.0.keys().filter(of_parent).filter_map(|other| other.rsplit("::").next()).collect();
            let of_it: &mut BTreeMap<String, BTreeSet<String>> = imports.entry(name.clone()).or_default();
            for path in named(&module.code, &children) {
                for home in self.homes(module, &path).into_iter().filter(|home| home != name) {
                    of_it.entry(home).or_default().insert(path.clone());
                }
            }
        }
        imports
    }

    /// A circle of imports.
    fn circle(&self) -> Option<String> {
        let imports = self.imports();
        let mut calls = Calls::new();
        for (name, others) in &imports {
            for (other, what) in others {
                let of_it = calls.entry(name).or_default().entry(other).or_default();
                of_it.extend(what.iter().map(String::as_str));
            }
        }
        circle(&calls)
    }
}

#[test]
fn the_files_of_a_room_do_not_import_each_other_in_a_circle() {
    for name in ["edit", "cli", "control", "link", "io", "blackbox", "guardian"] {
        let room = Room::new(&sources(name));
        assert!(room.imports().values().any(|others| !others.is_empty()), "{name} imports nothing");
        assert_eq!(room.circle(), None, "{name}");
    }
}

#[test]
fn a_circle_of_imports_is_found() {
    let file = |name: &str, text: &str| (format!("room/{name}.rs"), code(text));
    let found = |files: &[(String, String)]| Room::new(files).circle();
    let one = file("one", "use super::two::{self, Two};\nfn one() {}\n");
    assert_eq!(found(&[one.clone(), file("two", "use crate::time::Nanos;\n")]), None);
    let circle = found(&[one.clone(), file("two", "use crate::room::{three::Three, one::One};\n")]);
    assert!(circle.is_some_and(|circle| circle.contains("crate::room::one::One")));
    assert!(found(&[one.clone(), file("two", "fn two() { super::one::one() }\n")]).is_some(), "without an import");
    assert_eq!(
        found(&[one.clone(), file("two", "#[cfg(test)]\nmod tests {\n    use super::super::one::One;\n}\n")]),
        None
    );
    let parent = |text: &str| file("mod", text);
    assert_eq!(
        found(&[one.clone(), parent("mod one;\nfn f() {}\n#[cfg(unix)]\npub(crate) use one::One;\n")]),
        None,
        "a facade"
    );
    let upwards = file("one", "use super::LIMIT;\n");
    let down = "mod one;\nfn go() { one::go() }\nconst LIMIT: u8 = 1;\n";
    assert!(found(&[upwards, parent(down)]).is_some(), "child and parent");
    let through = [
        file("one", "use super::Two;\n"),
        file("two", "use super::One;\n"),
        parent("pub use one::One;\npub use two::Two;\n"),
    ];
    assert!(found(&through).is_some(), "through a facade");
    let star = [file("one", "use super::*;\n"), file("two", "use super::one::One;\n"), parent("pub use two::Two;\n")];
    assert!(found(&star).is_some(), "by a star");
}
