//! A log as records, and what is wrong with it.
//!
//! Whatever the bytes are, reading ends and does not panic, and takes no more memory than a block. What is before the first
//! damage of a segment is read; after it, there is no telling where the next block begins, and reading goes on with the
//! next segment.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::block::{Broken, read_block, read_opening};
use super::codec::Decoder;
use super::folder;
use super::record::Record;

/// A log: where its segments are.
#[derive(Clone, Debug)]
pub struct Log {
    segments: Vec<(u32, PathBuf)>,
}

/// What is found in a log.
#[derive(Debug)]
pub enum Found {
    /// A record.
    Record(Record),
    /// Something that cannot be read, or is not there.
    Damage(Damage),
}

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// A segment is damaged, or cut off.
    #[error("{}: {why}; what is after that in this file is lost", .file.display())]
    Broken {
        /// Its file.
        file: PathBuf,
        /// What is wrong.
        why: Broken,
    },
    /// The log's very end is cut off: the program, or the machine, stopped in the middle of it.
    #[error("the log is cut off at its end: the show did not end by itself, or still plays")]
    Torn,
    /// Segments are missing, and not the oldest.
    #[error("{0} segments are missing")]
    Missing(u32),
}

impl Log {
    /// The log in a folder; or a segment by itself.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn open(path: &Path) -> io::Result<Log> {
        let segments = if path.is_dir() { folder::segments(path)? } else { vec![(0, path.to_owned())] };
        if segments.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "there is no log in it"));
        }
        // That it can be read at all is said here.
        File::open(&segments[0].1)?;
        Ok(Log { segments })
    }

    /// Everything in it, in order, its words fit to be shown.
    pub fn read(&self) -> impl Iterator<Item = Found> + '_ {
        // Numbers are what files are called, and two may be called the same.
        let missing = self.segments.windows(2).map(|pair| pair[1].0.saturating_sub(pair[0].0).saturating_sub(1));
        let missing = std::iter::once(0).chain(missing);
        let last = self.segments.len() - 1;
        self.segments.iter().zip(missing).enumerate().flat_map(move |(index, ((_, file), missing))| {
            let gap = (missing > 0).then_some(Found::Damage(Damage::Missing(missing)));
            let damage = move |why: Broken| match why {
                Broken::Torn if index == last => Found::Damage(Damage::Torn),
                why => Found::Damage(Damage::Broken { file: file.clone(), why }),
            };
            let (records, unopened) = match File::open(file) {
                Ok(file) => (Some(Segment::new(BufReader::new(file))), None),
                Err(error) => (None, Some(Err(error.into()))),
            };
            let found = records.into_iter().flatten().chain(unopened);
            gap.into_iter().chain(
                found.map(move |record| record.map_or_else(&damage, |record| Found::Record(record.fit_to_show()))),
            )
        })
    }
}

/// The records of one segment. Ends with the first that cannot be read.
pub struct Segment<R> {
    from: R,
    block: Decoder,
    is_opened: bool,
    is_over: bool,
}

impl<R: Read> Segment<R> {
    /// Reads a segment from its beginning.
    pub fn new(from: R) -> Segment<R> {
        Segment { from, block: Decoder::default(), is_opened: false, is_over: false }
    }

    fn record(&mut self) -> Result<Option<Record>, Broken> {
        if !std::mem::replace(&mut self.is_opened, true) {
            read_opening(&mut self.from)?;
        }
        loop {
            if let Some(record) = self.block.next() {
                return record.map(Some).map_err(|_| Broken::Damaged);
            }
            match read_block(&mut self.from)? {
                Some(bytes) => self.block = Decoder::new(bytes),
                None => return Ok(None),
            }
        }
    }
}

impl<R: Read> Iterator for Segment<R> {
    type Item = Result<Record, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let record = self.record();
        self.is_over = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}
