//! What a track plays, as a row of cells of one length each.
//!
//! A row shows what *this* pass plays: conditions and chance have no state, so what falls is known before it falls, and an
//! event that is left out this time is shown as one that may come.

use std::collections::BTreeSet;

use crate::engine::lanes::holds;
use crate::engine::program::{Action, ArpKeys, Clip, GuardIndex, Lane, Steps, Swing};
use crate::time::{Tick, TickSpan};

/// The lengths that a cell can have: a sixteenth unless that does not fit, then triplets and finer ones.
const GRIDS: [TickSpan; 5] = [TickSpan(240), TickSpan(320), TickSpan(160), TickSpan(120), TickSpan(80)];

/// A grid fits when so many of 100 cells with notes begin with one: notes that are moved on purpose need not.
const FITS: usize = 75;

/// The most cells that a row has: 64 bars of sixteenths. What is longer than that is cut there.
const MAX_CELLS: usize = 1_024;

/// The most events that are laid into a row, and the most that are asked for its grid: a line of one tick comes round a
/// quarter of a million times in 64 bars, and all of it looks the same.
const MAX_LAID: usize = 65_536;

/// From these velocities on a note counts as plain, and as loud.
const PLAIN: u8 = 64;
const LOUD: u8 = 112;

/// What happens in a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cell {
    /// Nothing.
    #[default]
    Rest,
    /// A controller takes a value.
    Control,
    /// A note that began before sounds on.
    Held,
    /// A note that is left out this time.
    Perhaps,
    /// A soft note.
    Soft,
    /// A note.
    Plain,
    /// A loud note.
    Loud,
    /// So many notes one after the other.
    Several(u8),
}

/// A row of cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cells {
    /// In order of time.
    pub cells: Vec<Cell>,
    /// The length of a cell.
    pub grid: TickSpan,
    /// After how long it begins again.
    pub length: TickSpan,
    swing: Swing,
}

/// What a track plays, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    /// Its lanes of steps one by one.
    pub voices: Vec<Cells>,
    /// The same in one row: those that fit to the longest; none without voices.
    pub together: Option<Cells>,
    /// Whether there are lanes that do not fit into that row because they loop otherwise.
    pub has_others: bool,
    /// What its arpeggio is made of, if it has one.
    pub arp: Option<String>,
}

/// Returns in which pass each lane of `clip` is, `elapsed` after it began. A figure is to be made anew when this changes.
#[must_use]
pub(crate) fn passes(clip: &Clip, elapsed: TickSpan) -> Vec<i64> {
    let pass = |lane: &Lane| {
        let of = |steps: &Steps| lane.swing.straighten(elapsed).0.div_euclid(steps.length.0.max(1)).max(0);
        lane.source.steps().map_or(0, of)
    };
    clip.lanes.iter().map(pass).collect()
}

/// Returns how many rows the lanes of `clip` take, one by one.
#[must_use]
pub(crate) fn voices(clip: &Clip) -> usize {
    loops(clip).count()
}

/// Returns what `clip` plays in these passes of its lanes; `fill` says whether a fill is asked for. `None` where it is empty.
#[must_use]
pub(crate) fn figure(clip: &Clip, passes: &[i64], fill: bool) -> Option<Figure> {
    let arp = clip.lanes.iter().find_map(|lane| lane.source.arp()).map(|arp| match &arp.keys {
        ArpKeys::Written(keys, _) if keys.len() == 1 => "arpeggio of one key".to_owned(),
        ArpKeys::Written(keys, _) => format!("arpeggio of {} keys", keys.len()),
        ArpKeys::Held { .. } => "arpeggio of held keys".to_owned(),
    });
    let pass_of = |index: usize| passes.get(index).copied().unwrap_or(0);
    let all: Vec<Loop<'_>> = loops(clip).collect();
    // The longest one measures the row; of equal ones the first, which is the one that is written on top.
    let main = all.iter().rev().max_by_key(|of| of.steps.length).copied();
    let fits = |of: &Loop<'_>| main.is_some_and(|main| main.steps.length.0 % of.steps.length.0.max(1) == 0);
    let fitting: Vec<Loop<'_>> = all.iter().copied().filter(fits).collect();
    let together = main.map(|main| cells(&fitting, main, pass_of(main.index), fill, None));
    // One grid for all voices where that is possible, so that what sounds together stands one below the other.
    let grid = together.as_ref().map(|cells| cells.grid);
    let voice = |of: Loop<'_>| cells(&[of], of, pass_of(of.index), fill, grid);
    let has_others = fitting.len() < all.len();
    let is_empty = all.is_empty() && arp.is_none();
    (!is_empty).then(|| Figure { voices: all.into_iter().map(voice).collect(), together, has_others, arp })
}

/// A lane of steps.
#[derive(Clone, Copy)]
struct Loop<'c> {
    /// Its place in the clip.
    index: usize,
    lane: &'c Lane,
    steps: &'c Steps,
}

/// The lanes that are shown as steps: those with notes, or where there are none, those that move controllers.
fn loops(clip: &Clip) -> impl Iterator<Item = Loop<'_>> {
    let all = || {
        clip.lanes.iter().enumerate().filter_map(|(index, lane)| {
            let steps = lane.source.steps().filter(|steps| steps.length.0 > 0)?;
            Some(Loop { index, lane, steps })
        })
    };
    let is_note = |action: Action| matches!(action, Action::Note { .. });
    let has_notes = move |of: &Loop<'_>| of.steps.events.iter().any(|event| is_note(event.action));
    let any_notes = all().any(|of| has_notes(&of));
    let has_arp = clip.lanes.iter().any(|lane| lane.source.arp().is_some());
    all().filter(move |of| has_notes(of) || !any_notes && !has_arp && !of.steps.events.is_empty())
}

/// The cells of `lanes` laid over each other, in pass `pass` of `main`, to whose length all of them fit; on the `wanted`
/// grid if possible.
fn cells(lanes: &[Loop<'_>], main: Loop<'_>, pass: i64, fill: bool, wanted: Option<TickSpan>) -> Cells {
    let length = main.steps.length;
    let grid = grid_of(lanes.iter().map(|of| of.steps), wanted);
    let count = ((length.0 + grid.0 - 1) / grid.0).clamp(1, MAX_CELLS as i64) as usize;
    let mut row = Row { cells: vec![Cell::Rest; count], began: vec![(None, 0); count], grid };
    let mut left = MAX_LAID;
    for &Loop { lane, steps, .. } in lanes {
        // A shorter lane comes round several times.
        let rounds = length.0 / steps.length.0;
        for round in 0..rounds {
            let offset = steps.length * round;
            if offset.0 / grid.0 >= count as i64 || left == 0 {
                break;
            }
            left = left.saturating_sub(steps.events.len().max(1));
            row.lay(steps, offset, |turn, guard| {
                holds(steps, guard, lane.seed, pass * rounds + round + i64::from(turn), fill)
            });
        }
    }
    Cells { cells: row.cells, grid, length, swing: main.lane.swing }
}

/// The `wanted` grid if the notes begin on it. Otherwise the first on which they do without many to a cell, or else the one
/// on which most do.
fn grid_of<'s>(lanes: impl Iterator<Item = &'s Steps>, wanted: Option<TickSpan>) -> TickSpan {
    let is_note = |action: Action| matches!(action, Action::Note { .. });
    let notes = lanes.flat_map(|steps| steps.events.iter()).filter(|event| is_note(event.action));
    let onsets: BTreeSet<TickSpan> = notes.take(MAX_LAID).map(|event| event.at).collect();
    // Of the cells that hold notes: how many there are, how many of them begin with one, and how many hold several.
    let fit = |grid: TickSpan| {
        let (mut cells, mut begin, mut several, mut last) = (0, 0, 0, (None, 0));
        for &at in &onsets {
            let index = index_of(at, grid);
            if last.0 == Some(index) {
                last.1 += 1;
                several += usize::from(last.1 == 2);
            } else {
                last = (Some(index), 1);
                cells += 1;
                begin += usize::from((at.0 - index as i64 * grid.0).abs() <= grid.0 / 8);
            }
        }
        (cells, begin, several)
    };
    let begins = |grid: &TickSpan| {
        let (cells, begin, _) = fit(*grid);
        begin * 100 >= cells * FITS
    };
    let fits = |grid: &TickSpan| {
        let (cells, _, several) = fit(*grid);
        begins(grid) && several * 2 <= cells
    };
    // Of equal ones the first, which is the coarsest.
    let best = || GRIDS.iter().copied().rev().max_by_key(|&grid| fit(grid).1);
    let first = || GRIDS.iter().copied().find(fits);
    wanted.filter(begins).or_else(first).or_else(best).unwrap_or(TickSpan::SIXTEENTH)
}

/// The cell that `at` falls into. What is a little early belongs to the step that it is written in, as what is late does.
const fn index_of(at: TickSpan, grid: TickSpan) -> usize {
    // Less than a quarter: the last of four notes in a step is no early one of the next.
    ((at.0 + (grid.0 - 1) / 4) / grid.0) as usize
}

/// A row that is being laid out.
struct Row {
    cells: Vec<Cell>,
    /// Where the last note of each cell began, and how many different beginnings there were.
    began: Vec<(Option<i64>, u8)>,
    grid: TickSpan,
}

impl Row {
    /// Lays the events of one round of a lane. `plays` says which of them are played this time.
    fn lay(&mut self, steps: &Steps, offset: TickSpan, plays: impl Fn(i8, Option<GuardIndex>) -> bool) {
        for event in &steps.events {
            let at = offset + event.at;
            let index = index_of(at, self.grid);
            // Early for the first step is at the end of the loop.
            let index = if event.turn > 0 { index % self.cells.len() } else { index };
            let Some(cell) = self.cells.get_mut(index) else { continue };
            let Action::Note { velocity, .. } = event.action else {
                *cell = (*cell).max(Cell::Control);
                continue;
            };
            if !plays(event.turn, event.guard) {
                *cell = (*cell).max(Cell::Perhaps);
                continue;
            }
            let level = match velocity.value() {
                ..PLAIN => Cell::Soft,
                PLAIN..LOUD => Cell::Plain,
                LOUD.. => Cell::Loud,
            };
            let (last, count) = &mut self.began[index];
            if *last != Some(at.0) {
                (*last, *count) = (Some(at.0), count.saturating_add(1).min(9));
            }
            *cell = (*cell).max(if *count > 1 { Cell::Several(*count) } else { level });
            let held = ((event.gate.0 - 1).max(0) / self.grid.0) as usize;
            for held in self.cells.iter_mut().skip(index + 1).take(held) {
                *held = (*held).max(Cell::Held);
            }
        }
    }
}

impl Cells {
    /// The cell that plays at `position`, in music that began at `origin`.
    #[must_use]
    pub(crate) fn at(&self, origin: Tick, position: Tick) -> usize {
        let straight = self.swing.straighten(position - origin);
        (straight.0.rem_euclid(self.length.0.max(1)) / self.grid.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::TrackSlot;
    use crate::set::Set;

    const RIG: &str =
        "tempo = 120\n[ports.a]\ndevice = \"A\"\n[tracks.one]\nport = \"a\"\nchannel = 1\n[patterns.main]\n";

    fn clip(lane: &str) -> Clip {
        let set = Set::parse("t.toml", format!("{RIG}{lane}").as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
        set.program.patterns[0].clip(TrackSlot(0)).unwrap().clone()
    }

    fn text(cells: &Cells) -> String {
        cells.cells.iter().map(|&cell| letter(cell)).collect()
    }

    /// The row of what `lane` says, as text, in some passes.
    fn rows(lane: &str, passes: i64, fill: bool) -> Vec<String> {
        let clip = clip(lane);
        let text = |pass| match figure(&clip, &vec![pass; clip.lanes.len()], fill) {
            Some(Figure { together: Some(cells), .. }) => text(&cells),
            Some(figure) => figure.arp.unwrap_or_default(),
            None => "nothing".to_owned(),
        };
        (0..passes).map(text).collect()
    }

    fn letter(cell: Cell) -> char {
        match cell {
            Cell::Rest => '.',
            Cell::Held => '-',
            Cell::Control => '~',
            Cell::Perhaps => '?',
            Cell::Soft => 'o',
            Cell::Plain => 'x',
            Cell::Loud => 'X',
            Cell::Several(count) => char::from(b'0' + count),
        }
    }

    #[test]
    fn steps_fall_into_cells() {
        for (lane, row) in [
            ("one = \"c3 . c3:30 . c3! . . . \"", "x.o.X..."),
            ("one = { step = \"1/8\", gate = 100, steps = \"c3 . c3 .\" }", "x-..x-.."),
            ("one = \"c3*3 . c3 . c3<20 c3 c3 c3\"", "3.x.xxxx"),
            ("one = \"c3 c3 c3*4 c3 . . . .\"", "xx4x...."),
            ("one = \"c3<20 . c3 . c3 . c3 .\"", "x.x.x.x."),
            ("one = { step = \"1/8t\", steps = \"c3 c3 c3 c3 . .\" }", "xxxx.."),
            ("one = \"c3>20 c3 c3 c3 c3<10 .\"", "xxxxx."),
            ("one = { step = \"1/16t\", steps = \"c3 c3 c3 c3 c3 .\" }", "xxxxx."),
            ("one = { step = \"1/32\", steps = \"c3 c3 c3 c3 c3 .\" }", "xxxxx."),
            ("one = \"[c3 e3 g3] . . .\"", "x..."),
            ("one = \"\"\"\nc3 . . .\n. . c3:20 .\n\"\"\"", "x.o."),
            ("one = \"\"\"\nc3 . . .\n. c3:20\n\"\"\"", "xo.o"),
        ] {
            assert_eq!(rows(lane, 1, false), [row], "{lane}");
        }
    }

    #[test]
    fn each_pass_shows_what_it_plays() {
        assert_eq!(rows("one = \"c3/1:2 c3/!1:2 . .\"", 3, false), ["x?..", "?x..", "x?.."]);
        assert_eq!(rows("one = \"c3/fill c3 . .\"", 1, false), ["?x.."]);
        assert_eq!(rows("one = \"c3/fill c3 . .\"", 1, true), ["xx.."]);
        assert_eq!(rows("one = \"<c3 e3> . . .\"", 2, false), ["x...", "x..."]);
        // A shorter lane is in its own pass each time it comes round.
        assert_eq!(rows("one = \"\"\"\nc3:20 . . .\nc3/1:2 .\n\"\"\"", 1, false), ["x.?."]);
    }

    #[test]
    fn what_is_no_row_is_named() {
        assert_eq!(rows("one = { arp = \"c3 e3 g3\" }", 1, false), ["arpeggio of 3 keys"]);
    }

    #[test]
    fn lanes_of_their_own_length_have_rows_of_their_own() {
        let clip = clip("one = \"\"\"\nc3 . . c3/1:2\n. c3 .\n\"\"\"");
        let figure = figure(&clip, &passes(&clip, TickSpan(1_000)), false).unwrap();
        assert_eq!(figure.voices.iter().map(text).collect::<Vec<_>>(), ["x..?", ".x."]);
        assert_eq!((figure.together.as_ref().map(text), figure.has_others), (Some("x..?".into()), true));
        assert_eq!(voices(&clip), 2);
    }

    #[test]
    fn the_playhead_goes_round() {
        let clip = clip("one = \"c3 . c3 .\"");
        let cells = figure(&clip, &[0], false).unwrap().together.unwrap();
        let at = |position| cells.at(Tick(3_840), Tick(position));
        assert_eq!([3_840, 4_079, 4_080, 4_799, 4_800].map(at), [0, 0, 1, 3, 0]);
        assert_eq!((passes(&clip, TickSpan(959)), passes(&clip, TickSpan(960))), (vec![0], vec![1]));
    }
}
