//! The tracks of a file: where each begins and ends, whatever its counts and lengths say.
//!
//! Files are read that are against the letter and that players read all the same: with lengths that are wrong, with a foreign
//! chunk that counts as a track, in a RIFF file, with something before the header. What is missing is not made up: a file that
//! is cut off is refused.

use midly::{EventIter, MetaMessage, TrackEventKind};

use super::Unreadable;

/// A file, taken apart.
#[derive(Debug)]
pub struct Chunks<'b> {
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
/// When it is no MIDI file, when it is cut off, or when its tracks are songs of their own.
pub fn chunks(bytes: &[u8]) -> Result<Chunks<'_>, Unreadable> {
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
    let (mut foreign, mut mended) = (0, 0);
    while rest.len() >= 8 {
        if !is_chunk(rest) {
            // Some writers leave a few bytes after a chunk.
            match find(rest, TRACK) {
                Some(next) => rest = rest.get(next..).unwrap_or_default(),
                None => break,
            }
        } else if rest.starts_with(TRACK) {
            let Track { events, after, is_mended } =
                track(rest).ok_or_else(|| Unreadable::CutOff(format!("it ends in track {}", tracks.len() + 1)))?;
            tracks.push(events);
            mended += usize::from(is_mended);
            rest = after;
        } else if let Some((_, _, after)) = chunk(rest) {
            foreign += 1;
            rest = after;
        } else if tracks.len() + foreign < declared {
            return Err(Unreadable::CutOff("it ends between its tracks".to_owned()));
        } else {
            break;
        }
    }
    let found = tracks.len();
    if found + foreign < declared {
        let what = if rest.is_empty() { "" } else { ", and the beginning of another" };
        return Err(Unreadable::CutOff(format!("it has {found} of its {declared} tracks{what}")));
    }
    match format {
        2 if found > 1 => return Err(Unreadable::Sequential),
        0..=2 => {}
        format => return Err(Unreadable::Format(format)),
    }
    if found < declared {
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

/// Whether `bytes` begin as a chunk does, with a name of four letters, or are too few for one.
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
}

/// The track that `bytes` begin with. Its length is right where another chunk follows, or nothing; elsewhere it lasts to its
/// end of track. `None` if that is missing and so is a part of its length.
fn track(bytes: &[u8]) -> Option<Track<'_>> {
    let declared = chunk(bytes);
    if let Some((_, events, after)) = declared.filter(|(_, _, after)| is_chunk(after)) {
        return Some(Track { events, after, is_mended: false });
    }
    let rest = bytes.get(8..)?;
    match (end_of_track(rest), declared) {
        (Some(length), Some((_, events, after))) if length <= events.len() => {
            Some(Track { events, after, is_mended: false })
        }
        (Some(length), _) => {
            let (events, after) = rest.split_at_checked(length)?;
            Some(Track { events, after, is_mended: true })
        }
        (None, declared) => declared.map(|(_, events, after)| Track { events, after, is_mended: false }),
    }
}

/// How many bytes there are up to the end of the track, and with it.
fn end_of_track(bytes: &[u8]) -> Option<usize> {
    let mut events = EventIter::new(bytes);
    while let Some(Ok(event)) = events.next() {
        if matches!(event.kind, TrackEventKind::Meta(MetaMessage::EndOfTrack)) {
            return Some(bytes.len() - events.unread().len());
        }
    }
    None
}
