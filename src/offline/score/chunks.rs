//! The tracks of a file: where each begins and ends, whatever its counts and lengths say.
//!
//! Files are read that are against the letter and that players read all the same: with lengths that are wrong, with a foreign
//! chunk that counts as a track, in a RIFF file, with something before the header. Of a file that is cut off there is what came
//! before.

use midly::{MetaMessage, TrackEventKind};

use super::Unreadable;
use super::events::Events;

/// A file, taken apart.
#[derive(Debug)]
pub(crate) struct Chunks<'b> {
    /// What it counts time in, as its header says.
    pub division: u16,
    /// The events of each track.
    pub tracks: Vec<&'b [u8]>,
    /// What is against the letter, in sentences.
    pub remarks: Vec<String>,
}

/// How far in a file its header may begin.
const LATEST_HEADER: usize = 4_096;

const HEADER: &[u8; 4] = b"MThd";
const TRACK: &[u8; 4] = b"MTrk";

/// Takes a file apart.
///
/// # Errors
///
/// When it is no MIDI file, when it is cut off before its first track, or when its tracks are songs of their own.
pub(crate) fn chunks(bytes: &[u8]) -> Result<Chunks<'_>, Unreadable> {
    let mut remarks = Vec::new();
    let bytes = within_riff(bytes).unwrap_or(bytes);
    let begins = bytes.windows(HEADER.len()).take(LATEST_HEADER).position(|four| four == HEADER);
    let Some(begins) = begins else {
        return Err(Unreadable::NotMidi("it does not begin with MThd".into()));
    };
    if begins > 0 {
        remarks.push(format!("{begins} bytes before the header of the file are passed over"));
    }
    let in_header = || Unreadable::CutOff("it ends in its header".to_owned());
    let (_, header, mut rest) = chunk(bytes.get(begins..).unwrap_or_default()).ok_or_else(in_header)?;
    let &[f0, f1, c0, c1, d0, d1, ..] = header else {
        return Err(Unreadable::NotMidi("its header is too short".into()));
    };
    let (format, declared) = (u16::from_be_bytes([f0, f1]), usize::from(u16::from_be_bytes([c0, c1])));
    let mut tracks = Vec::new();
    let (mut foreign, mut mended, mut is_cut) = (0, 0, false);
    while rest.len() >= 8 {
        if !is_chunk(rest) {
            // Some writers leave a few bytes after a chunk.
            match find(rest, TRACK) {
                Some(next) => rest = rest.get(next..).unwrap_or_default(),
                None => break,
            }
        } else if rest.starts_with(TRACK) {
            let Some(track) = track(rest) else { break };
            tracks.push(track.events);
            mended += usize::from(track.is_mended);
            rest = track.after;
            if track.is_cut {
                is_cut = true;
                let (number, declared) = (tracks.len(), declared.max(tracks.len()));
                remarks.push(format!("the file is cut off in track {number} of {declared}; what is there is read"));
            }
        } else if let Some((_, _, after)) = chunk(rest) {
            foreign += 1;
            rest = after;
        } else {
            break;
        }
    }
    let found = tracks.len();
    if found == 0 && declared > 0 {
        return Err(Unreadable::CutOff("it ends before its first track".to_owned()));
    }
    match format {
        2 if found > 1 => return Err(Unreadable::Sequential),
        0..=2 => {}
        format => return Err(Unreadable::Format(format)),
    }
    if is_cut {
        // What is not there is told already.
    } else if found + foreign < declared {
        remarks.push(format!("the file is cut off: it has {found} of its {declared} tracks, and these are read"));
    } else if found < declared {
        remarks.push(format!("of the {declared} tracks that the file counts, {} are none", declared - found));
    } else if found > declared {
        remarks.push(format!("the file counts {declared} tracks and has {found}; all are read"));
    } else if format == 0 && found > 1 {
        remarks.push(format!("a file of format 0 has one track, and this one has {found}; all are read"));
    }
    match mended {
        0 => {}
        1 => remarks.push("the length of a track is wrong; it is read to its end".to_owned()),
        many => remarks.push(format!("the lengths of {many} tracks are wrong; they are read to their ends")),
    }
    Ok(Chunks { division: u16::from_be_bytes([d0, d1]), tracks, remarks })
}

/// The MIDI file within a RIFF file (`.rmi`).
fn within_riff(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"RMID")?;
    loop {
        let (id, body) = rest.split_first_chunk::<4>()?;
        let (length, body) = body.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if id == b"data" {
            return Some(body.get(..length).unwrap_or(body));
        }
        // Chunks of RIFF begin at even places.
        rest = body.get(length.checked_add(length % 2)?..)?;
    }
}

/// The chunk that `bytes` begins with: its name, its content, and what comes after it; `None` if it is not all there.
fn chunk(bytes: &[u8]) -> Option<([u8; 4], &[u8], &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (content, after) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((*id, content, after))
}

/// Returns whether `bytes` begin as a chunk does, with a name of four letters, or are too few for one.
fn is_chunk(bytes: &[u8]) -> bool {
    bytes.get(..8).is_none_or(|begin| begin.iter().take(4).all(|&byte| byte == b' ' || byte.is_ascii_graphic()))
}

fn find(bytes: &[u8], id: &[u8; 4]) -> Option<usize> {
    bytes.windows(id.len()).position(|four| four == id)
}

/// A track, and what comes after it.
struct Track<'b> {
    events: &'b [u8],
    after: &'b [u8],
    /// Whether its length is not what it says.
    is_mended: bool,
    /// Whether the file ends within it.
    is_cut: bool,
}

/// The track that `bytes` begin with. Its length is right where another chunk follows, or nothing; elsewhere it lasts to its
/// end of track. Where that is missing and so is a part of its length, it is what is there. `None` if there is not even a length.
fn track(bytes: &[u8]) -> Option<Track<'_>> {
    let (is_mended, is_cut) = (false, false);
    let declared = chunk(bytes);
    if let Some((_, events, after)) = declared.filter(|(_, _, after)| is_chunk(after)) {
        return Some(Track { events, after, is_mended, is_cut });
    }
    let rest = bytes.get(8..)?;
    Some(match (end_of_track(rest), declared) {
        (Some(length), Some((_, events, after))) if length <= events.len() => {
            Track { events, after, is_mended, is_cut }
        }
        (Some(length), _) => {
            let (events, after) = rest.split_at_checked(length)?;
            Track { events, after, is_mended: true, is_cut }
        }
        (None, Some((_, events, after))) => Track { events, after, is_mended, is_cut },
        (None, None) => Track { events: rest, after: &[], is_mended, is_cut: true },
    })
}

/// Returns how many bytes there are up to the end of the track, and with it.
fn end_of_track(bytes: &[u8]) -> Option<usize> {
    let mut events = Events::new(bytes);
    while let Ok(Some((_, event))) = events.next() {
        if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
            return Some(bytes.len() - events.left().len());
        }
    }
    None
}
