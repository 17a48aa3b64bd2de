//! Access units for the tests: invented ones and real footage.
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect should panic")]
#![allow(dead_code, reason = "every test file uses its own part")]

use bytes::Bytes;
use heron_core::{
    AccessUnit, AudioCodec, AudioFormat, CameraId, MediaTime, StreamKey, StreamKind, SystemClock,
    TrackFormat, TrackKind, VideoCodec, VideoFormat, WallTime,
};
use heron_hub::{Hub, HubConfig};
use heron_live::{Live, LiveMessage, Viewer};
use heron_media::mp4::scan::{samples, scan};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const NOW: WallTime = WallTime::from_millis(1_795_167_857_123);

pub(crate) fn key() -> StreamKey {
    StreamKey::new(CameraId::generate(), StreamKind::Main)
}

/// A hub with one stream, and live view over it.
pub(crate) struct House {
    pub(crate) hub: Arc<Hub>,
    pub(crate) key: StreamKey,
    pub(crate) live: Arc<Live>,
}

impl House {
    pub(crate) fn new() -> Self {
        let hub = Hub::new(HubConfig::default());
        let key = key();
        hub.stream(key);
        Self { live: Live::new(hub.clone(), Arc::new(SystemClock)), hub, key }
    }
    pub(crate) fn push(&self, units: impl IntoIterator<Item = AccessUnit>) {
        let units: Vec<_> = units.into_iter().map(Arc::new).collect();
        self.hub.stream(self.key).push_batch(&units);
    }
    pub(crate) fn join(&self) -> Viewer {
        self.live.join(self.key).unwrap()
    }
}

/// Everything the viewer gets until nothing comes any more.
pub(crate) async fn all(viewer: &mut Viewer) -> Vec<LiveMessage> {
    let mut out = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_millis(300), viewer.next()).await {
            Ok(message) => out.push(message),
            Err(_) => return out,
        }
    }
}

/// The bytes of init segments and fragments, as a browser would append them.
pub(crate) fn bytes_of(messages: &[LiveMessage]) -> Vec<u8> {
    let mut out = Vec::new();
    for message in messages {
        if let LiveMessage::Init(bytes) | LiveMessage::Fragment(bytes) = message {
            out.extend_from_slice(bytes);
        }
    }
    out
}

/// A plausible H.264 format; `level` makes one differ from another.
pub(crate) fn h264(level: u8) -> Arc<TrackFormat> {
    let sps = Bytes::from(vec![0x67, 0x64, 0x00, level, 0xac, 0xd9, 0x40, 0x50]);
    let pps = Bytes::from_static(&[0x68, 0xeb, 0xec, 0xb2, 0x2c]);
    let mut config = vec![1, 0x64, 0, level, 0xff, 0xe1, 0, sps.len() as u8];
    config.extend_from_slice(&sps);
    config.extend_from_slice(&[1, 0, pps.len() as u8]);
    config.extend_from_slice(&pps);
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::H264,
        width: 1920,
        height: 1080,
        rfc6381: format!("avc1.6400{level:02x}"),
        config: config.into(),
        parameter_sets: vec![sps, pps],
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: Some(25.0),
    }))
}

pub(crate) fn mjpeg() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Video(VideoFormat {
        codec: VideoCodec::Mjpeg,
        width: 640,
        height: 360,
        rfc6381: "mjpg".to_owned(),
        config: Bytes::new(),
        parameter_sets: Vec::new(),
        pixel_aspect: (1, 1),
        reorder_frames: None,
        nominal_fps: None,
    }))
}

/// AAC-LC, 16 kHz, mono.
pub(crate) fn aac() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(AudioFormat {
        codec: AudioCodec::Aac,
        sample_rate_hz: 16_000,
        channels: 1,
        config: Bytes::from_static(&[0x14, 0x08]),
        rfc6381: "mp4a.40.2".to_owned(),
    }))
}

pub(crate) fn g711() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(AudioFormat {
        codec: AudioCodec::G711a,
        sample_rate_hz: 8_000,
        channels: 1,
        config: Bytes::new(),
        rfc6381: "alaw".to_owned(),
    }))
}

/// A unit at `ticks` (90 kHz) with a payload of `size` bytes that begin with the number `n`.
pub(crate) fn unit(
    format: &Arc<TrackFormat>,
    n: u32,
    ticks: i64,
    size: usize,
    random_access: bool,
) -> AccessUnit {
    let mut payload = n.to_be_bytes().to_vec();
    payload.resize(size.max(4), 0x55);
    let audio_samples = match &**format {
        TrackFormat::Audio(a) if a.codec == AudioCodec::Aac => 1024,
        TrackFormat::Audio(_) => payload.len() as u32,
        _ => 0,
    };
    let wall = NOW.plus_nanos(MediaTime(ticks).as_nanos());
    AccessUnit {
        format: format.clone(),
        pts: MediaTime(ticks),
        dts: MediaTime(ticks),
        audio_samples,
        arrival: wall,
        camera_time: None,
        wall,
        random_access,
        discontinuity: false,
        payload: payload.into(),
    }
}

/// 25 frames per second from frame `from` to before frame `to`, a key frame every `gop`.
pub(crate) fn frames(
    format: &Arc<TrackFormat>,
    from: u32,
    to: u32,
    gop: u32,
    size: usize,
) -> Vec<AccessUnit> {
    (from..to).map(|n| unit(format, n, i64::from(n) * 3600, size, n % gop == 0)).collect()
}

/// Sound of `samples` samples per unit that covers the seconds `from` to `to`.
pub(crate) fn sound(format: &Arc<TrackFormat>, from: f64, to: f64) -> Vec<AccessUnit> {
    let audio = format.audio().unwrap();
    let samples = if audio.codec == AudioCodec::Aac { 1024 } else { 160 };
    let rate = f64::from(audio.sample_rate_hz);
    let (first, last) = ((from * rate) as i64 / samples, (to * rate) as i64 / samples);
    (first..last)
        .map(|n| {
            let ticks = MediaTime::from_rate(n * samples, audio.sample_rate_hz).0;
            unit(format, n as u32, ticks, samples as usize, true)
        })
        .collect()
}

/// In the order in which they would arrive.
pub(crate) fn mixed(mut units: Vec<AccessUnit>, more: Vec<AccessUnit>) -> Vec<AccessUnit> {
    units.extend(more);
    units.sort_by_key(|u| u.dts);
    units
}

/// A sample of a fragment on the players' time line: track, decoding time in the track's scale, duration, sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) track: TrackKind,
    pub(crate) dts: i64,
    pub(crate) duration: i64,
    pub(crate) sync: bool,
    pub(crate) size: u32,
}

/// What our own scanner finds in the bytes from the last init segment on.
pub(crate) fn seen(messages: &[LiveMessage]) -> Vec<Seen> {
    let start = messages.iter().rposition(|m| matches!(m, LiveMessage::Init(_))).unwrap();
    let bytes = bytes_of(&messages[start..]);
    let found = scan(bytes.as_slice());
    assert!(found.problem.is_none(), "{:?}", found.problem);
    let init = found.init.unwrap();
    let mut out = Vec::new();
    for fragment in &found.fragments {
        for track in samples(&init, fragment, &bytes[fragment.offset as usize..]).unwrap() {
            let mut dts = track.first_dts as i64;
            for s in track.samples {
                let duration = i64::from(s.duration);
                out.push(Seen { track: track.kind, dts, duration, sync: s.sync, size: s.size });
                dts += duration;
            }
        }
    }
    out
}

/// What Media Source Extensions demand of each track: no step back, no step longer than two durations.
pub(crate) fn assert_playable(seen: &[Seen]) {
    for kind in [TrackKind::Video, TrackKind::Audio] {
        let track: Vec<&Seen> = seen.iter().filter(|s| s.track == kind).collect();
        for pair in track.windows(2) {
            let step = pair[1].dts - pair[0].dts;
            assert!(step > 0 && step <= 2 * pair[0].duration, "{kind:?}: {:?} then {:?}", pair[0], pair[1]);
        }
    }
}

/// A file of the test footage; `None` (and a line that says so) when this machine has none.
pub(crate) fn footage(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HERON_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let path = folder.join("footage").join(name);
    if !path.is_file() {
        println!("skipped: no footage ({name})");
        return None;
    }
    Some(path)
}

/// Whether a program can be run here.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-version").output().is_ok();
    if !found {
        println!("skipped: no {program}");
    }
    found
}

/// The access units of the first ten seconds of a file, by way of ffmpeg's own fragmented MP4.
pub(crate) fn units_of(path: &Path) -> Vec<AccessUnit> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.mov");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-t", "10", "-i"]).arg(path).args(["-c", "copy"]);
    let is_g711 = path.to_string_lossy().contains("g711a");
    if is_g711 {
        command.arg("-an");
    }
    if path.to_string_lossy().contains("h265") {
        command.args(["-tag:v", "hvc1"]);
    }
    command.args(["-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f"]);
    command.arg(if path.to_string_lossy().contains("mjpeg") { "mov" } else { "mp4" }).arg(&out);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bytes = std::fs::read(&out).unwrap();
    let found = scan(bytes.as_slice());
    let init = found.init.unwrap();
    let mut units = Vec::new();
    for fragment in &found.fragments {
        let at = fragment.offset as usize;
        for track in samples(&init, fragment, &bytes[at..]).unwrap() {
            let of = init.track(track.kind).unwrap();
            let mut dts = track.first_dts as i64;
            for s in track.samples {
                let from = at + s.offset as usize;
                let ticks = MediaTime::from_rate(dts, of.timescale);
                units.push(AccessUnit {
                    format: of.spec.format.clone(),
                    pts: MediaTime::from_rate(dts + i64::from(s.cto), of.timescale),
                    dts: ticks,
                    audio_samples: if track.kind == TrackKind::Audio { s.duration } else { 0 },
                    arrival: NOW.plus_nanos(ticks.as_nanos()),
                    camera_time: None,
                    wall: NOW.plus_nanos(ticks.as_nanos()),
                    random_access: s.sync,
                    discontinuity: false,
                    payload: Bytes::copy_from_slice(&bytes[from..from + s.size as usize]),
                });
                dts += i64::from(s.duration);
            }
        }
    }
    if is_g711 {
        let raw = Command::new("ffmpeg")
            .args(["-v", "error", "-t", "10", "-i"])
            .arg(path)
            .args(["-map", "0:a", "-c", "copy", "-f", "alaw", "-"])
            .output()
            .unwrap();
        let format = g711();
        for (n, packet) in raw.stdout.chunks(160).enumerate() {
            let mut unit = unit(&format, 0, n as i64 * 1800, 4, true);
            unit.payload = Bytes::copy_from_slice(packet);
            unit.audio_samples = packet.len() as u32;
            units.push(unit);
        }
    }
    units.sort_by_key(|u| u.dts);
    units
}
