//! H.264 over RTP (RFC 6184): single NAL units, STAP-A, FU-A.

use super::nal_units::NalUnits;
use super::syntax::{Class, ParameterSets, SetsById, Syntax};
use super::{DepacketizeError, malformed};
use crate::h264::{NalUnitType, Pps, SliceHeader, Sps, is_intra_slice, is_recovery_point, video_format};
use crate::nal::BitstreamError;
use crate::rtp::Packet;
use heron_core::VideoFormat;

#[derive(Debug)]
pub(super) struct H264;

impl Syntax for H264 {
    const HEADER_BYTES: usize = 1;
    type Sets = H264Sets;

    fn classify(header: &[u8], next: Option<u8>) -> Class {
        match NalUnitType::of(header[0]) {
            unit_type @ (NalUnitType::Slice | NalUnitType::Idr | NalUnitType::Partition(2)) => Class::Slice {
                // first_mb_in_slice is ue(v): zero is a single one bit.
                begins: next.is_some_and(|b| b & 0x80 != 0),
                random_access: unit_type == NalUnitType::Idr,
                reference: header[0] & 0x60 != 0,
            },
            NalUnitType::Partition(_) => {
                Class::Slice { begins: false, random_access: false, reference: header[0] & 0x60 != 0 }
            }
            NalUnitType::Sps | NalUnitType::Pps => Class::ParameterSet,
            // 13 and 15 are parameter sets of extensions that nobody decodes.
            NalUnitType::AccessUnitDelimiter | NalUnitType::Filler | NalUnitType::Other(13 | 15) => {
                Class::Noise
            }
            NalUnitType::Sei | NalUnitType::Other(_) => Class::Other,
        }
    }

    fn is_recovery_point(unit: &[u8]) -> bool {
        is_recovery_point(unit)
    }

    fn is_intra(slice: &[u8]) -> bool {
        is_intra_slice(slice)
    }
}

#[derive(Debug, Default)]
pub(super) struct H264Sets {
    sps: SetsById,
    pps: SetsById,
    active_sps: Option<u8>,
}

impl ParameterSets for H264Sets {
    fn insert(&mut self, unit: &[u8]) -> Result<bool, BitstreamError> {
        let first = *unit.first().ok_or(BitstreamError::Missing { what: "parameter set" })?;
        if self.sps.contains(unit) || self.pps.contains(unit) {
            return Ok(false);
        }
        match NalUnitType::of(first) {
            NalUnitType::Sps => Ok(self.sps.insert(Sps::parse(unit)?.id, unit)),
            _ => Ok(self.pps.insert(Pps::parse(unit)?.id, unit)),
        }
    }

    fn format(&self) -> Option<Result<VideoFormat, BitstreamError>> {
        let (sps, pps) = (self.sps.units(self.active_sps), self.pps.units(None));
        (!sps.is_empty() && !pps.is_empty()).then(|| video_format(&sps, &pps))
    }

    fn is_ambiguous(&self) -> bool {
        self.sps.len() > 1
    }

    fn activate(&mut self, slice: &[u8]) -> bool {
        let sps = SliceHeader::parse(slice)
            .ok()
            .and_then(|slice| self.pps.get(slice.pps_id))
            .and_then(|pps| Pps::parse(pps).ok())
            .map(|pps| pps.sps_id);
        sps.is_some() && std::mem::replace(&mut self.active_sps, sps) != sps
    }
}

impl NalUnits<H264> {
    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        self.begin_packet(packet.timestamp, lost_before);
        let payload = packet.payload;
        match payload.first().map(|first| first & 0x1f) {
            None => {}
            Some(24) => self.push_stap_a(payload),
            Some(28) => self.push_fu_a(payload),
            Some(value @ (25..=27 | 29..=31)) => {
                self.fail(DepacketizeError::UnsupportedType { what: "H.264 payload structure", value });
            }
            Some(_) => self.unit(payload),
        }
        self.end_packet(packet.marker)
    }

    /// §5.7.1.
    fn push_stap_a(&mut self, payload: &[u8]) {
        let mut rest = &payload[1..];
        while let Some((&len, tail)) = rest.split_first_chunk::<2>().filter(|_| !self.is_full()) {
            let len = usize::from(u16::from_be_bytes(len));
            let Some((unit, tail)) = tail.split_at_checked(len) else {
                self.fail(malformed("H.264 STAP-A", "a NAL unit is longer than what is left", payload));
                return;
            };
            self.unit(unit);
            rest = tail;
        }
        // A single trailing byte is padding of cameras that pad without saying so.
    }

    /// §5.8.
    fn push_fu_a(&mut self, payload: &[u8]) {
        let [indicator, fu, part @ ..] = payload else {
            self.fail(malformed("H.264 FU-A", "no FU header", payload));
            return;
        };
        let header = [indicator & 0xe0 | fu & 0x1f];
        self.fragment(fu & 0x80 != 0, fu & 0x40 != 0, &header, part);
    }
}
