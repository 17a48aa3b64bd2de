//! H.265 over RTP (RFC 7798): single NAL units, aggregation packets, fragmentation units; without decoding order
//! numbers.

use super::nal_units::NalUnits;
use super::syntax::{Class, ParameterSets, SetsById, Syntax};
use super::{DepacketizeError, malformed};
use crate::h265::{NalUnitType, Pps, Sps, slice_pps_id, video_format, vps_id};
use crate::nal::BitstreamError;
use crate::rtp::Packet;
use heron_core::VideoFormat;

#[derive(Debug)]
pub(super) struct H265;

impl Syntax for H265 {
    const HEADER_BYTES: usize = 2;
    type Sets = H265Sets;

    fn classify(header: &[u8], next: Option<u8>) -> Class {
        match NalUnitType::of(header[0]) {
            unit_type @ (NalUnitType::Slice(_) | NalUnitType::Irap(_)) => Class::Slice {
                // first_slice_segment_in_pic_flag
                begins: next.is_some_and(|b| b & 0x80 != 0),
                random_access: matches!(unit_type, NalUnitType::Irap(_)),
                reference: !unit_type.is_non_reference(),
            },
            NalUnitType::Vps | NalUnitType::Sps | NalUnitType::Pps => Class::ParameterSet,
            NalUnitType::AccessUnitDelimiter | NalUnitType::Filler => Class::Noise,
            NalUnitType::Sei(_) | NalUnitType::Other(_) => Class::Other,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct H265Sets {
    vps: SetsById,
    sps: SetsById,
    pps: SetsById,
    active_sps: Option<u8>,
}

impl ParameterSets for H265Sets {
    fn insert(&mut self, unit: &[u8]) -> Result<bool, BitstreamError> {
        let first = *unit.first().ok_or(BitstreamError::Missing { what: "parameter set" })?;
        if self.vps.contains(unit) || self.sps.contains(unit) || self.pps.contains(unit) {
            return Ok(false);
        }
        match NalUnitType::of(first) {
            NalUnitType::Vps => Ok(self.vps.insert(vps_id(unit)?, unit)),
            NalUnitType::Sps => Ok(self.sps.insert(Sps::parse(unit)?.id, unit)),
            _ => Ok(self.pps.insert(Pps::parse(unit)?.id, unit)),
        }
    }

    fn format(&self) -> Option<Result<VideoFormat, BitstreamError>> {
        let (sps, pps) = (self.sps.units(self.active_sps), self.pps.units(None));
        (!sps.is_empty() && !pps.is_empty()).then(|| video_format(&self.vps.units(None), &sps, &pps))
    }

    fn is_ambiguous(&self) -> bool {
        self.sps.len() > 1
    }

    fn activate(&mut self, slice: &[u8]) -> bool {
        let sps = slice_pps_id(slice)
            .and_then(|id| self.pps.get(id))
            .and_then(|pps| Pps::parse(pps).ok())
            .map(|pps| pps.sps_id);
        sps.is_some() && std::mem::replace(&mut self.active_sps, sps) != sps
    }
}

impl NalUnits<H265> {
    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        self.begin_packet(packet.timestamp, lost_before);
        let payload = packet.payload;
        match payload.first().map(|first| (first >> 1) & 0x3f) {
            None => {}
            Some(48) => self.push_aggregate(payload),
            Some(49) => self.push_fragment(payload),
            Some(value @ 50..) => {
                self.fail(DepacketizeError::UnsupportedType { what: "H.265 payload structure", value });
            }
            Some(_) => self.unit(payload),
        }
        self.end_packet(packet.marker)
    }

    /// §4.4.2.
    fn push_aggregate(&mut self, payload: &[u8]) {
        let mut rest = payload.get(2..).unwrap_or_default();
        while let Some((&len, tail)) = rest.split_first_chunk::<2>().filter(|_| !self.is_full()) {
            let len = usize::from(u16::from_be_bytes(len));
            let Some((unit, tail)) = tail.split_at_checked(len) else {
                self.fail(malformed(
                    "H.265 aggregation packet",
                    "a NAL unit is longer than what is left",
                    payload,
                ));
                return;
            };
            self.unit(unit);
            rest = tail;
        }
    }

    /// §4.4.3.
    fn push_fragment(&mut self, payload: &[u8]) {
        let [first, second, fu, part @ ..] = payload else {
            self.fail(malformed("H.265 fragmentation unit", "no FU header", payload));
            return;
        };
        let header = [first & 0x81 | (fu & 0x3f) << 1, *second];
        self.fragment(fu & 0x80 != 0, fu & 0x40 != 0, &header, part);
    }
}
