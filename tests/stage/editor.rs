//! A set file that is saved at random, as editors and performers do it: moved over the old one or written in pieces, left
//! half-written for a while, with a mistake now and then. Whatever is saved, the music stays that of the set as it was: there
//! are remarks, tracks and patterns that nobody plays come and go, and sections change their places.
//!
//! One thing can be heard: how hard the drums are struck. It is another in most saves, so that the recording tells which of
//! them played, and when.

use crate::jitter::Random;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// How hard the drums are struck: from here, so many steps up.
const SOFTEST: usize = 30;
const STEPS: usize = 90;

/// Where a file that is left half-written ends: inside of a text, which is a mistake anywhere.
const HALF: &str = "h";

/// What an editor does to the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Cuts the file off and writes.
    Write(String),
    Append(String),
    /// Writes another file and moves it over this one.
    Replace(String),
    Wait(Duration),
}

/// One save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Save {
    pub strokes: Vec<Stroke>,
    /// What the file holds after it.
    pub text: String,
    /// Whether that has a mistake.
    pub is_wrong: bool,
    /// How hard the drums are struck, if it has none.
    pub velocity: u8,
}

/// An editor, and whoever sits before it.
pub struct Editor {
    random: Random,
    /// What stands before the first section, and the sections.
    head: String,
    sections: Vec<String>,
    velocity: usize,
    saved: usize,
}

impl Editor {
    /// Opens the set `text`, whose drums say how hard they are struck. Another seed is another hand.
    pub fn open(text: &str, seed: u64) -> Editor {
        let mut sections = vec![String::new()];
        for line in text.lines() {
            if line.starts_with('[') {
                sections.push(String::new());
            }
            if let Some(section) = sections.last_mut() {
                *section += &format!("{line}\n");
            }
        }
        Editor { random: Random(seed), head: sections.remove(0), sections, velocity: SOFTEST, saved: 0 }
    }

    /// The next save. The last of a show should not be wrong.
    pub fn save(&mut self, may_be_wrong: bool) -> Save {
        self.saved += 1;
        // Now and then only a remark is written.
        if self.random.below(4) > 0 {
            self.velocity = SOFTEST + self.random.below(STEPS);
        }
        let mut text = self.edited();
        let is_wrong = may_be_wrong && self.random.below(5) == 0;
        if is_wrong {
            text = self.mistaken(&text);
        }
        Save { strokes: self.strokes(&text), text, is_wrong, velocity: self.velocity as u8 }
    }

    /// A text that plays the same.
    fn edited(&mut self) -> String {
        let mut sections = self.sections.clone();
        for section in sections.iter_mut().filter(|section| section.starts_with("[tracks.drums]")) {
            *section = section.replace("velocity = 127", &format!("velocity = {}", self.velocity));
        }
        for spare in 0..self.random.below(3) {
            let channel = 3 + self.random.below(6);
            sections.push(format!("[tracks.spare{spare}]\nport = \"circuit\"\nchannel = {channel}\n"));
        }
        for other in 0..self.random.below(3) {
            let bars = 1 + self.random.below(4);
            sections.push(format!("[patterns.other{other}]\nbars = {bars}\ndrums = \"k.s. hoh.\"\n"));
        }
        if self.random.below(2) == 0 {
            for last in (1..sections.len()).rev() {
                sections.swap(last, self.random.below(last + 1));
            }
        }
        let remarked = self.random.below(sections.len());
        sections[remarked] += &format!("# saved {} times\n", self.saved);
        format!("{}{}", self.head, sections.concat())
    }

    /// The same with a mistake.
    fn mistaken(&mut self, text: &str) -> String {
        match self.random.below(5) {
            0 => text.replace("channel  = 10", "channel  = 17"),
            1 => text.replace("\"1/16\"", "\"1/61\""),
            2 => text.replace("[patterns.main]", "[pattern.main]"),
            3 => text.replace("k___ k___", "k___ q___"),
            _ => half(text).to_owned(),
        }
    }

    /// How the file comes to hold `text`.
    fn strokes(&mut self, text: &str) -> Vec<Stroke> {
        let ms = |ms: usize| Stroke::Wait(Duration::from_millis(ms as u64));
        match self.random.below(4) {
            0 => vec![Stroke::Replace(text.to_owned())],
            1 => vec![Stroke::Write(text.to_owned())],
            // In pieces that follow each other so closely that nobody should read what is between them.
            2 => {
                let mut strokes = vec![Stroke::Write(String::new())];
                let mut rest = text;
                while !rest.is_empty() {
                    let end = (1 + self.random.below(text.len() / 2)).min(rest.len());
                    let (piece, left) = rest.split_at(end);
                    strokes.extend([ms(self.random.below(12)), Stroke::Append(piece.to_owned())]);
                    rest = left;
                }
                strokes
            }
            // Left half-written for so long that it is read; where the text is wrong already, that is as good.
            _ => {
                let (begun, rest) = text.split_at(half(text).len());
                vec![Stroke::Write(begun.to_owned()), ms(55 + self.random.below(20)), Stroke::Append(rest.to_owned())]
            }
        }
    }
}

/// The text up to the middle of the drums.
fn half(text: &str) -> &str {
    let drums = text.find("hho_").unwrap_or(text.len() / 2);
    &text[..drums + HALF.len()]
}

impl Save {
    /// Does it to the file at `path`.
    pub fn perform(&self, path: &Path) -> io::Result<()> {
        for stroke in &self.strokes {
            match stroke {
                Stroke::Write(text) => fs::write(path, text)?,
                Stroke::Append(text) => OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?,
                Stroke::Replace(text) => {
                    let aside = path.with_extension("new");
                    fs::write(&aside, text)?;
                    fs::rename(&aside, path)?;
                }
                Stroke::Wait(time) => thread::sleep(*time),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use tightrope::set::Set;

    const SET: &str = include_str!("../../src/sets/circuits.toml");

    fn saves(seed: u64) -> Vec<Save> {
        let mut editor = Editor::open(SET, seed);
        (0..200).map(|_| editor.save(true)).collect()
    }

    /// What the strokes leave in the file.
    fn left(save: &Save) -> String {
        let mut file = String::new();
        for stroke in &save.strokes {
            match stroke {
                Stroke::Write(text) | Stroke::Replace(text) => file.clone_from(text),
                Stroke::Append(text) => file += text,
                Stroke::Wait(_) => {}
            }
        }
        file
    }

    #[test]
    fn what_is_right_is_a_set_and_what_is_wrong_is_none() {
        for seed in 0..5 {
            for save in saves(seed) {
                let read = Set::parse("circuits.toml", save.text.as_bytes());
                assert_eq!(read.is_err(), save.is_wrong, "{}", save.text);
                assert_eq!(left(&save), save.text);
            }
        }
    }

    #[test]
    fn what_is_half_written_is_never_a_set() {
        for save in saves(1) {
            if let [Stroke::Write(begun), Stroke::Wait(_), Stroke::Append(_)] = &save.strokes[..]
                && !begun.is_empty()
            {
                assert!(Set::parse("circuits.toml", begun.as_bytes()).is_err(), "{begun}");
            }
        }
    }

    #[test]
    fn a_hand_saves_in_every_way_and_no_two_do_the_same() {
        let (one, other) = (saves(1), saves(2));
        assert_ne!(one, other);
        assert_eq!(one, saves(1));
        let texts: BTreeSet<&str> = one.iter().map(|save| &save.text[..]).collect();
        assert!(texts.len() > 150, "{}", texts.len());
        let way = |save: &Save| save.strokes.len().min(4);
        assert_eq!(one.iter().map(way).collect::<BTreeSet<_>>().len(), 3);
        let wrong = one.iter().filter(|save| save.is_wrong).count();
        assert!((20..80).contains(&wrong), "{wrong}");
    }
}
