//! The beginning of a slice header (H.264 §7.3.3): enough to find the first slice of a picture and its kind.

use super::NalUnitType;
use crate::bits::BitReader;
use crate::nal::{BitstreamError, unescape};

/// `slice_type` modulo 5 (table 7-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceKind {
    /// Predicted from one list.
    P,
    /// Predicted from two lists.
    B,
    /// Not predicted from other pictures.
    I,
    /// Switching P.
    Sp,
    /// Switching I.
    Si,
}

/// The first three syntax elements of a slice header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceHeader {
    /// `first_mb_in_slice`: zero begins a picture.
    pub first_mb: u32,
    /// The kind of slice.
    pub kind: SliceKind,
    /// `pic_parameter_set_id`.
    pub pps_id: u8,
}

const WHAT: &str = "H.264 slice header";

impl SliceHeader {
    /// Reads a NAL unit of type 1, 2 or 5, header byte included. The first 16 bytes of it are enough.
    pub fn parse(unit: &[u8]) -> Result<Self, BitstreamError> {
        match unit.first().map(|&b| NalUnitType::of(b)) {
            Some(NalUnitType::Slice | NalUnitType::Idr | NalUnitType::Partition(2)) => {}
            Some(_) => {
                let value = u64::from(unit[0] & 0x1f);
                return Err(BitstreamError::OutOfRange { what: WHAT, field: "nal_unit_type", value });
            }
            None => return Err(BitstreamError::Missing { what: WHAT }),
        }
        let head = &unit[..unit.len().min(16)];
        let rbsp = unescape(head);
        let mut r = BitReader::new(&rbsp[1..]);
        let ended = BitstreamError::truncated(WHAT, head.len());
        let first_mb = r.ue().map_err(&ended)?;
        let slice_type = r.ue().map_err(&ended)?;
        let pps_id = r.ue().map_err(&ended)?;
        let kind = match slice_type {
            0 | 5 => SliceKind::P,
            1 | 6 => SliceKind::B,
            2 | 7 => SliceKind::I,
            3 | 8 => SliceKind::Sp,
            4 | 9 => SliceKind::Si,
            _ => {
                let value = u64::from(slice_type);
                return Err(BitstreamError::OutOfRange { what: WHAT, field: "slice_type", value });
            }
        };
        let Ok(pps_id) = u8::try_from(pps_id) else {
            let value = u64::from(pps_id);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "pic_parameter_set_id", value });
        };
        Ok(Self { first_mb, kind, pps_id })
    }
}
