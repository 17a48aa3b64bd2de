//! What was not recorded, and why: one by one, and by day.

use super::live::StreamName;
use crate::extract::{Path, Query};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use crate::wire::{Page, limit};
use axum::Json as Answer;
use axum::extract::State;
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use heron_record::GapCursor;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which gaps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GapsQuery {
    #[param(value_type = String, format = DateTime)]
    start: WallTime,
    #[param(value_type = String, format = DateTime)]
    end: WallTime,
    /// Both when absent.
    stream: Option<StreamName>,
    /// Items per page, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A stretch without footage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GapItem {
    id: i64,
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    #[schema(value_type = String, format = DateTime)]
    start: WallTime,
    /// Null while it lasts.
    #[schema(value_type = Option<String>, format = DateTime)]
    end: Option<WallTime>,
    /// `camera_unreachable`, `disabled`, `restart`, `volume_full`, `volume_failed`, `overrun`, `stream_discontinuity`,
    /// `damaged`, or `not_scheduled`, which is no fault: nothing was to be recorded.
    reason: &'static str,
    /// How long it lasted, or has lasted so far.
    seconds: f64,
}

/// Gaps in what was recorded, newest first
#[utoipa::path(get, path = "/api/v1/cameras/{id}/gaps", tag = "playback", params(("id" = Uuid, Path), GapsQuery),
    responses((status = 200, body = Page<GapItem>), (status = 404, body = ProblemDocument)))]
pub(crate) async fn list(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<GapsQuery>,
) -> Result<Answer<Page<GapItem>>, Problem> {
    let camera = app.cameras.get(CameraId(id))?.id;
    let most = limit(query.limit)?;
    let after: Option<GapCursor> = query.cursor.as_deref().map(str::parse).transpose()?;
    let (range, stream) = ((query.start, query.end), query.stream.map(StreamKind::from));
    let (gaps, next) =
        app.disk(move |rooms| rooms.playback.gaps(camera, stream, range, most, after)).await??;
    let now = app.clock.now();
    let items = gaps.into_iter().map(|g| GapItem {
        id: g.gap.id,
        stream: g.stream,
        start: g.gap.start,
        end: g.gap.end,
        reason: g.gap.reason.as_str(),
        seconds: g.gap.end.unwrap_or(now).saturating_since(g.gap.start).as_secs_f64(),
    });
    Ok(Answer(Page { items: items.collect(), next: next.map(|c| c.to_string()) }))
}

/// Which days.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DaysQuery {
    #[param(value_type = String, format = DateTime)]
    start: WallTime,
    /// At most 100 days after `start`.
    #[param(value_type = String, format = DateTime)]
    end: WallTime,
    /// `main` when absent.
    #[serde(default)]
    stream: StreamName,
}

/// What a day has.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DayItem {
    #[schema(value_type = String, format = Date)]
    date: jiff::civil::Date,
    /// Seconds of footage.
    recorded_s: f64,
    /// Seconds without footage although there was to be some.
    missing_s: f64,
    /// Seconds without footage in which there was to be none.
    not_scheduled_s: f64,
    /// Gaps in which footage is missing.
    count: u64,
    /// Seconds without footage by reason.
    by_reason: BTreeMap<&'static str, f64>,
}

/// Days of a place.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Days {
    /// That of the camera's site.
    timezone: String,
    /// In order; the first and the last as far as they are within the range.
    days: Vec<DayItem>,
}

/// What was recorded and what is missing, day by day
///
/// Days are those of the camera's site; one on which its clocks change has 23 or 25 hours.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/gaps/days", tag = "playback", params(("id" = Uuid, Path), DaysQuery),
    responses((status = 200, body = Days), (status = 404, body = ProblemDocument)))]
pub(crate) async fn days(
    State(app): State<App>,
    Path(id): Path<Uuid>,
    Query(query): Query<DaysQuery>,
) -> Result<Answer<Days>, Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    let sites = app.cameras.sites();
    let timezone = sites.iter().find(|s| s.id == camera.site).map_or("UTC", |s| &s.timezone).to_owned();
    let zone = TimeZone::get(&timezone).unwrap_or(TimeZone::UTC);
    let stream = StreamKey::new(camera.id, query.stream.into());
    let found =
        app.disk(move |rooms| rooms.playback.gap_days(stream, query.start, query.end, &zone)).await??;
    let days = found.into_iter().map(|d| DayItem {
        date: d.date,
        recorded_s: d.recorded_s,
        missing_s: d.missing_s,
        not_scheduled_s: d.not_scheduled_s,
        count: d.count,
        by_reason: d.by_reason,
    });
    Ok(Answer(Days { timezone, days: days.collect() }))
}
