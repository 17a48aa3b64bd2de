//! RTCP (RFC 3550 §6): compound packets in, sender and receiver reports out.

use heron_core::ErrorKind;
use thiserror::Error;

/// Why bytes are not an RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// Shorter than the common header.
    #[error("RTCP packet of {len} bytes is shorter than its 4-byte header")]
    TooShort {
        /// Bytes that were left.
        len: usize,
    },
    /// The first two bits are not 2.
    #[error("RTCP packet begins with {first:#04x}: version {}, expected 2", first >> 6)]
    Version {
        /// The first byte.
        first: u8,
    },
    /// The length field goes behind the end, or what is inside does.
    #[error("RTCP packet of type {packet_type} needs {need} bytes, {left} are left")]
    Length {
        /// The packet type.
        packet_type: u8,
        /// Bytes needed.
        need: usize,
        /// Bytes there.
        left: usize,
    },
}

impl RtcpError {
    /// All of these are the sender's fault.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

/// One report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source it is about.
    pub ssrc: u32,
    /// Share of packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits signed.
    pub cumulative_lost: i32,
    /// Highest sequence number received, with its cycles in the upper half.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter_ticks: u32,
    /// Middle 32 bits of the last sender report's NTP time, zero for none.
    pub last_sender_report: u32,
    /// Since then, in 1/65536 s.
    pub delay_since_last_sender_report: u32,
}

/// A sender report (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    /// The sender.
    pub ssrc: u32,
    /// Wall clock at the sender, 64-bit NTP ([`heron_core::WallTime::from_ntp`]). Zero: it has no clock.
    pub ntp: u64,
    /// The same instant in RTP timestamp units.
    pub rtp_timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

impl SenderReport {
    /// Middle 32 bits of the NTP time, for the LSR field of a receiver report.
    pub fn middle_ntp(&self) -> u32 {
        (self.ntp >> 16) as u32
    }
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rtcp<'a> {
    /// Sender report, with its report blocks' bytes.
    SenderReport(SenderReport, ReportBlocks<'a>),
    /// Receiver report from `ssrc`.
    ReceiverReport {
        /// The receiver.
        ssrc: u32,
        /// What it says of its sources.
        blocks: ReportBlocks<'a>,
    },
    /// Source description: the first chunk's source and its CNAME, when it has one.
    SourceDescription {
        /// The source.
        ssrc: u32,
        /// The canonical name's bytes.
        cname: Option<&'a [u8]>,
    },
    /// The source leaves.
    Bye {
        /// The first source listed.
        ssrc: u32,
    },
    /// Anything else (APP, feedback): its packet type.
    Other {
        /// The packet type.
        packet_type: u8,
    },
}

/// Iterator over the report blocks of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a> {
    bytes: &'a [u8],
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.bytes.split_first_chunk::<24>()?;
        self.bytes = rest;
        let word = |i: usize| u32::from_be_bytes([block[i], block[i + 1], block[i + 2], block[i + 3]]);
        Some(ReportBlock {
            ssrc: word(0),
            fraction_lost: block[4],
            // Sign-extend 24 bits.
            cumulative_lost: (word(4) << 8) as i32 >> 8,
            highest_sequence: word(8),
            jitter_ticks: word(12),
            last_sender_report: word(16),
            delay_since_last_sender_report: word(20),
        })
    }
}

/// Iterates over the packets of a compound. A compound with a single packet, or one that does not begin with a
/// report, is taken too: cameras send both. After an error the iterator is at its end.
pub fn parse(bytes: &[u8]) -> Compound<'_> {
    Compound { bytes }
}

/// See [`parse`].
#[derive(Clone, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Rtcp<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.is_empty() {
            return None;
        }
        let Some((head, _)) = bytes.split_first_chunk::<4>() else {
            return Some(Err(RtcpError::TooShort { len: bytes.len() }));
        };
        if head[0] >> 6 != 2 {
            return Some(Err(RtcpError::Version { first: head[0] }));
        }
        let packet_type = head[1];
        let need = (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1) * 4;
        let Some((packet, rest)) = bytes.split_at_checked(need) else {
            return Some(Err(RtcpError::Length { packet_type, need, left: bytes.len() }));
        };
        let parsed = parse_one(packet_type, usize::from(head[0] & 0x1f), &packet[4..]);
        if parsed.is_ok() {
            self.bytes = rest;
        }
        Some(parsed)
    }
}

fn parse_one(packet_type: u8, count: usize, body: &[u8]) -> Result<Rtcp<'_>, RtcpError> {
    let word = |i: usize| -> Result<u32, RtcpError> {
        match body.get(i..i + 4) {
            Some(w) => Ok(u32::from_be_bytes([w[0], w[1], w[2], w[3]])),
            None => Err(RtcpError::Length { packet_type, need: i + 8, left: body.len() + 4 }),
        }
    };
    let blocks = |from: usize| -> ReportBlocks<'_> {
        // Fewer blocks than announced are taken as they are; profile-specific extensions are left out.
        let rest = body.get(from..).unwrap_or_default();
        ReportBlocks { bytes: &rest[..rest.len().min(count * 24)] }
    };
    Ok(match packet_type {
        200 => {
            let report = SenderReport {
                ssrc: word(0)?,
                ntp: u64::from(word(4)?) << 32 | u64::from(word(8)?),
                rtp_timestamp: word(12)?,
                packets: word(16)?,
                octets: word(20)?,
            };
            Rtcp::SenderReport(report, blocks(24))
        }
        201 => Rtcp::ReceiverReport { ssrc: word(0)?, blocks: blocks(4) },
        202 if count > 0 => Rtcp::SourceDescription { ssrc: word(0)?, cname: find_cname(&body[4..]) },
        203 if count > 0 => Rtcp::Bye { ssrc: word(0)? },
        _ => Rtcp::Other { packet_type },
    })
}

/// The CNAME item (type 1) of an SDES chunk.
fn find_cname(mut items: &[u8]) -> Option<&[u8]> {
    while let [kind, len, rest @ ..] = items {
        if *kind == 0 {
            return None;
        }
        let (text, rest) = rest.split_at_checked(usize::from(*len))?;
        if *kind == 1 {
            return Some(text);
        }
        items = rest;
    }
    None
}

fn push_head(count: usize, packet_type: u8, words: usize, out: &mut Vec<u8>) {
    out.push(0x80 | (count as u8 & 0x1f));
    out.push(packet_type);
    out.extend_from_slice(&((words - 1) as u16).to_be_bytes());
}

fn push_blocks(blocks: &[ReportBlock], out: &mut Vec<u8>) {
    for b in blocks {
        out.extend_from_slice(&b.ssrc.to_be_bytes());
        let lost = (b.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32) & 0xff_ffff;
        out.extend_from_slice(&(u32::from(b.fraction_lost) << 24 | lost).to_be_bytes());
        out.extend_from_slice(&b.highest_sequence.to_be_bytes());
        out.extend_from_slice(&b.jitter_ticks.to_be_bytes());
        out.extend_from_slice(&b.last_sender_report.to_be_bytes());
        out.extend_from_slice(&b.delay_since_last_sender_report.to_be_bytes());
    }
}

/// Appends a sender report. At most 31 blocks; more are left out.
pub fn push_sender_report(report: &SenderReport, blocks: &[ReportBlock], out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(31)];
    push_head(blocks.len(), 200, 7 + blocks.len() * 6, out);
    out.extend_from_slice(&report.ssrc.to_be_bytes());
    out.extend_from_slice(&report.ntp.to_be_bytes());
    out.extend_from_slice(&report.rtp_timestamp.to_be_bytes());
    out.extend_from_slice(&report.packets.to_be_bytes());
    out.extend_from_slice(&report.octets.to_be_bytes());
    push_blocks(blocks, out);
}

/// Appends a receiver report from `ssrc`. At most 31 blocks; more are left out.
pub fn push_receiver_report(ssrc: u32, blocks: &[ReportBlock], out: &mut Vec<u8>) {
    let blocks = &blocks[..blocks.len().min(31)];
    push_head(blocks.len(), 201, 2 + blocks.len() * 6, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    push_blocks(blocks, out);
}

/// Appends a source description with a CNAME, cut to 255 bytes.
pub fn push_cname(ssrc: u32, cname: &str, out: &mut Vec<u8>) {
    let cname = &cname.as_bytes()[..cname.len().min(255)];
    // Chunk: SSRC, type, length, text, then one to four zeroes up to a word boundary (§6.5).
    let items = 2 + cname.len();
    let padded = (items / 4 + 1) * 4;
    push_head(1, 202, 2 + padded / 4, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&[1, cname.len() as u8]);
    out.extend_from_slice(cname);
    out.resize(out.len() + padded - items, 0);
}

/// Appends a BYE.
pub fn push_bye(ssrc: u32, out: &mut Vec<u8>) {
    push_head(1, 203, 2, out);
    out.extend_from_slice(&ssrc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: ReportBlock = ReportBlock {
        ssrc: 0x0102_0304,
        fraction_lost: 12,
        cumulative_lost: -3,
        highest_sequence: 0x1_0002,
        jitter_ticks: 99,
        last_sender_report: 0xaabb_ccdd,
        delay_since_last_sender_report: 65_536,
    };

    #[test]
    fn a_compound_is_read_back() {
        let report = SenderReport {
            ssrc: 5,
            ntp: 0xe6f1_2345_8000_0000,
            rtp_timestamp: 900,
            packets: 10,
            octets: 1000,
        };
        let mut bytes = Vec::new();
        push_sender_report(&report, &[BLOCK], &mut bytes);
        push_receiver_report(6, &[BLOCK, BLOCK], &mut bytes);
        push_cname(5, "camera@10.0.0.5", &mut bytes);
        bytes.extend_from_slice(&[0x80, 204, 0, 2, 0, 0, 0, 5, b'a', b'p', b'p', b' ']);
        push_bye(5, &mut bytes);
        let packets: Vec<_> = parse(&bytes).map(Result::unwrap).collect();
        assert_eq!(packets.len(), 5);
        let Rtcp::SenderReport(read, blocks) = packets[0] else { panic!("{:?}", packets[0]) };
        assert_eq!((read, blocks.collect::<Vec<_>>()), (report, vec![BLOCK]));
        assert_eq!(read.middle_ntp(), 0x2345_8000);
        let Rtcp::ReceiverReport { ssrc: 6, blocks } = packets[1] else { panic!("{:?}", packets[1]) };
        assert_eq!(blocks.count(), 2);
        assert_eq!(packets[2], Rtcp::SourceDescription { ssrc: 5, cname: Some(b"camera@10.0.0.5") });
        assert_eq!(packets[3], Rtcp::Other { packet_type: 204 });
        assert_eq!(packets[4], Rtcp::Bye { ssrc: 5 });
    }

    #[test]
    fn errors_say_what_was_on_the_wire() {
        let text = |bytes: &[u8]| parse(bytes).last().unwrap().unwrap_err().to_string();
        assert_eq!(text(&[0x80, 200]), "RTCP packet of 2 bytes is shorter than its 4-byte header");
        assert_eq!(text(&[0x40, 200, 0, 0]), "RTCP packet begins with 0x40: version 1, expected 2");
        assert_eq!(text(&[0x80, 200, 0, 6, 1]), "RTCP packet of type 200 needs 28 bytes, 5 are left");
        assert_eq!(
            text(&[0x80, 200, 0, 1, 0, 0, 0, 1]),
            "RTCP packet of type 200 needs 12 bytes, 8 are left"
        );
    }

    proptest! {
        #[test]
        fn a_name_of_any_length_is_read_back(name in "[a-z@.]{0,300}") {
            let mut bytes = Vec::new();
            push_cname(1, &name, &mut bytes);
            prop_assert_eq!(bytes.len() % 4, 0);
            let cname = &name.as_bytes()[..name.len().min(255)];
            let read: Vec<_> = parse(&bytes).collect();
            prop_assert_eq!(read, [Ok(Rtcp::SourceDescription { ssrc: 1, cname: Some(cname) })]);
        }
    }
}
