//! How full the volumes are, and how long that will do.

use super::health::HealthStatus;
use super::live::StreamName;
use crate::problem::Problem;
use crate::state::App;
use axum::Json as Answer;
use axum::extract::State;
use heron_core::{CameraId, StreamKind, WallTime};
use heron_record::VolumeState;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Whether footage can be written. A volume that is nearly full is well: retention makes room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StorageState {
    /// Every volume records.
    Ok,
    /// Some volume does not.
    Warning,
    /// No volume has room that could be made.
    Full,
    /// No volume can be written.
    Failed,
}

/// A recording volume.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Volume {
    /// Null until it has been seen once.
    id: Option<Uuid>,
    path: String,
    /// `ok`, `full`, `failed` or `missing`.
    state: &'static str,
    /// What is wrong, in words.
    problem: Option<String>,
    /// Size of its file system.
    total_bytes: u64,
    free_bytes: u64,
    /// Taken by recordings.
    recordings_bytes: u64,
    /// Kept free.
    reserve_bytes: u64,
    /// At most this much footage.
    quota_bytes: Option<u64>,
    /// `spread`: streams are recorded to it; `mirror`: second copies; `events`: copies of events.
    role: &'static str,
    /// Streams recorded to it now.
    streams: u64,
    /// Failed writes and syncs since the start.
    write_errors: u64,
    /// Failed syncs since the start.
    sync_errors: u64,
    /// How long writes and syncs took in the last minute.
    write_latency_ms: WriteLatency,
    /// What is known of its disk; null when nothing is.
    health: Option<DiskHealth>,
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<WallTime>,
    #[schema(value_type = Option<String>, format = DateTime)]
    newest: Option<WallTime>,
}

/// How long a disk takes, milliseconds; 0 when it did nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WriteLatency {
    mean: f64,
    max: f64,
}

/// How a disk is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DiskHealth {
    /// `ok`, `warning` or `failing`.
    verdict: &'static str,
    /// Why, and what to do.
    text: String,
}

/// What one stream takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamStorage {
    #[schema(value_type = Uuid)]
    camera: CameraId,
    /// Null when the camera was removed and its footage is still there.
    camera_name: Option<String>,
    #[schema(value_type = StreamName)]
    stream: StreamKind,
    bytes: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<WallTime>,
    #[schema(value_type = Option<String>, format = DateTime)]
    newest: Option<WallTime>,
    /// What is written, bits per second over the last minute.
    bit_rate: u64,
}

/// All storage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Storage {
    state: StorageState,
    volumes: Vec<Volume>,
    /// What all streams write together, bits per second.
    write_bit_rate: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest: Option<WallTime>,
    /// Days between the oldest footage and now.
    days_stored: f64,
    /// Days the volumes can hold at the present rate; null while nothing is written.
    days_expected: Option<f64>,
    streams: Vec<StreamStorage>,
}

/// How full, how old, how long
#[utoipa::path(get, path = "/api/v1/storage", tag = "storage", responses((status = 200, body = Storage)))]
pub(crate) async fn get(State(app): State<App>) -> Result<Answer<Storage>, Problem> {
    let report = app.disk(|rooms| rooms.recorder.storage()).await??;
    let state = overall(report.volumes.iter().map(|v| &v.state));
    let volumes = report.volumes.into_iter().map(|v| Volume {
        id: v.id.map(|id| id.0),
        path: v.path.display().to_string(),
        state: v.state.as_str(),
        problem: v.problem,
        total_bytes: v.total_bytes,
        free_bytes: v.free_bytes,
        recordings_bytes: v.recordings_bytes,
        reserve_bytes: v.reserve_bytes,
        quota_bytes: v.quota_bytes,
        role: v.role.as_str(),
        streams: v.streams,
        write_errors: v.write_errors,
        sync_errors: v.sync_errors,
        write_latency_ms: WriteLatency { mean: v.latency.mean_ms, max: v.latency.max_ms },
        health: v.health.map(|h| DiskHealth { verdict: h.verdict.as_str(), text: h.text }),
        oldest: v.oldest,
        newest: v.newest,
    });
    let streams = report.streams.into_iter().map(|s| StreamStorage {
        camera: s.stream.camera,
        camera_name: app.cameras.get(s.stream.camera).ok().map(|c| c.name.clone()),
        stream: s.stream.kind,
        bytes: s.bytes,
        oldest: s.oldest,
        newest: s.newest,
        bit_rate: s.bit_rate.0,
    });
    Ok(Answer(Storage {
        state,
        volumes: volumes.collect(),
        write_bit_rate: report.write_bit_rate.0,
        oldest: report.oldest,
        days_stored: report.days_stored,
        days_expected: report.days_expected,
        streams: streams.collect(),
    }))
}

/// The state of all volumes together: what still records counts, then what only lacks room.
fn overall<'v>(states: impl Iterator<Item = &'v VolumeState> + Clone) -> StorageState {
    let (mut ok, mut full, mut all) = (0, 0, 0);
    for state in states {
        all += 1;
        match state {
            VolumeState::Ok => ok += 1,
            VolumeState::Full => full += 1,
            VolumeState::Failed | VolumeState::Missing => {}
        }
    }
    match (ok, full) {
        (ok, _) if ok == all => StorageState::Ok,
        (1.., _) => StorageState::Warning,
        (0, 1..) => StorageState::Full,
        _ => StorageState::Failed,
    }
}

/// For the health routes: a verdict, and each volume's state.
pub(crate) fn volumes_state(app: &App) -> (HealthStatus, serde_json::Value) {
    let volumes = app.recorder.volumes();
    let verdict = match overall(volumes.iter().map(|v| &v.state)) {
        StorageState::Ok => HealthStatus::Healthy,
        StorageState::Warning => HealthStatus::Degraded,
        StorageState::Full | StorageState::Failed => HealthStatus::Unhealthy,
    };
    let each = volumes.iter().map(|v| {
        serde_json::json!({"path": v.path.display().to_string(), "state": v.state.as_str(), "problem": v.problem})
    });
    (verdict, each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use VolumeState::{Failed, Full, Missing, Ok};

    #[test]
    fn one_good_volume_is_a_warning_and_none_is_a_failure() {
        for (states, expected) in [
            (&[Ok, Ok][..], StorageState::Ok),
            (&[Ok, Missing], StorageState::Warning),
            (&[Ok, Full], StorageState::Warning),
            (&[Full, Failed], StorageState::Full),
            (&[Failed, Missing], StorageState::Failed),
        ] {
            assert_eq!(overall(states.iter()), expected);
        }
    }
}
