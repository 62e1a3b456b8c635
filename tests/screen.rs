//! The screen of `tightrope play` in a real terminal, with real keys: in tmux, whose panes can be read.
//!
//! What is drawn in detail, and what each key asks for, is tested without a terminal beside the code. Here it is that keys
//! arrive, that what they do comes back to the screen, and that the terminal is left as it was. Nothing waits for a time:
//! each step waits until what it expects is to be seen. Not every machine has tmux: `cargo test --test program -- --ignored screen::`
//! runs them where it is.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// How long something may take to be seen. Nothing takes that long unless it never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(30);

const SET: &str = r#"
tempo = 240
launch = "beat"
[ports.synth]
device = "No Machine Has This Synthesizer"
[tracks.lead]
port = "synth"
channel = 1
[tracks.bass]
port = "synth"
channel = 2
[patterns.main]
lead = "c3 . e3 ."
bass = "c2 . . ."
[patterns.build]
lead = "g3 g3 g3 g3"
"#;

/// A terminal with a shell in it.
struct Terminal {
    /// The name of the tmux server, which nobody else uses.
    server: String,
}

impl Terminal {
    /// A terminal of 80 columns and 24 rows.
    fn open(name: &str) -> Terminal {
        let terminal = Terminal { server: format!("tightrope-{name}-{}", std::process::id()) };
        // A shell that is the same everywhere, and says when it is ready.
        let shell = ["new-session", "-d", "-x", "80", "-y", "24", "env", "-i", "PS1=ready> ", "LANG=C.UTF-8"];
        let path = format!("PATH={}", std::env::var("PATH").unwrap_or_default());
        let home = format!("HOME={}", env!("CARGO_TARGET_TMPDIR"));
        let opened = terminal.tmux(&[&shell[..], &[&path, &home, "TERM=screen", "sh"]].concat());
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        terminal.sees("ready>");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        // Without the configuration of whoever runs the tests.
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-f", "/dev/null", "-L", &self.server]).args(arguments).env_remove("TMUX");
        tmux.output().expect("tmux runs")
    }

    fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success());
    }

    /// Types a line for the shell.
    fn run(&self, line: &str) {
        self.press(&["-l", line]);
        self.press(&["Enter"]);
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// What tmux knows of the terminal.
    fn knows(&self, format: &str) -> String {
        String::from_utf8_lossy(&self.tmux(&["display-message", "-p", format]).stdout).trim().to_owned()
    }

    /// Waits until the screen is as wanted, and gives it.
    fn waits(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.shown();
            if is_so(&shown) {
                return shown;
            }
            assert!(begun.elapsed() < PATIENCE, "{what} is not to be seen:\n{shown}");
            thread::sleep(PERIOD);
        }
    }

    fn sees(&self, text: &str) -> String {
        self.waits(text, |shown| shown.contains(text))
    }

    /// Plays `set` by way of `through`, with the modes of the terminal before it in a file.
    fn plays(&self, set: &Path, through: &str) {
        self.run(&format!("stty -g > {}", before(set)));
        let program = assert_cmd::cargo::cargo_bin!("tightrope");
        self.run(&format!("clear; {through} {} play {}", program.display(), set.display()));
        self.sees("? help");
    }

    /// Waits until the show has ended, and says that the terminal is as it was.
    fn is_clean(&self, set: &Path) {
        // The report, and after it the shell.
        let shown = self.waits("the end", |shown| shown.contains("dropped: ") && shown.trim_end().ends_with("ready>"));
        assert!(!shown.contains("? help"), "{shown}");
        assert_eq!(self.knows("#{alternate_on} #{cursor_flag} #{wrap_flag}"), "0 1 1");
        let after = format!("{}.after", before(set));
        self.run(&format!("clear; stty -g > {after}; echo settled-$((6 * 7))"));
        self.sees("settled-42");
        let read = |path: &str| fs::read_to_string(path).expect("stty has written it");
        assert_eq!(read(&before(set)), read(&after));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

fn before(set: &Path) -> String {
    set.with_extension("stty").display().to_string()
}

fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, SET).expect("the folder for tests can be written to");
    path
}

/// The line that `name` is on.
fn row<'s>(shown: &'s str, name: &str) -> &'s str {
    shown.lines().find(|line| line.contains(name)).unwrap_or_default()
}

#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn keys_play_a_show_and_quit_it() {
    let terminal = Terminal::open("keys");
    let set = file("screen_keys.toml");
    terminal.plays(&set, "");
    terminal.sees("playing");
    assert_eq!(terminal.knows("#{alternate_on} #{cursor_flag}"), "1 0");
    terminal.press(&["m"]);
    terminal.waits("the mute", |shown| row(shown, "lead").contains(" M "));
    terminal.press(&["Down", "s"]);
    terminal.waits("the solo", |shown| row(shown, "bass").contains(" S "));
    terminal.press(&["2"]);
    terminal.waits("the pattern", |shown| row(shown, "patterns").contains("▶2 build"));
    terminal.press(&[":"]);
    terminal.press(&["-l", "launch man"]);
    terminal.press(&["Enter"]);
    terminal.sees("did you mean `main`?");
    // The line is closed, and the keys are keys.
    terminal.press(&["p"]);
    terminal.sees("PANIC at ");
    terminal.press(&[":", "Up", "BSpace"]);
    terminal.press(&["-l", "in"]);
    terminal.press(&["Enter"]);
    terminal.waits("the other pattern", |shown| row(shown, "patterns").contains("▶1 main"));
    terminal.press(&["?"]);
    terminal.sees("mute the chosen track");
    terminal.press(&["Escape"]);
    terminal.waits("no help", |shown| !shown.contains("mute the chosen track"));
    terminal.press(&["q"]);
    terminal.sees("End the show?");
    terminal.press(&["n"]);
    terminal.waits("no question", |shown| !shown.contains("End the show?"));
    terminal.press(&[" "]);
    terminal.sees("stopped");
    terminal.press(&["q"]);
    terminal.sees("End the show?");
    terminal.press(&["y"]);
    terminal.is_clean(&set);
}

#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn a_terminal_changes_its_size() {
    let terminal = Terminal::open("size");
    let set = file("screen_size.toml");
    terminal.plays(&set, "");
    terminal.tmux(&["resize-window", "-x", "60", "-y", "8"]);
    terminal.sees("no room: ports, timing");
    terminal.tmux(&["resize-window", "-x", "1", "-y", "1"]);
    terminal.tmux(&["resize-window", "-x", "130", "-y", "40"]);
    terminal.sees("wake-up");
    terminal.press(&["C-c"]);
    terminal.is_clean(&set);
}

#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn a_signal_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::open("signal");
    let set = file("screen_signal.toml");
    let pid = set.with_extension("pid");
    // The shell writes down who it is and becomes the program, inside of another one.
    let becomes = format!("sh -c 'echo $$ > {}; exec \"$@\"' sh", pid.display());
    for signal in ["TERM", "HUP"] {
        terminal.plays(&set, &becomes);
        let pid = fs::read_to_string(&pid).expect("the shell has written it");
        let killed = Command::new("kill").args(["-s", signal, pid.trim()]).status().expect("kill runs");
        assert!(killed.success());
        terminal.is_clean(&set);
    }
}

/// Without MIDI too: the guardian gives the terminal back.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn a_show_that_is_killed_leaves_the_terminal_as_it_was() {
    let terminal = Terminal::open("killed");
    let set = file("screen_killed.toml");
    let pid = set.with_extension("pid");
    terminal.plays(&set, &format!("sh -c 'echo $$ > {}; exec \"$@\"' sh", pid.display()));
    let pid = fs::read_to_string(&pid).expect("the shell has written it");
    assert!(Command::new("kill").args(["-s", "KILL", pid.trim()]).status().expect("kill runs").success());
    terminal.sees("tightrope was killed; its guardian");
    terminal.waits("the old screen", |_| terminal.knows("#{alternate_on} #{cursor_flag} #{wrap_flag}") == "0 1 1");
    let after = format!("{}.after", before(&set));
    // The shell's own line may have come before.
    terminal.run("");
    terminal.run(&format!("clear; stty -g > {after}; echo settled-$((6 * 7))"));
    terminal.sees("settled-42");
    let read = |path: &str| fs::read_to_string(path).expect("stty has written it");
    assert_eq!(read(&before(&set)), read(&after));
}

/// ALSA's library prints what it could not open.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn what_a_library_prints_is_told_on_the_screen() {
    let terminal = Terminal::open("errors");
    let set = file("screen_errors.toml");
    let pid = set.with_extension("pid");
    terminal.plays(&set, &format!("sh -c 'echo $$ > {}; exec \"$@\"' sh", pid.display()));
    let pid = fs::read_to_string(&pid).expect("the shell has written it");
    fs::write(format!("/proc/{}/fd/2", pid.trim()), "ALSA lib: no room\nALSA lib: no room\n")
        .expect("it can be written to");
    let shown = terminal.sees("ALSA lib: no room");
    assert_eq!(shown.matches("no room").count(), 1, "{shown}");
    terminal.press(&["C-c"]);
    terminal.is_clean(&set);
}

/// Whoever changes the modes of a terminal from the background is suspended.
#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn a_show_in_the_background_prints_lines() {
    let terminal = Terminal::open("background");
    let set = file("screen_background.toml");
    let program = assert_cmd::cargo::cargo_bin!("tightrope");
    terminal.run("set -m");
    terminal.run(&format!("{} play {} --for 1bars & wait", program.display(), set.display()));
    terminal.waits("the report", |shown| shown.contains("dropped: "));
    assert_eq!(terminal.knows("#{alternate_on}"), "0");
}

#[test]
#[ignore = "needs tmux: scripts/test runs it where it is"]
fn a_dumb_terminal_gets_lines() {
    let terminal = Terminal::open("dumb");
    let set = file("screen_dumb.toml");
    let program = assert_cmd::cargo::cargo_bin!("tightrope");
    terminal.run(&format!("TERM=dumb {} play {} --for 1bars", program.display(), set.display()));
    terminal.waits("the report", |shown| shown.contains("dropped: "));
    assert!(!terminal.shown().contains("? help"));
}
