//! Second copies: of everything that mirrored cameras record, and of the footage of events.
//!
//! A copy is made when a segment is complete, byte by byte, seals included, at a bounded rate ([`crate::pacing`]). That
//! costs the recording thread nothing, whatever the other disk does, and a slow or dead second volume never costs a frame.
//! The price: a volume that dies takes with it the segment that was being written, 90 s at most, and what the copier had not
//! reached yet, normally a few seconds' worth; a copy written in parallel would lose 2 s, but would hang with its disk. A
//! copy is a recording like any other: it has the rules of its camera, counts for room on its volume, is locked with the
//! range it lies in, and is played when the original is not there.
//!
//! What is to be copied follows from the catalogue (a date per stream, a flag per mark), so that it survives restarts and
//! needs no queue. A crash costs at most one copy, made anew.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState, VolumeId};
use crate::layout::{Origin, SegmentPlace};
use crate::pacing::{PIECE, Pace};
use crate::shared::{Shared, Volume};
use crate::sweeper;
use crate::volume::{Mount, VolumeRole};
use crate::work_files::made_row;
use heron_core::{StreamKey, StreamKind, WallTime};
use rustix::fs::Advice;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Between two looks for something to copy.
const LOOK: Duration = Duration::from_secs(2);
/// Segments of a stream, and marks, taken in one go.
const BATCH: u32 = 16;
/// How far back mirroring begins when it is switched on: the segment that is being written then, and the one before.
const BEGIN: Duration = Duration::from_secs(180);
/// An event's mark is looked at when it has been over for this long: its last segment may still be open, and a longer
/// event marks again.
const AFTER: Duration = Duration::from_secs(5);

/// The thread's body.
pub(crate) fn run(shared: &Shared) {
    while !shared.is_stopping() {
        if let Err(error) = look(shared) {
            tracing::warn!(%error, "second copies could not be made; trying again");
        }
        shared.pause(LOOK);
    }
}

fn look(shared: &Shared) -> Result<(), RecordError> {
    for stream in shared.store.read_blocking(catalogue::streams)? {
        if shared.is_stopping() {
            return Ok(());
        }
        if shared.rules.of(stream.camera).mirror {
            mirror(shared, stream)?;
        }
    }
    events(shared)
}

/// Copies what a stream has recorded since the last time.
fn mirror(shared: &Shared, stream: StreamKey) -> Result<(), RecordError> {
    let since = match shared.store.read_blocking(|c| catalogue::mirrored_until(c, stream))? {
        Some(since) => since,
        None => {
            // From now on: what was recorded before mirroring was switched on has no copy.
            let begin = shared.clock.now() - BEGIN;
            shared.store.write_blocking(move |tx| catalogue::put_mirrored(tx, stream, begin))?;
            begin
        }
    };
    let rows = shared.store.read_blocking(|c| catalogue::originals_after(c, stream, since, BATCH))?;
    for segment in rows {
        if segment.state == SegmentState::Open {
            return Ok(());
        }
        let Some(target) = best(shared, VolumeRole::Mirror, Some(segment.volume))
            .or_else(|| best(shared, VolumeRole::Spread, Some(segment.volume)))
        else {
            return Ok(());
        };
        if !settle(shared, &segment, &target)? {
            return Ok(());
        }
        let until = segment.start;
        shared.store.write_blocking(move |tx| catalogue::put_mirrored(tx, stream, until))?;
    }
    Ok(())
}

/// Copies the footage of events that are over.
fn events(shared: &Shared) -> Result<(), RecordError> {
    let over = shared.clock.now() - AFTER;
    for mark in shared.store.read_blocking(|c| catalogue::marks_to_copy(c, over, BATCH))? {
        let mut done = true;
        if shared.rules.of(mark.camera).event_copy {
            for kind in StreamKind::ALL {
                let stream = StreamKey::new(mark.camera, kind);
                let rows = shared
                    .store
                    .read_blocking(|c| catalogue::overlapping(c, stream, mark.start, mark.end))?;
                for segment in rows.iter().filter(|s| s.origin != Origin::Copy) {
                    if segment.state == SegmentState::Open {
                        done = false;
                        continue;
                    }
                    let Some(target) = best(shared, VolumeRole::Events, Some(segment.volume)) else {
                        return Ok(());
                    };
                    if !settle(shared, segment, &target)? {
                        return Ok(());
                    }
                }
            }
        }
        if done {
            shared.store.write_blocking(move |tx| catalogue::put_copied(tx, &mark.event, mark.part))?;
        }
    }
    Ok(())
}

/// The volume of that role with the most free room that can be written and is not `but`.
fn best(shared: &Shared, role: VolumeRole, but: Option<VolumeId>) -> Option<Arc<Volume>> {
    shared
        .volumes
        .iter()
        .filter(|v| v.config.role == role && v.writable().is_some_and(|m| Some(m.id) != but))
        .max_by_key(|v| v.room().map_or(0, |(_, free)| free))
        .map(Arc::clone)
}

/// Copies a segment, or finds that it cannot be copied at all. `false`: not now, there is no room or the recorder goes down.
fn settle(shared: &Shared, segment: &Segment, target: &Volume) -> Result<bool, RecordError> {
    match copy(shared, segment, target) {
        Ok(made) => Ok(made),
        Err(e)
            if e.kind() == heron_core::ErrorKind::Damaged || e.kind() == heron_core::ErrorKind::NotFound =>
        {
            tracing::warn!(stream = %segment.stream, start = %segment.start, error = %e, "a recording could not be copied and is passed over");
            Ok(true)
        }
        Err(e) => Err(e),
    }
}

fn copy(shared: &Shared, segment: &Segment, target: &Volume) -> Result<bool, RecordError> {
    if segment.state == SegmentState::Damaged {
        return Ok(true);
    }
    let (Some(mount), Some(from)) = (target.writable(), shared.mount_of(segment.volume)) else {
        return Ok(false);
    };
    let place = SegmentPlace { origin: Origin::Copy, ..segment.place() };
    let known = shared
        .store
        .read_blocking(|c| catalogue::has_copy(c, segment.stream, segment.start, segment.suffix, mount.id))?;
    if known {
        return Ok(true);
    }
    if !has_room(shared, target, &mount, segment.bytes)? {
        return Ok(false);
    }
    let source = from
        .open_file(&segment.place(), false)
        .map_err(|e| RecordError::io("open", segment.path(from.root()), e))?;
    let mut pace = Pace::new(shared);
    let made =
        mount.make_recording(&place, |out| transfer(&source, out, segment.bytes, |n| pace.done(shared, n)));
    match made {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(false),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(RecordError::Damaged {
                path: segment.path(from.root()),
                problem: "it is shorter than it was".into(),
            });
        }
        Err(e) => return Err(RecordError::io("copy a recording to", mount.root(), e)),
    }
    let row = made_row(segment, shared.segment_id(), mount.id, &place);
    shared.store.write_blocking(move |tx| catalogue::put(tx, &row))?;
    shared.copies_made.fetch_add(1, Ordering::Relaxed);
    Ok(true)
}

/// Copies bytes in pieces; `done` paces, and says when to give up.
fn transfer(from: &File, to: &File, bytes: u64, mut done: impl FnMut(u64) -> bool) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < bytes {
        let length = usize::try_from(bytes - at).map_or(PIECE, |left| left.min(PIECE));
        from.read_exact_at(&mut piece[..length], at)?;
        to.write_all_at(&piece[..length], at)?;
        // Recording keeps its own pages out of the cache; so does copying.
        let _ = rustix::fs::fadvise(from, at, std::num::NonZeroU64::new(length as u64), Advice::DontNeed);
        at += length as u64;
        if !done(length as u64) {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}

/// Whether a file of that length fits within the volume's limits, after making room as for a recording.
fn has_room(shared: &Shared, volume: &Volume, mount: &Mount, bytes: u64) -> Result<bool, RecordError> {
    for _ in 0..2 {
        volume.measure()?;
        let space = shared.space(volume, shared.recordings_bytes(mount.id)?)?;
        let by_reserve = (space.reserve_bytes + bytes).saturating_sub(space.free_bytes);
        let by_quota = space.quota_bytes.map_or(0, |q| (space.recordings_bytes + bytes).saturating_sub(q));
        let missing = by_reserve.max(by_quota);
        if missing == 0 {
            return Ok(true);
        }
        if sweeper::make_room(shared, volume, missing)? > 0 {
            return Ok(false);
        }
        shared.scribe.settle(Duration::from_secs(1));
    }
    Ok(false)
}

/// Leaves out of `segments` what another one shows as well or better: the original before what was fetched, that before
/// key frames, and a copy last. Two show the same when they begin at the same instant and are of the same stream.
pub(crate) fn without_doubles(segments: &mut Vec<Segment>) {
    segments.sort_by_key(|s| (s.start, rank(s.origin), s.id));
    segments.dedup_by(|later, first| {
        later.start == first.start && later.stream == first.stream && rank(later.origin) > rank(first.origin)
    });
}

/// The better first.
pub(crate) fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::Live => 0,
        Origin::Backfill => 1,
        // Whole, where the key frames are not.
        Origin::Copy => 2,
        Origin::Keys => 3,
    }
}

/// A mark whose footage is to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MarkToCopy {
    pub(crate) event: String,
    pub(crate) part: i64,
    pub(crate) camera: heron_core::CameraId,
    pub(crate) start: WallTime,
    pub(crate) end: WallTime,
}
