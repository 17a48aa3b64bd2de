//! What can go wrong with an export, in words that say what to do.

use heron_core::ErrorKind;
use heron_record::RecordError;
use heron_store::StoreError;
use std::io;
use std::path::PathBuf;
use uuid::Uuid;

/// An error of this room.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A field of the request makes no sense.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// There is no such export, or it is somebody else's.
    #[error("there is no export {0}; it may have been deleted, or belong to somebody else")]
    NoSuchExport(Uuid),
    /// A camera that was never there.
    #[error("cameras: there is no camera {0}, and nothing recorded of one")]
    NoSuchCamera(heron_core::CameraId),
    /// Nothing of any camera was recorded in the range.
    #[error("nothing was recorded of these cameras in this range; ask the timeline for what there is")]
    NothingRecorded,
    /// It does not fit, whatever is deleted.
    #[error("end: the export would take about {needed} and exports may take {allowed} in all; {advice}")]
    TooLarge {
        /// Bytes, for people.
        needed: String,
        /// Bytes, for people.
        allowed: String,
        /// What to do.
        advice: &'static str,
    },
    /// It does not fit now.
    #[error("there is no room for about {needed} now: {why}")]
    NoRoom {
        /// Bytes, for people.
        needed: String,
        /// What is in the way and what to do.
        why: String,
    },
    /// Too many are waiting.
    #[error("{0} exports are waiting already, no more are taken; wait until some are done, or cancel some")]
    TooMany(usize),
    /// What was asked for does not go with the export's state.
    #[error("the export is {state}: {problem}")]
    Conflict {
        /// Its state.
        state: &'static str,
        /// Why that does not go.
        problem: &'static str,
    },
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        #[source]
        source: io::Error,
    },
    /// The volume that holds the file is not there.
    #[error("the export lies on a recording volume that is not there; mount it, or export again")]
    VolumeAway,
    /// What was written is not what comes back.
    #[error("the disk gave back other bytes than were written to {}; check the disk, then resume the export", .0.display())]
    ReadBack(PathBuf),
    /// The recorder.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The database.
    #[error("the list of exports: {0}")]
    Store(#[from] StoreError),
    /// The manifest could not be signed.
    #[error("the manifest cannot be signed: {0}")]
    Sign(#[from] heron_evidence::KeyError),
    /// The room has been shut down.
    #[error("the box is shutting down")]
    ShutDown,
}

impl ExportError {
    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }

    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io { doing, path: path.into(), source: source.into() }
    }

    /// Whether a write failed for want of room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The request field to blame, if one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::NoSuchCamera(_) => Some("cameras"),
            Self::TooLarge { .. } => Some("end"),
            Self::Record(e) => e.field(),
            _ => None,
        }
    }

    /// What sort of failure this is, for HTTP.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::NoSuchExport(_) | Self::NoSuchCamera(_) | Self::NothingRecorded => ErrorKind::NotFound,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::TooMany(_) => ErrorKind::Exhausted,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::NoRoom { .. } | Self::Io { .. } | Self::VolumeAway | Self::ShutDown => {
                ErrorKind::Unavailable
            }
            Self::ReadBack(_) => ErrorKind::Damaged,
            Self::Record(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Sign(e) => e.kind(),
        }
    }
}
