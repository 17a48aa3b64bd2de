//! `video.mp4`: a clip that exists only as a plan, served as one flat MP4.

use super::live::StreamName;
use crate::auth::Who;
use crate::extract::{Path, Query};
use crate::http::stream::{Content, Place, Representation, holding, serve};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use bytes::Bytes;
use heron_core::{CameraId, ErrorKind, StreamKey, WallTime};
use heron_media::mp4::flat::Slice;
use heron_record::Clip;
use parking_lot::Mutex;
use serde::Deserialize;
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use utoipa::IntoParams;
use uuid::Uuid;

/// Planned clips that are kept, because players ask for one in many ranges. Two hours at 25 fps with sound are 300,000
/// samples, 5 MB of plan; four of them 20 MB.
const KEPT: usize = 4;
const LONGEST_KEPT: Duration = Duration::from_secs(2 * 3600);
/// Footage that ended this long ago does not grow any more: fragments are at most a second long.
const SETTLED: Duration = Duration::from_secs(10);

/// How long a clip waits for its turn: a player that jumps asks for the next part before the last one is closed.
const TURN: Duration = Duration::from_secs(2);
/// When to come back if it does not get one.
const COME_BACK_SECS: u64 = 10;
/// How long a client may read nothing of a clip. A player that pauses asks again with a range.
const UNREAD: Duration = Duration::from_secs(30);

/// How much of a stretch of converted sound is made at once.
const LARGEST_MADE: u64 = 256 * 1024;

/// What a clip is of: stream, start, end, and whether its proof goes with it.
type Wanted = (StreamKey, WallTime, WallTime, bool);

/// Which footage, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClipQuery {
    #[param(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most a day after `start`.
    #[param(value_type = String, format = DateTime)]
    end: WallTime,
    /// `main` when absent.
    #[serde(default)]
    stream: StreamName,
    /// 1: a signed export for `herond verify`: whole fragments as they were recorded, from the key frame before `start`,
    /// and their proof.
    #[serde(default)]
    #[param(minimum = 0, maximum = 1)]
    evidence: u8,
}

/// The last few planned clips, newest at the back.
#[derive(Debug, Default)]
pub(crate) struct Clips(Mutex<VecDeque<(Wanted, Arc<Clip>)>>);

impl Clips {
    fn get(&self, wanted: &Wanted) -> Option<Arc<Clip>> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|(w, _)| w == wanted)?;
        let entry = kept.remove(at)?;
        let clip = Arc::clone(&entry.1);
        kept.push_back(entry);
        Some(clip)
    }

    fn keep(&self, wanted: Wanted, clip: &Arc<Clip>) {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((wanted, Arc::clone(clip)));
    }
}

struct ClipContent(Arc<Clip>);

impl Content for ClipContent {
    fn len(&self) -> u64 {
        self.0.plan_of().total_len()
    }
    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.0.read(range).map_err(io::Error::other)
    }
    fn read_now(&self, range: Range<u64>) -> Option<Bytes> {
        self.0.read_now(range)
    }
    fn place(&self, range: Range<u64>) -> io::Result<Place> {
        let nothing = || io::Error::new(io::ErrorKind::UnexpectedEof, "the clip is shorter than it says");
        match self.0.plan_of().slices(range.clone()).next().ok_or_else(nothing)? {
            Slice::Inline(bytes) => Ok(Place::Bytes(bytes)),
            Slice::File { source, range } => {
                let file = self.0.file(source).map_err(io::Error::other)?;
                Ok(Place::File { file, offset: range.start, length: range.end - range.start })
            }
            Slice::Flac(flac) => {
                let end = range.start + flac.len().min(LARGEST_MADE);
                self.0.read(range.start..end).map(Place::Bytes).map_err(io::Error::other)
            }
        }
    }
}

/// A clip as one MP4 file
///
/// A flat MP4 (`moov` first) over the recorded bytes: nothing is transcoded or copied to a temporary file. Playing starts
/// exactly at `start`; gaps are closed up. Serves single byte ranges, so players can jump and downloads can resume.
/// With `evidence=1` it is a signed export instead.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/video.mp4", tag = "playback", params(("id" = Uuid, Path), ClipQuery),
    responses(
    (status = 200, description = "The whole clip", content_type = "video/mp4"),
    (status = 206, description = "The range asked for", content_type = "video/mp4"),
    (status = 304, description = "It is what `If-None-Match` names"),
    (status = 404, body = ProblemDocument, description = "No such camera, or nothing was recorded"),
    (status = 409, body = ProblemDocument, description = "The footage cannot be exported with evidence, or not in one file"),
    (status = 429, body = ProblemDocument, description = "Too many clips are being sent; `Retry-After` says how long to wait"),
    (status = 416, body = ProblemDocument, description = "The range lies outside the clip"),
))]
pub(crate) async fn video(
    State(app): State<App>,
    Who(who): Who,
    method: Method,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    Query(query): Query<ClipQuery>,
) -> Result<Response, Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    let evidence = match query.evidence {
        0 => false,
        1 => true,
        _ => return Err(Problem::of(ErrorKind::Invalid, "It is 0 or 1.").field("evidence")),
    };
    let wanted = (StreamKey::new(camera.id, query.stream.into()), query.start, query.end, evidence);
    let turn = app.clips_served().one_within(who.session, TURN).await.ok_or_else(|| {
        Problem::of(
            ErrorKind::Exhausted,
            "Too many clips are being sent at once. End one, or try again later.",
        )
        .retry_after(COME_BACK_SECS)
    })?;
    let clip = match app.clips().get(&wanted) {
        Some(clip) => clip,
        None => {
            let (key, start, end, evidence) = wanted;
            let plan = move |playback: &heron_record::Playback| match evidence {
                true => playback.evidence_mp4(key, start, end),
                false => playback.flat_mp4(key, start, end),
            };
            let clip = Arc::new(app.disk(move |rooms| plan(&rooms.playback)).await??);
            let settled = app.clock.now().saturating_since(end) >= SETTLED;
            if settled && end.saturating_since(start) <= LONGEST_KEPT {
                app.clips().keep(wanted, &clip);
            }
            clip
        }
    };
    let representation = Representation {
        etag: clip.plan_of().etag().to_owned(),
        content: Arc::new(ClipContent(clip)),
        content_type: HeaderValue::from_static("video/mp4"),
        cache_control: "private, no-cache",
    };
    let mut response = serve(&method, &headers, representation);
    if response.status().is_success()
        && let Ok(value) = HeaderValue::from_str(&disposition(&camera.name, query.start))
    {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    if method == Method::GET && response.status().is_success() {
        response = holding(response, turn, UNREAD);
    }
    Ok(response)
}

/// What a browser calls the file when it is saved (RFC 6266): a plain name for old ones, the real one for the others.
fn disposition(camera: &str, start: WallTime) -> String {
    let time = start.to_string().replace(':', ".");
    let plain: String = camera
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_ ".contains(c) { c } else { '_' })
        .take(60)
        .collect();
    let mut encoded = String::new();
    for byte in camera.chars().take(60).collect::<String>().bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("inline; filename=\"{plain} {time}.mp4\"; filename*=UTF-8''{encoded}%20{time}.mp4")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_cannot_name_a_file_outside_of_its_folder() {
        let value =
            disposition("../../x\"\r\nSet-Cookie: a=b; Tür", WallTime::from_millis(1_795_167_857_123));
        assert!(HeaderValue::from_str(&value).is_ok());
        assert!(!value.contains("/") && !value.contains('\n') && value.matches('"').count() == 2, "{value}");
        assert!(value.contains("T%C3%BCr%20"), "{value}");
    }
}
