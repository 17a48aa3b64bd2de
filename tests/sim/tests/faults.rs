//! Each fault, as a client sees it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Came, Client, http, until};
use heron_core::{StreamKind, WallTime};
use heron_media::rtcp::{self, Rtcp, SenderReport};
use heron_media::rtsp::Method;
use heron_sim::faults::{Garbage, Refuse, Stall};
use heron_sim::{Audio, Auth, Faults, SimConfig, Simulator, footage};
use std::net::UdpSocket;

const SUB: StreamKind = StreamKind::Sub;

/// Drawn cameras with a short GOP, so that tests need not wait long for key frames.
fn drawn() -> SimConfig {
    SimConfig { gop_seconds: 0.5, audio: Audio::None, ..SimConfig::default() }
}

fn start(config: SimConfig) -> Simulator {
    Simulator::start(config).unwrap()
}

/// Reads video packets to the end of the first picture for which something holds.
fn until_packet(client: &mut Client, what: &str, mut so: impl FnMut(&common::Received) -> bool) {
    for _ in 0..5000 {
        if so(&client.video()) {
            return;
        }
    }
    panic!("never came: {what}");
}

#[test]
fn a_dropped_connection_is_reset_and_the_next_one_plays() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    client.video();
    sim.faults(1).drop_connections();
    let reset = loop {
        if let Came::End { reset } = client.next() {
            break reset;
        }
    };
    assert!(reset, "a drop is a reset");
    until("the session to be gone", || sim.counters(1, SUB).playing == 0);
    assert_eq!(Client::playing(&sim.rtsp_url(1, SUB)).video().nal_type(), 7);
    assert_eq!(sim.counters(1, SUB).sessions, 2);
}

#[test]
fn a_stall_is_silence_and_goes_on_with_a_key_frame() {
    let sim = start(drawn());
    let url = sim.rtsp_url(1, SUB);
    let mut client = Client::playing(&url);
    client.video();
    sim.faults(1).set(Faults { stall: Some(Stall::default()), ..Faults::default() }).unwrap();
    until("frames to be withheld", || sim.counters(1, SUB).video.frames_withheld >= 2);
    let sent = sim.counters(1, SUB).video.packets;
    until("more frames to be withheld", || sim.counters(1, SUB).video.frames_withheld >= 8);
    assert_eq!(sim.counters(1, SUB).video.packets, sent, "nothing is sent in a stall");
    client.send(Method::GetParameter, "", &[]);
    sim.faults(1).clear();
    // What had been sent before the stall comes first, then a key frame without a gap in the numbers.
    let mut last = None;
    until_packet(&mut client, "a key frame", |p| {
        let follows = last.is_none_or(|l: u16| l.wrapping_add(1) == p.sequence);
        assert!(follows, "{last:?} then {}", p.sequence);
        last = Some(p.sequence);
        sim.counters(1, SUB).video.packets > sent && p.nal_type() == 7
    });
}

#[test]
fn a_stall_that_answers_keeps_the_conversation_alive() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    client.video();
    let stall = Some(Stall { seconds: None, answers: true });
    sim.faults(1).set(Faults { stall, ..Faults::default() }).unwrap();
    assert_eq!(client.ask(Method::GetParameter, "", &[]).unwrap().status, 200);
}

#[test]
fn refusals_reset_or_answer_as_asked() {
    let sim = start(SimConfig { cameras: 2, ..drawn() });
    sim.faults(1).set(Faults { refuse: Some(Refuse::default()), ..Faults::default() }).unwrap();
    assert!(Client::connect(&sim.rtsp_url(1, SUB)).ask(Method::Describe, "", &[]).is_none());
    let busy = Some(Refuse { status: Some(453) });
    sim.faults(1).set(Faults { refuse: busy, ..Faults::default() }).unwrap();
    assert_eq!(Client::connect(&sim.rtsp_url(1, SUB)).describe().0, 453);
    assert_eq!(Client::connect(&sim.rtsp_url(2, SUB)).describe().0, 200, "the other camera is well");
}

#[test]
fn what_is_not_there_is_said_so() {
    let sim = start(drawn());
    let base = format!("rtsp://{}", sim.rtsp());
    for path in ["", "/", "/cam0/main", "/cam2/main", "/cam1/third", "/camé/main", "/cam1/main/trackID=x"] {
        assert_eq!(Client::connect(&format!("{base}{path}")).describe().0, 404, "{path}");
    }
    let mut client = Client::connect(&sim.rtsp_url(1, SUB));
    let tcp = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
    assert_eq!(client.ask(Method::Setup, "/trackID=1", &tcp).unwrap().status, 404, "sub has no sound");
    let multicast = [("Transport", "RTP/AVP;multicast;port=5000-5001")];
    assert_eq!(client.ask(Method::Setup, "/trackID=0", &multicast).unwrap().status, 461);
    assert_eq!(client.ask(Method::Play, "", &[]).unwrap().status, 454);
    assert_eq!(client.ask(Method::Record, "", &[]).unwrap().status, 454);
}

#[test]
fn a_pause_is_a_pause_and_the_numbers_go_on() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    client.video();
    assert_eq!(client.ask(Method::Pause, "", &[]).unwrap().status, 200);
    let sent = sim.counters(1, SUB).video.sessions[0];
    let info = client.play();
    let next = (sent.last_sequence + 1) as u16;
    assert!(info.contains(&format!("seq={next};")), "{info} after {sent:?}");
    let first = client.video();
    assert_eq!((first.sequence, first.nal_type()), (next, 7));
    assert!((first.timestamp.wrapping_sub(sent.last_timestamp) as i32) > 0);
}

#[test]
fn passwords_are_asked_for_and_can_be_made_wrong() {
    for auth in [Auth::Basic, Auth::DigestMd5, Auth::DigestSha256] {
        let sim = start(SimConfig { auth, ..drawn() });
        let url = sim.rtsp_url(1, SUB);
        assert_eq!(Client::connect(&url).describe().0, 401, "{auth:?}");
        assert_eq!(Client::with_password(&url, Some("wrong")).describe().0, 401, "{auth:?}");
        assert_eq!(Client::with_password(&url, Some("heron")).describe().0, 200, "{auth:?}");
        sim.faults(1).set(Faults { reject_credentials: true, ..Faults::default() }).unwrap();
        assert_eq!(Client::with_password(&url, Some("heron")).describe().0, 401, "{auth:?}");
        sim.faults(1).clear();
        assert_eq!(Client::with_password(&url, Some("heron")).describe().0, 200, "{auth:?}");
        assert_eq!(sim.counters(1, SUB).unauthorized, 2 + 2 + 1 + 2 + 1, "{auth:?}");
    }
}

#[test]
fn sequence_gaps_and_timestamp_jumps_are_exact() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    let mut last = client.video();
    sim.faults(1).sequence_gap(1000);
    until_packet(&mut client, "a gap", |p| {
        let step = p.sequence.wrapping_sub(last.sequence);
        last = p.clone();
        assert!(matches!(step, 1 | 1001), "a step of {step}");
        step == 1001
    });
    let mut last = client.video();
    sim.faults(1).timestamp_jump(-60_000);
    until_packet(&mut client, "a jump", |p| {
        let step = p.timestamp.wrapping_sub(last.timestamp) as i32;
        last = p.clone();
        // Frames are 9000 ticks apart, some left out when the machine is busy.
        step < -5_000_000 && (step + 60 * 90_000) % 9000 == 0
    });
}

/// The next sender report.
fn sender_report(client: &mut Client) -> SenderReport {
    loop {
        if let Came::Rtcp(bytes) = client.next() {
            for part in rtcp::parse(&bytes) {
                if let Rtcp::SenderReport(report, _) = part.unwrap() {
                    return report;
                }
            }
        }
    }
}

/// The camera's wall clock, by a sender report, when its timestamps were at `timestamp`.
fn wall_at(report: &SenderReport, timestamp: u32) -> WallTime {
    let ticks = i64::from(timestamp.wrapping_sub(report.rtp_timestamp) as i32);
    WallTime::from_ntp(report.ntp).plus_nanos(ticks * 100_000 / 9)
}

#[test]
fn sender_reports_tell_true_time_and_follow_a_clock_jump() {
    let config = SimConfig { clock_offset_millis: 7000, ..drawn() };
    let sim = start(config);
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    let first = sender_report(&mut client);
    let key = sim.counters(1, SUB).video.key_frame_times.front().copied();
    until("a key frame", || !sim.counters(1, SUB).video.key_frame_times.is_empty());
    let key = key.unwrap_or_else(|| sim.counters(1, SUB).video.key_frame_times[0]);
    let apart = wall_at(&first, key.timestamp).nanos_since(key.camera_time).abs();
    assert!(apart < 100_000, "report and counters differ by {apart} ns");
    let ahead = key.camera_time.nanos_since(key.sent);
    assert!(
        ahead <= 7_000_000_000,
        "the camera is 7 s ahead, and a frame is drawn before it is sent: {ahead}"
    );
    sim.faults(1).clock_jump(-3_600_000);
    let jump = loop {
        let report = sender_report(&mut client);
        let jump = wall_at(&report, first.rtp_timestamp).nanos_since(WallTime::from_ntp(first.ntp));
        if jump.abs() > 1_000_000_000 {
            break jump;
        }
    };
    assert!((jump + 3_600_000_000_000).abs() < 100_000, "{jump}");
}

#[test]
fn drift_bends_timestamps_and_wall_clock_alike() {
    let sim = start(drawn());
    sim.faults(1).set(Faults { drift_ppm: 100_000.0, ..Faults::default() }).unwrap();
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    let (a, b) = (sender_report(&mut client), sender_report(&mut client));
    let counted = f64::from(b.rtp_timestamp.wrapping_sub(a.rtp_timestamp)) / 90_000.0;
    let ntp = WallTime::from_ntp(b.ntp).nanos_since(WallTime::from_ntp(a.ntp)) as f64 / 1e9;
    assert!((counted - ntp).abs() < 0.001, "{counted} s of timestamps, {ntp} s of wall clock");
    assert!(counted >= 1.1, "a machine's second between reports is 1.1 of the camera's, not {counted}");
}

#[test]
fn parameter_sets_and_size_change_mid_stream() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    let sps = |p: &common::Received| {
        let length = usize::from(u16::from_be_bytes([p.payload[1], p.payload[2]]));
        p.payload[3..3 + length].to_vec()
    };
    let first = client.video();
    assert_eq!((first.payload[0] & 0x1f, first.nal_type()), (24, 7), "SPS and PPS come as one aggregate");
    let before = sps(&first);
    sim.faults(1).set(Faults { parameter_sets: 1, ..Faults::default() }).unwrap();
    let mut main = Vec::new();
    until_packet(&mut client, "other parameter sets", |p| {
        main = if p.nal_type() == 7 { sps(p) } else { return false };
        main != before
    });
    assert_eq!((before[1], main[1]), (66, 77), "Baseline, then Main profile");
    sim.faults(1).change(|f| f.sub_size = Some((800, 448))).unwrap();
    until_packet(&mut client, "another size", |p| {
        let now = if p.nal_type() == 7 { sps(p) } else { return false };
        let format = heron_media::h264::video_format(&[now.into()], &[vec![0x68, 0xce, 0x38, 0x80].into()]);
        let format = format.unwrap();
        (format.width, format.height) == (800, 448)
    });
    // A new client is told of the new sets.
    assert_eq!(Client::connect(&sim.rtsp_url(1, SUB)).describe().0, 200);
}

#[test]
fn an_endless_gop_has_no_key_frames() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    sim.faults(1).set(Faults { endless_gop: true, ..Faults::default() }).unwrap();
    // The encoder starts anew with one last key frame.
    until("the change", || sim.counters(1, SUB).video.frames >= 12);
    let keys = sim.counters(1, SUB).video.key_frames;
    until("three GOPs", || sim.counters(1, SUB).video.frames >= 30);
    assert_eq!(sim.counters(1, SUB).video.key_frames, keys);
    client.video();
}

#[test]
fn a_burst_is_filler_after_each_picture() {
    let sim = start(drawn());
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    sim.faults(1).set(Faults { bit_rate_factor: Some(10.0), ..Faults::default() }).unwrap();
    until_packet(&mut client, "filler", |p| p.nal_type() == 12);
    let (mut picture, mut filler) = (0, 0);
    for _ in 0..20 {
        loop {
            let p = client.video();
            if p.nal_type() == 12 {
                filler += p.payload.len()
            } else {
                picture += p.payload.len()
            }
            if p.marker {
                assert_eq!(p.nal_type(), 12, "the picture ends with the last filler");
                break;
            }
        }
    }
    assert!(filler >= picture * 8, "{filler} bytes of filler, {picture} of pictures");
}

#[test]
fn garbage_lies_between_packets_and_the_packets_are_whole() {
    let sim = start(drawn());
    let garbage = Some(Garbage { bytes: 37, every_packets: 3 });
    sim.faults(1).set(Faults { garbage, ..Faults::default() }).unwrap();
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    let (mut noise, mut last) = (0, None);
    while noise < 20 * 37 {
        match client.next() {
            Came::Garbage(skipped) => noise += skipped,
            Came::Rtp(p) => {
                let follows = last.is_none_or(|l: u16| l.wrapping_add(1) == p.sequence);
                assert!(follows, "{last:?} then {}", p.sequence);
                last = Some(p.sequence);
            }
            Came::End { .. } => panic!("the connection ended"),
            _ => {}
        }
    }
}

#[test]
fn losses_and_disorder_over_udp_are_the_same_for_the_same_seed() {
    let Some(film) = footage::file("person_main_1080p20_h264.mp4") else { return };
    let faults = Faults { udp_loss: 0.1, udp_reorder: 0.1, ..Faults::default() };
    let observe = |seed| {
        let sim = start(SimConfig { footage: vec![film.clone()], seed, ..SimConfig::default() });
        sim.faults(1).set(faults.clone()).unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(common::PATIENCE)).unwrap();
        let port = socket.local_addr().unwrap().port();
        let mut client = Client::connect(&sim.rtsp_url(1, SUB));
        assert_eq!(client.describe().0, 200);
        let answer =
            client.set_up(0, &format!("RTP/AVP;unicast;client_port={port}-{}", port.wrapping_add(1)));
        assert!(answer.contains("server_port="), "{answer}");
        client.play();
        let mut packet = [0; 2000];
        let sequences: Vec<u16> = (0..120)
            .map(|_| {
                socket.recv(&mut packet).unwrap();
                u16::from_be_bytes([packet[2], packet[3]])
            })
            .collect();
        let counters = sim.counters(1, SUB).video;
        assert!(counters.packets_lost > 0 && counters.packets_reordered > 0);
        sequences
    };
    let first = observe(5);
    assert_eq!(first, observe(5));
    assert_ne!(first, observe(6));
    let swaps = first.windows(2).filter(|p| (p[1].wrapping_sub(p[0]) as i16) < 0).count();
    let mut sorted: Vec<u16> = first.iter().map(|s| s.wrapping_sub(first[0])).collect();
    sorted.sort_unstable();
    let gaps = sorted.windows(2).filter(|p| p[1] - p[0] > 1).count();
    assert!(swaps > 0 && gaps > 0, "{swaps} swaps, {gaps} gaps");
}

#[test]
fn a_trickle_makes_the_camera_throw_frames_away_and_says_so_in_the_numbers() {
    let Some(film) = footage::file("person_main_1080p20_h264.mp4") else { return };
    let sim = start(SimConfig { footage: vec![film], ..SimConfig::default() });
    let url = sim.rtsp_url(1, SUB);
    sim.faults(1).set(Faults { trickle_bytes_per_second: Some(20_000), ..Faults::default() }).unwrap();
    let mut client = Client::playing(&url);
    until("frames to be dropped", || sim.counters(1, SUB).video.frames_dropped > 3);
    sim.faults(1).clear();
    let mut last = client.video().sequence;
    until_packet(&mut client, "a gap where frames are missing", |p| {
        let step = p.sequence.wrapping_sub(last);
        last = p.sequence;
        step > 1 && p.nal_type() == 7
    });
}

#[test]
fn a_silent_client_loses_its_session() {
    let sim = start(SimConfig { session_timeout_seconds: 1, ..drawn() });
    let mut client = Client::playing(&sim.rtsp_url(1, SUB));
    while !matches!(client.next(), Came::End { .. }) {}
    assert_eq!(sim.counters(1, SUB).playing, 0);
}

#[test]
fn the_control_api_sets_merges_clears_and_refuses() {
    let sim = start(SimConfig { control: Some(([127, 0, 0, 1], 0).into()), cameras: 2, ..drawn() });
    let api = sim.control().unwrap();
    let (status, list) = http(api, "GET", "/cameras", "");
    assert_eq!(status, 200);
    assert!(list.contains(&sim.rtsp_url(2, SUB)), "{list}");
    let (status, said) =
        http(api, "PATCH", "/cameras/2/faults", r#"{"udp_loss": 0.25, "stall": {"seconds": 9}}"#);
    assert_eq!(status, 200, "{said}");
    assert_eq!(http(api, "PATCH", "/cameras/2/faults", r#"{"stall": null, "endless_gop": true}"#).0, 200);
    assert_eq!(sim.faults(2).get(), Faults { udp_loss: 0.25, endless_gop: true, ..Faults::default() });
    assert_eq!(sim.faults(1).get(), Faults::default());
    for (method, path, body, status, words) in [
        ("PATCH", "/cameras/2/faults", r#"{"udp_loss": 7}"#, 400, "udp_loss is 7"),
        ("PATCH", "/cameras/2/faults", r#"{"tea": 1}"#, 400, "tea"),
        ("PUT", "/cameras/2/faults", "{", 400, "JSON"),
        ("GET", "/cameras/3/faults", "", 404, "they are 1 to 2"),
        ("POST", "/cameras/2/sequence-gap", r#"{"packets": 70000}"#, 400, "u16"),
    ] {
        let (got, said) = http(api, method, path, body);
        assert!(got == status && said.contains(words), "{method} {path} {body}: {got} {said}");
    }
    assert_eq!(http(api, "DELETE", "/cameras/2/faults", "").0, 204);
    assert_eq!(sim.faults(2).get(), Faults::default());
    let mut client = Client::playing(&sim.rtsp_url(2, SUB));
    client.video();
    assert_eq!(http(api, "POST", "/cameras/2/clock-jump", r#"{"milliseconds": 5}"#).0, 204);
    assert_eq!(http(api, "POST", "/cameras/2/timestamp-jump", r#"{"milliseconds": 5}"#).0, 204);
    let (_, counters) = http(api, "GET", "/cameras/2/counters", "");
    assert!(counters.contains("\"playing\":1"), "{counters}");
    assert_eq!(http(api, "POST", "/cameras/2/drop", "").0, 204);
    while !matches!(client.next(), Came::End { .. }) {}
}
