//! The events of a track, one after the other, as players read them: a running status lasts over what is no channel message,
//! and what belongs on wires alone is passed over.

use midly::{EventIter, TrackEvent, TrackEventKind};

/// Reads the events of a track.
#[derive(Debug)]
pub struct Events<'b> {
    iter: EventIter<'b>,
    /// The status of the last channel message.
    running: Option<u8>,
    /// The time that has passed over what was left out.
    skipped: i64,
    /// How many events were read, or left out, that are against the letter.
    pub odd: usize,
}

/// There is something that is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoEvent;

impl<'b> Events<'b> {
    /// The events in `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Events<'b> {
        Events { iter: EventIter::new(bytes), running: None, skipped: 0, odd: 0 }
    }

    /// The next event, and how long after the one before; `None` at the end of the bytes.
    ///
    /// # Errors
    ///
    /// When something comes that is no event.
    pub fn next(&mut self) -> Result<Option<(i64, TrackEvent<'b>)>, NoEvent> {
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
            let (delta, rest) = pass_over(left).ok_or(NoEvent)?;
            self.odd += 1;
            self.skipped = self.skipped.saturating_add(delta);
            self.iter = EventIter::new(rest);
        }
    }

    /// Whether there are bytes left that say anything.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.iter.unread().iter().any(|&byte| byte != 0)
    }
}

/// Whether a data byte stands behind the time of the event that `bytes` begin with.
fn begins_with_data(bytes: &[u8]) -> bool {
    number(bytes).and_then(|(_, rest)| rest.first()).is_some_and(|&byte| byte < 0x80)
}

/// A number of variable length, and what comes after it.
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let length = 1 + bytes.iter().take(4).position(|&byte| byte < 0x80)?;
    let (number, rest) = bytes.split_at_checked(length)?;
    Some((number.iter().fold(0, |number, byte| number << 7 | i64::from(byte & 0x7F)), rest))
}

/// What comes after the event that `bytes` begin with, if it has a known length and can be done without; and its time.
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
