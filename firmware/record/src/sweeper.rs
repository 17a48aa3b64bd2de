//! Acts on the retention plan: on its own thread every second, and at once when a write is refused.

use crate::RecordError;
use crate::catalogue::{self, Segment};
use crate::retention::{self, Candidate};
use crate::scribe::Note;
use crate::shared::{Shared, Volume, VolumeState};
use heron_core::WallTime;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two looks at the volumes.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between notes that we are alive, age checks and rate measurements: a restart's gap begins at most this many
/// seconds too early.
const LOOKS_PER_ROUND: u64 = 10;
/// Deletable rows fetched at a time.
const FETCH: u32 = 128;
/// Fetches in one go: 4096 segments of 30 MB are 120 GB.
const MOST_FETCHES: usize = 32;
/// Files deleted for their age in one round and stream, so that a shortened limit does not keep the disk busy:
/// 256 minutes of footage every 10 s is 1500 times faster than it is recorded.
const MOST_TOO_OLD: u32 = 256;
/// Ledger rows are kept this long after their gap ended.
const KEEP_GAPS: Duration = Duration::from_secs(400 * 86_400);
/// Free room beyond the reserve at which a full volume is used again: 1 s of 64 cameras is 36 MB, but one camera must
/// not wait for that; 8 MiB is 16 s of it.
const RESUME: u64 = 8 << 20;
/// Weight of the newest 10 s in a stream's rate: the mean of about a minute.
const RATE_WEIGHT: f64 = 1.0 / 6.0;

/// The body of a volume's thread. Each volume has its own, so that a disk which hangs holds up no other.
pub(crate) fn keep_volume(shared: &Shared, volume: &Volume) {
    let mut heard = 0;
    while !shared.is_stopping() {
        look(shared, volume);
        shared.wait(&mut heard, LOOK);
    }
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
            expire(shared);
        }
        if looks.is_multiple_of(3600) {
            shared.scribe.note(Note::PruneGaps(shared.clock.now() - KEEP_GAPS));
        }
        looks += 1;
        shared.wait(&mut heard, LOOK);
    }
    shared.scribe.note(Note::Alive(shared.clock.now()));
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
            "it is full: {} MiB are missing and nothing on it may be deleted; unlock footage, free room, or add a volume",
            short_by.div_ceil(1 << 20)
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
    for _ in 0..MOST_FETCHES {
        volume.measure()?;
        let space = shared.space(volume, shared.recordings_bytes(mount.id)?)?;
        if space.missing() == 0 && wanted == 0 {
            return Ok(0);
        }
        let limit = FETCH + gone(shared);
        let rows = shared.store.read_blocking(|c| catalogue::oldest_deletable(c, mount.id, limit))?;
        let all = (rows.len() as u64) < u64::from(limit);
        let rows: Vec<Segment> = {
            let unlinked = shared.unlinked.lock();
            rows.into_iter().filter(|s| !unlinked.contains_key(&s.id)).collect()
        };
        let candidates = rows.iter().map(|s| Candidate { id: s.id, bytes: s.bytes });
        let plan = retention::make_room(&space, wanted, candidates);
        for segment in rows.iter().filter(|s| plan.delete.contains(&s.id)) {
            delete(shared, volume, segment)?;
        }
        wanted = wanted.saturating_sub(plan.frees);
        if plan.short_by == 0 || all {
            return Ok(plan.short_by);
        }
    }
    Ok(wanted)
}

fn gone(shared: &Shared) -> u32 {
    u32::try_from(shared.unlinked.lock().len()).unwrap_or(u32::MAX / 2)
}

/// Deletes a segment: first its file, then its row. A crash between the two leaves a row without a file, which is
/// found and said; never a file that nobody knows.
fn delete(shared: &Shared, volume: &Volume, segment: &Segment) -> Result<(), RecordError> {
    let Some(mount) = volume.mount() else { return Ok(()) };
    let path = segment.path(mount.root());
    mount.unlink(&segment.place()).map_err(|e| RecordError::io("delete", path, e))?;
    shared.unlinked.lock().insert(segment.id, segment.volume);
    shared.scribe.note(Note::Expired(segment.id));
    Ok(())
}

/// Deletes what is older than its stream may be.
pub(crate) fn expire(shared: &Shared) {
    let now = shared.clock.now();
    let streams = match shared.store.read_blocking(catalogue::streams) {
        Ok(streams) => streams,
        Err(e) => {
            tracing::warn!(error = %e, "retention could not read the catalogue");
            return;
        }
    };
    for stream in streams {
        let max_age = shared.rules.of(stream.camera).max_age;
        let Some(before) = retention::too_old_before(now, max_age) else { continue };
        if let Err(e) = expire_stream(shared, stream, before) {
            tracing::warn!(%stream, error = %e, "footage that is too old could not be deleted");
        }
    }
}

fn expire_stream(
    shared: &Shared,
    stream: heron_core::StreamKey,
    before: WallTime,
) -> Result<(), RecordError> {
    let limit = MOST_TOO_OLD + gone(shared);
    let rows = shared.store.read_blocking(|c| catalogue::older_than(c, stream, before, limit))?;
    for segment in rows {
        if shared.unlinked.lock().contains_key(&segment.id) {
            continue;
        }
        let volume = shared.volumes.iter().find(|v| v.health.lock().id == Some(segment.volume));
        // Footage on a volume that is away is deleted when it is back.
        let Some(volume) = volume.filter(|v| v.mount().is_some()) else { continue };
        let _one_at_a_time = volume.sweeping.lock();
        delete(shared, volume, &segment)?;
    }
    Ok(())
}

/// Measures what each stream writes.
#[derive(Default)]
struct Rates {
    before: std::collections::HashMap<heron_core::StreamKey, u64>,
    at: Option<Duration>,
}

impl Rates {
    fn measure(&mut self, shared: &Shared) {
        let now = shared.clock.monotonic();
        let seconds = self.at.map(|at| now.saturating_sub(at).as_secs_f64());
        self.at = Some(now);
        let streams = shared.streams.read();
        self.before.retain(|key, _| streams.contains_key(key));
        for (key, control) in streams.iter() {
            let written = control.bytes_written.load(Ordering::Relaxed);
            let before = self.before.insert(*key, written);
            let (Some(before), Some(seconds)) = (before, seconds.filter(|s| *s > 0.5)) else { continue };
            let newest = written.saturating_sub(before) as f64 / seconds;
            let mut status = control.status.lock();
            let old = status.bytes_per_second as f64;
            let rate = if old == 0.0 { newest } else { old + (newest - old) * RATE_WEIGHT };
            status.bytes_per_second = rate as u64;
        }
    }
}
