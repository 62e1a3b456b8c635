//! Notes become steps: the simplest lines of the step language that play exactly what was given.
//!
//! All lines of a track share one length of steps. The longest is taken on which every note can be written: its beginning on
//! a step (or, where the language has it, a percentage before or after one), its length as some steps held and a gate in
//! per cent that rounds to the very tick. In the last resort a step is a tick, on which everything can be written.
//!
//! Notes that are alike are a chord, drums have a line each, off-beats that are late as a swing would have them are written
//! with it, and a line is as long as what it repeats.
//!
//! What the language can say is in [`LANGUAGE`] and nowhere else, so that this grows with it.

mod fold;
pub mod kit;
pub mod row;
mod swing;
pub mod values;

use std::collections::BTreeMap;

use super::score::Note;
use crate::engine::program::Swing;
use crate::time::TickSpan;
use fold::Layout;
use row::{Page, Spelling, Written};
pub use swing::swing;

/// What of the step language may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language {
    /// `16(.)` for sixteen rests.
    pub groups: bool,
    /// `>20` and `<20`: late or early by that per cent of a step.
    pub timing: bool,
    /// The highest per cent of `timing`.
    pub most_timing: u32,
    /// `.{74=30}`: a controller that takes a value.
    pub values: bool,
}

/// What the step language can say at present. A test compares it with what is read.
pub const LANGUAGE: Language = Language { groups: true, timing: true, most_timing: 50, values: true };

/// The gates that can be written.
const GATES: std::ops::RangeInclusive<i64> = 1..=400;

/// How far from the plainest number of held steps another one is tried.
const TRIES: i64 = 200;

/// The swing of straight time, in per cent.
pub const STRAIGHT: u32 = 50;

/// The most steps of a line that is looked through for what it repeats.
const MOST_FOLDED: i64 = 16_384;

/// The steps that are tried after the grid, in ticks: sixteenths and their triplets down to a tick.
const STEPS: [i64; 17] = [240, 160, 120, 80, 60, 40, 30, 24, 20, 15, 12, 10, 8, 5, 3, 2, 1];

/// How notes are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// The steps that are tried first.
    pub grid: TickSpan,
    /// By how many ticks a note's beginning and its length may be moved to fit.
    pub tolerance: i64,
}

/// What a track plays in a pattern, in the step language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// How long a step is.
    pub step: TickSpan,
    /// The gate of the notes that do not say their own.
    pub gate: i64,
    /// The velocity of the notes that do not say their own.
    pub velocity: u8,
    /// How much of two steps the first one takes, in per cent.
    pub swing: u32,
    /// The steps, line by line, each a loop that comes round in the pattern.
    pub lines: Vec<String>,
}

/// How the notes of a track are written in every pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manner {
    /// What keys are called.
    pub spelling: Spelling,
    /// The length of the steps that swing, and the per cent of two of them that the first takes; nothing else is tried on
    /// these steps.
    pub swing: Option<(TickSpan, u32)>,
    /// How long a bar is. Positive.
    pub bar: TickSpan,
}

/// Notes that have found their steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// How long a step is.
    pub step: TickSpan,
    /// How much of two steps the first takes, in per cent.
    pub swing: u32,
    /// How many steps there are.
    pub count: i64,
    /// The notes, by their steps. Those that are alike are a chord, unless the track has a kit.
    pub notes: Vec<Written>,
}

/// Finds the steps of `notes`, sorted by their beginnings, in a pattern of `length`, which is a whole number of sixty-fourths;
/// no note ends after it. Two notes of one key do not overlap.
#[must_use]
pub fn fit(notes: &[Note], length: TickSpan, style: Style, language: Language, manner: &Manner) -> Fitted {
    let steps = std::iter::once(style.grid.0).chain(STEPS.into_iter().filter(|&step| step < style.grid.0));
    let fitting = steps.filter(|&step| step > 0 && length.0 % step == 0);
    let on = |step: i64, percent: u32| {
        let swing = Swing::new(TickSpan(step), percent, manner.bar);
        let count = length.0 / step;
        let ruler =
            Ruler { step, count, tolerance: style.tolerance, language, swing, drums: manner.spelling.kit.is_some() };
        let written = notes.iter().map(|note| ruler.write(note)).collect::<Option<Vec<Written>>>()?;
        Some(Fitted { step: TickSpan(step), swing: percent, count, notes: written })
    };
    // On steps of a tick nothing fails; were it so, a line of rests would come of it.
    let nothing = || Fitted { step: TickSpan(1), swing: STRAIGHT, count: length.0, notes: Vec::new() };
    let mut best = fitting.map(|step| on(step, STRAIGHT)).find_map(|fitted| fitted).unwrap_or_else(nothing);
    let swung = manner.swing.filter(|(step, _)| length.0 % step.0 == 0).and_then(|(step, percent)| on(step.0, percent));
    if let Some(swung) = swung.filter(|swung| swung.awkwardness(style) < best.awkwardness(style)) {
        best = swung;
    }
    best.notes.sort_by_key(|note| note.step);
    if manner.spelling.kit.is_none() {
        best.notes = chords(std::mem::take(&mut best.notes));
    }
    best
}

/// Makes one of notes that differ in nothing but their keys. They are sorted by their steps.
fn chords(notes: Vec<Written>) -> Vec<Written> {
    let mut chords: Vec<Written> = Vec::new();
    for note in notes {
        let together = chords.iter_mut().rev().take_while(|other| other.step == note.step);
        let mut alike = together.filter(|other| {
            Written { keys: Vec::new(), ..(*other).clone() } == Written { keys: Vec::new(), ..note.clone() }
        });
        match alike.next().filter(|other| note.keys.iter().all(|key| !other.keys.contains(key))) {
            Some(chord) => chord.keys.extend(note.keys),
            None => chords.push(note),
        }
    }
    chords
}

impl Fitted {
    /// Returns how many notes are off their steps, or on steps that are shorter than the grid.
    fn awkwardness(&self, style: Style) -> usize {
        let is_fine = self.step < style.grid;
        self.notes.iter().filter(|note| is_fine || note.shift != 0).count()
    }

    /// Writes the notes on a track with `gate` and `velocity`, each line as short as its loop. Where most notes of the pattern
    /// have others, those stand beside its lines.
    #[must_use]
    pub fn lines(&self, gate: i64, velocity: u8, manner: &Manner, language: Language) -> Lines {
        let gate = most_by_far(self.notes.iter().map(|note| note.gate), gate);
        let velocity = most_by_far(self.notes.iter().map(|note| note.velocity), velocity);
        let beat = (TickSpan::QUARTER.0 / self.step.0).max(1);
        let page = Page { count: self.count, beat, gate, velocity, spelling: &manner.spelling, language };
        let rows = match &manner.spelling.kit {
            Some(_) => kit::rows(&self.notes, self.count),
            None => row::share_out(self.notes.clone(), self.count),
        };
        let bar = if manner.bar.0 % self.step.0 == 0 { manner.bar.0 / self.step.0 } else { self.count };
        let layout = Layout { beat: beat as usize, bar: bar as usize };
        let line = |row: &Vec<Written>| match self.count {
            ..=MOST_FOLDED if language.groups => fold::text(&page.steps(row), layout),
            _ => page.line(row),
        };
        Lines { step: self.step, swing: self.swing, gate, velocity, lines: rows.iter().map(line).collect() }
    }
}

/// Returns what there is most of among `values`, if it is three more than of `own`; else `own`.
fn most_by_far<T: Ord + Copy>(values: impl Iterator<Item = T> + Clone, own: T) -> T {
    let count = |wanted: T| values.clone().filter(|value| *value == wanted).count();
    most_common(values.clone()).filter(|&common| count(common) >= count(own) + 3).unwrap_or(own)
}

/// Steps of one length, and how notes fit on them.
#[derive(Clone, Copy, Debug)]
struct Ruler {
    step: i64,
    /// How many there are.
    count: i64,
    tolerance: i64,
    language: Language,
    swing: Swing,
    /// Whether a note is on one step, however long it lasts, where a gate can say that.
    drums: bool,
}

impl Ruler {
    /// The note on these steps, if it can be written there.
    fn write(self, note: &Note) -> Option<Written> {
        let (step, shift) = self.beginning(self.swing.straighten(TickSpan(note.at)).0)?;
        // As the notation rounds it: to the nearest tick, and halves up.
        let at = (2 * self.step * (100 * step + shift) + 100).div_euclid(200);
        if (self.swing.bend(TickSpan(at)).0 - note.at).abs() > self.tolerance {
            return None;
        }
        let (steps, gate) = self.length(at, note.length, self.count - step)?;
        let (keys, velocity) = (vec![note.key], note.velocity.value());
        Some(Written { step, steps, gate, slides: None, shift, keys, velocity })
    }

    /// The step that a note at `at` begins on, and how far it is off.
    fn beginning(self, at: i64) -> Option<(i64, i64)> {
        let (before, behind) = (at / self.step, at % self.step);
        let next = (before + 1 < self.count).then_some((before + 1, self.step - behind));
        if behind <= self.tolerance {
            return Some((before, 0));
        }
        if let Some((next, ahead)) = next
            && ahead <= self.tolerance
        {
            return Some((next, 0));
        }
        if !self.language.timing {
            return None;
        }
        let percent = |ticks: i64| {
            let most = i64::from(self.language.most_timing);
            let near = ticks * 100 / self.step;
            // As the notation rounds it: to the nearest tick, and halves up.
            let shifted = |percent: i64| (2 * self.step * percent + 100).div_euclid(200);
            (near - 1..=near + 1).find(|&percent| percent != 0 && percent.abs() <= most && shifted(percent) == ticks)
        };
        let late = percent(behind).map(|percent| (before, percent));
        late.or_else(|| next.and_then(|(next, ahead)| percent(-ahead).map(|percent| (next, percent))))
    }

    /// Returns how many steps are held, at most `room`, and the gate, so that a note from `at`, as it is written, lasts for `length`.
    fn length(self, at: i64, length: i64, room: i64) -> Option<(i64, i64)> {
        let bent = |straight: i64| self.swing.bend(TickSpan(straight)).0;
        let straight = self.swing.straighten(TickSpan(bent(at) + length)).0 - at;
        let plain = ((straight + self.step - 1) / self.step).max(1);
        let gate = |steps: i64| {
            let held = TickSpan(steps * self.step);
            let near = (100 * straight + held.0 / 2) / held.0;
            let lasts = |gate: i64| (bent(at + held.percent(gate as u32).0.max(1)) - bent(at)).max(1);
            let off = |gate: &i64| (lasts(*gate) - length).abs();
            let best = (near - 1..=near + 1).filter(|gate| GATES.contains(gate)).min_by_key(off)?;
            (off(&best) <= self.tolerance).then_some((steps, best))
        };
        let fewer = (1..=TRIES).map(|less| plain - less).take_while(|&steps| steps >= 1);
        let more = (1..=TRIES).map(|more| plain + more);
        let single = self.drums.then_some(1);
        let tried = single.into_iter().chain(std::iter::once(plain)).chain(fewer).chain(more);
        tried.filter(|&steps| steps >= 1 && steps <= room).find_map(gate)
    }
}

/// Returns what there is most of; of several the highest.
pub fn most_common<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    counts.into_iter().max_by_key(|&(_, count)| count).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::midi::{Key, Velocity};
    use crate::set::Set;

    fn note(at: i64, length: i64, key: u8) -> Note {
        Note { at, key: Key::from_data(key), length, velocity: Velocity::MAX }
    }

    fn written(notes: &[Note], language: Language) -> (i64, Vec<String>) {
        let style = Style { grid: TickSpan::SIXTEENTH, tolerance: 0 };
        let manner = Manner { spelling: Spelling::default(), swing: None, bar: TickSpan(3_840) };
        let fitted = fit(notes, TickSpan(3_840), style, language, &manner);
        let lines = fitted.lines(100, 127, &manner, language);
        (lines.step.0, lines.lines)
    }

    const PLAIN: Language = Language { groups: false, timing: false, most_timing: 0, values: false };
    const RICH: Language = Language { groups: true, timing: true, most_timing: 50, values: true };

    #[test]
    fn the_language_is_what_is_read() {
        let reads = |steps: &str| {
            let set = format!(
                "[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n[patterns.p]\nt = \"{steps}\"\n"
            );
            Set::parse("a.toml", set.as_bytes()).is_ok()
        };
        let found = Language {
            groups: reads("c2 16(.)"),
            timing: reads("c2>20 c2<20"),
            most_timing: LANGUAGE.most_timing,
            values: reads("c2 .{74=30 bend=-8192 pressure=1}"),
        };
        assert_eq!(found, LANGUAGE, "the step language has changed: let LANGUAGE say so");
        assert!(!LANGUAGE.timing || reads(&format!("c2>{}", LANGUAGE.most_timing)));
    }

    #[test]
    fn what_is_on_the_grid_is_plain() {
        let notes = [note(0, 240, 48), note(480, 480, 50), note(480, 240, 52)];
        let (step, lines) = written(&notes, PLAIN);
        assert_eq!(
            (step, &lines[..]),
            (240, &["c2.d2_ .... .... ....".to_owned(), "..e2. .... .... ....".to_owned()][..])
        );
    }

    #[test]
    fn what_is_not_makes_the_steps_shorter_or_is_moved_by_per_cent() {
        let notes = [note(0, 240, 48), note(492, 120, 50)];
        assert_eq!(written(&notes, PLAIN).0, 12);
        assert_eq!(written(&notes, RICH), (240, vec!["c2. d2=50>5 . .... .... ....".to_owned()]));
        let early = [note(0, 240, 48), note(468, 240, 50)];
        assert_eq!(written(&early, RICH).1, ["c2.d2<5. .... .... ...."]);
    }
}
