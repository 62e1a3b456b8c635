//! What a track plays, as a row of cells of one length each.
//!
//! A row shows what *this* pass plays: conditions and chance have no state, so what falls is known before it falls, and an
//! event that is left out this time is shown as one that may come.

use crate::engine::pattern::{Action, ArpKeys, Clip, Lane, Source, Steps, Swing};
use crate::engine::player::holds;
use crate::time::{Tick, TickSpan};

/// The lengths that a cell can have: a sixteenth unless that does not fit, then triplets and finer ones.
const GRIDS: [TickSpan; 5] = [TickSpan(240), TickSpan(320), TickSpan(160), TickSpan(120), TickSpan(80)];

/// A grid fits when so many of 100 events begin on it: ratchets and notes that are moved on purpose need not.
const FITS: usize = 75;

/// The most cells that a row has: 64 bars of sixteenths. What is longer than that is cut there.
const MAX_CELLS: usize = 1_024;

/// From these velocities on a note counts as plain, and as loud.
const PLAIN: u8 = 64;
const LOUD: u8 = 112;

/// What happens in a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
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
pub struct Cells {
    /// In order of time.
    pub cells: Vec<Cell>,
    /// The length of a cell.
    pub grid: TickSpan,
    /// After how long it begins again.
    pub length: TickSpan,
    swing: Swing,
    /// Whether there are lanes that do not fit into the row because they loop otherwise.
    pub has_others: bool,
}

/// What a track plays, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Steps, and whether an arpeggio plays beside them.
    Steps(Cells, bool),
    /// Nothing but an arpeggio; what it is made of.
    Arp(String),
}

/// The pass of the row that `clip` shows at `elapsed` since it began. A row is to be made anew when this changes.
#[must_use]
pub fn pass_of(clip: &Clip, elapsed: TickSpan) -> i64 {
    main_lane(clip).map_or(0, |(lane, steps)| lane.swing.straighten(elapsed).0.div_euclid(steps.length.0.max(1)))
}

/// What `clip` plays in pass `pass` of its main lane; `fill` says whether a fill is asked for. `None` where it is empty.
#[must_use]
pub fn figure(clip: &Clip, pass: i64, fill: bool) -> Option<Figure> {
    let arp = clip.lanes.iter().find_map(|lane| match &lane.source {
        Source::Arp(arp) => Some(arp),
        Source::Steps(_) => None,
    });
    match (main_lane(clip), arp) {
        (Some((lane, steps)), arp) => Some(Figure::Steps(cells(clip, lane, steps, pass, fill), arp.is_some())),
        (None, Some(arp)) => Some(Figure::Arp(match &arp.keys {
            ArpKeys::Written(keys, _) if keys.len() == 1 => "arpeggio of one key".to_owned(),
            ArpKeys::Written(keys, _) => format!("arpeggio of {} keys", keys.len()),
            ArpKeys::Held { .. } => "arpeggio of held keys".to_owned(),
        })),
        (None, None) => None,
    }
}

/// The lane that a row is measured by: the longest with notes, or else the longest.
fn main_lane(clip: &Clip) -> Option<(&Lane, &Steps)> {
    let lanes = clip.lanes.iter().filter_map(|lane| match &lane.source {
        Source::Steps(steps) => Some((lane, steps)),
        Source::Arp(_) => None,
    });
    // Of equal ones the first, which is the one that is written on top.
    lanes.rev().max_by_key(|(_, steps)| (has_notes(steps), steps.length))
}

fn has_notes(steps: &Steps) -> bool {
    steps.events.iter().any(|event| matches!(event.action, Action::Note { .. }))
}

fn cells(clip: &Clip, main: &Lane, main_steps: &Steps, pass: i64, fill: bool) -> Cells {
    let length = TickSpan(main_steps.length.0.max(1));
    let fits = |steps: &Steps| steps.length.0 > 0 && length.0 % steps.length.0 == 0;
    let all = || {
        clip.lanes.iter().filter_map(|lane| match &lane.source {
            Source::Steps(steps) => Some((lane, steps)),
            Source::Arp(_) => None,
        })
    };
    let grid = grid_of(all().filter(|(_, steps)| fits(steps)).map(|(_, steps)| steps));
    let count = ((length.0 + grid.0 - 1) / grid.0).clamp(1, MAX_CELLS as i64) as usize;
    let mut row = Row { cells: vec![Cell::Rest; count], began: vec![(None, 0); count], grid };
    for (lane, steps) in all().filter(|(_, steps)| fits(steps)) {
        // A shorter lane comes round several times.
        for round in 0..length.0 / steps.length.0 {
            let offset = steps.length * round;
            if offset.0 / grid.0 >= count as i64 {
                break;
            }
            row.lay(steps, offset, |event_turn, guard| {
                let own = pass * (length.0 / steps.length.0) + round + i64::from(event_turn);
                holds(steps, guard, lane.seed, own, fill)
            });
        }
    }
    let has_others = all().any(|(_, steps)| !fits(steps) && has_notes(steps));
    Cells { cells: row.cells, grid, length, swing: main.swing, has_others }
}

/// The first grid that events fall on well enough, or the one that most fall on.
fn grid_of<'s>(lanes: impl Iterator<Item = &'s Steps> + Clone) -> TickSpan {
    let is_note = |action: Action| matches!(action, Action::Note { .. });
    let onsets = lanes.flat_map(|steps| steps.events.iter()).filter(|event| is_note(event.action));
    let total = onsets.clone().count();
    let on = |grid: TickSpan| onsets.clone().filter(|event| event.at.0 % grid.0 == 0).count();
    let good = GRIDS.iter().copied().find(|&grid| on(grid) * 100 >= total * FITS);
    // Of equal ones the first, which is the coarsest.
    good.or_else(|| GRIDS.iter().copied().rev().max_by_key(|&grid| on(grid))).unwrap_or(TickSpan::SIXTEENTH)
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
    fn lay(
        &mut self,
        steps: &Steps,
        offset: TickSpan,
        plays: impl Fn(i8, Option<crate::engine::pattern::GuardIndex>) -> bool,
    ) {
        for event in &steps.events {
            let at = offset + event.at;
            // What is a little early or late belongs to the step that it is written in.
            let index = ((at.0 + self.grid.0 / 4) / self.grid.0) as usize;
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
            let end = (at + event.gate).0.saturating_sub(1) / self.grid.0;
            for held in self.cells.iter_mut().take(end as usize + 1).skip(index + 1) {
                *held = (*held).max(Cell::Held);
            }
        }
    }
}

impl Cells {
    /// The cell that plays at `position`, in music that began at `origin`.
    #[must_use]
    pub fn at(&self, origin: Tick, position: Tick) -> usize {
        let straight = self.swing.straighten(position - origin);
        (straight.0.rem_euclid(self.length.0.max(1)) / self.grid.0) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::program::PatternSlot;
    use crate::engine::program::TrackSlot;
    use crate::set::Set;

    const RIG: &str =
        "tempo = 120\n[ports.a]\ndevice = \"A\"\n[tracks.one]\nport = \"a\"\nchannel = 1\n[patterns.main]\n";

    /// The row of what `lane` says, as text, in some passes.
    fn rows(lane: &str, passes: i64, fill: bool) -> Vec<String> {
        let set = Set::parse("t.toml", format!("{RIG}{lane}").as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
        let clip = set.program.patterns[usize::from(PatternSlot(0).0)].clip(TrackSlot(0)).unwrap().clone();
        let text = |pass| match figure(&clip, pass, fill) {
            Some(Figure::Steps(cells, _)) => cells.cells.iter().map(|&cell| letter(cell)).collect(),
            Some(Figure::Arp(text)) => text,
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
            ("one = \"c3*3 . c3<20 .\"", "3.x."),
            ("one = \"c3<20 . c3 .\"", "x.x."),
            ("one = { step = \"1/8t\", steps = \"c3 c3 c3 c3 . .\" }", "xxxx.."),
            ("one = \"c3>20 c3 c3 c3 c3<10 .\"", "xxxxx."),
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
        assert_eq!(rows("one = \"\"\"\n. . . .\nc3/1:2 .\n\"\"\"", 1, false), ["x.?."]);
    }

    #[test]
    fn what_is_no_row_is_named() {
        assert_eq!(rows("one = { arp = \"c3 e3 g3\" }", 1, false), ["arpeggio of 3 keys"]);
    }

    #[test]
    fn the_playhead_goes_round() {
        let set = Set::parse("t.toml", format!("{RIG}one = \"c3 . c3 .\"").as_bytes()).unwrap();
        let clip = set.program.patterns[0].clip(TrackSlot(0)).unwrap().clone();
        let Some(Figure::Steps(cells, false)) = figure(&clip, 0, false) else { panic!("no steps") };
        let at = |position| cells.at(Tick(3_840), Tick(position));
        assert_eq!([3_840, 4_079, 4_080, 4_799, 4_800].map(at), [0, 0, 1, 3, 0]);
        assert_eq!((pass_of(&clip, TickSpan(959)), pass_of(&clip, TickSpan(960))), (0, 1));
    }
}
