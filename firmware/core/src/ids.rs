//! Identity of cameras and of their streams.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A camera's identity: a UUID given when it is added. It survives renames and a change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CameraId(pub Uuid);

impl CameraId {
    /// A new identity (UUID version 7, so that ids sort by when the camera was added).
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl FromStr for CameraId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(s).map(Self)
    }
}

/// Which of a camera's streams: the full picture, or the small one meant for tiles and detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// The camera's full-resolution stream.
    Main,
    /// The camera's low-resolution stream.
    Sub,
}

impl StreamKind {
    /// Both kinds, main first.
    pub const ALL: [Self; 2] = [Self::Main, Self::Sub];

    /// `main` or `sub`, as in URLs and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Sub => "sub",
        }
    }
}

impl fmt::Display for StreamKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StreamKind {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "main" => Ok(Self::Main),
            "sub" => Ok(Self::Sub),
            other => Err(format!("stream must be \"main\" or \"sub\", not {other:?}")),
        }
    }
}

/// One stream of one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamKey {
    /// The camera.
    pub camera: CameraId,
    /// Which of its streams.
    pub kind: StreamKind,
}

impl StreamKey {
    /// The `kind` stream of `camera`.
    pub fn new(camera: CameraId, kind: StreamKind) -> Self {
        Self { camera, kind }
    }
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.camera, self.kind)
    }
}
