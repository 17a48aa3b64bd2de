//! Access units to RTP payloads.

use heron_core::{ErrorKind, TrackFormat};
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
}

/// Cuts access units of one track into RTP payloads. Immutable: one serves all receivers.
#[derive(Clone, Debug)]
pub struct Packetizer {
    encoding: &'static str,
    clock_rate_hz: u32,
}

impl Packetizer {
    /// For a track of this format. FLAC has no payload format.
    pub fn new(format: &TrackFormat) -> Result<Self, PacketizeError> {
        let _ = format;
        Ok(Self { encoding: "", clock_rate_hz: 90_000 })
    }

    /// Appends the payloads of one access unit to `out`.
    ///
    /// `payload` is as in [`heron_core::AccessUnit::payload`]; `random_access` puts the parameter sets before it
    /// (H.264: one STAP-A, H.265: one AP). `max_payload` bounds the bytes after the RTP header: 1200 suits any
    /// network, 1460 is what fits an Ethernet frame over IPv4/UDP, more is fine over TCP (at most 65,000).
    pub fn packetize(
        &self,
        payload: &[u8],
        random_access: bool,
        max_payload: usize,
        out: &mut PacketList,
    ) -> Result<(), PacketizeError> {
        let _ = (payload, random_access, max_payload, out);
        Ok(())
    }

    /// Encoding name for `a=rtpmap`.
    pub fn encoding(&self) -> &'static str {
        self.encoding
    }
    /// Clock rate for `a=rtpmap`, in Hz.
    pub fn clock_rate_hz(&self) -> u32 {
        self.clock_rate_hz
    }
    /// Channels for `a=rtpmap`, when more than one.
    pub fn channels(&self) -> Option<u8> {
        None
    }
    /// The static payload type (RFC 3551 §6), for G.711 at 8 kHz mono (0, 8) and JPEG (26).
    pub fn static_payload_type(&self) -> Option<u8> {
        None
    }
    /// The value of `a=fmtp` after the payload type, when there is one.
    pub fn fmtp(&self) -> Option<String> {
        None
    }
}
