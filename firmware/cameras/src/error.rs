//! What can go wrong with the register.

use heron_core::{CameraId, ErrorKind};
use heron_store::StoreError;
use std::borrow::Cow;

/// A failure of the camera register. Never holds a password.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CamerasError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller's fault.
    #[error("{field}: {detail}")]
    Invalid {
        /// The field to blame.
        field: Cow<'static, str>,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// It contradicts what is there.
    #[error("{field}: {detail}")]
    Conflict {
        /// The field to blame.
        field: &'static str,
        /// With what.
        detail: String,
    },
    /// No such camera.
    #[error("there is no camera {0}")]
    NoCamera(CameraId),
    /// No such site.
    #[error("there is no site {0}")]
    NoSite(uuid::Uuid),
    /// As many cameras as there may be.
    #[error("there are {0} cameras already, which is as many as one box takes; delete one first")]
    Full(usize),
    /// A stored password does not open with this key.
    #[error(
        "the stored password of camera {0} cannot be opened with this box's key (the key file was replaced or the database comes from another box); enter the password again"
    )]
    Sealed(CameraId),
    /// The key file cannot be used.
    #[error("{0}")]
    KeyFile(String),
}

impl CamerasError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(e) => e.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Conflict { .. } | Self::Full(_) => ErrorKind::Conflict,
            Self::NoCamera(_) | Self::NoSite(_) => ErrorKind::NotFound,
            Self::Sealed(_) => ErrorKind::Damaged,
            Self::KeyFile(_) => ErrorKind::Unavailable,
        }
    }
    /// The field to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::Conflict { field, .. } => Some(field),
            _ => None,
        }
    }
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self::Invalid { field: field.into(), detail: detail.into() }
    }
}

impl From<rusqlite::Error> for CamerasError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Store(e.into())
    }
}
