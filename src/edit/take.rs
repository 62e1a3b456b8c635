//! Notes as they were played find their places on steps.
//!
//! A note goes to the nearest line of a grid, by as much of the way as the strength says: all of it at 100, none at 0. What
//! is left of the way is written as early or late, in whole per cent of a step, at most 50: **the resolution of
//! micro-timing is 1 % of a step, 2.4 ticks of a sixteenth** (1.25 ms at 120 BPM), so a note is at most half of that off. Its
//! length goes to the nearest quarter of the grid in the same way, at least one, and is written as steps that are held and a
//! gate in whole per cent of them.
//!
//! All positions are counted around the loop: a note before the loop's end by less than half a step belongs to its beginning,
//! early, and a note that lasts past the end is held at the beginning. A key that is struck again ends there. As the language
//! has it, what is early on the first step sounds right there when the pattern begins, and early from the next pass on.

use std::collections::BTreeMap;

use crate::engine::program::Swing;
use crate::midi::{Key, Velocity};
use crate::offline::lines::row::Written;
use crate::set::parse_length;
use crate::text::printable;
use crate::time::{Meter, TickSpan};

/// The grids that can be recorded on, as they are written.
pub const GRIDS: [&str; 8] = ["1/4", "1/4t", "1/8", "1/8t", "1/16", "1/16t", "1/32", "1/32t"];

/// The most keys of a chord, as the language has it.
const MOST_KEYS: usize = 16;

/// The step of the grid that `text` names, one of [`GRIDS`].
///
/// # Errors
///
/// A sentence that says which there are.
pub fn grid(text: &str) -> Result<TickSpan, String> {
    let known = GRIDS.contains(&text);
    let length = known.then(|| parse_length(text, Meter::COMMON).ok()).flatten();
    length.ok_or_else(|| format!("there is no grid `{}`; the grids are {}", printable(text), GRIDS.join(", ")))
}

/// What was recorded, and where it goes.
#[derive(Clone, Copy, Debug)]
pub struct Take<'t> {
    /// The pattern, by its name.
    pub pattern: &'t str,
    /// The track, by its name.
    pub track: &'t str,
    /// The notes, in any order. At least one.
    pub notes: &'t [Played],
    /// How long the loop is that they were played over. The lines get this length.
    pub length: TickSpan,
    /// What they are drawn to: [`grid`].
    pub grid: TickSpan,
    /// How far they are drawn to it, in per cent: 100 for all of the way, 0 for off.
    pub strength: u8,
    /// Notes that begin and end together are a chord if their velocities are no further apart than this; it then has their
    /// mean. With 0 every velocity is kept. A keyboard player means one chord by about 20.
    pub spread: u8,
    /// What becomes of what is there.
    pub writing: Writing,
}

/// What becomes of what the track plays in the pattern until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// It goes.
    Replace,
    /// It stays as it is written.
    Overdub,
}

/// A note as it was played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Played {
    /// When it began, from the beginning of the pattern; on later passes of the loop beyond its length.
    pub on: TickSpan,
    /// When it ended, counted like `on`. What is not after it counts as a tick after it.
    pub off: TickSpan,
    /// What sounded.
    pub key: Key,
    /// How hard it was struck.
    pub velocity: Velocity,
}

/// What notes are to be brought onto.
#[derive(Clone, Copy, Debug)]
pub struct Ruler {
    /// The length of the loop: a whole number of steps.
    pub length: TickSpan,
    /// How long a step is that is written.
    pub step: TickSpan,
    /// How the steps swing; notes are where they were heard.
    pub swing: Swing,
    /// The lines that notes are drawn to, counted from the beginning of the loop, which is one whatever its length.
    pub grid: TickSpan,
    /// How far they are drawn, in per cent, at most 100.
    pub strength: i64,
}

/// A note on its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Placed {
    /// Where it sounds, in straight time: from half a step before the loop to its end.
    pub at: i64,
    /// The step it is written on.
    pub step: i64,
    /// How far it is off that, in per cent.
    pub shift: i64,
    /// How long it sounds, at least a tick and at most the loop.
    pub length: i64,
    /// Whether it slides into what follows.
    pub slides: bool,
    /// What sounds.
    pub key: Key,
    /// How hard it is struck.
    pub velocity: u8,
}

/// Notes on their steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fitted {
    /// Sorted by where they sound.
    pub notes: Vec<Placed>,
    /// How many were struck twice at one place, and are written once: the hardest and longest of them.
    pub doubled: usize,
    /// By how many ticks a note is off where it should be, at most, because steps have no better place for it.
    pub off: i64,
}

impl Ruler {
    /// Brings the notes onto the steps.
    #[must_use]
    pub fn fit(&self, notes: &[Played]) -> Fitted {
        let mut fitted = Fitted::default();
        // By key and place, which finds what is struck twice.
        let mut placed: BTreeMap<(Key, i64), Placed> = BTreeMap::new();
        for note in notes {
            let (new, off) = self.place(note);
            fitted.off = fitted.off.max(off);
            placed
                .entry((new.key, new.at))
                .and_modify(|known| {
                    fitted.doubled += 1;
                    known.velocity = known.velocity.max(new.velocity);
                    known.length = known.length.max(new.length);
                })
                .or_insert(new);
        }
        fitted.notes = placed.into_values().collect();
        self.slide(&mut fitted.notes);
        self.end_where_struck_again(&mut fitted.notes);
        fitted.notes.sort_unstable();
        fitted
    }

    /// Returns where a note goes, and by how many ticks that is wrong.
    fn place(&self, note: &Played) -> (Placed, i64) {
        let straight = |at: TickSpan| self.swing.straighten(at).0;
        let on = straight(note.on);
        let length = straight(note.off).saturating_sub(on).clamp(1, self.length.0);
        let within = on.rem_euclid(self.length.0);
        // Of two lines that are as near, the later one.
        let before = within - within % self.grid.0;
        let after = (before + self.grid.0).min(self.length.0);
        let line = if 2 * within >= before + after { after } else { before };
        let at = line + rounded((within - line) * (100 - self.strength), 100);
        // Of two steps that are as near, the earlier one: late stays in its pass.
        let step = (2 * at + self.step.0 - 1).div_euclid(2 * self.step.0);
        let shift = rounded((at - step * self.step.0) * 100, self.step.0).clamp(-50, 50);
        let found = step * self.step.0 + rounded(self.step.0 * shift, 100);
        let unit = (self.grid.0 / 4).max(1);
        let whole = (rounded(length, unit) * unit).max(unit);
        let length = length + rounded((whole - length) * self.strength, 100);
        let round = if step * self.step.0 >= self.length.0 { self.length.0 } else { 0 };
        let placed = Placed {
            at: found - round,
            step: step - round / self.step.0,
            shift,
            length: length.clamp(1, self.length.0),
            slides: false,
            key: note.key,
            velocity: note.velocity.value(),
        };
        (placed, (found - at).abs())
    }

    /// Notes that last a little into the next one, by at most half a line of the grid, slide into it.
    fn slide(&self, notes: &mut [Placed]) {
        let mut begins: Vec<(i64, i64)> = notes.iter().map(|note| (note.at, note.step)).collect();
        begins.sort_unstable();
        begins.dedup();
        for note in notes {
            let next = begins.get(begins.partition_point(|&(at, _)| at <= note.at)).copied();
            let around = begins.first().map(|&(at, step)| (at + self.length.0, step + self.length.0 / self.step.0));
            let Some((next, step)) = next.or(around) else { continue };
            let overlap = note.at + note.length - next;
            if overlap > 0 && 2 * overlap <= self.grid.0 && step > note.step {
                (note.slides, note.length) = (true, next - note.at);
            }
        }
    }

    /// A key sounds once: its note ends where it is struck again, around the loop. `notes` are sorted by key and place.
    fn end_where_struck_again(&self, notes: &mut [Placed]) {
        for same in notes.chunk_by_mut(|one, other| one.key == other.key) {
            let mut next = same.first().map_or(0, |first| first.at) + self.length.0;
            for note in same.iter_mut().rev() {
                note.length = note.length.min(next - note.at).max(1);
                next = note.at;
            }
        }
    }

    /// The notes as they are written, sorted by their steps: with `spread`, those that are alike but for velocities that are
    /// no further apart are a chord of their mean velocity.
    #[must_use]
    pub fn written(&self, notes: &[Placed], spread: Option<u8>) -> Vec<Written> {
        let count = self.length.0 / self.step.0;
        let mut alike: BTreeMap<_, Vec<(u8, Key)>> = BTreeMap::new();
        for note in notes {
            let (steps, gate, slides) = self.held(note, notes, count);
            alike.entry((note.step, note.shift, steps, gate, slides)).or_default().push((note.velocity, note.key));
        }
        let mut written = Vec::new();
        for ((step, shift, steps, gate, slides), mut tones) in alike {
            tones.sort_unstable();
            let mut rest = &tones[..];
            while let Some(&(softest, _)) = rest.first() {
                let near = |&&(velocity, _): &&(u8, Key)| spread.is_some_and(|spread| velocity - softest <= spread);
                let together = rest.iter().take_while(near).count().clamp(1, MOST_KEYS);
                let (chord, others) = rest.split_at(together);
                rest = others;
                let mut keys: Vec<Key> = chord.iter().map(|&(_, key)| key).collect();
                keys.sort_unstable();
                let sum: i64 = chord.iter().map(|&(velocity, _)| i64::from(velocity)).sum();
                let velocity = rounded(sum, chord.len() as i64).clamp(1, 127) as u8;
                written.push(Written { step, steps, gate, slides, shift, keys, velocity });
            }
        }
        written
    }

    /// Returns how many steps a note takes, how many per cent of them it sounds, and if it slides, how far what it slides into is off
    /// its step.
    fn held(&self, note: &Placed, notes: &[Placed], count: i64) -> (i64, i64, Option<i64>) {
        let next = || notes.get(notes.partition_point(|other| other.at <= note.at)).or(notes.first());
        let next = next().filter(|_| note.slides);
        let steps = match next {
            Some(next) => (next.step - note.step - 1).rem_euclid(count) + 1,
            None => ((note.length + self.step.0 - 1) / self.step.0).clamp(1, count),
        };
        (steps, rounded(100 * note.length, steps * self.step.0).clamp(1, 400), next.map(|next| next.shift))
    }
}

/// The nearest whole number to a fraction; of two, the higher.
fn rounded(dividend: i64, divisor: i64) -> i64 {
    (2 * dividend + divisor).div_euclid(2 * divisor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULER: Ruler =
        Ruler { length: TickSpan(3_840), step: TickSpan(240), swing: Swing::NONE, grid: TickSpan(240), strength: 100 };

    fn played(on: i64, off: i64, key: u8) -> Played {
        let velocity = Velocity::new(100).unwrap();
        Played { on: TickSpan(on), off: TickSpan(off), key: Key::from_data(key), velocity }
    }

    /// Step, shift and length of a note by itself.
    fn placed(ruler: Ruler, on: i64, off: i64) -> (i64, i64, i64) {
        let fitted = ruler.fit(&[played(on, off, 60)]);
        let [note] = fitted.notes[..] else { panic!("{fitted:?}") };
        (note.step, note.shift, note.length)
    }

    #[test]
    fn grids_are_named() {
        assert_eq!((grid("1/16"), grid("1/8t")), (Ok(TickSpan(240)), Ok(TickSpan(320))));
        assert!(grid("1/5").unwrap_err().contains("1/4, 1/4t"));
    }

    #[test]
    fn notes_go_to_the_nearest_line_and_the_last_ones_to_the_beginning() {
        assert_eq!(placed(RULER, 10, 250), (0, 0, 240));
        assert_eq!(placed(RULER, 119, 250), (0, 0, 120));
        assert_eq!(placed(RULER, 120, 360), (1, 0, 240));
        assert_eq!(placed(RULER, 470, 480), (2, 0, 60));
        assert_eq!(placed(RULER, 3_719, 3_840), (15, 0, 120));
        assert_eq!(placed(RULER, 3_720, 3_840), (0, 0, 120));
        assert_eq!(placed(RULER, 2 * 3_840 + 485, 2 * 3_840 + 700), (2, 0, 240));
        // A loop that is not a whole number of lines ends with a line all the same.
        let odd = Ruler { length: TickSpan(3_360), grid: TickSpan(960), ..RULER };
        assert_eq!([placed(odd, 3_100, 3_200).0, placed(odd, 3_130, 3_200).0], [12, 0]);
    }

    #[test]
    fn strength_is_how_much_of_the_way_a_note_goes() {
        let at = |strength: i64| placed(Ruler { strength, ..RULER }, 480 + 48, 480 + 48 + 200);
        assert_eq!([at(0), at(50), at(100)], [(2, 20, 200), (2, 10, 190), (2, 0, 180)]);
        let early = Ruler { strength: 0, ..RULER };
        assert_eq!(placed(early, 480 - 48, 600), (2, -20, 168));
        assert_eq!(placed(early, 3_840 - 48, 3_840), (0, -20, 48));
        assert_eq!(placed(early, 3_840 - 120, 3_840), (15, 50, 120));
    }

    #[test]
    fn triplets_on_steps_that_have_none_are_written_by_per_cent() {
        let ruler = Ruler { grid: TickSpan(320), ..RULER };
        let fitted = ruler.fit(&[played(310, 400, 60), played(640, 700, 60)]);
        assert_eq!(fitted.notes.iter().map(|note| (note.step, note.shift)).collect::<Vec<_>>(), [(1, 33), (3, -33)]);
        assert_eq!(fitted.off, 1);
    }

    #[test]
    fn what_swings_is_written_straight() {
        let swing = Swing::new(TickSpan(240), 67, TickSpan(3_840));
        let ruler = Ruler { swing, strength: 0, ..RULER };
        let off_beat = swing.bend(TickSpan(720)).0;
        assert_eq!(placed(ruler, off_beat, off_beat + 100).0, 3);
        assert_eq!(placed(ruler, off_beat, off_beat + 100).1, 0);
    }

    #[test]
    fn a_key_that_is_struck_again_ends_and_a_little_overlap_slides() {
        let again = RULER.fit(&[played(0, 960, 60), played(480, 600, 60), played(3_600, 4_200, 60)]);
        assert_eq!(again.notes.iter().map(|note| note.length).collect::<Vec<_>>(), [480, 120, 240]);
        let slide = RULER.fit(&[played(0, 540, 60), played(480, 720, 62), played(480 + 3_840, 500 + 3_840, 62)]);
        assert_eq!(slide.doubled, 1);
        let [first, second] = slide.notes[..] else { panic!("{slide:?}") };
        assert!(first.slides && !second.slides && first.length == 480);
        let written = RULER.written(&slide.notes, None);
        assert_eq!(
            written.iter().map(|note| (note.steps, note.slides.is_some())).collect::<Vec<_>>(),
            [(2, true), (1, false)]
        );
    }

    #[test]
    fn what_is_alike_is_a_chord() {
        let note = |key: u8, velocity: u8| Played { velocity: Velocity::new(velocity).unwrap(), ..played(0, 240, key) };
        let fitted = RULER.fit(&[note(64, 80), note(60, 90), note(67, 100)]);
        let chords = |spread: Option<u8>| -> Vec<(usize, u8)> {
            RULER.written(&fitted.notes, spread).iter().map(|note| (note.keys.len(), note.velocity)).collect()
        };
        assert_eq!(chords(None), [(1, 80), (1, 90), (1, 100)]);
        assert_eq!(chords(Some(10)), [(2, 85), (1, 100)]);
        assert_eq!(chords(Some(20)), [(3, 90)]);
    }
}
