//! What the hands at the keyboard have chosen, and what they ask for: pure, key by key.
//!
//! Nothing of the music is kept here. What plays, what waits and what is muted is in the [`View`], and comes back through it
//! when the engine has done what was asked.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::keys::{self, Action, PATTERNS_PER_PAGE, When};
use crate::control::View;
use crate::engine::arrangement::transport::Phase;

/// The longest command that can be written.
const LONGEST_COMMAND: usize = 200;

/// What the hands have chosen of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hands {
    /// The chosen track, by its slot. May lie beyond the tracks of a set that came later.
    pub chosen: usize,
    /// Which page of patterns is shown.
    pub page: usize,
    /// The page of the pattern that plays, as it was seen last.
    plays_on: usize,
    /// Whether keys are ignored.
    pub is_locked: bool,
    /// What lies over the screen.
    pub over: Over,
    /// The last command that was written.
    last: String,
}

/// What lies over the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys, and which page of them; the first comes again after the last.
    Help(i32),
    /// Whether the show is to end.
    Quit,
    /// A command that is being written: what there is of it.
    Prompt(String),
}

/// What a key leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That these words are followed.
    Words(String),
    /// That these words, which were written by hand, are followed.
    Written(String),
    /// That the performer is told this.
    Say(String),
    /// That the whole screen is drawn anew.
    Redraw,
}

impl Hands {
    /// A look at the show: the page of the pattern that plays is shown when that becomes another one.
    pub(crate) fn look(&mut self, view: &View<'_>) {
        let slot = usize::from(view.status.pattern.0);
        let Some(place) = view.set.order.patterns.iter().position(|&known| known == slot) else { return };
        let plays_on = place / PATTERNS_PER_PAGE;
        if std::mem::replace(&mut self.plays_on, plays_on) != plays_on {
            self.page = plays_on;
        }
    }

    /// Returns what `key` leads to, if it does more than to change what is chosen.
    pub(crate) fn press(&mut self, key: &KeyEvent, view: &View<'_>) -> Option<Wish> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let action = keys::action(key);
        if action == Some(Action::End) && !self.is_locked {
            return words("quit");
        }
        let is_urgent = match action {
            Some(Action::Panic | Action::Lock) => true,
            Some(Action::StartStop) => view.snapshot.phase != Phase::Stopped,
            _ => false,
        };
        match &self.over {
            // What makes no letter is no part of a command.
            Over::Prompt(_) if !(is_urgent && matches!(key.code, KeyCode::F(_))) => return self.write(key),
            // Silence is asked for in a hurry: the command that is being written stays.
            Over::Prompt(_) if action != Some(Action::Lock) => {}
            Over::Quit => {
                self.over = Over::Nothing;
                match key.code {
                    KeyCode::Char('y' | 'Y') => return words("quit"),
                    // Silence does not wait for an answer.
                    _ if is_urgent => {}
                    _ => return None,
                }
            }
            Over::Help(page) => {
                if let Some(Action::Page(by) | Action::Choose(by @ (-1 | 1))) = action {
                    self.over = Over::Help(page.wrapping_add(by));
                    return None;
                }
                self.over = Over::Nothing;
                if matches!(action, Some(Action::Help | Action::Close | Action::Quit)) {
                    return None;
                }
            }
            Over::Prompt(_) => self.over = Over::Nothing,
            Over::Nothing => {}
        }
        match (action, key.code) {
            (Some(action), _) => self.act(action, view),
            // What Shift makes of a digit, on some keyboard: whoever presses it waits for a pattern.
            (None, KeyCode::Char(char)) if key.modifiers.difference(KeyModifiers::SHIFT).is_empty() => {
                Some(Wish::Say(format!(
                    "{} is no key; Alt and a digit launches where this pattern ends, ? shows all",
                    char.escape_debug()
                )))
            }
            (None, _) => None,
        }
    }

    fn act(&mut self, action: Action, view: &View<'_>) -> Option<Wish> {
        use Action::{Choose, Close, Help, Lock, Page, Panic, Redraw, Suspend};
        let stops = action == Action::StartStop && view.snapshot.phase != Phase::Stopped;
        let always = stops || matches!(action, Panic | Lock | Choose(_) | Page(_) | Redraw | Help | Close | Suspend);
        if self.is_locked && !always {
            return Some(Wish::Say(
                "the keys are locked; L or F2 unlocks them, p still silences everything, and space stops".to_owned(),
            ));
        }
        match action {
            Action::StartStop if view.snapshot.phase == Phase::Stopped => words("start"),
            Action::StartStop => words("stop"),
            Action::Continue => words("continue"),
            Action::Launch(index, when) => self.launch(index, when, view),
            Action::Mute => self.track(view).and_then(|track| words(&format!("mute {track}"))),
            Action::Solo => self.track(view).and_then(|track| words(&format!("solo {track}"))),
            Action::Fill => words("fill"),
            Action::Hold => words("hold"),
            Action::CancelLaunch => words("withdraw"),
            Action::Choose(by) => {
                let slots = &view.set.order.tracks;
                let to = self.chosen_among(slots).saturating_add_signed(by as isize);
                self.chosen = slots.get(to).or(slots.last()).copied().unwrap_or(0);
                None
            }
            Action::Page(by) => {
                self.page = self.page.saturating_add_signed(by as isize).min(pages(view.set.order.patterns.len()) - 1);
                None
            }
            Action::Tempo(hundredths) => {
                words(&format!("tempo {}{}", sign(hundredths), tempo(hundredths.unsigned_abs())))
            }
            Action::Tap => words("tap"),
            Action::Panic => words("panic"),
            Action::Reload => words("reload"),
            Action::Prompt => {
                self.over = Over::Prompt(String::new());
                None
            }
            Action::Lock => {
                self.is_locked = !self.is_locked;
                None
            }
            Action::Help => {
                self.over = Over::Help(0);
                None
            }
            Action::Quit => {
                self.over = Over::Quit;
                None
            }
            Action::End => words("quit"),
            Action::Close => None,
            Action::Redraw => Some(Wish::Redraw),
            Action::Suspend => {
                Some(Wish::Say("Ctrl-Z does not pause a show, for notes would hang: space stops it".to_owned()))
            }
        }
    }

    fn launch(&self, index: usize, when: When, view: &View<'_>) -> Option<Wish> {
        let slot = view.set.order.patterns.get(self.page * PATTERNS_PER_PAGE + index);
        let pattern = slot.and_then(|&slot| view.set.patterns.get(slot)).filter(|name| !name.is_empty());
        match (pattern, when) {
            (None, _) => Some(Wish::Say(format!("no pattern has the key {}", keys::pattern_key(index)))),
            (Some(pattern), When::AsSet) => words(&format!("launch {pattern}")),
            (Some(pattern), When::AtEnd) => words(&format!("launch {pattern} at end")),
        }
    }

    fn track<'v>(&self, view: &View<'v>) -> Option<&'v str> {
        let slots = &view.set.order.tracks;
        view.set.tracks.get(*slots.get(self.chosen_among(slots))?).map(String::as_str)
    }

    /// The place of the chosen one among the slots of the tracks that there are, in the order of the file; the last where it is
    /// gone.
    #[must_use]
    pub(crate) fn chosen_among(&self, slots: &[usize]) -> usize {
        slots.iter().position(|&slot| slot == self.chosen).unwrap_or(slots.len().saturating_sub(1))
    }

    /// A key for the command that is being written. Enter closes the line whatever becomes of the command, so that the keys
    /// after it do what they always do; Up has it back.
    fn write(&mut self, key: &KeyEvent) -> Option<Wish> {
        let Over::Prompt(text) = &mut self.over else { return None };
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => self.over = Over::Nothing,
            KeyCode::Enter => {
                let text = std::mem::take(text);
                self.over = Over::Nothing;
                if !text.trim().is_empty() {
                    self.last.clone_from(&text);
                    return Some(Wish::Written(text));
                }
            }
            KeyCode::Up => text.clone_from(&self.last),
            KeyCode::Backspace if text.is_empty() => self.over = Over::Nothing,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char('u') if ctrl => text.clear(),
            KeyCode::Char('w') if ctrl => {
                let kept = text.trim_end().rfind(' ').map_or(0, |space| space + 1);
                text.truncate(kept);
            }
            KeyCode::Char(char) if !ctrl => insert(text, char),
            _ => {}
        }
        None
    }

    /// Text that was pasted. Only a command takes it: it would be played otherwise.
    pub(crate) fn paste(&mut self, pasted: &str) {
        if let Over::Prompt(text) = &mut self.over {
            pasted.chars().for_each(|char| insert(text, char));
        }
    }
}

/// Returns how many pages so many patterns take; at least one.
#[must_use]
pub(crate) const fn pages(patterns: usize) -> usize {
    let pages = patterns.div_ceil(PATTERNS_PER_PAGE);
    if pages == 0 { 1 } else { pages }
}

fn insert(text: &mut String, char: char) {
    if !char.is_control() && text.chars().count() < LONGEST_COMMAND {
        text.push(char);
    }
}

fn words(words: &str) -> Option<Wish> {
    Some(Wish::Words(words.to_owned()))
}

const fn sign(of: i32) -> char {
    if of < 0 { '-' } else { '+' }
}

/// Hundredths as they are written.
fn tempo(hundredths: u32) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        _ => format!("{}.{:02}", hundredths / 100, hundredths % 100).trim_end_matches('0').to_owned(),
    }
}
