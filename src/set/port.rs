//! A port as it is described: a device under the name that the set gives it.

use std::ops::Range;

use super::keys::port;
use super::mistake::{Report, quoted};
use super::reader::{Text, Value};
use super::values::unknown_name;
use crate::engine::program::PortSlot;

/// The longest name of a device, in bytes.
const MAX_DEVICE: usize = 256;

/// A port.
pub(super) struct Port<'t> {
    pub name: &'t str,
    pub device: &'t str,
    pub optional: bool,
    /// Whether clock goes there.
    pub clock: bool,
    /// Where that is written.
    pub clock_span: Range<usize>,
}

/// Reads the port called `name`.
pub(super) fn read<'t>(name: &'t str, value: Value<'t>, report: &mut Report) -> Port<'t> {
    let mut port = Port { name, device: "", optional: false, clock: false, clock_span: 0..0 };
    let Some(table) = value.table(&port::TABLE, report) else { return port };
    if let Some(value) = table.require(port::DEVICE, report, || format!("the port {}", quoted(name))) {
        port.device = value.text(report).map_or("", |text| text.text);
        let shown = !port.device.trim().is_empty() && !port.device.chars().any(char::is_control);
        if value.is_text() && (!shown || port.device.len() > MAX_DEVICE) {
            value.refuse(report);
        }
    }
    port.optional = table.take(port::OPTIONAL).and_then(|value| value.flag(report)).unwrap_or(false);
    if let Some(value) = table.take(port::CLOCK) {
        port.clock = value.flag(report).unwrap_or(false);
        port.clock_span = value.span;
    }
    table.finish(report);
    port
}

/// The port that `part` of `text` names.
pub(super) fn port_slot(
    text: &Text<'_>,
    part: Range<usize>,
    ports: &[Port<'_>],
    report: &mut Report,
) -> Option<PortSlot> {
    let word = text.text.get(part.clone()).unwrap_or_default();
    let slot = ports.iter().position(|port| port.name == word).and_then(|slot| u8::try_from(slot).ok());
    if slot.is_none() {
        report.add(text.place(part), || unknown_name("port", "ports", word, ports.iter().map(|port| port.name)));
    }
    slot.map(PortSlot)
}
