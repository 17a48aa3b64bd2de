//! # cameras (signatures first; bodies follow)
#![allow(clippy::todo, missing_docs, unused_variables)]
use heron_core::{CameraId, Clock, ErrorKind, WallTime};
use heron_store::{Migrations, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

pub const MIGRATIONS: Migrations = Migrations { room: "cameras", steps: &[] };

#[derive(Debug, Clone, thiserror::Error)]
pub enum CamerasError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{field}: {detail}")]
    Invalid { field: &'static str, detail: String },
    #[error("conflict")]
    Conflict { field: &'static str, detail: String },
    #[error("there is no camera {0}")]
    NotFound(String),
    #[error("sealed with another key")]
    Sealed(String),
    #[error("key file: {0}")]
    KeyFile(String),
}
impl CamerasError {
    pub fn kind(&self) -> ErrorKind {
        todo!()
    }
    pub fn field(&self) -> Option<&str> {
        todo!()
    }
}
pub type Result<T, E = CamerasError> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    #[default]
    Auto,
    Tcp,
    Udp,
    Tls,
}
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordMode {
    #[default]
    Continuous,
    Off,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordPolicy {
    pub mode: RecordMode,
    pub sub: bool,
}
impl Default for RecordPolicy {
    fn default() -> Self {
        Self { mode: RecordMode::Continuous, sub: true }
    }
}
/// Serialises as the API's Camera without `status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Camera {
    pub id: CameraId,
    pub name: String,
    /// Never with credentials.
    pub source: Url,
    pub sub_source: Option<Url>,
    pub username: Option<String>,
    pub has_password: bool,
    pub transport: Transport,
    pub enabled: bool,
    pub site: Uuid,
    pub tags: Vec<String>,
    pub record: RecordPolicy,
    pub created: WallTime,
}
/// Body of POST /cameras.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCamera {
    pub name: String,
    pub source: String,
    #[serde(default)]
    pub sub_source: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub password: Option<String>,
    #[serde(default)]
    pub transport: Transport,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub site: Option<Uuid>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub record: RecordPolicy,
}
fn yes() -> bool {
    true
}
/// Body of PATCH /cameras/{id}: absent = unchanged, null = cleared.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CameraPatch {
    pub name: Option<String>,
    pub source: Option<String>,
    pub sub_source: Option<Option<String>>,
    pub username: Option<Option<String>>,
    pub password: Option<Option<String>>,
    pub transport: Option<Transport>,
    pub enabled: Option<bool>,
    pub site: Option<Uuid>,
    pub tags: Option<Vec<String>>,
    pub record: Option<RecordPatch>,
}
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordPatch {
    pub mode: Option<RecordMode>,
    pub sub: Option<bool>,
}
/// No Debug, no Serialize.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: Zeroizing<String>,
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Site {
    pub id: Uuid,
    pub name: String,
    /// IANA name.
    pub timezone: String,
}
/// What a source string means: for create, update and probe.
pub struct ParsedSource {
    pub url: Url,
    pub username: Option<String>,
    pub password: Option<Zeroizing<String>>,
}
pub fn parse_source(field: &'static str, text: &str) -> Result<ParsedSource> {
    todo!()
}

#[derive(Clone)]
pub struct Sealer;
impl Sealer {
    /// Reads the key file, or makes it (0600). Blocks.
    pub fn open_or_create(path: &Path) -> Result<Self> {
        todo!()
    }
}
#[derive(Clone)]
pub struct CameraRegister;
pub struct CameraPage {
    pub items: Vec<Arc<Camera>>,
    pub next: Option<String>,
}
impl CameraRegister {
    pub async fn open(store: Store, sealer: Sealer, clock: Arc<dyn Clock>) -> Result<Self> {
        todo!()
    }
    pub async fn create(&self, new: NewCamera) -> Result<Arc<Camera>> {
        todo!()
    }
    /// From memory.
    pub fn get(&self, id: CameraId) -> Result<Arc<Camera>> {
        todo!()
    }
    /// From memory, by id (oldest first).
    pub fn list(&self, limit: usize, cursor: Option<&str>) -> Result<CameraPage> {
        todo!()
    }
    /// All of them, from memory: at most 256.
    pub fn all(&self) -> Vec<Arc<Camera>> {
        todo!()
    }
    pub fn by_name(&self, name: &str) -> Option<Arc<Camera>> {
        todo!()
    }
    pub async fn update(&self, id: CameraId, patch: CameraPatch) -> Result<Arc<Camera>> {
        todo!()
    }
    pub async fn delete(&self, id: CameraId) -> Result<()> {
        todo!()
    }
    /// `None` when the camera has neither user name nor password.
    pub fn credentials(&self, id: CameraId) -> Result<Option<Credentials>> {
        todo!()
    }
    /// Cameras whose password cannot be unsealed with this key: say so and ask for them again.
    pub fn unreadable_passwords(&self) -> Vec<CameraId> {
        todo!()
    }
    /// Counts changes; compare `all()` with what runs when it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
    pub fn sites(&self) -> Vec<Site> {
        todo!()
    }
    /// There is always one.
    pub fn default_site(&self) -> Site {
        todo!()
    }
    /// Names the default site: at claim, or later.
    pub async fn set_site(&self, id: Uuid, name: Option<String>, timezone: Option<String>) -> Result<Site> {
        todo!()
    }
}
