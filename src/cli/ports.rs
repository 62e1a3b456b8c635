//! `tightrope ports`: lists what is connected, each as a set file would name it.

use std::io::Write;

use super::failure::Failure;
use crate::io::ports::{PortName, Scanner};

/// Prints the ports.
///
/// # Errors
///
/// When the list cannot be printed. A machine without MIDI is an answer, not an error.
pub fn ports(out: &mut dyn Write) -> Result<(), Failure> {
    match Scanner::open() {
        Ok(scanner) => {
            let inventory = scanner.look();
            print(&inventory.inputs, &inventory.outputs, out)?;
        }
        Err(no_midi) => writeln!(out, "no MIDI: {no_midi}")?,
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
        let others = if inputs.contains(name) { inputs } else { outputs };
        writeln!(out, "{:<10}  device = \"{}\"   # {}", directions, name.device(others), name.full)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_is_listed_once_with_what_a_set_says() {
        let names = |names: &[&str]| names.iter().map(|name| PortName::parse(name)).collect::<Vec<_>>();
        let inputs = names(&["Circuit:Circuit MIDI 1 24:0", "Keys:Keys MIDI 28:0", "Keys:Keys DAW 28:1"]);
        let outputs = names(&["Circuit:Circuit MIDI 1 24:0"]);
        let mut out = Vec::new();
        print(&inputs, &outputs, &mut out).unwrap();
        let expected = "\
in and out  device = \"Circuit\"   # Circuit:Circuit MIDI 1 24:0
in          device = \"Keys:Keys DAW 28:1\"   # Keys:Keys DAW 28:1
in          device = \"Keys\"   # Keys:Keys MIDI 28:0
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
