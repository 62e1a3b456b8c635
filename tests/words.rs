//! A slip of a finger does not end a show: every word that is nearly one of ours is read to an end, wherever it stands, on a
//! small stack; and nobody is proposed what he has written.

use crate::support::words::{everywhere, in_commands, known, on_a_small_stack, slips};
use proptest::prelude::*;
use tightrope::control::order;

#[test]
fn slips_in_commands_are_answered() {
    on_a_small_stack(|| {
        for word in order::words().flat_map(slips) {
            in_commands(&word);
        }
    });
}

#[test]
fn every_word_is_answered_wherever_it_stands() {
    on_a_small_stack(|| {
        for word in known() {
            everywhere(&word);
        }
    });
}

#[test]
fn names_of_targets_are_answered_wherever_they_stand() {
    // What they are made of can be put together in more ways than other words.
    let parts = ["cc", "cc14", "bend", "pressure", "nrpn", "rpn", "", "-", "1", "74", "-74", "_7", "#", "99999"];
    on_a_small_stack(|| {
        for (first, second) in parts.iter().flat_map(|first| parts.map(|second| (first, second))) {
            everywhere(&format!("{first}{second}"));
        }
    });
}

fn near() -> impl Strategy<Value = String> {
    let letters = "[a-z0-9#_ .,:/=~*?<>(){}\\[\\]+-]";
    let change = (any::<prop::sample::Index>(), 0..3u8, letters);
    (prop::sample::select(known()), prop::collection::vec(change, 1..3), "[0-9]{0,3}").prop_map(
        |(word, changes, digits)| {
            let mut letters: Vec<char> = word.chars().collect();
            for (at, kind, letter) in changes {
                let at = at.index(letters.len() + 1);
                match kind {
                    0 => drop(letters.splice(at..at, letter.chars()).collect::<Vec<_>>()),
                    1 if at < letters.len() => drop(letters.remove(at)),
                    _ if at < letters.len() => drop(letters.splice(at..=at, letter.chars()).collect::<Vec<_>>()),
                    _ => letters.extend(letter.chars()),
                }
            }
            letters.into_iter().collect::<String>() + &digits
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn words_that_are_nearly_known_are_answered_wherever_they_stand(word in near()) {
        on_a_small_stack(|| everywhere(&word));
    }

    #[test]
    fn words_of_any_signs_are_answered_wherever_they_stand(word in "[\\x00-\\x1f\\x7f\\x{9b}\\x{202e}0-9a-c/:.,~*-]{1,12}") {
        on_a_small_stack(|| everywhere(&word));
    }
}
