//! H.264 (ITU-T H.264, ISO 14496-10) as far as a recorder has to know it: which NAL unit is what, what a parameter
//! set says of the picture, where decoding can start.

mod avcc;
mod pps;
mod slice;
mod sps;

pub use avcc::AvcC;
pub use pps::Pps;
pub use slice::{SliceHeader, SliceKind};
pub use sps::Sps;

use crate::nal::BitstreamError;
use bytes::Bytes;
use heron_core::{VideoCodec, VideoFormat};

/// `nal_unit_type` (H.264 table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalUnitType {
    /// 1: slice of a picture that is no IDR.
    Slice,
    /// 2 to 4: data partitions A, B, C.
    Partition(u8),
    /// 5: slice of an IDR picture.
    Idr,
    /// 6: supplemental enhancement information.
    Sei,
    /// 7: sequence parameter set.
    Sps,
    /// 8: picture parameter set.
    Pps,
    /// 9: access unit delimiter.
    AccessUnitDelimiter,
    /// 12: filler.
    Filler,
    /// Anything else, 0 and 10 to 31.
    Other(u8),
}

impl NalUnitType {
    /// Of a NAL unit's first byte.
    pub fn of(first: u8) -> Self {
        match first & 0x1f {
            1 => Self::Slice,
            n @ 2..=4 => Self::Partition(n),
            5 => Self::Idr,
            6 => Self::Sei,
            7 => Self::Sps,
            8 => Self::Pps,
            9 => Self::AccessUnitDelimiter,
            12 => Self::Filler,
            n => Self::Other(n),
        }
    }
    /// Whether it carries a part of a picture.
    pub fn is_coded_slice(self) -> bool {
        matches!(self, Self::Slice | Self::Partition(_) | Self::Idr)
    }
}

/// Whether decoding can start at an access unit in length-prefixed form: an IDR picture, or an I picture with a
/// recovery point SEI that promises a right picture at once (an encoder with open GOPs may send its only IDR
/// picture when it is switched on).
pub fn is_key_frame(payload: &[u8]) -> bool {
    let mut recovery_point = false;
    for unit in crate::nal::length_prefixed(payload).map_while(Result::ok) {
        match NalUnitType::of(unit[0]) {
            NalUnitType::Idr => return true,
            NalUnitType::Sei => recovery_point |= is_recovery_point(unit),
            unit_type if unit_type.is_coded_slice() => return recovery_point && is_intra_slice(unit),
            _ => {}
        }
    }
    false
}

/// Whether an SEI NAL unit has a recovery point message (§D.1.8) with a `recovery_frame_cnt` of zero.
pub fn is_recovery_point(unit: &[u8]) -> bool {
    let mut rest = unit.get(1..).unwrap_or_default();
    // sei_message() (§7.3.2.3.1): type and size are sums of bytes up to the first that is not 255. Messages are
    // counted in bytes without emulation prevention, but nothing that comes before this one in practice
    // (buffering period, picture timing) is long enough to have any, and a miss is only a miss.
    while rest.len() >= 2 {
        let mut number = || {
            let mut sum = 0usize;
            while let [byte, tail @ ..] = rest {
                rest = tail;
                sum += usize::from(*byte);
                if *byte != 255 {
                    break;
                }
            }
            sum
        };
        let (kind, size) = (number(), number());
        let Some((message, tail)) = rest.split_at_checked(size) else { return false };
        if kind == 6 {
            // recovery_frame_cnt is ue(v): zero is a single one bit.
            return message.first().is_some_and(|b| b & 0x80 != 0);
        }
        rest = tail;
    }
    false
}

/// Whether a slice refers to no other picture, by the first bytes of its NAL unit.
pub(crate) fn is_intra_slice(unit: &[u8]) -> bool {
    SliceHeader::parse(unit).is_ok_and(|slice| matches!(slice.kind, SliceKind::I | SliceKind::Si))
}

/// RFC 6381 codec string of an SPS, for example `avc1.64001f`: profile, constraint flags and level in hexadecimal.
pub fn rfc6381(sps: &Sps) -> String {
    format!("avc1.{:02x}{:02x}{:02x}", sps.profile_idc, sps.constraint_flags, sps.level_idc)
}

/// The format of a track with these parameter sets (NAL units without start codes). The first SPS counts.
pub fn video_format(sps: &[Bytes], pps: &[Bytes]) -> Result<VideoFormat, BitstreamError> {
    let first = Sps::parse(sps.first().ok_or(BitstreamError::Missing { what: "SPS" })?)?;
    for pps in pps {
        Pps::parse(pps)?;
    }
    let config = AvcC { sps: sps.to_vec(), pps: pps.to_vec(), nal_length_bytes: 4 }.encode()?;
    Ok(VideoFormat {
        codec: VideoCodec::H264,
        width: first.width,
        height: first.height,
        rfc6381: rfc6381(&first),
        config: config.into(),
        parameter_sets: sps.iter().chain(pps).cloned().collect(),
        pixel_aspect: first.pixel_aspect.unwrap_or((1, 1)),
        reorder_frames: first.reorder_frames,
        nominal_fps: first.nominal_fps,
    })
}

#[cfg(test)]
mod tests;
