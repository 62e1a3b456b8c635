//! The verdict on a case of the transport matrix: a pure function of what was heard and what the case asks.

use crate::cases::{Case, Event, Grace};
use crate::recording::{Heard, Message, Port};
use crate::schedule::PULSES_PER_BAR;
use crate::score::{BASS_AT_FIRST, Placed, SIXTEENTH, drums_at};
use crate::verdict::{self, Limits, Played, Row, Take};
use std::ops::Range;

/// What may come at once after a halt beyond what belongs there: the notes of one pulse that a program still counts as
/// playable. Two seconds of the set are more than thirty.
const FEW: usize = 4;
/// How long "at once" is.
const AT_ONCE_NS: u64 = 20_000_000;

/// The arpeggio rests for a note now and then, but not for half a bar.
const BREATH: u32 = PULSES_PER_BAR / 2;

/// What was heard in a case, with what has to be known of the run.
pub struct Found {
    /// Until the program was asked to end.
    pub heard: Vec<Heard>,
    /// The stamps at which the pulses of the case's grid belong.
    pub grid: Vec<u64>,
    /// The stamp at which a halted program was let go on, or a burst came.
    pub freed_ns: Option<u64>,
}

/// A row for each thing that the case asks; their names begin with the case's.
pub fn judge(case: &Case, found: &Found, limits: Limits) -> Vec<Row> {
    let take = Take::on_grid(found.heard.clone(), found.grid.clone(), u64::MAX);
    let judged: Vec<(u32, &Played)> = take
        .played()
        .iter()
        .filter_map(|played| played.pulse.map(|pulse| (pulse, played)))
        .filter(|(pulse, played)| !excused(case, played.port, *pulse))
        .collect();
    let mut rows = vec![relayed(case, &found.heard), clocks(case, found)];
    rows.push(drums(case, &judged));
    rows.push(bass(case, &judged));
    rows.push(arpeggio(case, &judged));
    rows.push(outside(&take));
    if let Event::PlayerOut(out, _) = &case.event {
        rows.extend(rejoined(case, found, &judged, out));
    }
    if !case.segments.is_empty() {
        let late = judged.iter().map(|(pulse, played)| take.lateness(*pulse, played.at_ns)).collect();
        rows.push(verdict::judge_lateness("note-ons after their pulse", late, limits));
    }
    if let Some(freed_ns) = found.freed_ns {
        rows.extend(crowd(case, found, &take, freed_ns));
    }
    rows.push(verdict::hanging("notes hanging", &without_the_old_cable(case, found)));
    for row in &mut rows {
        row.what = format!("{}: {}", case.name, row.what);
    }
    rows
}

fn excused(case: &Case, port: Port, pulse: u32) -> bool {
    case.windows.iter().any(|window| window.holds(port, pulse, Grace::Anything))
}

/// The pulse of the music at each pulse of the grid where there is any.
fn music(case: &Case) -> impl Iterator<Item = (u32, u32)> + Clone {
    let segments = case.segments.iter();
    segments.flat_map(|segment| segment.pulses.clone().zip(segment.position..))
}

/// Where the music is at a pulse of the grid.
fn position_at(case: &Case, pulse: u32) -> Option<u32> {
    music(case).find(|(grid, _)| *grid == pulse).map(|(_, position)| position)
}

fn show(message: &Message) -> String {
    match *message.bytes() {
        [0xfa] => "START".into(),
        [0xfb] => "CONTINUE".into(),
        [0xfc] => "STOP".into(),
        [0xf2, low, high] => format!("SPP {}", u16::from(high) << 7 | u16::from(low)),
        _ => format!("{:x?}", message.bytes()),
    }
}

/// START, CONTINUE, STOP and song positions, in order. A song position that nobody sent is no fault as long as it names
/// the place where CONTINUE goes on.
fn relayed(case: &Case, heard: &[Heard]) -> Row {
    let what = "transport at Mono";
    let is_spp = |message: &Message| message.bytes()[0] == 0xf2;
    let mut heard = heard.to_vec();
    heard.sort_by_key(|heard| heard.at_ns);
    let came: Vec<Message> = heard
        .iter()
        .filter(|heard| heard.port == Port::Mono)
        .map(|heard| heard.message)
        .filter(|message| is_spp(message) || [Message::START, Message::CONTINUE, Message::STOP].contains(message))
        .collect();
    let line = |messages: &[Message]| match messages {
        [] => "nothing".into(),
        messages => messages.iter().map(show).collect::<Vec<_>>().join(", "),
    };
    let Some(expected) = &case.relayed else { return Row::figure(what, line(&came)) };
    let right_position = |message: &Message| {
        let position = case.segments.last().map(|segment| segment.position / SIXTEENTH);
        position.is_some_and(|position| *message == Message::song_position(position as u16))
    };
    let asked = expected.iter().any(is_spp);
    let compared: Vec<Message> =
        came.iter().copied().filter(|message| asked || !is_spp(message) || !right_position(message)).collect();
    Row::judged(what, line(expected), line(&came), compared == *expected)
}

/// As many clocks as the master counted, in each stretch of music.
fn clocks(case: &Case, found: &Found) -> Row {
    let of_segments: Vec<usize> = case.segments.iter().map(|segment| segment.pulses.len()).collect();
    let expected =
        case.counted.as_ref().map_or(of_segments, |counts| counts.iter().map(|&count| count as usize).collect());
    let mut at_mono: Vec<&Heard> = found.heard.iter().filter(|heard| heard.port == Port::Mono).collect();
    at_mono.sort_by_key(|heard| heard.at_ns);
    let mut seen = Vec::new();
    if case.relayed.is_some() || matches!(case.event, Event::Killed(_) | Event::BothOut(_) | Event::Cut(_)) {
        let mut running = false;
        for heard in at_mono {
            match heard.message {
                Message::START | Message::CONTINUE => {
                    running = true;
                    seen.push(0);
                }
                Message::STOP => running = false,
                Message::CLOCK if running => *seen.last_mut().expect("it runs since a START") += 1,
                _ => {}
            }
        }
    } else {
        // Nobody said when: from the first pulse of the music to STOP.
        let half_ns = case.at_ns(0.5);
        seen.extend(case.segments.iter().map(|segment| {
            let from_ns = found.grid[segment.pulses.start as usize] - half_ns;
            let clocks = at_mono.iter().skip_while(|heard| heard.at_ns < from_ns);
            let clocks = clocks.take_while(|heard| heard.message != Message::STOP);
            clocks.filter(|heard| heard.message == Message::CLOCK).count()
        }));
    }
    if let (Event::Killed(out) | Event::BothOut(out) | Event::Cut(out), Some(last)) = (&case.event, seen.last()) {
        // The player has joined at a bar line, from which the master has counted whole bars more, or fewer.
        let is_right = last % PULSES_PER_BAR as usize == expected[0] % PULSES_PER_BAR as usize && seen.len() == 2;
        let most = (case.segments[0].pulses.end - out.start) as usize;
        let seen = format!("{} and {last}", seen[0]);
        let wanted = format!("{} and whole bars, or more", expected[0] % PULSES_PER_BAR as usize);
        return Row::judged("clocks at Mono after its CONTINUE", wanted, seen, is_right && *last <= most);
    }
    let line = |counts: &[usize]| match counts {
        [] => "none that count".into(),
        counts => counts.iter().map(usize::to_string).collect::<Vec<_>>().join(" + "),
    };
    Row::judged("clocks at Mono", line(&expected), line(&seen), seen == expected)
}

fn drums(case: &Case, judged: &[(u32, &Played)]) -> Row {
    let at_circuit = judged.iter().filter(|(_, played)| played.port == Port::Circuit);
    let played: Vec<Placed> = at_circuit.map(|(pulse, played)| (*pulse, played.note)).collect();
    let score = music(case).flat_map(|(pulse, position)| drums_at(position).map(move |note| (pulse, note)));
    verdict::sequence("drums on their pulses", &wanted(case, Port::Circuit, score, &played), played)
}

/// The bass, and all that is neither it nor the arpeggio. Where the music goes on in mid-bar, the bass may be taken up.
fn bass(case: &Case, judged: &[(u32, &Played)]) -> Row {
    let taken_up = |placed: &Placed| {
        let mut starts = case.segments.iter().filter(|segment| segment.pulses.start == placed.0);
        placed.1 == BASS_AT_FIRST && starts.any(|segment| !segment.position.is_multiple_of(PULSES_PER_BAR))
    };
    let at_mono = judged.iter().filter(|(_, played)| played.port == Port::Mono && !played.is_arp());
    let played: Vec<Placed> =
        at_mono.map(|(pulse, played)| (*pulse, played.note)).filter(|placed| !taken_up(placed)).collect();
    let bars = music(case).filter(|(_, position)| position.is_multiple_of(PULSES_PER_BAR));
    let score = bars.map(|(pulse, _)| (pulse, BASS_AT_FIRST));
    verdict::sequence("bass on its bars", &wanted(case, Port::Mono, score, &played), played)
}

fn may_be_silent(case: &Case, port: Port, pulse: u32) -> bool {
    let holds = |grace| case.windows.iter().any(|window| window.holds(port, pulse, grace));
    holds(Grace::Missing) || holds(Grace::Silent)
}

/// What the player gets when it is back: its programs and what has been said of its controllers, before any note; and no note
/// where none may be. The set says programs on its channels and moves a controller of one.
fn rejoined(case: &Case, found: &Found, judged: &[(u32, &Played)], out: &Range<u32>) -> Vec<Row> {
    let silent = |pulse: u32| case.windows.iter().any(|window| window.holds(Port::Mono, pulse, Grace::Silent));
    let struck = judged.iter().filter(|(pulse, played)| played.port == Port::Mono && silent(*pulse)).count();
    // It is plugged in a little before the pulses that it gets again.
    let out_ns = found.grid[out.start as usize];
    let mut at_mono: Vec<&Heard> =
        found.heard.iter().filter(|heard| heard.port == Port::Mono && heard.at_ns >= out_ns).collect();
    at_mono.sort_by_key(|heard| heard.at_ns);
    let told = at_mono.iter().take_while(|heard| heard.message.bytes()[0] & 0xf0 != 0x90);
    let told = told.filter(|heard| match *heard.message.bytes() {
        [status, ..] if status & 0xf0 == 0xc0 => true,
        [status, number, _] => status & 0xf0 == 0xb0 && number < 120,
        _ => false,
    });
    let told: Vec<String> = told.map(|heard| format!("{:02x?}", heard.message.bytes())).collect();
    let expected = ["[b0, 00, 01]", "[b0, 20, 02]", "[c0, 05]", "[b0, 4a, 40]", "[c1, 07]"].map(String::from);
    let (mut sorted, mut wanted) = (told.clone(), expected.to_vec());
    // Where the music goes on in mid-bar, the controller is said anew.
    sorted.sort_unstable();
    sorted.dedup();
    wanted.sort_unstable();
    let row = Row::judged(
        "programs and controllers before the first note",
        wanted.join(" "),
        told.join(" "),
        sorted == wanted,
    );
    vec![Row::count("notes before its bar line", 0, struck), row]
}

/// The score without what may be missing, and is.
fn wanted(case: &Case, port: Port, score: impl Iterator<Item = Placed>, played: &[Placed]) -> Vec<Placed> {
    let may_miss = |pulse| may_be_silent(case, port, pulse);
    score
        .filter(|&(pulse, _)| !excused(case, port, pulse))
        .filter(|placed| !may_miss(placed.0) || played.contains(placed))
        .collect()
}

/// On sixteenths where there is music, and enough of them. How many is the program's choice, within bounds.
fn arpeggio(case: &Case, judged: &[(u32, &Played)]) -> Row {
    let played: Vec<Placed> = judged
        .iter()
        .filter(|(_, played)| played.port == Port::Mono && played.is_arp())
        .map(|(pulse, played)| (*pulse, played.note))
        .collect();
    let on_place = |pulse| position_at(case, pulse).is_some_and(|position| position.is_multiple_of(SIXTEENTH));
    let off: Vec<String> = played
        .iter()
        .filter(|(pulse, _)| !on_place(*pulse))
        .map(|(pulse, note)| match position_at(case, *pulse) {
            Some(position) => format!("pulse {pulse}: key {}, {} past a sixteenth", note.key, position % SIXTEENTH),
            None => format!("pulse {pulse}: key {}, where nothing plays", note.key),
        })
        .collect();
    let sixteenths = music(case)
        .filter(|&(pulse, position)| position.is_multiple_of(SIXTEENTH) && !excused(case, Port::Mono, pulse));
    let most = sixteenths.clone().count();
    let least = sixteenths.filter(|&(pulse, _)| !may_be_silent(case, Port::Mono, pulse)).count() / 2;
    let longest = longest_silence(case, &played);
    let ok = off.is_empty() && (least..=most).contains(&played.len()) && longest <= BREATH;
    let seen = format!("{}, of them {} beside; silent for {longest} pulses", played.len(), off.len());
    Row::judged("arpeggio on sixteenths", format!("{least} to {most}"), seen, ok).with(off)
}

/// The most pulses of music that go by without a note of it.
fn longest_silence(case: &Case, played: &[Placed]) -> u32 {
    let mut longest = 0;
    let mut silent = 0;
    let mut last = None;
    let judged = |pulse| !excused(case, Port::Mono, pulse) && !may_be_silent(case, Port::Mono, pulse);
    for (pulse, _) in music(case).filter(|&(pulse, _)| judged(pulse)) {
        let goes_on = last.replace(pulse).is_some_and(|last| last + 1 == pulse);
        let sounds = played.iter().any(|(own, _)| *own == pulse);
        silent = if sounds || !goes_on { 0 } else { silent + 1 };
        longest = longest.max(silent);
    }
    longest
}

/// Notes before the first pulse of all.
fn outside(take: &Take) -> Row {
    Row::count("notes before the first pulse", 0, take.played().iter().filter(|played| played.pulse.is_none()).count())
}

/// How many notes come at once when a halted program goes on: those which it missed are not played after all.
fn crowd(case: &Case, found: &Found, take: &Take, freed_ns: u64) -> Vec<Row> {
    let played = |span: &Range<u64>| take.played().iter().filter(|played| span.contains(&played.at_ns)).count();
    let belong = |span: &Range<u64>| {
        music(case)
            .filter(|(pulse, _)| span.contains(&found.grid[*pulse as usize]))
            .map(|(_, position)| {
                let arp = usize::from(position.is_multiple_of(SIXTEENTH));
                let bass = usize::from(position.is_multiple_of(PULSES_PER_BAR));
                drums_at(position).count() + arp + bass
            })
            .sum::<usize>()
    };
    let row = |what: &str, span: Range<u64>| {
        let most = belong(&span) + FEW;
        let seen = played(&span);
        match case.event {
            Event::Halted(_) => Row::judged(what, format!("{most} or less"), seen.to_string(), seen <= most),
            _ => Row::figure(what, seen.to_string()),
        }
    };
    vec![
        row("note-ons in 20 ms from then on", freed_ns..freed_ns + AT_ONCE_NS),
        row("note-ons in a quarter from then on", freed_ns..freed_ns + case.at_ns(24.0)),
    ]
}

/// What sounds on an instrument whose cable is pulled cannot be ended: only what comes after counts there.
fn without_the_old_cable(case: &Case, found: &Found) -> Vec<Heard> {
    let (port, absent) = match &case.event {
        Event::Unplugged(absent) | Event::QueuesTaken(absent) => (Port::Circuit, absent),
        Event::PlayerOut(absent, _) => (Port::Mono, absent),
        Event::Killed(gone) | Event::BothOut(gone) => {
            // What sounded then is silenced as a whole by what comes after.
            let back_ns = found.grid[gone.end as usize];
            return found.heard.iter().filter(|heard| heard.at_ns >= back_ns).copied().collect();
        }
        _ => return found.heard.clone(),
    };
    let back_ns = found.grid[absent.end as usize] - case.at_ns(0.5);
    let counts = |heard: &&Heard| heard.port != port || heard.at_ns >= back_ns;
    found.heard.iter().filter(counts).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use crate::recording::Note;
    use crate::score::{ARP, ARP_VELOCITY, KICK};

    const LIMITS: Limits = Limits { p99_ns: 1_000_000, max_ns: 5_000_000 };
    const LATE_NS: u64 = 10_000;
    /// The grid begins here on the clock of the stamps.
    const ORIGIN_NS: u64 = 5_000_000_000;

    fn case(name: &str) -> Case {
        cases::all(125.0).into_iter().find(|case| case.name == name).expect("there is such a case")
    }

    fn grid(case: &Case) -> Vec<u64> {
        (0..case.pulses).map(|pulse| ORIGIN_NS + case.at_ns(f64::from(pulse))).collect()
    }

    fn note(heard: &mut Vec<Heard>, port: Port, at_ns: u64, note: Note, velocity: u8, length_ns: u64) {
        heard.push(Heard { at_ns, port, message: Message::note_on(note, velocity) });
        heard.push(Heard { at_ns: at_ns + length_ns, port, message: Message::note_off(note) });
    }

    /// What is heard of a program that does what this case asks: `at` says where it believes the music is.
    fn played_by(case: &Case, at: impl Fn(u32) -> Option<u32>) -> Vec<Heard> {
        let mut heard = Vec::new();
        // START, STOP and so on at once, and all of the master's clocks on the grid.
        for step in case.steps().iter().filter(|step| step.message != Message::CLOCK) {
            heard.push(Heard { at_ns: ORIGIN_NS + step.at_ns + LATE_NS, port: Port::Mono, message: step.message });
        }
        for (pulse, at_ns) in (0..).zip(grid(case)) {
            let at_ns = at_ns + LATE_NS;
            heard.push(Heard { at_ns, port: Port::Mono, message: Message::CLOCK });
            let Some(position) = at(pulse) else { continue };
            for drum in drums_at(position) {
                note(&mut heard, Port::Circuit, at_ns, drum, 100, 9_000_000);
            }
            if position.is_multiple_of(PULSES_PER_BAR) {
                note(&mut heard, Port::Mono, at_ns, BASS_AT_FIRST, 100, 9_000_000);
            }
            if position.is_multiple_of(SIXTEENTH) {
                note(&mut heard, Port::Mono, at_ns, ARP[0], ARP_VELOCITY, 9_000_000);
            }
        }
        heard
    }

    fn perfect(case: &Case) -> Vec<Heard> {
        let heard = played_by(case, |pulse| position_at(case, pulse));
        match &case.event {
            Event::PlayerOut(out, _) => with_the_player_out(case, heard, out),
            Event::Killed(out) | Event::BothOut(out) | Event::Cut(out) => {
                let (gone, back) =
                    (ORIGIN_NS + case.at_ns(f64::from(out.start)), ORIGIN_NS + case.at_ns(f64::from(out.end)));
                let line = case.segments[0].pulses.end - case.counted.as_ref().unwrap()[0];
                let joins = ORIGIN_NS + case.at_ns(f64::from(line) - 0.5);
                let mut heard = heard;
                heard.retain(|heard| !(gone..back).contains(&heard.at_ns));
                heard.push(Heard { at_ns: joins, port: Port::Mono, message: Message::CONTINUE });
                heard
            }
            _ => heard,
        }
    }

    /// What is heard when the player is out, told what it has missed, and joins.
    fn with_the_player_out(case: &Case, mut heard: Vec<Heard>, out: &Range<u32>) -> Vec<Heard> {
        let middle_before = |pulse: u32| ORIGIN_NS + case.at_ns(f64::from(pulse) - 0.5);
        let silent =
            case.windows.iter().find(|window| window.grace == Grace::Silent).map(|window| window.pulses.clone());
        let until_ns = middle_before(silent.as_ref().map_or(out.end, |silent| silent.end));
        let is_clock = |heard: &Heard| heard.message == Message::CLOCK;
        let gone = middle_before(out.start)..middle_before(out.end);
        let waits = gone.end..until_ns;
        heard.retain(|heard| {
            let at_ns = &heard.at_ns;
            heard.port != Port::Mono || !(gone.contains(at_ns) || waits.contains(at_ns) && !is_clock(heard))
        });
        let mut tell = |at_ns: u64, bytes: &[u8]| {
            heard.push(Heard { at_ns, port: Port::Mono, message: Message::new(bytes) });
        };
        let told: [&[u8]; 5] = [&[0xb0, 0, 1], &[0xb0, 32, 2], &[0xc0, 5], &[0xb0, 74, 64], &[0xc1, 7]];
        (0..).zip(told).for_each(|(place, bytes)| tell(gone.end + 1_000 + place * 1_000_000, bytes));
        let start = case.segments[0].pulses.start;
        match silent {
            Some(silent) => {
                tell(gone.end, &[0xfc]);
                tell(until_ns, Message::song_position(((silent.end - start) / 6) as u16).bytes());
                tell(until_ns + 1, &[0xfb]);
            }
            None => {
                let go = middle_before(case.segments[1].pulses.start - 1);
                tell(go, Message::song_position((case.segments[1].position / 6) as u16).bytes());
            }
        }
        heard
    }

    fn failing(case: &Case, heard: Vec<Heard>) -> Vec<String> {
        let freed_ns = match &case.event {
            Event::Halted(halt) => Some(ORIGIN_NS + case.at_ns(f64::from(halt.end) - 0.5)),
            _ => None,
        };
        let rows = judge(case, &Found { heard, grid: grid(case), freed_ns }, LIMITS);
        let failed = rows.into_iter().filter(Row::failed);
        failed.map(|row| row.what[case.name.len() + 2..].to_string()).collect()
    }

    const PLACES: [&str; 3] = ["drums on their pulses", "bass on its bars", "arpeggio on sixteenths"];

    #[test]
    fn what_is_asked_passes() {
        for bpm in [60.0, 97.3, 125.0, 180.0] {
            for case in cases::all(bpm) {
                assert_eq!(failing(&case, perfect(&case)), [""; 0], "{} at {bpm}", case.name);
            }
        }
    }

    #[test]
    fn a_second_start_that_is_ignored() {
        let case = case("START twice");
        let start = case.segments[0].pulses.start;
        let end = case.segments[1].pulses.end;
        let heard = played_by(&case, |pulse| (start..end).contains(&pulse).then(|| pulse - start));
        assert_eq!(failing(&case, heard), PLACES);
    }

    #[test]
    fn a_second_start_that_is_not_sent_on() {
        let case = case("START twice");
        let mut heard = perfect(&case);
        let second = heard.iter().rposition(|heard| heard.message == Message::START).unwrap();
        heard.remove(second);
        assert_eq!(failing(&case, heard), ["transport at Mono", "clocks at Mono"]);
    }

    #[test]
    fn a_clock_without_start_that_plays() {
        let case = case("clock without START");
        assert_eq!(failing(&case, played_by(&case, Some)), PLACES);
    }

    #[test]
    fn a_join_at_once_and_a_join_on_the_wrong_bar() {
        let case = case("join = now");
        let end = case.segments[0].pulses.end;
        let at_once = played_by(&case, |pulse| (pulse < end).then_some(pulse));
        assert_eq!(failing(&case, at_once), PLACES);
        let shifted = played_by(&case, |pulse| (97..end).contains(&pulse).then(|| pulse - 97));
        assert_eq!(failing(&case, shifted), PLACES);
        let never = played_by(&case, |_| None);
        assert_eq!(
            failing(&case, never),
            ["drums on their pulses", "bass on its bars", "arpeggio on sixteenths", "note-ons after their pulse"]
        );
    }

    #[test]
    fn a_continue_that_starts_anew_or_is_off_by_a_pulse() {
        let case = case("CONTINUE");
        let back = case.segments[1].pulses.start;
        let at = |from: u32| {
            let case = case.clone();
            move |pulse: u32| position_at(&case, pulse).map(|own| if pulse < back { own } else { pulse - back + from })
        };
        assert_eq!(failing(&case, played_by(&case, at(0))), PLACES[..2]);
        assert_eq!(failing(&case, played_by(&case, at(151))), PLACES);
    }

    #[test]
    fn a_song_position_that_is_ignored_or_not_sent_on() {
        let case = case("SPP, CONTINUE");
        let back = case.segments[1].pulses.start;
        let heard = played_by(&case, |pulse| {
            position_at(&case, pulse).map(|own| if pulse < back { own } else { pulse - back + 50 })
        });
        assert_eq!(failing(&case, heard), PLACES);
        let mut heard = perfect(&case);
        heard.retain(|heard| heard.message != Message::song_position(22));
        assert_eq!(failing(&case, heard), ["transport at Mono"]);
    }

    #[test]
    fn a_song_position_of_the_programs_own_may_come_if_it_is_right() {
        let case = case("CONTINUE");
        for (sixteenths, failed) in [(25, 0), (24, 1)] {
            let mut heard = perfect(&case);
            let at_ns = grid(&case)[180];
            heard.push(Heard { at_ns, port: Port::Mono, message: Message::song_position(sixteenths) });
            assert_eq!(failing(&case, heard).len(), failed);
        }
    }

    #[test]
    fn a_bass_that_is_taken_up_in_mid_bar_is_right() {
        let case = case("CONTINUE");
        let mut heard = perfect(&case);
        let at_ns = grid(&case)[case.segments[1].pulses.start as usize];
        note(&mut heard, Port::Mono, at_ns, BASS_AT_FIRST, 100, 9_000_000);
        assert_eq!(failing(&case, heard), [""; 0]);
    }

    #[test]
    fn a_burst_counted_as_one() {
        let case = case("48 pulses at once");
        let Event::Burst(burst) = case.event.clone() else { unreachable!() };
        let heard = played_by(&case, |pulse| {
            position_at(&case, pulse).map(|own| if pulse < burst.end { own } else { own - 47 })
        });
        assert_eq!(failing(&case, heard), PLACES);
        let mut heard = perfect(&case);
        let dropped = grid(&case)[burst.start as usize]..grid(&case)[burst.end as usize - 1];
        heard.retain(|heard| heard.message != Message::CLOCK || !dropped.contains(&heard.at_ns));
        assert_eq!(failing(&case, heard), ["clocks at Mono"]);
    }

    #[test]
    fn an_instrument_that_is_never_found_again_or_is_found_off_by_a_pulse() {
        let case = case("unplugged");
        let Event::Unplugged(absent) = case.event.clone() else { unreachable!() };
        let (out_ns, back_ns) = (grid(&case)[absent.start as usize], grid(&case)[absent.end as usize]);
        let gone = |heard: &Heard| heard.port == Port::Circuit && heard.at_ns >= out_ns;
        let mut heard = perfect(&case);
        heard.retain(|heard| !gone(heard));
        assert_eq!(failing(&case, heard), ["drums on their pulses"]);

        let mut heard = perfect(&case);
        heard.retain(|heard| !gone(heard) || heard.at_ns >= back_ns + 1_500_000_000);
        assert_eq!(failing(&case, heard), [""; 0]);

        // Soon enough, but on wrong pulses.
        let heard = played_by(&case, |pulse| {
            position_at(&case, pulse).map(|own| if pulse < absent.end { own } else { own - 1 })
        });
        assert_eq!(failing(&case, heard), PLACES);
    }

    #[test]
    fn the_other_instrument_notices_the_cable() {
        let case = case("unplugged");
        let Event::Unplugged(absent) = case.event.clone() else { unreachable!() };
        let gap = grid(&case)[absent.start as usize]..grid(&case)[absent.end as usize];
        let mut heard = perfect(&case);
        heard.retain(|heard| heard.port == Port::Circuit || !gap.contains(&heard.at_ns));
        assert_eq!(failing(&case, heard), ["clocks at Mono", "bass on its bars", "arpeggio on sixteenths"]);
    }

    #[test]
    fn only_what_sounded_at_the_pulled_cable_may_hang() {
        let case = case("unplugged");
        let Event::Unplugged(absent) = case.event.clone() else { unreachable!() };
        let hang = |at_ns| {
            let mut heard = perfect(&case);
            let off = Message::note_off(KICK);
            let place = heard.iter().position(|heard| heard.at_ns > at_ns && heard.message == off).unwrap();
            heard.remove(place);
            failing(&case, heard)
        };
        assert_eq!(hang(grid(&case)[absent.start as usize - 30]), [""; 0]);
        assert_eq!(hang(grid(&case)[absent.end as usize + 110]), ["notes hanging"]);
    }

    #[test]
    fn a_player_that_joins_in_mid_bar_or_off_by_a_pulse_or_without_its_programs() {
        let case = case("player unplugged");
        let Event::PlayerOut(out, _) = case.event.clone() else { unreachable!() };
        let (back, line) = (grid(&case)[out.end as usize], grid(&case)[case.windows[1].pulses.end as usize]);
        let changed = |change: &dyn Fn(&mut Vec<Heard>)| {
            let mut heard = perfect(&case);
            change(&mut heard);
            failing(&case, heard)
        };
        let early = changed(&|heard| note(heard, Port::Mono, back + LATE_NS, ARP[0], ARP_VELOCITY, 9_000_000));
        assert!(early.contains(&"notes before its bar line".into()), "{early:?}");
        let off = changed(&|heard| {
            let cont = heard.iter_mut().find(|heard| heard.message == Message::CONTINUE).unwrap();
            cont.at_ns = line + 1_000_000;
        });
        assert_eq!(off, ["clocks at Mono"]);
        let bare = changed(&|heard| heard.retain(|heard| heard.message.bytes() != [0xc0, 5]));
        assert_eq!(bare, ["programs and controllers before the first note"]);
        let lost = changed(&|heard| heard.retain(|heard| heard.message.bytes()[0] != 0xf2));
        assert_eq!(lost, ["transport at Mono"]);
    }

    #[test]
    fn what_sounds_when_it_is_disconnected_and_is_never_ended() {
        let case = case("disconnected");
        let Event::Cut(out) = case.event.clone() else { unreachable!() };
        let cut_ns = grid(&case)[out.start as usize];
        let mut heard = perfect(&case);
        let note = Note { channel: 1, key: 50 };
        heard.push(Heard { at_ns: cut_ns - 1, port: Port::Mono, message: Message::note_on(note, 100) });
        assert!(failing(&case, heard).contains(&"notes hanging".to_string()));
        let mut heard = perfect(&case);
        heard.retain(|heard| heard.at_ns < cut_ns);
        assert!(failing(&case, heard).len() >= PLACES.len(), "never connected again");
    }

    #[test]
    fn a_machine_gun() {
        let case = case("SIGSTOP");
        let Event::Halted(halt) = case.event.clone() else { unreachable!() };
        let (from_ns, to_ns) = (grid(&case)[halt.start as usize], grid(&case)[halt.end as usize] - 9_000_000);
        let mut skipped = perfect(&case);
        let in_the_halt = |heard: &Heard| (from_ns..to_ns).contains(&heard.at_ns) && heard.message != Message::CLOCK;
        skipped.retain(|heard| !in_the_halt(heard));
        assert_eq!(failing(&case, skipped), [""; 0]);

        let mut gun = perfect(&case);
        for heard in gun.iter_mut().filter(|heard| in_the_halt(heard)) {
            heard.at_ns = to_ns;
        }
        assert_eq!(failing(&case, gun), ["note-ons in 20 ms from then on", "note-ons in a quarter from then on"]);
    }

    #[test]
    fn a_halt_that_costs_pulses() {
        let case = case("SIGSTOP");
        let mut heard = perfect(&case);
        let place = heard.iter().rposition(|heard| heard.message == Message::CLOCK && heard.at_ns < grid(&case)[200]);
        heard.remove(place.unwrap());
        assert_eq!(failing(&case, heard), ["clocks at Mono"]);
    }
}
