//! # settings (signatures first; bodies follow)
#![allow(clippy::todo, missing_docs, unused_variables)]
use heron_core::{CameraId, Clock, ErrorKind, WallTime};
use heron_store::{Migrations, Store, StoreError};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

pub const MIGRATIONS: Migrations = Migrations { room: "settings", steps: &[] };

#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `field` is the key.
    #[error("{field}: {detail}")]
    Invalid { field: String, detail: String },
    #[error("version conflict")]
    Conflict { expected: u64, found: u64 },
    #[error("not found: {0}")]
    NotFound(String),
}
impl SettingsError {
    pub fn kind(&self) -> ErrorKind {
        todo!()
    }
    /// The key to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        todo!()
    }
}
pub type Result<T, E = SettingsError> = std::result::Result<T, E>;

/// `system`, `customer`, `site:{id}`, `camera:{id}`: Display, FromStr, serde as that string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    System,
    Customer,
    Site(Uuid),
    Camera(CameraId),
}
impl std::str::FromStr for Scope {
    type Err = SettingsError;
    fn from_str(s: &str) -> Result<Self> {
        todo!()
    }
}
impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    System,
    Customer,
    Site,
    Camera,
}
#[derive(Clone, Copy, Debug)]
pub enum KeyType {
    Bool { default: bool },
    Integer { default: i64, min: i64, max: i64 },
    Text { default: &'static str, max_chars: usize },
    Choice { default: &'static str, of: &'static [&'static str] },
    TimeZone { default: &'static str },
}
/// One setting a room registers.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: KeyType,
    pub unit: Option<&'static str>,
    pub help: &'static str,
    pub scopes: &'static [ScopeKind],
}
/// The keys this release knows, for `Settings::open`.
pub const KEYS: &[Key] = &[];

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Version {
    pub scope: String,
    /// 0 = nothing set yet.
    pub version: u64,
    pub values: BTreeMap<String, Value>,
    pub author: String,
    pub reason: Option<String>,
    pub time: Option<WallTime>,
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effective {
    pub value: Value,
    /// `default` or a scope.
    pub from: String,
}
/// Everything that holds for one thing, with typed getters.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct EffectiveSettings(pub BTreeMap<String, Effective>);
impl EffectiveSettings {
    pub fn text(&self, key: &str) -> &str {
        todo!()
    }
    pub fn integer(&self, key: &str) -> i64 {
        todo!()
    }
    pub fn bool(&self, key: &str) -> bool {
        todo!()
    }
}

#[derive(Clone)]
pub struct Settings;
impl Settings {
    pub async fn open(store: Store, clock: Arc<dyn Clock>, keys: &[&'static [Key]]) -> Result<Self> {
        todo!()
    }
    /// From memory.
    pub fn get(&self, scope: Scope) -> Version {
        todo!()
    }
    /// From memory. `chain` in any order; camera beats site beats customer beats system.
    pub fn effective(&self, chain: &[Scope]) -> EffectiveSettings {
        todo!()
    }
    /// Replaces what is set at `scope`. A null value means "not set here".
    pub async fn put(
        &self,
        scope: Scope,
        values: BTreeMap<String, Value>,
        expected_version: Option<u64>,
        author: &str,
        reason: Option<String>,
    ) -> Result<Version> {
        todo!()
    }
    /// Newest first.
    pub async fn versions(&self, scope: Scope, limit: usize, before: Option<u64>) -> Result<Vec<Version>> {
        todo!()
    }
    pub async fn rollback(
        &self,
        scope: Scope,
        version: u64,
        author: &str,
        reason: Option<String>,
    ) -> Result<Version> {
        todo!()
    }
    /// When a camera or site is deleted.
    pub async fn forget(&self, scope: Scope) -> Result<()> {
        todo!()
    }
    /// Counts changes; re-read what you use when it moves.
    pub fn changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
    /// JSON Schema (2020-12) of the `values` of a scope.
    pub fn schema(&self, scope: ScopeKind) -> Value {
        todo!()
    }
}
impl Scope {
    pub fn kind(self) -> ScopeKind {
        todo!()
    }
}
