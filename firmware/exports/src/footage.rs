//! What exports need of the rooms that hold footage: a seam, so that tests can bring footage that fails on demand, and so
//! that sealed fragments can stand in for flat MP4s.

use crate::ExportError;
use bytes::Bytes;
use heron_core::{StreamKey, WallTime};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::PathBuf;
use uuid::Uuid;

/// Where footage comes from and exports may go. Everything blocks.
pub trait Footage: Send + Sync + 'static {
    /// About how many bytes of a stream lie in the range; zero when there are none.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    fn estimate(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<u64, ExportError>;

    /// One MP4 of a stream, planned; `None` when nothing is there. With `evidence` the fragments as they were recorded,
    /// with their seals. The same footage gives the same bytes, always.
    ///
    /// # Errors
    /// When the catalogue or the files cannot be read, or the range holds too much for one file.
    fn part(&self, wanted: &Wanted) -> Result<Option<Box<dyn Part>>, ExportError>;

    /// What the ledger says is missing of a stream in the range.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    fn gaps(&self, stream: StreamKey, start: WallTime, end: WallTime) -> Result<Vec<Missing>, ExportError>;

    /// The volumes, in the order of the configuration.
    ///
    /// # Errors
    /// When the catalogue cannot be read.
    fn volumes(&self) -> Result<Vec<VolumeRoom>, ExportError>;

    /// Where a volume's root is now; `None` while it is away. Cheap.
    fn volume_root(&self, volume: Uuid) -> Option<PathBuf>;

    /// How recording is pressed at this moment. Cheap.
    fn pressure(&self) -> heron_record::Pressure;
}

/// A part that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Of which stream.
    pub stream: StreamKey,
    /// First instant.
    pub start: WallTime,
    /// End, exclusive.
    pub end: WallTime,
    /// As recorded, with seals.
    pub evidence: bool,
}

/// One MP4 that exists as a plan.
pub trait Part: Send {
    /// Its length.
    fn bytes(&self) -> u64;
    /// Names the plan: the same tag means the same bytes.
    fn etag(&self) -> String;
    /// The bytes `range`, which lies within the length; all of them, or an error.
    ///
    /// # Errors
    /// When a file was deleted meanwhile, or cannot be read.
    fn read(&self, range: Range<u64>) -> Result<Bytes, ExportError>;
    /// Which time of the file is which time of the day, in order.
    fn spans(&self) -> Vec<PartSpan>;
    /// What proves it, for the manifest: heads and key, as the evidence room words them. `null` for a flat MP4.
    fn evidence(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
    /// It has been read; what the system has cached of it may go.
    fn finished(&self) {}
}

/// A stretch of a file that maps straight to wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSpan {
    /// Milliseconds from the start of the file.
    pub at_ms: i64,
    /// Wall time there.
    pub wall: WallTime,
    /// How long it lasts, milliseconds.
    pub ms: i64,
}

/// A stretch without footage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// When it begins.
    pub start: WallTime,
    /// When it ends.
    pub end: WallTime,
    /// Why: a reason of the ledger, or `not_available`.
    pub reason: String,
}

/// A volume that could hold an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRoom {
    /// Its identity.
    pub id: Uuid,
    /// Size of its file system.
    pub total_bytes: u64,
    /// Free on it.
    pub free_bytes: u64,
    /// Kept free for recording.
    pub reserve_bytes: u64,
    /// Taken by recordings: retention can make room of them.
    pub recordings_bytes: u64,
}
