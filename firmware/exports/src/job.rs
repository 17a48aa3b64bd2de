//! What an export is: what was asked for, and how far it is.

use heron_core::{CameraId, StreamKind, WallTime};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// How the footage leaves the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One MP4 of one camera that any player opens.
    Mp4,
    /// MP4s of up to sixteen cameras in a ZIP, with a signed manifest and a page that plays them.
    Zip,
}

impl ExportFormat {
    /// As in the API and at the end of file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Zip => "zip",
        }
    }

    /// Media type of the file.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mp4 => "video/mp4",
            Self::Zip => "application/zip",
        }
    }
}

/// Where an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// Waiting for its turn.
    Queued,
    /// Being written or read back.
    Running,
    /// Its file is there.
    Done,
    /// It stopped; `error` says why. It may be resumed.
    Failed,
    /// A person stopped it; its file was removed. It may be started anew.
    Cancelled,
}

impl ExportState {
    const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// As in the API and the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the worker has it or will.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

impl fmt::Display for ExportState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ExportState {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|v| v.as_str() == s).ok_or_else(|| format!("{s:?} is not a state"))
    }
}

/// A camera of an export, with the name it had when it was asked for: it may be renamed or removed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedCamera {
    /// The camera.
    pub id: CameraId,
    /// What people called it.
    pub name: String,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Their account.
    pub id: Uuid,
    /// Their user name.
    pub name: String,
    /// Whether they see everybody's exports or their own alone.
    pub sees_all: bool,
}

/// What to export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRequest {
    /// 1 to 16, each once.
    pub cameras: Vec<ExportedCamera>,
    /// Which stream of each.
    pub stream: StreamKind,
    /// First instant.
    pub start: WallTime,
    /// End, exclusive; at most 24 h after `start`.
    pub end: WallTime,
    /// In which form.
    pub format: ExportFormat,
    /// The fragments as they were recorded, with their seals, instead of MP4s that play exactly from start to end.
    pub evidence: bool,
    /// For people: why it was made. At most 500 characters.
    pub note: Option<String>,
    /// IANA name of the time zone where the cameras are: the page shows times in it.
    pub timezone: String,
}

/// The finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// What to call it.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// An export.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Its identity; sorts by when it was asked for.
    pub id: Uuid,
    /// Where it stands.
    pub state: ExportState,
    /// What was asked for.
    pub request: ExportRequest,
    /// Bytes written.
    pub bytes_done: u64,
    /// Bytes it will have; an estimate until everything has been planned.
    pub bytes_total: u64,
    /// Bytes read back and compared.
    pub bytes_checked: u64,
    /// The file, once done.
    pub file: Option<ExportedFile>,
    /// Why it failed.
    pub error: Option<String>,
    /// What went differently than planned: footage that was deleted while it ran.
    pub remarks: Vec<String>,
    /// When it was asked for.
    pub created: WallTime,
    /// Who asked for it.
    pub created_by: String,
    /// When it ended.
    pub finished: Option<WallTime>,
    /// When its file will be deleted.
    pub expires: Option<WallTime>,
    pub(crate) owner: Uuid,
    pub(crate) volume: Option<Uuid>,
}

impl Export {
    /// How far it is, 0 to 1. Writing is half of the way and reading back the other half.
    pub fn progress(&self) -> f64 {
        if self.state == ExportState::Done {
            return 1.0;
        }
        let total = self.bytes_total.max(1) as f64 * 2.0;
        // One is for those that are done.
        ((self.bytes_done + self.bytes_checked) as f64 / total).clamp(0.0, 0.999)
    }

    pub(crate) fn is_seen_by(&self, asker: &Asker) -> bool {
        asker.sees_all || self.owner == asker.id
    }
}

/// Some exports, newest first, and where to go on.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportPage {
    /// The exports.
    pub items: Vec<Export>,
    /// Give it as `cursor` for older ones; `None` at the end.
    pub next: Option<String>,
}
