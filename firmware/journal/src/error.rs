//! What can go wrong with the journal.

use heron_core::ErrorKind;
use heron_store::StoreError;

/// A failure of the journal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum JournalError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The caller's fault; `field` says where.
    #[error("{field}: {detail}")]
    Invalid {
        /// The field to blame.
        field: &'static str,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// No such event, or it is too old and has been removed.
    #[error("there is no event {0}; it may have been removed because of its age")]
    NotFound(String),
}

impl JournalError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Store(e) => e.kind(),
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::NotFound(_) => ErrorKind::NotFound,
        }
    }
    /// The field to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            _ => None,
        }
    }
    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { field, detail: detail.into() }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(e: rusqlite::Error) -> Self {
        Self::Store(e.into())
    }
}
