//! What settings of retention would come to, before they are applied.

use super::live::StreamName;
use super::settings::scope;
use crate::extract::Json;
use crate::problem::{Problem, ProblemDocument};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use heron_core::{CameraId, StreamKind, WallTime};
use heron_record::RetentionRules;
use heron_record::planner::RetentionPlan;
use heron_settings::Scope;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Settings to try out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanRequest {
    /// `system`, `customer`, `site:{id}` or `camera:{id}`.
    scope: String,
    /// Settings by key; what is not named stays, null falls back to the wider scope.
    #[schema(value_type = Object)]
    values: BTreeMap<String, Value>,
}

/// One stream's part of a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamPlan {
    #[schema(value_type = Uuid)]
    camera: CameraId,
    /// Null when the camera was removed and its footage is still there.
    camera_name: Option<String>,
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    /// Measured, bits per second.
    bit_rate: u64,
    /// Days of continuous footage; null while nothing is written.
    days_expected: Option<f64>,
    /// As set; 0: none.
    min_days: f64,
    /// As set; 0: none.
    max_days: f64,
}

/// What is amiss with a plan.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlanWarning {
    /// For programs, for example `min_days_do_not_fit`.
    code: &'static str,
    /// For people.
    text: String,
}

/// What settings come to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    /// Days that there will be of every stream; null while nothing is written.
    days_expected: Option<f64>,
    /// What stops the shortest stream: `room` or `age`.
    limited_by: Option<&'static str>,
    /// Room for recordings.
    usable_bytes: u64,
    /// What all streams write together, bits per second.
    write_bit_rate: u64,
    /// What would be deleted at once.
    deletes_bytes: u64,
    /// Nothing newer would be deleted at once; null: nothing would.
    #[schema(value_type = Option<String>, format = DateTime)]
    deletes_before: Option<WallTime>,
    streams: Vec<StreamPlan>,
    warnings: Vec<PlanWarning>,
}

/// What holds now, and what would.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plans {
    now: Plan,
    then: Plan,
}

/// What settings of retention would come to
///
/// Days from measured bit rates, what would be deleted at once, and what is amiss. Changes nothing.
#[utoipa::path(post, path = "/api/v1/storage/plan", tag = "storage", request_body = PlanRequest, responses(
    (status = 200, body = Plans),
    (status = 404, body = ProblemDocument, description = "There is no such site or camera"),
))]
pub(crate) async fn post(
    State(app): State<App>,
    Json(body): Json<PlanRequest>,
) -> Result<Answer<Plans>, Problem> {
    let scope = scope(&app, &body.scope)?;
    // Checked once, also where no camera is concerned.
    app.settings.proposed(&[scope], scope, &body.values)?;
    let asked = app.clone();
    let (now, then) = app
        .disk(move |rooms| {
            let rules = |camera, proposed| rules_of(&asked, camera, scope, &body.values, proposed);
            let now = rooms.recorder.plan(|camera| rules(camera, false))?;
            let then = rooms.recorder.plan(|camera| rules(camera, true))?;
            Ok::<_, heron_record::RecordError>((now, then))
        })
        .await??;
    Ok(Answer(Plans { now: worded(&app, now), then: worded(&app, then) }))
}

fn rules_of(
    app: &App,
    camera: CameraId,
    scope: Scope,
    values: &BTreeMap<String, Value>,
    proposed: bool,
) -> RetentionRules {
    let mut chain = vec![Scope::System, Scope::Customer];
    // What is left of a camera that was removed is kept as the box says.
    if let Ok(camera) = app.cameras.get(camera) {
        chain.extend([Scope::Site(camera.site), Scope::Camera(camera.id)]);
    }
    let now = || app.settings.effective(&chain);
    let holds = match proposed {
        true => app.settings.proposed(&chain, scope, values).unwrap_or_else(|_| now()),
        false => now(),
    };
    RetentionRules::from_settings(&holds)
}

fn worded(app: &App, plan: RetentionPlan) -> Plan {
    let streams = plan.streams.into_iter().map(|s| StreamPlan {
        camera: s.stream.camera,
        camera_name: app.cameras.get(s.stream.camera).ok().map(|c| c.name.clone()),
        stream: s.stream.kind,
        bit_rate: s.bytes_per_second * 8,
        days_expected: s.days_expected,
        min_days: s.min_days,
        max_days: s.max_days,
    });
    Plan {
        days_expected: plan.days_expected,
        limited_by: plan.limited_by.map(heron_record::planner::LimitedBy::as_str),
        usable_bytes: plan.usable_bytes,
        write_bit_rate: plan.bytes_per_second * 8,
        deletes_bytes: plan.deletes_bytes,
        deletes_before: plan.deletes_before,
        streams: streams.collect(),
        warnings: plan.warnings.into_iter().map(|w| PlanWarning { code: w.code, text: w.text }).collect(),
    }
}
