//! Picture parameter set (H.264 §7.3.2.2): who it is and which SPS it belongs to.

use crate::bits::BitReader;
use crate::nal::{BitstreamError, MAX_PARAMETER_SET_BYTES, unescape};

/// What is needed of a picture parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pps {
    /// `pic_parameter_set_id`, 0 to 255.
    pub id: u8,
    /// `seq_parameter_set_id`, 0 to 31.
    pub sps_id: u8,
}

const WHAT: &str = "H.264 PPS";

impl Pps {
    /// Reads a NAL unit of type 8, header byte included.
    pub fn parse(unit: &[u8]) -> Result<Self, BitstreamError> {
        if unit.len() > MAX_PARAMETER_SET_BYTES {
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "length", value: unit.len() as u64 });
        }
        match unit.first() {
            Some(first) if first & 0x1f == 8 => {}
            Some(first) => {
                let value = u64::from(first & 0x1f);
                return Err(BitstreamError::OutOfRange { what: WHAT, field: "nal_unit_type", value });
            }
            None => return Err(BitstreamError::Missing { what: WHAT }),
        }
        // Two Exp-Golomb codes of at most 17 bits: eight bytes are plenty.
        let rbsp = unescape(&unit[..unit.len().min(9)]);
        let mut r = BitReader::new(&rbsp[1..]);
        let ended = BitstreamError::truncated(WHAT, unit.len());
        let id = r.ue().map_err(&ended)?;
        let sps_id = r.ue().map_err(&ended)?;
        if id > 255 {
            let value = u64::from(id);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "pic_parameter_set_id", value });
        }
        if sps_id > 31 {
            let value = u64::from(sps_id);
            return Err(BitstreamError::OutOfRange { what: WHAT, field: "seq_parameter_set_id", value });
        }
        Ok(Self { id: id as u8, sps_id: sps_id as u8 })
    }
}
