//! Files against catalogue, the whole of both. The daemon must not be running.

use crate::RecordError;
use crate::catalogue;
use crate::evidence::Notary;
use crate::lock_files;
use crate::reconcile::{Depth, Reconciler};
use crate::report::FsckReport;
use crate::volume::{Mount, VolumeConfig};
use heron_core::WallTime;
use heron_evidence::Signer;
use heron_store::Store;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// Compares every recorded file of `volumes` with the catalogue in `store`; with `repair` makes the catalogue say what is
/// there (an empty one is rebuilt) and cuts files to their last whole fragment. No file is deleted. A volume that is
/// not there is counted and its rows are left as they are. Blocks; reads the structure of every file: about a millisecond each when cached,
/// a second each on a hard disk.
///
/// # Errors
/// [`RecordError::Store`] when the catalogue cannot be read or written, [`RecordError::Io`] when a folder cannot be
/// listed.
pub fn fsck(volumes: &[VolumeConfig], store: &Store, repair: bool) -> Result<FsckReport, RecordError> {
    fsck_and_seal(volumes, store, repair, None)
}

/// As [`fsck`]; a repair also seals what a crash left open, with the box's key, at the time it is now.
///
/// # Errors
/// As [`fsck`].
pub fn fsck_and_seal(
    volumes: &[VolumeConfig],
    store: &Store,
    repair: bool,
    seal: Option<(Arc<dyn Signer>, WallTime)>,
) -> Result<FsckReport, RecordError> {
    let (segment, gap) = store.read_blocking(catalogue::last_ids)?;
    let now = seal.as_ref().map_or(WallTime(0), |s| s.1);
    let notary = seal.map(|s| Notary::new(s.0));
    let (next_segment, next_gap) = (AtomicI64::new(segment + 1), AtomicI64::new(gap + 1));
    let mut report = FsckReport { repaired: repair, ..FsckReport::default() };
    for volume in volumes {
        let path = &volume.path;
        let known = store.read_blocking(|c| catalogue::volumes_at(c, path))?;
        let mount = match Mount::look(path, &known, repair) {
            Ok(mount) => mount,
            Err(e) => {
                report.volume_unreadable(path.clone(), e.to_string());
                continue;
            }
        };
        report.volumes += 1;
        if repair {
            let (id, at) = (mount.id, path.clone());
            store.write_blocking(move |tx| catalogue::volume_number(tx, id, Some(&at)))?;
            lock_files::meet(store, &mount)?;
        }
        let reconciler = Reconciler {
            store,
            mount: &mount,
            depth: Depth::Files,
            repair,
            doubt_after: None,
            notary: notary.as_ref().map(|n| (n, now)),
            next_segment: &next_segment,
            next_gap: &next_gap,
            in_use: &|_| false,
        };
        let mut days = reconciler.days(&mut report)?;
        days.extend(store.read_blocking(|c| catalogue::days_on(c, mount.id))?);
        for day in &days {
            reconciler.day(day, &mut report)?;
        }
    }
    Ok(report)
}
