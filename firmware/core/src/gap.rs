//! Why a stream was not recorded for a while.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The reason of a gap in a recording. A gap is a fact: it is kept, shown and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// No pictures came from the camera.
    CameraUnreachable,
    /// The camera was disabled or its recording switched off by a person.
    Disabled,
    /// The daemon was not running: a restart, an update, a crash or a power cut.
    Restart,
    /// The volume had no room that could be made.
    VolumeFull,
    /// The volume could not be written.
    VolumeFailed,
    /// The recorder's reader was overrun: the disk was slower than the cameras for too long.
    Overrun,
    /// Packets were lost on the way, or the camera's time line jumped.
    StreamDiscontinuity,
    /// A file was found damaged or missing after the fact.
    Damaged,
    /// Nothing was to be recorded: outside the schedule, or nothing happened that calls for it.
    NotScheduled,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::CameraUnreachable,
        Self::Disabled,
        Self::Restart,
        Self::VolumeFull,
        Self::VolumeFailed,
        Self::Overrun,
        Self::StreamDiscontinuity,
        Self::Damaged,
        Self::NotScheduled,
    ];

    /// The snake_case name, as in the API and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CameraUnreachable => "camera_unreachable",
            Self::Disabled => "disabled",
            Self::Restart => "restart",
            Self::VolumeFull => "volume_full",
            Self::VolumeFailed => "volume_failed",
            Self::Overrun => "overrun",
            Self::StreamDiscontinuity => "stream_discontinuity",
            Self::Damaged => "damaged",
            Self::NotScheduled => "not_scheduled",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for GapReason {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|r| r.as_str() == s).ok_or_else(|| format!("{s:?} is not a gap reason"))
    }
}
