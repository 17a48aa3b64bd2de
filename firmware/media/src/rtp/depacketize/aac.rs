//! AAC over RTP (RFC 3640, modes AAC-hbr and AAC-lbr): AU headers, then access units; or a fragment of one.

use super::chunk::Chunk;
use super::output::{Finished, Output};
use super::{DepacketizeError, DepacketizerParams, fmtp, malformed};
use crate::aac::{AudioSpecificConfig, audio_format};
use crate::bits::BitReader;
use crate::rtp::Packet;
use crate::sdp::decode_config_hex;
use bytes::Bytes;
use heron_core::TrackFormat;

/// Access units in one packet at most: 64 of 1024 samples are four seconds at 16 kHz.
const MAX_UNITS: usize = 64;

/// Longest access unit in bytes: 6144 bits per channel (ISO 14496-3 §4.5.3), 8 channels.
const MAX_UNIT_BYTES: usize = 6144;

const WHAT: &str = "AAC payload";

#[derive(Debug)]
pub(super) struct Aac {
    chunk: Chunk,
    size_bits: u32,
    index_bits: u32,
    index_delta_bits: u32,
    frame_samples: u32,
    /// Timestamp units of one frame.
    frame_ticks: u32,
    /// The access unit being put together: its timestamp and size.
    fragment: Option<(u32, usize)>,
    pub(super) output: Output,
}

impl Aac {
    pub(super) fn new(params: &DepacketizerParams<'_>) -> Result<Self, DepacketizeError> {
        let mode = fmtp(params, "mode").unwrap_or("AAC-hbr");
        let (size, index) = match mode.to_ascii_lowercase().as_str() {
            "aac-hbr" | "generic" => (13, 3),
            "aac-lbr" => (6, 2),
            _ => return Err(bad("mode", mode, "only AAC-hbr and AAC-lbr are supported")),
        };
        let number = |name: &'static str, default: u32, most: u32| match fmtp(params, name) {
            None => Ok(default),
            Some(text) => match text.parse() {
                Ok(n) if n <= most => Ok(n),
                _ => Err(bad(name, text, "not a number in the range that is supported")),
            },
        };
        let size_bits = number("sizelength", size, 24)?;
        let index_bits = number("indexlength", index, 16)?;
        let index_delta_bits = number("indexdeltalength", index, 16)?;
        if size_bits == 0 {
            return Err(bad("sizelength", "0", "access units of constant size are not supported"));
        }
        for name in ["CTSDeltaLength", "DTSDeltaLength", "randomAccessIndication", "streamStateIndication"] {
            number(name, 0, 0)?;
        }
        number("auxiliaryDataSizeLength", 0, 0)?;
        let config: Bytes = match fmtp(params, "config").filter(|c| !c.is_empty()) {
            Some(text) => match decode_config_hex(text) {
                Some(bytes) => bytes,
                None => return Err(bad("config", text, "not hexadecimal")),
            },
            // Some cameras leave it out: plain LC at the rate of the rtpmap then.
            None => match AudioSpecificConfig::lc(params.clock_rate_hz, params.channels.max(1)) {
                Some(config) => config.encode().into(),
                None => return Err(bad("config", "", "missing, and the clock rate is no AAC sample rate")),
            },
        };
        let text = || fmtp(params, "config").unwrap_or_default().to_owned();
        let parsed = AudioSpecificConfig::parse(&config)
            .map_err(|error| bad("config", &text(), &error.to_string()))?;
        let format = audio_format(config, params.channels)
            .map_err(|error| bad("config", &text(), &error.to_string()))?;
        let ticks = u64::from(parsed.frame_samples) * u64::from(params.clock_rate_hz)
            / u64::from(parsed.sample_rate_hz);
        Ok(Self {
            chunk: Chunk::new(8 << 10, 32 << 10),
            size_bits,
            index_bits,
            index_delta_bits,
            frame_samples: parsed.frame_samples,
            frame_ticks: ticks as u32,
            fragment: None,
            output: Output::with_format(TrackFormat::Audio(format)),
        })
    }

    pub(super) fn push(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        self.output.loss |= lost_before;
        if self.fragment.is_some_and(|(timestamp, _)| lost_before || timestamp != packet.timestamp) {
            self.abandon_fragment();
        }
        let result = self.read(packet, lost_before);
        self.output.counters.malformed += u64::from(result.is_err());
        result
    }

    fn read(&mut self, packet: &Packet<'_>, lost_before: bool) -> Result<(), DepacketizeError> {
        let payload = packet.payload;
        let Some((&header_bits, rest)) = payload.split_first_chunk::<2>() else {
            return Err(malformed(WHAT, "shorter than the AU-headers-length", payload));
        };
        let header_bits = usize::from(u16::from_be_bytes(header_bits));
        let Some((headers, mut data)) = rest.split_at_checked(header_bits.div_ceil(8)) else {
            return Err(malformed(WHAT, "the AU headers are longer than what is left", payload));
        };
        let mut bits = BitReader::new(headers);
        let mut read = 0;
        let mut timestamp = packet.timestamp;
        for number in 0..=MAX_UNITS {
            let index_bits = if number == 0 { self.index_bits } else { self.index_delta_bits };
            let need = (self.size_bits + index_bits) as usize;
            if header_bits - read < need {
                break;
            }
            if number == MAX_UNITS {
                return Err(malformed(WHAT, "more than 64 access units", payload));
            }
            read += need;
            let ended = |_| malformed(WHAT, "the AU headers end too early", payload);
            let size = bits.bits(self.size_bits).map_err(ended)? as usize;
            let index = bits.bits(index_bits).map_err(ended)?;
            if number > 0 {
                // AU-Index-delta: access units left out in between (interleaving).
                timestamp = timestamp.wrapping_add(self.frame_ticks.wrapping_mul(index.wrapping_add(1)));
            }
            if size > MAX_UNIT_BYTES {
                return Err(malformed(WHAT, "an access unit is longer than any AAC frame", payload));
            }
            match data.split_at_checked(size) {
                Some((unit, rest)) if self.fragment.is_none() => {
                    data = rest;
                    self.chunk.put(unit);
                    self.deliver(timestamp);
                }
                _ => return self.push_fragment(packet, size, data, lost_before),
            }
        }
        Ok(())
    }

    /// A part of an access unit: the AU header says the size of the whole (RFC 3640 §3.2.3).
    fn push_fragment(
        &mut self,
        packet: &Packet<'_>,
        size: usize,
        part: &[u8],
        lost_before: bool,
    ) -> Result<(), DepacketizeError> {
        match self.fragment {
            Some((_, whole)) if whole != size => {
                self.abandon_fragment();
                return Err(malformed(
                    WHAT,
                    "fragments of one access unit say different sizes",
                    packet.payload,
                ));
            }
            Some(_) => {}
            // After a loss there is no telling whether this is the first part.
            None if lost_before => {
                self.output.drop_incomplete();
                return Ok(());
            }
            None => self.fragment = Some((packet.timestamp, size)),
        }
        let missing = size - self.chunk.len();
        self.chunk.put(&part[..part.len().min(missing)]);
        if self.chunk.len() == size {
            self.fragment = None;
            self.deliver(packet.timestamp);
        } else if packet.marker {
            self.abandon_fragment();
            return Err(malformed(
                WHAT,
                "the last fragment does not complete the access unit",
                packet.payload,
            ));
        }
        Ok(())
    }

    fn abandon_fragment(&mut self) {
        self.fragment = None;
        self.chunk.truncate(0);
        self.output.drop_incomplete();
    }

    fn deliver(&mut self, rtp_timestamp: u32) {
        if self.chunk.len() == 0 {
            return;
        }
        self.output.deliver(Finished {
            rtp_timestamp,
            payload: self.chunk.take(),
            random_access: true,
            audio_samples: self.frame_samples,
            damaged: false,
            reference: true,
        });
    }
}

fn bad(name: &'static str, value: &str, reason: &str) -> DepacketizeError {
    let value = value.chars().take(64).collect();
    DepacketizeError::Fmtp { name, value, reason: reason.to_owned() }
}
