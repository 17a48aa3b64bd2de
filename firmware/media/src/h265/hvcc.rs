//! HEVCDecoderConfigurationRecord (ISO 14496-15 §8.3.3.1).

use super::Sps;
use crate::nal::BitstreamError;
use bytes::Bytes;

/// The decoder configuration of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HvcC {
    /// Video parameter sets, NAL units without start codes.
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets, at least one.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub pps: Vec<Bytes>,
    /// Bytes of each NAL unit's length in the samples: 1, 2 or 4.
    pub nal_length_bytes: u8,
}

const WHAT: &str = "hvcC";

impl HvcC {
    /// The record's bytes, without a box header. Arrays are marked complete, as sample entry `hvc1` demands.
    pub fn encode(&self) -> Result<Vec<u8>, BitstreamError> {
        let first = Sps::parse(self.sps.first().ok_or(BitstreamError::Missing { what: "SPS" })?)?;
        let ptl = &first.profile_tier_level;
        let mut out =
            vec![1, ptl.profile_space << 6 | u8::from(ptl.high_tier) << 5 | (ptl.profile_idc & 0x1f)];
        out.extend_from_slice(&ptl.compatibility_flags.to_be_bytes());
        out.extend_from_slice(&ptl.constraint_flags);
        out.extend_from_slice(&[
            ptl.level_idc,
            0xf0, // min_spatial_segmentation_idc 0: not known
            0,
            0xfc, // parallelismType 0: not known
            0xfc | first.chroma_format,
            0xf8 | (first.luma_bits - 8),
            0xf8 | (first.chroma_bits - 8),
            0, // avgFrameRate: not known
            0,
            first.sub_layers << 3
                | u8::from(first.temporal_id_nesting) << 2
                | (self.nal_length_bytes.wrapping_sub(1) & 3),
        ]);
        let arrays = [(32u8, &self.vps), (33, &self.sps), (34, &self.pps)];
        out.push(arrays.iter().filter(|(_, units)| !units.is_empty()).count() as u8);
        for (unit_type, units) in arrays.into_iter().filter(|(_, units)| !units.is_empty()) {
            out.push(0x80 | unit_type);
            out.extend_from_slice(&length(units.len(), "array length")?);
            for unit in units {
                out.extend_from_slice(&length(unit.len(), "parameter set length")?);
                out.extend_from_slice(unit);
            }
        }
        Ok(out)
    }

    /// Reads a record. Arrays of other NAL units (SEI) are left out.
    pub fn parse(bytes: &Bytes) -> Result<Self, BitstreamError> {
        let ended = || BitstreamError::Truncated { what: WHAT, bytes: bytes.len() };
        let [version, ..] = bytes[..] else { return Err(ended()) };
        if version != 1 {
            let value = u64::from(version);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "configurationVersion", value });
        }
        let (&[.., lengths, arrays], _) = bytes.split_first_chunk::<23>().ok_or_else(ended)?;
        let nal_length_bytes = (lengths & 3) + 1;
        if nal_length_bytes == 3 {
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "lengthSizeMinusOne", value: 2 });
        }
        let mut record = Self { vps: Vec::new(), sps: Vec::new(), pps: Vec::new(), nal_length_bytes };
        let mut at = 23;
        let u16_at = |at: usize| {
            let [high, low] = *bytes.get(at..at + 2)? else { return None };
            Some(usize::from(u16::from_be_bytes([high, low])))
        };
        for _ in 0..arrays {
            let unit_type = bytes.get(at).ok_or_else(ended)? & 0x3f;
            let count = u16_at(at + 1).ok_or_else(ended)?;
            at += 3;
            for _ in 0..count {
                let len = u16_at(at).ok_or_else(ended)?;
                at += 2;
                let left = bytes.len() - at;
                if left < len {
                    return Err(BitstreamError::Length { what: "parameter set", said: len as u64, left });
                }
                let unit = bytes.slice(at..at + len);
                at += len;
                match unit_type {
                    32 => record.vps.push(unit),
                    33 => record.sps.push(unit),
                    34 => record.pps.push(unit),
                    _ => {}
                }
            }
        }
        Ok(record)
    }
}

fn length(len: usize, field: &'static str) -> Result<[u8; 2], BitstreamError> {
    match u16::try_from(len) {
        Ok(len) => Ok(len.to_be_bytes()),
        Err(_) => Err(BitstreamError::OutOfRange { what: WHAT, field, value: len as u64 }),
    }
}
