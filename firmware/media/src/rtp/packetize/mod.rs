//! Access units to RTP payloads.

mod audio;
mod mjpeg;
mod nal_units;

use self::nal_units::Kind;
use crate::nal;
use crate::sdp::encode_parameter_sets;
use bytes::Bytes;
use heron_core::{AudioCodec, ErrorKind, TrackFormat, VideoCodec};
use thiserror::Error;

/// Why an access unit cannot be packetised.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PacketizeError {
    /// There is no RTP payload format for it here.
    #[error("no RTP payload format for {codec}")]
    Unsupported {
        /// The codec's name.
        codec: String,
    },
    /// The payload is not what the format says.
    #[error("payload is not {what}: {problem}")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// No room for payload headers.
    #[error("{max_payload} bytes per packet are too few; at least {least} are needed")]
    PacketTooSmall {
        /// What was asked for.
        max_payload: usize,
        /// The least that works.
        least: usize,
    },
}

impl PacketizeError {
    /// The sort of failure.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// The payloads of one or more access units' packets, in one buffer. The caller puts its own 12-byte
/// [`super::Header`] before each, so that one list serves any number of receivers.
#[derive(Clone, Debug, Default)]
pub struct PacketList {
    bytes: Vec<u8>,
    packets: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    end: usize,
    marker: bool,
    timestamp_offset: u32,
}

/// One packet of a [`PacketList`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadPacket<'a> {
    /// The RTP payload.
    pub payload: &'a [u8],
    /// The marker bit for its header.
    pub marker: bool,
    /// To be added to the access unit's RTP timestamp; zero but for audio that was cut into several packets.
    pub timestamp_offset: u32,
}

impl PacketList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }
    /// Empties it and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
    }
    /// Number of packets.
    pub fn len(&self) -> usize {
        self.packets.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
    /// Payload bytes of all packets together.
    pub fn payload_bytes(&self) -> usize {
        self.bytes.len()
    }
    /// The packets in sending order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = PayloadPacket<'_>> {
        (0..self.packets.len()).map(|i| {
            let start = if i == 0 { 0 } else { self.packets[i - 1].end };
            let Span { end, marker, timestamp_offset } = self.packets[i];
            PayloadPacket { payload: &self.bytes[start..end], marker, timestamp_offset }
        })
    }
    /// Adds the pieces as one packet's payload.
    pub(crate) fn push(&mut self, pieces: &[&[u8]], marker: bool, timestamp_offset: u32) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
        self.packets.push(Span { end: self.bytes.len(), marker, timestamp_offset });
    }
    /// Takes packets off the end until `count` are left.
    fn truncate(&mut self, count: usize) {
        self.packets.truncate(count);
        self.bytes.truncate(self.packets.last().map_or(0, |last| last.end));
    }
}

/// Cuts access units of one track into RTP payloads. Immutable: one serves all receivers.
#[derive(Clone, Debug)]
pub struct Packetizer {
    clock_rate_hz: u32,
    channels: u8,
    payload: Payload,
}

#[derive(Clone, Debug)]
enum Payload {
    Nal { kind: Kind, sets: Vec<Bytes> },
    Mjpeg,
    Aac { config: Bytes },
    G711 { codec: AudioCodec },
    Metadata,
}

impl Packetizer {
    /// For a track of this format. FLAC has no payload format.
    pub fn new(format: &TrackFormat) -> Result<Self, PacketizeError> {
        let (clock_rate_hz, channels, payload) = match format {
            TrackFormat::Video(video) => {
                let payload = match video.codec {
                    VideoCodec::H264 => Payload::Nal { kind: Kind::H264, sets: video.parameter_sets.clone() },
                    VideoCodec::H265 => Payload::Nal { kind: Kind::H265, sets: video.parameter_sets.clone() },
                    VideoCodec::Mjpeg => Payload::Mjpeg,
                };
                (90_000, 1, payload)
            }
            TrackFormat::Audio(audio) => {
                let payload = match audio.codec {
                    AudioCodec::Aac => Payload::Aac { config: audio.config.clone() },
                    codec @ (AudioCodec::G711a | AudioCodec::G711u) => Payload::G711 { codec },
                    AudioCodec::Flac => {
                        return Err(PacketizeError::Unsupported { codec: audio.codec.to_string() });
                    }
                };
                (audio.sample_rate_hz, audio.channels, payload)
            }
            TrackFormat::Metadata => (90_000, 1, Payload::Metadata),
        };
        if let Payload::Nal { kind, sets } = &payload
            && sets
                .iter()
                .any(|set| set.len() < kind.header_bytes() || set.len() > nal::MAX_PARAMETER_SET_BYTES)
        {
            let problem = "a parameter set is empty or longer than 4096 bytes".to_owned();
            return Err(PacketizeError::Malformed { what: "a video format", problem });
        }
        Ok(Self { clock_rate_hz, channels, payload })
    }

    /// Appends the payloads of one access unit to `out`. After an error `out` is as it was.
    ///
    /// `payload` is as in [`heron_core::AccessUnit::payload`]; `random_access` puts the parameter sets before it
    /// (H.264: one STAP-A, H.265: one AP). `max_payload` bounds the bytes after the RTP header: 1200 suits any
    /// network, 1460 is what fits an Ethernet frame over IPv4/UDP, more is fine over TCP (at most 65,000).
    /// An image of JPEG is sent with the standard Huffman tables; its coefficients stay as they are.
    pub fn packetize(
        &self,
        payload: &[u8],
        random_access: bool,
        max_payload: usize,
        out: &mut PacketList,
    ) -> Result<(), PacketizeError> {
        let max_payload = max_payload.min(65_000);
        match &self.payload {
            Payload::Nal { kind, sets } => {
                let sets = if random_access { &sets[..] } else { &[] };
                nal_units::packetize(*kind, sets, payload, max_payload, out)
            }
            Payload::Mjpeg => mjpeg::packetize(payload, max_payload, out),
            Payload::Aac { .. } => audio::packetize_aac(payload, max_payload, out),
            Payload::G711 { .. } => audio::packetize_g711(payload, self.channels, max_payload, out),
            Payload::Metadata => {
                if max_payload == 0 {
                    return Err(PacketizeError::PacketTooSmall { max_payload, least: 1 });
                }
                let parts = payload.chunks(max_payload);
                let count = parts.len();
                for (number, part) in parts.enumerate() {
                    out.push(&[part], number + 1 == count, 0);
                }
                Ok(())
            }
        }
    }

    /// Encoding name for `a=rtpmap`.
    pub fn encoding(&self) -> &'static str {
        match self.payload {
            Payload::Nal { kind: Kind::H264, .. } => "H264",
            Payload::Nal { kind: Kind::H265, .. } => "H265",
            Payload::Mjpeg => "JPEG",
            Payload::Aac { .. } => "MPEG4-GENERIC",
            Payload::G711 { codec: AudioCodec::G711a } => "PCMA",
            Payload::G711 { .. } => "PCMU",
            Payload::Metadata => "vnd.onvif.metadata",
        }
    }
    /// Clock rate for `a=rtpmap`, in Hz.
    pub fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }
    /// Channels for `a=rtpmap`, when more than one.
    pub fn channels(&self) -> Option<u8> {
        (self.channels > 1).then_some(self.channels)
    }
    /// The static payload type (RFC 3551 §6), for G.711 at 8 kHz mono (0, 8) and JPEG (26).
    pub fn static_payload_type(&self) -> Option<u8> {
        match self.payload {
            Payload::Mjpeg => Some(26),
            Payload::G711 { codec } if self.clock_rate_hz == 8000 && self.channels == 1 => {
                Some(if codec == AudioCodec::G711u { 0 } else { 8 })
            }
            _ => None,
        }
    }
    /// The value of `a=fmtp` after the payload type, when there is one.
    pub fn fmtp(&self) -> Option<String> {
        match &self.payload {
            Payload::Nal { kind: Kind::H264, sets } => {
                let level = sets.first().and_then(|sps| sps.get(1..4)).map(hex::encode).unwrap_or_default();
                let sets = encode_parameter_sets(sets.iter().map(|set| &set[..]));
                Some(format!("packetization-mode=1;profile-level-id={level};sprop-parameter-sets={sets}"))
            }
            Payload::Nal { kind: Kind::H265, sets } => {
                let of = |unit_type: u8| {
                    let chosen = sets.iter().filter(|set| (set[0] >> 1) & 0x3f == unit_type);
                    encode_parameter_sets(chosen.map(|set| &set[..]))
                };
                Some(format!("sprop-vps={};sprop-sps={};sprop-pps={}", of(32), of(33), of(34)))
            }
            // streamtype 5 is audio; profile-level-id 1 is Main Audio level 1, which receivers ignore beside config.
            Payload::Aac { config } => Some(format!(
                "streamtype=5;profile-level-id=1;mode=AAC-hbr;config={};sizelength=13;indexlength=3;indexdeltalength=3",
                hex::encode(config)
            )),
            Payload::Mjpeg | Payload::G711 { .. } | Payload::Metadata => None,
        }
    }
}
