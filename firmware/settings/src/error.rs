//! What can go wrong with settings.

use heron_core::ErrorKind;
use heron_store::StoreError;

/// A failure of the settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller's fault.
    #[error("{field}: {detail}")]
    Invalid {
        /// The key, or the argument, to blame.
        field: String,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// Somebody else changed the scope meanwhile.
    #[error(
        "the settings of {scope} are at version {found} by now, not {expected}: read them again and repeat the change"
    )]
    Conflict {
        /// The scope.
        scope: String,
        /// What the caller had read.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// No such version, or it is too old and has been removed.
    #[error("{scope} has no version {version}; the last 100 are kept")]
    NoVersion {
        /// The scope.
        scope: String,
        /// What was asked for.
        version: u64,
    },
}

impl SettingsError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(e) => e.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::NoVersion { .. } => ErrorKind::NotFound,
        }
    }
    /// The key or argument to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::Conflict { .. } | Self::NoVersion { .. } => Some("version"),
            Self::Store(_) => None,
        }
    }
    pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        // Names come from outside and end up in answers and logs.
        Self::Invalid { field: field.chars().take(100).collect(), detail: detail.into() }
    }
}

impl From<rusqlite::Error> for SettingsError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Store(e.into())
    }
}
