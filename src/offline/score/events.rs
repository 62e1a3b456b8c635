//! The events of a track, one after the other, as players read them: a running status lasts over what is no channel message,
//! what belongs on wires alone is passed over, and a data byte of 128 or more counts as 127: files say that for "all of it",
//! such as a volume of 255.

use midly::live::LiveEvent;
use midly::num::u28;
use midly::{EventIter, TrackEvent, TrackEventKind};

/// Reads the events of a track.
#[derive(Debug)]
pub(crate) struct Events<'b> {
    iter: EventIter<'b>,
    /// The status of the last channel message.
    running: Option<u8>,
    /// The time that has passed over what was left out.
    skipped: i64,
    /// How many events were read, or left out, that are against the letter.
    pub odd: usize,
    /// How many events have a data byte above 127.
    pub too_high: usize,
}

/// Why there is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoEvent {
    /// There is something else.
    Odd,
    /// The bytes end within it.
    CutOff,
}

impl<'b> Events<'b> {
    /// The events in `bytes`.
    #[must_use]
    pub(crate) fn new(bytes: &'b [u8]) -> Events<'b> {
        Events { iter: EventIter::new(bytes), running: None, skipped: 0, odd: 0, too_high: 0 }
    }

    /// The next event, and how long after the one before; `None` at the end of the bytes.
    ///
    /// # Errors
    ///
    /// When something comes that is no event, or is not all there.
    pub(crate) fn next(&mut self) -> Result<Option<(i64, TrackEvent<'b>)>, NoEvent> {
        loop {
            let left = self.iter.unread();
            let lacks_status = self.iter.running_status().is_none() && begins_with_data(left);
            if lacks_status {
                *self.iter.running_status_mut() = self.running;
            }
            if let Some(Ok(event)) = self.iter.next() {
                self.odd += usize::from(lacks_status);
                if matches!(event.kind, TrackEventKind::Midi { .. }) {
                    self.running = self.iter.running_status();
                }
                let delta = std::mem::take(&mut self.skipped).saturating_add(event.delta.as_int().into());
                return Ok(Some((delta, event)));
            }
            if left.is_empty() {
                return Ok(None);
            }
            // The parser stops at what it does not understand, and says no more of it than that there was something.
            if let Some((delta, status, kind, rest)) = too_high(left, self.running) {
                self.too_high += 1;
                self.running = Some(status);
                self.iter = EventIter::new(rest);
                *self.iter.running_status_mut() = self.running;
                let delta = std::mem::take(&mut self.skipped).saturating_add(delta);
                return Ok(Some((delta, TrackEvent { delta: u28::from(0), kind })));
            }
            if is_cut_off(left, self.running) {
                return Err(NoEvent::CutOff);
            }
            let (delta, rest) = pass_over(left).ok_or(NoEvent::Odd)?;
            self.odd += 1;
            self.skipped = self.skipped.saturating_add(delta);
            self.iter = EventIter::new(rest);
        }
    }

    /// The bytes that are left.
    #[must_use]
    pub(crate) fn left(&self) -> &'b [u8] {
        self.iter.unread()
    }

    /// Returns whether there are bytes left that say anything.
    #[must_use]
    pub(crate) fn goes_on(&self) -> bool {
        self.iter.unread().iter().any(|&byte| byte != 0)
    }
}

/// Returns whether a data byte stands after the time of the event that `bytes` begin with.
fn begins_with_data(bytes: &[u8]) -> bool {
    number(bytes).and_then(|(_, rest)| rest.first()).is_some_and(|&byte| byte < 0x80)
}

/// A number of variable length, and what comes after it.
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = 1 + bytes.iter().take(4).position(|&byte| byte < 0x80)?;
    let (number, rest) = bytes.split_at_checked(length)?;
    Some((number.iter().fold(0, |number, byte| number << 7 | i64::from(byte & 0x7F)), rest))
}

/// The status of the channel message that `bytes` begin with, perhaps the `running` one, its data, and its time; `None` if
/// there is no such message. There may be fewer data than it needs.
fn channel_message(bytes: &[u8], running: Option<u8>) -> Option<(i64, u8, &[u8])> {
    let (delta, rest) = number(bytes)?;
    match rest.split_first() {
        Some((&status, data)) if (0x80..0xF0).contains(&status) => Some((delta, status, data)),
        Some((..0x80, _)) => Some((delta, running?, rest)),
        _ => None,
    }
}

/// Returns how many bytes of data a channel message has.
fn data_bytes(status: u8) -> usize {
    if (0xC0..0xE0).contains(&status) { 1 } else { 2 }
}

/// The message that `bytes` begin with, where it has data above 127, which are taken for that: its time, its status, itself and
/// what comes after it.
fn too_high(bytes: &[u8], running: Option<u8>) -> Option<(i64, u8, TrackEventKind<'_>, &[u8])> {
    let (delta, status, data) = channel_message(bytes, running)?;
    let (data, rest) = data.split_at_checked(data_bytes(status))?;
    let message: Vec<u8> = std::iter::once(status).chain(data.iter().map(|&byte| byte.min(127))).collect();
    match LiveEvent::parse(&message) {
        Ok(LiveEvent::Midi { channel, message }) if data.iter().any(|&byte| byte > 127) => {
            Some((delta, status, TrackEventKind::Midi { channel, message }, rest))
        }
        _ => None,
    }
}

/// Returns whether `bytes` end within the event that they begin with.
fn is_cut_off(bytes: &[u8], running: Option<u8>) -> bool {
    if let Some((_, status, data)) = channel_message(bytes, running) {
        return data.len() < data_bytes(status);
    }
    let Some((_, rest)) = number(bytes) else {
        return bytes.len() < 4 && bytes.iter().all(|&byte| byte >= 0x80);
    };
    let length = match rest {
        [] | [0xFF] => return true,
        [0xFF, _, length @ ..] | [0xF0 | 0xF7, length @ ..] => length,
        _ => return false,
    };
    match number(length) {
        Some((length, rest)) => usize::try_from(length).is_ok_and(|length| rest.len() < length),
        None => length.len() < 4,
    }
}

/// Returns what comes after the event that `bytes` begin with, if it has a known length and can be done without; and its time.
fn pass_over(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (delta, rest) = number(bytes)?;
    let (&status, rest) = rest.split_first()?;
    let rest = match status {
        // A meta message with less in it than it needs.
        0xFF => {
            let (length, rest) = number(rest.get(1..)?)?;
            rest.get(usize::try_from(length).ok()?..)?
        }
        // Messages of the system, which have their place on wires.
        0xF2 => rest.get(2..)?,
        0xF1 | 0xF3 => rest.get(1..)?,
        0xF4..=0xF6 | 0xF8..=0xFE => rest,
        _ => return None,
    };
    Some((delta, rest))
}
