//! A segment of a log: eight bytes that say what it is, the format's version, and blocks, each with its length and its check sum.
//!
//! A log that was cut off, as by a power cut, ends within a block: what is before it counts. Nothing is read, and no memory
//! taken, for a length that cannot be.

use std::io::{self, ErrorKind, Read};

/// What a segment begins with.
const MAGIC: [u8; 8] = *b"tightlog";
/// The version of the format: of blocks, and of what is in them.
pub(crate) const FORMAT: u32 = 1;
/// How many bytes there are before the first block.
pub(crate) const OPENING: usize = MAGIC.len() + 4;
/// How many bytes there are before what a block holds.
pub(crate) const BLOCK_HEAD: usize = 8;
/// The most that a block holds: the largest set, and what goes with it.
pub(crate) const MAX_BLOCK: usize = crate::set::Set::MAX_BYTES + (1 << 17);

/// Returns what a segment begins with.
pub(crate) fn opening() -> [u8; OPENING] {
    let mut opening = [0; OPENING];
    opening[..MAGIC.len()].copy_from_slice(&MAGIC);
    opening[MAGIC.len()..].copy_from_slice(&FORMAT.to_le_bytes());
    opening
}

/// A block that holds `bytes`, of which there are at most [`MAX_BLOCK`].
pub(crate) fn block(bytes: &[u8]) -> Vec<u8> {
    debug_assert!(bytes.len() <= MAX_BLOCK, "a block of {} bytes", bytes.len());
    let length = (bytes.len() as u32).to_le_bytes();
    let mut block = Vec::with_capacity(BLOCK_HEAD + bytes.len());
    block.extend(length);
    block.extend(check_sum(length, bytes).to_le_bytes());
    block.extend(bytes);
    block
}

fn check_sum(length: [u8; 4], bytes: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(bytes);
    sum.finalize()
}

/// Why there is no further block.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It is cut off within a block, or within its opening.
    #[error("it is cut off")]
    Torn,
    /// What is there is not what was written.
    #[error("it is damaged")]
    Damaged,
    /// It is no log.
    #[error("it is no log of tightrope")]
    NoLog,
    /// It is of another version of the format.
    #[error("it is in format {0}, and this tightrope reads format {FORMAT}")]
    OtherFormat(u32),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reads what a segment begins with.
///
/// # Errors
///
/// When it is none, or of another format.
pub(crate) fn read_opening(from: &mut impl Read) -> Result<(), Broken> {
    let mut opening = [0; OPENING];
    match fill(from, &mut opening)? {
        OPENING => {}
        read if opening[..read.min(MAGIC.len())] == MAGIC[..read.min(MAGIC.len())] => return Err(Broken::Torn),
        _ => return Err(Broken::NoLog),
    }
    let [.., a, b, c, d] = opening;
    match u32::from_le_bytes([a, b, c, d]) {
        _ if opening[..MAGIC.len()] != MAGIC => Err(Broken::NoLog),
        FORMAT => Ok(()),
        other => Err(Broken::OtherFormat(other)),
    }
}

/// Reads what the next block holds; `None` at the end.
///
/// # Errors
///
/// When it is torn or damaged. There is no way to find the next one then.
pub(crate) fn read_block(from: &mut impl Read) -> Result<Option<Vec<u8>>, Broken> {
    let mut head = [0; BLOCK_HEAD];
    match fill(from, &mut head)? {
        0 => return Ok(None),
        BLOCK_HEAD => {}
        _ => return Err(Broken::Torn),
    }
    let [a, b, c, d, sum @ ..] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if length > MAX_BLOCK {
        return Err(Broken::Damaged);
    }
    let mut bytes = vec![0; length];
    if fill(from, &mut bytes)? < length {
        return Err(Broken::Torn);
    }
    if check_sum([a, b, c, d], &bytes) != u32::from_le_bytes(sum) {
        return Err(Broken::Damaged);
    }
    Ok(Some(bytes))
}

/// Fills `bytes` as far as there is anything; how far that is.
fn fill(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
