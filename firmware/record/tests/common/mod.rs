//! A camera made by hand, and a recorder in a temporary directory.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use bytes::Bytes;
use heron_core::{
    AccessUnit, AudioCodec, AudioFormat, CameraId, Clock, EventDraft, ManualClock, MediaTime, StreamKey,
    StreamKind, TrackFormat, WallTime,
};
use heron_hub::{Hub, HubConfig};
use heron_record::{MIGRATIONS, RecordPolicy, Recorder, RecorderConfig, StreamSituation, VolumeConfig};
use heron_store::{Store, StoreOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

pub const START: WallTime = WallTime(1_794_996_000_000_000_000);

struct Bits(Vec<u8>, u8, u32);

impl Bits {
    fn new(header: u8) -> Self {
        Self(vec![header], 0, 0)
    }
    fn u(&mut self, n: u32, v: u32) {
        for i in (0..n).rev() {
            self.1 = self.1 << 1 | (v >> i & 1) as u8;
            self.2 += 1;
            if self.2 == 8 {
                self.0.push(self.1);
                (self.1, self.2) = (0, 0);
            }
        }
    }
    fn ue(&mut self, v: u32) {
        let n = 32 - (v + 1).leading_zeros();
        self.u(n - 1, 0);
        self.u(n, v + 1);
    }
    fn align(&mut self) {
        while self.2 != 0 {
            self.u(1, 0);
        }
    }
    fn end(mut self) -> Vec<u8> {
        self.u(1, 1);
        self.align();
        self.0
    }
}

fn sps(mbs_wide: u32) -> Vec<u8> {
    let mut b = Bits::new(0x67);
    b.u(24, 0x42_c0_0a);
    for v in [0, 0, 2, 1] {
        b.ue(v);
    }
    b.u(1, 0);
    b.ue(mbs_wide - 1);
    b.ue(0);
    b.u(4, 0b1100);
    b.end()
}

fn pps() -> Vec<u8> {
    let mut b = Bits::new(0x68);
    b.ue(0);
    b.ue(0);
    b.u(2, 0);
    for _ in 0..3 {
        b.ue(0);
    }
    b.u(3, 0);
    for _ in 0..3 {
        b.ue(0);
    }
    b.u(3, 0);
    b.end()
}

/// An IDR of raw macroblocks.
fn idr(mbs_wide: u32, idr_id: u32) -> Vec<u8> {
    let mut b = Bits::new(0x65);
    b.ue(0);
    b.ue(7);
    b.ue(0);
    b.u(4, 0);
    b.ue(idr_id);
    b.u(2, 0);
    b.ue(0);
    for mb in 0..mbs_wide {
        b.ue(25);
        b.align();
        b.0.extend((0..384u32).map(|i| 0x40 + ((i + mb) % 97) as u8));
    }
    b.end()
}

/// A P picture in which nothing moves.
fn p(mbs_wide: u32, frame_num: u32) -> Vec<u8> {
    let mut b = Bits::new(0x41);
    b.ue(0);
    b.ue(5);
    b.ue(0);
    b.u(4, frame_num % 16);
    b.u(3, 0);
    b.ue(0);
    b.ue(mbs_wide);
    b.end()
}

fn nal(unit: &[u8], out: &mut Vec<u8>) {
    out.extend((unit.len() as u32).to_be_bytes());
    out.extend(unit);
}

pub fn h264(mbs_wide: u32) -> Arc<TrackFormat> {
    let format = heron_media::h264::video_format(&[sps(mbs_wide).into()], &[pps().into()]).unwrap();
    Arc::new(TrackFormat::Video(format))
}

pub fn g711() -> Arc<TrackFormat> {
    Arc::new(TrackFormat::Audio(AudioFormat {
        codec: AudioCodec::G711a,
        sample_rate_hz: 8000,
        channels: 1,
        config: Bytes::new(),
        rfc6381: "alaw".into(),
    }))
}

/// Makes access units as ingest does.
pub struct Camera {
    pub video: Arc<TrackFormat>,
    pub audio: Option<Arc<TrackFormat>>,
    pub fps: i64,
    pub gop: u64,
    /// Filler in each frame, bytes.
    pub filler: usize,
    /// Media time of the connection's first frame.
    pub media_start: i64,
    pub mbs_wide: u32,
    /// Frames made.
    pub n: u64,
    /// Frames of this connection.
    pub of_connection: u64,
    pub wall: WallTime,
    pub lost_before: bool,
    since_key: u64,
}

impl Camera {
    pub fn new() -> Self {
        Self {
            video: h264(1),
            audio: None,
            fps: 25,
            gop: 50,
            filler: 0,
            media_start: 77_000_000,
            mbs_wide: 1,
            n: 0,
            of_connection: 0,
            wall: START,
            lost_before: false,
            since_key: 0,
        }
    }

    pub fn frame_nanos(&self) -> i64 {
        1_000_000_000 / self.fps
    }

    /// A new connection after `nanos` without pictures.
    pub fn reconnect(&mut self, nanos: i64) {
        self.media_start += 1_234_567_890;
        self.of_connection = 0;
        self.since_key = 0;
        self.wall = self.wall.plus_nanos(nanos);
        self.lost_before = true;
    }

    /// Loses frames on the way.
    pub fn lose(&mut self, frames: u64) {
        for _ in 0..frames {
            let _ = self.frame();
        }
        self.lost_before = true;
    }

    /// The next picture, and the sound that goes with it.
    pub fn frame(&mut self) -> Vec<Arc<AccessUnit>> {
        let key = self.since_key == 0;
        let mut payload = Vec::new();
        if key {
            nal(&idr(self.mbs_wide, (self.n / self.gop % 2) as u32), &mut payload);
        } else {
            nal(&p(self.mbs_wide, self.since_key as u32), &mut payload);
        }
        if self.filler > 0 {
            let mut f = vec![0xff; self.filler];
            f[0] = 0x0c;
            f.push(0x80);
            nal(&f, &mut payload);
        }
        let step = 90_000 / self.fps;
        let pts = MediaTime(self.media_start + self.of_connection as i64 * step);
        let mut units = Vec::new();
        if let Some(audio) = &self.audio {
            units.push(Arc::new(AccessUnit {
                format: Arc::clone(audio),
                pts,
                dts: pts,
                audio_samples: (8000 / self.fps) as u32,
                arrival: self.wall,
                camera_time: None,
                wall: self.wall,
                random_access: true,
                discontinuity: self.lost_before,
                payload: vec![0xd5; (8000 / self.fps) as usize].into(),
            }));
        }
        units.push(Arc::new(AccessUnit {
            format: Arc::clone(&self.video),
            pts,
            dts: pts,
            audio_samples: 0,
            arrival: self.wall,
            camera_time: Some(self.wall),
            wall: self.wall,
            random_access: key,
            discontinuity: std::mem::take(&mut self.lost_before),
            payload: payload.into(),
        }));
        self.wall = self.wall.plus_nanos(self.frame_nanos());
        self.n += 1;
        self.of_connection += 1;
        self.since_key = (self.since_key + 1) % self.gop;
        units
    }

    pub fn seconds(&mut self, seconds: f64) -> Vec<Arc<AccessUnit>> {
        let frames = (seconds * self.fps as f64).round() as u64;
        (0..frames).flat_map(|_| self.frame()).collect()
    }
}

pub fn key(n: u128) -> StreamKey {
    StreamKey::new(
        CameraId(uuid::Uuid::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0000 + n)),
        StreamKind::Main,
    )
}

/// A recorder and its surroundings.
pub struct Box {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub hub: Arc<Hub>,
    pub store: Store,
    pub recorder: Recorder,
    pub events: Receiver<EventDraft>,
    pub volumes: Vec<VolumeConfig>,
}

pub fn store(dir: &Path) -> Store {
    Store::open(&dir.join("heron.db"), StoreOptions::default(), &[MIGRATIONS]).unwrap()
}

/// The key of every box here.
pub fn box_key() -> Arc<dyn heron_evidence::Signer> {
    Arc::new(heron_evidence::BoxKey::from_seed([7; 32].into()).unwrap())
}

pub fn config(volumes: &[VolumeConfig]) -> RecorderConfig {
    RecorderConfig {
        tick: Duration::from_millis(4),
        signer: Some(box_key()),
        ..RecorderConfig::new(volumes.to_vec())
    }
}

impl Box {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let volumes = vec![VolumeConfig::new(dir.path().join("v1"))];
        Self::with(dir, volumes)
    }

    pub fn with(dir: tempfile::TempDir, volumes: Vec<VolumeConfig>) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self::at(dir, volumes, clock)
    }

    pub fn at(dir: tempfile::TempDir, volumes: Vec<VolumeConfig>, clock: Arc<ManualClock>) -> Self {
        Self::with_hub(dir, volumes, clock, HubConfig::default())
    }

    pub fn with_hub(
        dir: tempfile::TempDir,
        volumes: Vec<VolumeConfig>,
        clock: Arc<ManualClock>,
        hub: HubConfig,
    ) -> Self {
        let store = store(dir.path());
        let hub = Hub::new(hub);
        let (sink, events) = tokio::sync::mpsc::channel(1000);
        let recorder = Recorder::start(
            config(&volumes),
            Arc::clone(&hub),
            store.clone(),
            Arc::clone(&clock) as Arc<dyn Clock>,
            sink,
        )
        .unwrap();
        Self { dir, clock, hub, store, recorder, events, volumes }
    }

    /// The same box after a restart, clean or not.
    pub fn restart(self, clean: bool, away: Duration) -> Self {
        let Self { dir, clock, recorder, store, volumes, hub, .. } = self;
        if clean {
            assert!(recorder.shutdown());
        }
        drop(recorder);
        drop((store, hub));
        clock.advance(away);
        Self::at(dir, volumes, clock)
    }

    /// Begins to record a stream that is online.
    pub fn record(&self, stream: StreamKey) {
        self.recorder.set_policy(stream, RecordPolicy::continuous());
        self.recorder.stream_state(stream, StreamSituation::Online);
        wait("the stream to be taken in", || {
            self.recorder.status(stream).is_some_and(|s| s.volume.is_some())
        });
    }

    /// Pushes what a camera makes in `seconds` and moves the clock along.
    pub fn feed(&self, stream: StreamKey, camera: &mut Camera, seconds: f64) {
        let units = camera.seconds(seconds);
        self.hub.stream(stream).push_batch(&units);
        let now = self.clock.now();
        self.clock.advance(camera.wall.saturating_since(now));
    }

    pub fn recorded_until(&self, stream: StreamKey) -> Option<WallTime> {
        self.recorder.status(stream).and_then(|s| s.recorded_until)
    }

    /// Waits until everything but the last unfinished fragment is written.
    pub fn wait_recorded(&self, stream: StreamKey, until: WallTime) {
        let enough = until.plus_nanos(-1_000_000_000);
        wait("the disk", || self.recorded_until(stream).is_some_and(|t| t >= enough));
    }

    pub fn files(&self) -> Vec<PathBuf> {
        self.volumes.iter().flat_map(|v| files_under(&v.path.join("recordings"))).collect()
    }

    pub fn drain_events(&mut self) -> Vec<EventDraft> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}

pub fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            p if p.is_dir() => out.extend(files_under(&p)),
            p => out.push(p),
        }
    }
    out.sort();
    out
}

/// Waits for something that must happen; fails loudly when it does not.
pub fn wait(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !happened() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What ffprobe says of a file; it must not complain.
pub fn ffprobe(args: &[&str], file: &Path) -> String {
    let out = Command::new("ffprobe")
        .args(["-v", "error"])
        .args(args)
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    let complaint = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && complaint.is_empty(), "{}: {complaint}", file.display());
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Decoded video frames.
pub fn frames(file: &Path) -> u64 {
    let args = [
        "-select_streams",
        "v:0",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "default=nk=1:nw=1",
    ];
    // A playlist's streams are listed twice, once as a programme's.
    ffprobe(&args, file).lines().next().unwrap().parse().unwrap()
}
