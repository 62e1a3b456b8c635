//! `tightrope render`: what a set plays, as a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::args::Render;
use super::failure::Failure;
use super::files;
use super::output::Rendered;
use crate::engine::program::AfterSong;
use crate::midi::Message;
use crate::offline::render::{Plan, Rendering, render as render_show};
use crate::offline::{orders, smf, text};
use crate::session::source;
use crate::set::Set;
use crate::time::{Tick, TickSpan};

/// How many bars are rendered of a set without a song, if nobody says.
const BARS: i64 = 16;

/// What to do where the file is there already.
const INSTEAD: &str = "add --force to write over it, or name another with -o";

/// Renders a set to a file, or as text to `out`.
///
/// # Errors
///
/// When the set cannot be read or has mistakes, when a command cannot be understood, when there is more to render than a file
/// holds, or when the file cannot be written.
pub(crate) fn render(args: &Render, out: &mut dyn Write) -> Result<(), Failure> {
    let output = args.output.clone().unwrap_or_else(|| Rendered::Midi(default_path(&args.set)));
    if let (Some(_), Rendered::Text(_) | Rendered::Printed) = (args.format, &output) {
        let file = output.path().map_or("-".into(), |path| path.to_string_lossy());
        return Err(Failure::WrongWords(format!("--format is for MIDI files (.mid, .midi), and {file} is text")));
    }
    let set = source::load(&args.set)?;
    let commands = args.commands.iter().map(|command| orders::parse(&set, command));
    let commands =
        commands.collect::<Result<Vec<_>, _>>().map_err(|why| Failure::WrongWords(format!("--do: {why}")))?;
    let length = length(&set, args.bars);
    if matches!(output, Rendered::Midi(_)) && length > smf::LONGEST {
        let bars = smf::LONGEST.0 / set.program.meter.bar().0;
        return Err(Failure::Refused(format!(
            "a MIDI file holds at most {bars} bars of this set; render fewer of them"
        )));
    }
    let rendering = render_show(&set.program, &Plan { length, commands })
        .map_err(|too_much| Failure::Refused(format!("{too_much}; render fewer bars")))?;
    let format = args.format.unwrap_or(smf::Format::Tracks);
    let (path, bytes) = match &output {
        Rendered::Printed => {
            for line in text::lines(&set, &rendering) {
                writeln!(out, "{line}")?;
            }
            return Ok(());
        }
        Rendered::Text(path) => {
            (path, text::lines(&set, &rendering).flat_map(|line| (line + "\n").into_bytes()).collect())
        }
        Rendered::Midi(path) => (path, smf::write_as(format, &set, &rendering)),
    };
    files::write(path, &bytes, args.force, INSTEAD)?;
    writeln!(out, "{}: {}", path.display(), summary(&set, &rendering))?;
    if let (Rendered::Midi(_), smf::Format::OneTrack) = (&output, format) {
        for channel in smf::shared_channels(&rendering) {
            let channel = channel.number();
            writeln!(
                out,
                "note: several ports play on channel {channel}, which one track does not tell apart; use --format 1"
            )?;
        }
    }
    Ok(())
}

/// Returns how much is rendered: what is asked for, else the song to its end, else some bars.
fn length(set: &Set, bars: Option<u32>) -> TickSpan {
    let bar = set.program.meter.bar();
    let song = set.program.song.parts.last().map(|last| last.start + last.length - Tick::ZERO);
    match (bars, song) {
        (Some(bars), _) => bar * i64::from(bars),
        (None, Some(song)) if set.program.song.then != AfterSong::Loop => song,
        (None, _) => bar * BARS,
    }
}

/// The set's own name with the ending of a MIDI file, here.
fn default_path(set: &str) -> PathBuf {
    let stem = Path::new(set).file_stem().unwrap_or(set.as_ref());
    let mut name = stem.to_owned();
    name.push(".mid");
    PathBuf::from(name)
}

fn summary(set: &Set, rendering: &Rendering) -> String {
    let notes = rendering.sent.iter().filter(|sent| matches!(sent.message, Message::NoteOn(..))).count();
    let bars = rendering.length.0 / set.program.meter.bar().0;
    let seconds = set.program.tempo.span_of(rendering.length).0 / 1_000_000_000;
    let plural = |count: i64| if count == 1 { "" } else { "s" };
    let (tracks, s) = (set.tracks.len(), plural(set.tracks.len() as i64));
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let notes_s = plural(notes as i64);
    format!("{bars} bar{}, {minutes}:{seconds:02}, {notes} note{notes_s} on {tracks} track{s}", plural(bars))
}
