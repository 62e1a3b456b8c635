//! A log in segments: records become blocks, blocks fill segments, and the oldest segments make room for new ones.
//!
//! The bound is kept exactly: room is made before anything is written. Each segment begins with what the show is and what
//! its slots are called, so that what is left of a long show can be read.

use std::collections::VecDeque;
use std::io;

use super::block::{MAX_BLOCK, block, opening};
use super::codec::Encoder;
use super::record::{Head, Names, Record};

/// The least that a log may be allowed: what a segment begins with, and the largest block after it, with as much again to spare.
pub const LEAST_BYTES: u64 = 2 * MAX_BLOCK as u64;

/// A block is written when it has so many bytes.
const BLOCK: usize = 1 << 15;

/// How many segments there are in a log that is full.
const SEGMENTS: u64 = 16;

/// Where segments are kept. What it does may take as long as it likes.
pub trait Store {
    /// Begins this segment; what follows goes there.
    ///
    /// # Errors
    ///
    /// When there is no place for it.
    fn begin(&mut self, segment: u32) -> io::Result<()>;

    /// Adds these bytes to the segment.
    ///
    /// # Errors
    ///
    /// When they find no room.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes sure that a power cut does not cost what is there.
    ///
    /// # Errors
    ///
    /// When it could.
    fn sync(&mut self) -> io::Result<()>;

    /// Drops a segment.
    ///
    /// # Errors
    ///
    /// When it stays.
    fn remove(&mut self, segment: u32) -> io::Result<()>;
}

/// A log that is being written.
pub struct Segments<S> {
    store: S,
    limit: u64,
    head: Head,
    names: Names,
    encoder: Encoder,
    /// The segments there are, with their sizes; the last is written to.
    sizes: VecDeque<(u32, u64)>,
    /// How many bytes the last one had when it was begun.
    opened: u64,
}

impl<S: Store> Segments<S> {
    /// A log of at most `limit` bytes, and no less than [`LEAST_BYTES`], in `store`.
    ///
    /// # Errors
    ///
    /// When its first segment cannot be written.
    pub fn begin(store: S, head: Head, limit: u64) -> io::Result<Segments<S>> {
        let (names, encoder, sizes) = (Names::default(), Encoder::default(), VecDeque::new());
        let limit = limit.max(LEAST_BYTES);
        let mut segments = Segments { store, limit, head, names, encoder, sizes, opened: 0 };
        segments.open(0)?;
        Ok(segments)
    }

    /// Returns how many bytes the log takes.
    pub fn bytes(&self) -> u64 {
        self.sizes.iter().map(|(_, size)| size).sum()
    }

    /// Adds a record. It is written by and by.
    ///
    /// # Errors
    ///
    /// When what has come together cannot be written.
    pub fn push(&mut self, record: &Record) -> io::Result<()> {
        if let Record::Names(names) = record {
            self.names.clone_from(names);
        }
        self.encoder.push(record);
        if self.encoder.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes what has come together.
    ///
    /// # Errors
    ///
    /// When that is not possible.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.encoder.len() == 0 {
            return Ok(());
        }
        let block = block(&self.encoder.take());
        let (segment, size) = self.sizes.back().copied().unwrap_or_default();
        if size > self.opened && size + block.len() as u64 > self.limit / SEGMENTS {
            self.store.sync()?;
            self.open(segment + 1)?;
        }
        self.append(&block)
    }

    /// Makes sure that a power cut does not cost what has been written.
    ///
    /// # Errors
    ///
    /// When it could.
    pub fn sync(&mut self) -> io::Result<()> {
        self.store.sync()
    }

    fn open(&mut self, segment: u32) -> io::Result<()> {
        let mut encoder = Encoder::default();
        encoder.push(&Record::Head(Head { segment, ..self.head.clone() }));
        if segment > 0 {
            encoder.push(&Record::Names(self.names.clone()));
        }
        let mut bytes = opening().to_vec();
        bytes.extend(block(&encoder.take()));
        self.store.begin(segment)?;
        self.sizes.push_back((segment, 0));
        self.append(&bytes)?;
        self.opened = bytes.len() as u64;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes_more = bytes.len() as u64;
        while self.sizes.len() > 1 && self.bytes() + bytes_more > self.limit {
            if let Some((oldest, _)) = self.sizes.pop_front() {
                self.store.remove(oldest)?;
            }
        }
        self.store.append(bytes)?;
        if let Some((_, size)) = self.sizes.back_mut() {
            *size += bytes_more;
        }
        Ok(())
    }
}
