//! The keys of the screen: one table, which the help is drawn from.
//!
//! What a key does to the music is said in the words of the commands ([`order`](crate::control::order)), so that a key can do
//! nothing that cannot be written, and is answered the same way.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key asks for. [`Action::StartStop`], [`Action::Panic`] and [`Action::Lock`] have a key each that is no letter, and
/// so work while a command is written too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start where it is stopped, and otherwise stop.
    StartStop,
    /// Play on from where it stopped.
    Continue,
    /// Launch the pattern with this key of the page, when its set says, or where the one that plays ends.
    Launch(usize, When),
    /// Mute the chosen track, or let it play again.
    Mute,
    /// Solo the chosen track, or no longer.
    Solo,
    /// Fill, or no longer.
    Fill,
    /// Hold the part of the song, or let it go.
    Hold,
    /// Take back what waits.
    CancelLaunch,
    /// Choose a track so many further down.
    Choose(i32),
    /// Show the patterns so many pages further.
    Page(i32),
    /// Change the tempo by so many hundredths of a BPM.
    Tempo(i32),
    /// A beat of the tempo that is tapped.
    Tap,
    /// Silence everything.
    Panic,
    /// Read the set file again.
    Reload,
    /// Write a command.
    Prompt,
    /// Ignore keys, or no longer.
    Lock,
    /// Show the keys.
    Help,
    /// End the show; asks first.
    Quit,
    /// End the show at once.
    End,
    /// Close what lies over the screen.
    Close,
    /// Draw the whole screen anew.
    Redraw,
    /// What would suspend a program.
    Suspend,
}

/// When a pattern begins that a key launches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// As the pattern or the set says.
    AsSet,
    /// Where the pattern that plays comes to its end.
    AtEnd,
}

/// A key, without its modifiers but Ctrl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// What the keyboard makes of a key: a letter that is a capital is another one.
    Char(char),
    /// With Ctrl.
    Ctrl(char),
    /// A key that makes no letter.
    Other(KeyCode),
}

/// Keys that do the same.
pub(crate) struct Entry {
    /// The keys, the first of them with the action as it is written here.
    pub keys: &'static [(Press, Action)],
    /// How they are shown.
    pub shown: &'static str,
    /// What they do.
    pub does: &'static str,
    /// The word for the line at the bottom of the screen, for the most important ones.
    pub hint: Option<&'static str>,
}

use KeyCode::{Down, End, Esc, F, Home, PageDown, PageUp, Up};
use Press::{Char, Ctrl, Other};

const fn entry(
    keys: &'static [(Press, Action)],
    shown: &'static str,
    does: &'static str,
    hint: Option<&'static str>,
) -> Entry {
    Entry { keys, shown, does, hint }
}

/// All keys but those of patterns.
pub(crate) const TABLE: &[Entry] = &[
    entry(
        &[(Char(' '), Action::StartStop), (Other(F(3)), Action::StartStop)],
        "space or F3",
        "start, stop",
        Some("start/stop"),
    ),
    entry(&[(Char('c'), Action::Continue)], "c", "continue from where it stopped", None),
    entry(
        &[
            (Other(Up), Action::Choose(-1)),
            (Other(Down), Action::Choose(1)),
            (Other(Home), Action::Choose(-(u16::MAX as i32))),
            (Other(End), Action::Choose(u16::MAX as i32)),
        ],
        "up down",
        "choose a track",
        None,
    ),
    entry(&[(Char('m'), Action::Mute)], "m", "mute the chosen track", Some("mute")),
    entry(&[(Char('s'), Action::Solo)], "s", "solo the chosen track", Some("solo")),
    entry(&[(Char('f'), Action::Fill)], "f", "fill, until it is pressed again", Some("fill")),
    entry(&[(Char('h'), Action::Hold)], "h", "hold the part of the song", None),
    entry(&[(Char('u'), Action::CancelLaunch)], "u", "take back what is next", Some("undo next")),
    entry(
        &[
            (Char('+'), Action::Tempo(100)),
            (Char('='), Action::Tempo(100)),
            (Char('-'), Action::Tempo(-100)),
            (Char(']'), Action::Tempo(10)),
            (Char('['), Action::Tempo(-10)),
        ],
        "+ - ] [",
        "tempo, by 1 BPM and by 0.1",
        None,
    ),
    entry(&[(Char('t'), Action::Tap)], "t", "tap the tempo", None),
    entry(
        &[(Char('p'), Action::Panic), (Other(F(4)), Action::Panic)],
        "p or F4",
        "panic: silence everything",
        Some("panic"),
    ),
    entry(
        &[
            (Other(PageDown), Action::Page(1)),
            (Other(PageUp), Action::Page(-1)),
            (Other(KeyCode::Right), Action::Page(1)),
            (Other(KeyCode::Left), Action::Page(-1)),
        ],
        "left right",
        "more patterns",
        None,
    ),
    entry(&[(Char(':'), Action::Prompt)], ":", "write a command", None),
    entry(&[(Char('r'), Action::Reload)], "r", "read the set file again", None),
    entry(&[(Char('L'), Action::Lock), (Other(F(2)), Action::Lock)], "L or F2", "lock the keys, and unlock", None),
    entry(&[(Ctrl('l'), Action::Redraw)], "Ctrl-L", "draw the screen anew", None),
    entry(
        &[(Char('?'), Action::Help), (Other(F(1)), Action::Help), (Other(Esc), Action::Close)],
        "? Esc",
        "show these keys, and close them",
        Some("help"),
    ),
    entry(
        &[(Char('q'), Action::Quit), (Ctrl('c'), Action::End), (Ctrl('\\'), Action::End)],
        "q Ctrl-C",
        "end the show: asks first, at once",
        Some("quit"),
    ),
];

/// What is not shown, because it does nothing.
const SILENT: &[(Press, Action)] = &[(Ctrl('z'), Action::Suspend)];

/// The keys of patterns, in order. None of them, as a capital either, is in the [`TABLE`].
pub(crate) const PATTERN_KEYS: &str = "1234567890abdegijknovwxyz";

/// How many patterns a page has.
pub(crate) const PATTERNS_PER_PAGE: usize = PATTERN_KEYS.len();

/// The key of the pattern in place `index` of a page.
#[must_use]
pub(crate) fn pattern_key(index: usize) -> char {
    PATTERN_KEYS.chars().nth(index % PATTERNS_PER_PAGE).unwrap_or(' ')
}

/// Returns what `key` asks for; `None` where that is nothing.
#[must_use]
pub(crate) fn action(key: &KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let press = match key.code {
        KeyCode::Char(char) if key.modifiers.contains(KeyModifiers::CONTROL) => Ctrl(char.to_ascii_lowercase()),
        KeyCode::Char(char) => Char(char),
        code => Other(code),
    };
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    let listed = TABLE.iter().flat_map(|entry| entry.keys).chain(SILENT).find(|(known, _)| *known == press);
    match (listed, press) {
        (Some((_, action)), _) if !alt => Some(*action),
        (None, Char(char)) => {
            // What Shift makes of a digit differs from keyboard to keyboard, so Alt stands for it as well.
            let when = if alt || char.is_ascii_uppercase() { When::AtEnd } else { When::AsSet };
            let index = PATTERN_KEYS.find(char.to_ascii_lowercase())?;
            Some(Action::Launch(index, when))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn plain(char: char) -> KeyEvent {
        KeyEvent::new(KeyCode::Char(char), KeyModifiers::NONE)
    }

    #[test]
    fn no_key_does_two_things() {
        let mut seen = Vec::new();
        for (press, _) in TABLE.iter().flat_map(|entry| entry.keys).chain(SILENT) {
            assert!(!seen.contains(press), "{press:?} twice");
            seen.push(*press);
        }
        for char in PATTERN_KEYS.chars() {
            assert!(!seen.contains(&Char(char)) && !seen.contains(&Char(char.to_ascii_uppercase())), "{char}");
        }
        let different: BTreeSet<char> = PATTERN_KEYS.chars().collect();
        assert_eq!(different.len(), PATTERNS_PER_PAGE);
    }

    #[test]
    fn pattern_keys_launch_now_or_at_the_end() {
        assert_eq!(action(&plain('1')), Some(Action::Launch(0, When::AsSet)));
        assert_eq!(action(&plain('a')), Some(Action::Launch(10, When::AsSet)));
        assert_eq!(action(&plain('A')), Some(Action::Launch(10, When::AtEnd)));
        let alt = KeyEvent::new(KeyCode::Char('2'), KeyModifiers::ALT);
        assert_eq!(action(&alt), Some(Action::Launch(1, When::AtEnd)));
        assert_eq!(pattern_key(10), 'a');
    }

    #[test]
    fn keys_do_what_the_table_says() {
        assert_eq!(action(&plain(' ')), Some(Action::StartStop));
        assert_eq!(action(&plain('=')), Some(Action::Tempo(100)));
        assert_eq!(action(&KeyEvent::new(KeyCode::F(2), KeyModifiers::NONE)), Some(Action::Lock));
        let ctrl = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(action(&ctrl), Some(Action::End));
        // Ctrl and Alt make another key of it.
        assert_eq!(action(&KeyEvent::new(KeyCode::Char('p'), KeyModifiers::CONTROL)), None);
        assert_eq!(action(&KeyEvent::new(KeyCode::Char('p'), KeyModifiers::ALT)), None);
        assert_eq!(action(&plain('!')), None);
        let release = KeyEvent::new_with_kind(KeyCode::Char('p'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(action(&release), None);
    }
}
