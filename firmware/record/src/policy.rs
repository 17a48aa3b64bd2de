//! What to record, and what ingest says of a stream.

use crate::trigger::is_awaited;
use heron_core::schedule::InForce;
pub use heron_core::{PlainMode, RecordMode};
use heron_core::{Schedule, StreamState, WallTime};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

/// Recorded before and after an event unless a policy says otherwise: 10 s each, so that what has no length makes a
/// clip of 20 s.
pub const USUAL_ROLL: Duration = Duration::from_secs(10);

/// A week's plan and the clock it goes by.
#[derive(Clone, Debug, PartialEq)]
pub struct WeekPlan {
    /// The week and its holidays.
    pub schedule: Schedule,
    /// Of the site.
    pub zone: TimeZone,
}

/// How a stream is recorded. How long it is kept is [`crate::RetentionRules`]'. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordPolicy {
    /// When.
    pub mode: RecordMode,
    /// The week's plan of mode `schedule`; without one that mode records all the time: rather too much than too little.
    pub plan: Option<Arc<WeekPlan>>,
    /// Kept from before a trigger; held in memory, so at most a minute counts.
    pub pre_roll: Duration,
    /// Recorded after a trigger's end.
    pub post_roll: Duration,
    /// Kinds of events that mode `event` waits for; empty: [`crate::trigger::ALARMS`].
    pub events: Arc<[String]>,
}

impl Default for RecordPolicy {
    fn default() -> Self {
        Self::of(RecordMode::Continuous)
    }
}

impl RecordPolicy {
    /// In `mode`, with everything else as usual.
    pub fn of(mode: RecordMode) -> Self {
        Self { mode, plan: None, pre_roll: USUAL_ROLL, post_roll: USUAL_ROLL, events: Arc::new([]) }
    }
    /// Record all the time.
    pub fn continuous() -> Self {
        Self::of(RecordMode::Continuous)
    }
    /// Do not record.
    pub fn off() -> Self {
        Self::of(RecordMode::Off)
    }

    /// The mode that holds at `now`, and until when.
    pub fn in_force(&self, now: WallTime) -> InForce {
        let plain = |mode| InForce { mode, until: None };
        match (self.mode.plain(), &self.plan) {
            (Some(mode), _) => plain(mode),
            (None, Some(plan)) => plan.schedule.in_force(now, &plan.zone),
            (None, None) => plain(PlainMode::Continuous),
        }
    }

    /// The mode that holds at `now`.
    pub fn mode_at(&self, now: WallTime) -> PlainMode {
        match (self.mode.plain(), &self.plan) {
            (Some(mode), _) => mode,
            (None, Some(plan)) => plan.schedule.mode_at(now, &plan.zone),
            (None, None) => PlainMode::Continuous,
        }
    }

    /// Whether a recording in `mode` waits for events of `kind`.
    pub fn awaits(&self, mode: PlainMode, kind: &str) -> bool {
        is_awaited(mode, &self.events, kind)
    }
}

/// Why a stream is being recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordReason {
    /// All the time.
    Continuous,
    /// The week's plan says all the time now.
    Schedule,
    /// Something moves.
    Motion,
    /// An event of this kind.
    Event(Arc<str>),
}

impl std::fmt::Display for RecordReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Continuous => f.write_str("continuous"),
            Self::Schedule => f.write_str("schedule"),
            Self::Motion => f.write_str("motion"),
            Self::Event(kind) => write!(f, "event:{kind}"),
        }
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
    /// The mode in force; `None` before the first look at the stream.
    pub mode: Option<PlainMode>,
    /// Why it is to be recorded now; `None` while nothing is to be.
    pub why: Option<RecordReason>,
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
    /// When its writer last looked at it: five times a second, unless a disk does not answer.
    pub looked_at: Option<WallTime>,
    /// Bytes held in memory for the pre-roll.
    pub pre_roll_bytes: u64,
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
