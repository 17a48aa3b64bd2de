//! What a session looks like from outside.

use crate::{AccessError, Result, Right, Role, User};
use heron_core::WallTime;
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The peer's own address, never one from a header: locks hang on it.
    pub address: IpAddr,
    /// `User-Agent`, for the list of sessions; cut at 200 characters.
    pub agent: Option<String>,
}

/// Who is asking: the answer of [`crate::Access::authenticate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user.
    pub user: Uuid,
    /// Their name.
    pub username: Arc<str>,
    /// Their role at this moment.
    pub role: Role,
    /// The session.
    pub session: Uuid,
    /// When the access token ends.
    pub expires: WallTime,
}

impl Principal {
    /// # Errors
    /// [`AccessError::Forbidden`] naming the right that is missing.
    pub fn require(&self, right: Right) -> Result<()> {
        if self.role.may(right) { Ok(()) } else { Err(AccessError::Forbidden(right)) }
    }
}

/// The answer of claim, login and refresh. The tokens are wiped from memory when dropped and never shown.
#[derive(Clone)]
pub struct Login {
    /// 43 characters of base64url.
    pub access_token: Zeroizing<String>,
    /// 64 characters of base64url.
    pub refresh_token: Zeroizing<String>,
    /// Seconds that the access token lasts.
    pub expires_in: u64,
    /// Who signed in.
    pub user: User,
    /// Their session.
    pub session: Uuid,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, session {})", self.user.username, self.session)
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SessionSummary {
    /// Identity; no secret.
    pub id: Uuid,
    /// Whose.
    pub user: Uuid,
    /// Since when.
    pub created: WallTime,
    /// When its tokens were last renewed.
    pub last_used: WallTime,
    /// From where.
    pub address: IpAddr,
    /// With which browser.
    pub agent: Option<String>,
    /// It is the one that asks.
    pub current: bool,
}
