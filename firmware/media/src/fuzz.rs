//! Entry points for fuzzers and property tests: each takes any bytes, drives a parser with them as a hostile peer
//! would, and checks what must hold whatever comes. They panic only when a promise is broken.

use crate::rtp::{
    Arrival, Delivery, Depacketizer, DepacketizerParams, Packet, PacketList, Packetizer, ReorderBuffer,
    SequenceTracker,
};
use crate::{aac, h264, h265, mjpeg, nal, rtcp};
use bytes::Bytes;
use std::time::Duration;

/// Takes the next `n` bytes off, or what is left.
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at(n.min(bytes.len()));
    *bytes = rest;
    head
}

fn take_u8(bytes: &mut &[u8]) -> u8 {
    take(bytes, 1).first().copied().unwrap_or(0)
}

/// Depacketisers: the first byte chooses the payload format, then come packets: a byte of flags (marker, loss, new
/// timestamp, wide length), the length, the payload.
pub fn depacketizer(mut bytes: &[u8]) {
    let fmtp = [("config".to_owned(), "1408".to_owned()), ("mode".to_owned(), "AAC-hbr".to_owned())];
    let encodings = ["H264", "H265", "JPEG", "MPEG4-GENERIC", "PCMA", "vnd.onvif.metadata"];
    let encoding = encodings[usize::from(take_u8(&mut bytes)) % encodings.len()];
    let params = DepacketizerParams { encoding, clock_rate_hz: 16_000, channels: 1, fmtp: &fmtp };
    let Ok(mut depacketizer) = Depacketizer::new(&params) else { return };
    let (mut timestamp, mut frames) = (0u32, 0u64);
    while !bytes.is_empty() {
        let flags = take_u8(&mut bytes);
        let wide = if flags & 8 != 0 { 100 } else { 1 };
        let len = usize::from(take_u8(&mut bytes)) * wide;
        if flags & 4 != 0 {
            timestamp = timestamp.wrapping_add(u32::from(flags) << 8);
        }
        let packet = Packet {
            marker: flags & 1 != 0,
            payload_type: 96,
            sequence: 0,
            timestamp,
            ssrc: 0,
            csrc: &[],
            extension: (flags & 16 != 0).then_some((0xffd8, &bytes[..bytes.len().min(32)])),
            payload: take(&mut bytes, len),
        };
        // An error says what was wrong with the packet; the next one has to be taken all the same.
        let _ = depacketizer.push(&packet, flags & 2 != 0);
        frames += check_frames(&mut depacketizer, encoding);
    }
    depacketizer.flush();
    frames += check_frames(&mut depacketizer, encoding);
    assert_eq!(frames, depacketizer.counters().frames);
}

fn check_frames(depacketizer: &mut Depacketizer, encoding: &str) -> u64 {
    let mut frames = 0;
    while let Some(frame) = depacketizer.pull() {
        frames += 1;
        assert!(!frame.payload.is_empty(), "an empty frame");
        if encoding.starts_with("H26") {
            assert!(nal::length_prefixed(&frame.payload).all(|unit| unit.is_ok()), "lengths do not add up");
        }
        if encoding == "JPEG" {
            assert!(mjpeg::image_size(&frame.payload).is_ok(), "an image without a size");
        }
    }
    frames
}

/// RTP packets, and the order that they are put in: packets of eight bytes are made of two bytes each.
pub fn sequence(bytes: &[u8]) {
    let _ = Packet::parse(bytes);
    let mut buffer = ReorderBuffer::new(8, Duration::from_millis(50));
    let mut tracker = SequenceTracker::new(90_000);
    let mut expected: Option<u16> = None;
    for (n, pair) in bytes.chunks_exact(2).enumerate() {
        let sequence = u16::from_be_bytes([pair[0], pair[1]]);
        let now = Duration::from_millis(n as u64 * 7);
        buffer.push(sequence, &sequence.to_be_bytes(), now, &mut |delivery| match delivery {
            Delivery::Lost(n) => expected = expected.map(|e| e.wrapping_add(n)),
            Delivery::Packet(packet) => {
                let sequence = u16::from_be_bytes([packet[0], packet[1]]);
                let arrival = tracker.push_raw(sequence, u32::from(sequence), now);
                if let Some(expected) = expected {
                    // In order, or a new sequence far from the old one.
                    assert!(
                        sequence == expected || expected.wrapping_sub(sequence) > 100,
                        "{expected} {sequence}"
                    );
                    assert!(arrival != Arrival::Duplicate, "the same packet twice");
                }
                expected = Some(sequence.wrapping_add(1));
            }
        });
        assert!(buffer.held() < 8, "holds more than it may");
    }
    let _ = tracker.report(1, None);
    buffer.flush(&mut |_| {});
    assert_eq!(buffer.held(), 0);
}

/// RTCP compounds.
pub fn control(bytes: &[u8]) {
    let packets = rtcp::parse(bytes).count();
    assert!(packets <= bytes.len() / 4 + 1);
    for packet in rtcp::parse(bytes).flatten() {
        if let rtcp::Rtcp::SenderReport(_, blocks) | rtcp::Rtcp::ReceiverReport { blocks, .. } = packet {
            assert!(blocks.count() <= 31);
        }
    }
}

/// Parameter sets, decoder configurations and images.
pub fn bitstreams(bytes: &[u8]) {
    let owned = Bytes::copy_from_slice(bytes);
    let one = std::slice::from_ref(&owned);
    let _ = (h264::video_format(one, &[]), h265::video_format(&[], one, &[]));
    let _ = (h264::AvcC::parse(&owned), h265::HvcC::parse(&owned));
    let _ = (h264::SliceHeader::parse(bytes), h264::Pps::parse(bytes), h265::Pps::parse(bytes));
    let _ = (aac::AudioSpecificConfig::parse(bytes), mjpeg::image_size(bytes));
    assert!(nal::annex_b(bytes).all(|unit| nal::find_start_code(unit, 0).is_none()));
    if let Ok(packetizer) = Packetizer::new(&heron_core::TrackFormat::Video(mjpeg::video_format(64, 64))) {
        let mut list = PacketList::new();
        if packetizer.packetize(bytes, true, 1200, &mut list).is_err() {
            assert!(list.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            depacketizer(&bytes);
            sequence(&bytes);
            control(&bytes);
            bitstreams(&bytes);
        }

        #[test]
        fn bytes_that_look_like_packets(
            format in 0u8..6,
            packets in proptest::collection::vec((
                0u8..32,
                prop_oneof![
                    Just(vec![0x67, 0x4d, 0x40, 0x28, 0xda, 0x01, 0xe0, 0x08, 0x9f, 0x96]),
                    Just(vec![0x68, 0xef, 0x3c, 0x80]),
                    Just(vec![0x18, 0, 2, 0x65, 0x88, 0, 0, 0, 1, 0x41]),
                    Just(vec![0, 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x41, 0x9a]),
                    Just(vec![0x60, 1, 0, 3, 0x26, 1, 0x80, 0, 2, 0x4e, 1]),
                    Just(vec![0, 0, 0, 0, 1, 50, 8, 8, 1, 2, 3]),
                    Just(vec![0, 0, 0, 3, 65, 255, 8, 8, 0, 1, 255, 255, 0, 0, 0, 0]),
                    Just(vec![0, 32, 0, 16, 0, 8, 1, 2, 3]),
                    (0u8..255, 0u8..255, proptest::collection::vec(any::<u8>(), 0..20))
                        .prop_map(|(fu, unit, rest)| [vec![0x60 | (fu & 1), unit, 0x80 | fu], rest].concat()),
                    (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20))
                        .prop_map(|(fu, rest)| [vec![0x7c, fu], rest].concat()),
                    (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..20))
                        .prop_map(|(fu, rest)| [vec![0x62, 1, fu], rest].concat()),
                    proptest::collection::vec(any::<u8>(), 0..40),
                ],
            ), 0..40),
        ) {
            let mut bytes = vec![format];
            for (flags, payload) in packets {
                bytes.extend_from_slice(&[flags & !8, payload.len() as u8]);
                bytes.extend_from_slice(&payload);
            }
            depacketizer(&bytes);
        }

        #[test]
        fn order_with_small_steps(steps in proptest::collection::vec(-12i32..14, 0..200), start: u16) {
            let mut at = i32::from(start);
            let bytes: Vec<u8> = steps.iter().flat_map(|s| { at += s; (at as u16).to_be_bytes() }).collect();
            sequence(&bytes);
        }
    }
}
