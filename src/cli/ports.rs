//! `tightrope ports`: lists what is connected, each as a set file would name it.

use std::fmt::Write as _;
use std::io::Write;

use super::failure::Failure;
use crate::io::ports::{PortName, Scanner};
use crate::text::printable;

/// Prints the ports.
///
/// # Errors
///
/// When there is no MIDI on this machine, or the list cannot be printed.
pub(crate) fn ports(out: &mut dyn Write) -> Result<(), Failure> {
    match Scanner::open() {
        Ok(scanner) => {
            let inventory = scanner.look();
            print(&inventory.inputs, &inventory.outputs, out)?;
        }
        Err(no_midi) => return Err(Failure::Refused(format!("no MIDI: {no_midi}"))),
    }
    Ok(())
}

fn print(inputs: &[PortName], outputs: &[PortName], out: &mut dyn Write) -> std::io::Result<()> {
    if inputs.is_empty() && outputs.is_empty() {
        return writeln!(out, "no MIDI ports: nothing is connected");
    }
    let mut all: Vec<&PortName> = inputs.iter().chain(outputs).collect();
    all.sort_by(|a, b| a.full.cmp(&b.full));
    all.dedup();
    for name in all {
        let directions = match (inputs.contains(name), outputs.contains(name)) {
            (true, true) => "in and out",
            (true, false) => "in",
            _ => "out",
        };
        let device = name.device_in(&[inputs, outputs]);
        let lasts = if device == name.full && name.at().is_some() { "; changes when it is started again" } else { "" };
        writeln!(out, "{:<10}  device = {}   # {}{lasts}", directions, quoted(&device), name.full)?;
    }
    Ok(())
}

/// A name as a set file says it: whatever it holds, it is one string of TOML, and all of it can be seen.
fn quoted(name: &str) -> String {
    let mut text = String::from("\"");
    for c in name.chars() {
        let is_shown = printable(c.encode_utf8(&mut [0; 4])).chars().eq([c]);
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            _ if is_shown => text.push(c),
            // Writing to a text does not fail.
            _ => _ = write!(text, "\\U{:08x}", u32::from(c)),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::address::Address;
    use crate::io::ports::find;
    use crate::set::Set;

    #[test]
    fn each_port_is_listed_once_with_what_a_set_says() {
        let names = |names: &[&str]| names.iter().map(|name| PortName::parse(name)).collect::<Vec<_>>();
        let inputs = names(&["Circuit:Circuit MIDI 1 24:0", "Keys:Keys MIDI 28:0", "Keys:Keys DAW 28:1"]);
        let outputs = names(&["Circuit:Circuit MIDI 1 24:0"]);
        let mut out = Vec::new();
        print(&inputs, &outputs, &mut out).unwrap();
        let expected = "\
in and out  device = \"Circuit\"   # Circuit:Circuit MIDI 1 24:0
in          device = \"Keys:Keys DAW\"   # Keys:Keys DAW 28:1
in          device = \"Keys\"   # Keys:Keys MIDI 28:0
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_is_printed_is_toml_and_means_that_port_in_a_set() {
        let name = |client: &str, port: &str, number: u8| {
            PortName::new(client.into(), port.into(), Address { client: number, port: 0 }, String::new())
        };
        let all = [
            name("a \"b\" \\x1b", "c", 20),
            name(" Keys ", "Keys", 24),
            name("\u{202e}\u{1f3b9}'#", "=", 28),
            name("", " ", 32),
            name("Twin", "Twin", 36),
            name("Twin", "Twin", 40),
        ];
        let mut out = Vec::new();
        print(&all, &all[3..], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("changes when it is started again") && !text.contains('\u{202e}')
                || text.contains("\\U0000202e")
        );
        for line in text.lines() {
            let (_, pair) = line.split_once("device = ").unwrap();
            let set = format!("[ports.a]\ndevice = {pair}\n[patterns.p]\n");
            let set = Set::parse("a.toml", set.as_bytes()).unwrap_or_else(|why| panic!("{line}: {why}"));
            let found = find(&[&set.ports[0].device], &all).remove(0).map(|index| all[index].full.clone());
            assert!(found.is_ok_and(|full| line.contains(&format!("# {full}"))), "{line}");
        }
    }

    #[test]
    fn a_name_that_is_clear_among_the_inputs_may_not_be_among_the_outputs() {
        let names = |names: &[&str]| names.iter().map(|name| PortName::parse(name)).collect::<Vec<_>>();
        let (inputs, outputs) = (names(&["K:b 24:1"]), names(&["K:a 24:0", "K:b 24:1"]));
        let mut out = Vec::new();
        print(&inputs, &outputs, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("in and out  device = \"K:b\""));
    }
}
