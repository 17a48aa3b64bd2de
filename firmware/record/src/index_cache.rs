//! Parsed indexes of recorded files, least recently used first out.

use heron_media::mp4::{FragmentIndex, Init, TrackIndex};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::mem::size_of;
use std::sync::Arc;

/// Bytes of indexes kept: a minute's file has 60 to 120 fragments of about 400 bytes, 48 kB with three tracks; 16 MiB
/// are 340 files, almost six hours of one stream.
pub(crate) const MOST_BYTES: usize = 16 << 20;

/// What a file holds.
#[derive(Clone, Debug)]
pub(crate) struct SegmentIndex {
    pub(crate) init: Arc<Init>,
    pub(crate) fragments: Arc<[FragmentIndex]>,
}

impl SegmentIndex {
    fn bytes(&self) -> usize {
        let fragments: usize = self
            .fragments
            .iter()
            .map(|f| size_of::<FragmentIndex>() + f.tracks.capacity() * size_of::<TrackIndex>())
            .sum();
        fragments + 2048
    }
}

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<i64, (SegmentIndex, u64)>,
    bytes: usize,
    clock: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct IndexCache {
    shelf: Mutex<Shelf>,
    most_bytes: usize,
}

impl IndexCache {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { shelf: Mutex::default(), most_bytes }
    }

    /// The index of a segment, if it is kept.
    pub(crate) fn get(&self, segment: i64) -> Option<SegmentIndex> {
        let mut shelf = self.shelf.lock();
        shelf.clock += 1;
        let now = shelf.clock;
        let entry = shelf.entries.get_mut(&segment)?;
        entry.1 = now;
        Some(entry.0.clone())
    }

    /// Keeps an index, letting the longest unused go.
    pub(crate) fn put(&self, segment: i64, index: SegmentIndex) {
        let size = index.bytes();
        if size > self.most_bytes {
            return;
        }
        let mut shelf = self.shelf.lock();
        shelf.clock += 1;
        let now = shelf.clock;
        if let Some((old, _)) = shelf.entries.insert(segment, (index, now)) {
            shelf.bytes -= old.bytes();
        }
        shelf.bytes += size;
        while shelf.bytes > self.most_bytes {
            let Some(oldest) = shelf.entries.iter().min_by_key(|e| e.1.1).map(|e| *e.0) else { break };
            if let Some((gone, _)) = shelf.entries.remove(&oldest) {
                shelf.bytes -= gone.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(fragments: usize) -> SegmentIndex {
        let fragment = FragmentIndex {
            offset: 0,
            length: 1,
            header_len: 1,
            sequence: 1,
            wall: None,
            tracks: Vec::new(),
        };
        let init = Init { tracks: Vec::new(), created: None, init_len: 0 };
        SegmentIndex { init: Arc::new(init), fragments: vec![fragment; fragments].into() }
    }

    #[test]
    fn the_longest_unused_goes_first_and_the_bound_holds() {
        let one = index(10).bytes();
        let cache = IndexCache::new(3 * one);
        for id in 0..3 {
            cache.put(id, index(10));
        }
        assert!(cache.get(0).is_some());
        cache.put(3, index(10));
        assert!(cache.get(1).is_none(), "1 was unused for longest");
        assert!(cache.get(0).is_some() && cache.get(2).is_some() && cache.get(3).is_some());
        cache.put(4, index(10_000));
        assert!(cache.get(4).is_none(), "larger than everything: not kept");
        assert!(cache.shelf.lock().bytes <= 3 * one);
    }
}
