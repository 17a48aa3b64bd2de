//! H.264 (RFC 6184, packetisation mode 1) and H.265 (RFC 7798): parameter sets in one aggregation packet before a
//! key frame, each further NAL unit alone or in fragments.

use super::{PacketList, PacketizeError};
use crate::nal;
use bytes::Bytes;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    H264,
    H265,
}

impl Kind {
    pub(super) fn header_bytes(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }

    /// Payload header of an aggregation packet (STAP-A §5.7.1, AP §4.4.2): the highest importance of its units.
    fn aggregate_header(self, sets: &[Bytes]) -> [u8; 2] {
        match self {
            Self::H264 => [sets.iter().map(|s| s[0] & 0x60).max().unwrap_or(0) | 24, 0],
            Self::H265 => [48 << 1, 1],
        }
    }

    /// Payload header and FU header of a fragment (FU-A §5.8, FU §4.4.3), without the start and end bits.
    fn fragment_header(self, unit: &[u8]) -> ([u8; 3], usize) {
        match self {
            Self::H264 => ([unit[0] & 0xe0 | 28, unit[0] & 0x1f, 0], 1),
            Self::H265 => ([unit[0] & 0x81 | 49 << 1, unit[1], (unit[0] >> 1) & 0x3f], 2),
        }
    }
}

/// Room for a fragment's headers and something to carry.
const LEAST_PAYLOAD: usize = 8;

pub(super) fn packetize(
    kind: Kind,
    sets: &[Bytes],
    payload: &[u8],
    max_payload: usize,
    out: &mut PacketList,
) -> Result<(), PacketizeError> {
    if max_payload < LEAST_PAYLOAD {
        return Err(PacketizeError::PacketTooSmall { max_payload, least: LEAST_PAYLOAD });
    }
    let first = out.packets.len();
    push_sets(kind, sets, max_payload, out);
    for unit in nal::length_prefixed(payload) {
        let checked = unit.map_err(|error| error.to_string()).and_then(|unit| match unit.len() {
            len if len < kind.header_bytes() => Err(format!("a NAL unit is {len} bytes long")),
            _ => Ok(unit),
        });
        match checked {
            Ok(unit) => push_unit(kind, unit, max_payload, out),
            Err(problem) => {
                out.truncate(first);
                return Err(PacketizeError::Malformed { what: "NAL units with 4-byte lengths", problem });
            }
        }
    }
    if let Some(last) = out.packets[first..].last_mut() {
        last.marker = true;
    }
    Ok(())
}

fn push_sets(kind: Kind, sets: &[Bytes], max_payload: usize, out: &mut PacketList) {
    let total: usize = kind.header_bytes() + sets.iter().map(|s| 2 + s.len()).sum::<usize>();
    if sets.len() < 2 || total > max_payload {
        for set in sets {
            push_unit(kind, set, max_payload, out);
        }
        return;
    }
    out.bytes.extend_from_slice(&kind.aggregate_header(sets)[..kind.header_bytes()]);
    for set in sets {
        // Parameter sets are at most 4 KiB (crate::nal::MAX_PARAMETER_SET_BYTES).
        out.bytes.extend_from_slice(&(set.len() as u16).to_be_bytes());
        out.bytes.extend_from_slice(set);
    }
    out.push(&[], false, 0);
}

fn push_unit(kind: Kind, unit: &[u8], max_payload: usize, out: &mut PacketList) {
    if unit.len() <= max_payload {
        out.push(&[unit], false, 0);
        return;
    }
    let (mut header, fu) = kind.fragment_header(unit);
    let body = &unit[kind.header_bytes()..];
    // Parts of equal size but for the last: no tiny packet at the end.
    let count = body.len().div_ceil(max_payload - fu - 1);
    let part = body.len().div_ceil(count);
    let unit_type = header[fu];
    for (number, piece) in body.chunks(part).enumerate() {
        let start = if number == 0 { 0x80 } else { 0 };
        let end = if (number + 1) * part >= body.len() { 0x40 } else { 0 };
        header[fu] = unit_type | start | end;
        out.push(&[&header[..=fu], piece], false, 0);
    }
}
