//! What has to be done on a volume after the daemon was not there for a while, quickly: open segments are closed at
//! their last whole fragment, and the days since the catalogue's last word are compared by name.

use crate::RecordError;
use crate::catalogue;
use crate::gap_rows;
use crate::layout::{SegmentPlace, day_name};
use crate::ledger::Gap;
use crate::reconcile::{Depth, Reconciler};
use crate::report::FsckReport;
use crate::shared::{Shared, Volume};
use crate::volume::Mount;
use heron_core::{GapReason, StreamKey, WallTime};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Closed segments that end less than this before the newest one begins may have lost their last second at a power cut:
/// a sync round is half a second, and a disk may take some seconds over it.
const DOUBT: Duration = Duration::from_secs(30);

/// Closes what a crash left open on a volume and finds files that the catalogue lost. Returns whether it may have
/// recordings of which the catalogue knows nothing (a lost database, a disk from another box): then only the newest file
/// of each stream has been looked at, so that recording begins at once, and [`import`] must do the rest.
pub(crate) fn after_crash(shared: &Shared, mount: &Mount) -> Result<bool, RecordError> {
    // When the volume comes back while we run: first let the rows of its last moments be written.
    shared.scribe.settle(Duration::from_secs(5));
    let open = shared.store.read_blocking(|c| catalogue::open_on(c, mount.id))?;
    let newest = shared.store.read_blocking(|c| catalogue::volume_extent(c, mount.id))?.map(|e| e.1);
    let in_use: HashSet<SegmentPlace> = shared.live.lock().values().map(|l| l.segment.place()).collect();
    let is_in_use = |place: &SegmentPlace| in_use.contains(place);
    let reconciler =
        Reconciler { doubt_after: newest.map(|at| at - DOUBT), ..reconciler(shared, mount, &is_in_use) };
    let mut report = FsckReport { volumes: 1, repaired: true, ..FsckReport::default() };
    let on_disk = reconciler.days(&mut report)?;
    let mut days: BTreeSet<String> = open.iter().map(|s| day_name(s.start)).collect();
    let unknown = shared.lost_rows || newest.is_none() && open.is_empty() && !on_disk.is_empty();
    if unknown {
        reconciler.newest(&mut report)?;
    } else {
        // A row written just before a power cut may be gone although rows of the same day are there.
        let since = newest.map(day_name);
        days.extend(on_disk.iter().filter(|d| since.as_ref().is_some_and(|s| *d >= s)).cloned());
        // Also when the folder itself is gone: then its rows have lost their files.
        days.extend(since);
    }
    for day in &days {
        reconciler.day(day, &mut report)?;
    }
    if !report.is_clean() || report.foreign > 0 {
        tracing::warn!(volume = %mount.root().display(), "after the last run:\n{report}");
    }
    Ok(unknown)
}

fn reconciler<'a>(
    shared: &'a Shared,
    mount: &'a Mount,
    in_use: &'a dyn Fn(&SegmentPlace) -> bool,
) -> Reconciler<'a> {
    Reconciler {
        store: &shared.store,
        mount,
        depth: Depth::Names,
        repair: true,
        doubt_after: None,
        notary: shared.notary.as_ref().map(|n| (n, shared.clock.now())),
        next_segment: &shared.next_segment,
        next_gap: &shared.next_gap,
        in_use,
    }
}

/// Compares every day of a volume with the catalogue, while recording goes on. The oldest day first: until it is known
/// what the oldest footage is, retention does not make room on the volume, because it would take what is newer.
pub(crate) fn import(shared: &Shared, volume: &Volume, mount: &Mount) -> Result<FsckReport, RecordError> {
    let in_use = |place: &SegmentPlace| shared.live.lock().values().any(|l| l.segment.place() == *place);
    let reconciler = reconciler(shared, mount, &in_use);
    let mut report = FsckReport { volumes: 1, repaired: true, ..FsckReport::default() };
    let mut days = reconciler.days(&mut report)?;
    days.extend(shared.store.read_blocking(|c| catalogue::days_on(c, mount.id))?);
    let oldest = days.pop_first();
    for day in oldest.iter().chain(days.iter().rev()) {
        if shared.is_stopping() {
            break;
        }
        let compared = {
            // Rows may be on their way to the database, and nothing may be deleted between reading rows and names.
            let _no_deletions = volume.sweeping.lock();
            shared.scribe.settle(Duration::from_secs(5));
            reconciler.compare(day, &mut report)?
        };
        reconciler.carry_out(compared, &mut report, &|| {
            volume.oldest_unknown.store(false, Ordering::Release);
            !shared.is_stopping()
        })?;
    }
    Ok(report)
}

/// Where a stream's ledger stands: until when it is accounted for, and the gap that is still open.
pub(crate) type Standing = (Option<WallTime>, Option<Gap>);

/// Where the ledger of every known stream stands: until when it is accounted for, and the gap that is still open.
/// Gaps that were open when the daemon stopped end when it was last known to run; only `disabled` and `not_scheduled` go on.
pub(crate) fn resume(shared: &Shared) -> Result<HashMap<StreamKey, Standing>, RecordError> {
    let (alive, streams) =
        shared.store.read_blocking(|c| Ok((catalogue::alive(c)?, catalogue::streams(c)?)))?;
    let mut resume = HashMap::new();
    for stream in streams {
        let (extent, open, last_end) = shared.store.read_blocking(|c| {
            Ok((catalogue::extent(c, stream)?, gap_rows::open(c, stream)?, gap_rows::last_end(c, stream)?))
        })?;
        let mut until = extent.map(|e| e.1).max(last_end);
        let mut still = None;
        match open {
            Some(gap) if gap.reason == GapReason::Disabled => still = Some(gap),
            // It may go on; what was due meanwhile, the stream's policy says.
            Some(gap) if gap.reason == GapReason::NotScheduled => {
                until = until.max(Some(alive.unwrap_or(gap.start).max(gap.start)));
                still = Some(gap);
            }
            Some(gap) => {
                let end = alive.unwrap_or(gap.start).max(gap.start);
                until = until.max(Some(end));
                shared.store.write_blocking(move |tx| match end > gap.start {
                    true => gap_rows::put(tx, stream, &Gap { end: Some(end), ..gap }),
                    false => gap_rows::forget(tx, gap.id),
                })?;
            }
            None => {}
        }
        resume.insert(stream, (until, still));
    }
    Ok(resume)
}
