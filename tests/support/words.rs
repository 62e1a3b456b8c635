//! A word wherever a performer can write one: as every value of a set that is text, within every phrase, as every key, and in
//! every command. What comes of it is checked on a small stack, so that a reader that asks itself for ever is found out
//! wherever it is.

use std::thread;

use tightrope::control::order;
use tightrope::set::command::{self, Misunderstanding, Names};
use tightrope::set::{self, Octaves};
use tightrope::time::Meter;

use super::promises;

/// How much stack is enough to read any word. A build that is not optimized takes a quarter of it.
const STACK: usize = 256 << 10;

/// Does `work` on a small stack.
pub fn on_a_small_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        match thread.expect("there is room for a thread").join() {
            Ok(answer) => answer,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// What stands around a word in a text of a set: `W` is the word. A set lists only so many mistakes, so each of these is a set
/// of its own. `N` is another number in each line, for a key stands in a table once.
const TEXTS: &[&str] = &[
    "name = W\nmeter = W\noctaves = W\nscale = W\nlaunch = W\ntranspose = W\n",
    "scale = c W\ntranspose = a W\n",
    "transpose = a from W\n[song]\nparts = [\"p\"]\nend = W\n[clock]\nfollow = W\nlost = W\njoin = W\n[ports.zN]\ndevice = W\n\
     clock = W\noffset = W\nwire = W\nlights = W\n[tracks.zN]\nchannel = 1\nport = W\nnote = W\ntranspose = W\nthru = W\n\
     [tracks.zN]\nport = a\nchannel = 1\ntranspose = a by W\nthru = a octave W\n",
    "[patterns.zN]\nlaunch = W\nt = W\nu = W\n[patterns.zN]\nt = x W\n[patterns.zN]\nt = xW\n[patterns.zN]\nt = x{W=30}\n\
     [patterns.zN]\nt = x{74=W}\n[patterns.zN]\nt = [c2W]\n[patterns.zN]\nt = x/W\n[patterns.zN]\nt = e(W)\n\
     [patterns.zN]\nt = <W x>\n[patterns.zN]\nu = c2W\n[patterns.zN]\nu = 3(W)\n",
    "[patterns.zN.t]\nsteps = W\nstep = W\n[patterns.zN.t]\narp = W\norder = W\npick = W\nrest = W\nstep = W\n\
     [patterns.zN.t]\nheld = W\n[patterns.zN.t]\nheld = a W\n[patterns.zN.cc.t.74]\npoints = W\nstep = W\n\
     [patterns.zN.cc.t.74]\npoints = 5 W 6\n[patterns.zN.cc.t.74]\nlfo = W\nlength = W\nstep = W\n",
    "[[bind]]\ndo = stop\non = W\n[[bind]]\ndo = stop\non = a W\n[[bind]]\ndo = stop\non = a note W\n[[bind]]\ndo = stop\n\
     on = a cc W\n[[bind]]\ndo = stop\non = a note 36 W\n[[bind]]\ndo = stop\non = a note 37\nlight = W\n",
];

/// What stands around a word that is a key, or that is quoted already: `Q`. A name that is there already is one mistake that
/// hides others, so names are in sets of their own.
const KEYS: &[&str] = &[
    "[clock]\nQ = 1\n[ports.zN]\nQ = 1\n[tracks.zN]\nQ = 1\n[tracks.zN]\nkit = { Q = 60 }\n[tracks.zN]\nkit = { k = Q }\n\
     [song]\nQ = 1\n[[bind]]\nQ = 1\n",
    "[song]\nparts = [Q]\n[patterns.zN]\nQ = \"x\"\n[patterns.zN]\nt = { Q = 1 }\n[patterns.zN]\nt = { arp = \"c2\", lengths = [Q] }\n\
     [patterns.zN]\ncc = { Q = 5 }\n[patterns.zN]\ncc = { t.Q = 5 }\n[patterns.zN]\ncc = { t.74 = { Q = 5 } }\n\
     [patterns.zN]\nprogram = { Q = 5 }\n[patterns.zN]\nprogram = { t = Q }\n[patterns.zN]\nprogram = { t = { Q = 5 } }\n\
     [patterns.zN]\nprogram = { t = 5, ahead = Q }\n",
    "Q = 1\n",
    "[Q]\n",
    "[ports.Q]\n",
    "[tracks.Q]\n",
    "[patterns.Q]\n",
];

/// Commands around a word.
const COMMANDS: &[&str] = &[
    "W",
    "launch W",
    "launch p at W",
    "launch p W",
    "jump W",
    "mute W",
    "mute t W",
    "hold W",
    "transpose W",
    "transpose t W",
    "transpose 2 W",
    "tempo W",
    "cc W 74 5",
    "cc t W 5",
    "cc t 74 W",
    "learn W",
    "record W",
    "record t W",
    "record t from W",
    "record t channel W",
    "stop W",
];

/// What a set needs beside the word.
const RIG: &str = "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\nnote = \"c2\"\n[tracks.u]\nport = \"a\"\n\
    channel = 2\n[patterns.p]\nt = \"x\"\n";

/// `text` as a string of TOML: as it is where that can be, for then places can be told, and else with escapes.
fn quoted(text: &str) -> String {
    if !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let escaped: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.into() } else { escape(c) }).collect();
    format!("\"{escaped}\"")
}

fn escape(c: char) -> String {
    format!("\\U{:08X}", u32::from(c))
}

/// `form` with a set around it. What stands before its first heading stays at the top.
fn whole(form: &str) -> String {
    let (top, tables) = form.split_at(form.find('[').unwrap_or(form.len()));
    let mut numbered = String::new();
    for (number, part) in tables.split('N').enumerate() {
        let before = if number > 0 { number.to_string() } else { String::new() };
        numbered.push_str(&(before + part));
    }
    format!("{top}{RIG}{numbered}")
}

/// A form of [`TEXTS`] with `word` in it, its texts in quotes.
fn with_text(form: &str, word: &str) -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some((key, value)) if value.contains(char::is_alphabetic) && !value.contains('"') => {
            format!("{key} = {}\n", quoted(&value.replace('W', word)))
        }
        _ => format!("{line}\n"),
    };
    whole(form).lines().map(line).collect()
}

/// Sets in which the word stands.
fn sets(word: &str) -> Vec<String> {
    let mut sets: Vec<String> = TEXTS.iter().map(|form| with_text(form, word)).collect();
    let commands = COMMANDS.iter().map(|form| format!("[[bind]]\non = \"a note 1\"\ndo = {form}\n"));
    let commands: Vec<String> = commands.collect();
    // Each may be a mistake.
    sets.extend(commands.chunks(18).map(|form| with_text(&form.concat(), word)));
    let is_bare = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    for form in KEYS {
        sets.push(whole(form).replace('Q', &quoted(word)));
        sets.extend(is_bare.then(|| whole(form).replace('Q', word)));
    }
    sets
}

/// What holds of what is said of a command.
fn check(text: &str, wrong: &Misunderstanding) {
    assert!(text.get(wrong.span.clone()).is_some(), "{text:?}: {:?}", wrong.span);
    assert!(!wrong.message.is_empty() && !wrong.help.is_empty(), "{text:?}");
    assert!(!wrong.to_string().contains(char::is_control), "{text:?}: {wrong}");
    let marked = &text[wrong.span.clone()];
    assert_ne!(wrong.help, format!("did you mean `{marked}`?"), "{text:?}: what is written is proposed");
}

/// Gives `word` to every reader of words. Whether any of them understands it.
pub fn everywhere(word: &str) -> bool {
    let mut is_useful = false;
    for set in sets(word) {
        match promises::read(set.as_bytes()) {
            Ok(_) => is_useful = true,
            Err(mistakes) => {
                for mistake in mistakes.list() {
                    let marked = mistake.span.as_ref().and_then(|span| set.get(span.clone())).unwrap_or_default();
                    let as_written = format!("did you mean `{}`?", marked.trim_matches(['\'', '"']));
                    assert_ne!(mistake.help.as_ref(), Some(&as_written), "{set}");
                }
            }
        }
    }
    is_useful | in_commands(word)
}

/// Gives `word` to every command.
pub fn in_commands(word: &str) -> bool {
    let names = Names { tracks: vec!["t", "2"], patterns: vec!["p"], parts: Vec::new(), meter: Meter::COMMON };
    let mut is_useful = false;
    for form in COMMANDS {
        let text = form.replace('W', word);
        is_useful |= command::parse(&text, &names).map_err(|wrong| check(&text, &wrong)).is_ok();
        is_useful |= command::bound(&text, &names).map_err(|wrong| check(&text, &wrong)).is_ok();
        is_useful |= order::parse(&text, &names).map_err(|wrong| check(&text, &wrong)).is_ok();
    }
    is_useful |= set::parse_length(word, Meter::COMMON).is_ok();
    is_useful | set::parse_key(word, Octaves::C3).is_ok()
}

/// Every word that means something in a set or a command.
pub fn known() -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |text: &str| {
        let parts = text.split(|c: char| c.is_whitespace() || "`\"'=[]{}(),:;*/?<>~|".contains(c));
        words.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
    };
    for table in set::keys::TABLES {
        for key in table.keys {
            add(key.name);
            add(key.example);
            // What it takes names the words that it takes.
            key.takes.split(['`', '"']).skip(1).step_by(2).for_each(&mut add);
        }
    }
    order::words().for_each(&mut add);
    set::scale_names().for_each(&mut add);
    set::chord_names().for_each(&mut add);
    for other in
        ["cc14-1", "nrpn-1234", "rpn-0", "cc74", "degrees", "semitones", "toggle", "1/8t", "1/8.", "c#2", "e(3,8)"]
    {
        add(other);
    }
    words.sort();
    words.dedup();
    words
}

/// `word` with one slip of a finger: with a letter less, one twice, two exchanged, one of the other case; with digits after it.
pub fn slips(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    let mut slips = vec![word.to_owned()];
    let mut add = |letters: Vec<char>| slips.push(letters.into_iter().collect());
    for at in 0..letters.len() {
        let mut less = letters.clone();
        less.remove(at);
        add(less);
        let mut twice = letters.clone();
        twice.insert(at, letters[at]);
        add(twice);
        if at > 0 {
            let mut exchanged = letters.clone();
            exchanged.swap(at - 1, at);
            add(exchanged);
        }
    }
    for more in ["7", "-74", "-", " ", "_1", ".5", ",5", "99999999999999999999", "ä", "..", "\u{1}"] {
        slips.push(format!("{word}{more}"));
    }
    slips.push(format!("-{word}"));
    slips.push(word.to_uppercase());
    slips
}
