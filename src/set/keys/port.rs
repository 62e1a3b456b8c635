//! `[ports.NAME]`

use super::forms;
use super::table::{Key, Kind, Table, key};

/// `device`
pub const DEVICE: Key = key(
    "device",
    "the name of a device, in quotes",
    r#"device = "Circuit""#,
    "The device as the computer lists it: its exact name, or a part that no other one has.",
)
.of(Kind::Like(forms::SOMETHING));
/// `optional`
pub const OPTIONAL: Key = key(
    "optional",
    "true or false",
    "optional = true",
    "Whether the show may start without the device; false without it.",
)
.of(Kind::Flag);
/// `clock`
pub const CLOCK: Key = key(
    "clock",
    r#"true, false or "raw""#,
    "clock = true",
    "Whether clock, start, stop, continue and song position go there; false without it. The clock is made anew, steadier \
     than the one that is followed; `raw` passes each pulse on as it comes.",
)
.of(Kind::Any(&[Kind::Flag, Kind::Words(&["raw"])]));
/// `offset`
pub const OFFSET: Key = key(
    "offset",
    "milliseconds from -50 to 50, in quotes",
    r#"offset = "-1.5 ms""#,
    "By how much everything leaves late, or early where it is negative, at any tempo. Nothing without it.",
)
.of(Kind::Like(forms::OFFSET));
/// `wire`
pub const WIRE: Key = key(
    "wire",
    r#""usb" or "din""#,
    r#"wire = "din""#,
    "What carries the messages: USB, or a DIN cable behind an interface, which takes a third of a millisecond a byte. \
     Moving controllers are thinned to what it takes. USB without it.",
)
.of(Kind::Words(&["usb", "din"]));
/// `active_sensing`
pub const ACTIVE_SENSING: Key = key(
    "active_sensing",
    "true or false",
    "active_sensing = true",
    "Whether the device is told, at least four times a second, that we are there. Most synthesizers that hear that end their \
     notes by themselves when they hear nothing any more: when the cable is pulled or the computer loses its power. False \
     without it.",
)
.of(Kind::Flag);
/// `lights`
pub const LIGHTS: Key = key(
    "lights",
    "true, false, or the values for off, for what waits and for on, such as \"0 64 127\", in quotes",
    r#"lights = "0 64 127""#,
    "Whether its keys and controllers that are bound show what they are bound to, and with which values: velocities of \
     notes, or what controllers take; often colors. 0 is dark. `true` is `0 64 127`, two values are off and on. Nothing is \
     shown without it.",
)
.of(Kind::Any(&[Kind::Flag, Kind::Like(forms::LIGHT)]));
/// A port as a whole.
pub const ENTRY: Key = key("NAME", "a table", "[ports.circuit]", "A device under a name.").of(Kind::Table(&TABLE));
/// All of them.
pub const TABLE: Table = Table {
    heading: "[ports.NAME]",
    keys: &[DEVICE, OPTIONAL, CLOCK, OFFSET, WIRE, ACTIVE_SENSING, LIGHTS],
    needs: &[&[DEVICE.name]],
};
