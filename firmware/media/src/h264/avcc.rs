//! AVCDecoderConfigurationRecord (ISO 14496-15 §5.3.3.1).

use super::Sps;
use crate::nal::BitstreamError;
use bytes::Bytes;

/// The decoder configuration of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvcC {
    /// Sequence parameter sets, at least one and at most 31, NAL units without start codes.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, at most 255.
    pub pps: Vec<Bytes>,
    /// Bytes of each NAL unit's length in the samples: 1, 2 or 4.
    pub nal_length_bytes: u8,
}

const WHAT: &str = "avcC";

impl AvcC {
    /// The record's bytes, without a box header.
    pub fn encode(&self) -> Result<Vec<u8>, BitstreamError> {
        let first = Sps::parse(self.sps.first().ok_or(BitstreamError::Missing { what: "SPS" })?)?;
        for (field, count, most) in [("SPS count", self.sps.len(), 31), ("PPS count", self.pps.len(), 255)] {
            if count > most {
                return Err(BitstreamError::OutOfRange { what: WHAT, field, value: count as u64 });
            }
        }
        let mut out = vec![
            1,
            first.profile_idc,
            first.constraint_flags,
            first.level_idc,
            0xfc | self.nal_length_bytes.wrapping_sub(1),
            0xe0 | self.sps.len() as u8,
        ];
        push_units(&self.sps, &mut out)?;
        out.push(self.pps.len() as u8);
        push_units(&self.pps, &mut out)?;
        if !matches!(first.profile_idc, 66 | 77 | 88) {
            out.extend_from_slice(&[
                0xfc | first.chroma_format,
                0xf8 | (first.luma_bits - 8),
                0xf8 | (first.chroma_bits - 8),
                0, // sequence parameter set extensions
            ]);
        }
        Ok(out)
    }

    /// Reads a record. The trailing fields of the high profiles are not needed and not looked at.
    pub fn parse(bytes: &Bytes) -> Result<Self, BitstreamError> {
        let ended = || BitstreamError::Truncated { what: WHAT, bytes: bytes.len() };
        let [version, _, _, _, length, count, ..] = bytes[..] else { return Err(ended()) };
        if version != 1 {
            let value = u64::from(version);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "configurationVersion", value });
        }
        let nal_length_bytes = (length & 3) + 1;
        if nal_length_bytes == 3 {
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "lengthSizeMinusOne", value: 2 });
        }
        let mut rest = bytes.slice(6..);
        let sps = take_units(&mut rest, count & 0x1f)?;
        let count = *rest.first().ok_or_else(ended)?;
        let mut rest = rest.slice(1..);
        let pps = take_units(&mut rest, count)?;
        Ok(Self { sps, pps, nal_length_bytes })
    }
}

fn push_units(units: &[Bytes], out: &mut Vec<u8>) -> Result<(), BitstreamError> {
    for unit in units {
        let Ok(len) = u16::try_from(unit.len()) else {
            let value = unit.len() as u64;
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "parameter set length", value });
        };
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(unit);
    }
    Ok(())
}

fn take_units(rest: &mut Bytes, count: u8) -> Result<Vec<Bytes>, BitstreamError> {
    (0..count)
        .map(|_| {
            let Some((&len, _)) = rest.split_first_chunk::<2>() else {
                return Err(BitstreamError::Truncated { what: WHAT, bytes: rest.len() });
            };
            let len = usize::from(u16::from_be_bytes(len));
            let left = rest.len() - 2;
            if left < len {
                return Err(BitstreamError::Length { what: "parameter set", said: len as u64, left });
            }
            let unit = rest.slice(2..2 + len);
            *rest = rest.slice(2 + len..);
            Ok(unit)
        })
        .collect()
}
