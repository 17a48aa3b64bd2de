//! What can go wrong.

use heron_core::ErrorKind;
use heron_store::StoreError;

/// A failure of the archive. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The caller's fault.
    #[error("{field}: {detail}")]
    Invalid {
        /// The field to blame.
        field: &'static str,
        /// What is wrong with it and what would be right.
        detail: String,
    },
    /// No bucket is configured.
    #[error("no archive is configured; set its address, bucket and keys first")]
    NotConfigured,
    /// There is no such job or object.
    #[error("the archive has no {what} {id}")]
    NotFound {
        /// `job` or `recording`.
        what: &'static str,
        /// Its number.
        id: i64,
    },
    /// Too many items wait.
    #[error(
        "{0} ranges are waiting to be archived already; wait until some are done, or look why the bucket does not take them"
    )]
    Full(i64),
    /// The bucket's server refused, or could not be reached.
    #[error("{action} {place}: {problem}")]
    Remote {
        /// What was tried.
        action: &'static str,
        /// Endpoint and bucket.
        place: String,
        /// What came back.
        problem: String,
    },
    /// What is stored is not what was sent.
    #[error("{key} in the bucket is not what was recorded ({problem}); it is sent again")]
    Differs {
        /// The object's key.
        key: String,
        /// How it differs.
        problem: String,
    },
    /// The local file could not be read.
    #[error(transparent)]
    Record(#[from] heron_record::RecordError),
    /// Reading a local file failed.
    #[error("read the recording {key}: {source}")]
    Read {
        /// Which.
        key: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] heron_journal::JournalError),
    /// The secret cannot be sealed or opened.
    #[error("the secret: {0}")]
    Secret(String),
}

impl ArchiveError {
    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { field, detail: detail.into() }
    }

    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::NotConfigured => ErrorKind::Conflict,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Full(_) => ErrorKind::Exhausted,
            Self::Remote { .. } => ErrorKind::Unavailable,
            Self::Differs { .. } | Self::Read { .. } => ErrorKind::Damaged,
            Self::Record(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Journal(e) => e.kind(),
            Self::Secret(_) => ErrorKind::Internal,
        }
    }

    /// The field to blame, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            _ => None,
        }
    }
}
