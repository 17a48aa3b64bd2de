//! How fast the recorder's own work may read and write, so that recording is never disturbed by it.

use crate::shared::Shared;
use std::time::{Duration, Instant};

/// Never slower: a thinning that never ends is no thinning.
const LEAST: u64 = 8 << 20;
/// Never faster: half of what one hard disk does.
const MOST: u64 = 64 << 20;
/// Bytes between two looks at the clock.
pub(crate) const PIECE: usize = 1 << 20;

/// Bytes per second that copying or thinning may read: twice what is recorded, so that it keeps up and catches up.
pub(crate) fn allowance(shared: &Shared) -> u64 {
    (shared.write_rate() * 2).clamp(LEAST, MOST)
}

/// Spreads work over time.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u64,
    begun: Instant,
    done: u64,
}

impl Pace {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self { rate: allowance(shared), begun: Instant::now(), done: 0 }
    }

    /// `bytes` more are done: waits until they were due, at most a second. `false` when the recorder is going down.
    pub(crate) fn done(&mut self, shared: &Shared, bytes: u64) -> bool {
        self.done += bytes;
        let due = Duration::from_secs_f64(self.done as f64 / self.rate.max(1) as f64);
        let wait = due.saturating_sub(self.begun.elapsed()).min(Duration::from_secs(1));
        if !wait.is_zero() {
            shared.pause(wait);
        }
        !shared.is_stopping()
    }
}
