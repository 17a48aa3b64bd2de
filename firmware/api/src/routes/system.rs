//! The box itself.

use super::camera_status::{CameraCounts, counts};
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use heron_core::WallTime;
use serde::Serialize;
use utoipa::ToSchema;

/// The box.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct System {
    name: String,
    version: String,
    /// When the daemon started.
    #[schema(value_type = String, format = DateTime)]
    started: WallTime,
    /// Its clock.
    #[schema(value_type = String, format = DateTime)]
    time: WallTime,
    /// IANA time zone of the site it stands at.
    timezone: String,
    /// Since the daemon started, seconds.
    uptime_s: u64,
    /// Memory of the daemon (resident set), bytes.
    memory_bytes: u64,
    /// Streams by state.
    streams: CameraCounts,
}

/// The box itself
#[utoipa::path(get, path = "/api/v1/system", tag = "system", responses((status = 200, body = System)))]
pub(crate) async fn get(State(app): State<App>) -> Answer<System> {
    let time = app.clock.now();
    Answer(System {
        name: app.identity.name.clone(),
        version: app.identity.version.clone(),
        started: app.identity.started,
        time,
        timezone: app.cameras.default_site().timezone,
        uptime_s: time.saturating_since(app.identity.started).as_secs(),
        memory_bytes: memory_bytes().await,
        streams: counts(&app),
    })
}

/// Resident set of this process (proc(5), `statm`), bytes; zero where there is no /proc.
pub(crate) async fn memory_bytes() -> u64 {
    let Ok(text) = tokio::fs::read_to_string("/proc/self/statm").await else {
        return 0;
    };
    let pages: u64 = text.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * PAGE_BYTES
}

/// The page size of every kernel that Heron is built for.
const PAGE_BYTES: u64 = 4096;
