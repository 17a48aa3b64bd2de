//! Is the box well?

use super::camera_status::counts;
use super::storage::volumes_state;
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use heron_core::WallTime;
use heron_store::StoreHealth;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// How well the box is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    /// All is well.
    Healthy,
    /// It works, and somebody should look.
    Degraded,
    /// It does not do what it is for.
    Unhealthy,
}

/// A verdict.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
    /// `herond`.
    service: &'static str,
    version: String,
    #[schema(value_type = String, format = DateTime)]
    timestamp: WallTime,
    /// Nothing for strangers; by part at `/health/detailed`.
    #[schema(value_type = Object)]
    details: serde_json::Value,
}

fn verdict(app: &App) -> (HealthStatus, serde_json::Value) {
    let database = match *app.store.health().borrow() {
        StoreHealth::Good => HealthStatus::Healthy,
        StoreHealth::Damaged => HealthStatus::Degraded,
    };
    let (storage, volumes) = volumes_state(app);
    let cameras = counts(app);
    let unreachable = if cameras.unreachable > 0 { HealthStatus::Degraded } else { HealthStatus::Healthy };
    let worst = database.max(storage).max(unreachable);
    let details = json!({
        "database": {"status": database},
        "storage": {"status": storage, "volumes": volumes},
        "cameras": {"status": unreachable, "counts": cameras},
        "live": {"viewers": app.live.statistics().viewers, "streams": app.live.statistics().streams},
        "memory": {"stream_buffers_bytes": app.hub.used_bytes(), "stream_buffers_limit_bytes": app.hub.limit_bytes()},
    });
    (worst, details)
}

fn health(app: &App, status: HealthStatus, details: serde_json::Value) -> (StatusCode, Answer<Health>) {
    let code = match status {
        HealthStatus::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        HealthStatus::Healthy | HealthStatus::Degraded => StatusCode::OK,
    };
    let health = Health {
        status,
        service: "herond",
        version: app.identity.version.clone(),
        timestamp: app.clock.now(),
        details,
    };
    (code, Answer(health))
}

/// The verdict on the whole box
///
/// 200 while the box does what it is for, even degraded; 503 when it does not.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, body = Health, description = "`unhealthy`"),
))]
pub(crate) async fn overall(State(app): State<App>) -> (StatusCode, Answer<Health>) {
    let (status, _) = verdict(&app);
    health(&app, status, json!({}))
}

/// Is the process alive
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn live(State(app): State<App>) -> (StatusCode, Answer<Health>) {
    health(&app, HealthStatus::Healthy, json!({}))
}

/// Is it ready to be used
///
/// 503 while it shuts down.
#[utoipa::path(get, path = "/health/ready", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, body = Health, description = "It is shutting down"),
))]
pub(crate) async fn ready(State(app): State<App>) -> (StatusCode, Answer<Health>) {
    let status = if app.shutdown.is_cancelled() { HealthStatus::Unhealthy } else { HealthStatus::Healthy };
    health(&app, status, json!({}))
}

/// The verdict by part
///
/// For programs on this machine, or with a token.
#[utoipa::path(get, path = "/health/detailed", tag = "health", responses(
    (status = 200, body = Health),
    (status = 503, body = Health, description = "`unhealthy`"),
))]
pub(crate) async fn detailed(State(app): State<App>) -> (StatusCode, Answer<Health>) {
    let (status, details) = verdict(&app);
    health(&app, status, details)
}
