//! Locks: ranges of footage that are kept, whatever the rules of retention say.

use crate::audit;
use crate::auth::Who;
use crate::extract::{Json, Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, Paging, limit};
use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use heron_core::{CameraId, WallTime};
use heron_record::NewLock;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A locked range.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lock)]
pub(crate) struct LockView {
    id: Uuid,
    #[schema(value_type = Uuid)]
    camera: CameraId,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// Why.
    reason: String,
    /// Who locked it.
    by: String,
    #[schema(value_type = String, format = DateTime)]
    created: WallTime,
}

impl From<heron_record::Lock> for LockView {
    fn from(lock: heron_record::Lock) -> Self {
        let heron_record::Lock { id, camera, start, end, reason, by, created } = lock;
        Self { id, camera, start, end, reason, by, created }
    }
}

/// What to lock.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockRequest {
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most 31 days after `start`; may lie in the future.
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// Why: 1 to 500 characters.
    reason: String,
}

/// Lock footage
///
/// All streams of the camera, also what is recorded in the range later. It is never deleted until the lock is removed.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/locks", tag = "storage", params(("id" = Uuid, Path)),
    request_body = LockRequest,
    responses((status = 201, body = LockView), (status = 404, body = ProblemDocument)))]
pub(crate) async fn create(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<LockRequest>,
) -> Result<(StatusCode, Answer<LockView>), Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    let LockRequest { start, end, reason } = body;
    let reason = reason.trim().to_owned();
    let new = NewLock { camera: camera.id, start, end, reason, by: who.username.to_string() };
    let lock = app.disk(move |rooms| rooms.recorder.lock(new)).await??;
    let text = format!("Footage of {} from {start} to {end} was locked: {}", camera.name, lock.reason);
    audit::note(&app, &who, "recording.locked", Some(camera.id), text, &[]).await;
    Ok((StatusCode::CREATED, Answer(lock.into())))
}

/// Which part of a camera's footage.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LocksQuery {
    /// Locks that end later; all when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    start: Option<WallTime>,
    /// Locks that begin earlier; all when absent.
    #[param(value_type = Option<String>, format = DateTime)]
    end: Option<WallTime>,
}

/// The locks of a camera, oldest first
#[utoipa::path(get, path = "/api/v1/cameras/{id}/locks", tag = "storage", params(("id" = Uuid, Path), LocksQuery),
    responses((status = 200, body = Page<LockView>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn of_camera(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<LocksQuery>,
) -> Result<Answer<Page<LockView>>, Problem> {
    let camera = app.cameras.get(CameraId(id))?.id;
    let start = query.start.unwrap_or(WallTime(i64::MIN));
    let end = query.end.unwrap_or(WallTime(i64::MAX));
    let locks = app.disk(move |rooms| rooms.recorder.locks_of(camera, start, end)).await??;
    Ok(Answer(Page::whole(locks.into_iter().map(Into::into).collect())))
}

/// The locks of all cameras, newest first
#[utoipa::path(get, path = "/api/v1/locks", tag = "storage", params(Paging),
    responses((status = 200, body = Page<LockView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(query): Query<Paging>,
) -> Result<Answer<Page<LockView>>, Problem> {
    let limit = limit(query.limit)?;
    let cursor = match query.cursor.as_deref().map(str::parse::<Uuid>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return Err(Problem::invalid("`cursor`: this is not one that a list has given.").field("cursor"));
        }
    };
    let most = u32::try_from(limit).unwrap_or(u32::MAX);
    let locks = app.disk(move |rooms| rooms.recorder.locks(most, cursor)).await??;
    let next = locks.last().filter(|_| locks.len() == limit).map(|l| l.id.to_string());
    Ok(Answer(Page { items: locks.into_iter().map(Into::into).collect(), next }))
}

/// Remove a lock
///
/// Its footage is kept as any other from now on, which may mean that it goes at once.
#[utoipa::path(delete, path = "/api/v1/locks/{id}", tag = "storage", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 404, body = ProblemDocument)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let lock = app.disk(move |rooms| rooms.recorder.unlock(id)).await??;
    let text = format!(
        "The lock on footage from {} to {} ({}, by {}) was removed.",
        lock.start, lock.end, lock.reason, lock.by
    );
    audit::note(&app, &who, "recording.unlocked", Some(lock.camera), text, &[]).await;
    Ok(StatusCode::NO_CONTENT)
}
