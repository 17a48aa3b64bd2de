//! What to record, and what ingest says of a stream.

use heron_core::{StreamState, WallTime};
use serde::{Deserialize, Serialize};

/// When a stream is recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RecordMode {
    /// All the time.
    #[default]
    Continuous,
    /// Never.
    Off,
}

/// How a stream is recorded. How long it is kept is [`crate::RetentionRules`]'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordPolicy {
    /// When.
    pub mode: RecordMode,
}

impl RecordPolicy {
    /// Record all the time.
    pub fn continuous() -> Self {
        Self::default()
    }
    /// Do not record.
    pub fn off() -> Self {
        Self { mode: RecordMode::Off }
    }
}

/// Why there are pictures or none: what ingest knows and the ledger must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StreamSituation {
    /// Trying for the first time, nothing has failed yet.
    #[default]
    Connecting,
    /// Connected.
    Online,
    /// The last try failed, or the camera is called unreachable.
    Unreachable,
    /// The camera is switched off by a person.
    Disabled,
}

impl From<&StreamState> for StreamSituation {
    fn from(state: &StreamState) -> Self {
        match state {
            StreamState::Disabled => Self::Disabled,
            StreamState::Connecting { failed_attempts: 0, .. } => Self::Connecting,
            StreamState::Connecting { .. } | StreamState::Unreachable { .. } => Self::Unreachable,
            StreamState::Online { .. } => Self::Online,
        }
    }
}

/// How the recording of a stream is doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamStatus {
    /// Since when without a gap; `None` while nothing is recorded.
    pub recording_since: Option<WallTime>,
    /// Why nothing is recorded.
    pub gap: Option<heron_core::GapReason>,
    /// Since when nothing is recorded.
    pub gap_since: Option<WallTime>,
    /// Bytes written since the recorder started.
    pub bytes_written: u64,
    /// Bytes per second over the last minute.
    pub bytes_per_second: u64,
    /// When a fragment was last written.
    pub last_write: Option<WallTime>,
    /// Up to when everything is recorded.
    pub recorded_until: Option<WallTime>,
    /// Access units that the last tick found waiting in the hub's ring.
    pub queue_depth: u64,
    /// Access units lost because the ring was full before the disk took them.
    pub overrun_units: u64,
    /// Access units passed over while waiting for a key frame.
    pub passed_over_units: u64,
    /// The volume it goes to.
    pub volume: Option<std::path::PathBuf>,
}

/// How hard recording is pressed: what others look at before they use the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Access units that the last tick found waiting, of the stream that had the most.
    pub deepest_queue: u64,
    /// Access units lost to full rings since the start, of all streams; it only grows.
    pub overrun_units: u64,
}
