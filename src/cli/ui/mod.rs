//! The screen of `tightrope play`, and its keys.
//!
//! | file | duty |
//! |---|---|
//! | `watch` | what has to be remembered between two looks |
//! | `steps` | what a track plays, as a row of cells |
//! | `scene` | what is shown, as plain data |
//! | `draw` | a scene as characters, for a terminal of any size |
//! | `frames` | what has changed, as bytes for the printing thread |
//! | `keys` | the table of keys |
//! | `hands` | what keys lead to |
//! | `terminal` | the terminal's modes, and reading its keys |
//! | `stderr` | what libraries print meanwhile |
//!
//! All of it is on the control thread but the reading of keys and the printing, which may wait for the terminal. The screen
//! holds nothing of the music: it shows the [`View`], and what a key asks for goes the way of every order, through the
//! inbox.

mod draw;
mod frames;
mod hands;
mod keys;
mod scene;
#[cfg(unix)]
mod stderr;
mod steps;
mod terminal;
#[cfg(test)]
mod tests;
mod watch;

pub(crate) use terminal::{is_there, modes};

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use ratatui::crossterm::event::Event;
use ratatui::crossterm::terminal::size;

use super::printer::Frames;
use crate::control::inbox::Answer;
use crate::control::{Call, Caller, Notice, Observer, View};
use crate::link::{Heard, Sent};
use crate::panics;
use crate::time::{Nanos, Span};
use draw::Look;
use frames::Shown;
use hands::{Hands, Wish};
use scene::{Rows, Scene};
use terminal::{Keys, Own, Terminal};
use watch::Watch;

/// The least time between two frames: at most 30 a second.
const FRAME: Span = Span::from_millis(33);

/// How many keys are taken at one look.
const KEYS_PER_LOOK: usize = 64;

/// How many orders can wait for their answers. Each is answered before the next look, if not at once.
const WAITING_ANSWERS: usize = 64;

/// The screen of a show.
pub(crate) struct Screen {
    caller: Caller,
    sink: Frames,
    hands: Hands,
    watch: Watch,
    waiting: Vec<Asked>,
    /// None once the screen has failed; the show goes on without it.
    display: Option<Display>,
}

/// What is needed to draw, and to hear keys. The order of the fields is that in which they are dropped.
struct Display {
    keys: Keys,
    shown: Shown,
    rows: Rows,
    scene: Option<Scene>,
    /// When a frame was drawn last, or tried to.
    drawn_at: Option<Nanos>,
    has_lost_keys: bool,
    #[cfg(unix)]
    _errors: Option<stderr::Diverted>,
    _terminal: Terminal,
}

/// Words that wait for their answer.
struct Asked {
    words: String,
    /// Whether they were written by hand.
    written: bool,
    answer: Receiver<Answer>,
}

impl Screen {
    /// Takes the terminal for a screen, which asks for things through `caller` and prints through `sink`.
    ///
    /// # Errors
    ///
    /// When the terminal refuses, or the system has no thread to give.
    pub(crate) fn open(caller: Caller, sink: Frames) -> io::Result<Screen> {
        let look = Look::of(|name| std::env::var(name).ok());
        let terminal = Terminal::take(Own, sink.clone())?;
        let display = Display {
            keys: Keys::read(caller.clone())?,
            shown: Shown::new(sink.clone(), look, size()?),
            rows: Rows::default(),
            scene: None,
            drawn_at: None,
            has_lost_keys: false,
            // Where that cannot be, libraries write across the screen.
            #[cfg(unix)]
            _errors: stderr::Diverted::to(caller.clone()).unwrap_or_default(),
            _terminal: terminal,
        };
        let (hands, watch) = (Hands::default(), Watch::default());
        Ok(Screen { caller, sink, hands, watch, waiting: Vec::new(), display: Some(display) })
    }

    /// Does what keys lead to.
    fn take_keys(&mut self, view: &View<'_>) {
        for _ in 0..KEYS_PER_LOOK {
            let Some(display) = &mut self.display else { return };
            let wish = match display.keys.next() {
                Some(Event::Key(key)) => self.hands.press(&key, view),
                Some(Event::Paste(text)) => {
                    self.hands.paste(&text);
                    None
                }
                Some(Event::Resize(width, height)) => {
                    display.shown.resize((width, height));
                    (display.scene, display.drawn_at) = (None, None);
                    None
                }
                Some(_) => None,
                None => break,
            };
            match wish {
                Some(Wish::Redraw) => {
                    display.shown.forget();
                    display.scene = None;
                }
                Some(Wish::Words(words)) => self.ask(words, false),
                Some(Wish::Written(words)) => self.ask(words, true),
                Some(Wish::Say(text)) => self.watch.say(Notice { text, is_wrong: false }),
                None => {}
            }
        }
        if let Some(display) = self.display.as_mut().filter(|display| !display.has_lost_keys && display.keys.is_dead())
        {
            display.has_lost_keys = true;
            let text = "the keyboard is not read any more; Ctrl-C still ends the show".to_owned();
            self.watch.say(Notice { text, is_wrong: true });
        }
    }

    fn ask(&mut self, words: String, written: bool) {
        let (sender, answer) = sync_channel(1);
        let refused = match self.waiting.len() {
            WAITING_ANSWERS.. => Some("the show is busy; try again".to_owned()),
            _ => self.caller.call(Call::Words(words.clone(), sender)).err().map(|refused| refused.to_string()),
        };
        match refused {
            Some(text) => self.watch.say(Notice { text, is_wrong: true }),
            None => self.waiting.push(Asked { words, written, answer }),
        }
    }

    /// Says what became of what was asked.
    fn take_answers(&mut self) {
        let watch = &mut self.watch;
        self.waiting.retain(|Asked { words, written, answer }| {
            let answer = match answer.try_recv() {
                Ok(answer) => answer.map_err(|declined| declined.to_string()),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            };
            match answer {
                Err(why) => {
                    let how = if *written { " (: and Up bring the line back)" } else { "" };
                    watch.say(Notice { text: format!("{why}{how}"), is_wrong: true });
                }
                Ok(text) => {
                    let text = if text.is_empty() && *written { format!("done: {words}") } else { text };
                    if !text.is_empty() {
                        watch.say(Notice { text, is_wrong: false });
                    }
                }
            }
            false
        });
    }

    /// Draws what has changed, if it is time for a frame.
    fn draw(&mut self, view: &View<'_>) {
        let Some(display) = &mut self.display else { return };
        if display.drawn_at.is_some_and(|drawn| view.now.since(drawn) < FRAME) {
            return;
        }
        let scene = Scene::of(view, &self.watch, &self.hands, &mut display.rows);
        if display.scene.as_ref() == Some(&scene) {
            return;
        }
        display.drawn_at = Some(view.now);
        display.scene = display.shown.show(&scene).then_some(scene);
    }
}

impl Observer for Screen {
    fn sent(&mut self, sent: &Sent) {
        self.watch.sent(sent);
    }

    fn heard(&mut self, heard: &Heard) {
        self.watch.heard(heard);
    }

    fn look(&mut self, view: &View<'_>) {
        // A mistake in the drawing of a show must not end it.
        let looked = panic::catch_unwind(AssertUnwindSafe(|| {
            self.watch.look(view);
            self.hands.look(view);
            self.take_keys(view);
            self.take_answers();
            self.draw(view);
        }));
        if looked.is_err() && self.display.take().is_some() {
            let why = panics::last();
            let line = format!("the screen failed ({why}); the show goes on without it, and Ctrl-C ends it\n");
            self.sink.always(line.into_bytes());
        }
    }

    fn notice(&mut self, notice: &Notice) {
        self.watch.say(notice.clone());
    }
}
