//! From the bytes of a packet to messages, whatever the bytes are.
//!
//! The decoder calls itself for bundles in bundles, and values in arrays are dropped likewise, so a small packet could take
//! a deep stack. What is nested too deeply is therefore refused before it is decoded.

use rosc::{OscMessage, OscPacket, decoder};

/// The largest packet that is read, in bytes.
pub const MAX_PACKET: usize = 2_048;

/// How deep bundles may lie in each other.
const MAX_DEPTH: usize = 4;

const BUNDLE: &[u8] = b"#bundle\0";
/// A bundle's name and its time tag.
const BUNDLE_HEAD: usize = 16;

/// Not a packet of OSC, or not one that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The messages in a packet, those of bundles in their order.
///
/// # Errors
///
/// When it is not OSC, too large, nested too deeply, or has arrays.
pub fn read(packet: &[u8]) -> Result<Vec<OscMessage>, Malformed> {
    if packet.len() > MAX_PACKET {
        return Err(Malformed);
    }
    check(packet, MAX_DEPTH)?;
    let mut messages = Vec::new();
    match decoder::decode_udp(packet) {
        Ok(([], packet)) => flatten(packet, &mut messages),
        _ => return Err(Malformed),
    }
    Ok(messages)
}

/// Returns whether bundles end within `levels`, and no message has an array.
fn check(packet: &[u8], levels: usize) -> Result<(), Malformed> {
    // Sizes that are no multiple of four would shift what the decoder sees against what is seen here.
    if !packet.len().is_multiple_of(4) {
        return Err(Malformed);
    }
    if !packet.starts_with(BUNDLE) {
        return check_message(packet);
    }
    let levels = levels.checked_sub(1).ok_or(Malformed)?;
    let mut rest = packet.get(BUNDLE_HEAD..).ok_or(Malformed)?;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = usize::try_from(u32::from_be_bytes(*size)).map_err(|_| Malformed)?;
        let (element, next) = after.split_at_checked(size).ok_or(Malformed)?;
        check(element, levels)?;
        rest = next;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed) }
}

fn check_message(message: &[u8]) -> Result<(), Malformed> {
    let address = message.iter().position(|&byte| byte == 0).ok_or(Malformed)?;
    // A zero at least ends it, and more fill it up to a multiple of four.
    let tags = message.get(address / 4 * 4 + 4..).unwrap_or_default();
    if tags.iter().take_while(|&&byte| byte != 0).any(|&byte| byte == b'[') { Err(Malformed) } else { Ok(()) }
}

fn flatten(packet: OscPacket, messages: &mut Vec<OscMessage>) {
    match packet {
        OscPacket::Message(message) => messages.push(message),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|packet| flatten(packet, messages)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rosc::{OscArray, OscBundle, OscTime, OscType, encoder};

    fn message(address: &str, args: Vec<OscType>) -> OscPacket {
        OscPacket::Message(OscMessage { addr: address.to_owned(), args })
    }

    fn bundle(content: Vec<OscPacket>) -> OscPacket {
        OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
    }

    fn nested(levels: usize) -> OscPacket {
        (0..levels).fold(message("/a", vec![OscType::Int(1)]), |inside, _| bundle(vec![inside]))
    }

    fn sample() -> OscPacket {
        let launch = message("/tightrope/launch", vec![OscType::String("build".to_owned()), OscType::Float(0.5)]);
        bundle(vec![launch.clone(), bundle(vec![message("/tightrope/stop", vec![])]), launch])
    }

    #[test]
    fn bundles_are_read_in_their_order() {
        let messages = read(&encoder::encode(&sample()).unwrap()).unwrap();
        let addresses: Vec<&str> = messages.iter().map(|message| message.addr.as_str()).collect();
        assert_eq!(addresses, ["/tightrope/launch", "/tightrope/stop", "/tightrope/launch"]);
    }

    #[test]
    fn what_lies_too_deep_is_refused_before_it_is_decoded() {
        assert!(read(&encoder::encode(&nested(MAX_DEPTH)).unwrap()).is_ok());
        assert_eq!(read(&encoder::encode(&nested(MAX_DEPTH + 1)).unwrap()), Err(Malformed));
        assert_eq!(read(&encoder::encode(&nested(100)).unwrap()), Err(Malformed));
        let array = OscType::Array(OscArray { content: vec![OscType::Int(1)] });
        assert_eq!(read(&encoder::encode(&message("/a", vec![array])).unwrap()), Err(Malformed));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let long = message("/a", vec![OscType::Blob(vec![0; MAX_PACKET])]);
        for bytes in [&b""[..], b"a", b"/abc", b"/a\0\0,i\0\0", b"#bundle\0", &encoder::encode(&long).unwrap()] {
            assert_eq!(read(bytes), Err(Malformed), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_messages_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_damaged_packet_is_read_or_refused(
            changes in prop::collection::vec((0usize..200, prop_oneof![Just(b'['), Just(b'#'), Just(0), any::<u8>()]), 0..8),
            length in 0usize..200,
        ) {
            let mut bytes = encoder::encode(&sample()).unwrap();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            bytes.truncate(length);
            for message in read(&bytes).unwrap_or_default() {
                let _ = super::super::request::read(&message);
            }
        }
    }
}
