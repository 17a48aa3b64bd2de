//! Picture parameter set (H.265 §7.3.2.3): who it is and which SPS it belongs to.

use crate::bits::BitReader;
use crate::nal::{BitstreamError, unescape};

/// What is needed of a picture parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pps {
    /// `pps_pic_parameter_set_id`, 0 to 63.
    pub id: u8,
    /// `pps_seq_parameter_set_id`, 0 to 15.
    pub sps_id: u8,
}

const WHAT: &str = "H.265 PPS";

impl Pps {
    /// Reads a NAL unit of type 34, header included.
    pub fn parse(unit: &[u8]) -> Result<Self, BitstreamError> {
        let body = super::expect(unit, 34, WHAT)?;
        let rbsp = unescape(&body[..body.len().min(8)]);
        let mut r = BitReader::new(&rbsp);
        let ended = BitstreamError::truncated(WHAT, unit.len());
        let id = r.ue().map_err(&ended)?;
        let sps_id = r.ue().map_err(&ended)?;
        for (field, value, most) in
            [("pps_pic_parameter_set_id", id, 63), ("pps_seq_parameter_set_id", sps_id, 15)]
        {
            if value > most {
                return Err(BitstreamError::OutOfRange { what: WHAT, field, value: u64::from(value) });
            }
        }
        Ok(Self { id: id as u8, sps_id: sps_id as u8 })
    }
}

/// `slice_pic_parameter_set_id` of the first slice segment of a picture (§7.3.6.1), from the first bytes of its NAL
/// unit; `None` for a slice segment that does not begin a picture, or that ends too early.
pub(crate) fn slice_pps_id(unit: &[u8]) -> Option<u8> {
    let irap = matches!(super::NalUnitType::of(*unit.first()?), super::NalUnitType::Irap(_));
    let head = unit.get(2..unit.len().min(16))?;
    let rbsp = unescape(head);
    let mut r = BitReader::new(&rbsp);
    if !r.flag().ok()? {
        return None;
    }
    if irap {
        r.skip(1).ok()?; // no_output_of_prior_pics_flag
    }
    u8::try_from(r.ue().ok()?).ok().filter(|&id| id <= 63)
}
