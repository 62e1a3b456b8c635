//! What a screen has to remember between two looks at a show: which track has just played, when a clock was heard last, and
//! what was said.

use crate::control::{Notice, View};
use crate::engine::program::{MAX_PORTS, MAX_TRACKS, PortSlot, TrackSlot};
use crate::link::{Heard, Sent};
use crate::midi::Message;
use crate::time::{Nanos, Span};

/// How long something that was said stays on the screen, and how long if something is wrong.
const SAID_FOR: Span = Span::from_millis(8_000);
const WRONG_FOR: Span = Span::from_millis(20_000);

/// How long a track that has played a note shows it: bright at first, then fading.
const BRIGHT_FOR: Span = Span::from_millis(120);
const GLOWS_FOR: Span = Span::from_millis(400);

/// A followed clock that has not been heard for so long is missed: four pulses of the slowest tempo.
const MISSED_AFTER: Span = Span::from_millis(500);

/// How lately a track has played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Glow {
    /// Not lately.
    #[default]
    Dark,
    /// A moment ago.
    Faint,
    /// Now.
    Bright,
}

/// What a screen remembers.
#[derive(Debug)]
pub(crate) struct Watch {
    /// By track, when it played last.
    played: Vec<Option<Nanos>>,
    /// By port, when its clock was heard last.
    clocks: [Option<Nanos>; MAX_PORTS],
    /// What was said last, and when the first look after it was.
    said: Option<(Notice, Option<Nanos>)>,
    /// Whether the set file had a mistake at the last look.
    saw_mistake: bool,
    now: Nanos,
}

impl Default for Watch {
    fn default() -> Watch {
        Watch {
            played: vec![None; MAX_TRACKS],
            clocks: [None; MAX_PORTS],
            said: None,
            saw_mistake: false,
            now: Nanos(0),
        }
    }
}

impl Watch {
    /// A look at the show.
    pub(crate) fn look(&mut self, view: &View<'_>) {
        self.now = view.now;
        // What was said of the set file before it had its mistake is not true any more.
        let saw_mistake = std::mem::replace(&mut self.saw_mistake, view.mistake.is_some());
        if view.mistake.is_some() && !saw_mistake {
            self.said.take_if(|(notice, _)| !notice.is_wrong && notice.text.starts_with("the set "));
        }
        if let Some((_, at)) = &mut self.said {
            at.get_or_insert(view.now);
        }
    }

    /// A message went out.
    pub(crate) fn sent(&mut self, sent: &Sent) {
        let track = sent.track.filter(|_| matches!(sent.message, Message::NoteOn(..)));
        if let Some(played) = track.and_then(|track| self.played.get_mut(usize::from(track.0))) {
            *played = Some(sent.at);
        }
    }

    /// A message came in.
    pub(crate) fn heard(&mut self, heard: &Heard) {
        if let (Message::Clock, Some(clock)) = (heard.message, self.clocks.get_mut(usize::from(heard.port.0))) {
            *clock = Some(heard.at);
        }
    }

    /// Something is said to the performer.
    pub(crate) fn say(&mut self, notice: Notice) {
        self.said = Some((notice, None));
    }

    /// Returns how lately `track` has played.
    #[must_use]
    pub(crate) fn glow(&self, track: TrackSlot) -> Glow {
        let played = self.played.get(usize::from(track.0)).copied().flatten();
        match played.map(|played| self.now.since(played)) {
            Some(ago) if ago < BRIGHT_FOR => Glow::Bright,
            Some(ago) if ago < GLOWS_FOR => Glow::Faint,
            _ => Glow::Dark,
        }
    }

    /// For how many seconds the clock on `port` has been missed: `None` while it comes, and a number below 1 where it has
    /// not come yet.
    #[must_use]
    pub(crate) fn misses_clock(&self, port: PortSlot) -> Option<Option<u64>> {
        let heard = self.clocks.get(usize::from(port.0)).copied().flatten();
        match heard.map(|heard| self.now.since(heard)) {
            None => Some(None),
            Some(ago) if ago > MISSED_AFTER => Some(Some(ago.0.unsigned_abs() / 1_000_000_000)),
            Some(_) => None,
        }
    }

    /// Returns what was said last, while it is new.
    #[must_use]
    pub(crate) fn said(&self) -> Option<&Notice> {
        let (notice, at) = self.said.as_ref()?;
        let stays = if notice.is_wrong { WRONG_FOR } else { SAID_FOR };
        at.is_none_or(|at| self.now.since(at) < stays).then_some(notice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_fades_and_what_is_wrong_stays_longer() {
        let mut watch = Watch::default();
        for (is_wrong, stays) in [(false, SAID_FOR), (true, WRONG_FOR)] {
            watch.say(Notice { text: "so".into(), is_wrong });
            let said_at = Nanos(1 << 40);
            if let Some((_, at)) = &mut watch.said {
                *at = Some(said_at);
            }
            watch.now = said_at + stays - Span(1);
            assert!(watch.said().is_some());
            watch.now = said_at + stays;
            assert!(watch.said().is_none());
        }
    }
}
