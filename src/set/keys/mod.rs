//! Every key of the set file: its name, what it takes, an example, and what a performer is told about it.
//!
//! This is the one place that knows them. The reader takes keys by these entries and reports what is left over, and
//! its messages are made of the same words as the reference.

pub mod arp;
pub mod bind;
pub mod clock;
mod forms;
pub mod lfo;
pub mod pattern;
pub mod points;
pub mod port;
pub mod program;
pub mod programs;
pub mod set;
pub mod song;
pub mod steps;
pub mod table;
pub mod track;

pub use table::{Key, Kind, Table};

/// All tables, from the top of the file to its end.
pub const TABLES: &[Table] = &[
    set::TABLE,
    clock::TABLE,
    port::TABLE,
    track::TABLE,
    pattern::TABLE,
    steps::TABLE,
    arp::TABLE,
    points::TABLE,
    lfo::TABLE,
    programs::TABLE,
    program::TABLE,
    song::TABLE,
    bind::TABLE,
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::set::Set;

    /// A whole set that has `key` of `table` as its example writes it, and beside it only what has to be there.
    fn set_with(table: &Table, key: &Key) -> String {
        let lines = |of: &Table, required: &[Key], between: &str| {
            let shown = Some(key).filter(|key| of.heading == table.heading && !key.example.starts_with('['));
            let rest = required.iter().filter(|required| Some(required.name) != shown.map(|key| key.name));
            rest.chain(shown).map(|key| key.example).collect::<Vec<_>>().join(between)
        };
        let is = |of: &Table| of.heading == table.heading;
        let bass = match is(&arp::TABLE) {
            // What is held takes the place of what is written.
            true if key.name == arp::HELD.name => lines(&arp::TABLE, &[], ", "),
            true => lines(&arp::TABLE, &[arp::ARP], ", "),
            false => lines(&steps::TABLE, &[steps::STEPS], ", "),
        };
        let controller = match is(&lfo::TABLE) {
            // Only random values have steps.
            true if key.name == lfo::STEP.name => lines(&lfo::TABLE, &[], ", ") + ", lfo = \"random\"",
            true => lines(&lfo::TABLE, &[lfo::LFO], ", "),
            false if is(&points::TABLE) => lines(&points::TABLE, &[points::POINTS], ", "),
            false => String::new(),
        };
        let controller = match controller.as_str() {
            "" => controller,
            some => format!("cc = {{ bass.74 = {{ {some} }} }}\n"),
        };
        let program = match is(&program::TABLE) {
            true => format!("program = {{ bass = {{ {} }} }}\n", lines(&program::TABLE, &[program::PROGRAM], ", ")),
            false if is(&programs::TABLE) => {
                format!("program = {{ {} }}\n", lines(&programs::TABLE, &[programs::CHANGE], ", "))
            }
            false => String::new(),
        };
        let bind = match is(&bind::TABLE) {
            true => format!("[[bind]]\n{}\n", lines(&bind::TABLE, &[bind::ON, bind::DO], "\n")),
            false => String::new(),
        };
        format!(
            "{}\n[clock]\n{}\n[ports.circuit]\n{}\n[tracks.bass]\n{}\n[patterns.main]\n{}\nbass = {{ {bass} }}\n\
            {controller}{program}[song]\n{}\n{bind}",
            lines(&set::TABLE, &[], "\n"),
            lines(&clock::TABLE, &[], "\n"),
            lines(&port::TABLE, &[port::DEVICE], "\n"),
            lines(&track::TABLE, &[track::PORT, track::CHANNEL], "\n"),
            lines(&pattern::TABLE, &[], "\n"),
            lines(&song::TABLE, &[Key { example: "parts = [\"main\"]", ..song::PARTS }], "\n"),
        )
    }

    /// A whole set for each key, with the example of the key.
    pub(crate) fn examples() -> Vec<String> {
        let mut sets = Vec::new();
        for table in TABLES {
            for key in table.keys {
                let text = match key.name {
                    // The notes of the bass are no drums.
                    "kit" => set_with(table, key).replace(steps::STEPS.example, "steps = \"k s\""),
                    "bind" => set_with(&bind::TABLE, &bind::ON),
                    _ => set_with(table, key),
                };
                assert!(text.contains(key.example), "{} is not in\n{text}", key.example);
                sets.push(text);
            }
        }
        let text = set_with(&pattern::TABLE, &pattern::BARS);
        let (before, after) = text.split_once("bass =").unwrap();
        let (_, after) = after.split_once('\n').unwrap();
        sets.push(format!("{before}{}\n{after}", pattern::LANE.example));
        sets
    }

    #[test]
    fn every_example_is_read() {
        for text in examples() {
            if let Err(mistakes) = Set::parse("example.toml", text.as_bytes()) {
                panic!("{text}\n{mistakes}");
            }
        }
    }

    #[test]
    fn what_is_said_agrees_with_the_limits() {
        use crate::time::Tempo;
        let tempo = format!("a number from {} to {}", Tempo::SLOWEST, Tempo::FASTEST);
        assert_eq!(set::TEMPO.takes, tempo);
        let (slowest, fastest) = (Tempo::SLOWEST as i64, Tempo::FASTEST as i64);
        assert!(matches!(set::TEMPO.kind, Kind::Number(least, most) if (least, most) == (slowest, fastest)));
        assert_eq!(track::GATE.takes, steps::GATE.takes);
        assert_eq!(track::VELOCITY.takes, steps::VELOCITY.takes);
        let most = crate::engine::program::MAX_LENGTH.0 / crate::time::Meter::new(1, 64).unwrap().bar().0;
        assert!(matches!(pattern::BARS.kind, Kind::Whole(1, bars) if bars == most as u64));
    }

    #[test]
    fn keys_are_found_by_name() {
        assert_eq!(track::TABLE.find("channel").map(|key| key.example), Some(track::CHANNEL.example));
        assert!(track::TABLE.find("chanel").is_none());
    }
}
