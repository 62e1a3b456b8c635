//! Bytes as the log of a show: as a file, or as what its blocks hold, with check sums that are right. Whatever they are, they are
//! read, reported, drawn and played again without a panic and to an end, and no more is found than bytes can say.

use std::fs;
use std::path::PathBuf;

use tightrope::blackbox::Record;
use tightrope::blackbox::drawing::draw;
use tightrope::blackbox::reader::{Found, Log};
use tightrope::blackbox::replay::{Replay, Stopped};
use tightrope::blackbox::report::report;
use tightrope::time::{Nanos, Span};

/// What a segment begins with.
const OPENING: &[u8] = b"tightlog\x01\0\0\0";

/// What passes between two calls is played in full, and a show has one a second: more would take long, and reach nothing new.
const LONGEST: Span = Span::from_millis(3_000);

pub fn run(bytes: &[u8]) -> bool {
    let Some((&first, rest)) = bytes.split_first() else { return false };
    let segment = if first == 0 { rest.to_vec() } else { blocks(rest) };
    // In a file of this process, for a log is one.
    let path: PathBuf = std::env::temp_dir().join(format!("tightrope-fuzz-{}.log", std::process::id()));
    fs::write(&path, &segment).expect("there is room for a small file");
    let log = Log::open(&path).expect("it is there");
    let mut records = Vec::new();
    for found in log.read() {
        match found {
            Found::Record(record) => records.push(record),
            Found::Damage(damage) => assert!(!damage.to_string().is_empty()),
        }
        assert!(records.len() <= bytes.len(), "a record takes a byte at least");
    }
    let report = report(&log, 7);
    let _ = draw(&log, &report);
    fs::remove_file(&path).expect("it is there");
    play(&records);
    !records.is_empty()
}

/// Bytes as blocks, each behind its length.
fn blocks(mut bytes: &[u8]) -> Vec<u8> {
    let mut segment = OPENING.to_vec();
    while let [low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (block, left) = rest.split_at(length);
        let head = (length as u32).to_le_bytes();
        let mut sum = crc32fast::Hasher::new();
        sum.update(&head);
        sum.update(block);
        segment.extend(head);
        segment.extend(sum.finalize().to_le_bytes());
        segment.extend(block);
        bytes = left;
    }
    segment
}

/// Plays records again, as far as they go.
fn play(records: &[Record]) {
    let mut replay = Replay::default();
    let mut now = Nanos(0);
    for record in records {
        if let Record::Called(called) = record {
            if now > Nanos(0) && called.mark.now.since(now) > LONGEST {
                return;
            }
            now = now.max(called.mark.now);
        }
        match replay.take(record, &mut |_, _| {}) {
            Ok(()) => {}
            // A call may be one that no driver makes; what the engine promises, it promises to its driver.
            Err(Stopped::Panicked { .. }) => return,
            Err(stopped) => {
                assert!(!stopped.to_string().is_empty());
                return;
            }
        }
    }
    let _ = replay.finish();
}
