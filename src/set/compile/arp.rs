//! What an arpeggio is made of.

use super::Compiler;
use crate::engine::program::{Arp, ArpKeys};
use crate::midi::Key;
use crate::set::diagnostic::{Diagnostic, Report};
use crate::set::lane::{Held, Kind, LONGEST_ARP_GATE, MAX_ARP_NOTES, arrange};
use crate::set::notation::{self, Head, Voice};

impl Compiler<'_, '_> {
    pub(super) fn arp(&self, voice: Voice<'_>, report: &mut Report) -> Option<Arp> {
        let Kind::Arp { order, .. } = self.lane.kind else { return None };
        let text = &self.lane.text;
        let steps = notation::steps(text, 0..text.text.len(), voice, report);
        if let Some(step) = steps.get(MAX_ARP_NOTES) {
            report.add(text.place(step.span.clone()), || {
                Diagnostic::new("the arpeggio has too many notes")
                    .label("one too many")
                    .help(format!("an arpeggio has at most {MAX_ARP_NOTES} notes"))
            });
            return None;
        }
        let mut keys = Vec::with_capacity(steps.len());
        for step in &steps {
            let place = step.modified.clone().unwrap_or(step.span.clone());
            match step.head {
                Head::Play(key) if step.modified.is_none() && !step.accent => keys.push(key),
                Head::Play(_) => report.add(text.place(place), || {
                    Diagnostic::new("the notes of an arpeggio are plain")
                        .label("this changes one note")
                        .help("set `velocity` and `gate` for all of them beside `arp`")
                }),
                Head::Rest | Head::Hold => report.add(text.place(place), || {
                    Diagnostic::new("an arpeggio is made of notes")
                        .label("this is not a note")
                        .help("`rest` says when it rests, `lengths` how long its notes are")
                }),
            }
        }
        let moved: Vec<Key> = keys.iter().filter_map(|&key| self.lane.moved(key)).collect();
        if let (true, Some((_, span))) = (moved.len() < keys.len(), &self.lane.octave) {
            report.add(span.clone(), || self.off_the_keyboard());
        }
        let (keys, next_key) = arrange(order, moved);
        self.arp_of(ArpKeys::Written(keys.into(), next_key))
    }

    /// The arpeggio of the keys that are held down.
    pub(super) fn held_arp(&self, held: Held) -> Option<Arp> {
        let Kind::Arp { order, .. } = self.lane.kind else { return None };
        let octave = self.lane.octave.as_ref().map_or(0, |&(octave, _)| octave);
        self.arp_of(ArpKeys::Held { port: held.port, channel: held.channel, order, octave })
    }

    fn arp_of(&self, keys: ArpKeys) -> Option<Arp> {
        let Kind::Arp { lengths, pick, rest, .. } = &self.lane.kind else { return None };
        Some(Arp {
            keys,
            lengths: lengths.as_slice().into(),
            next_length: *pick,
            gate: self.lane.gate.unwrap_or(self.track.gate).min(LONGEST_ARP_GATE),
            velocity: self.velocity(None, false),
            rest: *rest,
        })
    }
}
