//! What of a file is not as it was, in sentences: one for each kind.

use super::Score;
use crate::time::{Meter, Tempo, Tick};

/// What was found, and not kept, or not as it was.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Tempos that begin later, in beats per minute, and where.
    pub tempos: Vec<(i64, f64)>,
    /// Meters that begin later, and where.
    pub meters: Vec<(i64, (u8, u8))>,
    /// Key signatures that begin later.
    pub keys: usize,
    /// System exclusive messages.
    pub exclusive: usize,
    /// Messages of pressure of single keys.
    pub pressures: usize,
    /// Note-offs that say how fast.
    pub releases: usize,
    /// Lyrics.
    pub lyrics: usize,
    /// Cue points.
    pub cues: usize,
    /// Other texts.
    pub texts: usize,
    /// What means something to one program alone.
    pub private: usize,
    /// Notes that were never ended.
    pub hanging: usize,
    /// Tracks without an end.
    pub endless: usize,
    /// Tracks with something after their end.
    pub goes_on: usize,
    /// Notes without a length.
    pub empty: usize,
    /// Notes that were struck while their key sounded.
    pub doubled: usize,
    /// Note-offs without a note.
    pub strays: usize,
    /// Events that are against the letter.
    pub odd_events: usize,
    /// Events that have a data byte above 127.
    pub too_high: usize,
    /// Tracks that end within an event.
    pub torn: usize,
    /// Whether the tempo is none that a set can have.
    pub odd_tempo: bool,
    /// Whether the meter is none that a set can have.
    pub odd_meter: bool,
    /// Whether the file counts seconds.
    pub in_seconds: bool,
}

/// How many changes are told with their places.
const TOLD: usize = 4;

impl Counts {
    /// Adds a sentence for each kind to the remarks of `score`, whose meter is known.
    pub(crate) fn say(&self, score: &mut Score) {
        let mut remarks = std::mem::take(&mut score.remarks);
        let mut remark = |count: usize, one: &str, many: &str| match count {
            0 => {}
            1 => remarks.push(one.to_owned()),
            count => remarks.push(format!("{count} {many}")),
        };
        remark(
            self.odd_events,
            "an event is against the letter of the format; it is read as players do",
            "events are against the letter of the format; they are read as players do",
        );
        remark(self.too_high, "a value is above 127; it is read as 127", "values are above 127; they are read as 127");
        remark(
            self.torn,
            "a track ends within an event; what comes before that is read",
            "tracks end within an event; what comes before that is read",
        );
        remark(
            self.hanging,
            "a note was never ended; it ends with its track",
            "notes were never ended; they end with their tracks",
        );
        remark(
            self.endless,
            "a track had no end; its last event was taken for it",
            "tracks had no end; their last events were taken for it",
        );
        remark(
            self.goes_on,
            "a track goes on after its end; what is there is left out",
            "tracks go on after their ends; what is there is left out",
        );
        remark(self.empty, "a note had no length; it lasts a tick", "notes had no length; they last a tick each");
        remark(
            self.doubled,
            "a key was struck while it sounded; the first note ends there, and the first off is its own",
            "times a key was struck while it sounded; the first note ends there, and the first off is its own",
        );
        remark(self.strays, "a note-off had no note to end", "note-offs had no note to end");
        remark(self.pressures, "aftertouch of a key is left out", "messages of aftertouch of single keys are left out");
        remark(self.releases, "a release velocity is left out", "release velocities are left out");
        remark(self.exclusive, "a system exclusive message is left out", "system exclusive messages are left out");
        remark(self.lyrics, "a lyric is left out", "lyrics are left out");
        remark(self.cues, "a cue point is left out", "cue points are left out");
        remark(self.texts, "a text is left out", "texts are left out");
        remark(
            self.private,
            "an entry that one program alone understands is left out",
            "entries that one program alone understands are left out",
        );
        let meter = score.meter.unwrap_or(Meter::COMMON);
        let place = |at: i64| match meter.bar_beat_tick(Tick(at)) {
            (bar, 1, 0) => format!("bar {bar}"),
            (bar, beat, _) => format!("bar {bar}.{beat}"),
        };
        let where_to = |told: Vec<String>, count: usize| {
            let more = if count > told.len() { ", …" } else { "" };
            format!("{}{more}", told.join(", "))
        };
        let times = |count: usize| if count == 1 { "once".to_owned() } else { format!("{count} times") };
        if !self.tempos.is_empty() {
            let (count, kept) = (self.tempos.len(), score.tempo.map_or(120.0, Tempo::bpm));
            let told = self.tempos.iter().take(TOLD).map(|&(at, bpm)| format!("{}: {} BPM", place(at), short(bpm)));
            let places = where_to(told.collect(), count);
            remarks.push(format!("the tempo changes {} ({places}); the set keeps {}", times(count), short(kept)));
        }
        if !self.meters.is_empty() {
            let count = self.meters.len();
            let kept = score.meter.map_or("4/4".to_owned(), |meter| meter.to_string());
            let told = self.meters.iter().take(TOLD);
            let told = told.map(|&(at, (beats, unit))| format!("{}: {beats}/{unit}", place(at)));
            let places = where_to(told.collect(), count);
            remarks.push(format!("the meter changes {} ({places}); the set keeps {kept}", times(count)));
        }
        match self.keys {
            0 => {}
            1 => remarks.push("a change of key signature is left out".to_owned()),
            many => remarks.push(format!("{many} changes of key signature are left out")),
        }
        if self.odd_tempo {
            remarks.push(format!("the tempo is held to {} to {} BPM", Tempo::SLOWEST, Tempo::FASTEST));
        }
        if self.odd_meter {
            remarks.push("a meter that no set can have was left out; bars have four quarters".to_owned());
        }
        if self.in_seconds {
            remarks.push("the file counts seconds and has no tempo; its bars are those of 120 BPM".to_owned());
        }
        score.remarks = remarks;
    }
}

/// A tempo with no more digits than it needs.
fn short(bpm: f64) -> String {
    let rounded = (bpm * 1e3).round() / 1e3;
    format!("{rounded}")
}
