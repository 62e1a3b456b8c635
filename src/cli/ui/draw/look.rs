//! How things look: sixteen colours or none, block characters or plain ones.
//!
//! Nothing is said by colour alone. Where colours are there, they say again what a word, a sign or a place says. Whether the
//! terminal is dark or light is not known: words have its own colour, or one that can be read on both; what has a ground of
//! its own has a colour of its own on it.

use ratatui::style::{Color, Modifier, Style};

use super::super::steps::Cell;
use super::super::watch::Glow;

/// How things look on this terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether there are colours.
    pub colour: bool,
    /// Whether there are characters beyond ASCII.
    pub blocks: bool,
}

impl Look {
    /// Returns how things look on a terminal with these variables of the environment.
    #[must_use]
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Look {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let language = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let language = language.to_ascii_lowercase();
        // The console of Linux has a font of 256 or 512 characters, and few blocks among them.
        let is_console = set("TERM").is_some_and(|term| term == "linux");
        let utf8 = language.contains("utf-8") || language.contains("utf8") || cfg!(not(unix));
        Look { colour: set("NO_COLOR").is_none(), blocks: utf8 && !is_console }
    }

    /// Returns what is there if one looks for it.
    pub(crate) fn dim(self) -> Style {
        self.style(Color::DarkGray, Modifier::DIM)
    }

    /// Returns what is read first.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Signs of what plays, and charts: nothing that is read.
    pub(crate) fn plays(self) -> Style {
        self.colour(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// The name of what plays.
    pub(crate) fn playing(self) -> Style {
        self.label(Color::Green)
    }

    /// Returns what comes.
    pub(crate) fn next(self) -> Style {
        self.colour(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    /// Returns what hands have asked for, and comes next.
    pub(crate) fn asked(self) -> Style {
        self.label(Color::Yellow)
    }

    /// Returns what is wrong.
    pub(crate) fn wrong(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A mark of what is wrong, or writes into the set.
    pub(crate) fn alarm(self) -> Style {
        if self.colour {
            Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD)
        } else {
            self.label(Color::Red)
        }
    }

    /// Returns what hands have changed: mutes, solos, fills, holds, locks.
    pub(crate) fn hands(self) -> Style {
        self.label(Color::Cyan)
    }

    /// Words on a ground of this colour; inverted where there are none.
    fn label(self, ground: Color) -> Style {
        match self.colour {
            true => Style::new().fg(Color::Black).bg(ground),
            false => Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
        }
    }

    fn colour(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }

    fn style(self, colour: Color, otherwise: Modifier) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new().add_modifier(otherwise) }
    }

    /// A cell of a track, as it is drawn.
    pub(crate) fn cell(self, cell: Cell) -> (char, Style) {
        let plain = Style::new();
        let (block, ascii, style) = match cell {
            Cell::Rest => ('·', '.', self.dim()),
            Cell::Held => ('─', '-', self.dim()),
            Cell::Control => ('~', '~', self.dim()),
            Cell::Perhaps => ('░', '?', self.dim()),
            Cell::Soft => ('▂', 'o', plain),
            Cell::Plain => ('▅', 'x', plain),
            Cell::Loud => ('█', 'X', self.strong()),
            Cell::Several(count) => {
                let digit = char::from_digit(u32::from(count.min(9)), 10).unwrap_or('9');
                (digit, digit, self.strong())
            }
        };
        (self.pick(block, ascii), style)
    }

    /// The cell that plays now: a note is the brightest there is, and all else is a faint mark.
    pub(crate) fn playhead(self, cell: Cell, is_heard: bool) -> (char, Style) {
        let (glyph, _) = self.cell(cell);
        let bright = if is_heard { self.strong() } else { self.dim() };
        match cell {
            Cell::Rest | Cell::Held | Cell::Control | Cell::Perhaps => {
                (glyph, self.dim().add_modifier(Modifier::REVERSED))
            }
            Cell::Soft | Cell::Plain | Cell::Loud if self.blocks => ('█', bright),
            // A letter in the middle of a bright block.
            Cell::Soft | Cell::Plain | Cell::Loud | Cell::Several(_) => {
                (glyph, bright.add_modifier(Modifier::REVERSED))
            }
        }
    }

    /// Returns whether a track has just played.
    pub(crate) fn glow(self, glow: Glow) -> (char, Style) {
        match glow {
            Glow::Dark => (' ', Style::new()),
            Glow::Faint => (self.pick('•', '.'), self.dim()),
            Glow::Bright => (self.pick('●', '*'), self.plays()),
        }
    }

    /// One of two: what needs more than ASCII, and what stands for it otherwise.
    pub(crate) fn pick<T>(self, block: T, ascii: T) -> T {
        if self.blocks { block } else { ascii }
    }

    /// A bar of so many eighths of a row.
    pub(crate) fn eighths(self, eighths: usize) -> char {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const ASCII: [char; 9] = [' ', '.', '.', ':', ':', '|', '|', '#', '#'];
        let bars = if self.blocks { BLOCKS } else { ASCII };
        bars[eighths.min(8)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_get_what_they_can_show() {
        let look = |pairs: &[(&str, &str)]| {
            Look::of(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        };
        let utf8 = ("LANG", "de_DE.UTF-8");
        assert_eq!(look(&[utf8]), Look { colour: true, blocks: true });
        assert_eq!(look(&[utf8, ("NO_COLOR", "1")]), Look { colour: false, blocks: true });
        // As the convention has it, an empty value says nothing.
        assert!(look(&[utf8, ("NO_COLOR", "")]).colour);
        assert!(!look(&[utf8, ("TERM", "linux")]).blocks);
        assert_eq!(look(&[utf8, ("LC_ALL", "C")]).blocks, cfg!(not(unix)));
    }
}
