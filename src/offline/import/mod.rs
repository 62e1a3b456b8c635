//! A set file from a Standard MIDI File: the music as steps, and what had to stay behind as comments.
//!
//! What is written is checked by playing it: rendered, it gives what a player hears of the file, tick for tick, or the
//! difference is counted and remarked. `rig` decides which ports, tracks and patterns there are and what they play, `values`
//! where everything goes that is no note; `file` writes that down, and `compare` listens.

mod compare;
mod file;
mod rig;
mod split;
mod values;
mod wrap;

use super::lines::Style;
use super::render::{Plan, render};
use super::score::{self, Score, Unreadable};
use crate::engine::program::MAX_LENGTH;
use crate::set::Set;
use crate::time::{Meter, TickSpan};
use compare::compare;
use rig::{Rig, split_kits};

/// How a set is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How notes are written.
    pub style: Style,
    /// How the music is split into patterns.
    pub split: Split,
}

/// How music is split into patterns. Nothing is cut: a pattern is longer where something sounds over its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// One pattern.
    Whole,
    /// So many bars to a pattern, and the patterns in a song. Positive.
    Bars(i64),
    /// Four or eight bars to a pattern, whichever is less to read.
    Short,
}

/// A set file that was made of a MIDI file.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The file.
    pub text: String,
    /// How many bars its music has.
    pub bars: i64,
    /// How many notes it has.
    pub notes: usize,
    /// What of the music is not in it, or not as it was, in sentences. They stand in the file as well.
    pub remarks: Vec<String>,
}

/// The largest set without its comments, which are short.
const MOST_BYTES: usize = Set::MAX_BYTES - (64 << 10);

/// Makes a set file of the bytes of a MIDI file that is called `origin`.
///
/// # Errors
///
/// When the file cannot be read, or there is more in it than a set can hold.
pub fn import(origin: &str, bytes: &[u8], options: Options) -> Result<Imported, Unreadable> {
    let mut score = score::read(bytes)?;
    score.parts = split_kits(std::mem::take(&mut score.parts));
    let mut remarks = score.remarks.clone();
    let meter = score.meter.unwrap_or(Meter::COMMON);
    let bars = bars(&score, meter, &mut remarks)?;
    let written = |split: Split| {
        let mut remarks = Vec::new();
        let rig = Rig::of(&score, bars, meter.bar(), Options { split, ..options }, &mut remarks);
        let (body, unnamed) = file::body(&score, &rig, meter);
        match unnamed {
            0 => {}
            1 => remarks.push("a marker that names no pattern is left out".to_owned()),
            many => remarks.push(format!("{many} markers that name no pattern are left out")),
        }
        if score.key.is_some_and(|key| file::scale(key).is_none()) {
            remarks.push("the key signature is left out".to_owned());
        }
        (rig, body, remarks)
    };
    let (rig, body, more) = match options.split {
        Split::Short => {
            let (four, eight) = (written(Split::Bars(4)), written(Split::Bars(8)));
            if four.1.len() < eight.1.len() { four } else { eight }
        }
        split => written(split),
    };
    remarks.extend(more);
    if body.len() > MOST_BYTES {
        let (bytes, most) = (body.len(), MOST_BYTES);
        return Err(Unreadable::TooMuch(format!(
            "its set would have {bytes} bytes of at most {most}; notes on a grid are shorter to write, so try --tolerance 10"
        )));
    }
    let bars = rig.bars();
    remarks.extend(difference(origin, &body, bytes, &rig, meter.bar() * bars, options.style.tolerance)?);
    let text = format!("{}{body}", file::heading(origin, &remarks, bars, &rig, options.style));
    let notes = score.parts.iter().map(|part| part.notes.len()).sum();
    Ok(Imported { text, bars, notes, remarks })
}

/// The bars that hold all that is played, up to the end of the last track; where that is farther off than a set can be long,
/// up to the end of what is played.
fn bars(score: &Score, meter: Meter, remarks: &mut Vec<String>) -> Result<i64, Unreadable> {
    let notes = score.parts.iter().flat_map(|part| &part.notes).map(|note| note.at.saturating_add(note.length));
    let values = score.parts.iter().flat_map(|part| &part.values).map(|&(at, _)| at);
    let played = notes.chain(values).max().unwrap_or(0);
    let bars = |end: i64| end.saturating_add(meter.bar().0 - 1).div_euclid(meter.bar().0).max(1);
    let most = MAX_LENGTH.0 / meter.bar().0;
    let (needed, whole) = (bars(played), bars(played.max(score.length)));
    if needed > most {
        return Err(Unreadable::TooMuch(format!("it has {needed} bars, and a pattern or a song has at most {most}")));
    }
    if whole > most {
        remarks.push(format!("{} bars of silence at the end are left out", whole - needed));
        return Ok(needed);
    }
    Ok(whole)
}

/// Plays what was written, and says what is not heard as it is in the file.
///
/// # Errors
///
/// When there is more of it than a set can hold.
fn difference(
    origin: &str,
    body: &str,
    bytes: &[u8],
    rig: &Rig<'_>,
    length: TickSpan,
    tolerance: i64,
) -> Result<Vec<String>, Unreadable> {
    let set = Set::parse(origin, body.as_bytes()).map_err(|mistakes| {
        let first = mistakes.list().first().map_or(String::new(), |mistake| mistake.message.clone());
        Unreadable::TooMuch(first)
    })?;
    match render(&set.program, &Plan { length, commands: Vec::new() }) {
        Ok(rendering) => compare(bytes, &rendering, rig, tolerance),
        Err(_) => Ok(vec!["the file is too long to be checked".to_owned()]),
    }
}
