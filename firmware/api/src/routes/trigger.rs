//! Recording because somebody says so.

use super::recording;
use crate::auth::Who;
use crate::extract::{Json, Path};
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use heron_core::{CameraId, ErrorKind, EventDraft, Severity, WallTime};
use heron_record::trigger::MANUAL;
use heron_record::{Trigger, TriggerOutcome};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest recording that one request asks for; the next request lengthens it.
const LONGEST_S: u32 = 3600;
/// Characters of what somebody says about it.
const LONGEST_TEXT: usize = 1000;
/// Characters of the kind.
const LONGEST_KIND: usize = 64;

/// Why and for how long to record.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Trigger)]
pub(crate) struct TriggerBody {
    /// What it is about, for people and programs: lower-case words with dots between them, such as `manual` or
    /// `door.forced`. `manual` when absent.
    kind: Option<String>,
    /// In plain words; at most 1,000 characters.
    text: Option<String>,
    /// How long what happens lasts, 0 to 3,600; the post-roll comes after it. An instant when absent.
    #[schema(maximum = 3600)]
    seconds: Option<u32>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Triggered {
    /// Recorded at least until then; what is recorded all the time goes on after it.
    #[schema(value_type = String, format = DateTime)]
    until: WallTime,
}

/// Record a camera now
///
/// In the modes `motion` and `event` a recording begins with what is held in memory from before, and in mode
/// `continuous` the instant is marked. The event `recording.trigger` says who asked for it.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/trigger", tag = "cameras", params(("id" = Uuid, Path)),
    request_body = TriggerBody, responses(
    (status = 202, body = Triggered),
    (status = 404, body = ProblemDocument),
    (status = 409, body = ProblemDocument, description = "Nothing is to be recorded of the camera now"),
))]
pub(crate) async fn post(
    State(app): State<App>,
    Who(who): Who,
    Path(id): Path<Uuid>,
    Json(body): Json<TriggerBody>,
) -> Result<(StatusCode, Answer<Triggered>), Problem> {
    let camera = app.cameras.get(CameraId(id))?;
    let kind = body.kind.unwrap_or_else(|| "manual".to_owned());
    let word = |w: &str| {
        !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if kind.len() > LONGEST_KIND || !kind.split('.').all(word) {
        let words = "`kind` must be lower-case words with dots between them, such as manual or door.forced.";
        return Err(Problem::invalid(words).field("kind"));
    }
    if body.text.as_ref().is_some_and(|t| t.chars().count() > LONGEST_TEXT) {
        let words = format!("`text` must have at most {LONGEST_TEXT} characters.");
        return Err(Problem::invalid(words).field("text"));
    }
    let seconds = body.seconds.unwrap_or(0);
    if seconds > LONGEST_S {
        let words =
            format!("`seconds` must be 0 to {LONGEST_S}, not {seconds}; ask again to go on for longer.");
        return Err(Problem::invalid(words).field("seconds"));
    }
    let start = app.clock.now();
    let end = start + Duration::from_secs(seconds.into());
    let trigger = Trigger { camera: camera.id, stream: None, kind: MANUAL.into(), start, end: Some(end) };
    // Straight to the recorder: the journal tells it too, but a database that is slow must not cost the beginning.
    let until = match app.recorder.trigger(&trigger) {
        Some(TriggerOutcome::Recording { until }) => until,
        Some(TriggerOutcome::Continuous) => {
            end + Duration::from_secs(recording::effective(&app, &camera).post_roll_s.into())
        }
        Some(TriggerOutcome::Off | TriggerOutcome::NotAwaited) | None => {
            return Err(Problem::of(ErrorKind::Conflict, why_not(&camera.name, camera.enabled)));
        }
    };
    let text = body.text.unwrap_or_else(|| format!("{} had {} recorded.", who.username, camera.name));
    let mut draft = EventDraft::new(MANUAL, Severity::Standard, start, &who.username)
        .camera(camera.id)
        .text(text)
        .detail(json!({ "kind": kind }));
    draft.end = (seconds > 0).then_some(end);
    app.journal.append(draft).await?;
    Ok((StatusCode::ACCEPTED, Answer(Triggered { until })))
}

fn why_not(name: &str, enabled: bool) -> String {
    if enabled {
        format!(
            "Nothing is recorded of {name} now: its recording is off, or its schedule says so. Change `record.mode` first."
        )
    } else {
        format!("{name} is switched off. Switch it on first.")
    }
}
