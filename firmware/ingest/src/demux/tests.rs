use super::*;
use crate::session::Codec;
use heron_core::WallTime;
use heron_media::rtcp::SenderReport;
use heron_media::rtp::{Header, Packet};
use heron_media::sdp::RtpMap;
use parking_lot::Mutex;
use proptest::prelude::*;

/// 320x240 or so; what it says does not matter here.
const SPROP: &str = "Z0IAKeKQFAe2AtwEBAaQeJEV,aM48gA==";
pub(super) const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x00, 0x33, 0xff];
pub(super) const P: &[u8] = &[0x41, 0x9a, 0x24, 0x6c, 0x41];

fn plan(kind: TrackKind, encoding: &str, clock_rate_hz: u32, channel: u8) -> TrackPlan {
    let map = RtpMap { payload_type: 96, encoding: encoding.into(), clock_rate_hz, channels: 1 };
    let fmtp = vec![("packetization-mode".into(), "1".into()), ("sprop-parameter-sets".into(), SPROP.into())];
    TrackPlan {
        kind,
        codec: Codec { map, fmtp },
        url: String::new(),
        client_ports: None,
        transport: Some(TrackTransport::Interleaved { rtp: channel, rtcp: channel + 1 }),
    }
}

pub(super) fn plans() -> [TrackPlan; 2] {
    [plan(TrackKind::Video, "H264", 90_000, 0), plan(TrackKind::Audio, "PCMA", 8000, 2)]
}

fn demux(hook: Option<Arc<dyn PacketHook>>) -> Demux {
    Demux::new(&plans(), hook, 1, "heron".into(), Duration::ZERO).unwrap()
}

/// A camera's video, frame by frame, 40 ms apart, each in one packet.
struct Video {
    demux: Demux,
    header: Header,
    millis: i64,
    out: Vec<Arc<AccessUnit>>,
}

impl Video {
    fn new() -> Self {
        let header = Header {
            marker: true,
            payload_type: 96,
            sequence: 65_500,
            timestamp: u32::MAX - 10_000,
            ssrc: 7,
        };
        Self { demux: demux(None), header, millis: 0, out: Vec::new() }
    }
    fn now(&self) -> Instant {
        Instant {
            wall: WallTime::from_millis(1_000_000 + self.millis),
            monotonic: Duration::from_millis(self.millis as u64),
        }
    }
    fn frame(&mut self, nal: &[u8]) {
        let packet = [&self.header.encode()[..], nal].concat();
        let now = self.now();
        self.demux.interleaved(0, &packet, now, &mut self.out);
        // The first moments of a connection have tests of their own.
        if self.demux.settle_due().is_some() {
            self.demux.release(now.monotonic, &mut self.out);
        }
        self.header.sequence = self.header.sequence.wrapping_add(1);
        self.header.timestamp = self.header.timestamp.wrapping_add(3600);
        self.millis += 40;
    }
    fn check_order(&self) {
        for pair in self.out.windows(2) {
            assert!(pair[0].dts < pair[1].dts && pair[0].wall <= pair[1].wall, "{pair:?}");
        }
    }
}

#[test]
fn frames_flow_from_the_first_key_frame_on() {
    let mut v = Video::new();
    for nal in [P, P, IDR, P, P] {
        v.frame(nal);
    }
    assert_eq!((v.out.len(), v.demux.counters.before_key_frame), (3, 2));
    assert!(v.out[0].is_key_frame() && v.out[0].discontinuity && !v.out[1].discontinuity);
    v.check_order();
}

#[test]
fn without_key_frames_patience_ends() {
    let mut v = Video::new();
    for _ in 0..300 {
        v.frame(P);
    }
    assert!((45..=50).contains(&v.out.len()), "{} of 300 frames in 12 s", v.out.len());
    assert!(v.out[0].discontinuity && !v.out[1].discontinuity);
}

#[test]
fn gaps_jumps_and_changes_of_source_are_marked_and_counted_and_end_nothing() {
    let mut v = Video::new();
    for _ in 0..3 {
        v.frame(IDR);
    }
    v.header.sequence = v.header.sequence.wrapping_add(5);
    v.frame(IDR);
    assert!(v.out[3].discontinuity, "five packets are missing");
    v.header.timestamp = v.header.timestamp.wrapping_sub(90_000 * 3600);
    v.frame(IDR);
    assert!(v.out[4].discontinuity, "an hour back");
    v.header.ssrc = 8;
    v.header.sequence = v.header.sequence.wrapping_add(20_000);
    v.frame(IDR);
    assert!(v.out[5].discontinuity, "a new sequence");
    v.frame(IDR);
    assert!(!v.out[6].discontinuity);
    v.check_order();
    let track = v.demux.video().unwrap();
    assert_eq!(
        (track.counters.time_jumps, track.counters.ssrc_changes, track.sequence_restarts()),
        (1, 1, 1)
    );
    assert_eq!(track.packets_lost(), 5);
}

#[test]
fn camera_time_comes_with_the_first_sender_report() {
    let mut v = Video::new();
    v.frame(IDR);
    assert_eq!(v.out[0].camera_time, None);
    let camera = WallTime::from_millis(500_000);
    let report = SenderReport {
        ssrc: 7,
        ntp: camera.to_ntp(),
        rtp_timestamp: v.header.timestamp,
        ..Default::default()
    };
    let mut packet = Vec::new();
    rtcp::push_sender_report(&report, &[], &mut packet);
    let now = v.now();
    v.demux.interleaved(1, &packet, now, &mut v.out);
    v.frame(P);
    v.frame(P);
    assert_eq!(v.out[1].camera_time.unwrap().as_millis(), 500_000);
    assert_eq!(v.out[2].camera_time.unwrap().as_millis(), 500_040);
}

#[test]
fn a_report_before_the_first_frame_is_kept_for_it() {
    let mut v = Video::new();
    let report = SenderReport {
        ssrc: 7,
        ntp: WallTime::from_millis(500_000).to_ntp(),
        rtp_timestamp: v.header.timestamp,
        ..Default::default()
    };
    let mut packet = Vec::new();
    rtcp::push_sender_report(&report, &[], &mut packet);
    let now = v.now();
    // Sent on the channel of RTP, as some do.
    v.demux.interleaved(0, &packet, now, &mut v.out);
    v.frame(IDR);
    assert_eq!(v.out[0].camera_time.unwrap().as_millis(), 500_000);
}

#[test]
fn receiver_reports_name_the_source_and_its_last_report() {
    let mut v = Video::new();
    assert!(v.demux.reports(Duration::from_secs(5)).is_empty(), "nothing has come, nothing is said");
    v.frame(IDR);
    let reports = v.demux.reports(Duration::from_secs(10));
    let [(0, packet)] = reports.as_slice() else { panic!("{reports:?}") };
    let Some(Ok(Rtcp::ReceiverReport { ssrc: 1, mut blocks })) = rtcp::parse(packet).next() else { panic!() };
    assert_eq!(blocks.next().unwrap().ssrc, 7);
    assert!(v.demux.reports(Duration::from_secs(14)).is_empty());
}

#[test]
fn another_payload_type_is_taken_only_while_the_described_one_is_absent() {
    let mut v = Video::new();
    v.header.payload_type = 97;
    v.frame(IDR);
    v.frame(P);
    assert_eq!(v.out.len(), 2, "97 was sent where 96 was described");
    v.header.payload_type = 96;
    v.frame(P);
    v.header.payload_type = 97;
    v.frame(P);
    assert_eq!(v.out.len(), 3);
    assert_eq!(v.demux.video().unwrap().counters.other_payload_types, 1);
}

#[test]
fn header_extensions_reach_the_hook() {
    #[derive(Default)]
    struct Seen(Mutex<Vec<(TrackKind, u16, Vec<u8>)>>);
    impl PacketHook for Seen {
        fn extension(&self, track: TrackKind, packet: &Packet<'_>) {
            let (profile, content) = packet.extension.unwrap();
            self.0.lock().push((track, profile, content.to_vec()));
        }
    }
    let seen = Arc::new(Seen::default());
    let mut demux = demux(Some(Arc::clone(&seen) as _));
    let mut packet = Vec::new();
    let header = Header { marker: true, payload_type: 96, ..Header::default() };
    header.encode_with_extension(0xabac, &[1, 2, 3, 4], &mut packet);
    packet.extend_from_slice(IDR);
    let now = Instant { wall: WallTime(0), monotonic: Duration::ZERO };
    demux.interleaved(0, &packet, now, &mut Vec::new());
    assert_eq!(*seen.0.lock(), [(TrackKind::Video, 0xabac, vec![1, 2, 3, 4])]);
}

proptest! {
    /// Any bytes on any channel: no panic, order kept, nothing grows.
    #[test]
    fn any_packets_keep_the_order(
        packets in prop::collection::vec(
            (0u8..6, any::<bool>(), 96u8..98, any::<u16>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..60), 0u64..3000),
            1..200,
        ),
    ) {
        let mut demux = demux(None);
        let mut out = Vec::new();
        let mut millis = 0;
        for (channel, marker, payload_type, sequence, timestamp, payload, wait) in packets {
            millis += wait;
            let header = Header { marker, payload_type, sequence: sequence % 64, timestamp, ssrc: u32::from(sequence) };
            let now = Instant { wall: WallTime::from_millis(millis as i64), monotonic: Duration::from_millis(millis) };
            let bytes = if channel == 5 { payload } else { [&header.encode()[..], &payload].concat() };
            demux.interleaved(channel, &bytes, now, &mut out);
            demux.settle(now.monotonic, &mut out);
            let _ = demux.reports(now.monotonic);
        }
        for kind in [TrackKind::Video, TrackKind::Audio] {
            let track: Vec<_> = out.iter().filter(|u| u.track() == kind).collect();
            for pair in track.windows(2) {
                prop_assert!(pair[0].dts < pair[1].dts && pair[1].pts >= pair[1].dts);
                prop_assert!(pair[0].wall <= pair[1].wall || pair[1].discontinuity);
            }
        }
    }
}
