//! Events: what happened, for people and for the fleet.

use crate::{CameraId, WallTime};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Good to know.
    Standard,
    /// Worth a look today.
    Medium,
    /// Needs somebody soon.
    High,
    /// Needs somebody now.
    Critical,
}

/// An event before the journal has numbered it. Kinds are dotted: `camera.unreachable`, `recording.gap`,
/// `volume.full`, `access.login_failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventDraft {
    /// Dotted kind, lower case.
    pub kind: String,
    /// The camera it concerns, if one.
    pub camera: Option<CameraId>,
    /// When it began.
    pub start: WallTime,
    /// When it ended; `None` while it lasts or when it has no length.
    pub end: Option<WallTime>,
    /// How much it matters.
    pub severity: Severity,
    /// Who did it: a user name, or the room that noticed.
    pub actor: String,
    /// Plain words.
    pub text: Option<String>,
    /// Whatever else belongs to the kind.
    pub detail: serde_json::Value,
}

/// An event as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Sortable id.
    pub id: Ulid,
    /// Position in the journal, from 1, without holes.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub draft: EventDraft,
}

impl EventDraft {
    /// An event of `kind` at `start` with nothing else said of it.
    pub fn new(kind: &str, severity: Severity, start: WallTime, actor: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            camera: None,
            start,
            end: None,
            severity,
            actor: actor.to_owned(),
            text: None,
            detail: serde_json::Value::Null,
        }
    }
    /// Concerning `camera`.
    pub fn camera(mut self, camera: CameraId) -> Self {
        self.camera = Some(camera);
        self
    }
    /// In plain words.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
    /// With `detail`.
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }
    /// Ended at `end`.
    pub fn end(mut self, end: WallTime) -> Self {
        self.end = Some(end);
        self
    }
}
