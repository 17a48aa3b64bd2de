//! What can go wrong with the database, in words.

use heron_core::ErrorKind;
use rusqlite::ErrorCode;
use std::cell::RefCell;
use std::path::PathBuf;

/// A failure of the store. `Clone`, because one failed commit answers every job of its batch.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened or created.
    #[error(
        "cannot open the database {path}: {reason}; check that its directory exists and that herond may write there"
    )]
    CannotOpen {
        /// The database.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file's structure is broken.
    #[error("the database {path} is damaged: {detail}")]
    Damaged {
        /// The database; empty when met inside a query.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// The file is something else.
    #[error("{path} is not a Heron database: {detail}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// The file was written by a newer release.
    #[error(
        "the database holds version {found} of room {room:?}, but this release knows versions up to {known}; install the newer release again, or restore a backup from before the update"
    )]
    TooNew {
        /// The room.
        room: String,
        /// Version in the file.
        found: i64,
        /// Newest version known here.
        known: i64,
    },
    /// A migration step failed; the file is as it was before the step.
    #[error("cannot bring the tables of room {room:?} to version {version}: {reason}")]
    Migration {
        /// The room.
        room: String,
        /// The version the step would have made.
        version: i64,
        /// What SQLite said.
        reason: String,
    },
    /// No room left.
    #[error(
        "the volume that holds the database is full, so nothing was changed; free some room there (recordings belong on their own volume)"
    )]
    DiskFull,
    /// The volume or the file cannot be written.
    #[error(
        "the database cannot be written ({0}); check that its volume is mounted read-write and that herond owns the files"
    )]
    ReadOnly(String),
    /// The volume returned an I/O error.
    #[error(
        "the volume that holds the database returned an error ({0}); check the system log and the disk's health"
    )]
    Io(String),
    /// Another process held the file for too long.
    #[error(
        "another process holds the database; close the other program (a SQLite shell, `herond fsck`) and try again"
    )]
    Busy,
    /// Too many readers wait already.
    #[error("too many queries wait for the database; try again in a moment")]
    Overloaded,
    /// The store has been closed.
    #[error("the database is closed because herond is shutting down")]
    Closed,
    /// The job panicked; its changes were undone.
    #[error("a database job failed inside (a defect in herond); its changes were undone")]
    Panicked,
    /// A uniqueness, foreign key or check rule was broken.
    #[error("it contradicts what is stored: {0}")]
    Constraint(String),
    /// A query that must find a row found none.
    #[error("there is no such row")]
    NoRow,
    /// A stored value does not have the shape it should.
    #[error("a stored value cannot be read: {0}")]
    BadValue(String),
    /// Any other answer of SQLite.
    #[error("SQLite said: {0}")]
    Sql(String),
    /// A file beside the database (backup, marker) could not be handled.
    #[error("cannot {action} {path}: {reason}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
}

thread_local! {
    /// The last failure on this thread that is about the file and not about the query. Jobs return errors of
    /// their rooms' own types, so the writer and the readers ask here instead of looking inside.
    static MET: RefCell<Option<StoreError>> = const { RefCell::new(None) };
}

/// The last failure of the file itself (damage, full or read-only volume, I/O error) on this thread since the
/// last call.
pub(crate) fn take_met() -> Option<StoreError> {
    MET.with_borrow_mut(Option::take)
}

impl StoreError {
    /// How the rim should answer.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Damaged { .. } | Self::Foreign { .. } | Self::BadValue(_) => ErrorKind::Damaged,
            Self::CannotOpen { .. }
            | Self::TooNew { .. }
            | Self::DiskFull
            | Self::ReadOnly(_)
            | Self::Io(_)
            | Self::Busy
            | Self::Closed => ErrorKind::Unavailable,
            Self::Overloaded => ErrorKind::Exhausted,
            Self::Constraint(_) => ErrorKind::Conflict,
            Self::NoRow => ErrorKind::NotFound,
            Self::Migration { .. } | Self::Panicked | Self::Sql(_) | Self::File { .. } => ErrorKind::Internal,
        }
    }

    /// Whether [`crate::open_or_recover`] should move the file aside and go on from a backup.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Foreign { .. })
    }

    pub(crate) fn file(action: &'static str, path: &std::path::Path, e: &std::io::Error) -> Self {
        if e.raw_os_error() == Some(28) {
            return Self::DiskFull;
        }
        Self::File { action, path: path.to_owned(), reason: e.to_string() }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        let this = match &e {
            E::QueryReturnedNoRows => Self::NoRow,
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::BadValue(e.to_string()),
            E::SqliteFailure(f, _) => match f.code {
                ErrorCode::DiskFull => Self::DiskFull,
                ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Self::ReadOnly(e.to_string()),
                ErrorCode::SystemIoFailure => Self::Io(e.to_string()),
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                ErrorCode::DatabaseCorrupt => Self::Damaged { path: PathBuf::new(), detail: e.to_string() },
                ErrorCode::NotADatabase => Self::Foreign { path: PathBuf::new(), detail: e.to_string() },
                ErrorCode::ConstraintViolation => Self::Constraint(e.to_string()),
                ErrorCode::CannotOpen => Self::CannotOpen { path: PathBuf::new(), reason: e.to_string() },
                _ => Self::Sql(e.to_string()),
            },
            _ => Self::Sql(e.to_string()),
        };
        if matches!(this, Self::Damaged { .. } | Self::DiskFull | Self::ReadOnly(_) | Self::Io(_)) {
            MET.with_borrow_mut(|met| *met = Some(this.clone()));
        }
        this
    }
}
