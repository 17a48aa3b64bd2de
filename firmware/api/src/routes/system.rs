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
    /// Frames that are held for those who read them, and the bound of all of them together.
    stream_memory: StreamMemory,
    /// Streams by state.
    streams: CameraCounts,
}

/// What the rings of all streams hold. Beyond the bound the largest backlog gives way and a gap says so.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamMemory {
    /// Now.
    used_bytes: u64,
    /// The most since the daemon started.
    peak_bytes: u64,
    /// The bound: `memory_mib` of the configuration, or an eighth of the machine's memory (64 MiB to 1 GiB).
    limit_bytes: u64,
    /// How often a stream had to give way since the daemon started.
    given_way: u64,
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
        stream_memory: StreamMemory {
            used_bytes: app.hub.used_bytes() as u64,
            peak_bytes: app.hub.peak_bytes() as u64,
            limit_bytes: app.hub.limit_bytes() as u64,
            given_way: app.hub.given_way(),
        },
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
