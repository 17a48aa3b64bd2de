//! Thinning: of continuous footage that is old enough the sub stream is left, or the key frames. Locked footage and that of
//! events stays whole, and so do second copies.
//!
//! To key frames, a segment at a time: (1) the new file is written beside the recordings under a name that is nobody's,
//! and synced; (2) it gets its name; (3) its row is committed and the old row removed, in one transaction; (4) the old file goes.
//! A crash after (1) or (2) costs the work, which is done again; after (3) it leaves a file without a row, which is
//! found as such, and its next thinning finds the key frames there and removes it. At no moment is there neither.

use crate::RecordError;
use crate::catalogue::{self, Segment, SegmentState, VolumeId};
use crate::inspect::{Finding, inspect};
use crate::key_frames;
use crate::layout::{Origin, SegmentPlace};
use crate::pacing::Pace;
use crate::rules::ThinTo;
use crate::shared::{Shared, Volume};
use crate::sweeper;
use crate::timeline;
use crate::volume::Mount;
use heron_core::{StreamKey, StreamKind, WallTime};
use std::collections::HashMap;
use std::io;
use std::time::Duration;

/// Between two looks for something to thin.
const LOOK: Duration = Duration::from_secs(10);
/// Segments of one stream in one look: at ten seconds a look this is ten times what a stream records.
const BATCH: u32 = 16;
/// The sub stream covers a segment when no more than this is missing at either end: segments of two streams do not
/// begin together.
const SLACK_NANOS: i64 = 2_000_000_000;
/// Looks after which everything is looked at anew: footage that an event kept may have been let go of.
const LOOKS_PER_PASS: u64 = 360;

/// Up to where the lane of a stream on a volume has been thinned in this pass.
type Cursors = HashMap<(VolumeId, StreamKey), WallTime>;

/// The thread's body.
pub(crate) fn run(shared: &Shared) {
    let mut looks = 0u64;
    let mut cursors = Cursors::new();
    while !shared.is_stopping() {
        if looks.is_multiple_of(LOOKS_PER_PASS) {
            cursors.clear();
        }
        looks += 1;
        for volume in &shared.volumes {
            if let Err(error) = look(shared, volume, &mut cursors) {
                tracing::warn!(volume = %volume.config.path.display(), %error, "old footage could not be thinned; trying again");
            }
        }
        shared.pause(LOOK);
    }
}

fn look(shared: &Shared, volume: &Volume, cursors: &mut Cursors) -> Result<(), RecordError> {
    let Some(mount) = volume.writable() else { return Ok(()) };
    let now = shared.clock.now();
    for (number, stream) in shared.store.read_blocking(|c| catalogue::streams_on(c, mount.id))? {
        let rules = shared.rules.of(stream.camera);
        let (Some(after), StreamKind::Main) = (rules.thin_after, stream.kind) else { continue };
        let cursor = cursors.entry((mount.id, stream)).or_insert(WallTime(i64::MIN));
        let span = (*cursor, now - after);
        for segment in shared.store.read_blocking(|c| catalogue::loose(c, mount.id, number, span, BATCH))? {
            if shared.is_stopping() || volume.state() != crate::VolumeState::Ok {
                return Ok(());
            }
            let thinnable = matches!(segment.origin, Origin::Live | Origin::Backfill)
                && segment.state == SegmentState::Closed
                && !shared.locks.cover(&segment);
            if thinnable {
                match rules.thin_to {
                    ThinTo::Sub => to_sub(shared, volume, &segment)?,
                    ThinTo::Keys => to_keys(shared, volume, &mount, &segment)?,
                }
            }
            *cursor = segment.start;
        }
    }
    Ok(())
}

/// Deletes a main segment that the sub stream covers.
fn to_sub(shared: &Shared, volume: &Volume, segment: &Segment) -> Result<(), RecordError> {
    let sub = StreamKey::new(segment.stream.camera, StreamKind::Sub);
    let rows = shared.store.read_blocking(|c| catalogue::overlapping(c, sub, segment.start, segment.end))?;
    let covered: Vec<timeline::Covered> = rows
        .iter()
        .filter(|s| s.state == SegmentState::Closed && shared.mount_of(s.volume).is_some())
        .map(Segment::covered)
        .collect();
    let spans = timeline::join(&covered, segment.start, segment.end);
    let whole = spans.len() == 1
        && spans[0].0.nanos_since(segment.start) <= SLACK_NANOS
        && segment.end.nanos_since(spans[0].1) <= SLACK_NANOS;
    if whole {
        let _one_at_a_time = volume.sweeping.lock();
        if !shared.unlinked.lock().contains_key(&segment.id) {
            sweeper::delete(shared, volume, segment)?;
        }
    }
    Ok(())
}

/// Puts a segment's key frames in its place.
fn to_keys(shared: &Shared, volume: &Volume, mount: &Mount, segment: &Segment) -> Result<(), RecordError> {
    let place = SegmentPlace { origin: Origin::Keys, ..segment.place() };
    let known = shared.store.read_blocking(|c| catalogue::has_keys(c, segment.stream, segment.start))?;
    let mut made = None;
    if !known {
        match make_keys(shared, mount, segment, &place)? {
            Some(row) => made = Some(row),
            None => return Ok(()),
        }
    }
    // Retention may have deleted it meanwhile, somebody may have locked it, an event may have marked it.
    let _one_at_a_time = volume.sweeping.lock();
    if shared.locks.cover(segment) {
        let _ = mount.unlink(&place);
        return Ok(());
    }
    let old = segment.id;
    let row = made.clone();
    let replaced = shared.store.write_blocking(move |tx| {
        if !catalogue::is_loose(tx, old)? {
            return Ok(false);
        }
        catalogue::remove(tx, old)?;
        row.as_ref().map_or(Ok(()), |row| catalogue::put(tx, row))?;
        Ok(true)
    })?;
    let gone = if replaced { segment.place() } else { place };
    if replaced || made.is_some() {
        mount.unlink(&gone).map_err(|e| RecordError::io("delete", segment.path(mount.root()), e))?;
    }
    Ok(())
}

/// Writes the key frames of a segment; their row, or `None` when it cannot be done now or ever.
fn make_keys(
    shared: &Shared,
    mount: &Mount,
    segment: &Segment,
    place: &SegmentPlace,
) -> Result<Option<Segment>, RecordError> {
    let path = segment.path(mount.root());
    let source =
        mount.open_file(&segment.place(), false).map_err(|e| RecordError::io("open", path.clone(), e))?;
    let mut pace = Pace::new(shared);
    let seal = shared.notary.as_ref().and_then(|n| n.derived(&source, shared.clock.now()));
    let made = mount.make_recording(place, |out| {
        key_frames::extract(&source, out, seal.as_ref(), |n| pace.done(shared, n)).map(drop)
    });
    let file = match made {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::StorageFull) => {
            return Ok(None);
        }
        Err(e) if e.kind() == io::ErrorKind::InvalidData => {
            tracing::warn!(path = %path.display(), error = %e, "a recording cannot be thinned and stays whole");
            return Ok(None);
        }
        Err(e) => return Err(RecordError::io("thin", path, e)),
    };
    // What a catalogue that is rebuilt from the files would say; and it must show the same time.
    let whole = match inspect(&file, *place, mount.id) {
        Finding::Recording { segment: row, cut: None } => {
            let near = |a: WallTime, b: WallTime| a.nanos_since(b).abs() < SLACK_NANOS;
            Some(row).filter(|r| {
                near(r.start, segment.start) && near(r.end, segment.end) && r.bytes < segment.bytes
            })
        }
        _ => None,
    };
    if whole.is_none() {
        // All key frames (MJPEG) is no gain.
        let _ = mount.unlink(place);
    }
    Ok(whole.map(|row| Segment { id: shared.segment_id(), ..row }))
}
