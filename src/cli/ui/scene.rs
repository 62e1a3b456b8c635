//! What is shown, as plain data: made of a look at the show, of what is remembered of it, and of what the hands have chosen.
//! Two scenes that are equal look the same, so nothing is drawn between them.

use std::rc::Rc;

use super::hands::{Hands, Over, pages};
use super::keys::{PATTERNS_PER_PAGE, pattern_key};
use super::steps::{self, Cells, Figure};
use super::watch::{Glow, Watch};
use crate::control::View;
use crate::engine::ClockSource;
use crate::engine::arrangement::transport::Phase;
use crate::engine::program::{AfterSong, PatternSlot, TrackSlot};
use crate::link::{OCTAVES, Percentiles};
use crate::time::{Tick, TickSpan};

/// What is shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// What the set is called.
    pub set: String,
    /// What the transport is doing.
    pub phase: Phase,
    /// Where the music is, counted from 1.
    pub bar: i64,
    /// And the beat in the bar.
    pub beat: i64,
    /// The length of a beat, and of a bar.
    pub meter: (TickSpan, TickSpan),
    /// The pattern that plays.
    pub pattern: String,
    /// The part of the song: its number, and how many there are.
    pub part: Option<(usize, usize)>,
    /// What comes next.
    pub next: Option<Next>,
    /// Whether the part is held.
    pub holds: bool,
    /// Whether a fill is asked for.
    pub fills: bool,
    /// What is recorded.
    pub recording: Option<String>,
    /// What is bound to whatever is touched next.
    pub learning: Option<String>,
    /// The tempo, in hundredths of a BPM.
    pub tempo: Option<u64>,
    /// Where it comes from.
    pub clock: Clock,
    /// The tracks.
    pub tracks: Vec<Row>,
    /// Which of them is chosen.
    pub chosen: usize,
    /// The patterns of the page.
    pub patterns: Vec<Pad>,
    /// Which page of how many, from 1.
    pub page: (usize, usize),
    /// The ports.
    pub ports: Vec<Port>,
    /// What is measured.
    pub timing: Timing,
    /// What is wrong with the set file.
    pub mistake: Option<String>,
    /// What was said last, and whether something is wrong.
    pub said: Option<(String, bool)>,
    /// Whether the keys are locked.
    pub is_locked: bool,
    /// What lies over the rest.
    pub over: Over,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// The pattern; `None` where the music stops.
    pub pattern: Option<String>,
    /// In how many beats: 1 in the last one.
    pub beats: i64,
    /// Whether hands have asked for it; otherwise it is the song's.
    pub is_asked_for: bool,
}

/// Where the clock comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// It is our own.
    Own,
    /// It is that of a port, which is heard.
    Follows(String),
    /// It is that of a port, which has not been heard for so many seconds; `None` where it never has.
    Misses(String, Option<u64>),
}

/// A track.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// What it is called.
    pub name: String,
    /// Whether it is muted, and soloed.
    pub muted: bool,
    /// Whether it is soloed.
    pub soloed: bool,
    /// Whether it is heard.
    pub is_heard: bool,
    /// How lately it has played.
    pub glow: Glow,
    /// What it plays.
    pub figure: Option<Rc<Figure>>,
    /// The cells that play now, of all in one row, and of each voice; none while nothing plays.
    pub at: Option<(usize, Vec<usize>)>,
    /// The most voices that it has in any pattern, and 1 at least: so many rows are kept for it where there is room.
    pub most_voices: usize,
    /// The pattern that it plays, where it is not the one that all play.
    pub pattern: Option<String>,
    /// How far it is transposed, in semitones and in degrees.
    pub transposed: [i32; 2],
}

/// A pattern with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pad {
    /// What launches it.
    pub key: char,
    /// What it is called.
    pub name: String,
    /// Whether it plays.
    pub plays: bool,
    /// Whether it is next.
    pub is_next: bool,
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    /// What the set calls it.
    pub name: String,
    /// What it is connected to; `None` where the show plays without ports.
    pub state: Option<Connected>,
    /// How many messages went out.
    pub sent: u64,
    /// How many messages were refused, or lost on their way in.
    pub lost: u64,
    /// How many values gave way to newer ones.
    pub withheld: u64,
    /// The port whose clock comes back here.
    pub echo_of: Option<String>,
    /// The port to which was sent what comes back here, if anything does.
    pub returns_from: Option<String>,
}

/// What a port is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connected {
    /// Whether its output is open, and its input.
    pub output: bool,
    /// Whether its input is open.
    pub input: bool,
    /// Whether something is missing.
    pub is_missing: bool,
    /// The device, by the system's name.
    pub device: Option<String>,
}

/// What is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Timing {
    /// Lateness of all messages since the start.
    pub lateness: Percentiles,
    /// The same, by powers of two.
    pub octaves: [u64; OCTAVES],
    /// How late the real-time thread woke up.
    pub wake: Percentiles,
    /// Jitter of the followed clock.
    pub jitter: Percentiles,
    /// How good its estimate is.
    pub estimate: Percentiles,
    /// Notes that were not played, messages that were refused, and messages that were lost on their way in.
    pub drops: u64,
    /// What the machine has granted.
    pub granted: String,
}

/// The rows of tracks as they were made last: made anew only when what they show has changed.
#[derive(Default)]
pub(crate) struct Rows {
    figures: Vec<Option<(RowKey, Option<Rc<Figure>>)>>,
    /// The most voices of each track, and of which edition of the set.
    voices: Option<(u64, Vec<usize>)>,
}

/// Edition of the set, pattern, fill, and the passes of the lanes.
type RowKey = (u64, PatternSlot, bool, Vec<i64>);

impl Rows {
    /// Returns what `track` plays in `pattern`, which began at `origin`, at `position`.
    fn figure(
        &mut self,
        view: &View<'_>,
        track: TrackSlot,
        (pattern, origin): (PatternSlot, Tick),
        position: Tick,
    ) -> Option<Rc<Figure>> {
        let clip = view.set.program.patterns.get(usize::from(pattern.0))?.clip(track)?;
        let passes = steps::passes(clip, position - origin);
        let key = (view.edition, pattern, view.status.fills, passes);
        let index = usize::from(track.0);
        if self.figures.len() <= index {
            self.figures.resize(index + 1, None);
        }
        let row = &mut self.figures[index];
        match row {
            Some((known, figure)) if *known == key => figure.clone(),
            _ => {
                let figure = steps::figure(clip, &key.3, key.2).map(Rc::new);
                *row = Some((key, figure.clone()));
                figure
            }
        }
    }

    /// The most voices that `track` has in any pattern.
    fn most_voices(&mut self, view: &View<'_>, track: TrackSlot) -> usize {
        let known = self.voices.take().filter(|(edition, _)| *edition == view.edition);
        let (edition, voices) = known.unwrap_or_else(|| {
            let mut voices = vec![1; view.set.tracks.len()];
            for clip in view.set.program.patterns.iter().flat_map(|pattern| &pattern.clips) {
                if let Some(most) = voices.get_mut(usize::from(clip.track.0)) {
                    *most = steps::voices(clip).max(*most);
                }
            }
            (view.edition, voices)
        });
        let most = voices.get(usize::from(track.0)).copied().unwrap_or(1);
        self.voices = Some((edition, voices));
        most
    }
}

impl Scene {
    /// Returns what there is to show of `view`.
    #[must_use]
    pub(crate) fn of(view: &View<'_>, watch: &Watch, hands: &Hands, rows: &mut Rows) -> Scene {
        let &View { set, position, snapshot, status, .. } = view;
        let meter = set.program.meter;
        let (bar, beat, _) = meter.bar_beat_tick(position);
        let parts = set.program.song.parts.len();
        Scene {
            set: set.name.clone(),
            phase: snapshot.phase,
            bar,
            beat,
            meter: (meter.beat(), meter.bar()),
            pattern: name(&set.patterns, status.pattern.0.into()),
            part: status.part.map(|part| (usize::from(part.0) + 1, parts)),
            next: next(view, position),
            holds: status.holds,
            fills: status.fills,
            recording: view.recording.map(str::to_owned),
            learning: view.learning.map(str::to_owned),
            tempo: snapshot.bpm.map(|bpm| (bpm * 100.0).round() as u64),
            clock: clock(view, watch),
            tracks: set.order.tracks.iter().map(|&slot| row(view, watch, rows, TrackSlot(slot as u16))).collect(),
            chosen: hands.chosen_among(&set.order.tracks),
            patterns: pads(view, hands),
            page: (hands.page.min(pages(set.order.patterns.len()) - 1) + 1, pages(set.order.patterns.len())),
            ports: ports(view),
            timing: timing(view),
            mistake: view.mistake.map(str::to_owned),
            said: watch.said().map(|notice| (notice.text.clone(), notice.is_wrong)),
            is_locked: hands.is_locked,
            over: hands.over.clone(),
        }
    }
}

fn name(names: &[String], index: usize) -> String {
    names.get(index).cloned().unwrap_or_default()
}

fn row(view: &View<'_>, watch: &Watch, rows: &mut Rows, track: TrackSlot) -> Row {
    let &View { set, position, status, .. } = view;
    let (muted, soloed) = (status.muted.contains(track), status.soloed.contains(track));
    let (pattern, origin) = view.playing.of(track).unwrap_or((status.pattern, status.origin));
    let figure = rows.figure(view, track, (pattern, origin), position);
    let plays = view.snapshot.phase == Phase::Running && position >= origin;
    let at = figure.as_deref().filter(|_| plays).map(|figure| {
        let at = |cells: &Cells| cells.at(origin, position);
        (figure.together.as_ref().map_or(0, at), figure.voices.iter().map(at).collect())
    });
    Row {
        name: name(&set.tracks, track.0.into()),
        muted,
        soloed,
        is_heard: !muted && (status.soloed.is_empty() || soloed),
        glow: watch.glow(track),
        pattern: (pattern != status.pattern && figure.is_some()).then(|| name(&set.patterns, pattern.0.into())),
        figure,
        at,
        most_voices: rows.most_voices(view, track),
        transposed: view.transposed(track),
    }
}

/// Returns what hands have asked for, or else what the song has next.
fn next(view: &View<'_>, position: Tick) -> Option<Next> {
    let &View { set, status, snapshot, .. } = view;
    if snapshot.phase == Phase::Stopped {
        return None;
    }
    let song = &set.program.song;
    let (pattern, line, is_asked_for) = match (status.queued, status.part) {
        (Some((pattern, line)), _) => (Some(pattern), line, true),
        (None, Some(part)) if !status.holds => {
            let index = usize::from(part.0);
            let line = status.origin + song.parts.get(index)?.length;
            let after = match (song.parts.get(index + 1), song.then) {
                (Some(part), _) => Some(part.pattern),
                (None, AfterSong::Loop) => Some(song.parts.first()?.pattern),
                (None, AfterSong::Stop) => None,
                (None, AfterSong::Hold) => return None,
            };
            (after, line, false)
        }
        _ => return None,
    };
    let left = (line - position).0;
    let beat = set.program.meter.beat().0;
    // The song's line has passed where a part was held: nobody knows from here where the next one is.
    (is_asked_for || left > 0).then(|| Next {
        pattern: pattern.map(|pattern| name(&set.patterns, pattern.0.into())),
        beats: ((left + beat - 1).div_euclid(beat)).max(1),
        is_asked_for,
    })
}

fn clock(view: &View<'_>, watch: &Watch) -> Clock {
    let port = match view.snapshot.clock_source {
        ClockSource::Own => return Clock::Own,
        ClockSource::Session => return Clock::Follows("the session".to_owned()),
        ClockSource::Port(port) => port,
    };
    let name = view.set.ports.get(usize::from(port.0)).map_or_else(|| "?".to_owned(), |port| port.name.clone());
    match watch.misses_clock(port) {
        None => Clock::Follows(name),
        Some(seconds) => Clock::Misses(name, seconds),
    }
}

fn pads(view: &View<'_>, hands: &Hands) -> Vec<Pad> {
    let order = &view.set.order.patterns;
    let page = hands.page.min(pages(order.len()) - 1);
    let of_page = order.iter().enumerate().skip(page * PATTERNS_PER_PAGE).take(PATTERNS_PER_PAGE);
    let pad = |(index, &slot): (usize, &usize)| Pad {
        key: pattern_key(index),
        name: name(&view.set.patterns, slot),
        plays: usize::from(view.status.pattern.0) == slot,
        is_next: view.status.queued.is_some_and(|(pattern, _)| usize::from(pattern.0) == slot),
    };
    of_page.map(pad).collect()
}

fn ports(view: &View<'_>) -> Vec<Port> {
    let name_of = |port: crate::engine::program::PortSlot| {
        view.set.ports.get(usize::from(port.0)).map_or_else(|| "?".to_owned(), |port| port.name.clone())
    };
    let port = |(port, measured): (&crate::set::Port, &crate::link::PortSnapshot)| Port {
        name: port.name.clone(),
        state: None,
        sent: measured.sent,
        lost: measured.failed + measured.lost_inputs,
        withheld: measured.withheld,
        echo_of: measured.echo_of.map(name_of),
        returns_from: measured.returned.iter().next().map(name_of),
    };
    let mut ports: Vec<Port> = view.set.ports.iter().zip(&view.snapshot.ports).map(port).collect();
    for (port, state) in ports.iter_mut().zip(view.ports) {
        port.state = Some(Connected {
            output: state.output.is_some(),
            input: state.input.is_some(),
            is_missing: state.is_missing,
            device: state.output.clone().or_else(|| state.input.clone()),
        });
    }
    ports.retain(|port| !port.name.is_empty());
    ports
}

fn timing(view: &View<'_>) -> Timing {
    let snapshot = view.snapshot;
    let lost: u64 = snapshot.ports.iter().map(|port| port.failed + port.lost_inputs).sum();
    Timing {
        lateness: snapshot.lateness,
        octaves: snapshot.lateness_octaves,
        wake: snapshot.wake,
        jitter: snapshot.input_jitter,
        estimate: snapshot.phase_error,
        drops: snapshot.skipped + lost,
        granted: view.granted.to_owned(),
    }
}
