//! Memory shared by many rings.

use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

/// A ring that can be made smaller from outside.
pub(crate) trait Sheddable: Send + Sync {
    /// Bytes held, without a lock.
    fn held_bytes(&self) -> usize;
    /// Somebody follows it live.
    fn is_watched(&self) -> bool;
    /// Drops the oldest items until at most `bytes` are held.
    fn shed_to(&self, bytes: usize);
}

/// The bytes that all rings of a hub may hold together.
#[derive(Debug)]
pub(crate) struct Budget {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    peak_bytes: AtomicUsize,
    /// How often a ring was made smaller because all together held too much.
    given_way: AtomicU64,
    rings: Mutex<Vec<Weak<dyn Sheddable>>>,
}

impl std::fmt::Debug for dyn Sheddable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sheddable({} bytes)", self.held_bytes())
    }
}

impl Budget {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            used_bytes: AtomicUsize::new(0),
            peak_bytes: AtomicUsize::new(0),
            given_way: AtomicU64::new(0),
            rings: Mutex::new(Vec::new()),
        }
    }
    pub(crate) fn register(&self, ring: Weak<dyn Sheddable>) {
        let mut rings = self.rings.lock();
        rings.retain(|r| r.strong_count() > 0);
        rings.push(ring);
    }
    /// Accounts for a ring that went from `before` to `after` bytes.
    pub(crate) fn moved(&self, before: usize, after: usize) {
        if after >= before {
            let more = after - before;
            let used = self.used_bytes.fetch_add(more, Ordering::Relaxed) + more;
            self.peak_bytes.fetch_max(used, Ordering::Relaxed);
        } else {
            self.used_bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
    }
    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }
    pub(crate) fn peak_bytes(&self) -> usize {
        self.peak_bytes.load(Ordering::Relaxed)
    }
    pub(crate) fn given_way(&self) -> u64 {
        self.given_way.load(Ordering::Relaxed)
    }
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }
    /// Makes the fattest rings smaller until everything fits. Called by a writer that holds no lock; rare.
    ///
    /// Each turn takes from the one ring that holds most, down to its fair share or by what is too much, whichever
    /// takes less: of the rings that nobody watches while one of them is above its share, then of all. While the
    /// total is over the limit some ring is above its fair share (the shares sum to the limit), so every turn makes
    /// progress; each ring needs one turn at most. What a recorder had not read of it is an overrun: it is told how
    /// much it missed and writes a gap.
    pub(crate) fn enforce(&self) {
        if self.used_bytes() <= self.limit_bytes {
            return;
        }
        let rings: Vec<Arc<dyn Sheddable>> = self.rings.lock().iter().filter_map(Weak::upgrade).collect();
        let fair = self.limit_bytes / rings.len().max(1);
        for watched_too in [false, true] {
            for _ in 0..rings.len() {
                let used = self.used_bytes();
                let Some(over) = used.checked_sub(self.limit_bytes).filter(|over| *over > 0) else { return };
                let eligible = rings.iter().filter(|r| watched_too || !r.is_watched());
                let Some(fattest) = eligible.max_by_key(|r| r.held_bytes()) else { break };
                let held = fattest.held_bytes();
                if held <= fair {
                    break;
                }
                fattest.shed_to(held.saturating_sub(over).max(fair));
                self.given_way.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
