//! Edits of set files: what is written, where, and that nothing else changes.

use proptest::prelude::*;
use proptest::sample::select;

use tightrope::edit::{Heard, Played, Recorded, Refused, Take, Taken, Writing, bind, grid, record};
use tightrope::engine::program::Trigger;
use tightrope::midi::{Channel, Key, Velocity};
use tightrope::set::{Set, builtin};
use tightrope::time::TickSpan;

const RIG: &str = "\
# my rig\n\
tempo = 120.0   # as ever\n\
[ports.a]\n\
device = \"A\"\n\
[ports.keys]\n\
device = \"Keys\"\n\
\n\
[tracks.drums]   # ten\n\
port = \"a\"\n\
channel = 10\n\
kit = { k = 60, s = 62, h = \"e3\" }\n\
[ tracks . lead ]\n\
port = \"a\"\n\
channel = 1\n\
gate = 100\n\
";

/// The rig and what comes behind it.
fn with(rest: &str) -> String {
    format!("{RIG}{rest}")
}

const NOTE: Trigger = Trigger::Note(match Key::new(36) {
    Some(key) => key,
    None => panic!(),
});

fn heard(trigger: Trigger) -> Heard<'static> {
    Heard { port: "keys", channel: None, trigger }
}

/// What stands behind the rig after a binding, and what was replaced.
fn learned(rest: &str, heard: Heard<'_>, command: &str, taken: Taken) -> Result<(String, Vec<String>), String> {
    let learned = bind("a.toml", &with(rest), heard, command, taken).map_err(|refused| refused.to_string())?;
    Ok((learned.text.strip_prefix(RIG).expect("the rig is as it was").to_owned(), learned.replaced))
}

const MAIN: &str = "[patterns.main]\nlead = \"c2\"\n";

#[test]
fn the_first_binding_comes_to_the_end_of_the_file() {
    let on_channel = Heard { channel: Channel::from_number(3), ..heard(Trigger::Controller(20)) };
    let (text, replaced) = learned(MAIN, on_channel, " mute lead ", Taken::Replace).unwrap();
    assert_eq!(text, format!("{MAIN}\n[[bind]]\non = \"keys cc 20 channel 3\"\ndo = \"mute lead\"\n"));
    assert_eq!(replaced, [""; 0]);
    // A file that does not end its last line.
    let (text, _) = learned(MAIN.trim_end(), heard(Trigger::Program(5)), "stop", Taken::Add).unwrap();
    assert_eq!(text, format!("{MAIN}\n[[bind]]\non = \"keys program 5\"\ndo = \"stop\"\n"));
}

#[test]
fn others_join_those_that_are_there_as_they_are_written() {
    let apart = "\n[[bind]]\non = \"keys note 40\" # pad\ndo = \"start\"   # go\n# end of the pads\n[patterns.main]\nlead = \"c2\"\n";
    let (text, _) = learned(apart, heard(NOTE), "stop", Taken::Replace).unwrap();
    let new = "\n[[bind]]\non = \"keys note 36\"\ndo = \"stop\"\n";
    assert_eq!(text, apart.replace("# end", &format!("{new}# end")));
    let close = format!(
        "{MAIN}[[bind]]\non = \"keys note 40\"\ndo = \"start\"\n[[bind]]\non = \"keys note 41\"\ndo = \"stop\""
    );
    let (text, _) = learned(&close, heard(NOTE), "fill", Taken::Replace).unwrap();
    assert_eq!(text, format!("{close}\n[[bind]]\non = \"keys note 36\"\ndo = \"fill\"\n"));
}

#[test]
fn a_binding_that_answers_is_replaced_or_joined() {
    let rest = format!(
        "{MAIN}[[bind]]\n# one\n  on=  \"keys note c1\"   # pad\n  do=  'launch main at bar'   # go\n[[bind]]\non = \"keys note 36 channel 2\"\ndo = \"start\"\n# tail\n"
    );
    let (text, replaced) = learned(&rest, heard(NOTE), "stop", Taken::Replace).unwrap();
    let expected = rest
        .replace("'launch main at bar'", "\"stop\"")
        .replace("[[bind]]\non = \"keys note 36 channel 2\"\ndo = \"start\"\n", "");
    assert_eq!((text, replaced), (expected, vec!["launch main at bar".to_owned(), "start".to_owned()]));
    // On another channel only the first one answers.
    let third = Heard { channel: Channel::from_number(3), ..heard(NOTE) };
    let (text, _) = learned(&rest, third, "stop", Taken::Replace).unwrap();
    assert_eq!(text, rest.replace("'launch main at bar'", "\"stop\""));
    let (text, replaced) = learned(&rest, heard(NOTE), "stop", Taken::Add).unwrap();
    assert!(text.starts_with(rest.strip_suffix("# tail\n").unwrap()) && replaced.is_empty(), "{text}");
    assert!(text.contains("[[bind]]\non = \"keys note 36\"\ndo = \"stop\"\n# tail\n"), "{text}");
    let said = learned(&rest, heard(NOTE), "start", Taken::Add).unwrap_err();
    assert!(said.contains("does `start` already"), "{said}");
}

#[test]
fn bindings_in_a_list_stay_in_a_list() {
    let top = |list: &str| format!("bind = [{list}]\n{RIG}{MAIN}");
    let learned = |list: &str, heard: Heard<'_>| {
        bind("a.toml", &top(list), heard, "stop", Taken::Replace)
            .map(|learned| learned.text)
            .map_err(|no| no.to_string())
    };
    let new = "{ on = \"keys note 36\", do = \"stop\" }";
    assert_eq!(learned("", heard(NOTE)).unwrap(), top(new));
    let one = "{ on = \"keys note 40\", do = \"start\" }";
    assert_eq!(learned(&format!(" {one} "), heard(NOTE)).unwrap(), top(&format!(" {one}, {new} ")));
    assert_eq!(
        learned(&format!("\n  {one}, # a\n"), heard(NOTE)).unwrap(),
        top(&format!("\n  {one},\n  {new}, # a\n"))
    );
    let forty = heard(Trigger::Note(Key::new(40).unwrap()));
    assert_eq!(learned(one, forty).unwrap(), top(&one.replace("start", "stop")));
    assert!(learned(&format!("{one}, {one}"), forty).unwrap_err().contains("several bindings"));
}

#[test]
fn what_cannot_be_bound_is_explained() {
    let said = |heard: Heard<'_>, command: &str, rest: &str| learned(rest, heard, command, Taken::Replace).unwrap_err();
    assert!(said(heard(NOTE), "lanch main", MAIN).contains("did you mean `launch`?"));
    assert!(said(heard(NOTE), "launch man", MAIN).contains("`main`"));
    assert!(said(Heard { port: "kys", ..heard(NOTE) }, "stop", MAIN).contains("did you mean `keys`?"));
    let broken = said(heard(NOTE), "stop", "[patterns.main]\nlead = \"c2 q\"\n");
    assert!(broken.starts_with("line 17: ") && broken.ends_with("mend the file first, then try again"), "{broken}");
    let many = format!("{MAIN}{}", "[[bind]]\non = \"keys note 1\"\ndo = \"stop\"\n".repeat(2_000));
    assert!(bind("a.toml", &with(&many), heard(NOTE), "stop", Taken::Replace).is_err());
    assert!(Refused::built_in("acid").to_string().contains("tightrope new"));
}

fn played(on: i64, off: i64, key: u8, velocity: u8) -> Played {
    let velocity = Velocity::new(velocity).unwrap();
    Played { on: TickSpan(on), off: TickSpan(off), key: Key::from_data(key), velocity }
}

/// Four notes on sixteenths of one bar.
const PHRASE: [(i64, i64, u8, u8); 4] =
    [(240, 480, 48, 100), (480, 960, 50, 127), (960, 1_080, 48, 90), (3_600, 4_080, 55, 100)];

fn take<'t>(track: &'t str, notes: &'t [Played], writing: Writing) -> Take<'t> {
    let (length, grid) = (TickSpan(3_840), TickSpan(240));
    Take { pattern: "main", track, notes, length, grid, strength: 100, spread: 20, writing }
}

fn recorded_as(rest: &str, take: &Take<'_>) -> Result<Recorded, String> {
    let recorded = record("a.toml", &with(rest), take).map_err(|refused| refused.to_string())?;
    let text = recorded.text.strip_prefix(RIG).expect("the rig is as it was").to_owned();
    Ok(Recorded { text, ..recorded })
}

/// What stands behind the rig after the phrase was recorded on `track`.
fn recorded(rest: &str, track: &str, writing: Writing) -> Result<String, String> {
    let notes = PHRASE.map(|(on, off, key, velocity)| played(on, off, key, velocity));
    recorded_as(rest, &take(track, &notes, writing)).map(|recorded| recorded.text)
}

const LINE: &str = "_c2d2!_ c2:90=50... .... ...g2";

#[test]
fn a_track_that_the_pattern_lacks_is_added_to_it() {
    for (before, after) in [
        ("[patterns.main]\nbars = 1  # one\n", "\n# tail\n[patterns.other]\n"),
        ("[patterns.main]\n  drums = \"\"\"\n[k s]\n\"\"\" # d\n", "[patterns.main.cc.drums]\n7 = \"1\"\n"),
        ("[patterns.main]\n", "[patterns.other]\nlead = \"c2\"\n"),
        ("[patterns.main]\n", ""),
    ] {
        let indent = if before.contains("  drums") { "  " } else { "" };
        let text = recorded(&format!("{before}{after}"), "lead", Writing::Overdub).unwrap();
        assert_eq!(text, format!("{before}{indent}lead = \"{LINE}\"\n{after}"));
    }
    for (before, after) in [
        (
            "[patterns]\nmain = { drums = \"k\" }\n",
            format!("[patterns]\nmain = {{ drums = \"k\", lead = \"{LINE}\" }}\n"),
        ),
        ("[patterns]\nmain = {}\n", format!("[patterns]\nmain = {{ lead = \"{LINE}\" }}\n")),
        (
            "[patterns]\nmain.bars = 1\nb.bars = 2",
            format!("[patterns]\nmain.bars = 1\nmain.lead = \"{LINE}\"\nb.bars = 2"),
        ),
        (
            "[patterns.main.drums]\nsteps = \"k\"\n",
            format!("[patterns.main.drums]\nsteps = \"k\"\n\n[patterns.main]\nlead = \"{LINE}\"\n"),
        ),
    ] {
        assert_eq!(recorded(before, "lead", Writing::Replace).unwrap(), after);
    }
}

#[test]
fn steps_are_replaced_where_they_stand() {
    let main = |lead: &str| format!("[patterns.main] # m\nlead   = {lead}  # l\nbars = 1\n");
    let replaced = |lead: &str| recorded(&main(lead), "lead", Writing::Replace).unwrap();
    assert_eq!(replaced("\"\"\"\n  c2\n d2\"\"\""), main(&format!("\"{LINE}\"")));
    assert_eq!(
        replaced("{ swing = 58, steps = 'c2', gate=100}"),
        main(&format!("{{ swing = 58, steps = \"{}\", gate=100}}", LINE.replace("c2d2", "c2~d2")))
    );
    assert_eq!(
        replaced("{ step = \"1/3\", steps = 'c2' }"),
        main(&format!("{{ step = \"1/16\", steps = \"{LINE}\" }}"))
    );
    // Steps that divide the grid stay.
    assert_eq!(
        replaced("{ step = \"1/32\", steps = 'c2' }"),
        main("{ step = \"1/32\", steps = \"__c2_d2!___ c2:90 21(.) g2_\" }")
    );
}

#[test]
fn another_grid_makes_a_table() {
    let notes = [played(0, 320, 48, 100), played(320, 640, 50, 100), played(645, 950, 51, 100)];
    let triplets =
        Take { grid: grid("1/8t").unwrap(), length: TickSpan(1_920), ..take("lead", &notes, Writing::Replace) };
    let text = recorded_as("[patterns.main]\nlead = \"c2\"\n", &triplets).unwrap().text;
    assert_eq!(text, "[patterns.main]\nlead = { step = \"1/8t\", steps = \"c2d2d#2 ...\" }\n");
    let text = recorded_as("[patterns.main.lead]\n  steps = \"c2\"\n", &triplets).unwrap().text;
    assert_eq!(text, "[patterns.main.lead]\n  step = \"1/8t\"\n  steps = \"c2d2d#2 ...\"\n");
}

#[test]
fn what_is_said_by_most_notes_is_said_once() {
    let notes: Vec<Played> = (0..8).map(|step| played(step * 480, step * 480 + 120, 48, 70)).collect();
    let text = recorded_as(MAIN, &take("lead", &notes, Writing::Replace)).unwrap().text;
    let line = "c2.c2. ".repeat(4);
    assert_eq!(
        text,
        format!("[patterns.main]\nlead = {{ velocity = 70, gate = 50, steps = \"{}\" }}\n", line.trim_end())
    );
}

#[test]
fn overdubbed_lines_join_those_that_are_there() {
    let main = |lead: &str| format!("[patterns.main]\nlead = {lead} # l\n");
    let joined = |lead: &str| recorded(&main(lead), "lead", Writing::Overdub).unwrap();
    assert_eq!(joined("\"\"\"\n\tc2 | d2\n\t\"\"\""), main(&format!("\"\"\"\n\tc2 | d2\n\t{LINE}\n\t\"\"\"")));
    assert_eq!(joined("'''c2\n    d2'''"), main(&format!("'''c2\n    d2\n    {LINE}'''")));
    assert_eq!(joined("\"c2 d2\""), main(&format!("\"\"\"\n  c2 d2\n  {LINE}\n\"\"\"")));
    assert_eq!(
        joined("{ steps = 'c2', octave = 1 }"),
        main(&format!(
            "{{ steps = '''\n  c2\n  {}\n''', octave = 1 }}",
            LINE.replace("c2", "c1").replace("d2", "d1").replace("g2", "g1")
        ))
    );
    assert_eq!(
        joined("{ step = \"1/8\", steps = \"c2\" }"),
        main("{ step = \"1/8\", steps = \"\"\"\n  c2\n  c2=50>50d2! c2:90=25. .. .g2>50\n\"\"\" }")
    );
    let said = recorded(&main("{ step = \"1/1\", steps = \"c2\" }"), "lead", Writing::Overdub).unwrap_err();
    assert!(said.contains("are too long for these notes"), "{said}");
    let said = recorded(&main("{ step = \"5/8\", steps = \"c2\" }"), "lead", Writing::Overdub).unwrap_err();
    assert!(said.contains("not a whole number of the steps"), "{said}");
    // A line that goes on in the next one would swallow what joins it.
    let said = recorded(&main("\"\"\"\nc2 \\\n\"\"\""), "lead", Writing::Overdub).unwrap_err();
    assert!(said.contains("cannot be added to"), "{said}");
}

#[test]
fn drums_are_letters_and_chords_are_chords() {
    let beat = [(0, 60, 100), (0, 64, 70), (480, 64, 70), (960, 62, 127), (960, 64, 70), (1_440, 64, 97)];
    let notes = beat.map(|(on, key, velocity)| played(on, on + 120, key, velocity));
    let recorded =
        recorded_as("[patterns.main]\n", &Take { length: TickSpan(1_920), ..take("drums", &notes, Writing::Replace) });
    assert_eq!(
        recorded.unwrap().text,
        "[patterns.main]\ndrums = \"\"\"\n  k... ....\n  .... S...\n  h:70.h:70. h:70.h:97.\n\"\"\"\n"
    );
    let others = [played(0, 240, 60, 100), played(0, 240, 61, 100), played(480, 700, 61, 100)];
    let recorded = recorded_as("[patterns.main]\n", &take("drums", &others, Writing::Replace)).unwrap();
    assert_eq!(
        (recorded.notes, &recorded.remarks[..]),
        (1, &["2 notes left out, since the kit of `drums` does not have the keys 61".to_owned()][..])
    );
    let said = recorded_as("[patterns.main]\n", &take("drums", &others[1..], Writing::Replace)).unwrap_err();
    assert!(said.contains("has none of the keys that were played: 61"), "{said}");

    let chord = [(3, 60, 95), (0, 64, 100), (9, 67, 105), (960, 72, 100)];
    let notes = chord.map(|(on, key, velocity)| played(on, on + 460, key, velocity));
    let recorded =
        recorded_as("[patterns.main]\n", &Take { length: TickSpan(1_920), ..take("lead", &notes, Writing::Replace) });
    assert_eq!(recorded.unwrap().text, "[patterns.main]\nlead = \"[c3 e3 g3]_.. c4_..\"\n");
    let exact = Take { length: TickSpan(1_920), spread: 0, ..take("lead", &notes, Writing::Replace) };
    assert_eq!(recorded_as("[patterns.main]\n", &exact).unwrap().lines, 3);
}

#[test]
fn what_cannot_be_recorded_is_explained() {
    let main = "[patterns.main]\nlead = { arp = \"c2 e2\" }\n";
    let said = recorded(main, "lead", Writing::Replace).unwrap_err();
    assert!(
        said.contains("`lead` plays an arpeggio in the pattern `main` (line 17)") && said.contains("track of its own"),
        "{said}"
    );
    assert!(
        recorded(main, "leed", Writing::Replace)
            .unwrap_err()
            .contains("there is no track `leed`; did you mean `lead`?")
    );
    let other = recorded("[patterns.mine]\n", "lead", Writing::Replace).unwrap_err();
    assert!(other.contains("there is no pattern `main`"), "{other}");
    let nothing = recorded_as(MAIN, &take("lead", &[], Writing::Replace)).unwrap_err();
    assert!(nothing.contains("no note was recorded"), "{nothing}");
    let low = [played(0, 240, 5, 100)];
    let octave =
        recorded_as("[patterns.main]\nlead = { octave = 1, steps = \"c2\" }\n", &take("lead", &low, Writing::Overdub));
    assert!(octave.unwrap_err().contains("octave = 1"));
}

#[test]
fn the_built_in_sets_can_be_written_into() {
    let notes = PHRASE.map(|(on, off, key, velocity)| played(on, off, key, velocity));
    for set in builtin::all() {
        let names = Set::parse(set.name, set.text.as_bytes()).unwrap();
        for (pattern, track) in
            names.patterns.iter().flat_map(|pattern| names.tracks.iter().map(move |track| (pattern, track)))
        {
            for writing in [Writing::Replace, Writing::Overdub] {
                let take = Take { pattern, ..take(track, &notes, writing) };
                match record(set.name, set.text, &take) {
                    Ok(recorded) => assert_eq!(recorded.text.lines().next(), set.text.lines().next()),
                    Err(Refused::Unfit(why)) => assert!(
                        why.contains("arpeggio")
                            || why.contains("kit of")
                            || ["too long for these", "not a whole number"].iter().any(|known| why.contains(known)),
                        "{why}"
                    ),
                    Err(other) => panic!("{} {pattern} {track}: {other}", set.name),
                }
            }
        }
        let port = &names.ports[0].name[..];
        bind(
            set.name,
            set.text,
            Heard { port, channel: None, trigger: Trigger::Note(Key::new(1).unwrap()) },
            "stop",
            Taken::Replace,
        )
        .unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Bindings, comments and line endings in any order: one more binding answers, and all lines that were there are still
    /// there in their order.
    #[test]
    fn a_binding_leaves_all_else_as_it_was(
        blocks in proptest::collection::vec(select(&["[[bind]]\non = \"keys note 40\" # x\ndo = \"start\"\n", "# c\n\n", "[[bind]]\n\n  do = \"stop\"\n# in\n  on = \"keys cc 1\"\n", "\n"][..]), 0..6),
        crlf in any::<bool>(),
        end in any::<bool>(),
    ) {
        let mut text = with(&format!("{MAIN}{}", blocks.concat()));
        if !end { text.truncate(text.trim_end().len()); }
        if crlf { text = text.replace('\n', "\r\n"); }
        let learned = bind("a.toml", &text, heard(NOTE), "fill", Taken::Replace).unwrap().text;
        let eol = if crlf { "\r\n" } else { "\n" };
        let new = format!("[[bind]]{eol}on = \"keys note 36\"{eol}do = \"fill\"{eol}");
        let (before, behind) = learned.split_once(&new).expect("it is there");
        let gap = text.len() + 2 * eol.len() - (before.len() + behind.len());
        prop_assert!(text.starts_with(before.trim_end()) && text.ends_with(behind) && gap <= 2 * eol.len());
        prop_assert_eq!(learned.matches('\n').count(), learned.matches(eol).count());
    }

    /// Whatever a file looks like, an edit of it is a set again or is refused.
    #[test]
    fn damaged_sets_are_edited_or_refused(
        set in select(builtin::all()),
        harm in proptest::collection::vec((0usize..400, 0usize..5, 0usize..60), 0..4),
        writing in select(&[Writing::Replace, Writing::Overdub][..]),
    ) {
        let mut lines: Vec<String> = set.text.lines().map(str::to_owned).collect();
        for (line, how, at) in harm {
            let line = line % lines.len();
            let at = lines[line].char_indices().nth(at).map_or(lines[line].len(), |(at, _)| at);
            match how {
                0 => drop(lines.remove(line)),
                1 => lines.insert(line, lines[line].clone()),
                2 => lines[line].truncate(at),
                3 => lines[line].insert_str(at, "\"\"\""),
                _ => lines.swap(line, 0),
            }
        }
        let text = lines.join("\r\n");
        let names = Set::parse(set.name, set.text.as_bytes()).unwrap();
        let notes = PHRASE.map(|(on, off, key, velocity)| played(on, off, key, velocity));
        let pattern = &names.patterns[0][..];
        for track in &names.tracks {
            if let Ok(recorded) = record(set.name, &text, &Take { pattern, ..take(track, &notes, writing) }) {
                prop_assert!(Set::parse(set.name, recorded.text.as_bytes()).is_ok());
            }
        }
        let heard = Heard { port: &names.ports[0].name, ..heard(NOTE) };
        if let Ok(learned) = bind(set.name, &text, heard, "stop", Taken::Replace) {
            prop_assert!(Set::parse(set.name, learned.text.as_bytes()).is_ok());
        }
    }
}
