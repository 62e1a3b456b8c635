//! What the show tells its guardian: lines of text over a pipe, each a word and its numbers.
//!
//! The guardian outlives a show that went mad, and what such a show leaves in the pipe may be anything. So whatever cannot be
//! understood is passed over, a line has a greatest length, and a name is only ever compared.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::engine::program::{MAX_PORTS, PortSlot};
use crate::midi::Channel;

/// The longest line, in bytes. The longest that is sent has two names of at most 400 bytes.
pub const MAX_LINE: usize = 1024;

/// The longest name; ALSA's have at most 64 bytes for the client and 64 for the port.
const MAX_NAME: usize = 400;

/// The most outputs that the guardian holds: a slot that changes its device has two of them up to the bar line.
pub const MAX_GUARDED: usize = 2 * MAX_PORTS;

/// An output that the guardian is to hold. A slot may have several; their names tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardedPort {
    /// The slot that plays on it.
    pub slot: PortSlot,
    /// A bit for each channel that the show uses.
    pub channels: u16,
    /// Whether it gets the clock.
    pub clocked: bool,
    /// What the set calls it.
    pub label: String,
    /// What the system calls it.
    pub name: String,
}

impl GuardedPort {
    /// Returns whether the show uses `channel`.
    #[must_use]
    pub fn uses(&self, channel: Channel) -> bool {
        self.channels >> channel.index() & 1 == 1
    }

    /// Returns whether this is what `slot` has under `name`.
    #[must_use]
    pub fn is(&self, slot: PortSlot, name: &str) -> bool {
        self.slot == slot && self.name == name
    }
}

/// The modes of a terminal as they were before there was a screen on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cooked {
    /// Of input, output, control and local modes.
    pub flags: [u64; 4],
}

/// One thing that the guardian is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// The real-time thread is there: what the system's monotonic clock shows when the show's clock shows zero, in nanoseconds,
    /// and whether the show was granted a real-time class.
    Show {
        /// Whose guardian it is.
        pid: u32,
        /// In nanoseconds.
        origin_ns: u64,
        /// Whether the guardian is to ask for a real-time class too.
        realtime: bool,
    },
    /// This output has been opened, or something about it is new.
    Port(GuardedPort),
    /// The one of this slot and name is not open any more.
    Gone(PortSlot, String),
    /// Others have connected themselves with the show's virtual ports, or gone.
    Look,
    /// There is a screen on the terminal.
    Screen(Cooked),
    /// The show is crashing. Written by a signal handler, perhaps in the middle of something else.
    Crash,
    /// The show has ended, and everything is silent.
    Farewell,
}

/// What the handler of a crash writes. It begins with the end of a line, in case another was being written.
pub const CRASH: &[u8] = b"\ncrash\n";

/// A name as it is sent and compared: a name may hold anything, but a line has one end. Of one that is too long the end
/// stays, where the system's numbers stand.
#[must_use]
pub fn plain(name: &str) -> String {
    let begin = name.len().saturating_sub(MAX_NAME);
    let begin = (begin..=name.len()).find(|&begin| name.is_char_boundary(begin)).unwrap_or(name.len());
    name[begin..].chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Show { pid, origin_ns, realtime } => writeln!(f, "show {pid} {origin_ns} {}", u8::from(*realtime)),
            Word::Port(GuardedPort { slot, channels, clocked, label, name }) => {
                let (clocked, label, name) = (u8::from(*clocked), plain(label), plain(name));
                writeln!(f, "port {} {channels} {clocked} {label}\t{name}", slot.0)
            }
            Word::Gone(slot, name) => writeln!(f, "gone {} {}", slot.0, plain(name)),
            Word::Screen(Cooked { flags: [input, output, control, local] }) => {
                writeln!(f, "screen {input} {output} {control} {local}")
            }
            Word::Look => writeln!(f, "look"),
            Word::Crash => writeln!(f, "crash"),
            Word::Farewell => writeln!(f, "farewell"),
        }
    }
}

impl Word {
    /// Understands a line without its end.
    #[must_use]
    pub fn parse(line: &str) -> Option<Word> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let flag = |text: &str| match text {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        };
        match word {
            "show" => match rest.splitn(3, ' ').collect::<Vec<_>>()[..] {
                [pid, origin_ns, realtime] => Some(Word::Show {
                    pid: pid.parse().ok()?,
                    origin_ns: origin_ns.parse().ok()?,
                    realtime: flag(realtime)?,
                }),
                _ => None,
            },
            "port" => match rest.splitn(4, ' ').collect::<Vec<_>>()[..] {
                [number, channels, clocked, names] => {
                    let (label, name) = names.split_once('\t')?;
                    let (channels, clocked) = (channels.parse().ok()?, flag(clocked)?);
                    let (slot, label, name) = (slot(number)?, label.into(), name.into());
                    Some(Word::Port(GuardedPort { slot, channels, clocked, label, name }))
                }
                _ => None,
            },
            "gone" => {
                let (number, name) = rest.split_once(' ')?;
                Some(Word::Gone(slot(number)?, name.into()))
            }
            "screen" => {
                let flags: Option<Vec<u64>> = rest.split(' ').map(|flags| flags.parse().ok()).collect();
                Some(Word::Screen(Cooked { flags: flags?.try_into().ok()? }))
            }
            "look" => Some(Word::Look),
            "crash" => Some(Word::Crash),
            "farewell" => Some(Word::Farewell),
            _ => None,
        }
    }
}

fn slot(text: &str) -> Option<PortSlot> {
    text.parse().ok().filter(|&slot: &u8| usize::from(slot) < MAX_PORTS).map(PortSlot)
}

/// What the guardian lets the show see of itself, in the memory that both share: a show that waited for words from it could
/// be held up by it. Written by the guardian, and set to zero by the show before it starts one. Each stands for itself, so
/// every access is relaxed.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Attention {
    /// How many bytes of what it was told it has acted upon.
    heard: AtomicU64,
    /// How often it has looked around, which is once a second at least.
    looked: AtomicU64,
}

impl Attention {
    /// Notes that all of `bytes` more has been acted upon. The guardian only.
    pub fn note_heard(&self, bytes: usize) {
        self.heard.fetch_add(bytes as u64, Relaxed);
    }

    /// Notes that it has looked around. The guardian only.
    pub fn note_look(&self) {
        self.looked.fetch_add(1, Relaxed);
    }

    /// Returns how many bytes it has acted upon.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard.load(Relaxed)
    }

    /// Returns how often it has looked around.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.looked.load(Relaxed)
    }

    /// Another guardian begins. The show only, while there is none.
    pub fn reset(&self) {
        self.heard.store(0, Relaxed);
        self.looked.store(0, Relaxed);
    }
}

/// Makes words of bytes, however they are cut.
#[derive(Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    /// Whether the line that comes in is longer than any that is meant.
    too_long: bool,
}

impl Reader {
    /// Takes what was read, and tells `hear` each word of it. Keeps at most [`MAX_LINE`] bytes.
    pub fn take(&mut self, bytes: &[u8], mut hear: impl FnMut(Word)) {
        for &byte in bytes {
            if byte != b'\n' {
                self.too_long |= self.line.len() >= MAX_LINE;
                if !self.too_long {
                    self.line.push(byte);
                }
                continue;
            }
            let word = std::str::from_utf8(&self.line).ok().filter(|_| !self.too_long).and_then(Word::parse);
            word.into_iter().for_each(&mut hear);
            self.line.clear();
            self.too_long = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words_of(chunks: &[&[u8]]) -> Vec<Word> {
        let (mut reader, mut words) = (Reader::default(), Vec::new());
        chunks.iter().for_each(|chunk| reader.take(chunk, |word| words.push(word)));
        words
    }

    fn some_words() -> Vec<Word> {
        let port = |slot: u8, label: &str, name: &str| GuardedPort {
            slot: PortSlot(slot),
            channels: 0x8201,
            clocked: true,
            label: label.into(),
            name: name.into(),
        };
        vec![
            Word::Show { pid: 12, origin_ns: u64::MAX, realtime: true },
            Word::Port(port(0, "circuit", "Circuit:Circuit MIDI 1 24:0")),
            Word::Port(port(15, "", " ")),
            Word::Gone(PortSlot(3), "Circuit:Circuit MIDI 1 24:0".into()),
            Word::Screen(Cooked { flags: [0x500, 5, 0xbf, 0x8a3b] }),
            Word::Look,
            Word::Crash,
            Word::Farewell,
        ]
    }

    #[test]
    fn what_is_told_is_understood_however_it_is_cut() {
        let text: String = some_words().iter().map(ToString::to_string).collect();
        for size in [1, 2, 7, 4096] {
            assert_eq!(words_of(&text.as_bytes().chunks(size).collect::<Vec<_>>()), some_words());
        }
    }

    #[test]
    fn a_crash_in_the_middle_of_a_word_is_heard() {
        assert_eq!(words_of(&[b"port 1 3 0 a", CRASH]), [Word::Crash]);
    }

    #[test]
    fn what_cannot_be_meant_is_passed_over() {
        let long = [b"farewell".to_vec(), vec![b' '; 2 * MAX_LINE], b"farewell\n".to_vec()].concat();
        assert_eq!(words_of(&[&long, b"gone 1 a b\n"]), [Word::Gone(PortSlot(1), "a b".into())]);
        for line in [
            "",
            " ",
            "farewel",
            "gone",
            "gone 1",
            "gone 16 a",
            "gone -1 a",
            "port 1 2 3",
            "port 1 70000 0 a\tb",
            "port 1 1 2 a\tb",
            "port 1 1 1 ab",
            "show 1 2",
            "show 1 2 3",
            "screen 1 2 3",
            "screen 1 2 3 4 5",
            "Farewell",
        ] {
            assert_eq!(words_of(&[line.as_bytes(), b"\n"]), [], "{line}");
        }
        assert_eq!(words_of(&[b"\xff\xfe\n\0\nfarewell\n"]), [Word::Farewell]);
    }

    #[test]
    fn of_a_long_name_the_numbers_stay() {
        assert!(plain(&format!("{} 24:1", "ü".repeat(1_000))).ends_with("ü 24:1"));
        assert_eq!(plain("Circuit\t24:0"), "Circuit?24:0");
    }

    #[test]
    fn names_that_hold_anything_are_still_one_line() {
        let name = format!("a\nfarewell\n\t{}", "ü".repeat(1_000));
        let port = GuardedPort { slot: PortSlot(1), channels: 0, clocked: false, label: name.clone(), name };
        let text = Word::Port(port).to_string();
        assert!(text.len() <= MAX_LINE, "{}", text.len());
        let words = words_of(&[text.as_bytes()]);
        assert!(matches!(&words[..], [Word::Port(port)] if port.name == plain(&port.name)), "{words:?}");
    }

    proptest! {
        #[test]
        fn hostile_bytes_neither_panic_nor_grow(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..20)) {
            let mut reader = Reader::default();
            for chunk in &chunks {
                reader.take(chunk, |_| ());
                prop_assert!(reader.line.len() <= MAX_LINE);
            }
        }

        #[test]
        fn hostile_lines_neither_panic_nor_name_a_port_that_there_is_not(
            line in "(port|gone|show|screen) ([0-9 \t-]{0,40})\\PC{0,10}"
        ) {
            if let Some(Word::Port(GuardedPort { slot, .. }) | Word::Gone(slot, _)) = Word::parse(&line) {
                prop_assert!(usize::from(slot.0) < MAX_PORTS);
            }
        }
    }
}
