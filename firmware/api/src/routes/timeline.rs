//! What is recorded, what is missing, and why.

use super::live::StreamName;
use crate::extract::{Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use heron_core::{CameraId, StreamKind, WallTime};
use heron_record::layout::Origin;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which part of the time line.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    #[param(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most 100 days after `start`.
    #[param(value_type = String, format = DateTime)]
    end: WallTime,
    /// Width of a bin in milliseconds, at least 100; no bins when absent.
    #[param(minimum = 100)]
    bin: Option<u32>,
}

/// Footage without a hole.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Span {
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// `backfill` for what was fetched later from the camera's own storage, `keys` for what thinning left: one picture per
    /// key frame. Absent for what came as it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'static str>,
}

/// What a span says of where it came from.
fn origin(origin: Origin) -> Option<&'static str> {
    match origin {
        Origin::Live | Origin::Copy => None,
        Origin::Backfill => Some("backfill"),
        Origin::Keys => Some("keys"),
    }
}

/// A stretch without footage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Gap {
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
    /// `camera_unreachable`, `disabled`, `restart`, `volume_full`, `volume_failed`, `overrun`, `stream_discontinuity`,
    /// `damaged`, or `not_scheduled`, which is no fault: nothing was to be recorded.
    reason: &'static str,
}

/// The share of each bin that is covered, per stream; absent for a stream that was never recorded.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Coverage {
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Vec<f32>>,
}

/// The time line in bins of equal width.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Bins {
    /// Start of the first bin.
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    width_ms: i64,
    /// Covered share, 0 to 1.
    coverage: Coverage,
    /// Events that began.
    events: Vec<u32>,
}

/// A range that is locked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LockedRange {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    #[schema(value_type = String, format = DateTime)]
    end: WallTime,
}

/// The time line of a camera.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timeline {
    spans: Vec<Span>,
    gaps: Vec<Gap>,
    /// Locks that overlap the range, whole.
    locks: Vec<LockedRange>,
    /// Null when no `bin` was asked for.
    bins: Option<Bins>,
}

/// What is recorded between two instants
#[utoipa::path(get, path = "/api/v1/cameras/{id}/timeline", tag = "playback", params(("id" = Uuid, Path), TimelineQuery),
    responses((status = 200, body = Timeline), (status = 404, body = ProblemDocument)))]
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<TimelineQuery>,
) -> Result<Answer<Timeline>, Problem> {
    let camera = app.cameras.get(CameraId(id))?.id;
    let TimelineQuery { start, end, bin } = query;
    let width = bin.map(|ms| Duration::from_millis(u64::from(ms)));
    let (found, locks) = app
        .disk(move |rooms| {
            let found = rooms.playback.timeline(camera, start, end, width)?;
            Ok::<_, heron_record::RecordError>((found, rooms.recorder.locks_of(camera, start, end)?))
        })
        .await??;
    let locks = locks.into_iter().map(|l| LockedRange { id: l.id, start: l.start, end: l.end }).collect();
    let bins = match (found.bins, bin) {
        (Some(bins), Some(width_ms)) => {
            let mut coverage = Coverage::default();
            for (kind, shares) in bins.coverage {
                match kind {
                    StreamKind::Main => coverage.main = Some(shares),
                    StreamKind::Sub => coverage.sub = Some(shares),
                }
            }
            let events = app.journal.density(camera, start, end, width_ms).await?;
            Some(Bins { start: bins.start, width_ms: bins.width_nanos / 1_000_000, coverage, events })
        }
        _ => None,
    };
    let spans = found.spans.into_iter();
    let spans = spans
        .map(|s| Span { stream: s.stream, start: s.start, end: s.end, origin: origin(s.origin) })
        .collect();
    let gaps = found.gaps.into_iter();
    let gaps = gaps
        .map(|g| Gap { stream: g.stream, start: g.start, end: g.end, reason: g.reason.as_str() })
        .collect();
    Ok(Answer(Timeline { spans, gaps, locks, bins }))
}
