//! What can go wrong with access.

use crate::Right;
use heron_core::ErrorKind;
use heron_store::StoreError;
use std::time::Duration;

/// A failure of access. Never holds a secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AccessError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller's fault.
    #[error("{field}: {detail}")]
    Invalid {
        /// The field to blame.
        field: &'static str,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// User name or password wrong; says no more than that.
    #[error("the user name or the password is wrong")]
    WrongCredentials,
    /// Token unknown, expired or revoked; says no more than that.
    #[error("the token is not valid or has expired; sign in again")]
    WrongToken,
    /// Not the claim token.
    #[error(
        "the claim token is wrong; it is on the console at start, on the box's label and in its token file"
    )]
    WrongClaimToken,
    /// The role does not allow it.
    #[error("your role does not allow this: it needs the right {:?}", .0.as_str())]
    Forbidden(Right),
    /// No such user or session.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `user` or `session`.
        what: &'static str,
        /// Which.
        id: uuid::Uuid,
    },
    /// It contradicts what is there.
    #[error("{field}: {detail}")]
    Conflict {
        /// The field to blame.
        field: &'static str,
        /// With what.
        detail: String,
    },
    /// Somebody owns the box already.
    #[error("this box has been claimed already; sign in, or reset it to claim it again")]
    AlreadyClaimed,
    /// Nobody owns the box yet.
    #[error("this box has not been claimed yet; claim it with its token first")]
    NotClaimed,
    /// Too many wrong passwords.
    #[error("too many wrong tries; try again in {} s", .retry_after.as_secs())]
    LockedOut {
        /// How long to wait, whole seconds, at least one.
        retry_after: Duration,
    },
    /// Too many sign-ins at once.
    #[error("too many people sign in at once; try again in {} s", .retry_after.as_secs())]
    Exhausted {
        /// How long to wait, whole seconds, at least one.
        retry_after: Duration,
    },
    /// The password could not be hashed.
    #[error("the password could not be processed: {0}")]
    Hashing(String),
}

impl AccessError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(e) => e.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::WrongCredentials | Self::WrongToken | Self::WrongClaimToken => ErrorKind::Unauthenticated,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Conflict { .. } | Self::AlreadyClaimed | Self::NotClaimed => ErrorKind::Conflict,
            Self::LockedOut { .. } | Self::Exhausted { .. } => ErrorKind::Exhausted,
            Self::Hashing(_) => ErrorKind::Internal,
        }
    }
    /// The field to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } | Self::Conflict { field, .. } => Some(field),
            Self::WrongClaimToken => Some("claim_token"),
            _ => None,
        }
    }
    /// For the `Retry-After` header: whole seconds, at least one.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::LockedOut { retry_after } | Self::Exhausted { retry_after } => Some(*retry_after),
            _ => None,
        }
    }
    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { field, detail: detail.into() }
    }
}

impl From<rusqlite::Error> for AccessError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Store(e.into())
    }
}
