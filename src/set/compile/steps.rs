//! A line of steps becomes a loop of events.

use super::Compiler;
use crate::engine::program::{Action, Event, MAX_EVENTS, MAX_LENGTH, Steps};
use crate::set::mistake::{Mistake, Report};
use crate::set::notation::{self, Voice};
use crate::time::TickSpan;

impl Compiler<'_, '_> {
    pub(super) fn steps(
        &self,
        line: std::ops::Range<usize>,
        step: TickSpan,
        voice: Voice<'_>,
        report: &mut Report,
    ) -> Option<Steps> {
        let text = &self.lane.text;
        let steps = notation::steps(text, line, voice, report);
        let events = notation::events(text, &steps, report);
        let count = i64::try_from(steps.len()).ok()?;
        let most = MAX_LENGTH.0 / step.0;
        if count > most {
            let place = steps.get(usize::try_from(most).ok()?)?.span.clone();
            report.add(text.place(place), || {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Mistake::new("the line of steps is too long")
                    .label(format!("a line lasts at most {longest} quarter notes"))
                    .help("write fewer steps, or make them shorter")
            });
            return None;
        }
        if let Some(event) = events.get(MAX_EVENTS) {
            report.add(text.place(event.span.clone()), || {
                Mistake::new("the line of steps has too many notes")
                    .label("one too many")
                    .help(format!("a line has at most {MAX_EVENTS} notes"))
            });
            return None;
        }
        let events = events.iter().filter_map(|event| self.note(event, step, report)).collect();
        Some(Steps { length: step * count, events, ..Steps::default() })
    }

    fn note(&self, event: &notation::Event, step: TickSpan, report: &mut Report) -> Option<Event> {
        let held = step * i64::try_from(event.steps).ok()?;
        let percent = event.gate.or(self.lane.gate).unwrap_or(self.track.gate);
        let gate = if event.legato { held } else { held.percent(percent).max(TickSpan(1)) };
        if gate > MAX_LENGTH {
            report.add(self.lane.text.place(event.span.clone()), || {
                let longest = MAX_LENGTH.0 / TickSpan::QUARTER.0;
                Mistake::new("the note is too long")
                    .label(format!("a note sounds for at most {longest} quarter notes"))
                    .help("give it a smaller gate")
            });
            return None;
        }
        let velocity = self.velocity(event.velocity, event.accent);
        Some(Event {
            at: step * i64::try_from(event.step).ok()?,
            gate,
            action: Action::Note { key: event.key, velocity, legato: event.legato },
            turn: 0,
            guard: None,
        })
    }
}
