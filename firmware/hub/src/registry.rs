//! All streams of the box.

use crate::StreamHub;
use crate::budget::Budget;
use heron_core::StreamKey;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubConfig {
    /// The most that one stream's ring holds, bytes.
    ///
    /// 16 MiB: a 4K stream of 16 Mbit/s makes 2 MB/s, so 8 s of a disk that does not answer or of one very
    /// long group of pictures; an ordinary 4 Mbit/s stream has 33 s.
    pub stream_bytes: usize,
    /// The most that all rings hold together, bytes. When it is exceeded the largest ring that nobody watches gives
    /// way, oldest frames first and down to a fair share; then those that are watched. What was not recorded of them
    /// is a gap with the reason `overrun`.
    ///
    /// 192 MiB: 32 cameras of 4 Mbit/s main and 0.5 Mbit/s sub with groups of 2 s hold
    /// 32 × (1 + 0.125) MiB = 36 MiB when all is well; 64 cameras 72 MiB. What is left over, 120 MiB, is 3.3 s
    /// of all 64 cameras (64 × 4.5 Mbit/s = 36 MB/s) for a disk that stalls. A box of 1 GiB can give that. The
    /// daemon gives more where there is more: see its key `memory_mib`.
    pub total_bytes: usize,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self { stream_bytes: 16 << 20, total_bytes: 192 << 20 }
    }
}

/// The streams by key.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    budget: Arc<Budget>,
    streams: RwLock<BTreeMap<StreamKey, Arc<StreamHub>>>,
}

impl Hub {
    /// A hub without streams.
    pub fn new(config: HubConfig) -> Arc<Self> {
        let budget = Arc::new(Budget::new(config.total_bytes));
        Arc::new(Self { config, budget, streams: RwLock::new(BTreeMap::new()) })
    }

    /// The stream of `key`, made when it is not there yet.
    pub fn stream(&self, key: StreamKey) -> Arc<StreamHub> {
        if let Some(stream) = self.get(key) {
            return stream;
        }
        let mut streams = self.streams.write();
        let make = || StreamHub::new(key, self.config.stream_bytes, Arc::clone(&self.budget));
        Arc::clone(streams.entry(key).or_insert_with(make))
    }

    /// The stream of `key` if it is there.
    pub fn get(&self, key: StreamKey) -> Option<Arc<StreamHub>> {
        self.streams.read().get(&key).cloned()
    }

    /// Takes a stream away: its readers get what is left and then the end. Returns whether it was there.
    pub fn remove(&self, key: StreamKey) -> bool {
        let removed = self.streams.write().remove(&key);
        if let Some(stream) = &removed {
            stream.close();
        }
        removed.is_some()
    }

    /// Every stream, by key.
    pub fn streams(&self) -> Vec<Arc<StreamHub>> {
        self.streams.read().values().cloned().collect()
    }

    /// Bytes held by all rings.
    pub fn used_bytes(&self) -> usize {
        self.budget.used_bytes()
    }

    /// The most bytes that all rings have ever held.
    pub fn peak_bytes(&self) -> usize {
        self.budget.peak_bytes()
    }

    /// How often a ring had to give way because all together held more than the shared bound.
    pub fn given_way(&self) -> u64 {
        self.budget.given_way()
    }

    /// The shared bound, bytes.
    pub fn limit_bytes(&self) -> usize {
        self.budget.limit_bytes()
    }
}
