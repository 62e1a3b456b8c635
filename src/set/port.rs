//! A port as it is described: a device under the name that the set gives it.

use std::ops::Range;

use super::diagnostic::{Report, quoted};
use super::keys::port;
use super::light::{self, Shades};
use super::reader::{Text, Value};
use super::values::{one_of, unknown_name};
use crate::engine::program::{ClockOut, MAX_OFFSET, PortSlot, Wire};
use crate::time::Span;

/// The longest name of a device, in bytes: the system's has two of 63, of which each may be written with four characters.
const MAX_DEVICE: usize = 600;

/// A port.
pub(super) struct Port<'t> {
    pub name: &'t str,
    pub device: &'t str,
    pub optional: bool,
    /// What goes there of the clock.
    pub clock: ClockOut,
    /// Where that is written.
    pub clock_span: Range<usize>,
    pub offset: Span,
    pub wire: Wire,
    /// Whether active sensing goes there.
    pub senses: bool,
    /// With which values what is bound there is shown, if it is.
    pub lights: Option<Shades>,
}

/// Reads the port called `name`.
pub(super) fn read<'t>(name: &'t str, value: Value<'t>, report: &mut Report) -> Port<'t> {
    let mut port = Port {
        name,
        device: "",
        optional: false,
        clock: ClockOut::None,
        clock_span: 0..0,
        offset: Span::ZERO,
        wire: Wire::Usb,
        senses: false,
        lights: None,
    };
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
        port.clock = clock(&value, report).unwrap_or(ClockOut::None);
        port.clock_span = value.span;
    }
    if let Some(value) = table.take(port::OFFSET) {
        port.offset = offset(&value, report).unwrap_or(Span::ZERO);
    }
    if let Some(value) = table.take(port::WIRE) {
        port.wire = one_of(&value, &[("usb", Wire::Usb), ("din", Wire::Din)], report).unwrap_or(Wire::Usb);
    }
    port.senses = table.take(port::ACTIVE_SENSING).and_then(|value| value.flag(report)).unwrap_or(false);
    port.lights = table.take(port::LIGHTS).and_then(|value| light::read(&value, report)).flatten();
    table.finish(report);
    port
}

/// Returns what goes out of the clock: true, false or `"raw"`.
fn clock(value: &Value<'_>, report: &mut Report) -> Option<ClockOut> {
    if value.is_text() {
        return one_of(value, &[("raw", ClockOut::Raw)], report);
    }
    value.flag(report).map(|wanted| if wanted { ClockOut::Regenerated } else { ClockOut::None })
}

/// A span of milliseconds within [`MAX_OFFSET`].
fn offset(value: &Value<'_>, report: &mut Report) -> Option<Span> {
    let text = value.text(report)?.text;
    let number = text.trim().strip_suffix("ms").and_then(|number| number.trim().parse::<f64>().ok());
    let span = number.filter(|millis| millis.is_finite()).map(|millis| Span((millis * 1e6) as i64));
    let offset = span.filter(|span| span.0.abs() <= MAX_OFFSET.0);
    if offset.is_none() {
        value.refuse(report);
    }
    offset
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
