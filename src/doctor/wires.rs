//! The sequencer, and how its devices are plugged in.

use super::machine::Machine;
use super::{Asked, Finding};

pub(super) fn examine(machine: &Machine, asked: &Asked, findings: &mut Vec<Finding>) {
    const TOPIC: &str = "MIDI";
    if let Some(why) = &asked.no_midi {
        findings.push(Finding::unsafe_for_a_show(
            TOPIC,
            format!("none: {why}"),
            "mend that first: nothing can be played",
        ));
        return;
    }
    let before = findings.len();
    for card in machine.list("/sys/class/sound").into_iter().filter(|name| is_card(name)) {
        findings.extend(device(machine, &card));
    }
    if findings.len() == before {
        findings.push(Finding::good(TOPIC, "there, but no device is plugged in"));
    }
}

fn is_card(name: &str) -> bool {
    name.strip_prefix("card").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A sound card that speaks MIDI, and its way here.
fn device(machine: &Machine, card: &str) -> Option<Finding> {
    const TOPIC: &str = "MIDI device";
    let number = card.strip_prefix("card")?;
    let ports = machine.list("/sys/class/sound");
    if !ports.iter().any(|name| name.starts_with(&format!("midiC{number}D"))) {
        return None;
    }
    let id = machine.read(&format!("/proc/asound/{card}/id")).unwrap_or_else(|| card.to_owned());
    let Some((folder, place)) = usb_device(machine, card) else {
        return Some(Finding::good(TOPIC, format!("{id}: not on USB")));
    };
    let name = machine.read(&format!("{folder}/product")).unwrap_or(id);
    let speed = machine.read(&format!("{folder}/speed"));
    let speed = match speed.as_deref() {
        Some("1.5" | "12") => "full speed, which moves notes in steps of 1 ms",
        Some("480") => "high speed, which moves notes in steps of 125 us",
        Some(_) => "super speed",
        None => "unknown speed",
    };
    // `1-2.3.4` is plugged into the third hub from the computer.
    let hubs = place.matches('.').count();
    if hubs == 0 {
        return Some(Finding::good(TOPIC, format!("{name}: straight on USB {place}, {speed}")));
    }
    let behind = if hubs == 1 { "behind a hub".to_owned() } else { format!("behind {hubs} hubs") };
    Some(Finding::advice(
        TOPIC,
        format!("{name}: {behind} (USB {place}), {speed}; what else is on the hub shares its time, and its plug"),
        "plug it straight into the computer, if it has a socket left",
    ))
}

/// The USB device that a card belongs to, and its place, such as `1-2.3`.
fn usb_device(machine: &Machine, card: &str) -> Option<(String, String)> {
    let path = machine.real(&format!("/sys/class/sound/{card}/device"))?;
    let mut best = None;
    for (at, _) in path.match_indices('/').skip(1).chain(std::iter::once((path.len(), ""))) {
        let folder = &path[..at];
        let name = folder.rsplit('/').next()?;
        if is_place(name) {
            best = Some((folder.to_owned(), name.to_owned()));
        }
    }
    best
}

/// Returns whether a folder is named as devices on USB are: bus, a dash, and sockets with dots between them.
fn is_place(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    name.split_once('-').is_some_and(|(bus, sockets)| is_number(bus) && sockets.split('.').all(is_number))
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::Level;
    use super::super::machine::tests::Model;
    use super::*;

    fn model(place: &str, speed: &str) -> Model {
        let device = format!("/sys/devices/pci0000:00/0000:00:14.0/usb1/{place}");
        let model = Model::new(&[
            ("/sys/class/sound/midiC1D0/x", ""),
            ("/sys/class/sound/card0/x", ""),
            ("/proc/asound/card1/id", "Circuit"),
            (&format!("{device}/product"), "Circuit"),
            (&format!("{device}/speed"), speed),
        ]);
        let interface = format!("{device}/{place}:1.0");
        model.write(&format!("{interface}/x"), "");
        model.link("/sys/class/sound/card1/device", &interface);
        model
    }

    #[test]
    fn a_device_says_how_it_is_plugged_in() {
        let finding = device(&model("1-2", "12").machine(), "card1").unwrap();
        assert_eq!(finding.found, "Circuit: straight on USB 1-2, full speed, which moves notes in steps of 1 ms");
        let finding = device(&model("1-2.4.1", "480").machine(), "card1").unwrap();
        assert!(
            finding.level == Level::Advice
                && finding.found.starts_with("Circuit: behind 2 hubs (USB 1-2.4.1), high speed")
        );
        assert_eq!(device(&model("1-2", "12").machine(), "card0"), None, "it has no MIDI");
    }

    #[test]
    fn places_have_a_bus_and_sockets() {
        assert!(is_place("1-2") && is_place("3-10.4.1"));
        for other in ["usb1", "1-2:1.0", "0000:00:14.0", "1-", "-2", "1-2."] {
            assert!(!is_place(other), "{other}");
        }
    }
}
