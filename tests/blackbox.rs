//! The log of a show as bytes: what is written comes back, whatever is cut off or damaged, and takes no more room than it may.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use tightrope::blackbox::Record;
use tightrope::blackbox::folder::Folder;
use tightrope::blackbox::reader::{Damage, Found, Log, Segment};
use tightrope::blackbox::record::{End, Head, Meters, Names, Notice, Port, Scene, SetText};
use tightrope::blackbox::replay::{Replay, Stopped};
use tightrope::blackbox::report::report;
use tightrope::blackbox::segments::{LEAST_BYTES, Segments, Store};
use tightrope::blackbox::stats::Lateness;
use tightrope::blackbox::writer::{WAITING, Writer};
use tightrope::engine::program::Target;
use tightrope::engine::program::{Interval, PartSlot, PatternSlot, PortSlot, Quantum, TrackSlot};
use tightrope::engine::{Call, Command, Mark, Progress, Switch};
use tightrope::link::{Called, Fate, Sent};
use tightrope::midi::Message;
use tightrope::time::{DeviceTime, Nanos, Tempo, Tick, TickSpan};

/// Knows the largest piece of memory that this thread has asked for.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: Everything is left to the system's allocator.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that ends has no counter any more.
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: As this was called.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: As this was called.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Segments in memory, which are held against a bound.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<u32, Vec<u8>>>>);

impl Memory {
    fn all(&self) -> BTreeMap<u32, Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

impl Store for Memory {
    fn begin(&mut self, segment: u32) -> io::Result<()> {
        assert!(self.0.lock().unwrap().insert(segment, Vec::new()).is_none(), "it is there already");
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut segments = self.0.lock().unwrap();
        segments.last_entry().expect("one was begun").get_mut().extend(bytes);
        let sum: usize = segments.values().map(Vec::len).sum();
        assert!(sum as u64 <= LEAST_BYTES, "{sum} bytes");
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, segment: u32) -> io::Result<()> {
        self.0.lock().unwrap().remove(&segment).map(drop).ok_or_else(|| io::Error::other("there is none"))
    }
}

fn head() -> Head {
    let (version, set, granted) = ("0.1.0".to_owned(), "a set".to_owned(), "nothing".to_owned());
    Head { version, set, granted, began_unix_ms: 1_795_365_000_000, began: 5, resumed: None, segment: 0 }
}

/// Writes `records`, with a block after each so many.
fn written(records: &[Record], block: usize) -> Vec<u8> {
    let memory = Memory::default();
    let mut segments = Segments::begin(memory.clone(), head(), LEAST_BYTES).unwrap();
    for records in records.chunks(block) {
        records.iter().for_each(|record| segments.push(record).unwrap());
        segments.flush().unwrap();
    }
    memory.all().remove(&0).unwrap()
}

fn read(bytes: &[u8]) -> (Vec<Record>, Option<String>) {
    let (mut records, mut broken) = (Vec::new(), None);
    for record in Segment::new(Cursor::new(bytes)) {
        match record {
            Ok(record) => records.push(record),
            Err(why) => assert!(broken.replace(why.to_string()).is_none(), "it ends with the first"),
        }
    }
    (records, broken)
}

fn message() -> impl Strategy<Value = Message> {
    any::<[u8; 3]>().prop_map(|[status, a, b]| {
        let bytes = [status | 0x80, a & 0x7F, b & 0x7F];
        let read =
            Message::from_bytes(&bytes).or(Message::from_bytes(&bytes[..2])).or(Message::from_bytes(&bytes[..1]));
        read.unwrap_or(Message::Clock)
    })
}

fn command() -> impl Strategy<Value = Command> {
    let track = || (0u16..256).prop_map(TrackSlot);
    let switch = || prop_oneof![Just(Switch::On), Just(Switch::Off), Just(Switch::Toggle)];
    let at = prop_oneof![
        Just(None),
        Just(Some(Quantum::Now)),
        Just(Some(Quantum::End)),
        (1i64..1 << 40).prop_map(|grid| Some(Quantum::Grid(TickSpan(grid))))
    ];
    let target = prop_oneof![
        (0u8..128).prop_map(Target::Controller),
        (0u8..32).prop_map(Target::Fine),
        Just(Target::Bend),
        Just(Target::Pressure),
        Just(Target::Program),
        (0u16..16_384).prop_map(Target::Rpn),
        (0u16..16_384).prop_map(Target::Nrpn),
    ];
    let unit = prop_oneof![Just(Interval::Semitones), Just(Interval::Degrees)];
    let plain = [
        Command::Start,
        Command::Continue,
        Command::Stop,
        Command::CancelLaunch,
        Command::Tap,
        Command::Panic,
        Command::End,
    ];
    prop_oneof![
        prop::sample::select(plain.to_vec()),
        (any::<u16>(), at).prop_map(|(pattern, at)| Command::Launch { pattern: PatternSlot(pattern), at }),
        any::<u16>().prop_map(|part| Command::Jump(PartSlot(part))),
        switch().prop_map(Command::Hold),
        (track(), switch()).prop_map(|(track, switch)| Command::Mute(track, switch)),
        (track(), switch()).prop_map(|(track, switch)| Command::Solo(track, switch)),
        switch().prop_map(Command::Fill),
        (prop::option::of(track()), any::<i8>(), unit).prop_map(|(track, by, unit)| Command::Transpose {
            track,
            by,
            unit
        }),
        (track(), target, any::<u16>()).prop_map(|(track, target, value)| Command::Control { track, target, value }),
        prop_oneof![
            (20.0..=400.0f64).prop_map(|bpm| Command::Tempo(Tempo::from_bpm(bpm).unwrap())),
            any::<i32>().prop_map(Command::TempoStep),
            (0u8..16).prop_map(|port| Command::ReleaseInput(PortSlot(port))),
            (0u8..16).prop_map(|port| Command::SilencePort(PortSlot(port))),
            (0i64..1 << 40).prop_map(|length| Command::EndAfter(TickSpan(length))),
        ],
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let port = || (0u8..16).prop_map(PortSlot);
    prop_oneof![
        (port(), message()).prop_map(|(port, message)| Call::Input(port, message)),
        command().prop_map(Call::Command),
        any::<u32>().prop_map(Call::Adopt),
        (port(), any::<bool>()).prop_map(|(port, rejoins)| Call::Reopened(port, rejoins)),
        prop::sample::select(vec![Call::Await, Call::Nothing, Call::Finish]),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let progress = vec![None, Some(Progress::CaughtUp), Some(Progress::OutboxFull), Some(Progress::ProgramDue)];
    let called = (any::<[u64; 5]>(), any::<i64>(), prop::sample::select(progress), call()).prop_map(
        |([number, at, now, made, device], tick, progress, call)| {
            let mark = Mark { now: Nanos(now), made, progress };
            // Only what came in has a stamp.
            let device = DeviceTime(if matches!(call, Call::Input(..)) { device } else { 0 });
            Record::Called(Called { number, at: Nanos(at), tick: Tick(tick), mark, call, device, returned: false })
        },
    );
    let fates = vec![Fate::Sent, Fate::Refused, Fate::Absent, Fate::Skipped];
    let track = prop::option::of((0u16..256).prop_map(TrackSlot));
    let made = (any::<[u64; 3]>(), any::<i64>(), 0u8..16, track, message(), prop::sample::select(fates)).prop_map(
        |([number, due, at], tick, port, track, message, fate)| {
            let (due, at, tick, port) = (Nanos(due), Nanos(at), Tick(tick), PortSlot(port));
            Record::Made(Sent { number, due, at, tick, port, track, message, fate })
        },
    );
    let text = || ".{0,20}";
    let other = prop_oneof![
        (any::<u64>(), text(), any::<bool>()).prop_map(|(at, text, is_wrong)| Record::Notice(Notice {
            at: Nanos(at),
            text,
            is_wrong
        })),
        (any::<u64>(), 0u8..16, prop::option::of(text()), prop::option::of(text())).prop_map(
            |(at, port, input, output)| Record::Port(Port { at: Nanos(at), port: PortSlot(port), input, output })
        ),
        (any::<u32>(), any::<bool>(), text(), prop::collection::vec(any::<u8>(), 0..50))
            .prop_map(|(edition, own_clock, origin, text)| Record::Set(SetText { edition, own_clock, origin, text })),
        prop::collection::vec(text(), 0..4)
            .prop_map(|names| { Record::Names(Names { ports: names.clone(), tracks: Vec::new(), patterns: names }) }),
        (any::<[u64; 5]>(), any::<[i64; 5]>(), prop::option::of(20.0..400.0f64)).prop_map(
            |([at, pulses, lost_inputs, lost_trace, withheld], [a, b, c, d, e], bpm)| {
                let (jitter, wake) = ([a, b, c], [d, e]);
                Record::Meters(Meters { at, bpm, jitter, pulses, wake, lost_inputs, lost_trace, withheld })
            }
        ),
        (any::<u64>(), any::<bool>(), any::<u16>(), prop::collection::vec(any::<u16>(), 0..4)).prop_map(
            |(at, is_running, pattern, muted)| {
                let (part, soloed) = (muted.first().copied(), muted.clone());
                Record::Scene(Scene { at, is_running, pattern, part, muted, soloed })
            }
        ),
        any::<u64>().prop_map(Record::Lost),
        (any::<u64>(), text()).prop_map(|(at, why)| Record::End(End { at: Nanos(at), why })),
    ];
    prop_oneof![3 => called, 3 => made, 1 => other]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_comes_back(records in prop::collection::vec(record(), 0..60), block in 1usize..20) {
        let (back, broken) = read(&written(&records, block));
        prop_assert_eq!(broken, None);
        prop_assert_eq!(&back[0], &Record::Head(head()));
        prop_assert_eq!(&back[1..], &records[..]);
    }

    #[test]
    fn whatever_the_bytes_are_reading_ends(
        records in prop::collection::vec(record(), 1..20),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        seal in any::<bool>(),
    ) {
        let mut log = written(&records, 4);
        // With the right check sum, so that what is in the block is looked at.
        if seal {
            log.extend(sealed(&bytes));
        } else {
            log.extend(&bytes);
        }
        let (back, _) = read(&log);
        prop_assert_eq!(&back[1..=records.len()], &records[..]);
    }
}

/// A block with a check sum that fits, whatever is in it.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u32).to_le_bytes();
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(bytes);
    [&length[..], &sum.finalize().to_le_bytes(), bytes].concat()
}

/// Some records of each kind.
fn some() -> Vec<Record> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let sample = prop::collection::vec(record(), 30..31);
    prop::strategy::Strategy::new_tree(&sample, &mut runner).map(|tree| tree.current()).unwrap()
}

use proptest::strategy::ValueTree;

#[test]
fn a_log_that_is_cut_off_anywhere_keeps_what_is_before() {
    let records = some();
    let log = written(&records, 3);
    let mut whole = 0;
    for cut in 0..log.len() {
        let (back, broken) = read(&log[..cut]);
        assert!(
            back.len() < records.len() + 1 && back.iter().skip(1).eq(&records[..back.len().saturating_sub(1)]),
            "{cut}"
        );
        assert!(broken.is_none() || broken.as_deref() == Some("it is cut off"), "{cut}: {broken:?}");
        // Between two blocks nothing is torn.
        whole += usize::from(broken.is_none());
        assert!(back.len() % 3 == 1 || back.is_empty(), "a whole block or nothing");
    }
    // Behind the opening, the head, and each block but the last.
    assert_eq!(whole, records.len() / 3 + 1);
}

#[test]
fn a_log_that_is_damaged_anywhere_keeps_what_is_before() {
    let records = some();
    let log = written(&records, 3);
    for place in 0..log.len() {
        for bit in [0, 3, 7] {
            let mut damaged = log.clone();
            damaged[place] ^= 1 << bit;
            let (back, broken) = read(&damaged);
            assert!(broken.is_some(), "bit {bit} of byte {place}");
            assert!(
                back.len() <= records.len() && back.iter().skip(1).eq(&records[..back.len().saturating_sub(1)]),
                "{place}"
            );
            assert!(back.len() % 3 == 1 || back.is_empty(), "a whole block or nothing");
        }
    }
}

#[test]
fn another_format_is_said() {
    let mut log = written(&some(), 3);
    log[8] = 77;
    assert!(read(&log).1.unwrap().contains("format 77"));
    assert_eq!(read(b"PK\x03\x04 and so on").1.unwrap(), "it is no log of tightrope");
}

#[test]
fn no_length_takes_memory_that_is_not_there() {
    let log = written(&some(), 3);
    let huge = |tail: &[u8]| [&log[..], tail].concat();
    // A block of 4 GB; a set, a notice and names of 2^60 bytes or so in a small block.
    let length = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F];
    let mut all = vec![huge(&[0xFF; 8]), huge(&[0xFF, 0xFF, 0x0F, 0, 1, 2, 3, 4])];
    for start in [&[2, 1, 0, 0][..], &[5, 1], &[1], &[0], &[2, 1, 0]] {
        all.push(huge(&sealed(&[start, &length].concat())));
    }
    for log in all {
        LARGEST.set(0);
        assert!(read(&log).1.is_some());
        // A block as large as one may be, and no more.
        assert!(LARGEST.get() <= 2 << 20, "{} bytes at once", LARGEST.get());
    }
    LARGEST.set(0);
    drop(vec![0u8; 3 << 20]);
    assert!(LARGEST.get() >= 3 << 20, "it is measured");
}

/// Notices that can be told apart, and take some room.
fn notice(number: u64) -> Record {
    Record::Notice(Notice { at: Nanos(number), text: "x".repeat(1_000), is_wrong: false })
}

#[test]
fn the_oldest_segments_make_room_and_the_rest_can_be_read() {
    let memory = Memory::default();
    let mut segments = Segments::begin(memory.clone(), head(), 0).unwrap();
    let names = Names { ports: vec!["a".to_owned()], ..Names::default() };
    segments.push(&Record::Names(names.clone())).unwrap();
    // Some of the largest sets among it.
    let large = Record::Set(SetText { text: vec![7; tightrope::set::Set::MAX_BYTES], ..SetText::default() });
    for number in 0..20_000 {
        segments.push(&notice(number)).unwrap();
        if number % 5_000 == 77 {
            segments.push(&large).unwrap();
        }
    }
    segments.flush().unwrap();
    let all = memory.all();
    let numbers: Vec<u32> = all.keys().copied().collect();
    assert!(numbers[0] > 20 && numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    assert_eq!(segments.bytes(), all.values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert!(segments.bytes() > LEAST_BYTES / 2, "it is made use of");
    let mut last = None;
    for (number, bytes) in all {
        let (records, broken) = read(&bytes);
        assert_eq!(broken, None);
        assert_eq!(records[..2], [Record::Head(Head { segment: number, ..head() }), Record::Names(names.clone())]);
        for record in &records[2..] {
            let Record::Notice(Notice { at, .. }) = record else { continue };
            assert!(last.is_none_or(|last| last + 1 == at.0), "nothing is missing between");
            last = Some(at.0);
        }
    }
    assert_eq!(last, Some(19_999));
}

fn log_in(root: &Path) -> (Folder, PathBuf) {
    let folder = Folder::create(root, "a set", UNIX_EPOCH, 1 << 30).unwrap();
    let path = folder.path().to_owned();
    (folder, path)
}

#[test]
fn what_is_missing_in_a_folder_is_said() {
    let root = tempfile::tempdir().unwrap();
    let (folder, path) = log_in(root.path());
    let mut segments = Segments::begin(folder, head(), 0).unwrap();
    (0..1_800).for_each(|number| segments.push(&notice(number)).unwrap());
    segments.flush().unwrap();
    let found = |path: &Path| {
        let (mut records, mut damages) = (0, Vec::new());
        for found in Log::open(path).unwrap().read() {
            match found {
                Found::Record(_) => records += 1,
                Found::Damage(damage) => damages.push(damage),
            }
        }
        (records, damages)
    };
    let (whole, damages) = found(&path);
    assert!(whole > 1_800 && damages.is_empty(), "{damages:?}");
    let segment = |number: u32| path.join(format!("{number:05}.log"));
    // Torn at its end, damaged in the middle, then missing there.
    let bytes = std::fs::read(segment(4)).unwrap();
    assert!(!segment(5).exists());
    std::fs::write(segment(4), &bytes[..bytes.len() - 5]).unwrap();
    assert!(matches!(found(&path).1[..], [Damage::Torn]));
    std::fs::write(segment(4), bytes).unwrap();
    let mut bytes = std::fs::read(segment(2)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(segment(2), bytes).unwrap();
    let (records, damages) = found(&path);
    assert!(records < whole && records > 1_000, "{records}");
    assert!(matches!(damages[..], [Damage::Broken { .. }]));
    std::fs::remove_file(segment(2)).unwrap();
    assert!(matches!(found(&path).1[..], [Damage::Missing(1)]));
    // Without its beginning it cannot be replayed.
    std::fs::remove_file(segment(0)).unwrap();
    let first = Log::open(&path).unwrap().read().next();
    let Some(Found::Record(first)) = first else { panic!("{first:?}") };
    assert_eq!(Replay::default().take(&first, &mut |_, _| {}), Err(Stopped::NoBeginning));
    assert!(Log::open(&root.path().join("nowhere")).is_err());
}

/// Fails when it has taken so many bytes, or waits before each piece.
struct Disk {
    room: usize,
    go: Option<Receiver<()>>,
    memory: Memory,
}

impl Store for Disk {
    fn begin(&mut self, segment: u32) -> io::Result<()> {
        self.memory.begin(segment)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(go) = &self.go {
            // Whoever lets it go may have gone.
            let _ = go.recv();
        }
        self.room = self.room.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        self.memory.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn remove(&mut self, segment: u32) -> io::Result<()> {
        self.memory.remove(segment)
    }
}

fn writer(disk: Disk, told: Sender<String>) -> Writer {
    let tell = move |why: &str| told.send(why.to_owned()).unwrap();
    Writer::start(move || Ok((disk, PathBuf::from("somewhere"))), head(), LEAST_BYTES, tell).unwrap()
}

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_full_disk_ends_the_log_and_nobody_waits() {
    let (told, tells) = channel();
    let memory = Memory::default();
    let mut writer = writer(Disk { room: 100_000, go: None, memory: memory.clone() }, told);
    for number in 0..2_000 {
        writer.write(vec![notice(number)]);
        // So that it is the disk that has no room.
        std::thread::yield_now();
    }
    let why = tells.recv_timeout(PATIENCE).expect("it is said");
    assert!(why.starts_with("the log stops: "), "{why}");
    (0..10).for_each(|number| writer.write(vec![notice(number)]));
    let written = writer.finish(PATIENCE);
    assert_eq!(written.stopped, Some(why));
    assert!(tells.recv().is_err(), "it is said once");
    let (records, broken) = read(&memory.all()[&0]);
    assert!(records.len() > 50 && broken.is_none(), "what was written before can be read");
}

#[test]
fn a_log_that_cannot_be_begun_is_said() {
    let (told, tells) = channel();
    let open = || Err::<(Memory, PathBuf), _>(io::Error::other("no such place"));
    let mut writer = Writer::start(open, head(), 0, move |why| told.send(why.to_owned()).unwrap()).unwrap();
    writer.write(vec![notice(1)]);
    assert_eq!(tells.recv_timeout(PATIENCE).unwrap(), "the log stops: no such place");
    assert_eq!(writer.finish(PATIENCE).folder, None);
}

#[test]
fn a_disk_that_hangs_costs_records_and_the_log_says_how_many() {
    let (told, _tells) = channel();
    let (go, gone) = channel();
    let memory = Memory::default();
    let mut writer = writer(Disk { room: usize::MAX, go: Some(gone), memory: memory.clone() }, told);
    // One batch may have been taken before the disk hung.
    let batches = 2 * WAITING as u64;
    (0..batches).for_each(|number| writer.write(vec![notice(number), notice(number)]));
    drop(go);
    // There is room again when what waited has been written.
    let until = std::time::Instant::now() + PATIENCE;
    while memory.all().values().map(Vec::len).sum::<usize>() < 900 * WAITING && std::time::Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    writer.write(vec![notice(batches)]);
    let written = writer.finish(PATIENCE);
    assert_eq!(written.stopped, None);
    let records: Vec<Record> = memory.all().values().flat_map(|bytes| read(bytes).0).collect();
    let notices = records.iter().filter(|record| matches!(record, Record::Notice(_))).count() as u64;
    let lost: u64 = records.iter().map(|record| if let Record::Lost(lost) = record { *lost } else { 0 }).sum();
    assert_eq!((notices + lost, written.lost), (2 * batches + 1, lost));
    assert!(lost > WAITING as u64, "{lost}");
}

/// A show of six hours, with a message each half second, a knob that is turned for an hour, and an hour that is late.
#[test]
fn the_report_of_a_long_show_is_short_and_right() {
    const SECOND: u64 = 1_000_000_000;
    let root = tempfile::tempdir().unwrap();
    let (folder, path) = log_in(root.path());
    let mut segments = Segments::begin(folder, Head { began: SECOND, ..head() }, 64 << 20).unwrap();
    let mut push = |record: Record| segments.push(&record).unwrap();
    let named = |name: &str| vec![name.to_owned()];
    push(Record::Names(Names { ports: named("synth"), tracks: named("lead"), patterns: named("main") }));
    let mut calls = 0;
    let mut call = |at: u64, call: Call| {
        calls += 1;
        let (at, mark, device) = (Nanos(at), Mark::default(), DeviceTime(0));
        Record::Called(Called { number: calls - 1, at, tick: Tick::ZERO, mark, call, device, returned: false })
    };
    push(call(SECOND, Call::Command(Command::Start)));
    for half in 0..2 * 6 * 3_600u64 {
        let due = SECOND + half * SECOND / 2;
        let hour = half / 7_200;
        let late = if hour == 3 { 2_000_000 } else { 10_000 };
        let fate = match half {
            5 => Fate::Refused,
            6 => Fate::Skipped,
            7 => Fate::Absent,
            _ => Fate::Sent,
        };
        // One is not there.
        let number = if half > 10 { half + 1 } else { half };
        let (tick, port, track, message) = (Tick(0), PortSlot(0), None, Message::Clock);
        push(Record::Made(Sent { number, due: Nanos(due), at: Nanos(due + late), tick, port, track, message, fate }));
        // 1 ms to and fro.
        push(call(due + half % 2 * 1_000_000, Call::Input(PortSlot(0), Message::Clock)));
        if hour == 1 {
            let value = (half % 128) as u16;
            let track = TrackSlot(0);
            push(call(due, Call::Command(Command::Control { track, target: Target::Controller(74), value })));
        }
    }
    push(call(6 * 3_600 * SECOND, Call::Command(Command::Stop)));
    push(Record::Notice(Notice {
        at: Nanos(6 * 3_600 * SECOND),
        text: "synth is gone\nmore".to_owned(),
        is_wrong: true,
    }));
    push(Record::Meters(Meters { at: SECOND, withheld: 9, ..Meters::default() }));
    push(Record::End(End { at: Nanos(SECOND + 6 * 3_600 * SECOND), why: "asked to".to_owned() }));
    segments.flush().unwrap();
    let report = report(&Log::open(&path).unwrap(), 20);
    assert_eq!((report.length_s, report.ended.as_deref()), (21_600.0, Some("asked to")));
    // Twelve of half an hour, and what is at their end.
    assert_eq!(report.stretches.len(), 13);
    let Lateness { count, p50_ns, max_ns, late, .. } = report.lateness;
    assert_eq!((count, max_ns, late), (43_198, 2_000_000, 7_200));
    assert!((10_000..=10_700).contains(&p50_ns), "{p50_ns}");
    for (stretch, half_hour) in report.stretches.iter().zip(0..12) {
        assert_eq!(stretch.lateness.late, if half_hour / 2 == 3 { 3_600 } else { 0 }, "{half_hour}");
        let jitter = stretch.jitter_p99_ns.unwrap();
        assert!((900_000..=1_200_000).contains(&jitter), "{jitter}");
    }
    let events: Vec<(&str, u64)> = report.events.iter().map(|event| (event.what.as_str(), event.times)).collect();
    assert_eq!(events, [("start", 1), ("cc lead 74 63", 7_200), ("stop", 1), ("synth is gone", 1)]);
    let wrong = &report.wrong;
    assert_eq!((wrong.late, wrong.skipped, wrong.refused, wrong.lost_trace, wrong.withheld), (7_200, 1, 1, 1, 9));
    let port = &report.ports[0];
    assert_eq!((port.name.as_str(), port.sent, port.absent, port.heard), ("synth", 43_197, 1, 43_200));
    let picture = tightrope::blackbox::drawing::draw(&Log::open(&path).unwrap(), &report).unwrap();
    assert!(picture.len() < 200_000 && picture.contains("start"), "{}", picture.len());
}

/// Everything that a foreign log may say of numbers, at its limits.
#[test]
fn numbers_of_a_foreign_log_may_be_anything() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::create(root.path(), "a", UNIX_EPOCH, 1 << 30).unwrap();
    let path = folder.path().to_owned();
    let mut segments = Segments::begin(folder, Head { began: u64::MAX, began_unix_ms: u64::MAX, ..head() }, 0).unwrap();
    let most = u16::MAX;
    let scene = Scene {
        at: u64::MAX,
        is_running: true,
        pattern: most,
        part: Some(most),
        muted: vec![most],
        soloed: vec![most],
    };
    let sent = |number, at, due| {
        let message = Message::Clock;
        Sent {
            number,
            at: Nanos(at),
            due: Nanos(due),
            tick: Tick(i64::MIN),
            port: PortSlot(15),
            track: Some(TrackSlot(most)),
            message,
            fate: Fate::Sent,
        }
    };
    let called = |number, at: u64| Called {
        number,
        at: Nanos(at),
        tick: Tick(i64::MAX),
        mark: Mark { now: Nanos(u64::MAX), made: u64::MAX, progress: Some(Progress::CaughtUp) },
        call: Call::Command(Command::Mute(TrackSlot(most), Switch::On)),
        device: DeviceTime(u64::MAX),
        returned: false,
    };
    let meters =
        |bpm| Record::Meters(Meters { at: u64::MAX, bpm: Some(bpm), lost_inputs: u64::MAX, ..Meters::default() });
    let records = [
        Record::Scene(scene),
        Record::Lost(u64::MAX),
        Record::Lost(u64::MAX),
        meters(f64::INFINITY),
        meters(f64::NAN),
        meters(f64::MAX),
        meters(-1.0),
        meters(120.0),
        Record::Made(sent(0, 0, u64::MAX)),
        Record::Made(sent(u64::MAX, u64::MAX, 0)),
        Record::Called(called(0, 0)),
        Record::Called(called(u64::MAX, u64::MAX)),
        Record::Called(called(u64::MAX, 0)),
    ];
    records.iter().for_each(|record| segments.push(record).unwrap());
    segments.flush().unwrap();
    // Two segments of one number, and the last that there can be.
    let first = std::fs::read(path.join("00000.log")).unwrap();
    for name in ["0.log", "4294967295.log"] {
        std::fs::write(path.join(name), &first).unwrap();
    }
    let log = Log::open(&path).unwrap();
    let told = report(&log, 20);
    assert_eq!(told.wrong.lost_records, u64::MAX);
    assert!(told.events.iter().any(|event| event.what.contains("#65536")), "{:?}", told.events);
    assert!(tightrope::blackbox::drawing::draw(&log, &told).is_ok());
    assert!(!tightrope::blackbox::folder::date(u64::MAX).is_empty());
}

#[test]
fn what_was_done_is_told_with_its_bar_in_the_meter_of_the_set_that_plays() {
    let root = tempfile::tempdir().unwrap();
    let (folder, path) = log_in(root.path());
    let mut segments = Segments::begin(folder, Head { began: 1_000_000_000, ..head() }, 64 << 20).unwrap();
    let set = |edition, text: &str| {
        Record::Set(SetText { edition, own_clock: false, origin: "a.toml".into(), text: text.as_bytes().to_vec() })
    };
    let mut number = 0;
    let mut call = |tick: i64, call: Call| {
        number += 1;
        let (at, mark, device) = (Nanos(1_000_000_000 + number), Mark::default(), DeviceTime(0));
        Record::Called(Called { number: number - 1, at, tick: Tick(tick), mark, call, device, returned: false })
    };
    let end = |ticks| Call::Command(Command::EndAfter(TickSpan(ticks)));
    for record in [
        call(0, Call::Command(Command::Panic)),
        set(0, "meter = \"3/4\"\n"),
        call(0, Call::Command(Command::Start)),
        // One that is saved plays when it is taken up.
        set(1, "meter = \"7/8\"\n"),
        call(2_880 + 960, end(5_760)),
        call(5_760, Call::Adopt(1)),
        call(3_360 + 480, end(6_720)),
        set(2, "meter = \"none\""),
        call(6_720, Call::Adopt(2)),
    ] {
        segments.push(&record).unwrap();
    }
    segments.flush().unwrap();
    let told = report(&Log::open(&path).unwrap(), 20);
    let told: Vec<_> = told.events.iter().map(|event| (event.position.as_deref(), &*event.what)).collect();
    let expected = [
        (None, "panic"),
        (Some("1.1"), "start"),
        (Some("2.2"), "end after 2 bars"),
        (Some("2.6"), "the saved set plays"),
        (Some("2.2"), "end after 2 bars"),
        (None, "the saved set plays"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn notices_and_scenes_are_told_with_their_bar_though_only_messages_are_logged_with_it() {
    let root = tempfile::tempdir().unwrap();
    let (folder, path) = log_in(root.path());
    let mut segments = Segments::begin(folder, Head { began: 1_000_000_000, ..head() }, 64 << 20).unwrap();
    let at = |seconds: f64| 1_000_000_000 + (seconds * 1e9) as u64;
    let set = SetText { edition: 0, own_clock: true, origin: "a.toml".into(), text: b"tempo = 120\n".to_vec() };
    let call = |number, seconds, tick, command| {
        let (call, mark, device) = (Call::Command(command), Mark::default(), DeviceTime(0));
        let (at, tick) = (Nanos(at(seconds)), Tick(tick));
        Record::Called(Called { number, at, tick, mark, call, device, returned: false })
    };
    let notice =
        |seconds, text: &str| Record::Notice(Notice { at: Nanos(at(seconds)), text: text.into(), is_wrong: true });
    let scene = |seconds, is_running, pattern| {
        Record::Scene(Scene { at: at(seconds), is_running, pattern, ..Scene::default() })
    };
    for record in [
        Record::Set(set),
        notice(0.0, "before all"),
        call(0, 0.0, 0, Command::Start),
        Record::Meters(Meters { at: at(0.0), bpm: Some(120.0), ..Meters::default() }),
        scene(0.001, true, 0),
        // Half a second is a quarter.
        notice(1.6, "a cable"),
        scene(4.01, true, 1),
        call(1, 5.0, 9_600, Command::Stop),
        scene(5.001, false, 1),
        notice(60.0, "much later"),
    ] {
        segments.push(&record).unwrap();
    }
    segments.flush().unwrap();
    let told = report(&Log::open(&path).unwrap(), 20);
    let told: Vec<_> = told.events.iter().map(|event| (event.position.as_deref(), &*event.what)).collect();
    let expected = [
        (None, "before all"),
        (Some("1.1"), "start"),
        (Some("1.1"), "the music runs"),
        (Some("1.4"), "a cable"),
        (Some("3.1"), "plays #2"),
        (Some("3.3"), "stop"),
        (Some("3.3"), "the music is stopped"),
        (Some("3.3"), "much later"),
    ];
    assert_eq!(told, expected);
}
