//! Behaviour on hand-made packets.

use super::*;

const SPS: &str = "674d4028da01e0089f966a0c0c0c800000030080000019078c1950";
const SPS_720: &str = "6764001eacd940b424fd6082000003000200000300643e28532c";
const PPS: &str = "68ef3c80";
const CLOCK: u32 = 90_000;

fn hex(s: &str) -> Vec<u8> {
    ::hex::decode(s).unwrap()
}

/// Feeds a depacketiser as a camera would.
struct Feed {
    depacketizer: Depacketizer,
    errors: Vec<DepacketizeError>,
}

impl Feed {
    fn new(encoding: &str, clock_rate_hz: u32, fmtp: &[(&str, &str)]) -> Self {
        let fmtp: Vec<_> = fmtp.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let params = DepacketizerParams { encoding, clock_rate_hz, channels: 1, fmtp: &fmtp };
        Self { depacketizer: Depacketizer::new(&params).unwrap(), errors: Vec::new() }
    }

    fn h264() -> Self {
        // The two parameter sets above.
        Self::new("H264", CLOCK, &[("sprop-parameter-sets", "Z01AKNoB4AiflmoMDAyAAAADAIAAABkHjBlQ,aO88gA==")])
    }

    fn push(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<Frame> {
        self.push_after(false, timestamp, marker, payload)
    }

    fn lost(&mut self, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<Frame> {
        self.push_after(true, timestamp, marker, payload)
    }

    fn push_after(&mut self, lost: bool, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<Frame> {
        let packet = Packet {
            marker,
            payload_type: 96,
            sequence: 0,
            timestamp,
            ssrc: 1,
            csrc: &[],
            extension: None,
            payload,
        };
        self.errors.extend(self.depacketizer.push(&packet, lost).err());
        self.frames()
    }

    fn frames(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.depacketizer.pull()).collect()
    }

    fn flush(&mut self) -> Vec<Frame> {
        self.depacketizer.flush();
        self.frames()
    }

    fn counters(&self) -> DepacketizerCounters {
        *self.depacketizer.counters()
    }
}

fn units(frame: &Frame) -> Vec<Vec<u8>> {
    crate::nal::length_prefixed(&frame.payload).map(|u| u.unwrap().to_vec()).collect()
}

fn only(frames: Vec<Frame>) -> Frame {
    assert_eq!(frames.len(), 1);
    frames.into_iter().next().unwrap()
}

#[test]
fn an_access_unit_of_all_kinds_of_packets() {
    let mut feed = Feed::new("H264", CLOCK, &[]);
    assert!(feed.depacketizer.format().is_none());
    let stap = [&[0x78, 0, 27][..], &hex(SPS), &[0, 4], &hex(PPS), &[0, 2, 9, 0xf0]].concat();
    assert!(feed.push(10, false, &stap).is_empty());
    assert!(feed.push(10, false, &[6, 5, 1, 0x80]).is_empty());
    assert!(feed.push(10, false, &[0x7c, 0x85, 0x88, 1, 2]).is_empty());
    assert!(feed.push(10, false, &[0x7c, 0x05, 3]).is_empty());
    assert!(feed.push(10, false, &[0x7c, 0x45, 4, 5]).is_empty());
    let frame = only(feed.push(10, true, &[0x65, 0x08, 9]));
    assert_eq!(units(&frame), [vec![6, 5, 1, 0x80], vec![0x65, 0x88, 1, 2, 3, 4, 5], vec![0x65, 0x08, 9]]);
    assert!(frame.random_access && frame.reference && !frame.lost_before);
    assert_eq!((frame.rtp_timestamp, frame.audio_samples), (10, 0));
    let video = frame.format.video().unwrap();
    assert_eq!((video.width, video.height), (1920, 1080));
    assert_eq!(video.parameter_sets, [hex(SPS), hex(PPS)]);
    let next = only(feed.push(20, true, &[0x01, 0x9a, 7]));
    assert!(!next.random_access && !next.reference);
    assert!(Arc::ptr_eq(&frame.format, &next.format));
    assert!(feed.errors.is_empty());
}

#[test]
fn nothing_is_delivered_before_the_parameter_sets_and_it_is_counted() {
    let mut feed = Feed::new("H264", CLOCK, &[("sprop-parameter-sets", "not,base64!,,")]);
    assert!(feed.push(0, true, &[0x65, 0x88, 1]).is_empty());
    feed.push(1, false, &hex(SPS));
    feed.push(1, false, &hex(PPS));
    let frame = only(feed.push(1, true, &[0x65, 0x88, 1]));
    assert!(!frame.lost_before);
    assert_eq!((feed.counters().dropped_before_format, feed.counters().frames), (1, 1));
}

#[test]
fn a_marker_on_parameter_sets_or_sei_does_not_end_the_picture() {
    let mut feed = Feed::h264();
    assert!(feed.push(0, true, &hex(SPS)).is_empty());
    assert!(feed.push(0, true, &hex(PPS)).is_empty());
    assert!(feed.push(0, true, &[9, 0xf0]).is_empty());
    assert!(feed.push(0, true, &[6, 1, 2, 0x80]).is_empty());
    let frame = only(feed.push(0, true, &[0x65, 0x88, 1]));
    assert_eq!(units(&frame).len(), 2);
}

#[test]
fn an_intra_picture_with_a_recovery_point_is_a_key_frame() {
    let mut feed = Feed::h264();
    // Slices: first_mb 0, slice_type 7 (I) or 5 (P), pps 0.
    let (intra, predicted) = ([0x41, 0b1000_1000, 0x80], [0x41, 0b1001_1010, 0x80]);
    let (at_once, later) = ([6, 1, 1, 9, 6, 1, 0xc4, 0x80], [6, 6, 1, 0x44, 0x80]);
    feed.push(0, false, &at_once);
    let frame = only(feed.push(0, true, &intra));
    assert!(frame.random_access && crate::h264::is_key_frame(&frame.payload));
    for (timestamp, sei, slice) in [(1, at_once, predicted), (2, [6, 1, 1, 9, 0x80, 0, 0, 0], intra)] {
        feed.push(timestamp, false, &sei);
        let frame = only(feed.push(timestamp, true, &slice));
        assert!(!frame.random_access && !crate::h264::is_key_frame(&frame.payload));
    }
    feed.push(3, false, &later);
    assert!(!only(feed.push(3, true, &intra)).random_access);
}

#[test]
fn without_markers_the_timestamp_ends_the_picture() {
    let mut feed = Feed::h264();
    assert!(feed.push(0, false, &[0x65, 0x88, 1]).is_empty());
    assert!(feed.push(0, false, &[0x65, 0x08, 2]).is_empty());
    let frame = only(feed.push(3600, false, &[0x41, 0x9a, 3]));
    assert_eq!((units(&frame).len(), frame.rtp_timestamp), (2, 0));
    assert_eq!(only(feed.flush()).rtp_timestamp, 3600);
}

#[test]
fn a_marker_on_every_slice_is_distrusted_after_the_first_picture() {
    let mut feed = Feed::h264();
    assert_eq!(feed.push(0, true, &[0x65, 0x88, 1]).len(), 1);
    assert!(feed.push(0, true, &[0x65, 0x08, 2]).is_empty(), "now it is known");
    // The first picture came in two; every later one is whole.
    assert_eq!(units(&only(feed.push(3600, true, &[0x41, 0x9a, 1]))), [vec![0x65, 0x08, 2]]);
    assert!(feed.push(3600, true, &[0x41, 0x1a, 2]).is_empty());
    assert!(feed.push(3600, true, &[0x41, 0x0a, 3]).is_empty());
    assert_eq!(units(&only(feed.push(7200, true, &[0x41, 0x9a, 1]))).len(), 3);
}

#[test]
fn a_new_picture_under_the_same_timestamp_is_another_access_unit() {
    let mut feed = Feed::h264();
    feed.push(0, false, &[0x65, 0x88, 1]);
    let both = feed.push(0, true, &[0x41, 0x9a, 2]);
    let seen: Vec<_> = both.iter().map(|f| (f.rtp_timestamp, f.random_access, units(f).len())).collect();
    assert_eq!(seen, [(0, true, 1), (0, false, 1)]);
}

/// A STAP-A of so many NAL units.
fn aggregate(count: usize, unit: &[u8]) -> Vec<u8> {
    let mut stap = vec![0x78];
    for _ in 0..count {
        stap.extend_from_slice(&(unit.len() as u16).to_be_bytes());
        stap.extend_from_slice(unit);
    }
    stap
}

#[test]
fn one_packet_finishes_sixteen_pictures_and_no_more() {
    let mut feed = Feed::h264();
    assert_eq!(feed.push(0, true, &aggregate(16, &[0x41, 0x9a])).len(), 16);
    assert!(feed.errors.is_empty(), "{:?}", feed.errors);
    for (n, marker) in [(1, true), (2, false), (3, true)] {
        let frames = feed.push(n, marker, &aggregate(15_000, &[0x41, 0x9a]));
        assert!((15..=16).contains(&frames.len()), "{}", frames.len());
        assert_eq!(feed.counters().malformed, u64::from(n), "{:?}", feed.errors);
    }
    assert!(feed.errors[0].to_string().contains("more than 16 pictures"), "{:?}", feed.errors);
    // The same with start codes, in one packet and in fragments.
    let annex_b = [0, 0, 1, 0x41, 0x9a].repeat(5_000);
    assert!(feed.push(4, true, &annex_b).len() <= 16);
    feed.push(5, false, &[&[0x1c, 0x81][..], &annex_b].concat());
    assert!(feed.push(5, true, &[0x1c, 0x41, 0x9a]).len() <= 16);
    assert_eq!(feed.counters().malformed, 5);
    // What comes after that is whole again.
    feed.push(6, true, &[0x65, 0x88, 1]);
    assert!(!only(feed.push(7, true, &[0x41, 0x9a, 1])).lost_before);
}

#[test]
fn one_packet_has_no_more_than_512_nal_units() {
    let mut feed = Feed::h264();
    // A picture of a slice per row of macroblocks.
    let rows = [aggregate(1, &[0x65, 0x88]), aggregate(269, &[0x65, 0x08])[1..].to_vec()].concat();
    assert_eq!(units(&only(feed.push(0, true, &rows))).len(), 270);
    assert!(feed.errors.is_empty(), "{:?}", feed.errors);
    let frame = only(feed.push(
        1,
        true,
        &[aggregate(1, &[0x65, 0x88]), aggregate(10_000, &[0x65, 0x08])[1..].to_vec()].concat(),
    ));
    assert!(frame.lost_before && units(&frame).len() == 512);
    assert_eq!(feed.counters().malformed, 1);
}

#[test]
fn pictures_that_are_too_large_are_refused_and_it_is_said_why() {
    // 65520 by 65520 pixels.
    let mut feed = Feed::new("H264", CLOCK, &[("sprop-parameter-sets", "Z0IAKNoAD/8AH/+Q,aM48gA==")]);
    let (error, in_stream) = feed.depacketizer.refused_sets().unwrap();
    assert!(error.to_string().contains("width in macroblocks is 4095") && !in_stream, "{error}");
    feed.push(0, false, &hex("67420028da000fff001fff90"));
    assert!(feed.push(0, true, &[0x65, 0x88, 1]).is_empty());
    assert!(feed.depacketizer.refused_sets().unwrap().1);
    feed.push(1, false, &hex(SPS));
    feed.push(1, false, &hex(PPS));
    only(feed.push(1, true, &[0x65, 0x88, 1]));
    assert_eq!(feed.depacketizer.refused_sets(), None);
}

#[test]
fn loss_inside_a_picture_is_delivered_and_marked() {
    let mut feed = Feed::h264();
    feed.push(0, false, &[0x7c, 0x85, 0x88, 1, 2]);
    // A fragment is missing: what comes after it is of no use, what came before is.
    let frame = only(feed.lost(0, true, &[0x7c, 0x45, 9]));
    assert!(frame.lost_before && frame.random_access);
    assert_eq!(units(&frame), [vec![0x65, 0x88, 1, 2]]);
    let next = only(feed.push(3600, true, &[0x41, 0x9a, 1]));
    assert!(!next.lost_before);
    // The tail and the marker are missing; the next picture is whole, but it may not follow at once.
    feed.push(7200, false, &[0x41, 0x9a, 1]);
    assert!(only(feed.lost(10_800, false, &[0x41, 0x9a, 2])).lost_before);
    assert!(only(feed.push(14_400, false, &[0x41, 0x9a, 3])).lost_before);
    assert_eq!((feed.counters().damaged, feed.counters().dropped_incomplete), (2, 0));
}

#[test]
fn a_picture_without_its_beginning_is_dropped() {
    let mut feed = Feed::h264();
    // Slices: the first is missing.
    assert!(feed.lost(0, true, &[0x41, 0x1a, 1]).is_empty());
    assert!(only(feed.push(3600, true, &[0x41, 0x9a, 1])).lost_before);
    // Fragments: the first is missing.
    assert!(feed.lost(7200, false, &[0x7c, 0x01, 5]).is_empty());
    assert!(feed.push(7200, false, &[0x7c, 0x41, 6]).is_empty());
    assert!(feed.push(7200, true, &[0x41, 0x0a, 5]).is_empty());
    assert!(only(feed.push(10_800, true, &[0x41, 0x9a, 1])).lost_before);
    assert_eq!(feed.counters().dropped_incomplete, 2);
    // A loss between two pictures: both are whole.
    let next = only(feed.lost(14_400, true, &[0x41, 0x9a, 1]));
    assert!(next.lost_before);
    assert_eq!(feed.counters().damaged, 0);
}

#[test]
fn annex_b_inside_the_payload_is_taken_apart() {
    let mut feed = Feed::new("H264", CLOCK, &[]);
    // Everything in one FU-A that says it is an SPS.
    let all = [&hex(SPS)[..], &[0, 0, 0, 1], &hex(PPS), &[0, 0, 1], &[0x65, 0x88, 1, 2, 3]].concat();
    let (head, tail) = all[1..].split_at(20);
    feed.push(0, false, &[&[0x7c, 0x87][..], head].concat());
    let frame = only(feed.push(0, true, &[&[0x7c, 0x47][..], tail].concat()));
    assert_eq!(units(&frame), [vec![0x65, 0x88, 1, 2, 3]]);
    assert!(frame.random_access);
    // A start code at the beginning; from now on slices are looked through as well.
    let frame = only(feed.push(1, true, &[0, 0, 0, 1, 0x41, 0x9a, 1, 0, 0, 0, 1, 0x41, 0x1a, 2]));
    assert_eq!(units(&frame), [vec![0x41, 0x9a, 1], vec![0x41, 0x1a, 2]]);
    let frame = only(feed.push(2, true, &[0x41, 0x9a, 1, 0, 0, 1, 0x41, 0x1a, 2]));
    assert_eq!(units(&frame).len(), 2);
    feed.push(3, false, &[0x1c, 0x80, 0, 0, 1, 0x41, 0x9a]);
    assert_eq!(units(&only(feed.push(3, true, &[0x1c, 0x40, 5]))), [vec![0x41, 0x9a, 5]]);
    assert!(feed.errors.is_empty(), "{:?}", feed.errors);
}

#[test]
fn a_slice_that_was_nothing_but_a_start_code_is_no_frame() {
    let sps = "QgEBAWAAAAMAkAAAAwAAAwB4oAPAgBDllurkwuagwMDcIAAAAwBAAAADAyE=";
    let mut feed = Feed::new("H265", CLOCK, &[("sprop-sps", sps), ("sprop-pps", "RAHBc8GJ")]);
    assert!(feed.depacketizer.format().is_some());
    // Two header bytes of zero are a slice of type 0, and with the byte behind them a start code.
    feed.push(0, false, &[0x62, 0, 0x80, 1]);
    assert!(feed.push(0, true, &[0x62, 0, 0x40, 2]).is_empty());
    assert_eq!(feed.counters().dropped_incomplete, 1);
    assert!(only(feed.push(1, true, &[0x26, 1, 0x80, 1])).lost_before);
}

#[test]
fn fragments_with_odd_headers() {
    let mut feed = Feed::h264();
    // The type changes in the middle: the first counts. The end bit never comes: the marker ends it.
    feed.push(0, false, &[0x7c, 0x85, 0x88, 1]);
    let frame = only(feed.push(0, true, &[0x5c, 0x01, 2]));
    assert_eq!(units(&frame), [vec![0x65, 0x88, 1, 2]]);
    // A new start without an end: both are kept.
    feed.push(1, false, &[0x7c, 0x81, 0x9a, 1]);
    feed.push(1, false, &[0x7c, 0x81, 0x1a, 2]);
    assert_eq!(
        units(&only(feed.push(1, true, &[0x7c, 0x41, 3]))),
        [vec![0x61, 0x9a, 1], vec![0x61, 0x1a, 2, 3]]
    );
    // Start and end in one.
    assert_eq!(units(&only(feed.push(2, true, &[0x7c, 0xc1, 0x9a, 1]))), [vec![0x61, 0x9a, 1]]);
}

#[test]
fn a_change_of_parameter_sets_is_a_new_format_and_a_repetition_is_not() {
    let mut feed = Feed::h264();
    let first = only(feed.push(0, true, &[0x65, 0x88, 1]));
    feed.push(1, false, &hex(SPS));
    feed.push(1, false, &hex(PPS));
    let same = only(feed.push(1, true, &[0x65, 0x88, 1]));
    assert!(Arc::ptr_eq(&first.format, &same.format));
    feed.push(2, false, &hex(SPS_720));
    feed.push(2, false, &hex("68ebe3c44c000440"));
    let other = only(feed.push(2, true, &[0x65, 0x88, 1]));
    assert_eq!((other.format.video().unwrap().width, other.format.video().unwrap().height), (720, 572));
    assert_eq!(feed.counters().format_changes, 1);
    // A broken one is an error and changes nothing.
    feed.push(3, false, &[0x67, 1, 2]);
    let still = only(feed.push(3, true, &[0x65, 0x88, 1]));
    assert!(Arc::ptr_eq(&other.format, &still.format));
    assert!(matches!(feed.errors[..], [DepacketizeError::ParameterSets(_)]));
}

#[test]
fn the_sequence_in_use_is_the_one_that_slices_refer_to() {
    let mut feed = Feed::new("H264", CLOCK, &[]);
    // SPS 0 and PPS 0; SPS 1 (ue 010 in place of the leading 1) and PPS 1 of SPS 1.
    feed.push(0, false, &hex(SPS));
    feed.push(0, false, &hex(PPS));
    let renumbered = {
        let sps = crate::nal::unescape(&hex(SPS_720)).into_owned();
        let bits: Vec<bool> = sps.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1 == 1)).collect();
        let bits = [&bits[..32], &[false, true, false], &bits[33..]].concat();
        let bytes = bits.chunks(8).map(|c| c.iter().fold(0, |a, &b| a << 1 | u8::from(b)) << (8 - c.len()));
        crate::nal::escape(&bytes.collect::<Vec<u8>>())
    };
    feed.push(0, false, &renumbered);
    feed.push(0, false, &[0x68, 0b0100_1011, 0xcb]);
    // IDR slices: first_mb 0, slice_type 7 (I), pps 0 or 1.
    let width = |f: Frame| f.format.video().unwrap().width;
    assert_eq!(width(only(feed.push(0, true, &[0x65, 0b1000_1000, 0b1000_0000]))), 1920);
    assert_eq!(width(only(feed.push(1, true, &[0x65, 0b1000_1000, 0b0100_0000]))), 720);
    assert_eq!(width(only(feed.push(2, true, &[0x65, 0b1000_1000, 0b1000_0000]))), 1920);
}

#[test]
fn a_frame_beyond_the_bound_is_dropped_with_an_error() {
    let mut feed = Feed::h264();
    let mut part = vec![0x7c, 0x85, 0x88];
    part.resize(60_000, 7);
    feed.push(0, false, &part);
    part[1] = 0x05;
    for _ in 0..MAX_FRAME_BYTES / 60_000 + 2 {
        assert!(feed.push(0, false, &part).is_empty());
    }
    assert!(feed.push(0, true, &[0x7c, 0x45, 1]).is_empty());
    assert_eq!(feed.errors, [DepacketizeError::FrameTooLarge { limit: MAX_FRAME_BYTES }]);
    assert_eq!((feed.counters().dropped_too_large, feed.counters().malformed), (1, 0));
    assert!(only(feed.push(1, true, &[0x41, 0x9a, 1])).lost_before);
}

#[test]
fn empty_units_and_unknown_structures() {
    let mut feed = Feed::h264();
    assert!(feed.push(0, false, &[]).is_empty());
    assert!(feed.push(0, false, &[0x78, 0, 0, 0, 2, 0x65, 0x88, 0, 0]).is_empty());
    assert_eq!(units(&only(feed.push(0, true, &[]))), [vec![0x65, 0x88]]);
    feed.push(1, false, &[0x79, 0, 0, 0, 1, 9]);
    feed.push(1, false, &[0x78, 0, 9, 0x41]);
    feed.push(1, false, &[0x7c]);
    let errors: Vec<_> = feed.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "H.264 payload structure of type 25 is not supported",
            "H.264 STAP-A: a NAL unit is longer than what is left (payload of 4 bytes begins with [78, 00, 09, 41])",
            "H.264 FU-A: no FU header (payload of 1 bytes begins with [7c, 00, 00, 00])",
        ]
    );
    assert_eq!(feed.counters().malformed, 3);
}

#[test]
fn h265_in_all_kinds_of_packets() {
    let mut feed = Feed::new("H265", CLOCK, &[]);
    let sets = [
        "40010c01ffff016000000300900000030000030078ba0240",
        "420101016000000300900000030000030078a003c08010e596eae4c2e6a0c0c0dc2000000300400000030321",
        "4401c173c189",
    ]
    .map(hex);
    let mut aggregate = vec![0x60, 1];
    for set in &sets {
        aggregate.extend_from_slice(&[0, set.len() as u8]);
        aggregate.extend_from_slice(set);
    }
    feed.push(0, false, &aggregate);
    feed.push(0, false, &[0x62, 1, 0x80 | 19, 0x80, 1, 2]);
    feed.push(0, false, &[0x62, 1, 0x40 | 19, 3]);
    let frame = only(feed.push(0, true, &[0x26, 1, 0x00, 4]));
    assert_eq!(units(&frame), [vec![0x26, 1, 0x80, 1, 2, 3], vec![0x26, 1, 0x00, 4]]);
    assert!(frame.random_access && frame.reference);
    assert_eq!(frame.format.video().unwrap().parameter_sets, sets);
    assert!(!only(feed.push(1, true, &[0x00, 1, 0x80, 1])).reference);
    assert!(feed.lost(2, true, &[0x02, 1, 0x00, 1]).is_empty());
    assert!(only(feed.push(3, true, &[0x02, 1, 0x80, 1])).lost_before);
    assert!(feed.errors.is_empty());
    let fmtp = [("sprop-max-don-diff".to_owned(), "2".to_owned())];
    let params = DepacketizerParams { encoding: "h265", clock_rate_hz: CLOCK, channels: 1, fmtp: &fmtp };
    assert!(Depacketizer::new(&params).is_err());
}

const AAC_FMTP: [(&str, &str); 5] = [
    ("mode", "AAC-hbr"),
    ("config", "1408"),
    ("SizeLength", "13"),
    ("IndexLength", "3"),
    ("IndexDeltaLength", "3"),
];

#[test]
fn several_aac_frames_in_one_packet() {
    let mut feed = Feed::new("mpeg4-generic", 16_000, &AAC_FMTP);
    let frames = feed.push(5000, true, &[0, 48, 0, 2 << 3, 0, 1 << 3, 0, 3 << 3, 1, 1, 2, 3, 3, 3]);
    let seen: Vec<_> =
        frames.iter().map(|f| (f.rtp_timestamp, f.audio_samples, f.payload.to_vec())).collect();
    assert_eq!(seen, [(5000, 1024, vec![1, 1]), (6024, 1024, vec![2]), (7048, 1024, vec![3, 3, 3])]);
    assert!(frames.iter().all(|f| f.random_access && !f.lost_before));
    let format = frames[0].format.audio().unwrap();
    assert_eq!((format.sample_rate_hz, format.channels, format.rfc6381.as_str()), (16_000, 1, "mp4a.40.2"));
    assert!(only(feed.lost(9000, true, &[0, 16, 0, 1 << 3, 9])).lost_before);
}

#[test]
fn an_aac_frame_in_fragments() {
    let mut feed = Feed::new("MPEG4-GENERIC", 16_000, &AAC_FMTP);
    assert!(feed.push(0, false, &[0, 16, 0, 5 << 3, 1, 2]).is_empty());
    assert!(feed.push(0, false, &[0, 16, 0, 5 << 3, 3, 4]).is_empty());
    assert_eq!(only(feed.push(0, true, &[0, 16, 0, 5 << 3, 5])).payload[..], [1, 2, 3, 4, 5]);
    // A part is lost: the frame is of no use.
    feed.push(1024, false, &[0, 16, 0, 5 << 3, 1, 2]);
    assert!(feed.lost(1024, true, &[0, 16, 0, 5 << 3, 5]).is_empty());
    assert!(only(feed.push(2048, true, &[0, 16, 0, 1 << 3, 9])).lost_before);
    assert!(feed.push(0, true, &[0, 17]).is_empty());
    assert!(matches!(feed.errors[..], [DepacketizeError::Malformed { .. }]));
}

#[test]
fn aac_without_a_config_is_plain_lc() {
    let feed = Feed::new("MPEG4-GENERIC", 8000, &[("mode", "AAC-hbr")]);
    assert_eq!(feed.depacketizer.format().unwrap().audio().unwrap().config[..], [0x15, 0x88]);
    for fmtp in [("mode", "CELP-cbr"), ("config", "zz"), ("sizelength", "99"), ("CTSDeltaLength", "3")] {
        let fmtp = [(fmtp.0.to_owned(), fmtp.1.to_owned())];
        let params =
            DepacketizerParams { encoding: "MPEG4-GENERIC", clock_rate_hz: 8000, channels: 1, fmtp: &fmtp };
        assert!(matches!(Depacketizer::new(&params), Err(DepacketizeError::Fmtp { .. })), "{fmtp:?}");
    }
}

#[test]
fn g711_is_its_samples() {
    let mut feed = Feed::new("pcma", 8000, &[]);
    let frame = only(feed.push(160, false, &[0xd5; 160]));
    assert_eq!((frame.audio_samples, frame.payload.len(), frame.rtp_timestamp), (160, 160, 160));
    assert_eq!(frame.format.audio().unwrap().rfc6381, "alaw");
    assert!(feed.push(320, false, &[]).is_empty());
    assert!(only(feed.lost(480, false, &[1])).lost_before);
}

#[test]
fn metadata_is_collected_until_the_marker() {
    let mut feed = Feed::new("vnd.onvif.metadata", CLOCK, &[]);
    assert!(feed.push(0, false, b"<a>").is_empty());
    assert_eq!(only(feed.push(0, true, b"</a>")).payload[..], *b"<a></a>");
    // Without a marker the next timestamp ends it.
    feed.push(1, false, b"<b/>");
    assert_eq!(only(feed.push(2, false, b"<c>")).payload[..], *b"<b/>");
    // A part is lost: the document is of no use; so is one whose beginning is lost.
    assert!(feed.lost(2, true, b"</c>").is_empty());
    assert!(feed.lost(3, true, b"x</d>").is_empty());
    assert!(only(feed.lost(4, true, b" <e/>")).lost_before);
    assert_eq!(feed.counters().dropped_incomplete, 2);
}

/// A JPEG payload of 64x32 pixels.
fn jpeg(offset: u8, q: u8, rest: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, offset, 1, q, 8, 4][..], rest].concat()
}

#[test]
fn jpeg_headers_are_made_anew() {
    let mut feed = Feed::new("JPEG", CLOCK, &[]);
    assert!(feed.push(0, false, &jpeg(0, 50, &[1, 2, 3])).is_empty());
    let frame = only(feed.push(0, true, &jpeg(3, 50, &[4, 5])));
    assert!(frame.payload.starts_with(&[0xff, 0xd8, 0xff, 0xe0]));
    assert!(frame.payload.ends_with(&[1, 2, 3, 4, 5, 0xff, 0xd9]));
    let image = crate::mjpeg::Image::parse(&frame.payload).unwrap();
    assert_eq!((image.width, image.height, image.scan), (64, 32, &[1, 2, 3, 4, 5][..]));
    assert_eq!(image.quantisation[0].unwrap().1[..4], [16, 11, 12, 14]);
    assert_eq!(frame.format.video().unwrap().width, 64);
    assert!(frame.random_access && !frame.lost_before);
}

#[test]
fn jpeg_tables_sent_once_are_remembered() {
    let mut feed = Feed::new("JPEG", CLOCK, &[]);
    let tables = [&[0, 0, 0, 128][..], &[7; 64], &[8; 64], &[1, 2]].concat();
    only(feed.push(0, true, &jpeg(0, 200, &tables)));
    let frame = only(feed.push(1, true, &jpeg(0, 200, &[0, 0, 0, 0, 3, 4])));
    let image = crate::mjpeg::Image::parse(&frame.payload).unwrap();
    assert_eq!((image.quantisation[1], image.scan), (Some((1, &[8; 64][..])), &[3, 4][..]));
    assert!(feed.push(2, true, &jpeg(0, 201, &[0, 0, 0, 0, 3, 4])).is_empty());
    assert!(feed.push(3, true, &jpeg(0, 100, &[3, 4])).is_empty());
    assert_eq!(feed.counters().malformed, 2);
}

#[test]
fn jpeg_with_restart_markers() {
    let mut feed = Feed::new("JPEG", CLOCK, &[]);
    let frame = only(feed.push(0, true, &[0, 0, 0, 0, 64, 99, 8, 4, 0, 4, 0xff, 0xff, 1, 0xff, 0xd0, 2]));
    let image = crate::mjpeg::Image::parse(&frame.payload).unwrap();
    assert_eq!((image.restart_interval, image.scan), (4, &[1, 0xff, 0xd0, 2][..]));
    assert_eq!((image.components[0].horizontal, image.components[0].vertical), (2, 1));
}

#[test]
fn a_jpeg_with_a_hole_ends_there() {
    let mut feed = Feed::new("JPEG", CLOCK, &[]);
    feed.push(0, false, &jpeg(0, 50, &[1, 2, 3]));
    let frame = only(feed.lost(0, true, &jpeg(9, 50, &[9])));
    assert!(frame.lost_before && frame.payload.ends_with(&[1, 2, 3, 0xff, 0xd9]));
    assert!(feed.lost(1, true, &jpeg(9, 50, &[9])).is_empty());
    // The last part is lost.
    feed.push(2, false, &jpeg(0, 50, &[1]));
    assert!(only(feed.lost(3, false, &jpeg(0, 50, &[2]))).lost_before);
    assert!(only(feed.push(3, true, &jpeg(1, 50, &[3]))).lost_before);
    assert_eq!((feed.counters().damaged, feed.counters().dropped_incomplete), (2, 1));
}

#[test]
fn a_jpeg_larger_than_its_header_can_say_is_described_by_the_extension() {
    let mut feed = Feed::new("JPEG", CLOCK, &[]);
    let sof = [0xff, 0xc0, 0, 17, 8, 0x08, 0x70, 0x0f, 0x00, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, 0];
    let packet = Packet {
        marker: true,
        payload_type: 26,
        sequence: 0,
        timestamp: 0,
        ssrc: 0,
        csrc: &[],
        extension: Some((0xffd8, &sof)),
        payload: &[0, 0, 0, 0, 1, 50, 0, 0, 1, 2],
    };
    feed.depacketizer.push(&packet, false).unwrap();
    assert_eq!(feed.frames()[0].format.video().unwrap().width, 3840);
}

#[test]
fn what_is_not_supported_is_said() {
    let params = DepacketizerParams { encoding: "VP8", clock_rate_hz: 90_000, channels: 1, fmtp: &[] };
    assert_eq!(
        Depacketizer::new(&params).unwrap_err().to_string(),
        "encoding \"VP8\" is not one of H264, H265, JPEG, MPEG4-GENERIC, PCMA, PCMU, vnd.onvif.metadata"
    );
}

#[test]
fn frames_that_are_not_pulled_are_bounded() {
    let mut feed = Feed::new("PCMU", 8000, &[]);
    for n in 0..300 {
        let packet = Packet {
            marker: false,
            payload_type: 0,
            sequence: n,
            timestamp: u32::from(n),
            ssrc: 0,
            csrc: &[],
            extension: None,
            payload: &[1],
        };
        feed.depacketizer.push(&packet, false).unwrap();
    }
    let frames = feed.frames();
    assert_eq!((frames.len(), frames[0].lost_before, feed.counters().dropped_not_pulled), (256, true, 44));
}
