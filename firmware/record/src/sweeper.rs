//! Acts on the rules of retention: on its own thread every second, and at once when a write is refused.

use crate::RecordError;
use crate::catalogue::{self, Segment, VolumeId};
use crate::deletable::{self, Deletable};
use crate::layout::Origin;
use crate::lock_files;
use crate::rates::{Rates, rebalance};
use crate::retention::{self, Candidate, Plan, VolumeSpace};
use crate::scribe::Note;
use crate::shared::{Shared, Volume, VolumeState};
use crate::volume::Mount;
use crate::watch;
use heron_core::{StreamKey, WallTime};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two looks at the volumes.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between notes that we are alive, age checks and rate measurements: a restart's gap begins at most this many
/// seconds too early.
const LOOKS_PER_ROUND: u64 = 10;
/// Looks between two moves of streams that even out volumes: ten minutes.
const LOOKS_PER_REBALANCE: u64 = 600;
/// Looks between two questions about a disk: a minute.
const LOOKS_PER_DISK: u64 = 60;
/// Deletable segments looked at, and marks dated anew, in one go.
const BATCH: usize = 256;
/// Batches in one go: 4096 segments of 30 MB are 120 GB.
const MOST_BATCHES: usize = 16;
/// Files deleted for their age in one look, so that a shortened limit does not keep disk and database busy to the exclusion of
/// everything else: 4096 files of a minute every second are 2000 times what 128 streams record.
const MOST_TOO_OLD: u32 = 4096;
/// Segments that events let go of in one round: 128 streams bring 21 in ten seconds.
const MOST_RELEASED: u32 = 4096;
/// Ledger rows are kept this long after their gap ended.
const KEEP_GAPS: Duration = Duration::from_secs(400 * 86_400);
/// Free room beyond the reserve at which a full volume is used again: 1 s of 64 cameras is 36 MB, but one camera must
/// not wait for that; 8 MiB is 16 s of it.
const RESUME: u64 = 8 << 20;

/// The body of a volume's thread. Each volume has its own, so that a disk which hangs holds up no other.
pub(crate) fn keep_volume(shared: &Shared, volume: &Volume) {
    let mut heard = 0;
    let mut looks = 0u64;
    let mut left = false;
    while !shared.is_stopping() {
        lock_files::write_due(shared, volume);
        look(shared, volume);
        if looks.is_multiple_of(LOOKS_PER_ROUND) {
            left = round(shared, volume);
        } else if left {
            left = expire(shared, volume);
        }
        if looks.is_multiple_of(LOOKS_PER_DISK) {
            watch::look(shared, volume);
        }
        looks += 1;
        shared.wait(&mut heard, LOOK);
    }
    lock_files::write_due(shared, volume);
}

/// The body of the thread for everything else.
pub(crate) fn run(shared: &Shared) {
    let mut heard = 0;
    let mut looks = 0u64;
    let mut rates = Rates::default();
    while !shared.is_stopping() {
        shared.events.retry();
        if looks.is_multiple_of(LOOKS_PER_ROUND) {
            shared.scribe.note(Note::Alive(shared.clock.now()));
            rates.measure(shared);
            // Not at the start, when nothing is measured.
            rebalance(shared, looks > 0 && looks.is_multiple_of(LOOKS_PER_REBALANCE));
            if let Err(e) = follow_events(shared) {
                tracing::warn!(error = %e, "retention could not follow events in the catalogue");
            }
        }
        if looks.is_multiple_of(3600) {
            shared.scribe.note(Note::PruneGaps(shared.clock.now() - KEEP_GAPS));
            prune(shared);
        }
        looks += 1;
        shared.wait(&mut heard, LOOK);
    }
    shared.scribe.note(Note::Alive(shared.clock.now()));
}

/// Forgets what nobody will ask for: old marks, and locks that were removed long ago.
fn prune(shared: &Shared) {
    let before = shared.clock.now() - KEEP_GAPS;
    let pruned = shared.store.write_blocking(move |tx| {
        catalogue::prune_locks(tx, before)?;
        catalogue::prune_marks(tx, before, MOST_RELEASED)
    });
    if let Err(error) = pruned {
        tracing::warn!(%error, "old marks and locks could not be forgotten");
    }
}

/// Keeps a volume within its limits, and says when that cannot be done.
pub(crate) fn look(shared: &Shared, volume: &Volume) {
    if volume.mount().is_none() {
        return;
    }
    match make_room(shared, volume, 0) {
        Ok(0) if volume.state() == VolumeState::Full && has_room_again(shared, volume) => {
            shared.volume_ok(volume, None);
        }
        Ok(0) => {}
        Ok(short_by) if volume.state() == VolumeState::Ok => {
            shared.volume_failed(volume, VolumeState::Full, &full(volume, short_by));
        }
        Ok(_) => {}
        Err(e) => {
            tracing::warn!(volume = %volume.config.path.display(), error = %e, "retention could not look at a volume")
        }
    }
}

/// A volume that was full is used again only when there is room for more than a moment.
fn has_room_again(shared: &Shared, volume: &Volume) -> bool {
    shared.space(volume, 0).is_ok_and(|s| s.free_bytes >= s.reserve_bytes + RESUME.min(s.total_bytes / 50))
}

/// In words, that a volume is full.
pub(crate) fn full(volume: &Volume, short_by: u64) -> RecordError {
    RecordError::Volume {
        path: volume.config.path.clone(),
        problem: format!(
            "it is full: {} MiB are missing, and all that is left on it must be kept ({}); shorten what is kept, unlock \
             footage, or add a volume",
            short_by.div_ceil(1 << 20),
            volume.full_because.lock(),
        ),
    }
}

/// Deletes the oldest footage until the volume is within its limits and `needed` more bytes are free. Returns how many
/// bytes are missing still.
pub(crate) fn make_room(shared: &Shared, volume: &Volume, needed: u64) -> Result<u64, RecordError> {
    let _one_at_a_time = volume.sweeping.lock();
    let Some(mount) = volume.mount() else { return Ok(needed) };
    if volume.oldest_unknown.load(Ordering::Acquire) {
        return Ok(needed);
    }
    let mut wanted = needed;
    for _ in 0..MOST_BATCHES {
        volume.measure()?;
        let space = shared.space(volume, shared.recordings_bytes(mount.id)?)?;
        if space.missing() == 0 && wanted == 0 {
            return Ok(0);
        }
        let (plan, rows) = room_plan(shared, &mount, &space, wanted)?;
        let mut freed = 0;
        for segment in rows.iter().filter(|s| plan.delete.contains(&s.id)) {
            if delete(shared, volume, segment)? {
                freed += segment.bytes;
            }
        }
        wanted = wanted.saturating_sub(freed);
        let exhausted = rows.len() < BATCH || freed == 0;
        if exhausted && plan.short_by > 0 {
            *volume.full_because.lock() = why_full(shared, &mount)?;
        }
        if plan.short_by == 0 || exhausted {
            return Ok(plan.short_by);
        }
    }
    Ok(wanted)
}

/// What of a volume is to go now, and the rows that were looked at for it, oldest first.
fn room_plan(
    shared: &Shared,
    mount: &Mount,
    space: &VolumeSpace,
    wanted: u64,
) -> Result<(Plan, Vec<Segment>), RecordError> {
    let now = shared.clock.now();
    let unlinked: HashSet<i64> = shared.unlinked.lock().keys().copied().collect();
    Ok(shared.store.read_blocking(|c| {
        let before = |stream: StreamKey| now - shared.rules.of(stream.camera).min_age;
        let mut deletable = Deletable::new(c, deletable::lanes(c, mount.id, before)?)?;
        let mut rows = Vec::new();
        let candidates = deletable
            .by_ref()
            .filter(|s| !unlinked.contains(&s.id) && !shared.locks.cover(s))
            .take(BATCH)
            .inspect(|s| rows.push(s.clone()))
            .map(|s| Candidate { id: s.id, bytes: s.bytes });
        let plan = retention::make_room(space, wanted, candidates);
        deletable.error.map_or(Ok((plan, rows)), Err)
    })?)
}

/// Why nothing more may be deleted, in words that say what would help.
fn why_full(shared: &Shared, mount: &Mount) -> Result<String, RecordError> {
    let (locked, held) = shared.store.read_blocking(|c| catalogue::kept_on(c, mount.id))?;
    let any = |of: fn(&crate::RetentionRules) -> bool| {
        let streams = shared.streams.read();
        streams.keys().any(|s| of(&shared.rules.of(s.camera))) || of(&shared.rules.general())
    };
    let mut kept = Vec::new();
    if any(|r| !r.min_age.is_zero()) {
        kept.push("footage younger than retention.min_days");
    }
    if held {
        kept.push("footage of events within retention.event_days");
    }
    if locked {
        kept.push("locked footage");
    }
    Ok(if kept.is_empty() { "what is not ours".to_owned() } else { kept.join(", ") })
}

/// Deletes a segment, unless it is locked: first its file, then its row. A crash between the two leaves a row without a
/// file, which is found and said; never a file that nobody knows. Whether it was deleted.
pub(crate) fn delete(shared: &Shared, volume: &Volume, segment: &Segment) -> Result<bool, RecordError> {
    let Some(mount) = volume.mount() else { return Ok(false) };
    if shared.locks.cover(segment) {
        return Ok(false);
    }
    let path = segment.path(mount.root());
    mount.unlink(&segment.place()).map_err(|e| RecordError::io("delete", path, e))?;
    shared.unlinked.lock().insert(segment.id, segment.volume);
    shared.scribe.note(Note::Expired(segment.id));
    Ok(true)
}

/// Every ten seconds: footage that is too old goes, and what exceeds its stream's bytes. Whether too old footage is left
/// for the next look.
fn round(shared: &Shared, volume: &Volume) -> bool {
    let left = expire(shared, volume);
    if let Err(e) = trim(shared, volume) {
        tracing::warn!(error = %e, "retention could not keep streams within their bytes");
    }
    left
}

/// Events whose time is over let go of their footage; where rules have changed, events are dated anew.
fn follow_events(shared: &Shared) -> Result<(), RecordError> {
    let now = shared.clock.now();
    shared.store.write_blocking(move |tx| catalogue::release_holds(tx, now, MOST_RELEASED))?;
    let signature = |camera| shared.rules.of(camera).event_signature();
    for camera in shared.store.read_blocking(|c| catalogue::cameras_to_date(c, signature))? {
        let rules = shared.rules.of(camera);
        for _ in 0..MOST_BATCHES {
            let rules = Arc::clone(&rules);
            if shared.store.write_blocking(move |tx| catalogue::date_marks(tx, camera, &rules, BATCH))? {
                break;
            }
        }
    }
    Ok(())
}

/// Deletes what is older than its stream may be. Whether there is more than one look may do.
fn expire(shared: &Shared, volume: &Volume) -> bool {
    let Some(mount) = volume.mount() else { return false };
    let now = shared.clock.now();
    let streams = match shared.store.read_blocking(|c| catalogue::streams_on(c, mount.id)) {
        Ok(streams) => streams,
        Err(e) => {
            tracing::warn!(error = %e, "retention could not read the catalogue");
            return false;
        }
    };
    let mut left = MOST_TOO_OLD;
    for (number, stream) in streams {
        let max_age = shared.rules.of(stream.camera).max_age;
        let Some(before) = retention::too_old_before(now, max_age) else { continue };
        match expire_stream(shared, volume, &mount, number, before, left) {
            Ok(deleted) => left = left.saturating_sub(deleted),
            Err(e) => tracing::warn!(%stream, error = %e, "footage that is too old could not be deleted"),
        }
        if left == 0 {
            return true;
        }
    }
    false
}

fn expire_stream(
    shared: &Shared,
    volume: &Volume,
    mount: &Mount,
    stream: i64,
    before: WallTime,
    most: u32,
) -> Result<u32, RecordError> {
    let limit = most.saturating_add(gone(shared));
    let rows = shared.store.read_blocking(|c| catalogue::older_than(c, mount.id, stream, before, limit))?;
    let mut deleted = 0;
    for segment in rows {
        let _one_at_a_time = volume.sweeping.lock();
        if !shared.unlinked.lock().contains_key(&segment.id) {
            deleted += u32::from(delete(shared, volume, &segment)?);
        }
    }
    Ok(deleted)
}

fn gone(shared: &Shared) -> u32 {
    u32::try_from(shared.unlinked.lock().len()).unwrap_or(u32::MAX / 2)
}

/// Deletes the oldest footage of streams that take more than their rules allow, what of it lies on this volume. Second
/// copies count for nothing here.
fn trim(shared: &Shared, volume: &Volume) -> Result<(), RecordError> {
    let Some(id) = volume.mount().map(|m| m.id) else { return Ok(()) };
    if !shared.unlinked.lock().is_empty() {
        // What was deleted is still in the sums; the next round knows better.
        return Ok(());
    }
    let (all, copies) =
        shared.store.read_blocking(|c| Ok((catalogue::totals(c)?, catalogue::copy_totals(c)?)))?;
    let mut sums: BTreeMap<StreamKey, u64> = BTreeMap::new();
    for total in &all {
        *sums.entry(total.stream).or_default() += total.bytes;
    }
    for copy in &copies {
        let sum = sums.entry(copy.stream).or_default();
        *sum = sum.saturating_sub(copy.bytes);
    }
    let now = shared.clock.now();
    for (stream, bytes) in sums {
        let rules = shared.rules.of(stream.camera);
        let excess = rules.max_bytes.map_or(0, |most| bytes.saturating_sub(most));
        if excess == 0 {
            continue;
        }
        let here: Vec<VolumeId> = shared.volumes.iter().filter_map(|v| v.mount().map(|m| m.id)).collect();
        let before = now - rules.min_age;
        let rows = shared.store.read_blocking(|c| {
            let mut lanes = Vec::new();
            for volume in here {
                lanes.extend(
                    deletable::lanes(c, volume, |_| before)?.into_iter().filter(|l| l.stream == stream),
                );
            }
            let mut deletable = Deletable::new(c, lanes)?;
            let mut freed = 0;
            let rows: Vec<Segment> = deletable
                .by_ref()
                .filter(|s| s.origin != Origin::Copy && !shared.locks.cover(s))
                .take(MOST_TOO_OLD as usize)
                .take_while(|s| {
                    let more = freed < excess;
                    freed += s.bytes;
                    more
                })
                .collect();
            deletable.error.map_or(Ok(rows), Err)
        })?;
        for segment in rows.iter().filter(|s| s.volume == id) {
            let _one_at_a_time = volume.sweeping.lock();
            delete(shared, volume, segment)?;
        }
    }
    Ok(())
}
