//! What the planner is fed with: measured rates, the room there is, and what is stored.

use crate::RecordError;
use crate::catalogue;
use crate::planner::{self, PlanRoom, PlanStream, RetentionPlan};
use crate::policy::RecordMode;
use crate::recorder::Recorder;
use crate::retention;
use crate::rules::RetentionRules;
use crate::shared::Shared;
use crate::volume::VolumeRole;
use heron_core::{CameraId, StreamKey, StreamKind, WallTime};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Events are counted over this long.
const EVENTS_OVER: Duration = Duration::from_secs(30 * 86_400);
/// Up to this many segments of a stream are added up one by one; beyond, footage is taken to be spread evenly: 20,000
/// rows are two weeks of a stream and 20 ms.
const MOST_COUNTED: u64 = 20_000;

impl Recorder {
    /// What rules of retention come to at the measured rates, before they are applied; `rules_of` says what would hold for
    /// a camera. Changes nothing. Blocks on the database.
    ///
    /// # Errors
    /// [`RecordError::Store`].
    pub fn plan(&self, rules_of: impl Fn(CameraId) -> RetentionRules) -> Result<RetentionPlan, RecordError> {
        plan(&self.shared, |camera| Arc::new(rules_of(camera)))
    }
}

/// As [`Recorder::plan`].
pub(crate) fn plan(
    shared: &Shared,
    rules_of: impl Fn(CameraId) -> Arc<RetentionRules>,
) -> Result<RetentionPlan, RecordError> {
    let now = shared.clock.now();
    let streams = streams(shared, &rules_of, now)?;
    let room = room(shared)?;
    let older = |s: &PlanStream, before: WallTime| {
        let counted =
            shared.store.read_blocking(|c| catalogue::bytes_older(c, s.stream, before, MOST_COUNTED));
        counted.ok().flatten().unwrap_or_else(|| planner::evenly_older(s, now, before))
    };
    Ok(planner::plan(&streams, &room, now, older))
}

fn streams(
    shared: &Shared,
    rules_of: &impl Fn(CameraId) -> Arc<RetentionRules>,
    now: WallTime,
) -> Result<Vec<PlanStream>, RecordError> {
    let mut rates: BTreeMap<StreamKey, (u64, bool)> = BTreeMap::new();
    for (key, control) in shared.streams.read().iter() {
        let wanted = control.desired.lock().policy.mode != RecordMode::Off;
        rates.insert(*key, (control.status.lock().bytes_per_second, wanted));
    }
    let (totals, copies) =
        shared.store.read_blocking(|c| Ok((catalogue::totals(c)?, catalogue::copy_totals(c)?)))?;
    let sum = |of: &[catalogue::Total], stream: StreamKey| -> u64 {
        of.iter().filter(|t| t.stream == stream).map(|t| t.bytes).sum()
    };
    let keys: BTreeSet<StreamKey> = rates.keys().copied().chain(totals.iter().map(|t| t.stream)).collect();
    let mut out = Vec::with_capacity(keys.len());
    for stream in keys {
        let (bytes_per_second, wanted) = rates.get(&stream).copied().unwrap_or_default();
        let stored_bytes = sum(&totals, stream).saturating_sub(sum(&copies, stream));
        if !wanted && stored_bytes == 0 {
            continue;
        }
        let (extent, event_shares) = shared.store.read_blocking(|c| {
            let shares = catalogue::event_shares(c, stream.camera, now - EVENTS_OVER, now)?;
            Ok((catalogue::extent(c, stream)?, shares))
        })?;
        let sub = StreamKey::new(stream.camera, StreamKind::Sub);
        out.push(PlanStream {
            stream,
            bytes_per_second: if wanted { bytes_per_second } else { 0 },
            rules: rules_of(stream.camera),
            event_shares,
            has_sub: rates.get(&sub).is_some_and(|s| s.1),
            is_recorded: wanted,
            stored_bytes,
            oldest: extent.map(|e| e.0),
        });
    }
    Ok(out)
}

fn room(shared: &Shared) -> Result<PlanRoom, RecordError> {
    let mut room = PlanRoom::default();
    for volume in &shared.volumes {
        let Some(mount) = volume.mount() else { continue };
        let Ok(space) = shared.space(volume, shared.recordings_bytes(mount.id)?) else { continue };
        let locked = shared.store.read_blocking(|c| catalogue::locked_bytes(c, mount.id))?;
        let usable = retention::usable_bytes(&space).saturating_sub(locked);
        match volume.config.role {
            VolumeRole::Spread => {
                room.spread_bytes += usable;
                room.spread_volumes += 1;
            }
            VolumeRole::Mirror => *room.mirror_bytes.get_or_insert(0) += usable,
            VolumeRole::Events => *room.events_bytes.get_or_insert(0) += usable,
        }
    }
    Ok(room)
}
