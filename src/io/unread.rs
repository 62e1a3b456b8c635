//! Whether a device reads what is sent to it.
//!
//! On ALSA a send never waits. To a device the kernel copies the bytes into a buffer of 4,096, which the driver empties as the
//! device takes them; once it is full, what is sent is dropped, and the send succeeds (`dump_midi` in
//! `sound/core/seq/seq_midi.c`). How full it is can be read in `/proc/asound`. To another program the kernel copies the event
//! into a pool of that program; once that is full, it is dropped as well, and the send succeeds (seen on the stage). How full the
//! pool is stands in `/proc/asound/seq/clients`.
//!
//! So a device is taken for one that does not read when its buffer is three quarters full (at a DIN cable's pace that is one
//! second of sound that has not been heard), or when messages have been refused since the last look and none was taken; and
//! for one that reads again when half of the buffer is free, or messages are taken again and none is refused.
//!
//! Elsewhere than on Linux nothing is known of it.

use std::cell::OnceCell;
use std::fs;

/// The numbers of the sequencer's clients that stand for sound cards: four for each card, from 16 on
/// (`snd_seq_create_kernel_client` in `sound/core/seq/seq_clientmgr.c`).
const FIRST_OF_CARDS: u32 = 16;
const CLIENTS_PER_CARD: u32 = 4;
const FIRST_OF_PROGRAMS: u32 = 128;

/// What a device has yet to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The bytes that the kernel holds for it.
    pub bytes: u64,
    /// The most that it would hold.
    pub of: u64,
}

/// What the kernel tells at one time. The list of all programs is long to make, and is read once for all who ask.
#[derive(Default)]
pub struct Told {
    programs: OnceCell<Option<String>>,
}

impl Told {
    /// Returns what is known of the device or program at `address`, such as `24:0`.
    #[must_use]
    pub fn unread(&self, address: &str) -> Option<Unread> {
        if let Some((file, stream)) = place_of(address) {
            return parse(&fs::read_to_string(file).ok()?, stream);
        }
        let client = address.split(':').next()?.parse().ok().filter(|&client| client >= FIRST_OF_PROGRAMS)?;
        // Names may hold any bytes.
        let read = || Some(String::from_utf8_lossy(&fs::read("/proc/asound/seq/clients").ok()?).into_owned());
        parse_pool(self.programs.get_or_init(read).as_deref()?, client)
    }
}

/// Returns what `text` tells of the input pool of client number `client` (`snd_seq_info_clients_read` in
/// `sound/core/seq/seq_clientmgr.c`). Events count as bytes do.
fn parse_pool(text: &str, client: u32) -> Option<Unread> {
    let is_client =
        |line: &str| line.strip_prefix("Client ").and_then(|rest| rest.split(':').next()?.trim().parse().ok());
    let of_client = text.lines().skip_while(|line| is_client(line) != Some(client)).skip(1);
    let of_client = of_client.take_while(|line| is_client(line).is_none());
    let pool: Vec<&str> = of_client.skip_while(|line| line.trim() != "Input pool :").collect();
    let number = |name: &str| {
        let (_, value) = pool.iter().filter_map(|line| line.split_once(':')).find(|(known, _)| known.trim() == name)?;
        value.trim().parse().ok()
    };
    Some(Unread { bytes: number("Cells in use")?, of: number("Pool size")? })
}

/// Returns where the kernel tells of the device at `address`: a file, and the number of the stream in it.
fn place_of(address: &str) -> Option<(String, u32)> {
    let (client, stream) = address.split_once(':')?;
    let (client, stream): (u32, u32) = (client.parse().ok()?, stream.parse().ok()?);
    let place = client.checked_sub(FIRST_OF_CARDS).filter(|_| client < FIRST_OF_PROGRAMS)?;
    let (card, device) = (place / CLIENTS_PER_CARD, place % CLIENTS_PER_CARD);
    Some((format!("/proc/asound/card{card}/midi{device}"), stream))
}

/// Returns what `text` tells of output number `stream`.
fn parse(text: &str, stream: u32) -> Option<Unread> {
    let heading = format!("Output {stream}");
    let of_stream = || {
        let lines = text.lines().skip_while(|line| line.trim() != heading).skip(1);
        lines.take_while(|line| line.starts_with(' '))
    };
    let number = |name: &str| {
        let named = |line: &str| {
            let (known, value) = line.split_once(':')?;
            (known.trim() == name).then(|| value.trim().parse::<u64>().ok())?
        };
        of_stream().find_map(named)
    };
    let (of, free) = (number("Buffer size")?, number("Avail")?);
    Some(Unread { bytes: of.saturating_sub(free), of })
}

/// Whether a device reads has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It does not any more.
    Stopped,
    /// It does again.
    Again,
}

/// What is known of one device.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    has_stopped: bool,
    /// What had been sent and refused at the last look.
    counted: Option<(u64, u64)>,
}

impl Reader {
    /// A look at the device: what it has yet to read, if that is known, and how many messages have been taken and refused.
    pub fn look(&mut self, unread: Option<Unread>, (sent, refused): (u64, u64)) -> Option<Change> {
        let before = self.counted.replace((sent, refused)).unwrap_or((sent, refused));
        let (was_taken, was_refused) = (sent > before.0, refused > before.1);
        let is_above = |quarters: u64| unread.is_some_and(|unread| 4 * unread.bytes > quarters * unread.of);
        let changes = match self.has_stopped {
            false => is_above(3) || was_refused && !was_taken,
            true => !is_above(2) && (unread.is_some() || was_taken) && !was_refused,
        };
        if !changes {
            return None;
        }
        self.has_stopped = !self.has_stopped;
        Some(if self.has_stopped { Change::Stopped } else { Change::Again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a kernel 6.1 says it of a device with two outputs, of which the second is open.
    const TOLD: &str = "USB MIDI\n\nOutput 0\n  Tx bytes     : 7\nOutput 1\n  Tx bytes     : 5521\n  Owner PID    : 311\n  \
                        Mode         : native\n  Buffer size  : 4096\n  Avail        : 96\nInput 0\n  Rx bytes     : 3\n  \
                        Buffer size  : 4096\n  Avail        : 0\n  Overruns     : 0\n";

    #[test]
    fn what_the_kernel_tells_is_read() {
        assert_eq!(parse(TOLD, 1), Some(Unread { bytes: 4_000, of: 4_096 }));
        assert_eq!((parse(TOLD, 0), parse(TOLD, 2), parse("", 0)), (None, None, None), "not open, not there");
    }

    #[test]
    fn the_pool_of_a_program_is_read() {
        let told = "Client info\n  cur  clients : 4\n\nClient  14 : \"Midi Through\" [Kernel]\n  Port   0 : \"Midi Through Port-0\" (RWe-)\n\
                    Client 128 : \"Deaf\" [User]\n  Port   0 : \"Deaf MIDI 1\" (RWeX)\n    Connected From: 130:0\n  \
                    Output pool :\n    Pool size          : 500\n    Cells in use       : 1\n  \
                    Input pool :\n    Pool size          : 200\n    Cells in use       : 187\n    Peak cells in use  : 200\n\
                    Client 129 : \"Other\" [User]\n  Input pool :\n    Pool size          : 100\n    Cells in use       : 0\n";
        assert_eq!(parse_pool(told, 128), Some(Unread { bytes: 187, of: 200 }));
        assert_eq!(parse_pool(told, 129), Some(Unread { bytes: 0, of: 100 }));
        assert_eq!((parse_pool(told, 14), parse_pool(told, 12), parse_pool("", 128)), (None, None, None));
    }

    #[test]
    fn a_card_is_found_by_its_client() {
        assert_eq!(place_of("24:0"), Some(("/proc/asound/card2/midi0".into(), 0)));
        assert_eq!(place_of("17:3"), Some(("/proc/asound/card0/midi1".into(), 3)));
        assert_eq!(["14:0", "128:0", "", "a:0", "24"].map(place_of), [const { None }; 5], "no cards");
    }

    #[test]
    fn a_device_that_stops_and_goes_on_is_told_once_each() {
        let filled = |bytes| Some(Unread { bytes, of: 4_096 });
        let mut reader = Reader::default();
        let told: Vec<_> = [0, 3_000, 3_072, 3_073, 4_096, 2_500, 2_048, 0, 3_000]
            .into_iter()
            .zip(1u64..)
            .map(|(bytes, look)| reader.look(filled(bytes), (10 * look, 0)))
            .collect();
        let (stopped, again) = (Some(Change::Stopped), Some(Change::Again));
        assert_eq!(told, [None, None, None, stopped, None, None, again, None, None]);
    }

    #[test]
    fn a_program_that_stops_refuses() {
        let mut reader = Reader::default();
        let counts = [(5, 2), (9, 2), (9, 3), (9, 8), (9, 8), (11, 9), (14, 9), (14, 9)];
        let told = counts.map(|counted| reader.look(None, counted));
        let (stopped, again) = (Some(Change::Stopped), Some(Change::Again));
        assert_eq!(told, [None, None, stopped, None, None, None, again, None], "what came before it is not asked");
    }
}
