//! What each stream writes, and to which volume it should go for it.

use crate::placement;
use crate::shared::Shared;
use crate::volume::VolumeRole;
use heron_core::StreamKey;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Weight of the newest 10 s in a stream's rate: the mean of about a minute.
const RATE_WEIGHT: f64 = 1.0 / 6.0;

/// Sends a stream to another volume when that does good: home at once when it is on a volume for copies; between volumes
/// of one role only when `even_out`.
pub(crate) fn rebalance(shared: &Shared, even_out: bool) {
    let streams = shared.streams.read();
    let at = |path: &std::path::Path| shared.volumes.iter().position(|v| v.config.path == path);
    let placed: Vec<_> = streams
        .values()
        .filter_map(|control| {
            let status = control.status.lock();
            Some((control, (at(status.volume.as_deref()?)?, status.bytes_per_second)))
        })
        .collect();
    let spots: Vec<(usize, u64)> = placed.iter().map(|p| p.1).collect();
    let load = |i: usize| spots.iter().filter(|s| s.0 == i).map(|s| s.1).sum();
    let Some((stream, to)) = placement::rebalance(&shared.berths(load), &spots) else { return };
    let homeward = shared.volumes[spots[stream].0].config.role != VolumeRole::Spread;
    if even_out || homeward {
        *placed[stream].0.move_to.lock() = Some(to);
    }
}

/// Measures what each stream writes.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    before: HashMap<StreamKey, u64>,
    at: Option<Duration>,
}

impl Rates {
    pub(crate) fn measure(&mut self, shared: &Shared) {
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
