//! What holds for every line of steps, as properties.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::heard::set;
use crate::engine::program::{Program, Source, Steps};
use crate::set::Set;

fn program(kit: bool, line: &str) -> Program {
    match Set::parse("a.toml", set(kit, line).as_bytes()) {
        Ok(set) => set.program,
        Err(mistakes) => panic!("{line}\n{mistakes}"),
    }
}

fn steps(line: &str) -> Steps {
    let program = program(false, line);
    match &program.patterns[0].clips[0].lanes[0].source {
        Source::Steps(steps) => steps.clone(),
        Source::Arp(_) | Source::Feed(_) => panic!("no steps"),
    }
}

/// Modifiers that may stand after a note, no two of a kind.
fn modifiers(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(of, 0..=of.len()).prop_shuffle()
}

const STAYING: &[&str] = &[":70", "!", "?30", "*3", "=25", "/1:3", "/1st", "/!fill", "{74=30 bend=-5}"];
const MOVING: &[&str] = &[":70", "!", "?", "*4", "~", "/!2:3", "/fill", "{1=2}", ">33"];

/// A step of any kind, without a hold.
fn step(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let plain = select(&["c2", "x", "3", "5'", "[c2 e2]", "[c2m7]", "g#1"][..]).prop_map(str::to_owned);
    let plain = (plain, modifiers(of)).prop_map(|(head, modifiers)| head + &modifiers.concat());
    // What is late cannot stand within a choice.
    let inner = select(&["c2", "d2:50", "e2?20", "[g2 b2]/1:2", ".", "<1 2>?", "<a2 . b2>"][..]);
    let choice = (proptest::collection::vec(inner, 1..4), select(&["", "?"][..]), modifiers(of));
    let choice = choice.prop_map(|(items, random, modifiers)| {
        // A question mark after a choice is another thing than one with a number.
        let modifiers = modifiers.into_iter().filter(|modifier| *modifier != "?").collect::<String>();
        format!("<{}>{random}{modifiers}", items.join(" "))
    });
    let leaf = prop_oneof![4 => plain, 2 => choice, 2 => Just(".".to_owned()), 1 => Just(".{7=9}?70".to_owned()), 1 => Just("X".to_owned())];
    let rhythm = (select(&["e(3,8)", "e(2,5,1)", "<c2 d2> e(3,4)", "g2 e(1,2)"][..]), modifiers(of));
    let rhythm = rhythm.prop_map(|(rhythm, modifiers)| format!(". {rhythm}{}", modifiers.concat()));
    prop_oneof![5 => leaf, 1 => rhythm].prop_recursive(3, 12, 4, move |step| {
        (0u32..4, proptest::collection::vec(step, 1..4), modifiers(of)).prop_map(|(count, items, modifiers)| {
            let count = if count == 0 { String::new() } else { count.to_string() };
            format!("{count}({}){}", items.join(" "), modifiers.concat())
        })
    })
}

/// A line that begins with a note, perhaps with holds in it.
fn line(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    let held = step(of).prop_flat_map(|step| {
        // What may be a rest is not held.
        let holds =
            if step.ends_with(['.', ')', '>', '0']) || step.contains(['<', '(', '.']) { 0..1usize } else { 0..3 };
        holds.prop_map(move |holds| format!("{step}{}", " _".repeat(holds)))
    });
    // A digit and a group after it could be either a degree or how often.
    let apart = |line: String| line.replace("3 (", "3 1(");
    proptest::collection::vec(held, 1..6).prop_map(move |steps| apart(format!("c2 {}", steps.join(" "))))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_group_is_what_it_says_written_out(line in line(MOVING), count in 1usize..5) {
        let written = vec![&line[..]; count].join(" ");
        prop_assert_eq!(program(false, &format!("{count}({line})")), program(false, &written));
    }

    #[test]
    fn a_rest_at_the_end_moves_nothing_before_it(line in line(STAYING)) {
        let (short, long) = (steps(&line), steps(&format!("{line} .")));
        prop_assert_eq!(long.length.0, short.length.0 + 100);
        prop_assert_eq!((short.events, short.guards), (long.events, long.guards));
    }

    #[test]
    fn white_space_never_matters(line in line(MOVING), gaps in proptest::collection::vec("[ |\t\u{a0}]{1,3}", 1..40)) {
        let mut gaps = gaps.iter().cycle();
        let mut spaced = String::new();
        for c in line.chars() {
            match c {
                ' ' => spaced.push_str(gaps.next().unwrap()),
                // Before a modifier and at brackets, but not within a condition.
                '(' | ')' | ':' | '=' | '~' | '*' | '?' | '!' | '/' | '{' | '}'
                    if !spaced.ends_with(['/', '1', '2', '3', '4']) =>
                {
                    spaced.push_str(gaps.next().unwrap());
                    spaced.push(c);
                }
                _ => spaced.push(c),
            }
        }
        prop_assert_eq!(program(false, &spaced), program(false, &line));
    }

    #[test]
    fn modifiers_stand_in_any_order(
        head in select(&["c2", "3", "[c2 e2]", "<c2 d2>", "3(c2 . d2:5)", ". g2 e(3,8)"][..]),
        one in subsequence(MOVING, MOVING.len()).prop_shuffle(),
        early in any::<bool>(),
    ) {
        let plain: String = MOVING.concat();
        let shuffled: String = one.concat();
        // Behind a choice, a question mark alone would say which of them.
        let write = |modifiers: &str| {
            let modifiers = modifiers.replace('?', "?40");
            format!("{head}{}", if early { modifiers.replace('>', "<") } else { modifiers })
        };
        prop_assert_eq!(program(false, &write(&shuffled)), program(false, &write(&plain)));
    }

    #[test]
    fn modifiers_of_a_group_are_those_of_its_steps(count in 1usize..4, mods in modifiers(MOVING)) {
        let mods = mods.concat();
        let group = format!("{count}(c2 3 [c2 e2] . c2){mods}");
        let steps = format!("c2{mods} 3{mods} [c2 e2]{mods} . c2{mods} ").repeat(count);
        prop_assert_eq!(program(false, &group), program(false, &steps));
    }

    #[test]
    fn events_keep_to_their_line(line in line(MOVING), early in any::<bool>()) {
        let line = if early { line.replace(">33", "<50") } else { line };
        let steps = steps(&line);
        for event in &steps.events {
            prop_assert!(event.at.0 >= 0 && event.at < steps.length && (-1..=1).contains(&event.turn));
        }
        prop_assert!(steps.events.is_sorted_by_key(|event| event.at));
    }
}
