//! Which keyboards play which tracks by hand.

use crate::engine::program::{MAX_THRUS, PortSlot, Thru, TrackSlot};
use crate::midi::Channel;
use crate::set::diagnostic::{Diagnostic, Report};
use crate::set::document::Document;
use crate::set::lane::Kind;

/// The keyboards of `document` with their tracks. One that names no channel leaves out those that something else names, so
/// that keys that are there to transpose do not sound.
pub(super) fn compile(document: &Document<'_>, report: &mut Report) -> Box<[Thru]> {
    let mut thrus = Vec::new();
    for (slot, track) in (0..).map(TrackSlot).zip(&document.tracks) {
        let Some((thru, span)) = &track.thru else { continue };
        if thrus.len() == MAX_THRUS {
            report.add(span.clone(), || {
                Diagnostic::new("too many tracks are played by hand")
                    .label("one too many")
                    .help(format!("at most {MAX_THRUS} tracks of a set have a `thru`"))
            });
            break;
        }
        let channels = match thru.channel {
            Some(channel) => bit(channel),
            None => !named(document, thru.port),
        };
        thrus.push(Thru { track: slot, port: thru.port, channels, by: thru.by });
    }
    thrus.into()
}

const fn bit(channel: Channel) -> u16 {
    1 << channel.index()
}

/// The channels of `port` whose keys transpose or are held by something that names them.
fn named(document: &Document<'_>, port: PortSlot) -> u16 {
    let transposes = document.tracks.iter().filter_map(|track| track.transpose).chain(document.transpose);
    let transposes = transposes.map(|transpose| (transpose.port, transpose.channel));
    let held = document.patterns.iter().flat_map(|pattern| &pattern.lanes).filter_map(|lane| match lane.kind {
        Kind::Arp { held, .. } => held.map(|held| (held.port, held.channel)),
        Kind::Steps { .. } => None,
    });
    let here = transposes.chain(held).filter(|&(known, _)| known == port);
    here.filter_map(|(_, channel)| channel).fold(0, |channels, channel| channels | bit(channel))
}
