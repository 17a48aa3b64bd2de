//! `recordings/<camera>/locks.json`: the locks of a camera, on every volume, for the day the catalogue is lost.
//!
//! It is a copy: the catalogue decides while it is there. A lock that only a file knows is taken into the catalogue (it
//! was rebuilt, or the disk comes from another box); one that the catalogue knows as removed is not brought back.

use crate::RecordError;
use crate::catalogue;
use crate::layout::RECORDINGS;
use crate::locks::Lock;
use crate::shared::{Shared, Volume};
use crate::volume::Mount;
use heron_core::{CameraId, WallTime};
use heron_store::Store;
use serde::{Deserialize, Serialize};

/// The file's name in the camera's folder.
pub(crate) const LOCKS: &str = "locks.json";
/// What it is called while it is written.
const LOCKS_NEW: &str = "locks.json.new";
/// What becomes of a file that cannot be read.
pub(crate) const LOCKS_BAD: &str = "locks.json.unreadable";
/// More is not ours: 10,000 locks of 400 bytes.
const MOST_BYTES: u64 = 4 << 20;
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    heron_locks: u32,
    locks: Vec<Lock>,
}

/// Whether a name in a camera's folder is one of ours.
pub(crate) fn is_ours(name: &str) -> bool {
    name == LOCKS || name == LOCKS_BAD || name == LOCKS_NEW
}

/// The locks of a camera have changed: every volume's own thread writes them, so that a disk which hangs holds up
/// nobody who locks.
pub(crate) fn changed(shared: &Shared, camera: CameraId) {
    for volume in &shared.volumes {
        volume.locks_due.lock().insert(camera);
    }
    shared.ring();
}

/// Writes to a volume what has changed. What fails is logged and made good when the volume is opened the next time: the
/// catalogue has it.
pub(crate) fn write_due(shared: &Shared, volume: &Volume) {
    let due = std::mem::take(&mut *volume.locks_due.lock());
    for camera in due {
        let Some(mount) = volume.mount() else { return };
        let locks = shared
            .store
            .read_blocking(|c| catalogue::locks_of(c, camera, WallTime(i64::MIN), WallTime(i64::MAX)));
        if let Err(error) = locks.map_err(RecordError::from).and_then(|locks| put(&mount, camera, &locks)) {
            tracing::warn!(%camera, %error, "the locks could not be written beside the recordings");
        }
    }
}

fn put(mount: &Mount, camera: CameraId, locks: &[Lock]) -> Result<(), RecordError> {
    mount.still_there()?;
    let folder = format!("{RECORDINGS}/{camera}");
    if locks.is_empty() {
        return mount
            .remove_small(&folder, LOCKS)
            .map_err(|e| RecordError::io("remove the locks on", mount.root(), e));
    }
    let file = File { heron_locks: VERSION, locks: locks.to_vec() };
    let text = serde_json::to_vec_pretty(&file).map_err(std::io::Error::other);
    text.and_then(|text| mount.replace_small(&folder, LOCKS, LOCKS_NEW, &text))
        .map_err(|e| RecordError::io("write the locks to", mount.root(), e))
}

/// Takes the locks that a volume knows into the catalogue, and writes to the volume what the catalogue knows. Returns
/// what was taken in.
pub(crate) fn meet(store: &Store, mount: &Mount) -> Result<Vec<Lock>, RecordError> {
    let mut taken = Vec::new();
    let mut cameras: Vec<CameraId> =
        mount.names_in(RECORDINGS).iter().filter_map(|n| n.parse().ok()).collect();
    let known = store.read_blocking(|c| catalogue::all_locks(c, u32::MAX, None))?;
    cameras.extend(known.iter().map(|l| l.camera));
    cameras.sort_unstable();
    cameras.dedup();
    for camera in cameras {
        let on_volume = read(mount, camera);
        for lock in on_volume.iter().flatten().filter(|l| l.camera == camera && l.start < l.end) {
            let row = lock.clone();
            if store.write_blocking(move |tx| catalogue::add_lock(tx, &row))? {
                tracing::info!(%camera, lock = %lock.id, "a lock was found beside the recordings");
                taken.push(lock.clone());
            }
        }
        let all = store
            .read_blocking(|c| catalogue::locks_of(c, camera, WallTime(i64::MIN), WallTime(i64::MAX)))?;
        if on_volume.unwrap_or_default() != all
            && let Err(error) = put(mount, camera, &all)
        {
            tracing::warn!(%camera, %error, "the locks could not be written beside the recordings");
        }
    }
    Ok(taken)
}

/// The locks that a volume knows of a camera; `None` when it says nothing that can be read.
fn read(mount: &Mount, camera: CameraId) -> Option<Vec<Lock>> {
    let path = format!("{RECORDINGS}/{camera}/{LOCKS}");
    let text = match mount.read_small(&path, MOST_BYTES) {
        Ok(text) => text?,
        Err(error) => {
            tracing::warn!(%camera, %error, "the locks beside the recordings could not be read");
            return None;
        }
    };
    match serde_json::from_slice::<File>(&text) {
        Ok(file) if file.heron_locks == VERSION => Some(file.locks),
        Ok(_) | Err(_) => {
            tracing::error!(%camera, "{LOCKS} beside the recordings is not one this release knows; it is kept as {LOCKS_BAD}");
            if let Err(error) = mount.rename_small(&format!("{RECORDINGS}/{camera}"), LOCKS, LOCKS_BAD) {
                tracing::warn!(%camera, %error, "{LOCKS} could not be set aside");
            }
            None
        }
    }
}
