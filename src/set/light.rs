//! How what is bound is shown: `lights = "0 64 127"` on a port, `light = "0 3 21"` on a binding.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Report, quoted};
use super::port::Port;
use super::reader::Value;
use super::track::Track;
use super::values::digits;
use crate::engine::program::{Binding, Does, Light, Shown, Trigger};
use crate::midi::Channel;

/// The values for off, for what waits, and for on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shades {
    off: u8,
    waits: u8,
    on: u8,
}

/// What is shown where nothing else is said.
const SHADES: Shades = Shades { off: 0, waits: 64, on: 127 };

/// Reads how something is shown; the inner `None` is not at all. The outer one is a mistake, which has been reported.
pub(super) fn read(value: &Value<'_>, report: &mut Report) -> Option<Option<Shades>> {
    if !value.is_text() {
        return value.flag(report).map(|shown| shown.then_some(SHADES));
    }
    let text = value.text(report)?.text;
    let values: Option<Vec<u8>> =
        text.split_whitespace().map(|word| digits::<u8>(word).filter(|&value| value < 128)).collect();
    let shades = values.and_then(|values| match *values.as_slice() {
        [off, on] => Some(Shades { off, waits: on, on }),
        [off, waits, on] => Some(Shades { off, waits, on }),
        _ => None,
    });
    if shades.is_none() {
        value.refuse(report);
    }
    shades.map(Some)
}

/// Returns how `binding` is shown, which stands after those of `before`: as it says itself, or else as its port says.
pub(super) fn of(
    binding: &Binding,
    own: Option<(Option<Shades>, Range<usize>)>,
    on: &Range<usize>,
    ports: &[Port<'_>],
    tracks: &[Track<'_>],
    before: &[Binding],
    report: &mut Report,
) -> Option<Light> {
    let port = ports.get(usize::from(binding.port.0))?;
    let (shades, place) = match own {
        Some((shades, place)) => (shades?, Some(place)),
        None => (port.lights?, None),
    };
    let has_light = matches!(binding.trigger, Trigger::Note(_) | Trigger::Controller(_));
    let shows = match binding.does {
        Does::Press { command, .. } => Shown::by(command).is_some(),
        Does::Slide(_) => false,
    };
    if !has_light || !shows {
        // What the port says is meant for those that can be shown.
        if let Some(place) = place {
            report.add(place, || {
                let mistake = Diagnostic::new("there is nothing to show");
                if has_light {
                    mistake.label("this command is neither on nor off").help("leave `light` out")
                } else {
                    mistake.label("expected a key or a controller in `on`").help("leave `light` out")
                }
            });
        }
        return None;
    }
    let channel = binding.channel.unwrap_or(Channel::from_status(0));
    let light = Light { channel, off: shades.off, waits: shades.waits, on: shades.on };
    let same = |known: &&Binding| {
        known.port == binding.port
            && known.trigger == binding.trigger
            && known.light.is_some_and(|light| light.channel == channel)
    };
    if before.iter().any(|known| same(&known)) {
        return None;
    }
    if let Some(track) = tracks.iter().find(|track| track.port == binding.port && track.channel == channel) {
        report.add(place.unwrap_or(on.clone()), || {
            Diagnostic::new(format!("the light would be heard on {}", quoted(track.name)))
                .label(format!("channel {} of this port is played by that track", channel.number()))
                .help("write `light = false`, or bind another channel")
        });
        return None;
    }
    Some(light)
}
