//! Copies of footage in S3-compatible storage: where to, what waits, and playing from there.

use super::live::StreamName;
use super::playback::FootageQuery;
use crate::audit;
use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::http::stream::{Representation, serve};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, Paging, limit};
use axum::Json as Answer;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use heron_archive::{
    ArchiveConfig, ArchiveState, ArchiveStatus, Item, ItemState, NewConfig, NewJob, Object, Verify, What,
    Window,
};
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// How the archive is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArchiveStatus)]
pub(crate) struct StatusView {
    /// Whether a bucket is configured.
    configured: bool,
    /// `off`, `ok`, `waiting` (the window is closed) or `failing`.
    #[schema(value_type = String)]
    state: ArchiveState,
    /// What is wrong, in words.
    problem: Option<String>,
    /// Ranges that wait.
    queued: i64,
    /// Files in the bucket.
    objects: u64,
    /// Their length in all.
    stored_bytes: u64,
    /// Sent since the start, with what was sent twice.
    uploaded_bytes: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success: Option<WallTime>,
    /// Whether footage may be sent now.
    window_open: bool,
}

impl From<ArchiveStatus> for StatusView {
    fn from(s: ArchiveStatus) -> Self {
        let ArchiveStatus {
            configured,
            state,
            problem,
            queued,
            objects,
            stored_bytes,
            uploaded_bytes,
            last_success,
            window_open,
        } = s;
        Self {
            configured,
            state,
            problem,
            queued,
            objects,
            stored_bytes,
            uploaded_bytes,
            last_success,
            window_open,
        }
    }
}

/// How the archive is doing
#[utoipa::path(get, path = "/api/v1/archive", tag = "archive", responses((status = 200, body = StatusView)))]
pub(crate) async fn status(State(app): State<App>) -> Result<Answer<StatusView>, Problem> {
    Ok(Answer(app.archive.status().await?.into()))
}

/// The hours in which footage may be sent.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ArchiveWindow)]
pub(crate) struct WindowBody {
    /// `HH:MM`.
    from: String,
    /// `HH:MM`, exclusive; before `from`: of the next day.
    to: String,
    /// IANA time zone; UTC when absent.
    #[serde(default)]
    timezone: Option<String>,
}

/// What to archive without being asked.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ArchiveWhat)]
pub(crate) struct WhatBody {
    /// Kinds of events whose footage is archived; `analytics.*` takes all that begin so.
    events: Vec<String>,
    /// Cameras of which everything is archived.
    cameras: Vec<Uuid>,
    /// Seconds before an event, 0 to 300; 10 when absent.
    before_s: Option<u32>,
    /// Seconds after it, 0 to 300; 10 when absent.
    after_s: Option<u32>,
}

/// When a stored file is believed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ArchiveVerify)]
pub(crate) enum VerifyName {
    /// When the server has checked each part's SHA-256.
    #[default]
    Checksum,
    /// When it has been read back and is the same.
    ReadBack,
}

/// Where to archive to, what, and when.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ArchiveConfig)]
pub(crate) struct ConfigBody {
    /// `https://s3.example.com`, or `http://` of a server on the own network: scheme, host and port alone.
    endpoint: String,
    /// `us-east-1` when absent.
    #[serde(default)]
    region: Option<String>,
    /// It must exist.
    bucket: String,
    /// Folder in the bucket.
    #[serde(default)]
    prefix: String,
    access_key: String,
    /// Never in an answer. Absent keeps the stored one while address and access key stay the same.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    secret: Option<String>,
    /// Only in answers.
    #[serde(default)]
    #[schema(read_only)]
    has_secret: bool,
    /// The bucket stands in the path and not in the host's name; true when absent.
    #[serde(default)]
    path_style: Option<bool>,
    /// Never faster than this, kbit/s; 0 for no cap.
    #[serde(default)]
    bandwidth_kbit: u32,
    /// The hours in which to send; always when absent.
    #[serde(default)]
    window: Option<WindowBody>,
    #[serde(default)]
    what: WhatBody,
    #[serde(default)]
    verify: VerifyName,
    /// PEM certificates to trust besides the usual ones.
    #[serde(default)]
    ca_pem: Option<String>,
}

impl From<ArchiveConfig> for ConfigBody {
    fn from(c: ArchiveConfig) -> Self {
        Self {
            endpoint: c.endpoint,
            region: Some(c.region),
            bucket: c.bucket,
            prefix: c.prefix,
            access_key: c.access_key,
            secret: None,
            has_secret: true,
            path_style: Some(c.path_style),
            bandwidth_kbit: c.bandwidth_kbit,
            window: c.window.map(|w| WindowBody { from: w.from, to: w.to, timezone: Some(w.timezone) }),
            what: WhatBody {
                events: c.what.events,
                cameras: c.what.cameras.into_iter().map(|c| c.0).collect(),
                before_s: c.what.before_s,
                after_s: c.what.after_s,
            },
            verify: match c.verify {
                Verify::Checksum => VerifyName::Checksum,
                Verify::ReadBack => VerifyName::ReadBack,
            },
            ca_pem: c.ca_pem,
        }
    }
}

impl From<ConfigBody> for NewConfig {
    fn from(body: ConfigBody) -> Self {
        let config = ArchiveConfig {
            endpoint: body.endpoint,
            region: body.region.unwrap_or_else(|| "us-east-1".to_owned()),
            bucket: body.bucket,
            prefix: body.prefix,
            access_key: body.access_key,
            path_style: body.path_style.unwrap_or(true),
            bandwidth_kbit: body.bandwidth_kbit,
            window: body.window.map(|w| Window {
                from: w.from,
                to: w.to,
                timezone: w.timezone.unwrap_or_else(|| "UTC".to_owned()),
            }),
            what: What {
                events: body.what.events,
                cameras: body.what.cameras.into_iter().map(CameraId).collect(),
                before_s: body.what.before_s,
                after_s: body.what.after_s,
            },
            verify: match body.verify {
                VerifyName::Checksum => Verify::Checksum,
                VerifyName::ReadBack => Verify::ReadBack,
            },
            ca_pem: body.ca_pem,
        };
        Self { config, secret: body.secret.map(Into::into) }
    }
}

/// Where footage is archived to
#[utoipa::path(get, path = "/api/v1/archive/config", tag = "archive", responses(
    (status = 200, body = ConfigBody),
    (status = 409, body = ProblemDocument, description = "None is configured"),
))]
pub(crate) async fn get_config(State(app): State<App>) -> Result<Answer<ConfigBody>, Problem> {
    let shown = app.archive.config().ok_or(heron_archive::ArchiveError::NotConfigured)?;
    Ok(Answer(shown.config.into()))
}

/// Say where to archive to
///
/// Takes effect at once. `POST /archive/test` tells whether it works.
#[utoipa::path(put, path = "/api/v1/archive/config", tag = "archive", request_body = ConfigBody, responses(
    (status = 200, body = ConfigBody),
    (status = 400, body = ProblemDocument, description = "`field` says what is wrong"),
))]
pub(crate) async fn put_config(
    State(app): State<App>,
    Who(who): Who,
    Json(body): Json<ConfigBody>,
) -> Result<Answer<ConfigBody>, Problem> {
    let shown = app.archive.configure(body.into()).await?;
    let text = format!("Footage is archived to {}/{}.", shown.config.endpoint, shown.config.bucket);
    audit::note(&app, &who, "settings.archive", None, text, &[]).await;
    Ok(Answer(shown.config.into()))
}

/// Stop archiving, and forget the keys
///
/// What is in the bucket stays there.
#[utoipa::path(delete, path = "/api/v1/archive/config", tag = "archive", responses((status = 204)))]
pub(crate) async fn delete_config(State(app): State<App>, Who(who): Who) -> Result<StatusCode, Problem> {
    app.archive.forget().await?;
    audit::note(&app, &who, "settings.archive", None, "Footage is not archived any more.".into(), &[]).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether it works
///
/// Writes a small file to the bucket, reads it back and takes it away.
#[utoipa::path(post, path = "/api/v1/archive/test", tag = "archive", responses(
    (status = 204, description = "It does"),
    (status = 409, body = ProblemDocument, description = "None is configured"),
    (status = 503, body = ProblemDocument, description = "What the server said"),
))]
pub(crate) async fn test(State(app): State<App>) -> Result<StatusCode, Problem> {
    app.archive.test().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A range of a stream that is to be archived.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewArchiveJob)]
pub(crate) struct JobBody {
    camera: Uuid,
    /// `main` when absent.
    #[serde(default)]
    stream: StreamName,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most 31 days after `start`, not in the future.
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
}

/// What has become of a range.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArchiveJob)]
pub(crate) struct JobView {
    id: i64,
    #[schema(value_type = Uuid)]
    camera: CameraId,
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// `job`, `camera`, or the id of the event it belongs to.
    why: String,
    #[schema(value_type = String, format = DateTime)]
    made: WallTime,
    /// `waiting`, `stored` or `nothing` (nothing was recorded, or it was gone).
    #[schema(value_type = String)]
    state: ItemState,
    /// Tries that failed.
    attempts: u32,
    /// Recorded files stored for it.
    files: u32,
    /// Why the last try failed.
    problem: Option<String>,
}

impl From<Item> for JobView {
    fn from(item: Item) -> Self {
        let Item { id, camera, stream, start, end, why, made, state, attempts, files, problem } = item;
        Self { id, camera, stream, start, end, why, made, state, attempts, files, problem }
    }
}

/// Archive a range
#[utoipa::path(post, path = "/api/v1/archive/jobs", tag = "archive", request_body = JobBody, responses(
    (status = 201, body = JobView),
    (status = 404, body = ProblemDocument, description = "No such camera"),
    (status = 409, body = ProblemDocument, description = "No archive is configured"),
    (status = 429, body = ProblemDocument, description = "Too much waits already"),
))]
pub(crate) async fn create_job(
    State(app): State<App>,
    Who(who): Who,
    Json(body): Json<JobBody>,
) -> Result<(StatusCode, Answer<JobView>), Problem> {
    let camera = app.cameras.get(CameraId(body.camera))?;
    let job = NewJob { camera: camera.id, stream: body.stream.into(), start: body.start, end: body.end };
    let item = app.archive.add(job).await?;
    let text = format!("Footage of {} from {} to {} is to be archived.", camera.name, item.start, item.end);
    audit::note(&app, &who, "archive.asked", Some(camera.id), text, &[]).await;
    Ok((StatusCode::CREATED, Answer(item.into())))
}

/// What waits, and what was archived lately
///
/// Newest first.
#[utoipa::path(get, path = "/api/v1/archive/jobs", tag = "archive", params(Paging),
    responses((status = 200, body = Page<JobView>)))]
pub(crate) async fn list_jobs(
    State(app): State<App>,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<JobView>>, Problem> {
    let most = limit(paging.limit)?.min(500);
    let before = match &paging.cursor {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| Problem::invalid("`cursor` is not one of ours.").field("cursor"))?)
        }
    };
    let items = app.archive.items(before, most as u32).await?;
    let next = (items.len() == most).then(|| items.last().map(|i| i.id.to_string())).flatten();
    Ok(Answer(Page { items: items.into_iter().map(JobView::from).collect(), next }))
}

/// Take a range out of the queue
///
/// What is stored of it stays in the bucket.
#[utoipa::path(delete, path = "/api/v1/archive/jobs/{id}", tag = "archive", params(("id" = i64, Path)), responses(
    (status = 204), (status = 404, body = ProblemDocument),
))]
pub(crate) async fn delete_job(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode, Problem> {
    app.archive.remove(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A recorded file in the bucket.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ArchivedFile)]
pub(crate) struct ObjectView {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    bytes: u64,
    /// Of the whole file, hexadecimal.
    sha256: String,
    /// Where it lies in the bucket.
    key: String,
    #[schema(value_type = String, format = DateTime)]
    stored: WallTime,
}

impl From<Object> for ObjectView {
    fn from(o: Object) -> Self {
        Self {
            id: o.id,
            start: o.start,
            end: o.end,
            bytes: o.bytes,
            sha256: o.sha256,
            key: o.key,
            stored: o.stored,
        }
    }
}

/// What is in the bucket of a stream
///
/// At most a day.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/archived", tag = "archive", params(("id" = Uuid, Path), FootageQuery),
    responses((status = 200, body = Page<ObjectView>), (status = 409, body = ProblemDocument, description = "None is configured")))]
pub(crate) async fn archived(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<FootageQuery>,
) -> Result<Answer<Page<ObjectView>>, Problem> {
    // A camera that was removed may still have footage there.
    let key = StreamKey::new(CameraId(id), query.stream.into());
    let stored = app.archive.stored(key, query.start, query.end).await?;
    Ok(Answer(Page::whole(stored.into_iter().map(ObjectView::from).collect())))
}

/// A playlist over the bucket
///
/// HLS as `playback.m3u8`, with the footage read from the bucket.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/archived.m3u8", tag = "archive",
    params(("id" = Uuid, Path), FootageQuery), responses(
    (status = 200, body = String, content_type = "application/vnd.apple.mpegurl"),
    (status = 404, body = ProblemDocument, description = "Nothing of it is archived"),
))]
pub(crate) async fn playlist(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<FootageQuery>,
) -> Result<([(HeaderName, &'static str); 2], String), Problem> {
    let key = StreamKey::new(CameraId(id), query.stream.into());
    let text = app.archive.playlist(key, query.start, query.end, "archived").await?.ok_or_else(|| {
        Problem::not_found(format!(
            "nothing of this camera between {} and {} is archived",
            query.start, query.end
        ))
    })?;
    let headers = [
        (header::CONTENT_TYPE, "application/vnd.apple.mpegurl"),
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    Ok((headers, text))
}

/// A piece of an archived file, for players
///
/// `{part}` is `init.mp4`, `<offset>-<length>.m4s` as in the playlist, or `file.mp4`: all of it as it was recorded.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/archived/{file}/{part}", tag = "archive",
    params(("id" = Uuid, Path), ("file" = i64, Path), ("part" = String, Path)), responses(
    (status = 200, content_type = "video/mp4", description = "The bytes"),
    (status = 404, body = ProblemDocument, description = "There is no such piece"),
    (status = 503, body = ProblemDocument, description = "The bucket does not answer"),
))]
pub(crate) async fn piece(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Path((id, file, part)): Path<(Uuid, i64, String)>,
) -> Result<Response, Problem> {
    let object = app.archive.object(file).await?;
    if object.camera != CameraId(id) {
        return Err(heron_archive::ArchiveError::NotFound { what: "recording", id: file }.into());
    }
    if part == "file.mp4" {
        return whole(&app, file).await;
    }
    let bytes: Bytes = match part.strip_suffix(".m4s").and_then(|range| range.split_once('-')) {
        Some((offset, length)) => match (offset.parse(), length.parse()) {
            (Ok(offset), Ok(length)) => app.archive.piece(file, offset, length).await?,
            _ => return Err(Problem::not_found(format!("{part:?} is no piece of a recording"))),
        },
        None if part == "init.mp4" => app.archive.init(file).await?,
        None => return Err(Problem::not_found(format!("{part:?} is no piece of a recording"))),
    };
    let representation = Representation {
        etag: format!("\"archived-{file:x}-{part}-{}\"", object.sha256),
        content: Arc::new(bytes),
        content_type: HeaderValue::from_static("video/mp4"),
        cache_control: "private, max-age=31536000, immutable",
    };
    Ok(serve(&method, &headers, representation))
}

async fn whole(app: &App, file: i64) -> Result<Response, Problem> {
    let (object, bytes) = app.archive.read(file).await?;
    let mut response = Response::new(Body::from_stream(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(object.bytes));
    Ok(response)
}
