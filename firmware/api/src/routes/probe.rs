//! Try a source before adding it: the test button.

use super::advice::{self, Advice};
use super::camera_status::AudioStatus;
use super::cameras::TransportName;
use super::live::StreamName;
use crate::extract::Json;
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use heron_cameras::parse_source;
use heron_core::link::Failure;
use heron_core::{CameraId, ErrorKind, StreamKey, StreamKind, VideoCodec};
use heron_ingest::{ProbeReport, StreamSpec, TransportChoice};
use heron_media::mp4::write::single_sample_fragment;
use heron_media::mp4::{Sample, TrackSpec, init_segment, mime_type};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

const USUAL_TIMEOUT_MS: u32 = 10_000;
/// A picture larger than this is left out: a key frame of 4K is at most 2 MB.
const LARGEST_PICTURE: usize = 4 << 20;

/// A source to try.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeRequest {
    /// Address of the main stream.
    #[schema(example = "rtsp://10.0.0.5/main")]
    source: String,
    /// Address of the sub stream.
    sub_source: Option<String>,
    username: Option<String>,
    #[schema(format = Password)]
    password: Option<String>,
    #[serde(default)]
    transport: TransportName,
    /// How long to try at most, milliseconds; 10000 when absent.
    #[schema(minimum = 1000, maximum = 20000)]
    timeout_ms: Option<u32>,
}

/// Why there is no picture.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeFailure {
    /// `refused`, `no_route`, `timed_out`, `wrong_password`, `not_found`, `codec_not_supported`, `no_packets`, `tls`,
    /// `closed`, `protocol` or `bad_address`.
    reason: &'static str,
    /// Plain words: what was tried, what came back, what to do.
    detail: String,
}

/// What a stream turned out to be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbedStream {
    #[schema(value_type = StreamName)]
    kind: StreamKind,
    codec: String,
    rfc6381: String,
    width: u16,
    height: u16,
    /// Measured over two seconds.
    fps: Option<f32>,
    /// Bits per second, measured over two seconds.
    bit_rate: Option<u64>,
    /// Null when no whole group of pictures came.
    gop_ms: Option<u32>,
    audio: Option<AudioStatus>,
    /// `tcp`, `udp` or `tls`.
    transport: Option<&'static str>,
}

/// One picture of the camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbedPicture {
    /// `image/jpeg`, or `video/mp4; codecs="…"` for a file of one key frame.
    content_type: String,
    #[schema(content_encoding = "base64")]
    base64: String,
}

/// What a source turned out to be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeResult {
    /// Every stream that was given sends pictures that can be recorded.
    ok: bool,
    /// Why not.
    failure: Option<ProbeFailure>,
    elapsed_ms: u64,
    /// The streams that sent pictures.
    streams: Vec<ProbedStream>,
    picture: Option<ProbedPicture>,
    /// What else is worth knowing.
    advice: Vec<Advice>,
}

/// Try a source
///
/// Connects, plays until the first key frame and two seconds more, and tells what came. Nothing is kept. A camera that
/// cannot be reached is no error of this request: `ok` is false and `failure` says why.
#[utoipa::path(post, path = "/api/v1/cameras/probe", tag = "cameras", request_body = ProbeRequest, responses(
    (status = 200, body = ProbeResult),
    (status = 429, body = ProblemDocument, description = "Others are being tried; `Retry-After` says when to come back"),
))]
pub(crate) async fn probe(
    State(app): State<App>,
    Json(body): Json<ProbeRequest>,
) -> Result<Answer<ProbeResult>, Problem> {
    let timeout_ms = body.timeout_ms.unwrap_or(USUAL_TIMEOUT_MS);
    if !(1_000..=20_000).contains(&timeout_ms) {
        return Err(Problem::invalid("`timeout_ms`: give 1000 to 20000.").field("timeout_ms"));
    }
    let main = spec("source", &body.source, StreamKind::Main, &body)?;
    let sub = body.sub_source.as_deref().filter(|s| !s.trim().is_empty());
    let sub = sub.map(|s| spec("sub_source", s, StreamKind::Sub, &body)).transpose()?;
    let _turn = app.probe_turn().ok_or_else(|| {
        Problem::of(ErrorKind::Exhausted, "Several cameras are being tried at the moment. Wait a little.")
            .retry_after(5)
    })?;
    let begun = app.clock.monotonic();
    let timeout = Duration::from_millis(u64::from(timeout_ms));
    let (main, sub) = tokio::join!(app.ingest.probe(main, timeout), async {
        match sub {
            Some(spec) => app.ingest.probe(spec, timeout).await.map(Some),
            None => Ok(None),
        }
    });
    let (main, sub) = (main?, sub?);
    let elapsed = app.clock.monotonic().saturating_sub(begun);
    let failure = failure_of(&main, sub.as_ref());
    Ok(Answer(ProbeResult {
        ok: failure.is_none(),
        failure,
        elapsed_ms: elapsed.as_millis() as u64,
        streams: [(StreamKind::Main, Some(&main)), (StreamKind::Sub, sub.as_ref())]
            .into_iter()
            .filter_map(|(kind, report)| probed(kind, report?))
            .collect(),
        picture: picture(&main).or_else(|| sub.as_ref().and_then(picture)),
        advice: advice::on(&main, sub.as_ref()),
    }))
}

fn spec(
    field: &'static str,
    text: &str,
    kind: StreamKind,
    body: &ProbeRequest,
) -> Result<StreamSpec, Problem> {
    let parsed = parse_source(field, text)?;
    let given = body.username.as_deref().filter(|u| !u.is_empty());
    let (username, password) = match given {
        Some(username) => (username.to_owned(), body.password.clone().unwrap_or_default()),
        None => (
            parsed.username.unwrap_or_default(),
            body.password
                .clone()
                .filter(|p| !p.is_empty())
                .or_else(|| parsed.password.as_ref().map(|p| p.to_string()))
                .unwrap_or_default(),
        ),
    };
    let transport = match body.transport {
        TransportName::Auto => TransportChoice::Auto,
        TransportName::Tcp => TransportChoice::Tcp,
        TransportName::Udp => TransportChoice::Udp,
        TransportName::Tls => TransportChoice::Tls,
    };
    // The key belongs to no camera: a probe is neither recorded nor shown.
    let key = StreamKey::new(CameraId(Uuid::nil()), kind);
    Ok(StreamSpec::new(key, parsed.url.as_str()).credentials(username, password).transport(transport))
}

fn failure_of(main: &ProbeReport, sub: Option<&ProbeReport>) -> Option<ProbeFailure> {
    let told = |failure: &Failure, detail: String| ProbeFailure { reason: failure.reason.as_str(), detail };
    if let Some(failure) = &main.failure {
        return Some(told(failure, failure.detail.clone()));
    }
    let failure = sub?.failure.as_ref()?;
    Some(told(failure, format!("The main stream works, the sub stream does not: {}", failure.detail)))
}

fn probed(kind: StreamKind, report: &ProbeReport) -> Option<ProbedStream> {
    let video = report.formats.iter().find_map(|f| f.video())?;
    let audio = report.formats.iter().find_map(|f| f.audio());
    Some(ProbedStream {
        kind,
        codec: video.codec.to_string(),
        rfc6381: video.rfc6381.clone(),
        width: video.width,
        height: video.height,
        fps: report.frame_rate,
        bit_rate: report.bit_rate.map(|b| b.0),
        gop_ms: report.gop_ms,
        audio: audio.map(AudioStatus::of),
        transport: report.transport,
    })
}

/// The first key frame: a JPEG as it is, anything else as an MP4 file of one frame.
fn picture(report: &ProbeReport) -> Option<ProbedPicture> {
    let unit = report.key_frame.as_ref().filter(|u| u.payload.len() <= LARGEST_PICTURE)?;
    if unit.format.video()?.codec == VideoCodec::Mjpeg {
        return Some(ProbedPicture {
            content_type: "image/jpeg".into(),
            base64: STANDARD.encode(&unit.payload),
        });
    }
    let track = TrackSpec::new(unit.format.clone());
    let mut file = BytesMut::from(&init_segment(std::slice::from_ref(&track), unit.wall)[..]);
    let one_second = track.timescale();
    file.extend_from_slice(&single_sample_fragment(&track, unit.dts, 1, &Sample::from(&**unit), one_second));
    let content_type = mime_type(std::slice::from_ref(&track));
    Some(ProbedPicture { content_type, base64: STANDARD.encode(&file) })
}
