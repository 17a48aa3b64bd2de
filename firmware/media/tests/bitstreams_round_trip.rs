//! Made-up access units of any size through packetiser, a network that loses, repeats and reorders, and depacketiser.

#![allow(clippy::unwrap_used, reason = "a test stops where something is missing")]

use bytes::Bytes;
use heron_core::TrackFormat;
use heron_media::rtp::{
    Arrival, Delivery, Depacketizer, DepacketizerParams, Frame, Header, Packet, PacketList, Packetizer,
    ReorderBuffer, SequenceTracker,
};
use heron_media::{aac, g711, h264, h265, nal};
use proptest::prelude::*;
use std::time::Duration;

fn hex(s: &str) -> Bytes {
    hex::decode(s).unwrap().into()
}

fn h264_format() -> TrackFormat {
    let sps = hex("674d4028da01e0089f966a0c0c0c800000030080000019078c1950");
    TrackFormat::Video(h264::video_format(&[sps], &[hex("68ef3c80")]).unwrap())
}

fn h265_format() -> TrackFormat {
    let vps = hex("40010c01ffff016000000300900000030000030078ba0240");
    let sps = hex("420101016000000300900000030000030078a003c08010e596eae4c2e6a0c0c0dc2000000300400000030321");
    TrackFormat::Video(h265::video_format(&[vps], &[sps], &[hex("4401c173c189")]).unwrap())
}

fn aac_format() -> TrackFormat {
    TrackFormat::Audio(aac::audio_format(vec![0x14, 0x08].into(), 1).unwrap())
}

/// An access unit: slices of the given sizes, the first of which begins the picture.
fn picture(h265: bool, key: bool, sizes: &[usize], fill: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    for (n, &size) in sizes.iter().enumerate() {
        let mut unit = match (h265, key) {
            (false, true) => vec![0x65],
            (false, false) => vec![0x41],
            (true, true) => vec![0x26, 1],
            (true, false) => vec![0x02, 1],
        };
        unit.push(if n == 0 { 0x88 } else { 0x08 });
        // No zero bytes: coded data has no start codes.
        unit.resize(unit.len() + size, fill | 1);
        nal::push_length_prefixed(&unit, &mut payload);
    }
    payload
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    H264,
    H265,
    Aac,
    G711,
    Metadata,
}

fn format(kind: Kind) -> TrackFormat {
    match kind {
        Kind::H264 => h264_format(),
        Kind::H265 => h265_format(),
        Kind::Aac => aac_format(),
        Kind::G711 => TrackFormat::Audio(g711::Law::Mu.audio_format(8000, 1)),
        Kind::Metadata => TrackFormat::Metadata,
    }
}

fn unit(kind: Kind, n: usize, sizes: &[usize]) -> (Vec<u8>, bool) {
    let total = sizes.iter().sum::<usize>();
    match kind {
        Kind::H264 => (picture(false, n.is_multiple_of(5), sizes, n as u8), n.is_multiple_of(5)),
        Kind::H265 => (picture(true, n.is_multiple_of(5), sizes, n as u8), n.is_multiple_of(5)),
        Kind::Aac => (vec![n as u8; total % 1500 + 1], true),
        Kind::G711 => (vec![n as u8; 160], true),
        Kind::Metadata => (format!("<a>{}</a>", "x".repeat(total)).into_bytes(), true),
    }
}

fn receiver(packetizer: &Packetizer) -> Depacketizer {
    let text = packetizer.fmtp().unwrap_or_default();
    let fmtp: Vec<_> = text
        .split(';')
        .filter_map(|p| p.split_once('='))
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect();
    Depacketizer::new(&DepacketizerParams {
        encoding: packetizer.encoding(),
        clock_rate_hz: packetizer.clock_rate_hz(),
        channels: 1,
        fmtp: &fmtp,
    })
    .unwrap()
}

/// RTP packets of the units; unit number n has the timestamp 3000 n.
fn packets(
    packetizer: &Packetizer,
    units: &[(Vec<u8>, bool)],
    max_payload: usize,
    first: u16,
) -> Vec<Vec<u8>> {
    let (mut list, mut packets) = (PacketList::new(), Vec::new());
    for (n, (payload, random_access)) in units.iter().enumerate() {
        list.clear();
        packetizer.packetize(payload, *random_access, max_payload, &mut list).unwrap();
        for piece in list.iter() {
            assert!(piece.payload.len() <= max_payload && !piece.payload.is_empty());
            let header = Header {
                marker: piece.marker,
                payload_type: 96,
                sequence: first.wrapping_add(packets.len() as u16),
                timestamp: n as u32 * 3000 + piece.timestamp_offset,
                ssrc: 1,
            };
            packets.push([&header.encode()[..], piece.payload].concat());
        }
    }
    packets
}

/// What one packet suffers: lost, doubled, or late by so many places.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Late(usize),
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        20 => Just(Fate::Arrives),
        1 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        2 => (1usize..12).prop_map(Fate::Late),
    ]
}

/// Everything that ingest does on UDP between socket and frame.
fn receive(depacketizer: &mut Depacketizer, arrivals: &[&Vec<u8>]) -> (Vec<Frame>, u64) {
    let mut buffer = ReorderBuffer::new(32, Duration::from_millis(50));
    let mut tracker = SequenceTracker::new(90_000);
    let (mut frames, mut missing) = (Vec::new(), false);
    let mut deliver = |delivery: Delivery<'_>| match delivery {
        Delivery::Lost(_) => missing = true,
        Delivery::Packet(bytes) => {
            let packet = Packet::parse(bytes).unwrap();
            let lost = match tracker.push(&packet, Duration::ZERO) {
                Arrival::Next { lost } => lost > 0,
                Arrival::Restart => true,
                Arrival::Late | Arrival::Duplicate => return,
            };
            // AAC says so when the last part of a frame comes without those before it; all others take what comes.
            let _ = depacketizer.push(&packet, lost || std::mem::take(&mut missing));
            frames.extend(std::iter::from_fn(|| depacketizer.pull()));
        }
    };
    for (n, bytes) in arrivals.iter().enumerate() {
        let sequence = Packet::parse(bytes).unwrap().sequence;
        buffer.push(sequence, bytes, Duration::from_millis(n as u64), &mut deliver);
    }
    buffer.flush(&mut deliver);
    let lost = tracker.counters().lost;
    depacketizer.flush();
    frames.extend(std::iter::from_fn(|| depacketizer.pull()));
    (frames, lost)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_goes_in_comes_out(
        kind in prop_oneof![
            Just(Kind::H264), Just(Kind::H265), Just(Kind::Aac), Just(Kind::G711), Just(Kind::Metadata)
        ],
        sizes in proptest::collection::vec(proptest::collection::vec(0usize..4000, 1..5), 1..12),
        max_payload in prop_oneof![8usize..200, 200usize..1500, Just(65_000)],
    ) {
        let format = format(kind);
        let packetizer = Packetizer::new(&format).unwrap();
        // G.711 units are cut when they do not fit.
        let max_payload = if matches!(kind, Kind::G711) { max_payload.max(160) } else { max_payload };
        let units: Vec<_> = sizes.iter().enumerate().map(|(n, s)| unit(kind, n, s)).collect();
        let packets = packets(&packetizer, &units, max_payload, 65_500);
        let (frames, lost) = receive(&mut receiver(&packetizer), &packets.iter().collect::<Vec<_>>());
        prop_assert_eq!((frames.len(), lost), (units.len(), 0));
        for (n, (frame, (payload, random_access))) in frames.iter().zip(&units).enumerate() {
            prop_assert!(frame.payload[..] == payload[..], "unit {} differs", n);
            prop_assert_eq!((frame.random_access, frame.lost_before), (*random_access, false));
            prop_assert_eq!(frame.rtp_timestamp, n as u32 * 3000);
            prop_assert_eq!(&*frame.format, &format);
        }
    }

    #[test]
    fn whatever_the_network_does_an_unmarked_frame_is_whole_and_follows_the_one_before(
        kind in prop_oneof![Just(Kind::H264), Just(Kind::H265), Just(Kind::Aac), Just(Kind::Metadata)],
        sizes in proptest::collection::vec(proptest::collection::vec(0usize..900, 1..4), 3..25),
        fates in proptest::collection::vec(fate(), 400),
    ) {
        let packetizer = Packetizer::new(&format(kind)).unwrap();
        let units: Vec<_> = sizes.iter().enumerate().map(|(n, s)| unit(kind, n, s)).collect();
        let packets = packets(&packetizer, &units, 300, 65_500);
        let mut arrivals: Vec<(usize, &Vec<u8>)> = Vec::new();
        for (n, (packet, fate)) in packets.iter().zip(fates.iter().cycle()).enumerate() {
            // The first packet sets the beginning.
            match if n == 0 { Fate::Arrives } else { *fate } {
                Fate::Arrives => arrivals.push((n * 2, packet)),
                Fate::Lost => {}
                Fate::Twice => arrivals.extend([(n * 2, packet), (n * 2 + 5, packet)]),
                Fate::Late(places) => arrivals.push((n * 2 + places * 2 + 1, packet)),
            }
        }
        arrivals.sort_by_key(|(place, _)| *place);
        let arrivals: Vec<_> = arrivals.into_iter().map(|(_, packet)| packet).collect();
        let (frames, _) = receive(&mut receiver(&packetizer), &arrivals);
        let mut before: Option<u32> = None;
        for frame in &frames {
            let n = frame.rtp_timestamp / 3000;
            prop_assert!(before.is_none_or(|b| b < n), "frames out of order");
            if !frame.lost_before {
                prop_assert!(frame.payload[..] == units[n as usize].0[..], "unit {} is not whole", n);
                prop_assert_eq!(before.map_or(0, |b| b + 1), n, "a frame is missing and nothing says so");
            }
            before = Some(n);
        }
    }
}
