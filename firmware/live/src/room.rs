//! The room: which streams are being shown, and to how many.

use crate::station::Station;
use crate::viewer::Viewer;
use heron_core::{Clock, StreamKey};
use heron_hub::Hub;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// Live view of every stream of a [`Hub`].
#[derive(Debug)]
pub struct Live {
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    /// Streams that are being shown. A station lives as long as its viewers; its entry is swept at the next join.
    stations: Mutex<HashMap<StreamKey, Weak<Station>>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) viewers: AtomicUsize,
    pub(crate) skipped_frames: AtomicU64,
}

/// The room's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveStatistics {
    /// Viewers now.
    pub viewers: usize,
    /// Streams with at least one viewer now: so many muxers run.
    pub streams: usize,
    /// Frames left out for slow viewers, since the start.
    pub skipped_frames: u64,
}

impl Live {
    /// Live view over `hub`; `clock` stamps the hellos.
    pub fn new(hub: Arc<Hub>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { hub, clock, stations: Mutex::default(), counters: Arc::default() })
    }

    /// Starts to watch the stream of `key`; `None` when there is no such stream. The first messages are there at
    /// once when the hub holds a key frame. Must be called within a tokio runtime: the first viewer of a stream
    /// starts its muxer task.
    pub fn join(&self, key: StreamKey) -> Option<Viewer> {
        let stream = self.hub.get(key)?;
        // Before the muxer's reader, so that ingest is already told when the reader waits.
        let guard = stream.viewer();
        let station = {
            let mut stations = self.stations.lock();
            stations.retain(|_, station| station.strong_count() > 0);
            let running = stations.get(&key).and_then(Weak::upgrade).filter(|station| !station.is_over());
            running.unwrap_or_else(|| {
                let station = Station::start(&stream);
                stations.insert(key, Arc::downgrade(&station));
                station
            })
        };
        Some(Viewer::new(key, station, guard, Arc::clone(&self.counters), Arc::clone(&self.clock)))
    }

    /// The counters.
    pub fn statistics(&self) -> LiveStatistics {
        let streams = self.stations.lock().values().filter(|s| s.strong_count() > 0).count();
        LiveStatistics {
            viewers: self.counters.viewers.load(Ordering::Relaxed),
            streams,
            skipped_frames: self.counters.skipped_frames.load(Ordering::Relaxed),
        }
    }
}
