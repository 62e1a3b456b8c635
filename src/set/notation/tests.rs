//! What lines of steps play, from text to events.

use super::heard::heard;

#[track_caller]
fn plays(line: &str, expected: &str) {
    let passes = expected.split(" | ").count() as i64;
    assert_eq!(heard(false, line, passes).as_deref(), Ok(expected), "{line}");
}

#[track_caller]
fn drums(line: &str, expected: &str) {
    let passes = expected.split(" | ").count() as i64;
    assert_eq!(heard(true, line, passes).as_deref(), Ok(expected), "{line}");
}

#[track_caller]
fn wrong(line: &str, expected: &[&str]) {
    assert_eq!(heard(false, line, 1).unwrap_err(), expected, "{line}");
}

#[test]
fn a_row_of_drums() {
    drums("k.s_", "0:k 2:s=100");
    drums("K x X ss", "0:k:127 1:k 2:k:127 3:s 4:s");
    drums("....", "-");
}

#[test]
fn a_row_of_notes() {
    plays("c2c#2bb1b1c-1", "0:c2 1:c#2 2:bb1 3:b1 4:c-1");
    plays("c2:70!~ g8=400__", "0:c2:97=100~ 1:g8=1200");
    plays("x X", "0:c2 1:c2:127");
}

#[test]
fn the_first_lines_of_every_set() {
    drums("k?70 .. k  h*3  e(5,8) ...", "0:k 3:k 4:h=17 4.33:h=17 4.67:h=17 5:k 7:k 8:k 10:k 11:k");
    plays(
        "c2 c2:70 . <g1 bb1> c2~ eb2 [c2 g2] ./1:4",
        "0:c2 1:c2:70 3:g1 4:c2=100~ 5:eb2 6:c2 6:g2 | 0:c2 1:c2:70 3:bb1 4:c2=100~ 5:eb2 6:c2 6:g2",
    );
}

#[test]
fn degrees_of_the_scale() {
    plays("1 3 5 7", "0:c3 1:eb3 2:g3 3:bb3");
    plays("135", "0:c3 1:eb3 2:g3");
    plays("1' 1'' 7, 1,,'", "0:c4 1:c5 2:bb2 3:c2");
    plays("1:70 2>20 3", "0:c3:70 1.2:d3 2:eb3");
    wrong("8", &["the scale has no degree `8`"]);
    wrong("10", &["the scale has no degree `0`"]);
    wrong("1''''''''", &["`1''''''''` is not on the keyboard"]);
}

#[test]
fn chords() {
    plays("[c2 e2 g2]", "0:c2 0:e2 0:g2");
    plays("[c2e2g2]:70~ [1 3,]", "0:c2:70=100~ 0:e2:70=100~ 0:g2:70=100~ 1:c3 1:eb2");
    plays("[c2m7]", "0:c2 0:eb2 0:g2 0:bb2");
    plays("[c27] [c2 7] [c2]", "0:c2 0:e2 0:g2 0:bb2 1:c2 1:bb3 2:c2");
    plays("[c-1maj7] [f#2dim] [bb1sus4]", "0:c-1 0:e-1 0:g-1 0:b-1 1:f#2 1:a2 1:c3 2:bb1 2:eb2 2:f2");
    plays("[c2 c2 e2]", "0:c2 0:e2");
    plays("[c2m c3]__", "0:c2=150 0:eb2=150 0:g2=150 0:c3=150");
    drums("[kh] [K h] [k K]", "0:k 0:h 1:k:127 1:h 2:k:127");
    wrong("[c2m8]", &["there is no chord `m8`"]);
    wrong("[c10]", &["there is no chord `0`"]);
    wrong("[]", &["the chord is empty"]);
    wrong("[c2:70 e2?]", &["`:70` cannot stand within a chord"]);
    wrong("[c2 <e2 g2>]", &["`<` cannot stand within a chord"]);
    wrong("[c2 e2 . x", &["`.` cannot stand within a chord"]);
    wrong("[c2 e2", &["`[` is not closed"]);
    wrong("c2]", &["`]` closes nothing"]);
}

#[test]
fn choices_take_turns() {
    plays("<c2 d2 e2>", "0:c2 | 0:d2 | 0:e2 | 0:c2");
    plays("<c2 .> d2", "0:c2 1:d2 | 1:d2 | 0:c2 1:d2");
    plays("<c2 <d2 e2>>", "0:c2 | 0:d2 | 0:c2 | 0:e2 | 0:c2 | 0:d2");
    plays("<c2 <d2 <e2 f2>>>", "0:c2 | 0:d2 | 0:c2 | 0:e2 | 0:c2 | 0:d2 | 0:c2 | 0:f2 | 0:c2");
    plays("<[c2 e2] g2:70>=100_", "0:c2=200 0:e2=200 | 0:g2:70=200");
    plays("<1 3>5", "0:c3 1:g3 | 0:eb3 1:g3");
    plays("<c2 d2>>20", "0.2:c2 | 0.2:d2");
    plays("<c2 d2>/2:3", "- | 0:c2 | - | - | 0:d2 | - | - | 0:c2");
    plays("1 <3 5>", "0:c3 1:eb3 | 0:c3 1:g3");
    plays("1 <35 7>", "0:c3 1:eb3 | 0:c3 1:g3 | 0:c3 1:bb3");
    plays("<c2:70 d2>:80!", "0:c2:97 | 0:d2:107");
    wrong("<c2 _>", &["a choice is of single steps, and this is a hold"]);
    wrong("<c2 3(d2)>", &["a choice is of single steps, and this is a group"]);
    wrong("<c2 e(3,8)>", &["a choice is of single steps, and this is a rhythm"]);
    wrong("<>", &["the choice is empty"]);
    wrong("<c2 d2", &["`<` is not closed"]);
    wrong("(<c2 d2) e2>", &["`<` is not closed"]);
    wrong("<c2<20 d2>", &["`<20` cannot stand within a choice"]);
    wrong("c2 <20 e2", &["`<20` stands apart from its step"]);
    wrong("<2 4", &["`<` is not closed"]);
}

#[test]
fn chance_and_choices_at_random() {
    let played = heard(false, "<c2 d2 e2>?", 30).unwrap();
    for note in ["0:c2", "0:d2", "0:e2"] {
        assert!(played.split(" | ").filter(|pass| *pass == note).count() >= 3, "{played}");
    }
    assert!(played.split(" | ").all(|pass| pass.len() == 4), "{played}");
    let played = heard(false, "<c2 d2>??30", 100).unwrap();
    let silent = played.split(" | ").filter(|pass| *pass == "-").count();
    assert!((50..90).contains(&silent), "{silent}");
    let played = heard(false, "<c2?50 .>", 100).unwrap();
    let silent = played.split(" | ").step_by(2).filter(|pass| *pass == "-").count();
    assert!((15..35).contains(&silent), "{silent}");
    let played = heard(false, "[c2 e2]*2?", 100).unwrap();
    let of_four = |pass: &str| pass == "-" || pass.split(' ').count() == 4;
    assert!(played.split(" | ").all(of_four), "one die for a step: {played}");
    let played = heard(false, "c2? c2?", 100).unwrap();
    assert!(played.split(" | ").any(|pass| pass == "0:c2") && played.split(" | ").any(|pass| pass == "1:c2"));
    plays("c2?100", "0:c2 | 0:c2");
    wrong(
        "c2?0 c2?101 c2??",
        &["`?0` is out of range", "`?101` is out of range", "`?` says again what this step says already"],
    );
}

#[test]
fn groups() {
    plays("3(c2 .)", "0:c2 2:c2 4:c2");
    plays("(c2 .) d2", "0:c2 2:d2");
    plays("2(c2 2(d2 .))", "0:c2 1:d2 3:d2 5:c2 6:d2 8:d2");
    plays("2(c2)", "0:c2 1:c2");
    assert_eq!(heard(true, "2 (k)", 1), heard(true, "2(k)", 1), "on a kit, no number is a degree");
    wrong("2 (c2)", &["`2` before a bracket may be a degree, or how often"]);
    plays("1 3 2(5)", "0:c3 1:eb3 2:g3 3:g3");
    plays("(c2:70 c2~ c2 .):90=100", "0:c2:70=100 1:c2:90=100~ 2:c2:90=100");
    plays("2(c2 _)", "0:c2=100 2:c2=100");
    plays("2(_ c2)", "1:c2=100 3:c2=100");
    plays("2(c2 .){74=30}", "0:{74=30} 0:c2 2:{74=30} 2:c2");
    wrong("0(c2)", &["a group cannot be played no times"]);
    wrong("3()", &["the group is empty"]);
    wrong("3(c2", &["`3(` is not closed"]);
    wrong("((((c2", &["`(` is not closed"]);
    wrong("c2)", &["`)` closes nothing"]);
    wrong("3(. _)", &["`_` has nothing to hold"]);
    wrong("9999(9999(c2))", &["the line of steps is too long"]);
    wrong("((((((((((((c2))))))))))))", &["brackets stand too deep within each other"]);
    wrong("x(3,8)", &["a Euclidean rhythm begins with `e(`"]);
}

#[test]
fn rhythms() {
    plays("e(3,8)", "0:c2 3:c2 6:c2");
    plays("g2 e(3,8)", "0:g2 3:g2 6:g2");
    plays("g2:70 e(3,8)", "0:g2:70 1:c2 4:c2 7:c2");
    plays("g2 e(3,8,2)", "1:g2 4:g2 6:g2");
    plays(
        "[g2 b2]e(2,4):70*2",
        "0:g2:70=25 0:b2:70=25 0.5:g2:70=25 0.5:b2:70=25 2:g2:70=25 2:b2:70=25 2.5:g2:70=25 2.5:b2:70=25",
    );
    plays("<g2 a2> e(2,4)", "0:g2 2:g2 | 0:a2 2:a2");
    plays("c2 e(1,2) e(1,2)", "0:c2 2:c2");
    plays(". e(1,2)", "1:c2");
    drums("e(2,4)", "0:k 2:k");
    drums("K e ( 2 , 4 )", "0:k:127 2:k:127");
    drums("h*3 e(5,8)", "0:h=17 0.33:h=17 0.67:h=17 1:k 3:k 4:k 6:k 7:k");
    plays("e(0,4) g2", "4:g2");
    wrong("e(5)", &["`e(..)` takes two or three numbers"]);
    wrong("e(9,8)", &["there is no such rhythm"]);
    wrong("e(3,8,9)", &["there is no such rhythm"]);
    wrong("e(3,", &["`e(` is not closed"]);
}

#[test]
fn holds() {
    plays("c2 _ . d2 _ _", "0:c2=100 3:d2=150");
    plays("_ . c2", "2:c2=100");
    plays("__ . c2 _", "3:c2=200");
    plays("_ c2 d2~", "1:c2 2:d2=200~");
    plays("[c2 g2]*2 _", "0:c2 0:g2 1:c2 1:g2");
    plays("_ . c2*4", "2:c2=25 2.5:c2=25 | 0:c2=25 0.5:c2=25 2:c2=25 2.5:c2=25");
    wrong("_ c2 .", &["`_` has nothing to hold"]);
    wrong("_ _ . _ _", &["`_` has nothing to hold", "`_` has nothing to hold"]);
    wrong("<. .> _", &["`_` has nothing to hold"]);
}

#[test]
fn ratchets() {
    plays("c2*3", "0:c2=17 0.33:c2=17 0.67:c2=17");
    plays("c2*4=100 d2*2~", "0:c2=25 0.25:c2=25 0.5:c2=25 0.75:c2=25 1:d2~ 1.5:d2~");
    wrong("c2*1 c2*17 c2*", &["`*1` is out of range", "`*17` is out of range", "`*` lacks its number"]);
}

#[test]
fn early_and_late() {
    plays("c2 d2<20 e2>30", "0:c2 0.8:d2 2.3:e2");
    plays("c2<20 d2", "0:c2 1:d2 1.8:c2 | 1:d2 1.8:c2");
    plays("c2*2>50", "0.5:c2=25 | 0:c2=25 0.5:c2=25");
    plays("c2~ d2>20 e2<50", "0:c2=120~ 1.2:d2 1.5:e2");
    plays("c2>20~ .", "0.2:c2=80~");
    plays("2(c2 d2<20)", "0:c2 0.8:d2 2:c2 2.8:d2");
    wrong("c2<0 c2>51 c2>", &["`<0` is out of range", "`>51` is out of range", "`>` lacks its number"]);
    wrong("c2<20>30", &["`>30` says again what this step says already"]);
}

#[test]
fn conditions() {
    plays("c2/1:2 d2/2:3", "0:c2 | 1:d2 | 0:c2");
    plays("c2/!1:3", "- | 0:c2 | 0:c2 | - | 0:c2");
    plays("c2/1st d2", "0:c2 1:d2 | 1:d2");
    plays("c2/fill d2/!fill", "1:d2");
    plays("c2/1:2/1st", "0:c2 | - | -");
    plays("c2<20/2:2 .", "1.8:c2 | - | 1.8:c2");
    plays("./1:4 c2", "1:c2");
    wrong("c2/", &["`/` lacks its condition"]);
    wrong("c2/4", &["`/4` is not a condition"]);
    wrong(
        "c2/5:4 c2/0:4 c2/1:0 c2/!1:1 c2/1:2000",
        &[
            "`/5:4` never comes",
            "`/0:4` never comes",
            "`/1:0` never comes",
            "`/!1:1` never comes",
            "`/1:2000` never comes",
        ],
    );
    wrong("c2/fil c2/!1st", &["`/fil` is not a condition", "`/!1st` is not a condition"]);
    wrong("c2/1:2/2:4", &["`/2:4` says again what this step says already"]);
    wrong("c2 _/1:4", &["`/1:4` changes a note, and this is a hold"]);
}

#[test]
fn values() {
    plays("c2{74=30}", "0:{74=30} 0:c2");
    plays(".{74=30 cc71=5} c2 _{ bend = -100 }", "0:{74=30} 0:{71=5} 1:c2=100 2:{Bend=8092}");
    plays("[c2 e2]*2{cc14-1=300}>20", "0.2:{Fine(1)=300} 0.2:c2=25 0.2:e2=25 0.7:c2=25 0.7:e2=25");
    plays("<c2 . d2{7=1}>{74=30}", "0:{74=30} 0:c2 | - | 0:{7=1} 0:d2");
    plays(".{74=30}/1:2 c2", "0:{74=30} 1:c2 | 1:c2");
    wrong("c2{}", &["there is no value in the bracket"]);
    wrong("c2{74}", &["`74` is not a value"]);
    wrong("c2{74=128 bend=9000}", &["`74` cannot be `128`", "`bend` cannot be `9000`"]);
    wrong("c2{cutof=3}", &["nothing is called `cutof`"]);
    wrong("c2{74=3 cc74=4}", &["`cc74` is given twice"]);
    wrong("c2{74=30 d2", &["`{` is not closed"]);
    wrong("c2{74=30,71=5}", &["`74` cannot be `30,71=5`"]);
}

#[test]
fn one_mistake_is_one_message() {
    wrong("h2~ h2", &["`h2` is not a note"]);
    wrong("cis2 . cis2:70 c eb . c", &["`cis2` is not a note", "`c` and `eb` lack their octave"]);
    wrong("# a comment", &["`# a comment` is not known in steps"]);
    wrong("_", &["`_` has nothing to hold"]);
    wrong("c2: 70", &["`:` lacks its number"]);
    wrong("c2:99999999999", &["`:99999999999` is out of range"]);
    wrong("c2! :70!", &["`!` says again what this step says already"]);
    wrong(":70 c2", &["`:70` stands before any step"]);
    wrong("k*3? k:500", &["`k` is not a note"]);
    wrong("(c2 [e2) g2]", &["`[` is not closed"]);
    assert_eq!(heard(true, "j j j___ J!", 1).unwrap_err(), ["the kit of `t` has no drum `j`"]);
    assert_eq!(heard(true, "3 5", 1).unwrap_err(), ["degrees are not read on `t`, which has a kit"]);
}
