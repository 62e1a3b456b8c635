//! The reference of the step language, heard through the engine: each example sounds as the reference says.

use crate::support::*;
use tightrope::engine::Command;
use tightrope::engine::program::Source;
use tightrope::midi::Message;
use tightrope::set::reference::{ENTRIES, Entry};
use tightrope::time::{Nanos, Span};

/// Steps of 100 ticks, so that places are whole ticks.
fn set(entry: &Entry) -> String {
    let track = if entry.drums { "kit = { k = 60, s = 62, h = 64, o = 65 }" } else { "note = \"c2\"" };
    format!(
        "tempo = 120\nscale = \"c minor\"\n[ports.a]\ndevice = \"A\"\n[tracks.t]\nport = \"a\"\nchannel = 1\n{track}\n\
        [patterns.p]\nt = {{ step = \"5/192\", steps = \"\"\"{}\"\"\" }}\n",
        entry.example
    )
}

/// What is struck, or the controller that is sent, with its tick: what `plays` says, in passes of `length` ticks.
fn said(entry: &Entry, length: i64) -> Vec<(i64, Message)> {
    let pass = |(pass, text): (i64, &str)| {
        let words = text.split(' ').filter(|word| *word != "-").map(str::to_owned).collect::<Vec<_>>();
        words.into_iter().map(move |word| {
            let (at, what) = word.split_once(':').unwrap();
            let at = pass * length + (at.parse::<f64>().unwrap() * 100.0).round() as i64;
            (at, message(what))
        })
    };
    (0..).zip(entry.plays.split(" | ")).flat_map(pass).collect()
}

fn message(what: &str) -> Message {
    if let Some((controller, value)) = what.trim_matches(['{', '}']).split_once('=').filter(|_| what.starts_with('{')) {
        let channel = tightrope::midi::Channel::from_number(1).unwrap();
        return Message::ControlChange(channel, controller.parse().unwrap(), value.parse().unwrap());
    }
    let name = what.split([':', '=', '~']).next().unwrap();
    let key = match name {
        "k" => 60,
        "s" => 62,
        "h" => 64,
        "o" => 65,
        _ => {
            let (class, octave) = name.split_at(name.len() - 1);
            let names = ["c", "c#", "d", "eb", "e", "f", "f#", "g", "ab", "a", "bb", "b"];
            let class = names.iter().position(|other| *other == class).unwrap() as u8;
            class + 12 * (octave.parse::<u8>().unwrap() + 2)
        }
    };
    let velocity = what.split(':').nth(1).map_or(100, |behind| {
        let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    });
    match note_on(1, key) {
        Message::NoteOn(channel, key, _) => {
            Message::NoteOn(channel, key, tightrope::midi::Velocity::new(velocity).unwrap())
        }
        other => other,
    }
}

#[test]
fn every_example_sounds_as_the_reference_says() {
    for entry in ENTRIES {
        let program = compile(&set(entry));
        let Source::Steps(steps) = &program.patterns[0].clips[0].lanes[0].source else { panic!("{entry:?}") };
        let length = steps.length.0;
        let end = length * entry.plays.split(" | ").count() as i64;
        let mut show = Show::new(program.clone());
        show.command(Command::Start);
        // Two beats a second, 960 ticks a beat.
        show.wait_until(Nanos(1_000_000_000) + Span(end * 500_000_000 / 960) + Span::from_millis(100));
        let heard = show.trace.iter().filter(|departure| departure.tick.0 < end);
        let heard = heard.filter_map(|departure| match departure.message {
            Message::NoteOn(..) | Message::ControlChange(..) => Some((departure.tick.0, departure.message)),
            _ => None,
        });
        assert_eq!(heard.collect::<Vec<_>>(), said(entry, length), "{}", entry.example);
    }
}
