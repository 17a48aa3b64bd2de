//! Rooms' errors as problems: by their kind, with the field, the wait and the slug where they have one.

use crate::problem::{Problem, problem_from};
use heron_access::AccessError;
use heron_cameras::CamerasError;
use heron_settings::SettingsError;

problem_from!(heron_journal::JournalError, heron_store::StoreError, heron_ingest::IngestError);

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let problem = match &error {
            AccessError::WrongCredentials | AccessError::WrongToken | AccessError::WrongClaimToken => {
                return Self::unauthenticated(error.to_string());
            }
            AccessError::AlreadyClaimed => Self::from_room(error.kind(), &error)
                .slug("already-claimed", "The box belongs to somebody already"),
            AccessError::NotClaimed => {
                Self::from_room(error.kind(), &error).slug("not-claimed", "The box belongs to nobody yet")
            }
            AccessError::LockedOut { .. } => {
                Self::from_room(error.kind(), &error).slug("locked-out", "Too many wrong passwords")
            }
            _ => Self::from_room(error.kind(), &error),
        };
        let problem = blame(problem, error.field());
        match error.retry_after() {
            Some(wait) => problem.retry_after(wait.as_millis().div_ceil(1000) as u64),
            None => problem,
        }
    }
}

impl From<CamerasError> for Problem {
    fn from(error: CamerasError) -> Self {
        blame(Self::from_room(error.kind(), &error), error.field())
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        blame(Self::from_room(error.kind(), &error), error.field())
    }
}

impl From<heron_archive::ArchiveError> for Problem {
    fn from(error: heron_archive::ArchiveError) -> Self {
        blame(Self::from_room(error.kind(), &error), error.field())
    }
}

impl From<heron_record::RecordError> for Problem {
    fn from(error: heron_record::RecordError) -> Self {
        blame(Self::from_room(error.kind(), &error), error.field())
    }
}

impl From<heron_exports::ExportError> for Problem {
    fn from(error: heron_exports::ExportError) -> Self {
        blame(Self::from_room(error.kind(), &error), error.field())
    }
}

fn blame(problem: Problem, field: Option<&str>) -> Problem {
    match field {
        Some(field) => problem.field(field),
        None => problem,
    }
}
