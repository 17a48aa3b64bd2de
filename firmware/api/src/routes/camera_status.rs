//! How a camera is doing, put together from what ingest, the hub and the recorder know.

use crate::state::App;
use heron_cameras::Camera;
use heron_core::link::Failure;
use heron_core::{AudioFormat, Grade, PlainMode, StreamKey, StreamKind, StreamState, TrackKind, WallTime};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What a camera or one of its streams is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CameraState)]
pub(crate) enum StateName {
    /// Not meant to run.
    Disabled,
    /// Trying.
    Connecting,
    /// Pictures are coming.
    Online,
    /// Ten tries or more have failed; it goes on trying.
    Unreachable,
}

/// The sound of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct AudioStatus {
    /// `aac`, `g711a`, `g711u`.
    codec: String,
    sample_rate_hz: u32,
    channels: u8,
}

impl AudioStatus {
    pub(crate) fn of(audio: &AudioFormat) -> Self {
        Self {
            codec: audio.codec.to_string(),
            sample_rate_hz: audio.sample_rate_hz,
            channels: audio.channels,
        }
    }
}

/// How one stream is doing.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct StreamStatus {
    state: StateName,
    /// Why it is not online: `refused`, `wrong_password`, …
    reason: Option<&'static str>,
    /// The same in plain words, with what to do.
    detail: Option<String>,
    /// `h264`, `h265`, `mjpeg`; null until the first picture.
    codec: Option<String>,
    /// RFC 6381.
    rfc6381: Option<String>,
    width: Option<u16>,
    height: Option<u16>,
    /// Measured.
    fps: Option<f32>,
    /// Bits per second, measured.
    bit_rate: Option<u64>,
    /// Length of a group of pictures, milliseconds.
    gop_ms: Option<u32>,
    /// Share of packets lost, 0 to 1.
    loss: f64,
    jitter_ms: f32,
    reconnects: u32,
    /// Camera clock minus box clock, milliseconds.
    clock_offset_ms: Option<i64>,
    /// `excellent`, `fair`, `poor`, `unusable`.
    grade: Option<&'static str>,
    audio: Option<AudioStatus>,
    /// Footage is being written.
    recording: bool,
    /// The mode in force now: `continuous`, `motion`, `event` or `off`; null before the recorder has looked at it.
    recording_mode: Option<&'static str>,
    /// Why it is to be recorded now: `continuous`, `schedule`, `motion` or `event:` and the kind; null while it is not.
    recording_why: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_frame: Option<WallTime>,
}

/// The streams of a camera.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct StreamStatuses {
    main: StreamStatus,
    /// Absent when the camera has no sub stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<StreamStatus>,
}

/// How a camera is doing. Its state is that of its main stream.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CameraStatus {
    state: StateName,
    /// Why it is not online.
    reason: Option<&'static str>,
    /// The same in plain words, with what to do.
    detail: Option<String>,
    /// Since when it is so.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<WallTime>,
    /// Tries that failed since it last worked.
    failed_attempts: u32,
    streams: StreamStatuses,
}

impl CameraStatus {
    /// Whether nothing but numbers that move all the time differs.
    pub(crate) fn same_state(&self, other: &Self) -> bool {
        let streams =
            |s: &Self| [Some(s.streams.main.lasting()), s.streams.sub.as_ref().map(StreamStatus::lasting)];
        (self.state, self.reason, self.since) == (other.state, other.reason, other.since)
            && streams(self) == streams(other)
    }
}

impl StreamStatus {
    /// Itself without what moves all the time.
    fn lasting(&self) -> Self {
        Self {
            detail: None,
            fps: None,
            bit_rate: None,
            gop_ms: None,
            loss: 0.0,
            jitter_ms: 0.0,
            reconnects: 0,
            clock_offset_ms: None,
            grade: None,
            last_frame: None,
            ..self.clone()
        }
    }
}

/// How `camera` is doing.
pub(crate) fn status_of(app: &App, camera: &Camera) -> CameraStatus {
    let main_key = StreamKey::new(camera.id, StreamKind::Main);
    let state = state_of(app, camera, main_key);
    let (name, failure, since, failed_attempts) = parts(&state);
    CameraStatus {
        state: name,
        reason: failure.map(|f| f.reason.as_str()),
        detail: failure.map(|f| f.detail.clone()),
        since,
        failed_attempts,
        streams: StreamStatuses {
            main: stream_status(app, camera, main_key),
            sub: camera
                .sub_source
                .as_ref()
                .map(|_| stream_status(app, camera, StreamKey::new(camera.id, StreamKind::Sub))),
        },
    }
}

fn state_of(app: &App, camera: &Camera, key: StreamKey) -> StreamState {
    if !camera.enabled {
        return StreamState::Disabled;
    }
    match app.ingest.statistics(key) {
        Some(report) => report.state,
        None => StreamState::Connecting { failed_attempts: 0, last_failure: None },
    }
}

fn parts(state: &StreamState) -> (StateName, Option<&Failure>, Option<WallTime>, u32) {
    match state {
        StreamState::Disabled => (StateName::Disabled, None, None, 0),
        StreamState::Connecting { failed_attempts, last_failure } => {
            (StateName::Connecting, last_failure.as_ref(), None, *failed_attempts)
        }
        StreamState::Online { since } => (StateName::Online, None, Some(*since), 0),
        StreamState::Unreachable { since, failed_attempts, last_failure } => {
            (StateName::Unreachable, Some(last_failure), Some(*since), *failed_attempts)
        }
    }
}

fn stream_status(app: &App, camera: &Camera, key: StreamKey) -> StreamStatus {
    let state = state_of(app, camera, key);
    let (name, failure, _, _) = parts(&state);
    let online = name == StateName::Online;
    let stream = app.hub.get(key);
    let format = |kind| stream.as_ref().and_then(|s| s.format(kind));
    let video = format(TrackKind::Video);
    let video = video.as_ref().and_then(|f| f.video());
    let audio = format(TrackKind::Audio);
    let audio = audio.as_ref().and_then(|f| f.audio());
    let recorded = app.recorder.status(key);
    let report = app.ingest.statistics(key);
    let grade = report.as_ref().map(|r| r.grade);
    let statistics = report.map(|r| r.link).unwrap_or_default();
    StreamStatus {
        state: name,
        reason: failure.map(|f| f.reason.as_str()),
        detail: failure.map(|f| f.detail.clone()),
        codec: video.map(|v| v.codec.to_string()),
        rfc6381: video.map(|v| v.rfc6381.clone()),
        width: video.map(|v| v.width),
        height: video.map(|v| v.height),
        fps: online.then_some(statistics.frame_rate),
        bit_rate: online.then_some(statistics.bit_rate.0),
        gop_ms: statistics.gop_ms,
        loss: statistics.loss(),
        jitter_ms: statistics.jitter_ms,
        reconnects: statistics.reconnects,
        clock_offset_ms: statistics.clock_offset_ms,
        grade: grade.map(grade_name),
        audio: audio.map(AudioStatus::of),
        recording: recorded.as_ref().is_some_and(|s| s.recording_since.is_some()),
        recording_mode: recorded.as_ref().and_then(|s| s.mode).map(PlainMode::as_str),
        recording_why: recorded.and_then(|s| s.why).map(|why| why.to_string()),
        last_frame: statistics.last_arrival,
    }
}

fn grade_name(grade: Grade) -> &'static str {
    match grade {
        Grade::Excellent => "excellent",
        Grade::Fair => "fair",
        Grade::Poor => "poor",
        Grade::Unusable => "unusable",
    }
}

/// What a live viewer is told while there are no pictures: the reason the camera gives, or else `otherwise`.
pub(crate) fn waiting_for(app: &App, key: StreamKey, otherwise: &'static str) -> serde_json::Value {
    let state = app.cameras.get(key.camera).map(|camera| state_of(app, &camera, key));
    let (reason, detail) = match &state {
        Ok(state) => match parts(state) {
            (StateName::Disabled, ..) => ("disabled", None),
            (_, Some(failure), ..) => (failure.reason.as_str(), Some(failure.detail.clone())),
            (StateName::Connecting | StateName::Unreachable, ..) => ("connecting", None),
            (StateName::Online, ..) => (otherwise, None),
        },
        Err(_) => ("camera_removed", None),
    };
    json!({"type": "waiting", "reason": reason, "detail": detail})
}

/// Cameras by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CameraCounts {
    pub(crate) online: u32,
    pub(crate) connecting: u32,
    pub(crate) unreachable: u32,
    pub(crate) disabled: u32,
    /// All of them.
    pub(crate) total: u32,
}

/// The streams of all cameras by state.
pub(crate) fn counts(app: &App) -> CameraCounts {
    let mut counts = CameraCounts::default();
    for camera in app.cameras.all() {
        let kinds = if camera.sub_source.is_some() { &StreamKind::ALL[..] } else { &StreamKind::ALL[..1] };
        for kind in kinds {
            let state = state_of(app, &camera, StreamKey::new(camera.id, *kind));
            counts.total += 1;
            match parts(&state).0 {
                StateName::Disabled => counts.disabled += 1,
                StateName::Connecting => counts.connecting += 1,
                StateName::Online => counts.online += 1,
                StateName::Unreachable => counts.unreachable += 1,
            }
        }
    }
    counts
}
