//! How full the volumes are, how old the footage is, and how long it will last.

use crate::RecordError;
use crate::catalogue::{self, VolumeId};
use crate::disk_health::DiskReport;
use crate::meter::Latency;
use crate::plan_report;
use crate::retention::VolumeSpace;
use crate::shared::{Shared, VolumeState};
use crate::volume::VolumeRole;
use heron_core::{BitRate, StreamKey, WallTime};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// One volume.
#[derive(Clone, Debug, PartialEq)]
pub struct VolumeReport {
    /// Its identity, once it has been seen.
    pub id: Option<VolumeId>,
    /// Its configured path.
    pub path: PathBuf,
    /// How it is.
    pub state: VolumeState,
    /// What is wrong, in words.
    pub problem: Option<String>,
    /// Size of its file system; zero while it is away.
    pub total_bytes: u64,
    /// Free on it.
    pub free_bytes: u64,
    /// Taken by recordings.
    pub recordings_bytes: u64,
    /// Kept free.
    pub reserve_bytes: u64,
    /// Most room for recordings, when limited.
    pub quota_bytes: Option<u64>,
    /// What it is for.
    pub role: VolumeRole,
    /// Streams recorded to it now.
    pub streams: u64,
    /// Failed writes and syncs since the start.
    pub write_errors: u64,
    /// Failed syncs since the start.
    pub sync_errors: u64,
    /// How long writes and syncs took in the last minute.
    pub latency: Latency,
    /// What is known of its disk.
    pub health: Option<DiskReport>,
    /// Start of the oldest footage that is not locked.
    pub oldest: Option<WallTime>,
    /// Start of the newest segment.
    pub newest: Option<WallTime>,
}

/// One stream.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamReport {
    /// The stream.
    pub stream: StreamKey,
    /// What its recordings take, on all volumes.
    pub bytes: u64,
    /// Number of its segments.
    pub segments: u64,
    /// Start of its oldest footage.
    pub oldest: Option<WallTime>,
    /// End of its newest footage.
    pub newest: Option<WallTime>,
    /// What is written of it, over the last minute.
    pub bit_rate: BitRate,
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StorageReport {
    /// In the order of the configuration.
    pub volumes: Vec<VolumeReport>,
    /// Every stream that has recordings or is being recorded.
    pub streams: Vec<StreamReport>,
    /// What all streams write together.
    pub write_bit_rate: BitRate,
    /// Start of the oldest footage anywhere.
    pub oldest: Option<WallTime>,
    /// Days between the oldest footage and now.
    pub days_stored: f64,
    /// Days that there will be of every stream that is written, by the rules that hold; `None` while nothing is written.
    pub days_expected: Option<f64>,
}

/// Asks volumes and catalogue.
pub(crate) fn report(shared: &Shared) -> Result<StorageReport, RecordError> {
    let totals = shared.store.read_blocking(catalogue::totals)?;
    let mut volumes = Vec::with_capacity(shared.volumes.len());
    for volume in &shared.volumes {
        let (id, state, problem) = {
            let h = volume.health.lock();
            (h.id, h.state.clone(), h.problem.clone())
        };
        let recordings_bytes = id.map_or(Ok(0), |id| shared.recordings_bytes(id))?;
        let nothing = VolumeSpace {
            total_bytes: 0,
            free_bytes: 0,
            recordings_bytes,
            reserve_bytes: 0,
            quota_bytes: volume.config.quota_bytes,
            write_bytes_per_second: 0,
        };
        let space = shared.space(volume, recordings_bytes).unwrap_or(nothing);
        let extent = match id {
            Some(id) => shared.store.read_blocking(|c| catalogue::volume_extent(c, id))?,
            None => None,
        };
        volumes.push(VolumeReport {
            id,
            path: volume.config.path.clone(),
            state,
            problem,
            total_bytes: space.total_bytes,
            free_bytes: space.free_bytes,
            recordings_bytes,
            reserve_bytes: space.reserve_bytes,
            quota_bytes: space.quota_bytes,
            role: volume.config.role,
            streams: volume.streams.load(Ordering::Relaxed),
            write_errors: volume.write_errors.load(Ordering::Relaxed),
            sync_errors: volume.sync_errors.load(Ordering::Relaxed),
            latency: volume.meter.latency(),
            health: volume.disk_report.lock().clone(),
            oldest: extent.map(|e| e.0),
            newest: extent.map(|e| e.1),
        });
    }
    let mut keys: Vec<StreamKey> = totals.iter().map(|t| t.stream).collect();
    keys.extend(shared.streams.read().keys().copied());
    keys.sort_unstable();
    keys.dedup();
    let mut streams = Vec::with_capacity(keys.len());
    for stream in keys {
        let extent = shared.store.read_blocking(|c| catalogue::extent(c, stream))?;
        let own = totals.iter().filter(|t| t.stream == stream);
        let status = shared.streams.read().get(&stream).map(|c| c.status.lock().clone());
        let newest = extent.map(|e| e.1).max(status.as_ref().and_then(|s| s.recorded_until));
        let bit_rate = BitRate(status.map_or(0, |s| s.bytes_per_second * 8));
        streams.push(StreamReport {
            stream,
            bytes: own.clone().map(|t| t.bytes).sum(),
            segments: own.map(|t| t.segments).sum(),
            oldest: extent.map(|e| e.0),
            newest,
            bit_rate,
        });
    }
    let oldest = streams.iter().filter_map(|s| s.oldest).min();
    let rate = shared.write_rate();
    let now = shared.clock.now();
    Ok(StorageReport {
        volumes,
        streams,
        write_bit_rate: BitRate(rate * 8),
        oldest,
        days_stored: oldest.map_or(0.0, |o| now.saturating_since(o).as_secs_f64() / 86_400.0),
        days_expected: plan_report::plan(shared, |camera| shared.rules.of(camera))?.days_expected,
    })
}
