//! Why a file could not be read to its end, in words.

use heron_core::ErrorKind;
use std::io;

/// Why reading stopped before the end of the file. The text says where and what.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file ends inside a box or a fragment: a recording that was cut off.
    #[error("truncated: the {name} at byte {at} needs {needs} bytes, the file has {has} from there")]
    Truncated {
        /// Which box, or "fragment".
        name: String,
        /// Where it starts.
        at: u64,
        /// What it needs.
        needs: u64,
        /// What there is.
        has: u64,
    },
    /// No MP4 at all.
    #[error("not an MP4 file: it starts with {0}")]
    NotMp4(String),
    /// Media without a `moov` before it.
    #[error("the moov box is missing: the file has no init segment before byte {0}")]
    MoovMissing(u64),
    /// A box is larger than its parent or than the bound for its kind.
    #[error("the {name} box at byte {at} claims {claims} bytes where at most {most} can be")]
    TooLarge {
        /// Which box.
        name: String,
        /// Where it starts.
        at: u64,
        /// What it claims.
        claims: u64,
        /// What is possible there.
        most: u64,
    },
    /// A box whose content contradicts itself.
    #[error("the {name} box at byte {at} is damaged: {what}")]
    Malformed {
        /// Which box.
        name: String,
        /// Where it starts.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A sound MP4 that is not a Heron recording.
    #[error("not a Heron recording: {0}")]
    NotOurs(String),
    /// The disk did not give the bytes.
    #[error("could not be read at byte {at}: {error}")]
    Io {
        /// Where.
        at: u64,
        /// What the system said.
        error: io::Error,
    },
}

impl Problem {
    /// [`ErrorKind::Unavailable`] when the disk failed, else [`ErrorKind::Damaged`].
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Damaged,
        }
    }

    /// The file is sound up to here and then just ends: what a crash or a power cut leaves.
    pub fn is_truncation(&self) -> bool {
        matches!(self, Self::Truncated { .. })
    }

    pub(super) fn malformed(kind: &[u8; 4], at: u64, what: &'static str) -> Self {
        Self::Malformed { name: name(kind), at, what }
    }
}

/// Four characters as text, whatever they are.
pub(super) fn name(kind: &[u8; 4]) -> String {
    kind.escape_ascii().to_string()
}
