//! Exports: recordings taken away, as jobs.

use super::live::StreamName;
use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::http::stream::{OpenFile, Representation, holding, serve};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, Paging, limit};
use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use heron_access::{Principal, Right};
use heron_core::{CameraId, ErrorKind, StreamKind, WallTime};
use heron_exports::{Asker, Export, ExportFormat, ExportState, MOST_CAMERAS, NewExport};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a download waits for its turn, and when to come back if it does not get one.
const TURN: Duration = Duration::from_secs(2);
const COME_BACK_SECS: u64 = 10;
/// How long a client may read nothing. It can go on with a range.
const UNREAD: Duration = Duration::from_secs(30);

/// In which form.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportFormat)]
pub(crate) enum FormatName {
    /// One camera as one MP4 that any player opens.
    Mp4,
    /// A ZIP: an MP4 of each hour of each camera, a signed manifest, a page that plays them offline, and how to check it.
    Zip,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ExportState)]
pub(crate) enum StateName {
    /// Waiting for its turn.
    Queued,
    /// Being written, or read back and compared.
    Running,
    /// The file is there.
    Done,
    /// `error` says why; it can be resumed.
    Failed,
    /// Stopped by a person; its file was removed.
    Cancelled,
}

/// What to export.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewExport)]
pub(crate) struct NewExportBody {
    /// 1 to 16 cameras.
    cameras: Vec<Uuid>,
    /// `main` when absent.
    #[schema(value_type = Option<StreamName>)]
    stream: Option<StreamKind>,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most 24 hours after `start`, and not in the future.
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    format: FormatName,
    /// The fragments exactly as they were recorded, with their seals: `herond verify` names the first altered one. They
    /// begin and end with a fragment, not exactly at `start` and `end`.
    #[serde(default)]
    evidence: bool,
    /// Why; at most 500 characters. It stands in the manifest.
    note: Option<String>,
}

/// The finished file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportedFile)]
pub(crate) struct FileView {
    name: String,
    bytes: u64,
    /// Hexadecimal.
    sha256: String,
}

/// An export.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export)]
pub(crate) struct ExportView {
    id: Uuid,
    state: StateName,
    /// 0 to 1. Writing is half of the way, reading back and comparing the other half.
    progress: f64,
    /// Written.
    bytes_done: u64,
    /// An estimate until everything has been planned.
    bytes_total: u64,
    #[schema(value_type = Vec<Uuid>)]
    cameras: Vec<CameraId>,
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    format: FormatName,
    evidence: bool,
    note: Option<String>,
    file: Option<FileView>,
    /// Why it failed, in words.
    error: Option<String>,
    /// What went differently: footage that was deleted while it was being exported.
    remarks: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    created: WallTime,
    created_by: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished: Option<WallTime>,
    /// When the file will be deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires: Option<WallTime>,
}

impl From<Export> for ExportView {
    fn from(e: Export) -> Self {
        let progress = e.progress();
        let request = e.request;
        Self {
            id: e.id,
            state: match e.state {
                ExportState::Queued => StateName::Queued,
                ExportState::Running => StateName::Running,
                ExportState::Done => StateName::Done,
                ExportState::Failed => StateName::Failed,
                ExportState::Cancelled => StateName::Cancelled,
            },
            progress,
            bytes_done: e.bytes_done,
            bytes_total: e.bytes_total,
            cameras: request.cameras.iter().map(|c| c.id).collect(),
            stream: request.stream,
            start: request.start,
            end: request.end,
            format: match request.format {
                ExportFormat::Mp4 => FormatName::Mp4,
                ExportFormat::Zip => FormatName::Zip,
            },
            evidence: request.evidence,
            note: request.note,
            file: e.file.map(|f| FileView { name: f.name, bytes: f.bytes, sha256: f.sha256 }),
            error: e.error,
            remarks: e.remarks,
            created: e.created,
            created_by: e.created_by,
            finished: e.finished,
            expires: e.expires,
        }
    }
}

/// Administrators see everybody's exports.
fn asker(who: &Principal) -> Asker {
    Asker { id: who.user, name: who.username.to_string(), sees_all: who.role.may(Right::Configure) }
}

/// All exports, newest first
///
/// Administrators see everybody's, others their own.
#[utoipa::path(get, path = "/api/v1/exports", tag = "exports", params(Paging), responses(
    (status = 200, body = Page<ExportView>),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Who(who): Who,
    Query(paging): Query<Paging>,
) -> Result<Answer<Page<ExportView>>, Problem> {
    let most = limit(paging.limit)?;
    let page =
        app.disk(move |rooms| rooms.exports.list(&asker(&who), most, paging.cursor.as_deref())).await??;
    Ok(Answer(Page { items: page.items.into_iter().map(Into::into).collect(), next: page.next }))
}

/// Export recordings
///
/// A job: it waits for its turn and is written so slowly that recording is not disturbed. It goes on after a restart.
#[utoipa::path(post, path = "/api/v1/exports", tag = "exports", request_body = NewExportBody, responses(
    (status = 201, body = ExportView, headers(("Location" = String, description = "The export's address"))),
    (status = 404, body = ProblemDocument, description = "No such camera, or nothing was recorded"),
    (status = 413, body = ProblemDocument, description = "It would take more room than exports may"),
    (status = 429, body = ProblemDocument, description = "Too many are waiting"),
))]
pub(crate) async fn create(
    State(app): State<App>,
    Who(who): Who,
    Json(body): Json<NewExportBody>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Answer<ExportView>), Problem> {
    // The register is asked only as often as the room would accept.
    let cameras: Vec<(CameraId, Option<String>)> = body
        .cameras
        .iter()
        .take(MOST_CAMERAS + 1)
        .map(|id| (CameraId(*id), app.cameras.get(CameraId(*id)).ok().map(|c| c.name.clone())))
        .collect();
    let first = cameras.iter().find_map(|(id, _)| app.cameras.get(*id).ok());
    let sites = app.cameras.sites();
    let site = first.and_then(|c| sites.into_iter().find(|s| s.id == c.site));
    let new = NewExport {
        cameras,
        stream: body.stream.unwrap_or(StreamKind::Main),
        start: body.start,
        end: body.end,
        format: match body.format {
            FormatName::Mp4 => ExportFormat::Mp4,
            FormatName::Zip => ExportFormat::Zip,
        },
        evidence: body.evidence,
        note: body.note,
        timezone: site.unwrap_or_else(|| app.cameras.default_site()).timezone,
    };
    let export = app.disk(move |rooms| rooms.exports.create(&asker(&who), new)).await??;
    let location = [(header::LOCATION, format!("/api/v1/exports/{}", export.id))];
    Ok((StatusCode::CREATED, location, Answer(export.into())))
}

/// One export
#[utoipa::path(get, path = "/api/v1/exports/{id}", tag = "exports", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ExportView),
    (status = 404, body = ProblemDocument, description = "No such export, or somebody else's"),
))]
pub(crate) async fn get(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<Answer<ExportView>, Problem> {
    Ok(Answer(app.disk(move |rooms| rooms.exports.get(&asker(&who), id)).await??.into()))
}

/// Stop an export and remove its file
#[utoipa::path(post, path = "/api/v1/exports/{id}/cancel", tag = "exports", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ExportView),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "It is over"),
))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<Answer<ExportView>, Problem> {
    Ok(Answer(app.disk(move |rooms| rooms.exports.cancel(&asker(&who), id)).await??.into()))
}

/// Take a failed or cancelled export on again
///
/// A failed one goes on where it was, a cancelled one begins anew.
#[utoipa::path(post, path = "/api/v1/exports/{id}/resume", tag = "exports", params(("id" = Uuid, Path)), responses(
    (status = 200, body = ExportView),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "It neither failed nor was it cancelled"),
    (status = 429, body = ProblemDocument, description = "Too many are waiting"),
))]
pub(crate) async fn resume(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<Answer<ExportView>, Problem> {
    Ok(Answer(app.disk(move |rooms| rooms.exports.resume(&asker(&who), id)).await??.into()))
}

/// Delete an export and its file
///
/// The recordings themselves stay.
#[utoipa::path(delete, path = "/api/v1/exports/{id}", tag = "exports", params(("id" = Uuid, Path)), responses(
    (status = 204),
    (status = 404, body = ProblemDocument),
))]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    app.disk(move |rooms| rooms.exports.delete(&asker(&who), id)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// The file of a finished export
///
/// Serves single byte ranges, so that a download can be resumed. Who downloads it is noted in the journal.
#[utoipa::path(get, path = "/api/v1/exports/{id}/file", tag = "exports", params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The whole file", content_type = "application/octet-stream"),
    (status = 206, description = "The range asked for", content_type = "application/octet-stream"),
    (status = 304, description = "It is what `If-None-Match` names"),
    (status = 404, body = ProblemDocument, description = "No such export, or somebody else's"),
    (status = 409, body = ProblemDocument, description = "It is not done"),
    (status = 416, body = ProblemDocument, description = "The range lies outside the file"),
    (status = 429, body = ProblemDocument, description = "Too many downloads; `Retry-After` says how long to wait"),
))]
pub(crate) async fn file(
    State(app): State<App>,
    Who(who): Who,
    method: Method,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let turn = app.downloads().one_within(who.session, TURN).await.ok_or_else(|| {
        Problem::of(ErrorKind::Exhausted, "Too many exports are being downloaded at once. Try again later.")
            .retry_after(COME_BACK_SECS)
    })?;
    let asks = asker(&who);
    let open = app.disk(move |rooms| rooms.exports.open(&asks, id)).await??;
    let representation = Representation {
        etag: open.etag,
        content: Arc::new(OpenFile { file: Arc::new(open.file), len: open.bytes }),
        content_type: HeaderValue::from_static(open.media_type),
        cache_control: "private, no-cache",
    };
    let mut response = serve(&method, &headers, representation);
    if !response.status().is_success() {
        return Ok(response);
    }
    // The name is letters, digits, `-`, `_` and `.`: nothing to escape.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", open.name)) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    if method == Method::GET {
        app.disk(move |rooms| rooms.exports.note_download(&asker(&who), id)).await?;
        response = holding(response, turn, UNREAD);
    }
    Ok(response)
}
