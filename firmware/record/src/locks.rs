//! Locks: ranges of a camera's footage that a person wants kept, whatever the rules say.
//!
//! A lock is a row of its own, not a mark on files: it holds for footage that is written, imported or copied into its
//! range later. It is also written into `recordings/<camera>/locks.json` of every volume (`lock_files`), so that a
//! catalogue that is rebuilt from the files alone knows it again. The locks that hold are in memory too: the sweeper
//! looks there before each deletion, so a lock works from the moment it is made, however far behind the database is.

use crate::RecordError;
use crate::catalogue::{self, Segment};
use crate::lock_files;
use crate::recorder::Recorder;
use heron_core::{CameraId, WallTime};
use heron_store::Store;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use uuid::Uuid;

/// Longest lock: a month of two streams is 90,000 rows, a second of the database's time.
const MOST: Duration = Duration::from_secs(31 * 86_400);
/// Locks that may hold at a time: at 300 bytes each 3 MB in memory, and no list that people still look through.
const MOST_LOCKS: usize = 10_000;
/// Longest reason.
const MOST_CHARS: usize = 500;

/// A locked range.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its identity.
    pub id: Uuid,
    /// Whose footage, all streams.
    pub camera: CameraId,
    /// First instant.
    pub start: WallTime,
    /// End, possibly in the future.
    pub end: WallTime,
    /// Why, in a person's words.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When it was made.
    pub created: WallTime,
}

/// What a lock is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLock {
    /// Whose footage, all streams.
    pub camera: CameraId,
    /// First instant.
    pub start: WallTime,
    /// End, possibly in the future; at most 31 days after the start.
    pub end: WallTime,
    /// Why: 1 to 500 characters.
    pub reason: String,
    /// Who.
    pub by: String,
}

/// The locks that hold, in memory. Bounded by [`MOST_LOCKS`] and by what volumes bring.
#[derive(Debug, Default)]
pub(crate) struct Locks(RwLock<HashMap<CameraId, Vec<Lock>>>);

impl Locks {
    /// All that the catalogue knows.
    pub(crate) fn load(store: &Store) -> Result<Self, RecordError> {
        let locks = Self::default();
        for lock in store.read_blocking(|c| catalogue::all_locks(c, u32::MAX, None))? {
            locks.add(lock);
        }
        Ok(locks)
    }

    pub(crate) fn add(&self, lock: Lock) {
        let mut all = self.0.write();
        let of_camera = all.entry(lock.camera).or_default();
        of_camera.retain(|l| l.id != lock.id);
        of_camera.push(lock);
    }

    fn remove(&self, lock: &Lock) {
        if let Some(of_camera) = self.0.write().get_mut(&lock.camera) {
            of_camera.retain(|l| l.id != lock.id);
        }
    }

    fn count(&self) -> usize {
        self.0.read().values().map(Vec::len).sum()
    }

    /// Whether a segment is locked.
    pub(crate) fn cover(&self, segment: &Segment) -> bool {
        self.0.read().get(&segment.stream.camera).is_some_and(|locks| {
            locks.iter().any(|l| {
                // A segment without length is kept by a lock that it lies in.
                let end = segment.end.max(segment.start.plus_nanos(1));
                l.start < end && l.end > segment.start
            })
        })
    }
}

impl Recorder {
    /// Locks a range of a camera's footage, also what is yet to be recorded in it. Retention, thinning and `fsck` leave
    /// it alone from now on. Blocks on the database.
    ///
    /// # Errors
    /// [`RecordError::Invalid`] naming `start`, `end` or `reason`; [`RecordError::Store`], and then nothing is locked.
    pub fn lock(&self, new: NewLock) -> Result<Lock, RecordError> {
        let shared = &self.shared;
        check(&new)?;
        if shared.locks.count() >= MOST_LOCKS {
            let problem =
                format!("there are {MOST_LOCKS} locks already; remove some that are not needed any more");
            return Err(RecordError::invalid("start", problem));
        }
        let NewLock { camera, start, end, reason, by } = new;
        let lock = Lock { id: Uuid::now_v7(), camera, start, end, reason, by, created: shared.clock.now() };
        // First in memory, where the sweeper looks.
        shared.locks.add(lock.clone());
        let row = lock.clone();
        if let Err(e) = shared.store.write_blocking(move |tx| catalogue::add_lock(tx, &row)) {
            shared.locks.remove(&lock);
            return Err(e.into());
        }
        lock_files::changed(shared, camera);
        Ok(lock)
    }

    /// Removes a lock; what it was. Its footage is kept as any other. Blocks.
    ///
    /// # Errors
    /// [`RecordError::NoSuchLock`], [`RecordError::Store`].
    pub fn unlock(&self, id: Uuid) -> Result<Lock, RecordError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let removed = shared.store.write_blocking(move |tx| catalogue::remove_lock(tx, id, now))?;
        let lock = removed.ok_or(RecordError::NoSuchLock(id))?;
        shared.locks.remove(&lock);
        lock_files::changed(shared, lock.camera);
        Ok(lock)
    }

    /// A lock. Blocks.
    ///
    /// # Errors
    /// [`RecordError::NoSuchLock`], [`RecordError::Store`].
    pub fn find_lock(&self, id: Uuid) -> Result<Lock, RecordError> {
        self.shared.store.read_blocking(|c| catalogue::lock_by_id(c, id))?.ok_or(RecordError::NoSuchLock(id))
    }

    /// The locks of a camera that overlap `start..end`, in order of start. Blocks.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn locks_of(
        &self,
        camera: CameraId,
        start: WallTime,
        end: WallTime,
    ) -> Result<Vec<Lock>, RecordError> {
        Ok(self.shared.store.read_blocking(|c| catalogue::locks_of(c, camera, start, end))?)
    }

    /// The locks of all cameras, newest first, at most `limit`, after the one with the id `cursor`. Blocks.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn locks(&self, limit: u32, cursor: Option<Uuid>) -> Result<Vec<Lock>, RecordError> {
        Ok(self.shared.store.read_blocking(|c| catalogue::all_locks(c, limit, cursor))?)
    }
}

fn check(new: &NewLock) -> Result<(), RecordError> {
    let reason = new.reason.trim();
    let length = reason.chars().count();
    if !(1..=MOST_CHARS).contains(&length) || reason.chars().any(|c| c.is_control() && c != '\n') {
        let problem = format!("must be 1 to {MOST_CHARS} printable characters, not {length}");
        return Err(RecordError::invalid("reason", problem));
    }
    if new.start >= new.end {
        let problem = format!("must be after start; start is {} and end is {}", new.start, new.end);
        return Err(RecordError::invalid("end", problem));
    }
    if new.end.saturating_since(new.start) > MOST {
        let problem = "is too far from start: a lock is at most 31 days long; make another for the rest";
        return Err(RecordError::invalid("end", problem));
    }
    Ok(())
}
