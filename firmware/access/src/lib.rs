//! # access (signatures first; bodies follow)
#![allow(clippy::todo, missing_docs, unused_variables)]
use heron_core::{Clock, ErrorKind, EventDraft, WallTime};
use heron_store::{Migrations, Store, StoreError};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;
use zeroize::Zeroizing;

pub const MIGRATIONS: Migrations = Migrations { room: "access", steps: &[] };

#[derive(Debug, Clone, thiserror::Error)]
pub enum AccessError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{field}: {detail}")]
    Invalid { field: &'static str, detail: String },
    /// Wrong user name or password, token unknown, expired or revoked; says no more than that. 401.
    #[error("unauthenticated")]
    Unauthenticated,
    #[error("forbidden: {0}")]
    Forbidden(String),
    #[error("not found: {0}")]
    NotFound(String),
    #[error("conflict: {0}")]
    Conflict(String),
    /// 409, problem `already-claimed`.
    #[error("already claimed")]
    AlreadyClaimed,
    /// 409: `POST /setup` first.
    #[error("not claimed")]
    NotClaimed,
    /// 429 with Retry-After.
    #[error("locked out")]
    LockedOut { retry_after: Duration },
    /// 429: too many sign-ins at once.
    #[error("busy")]
    Exhausted { retry_after: Duration },
}
impl AccessError {
    pub fn kind(&self) -> ErrorKind {
        todo!()
    }
    pub fn field(&self) -> Option<&str> {
        todo!()
    }
    /// For the Retry-After header.
    pub fn retry_after(&self) -> Option<Duration> {
        todo!()
    }
}
pub type Result<T, E = AccessError> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Admin,
    Supervisor,
    Viewer,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    Live,
    Audio,
    Playback,
    Export,
    Ptz,
    Acknowledge,
    Configure,
    Delete,
    Users,
}
impl Role {
    pub fn rights(self) -> &'static [Right] {
        todo!()
    }
}
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    pub role: Role,
    pub disabled: bool,
    pub created: WallTime,
    pub last_login: Option<WallTime>,
}
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    pub username: String,
    pub password: String,
    pub role: Role,
}
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    pub role: Option<Role>,
    pub password: Option<String>,
    pub disabled: Option<bool>,
}
/// Who is asking.
#[derive(Clone, Debug)]
pub struct Principal {
    pub user: Uuid,
    pub username: Arc<str>,
    pub role: Role,
    pub session: Uuid,
    pub expires: WallTime,
}
impl Principal {
    /// `Err(Forbidden)` naming the right.
    pub fn require(&self, right: Right) -> Result<()> {
        todo!()
    }
}
/// Answer of claim, login and refresh.
#[derive(Clone)]
pub struct Login {
    pub access_token: Zeroizing<String>,
    pub refresh_token: Zeroizing<String>,
    /// Seconds the access token is good for.
    pub expires_in: u64,
    pub user: User,
}
#[derive(Clone, Debug, Serialize)]
pub struct SessionSummary {
    pub id: Uuid,
    pub user: Uuid,
    pub created: WallTime,
    pub last_used: WallTime,
    pub address: IpAddr,
    pub agent: Option<String>,
}
/// Where a request comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The peer's own address, never a forwarded header.
    pub address: IpAddr,
    pub agent: Option<String>,
}
#[derive(Clone, Debug, Default)]
pub struct AccessOptions {}
/// Gets the audit events; must not block (a `try_send` into a bounded channel that feeds the journal).
pub type AuditSink = Arc<dyn Fn(EventDraft) + Send + Sync>;

#[derive(Clone)]
pub struct Access;
impl Access {
    pub async fn open(
        store: Store,
        clock: Arc<dyn Clock>,
        options: AccessOptions,
        audit: AuditSink,
    ) -> Result<Self> {
        todo!()
    }
    pub fn is_claimed(&self) -> bool {
        todo!()
    }
    /// The token to print and to write to the token file; the same across restarts until claimed; `None` once claimed.
    pub fn claim_token(&self) -> Option<String> {
        todo!()
    }
    pub async fn claim(&self, token: &str, username: &str, password: &str, origin: Origin) -> Result<Login> {
        todo!()
    }
    pub async fn login(&self, username: &str, password: &str, origin: Origin) -> Result<Login> {
        todo!()
    }
    pub async fn refresh(&self, refresh_token: &str, origin: Origin) -> Result<Login> {
        todo!()
    }
    pub async fn logout(&self, who: &Principal) -> Result<()> {
        todo!()
    }
    /// In memory, quick.
    pub fn authenticate(&self, access_token: &str) -> Result<Principal> {
        todo!()
    }
    /// For long-lived sockets: whether the session still stands.
    pub fn is_live(&self, session: Uuid) -> bool {
        todo!()
    }
    /// Moves when users or sessions change: sockets then ask `is_live`.
    pub fn changes(&self) -> watch::Receiver<u64> {
        todo!()
    }
    pub fn user(&self, id: Uuid) -> Result<User> {
        todo!()
    }
    pub fn users(&self) -> Vec<User> {
        todo!()
    }
    /// Requires `Right::Users`, as do the next two.
    pub async fn create_user(&self, by: &Principal, new: NewUser) -> Result<User> {
        todo!()
    }
    pub async fn update_user(&self, by: &Principal, id: Uuid, patch: UserPatch) -> Result<User> {
        todo!()
    }
    pub async fn delete_user(&self, by: &Principal, id: Uuid) -> Result<()> {
        todo!()
    }
    pub async fn change_own_password(&self, by: &Principal, old: &str, new: &str) -> Result<()> {
        todo!()
    }
    /// Own sessions, or all of them for those who may manage users.
    pub fn sessions(&self, by: &Principal) -> Vec<SessionSummary> {
        todo!()
    }
    pub async fn revoke_session(&self, by: &Principal, session: Uuid) -> Result<()> {
        todo!()
    }
}
