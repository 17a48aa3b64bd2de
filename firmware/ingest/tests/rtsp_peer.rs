//! Against an RTSP server that nobody here wrote: GStreamer's, by way of `rtsp_peer.py`. Skipped, with words, where
//! that is not installed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use heron_core::{
    AccessUnit, CameraId, FailureReason, StreamKey, StreamKind, StreamState, SystemClock, TrackKind,
    VideoCodec,
};
use heron_hub::{Hub, HubConfig, PinnedReader, StreamHub};
use heron_ingest::{
    ChannelObserver, Ingest, IngestConfig, Notice, ProbeReport, StreamSpec, TlsPolicy, TransportChoice,
};
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Long enough for a machine with ten other things to do; nothing here asserts how long anything took.
const PATIENCE: Duration = Duration::from_secs(60);

struct Peer {
    child: Child,
    port: u16,
}

impl Peer {
    /// Starts the server, or says why it does not.
    fn start(tls: Option<(&Path, &Path)>) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rtsp_peer.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some((certificate, key)) = tls {
            command.args([certificate, key]);
        }
        let mut child = command.spawn().ok()?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take()?).read_line(&mut line);
        match line.trim().parse() {
            Ok(port) => Some(Self { child, port }),
            Err(_) => {
                let _ = child.wait();
                println!(
                    "skipped: GStreamer's RTSP server is not installed (python3-gi, gir1.2-gst-rtsp-server-1.0)"
                );
                None
            }
        }
    }
    fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.port)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct House {
    hub: Arc<Hub>,
    ingest: Ingest,
    notices: mpsc::Receiver<Notice>,
}

fn house() -> House {
    let hub = Hub::new(HubConfig::default());
    let (observer, notices) = ChannelObserver::new(1024);
    let ingest =
        Ingest::start(IngestConfig::default(), Arc::clone(&hub), Arc::new(SystemClock), observer).unwrap();
    House { hub, ingest, notices }
}

fn key() -> StreamKey {
    StreamKey::new(CameraId::generate(), StreamKind::Main)
}

/// Waits until `done` says so.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "gave up waiting for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads until `frames` video units have come.
fn take(reader: &mut PinnedReader<AccessUnit>, frames: usize) -> Vec<Arc<AccessUnit>> {
    let mut units = Vec::new();
    until("video", || {
        assert_eq!(reader.drain(&mut units, 1000).overrun, None);
        units.iter().filter(|u| u.track() == TrackKind::Video).count() >= frames
    });
    units
}

fn check_order(units: &[Arc<AccessUnit>]) {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let track: Vec<_> = units.iter().filter(|u| u.track() == kind).collect();
        assert!(track.len() > 10, "{kind:?}: {}", track.len());
        for pair in track.windows(2) {
            assert!(pair[0].dts < pair[1].dts, "{kind:?} decoding times go back");
            assert!(pair[0].wall <= pair[1].wall, "{kind:?} wall times go back");
            assert!(pair[0].arrival <= pair[1].arrival);
            assert!(!pair[1].discontinuity, "{kind:?} is torn");
        }
        assert!(track[0].discontinuity, "a connection's first unit follows nothing");
        let last = track.last().unwrap();
        let camera = last.camera_time.expect("a sender report has come");
        assert!(camera.nanos_since(last.arrival).abs() < 5_000_000_000, "{camera} {}", last.arrival);
    }
}

/// How far sound lies from the pictures of the same instant in the recording, by the sender's own clock: milliseconds.
fn sound_apart(units: &[Arc<AccessUnit>]) -> Option<i64> {
    let off = |kind| {
        let unit = units.iter().rfind(|u| u.track() == kind && u.pts == u.dts)?;
        Some(unit.wall.nanos_since(unit.camera_time?))
    };
    Some((off(TrackKind::Audio)? - off(TrackKind::Video)?) / 1_000_000)
}

fn records(transport: TransportChoice, name: &str) {
    let Some(peer) = Peer::start(None) else { return };
    let House { hub, ingest, mut notices } = house();
    let key = key();
    let stream = hub.stream(key);
    let mut reader = stream.pinned_reader();
    ingest.add_stream(StreamSpec::new(key, peer.url("h264")).transport(transport)).unwrap();
    let mut units = take(&mut reader, 60);
    assert!(units[0].is_key_frame(), "it begins with a key frame");
    let has_report = |units: &[Arc<AccessUnit>]| {
        [TrackKind::Video, TrackKind::Audio]
            .iter()
            .all(|kind| units.iter().rfind(|u| u.track() == *kind).is_some_and(|u| u.camera_time.is_some()))
    };
    until("sender reports of both tracks", || {
        reader.drain(&mut units, 1000);
        has_report(&units)
    });
    check_order(&units);
    let video = units[0].format.video().unwrap().clone();
    assert_eq!((video.codec, video.width, video.height), (VideoCodec::H264, 320, 240));
    assert!(matches!(notices.try_recv(), Ok(Notice::Online { .. })));
    until("statistics", || {
        ingest.statistics(key).is_some_and(|r| r.link.frame_rate > 15.0 && r.link.gop_ms.is_some())
    });
    let report = ingest.statistics(key).unwrap();
    assert!(matches!(report.state, StreamState::Online { .. }));
    assert_eq!((report.transport, report.link.gop_frames), (Some(name), Some(25)));
    assert_eq!((report.link.packets_lost, report.counters.malformed_packets), (0, 0));
    assert_eq!(report.formats.len(), 2);

    // A viewer changes the pace; nothing is torn by it.
    let viewer = stream.viewer();
    units.extend(take(&mut reader, 30));
    drop(viewer);
    units.extend(take(&mut reader, 30));
    check_order(&units);
    until("sound beside its pictures", || {
        reader.drain(&mut units, 1000);
        let apart = sound_apart(&units).unwrap_or(i64::MAX);
        println!("sound is {apart} ms from its pictures");
        apart.abs() <= 30
    });

    assert!(ingest.remove_stream(key) && !ingest.remove_stream(key));
    until("the end", || reader.drain(&mut units, 1000).closed);
    ingest.stop();
}

#[test]
fn h264_and_audio_over_tcp() {
    records(TransportChoice::Auto, "tcp");
}

#[test]
fn h264_and_audio_over_udp() {
    records(TransportChoice::Udp, "udp");
}

async fn probe(ingest: &Ingest, spec: StreamSpec) -> ProbeReport {
    ingest.probe(spec, PATIENCE).await.unwrap()
}

#[tokio::test]
async fn the_test_button_tells_codecs_and_rates() {
    let Some(peer) = Peer::start(None) else { return };
    let House { ingest, .. } = house();
    for (path, codec, audio) in [
        ("h264", VideoCodec::H264, true),
        ("h265", VideoCodec::H265, false),
        ("mjpeg", VideoCodec::Mjpeg, true),
    ] {
        let report = probe(&ingest, StreamSpec::new(key(), peer.url(path))).await;
        assert_eq!(report.failure, None, "{path}");
        let video = report.formats[0].video().unwrap();
        assert_eq!((video.codec, video.width, video.height), (codec, 320, 240), "{path}");
        assert!(report.key_frame.is_some_and(|k| k.is_key_frame() && k.payload.len() > 100));
        assert!(report.bit_rate.is_some_and(|b| b.0 > 10_000) && report.frame_rate.is_some_and(|f| f > 10.0));
        assert_eq!(report.formats.len(), if audio { 2 } else { 1 }, "{path}");
        assert!(report.tracks.iter().all(|t| t.received), "{path}: {:?}", report.tracks);
    }
    let report = probe(&ingest, StreamSpec::new(key(), peer.url("nowhere"))).await;
    let failure = report.failure.unwrap();
    assert_eq!(failure.reason, FailureReason::NotFound, "{failure:?}");
}

#[tokio::test]
async fn digest_passwords_are_answered_and_wrong_ones_told() {
    let Some(peer) = Peer::start(None) else { return };
    let House { ingest, .. } = house();
    let locked = || StreamSpec::new(key(), peer.url("locked/h264"));
    for transport in [TransportChoice::Tcp, TransportChoice::Udp] {
        let report = probe(&ingest, locked().credentials("ann", "secret").transport(transport)).await;
        assert_eq!(report.failure, None, "{transport:?}");
    }
    for spec in [locked().credentials("ann", "nope"), locked()] {
        let failure = probe(&ingest, spec).await.failure.unwrap();
        assert_eq!(failure.reason, FailureReason::WrongPassword, "{failure:?}");
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn tls_takes_self_signed_certificates_and_pins_them() {
    let made = rcgen::generate_simple_self_signed(vec!["camera.local".to_owned()]).unwrap();
    let folder = Folder(std::env::temp_dir().join(format!("heron-tls-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).unwrap();
    let (certificate, private) = (folder.0.join("cert.pem"), folder.0.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&private, made.signing_key.serialize_pem()).unwrap();
    let Some(peer) = Peer::start(Some((&certificate, &private))) else { return };
    let House { ingest, .. } = house();
    let spec = |tls| {
        let mut spec = StreamSpec::new(key(), peer.url("h264").replace("rtsp://", "rtsps://"));
        spec.tls = tls;
        spec
    };
    let fingerprint: [u8; 32] = Sha256::digest(made.cert.der()).into();
    let shown = fingerprint.map(|b| format!("{b:02X}")).join(":");
    for tls in [TlsPolicy::Any, TlsPolicy::Fingerprint(fingerprint)] {
        let report = probe(&ingest, spec(tls)).await;
        assert_eq!(report.failure, None, "{tls:?}");
        assert_eq!((report.transport, report.fingerprint.as_deref()), (Some("tls"), Some(shown.as_str())));
        assert_eq!(report.formats.len(), 2);
    }
    let failure = probe(&ingest, spec(TlsPolicy::Fingerprint([7; 32]))).await.failure.unwrap();
    assert_eq!(failure.reason, FailureReason::Tls, "{failure:?}");
    assert!(failure.detail.contains("not the one that was accepted before"), "{}", failure.detail);
}

/// A stream that ends by itself is connected anew.
#[test]
fn a_server_that_goes_away_is_lost_and_tried_again() {
    let Some(peer) = Peer::start(None) else { return };
    let House { hub, ingest, mut notices } = house();
    let key = key();
    let stream: Arc<StreamHub> = hub.stream(key);
    let mut reader = stream.pinned_reader();
    ingest.add_stream(StreamSpec::new(key, peer.url("h264"))).unwrap();
    take(&mut reader, 5);
    drop(peer);
    let mut seen = Vec::new();
    until("the loss and a failed try", || {
        while let Ok(notice) = notices.try_recv() {
            seen.push(notice);
        }
        seen.iter().any(|n| matches!(n, Notice::AttemptFailed { .. }))
    });
    let [Notice::Online { .. }, Notice::Lost { .. }, Notice::AttemptFailed { failure, .. }, ..] =
        seen.as_slice()
    else {
        panic!("{seen:?}")
    };
    assert_eq!(failure.reason, FailureReason::Refused, "{failure:?}");
    let StreamState::Connecting { last_failure: Some(_), .. } = ingest.statistics(key).unwrap().state else {
        panic!("{:?}", ingest.statistics(key))
    };
}
