//! H.265 (ITU-T H.265, ISO 23008-2) as far as a recorder has to know it: which NAL unit is what, what a parameter
//! set says of the picture, where decoding can start.

mod hvcc;
mod pps;
mod ref_pic_set;
mod sps;

pub use hvcc::HvcC;
pub use pps::Pps;
pub(crate) use pps::slice_pps_id;
pub use sps::{ProfileTierLevel, Sps};

use crate::nal::{BitstreamError, MAX_PARAMETER_SET_BYTES};
use bytes::Bytes;
use heron_core::{VideoCodec, VideoFormat};

/// `nal_unit_type` (H.265 table 7-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalUnitType {
    /// 0 to 9 (and reserved up to 15): slice segment of a picture that is no random access point.
    Slice(u8),
    /// 16 to 23: slice segment of an IRAP picture (BLA, IDR, CRA).
    Irap(u8),
    /// 32: video parameter set.
    Vps,
    /// 33: sequence parameter set.
    Sps,
    /// 34: picture parameter set.
    Pps,
    /// 35: access unit delimiter.
    AccessUnitDelimiter,
    /// 38: filler.
    Filler,
    /// 39 and 40: supplemental enhancement information, before and after the picture.
    Sei(u8),
    /// Anything else.
    Other(u8),
}

impl NalUnitType {
    /// Of a NAL unit's first byte.
    pub fn of(first: u8) -> Self {
        match (first >> 1) & 0x3f {
            n @ 0..=15 => Self::Slice(n),
            n @ 16..=23 => Self::Irap(n),
            32 => Self::Vps,
            33 => Self::Sps,
            34 => Self::Pps,
            35 => Self::AccessUnitDelimiter,
            38 => Self::Filler,
            n @ 39..=40 => Self::Sei(n),
            n => Self::Other(n),
        }
    }
    /// Whether it carries a part of a picture.
    pub fn is_coded_slice(self) -> bool {
        matches!(self, Self::Slice(_) | Self::Irap(_))
    }
    /// Whether it belongs to a sub-layer non-reference picture (even numbers up to 14, table 7-1).
    pub fn is_non_reference(self) -> bool {
        matches!(self, Self::Slice(n) if n % 2 == 0)
    }
}

/// Whether an access unit in length-prefixed form holds an IRAP picture.
pub fn is_key_frame(payload: &[u8]) -> bool {
    crate::nal::length_prefixed(payload)
        .map_while(Result::ok)
        .map(|unit| NalUnitType::of(unit[0]))
        .find(|t| t.is_coded_slice())
        .is_some_and(|t| matches!(t, NalUnitType::Irap(_)))
}

/// RFC 6381 codec string of an SPS (ISO 14496-15 annex E.3), for example `hvc1.1.6.L93.B0`.
pub fn rfc6381(sps: &Sps) -> String {
    let ptl = &sps.profile_tier_level;
    let space = ["", "A", "B", "C"][usize::from(ptl.profile_space & 3)];
    let tier = if ptl.high_tier { 'H' } else { 'L' };
    let mut text = format!(
        "hvc1.{space}{}.{:X}.{tier}{}",
        ptl.profile_idc,
        ptl.compatibility_flags.reverse_bits(),
        ptl.level_idc
    );
    let used = ptl.constraint_flags.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    for byte in &ptl.constraint_flags[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

/// Checks that a NAL unit is of type `unit_type` and not longer than a parameter set can be, and returns what is
/// behind the two header bytes.
fn expect<'a>(unit: &'a [u8], unit_type: u8, what: &'static str) -> Result<&'a [u8], BitstreamError> {
    if unit.len() > MAX_PARAMETER_SET_BYTES {
        return Err(BitstreamError::OutOfRange { what, field: "length", value: unit.len() as u64 });
    }
    match unit {
        [first, _, rest @ ..] if (first >> 1) & 0x3f == unit_type => Ok(rest),
        [first, _, ..] => {
            let value = u64::from((first >> 1) & 0x3f);
            Err(BitstreamError::OutOfRange { what, field: "nal_unit_type", value })
        }
        _ => Err(BitstreamError::Truncated { what, bytes: unit.len() }),
    }
}

/// The `vps_video_parameter_set_id` of a NAL unit of type 32, 0 to 15.
pub fn vps_id(unit: &[u8]) -> Result<u8, BitstreamError> {
    match expect(unit, 32, "H.265 VPS")? {
        [first, ..] => Ok(first >> 4),
        [] => Err(BitstreamError::Truncated { what: "H.265 VPS", bytes: unit.len() }),
    }
}

/// The format of a track with these parameter sets (NAL units without start codes). The first SPS counts.
pub fn video_format(vps: &[Bytes], sps: &[Bytes], pps: &[Bytes]) -> Result<VideoFormat, BitstreamError> {
    let first = Sps::parse(sps.first().ok_or(BitstreamError::Missing { what: "SPS" })?)?;
    for vps in vps {
        vps_id(vps)?;
    }
    for pps in pps {
        Pps::parse(pps)?;
    }
    let record = HvcC { vps: vps.to_vec(), sps: sps.to_vec(), pps: pps.to_vec(), nal_length_bytes: 4 };
    Ok(VideoFormat {
        codec: VideoCodec::H265,
        width: first.width,
        height: first.height,
        rfc6381: rfc6381(&first),
        config: record.encode()?.into(),
        parameter_sets: vps.iter().chain(sps).chain(pps).cloned().collect(),
        pixel_aspect: first.pixel_aspect.unwrap_or((1, 1)),
        reorder_frames: Some(first.reorder_frames),
        nominal_fps: first.nominal_fps,
    })
}

#[cfg(test)]
mod tests;
