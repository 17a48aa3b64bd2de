//! What can go wrong in the recorder, in words that say what to do.

use heron_core::{ErrorKind, StreamKey};
use std::path::PathBuf;

/// An error of this room. Paths in messages are the operator's own volume paths.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A range, bin or id in a request makes no sense; `field` is the request's field to blame.
    #[error("{field}: {problem}")]
    Invalid {
        /// The request field to blame: `start`, `end`, `bin`, `time`, `volumes`, or a field of a lock or mark.
        field: &'static str,
        /// What is wrong with it and what would be right.
        problem: String,
    },
    /// Nothing of the stream was recorded in the range.
    #[error("nothing of {stream} was recorded between {start} and {end}; ask the timeline for what there is")]
    NothingRecorded {
        /// The stream asked for.
        stream: StreamKey,
        /// Start of the range.
        start: heron_core::WallTime,
        /// End of the range.
        end: heron_core::WallTime,
    },
    /// There is no segment with that id, or no longer.
    #[error("there is no recorded segment {0}; it may have been deleted by retention")]
    NoSuchSegment(i64),
    /// There is no such lock, or no longer.
    #[error("there is no lock {0}; it may have been removed")]
    NoSuchLock(uuid::Uuid),
    /// A fragment range named in a request does not lie on the fragments of its segment.
    #[error("segment {segment} has no whole fragments in the {length} bytes from {offset}")]
    NoSuchFragment {
        /// The segment.
        segment: i64,
        /// First byte asked for.
        offset: u64,
        /// Number of bytes asked for.
        length: u64,
    },
    /// A clip of that length cannot be planned.
    #[error("end: {0}")]
    TooLong(String),
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        #[source]
        source: std::io::Error,
    },
    /// A volume cannot be used.
    #[error("volume {}: {problem}", path.display())]
    Volume {
        /// Its configured path.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A recorded file does not hold what the catalogue says.
    #[error("recording {} is damaged: {problem}; run `herond fsck`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// The catalogue could not be read or written.
    #[error("the recording catalogue: {0}")]
    Store(#[from] heron_store::StoreError),
    /// Footage cannot be proven, or not in one file.
    #[error("the footage from {at} cannot be exported with evidence: {why}")]
    NoEvidence {
        /// From when.
        at: heron_core::WallTime,
        /// Why, and what to do.
        why: String,
    },
    /// Something that is done once at a time is being done.
    #[error("{0}")]
    Busy(&'static str),
    /// The recorder has been shut down.
    #[error("the recorder has been shut down")]
    ShutDown,
}

impl RecordError {
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
        source: impl Into<std::io::Error>,
    ) -> Self {
        Self::Io { doing, path: path.into(), source: source.into() }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid { field, problem: problem.into() }
    }

    /// The request field to blame, if one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { field, .. } => Some(field),
            Self::TooLong(_) => Some("end"),
            _ => None,
        }
    }

    /// What sort of failure this is, for HTTP and exit status.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::TooLong(_) => ErrorKind::TooLarge,
            Self::NothingRecorded { .. }
            | Self::NoSuchSegment(_)
            | Self::NoSuchLock(_)
            | Self::NoSuchFragment { .. } => ErrorKind::NotFound,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            Self::Io { .. } | Self::Volume { .. } | Self::ShutDown => ErrorKind::Unavailable,
            Self::NoEvidence { .. } => ErrorKind::Conflict,
            Self::Busy(_) => ErrorKind::Exhausted,
            Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Store(e) => e.kind(),
        }
    }
}
