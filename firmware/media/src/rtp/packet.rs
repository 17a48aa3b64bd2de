//! The RTP fixed header, contributing sources, header extension and padding (RFC 3550 §5.1, §5.3.1).

use heron_core::ErrorKind;
use thiserror::Error;

/// Length of the fixed header in bytes.
pub const FIXED_HEADER_BYTES: usize = 12;

/// Why bytes are not an RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// Shorter than the fixed header.
    #[error("RTP packet of {len} bytes is shorter than the 12-byte header")]
    TooShort {
        /// Its length.
        len: usize,
    },
    /// The first two bits are not 2.
    #[error("RTP packet begins with {first:#04x}: version {}, expected 2", first >> 6)]
    Version {
        /// The first byte.
        first: u8,
    },
    /// The contributing sources go on behind the end.
    #[error("RTP packet of {len} bytes announces {count} contributing sources, which need {need}")]
    Sources {
        /// The packet's length.
        len: usize,
        /// The CC field.
        count: u8,
        /// Bytes needed up to the end of the list.
        need: usize,
    },
    /// The header extension goes on behind the end.
    #[error("RTP packet of {len} bytes announces a header extension that ends at byte {need}")]
    Extension {
        /// The packet's length.
        len: usize,
        /// Bytes needed up to the end of the extension.
        need: usize,
    },
    /// The padding is longer than what is left, or zero.
    #[error("RTP packet with {left} bytes after its header announces {padding} bytes of padding")]
    Padding {
        /// The padding count, the packet's last byte.
        padding: u8,
        /// Bytes after header and extension.
        left: usize,
    },
}

impl PacketError {
    /// All of these are the sender's fault.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// A view of one RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The marker bit. Video: last packet of a picture. Audio: first packet after silence.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload format's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Contributing sources, 4 bytes each; empty from cameras.
    pub csrc: &'a [u8],
    /// Header extension: the 16 bits "defined by profile" and its content, a multiple of 4 bytes. ONVIF replay
    /// uses profile `0xABAC` (ONVIF Streaming Specification §6.3).
    pub extension: Option<(u16, &'a [u8])>,
    /// The payload without padding.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a packet. The only door for untrusted bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PacketError> {
        let len = bytes.len();
        let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_HEADER_BYTES>() else {
            return Err(PacketError::TooShort { len });
        };
        if fixed[0] >> 6 != 2 {
            return Err(PacketError::Version { first: fixed[0] });
        }
        let count = fixed[0] & 0x0f;
        let Some((csrc, mut rest)) = rest.split_at_checked(usize::from(count) * 4) else {
            return Err(PacketError::Sources {
                len,
                count,
                need: FIXED_HEADER_BYTES + usize::from(count) * 4,
            });
        };
        let mut extension = None;
        if fixed[0] & 0x10 != 0 {
            let at = FIXED_HEADER_BYTES + csrc.len();
            let Some((head, tail)) = rest.split_first_chunk::<4>() else {
                return Err(PacketError::Extension { len, need: at + 4 });
            };
            let words = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let Some((content, tail)) = tail.split_at_checked(words * 4) else {
                return Err(PacketError::Extension { len, need: at + 4 + words * 4 });
            };
            extension = Some((u16::from_be_bytes([head[0], head[1]]), content));
            rest = tail;
        }
        if fixed[0] & 0x20 != 0 {
            let padding = rest.last().copied().unwrap_or(0);
            let left = rest.len();
            match left.checked_sub(usize::from(padding)) {
                Some(keep) if padding != 0 => rest = &rest[..keep],
                _ => return Err(PacketError::Padding { padding, left }),
            }
        }
        Ok(Self {
            marker: fixed[1] & 0x80 != 0,
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            timestamp: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            csrc,
            extension,
            payload: rest,
        })
    }
}

/// The fixed header of a packet to be sent. No contributing sources, no padding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the payload format's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

impl Header {
    /// The twelve bytes that go before the payload.
    pub fn encode(&self) -> [u8; FIXED_HEADER_BYTES] {
        let mut out = [0; FIXED_HEADER_BYTES];
        out[0] = 0x80;
        out[1] = u8::from(self.marker) << 7 | (self.payload_type & 0x7f);
        out[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        out[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        out[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        out
    }

    /// Appends the header with a header extension (RFC 3550 §5.3.1). `content` is padded with zeroes to a multiple
    /// of 4 bytes and must be at most 262140 bytes long; what is over is cut off.
    pub fn encode_with_extension(&self, profile: u16, content: &[u8], out: &mut Vec<u8>) {
        let mut fixed = self.encode();
        fixed[0] |= 0x10;
        out.extend_from_slice(&fixed);
        let content = &content[..content.len().min(4 * usize::from(u16::MAX))];
        let words = content.len().div_ceil(4);
        out.extend_from_slice(&profile.to_be_bytes());
        out.extend_from_slice(&(words as u16).to_be_bytes());
        out.extend_from_slice(content);
        out.resize(out.len() + words * 4 - content.len(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 96,
        sequence: 0xfffe,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
    };

    #[test]
    fn a_plain_packet_is_read_back() {
        let mut bytes = HEADER.encode().to_vec();
        bytes.extend_from_slice(b"payload");
        let p = Packet::parse(&bytes).unwrap();
        assert!(p.marker);
        assert_eq!((p.payload_type, p.sequence, p.timestamp, p.ssrc), (96, 0xfffe, 0x0102_0304, 0xdead_beef));
        assert_eq!((p.csrc.len(), p.extension, p.payload), (0, None, &b"payload"[..]));
    }

    #[test]
    fn sources_extension_and_padding_are_taken_off() {
        let bytes = [
            0xb1, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, // V=2 P X CC=1
            9, 9, 9, 9, // CSRC
            0xab, 0xac, 0, 1, 5, 6, 7, 8, // extension of one word
            b'h', b'i', 0, 0, 3,
        ];
        let p = Packet::parse(&bytes).unwrap();
        assert_eq!(p.csrc, [9; 4]);
        assert_eq!(p.extension, Some((0xabac, &[5, 6, 7, 8][..])));
        assert_eq!(p.payload, b"hi");
    }

    #[test]
    fn errors_say_what_was_on_the_wire() {
        let texts: Vec<_> = [
            &b"RTSP/1.0"[..],
            b"RTSP/1.0 200 OK",
            &[0x82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 9],
            &[0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
        ]
        .iter()
        .map(|b| Packet::parse(b).unwrap_err().to_string())
        .collect();
        assert_eq!(
            texts,
            [
                "RTP packet of 8 bytes is shorter than the 12-byte header",
                "RTP packet begins with 0x52: version 1, expected 2",
                "RTP packet of 13 bytes announces 2 contributing sources, which need 20",
                "RTP packet of 16 bytes announces a header extension that ends at byte 52",
                "RTP packet with 1 bytes after its header announces 7 bytes of padding",
            ]
        );
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_parsed(
            marker: bool, payload_type in 0u8..128, sequence: u16, timestamp: u32, ssrc: u32,
            extension in proptest::option::of((any::<u16>(), proptest::collection::vec(any::<u8>(), 0..40))),
            payload in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let header = Header { marker, payload_type, sequence, timestamp, ssrc };
            let mut bytes = Vec::new();
            match &extension {
                Some((profile, content)) => header.encode_with_extension(*profile, content, &mut bytes),
                None => bytes.extend_from_slice(&header.encode()),
            }
            bytes.extend_from_slice(&payload);
            let p = Packet::parse(&bytes).unwrap();
            prop_assert_eq!((p.marker, p.payload_type, p.sequence), (marker, payload_type, sequence));
            prop_assert_eq!((p.timestamp, p.ssrc, p.payload), (timestamp, ssrc, &payload[..]));
            match (extension, p.extension) {
                (Some((profile, content)), Some((read_profile, read))) => {
                    prop_assert_eq!(profile, read_profile);
                    prop_assert!(read.starts_with(&content) && read.len() < content.len() + 4);
                }
                (None, None) => {}
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(p) = Packet::parse(&bytes) {
                prop_assert!(p.payload.len() <= bytes.len());
            }
        }
    }
}
