//! AAC (RFC 3640, mode AAC-hbr) and G.711 (RFC 3551 §4.5.14).

use super::{PacketList, PacketizeError};

/// AU-headers-length, one AU header, something to carry.
const LEAST_AAC_PAYLOAD: usize = 5;

/// One access unit: 16 bits of header length, 13 bits of size, 3 bits of index.
pub(super) fn packetize_aac(
    unit: &[u8],
    max_payload: usize,
    out: &mut PacketList,
) -> Result<(), PacketizeError> {
    if max_payload < LEAST_AAC_PAYLOAD {
        return Err(PacketizeError::PacketTooSmall { max_payload, least: LEAST_AAC_PAYLOAD });
    }
    if unit.is_empty() || unit.len() >= 1 << 13 {
        let problem = format!("it is {} bytes long", unit.len());
        return Err(PacketizeError::Malformed { what: "an AAC frame of 1 to 8191 bytes", problem });
    }
    let size = ((unit.len() as u16) << 3).to_be_bytes();
    let parts = unit.chunks(max_payload - 4);
    let count = parts.len();
    for (number, part) in parts.enumerate() {
        out.push(&[&[0, 16], &size, part], number + 1 == count, 0);
    }
    Ok(())
}

/// Samples, cut where they do not fit.
pub(super) fn packetize_g711(
    samples: &[u8],
    channels: u8,
    max_payload: usize,
    out: &mut PacketList,
) -> Result<(), PacketizeError> {
    let channels = usize::from(channels.max(1));
    let whole = max_payload - max_payload % channels;
    if whole == 0 {
        return Err(PacketizeError::PacketTooSmall { max_payload, least: channels });
    }
    for (number, part) in samples.chunks(whole).enumerate() {
        out.push(&[part], false, (number * (whole / channels)) as u32);
    }
    Ok(())
}
